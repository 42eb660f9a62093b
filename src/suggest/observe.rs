//! What a history shows of each clock. The clocks are those of the engine on the policy as it is, but for its deadlines: a breach
//! must not decide how long a clock is looked at.

use std::collections::BTreeMap;

use super::scale::Scale;
use super::survival::Observation;
use crate::calendar::Duration;
use crate::engine::clock::Clock;
use crate::engine::ledger::Outcome;
use crate::engine::{Lead, Reading, RecordError, Rules};
use crate::policy::{Policy, Promise, Sla, Version, Watch};
use crate::report::{NONE, attribute_at};
use crate::time::{DAY_MS, Timestamp};

/// As good as never, and within what a policy may say.
const NEVER_MS: i64 = 10 * 365 * DAY_MS;

/// The policy whose clocks are looked at: a version without deadlines of its own, and without what only deadlines lead to.
pub fn without_deadlines(version: &Version) -> Policy {
    let mut version = version.clone();
    version.watch = Watch::default();
    for sla in &mut version.slas {
        sla.reminders.clear();
        sla.escalations.clear();
        for target in &mut sla.targets {
            if let Promise::Within(duration) = &mut target.promise {
                let ms = NEVER_MS;
                *duration = if duration.is_business() { Duration::Open { ms } } else { Duration::Elapsed { ms } };
            }
        }
    }
    Policy::of(vec![version])
}

/// By what segments are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    Team,
    Owner,
    Attribute(String),
}

impl Dimension {
    /// As `when` spells it. Status and stage are no attributes.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "team" => Some(Dimension::Team),
            "owner" => Some(Dimension::Owner),
            "status" | "stage" => None,
            _ => Some(Dimension::Attribute(name.to_owned())),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Dimension::Team => "team",
            Dimension::Owner => "owner",
            Dimension::Attribute(name) => name,
        }
    }

    /// Its value when the clock started, which is what `when` can ask for.
    fn value<'l>(&self, lead: &'l Lead, clock: &Clock) -> Option<&'l str> {
        let hold = clock.holder_at(clock.start);
        match self {
            Dimension::Team => lead.said(hold?.team),
            Dimension::Owner => lead.said(hold?.owner),
            Dimension::Attribute(name) => attribute_at(lead, name, clock.start),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    Running,
    Cancelled,
}

/// One clock, as far as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub ended: Ended,
    /// On the families of its own target.
    pub time: Observation,
    pub dates: Option<Observation>,
    /// On the time of the SLA's last target, where all targets can be compared.
    pub whole: Observation,
    pub elapsed_ms: i64,
    pub paused_ms: i64,
    /// Neither paused nor outside the calendar.
    pub counted_ms: i64,
    /// By dimension, an index into its values.
    pub values: Box<[u32]>,
}

/// What docs/suggest.md says of the memory that a clock takes.
const _: () = assert!(size_of::<Seen>() <= 100);

impl Seen {
    pub fn elapsed(&self) -> Observation {
        Observation { time: self.elapsed_ms, happened: self.ended == Ended::Stopped }
    }
}

/// The clocks of one SLA.
#[derive(Clone, Debug)]
pub struct SeenSla {
    pub name: String,
    /// By target of the SLA.
    pub targets: Vec<Vec<Seen>>,
    pub scales: Vec<(Scale, Option<Scale>)>,
    whole: Scale,
    /// By dimension: the values, in order of first appearance.
    pub values: Vec<Vec<String>>,
    indexes: Vec<BTreeMap<String, u32>>,
}

impl SeenSla {
    fn new(sla: &Sla, dimensions: usize) -> Option<Self> {
        let scales: Vec<_> =
            sla.targets.iter().map(|target| Scale::beside(&target.promise, &target.schedule)).collect();
        Some(SeenSla {
            name: sla.name.clone(),
            targets: vec![Vec::new(); sla.targets.len()],
            whole: scales.last()?.0.clone(),
            scales,
            values: vec![Vec::new(); dimensions],
            indexes: vec![BTreeMap::new(); dimensions],
        })
    }

    fn value(&mut self, dimension: usize, value: &str) -> u32 {
        if let Some(index) = self.indexes[dimension].get(value) {
            return *index;
        }
        let index = self.values[dimension].len() as u32;
        self.values[dimension].push(value.to_owned());
        self.indexes[dimension].insert(value.to_owned(), index);
        index
    }
}

/// Collects the clocks of records.
pub struct Observer<'r> {
    rules: &'r Rules,
    as_of: Timestamp,
    dimensions: &'r [Dimension],
    slas: Vec<SeenSla>,
    reading: Reading,
}

impl<'r> Observer<'r> {
    /// `rules` are those of [`without_deadlines`], `version` is what was asked about.
    pub fn new(rules: &'r Rules, version: &Version, as_of: Timestamp, dimensions: &'r [Dimension]) -> Self {
        let slas = version.slas.iter().filter_map(|sla| SeenSla::new(sla, dimensions.len())).collect();
        Observer { rules, as_of, dimensions, slas, reading: Reading::default() }
    }

    /// # Errors
    /// Where the bytes are no record.
    pub fn add(&mut self, record: &[u8]) -> Result<(), RecordError> {
        self.reading.read(self.rules, record, self.as_of)?;
        let Reading { lead, fold } = &self.reading;
        // What became of a lead after something of it was missed is not known.
        let known = fold.stale().map_or(self.as_of, |stale| stale.min(self.as_of));
        for clock in &fold.clocks {
            let Some(sla) = self.slas.get_mut(usize::from(clock.sla)) else { continue };
            let values = self.dimensions.iter().enumerate().map(|(dimension, asked)| {
                let value = asked.value(lead, clock).unwrap_or(NONE);
                sla.value(dimension, value)
            });
            let values = values.collect();
            let seen = look(self.rules, clock, known, sla, values);
            sla.targets[usize::from(clock.target)].push(seen);
        }
        Ok(())
    }

    pub fn finish(self) -> Vec<SeenSla> {
        self.slas
    }
}

fn look(rules: &Rules, clock: &Clock, known: Timestamp, sla: &SeenSla, values: Box<[u32]>) -> Seen {
    let ended = match clock.outcome() {
        Some(Outcome::Cancelled) => Ended::Cancelled,
        Some(_) => Ended::Stopped,
        None => Ended::Running,
    };
    let until = clock.end.map_or(known, |end| end.at).max(clock.start);
    let stopped = ended == Ended::Stopped;
    let (time, dates) = &sla.scales[usize::from(clock.target)];
    let elapsed_ms = until.since_ms(clock.start);
    let ran_ms = clock.runs(until).iter().map(|(from, to)| to.since_ms(*from)).fold(0, i64::saturating_add);
    Seen {
        ended,
        time: time.observe(rules, clock, until, stopped),
        dates: dates.as_ref().map(|dates| dates.observe(rules, clock, until, stopped)),
        whole: sla.whole.observe(rules, clock, until, stopped),
        elapsed_ms,
        paused_ms: elapsed_ms - ran_ms,
        counted_ms: clock.open_ms(rules, until),
        values,
    }
}
