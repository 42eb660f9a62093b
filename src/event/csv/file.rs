//! The rows of a file, as they are written. A quote that nothing closes costs its line, and not the rest of the file.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::event::MAX_EVENT_BYTES;

/// As much of the file is read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// A row may take as much of the file: cells of one letter in quotes take four bytes each.
const MOST_BYTES: usize = 4 * MAX_EVENT_BYTES;

/// The cells of the row that was read last.
#[derive(Debug, Default)]
pub struct Cells {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Of `bytes` and of `ends`.
    used: (usize, usize),
}

impl Cells {
    pub fn len(&self) -> usize {
        self.used.1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in bytes.
    pub fn size(&self) -> usize {
        self.used.0
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let ends = self.ends.get(..self.used.1)?;
        let from = index.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
        self.bytes.get(from..*ends.get(index)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A row that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// On which it begins, from 1.
    pub line: u64,
    /// It is too long to be looked at.
    pub too_long: bool,
}

pub struct CsvFile<R> {
    file: R,
    core: Reader,
    /// Read from the file; kept from the beginning of the row on, so that its lines can be read again.
    kept: Vec<u8>,
    /// In `kept`: where the row begins, and how far it was read.
    from: usize,
    at: usize,
    /// Of `from`.
    line: u64,
    ended: bool,
}

impl<R: Read> CsvFile<R> {
    pub fn new(file: R, delimiter: u8) -> Self {
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        CsvFile { file, core, kept: Vec::new(), from: 0, at: 0, line: 1, ended: false }
    }

    /// Reads the next row that is not blank.
    ///
    /// # Errors
    /// Where the file fails.
    pub fn next(&mut self, cells: &mut Cells) -> io::Result<Option<FileRow>> {
        self.pass_blank_lines()?;
        cells.used = (0, 0);
        loop {
            if self.at == self.kept.len() && !self.ended {
                if self.at - self.from > MOST_BYTES {
                    return Ok(Some(FileRow { line: self.line, too_long: true }));
                }
                self.fill()?;
            }
            let (bytes, ends) = cells.used;
            let (result, read, written, ended) =
                self.core.read_record(&self.kept[self.at..], &mut cells.bytes[bytes..], &mut cells.ends[ends..]);
            self.at += read;
            cells.used = (bytes + written, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => cells.bytes.resize((2 * cells.bytes.len()).max(1 << 10), 0),
                ReadRecordResult::OutputEndsFull => cells.ends.resize((2 * cells.ends.len()).max(32), 0),
                ReadRecordResult::Record => return Ok(Some(FileRow { line: self.line, too_long: false })),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Takes the row that was read last for its first line alone, if it has more: the others are read again.
    ///
    /// # Errors
    /// Where the file fails.
    pub fn only_first_line(&mut self) -> io::Result<()> {
        loop {
            let row = &self.kept[self.from..self.at];
            if let Some(end) = row.iter().position(|byte| *byte == b'\n') {
                self.at = self.from + end;
                break;
            }
            if !matches!(row.last(), Some(b'\r')) && !self.ended && self.at == self.kept.len() {
                // One line that goes on and on: nothing of it is kept.
                (self.from, self.at) = (0, 0);
                self.kept.clear();
                self.fill()?;
                self.at = self.kept.len();
                continue;
            }
            break;
        }
        self.core.reset();
        Ok(())
    }

    fn pass_blank_lines(&mut self) -> io::Result<()> {
        self.line += count_lines(&self.kept[self.from..self.at]);
        loop {
            self.from = self.at;
            let blank = self.kept[self.at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.line += count_lines(&self.kept[self.at..self.at + blank]);
            self.at += blank;
            self.from = self.at;
            if self.at < self.kept.len() || self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// What lies before the row is forgotten first.
    fn fill(&mut self) -> io::Result<()> {
        self.kept.drain(..self.from);
        self.at -= self.from;
        self.from = 0;
        let read = self.file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.kept)?;
        self.ended = read == 0;
        Ok(())
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
