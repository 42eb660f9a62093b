//! A shard from its changelog: everything that was committed, and nothing that was not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use serde::de::DeserializeOwned;

use super::changelog::{self, META, Meta, POLICY, Standing};
use super::client::{self, LogContext};
use super::{monotonic, prober};
use crate::config::Kafka;
use crate::engine::{self, Shard};
use crate::policy::Policy;
use crate::policy::kept::{self, KeptVersion};
use crate::time::Timestamp;

const REQUEST_PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(200);
/// A changelog that gives nothing for so long is given up, to be tried again.
const STALL: Duration = Duration::from_secs(60);

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

pub struct Restored {
    pub shard: Shard,
    /// By input, where to read on.
    pub next: Vec<i64>,
    pub records: u64,
    pub seconds: f64,
    /// The policy that the changelog keeps is another one: it must be written, and where clocks are open, they are settled anew.
    pub policy_changed: bool,
}

/// Why a shard could not be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFault {
    /// The broker's state, which passes.
    #[error("{0}")]
    Retry(String),
    /// An operator must act.
    #[error("{0}")]
    Refused(String),
    /// The shard was taken away meanwhile.
    #[error("the shard was given to another member")]
    Stopped,
}

impl From<KafkaError> for RestoreFault {
    fn from(error: KafkaError) -> Self {
        RestoreFault::Retry(error.to_string())
    }
}

impl Plan {
    /// # Errors
    /// See [`RestoreFault`].
    pub fn run(&self, stop: &AtomicBool) -> Result<Restored, RestoreFault> {
        let began = monotonic();
        let inputs = &self.kafka.inputs;
        let ends = client::reader(&self.kafka, &format!("{}-bound", self.client_id), "read_uncommitted")?;
        let committed = self.committed(&ends)?;
        // Only now, so that nothing which those offsets stand for lies behind the bound; and uncommitted, because a transaction
        // that hangs must not make us stop before a later one.
        let changelog = &self.kafka.topics.changelog;
        let bound = match prober::ends(&ends, &[(changelog.clone(), self.partition)])?.first() {
            Some((_, _, end)) => *end,
            None => return Err(RestoreFault::Retry(format!("the end of {changelog} is not known"))),
        };
        let (records, meta, policy) = self.read(bound, stop)?;
        let standing = changelog::standing(meta.as_ref(), inputs, &committed, self.partitions);
        let names: Vec<String> = inputs.iter().map(|topic| format!("{topic}/{}", self.partition)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut shard = Shard::new(self.policy.clone(), self.options, &names);
        let next = match standing.map_err(RestoreFault::Refused)? {
            Standing::From(next) => next,
            Standing::New => {
                let low =
                    |topic: &String| ends.fetch_watermarks(topic, self.partition, REQUEST_PATIENCE).map(|(low, _)| low);
                inputs.iter().map(low).collect::<KafkaResult<Vec<i64>>>()?
            }
        };
        let count = records.len() as u64;
        for record in records.into_values() {
            shard.restore_record(record).map_err(|error| {
                RestoreFault::Refused(format!("a record of {changelog}/{} cannot be read: {error}", self.partition))
            })?;
        }
        let watermark = meta.as_ref().map_or(Timestamp::MIN, Meta::watermark);
        let applied = next.iter().enumerate().map(|(input, next)| (input, u64::try_from(next - 1).unwrap_or(0)));
        shard.restore_position(watermark, &applied.collect::<Vec<_>>());
        let kept: Vec<KeptVersion> = policy.unwrap_or_default();
        let difference = if count > 0 { kept::difference(&kept, &self.policy, watermark) } else { None };
        if let (Some(difference), false) = (&difference, self.accept_changed_policy) {
            return Err(RestoreFault::Refused(format!(
                "the policy is not the one that the clocks of {changelog}/{} were governed by{difference}\n\
                 run with --accept-changed-policy to tell every promise that changes",
                self.partition
            )));
        }
        let policy_changed = kept != changelog::policy_at_hand(&self.policy);
        let seconds = began.elapsed().as_secs_f64();
        Ok(Restored { shard, next, records: count, seconds, policy_changed })
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

    fn parse<T: DeserializeOwned>(&self, what: &str, value: &[u8]) -> Result<T, RestoreFault> {
        serde_json::from_slice(value).map_err(|error| {
            let (topic, partition) = (&self.kafka.topics.changelog, self.partition);
            RestoreFault::Refused(format!("the {what} record of {topic}/{partition} cannot be read: {error}"))
        })
    }

    /// The last value of each key below `bound`.
    #[expect(clippy::type_complexity, reason = "leads, meta and policy: used once")]
    fn read(
        &self,
        bound: i64,
        stop: &AtomicBool,
    ) -> Result<(BTreeMap<Box<[u8]>, Box<[u8]>>, Option<Meta>, Option<Vec<KeptVersion>>), RestoreFault> {
        let changelog = &self.kafka.topics.changelog;
        let reader = client::reader(&self.kafka, &format!("{}-restore", self.client_id), "read_committed")?;
        let mut leads = BTreeMap::new();
        let (mut meta, mut policy) = (None, None);
        let (low, _) = reader.fetch_watermarks(changelog, self.partition, REQUEST_PATIENCE)?;
        let mut position = low;
        if low < bound {
            reader.assign(&client::list([(changelog.clone(), self.partition, Offset::Offset(low))])?)?;
        }
        let mut moved_at = monotonic();
        while position < bound {
            if stop.load(Ordering::Relaxed) {
                return Err(RestoreFault::Stopped);
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    position = message.offset() + 1;
                    moved_at = monotonic();
                    match (message.key(), message.payload()) {
                        (Some(key), Some(value)) if changelog::is_lead(key) => {
                            leads.insert(Box::from(key), Box::from(value));
                        }
                        (Some(key), None) => drop(leads.remove(key)),
                        (Some(META), Some(value)) => meta = Some(self.parse("meta", value)?),
                        (Some(POLICY), Some(value)) => policy = Some(self.parse("policy", value)?),
                        _ => {
                            let told =
                                format!("{changelog}/{} at {position} holds a record of no known kind", self.partition);
                            return Err(RestoreFault::Refused(told));
                        }
                    }
                }
                Some(Err(error)) => return Err(error.into()),
                // The last offsets may be markers or aborted: the position says that they were passed.
                None => {
                    let told = reader.position()?;
                    if let Some(Offset::Offset(offset)) =
                        told.find_partition(changelog, self.partition).map(|element| element.offset())
                        && offset > position
                    {
                        position = offset;
                        moved_at = monotonic();
                    }
                }
            }
            if moved_at.elapsed() > STALL {
                return Err(RestoreFault::Retry(format!(
                    "{changelog}/{} gives nothing beyond {position}, up to {bound} is needed: a transaction may hang there",
                    self.partition
                )));
            }
        }
        Ok((leads, meta, policy))
    }
}
