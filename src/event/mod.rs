//! Input events: CloudEvents, CSV rows and XES logs -> facts, or a named rejection (INTERFACE "Input events", SEMANTICS §9).

mod binary;
mod check;
pub mod csv;
mod decode;
mod encode;
mod export;
mod map_file;
mod object;
mod split;
pub mod xes;

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::time::Timestamp;

pub use binary::{decode_binary, decode_binary_plain};
pub use decode::decode;
pub use encode::encode;
pub use export::{ExportError, Place, TakeExported};
pub use map_file::Fault as MapFault;
pub use split::{Form, batch, form, lines};

/// The largest event that is read, in bytes of its JSON text (of its body in binary mode).
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// The longest `id` and `source`, in bytes.
pub const MAX_ID_BYTES: usize = 1_024;
/// The longest lead id, owner, team, status, kind of activity, opportunity id, currency and attribute name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// The longest attribute value and `reason`, in bytes of its text.
pub const MAX_VALUE_BYTES: usize = 16 << 10;
/// The most attributes that one event may carry.
pub const MAX_ATTRIBUTES: usize = 256;

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
    Gap = 8,
}

impl FactKind {
    pub const ALL: [FactKind; 9] = [
        FactKind::Created,
        FactKind::Assigned,
        FactKind::StatusChanged,
        FactKind::Activity,
        FactKind::Updated,
        FactKind::Deleted,
        FactKind::Merged,
        FactKind::Opportunity,
        FactKind::Gap,
    ];

    /// The CloudEvents `type`.
    pub const fn type_name(self) -> &'static str {
        match self {
            FactKind::Created => "lead.created",
            FactKind::Assigned => "lead.assigned",
            FactKind::StatusChanged => "lead.status_changed",
            FactKind::Activity => "lead.activity",
            FactKind::Updated => "lead.updated",
            FactKind::Deleted => "lead.deleted",
            FactKind::Merged => "lead.merged",
            FactKind::Opportunity => "opportunity.created",
            FactKind::Gap => "lead.gap",
        }
    }

    pub fn from_type_name(name: &str) -> Option<FactKind> {
        FactKind::ALL.into_iter().find(|kind| kind.type_name() == name)
    }
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
    pub attributes: AttributeList<'a>,
    /// `kind` of an activity.
    pub activity: Option<Cow<'a, str>>,
    /// An activity `by` automation, which is no touch.
    pub automated: bool,
    /// Of an opportunity.
    pub opportunity: Option<Box<Opportunity<'a>>>,
    /// Of a merge: the survivor's lead id.
    pub into: Option<Cow<'a, str>>,
    /// `reason` of a status change or a gap, for explanations.
    pub reason: Option<Cow<'a, str>>,
}

/// Names and values; up to four of them without an allocation.
pub type AttributeList<'a> = SmallVec<[(Cow<'a, str>, Cow<'a, str>); 4]>;

#[derive(Clone, Debug, PartialEq)]
pub struct Opportunity<'a> {
    pub id: Option<Cow<'a, str>>,
    pub value: Option<f64>,
    pub currency: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// Bytes of the texts that its lead would remember.
    pub fn text_bytes(&self) -> usize {
        let fact = &self.fact;
        let opportunity = fact.opportunity.as_ref();
        let texts = [&fact.status, &fact.owner, &fact.team, &fact.activity, &fact.into, &fact.reason];
        let more = [opportunity.and_then(|o| o.id.as_ref()), opportunity.and_then(|o| o.currency.as_ref())];
        let texts = texts.into_iter().map(Option::as_ref).chain(more).flatten().map(|text| text.len());
        let attributes = fact.attributes.iter().map(|(name, value)| name.len() + value.len());
        self.lead_id.len() + texts.sum::<usize>() + attributes.sum::<usize>()
    }

    /// The same event, holding its own text.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            source: owned(self.source),
            id: owned(self.id),
            lead_id: owned(self.lead_id),
            time: self.time,
            recorded_time: self.recorded_time,
            fact: self.fact.into_owned(),
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Fact<'_> {
    /// The same fact, holding its own text.
    pub fn into_owned(self) -> Fact<'static> {
        Fact {
            kind: self.kind,
            status: self.status.map(owned),
            owner: self.owner.map(owned),
            team: self.team.map(owned),
            attributes: self.attributes.into_iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            activity: self.activity.map(owned),
            automated: self.automated,
            opportunity: self.opportunity.map(|o| {
                Box::new(Opportunity { id: o.id.map(owned), value: o.value, currency: o.currency.map(owned) })
            }),
            into: self.into.map(owned),
            reason: self.reason.map(owned),
        }
    }

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

impl Rejection {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Rejection { reason, detail: detail.into(), id: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
