//! Recorded events from files and streams: NDJSON of CloudEvents, CSV exports, XES logs, each as it is or compressed.
//!
//! NDJSON is read as a stream. Exports have no order of arrival, so they are read whole and put in order of event time, in
//! temporary files where they are large ([`crate::sorter`]). What cannot be read is told with its place, and the rest goes on.

mod bad;
mod guess;
mod lines;
mod source;

use std::io::{self, Read};

use crate::event::csv::{CsvMap, read_csv};
use crate::event::xes::{XesMap, read_xes};
use crate::event::{Event, ExportError, Rejection};
use crate::sorter::{Room, SortError};

pub use crate::event::Place;
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

/// Why reading a history ended early.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("cannot read {file}: {error}")]
    Read { file: String, error: io::Error },
    /// Where the events were going.
    #[error("cannot write: {0}")]
    Taken(io::Error),
    /// It has no order of arrival, and there is no room to make one.
    #[error("{file}: {error}")]
    Sort { file: String, error: SortError },
    /// The file is not what it was said to be.
    #[error("{0}")]
    Fault(String),
}

impl HistoryError {
    /// A failure to read is the file's fault where its content is damaged.
    fn read(file: &str, error: io::Error) -> Self {
        match is_damage(&error) {
            true => HistoryError::Fault(damaged(file, &error)),
            false => HistoryError::Read { file: file.to_owned(), error },
        }
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)
}

fn damaged(file: &str, error: &dyn std::error::Error) -> String {
    format!("{file}: damaged, or cut short: {error}")
}

/// What is known of an event beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Coming<'c> {
    pub place: Place,
    /// With the first event of some: the leads that all of them are about. A shard that reads them at once is quicker.
    pub leads_ahead: &'c [&'c str],
    /// Of an export that was put in order: how much of it is still to come, in records.
    pub left: Option<u64>,
}

/// Takes every event, or why it was refused, in the order in which a replay wants them.
pub type Take<'t> = dyn FnMut(Coming<'_>, Result<Event<'_>, Rejection>) -> io::Result<()> + 't;

/// Reads a whole history. `file` is what errors call it; `room` is where an export is put in order.
///
/// # Errors
/// [`HistoryError`]: the medium fails, `take` fails, or nothing in the file can be read.
pub fn read(
    reader: &mut dyn Read,
    file: &str,
    form: &Form,
    room: &Room,
    take: &mut Take<'_>,
) -> Result<(), HistoryError> {
    let mut exported =
        |place, left, event: Result<Event<'_>, Rejection>| take(Coming { place, leads_ahead: &[], left }, event);
    let read = match form {
        Form::Ndjson => return lines::read_lines(reader, file, take),
        Form::Csv(map) => read_csv(reader, map, room, &mut exported),
        Form::Xes(map) => read_xes(reader, map, room, &mut exported),
    };
    let file = file.to_owned();
    read.map_err(|error| match error {
        ExportError::Read(error) => HistoryError::read(&file, error),
        ExportError::Taken(error) => HistoryError::Taken(error),
        ExportError::Sort(error) => HistoryError::Sort { file, error },
        ExportError::Columns(faults) => {
            let faults: Vec<String> = faults.iter().map(|fault| format!("{file}: {fault}")).collect();
            HistoryError::Fault(faults.join("\n"))
        }
        error => HistoryError::Fault(format!("{file}: {error}")),
    })
}
