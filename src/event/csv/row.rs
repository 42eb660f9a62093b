//! The file, row by row: cells, what they refuse, and which layout takes them.

use std::borrow::Cow;
use std::io::Read;

use super::change::Changes;
use super::file::{Cells, CsvFile, FileRow};
use super::lead::Leads;
use super::map::{CsvMap, Layout};
use super::time::read_instant;
use crate::event::check::{check_attribute, name, wrong_type};
use crate::event::export::{Drafts, ExportError, NameIndex, Names, Place, TakeExported, event_id};
use crate::event::map_file::nearest;
use crate::event::object::{Field, clip};
use crate::event::{FactKind, MAX_EVENT_BYTES, Reason, Rejection};
use crate::sorter::Room;
use crate::time::Timestamp;

/// Reads a whole file. Rows that are at fault are refused, and the others go on.
///
/// # Errors
/// [`ExportError`]: the medium fails, the header lacks columns that the map names, or `take` fails.
pub fn read_csv<R: Read>(reader: R, map: &CsvMap, room: &Room, take: &mut TakeExported<'_>) -> Result<(), ExportError> {
    let mut file = CsvFile::new(reader, map.delimiter);
    let mut header = Cells::default();
    if file.next(&mut header).map_err(ExportError::Read)?.is_none() {
        return Err(ExportError::Empty);
    }
    let mut columns = Header { cells: &header, faults: Vec::new() };
    let lead = columns.find(&map.lead);
    let mut rows = Rows { map, names: Names::default(), refused: Vec::new() };
    let mut taker = match &map.layout {
        Layout::RowPerChange(names) => Taker::Changes(Box::new(Changes::new(names, &mut columns, &mut rows.names))),
        Layout::RowPerLead(names) => Taker::Leads(Leads::new(names, &mut columns, &mut rows.names)),
    };
    if !columns.faults.is_empty() {
        return Err(ExportError::Columns(columns.faults));
    }
    let mut drafts = Drafts::new(room);
    let mut cells = Cells::default();
    for number in 1.. {
        let Some(FileRow { line, too_long }) = file.next(&mut cells).map_err(ExportError::Read)? else { break };
        let row = Row { cells: &cells, line, number };
        if let Err(rejection) = row.shape(too_long, header.len()) {
            rows.refuse(&row, rejection);
            // What a quote has taken in that nothing closes are other rows.
            file.only_first_line().map_err(ExportError::Read)?;
        } else {
            match rows.lead(&row, &lead) {
                Ok(lead) => match &mut taker {
                    Taker::Changes(changes) => changes.take(&row, lead, &mut rows, &mut drafts)?,
                    Taker::Leads(leads) => leads.take(&row, lead, &mut rows, &mut drafts)?,
                },
                Err(rejection) => rows.refuse(&row, rejection),
            }
        }
        for (place, rejection) in rows.refused.drain(..) {
            take(place, None, Err(rejection)).map_err(ExportError::Taken)?;
        }
    }
    match taker {
        Taker::Changes(changes) => changes.hand_on(drafts, &map.source, &rows.names, take),
        Taker::Leads(_) => drafts.hand_on(&map.source, &rows.names, take),
    }
}

/// Which layout takes the rows.
enum Taker<'m> {
    Changes(Box<Changes>),
    Leads(Leads<'m>),
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
    cells: &'h Cells,
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
    cells: &'r Cells,
    line: u64,
    pub(super) number: u64,
}

impl Row<'_> {
    /// Line and row, both from 1.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.line, self.number)
    }

    fn shape(&self, too_long: bool, columns: usize) -> Result<(), Rejection> {
        let found = self.cells.len();
        if too_long || self.cells.size() > MAX_EVENT_BYTES {
            let detail = format!("the row has more than the {MAX_EVENT_BYTES} bytes allowed; is a quote left open?");
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        if found != columns {
            let found = format!("{found}; is a quote left open, or a delimiter not quoted?");
            return Err(wrong_type("the row", &format!("{columns} cells, as the header has"), &found));
        }
        Ok(())
    }
}

/// What reading rows needs, whatever the layout, and what of the current one was refused.
pub(super) struct Rows<'m> {
    map: &'m CsvMap,
    names: Names,
    refused: Vec<(Place, Rejection)>,
}

impl<'m> Rows<'m> {
    pub(super) fn refuse(&mut self, row: &Row<'_>, rejection: Rejection) {
        self.refused.push((Place { line: row.line, index: row.number - 1 }, rejection));
    }

    /// Refuses the one event of `row` that this would have been.
    pub(super) fn refuse_event(
        &mut self,
        row: &Row<'_>,
        (lead, kind, suffix): (&str, FactKind, Option<&str>),
        rejection: Rejection,
    ) {
        let id = Some(event_id(lead, row.number, kind, suffix));
        self.refuse(row, Rejection { id, ..rejection });
    }

    fn lead<'t>(&self, row: &Row<'t>, column: &Column) -> Result<&'t str, Rejection> {
        match self.name(row, column)? {
            Some(lead) => Ok(lead),
            None => {
                let detail = format!("{}: expected the lead's id, found nothing", column.at);
                Err(Rejection::new(Reason::MissingLeadId, detail))
            }
        }
    }

    /// The trimmed text of a cell; `None` is "unknown".
    fn cell<'t>(&self, row: &Row<'t>, column: &Column) -> Result<Option<&'t str>, Rejection> {
        let bytes = row.cells.get(column.index).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| wrong_type(&column.at, "UTF-8", "other bytes"))?.trim();
        Ok((!text.is_empty() && !self.map.unknown.iter().any(|word| word == text)).then_some(text))
    }

    /// A name; `None` is "unknown".
    pub(super) fn name<'t>(&self, row: &Row<'t>, column: &Column) -> Result<Option<&'t str>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        name(&column.at, Field::Text(Cow::Borrowed(text)))?;
        Ok(Some(text))
    }

    /// A name; "unknown" is nobody, none: `""`.
    pub(super) fn holder<'t>(&self, row: &Row<'t>, column: &Column) -> Result<&'t str, Rejection> {
        Ok(self.name(row, column)?.unwrap_or_default())
    }

    /// A status by our name; `None` is "not said".
    pub(super) fn status<'t>(&self, row: &Row<'t>, column: &Column) -> Result<Option<&'t str>, Rejection>
    where
        'm: 't,
    {
        let map: &'m CsvMap = self.map;
        let Some(status) = self.name(row, column)? else { return Ok(None) };
        match map.statuses.get(status) {
            Some(ours) if ours.is_empty() => Ok(None),
            Some(ours) => Ok(Some(ours)),
            None => Ok(Some(status)),
        }
    }

    /// The value of an attribute; `None` is "not said".
    pub(super) fn attribute<'t>(
        &self,
        row: &Row<'t>,
        attribute: NameIndex,
        column: &Column,
    ) -> Result<Option<&'t str>, Rejection> {
        let Some(text) = self.cell(row, column)? else { return Ok(None) };
        check_attribute(self.names.name(attribute), text)?;
        Ok(Some(text))
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
