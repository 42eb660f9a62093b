//! The packed lead: the bytes held in memory are the changelog value are the stored blob (DESIGN §1).
//!
//! ```text
//! version u8 | next_due i64 LE | lead id | hash count | hashes 8 B each | string count | lengths | bytes
//!            | fact count << 2, silent << 1, folded | folded prefix | facts | ledger | alarms
//! ```
//!
//! Counts and symbols are LEB128 varints, times are zigzag deltas, each string stands once and is named by its 1-based
//! position (0: absent); string 1 is the lead id, which stands before all else. Version 1 has a bare fact count and no prefix.
//! [`Lead`] is the decoded form: one reusable set of buffers.

use super::fold::Fold;
use super::folded::Folded;
use super::ledger::Told;
use super::rules::Rules;
use super::wire::{Reader, write_varint, write_zigzag};
use crate::event::{Event, FactKind};
use crate::policy::Disposition;
use crate::time::Timestamp;

/// The layout this build writes. Older ones are still read; fixtures of each are kept in `tests/data/records`.
pub const FORMAT_VERSION: u8 = 2;

/// The most facts of one lead that are kept one by one; beyond it the oldest settled ones are folded.
pub const MAX_FACTS: usize = 64;
/// The most ended clocks that a folded lead keeps, of those that nothing can change any more.
const MAX_ENDED: usize = 64;
/// Deliveries of folded facts that are still known as duplicates, the newest.
const MAX_FOLDED_HASHES: usize = 256;
/// A record above it is folded further than [`MAX_FACTS`] asks.
pub const ROOMY_BYTES: usize = 64 << 10;
/// A record may not grow beyond it by what an event says, so that it, and what is told of it, fit into a message of a broker.
pub const MAX_BYTES: usize = 128 << 10;

/// Bytes before the lead id: the version and `next_due`.
const HEADER_BYTES: usize = 9;

/// A string of the record's own table; 0 is "absent".
pub type Sym = u32;

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record's format version is {0}, this build reads up to {FORMAT_VERSION}")]
    NewerFormat(u8),
    #[error("the record is damaged at byte {0}")]
    Damaged(usize),
}

/// One fact of a lead, with its strings as symbols.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactRow {
    pub time: Timestamp,
    /// Append time of the event that told it.
    pub learnt: Timestamp,
    pub kind: FactKind,
    pub status: Sym,
    /// `Some(0)`: nobody holds the lead.
    pub owner: Option<Sym>,
    pub team: Option<Sym>,
    pub activity: Sym,
    pub automated: bool,
    pub into: Sym,
    pub reason: Sym,
    pub opportunity: Sym,
    pub currency: Sym,
    pub value: Option<f64>,
    /// Range in [`Lead::attributes`].
    pub attributes: (u32, u32),
}

/// A mass disposition that this lead completed, and that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub at: Timestamp,
    pub owner: Sym,
    pub disposition: Disposition,
}

/// A decoded record. Reused from lead to lead, so that decoding allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Lead {
    text: String,
    strings: Vec<(u32, u32)>,
    /// Hashes of the deliveries seen (`source`, `id`): those of [`Lead::facts`], each at its fact's place, then those of folded
    /// facts, the oldest first.
    pub hashes: Vec<u64>,
    /// What the oldest facts have left, where they are folded.
    pub folded: Option<Box<Folded>>,
    /// The last step told nothing, because the lead's state is not known.
    pub silent: bool,
    /// By event time; ties in order of arrival.
    pub facts: Vec<FactRow>,
    pub attributes: Vec<(Sym, Sym)>,
    pub ledger: Vec<Told>,
    pub alarms: Vec<Alarm>,
}

mod flag {
    pub const OWNER: u8 = 1 << 3;
    pub const TEAM: u8 = 1 << 4;
    pub const STATUS: u8 = 1 << 5;
    pub const ATTRIBUTES: u8 = 1 << 6;
    pub const MORE: u8 = 1 << 7;

    pub const ACTIVITY: u8 = 1;
    pub const AUTOMATED: u8 = 1 << 1;
    pub const INTO: u8 = 1 << 2;
    pub const REASON: u8 = 1 << 3;
    pub const OPPORTUNITY: u8 = 1 << 4;
    pub const CURRENCY: u8 = 1 << 5;
    pub const VALUE: u8 = 1 << 6;
    /// A kind beyond the eight that the head has room for.
    pub const LATER_KIND: u8 = 1 << 7;
}

/// Kinds that the head of a fact has room for.
const HEAD_KINDS: u8 = 8;

/// `next_due` without decoding the rest.
pub fn next_due(record: &[u8]) -> Timestamp {
    match record.get(1..HEADER_BYTES).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
        Some(bytes) => Timestamp(i64::from_le_bytes(bytes)),
        None => Timestamp::MAX,
    }
}

/// Writes another `next_due` into a record.
pub fn set_next_due(record: &mut [u8], due: Timestamp) {
    if let Some(bytes) = record.get_mut(1..HEADER_BYTES) {
        bytes.copy_from_slice(&due.0.to_le_bytes());
    }
}

/// The bytes of the lead id without decoding the rest; empty if the bytes are no record.
pub fn id_bytes(record: &[u8]) -> &[u8] {
    let read = || -> Option<&[u8]> {
        let mut reader = Reader::new(record.get(HEADER_BYTES..)?);
        let length = usize::try_from(reader.varint()?).ok()?;
        reader.take(length)
    };
    read().unwrap_or(&[])
}

/// The lead id without decoding the rest; empty if the bytes are no record.
pub fn lead_id(record: &[u8]) -> &str {
    std::str::from_utf8(id_bytes(record)).unwrap_or("")
}

impl Lead {
    /// Empties it for a lead that has no record yet.
    pub fn reset(&mut self, lead_id: &str) {
        self.clear();
        self.intern(lead_id);
    }

    fn clear(&mut self) {
        self.text.clear();
        self.strings.clear();
        self.hashes.clear();
        self.folded = None;
        self.silent = false;
        self.facts.clear();
        self.attributes.clear();
        self.ledger.clear();
        self.alarms.clear();
    }

    pub fn lead_id(&self) -> &str {
        self.str(1)
    }

    /// The text of a symbol; `""` for 0.
    pub fn str(&self, sym: Sym) -> &str {
        let Some(&(from, length)) = (sym as usize).checked_sub(1).and_then(|index| self.strings.get(index)) else {
            return "";
        };
        self.text.get(from as usize..(from + length) as usize).unwrap_or("")
    }

    /// The text of a symbol, `None` for 0.
    pub fn said(&self, sym: Sym) -> Option<&str> {
        (sym != 0).then(|| self.str(sym))
    }

    /// The symbol of a text, added to the table if it is new.
    pub fn intern(&mut self, text: &str) -> Sym {
        let found = self.find(text);
        if found != 0 {
            return found;
        }
        self.strings.push((self.text.len() as u32, text.len() as u32));
        self.text.push_str(text);
        self.strings.len() as Sym
    }

    /// The symbol of a text, 0 if the table lacks it.
    pub fn find(&self, text: &str) -> Sym {
        self.strings
            .iter()
            .position(|&(from, length)| {
                length as usize == text.len() && self.text.get(from as usize..(from + length) as usize) == Some(text)
            })
            .map_or(0, |index| index as Sym + 1)
    }

    /// Puts the event's fact where its event time belongs: behind all facts of the same or an earlier time.
    pub fn insert(&mut self, event: &Event<'_>, delivery: u64, learnt: Timestamp) {
        let fact = &event.fact;
        let from = self.attributes.len() as u32;
        for (name, value) in &fact.attributes {
            let pair = (self.intern(name), self.intern(value));
            self.attributes.push(pair);
        }
        let holder = |lead: &mut Self, text: &str| if text.is_empty() { 0 } else { lead.intern(text) };
        let sym = |lead: &mut Self, text: Option<&str>| text.map_or(0, |text| lead.intern(text));
        let opportunity = fact.opportunity.as_ref();
        let row = FactRow {
            time: event.time,
            learnt,
            kind: fact.kind,
            status: sym(self, fact.status.as_deref()),
            owner: fact.owner.as_deref().map(|text| holder(self, text)),
            team: fact.team.as_deref().map(|text| holder(self, text)),
            activity: sym(self, fact.activity.as_deref()),
            automated: fact.automated,
            into: sym(self, fact.into.as_deref()),
            reason: sym(self, fact.reason.as_deref()),
            opportunity: sym(self, opportunity.and_then(|o| o.id.as_deref())),
            currency: sym(self, opportunity.and_then(|o| o.currency.as_deref())),
            value: opportunity.and_then(|o| o.value),
            attributes: (from, self.attributes.len() as u32),
        };
        let at = self.facts.partition_point(|known| known.time <= row.time);
        self.facts.insert(at, row);
        self.hashes.insert(at.min(self.hashes.len()), delivery);
    }

    /// The attributes one fact names.
    pub fn attributes_of(&self, fact: &FactRow) -> &[(Sym, Sym)] {
        self.attributes.get(fact.attributes.0 as usize..fact.attributes.1 as usize).unwrap_or(&[])
    }

    /// When the newest fact arrived.
    pub fn last_learnt(&self) -> Timestamp {
        let folded = self.folded.iter().map(|folded| folded.learnt);
        self.facts.iter().map(|fact| fact.learnt).chain(folded).max().unwrap_or(Timestamp::MIN)
    }

    /// Event time of the newest of the folded facts: what is not after it cannot be inserted any more (SEMANTICS 12.42).
    pub fn folded_until(&self) -> Option<Timestamp> {
        self.folded.as_ref().map(|folded| folded.until)
    }

    /// Until when a lead is kept that has nothing left to be said and nothing open (SEMANTICS §3, 12.31); `None`: on and on.
    pub fn kept_until(&self, next_due: Timestamp, retention_ms: Option<i64>) -> Option<Timestamp> {
        let retention_ms = retention_ms.filter(|_| next_due == Timestamp::MAX)?;
        if self.silent || self.ledger.iter().any(Told::is_open) {
            return None;
        }
        let last = self.facts.last().map(|fact| fact.time).or(self.folded_until()).unwrap_or(Timestamp::MIN);
        Some(self.last_learnt().max(last).plus_ms(retention_ms))
    }

    /// How many facts are not after `at`.
    pub fn settled(&self, at: Timestamp) -> usize {
        self.facts.partition_point(|fact| fact.time <= at)
    }

    /// Folds the oldest facts, so that at most `keep` remain of those that are settled (not after `at`), and drops what they
    /// alone needed. Facts of one instant go together. Whether anything was folded.
    pub fn fold_away(&mut self, rules: &Rules, fold: &mut Fold, at: Timestamp, keep: usize, at_most: usize) -> bool {
        let settled = self.settled(at);
        let begins = |index: usize| self.facts.get(index).is_none_or(|fact| self.facts[index - 1].time < fact.time);
        let wanted = settled.saturating_sub(keep);
        let below = (1..=wanted).rev().find(|index| begins(*index)).unwrap_or(0);
        // Many facts of one instant: all of them go, if they are too many to stay.
        let count = if settled - below <= at_most {
            below
        } else {
            (wanted..=settled).find(|index| begins(*index)).unwrap_or(settled)
        };
        if count == 0 {
            return false;
        }
        for family in 0..rules.families() {
            self.intern(rules.family_name(family as u16));
        }
        let Some(folded) = fold.fold_away(rules, self, count, keep.saturating_mul(2).min(MAX_ENDED)) else {
            return false;
        };
        // What was taken back of a clock that the folded facts do not make can never be said again.
        if !self.silent {
            let mut ledger = std::mem::take(&mut self.ledger);
            ledger.retain_mut(|told| {
                let mut clocks = folded.clocks.iter().filter(|clock| self.str(clock.sla) == self.str(told.sla));
                let Some(clock) = clocks.find(|is| (is.clock.start, is.clock.ordinal) == (told.start, told.ordinal))
                else {
                    return told.start > folded.until;
                };
                let stands = |from: Timestamp| clock.clock.pauses.iter().any(|pause| pause.from == from);
                told.pauses.retain(|pause| pause.from > folded.until || stands(pause.from));
                true
            });
            self.ledger = ledger;
        }
        self.facts.drain(..count);
        let known = self.hashes.len();
        self.hashes.rotate_left(count.min(known));
        // Those folded now stand behind those folded before.
        let too_many = self.hashes.len().saturating_sub(self.facts.len() + MAX_FOLDED_HASHES);
        let from = self.facts.len().min(self.hashes.len());
        self.hashes.drain(from..from + too_many);
        self.folded = Some(Box::new(folded));
        self.renew_symbols();
        true
    }

    /// Leaves out the strings and attributes that nothing names any more.
    fn renew_symbols(&mut self) {
        let (text, strings) = (std::mem::take(&mut self.text), std::mem::take(&mut self.strings));
        let mut renewed: Vec<Sym> = vec![0; strings.len() + 1];
        let mut renew = |sym: &mut Sym| {
            let Some(&(from, length)) = (*sym as usize).checked_sub(1).and_then(|index| strings.get(index)) else {
                *sym = 0;
                return;
            };
            let new = &mut renewed[*sym as usize];
            if *new == 0 {
                self.strings.push((self.text.len() as u32, length));
                self.text.push_str(text.get(from as usize..(from + length) as usize).unwrap_or(""));
                *new = self.strings.len() as Sym;
            }
            *sym = *new;
        };
        // The lead id stays the first.
        renew(&mut 1);
        let attributes = std::mem::take(&mut self.attributes);
        for fact in &mut self.facts {
            let FactRow { status, activity, into, reason, opportunity, currency, .. } = fact;
            for sym in [status, activity, into, reason, opportunity, currency] {
                renew(sym);
            }
            for sym in [&mut fact.owner, &mut fact.team].into_iter().flatten() {
                renew(sym);
            }
            let (from, to) = fact.attributes;
            fact.attributes.0 = self.attributes.len() as u32;
            for &(mut name, mut value) in attributes.get(from as usize..to as usize).unwrap_or(&[]) {
                renew(&mut name);
                renew(&mut value);
                self.attributes.push((name, value));
            }
            fact.attributes.1 = self.attributes.len() as u32;
        }
        for told in &mut self.ledger {
            told.symbols_mut(&mut renew);
        }
        for alarm in &mut self.alarms {
            renew(&mut alarm.owner);
        }
        if let Some(folded) = &mut self.folded {
            folded.symbols_mut(&mut renew);
        }
    }

    /// Writes the record to `out` (which is emptied first).
    pub fn encode(&self, next_due: Timestamp, out: &mut Vec<u8>) {
        out.clear();
        out.push(FORMAT_VERSION);
        out.extend_from_slice(&next_due.0.to_le_bytes());
        write_text(out, self.lead_id());
        write_varint(out, self.hashes.len() as u64);
        for hash in &self.hashes {
            out.extend_from_slice(&hash.to_le_bytes());
        }
        let others = self.strings.len().saturating_sub(1);
        write_varint(out, others as u64);
        for (_, length) in self.strings.iter().skip(1) {
            write_varint(out, u64::from(*length));
        }
        // They stand in the order of their symbols, the lead id first.
        out.extend_from_slice(self.text.as_bytes().get(self.lead_id().len()..).unwrap_or(&[]));
        let state = u64::from(self.silent) << 1 | u64::from(self.folded.is_some());
        write_varint(out, (self.facts.len() as u64) << 2 | state);
        if let Some(folded) = &self.folded {
            folded.encode(out);
        }
        let mut previous = self.folded_until().map_or(0, |until| until.0);
        for fact in &self.facts {
            self.encode_fact(fact, &mut previous, out);
        }
        let origin = self.origin();
        write_varint(out, self.ledger.len() as u64);
        for told in &self.ledger {
            told.encode(origin, out);
        }
        // Most records end here.
        for alarm in &self.alarms {
            out.push(alarm.disposition as u8);
            write_zigzag(out, alarm.at.0.wrapping_sub(origin.0));
            write_varint(out, u64::from(alarm.owner));
        }
    }

    /// What the ledger's instants are counted from.
    fn origin(&self) -> Timestamp {
        self.folded_until().or(self.facts.first().map(|fact| fact.time)).unwrap_or(Timestamp(0))
    }

    fn encode_fact(&self, fact: &FactRow, previous: &mut i64, out: &mut Vec<u8>) {
        let attributes = self.attributes_of(fact);
        let mut more = 0;
        for (set, bit) in [
            (fact.activity != 0, flag::ACTIVITY),
            (fact.automated, flag::AUTOMATED),
            (fact.into != 0, flag::INTO),
            (fact.reason != 0, flag::REASON),
            (fact.opportunity != 0, flag::OPPORTUNITY),
            (fact.currency != 0, flag::CURRENCY),
            (fact.value.is_some(), flag::VALUE),
            (fact.kind as u8 >= HEAD_KINDS, flag::LATER_KIND),
        ] {
            more |= if set { bit } else { 0 };
        }
        let mut head = fact.kind as u8 % HEAD_KINDS;
        for (set, bit) in [
            (fact.owner.is_some(), flag::OWNER),
            (fact.team.is_some(), flag::TEAM),
            (fact.status != 0, flag::STATUS),
            (!attributes.is_empty(), flag::ATTRIBUTES),
            (more != 0, flag::MORE),
        ] {
            head |= if set { bit } else { 0 };
        }
        out.push(head);
        if more != 0 {
            out.push(more);
        }
        write_zigzag(out, fact.time.0.wrapping_sub(*previous));
        *previous = fact.time.0;
        write_zigzag(out, fact.learnt.0.wrapping_sub(fact.time.0));
        for sym in [fact.owner, fact.team].into_iter().flatten() {
            write_varint(out, u64::from(sym));
        }
        for sym in [fact.status, fact.activity, fact.into, fact.reason, fact.opportunity, fact.currency] {
            if sym != 0 {
                write_varint(out, u64::from(sym));
            }
        }
        if let Some(value) = fact.value {
            out.extend_from_slice(&value.to_le_bytes());
        }
        if !attributes.is_empty() {
            write_varint(out, attributes.len() as u64);
            for (name, value) in attributes {
                write_varint(out, u64::from(*name));
                write_varint(out, u64::from(*value));
            }
        }
    }

    /// Reads a record into these buffers.
    ///
    /// # Errors
    /// [`RecordError`] where the bytes are not a whole record of a known version; the buffers are then of no use.
    pub fn decode(&mut self, record: &[u8]) -> Result<(), RecordError> {
        self.clear();
        let version = match record.first() {
            Some(&version @ 1..=FORMAT_VERSION) if record.len() >= HEADER_BYTES => version,
            Some(&version) if version > FORMAT_VERSION => return Err(RecordError::NewerFormat(version)),
            _ => return Err(RecordError::Damaged(0)),
        };
        let mut reader = Reader::new(&record[HEADER_BYTES..]);
        self.decode_body(version, &mut reader).ok_or(RecordError::Damaged(HEADER_BYTES + reader.position()))
    }

    fn decode_body(&mut self, version: u8, reader: &mut Reader<'_>) -> Option<()> {
        let length = reader.count(1)?;
        self.strings.push((0, length as u32));
        self.text.push_str(std::str::from_utf8(reader.take(length)?).ok()?);
        let hashes = reader.count(8)?;
        for chunk in reader.take(hashes * 8)?.chunks_exact(8) {
            self.hashes.push(u64::from_le_bytes(chunk.try_into().ok()?));
        }
        let strings = reader.count(1)?;
        let from = self.text.len();
        let mut end = from;
        for _ in 0..strings {
            let length = reader.count(1)?;
            self.strings.push((end as u32, length as u32));
            end += length;
        }
        self.text.push_str(std::str::from_utf8(reader.take(end - from)?).ok()?);
        if self.strings.iter().any(|(from, _)| !self.text.is_char_boundary(*from as usize)) {
            return None;
        }
        let (facts, state) = if version == 1 {
            (reader.count(3)?, 0)
        } else {
            let packed = reader.varint()?;
            (reader.fits(packed >> 2, 3)?, packed & 0b11)
        };
        self.silent = state & 0b10 != 0;
        if state & 1 != 0 {
            self.folded = Some(Box::new(Folded::decode(self.strings.len() as u64, reader)?));
        }
        let mut previous = self.folded_until().map_or(0, |until| until.0);
        for _ in 0..facts {
            let fact = self.decode_fact(&mut previous, reader)?;
            self.facts.push(fact);
        }
        let origin = self.origin();
        let clocks = reader.count(3)?;
        for _ in 0..clocks {
            self.ledger.push(Told::decode(origin, reader)?);
        }
        while !reader.is_empty() {
            let disposition = *Disposition::ALL.get(usize::from(reader.byte()?))?;
            let at = Timestamp(origin.0.wrapping_add(reader.zigzag()?));
            let owner = reader.varint().filter(|sym| *sym <= self.strings.len() as u64)? as Sym;
            self.alarms.push(Alarm { at, owner, disposition });
        }
        Some(())
    }

    fn decode_fact(&mut self, previous: &mut i64, reader: &mut Reader<'_>) -> Option<FactRow> {
        let head = reader.byte()?;
        let more = if head & flag::MORE != 0 { reader.byte()? } else { 0 };
        let time = previous.wrapping_add(reader.zigzag()?);
        *previous = time;
        let learnt = time.wrapping_add(reader.zigzag()?);
        let table = self.strings.len() as u64;
        let mut sym = |present: bool| -> Option<Sym> {
            if !present {
                return Some(0);
            }
            reader.varint().filter(|sym| *sym <= table).map(|sym| sym as Sym)
        };
        let has = |bit: u8| head & bit != 0;
        let also = |bit: u8| more & bit != 0;
        let owner = sym(has(flag::OWNER))?;
        let team = sym(has(flag::TEAM))?;
        let mut fact = FactRow {
            time: Timestamp(time),
            learnt: Timestamp(learnt),
            kind: kind_of(head & 0b111, also(flag::LATER_KIND))?,
            status: sym(has(flag::STATUS))?,
            owner: has(flag::OWNER).then_some(owner),
            team: has(flag::TEAM).then_some(team),
            activity: sym(also(flag::ACTIVITY))?,
            automated: also(flag::AUTOMATED),
            into: sym(also(flag::INTO))?,
            reason: sym(also(flag::REASON))?,
            opportunity: sym(also(flag::OPPORTUNITY))?,
            currency: sym(also(flag::CURRENCY))?,
            value: None,
            attributes: (0, 0),
        };
        if also(flag::VALUE) {
            fact.value = Some(f64::from_le_bytes(reader.take(8)?.try_into().ok()?));
        }
        if has(flag::ATTRIBUTES) {
            let from = self.attributes.len() as u32;
            for _ in 0..reader.count(2)? {
                let pair = (reader.varint()?, reader.varint()?);
                if pair.0 > table || pair.1 > table {
                    return None;
                }
                self.attributes.push((pair.0 as Sym, pair.1 as Sym));
            }
            fact.attributes = (from, self.attributes.len() as u32);
        }
        Some(fact)
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn kind_of(bits: u8, later: bool) -> Option<FactKind> {
    let index = if later { bits + HEAD_KINDS } else { bits };
    FactKind::ALL.into_iter().find(|kind| *kind as u8 == index)
}
