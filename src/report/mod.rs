//! Compliance: how the clocks of a history or of an engine stand, per SLA, team, owner, target, month, week and attribute
//! (INTERFACE "Commands", `docs/reports.md`).
//!
//! `collect` counts clocks, `period` names months and weeks; `text`, `json`, `csv` and `page` write what was counted.

mod collect;
mod csv;
pub(crate) mod json;
mod page;
mod period;
mod text;
pub mod words;

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono_tz::Tz;
use clap::ValueEnum;

use crate::api::segment;
use crate::engine::Standing;
use crate::language::Lang;
use crate::replay::Counts;
use crate::time::{DAY_MS, HOUR_MS, Timestamp};

pub use self::csv::write_csv;
pub use collect::{Collector, MOST_BREACHES, attribute_at};
pub use json::{ReportJson, to_json, write_json};
pub use page::write_html;
pub use period::{Period, Span, Step};
pub use text::write_text;

/// The quantiles that a report has.
pub const PERCENTS: [usize; 3] = [50, 90, 99];

/// What stands for nobody, no team, no value.
pub const NONE: &str = "(none)";

/// Stands for what a lead no longer knows of the clocks that its folded facts made.
pub const FOLDED: &str = "(folded)";

/// What a report is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Tables for a terminal
    #[default]
    Text,
    Json,
    Csv,
    /// One page that needs nothing else
    Html,
}

/// Under whom a clock is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
    pub const fn nothing() -> Self {
        Tally { met: 0, met_late: 0, breached: 0, running: 0, cancelled: 0, open_ms: Vec::new() }
    }

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

    pub fn count(&mut self, standing: Standing, open_ms: i64) {
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
    /// Where the report counts by weeks.
    pub by_week: Option<BTreeMap<String, Tally>>,
    /// By attribute asked for, in the order asked.
    pub by: Vec<(String, BTreeMap<String, Tally>)>,
    pub already_stopped: u64,
    pub before_first_version: u64,
    pub open: OpenAges,
    /// By owner, whoever held a lead while a clock ran.
    pub held: BTreeMap<String, Held>,
    /// The latest breaches by their deadline, the last one first.
    pub breaches: Vec<Breach>,
    /// How many there are, told one by one or not.
    pub breach_count: u64,
}

impl SlaReport {
    /// The groups that a trend is made of.
    pub fn trend(&self) -> &BTreeMap<String, Tally> {
        self.by_week.as_ref().unwrap_or(&self.by_month)
    }

    /// Breaches that are not told one by one.
    pub fn more_breaches(&self) -> u64 {
        self.breach_count - self.breaches.len() as u64
    }

    /// Open time of all clocks and of those that broke their promise, whoever held the leads.
    pub fn held_in_all(&self) -> Held {
        self.held.values().fold(Held::default(), |sum, held| Held {
            open_ms: sum.open_ms.saturating_add(held.open_ms),
            breached_ms: sum.breached_ms.saturating_add(held.breached_ms),
        })
    }
}

/// Bounds of the ages, elapsed time since the start: below the first, from one to the next, from the last on.
pub const AGES_MS: [i64; 6] = [HOUR_MS, 4 * HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS];

/// Each age as machines read it.
pub const AGE_NAMES: [&str; AGES_MS.len() + 1] = ["0h-1h", "1h-4h", "4h-1d", "1d-3d", "3d-7d", "7d-30d", "30d-"];

/// Open clocks by age.
pub type OpenAges = [OpenClocks; AGES_MS.len() + 1];

/// Clocks that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenClocks {
    /// Not yet due.
    pub running: u64,
    pub paused: u64,
    /// Breached and not stopped.
    pub overdue: u64,
}

impl OpenClocks {
    pub fn all(self) -> u64 {
        self.running + self.paused + self.overdue
    }
}

/// How long somebody held leads while their clocks ran, in the measure of each promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub open_ms: i64,
    /// Of clocks that were breached.
    pub breached_ms: i64,
}

/// Parts of a whole, to four digits; `None` of nothing.
pub fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0)
}

/// One clock that broke its promise.
#[derive(Clone, Debug)]
pub struct Breach {
    pub lead_id: String,
    pub cycle: u32,
    pub standing: Standing,
    pub target: String,
    /// Under whom it is counted.
    pub owner: Option<String>,
    pub team: Option<String>,
    pub started_at: Timestamp,
    pub due_at: Timestamp,
    /// `None` while it is open.
    pub ended_at: Option<Timestamp>,
    pub open_ms: i64,
    /// Why the deadline was where it was, in short.
    pub summary: String,
}

/// What became of the events, as far as whoever reports knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    pub accepted: Option<u64>,
    pub duplicate: Option<u64>,
    pub rejected: Option<BTreeMap<String, u64>>,
}

impl From<Counts> for Events {
    fn from(counts: Counts) -> Self {
        let rejected = counts.rejected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
        Events { accepted: Some(counts.accepted), duplicate: Some(counts.duplicate), rejected: Some(rejected) }
    }
}

#[derive(Clone, Debug)]
pub struct Report {
    pub as_of: Timestamp,
    /// Of the version in force at `as_of`.
    pub agreement: String,
    pub zone: Tz,
    pub period: Period,
    /// In the policy's order.
    pub slas: Vec<(String, SlaReport)>,
    pub events: Events,
    /// Where an engine tells of its leads: breaches link to it.
    pub engine: Option<String>,
    /// By lead id, the whole story of the leads whose breaches are told, where it was asked for.
    pub explanations: BTreeMap<String, String>,
}

/// Where an engine tells of a lead.
fn lead_url(engine: &str, lead_id: &str) -> String {
    format!("{}/v1/leads/{}", engine.trim_end_matches('/'), segment(lead_id))
}

/// # Errors
/// Where `out` fails.
pub fn write(report: &Report, form: Form, lang: Lang, out: impl Write) -> io::Result<()> {
    match form {
        Form::Text => write_text(report, lang, out),
        Form::Json => write_json(report, out),
        Form::Csv => write_csv(report, out),
        Form::Html => write_html(report, lang, out),
    }
}
