//! The checked form of a policy. Whoever holds one of these types need not check again.

use std::sync::Arc;

use chrono_tz::Tz;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::fault::Fault;
use crate::calendar::{Calendar, Duration, Schedule};
use crate::time::Timestamp;

/// All versions of the agreement, oldest first. Never empty.
#[derive(Clone, Debug)]
pub struct Policy {
    pub versions: Vec<Version>,
    /// Every SLA name of any version, in order of first appearance (oldest version first, written order).
    pub families: Vec<Family>,
    /// Where the written agreement would lack something.
    pub warnings: Vec<Fault>,
}

/// One SLA name across the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    /// Index into `Version::slas` for each version; `None` where that version lacks it.
    pub by_version: Vec<Option<usize>>,
}

/// One file of the policy.
#[derive(Clone, Debug)]
pub struct Version {
    pub name: String,
    /// In force from this instant (inclusive). `Timestamp::MIN` where a replay lets it govern everything earlier.
    pub effective_from: Timestamp,
    /// As printed in notices: the written `effective_from`, in UTC.
    pub effective_from_written: Timestamp,
    pub between: Vec<String>,
    pub timezone: Tz,
    /// Hash of the checked content, its calendars and the zone database's version: hexadecimal.
    pub fingerprint: String,
    /// The file as it is written.
    pub text: String,
    pub lifecycle: Lifecycle,
    pub calendars: Vec<(String, Arc<Calendar>)>,
    pub slas: Vec<Sla>,
    pub commitments: Vec<Commitment>,
    pub watch: Watch,
}

/// The statuses a lead can have.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    pub statuses: Vec<Status>,
    by_name: HashMap<String, StatusIndex>,
    /// Statuses that have a disposition.
    pub disposed: StatusSet,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub name: String,
    pub stage: Option<Stage>,
    pub disposition: Option<Disposition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Lead,
    MarketingQualified,
    SalesAccepted,
    SalesQualified,
    Opportunity,
    Customer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Disposition {
    Qualified,
    Disqualified,
    Recycled,
}

/// Index of a status in its version's lifecycle.
pub type StatusIndex = u16;

/// A set of statuses of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSet {
    bits: Vec<u64>,
}

impl StatusSet {
    pub fn insert(&mut self, status: StatusIndex) {
        let word = usize::from(status / 64);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (status % 64);
    }

    #[inline]
    pub fn contains(&self, status: Option<StatusIndex>) -> bool {
        status.is_some_and(|s| self.bits.get(usize::from(s / 64)).is_some_and(|word| word >> (s % 64) & 1 == 1))
    }

    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }
}

/// One promise.
#[derive(Clone, Debug)]
pub struct Sla {
    pub name: String,
    pub promised_by: Option<String>,
    pub promise: Option<String>,
    pub start: Start,
    pub stop: Stop,
    pub pause: Option<Pause>,
    pub cancel: Cancel,
    pub on_reassign: OnReassign,
    pub reopen: Reopen,
    /// Touches by a person that meet the running clock and start the next one (a follow-up cadence).
    pub recur: Option<AnyOf>,
    /// `retarget = "on_change"`: attribute changes move the promise.
    pub retarget: bool,
    pub points: Option<Points>,
    /// In written order; the last one, and only it, has no conditions.
    pub targets: Vec<Target>,
    pub reminders: Vec<Reminder>,
    pub escalations: Vec<Escalation>,
}

/// What starts a clock; any of them does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub created: bool,
    pub assigned: bool,
    pub opportunity: bool,
    /// Reaching one of these statuses.
    pub status: StatusSet,
    /// Reaching one of these stages.
    pub stages: Vec<Stage>,
}

/// What stops a clock; any of them does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// Being in one of these statuses stops it: the named statuses, those of the named stages, those of the named
    /// dispositions.
    pub states: StatusSet,
    /// An activity by a person: of any kind, or of these kinds.
    pub activity: Option<AnyOf>,
    pub opportunity: bool,
}

impl Stop {
    /// Whether an act (rather than a state) can stop it.
    pub fn by_act(&self) -> bool {
        self.activity.is_some() || self.opportunity
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyOf {
    Any,
    These(Vec<String>),
}

impl AnyOf {
    pub fn holds(&self, word: &str) -> bool {
        match self {
            AnyOf::Any => true,
            AnyOf::These(words) => words.iter().any(|known| known == word),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub status: StatusSet,
    pub at_most: Option<Duration>,
}

/// What cancels a clock. A lead that is gone cannot be disposed of, so `deleted` and `merged` hold unless the policy says
/// `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    pub deleted: bool,
    pub merged: bool,
    pub status: StatusSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReassign {
    Continue,
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopen {
    NewCycle,
    Ignore,
    Continue,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    pub met: i64,
    pub met_in_half: Option<i64>,
    pub breached: i64,
}

/// How long the promise allows, for the leads that `when` matches.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its `name`, else its `within` or `by` text: how notices and reports call it.
    pub label: String,
    /// All must hold. Empty: the default target.
    pub when: Vec<Condition>,
    pub promise: Promise,
    /// The target's own calendar, else the SLA's, else none.
    pub schedule: Schedule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    Within(Duration),
    /// The attribute that gives the deadline (RFC 3339).
    By(String),
}

/// One key of `when`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub key: Key,
    pub test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Owner,
    Team,
    Status,
    Stage,
    Attribute(String),
}

/// All parts that are given must hold. An absent value matches only `present = false` and `not`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Test {
    /// One word, or a list of them: any of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_of: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
}

impl Key {
    /// As the policy writes it.
    pub fn name(&self) -> &str {
        match self {
            Key::Owner => "owner",
            Key::Team => "team",
            Key::Status => "status",
            Key::Stage => "stage",
            Key::Attribute(name) => name,
        }
    }
}

impl Target {
    /// Whether it is measured in the open time of its calendar.
    pub fn counts_open_time(&self) -> bool {
        matches!(&self.promise, Promise::Within(duration) if duration.is_business())
    }
}

impl Test {
    /// By text for words, by number for `at_least` and its kin (SEMANTICS 12.25).
    pub fn matches(&self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            let numeric = self.at_least.or(self.at_most).or(self.above).or(self.below);
            return self.any_of.is_none()
                && numeric.is_none()
                && self.present != Some(true)
                && (self.not.is_some() || self.present == Some(false));
        };
        let number = || value.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let holds = |bound: Option<f64>, test: fn(f64, f64) -> bool| {
            bound.is_none_or(|bound| number().is_some_and(|number| test(number, bound)))
        };
        self.present != Some(false)
            && self.any_of.as_ref().is_none_or(|words| words.iter().any(|word| word == value))
            && self.not.as_ref().is_none_or(|words| words.iter().all(|word| word != value))
            && holds(self.at_least, |n, bound| n >= bound)
            && holds(self.at_most, |n, bound| n <= bound)
            && holds(self.above, |n, bound| n > bound)
            && holds(self.below, |n, bound| n < bound)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reminder {
    /// As written: `"50%"`. Rungs are named by their text; texts are unique within an SLA.
    pub text: String,
    pub at: Rung,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Rung {
    /// A share of what lies between start and deadline, in millionths.
    Share { ppm: u32 },
    /// So long before the deadline.
    Before(Duration),
}

/// One step of the ladder after a breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// `after` as written. Steps are named by their text; texts are unique within an SLA.
    pub text: String,
    pub after: Duration,
    pub notify: Vec<String>,
    pub action: Option<String>,
}

/// Games that people play with a promise: told, not punished (SEMANTICS §4). What is not given is not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// A lead handed on among owners more often than this within one clock.
    pub ping_pong: Option<u32>,
    pub mass_disposition: Option<MassDisposition>,
}

/// One owner disposing so of more than so many leads within so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MassDisposition {
    pub more_than: u32,
    pub within_ms: i64,
    /// As written.
    pub within: String,
    pub disposition: Disposition,
}

/// Marketing's side.
#[derive(Clone, Debug, PartialEq)]
pub struct Commitment {
    pub name: String,
    pub promised_by: Option<String>,
    pub promise: Option<String>,
    pub count: Count,
    pub at_least: f64,
    pub every: Period,
    /// Shares of the period, in millionths, as written.
    pub remind: Vec<(String, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    Created,
    Stage(Stage),
    Sum(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Week,
    Month,
    Quarter,
    Year,
}

impl Stage {
    pub const ALL: [Stage; 6] = [
        Stage::Lead,
        Stage::MarketingQualified,
        Stage::SalesAccepted,
        Stage::SalesQualified,
        Stage::Opportunity,
        Stage::Customer,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Stage::Lead => "lead",
            Stage::MarketingQualified => "marketing_qualified",
            Stage::SalesAccepted => "sales_accepted",
            Stage::SalesQualified => "sales_qualified",
            Stage::Opportunity => "opportunity",
            Stage::Customer => "customer",
        }
    }
}

impl Disposition {
    pub const ALL: [Disposition; 3] = [Disposition::Qualified, Disposition::Disqualified, Disposition::Recycled];

    pub const fn name(self) -> &'static str {
        match self {
            Disposition::Qualified => "qualified",
            Disposition::Disqualified => "disqualified",
            Disposition::Recycled => "recycled",
        }
    }
}

impl Lifecycle {
    pub fn new(statuses: Vec<Status>) -> Self {
        let mut disposed = StatusSet::default();
        let mut by_name = HashMap::new();
        for (status, index) in statuses.iter().zip(0..) {
            by_name.insert(status.name.clone(), index);
            if status.disposition.is_some() {
                disposed.insert(index);
            }
        }
        Lifecycle { statuses, by_name, disposed }
    }

    /// The index of a status by its exact name.
    pub fn find(&self, name: &str) -> Option<StatusIndex> {
        self.by_name.get(name).copied()
    }

    pub fn stage(&self, status: Option<StatusIndex>) -> Option<Stage> {
        self.statuses.get(usize::from(status?))?.stage
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Cancel { deleted: true, merged: true, status: StatusSet::default() }
    }
}

impl Policy {
    /// Versions in order of `effective_from`, and the SLAs they name.
    pub fn of(versions: Vec<Version>) -> Self {
        let mut families: Vec<Family> = Vec::new();
        for sla in versions.iter().flat_map(|version| &version.slas) {
            if families.iter().all(|family| family.name != sla.name) {
                let find = |version: &Version| version.slas.iter().position(|other| other.name == sla.name);
                families.push(Family { name: sla.name.clone(), by_version: versions.iter().map(find).collect() });
            }
        }
        Policy { versions, families, warnings: Vec::new() }
    }

    /// The version in force at `instant`: the last whose `effective_from` is not after it. `None` before the first.
    pub fn in_force(&self, instant: Timestamp) -> Option<usize> {
        self.versions.partition_point(|version| version.effective_from <= instant).checked_sub(1)
    }

    /// The version whose words are read at `instant`: the one in force, or the oldest before all (SEMANTICS 12.22).
    pub fn words_at(&self, instant: Timestamp) -> usize {
        self.in_force(instant).unwrap_or(0)
    }

    /// As a replay reads it: the oldest version governs everything earlier (SEMANTICS §8).
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        if let Some(first) = self.versions.first_mut() {
            first.effective_from = Timestamp::MIN;
        }
        self
    }
}
