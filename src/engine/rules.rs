//! A policy made ready for the fold: what is asked of every fact is looked up once here.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::notice::RawPolicy;
use crate::calendar::{Duration, Schedule};
use crate::policy::{Key, Policy, Promise, Sla, Target, Version};
use crate::time::Timestamp;

/// The policy with its derived tables.
#[derive(Clone, Debug)]
pub struct Rules {
    pub policy: Arc<Policy>,
    /// By version, then by SLA of that version.
    slas: Vec<Vec<SlaRules>>,
    /// Attributes that some `by` target reads, of any version: their values must be instants.
    by_attributes: Vec<String>,
    /// The `policy` part of notices, by version.
    policy_parts: Vec<RawPolicy>,
    /// The longest time of any version within which dispositions are watched.
    watched_ms: Option<i64>,
}

/// What the fold wants to know of one SLA.
#[derive(Clone, Debug)]
pub struct SlaRules {
    /// Names of the rungs and of the steps in the ledger: hashes of their texts.
    pub rungs: Vec<u32>,
    pub steps: Vec<u32>,
    /// What notices call each target.
    pub labels: Vec<u32>,
    /// Names of the targets in folded clocks: those that are called the same are told apart by their place among them.
    pub targets: Vec<u32>,
}

/// The name of a text in the ledger.
pub fn text_key(text: &str) -> u32 {
    xxh3_64(text.as_bytes()) as u32
}

fn target_key(targets: &[Target], place: usize) -> u32 {
    let label = &targets[place].label;
    match targets[..place].iter().filter(|before| before.label == *label).count() {
        0 => text_key(label),
        before => text_key(&format!("{label}\n{before}")),
    }
}

impl Rules {
    pub fn new(policy: Arc<Policy>) -> Self {
        let mut by_attributes: Vec<String> = Vec::new();
        let mut slas = Vec::new();
        for version in &policy.versions {
            let mut of_version = Vec::new();
            for sla in &version.slas {
                for target in &sla.targets {
                    if let Promise::By(name) = &target.promise
                        && !by_attributes.contains(name)
                    {
                        by_attributes.push(name.clone());
                    }
                }
                of_version.push(SlaRules {
                    rungs: sla.reminders.iter().map(|reminder| text_key(&reminder.text)).collect(),
                    steps: sla.escalations.iter().map(|step| text_key(&step.text)).collect(),
                    labels: sla.targets.iter().map(|target| text_key(&target.label)).collect(),
                    targets: (0..sla.targets.len()).map(|place| target_key(&sla.targets, place)).collect(),
                });
            }
            slas.push(of_version);
        }
        let policy_parts = policy.versions.iter().map(RawPolicy::of).collect();
        let watches = policy.versions.iter().filter_map(|version| version.watch.mass_disposition.as_ref());
        let watched_ms = watches.map(|limit| limit.within_ms).max();
        Rules { policy, slas, by_attributes, policy_parts, watched_ms }
    }

    /// How far back dispositions are looked at; `None` where no version watches them.
    pub fn watched_ms(&self) -> Option<i64> {
        self.watched_ms
    }

    pub fn version(&self, version: u16) -> &Version {
        &self.policy.versions[usize::from(version)]
    }

    pub fn sla(&self, version: u16, sla: u16) -> &Sla {
        &self.policy.versions[usize::from(version)].slas[usize::from(sla)]
    }

    pub fn of(&self, version: u16, sla: u16) -> &SlaRules {
        &self.slas[usize::from(version)][usize::from(sla)]
    }

    pub fn family_name(&self, family: u16) -> &str {
        &self.policy.families[usize::from(family)].name
    }

    pub fn policy_part(&self, version: u16) -> &RawPolicy {
        &self.policy_parts[usize::from(version)]
    }

    pub fn families(&self) -> usize {
        self.policy.families.len()
    }

    /// Whether the attribute gives the deadline of some target.
    pub fn gives_deadline(&self, attribute: &str) -> bool {
        self.by_attributes.iter().any(|name| name == attribute)
    }

    /// The SLA's definition at a version, and whether that version has it. A version that lacks the SLA borrows the
    /// definition of the nearest one (a later one first), so that what happened before a promise existed uses up the start
    /// of a cycle without making a clock.
    pub fn definition(&self, family: u16, version: usize) -> (u16, u16, bool) {
        let by_version = &self.policy.families[usize::from(family)].by_version;
        let at = |index: usize| by_version.get(index).copied().flatten().map(|sla| (index as u16, sla as u16));
        if let Some((version, sla)) = at(version) {
            return (version, sla, true);
        }
        let later = (version..by_version.len()).find_map(at);
        let (version, sla) = later.or_else(|| (0..version).rev().find_map(at)).unwrap_or((0, 0));
        (version, sla, false)
    }
}

/// Whether any condition of a target reads attributes (or anything else of the lead).
pub fn holds<'l>(target: &Target, value_of: impl Fn(&Key) -> Option<&'l str>) -> bool {
    target.when.iter().all(|condition| condition.test.matches(value_of(&condition.key)))
}

/// `from` plus `duration`; never, where calendars do not reach.
pub fn add(schedule: &Schedule, from: Timestamp, duration: &Duration) -> Timestamp {
    match duration {
        Duration::Elapsed { ms } => from.plus_ms(*ms),
        _ => schedule.add(from, duration).unwrap_or(Timestamp::MAX),
    }
}

/// A target's own measure: open time for business durations of every kind, elapsed time otherwise (SEMANTICS 12.19).
#[derive(Clone, Copy, Debug)]
pub enum Measure<'a> {
    Open(&'a Schedule),
    Elapsed,
}

impl<'a> Measure<'a> {
    pub fn of_duration(schedule: &'a Schedule, duration: &Duration) -> Self {
        if duration.is_business() { Measure::Open(schedule) } else { Measure::Elapsed }
    }

    pub fn of_target(target: &'a Target) -> Self {
        match &target.promise {
            Promise::Within(duration) => Measure::of_duration(&target.schedule, duration),
            Promise::By(_) => Measure::Elapsed,
        }
    }

    /// The calendar's open time where there is one, as reminders count it.
    pub fn of_schedule(schedule: &'a Schedule) -> Self {
        if schedule.calendar.is_some() { Measure::Open(schedule) } else { Measure::Elapsed }
    }

    pub fn between(self, from: Timestamp, to: Timestamp) -> i64 {
        match self {
            Measure::Open(schedule) => schedule.open_ms_between(from, to).unwrap_or_else(|_| to.since_ms(from)),
            Measure::Elapsed => to.since_ms(from),
        }
    }

    pub fn add(self, from: Timestamp, ms: i64) -> Timestamp {
        match self {
            Measure::Open(schedule) => schedule.add_open_ms(from, ms).unwrap_or(Timestamp::MAX),
            Measure::Elapsed => from.plus_ms(ms),
        }
    }
}
