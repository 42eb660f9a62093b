//! Bounds, exactly: of years and of the years that calendars cover, of days, of gaps, of pauses, and of what may be written.

use chrono::{Datelike, Days};

use super::*;
use crate::calendar::paused::union;

fn always(zone: &str) -> Schedule {
    calendar(zone, &(0..7).map(|day| (day, "00:00-24:00")).collect::<Vec<_>>(), &[], &[])
}

fn duration(text: &str) -> Duration {
    Duration::parse(text).expect("a duration")
}

fn after_the_years() -> CalendarError {
    CalendarError::OutOfRange(at("2201-01-01T00:00:00Z"))
}

fn before_the_years() -> CalendarError {
    CalendarError::OutOfRange(Timestamp(-1))
}

#[test]
fn a_calendar_that_is_always_open_counts_as_the_clock_does_through_all_years() {
    let always = always("UTC");
    let day = Duration::Open { ms: DAY_MS };
    for year in FIRST_YEAR + 1..=LAST_YEAR {
        let new_year = at(&format!("{year}-01-01T00:00:00Z"));
        for to in [-12 * HOUR_MS, -1, 0, 1, 12 * HOUR_MS].map(|ms| new_year.plus_ms(ms)) {
            assert_eq!(always.open_ms_between(Timestamp(0), to), Ok(to.0));
            assert_eq!(always.open_ms_between(to, Timestamp(0)), Ok(-to.0));
            assert_eq!(always.add_open_ms(Timestamp(0), to.0), Ok(to));
            assert_eq!(always.add_open_ms(to, -to.0), Ok(Timestamp(0)));
            assert_eq!(always.subtract(Timestamp(0), &Duration::Open { ms: -to.0 }), Ok(to));
            assert_eq!(always.subtract(to, &day), Ok(to.plus_ms(-DAY_MS)));
            assert_eq!(always.add(to, &day), Ok(to.plus_ms(DAY_MS)));
        }
    }
    let last = at("2200-12-31T23:59:59.999Z");
    assert_eq!(always.open_ms_between(Timestamp(0), last), Ok(last.0));
    assert_eq!(always.open_ms_between(last, last), Ok(0));
}

#[test]
fn what_leads_out_of_the_years_is_told_with_the_end_that_it_passes() {
    let office = office("UTC");
    let add = |from: &str, text: &str| office.add(at(from), &duration(text));
    let subtract = |to: &str, text: &str| office.subtract(at(to), &duration(text));
    // A Wednesday, and a Thursday.
    for (from, text) in [("17:30:00Z", "1 hours"), ("17:30:00Z", "1 business days"), ("20:00:00Z", "1 business days")] {
        let from = format!("2200-12-31T{from}");
        let text = text.replace(" hours", " business hours");
        assert_eq!(add(&from, &text), Err(after_the_years()), "{text} after {from}");
    }
    for (to, text) in
        [("10:00:00Z", "9 business hours"), ("10:00:00Z", "1 business days"), ("08:00:00Z", "1 business days")]
    {
        let to = format!("1970-01-01T{to}");
        assert_eq!(subtract(&to, text), Err(before_the_years()), "{text} before {to}");
    }
    assert_eq!(add("1970-01-01T00:00:00Z", "1 business days"), Ok(at("1970-01-02T09:00:00Z")));
    assert_eq!(add("2200-12-31T23:59:59.999Z", "0 hours"), Ok(at("2200-12-31T23:59:59.999Z")));
    assert_eq!(add("2201-01-01T00:00:00Z", "0 hours"), Err(after_the_years()));
    // There the dates of 2201 have begun.
    let ahead = always("Pacific/Auckland");
    let evening = at("2200-12-31T20:00:00Z");
    assert_eq!(ahead.subtract(evening, &Duration::BusinessDays(1)), Ok(at("2200-12-30T20:00:00Z")));
    assert_eq!(ahead.add(evening, &Duration::BusinessDays(1)), Err(after_the_years()));
}

/// Every hour around the changes of clocks.
#[test]
fn where_every_day_is_open_business_days_are_days() {
    for (zone, changes) in [
        ("Europe/Madrid", ["2026-03-29", "2026-10-25"]),
        ("America/New_York", ["2026-03-08", "2026-11-01"]),
        ("America/Sao_Paulo", ["2018-11-04", "2019-02-17"]),
        ("America/St_Johns", ["2010-03-14", "2010-11-07"]),
        ("Australia/Lord_Howe", ["2026-04-05", "2026-10-04"]),
        ("Africa/Cairo", ["2026-04-24", "2026-10-30"]),
        ("Antarctica/Troll", ["2026-03-29", "2026-10-25"]),
    ] {
        let always = always(zone);
        for (change, hour) in changes.into_iter().flat_map(|change| (-60..84).map(move |hour| (change, hour))) {
            let from = at(&format!("{change}T00:30:00Z")).plus_ms(hour * HOUR_MS);
            for days in 1..3 {
                let (business, plain) = (Duration::BusinessDays(days), Duration::Days(days));
                assert_eq!(always.add(from, &business), always.add(from, &plain), "{days} after {from} in {zone}");
                assert_eq!(
                    always.subtract(from, &business),
                    always.subtract(from, &plain),
                    "{days} before {from} in {zone}"
                );
            }
        }
    }
}

#[test]
fn business_days_are_counted_through_years() {
    let office = office("UTC");
    let (early, late) = (at("2024-06-03T10:00:00Z"), at("2027-09-15T10:00:00Z"));
    let mut days = 0;
    let mut date = early.to_utc().date_naive();
    while date < late.to_utc().date_naive() {
        date = date + Days::new(1);
        days += u32::from(date.weekday().num_days_from_monday() < 5);
    }
    assert_eq!(office.add(early, &Duration::BusinessDays(days)), Ok(late));
    assert_eq!(office.subtract(late, &Duration::BusinessDays(days)), Ok(early));
}

#[test]
fn the_date_of_a_start_is_that_of_its_own_offset() {
    let weekdays = calendar("Europe/Madrid", &(0..5).map(|day| (day, "00:00-24:00")).collect::<Vec<_>>(), &[], &[]);
    // Half past midnight on a Friday of summer; an hour earlier it would be Thursday's.
    assert_eq!(add(&weekdays, "2026-07-02T22:30:00Z", "1 business days"), "2026-07-05T22:30:00Z");
}

#[test]
fn the_latest_start_is_the_opening_of_the_new_year_and_no_closing_of_the_old() {
    assert_eq!(subtract(&office("UTC"), "2026-01-01T10:00:00Z", "1 business hours"), "2026-01-01T09:00:00Z");
}

#[test]
fn closing_at_midnight_belongs_to_the_date_that_ends() {
    let evenings = calendar("UTC", &(0..5).map(|day| (day, "18:00-24:00")).collect::<Vec<_>>(), &[], &[]);
    // Friday evening.
    assert_eq!(add(&evenings, "2026-03-06T20:00:00Z", "1 business days"), "2026-03-09T20:00:00Z");
    assert_eq!(add(&evenings, "2026-03-06T20:00:00Z", "end of business day"), "2026-03-07T00:00:00Z");
    assert_eq!(add(&evenings, "2026-03-07T00:00:00Z", "end of business day"), "2026-03-07T00:00:00Z");
    assert_eq!(add(&evenings, "2026-03-07T00:00:00Z", "end of 1 business days"), "2026-03-10T00:00:00Z");
    // It stays there, also where it is a new year's first instant.
    assert_eq!(add(&evenings, "2025-12-31T00:00:00Z", "1 business days"), "2026-01-01T00:00:00Z");
    assert_eq!(add(&evenings, "2026-01-01T00:00:00Z", "1 business days"), "2026-01-02T00:00:00Z");
}

#[test]
fn a_date_whose_last_hours_lie_in_a_gap_ends_where_it_was_open_last() {
    // 23:00 on Saturday is Sunday's midnight: the last hours never open, though Sunday's do at the gap's end.
    let hours = [(5, "22:00-22:30"), (5, "23:15-23:45"), (6, "00:00-12:00")];
    let nuuk = calendar("America/Nuuk", &hours, &[], &[]);
    assert_eq!(add(&nuuk, "2024-03-31T00:10:00Z", "end of business day"), "2024-03-31T00:30:00Z");
    // A night that ends on the date which Apia lost ends with the date before; the date after it is open by itself.
    let dates: [(&str, &[&str]); 2] = [("2011-12-29", &["22:00-06:00"]), ("2011-12-31", &["00:00-24:00"])];
    let apia = calendar("Pacific/Apia", &[], &dates, &[]);
    assert_eq!(add(&apia, "2011-12-30T09:00:00Z", "end of business day"), "2011-12-30T10:00:00Z");
}

#[test]
fn a_date_is_told_as_closed_where_its_own_weekday_would_have_been_open_otherwise() {
    let dates: [(&str, &[&str]); 3] =
        [("2026-03-03", &["09:00-18:00"]), ("2026-03-04", &["10:00-12:00"]), ("2026-03-05", &[])];
    let weekly: Vec<(usize, &str)> = (0..5).map(|day| (day, "09:00-18:00")).collect();
    let office =
        calendar("Europe/Madrid", &weekly, &dates, &["2026-03-06", "2026-03-07"]).calendar.expect("a calendar");
    let told = |from: Timestamp, to: Timestamp| -> Vec<String> {
        office.closed_dates(from, to).iter().map(|(date, why)| format!("{date} {}", why.name())).collect()
    };
    let (week, noon) = (at("2026-03-01T00:00:00Z"), at("2026-03-06T12:00:00Z"));
    let all = ["2026-03-04 own_hours", "2026-03-05 own_hours", "2026-03-06 holiday"];
    assert_eq!(told(week, at("2026-03-08T00:00:00Z")), all);
    assert_eq!(told(noon, noon), all[2..]);
    assert_eq!(told(noon, week), [""; 0]);
    assert_eq!(told(Timestamp(-1), noon), [""; 0]);
    assert_eq!(told(week, at("2201-01-01T00:00:00Z")), [""; 0]);
    assert_eq!(office.timezone(), Tz::Europe__Madrid);
    assert_eq!(office.spec().exception("2026-03-02".parse().expect("a date")), None);
}

#[test]
fn intervals_are_clipped_and_joined_where_they_touch() {
    let (from, to) = (at("2025-12-30T12:00:00Z"), at("2026-01-02T12:00:00Z"));
    let intervals = |schedule: Schedule| schedule.calendar.expect("a calendar").intervals(from, to).expect("in range");
    assert_eq!(intervals(always("UTC")), [(from, to)]);
    // The clocks of Cairo change at midnight.
    let cairo = always("Africa/Cairo").calendar.expect("a calendar");
    let april = (at("2026-04-20T12:00:00Z"), at("2026-04-28T12:00:00Z"));
    assert_eq!(cairo.intervals(april.0, april.1), Ok(vec![april]));
    let days = [("30T12", "30T18"), ("31T09", "31T18")]
        .map(|(open, close)| (at(&format!("2025-12-{open}:00:00Z")), at(&format!("2025-12-{close}:00:00Z"))));
    let new_days = [("01T09", "01T18"), ("02T09", "02T12")]
        .map(|(open, close)| (at(&format!("2026-01-{open}:00:00Z")), at(&format!("2026-01-{close}:00:00Z"))));
    assert_eq!(intervals(office("UTC")), [days, new_days].concat());
}

#[test]
fn a_pause_outside_of_what_is_counted_changes_nothing() {
    let lunch = lunch("UTC");
    let noon = at("2026-03-04T12:30:00Z");
    let hour = |from: Timestamp| (from, from.plus_ms(HOUR_MS));
    for text in ["4 business hours", "1 business days", "2 business days", "4 hours", "1 day"] {
        let duration = duration(text);
        let due = lunch.add(noon, &duration).expect("in range");
        let start = lunch.subtract(noon, &duration).expect("in range");
        for pause in [hour(noon.plus_ms(-HOUR_MS)), hour(due), (due.plus_ms(-1), due.plus_ms(-1)), (due, noon)] {
            assert_eq!(lunch.add_paused(noon, &duration, &[pause]), Ok(due), "{text} from {noon}, paused {pause:?}");
        }
        for pause in [hour(noon), hour(start.plus_ms(-HOUR_MS)), (start.plus_ms(1), start.plus_ms(1)), (noon, start)] {
            assert_eq!(
                lunch.subtract_paused(noon, &duration, &[pause]),
                Ok(start),
                "{text} to {noon}, paused {pause:?}"
            );
        }
    }
}

#[test]
fn elapsed_time_stands_still_while_paused() {
    let bare = Schedule { calendar: None, zone: Tz::UTC };
    let (noon, four) = (at("2026-03-04T12:00:00Z"), duration("4 hours"));
    let later = |ms: i64| noon.plus_ms(ms);
    // One hour before, half of it counted; two that overlap, an hour and a half together.
    let pauses = [(-HOUR_MS, HOUR_MS / 2), (2 * HOUR_MS, 3 * HOUR_MS), (HOUR_MS * 5 / 2, HOUR_MS * 7 / 2)]
        .map(|(begin, end)| (later(begin), later(end)));
    assert_eq!(bare.add_paused(noon, &four, &pauses), Ok(later(6 * HOUR_MS)));
    assert_eq!(bare.subtract_paused(later(6 * HOUR_MS), &four, &pauses), Ok(noon.plus_ms(HOUR_MS / 2)));
    assert_eq!(bare.open_ms_between_paused(noon, later(6 * HOUR_MS), &pauses), Ok(4 * HOUR_MS));
    assert_eq!(bare.open_ms_between_paused(later(6 * HOUR_MS), noon, &pauses), Ok(-4 * HOUR_MS));
    assert_eq!(bare.open_ms_between_paused(noon, noon, &pauses), Ok(0));
}

#[test]
fn pauses_that_touch_are_one_and_empty_ones_none() {
    let spans = |spans: &[(i64, i64)]| -> Vec<(Timestamp, Timestamp)> {
        spans.iter().map(|(begin, end)| (Timestamp(*begin), Timestamp(*end))).collect()
    };
    let told = spans(&[(30, 40), (5, 5), (0, 10), (10, 20), (32, 35), (22, 28), (9, 3), (50, 50)]);
    assert_eq!(union(&told), spans(&[(0, 20), (22, 28), (30, 40)]));
}

#[test]
fn hours_are_written_as_they_are_read_and_refused_beyond_a_day() {
    for text in ["09:00-12:00", "22:00-06:00", "18:00-24:00", "00:00-24:00", "09:00:30-12:00:05", "00:00-00:01"] {
        assert_eq!(Hours::parse(text).map(|hours| hours.to_string()).as_deref(), Ok(text));
    }
    for text in [
        "09:60-11:00",
        "09:00:60-11:00",
        "24:01-11:00",
        "25:00-11:00",
        "09-11:00",
        "+9:00-11:00",
        "009:00-11:00",
        "09:00:00:00-11:00",
        "24:00-24:00",
    ] {
        assert!(Hours::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_duration_has_bounds_and_says_what_it_expects() {
    for text in ["366000 days", "52285 weeks", "366000 business days", "8784000 hours", "0.000000000000001 hours"] {
        assert!(Duration::parse(text).is_ok(), "{text}");
    }
    for text in [
        "366001 days",
        "52286 weeks",
        "366001 business days",
        "8784000.0001 hours",
        "0.0000000000000001 hours",
        "+1 hours",
        "1.+5 hours",
        ".5 hours",
        "1. hours",
        "2 business weeks",
    ] {
        assert!(Duration::parse(text).is_err(), "{text}");
    }
    let says = |text: &str| Duration::parse(text).expect_err("no duration").to_string();
    assert_eq!(
        says("4h"),
        "\"4h\" is no duration that can be read in one way only; write \"4 business hours\" or \"4 hours\""
    );
    assert!(says("soon").ends_with("; expected one such as \"4 business hours\", \"2 business days\", \"48 hours\", \"30 days\" or \"end of business day\""));
}

#[test]
fn short_forms_are_refused_with_their_units_in_full() {
    for (shorts, unit) in
        [(["s", "sec", "secs"], "seconds"), (["m", "min", "mins"], "minutes"), (["h", "hr", "hrs"], "hours")]
    {
        for short in shorts {
            let readings = Duration::parse(&format!("5 {short}")).expect_err("no duration").readings;
            assert_eq!(readings, [format!("5 business {unit}"), format!("5 {unit}")]);
            let business = Duration::parse(&format!("5 business {short}")).expect_err("no duration").readings;
            assert_eq!(business, [format!("5 business {unit}")]);
        }
    }
    for (text, readings) in [
        ("3d", &["3 business days", "3 days"][..]),
        ("3 business d", &["3 business days"]),
        ("3wk", &["3 weeks"]),
        ("3 business wks", &["15 business days", "3 weeks"]),
        ("1.5 business days", &["24 hours", "8 business hours"]),
        ("1.5 weeks", &[]),
        ("1.5 business weeks", &[]),
        ("3 fortnights", &[]),
        ("3 business", &[]),
    ] {
        assert_eq!(Duration::parse(text).expect_err("no duration").readings, readings, "{text}");
    }
}

#[test]
fn a_duration_of_none_is_nothing_but_for_the_end_of_a_day() {
    // Whether it is nothing, and whether it counts open time.
    for (text, nothing, business) in [
        ("0 hours", true, false),
        ("0.0 business minutes", true, true),
        ("0 days", true, false),
        ("0 business days", true, true),
        ("0.000001 hours", false, false),
        ("0.000001 business hours", false, true),
        ("1 day", false, false),
        ("1 business days", false, true),
        ("end of business day", false, true),
    ] {
        let duration = duration(text);
        assert_eq!((duration.is_nothing(), duration.is_business()), (nothing, business), "{text}");
    }
}

#[test]
fn a_duration_is_longer_than_years_by_its_last_day() {
    let exceeds = |duration: Duration| duration.exceeds_years(4);
    assert!(!exceeds(Duration::Days(1_461)) && exceeds(Duration::Days(1_462)));
    assert!(!exceeds(Duration::Elapsed { ms: 1_461 * DAY_MS }) && exceeds(Duration::Open { ms: 1_461 * DAY_MS + 1 }));
}

#[test]
fn a_holiday_file_has_bounds() {
    let nested = |depth: usize| {
        let inner = (1..depth).map(|_| "BEGIN:X\r\n").chain((1..depth).map(|_| "END:X\r\n"));
        format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", inner.collect::<String>())
    };
    assert_eq!(parse_ics(&nested(8)), Ok(BTreeMap::new()));
    assert_eq!(parse_ics(&nested(9)).expect_err("too deep").to_string(), "components nest deeper than 8");
    let lasting =
        |lines: &[&str]| ics(&event(&[&["DTSTART;VALUE=DATE:20000101"], lines].concat())).map(|dates| dates.len());
    assert_eq!(lasting(&["DTEND;VALUE=DATE:20100108"]), Ok(3_660));
    assert!(lasting(&["DTEND;VALUE=DATE:20100109"]).is_err());
    assert_eq!(
        [lasting(&["DURATION:P2W"]), lasting(&["DURATION:+P3D"]), lasting(&["DURATION:P0D"])],
        [Ok(14), Ok(3), Ok(1)]
    );
    for until in ["20030101", "20030101T000000", "20030101T000000Z"] {
        assert_eq!(lasting(&[&format!("RRULE:FREQ=YEARLY;UNTIL={until}")]), Ok(4), "{until}");
    }
    for date in ["2026122", "2026 1 2", "202601011"] {
        assert!(ics(&event(&[&format!("DTSTART;VALUE=DATE:{date}")])).is_err(), "{date}");
    }
}

#[test]
fn a_faulty_holiday_file_says_what_it_lacks() {
    let text =
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", event(&["UID:one", "SUMMARY:no start"]));
    assert_eq!(parse_ics(&text), Err(IcsError { line: Some(4), message: "an event has no DTSTART".to_owned() }));
    let error = parse_ics("BEGIN:VCALENDAR\r\nnothing more").expect_err("no calendar").message;
    assert!(error.starts_with("no iCalendar file: ") && error.contains("at line 2"), "{error}");
}

/// In St. John's 00:01 of 7 November 2010 became 23:01 of the 6th, so that the Saturday closed at midnight twice.
#[test]
fn the_end_of_the_day_of_a_start_at_a_midnight_closing_is_that_closing_also_where_midnight_comes_again() {
    let saturdays = calendar("America/St_Johns", &[(5, "09:00-24:00")], &[], &[]);
    let (first, second) = (at("2010-11-07T02:30:00Z"), at("2010-11-07T03:30:00Z"));
    let end = |from, text| saturdays.add(from, &duration(text));
    assert_eq!(end(first, "end of business day"), Ok(first));
    assert_eq!(end(second, "end of business day"), Ok(second));
    assert_eq!(end(at("2010-11-06T20:00:00Z"), "end of business day"), Ok(second), "its last closing");
}
