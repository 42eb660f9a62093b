//! `row_per_change`: every row tells a lead's state from its instant on; a fact is where a column differs from the row
//! before of the same lead (by instant, ties by place in the file).

use std::collections::BTreeMap;

use super::map::ChangeColumns;
use super::row::{Column, Header, Row, Rows};
use crate::event::export::{Draft, Sym, Texts};
use crate::event::{FactKind, Reason, Rejection};
use crate::time::Timestamp;

pub(super) struct Changes {
    changed_at: Column,
    created_at: Option<Column>,
    status: Option<Column>,
    owner: Option<Column>,
    team: Option<Column>,
    attributes: Vec<(Sym, Column)>,
    nobody: Sym,
    states: Vec<State>,
    /// What the creation column says of each lead, by the first row that says anything.
    created: BTreeMap<Sym, Creation>,
}

/// What one row says.
struct State {
    at: Timestamp,
    row: u64,
    lead: Sym,
    status: Option<Sym>,
    /// `None`: there is no such column.
    owner: Option<Sym>,
    team: Option<Sym>,
    attributes: Box<[Option<Sym>]>,
}

enum Creation {
    At {
        at: Timestamp,
        row: u64,
    },
    /// Its cell was refused, once.
    Refused,
}

/// What is known of a lead so far.
struct Known {
    status: Option<Sym>,
    owner: Sym,
    team: Sym,
    attributes: Box<[Option<Sym>]>,
}

impl Changes {
    pub(super) fn new(names: &ChangeColumns, header: &mut Header<'_>, texts: &mut Texts) -> Self {
        Changes {
            changed_at: header.find(&names.changed_at),
            created_at: header.find_some(names.created_at.as_ref()),
            status: header.find_some(names.status.as_ref()),
            owner: header.find_some(names.owner.as_ref()),
            team: header.find_some(names.team.as_ref()),
            attributes: names.attributes.iter().map(|(name, column)| (texts.sym(name), header.find(column))).collect(),
            nobody: texts.sym(""),
            states: Vec::new(),
            created: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, row: &Row<'_>, lead: Sym, rows: &mut Rows<'_>) {
        if let Some(column) = &self.created_at
            && !self.created.contains_key(&lead)
        {
            match rows.instant(row, column) {
                Ok(Some(at)) => drop(self.created.insert(lead, Creation::At { at, row: row.number })),
                Ok(None) => {}
                Err(rejection) => {
                    rows.refuse_event(row, (lead, FactKind::Created, None), rejection);
                    self.created.insert(lead, Creation::Refused);
                }
            }
        }
        match self.state(row, lead, rows) {
            Ok(state) => self.states.push(state),
            Err(rejection) => rows.refuse_event(row, (lead, FactKind::StatusChanged, None), rejection),
        }
    }

    fn state(&self, row: &Row<'_>, lead: Sym, rows: &mut Rows<'_>) -> Result<State, Rejection> {
        let Some(at) = rows.instant(row, &self.changed_at)? else {
            let detail =
                format!("{}: expected the instant from which the row holds, found nothing", self.changed_at.at);
            return Err(Rejection::new(Reason::BadTime, detail));
        };
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for (name, column) in &self.attributes {
            attributes.push(rows.attribute(row, *name, column)?);
        }
        Ok(State {
            at,
            row: row.number,
            lead,
            status: self.status.as_ref().map_or(Ok(None), |column| rows.status(row, column))?,
            owner: self.owner.as_ref().map(|column| rows.holder(row, column)).transpose()?,
            team: self.team.as_ref().map(|column| rows.holder(row, column)).transpose()?,
            attributes: attributes.into(),
        })
    }

    pub(super) fn finish(mut self) -> Vec<Draft> {
        let mut states = std::mem::take(&mut self.states);
        states.sort_by_key(|state| (state.at, state.row));
        let mut drafts = Vec::with_capacity(states.len());
        let mut leads: BTreeMap<Sym, Known> = BTreeMap::new();
        for state in states {
            if let Some(known) = leads.get_mut(&state.lead) {
                self.differences(known, &state, &mut drafts);
                continue;
            }
            let mut known =
                Known { status: None, owner: self.nobody, team: self.nobody, attributes: state.attributes.clone() };
            self.creation(&mut known, &state, &mut drafts);
            self.differences(&mut known, &state, &mut drafts);
            leads.insert(state.lead, known);
        }
        // A lead was created although each of its rows was refused for something else.
        for (lead, creation) in &self.created {
            if let Creation::At { at, row } = creation
                && !leads.contains_key(lead)
            {
                drafts.push(Draft::new(FactKind::Created, *lead, *row, *at));
            }
        }
        drafts
    }

    /// With a creation column a creation carries the attributes of the first row, whose status and holder are facts of that
    /// row's own instant. Without one, the first row is the creation, and carries everything.
    fn creation(&self, known: &mut Known, first: &State, drafts: &mut Vec<Draft>) {
        let mut created = Draft::new(FactKind::Created, first.lead, first.row, first.at);
        if self.created_at.is_some() {
            match self.created.get(&first.lead) {
                Some(Creation::At { at, .. }) => created.time = *at,
                Some(Creation::Refused) | None => {
                    // Attributes then come as an update at the first row's instant.
                    known.attributes = vec![None; self.attributes.len()].into();
                    return;
                }
            }
        } else {
            let someone = |name: Option<Sym>| name.filter(|name| *name != self.nobody);
            (created.word, created.owner, created.team) = (first.status, someone(first.owner), someone(first.team));
            known.status = first.status;
            known.owner = first.owner.unwrap_or(self.nobody);
            known.team = first.team.unwrap_or(self.nobody);
        }
        created.attributes = self.said(first, |_| true);
        drafts.push(created);
    }

    /// One row's facts, in this order: attributes, holder, status. So a target is chosen by the attributes of its row, and a
    /// status is credited to the owner named beside it.
    fn differences(&self, known: &mut Known, now: &State, drafts: &mut Vec<Draft>) {
        let draft = |kind| Draft::new(kind, now.lead, now.row, now.at);
        let attributes = self.said(now, |at| known.attributes.get(at) != now.attributes.get(at));
        if !attributes.is_empty() {
            for (before, now) in known.attributes.iter_mut().zip(&now.attributes) {
                *before = now.or(*before);
            }
            drafts.push(Draft { attributes, ..draft(FactKind::Updated) });
        }
        let (owner, team) = (now.owner.unwrap_or(known.owner), now.team.unwrap_or(known.team));
        if (owner, team) != (known.owner, known.team) {
            let changed_team = (team != known.team).then_some(team);
            drafts.push(Draft { owner: Some(owner), team: changed_team, ..draft(FactKind::Assigned) });
            (known.owner, known.team) = (owner, team);
        }
        if now.status.is_some() && now.status != known.status {
            drafts.push(Draft { word: now.status, ..draft(FactKind::StatusChanged) });
            known.status = now.status;
        }
    }

    /// The attributes that a row says, of those that are `wanted` by their place in the map.
    fn said(&self, state: &State, wanted: impl Fn(usize) -> bool) -> Box<[(Sym, Sym)]> {
        let said = self.attributes.iter().zip(&state.attributes).enumerate();
        said.filter(|(at, _)| wanted(*at)).filter_map(|(_, ((name, _), value))| Some((*name, (*value)?))).collect()
    }
}
