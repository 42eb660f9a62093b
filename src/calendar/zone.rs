//! Wall-clock time and instants, in chrono-tz's zones.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::time::{HOUR_MS, SECOND_MS, Timestamp};

/// The wall-clock time of an instant.
pub fn local(zone: Tz, instant: Timestamp) -> NaiveDateTime {
    zone.from_utc_datetime(&instant.to_utc().naive_utc()).naive_local()
}

/// Milliseconds that the wall clock is ahead of UTC at an instant.
pub fn offset_ms(zone: Tz, instant: Timestamp) -> i64 {
    let utc = instant.to_utc().naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * SECOND_MS
}

/// The instant of a wall-clock time: in a gap with the offset in force before it, in a fold the first (RFC 5545 §3.3.5,
/// Temporal's "compatible").
pub fn instant(zone: Tz, wall: NaiveDateTime) -> Timestamp {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(found) | MappedLocalTime::Ambiguous(found, _) => from_zoned(&found),
        MappedLocalTime::None => {
            let before = before_gap(zone, wall);
            Timestamp(wall.and_utc().timestamp_millis() - before)
        }
    }
}

/// The latest instant that shows a wall-clock time; in a gap, the gap's end.
pub fn last_instant(zone: Tz, wall: NaiveDateTime) -> Timestamp {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(found) | MappedLocalTime::Ambiguous(_, found) => from_zoned(&found),
        MappedLocalTime::None => {
            let shifted = wall.and_utc().timestamp_millis() - before_gap(zone, wall);
            // The transition lies between the last instant with the old offset and the shifted one.
            transition(zone, Timestamp(shifted - 26 * HOUR_MS), Timestamp(shifted)).unwrap_or(Timestamp(shifted))
        }
    }
}

fn from_zoned(zoned: &DateTime<Tz>) -> Timestamp {
    Timestamp(zoned.timestamp_millis())
}

/// The offset in force before the gap that a wall-clock time lies in. Gaps last up to a day (Apia, 2011-12-30).
fn before_gap(zone: Tz, wall: NaiveDateTime) -> i64 {
    let step = TimeDelta::minutes(15);
    let mut earlier = wall;
    for _ in 0..200 {
        earlier -= step;
        if let MappedLocalTime::Single(found) | MappedLocalTime::Ambiguous(_, found) =
            zone.from_local_datetime(&earlier)
        {
            return i64::from(found.offset().fix().local_minus_utc()) * SECOND_MS;
        }
    }
    0
}

/// The last change of offset in `(from, to]`, to the second.
pub fn transition(zone: Tz, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
    let after = offset_ms(zone, to);
    if offset_ms(zone, from) == after {
        return None;
    }
    let (mut low, mut high) = (from.0.div_euclid(SECOND_MS), to.0.div_euclid(SECOND_MS));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_ms(zone, Timestamp(middle * SECOND_MS)) == after {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(Timestamp(high * SECOND_MS))
}

/// Wall-clock days later (or earlier): the same time of day, on another date.
pub fn add_days(zone: Tz, from: Timestamp, days: i64) -> Option<Timestamp> {
    if days == 0 {
        return Some(from);
    }
    let moved = local(zone, from).checked_add_signed(TimeDelta::try_days(days)?)?;
    Some(instant(zone, moved))
}
