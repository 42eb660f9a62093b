//! A restored shard at work: what was read -> the shard, and the turn that its transaction must keep.

use std::borrow::Cow;
use std::sync::Arc;

use super::changelog::{self, FORMAT, META, Meta, POLICY};
use super::contents::Restored;
use super::dead_letters;
use super::progress::{Progress, Queued};
use super::transaction::Outgoing;
use crate::config::Kafka;
use crate::embedded::turn::Tally;
use crate::engine::{self, NoticeKind, Shard};
use crate::event::{self, Event, Fact, FactKind, Reason, Rejection};
use crate::metrics::EventResult;
use crate::policy::{Policy, kept};
use crate::time::{MINUTE_MS, Timestamp};
use crate::view::NotAdopted;

/// A larger event is refused, and no more of a refused one is kept: a dead letter must fit into what clients and brokers take by
/// default, 1 MB.
pub const MAX_EVENT_BYTES: usize = 900_000;
/// After so long without anything else to keep, the watermark is kept.
const KEEP_WATERMARK_MS: i64 = MINUTE_MS;

/// How much a shard takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Timers of one turn at most: a tenth of a second's work, so that a million due at once does not stop the intake.
    pub fires: usize,
    /// Events of one turn at most.
    pub events: usize,
    /// An input that has so many waiting for another one is paused, and read on when half of them are gone.
    pub waiting: usize,
}

impl Default for Room {
    fn default() -> Self {
        Room { fires: 5_000, events: 10_000, waiting: 50_000 }
    }
}

/// A consumed record, copied out of the client's buffers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Box<[u8]>>,
    pub payload: Option<Box<[u8]>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    fn bytes(&self) -> usize {
        let whole = |part: &Option<Box<[u8]>>| part.as_ref().map_or(0, |part| part.len());
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        whole(&self.key) + whole(&self.payload) + headers.sum::<usize>()
    }

    fn header(&self, prefix: &str, name: &str) -> Option<&str> {
        let named = |key: &str| {
            let rest = key.get(prefix.len()..).filter(|_| key[..prefix.len()].eq_ignore_ascii_case(prefix));
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(name))
        };
        let (_, value) = self.headers.iter().find(|(key, _)| named(key))?;
        std::str::from_utf8(value).ok()
    }

    /// The event, whose lead must be the key's: else it lies in a shard where nobody looks for it.
    ///
    /// # Errors
    /// The refusal, for the dead letters.
    pub fn decode(&self, place: impl FnOnce() -> String, append: Timestamp) -> Result<Event<'_>, Rejection> {
        let refuse = |reason, detail: &str| Err(Rejection { reason, detail: detail.to_owned(), id: None });
        let key = match self.key.as_deref().map(std::str::from_utf8) {
            Some(Ok(key)) => key,
            Some(Err(_)) => {
                return refuse(Reason::KeyMismatch, "key: expected the lead's id, found bytes that are no UTF-8");
            }
            None => return refuse(Reason::KeyMismatch, "key: expected the lead's id, found none"),
        };
        let Some(payload) = &self.payload else {
            let (source, id) = (Cow::Borrowed("kafka"), Cow::Owned(place()));
            let fact = Fact::new(FactKind::Deleted);
            return match key {
                "" => refuse(Reason::MissingLeadId, "key: expected the lead's id, found an empty one"),
                _ => Ok(Event { source, id, lead_id: Cow::Borrowed(key), time: append, recorded_time: None, fact }),
            };
        };
        if payload.len() > MAX_EVENT_BYTES {
            return refuse(
                Reason::TooLarge,
                &format!("expected at most {MAX_EVENT_BYTES} bytes, found {}", payload.len()),
            );
        }
        let structured =
            self.header("", "content-type").is_some_and(|kind| kind.starts_with("application/cloudevents"));
        let decoded = if !structured && self.header("ce_", "specversion").is_some() {
            let header = |name: &str| match name {
                "datacontenttype" => self.header("", "content-type"),
                _ => self.header("ce_", name),
            };
            event::decode_binary_plain(&header, payload)?
        } else {
            event::decode(payload)?
        };
        if decoded.lead_id != key {
            let detail = format!("key: expected lead_id {:?}, found {key:?}", decoded.lead_id);
            return Err(Rejection { reason: Reason::KeyMismatch, detail, id: Some(decoded.id.to_string()) });
        }
        Ok(decoded)
    }
}

/// What was refused, for its topic.
#[derive(Debug)]
struct Dead {
    input: usize,
    /// In `applied`.
    at: usize,
    rejection: Rejection,
}

pub struct Running {
    pub partition: i32,
    partitions: u32,
    room: Room,
    pub shard: Shard,
    pub progress: Progress<Record>,
    /// Of the open turn, so that it can be undone.
    applied: Vec<(usize, Queued<Record>)>,
    dead: Vec<Dead>,
    tally: Tally,
    next: Vec<i64>,
    kept: Timestamp,
    /// The policy must be written with the next turn.
    keep_policy: bool,
    /// The policy differs in versions that governed clocks, and what that changes is not told to the end.
    promises_changed: bool,
    /// Open leads are settled by it up to this slot.
    resettle: Option<u32>,
    pub backlog: bool,
    /// By input: the client's position when reading began. It may be of an earlier assignment, and says nothing.
    stale: Vec<Option<i64>>,
    /// By input: reading is paused, because too much waits for the others.
    paused: Vec<bool>,
    /// The others are told where it is, in its next transaction.
    pub announces: bool,
}

impl Running {
    /// `stale`: by input, the client's position before anything was read.
    pub fn new(
        (partition, partitions): (i32, u32),
        restored: Restored,
        (skew_ms, room): (i64, Room),
        stale: Vec<Option<i64>>,
    ) -> Self {
        let inputs = restored.next.len();
        Running {
            partition,
            partitions,
            room,
            progress: Progress::new(&restored.next, skew_ms),
            applied: Vec::new(),
            dead: Vec::new(),
            tally: Tally::default(),
            next: restored.next,
            kept: restored.shard.watermark(),
            keep_policy: restored.keep_policy,
            promises_changed: restored.promises_changed,
            resettle: restored.promises_changed.then_some(0),
            shard: restored.shard,
            backlog: false,
            stale,
            paused: vec![false; inputs],
            announces: false,
        }
    }

    /// Whether another policy can be taken.
    ///
    /// # Errors
    /// Where it cannot, and why.
    pub fn may_adopt(&self, policy: &Policy) -> Result<(), NotAdopted> {
        if self.promises_changed {
            return Err(NotAdopted::Busy("what an accepted change of the policy moves is still being told".to_owned()));
        }
        let now = kept::versions(self.shard.policy());
        // Where there is no lead, nothing was promised yet.
        let differs = self.shard.lead_count() > 0;
        match differs.then(|| kept::difference(&now, policy, self.shard.watermark())).flatten() {
            Some(difference) => Err(NotAdopted::Governed(difference)),
            None => Ok(()),
        }
    }

    /// Takes it, between two turns; the changelog gets it with the next one, before anything that is told by it.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        self.shard.adopt(policy);
        self.keep_policy = true;
    }

    /// The client says that it has passed everything below this offset.
    pub fn reached(&mut self, input: usize, offset: i64) {
        if self.stale.get(input) != Some(&Some(offset)) {
            self.progress.reached(input, offset);
        }
    }

    /// By input, whether its reading must change: `true` to pause it, `false` to go on.
    pub fn pauses(&mut self) -> Vec<(usize, bool)> {
        let mut changes = Vec::new();
        for (input, paused) in self.paused.iter_mut().enumerate() {
            let waiting = self.progress.waiting_of(input);
            let change = if *paused { waiting < self.room.waiting / 2 } else { waiting > self.room.waiting };
            if change {
                *paused = !*paused;
                changes.push((input, *paused));
            }
        }
        changes
    }

    pub fn is_paused(&self, input: usize) -> bool {
        self.paused.get(input).copied().unwrap_or(false)
    }

    /// Applies what can be applied, fires what is due: as much as a turn has room for. `limit`: beyond it time has not come.
    ///
    /// # Errors
    /// Where a stored record is damaged, for the operator.
    pub fn step(&mut self, inputs: &[String], limit: Timestamp) -> Result<(), String> {
        if let Some(slot) = self.resettle {
            self.resettle = self.shard.resettle(slot, 2_000).map_err(|error| error.to_string())?;
            self.backlog = true;
            return Ok(());
        }
        self.backlog = false;
        while self.applied.len() < self.room.events {
            let Some((input, queued)) = self.progress.pop() else { break };
            // Timers of other leads that there is no room for may be left: the shard tells what the record's own lead had due first.
            self.pass_to(queued.append);
            self.apply(inputs, input, queued);
        }
        self.backlog |= self.applied.len() >= self.room.events;
        if let Some(watermark) = self.progress.watermark() {
            self.pass_to(watermark.min(limit));
        }
        Ok(())
    }

    /// Fires what is due before `to`, as far as the turn has room.
    fn pass_to(&mut self, to: Timestamp) {
        let room = self.room.fires.saturating_sub(usize::try_from(self.shard.turn().fired).unwrap_or(usize::MAX));
        let done = self.shard.advance(to, room) == engine::Progress::Done;
        self.backlog |= !done;
    }

    fn apply(&mut self, inputs: &[String], input: usize, queued: Queued<Record>) {
        let topic = inputs.get(input).map_or("", String::as_str);
        let place = || format!("{topic}/{}/{}", self.partition, queued.offset);
        let decoded = queued.record.decode(place, queued.stamp);
        let kind = decoded.as_ref().ok().map(|event| event.fact.kind);
        let position = (input, u64::try_from(queued.offset).unwrap_or(0));
        let outcome = decoded.and_then(|event| self.shard.apply(&event, queued.append, position));
        let result = match outcome {
            Ok(engine::Applied::Accepted) => EventResult::Accepted,
            Ok(engine::Applied::Duplicate) => EventResult::Duplicate,
            Err(rejection) => {
                self.tally.dead.push(rejection.reason.name());
                self.dead.push(Dead { input, at: self.applied.len(), rejection });
                EventResult::Rejected
            }
        };
        self.tally.count(kind, result);
        self.applied.push((input, queued));
    }

    /// Whether the open turn must be made durable.
    pub fn has_something(&self) -> bool {
        let old = self.kept != Timestamp::MIN && self.shard.watermark().since_ms(self.kept) >= KEEP_WATERMARK_MS;
        old || self.keep_policy
            || self.announces
            || !self.applied.is_empty()
            || !self.shard.turn().outbox.notices.is_empty()
            || self.shard.changed().next().is_some()
            || self.progress.next().ne(self.next.iter().copied())
    }

    /// Whether it has no more room.
    pub fn is_full(&self) -> bool {
        self.applied.len() >= self.room.events || self.shard.turn().fired >= self.room.fires as u64
    }

    /// By input, the offset that the turn's transaction commits.
    pub fn next(&self) -> impl Iterator<Item = i64> {
        self.progress.next()
    }

    pub fn events(&self) -> usize {
        self.applied.len()
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Hands everything that the turn must keep to `send`, which puts it into the open transaction.
    ///
    /// # Errors
    /// The first of `send`.
    pub fn write<E>(&self, kafka: &Kafka, send: &mut impl FnMut(&Outgoing<'_>) -> Result<(), E>) -> Result<(), E> {
        let topics = &kafka.topics;
        let outbox = &self.shard.turn().outbox;
        let json: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents+json; charset=UTF-8")];
        for notice in &outbox.notices {
            let topic = match notice.kind {
                NoticeKind::Reminder => &topics.reminders,
                NoticeKind::Breached | NoticeKind::Escalated | NoticeKind::Retracted => &topics.breaches,
                _ => &topics.outcomes,
            };
            let (key, value) = (Some(outbox.lead_id(notice).as_bytes()), Some(outbox.json(notice)));
            send(&Outgoing { topic, partition: None, key, value, headers: &json })?;
        }
        let mut changelog = |key: &[u8], value: Option<&[u8]>| {
            let (topic, partition) = (&topics.changelog, Some(self.partition));
            send(&Outgoing { topic, partition, key: Some(key), value, headers: &[] })
        };
        let mut key = Vec::new();
        for (lead_id, record) in self.shard.changed() {
            changelog::lead_key(lead_id, &mut key);
            changelog(&key, record)?;
        }
        if self.keep_policy && self.resettle.is_none() {
            // Of texts and numbers, as the meta record: it can always be written.
            let policy = kept::versions(self.shard.policy());
            changelog(POLICY, Some(&serde_json::to_vec(&policy).unwrap_or_default()))?;
        }
        let meta = Meta {
            format: FORMAT,
            partitions: self.partitions,
            watermark_ms: self.shard.watermark().ms(),
            next: kafka.inputs.iter().cloned().zip(self.progress.next()).collect(),
            applied: kafka.inputs.iter().cloned().zip(self.shard.positions().iter().map(|(_, at)| *at)).collect(),
        };
        changelog(META, Some(&serde_json::to_vec(&meta).unwrap_or_default()))?;
        self.dead.iter().try_for_each(|dead| self.bury(kafka, dead, send))
    }

    fn bury<E>(
        &self,
        kafka: &Kafka,
        dead: &Dead,
        send: &mut impl FnMut(&Outgoing<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((_, queued)) = self.applied.get(dead.at) else { return Ok(()) };
        let topic = kafka.inputs.get(dead.input).map_or("", String::as_str);
        let (partition, offset) = (self.partition.to_string(), queued.offset.to_string());
        let own: [(&str, &[u8]); 5] = [
            (dead_letters::REASON, dead.rejection.reason.name().as_bytes()),
            (dead_letters::DETAIL, dead.rejection.detail.as_bytes()),
            (dead_letters::TOPIC, topic.as_bytes()),
            (dead_letters::PARTITION, partition.as_bytes()),
            (dead_letters::OFFSET, offset.as_bytes()),
        ];
        // Of a record that is too large key and value are kept before headers.
        let mut room = MAX_EVENT_BYTES;
        let mut cut = |bytes: &'_ [u8]| {
            let kept = bytes.len().min(room);
            room -= kept;
            kept
        };
        let record = &queued.record;
        let key = record.key.as_deref().map(|key| &key[..cut(key)]);
        let value = record.payload.as_deref().map(|payload| &payload[..cut(payload)]);
        let mut headers: Vec<(&str, &[u8])> = own.into();
        if record.bytes() > MAX_EVENT_BYTES {
            headers.push((dead_letters::CUT, b"true"));
        }
        for (name, value) in &record.headers {
            if cut(name.as_bytes()) == name.len() {
                headers.push((name, &value[..cut(value)]));
            }
        }
        send(&Outgoing { topic: &kafka.topics.dead_letters, partition: None, key, value, headers: &headers })
    }

    pub fn commit(&mut self) {
        self.announces = false;
        self.keep_policy &= self.resettle.is_some();
        self.promises_changed &= self.resettle.is_some();
        self.next = self.progress.next().collect();
        self.kept = self.shard.watermark();
        self.shard.commit();
        self.begin();
    }

    /// Nothing was to be kept.
    pub fn pass(&mut self) {
        self.shard.commit();
    }

    /// As it was before the turn; what was applied waits again.
    pub fn undo(&mut self) {
        self.shard.undo();
        for (input, queued) in std::mem::take(&mut self.applied).into_iter().rev() {
            self.progress.unpop(input, queued);
        }
        if self.promises_changed {
            self.resettle = Some(0);
        }
        self.begin();
    }

    fn begin(&mut self) {
        self.applied.clear();
        self.dead.clear();
        self.tally = Tally::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"crm","type":"lead.created","time":"2026-12-01T12:00:00Z","data":{"lead_id":"L1"}}"#;

    fn record(key: Option<&str>, payload: Option<&str>) -> Record {
        let boxed = |text: &str| Box::from(text.as_bytes());
        Record { key: key.map(boxed), payload: payload.map(boxed), headers: Vec::new() }
    }

    fn reason(record: &Record) -> Option<Reason> {
        record.decode(|| "t/0/1".to_owned(), Timestamp::from_ms(5)).err().map(|rejection| rejection.reason)
    }

    #[test]
    fn a_key_that_is_not_the_lead_is_refused() {
        assert_eq!(reason(&record(Some("L1"), Some(EVENT))), None);
        assert_eq!(reason(&record(Some("L2"), Some(EVENT))), Some(Reason::KeyMismatch));
        assert_eq!(reason(&record(None, Some(EVENT))), Some(Reason::KeyMismatch));
        let binary = Record { key: Some(Box::from(&b"\xff"[..])), ..record(None, Some(EVENT)) };
        assert_eq!(reason(&binary), Some(Reason::KeyMismatch));
    }

    #[test]
    fn a_record_without_value_deletes_its_lead_at_its_append_time() {
        let tombstone = record(Some("L1"), None);
        let event = tombstone.decode(|| "t/0/7".to_owned(), Timestamp::from_ms(5)).expect("an event");
        assert_eq!(
            (event.fact.kind, event.lead_id.as_ref(), event.time),
            (FactKind::Deleted, "L1", Timestamp::from_ms(5))
        );
        assert_eq!(event.id, "t/0/7");
    }

    #[test]
    fn binary_mode_has_its_attributes_in_the_headers() {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut binary = record(Some("L1"), Some(r#"{"lead_id":"L1","status":"new"}"#));
        binary.headers = vec![
            header("ce_specversion", "1.0"),
            header("ce_id", "9"),
            header("ce_source", "crm"),
            header("ce_type", "lead.created"),
            header("ce_time", "2026-12-01T12:00:00Z"),
            header("content-type", "application/json"),
        ];
        let event = binary.decode(|| "t/0/7".to_owned(), Timestamp::from_ms(5)).expect("an event");
        assert_eq!((event.id.as_ref(), event.fact.kind), ("9", FactKind::Created));
    }

    #[test]
    fn an_event_that_no_dead_letter_could_hold_is_refused() {
        let large = "x".repeat(MAX_EVENT_BYTES + 1);
        assert_eq!(reason(&record(Some("L1"), Some(&large))), Some(Reason::TooLarge));
    }

    const POLICY: &str = "[agreement]\nname = \"Test\"\neffective_from = \"2020-01-01T00:00:00Z\"\ntimezone = \"UTC\"\n\
        [[status]]\nname = \"qualified\"\ndisposition = \"qualified\"\n\
        [[sla]]\nname = \"sla\"\nstart = { on = \"created\" }\nstop = { disposition = \"any\" }\n[[sla.target]]\nwithin = \"1 hour\"\n";

    /// What the open turn tells, as `kind lead`.
    fn told(running: &Running) -> Vec<String> {
        let outbox = &running.shard.turn().outbox;
        outbox.notices.iter().map(|notice| format!("{} {}", notice.kind.name(), outbox.lead_id(notice))).collect()
    }

    #[test]
    fn many_timers_due_at_once_do_not_hold_the_events_that_come_after_them() {
        let policy = policy::parse("test.toml", POLICY, &|_| Ok(String::new())).expect("a policy");
        let shard = Shard::new(Arc::new(policy), engine::Options::default(), &["a/0"]);
        let restored = Restored { shard, next: vec![0], records: 0, keep_policy: false, promises_changed: false };
        let room = Room { fires: 1, ..Room::default() };
        let mut running = Running::new((0, 1), restored, (0, room), vec![None]);
        let noon: Timestamp = "2026-12-01T12:00:00Z".parse().expect("an instant");
        let mut next = 0;
        let mut push = |running: &mut Running, kind: &str, lead: &str, minutes: i64, more: &str| {
            let time = noon.plus_ms(minutes * MINUTE_MS);
            let event = format!(
                r#"{{"specversion":"1.0","id":"{next}","source":"crm","type":"{kind}","time":"{time}","data":{{"lead_id":"{lead}"{more}}}}}"#
            );
            running.progress.push(0, time, next, record(Some(lead), Some(&event)));
            next += 1;
        };
        for lead in ["L1", "L2", "L3", "L4"] {
            push(&mut running, "lead.created", lead, 0, "");
        }
        running.step(&["a".to_owned()], Timestamp::MAX).expect("a turn");
        running.commit();
        push(&mut running, "lead.created", "L9", 90, "");
        push(&mut running, "lead.status_changed", "L4", 90, r#","to":"qualified""#);
        running.step(&["a".to_owned()], Timestamp::MAX).expect("a turn");
        // Of the four that are due one has room; the lead that an event is about is told first what it had due.
        let first = ["sla.breached L1", "sla.started L9", "sla.breached L4", "sla.met_late L4"];
        assert_eq!((told(&running), running.backlog), (first.map(str::to_owned).to_vec(), true));
        running.commit();
        for (lead, backlog) in [("L2", true), ("L3", false)] {
            running.step(&["a".to_owned()], Timestamp::MAX).expect("a turn");
            assert_eq!((told(&running), running.backlog), (vec![format!("sla.breached {lead}")], backlog));
            running.commit();
        }
    }
}
