//! The topic of dead letters, read and sent again: each goes back to the input that it came from, in one transaction with a mark
//! in its own partition of the topic, so that it is sent again once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::client::{self, LogContext};
use super::committed;
use crate::config::Kafka;
use crate::time::Timestamp;

pub const REASON: &str = "plazo_reason";
pub const DETAIL: &str = "plazo_detail";
pub const TOPIC: &str = "plazo_topic";
pub const PARTITION: &str = "plazo_partition";
pub const OFFSET: &str = "plazo_offset";
/// There where the record did not fit whole.
pub const CUT: &str = "plazo_cut";
/// Of a mark: the offset, in the same partition, of the letter that was sent again.
const RESUBMITTED: &str = "plazo_resubmitted";
const OWN: [&str; 6] = [REASON, DETAIL, TOPIC, PARTITION, OFFSET, CUT];

const PATIENCE: Duration = Duration::from_secs(30);
/// Letters of one transaction.
const BATCH: usize = 500;

/// A refused record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// In the topic of dead letters; together they name it.
    pub partition: i32,
    pub offset: i64,
    pub received_at: Timestamp,
    pub reason: String,
    pub detail: String,
    /// The input it came from.
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Without those that say why it was refused.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Part of it is lost.
    pub is_cut: bool,
    pub is_resubmitted: bool,
}

impl Letter {
    /// As the command line names it: partition and offset.
    pub fn name(&self) -> String {
        format!("{}/{}", self.partition, self.offset)
    }

    fn of(message: &BorrowedMessage<'_>, marks: &BTreeSet<(i32, i64)>) -> Self {
        let headers: Vec<(String, Vec<u8>)> = headers(message);
        let told = |name: &str| {
            let value = headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let (partition, offset) = (message.partition(), message.offset());
        Letter {
            partition,
            offset,
            received_at: Timestamp::from_ms(message.timestamp().to_millis().unwrap_or(0)),
            reason: told(REASON).unwrap_or_default(),
            detail: told(DETAIL).unwrap_or_default(),
            topic: told(TOPIC).unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            is_cut: told(CUT).is_some(),
            is_resubmitted: marks.contains(&(partition, offset)),
            // The first of a name is ours; the record may have had one of the same name.
            headers: OWN.iter().fold(headers.clone(), |mut left, own| {
                if let Some(at) = left.iter().position(|(name, _)| name == own) {
                    left.remove(at);
                }
                left
            }),
        }
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<(String, Vec<u8>)> {
    let all = message.headers().into_iter().flat_map(Headers::iter);
    all.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
}

/// The offset that a mark names. A mark has one header alone, so that no refused record can be taken for one.
fn marked(message: &BorrowedMessage<'_>) -> Option<i64> {
    match (message.payload(), headers(message).as_slice()) {
        (None, [(name, value)]) if name == RESUBMITTED => std::str::from_utf8(value).ok()?.parse().ok(),
        _ => None,
    }
}

/// Every letter that is committed now, partition by partition, in order.
///
/// # Errors
/// Where the brokers do not answer.
pub fn visit(kafka: &Kafka, mut see: impl FnMut(Letter)) -> KafkaResult<()> {
    let reader = client::reader(kafka, "plazo-dead-letters", "read_committed")?;
    let topic = &kafka.topics.dead_letters;
    let ends = committed::ends(&reader, topic)?;
    let mut marks = BTreeSet::new();
    committed::read(&reader, topic, &ends, |message| {
        marks.extend(marked(message).map(|offset| (message.partition(), offset)));
    })?;
    committed::read(&reader, topic, &ends, |message| {
        if marked(message).is_none() {
            see(Letter::of(message, &marks));
        }
    })
}

/// How many letters wait, by reason.
///
/// # Errors
/// As [`visit`].
pub fn waiting_by_reason(kafka: &Kafka) -> KafkaResult<BTreeMap<String, u64>> {
    let mut waiting = BTreeMap::new();
    visit(kafka, |letter| {
        if !letter.is_resubmitted {
            *waiting.entry(letter.reason).or_default() += 1;
        }
    })?;
    Ok(waiting)
}

/// Sends letters to their inputs again, and marks them; whole transactions of [`BATCH`] each. Gives how many are done.
///
/// # Errors
/// What the brokers refused; the transactions before it stand.
pub fn resubmit(kafka: &Kafka, letters: &[Letter]) -> KafkaResult<usize> {
    let mut config = client::producing(kafka, "plazo-dead-letters");
    config.set("transactional.id", format!("{}-dead-letters", kafka.transactional_id));
    let producer: ThreadedProducer<LogContext> = config.create_with_context(LogContext)?;
    producer.init_transactions(PATIENCE)?;
    let mut done = 0;
    for letters in letters.chunks(BATCH) {
        producer.begin_transaction()?;
        let sent = letters.iter().try_for_each(|letter| send_again(kafka, &producer, letter));
        if let Err(error) = sent.and_then(|()| producer.commit_transaction(PATIENCE)) {
            // An open transaction in an input would hold every deadline until it times out.
            producer.abort_transaction(PATIENCE)?;
            return Err(error);
        }
        done += letters.len();
    }
    Ok(done)
}

fn send_again(kafka: &Kafka, producer: &ThreadedProducer<LogContext>, letter: &Letter) -> KafkaResult<()> {
    let original = letter
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&letter.topic).headers(original);
    (record.key, record.payload) = (letter.key.as_deref(), letter.value.as_deref());
    send(producer, record)?;
    let offset = letter.offset.to_string();
    let mark = OwnedHeaders::new().insert(Header { key: RESUBMITTED, value: Some(&offset) });
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&kafka.topics.dead_letters).headers(mark);
    (record.partition, record.key) = (Some(letter.partition), letter.key.as_deref());
    send(producer, record)
}

fn send(producer: &ThreadedProducer<LogContext>, mut record: BaseRecord<'_, [u8], [u8]>) -> KafkaResult<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                producer.flush(PATIENCE)?;
                record = refused;
            }
            Err((error, _)) => return Err(error),
        }
    }
}
