//! One trace -> the events of one lead.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::map::{Others, XesMap};
use crate::event::check::{check_attribute, name, wrong_type};
use crate::event::csv::read_instant;
use crate::event::export::{Draft, Drafts, NameIndex, Names, Place, event_id};
use crate::event::object::{Field, clip};
use crate::event::{FactKind, Reason, Rejection};
use crate::sorter::SortError;
use crate::time::Timestamp;

/// What an element says about itself: keys and values of its own attributes, not of those inside them.
pub(super) type Said = BTreeMap<String, String>;

/// One `<event>`, and where it stands.
pub(super) struct Happened {
    pub(super) line: u64,
    /// Among the events of the file, from 1.
    pub(super) row: u64,
    pub(super) said: Said,
}

#[derive(Default)]
pub(super) struct Trace {
    pub(super) line: u64,
    pub(super) said: Said,
    pub(super) events: Vec<Happened>,
}

/// Where drafts and refusals go.
pub(super) struct Log<'m> {
    pub(super) map: &'m XesMap,
    pub(super) names: Names,
    /// In order of the map.
    attributes: Vec<NameIndex>,
    pub(super) drafts: Drafts,
    /// Not yet handed on.
    pub(super) refused: Vec<(Place, Rejection)>,
}

/// One event that counts, before it is known what it changes.
struct Told<'e> {
    at: Timestamp,
    happened: &'e Happened,
    meaning: Meaning<'e>,
    owner: Option<&'e str>,
    team: Option<&'e str>,
    attributes: Vec<Option<&'e str>>,
}

enum Meaning<'e> {
    Status(Option<&'e str>),
    Activity(&'e str),
}

impl<'m> Log<'m> {
    pub(super) fn new(map: &'m XesMap, drafts: Drafts) -> Self {
        let mut names = Names::default();
        let attributes = map.attributes.iter().map(|(name, _)| names.index(name)).collect();
        Log { map, names, attributes, drafts, refused: Vec::new() }
    }

    pub(super) fn refuse(&mut self, line: u64, row: u64, rejection: Rejection) {
        self.refused.push((Place { line, index: row.saturating_sub(1) }, rejection));
    }

    pub(super) fn take(&mut self, trace: &Trace) -> Result<(), SortError> {
        let first = trace.events.first().map_or(0, |event| event.row);
        let lead = match self.lead(trace) {
            Ok(lead) => lead,
            Err(rejection) => {
                self.refuse(trace.line, first, rejection);
                return Ok(());
            }
        };
        let mut told = Vec::with_capacity(trace.events.len());
        for happened in &trace.events {
            match self.told(trace, happened) {
                Ok(Some(event)) => told.push(event),
                Ok(None) => {}
                Err(rejection) => {
                    let id = Some(event_id(lead, happened.row, FactKind::StatusChanged, None));
                    self.refuse(happened.line, happened.row, Rejection { id, ..rejection });
                }
            }
        }
        told.sort_by_key(|event| (event.at, event.happened.row));
        self.facts(lead, &told)
    }

    /// The first event creates the lead with all that it says; after that a fact is what differs.
    fn facts(&mut self, lead: &str, told: &[Told<'_>]) -> Result<(), SortError> {
        let (mut status, mut owner, mut team) = (None, "", "");
        let mut attributes: Vec<Option<&str>> = vec![None; self.attributes.len()];
        for (index, event) in told.iter().enumerate() {
            let draft = |kind| Draft::new(kind, lead, (event.happened.line, event.happened.row), event.at);
            let differs = |(known, now): (&Option<&str>, &Option<&str>)| now.is_some() && known != now;
            let changed: Vec<(NameIndex, &str)> = self
                .attributes
                .iter()
                .zip(attributes.iter().zip(&event.attributes))
                .filter(|(_, pair)| differs(*pair))
                .filter_map(|(name, (_, now))| Some((*name, (*now)?)))
                .collect();
            for (known, now) in attributes.iter_mut().zip(&event.attributes) {
                *known = now.or(*known);
            }
            let (new_owner, new_team) = (event.owner.unwrap_or(owner), event.team.unwrap_or(team));
            let new_status = match event.meaning {
                Meaning::Status(said) => said,
                Meaning::Activity(_) => None,
            };
            if index == 0 {
                let someone = |name: &&str| !name.is_empty();
                let (owner, team) = (Some(new_owner).filter(someone), Some(new_team).filter(someone));
                let created = draft(FactKind::Created);
                self.drafts.push(&Draft { word: new_status, owner, team, attributes: changed, ..created })?;
            } else {
                if !changed.is_empty() {
                    self.drafts.push(&Draft { attributes: changed, ..draft(FactKind::Updated) })?;
                }
                if (new_owner, new_team) != (owner, team) {
                    let changed_team = (new_team != team).then_some(new_team);
                    let assigned = draft(FactKind::Assigned);
                    self.drafts.push(&Draft { owner: Some(new_owner), team: changed_team, ..assigned })?;
                }
                if new_status.is_some() && new_status != status {
                    self.drafts.push(&Draft { word: new_status, ..draft(FactKind::StatusChanged) })?;
                }
            }
            if let Meaning::Activity(kind) = event.meaning {
                self.drafts.push(&Draft { word: Some(kind), ..draft(FactKind::Activity) })?;
            }
            (status, owner, team) = (new_status.or(status), new_owner, new_team);
        }
        Ok(())
    }

    fn lead<'e>(&self, trace: &'e Trace) -> Result<&'e str, Rejection> {
        let map = self.map;
        match self.name(&trace.said, &map.lead)? {
            Some(lead) => Ok(lead),
            None => {
                let detail = format!("the trace: expected the lead's id as {:?}, found nothing", map.lead);
                Err(Rejection::new(Reason::MissingLeadId, detail))
            }
        }
    }

    fn told<'e>(&self, trace: &'e Trace, happened: &'e Happened) -> Result<Option<Told<'e>>, Rejection>
    where
        'm: 'e,
    {
        let (map, said) = (self.map, &happened.said);
        let transition = said.get("lifecycle:transition").map(|word| word.to_lowercase());
        if transition.is_some_and(|word| !map.transitions.is_empty() && !map.transitions.contains(&word)) {
            return Ok(None);
        }
        let Some(meaning) = self.meaning(said)? else { return Ok(None) };
        let at = self.instant(said)?;
        let holder = |key: &Option<String>| key.as_ref().map_or(Ok(None), |key| self.name(said, key));
        let (owner, team) = (holder(&map.owner)?, holder(&map.team)?);
        let mut attributes = Vec::with_capacity(map.attributes.len());
        for (name, key) in &map.attributes {
            let of_event = self.value(said, key);
            let Some(text) = of_event.or_else(|| self.value(&trace.said, key)) else {
                attributes.push(None);
                continue;
            };
            check_attribute(name, text)?;
            attributes.push(Some(text));
        }
        Ok(Some(Told { at, happened, meaning, owner, team, attributes }))
    }

    fn meaning<'e>(&self, said: &'e Said) -> Result<Option<Meaning<'e>>, Rejection>
    where
        'm: 'e,
    {
        let map: &'m XesMap = self.map;
        let Some(told) = self.name(said, &map.name)? else {
            return Err(wrong_type("the event", &format!("what happened, as {:?}", map.name), "nothing"));
        };
        if map.ignored.contains(told) {
            return Ok(None);
        }
        if let Some(kind) = map.activities.get(told) {
            return Ok(Some(Meaning::Activity(kind)));
        }
        if let Some(status) = map.statuses.get(told) {
            return Ok(Some(Meaning::Status(Some(status.as_str()).filter(|status| !status.is_empty()))));
        }
        Ok(match map.others {
            Others::Status => Some(Meaning::Status(Some(told))),
            Others::Activity => Some(Meaning::Activity(told)),
            Others::Ignore => None,
        })
    }

    fn instant(&self, said: &Said) -> Result<Timestamp, Rejection> {
        let found = self.value(said, &self.map.time);
        let Some(text) = found else {
            let detail = format!("the event: expected its instant as {:?}, found nothing", self.map.time);
            return Err(Rejection::new(Reason::BadTime, detail));
        };
        read_instant(text, &self.map.formats, self.map.zone).ok_or_else(|| {
            let expected =
                "an instant from 1970 to 9999 such as 2026-11-23T10:15:30Z, or in one of the map's time_formats";
            Rejection::new(Reason::BadTime, format!("{:?}: expected {expected}, found {:?}", self.map.time, clip(text)))
        })
    }

    /// The trimmed text of a key; `None` is "unknown".
    fn value<'s>(&self, said: &'s Said, key: &str) -> Option<&'s str> {
        said.get(key)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty() && !self.map.unknown.iter().any(|w| w == text))
    }

    fn name<'s>(&self, said: &'s Said, key: &str) -> Result<Option<&'s str>, Rejection> {
        let Some(text) = self.value(said, key) else { return Ok(None) };
        name(&format!("{key:?}"), Field::Text(Cow::Borrowed(text)))?;
        Ok(Some(text))
    }
}
