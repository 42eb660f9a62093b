//! Worked examples of SEMANTICS §5 and §12, and a naive minute walk as an independent model.

mod bounds;

use std::collections::BTreeMap;

use chrono::{NaiveDate, Timelike};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

fn calendar(zone: &str, weekly: &[(usize, &str)], dates: &[(&str, &[&str])], holidays: &[&str]) -> Schedule {
    let zone: Tz = zone.parse().expect("a zone");
    let mut spec = Spec::new(zone);
    for (day, hours) in weekly {
        spec.weekly[*day].push(Hours::parse(hours).expect("hours"));
    }
    for (date, hours) in dates {
        let hours = hours.iter().map(|text| Hours::parse(text).expect("hours")).collect();
        spec.dates.insert(date.parse().expect("a date"), hours);
    }
    spec.holidays.extend(holidays.iter().map(|date| date.parse::<NaiveDate>().expect("a date")));
    Schedule { calendar: Some(Arc::new(Calendar::compile(spec).expect("open"))), zone }
}

fn office(zone: &str) -> Schedule {
    let weekly: Vec<(usize, &str)> = (0..5).map(|day| (day, "09:00-18:00")).collect();
    calendar(zone, &weekly, &[], &[])
}

fn lunch(zone: &str) -> Schedule {
    let weekly: Vec<(usize, &str)> = (0..5).flat_map(|day| [(day, "09:00-12:00"), (day, "13:00-18:00")]).collect();
    calendar(zone, &weekly, &[], &[])
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn add(schedule: &Schedule, from: &str, duration: &str) -> String {
    let duration = Duration::parse(duration).expect("a duration");
    schedule.add(at(from), &duration).expect("in range").to_string()
}

fn subtract(schedule: &Schedule, to: &str, duration: &str) -> String {
    let duration = Duration::parse(duration).expect("a duration");
    schedule.subtract(at(to), &duration).expect("in range").to_string()
}

#[test]
fn durations_are_read_in_the_measure_they_are_written_in() {
    for (text, expected) in [
        ("4 business hours", Duration::Open { ms: 4 * HOUR_MS }),
        (" 1.5  Hours ", Duration::Elapsed { ms: 90 * MINUTE_MS }),
        ("0.0001 seconds", Duration::Elapsed { ms: 1 }),
        ("0.1 hours", Duration::Elapsed { ms: 6 * MINUTE_MS }),
        ("2 business days", Duration::BusinessDays(2)),
        ("1 day", Duration::Days(1)),
        ("8 weeks", Duration::Days(56)),
        ("end of business day", Duration::EndOfBusinessDays(0)),
        ("end of 2 business days", Duration::EndOfBusinessDays(2)),
        ("0 hours", Duration::Elapsed { ms: 0 }),
    ] {
        assert_eq!(Duration::parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn a_duration_is_written_as_it_is_read() {
    for text in [
        "4 business hours",
        "90 minutes",
        "30 business minutes",
        "90 seconds",
        "1.5 seconds",
        "2 business days",
        "30 days",
        "end of business day",
        "end of 2 business days",
    ] {
        assert_eq!(Duration::parse(text).map(|duration| duration.to_string()).as_deref(), Ok(text));
    }
}

#[test]
fn a_number_of_days_is_written_in_digits_alone() {
    for text in ["+2 business days", "-1 days", "business days", "1.5 days", "end of +2 business days"] {
        assert!(Duration::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_with_the_readings() {
    for (text, readings) in [
        ("2d", vec!["2 business days", "2 days"]),
        ("4h", vec!["4 business hours", "4 hours"]),
        ("2 business weeks", vec!["10 business days", "2 weeks"]),
        ("30", vec!["30 business hours", "30 hours", "30 business days", "30 days"]),
        ("1.5 days", vec!["24 hours", "8 business hours"]),
        ("PT4H", vec![]),
        ("-2 hours", vec![]),
        ("3 months", vec![]),
        ("", vec![]),
        ("99999999999999999999 hours", vec!["99999999999999999999 business hours", "99999999999999999999 hours"]),
        ("end of 0 business days", vec![]),
    ] {
        assert_eq!(
            Duration::parse(text).map_err(|error| error.readings),
            Err(readings.into_iter().map(String::from).collect()),
            "{text}"
        );
    }
}

#[test]
fn a_deadline_that_falls_on_closing_time_stays_there() {
    let office = office("UTC");
    assert_eq!(add(&office, "2026-03-02T10:00:00Z", "8 business hours"), "2026-03-02T18:00:00Z");
    assert_eq!(add(&office, "2026-03-02T10:00:00Z", "9 business hours"), "2026-03-03T10:00:00Z");
    assert_eq!(add(&office, "2026-03-06T17:00:00Z", "2 business hours"), "2026-03-09T10:00:00Z");
    assert_eq!(add(&office, "2026-03-07T12:00:00Z", "0 business hours"), "2026-03-07T12:00:00Z");
}

#[test]
fn subtracting_finds_the_latest_instant() {
    let office = office("UTC");
    assert_eq!(subtract(&office, "2026-03-03T10:00:00Z", "1 business hours"), "2026-03-03T09:00:00Z");
    assert_eq!(subtract(&office, "2026-03-03T10:00:00Z", "2 business hours"), "2026-03-02T17:00:00Z");
    assert_eq!(subtract(&office, "2026-03-02T09:00:00Z", "9 business hours"), "2026-02-27T09:00:00Z");
    assert_eq!(subtract(&office, "2026-03-07T12:00:00Z", "0 business hours"), "2026-03-07T12:00:00Z");
}

#[test]
fn between_is_negative_where_the_end_is_earlier() {
    let lunch = lunch("UTC");
    let (a, b) = (at("2026-03-02T11:00:00Z"), at("2026-03-03T14:00:00Z"));
    assert_eq!(lunch.open_ms_between(a, b), Ok(10 * HOUR_MS));
    assert_eq!(lunch.open_ms_between(b, a), Ok(-10 * HOUR_MS));
    let years = lunch.open_ms_between(at("1970-01-01T00:00:00Z"), at("2200-12-31T00:00:00Z"));
    assert!(years.is_ok_and(|ms| ms > 229 * 260 * 8 * HOUR_MS));
}

#[test]
fn business_days_keep_the_time_of_day_and_move_only_where_it_is_not_open() {
    let lunch = lunch("UTC");
    assert_eq!(add(&lunch, "2026-03-02T10:00:00Z", "2 business days"), "2026-03-04T10:00:00Z");
    assert_eq!(add(&lunch, "2026-03-06T18:00:00Z", "1 business days"), "2026-03-09T18:00:00Z");
    assert_eq!(add(&lunch, "2026-03-07T12:00:00Z", "1 business days"), "2026-03-10T09:00:00Z");
    assert_eq!(add(&lunch, "2026-03-02T12:00:00Z", "1 business days"), "2026-03-03T12:00:00Z");
    assert_eq!(add(&lunch, "2026-03-02T12:30:00Z", "1 business days"), "2026-03-03T13:00:00Z");
    assert_eq!(add(&lunch, "2026-03-02T20:00:00Z", "1 business days"), "2026-03-04T09:00:00Z");
    assert_eq!(subtract(&lunch, "2026-03-09T10:00:00Z", "1 business days"), "2026-03-06T10:00:00Z");
    assert_eq!(subtract(&lunch, "2026-03-07T12:00:00Z", "1 business days"), "2026-03-05T18:00:00Z");
}

#[test]
fn the_time_of_day_moves_to_the_next_opening_where_the_date_has_other_hours() {
    let short = calendar("UTC", &[(0, "09:00-18:00"), (1, "09:00-18:00")], &[("2026-03-03", &["12:00-14:00"])], &[]);
    assert_eq!(add(&short, "2026-03-02T10:00:00Z", "1 business days"), "2026-03-03T12:00:00Z");
    assert_eq!(add(&short, "2026-03-02T14:00:00Z", "1 business days"), "2026-03-03T14:00:00Z");
    assert_eq!(add(&short, "2026-03-02T15:00:00Z", "1 business days"), "2026-03-09T09:00:00Z");
}

#[test]
fn the_end_of_a_business_day_is_its_last_closing() {
    let lunch = lunch("UTC");
    assert_eq!(add(&lunch, "2026-03-02T10:00:00Z", "end of business day"), "2026-03-02T18:00:00Z");
    assert_eq!(add(&lunch, "2026-03-02T20:00:00Z", "end of business day"), "2026-03-03T18:00:00Z");
    assert_eq!(add(&lunch, "2026-03-02T10:00:00Z", "end of 2 business days"), "2026-03-04T18:00:00Z");
    assert_eq!(add(&lunch, "2026-03-06T10:00:00Z", "end of 1 business days"), "2026-03-09T18:00:00Z");
    let night = calendar("UTC", &[(4, "22:00-06:00")], &[], &[]);
    assert_eq!(add(&night, "2026-03-06T23:00:00Z", "end of business day"), "2026-03-07T06:00:00Z");
    assert!(lunch.subtract(at("2026-03-02T10:00:00Z"), &Duration::EndOfBusinessDays(0)).is_err());
}

#[test]
fn dates_win_over_holidays_and_replace_what_begins_on_them() {
    let spec = calendar(
        "UTC",
        &[(0, "22:00-06:00"), (1, "22:00-06:00"), (2, "22:00-06:00")],
        &[("2026-03-04", &["10:00-12:00"])],
        &["2026-03-03", "2026-03-04"],
    );
    // Monday's overnight tail stays on the holiday; the holiday's own night does not begin.
    assert_eq!(add(&spec, "2026-03-02T22:00:00Z", "8 business hours"), "2026-03-03T06:00:00Z");
    assert_eq!(add(&spec, "2026-03-02T22:00:00Z", "9 business hours"), "2026-03-04T11:00:00Z");
    let closed =
        spec.calendar.as_ref().expect("calendar").closed_dates(at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let named: Vec<(String, &str)> = closed.iter().map(|(date, why)| (date.to_string(), why.name())).collect();
    assert_eq!(named, [("2026-03-03".to_owned(), "holiday"), ("2026-03-04".to_owned(), "own_hours")]);
}

#[test]
fn a_fold_hour_counts_twice_and_a_gap_hour_not_at_all() {
    let whole = calendar("Europe/Madrid", &(0..7).map(|day| (day, "00:00-24:00")).collect::<Vec<_>>(), &[], &[]);
    let day = |from: &str, to: &str| whole.open_ms_between(at(from), at(to));
    assert_eq!(day("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), Ok(23 * HOUR_MS));
    assert_eq!(day("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), Ok(25 * HOUR_MS));
    // A bound at 02:30 in the fold cuts both passes, and in the gap means its end.
    let cut = calendar("Europe/Madrid", &[(6, "00:00-02:30")], &[], &[]);
    assert_eq!(cut.open_ms_between(at("2026-10-24T20:00:00Z"), at("2026-10-25T20:00:00Z")), Ok(3 * HOUR_MS));
    assert_eq!(cut.open_ms_between(at("2026-03-28T20:00:00Z"), at("2026-03-29T20:00:00Z")), Ok(2 * HOUR_MS));
}

#[test]
fn wall_clock_days_keep_the_time_across_dst_and_gaps_take_the_offset_before() {
    let zone = |name: &str| Schedule { calendar: None, zone: name.parse().expect("a zone") };
    assert_eq!(add(&zone("Europe/Madrid"), "2026-03-28T11:00:00Z", "1 day"), "2026-03-29T10:00:00Z");
    assert_eq!(add(&zone("Europe/Madrid"), "2026-03-28T01:22:00Z", "1 day"), "2026-03-29T01:22:00Z");
    assert_eq!(add(&zone("Europe/Madrid"), "2026-10-24T00:30:00Z", "1 day"), "2026-10-25T00:30:00Z");
    assert_eq!(add(&zone("Australia/Lord_Howe"), "2026-10-02T15:45:00Z", "1 day"), "2026-10-03T15:45:00Z");
    assert_eq!(add(&zone("Pacific/Apia"), "2011-12-29T20:00:00Z", "1 day"), "2011-12-30T20:00:00Z");
}

#[test]
fn apia_lost_a_date_that_no_business_day_stands_on() {
    let apia = calendar("Pacific/Apia", &(0..7).map(|day| (day, "09:00-17:00")).collect::<Vec<_>>(), &[], &[]);
    // Thursday the 29th, 10:00 at -10:00; the 30th does not exist; Saturday the 31st, 10:00 at +14:00.
    assert_eq!(add(&apia, "2011-12-29T20:00:00Z", "1 business days"), "2011-12-30T20:00:00Z");
    assert_eq!(apia.open_ms_between(at("2011-12-29T10:00:00Z"), at("2011-12-31T10:00:00Z")), Ok(16 * HOUR_MS));
}

#[test]
fn beyond_the_years_1970_to_2200_is_refused() {
    let office = office("UTC");
    let hour = Duration::Open { ms: HOUR_MS };
    assert!(office.add(Timestamp(-1), &hour).is_err());
    assert!(office.add(at("2200-12-31T17:30:00Z"), &hour).is_err());
    assert!(office.subtract(at("1970-01-01T10:00:00Z"), &Duration::Open { ms: 9 * HOUR_MS }).is_err());
    let ever = Duration::Elapsed { ms: 200 * 366 * DAY_MS };
    assert!(Schedule { calendar: None, zone: Tz::UTC }.add(at("2100-01-01T00:00:00Z"), &ever).is_err());
}

#[test]
fn a_calendar_that_is_never_open_is_refused() {
    assert_eq!(Calendar::compile(Spec::new(Tz::UTC)).err(), Some(NeverOpen));
}

#[test]
fn intervals_are_read_with_overnight_and_24_00() {
    assert_eq!(Hours::parse("22:00-06:00"), Ok(Hours { from: 79_200, to: 108_000 }));
    assert_eq!(Hours::parse("18:00:30-24:00"), Ok(Hours { from: 64_830, to: 86_400 }));
    for text in [
        "9:00-12:00",
        "09:00",
        "24:00-06:00",
        "09:00-09:00",
        "09:60-10:00",
        "09:00-24:01",
        "a-b",
        "09:00-12:00-13:00",
        "",
    ] {
        assert!(Hours::parse(text).is_err(), "{text}");
    }
}

const ICS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n\
BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christ\r\n mas\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=YEARLY;UNTIL=20270101\r\nEXDATE;VALUE=DATE:20230101\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:3\r\nDTSTART:20260501T090000Z\r\nSUMMARY:a meeting\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:4\r\nDTSTART;VALUE=DATE:20260502\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:5\r\nDTSTART;VALUE=DATE:20261105\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2\r\nDURATION:P1D\r\nEND:VEVENT\r\n\
END:VCALENDAR\r\n";

#[test]
fn holidays_come_from_all_day_and_recurring_events() {
    let dates = parse_ics(ICS).expect("a calendar");
    let has = |text: &str| dates.contains_key(&text.parse().expect("a date"));
    assert!(has("2026-12-24") && has("2026-12-26") && !has("2026-12-27"), "DTEND is exclusive");
    assert!(has("2020-01-01") && has("2027-01-01") && !has("2023-01-01") && !has("2028-01-01"));
    assert!(!has("2026-05-01"), "an appointment is no holiday");
    assert!(!has("2026-05-02"), "a cancelled event is no holiday");
    assert!(has("2026-11-26"), "the fourth Thursday of November");
}

#[test]
fn holidays_have_the_names_of_their_events() {
    let dates = parse_ics(ICS).expect("a calendar");
    let named = |text: &str| dates[&text.parse().expect("a date")].clone();
    assert_eq!([named("2026-12-24"), named("2026-12-26"), named("2020-01-01")], ["Christmas", "Christmas", ""]);
    let one = event(&["UID:a", "DTSTART;VALUE=DATE:20261225", "SUMMARY:Peace\\, joy\\nand\\; cake \\\\"]);
    let two = event(&["UID:b", "DTSTART;VALUE=DATE:20261225", "SUMMARY:Christmas"]);
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{one}{two}END:VCALENDAR\r\n");
    let names: Vec<String> = parse_ics(&text).expect("a calendar").into_values().collect();
    assert_eq!(names, ["Peace, joy and; cake \\"]);
}

#[test]
fn garbage_is_no_calendar_and_names_the_line() {
    assert_eq!(parse_ics("hello").expect_err("no calendar").line, Some(1));
    let bad = ICS.replace("20261224", "20261399");
    let error = parse_ics(&bad).expect_err("a bad date");
    assert_eq!(error.line, Some(6));
    assert!(parse_ics(&ICS.replace("FREQ=YEARLY;UNTIL", "FREQ=SOMETIMES;UNTIL")).is_err());
}

/// An instant is open if its wall-clock time lies in an interval of that date or in the tail of the day before.
fn naive_open(spec: &Spec, instant: i64) -> bool {
    let wall = zone::local(spec.timezone, Timestamp(instant));
    let seconds = wall.num_seconds_from_midnight();
    let date = wall.date();
    let inside = |date: NaiveDate, seconds: u32| {
        spec.hours_of(date).iter().any(|hours| (hours.from..hours.to).contains(&seconds))
    };
    inside(date, seconds) || date.pred_opt().is_some_and(|before| inside(before, seconds + 86_400))
}

/// Minute by minute: the earliest instant by which `open_ms` have passed. All bounds and changes lie on whole minutes.
fn naive_add(spec: &Spec, from: i64, open_ms: i64) -> i64 {
    let mut left = open_ms;
    let mut at = from;
    while left > 0 {
        let step = MINUTE_MS - at.rem_euclid(MINUTE_MS);
        if naive_open(spec, at) {
            if left <= step {
                return at + left;
            }
            left -= step;
        }
        at += step;
    }
    at
}

fn specs() -> impl Strategy<Value = Spec> {
    let zones = proptest::sample::select(vec![
        "UTC",
        "America/Sao_Paulo",
        "Europe/Madrid",
        "America/New_York",
        "Australia/Lord_Howe",
        "Antarctica/Troll",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Asia/Kathmandu",
    ]);
    let hours = (0u32..1440, 1u32..1440).prop_map(|(from, length)| Hours { from: from * 60, to: (from + length) * 60 });
    let days = proptest::collection::vec((0usize..7, hours.clone()), 1..9);
    let dates = proptest::collection::btree_map(0i64..14, proptest::collection::vec(hours, 0..2), 0..3);
    (zones, days, dates).prop_map(|(zone, days, dates)| {
        let mut spec = Spec::new(zone.parse().expect("a zone"));
        for (day, hours) in days {
            spec.weekly[day].push(hours);
        }
        spec.dates = BTreeMap::new();
        for (offset, hours) in dates {
            let date = NaiveDate::from_ymd_opt(2026, 3, 25).expect("a date") + chrono::Days::new(offset as u64);
            spec.dates.insert(date, hours);
        }
        spec
    })
}

/// Around the changes of clocks in spring 2026, in autumn 2026, and Apia's lost day.
fn instants() -> impl Strategy<Value = i64> {
    let bases = [
        "2026-03-26T00:00:00Z",
        "2026-10-23T00:00:00Z",
        "2026-04-03T00:00:00Z",
        "2011-12-28T00:00:00Z",
        "2025-12-30T00:00:00Z",
    ];
    (proptest::sample::select(bases.to_vec()), 0..5 * DAY_MS).prop_map(|(base, offset)| at(base).0 + offset)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn add_agrees_with_a_minute_walk(spec in specs(), from in instants(), minutes in 0i64..2_000, ms in 0i64..60_000) {
        let calendar = Calendar::compile(spec.clone()).expect("open");
        let open_ms = minutes * MINUTE_MS + ms;
        prop_assert_eq!(calendar.add_open_ms(Timestamp(from), open_ms), Ok(Timestamp(naive_add(&spec, from, open_ms))));
    }

    #[test]
    fn between_undoes_add_and_subtract_finds_the_latest_start(spec in specs(), from in instants(), open_ms in 0i64..3 * DAY_MS) {
        let calendar = Calendar::compile(spec).expect("open");
        let from = Timestamp(from);
        let to = calendar.add_open_ms(from, open_ms).expect("in range");
        prop_assert_eq!(calendar.open_ms_between(from, to), Ok(open_ms));
        let latest = calendar.subtract_open_ms(to, open_ms).expect("in range");
        prop_assert!(latest >= from);
        prop_assert_eq!(calendar.open_ms_between(latest, to), Ok(open_ms));
        if open_ms > 0 {
            prop_assert!(calendar.open_ms_between(latest.plus_ms(1), to).expect("in range") < open_ms);
        }
    }

    #[test]
    fn add_is_monotone(spec in specs(), from in instants(), later in 0i64..DAY_MS, open_ms in 0i64..DAY_MS, more in 0i64..DAY_MS) {
        let calendar = Calendar::compile(spec).expect("open");
        let from = Timestamp(from);
        let base = calendar.add_open_ms(from, open_ms).expect("in range");
        prop_assert!(calendar.add_open_ms(from.plus_ms(later), open_ms).expect("in range") >= base);
        prop_assert!(calendar.add_open_ms(from, open_ms + more).expect("in range") >= base);
        let days = |from: Timestamp, days| calendar.move_business_days(from, days, true).expect("in range");
        prop_assert!(days(from, 1) > from);
        prop_assert!(days(from, 2) >= days(from, 1));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Duration::parse(&text);
        let _ = Hours::parse(&text);
        let _ = parse_ics(&text);
        let _ = parse_ics(&format!("BEGIN:VCALENDAR\r\n{}", String::from_utf8_lossy(&bytes)));
    }
}

#[test]
fn the_night_before_may_close_after_the_hours_that_begin_on_a_date() {
    let nights = calendar("UTC", &[(5, "19:00-12:00"), (6, "09:00-10:00")], &[], &[]);
    assert_eq!(add(&nights, "2026-03-08T09:30:00Z", "end of business day"), "2026-03-08T12:00:00Z");
    // The hour that is written last lies in the gap: the date closes where it was open last.
    let gap = calendar("Europe/Madrid", &[(6, "00:00-01:00"), (6, "02:00-03:00")], &[], &[]);
    assert_eq!(add(&gap, "2026-03-28T23:30:00Z", "end of business day"), "2026-03-29T00:00:00Z");
    assert_eq!(add(&gap, "2026-04-04T22:30:00Z", "end of business day"), "2026-04-05T01:00:00Z");
}

#[test]
fn hours_that_lie_in_a_gap_alone_never_open() {
    let mut spec = Spec::new("Europe/Madrid".parse().expect("a zone"));
    let hours = vec![Hours::parse("02:00-03:00").expect("hours")];
    spec.dates.insert("2026-03-29".parse().expect("a date"), hours.clone());
    assert_eq!(Calendar::compile(spec.clone()).err(), Some(NeverOpen));
    spec.dates.insert("2026-03-30".parse().expect("a date"), hours);
    assert!(Calendar::compile(spec).is_ok());
}

#[test]
fn the_ends_of_the_numbers_are_out_of_range_and_no_panic() {
    let office = office("UTC");
    let from = at("2026-03-02T10:00:00Z");
    for ms in [i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
        for schedule in [&office, &Schedule { calendar: None, zone: Tz::UTC }] {
            assert!(schedule.add_open_ms(from, ms).is_err());
            assert!(schedule.add(from, &Duration::Elapsed { ms }).is_err());
            assert!(schedule.subtract(from, &Duration::Elapsed { ms }).is_err());
        }
        assert!(office.subtract(from, &Duration::Open { ms }).is_err());
    }
    for duration in [Duration::BusinessDays(u32::MAX), Duration::Days(u32::MAX)] {
        assert!(office.add(from, &duration).is_err());
        assert!(office.subtract(from, &duration).is_err());
    }
    assert!(office.add(from, &Duration::EndOfBusinessDays(u32::MAX)).is_err());
}

#[test]
fn a_digest_does_not_depend_on_the_order_of_writing_but_on_every_word() {
    let digest = |weekly: &[(usize, &str)], holidays: &[&str]| {
        calendar("UTC", weekly, &[], holidays).calendar.map(|calendar| calendar.digest())
    };
    let base = digest(&[(0, "09:00-12:00"), (0, "13:00-18:00")], &["2026-12-25"]);
    assert_eq!(base, digest(&[(0, "13:00-18:00"), (0, "09:00-12:00")], &["2026-12-25"]));
    assert_ne!(base, digest(&[(0, "09:00-12:00"), (0, "13:00-18:00")], &["2026-12-24"]));
    assert_ne!(base, digest(&[(1, "09:00-12:00"), (0, "13:00-18:00")], &["2026-12-25"]));
}

fn ics(events: &str) -> Result<Vec<String>, IcsError> {
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
    parse_ics(&text).map(|dates| dates.keys().map(NaiveDate::to_string).collect())
}

fn event(lines: &[&str]) -> String {
    format!("BEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\n", lines.join("\r\n"))
}

#[test]
fn one_date_of_a_series_can_be_moved_or_cancelled() {
    let series = event(&["UID:a", "DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=YEARLY;COUNT=3"]);
    let moved = event(&["UID:a", "RECURRENCE-ID;VALUE=DATE:20270101", "DTSTART;VALUE=DATE:20270104"]);
    let off = event(&["UID:a", "RECURRENCE-ID;VALUE=DATE:20280101", "DTSTART;VALUE=DATE:20280101", "STATUS:CANCELLED"]);
    let other = event(&["UID:b", "DTSTART;VALUE=DATE:20280101"]);
    assert_eq!(ics(&format!("{series}{moved}{off}")), Ok(vec!["2026-01-01".to_owned(), "2027-01-04".to_owned()]));
    assert_eq!(ics(&format!("{moved}{off}{other}{series}")).map(|dates| dates.len()), Ok(3));
}

#[test]
fn an_event_that_cannot_be_understood_is_named_and_none_hangs() {
    for lines in [
        &["UID:a", "SUMMARY:no start"][..],
        &["DTSTART;VALUE=DATE:20261225garbage"],
        &["DTSTART;VALUE=DATE:20261225", "RDATE;VALUE=PERIOD:20261225/P1D"],
        &["DTSTART;VALUE=DATE:20261225", "DURATION:PT5H"],
        &["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY;BYDAY=ñ"],
        &["DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=SECONDLY"],
        &["DTSTART;VALUE=DATE:20000101", "RRULE:FREQ=DAILY"],
        &["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:99991231"],
    ] {
        assert!(ics(&event(lines)).is_err(), "{lines:?}");
    }
    let never = ics(&event(&["DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"]));
    assert!(never.is_err() || never == Ok(vec!["2026-01-01".to_owned()]), "{never:?}");
}

#[test]
fn a_yearly_holiday_repeats_until_2200_and_no_longer() {
    let dates = ics(&event(&["DTSTART;VALUE=DATE:19000501", "RRULE:FREQ=YEARLY"])).expect("holidays");
    assert_eq!(
        (dates.len(), dates.first(), dates.last().cloned()),
        (231, Some(&"1970-05-01".to_owned()), Some("2200-05-01".to_owned()))
    );
}
