//! Open time: calendars, durations, and the arithmetic between instants (SEMANTICS §5).
//!
//! `duration` reads what people write; `hours` is a calendar as written, `ics` its holidays; `compiled` makes it fast; `zone`
//! maps wall-clock time and instants. [`Schedule`] is what the rest of the program asks.

mod compiled;
mod duration;
mod hours;
mod ics;
mod paused;
#[cfg(test)]
mod tests;
mod zone;

use std::sync::Arc;

use chrono_tz::Tz;

use crate::time::Timestamp;
use compiled::in_range;

pub use compiled::{Calendar, FIRST_YEAR, LAST_YEAR, NeverOpen};
pub use duration::{Duration, DurationError};
pub use hours::{Closed, Hours, HoursError, Spec};
pub use ics::{IcsError, parse_ics};

/// The version of the zone database that is compiled in.
pub const TZDB_VERSION: &str = chrono_tz::IANA_TZDB_VERSION;

/// Why an instant could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("{0} is outside the years 1970 to 2200 that calendars cover")]
    OutOfRange(Timestamp),
    #[error("{0:?} counts open time and needs a calendar")]
    NeedsCalendar(String),
    #[error("{0:?} cannot be subtracted: there is no one instant before the end of a day")]
    NotSubtractable(String),
}

/// What durations are measured with: a calendar where something counts open time, and the zone of wall-clock days
/// (the calendar's zone, else the agreement's).
#[derive(Clone, Debug)]
pub struct Schedule {
    pub calendar: Option<Arc<Calendar>>,
    pub zone: Tz,
}

impl Schedule {
    fn calendar(&self, duration: &Duration) -> Result<&Calendar, CalendarError> {
        self.calendar.as_deref().ok_or_else(|| CalendarError::NeedsCalendar(duration.to_string()))
    }

    /// The earliest instant by which `duration` has passed since `from`.
    ///
    /// # Errors
    /// [`CalendarError`]: outside 1970 to 2200, or no calendar where one is needed.
    pub fn add(&self, from: Timestamp, duration: &Duration) -> Result<Timestamp, CalendarError> {
        in_range(from)?;
        match duration {
            Duration::Open { ms } => self.calendar(duration)?.add_open_ms(from, *ms),
            Duration::Elapsed { ms } => in_range(from.plus_ms(*ms)),
            Duration::BusinessDays(days) => self.calendar(duration)?.move_business_days(from, *days, true),
            Duration::Days(days) => self.add_days(from, i64::from(*days)),
            Duration::EndOfBusinessDays(days) => self.calendar(duration)?.end_of_business_days(from, *days),
        }
    }

    /// The latest instant from which at least `duration` passes until `to`.
    ///
    /// # Errors
    /// As [`Schedule::add`]; an "end of" duration cannot be subtracted.
    pub fn subtract(&self, to: Timestamp, duration: &Duration) -> Result<Timestamp, CalendarError> {
        in_range(to)?;
        match duration {
            Duration::Open { ms } => self.calendar(duration)?.subtract_open_ms(to, *ms),
            Duration::Elapsed { ms } => in_range(to.plus_ms(ms.saturating_neg())),
            Duration::BusinessDays(days) => self.calendar(duration)?.move_business_days(to, *days, false),
            Duration::Days(days) => self.add_days(to, -i64::from(*days)),
            Duration::EndOfBusinessDays(_) => Err(CalendarError::NotSubtractable(duration.to_string())),
        }
    }

    fn add_days(&self, from: Timestamp, days: i64) -> Result<Timestamp, CalendarError> {
        zone::add_days(self.zone, from, days).map_or(Err(CalendarError::OutOfRange(from)), in_range)
    }

    /// `from` plus `open_ms` of open time; of elapsed time where there is no calendar.
    ///
    /// # Errors
    /// Outside 1970 to 2200.
    pub fn add_open_ms(&self, from: Timestamp, open_ms: i64) -> Result<Timestamp, CalendarError> {
        match &self.calendar {
            Some(calendar) => calendar.add_open_ms(from, open_ms),
            None => in_range(from.plus_ms(open_ms)),
        }
    }

    /// Open milliseconds from `from` to `to` (negative if `to` is earlier); elapsed ones where there is no calendar.
    ///
    /// # Errors
    /// Outside 1970 to 2200.
    pub fn open_ms_between(&self, from: Timestamp, to: Timestamp) -> Result<i64, CalendarError> {
        match &self.calendar {
            Some(calendar) => calendar.open_ms_between(from, to),
            None => Ok(in_range(to)?.since_ms(in_range(from)?)),
        }
    }
}
