//! Recorded events from files and streams: NDJSON of CloudEvents, CSV exports, XES logs, each as it is or compressed.
//!
//! NDJSON is read as a stream. Exports have no order of arrival, so they are read whole, kept small and put in order of event
//! time ([`crate::event::Exported`]). What cannot be read is told with its place, and the rest goes on.

mod bad;
mod guess;
mod lines;
mod source;

use std::io::{self, Read};

use crate::event::csv::{CsvError, CsvMap, read_csv};
use crate::event::xes::{XesError, XesMap, read_xes};
use crate::event::{Event, Exported, Rejection};

pub use bad::{BadLines, MOST_LISTED};
pub use guess::{Guess, USUAL_ROWS, guess};
pub use source::with_reader;

/// How a history is written.
#[derive(Debug)]
pub enum Form {
    /// One CloudEvent a line, in order of arrival.
    Ndjson,
    Csv(Box<CsvMap>),
    Xes(Box<XesMap>),
}

/// Where in its file an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// Of the event, from 0; of CSV the row's, of XES that of the `<event>`.
    pub index: u64,
}

/// Why reading a history ended early.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("cannot read {file}: {error}")]
    Read { file: String, error: io::Error },
    /// Where the events were going.
    #[error("cannot write: {0}")]
    Taken(io::Error),
    /// The file is not what it was said to be.
    #[error("{0}")]
    Fault(String),
}

impl HistoryError {
    /// A failure to read is the file's fault where its content is damaged.
    fn read(file: &str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                HistoryError::Fault(format!("{file}: {error}"))
            }
            _ => HistoryError::Read { file: file.to_owned(), error },
        }
    }
}

/// What is known of an event beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Coming<'c> {
    pub place: Place,
    /// With the first event of some: the leads that all of them are about. A shard that reads them at once is quicker.
    pub leads_ahead: &'c [&'c str],
}

/// Takes every event, or why it was refused, in the order in which a replay wants them.
pub type Take<'t> = dyn FnMut(Coming<'_>, Result<Event<'_>, Rejection>) -> io::Result<()> + 't;

/// Reads a whole history. `file` is what errors call it.
///
/// # Errors
/// [`HistoryError`]: the medium fails, `take` fails, or nothing in the file can be read.
pub fn read(reader: &mut dyn Read, file: &str, form: &Form, take: &mut Take<'_>) -> Result<(), HistoryError> {
    match form {
        Form::Ndjson => lines::read_lines(reader, file, take),
        Form::Csv(map) => match read_csv(reader, map) {
            Ok(exported) => hand_on(&exported, take),
            Err(CsvError::Io(error)) => Err(HistoryError::read(file, error)),
            Err(error) => Err(HistoryError::Fault(format!("{file}: {error}"))),
        },
        Form::Xes(map) => match read_xes(reader, map) {
            Ok(exported) => hand_on(&exported, take),
            Err(XesError::Io(error)) => Err(HistoryError::read(file, error)),
            Err(error) => Err(HistoryError::Fault(format!("{file}: {error}"))),
        },
    }
}

/// Refusals first, in order of the file; then the events, in order of time.
fn hand_on(exported: &Exported, take: &mut Take<'_>) -> Result<(), HistoryError> {
    for refused in &exported.rejected {
        let place = Place { line: refused.line, index: refused.row.saturating_sub(1) };
        take(Coming { place, leads_ahead: &[] }, Err(refused.rejection.clone())).map_err(HistoryError::Taken)?;
    }
    for (index, event) in exported.iter().enumerate() {
        let (line, row) = exported.place(index);
        let place = Place { line, index: row.saturating_sub(1) };
        take(Coming { place, leads_ahead: &[] }, Ok(event)).map_err(HistoryError::Taken)?;
    }
    Ok(())
}
