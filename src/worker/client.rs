//! librdkafka's clients as this shell needs them, and what their callbacks say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use tracing::{debug, info, warn};

use crate::config::{Kafka, Protocol, TRANSACTION_TIMEOUT_MS};

/// Of a topic that is read to its end as fast as can be: more at once, so that fewer answers are waited for; and the client, which holds
/// 64 MiB at most, looks at once whether it has room again instead of after a second.
const IN_ONE_GO: [(&str, &str); 3] =
    [("fetch.message.max.bytes", "8388608"), ("queued.min.messages", "1000000"), ("fetch.queue.backoff.ms", "10")];

/// What happened to the assignment, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Assigned(Vec<(String, i32)>),
    Revoked { partitions: Vec<(String, i32)>, lost: bool },
}

/// Of the consumer in the group: keeps changes of the assignment for the loop, which handles them between two polls.
#[derive(Debug, Default)]
pub struct GroupContext {
    changes: Mutex<Vec<Change>>,
}

impl GroupContext {
    pub fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

/// Of every other client.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogContext;

pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            warn!(facility, "kafka client: {message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => info!(facility, "kafka client: {message}"),
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => debug!(facility, "kafka client: {message}"),
    }
}

/// A broker that cannot be reached is tried again; that one refuses who comes, or is not whom it should be, somebody must mend.
pub fn error(error: &KafkaError, reason: &str) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL | RDKafkaErrorCode::Resolve) => {
            warn!("kafka client: {reason}");
        }
        _ => debug!(%error, "kafka client: {reason}"),
    }
}

/// What the brokers say of a topic, or of all.
///
/// # Errors
/// Where they do not answer; why is told, which a client that is not polled keeps to itself.
pub fn metadata(reader: &BaseConsumer<LogContext>, topic: Option<&str>, patience: Duration) -> KafkaResult<Metadata> {
    reader.fetch_metadata(topic, patience).inspect_err(|_| while reader.poll(Duration::ZERO).is_some() {})
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self::error(&error, reason);
    }
}

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self::error(&error, reason);
    }
}

impl ConsumerContext for LogContext {}

impl ProducerContext for LogContext {
    type DeliveryOpaque = ();

    /// A record that cannot be delivered fails the commit of its transaction.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

impl ConsumerContext for GroupContext {
    /// Takes what is assigned paused, at no particular offset: the restore says where to begin, and nothing is read before.
    /// Nothing is in flight when a poll is answered, so that what is revoked is only let go.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let names: Vec<(String, i32)> =
            partitions.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        let outcome = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let mut from_start = TopicPartitionList::with_capacity(names.len());
                let filled = names.iter().try_for_each(|(topic, partition)| {
                    from_start.add_partition_offset(topic, *partition, Offset::Beginning)
                });
                let assigned = filled.and_then(|()| match cooperative {
                    true => consumer.incremental_assign(&from_start),
                    false => consumer.assign(&from_start),
                });
                let paused =
                    assigned.and_then(|()| if names.is_empty() { Ok(()) } else { consumer.pause(&from_start) });
                self.keep(Change::Assigned(names));
                paused
            }
            _ => {
                let lost = consumer.assignment_lost();
                self.keep(Change::Revoked { partitions: names, lost });
                match cooperative {
                    true => consumer.incremental_unassign(partitions),
                    false => consumer.unassign(),
                }
            }
        };
        if let Err(error) = outcome {
            warn!(%error, "an assignment could not be taken over");
        }
    }
}

/// What the engine would have, then what the operator has set, then where the brokers are.
fn base(kafka: &Kafka, client_id: &str, defaults: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", client_id).set_log_level(RDKafkaLogLevel::Info);
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    for (name, value) in &kafka.properties {
        config.set(name, value.expose());
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

/// The consumer of a worker in the group.
///
/// # Errors
/// Where librdkafka refuses a property.
pub fn group_consumer(kafka: &Kafka, client_id: &str) -> KafkaResult<BaseConsumer<GroupContext>> {
    let mut config = base(kafka, client_id, &[]);
    reading(&mut config, "read_committed").set("group.id", &kafka.group).set("group.instance.id", client_id);
    match kafka.protocol {
        Protocol::Classic => config.set("group.protocol", "classic").set("partition.assignment.strategy", "range"),
        Protocol::Consumer => config.set("group.protocol", "consumer").set("group.remote.assignor", "range"),
    };
    config.create_with_context(GroupContext::default())
}

/// A consumer that is in no group: for a restore, or for questions.
///
/// # Errors
/// Where librdkafka refuses a property.
pub fn reader(kafka: &Kafka, client_id: &str, isolation: &str) -> KafkaResult<BaseConsumer<LogContext>> {
    let mut config = base(kafka, client_id, &IN_ONE_GO);
    // The client will not be made without a group's name; it never joins.
    reading(&mut config, isolation).set("group.id", &kafka.group);
    config.create_with_context(LogContext)
}

fn reading<'a>(config: &'a mut ClientConfig, isolation: &str) -> &'a mut ClientConfig {
    config
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("allow.auto.create.topics", "false")
}

/// Settings of a producer, transactional or not.
pub fn producing(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let timeout = TRANSACTION_TIMEOUT_MS.to_string();
    let defaults = [("linger.ms", "5"), ("message.timeout.ms", &timeout), ("transaction.timeout.ms", &timeout)];
    let mut config = base(kafka, client_id, &defaults);
    config.set("enable.idempotence", "true").set("acks", "all").set("partitioner", "murmur2_random");
    config
}

/// One topic's partitions as librdkafka wants them.
pub fn list(partitions: impl IntoIterator<Item = (String, i32, Offset)>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in partitions {
        list.add_partition_offset(&topic, partition, offset)?;
    }
    Ok(list)
}

/// # Errors
/// Where librdkafka refuses a property.
pub fn admin(kafka: &Kafka, client_id: &str) -> KafkaResult<AdminClient<LogContext>> {
    base(kafka, client_id, &[]).create_with_context(LogContext)
}
