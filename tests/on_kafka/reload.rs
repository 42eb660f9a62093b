//! Another policy while the engine runs on a real Kafka, and processes that know different versions of it.

use std::time::Duration;

use crate::kafka::{BOUND, Broker, Engine, Site, leads};
use plazo::time::{Clock, SystemClock};
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;

fn version(effective_from: &str, within: &str) -> String {
    format!(
        r#"
[agreement]
name = "Test"
effective_from = "{effective_from}"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = {{ on = "created" }}
stop = {{ disposition = "any" }}
[[sla.target]]
within = "{within}"
"#
    )
}

/// Where it listens, as its log says.
fn url(broker: &Broker, engine: &Engine) -> String {
    let address = || {
        let log = engine.log();
        let (_, rest) = log.split_once("listening on ")?;
        rest.split_once(char::is_whitespace).map(|(address, _)| address.to_owned())
    };
    let idle: BaseConsumer = broker.client().create().expect("a client");
    broker.until("it listens", || {
        // Sets the pace: nothing is subscribed.
        idle.poll(Duration::from_millis(100)).is_none() && address().is_some()
    });
    address().expect("an address")
}

/// Status and body of `POST /v1/policy/reload`.
fn reload(url: &str) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(BOUND)).build().into();
    let mut reply = agent.post(format!("{url}/v1/policy/reload")).send_empty().expect("an answer");
    let text = reply.body_mut().read_to_string().expect("a body");
    (reply.status().as_u16(), serde_json::from_str(&text).expect("JSON"))
}

fn ready(url: &str) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut reply = agent.get(format!("{url}/readyz")).call().expect("an answer");
    serde_json::from_str(&reply.body_mut().read_to_string().expect("a body")).expect("JSON")
}

/// Waits until the engine is at work on all its shards.
fn works(broker: &Broker, url: &str) {
    broker.until("it works", || ready(url)["ready"] == true && ready(url)["held"].is_null());
}

/// How many partitions of the changelog keep so many versions.
fn keeping(broker: &Broker, versions: usize) -> usize {
    let mut last = std::collections::BTreeMap::new();
    for read in broker.read("plazo.changelog").into_iter().filter(|read| read.key.as_deref() == Some(b"policy")) {
        last.insert(read.partition, read.value.unwrap_or_default());
    }
    let kept = last.values().filter(|value| {
        let kept: Vec<Value> = serde_json::from_slice(value).expect("JSON");
        kept.len() == versions
    });
    kept.count()
}

fn targets(notices: &[Value]) -> Vec<(String, String)> {
    let started = notices.iter().filter(|notice| notice["type"] == "sla.started");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut targets: Vec<_> = started.map(|told| (text(&told["subject"]), text(&told["data"]["target"]))).collect();
    targets.sort();
    targets
}

#[test]
fn all_shards_take_a_version_that_lies_ahead_and_a_process_that_lacks_it_refuses_them_until_it_is_reloaded() {
    let broker = Broker::start();
    let site = Site::new(&broker, "");
    site.create_topics(4);
    let (old, new) = (site.folder.path().join("old"), site.folder.path().join("new"));
    for folder in [&old, &new] {
        std::fs::create_dir(folder).expect("made");
        std::fs::write(folder.join("1.toml"), version("2020-01-01T00:00:00Z", "1 hour")).expect("written");
    }
    let looking: BaseConsumer = broker.client().create().expect("a consumer");
    broker.until("every partition has its leader", || {
        let topics =
            ["leads.created", "leads.changed", "plazo.changelog", "sla.outcomes", "sla.breaches", "sla.reminders"];
        let mut partitions = topics.iter().flat_map(|topic| (0..4).map(move |partition| (topic, partition)));
        partitions.all(|(topic, partition)| looking.fetch_watermarks(topic, partition, Duration::from_secs(5)).is_ok())
    });
    let crm = broker.producer(None);
    let path = new.display().to_string();
    let engine = site.engine_with("e1", &["--policy", &path]);
    let address = url(&broker, &engine);
    works(&broker, &address);
    let names = |prefix: &str| (0..8).map(|number| format!("{prefix}{number}")).collect::<Vec<_>>();
    names("A").iter().for_each(|lead| crm.created(lead));
    crm.flush();
    broker.notices_until("the first are told", |notices| leads(notices, "sla.started").len() == 8);

    // A fault, and an edit of what is in force: nothing changes.
    std::fs::write(new.join("2.toml"), version("soon", "2 hours")).expect("written");
    let (status, problem) = reload(&address);
    assert_eq!((status, &problem["faults"][0]["line"]), (422, &Value::from(4)), "{problem}");
    std::fs::write(new.join("2.toml"), version("2021-01-01T00:00:00Z", "2 hours")).expect("written");
    let (status, problem) = reload(&address);
    assert_eq!((status, &problem["reason"]), (409, &Value::from("policy_changed")), "{problem}");

    let boundary = SystemClock.now().plus_ms(8_000);
    std::fs::write(new.join("2.toml"), version(&boundary.to_string(), "2 hours")).expect("written");
    let (status, answer) = reload(&address);
    assert_eq!((status, &answer["changed"]), (200, &Value::Bool(true)), "{answer}");
    broker.until("every shard keeps it", || keeping(&broker, 2) == 4);
    assert!(SystemClock.now() < boundary, "it was kept before it is in force");
    names("B").iter().for_each(|lead| crm.created(lead));
    crm.flush();
    broker.until("the version is in force", || {
        looking.poll(Duration::from_millis(100)).is_none() && SystemClock.now() > boundary.plus_ms(100)
    });
    names("C").iter().for_each(|lead| crm.created(lead));
    crm.flush();
    let notices = broker.notices_until("all are told", |notices| leads(notices, "sla.started").len() == 24);
    let expected: Vec<(String, String)> = [("A", "1 hour"), ("B", "1 hour"), ("C", "2 hours")]
        .into_iter()
        .flat_map(|(prefix, target)| names(prefix).into_iter().map(move |lead| (lead, target.to_owned())))
        .collect();
    assert_eq!(targets(&notices), expected);
    assert_eq!(engine.stop().1, Some(0));

    // A process that does not know the version must not run what it governs.
    let path = old.display().to_string();
    let engine = site.engine_with("e1", &["--policy", &path]);
    let address = url(&broker, &engine);
    broker.until("its shards are refused", || ready(&address)["held"] == "refused");
    engine.logs(&format!("of {boundary} is missing"));
    names("D").iter().for_each(|lead| crm.created(lead));
    crm.flush();
    std::fs::copy(new.join("2.toml"), old.join("2.toml")).expect("copied");
    engine.signal("HUP");
    works(&broker, &address);
    let notices = broker.notices_until("what waited is told", |notices| leads(notices, "sla.started").len() == 32);
    let by_new = targets(&notices).into_iter().filter(|(lead, target)| lead.starts_with('D') && target == "2 hours");
    assert_eq!(by_new.count(), 8);
    assert_eq!(leads(&notices, "sla.retracted").len(), 0);
    let (took, code) = engine.stop();
    assert!(code == Some(0) && took < Duration::from_secs(30), "{took:?} {code:?}");
}
