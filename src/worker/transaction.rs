//! One turn, one transaction: notices, changed records, meta, dead letters and input offsets, all or nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rdkafka::bindings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tracing::{info, warn};

use super::client;
use super::monotonic;
use super::resent::{self, Counted, End, Verdict, Watch};
use crate::config::Kafka;

const STEP: Duration = Duration::from_secs(1);
/// A call that was to last [`STEP`] and is not answered for so long never will be.
const HANG: Duration = Duration::from_secs(20);
const INIT: Duration = Duration::from_secs(30);
const FLUSH_MS: i32 = 10_000;
/// A commit that is not answered for so long has an outcome that only a restore can tell.
const COMMIT: Duration = Duration::from_secs(60);
/// Who waits longer says so, so that no worker stands still in silence.
const TELL: Duration = Duration::from_secs(5);

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
    kafka: Arc<Kafka>,
    client_id: String,
    transactional_id: String,
    /// Why producers were made anew, since that was last asked.
    rebuilt: Vec<&'static str>,
    producer: Option<Watched>,
    /// The last transaction's end, where it took so long that it may have been sent twice.
    doubt: Option<End>,
    /// The shortest time in which anything can be sent twice.
    least: Duration,
}

struct Watched {
    producer: ThreadedProducer<Watch>,
    watch: Watch,
    offsets: OffsetsSender,
}

/// Sends offsets to the transaction from a thread of its own: librdkafka's call heeds no time-out while it looks for the group's
/// coordinator, and may never return (confluentinc/librdkafka#5456, #5511). A thread that hangs is left behind with its producer,
/// which the next one of its id fences.
struct OffsetsSender {
    asked: Sender<(TopicPartitionList, Arc<ConsumerGroupMetadata>)>,
    answers: Receiver<KafkaResult<()>>,
}

impl OffsetsSender {
    /// # Errors
    /// Where the thread cannot be made.
    fn start(producer: ThreadedProducer<Watch>) -> KafkaResult<Self> {
        let (asked, questions) = channel::<(TopicPartitionList, Arc<ConsumerGroupMetadata>)>();
        let (answer, answers) = channel();
        let serve = move || {
            while let Ok((offsets, group)) = questions.recv() {
                if answer.send(producer.send_offsets_to_transaction(&offsets, &group, STEP)).is_err() {
                    return;
                }
            }
        };
        let made = std::thread::Builder::new().name("offsets".to_owned()).spawn(serve);
        made.map(|_runs_until_dropped| OffsetsSender { asked, answers }).map_err(|_| KafkaError::Canceled)
    }

    /// [`KafkaError::Canceled`]: no answer will come.
    fn send(&self, offsets: &TopicPartitionList, group: &Arc<ConsumerGroupMetadata>) -> KafkaResult<()> {
        self.asked.send((offsets.clone(), group.clone())).map_err(|_| KafkaError::Canceled)?;
        match self.answers.recv_timeout(HANG) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                warn!("a call that sends offsets to a transaction does not return: its producer is left behind");
                Err(KafkaError::Canceled)
            }
            Err(RecvTimeoutError::Disconnected) => Err(KafkaError::Canceled),
        }
    }
}

/// The open transaction.
pub struct Writing<'a> {
    producer: &'a ThreadedProducer<Watch>,
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
                    let _some_room_is_enough = flush(self.producer.client(), 100);
                    next = refused;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

impl Transactions {
    pub fn new(kafka: Arc<Kafka>, client_id: &str, worker: usize) -> Self {
        Transactions {
            transactional_id: format!("{}-{worker}", kafka.transactional_id),
            client_id: client_id.to_owned(),
            least: resent::least(&kafka),
            kafka,
            rebuilt: Vec::new(),
            producer: None,
            doubt: None,
        }
    }

    /// Why producers were made anew since the last call.
    pub fn take_rebuilt(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.rebuilt)
    }

    /// Makes the producer, which fences every earlier one of its id and ends what that one left open.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    pub fn prepare(&mut self) -> KafkaResult<()> {
        self.watched().map(|_| ())
    }

    fn watched(&mut self) -> KafkaResult<&Watched> {
        if self.producer.is_none() {
            let mut config = client::producing(&self.kafka, &self.client_id);
            config.set("transactional.id", &self.transactional_id);
            config.set("statistics.interval.ms", resent::INTERVAL_MS.to_string());
            let watch = Watch::before_client();
            let producer: ThreadedProducer<Watch> = config.create_with_context(watch.clone())?;
            producer.init_transactions(INIT)?;
            let offsets = OffsetsSender::start(producer.clone())?;
            self.producer = Some(Watched { producer, watch, offsets });
            self.doubt = None;
        }
        self.producer.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Where the last end may have been sent twice, what is late of it must not meet another transaction of this producer.
    fn leave_doubt(&mut self) {
        let (Some(end), Some(watched)) = (self.doubt.take(), &self.producer) else { return };
        let verdict = watched.watch.judge(&end, self.least);
        if verdict != Verdict::Once {
            let told = verdict == Verdict::Repeated;
            info!(
                took_ms = end.took.as_millis(),
                told, "a transaction's end may have been sent twice: its producer is made anew"
            );
            self.producer = None;
            self.rebuilt.push("resent");
        }
    }

    /// Writes what `fill` sends and the offsets in one transaction.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn write(
        &mut self,
        offsets: &TopicPartitionList,
        group: ConsumerGroupMetadata,
        fill: impl FnOnce(&Writing<'_>) -> KafkaResult<()>,
    ) -> Result<(), Trouble> {
        self.leave_doubt();
        let least = self.least;
        let Watched { producer, watch, offsets: sender } = match self.watched() {
            Ok(watched) => watched,
            // A producer that was not made has begun nothing.
            Err(error) => return Err(Trouble::Aborted { cause: "init", detail: error.to_string() }),
        };
        let group = Arc::new(group);
        let mut at = "begin";
        let mut end = None;
        let outcome = producer.begin_transaction().and_then(|()| {
            at = "send";
            fill(&Writing { producer })?;
            let _what_was_not_delivered_fails_the_commit = flush(producer.client(), FLUSH_MS);
            at = "offsets";
            retried("offsets", || sender.send(offsets, &group))?;
            at = "commit";
            ended(watch, least, &mut end, at, || producer.commit_transaction(STEP))
        });
        let Err(error) = outcome else {
            self.doubt = end;
            return Ok(());
        };
        let detail = error.to_string();
        let may_abort = match &error {
            KafkaError::Transaction(error) => !error.is_fatal() && (error.txn_requires_abort() || at == "offsets"),
            // A record that was not taken: the transaction stands open.
            _ => at == "send",
        };
        if may_abort {
            match ended(watch, least, &mut end, "abort", || producer.abort_transaction(STEP)) {
                Ok(()) => {
                    self.doubt = end;
                    return Err(Trouble::Aborted { cause: at, detail });
                }
                Err(second) => warn!(%second, "a transaction could not be aborted; its producer is made anew"),
            }
        }
        // Its successor of the same id ends what it left open, one way or the other.
        self.producer = None;
        self.rebuilt.push("transaction");
        Err(Trouble::Unknown { cause: at, detail })
    }
}

/// Ends a transaction by `call`; `end` is kept where it, or an earlier try of another end, may have been sent twice.
fn ended(
    watch: &Watch,
    least: Duration,
    end: &mut Option<End>,
    step: &'static str,
    call: impl Fn() -> KafkaResult<()>,
) -> KafkaResult<()> {
    let (began, before): (_, Counted) = (monotonic(), watch.last());
    let outcome = retried(step, call);
    let this = watch.ended(began, before);
    if this.took >= least {
        // The statistics before the first of two doubtful ends are those to compare with.
        *end = Some(End { before: end.map_or(this.before, |first| first.before), ..this });
    }
    outcome
}

/// Until it succeeds, or fails for good, or too much time has passed.
fn retried(step: &'static str, call: impl Fn() -> KafkaResult<()>) -> KafkaResult<()> {
    let began = monotonic();
    let mut tell_after = TELL;
    loop {
        match call() {
            Err(KafkaError::Transaction(error))
                if error.is_retriable() && !error.txn_requires_abort() && began.elapsed() < COMMIT =>
            {
                if began.elapsed() >= tell_after {
                    tell_after += TELL;
                    let waited_s = began.elapsed().as_secs();
                    warn!(step, waited_s, %error, "the brokers have not ended a transaction's step, it is tried on");
                }
            }
            outcome => return outcome,
        }
    }
}

/// librdkafka's own flush: it sends at once what lingers, where the crate's polls slices of 100 ms. `false`: something still waits.
pub(super) fn flush<C: ClientContext>(client: &Client<C>, timeout_ms: i32) -> bool {
    // SAFETY: the pointer is the live client's for as long as it is borrowed, and rd_kafka_flush may be called from any thread.
    unsafe { bindings::rd_kafka_flush(client.native_ptr(), timeout_ms) == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR }
}
