//! Which target a clock has, and the deadline that it gives: what is asked when all facts of an instant are known (SEMANTICS §4,
//! 12.20, 12.35).

use super::Fold;
use crate::engine::record::Lead;
use crate::engine::rules::{Rules, holds};
use crate::policy::{Key, Promise, Sla, Target};
use crate::time::Timestamp;

impl Fold {
    /// Targets and deadlines that the facts of this instant decide.
    pub(super) fn allow(&mut self, rules: &Rules, lead: &Lead, index: usize, at: Timestamp) {
        let clock = &mut self.clocks[index];
        let sla = clock.rule(rules);
        if clock.fresh {
            let version = clock.version;
            // The last one has no conditions, so that every lead has a promise.
            let target = self.choose(rules, lead, version, sla, |_| true).unwrap_or_default();
            self.clocks[index].rebased = false;
            return self.promise(rules, lead, index, target, at);
        }
        if clock.end.is_some() {
            return;
        }
        let restarts = std::mem::take(&mut clock.rebased) && !clock.moved_by_source(rules);
        if restarts {
            clock.restart(at);
        }
        let present = usize::from(clock.target);
        let moved = if sla.retarget && !clock.broken {
            let speaks = std::mem::take(&mut clock.source_spoke) && clock.moved_by_source(rules);
            self.choose(rules, lead, self.clocks[index].version, sla, |_| true)
                .filter(|target| speaks || *target != present)
        } else {
            self.given(rules, lead, index)
        };
        match moved {
            Some(target) => self.promise(rules, lead, index, target, at),
            None if restarts => self.promise(rules, lead, index, present, at),
            None => {}
        }
    }

    /// The `by` target that the source has given a deadline for at this instant, where it spoke (SEMANTICS 12.35).
    pub(super) fn given(&mut self, rules: &Rules, lead: &Lead, index: usize) -> Option<usize> {
        let clock = &mut self.clocks[index];
        let sla = clock.rule(rules);
        if !std::mem::take(&mut clock.source_spoke) || (sla.retarget && !clock.broken) {
            return None;
        }
        let version = clock.version;
        self.choose(rules, lead, version, sla, |target| matches!(target.promise, Promise::By(_)))
    }

    /// Gives a clock the deadline of a target.
    pub(super) fn promise(&mut self, rules: &Rules, lead: &Lead, index: usize, target: usize, at: Timestamp) {
        let clock = &self.clocks[index];
        let promised = &clock.rule(rules).targets[target];
        let due = match &promised.promise {
            Promise::Within(duration) => clock.due_after_pauses(promised, duration, clock.base, at),
            Promise::By(name) => self.instant_given(lead, name).unwrap_or(Timestamp::MAX),
        };
        let clock = &mut self.clocks[index];
        clock.target = target as u16;
        clock.breached = false;
        clock.allow(rules, due, at);
        clock.pass(at, false);
    }

    /// The first target of those asked for that the situation matches (and whose deadline the source has given).
    fn choose(
        &self,
        rules: &Rules,
        lead: &Lead,
        version: u16,
        sla: &Sla,
        asked: impl Fn(&Target) -> bool,
    ) -> Option<usize> {
        sla.targets.iter().position(|target| {
            asked(target)
                && holds(target, |key| self.value_of(rules, lead, version, key))
                && match &target.promise {
                    Promise::Within(_) => true,
                    Promise::By(name) => self.instant_given(lead, name).is_some(),
                }
        })
    }

    /// What the lead is now, as a version's `when` asks it.
    pub fn value_of<'l>(&self, rules: &Rules, lead: &'l Lead, version: u16, key: &Key) -> Option<&'l str> {
        match key {
            Key::Owner => lead.said(self.now.owner),
            Key::Team => lead.said(self.now.team),
            Key::Status => lead.said(self.now.status),
            Key::Stage => {
                let lifecycle = &rules.version(version).lifecycle;
                lead.said(self.now.status)
                    .and_then(|name| lifecycle.stage(lifecycle.find(name)))
                    .map(crate::policy::Stage::name)
            }
            Key::Attribute(name) => self.attribute(lead, name),
        }
    }

    pub(super) fn attribute<'l>(&self, lead: &'l Lead, name: &str) -> Option<&'l str> {
        self.attributes.iter().find(|known| lead.str(known.0) == name).map(|known| lead.str(known.1))
    }

    pub(super) fn instant_given(&self, lead: &Lead, name: &str) -> Option<Timestamp> {
        Timestamp::parse(self.attribute(lead, name)?).ok()
    }
}
