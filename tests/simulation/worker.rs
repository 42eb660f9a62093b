//! One process of the engine: the real decisions of the Kafka shell, and a client of simulated brokers around them.
//!
//! The order of a turn is that of `worker::group`. What blocks there (a commit) lasts some rounds here, in which the process does
//! nothing else and the world goes on; it can be killed or stalled at any of its steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::RngExt;
use rand::seq::SliceRandom;

use plazo::config::Kafka;
use plazo::worker::contents::{Contents, RestoreFault, Restored};
use plazo::worker::progress::Probe;
use plazo::worker::restore::Plan;
use plazo::worker::running::{Record, Running};
use plazo::worker::shards::{Ends, Order, Read, Shards};

use crate::broker::{CHANGELOG, Refused};
use crate::check::{Snapshot, digest};
use crate::clocks::BEGIN_MS;
use crate::params::{Broken, INPUTS};
use crate::world::World;

/// Reading of one input partition.
#[derive(Debug, Default)]
struct Reader {
    /// Sought.
    from: i64,
    next: i64,
    /// What the client tells of itself: unknown after a seek until something was passed.
    position: Option<i64>,
    reads: bool,
}

/// A question for ends on its way.
struct Question {
    asked: Vec<i32>,
    sent: plazo::time::Timestamp,
    sent_ms: i64,
    evaluated_at_ms: i64,
    ends: Option<Vec<(i32, usize, i64)>>,
    answered_at_ms: i64,
}

enum Stage {
    Offsets,
    Bound { committed: Vec<Option<i64>> },
    Reading { committed: Vec<Option<i64>>, bound: i64, contents: Box<Contents>, expected: usize },
}

struct Restore {
    order: Order,
    plan: Plan,
    stage: Stage,
}

/// A commit under way: what was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begun,
    Written,
    Offsets,
}

enum Outcome {
    Committed,
    Aborted,
    Unknown,
}

pub struct Worker {
    pub process: u64,
    pub instance: usize,
    pub shards: Shards,
    pub stalled_until_ms: i64,
    began_ms: i64,
    kafka: Arc<Kafka>,
    transactional_id: String,
    epoch: Option<u32>,
    readers: BTreeMap<i32, [Reader; INPUTS]>,
    question: Option<Question>,
    restores: Vec<Restore>,
    restored: Vec<(Order, Result<Restored, RestoreFault>)>,
    commit: Option<Step>,
    /// What must not happen and did: the shard is refused for good.
    pub refused: Option<String>,
}

impl Worker {
    pub fn new(world: &World, process: u64, instance: usize) -> Self {
        let params = &world.params;
        Worker {
            process,
            instance,
            shards: Shards::new(
                world.kafka.clone(),
                params.partitions,
                params.skew_ms,
                params.room,
                world.clocks.wall(instance),
            ),
            stalled_until_ms: 0,
            began_ms: world.clocks.now_ms,
            kafka: world.kafka.clone(),
            transactional_id: format!("plazo-{instance}-0"),
            epoch: None,
            readers: BTreeMap::new(),
            question: None,
            restores: Vec::new(),
            restored: Vec::new(),
            commit: None,
            refused: None,
        }
    }

    /// The process is killed.
    pub fn end(&mut self, world: &mut World) {
        world.broker.restores -= self.restores.len();
        self.restores.clear();
    }

    fn elapsed_ms(&self, world: &World) -> i64 {
        world.clocks.now_ms - self.began_ms
    }

    /// `false`: another process has taken this one's place, and it ends.
    pub fn turn(&mut self, world: &mut World) -> bool {
        if world.clocks.now_ms < self.stalled_until_ms {
            return true;
        }
        self.read_changelogs(world);
        if self.commit.is_some() {
            self.go_on_committing(world);
            if self.commit.is_some() {
                return true;
            }
        }
        let records_first = world.rng.random_bool(0.5);
        if records_first {
            self.poll(world);
        }
        if !self.join(world) {
            return false;
        }
        if !records_first {
            self.poll(world);
        }
        self.take_restored(world);
        self.take_ends(world);
        self.take_positions();
        let stepped = self.shards.step(world.clocks.wall(self.instance), self.elapsed_ms(world));
        for (input, partition, pause) in stepped.pauses {
            world.stats.pauses += 1;
            if let Some(readers) = self.readers.get_mut(&partition) {
                readers[input].reads = !pause;
            }
        }
        if let Some((partition, told)) = stepped.refused.first() {
            self.refused = Some(format!("shard {partition}: {told}"));
        }
        if self.shards.must_commit(self.elapsed_ms(world)) && !self.shards.turns().is_empty() {
            self.commit = Some(Step::Begun);
            self.go_on_committing(world);
        }
        self.ask(world);
        true
    }

    fn join(&mut self, world: &mut World) -> bool {
        if world.broker.is_down(&world.clocks) {
            return true;
        }
        let now_ms = world.clocks.now_ms;
        let Some(told) = world.broker.heartbeat(self.process, now_ms) else {
            if world.owners[self.instance] != self.process {
                return false;
            }
            // The session has expired: what it had is lost, and it joins anew.
            world.stats.lost += 1;
            self.shards.revoke(std::mem::take(&mut self.readers).into_keys());
            world.broker.join(self.process, now_ms, &mut world.rng);
            return true;
        };
        if told.revoked.is_empty() && told.assigned.is_empty() {
            return true;
        }
        world.stats.moved += told.revoked.len() as u64;
        for partition in &told.revoked {
            self.readers.remove(partition);
        }
        self.shards.revoke(told.revoked);
        for partition in told.assigned {
            self.readers.insert(partition, Default::default());
        }
        let assigned = self.readers.keys().flat_map(|partition| [*partition; INPUTS]);
        for partition in self.shards.assign(assigned).begin {
            self.begin_restore(world, partition);
        }
        true
    }

    fn poll(&mut self, world: &mut World) {
        if world.broker.is_down(&world.clocks) {
            return;
        }
        let mut places: Vec<(i32, usize)> =
            self.readers.keys().flat_map(|partition| (0..INPUTS).map(|input| (*partition, input))).collect();
        places.shuffle(&mut world.rng);
        let elapsed_ms = self.elapsed_ms(world);
        for (partition, input) in places {
            let Some(reader) = self.readers.get_mut(&partition).map(|readers| &mut readers[input]) else { continue };
            // A fetch may be on its way.
            if !reader.reads || world.rng.random_bool(0.3) {
                continue;
            }
            if world.rng.random_bool(0.005) {
                // The client delivers again what it has delivered.
                reader.next = (reader.next - world.rng.random_range(1..5)).max(reader.from);
                world.stats.redelivered += 1;
            }
            let most = world.rng.random_range(1..30);
            let log = world.broker.input(input, partition);
            let below = log.last_stable();
            for _ in 0..most {
                let Some((offset, record)) = log.next(reader.next, below) else { break };
                reader.next = offset + 1;
                if let Some(record) = record {
                    reader.position = reader.position.max(Some(offset + 1));
                    let (append, offset) = (record.append, offset);
                    let record = Record {
                        key: record.key.clone(),
                        payload: record.value.clone(),
                        headers: record.headers.clone(),
                    };
                    self.shards.read(Read { partition, input, append, by_broker: true, offset, record }, elapsed_ms);
                } else if log.is_marker(offset) {
                    reader.position = reader.position.max(Some(offset + 1));
                }
            }
        }
    }

    fn take_positions(&mut self) {
        for (partition, readers) in &self.readers {
            for (input, reader) in readers.iter().enumerate() {
                if let Some(position) = reader.position {
                    self.shards.reached(*partition, input, position);
                }
            }
        }
    }

    fn begin_restore(&mut self, world: &mut World, partition: i32) {
        if let Some(readers) = self.readers.get_mut(&partition) {
            readers.iter_mut().for_each(|reader| reader.reads = false);
        }
        if self.epoch.is_none() {
            if world.broker.is_down(&world.clocks) {
                self.shards.wait(partition, self.elapsed_ms(world) + 500);
                return;
            }
            self.epoch = Some(world.broker.init(&self.transactional_id, world.clocks.now_ms));
        }
        let order = self.shards.begin_restore(partition, self.elapsed_ms(world));
        let plan = Plan {
            kafka: self.kafka.clone(),
            client_id: String::new(),
            partition,
            partitions: world.params.partitions,
            policy: world.params.policy(),
            options: world.params.options,
            accept_changed_policy: false,
        };
        world.broker.restores += 1;
        world.stats.restores += 1;
        self.restores.push(Restore { order, plan, stage: Stage::Offsets });
    }

    /// The threads that restore: each goes on by a step, or waits.
    fn read_changelogs(&mut self, world: &mut World) {
        for mut restore in std::mem::take(&mut self.restores) {
            if restore.order.stop.load(Ordering::Relaxed) {
                world.broker.restores -= 1;
                continue;
            }
            if world.broker.is_down(&world.clocks) || world.rng.random_bool(0.3) {
                self.restores.push(restore);
                continue;
            }
            match go_on_restoring(&mut restore, world) {
                None => self.restores.push(restore),
                Some(outcome) => {
                    world.broker.restores -= 1;
                    self.restored.push((restore.order, outcome));
                }
            }
        }
    }

    fn take_restored(&mut self, world: &mut World) {
        for (order, outcome) in std::mem::take(&mut self.restored) {
            let partition = order.partition;
            if !self.shards.awaits(partition, order.generation) {
                continue;
            }
            match outcome {
                Ok(restored) => {
                    let Some(readers) = self.readers.get_mut(&partition) else { continue };
                    for (reader, next) in readers.iter_mut().zip(&restored.next) {
                        *reader = Reader { from: *next, next: *next, position: None, reads: true };
                    }
                    self.shards.run(partition, restored, vec![None; INPUTS]);
                }
                Err(RestoreFault::Refused(told)) => {
                    self.shards.refuse(partition);
                    self.refused = Some(told);
                }
                Err(_) => self.shards.wait(partition, self.elapsed_ms(world) + 500),
            }
        }
        for partition in self.shards.due_again(self.elapsed_ms(world)) {
            self.begin_restore(world, partition);
        }
    }

    fn ask(&mut self, world: &mut World) {
        if self.question.is_some() {
            return;
        }
        let wall = world.clocks.wall(self.instance);
        let asked = self.shards.wanted(wall);
        if asked.is_empty() {
            return;
        }
        world.stats.probes += 1;
        let slow = if world.rng.random_bool(0.2) { 3_000 } else { 40 };
        let evaluated_at_ms = world.clocks.now_ms + world.rng.random_range(0..=slow);
        let answered_at_ms = evaluated_at_ms + world.rng.random_range(0..=slow);
        let sent_ms = self.elapsed_ms(world);
        self.question = Some(Question { asked, sent: wall, sent_ms, evaluated_at_ms, ends: None, answered_at_ms });
        self.evaluate(world);
    }

    /// The brokers look where the inputs end, at some instant between question and answer.
    fn evaluate(&mut self, world: &mut World) {
        let Some(question) = &mut self.question else { return };
        if question.ends.is_some()
            || world.clocks.now_ms < question.evaluated_at_ms
            || world.broker.is_down(&world.clocks)
        {
            return;
        }
        let mut ends = Vec::new();
        for &partition in &question.asked {
            for input in 0..INPUTS {
                let log = world.broker.input(input, partition);
                let end = match world.params.broken {
                    Some(Broken::EndsAtLastStable) => log.last_stable(),
                    _ => log.end(),
                };
                ends.push((partition, input, end));
            }
        }
        question.ends = Some(ends);
    }

    fn take_ends(&mut self, world: &mut World) {
        self.evaluate(world);
        let now_ms = world.clocks.now_ms;
        let Some(question) = self.question.take_if(|question| now_ms >= question.answered_at_ms) else { return };
        let Some(ends) = question.ends else {
            self.shards.no_ends();
            world.stats.silent += 1;
            return;
        };
        let sent = match world.params.broken {
            Some(Broken::EndsAsOfTheAnswer) => world.clocks.wall(self.instance),
            _ => question.sent,
        };
        let sent_ms = match world.params.broken {
            Some(Broken::ClockBelieved) => sent.ms() - BEGIN_MS,
            _ => question.sent_ms,
        };
        let ends = ends.into_iter().map(|(partition, input, end)| (partition, input, Probe { sent, end })).collect();
        if !self.shards.ends(&Ends { ends, sent_ms }) {
            world.stats.disbelieved += 1;
        }
    }

    fn go_on_committing(&mut self, world: &mut World) {
        while let Some(step) = self.commit {
            if world.broker.is_down(&world.clocks) || world.rng.random_bool(0.15) {
                return;
            }
            if world.happens(world.params.faults.stall) {
                // Stopped in the middle of it, mostly until another has its shards.
                let for_ms = world.rng.random_range(0..3 * world.params.session_ms);
                self.stalled_until_ms = world.clocks.now_ms + for_ms;
                world.stats.stalls += 1;
                return;
            }
            match self.commit_step(world, step) {
                Ok(next) => self.commit = Some(next),
                Err(outcome) => {
                    self.commit = None;
                    self.take_outcome(world, &outcome);
                }
            }
        }
    }

    fn commit_step(&mut self, world: &mut World, step: Step) -> Result<Step, Outcome> {
        let now_ms = world.clocks.now_ms;
        let id = self.transactional_id.clone();
        let Some(epoch) = self.epoch else { return Err(Outcome::Unknown) };
        let refused = |refused: Refused| match refused {
            Refused::Fenced => Outcome::Unknown,
            Refused::IllegalGeneration => Outcome::Aborted,
        };
        match step {
            Step::Begun => {
                world.broker.begin(&id, epoch, now_ms).map_err(refused)?;
                let kafka = self.kafka.clone();
                let mut room = match world.happens(world.params.faults.abort) {
                    true => world.rng.random_range(0..4),
                    false => u32::MAX,
                };
                let mut sent = Ok(());
                for turn in self.shards.turns() {
                    sent = turn.write(&kafka, &mut |record| {
                        if room == 0 {
                            return Err(Outcome::Aborted);
                        }
                        room -= 1;
                        world.broker.send(&id, epoch, &world.clocks, record).map_err(refused)
                    });
                    if sent.is_err() {
                        break;
                    }
                }
                match sent {
                    Ok(()) => Ok(Step::Written),
                    Err(Outcome::Aborted) => Err(self.abort(world, epoch)),
                    Err(outcome) => Err(outcome),
                }
            }
            Step::Written => {
                let (mut offsets, mut snapshots) = (BTreeMap::new(), Vec::new());
                for turn in self.shards.turns() {
                    offsets.extend(turn.next().enumerate().map(|(input, next)| ((input, turn.partition), next)));
                    snapshots.push(Snapshot::of(turn));
                }
                let member = (self.process, self.generation(world));
                match world.broker.send_offsets(&id, epoch, member, offsets, snapshots) {
                    Ok(()) => Ok(Step::Offsets),
                    Err(Refused::IllegalGeneration) => {
                        world.stats.zombies += 1;
                        Err(self.abort(world, epoch))
                    }
                    Err(fault) => Err(refused(fault)),
                }
            }
            Step::Offsets => {
                if world.happens(world.params.faults.unknown) {
                    // The request or its answer is lost.
                    if world.rng.random_bool(0.5) {
                        let _lost = world.broker.end(&id, epoch, true, now_ms, &mut world.rng);
                    }
                    return Err(Outcome::Unknown);
                }
                match world.broker.end(&id, epoch, true, now_ms, &mut world.rng) {
                    Ok(()) => Err(Outcome::Committed),
                    Err(fault) => Err(refused(fault)),
                }
            }
        }
    }

    /// Of the group as the client knows it.
    fn generation(&self, world: &World) -> u64 {
        world.broker.generation_of(self.process)
    }

    fn abort(&mut self, world: &mut World, epoch: u32) -> Outcome {
        match world.broker.end(&self.transactional_id, epoch, false, world.clocks.now_ms, &mut world.rng) {
            Ok(()) => Outcome::Aborted,
            Err(_) => Outcome::Unknown,
        }
    }

    fn take_outcome(&mut self, world: &mut World, outcome: &Outcome) {
        let outcome = match (outcome, world.params.broken) {
            (Outcome::Unknown, Some(Broken::UnknownTakenForAborted)) => {
                self.epoch = Some(world.broker.init(&self.transactional_id, world.clocks.now_ms));
                &Outcome::Aborted
            }
            (Outcome::Unknown, Some(Broken::UnknownTakenForCommitted)) => {
                self.epoch = Some(world.broker.init(&self.transactional_id, world.clocks.now_ms));
                &Outcome::Committed
            }
            (outcome, _) => outcome,
        };
        match outcome {
            Outcome::Committed => {
                world.stats.commits += 1;
                self.shards.turns().into_iter().for_each(Running::commit);
            }
            Outcome::Aborted => {
                world.stats.aborts += 1;
                self.shards.turns().into_iter().for_each(Running::undo);
            }
            Outcome::Unknown => {
                world.stats.unknown += 1;
                self.epoch = None;
                for partition in self.shards.doubtful() {
                    self.begin_restore(world, partition);
                }
            }
        }
    }

    pub fn is_idle(&self) -> bool {
        self.commit.is_none() && !self.shards.has_open_turn()
    }
}

/// `None`: it is not at its end.
fn go_on_restoring(restore: &mut Restore, world: &mut World) -> Option<Result<Restored, RestoreFault>> {
    let partition = restore.order.partition;
    match &mut restore.stage {
        Stage::Offsets => {
            let committed = world.broker.committed_offsets(partition)?;
            restore.stage = Stage::Bound { committed };
            None
        }
        Stage::Bound { committed } => {
            let committed = std::mem::take(committed);
            let expected = world.broker.snapshots.get(&partition).map_or(0, Vec::len);
            let log = world.broker.log(CHANGELOG, partition);
            let bound = log.end();
            restore.stage = Stage::Reading { committed, bound, contents: Box::new(Contents::new(0)), expected };
            None
        }
        Stage::Reading { committed, bound, contents, expected } => {
            let most = world.rng.random_range(1..200);
            let log = world.broker.log(CHANGELOG, partition);
            let below = log.last_stable();
            for _ in 0..most {
                if contents.position() >= *bound {
                    break;
                }
                let (offset, record) = log.next(contents.position(), below)?;
                match record {
                    Some(record) => {
                        if let Err(fault) = contents.take(
                            &restore.plan.kafka.topics.changelog,
                            offset,
                            record.key.as_deref(),
                            record.value.as_deref(),
                        ) {
                            return Some(Err(fault));
                        }
                    }
                    None => {
                        contents.passed(offset + 1);
                    }
                }
            }
            if contents.position() < *bound {
                return None;
            }
            let contents = std::mem::replace(&mut **contents, Contents::new(0));
            let restored = contents.shard(&restore.plan, committed, || Ok(vec![0; INPUTS]));
            if let Ok(restored) = &restored {
                let known = world.broker.snapshots.get(&partition).map_or(&[][..], Vec::as_slice);
                // Another member may have gone on meanwhile; then this one has lost the shard.
                if known.len() == *expected
                    && let Some(last) = known.last()
                    && (last.digest, &last.next) != (digest(&restored.shard), &restored.next)
                {
                    world.violation(format!(
                        "shard {partition} restored from offset {:?}, watermark {}, is not what was committed last: {last:?}",
                        restored.next,
                        restored.shard.watermark()
                    ));
                }
            }
            Some(restored)
        }
    }
}
