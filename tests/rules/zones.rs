//! Both ends of summer time in zones with odd rules, worked by hand (SEMANTICS §5, 12.33). Instants are UTC.

use std::sync::Arc;

use crate::timeline::{HEAD, assigned, instant, one, play};
use plazo::calendar::{Calendar, Duration, Hours, Schedule, Spec};

/// A calendar with these hours on every day of the week, or from Monday to Friday.
fn schedule(zone: &str, days: usize, hours: &[&str]) -> Schedule {
    let mut spec = Spec::new(zone.parse().expect("a zone"));
    for day in &mut spec.weekly[..days] {
        *day = hours.iter().map(|text| Hours::parse(text).expect("hours")).collect();
    }
    let zone = spec.timezone;
    Schedule { calendar: Some(Arc::new(Calendar::compile(spec).expect("hours"))), zone }
}

#[track_caller]
fn adds(schedule: &Schedule, from: &str, duration: &str, to: &str) {
    let duration = Duration::parse(duration).expect("a duration");
    assert_eq!(schedule.add(instant(from), &duration), Ok(instant(to)), "{duration} from {from}");
}

/// From the first opening at or after `from` to the closing that ends so many real, open minutes.
#[track_caller]
fn open_between(schedule: &Schedule, from: &str, to: &str, minutes: i64) {
    let (from, to) = (instant(from), instant(to));
    assert_eq!(schedule.open_ms_between(from, to), Ok(minutes * 60_000));
    assert_eq!(schedule.add_open_ms(from, minutes * 60_000), Ok(to));
    let calendar = schedule.calendar.as_ref().expect("a calendar");
    assert_eq!(calendar.subtract_open_ms(to, minutes * 60_000), Ok(from));
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    let night = schedule("Australia/Lord_Howe", 7, &["01:00-03:00"]);
    // 5 April 2026: 01:30 to 02:00 is shown twice. 4 October: 02:00 to 02:30 is not shown.
    open_between(&night, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", 150);
    open_between(&night, "2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z", 90);
    // An opening inside the gap is the gap's end, a closing inside it too.
    open_between(
        &schedule("Australia/Lord_Howe", 7, &["02:10-04:00"]),
        "2026-10-03T15:30:00Z",
        "2026-10-03T17:00:00Z",
        90,
    );
    open_between(
        &schedule("Australia/Lord_Howe", 7, &["01:00-02:10"]),
        "2026-10-03T14:30:00Z",
        "2026-10-03T15:30:00Z",
        60,
    );
    // 02:10 of the day before, read with the offset before the gap, is 02:40; 01:45 in the fold is the first of the two.
    adds(&night, "2026-10-02T15:40:00Z", "1 days", "2026-10-03T15:40:00Z");
    adds(&night, "2026-04-03T14:45:00Z", "1 days", "2026-04-04T14:45:00Z");
    adds(&night, "2026-04-03T14:45:00Z", "1 business days", "2026-04-04T14:45:00Z");
}

#[test]
fn troll_moves_by_two_hours() {
    let night = schedule("Antarctica/Troll", 7, &["00:00-04:00"]);
    open_between(&night, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", 120);
    open_between(&night, "2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z", 360);
    // 02:00 does not exist on 29 March: two hours later than written, 04:00.
    adds(&night, "2026-03-28T02:00:00Z", "1 days", "2026-03-29T02:00:00Z");
    // 02:00 of 25 October comes twice, and the first is meant.
    adds(&night, "2026-10-24T00:00:00Z", "1 days", "2026-10-25T00:00:00Z");
}

#[test]
fn apia_had_no_30_december_2011() {
    let office = schedule("Pacific/Apia", 5, &["09:00-17:00"]);
    // Thursday the 29th at UTC-10; the next working date is Monday 2 January at UTC+14.
    adds(&office, "2011-12-29T20:00:00Z", "1 business days", "2012-01-01T20:00:00Z");
    adds(&office, "2011-12-29T20:00:00Z", "end of 1 business day", "2012-01-02T03:00:00Z");
    open_between(&office, "2011-12-30T02:00:00Z", "2012-01-02T02:00:00Z", 480);
    // The Friday that was skipped, read with the offset before, shows as Saturday.
    adds(&office, "2011-12-29T20:00:00Z", "1 days", "2011-12-30T20:00:00Z");
    adds(&office, "2011-12-29T20:00:00Z", "2 days", "2011-12-30T20:00:00Z");
    // A holiday on a date that does not exist closes nothing.
    let mut spec = office.calendar.as_ref().expect("a calendar").spec().clone();
    spec.holidays.insert("2011-12-30".parse().expect("a date"));
    let with_holiday =
        Schedule { calendar: Some(Arc::new(Calendar::compile(spec).expect("hours"))), zone: office.zone };
    adds(&with_holiday, "2011-12-29T20:00:00Z", "1 business days", "2012-01-01T20:00:00Z");
}

#[test]
fn casablanca_turns_back_for_ramadan() {
    let night = schedule("Africa/Casablanca", 7, &["01:00-05:00"]);
    // 15 February 2026: 02:00 to 03:00 twice. 22 March: not at all.
    open_between(&night, "2026-02-15T00:00:00Z", "2026-02-15T05:00:00Z", 300);
    open_between(&night, "2026-03-22T01:00:00Z", "2026-03-22T04:00:00Z", 180);
    adds(&night, "2026-02-14T01:30:00Z", "1 days", "2026-02-15T01:30:00Z");
    adds(&night, "2026-03-21T02:30:00Z", "1 days", "2026-03-22T02:30:00Z");
    // Office hours of a week over the change: eight hours of the wall clock each day.
    let office = schedule("Africa/Casablanca", 5, &["09:00-17:00"]);
    open_between(&office, "2026-03-20T09:00:00Z", "2026-03-23T16:00:00Z", 960);
}

#[test]
fn cairo_changes_at_midnight() {
    let midnight = schedule("Africa/Cairo", 7, &["00:00-02:00"]);
    // 24 April 2026 begins at 01:00.
    open_between(&midnight, "2026-04-23T22:00:00Z", "2026-04-23T23:00:00Z", 60);
    adds(&midnight, "2026-04-22T22:30:00Z", "1 days", "2026-04-23T22:30:00Z");
    // 29 October has its last hour twice.
    let evening = schedule("Africa/Cairo", 7, &["22:00-24:00"]);
    open_between(&evening, "2026-10-29T19:00:00Z", "2026-10-29T22:00:00Z", 180);
    adds(&evening, "2026-10-28T19:00:00Z", "end of 1 business day", "2026-10-29T22:00:00Z");
    adds(&evening, "2026-10-28T20:30:00Z", "1 days", "2026-10-29T20:30:00Z");
    // One night of two dates, over the change.
    let night = schedule("Africa/Cairo", 7, &["22:00-06:00"]);
    open_between(&night, "2026-04-23T20:00:00Z", "2026-04-24T03:00:00Z", 420);
    open_between(&night, "2026-10-29T19:00:00Z", "2026-10-30T04:00:00Z", 540);
}

#[test]
fn a_clock_of_the_engine_counts_as_its_calendar_over_both_changes() {
    for (zone, hours, start, due) in [
        ("Australia/Lord_Howe", "01:00-03:00", "2026-04-04T14:00:00Z", "2026-04-05T15:00:00Z"),
        ("Australia/Lord_Howe", "01:00-03:00", "2026-10-03T14:30:00Z", "2026-10-04T15:30:00Z"),
        ("Antarctica/Troll", "00:00-04:00", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
        ("Antarctica/Troll", "00:00-04:00", "2026-10-24T22:00:00Z", "2026-10-25T01:00:00Z"),
        ("Pacific/Apia", "09:00-11:00", "2011-12-29T19:00:00Z", "2011-12-30T20:00:00Z"),
        ("Africa/Casablanca", "01:00-05:00", "2026-02-15T00:00:00Z", "2026-02-15T03:00:00Z"),
        ("Africa/Casablanca", "01:00-04:00", "2026-03-22T01:00:00Z", "2026-03-23T01:00:00Z"),
        ("Africa/Cairo", "00:00-02:00", "2026-04-23T22:00:00Z", "2026-04-24T23:00:00Z"),
        ("Africa/Cairo", "22:00-24:00", "2026-10-29T19:00:00Z", "2026-10-29T22:00:00Z"),
    ] {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| format!("{day} = [\"{hours}\"]"));
        let calendar = format!("[calendars.here]\ntimezone = \"{zone}\"\nweekly = {{ {} }}\n", days.join(", "));
        let sla = one(
            "calendar = \"here\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }",
            "within = \"3 business hours\"",
        );
        play(&format!("{HEAD}{calendar}{sla}"), |t| {
            t.at(start, assigned("ana")).until(due);
            assert_eq!((t.said.len(), t.last("started")["due_at"].as_str()), (1, Some(due)), "{zone}");
            t.until("2027-01-01T00:00:00Z");
            assert_eq!((t.said.len(), t.last("breached")["due_at"].as_str()), (2, Some(due)), "{zone}");
            assert_eq!(t.last("breached")["open_seconds"], 3 * 3_600);
        });
    }
}
