//! Contracts: the schemas in `schemas/` are those of the types, and what goes in and out is valid against them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use plazo::engine::Outbox;
use plazo::load::{Generator, Mix, Words};
use plazo::replay::Replay;
use plazo::report::{Collector, Holder, to_json};
use plazo::time::Timestamp;
use plazo::{event, policy, schema};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas"))
}

#[test]
fn the_files_are_what_the_types_say() {
    for name in schema::names() {
        let file = folder().join(format!("{name}.json"));
        let text = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(Some(text), schema::text(&name), "{name}: run `plazo schema --all schemas`");
    }
    let files = fs::read_dir(folder()).expect("the folder").count();
    assert_eq!(files, schema::names().len(), "a file of schemas/ belongs to no type");
}

#[test]
fn traffic_its_notices_and_its_report_are_valid() {
    let policy = policy::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/policy/en"))).expect("the policy");
    let until = Timestamp::parse("2027-03-01T00:00:00Z").expect("an instant");
    let mut replay = Replay::new(policy, Some(until), i64::MAX);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut take = |outbox: &Outbox| {
        for notice in &outbox.notices {
            *kinds.entry(crate::schema_check::validate(outbox.json(notice))).or_default() += 1;
        }
        Ok(())
    };
    let start = Timestamp::parse("2027-01-04T12:00:00Z").expect("an instant");
    for generated in Generator::new(3, Mix::default(), start, 600_000).leads(800).words(Words::english()) {
        crate::schema_check::validate(&generated.json);
        let refused = replay.event(event::decode(&generated.json), &mut take).expect("nothing is written");
        assert_eq!(refused, None);
    }
    replay.finish(&mut take).expect("nothing is written");
    // People of the story play no games.
    for kind in plazo::engine::NoticeKind::ALL.into_iter().filter(|kind| kind.name().starts_with("sla.")) {
        assert!(kinds.contains_key(kind.name()), "no {} in the story: {kinds:?}", kind.name());
    }
    let mut collector = Collector::new(replay.rules(), until, &["source".to_owned()], Holder::End);
    for record in replay.shard().records() {
        collector.add(record).expect("a record");
    }
    let report = to_json(&collector.finish(replay.counts.clone()).expect("records"));
    crate::schema_check::validate_as("report", &report);
    for sla in report["slas"].as_object().expect("SLAs").values() {
        let sum: u64 = ["met", "met_late", "breached", "running", "cancelled"]
            .iter()
            .map(|key| sla[key].as_u64().expect("a count"))
            .sum();
        assert_eq!(sla["started"], sum);
    }
}

#[test]
fn a_notice_with_a_word_too_many_or_too_few_is_invalid() {
    let schema = schema::find("sla.reminder").expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let mut notice = serde_json::json!({
        "specversion": "1.0", "id": "6f1d7a52-0000-8000-8000-000000000000", "source": "plazo", "type": "sla.reminder",
        "subject": "L1", "time": "2026-03-02T10:00:00Z", "datacontenttype": "application/json",
        "data": {
            "lead_id": "L1", "sla": "disposition", "cycle": 1, "target": "8 hours", "owner": "ana", "team": null,
            "started_at": "2026-03-02T09:00:00Z", "due_at": "2026-03-02T17:00:00Z",
            "policy": {"name": "SLA", "effective_from": "2026-01-01T00:00:00Z", "fingerprint": "00"},
            "as_of": {"watermark": "2026-03-02T10:00:00Z", "offsets": {"events": 1}},
            "at": "50%", "valid_until": "2026-03-02T17:00:00Z",
        },
    });
    assert!(validator.is_valid(&notice));
    notice["data"]["surprise"] = 1.into();
    assert!(!validator.is_valid(&notice));
    notice["data"].as_object_mut().expect("data").remove("surprise");
    notice["data"].as_object_mut().expect("data").remove("valid_until");
    assert!(!validator.is_valid(&notice));
    notice["type"] = "sla.breached".into();
    assert!(!validator.is_valid(&notice));
}
