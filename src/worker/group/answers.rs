//! What the worker answers and shows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::directory::partition_of;
use super::super::{Question, monotonic};
use super::Worker;
use crate::engine::{LeadView, OpenCount, Shard, inspect};
use crate::view::ReadFault;

/// Open clocks are counted so often: they are looked at by scrapes alone.
const COUNT_EVERY: Duration = Duration::from_secs(1);

impl Worker {
    /// Questions are answered between two turns, from what is durable; long ones by and by.
    pub(super) fn answer(&mut self) {
        if self.shards.has_open_turn() {
            return;
        }
        while let Some(question) = self.shared.next_question(self.number) {
            match question {
                // Who no longer waits needs no answer.
                Question::Lead { lead_id, answer } => drop(answer.send(self.lead(&lead_id))),
                Question::Clocks(scan) => self.scans.push(*scan),
            }
        }
        if !self.scans.is_empty() {
            let mut scans = std::mem::take(&mut self.scans);
            let shards: BTreeMap<i32, &Shard> =
                self.shards.running().map(|running| (running.partition, &running.shard)).collect();
            // The first alone, so that however many are asked, a pass takes as long.
            if scans.first_mut().is_some_and(|scan| scan.slice(&shards)) {
                scans.remove(0);
            }
            self.scans = scans;
        }
    }

    fn lead(&self, lead_id: &str) -> Result<Option<LeadView>, ReadFault> {
        let partition = partition_of(lead_id, self.shared.partitions);
        let Some(running) = self.shards.running().find(|shard| shard.partition == partition) else {
            return Err(ReadFault::NotYet(format!(
                "partition {partition}, which has lead {lead_id:?}, was just taken away"
            )));
        };
        let shard = &running.shard;
        let Some(record) = shard.lead(lead_id) else { return Ok(None) };
        inspect(shard.rules(), record, shard.watermark()).map(Some).map_err(|error| ReadFault::Store(error.to_string()))
    }

    pub(super) fn show(&mut self) {
        let mut sight = self.shards.sight(self.shared.clock.now());
        let running: Vec<i32> = self.shards.running().map(|shard| shard.partition).collect();
        self.restored_in.retain(|partition, _| running.contains(partition));
        for (leads, seconds) in self.restored_in.values() {
            sight.restore.leads += leads;
            sight.restore.seconds += seconds;
        }
        self.shared.show(self.number, sight);
        self.show_open();
    }

    fn show_open(&mut self) {
        if self.counted_open_at.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return;
        }
        self.counted_open_at = Some(monotonic());
        let open: Vec<OpenCount> = self.shards.running().flat_map(|running| running.shard.open_clocks()).collect();
        self.shared.show_open(self.number, open);
    }
}
