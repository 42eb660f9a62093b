//! What an exported file says: events in order of event time, in bounded memory, and the rows that were refused.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use crate::event::{AttributeList, Event, Fact, FactKind, Opportunity, Rejection};
use crate::sorter::{Room, SortError, Sorted, Sorter};
use crate::time::Timestamp;

/// Where in its file an event stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// Of the event, from 0; of CSV the row's, of XES that of the `<event>`.
    pub index: u64,
}

/// Takes what was refused, as it is met, then every event in order of event time; ties in order of the file. With an event goes how
/// many records are still to be made events, as far as they are known.
pub type TakeExported<'t> = dyn FnMut(Place, Option<u64>, Result<Event<'_>, Rejection>) -> io::Result<()> + 't;

/// Why an exported file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    /// Where the events were going.
    #[error("cannot write: {0}")]
    Taken(io::Error),
    #[error(transparent)]
    Sort(#[from] SortError),
    #[error("the file is empty: expected a first row with the names of the columns")]
    Empty,
    /// Every column that the map names and the file lacks, or has twice.
    #[error("{}", .0.join("\n"))]
    Columns(Vec<String>),
    #[error("the file is no XES log: expected a <log> with <trace> elements, found {0}")]
    NoLog(String),
}

/// A name that the map gives, by its place in [`Names`].
pub(in crate::event) type NameIndex = u32;

/// Names of attributes and columns, which stand in every event.
#[derive(Debug, Default)]
pub(in crate::event) struct Names(Vec<String>);

impl Names {
    pub(in crate::event) fn index(&mut self, name: &str) -> NameIndex {
        let known = self.0.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        index as NameIndex
    }

    pub(in crate::event) fn name(&self, index: NameIndex) -> &str {
        self.0.get(index as usize).map_or("", |name| name)
    }
}

/// An event before it is put together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::event) struct Draft<'t> {
    /// With `row` what it is sorted by, which is kept beside it.
    #[serde(skip)]
    pub(in crate::event) time: Timestamp,
    /// Of the file, from 1.
    #[serde(skip)]
    pub(in crate::event) row: u64,
    /// On which the row begins.
    pub(in crate::event) line: u64,
    /// Its place in [`FactKind::ALL`].
    pub(in crate::event) kind: u8,
    pub(in crate::event) lead: &'t str,
    /// Makes the id unlike those of other events of this kind and row.
    pub(in crate::event) suffix: Option<NameIndex>,
    /// Status, kind of activity or survivor of a merge, as the kind of event has it.
    #[serde(borrow)]
    pub(in crate::event) word: Option<&'t str>,
    pub(in crate::event) owner: Option<&'t str>,
    pub(in crate::event) team: Option<&'t str>,
    pub(in crate::event) automated: bool,
    pub(in crate::event) attributes: Vec<(NameIndex, &'t str)>,
    #[serde(borrow)]
    pub(in crate::event) opportunity: Option<OpportunityDraft<'t>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::event) struct OpportunityDraft<'t> {
    #[serde(borrow)]
    pub(in crate::event) id: Option<&'t str>,
    pub(in crate::event) value: Option<f64>,
    pub(in crate::event) currency: Option<&'t str>,
}

impl<'t> Draft<'t> {
    pub(in crate::event) fn new(kind: FactKind, lead: &'t str, (line, row): (u64, u64), time: Timestamp) -> Self {
        Draft {
            time,
            row,
            line,
            kind: kind as u8,
            lead,
            suffix: None,
            word: None,
            owner: None,
            team: None,
            automated: false,
            attributes: Vec::new(),
            opportunity: None,
        }
    }

    fn kind(&self) -> FactKind {
        FactKind::ALL.get(usize::from(self.kind)).copied().unwrap_or(FactKind::Updated)
    }

    pub(in crate::event) fn place(&self) -> Place {
        Place { line: self.line, index: self.row.saturating_sub(1) }
    }

    /// In few bytes.
    pub(in crate::event) fn pack(&self, out: &mut Vec<u8>) {
        // Nothing that it holds is without a written form, and a vector takes all.
        let _never_fails = postcard::to_io(self, out);
    }

    pub(in crate::event) fn unpack((ms, row): (i64, u64), packed: &'t [u8]) -> io::Result<Draft<'t>> {
        let mut draft: Draft<'t> = postcard::from_bytes(packed).map_err(io::Error::other)?;
        (draft.time, draft.row) = (Timestamp::from_ms(ms), row);
        Ok(draft)
    }

    pub(in crate::event) fn event<'e>(&self, source: &'e str, names: &'e Names) -> Event<'e>
    where
        't: 'e,
    {
        let kind = self.kind();
        let mut fact = Fact::new(kind);
        let word = self.word.map(Cow::Borrowed);
        match kind {
            FactKind::Created | FactKind::StatusChanged => fact.status = word,
            FactKind::Activity => fact.activity = word,
            FactKind::Merged => fact.into = word,
            FactKind::Assigned | FactKind::Updated | FactKind::Deleted | FactKind::Opportunity | FactKind::Gap => {}
        }
        fact.owner = self.owner.map(Cow::Borrowed);
        fact.team = self.team.map(Cow::Borrowed);
        fact.automated = self.automated;
        let attribute =
            |(name, value): &(NameIndex, &'t str)| (Cow::Borrowed(names.name(*name)), Cow::Borrowed(*value));
        fact.attributes = self.attributes.iter().map(attribute).collect::<AttributeList<'e>>();
        fact.opportunity = self.opportunity.as_ref().map(|o| {
            Box::new(Opportunity {
                id: o.id.map(Cow::Borrowed),
                value: o.value,
                currency: o.currency.map(Cow::Borrowed),
            })
        });
        let suffix = self.suffix.map(|name| names.name(name));
        Event {
            source: Cow::Borrowed(source),
            id: Cow::Owned(event_id(self.lead, self.row, kind, suffix)),
            lead_id: Cow::Borrowed(self.lead),
            time: self.time,
            recorded_time: None,
            fact,
        }
    }
}

/// The drafts of a file, while it is read.
pub(in crate::event) struct Drafts {
    sorter: Sorter,
    room: Room,
}

impl Drafts {
    pub(in crate::event) fn new(room: &Room) -> Self {
        Drafts { sorter: Sorter::new(room.clone()), room: room.clone() }
    }

    pub(in crate::event) fn room(&self) -> &Room {
        &self.room
    }

    pub(in crate::event) fn push(&mut self, draft: &Draft<'_>) -> Result<(), SortError> {
        self.sorter.push((draft.time.ms(), draft.row), |out| draft.pack(out))
    }

    pub(in crate::event) fn finish(self) -> Result<Sorted, SortError> {
        self.sorter.finish()
    }

    /// Every draft is an event: hands them all on.
    pub(in crate::event) fn hand_on(
        self,
        source: &str,
        names: &Names,
        take: &mut TakeExported<'_>,
    ) -> Result<(), ExportError> {
        let mut sorted = self.finish()?;
        let mut left = sorted.records();
        while let Some((key, packed)) = sorted.next()? {
            left = left.saturating_sub(1);
            let draft = Draft::unpack(key, packed).map_err(ExportError::Read)?;
            take(draft.place(), Some(left), Ok(draft.event(source, names))).map_err(ExportError::Taken)?;
        }
        Ok(())
    }
}

/// `LEAD:ROW:KIND[:COLUMN]`: the same whenever the same file is read again.
pub(in crate::event) fn event_id(lead: &str, row: u64, kind: FactKind, suffix: Option<&str>) -> String {
    let kind = kind.type_name();
    let kind = kind.strip_prefix("lead.").unwrap_or(kind);
    match suffix {
        Some(suffix) => format!("{lead}:{row}:{kind}:{suffix}"),
        None => format!("{lead}:{row}:{kind}"),
    }
}
