//! The report as a table for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Report, Tally};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// The most groups of one kind that a table shows; the other formats have all.
const MOST_GROUPS: usize = 20;

/// # Errors
/// Where `out` fails.
pub fn write_text(report: &Report, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "as of {}", report.as_of)?;
    for (name, sla) in &report.slas {
        writeln!(out)?;
        header(&mut out, name)?;
        row(&mut out, "all", &sla.all)?;
        for (by, groups) in
            [("team", &sla.by_team), ("owner", &sla.by_owner), ("target", &sla.by_target), ("due in", &sla.by_month)]
        {
            group(&mut out, by, groups)?;
        }
        for (attribute, groups) in &sla.by {
            group(&mut out, attribute, groups)?;
        }
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
    Ok(())
}

fn header(out: &mut impl Write, name: &str) -> io::Result<()> {
    let head = ["started", "met", "late", "breached", "running", "cancelled", "met %", "p50", "p90"];
    write!(out, "{:<28}", clipped(name))?;
    for word in head {
        write!(out, "{word:>10}")?;
    }
    writeln!(out)
}

fn group(out: &mut impl Write, by: &str, groups: &BTreeMap<String, Tally>) -> io::Result<()> {
    // One group that holds everything says nothing that "all" did not say.
    if groups.len() < 2 {
        return Ok(());
    }
    writeln!(out, "  by {by}")?;
    let mut largest: Vec<(&String, &Tally)> = groups.iter().collect();
    if largest.len() > MOST_GROUPS {
        largest.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.started()), *name));
    }
    for (name, tally) in largest.iter().take(MOST_GROUPS) {
        row(out, &format!("  {name}"), tally)?;
    }
    if largest.len() > MOST_GROUPS {
        writeln!(out, "    ... and {} more", largest.len() - MOST_GROUPS)?;
    }
    Ok(())
}

fn row(out: &mut impl Write, name: &str, tally: &Tally) -> io::Result<()> {
    write!(out, "  {:<26}", clipped(name))?;
    for count in [tally.started(), tally.met, tally.met_late, tally.breached, tally.running, tally.cancelled] {
        write!(out, "{count:>10}")?;
    }
    let share = tally.met_share().map_or("-".to_owned(), |share| format!("{:.2}", share * 100.0));
    let quantile = |percent| tally.quantile_ms(percent).map_or("-".to_owned(), span);
    writeln!(out, "{share:>10}{:>10}{:>10}", quantile(50), quantile(90))
}

fn clipped(name: &str) -> String {
    if name.chars().count() <= 26 { name.to_owned() } else { name.chars().take(25).chain(['…']).collect() }
}

/// A span of time in its two largest units.
fn span(ms: i64) -> String {
    let (days, hours, minutes) = (ms / DAY_MS, ms % DAY_MS / HOUR_MS, ms % HOUR_MS / MINUTE_MS);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}
