//! Time cells: the formats that a map allows, and wall-clock times in its zone.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::time::Timestamp;

/// One way of writing an instant.
#[derive(Clone, Debug)]
pub(in crate::event) enum TimeFormat {
    Rfc3339,
    EpochSeconds,
    EpochMs,
    /// A strftime pattern of chrono. A date without a time of day is its midnight.
    Pattern(Vec<Item<'static>>),
}

impl TimeFormat {
    /// `None`: neither a known word nor a pattern.
    pub(in crate::event) fn parse(text: &str) -> Option<TimeFormat> {
        match text {
            "rfc3339" => Some(TimeFormat::Rfc3339),
            "epoch_seconds" => Some(TimeFormat::EpochSeconds),
            "epoch_ms" => Some(TimeFormat::EpochMs),
            _ if text.contains('%') => StrftimeItems::new(text).parse_to_owned().ok().map(TimeFormat::Pattern),
            _ => None,
        }
    }

    fn read(&self, text: &str, zone: Tz) -> Option<Timestamp> {
        match self {
            TimeFormat::Rfc3339 => Timestamp::parse(text).ok(),
            TimeFormat::EpochSeconds => match text.parse::<i64>() {
                Ok(seconds) => seconds.checked_mul(1_000).map(Timestamp),
                Err(_) => {
                    let ms = text.parse::<f64>().ok()? * 1_000.0;
                    ms.is_finite().then_some(Timestamp(ms.floor() as i64))
                }
            },
            TimeFormat::EpochMs => text.parse().ok().map(Timestamp),
            TimeFormat::Pattern(items) => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, items.iter()).ok()?;
                if parsed.offset().is_some() || parsed.timestamp().is_some() {
                    let instant = parsed
                        .to_datetime_with_timezone(&chrono::Utc)
                        .or_else(|_| parsed.to_datetime().map(|i| i.to_utc()));
                    return instant.ok().map(Timestamp::from_utc);
                }
                let local = match parsed.to_naive_datetime_with_offset(0) {
                    Ok(local) => local,
                    Err(_) if parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none() => {
                        parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN)
                    }
                    Err(_) => return None,
                };
                from_local(local, zone)
            }
        }
    }
}

/// The instant that `text` writes, by the first format that reads all of it, from 1970 to 9999.
pub(in crate::event) fn read_instant(text: &str, formats: &[TimeFormat], zone: Tz) -> Option<Timestamp> {
    let instant = formats.iter().find_map(|format| format.read(text, zone))?;
    (0..=Timestamp::LAST_PRINTABLE.ms()).contains(&instant.ms()).then_some(instant)
}

/// Whether `format`, as a map writes it, reads all of `text`.
pub fn reads_instant(text: &str, format: &str, zone: Tz) -> bool {
    TimeFormat::parse(format).is_some_and(|format| read_instant(text, &[format], zone).is_some())
}

/// A wall-clock time that falls into a gap is read with the offset in force before the gap; in a fold it is the first
/// (SEMANTICS §5).
fn from_local(local: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    // Gaps are whole quarters of an hour; the longest on record skip one day.
    const STEP: Duration = Duration::minutes(15);
    const STEPS: i32 = 4 * 26;
    let mut before = local;
    for _ in 0..=STEPS {
        let resolved: Option<DateTime<Tz>> = match zone.from_local_datetime(&before) {
            LocalResult::Single(instant) => Some(instant),
            LocalResult::Ambiguous(one, other) => Some(one.min(other)),
            LocalResult::None => None,
        };
        if let Some(instant) = resolved {
            return Some(Timestamp::from_ms(instant.timestamp_millis() + (local - before).num_milliseconds()));
        }
        before = before.checked_sub_signed(STEP)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: &str, zone: Tz) -> Option<String> {
        read_instant(text, &[TimeFormat::parse(format).unwrap()], zone).map(|instant| instant.to_string())
    }

    #[test]
    fn every_format_reads_its_own_writing() {
        let utc = Tz::UTC;
        for (text, format, expected) in [
            ("29/2/2016 01:16", "%d/%m/%Y %H:%M", "2016-02-29T01:16:00Z"),
            ("2016-02-29", "%Y-%m-%d", "2016-02-29T00:00:00Z"),
            ("02/29/16 1:16:05 PM", "%m/%d/%y %I:%M:%S %p", "2016-02-29T13:16:05Z"),
            ("2016-02-29 01:16:00.250", "%Y-%m-%d %H:%M:%S%.f", "2016-02-29T01:16:00.250Z"),
            ("2016-02-29 01:16 -0300", "%Y-%m-%d %H:%M %z", "2016-02-29T04:16:00Z"),
            ("2016-02-29T01:16:00+02:00", "rfc3339", "2016-02-28T23:16:00Z"),
            ("1456708560", "epoch_seconds", "2016-02-29T01:16:00Z"),
            ("1456708560.25", "epoch_seconds", "2016-02-29T01:16:00.250Z"),
            ("1456708560250", "epoch_ms", "2016-02-29T01:16:00.250Z"),
            ("1456708560", "%s", "2016-02-29T01:16:00Z"),
        ] {
            assert_eq!(read(text, format, utc).as_deref(), Some(expected), "{format}");
        }
    }

    #[test]
    fn what_the_format_does_not_say_is_no_instant() {
        for (text, format) in [
            ("30/2/2016 01:16", "%d/%m/%Y %H:%M"),
            ("29/2/2016", "%d/%m/%Y %H:%M"),
            ("29/2/2016 01:16:00", "%d/%m/%Y %H:%M"),
            ("29/2/2016 01", "%d/%m/%Y %H"),
            ("31/12/1969 23:59", "%d/%m/%Y %H:%M"),
            ("-1", "epoch_seconds"),
            ("9223372036854775807", "epoch_seconds"),
            ("9223372036854775807", "epoch_ms"),
            ("inf", "epoch_seconds"),
            ("NaN", "epoch_seconds"),
            ("", "epoch_ms"),
        ] {
            assert_eq!(read(text, format, Tz::UTC), None, "{text:?} as {format}");
        }
    }

    #[test]
    fn the_first_format_that_reads_the_whole_text_counts() {
        let formats = ["%d/%m/%Y %H:%M", "%d/%m/%Y", "rfc3339"].map(|f| TimeFormat::parse(f).unwrap());
        for (text, expected) in [
            ("2/3/2016 10:00", "2016-03-02T10:00:00Z"),
            ("2/3/2016", "2016-03-02T00:00:00Z"),
            ("2016-03-02T10:00:00Z", "2016-03-02T10:00:00Z"),
        ] {
            assert_eq!(read_instant(text, &formats, Tz::UTC), Timestamp::parse(expected).ok(), "{text}");
        }
    }

    #[test]
    fn a_gap_takes_the_offset_before_it_and_a_fold_is_the_first() {
        let at = |text: &str, zone: Tz| read(text, "%Y-%m-%d %H:%M", zone);
        let berlin = Tz::Europe__Berlin;
        assert_eq!(at("2026-03-29 02:22", berlin).as_deref(), Some("2026-03-29T01:22:00Z"));
        assert_eq!(at("2026-10-25 02:30", berlin).as_deref(), Some("2026-10-25T00:30:00Z"));
        // Samoa skipped the whole of 30 December 2011.
        assert_eq!(at("2011-12-30 23:50", Tz::Pacific__Apia).as_deref(), Some("2011-12-31T09:50:00Z"));
        assert_eq!(at("2026-07-01 12:00", Tz::America__Sao_Paulo).as_deref(), Some("2026-07-01T15:00:00Z"));
    }

    #[test]
    fn a_word_that_is_no_format_is_refused() {
        for text in ["iso", "", "%Q", "yyyy-mm-dd"] {
            assert!(TimeFormat::parse(text).is_none(), "{text}");
        }
    }
}
