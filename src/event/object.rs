//! JSON objects read key by key in one pass. Only broken JSON is an error here: a value of an unexpected kind is kept as
//! such, so that whoever needs the field can refuse it by name. The last value of a repeated key wins.
//!
//! What most events are made of is read here: objects, and texts without escapes, which are borrowed. All else is
//! `serde_json`'s, and so is the word on what is wrong.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Error, IgnoredAny};
use serde_json::value::RawValue;

/// One value, as far as events need it: texts and numbers, and what anything else is called in a refusal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// The number's own JSON text.
    Number(&'a str),
    /// `true`, `false`.
    Bool(&'a str),
    /// The JSON text of the value.
    Array(&'a str),
    Object(&'a str),
}

impl Field<'_> {
    pub(super) fn said(&self) -> bool {
        !matches!(self, Field::Absent | Field::Null)
    }

    /// What was found, in plain words for a refusal.
    pub(super) fn found(&self) -> Cow<'static, str> {
        match self {
            Field::Absent => "nothing".into(),
            Field::Null => "null".into(),
            Field::Text(text) => format!("{:?}", clip(text)).into(),
            Field::Number(number) => format!("the number {}", clip(number)).into(),
            Field::Bool(word) => (*word).to_owned().into(),
            Field::Array(_) => "an array".into(),
            Field::Object(_) => "an object".into(),
        }
    }
}

/// Enough of a text to recognise it by.
pub(super) fn clip(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Takes the entries of an object, or learns that there is none.
pub(super) trait Sink<'a> {
    /// Reads the value of `key` from `json`.
    fn entry(&mut self, key: Cow<'a, str>, json: &mut Json<'a>) -> Result<(), Broken>;
    /// Something other than an object stands here. An object begins: `Field::Object`.
    fn begins(&mut self, found: Field<'a>);
}

/// The text is no JSON. Where, and why, is found when somebody is to be told.
#[derive(Debug)]
pub(super) struct Broken;

/// Reads `text`, one whole JSON document, into `sink`.
pub(super) fn read<'a, S: Sink<'a>>(text: &'a str, sink: &mut S) -> Result<(), serde_json::Error> {
    let mut json = Json { text, at: 0 };
    match json.object(sink) {
        Ok(()) if json.peek().is_none() => Ok(()),
        _ => Err(match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => error,
            // All else that is wrong with a text is wrong also where nobody asks for it.
            Ok(_) => Error::custom("half a surrogate pair in a string"),
        }),
    }
}

/// A JSON text, read up to some place.
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    /// The next byte that is no white space, which is passed over.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        let found = self.peek();
        self.at += 1;
        if found == Some(byte) { Ok(()) } else { Err(Broken) }
    }

    /// A value, left to `serde_json`.
    fn other<T: Deserialize<'a>>(&mut self) -> Result<T, Broken> {
        let rest = self.text.get(self.at..).ok_or(Broken)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        let value = values.next().and_then(Result::ok).ok_or(Broken)?;
        self.at += values.byte_offset();
        Ok(value)
    }

    /// The string whose first quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let from = self.at + 1;
        let to = plain_until(self.text.as_bytes(), from);
        if self.text.as_bytes().get(to) == Some(&b'"') {
            self.at = to + 1;
            return self.text.get(from..to).map(Cow::Borrowed).ok_or(Broken);
        }
        self.other().map(Cow::Owned)
    }

    /// The next value, read into a sink of its own.
    pub(super) fn object<S: Sink<'a>>(&mut self, sink: &mut S) -> Result<(), Broken> {
        if self.peek() != Some(b'{') {
            sink.begins(self.value()?);
            return Ok(());
        }
        sink.begins(Field::Object(""));
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Broken);
            }
            let key = self.string()?;
            self.expect(b':')?;
            sink.entry(key, self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.expect(b'}'),
            }
        }
    }

    /// The next value, as it is written.
    pub(super) fn value(&mut self) -> Result<Field<'a>, Broken> {
        if self.peek() == Some(b'"') {
            return self.string().map(Field::Text);
        }
        let raw: &'a RawValue = self.other()?;
        let raw = raw.get();
        Ok(match raw.as_bytes().first() {
            Some(b'{') => Field::Object(raw),
            Some(b'[') => Field::Array(raw),
            Some(b't' | b'f') => Field::Bool(raw),
            Some(b'n') => Field::Null,
            _ => Field::Number(raw),
        })
    }

    /// Passes over the next value.
    pub(super) fn skip(&mut self) -> Result<(), Broken> {
        self.other::<IgnoredAny>().map(drop)
    }
}

/// Where the next quote, backslash or control character stands, or the end: eight bytes at a time, as most are none of these.
fn plain_until(bytes: &[u8], from: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let eight = u64::from_le_bytes(*eight);
        // The highest bit of the first byte below `limit` is set, and of none before it.
        let below = |bytes: u64, limit: u8| bytes.wrapping_sub(EACH * u64::from(limit)) & !bytes & (EACH << 7);
        let is = |byte: u8| below(eight ^ (EACH * u64::from(byte)), 1);
        let stops = is(b'"') | is(b'\\') | below(eight, b' ');
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.iter().skip(at);
    at + rest.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..b' ')).count()
}
