//! The CRM: what happens to its leads, told late, twice, out of order, wrongly, and in transactions that last, hang or are aborted.

use std::collections::VecDeque;

use rand::RngExt;
use xxhash_rust::xxh3::xxh3_64;

use plazo::time::Timestamp;

use crate::log::{Stored, Transaction};
use crate::world::World;

/// A transaction that nobody ends is aborted by the broker after so long.
const HANGING_MS: i64 = 15_000;
const STATUSES: [&str; 5] = ["new", "working", "on_hold", "qualified", "unsuitable"];
const OWNERS: [&str; 3] = ["ana", "ben", "\u{e7}a"];

struct Unsent {
    at_ms: i64,
    input: usize,
    lead: String,
    value: Option<String>,
}

struct Open {
    id: Transaction,
    until_ms: i64,
    commit: bool,
}

#[derive(Default)]
pub struct Upstream {
    leads: Vec<String>,
    told: u64,
    unsent: VecDeque<Unsent>,
    open: Option<Open>,
    /// Its process was killed: the broker ends them.
    hanging: Vec<Open>,
}

pub fn shard_of(lead: &str, partitions: u32) -> i32 {
    (xxh3_64(lead.as_bytes()) % u64::from(partitions)) as i32
}

impl Upstream {
    /// A round: something may happen, and what is due to be sent is sent.
    pub fn tick(&mut self, world: &mut World) {
        if world.rng.random_ratio(world.params.busy, 100) {
            // Now and then many at one instant, so that their deadlines are one.
            let at_once = if world.rng.random_bool(0.1) { world.rng.random_range(2..12) } else { 1 };
            for _ in 0..at_once {
                self.happens(world);
            }
        }
        self.send(world);
    }

    /// Everything is sent, and no transaction stays open.
    pub fn finish(&mut self, world: &mut World) {
        self.unsent.iter_mut().for_each(|unsent| unsent.at_ms = 0);
        self.send(world);
        for open in self.open.take().into_iter().chain(std::mem::take(&mut self.hanging)) {
            world.broker.crm_end(open.id, open.commit);
        }
    }

    /// A broker stamps a record of every shard.
    pub fn beat(&mut self, world: &mut World) {
        for partition in 0..world.params.partitions.cast_signed() {
            let lead = (0..).map(|number| format!("beat-{number}"));
            let of_shard = |lead: &String| shard_of(lead, world.params.partitions) == partition;
            let Some(lead) = lead.into_iter().find(of_shard) else { continue };
            let value = self.event("lead.updated", &lead, Timestamp::from_ms(world.clocks.now_ms), "");
            self.unsent.push_back(Unsent { at_ms: 0, input: 1, lead, value: Some(value) });
        }
        self.finish(world);
    }

    fn event(&mut self, kind: &str, lead: &str, time: Timestamp, data: &str) -> String {
        self.told += 1;
        format!(
            r#"{{"specversion":"1.0","id":"{}","source":"crm","type":"{kind}","time":"{time}","data":{{"lead_id":"{lead}"{data}}}}}"#,
            self.told
        )
    }

    fn happens(&mut self, world: &mut World) {
        let now = Timestamp::from_ms(world.clocks.now_ms);
        let is_new =
            self.leads.is_empty() || (self.leads.len() < world.params.leads as usize && world.rng.random_bool(0.4));
        let lead = match is_new {
            true => {
                self.leads.push(format!("L{}", self.leads.len()));
                self.leads[self.leads.len() - 1].clone()
            }
            false => self.leads[world.rng.random_range(0..self.leads.len())].clone(),
        };
        let late_ms = if world.rng.random_bool(0.3) { world.rng.random_range(0..=world.params.late_ms) } else { 0 };
        let time = now.plus_ms(-late_ms);
        let owner = OWNERS[world.rng.random_range(0..OWNERS.len())];
        let (input, value) = match world.rng.random_range(0..100) {
            _ if is_new => {
                let score = world.rng.random_range(0..100);
                let data = match world.rng.random_bool(0.5) {
                    true => format!(r#","status":"new","owner":"{owner}","attributes":{{"score":{score}}}"#),
                    false => r#","status":"new""#.to_owned(),
                };
                (0, Some(self.event("lead.created", &lead, time, &data)))
            }
            0..25 => (1, Some(self.event("lead.assigned", &lead, time, &format!(r#","owner":"{owner}""#)))),
            25..65 => {
                let to = STATUSES[world.rng.random_range(0..STATUSES.len())];
                let input = usize::from(world.rng.random_bool(0.8));
                (input, Some(self.event("lead.status_changed", &lead, time, &format!(r#","to":"{to}""#))))
            }
            65..78 => (1, Some(self.event("lead.activity", &lead, time, r#","kind":"call","by":"person""#))),
            78..84 => {
                let score = world.rng.random_range(0..100);
                (1, Some(self.event("lead.updated", &lead, time, &format!(r#","attributes":{{"score":{score}}}"#))))
            }
            84..86 => (1, Some(self.event("lead.deleted", &lead, time, ""))),
            86..88 => (1, None),
            88..90 => (1, Some(self.event("lead.status_changed", &lead, time, r#","to":"no such status""#))),
            90..92 => (1, Some("{".to_owned())),
            92..94 => (1, Some(self.event("lead.updated", "another", time, ""))),
            94..97 => {
                (1, Some(self.event("lead.activity", &lead, now.plus_ms(3_000), r#","kind":"email","by":"person""#)))
            }
            _ => (1, Some(self.event("lead.activity", &lead, now.plus_ms(30_000), r#","kind":"email","by":"person""#))),
        };
        let delay_ms = if world.rng.random_bool(0.3) { world.rng.random_range(0..=world.params.late_ms) } else { 0 };
        let at_ms = now.ms() + delay_ms;
        if world.rng.random_bool(0.1) {
            // Sent twice: the first answer was lost.
            let again_ms = at_ms + world.rng.random_range(0..5_000);
            self.unsent.push_back(Unsent { at_ms: again_ms, input, lead: lead.clone(), value: value.clone() });
        }
        self.unsent.push_back(Unsent { at_ms, input, lead, value });
    }

    fn send(&mut self, world: &mut World) {
        let now_ms = world.clocks.now_ms;
        if world.broker.is_down(&world.clocks) {
            return;
        }
        let (over, hanging) = std::mem::take(&mut self.hanging).into_iter().partition(|open| open.until_ms <= now_ms);
        self.hanging = hanging;
        for open in over.into_iter().chain(self.open.take_if(|open| open.until_ms <= now_ms)) {
            world.stats.crm_transactions += 1;
            world.broker.crm_end(open.id, open.commit);
        }
        if self.open.is_some() && world.rng.random_bool(0.01) {
            // Killed in the middle of it.
            self.hanging.extend(self.open.take().map(|open| Open {
                until_ms: now_ms + HANGING_MS,
                commit: false,
                ..open
            }));
        }
        let due: Vec<Unsent> = {
            let (due, later): (VecDeque<Unsent>, VecDeque<Unsent>) =
                std::mem::take(&mut self.unsent).into_iter().partition(|unsent| unsent.at_ms <= now_ms);
            self.unsent = later;
            due.into()
        };
        for unsent in due {
            let transaction = world.rng.random_ratio(world.params.transactional, 100).then(|| {
                let open = self.open.get_or_insert_with(|| {
                    let long = if world.rng.random_bool(0.2) { 12_000 } else { 300 };
                    Open {
                        id: world.broker.crm_begin(),
                        until_ms: now_ms + world.rng.random_range(0..=long),
                        commit: world.rng.random_bool(0.75),
                    }
                });
                open.id
            });
            let partition = shard_of(&unsent.lead, world.params.partitions);
            let record = Stored {
                append: world.clocks.broker(unsent.input),
                transaction,
                key: Some(Box::from(unsent.lead.as_bytes())),
                value: unsent.value.map(|value| Box::from(value.as_bytes())),
                headers: Vec::new(),
            };
            world.stats.events += 1;
            world.broker.crm_append(unsent.input, partition, record);
        }
    }
}
