//! Asks for end offsets: one batched request at a time, from a thread of its own, so that a slow broker does not stop the loop.
//!
//! A client that reads uncommitted is told the high watermark, behind which nothing was accepted when the question was sent; one
//! that reads committed the last stable offset, below which everything can be read.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;

use super::client::{self, LogContext};
use super::progress::Probe;
use crate::config::Kafka;
use crate::time::Clock;

const PATIENCE: Duration = Duration::from_secs(5);

/// The ends of the partitions that were asked for; of one that did not answer, nothing.
#[derive(Debug)]
pub struct Answer {
    pub ends: Vec<(String, i32, Probe)>,
    /// When it was sent, by the monotonic clock.
    pub sent_at: Instant,
    pub failed: Option<String>,
    /// Topics that were to be counted, each with its number of partitions; without those that did not answer.
    pub counts: Vec<(String, usize)>,
}

pub struct Prober {
    questions: Sender<Vec<(String, i32)>>,
    answers: Receiver<Answer>,
    waiting: bool,
}

impl Prober {
    /// `counted`: topics whose partitions are counted with each answer.
    ///
    /// # Errors
    /// Where the client or the thread cannot be made.
    pub fn start(
        kafka: &Kafka,
        client_id: &str,
        isolation: &str,
        clock: Arc<dyn Clock>,
        counted: Vec<String>,
    ) -> KafkaResult<Self> {
        let consumer = client::reader(kafka, client_id, isolation)?;
        let (questions, asked) = channel::<Vec<(String, i32)>>();
        let (answer, answers) = channel();
        let serve = move || {
            while let Ok(partitions) = asked.recv() {
                let mut told = ask(&consumer, &partitions, &*clock);
                if told.failed.is_none() {
                    told.counts =
                        counted.iter().filter_map(|topic| Some((topic.clone(), count(&consumer, topic)?))).collect();
                }
                if answer.send(told).is_err() {
                    return;
                }
            }
        };
        // Without its thread no answer comes, which holds the watermark: nothing false is told.
        let _runs_until_dropped = std::thread::Builder::new().name("ends".to_owned()).spawn(serve);
        Ok(Prober { questions, answers, waiting: false })
    }

    /// Unless an answer is still to come.
    pub fn ask(&mut self, partitions: Vec<(String, i32)>) {
        if !self.waiting && !partitions.is_empty() {
            self.waiting = self.questions.send(partitions).is_ok();
        }
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    pub fn answer(&mut self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.waiting = false;
                Some(answer)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}

fn ask(consumer: &BaseConsumer<LogContext>, partitions: &[(String, i32)], clock: &dyn Clock) -> Answer {
    // Before the request leaves: what is accepted later may be missing from the answer.
    let sent = clock.now();
    #[expect(clippy::disallowed_methods, reason = "the wall clock is judged by the monotonic one")]
    let sent_at = Instant::now();
    match ends(consumer, partitions) {
        Ok(ends) => {
            let ends = ends.into_iter().map(|(topic, partition, end)| (topic, partition, Probe { sent, end }));
            Answer { ends: ends.collect(), sent_at, failed: None, counts: Vec::new() }
        }
        Err(error) => Answer { ends: Vec::new(), sent_at, failed: Some(error.to_string()), counts: Vec::new() },
    }
}

/// `None`: the brokers do not say, or know no such topic now.
fn count(consumer: &BaseConsumer<LogContext>, topic: &str) -> Option<usize> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
    let count = metadata.topics().first()?.partitions().len();
    (count > 0).then_some(count)
}

/// High watermarks, or what `consumer`'s isolation level makes of them.
///
/// # Errors
/// Where the brokers do not answer in time.
pub fn ends(consumer: &BaseConsumer<LogContext>, partitions: &[(String, i32)]) -> KafkaResult<Vec<(String, i32, i64)>> {
    let asked = client::list(partitions.iter().map(|(topic, partition)| (topic.clone(), *partition, Offset::End)))?;
    let told = consumer.offsets_for_times(asked, PATIENCE)?;
    let mut ends = Vec::with_capacity(partitions.len());
    for element in told.elements() {
        if let (Ok(()), Offset::Offset(end)) = (element.error(), element.offset()) {
            ends.push((element.topic().to_owned(), element.partition(), end));
        }
    }
    Ok(ends)
}
