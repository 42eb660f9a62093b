//! Compliance: how the clocks of a history stand, per SLA, team, owner, target, month and attribute (INTERFACE "Commands").

mod csv;
mod json;
mod text;

use std::collections::BTreeMap;

use chrono::Datelike;
use chrono_tz::Tz;

use crate::engine::clock::Clock;
use crate::engine::fold::{Dropped, NotStarted};
use crate::engine::ledger::Deadline;
use crate::engine::{Lead, Reading, RecordError, Rules, Standing};
use crate::replay::Counts;
use crate::time::Timestamp;

pub use self::csv::write_csv;
pub use json::{ReportJson, to_json, write_json};
pub use text::write_text;

/// The quantiles that a report has.
pub const PERCENTS: [usize; 3] = [50, 90, 99];

/// What stands for nobody, no team, no value.
pub const NONE: &str = "(none)";

/// Stands for what a lead no longer knows of the clocks that its folded facts made.
pub const FOLDED: &str = "(folded)";

/// Under whom a clock is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holder {
    /// Who held the lead when the clock ended, or holds it now.
    #[default]
    End,
    /// Who held it at `due_at`.
    Due,
}

/// Counters of some clocks: `started = met + met_late + breached + running + cancelled`.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub met: u64,
    pub met_late: u64,
    pub breached: u64,
    pub running: u64,
    pub cancelled: u64,
    /// Open time of the stopped clocks, milliseconds.
    open_ms: Vec<i64>,
}

impl Tally {
    pub fn started(&self) -> u64 {
        self.met + self.met_late + self.breached + self.running + self.cancelled
    }

    /// met / (met + met_late + breached), of 10,000 so that it prints exactly; `None` of nothing.
    pub fn met_share(&self) -> Option<f64> {
        let judged = self.met + self.met_late + self.breached;
        (judged > 0).then(|| (self.met as f64 / judged as f64 * 10_000.0).round() / 10_000.0)
    }

    /// [`PERCENTS`] of the open time of the stopped clocks, nearest rank, milliseconds; `None` of nothing.
    pub fn quantiles_ms(&self) -> [Option<i64>; PERCENTS.len()] {
        let mut sorted = self.open_ms.clone();
        sorted.sort_unstable();
        PERCENTS.map(|percent| sorted.get((percent * sorted.len()).div_ceil(100).saturating_sub(1)).copied())
    }

    fn count(&mut self, standing: Standing, open_ms: i64) {
        match standing {
            Standing::Met => self.met += 1,
            Standing::MetLate => self.met_late += 1,
            Standing::Breached => self.breached += 1,
            Standing::Running | Standing::Paused => self.running += 1,
            Standing::Cancelled => self.cancelled += 1,
        }
        if matches!(standing, Standing::Met | Standing::MetLate) {
            self.open_ms.push(open_ms);
        }
    }
}

/// One SLA: its counters, and the same by group.
#[derive(Clone, Debug, Default)]
pub struct SlaReport {
    pub all: Tally,
    pub by_team: BTreeMap<String, Tally>,
    pub by_owner: BTreeMap<String, Tally>,
    pub by_target: BTreeMap<String, Tally>,
    pub by_month: BTreeMap<String, Tally>,
    /// By attribute asked for, in the order asked.
    pub by: Vec<(String, BTreeMap<String, Tally>)>,
    pub already_stopped: u64,
    pub before_first_version: u64,
}

#[derive(Clone, Debug)]
pub struct Report {
    pub as_of: Timestamp,
    /// In the policy's order.
    pub slas: Vec<(String, SlaReport)>,
    pub events: Counts,
}

/// Collects a report from records.
pub struct Collector<'r> {
    rules: &'r Rules,
    report: Report,
    holder: Holder,
    reading: Reading,
}

impl<'r> Collector<'r> {
    pub fn new(rules: &'r Rules, as_of: Timestamp, by: &[String], holder: Holder) -> Self {
        let mut empty = SlaReport::default();
        for name in by {
            if empty.by.iter().all(|known| known.0 != *name) {
                empty.by.push((name.clone(), BTreeMap::new()));
            }
        }
        let slas = rules.policy.families.iter().map(|family| (family.name.clone(), empty.clone())).collect();
        let report = Report { as_of, slas, events: Counts::default() };
        Collector { rules, report, holder, reading: Reading::default() }
    }

    /// # Errors
    /// Where the bytes are no record.
    pub fn add(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let as_of = self.report.as_of;
        self.reading.read(self.rules, record, as_of)?;
        let Reading { lead, fold } = &self.reading;
        for clock in &fold.clocks {
            let report = &mut self.report.slas[usize::from(clock.family)].1;
            count_clock(self.rules, lead, clock, as_of, self.holder, report);
        }
        for (family, (_, report)) in (0..).zip(&mut self.report.slas) {
            let NotStarted { already_stopped, before_first_version } = fold.not_started(family);
            report.already_stopped += u64::from(already_stopped);
            report.before_first_version += u64::from(before_first_version);
            count_dropped(&fold.dropped(family), report);
        }
        Ok(())
    }

    pub fn finish(mut self, events: Counts) -> Report {
        self.report.events = events;
        self.report
    }
}

fn count_clock(rules: &Rules, lead: &Lead, clock: &Clock, as_of: Timestamp, holder: Holder, report: &mut SlaReport) {
    let standing = Standing::of(clock);
    let open_ms = clock.open_ms(rules, clock.ended_at().min(as_of));
    // Of a clock that a pause holds there is none: any instant would be a guess that the next report takes back.
    let due = match clock.deadline {
        Deadline::At(due) => Some(due),
        Deadline::Remaining(_) => None,
    };
    let (owner, team) = match (holder, due, clock.end) {
        (Holder::Due, Some(due), end) if end.is_none_or(|end| due < end.at) => {
            clock.holder_at(due).map_or((0, 0), |hold| (hold.owner, hold.team))
        }
        (_, _, Some(end)) => (end.owner, end.team),
        (_, _, None) => clock.holds.last().map_or((0, 0), |hold| (hold.owner, hold.team)),
    };
    let named = |text: Option<&str>| text.unwrap_or(NONE).to_owned();
    let zone = rules.version(clock.version).timezone;
    report.all.count(standing, open_ms);
    let group = |groups: &mut BTreeMap<String, Tally>, name: String| {
        groups.entry(name).or_default().count(standing, open_ms);
    };
    group(&mut report.by_team, named(lead.said(team)));
    group(&mut report.by_owner, named(lead.said(owner)));
    group(&mut report.by_target, clock.promise(rules).label.clone());
    group(&mut report.by_month, due.map_or(NONE.to_owned(), |due| month(zone, due)));
    for (attribute, groups) in &mut report.by {
        // What folded facts said of a clock's start is not known any more.
        let folded = lead.folded_until().is_some_and(|until| clock.start <= until);
        let value = if folded { Some(FOLDED) } else { attribute_at(lead, attribute, clock.start) };
        group(groups, named(value));
    }
}

/// Clocks that are not kept one by one count in every group, under a name of their own.
fn count_dropped(dropped: &Dropped, report: &mut SlaReport) {
    if *dropped == Dropped::default() {
        return;
    }
    let named = [&mut report.by_team, &mut report.by_owner, &mut report.by_target, &mut report.by_month];
    let groups = named.into_iter().chain(report.by.iter_mut().map(|(_, groups)| groups));
    let groups = groups.map(|groups| groups.entry(FOLDED.to_owned()).or_default());
    for tally in groups.chain([&mut report.all]) {
        tally.met += u64::from(dropped.met);
        tally.met_late += u64::from(dropped.met_late);
        tally.breached += u64::from(dropped.breached);
        tally.cancelled += u64::from(dropped.cancelled);
    }
}

fn month(zone: Tz, instant: Timestamp) -> String {
    let local = instant.to_utc().with_timezone(&zone);
    format!("{:04}-{:02}", local.year(), local.month())
}

/// The value that an attribute had at an instant, by the facts up to it in the same life of the lead.
fn attribute_at<'l>(lead: &'l Lead, name: &str, at: Timestamp) -> Option<&'l str> {
    let facts = lead.facts.iter().take_while(|fact| fact.time <= at);
    let mut value = lead.folded.as_ref().and_then(|folded| folded.attribute(lead, name));
    for fact in facts {
        if matches!(fact.kind, crate::event::FactKind::Deleted | crate::event::FactKind::Merged) {
            value = None;
        }
        let said = lead.attributes_of(fact).iter().rev().find(|pair| lead.str(pair.0) == name);
        value = said.map(|pair| lead.str(pair.1)).or(value);
    }
    value
}
