//! The report as a table for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Report, SlaReport, Tally};
use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

/// The most groups of one kind that a table shows; the other formats have all.
const MOST_GROUPS: usize = 20;
/// The most characters of a group's name.
const LONGEST_NAME: usize = 30;

const HEAD: [&str; 10] = ["started", "met", "late", "breached", "running", "cancelled", "met %", "p50", "p90", "p99"];

/// The name, and the cells.
const COLUMNS: usize = HEAD.len() + 1;

/// # Errors
/// Where `out` fails.
pub fn write_text(report: &Report, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "as of {}", report.as_of)?;
    let tables: Vec<Table> = report.slas.iter().map(|(name, sla)| table(name, sla)).collect();
    let widths = tables.iter().fold([0; COLUMNS], |widths, table| table.widen(widths));
    for (table, (_, sla)) in tables.iter().zip(&report.slas) {
        writeln!(out)?;
        table.write(widths, &mut out)?;
        if sla.already_stopped + sla.before_first_version > 0 {
            let (stopped, before) = (sla.already_stopped, sla.before_first_version);
            writeln!(out, "  not started: {stopped} already stopped, {before} before the first version")?;
        }
    }
    let events = &report.events;
    let refused: u64 = events.rejected.values().sum();
    writeln!(out, "\nevents: {} accepted, {} duplicate, {refused} rejected", events.accepted, events.duplicate)?;
    for (reason, count) in &events.rejected {
        writeln!(out, "  {reason}: {count}")?;
    }
    if !report.slas.is_empty() {
        writeln!(
            out,
            "p50, p90, p99: time to the stop, of met and late ones; open time where the promise is in business time"
        )?;
    }
    Ok(())
}

/// Rows of a name and, but for headings, cells.
struct Table(Vec<(String, Option<[String; HEAD.len()]>)>);

fn table(name: &str, sla: &SlaReport) -> Table {
    let mut table = Table(vec![(clipped(name), Some(HEAD.map(str::to_owned)))]);
    table.row("  all", &sla.all);
    let named =
        [("team", &sla.by_team), ("owner", &sla.by_owner), ("target", &sla.by_target), ("month due", &sla.by_month)];
    let asked = sla.by.iter().map(|(attribute, groups)| (attribute.as_str(), groups));
    for (by, groups) in named.into_iter().chain(asked) {
        table.group(by, groups);
    }
    table
}

impl Table {
    fn group(&mut self, by: &str, groups: &BTreeMap<String, Tally>) {
        // One group that holds everything says nothing that "all" did not say.
        if groups.len() < 2 {
            return;
        }
        self.0.push((format!("  by {by}"), None));
        let mut largest: Vec<(&String, &Tally)> = groups.iter().collect();
        if largest.len() > MOST_GROUPS {
            largest.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.started()), *name));
        }
        for (name, tally) in largest.iter().take(MOST_GROUPS) {
            self.row(&format!("    {name}"), tally);
        }
        if largest.len() > MOST_GROUPS {
            self.0.push((format!("    ... and {} more", largest.len() - MOST_GROUPS), None));
        }
    }

    fn row(&mut self, name: &str, tally: &Tally) {
        let counts = [tally.started(), tally.met, tally.met_late, tally.breached, tally.running, tally.cancelled];
        let [started, met, late, breached, running, cancelled] = counts.map(|count| count.to_string());
        let share = tally.met_share().map_or("-".to_owned(), |share| format!("{:.2}", share * 100.0));
        let [p50, p90, p99] = tally.quantiles_ms().map(|quantile| quantile.map_or("-".to_owned(), span));
        self.0.push((clipped(name), Some([started, met, late, breached, running, cancelled, share, p50, p90, p99])));
    }

    /// At least as wide as the names, then the cells, of this table.
    fn widen(&self, mut widths: [usize; COLUMNS]) -> [usize; COLUMNS] {
        for (name, cells) in &self.0 {
            let Some(cells) = cells else { continue };
            let lengths = std::iter::once(name.chars().count()).chain(cells.iter().map(|cell| cell.len() + 2));
            for (width, length) in widths.iter_mut().zip(lengths) {
                *width = length.max(*width);
            }
        }
        widths
    }

    fn write(&self, widths: [usize; COLUMNS], out: &mut impl Write) -> io::Result<()> {
        let [name_width, cell_widths @ ..] = widths;
        for (name, cells) in &self.0 {
            let Some(cells) = cells else {
                writeln!(out, "{name}")?;
                continue;
            };
            write!(out, "{name:<name_width$}")?;
            for (cell, width) in cells.iter().zip(cell_widths) {
                write!(out, "{cell:>width$}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn clipped(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// A span of time. Never in days: of open time nobody could tell which.
fn span(ms: i64) -> String {
    let (hours, minutes, seconds) = (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS, ms % MINUTE_MS / SECOND_MS);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m"),
        (1..100, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{hours}h"),
    }
}
