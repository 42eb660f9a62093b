//! The file, row by row: cells, what they refuse, and which layout takes them.

use std::borrow::Cow;
use std::io::{self, Read};

use ::csv::{ByteRecord, ReaderBuilder};

use super::change::Changes;
use super::lead::Leads;
use super::map::{CsvMap, Layout};
use super::time::read_instant;
use crate::event::check::{check_attribute, name, wrong_type};
use crate::event::export::{Exported, RejectedRow, Sym, Texts, event_id};
use crate::event::map_file::nearest;
use crate::event::object::{Field, clip};
use crate::event::{FactKind, MAX_EVENT_BYTES, Reason, Rejection};
use crate::time::Timestamp;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
    #[error("the file is empty: expected a first row with the names of the columns")]
    Empty,
    /// Every column that the map names and the file lacks, or has twice.
    #[error("{}", .0.join("\n"))]
    Columns(Vec<String>),
}

/// Reads a whole file. Rows that are at fault are kept in [`Exported::rejected`], and the others go on.
///
/// # Errors
/// [`CsvError`] where nothing can be read: the medium fails, or the header lacks columns that the map names.
pub fn read_csv<R: Read>(reader: R, map: &CsvMap) -> Result<Exported, CsvError> {
    // Rows of another length are refused one by one, below.
    let mut csv = ReaderBuilder::new().delimiter(map.delimiter).flexible(true).from_reader(reader);
    let header = csv.byte_headers().map_err(io_error)?.clone();
    if header.is_empty() {
        return Err(CsvError::Empty);
    }
    // A line feed that ends a row is passed with the row; that of a CRLF is passed with the next one.
    let own_feed = u64::from(csv.position().line() > 1);
    let mut columns = Header { cells: &header, faults: Vec::new() };
    let lead = columns.find(&map.lead);
    let mut rows = Rows { map, texts: Texts::default(), rejected: Vec::new() };
    let mut taker = match &map.layout {
        Layout::RowPerChange(names) => Taker::Changes(Changes::new(names, &mut columns, &mut rows.texts)),
        Layout::RowPerLead(names) => Taker::Leads(Leads::new(names, &mut columns, &mut rows.texts)),
    };
    if !columns.faults.is_empty() {
        return Err(CsvError::Columns(columns.faults));
    }
    let mut record = ByteRecord::new();
    let mut lines: Vec<u32> = Vec::new();
    while csv.read_byte_record(&mut record).map_err(io_error)? {
        let begun = record.position().map_or(0, ::csv::Position::line);
        let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        // Blank lines before the row are passed with it.
        let line = begun.max(csv.position().line().saturating_sub(inside + own_feed));
        lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        let row = Row { record: &record, line, number: lines.len() as u64 };
        match rows.lead(&row, &lead, header.len()) {
            Ok(lead) => match &mut taker {
                Taker::Changes(changes) => changes.take(&row, lead, &mut rows),
                Taker::Leads(leads) => leads.take(&row, lead, &mut rows),
            },
            Err(rejection) => rows.refuse(&row, rejection),
        }
    }
    let drafts = match taker {
        Taker::Changes(changes) => changes.finish(),
        Taker::Leads(leads) => leads.finish(),
    };
    Ok(Exported::new(map.source.clone(), rows.texts, drafts, rows.rejected, lines))
}

/// Which layout takes the rows.
enum Taker<'m> {
    Changes(Changes),
    Leads(Leads<'m>),
}

fn io_error(error: ::csv::Error) -> CsvError {
    CsvError::Io(io::Error::from(error))
}

/// A column of this file.
#[derive(Clone, Debug)]
pub(super) struct Column {
    index: usize,
    /// How refusals call it.
    pub(super) at: String,
}

/// The header while the map's columns are looked for.
pub(super) struct Header<'h> {
    cells: &'h ByteRecord,
    faults: Vec<String>,
}

impl Header<'_> {
    pub(super) fn find(&mut self, wanted: &str) -> Column {
        let mut places = self.cells.iter().enumerate().filter(|(_, cell)| cell.trim_ascii() == wanted.as_bytes());
        let index = places.next().map(|(index, _)| index);
        if index.is_none() {
            let names: Vec<Cow<'_, str>> = self.cells.iter().map(String::from_utf8_lossy).collect();
            let near = nearest(wanted, names.iter().map(AsRef::as_ref));
            self.faults.push(format!("the file has no column {wanted:?}{near}"));
        } else if places.next().is_some() {
            self.faults.push(format!("the file has the column {wanted:?} twice"));
        }
        Column { index: index.unwrap_or_default(), at: format!("column {wanted:?}") }
    }

    pub(super) fn find_some(&mut self, wanted: Option<&String>) -> Option<Column> {
        wanted.map(|wanted| self.find(wanted))
    }
}

/// One row, and where it stands.
pub(super) struct Row<'r> {
    record: &'r ByteRecord,
    line: u64,
    pub(super) number: u64,
}

/// What reading rows needs and gathers, whatever the layout.
pub(super) struct Rows<'m> {
    map: &'m CsvMap,
    pub(super) texts: Texts,
    rejected: Vec<RejectedRow>,
}

impl Rows<'_> {
    pub(super) fn refuse(&mut self, row: &Row<'_>, rejection: Rejection) {
        self.rejected.push(RejectedRow { line: row.line, row: row.number, rejection });
    }

    /// Refuses the one event of `row` that this would have been.
    pub(super) fn refuse_event(
        &mut self,
        row: &Row<'_>,
        (lead, kind, suffix): (Sym, FactKind, Option<&str>),
        rejection: Rejection,
    ) {
        let id = Some(event_id(self.texts.text(lead), row.number, kind, suffix));
        self.refuse(row, Rejection { id, ..rejection });
    }

    fn lead(&mut self, row: &Row<'_>, column: &Column, columns: usize) -> Result<Sym, Rejection> {
        if row.record.len() != columns {
            let found = format!("{}; is a quote left open, or a delimiter not quoted?", row.record.len());
            return Err(wrong_type("the row", &format!("{columns} cells, as the header has"), &found));
        }
        if row.record.as_slice().len() > MAX_EVENT_BYTES {
            let detail = format!("the row has more than the {MAX_EVENT_BYTES} bytes allowed");
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        match self.name(row, column)? {
            Some(lead) => Ok(lead),
            None => {
                let detail = format!("{}: expected the lead's id, found nothing", column.at);
                Err(Rejection::new(Reason::MissingLeadId, detail))
            }
        }
    }

    /// The trimmed text of a cell; `None` is "unknown".
    fn cell<'r>(&self, row: &Row<'r>, column: &Column) -> Result<Option<&'r str>, Rejection> {
        let bytes = row.record.get(column.index).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| wrong_type(&column.at, "UTF-8", "other bytes"))?.trim();
        Ok((!text.is_empty() && !self.map.unknown.iter().any(|word| word == text)).then_some(text))
    }

    /// A name; `None` is "unknown".
    pub(super) fn name(&mut self, row: &Row<'_>, column: &Column) -> Result<Option<Sym>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        name(&column.at, Field::Text(Cow::Borrowed(text)))?;
        Ok(Some(self.texts.sym(text)))
    }

    /// A name; "unknown" is nobody, none: `""`.
    pub(super) fn holder(&mut self, row: &Row<'_>, column: &Column) -> Result<Sym, Rejection> {
        Ok(self.name(row, column)?.unwrap_or_else(|| self.texts.sym("")))
    }

    /// A status by our name; `None` is "not said".
    pub(super) fn status(&mut self, row: &Row<'_>, column: &Column) -> Result<Option<Sym>, Rejection> {
        let Some(status) = self.name(row, column)? else { return Ok(None) };
        match self.map.statuses.get(self.texts.text(status)) {
            Some(ours) if ours.is_empty() => Ok(None),
            Some(ours) => Ok(Some(self.texts.sym(ours))),
            None => Ok(Some(status)),
        }
    }

    /// The value of an attribute; `None` is "not said".
    pub(super) fn attribute(
        &mut self,
        row: &Row<'_>,
        attribute: Sym,
        column: &Column,
    ) -> Result<Option<Sym>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        check_attribute(self.texts.text(attribute), text)?;
        Ok(Some(self.texts.sym(text)))
    }

    pub(super) fn number(&self, row: &Row<'_>, column: &Column) -> Result<Option<f64>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(wrong_type(&column.at, "a number such as 1250.5", &format!("{:?}", clip(text)))),
        }
    }

    pub(super) fn instant(&self, row: &Row<'_>, column: &Column) -> Result<Option<Timestamp>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        match read_instant(text, &self.map.formats, self.map.zone) {
            Some(instant) => Ok(Some(instant)),
            None => {
                let expected = "an instant from 1970 to 9999 in one of the map's time_formats";
                let detail = format!("{}: expected {expected}, found {:?}", column.at, clip(text));
                Err(Rejection::new(Reason::BadTime, detail))
            }
        }
    }
}
