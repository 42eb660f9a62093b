//! Single fields judged: names, texts, numbers, instants. Refusals name the field, what was expected and what was found.

use std::borrow::Cow;

use super::object::{Field, clip};
use super::{MAX_ID_BYTES, MAX_NAME_BYTES, MAX_VALUE_BYTES, Reason, Rejection};
use crate::time::Timestamp;

/// Whether an attribute may be kept.
pub(super) fn check_attribute(name: &str, value: &str) -> Result<(), Rejection> {
    let at = || format!("data.attributes.{}", clip(name));
    if name.is_empty() || has_controls(name) {
        let detail = format!("data.attributes: expected names without control characters, found {:?}", clip(name));
        return Err(Rejection::new(Reason::BadAttribute, detail));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(too_long(&at(), name.len(), MAX_NAME_BYTES));
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(too_long(&at(), value.len(), MAX_VALUE_BYTES));
    }
    if value.as_bytes().contains(&0) {
        return Err(Rejection::new(Reason::BadAttribute, format!("{}: holds the character U+0000", at())));
    }
    Ok(())
}

/// A name: absent, or a text of bounded length without control characters. It may be empty.
pub(super) fn name<'a>(at: &str, field: Field<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) if text.len() > MAX_NAME_BYTES => Err(too_long(at, text.len(), MAX_NAME_BYTES)),
        Field::Text(text) if has_controls(&text) => {
            Err(wrong_type(at, "a text without control characters", &Field::Text(text).found()))
        }
        Field::Text(text) => Ok(Some(text)),
        other => Err(wrong_type(at, "a text", &other.found())),
    }
}

/// A name that is not empty where it is given.
pub(super) fn word<'a>(at: &str, field: Field<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    match name(at, field)? {
        Some(empty) if empty.is_empty() => {
            Err(wrong_type(at, "a text, or nothing where it is not said", "an empty text"))
        }
        word => Ok(word),
    }
}

pub(super) fn required<'a>(at: &str, expected: &str, field: Field<'a>) -> Result<Cow<'a, str>, Rejection> {
    match name(at, field)? {
        Some(word) if !word.is_empty() => Ok(word),
        Some(_) => Err(wrong_type(at, expected, "an empty text")),
        None => Err(wrong_type(at, expected, "nothing")),
    }
}

/// Free text, for people.
pub(super) fn text<'a>(at: &str, field: Field<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) if text.len() > MAX_VALUE_BYTES => Err(too_long(at, text.len(), MAX_VALUE_BYTES)),
        Field::Text(text) if text.as_bytes().contains(&0) => {
            Err(wrong_type(at, "a text without U+0000", &Field::Text(text).found()))
        }
        Field::Text(text) => Ok(Some(text)),
        other => Err(wrong_type(at, "a text", &other.found())),
    }
}

pub(super) fn number(at: &str, field: &Field<'_>) -> Result<Option<f64>, Rejection> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Number(raw) => match raw.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(wrong_type(at, "a number that a double can hold", &field.found())),
        },
        other => Err(wrong_type(at, "a number", &other.found())),
    }
}

/// An RFC 3339 instant in the years 1970 to 9999.
pub(super) fn instant(at: &str, field: &Field<'_>) -> Result<Option<Timestamp>, Rejection> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) => match Timestamp::parse(text) {
            Ok(instant) if instant.ms() >= 0 => Ok(Some(instant)),
            _ => Err(bad_time(at, &field.found())),
        },
        other => Err(bad_time(at, &other.found())),
    }
}

/// `id` and `source`: what makes a delivery.
pub(super) fn name_of_delivery<'a>(at: &str, field: &Field<'a>) -> Result<Cow<'a, str>, Rejection> {
    match field {
        Field::Text(text) if text.is_empty() => Err(not_cloudevent(at, "a text that is not empty", "an empty text")),
        Field::Text(text) if text.len() > MAX_ID_BYTES => Err(too_long(at, text.len(), MAX_ID_BYTES)),
        Field::Text(text) if has_controls(text) => {
            Err(not_cloudevent(at, "a text without control characters", &field.found()))
        }
        Field::Text(text) => Ok(text.clone()),
        other => Err(not_cloudevent(at, "a text", &other.found())),
    }
}

pub(super) fn has_controls(text: &str) -> bool {
    // Without an early end, so that it is done many bytes at a time.
    text.bytes().fold(false, |found, byte| found | (byte < b' '))
}

/// `application/json`, `text/json` or any `+json`, with or without parameters.
pub(super) fn is_json(content_type: &str) -> bool {
    if content_type == "application/json" {
        return true;
    }
    let media_type = content_type.split(';').next().unwrap_or_default().trim().as_bytes();
    media_type.eq_ignore_ascii_case(b"application/json")
        || media_type.eq_ignore_ascii_case(b"text/json")
        || media_type.len().checked_sub(5).is_some_and(|at| media_type[at..].eq_ignore_ascii_case(b"+json"))
}

pub(super) fn not_cloudevent(at: &str, expected: &str, found: &str) -> Rejection {
    Rejection::new(Reason::NotCloudEvent, format!("{at}: expected {expected}, found {found}"))
}

pub(super) fn wrong_type(at: &str, expected: &str, found: &str) -> Rejection {
    Rejection::new(Reason::WrongType, format!("{at}: expected {expected}, found {found}"))
}

pub(super) fn bad_time(at: &str, found: &str) -> Rejection {
    let expected = "an RFC 3339 instant with an offset, from 1970 to 9999, such as 2026-12-01T09:00:00Z";
    Rejection::new(Reason::BadTime, format!("{at}: expected {expected}, found {found}"))
}

pub(super) fn too_long(at: &str, length: usize, most: usize) -> Rejection {
    Rejection::new(Reason::TooLarge, format!("{at}: has {length} bytes, more than the {most} allowed"))
}
