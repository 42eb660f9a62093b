//! Two policies on one history, side by side: how the clocks of each stand, and which leads changed verdict and why.
//!
//! The history is read once, into a replay of each policy; then the clocks of one lead are matched by SLA, lead and cycle. A
//! clock that only one policy starts has no verdict on the other side, which is a change of verdict too; so is each clock of an SLA
//! that only one policy has (docs/decisions/comparison.md).

mod csv;
mod json;
mod pairs;
mod text;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::engine::{ClockView, Standing};
use crate::policy::Policy;
use crate::replay::Counts;
use crate::report::{SlaReport, Tally};
use crate::time::Timestamp;

pub use self::csv::write_csv;
pub use json::{ChangeJson, ComparisonJson, change_json, to_json, write_json};
pub use pairs::{Asked, Comparing, TakeChange, compare};
pub use text::write_text;

/// Changed clocks that a report lists unless told otherwise.
pub const FIRST: usize = 10;

/// Under what stands a clock that one policy did not start.
pub const NO_CLOCK: &str = "(no clock)";

/// One of the two policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    A,
    B,
}

impl Which {
    pub const BOTH: [Which; 2] = [Which::A, Which::B];

    pub const fn name(self) -> &'static str {
        match self {
            Which::A => "A",
            Which::B => "B",
        }
    }
}

/// A policy of the two, and what became of the events under it.
#[derive(Clone, Debug)]
pub struct Side {
    /// As it was named on the command line.
    pub path: String,
    /// Of its latest version: the agreement's name, from when it is in force, its fingerprint.
    pub name: String,
    pub effective_from: Timestamp,
    pub fingerprint: String,
    pub events: Counts,
}

impl Side {
    pub fn new(path: &str, policy: &Policy, events: Counts) -> Self {
        // A policy has at least one version.
        let version = &policy.versions[policy.words_at(Timestamp::MAX)];
        Side {
            path: path.to_owned(),
            name: version.name.clone(),
            effective_from: version.effective_from_written,
            fingerprint: version.fingerprint.clone(),
            events,
        }
    }
}

/// The verdict of a clock on each side, as reports count it: a paused one runs. `None`: no such clock.
pub type Verdicts = [Option<Standing>; 2];

/// One SLA.
#[derive(Clone, Debug)]
pub struct SlaComparison {
    pub name: String,
    /// The policy that alone has it.
    pub only_in: Option<Which>,
    pub reports: [SlaReport; 2],
    /// Clocks by the targets that each policy chose for them.
    pub segments: BTreeMap<[String; 2], [Tally; 2]>,
    /// Changed clocks by how they changed.
    pub changes: BTreeMap<Verdicts, u64>,
}

/// Groups of clocks of one kind, each with its counters under A and B.
pub type Pairs<'c> = Vec<(String, [&'c Tally; 2])>;

impl SlaComparison {
    pub fn all(&self) -> [&Tally; 2] {
        self.reports.each_ref().map(|report| &report.all)
    }

    /// By team, owner, target, month, week where that was asked for, then by each attribute asked for.
    pub fn groups(&self) -> Vec<(&str, Pairs<'_>)> {
        let [a, b] = &self.reports;
        let named = [
            ("team", [&a.by_team, &b.by_team]),
            ("owner", [&a.by_owner, &b.by_owner]),
            ("target", [&a.by_target, &b.by_target]),
            ("month", [&a.by_month, &b.by_month]),
        ];
        let asked = a.by.iter().zip(&b.by).map(|(a, b)| (a.0.as_str(), [&a.1, &b.1]));
        let weeks = a.by_week.as_ref().zip(b.by_week.as_ref()).map(|(a, b)| ("week", [a, b]));
        named.into_iter().chain(weeks).chain(asked).map(|(by, groups)| (by, pairs_of(groups))).collect()
    }

    pub fn changed(&self) -> u64 {
        self.changes.values().sum()
    }
}

fn pairs_of(groups: [&BTreeMap<String, Tally>; 2]) -> Pairs<'_> {
    static NOTHING: Tally = Tally::nothing();
    let mut pairs: BTreeMap<&String, [&Tally; 2]> = BTreeMap::new();
    for (side, groups) in groups.into_iter().enumerate() {
        for (name, tally) in groups {
            pairs.entry(name).or_insert([&NOTHING; 2])[side] = tally;
        }
    }
    pairs.into_iter().map(|(name, pair)| (name.clone(), pair)).collect()
}

/// The whole comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub as_of: Timestamp,
    /// For who tells it to people: the zone of A's agreement.
    pub timezone: Tz,
    pub sides: [Side; 2],
    /// In A's order, then those that only B has, in B's.
    pub slas: Vec<SlaComparison>,
    /// Leads of which some clock changed.
    pub changed_leads: u64,
    /// The first changed clocks, in order of their leads' first events.
    pub first: Vec<Change>,
}

impl Comparison {
    pub fn changed_clocks(&self) -> u64 {
        self.slas.iter().map(SlaComparison::changed).sum()
    }
}

/// A clock whose verdict changed.
#[derive(Clone, Debug)]
pub struct Change {
    pub lead_id: String,
    pub sla: String,
    pub cycle: u32,
    /// That of the comparison.
    pub timezone: Tz,
    pub as_of: Timestamp,
    pub sides: [Seen; 2],
}

/// A clock under one policy.
#[derive(Clone, Debug)]
pub enum Seen {
    Clock(Box<ClockView>),
    /// What the policy made of the lead instead.
    NoClock(NoClock),
}

/// Why a policy has no such clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoClock {
    /// The policy has no SLA of that name.
    pub sla_unknown: bool,
    /// All that was said of the lead was refused.
    pub lead_unknown: bool,
    /// Clocks of this SLA that it has of the lead.
    pub clocks: u32,
    pub already_stopped: u32,
    pub before_first_version: u32,
}

impl Seen {
    pub fn clock(&self) -> Option<&ClockView> {
        match self {
            Seen::Clock(clock) => Some(clock),
            Seen::NoClock(_) => None,
        }
    }

    pub fn sla_unknown(&self) -> bool {
        matches!(self, Seen::NoClock(NoClock { sla_unknown: true, .. }))
    }

    pub fn verdict(&self) -> Option<Standing> {
        self.clock().map(|clock| verdict(clock.state))
    }
}

/// A paused clock counts as running.
fn verdict(standing: Standing) -> Standing {
    match standing {
        Standing::Paused => Standing::Running,
        other => other,
    }
}

/// In what the two clocks differ, from what comes first to what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// Only one policy has the SLA.
    Sla,
    /// Only one policy starts it.
    Clock,
    StartedAt,
    /// How long is allowed, or which attribute gives the deadline.
    Target,
    /// The allowance counts anew from another reassignment.
    CountedFrom,
    Pauses,
    DueAt,
    /// When it was stopped or cancelled, or whether.
    StoppedAt,
}

impl Change {
    pub fn differs(&self) -> Vec<Differs> {
        let (a, b) = match &self.sides {
            [Seen::Clock(a), Seen::Clock(b)] => (a, b),
            sides => return vec![if sides.iter().any(Seen::sla_unknown) { Differs::Sla } else { Differs::Clock }],
        };
        let spans = |clock: &ClockView| -> Vec<(Timestamp, Option<Timestamp>)> {
            clock.explanation.pauses.iter().map(|pause| (pause.from, pause.to)).collect()
        };
        let found = [
            (Differs::StartedAt, a.started_at != b.started_at),
            (Differs::Target, promised(a) != promised(b)),
            (
                Differs::CountedFrom,
                a.started_at == b.started_at && a.explanation.counted_from != b.explanation.counted_from,
            ),
            (Differs::Pauses, spans(a) != spans(b)),
            (Differs::DueAt, a.due_at != b.due_at),
            (Differs::StoppedAt, (a.stopped_at, a.reason) != (b.stopped_at, b.reason)),
        ];
        found.into_iter().filter(|found| found.1).map(|found| found.0).collect()
    }
}

/// What the target of a clock allows, whatever it is called.
fn promised(clock: &ClockView) -> &str {
    let chosen = clock.why.as_deref().and_then(|why| why.targets.last());
    let text = chosen.and_then(|target| target.within.as_deref().or(target.by.as_deref()));
    text.unwrap_or(&clock.target)
}
