//! Facts x policy -> clocks. Nothing is remembered between folds: the same facts give the same clocks, whatever order they
//! arrived in (SEMANTICS §3). One `match (clock, fact)` per SLA, to be read beside SEMANTICS §4 and §12.

mod targets;

use super::clock::{Cause, Clock, End, Hold};
use super::folded::{Folded, FoldedClock, FoldedThread};
use super::ledger::Outcome;
use super::record::{FactRow, Lead, Sym};
use super::rules::Rules;
use super::speech::family_of;
use crate::event::FactKind;
use crate::policy::{AnyOf, Disposition, OnReassign, Promise, Reopen, Sla, StatusIndex, Target, Version};
use crate::time::Timestamp;

/// Starts that made no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotStarted {
    pub already_stopped: u32,
    pub before_first_version: u32,
}

/// Ended clocks of one SLA that a folded lead no longer has one by one, by how they stand in every count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub met: u32,
    pub met_late: u32,
    pub breached: u32,
    pub cancelled: u32,
}

impl Dropped {
    pub fn all(&self) -> u32 {
        [self.met, self.met_late, self.breached, self.cancelled].into_iter().fold(0, u32::saturating_add)
    }

    fn count(&mut self, clock: &Clock) {
        let place = match clock.outcome() {
            Some(Outcome::Met) => &mut self.met,
            Some(Outcome::MetLate) => &mut self.met_late,
            Some(Outcome::Cancelled) if clock.breached => &mut self.breached,
            Some(Outcome::Cancelled) | None => &mut self.cancelled,
        };
        *place = place.saturating_add(1);
    }
}

/// What holds of the lead at a point of the fold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Situation {
    pub status: Sym,
    pub owner: Sym,
    pub team: Sym,
    pub created: bool,
    pub had_opportunity: bool,
    /// Deleted or merged at that instant; the next later fact begins a new life.
    pub gone: Option<Timestamp>,
    /// Since when something is known to have been missed: until the lead's state is known again, nothing is told of it.
    pub stale: Option<Timestamp>,
    /// When the lead got its status.
    pub status_since: Timestamp,
    /// The status in the lifecycle of the version `words`.
    pub index: Option<StatusIndex>,
    pub words: u16,
}

/// One SLA's place in the lead's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thread {
    /// Index of the clock that runs or is paused.
    pub running: Option<usize>,
    /// The last clock of this life.
    pub last: Option<usize>,
    /// The next assignment starts a clock.
    pub awaits_owner: bool,
    /// Since when the lead is in states that the version in force stops (or cancels) this SLA at, and who held it before.
    pub blocked: Option<End>,
    /// The first act of an instant that would have stopped it and stopped no clock.
    pub act: Option<End>,
    /// A suppressed start of this cycle was counted.
    pub counted: bool,
    pub not_started: NotStarted,
    /// Its oldest clocks, where they were dropped.
    pub dropped: Dropped,
}

impl Thread {
    pub const fn new() -> Self {
        Thread {
            running: None,
            last: None,
            awaits_owner: true,
            blocked: None,
            act: None,
            counted: false,
            not_started: NotStarted { already_stopped: 0, before_first_version: 0 },
            dropped: Dropped { met: 0, met_late: 0, breached: 0, cancelled: 0 },
        }
    }
}

/// The lead got a status with a disposition, or with another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: Timestamp,
    pub disposition: Disposition,
    /// Who is credited with it (SEMANTICS 12.28).
    pub owner: Sym,
    pub team: Sym,
}

/// The result and the working space of a fold. Reused from lead to lead.
#[derive(Debug, Default)]
pub struct Fold {
    /// By family, then by start.
    pub clocks: Vec<Clock>,
    /// Event time of the first fact that is still in the future.
    pub next_fact: Option<Timestamp>,
    /// Where some version watches dispositions: all of them, in order.
    pub acts: Vec<Act>,
    threads: Vec<Thread>,
    attributes: Vec<(Sym, Sym)>,
    now: Situation,
}

/// One fact being applied: the situation before and after it.
struct Change<'a> {
    lead: &'a Lead,
    fact: &'a FactRow,
    before: Situation,
    after: Situation,
    /// It is the creation of this life.
    creates: bool,
    /// It names an owner other than the current one.
    assigns: bool,
}

impl Change<'_> {
    fn at(&self) -> Timestamp {
        self.fact.time
    }

    fn status(&self, rules: &Rules, version: u16, situation: &Situation) -> Option<StatusIndex> {
        if version == situation.words {
            return situation.index;
        }
        self.lead.said(situation.status).and_then(|name| rules.version(version).lifecycle.find(name))
    }

    /// The SLA as the version in force at this instant has it.
    fn reading<'r>(&self, rules: &'r Rules, family: u16) -> InForce<'r> {
        let (version, index, exists) = rules.definition(family, usize::from(self.after.words));
        InForce {
            version,
            index,
            exists,
            in_force: exists && rules.policy.in_force(self.at()).is_some(),
            sla: rules.sla(version, index),
            was: self.status(rules, version, &self.before),
            is: self.status(rules, version, &self.after),
        }
    }

    /// Whom the end of a clock is credited to (SEMANTICS 12.28).
    fn end(&self, cause: Cause) -> End {
        let held = if self.before.owner != 0 { &self.before } else { &self.after };
        End { at: self.at(), cause, owner: held.owner, team: held.team }
    }

    /// Whether it is an act that stops the SLA: an activity of a person, an opportunity.
    fn acts_on(&self, sla: &Sla) -> bool {
        match self.fact.kind {
            FactKind::Opportunity => sla.stop.opportunity,
            _ => self.touches(sla.stop.activity.as_ref()),
        }
    }

    /// Whether a person did one of these; what automation does is no touch.
    fn touches(&self, kinds: Option<&AnyOf>) -> bool {
        self.fact.kind == FactKind::Activity
            && !self.fact.automated
            && kinds.is_some_and(|kinds| kinds.holds(self.lead.str(self.fact.activity)))
    }
}

/// The SLA of the version in force, or of the nearest that has it, and how that reads the statuses around a fact.
struct InForce<'r> {
    version: u16,
    index: u16,
    /// The version has it.
    exists: bool,
    /// And is in force.
    in_force: bool,
    sla: &'r Sla,
    was: Option<StatusIndex>,
    is: Option<StatusIndex>,
}

impl InForce<'_> {
    /// Nothing starts in such a status.
    fn blocks(&self, status: Option<StatusIndex>) -> bool {
        stops_or_cancels(self.sla, status)
    }
}

fn stops_or_cancels(sla: &Sla, status: Option<StatusIndex>) -> bool {
    sla.stop.states.contains(status) || sla.cancel.status.contains(status)
}

fn disposes(version: &Version, change: &Change<'_>) -> Option<Act> {
    let of = |index: Option<StatusIndex>| version.lifecycle.statuses.get(usize::from(index?))?.disposition;
    let disposition = of(change.after.index).filter(|now| of(change.before.index) != Some(*now))?;
    let held = if change.before.owner != 0 { &change.before } else { &change.after };
    Some(Act { at: change.at(), disposition, owner: held.owner, team: held.team })
}

impl Fold {
    /// Folds the facts up to `until` (inclusive). `inclusive` says whether that instant itself has passed, so that a
    /// deadline at it counts as missed.
    pub fn run(&mut self, rules: &Rules, lead: &Lead, until: Timestamp, inclusive: bool) {
        self.take_in(rules, lead, &lead.facts, until);
        for clock in &mut self.clocks {
            clock.outlast_pause(rules, until, inclusive);
            clock.pass(until, inclusive);
        }
        self.order();
    }

    /// The fold as the facts up to `until` leave it, those folded before taken into account.
    fn take_in(&mut self, rules: &Rules, lead: &Lead, facts: &[FactRow], until: Timestamp) {
        self.clocks.clear();
        self.threads.clear();
        self.threads.resize(rules.families(), Thread::new());
        self.attributes.clear();
        self.now = Situation::default();
        self.next_fact = None;
        self.acts.clear();
        if let Some(folded) = &lead.folded {
            self.go_on(rules, lead, folded);
        }
        let mut rest = facts;
        while let Some(first) = rest.first() {
            if first.time > until {
                self.next_fact = Some(first.time);
                break;
            }
            let count = rest.iter().take_while(|fact| fact.time == first.time).count();
            let (instant, later) = rest.split_at(count);
            self.instant(rules, lead, instant);
            rest = later;
        }
    }

    /// Goes on from where the folded facts left the lead.
    fn go_on(&mut self, rules: &Rules, lead: &Lead, folded: &Folded) {
        let words = rules.policy.words_at(folded.until) as u16;
        let index = lead.said(folded.now.status).and_then(|name| rules.version(words).lifecycle.find(name));
        self.now = Situation { words, index, ..folded.now };
        self.attributes.extend_from_slice(&folded.attributes);
        for clock in &folded.clocks {
            let family = family_of(rules, lead.str(clock.sla));
            if family != u16::MAX {
                self.clocks.extend(clock.place(rules, family));
            }
        }
        // An SLA that the folded facts did not know: who holds the lead now was its first assignment.
        let unknown = Thread { awaits_owner: self.now.owner == 0, ..Thread::new() };
        self.threads.fill(unknown);
        for FoldedThread { sla, thread } in &folded.threads {
            let family = family_of(rules, lead.str(*sla));
            let Some(place) = self.threads.get_mut(usize::from(family)) else { continue };
            let newest = self.clocks.iter().rposition(|clock| clock.family == family);
            *place = Thread {
                running: newest.filter(|index| thread.running.is_some() && self.clocks[*index].end.is_none()),
                last: newest.filter(|_| thread.last.is_some()),
                ..*thread
            };
        }
    }

    /// What is left of the lead's first `count` facts, which end an instant, and of those folded before. Of the clocks that
    /// nothing can change any more `ended` are kept, the newest; a lead whose notices are held back keeps all. The lead must
    /// know the names of all SLAs.
    pub(super) fn fold_away(&mut self, rules: &Rules, lead: &Lead, count: usize, ended: usize) -> Option<Folded> {
        let facts = lead.facts.get(..count)?;
        let (first, last) = (facts.first()?, facts.last()?);
        self.take_in(rules, lead, facts, Timestamp::MAX);
        let before = lead.folded.as_deref();
        let lasts: Vec<usize> = self.threads.iter().filter_map(|thread| thread.last).collect();
        let frozen = |index: usize, clock: &Clock| clock.end.is_some() && !lasts.contains(&index);
        let all = self.clocks.iter().enumerate().filter(|(index, clock)| frozen(*index, clock)).count();
        let mut drops = if lead.silent { 0 } else { all.saturating_sub(ended) };
        let mut clocks = Vec::with_capacity(self.clocks.len() - drops);
        for (index, clock) in self.clocks.iter().enumerate() {
            if drops > 0 && frozen(index, clock) {
                drops -= 1;
                self.threads[usize::from(clock.family)].dropped.count(clock);
                continue;
            }
            let keys = rules.of(clock.version, clock.sla);
            let mut condensed = clock.clone();
            condensed.condense(rules);
            clocks.push(FoldedClock {
                sla: lead.find(rules.family_name(clock.family)),
                target: keys.targets[usize::from(clock.target)],
                rungs: keys.rungs.iter().copied().take(clock.rungs.len()).collect(),
                steps: keys.steps.iter().copied().take(clock.steps.len()).collect(),
                clock: condensed,
            });
        }
        Some(Folded {
            facts: before.map_or(0, |folded| folded.facts).saturating_add(count as u64),
            from: before.map_or(first.time, |folded| folded.from),
            until: last.time,
            learnt: facts.iter().map(|fact| fact.learnt).chain(before.map(|folded| folded.learnt)).max()?,
            now: self.now,
            attributes: self.attributes.clone(),
            threads: (0..)
                .zip(&self.threads)
                .map(|(family, thread)| FoldedThread { sla: lead.find(rules.family_name(family)), thread: *thread })
                .collect(),
            clocks,
        })
    }

    /// Clocks of an SLA that are no longer kept one by one.
    pub fn dropped(&self, family: u16) -> Dropped {
        self.threads.get(usize::from(family)).map(|thread| thread.dropped).unwrap_or_default()
    }

    /// Since when the lead's state is not known.
    pub fn stale(&self) -> Option<Timestamp> {
        self.now.stale
    }

    /// Starts that made no clock, by family.
    pub fn not_started(&self, family: u16) -> NotStarted {
        self.threads.get(usize::from(family)).map(|thread| thread.not_started).unwrap_or_default()
    }

    /// Owner, team and status symbols after the last fact.
    pub fn holder(&self) -> (Sym, Sym, Sym) {
        (self.now.owner, self.now.team, self.now.status)
    }

    /// All facts of one instant, in order; then what they leave open: targets and deadlines of that instant.
    fn instant(&mut self, rules: &Rules, lead: &Lead, facts: &[FactRow]) {
        let at = facts[0].time;
        for clock in &mut self.clocks {
            clock.outlast_pause(rules, at, true);
            clock.pass(at, false);
            clock.broken = clock.breached;
        }
        for fact in facts {
            self.fact(rules, lead, fact);
        }
        for index in 0..self.clocks.len() {
            self.allow(rules, lead, index, at);
        }
    }

    fn fact(&mut self, rules: &Rules, lead: &Lead, fact: &FactRow) {
        if self.now.gone.is_some_and(|gone| gone < fact.time) {
            self.begin_life(fact.time);
        }
        let words = rules.policy.words_at(fact.time) as u16;
        let index_of = |status: Sym| lead.said(status).and_then(|name| rules.version(words).lifecycle.find(name));
        if self.now.words != words {
            self.now.words = words;
            self.now.index = index_of(self.now.status);
        }
        let before = self.now;
        let after = &mut self.now;
        match fact.kind {
            FactKind::Deleted | FactKind::Merged => (after.gone, after.stale) = (Some(fact.time), None),
            FactKind::Created => after.created = true,
            // What comes at the instant of the end still belongs to the life that ended.
            FactKind::Gap if after.gone.is_none() => after.stale = after.stale.or(Some(fact.time)),
            FactKind::Opportunity => after.had_opportunity = true,
            _ => {}
        }
        if fact.status != 0 {
            after.stale = None;
            if after.status != fact.status {
                after.status_since = fact.time;
            }
            after.status = fact.status;
            after.index = index_of(fact.status);
        }
        after.owner = fact.owner.unwrap_or(after.owner);
        after.team = fact.team.unwrap_or(after.team);
        let change = Change {
            lead,
            fact,
            before,
            after: *after,
            creates: fact.kind == FactKind::Created && !before.created,
            assigns: fact.owner.is_some_and(|owner| owner != 0 && owner != before.owner),
        };
        if rules.watched_ms().is_some() {
            self.acts.extend(disposes(rules.version(words), &change));
        }
        for family in 0..self.threads.len() as u16 {
            let reading = change.reading(rules, family);
            let Thread { running, awaits_owner: awaited, .. } = self.threads[usize::from(family)];
            self.note_block(family, &change, &reading);
            match running {
                Some(clock) => self.running(rules, family, clock, &change),
                None if change.after.gone.is_some() => {}
                None => self.idle(rules, family, &change, &reading, awaited),
            }
            if running.is_none_or(|clock| self.clocks[clock].end.is_none()) {
                self.note_act(family, &change, &reading);
            }
            self.note_hold(rules, family, &change);
        }
        self.learn(rules, lead, fact);
    }

    /// Takes up what a fact says of attributes, and notes the clocks whose deadline the source gives anew (SEMANTICS 12.35).
    fn learn(&mut self, rules: &Rules, lead: &Lead, fact: &FactRow) {
        for &(name, value) in lead.attributes_of(fact) {
            match self.attributes.iter_mut().find(|known| known.0 == name) {
                Some(known) if known.1 == value => continue,
                Some(known) => known.1 = value,
                None => self.attributes.push((name, value)),
            }
            let name = lead.str(name);
            if !rules.gives_deadline(name) {
                continue;
            }
            for index in self.threads.iter().filter_map(|thread| thread.last) {
                let clock = &mut self.clocks[index];
                let by = |target: &Target| matches!(&target.promise, Promise::By(by) if by == name);
                let spoke = clock.rule(rules).targets.iter().any(by);
                match clock.end {
                    None => clock.source_spoke |= spoke,
                    Some(_) => clock.after_end.source_spoke |= spoke,
                }
            }
        }
    }

    /// Nobody holds a new life yet, also where a clock goes on through it.
    fn begin_life(&mut self, at: Timestamp) {
        self.now = Situation::default();
        self.attributes.clear();
        for thread in &mut self.threads {
            if let Some(index) = thread.running {
                self.clocks[index].holds.push(Hold { from: at, owner: 0, team: 0 });
            }
            *thread = Thread {
                running: thread.running,
                last: thread.running,
                not_started: thread.not_started,
                dropped: thread.dropped,
                ..Thread::new()
            };
        }
    }

    /// Whether the lead is in a state that stops or cancels the SLA by the version in force, and whether it was assigned.
    fn note_block(&mut self, family: u16, change: &Change<'_>, reading: &InForce<'_>) {
        let thread = &mut self.threads[usize::from(family)];
        if reading.blocks(reading.is) {
            let entered = if reading.blocks(reading.was) { change.before.status_since } else { change.at() };
            let stops = reading.sla.stop.states.contains(reading.is);
            let cause = if stops { Cause::State } else { Cause::CancelStatus };
            let known = thread.blocked.filter(|_| reading.blocks(reading.was));
            // Another version may have been in force when the lead got its status.
            let since = known.unwrap_or(End { at: entered, ..change.end(cause) });
            thread.blocked = Some(End { cause, ..since });
        } else if thread.blocked.take().is_some() {
            thread.counted = false;
        }
        // An assignment is the first of its cycle whatever it starts; one that a state blocks leaves the next the first.
        thread.awaits_owner &= !change.assigns || (reading.in_force && reading.blocks(reading.is));
    }

    /// The first act of an instant that stopped nothing, by the version in force.
    fn note_act(&mut self, family: u16, change: &Change<'_>, reading: &InForce<'_>) {
        let thread = &mut self.threads[usize::from(family)];
        if change.acts_on(reading.sla) && thread.act.is_none_or(|act| act.at < change.at()) {
            thread.act = Some(change.end(Cause::Act));
        }
    }

    /// A clock runs or is paused: stop beats cancel beats pause beats reassignment.
    fn running(&mut self, rules: &Rules, family: u16, index: usize, change: &Change<'_>) {
        let at = change.at();
        let clock = &mut self.clocks[index];
        let sla = clock.rule(rules);
        let status = change.status(rules, clock.version, &change.after);
        let recurs = change.touches(sla.recur.as_ref());
        let ends = match change.fact.kind {
            _ if sla.stop.states.contains(status) => Some(Cause::State),
            _ if recurs || change.acts_on(sla) => Some(Cause::Act),
            FactKind::Deleted if sla.cancel.deleted => Some(Cause::Deleted),
            FactKind::Merged if sla.cancel.merged => Some(Cause::Merged),
            _ => sla.cancel.status.contains(status).then_some(Cause::CancelStatus),
        };
        if let Some(cause) = ends {
            self.end(rules, index, change, cause);
            self.threads[usize::from(family)].running = None;
            if recurs && cause == Cause::Act {
                self.recur(rules, family, change);
            }
            return;
        }
        let pauses = sla.pause.as_ref().is_some_and(|pause| pause.status.contains(status));
        match (clock.paused, pauses) {
            (false, true) => clock.pause(rules, at),
            (true, false) => clock.resume(rules, at),
            _ => {}
        }
        if change.assigns {
            let due_passed = clock.breached || matches!(clock.due(), Some(due) if due <= at && !clock.fresh);
            if clock.was_held && sla.on_reassign == OnReassign::Restart && !due_passed {
                clock.rebased = true;
            }
            clock.was_held = true;
        }
    }

    /// No clock runs: does this fact start one, or bring one back?
    fn idle(&mut self, rules: &Rules, family: u16, change: &Change<'_>, reading: &InForce<'_>, awaited: bool) {
        let at = change.at();
        let InForce { version, sla, is, was, .. } = *reading;
        let lifecycle = &rules.version(version).lifecycle;
        let thread = &mut self.threads[usize::from(family)];
        let last = thread.last.map(|index| &self.clocks[index]);
        // What becomes of the last clock is a matter of the version that governs it, a new cycle of the one in force.
        let reopen = last.map_or(sla.reopen, |clock| clock.rule(rules).reopen);
        let comes_back = reading.blocks(was) && !reading.blocks(is);
        let disposed = &lifecycle.disposed;
        let left_disposition = sla.stop.by_act() && disposed.contains(was) && !disposed.contains(is);
        let anew = match (reopen, last.and_then(|clock| clock.end)) {
            (Reopen::Continue, Some(End { cause: Cause::State, .. })) => {
                let left = last.is_some_and(|clock| {
                    let ends = |status| stops_or_cancels(clock.rule(rules), status);
                    ends(change.status(rules, clock.version, &change.before))
                        && !ends(change.status(rules, clock.version, &change.after))
                });
                if left {
                    return self.revive(rules, family, change);
                }
                false
            }
            (Reopen::Ignore, _) | (Reopen::Continue, Some(End { cause: Cause::Act, .. })) => false,
            (Reopen::Continue, _) => comes_back,
            (Reopen::NewCycle, _) => comes_back || (left_disposition && !reading.blocks(is)),
        };
        let mut starts = false;
        if anew && reading.in_force {
            let start = &sla.start;
            let held = change.after.owner != 0;
            starts = start.created || (start.assigned && held) || (start.opportunity && change.after.had_opportunity);
            thread.awaits_owner |= start.assigned && !held;
        }
        let status_changed = change.before.status != change.after.status;
        let stage = |status| lifecycle.stage(status);
        starts |= (sla.start.created && change.creates)
            || (sla.start.assigned && change.assigns && awaited)
            || (sla.start.opportunity && change.fact.kind == FactKind::Opportunity)
            || (status_changed && sla.start.status.contains(is))
            || (stage(is) != stage(was) && stage(is).is_some_and(|stage| sla.start.stages.contains(&stage)));
        if !starts || (reopen == Reopen::Ignore && thread.last.is_some()) {
            return;
        }
        // One fact that says both: stop wins. A state that already held by earlier facts: nothing starts.
        let says_stop = change.acts_on(sla) || (change.fact.status != 0 && reading.blocks(is));
        let at_this_instant = |end: Option<End>| end.filter(|end| end.at == at);
        let held_before = reading.blocks(is) && at_this_instant(thread.blocked).is_none();
        if says_stop || held_before {
            if !thread.counted {
                thread.counted = true;
                let missed = &mut thread.not_started;
                missed.already_stopped = missed.already_stopped.saturating_add(1);
            }
            return;
        }
        if rules.policy.in_force(at).is_none() {
            let missed = &mut thread.not_started;
            missed.before_first_version = missed.before_first_version.saturating_add(1);
            return;
        }
        if !reading.exists {
            return;
        }
        // Start and stop at one instant, from different facts: met with 0 seconds (SEMANTICS 12.6).
        let ended = at_this_instant(thread.blocked).or(at_this_instant(thread.act));
        self.start(family, version, reading.index, change);
        let index = self.clocks.len() - 1;
        let paused = sla.pause.as_ref().is_some_and(|pause| pause.status.contains(is));
        if let Some(mut end) = ended {
            if end.owner == 0 {
                (end.owner, end.team) = (change.after.owner, change.after.team);
            }
            self.clocks[index].stop(rules, end);
            self.threads[usize::from(family)].running = None;
        } else if paused {
            self.clocks[index].pause(rules, at);
        }
    }

    /// A touch starts the next interval, by the version in force.
    fn recur(&mut self, rules: &Rules, family: u16, change: &Change<'_>) {
        let reading = change.reading(rules, family);
        // That version may know the status as one that stops (12.5), or the touch as an act that does.
        if !reading.exists || reading.blocks(reading.is) || change.acts_on(reading.sla) || change.after.gone.is_some() {
            return;
        }
        self.start(family, reading.version, reading.index, change);
        let pause = reading.sla.pause.as_ref();
        if pause.is_some_and(|pause| pause.status.contains(reading.is))
            && let Some(clock) = self.clocks.last_mut()
        {
            clock.pause(rules, change.at());
        }
    }

    fn start(&mut self, family: u16, version: u16, sla: u16, change: &Change<'_>) {
        let at = change.at();
        let mut clock = Clock::new(family, version, sla, at);
        clock.ordinal = self.clocks.iter().filter(|other| other.family == family && other.start == at).count() as u32;
        clock.was_held = change.after.owner != 0;
        clock.holds.push(Hold { from: at, owner: change.after.owner, team: change.after.team });
        self.clocks.push(clock);
        let thread = &mut self.threads[usize::from(family)];
        thread.running = Some(self.clocks.len() - 1);
        thread.awaits_owner = false;
        thread.last = thread.running;
        thread.counted = false;
        thread.act = None;
    }

    /// `reopen = "continue"`: the state that had stopped the clock is left, so it was not stopped after all.
    fn revive(&mut self, rules: &Rules, family: u16, change: &Change<'_>) {
        let thread = &mut self.threads[usize::from(family)];
        let Some(index) = thread.last else { return };
        thread.running = Some(index);
        let clock = &mut self.clocks[index];
        clock.revive(rules);
        clock.pass(change.at(), false);
        clock.broken = clock.breached;
        self.running(rules, family, index, change);
    }

    /// Who holds the lead is kept for the running clock, and for one that may yet be revived.
    fn note_hold(&mut self, rules: &Rules, family: u16, change: &Change<'_>) {
        let (before, after) = (&change.before, &change.after);
        if before.owner == after.owner && before.team == after.team {
            return;
        }
        let Some(index) = self.threads[usize::from(family)].last else { return };
        let clock = &mut self.clocks[index];
        if clock.end.is_some() && clock.rule(rules).reopen != Reopen::Continue {
            return;
        }
        clock.was_held |= after.owner != 0;
        let hold = Hold { from: change.at(), owner: after.owner, team: after.team };
        match clock.end {
            Some(_) => clock.after_end.holds.push(hold),
            None => clock.hold_by(hold),
        }
    }

    /// Ends a clock. What the source said of its deadline before that at the same instant counts.
    fn end(&mut self, rules: &Rules, index: usize, change: &Change<'_>, cause: Cause) {
        if self.clocks[index].source_spoke
            && !self.clocks[index].fresh
            && let Some(target) = self.given(rules, change.lead, index)
        {
            self.promise(rules, change.lead, index, target, change.at());
        }
        self.clocks[index].stop(rules, change.end(cause));
    }

    /// Puts the clocks in order and counts the cycles.
    fn order(&mut self) {
        self.clocks.sort_by_key(|clock| (clock.family, clock.start, clock.ordinal));
        let mut previous = (u16::MAX, 0);
        for clock in &mut self.clocks {
            let dropped = self.threads.get(usize::from(clock.family)).map_or(0, |thread| thread.dropped.all());
            let before = if clock.family == previous.0 { previous.1 } else { dropped };
            let cycle = before.saturating_add(1);
            clock.cycle = cycle;
            previous = (clock.family, cycle);
        }
    }
}
