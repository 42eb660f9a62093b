//! The report as JSON: keys and order as INTERFACE has them.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use super::{Report, SlaReport, Tally};

/// Seconds as a JSON number: whole ones without a fraction.
fn seconds(ms: i64) -> Value {
    if ms % 1_000 == 0 { Value::from(ms / 1_000) } else { Number::from_f64(ms as f64 / 1_000.0).into() }
}

fn tally(tally: &Tally) -> Map<String, Value> {
    let quantile = |percent| tally.quantile_ms(percent).map_or(Value::Null, seconds);
    let mut map = Map::new();
    for (name, count) in [
        ("started", tally.started()),
        ("met", tally.met),
        ("met_late", tally.met_late),
        ("breached", tally.breached),
        ("running", tally.running),
        ("cancelled", tally.cancelled),
    ] {
        map.insert(name.to_owned(), count.into());
    }
    map.insert("met_share".to_owned(), tally.met_share().map_or(Value::Null, Value::from));
    map.insert("open_seconds".to_owned(), json!({"p50": quantile(50), "p90": quantile(90), "p99": quantile(99)}));
    map
}

fn groups(groups: &BTreeMap<String, Tally>) -> Value {
    groups.iter().map(|(name, group)| (name.clone(), Value::Object(tally(group)))).collect()
}

fn sla(report: &SlaReport) -> Value {
    let mut map = tally(&report.all);
    for (name, by) in [
        ("by_team", &report.by_team),
        ("by_owner", &report.by_owner),
        ("by_target", &report.by_target),
        ("by_month", &report.by_month),
    ] {
        map.insert(name.to_owned(), groups(by));
    }
    if !report.by.is_empty() {
        map.insert("by".to_owned(), report.by.iter().map(|(name, by)| (name.clone(), groups(by))).collect());
    }
    let not_started =
        json!({"already_stopped": report.already_stopped, "before_first_version": report.before_first_version});
    map.insert("not_started".to_owned(), not_started);
    Value::Object(map)
}

pub fn to_json(report: &Report) -> Value {
    let slas: Map<String, Value> = report.slas.iter().map(|(name, report)| (name.clone(), sla(report))).collect();
    json!({
        "as_of": report.as_of.to_string(),
        "slas": slas,
        "events": {
            "accepted": report.events.accepted,
            "duplicate": report.events.duplicate,
            "rejected": report.events.rejected,
        },
    })
}
