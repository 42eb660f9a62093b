//! The comparison as JSON. `schemas/comparison.json` and `schemas/comparison.change.json` are generated from these types.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Change, Comparison, Differs, NoClock, Pairs, Seen, Side, SlaComparison, Which};
use crate::engine::explain::PolicyView;
use crate::engine::notice::{Explanation, Seconds};
use crate::engine::{ClockView, Standing};
use crate::explain;
use crate::language::Lang;
use crate::replay::Counts;
use crate::report::Tally;
use crate::report::json::{Ordered, TallyJson, counters_of};
use crate::time::Timestamp;

/// What two policies say of one history: the report of `plazo replay` with two `--policy`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Comparison of two policies", deny_unknown_fields)]
pub struct ComparisonJson {
    as_of: Timestamp,
    a: SideJson,
    b: SideJson,
    #[schemars(with = "BTreeMap<String, SlaJson>")]
    slas: Ordered<SlaJson>,
    changed: ChangedJson,
}

/// A policy, by its latest version, and what became of the events under it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Side", deny_unknown_fields)]
struct SideJson {
    path: String,
    name: String,
    effective_from: Timestamp,
    fingerprint: String,
    events: EventsJson,
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

/// Counters under each policy, and B less A.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Pair", deny_unknown_fields)]
struct PairJson {
    a: TallyJson,
    b: TallyJson,
    difference: DifferenceJson,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Difference", deny_unknown_fields)]
struct DifferenceJson {
    started: i64,
    met: i64,
    met_late: i64,
    breached: i64,
    running: i64,
    cancelled: i64,
    /// To four digits; null where either side has none.
    met_share: Option<f64>,
}

type Groups = BTreeMap<String, PairJson>;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sla", deny_unknown_fields)]
struct SlaJson {
    /// `A` or `B` where one policy alone has this SLA: each of its clocks has changed, to or from no clock.
    only_in: Option<&'static str>,
    #[serde(flatten)]
    all: PairJson,
    by_team: Groups,
    by_owner: Groups,
    by_target: Groups,
    by_month: Groups,
    /// Where `--period week` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_week: Option<Groups>,
    /// By each attribute asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeMap<String, Groups>")]
    by: Option<Ordered<Groups>>,
    /// The clocks that A's target and B's target were chosen for together.
    segments: Vec<SegmentJson>,
    /// How many clocks went from which verdict to which.
    changes: Vec<MovedJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Segment", deny_unknown_fields)]
struct SegmentJson {
    /// `(no clock)`: only B started one.
    target_a: String,
    target_b: String,
    #[serde(flatten)]
    pair: PairJson,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Moved", deny_unknown_fields)]
struct MovedJson {
    /// null: no such clock.
    a: Option<Standing>,
    b: Option<Standing>,
    clocks: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Changed", deny_unknown_fields)]
struct ChangedJson {
    clocks: u64,
    leads: u64,
    /// The first of them; `--changed FILE` has all.
    first: Vec<ChangeJson>,
}

/// A clock whose verdict is not the same under both policies: a line of `--changed FILE`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "A changed verdict", deny_unknown_fields)]
pub struct ChangeJson {
    lead_id: String,
    sla: String,
    cycle: u32,
    /// In what the clocks differ, from what comes first to what follows from it.
    differs: Vec<Differs>,
    /// Why the verdicts differ, in a sentence whose times are those of `timezone`.
    reason: String,
    timezone: &'static str,
    a: SeenJson,
    b: SeenJson,
}

/// What one policy makes of the clock.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Seen", deny_unknown_fields)]
struct SeenJson {
    /// In a sentence.
    text: String,
    /// null: it has no such clock.
    clock: Option<ClockJson>,
    /// What it has of the lead instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_clock: Option<NoClockJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Clock", deny_unknown_fields)]
struct ClockJson {
    state: Standing,
    target: String,
    owner: Option<String>,
    team: Option<String>,
    started_at: Timestamp,
    /// null while it is paused
    due_at: Option<Timestamp>,
    /// Of a paused clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_seconds: Option<Seconds>,
    stopped_at: Option<Timestamp>,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    open_seconds: Seconds,
    policy: PolicyView,
    explanation: Explanation,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NoClock", deny_unknown_fields)]
struct NoClockJson {
    /// The policy has no SLA of that name.
    sla_unknown: bool,
    /// All that was said of the lead was refused.
    lead_unknown: bool,
    /// Clocks of this SLA that it has of the lead.
    clocks: u32,
    already_stopped: u32,
    before_first_version: u32,
}

fn pair([a, b]: [&Tally; 2]) -> PairJson {
    let less = |count: fn(&Tally) -> u64| count(b) as i64 - count(a) as i64;
    let share = a.met_share().zip(b.met_share());
    PairJson {
        a: counters_of(a),
        b: counters_of(b),
        difference: DifferenceJson {
            started: less(Tally::started),
            met: less(|tally| tally.met),
            met_late: less(|tally| tally.met_late),
            breached: less(|tally| tally.breached),
            running: less(|tally| tally.running),
            cancelled: less(|tally| tally.cancelled),
            met_share: share.map(|(a, b)| ((b - a) * 10_000.0).round() / 10_000.0),
        },
    }
}

fn groups(pairs: Pairs<'_>) -> Groups {
    pairs.into_iter().map(|(name, tallies)| (name, pair(tallies))).collect()
}

fn sla(sla: &SlaComparison) -> SlaJson {
    let mut all = sla.groups().into_iter().map(|(by, pairs)| (by.to_owned(), groups(pairs)));
    let mut named = || all.next().map(|(_, groups)| groups).unwrap_or_default();
    let (by_team, by_owner, by_target, by_month) = (named(), named(), named(), named());
    let by_week = sla.reports[0].by_week.is_some().then(&mut named);
    let by: Vec<(String, Groups)> = all.collect();
    let segments = sla.segments.iter().map(|([target_a, target_b], tallies)| SegmentJson {
        target_a: target_a.clone(),
        target_b: target_b.clone(),
        pair: pair(tallies.each_ref()),
    });
    SlaJson {
        only_in: sla.only_in.map(Which::name),
        all: pair(sla.all()),
        by_team,
        by_owner,
        by_target,
        by_month,
        by_week,
        by: (!by.is_empty()).then_some(Ordered(by)),
        segments: segments.collect(),
        changes: sla.changes.iter().map(|([a, b], clocks)| MovedJson { a: *a, b: *b, clocks: *clocks }).collect(),
    }
}

fn side(side: &Side) -> SideJson {
    let Counts { accepted, duplicate, rejected, .. } = &side.events;
    SideJson {
        path: side.path.clone(),
        name: side.name.clone(),
        effective_from: side.effective_from,
        fingerprint: side.fingerprint.clone(),
        events: EventsJson { accepted: *accepted, duplicate: *duplicate, rejected: rejected.clone() },
    }
}

fn clock(clock: &ClockView) -> ClockJson {
    let clock = clock.clone();
    ClockJson {
        state: clock.state,
        target: clock.target,
        owner: clock.owner,
        team: clock.team,
        started_at: clock.started_at,
        due_at: clock.due_at,
        remaining_seconds: clock.remaining_seconds,
        stopped_at: clock.stopped_at,
        reason: clock.reason,
        open_seconds: clock.open_seconds,
        policy: clock.policy,
        explanation: clock.explanation,
    }
}

/// A changed clock as `--changed` writes it, its sentences in this language.
pub fn change_json(change: &Change, lang: Lang) -> ChangeJson {
    let told = explain::change(change, lang);
    let seen = |seen: &Seen, text: String| SeenJson {
        text,
        clock: seen.clock().map(clock),
        no_clock: match seen {
            Seen::Clock(_) => None,
            Seen::NoClock(NoClock { sla_unknown, lead_unknown, clocks, already_stopped, before_first_version }) => {
                Some(NoClockJson {
                    sla_unknown: *sla_unknown,
                    lead_unknown: *lead_unknown,
                    clocks: *clocks,
                    already_stopped: *already_stopped,
                    before_first_version: *before_first_version,
                })
            }
        },
    };
    let ([a, b], [text_a, text_b]) = (&change.sides, told.sides);
    ChangeJson {
        lead_id: change.lead_id.clone(),
        sla: change.sla.clone(),
        cycle: change.cycle,
        differs: change.differs(),
        reason: told.reason,
        timezone: change.timezone.name(),
        a: seen(a, text_a),
        b: seen(b, text_b),
    }
}

fn body(comparison: &Comparison, lang: Lang) -> ComparisonJson {
    let [a, b] = &comparison.sides;
    ComparisonJson {
        as_of: comparison.as_of,
        a: side(a),
        b: side(b),
        slas: Ordered(comparison.slas.iter().map(|compared| (compared.name.clone(), sla(compared))).collect()),
        changed: ChangedJson {
            clocks: comparison.changed_clocks(),
            leads: comparison.changed_leads,
            first: comparison.first.iter().map(|change| change_json(change, lang)).collect(),
        },
    }
}

pub fn to_json(comparison: &Comparison, lang: Lang) -> Value {
    serde_json::to_value(body(comparison, lang)).unwrap_or_default()
}

/// # Errors
/// Where `out` fails.
pub fn write_json(comparison: &Comparison, lang: Lang, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &body(comparison, lang))?;
    out.write_all(b"\n")
}
