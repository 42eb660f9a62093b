//! What one column holds: how many different values, whether they are instants, and how they vary within a lead.

use std::collections::{BTreeMap, BTreeSet};

use ::csv::StringRecord;
use chrono_tz::Tz;

use crate::event::csv::reads_instant;

/// Formats that are tried, in order: of several that read as many values the first counts, so that the day comes first.
const FORMATS: [&str; 29] = [
    "rfc3339",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M %p",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "epoch_seconds",
    "epoch_ms",
];

/// Words that say that something is not known.
const UNKNOWN: [&str; 16] = [
    "?",
    "-",
    "--",
    "n/a",
    "na",
    "#n/a",
    "null",
    "nil",
    "none",
    "(none)",
    "(empty)",
    "unknown",
    "undefined",
    "ninguno",
    "desconocido",
    "sin asignar",
];

/// Different values that are kept of a column; beyond it there are "many".
const MOST_VALUES: usize = 100_000;

/// What reads this share of a column's values is its format; the others are damaged.
const ENOUGH: f64 = 0.98;

pub(super) struct Column {
    pub(super) name: String,
    pub(super) at: usize,
    /// Cells that say something.
    pub(super) filled: usize,
    pub(super) values: BTreeMap<String, usize>,
    pub(super) unknown: BTreeSet<String>,
    pub(super) time: Option<Time>,
}

pub(super) struct Time {
    pub(super) format: &'static str,
    pub(super) example: String,
    /// Day and month could be the other way round.
    pub(super) ambiguous: bool,
}

impl Column {
    pub(super) fn of(name: String, at: usize, rows: &[StringRecord]) -> Self {
        let mut column = Column { name, at, filled: 0, values: BTreeMap::new(), unknown: BTreeSet::new(), time: None };
        for row in rows {
            let cell = row.get(at).unwrap_or_default().trim();
            if cell.is_empty() {
                continue;
            }
            if UNKNOWN.contains(&cell.to_lowercase().as_str()) {
                column.unknown.insert(cell.to_owned());
                continue;
            }
            column.filled += 1;
            let full = column.values.len() == MOST_VALUES;
            match column.values.get_mut(cell) {
                Some(count) => *count += 1,
                None if full => {}
                None => drop(column.values.insert(cell.to_owned(), 1)),
            }
        }
        column.time = column.time();
        column
    }

    fn time(&self) -> Option<Time> {
        // A number may be anything: only the name can tell that it is an instant.
        let named = self.says(&["time", "date", "timestamp", "ts", "at", "on", "fecha", "hora", "created", "updated"]);
        let reads = |format: &str| -> usize {
            let fits = |value: &&str| match format {
                "epoch_seconds" => named && value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit()),
                "epoch_ms" => named && value.len() == 13 && value.bytes().all(|byte| byte.is_ascii_digit()),
                _ => value.len() >= 8,
            };
            let read = |value: &&str| reads_instant(value, format, Tz::UTC);
            let values = self.values.iter().map(|(value, count)| (value.as_str(), count));
            values.filter(|(value, _)| fits(value) && read(value)).map(|(_, count)| *count).sum()
        };
        // A few values rule most formats out.
        let first = self.values.keys().take(200).map(String::as_str).collect::<Vec<_>>();
        let likely = |format: &&'static str| {
            let read = first.iter().filter(|value| reads_instant(value, format, Tz::UTC)).count();
            read * 2 >= first.len()
        };
        let counts: Vec<(&'static str, usize)> =
            FORMATS.into_iter().filter(likely).map(|format| (format, reads(format))).collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if most == 0 || (most as f64) < self.filled as f64 * ENOUGH {
            return None;
        }
        let format = counts.iter().find(|(_, count)| *count == most)?.0;
        let turned = turned(format);
        let ambiguous = counts.iter().any(|(other, count)| Some(*other) == turned.as_deref() && *count == most);
        let example = self.values.keys().find(|value| reads_instant(value, format, Tz::UTC)).cloned()?;
        Some(Time { format, example, ambiguous })
    }

    /// Whether one of the words of the name is among `words`, or the name as a whole.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        let plain = self.plain();
        words.contains(&plain.as_str()) || plain.split('_').any(|part| words.contains(&part))
    }

    /// Whether the name holds one of `pieces`.
    pub(super) fn holds(&self, pieces: &[&str]) -> bool {
        let plain = self.plain();
        pieces.iter().any(|piece| plain.contains(piece))
    }

    /// The name in lower case, its words joined with `_`: `assignedTo` and `Assigned to` are `assigned_to`.
    pub(super) fn plain(&self) -> String {
        let mut plain = String::new();
        let mut small = false;
        for sign in self.name.chars() {
            if sign.is_uppercase() && small {
                plain.push('_');
            }
            small = sign.is_lowercase() || sign.is_ascii_digit();
            match sign.is_alphanumeric() {
                true => plain.extend(sign.to_lowercase()),
                false => plain.push('_'),
            }
        }
        plain
    }

    pub(super) fn cell<'r>(&self, row: &'r StringRecord) -> &'r str {
        row.get(self.at).unwrap_or_default().trim()
    }

    /// In how many of the leads that have several rows the value changes; and how many such leads there are.
    pub(super) fn varies(&self, lead: &Column, rows: &[StringRecord]) -> (usize, usize) {
        let mut seen: BTreeMap<&str, (&str, bool, usize)> = BTreeMap::new();
        for row in rows {
            let value = self.cell(row);
            let known = seen.entry(lead.cell(row)).or_insert((value, false, 0));
            known.1 |= known.0 != value;
            known.2 += 1;
        }
        let several = seen.values().filter(|known| known.2 > 1);
        (several.clone().filter(|known| known.1).count(), several.count())
    }
}

/// The format with day and month the other way round.
fn turned(format: &str) -> Option<String> {
    let turned = format.replacen("%d", "%?", 1).replacen("%m", "%d", 1).replacen("%?", "%m", 1);
    (format.starts_with("%d") || format.starts_with("%m")).then_some(turned)
}
