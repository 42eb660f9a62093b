//! A suggestion as JSON. `schemas/suggestion.json` is generated from these types.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Suggestion;
use super::survival::{CONFIDENCE, Quantile, Share};
use super::weigh::{self, Candidate, Figures, LEAST_STOPS, PERCENTS, Segment, TargetFinding, Unsaid, Verdict};
use crate::engine::notice::Seconds;
use crate::language::Lang;
use crate::policy::{Promise, Sla};
use crate::time::Timestamp;
use crate::written_agreement::leads;

/// A time with its confidence interval (Brookmeyer-Crowley); null: beyond what the history shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Time", deny_unknown_fields)]
struct TimeJson {
    seconds: Option<Seconds>,
    low: Option<Seconds>,
    high: Option<Seconds>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Times", deny_unknown_fields)]
struct TimesJson {
    p50: TimeJson,
    p75: TimeJson,
    p90: TimeJson,
    p95: TimeJson,
}

/// A target, and which share of the clocks would have met it, with its confidence interval (Greenwood, log-log); null: nobody was
/// observed for so long.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Candidate", deny_unknown_fields)]
struct CandidateJson {
    /// As the policy writes it.
    within: String,
    /// To six digits.
    #[schemars(range(min = 0.0, max = 1.0))]
    met_share: Option<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    low: Option<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    high: Option<f64>,
    /// It is the policy's.
    present: bool,
}

/// Why no target is recommended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Unsaid")]
enum UnsaidJson {
    /// Fewer clocks stopped than `least_stops`.
    TooFew,
    /// No candidate is met so often, or not as far as the history shows.
    NotReached,
    /// The source gives the deadline.
    BySource,
}

/// What some clocks say.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Figures", deny_unknown_fields)]
struct FiguresJson {
    /// stopped + running + cancelled
    clocks: u64,
    stopped: u64,
    running: u64,
    cancelled: u64,
    /// From start to stop as the target counts it: pauses left out, and what its calendar leaves out.
    time_to_stop: TimesJson,
    /// From the least met to the most.
    candidates: Vec<CandidateJson>,
    /// The least candidate that is met as often as wished.
    recommended: Option<CandidateJson>,
    no_recommendation: Option<UnsaidJson>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Verdict")]
enum VerdictJson {
    TooFew,
    /// No difference beyond chance.
    Alike,
    /// A difference beyond chance, which calls for no other target.
    Little,
    /// It deserves a target of its own.
    Own,
}

/// Clocks of a target that have a value in common.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Segment", deny_unknown_fields)]
struct SegmentJson {
    /// `team`, `owner` or an attribute
    by: String,
    /// When the clock started; `(none)` where absent.
    value: String,
    verdict: VerdictJson,
    /// Of the log-rank test against the rest of its target, corrected for all comparisons of the SLA (Holm); null: not tested.
    p: Option<f64>,
    figures: FiguresJson,
}

/// Where the time from start to stop (or until now) went: shares of one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Spent", deny_unknown_fields)]
struct SpentJson {
    counted: Option<f64>,
    paused: Option<f64>,
    outside_calendar: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Target", deny_unknown_fields)]
struct TargetJson {
    /// Its name, else its `within` or `by` text.
    target: String,
    /// Which leads, in words.
    leads: String,
    /// null: the source gives the deadline.
    within: Option<String>,
    figures: FiguresJson,
    /// From start to stop by the wall clock.
    elapsed: TimesJson,
    spent: SpentJson,
    /// Whether its leads differ from those of the SLA's other targets; null where there is no other to compare with.
    against_others: Option<VerdictJson>,
    against_others_p: Option<f64>,
    segments: Vec<SegmentJson>,
    /// The clocks of no segment that a draft gives a target of its own; null where there is none.
    rest: Option<FiguresJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SlaSuggestion", deny_unknown_fields)]
struct SlaJson {
    sla: String,
    /// All clocks, in time as the last target counts it; without candidates.
    all: FiguresJson,
    targets: Vec<TargetJson>,
    /// Segments that deserve a target of their own and get none, as there would be too many.
    left_out: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyVersion", deny_unknown_fields)]
struct PolicyJson {
    name: String,
    effective_from: Timestamp,
    fingerprint: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventCounts", deny_unknown_fields)]
struct EventsJson {
    /// Facts that changed nothing are accepted too.
    accepted: u64,
    duplicate: u64,
    /// By reason.
    rejected: BTreeMap<&'static str, u64>,
}

/// The report of `plazo suggest --report json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Suggested targets", deny_unknown_fields)]
pub struct SuggestionJson {
    as_of: Timestamp,
    policy: PolicyJson,
    wished_met_share: f64,
    /// The level of every interval.
    confidence: f64,
    least_stops: u64,
    /// In the policy's order.
    slas: Vec<SlaJson>,
    events: EventsJson,
}

fn round(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

fn times(quantiles: &[Quantile; PERCENTS.len()]) -> TimesJson {
    let [p50, p75, p90, p95] = quantiles.map(|Quantile { time, low, high }| TimeJson {
        seconds: time.map(Seconds),
        low: low.map(Seconds),
        high: high.map(Seconds),
    });
    TimesJson { p50, p75, p90, p95 }
}

fn candidate(candidate: &Candidate) -> CandidateJson {
    let part = |part: fn(Share) -> f64| candidate.share.map(|share| round(part(share)));
    CandidateJson {
        within: candidate.duration.to_string(),
        met_share: part(|share| share.estimate),
        low: part(|share| share.low),
        high: part(|share| share.high),
        present: candidate.present,
    }
}

fn figures(figures: &Figures) -> FiguresJson {
    let told = !figures.candidates.is_empty() || figures.recommended == Err(Unsaid::BySource);
    FiguresJson {
        clocks: figures.clocks,
        stopped: figures.stopped,
        running: figures.running,
        cancelled: figures.cancelled,
        time_to_stop: times(&figures.quantiles),
        candidates: figures.candidates.iter().map(candidate).collect(),
        recommended: figures.recommended().map(candidate),
        no_recommendation: figures.recommended.err().filter(|_| told).map(|unsaid| match unsaid {
            Unsaid::TooFew => UnsaidJson::TooFew,
            Unsaid::NotReached => UnsaidJson::NotReached,
            Unsaid::BySource => UnsaidJson::BySource,
        }),
    }
}

fn verdict(verdict: Verdict) -> VerdictJson {
    match verdict {
        Verdict::TooFew => VerdictJson::TooFew,
        Verdict::Alike { .. } => VerdictJson::Alike,
        Verdict::Little { .. } => VerdictJson::Little,
        Verdict::Own { .. } => VerdictJson::Own,
    }
}

fn segment(suggestion: &Suggestion, segment: &Segment) -> SegmentJson {
    SegmentJson {
        by: suggestion.question.dimensions[segment.dimension].name().to_owned(),
        value: segment.value.clone(),
        verdict: verdict(segment.verdict),
        p: segment.verdict.p(),
        figures: figures(&segment.figures),
    }
}

fn target(suggestion: &Suggestion, sla: &Sla, finding: &TargetFinding) -> TargetJson {
    let promised = &sla.targets[finding.index];
    let spent = finding.spent;
    let all = (spent.counted_ms + spent.paused_ms + spent.closed_ms) as f64;
    let share = |ms: i128| (all > 0.0).then(|| round(ms as f64 / all));
    TargetJson {
        target: promised.label.clone(),
        leads: leads(&promised.when, sla.targets.len() > 1, Lang::En),
        within: match &promised.promise {
            Promise::Within(duration) => Some(duration.to_string()),
            Promise::By(_) => None,
        },
        figures: figures(&finding.figures),
        elapsed: times(&finding.elapsed),
        spent: SpentJson {
            counted: share(spent.counted_ms),
            paused: share(spent.paused_ms),
            outside_calendar: share(spent.closed_ms),
        },
        against_others: finding.against_others.map(verdict),
        against_others_p: finding.against_others.and_then(Verdict::p),
        segments: finding.segments.iter().map(|found| segment(suggestion, found)).collect(),
        rest: finding.rest.as_ref().map(figures),
    }
}

fn sla(suggestion: &Suggestion, sla: &Sla, finding: &weigh::SlaFinding) -> SlaJson {
    SlaJson {
        sla: finding.name.clone(),
        all: figures(&finding.all),
        targets: finding.targets.iter().map(|found| target(suggestion, sla, found)).collect(),
        left_out: finding.left_out,
    }
}

fn body(suggestion: &Suggestion) -> SuggestionJson {
    let Suggestion { as_of, question, version, slas, events } = suggestion;
    SuggestionJson {
        as_of: *as_of,
        policy: PolicyJson {
            name: version.name.clone(),
            effective_from: version.effective_from_written,
            fingerprint: version.fingerprint.clone(),
        },
        wished_met_share: round(question.wished()),
        confidence: CONFIDENCE,
        least_stops: LEAST_STOPS,
        slas: version.slas.iter().zip(slas).map(|(rule, finding)| sla(suggestion, rule, finding)).collect(),
        events: EventsJson {
            accepted: events.accepted,
            duplicate: events.duplicate,
            rejected: events.rejected.clone(),
        },
    }
}

pub fn to_json(suggestion: &Suggestion) -> Value {
    serde_json::to_value(body(suggestion)).unwrap_or_default()
}

/// # Errors
/// Where `out` fails.
pub fn write_json(suggestion: &Suggestion, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &body(suggestion))?;
    out.write_all(b"\n")
}
