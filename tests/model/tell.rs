//! What must be told at one instant: what the clocks say, less what was told before (SEMANTICS §3, §7; 12.9 to 12.16,
//! 12.26, 12.38 to 12.40, 12.43 to 12.47).

use std::collections::{BTreeMap, BTreeSet};

use plazo::policy::Policy;
use plazo::time::Timestamp;

use super::clock::{Clock, clocks};
use super::lead::{State, stale, state_at, walk};
use super::{FinalClock, Lead, Said};

/// One step of one lead.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// The logical watermark.
    pub at: Timestamp,
    /// It has passed, so that what is due at it is told; else only what was due before it.
    pub passing: bool,
    /// Event time of the fact that is settled (`at` where it is only time that passes).
    pub spoken: Timestamp,
    pub input: usize,
}

impl Instant {
    /// What is due by this instant is to be told; at an instant that has not passed, only what was due before.
    fn limit(self) -> Timestamp {
        if self.passing { self.at } else { self.at.plus_ms(-1) }
    }
}

/// Family, start, ordinal.
type Key = (usize, Timestamp, usize);

/// What was told of a lead and still stands, and what must be remembered about when things became known.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    clocks: BTreeMap<Key, Memory>,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    /// Indices into what was said, of claims that stand.
    started: Option<usize>,
    breached: Option<usize>,
    outcome: Option<usize>,
    steps: BTreeMap<String, usize>,
    ping_pong: Option<usize>,
    /// Steps passed over by a collapse.
    passed_over: BTreeSet<String>,
    /// The deadline as derived last, and the watermark at which it became so.
    due: Option<Timestamp>,
    due_since: Option<Timestamp>,
    /// Whether it had ended, and since when it runs again.
    ended: bool,
    runs_since: Option<Timestamp>,
    /// Deadline and remainder as told last.
    told_due: (Option<Timestamp>, Option<i64>),
    pauses: BTreeMap<Timestamp, Option<Timestamp>>,
    /// Rungs told, each with the instant it was told for last.
    rungs: BTreeMap<String, Timestamp>,
}

impl Memory {
    fn claims(&self) -> Vec<usize> {
        let mut claims: Vec<usize> = self.started.into_iter().chain(self.breached).chain(self.outcome).collect();
        claims.extend(self.steps.values().copied().chain(self.ping_pong));
        claims.sort_unstable_by(|a, b| b.cmp(a));
        claims
    }
}

/// Order of kinds among notices of one instant (12.15).
pub fn rank(kind: &str) -> usize {
    const KINDS: [&str; 7] = [
        "sla.started",
        "sla.paused",
        "sla.resumed",
        "sla.deadline_moved",
        "sla.reminder",
        "sla.breached",
        "sla.escalated",
    ];
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

struct Teller<'a> {
    lead_id: &'a str,
    instant: Instant,
    moments: Vec<super::lead::Moment>,
    retracted: Vec<Said>,
    told: Vec<(Said, Key, Slot)>,
}

/// Where the index of what is told is remembered, so that it can be taken back.
enum Slot {
    None,
    Started,
    Breached,
    Outcome,
    PingPong,
    Step(String),
}

impl Teller<'_> {
    fn holder(&self, at: Timestamp) -> State {
        state_at(&self.moments, at)
    }

    fn notice(&self, clock: &Clock, kind: &'static str, time: Timestamp) -> Said {
        // A clock that was overdue before it began (a deadline given by the source) is held by who holds it at its start.
        let mut holder = self.holder(time.max(clock.start));
        if kind == "sla.started" || time < clock.start {
            (holder.owner, holder.team) = clock.starter.clone();
        }
        if let Some(end) = clock.end.as_ref().filter(|end| kind != "sla.started" && time >= end.at) {
            (holder.owner, holder.team) = (end.owner.clone(), end.team.clone());
        }
        // While paused there is no due instant; after a breach nothing remains.
        let paused = clock.end.is_none() && clock.paused_since.is_some();
        let due_at = clock.due.filter(|_| !paused);
        let remaining_ms = if paused { clock.remaining_ms.or(Some(0)) } else { clock.remaining_ms };
        Said {
            sla: clock.sla.clone(),
            family: clock.family,
            cycle: clock.cycle,
            start: clock.start,
            ordinal: clock.ordinal,
            target: clock.target.clone(),
            owner: holder.owner,
            team: holder.team,
            due_at,
            remaining_ms,
            ..Said::new(kind, time, self.lead_id, self.instant, clock.effective_from)
        }
    }

    fn retract(&mut self, said: &[Said], index: usize, reason: &'static str) {
        let taken = &said[index];
        self.retracted.push(Said {
            input: self.instant.input,
            kind: "sla.retracted",
            as_of: self.instant.at,
            retracts: Some(index),
            reason: Some(reason),
            ..taken.clone()
        });
    }
}

pub fn tell(policy: &Policy, lead_id: &str, lead: &mut Lead, instant: Instant, said: &mut Vec<Said>) {
    let known = lead.known(instant.at).to_vec();
    let silent = stale(&known);
    let wakes = std::mem::replace(&mut lead.silent, silent) && !silent;
    if silent {
        return;
    }
    let now = clocks(policy, &known, instant.limit());
    let mut teller = Teller { lead_id, instant, moments: walk(&known), retracted: Vec::new(), told: Vec::new() };
    let key = |clock: &Clock| (clock.family, clock.start, clock.ordinal);
    let present: BTreeSet<Key> = now.iter().map(key).collect();
    let vanished: Vec<Key> = lead.ledger.clocks.keys().filter(|key| !present.contains(key)).copied().collect();
    for key in vanished {
        if let Some(memory) = lead.ledger.clocks.remove(&key) {
            for index in memory.claims() {
                teller.retract(said, index, "corrected");
            }
        }
    }
    for clock in &now {
        let memory = lead.ledger.clocks.entry(key(clock)).or_default();
        let ran = |due| clock.end.is_some() || clock.paused_since.is_none_or(|since| due <= since);
        let fell_due = clock.due.is_some_and(|due| due <= instant.at && ran(due));
        if wakes && memory.breached.is_none() && memory.due_since.is_some() && fell_due {
            // What fell due in silence is found late.
            memory.due_since = Some(instant.at);
        }
        settle(clock, memory, key(clock), &mut teller, said);
    }
    said.append(&mut teller.retracted);
    let mut told = teller.told;
    told.sort_by_key(|(notice, key, _)| (notice.time, notice.family, rank(notice.kind), key.1, key.2));
    for (notice, key, slot) in told {
        let index = said.len();
        said.push(notice);
        let Some(memory) = lead.ledger.clocks.get_mut(&key) else { continue };
        match slot {
            Slot::None => {}
            Slot::Started => memory.started = Some(index),
            Slot::Breached => memory.breached = Some(index),
            Slot::Outcome => memory.outcome = Some(index),
            Slot::PingPong => memory.ping_pong = Some(index),
            Slot::Step(text) => {
                memory.steps.insert(text, index);
            }
        }
    }
}

/// One clock: first what is taken back, then what is said.
fn settle(clock: &Clock, memory: &mut Memory, key: Key, teller: &mut Teller<'_>, said: &[Said]) {
    let Instant { at, spoken, .. } = teller.instant;
    let limit = teller.instant.limit();

    let is_new = memory.due_since.is_none();
    if is_new || clock.due != memory.due {
        memory.due = clock.due;
        memory.due_since = Some(at);
    }

    if memory.ended && clock.end.is_none() {
        memory.runs_since = Some(at);
    }
    memory.ended = clock.end.is_some();

    take_back(clock, memory, at, teller, said);

    let mut tell = |notice: Said, slot: Slot| teller.told.push((notice, key, slot));
    let template = Teller {
        lead_id: teller.lead_id,
        instant: teller.instant,
        moments: teller.moments.clone(),
        retracted: Vec::new(),
        told: Vec::new(),
    };
    let notice = |kind, time| template.notice(clock, kind, time);

    let mut deadline_was_told = false;
    if memory.started.is_none() {
        tell(notice("sla.started", clock.start), Slot::Started);
        deadline_was_told = true;
    }
    for (from, to) in &clock.pauses {
        match (memory.pauses.get(from).copied(), to) {
            (None, None) => {
                memory.pauses.insert(*from, None);
                tell(Said { pause: Some(*from), ..notice("sla.paused", *from) }, Slot::None);
                deadline_was_told = true;
            }
            (Some(None), Some(to)) if clock.cut_short != Some(*from) => {
                memory.pauses.insert(*from, Some(*to));
                tell(Said { pause: Some(*from), ..notice("sla.resumed", *to) }, Slot::None);
                deadline_was_told = true;
            }
            _ => {}
        }
    }
    if clock.end.is_none() {
        let deadline = (clock.due, clock.remaining_ms);
        if !deadline_was_told && deadline != memory.told_due {
            let previous_due_at = memory.told_due.0;
            tell(Said { previous_due_at, ..notice("sla.deadline_moved", spoken) }, Slot::None);
        }
        memory.told_due = deadline;
    } else {
        // A correction moves the deadline of a clock that has ended as it does an open one's; that of a clock which
        // ends while paused is told by its outcome.
        let deadline = (clock.due, clock.remaining_ms);
        if let (Some(told), false) = (memory.told_due.0, deadline_was_told)
            && deadline.0 != Some(told)
        {
            tell(Said { previous_due_at: Some(told), ..notice("sla.deadline_moved", spoken) }, Slot::None);
        }
        memory.told_due = deadline;
    }

    remind(clock, memory, &template, &mut tell);

    let breached = clock.breached_by(limit) && (clock.end.is_some() || clock.remaining_ms.is_none());
    if let Some(due) = clock.due
        && breached
        && memory.breached.is_none()
    {
        let found_late = memory.due_since.map(|since| due <= since);
        let (open_ms, open_ms_by_owner) = clock.open_at_due.clone();
        let breach = Said { due_at: Some(due), remaining_ms: None, ..notice("sla.breached", due) };
        let explanation = Some(clock.explanation.clone());
        tell(Said { found_late, explanation, open_ms: Some(open_ms), open_ms_by_owner, ..breach }, Slot::Breached);
    }
    if (breached || memory.breached.is_some()) && clock.end.is_none() {
        escalate(clock, memory, limit, &template, &mut tell);
    }
    if let (Some(end), Some(verdict)) = (&clock.end, clock.verdict())
        && memory.outcome.is_none()
    {
        let outcome = Said {
            owner: end.owner.clone(),
            team: end.team.clone(),
            stopped_at: Some(end.at),
            reason: end.cancelled_by,
            open_ms: Some(clock.open.0),
            open_ms_by_owner: clock.open.1.clone(),
            ..notice(verdict, end.at)
        };
        tell(outcome, Slot::Outcome);
    }
    // Handed on more often than the policy allows; who held it first is no handover.
    if let (Some((at, _)), Some(most), None) = (one_too_many(clock), clock.most_handovers, memory.ping_pong) {
        let owners: Vec<&String> = clock.holders.iter().map(|(_, owner)| owner).collect();
        let watched = [
            ("handovers", (owners.len() - 1).to_string()),
            ("more_than", most.to_string()),
            ("owners", serde_json::to_string(&owners).expect("JSON")),
        ];
        let handed_on = Said { due_at: clock.due, remaining_ms: None, ..notice("watch.ping_pong", *at) };
        tell(Said { watched: watched.into(), ..handed_on }, Slot::PingPong);
    }
}

/// The handover that is one too many.
fn one_too_many(clock: &Clock) -> Option<&(Timestamp, String)> {
    clock.holders.get(clock.most_handovers? as usize + 1)
}

/// Retracts what these facts disprove, the last told first.
fn take_back(clock: &Clock, memory: &mut Memory, at: Timestamp, teller: &mut Teller<'_>, said: &[Said]) {
    let mut taken: Vec<(usize, &'static str)> = Vec::new();
    if let Some(index) = memory.outcome {
        let told = &said[index];
        let holds = clock.end.as_ref().is_some_and(|end| {
            clock.verdict() == Some(told.kind)
                && told.stopped_at == Some(end.at)
                && told.owner == end.owner
                && told.team == end.team
                && told.target == clock.target
        });
        if !holds {
            taken.push((index, if clock.end.is_none() && clock.revived { "reopened" } else { "corrected" }));
            memory.outcome = None;
        }
    }
    let breach_stands = clock.breached_by(at);
    if let Some(index) = memory.breached
        && !breach_stands
    {
        taken.push((index, "corrected"));
        memory.breached = None;
    }
    if let Some(index) = memory.ping_pong.filter(|_| one_too_many(clock).is_none()) {
        taken.push((index, "corrected"));
        memory.ping_pong = None;
    }
    for (text, instant) in &clock.steps {
        let would_be = breach_stands
            && instant.is_some_and(|instant| match &clock.end {
                Some(end) => instant < end.at,
                None => instant <= at,
            });
        if !would_be {
            memory.passed_over.remove(text);
            if let Some(index) = memory.steps.remove(text) {
                taken.push((index, "corrected"));
            }
        }
    }
    taken.sort_by(|a, b| b.cmp(a));
    for (index, reason) in taken {
        teller.retract(said, index, reason);
    }
}

/// Reminders are told only by the passing of their very instant: one that was not ahead when it became known is passed
/// over, and one that passed while the clock was stopped or paused too.
fn remind(clock: &Clock, memory: &mut Memory, teller: &Teller<'_>, tell: &mut impl FnMut(Said, Slot)) {
    let Instant { at, passing, .. } = teller.instant;
    let running = passing && clock.end.is_none() && clock.paused_since.is_none();
    let Some(due) = clock.due.filter(|_| running) else { return };
    for (text, instant) in &clock.rungs {
        let ahead = at > clock.armed_at && memory.due_since.max(memory.runs_since).is_some_and(|since| at > since);
        if *instant != Some(at) || !ahead || at >= due || memory.rungs.get(text) == Some(&at) {
            continue;
        }
        let next = clock.rungs.iter().filter_map(|(_, instant)| *instant).filter(|next| *next > at).min();
        memory.rungs.insert(text.clone(), at);
        let valid_until = Some(next.unwrap_or(due).min(due));
        tell(Said { rung: Some(text.clone()), valid_until, ..teller.notice(clock, "sla.reminder", at) }, Slot::None);
    }
}

fn escalate(
    clock: &Clock,
    memory: &mut Memory,
    limit: Timestamp,
    teller: &Teller<'_>,
    tell: &mut impl FnMut(Said, Slot),
) {
    let mut current: Vec<(usize, &String, Timestamp)> = Vec::new();
    for (place, (text, instant)) in clock.steps.iter().enumerate() {
        if let Some(instant) = instant.filter(|instant| *instant <= limit)
            && !memory.steps.contains_key(text)
            && !memory.passed_over.contains(text)
        {
            current.push((place, text, instant));
        }
    }
    // Several at once: found late by a fact, or when a pause was over that had held a deadline of the source.
    let late = !teller.instant.passing || current.iter().any(|(_, _, instant)| *instant < teller.instant.at);
    if late && current.len() > 1 {
        let last = current.len() - 1;
        for (_, text, _) in current.drain(..last) {
            memory.passed_over.insert(text.clone());
        }
    }
    for (place, text, instant) in current {
        let step = Some((place + 1, text.clone()));
        let found_late = clock.due.zip(memory.due_since).map(|(due, since)| due <= since);
        let escalated =
            Said { due_at: clock.due, remaining_ms: None, ..teller.notice(clock, "sla.escalated", instant) };
        tell(Said { step, found_late, ..escalated }, Slot::Step(text.clone()));
    }
}

/// The clocks of a lead as reports count them at `watermark`.
pub fn finals(policy: &Policy, lead: &Lead, watermark: Timestamp) -> Vec<FinalClock> {
    let at = lead.at.unwrap_or(watermark).max(watermark);
    let limit = lead.passed.unwrap_or(Timestamp::MIN);
    let finals = clocks(policy, lead.known(at), limit).into_iter().map(|clock| {
        let state = match &clock.end {
            Some(end) if clock.verdict() == Some("sla.cancelled") => {
                if clock.breached_by(end.at) {
                    "breached"
                } else {
                    "cancelled"
                }
            }
            Some(_) if clock.verdict() == Some("sla.met") => "met",
            Some(_) => "met_late",
            None if clock.breached_by(limit) => "breached",
            None if clock.paused_since.is_some() => "paused",
            None => "running",
        };
        FinalClock {
            stopped_at: clock.end.as_ref().map(|end| end.at),
            sla: clock.sla,
            cycle: clock.cycle,
            start: clock.start,
            target: clock.target,
            state,
            due_at: clock.due,
        }
    });
    finals.collect()
}
