//! One run of one SLA for one lead, as the facts tell it: deadline, pauses, rungs, steps, end.

use smallvec::SmallVec;

use super::ledger::{Deadline, Outcome};
use super::record::{Lead, Sym};
use super::rules::{Measure, Rules, add};
use crate::calendar::Duration;
use crate::policy::{Promise, Rung, Sla, Target};
use crate::time::Timestamp;

/// Why a clock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Stopped by being in a state: `reopen = "continue"` can undo that.
    State = 0,
    /// Stopped by an act.
    Act = 1,
    /// Cancelled by a status.
    CancelStatus = 2,
    Deleted = 3,
    Merged = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub at: Timestamp,
    pub cause: Cause,
    pub owner: Sym,
    pub team: Sym,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseSpan {
    pub from: Timestamp,
    /// `None` while it lasts. The end of the clock ends it too.
    pub to: Option<Timestamp>,
}

/// Who held the lead from when, while a clock ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub from: Timestamp,
    pub owner: Sym,
    pub team: Sym,
}

/// What a clock that a state has stopped would have taken part in, had it run on (`reopen = "continue"`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AfterEnd {
    pub holds: SmallVec<[Hold; 1]>,
    /// An attribute that gives a deadline appeared or changed.
    pub source_spoke: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    pub family: u16,
    pub version: u16,
    pub sla: u16,
    pub target: u16,
    pub start: Timestamp,
    /// Among the family's clocks of that start instant.
    pub ordinal: u32,
    /// 1-based, among the family's clocks by start.
    pub cycle: u32,
    /// From where the allowance counts: the start, or the last restart.
    pub base: Timestamp,
    /// Where the allowances before that one counted from, oldest first; not of folded facts.
    pub bases_before: SmallVec<[Timestamp; 0]>,
    /// While a pause lasts before the deadline: what remains.
    pub deadline: Deadline,
    /// The deadline when the running pause began, so that a pause of no length changes nothing.
    pub(super) before_pause: Timestamp,
    /// The deadline passed with the clock running.
    pub breached: bool,
    /// That was so by the facts before those of the present instant.
    pub(super) broken: bool,
    pub paused: bool,
    pub pauses: SmallVec<[PauseSpan; 2]>,
    /// When the running pause has lasted as long as the SLA allows (`at_most`); `MAX` without such a bound.
    pub pause_until: Timestamp,
    /// What the pauses so far left of `at_most`, in its own measure: milliseconds. `None`: all of it.
    pub(super) pause_left_ms: Option<i64>,
    pub holds: SmallVec<[Hold; 2]>,
    /// What came after it was stopped: it has part in the clock if that is taken back.
    pub(super) after_end: AfterEnd,
    /// Somebody held the lead since the start, so that the next assignment is a reassignment.
    pub was_held: bool,
    /// Instants of the reminders; `MAX` while held by a pause.
    pub rungs: SmallVec<[Timestamp; 4]>,
    /// Rungs that the clock reached while it ran: a resume leaves them where they were.
    pub(super) reached: SmallVec<[bool; 4]>,
    /// Since when the rungs stand where they stand: one that was not after that is passed over.
    pub(super) armed_at: Timestamp,
    /// Instants of the ladder; `MAX` while held by a pause.
    pub steps: SmallVec<[Timestamp; 4]>,
    pub end: Option<End>,
    /// It was stopped, and a reopening told that it was not.
    pub revived: bool,
    /// Target and instants are still to be found when all facts of this instant are known.
    pub(super) fresh: bool,
    pub(super) rebased: bool,
    /// An attribute that gives a deadline appeared or changed while it ran.
    pub(super) source_spoke: bool,
}

impl Clock {
    pub(super) fn new(family: u16, version: u16, sla: u16, start: Timestamp) -> Self {
        Clock {
            family,
            version,
            sla,
            target: 0,
            start,
            ordinal: 0,
            cycle: 0,
            base: start,
            bases_before: SmallVec::new(),
            deadline: Deadline::At(Timestamp::MAX),
            before_pause: Timestamp::MAX,
            breached: false,
            broken: false,
            paused: false,
            pauses: SmallVec::new(),
            pause_until: Timestamp::MAX,
            pause_left_ms: None,
            holds: SmallVec::new(),
            after_end: AfterEnd::default(),
            was_held: false,
            rungs: SmallVec::new(),
            reached: SmallVec::new(),
            armed_at: start,
            steps: SmallVec::new(),
            end: None,
            revived: false,
            fresh: true,
            rebased: false,
            source_spoke: false,
        }
    }

    pub fn rule<'r>(&self, rules: &'r Rules) -> &'r Sla {
        rules.sla(self.version, self.sla)
    }

    pub fn promise<'r>(&self, rules: &'r Rules) -> &'r Target {
        &self.rule(rules).targets[usize::from(self.target)]
    }

    pub fn due(&self) -> Option<Timestamp> {
        match self.deadline {
            Deadline::At(due) if !self.paused || self.end.is_some() || self.breached => Some(due),
            _ => None,
        }
    }

    /// The deadline as it is told: of a paused clock what remains, also where the source gave an instant.
    pub fn told_deadline(&self) -> Deadline {
        match (self.due(), self.deadline) {
            (Some(due), _) => Deadline::At(due),
            (None, Deadline::At(due)) => {
                let began = self.pauses.last().map_or(due, |pause| pause.from);
                Deadline::Remaining(due.since_ms(began).max(0))
            }
            (None, left) => left,
        }
    }

    /// The verdict, once it ended.
    pub fn outcome(&self) -> Option<Outcome> {
        let end = self.end?;
        Some(match end.cause {
            Cause::State | Cause::Act if self.breached => Outcome::MetLate,
            Cause::State | Cause::Act => Outcome::Met,
            Cause::CancelStatus | Cause::Deleted | Cause::Merged => Outcome::Cancelled,
        })
    }

    /// The instant that separates what the clock would still have said from what it would not.
    pub fn ended_at(&self) -> Timestamp {
        self.end.map_or(Timestamp::MAX, |end| end.at)
    }

    /// Who took the lead over from somebody else while the clock ran, and when: a time that nobody held it lies between two owners.
    pub fn handovers(&self) -> impl Iterator<Item = (Timestamp, Sym)> {
        let ended = self.ended_at();
        let held = self.holds.iter().filter(move |hold| hold.owner != 0 && hold.from < ended);
        let mut holder = 0;
        held.filter_map(move |hold| {
            let before = std::mem::replace(&mut holder, hold.owner);
            (before != 0 && before != hold.owner).then_some((hold.from, hold.owner))
        })
    }

    /// Who held it first.
    pub fn first_owner(&self) -> Sym {
        self.holds.iter().map(|hold| hold.owner).find(|owner| *owner != 0).unwrap_or(0)
    }

    /// Time passes up to `now`; `inclusive` if `now` itself has passed. A clock that was stopped meanwhile knew before.
    pub(super) fn pass(&mut self, now: Timestamp, inclusive: bool) {
        if self.fresh || self.paused || self.end.is_some() {
            return;
        }
        if let Deadline::At(due) = self.deadline
            && (due < now || (inclusive && due == now))
        {
            self.breached = true;
        }
    }

    pub(super) fn pause(&mut self, rules: &Rules, now: Timestamp) {
        if self.pause_left_ms == Some(0) {
            return;
        }
        self.paused = true;
        self.pauses.push(PauseSpan { from: now, to: None });
        if !self.fresh {
            self.bound_pause(rules, now);
            self.hold(rules, now);
        }
    }

    /// Finds when the pause that begins at `now` has lasted long enough (SEMANTICS §4; measured as 12.19 measures).
    fn bound_pause(&mut self, rules: &Rules, now: Timestamp) {
        let Some(at_most) = self.rule(rules).pause.as_ref().and_then(|pause| pause.at_most.as_ref()) else { return };
        let schedule = &self.promise(rules).schedule;
        self.pause_until = match self.pause_left_ms {
            None => add(schedule, now, at_most),
            Some(left) => Measure::of_duration(schedule, at_most).add(now, left),
        };
    }

    /// The clock resumes by itself where the pause has lasted long enough before `now` (at it, if `inclusive`).
    pub(super) fn outlast_pause(&mut self, rules: &Rules, now: Timestamp, inclusive: bool) {
        let until = self.pause_until;
        if self.paused && self.end.is_none() && (until < now || (inclusive && until == now)) {
            self.resume(rules, until);
            self.pause_left_ms = Some(0);
        }
    }

    /// Turns instants into what remains of them (SEMANTICS 12.19, 12.44).
    fn hold(&mut self, rules: &Rules, now: Timestamp) {
        let Deadline::At(due) = self.deadline else { return };
        self.before_pause = due;
        let target = self.promise(rules);
        // Saves nothing where it begins at the deadline (12.19).
        if self.pauses.last().is_some_and(|pause| due <= pause.from) {
            self.breached = true;
        }
        if self.breached {
            return self.climb(rules);
        }
        if !self.moved_by_source(rules) {
            self.deadline = Deadline::Remaining(Measure::of_target(target).between(now, due));
        }
        self.steps.clear();
        self.note_reached(now);
        for (rung, reached) in self.rungs.iter_mut().zip(&self.reached) {
            if !reached {
                *rung = Timestamp::MAX;
            }
        }
    }

    /// A rung that lay before its derivation was passed over, not reached.
    fn note_reached(&mut self, now: Timestamp) {
        self.reached.resize(self.rungs.len(), false);
        for (rung, reached) in self.rungs.iter().zip(&mut self.reached) {
            *reached |= self.armed_at < *rung && *rung < now;
        }
    }

    pub fn moved_by_source(&self, rules: &Rules) -> bool {
        matches!(self.promise(rules).promise, Promise::By(_))
    }

    pub(super) fn resume(&mut self, rules: &Rules, now: Timestamp) {
        self.paused = false;
        let began = self.pauses.last().map(|pause| pause.from);
        if let Some(pause) = self.pauses.last_mut() {
            pause.to = Some(now);
        }
        if self.fresh {
            return;
        }
        let target = self.promise(rules);
        let until = std::mem::replace(&mut self.pause_until, Timestamp::MAX);
        if let Some(at_most) = self.rule(rules).pause.as_ref().and_then(|pause| pause.at_most.as_ref())
            && began != Some(now)
        {
            let left = Measure::of_duration(&target.schedule, at_most).between(now, until);
            self.pause_left_ms = Some(left.max(0));
        }
        if self.breached {
            return self.climb(rules);
        }
        let due = match self.deadline {
            _ if began == Some(now) => self.before_pause,
            Deadline::Remaining(left) => Measure::of_target(target).add(now, left),
            Deadline::At(due) => due,
        };
        self.deadline = Deadline::At(due);
        self.arm(rules, now, Arming::Resumed);
    }

    /// Ends the clock. One that was paused had what remained left at that instant.
    pub(super) fn stop(&mut self, rules: &Rules, end: End) {
        if let Deadline::Remaining(left) = self.deadline {
            let began = self.pauses.last().map(|pause| pause.from);
            self.deadline = Deadline::At(match began {
                Some(began) if began == end.at => self.before_pause,
                _ => Measure::of_target(self.promise(rules)).add(end.at, left),
            });
        }
        self.end = Some(end);
        self.judge();
    }

    /// Met iff it stopped at or before the deadline; the same instant decides whether a cancelled clock had been breached.
    pub(super) fn judge(&mut self) {
        if let (false, Some(end), Deadline::At(due)) = (self.fresh, self.end, self.deadline) {
            self.breached = due < end.at;
        }
    }

    /// The state that had stopped it was left: it was not stopped after all. A pause that the stop had ended stays ended; a
    /// restart of that very instant, who held the lead since and what the source said since count.
    pub(super) fn revive(&mut self, rules: &Rules) {
        self.revived = true;
        let Some(end) = self.end.take() else { return };
        if self.paused {
            self.resume(rules, end.at);
        }
        let after_end = std::mem::take(&mut self.after_end);
        for hold in after_end.holds {
            self.hold_by(hold);
        }
        if std::mem::take(&mut self.rebased)
            && let Promise::Within(duration) = &self.promise(rules).promise
        {
            self.restart(end.at);
            let due = self.due_after_pauses(self.promise(rules), duration, self.base, end.at);
            self.allow(rules, due, end.at);
        }
        self.source_spoke |= after_end.source_spoke;
    }

    pub(super) fn hold_by(&mut self, hold: Hold) {
        match self.holds.last_mut() {
            Some(last) if last.from == hold.from => *last = hold,
            _ => self.holds.push(hold),
        }
    }

    /// From where what lies before the deadline is counted: a deadline that the source gives knows no restart.
    pub fn counted_from(&self, rules: &Rules) -> Timestamp {
        if self.moved_by_source(rules) { self.start } else { self.base }
    }

    /// Finds the instants that the target gives, when the clock is new or its allowance starts again at `now`.
    pub(super) fn allow(&mut self, rules: &Rules, due: Timestamp, now: Timestamp) {
        let arming = if self.fresh { Arming::Started } else { Arming::Moved };
        self.fresh = false;
        self.source_spoke = false;
        self.deadline = Deadline::At(due);
        self.before_pause = due;
        self.arm(rules, now, arming);
        if self.paused && self.end.is_none() {
            if arming == Arming::Started {
                self.bound_pause(rules, now);
            }
            self.hold(rules, now);
        }
        self.judge();
    }

    /// The allowance begins anew.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.bases_before.push(std::mem::replace(&mut self.base, now));
    }

    /// The deadline that a target chosen at `now` gives an allowance that counts from `base`, the pauses since then taken into
    /// account. A pause that lasts counts up to `now`.
    pub fn due_after_pauses(&self, target: &Target, duration: &Duration, base: Timestamp, now: Timestamp) -> Timestamp {
        let measure = Measure::of_target(target);
        let mut due = add(&target.schedule, base, duration);
        for pause in &self.pauses {
            let (from, to) = (pause.from.max(base), pause.to.unwrap_or(now));
            if from < to && from < due && due != Timestamp::MAX {
                due = measure.add(to, measure.between(from, due));
            }
        }
        due
    }

    /// Where a share of what lies between `base` and the deadline is used up, pauses left out; a pause that lasts counts up to
    /// `now`. A share that ends where a pause begins waits for its end.
    fn share(&self, measure: Measure<'_>, ppm: u32, (base, due): (Timestamp, Timestamp), now: Timestamp) -> Timestamp {
        let mut spans: SmallVec<[(Timestamp, Timestamp); 4]> = SmallVec::new();
        let mut from = base;
        for pause in &self.pauses {
            let (begins, ends) = (pause.from.max(base), pause.to.unwrap_or(now));
            if begins < ends && begins < due {
                spans.push((from, begins));
                from = ends;
            }
        }
        let last = (from, due);
        let measured = spans.iter().chain([&last]).map(|(from, to)| measure.between(*from, *to));
        let whole = measured.fold(0, i64::saturating_add);
        let mut left = ((i128::from(whole.max(0)) * i128::from(ppm) + 999_999) / 1_000_000) as i64;
        for (from, to) in spans {
            let span = measure.between(from, to);
            if left < span {
                return measure.add(from, left);
            }
            left = left.saturating_sub(span);
        }
        measure.add(from, left)
    }

    fn arm(&mut self, rules: &Rules, now: Timestamp, arming: Arming) {
        let Deadline::At(due) = self.deadline else { return };
        let sla = self.rule(rules);
        let target = self.promise(rules);
        let clock_measure = Measure::of_schedule(&target.schedule);
        let base = self.counted_from(rules);
        // A pause of no length has changed nothing.
        let resumed = arming == Arming::Resumed && self.pauses.last().is_none_or(|pause| pause.from < now);
        self.note_reached(now);
        let before = std::mem::take(&mut self.rungs);
        for (index, reminder) in sla.reminders.iter().enumerate() {
            let reached = self.reached.get(index).copied().unwrap_or(false);
            let known = before.get(index).copied().filter(|_| reached);
            if arming == Arming::Resumed
                && let Some(told) = known
            {
                self.rungs.push(told);
                continue;
            }
            let mut rung = match &reminder.at {
                Rung::Share { ppm } => self.share(clock_measure, *ppm, (base, due), now),
                Rung::Before(duration) => target.schedule.subtract(due, duration).unwrap_or(Timestamp::MIN),
            };
            if resumed {
                rung = rung.max(now);
            }
            if arming == Arming::Moved {
                if rung <= now {
                    rung = known.unwrap_or(rung);
                } else if let Some(reached) = self.reached.get_mut(index) {
                    *reached = false;
                }
            }
            self.rungs.push(rung);
        }
        if arming != Arming::Resumed || resumed {
            self.armed_at = now;
        }
        self.climb(rules);
    }

    /// The ladder follows from the deadline and the pauses that began at it or later: each keeps what remained to a step
    /// (SEMANTICS 12.10, 12.44). What is told with the breach is not held.
    fn climb(&mut self, rules: &Rules) {
        self.steps.clear();
        let Deadline::At(due) = self.deadline else { return };
        if self.paused && self.pauses.last().is_some_and(|pause| pause.from < due) {
            return;
        }
        let schedule = &self.promise(rules).schedule;
        for escalation in &self.rule(rules).escalations {
            let measure = Measure::of_duration(schedule, &escalation.after);
            let mut step = add(schedule, due, &escalation.after);
            let held = due < step;
            for pause in self.pauses.iter().filter(|pause| held && pause.from >= due && pause.to != Some(pause.from)) {
                if pause.from <= step && step != Timestamp::MAX {
                    step = pause.to.map_or(Timestamp::MAX, |to| measure.add(to, measure.between(pause.from, step)));
                }
            }
            self.steps.push(step);
        }
    }

    /// The running spans between `start` and `until`, in order.
    pub fn runs(&self, until: Timestamp) -> SmallVec<[(Timestamp, Timestamp); 4]> {
        let until = until.min(self.ended_at());
        let mut runs = SmallVec::new();
        let mut from = self.start;
        for pause in &self.pauses {
            if from < pause.from.min(until) {
                runs.push((from, pause.from.min(until)));
            }
            from = pause.to.unwrap_or(Timestamp::MAX);
        }
        if from < until {
            runs.push((from, until));
        }
        runs
    }

    /// Time the clock ran until `until`, in the target's measure, pauses left out: milliseconds.
    pub fn open_ms(&self, rules: &Rules, until: Timestamp) -> i64 {
        let measure = Measure::of_target(self.promise(rules));
        self.runs(until).iter().map(|(from, to)| measure.between(*from, *to)).fold(0, i64::saturating_add)
    }

    /// Each holder's share of [`Clock::open_ms`] under the owner's name, in order of first hold. A CRM may have an owner called as
    /// nobody is, who then shares with nobody.
    pub fn shares<'l>(&self, rules: &Rules, lead: &'l Lead, until: Timestamp) -> SmallVec<[(&'l str, i64); 4]> {
        let measure = Measure::of_target(self.promise(rules));
        let runs = self.runs(until);
        let mut shares: SmallVec<[(&str, i64); 4]> = SmallVec::new();
        for (index, hold) in self.holds.iter().enumerate() {
            let to = self.holds.get(index + 1).map_or(Timestamp::MAX, |next| next.from);
            let held: i64 = runs
                .iter()
                .map(|run| (run.0.max(hold.from), run.1.min(to)))
                .filter(|(from, to)| from < to)
                .map(|(from, to)| measure.between(from, to))
                .fold(0, i64::saturating_add);
            let name = lead.said(hold.owner).unwrap_or("(none)");
            match shares.iter_mut().find(|share| share.0 == name) {
                Some(share) => share.1 = share.1.saturating_add(held),
                None => shares.push((name, held)),
            }
        }
        shares
    }

    /// Who held the lead at an instant of the clock.
    pub fn holder_at(&self, instant: Timestamp) -> Option<Hold> {
        self.holds.iter().rev().find(|hold| hold.from <= instant).or(self.holds.first()).copied()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Arming {
    Started,
    Resumed,
    Moved,
}
