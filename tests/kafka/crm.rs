//! Who writes the inputs: events one by one, and random traffic from a seed.

use std::io::Write as _;
use std::time::Duration;

use plazo::time::{Clock, SystemClock, Timestamp};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use super::BOUND;
use super::broker::Broker;

/// A CRM.
pub struct Feeder {
    pub producer: ThreadedProducer<DefaultProducerContext>,
    prefix: String,
}

impl Feeder {
    pub fn new(broker: &Broker, prefix: &str, transactional_id: Option<&str>) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.address()).set("linger.ms", "5").set("partitioner", "murmur2_random");
        // What brokers that were killed did not answer is not written twice, nor in another order.
        config.set("enable.idempotence", "true").set("acks", "all");
        if let Some(id) = transactional_id {
            config.set("transactional.id", id).set("transaction.timeout.ms", "240000");
        }
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
        if transactional_id.is_some() {
            producer.init_transactions(BOUND).expect("a transactional producer");
        }
        Feeder { producer, prefix: prefix.to_owned() }
    }

    /// However much waits to be sent.
    pub fn send_bytes(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &str)]) {
        let topic = format!("{}{topic}", self.prefix);
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic);
        record.key = key;
        record.payload = value;
        if !headers.is_empty() {
            let all = headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header { key, value: Some(value.as_bytes()) })
            });
            record.headers = Some(all);
        }
        while let Err((error, refused)) = self.producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            self.producer.poll(Duration::from_millis(10));
            record = refused;
        }
    }

    pub fn send(&self, topic: &str, key: Option<&str>, value: Option<&str>) {
        self.send_bytes(topic, key.map(str::as_bytes), value.map(str::as_bytes), &[]);
    }

    pub fn created(&self, lead: &str) {
        self.send("leads.created", Some(lead), Some(&event("lead.created", &format!("c-{lead}"), lead, "")));
    }

    pub fn status(&self, lead: &str, to: &str) {
        let id = format!("s-{lead}-{to}");
        let changed = event("lead.status_changed", &id, lead, &format!(",\"to\":{to:?}"));
        self.send("leads.changed", Some(lead), Some(&changed));
    }

    /// Something that starts and stops nothing.
    pub fn updated(&self, topic: &str, id: &str, lead: &str) {
        self.send(topic, Some(lead), Some(&event("lead.updated", id, lead, ",\"attributes\":{\"a\":\"b\"}")));
    }

    pub fn flush(&self) {
        self.producer.flush(BOUND).expect("delivered");
    }
}

/// A CloudEvent of this instant.
pub fn event(kind: &str, id: &str, lead: &str, more: &str) -> String {
    event_at(SystemClock.now(), kind, id, lead, more)
}

pub fn event_at(time: Timestamp, kind: &str, id: &str, lead: &str, more: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"crm","type":"{kind}","time":"{time}","data":{{"lead_id":"{lead}"{more}}}}}"#
    )
}

pub fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:05}")).collect()
}

/// Random choices of a test: from `PLAZO_SEED`, else from the time. Printed in any case, past the harness, which keeps what a test
/// that succeeds prints.
#[expect(clippy::disallowed_methods, reason = "the seed and the size of a test are no settings of the engine")]
pub fn seeded(test: &str, parameters: &str) -> ChaCha8Rng {
    let seed = match std::env::var("PLAZO_SEED") {
        Ok(seed) => seed.parse().expect("PLAZO_SEED is a number"),
        Err(_) => SystemClock.now().ms().unsigned_abs() % 1_000_000_007,
    };
    let told = format!("{test}: seed {seed}{parameters}; PLAZO_SEED={seed} chooses the same\n");
    std::io::stderr().write_all(told.as_bytes()).expect("stderr");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Leads that are created, assigned, paused, stopped, reopened and deleted, at their time or told late, some things twice and
/// some that are refused.
pub struct Traffic {
    pub rng: ChaCha8Rng,
    leads: u32,
    events: u64,
    last: Option<(&'static str, String, String)>,
}

impl Traffic {
    /// A change is of one of so many last leads.
    const RECENT: u32 = 200;

    pub fn new(rng: ChaCha8Rng) -> Self {
        Traffic { rng, leads: 0, events: 0, last: None }
    }

    pub fn leads(&self) -> usize {
        self.leads as usize
    }

    fn create(&mut self, crm: &Feeder) {
        let lead = format!("T{:05}", self.leads);
        self.leads += 1;
        let owner = if self.rng.random_bool(0.5) { ",\"owner\":\"ana\",\"team\":\"north\"" } else { "" };
        let created = event("lead.created", &format!("c-{lead}"), &lead, owner);
        crm.send("leads.created", Some(&lead), Some(&created));
        self.last = Some(("leads.created", lead, created));
    }

    fn change(&mut self, crm: &Feeder) {
        let oldest = self.leads.saturating_sub(Self::RECENT);
        let lead = format!("T{:05}", self.rng.random_range(oldest..self.leads));
        self.events += 1;
        let id = format!("e{}", self.events);
        let mut time = SystemClock.now();
        if self.rng.random_bool(0.1) {
            time = time.plus_ms(-self.rng.random_range(1..6_000));
        }
        let (kind, more) = match self.rng.random_range(0..100) {
            0..50 => ("lead.status_changed", r#","to":"qualified""#),
            50..58 => ("lead.status_changed", r#","to":"new""#),
            58..66 => ("lead.status_changed", r#","to":"on_hold""#),
            66..76 => ("lead.assigned", r#","owner":"ben""#),
            76..80 => ("lead.activity", r#","kind":"call","by":"person""#),
            80..88 => ("lead.updated", r#","attributes":{"score":7}"#),
            88..92 => ("lead.deleted", ""),
            92..94 => ("lead.status_changed", r#","to":"no such status""#),
            94..96 => ("lead.no_such_type", ""),
            // A record without value deletes its lead too.
            _ => return crm.send("leads.changed", Some(&lead), None),
        };
        let changed = event_at(time, kind, &id, &lead, more);
        crm.send("leads.changed", Some(&lead), Some(&changed));
        self.last = Some(("leads.changed", lead, changed));
    }

    /// So many records, of which a share creates leads.
    pub fn send(&mut self, crm: &Feeder, records: usize) {
        for _ in 0..records {
            if self.leads == 0 || self.rng.random_bool(0.5) {
                self.create(crm);
            } else if let Some((topic, lead, value)) = self.last.take_if(|_| self.rng.random_bool(0.1)) {
                crm.send(topic, Some(&lead), Some(&value));
            } else {
                self.change(crm);
            }
        }
    }

    pub fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap_or(0) % count
    }
}
