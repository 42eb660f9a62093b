//! The one pure function (DESIGN §2): record x stimulus x instant -> new record, what must be said, when to look again.
//!
//! 1. insert the fact where its event time puts it (a duplicate: stop, nothing changes);
//! 2. fold the facts into clocks;
//! 3. what should have been said minus what the ledger says was said = notices and retractions;
//! 4. `next_due` = the earliest instant at which step 3 would say something new.
//!
//! Two sorts of instant: a fact applied at T tells what fell due *before* T; the passing of T tells what is due *at* T too.

use smallvec::SmallVec;

use super::clock::{Cause, Clock};
use super::fold::Fold;
use super::ledger::{Claim, Deadline, Mark, Outcome, OutcomeTold, PauseTold, PingPongTold, Told};
use super::notice::{NoticeKind, Outbox};
use super::record::{self, Lead, RecordError};
use super::rules::Rules;
use super::speech::{Said, Saying, Speaker, Speech, family_of};
use super::watch::Watch;
use crate::event::Event;
use crate::time::Timestamp;

/// What happens to a lead.
#[derive(Clone, Copy, Debug)]
pub enum Stimulus<'a, 'e> {
    /// An event, the hash of its delivery, and when it was learnt (its append time).
    Fact { event: &'a Event<'e>, delivery: u64 },
    /// The instant passes.
    Passing,
    /// Another policy is to be told from now on; no instant passes by it.
    Changed,
}

/// Where a step stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub at: Timestamp,
    /// Input source -> last position applied.
    pub offsets: &'a [(std::borrow::Cow<'a, str>, u64)],
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Duplicate,
    /// The fact is not after what is folded, whose newest fact has this event time.
    TooOld(Timestamp),
    /// What is known of the lead would have more bytes than a record may have.
    TooLarge,
    /// The new record stands in the settler's buffer.
    Changed {
        next_due: Timestamp,
    },
    /// Nothing of the lead is open and its retention has passed: it is to be forgotten.
    Dropped,
}

/// A clock as the open-clocks gauge counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenState {
    Running,
    Paused,
    Breached,
}

impl OpenState {
    pub const ALL: [OpenState; 3] = [OpenState::Running, OpenState::Paused, OpenState::Breached];

    pub const fn name(self) -> &'static str {
        match self {
            OpenState::Running => "running",
            OpenState::Paused => "paused",
            OpenState::Breached => "breached",
        }
    }

    /// As the ledger has it; `None` for a clock that is not open.
    pub fn of(told: &Told) -> Option<Self> {
        if !told.is_open() {
            return None;
        }
        Some(match told.deadline {
            _ if told.breached.stands => OpenState::Breached,
            Deadline::Remaining(_) => OpenState::Paused,
            Deadline::At(_) => OpenState::Running,
        })
    }
}

/// The working space of [`Settler::settle`], reused from lead to lead.
#[derive(Debug, Default)]
pub struct Settler {
    pub lead: Lead,
    pub fold: Fold,
    /// The record that the last step made.
    pub encoded: Vec<u8>,
    /// Open clocks before and after the last step: family, state, by how many.
    pub deltas: Vec<(u16, OpenState, i64)>,
    /// Rungs that the last step passed over.
    pub passed_over: u32,
    /// Leads more or less of which nothing is told, by the last step.
    pub stale: i64,
    /// How long a settled lead is kept after its last fact; `None`: for ever.
    retention_ms: Option<i64>,
    /// More facts of one lead are folded; `None`: never.
    max_facts: Option<usize>,
    /// Nothing is told, and no record says what was.
    facts_only: bool,
    speech: Speech,
    /// Of the ledger's entries, each at its entry's place.
    families: Vec<u16>,
    /// Of all leads that were settled here.
    pub watch: Watch,
}

impl Settler {
    pub fn new(retention_ms: Option<i64>, max_facts: Option<usize>) -> Self {
        Settler { retention_ms, max_facts, ..Settler::default() }
    }

    /// From now on facts are inserted, and nothing follows from them: for who reads them in the end alone.
    pub fn keep_facts_only(&mut self) {
        self.facts_only = true;
    }

    /// Settles one lead. `record` is its present state, `None` for a lead not seen yet.
    ///
    /// # Errors
    /// Where `record` is damaged.
    pub fn settle(
        &mut self,
        rules: &Rules,
        lead_id: &str,
        record: Option<&[u8]>,
        stimulus: Stimulus<'_, '_>,
        step: Step<'_>,
        outbox: &mut Outbox,
    ) -> Result<Settled, RecordError> {
        match record {
            Some(bytes) => self.lead.decode(bytes)?,
            None => self.lead.reset(lead_id),
        }
        let at = step.at;
        let (inclusive, moved_at) = match stimulus {
            Stimulus::Fact { event, delivery } => {
                if self.lead.hashes.contains(&delivery) {
                    return Ok(Settled::Duplicate);
                }
                if let Some(until) = self.lead.folded_until().filter(|until| event.time <= *until) {
                    return Ok(Settled::TooOld(until));
                }
                let known = record.map_or(0, <[u8]>::len);
                if self.max_facts.is_some() && known + event.text_bytes() > record::MAX_BYTES {
                    return Ok(Settled::TooLarge);
                }
                self.lead.insert(event, delivery, at);
                (false, event.time.min(at))
            }
            Stimulus::Passing => (true, at),
            Stimulus::Changed => (false, at),
        };
        self.deltas.clear();
        self.passed_over = 0;
        if self.facts_only {
            self.lead.encode(Timestamp::MAX, &mut self.encoded);
            return Ok(Settled::Changed { next_due: Timestamp::MAX });
        }
        self.families.clear();
        let lead = &self.lead;
        self.families.extend(lead.ledger.iter().map(|told| family_of(rules, lead.str(told.sla))));
        self.count_open(-1);
        self.fold.run(rules, &self.lead, at, inclusive);
        let mut ledger = std::mem::take(&mut self.lead.ledger);
        let mut diff = Diff {
            rules,
            at,
            inclusive,
            moved_at,
            wakes: false,
            speech: &mut self.speech,
            passed_over: 0,
            next: Timestamp::MAX,
        };
        diff.speech.clear();
        // What is true of a lead whose state is not known, nobody can say; what was told stands until then.
        let silent = self.fold.stale().is_some();
        diff.wakes = self.lead.silent && !silent;
        let clocks = if silent { &[] } else { self.fold.clocks.as_slice() };
        if !silent {
            diff.vanished(&self.fold, &self.families, &mut ledger);
        }
        for (index, clock) in clocks.iter().enumerate() {
            let known = self.families.iter().zip(&ledger).position(|(family, told)| is_told(clock, *family, told));
            let known = known.unwrap_or_else(|| {
                let sla = self.lead.intern(rules.family_name(clock.family));
                self.families.push(clock.family);
                ledger.push(Told::new(sla, clock.start, clock.ordinal, clock.told_deadline()));
                ledger.len() - 1
            });
            diff.clock(&self.lead, index, clock, &mut ledger[known]);
        }
        let mut next_due = diff.next;
        self.passed_over = diff.passed_over;
        if let Some(fact) = self.fold.next_fact {
            next_due = next_due.min(fact);
        }
        self.lead.ledger = ledger;
        self.stale = i64::from(silent) - i64::from(self.lead.silent);
        self.lead.silent = silent;
        let speaker = Speaker { rules, lead: &self.lead, fold: &self.fold, step };
        let first = outbox.notices.len();
        self.speech.tell(speaker, outbox);
        self.watch.look(rules, &mut self.lead, &self.fold, step, outbox);
        // What was watched may by its instant stand before what the clocks told (SEMANTICS 12.15).
        outbox.notices[first..].sort_by_key(|notice| match notice.kind {
            NoticeKind::Retracted => Timestamp::MIN,
            _ => notice.time,
        });
        self.count_open(1);
        if let Some(drop_at) = self.lead.kept_until(next_due, self.retention_ms) {
            if inclusive && drop_at <= at {
                return Ok(Settled::Dropped);
            }
            next_due = drop_at;
        }
        self.lead.encode(next_due, &mut self.encoded);
        self.fold_away(rules, at, next_due);
        Ok(Settled::Changed { next_due })
    }

    /// Folds the oldest facts of a lead that has too many, or whose record grows too large: half of what is allowed stays, or as
    /// much less as it takes.
    fn fold_away(&mut self, rules: &Rules, at: Timestamp, next_due: Timestamp) {
        let Some(max_facts) = self.max_facts else { return };
        let mut keep = max_facts / 2;
        while self.lead.settled(at) > max_facts || self.encoded.len() > record::ROOMY_BYTES {
            if self.lead.fold_away(rules, &mut self.fold, at, keep, max_facts) {
                self.lead.encode(next_due, &mut self.encoded);
                self.watch.fold(self.lead.lead_id(), self.lead.folded_until().unwrap_or(at));
            }
            if keep == 0 {
                break;
            }
            keep /= 2;
        }
    }

    fn count_open(&mut self, by: i64) {
        for (&family, told) in self.families.iter().zip(&self.lead.ledger) {
            let Some(state) = OpenState::of(told) else { continue };
            match self.deltas.iter_mut().find(|delta| (delta.0, delta.1) == (family, state)) {
                Some(delta) => delta.2 += by,
                None => self.deltas.push((family, state, by)),
            }
        }
    }
}

/// Step 3 and 4 for one lead.
struct Diff<'a> {
    rules: &'a Rules,
    at: Timestamp,
    /// The instant `at` itself has passed: a timer fired, no fact came.
    inclusive: bool,
    /// What a moved deadline speaks of: the event time of the fact that moved it.
    moved_at: Timestamp,
    /// The lead's state is known again.
    wakes: bool,
    speech: &'a mut Speech,
    passed_over: u32,
    next: Timestamp,
}

impl Diff<'_> {
    fn passed(&self, instant: Timestamp) -> bool {
        instant < self.at || (self.inclusive && instant == self.at)
    }

    /// Look again at `instant`, which has not passed.
    fn look_at(&mut self, instant: Timestamp) {
        if instant != Timestamp::MAX {
            self.next = self.next.min(instant);
        }
    }

    /// Clocks that were told and are no more: every claim is taken back, the last told first (SEMANTICS 12.40).
    fn vanished(&mut self, fold: &Fold, families: &[u16], ledger: &mut [Told]) {
        for (&family, told) in families.iter().zip(ledger).filter(|(_, told)| told.started.stands) {
            if fold.clocks.iter().any(|clock| is_told(clock, family, told)) {
                continue;
            }
            let reason = "clock_withdrawn";
            let mut take = Taking { speech: self.speech, clock: None, told, reason };
            take.ping_pong();
            take.outcome();
            take.steps(|_| true);
            take.breach();
            take.started();
            told.rungs.iter_mut().for_each(|mark| mark.at = Timestamp::MIN);
            told.pauses.iter_mut().for_each(|pause| pause.claim.stands = false);
        }
    }

    fn clock(&mut self, lead: &Lead, index: usize, clock: &Clock, told: &mut Told) {
        let was_told = told.started.stands;
        let revived = told.outcome.is_some() && clock.end.is_none();
        let derived_now = !was_told || told.deadline != clock.told_deadline();
        if derived_now {
            told.late = clock.due().is_some_and(|due| due <= self.at);
        } else if self.wakes && !told.breached.stands {
            // What fell due while nothing was told is found late.
            told.late |= clock.due().is_some_and(|due| due <= self.at);
        }
        let outcome = clock.outcome().zip(clock.end).map(|(outcome, end)| OutcomeTold {
            outcome,
            at: end.at,
            owner: end.owner,
            team: end.team,
            target: self.rules.of(clock.version, clock.sla).labels[usize::from(clock.target)],
        });
        // A correction that moves the deadline to the watermark itself does not move it past it (12.12, 12.26).
        let stays = told.breached.stands && clock.end.is_none() && clock.due() == Some(self.at);
        let breached = stays || (clock.breached && clock.due().is_some_and(|due| self.passed(due)));
        self.take_back(index, clock, told, outcome, breached);

        if !was_told {
            let count = told.started.make();
            self.speech.say(index, clock.start, NoticeKind::Started, Saying::of(told, 0, count), Said::Plain);
        }
        let told_pause = self.pauses(index, clock, told);
        if clock.paused && clock.end.is_none() {
            self.look_at(clock.pause_until);
        }
        let ended_in_pause = clock.end.is_some() && matches!(told.deadline, Deadline::Remaining(_));
        if was_told && told.deadline != clock.told_deadline() && !told_pause && !ended_in_pause {
            let previous = match told.deadline {
                Deadline::At(due) => Some(due),
                Deadline::Remaining(_) => None,
            };
            let saying = Saying::of(told, 0, told.moves);
            told.moves = told.moves.saturating_add(1);
            self.speech.say(index, self.moved_at, NoticeKind::DeadlineMoved, saying, Said::Moved { previous });
        }
        told.deadline = clock.told_deadline();
        self.rungs(index, clock, told, derived_now || revived);
        if let (true, false, Deadline::At(due)) = (breached, told.breached.stands, clock.deadline) {
            let count = told.breached.make();
            let saying = Saying::of(told, 0, count);
            self.speech.say(index, due, NoticeKind::Breached, saying, Said::Breached { late: told.late });
        }
        self.reopen_steps(clock, told);
        if breached {
            self.ladder(index, clock, told);
        } else if let (None, Deadline::At(due)) = (clock.end, clock.deadline)
            && (!clock.paused || clock.breached)
        {
            self.look_at(due);
        }
        if let Some(now) = outcome
            && told.outcome != Some(now)
        {
            let kind = NoticeKind::of_outcome(now.outcome);
            let count = &mut told.outcomes[now.outcome as usize];
            let made_before = *count;
            *count = made_before.saturating_add(1);
            told.outcome = Some(now);
            self.speech.say(index, now.at, kind, Saying::of(told, 0, made_before), Said::Plain);
        }
        self.ping_pong(lead, index, clock, told);
    }

    /// Told once a clock, when the handover that is one too many is known; taken back where facts leave no such handover. One that
    /// is folded cannot be undone, and those before it may be summed up.
    fn ping_pong(&mut self, lead: &Lead, index: usize, clock: &Clock, told: &mut Told) {
        let more_than = self.rules.version(clock.version).watch.ping_pong;
        let one_too_many = more_than.and_then(|most| clock.handovers().nth(most as usize));
        let stands = told.ping_pong.is_some_and(|told| told.claim.stands);
        let folded = told.ping_pong.is_some_and(|told| lead.folded_until().is_some_and(|until| told.at <= until));
        match one_too_many {
            Some((at, _)) if !stands => {
                let known = told.ping_pong.get_or_insert(PingPongTold { at, claim: Claim::default() });
                known.at = at;
                let count = known.claim.make();
                self.speech.say(index, at, NoticeKind::PingPong, Saying::of(told, 0, count), Said::Plain);
            }
            None if stands && !folded => {
                let reason = "corrected";
                Taking { speech: self.speech, clock: Some(index), told, reason }.ping_pong();
            }
            _ => {}
        }
    }

    /// Claims that the facts no longer bear out, the last told first.
    fn take_back(
        &mut self,
        index: usize,
        clock: &Clock,
        told: &mut Told,
        outcome: Option<OutcomeTold>,
        breached: bool,
    ) {
        let ended = clock.ended_at();
        let reason = match outcome.map(|told| told.outcome) {
            Some(Outcome::Met) => "met_in_time",
            Some(Outcome::Cancelled) => "cancelled",
            Some(Outcome::MetLate) => "stopped_earlier",
            None if clock.paused => "paused",
            None => "deadline_moved",
        };
        if told.outcome.is_some() && told.outcome != outcome {
            let reason = if clock.revived && outcome.is_none() { "reopened" } else { "corrected" };
            Taking { speech: self.speech, clock: Some(index), told, reason }.outcome();
        }
        let steps = &self.rules.of(clock.version, clock.sla).steps;
        let at = self.at;
        // A step that a moved deadline puts at the watermark is not after it.
        let holds = |key: u32| {
            let instant = steps.iter().position(|step| *step == key).and_then(|step| clock.steps.get(step));
            breached && instant.is_some_and(|step| *step < ended && *step <= at)
        };
        let mut take = Taking { speech: self.speech, clock: Some(index), told, reason };
        take.steps(|key| !holds(key));
        if !breached {
            take.breach();
        }
    }

    /// Pauses in force when learnt, and their ends. Whether one was told, which carries the deadline.
    fn pauses(&mut self, index: usize, clock: &Clock, told: &mut Told) -> bool {
        let mut any = false;
        for pause in &clock.pauses {
            let key = pause.from.0 as u64;
            let known = told.pauses.iter().position(|known| known.from == pause.from);
            let stands = known.is_some_and(|known| told.pauses[known].claim.stands);
            match (stands, pause.to) {
                (false, None) if clock.end.is_none() => {
                    let known = known.unwrap_or_else(|| {
                        told.pauses.push(PauseTold { from: pause.from, resumed: false, claim: Claim::default() });
                        told.pauses.len() - 1
                    });
                    let count = told.pauses[known].claim.make();
                    told.pauses[known].resumed = false;
                    let saying = Saying::of(told, key, count);
                    self.speech.say(index, pause.from, NoticeKind::Paused, saying, Said::Plain);
                    any = true;
                }
                (true, Some(to)) => {
                    let Some(known) = known.map(|known| &mut told.pauses[known]).filter(|known| !known.resumed) else {
                        continue;
                    };
                    known.resumed = true;
                    let count = known.claim.count.saturating_sub(1);
                    self.speech.say(index, to, NoticeKind::Resumed, Saying::of(told, key, count), Said::Plain);
                    any = true;
                }
                _ => {}
            }
        }
        any
    }

    /// Reminders: told when their instant passes on a running clock; passed over where that was before they were derived.
    fn rungs(&mut self, index: usize, clock: &Clock, told: &mut Told, derived_now: bool) {
        let keys = &self.rules.of(clock.version, clock.sla).rungs;
        let due = clock.due();
        for (rung, (&instant, &key)) in clock.rungs.iter().zip(keys).enumerate() {
            let known = told.rungs.iter().position(|mark| mark.key == key);
            if known.is_some_and(|known| told.rungs[known].at == instant) || instant == Timestamp::MAX {
                continue;
            }
            if derived_now && instant <= self.at {
                self.passed_over += 1;
                if instant == self.at {
                    let mark = mark_of(&mut told.rungs, key);
                    mark.at = instant;
                    mark.claim.stands = false;
                }
                continue;
            }
            if instant <= clock.armed_at {
                continue;
            }
            let alive = clock.end.is_none() && !clock.paused && due.is_some_and(|due| instant <= due);
            if !alive || instant < self.at {
                continue;
            }
            if self.inclusive && instant == self.at {
                let mark = mark_of(&mut told.rungs, key);
                mark.at = instant;
                let count = mark.claim.make();
                let saying = Saying::of(told, u64::from(key), count);
                self.speech.say(index, instant, NoticeKind::Reminder, saying, Said::Reminder { rung });
            } else {
                self.look_at(instant);
            }
        }
    }

    /// A step that was passed over and now lies ahead will be told.
    fn reopen_steps(&self, clock: &Clock, told: &mut Told) {
        let keys = &self.rules.of(clock.version, clock.sla).steps;
        for mark in told.steps.iter_mut().filter(|mark| !mark.claim.stands) {
            let instant = keys.iter().position(|key| *key == mark.key).and_then(|step| clock.steps.get(step));
            if instant.is_some_and(|instant| *instant > self.at && *instant != Timestamp::MAX) {
                mark.at = Timestamp::MIN;
            }
        }
    }

    /// The ladder of a breached clock. Where several steps are overdue, only the last is current; those before it are passed
    /// over (SEMANTICS 12.13). Steps that fall due together in their time are all told.
    fn ladder(&mut self, index: usize, clock: &Clock, told: &mut Told) {
        if clock.end.is_some() {
            return;
        }
        let keys = &self.rules.of(clock.version, clock.sla).steps;
        let mut current: SmallVec<[(usize, Timestamp, u32); 2]> = SmallVec::new();
        for (step, (&instant, &key)) in clock.steps.iter().zip(keys).enumerate() {
            // Told, or passed over.
            if told.steps.iter().any(|mark| mark.key == key && mark.at != Timestamp::MIN) {
                continue;
            }
            if !self.passed(instant) {
                self.look_at(instant);
                continue;
            }
            current.push((step, instant, key));
        }
        if current.iter().any(|(_, instant, _)| *instant < self.at) {
            for (_, instant, key) in current.drain(..current.len() - 1) {
                mark_of(&mut told.steps, key).at = instant;
            }
        }
        for (step, instant, key) in current {
            let mark = mark_of(&mut told.steps, key);
            mark.at = instant;
            let count = mark.claim.make();
            let (saying, late) = (Saying::of(told, u64::from(key), count), told.late);
            self.speech.say(index, instant, NoticeKind::Escalated, saying, Said::Escalated { step, late });
        }
    }
}

/// Takes back claims of one clock.
struct Taking<'a> {
    speech: &'a mut Speech,
    clock: Option<usize>,
    told: &'a mut Told,
    reason: &'static str,
}

impl Taking<'_> {
    fn say(&mut self, time: Timestamp, of: NoticeKind, step: u64, count: u32) {
        let saying = Saying::of(self.told, step, count);
        self.speech.take_back(self.clock, time, saying, Said::Retracted { of, reason: self.reason });
    }

    fn ping_pong(&mut self) {
        let Some(was) = self.told.ping_pong.as_mut().filter(|was| was.claim.stands) else { return };
        let (at, count) = (was.at, was.claim.take_back());
        self.say(at, NoticeKind::PingPong, 0, count);
    }

    fn outcome(&mut self) {
        let Some(was) = self.told.outcome.take() else { return };
        let count = self.told.outcomes[was.outcome as usize].saturating_sub(1);
        self.say(was.at, NoticeKind::of_outcome(was.outcome), 0, count);
    }

    fn steps(&mut self, goes: impl Fn(u32) -> bool) {
        for index in (0..self.told.steps.len()).rev() {
            let mark = self.told.steps[index];
            if goes(mark.key) && mark.claim.stands {
                // What was told is open again, should it become true again; what was passed over stays so.
                self.told.steps[index].at = Timestamp::MIN;
                let count = self.told.steps[index].claim.take_back();
                self.say(mark.at, NoticeKind::Escalated, u64::from(mark.key), count);
            }
        }
    }

    fn breach(&mut self) {
        if self.told.breached.stands {
            let count = self.told.breached.take_back();
            let time = match self.told.deadline {
                Deadline::At(due) => due,
                Deadline::Remaining(_) => self.told.start,
            };
            self.say(time, NoticeKind::Breached, 0, count);
        }
    }

    fn started(&mut self) {
        let count = self.told.started.take_back();
        self.say(self.told.start, NoticeKind::Started, 0, count);
    }
}

/// Whether the ledger's entry of an SLA is of this clock.
fn is_told(clock: &Clock, family: u16, told: &Told) -> bool {
    (clock.family, clock.start, clock.ordinal) == (family, told.start, told.ordinal)
}

fn mark_of<const N: usize>(marks: &mut smallvec::SmallVec<[Mark; N]>, key: u32) -> &mut Mark {
    let index = marks.iter().position(|mark| mark.key == key).unwrap_or_else(|| {
        marks.push(Mark { key, at: Timestamp::MIN, claim: Default::default() });
        marks.len() - 1
    });
    &mut marks[index]
}

/// Why a clock was cancelled, as notices say it.
pub fn cancel_reason(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::CancelStatus => Some("status"),
        Cause::Deleted => Some("deleted"),
        Cause::Merged => Some("merged"),
        Cause::State | Cause::Act => None,
    }
}
