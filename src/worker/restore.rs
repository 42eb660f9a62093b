//! Reads a shard's changelog: everything that was committed, and nothing that was not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;

use super::batch::Batches;
use super::client::{self, LogContext};
use super::contents::{self, Contents, RestoreFault, Restored};
use super::{changelog, monotonic, prober};
use crate::config::Kafka;
use crate::engine;
use crate::policy::Policy;

const REQUEST_PATIENCE: Duration = Duration::from_secs(15);
/// A batch that is not full is waited for until this has passed.
const POLL: Duration = Duration::from_millis(20);
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
        self.judge_inputs(&ends)?;
        let mut reading = self.begin()?;
        // It takes the client about a second to find the group; what the changelog holds so far is read meanwhile.
        let (read, committed) = std::thread::scope(|scope| {
            let committed = scope.spawn(|| self.committed(&ends));
            let read = reading.to((reading.high, i64::MAX), stop, passed, |_| false);
            (read, committed.join())
        });
        read?;
        let committed = committed.unwrap_or_else(|_panic| {
            Err(RestoreFault::Retry("the question about the group's offsets ended in a panic".to_owned()))
        })?;
        // Only now, so that nothing which those offsets stand for lies behind the bound; and uncommitted, because a transaction
        // that hangs must not make us stop before a later one.
        let changelog = &self.kafka.topics.changelog;
        let bound = match prober::ends(&ends, &[(changelog.clone(), self.partition)])?.first() {
            Some((_, _, end)) => *end,
            None => return Err(RestoreFault::Retry(format!("the end of {changelog} is not known"))),
        };
        reading.to((bound, bound), stop, passed, |_| false)?;
        let contents = reading.contents;
        if contents.meta().is_none() {
            self.judge_siblings(&ends, stop)?;
        }
        let held = |topic: &String| ends.fetch_watermarks(topic, self.partition, REQUEST_PATIENCE);
        let held = self.kafka.inputs.iter().map(held).collect::<KafkaResult<Vec<(i64, i64)>>>()?;
        let restored = contents.shard(self, &committed, || Ok(held.iter().map(|(low, _)| *low).collect()))?;
        changelog::still_there(&self.kafka.inputs, &restored.next, &held).map_err(RestoreFault::Refused)?;
        Ok(restored)
    }

    /// Whether the inputs have the partitions that this process began with.
    fn judge_inputs(&self, consumer: &BaseConsumer<LogContext>) -> Result<(), RestoreFault> {
        for input in &self.kafka.inputs {
            let metadata = client::metadata(consumer, Some(input), REQUEST_PATIENCE)?;
            let count: usize = metadata.topics().iter().map(|topic| topic.partitions().len()).sum();
            let begun_with = self.partitions;
            if count > 0 && count != begun_with as usize {
                return Err(RestoreFault::Outgrown(changelog::outgrown(count, begun_with)));
            }
        }
        Ok(())
    }

    /// A shard without state begins from nothing only where none was made for another number of partitions: its leads would have
    /// their state elsewhere.
    fn judge_siblings(&self, ends: &BaseConsumer<LogContext>, stop: &AtomicBool) -> Result<(), RestoreFault> {
        let changelog = &self.kafka.topics.changelog;
        let count = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        let siblings = (0..count).filter(|sibling| *sibling != self.partition);
        let siblings: Vec<(String, i32)> = siblings.map(|sibling| (changelog.clone(), sibling)).collect();
        if siblings.is_empty() {
            return Ok(());
        }
        for (_, partition, end) in prober::ends(ends, &siblings)?.into_iter().filter(|(_, _, end)| *end > 0) {
            let sibling = Plan { partition, ..self.clone() };
            // Each transaction rewrites the meta record, so that the first one found says it.
            let mut reading = sibling.begin()?;
            reading.to((end, end), stop, &Passed::default(), |contents| contents.meta().is_some())?;
            if let Some(meta) = reading.contents.meta() {
                return changelog::same_partitions(meta, self.partitions).map_err(RestoreFault::Refused);
            }
        }
        Ok(())
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

    /// Reads the partition of the changelog from its first offset on.
    fn begin(&self) -> Result<Reading<'_>, RestoreFault> {
        let changelog = &self.kafka.topics.changelog;
        let reader = client::reader(&self.kafka, &format!("{}-restore", self.client_id), "read_committed")?;
        let (low, high) = reader.fetch_watermarks(changelog, self.partition, REQUEST_PATIENCE)?;
        Ok(Reading { plan: self, reader, contents: Contents::new(low), low, high, assigned: false })
    }
}

/// A partition of the changelog that is being read.
struct Reading<'p> {
    plan: &'p Plan,
    reader: BaseConsumer<LogContext>,
    contents: Contents,
    low: i64,
    /// What could be read when the reading began lies below.
    high: i64,
    assigned: bool,
}

impl Reading<'_> {
    /// Reads all that the partition holds below the first of the bounds and nothing from the second on, or as much as is enough.
    fn to(
        &mut self,
        (bound, last): (i64, i64),
        stop: &AtomicBool,
        passed: &Passed,
        enough: impl Fn(&Contents) -> bool,
    ) -> Result<(), RestoreFault> {
        let Reading { plan, reader, contents, low, .. } = self;
        let (changelog, partition) = (&plan.kafka.topics.changelog, plan.partition);
        if contents.position() < bound && !self.assigned {
            self.assigned = true;
            reader.assign(&client::list([(changelog.clone(), partition, Offset::Offset(*low))])?)?;
        }
        passed.to_read.store((bound - *low).max(0).unsigned_abs(), Ordering::Relaxed);
        let place = contents::place(plan);
        let mut batches = Batches::of(reader);
        let mut moved_at = monotonic();
        while contents.position() < bound && !enough(contents) {
            if stop.load(Ordering::Relaxed) {
                return Err(RestoreFault::Stopped);
            }
            let taken = batches.take(POLL, |record| {
                if record.offset >= last {
                    contents.passed(last);
                    return Ok(());
                }
                contents.take(&place, record.offset, record.key, record.payload)
            })?;
            if taken > 0 {
                passed.read.store((contents.position() - *low).unsigned_abs(), Ordering::Relaxed);
                moved_at = monotonic();
                continue;
            }
            // The last offsets may be markers or aborted: the position says that they were passed.
            let told = reader.position()?;
            if let Some(Offset::Offset(offset)) =
                told.find_partition(changelog, partition).map(|element| element.offset())
                && contents.passed(offset)
            {
                moved_at = monotonic();
            }
            if moved_at.elapsed() > STALL {
                return Err(RestoreFault::Retry(format!(
                    "{changelog}/{partition} gives nothing beyond {}, up to {bound} is needed: a transaction may hang there",
                    contents.position()
                )));
            }
        }
        Ok(())
    }
}
