//! Reads a shard's changelog: everything that was committed, and nothing that was not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;

use super::changelog;
use super::client::{self, LogContext};
use super::contents::{Contents, RestoreFault, Restored};
use super::{monotonic, prober};
use crate::config::Kafka;
use crate::engine;
use crate::policy::Policy;

const REQUEST_PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(200);
/// A changelog that gives nothing for so long is given up, to be tried again.
const STALL: Duration = Duration::from_secs(60);

/// How far a restore is, in offsets of the changelog.
#[derive(Debug, Default)]
pub struct Passed {
    pub read: AtomicU64,
    /// To be read in all.
    pub to_read: AtomicU64,
}

/// What to restore, and by what.
#[derive(Clone)]
pub struct Plan {
    pub kafka: Arc<Kafka>,
    pub client_id: String,
    pub partition: i32,
    /// Of the inputs and the changelog.
    pub partitions: u32,
    pub policy: Arc<Policy>,
    pub options: engine::Options,
    pub accept_changed_policy: bool,
}

impl From<KafkaError> for RestoreFault {
    fn from(error: KafkaError) -> Self {
        RestoreFault::Retry(error.to_string())
    }
}

impl Plan {
    /// # Errors
    /// See [`RestoreFault`].
    pub fn run(&self, stop: &AtomicBool, passed: &Passed) -> Result<Restored, RestoreFault> {
        let ends = client::reader(&self.kafka, &format!("{}-bound", self.client_id), "read_uncommitted")?;
        let committed = self.committed(&ends)?;
        // Only now, so that nothing which those offsets stand for lies behind the bound; and uncommitted, because a transaction
        // that hangs must not make us stop before a later one.
        let changelog = &self.kafka.topics.changelog;
        let bound = match prober::ends(&ends, &[(changelog.clone(), self.partition)])?.first() {
            Some((_, _, end)) => *end,
            None => return Err(RestoreFault::Retry(format!("the end of {changelog} is not known"))),
        };
        let contents = self.read(bound, stop, passed)?;
        let held = |topic: &String| ends.fetch_watermarks(topic, self.partition, REQUEST_PATIENCE);
        let held = self.kafka.inputs.iter().map(held).collect::<KafkaResult<Vec<(i64, i64)>>>()?;
        let restored = contents.shard(self, &committed, || Ok(held.iter().map(|(low, _)| *low).collect()))?;
        changelog::still_there(&self.kafka.inputs, &restored.next, &held).map_err(RestoreFault::Refused)?;
        Ok(restored)
    }

    /// Stable: librdkafka waits here for transactions that are still to commit offsets.
    fn committed(&self, consumer: &BaseConsumer<LogContext>) -> Result<Vec<Option<i64>>, RestoreFault> {
        let asked =
            client::list(self.kafka.inputs.iter().map(|topic| (topic.clone(), self.partition, Offset::Invalid)))?;
        let told = consumer.committed_offsets(asked, REQUEST_PATIENCE)?;
        let of = |topic: &String| match told.find_partition(topic, self.partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        Ok(self.kafka.inputs.iter().map(of).collect())
    }

    /// What the partition holds below `bound`.
    fn read(&self, bound: i64, stop: &AtomicBool, passed: &Passed) -> Result<Contents, RestoreFault> {
        let changelog = &self.kafka.topics.changelog;
        let reader = client::reader(&self.kafka, &format!("{}-restore", self.client_id), "read_committed")?;
        let (low, _) = reader.fetch_watermarks(changelog, self.partition, REQUEST_PATIENCE)?;
        let mut contents = Contents::new(low);
        if low < bound {
            reader.assign(&client::list([(changelog.clone(), self.partition, Offset::Offset(low))])?)?;
            passed.to_read.store((bound - low).unsigned_abs(), Ordering::Relaxed);
        }
        let mut moved_at = monotonic();
        while contents.position() < bound {
            if stop.load(Ordering::Relaxed) {
                return Err(RestoreFault::Stopped);
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    contents.take(self, message.offset(), message.key(), message.payload())?;
                    passed.read.store((contents.position() - low).unsigned_abs(), Ordering::Relaxed);
                    moved_at = monotonic();
                }
                Some(Err(error)) => return Err(error.into()),
                // The last offsets may be markers or aborted: the position says that they were passed.
                None => {
                    let told = reader.position()?;
                    if let Some(Offset::Offset(offset)) =
                        told.find_partition(changelog, self.partition).map(|element| element.offset())
                        && contents.passed(offset)
                    {
                        moved_at = monotonic();
                    }
                }
            }
            if moved_at.elapsed() > STALL {
                return Err(RestoreFault::Retry(format!(
                    "{changelog}/{} gives nothing beyond {}, up to {bound} is needed: a transaction may hang there",
                    self.partition,
                    contents.position()
                )));
            }
        }
        Ok(contents)
    }
}
