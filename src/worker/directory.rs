//! Which instance has which shard: a compacted topic, read by every instance from its beginning on.
//!
//! An instance writes its place of a shard into the first transaction after the shard's restore. That transaction carries the
//! group's generation, so that one that slept through its session cannot name itself any more. An entry that is out of date does
//! no harm: who is asked there answers for what it has alone, and else says that it does not know yet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::client::{self, LogContext};
use crate::config::Kafka;

const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(250);
/// After a fault that passes by itself.
const RETRY: Duration = Duration::from_secs(1);

/// Where a shard is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub instance: String,
    /// By which others reach it, where that is known.
    pub url: Option<String>,
}

/// A group's shards do not mix with another's, should both have one topic.
pub fn key(group: &str, partition: i32) -> String {
    format!("{group}/{partition}")
}

fn partition_of_key(group: &str, key: &[u8]) -> Option<i32> {
    std::str::from_utf8(key).ok()?.strip_prefix(group)?.strip_prefix('/')?.parse().ok()
}

/// The shard that a lead lies in, as Java's partitioner (murmur2) has it; the same by which keyed records find theirs.
pub fn partition_of(lead_id: &str, partitions: u32) -> i32 {
    let count = i32::try_from(partitions.max(1)).unwrap_or(i32::MAX);
    let (topic, opaque) = (std::ptr::null(), std::ptr::null_mut());
    let (key, length) = (lead_id.as_ptr().cast(), lead_id.len());
    // SAFETY: librdkafka hashes the key's bytes, which live as long as the call, and looks at neither topic nor opaques.
    unsafe { bindings::rd_kafka_msg_partitioner_murmur2(topic, key, length, count, opaque, opaque) }
}

#[derive(Debug, Default)]
pub struct Directory {
    places: Mutex<BTreeMap<i32, Place>>,
}

impl Directory {
    pub fn find(&self, partition: i32) -> Option<Place> {
        self.lock().get(&partition).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry that cannot be read is passed over: what it would say is only not known.
    fn take(&self, group: &str, key: &[u8], value: Option<&[u8]>) {
        let Some(partition) = partition_of_key(group, key) else { return };
        match value.map(serde_json::from_slice::<Place>) {
            Some(Ok(place)) => drop(self.lock().insert(partition, place)),
            Some(Err(error)) => debug!(partition, %error, "an instance's entry cannot be read"),
            None => drop(self.lock().remove(&partition)),
        }
    }

    /// Reads the topic, and what comes to it, until `stop`.
    pub fn follow(&self, kafka: &Kafka, client_id: &str, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if let Err(error) = self.read(kafka, client_id, stop) {
                debug!(%error, "the topic of instances cannot be read now");
                std::thread::park_timeout(RETRY);
            }
        }
    }

    fn read(&self, kafka: &Kafka, client_id: &str, stop: &AtomicBool) -> KafkaResult<()> {
        let reader: BaseConsumer<LogContext> = client::reader(kafka, client_id, "read_committed")?;
        let topic = &kafka.topics.instances;
        let metadata = client::metadata(&reader, Some(topic), PATIENCE)?;
        let known = metadata.topics().first().filter(|topic| topic.error().is_none());
        let known = known.ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition))?;
        let partitions = known.partitions().iter().map(|partition| (topic.clone(), partition.id(), Offset::Beginning));
        reader.assign(&client::list(partitions)?)?;
        while !stop.load(Ordering::Relaxed) {
            match reader.poll(POLL) {
                Some(Ok(message)) => self.take(&kafka.group, message.key().unwrap_or_default(), message.payload()),
                // The client tries again by itself.
                Some(Err(error)) => debug!(%error, "the topic of instances"),
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_lead_is_that_of_javas_partitioner() {
        // Of Apache Kafka's own test of murmur2 ("21", "foobar", ...): hash & 0x7fffffff.
        for (key, hash) in
            [("21", -973_932_308_i32), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)]
        {
            assert_eq!(partition_of(key, 1_000_003), (hash & 0x7fff_ffff) % 1_000_003, "{key}");
        }
        assert_eq!(partition_of("any", 0), 0);
    }

    #[test]
    fn the_last_entry_of_a_shard_holds_and_those_of_other_groups_do_not() {
        let directory = Directory::default();
        let place = |instance: &str| Place { instance: instance.to_owned(), url: Some(format!("http://{instance}")) };
        let json = |instance: &str| serde_json::to_vec(&place(instance)).expect("JSON");
        directory.take("g", key("g", 7).as_bytes(), Some(&json("a")));
        directory.take("g", key("g", 7).as_bytes(), Some(&json("b")));
        directory.take("g", key("other", 7).as_bytes(), Some(&json("c")));
        directory.take("g", key("g", 7).as_bytes(), Some(b"{"));
        assert_eq!(directory.find(7), Some(place("b")));
        assert_eq!(directory.find(8), None);
        directory.take("g", key("g", 7).as_bytes(), None);
        assert_eq!(directory.find(7), None);
    }
}
