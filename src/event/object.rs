//! JSON objects read key by key in one pass. Only broken JSON is an error here: a value of an unexpected kind is kept as
//! such, so that whoever needs the field can refuse it by name. The last value of a repeated key wins.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One value, as far as events need it: texts and numbers, and what anything else is called in a refusal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// The number's own JSON text where it was read as written.
    Number(Cow<'a, str>),
    /// `true`, `false`.
    Bool(&'a str),
    /// The JSON text of the value where it was read as written.
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Field<'a> {
    /// `raw` is one whole JSON value without surrounding white space. `None`: a string that holds half a surrogate pair.
    pub(super) fn from_json(raw: &'a str) -> Option<Field<'a>> {
        Some(match raw.as_bytes().first() {
            Some(b'"') => {
                let inner = raw.get(1..raw.len() - 1)?;
                if inner.as_bytes().contains(&b'\\') {
                    Field::Text(Cow::Owned(serde_json::from_str(raw).ok()?))
                } else {
                    Field::Text(Cow::Borrowed(inner))
                }
            }
            Some(b'{') => Field::Object(raw),
            Some(b'[') => Field::Array(raw),
            Some(b't' | b'f') => Field::Bool(raw),
            Some(b'n') => Field::Null,
            _ => Field::Number(raw.into()),
        })
    }

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
    /// Reads the value of `key` from `map`.
    fn entry<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error>;
    /// Something other than an object stands here. An object begins: `Field::Object`.
    fn begins(&mut self, found: Field<'a>);
}

/// Reads `text`, one whole JSON document, into `sink`.
pub(super) fn read<'a, S: Sink<'a>>(text: &'a str, sink: &mut S) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    Into(sink).deserialize(&mut json)?;
    json.end()
}

/// The next value of `map`, where a text is expected.
pub(super) fn field<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Field<'a>, A::Error> {
    map.next_value_seed(AnyValue)
}

/// The next value of `map`, as it is written.
pub(super) fn written<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Field<'a>, A::Error> {
    let raw: &'a RawValue = map.next_value()?;
    Field::from_json(raw.get()).ok_or_else(|| A::Error::custom("half a surrogate pair in a string"))
}

/// Passes over the next value of `map`.
pub(super) fn skip<'a, A: MapAccess<'a>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Reads the next value of a map into a sink of its own.
pub(super) struct Into<'s, S>(pub(super) &'s mut S);

impl<'a, S: Sink<'a>> DeserializeSeed<'a> for Into<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, S: Sink<'a>> Visitor<'a> for Into<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.begins(Field::Object(""));
        while let Some(key) = map.next_key_seed(Key)? {
            self.0.entry(key, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<(), A::Error> {
        self.0.begins(AnyValue.visit_seq(seq)?);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.0.begins(AnyValue.visit_borrowed_str(text)?);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.begins(AnyValue.visit_str(text)?);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.begins(AnyValue.visit_bool(value)?);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.0.begins(AnyValue.visit_i64(number)?);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.0.begins(AnyValue.visit_u64(number)?);
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.begins(AnyValue.visit_f64(number)?);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.begins(Field::Null);
        Ok(())
    }
}

/// One value as a field, read once.
struct AnyValue;

impl<'a> DeserializeSeed<'a> for AnyValue {
    type Value = Field<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Field<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for AnyValue {
    type Value = Field<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Field<'a>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field<'a>, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Field<'a>, E> {
        Ok(Field::Bool(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field<'a>, E> {
        Ok(Field::Number(number.to_string().into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field<'a>, E> {
        Ok(Field::Number(number.to_string().into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Field<'a>, E> {
        Ok(Field::Number(number.to_string().into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Field<'a>, E> {
        Ok(Field::Null)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Field<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Object(""))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Field<'a>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Array(""))
    }
}

/// A key of an object: borrowed unless it holds escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
