//! The options of every command that reads a history (replay, suggest), and how it ends.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::progress::Progress;
use super::{ENVIRONMENT, FAULT};
use crate::calendar::Duration;
use crate::event::csv::CsvMap;
use crate::event::xes::XesMap;
use crate::event::{Event, MapFault, Rejection};
use crate::history::{self, BadLines, Coming, HistoryError, Place};
use crate::replay::Counts;
use crate::sorter::Room;
use crate::time::Timestamp;

/// Which recorded events, and how they are read.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The recorded events, as they are or packed with gzip or zip; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    pub events: PathBuf,
    #[arg(long, value_enum, default_value_t = FormatArg::Ndjson, value_name = "NAME")]
    format: FormatArg,
    /// What the columns of a CSV file, or the keys of an XES log, mean (docs/events.md); `plazo map` proposes one
    #[arg(long, value_name = "MAP", visible_alias = "columns", required_if_eq("format", "csv"))]
    map: Option<PathBuf>,
    /// Where time ends; what was appended later is not read [default: the last event's time]
    #[arg(long, value_name = "INSTANT")]
    pub until: Option<Timestamp>,
    /// How far an event's time may lie after its `recordedtime`
    #[arg(long, value_name = "DURATION", default_value = "5 minutes", value_parser = tolerance)]
    pub future_tolerance: i64,
    /// Write every refused event, one JSON object a line: its line, index (from 0; of CSV the row's), id, reason, detail
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
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

fn tolerance(text: &str) -> Result<i64, String> {
    match Duration::parse(text) {
        Ok(Duration::Elapsed { ms }) => Ok(ms),
        Ok(_) => Err("expected elapsed time such as \"5 minutes\"".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// `1%` in millionths.
pub fn share(text: &str) -> Result<u32, String> {
    let expected = || format!("expected a share from 0% to 100% such as 1%, found {text:?}");
    let number: f64 =
        text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or_else(expected)?;
    if !(0.0..=100.0).contains(&number) {
        return Err(expected());
    }
    Ok((number * 10_000.0).round() as u32)
}

/// Takes an event, or why it could not be read; its refusal, if it is refused.
pub type TakeEvent<'t> = dyn FnMut(Result<Event<'_>, Rejection>) -> io::Result<Option<Rejection>> + 't;

/// The same, told which leads the next events are about.
pub type TakeAhead<'t> = dyn FnMut(&[&str], Result<Event<'_>, Rejection>) -> io::Result<Option<Rejection>> + 't;

/// Why a command ended early.
pub enum Stop {
    /// Whoever read its output has seen enough.
    Unread,
    Environment(String),
    Fault(String),
}

impl Stop {
    pub fn io(what: &str, path: &Path) -> impl Fn(io::Error) -> Stop {
        let place = format!("{what} {}", path.display());
        move |error| Stop::Environment(format!("cannot {place}: {error}"))
    }

    pub fn cannot_write(error: io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::Unread,
            _ => Stop::Environment(format!("cannot write: {error}")),
        }
    }
}

impl From<HistoryError> for Stop {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Taken(error) => Stop::cannot_write(error),
            HistoryError::Read { .. } | HistoryError::Sort { .. } => Stop::Environment(error.to_string()),
            HistoryError::Fault(message) => Stop::Fault(message),
        }
    }
}

impl HistoryArgs {
    /// What errors call the history.
    pub fn name(&self) -> String {
        self.events.display().to_string()
    }

    /// Its name without the folders, which differ from machine to machine.
    pub fn file_name(&self) -> String {
        self.events.file_name().map_or_else(|| self.name(), |name| name.to_string_lossy().into_owned())
    }

    /// How the history is written, with its map.
    pub fn form(&self) -> Result<history::Form, Stop> {
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(Stop::io("read", path));
        let told =
            |faults: Vec<MapFault>| Stop::Fault(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        match (self.format, &self.map) {
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

    /// Hands every event of the history to `take`, which gives back its refusal if it refused it. What was refused.
    pub fn read(&self, form: &history::Form, take: &mut TakeEvent<'_>) -> Result<BadLines, Stop> {
        self.read_ahead(form, &mut |_, event| take(event))
    }

    /// The same, and with the first event of some the leads of all of them.
    pub fn read_ahead(&self, form: &history::Form, take: &mut TakeAhead<'_>) -> Result<BadLines, Stop> {
        let file = self.name();
        let mut bad = BadLines::new(&file);
        let mut rejected = self.rejected.as_deref().map(create).transpose()?;
        let mut refuse = |place: Place, rejection: &Rejection| -> io::Result<()> {
            let Some(out) = &mut rejected else { return Ok(()) };
            let (reason, detail) = (rejection.reason.name(), &rejection.detail);
            let (line, index, id) = (place.line, place.index, &rejection.id);
            writeln!(out, "{}", json!({"line": line, "index": index, "id": id, "reason": reason, "detail": detail}))
        };
        let progress = Progress::of(&self.events);
        let ((), damage) = history::with_reader(&self.events, progress.bar(), |reader| {
            history::read(reader, &file, form, &Room::default(), &mut |Coming { place, leads_ahead, left }, event| {
                progress.handing_on(left);
                let refused = take(leads_ahead, event)?;
                bad.count(place, refused.as_ref());
                refused.map_or(Ok(()), |rejection| refuse(place, &rejection))
            })
        })?;
        progress.end();
        bad.ends_early(damage);
        if let Some(out) = &mut rejected {
            out.flush().map_err(Stop::cannot_write)?;
        }
        Ok(bad)
    }

    /// The exit code of a command that has read the history, or why it did not.
    pub fn exit(&self, result: Result<BadLines, Stop>) -> ExitCode {
        let (message, code) = match result {
            Ok(bad) => match bad.too_many(self.max_bad) {
                Some(message) => (message, FAULT),
                None if self.strict && bad.any() => return ExitCode::from(FAULT),
                None => return ExitCode::SUCCESS,
            },
            Err(Stop::Unread) => return ExitCode::SUCCESS,
            Err(Stop::Fault(message)) => (message, FAULT),
            Err(Stop::Environment(message)) => (message, ENVIRONMENT),
        };
        eprintln!("plazo: {message}");
        ExitCode::from(code)
    }
}

/// A file to write; `-` is stdout.
pub fn create(path: &Path) -> Result<Box<dyn Write>, Stop> {
    Ok(match path == Path::new("-") {
        true => Box::new(BufWriter::new(io::stdout())),
        false => Box::new(BufWriter::new(File::create(path).map_err(Stop::io("write", path))?)),
    })
}

/// Says on stderr what of the history was not used.
pub fn tell_unread(counts: &Counts, bad: &BadLines) {
    if counts.after_until > 0 {
        eprintln!("plazo: {} events after --until were not read", counts.after_until);
    }
    for line in bad.lines() {
        eprintln!("plazo: {line}");
    }
}
