//! What HTTP may see and ask, whichever shell is behind it. Everything told here has been committed.
//!
//! A shell implements [`Shell`]. Its reads block (a store is asked); HTTP calls them on threads that may.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use crate::engine::{ClockView, LeadView};
use crate::event::Rejection;
use crate::policy::Policy;
use crate::time::Timestamp;

/// Where a shell is in its life. Legal steps: `Restoring -> Running -> Stopping`, and any of them `-> Failed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    Restoring,
    Running,
    Stopping,
    Stopped,
    /// With what an operator must read.
    Failed(String),
}

impl Phase {
    /// Unless the shell has failed, which it stays.
    pub fn enter(self, shown: &watch::Sender<Phase>) {
        shown.send_if_modified(|now| {
            let change = *now != self && !matches!(now, Phase::Failed(_));
            if change {
                *now = self;
            }
            change
        });
    }
}

/// Why the watermark is not at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is.
    None,
    Restoring,
    /// After a start: clients deliver what they queued.
    Grace,
    /// Timers due are being told, some each turn.
    Backlog,
    /// The machine's clock stands before what was already read.
    ClockStep,
    /// The store is locked by another program.
    StoreBusy,
    /// All that can be read has been; a transaction of a producer is still open behind it.
    OpenTransaction,
    /// No broker answers.
    Broker,
    /// The group has given this engine nothing to do.
    Unassigned,
    /// An operator must act: the log says what is wrong with a shard.
    Refused,
}

impl Held {
    pub const NAMES: [&str; 10] = [
        "none",
        "restoring",
        "grace",
        "backlog",
        "clock_step",
        "store_busy",
        "open_transaction",
        "broker",
        "unassigned",
        "refused",
    ];

    pub const fn name(self) -> &'static str {
        Held::NAMES[self as usize]
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub phase: Phase,
    pub watermark: Timestamp,
    pub held: Held,
    /// When the grace ends, while it lasts.
    pub held_until: Option<Timestamp>,
}

/// One request's events.
#[derive(Debug)]
pub struct Delivery {
    pub body: Bytes,
    pub parts: Parts,
}

/// Where the events lie in the body.
#[derive(Debug)]
pub enum Parts {
    /// Structured events: their ranges of the body.
    Structured(Vec<std::ops::Range<usize>>),
    /// One event: its attributes by their CloudEvents names, as the headers had them; the body is its data.
    Binary(Vec<(String, String)>),
    /// The body as a whole cannot be read as what it says it is.
    Unreadable(Rejection),
}

impl Delivery {
    /// How many events it counts for.
    pub fn events(&self) -> usize {
        match &self.parts {
            Parts::Structured(ranges) => ranges.len(),
            Parts::Binary(_) | Parts::Unreadable(_) => 1,
        }
    }
}

/// What became of a request's events, once that is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: Vec<Refusal>,
}

/// One refused event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Its place in the request; of a dead letter, its number.
    pub index: u64,
    pub id: Option<String>,
    pub reason: &'static str,
    pub detail: String,
}

/// Why a request must be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// More waits than is taken.
    Full,
    Restoring,
    Stopping,
    /// This shell does not take them; where they go.
    Elsewhere(String),
    /// The brokers have not taken all of it; in their client's words.
    Brokers(String),
    /// With what an operator must read.
    Failed(String),
}

impl Unavailable {
    pub const fn name(&self) -> &'static str {
        match self {
            Unavailable::Full => "full",
            Unavailable::Restoring => "restoring",
            Unavailable::Stopping => "stopping",
            Unavailable::Elsewhere(_) => "elsewhere",
            Unavailable::Brokers(_) => "brokers",
            Unavailable::Failed(_) => "failed",
        }
    }
}

/// Why another policy was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdopted {
    /// Versions that have been in force differ: how, for the operator.
    #[error("{0}")]
    Governed(String),
    /// For the moment; to be tried again.
    #[error("{0}")]
    Busy(String),
    #[error("the engine takes nothing: {}", .0.name())]
    Unavailable(Unavailable),
}

pub type Pending = oneshot::Receiver<Result<Receipt, Unavailable>>;

/// Dead letters of one call to [`Shell::resubmit`] at most.
pub const MAX_RESUBMIT: usize = 1_000;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// What came after this number is no longer kept from there on; `oldest` is.
    #[error("notices after {after} are no longer kept; the oldest kept is {oldest}")]
    Gone { after: u64, oldest: u64 },
    /// The number was never given out: another store, or one that was set back.
    #[error("{after} lies beyond the last number {last}")]
    Beyond { after: u64, last: u64 },
    /// The store's words.
    #[error("the store cannot be read: {0}")]
    Store(String),
    /// It can be told later, or elsewhere; why not now and here.
    #[error("{0}")]
    NotYet(String),
    /// On Kafka another instance has the shard that was asked for.
    #[error("the instance {instance:?} has it{}", .url.as_ref().map(|url| format!(", at {url}")).unwrap_or_default())]
    Elsewhere { partition: i32, instance: String, url: Option<String> },
    /// On Kafka this is a topic, which its readers consume themselves.
    #[error("on Kafka these are read from the topic {0}")]
    InTopic(String),
}

/// Notices in order, each with its number in the extension `sequence`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticePage {
    pub notices: Vec<NumberedNotice>,
    /// Where to go on: no notice up to it is missing from what was asked.
    pub last: u64,
    /// Whether more are there already.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedNotice {
    pub sequence: u64,
    pub kind: String,
    /// The CloudEvent with its `sequence`.
    pub json: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeQuery {
    pub after: u64,
    /// CloudEvents types; empty: all.
    pub kinds: Vec<String>,
    pub limit: usize,
}

/// The state by which open clocks of leads are asked for whose state is not known.
pub const STALE: &str = "stale";

/// Which open clocks: all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockQuery {
    pub state: Option<String>,
    pub sla: Option<String>,
    /// An empty one: clocks without a team.
    pub team: Option<String>,
    /// Due before this instant; paused clocks have no due instant and come last.
    pub due_before: Option<Timestamp>,
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<ClockCursor>,
}

/// A place among the open clocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
pub struct ClockCursor {
    pub due_ms: i64,
    pub lead_id: String,
    pub sla: String,
    pub started_ms: i64,
    pub ordinal: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct OpenClock {
    pub lead_id: String,
    #[serde(flatten)]
    pub clock: ClockView,
}

#[derive(Clone, Debug)]
pub struct ClockPage {
    pub clocks: Vec<OpenClock>,
    pub next: Option<ClockCursor>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterQuery {
    pub after: u64,
    pub reason: Option<String>,
    /// Those accepted later too.
    pub resubmitted: bool,
    pub limit: usize,
}

/// An event that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    pub sequence: u64,
    pub received_at: Timestamp,
    pub reason: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// `structured`, `binary`, or `unreadable`.
    pub form: String,
    /// Attributes of an event in binary mode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The original bytes where they are UTF-8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// else in base 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// When it was accepted after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resubmitted_at: Option<Timestamp>,
}

/// What all leads are seen with, for figures over all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub as_of: Timestamp,
    /// Accepted events, as far as they are still known.
    pub accepted: Option<u64>,
    /// Refused events that wait, by reason.
    pub rejected: BTreeMap<String, u64>,
}

/// Sees every lead's record.
pub trait SeeLeads {
    /// Told first.
    fn begin(&mut self, whole: Whole);

    /// A record, and the instant that its shard has come to.
    ///
    /// # Errors
    /// Ends the visit.
    fn see(&mut self, record: &[u8], as_of: Timestamp) -> Result<(), ReadFault>;
}

/// A shell as HTTP sees it.
pub trait Shell: Send + Sync {
    fn phase(&self) -> watch::Receiver<Phase>;

    fn status(&self) -> Status;

    /// The number of the last committed notice, now and as it grows.
    fn last_notice(&self) -> watch::Receiver<u64>;

    /// Hands events over, stamped with the time of receipt. The answer comes when they are durable.
    ///
    /// # Errors
    /// Nothing was taken: to be sent again.
    fn submit(&self, delivery: Delivery) -> Result<Pending, Unavailable>;

    /// Sends the dead letters of these numbers through the engine again, the first [`MAX_RESUBMIT`] of them. One that was
    /// accepted before, or was never there, is passed over.
    ///
    /// # Errors
    /// As [`Shell::submit`].
    fn resubmit(&self, numbers: Vec<u64>) -> Result<Pending, Unavailable>;

    /// Brings metrics that depend on the time of day up to it.
    fn observe(&self);

    fn policy(&self) -> Arc<Policy>;

    /// Takes another policy between two turns, and keeps it where the state is. Versions that have been in force up to the
    /// watermark must be the same.
    ///
    /// # Errors
    /// The one before stays, in every part.
    fn adopt(&self, policy: Arc<Policy>) -> Result<(), NotAdopted>;

    /// # Errors
    /// Where the number asked after is unknown, or the store fails.
    fn notices(&self, query: &NoticeQuery) -> Result<NoticePage, ReadFault>;

    /// A lead as of the watermark, `None` where there is none of that id.
    ///
    /// # Errors
    /// Where the store fails.
    fn lead(&self, lead_id: &str) -> Result<Option<LeadView>, ReadFault>;

    /// Open clocks by due instant.
    ///
    /// # Errors
    /// Where the store fails.
    fn clocks(&self, query: &ClockQuery) -> Result<ClockPage, ReadFault>;

    /// Shows every lead of the whole engine, all of one moment.
    ///
    /// # Errors
    /// Where the store fails; and what `seer` says.
    fn visit(&self, seer: &mut dyn SeeLeads) -> Result<(), ReadFault>;

    /// The log: accepted events after this number, in order, each a CloudEvent whose `recordedtime` is its append time.
    ///
    /// # Errors
    /// Where the store fails.
    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault>;

    /// # Errors
    /// Where the store fails.
    fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault>;
}
