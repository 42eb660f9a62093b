//! What was told of each clock: the ledger beside the facts. The difference between it and the fold is what must be said.
//!
//! *Told* and *passed over* are kept apart: only what was told can be retracted. A retracted clock's entry stays, or its
//! counts would restart and ids would repeat.

use smallvec::SmallVec;

use super::record::Sym;
use super::wire::{Reader, write_varint, write_zigzag};
use crate::time::Timestamp;

/// The deadline of a clock: an instant, or what remains of it while the clock is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    At(Timestamp),
    /// Milliseconds in the target's own measure.
    Remaining(i64),
}

/// How a clock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    Met = 0,
    MetLate = 1,
    Cancelled = 2,
}

/// A statement that can be made, taken back and made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// How often it was made.
    pub count: u32,
    /// Made and not taken back.
    pub stands: bool,
}

impl Claim {
    /// Makes the statement; the count of times it was made before goes into its id.
    pub fn make(&mut self) -> u32 {
        let before = self.count;
        self.count = before.saturating_add(1);
        self.stands = true;
        before
    }

    /// Takes it back; the count that its id was made with.
    pub fn take_back(&mut self) -> u32 {
        self.stands = false;
        self.count.saturating_sub(1)
    }
}

/// A rung of the reminders or a step of the ladder, named by a hash of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub key: u32,
    /// The instant for which it was told or passed over.
    pub at: Timestamp,
    pub claim: Claim,
}

/// The outcome that was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeTold {
    pub outcome: Outcome,
    pub at: Timestamp,
    pub owner: Sym,
    pub team: Sym,
    /// Hash of the target's label.
    pub target: u32,
}

/// A pause that was told, named by its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseTold {
    pub from: Timestamp,
    pub resumed: bool,
    pub claim: Claim,
}

/// The lead was handed on too often within the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingPongTold {
    /// The handover that was one too many.
    pub at: Timestamp,
    pub claim: Claim,
}

/// All that was told of one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub sla: Sym,
    pub start: Timestamp,
    /// Among the clocks of the SLA that start at that instant.
    pub ordinal: u32,
    pub started: Claim,
    /// The deadline was not after the watermark when it was first derived.
    pub late: bool,
    /// As last derived; `sla.deadline_moved` is said when it differs.
    pub deadline: Deadline,
    /// How often a move was told.
    pub moves: u32,
    pub pauses: SmallVec<[PauseTold; 1]>,
    pub rungs: SmallVec<[Mark; 2]>,
    pub breached: Claim,
    pub steps: SmallVec<[Mark; 2]>,
    /// How often each outcome was told, by [`Outcome`].
    pub outcomes: [u32; 3],
    /// The standing one.
    pub outcome: Option<OutcomeTold>,
    pub ping_pong: Option<PingPongTold>,
}

mod flag {
    pub const ORDINAL: u64 = 1;
    pub const STANDS: u64 = 1 << 1;
    pub const COUNT: u64 = 1 << 2;
    pub const LATE: u64 = 1 << 3;
    pub const REMAINING: u64 = 1 << 4;
    pub const RUNGS: u64 = 1 << 5;
    pub const STEPS: u64 = 1 << 6;
    pub const BREACHED: u64 = 1 << 7;
    pub const BREACHES: u64 = 1 << 8;
    pub const MOVES: u64 = 1 << 9;
    pub const PAUSES: u64 = 1 << 10;
    pub const OUTCOME: u64 = 1 << 11;
    pub const OUTCOMES: u64 = 1 << 12;
    pub const PING_PONG: u64 = 1 << 13;
}

impl Told {
    pub fn new(sla: Sym, start: Timestamp, ordinal: u32, deadline: Deadline) -> Self {
        Told {
            sla,
            start,
            ordinal,
            started: Claim::default(),
            late: false,
            deadline,
            moves: 0,
            pauses: SmallVec::new(),
            rungs: SmallVec::new(),
            breached: Claim::default(),
            steps: SmallVec::new(),
            outcomes: [0; 3],
            outcome: None,
            ping_pong: None,
        }
    }

    /// Told as begun, and not as ended.
    pub fn is_open(&self) -> bool {
        self.started.stands && self.outcome.is_none()
    }

    /// Every symbol that it names, to be named anew.
    pub(super) fn symbols_mut(&mut self, renew: &mut impl FnMut(&mut Sym)) {
        renew(&mut self.sla);
        if let Some(told) = &mut self.outcome {
            renew(&mut told.owner);
            renew(&mut told.team);
        }
    }

    pub(super) fn encode(&self, origin: Timestamp, out: &mut Vec<u8>) {
        let flags = [
            (self.ordinal != 0, flag::ORDINAL),
            (self.started.stands, flag::STANDS),
            (self.started.count != 1, flag::COUNT),
            (self.late, flag::LATE),
            (matches!(self.deadline, Deadline::Remaining(_)), flag::REMAINING),
            (!self.rungs.is_empty(), flag::RUNGS),
            (!self.steps.is_empty(), flag::STEPS),
            (self.breached.stands, flag::BREACHED),
            (self.breached.count != u32::from(self.breached.stands), flag::BREACHES),
            (self.moves != 0, flag::MOVES),
            (!self.pauses.is_empty(), flag::PAUSES),
            (self.outcome.is_some(), flag::OUTCOME),
            (self.outcomes != self.expected_outcomes(), flag::OUTCOMES),
            (self.ping_pong.is_some(), flag::PING_PONG),
        ]
        .iter()
        .fold(0, |flags, (set, bit)| flags | (u64::from(*set) * bit));
        write_varint(out, flags);
        write_varint(out, u64::from(self.sla));
        write_zigzag(out, self.start.0.wrapping_sub(origin.0));
        let since = |at: Timestamp| at.0.wrapping_sub(self.start.0);
        match self.deadline {
            Deadline::At(due) => write_zigzag(out, since(due)),
            Deadline::Remaining(ms) => write_zigzag(out, ms),
        }
        for (bit, value) in [
            (flag::ORDINAL, self.ordinal),
            (flag::COUNT, self.started.count),
            (flag::BREACHES, self.breached.count),
            (flag::MOVES, self.moves),
        ] {
            if flags & bit != 0 {
                write_varint(out, u64::from(value));
            }
        }
        for marks in [&self.rungs, &self.steps] {
            if marks.is_empty() {
                continue;
            }
            write_varint(out, marks.len() as u64);
            for mark in marks {
                out.extend_from_slice(&mark.key.to_le_bytes());
                write_zigzag(out, since(mark.at));
                write_varint(out, u64::from(mark.claim.count) << 1 | u64::from(mark.claim.stands));
            }
        }
        if !self.pauses.is_empty() {
            write_varint(out, self.pauses.len() as u64);
            for pause in &self.pauses {
                write_zigzag(out, since(pause.from));
                let state = u64::from(pause.claim.stands) << 1 | u64::from(pause.resumed);
                write_varint(out, u64::from(pause.claim.count) << 2 | state);
            }
        }
        if let Some(told) = self.outcome {
            out.push(told.outcome as u8);
            write_zigzag(out, since(told.at));
            write_varint(out, u64::from(told.owner));
            write_varint(out, u64::from(told.team));
            out.extend_from_slice(&told.target.to_le_bytes());
        }
        if flags & flag::OUTCOMES != 0 {
            for count in self.outcomes {
                write_varint(out, u64::from(count));
            }
        }
        if let Some(told) = self.ping_pong {
            write_zigzag(out, since(told.at));
            write_varint(out, u64::from(told.claim.count) << 1 | u64::from(told.claim.stands));
        }
    }

    /// What the counts are where no outcome was ever taken back.
    fn expected_outcomes(&self) -> [u32; 3] {
        let mut counts = [0; 3];
        if let Some(told) = self.outcome {
            counts[told.outcome as usize] = 1;
        }
        counts
    }

    pub(super) fn decode(origin: Timestamp, reader: &mut Reader<'_>) -> Option<Told> {
        let flags = reader.varint()?;
        let has = |bit: u64| flags & bit != 0;
        let sym = |reader: &mut Reader<'_>| reader.varint().and_then(|sym| Sym::try_from(sym).ok());
        let sla = sym(reader)?;
        let start = Timestamp(origin.0.wrapping_add(reader.zigzag()?));
        let instant = |reader: &mut Reader<'_>| Some(Timestamp(start.0.wrapping_add(reader.zigzag()?)));
        let deadline =
            if has(flag::REMAINING) { Deadline::Remaining(reader.zigzag()?) } else { Deadline::At(instant(reader)?) };
        let mut told = Told::new(sla, start, 0, deadline);
        let number =
            |bit: u64, otherwise: u32, reader: &mut Reader<'_>| if has(bit) { sym(reader) } else { Some(otherwise) };
        told.ordinal = number(flag::ORDINAL, 0, reader)?;
        told.started = Claim { count: number(flag::COUNT, 1, reader)?, stands: has(flag::STANDS) };
        told.late = has(flag::LATE);
        let breached = has(flag::BREACHED);
        told.breached = Claim { count: number(flag::BREACHES, u32::from(breached), reader)?, stands: breached };
        told.moves = number(flag::MOVES, 0, reader)?;
        for (bit, marks) in [(flag::RUNGS, &mut told.rungs), (flag::STEPS, &mut told.steps)] {
            if !has(bit) {
                continue;
            }
            for _ in 0..reader.count(6)? {
                let key = u32::from_le_bytes(reader.take(4)?.try_into().ok()?);
                let at = instant(reader)?;
                let packed = reader.varint()?;
                let claim = Claim { count: u32::try_from(packed >> 1).ok()?, stands: packed & 1 == 1 };
                marks.push(Mark { key, at, claim });
            }
        }
        if has(flag::PAUSES) {
            for _ in 0..reader.count(2)? {
                let from = instant(reader)?;
                let packed = reader.varint()?;
                let claim = Claim { count: u32::try_from(packed >> 2).ok()?, stands: packed & 2 != 0 };
                told.pauses.push(PauseTold { from, resumed: packed & 1 != 0, claim });
            }
        }
        if has(flag::OUTCOME) {
            let outcome = match reader.byte()? {
                0 => Outcome::Met,
                1 => Outcome::MetLate,
                2 => Outcome::Cancelled,
                _ => return None,
            };
            told.outcome = Some(OutcomeTold {
                outcome,
                at: instant(reader)?,
                owner: sym(reader)?,
                team: sym(reader)?,
                target: u32::from_le_bytes(reader.take(4)?.try_into().ok()?),
            });
        }
        told.outcomes = told.expected_outcomes();
        if has(flag::OUTCOMES) {
            for count in &mut told.outcomes {
                *count = sym(reader)?;
            }
        }
        if has(flag::PING_PONG) {
            let at = instant(reader)?;
            let packed = reader.varint()?;
            let claim = Claim { count: u32::try_from(packed >> 1).ok()?, stands: packed & 1 == 1 };
            told.ping_pong = Some(PingPongTold { at, claim });
        }
        Some(told)
    }
}
