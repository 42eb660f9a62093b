//! `plazo replay`: what would this policy have said?

mod compare;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::history_args::{HistoryArgs, Stop, create, tell_unread};
use super::report::ReportChoice;
use super::{tell_load_error, usage};
use crate::comparison;
use crate::engine::{Outbox, RecordError};
use crate::history::BadLines;
use crate::policy::{self, Policy};
use crate::replay::Replay;
use crate::time::Timestamp;

/// Run recorded events through the engine on their own time, without side effects
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plazo replay --policy deploy/policy/en --events events.ndjson
  plazo load --leads 200 | plazo replay --policy deploy/policy/en --events - --notices notices.ndjson
  plazo replay --policy within_24h.toml --events incidents.csv --format csv --map columns.toml \\
      --until 2017-02-18T15:00:00Z --report json
  plazo replay --policy policy.toml --events log.xes.gz --format xes --max-bad 1%
  plazo replay --policy now.toml --policy draft.toml --events events.ndjson --changed changed.ndjson")]
pub struct ReplayArgs {
    /// The policy: a file counts as in force from the beginning, of a directory the oldest version governs all earlier.
    /// Given twice, both are replayed side by side and compared
    #[arg(long, value_name = "PATH", required = true)]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    history: HistoryArgs,
    /// Write every notice, one CloudEvent a line; `-` writes to stdout in place of the report
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
    #[command(flatten)]
    report: ReportChoice,
    /// Of two policies: write every clock whose verdict changed, one JSON object a line, with what each policy makes of it;
    /// `-` writes to stdout in place of the report
    #[arg(long, value_name = "FILE")]
    changed: Option<PathBuf>,
    /// Of two policies: how many changed clocks the report lists
    #[arg(long, value_name = "N", default_value_t = comparison::FIRST)]
    show: usize,
}

pub fn run(args: &ReplayArgs) -> ExitCode {
    if args.policy.len() < 2 && args.changed.is_some() {
        return usage("--changed compares: give a second --policy");
    }
    if args.policy.len() == 2 {
        if args.notices.is_some() {
            return usage("--notices is of one policy, and there are two");
        }
        if let Err(message) = args.report.comparable() {
            return usage(message);
        }
    }
    let policies: Vec<Policy> = match args.policy.iter().map(|path| policy::load(path)).collect() {
        Ok(policies) => policies,
        Err(error) => return tell_load_error(&error),
    };
    match <[Policy; 2]>::try_from(policies) {
        Ok(policies) => args.history.exit(compare::run(args, policies)),
        Err(mut policies) => match (policies.pop(), policies.is_empty()) {
            (Some(policy), true) => args.history.exit(replay(args, policy)),
            _ => usage("one --policy, or two to compare"),
        },
    }
}

/// The events that were refused.
fn replay(args: &ReplayArgs, policy: Policy) -> Result<BadLines, Stop> {
    let form = args.history.form()?;
    let mut replay = Replay::new(policy, args.history.until, args.history.future_tolerance);
    if args.notices.is_none() {
        replay = if args.report.explains() { replay.wordless() } else { replay.facts_only() };
    }
    let mut notices = args.notices.as_deref().map(create).transpose()?;
    let mut take = |outbox: &Outbox| -> io::Result<()> {
        let Some(out) = &mut notices else { return Ok(()) };
        for notice in &outbox.notices {
            out.write_all(outbox.json(notice))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    };
    let bad = args.history.read_ahead(&form, &mut |leads, event| {
        replay.warm(leads);
        replay.event(event, &mut take)
    })?;
    let end = replay.finish(&mut take).map_err(Stop::cannot_write)?;
    if let Some(out) = &mut notices {
        out.flush().map_err(Stop::cannot_write)?;
    }
    if args.notices.as_deref() != Some(Path::new("-")) {
        tell(args, &replay, end)?;
    }
    tell_unread(&replay.counts, &bad);
    Ok(bad)
}

fn tell(args: &ReplayArgs, replay: &Replay, end: Timestamp) -> Result<(), Stop> {
    let unreadable = |error: RecordError| Stop::Environment(error.to_string());
    let mut collector = args.report.collector(replay.rules(), end);
    for record in replay.shard().records() {
        collector.add(record).map_err(unreadable)?;
    }
    let report = collector.finish(replay.counts.clone()).map_err(unreadable)?;
    let mut out = BufWriter::new(io::stdout());
    args.report.write(&report, &mut out).and_then(|()| out.flush()).map_err(Stop::cannot_write)
}
