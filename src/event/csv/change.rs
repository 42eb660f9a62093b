//! `row_per_change`: every row tells a lead's state from its instant on; a fact is where a column differs from the row
//! before of the same lead (by instant, ties by place in the file).

use std::collections::HashMap;

use indexmap::IndexMap;

use super::map::ChangeColumns;
use super::row::{Column, Header, Row, Rows};
use crate::event::export::{Draft, Drafts, ExportError, NameIndex, Names, TakeExported};
use crate::event::{FactKind, Reason, Rejection};
use crate::sorter::{SortError, Sorted};
use crate::time::Timestamp;

pub(super) struct Changes {
    changed_at: Column,
    created_at: Option<Column>,
    status: Option<Column>,
    owner: Option<Column>,
    team: Option<Column>,
    attributes: Vec<(NameIndex, Column)>,
    /// How each lead begins, where there is a creation column.
    begun: IndexMap<Box<str>, Begun>,
}

/// How a lead begins, by the rows read so far.
#[derive(Default)]
struct Begun {
    /// By the first row of the file that says anything of it.
    creation: Option<Creation>,
    first: Option<First>,
}

enum Creation {
    At {
        at: Timestamp,
        place: (u64, u64),
    },
    /// Its cell was refused, once.
    Refused,
}

/// The earliest row that could be read.
struct First {
    at: Timestamp,
    place: (u64, u64),
    /// A [`Known`] of its attributes alone.
    known: Box<[u8]>,
}

/// What is known of a lead so far: a packed draft without its lead. Nobody and none are `""`.
type Known = Box<[u8]>;

fn known(status: Option<&str>, owner: &str, team: &str, attributes: Vec<(NameIndex, &str)>) -> Known {
    let draft = Draft::new(FactKind::Updated, "", (0, 0), Timestamp::default());
    let mut packed = Vec::new();
    Draft { word: status, owner: Some(owner), team: Some(team), attributes, ..draft }.pack(&mut packed);
    packed.into()
}

impl Changes {
    pub(super) fn new(names: &ChangeColumns, header: &mut Header<'_>, named: &mut Names) -> Self {
        Changes {
            changed_at: header.find(&names.changed_at),
            created_at: header.find_some(names.created_at.as_ref()),
            status: header.find_some(names.status.as_ref()),
            owner: header.find_some(names.owner.as_ref()),
            team: header.find_some(names.team.as_ref()),
            attributes: names
                .attributes
                .iter()
                .map(|(name, column)| (named.index(name), header.find(column)))
                .collect(),
            begun: IndexMap::new(),
        }
    }

    pub(super) fn take(
        &mut self,
        row: &Row<'_>,
        lead: &str,
        rows: &mut Rows<'_>,
        drafts: &mut Drafts,
    ) -> Result<(), SortError> {
        if let Some(column) = &self.created_at
            && self.begun.get(lead).is_none_or(|begun| begun.creation.is_none())
        {
            let creation = match rows.instant(row, column) {
                Ok(at) => at.map(|at| Creation::At { at, place: row.place() }),
                Err(rejection) => {
                    rows.refuse_event(row, (lead, FactKind::Created, None), rejection);
                    Some(Creation::Refused)
                }
            };
            if creation.is_some() {
                self.begun.entry(lead.into()).or_default().creation = creation;
            }
        }
        match self.state(row, lead, rows) {
            Ok(state) => {
                if self.created_at.is_some() {
                    self.note_first(&state);
                }
                drafts.push(&state)?;
            }
            Err(rejection) => rows.refuse_event(row, (lead, FactKind::StatusChanged, None), rejection),
        }
        Ok(())
    }

    /// Rows come in order of the file: of two at one instant the earlier one stays.
    fn note_first(&mut self, state: &Draft<'_>) {
        if !self.begun.contains_key(state.lead) {
            self.begun.insert(state.lead.into(), Begun::default());
        }
        if let Some(begun) = self.begun.get_mut(state.lead)
            && begun.first.as_ref().is_none_or(|first| state.time < first.at)
        {
            let known = known(None, "", "", state.attributes.clone());
            begun.first = Some(First { at: state.time, place: (state.line, state.row), known });
        }
    }

    /// What one row says: a status, an owner and a team where there are such columns, and the attributes that are said.
    fn state<'t>(&self, row: &Row<'t>, lead: &'t str, rows: &Rows<'t>) -> Result<Draft<'t>, Rejection> {
        let Some(at) = rows.instant(row, &self.changed_at)? else {
            let detail =
                format!("{}: expected the instant from which the row holds, found nothing", self.changed_at.at);
            return Err(Rejection::new(Reason::BadTime, detail));
        };
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for (name, column) in &self.attributes {
            if let Some(value) = rows.attribute(row, *name, column)? {
                attributes.push((*name, value));
            }
        }
        Ok(Draft {
            word: self.status.as_ref().map_or(Ok(None), |column| rows.status(row, column))?,
            owner: self.owner.as_ref().map(|column| rows.holder(row, column)).transpose()?,
            team: self.team.as_ref().map(|column| rows.holder(row, column)).transpose()?,
            attributes,
            ..Draft::new(FactKind::Updated, lead, row.place(), at)
        })
    }

    /// Turns the states, in order, into what differs between them.
    pub(super) fn hand_on(
        self,
        states: Drafts,
        source: &str,
        names: &Names,
        take: &mut TakeExported<'_>,
    ) -> Result<(), ExportError> {
        let with_column = self.created_at.is_some();
        let mut creations = Drafts::new(states.room());
        let mut states = states.finish()?;
        let mut leads: HashMap<Box<str>, Known> = HashMap::new();
        for (lead, begun) in self.begun {
            if let Some(known) = begin(&lead, begun, &mut creations)? {
                leads.insert(lead, known);
            }
        }
        let mut creations = creations.finish()?;
        let mut left = states.records();
        loop {
            let mut tell = |draft: &Draft<'_>| {
                take(draft.place(), Some(left), Ok(draft.event(source, names))).map_err(ExportError::Taken)
            };
            while creation_is_next(&mut creations, &mut states)? {
                if let Some((key, packed)) = creations.next()? {
                    tell(&Draft::unpack(key, packed).map_err(ExportError::Read)?)?;
                }
            }
            let Some((key, packed)) = states.next()? else { return Ok(()) };
            let state = Draft::unpack(key, packed).map_err(ExportError::Read)?;
            let before = leads.get(state.lead);
            let now = match before {
                Some(before) => differences(before, &state, &mut tell)?,
                None if with_column => None,
                None => {
                    tell(&creation_of(&state))?;
                    let Draft { word, owner, team, attributes, .. } = &state;
                    Some(known(*word, owner.unwrap_or_default(), team.unwrap_or_default(), attributes.clone()))
                }
            };
            if let Some(now) = now {
                leads.insert(state.lead.into(), now);
            }
            left = left.saturating_sub(1);
        }
    }
}

/// With a creation column a creation carries the attributes of the first row, whose status and holder are facts of that row's own
/// instant. What is known of the lead before that row.
fn begin(lead: &str, begun: Begun, creations: &mut Drafts) -> Result<Option<Known>, ExportError> {
    match (begun.creation, begun.first) {
        (Some(Creation::At { at, .. }), Some(first)) => {
            let known = Draft::unpack((0, 0), &first.known).map_err(ExportError::Read)?;
            let created = Draft::new(FactKind::Created, lead, first.place, at);
            creations.push(&Draft { attributes: known.attributes, ..created })?;
            Ok(Some(first.known))
        }
        // A lead was created although each of its rows was refused for something else.
        (Some(Creation::At { at, place }), None) => {
            creations.push(&Draft::new(FactKind::Created, lead, place, at))?;
            Ok(None)
        }
        // Attributes then come as an update at the first row's instant.
        (Some(Creation::Refused) | None, Some(_)) => Ok(Some(known(None, "", "", Vec::new()))),
        (Some(Creation::Refused) | None, None) => Ok(None),
    }
}

/// A creation goes before what its own row says.
fn creation_is_next(creations: &mut Sorted, states: &mut Sorted) -> Result<bool, SortError> {
    Ok(match (creations.key()?, states.key()?) {
        (Some(creation), Some(state)) => creation <= state,
        (creation, _) => creation.is_some(),
    })
}

/// Without a creation column, the first row is the creation, and carries everything.
fn creation_of<'t>(first: &Draft<'t>) -> Draft<'t> {
    let someone = |name: Option<&'t str>| name.filter(|name| !name.is_empty());
    Draft {
        word: first.word,
        owner: someone(first.owner),
        team: someone(first.team),
        attributes: first.attributes.clone(),
        ..Draft::new(FactKind::Created, first.lead, (first.line, first.row), first.time)
    }
}

/// One row's facts, in this order: attributes, holder, status. So a target is chosen by the attributes of its row, and a
/// status is credited to the owner named beside it. What is known after them, where it is something else.
fn differences(
    before: &[u8],
    now: &Draft<'_>,
    tell: &mut dyn FnMut(&Draft<'_>) -> Result<(), ExportError>,
) -> Result<Option<Known>, ExportError> {
    let before = Draft::unpack((0, 0), before).map_err(ExportError::Read)?;
    let draft = |kind| Draft::new(kind, now.lead, (now.line, now.row), now.time);
    let mut attributes = before.attributes;
    let changed: Vec<(NameIndex, &str)> =
        now.attributes.iter().copied().filter(|said| !attributes.contains(said)).collect();
    let (old_owner, old_team) = (before.owner.unwrap_or_default(), before.team.unwrap_or_default());
    let (owner, team) = (now.owner.unwrap_or(old_owner), now.team.unwrap_or(old_team));
    let status = now.word.filter(|status| Some(*status) != before.word);
    if changed.is_empty() && (owner, team) == (old_owner, old_team) && status.is_none() {
        return Ok(None);
    }
    if !changed.is_empty() {
        attributes.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
        attributes.extend(&changed);
        tell(&Draft { attributes: changed, ..draft(FactKind::Updated) })?;
    }
    if (owner, team) != (old_owner, old_team) {
        let changed_team = (team != old_team).then_some(team);
        tell(&Draft { owner: Some(owner), team: changed_team, ..draft(FactKind::Assigned) })?;
    }
    if status.is_some() {
        tell(&Draft { word: status, ..draft(FactKind::StatusChanged) })?;
    }
    Ok(Some(known(status.or(before.word), owner, team, attributes)))
}
