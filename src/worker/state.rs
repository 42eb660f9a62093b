//! The state of all shards at one moment, read from the changelog by whoever is no member of the group: for reports.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::error::KafkaError;

use super::changelog::{FORMAT, Meta};
use super::contents::{Contents, RestoreFault};
use super::{client, committed};
use crate::config::Kafka;
use crate::policy::kept::KeptVersion;
use crate::time::Timestamp;

/// Why the state cannot be read, for who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{changelog}: {told}")]
pub struct StateFault {
    changelog: String,
    told: String,
}

/// Everything that the changelog holds; as much memory as the engine's own state takes.
#[derive(Debug)]
pub struct State {
    shards: Vec<Contents>,
}

impl State {
    /// Reads what is committed now. Each shard is of one moment: its records and its meta record are committed together.
    ///
    /// # Errors
    /// Where the brokers do not answer, or a record is not of this engine.
    pub fn read(kafka: &Kafka) -> Result<Self, StateFault> {
        let changelog = &kafka.topics.changelog;
        let fault = |told: String| StateFault { changelog: changelog.clone(), told };
        let unreadable = |error: KafkaError| fault(error.to_string());
        let reader = client::reader(kafka, "plazo-report", "read_committed").map_err(unreadable)?;
        let ends = committed::ends(&reader, changelog).map_err(unreadable)?;
        let mut shards: BTreeMap<i32, Contents> = BTreeMap::new();
        let mut refused: Option<RestoreFault> = None;
        committed::read(&reader, changelog, &ends, |message| {
            let (partition, offset) = (message.partition(), message.offset());
            let contents = shards.entry(partition).or_insert_with(|| Contents::new(0));
            let place = format!("partition {partition}");
            let taken = contents.take(&place, offset, message.key(), message.payload());
            refused = refused.take().or(taken.err());
        })
        .map_err(unreadable)?;
        if let Some(refused) = refused {
            return Err(fault(refused.to_string()));
        }
        let shards: Vec<Contents> = shards.into_values().collect();
        let other = shards.iter().filter_map(Contents::meta).find(|meta| meta.format != FORMAT);
        match other {
            Some(meta) => Err(fault(format!("it has format {}, this program reads {FORMAT}", meta.format))),
            None => Ok(State { shards }),
        }
    }

    /// The instant that every shard has come to; `None` where none has begun. An idle shard keeps its own once a minute.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(Contents::meta).map(Meta::watermark).min()
    }

    /// Of each shard, the versions that its clocks are governed by.
    pub fn kept_policies(&self) -> impl Iterator<Item = &[KeptVersion]> {
        self.shards.iter().map(Contents::policy)
    }

    /// Every lead's record, with the instant that its shard has come to.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], Timestamp)> {
        self.shards.iter().flat_map(|shard| {
            let watermark = shard.meta().map_or(Timestamp::MIN, Meta::watermark);
            shard.records().map(move |record| (record, watermark))
        })
    }
}
