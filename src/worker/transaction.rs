//! One turn, one transaction: notices, changed records, meta, dead letters and input offsets, all or nothing.

use std::time::Duration;

use rdkafka::bindings;
use rdkafka::client::Client;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::warn;

use super::client::{self, LogContext};
use super::monotonic;
use crate::config::Kafka;

const STEP: Duration = Duration::from_secs(1);
const INIT: Duration = Duration::from_secs(30);
const FLUSH_MS: i32 = 10_000;
/// A commit that is not answered for so long has an outcome that only a restore can tell.
const COMMIT: Duration = Duration::from_secs(60);

/// What the caller must do about a transaction that was not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing of it will ever be seen: undo, and do it again.
    Aborted { cause: &'static str, detail: String },
    /// Whether it was committed is not known: forget the shards and restore them.
    Unknown { cause: &'static str, detail: String },
}

/// One record to write. Without a partition its key chooses one.
pub struct Outgoing<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
}

pub struct Transactions {
    kafka: std::sync::Arc<Kafka>,
    client_id: String,
    transactional_id: String,
    producer: Option<ThreadedProducer<LogContext>>,
}

/// The open transaction.
pub struct Writing<'a> {
    producer: &'a ThreadedProducer<LogContext>,
}

impl Writing<'_> {
    /// # Errors
    /// Where librdkafka will not take the record.
    pub fn send(&self, record: &Outgoing<'_>) -> KafkaResult<()> {
        let mut next: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(record.topic);
        next.partition = record.partition;
        next.key = record.key;
        next.payload = record.value;
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in record.headers {
                headers = headers.insert(Header { key, value: Some(*value) });
            }
            next.headers = Some(headers);
        }
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    flush(self.producer.client(), 100);
                    next = refused;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

impl Transactions {
    pub fn new(kafka: std::sync::Arc<Kafka>, client_id: &str, worker: usize) -> Self {
        let transactional_id = format!("{}-{worker}", kafka.transactional_id);
        Transactions { kafka, client_id: client_id.to_owned(), transactional_id, producer: None }
    }

    /// The producer, which fences every earlier one of its id and ends what that one left open.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    pub fn prepare(&mut self) -> KafkaResult<&ThreadedProducer<LogContext>> {
        if self.producer.is_none() {
            let mut config = client::producing(&self.kafka, &self.client_id);
            config.set("transactional.id", &self.transactional_id);
            let producer: ThreadedProducer<LogContext> = config.create_with_context(LogContext)?;
            producer.init_transactions(INIT)?;
            self.producer = Some(producer);
        }
        self.producer.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Writes what `fill` sends and the offsets in one transaction.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn write(
        &mut self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
        fill: impl FnOnce(&Writing<'_>) -> KafkaResult<()>,
    ) -> Result<(), Trouble> {
        let producer = match self.prepare() {
            Ok(producer) => producer,
            // A producer that was not made has begun nothing.
            Err(error) => return Err(Trouble::Aborted { cause: "init", detail: error.to_string() }),
        };
        let mut at = "begin";
        let outcome = producer.begin_transaction().and_then(|()| {
            at = "send";
            fill(&Writing { producer })?;
            flush(producer.client(), FLUSH_MS);
            at = "offsets";
            retried(|| producer.send_offsets_to_transaction(offsets, group, STEP))?;
            at = "commit";
            retried(|| producer.commit_transaction(STEP))
        });
        let Err(error) = outcome else { return Ok(()) };
        let detail = error.to_string();
        let may_abort = match &error {
            KafkaError::Transaction(error) => !error.is_fatal() && (error.txn_requires_abort() || at == "offsets"),
            // A record that was not taken: the transaction stands open.
            _ => at == "send",
        };
        if may_abort {
            match retried(|| producer.abort_transaction(STEP)) {
                Ok(()) => return Err(Trouble::Aborted { cause: at, detail }),
                Err(second) => warn!(%second, "a transaction could not be aborted; its producer is made anew"),
            }
        }
        // Its successor of the same id ends what it left open, one way or the other.
        self.producer = None;
        Err(Trouble::Unknown { cause: at, detail })
    }
}

/// Until it succeeds, or fails for good, or too much time has passed.
fn retried(call: impl Fn() -> KafkaResult<()>) -> KafkaResult<()> {
    let began = monotonic();
    loop {
        match call() {
            Err(KafkaError::Transaction(error))
                if error.is_retriable() && !error.txn_requires_abort() && began.elapsed() < COMMIT => {}
            outcome => return outcome,
        }
    }
}

/// librdkafka's own flush: it sends at once what lingers, where the crate's polls slices of 100 ms.
fn flush(client: &Client<LogContext>, timeout_ms: i32) {
    // SAFETY: the pointer is the live client's for as long as it is borrowed, and rd_kafka_flush may be called from any thread. What
    // could not be flushed fails in the commit that follows.
    let _failed_deliveries_fail_the_commit = unsafe { bindings::rd_kafka_flush(client.native_ptr(), timeout_ms) };
}
