//! Instants of the engine: milliseconds of Unix time, UTC, printed and read as RFC 3339.
//!
//! [`Clock`] is the only reader of the wall clock in the whole program; everything else is handed `now`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in milliseconds since 1970-01-01T00:00:00Z. Anything finer than a millisecond is cut off (floor).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Why a text is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 instant with an offset, such as 2026-12-01T09:00:00Z, found {0:?}")]
pub struct BadInstant(pub String);

impl Timestamp {
    /// Before every event: the watermark of a shard that has seen nothing.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every event: "never".
    pub const MAX: Timestamp = Timestamp(i64::MAX);
    /// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write.
    pub const LAST_PRINTABLE: Timestamp = Timestamp(253_402_300_799_999);
    /// 0001-01-01T00:00:00Z, the first instant that is accepted.
    pub const FIRST_PRINTABLE: Timestamp = Timestamp(-62_135_596_800_000);

    pub const fn from_ms(ms: i64) -> Self {
        Timestamp(ms)
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    /// `self` later by `ms` milliseconds, stopping at the ends of time.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Timestamp(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative if `earlier` is later.
    pub const fn since_ms(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant as a chrono value. Instants beyond chrono's range are held at its ends.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    pub fn from_utc(instant: DateTime<Utc>) -> Self {
        Timestamp(instant.timestamp_millis())
    }

    /// Reads RFC 3339 with any offset. The common shape `2026-11-23T10:15:30[.123]Z` takes a fast path.
    ///
    /// # Errors
    /// [`BadInstant`] where the text is anything else, or lies outside the years 0001 to 9999.
    pub fn parse(text: &str) -> Result<Self, BadInstant> {
        if let Some(instant) = parse_utc_fast(text.as_bytes()) {
            return Ok(instant);
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| BadInstant(text.to_owned()))?;
        let instant = Timestamp(parsed.timestamp_millis());
        if instant < Timestamp::FIRST_PRINTABLE || instant > Timestamp::LAST_PRINTABLE {
            return Err(BadInstant(text.to_owned()));
        }
        Ok(instant)
    }

    /// Appends the RFC 3339 text in UTC: `Z`, three fraction digits only where they are not zero.
    pub fn write(self, out: &mut Vec<u8>) {
        let (text, end) = self.format();
        out.extend_from_slice(&text[1..end]);
    }

    /// The same as a JSON text, in quotes.
    pub fn write_quoted(self, out: &mut Vec<u8>) {
        let (text, end) = self.format();
        out.extend_from_slice(&text[..=end]);
    }

    /// The text in quotes, and where the second quote stands.
    fn format(self) -> ([u8; 26], usize) {
        let ms = self.0.clamp(Timestamp::FIRST_PRINTABLE.0, Timestamp::LAST_PRINTABLE.0);
        // Unsigned and narrow: dividing such numbers is cheap.
        let since_first = (ms - Timestamp::FIRST_PRINTABLE.0) as u64;
        let (days, of_day) = ((since_first / DAY_MS as u64) as u32, (since_first % DAY_MS as u64) as u32);
        let (year, month, day) = civil_from_days(days);
        let (seconds, fraction) = (of_day / 1_000, of_day % 1_000);
        let mut text = *b"\"0000-00-00T00:00:00.000Z\"";
        let [c, y, m, d] = [year / 100, year % 100, month, day].map(two_digits);
        let [h, min, s] = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map(two_digits);
        (text[1], text[2], text[3], text[4]) = (c.0, c.1, y.0, y.1);
        (text[6], text[7], text[9], text[10]) = (m.0, m.1, d.0, d.1);
        (text[12], text[13], text[15], text[16], text[18], text[19]) = (h.0, h.1, min.0, min.1, s.0, s.1);
        if fraction == 0 {
            (text[20], text[21]) = (b'Z', b'"');
            return (text, 21);
        }
        let rest = two_digits(fraction % 100);
        (text[21], text[22], text[23]) = (b'0' + (fraction / 100) as u8, rest.0, rest.1);
        (text, 25)
    }

    /// Hands the text to `take`.
    fn with_text<T>(self, take: impl FnOnce(&str) -> T) -> T {
        let (text, end) = self.format();
        // Only ASCII digits and separators were written.
        take(std::str::from_utf8(&text[1..end]).unwrap_or_default())
    }
}

/// `value` is below 100.
const fn two_digits(value: u32) -> (u8, u8) {
    // Exact up to 178.
    let tens = (value * 103) >> 10;
    (b'0' + tens as u8, b'0' + (value - tens * 10) as u8)
}

/// Year, month, day of a count of days since 0001-01-01 (proleptic Gregorian), after H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms".
const fn civil_from_days(days: u32) -> (u32, u32, u32) {
    // Counted from 0000-03-01.
    let z = days + 306;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + (month <= 2) as u32, month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// `None` means "not the common shape", not "wrong": chrono has the last word.
fn parse_utc_fast(text: &[u8]) -> Option<Timestamp> {
    if text.len() < 20 || text.len() > 30 || *text.last()? != b'Z' {
        return None;
    }
    let shape = text.first_chunk::<19>()?;
    if shape[4] != b'-' || shape[7] != b'-' || shape[10] != b'T' || shape[13] != b':' || shape[16] != b':' {
        return None;
    }
    let mut wrong = false;
    let mut two = |at: usize| {
        let (tens, ones) = (shape[at].wrapping_sub(b'0'), shape[at + 1].wrapping_sub(b'0'));
        wrong |= tens > 9 || ones > 9;
        i64::from(tens) * 10 + i64::from(ones)
    };
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    // Days 29 to 31 and leap seconds depend on the month: left to chrono.
    if wrong
        || year == 0
        || !(1..=12).contains(&month)
        || !(1..=28).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let fraction = match &text[19..text.len() - 1] {
        [] => [].as_slice(),
        [b'.', digits @ ..] if !digits.is_empty() => digits,
        _ => return None,
    };
    let (mut fraction_ms, mut unit_ms) = (0, 100);
    for digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        fraction_ms += i64::from(digit - b'0') * unit_ms;
        unit_ms /= 10;
    }
    let days = days_from_civil(year, month, day);
    Some(Timestamp(days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction_ms))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl FromStr for Timestamp {
    type Err = BadInstant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Timestamp::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 instant")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time", "description": "RFC 3339" })
    }
}

/// Milliseconds as seconds without trailing zeros: `90`, `0.5`, `-12.25`.
pub fn format_seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (whole, fraction) = (ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{fraction:03}").trim_end_matches('0'))
}

/// Where the wall clock is read. Shells own one; the core never sees it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_utc(Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Timelike};

    use super::*;

    #[test]
    fn an_instant_prints_three_fraction_digits_only_where_they_are_not_zero() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_500).to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Timestamp::LAST_PRINTABLE.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::FIRST_PRINTABLE.to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn the_fast_path_agrees_with_chrono() {
        for text in [
            "2026-11-23T10:15:30Z",
            "2026-11-23T10:15:30.1Z",
            "2026-11-23T10:15:30.12Z",
            "2026-02-28T23:59:59.123456789Z",
            "2024-02-29T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            let chrono = DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
            assert_eq!(Timestamp::parse(text), Ok(Timestamp(chrono)), "{text}");
        }
        assert_eq!(Timestamp::parse("2026-11-23T10:15:30-03:00"), Timestamp::parse("2026-11-23T13:15:30Z"));
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T10:15:30",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T10:15:30.Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_printed_instant_reads_back() {
        for ms in (-62_135_596_800_000..253_402_300_799_999i64).step_by(86_399_999_777) {
            let instant = Timestamp(ms);
            assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
            let utc = instant.to_utc();
            assert_eq!(&instant.to_string()[..10], format!("{:04}-{:02}-{:02}", utc.year(), utc.month(), utc.day()));
            assert_eq!(utc.hour(), ((ms.rem_euclid(DAY_MS)) / HOUR_MS) as u32);
        }
    }

    #[test]
    fn seconds_print_without_trailing_zeros() {
        assert_eq!(format_seconds(90_000), "90");
        assert_eq!(format_seconds(500), "0.5");
        assert_eq!(format_seconds(-12_250), "-12.25");
    }
}
