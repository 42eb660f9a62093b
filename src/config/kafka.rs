//! The Kafka part of the settings: names, and properties for librdkafka as long as they keep the engine's promises.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Texts;

/// The group protocol: `classic` (eager `range`), or `consumer` (KIP-848 with the broker's `range`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Classic,
    Consumer,
}

/// Names of the topics that the engine writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    pub reminders: String,
    pub breaches: String,
    pub outcomes: String,
    pub dead_letters: String,
    /// The state of every shard; compacted.
    pub changelog: String,
    /// Which instance has which shard; compacted.
    pub instances: String,
}

impl Default for Topics {
    fn default() -> Self {
        let name = |name: &str| name.to_owned();
        Topics {
            reminders: name("sla.reminders"),
            breaches: name("sla.breaches"),
            outcomes: name("sla.outcomes"),
            dead_letters: name("sla.dead_letters"),
            changelog: name("plazo.changelog"),
            instances: name("plazo.instances"),
        }
    }
}

impl Topics {
    pub fn all(&self) -> [&String; 6] {
        [&self.reminders, &self.breaches, &self.outcomes, &self.dead_letters, &self.changelog, &self.instances]
    }
}

/// Checked settings of the Kafka shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    pub brokers: String,
    /// Input topics, equally partitioned by lead.
    pub inputs: Vec<String>,
    pub group: String,
    pub topics: Topics,
    pub protocol: Protocol,
    /// Prefix of the transactional ids; the instance and the worker's number follow.
    pub transactional_id: String,
    /// For every client, by librdkafka's names.
    pub properties: BTreeMap<String, super::Secret>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RawKafka {
    brokers: Option<Texts>,
    inputs: Option<Texts>,
    group: Option<String>,
    topics: Option<Topics>,
    protocol: Option<Protocol>,
    transactional_id: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Scalar>,
    /// Refused with what to do: formats of other vendors are mapped before the inputs.
    input: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Scalar::Bool(value) => value.to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Float(value) => value.to_string(),
            Scalar::Text(value) => value,
        }
    }
}

/// Properties that the engine sets itself: another value would break what it promises.
const OURS: [(&str, &str); 21] = [
    ("bootstrap.servers", "kafka.brokers names them"),
    ("metadata.broker.list", "kafka.brokers names them"),
    ("group.id", "kafka.group names it"),
    ("group.instance.id", "it is made of engine.instance, so that a restart moves nothing"),
    ("group.protocol", "kafka.protocol names it"),
    ("group.remote.assignor", "only range assigns the same partition of every input to one member"),
    ("partition.assignment.strategy", "only range assigns the same partition of every input to one member"),
    ("transactional.id", "it is made of kafka.transactional_id, the instance and the worker"),
    ("isolation.level", "an event of a transaction that may still be aborted must not be applied"),
    ("enable.auto.commit", "offsets are committed in the transaction that tells what they led to"),
    ("enable.auto.offset.store", "offsets are committed in the transaction that tells what they led to"),
    ("auto.offset.reset", "a position that is gone is never replaced by a guess"),
    ("enable.idempotence", "without it a notice could be written twice"),
    ("acks", "a notice that one broker alone has can be lost"),
    ("request.required.acks", "a notice that one broker alone has can be lost"),
    ("partitioner", "other clients must find a lead's partition: murmur2"),
    ("enable.partition.eof", "an end that is told once is no proof of anything later: the engine asks for it"),
    ("enable.gapless.guarantee", "it ends the producer at the first fault"),
    ("allow.auto.create.topics", "topics are made by `plazo topics --create`"),
    ("check.crcs", "a damaged record must not be applied"),
    ("statistics.interval.ms", "by the statistics the engine sees whether the end of a transaction was sent twice"),
];
/// What the newer group protocol leaves to the broker.
const OF_THE_BROKER: [&str; 2] = ["session.timeout.ms", "heartbeat.interval.ms"];
/// librdkafka's names that have an underscore.
const WITH_UNDERSCORE: [&str; 2] = ["log_level", "enabled_events"];
/// Default of `transaction.timeout.ms` and `message.timeout.ms`: a crash is seen by readers for so long.
pub const TRANSACTION_TIMEOUT_MS: i64 = 10_000;

/// What librdkafka allows `socket.timeout.ms` beyond `transaction.timeout.ms`: no producer is made where it is more.
const SOCKET_MARGIN_MS: i64 = 100;

pub(super) fn check(raw: RawKafka, instance: &str, faults: &mut Vec<String>) -> Option<Kafka> {
    let brokers = raw.brokers.map(|brokers| brokers.list().join(",")).filter(|brokers| !brokers.is_empty())?;
    let inputs = raw.inputs.map_or_else(|| vec!["leads.created".to_owned(), "leads.changed".to_owned()], Texts::list);
    if inputs.is_empty() {
        faults.push("kafka.inputs: expected at least one topic, found none".to_owned());
    }
    if raw.input.is_some() {
        faults.push(
            "kafka.input: formats of other vendors are not read from the inputs: map their events to CloudEvents before \
             them (docs/events.md), and name the topics in kafka.inputs"
                .to_owned(),
        );
    }
    let topics = raw.topics.unwrap_or_default();
    for name in inputs.iter().chain(topics.all()) {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 249 || !name.bytes().all(good) {
            faults.push(format!("kafka: expected a topic's name of letters, digits, '.', '_' and '-', found {name:?}"));
        }
    }
    let [written @ .., changelog, instances] = topics.all();
    for (at, input) in inputs.iter().enumerate() {
        if inputs[..at].contains(input) || topics.all().contains(&input) {
            faults.push(format!("kafka.inputs: the topic {input:?} is named for two things"));
        }
    }
    if written.contains(&changelog) {
        faults.push(format!("kafka.topics.changelog: the topic {changelog:?} is named for two things"));
    }
    if written.contains(&instances) || changelog == instances {
        faults.push(format!("kafka.topics.instances: the topic {instances:?} is named for two things"));
    }
    let protocol = raw.protocol.unwrap_or(Protocol::Classic);
    let mut properties = BTreeMap::new();
    for (name, value) in raw.properties {
        // The environment has no dots in its names.
        let dotted = name.replace('_', ".");
        let name = if name.contains('.') || WITH_UNDERSCORE.contains(&name.as_str()) { name } else { dotted };
        if let Some((_, why)) = OURS.iter().find(|(ours, _)| *ours == name) {
            faults.push(format!("kafka.properties.{name}: this cannot be set: {why}"));
        } else if protocol == Protocol::Consumer && OF_THE_BROKER.contains(&name.as_str()) {
            faults.push(format!(
                "kafka.properties.{name}: the protocol \"consumer\" leaves this to the broker (group.consumer.*)"
            ));
        } else {
            properties.insert(name, super::Secret::new(value.text()));
        }
    }
    let number =
        |name: &str, otherwise: i64| properties.get(name).map_or(Some(otherwise), |value| value.expose().parse().ok());
    match (number("message.timeout.ms", TRANSACTION_TIMEOUT_MS), number("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)) {
        (Some(message), Some(transaction)) if message > transaction => faults.push(format!(
            "kafka.properties.message.timeout.ms: {message} is more than transaction.timeout.ms, {transaction}: a notice would still \
             be sent when its transaction has been aborted"
        )),
        _ => {}
    }
    if let (Some(socket), Some(transaction)) =
        (number("socket.timeout.ms", 0), number("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS))
        && socket > transaction + SOCKET_MARGIN_MS
    {
        faults.push(format!(
            "kafka.properties.socket.timeout.ms: {socket} is more than transaction.timeout.ms, {transaction}: a transaction would end before \
             a request of it is given up"
        ));
    }
    tls_faults(&properties, cfg!(feature = "tls"), faults);
    // Engines of two groups on one cluster must not fence one another.
    let group = raw.group.unwrap_or_else(|| "plazo".to_owned());
    Some(Kafka {
        brokers,
        inputs,
        transactional_id: raw.transactional_id.unwrap_or_else(|| format!("{group}-{instance}")),
        group,
        topics,
        protocol,
        properties,
    })
}

/// What librdkafka can do only with OpenSSL, and whether this program was built with it.
fn tls_faults(properties: &BTreeMap<String, super::Secret>, has_tls: bool, faults: &mut Vec<String>) {
    if has_tls {
        return;
    }
    let needs = |name: &str, value: &str| match name {
        "security.protocol" => matches!(value, "ssl" | "sasl_ssl"),
        "sasl.mechanisms" | "sasl.mechanism" => value.starts_with("scram") || value == "oauthbearer",
        _ => false,
    };
    for (name, value) in properties {
        // No secrets: the protocol's and the mechanism's names.
        let value = value.expose();
        if needs(name, &value.to_ascii_lowercase()) {
            faults.push(format!(
                "kafka.properties.{name}: {value} needs a program that was built with TLS, and this one was not: \
                 cargo build --release --features tls"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, value: &str, has_tls: bool) -> Vec<String> {
        let mut faults = Vec::new();
        tls_faults(&BTreeMap::from([(name.to_owned(), super::super::Secret::new(value))]), has_tls, &mut faults);
        faults
    }

    #[test]
    fn formats_of_other_vendors_are_refused_with_what_to_do() {
        let text = "brokers = \"a:1\"\n[[input]]\ntopic = \"t\"\nformat = \"debezium\"";
        let mut faults = Vec::new();
        check(toml::from_str(text).expect("settings"), "one", &mut faults);
        assert!(faults.len() == 1 && faults[0].contains("map their events to CloudEvents"), "{faults:?}");
    }

    #[test]
    fn what_needs_tls_is_refused_by_a_program_without_it() {
        for (name, value) in [
            ("security.protocol", "SSL"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.mechanism", "OAUTHBEARER"),
        ] {
            let faults = told(name, value, false);
            assert_eq!(faults.len(), 1, "{name} {value}");
            assert!(faults[0].contains(name) && faults[0].contains("--features tls"), "{faults:?}");
            assert!(told(name, value, true).is_empty(), "{name} {value}");
        }
        for (name, value) in
            [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanisms", "PLAIN"), ("client.rack", "ssl")]
        {
            assert!(told(name, value, false).is_empty(), "{name} {value}");
        }
    }
}
