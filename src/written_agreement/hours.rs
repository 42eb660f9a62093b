//! Calendars as tables: hours by weekday, dates with hours of their own, holidays by name.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::document::{Block, Line};
use super::words::Words;
use crate::calendar::{Calendar, Hours, Spec};
use crate::policy::Version;

const DAY_SECONDS: u32 = 86_400;

/// Holidays of this many calendar years are listed, from the one in which the version begins: repeated ones go on to 2200.
const LISTED_YEARS: i32 = 2;

/// What a calendar says, in rows that two versions can be compared by.
pub(super) struct Rows {
    /// Weekday and hours, Monday first.
    pub(super) weekly: [(String, String); 7],
    /// Dates with hours of their own.
    pub(super) dates: BTreeMap<NaiveDate, String>,
    /// Holidays of the listed years, with their names.
    pub(super) holidays: BTreeMap<NaiveDate, String>,
}

pub(super) fn first_year(version: &Version) -> i32 {
    version.effective_from_written.to_utc().with_timezone(&version.timezone).year()
}

fn listed(date: NaiveDate, first: i32) -> bool {
    (first..first + LISTED_YEARS).contains(&date.year())
}

/// `first_year`: from which on holidays are listed.
pub(super) fn rows(words: &Words, spec: &Spec, first_year: i32) -> Rows {
    let names = [
        ("Monday", "lunes"),
        ("Tuesday", "martes"),
        ("Wednesday", "miércoles"),
        ("Thursday", "jueves"),
        ("Friday", "viernes"),
        ("Saturday", "sábado"),
        ("Sunday", "domingo"),
    ];
    let mut days = names.iter().zip(&spec.weekly);
    let weekly = std::array::from_fn(|_| {
        days.next().map(|((en, es), hours)| (words.say(*en, *es), open(words, hours))).unwrap_or_default()
    });
    let holiday = |date: &&NaiveDate| listed(**date, first_year) && !spec.dates.contains_key(*date);
    Rows {
        weekly,
        dates: spec.dates.iter().map(|(date, hours)| (*date, open(words, hours))).collect(),
        holidays: spec
            .holidays
            .iter()
            .filter(holiday)
            .map(|date| (*date, spec.holiday_names.get(date).cloned().unwrap_or_default()))
            .collect(),
    }
}

/// `09:00–12:00 and 13:00–18:00`; `closed`.
fn open(words: &Words, hours: &[Hours]) -> String {
    if hours.is_empty() {
        return words.say("closed", "cerrado");
    }
    let mut hours = hours.to_vec();
    hours.sort_unstable();
    hours.dedup();
    let told = |hours: &Hours| {
        let text = hours.to_string().replace('-', "–");
        if hours.to > DAY_SECONDS {
            words.say(format!("{text} (next day)"), format!("{text} (día siguiente)"))
        } else {
            text
        }
    };
    words.lang.and(&hours.iter().map(told).collect::<Vec<_>>())
}

pub(super) fn blocks(words: &Words, version: &Version, calendar: &Calendar) -> Vec<Block> {
    let (spec, first) = (calendar.spec(), first_year(version));
    let rows = rows(words, spec, first);
    let zone = words.say("Time zone", "Zona horaria");
    let mut blocks = vec![
        Block::Text { line: Line::labelled(zone, format!("{}.", spec.timezone.name())) },
        Block::Table {
            head: vec![words.say("Day", "Día"), words.say("Open", "Horario")],
            rows: rows.weekly.into_iter().map(|(day, hours)| vec![day, hours]).collect(),
        },
    ];
    if !rows.dates.is_empty() {
        let head =
            vec![words.say("Date with hours of its own", "Fecha con horario propio"), words.say("Open", "Horario")];
        let rows = rows.dates.iter().map(|(date, hours)| vec![words.lang.short_date(*date), hours.clone()]).collect();
        blocks.push(Block::Table { head, rows });
    }
    if !rows.holidays.is_empty() {
        let head = vec![words.say("Holiday (closed)", "Festivo (cerrado)"), words.say("Name", "Nombre")];
        let rows = rows.holidays.iter().map(|(date, name)| vec![words.lang.short_date(*date), name.clone()]).collect();
        blocks.push(Block::Table { head, rows });
    }
    if let Some(line) = others(words, spec, first) {
        blocks.push(Block::Text { line });
    }
    blocks
}

/// What holidays there are beyond the listed years.
fn others(words: &Words, spec: &Spec, first: i32) -> Option<Line> {
    let others: Vec<NaiveDate> = spec.holidays.iter().copied().filter(|date| !listed(*date, first)).collect();
    let (from, to) = (others.first()?, others.last()?);
    let (from, to) = (words.lang.short_date(*from), words.lang.short_date(*to));
    let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
    let en = words.lang.counted(count, "other holiday", "other holidays");
    let es = words.lang.counted(count, "festivo más", "festivos más");
    let until = first + LISTED_YEARS - 1;
    Some(Line::new(if count == 1 {
        words.say(
            format!("Listed are the years {first} to {until}; the calendar has {en}, on {from}."),
            format!("Se listan los años {first} a {until}; el calendario tiene {es}, el {from}."),
        )
    } else {
        words.say(
            format!("Listed are the years {first} to {until}; the calendar has {en}, from {from} to {to}."),
            format!("Se listan los años {first} a {until}; el calendario tiene {es}, desde el {from} hasta el {to}."),
        )
    }))
}
