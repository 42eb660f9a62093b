//! Binary mode: attributes in headers, `data` in the body (CloudEvents 1.0, HTTP and Kafka protocol bindings).

use std::borrow::Cow;

use super::decode::{Envelope, json_text, malformed};
use super::object::{self, Field};
use super::{Event, Reason, Rejection};

/// Reads one event from HTTP headers and a body. `header` is asked for attributes by their CloudEvents names (`id`,
/// `source`, `type`, `specversion`, `time`, `subject`, `recordedtime`, `datacontenttype`); the caller adds `ce-`, and
/// gives `content-type` for `datacontenttype`. Values are unquoted and percent-decoded as the HTTP binding says.
///
/// # Errors
/// As [`super::decode`].
pub fn decode_binary<'a>(header: &dyn Fn(&str) -> Option<&'a str>, body: &'a [u8]) -> Result<Event<'a>, Rejection> {
    decode_with(&|name| header(name).map(header_value), body)
}

/// The same where header values are plain UTF-8, as the Kafka binding has them (`ce_` before each name).
///
/// # Errors
/// As [`super::decode`].
pub fn decode_binary_plain<'a>(
    header: &dyn Fn(&str) -> Option<&'a str>,
    body: &'a [u8],
) -> Result<Event<'a>, Rejection> {
    decode_with(&|name| header(name).map(|value| Some(Cow::Borrowed(value))), body)
}

/// `value` gives `Some(None)` for a header that is no UTF-8 once decoded.
fn decode_with<'a>(
    value: &dyn Fn(&str) -> Option<Option<Cow<'a, str>>>,
    body: &'a [u8],
) -> Result<Event<'a>, Rejection> {
    let mut fault = None;
    let mut field = |name: &str| match value(name) {
        None => Field::Absent,
        Some(Some(text)) => Field::Text(text),
        Some(None) => {
            let detail = format!("{name}: expected percent-encoded UTF-8 in the header, found other bytes");
            fault = Some(Rejection::new(Reason::NotCloudEvent, detail));
            Field::Absent
        }
    };
    let mut envelope = Envelope {
        begins: Field::Object(""),
        specversion: field("specversion"),
        id: field("id"),
        source: field("source"),
        kind: field("type"),
        subject: field("subject"),
        time: field("time"),
        recorded_time: field("recordedtime"),
        content_type: field("datacontenttype"),
        ..Envelope::default()
    };
    let read = match fault {
        Some(fault) => Err(fault),
        None => json_text(body).and_then(|text| match text.trim_ascii() {
            "" => Ok(()),
            text => object::read(text, &mut envelope.data).map_err(|error| malformed(&error)),
        }),
    };
    envelope.judge(read)
}

/// Undoes double quotes with their backslash escapes, then one round of percent-encoding. `None`: not UTF-8.
fn header_value(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim_ascii();
    let unquoted = match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => {
            let mut plain = String::with_capacity(inner.len());
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
            }
            Cow::Owned(plain)
        }
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    };
    if !unquoted.as_bytes().contains(&b'%') {
        return Some(unquoted);
    }
    let bytes = unquoted.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            // A lone percent sign stands for itself.
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).ok().map(Cow::Owned)
}
