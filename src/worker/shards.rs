//! The shards of one worker, each in its stage, and what the worker's loop decides about them. No IO, no clock: changes of the
//! assignment, records, positions and ends come in; `now_ms` is the monotonic time since the worker began.
//!
//! ```text
//! assigned of all inputs ─> Restoring ─────> Running      a commit whose outcome is not known: ─> Restoring
//!                            │     ^  └────> Refused      (by what an operator must see to)
//!                            v     │
//!                            Waiting                      assigned of some inputs only: Apart, until the rest comes
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::clock_guard::ClockGuard;
use super::contents::Restored;
use super::progress::{Behind, Probe};
use super::restore::Passed;
use super::running::{Record, Room, Running};
use super::{RestoreSight, Sight};
use crate::config::Kafka;
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::view::Held;

/// A turn is made durable when it is so old: one transaction carries what came meanwhile.
pub const LINGER_MS: i64 = 50;
const IDLE_POLL_MS: i64 = 20;
/// While an answer about ends is awaited, which the client's poll does not wake up for.
const ASKING_POLL_MS: i64 = 2;
/// A restore that reads nothing for so long is begun anew: each of its requests has a shorter bound, so that it hangs in its client.
pub const RESTORE_SILENCE_MS: i64 = 120_000;

enum Stage {
    Restoring {
        generation: u64,
        stop: Arc<AtomicBool>,
        passed: Arc<Passed>,
        /// What it had read when that last grew, and when that was.
        grown: (u64, i64),
    },
    /// To be restored again at this instant.
    Waiting {
        until_ms: i64,
    },
    Running(Box<Running>),
    /// Not of all inputs: the rest may be assigned yet.
    Apart,
    Refused,
}

/// A restore that must begin.
#[derive(Clone, Debug)]
pub struct Order {
    pub partition: i32,
    /// Of each restore, so that one that comes too late is known.
    pub generation: u64,
    /// Set when nobody waits for it any more.
    pub stop: Arc<AtomicBool>,
    /// How far it is, for those who look.
    pub passed: Arc<Passed>,
}

/// What an assignment leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// To be restored.
    pub begin: Vec<i32>,
    /// Some partition is here without those of the other inputs.
    pub apart: bool,
}

/// A record of an input as it was read.
#[derive(Debug)]
pub struct Read {
    pub partition: i32,
    pub input: usize,
    pub append: Timestamp,
    /// The append time is the broker's own.
    pub by_broker: bool,
    pub offset: i64,
    pub record: Record,
}

/// Answers to one question for ends, which was sent at one instant.
#[derive(Debug)]
pub struct Ends {
    /// By partition and input.
    pub ends: Vec<(i32, usize, Probe)>,
    /// When it was sent, by the monotonic clock.
    pub sent_ms: i64,
}

/// What a step leads to.
#[derive(Debug, Default)]
pub struct Stepped {
    /// Input and partition whose reading must be paused (`true`) or go on.
    pub pauses: Vec<(usize, i32, bool)>,
    /// Shards that can go no further, and what the operator is told.
    pub refused: Vec<(i32, String)>,
}

pub struct Shards {
    kafka: Arc<Kafka>,
    partitions: u32,
    clock_skew_ms: i64,
    room: Room,
    stages: BTreeMap<i32, Stage>,
    generation: u64,
    guard: ClockGuard,
    /// The brokers did not answer the last question for ends.
    silent: bool,
    /// Shards of which an input was found to end before what was read of it.
    fallen: BTreeSet<i32>,
    turn_began_ms: Option<i64>,
}

impl Shards {
    /// `started`: the wall clock as the worker begins.
    pub fn new(kafka: Arc<Kafka>, partitions: u32, clock_skew_ms: i64, room: Room, started: Timestamp) -> Self {
        Shards {
            kafka,
            partitions,
            clock_skew_ms,
            room,
            stages: BTreeMap::new(),
            generation: 0,
            guard: ClockGuard::new(clock_skew_ms, started),
            silent: false,
            fallen: BTreeSet::new(),
            turn_began_ms: None,
        }
    }

    pub fn running(&self) -> impl Iterator<Item = &Running> {
        self.stages.values().filter_map(|stage| match stage {
            Stage::Running(running) => Some(running.as_ref()),
            _ => None,
        })
    }

    pub fn running_mut(&mut self) -> impl Iterator<Item = &mut Running> {
        self.stages.values_mut().filter_map(|stage| match stage {
            Stage::Running(running) => Some(running.as_mut()),
            _ => None,
        })
    }

    fn find(&mut self, partition: i32) -> Option<&mut Running> {
        match self.stages.get_mut(&partition) {
            Some(Stage::Running(running)) => Some(running.as_mut()),
            _ => None,
        }
    }

    fn enter(&mut self, partition: i32, stage: Stage) {
        if let Some(Stage::Restoring { stop, .. }) = self.stages.insert(partition, stage) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    /// Taken away: what they had open is forgotten, their next owner does it again.
    pub fn revoke(&mut self, partitions: impl IntoIterator<Item = i32>) {
        for partition in partitions {
            if let Some(Stage::Restoring { stop, .. }) = self.stages.remove(&partition) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    pub fn clear(&mut self) {
        let all: Vec<i32> = self.stages.keys().copied().collect();
        self.revoke(all);
        self.turn_began_ms = None;
    }

    /// `assigned`: all that is assigned now, a partition once for each input.
    pub fn assign(&mut self, assigned: impl IntoIterator<Item = i32>) -> Assigned {
        let mut by_partition: BTreeMap<i32, usize> = BTreeMap::new();
        for partition in assigned {
            *by_partition.entry(partition).or_default() += 1;
        }
        let mut told = Assigned::default();
        for (partition, inputs) in by_partition {
            if inputs != self.kafka.inputs.len() {
                told.apart = true;
                self.enter(partition, Stage::Apart);
            } else if matches!(self.stages.get(&partition), None | Some(Stage::Apart)) {
                told.begin.push(partition);
            }
        }
        if self.stages.is_empty() {
            self.turn_began_ms = None;
        }
        told
    }

    /// A shard is being restored from now on.
    pub fn begin_restore(&mut self, partition: i32, now_ms: i64) -> Order {
        self.generation += 1;
        let order = Order { partition, generation: self.generation, stop: Arc::default(), passed: Arc::default() };
        let Order { generation, stop, passed, .. } = order.clone();
        self.enter(partition, Stage::Restoring { generation, stop, passed, grown: (0, now_ms) });
        order
    }

    /// Whether a restore that has ended is the one that is waited for.
    pub fn awaits(&self, partition: i32, ended: u64) -> bool {
        matches!(self.stages.get(&partition), Some(Stage::Restoring { generation, .. }) if *generation == ended)
    }

    /// Those whose restores read nothing any more.
    pub fn silent_restores(&mut self, now_ms: i64) -> Vec<i32> {
        let mut silent = Vec::new();
        for (&partition, stage) in &mut self.stages {
            let Stage::Restoring { passed, grown, .. } = stage else { continue };
            let read = passed.read.load(Ordering::Relaxed);
            if read != grown.0 {
                *grown = (read, now_ms);
            } else if now_ms - grown.1 >= RESTORE_SILENCE_MS {
                silent.push(partition);
            }
        }
        silent
    }

    /// To be restored again later.
    pub fn wait(&mut self, partition: i32, until_ms: i64) {
        self.enter(partition, Stage::Waiting { until_ms });
    }

    pub fn refuse(&mut self, partition: i32) {
        self.enter(partition, Stage::Refused);
    }

    /// What they had open is forgotten.
    pub fn refuse_all(&mut self) {
        let all: Vec<i32> = self.stages.keys().copied().collect();
        all.into_iter().for_each(|partition| self.refuse(partition));
        self.turn_began_ms = None;
    }

    /// Those whose wait is over.
    pub fn due_again(&self, now_ms: i64) -> Vec<i32> {
        let due = |(partition, stage): (&i32, &Stage)| {
            matches!(stage, Stage::Waiting { until_ms } if *until_ms <= now_ms).then_some(*partition)
        };
        self.stages.iter().filter_map(due).collect()
    }

    /// A restored shard goes to work. `stale`: by input, the client's position before anything was read.
    pub fn run(&mut self, partition: i32, restored: Restored, stale: Vec<Option<i64>>) {
        let running = Running::new((partition, self.partitions), restored, (self.clock_skew_ms, self.room), stale);
        self.enter(partition, Stage::Running(Box::new(running)));
    }

    /// Running shards, all to be restored anew.
    pub fn doubtful(&self) -> Vec<i32> {
        self.running().map(|shard| shard.partition).collect()
    }

    /// A record was read; of a shard that does not run it is not wanted.
    pub fn read(&mut self, read: Read, now_ms: i64) {
        let Some(Stage::Running(shard)) = self.stages.get_mut(&read.partition) else { return };
        if read.by_broker {
            self.guard.confirm(read.append, now_ms);
        }
        shard.progress.push(read.input, read.append, read.offset, read.record);
    }

    /// The client's position: markers and aborted records move it without being told.
    pub fn reached(&mut self, partition: i32, input: usize, position: i64) {
        if let Some(shard) = self.find(partition) {
            shard.reached(input, position);
        }
    }

    /// Where inputs end; `false` if the wall clock of the question is not to be believed: the answer then counts from the instant
    /// that may be.
    pub fn ends(&mut self, told: &Ends) -> bool {
        self.silent = false;
        let Some((_, _, first)) = told.ends.first() else { return true };
        let not_believed_ms = first.sent.since_ms(self.guard.read(first.sent, told.sent_ms));
        for &(partition, input, probe) in &told.ends {
            if let Some(shard) = self.find(partition) {
                let probe = Probe { sent: probe.sent.plus_ms(-not_believed_ms), ..probe };
                if !shard.progress.probed(input, probe) {
                    self.fallen.insert(partition);
                }
            }
        }
        !self.guard.stepped()
    }

    /// Running shards of which an input ends before what was read of it, since that was last asked: all to be restored anew.
    pub fn fallen(&mut self) -> Vec<i32> {
        let fallen = std::mem::take(&mut self.fallen);
        self.doubtful().into_iter().filter(|partition| fallen.contains(partition)).collect()
    }

    /// The brokers did not say where inputs end; `true` if they did before.
    pub fn no_ends(&mut self) -> bool {
        !std::mem::replace(&mut self.silent, true)
    }

    /// The wall clock was set forward, and nothing has confirmed it yet.
    pub fn clock_stepped(&self) -> bool {
        self.guard.stepped()
    }

    /// How long the client may be polled.
    pub fn patience_ms(&self, now_ms: i64, asking: bool) -> i64 {
        if self.running().any(|shard| shard.backlog) {
            return 0;
        }
        match self.turn_began_ms {
            Some(began) => (LINGER_MS - (now_ms - began)).clamp(0, IDLE_POLL_MS),
            None if asking => ASKING_POLL_MS,
            None => IDLE_POLL_MS,
        }
    }

    /// Between two turns all take another policy. Those that must be restored anew: what the changelog keeps is held against it, and
    /// it may be the one that a refused shard missed.
    pub fn adopt(&mut self, policy: &Arc<Policy>) -> Vec<i32> {
        let mut anew = Vec::new();
        for (partition, stage) in &mut self.stages {
            match stage {
                Stage::Running(shard) => shard.adopt(policy.clone()),
                Stage::Restoring { .. } | Stage::Refused => anew.push(*partition),
                Stage::Waiting { .. } | Stage::Apart => {}
            }
        }
        anew
    }

    /// Applies what can be applied, fires what is due. `limit`: the wall clock, beyond which time has not come.
    pub fn step(&mut self, limit: Timestamp, now_ms: i64) -> Stepped {
        let mut stepped = Stepped::default();
        for (&partition, stage) in &mut self.stages {
            let Stage::Running(shard) = stage else { continue };
            stepped.pauses.extend(shard.pauses().into_iter().map(|(input, pause)| (input, partition, pause)));
            match shard.step(&self.kafka.inputs, limit) {
                Ok(()) if shard.has_something() => {
                    self.turn_began_ms.get_or_insert(now_ms);
                }
                Ok(()) => shard.pass(),
                Err(told) => stepped.refused.push((partition, told)),
            }
        }
        for (partition, _) in &stepped.refused {
            self.stages.insert(*partition, Stage::Refused);
        }
        stepped
    }

    pub fn has_open_turn(&self) -> bool {
        self.turn_began_ms.is_some()
    }

    /// Whether the open turn is old or full.
    pub fn must_commit(&self, now_ms: i64) -> bool {
        self.turn_began_ms.is_some_and(|began| now_ms - began >= LINGER_MS) || self.running().any(Running::is_full)
    }

    /// The shards that have something to keep: their turns go into one transaction, and each is told its outcome.
    pub fn turns(&mut self) -> Vec<&mut Running> {
        self.turn_began_ms = None;
        self.running_mut().filter(|shard| shard.has_something()).collect()
    }

    /// Shards for which the ends of all inputs are to be asked for, which is done now.
    pub fn wanted(&mut self, now: Timestamp) -> Vec<i32> {
        let wanted = |shard: &mut Running| {
            let due = shard.shard.next_due();
            let asks = shard.progress.wanted(due).is_some_and(|at| at <= now);
            asks.then(|| {
                shard.progress.asked();
                shard.partition
            })
        };
        self.running_mut().filter_map(wanted).collect()
    }

    pub fn sight(&mut self, now: Timestamp) -> Sight {
        let (stepped, silent) = (self.guard.stepped(), self.silent);
        let mut sight = Sight {
            held: if self.stages.is_empty() { Held::Unassigned } else { Held::None },
            watermark: Timestamp::MAX,
            leads: 0,
            stale: 0,
            timers: 0,
            lag: 0,
            restore: RestoreSight::default(),
            shards: Vec::with_capacity(self.stages.len()),
        };
        for (&partition, stage) in &mut self.stages {
            let reason = match stage {
                Stage::Restoring { passed, .. } => {
                    sight.restore.read += passed.read.load(Ordering::Relaxed);
                    sight.restore.to_read += passed.to_read.load(Ordering::Relaxed);
                    Held::Restoring
                }
                Stage::Waiting { .. } => Held::Restoring,
                Stage::Apart | Stage::Refused => Held::Refused,
                Stage::Running(shard) => {
                    sight.leads += shard.shard.lead_count();
                    sight.stale += shard.shard.stale_leads();
                    sight.timers += shard.shard.timer_count();
                    let lag = shard.progress.lag();
                    sight.lag += lag;
                    let due = shard.shard.next_due();
                    let overdue = due.is_some_and(|due| due.plus_ms(2 * self.clock_skew_ms + 1_000) < now);
                    // Ends are asked for only when something is due: where nothing is, the shard is as good as up to date.
                    let watermark = if overdue || shard.backlog { shard.shard.watermark() } else { now };
                    sight.watermark = sight.watermark.min(watermark);
                    match shard.progress.behind() {
                        _ if shard.backlog => Held::Backlog,
                        // Since the restore, the end of an input has not been reached yet.
                        _ if shard.progress.watermark().is_none() => Held::Backlog,
                        _ if overdue && stepped => Held::ClockStep,
                        _ if overdue && silent => Held::Broker,
                        Behind::OpenTransaction if overdue => Held::OpenTransaction,
                        Behind::Backlog if overdue || lag > 0 => Held::Backlog,
                        _ => Held::None,
                    }
                }
            };
            sight.shards.push((partition, reason));
            if sight.held == Held::None || reason == Held::Refused {
                sight.held = reason;
            }
        }
        sight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Protocol, Topics};

    fn shards() -> Shards {
        let kafka = Kafka {
            brokers: String::new(),
            inputs: vec!["a".to_owned(), "b".to_owned()],
            group: "plazo".to_owned(),
            topics: Topics::default(),
            protocol: Protocol::Classic,
            transactional_id: "plazo".to_owned(),
            properties: BTreeMap::new(),
        };
        Shards::new(Arc::new(kafka), 4, 0, Room::default(), Timestamp::from_ms(0))
    }

    #[test]
    fn a_shard_is_restored_once_its_partition_of_every_input_is_here() {
        let mut shards = shards();
        assert_eq!(shards.assign([0, 1, 1]), Assigned { begin: vec![1], apart: true });
        assert_eq!(shards.assign([0, 0, 1, 1]), Assigned { begin: vec![0, 1], apart: false });
    }

    #[test]
    fn a_restore_that_is_not_waited_for_any_more_is_stopped_and_its_outcome_not_taken() {
        let mut shards = shards();
        let first = shards.begin_restore(1, 0);
        assert!(shards.awaits(1, first.generation));
        let second = shards.begin_restore(1, 0);
        assert!(first.stop.load(Ordering::Relaxed) && !shards.awaits(1, first.generation));
        shards.revoke([1]);
        assert!(second.stop.load(Ordering::Relaxed) && !shards.awaits(1, second.generation));
    }

    #[test]
    fn another_policy_has_shards_that_are_refused_or_being_restored_by_the_one_before_restored_anew() {
        let mut shards = shards();
        shards.refuse(1);
        let order = shards.begin_restore(2, 0);
        shards.wait(3, 500);
        assert_eq!(shards.adopt(&Arc::new(Policy::of(Vec::new()))), [1, 2]);
        assert!(shards.awaits(2, order.generation), "it goes on until it is begun anew");
    }

    #[test]
    fn a_shard_that_waits_is_due_at_its_instant_and_is_not_begun_by_another_assignment() {
        let mut shards = shards();
        shards.wait(2, 500);
        assert_eq!(shards.assign([2, 2]), Assigned::default());
        assert_eq!((shards.due_again(499), shards.due_again(500)), (vec![], vec![2]));
    }

    #[test]
    fn a_restore_that_reads_nothing_any_more_is_known_and_one_that_reads_is_left_alone() {
        let mut shards = shards();
        let (hangs, reads) = (shards.begin_restore(1, 0), shards.begin_restore(2, 0));
        hangs.passed.read.store(7, Ordering::Relaxed);
        assert!(shards.silent_restores(1_000).is_empty());
        reads.passed.read.store(9, Ordering::Relaxed);
        assert!(shards.silent_restores(RESTORE_SILENCE_MS).is_empty());
        assert_eq!(shards.silent_restores(RESTORE_SILENCE_MS + 1_000), [1]);
    }
}
