//! Recorded events through the engine on their own time, without side effects (SEMANTICS §6, last paragraph).
//!
//! The append time of an event is its `recordedtime`, else its `time`; the watermark is the largest seen so far, and at the
//! end it moves to `until`.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use crate::engine::{Applied, Options, Outbox, Progress, Rules, Shard};
use crate::event::{Event, MAX_EVENT_BYTES, Reason, Rejection};
use crate::policy::Policy;
use crate::time::Timestamp;

/// What became of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Facts that changed nothing are accepted too.
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    /// Appended after `until`: not read.
    pub after_until: u64,
}

/// Takes the notices of each turn, in order.
pub type TakeNotices<'t> = dyn FnMut(&Outbox) -> io::Result<()> + 't;

/// A replay under way.
pub struct Replay {
    shard: Shard,
    pub counts: Counts,
    /// Events are counted from 1, in order of arrival.
    position: u64,
    until: Option<Timestamp>,
    last: Timestamp,
    pub notices: BTreeMap<&'static str, u64>,
    pub passed_over: u64,
}

/// Events of one turn, and timers that fire in one: bounds the memory that notices take before they are handed on.
const TURN: u64 = 256;

impl Replay {
    /// `until` bounds what is read and is where the watermark ends; by default it ends at the last event.
    pub fn new(policy: Policy, until: Option<Timestamp>, future_tolerance_ms: i64) -> Self {
        let policy = Arc::new(policy.from_the_beginning());
        // It drops nothing, so that recorded events may come in whatever order a file has them.
        let options = Options { future_tolerance_ms, retention_ms: None, max_facts: None };
        Replay {
            shard: Shard::new(policy, options, &["events"]),
            counts: Counts::default(),
            position: 0,
            until,
            last: Timestamp::MIN,
            notices: BTreeMap::new(),
            passed_over: 0,
        }
    }

    /// For who only counts notices: they are handed on without their JSON, which is a fifth of the time.
    pub fn wordless(mut self) -> Self {
        self.shard.be_wordless();
        self
    }

    /// For who asks for no notice, and not what was told when: no timer fires and nothing is settled before the end. What the
    /// leads' facts make of their clocks is the same, and so is a report.
    pub fn facts_only(mut self) -> Self {
        self.shard.keep_facts_only();
        self
    }

    /// Applies one event, or counts its refusal. The refusal is given back.
    ///
    /// # Errors
    /// Where `take` fails.
    pub fn event(
        &mut self,
        event: Result<Event<'_>, Rejection>,
        take: &mut TakeNotices<'_>,
    ) -> io::Result<Option<Rejection>> {
        match event {
            Ok(ref event) => self.apply(event, take),
            Err(rejection) => {
                self.position += 1;
                Ok(Some(self.reject(rejection)))
            }
        }
    }

    /// The same of an event that could be read.
    ///
    /// # Errors
    /// Where `take` fails.
    pub fn apply(&mut self, event: &Event<'_>, take: &mut TakeNotices<'_>) -> io::Result<Option<Rejection>> {
        self.position += 1;
        let append = event.recorded_time.unwrap_or(event.time);
        if self.until.is_some_and(|until| append > until) {
            self.counts.after_until += 1;
            return Ok(None);
        }
        self.last = self.last.max(append);
        self.advance(append, take)?;
        let applied = self.shard.apply(event, append, (0, self.position));
        if self.position.is_multiple_of(TURN) {
            self.hand_on(take)?;
        }
        match applied {
            Ok(Applied::Accepted) => self.counts.accepted += 1,
            Ok(Applied::Duplicate) => self.counts.duplicate += 1,
            Err(rejection) => return Ok(Some(self.reject(rejection))),
        }
        Ok(None)
    }

    /// Says which leads the next events are about ([`Shard::warm`]).
    pub fn warm(&self, lead_ids: &[&str]) {
        if !lead_ids.is_empty() {
            self.shard.warm(lead_ids.iter().copied());
        }
    }

    fn reject(&mut self, rejection: Rejection) -> Rejection {
        *self.counts.rejected.entry(rejection.reason.name()).or_default() += 1;
        rejection
    }

    fn hand_on(&mut self, take: &mut TakeNotices<'_>) -> io::Result<()> {
        let turn = self.shard.turn();
        for notice in &turn.outbox.notices {
            *self.notices.entry(notice.kind.name()).or_default() += 1;
        }
        self.passed_over += turn.passed_over;
        take(&turn.outbox)?;
        self.shard.commit();
        Ok(())
    }

    /// Where time has come to, for a history that goes on after its last event.
    pub fn pass_to(&mut self, instant: Timestamp) {
        self.last = self.last.max(instant);
    }

    /// Moves the watermark to the end. The instant of the end.
    ///
    /// # Errors
    /// Where `take` fails.
    pub fn finish(&mut self, take: &mut TakeNotices<'_>) -> io::Result<Timestamp> {
        let end = self.until.unwrap_or(self.last);
        self.advance(end, take)?;
        self.hand_on(take)?;
        Ok(end)
    }

    fn advance(&mut self, to: Timestamp, take: &mut TakeNotices<'_>) -> io::Result<()> {
        while self.shard.advance(to, TURN as usize) == Progress::More {
            self.hand_on(take)?;
        }
        Ok(())
    }

    pub fn rules(&self) -> &Rules {
        self.shard.rules()
    }

    pub fn shard(&self) -> &Shard {
        &self.shard
    }
}

/// A line with its place, from 1, or why it was refused.
pub type Line<'l> = (u64, Result<&'l [u8], Rejection>);

/// Reads lines that are not blank, one event each, without ever holding more than one of them. Tolerates CRLF and a byte
/// order mark at the start.
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    begun: bool,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Lines { reader, line: Vec::new(), begun: false, number: 0 }
    }

    /// The next line with its place, from 1, or the refusal of one that is too long to be kept; `None` at the end.
    ///
    /// # Errors
    /// Where the reader fails.
    #[allow(clippy::should_implement_trait, reason = "it lends its buffer, as no iterator can")]
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let Some(length) = self.fill()? else { return Ok(None) };
            self.number += 1;
            if length > MAX_EVENT_BYTES {
                let detail = format!("the line has {length} bytes, more than the {MAX_EVENT_BYTES} allowed");
                return Ok(Some((self.number, Err(Rejection { reason: Reason::TooLarge, detail, id: None }))));
            }
            if !std::mem::replace(&mut self.begun, true) && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(self.line.trim_ascii()))));
            }
        }
    }

    /// Takes a line into the buffer, up to what an event may have; the length of the whole of it.
    fn fill(&mut self) -> io::Result<Option<usize>> {
        self.line.clear();
        let mut length = 0;
        loop {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                return Ok((length > 0).then_some(length));
            }
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            // One byte more than allowed tells that it is too long.
            let room = (MAX_EVENT_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            length += part.len();
            let used = end.map_or(part.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(length));
            }
        }
    }
}
