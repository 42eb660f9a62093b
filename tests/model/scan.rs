//! Which clocks the facts start, hold and end (SEMANTICS §4; 12.4 to 12.7, 12.18, 12.22, 12.23, 12.28, 12.36).

use plazo::event::FactKind;
use plazo::policy::{AnyOf, Policy, Promise, Reopen, Sla, StatusSet, Version};
use plazo::time::Timestamp;

use super::lead::{Moment, State};

/// What a fact does to a running clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    /// Another owner after somebody had held the lead in this cycle.
    Reassign,
    /// The attribute of a `by` target appeared or changed. The index of the fact tells what holds after it.
    By(usize),
    /// The last fact of an instant, by which `retarget = "on_change"` looks at the targets again.
    Look(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    State,
    Act,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub at: Timestamp,
    pub how: How,
    /// Who is credited.
    pub owner: Option<String>,
    pub team: Option<String>,
    /// The fact that ended it.
    pub index: usize,
    /// Why it was cancelled.
    pub cancelled_by: Option<&'static str>,
}

/// One run of one SLA's clock.
#[derive(Clone, Debug)]
pub struct Run {
    pub family: usize,
    pub version: usize,
    pub sla: usize,
    pub start: Timestamp,
    pub start_index: usize,
    pub life: usize,
    pub changes: Vec<(Timestamp, Change)>,
    pub end: Option<End>,
    /// `reopen = "continue"` took its end away.
    pub revived: bool,
    paused: bool,
    held: bool,
}

/// Reads statuses as one version does.
struct Reading<'a> {
    version: &'a Version,
    sla: &'a Sla,
}

impl Reading<'_> {
    fn within(&self, set: &StatusSet, state: &State) -> bool {
        set.contains(state.status.as_deref().and_then(|name| self.version.lifecycle.find(name)))
    }

    fn in_stop(&self, state: &State) -> bool {
        self.within(&self.sla.stop.states, state)
    }

    fn in_cancel(&self, state: &State) -> bool {
        self.within(&self.sla.cancel.status, state)
    }

    /// Neither starts anything while it lasts.
    fn in_end(&self, state: &State) -> bool {
        self.in_stop(state) || self.in_cancel(state)
    }

    fn in_pause(&self, state: &State) -> bool {
        self.sla.pause.as_ref().is_some_and(|pause| self.within(&pause.status, state))
    }

    fn in_disposition(&self, state: &State) -> bool {
        self.within(&self.version.lifecycle.disposed, state)
    }

    fn is_stopping_act(&self, moment: &Moment) -> bool {
        let stop = &self.sla.stop;
        let touch = moment.is_touch()
            && match (&stop.activity, &moment.fact.activity) {
                (None, _) => false,
                (Some(AnyOf::Any), _) => true,
                (Some(AnyOf::These(kinds)), Some(kind)) => kinds.iter().any(|named| named == kind),
                (Some(AnyOf::These(_)), None) => false,
            };
        touch || (stop.opportunity && moment.is_opportunity())
    }

    /// A touch that meets the running clock of a cadence and starts the next one.
    fn recurs(&self, moment: &Moment) -> bool {
        let kind = moment.fact.activity.as_deref();
        moment.is_touch()
            && match &self.sla.recur {
                None => false,
                Some(AnyOf::Any) => true,
                Some(AnyOf::These(kinds)) => kind.is_some_and(|kind| kinds.iter().any(|named| named == kind)),
            }
    }

    fn is_cancelling(&self, moment: &Moment) -> bool {
        let cancel = &self.sla.cancel;
        (moment.fact.kind == FactKind::Deleted && cancel.deleted)
            || (moment.fact.kind == FactKind::Merged && cancel.merged)
            || self.in_cancel(&moment.after)
    }

    /// The lead comes back: out of a stop (or cancel) state or, for SLAs that acts stop, out of any disposition.
    fn comes_back(&self, moment: &Moment) -> bool {
        if self.in_end(&moment.after) {
            return false;
        }
        let left_end = self.in_end(&moment.before);
        let left_disposition =
            self.sla.stop.by_act() && self.in_disposition(&moment.before) && !self.in_disposition(&moment.after);
        left_end || left_disposition
    }

    fn stage_changed_to_start(&self, moment: &Moment) -> bool {
        let stage = |state: &State| {
            self.version.lifecycle.stage(state.status.as_deref().and_then(|name| self.version.lifecycle.find(name)))
        };
        let (before, after) = (stage(&moment.before), stage(&moment.after));
        before != after && after.is_some_and(|stage| self.sla.start.stages.contains(&stage))
    }
}

fn reading<'a>(policy: &'a Policy, run: &Run) -> Reading<'a> {
    let version = &policy.versions[run.version];
    Reading { version, sla: &version.slas[run.sla] }
}

/// All clocks of one family, oldest first.
pub fn runs(policy: &Policy, family: usize, moments: &[Moment]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut life = None;
    let mut awaiting_assignment = true;
    for (index, moment) in moments.iter().enumerate() {
        if life != Some(moment.after.life) {
            life = Some(moment.after.life);
            awaiting_assignment = true;
        }
        // An assignment is the first of its cycle whatever it starts; one that a state blocks leaves the next the first.
        let first_assignment = moment.assigns() && awaiting_assignment;
        let in_force = policy.in_force(moment.time).and_then(|version| {
            let sla = policy.families[family].by_version[version]?;
            Some((
                version,
                sla,
                Reading { version: &policy.versions[version], sla: &policy.versions[version].slas[sla] },
            ))
        });
        let blocks = in_force.as_ref().is_some_and(|(_, _, reading)| reading.in_end(&moment.after));
        awaiting_assignment &= !moment.assigns() || blocks;
        let running = runs.last_mut().filter(|run| run.end.is_none());
        let touched = match running {
            Some(run) => {
                // A clock that no deletion cancels goes on in the next life.
                run.life = moment.after.life;
                feed(policy, run, moments, index, false);
                if run.end.is_none() || !reading(policy, run).recurs(moment) {
                    continue;
                }
                true
            }
            None => false,
        };
        if let Some(run) = runs.last_mut()
            && revives(policy, run, moment)
        {
            revive(policy, run, moments, index);
            continue;
        }
        if moment.after.ended.is_some() {
            continue;
        }
        // Nothing is promised of what begins where no version with this SLA is in force.
        let Some((version, sla, reading)) = in_force else { continue };
        let rules = &reading.sla.start;
        let entered = moment.changes_status();

        let mut starts = touched
            || (rules.created && moment.creation)
            || (rules.assigned && first_assignment)
            || (rules.opportunity && moment.is_opportunity())
            || (entered && reading.within(&rules.status, &moment.after))
            || (entered && reading.stage_changed_to_start(moment));
        // The version of the last clock says what its end means for those to come.
        let last = runs.last().filter(|run| run.life == moment.after.life);
        let reopen = last.map_or(reading.sla, |run| self::reading(policy, run).sla).reopen;
        let anew = match reopen {
            Reopen::NewCycle => reading.comes_back(moment),
            // Where there is no clock to continue, another begins; never after one that an act stopped.
            Reopen::Continue => {
                let met = last.and_then(|run| run.end.as_ref()).is_some_and(|end| end.how != How::Cancelled);
                !met && reading.in_end(&moment.before) && !reading.in_end(&moment.after)
            }
            Reopen::Ignore => false,
        };
        if anew {
            starts |= rules.created
                || (rules.assigned && moment.after.owner.is_some())
                || (rules.opportunity && moment.after.opportunities > 0);
            awaiting_assignment |= rules.assigned && moment.after.owner.is_none();
        }
        if !starts {
            continue;
        }
        let before_in_life = runs.iter().any(|run| run.life == moment.after.life);
        if reopen == Reopen::Ignore && before_in_life && !touched {
            continue;
        }
        // In one fact: stop wins, nothing starts.
        if reading.is_stopping_act(moment) || (moment.fact.status.is_some() && reading.in_end(&moment.after)) {
            continue;
        }
        if reading.in_end(&moment.after) {
            let since = end_state_since(&reading, moments, index);
            if since < moment.time {
                continue;
            }
        }
        awaiting_assignment = false;
        let mut run = Run {
            family,
            version,
            sla,
            start: moment.time,
            start_index: index,
            life: moment.after.life,
            changes: Vec::new(),
            end: None,
            revived: false,
            paused: false,
            held: moment.after.owner.is_some(),
        };
        let spent: Vec<usize> = runs.iter().filter_map(|run| run.end.as_ref()).map(|end| end.index).collect();
        run.end = end_at_start(&reading, moments, index, &spent);
        if run.end.is_none() && reading.in_pause(&moment.after) {
            run.paused = true;
            run.changes.push((moment.time, Change::Pause));
        }
        runs.push(run);
    }
    runs
}

/// The instant since which the lead has been in stop or cancel states without a break.
fn end_state_since(reading: &Reading<'_>, moments: &[Moment], index: usize) -> Timestamp {
    let life = moments[index].after.life;
    let mut first = index;
    while first > 0 && moments[first - 1].after.life == life && reading.in_end(&moments[first - 1].after) {
        first -= 1;
    }
    moments[first].time
}

/// A stop at the very instant of the start, told by an earlier fact of that instant (12.6); not by one that has stopped
/// a clock already.
fn end_at_start(reading: &Reading<'_>, moments: &[Moment], index: usize, spent: &[usize]) -> Option<End> {
    let moment = &moments[index];
    let end = |how, index: usize| Some(end_by(&moments[index], how, index));
    // Where nobody held it before the stop: who holds it as the clock starts.
    let or_at_start = |end: End| {
        let unheld = end.owner.is_none();
        let (owner, team) = (moment.after.owner.clone(), moment.after.team.clone());
        if unheld { End { owner, team, ..end } } else { end }
    };
    if reading.in_end(&moment.after) {
        let mut entered = index;
        while reading.in_end(&moments[entered].before) {
            entered -= 1;
        }
        let how = if reading.in_stop(&moment.after) { How::State } else { How::Cancelled };
        return end(how, entered).map(or_at_start);
    }
    let acted = (0..index).find(|earlier| {
        let fact = &moments[*earlier];
        let here = fact.time == moment.time && fact.after.life == moment.after.life && !spent.contains(earlier);
        here && reading.is_stopping_act(fact)
    });
    end(How::Act, acted?).map(or_at_start)
}

/// The clock is credited to who held the lead before the fact that ends it; if nobody did, to who is named.
fn end_by(moment: &Moment, how: How, index: usize) -> End {
    let holder = if moment.before.owner.is_some() { &moment.before } else { &moment.after };
    let cancelled_by = (how == How::Cancelled).then_some(match moment.fact.kind {
        FactKind::Deleted => "deleted",
        FactKind::Merged => "merged",
        _ => "status",
    });
    End { at: moment.time, how, owner: holder.owner.clone(), team: holder.team.clone(), index, cancelled_by }
}

/// One fact for a running clock. Stop beats cancel beats pause.
fn feed(policy: &Policy, run: &mut Run, moments: &[Moment], index: usize, states_ignored: bool) {
    let moment = &moments[index];
    let reading = reading(policy, run);
    let how = if !states_ignored && reading.in_stop(&moment.after) {
        Some(How::State)
    } else if !states_ignored && (reading.is_stopping_act(moment) || reading.recurs(moment)) {
        Some(How::Act)
    } else if !states_ignored && reading.is_cancelling(moment) {
        Some(How::Cancelled)
    } else {
        None
    };
    if let Some(how) = how {
        run.end = Some(end_by(moment, how, index));
        return;
    }
    // In one fact: a resumption before what happens to the running clock, a pause after it.
    let paused = !states_ignored && reading.in_pause(&moment.after);
    if run.paused && !paused {
        run.changes.push((moment.time, Change::Resume));
    }
    if moment.assigns() {
        // A clock that continues runs on to its same deadline.
        if run.held && !states_ignored {
            run.changes.push((moment.time, Change::Reassign));
        }
        run.held = true;
    }
    let appeared = reading.sla.targets.iter().any(|target| match &target.promise {
        Promise::By(name) => moment.after.attributes.get(name) != moment.before.attributes.get(name),
        Promise::Within(_) => false,
    });
    // What is said at the start instant itself has part in the choice of the target.
    if appeared && moment.time > run.start {
        run.changes.push((moment.time, Change::By(index)));
    }
    if paused && !run.paused {
        run.changes.push((moment.time, Change::Pause));
    }
    run.paused = paused;
    // A clock that continues runs on to its same deadline: what holds is looked at again when it does.
    if reading.sla.retarget && !states_ignored && moment.time > run.start {
        run.changes.retain(|(at, change)| *at != moment.time || !matches!(change, Change::Look(_)));
        run.changes.push((moment.time, Change::Look(index)));
    }
}

/// `reopen = "continue"`: the lead leaves the state that had stopped the clock.
fn revives(policy: &Policy, run: &Run, moment: &Moment) -> bool {
    let reading = reading(policy, run);
    reading.sla.reopen == Reopen::Continue
        && run.life == moment.after.life
        && moment.after.ended.is_none()
        && run.end.as_ref().is_some_and(|end| end.how == How::State)
        && reading.in_end(&moment.before)
        && !reading.in_end(&moment.after)
}

/// The clock was not stopped after all: what was said while the stop state lasted happened to a running clock.
fn revive(policy: &Policy, run: &mut Run, moments: &[Moment], index: usize) {
    let Some(end) = run.end.take() else { return };
    for between in end.index.max(run.start_index + 1)..index {
        feed(policy, run, moments, between, true);
    }
    run.revived = true;
    feed(policy, run, moments, index, false);
}
