//! Durations as people write them, and the one parser of them (SEMANTICS §5).

use std::fmt;

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// How long something may take, in the measure it was written in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Duration {
    /// `"4 business hours"`: open milliseconds of a calendar.
    Open { ms: i64 },
    /// `"48 hours"`: elapsed milliseconds.
    Elapsed { ms: i64 },
    /// `"2 business days"`: the same time of day on the Nth date with open time.
    BusinessDays(u32),
    /// `"30 days"`, `"8 weeks"` (56): wall-clock days.
    Days(u32),
    /// `"end of business day"` (0), `"end of 2 business days"` (2).
    EndOfBusinessDays(u32),
}

/// Why a text is no duration, with the readings it could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    pub text: String,
    /// What to write instead.
    pub readings: Vec<String>,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no duration that can be read in one way only", self.text)?;
        if self.readings.is_empty() {
            f.write_str(
                "; expected one such as \"4 business hours\", \"2 business days\", \"48 hours\", \"30 days\" or \"end of business day\"",
            )
        } else {
            let quoted: Vec<String> = self.readings.iter().map(|reading| format!("{reading:?}")).collect();
            write!(f, "; write {}", quoted.join(" or "))
        }
    }
}

impl std::error::Error for DurationError {}

/// Units by their singular name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
}

impl Unit {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "second" | "seconds" => Unit::Second,
            "minute" | "minutes" => Unit::Minute,
            "hour" | "hours" => Unit::Hour,
            "day" | "days" => Unit::Day,
            "week" | "weeks" => Unit::Week,
            _ => return None,
        })
    }

    /// What somebody may have meant by a short form.
    fn guessed(word: &str) -> Option<Self> {
        Some(match word {
            "s" | "sec" | "secs" => Unit::Second,
            "m" | "min" | "mins" => Unit::Minute,
            "h" | "hr" | "hrs" => Unit::Hour,
            "d" => Unit::Day,
            "w" | "wk" | "wks" => Unit::Week,
            _ => return Unit::named(word),
        })
    }

    fn plural(self) -> &'static str {
        match self {
            Unit::Second => "seconds",
            Unit::Minute => "minutes",
            Unit::Hour => "hours",
            Unit::Day => "days",
            Unit::Week => "weeks",
        }
    }

    /// Milliseconds of the units that may have decimals.
    fn ms(self) -> Option<i64> {
        match self {
            Unit::Second => Some(SECOND_MS),
            Unit::Minute => Some(MINUTE_MS),
            Unit::Hour => Some(HOUR_MS),
            Unit::Day | Unit::Week => None,
        }
    }
}

/// More is no promise, and keeps every sum far from the ends of the numbers.
const MOST_MS: i64 = 1_000 * 366 * DAY_MS;
const MOST_DAYS: u32 = 1_000 * 366;

impl Duration {
    /// Reads a duration. Case and spaces do not matter; what could be read in two ways is refused.
    ///
    /// # Errors
    /// [`DurationError`] with the possible readings.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let lower = text.trim().to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let refuse = || DurationError { text: text.to_owned(), readings: readings(&words) };
        match words.as_slice() {
            ["end", "of", "business", "day"] => Ok(Duration::EndOfBusinessDays(0)),
            ["end", "of", count, "business", "day" | "days"] => {
                whole(count).filter(|days| *days > 0).map(Duration::EndOfBusinessDays).ok_or_else(refuse)
            }
            [count, "business", unit] => match Unit::named(unit) {
                Some(Unit::Day) => whole(count).map(Duration::BusinessDays).ok_or_else(refuse),
                Some(unit) => {
                    unit.ms().and_then(|ms| scaled(count, ms)).map(|ms| Duration::Open { ms }).ok_or_else(refuse)
                }
                None => Err(refuse()),
            },
            [count, unit] => match Unit::named(unit) {
                Some(Unit::Day) => whole(count).map(Duration::Days).ok_or_else(refuse),
                Some(Unit::Week) => whole(count)
                    .and_then(|weeks| weeks.checked_mul(7))
                    .filter(|days| *days <= MOST_DAYS)
                    .map(Duration::Days)
                    .ok_or_else(refuse),
                Some(unit) => {
                    unit.ms().and_then(|ms| scaled(count, ms)).map(|ms| Duration::Elapsed { ms }).ok_or_else(refuse)
                }
                None => Err(refuse()),
            },
            _ => Err(refuse()),
        }
    }

    /// Whether it counts the open time of a calendar, so that one is needed.
    pub fn is_business(&self) -> bool {
        !matches!(self, Duration::Elapsed { .. } | Duration::Days(_))
    }

    /// Whether it ends where it begins. ("End of business day" may, but says more than nothing.)
    pub fn is_nothing(&self) -> bool {
        use Duration::{BusinessDays, Days, Elapsed, EndOfBusinessDays, Open};
        match self {
            Open { ms } | Elapsed { ms } => *ms == 0,
            BusinessDays(days) | Days(days) => *days == 0,
            EndOfBusinessDays(_) => false,
        }
    }

    /// Whether it is certainly longer than so many years, whatever the calendar.
    pub fn exceeds_years(&self, years: u32) -> bool {
        let days = match self {
            Duration::Open { ms } | Duration::Elapsed { ms } => *ms as f64 / DAY_MS as f64,
            Duration::BusinessDays(days) | Duration::Days(days) | Duration::EndOfBusinessDays(days) => f64::from(*days),
        };
        days > f64::from(years) * 365.25
    }
}

/// A whole number of things.
fn whole(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|days| *days <= MOST_DAYS)
}

/// A decimal number times `unit_ms`, in whole milliseconds, rounded up. Exact: no floating point.
fn scaled(text: &str, unit_ms: i64) -> Option<i64> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 15 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(integer) || !digits(fraction) {
        return None;
    }
    let scale = 10i128.pow(fraction.len() as u32);
    let number = integer.parse::<i128>().ok()? * scale + fraction.parse::<i128>().ok()?;
    let product = number * i128::from(unit_ms);
    let ms = (product + scale - 1) / scale;
    i64::try_from(ms).ok().filter(|ms| *ms <= MOST_MS)
}

/// What a refused text could mean.
fn readings(words: &[&str]) -> Vec<String> {
    let joined: String = words.concat();
    let split = joined.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(joined.len());
    let (count, rest) = joined.split_at(split);
    if count.is_empty() {
        return Vec::new();
    }
    let business = rest.strip_prefix("business");
    let unit = Unit::guessed(business.unwrap_or(rest));
    let whole_only = whole(count).is_some();
    match (unit, business) {
        (Some(Unit::Week), Some(_)) if whole_only => {
            let days = whole(count).map_or(0, |weeks| u64::from(weeks) * 5);
            vec![format!("{days} business days"), format!("{count} weeks")]
        }
        (Some(Unit::Day), _) if !whole_only => vec!["24 hours".to_owned(), "8 business hours".to_owned()],
        (Some(unit), Some(_)) if unit != Unit::Week => vec![format!("{count} business {}", unit.plural())],
        (Some(Unit::Week), None) if whole_only => vec![format!("{count} weeks")],
        (Some(Unit::Day), None) => vec![format!("{count} business days"), format!("{count} days")],
        (Some(unit), None) if unit.ms().is_some() => {
            vec![format!("{count} business {}", unit.plural()), format!("{count} {}", unit.plural())]
        }
        (None, None) if rest.is_empty() => {
            vec![
                format!("{count} business hours"),
                format!("{count} hours"),
                format!("{count} business days"),
                format!("{count} days"),
            ]
        }
        _ => Vec::new(),
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |f: &mut fmt::Formatter<'_>, ms: i64, business: &str| {
            let (unit_ms, unit) = match ms {
                ms if ms % HOUR_MS == 0 => (HOUR_MS, "hours"),
                ms if ms % MINUTE_MS == 0 => (MINUTE_MS, "minutes"),
                _ => (SECOND_MS, "seconds"),
            };
            match unit_ms {
                SECOND_MS => write!(f, "{} {business}{unit}", crate::time::format_seconds(ms)),
                _ => write!(f, "{} {business}{unit}", ms / unit_ms),
            }
        };
        match self {
            Duration::Open { ms } => counted(f, *ms, "business "),
            Duration::Elapsed { ms } => counted(f, *ms, ""),
            Duration::BusinessDays(days) => write!(f, "{days} business days"),
            Duration::Days(days) => write!(f, "{days} days"),
            Duration::EndOfBusinessDays(0) => f.write_str("end of business day"),
            Duration::EndOfBusinessDays(days) => write!(f, "end of {days} business days"),
        }
    }
}
