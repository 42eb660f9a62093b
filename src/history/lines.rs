//! NDJSON: lines in, some at a time, so that whoever takes their events can look at all of their leads at once.

use std::borrow::Cow;
use std::io::{BufReader, Read};
use std::ops::Range;

use super::{Coming, HistoryError, Place, Take};
use crate::event::{self, Event, Rejection};
use crate::replay::Lines;

/// As many as the shells put into one turn.
const MOST_LINES: usize = 64;
/// A line may have as much alone: no more are added to one so long.
const MOST_BYTES: usize = 1 << 20;

/// Lines read and not yet handed on.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: Vec<(Place, Result<Range<usize>, Rejection>)>,
}

impl Batch {
    fn push(&mut self, place: Place, line: Result<&[u8], Rejection>) {
        let line = line.map(|line| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(line);
            from..self.bytes.len()
        });
        self.lines.push((place, line));
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= MOST_LINES || self.bytes.len() >= MOST_BYTES
    }

    fn hand_on(&mut self, take: &mut Take<'_>) -> Result<(), HistoryError> {
        let bytes = &self.bytes;
        let decode = |line: Range<usize>| event::decode(&bytes[line]);
        let events: Vec<(Place, Result<Event<'_>, Rejection>)> =
            self.lines.drain(..).map(|(place, line)| (place, line.and_then(decode))).collect();
        // An id with escapes is a text of its own; it is looked up when its turn comes.
        let leads = events.iter().filter_map(|(_, event)| match &event.as_ref().ok()?.lead_id {
            Cow::Borrowed(lead) => Some(*lead),
            Cow::Owned(_) => None,
        });
        let leads: Vec<&str> = leads.collect();
        let mut leads_ahead = leads.as_slice();
        for (place, event) in events {
            take(Coming { place, leads_ahead, left: None }, event).map_err(HistoryError::Taken)?;
            leads_ahead = &[];
        }
        self.bytes.clear();
        Ok(())
    }
}

pub(super) fn read_lines(reader: &mut dyn Read, file: &str, take: &mut Take<'_>) -> Result<(), HistoryError> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, reader));
    let mut batch = Batch::default();
    for index in 0.. {
        let read = lines.next().map(|line| line.map(|(number, line)| batch.push(Place { line: number, index }, line)));
        match read {
            Ok(Some(())) if !batch.is_full() => {}
            Ok(Some(())) => batch.hand_on(take)?,
            Ok(None) => return batch.hand_on(take),
            // What came before the damage was good.
            Err(error) => {
                batch.hand_on(take)?;
                return Err(HistoryError::read(file, error));
            }
        }
    }
    Ok(())
}
