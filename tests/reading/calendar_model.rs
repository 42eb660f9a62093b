//! Calendars against a model that knows nothing of intervals: it asks minute by minute whether the wall clock shows an open
//! time, and finds every answer by searching. All bounds, and all changes of offset of the zones here, lie on whole minutes.

use std::sync::Arc;

use chrono::{Days, NaiveDate, NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;
use plazo::calendar::{Calendar, Duration, Hours, Schedule, Spec};
use plazo::time::{DAY_MS, MINUTE_MS, Timestamp};
use proptest::prelude::*;

/// Open minutes of a span of some weeks, by number since 1970.
struct Model {
    spec: Spec,
    first: i64,
    open: Vec<bool>,
    dates: Vec<NaiveDate>,
}

impl Model {
    fn new(spec: &Spec, around: i64) -> Self {
        let first = (around - 40 * DAY_MS) / MINUTE_MS;
        let (mut open, mut dates) = (Vec::new(), Vec::new());
        for minute in first..first + 110 * 24 * 60 {
            let wall = local(spec.timezone, minute * MINUTE_MS);
            open.push(shows_open(spec, wall));
            dates.push(wall.date());
        }
        Model { spec: spec.clone(), first, open, dates }
    }

    fn minute_is_open(&self, minute: i64) -> bool {
        self.open[usize::try_from(minute - self.first).expect("within the model")]
    }

    fn is_open(&self, at: i64) -> bool {
        self.minute_is_open(at.div_euclid(MINUTE_MS))
    }

    /// Open, or the closing time of what was open until now.
    fn is_open_or_bound(&self, at: i64) -> bool {
        self.is_open(at) || self.is_open(at - 1)
    }

    fn next_opening(&self, at: i64) -> i64 {
        let minute = (at.div_euclid(MINUTE_MS) + 1..).find(|minute| self.minute_is_open(*minute)).expect("an opening");
        minute * MINUTE_MS
    }

    fn previous_closing(&self, at: i64) -> i64 {
        let below = (at - 1).div_euclid(MINUTE_MS);
        let minute = (self.first..=below).rev().find(|minute| self.minute_is_open(*minute)).expect("a closing");
        (minute + 1) * MINUTE_MS
    }

    fn settle(&self, at: i64, forward: bool) -> i64 {
        match (self.is_open_or_bound(at), forward) {
            (true, _) => at,
            (false, true) => self.next_opening(at),
            (false, false) => self.previous_closing(at),
        }
    }

    fn add_open(&self, from: i64, open_ms: i64) -> i64 {
        let (mut at, mut left) = (from, open_ms);
        while left > 0 {
            let step = MINUTE_MS - at.rem_euclid(MINUTE_MS);
            if self.is_open(at) {
                if left <= step {
                    return at + left;
                }
                left -= step;
            }
            at += step;
        }
        at
    }

    fn subtract_open(&self, to: i64, open_ms: i64) -> i64 {
        let (mut at, mut left) = (to, open_ms);
        while left > 0 {
            let step = (at - 1).rem_euclid(MINUTE_MS) + 1;
            if self.is_open(at - 1) {
                if left <= step {
                    return at - left;
                }
                left -= step;
            }
            at -= step;
        }
        at
    }

    fn between(&self, from: i64, to: i64) -> i64 {
        let (mut at, mut sum) = (from, 0);
        while at < to {
            let step = (MINUTE_MS - at.rem_euclid(MINUTE_MS)).min(to - at);
            sum += if self.is_open(at) { step } else { 0 };
            at += step;
        }
        sum
    }

    fn date_has_open_time(&self, date: NaiveDate) -> bool {
        self.dates.iter().zip(&self.open).any(|(shown, open)| *shown == date && *open)
    }

    fn nth_date(&self, date: NaiveDate, count: u32, forward: bool) -> NaiveDate {
        let (mut date, mut left) = (date, count);
        while left > 0 {
            date = if forward { date + Days::new(1) } else { date - Days::new(1) };
            left -= u32::from(self.date_has_open_time(date));
        }
        date
    }

    fn business_days(&self, from: i64, count: u32, forward: bool) -> i64 {
        if count == 0 {
            return from;
        }
        let start = local(self.spec.timezone, self.settle(from, forward));
        let there = self.nth_date(start.date(), count, forward).and_time(start.time());
        self.settle(compatible(self.spec.timezone, there), forward)
    }

    fn add_days(&self, from: i64, days: i64) -> i64 {
        let wall = local(self.spec.timezone, from);
        compatible(self.spec.timezone, wall + chrono::TimeDelta::days(days))
    }
}

fn local(zone: Tz, at: i64) -> NaiveDateTime {
    zone.from_utc_datetime(&Timestamp(at).to_utc().naive_utc()).naive_local()
}

fn shows_open(spec: &Spec, wall: NaiveDateTime) -> bool {
    let seconds = wall.num_seconds_from_midnight();
    let within = |date: NaiveDate, seconds: u32| {
        spec.hours_of(date).iter().any(|hours| hours.from <= seconds && seconds < hours.to)
    };
    within(wall.date(), seconds) || within(wall.date() - Days::new(1), seconds + 86_400)
}

/// The first instant that shows a wall-clock time; in a gap, as far after the gap's end as the time lies after its begin.
fn compatible(zone: Tz, wall: NaiveDateTime) -> i64 {
    let guess = wall.and_utc().timestamp_millis();
    let around = || (-26 * 60..=26 * 60).map(|minutes| (guess + minutes * MINUTE_MS).div_euclid(MINUTE_MS) * MINUTE_MS);
    let into_minute = guess.rem_euclid(MINUTE_MS);
    if let Some(found) = around().find(|at| local(zone, *at + into_minute) == wall) {
        return found + into_minute;
    }
    let last_before = around().filter(|at| local(zone, *at) < wall).max().expect("a time before the gap");
    let first_missing = local(zone, last_before) + chrono::TimeDelta::minutes(1);
    last_before + MINUTE_MS + (wall - first_missing).num_milliseconds()
}

fn specs() -> impl Strategy<Value = Spec> {
    let zones = proptest::sample::select(vec![
        Tz::UTC,
        Tz::America__Sao_Paulo,
        Tz::Europe__Madrid,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Antarctica__Troll,
        Tz::Pacific__Apia,
        Tz::Africa__Casablanca,
        Tz::Africa__Cairo,
        Tz::Asia__Kathmandu,
    ]);
    let usual =
        proptest::sample::select(vec!["09:00-12:00", "13:00-18:00", "22:00-06:00", "18:00-24:00", "01:30-02:30"])
            .prop_map(|text| Hours::parse(text).expect("hours"));
    let odd =
        (0u32..1_440, 1u32..=1_440).prop_map(|(from, length)| Hours { from: from * 60, to: (from + length) * 60 });
    let hours = prop_oneof![usual, odd];
    let days = proptest::collection::vec((0usize..7, hours.clone()), 1..9);
    let exceptions = proptest::collection::btree_map(
        (0usize..BASES.len(), 0u64..12),
        proptest::option::of(proptest::collection::vec(hours, 0..3)),
        0..5,
    );
    (zones, days, exceptions).prop_map(|(zone, days, exceptions)| {
        let mut spec = Spec::new(zone);
        for (day, hours) in days {
            spec.weekly[day].push(hours);
        }
        for ((base, offset), own) in exceptions {
            let date = at(BASES[base]).to_utc().date_naive() + Days::new(offset);
            match own {
                Some(own) => drop(spec.dates.insert(date, own)),
                None => drop(spec.holidays.insert(date)),
            }
        }
        spec
    })
}

/// Changes of clocks in both hemispheres, Apia's lost date, Casablanca's Ramadan, Cairo's midnight change, a new year,
/// Sao Paulo's last summer time.
const BASES: [&str; 9] = [
    "2026-03-26T00:00:00Z",
    "2026-10-23T00:00:00Z",
    "2026-04-02T00:00:00Z",
    "2011-12-27T00:00:00Z",
    "2026-02-12T00:00:00Z",
    "2026-04-22T00:00:00Z",
    "2025-12-29T00:00:00Z",
    "2018-11-01T00:00:00Z",
    "2019-02-14T00:00:00Z",
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

/// On whole minutes more often than not, so that bounds are met.
fn instants() -> impl Strategy<Value = i64> {
    let within = prop_oneof![(0..6 * 1_440i64).prop_map(|minute| minute * MINUTE_MS), 0..6 * DAY_MS];
    (proptest::sample::select(BASES.to_vec()), within).prop_map(|(base, offset)| at(base).ms() + offset)
}

fn open_ms() -> impl Strategy<Value = i64> {
    prop_oneof![(0i64..1_500).prop_map(|minutes| minutes * MINUTE_MS), 0..DAY_MS]
}

fn schedule(spec: &Spec) -> Schedule {
    let calendar = Calendar::compile(spec.clone()).expect("hours of a weekday");
    Schedule { calendar: Some(Arc::new(calendar)), zone: spec.timezone }
}

/// Open so seldom that an answer may lie beyond the model's weeks.
fn sparse(spec: &Spec) -> bool {
    let week = |hours: &Vec<Hours>| hours.iter().map(|hours| i64::from(hours.to - hours.from)).sum::<i64>();
    spec.weekly.iter().map(week).sum::<i64>() < 8 * 3_600
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_of_duration_agrees_with_a_minute_walk(
        spec in specs(), from in instants(), ms in open_ms(), days in 0u32..5,
    ) {
        prop_assume!(!sparse(&spec));
        let (model, schedule) = (Model::new(&spec, from), schedule(&spec));
        let add = |duration| schedule.add(Timestamp(from), &duration).expect("in range").ms();
        let subtract = |duration| schedule.subtract(Timestamp(from), &duration).expect("in range").ms();
        prop_assert_eq!(add(Duration::Open { ms }), model.add_open(from, ms));
        prop_assert_eq!(subtract(Duration::Open { ms }), model.subtract_open(from, ms));
        prop_assert_eq!(add(Duration::BusinessDays(days)), model.business_days(from, days, true), "{} business days", days);
        prop_assert_eq!(subtract(Duration::BusinessDays(days)), model.business_days(from, days, false), "{} business days back", days);
        prop_assert_eq!(add(Duration::Days(days)), if days == 0 { from } else { model.add_days(from, i64::from(days)) });
        prop_assert_eq!(subtract(Duration::Days(days)), if days == 0 { from } else { model.add_days(from, -i64::from(days)) });
        prop_assert_eq!(add(Duration::Elapsed { ms }), from + ms);
    }

    #[test]
    fn between_agrees_with_a_minute_walk_and_so_do_the_intervals_told(spec in specs(), from in instants(), span in 0..9 * DAY_MS) {
        let (model, schedule) = (Model::new(&spec, from), schedule(&spec));
        let (from, to) = (Timestamp(from), Timestamp(from + span));
        let expected = model.between(from.ms(), to.ms());
        prop_assert_eq!(schedule.open_ms_between(from, to), Ok(expected));
        prop_assert_eq!(schedule.open_ms_between(to, from), Ok(-expected));
        let told = schedule.calendar.as_ref().expect("one").intervals(from, to).expect("in range");
        prop_assert_eq!(told.iter().map(|(open, close)| close.since_ms(*open)).sum::<i64>(), expected);
        prop_assert!(told.iter().all(|(open, close)| open < close && *open >= from && *close <= to));
        prop_assert!(told.windows(2).all(|pair| pair[0].1 < pair[1].0), "joined and in order");
    }

    /// The end of a business day is a closing, on its date or in the night that begins on it, and nothing that begins on the
    /// date is open after it.
    #[test]
    fn the_end_of_business_days_leaves_nothing_of_its_date_open(spec in specs(), from in instants(), days in 0u32..4) {
        prop_assume!(!sparse(&spec));
        let (model, schedule) = (Model::new(&spec, from), schedule(&spec));
        let end = schedule.add(Timestamp(from), &Duration::EndOfBusinessDays(days)).expect("in range").ms();
        let start = model.settle(from, true);
        let date = model.nth_date(local(spec.timezone, start).date(), days, true);
        // Closing at 24:00 stands on the next date, which may have nothing open.
        if !model.date_has_open_time(date) {
            prop_assert_eq!(end, start);
            return Ok(());
        }
        prop_assert!(model.is_open(end - 1), "{} is no closing", Timestamp(end));
        let still_open = (model.first..).zip(&model.dates).find(|(minute, shown)| {
            **shown == date && minute * MINUTE_MS >= end && model.minute_is_open(*minute)
        });
        prop_assert_eq!(still_open.map(|(minute, _)| Timestamp(minute * MINUTE_MS).to_string()), None, "after {}", Timestamp(end));
        let shown = local(spec.timezone, end - 1).date();
        prop_assert!(shown == date || shown == date + Days::new(1), "{} ends on {}", date, shown);
    }

    /// Open time with pauses is open time of a calendar that is closed while paused.
    #[test]
    fn open_time_with_pauses_counts_only_what_is_open_and_not_paused(
        spec in specs(), from in instants(), ms in 1..DAY_MS,
        pauses in proptest::collection::vec((-2_000i64..8_000, 0i64..2_000), 0..4),
    ) {
        prop_assume!(!sparse(&spec));
        let (model, schedule) = (Model::new(&spec, from), schedule(&spec));
        let base = from.div_euclid(MINUTE_MS);
        let spans: Vec<(Timestamp, Timestamp)> = pauses
            .iter()
            .map(|(begin, length)| (Timestamp((base + begin) * MINUTE_MS), Timestamp((base + begin + length) * MINUTE_MS)))
            .collect();
        let paused = |at: i64| spans.iter().any(|(begin, end)| begin.ms() <= at && at < end.ms());
        let (mut at, mut left) = (from, ms);
        while left > 0 {
            let step = MINUTE_MS - at.rem_euclid(MINUTE_MS);
            if model.is_open(at) && !paused(at) {
                if left <= step {
                    at += left;
                    break;
                }
                left -= step;
            }
            at += step;
        }
        let (from, duration) = (Timestamp(from), Duration::Open { ms });
        let due = schedule.add_paused(from, &duration, &spans).expect("in range");
        prop_assert_eq!(due, Timestamp(at));
        prop_assert_eq!(schedule.open_ms_between_paused(from, due, &spans), Ok(ms));
        prop_assert_eq!(schedule.open_ms_between_paused(due, from, &spans), Ok(-ms));
        let start = schedule.subtract_paused(due, &duration, &spans).expect("in range");
        prop_assert!(start >= from);
        prop_assert_eq!(schedule.open_ms_between_paused(start, due, &spans), Ok(ms));
        prop_assert!(schedule.open_ms_between_paused(start.plus_ms(1), due, &spans).expect("in range") < ms);
    }
}

#[test]
fn the_model_finds_the_worked_example_of_a_date_target() {
    let mut spec = Spec::new(Tz::UTC);
    spec.weekly =
        std::array::from_fn(|day| if day < 5 { vec![Hours { from: 32_400, to: 64_800 }] } else { Vec::new() });
    let monday = at("2026-03-02T10:00:00Z").ms();
    let model = Model::new(&spec, monday);
    assert_eq!(Timestamp(model.business_days(monday, 2, true)), at("2026-03-04T10:00:00Z"));
}
