//! Families of candidate targets in order: open or elapsed time, and dates. On each a clock has one place: the smallest target
//! that it would have met.
//!
//! The engine judges ([`Clock::due_after_pauses`]): here stands only the search for the smallest that it accepts.

use crate::calendar::{Duration, Schedule};
use crate::engine::Rules;
use crate::engine::clock::Clock;
use crate::engine::rules::Measure;
use crate::policy::{Promise, Target};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

use super::survival::Observation;

/// What the numbers of a family count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Open,
    Elapsed,
    BusinessDays,
    Days,
    EndOfBusinessDays,
}

/// A family of targets on one calendar.
#[derive(Clone, Debug)]
pub struct Scale {
    pub unit: Unit,
    schedule: Schedule,
}

/// No target reaches further (policies refuse those beyond 10 years).
const MOST_DAYS: i64 = 10 * 366;

impl Scale {
    /// The two families that stand beside a promised duration: one of time, one of dates. A deadline that the source gives has
    /// no other, so its clocks are measured in elapsed time alone.
    pub fn beside(promise: &Promise, schedule: &Schedule) -> (Scale, Option<Scale>) {
        let (time, dates) = match promise {
            Promise::Within(Duration::Open { .. } | Duration::BusinessDays(_)) => {
                (Unit::Open, Some(Unit::BusinessDays))
            }
            Promise::Within(Duration::EndOfBusinessDays(_)) => (Unit::Open, Some(Unit::EndOfBusinessDays)),
            Promise::Within(Duration::Elapsed { .. } | Duration::Days(_)) => (Unit::Elapsed, Some(Unit::Days)),
            Promise::By(_) => (Unit::Elapsed, None),
        };
        let scale = |unit| Scale { unit, schedule: schedule.clone() };
        (scale(time), dates.map(scale))
    }

    fn duration(&self, number: i64) -> Duration {
        let days = u32::try_from(number).unwrap_or(0);
        match self.unit {
            Unit::Open => Duration::Open { ms: number },
            Unit::Elapsed => Duration::Elapsed { ms: number },
            Unit::BusinessDays => Duration::BusinessDays(days),
            Unit::Days => Duration::Days(days),
            Unit::EndOfBusinessDays => Duration::EndOfBusinessDays(days),
        }
    }

    /// Where a target of this family stands.
    pub fn place(&self, duration: &Duration) -> Option<i64> {
        match (self.unit, duration) {
            (Unit::Open, Duration::Open { ms }) | (Unit::Elapsed, Duration::Elapsed { ms }) => Some(2 * ms),
            (Unit::BusinessDays, Duration::BusinessDays(days))
            | (Unit::Days, Duration::Days(days))
            | (Unit::EndOfBusinessDays, Duration::EndOfBusinessDays(days)) => Some(i64::from(*days) * DAY_MS),
            _ => None,
        }
    }

    /// The time that a place of [`Unit::Open`] or [`Unit::Elapsed`] stands for.
    pub fn time_ms(place: i64) -> i64 {
        place.div_euclid(2)
    }

    /// The place of a clock: the smallest target that it would have met, or beyond what it has used up by `until` if it has not
    /// `stopped`. Each allowance counts that a reassignment ended; a deadline of the policy itself has no part in it.
    pub fn observe(&self, rules: &Rules, clock: &Clock, until: Timestamp, stopped: bool) -> Observation {
        let mut bases: Vec<Timestamp> = clock.bases_before.iter().copied().chain([clock.base]).collect();
        if clock.moved_by_source(rules) {
            bases = vec![clock.start];
        }
        // An allowance that a reassignment ended: its deadline was still ahead then.
        let handed_on = bases.windows(2).map(|pair| self.within(clock, pair[0], pair[1], true));
        let used = handed_on.max().unwrap_or(-1);
        let base = bases.last().copied().unwrap_or(clock.start);
        match stopped {
            true => Observation { time: used.max(self.within(clock, base, until, false)), happened: true },
            false => {
                // The largest that was missed. What an earlier allowance needed may just have been enough.
                let missed = self.within(clock, base, until, true) - 1;
                Observation { time: missed.max(used - 1), happened: false }
            }
        }
    }

    /// The smallest place whose deadline, counted from `base`, is at `end` or after it (`beyond`: after it). Between two dates a place
    /// is the part of the way from one deadline to the next that was used.
    fn within(&self, clock: &Clock, base: Timestamp, end: Timestamp, beyond: bool) -> i64 {
        let due = |number: i64| {
            let duration = self.duration(number);
            let probe = Target {
                label: String::new(),
                when: Vec::new(),
                promise: Promise::Within(duration.clone()),
                schedule: self.schedule.clone(),
            };
            clock.due_after_pauses(&probe, &duration, base, end)
        };
        let reaches = |number: i64| if beyond { due(number) > end } else { due(number) >= end };
        if matches!(self.unit, Unit::Open | Unit::Elapsed) {
            let used = self.used_ms(clock, base, end);
            // A deadline at closing time is missed by what comes before the next opening, and saved by no pause that begins at
            // it: between two milliseconds of open time.
            return 2 * used + i64::from(!reaches(used));
        }
        let (mut missed, mut reached) = (-1, 0);
        while reached < MOST_DAYS && !reaches(reached) {
            (missed, reached) = (reached, (2 * reached).max(1));
        }
        while reached - missed > 1 {
            let middle = missed + (reached - missed) / 2;
            if reaches(middle) { reached = middle } else { missed = middle }
        }
        let from = if missed < 0 { base } else { due(missed) };
        let used = i128::from(self.used_ms(clock, base, end) - self.used_ms(clock, base, from)).max(0);
        let left = i128::from(self.measure().between(end, due(reached))).max(0);
        let (date, way) = (i128::from(DAY_MS), (used + left).max(1));
        let part = if beyond {
            // What was used up, and the next after it.
            (used * date / way).min(date - 1) + 1
        } else {
            ((used * date + way - 1) / way).max(1)
        };
        (reached - 1) * DAY_MS + part as i64
    }

    fn measure(&self) -> Measure<'_> {
        match self.unit {
            Unit::Elapsed | Unit::Days => Measure::Elapsed,
            Unit::Open | Unit::BusinessDays | Unit::EndOfBusinessDays => Measure::Open(&self.schedule),
        }
    }

    /// Time of the allowance that was used from `base` to `end`, pauses left out.
    fn used_ms(&self, clock: &Clock, base: Timestamp, end: Timestamp) -> i64 {
        let measure = self.measure();
        let runs = clock.runs(end);
        let since = runs.iter().map(|(from, to)| ((*from).max(base), *to)).filter(|(from, to)| from < to);
        since.map(|(from, to)| measure.between(from, to)).fold(0, i64::saturating_add)
    }
}

/// Round targets beside a present one, which is among them.
pub fn candidates(present: &Duration) -> Vec<Duration> {
    const MINUTES: [i64; 2] = [15, 30];
    let ms = |unit_ms: i64| move |count: &i64| count * unit_ms;
    let short = |hours: &[i64]| -> Vec<i64> {
        MINUTES.iter().map(ms(MINUTE_MS)).chain(hours.iter().map(ms(HOUR_MS))).collect()
    };
    let open = || short(&[1, 2, 4, 8]).into_iter().map(|ms| Duration::Open { ms });
    let elapsed = |hours: &[i64]| short(hours).into_iter().map(|ms| Duration::Elapsed { ms });
    let mut round: Vec<Duration> = match present {
        Duration::Open { .. } | Duration::BusinessDays(_) => {
            open().chain([1, 2, 3, 5, 10, 15, 20, 30, 60].map(Duration::BusinessDays)).collect()
        }
        Duration::EndOfBusinessDays(_) => {
            open().chain([0, 1, 2, 3, 5, 10, 15, 20, 30, 60].map(Duration::EndOfBusinessDays)).collect()
        }
        Duration::Elapsed { .. } => elapsed(&[1, 2, 4, 8, 12, 24, 48, 72])
            .chain([5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180].map(Duration::Days))
            .collect(),
        Duration::Days(_) => elapsed(&[1, 2, 4, 8, 12])
            .chain([1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180].map(Duration::Days))
            .collect(),
    };
    // Five days written in hours are those five days, but for a change of the clocks.
    let days_ms = |days: u32| i64::from(days) * DAY_MS;
    if let Duration::Elapsed { ms } = present {
        round.retain(|other| !matches!(other, Duration::Days(days) if days_ms(*days) == *ms));
    }
    if !round.contains(present) {
        round.push(present.clone());
    }
    round
}
