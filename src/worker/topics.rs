//! The topics that the settings name: what each must be like, whether it is, and how to make it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{self, LogContext};
use crate::config::Kafka;

const PATIENCE: Duration = Duration::from_secs(15);

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Input,
    Output,
    Changelog,
    Instances,
}

impl Use {
    /// Settings without which a promise is broken, and why.
    fn needs(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Use::Input => &[(
                "message.timestamp.type",
                "LogAppendTime",
                "with the producers' own times a breach can be early or late, and a replay can tell other notices",
            )],
            Use::Output => &[],
            Use::Instances => &[(
                "cleanup.policy",
                "compact",
                "which instance has a shard that has not moved for long would be forgotten",
            )],
            Use::Changelog => {
                &[("cleanup.policy", "compact", "leads that have not changed for long would be forgotten")]
            }
        }
    }

    /// How many partitions a new topic gets where the inputs have so many.
    fn partitions(self, of_inputs: u32) -> u32 {
        match self {
            Use::Instances => 1,
            Use::Input | Use::Output | Use::Changelog => of_inputs,
        }
    }

    /// Further settings that a new topic gets.
    fn wishes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Use::Input | Use::Output => &[],
            Use::Instances => &[("segment.ms", "3600000"), ("max.compaction.lag.ms", "3600000")],
            Use::Changelog => &[
                ("segment.bytes", "67108864"),
                ("segment.ms", "3600000"),
                ("min.cleanable.dirty.ratio", "0.1"),
                ("max.compaction.lag.ms", "3600000"),
                ("delete.retention.ms", "86400000"),
            ],
        }
    }
}

/// What `plazo topics` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Topic and what it is like.
    pub fine: Vec<String>,
    pub created: Vec<String>,
    /// What must be put right.
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
    /// Of every input.
    pub partitions: u32,
}

fn uses(kafka: &Kafka) -> Vec<(&String, Use)> {
    let topics = &kafka.topics;
    let mut all: Vec<(&String, Use)> = kafka.inputs.iter().map(|name| (name, Use::Input)).collect();
    for name in [&topics.reminders, &topics.breaches, &topics.outcomes, &topics.dead_letters] {
        if all.iter().all(|(known, _)| *known != name) {
            all.push((name, Use::Output));
        }
    }
    all.push((&topics.changelog, Use::Changelog));
    all.push((&topics.instances, Use::Instances));
    all
}

/// How to make what is missing.
#[derive(Clone, Copy, Debug)]
pub struct Making {
    pub partitions: u32,
    /// `None`: the brokers' default, at most the number of brokers.
    pub replication: Option<i32>,
}

/// Compares the topics with what they must be; makes those that are missing where `making` says how.
///
/// # Errors
/// Where the brokers do not answer.
pub async fn look(kafka: &Kafka, making: Option<Making>) -> Result<Found, KafkaError> {
    let reader = client::reader(kafka, "plazo-topics", "read_uncommitted")?;
    let admin: AdminClient<LogContext> = client::admin(kafka, "plazo-topics")?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let mut found = Found::default();
    let counts = counts(&reader, kafka)?;
    let all = uses(kafka);
    let missing: Vec<&(&String, Use)> = all.iter().filter(|(name, _)| !counts.contains_key(*name)).collect();
    if let Some(making) = making {
        let of_inputs = kafka.inputs.iter().filter_map(|name| counts.get(name)).max();
        let partitions = of_inputs.copied().unwrap_or(making.partitions);
        let new = missing.iter().map(|(name, usage)| {
            let replication = TopicReplication::Fixed(making.replication.unwrap_or(-1));
            let partitions = i32::try_from(usage.partitions(partitions)).unwrap_or(i32::MAX);
            let topic = NewTopic::new(name, partitions, replication);
            let needs = usage.needs().iter().map(|(key, value, _)| (*key, *value));
            needs.chain(usage.wishes().iter().copied()).fold(topic, |topic, (key, value)| topic.set(key, value))
        });
        let new: Vec<NewTopic<'_>> = new.collect();
        // librdkafka refuses to make nothing.
        let outcomes = if new.is_empty() { Vec::new() } else { admin.create_topics(&new, &options).await? };
        for outcome in outcomes {
            match outcome {
                Ok(name) => found.created.push(name),
                // Another instance has just made it.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => found.faults.push(format!("{name}: cannot be made: {code}")),
            }
        }
    } else {
        found
            .faults
            .extend(missing.iter().map(|(name, _)| format!("{name}: is missing; plazo topics --create makes it")));
    }
    let there: Vec<&(&String, Use)> = all.iter().filter(|(name, _)| counts.contains_key(*name)).collect();
    let asked: Vec<ResourceSpecifier<'_>> = there.iter().map(|(name, _)| ResourceSpecifier::Topic(name)).collect();
    let described = if asked.is_empty() { Vec::new() } else { admin.describe_configs(&asked, &options).await? };
    for ((name, usage), described) in there.iter().zip(described) {
        let partitions = counts.get(*name).copied().unwrap_or(0);
        match described {
            Ok(config) => {
                let before = found.faults.len() + found.warnings.len();
                for (key, wanted, why) in usage.needs() {
                    let value = config.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
                    if value != *wanted {
                        let told = format!("{name}: {key} is {value:?}, expected {wanted:?}: {why}");
                        match usage {
                            Use::Changelog => found.faults.push(told),
                            _ => found.warnings.push(told),
                        }
                    }
                }
                if found.faults.len() + found.warnings.len() == before {
                    found.fine.push(format!("{name}: {partitions} partitions"));
                }
            }
            Err(code) => found.warnings.push(format!("{name}: its settings cannot be read: {code}")),
        }
    }
    let counted = if found.created.is_empty() { counts } else { self::counts(&reader, kafka)? };
    co_partitioned(kafka, &counted, &mut found);
    Ok(found)
}

/// Partitions of each topic of the settings that there is.
fn counts(
    reader: &rdkafka::consumer::BaseConsumer<LogContext>,
    kafka: &Kafka,
) -> Result<BTreeMap<String, u32>, KafkaError> {
    let metadata = client::metadata(reader, None, PATIENCE)?;
    let ours = uses(kafka);
    let known = metadata.topics().iter().filter(|topic| topic.error().is_none() && !topic.partitions().is_empty());
    let of = known.map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32));
    Ok(of.filter(|(name, _)| ours.iter().any(|(own, _)| *own == name)).collect())
}

fn co_partitioned(kafka: &Kafka, counts: &BTreeMap<String, u32>, found: &mut Found) {
    let shards =
        kafka.inputs.iter().chain([&kafka.topics.changelog]).filter_map(|name| Some((name, *counts.get(name)?)));
    let shards: Vec<(&String, u32)> = shards.collect();
    found.partitions = shards.first().map_or(0, |(_, count)| *count);
    if shards.iter().any(|(_, count)| *count != found.partitions) {
        let list: Vec<String> = shards.iter().map(|(name, count)| format!("{name} {count}")).collect();
        found.faults.push(format!(
            "inputs and changelog must have one number of partitions, for a lead's events and state lie under one number: {}",
            list.join(", ")
        ));
    }
}
