//! Answers that a broker seldom gives, put into its mouth; and fetches that are never answered.

use std::sync::Arc;
use std::time::Duration;

use plazo::config::{Kafka, Protocol, Settings, Topics};
use plazo::embedded::{WordLists, metric_words};
use plazo::engine::Options;
use plazo::metrics::Metrics;
use plazo::time::{DAY_MS, SystemClock};
use plazo::worker::transaction::{Outgoing, Transactions};
use plazo::worker::{self, OnKafka};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::kafka::broker::Broker;
use crate::kafka::crm::{Traffic, seeded};
use crate::kafka::proxy::{ADD_OFFSETS_TO_TXN, END_TXN, GROUP_AUTHORIZATION_FAILED, INVALID_PRODUCER_EPOCH, Proxy};
use crate::kafka::site::Site;
use crate::kafka::verdict::check;
use crate::{policy, traffic_for};

/// Whose engines reach the broker through the proxy alone.
fn site<'a>(broker: &'a Broker, proxy: &Proxy, name: &str) -> Site<'a> {
    let mut site = Site::named(broker, name, &policy(3));
    site.address = format!("127.0.0.1:{}", proxy.port);
    site.create_topics(2);
    site
}

#[test]
fn a_turn_whose_transaction_was_aborted_is_done_again_and_one_that_was_committed_unknown_to_the_engine_is_not() {
    let mut traffic = Traffic::new(seeded("forged answers", ""));
    let (broker, proxy) = Broker::behind_proxy();
    let site = site(&broker, &proxy, "forged");
    let crm = site.crm();
    let mut told = site.told();
    let engine = site.engine("one");
    traffic_for(&mut traffic, &crm, &mut told, 500);
    told.until("it works", |told| !told.notices.is_empty());
    for (kind, error, done, words) in [
        // Nothing of it is committed.
        (ADD_OFFSETS_TO_TXN, GROUP_AUTHORIZATION_FAILED, false, "its turn is done again"),
        // All of it is, and none of it.
        (END_TXN, INVALID_PRODUCER_EPOCH, true, "its shards are restored"),
        (END_TXN, INVALID_PRODUCER_EPOCH, false, "its shards are restored"),
    ] {
        for _ in 0..3 {
            proxy.forge(kind, error, done, 1);
            while proxy.forged() == 0 {
                traffic_for(&mut traffic, &crm, &mut told, 100);
            }
            let before = told.notices.len();
            traffic_for(&mut traffic, &crm, &mut told, 300);
            told.until("it goes on", |told| told.notices.len() > before);
        }
        engine.logs(words);
    }
    check(&site, told, vec![engine]);
}

/// What is below the end stays unread although nothing holds it: so it is where a client has lost its wake-up.
#[test]
fn a_partition_that_stands_still_has_its_consumer_made_anew() {
    let mut traffic = Traffic::new(seeded("the partition that stands still", ""));
    let (broker, proxy) = Broker::behind_proxy();
    let mut site = site(&broker, &proxy, "still");
    // The client would end it by itself after that time.
    site.properties.extend([("socket.timeout.ms", "300000"), ("transaction.timeout.ms", "300000")]);
    let crm = site.crm();
    let mut told = site.told();
    let settings = Settings::load(Some(&site.settings("one"))).expect("the settings");
    let options = worker::Options {
        kafka: settings.kafka.expect("Kafka"),
        instance: "one".to_owned(),
        workers: 1,
        clock_skew_ms: 100,
        engine: Options { retention_ms: Some(400 * DAY_MS), ..Options::default() },
        accept_changed_policy: false,
        partitions: 2,
        stall: Duration::from_secs(3),
    };
    let policy = Arc::new(plazo::policy::load(&site.policy()).expect("the policy"));
    let metrics = Arc::new(Metrics::new(metric_words(&[], &WordLists::default())).expect("metrics"));
    let engine = OnKafka::start(options, policy, Arc::new(SystemClock), metrics.clone()).expect("it starts");
    traffic_for(&mut traffic, &crm, &mut told, 500);
    told.until("it works", |told| !told.notices.is_empty());
    site.until_consumed();
    proxy.swallow_fetches("one-0");
    // What was asked for before is answered yet; what comes later is not read by any other way.
    traffic_for(&mut traffic, &crm, &mut told, 1_000);
    site.until_consumed();
    let told_of = String::from_utf8_lossy(&metrics.text()).into_owned();
    assert!(told_of.contains("plazo_client_rebuilds_total{cause=\"stalled\"} 1\n"), "{told_of}");
    let told = check(&site, told, Vec::new());
    assert!(told.count("sla.breached") > 0, "{:?}", told.counts());
    assert_eq!(engine.stop(crate::kafka::BOUND), Ok(()));
}

#[test]
fn an_error_of_the_commit_is_no_success() {
    let mock: MockCluster<'_, _> = MockCluster::new(1).expect("a broker");
    mock.create_topic("copies", 1, 1).expect("a topic");
    let kafka = Kafka {
        brokers: mock.bootstrap_servers(),
        inputs: vec!["copies".to_owned()],
        group: "ended".to_owned(),
        topics: Topics::default(),
        protocol: Protocol::Classic,
        transactional_id: "ended".to_owned(),
        properties: std::collections::BTreeMap::new(),
    };
    let consumer: BaseConsumer = rdkafka::config::ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .set("group.id", &kafka.group)
        .create()
        .expect("a client");
    let mut transactions = Transactions::new(Arc::new(kafka), "ended", 0);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("copies", 0, Offset::Offset(0)).expect("an offset");
    let record = Outgoing { topic: "copies", partition: Some(0), key: None, value: Some(b"1"), headers: &[] };
    let mut write =
        || transactions.write(&offsets, consumer.group_metadata().expect("a group"), |writing| writing.send(&record));
    assert_eq!(write(), Ok(()));
    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN,
    ] {
        mock.request_errors(RDKafkaApiKey::EndTxn, &[error]);
        let ended = write();
        assert!(ended.is_err(), "{error:?} is taken for success");
        assert_eq!(write(), Ok(()), "after {error:?}");
    }
}
