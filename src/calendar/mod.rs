//! Open time: calendars, durations, and the arithmetic between instants (SEMANTICS §5).

mod duration;

use std::sync::Arc;

use chrono_tz::Tz;

use crate::time::Timestamp;

pub use duration::Duration;

/// Why an instant could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("{0} is outside the years 1970 to 2200 that calendars cover")]
    OutOfRange(Timestamp),
    #[error("{0:?} counts open time and needs a calendar")]
    NeedsCalendar(String),
    #[error("an \"end of\" duration cannot be subtracted")]
    NotSubtractable,
}

/// A compiled calendar (opaque to everything outside this module).
#[derive(Debug)]
pub struct Calendar {}

/// What durations are measured with: a calendar where something counts open time, and the zone of wall-clock days
/// (the calendar's zone, else the agreement's).
#[derive(Clone, Debug)]
pub struct Schedule {
    pub calendar: Option<Arc<Calendar>>,
    pub zone: Tz,
}

impl Schedule {
    /// The earliest instant by which `duration` has passed since `from`.
    pub fn add(&self, from: Timestamp, duration: &Duration) -> Result<Timestamp, CalendarError> {
        let _ = (from, duration);
        todo!()
    }

    /// The latest instant from which at least `duration` passes until `to`.
    pub fn subtract(&self, to: Timestamp, duration: &Duration) -> Result<Timestamp, CalendarError> {
        let _ = (to, duration);
        todo!()
    }

    /// `from` plus `open_ms` of open time; of elapsed time where there is no calendar.
    pub fn add_open_ms(&self, from: Timestamp, open_ms: i64) -> Result<Timestamp, CalendarError> {
        let _ = (from, open_ms);
        todo!()
    }

    /// Open milliseconds from `from` to `to` (negative if `to` is earlier); elapsed ones where there is no calendar.
    pub fn open_ms_between(&self, from: Timestamp, to: Timestamp) -> Result<i64, CalendarError> {
        let _ = (from, to);
        todo!()
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Closed {
    Holiday,
}
impl Closed {
    pub fn name(self) -> &'static str {
        "holiday"
    }
}
impl Calendar {
    pub fn closed_dates(&self, _: Timestamp, _: Timestamp) -> Vec<(chrono::NaiveDate, Closed)> {
        Vec::new()
    }
    pub fn timezone(&self) -> Tz {
        Tz::UTC
    }
}
