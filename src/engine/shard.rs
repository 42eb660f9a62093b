//! The leads of one input partition, their timers, watermark and positions. No IO, no clock, no async.
//!
//! A shell calls [`Shard::apply`] and [`Shard::advance`], makes what [`Shard::turn`] and [`Shard::changed`] say durable in one
//! transaction, and answers with [`Shard::commit`] or [`Shard::undo`]. What is said depends on the log alone, never on how the log
//! is cut into turns: each fact is settled at its append time, each timer at its due instant. Only which of two leads is told
//! first, and `as_of.offsets`, depend on the turns, where timers are left for a later one.

mod restore;

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::leads::{Leads, Slot};
use super::ledger::Told;
use super::notice::Outbox;
use super::record::{self, Lead, RecordError};
use super::rules::Rules;
use super::settle::{OpenState, Settled, Settler, Step, Stimulus};
use crate::event::{Event, Reason, Rejection};
use crate::policy::Policy;
use crate::time::{DAY_MS, Timestamp};
use crate::timer_wheel::TimerWheel;

/// A deadline given by the source may lie this far ahead of the event that gives it (SEMANTICS 12.35).
const FARTHEST_DEADLINE_MS: i64 = 3_653 * DAY_MS;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How far an event's time may lie after its append time, milliseconds.
    pub future_tolerance_ms: i64,
    /// How long a settled lead is kept after its last fact, milliseconds; `None`: for ever.
    pub retention_ms: Option<i64>,
    /// How many facts of one lead are kept one by one, the oldest settled ones being folded beyond it (SEMANTICS §3), and its
    /// record bounded in bytes; `None`: all of them, however large it grows.
    pub max_facts: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            future_tolerance_ms: 5 * crate::time::MINUTE_MS,
            retention_ms: None,
            max_facts: Some(record::MAX_FACTS),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Accepted,
    Duplicate,
}

/// Whether timers due before the watermark are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    More,
}

/// Open clocks of one SLA in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCount {
    pub sla: String,
    pub state: &'static str,
    pub count: i64,
}

/// All that happened since the last commit or undo.
#[derive(Debug, Default)]
pub struct Turn {
    pub outbox: Outbox,
    /// Rungs that were passed over, never told.
    pub passed_over: u64,
    /// Timers that fired.
    pub fired: u64,
    /// Ids of leads that were forgotten.
    dropped: Vec<String>,
    undo: Vec<(Slot, Option<Box<[u8]>>)>,
    stale: i64,
    deltas: Vec<(u16, OpenState, i64)>,
    arrived: Vec<(Timestamp, Slot)>,
    positions: Vec<(usize, u64)>,
    watermark: Timestamp,
}

pub struct Shard {
    rules: Rules,
    options: Options,
    leads: Leads,
    wheel: TimerWheel<Slot>,
    /// No entry of the wheel is due before this instant, so that most events need not ask it.
    quiet_until: Timestamp,
    /// Timers of one due instant that wait for their turn, by lead id.
    firing: VecDeque<(Timestamp, Slot)>,
    /// Where many leads are watched at once: facts that were told ahead of their time, which become acts by a timer.
    ahead: BTreeSet<(Timestamp, Slot)>,
    watermark: Timestamp,
    positions: Vec<(Cow<'static, str>, u64)>,
    settler: Settler,
    turn: Turn,
    /// By family and state; one more family for SLAs that the policy no longer has.
    open: Vec<[i64; OpenState::ALL.len()]>,
    /// Leads of which nothing is told, because their state is not known.
    stale: i64,
}

/// Timers that stand in the wheel without need before it is swept: more than this, and more than the live ones.
const SWEEP_FLOOR: usize = 4_096;

impl Shard {
    /// An empty shard whose inputs have these names, in the order of the positions' indexes.
    pub fn new(policy: Arc<Policy>, options: Options, sources: &[&str]) -> Self {
        let open = vec![[0; OpenState::ALL.len()]; policy.families.len() + 1];
        Shard {
            rules: Rules::new(policy),
            options,
            leads: Leads::default(),
            wheel: TimerWheel::new(),
            quiet_until: Timestamp::MIN,
            firing: VecDeque::new(),
            ahead: BTreeSet::new(),
            watermark: Timestamp::MIN,
            positions: sources.iter().map(|name| (Cow::Owned((*name).to_owned()), 0)).collect(),
            settler: Settler::new(options.retention_ms, options.max_facts),
            turn: Turn { watermark: Timestamp::MIN, ..Turn::default() },
            open,
            stale: 0,
        }
    }

    /// Says what it has to say without its JSON ([`Outbox::be_wordless`]).
    pub fn be_wordless(&mut self) {
        self.turn.outbox.be_wordless();
    }

    /// Keeps facts, and tells nothing ([`Settler::keep_facts_only`]): of a shard without leads that forgets none.
    pub fn keep_facts_only(&mut self) {
        self.settler.keep_facts_only();
    }

    pub fn policy(&self) -> &Arc<Policy> {
        &self.rules.policy
    }

    pub fn options(&self) -> Options {
        self.options
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Up to where the inputs have been read; timers due before it fire.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Last position applied, by input.
    pub fn positions(&self) -> &[(Cow<'static, str>, u64)] {
        &self.positions
    }

    pub fn lead_count(&self) -> usize {
        self.leads.len()
    }

    pub fn timer_count(&self) -> usize {
        self.wheel.len() + self.firing.len()
    }

    pub fn lead(&self, lead_id: &str) -> Option<&[u8]> {
        self.leads.find(lead_id).and_then(|slot| self.leads.record(slot))
    }

    /// Every record, in no particular order of leads.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.leads.records()
    }

    /// Shows the records from slot `from` on, at most `most` slots; the slot to go on from, `None` at the end. What changes between
    /// two calls is seen as it stands then; a lead that stays is shown once.
    pub fn visit(&self, from: u32, most: u32, mut see: impl FnMut(&[u8])) -> Option<u32> {
        let slots = self.leads.slots();
        let end = from.saturating_add(most).min(slots.end);
        (from..end).filter_map(|slot| self.leads.record(slot)).for_each(&mut see);
        (end < slots.end).then_some(end)
    }

    /// The earliest instant at which something may have to be said.
    pub fn next_due(&mut self) -> Option<Timestamp> {
        // An entry may come early: looking at it then is harmless.
        let waiting = self.firing.front().map(|timer| timer.0);
        waiting.into_iter().chain(self.wheel.next_due()).min()
    }

    /// Says which leads the next events are about: worth a quarter of the time of a large shard, and never needed.
    pub fn warm<'a>(&self, lead_ids: impl Iterator<Item = &'a str>) {
        self.leads.warm(lead_ids);
    }

    /// Applies one event at its append time, which raises the watermark; an earlier one is taken as the watermark. What its
    /// lead had due before is told first; the timers of other leads are [`Shard::advance`]'s.
    ///
    /// # Errors
    /// A refusal that the policy or the lead's state gives; nothing has changed then but the watermark and the position.
    pub fn apply(
        &mut self,
        event: &Event<'_>,
        append: Timestamp,
        (source, position): (usize, u64),
    ) -> Result<Applied, Rejection> {
        self.watermark = self.watermark.max(append);
        let at = self.watermark;
        if let Some(known) = self.positions.get_mut(source) {
            self.turn.positions.push((source, known.1));
            known.1 = position;
        }
        admit(&self.rules, self.options, event, at)?;
        self.arrive(at);
        let lead_id = event.lead_id.as_ref();
        let delivery = delivery_hash(&event.source, &event.id);
        let slot = self.leads.find(lead_id);
        let slot = match slot {
            Some(slot) => self.pass_to(slot, at, event)?,
            None => None,
        };
        if slot.is_none() {
            self.remembers(event, at)?;
        }
        let step = Step { at, offsets: &self.positions };
        let record = slot.and_then(|slot| self.leads.record(slot));
        let settled = self
            .settler
            .settle(&self.rules, lead_id, record, Stimulus::Fact { event, delivery }, step, &mut self.turn.outbox)
            .map_err(|error| damaged(event, &error))?;
        let refuse = |reason, detail| Err(Rejection { reason, detail, id: Some(event.id.to_string()) });
        match settled {
            Settled::Duplicate => Ok(Applied::Duplicate),
            Settled::TooOld(until) => refuse(
                Reason::TooOld,
                format!(
                    "time: {} is not after {until}, up to which the oldest facts of lead {:?} are folded, as it has more than {}",
                    event.time,
                    event.lead_id,
                    self.options.max_facts.unwrap_or(record::MAX_FACTS)
                ),
            ),
            Settled::TooLarge => refuse(
                Reason::TooLarge,
                format!("what is known of lead {:?} would exceed {} bytes", event.lead_id, record::MAX_BYTES),
            ),
            Settled::Changed { next_due } => {
                let slot = self.keep(slot, lead_id, next_due);
                if event.time > at && self.rules.watched_ms().is_some() {
                    self.ahead.insert((event.time, slot));
                }
                Ok(Applied::Accepted)
            }
            // A fact just learnt is kept for as long as the retention.
            Settled::Dropped => Ok(Applied::Accepted),
        }
    }

    /// Leads whose facts were told ahead of a time that has come by now are settled first, so that what is watched over many leads
    /// sees their acts in order, whatever timers of others are left.
    fn arrive(&mut self, at: Timestamp) {
        while let Some(&(time, slot)) = self.ahead.first().filter(|(time, _)| *time < at) {
            self.ahead.pop_first();
            self.turn.arrived.push((time, slot));
            // As with a timer: damage of its record is a fault of memory, and not that of the event at hand.
            let _kept = self.pass(slot, time.plus_ms(1));
        }
    }

    /// Tells what this lead had due before `at`, each at its own instant. The slot, unless the lead was forgotten.
    fn pass_to(&mut self, slot: Slot, at: Timestamp, event: &Event<'_>) -> Result<Option<Slot>, Rejection> {
        self.pass(slot, at).map_err(|error| damaged(event, &error))?;
        Ok(self.leads.record(slot).is_some().then_some(slot))
    }

    fn pass(&mut self, slot: Slot, at: Timestamp) -> Result<(), RecordError> {
        while let Some(due) = self.leads.record(slot).map(record::next_due).filter(|due| *due < at) {
            self.fire(slot, due)?;
        }
        Ok(())
    }

    /// A lead that is not known may have been forgotten: what is older than the retention is not guessed at (SEMANTICS 12.42).
    fn remembers(&self, event: &Event<'_>, at: Timestamp) -> Result<(), Rejection> {
        match self.options.retention_ms {
            Some(retention_ms) if event.time.plus_ms(retention_ms) < at => Err(Rejection {
                reason: Reason::TooOld,
                detail: format!(
                    "time: {} lies more than the retention of {} s before its receipt at {at}, and lead {:?} is not known (any more)",
                    event.time,
                    crate::time::format_seconds(retention_ms),
                    event.lead_id
                ),
                id: Some(event.id.to_string()),
            }),
            _ => Ok(()),
        }
    }

    /// Moves the watermark, never back, and fires timers due before it in the order of (due, lead id), at most `max_fires`.
    pub fn advance(&mut self, watermark: Timestamp, max_fires: usize) -> Progress {
        self.watermark = self.watermark.max(watermark);
        let mut fired = 0;
        loop {
            if self.firing.is_empty() && !self.load_instant() {
                return Progress::Done;
            }
            while let Some(&(due, slot)) = self.firing.front() {
                // A late or stale timer is expected: the lead has moved on.
                if self.leads.record(slot).map(record::next_due) != Some(due) {
                    self.firing.pop_front();
                    continue;
                }
                if fired >= max_fires {
                    return Progress::More;
                }
                self.firing.pop_front();
                fired += 1;
                // A record was decoded when it was stored or restored; damage since then is a fault of memory, and the
                // lead's timer is not tried again.
                let _kept = self.fire(slot, due);
            }
        }
    }

    /// Takes all timers of the next due instant off the wheel; `false` if none is due before the watermark.
    fn load_instant(&mut self) -> bool {
        if self.watermark <= self.quiet_until {
            return false;
        }
        let due = self.wheel.next_due().unwrap_or(Timestamp::MAX);
        if due >= self.watermark {
            self.quiet_until = due;
            return false;
        }
        let mut timers = Vec::new();
        self.wheel.expire(due.plus_ms(1), usize::MAX, &mut timers);
        // Entries may be put back below, after this one.
        self.quiet_until = due;
        timers.retain(|(_, slot)| {
            if self.leads.scheduled(*slot) != due {
                return false;
            }
            self.leads.set_scheduled(*slot, Timestamp::MAX);
            let next = self.leads.record(*slot).map_or(Timestamp::MAX, record::next_due);
            if next != due {
                schedule(&mut self.wheel, &mut self.leads, *slot, next);
            }
            next == due
        });
        let leads = &self.leads;
        if timers.len() > 1 {
            // One look into each record, and a second only where the first bytes of two ids agree.
            let mut keyed: Vec<(u64, Slot)> = timers.iter().map(|(_, slot)| (leads.id_prefix(*slot), *slot)).collect();
            keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| leads.id(a.1).cmp(leads.id(b.1))));
            keyed.dedup();
            self.firing.extend(keyed.into_iter().map(|(_, slot)| (due, slot)));
            return true;
        }
        self.firing.extend(timers);
        true
    }

    fn fire(&mut self, slot: Slot, due: Timestamp) -> Result<(), RecordError> {
        self.step(slot, due, Stimulus::Passing)
    }

    fn step(&mut self, slot: Slot, at: Timestamp, stimulus: Stimulus<'_, '_>) -> Result<(), RecordError> {
        let step = Step { at, offsets: &self.positions };
        let record = self.leads.record(slot);
        let settled = self.settler.settle(&self.rules, "", record, stimulus, step, &mut self.turn.outbox)?;
        match settled {
            // Of a fact alone.
            Settled::Duplicate | Settled::TooOld(_) | Settled::TooLarge => {}
            Settled::Changed { next_due } => {
                self.turn.fired += 1;
                self.keep(Some(slot), "", next_due);
            }
            Settled::Dropped => {
                self.settler.watch.forget(self.leads.id(slot));
                self.turn.dropped.push(self.leads.id(slot).to_owned());
                let before = self.leads.remove(slot);
                self.turn.undo.push((slot, before));
            }
        }
        Ok(())
    }

    /// Keeps what the settler made of a lead, one not known yet under its id, and the pre-image for an undo.
    fn keep(&mut self, slot: Option<Slot>, lead_id: &str, next_due: Timestamp) -> Slot {
        let record: Box<[u8]> = self.settler.encoded.as_slice().into();
        let (slot, before) = match slot {
            Some(slot) => (slot, self.leads.replace(slot, record)),
            None => (self.leads.insert(lead_id, record), None),
        };
        self.turn.undo.push((slot, before));
        self.turn.passed_over += u64::from(self.settler.passed_over);
        self.turn.stale += self.settler.stale;
        self.stale += self.settler.stale;
        for &delta in &self.settler.deltas {
            count_open(&mut self.open, delta);
            self.turn.deltas.push(delta);
        }
        self.schedule(slot, next_due);
        slot
    }

    fn schedule(&mut self, slot: Slot, due: Timestamp) {
        self.quiet_until = self.quiet_until.min(due);
        schedule(&mut self.wheel, &mut self.leads, slot, due);
        if self.wheel.len() > SWEEP_FLOOR && self.wheel.len() > 2 * self.leads.len() {
            let leads = &self.leads;
            self.wheel.retain(|due, slot| leads.scheduled(slot) == due);
        }
    }

    /// Takes another policy, between two turns. No lead is settled: where the versions in force up to the watermark are the same,
    /// it changes nothing of what is known, and a clock that starts later finds its version by its start. Where they are not, every
    /// lead is to be settled anew ([`Shard::resettle`]).
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        let mut open = vec![[0; OpenState::ALL.len()]; policy.families.len() + 1];
        let gone = policy.families.len();
        for (index, counts) in self.open.iter().enumerate() {
            let name = self.rules.policy.families.get(index).map(|family| &family.name);
            let now = name.and_then(|name| policy.families.iter().position(|family| family.name == *name));
            for (sum, count) in open[now.unwrap_or(gone)].iter_mut().zip(counts) {
                *sum += count;
            }
        }
        self.open = open;
        let watched_ms = self.rules.watched_ms();
        self.rules = Rules::new(policy);
        // Another version may look further back.
        if self.rules.watched_ms() != watched_ms {
            self.watch_anew();
        }
    }

    /// Settles the leads from slot `from` on that have something open, by the present policy: what their records say of another
    /// one is corrected. At most `most` slots are looked at; the slot to go on from, `None` at the end.
    ///
    /// # Errors
    /// Where a record is damaged.
    pub fn resettle(&mut self, from: u32, most: u32) -> Result<Option<u32>, RecordError> {
        let slots = self.leads.slots();
        let end = from.saturating_add(most).min(slots.end);
        for slot in from..end {
            let Some(record) = self.leads.record(slot) else { continue };
            self.settler.lead.decode(record)?;
            if self.settler.lead.ledger.iter().any(Told::is_open) {
                self.step(slot, self.watermark, Stimulus::Changed)?;
            }
        }
        Ok((end < slots.end).then_some(end))
    }

    /// What the open turn has to say.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The leads that the open turn changed, each once, with its new record; `None` for one that was forgotten.
    pub fn changed(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let mut slots: Vec<Slot> = self.turn.undo.iter().map(|(slot, _)| *slot).collect();
        slots.sort_unstable();
        slots.dedup();
        let kept = slots.into_iter().filter_map(|slot| Some((self.leads.id(slot), Some(self.leads.record(slot)?))));
        let mut dropped: Vec<&str> = self.turn.dropped.iter().map(String::as_str).collect();
        dropped.sort_unstable();
        dropped.dedup();
        // It may have come back within the turn.
        kept.chain(dropped.into_iter().filter(|id| self.leads.find(id).is_none()).map(|id| (id, None)))
    }

    /// The turn is durable.
    pub fn commit(&mut self) {
        if self.rules.watched_ms().is_some() {
            let settled = self.settled_until();
            self.settler.watch.commit(&self.rules, settled);
        }
        self.begin();
    }

    /// The turn did not become durable: everything is as it was before it.
    pub fn undo(&mut self) {
        for (slot, before) in std::mem::take(&mut self.turn.undo).into_iter().rev() {
            match before {
                Some(record) => {
                    // Its entry in the wheel may be consumed.
                    let due = record::next_due(&record);
                    let slot = self.leads.put_back(slot, record);
                    self.schedule(slot, due);
                }
                None => drop(self.leads.remove(slot)),
            }
        }
        // What waited of the instant goes back too, or it would fire before what was undone, not by lead id.
        for (due, slot) in std::mem::take(&mut self.firing) {
            if self.leads.record(slot).map(record::next_due) == Some(due) {
                self.schedule(slot, due);
            }
        }
        self.stale -= self.turn.stale;
        for &(family, state, by) in &self.turn.deltas {
            count_open(&mut self.open, (family, state, -by));
        }
        for &(source, position) in self.turn.positions.iter().rev() {
            self.positions[source].1 = position;
        }
        self.watermark = self.turn.watermark;
        self.ahead.extend(self.turn.arrived.drain(..));
        self.settler.watch.undo();
        self.begin();
    }

    fn begin(&mut self) {
        let turn = &mut self.turn;
        turn.outbox.clear();
        turn.passed_over = 0;
        turn.stale = 0;
        turn.fired = 0;
        turn.dropped.clear();
        turn.undo.clear();
        turn.deltas.clear();
        turn.arrived.clear();
        turn.positions.clear();
        turn.watermark = self.watermark;
    }

    /// Leads of which nothing is told, because their state is not known (SEMANTICS §9).
    pub fn stale_leads(&self) -> i64 {
        self.stale
    }

    #[cfg(test)]
    pub fn watched_lead_count(&self) -> usize {
        self.settler.watch.lead_count()
    }

    /// Open clocks by SLA and state, all of them, zero included.
    pub fn open_clocks(&self) -> Vec<OpenCount> {
        let mut counts = Vec::new();
        for (family, by_state) in self.rules.policy.families.iter().zip(&self.open) {
            for (state, &count) in OpenState::ALL.iter().zip(by_state) {
                counts.push(OpenCount { sla: family.name.clone(), state: state.name(), count });
            }
        }
        counts
    }

    /// The decoded form of a stored record, for reading.
    pub fn decode(&self, lead_id: &str) -> Option<Lead> {
        let mut lead = Lead::default();
        lead.decode(self.lead(lead_id)?).ok()?;
        Some(lead)
    }
}

/// What can be refused without the lead: its time by the receipt, its words by the policy.
///
/// # Errors
/// The refusal.
pub fn admit(rules: &Rules, options: Options, event: &Event<'_>, at: Timestamp) -> Result<(), Rejection> {
    let refuse = |reason, detail| Err(Rejection { reason, detail, id: Some(event.id.to_string()) });
    let ahead = event.time.since_ms(at);
    if ahead > options.future_tolerance_ms {
        let detail = format!(
            "time {} lies {} s after its receipt at {at}; up to {} s are tolerated",
            event.time,
            crate::time::format_seconds(ahead),
            crate::time::format_seconds(options.future_tolerance_ms)
        );
        return refuse(Reason::FutureTime, detail);
    }
    if let Some(status) = &event.fact.status {
        let version = &rules.policy.versions[rules.policy.words_at(event.time)];
        if version.lifecycle.find(status).is_none() {
            let detail = format!("status {status:?} is not in the lifecycle of {:?}", version.name);
            return refuse(Reason::UnknownStatus, detail);
        }
    }
    for (name, value) in &event.fact.attributes {
        if !rules.gives_deadline(name) {
            continue;
        }
        match Timestamp::parse(value) {
            Err(error) => return refuse(Reason::BadAttribute, format!("{name}: {error}")),
            Ok(due) if due.since_ms(event.time) > FARTHEST_DEADLINE_MS => {
                return refuse(Reason::BadAttribute, format!("{name}: {due} lies more than 10 years ahead"));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// A lead has one live entry in the wheel, at its `next_due` or before it: one that comes early is put where it belongs
/// when it fires, so that a deadline that moves away costs nothing.
fn schedule(wheel: &mut TimerWheel<Slot>, leads: &mut Leads, slot: Slot, due: Timestamp) {
    if due < leads.scheduled(slot) {
        leads.set_scheduled(slot, due);
        wheel.schedule(due, slot);
    }
}

/// What names a delivery: duplicates have the same source and id (SEMANTICS 12.2).
pub fn delivery_hash(source: &str, id: &str) -> u64 {
    xxh3_64(id.as_bytes()).rotate_left(1) ^ xxh3_64(source.as_bytes())
}

fn count_open(open: &mut [[i64; OpenState::ALL.len()]], (family, state, by): (u16, OpenState, i64)) {
    let last = open.len() - 1;
    open[usize::from(family).min(last)][state as usize] += by;
}

/// A stored lead that cannot be read: the event is refused rather than applied to a guess.
fn damaged(event: &Event<'_>, error: &RecordError) -> Rejection {
    Rejection {
        reason: Reason::DamagedRecord,
        detail: format!("the stored state of lead {:?} cannot be read: {error}", event.lead_id),
        id: Some(event.id.to_string()),
    }
}
