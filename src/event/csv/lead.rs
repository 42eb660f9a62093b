//! `row_per_lead`: one row a lead, several time columns, each an event where it is filled in.

use super::map::EventColumns;
use super::row::{Column, Header, Row, Rows};
use crate::event::check::wrong_type;
use crate::event::export::{Draft, Drafts, NameIndex, Names, OpportunityDraft};
use crate::event::{FactKind, Reason, Rejection};
use crate::sorter::SortError;
use crate::time::Timestamp;

pub(super) struct Leads<'m> {
    events: Vec<Entry<'m>>,
}

/// One `[[event]]` with the columns of this file.
struct Entry<'m> {
    map: &'m EventColumns,
    at: Column,
    at_name: NameIndex,
    status: Option<Column>,
    owner: Option<Column>,
    team: Option<Column>,
    into: Option<Column>,
    opportunity_id: Option<Column>,
    value: Option<Column>,
    currency: Option<Column>,
    attributes: Vec<(NameIndex, Column)>,
}

impl<'m> Leads<'m> {
    pub(super) fn new(names: &'m [EventColumns], header: &mut Header<'_>, named: &mut Names) -> Self {
        let mut entry = |map: &'m EventColumns| Entry {
            map,
            at: header.find(&map.at),
            at_name: named.index(&map.at),
            status: header.find_some(map.status.as_ref()),
            owner: header.find_some(map.owner.as_ref()),
            team: header.find_some(map.team.as_ref()),
            into: header.find_some(map.into.as_ref()),
            opportunity_id: header.find_some(map.opportunity_id.as_ref()),
            value: header.find_some(map.value.as_ref()),
            currency: header.find_some(map.currency.as_ref()),
            attributes: map.attributes.iter().map(|(name, column)| (named.index(name), header.find(column))).collect(),
        };
        Leads { events: names.iter().map(&mut entry).collect() }
    }

    pub(super) fn take(
        &self,
        row: &Row<'_>,
        lead: &str,
        rows: &mut Rows<'_>,
        drafts: &mut Drafts,
    ) -> Result<(), SortError> {
        for entry in &self.events {
            let draft = match rows.instant(row, &entry.at) {
                Ok(None) => continue,
                Ok(Some(at)) => entry.draft(row, lead, at, rows),
                Err(rejection) => Err(rejection),
            };
            match draft {
                Ok(draft) => drafts.push(&draft)?,
                Err(rejection) => {
                    let event = (lead, entry.map.kind, Some(entry.map.at.as_str()));
                    rows.refuse_event(row, event, rejection);
                }
            }
        }
        Ok(())
    }
}

impl<'m> Entry<'m> {
    fn draft<'t>(&self, row: &Row<'t>, lead: &'t str, at: Timestamp, rows: &Rows<'m>) -> Result<Draft<'t>, Rejection>
    where
        'm: 't,
    {
        let mut draft = Draft::new(self.map.kind, lead, row.place(), at);
        draft.suffix = Some(self.at_name);
        draft.automated = self.map.automated;
        match self.map.kind {
            FactKind::Created | FactKind::StatusChanged => draft.word = self.status(row, rows)?,
            FactKind::Activity => draft.word = self.map.activity.as_deref(),
            FactKind::Merged => draft.word = Some(self.survivor(row, lead, rows)?),
            FactKind::Opportunity => {
                draft.opportunity = Some(OpportunityDraft {
                    id: self.opportunity_id.as_ref().map_or(Ok(None), |column| rows.name(row, column))?,
                    value: self.value.as_ref().map_or(Ok(None), |column| rows.number(row, column))?,
                    currency: self.currency.as_ref().map_or(Ok(None), |column| rows.name(row, column))?,
                });
            }
            FactKind::Assigned | FactKind::Updated | FactKind::Deleted | FactKind::Gap => {}
        }
        draft.owner = self.owner.as_ref().map(|column| rows.holder(row, column)).transpose()?;
        draft.team = self.team.as_ref().map(|column| rows.holder(row, column)).transpose()?;
        let mut attributes = Vec::with_capacity(self.attributes.len());
        for (name, column) in &self.attributes {
            if let Some(value) = rows.attribute(row, *name, column)? {
                attributes.push((*name, value));
            }
        }
        draft.attributes = attributes;
        Ok(draft)
    }

    /// The status as the map gives it, or as the column says. A change of status has to say to which.
    fn status<'t>(&self, row: &Row<'t>, rows: &Rows<'m>) -> Result<Option<&'t str>, Rejection>
    where
        'm: 't,
    {
        if let Some(to) = &self.map.to {
            return Ok(Some(to));
        }
        let Some(column) = &self.status else { return Ok(None) };
        match rows.status(row, column)? {
            None if self.map.kind == FactKind::StatusChanged => {
                Err(wrong_type(&column.at, "the new status", "a word for unknown"))
            }
            status => Ok(status),
        }
    }

    fn survivor<'t>(&self, row: &Row<'t>, lead: &str, rows: &Rows<'_>) -> Result<&'t str, Rejection> {
        let expected = "the id of another lead";
        let Some(column) = &self.into else { return Err(Rejection::new(Reason::WrongType, expected)) };
        match rows.name(row, column)? {
            Some(into) if into != lead => Ok(into),
            Some(_) => Err(wrong_type(&column.at, expected, "the lead itself")),
            None => Err(wrong_type(&column.at, expected, "a word for unknown")),
        }
    }
}
