//! `plazo calendar add|subtract|between`: the arithmetic of the policy, from the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{FAULT, say, tell_load_error, usage};
use crate::calendar::{Calendar, CalendarError, Duration, Schedule};
use crate::policy;
use crate::time::{Timestamp, format_seconds};

#[derive(Debug, Args)]
pub struct CalendarArgs {
    #[command(subcommand)]
    operation: Operation,
}

const EXAMPLES: &str = "\
Examples:
  plazo calendar add --calendar office.toml --from 2026-12-23T16:00:00Z --duration \"4 business hours\"
  plazo calendar add --calendar office.toml --from 2026-03-02T10:00:00Z --duration \"2 business days\" \\
      --pause 2026-03-03T10:00:00Z/2026-03-05T12:00:00Z --explain
  plazo calendar between --calendar office.toml --from 2026-12-23T16:00:00Z --to 2026-12-28T10:00:00Z";

#[derive(Debug, Subcommand)]
enum Operation {
    /// Print the instant by which a duration has passed
    #[command(after_help = EXAMPLES)]
    Add(Shift),
    /// Print the latest instant from which a duration passes until --from
    #[command(after_help = EXAMPLES)]
    Subtract(Shift),
    /// Print the seconds of open time between two instants
    #[command(after_help = EXAMPLES)]
    Between(Between),
}

#[derive(Debug, Args)]
struct Which {
    /// A file with [calendars.NAME] tables (a policy will do)
    #[arg(long, value_name = "FILE")]
    calendar: PathBuf,
    /// Which of the file's calendars; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A span that does not count; may be given several times
    #[arg(long, value_name = "FROM/TO", value_parser = parse_pause)]
    pause: Vec<(Timestamp, Timestamp)>,
    /// Tell on stderr which open intervals were used
    #[arg(long)]
    explain: bool,
}

#[derive(Debug, Args)]
struct Shift {
    #[command(flatten)]
    which: Which,
    /// RFC 3339, with an offset
    #[arg(long, value_name = "INSTANT")]
    from: Timestamp,
    /// Such as "4 business hours", "2 business days", "48 hours", "end of business day"
    #[arg(long, value_parser = Duration::parse)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct Between {
    #[command(flatten)]
    which: Which,
    /// RFC 3339, with an offset
    #[arg(long, value_name = "INSTANT")]
    from: Timestamp,
    /// RFC 3339, with an offset; an earlier one gives a negative number
    #[arg(long, value_name = "INSTANT")]
    to: Timestamp,
}

fn parse_pause(text: &str) -> Result<(Timestamp, Timestamp), String> {
    let (from, to) = text.split_once('/').ok_or("expected FROM/TO, two instants with a slash between them")?;
    if to.trim().is_empty() {
        return Err("the pause has no end; each must have one".to_owned());
    }
    let instant = |text: &str| Timestamp::parse(text.trim()).map_err(|error| error.to_string());
    let (from, to) = (instant(from)?, instant(to)?);
    if to < from { Err(format!("the pause ends at {to}, before it begins at {from}")) } else { Ok((from, to)) }
}

pub fn run(args: &CalendarArgs) -> ExitCode {
    let which = match &args.operation {
        Operation::Add(shift) | Operation::Subtract(shift) => &shift.which,
        Operation::Between(between) => &between.which,
    };
    let calendar = match choose(which) {
        Ok(calendar) => calendar,
        Err(code) => return code,
    };
    let schedule = Schedule { zone: calendar.timezone(), calendar: Some(calendar) };
    let answered = match &args.operation {
        Operation::Add(shift) => {
            schedule.add_paused(shift.from, &shift.duration, &which.pause).map(|to| (to.to_string(), shift.from, to))
        }
        Operation::Subtract(shift) => schedule
            .subtract_paused(shift.from, &shift.duration, &which.pause)
            .map(|from| (from.to_string(), from, shift.from)),
        Operation::Between(between) => schedule
            .open_ms_between_paused(between.from, between.to, &which.pause)
            .map(|ms| (format_seconds(ms), between.from, between.to)),
    };
    match answered {
        Ok((answer, from, to)) => {
            if which.explain
                && let Err(error) = explain(&schedule, from.min(to), from.max(to), which)
            {
                eprintln!("plazo: {error}");
            }
            say(&answer)
        }
        Err(error) => {
            eprintln!("plazo: {error}");
            ExitCode::from(FAULT)
        }
    }
}

fn choose(which: &Which) -> Result<Arc<Calendar>, ExitCode> {
    let calendars = policy::load_calendars(&which.calendar).map_err(|error| tell_load_error(&error))?;
    let names = || calendars.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let file = which.calendar.display();
    match (&which.name, calendars.as_slice()) {
        (Some(name), _) => {
            calendars.iter().find(|known| known.0 == *name).map(|known| known.1.clone()).ok_or_else(|| {
                eprintln!("plazo: {file} has no calendar {name:?}; it has: {}", names());
                ExitCode::from(FAULT)
            })
        }
        (None, [(_, only)]) => Ok(only.clone()),
        (None, []) => {
            eprintln!("plazo: {file} has no [calendars.NAME] table");
            Err(ExitCode::from(FAULT))
        }
        (None, _) => Err(usage(&format!("{file} has several calendars ({}); say which with --name", names()))),
    }
}

/// The most lines of open intervals that help anybody.
const MOST_INTERVALS: usize = 100;

fn explain(schedule: &Schedule, from: Timestamp, to: Timestamp, which: &Which) -> Result<(), CalendarError> {
    let Some(calendar) = &schedule.calendar else { return Ok(()) };
    eprintln!("zone {}, from {from} to {to}", calendar.timezone());
    let intervals = calendar.intervals(from, to)?;
    for (open, close) in intervals.iter().take(MOST_INTERVALS) {
        eprintln!("open   {open} to {close}, {} s", format_seconds(close.since_ms(*open)));
    }
    if intervals.len() > MOST_INTERVALS {
        eprintln!("... and {} more", intervals.len() - MOST_INTERVALS);
    }
    for (date, why) in calendar.closed_dates(from, to) {
        eprintln!("{date}  {}", why.name().replace('_', " "));
    }
    for (begin, end) in &which.pause {
        eprintln!("paused {begin} to {end}");
    }
    Ok(())
}
