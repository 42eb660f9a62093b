//! A look at a CSV file: what its columns seem to mean, as a map that a person checks, with the reasons beside it.

mod column;
mod proposal;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read};

use ::csv::StringRecord;

use super::HistoryError;
use crate::event::csv::{Cells, CsvFile};
use column::Column;

/// Rows that are looked at, unless told otherwise.
pub const USUAL_ROWS: usize = 10_000;

/// The sample is kept in memory.
const MOST_BYTES: usize = 64 << 20;
const DELIMITERS: [u8; 4] = *b",;\t|";

/// What was made of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The map, with comments.
    pub map: String,
    /// What a person should decide, for people.
    pub doubts: Vec<String>,
}

/// The rows that were looked at.
struct Sample {
    delimiter: u8,
    /// Those that a map can name.
    columns: Vec<Column>,
    /// Names that several columns have, or that are no UTF-8.
    unusable: BTreeSet<String>,
    rows: Vec<StringRecord>,
    /// The file goes on after them.
    more: bool,
}

/// Looks at up to `most_rows` rows and proposes a map. `file` is what faults and comments call it.
///
/// # Errors
/// Where the file cannot be read, or no column could be a lead's id or an instant.
pub fn guess(reader: &mut dyn Read, file: &str, most_rows: usize) -> Result<Guess, HistoryError> {
    let sample = sample(reader, file, most_rows)?;
    proposal::propose(&sample, file)
}

fn sample(mut reader: &mut dyn Read, file: &str, most_rows: usize) -> Result<Sample, HistoryError> {
    let fail = |error: io::Error| HistoryError::read(file, error);
    let mut head = Vec::new();
    Read::by_ref(&mut reader).take(1 << 16).read_to_end(&mut head).map_err(fail)?;
    let delimiter = delimiter(&head);
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).to_vec();
    let mut csv = CsvFile::new(Cursor::new(text).chain(reader), delimiter);
    let fail = |error: io::Error| HistoryError::read(file, error);
    let mut cells = Cells::default();
    csv.next(&mut cells).map_err(fail)?;
    // As a map's names are compared with them.
    let names: Vec<Vec<u8>> = cells.iter().map(|name| name.trim_ascii().to_vec()).collect();
    if names.iter().all(Vec::is_empty) {
        let message = format!("{file}: expected a first row with the names of the columns, found nothing");
        return Err(HistoryError::Fault(message));
    }
    let (mut rows, mut bytes, mut more) = (Vec::new(), 0, false);
    while let Some(row) = csv.next(&mut cells).map_err(fail)? {
        // Rows of another length are damaged: the replay refuses and tells them.
        if row.too_long || cells.len() != names.len() {
            csv.only_first_line().map_err(fail)?;
            continue;
        }
        bytes += cells.size();
        if rows.len() == most_rows || bytes > MOST_BYTES {
            more = true;
            break;
        }
        rows.push(cells.iter().map(String::from_utf8_lossy).collect::<StringRecord>());
    }
    if rows.is_empty() {
        return Err(HistoryError::Fault(format!("{file}: expected rows under the names of the columns, found none")));
    }
    let mut counts: BTreeMap<&[u8], u32> = BTreeMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let (mut columns, mut unusable) = (Vec::new(), BTreeSet::new());
    for (at, name) in names.iter().enumerate() {
        match str::from_utf8(name) {
            Ok(name) if counts[name.as_bytes()] == 1 => columns.push(Column::of(name.to_owned(), at, &rows)),
            _ => {
                unusable.insert(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    Ok(Sample { delimiter, columns, unusable, rows, more })
}

/// The delimiter that parts the first line into most cells, outside of quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                if let Some(at) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|count| *count == most).map_or(b',', |at| DELIMITERS[at])
}
