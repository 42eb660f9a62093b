//! Which input an event goes to: creations to the first, everything else to the last, keyed by lead; and synthetic traffic that does so.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{client, transaction};
use crate::config::Kafka;
use crate::event::FactKind;
use crate::load::send::{self, Answer, Reply, Transport};

const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_MS: i32 = 30_000;
/// Events that are sent before their delivery is waited for; in a transaction as many as in a request of HTTP.
const MAX_SENT: usize = 10_000;

/// The content type of a record that holds a whole event.
pub const STRUCTURED: &str = "application/cloudevents+json";

/// The input that events of a type are written to.
pub fn input_of<'k>(inputs: &'k [String], event_type: &str) -> &'k str {
    let created = event_type == FactKind::Created.type_name();
    let input = if created { inputs.first() } else { inputs.last() };
    // Settings without an input are refused.
    input.map_or("", String::as_str)
}

/// Counts what could not be delivered.
#[derive(Clone, Default)]
struct Failures(Arc<AtomicU64>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub struct Feed {
    producer: ThreadedProducer<Failures>,
    failures: Failures,
    inputs: Vec<String>,
    transactional: bool,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    data: Lead<'a>,
}

#[derive(Deserialize)]
struct Lead<'a> {
    #[serde(borrow)]
    lead_id: Cow<'a, str>,
}

impl Feed {
    /// `transactional`: each batch is a transaction, as a CRM with an outbox would write it.
    ///
    /// # Errors
    /// Where the settings or the brokers refuse.
    pub fn new(kafka: &Kafka, transactional: bool) -> KafkaResult<Self> {
        let failures = Failures::default();
        let mut config = client::producing(kafka, "plazo-load");
        if transactional {
            config.set("transactional.id", format!("{}-load", kafka.transactional_id));
        }
        let producer: ThreadedProducer<Failures> = config.create_with_context(failures.clone())?;
        if transactional {
            producer.init_transactions(PATIENCE)?;
        }
        Ok(Feed { producer, failures, inputs: kafka.inputs.clone(), transactional })
    }

    fn send(&self, batch: &[&RawValue]) -> KafkaResult<()> {
        for event in batch {
            // Our own events have both.
            let head: Head<'_> = serde_json::from_str(event.get()).map_err(|_| KafkaError::Canceled)?;
            let topic = input_of(&self.inputs, &head.r#type);
            let headers = rdkafka::message::OwnedHeaders::new()
                .insert(rdkafka::message::Header { key: "content-type", value: Some(STRUCTURED) });
            let mut record =
                BaseRecord::to(topic).key(head.data.lead_id.as_ref()).payload(event.get()).headers(headers);
            loop {
                match self.producer.send(record) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                        self.flush()?;
                        record = refused;
                    }
                    Err((error, _)) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn flush(&self) -> KafkaResult<()> {
        let flushed = transaction::flush(self.producer.client(), PATIENCE_MS);
        flushed.then_some(()).ok_or(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))
    }

    fn deliver(&self, batch: &[&RawValue]) -> KafkaResult<()> {
        if self.transactional {
            self.producer.begin_transaction()?;
        }
        self.send(batch)?;
        self.flush()?;
        if self.transactional {
            self.producer.commit_transaction(PATIENCE)?;
        }
        Ok(())
    }
}

impl Transport for Feed {
    fn most(&self) -> usize {
        if self.transactional { send::MAX_BATCH } else { MAX_SENT }
    }

    fn post(&mut self, batch: &[u8]) -> Reply {
        let events: Vec<&RawValue> = match serde_json::from_slice(batch) {
            Ok(events) => events,
            Err(error) => return Reply::Refused(error.to_string()),
        };
        let before = self.failures.0.load(Ordering::Relaxed);
        match self.deliver(&events) {
            Ok(()) if self.failures.0.load(Ordering::Relaxed) == before => {
                Reply::Answered(Answer { accepted: events.len() as u64, ..Answer::default() })
            }
            Ok(()) => Reply::Later { why: "the brokers did not take every event".to_owned(), retry_after_ms: None },
            // A transaction that failed is not begun again by this command.
            Err(error) if self.transactional => Reply::Refused(error.to_string()),
            Err(error) => Reply::Later { why: error.to_string(), retry_after_ms: None },
        }
    }

    fn wait(&mut self, wait_ms: i64) {
        send::pause(wait_ms);
    }
}
