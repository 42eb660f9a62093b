//! HTTP before a real Kafka: events in, questions about leads wherever they are, and the metrics of all shards. And transactions
//! whose end may have been sent twice.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::kafka::{BOUND, Broker, Engine, Site, event, leads};
use plazo::worker::transaction::{Outgoing, Transactions, Trouble};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

const POLICY: &str = r#"
[agreement]
name = "Test"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
promised_by = "sales"
start = { on = "created" }
stop = { disposition = "any" }
  [[sla.target]]
  within = "1 hour"
"#;

/// What an instance answered.
struct Reply {
    status: u16,
    location: Option<String>,
    retry_after: Option<String>,
    body: Value,
    text: String,
}

/// The address that an engine has told in its log.
fn address(engine: &Engine) -> String {
    engine.logs("listening on ");
    let log = engine.log();
    let told = log.lines().rev().find_map(|line| line.strip_prefix("listening on ")).expect("an address");
    told.to_owned()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(BOUND));
    config.max_redirects(0).max_redirects_will_error(false).build().into()
}

fn reply(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Reply {
    let mut response = answer.expect("an answer");
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("a text").to_owned());
    let (location, retry_after) = (header("Location"), header("Retry-After"));
    let text = response.body_mut().read_to_string().expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_default();
    Reply { status: response.status().as_u16(), location, retry_after, body, text }
}

fn get(url: &str) -> Reply {
    reply(agent().get(url).call())
}

fn post(url: &str, kind: &str, body: &str) -> Reply {
    reply(agent().post(format!("{url}/v1/events")).header("Content-Type", kind).send(body))
}

/// Asks until the answer is as wanted.
fn until(what: &str, ask: impl Fn() -> Reply, wanted: impl Fn(&Reply) -> bool) -> Reply {
    let began = Instant::now();
    let (_kept, never) = channel::<()>();
    loop {
        let reply = ask();
        if wanted(&reply) {
            return reply;
        }
        assert!(
            began.elapsed() < BOUND,
            "{what}: not within {BOUND:?}; the last answer is {}: {}",
            reply.status,
            reply.text
        );
        let _nothing_comes = never.recv_timeout(Duration::from_millis(50));
    }
}

fn ready(url: &str) {
    until("it is ready", || get(&format!("{url}/readyz")), |reply| reply.status == 200);
}

fn metric(url: &str, line: &str) -> Option<f64> {
    let text = get(&format!("{url}/metrics")).text;
    let value = text.lines().find_map(|told| told.strip_prefix(line))?;
    value.trim().parse().ok()
}

#[test]
fn events_of_http_reach_their_shards_and_what_is_refused_the_dead_letters() {
    let broker = Broker::start();
    let site = Site::new(&broker, POLICY);
    site.create_topics(4);
    let engine = site.engine("one");
    let url = address(&engine);
    ready(&url);
    let lines = [
        event("lead.created", "1", "A", ""),
        event("lead.created", "2", "B", ""),
        event("lead.status_changed", "3", "A", r#","to":"qualified""#),
        event("lead.status_changed", "4", "B", r#","to":"sung""#),
        r#"{"specversion":"1.0","id":"5","source":"crm","type":"lead.sang","data":{"lead_id":"B"}}"#.to_owned(),
        "{not json".to_owned(),
        event("lead.created", "6", "C", "").replace("\"time\":\"20", "\"time\":\"21"),
    ];
    let answer = post(&url, "application/x-ndjson", &lines.join("\n"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.body["accepted"], &answer.body["duplicate"]), (&3.into(), &0.into()));
    let told: Vec<(u64, &str)> = answer.body["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["index"].as_u64().expect("an index"), entry["reason"].as_str().expect("a reason")))
        .collect();
    let expected = [(3, "unknown_status"), (4, "unknown_type"), (5, "malformed_json"), (6, "future_time")];
    assert_eq!(told, expected);

    // Answered: the inputs have it, keyed, each in the partition where its shard reads it.
    let in_topic = |topic: &str| -> BTreeSet<String> {
        broker
            .read(topic)
            .iter()
            .map(|read| String::from_utf8_lossy(read.key.as_deref().unwrap_or_default()).into())
            .collect()
    };
    assert_eq!(in_topic("leads.created"), BTreeSet::from(["A".to_owned(), "B".to_owned()]));
    assert_eq!(in_topic("leads.changed"), BTreeSet::from(["A".to_owned()]));
    let letters = broker.read("sla.dead_letters");
    let reasons: BTreeSet<&str> = letters.iter().filter_map(|letter| letter.header("plazo_reason")).collect();
    assert_eq!(reasons, expected.iter().map(|(_, reason)| *reason).collect());
    let sung =
        letters.iter().find(|letter| letter.header("plazo_reason") == Some("unknown_status")).expect("the letter");
    assert_eq!((sung.key.as_deref(), sung.header("plazo_topic")), (Some(&b"B"[..]), Some("leads.changed")));

    let notices = broker.notices_until("both clocks start and one is met", |notices| {
        leads(notices, "sla.started").len() == 2 && leads(notices, "sla.met").len() == 1
    });
    assert_eq!(leads(&notices, "sla.met"), ["A"]);
    let counted = r#"plazo_open_clocks{sla="disposition",state="running"}"#;
    until("one clock runs", || get(&format!("{url}/metrics")), |reply| reply.text.contains(&format!("{counted} 1\n")));

    // A single one that is refused, and one in binary mode.
    let refused = post(&url, "application/cloudevents+json", &lines[3]);
    assert_eq!((refused.status, &refused.body["reason"]), (422, &"unknown_status".into()), "{}", refused.text);
    let binary = agent()
        .post(format!("{url}/v1/events"))
        .header("Content-Type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "7")
        .header("ce-source", "crm")
        .header("ce-type", "lead.created")
        .header("ce-time", "2026-01-01T00:00:00Z")
        .send(r#"{"lead_id":"D"}"#);
    assert_eq!(reply(binary).status, 200);
    until("it is applied", || get(&format!("{url}/v1/leads/D")), |reply| reply.status == 200);

    // Without brokers nothing is taken, and nothing is lost of what is sent again.
    broker.kill();
    let again = event("lead.created", "8", "E", "");
    let unavailable = post(&url, "application/cloudevents+json", &again);
    assert_eq!((unavailable.status, &unavailable.body["reason"]), (503, &"brokers".into()), "{}", unavailable.text);
    assert!(unavailable.retry_after.is_some());
    broker.launch();
    until("it is taken", || post(&url, "application/cloudevents+json", &again), |reply| reply.status == 200);
    until("it is applied", || get(&format!("{url}/v1/leads/E")), |reply| reply.status == 200);
    assert_eq!(engine.stop().1, Some(0));
}

#[test]
fn every_instance_says_which_one_has_a_lead_and_tells_the_clocks_of_its_own() {
    let broker = Broker::start();
    let mut site = Site::new(&broker, POLICY);
    site.more = "[kafka.properties]\n\"session.timeout.ms\" = 6000\n".to_owned();
    site.create_topics(4);
    let one = site.engine("one");
    let at_one = address(&one);
    let names: Vec<String> = (0..300).map(|number| format!("L{number:04}")).collect();
    let body: Vec<String> = names.iter().map(|lead| event("lead.created", lead, lead, "")).collect();
    assert_eq!(post(&at_one, "application/x-ndjson", &body.join("\n")).body["accepted"], 300);
    let two = site.engine("two");
    let at_two = address(&two);
    broker.notices_until("every clock starts", |notices| leads(notices, "sla.started").len() == 300);

    let clocks = |url: &str| -> (Reply, Vec<String>) {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let reply = get(&format!("{url}/v1/clocks?limit=40{cursor}"));
            let page = reply.body["clocks"].as_array().cloned().unwrap_or_default();
            all.extend(page.iter().map(|clock| clock["lead_id"].as_str().expect("a lead").to_owned()));
            match reply.body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (reply, all),
            }
        }
    };
    let began = Instant::now();
    let (of_one, of_two) = loop {
        let (of_one, of_two) = (clocks(&at_one).1, clocks(&at_two).1);
        if of_one.len() + of_two.len() == 300 && !of_one.is_empty() && !of_two.is_empty() {
            break (of_one, of_two);
        }
        assert!(began.elapsed() < BOUND, "{} and {} clocks", of_one.len(), of_two.len());
    };
    let both: BTreeSet<&String> = of_one.iter().chain(&of_two).collect();
    assert_eq!(both.len(), 300, "each once");
    until(
        "both count their own",
        || get(&format!("{at_one}/metrics")),
        |_| {
            let count =
                |url: &str| metric(url, r#"plazo_open_clocks{sla="disposition",state="running"}"#).unwrap_or(0.0);
            (count(&at_one), count(&at_two)) == (of_one.len() as f64, of_two.len() as f64)
        },
    );

    // Asked at the wrong one, the right one is named, and `plazo explain` goes there.
    let lead = of_two.first().expect("a lead");
    let elsewhere =
        until("the other instance is known", || get(&format!("{at_one}/v1/leads/{lead}")), |reply| reply.status == 307);
    assert_eq!((&elsewhere.body["instance"], &elsewhere.body["url"]), (&"two".into(), &at_two.as_str().into()));
    assert_eq!(elsewhere.location, Some(format!("{at_two}/v1/leads/{lead}")));
    assert_eq!(get(&format!("{at_two}/v1/leads/{lead}")).body["lead_id"], lead.as_str());
    let explained = Command::new(env!("CARGO_BIN_EXE_plazo")).args(["explain", lead, "--url", &at_one]).output();
    let explained = explained.expect("plazo explain");
    let said = String::from_utf8_lossy(&explained.stdout);
    assert!(explained.status.success() && said.contains(&format!("Lead {lead} as of")), "{said}");
    let unknown = (0..).map(|number| format!("X{number}")).find(|name| {
        plazo::worker::directory::partition_of(name, 4) == plazo::worker::directory::partition_of(&of_one[0], 4)
    });
    assert_eq!(get(&format!("{at_one}/v1/leads/{}", unknown.expect("a name"))).status, 404, "its shard is here");

    // The other one goes, and its leads are here.
    assert_eq!(two.stop().1, Some(0));
    let taken =
        until("its shards are taken over", || get(&format!("{at_one}/v1/leads/{lead}")), |reply| reply.status == 200);
    assert_eq!(taken.body["lead_id"], lead.as_str());
    until("all clocks are here", || clocks(&at_one).0, |_| clocks(&at_one).1.len() == 300);
    let restored = until(
        "the restores are done",
        || get(&format!("{at_one}/metrics")),
        |_| {
            metric(&at_one, "plazo_restore_records ").is_some_and(|leads| leads > 0.0)
                && metric(&at_one, "plazo_restore_expected_records ") == Some(0.0)
        },
    );
    assert!(restored.text.contains("plazo_input_lag_events 0\n"), "{}", restored.text);
}

/// Transactions of a producer, each with one record: its number.
struct Numbers {
    transactions: Transactions,
    consumer: BaseConsumer,
    offsets: TopicPartitionList,
    next: usize,
}

impl Numbers {
    fn new(broker: &Broker, site: &Site) -> Self {
        let settings = plazo::config::Settings::load(Some(&site.settings("one"))).expect("the settings");
        let transactions = Transactions::new(std::sync::Arc::new(settings.kafka.expect("kafka")), "one-0", 0);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("leads.created", 0, Offset::Offset(0)).expect("an offset");
        Numbers { transactions, consumer: broker.client().create().expect("a client"), offsets, next: 0 }
    }

    /// One more, or the same again where nothing of it was committed.
    fn write(&mut self, broker: &Broker) {
        let group = self.consumer.group_metadata().expect("a group");
        let value = self.next.to_string();
        let (topic, value) = ("sla.outcomes", Some(value.as_bytes()));
        let record = Outgoing { topic, partition: Some(0), key: None, value, headers: &[] };
        match self.transactions.write(&self.offsets, group, |writing| writing.send(&record)) {
            Ok(()) => self.next += 1,
            Err(Trouble::Aborted { .. }) => {}
            // As a restore does it: whatever is under way is ended first, then what is there counts. A producer whose own start was
            // sent twice is shut out by itself.
            Err(Trouble::Unknown { .. }) => {
                let began = Instant::now();
                while let Err(fault) = self.transactions.prepare() {
                    assert!(began.elapsed() < BOUND, "{}: {fault}", self.next);
                }
                let there = broker.read("sla.outcomes").len();
                assert!(
                    there == self.next || there == self.next + 1,
                    "{there} are there, {} were committed",
                    self.next
                );
                self.next = there;
            }
        }
    }

    fn check(&self, broker: &Broker) {
        let told = broker.read("sla.outcomes").into_iter();
        let told: Vec<String> =
            told.map(|read| String::from_utf8_lossy(&read.value.unwrap_or_default()).into_owned()).collect();
        assert_eq!(told, (0..self.next).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn an_end_that_took_long_is_cleared_by_the_clients_own_statistics() {
    let broker = Broker::start();
    let mut site = Site::new(&broker, POLICY);
    // Each end takes longer than that, and is looked up.
    site.more = "[kafka.properties]\n\"retry.backoff.ms\" = 1\n".to_owned();
    site.create_topics(1);
    let mut numbers = Numbers::new(&broker, &site);
    while numbers.next < 8 {
        numbers.write(&broker);
    }
    assert!(numbers.transactions.take_rebuilt().is_empty(), "no end was sent twice");
    numbers.check(&broker);
}

#[test]
fn an_end_that_was_sent_twice_has_its_producer_made_anew_and_nothing_is_lost_or_there_twice() {
    let broker = Broker::start();
    let mut site = Site::new(&broker, POLICY);
    site.create_topics(1);
    // A broker that stands still for two seconds has not answered in time, and is asked again; it reads both questions.
    site.more = "[kafka.properties]\n\"socket.timeout.ms\" = 1000\n".to_owned();
    let mut numbers = Numbers::new(&broker, &site);
    numbers.write(&broker);
    let done = AtomicBool::new(false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (_kept, never) = channel::<()>();
            while !done.load(Ordering::Relaxed) && began.elapsed() < BOUND {
                for (signal, ms) in [("STOP", 2_000), ("CONT", 500)] {
                    broker.signal(signal);
                    let _nothing_comes = never.recv_timeout(Duration::from_millis(ms));
                }
            }
        });
        // Each stop meets a transaction at some step; most of its time a transaction waits for its end.
        let mut rebuilt = Vec::new();
        while !rebuilt.contains(&"resent") && began.elapsed() < BOUND {
            numbers.write(&broker);
            rebuilt.extend(numbers.transactions.take_rebuilt());
        }
        done.store(true, Ordering::Relaxed);
        assert!(rebuilt.contains(&"resent"), "not within {BOUND:?}: {rebuilt:?}");
    });
    let last = numbers.next + 20;
    while numbers.next < last {
        numbers.write(&broker);
    }
    numbers.check(&broker);
}
