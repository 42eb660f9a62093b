//! That the client reads what it could: asked for now and then, judged by the watchdog, mended here. And that the inputs have the
//! partitions they had.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use tracing::{error, info, warn};

use super::super::prober::Prober;
use super::super::watchdog::{Remedy, Seen, Watchdog};
use super::super::{changelog, client, monotonic};
use super::{SEEK_PATIENCE, Worker};
use crate::config::Kafka;
use crate::time::Clock;

/// One batched request to each broker so often while the watchdog has patience.
const LOOKS: u32 = 6;

pub(super) struct Vigil {
    prober: Prober,
    look_every: Duration,
    dog: Watchdog,
    asked_at: Option<Instant>,
    /// Since the last look the client had nothing more to give, so that what stands still does not wait in its queue.
    dry: bool,
}

impl Vigil {
    pub(super) fn start(
        kafka: &Kafka,
        client_id: &str,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> KafkaResult<Self> {
        let client_id = format!("{client_id}-stable");
        let prober = Prober::start(kafka, &client_id, "read_committed", clock, kafka.inputs.clone())?;
        let (look_every, dog) = (patience / LOOKS, Watchdog::new(patience));
        Ok(Vigil { prober, look_every, dog, asked_at: None, dry: false })
    }

    pub(super) fn ran_dry(&mut self) {
        self.dry = true;
    }

    pub(super) fn forget(&mut self) {
        self.dog.forget();
    }
}

impl Worker {
    /// `true`: the client must be made anew.
    pub(super) fn watch_over(&mut self) -> bool {
        let due = self.vigil.asked_at.is_none_or(|asked| asked.elapsed() >= self.vigil.look_every);
        if due && !self.vigil.prober.is_waiting() {
            let inputs = &self.shared.kafka.inputs;
            let all =
                self.shards.running().flat_map(|shard| inputs.iter().map(|topic| (topic.clone(), shard.partition)));
            let all = all.collect();
            self.vigil.prober.ask(all);
            self.vigil.asked_at = Some(monotonic());
        }
        let Some(answer) = self.vigil.prober.answer() else { return false };
        // Brokers that do not answer are told of by the ends that timers wait for.
        if answer.failed.is_some() {
            return false;
        }
        // A restore finds that too; but the group need not give this member anything to restore.
        let begun_with = self.shared.partitions;
        if let Some((_, count)) = answer.counts.iter().find(|(_, count)| *count != begun_with as usize) {
            error!("every shard is refused: {}", changelog::outgrown(*count, begun_with));
            self.shards.refuse_all();
            return false;
        }
        let dry = std::mem::take(&mut self.vigil.dry);
        if !dry {
            self.vigil.dog.forget();
        }
        let at_ms = self.now_ms();
        let mut still = Vec::new();
        for (topic, partition, probe) in answer.ends {
            let input = self.shared.kafka.inputs.iter().position(|input| *input == topic);
            let shard = self.shards.running_mut().find(|shard| shard.partition == partition);
            let (Some(input), Some(shard)) = (input, shard) else { continue };
            shard.progress.seen_end(input, probe.end);
            let read_to = shard.progress.read_to(input);
            let seen = Seen { read_to, stable_end: probe.end, paused: shard.is_paused(input) };
            if dry && let Some(remedy) = self.vigil.dog.look(at_ms, (partition, input), seen) {
                still.push((topic, partition, read_to, remedy));
            }
        }
        let mut rebuild = false;
        for (topic, partition, read_to, remedy) in still {
            match remedy {
                Remedy::Seek => {
                    warn!(topic, partition, read_to, "records that can be read are not: the partition is sought anew");
                    let sought = client::list([(topic, partition, Offset::Offset(read_to))])
                        .and_then(|list| self.consumer.seek_partitions(list, SEEK_PATIENCE));
                    if let Err(error) = sought {
                        info!(%error, "it could not be sought; if it stands still, the consumer is made anew");
                    }
                }
                Remedy::Rebuild => {
                    warn!(
                        topic,
                        partition, read_to, "records that can be read are still not: the consumer is made anew"
                    );
                    rebuild = true;
                }
            }
        }
        rebuild
    }
}
