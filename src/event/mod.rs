//! Input events: CloudEvents and CSV rows -> facts, or a named rejection (INTERFACE "Input events", SEMANTICS §9).

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::time::Timestamp;

/// One delivery, decoded: what it says about which lead, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// CloudEvents `source`; with `id` it names the delivery (duplicates: same source and id).
    pub source: Cow<'a, str>,
    pub id: Cow<'a, str>,
    pub lead_id: Cow<'a, str>,
    /// Event time: when it happened in the business.
    pub time: Timestamp,
    /// The `recordedtime` extension: append time in a replay.
    pub recorded_time: Option<Timestamp>,
    pub fact: Fact<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FactKind {
    Created = 0,
    Assigned = 1,
    StatusChanged = 2,
    Activity = 3,
    Updated = 4,
    Deleted = 5,
    Merged = 6,
    Opportunity = 7,
}

/// What one event says. `None` is "not said", never "cleared"; `Some("")` for owner or team is "nobody", "none".
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<'a> {
    pub kind: FactKind,
    /// `status` of a creation, `to` of a status change.
    pub status: Option<Cow<'a, str>>,
    pub owner: Option<Cow<'a, str>>,
    pub team: Option<Cow<'a, str>>,
    /// Attribute name and the text of its value (a number's JSON text, `true`, `false`, a string's content, the JSON
    /// text of anything nested). Null attributes are left out. In order of the event; a later repeat of a name wins.
    pub attributes: SmallVec<[(Cow<'a, str>, Cow<'a, str>); 4]>,
    /// `kind` of an activity.
    pub activity: Option<Cow<'a, str>>,
    /// An activity `by` automation, which is no touch.
    pub automated: bool,
    /// Of an opportunity.
    pub opportunity: Option<Opportunity<'a>>,
    /// Of a merge: the survivor's lead id.
    pub into: Option<Cow<'a, str>>,
    /// `reason` of a status change, for explanations.
    pub reason: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Opportunity<'a> {
    pub id: Option<Cow<'a, str>>,
    pub value: Option<f64>,
    pub currency: Option<Cow<'a, str>>,
}

impl Fact<'_> {
    pub fn new(kind: FactKind) -> Self {
        Fact {
            kind,
            status: None,
            owner: None,
            team: None,
            attributes: SmallVec::new(),
            activity: None,
            automated: false,
            opportunity: None,
            into: None,
            reason: None,
        }
    }
}

/// Why an event was refused. The static name is the word in HTTP answers, dead letters and metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    MalformedJson,
    NotCloudEvent,
    UnknownType,
    WrongType,
    MissingLeadId,
    BadTime,
    BadAttribute,
    UnknownStatus,
    FutureTime,
    TooOld,
    KeyMismatch,
    TooLarge,
    /// The stored state of the lead cannot be read.
    DamagedRecord,
}

impl Reason {
    pub const ALL: [Reason; 13] = [
        Reason::MalformedJson,
        Reason::NotCloudEvent,
        Reason::UnknownType,
        Reason::WrongType,
        Reason::MissingLeadId,
        Reason::BadTime,
        Reason::BadAttribute,
        Reason::UnknownStatus,
        Reason::FutureTime,
        Reason::TooOld,
        Reason::KeyMismatch,
        Reason::TooLarge,
        Reason::DamagedRecord,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Reason::MalformedJson => "malformed_json",
            Reason::NotCloudEvent => "not_cloudevent",
            Reason::UnknownType => "unknown_type",
            Reason::WrongType => "wrong_type",
            Reason::MissingLeadId => "missing_lead_id",
            Reason::BadTime => "bad_time",
            Reason::BadAttribute => "bad_attribute",
            Reason::UnknownStatus => "unknown_status",
            Reason::FutureTime => "future_time",
            Reason::TooOld => "too_old",
            Reason::KeyMismatch => "key_mismatch",
            Reason::TooLarge => "too_large",
            Reason::DamagedRecord => "damaged_record",
        }
    }
}

/// A refusal: the reason by name, what was expected, and the event's id where it could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    pub reason: Reason,
    pub detail: String,
    pub id: Option<String>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
