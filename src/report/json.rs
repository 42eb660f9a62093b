//! The report as JSON, keys and order as INTERFACE has them. `schemas/report.json` is generated from these types.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{AGES_MS, Breach, Held, Report, SlaReport, Tally, lead_url, share};
use crate::engine::Standing;
use crate::engine::notice::Seconds;
use crate::time::Timestamp;

type Groups = BTreeMap<String, TallyJson>;

/// Open time of the stopped clocks (met and met_late), nearest rank; null of nothing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenSeconds", deny_unknown_fields)]
struct OpenSecondsJson {
    p50: Option<Seconds>,
    p90: Option<Seconds>,
    p99: Option<Seconds>,
}

/// An SLA has the counters of its groups, and more.
macro_rules! counters {
    ($($(#[$attribute:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident : $type:ty),* $(,)? })*) => {$(
        #[derive(Serialize, JsonSchema)]
        $(#[$attribute])*
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            /// met + met_late + breached + running + cancelled
            started: u64,
            /// Stopped at or before `due_at`.
            met: u64,
            /// Breached, then stopped.
            met_late: u64,
            /// Past `due_at`, not stopped; also those cancelled after it.
            breached: u64,
            /// Not yet due, or paused.
            running: u64,
            cancelled: u64,
            /// met / (met + met_late + breached), to four digits; null of nothing.
            #[schemars(range(min = 0.0, max = 1.0))]
            met_share: Option<f64>,
            open_seconds: OpenSecondsJson,
            $($(#[$field_attribute])* $field: $type,)*
        }

        impl $name {
            #[allow(clippy::too_many_arguments, reason = "one for each key, in their order")]
            fn of(tally: &Tally, $($field: $type),*) -> Self {
                let [p50, p90, p99] = tally.quantiles_ms().map(|quantile| quantile.map(Seconds));
                $name {
                    started: tally.started(),
                    met: tally.met,
                    met_late: tally.met_late,
                    breached: tally.breached,
                    running: tally.running,
                    cancelled: tally.cancelled,
                    met_share: tally.met_share(),
                    open_seconds: OpenSecondsJson { p50, p90, p99 },
                    $($field,)*
                }
            }
        }
    )*};
}

counters! {
    /// Counters of some clocks.
    #[schemars(rename = "Tally")]
    TallyJson {}
    /// One SLA: its counters, and the same by group.
    #[schemars(rename = "Sla")]
    SlaJson {
        by_team: Groups,
        by_owner: Groups,
        /// By the target's name, else its `within` or `by` text.
        by_target: Groups,
        /// By the month of the final `due_at` in the agreement's zone, such as 2016-03; `(none)`: paused, without one.
        by_month: Groups,
        /// By the ISO week of the final `due_at`, such as 2026-W48, where the report counts by weeks.
        #[serde(skip_serializing_if = "Option::is_none")]
        by_week: Option<Groups>,
        /// By each attribute asked for: its value at the clock's start.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "BTreeMap<String, Groups>")]
        by: Option<Ordered<Groups>>,
        not_started: NotStartedJson,
        /// Clocks that have not ended, by the time that has elapsed since their start; each age, the youngest first.
        open_clocks: Vec<OpenClocksJson>,
        /// How long each owner held leads while their clocks ran, in the measure of each promise; `(none)`: nobody.
        open_time_by_owner: BTreeMap<String, HeldJson>,
        /// The latest by their `due_at`, the last one first.
        breaches: Vec<BreachJson>,
        /// How many more there are.
        breaches_left_out: u64,
    }
}

/// The counters of some clocks, for whoever writes them beside others.
pub(crate) fn counters_of(tally: &Tally) -> TallyJson {
    TallyJson::of(tally)
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenClocks", deny_unknown_fields)]
struct OpenClocksJson {
    from_seconds: Seconds,
    /// null: without a bound
    below_seconds: Option<Seconds>,
    /// Not yet due.
    running: u64,
    paused: u64,
    /// Breached and not stopped.
    overdue: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Held", deny_unknown_fields)]
struct HeldJson {
    open_seconds: Seconds,
    /// Of the open time of all owners, to four digits; null of nothing.
    share: Option<f64>,
    /// Of clocks that were breached.
    breached_seconds: Seconds,
    breached_share: Option<f64>,
}

/// One clock that broke its promise.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Breach", deny_unknown_fields)]
struct BreachJson {
    lead_id: String,
    cycle: u32,
    /// `met_late` or `breached`
    state: Standing,
    target: String,
    /// Under whom it is counted.
    owner: Option<String>,
    team: Option<String>,
    started_at: Timestamp,
    due_at: Timestamp,
    /// null while it is open
    ended_at: Option<Timestamp>,
    open_seconds: Seconds,
    /// Why the deadline was where it was.
    summary: String,
    /// The lead's facts, clocks and why, where an engine tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

fn breach(breach: &Breach, engine: Option<&str>) -> BreachJson {
    BreachJson {
        lead_id: breach.lead_id.clone(),
        cycle: breach.cycle,
        state: breach.standing,
        target: breach.target.clone(),
        owner: breach.owner.clone(),
        team: breach.team.clone(),
        started_at: breach.started_at,
        due_at: breach.due_at,
        ended_at: breach.ended_at,
        open_seconds: Seconds(breach.open_ms),
        summary: breach.summary.clone(),
        url: engine.map(|engine| lead_url(engine, &breach.lead_id)),
    }
}

fn open_clocks(sla: &SlaReport) -> Vec<OpenClocksJson> {
    let from = [0].into_iter().chain(AGES_MS);
    let below = AGES_MS.map(Some).into_iter().chain([None]);
    let ages = from.zip(below).zip(&sla.open);
    ages.map(|((from, below), open)| OpenClocksJson {
        from_seconds: Seconds(from),
        below_seconds: below.map(Seconds),
        running: open.running,
        paused: open.paused,
        overdue: open.overdue,
    })
    .collect()
}

fn held(sla: &SlaReport) -> BTreeMap<String, HeldJson> {
    let all = sla.held_in_all();
    let of = |held: &Held| HeldJson {
        open_seconds: Seconds(held.open_ms),
        share: share(held.open_ms, all.open_ms),
        breached_seconds: Seconds(held.breached_ms),
        breached_share: share(held.breached_ms, all.breached_ms),
    };
    sla.held.iter().map(|(owner, held)| (owner.clone(), of(held))).collect()
}

/// Clocks that would have started, but for this.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NotStarted", deny_unknown_fields)]
struct NotStartedJson {
    already_stopped: u64,
    before_first_version: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Events", deny_unknown_fields)]
struct EventsJson {
    /// Facts that changed nothing are accepted too. null: whoever reports does not know.
    accepted: Option<u64>,
    duplicate: Option<u64>,
    /// By reason.
    rejected: Option<BTreeMap<String, u64>>,
}

/// The report of `plazo replay --report json` and `plazo report --report json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Compliance report", deny_unknown_fields)]
pub struct ReportJson {
    as_of: Timestamp,
    #[schemars(with = "BTreeMap<String, SlaJson>")]
    slas: Ordered<SlaJson>,
    events: EventsJson,
}

/// An object whose keys keep their order.
pub(crate) struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn groups(groups: &BTreeMap<String, Tally>) -> Groups {
    groups.iter().map(|(name, tally)| (name.clone(), TallyJson::of(tally))).collect()
}

fn sla(report: &SlaReport, engine: Option<&str>) -> SlaJson {
    let by: Vec<(String, Groups)> = report.by.iter().map(|(name, by)| (name.clone(), groups(by))).collect();
    SlaJson::of(
        &report.all,
        groups(&report.by_team),
        groups(&report.by_owner),
        groups(&report.by_target),
        groups(&report.by_month),
        report.by_week.as_ref().map(groups),
        (!by.is_empty()).then_some(Ordered(by)),
        NotStartedJson { already_stopped: report.already_stopped, before_first_version: report.before_first_version },
        open_clocks(report),
        held(report),
        report.breaches.iter().map(|told| breach(told, engine)).collect(),
        report.more_breaches(),
    )
}

fn body(report: &Report) -> ReportJson {
    let engine = report.engine.as_deref();
    ReportJson {
        as_of: report.as_of,
        slas: Ordered(report.slas.iter().map(|(name, told)| (name.clone(), sla(told, engine))).collect()),
        events: EventsJson {
            accepted: report.events.accepted,
            duplicate: report.events.duplicate,
            rejected: report.events.rejected.clone(),
        },
    }
}

pub fn to_json(report: &Report) -> Value {
    serde_json::to_value(body(report)).unwrap_or_default()
}

/// # Errors
/// Where `out` fails.
pub fn write_json(report: &Report, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &body(report))?;
    out.write_all(b"\n")
}
