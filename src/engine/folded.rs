//! What is left of a lead's oldest facts once they are folded away: the fold as they left it (SEMANTICS §3, 12.42).
//!
//! Folding the facts that remain on top of it gives what folding all of them gave. Names stand for what a policy may move: the
//! SLA by its name, a clock's version by its start, target, rungs and steps by the hashes that the ledger uses too. Under a
//! policy that was edited, what is folded stays as it was decided, as far as the policy still knows it.

use super::clock::{Cause, Clock, End, Hold, PauseSpan};
use super::fold::{Dropped, NotStarted, Situation, Thread};
use super::ledger::Deadline;
use super::record::{Lead, Sym};
use super::rules::Rules;
use super::wire::{Reader, write_varint, write_zigzag};
use crate::time::Timestamp;

/// The prefix of a lead's record.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// How many facts were folded.
    pub facts: u64,
    /// Event times of the first and the last of them.
    pub from: Timestamp,
    pub until: Timestamp,
    /// When the last of them to arrive arrived.
    pub learnt: Timestamp,
    pub(super) now: Situation,
    pub(super) attributes: Vec<(Sym, Sym)>,
    pub(super) threads: Vec<FoldedThread>,
    /// In the order in which they started.
    pub(super) clocks: Vec<FoldedClock>,
}

/// Of one SLA. `running` and `last` say whether there is such a clock: it is the newest of the SLA's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoldedThread {
    pub sla: Sym,
    pub thread: Thread,
}

/// A clock whose places in the policy are still to be found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoldedClock {
    pub sla: Sym,
    /// Names of the target, and of the rungs and steps that the clock has instants of.
    pub target: u32,
    pub rungs: Vec<u32>,
    pub steps: Vec<u32>,
    pub clock: Clock,
}

mod flag {
    pub const ORDINAL: u64 = 1;
    pub const REMAINING: u64 = 1 << 1;
    pub const BREACHED: u64 = 1 << 2;
    pub const PAUSED: u64 = 1 << 3;
    pub const PAUSE_UNTIL: u64 = 1 << 4;
    pub const PAUSE_LEFT: u64 = 1 << 5;
    pub const WAS_HELD: u64 = 1 << 6;
    pub const REVIVED: u64 = 1 << 7;
    pub const END: u64 = 1 << 8;
    /// Of a clock that ended: what it would take part in if that were taken back.
    pub const REBASED: u64 = 1 << 9;
    pub const SPOKE: u64 = 1 << 10;
    pub const HELD_AFTER: u64 = 1 << 11;

    pub const STATUS: u64 = 1;
    pub const OWNER: u64 = 1 << 1;
    pub const TEAM: u64 = 1 << 2;
    pub const CREATED: u64 = 1 << 3;
    pub const OPPORTUNITY: u64 = 1 << 4;
    pub const GONE: u64 = 1 << 5;
    pub const STALE: u64 = 1 << 6;

    pub const RUNNING: u64 = 1;
    pub const LAST: u64 = 1 << 1;
    pub const AWAITS_OWNER: u64 = 1 << 2;
    pub const COUNTED: u64 = 1 << 3;
    pub const BLOCKED: u64 = 1 << 4;
    pub const ACT: u64 = 1 << 5;
    pub const NOT_STARTED: u64 = 1 << 6;
    pub const DROPPED: u64 = 1 << 7;
}

fn flags<const N: usize>(of: [(bool, u64); N]) -> u64 {
    of.iter().fold(0, |flags, (set, bit)| flags | (u64::from(*set) * bit))
}

impl Folded {
    /// The value that the folded facts left an attribute with, in the life of the lead that they left.
    pub fn attribute<'l>(&self, lead: &'l Lead, name: &str) -> Option<&'l str> {
        let known = self.attributes.iter().find(|known| lead.str(known.0) == name);
        known.filter(|_| self.now.gone.is_none()).map(|known| lead.str(known.1))
    }

    /// Every symbol that it names, to be named anew.
    pub(super) fn symbols_mut(&mut self, renew: &mut impl FnMut(&mut Sym)) {
        for sym in [&mut self.now.status, &mut self.now.owner, &mut self.now.team] {
            renew(sym);
        }
        for (name, value) in &mut self.attributes {
            renew(name);
            renew(value);
        }
        for FoldedThread { sla, thread } in &mut self.threads {
            renew(sla);
            for end in [&mut thread.blocked, &mut thread.act].into_iter().flatten() {
                renew(&mut end.owner);
                renew(&mut end.team);
            }
        }
        for FoldedClock { sla, clock, .. } in &mut self.clocks {
            renew(sla);
            for hold in clock.holds.iter_mut().chain(&mut clock.after_end.holds) {
                renew(&mut hold.owner);
                renew(&mut hold.team);
            }
            if let Some(end) = &mut clock.end {
                renew(&mut end.owner);
                renew(&mut end.team);
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write_varint(out, self.facts);
        write_zigzag(out, self.until.0);
        let since = |at: Timestamp| at.0.wrapping_sub(self.until.0);
        write_zigzag(out, since(self.from));
        write_zigzag(out, since(self.learnt));
        let now = &self.now;
        write_varint(
            out,
            flags([
                (now.status != 0, flag::STATUS),
                (now.owner != 0, flag::OWNER),
                (now.team != 0, flag::TEAM),
                (now.created, flag::CREATED),
                (now.had_opportunity, flag::OPPORTUNITY),
                (now.gone.is_some(), flag::GONE),
                (now.stale.is_some(), flag::STALE),
            ]),
        );
        for sym in [now.status, now.owner, now.team] {
            if sym != 0 {
                write_varint(out, u64::from(sym));
            }
        }
        if now.status != 0 {
            write_zigzag(out, since(now.status_since));
        }
        for at in [now.gone, now.stale].into_iter().flatten() {
            write_zigzag(out, since(at));
        }
        write_varint(out, self.attributes.len() as u64);
        for &(name, value) in &self.attributes {
            write_varint(out, u64::from(name));
            write_varint(out, u64::from(value));
        }
        write_varint(out, self.threads.len() as u64);
        for thread in &self.threads {
            thread.encode(self.until, out);
        }
        write_varint(out, self.clocks.len() as u64);
        for clock in &self.clocks {
            clock.encode(self.until, out);
        }
    }

    /// `table`: how many strings the record has.
    pub(super) fn decode(table: u64, reader: &mut Reader<'_>) -> Option<Folded> {
        let facts = reader.varint()?;
        let until = Timestamp(reader.zigzag()?);
        let from = instant(until, reader)?;
        let learnt = instant(until, reader)?;
        let bits = reader.varint()?;
        let has = |bit: u64| bits & bit != 0;
        let mut now = Situation { created: has(flag::CREATED), ..Situation::default() };
        now.had_opportunity = has(flag::OPPORTUNITY);
        for (bit, place) in
            [(flag::STATUS, &mut now.status), (flag::OWNER, &mut now.owner), (flag::TEAM, &mut now.team)]
        {
            if has(bit) {
                *place = sym(table, reader)?;
            }
        }
        if has(flag::STATUS) {
            now.status_since = instant(until, reader)?;
        }
        if has(flag::GONE) {
            now.gone = Some(instant(until, reader)?);
        }
        if has(flag::STALE) {
            now.stale = Some(instant(until, reader)?);
        }
        let mut folded =
            Folded { facts, from, until, learnt, now, attributes: Vec::new(), threads: Vec::new(), clocks: Vec::new() };
        for _ in 0..reader.count(2)? {
            folded.attributes.push((sym(table, reader)?, sym(table, reader)?));
        }
        for _ in 0..reader.count(2)? {
            folded.threads.push(FoldedThread::decode(until, table, reader)?);
        }
        for _ in 0..reader.count(8)? {
            folded.clocks.push(FoldedClock::decode(until, table, reader)?);
        }
        Some(folded)
    }
}

impl FoldedThread {
    fn encode(&self, origin: Timestamp, out: &mut Vec<u8>) {
        let thread = &self.thread;
        let (missed, dropped) = (thread.not_started, thread.dropped);
        write_varint(
            out,
            flags([
                (thread.running.is_some(), flag::RUNNING),
                (thread.last.is_some(), flag::LAST),
                (thread.awaits_owner, flag::AWAITS_OWNER),
                (thread.counted, flag::COUNTED),
                (thread.blocked.is_some(), flag::BLOCKED),
                (thread.act.is_some(), flag::ACT),
                (missed != NotStarted::default(), flag::NOT_STARTED),
                (dropped != Dropped::default(), flag::DROPPED),
            ]),
        );
        write_varint(out, u64::from(self.sla));
        for end in [thread.blocked, thread.act].into_iter().flatten() {
            encode_end(&end, origin, out);
        }
        if missed != NotStarted::default() {
            write_varint(out, u64::from(missed.already_stopped));
            write_varint(out, u64::from(missed.before_first_version));
        }
        if dropped != Dropped::default() {
            for count in [dropped.met, dropped.met_late, dropped.breached, dropped.cancelled] {
                write_varint(out, u64::from(count));
            }
        }
    }

    fn decode(origin: Timestamp, table: u64, reader: &mut Reader<'_>) -> Option<FoldedThread> {
        let bits = reader.varint()?;
        let has = |bit: u64| bits & bit != 0;
        let sla = sym(table, reader)?;
        let mut thread = Thread::new();
        // Which clock it is follows from the policy.
        thread.running = has(flag::RUNNING).then_some(0);
        thread.last = has(flag::LAST).then_some(0);
        thread.awaits_owner = has(flag::AWAITS_OWNER);
        thread.counted = has(flag::COUNTED);
        if has(flag::BLOCKED) {
            thread.blocked = Some(decode_end(origin, table, reader)?);
        }
        if has(flag::ACT) {
            thread.act = Some(decode_end(origin, table, reader)?);
        }
        if has(flag::NOT_STARTED) {
            thread.not_started.already_stopped = number(reader)?;
            thread.not_started.before_first_version = number(reader)?;
        }
        if has(flag::DROPPED) {
            thread.dropped = Dropped {
                met: number(reader)?,
                met_late: number(reader)?,
                breached: number(reader)?,
                cancelled: number(reader)?,
            };
        }
        Some(FoldedThread { sla, thread })
    }
}

impl FoldedClock {
    /// The clock with its places in the policy; `None` where the policy has no such promise (any more).
    pub fn place(&self, rules: &Rules, family: u16) -> Option<Clock> {
        let (version, sla, exists) = rules.definition(family, rules.policy.words_at(self.clock.start));
        if !exists {
            return None;
        }
        let keys = rules.of(version, sla);
        let mut clock = self.clock.clone();
        (clock.family, clock.version, clock.sla) = (family, version, sla);
        let target = keys.targets.iter().position(|key| *key == self.target);
        // A target that was renamed: what it gave stands, measured as the SLA's last one, which every lead matches.
        clock.target = target.unwrap_or(keys.targets.len().saturating_sub(1)) as u16;
        if self.rungs != keys.rungs {
            let find = |key: &u32| self.rungs.iter().position(|known| known == key);
            let places: Vec<Option<usize>> = keys.rungs.iter().map(find).collect();
            // A rung that the fold did not know was never ahead: it is passed over.
            clock.rungs = pick(&places, &self.clock.rungs, Timestamp::MIN);
            clock.reached = pick(&places, &self.clock.reached, false);
        }
        if self.steps != keys.steps {
            let find = |key: &u32| self.steps.iter().position(|known| known == key);
            let places: Vec<Option<usize>> = keys.steps.iter().map(find).collect();
            clock.steps = pick(&places, &self.clock.steps, Timestamp::MAX);
        }
        Some(clock)
    }

    fn encode(&self, origin: Timestamp, out: &mut Vec<u8>) {
        let clock = &self.clock;
        write_varint(
            out,
            flags([
                (clock.ordinal != 0, flag::ORDINAL),
                (matches!(clock.deadline, Deadline::Remaining(_)), flag::REMAINING),
                (clock.breached, flag::BREACHED),
                (clock.paused, flag::PAUSED),
                (clock.pause_until != Timestamp::MAX, flag::PAUSE_UNTIL),
                (clock.pause_left_ms.is_some(), flag::PAUSE_LEFT),
                (clock.was_held, flag::WAS_HELD),
                (clock.revived, flag::REVIVED),
                (clock.end.is_some(), flag::END),
                (clock.rebased, flag::REBASED),
                (clock.after_end.source_spoke, flag::SPOKE),
                (!clock.after_end.holds.is_empty(), flag::HELD_AFTER),
            ]),
        );
        write_varint(out, u64::from(self.sla));
        write_zigzag(out, clock.start.0.wrapping_sub(origin.0));
        out.extend_from_slice(&self.target.to_le_bytes());
        let since = |at: Timestamp| at.0.wrapping_sub(clock.start.0);
        write_zigzag(out, since(clock.base));
        match clock.deadline {
            Deadline::At(due) => write_zigzag(out, since(due)),
            Deadline::Remaining(ms) => write_zigzag(out, ms),
        }
        write_zigzag(out, since(clock.before_pause));
        write_zigzag(out, since(clock.armed_at));
        if clock.ordinal != 0 {
            write_varint(out, u64::from(clock.ordinal));
        }
        if clock.pause_until != Timestamp::MAX {
            write_zigzag(out, since(clock.pause_until));
        }
        if let Some(left) = clock.pause_left_ms {
            write_zigzag(out, left);
        }
        if let Some(end) = &clock.end {
            encode_end(end, clock.start, out);
        }
        write_varint(out, clock.pauses.len() as u64);
        for pause in &clock.pauses {
            write_zigzag(out, since(pause.from));
            // 0: it lasts.
            write_varint(out, pause.to.map_or(0, |to| to.since_ms(pause.from).max(0) as u64 + 1));
        }
        encode_holds(&clock.holds, clock.start, out);
        if !clock.after_end.holds.is_empty() {
            encode_holds(&clock.after_end.holds, clock.start, out);
        }
        write_varint(out, clock.rungs.len() as u64);
        for (index, rung) in clock.rungs.iter().enumerate() {
            out.extend_from_slice(&self.rungs.get(index).copied().unwrap_or(0).to_le_bytes());
            write_zigzag(out, since(*rung));
            out.push(u8::from(clock.reached.get(index).copied().unwrap_or(false)));
        }
        write_varint(out, clock.steps.len() as u64);
        for (index, step) in clock.steps.iter().enumerate() {
            out.extend_from_slice(&self.steps.get(index).copied().unwrap_or(0).to_le_bytes());
            write_zigzag(out, since(*step));
        }
    }

    fn decode(origin: Timestamp, table: u64, reader: &mut Reader<'_>) -> Option<FoldedClock> {
        let bits = reader.varint()?;
        let has = |bit: u64| bits & bit != 0;
        let sla = sym(table, reader)?;
        let start = instant(origin, reader)?;
        let target = key(reader)?;
        let mut clock = Clock::new(0, 0, 0, start);
        clock.fresh = false;
        clock.base = instant(start, reader)?;
        clock.deadline = if has(flag::REMAINING) {
            Deadline::Remaining(reader.zigzag()?)
        } else {
            Deadline::At(instant(start, reader)?)
        };
        clock.before_pause = instant(start, reader)?;
        clock.armed_at = instant(start, reader)?;
        clock.breached = has(flag::BREACHED);
        clock.paused = has(flag::PAUSED);
        clock.was_held = has(flag::WAS_HELD);
        clock.revived = has(flag::REVIVED);
        clock.rebased = has(flag::REBASED);
        clock.after_end.source_spoke = has(flag::SPOKE);
        if has(flag::ORDINAL) {
            clock.ordinal = number(reader)?;
        }
        if has(flag::PAUSE_UNTIL) {
            clock.pause_until = instant(start, reader)?;
        }
        if has(flag::PAUSE_LEFT) {
            clock.pause_left_ms = Some(reader.zigzag()?);
        }
        if has(flag::END) {
            clock.end = Some(decode_end(start, table, reader)?);
        }
        for _ in 0..reader.count(2)? {
            let from = instant(start, reader)?;
            let to = match reader.varint()? {
                0 => None,
                lasted => Some(from.plus_ms(i64::try_from(lasted - 1).ok()?)),
            };
            clock.pauses.push(PauseSpan { from, to });
        }
        clock.holds = decode_holds(start, table, reader)?;
        if has(flag::HELD_AFTER) {
            clock.after_end.holds = decode_holds(start, table, reader)?;
        }
        let mut folded = FoldedClock { sla, target, rungs: Vec::new(), steps: Vec::new(), clock };
        for _ in 0..reader.count(6)? {
            folded.rungs.push(key(reader)?);
            folded.clock.rungs.push(instant(start, reader)?);
            folded.clock.reached.push(reader.byte()? != 0);
        }
        for _ in 0..reader.count(5)? {
            folded.steps.push(key(reader)?);
            folded.clock.steps.push(instant(start, reader)?);
        }
        Some(folded)
    }
}

/// By place: the known value, or what stands for a text that the fold did not know. An empty list stays empty.
fn pick<T: Copy, const N: usize>(
    places: &[Option<usize>],
    known: &smallvec::SmallVec<[T; N]>,
    otherwise: T,
) -> smallvec::SmallVec<[T; N]>
where
    [T; N]: smallvec::Array<Item = T>,
{
    if known.is_empty() {
        return smallvec::SmallVec::new();
    }
    places.iter().map(|place| place.and_then(|place| known.get(place)).copied().unwrap_or(otherwise)).collect()
}

fn encode_holds(holds: &[Hold], origin: Timestamp, out: &mut Vec<u8>) {
    write_varint(out, holds.len() as u64);
    for hold in holds {
        write_zigzag(out, hold.from.0.wrapping_sub(origin.0));
        write_varint(out, u64::from(hold.owner));
        write_varint(out, u64::from(hold.team));
    }
}

fn decode_holds<C: FromIterator<Hold>>(origin: Timestamp, table: u64, reader: &mut Reader<'_>) -> Option<C> {
    let count = reader.count(3)?;
    let mut hold =
        || Some(Hold { from: instant(origin, reader)?, owner: sym(table, reader)?, team: sym(table, reader)? });
    (0..count).map(|_| hold()).collect()
}

fn encode_end(end: &End, origin: Timestamp, out: &mut Vec<u8>) {
    out.push(end.cause as u8);
    write_zigzag(out, end.at.0.wrapping_sub(origin.0));
    write_varint(out, u64::from(end.owner));
    write_varint(out, u64::from(end.team));
}

fn decode_end(origin: Timestamp, table: u64, reader: &mut Reader<'_>) -> Option<End> {
    let cause = match reader.byte()? {
        0 => Cause::State,
        1 => Cause::Act,
        2 => Cause::CancelStatus,
        3 => Cause::Deleted,
        4 => Cause::Merged,
        _ => return None,
    };
    Some(End { cause, at: instant(origin, reader)?, owner: sym(table, reader)?, team: sym(table, reader)? })
}

fn instant(origin: Timestamp, reader: &mut Reader<'_>) -> Option<Timestamp> {
    Some(Timestamp(origin.0.wrapping_add(reader.zigzag()?)))
}

fn sym(table: u64, reader: &mut Reader<'_>) -> Option<Sym> {
    reader.varint().filter(|sym| *sym <= table).map(|sym| sym as Sym)
}

fn key(reader: &mut Reader<'_>) -> Option<u32> {
    Some(u32::from_le_bytes(reader.take(4)?.try_into().ok()?))
}

fn number(reader: &mut Reader<'_>) -> Option<u32> {
    u32::try_from(reader.varint()?).ok()
}
