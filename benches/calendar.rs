//! Open time: `Schedule::add` on the compiled calendar against a walk by days with chrono-tz, on the same calendar and the
//! same starts, whose results are compared first. The walk knows its intervals and holidays parsed and sorted, too.
//!
//! `cargo bench --bench calendar`; the last line is the mean of the ratios of all durations, so that no
//! long walk outweighs the short ones.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use criterion::Criterion;
use plazo::calendar::{Calendar, Duration, Hours, Schedule, Spec};
use plazo::time::{DAY_MS, HOUR_MS, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 7;
const STARTS: usize = 4_096;
/// Starts lie in the five years from 2026 on.
const FIRST: Timestamp = Timestamp(1_767_225_600_000);
const SPAN_MS: i64 = 5 * 365 * DAY_MS;
const OPEN_HOURS: [i64; 5] = [1, 4, 8, 16, 40];
const ZONE: Tz = Tz::Europe__Madrid;
const HOLIDAYS: [(u32, u32); 9] = [(1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25)];
/// Goal of the compiled calendar.
const GOAL_RATIO: f64 = 0.2;

/// The office that both know: a lunch break, short Fridays, nine holidays a year.
struct Office {
    weekly: [Vec<(NaiveTime, NaiveTime)>; 7],
    holidays: BTreeSet<NaiveDate>,
}

const DAY: [&str; 2] = ["09:00-14:00", "15:00-18:30"];
const FRIDAY: [&str; 1] = ["09:00-15:00"];

fn spec() -> Result<Spec, Box<dyn Error>> {
    let mut spec = Spec::new(ZONE);
    for day in 0..5 {
        let texts: &[&str] = if day == 4 { &FRIDAY } else { &DAY };
        spec.weekly[day] = texts.iter().map(|text| Hours::parse(text)).collect::<Result<_, _>>()?;
    }
    let dates = (2025..2032).flat_map(|year| HOLIDAYS.map(|(month, day)| NaiveDate::from_ymd_opt(year, month, day)));
    spec.holidays = dates.flatten().collect();
    Ok(spec)
}

impl Office {
    fn of(spec: &Spec) -> Office {
        let time = |seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default();
        let weekly = spec.weekly.each_ref().map(|day| day.iter().map(|h| (time(h.from), time(h.to))).collect());
        Office { weekly, holidays: spec.holidays.clone() }
    }

    /// The plain way: day after day, interval after interval, until the time is used up.
    fn add(&self, from: DateTime<Utc>, open: TimeDelta) -> Option<DateTime<Utc>> {
        let mut left = open;
        let mut date = from.with_timezone(&ZONE).date_naive();
        loop {
            if !self.holidays.contains(&date) {
                for (opens, closes) in &self.weekly[date.weekday().num_days_from_monday() as usize] {
                    let opens = ZONE.from_local_datetime(&date.and_time(*opens)).earliest()?.to_utc().max(from);
                    let closes = ZONE.from_local_datetime(&date.and_time(*closes)).latest()?.to_utc();
                    if opens < closes {
                        if left <= closes - opens {
                            return Some(opens + left);
                        }
                        left -= closes - opens;
                    }
                }
            }
            date = date.checked_add_days(Days::new(1))?;
        }
    }
}

/// Nanoseconds of one call, the median of criterion's samples.
fn measure(criterion: &mut Criterion, name: &str, mut call: impl FnMut(usize)) -> f64 {
    let samples = RefCell::new(Vec::new());
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
            let begun = Instant::now();
            for index in 0..calls {
                call(index as usize % STARTS);
            }
            let elapsed = begun.elapsed();
            samples.borrow_mut().push(elapsed.as_nanos() as f64 / calls as f64);
            elapsed
        });
    });
    let mut samples = samples.into_inner();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn Error>> {
    let spec = spec()?;
    let office = Office::of(&spec);
    let schedule = Schedule { zone: ZONE, calendar: Some(Arc::new(Calendar::compile(spec)?)) };
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let starts: Vec<Timestamp> = (0..STARTS).map(|_| FIRST.plus_ms(rng.random_range(0..SPAN_MS))).collect();
    let utc: Vec<DateTime<Utc>> = starts.iter().map(|start| start.to_utc()).collect();

    let mut criterion = Criterion::default().configure_from_args();
    let mut rows = Vec::new();
    for hours in OPEN_HOURS {
        let duration = Duration::Open { ms: hours * HOUR_MS };
        let open = TimeDelta::hours(hours);
        for (start, utc) in starts.iter().zip(&utc) {
            let walked = office.add(*utc, open).map(Timestamp::from_utc);
            assert_eq!(schedule.add(*start, &duration).ok(), walked, "{start} + {hours} h");
        }
        let compiled = measure(&mut criterion, &format!("compiled/{hours} business hours"), |index| {
            let _ = black_box(schedule.add(black_box(starts[index]), black_box(&duration)));
        });
        let walked = measure(&mut criterion, &format!("day walk/{hours} business hours"), |index| {
            let _ = black_box(office.add(black_box(utc[index]), black_box(open)));
        });
        rows.push((hours, compiled, walked));
    }
    println!("\n{STARTS} starts from {FIRST} on, seed {SEED}, all results equal");
    println!("{:<20}{:>14}{:>14}{:>8}", "", "compiled, ns", "day walk, ns", "ratio");
    let mut sum = 0.0;
    for (hours, compiled, walked) in rows {
        sum += compiled / walked;
        println!("{:<20}{compiled:>14.0}{walked:>14.0}{:>8.3}", format!("{hours} business hours"), compiled / walked);
    }
    println!("calendar add: {:.2} x day walk (goal <= {GOAL_RATIO})", sum / OPEN_HOURS.len() as f64);
    Ok(())
}
