//! `plazo replay`: what would this policy have said?

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{ENVIRONMENT, FAULT, tell_load_error, usage};
use crate::calendar::Duration;
use crate::engine::Outbox;
use crate::event::csv::CsvMap;
use crate::event::xes::XesMap;
use crate::event::{MapFault, Rejection};
use crate::history::{self, BadLines, HistoryError, Place};
use crate::policy;
use crate::replay::Replay;
use crate::report::{self, Collector, Holder};
use crate::time::Timestamp;

/// Run recorded events through the engine on their own time, without side effects
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plazo replay --policy deploy/policy/en --events events.ndjson
  plazo load --leads 200 | plazo replay --policy deploy/policy/en --events - --notices notices.ndjson
  plazo replay --policy within_24h.toml --events incidents.csv --format csv --map columns.toml \\
      --until 2017-02-18T15:00:00Z --report json
  plazo replay --policy policy.toml --events log.xes.gz --format xes --max-bad 1%")]
pub struct ReplayArgs {
    /// The policy: a file counts as in force from the beginning, of a directory the oldest version governs all earlier
    #[arg(long, value_name = "PATH", required = true)]
    policy: Vec<PathBuf>,
    /// The recorded events, as they are or packed with gzip or zip; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    #[arg(long, value_enum, default_value_t = FormatArg::Ndjson, value_name = "NAME")]
    format: FormatArg,
    /// What the columns of a CSV file, or the keys of an XES log, mean (docs/events.md); `plazo map` proposes one
    #[arg(long, value_name = "MAP", visible_alias = "columns", required_if_eq("format", "csv"))]
    map: Option<PathBuf>,
    /// Where time ends; what was appended later is not read [default: the last event's time]
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// Write every notice, one CloudEvent a line; `-` writes to stdout in place of the report
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
    /// Write every refused event, one JSON object a line: its line, index (from 0; of CSV the row's), id, reason, detail
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Form::Text)]
    report: Form,
    /// Group by what this attribute was at the clock's start; may be given several times
    #[arg(long, value_name = "ATTRIBUTE")]
    by: Vec<String>,
    /// Count a clock under who held the lead at its end (or holds it now), or at its deadline
    #[arg(long, value_enum, default_value_t = HolderArg::End)]
    holder: HolderArg,
    /// How far an event's time may lie after its `recordedtime`
    #[arg(long, value_name = "DURATION", default_value = "5 minutes", value_parser = tolerance)]
    future_tolerance: i64,
    /// Exit with 1 if any event was refused
    #[arg(long)]
    strict: bool,
    /// Exit with 1 if a larger share of the events was refused
    #[arg(long, value_name = "SHARE", default_value = "100%", value_parser = share)]
    max_bad: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// CloudEvents, one a line, in order of arrival
    #[value(alias = "cloudevents")]
    Ndjson,
    /// An export; --map tells what its columns mean
    Csv,
    /// An event log of process mining (IEEE 1849)
    Xes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HolderArg {
    End,
    Due,
}

fn tolerance(text: &str) -> Result<i64, String> {
    match Duration::parse(text) {
        Ok(Duration::Elapsed { ms }) => Ok(ms),
        Ok(_) => Err("expected elapsed time such as \"5 minutes\"".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// `1%` in millionths.
fn share(text: &str) -> Result<u32, String> {
    let expected = || format!("expected a share from 0% to 100% such as 1%, found {text:?}");
    let number: f64 =
        text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or_else(expected)?;
    if !(0.0..=100.0).contains(&number) {
        return Err(expected());
    }
    Ok((number * 10_000.0).round() as u32)
}

/// Why a replay ended early.
enum Stop {
    /// Whoever read its output has seen enough.
    Unread,
    Environment(String),
    Fault(String),
}

impl Stop {
    fn io(what: &str, path: &Path) -> impl Fn(io::Error) -> Stop {
        let place = format!("{what} {}", path.display());
        move |error| Stop::Environment(format!("cannot {place}: {error}"))
    }
}

impl From<HistoryError> for Stop {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Taken(error) => cannot_write(error),
            HistoryError::Read { .. } => Stop::Environment(error.to_string()),
            HistoryError::Fault(message) => Stop::Fault(message),
        }
    }
}

pub fn run(args: &ReplayArgs) -> ExitCode {
    let [path] = args.policy.as_slice() else {
        return usage("one --policy for now: replay each and compare the reports");
    };
    let policy = match policy::load(path) {
        Ok(policy) => policy,
        Err(error) => return tell_load_error(&error),
    };
    match replay(args, policy) {
        Ok(bad) => match bad.too_many(args.max_bad) {
            Some(message) => {
                eprintln!("plazo: {message}");
                ExitCode::from(FAULT)
            }
            None if args.strict && bad.any() => ExitCode::from(FAULT),
            None => ExitCode::SUCCESS,
        },
        Err(Stop::Unread) => ExitCode::SUCCESS,
        Err(Stop::Fault(message)) => {
            eprintln!("plazo: {message}");
            ExitCode::from(FAULT)
        }
        Err(Stop::Environment(message)) => {
            eprintln!("plazo: {message}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}

fn create(path: &Option<PathBuf>) -> Result<Option<Box<dyn Write>>, Stop> {
    Ok(match path.as_deref() {
        None => None,
        Some(path) if path == Path::new("-") => Some(Box::new(BufWriter::new(io::stdout()))),
        Some(path) => Some(Box::new(BufWriter::new(File::create(path).map_err(Stop::io("write", path))?))),
    })
}

/// The events that were refused.
fn replay(args: &ReplayArgs, policy: policy::Policy) -> Result<BadLines, Stop> {
    let form = form(args)?;
    let mut replay = Replay::new(policy, args.until, args.future_tolerance);
    let mut notices = create(&args.notices)?;
    let mut rejected = create(&args.rejected)?;
    let mut take = |outbox: &Outbox| -> io::Result<()> {
        let Some(out) = &mut notices else { return Ok(()) };
        for notice in &outbox.notices {
            out.write_all(outbox.json(notice))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    };
    let mut refuse = |place: Place, rejection: &Rejection| -> io::Result<()> {
        let Some(out) = &mut rejected else { return Ok(()) };
        let (reason, detail) = (rejection.reason.name(), &rejection.detail);
        let line =
            json!({"line": place.line, "index": place.index, "id": rejection.id, "reason": reason, "detail": detail});
        writeln!(out, "{line}")
    };
    let file = args.events.display().to_string();
    let mut bad = BadLines::new(&file);
    let bar = progress(&args.events);
    history::with_reader(&args.events, &bar, |reader| {
        history::read(reader, &file, &form, &mut |place, event| {
            let refused = replay.event(event, &mut take)?;
            bad.count(place, refused.as_ref());
            refused.map_or(Ok(()), |rejection| refuse(place, &rejection))
        })
    })?;
    let end = replay.finish(&mut take).map_err(cannot_write)?;
    bar.finish_and_clear();
    for out in [&mut notices, &mut rejected].into_iter().flatten() {
        out.flush().map_err(cannot_write)?;
    }
    if args.notices.as_deref() != Some(Path::new("-")) {
        tell(args, &replay, end)?;
    }
    let counts = &replay.counts;
    if counts.after_until > 0 {
        eprintln!("plazo: {} events after --until were not read", counts.after_until);
    }
    for line in bad.lines() {
        eprintln!("plazo: {line}");
    }
    Ok(bad)
}

fn cannot_write(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::Unread,
        _ => Stop::Environment(format!("cannot write: {error}")),
    }
}

fn form(args: &ReplayArgs) -> Result<history::Form, Stop> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(Stop::io("read", path));
    let told =
        |faults: Vec<MapFault>| Stop::Fault(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    match (args.format, &args.map) {
        (FormatArg::Ndjson, _) => Ok(history::Form::Ndjson),
        (FormatArg::Csv, Some(path)) => {
            let map = CsvMap::parse(&text(path)?, &path.display().to_string()).map_err(told)?;
            Ok(history::Form::Csv(Box::new(map)))
        }
        (FormatArg::Csv, None) => Err(Stop::Fault("--format csv needs --map MAP.toml".to_owned())),
        (FormatArg::Xes, Some(path)) => {
            let map = XesMap::parse(&text(path)?, &path.display().to_string()).map_err(told)?;
            Ok(history::Form::Xes(Box::new(map)))
        }
        (FormatArg::Xes, None) => Ok(history::Form::Xes(Box::default())),
    }
}

/// Only a terminal sees it.
fn progress(path: &Path) -> ProgressBar {
    let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let Some(size) = size.filter(|_| io::stderr().is_terminal()) else { return ProgressBar::hidden() };
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}% {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn tell(args: &ReplayArgs, replay: &Replay, end: Timestamp) -> Result<(), Stop> {
    let holder = match args.holder {
        HolderArg::End => Holder::End,
        HolderArg::Due => Holder::Due,
    };
    let mut collector = Collector::new(replay.rules(), end, &args.by, holder);
    for record in replay.shard().records() {
        collector.add(record).map_err(|error| Stop::Environment(error.to_string()))?;
    }
    let report = collector.finish(replay.counts.clone());
    let mut out = BufWriter::new(io::stdout());
    let written = match args.report {
        Form::Text => report::write_text(&report, &mut out),
        Form::Json => report::write_json(&report, &mut out),
        Form::Csv => report::write_csv(&report, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(cannot_write)
}
