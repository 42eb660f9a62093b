//! One body -> the events in it: which form it has, and the bytes of each event. The position of an event among those
//! given here is its `index` in answers.

use serde_json::value::RawValue;

use super::check::is_json;
use super::decode::malformed;
use super::{Reason, Rejection};

/// How events lie in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One structured CloudEvent: [`super::decode`].
    One,
    /// A JSON array of structured CloudEvents: [`batch`].
    Batch,
    /// One structured CloudEvent a line: [`lines`].
    Lines,
    /// Attributes in headers, `data` in the body: [`super::decode_binary`].
    Binary,
}

/// The form of a body, by its content type; `None` is a type that holds no events (415). `has_ce_headers`: there is a
/// `ce-specversion` (any `ce-` attribute). Plain JSON, or no content type, is a batch where it is an array, else one event.
pub fn form(content_type: Option<&str>, has_ce_headers: bool, body: &[u8]) -> Option<Form> {
    let media_type = content_type.and_then(|t| t.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/cloudevents+json" => Some(Form::One),
        "application/cloudevents-batch+json" => Some(Form::Batch),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Some(Form::Lines)
        }
        "" if has_ce_headers => Some(Form::Binary),
        other if has_ce_headers && is_json(other) => Some(Form::Binary),
        "" | "application/json" | "text/json" if body.trim_ascii_start().first() == Some(&b'[') => Some(Form::Batch),
        "" | "application/json" | "text/json" => Some(Form::One),
        _ => None,
    }
}

/// The text of each event of a JSON array, in order.
///
/// # Errors
/// `malformed_json` where the body as a whole is no JSON, `not_cloudevent` where it is no array.
pub fn batch(body: &[u8]) -> Result<Vec<&[u8]>, Rejection> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Rejection::new(Reason::MalformedJson, format!("the text is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(events) => Ok(events.into_iter().map(|event| event.get().as_bytes()).collect()),
        Err(error) if error.is_data() => {
            Err(Rejection::new(Reason::NotCloudEvent, "a batch: expected a JSON array of events, found something else"))
        }
        Err(error) => Err(malformed(&error)),
    }
}

/// The text of each line that is not blank. Tolerates CRLF and a byte order mark at the start.
pub fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}
