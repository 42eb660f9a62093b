//! What the facts say of a lead, fact by fact (SEMANTICS §3, 12.1, 12.4, 12.17, 12.18, 12.27).

use std::collections::BTreeMap;

use plazo::event::{Fact, FactKind};
use plazo::time::Timestamp;

/// One accepted fact at its event time.
#[derive(Clone, Debug)]
pub struct Seen {
    pub time: Timestamp,
    pub fact: Fact<'static>,
}

/// The lead as it stands between two facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub life: usize,
    pub created: bool,
    /// When it was deleted or merged away.
    pub ended: Option<Timestamp>,
    pub status: Option<String>,
    pub owner: Option<String>,
    pub team: Option<String>,
    pub attributes: BTreeMap<String, String>,
    /// Opportunities of this life.
    pub opportunities: usize,
}

/// One fact between the state before it and the state after it.
#[derive(Clone, Debug)]
pub struct Moment {
    pub time: Timestamp,
    pub fact: Fact<'static>,
    pub before: State,
    pub after: State,
    /// The creation of this life: later `lead.created` are updates.
    pub creation: bool,
}

impl Moment {
    /// An owner is named other than the one before.
    pub fn assigns(&self) -> bool {
        self.after.owner.is_some() && self.after.owner != self.before.owner
    }

    pub fn changes_status(&self) -> bool {
        self.after.status != self.before.status
    }

    pub fn is_touch(&self) -> bool {
        self.fact.kind == FactKind::Activity && !self.fact.automated
    }

    pub fn is_opportunity(&self) -> bool {
        self.fact.kind == FactKind::Opportunity
    }
}

pub fn walk(facts: &[Seen]) -> Vec<Moment> {
    let mut state = State::default();
    let mut moments = Vec::new();
    for seen in facts {
        // What is said of a lead after its end begins another life, which knows nothing of the first one.
        if state.ended.is_some_and(|ended| seen.time > ended) {
            state = State { life: state.life + 1, ..State::default() };
        }
        let before = state.clone();
        let fact = &seen.fact;
        let creation = fact.kind == FactKind::Created && !state.created;
        if creation {
            state.created = true;
        }
        if let Some(status) = &fact.status {
            state.status = Some(status.to_string());
        }
        if let Some(owner) = &fact.owner {
            state.owner = Some(owner.to_string()).filter(|owner| !owner.is_empty());
        }
        if let Some(team) = &fact.team {
            state.team = Some(team.to_string()).filter(|team| !team.is_empty());
        }
        for (name, value) in &fact.attributes {
            state.attributes.insert(name.to_string(), value.to_string());
        }
        match fact.kind {
            FactKind::Opportunity => state.opportunities += 1,
            FactKind::Deleted | FactKind::Merged => state.ended = state.ended.or(Some(seen.time)),
            _ => {}
        }
        moments.push(Moment { time: seen.time, fact: fact.clone(), before, after: state.clone(), creation });
    }
    moments
}

/// Whether something was missed of the lead, and neither its status nor its end has been said since.
pub fn stale(facts: &[Seen]) -> bool {
    let (mut stale, mut ended) = (false, None);
    for seen in facts {
        // What comes at the instant of the end still belongs to the life that ended.
        if ended == Some(seen.time) {
            continue;
        }
        match seen.fact.kind {
            FactKind::Gap => stale = true,
            FactKind::Deleted | FactKind::Merged => (stale, ended) = (false, Some(seen.time)),
            _ => stale &= seen.fact.status.is_none(),
        }
    }
    stale
}

/// The state by all facts of event time up to and including `at`.
pub fn state_at(moments: &[Moment], at: Timestamp) -> State {
    moments.iter().rfind(|moment| moment.time <= at).map(|moment| moment.after.clone()).unwrap_or_default()
}
