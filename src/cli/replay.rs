//! `plazo replay`: what would this policy have said?

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{ENVIRONMENT, FAULT, tell_load_error, usage};
use crate::calendar::Duration;
use crate::engine::Outbox;
use crate::event::csv::{CsvMap, read_csv};
use crate::event::{self, Rejection};
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
  plazo replay --policy within_24h.toml --events incidents.csv --format csv --columns columns.toml \\
      --until 2017-02-18T15:00:00Z --report json")]
pub struct ReplayArgs {
    /// The policy: a file counts as in force from the beginning, of a directory the oldest version governs all earlier
    #[arg(long, value_name = "PATH", required = true)]
    policy: Vec<PathBuf>,
    /// One event a line, in order of arrival; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Ndjson, value_name = "NAME")]
    format: Format,
    /// What the columns of a CSV file mean (docs/events.md)
    #[arg(long, value_name = "MAP", required_if_eq("format", "csv"))]
    columns: Option<PathBuf>,
    /// Where time ends; what was appended later is not read [default: the last event's time]
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// Write every notice, one CloudEvent a line; `-` writes to stdout in place of the report
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
    /// Write every refused event with its reason, one JSON object a line
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Ndjson,
    Csv,
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

/// Why a replay ended early.
enum Stop {
    Environment(String),
    Fault(String),
}

impl Stop {
    fn io(what: &str, path: &Path) -> impl Fn(io::Error) -> Stop {
        let place = format!("{what} {}", path.display());
        move |error| Stop::Environment(format!("cannot {place}: {error}"))
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
        Ok(refused) if refused && args.strict => ExitCode::from(FAULT),
        Ok(_) => ExitCode::SUCCESS,
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

/// Whether any event was refused.
fn replay(args: &ReplayArgs, policy: policy::Policy) -> Result<bool, Stop> {
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
    let mut refuse = |index: u64, rejection: Rejection| -> io::Result<()> {
        let Some(out) = &mut rejected else { return Ok(()) };
        let line =
            json!({"index": index, "id": rejection.id, "reason": rejection.reason.name(), "detail": rejection.detail});
        writeln!(out, "{line}")
    };
    let (reader, size) = open(&args.events)?;
    let bar = progress(size);
    let reader = bar.wrap_read(reader);
    match args.format {
        Format::Ndjson => {
            let mut lines = BufReader::with_capacity(1 << 16, reader);
            let mut line = Vec::new();
            let mut index = 0;
            loop {
                line.clear();
                let length = lines.read_until(b'\n', &mut line).map_err(Stop::io("read", &args.events))?;
                if length == 0 {
                    break;
                }
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let refused = replay.event(event::decode(line.trim_ascii()), &mut take).map_err(cannot_write)?;
                if let Some(rejection) = refused {
                    refuse(index, rejection).map_err(cannot_write)?;
                }
                index += 1;
            }
        }
        Format::Csv => csv(args, reader, &mut replay, &mut take, &mut refuse)?,
    }
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
    let refused: u64 = counts.rejected.values().sum();
    if refused > 0 {
        let reasons: Vec<String> = counts.rejected.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        eprintln!("plazo: {refused} events were refused: {}", reasons.join(", "));
    }
    Ok(refused > 0)
}

fn cannot_write(error: io::Error) -> Stop {
    Stop::Environment(format!("cannot write: {error}"))
}

fn csv(
    args: &ReplayArgs,
    reader: impl Read,
    replay: &mut Replay,
    take: &mut crate::replay::TakeNotices<'_>,
    refuse: &mut dyn FnMut(u64, Rejection) -> io::Result<()>,
) -> Result<(), Stop> {
    let Some(path) = &args.columns else { return Err(Stop::Fault("--format csv needs --columns MAP.toml".to_owned())) };
    let text = std::fs::read_to_string(path).map_err(Stop::io("read", path))?;
    let map = CsvMap::parse(&text, &path.display().to_string())
        .map_err(|faults| Stop::Fault(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let events = read_csv(reader, &map).map_err(|error| Stop::Fault(error.to_string()))?;
    for row in &events.rejected {
        let refused = replay.event(Err(row.rejection.clone()), take).map_err(cannot_write)?;
        if let Some(mut rejection) = refused {
            rejection.detail = format!("line {}: {}", row.line, rejection.detail);
            refuse(row.row, rejection).map_err(cannot_write)?;
        }
    }
    for (event, index) in events.iter().zip(0..) {
        if let Some(rejection) = replay.event(Ok(event), take).map_err(cannot_write)? {
            refuse(index, rejection).map_err(cannot_write)?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Stop> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(Stop::io("read", path))?;
    let size = file.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(file), size))
}

/// Only a terminal sees it.
fn progress(size: Option<u64>) -> ProgressBar {
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
        Form::Json => writeln!(out, "{:#}", report::to_json(&report)),
        Form::Csv => report::write_csv(&report, &mut out).map_err(io::Error::other),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(cannot_write(error)),
        _ => Ok(()),
    }
}
