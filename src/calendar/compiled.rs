//! A calendar made fast (DESIGN §5): per UTC year, the open intervals with prefix sums of open milliseconds and an index by
//! day, so that `add` and `between` are two look-ups. Years are built when they are first asked for.
//!
//! An instant is open if its wall-clock time lies in an interval of that date (SEMANTICS 12.33). So the open instants of a
//! stretch with one offset are the wall-clock intervals shifted by that offset: a fold hour counts twice, a gap hour not at
//! all, and a bound inside a gap is the gap's end, without a word about either.

use std::sync::{LazyLock, OnceLock};

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use xxhash_rust::xxh3::xxh3_128;

use super::CalendarError;
use super::hours::{Closed, DAY_SECONDS, Spec};
use super::zone;
use crate::time::{DAY_MS, HOUR_MS, SECOND_MS, Timestamp};

pub const FIRST_YEAR: i32 = 1970;
pub const LAST_YEAR: i32 = 2200;
const YEARS: usize = (LAST_YEAR - FIRST_YEAR + 1) as usize;

/// Offsets do not change twice within this time: in tzdb 2025b the closest changes are a week apart (Boa Vista, 2000).
const TRANSITION_STEP_MS: i64 = 6 * HOUR_MS;

/// A calendar that is never open cannot hold a promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar is never open: give at least one weekday or date some hours")]
pub struct NeverOpen;

#[derive(Debug)]
pub struct Calendar {
    spec: Spec,
    years: Vec<OnceLock<Box<Year>>>,
}

#[derive(Debug)]
struct Year {
    start: i64,
    /// Open intervals, disjoint, ascending.
    starts: Vec<i64>,
    ends: Vec<i64>,
    /// Open milliseconds of the year before each interval.
    before: Vec<i64>,
    total: i64,
    /// For each UTC day, the first interval that ends after its beginning.
    by_day: Vec<u32>,
    /// From when the wall clock is how far ahead of UTC, milliseconds.
    offsets: Vec<(i64, i64)>,
    /// Local dates with an open instant in this year, as days since 1970-01-01.
    open_days: Vec<i32>,
}

fn year_start(year: i32) -> i64 {
    let days = NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, |date| i64::from(day_number(date)));
    days * DAY_MS
}

fn day_number(date: NaiveDate) -> i32 {
    date.signed_duration_since(NaiveDate::default()).num_days() as i32
}

fn date_of(day_number: i32) -> NaiveDate {
    NaiveDate::default() + TimeDelta::days(i64::from(day_number))
}

/// The first instant of each UTC year, and of the one after the last.
static YEAR_STARTS: LazyLock<Vec<i64>> = LazyLock::new(|| (FIRST_YEAR..=LAST_YEAR + 1).map(year_start).collect());

/// A mean Gregorian year.
const YEAR_MS: i64 = 31_556_952_000;

fn year_of(instant: Timestamp) -> Result<usize, CalendarError> {
    let starts = YEAR_STARTS.as_slice();
    if instant.0 < 0 || instant.0 >= starts[YEARS] {
        return Err(CalendarError::OutOfRange(instant));
    }
    let guess = ((instant.0 / YEAR_MS) as usize).min(YEARS - 1);
    Ok(match instant.0 {
        ms if ms < starts[guess] => guess - 1,
        ms if ms >= starts[guess + 1] => guess + 1,
        _ => guess,
    })
}

/// Whether an instant lies in the years that calendars cover.
pub fn in_range(instant: Timestamp) -> Result<Timestamp, CalendarError> {
    year_of(instant).map(|_| instant)
}

impl Calendar {
    /// # Errors
    /// [`NeverOpen`].
    pub fn compile(spec: Spec) -> Result<Self, NeverOpen> {
        let written = spec.weekly.iter().chain(spec.dates.values()).any(|hours| !hours.is_empty());
        let calendar = Calendar { spec, years: (0..YEARS).map(|_| OnceLock::new()).collect() };
        // Hours that lie in a gap of their date are written, but never open.
        let opens = written && (0..YEARS).any(|index| !calendar.year(index).starts.is_empty());
        if opens { Ok(calendar) } else { Err(NeverOpen) }
    }

    pub fn timezone(&self) -> Tz {
        self.spec.timezone
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Hash of all that the calendar says, for fingerprints.
    pub fn digest(&self) -> String {
        format!("{:032x}", xxh3_128(self.spec.canonical().as_bytes()))
    }

    fn year(&self, index: usize) -> &Year {
        self.years[index].get_or_init(|| Box::new(Year::build(&self.spec, FIRST_YEAR + index as i32)))
    }

    /// # Errors
    /// Where the result or the start lies outside the years that calendars cover.
    pub fn add_open_ms(&self, from: Timestamp, open_ms: i64) -> Result<Timestamp, CalendarError> {
        if open_ms < 0 {
            return self.subtract_open_ms(from, open_ms.saturating_neg());
        }
        let mut index = year_of(from)?;
        if open_ms == 0 {
            return Ok(from);
        }
        let mut target = self.year(index).open_before(from.0).saturating_add(open_ms);
        loop {
            let year = self.year(index);
            if target <= year.total {
                return Ok(Timestamp(year.when_reached(target)));
            }
            target -= year.total;
            index += 1;
            if index == YEARS {
                return Err(CalendarError::OutOfRange(Timestamp(year_start(LAST_YEAR + 1))));
            }
        }
    }

    /// # Errors
    /// As [`Calendar::add_open_ms`].
    pub fn subtract_open_ms(&self, to: Timestamp, open_ms: i64) -> Result<Timestamp, CalendarError> {
        if open_ms < 0 {
            return self.add_open_ms(to, open_ms.saturating_neg());
        }
        let mut index = year_of(to)?;
        if open_ms == 0 {
            return Ok(to);
        }
        let mut target = self.year(index).open_before(to.0) - open_ms;
        while target < 0 {
            index = index.checked_sub(1).ok_or(CalendarError::OutOfRange(Timestamp(-1)))?;
            target += self.year(index).total;
        }
        Ok(Timestamp(self.year(index).last_before(target)))
    }

    /// # Errors
    /// Where an end lies outside the years that calendars cover.
    pub fn open_ms_between(&self, from: Timestamp, to: Timestamp) -> Result<i64, CalendarError> {
        if to < from {
            return self.open_ms_between(to, from).map(|ms| -ms);
        }
        let (first, last) = (year_of(from)?, year_of(to)?);
        let mut sum = self.year(last).open_before(to.0) - self.year(first).open_before(from.0);
        for index in first..last {
            sum += self.year(index).total;
        }
        Ok(sum)
    }

    fn is_open(&self, instant: Timestamp) -> Result<bool, CalendarError> {
        let year = self.year(year_of(instant)?);
        Ok(year.starts.get(year.first_ending_after(instant.0)).is_some_and(|start| *start <= instant.0))
    }

    /// Open, or the closing time of what was open until then.
    fn is_open_or_bound(&self, instant: Timestamp) -> Result<bool, CalendarError> {
        Ok(self.is_open(instant)? || (instant.0 > 0 && self.is_open(Timestamp(instant.0 - 1))?))
    }

    /// The next opening after an instant that is not open.
    fn next_opening(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        for index in year_of(instant)?..YEARS {
            let year = self.year(index);
            if let Some(&start) = year.starts.get(year.first_ending_after(instant.0)) {
                return Ok(Timestamp(start.max(instant.0)));
            }
        }
        Err(CalendarError::OutOfRange(Timestamp(year_start(LAST_YEAR + 1))))
    }

    /// The last closing before an instant that is not open.
    fn previous_closing(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        for index in (0..=year_of(instant)?).rev() {
            let year = self.year(index);
            let at = year.ends.partition_point(|end| *end <= instant.0);
            if let Some(&end) = at.checked_sub(1).and_then(|at| year.ends.get(at)) {
                return Ok(Timestamp(end));
            }
        }
        Err(CalendarError::OutOfRange(Timestamp(-1)))
    }

    /// An open instant or a bound of an open interval stays; another moves, to the next opening or the last closing.
    fn settle(&self, instant: Timestamp, forward: bool) -> Result<Timestamp, CalendarError> {
        match (self.is_open_or_bound(instant)?, forward) {
            (true, _) => Ok(instant),
            (false, true) => self.next_opening(instant),
            (false, false) => self.previous_closing(instant),
        }
    }

    /// The Nth date with open time after (or before) a date, as days since 1970-01-01; the date itself for 0.
    fn nth_date(&self, day: i32, count: u32, forward: bool) -> Result<i32, CalendarError> {
        if count == 0 {
            return Ok(day);
        }
        // No offset is a day long: the dates after (before) one of a year show in UTC years from (up to) that year.
        let midnight = (i64::from(day) * DAY_MS).clamp(0, YEAR_STARTS[YEARS] - 1);
        let own = year_of(Timestamp(midnight))?;
        let (mut day, mut left) = (day, count as usize);
        if forward {
            for index in own..YEARS {
                let days = self.year(index).open_days.as_slice();
                let later = &days[days.partition_point(|open| *open <= day)..];
                if let Some(found) = later.get(left - 1) {
                    return Ok(*found);
                }
                left -= later.len();
                day = later.last().copied().unwrap_or(day);
            }
            return Err(CalendarError::OutOfRange(Timestamp(YEAR_STARTS[YEARS])));
        }
        for index in (0..=own).rev() {
            let days = self.year(index).open_days.as_slice();
            let earlier = &days[..days.partition_point(|open| *open < day)];
            if let Some(found) = earlier.len().checked_sub(left).and_then(|at| earlier.get(at)) {
                return Ok(*found);
            }
            left -= earlier.len();
            day = earlier.first().copied().unwrap_or(day);
        }
        Err(CalendarError::OutOfRange(Timestamp(-1)))
    }

    /// Milliseconds that the wall clock is ahead of UTC.
    fn offset_ms(&self, instant: Timestamp) -> i64 {
        let known = year_of(instant).ok().and_then(|index| {
            self.year(index).offsets.iter().rev().find(|(from, _)| *from <= instant.0).map(|(_, offset)| *offset)
        });
        known.unwrap_or_else(|| zone::offset_ms(self.spec.timezone, instant))
    }

    /// The instant of a wall-clock time that may have the offset `likely`; as [`zone::instant`].
    fn instant_of(&self, wall: i64, likely: i64) -> Timestamp {
        let instant = Timestamp(wall - likely);
        // Without a change of offset from the day before to the day after, no other instant shows that time.
        if [-DAY_MS, DAY_MS].into_iter().all(|ms| self.offset_ms(instant.plus_ms(ms)) == likely) {
            return instant;
        }
        zone::instant(self.spec.timezone, Timestamp(wall).to_utc().naive_utc())
    }

    /// The same time of day on the Nth date with open time (SEMANTICS §5 "N business days").
    ///
    /// # Errors
    /// As [`Calendar::add_open_ms`].
    pub fn move_business_days(&self, from: Timestamp, days: u32, forward: bool) -> Result<Timestamp, CalendarError> {
        year_of(from)?;
        if days == 0 {
            return Ok(from);
        }
        let start = self.settle(from, forward)?;
        let offset = self.offset_ms(start);
        let wall = start.0 + offset;
        let day = self.nth_date(wall.div_euclid(DAY_MS) as i32, days, forward)?;
        let there = self.instant_of(i64::from(day) * DAY_MS + wall.rem_euclid(DAY_MS), offset);
        self.settle(there, forward)
    }

    /// The last closing of the Nth date with open time after the (moved) start's own; of that date itself for 0.
    ///
    /// # Errors
    /// As [`Calendar::add_open_ms`].
    pub fn end_of_business_days(&self, from: Timestamp, days: u32) -> Result<Timestamp, CalendarError> {
        let start = self.settle(from, true)?;
        let own_day = day_number(zone::local(self.spec.timezone, start).date());
        let date = date_of(self.nth_date(own_day, days, true)?);
        let own = self.spec.hours_of(date).iter().map(|hours| hours.to);
        // The night of the day before may outlast all that begins on the date.
        let yesterday = date.checked_sub_days(Days::new(1)).map_or(&[][..], |date| self.spec.hours_of(date));
        let tails = yesterday.iter().filter_map(|hours| hours.to.checked_sub(DAY_SECONDS).filter(|to| *to > 0));
        // A start at closing time can stand on a date of its own with nothing open (closing at 24:00).
        let Some(closing) = own.chain(tails).max() else { return Ok(start) };
        let wall = date.and_time(NaiveTime::MIN) + TimeDelta::seconds(i64::from(closing));
        let end = zone::last_instant(self.spec.timezone, wall);
        year_of(end)?;
        // What is written to close last may lie in a gap, and then never opened.
        if self.is_open(Timestamp(end.0 - 1))? { Ok(end) } else { self.previous_closing(end) }
    }

    /// Open intervals between two instants, clipped to them.
    ///
    /// # Errors
    /// Where an end lies outside the years that calendars cover.
    pub fn intervals(&self, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, CalendarError> {
        let mut found: Vec<(Timestamp, Timestamp)> = Vec::new();
        for index in year_of(from)?..=year_of(to)? {
            let year = self.year(index);
            for at in year.first_ending_after(from.0)..year.starts.len() {
                let (start, end) = (Timestamp(year.starts[at]).max(from), Timestamp(year.ends[at]).min(to));
                if start >= to {
                    break;
                }
                match found.last_mut() {
                    Some(last) if last.1 == start => last.1 = end,
                    _ => found.push((start, end)),
                }
            }
        }
        Ok(found)
    }

    /// Dates between two instants whose weekday's hours were replaced: at most 100 of them.
    pub fn closed_dates(&self, from: Timestamp, to: Timestamp) -> Vec<(NaiveDate, Closed)> {
        let zone = self.spec.timezone;
        if year_of(from).is_err() || year_of(to).is_err() || to < from {
            return Vec::new();
        }
        let (first, last) = (zone::local(zone, from).date(), zone::local(zone, to).date());
        let own = self.spec.dates.range(first..=last).map(|(date, _)| *date);
        let holidays = self.spec.holidays.range(first..=last).copied();
        let mut dates: Vec<NaiveDate> = own.chain(holidays).collect();
        dates.sort_unstable();
        dates.dedup();
        dates.into_iter().filter_map(|date| Some((date, self.spec.exception(date)?))).take(100).collect()
    }
}

impl Year {
    fn build(spec: &Spec, year: i32) -> Year {
        let (start, end) = (year_start(year), year_start(year + 1));
        let walls = wall_intervals(spec, year);
        let mut built = Year {
            start,
            starts: Vec::new(),
            ends: Vec::new(),
            before: Vec::new(),
            total: 0,
            by_day: Vec::new(),
            offsets: Vec::new(),
            open_days: Vec::new(),
        };
        let mut from = start;
        while from < end {
            let offset = zone::offset_ms(spec.timezone, Timestamp(from));
            let to = stretch_end(spec.timezone, from, end);
            built.offsets.push((from, offset));
            built.add_stretch(&walls, from, to, offset);
            from = to;
        }
        built.open_days.sort_unstable();
        built.open_days.dedup();
        for (from, to) in built.starts.iter().zip(&built.ends) {
            built.before.push(built.total);
            built.total += to - from;
        }
        for day in 0..=(end - start) / DAY_MS {
            let midnight = start + day * DAY_MS;
            built.by_day.push(built.ends.partition_point(|end| *end <= midnight) as u32);
        }
        built
    }

    /// The part of the wall-clock intervals that a stretch of one offset shows.
    fn add_stretch(&mut self, walls: &[(i64, i64)], from: i64, to: i64, offset: i64) {
        let first = walls.partition_point(|wall| wall.1 <= from + offset);
        for wall in walls[first..].iter().take_while(|wall| wall.0 < to + offset) {
            let (start, end) = (wall.0.max(from + offset), wall.1.min(to + offset));
            let days = start.div_euclid(DAY_MS)..=(end - 1).div_euclid(DAY_MS);
            self.open_days.extend(days.map(|day| day as i32));
            let (start, end) = (start - offset, end - offset);
            self.starts.push(start);
            self.ends.push(end);
        }
    }

    fn first_ending_after(&self, instant: i64) -> usize {
        let day = ((instant - self.start).max(0) / DAY_MS) as usize;
        let mut at = self.by_day.get(day).map_or(self.ends.len(), |at| *at as usize);
        while self.ends.get(at).is_some_and(|end| *end <= instant) {
            at += 1;
        }
        at
    }

    fn open_before(&self, instant: i64) -> i64 {
        let at = self.first_ending_after(instant);
        match self.starts.get(at) {
            Some(start) => self.before[at] + (instant - start).max(0),
            None => self.total,
        }
    }

    /// The earliest instant by which `target` open milliseconds of the year have passed; `0 < target <= total`.
    fn when_reached(&self, target: i64) -> i64 {
        let at = self.before.partition_point(|before| *before < target) - 1;
        self.starts[at] + (target - self.before[at])
    }

    /// The latest instant before which only `target` open milliseconds of the year have passed; `0 <= target < total`.
    fn last_before(&self, target: i64) -> i64 {
        let at = self.before.partition_point(|before| *before <= target) - 1;
        self.starts[at] + (target - self.before[at])
    }
}

/// Where the stretch with one offset that begins at `from` ends.
fn stretch_end(zone: Tz, from: i64, end: i64) -> i64 {
    let mut at = from;
    while at < end {
        let next = (at + TRANSITION_STEP_MS).min(end);
        if let Some(change) = zone::transition(zone, Timestamp(at), Timestamp(next)) {
            return change.0;
        }
        at = next;
    }
    end
}

/// The wall-clock intervals around a year, merged: milliseconds of wall-clock time since 1970-01-01T00:00.
fn wall_intervals(spec: &Spec, year: i32) -> Vec<(i64, i64)> {
    let new_year = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    let (first, last) = (new_year(year) - Days::new(3), new_year(year + 1) + Days::new(3));
    let mut walls: Vec<(i64, i64)> = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let midnight = wall_ms(date.and_time(NaiveTime::MIN));
        for hours in spec.hours_of(date) {
            walls.push((midnight + i64::from(hours.from) * SECOND_MS, midnight + i64::from(hours.to) * SECOND_MS));
        }
    }
    walls.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(walls.len());
    for wall in walls {
        match merged.last_mut() {
            Some(last) if wall.0 <= last.1 => last.1 = last.1.max(wall.1),
            _ => merged.push(wall),
        }
    }
    merged
}

fn wall_ms(wall: NaiveDateTime) -> i64 {
    wall.and_utc().timestamp_millis()
}
