//! Brokers that go, come back, and end transactions on their own.

use std::sync::mpsc::channel;
use std::thread;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use plazo::config::{Kafka, Protocol, Topics};
use plazo::worker::transaction::{Outgoing, Transactions, Trouble};

use crate::kafka::BOUND;
use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::site::{OpenTransaction, Site};
use crate::kafka::verdict::check;
use crate::{policy, traffic_for, traffic_while};

#[test]
fn a_coordinator_that_is_killed_in_the_middle_of_a_transaction_costs_no_notice_and_tells_none_twice() {
    let mut traffic = Traffic::new(seeded("the coordinator", ""));
    let broker = Broker::start();
    let site = Site::named(&broker, "killed", &policy(3));
    site.create_topics(4);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    for comes_back_first in [true, false] {
        traffic_for(&mut traffic, &crm, &mut told, 1_000);
        traffic_while(&mut traffic, &crm, || engine.freeze_in_transaction(&site));
        broker.kill();
        if comes_back_first {
            broker.launch();
            engine.signal("CONT");
        } else {
            engine.signal("CONT");
            broker.launch();
        }
        let before = told.read_to_end().notices.len();
        traffic_for(&mut traffic, &crm, &mut told, 1_000);
        told.until("the engine goes on", |told| told.notices.len() > before);
    }
    check(&site, told, vec![engine]);
}

#[test]
fn a_transaction_that_the_broker_has_ended_costs_no_notice_and_tells_none_twice() {
    let mut traffic = Traffic::new(seeded("the timed-out transaction", ""));
    let mut site = Site::named(Broker::shared(), "timed-out", &policy(3));
    // The member stays in its group all the while.
    site.properties =
        vec![("session.timeout.ms", "45000"), ("transaction.timeout.ms", "4000"), ("message.timeout.ms", "4000")];
    site.create_topics(2);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    for _ in 0..2 {
        traffic_while(&mut traffic, &crm, || engine.freeze_in_transaction(&site));
        let open = OpenTransaction::of(&site);
        site.broker.until("the broker ends the transaction", || !open.stands());
        engine.signal("CONT");
        traffic_for(&mut traffic, &crm, &mut told, 1_000);
    }
    let told = check(&site, told, vec![engine]);
    assert!(told.count("sla.breached") > 0, "{:?}", told.counts());
}

/// Two minutes: `make chaos` runs it.
#[cfg(feature = "chaos")]
#[test]
fn of_three_brokers_any_one_may_be_killed_and_the_engine_goes_on() {
    let mut traffic = Traffic::new(seeded("three brokers", ""));
    let broker = Broker::nodes(3);
    let site = Site::named(&broker, "three", &policy(3));
    site.create_topics(4);
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    told.until("the engine works", |told| !told.notices.is_empty());
    let mut topics = site.inputs();
    topics.extend(["sla.breaches", "sla.outcomes", "sla.reminders", "sla.dead_letters"].map(|name| site.topic(name)));
    topics.extend([&site.changelog, "__consumer_offsets", "__transaction_state"].map(str::to_owned));
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    // Whoever ends the engine's transactions, whoever keeps its group, and whoever has its state.
    for role in ["transactions", "group", "state"] {
        let node = match role {
            "transactions" => broker.coordinator("__transaction_state", "three-one-0"),
            "group" => broker.coordinator("__consumer_offsets", "three"),
            _ => {
                broker.until("the changelog has a leader", || broker.leader(&site.changelog, 0).is_some());
                broker.leader(&site.changelog, 0).expect("a leader").0
            }
        };
        broker.kill_node(node);
        let before = told.notices.len();
        traffic_for(&mut traffic, &crm, &mut told, 2_000);
        told.until(&format!("two of three go on without that of the {role}"), |told| told.notices.len() > before + 100);
        broker.launch();
        broker.until_in_sync(&topics);
    }
    check(&site, told, vec![engine]);
}

#[test]
fn a_transaction_aborted_right_after_its_beginning_spoils_neither_the_one_before_nor_the_one_after() {
    let site = Site::named(Broker::shared(), "aborted", &policy(60));
    site.create_topics(1);
    let settings = plazo::config::Settings::load(Some(&site.settings("one"))).expect("the settings");
    let mut transactions = Transactions::new(std::sync::Arc::new(settings.kafka.expect("kafka")), "one-0", 0);
    let consumer: BaseConsumer = site.broker.client().set("group.id", "aborted").create().expect("a client");
    let group = || consumer.group_metadata().expect("a group");
    let (input, output) = (site.topic("leads.created"), site.topic("sla.outcomes"));
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&input, 0, Offset::Offset(0)).expect("an offset");
    for number in 0..30 {
        let bad = transactions.write(&offsets, group(), |_| Err(KafkaError::Canceled));
        assert!(bad.is_err(), "{number}: {bad:?}");
        let value = number.to_string();
        let record =
            Outgoing { topic: &output, partition: None, key: None, value: Some(value.as_bytes()), headers: &[] };
        loop {
            match transactions.write(&offsets, group(), |writing| writing.send(&record)) {
                Ok(()) => break,
                Err(Trouble::Aborted { .. }) => {}
                Err(unknown @ Trouble::Unknown { .. }) => panic!("{number}: {unknown:?}"),
            }
        }
    }
    let text = |value: Option<Vec<u8>>| String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
    let told: Vec<String> = site.read("sla.outcomes").into_iter().map(|read| text(read.value)).collect();
    assert_eq!(told, (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// librdkafka's call heeds no time-out while it looks for a group's coordinator that is gone (confluentinc/librdkafka#5456). Its own mock
/// of brokers shows that each time, a real one seldom.
#[test]
fn offsets_that_a_lost_coordinator_never_takes_cost_their_producer_and_not_the_worker() {
    let mock: MockCluster<'_, _> = MockCluster::new(2).expect("brokers");
    mock.create_topic("copies", 1, 1).expect("a topic");
    mock.partition_leader("copies", 0, Some(1)).expect("a leader");
    mock.coordinator(MockCoordinator::Transaction("lost-0".to_owned()), 1).expect("a coordinator");
    mock.coordinator(MockCoordinator::Group("lost".to_owned()), 2).expect("a coordinator");
    let kafka = Kafka {
        brokers: mock.bootstrap_servers(),
        inputs: vec!["copies".to_owned()],
        group: "lost".to_owned(),
        topics: Topics::default(),
        protocol: Protocol::Classic,
        transactional_id: "lost".to_owned(),
        properties: std::collections::BTreeMap::new(),
    };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers).set("group.id", &kafka.group);
    let consumer: BaseConsumer = config.create().expect("a client");
    let mut transactions = Transactions::new(std::sync::Arc::new(kafka), "lost", 0);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("copies", 0, Offset::Offset(0)).expect("an offset");
    let (ask, asked) = channel();
    let (tell, told) = channel();
    thread::spawn(move || {
        let record = Outgoing { topic: "copies", partition: Some(0), key: None, value: Some(b"1"), headers: &[] };
        for () in asked {
            let group = consumer.group_metadata().expect("a group");
            let outcome = transactions.write(&offsets, group, |writing| writing.send(&record));
            tell.send(outcome).expect("a test that waits");
        }
    });
    let write = || {
        ask.send(()).expect("a thread that writes");
        told.recv_timeout(BOUND).expect("the writer comes back")
    };
    assert_eq!(write(), Ok(()));
    mock.broker_down(2).expect("it goes");
    let lost = write();
    assert!(matches!(lost, Err(Trouble::Unknown { cause: "offsets", .. })), "{lost:?}");
    mock.coordinator(MockCoordinator::Group("lost".to_owned()), 1).expect("another coordinator");
    assert_eq!(write(), Ok(()), "by a producer of its own");
}
