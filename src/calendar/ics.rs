//! Holidays from an iCalendar file (RFC 5545): the dates of its all-day events with their names, repeated ones unrolled.
//!
//! Events with a time of day are no holidays and are passed over, as are cancelled ones and all other components. An event
//! with a RECURRENCE-ID stands in for that date of its series, a cancelled one for nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use icalendar::parser::{Component, read_calendar, unfold};
use rrule::RRuleSet;

use super::compiled::{FIRST_YEAR, LAST_YEAR};

/// Why a file gives no holidays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IcsError {
    /// 1-based, where it could be found.
    pub line: Option<usize>,
    pub message: String,
}

/// A whole holiday of more days than this is a mistake.
const MOST_DAYS: i64 = 3_660;
/// A calendar, its event, the event's alarm: no component lies deeper.
const MOST_NESTED: usize = 8;
/// More dates than the years that calendars cover could hold of a daily event.
const MOST_REPEATS: u16 = u16::MAX;

/// The dates of all-day events from 1970 to 2200, each with its name (its SUMMARY; empty where there is none). Of several events
/// on one date, the first that has a name gives it.
///
/// # Errors
/// [`IcsError`] where the text is no calendar, or an event cannot be understood.
pub fn parse_ics(text: &str) -> Result<BTreeMap<NaiveDate, String>, IcsError> {
    let plain = text.trim_start_matches('\u{feff}');
    if !plain.trim_start().to_ascii_uppercase().starts_with("BEGIN:VCALENDAR") {
        return Err(IcsError {
            line: Some(1),
            message: "expected an iCalendar file that begins with BEGIN:VCALENDAR".into(),
        });
    }
    let unfolded = unfold(plain);
    if let Some(line) = nested_too_deep(&unfolded) {
        return Err(IcsError {
            line: line_of(text, line),
            message: format!("components nest deeper than {MOST_NESTED}"),
        });
    }
    let calendar = read_calendar(&unfolded)
        .map_err(|error| IcsError { line: None, message: format!("no iCalendar file: {}", first_line(&error)) })?;
    let events = || calendar.components.iter().filter(|part| part.name.as_ref().eq_ignore_ascii_case("VEVENT"));
    let replaced: BTreeSet<(String, String)> =
        events().filter_map(|event| Some((value(event, "UID")?, value(event, "RECURRENCE-ID")?))).collect();
    let mut dates = BTreeMap::new();
    for event in events() {
        if value(event, "STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
            continue;
        }
        let Some(start) = value(event, "DTSTART") else {
            let named = value(event, "UID").or_else(|| value(event, "SUMMARY"));
            let line = named.as_ref().and_then(|name| line_of(text, name));
            return Err(IcsError { line, message: "an event has no DTSTART".to_owned() });
        };
        // A time of day makes it an appointment.
        if start.contains('T') {
            continue;
        }
        add_event(event, &start, &replaced, &mut dates)
            .map_err(|message| IcsError { line: line_of(text, &start), message })?;
    }
    Ok(dates)
}

/// The line that opens a component within too many others: the crate reads them recursively.
fn nested_too_deep(unfolded: &str) -> Option<&str> {
    let mut depth = 0usize;
    unfolded.lines().find(|line| {
        let begins = |word: &str| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if begins("BEGIN:") {
            depth += 1;
        } else if begins("END:") {
            depth = depth.saturating_sub(1);
        }
        depth > MOST_NESTED
    })
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it cannot be read")
}

fn line_of(text: &str, value: &str) -> Option<usize> {
    text.lines().position(|line| line.trim_end().ends_with(value)).map(|index| index + 1)
}

fn value(event: &Component<'_>, name: &str) -> Option<String> {
    values(event, name).next()
}

fn values<'e>(event: &'e Component<'_>, name: &'e str) -> impl Iterator<Item = String> + 'e {
    let matching = event.properties.iter().filter(move |property| property.name.as_ref().eq_ignore_ascii_case(name));
    matching.map(|property| property.val.as_ref().trim().to_owned())
}

fn date(text: &str) -> Result<NaiveDate, String> {
    // Some programs write the dates of a repetition with a time of day.
    let digits = text.split_once('T').map_or(text, |(date, _)| date);
    let eight = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    eight
        .then(|| NaiveDate::parse_from_str(digits, "%Y%m%d").ok())
        .flatten()
        .ok_or_else(|| format!("expected a date such as 20261225, found {text:?}"))
}

fn add_event(
    event: &Component<'_>,
    start: &str,
    replaced: &BTreeSet<(String, String)>,
    dates: &mut BTreeMap<NaiveDate, String>,
) -> Result<(), String> {
    let first = date(start)?;
    let days = match (value(event, "DTEND"), value(event, "DURATION")) {
        (Some(end), _) => date(&end)?.signed_duration_since(first).num_days().max(1),
        (None, Some(duration)) => duration_days(&duration)?,
        (None, None) => 1,
    };
    if days > MOST_DAYS {
        return Err(format!("an event of {days} days is no holiday"));
    }
    let mut starts = BTreeSet::from([first]);
    for rule in values(event, "RRULE") {
        starts.extend(repeats(first, &rule)?);
    }
    for list in values(event, "RDATE") {
        for text in list.split(',') {
            starts.insert(date(text)?);
        }
    }
    for list in values(event, "EXDATE") {
        for text in list.split(',') {
            starts.remove(&date(text)?);
        }
    }
    if let (Some(series), None) = (value(event, "UID"), value(event, "RECURRENCE-ID")) {
        for (_, instance) in replaced.range((series.clone(), String::new())..).take_while(|(uid, _)| *uid == series) {
            starts.remove(&date(instance)?);
        }
    }
    let name = value(event, "SUMMARY").map(|text| on_one_line(&text)).unwrap_or_default();
    for start in starts {
        let span = start.iter_days().take(days as usize);
        for date in span.filter(|date| (FIRST_YEAR..=LAST_YEAR).contains(&date.year())) {
            let known = dates.entry(date).or_default();
            if known.is_empty() {
                known.clone_from(&name);
            }
        }
    }
    Ok(())
}

/// A text on one line; the parser has taken the escapes of RFC 5545 §3.3.11 off.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `P3D`, `P2W`; an all-day event lasts whole days (RFC 5545 §3.6.1).
fn duration_days(text: &str) -> Result<i64, String> {
    let expected = || format!("expected a duration of whole days such as P2D, found {text:?}");
    let rest = text.strip_prefix("+").unwrap_or(text).strip_prefix('P').ok_or_else(expected)?;
    let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?);
    let number: i64 = number.parse().map_err(|_| expected())?;
    match unit {
        "D" => Ok(number.max(1)),
        "W" => number.checked_mul(7).map(|days| days.max(1)).ok_or_else(expected),
        _ => Err(expected()),
    }
}

/// The dates of a repetition, unrolled in UTC midnights so that no zone can shift a date.
fn repeats(first: NaiveDate, rule: &str) -> Result<BTreeSet<NaiveDate>, String> {
    // The crate panics on others.
    if !rule.is_ascii() {
        return Err(format!("the rule {rule:?} cannot be read: expected ASCII letters only"));
    }
    let parts: Vec<String> = rule
        .split(';')
        .map(|part| match part.strip_prefix("UNTIL=") {
            Some(until) if !until.contains('T') => format!("UNTIL={until}T000000Z"),
            Some(until) if !until.ends_with('Z') => format!("UNTIL={until}Z"),
            _ => part.to_owned(),
        })
        .collect();
    // Without an end the crate would unroll to the end of its years.
    let endless = !parts.iter().any(|part| part.starts_with("UNTIL=") || part.starts_with("COUNT="));
    let end = if endless { format!(";UNTIL={LAST_YEAR}1231T000000Z") } else { String::new() };
    let set: RRuleSet = format!("DTSTART:{}T000000Z\nRRULE:{}{end}", first.format("%Y%m%d"), parts.join(";"))
        .parse()
        .map_err(|error| format!("the rule {rule:?} cannot be read: {error}"))?;
    let end = NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31).unwrap_or(first);
    let unrolled = set.all(MOST_REPEATS);
    // Cut short, it would lose holidays without a word.
    if unrolled.limited && unrolled.dates.last().is_none_or(|last| last.date_naive() <= end) {
        return Err(format!("the rule {rule:?} cannot be followed to its end: it gives too many dates, or none"));
    }
    Ok(unrolled.dates.iter().map(|instant| instant.date_naive()).take_while(|date| *date <= end).collect())
}
