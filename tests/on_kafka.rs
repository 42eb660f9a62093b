//! The engine on a real Kafka: what is told, once, after crashes and outages. The binary is the real one, and so are the clocks.
#![allow(clippy::disallowed_methods, reason = "the clocks are real here: waits are bounded by them")]

mod kafka;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka::{BOUND, Broker, Feeder, Site, by_id, event, leads};
use plazo::time::{Clock, SystemClock, Timestamp};
use plazo::worker::transaction::{Outgoing, Transactions, Trouble};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Every lead is disposed of within `seconds`.
fn policy(seconds: u32) -> String {
    format!(
        r#"
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
start = {{ on = "created" }}
stop = {{ disposition = "any" }}
cancel = {{ deleted = true }}
  [[sla.target]]
  within = "{seconds} seconds"
  [[sla.reminder]]
  at = "50%"
  [[sla.escalation]]
  after = "1 second"
  notify = ["manager"]
"#
    )
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:05}")).collect()
}

/// Waits for an instant of the clock by asking the broker for nothing, until then.
fn wait_until(broker: &Broker, instant: Timestamp) {
    let idle: BaseConsumer = broker.client().create().expect("a client");
    while SystemClock.now() < instant {
        let left = instant.since_ms(SystemClock.now()).clamp(1, 1_000).unsigned_abs();
        assert!(idle.poll(Duration::from_millis(left)).is_none());
    }
}

/// Leads that are met and leads that are not, and the check at the end.
struct Traffic {
    met: Vec<String>,
    late: Vec<String>,
}

impl Traffic {
    const CHUNKS: usize = 10;

    fn new() -> Self {
        Traffic { met: names("M", 400), late: names("B", 200) }
    }

    /// Sends a tenth of it, and waits until some of that is told.
    fn send(&self, chunk: usize, broker: &Broker, crm: &Feeder) {
        for lead in self.met.iter().chain(&self.late).skip(chunk).step_by(Self::CHUNKS) {
            crm.created(lead);
        }
        for lead in self.met.iter().skip(chunk).step_by(Self::CHUNKS) {
            crm.status(lead, "qualified");
        }
        crm.flush();
        let seen = (chunk + 1) * 20;
        broker.notices_until("some clocks start", |notices| leads(notices, "sla.started").len() >= seen);
    }

    /// Every breach is told; all that is told, each thing once, is what a replay of the log tells.
    fn check(&self, broker: &Broker, site: &Site) {
        let (met, late) = (self.met.len(), self.late.len());
        let notices = broker.notices_until("every breach and its step", |notices| {
            leads(notices, "sla.escalated").len() >= late && leads(notices, "sla.met").len() >= met
        });
        let breached: BTreeSet<String> = leads(&notices, "sla.breached").into_iter().collect();
        let late: BTreeSet<String> = self.late.iter().cloned().collect();
        assert!(late.is_subset(&breached), "missing: {:?}", late.difference(&breached).collect::<Vec<_>>());
        let told = by_id(notices);
        let replayed = site.replay(broker, SystemClock.now());
        for (id, notice) in &replayed {
            assert_eq!(told.get(id), Some(notice), "the replay tells otherwise");
        }
        assert_eq!(told.len(), replayed.len(), "more was told than a replay tells");
        let wanted = site.records(broker, SystemClock.now());
        broker.until("the changelog holds what the same events make elsewhere, byte for byte", || {
            let mut kept = BTreeMap::new();
            for read in broker.read("plazo.changelog") {
                if let Some((b'=', lead)) = read.key.as_deref().and_then(<[u8]>::split_first) {
                    kept.insert(String::from_utf8_lossy(lead).into_owned(), read.value.unwrap_or_default());
                }
            }
            kept == wanted
        });
    }
}

#[test]
fn what_is_told_is_what_a_replay_of_the_log_tells_once_each_through_kills() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(3));
    site.create_topics(4);
    let crm = broker.producer(None);
    let mut engine = site.engine("one");
    let traffic = Traffic::new();
    for chunk in 0..Traffic::CHUNKS {
        traffic.send(chunk, &broker, &crm);
        if chunk % 3 == 1 {
            engine.kill();
            engine = site.engine("one");
        }
    }
    traffic.check(&broker, &site);
    let (took, code) = engine.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
}

/// One of two members is killed, stays away beyond its session, and comes back.
fn two_members(protocol: &str) {
    let broker = Broker::start();
    let mut site = Site::new(&broker, &policy(3));
    site.more = format!("protocol = {protocol:?}\n");
    if protocol == "classic" {
        site.more.push_str("[kafka.properties]\n\"session.timeout.ms\" = 6000\n");
    }
    site.create_topics(4);
    let crm = broker.producer(None);
    let mut one = site.engine("one");
    let two = site.engine("two");
    let traffic = Traffic::new();
    for chunk in 0..Traffic::CHUNKS {
        traffic.send(chunk, &broker, &crm);
        match chunk {
            2 | 5 => one.signal("KILL"),
            3 | 7 => one = site.engine("one"),
            _ => {}
        }
    }
    traffic.check(&broker, &site);
    for engine in [one, two] {
        assert_eq!(engine.stop().1, Some(0));
    }
}

#[test]
fn one_of_two_members_of_a_classic_group_is_killed_and_nothing_is_lost_or_told_twice() {
    two_members("classic");
}

#[test]
fn one_of_two_members_of_a_consumer_group_is_killed_and_nothing_is_lost_or_told_twice() {
    two_members("consumer");
}

#[test]
fn a_member_that_slept_through_its_session_writes_nothing_when_it_wakes() {
    let broker = Broker::start();
    let mut site = Site::new(&broker, &policy(3));
    site.more = "[kafka.properties]\n\"session.timeout.ms\" = 6000\n".to_owned();
    site.create_topics(2);
    let crm = broker.producer(None);
    let sleeper = site.engine("sleeper");
    let traffic = Traffic::new();
    traffic.send(0, &broker, &crm);
    // Asleep with events before it that it has not committed.
    sleeper.signal("STOP");
    let awake = site.engine("awake");
    (1..5).for_each(|chunk| traffic.send(chunk, &broker, &crm));
    sleeper.signal("CONT");
    (5..Traffic::CHUNKS).for_each(|chunk| traffic.send(chunk, &broker, &crm));
    traffic.check(&broker, &site);
    drop((sleeper, awake));
}

#[test]
fn offsets_that_are_gone_give_way_to_the_state_and_a_state_that_is_gone_is_refused() {
    let broker = Broker::start();
    let mut site = Site::new(&broker, &policy(2));
    site.create_topics(2);
    let crm = broker.producer(None);
    let engine = site.engine("one");
    let traffic = Traffic::new();
    (0..5).for_each(|chunk| traffic.send(chunk, &broker, &crm));
    assert_eq!(engine.stop().1, Some(0));
    // A static member stays known after it has gone; its group can be deleted when its session is over.
    broker.delete_group("plazo");
    let engine = site.engine("one");
    (5..Traffic::CHUNKS).for_each(|chunk| traffic.send(chunk, &broker, &crm));
    traffic.check(&broker, &site);
    assert_eq!(engine.stop().1, Some(0));
    // Another changelog, which is empty.
    site.more = "[kafka.topics]\nchangelog = \"another.changelog\"\n".to_owned();
    site.create_topics(2);
    let engine = site.engine("other");
    engine.logs("the changelog holds no state");
    traffic.check(&broker, &site);
}

#[test]
fn an_outage_over_the_deadline_tells_no_false_breach_and_every_true_one_without_later_input() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(12));
    site.create_topics(2);
    let crm = broker.producer(None);
    let engine = site.engine("one");
    // Joined and at work before any clock that counts starts.
    crm.created("witness");
    crm.status("witness", "qualified");
    crm.flush();
    broker.notices_until("the engine works", |notices| leads(notices, "sla.met") == ["witness"]);
    let (saved, lost) = (names("S", 500), names("L", 50));
    let first = SystemClock.now();
    saved.iter().chain(&lost).for_each(|lead| crm.created(lead));
    crm.flush();
    let last = SystemClock.now();
    let all = saved.len() + lost.len() + 1;
    broker.notices_until("every clock starts", |notices| leads(notices, "sla.started").len() == all);
    engine.kill();
    saved.iter().for_each(|lead| crm.status(lead, "qualified"));
    crm.flush();
    assert!(SystemClock.now() < first.plus_ms(12_000), "too slow a machine for this test's deadlines");
    let deadline = last.plus_ms(12_000);
    // Other events behind them, in both inputs.
    for number in 0..20_000 {
        let lead = format!("other{}", number % 100);
        let id = format!("o{number}");
        let topic = if number % 2 == 0 { "leads.created" } else { "leads.changed" };
        crm.send(topic, Some(&lead), Some(&event("lead.updated", &id, &lead, ",\"attributes\":{\"a\":\"b\"}")));
    }
    crm.flush();
    wait_until(&broker, deadline.plus_ms(500));
    let engine = site.engine("one");
    let notices = broker.notices_until("the true breaches", |notices| {
        leads(notices, "sla.breached").len() >= lost.len() && leads(notices, "sla.met").len() > saved.len()
    });
    assert_eq!(leads(&notices, "sla.breached"), lost);
    assert_eq!(leads(&notices, "sla.met")[..saved.len()], saved);
    assert_eq!(engine.stop().1, Some(0));
    let notices = broker.notices();
    assert_eq!(leads(&notices, "sla.breached"), lost);
    assert!(leads(&notices, "sla.retracted").is_empty());
}

#[test]
fn an_open_transaction_that_may_hold_the_stop_holds_the_breach() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(4));
    site.create_topics(1);
    let crm = broker.producer(None);
    let open = broker.producer(Some("crm-1"));
    let _engine = site.engine("one");
    crm.created("witness-of-the-start");
    crm.flush();
    broker.notices_until("the engine works", |notices| !leads(notices, "sla.started").is_empty());
    // Committed after the deadline: met. Then another one, aborted: breached.
    for (lead, commits) in [("committed", true), ("aborted", false)] {
        let deadline = SystemClock.now().plus_ms(4_000);
        crm.created(lead);
        crm.flush();
        open.producer.begin_transaction().expect("a transaction");
        open.status(lead, "qualified");
        open.flush();
        assert!(SystemClock.now() < deadline, "too slow a machine for this test's deadline");
        wait_until(&broker, deadline.plus_ms(2_500));
        let told = broker.notices();
        assert!(
            !leads(&told, "sla.breached").iter().any(|told| told == lead),
            "{lead}: breached while its stop was open"
        );
        match commits {
            true => open.producer.commit_transaction(BOUND).expect("committed"),
            false => open.producer.abort_transaction(BOUND).expect("aborted"),
        }
        let kind = if commits { "sla.met" } else { "sla.breached" };
        broker.notices_until(kind, |notices| leads(notices, kind).iter().any(|told| told == lead));
    }
    let notices = broker.notices();
    assert!(!leads(&notices, "sla.breached").contains(&"committed".to_owned()));
    assert!(leads(&notices, "sla.retracted").is_empty());
}

#[test]
fn what_cannot_be_taken_is_a_dead_letter_with_its_place_and_reason_and_the_stream_goes_on() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(1);
    let crm = broker.producer(None);
    let good = event("lead.created", "1", "L1", "");
    let cases = [
        (Some("L1"), Some("{"), "malformed_json"),
        (Some("L1"), Some(r#"{"specversion":"1.0"}"#), "not_cloudevent"),
        (Some("L2"), Some(good.as_str()), "key_mismatch"),
        (None, Some(good.as_str()), "key_mismatch"),
        (Some(""), None, "missing_lead_id"),
    ];
    for (key, value, _) in &cases {
        crm.send("leads.created", *key, *value);
    }
    crm.send("leads.created", Some("L1"), Some(&good));
    // A record without value deletes its lead.
    crm.send("leads.changed", Some("L1"), None);
    crm.flush();
    let _engine = site.engine("one");
    broker.notices_until("the good lead is started and cancelled", |notices| {
        leads(notices, "sla.started") == ["L1"] && leads(notices, "sla.cancelled") == ["L1"]
    });
    let dead = broker.read("sla.dead_letters");
    let told: Vec<_> = dead.iter().map(|read| read.header("plazo_reason").unwrap_or_default()).collect();
    assert_eq!(told, cases.map(|(_, _, reason)| reason));
    for (offset, (read, (key, value, _))) in dead.iter().zip(&cases).enumerate() {
        assert_eq!(read.header("plazo_topic"), Some("leads.created"));
        assert_eq!(read.header("plazo_partition"), Some("0"));
        assert_eq!(read.header("plazo_offset"), Some(offset.to_string().as_str()));
        assert_eq!(read.value.as_deref(), value.map(str::as_bytes), "the original bytes");
        assert_eq!(read.key.as_deref(), key.map(str::as_bytes));
    }
}

#[test]
fn synthetic_traffic_lies_under_the_keys_of_its_leads_also_from_transactions() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(3);
    for (prefix, more) in [("A", None), ("B", Some("--transactions"))] {
        let lines = site.synthetic(50, prefix, "-", None).stdout.iter().filter(|byte| **byte == b'\n').count();
        let before = broker.read("leads.created").len() + broker.read("leads.changed").len();
        site.synthetic(50, prefix, "kafka", more);
        let (created, changed) = (broker.read("leads.created"), broker.read("leads.changed"));
        assert_eq!(created.len() + changed.len() - before, lines, "{prefix}");
        for read in created.iter().chain(&changed) {
            let event: serde_json::Value =
                serde_json::from_slice(read.value.as_deref().unwrap_or_default()).expect("JSON");
            assert_eq!(event["data"]["lead_id"].as_str().map(str::as_bytes), read.key.as_deref());
        }
        assert!(created.iter().all(|read| read.header("content-type") == Some("application/cloudevents+json")));
    }
}

#[test]
fn an_event_that_fits_nowhere_is_cut_to_a_dead_letter_and_the_stream_goes_on() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(1);
    let crm = broker.producer(None);
    // As much as a client sends by default: with the reason beside it, it would not fit.
    let headers = OwnedHeaders::new().insert(Header { key: "padding", value: Some(&"h".repeat(450_000)) });
    let body = "x".repeat(540_000);
    crm.producer
        .send(BaseRecord::to("leads.created").key("L1").payload(&body).headers(headers))
        .map_err(|(error, _)| error)
        .expect("sent");
    // Attributes that a lead's record cannot hold.
    let attributes: Vec<String> = (0..12).map(|n| format!("\"a{n}\":{:?}", "v".repeat(15_000))).collect();
    let large = event("lead.created", "large", "L1", &format!(",\"attributes\":{{{}}}", attributes.join(",")));
    crm.send("leads.created", Some("L1"), Some(&large));
    crm.created("L1");
    crm.flush();
    let _engine = site.engine("one");
    broker.notices_until("the event behind them", |notices| leads(notices, "sla.started") == ["L1"]);
    let dead = broker.read("sla.dead_letters");
    let reasons: Vec<_> = dead.iter().map(|read| read.header("plazo_reason").unwrap_or_default()).collect();
    assert_eq!(reasons, ["malformed_json", "too_large"]);
    assert_eq!(dead[0].value.as_deref(), Some(body.as_bytes()));
    assert_eq!(dead[1].value.as_deref(), Some(large.as_bytes()));
    assert_eq!((dead[0].header("plazo_cut"), dead[1].header("plazo_cut")), (Some("true"), None));
}

#[test]
fn a_dead_letter_is_sent_again_once_after_the_policy_knows_its_status() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(2);
    let crm = broker.producer(None);
    crm.created("L1");
    crm.status("L1", "won");
    crm.send("leads.changed", Some("L2"), Some("{"));
    crm.flush();
    let engine = site.engine("one");
    broker.until("both are refused", || broker.read("sla.dead_letters").len() == 2);
    assert_eq!(engine.stop().1, Some(0));
    let (listed, code) = site.dead_letters(&["list", "--reason", "unknown_status"]);
    assert_eq!((listed.lines().count(), code), (1, Some(0)), "{listed}");
    let number = listed.split_whitespace().next().expect("a number").to_owned();
    // The status is agreed; a change of the policy must be accepted.
    let known = policy(60).replace("[[sla]]", "[[status]]\nname = \"won\"\ndisposition = \"qualified\"\n[[sla]]");
    std::fs::write(site.policy(), known).expect("the policy");
    assert_eq!(site.dead_letters(&["resubmit", &number]), ("sent again 1, refused 0\n".to_owned(), Some(0)));
    assert_eq!(site.dead_letters(&["resubmit", &number]), ("sent again 0, refused 1\n".to_owned(), Some(1)));
    assert_eq!(site.dead_letters(&["resubmit", "0/999"]), ("sent again 0, refused 1\n".to_owned(), Some(1)));
    let (left, _) = site.dead_letters(&["list", "--json"]);
    let left: Vec<serde_json::Value> = left.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0]["body"].as_str(), left[0]["key"].as_str()), (Some("{"), Some("L2")));
    assert_eq!(site.dead_letters(&["list", "--resubmitted"]).0.lines().count(), 2);
    let sent = broker.read("leads.changed");
    let again: Vec<_> = sent.iter().filter(|read| read.key.as_deref() == Some(b"L1")).collect();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].value, again[1].value, "the original bytes");
    assert!(again[1].headers.is_empty(), "{:?}", again[1].headers);
    let _engine = site.engine_with("one", &["--accept-changed-policy"]);
    broker.notices_until("it counts", |notices| leads(notices, "sla.met") == ["L1"]);
}

#[test]
fn brokers_that_are_killed_and_come_back_cost_no_notice_and_tell_none_twice() {
    let mut broker = Broker::start();
    let site = Site::new(&broker, &policy(3));
    site.create_topics(4);
    let crm = broker.producer(None);
    let engine = site.engine("one");
    let traffic = Traffic::new();
    for chunk in 0..Traffic::CHUNKS {
        traffic.send(chunk, &broker, &crm);
        // With transactions on their way: it was their coordinator too.
        if chunk == 2 || chunk == 6 {
            broker.kill();
            broker.launch();
        }
    }
    traffic.check(&broker, &site);
    assert_eq!(engine.stop().1, Some(0));
}

#[test]
fn a_transaction_aborted_right_after_its_beginning_spoils_neither_the_one_before_nor_the_one_after() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(1);
    let settings = plazo::config::Settings::load(Some(&site.settings("one"))).expect("the settings");
    let mut transactions = Transactions::new(std::sync::Arc::new(settings.kafka.expect("kafka")), "one-0", 0);
    let consumer: BaseConsumer = broker.client().create().expect("a client");
    let group = consumer.group_metadata().expect("a group");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("leads.created", 0, Offset::Offset(0)).expect("an offset");
    for number in 0..30 {
        let bad = transactions.write(&offsets, &group, |_| Err(KafkaError::Canceled));
        assert!(bad.is_err(), "{number}: {bad:?}");
        let value = number.to_string();
        let record =
            Outgoing { topic: "sla.outcomes", partition: None, key: None, value: Some(value.as_bytes()), headers: &[] };
        loop {
            match transactions.write(&offsets, &group, |writing| writing.send(&record)) {
                Ok(()) => break,
                Err(Trouble::Aborted { .. }) => {}
                Err(unknown @ Trouble::Unknown { .. }) => panic!("{number}: {unknown:?}"),
            }
        }
    }
    let told: Vec<String> = broker
        .read("sla.outcomes")
        .into_iter()
        .map(|read| String::from_utf8_lossy(&read.value.unwrap_or_default()).into_owned())
        .collect();
    assert_eq!(told, (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn inputs_that_have_got_more_partitions_are_refused_with_what_to_do() {
    let broker = Broker::start();
    let site = Site::new(&broker, &policy(60));
    site.create_topics(2);
    let crm = broker.producer(None);
    let engine = site.engine("one");
    crm.created("L1");
    crm.flush();
    broker.notices_until("it starts", |notices| leads(notices, "sla.started") == ["L1"]);
    assert_eq!(engine.stop().1, Some(0));
    broker.add_partitions(&["leads.created", "leads.changed", "plazo.changelog"], 4);
    let engine = site.engine("two");
    engine.logs("the state was made for 2");
    crm.status("L1", "qualified");
    crm.flush();
    engine.logs("a shard is refused");
    assert!(leads(&broker.notices(), "sla.met").is_empty());
}
