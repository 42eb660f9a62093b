//! Opening hours as people write them: intervals of a day, by weekday and by date.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

/// Seconds of a day on the wall.
pub const DAY_SECONDS: u32 = 86_400;

/// One open interval of a day, half-open, in seconds of wall-clock time from its date's midnight. An overnight interval
/// belongs to the date it begins on and ends beyond [`DAY_SECONDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hours {
    pub from: u32,
    pub to: u32,
}

/// Why a text is no interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no interval: {expected}")]
pub struct HoursError {
    pub text: String,
    pub expected: &'static str,
}

impl Hours {
    /// Reads `"09:00-12:00"`, `"22:00-06:00"` (overnight), `"18:00-24:00"`; seconds may be given.
    ///
    /// # Errors
    /// [`HoursError`] says what was expected.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let refuse = |expected| HoursError { text: text.to_owned(), expected };
        let form = "expected \"HH:MM-HH:MM\" or \"HH:MM:SS-HH:MM:SS\", from 00:00 to 24:00";
        let (from, to) = text.split_once('-').ok_or_else(|| refuse(form))?;
        let (from, to) = (time_of_day(from).ok_or_else(|| refuse(form))?, time_of_day(to).ok_or_else(|| refuse(form))?);
        if from == DAY_SECONDS {
            return Err(refuse("24:00 can only end an interval"));
        }
        if from == to {
            return Err(refuse("it begins and ends at one time; write \"00:00-24:00\" for a whole day"));
        }
        Ok(Hours { from, to: if to < from { to + DAY_SECONDS } else { to } })
    }
}

fn time_of_day(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let mut two = |least: bool| -> Option<u32> {
        match parts.next() {
            Some(part) if part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse().ok(),
            None if !least => Some(0),
            _ => None,
        }
    };
    let (hour, minute, second) = (two(true)?, two(true)?, two(false)?);
    let seconds = hour * 3_600 + minute * 60 + second;
    (parts.next().is_none() && minute < 60 && second < 60 && seconds <= DAY_SECONDS).then_some(seconds)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |f: &mut fmt::Formatter<'_>, seconds: u32| {
            write!(f, "{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
            if seconds.is_multiple_of(60) { Ok(()) } else { write!(f, ":{:02}", seconds % 60) }
        };
        time(f, self.from)?;
        f.write_str("-")?;
        time(f, if self.to > DAY_SECONDS { self.to - DAY_SECONDS } else { self.to })
    }
}

/// A calendar as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub timezone: Tz,
    /// Monday first.
    pub weekly: [Vec<Hours>; 7],
    /// Dates with their own hours, or none; they win over holidays.
    pub dates: BTreeMap<NaiveDate, Vec<Hours>>,
    pub holidays: BTreeSet<NaiveDate>,
    /// What people call them, where the file says it. No part of what is promised, nor of the fingerprint.
    pub holiday_names: BTreeMap<NaiveDate, String>,
}

/// Why a date does not have its weekday's hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    Holiday,
    OwnHours,
}

impl Closed {
    pub const fn name(self) -> &'static str {
        match self {
            Closed::Holiday => "holiday",
            Closed::OwnHours => "own_hours",
        }
    }
}

impl Spec {
    pub fn new(timezone: Tz) -> Self {
        Spec {
            timezone,
            weekly: Default::default(),
            dates: BTreeMap::new(),
            holidays: BTreeSet::new(),
            holiday_names: BTreeMap::new(),
        }
    }

    fn usual(&self, date: NaiveDate) -> &[Hours] {
        &self.weekly[date.weekday().num_days_from_monday() as usize]
    }

    /// The intervals that begin on a date.
    pub fn hours_of(&self, date: NaiveDate) -> &[Hours] {
        match self.dates.get(&date) {
            Some(own) => own,
            None if self.holidays.contains(&date) => &[],
            None => self.usual(date),
        }
    }

    /// Whether something replaced the weekday's hours on a date.
    pub fn exception(&self, date: NaiveDate) -> Option<Closed> {
        match self.dates.get(&date) {
            Some(own) => (own != self.usual(date)).then_some(Closed::OwnHours),
            None => (self.holidays.contains(&date) && !self.usual(date).is_empty()).then_some(Closed::Holiday),
        }
    }

    /// All that it promises, in one text whatever the order of writing: for fingerprints. Never change its form: a fingerprint
    /// that differs reads as an edited policy.
    pub fn canonical(&self) -> String {
        let listed = |hours: &[Hours]| {
            let mut sorted = hours.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.iter().map(Hours::to_string).collect::<Vec<_>>().join(",")
        };
        let mut text = format!("{}\n", self.timezone.name());
        for (day, hours) in (1..).zip(&self.weekly) {
            text.push_str(&format!("{day} {}\n", listed(hours)));
        }
        for (date, hours) in &self.dates {
            text.push_str(&format!("{date} {}\n", listed(hours)));
        }
        for date in &self.holidays {
            text.push_str(&format!("holiday {date}\n"));
        }
        text
    }
}
