//! Games that people play (SEMANTICS §4): what counts as one is said in `docs/policy.md` and `docs/decisions/engine.md`.

use std::collections::{BTreeMap, BTreeSet};

use plazo::policy::{Disposition, Policy};
use plazo::time::Timestamp;

use super::lead::{Moment, State, state_at, walk};
use super::scan::Run;
use super::tell::Instant;
use super::{Lead, Said};

/// Who held the lead while the clock ran, one after the other: since when, and who.
pub fn holders(run: &Run, moments: &[Moment]) -> Vec<(Timestamp, String)> {
    let mut times: Vec<Timestamp> = moments.iter().map(|moment| moment.time).collect();
    times.retain(|time| *time >= run.start && run.end.as_ref().is_none_or(|end| *time < end.at));
    times.dedup();
    let mut holders: Vec<(Timestamp, String)> = Vec::new();
    for time in times {
        let owner = state_at(moments, time).owner;
        // Nobody in between is no holder, and the same one again is no other.
        if let Some(owner) = owner.filter(|owner| holders.last().is_none_or(|last| last.1 != *owner)) {
            holders.push((time, owner));
        }
    }
    holders
}

/// Somebody gave the lead a disposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    pub at: Timestamp,
    owner: String,
    disposition: Disposition,
    team: Option<String>,
}

impl Act {
    fn is_like(&self, owner: &str, disposition: Disposition) -> bool {
        self.owner == owner && self.disposition == disposition
    }
}

fn acts(policy: &Policy, moments: &[Moment]) -> Vec<Act> {
    let mut acts = Vec::new();
    for moment in moments {
        let lifecycle = &policy.versions[policy.words_at(moment.time)].lifecycle;
        let of = |state: &State| {
            let status = lifecycle.find(state.status.as_deref()?)?;
            lifecycle.statuses[usize::from(status)].disposition
        };
        let Some(disposition) = of(&moment.after).filter(|_| of(&moment.after) != of(&moment.before)) else { continue };
        let holder = if moment.before.owner.is_some() { &moment.before } else { &moment.after };
        if let Some(owner) = holder.owner.clone() {
            acts.push(Act { at: moment.time, owner, disposition, team: holder.team.clone() });
        }
    }
    acts
}

/// A mass disposition that was told.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The end of the time that was too short for so many.
    to: Timestamp,
    owner: String,
    disposition: Disposition,
}

/// After a step of one lead: each act that it now has and had not before may be one too many.
pub fn look(
    policy: &Policy,
    leads: &mut BTreeMap<String, Lead>,
    name: &str,
    instant: Instant,
    (alarms, said): (&mut Vec<Alarm>, &mut Vec<Said>),
) {
    let lead = leads.get_mut(name).expect("the lead was just settled");
    let moments = walk(lead.known(instant.at));
    let now: Vec<Act> =
        acts(policy, &moments).into_iter().filter(|act| lead.folded.is_none_or(|until| act.at > until)).collect();
    let before = std::mem::replace(&mut lead.acts, now.clone());
    if lead.silent {
        return;
    }
    let is_known =
        |act: &Act| before.iter().any(|known| known.at == act.at && known.is_like(&act.owner, act.disposition));
    for act in now.iter().filter(|act| !is_known(act)) {
        let version = &policy.versions[policy.words_at(act.at)];
        let Some(limit) = &version.watch.mass_disposition else { continue };
        let recent = instant.at.plus_ms(-limit.within_ms);
        if limit.disposition != act.disposition || act.at <= recent {
            continue;
        }
        let near = |alarm: &Alarm| alarm.to > recent && (alarm.to.since_ms(act.at)).abs() < limit.within_ms;
        let like = |alarm: &&Alarm| alarm.owner == act.owner && alarm.disposition == act.disposition;
        if alarms.iter().filter(like).any(near) {
            continue;
        }
        // Every act of the owner, with its lead.
        let of_lead = |(name, lead): (&String, &Lead)| -> Vec<(Timestamp, String)> {
            let like = lead.acts.iter().filter(|other| other.is_like(&act.owner, act.disposition) && other.at > recent);
            like.map(|other| (other.at, name.clone())).collect()
        };
        let all: Vec<(Timestamp, String)> = leads.iter().flat_map(of_lead).collect();
        let ends: BTreeSet<Timestamp> = all.iter().map(|(at, _)| *at).collect();
        let found = ends.into_iter().find_map(|to| {
            if act.at > to || to.since_ms(act.at) >= limit.within_ms {
                return None;
            }
            // By its last act each lead counts once.
            let mut last: BTreeMap<&str, Timestamp> = BTreeMap::new();
            for (at, lead) in all.iter().filter(|(at, _)| *at <= to && to.since_ms(*at) < limit.within_ms) {
                let last = last.entry(lead).or_insert(*at);
                *last = (*last).max(*at);
            }
            let mut times: Vec<Timestamp> = last.into_values().collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            times.get(limit.more_than as usize).map(|from| (*from, to))
        });
        let Some((from, to)) = found else { continue };
        alarms.push(Alarm { to, owner: act.owner.clone(), disposition: act.disposition });
        said.push(Said {
            owner: Some(act.owner.clone()),
            team: act.team.clone(),
            disposition: Some(act.disposition),
            watched: [
                ("disposition", act.disposition.name().to_owned()),
                ("leads", (limit.more_than + 1).to_string()),
                ("more_than", limit.more_than.to_string()),
                ("within", limit.within.clone()),
                ("from", from.to_string()),
                ("to", to.to_string()),
            ]
            .into(),
            ..Said::new("watch.mass_disposition", to, name, instant, version.effective_from_written)
        });
    }
}
