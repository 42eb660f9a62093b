//! `plazo report` of an engine on Kafka: from its topics, whether it runs or not.

use serde_json::Value;

use crate::kafka::broker::Broker;
use crate::kafka::crm::names;
use crate::kafka::site::Site;
use crate::policy;

fn report(site: &Site) -> Value {
    let done = site.command(&["report", "--report", "json"], "report").output().expect("plazo report");
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).expect("JSON")
}

#[test]
fn a_report_counts_the_leads_of_every_shard_while_the_engine_runs_and_after() {
    let site = Site::named(Broker::shared(), "report", &policy(3_600));
    site.create_topics(3);
    let early = site.command(&["report"], "report").output().expect("plazo report");
    assert_eq!(early.status.code(), Some(3), "{early:?}");
    assert!(String::from_utf8_lossy(&early.stderr).contains("holds no state yet"), "{early:?}");
    let crm = site.crm();
    let leads = names("L", 12);
    for lead in &leads {
        crm.created(lead);
    }
    for lead in &leads[..5] {
        crm.status(lead, "qualified");
    }
    crm.status(&leads[5], "no such status");
    crm.flush();
    let engine = site.engine("one");
    site.told().until("all are told", |told| told.leads("sla.started").len() == 12 && told.leads("sla.met").len() == 5);
    site.until_consumed();
    let running = report(&site);
    let sla = running["slas"].as_object().and_then(|slas| slas.values().next()).expect("an SLA");
    let counts = ["started", "met", "met_late", "breached", "running"].map(|key| sla[key].as_u64());
    assert_eq!(counts, [12, 5, 0, 0, 7].map(Some), "{sla}");
    let events = serde_json::json!({"accepted": null, "duplicate": null, "rejected": {"unknown_status": 1}});
    assert_eq!(running["events"], events);
    engine.logs("listening on ");
    let log = engine.log();
    let url = log.lines().find_map(|line| line.strip_prefix("listening on ")).expect("an address");
    let mut answer = ureq::get(format!("{url}/v1/compliance?by=week")).call().expect("an answer");
    let told: Value = serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON");
    assert_eq!(told["slas"]["disposition"]["by_target"], sla["by_target"]);
    assert_eq!(told["events"], events);
    assert_eq!(engine.stop().1, Some(0));
    let after = report(&site);
    let of_shards = after["slas"].as_object().and_then(|slas| slas.values().next()).expect("an SLA");
    for key in ["started", "met", "running", "by_owner", "by_target", "open_seconds"] {
        assert_eq!(of_shards[key], sla[key], "{key}");
    }
}
