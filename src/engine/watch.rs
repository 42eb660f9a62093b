//! One owner over many leads (SEMANTICS §4, games people play): who disposed of which leads in the recent past of the shard.
//!
//! Nothing of it is stored: an act follows from the facts of its lead, and that it was told stands in the record of the lead that
//! completed it. So a restore derives it, and an undo puts it back. What has fallen out of the longest time that the policy watches
//! is never looked at, so that it does not matter when it is let go.

use std::collections::{BTreeMap, BTreeSet};

use super::fold::{Act, Fold};
use super::json::{WriteJson, write_object};
use super::notice::{AsOf, MassDisposition, NoticeKind, Object, Outbox, Statement};
use super::record::{Alarm, Lead};
use super::rules::Rules;
use super::settle::Step;
use crate::policy::{self, Disposition};
use crate::time::Timestamp;

/// Who did what.
type Doer = (Disposition, Box<str>);
/// When, and to which lead.
type Place = (Timestamp, Box<str>);

/// What is known of one lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    acts: Vec<(Timestamp, Doer)>,
    /// What it completed, and was told.
    alarms: Vec<(Timestamp, Doer)>,
}

impl Seen {
    fn newest(&self) -> Option<Timestamp> {
        self.acts.iter().chain(&self.alarms).map(|(at, _)| *at).max()
    }
}

#[derive(Debug, Default)]
pub struct Watch {
    leads: BTreeMap<Box<str>, Seen>,
    acts: BTreeMap<Doer, BTreeSet<Place>>,
    alarms: BTreeMap<Doer, BTreeSet<Place>>,
    /// Leads by their newest act: which to let go first.
    newest: BTreeSet<Place>,
    /// What the open turn replaced.
    undo: Vec<(Box<str>, Option<Seen>)>,
}

/// The leads of one burst.
struct Burst {
    from: Timestamp,
    to: Timestamp,
    leads: u32,
}

impl Watch {
    pub fn clear(&mut self) {
        *self = Watch::default();
    }

    /// Takes up what the facts of a lead now say, and tells what that completes.
    pub fn look(&mut self, rules: &Rules, lead: &mut Lead, fold: &Fold, step: Step<'_>, outbox: &mut Outbox) {
        let Some(horizon_ms) = rules.watched_ms() else {
            lead.alarms.clear();
            return;
        };
        let fallen_out = step.at.plus_ms(-horizon_ms);
        lead.alarms.retain(|alarm| alarm.at > fallen_out);
        let old = self.leads.get(lead.lead_id()).cloned().unwrap_or_default();
        let acts = acts_of(lead, fold, fallen_out);
        if acts.is_empty() && lead.alarms.is_empty() && old == Seen::default() {
            return;
        }
        let alarms = alarms_of(lead);
        self.replace(lead.lead_id(), Some(Seen { acts: acts.clone(), alarms }));
        let silent = lead.silent;
        for act in acts.iter().filter(|act| !silent && !old.acts.contains(act)) {
            let (at, doer) = act;
            let version = rules.policy.words_at(*at);
            let Some(limit) = &rules.policy.versions[version].watch.mass_disposition else { continue };
            if limit.disposition != doer.0 {
                continue;
            }
            if let Some(burst) = self.burst(doer, *at, limit, step.at) {
                let owner = lead.intern(&doer.1);
                lead.alarms.push(Alarm { at: burst.to, owner, disposition: doer.0 });
                tell(rules, lead, fold, (version as u16, limit), act, &burst, step, outbox);
                let alarms = alarms_of(lead);
                self.replace(lead.lead_id(), Some(Seen { acts: acts.clone(), alarms }));
            }
        }
    }

    /// The earliest burst that the act at `at` completes, unless one of its doer was told less than the time away.
    fn burst(&self, doer: &Doer, at: Timestamp, limit: &policy::MassDisposition, now: Timestamp) -> Option<Burst> {
        let (span_ms, fallen_out) = (limit.within_ms, now.plus_ms(-limit.within_ms));
        if at <= fallen_out {
            return None;
        }
        let place = |at: Timestamp| -> Place { (at, Box::from("")) };
        let around = place(at.plus_ms(-span_ms).max(fallen_out).plus_ms(1))..place(at.plus_ms(span_ms));
        if self.alarms.get(doer).is_some_and(|alarms| alarms.range(around).next().is_some()) {
            return None;
        }
        let acts = self.acts.get(doer)?;
        let later = acts.range(place(at.plus_ms(1))..place(at.plus_ms(span_ms)));
        let mut ends: Vec<Timestamp> = later.map(|act| act.0).take(limit.more_than as usize).collect();
        ends.insert(0, at);
        ends.dedup();
        ends.into_iter().find_map(|to| {
            let from = to.plus_ms(-span_ms).max(fallen_out).plus_ms(1);
            let mut leads: BTreeSet<&str> = BTreeSet::new();
            for (at, lead) in acts.range(place(from)..place(to.plus_ms(1))).rev() {
                leads.insert(lead);
                if leads.len() > limit.more_than as usize {
                    return Some(Burst { from: *at, to, leads: leads.len() as u32 });
                }
            }
            None
        })
    }

    /// The oldest facts of a lead are folded: what it did up to `until` counts no more, at once and not only after a restart.
    pub fn fold(&mut self, lead_id: &str, until: Timestamp) {
        let Some(seen) = self.leads.get(lead_id).filter(|seen| seen.acts.iter().any(|act| act.0 <= until)) else {
            return;
        };
        let acts = seen.acts.iter().filter(|act| act.0 > until).cloned().collect();
        let alarms = seen.alarms.clone();
        self.replace(lead_id, Some(Seen { acts, alarms }));
    }

    #[cfg(test)]
    pub fn lead_count(&self) -> usize {
        self.leads.len()
    }

    /// A lead is forgotten.
    pub fn forget(&mut self, lead_id: &str) {
        if self.leads.contains_key(lead_id) {
            self.replace(lead_id, None);
        }
    }

    fn replace(&mut self, lead_id: &str, seen: Option<Seen>) {
        let before = self.put(lead_id, seen);
        self.undo.push((Box::from(lead_id), before));
    }

    fn put(&mut self, lead_id: &str, seen: Option<Seen>) -> Option<Seen> {
        let before = self.leads.remove(lead_id);
        if let Some(before) = &before {
            for (index, entries) in [(&mut self.acts, &before.acts), (&mut self.alarms, &before.alarms)] {
                for (at, doer) in entries {
                    if let Some(places) = index.get_mut(doer) {
                        places.remove(&(*at, Box::from(lead_id)));
                        if places.is_empty() {
                            index.remove(doer);
                        }
                    }
                }
            }
            if let Some(newest) = before.newest() {
                self.newest.remove(&(newest, Box::from(lead_id)));
            }
        }
        if let Some((seen, newest)) = seen.and_then(|seen| seen.newest().map(|newest| (seen, newest))) {
            for (index, entries) in [(&mut self.acts, &seen.acts), (&mut self.alarms, &seen.alarms)] {
                for (at, doer) in entries {
                    index.entry(doer.clone()).or_default().insert((*at, Box::from(lead_id)));
                }
            }
            self.newest.insert((newest, Box::from(lead_id)));
            self.leads.insert(Box::from(lead_id), seen);
        }
        before
    }

    /// The turn is durable; what has fallen out is let go. `settled`: nothing will be settled before it.
    pub fn commit(&mut self, rules: &Rules, settled: Timestamp) {
        self.undo.clear();
        let Some(horizon_ms) = rules.watched_ms() else { return };
        let fallen_out = settled.plus_ms(-horizon_ms);
        while let Some((_, lead_id)) = self.newest.first().filter(|(newest, _)| *newest <= fallen_out).cloned() {
            self.put(&lead_id, None);
        }
    }

    pub fn undo(&mut self) {
        for (lead_id, before) in std::mem::take(&mut self.undo).into_iter().rev() {
            self.put(&lead_id, before);
        }
    }

    /// Takes up a stored lead, as of `watermark`; nothing will be settled before `settled`. What its facts say of instants that the
    /// lead itself has not been settled at is left out.
    pub fn restore(
        &mut self,
        rules: &Rules,
        lead: &Lead,
        fold: &mut Fold,
        next_due: Timestamp,
        (settled, watermark): (Timestamp, Timestamp),
    ) {
        let Some(horizon_ms) = rules.watched_ms() else { return };
        let fallen_out = settled.plus_ms(-horizon_ms);
        let recent = lead.facts.iter().any(|fact| fact.time > fallen_out && fact.time <= watermark && fact.status != 0);
        if !recent && lead.alarms.is_empty() {
            return;
        }
        fold.run(rules, lead, watermark, false);
        let last = lead.last_learnt();
        fold.acts.retain(|act| act.at <= last || act.at < next_due);
        let seen = Seen { acts: acts_of(lead, fold, fallen_out), alarms: alarms_of(lead) };
        self.put(lead.lead_id(), Some(seen));
    }
}

fn acts_of(lead: &Lead, fold: &Fold, fallen_out: Timestamp) -> Vec<(Timestamp, Doer)> {
    let recent = fold.acts.iter().filter(|act| act.at > fallen_out && act.owner != 0);
    recent.map(|act| (act.at, (act.disposition, Box::from(lead.str(act.owner))))).collect()
}

fn alarms_of(lead: &Lead) -> Vec<(Timestamp, Doer)> {
    lead.alarms.iter().map(|alarm| (alarm.at, (alarm.disposition, Box::from(lead.str(alarm.owner))))).collect()
}

#[expect(clippy::too_many_arguments, reason = "what one notice says")]
fn tell(
    rules: &Rules,
    lead: &Lead,
    fold: &Fold,
    (version, limit): (u16, &policy::MassDisposition),
    (at, doer): &(Timestamp, Doer),
    burst: &Burst,
    step: Step<'_>,
    outbox: &mut Outbox,
) {
    let id = Statement {
        lead_id: lead.lead_id(),
        sla: &doer.1,
        start: burst.to,
        ordinal: doer.0 as u32,
        kind: NoticeKind::MassDisposition,
        step: 0,
        count: 0,
    };
    let is_this = |act: &&Act| act.at == *at && act.disposition == doer.0 && lead.str(act.owner) == &*doer.1;
    let act = fold.acts.iter().find(is_this);
    let data = MassDisposition {
        lead_id: lead.lead_id(),
        owner: &doer.1,
        team: act.and_then(|act| lead.said(act.team)),
        disposition: doer.0.name(),
        leads: burst.leads,
        more_than: limit.more_than,
        within: &limit.within,
        from: burst.from,
        to: burst.to,
        policy: rules.policy_part(version),
        as_of: AsOf { watermark: step.at, offsets: Object(step.offsets) },
    };
    let no_sla = u16::MAX;
    outbox.write(NoticeKind::MassDisposition, id.id(), no_sla, (burst.to, step.at), lead.lead_id(), &data);
}

impl WriteJson for MassDisposition<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, lead_id, owner, team, disposition, leads, more_than, within, from, to, policy, as_of);
    }
}
