//! What an exported file said: events in few bytes each, by event time, and the rows that were refused.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{Event, Fact, FactKind, Opportunity, Rejection};
use crate::time::Timestamp;

/// A text of the file, kept once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::event) struct Sym(u32);

#[derive(Debug, Default)]
pub(in crate::event) struct Texts {
    known: HashMap<Arc<str>, Sym>,
    all: Vec<Arc<str>>,
}

impl Texts {
    pub(in crate::event) fn sym(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.known.get(text) {
            return *sym;
        }
        let text: Arc<str> = text.into();
        // Four billion different texts do not fit in memory.
        let sym = Sym(self.all.len() as u32);
        self.all.push(Arc::clone(&text));
        self.known.insert(text, sym);
        sym
    }

    pub(in crate::event) fn text(&self, sym: Sym) -> &str {
        self.all.get(sym.0 as usize).map_or("", |text| text)
    }
}

/// An event before it is put together.
#[derive(Clone, Debug)]
pub(in crate::event) struct Draft {
    pub(in crate::event) time: Timestamp,
    /// Of its row in the file, from 1.
    pub(in crate::event) row: u64,
    pub(in crate::event) kind: FactKind,
    pub(in crate::event) lead: Sym,
    /// Makes the id unlike those of other events of this kind and row.
    pub(in crate::event) suffix: Option<Sym>,
    /// Status, kind of activity or survivor of a merge, as the kind of event has it.
    pub(in crate::event) word: Option<Sym>,
    pub(in crate::event) owner: Option<Sym>,
    pub(in crate::event) team: Option<Sym>,
    pub(in crate::event) automated: bool,
    /// Attribute names and values.
    pub(in crate::event) attributes: Box<[(Sym, Sym)]>,
    pub(in crate::event) opportunity: Option<Box<OpportunityDraft>>,
}

/// What docs/replay.md says of the memory that an export takes.
const _: () = assert!(size_of::<Draft>() + size_of::<u32>() <= 96);

#[derive(Clone, Debug, Default)]
pub(in crate::event) struct OpportunityDraft {
    pub(in crate::event) id: Option<Sym>,
    pub(in crate::event) value: Option<f64>,
    pub(in crate::event) currency: Option<Sym>,
}

impl Draft {
    pub(in crate::event) fn new(kind: FactKind, lead: Sym, row: u64, time: Timestamp) -> Self {
        Draft {
            time,
            row,
            kind,
            lead,
            suffix: None,
            word: None,
            owner: None,
            team: None,
            automated: false,
            attributes: Box::default(),
            opportunity: None,
        }
    }
}

/// A row, or one event of a row, that was refused. The rest of the file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Line of the file where the row begins, from 1.
    pub line: u64,
    /// Row of the file, from 1, without the header.
    pub row: u64,
    /// Its `id` is the one that the event would have had, where the row names its lead.
    pub rejection: Rejection,
}

/// The events of a file, by event time; ties in order of the file.
#[derive(Debug)]
pub struct Exported {
    source: String,
    texts: Texts,
    drafts: Vec<Draft>,
    /// In order of the file.
    pub rejected: Vec<RejectedRow>,
    /// The line on which each row begins.
    lines: Vec<u32>,
}

impl Exported {
    pub(in crate::event) fn new(
        source: String,
        texts: Texts,
        mut drafts: Vec<Draft>,
        mut rejected: Vec<RejectedRow>,
        lines: Vec<u32>,
    ) -> Self {
        drafts.sort_by_key(|draft| (draft.time, draft.row));
        rejected.sort_by_key(|rejected| rejected.row);
        Exported { source, texts, drafts, rejected, lines }
    }

    pub fn len(&self) -> usize {
        self.drafts.len()
    }

    /// Rows read, without a header.
    pub fn rows(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Line and row of the file, both from 1, that the event of this index comes from; the header is no row.
    pub fn place(&self, index: usize) -> (u64, u64) {
        let row = self.drafts.get(index).map_or(0, |draft| draft.row);
        let line = row.checked_sub(1).and_then(|at| self.lines.get(at as usize));
        (line.map_or(0, |line| u64::from(*line)), row)
    }

    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Puts the events together, one by one, in order of event time.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        self.drafts.iter().map(|draft| self.event(draft))
    }

    fn event(&self, draft: &Draft) -> Event<'_> {
        let text = |sym: Sym| Cow::Borrowed(self.texts.text(sym));
        let mut fact = Fact::new(draft.kind);
        let word = draft.word.map(text);
        match draft.kind {
            FactKind::Created | FactKind::StatusChanged => fact.status = word,
            FactKind::Activity => fact.activity = word,
            FactKind::Merged => fact.into = word,
            FactKind::Assigned | FactKind::Updated | FactKind::Deleted | FactKind::Opportunity | FactKind::Gap => {}
        }
        fact.owner = draft.owner.map(text);
        fact.team = draft.team.map(text);
        fact.automated = draft.automated;
        fact.attributes = draft.attributes.iter().map(|(name, value)| (text(*name), text(*value))).collect();
        fact.opportunity = draft
            .opportunity
            .as_ref()
            .map(|o| Box::new(Opportunity { id: o.id.map(text), value: o.value, currency: o.currency.map(text) }));
        let suffix = draft.suffix.map(|sym| self.texts.text(sym));
        Event {
            source: Cow::Borrowed(&self.source),
            id: Cow::Owned(event_id(self.texts.text(draft.lead), draft.row, draft.kind, suffix)),
            lead_id: text(draft.lead),
            time: draft.time,
            recorded_time: None,
            fact,
        }
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
