//! Notices: what the engine says, as CloudEvents with derived ids (SEMANTICS §7, INTERFACE "Output events").
//!
//! The types here are the contract: `schemas/` is generated from them, and they write the JSON.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use super::json::{WriteJson, write_object};
use super::ledger::Outcome;
use crate::policy::Version;
use crate::time::Timestamp;

/// The kinds, in the order in which notices of one instant are told (SEMANTICS 12.15). The name is the CloudEvents type,
/// the metric label and the transcript's first column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NoticeKind {
    Started,
    Paused,
    Resumed,
    DeadlineMoved,
    Reminder,
    Breached,
    Escalated,
    Met,
    MetLate,
    Cancelled,
    Retracted,
    PingPong,
    MassDisposition,
}

impl NoticeKind {
    pub const ALL: [NoticeKind; 13] = [
        NoticeKind::Started,
        NoticeKind::Paused,
        NoticeKind::Resumed,
        NoticeKind::DeadlineMoved,
        NoticeKind::Reminder,
        NoticeKind::Breached,
        NoticeKind::Escalated,
        NoticeKind::Met,
        NoticeKind::MetLate,
        NoticeKind::Cancelled,
        NoticeKind::Retracted,
        NoticeKind::PingPong,
        NoticeKind::MassDisposition,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            NoticeKind::Started => "sla.started",
            NoticeKind::Paused => "sla.paused",
            NoticeKind::Resumed => "sla.resumed",
            NoticeKind::DeadlineMoved => "sla.deadline_moved",
            NoticeKind::Reminder => "sla.reminder",
            NoticeKind::Breached => "sla.breached",
            NoticeKind::Escalated => "sla.escalated",
            NoticeKind::Met => "sla.met",
            NoticeKind::MetLate => "sla.met_late",
            NoticeKind::Cancelled => "sla.cancelled",
            NoticeKind::Retracted => "sla.retracted",
            NoticeKind::PingPong => "watch.ping_pong",
            NoticeKind::MassDisposition => "watch.mass_disposition",
        }
    }

    /// The topic it is published on (default names).
    pub const fn topic(self) -> &'static str {
        match self {
            NoticeKind::Reminder => "sla.reminders",
            NoticeKind::Breached | NoticeKind::Escalated | NoticeKind::Retracted => "sla.breaches",
            _ => "sla.outcomes",
        }
    }

    pub const fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Met => NoticeKind::Met,
            Outcome::MetLate => NoticeKind::MetLate,
            Outcome::Cancelled => NoticeKind::Cancelled,
        }
    }
}

/// A derived id: the same facts and policy give the same id. A UUID of version 8 (RFC 9562 §5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub [u8; 16]);

/// What an id is derived from. The start instant names the clock, not its cycle: ordinals shift.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    pub lead_id: &'a str,
    pub sla: &'a str,
    pub start: Timestamp,
    pub ordinal: u32,
    pub kind: NoticeKind,
    /// The rung's or step's text hash, or the pause's instant; 0 otherwise.
    pub step: u64,
    /// How often this statement was made before.
    pub count: u32,
}

impl Statement<'_> {
    pub fn id(&self) -> NoticeId {
        // In one piece, numbers first: a streaming hasher moves half a kilobyte of state about.
        const NUMBERS: usize = 41;
        let mut bytes: SmallVec<[u8; 192]> = SmallVec::from_buf_and_len([0; 192], NUMBERS);
        bytes[0..8].copy_from_slice(&self.start.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.step.to_le_bytes());
        bytes[16..24].copy_from_slice(&(self.lead_id.len() as u64).to_le_bytes());
        bytes[24..32].copy_from_slice(&(self.sla.len() as u64).to_le_bytes());
        bytes[32..36].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.count.to_le_bytes());
        bytes[40] = self.kind as u8;
        bytes.extend_from_slice(self.lead_id.as_bytes());
        bytes.extend_from_slice(self.sla.as_bytes());
        NoticeId::from_hash(xxh3_128(&bytes))
    }
}

impl NoticeId {
    fn from_hash(hash: u128) -> Self {
        let mut bytes = hash.to_be_bytes();
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        NoticeId(bytes)
    }

    /// The id of the retraction of `self`; a statement is taken back once under each id.
    #[must_use]
    pub fn retraction(self) -> NoticeId {
        let mut bytes = *b"retracted\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        bytes[9..].copy_from_slice(&self.0);
        NoticeId::from_hash(xxh3_128(&bytes))
    }

    /// As RFC 9562 writes a UUID.
    pub(super) fn text(self) -> [u8; 36] {
        /// Where the two digits of each byte stand.
        const AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut text = [b'-'; 36];
        for (byte, at) in self.0.iter().zip(AT) {
            [text[at], text[at + 1]] = HEX[usize::from(*byte)];
        }
        text
    }
}

/// The two digits of each byte.
static HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

impl std::fmt::Display for NoticeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl JsonSchema for NoticeId {
    fn schema_name() -> Cow<'static, str> {
        "NoticeId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "uuid", "description": "derived: the same facts and policy give the same id" })
    }
}

/// Milliseconds, written as seconds: whole ones without a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000 == 0 {
            serializer.serialize_i64(self.0 / 1_000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1_000.0)
        }
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number" })
    }
}

/// Name -> number, written as an object in the given order.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a, T>(pub &'a [(Cow<'a, str>, T)]);

impl<T: JsonSchema> JsonSchema for Object<'_, T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ObjectOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let values = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "object", "additionalProperties": values })
    }
}

/// The version of the agreement that governs the clock.
#[derive(Clone, Debug, JsonSchema)]
pub struct PolicyRef<'a> {
    pub name: &'a str,
    pub effective_from: Timestamp,
    /// Hash of the checked content, its calendars and the zone database's version.
    pub fingerprint: &'a str,
}

/// On what the notice was decided.
#[derive(Clone, Copy, Debug, JsonSchema)]
pub struct AsOf<'a> {
    /// The shard's watermark at this step.
    pub watermark: Timestamp,
    /// Input source -> last position applied.
    pub offsets: Object<'a, u64>,
}

/// A pause of the clock.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct PauseRef {
    pub from: Timestamp,
    /// null while it lasts
    pub to: Option<Timestamp>,
}

/// A date whose usual hours did not hold.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClosedDate {
    pub date: String,
    /// `holiday` or `own_hours`
    pub why: &'static str,
}

/// Why the deadline is where it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// One sentence for a person.
    pub summary: String,
    /// `open` (time of the calendar) or `elapsed`
    pub measure: &'static str,
    pub timezone: String,
    /// From where the allowance counts: the start, or the last restart.
    pub counted_from: Timestamp,
    pub pauses: Vec<PauseRef>,
    /// Holidays and dates with their own hours between start and deadline.
    pub closed_dates: Vec<ClosedDate>,
}

macro_rules! notice_data {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name<'a> {
            pub lead_id: &'a str,
            /// The SLA's name.
            pub sla: &'a str,
            /// The clock's ordinal among the lead's clocks of this SLA, from 1, when this was told.
            pub cycle: u32,
            /// The target's name, else its `within` or `by` text; null where the clock is gone.
            pub target: Option<&'a str>,
            /// Who held the lead at `time`; null: nobody.
            pub owner: Option<&'a str>,
            pub team: Option<&'a str>,
            pub started_at: Timestamp,
            /// The instant by which the clock must stop; null while it is paused.
            pub due_at: Option<Timestamp>,
            pub policy: &'a RawPolicy,
            pub as_of: AsOf<'a>,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl WriteJson for $name<'_> {
            fn write_json(&self, out: &mut Vec<u8>) {
                write_object!(
                    out, self, lead_id, sla, cycle, target, owner, team, started_at, due_at, policy, as_of $(, $field)*
                );
            }
        }
    )*};
}

notice_data! {
    /// `sla.started`: a clock began to run.
    Started {
        /// Of a clock that starts paused.
        remaining_seconds: Option<Seconds>,
    }
    /// `sla.paused`: the clock stands still; `remaining_seconds` of the allowance are left.
    Paused { remaining_seconds: Seconds }
    /// `sla.resumed`: the clock runs again, with a new deadline.
    Resumed {
        /// Of a clock that is paused again.
        remaining_seconds: Option<Seconds>,
    }
    /// `sla.deadline_moved`: a restart, a new instant from the source, or a correction.
    DeadlineMoved {
        /// Of a paused clock.
        remaining_seconds: Option<Seconds>,
        /// null if the clock had been told as paused
        previous_due_at: Option<Timestamp>,
    }
    /// `sla.reminder`: a rung before the deadline.
    Reminder {
        /// The rung as the policy writes it.
        at: &'a str,
        /// Of no use after this instant: the next rung, or the deadline.
        valid_until: Timestamp,
    }
    /// `sla.breached`: the deadline passed with the clock running.
    Breached {
        found_at: Timestamp,
        /// The deadline had passed before the clock was known.
        found_late: bool,
        explanation: Explanation,
        open_seconds: Seconds,
        open_seconds_by_owner: Object<'a, Seconds>,
    }
    /// `sla.escalated`: a step of the ladder.
    Escalated {
        /// From 1, in the order of the policy.
        step: u32,
        /// The step's `after` as the policy writes it.
        after: &'a str,
        notify: &'a [String],
        action: Option<&'a str>,
        found_late: bool,
    }
    /// `sla.met`, `sla.met_late`, `sla.cancelled`: how a clock ended.
    Ended {
        stopped_at: Timestamp,
        /// Time the clock ran, in the target's measure, pauses left out.
        open_seconds: Seconds,
        open_seconds_by_owner: Object<'a, Seconds>,
        /// Of a cancelled clock: `deleted`, `merged` or `status`.
        reason: Option<&'static str>,
    }
    /// `sla.retracted`: an earlier notice that later facts disprove.
    Retracted {
        /// The id of the notice that is taken back, and its type.
        retracts: NoticeId,
        retracts_type: &'static str,
        reason: &'static str,
    }
    /// `watch.ping_pong`: within one clock the lead was handed on among owners more often than the policy allows.
    PingPong {
        /// Up to when this was told; a time that nobody held the lead does not count.
        handovers: u32,
        more_than: u32,
        /// Who held the lead, one after the other.
        owners: Vec<&'a str>,
    }
}

/// `watch.mass_disposition`: one owner disposed of more leads within a time than the policy allows. Keyed by the lead that was one too many.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MassDisposition<'a> {
    pub lead_id: &'a str,
    pub owner: &'a str,
    pub team: Option<&'a str>,
    /// `qualified`, `disqualified` or `recycled`
    pub disposition: &'static str,
    /// How many leads when it was told: one more than `more_than`.
    pub leads: u32,
    pub more_than: u32,
    /// As the policy writes it.
    pub within: &'a str,
    /// The first and the last of these dispositions.
    pub from: Timestamp,
    pub to: Timestamp,
    pub policy: &'a RawPolicy,
    pub as_of: AsOf<'a>,
}

/// The policy part, written once per version.
#[derive(Clone, Debug)]
pub struct RawPolicy(String);

impl RawPolicy {
    pub fn of(version: &Version) -> Self {
        let part = PolicyRef {
            name: &version.name,
            effective_from: version.effective_from_written,
            fingerprint: &version.fingerprint,
        };
        let mut json = Vec::new();
        part.write_json(&mut json);
        RawPolicy(String::from_utf8(json).unwrap_or_default())
    }

    pub(super) fn json(&self) -> &str {
        &self.0
    }
}

impl WriteJson for PolicyRef<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_object!(out, self, name, effective_from, fingerprint);
    }
}

impl JsonSchema for RawPolicy {
    fn schema_name() -> Cow<'static, str> {
        "PolicyRef".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        PolicyRef::json_schema(generator)
    }
}

/// The envelope (CloudEvents 1.0, JSON format).
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CloudEvent<'a, D> {
    pub specversion: &'static str,
    pub id: NoticeId,
    pub source: &'a str,
    pub r#type: &'static str,
    /// The lead id, which is the key too.
    pub subject: &'a str,
    /// The instant it speaks of: rung, deadline, stop.
    pub time: Timestamp,
    pub datacontenttype: &'static str,
    pub data: D,
}

impl<D: WriteJson> WriteJson for CloudEvent<'_, D> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":");
        self.id.write_json(out);
        out.extend_from_slice(b",\"source\":");
        self.source.write_json(out);
        // A kind's name holds nothing to escape.
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(self.r#type.as_bytes());
        out.extend_from_slice(b"\",\"subject\":");
        self.subject.write_json(out);
        out.extend_from_slice(b",\"time\":");
        self.time.write_json(out);
        out.extend_from_slice(b",\"datacontenttype\":\"application/json\",\"data\":");
        self.data.write_json(out);
        out.push(b'}');
    }
}

/// One notice of a turn; its JSON stands in the turn's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub id: NoticeId,
    /// Index into the policy's families; `u16::MAX` where the policy no longer has the SLA.
    pub sla: u16,
    /// The instant it speaks of.
    pub time: Timestamp,
    /// The watermark at which it was decided.
    pub as_of: Timestamp,
    pub(super) json: (u32, u32),
    pub(super) lead: (u32, u32),
}

/// Notices and their JSON, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    pub notices: Vec<Notice>,
    bytes: Vec<u8>,
    /// Nobody reads what is said, only that it was: no JSON is written.
    wordless: bool,
}

/// Names the product in `source`; with `id` it names a notice.
pub const NOTICE_SOURCE: &str = "plazo";

impl Outbox {
    /// From now on no JSON is written and no id derived, and [`Outbox::json`] and [`Outbox::lead_id`] are empty: for who counts
    /// notices alone.
    pub fn be_wordless(&mut self) {
        self.wordless = true;
    }

    pub(super) fn is_wordless(&self) -> bool {
        self.wordless
    }

    /// Adds a notice without words.
    pub(super) fn note(&mut self, kind: NoticeKind, sla: u16, (time, as_of): (Timestamp, Timestamp)) {
        self.notices.push(Notice { kind, id: NoticeId([0; 16]), sla, time, as_of, json: (0, 0), lead: (0, 0) });
    }

    pub fn clear(&mut self) {
        self.notices.clear();
        self.bytes.clear();
    }

    /// The whole CloudEvent: a JSON object, UTF-8, no newline.
    pub fn json(&self, notice: &Notice) -> &[u8] {
        self.bytes.get(notice.json.0 as usize..notice.json.1 as usize).unwrap_or(&[])
    }

    pub fn lead_id(&self, notice: &Notice) -> &str {
        self.bytes
            .get(notice.lead.0 as usize..notice.lead.1 as usize)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }

    pub(super) fn write(
        &mut self,
        kind: NoticeKind,
        id: NoticeId,
        sla: u16,
        (time, as_of): (Timestamp, Timestamp),
        lead_id: &str,
        data: &impl WriteJson,
    ) {
        if self.wordless {
            return self.note(kind, sla, (time, as_of));
        }
        let lead = self.bytes.len() as u32;
        self.bytes.extend_from_slice(lead_id.as_bytes());
        let from = self.bytes.len() as u32;
        let event = CloudEvent {
            specversion: "1.0",
            id,
            source: NOTICE_SOURCE,
            r#type: kind.name(),
            subject: lead_id,
            time,
            datacontenttype: "application/json",
            data,
        };
        event.write_json(&mut self.bytes);
        let json = (from, self.bytes.len() as u32);
        self.notices.push(Notice { kind, id, sla, time, as_of, json, lead: (lead, from) });
    }
}
