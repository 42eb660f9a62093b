//! The report as JSON, keys and order as INTERFACE has them. `schemas/report.json` is generated from these types.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Report, SlaReport, Tally};
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
        struct $name {
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
        /// By each attribute asked for: its value at the clock's start.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "BTreeMap<String, Groups>")]
        by: Option<Ordered<Groups>>,
        not_started: NotStartedJson,
    }
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
    /// Facts that changed nothing are accepted too.
    accepted: u64,
    duplicate: u64,
    /// By reason.
    rejected: BTreeMap<&'static str, u64>,
}

/// The report of `plazo replay --report json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Compliance report", deny_unknown_fields)]
pub struct ReportJson {
    as_of: Timestamp,
    #[schemars(with = "BTreeMap<String, SlaJson>")]
    slas: Ordered<SlaJson>,
    events: EventsJson,
}

/// An object whose keys keep their order.
struct Ordered<T>(Vec<(String, T)>);

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

fn sla(report: &SlaReport) -> SlaJson {
    let by: Vec<(String, Groups)> = report.by.iter().map(|(name, by)| (name.clone(), groups(by))).collect();
    SlaJson::of(
        &report.all,
        groups(&report.by_team),
        groups(&report.by_owner),
        groups(&report.by_target),
        groups(&report.by_month),
        (!by.is_empty()).then_some(Ordered(by)),
        NotStartedJson { already_stopped: report.already_stopped, before_first_version: report.before_first_version },
    )
}

fn body(report: &Report) -> ReportJson {
    ReportJson {
        as_of: report.as_of,
        slas: Ordered(report.slas.iter().map(|(name, report)| (name.clone(), sla(report))).collect()),
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
