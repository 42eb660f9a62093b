//! JSON written by template: keys are constants, and a text is only looked at closely if it holds a byte that must be
//! escaped. Half the time of a notice went into escaping its keys.

use std::borrow::Cow;

use super::notice::{AsOf, ClosedDate, Explanation, NoticeId, Object, PauseRef, RawPolicy, Seconds};
use crate::time::Timestamp;

/// What can stand as a value in a notice.
pub trait WriteJson {
    fn write_json(&self, out: &mut Vec<u8>);
}

/// Eight bytes at a time (Hacker's Delight, 6-1): whether any is a control, a quote or a backslash. A byte above 0x7f next
/// to one that is may count too, which costs time, never a wrong answer.
fn needs_escape(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & TOPS;
    let holds = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        below(word, 0x20) | holds(word, b'"') | holds(word, b'\\')
    };
    match text.last_chunk() {
        // The last eight bytes may overlap those before them.
        Some(last) => text.as_chunks().0.iter().fold(special(last), |found, word| found | special(word)) != 0,
        None => text.iter().any(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')),
    }
}

/// A number of decimal digits, without a detour over a string.
fn write_u64(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit(value);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        if needs_escape(self.as_bytes()) {
            // Writing a text to memory cannot fail.
            let _infallible = serde_json::to_writer(out, self);
            return;
        }
        out.push(b'"');
        out.extend_from_slice(self.as_bytes());
        out.push(b'"');
    }
}

impl<T: WriteJson + ?Sized> WriteJson for &T {
    fn write_json(&self, out: &mut Vec<u8>) {
        (**self).write_json(out);
    }
}

impl WriteJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_str().write_json(out);
    }
}

impl WriteJson for Cow<'_, str> {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_ref().write_json(out);
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write_json(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: WriteJson> WriteJson for [T] {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            value.write_json(out);
        }
        out.push(b']');
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_slice().write_json(out);
    }
}

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for u32 {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_u64(u64::from(*self), out);
    }
}

impl WriteJson for u64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_u64(*self, out);
    }
}

impl WriteJson for Timestamp {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.write_quoted(out);
    }
}

impl WriteJson for NoticeId {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&self.text());
        out.push(b'"');
    }
}

impl WriteJson for Seconds {
    fn write_json(&self, out: &mut Vec<u8>) {
        if self.0 < 0 {
            out.push(b'-');
        }
        let ms = self.0.unsigned_abs();
        write_u64(ms / 1_000, out);
        let fraction = ms % 1_000;
        if fraction != 0 {
            let digits = [b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)];
            let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
            out.extend_from_slice(&digits[..digits.len() - zeros]);
        }
    }
}

/// The last decimal digit.
fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

impl<T: WriteJson> WriteJson for Object<'_, T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            name.write_json(out);
            out.push(b':');
            value.write_json(out);
        }
        out.push(b'}');
    }
}

impl WriteJson for RawPolicy {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.json().as_bytes());
    }
}

/// `{"first":…,"second":…}` with constant keys.
macro_rules! write_object {
    ($out:ident, $self:ident, $first:ident $(, $field:ident)* $(,)?) => {
        $out.extend_from_slice(concat!("{\"", stringify!($first), "\":").as_bytes());
        $self.$first.write_json($out);
        $(
            $out.extend_from_slice(concat!(",\"", stringify!($field), "\":").as_bytes());
            $self.$field.write_json($out);
        )*
        $out.push(b'}');
    };
}

pub(super) use write_object;

impl WriteJson for AsOf<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, watermark, offsets);
    }
}

impl WriteJson for PauseRef {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, from, to);
    }
}

impl WriteJson for ClosedDate {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, date, why);
    }
}

impl WriteJson for Explanation {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, summary, measure, timezone, counted_from, pauses, closed_dates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &(impl WriteJson + ?Sized)) -> String {
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn texts_are_escaped_as_serde_json_does() {
        for text in ["", "plain", "quo\"te", "back\\slash", "line\nbreak", "nul\0", "é ∞ 🦀", "a\u{7f}b"] {
            assert_eq!(written(text), serde_json::to_string(text).expect("JSON"));
        }
    }

    #[test]
    fn what_must_be_escaped_is_found_wherever_it_stands() {
        for length in 1..20 {
            for place in 0..length {
                for special in (0..0x20).chain([b'"', b'\\']) {
                    let mut text = vec![b'~'; length];
                    text[place] = special;
                    assert!(needs_escape(&text), "{special} at {place} of {length}");
                }
            }
            assert!(!needs_escape(&b"plain ASCII, a longer one"[..length]));
        }
    }

    #[test]
    fn numbers_and_objects_are_json() {
        assert_eq!(written(&u64::MAX), u64::MAX.to_string());
        assert_eq!(written(&Seconds(1_500)), "1.5");
        assert_eq!(written(&Seconds(-2_000)), "-2");
        for ms in [0, 1, -1, 10, 120, 1_001, -99_990, i64::MAX, i64::MIN] {
            assert_eq!(written(&Seconds(ms)), crate::time::format_seconds(ms));
        }
        for ms in [0, 1_500, -2_000, 1, -1, 120, 99_990] {
            assert_eq!(serde_json::to_string(&Seconds(ms)).expect("JSON"), written(&Seconds(ms)));
        }
        assert_eq!(written(&Object(&[(Cow::Borrowed("a"), 0u64), (Cow::Borrowed("b"), 10)])), "{\"a\":0,\"b\":10}");
        assert_eq!(written(&vec![None, Some(true)]), "[null,true]");
    }
}
