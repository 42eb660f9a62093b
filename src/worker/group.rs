//! The loop of one worker: a consumer of the group, the shards of its partitions, one transaction at a time.
//!
//! Between two polls, in this order, because each may make the next superfluous: 1 changes of the assignment (what was taken away
//! is forgotten), 2 restored shards, 3 end offsets, 4 questions of HTTP, 5 events and timers, 6 the transaction, once the turn is
//! [`LINGER`] old or full. No transaction is open during a poll, so a rebalance finds nothing in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Headers, Timestamp as Stamp};
use rdkafka::topic_partition_list::Offset;
use tracing::{error, info, warn};

use super::client::{self, Change, GroupContext};
use super::clock_guard::ClockGuard;
use super::prober::Prober;
use super::progress::Behind;
use super::restore::{Plan, RestoreFault, Restored};
use super::running::{Record, Running};
use super::transaction::{Transactions, Trouble};
use super::{Shared, monotonic};
use crate::embedded::turn::record_told;
use crate::engine::inspect;
use crate::time::Timestamp;
use crate::view::Held;

/// A turn is made durable when it is so old: one transaction carries what came meanwhile.
const LINGER: Duration = Duration::from_millis(50);
const IDLE_POLL: Duration = Duration::from_millis(20);
/// Records taken from the client before they are looked at.
const MAX_POLLED: usize = 10_000;
const SEEK_PATIENCE: Duration = Duration::from_secs(10);
/// After a fault that passes by itself.
const RETRY: Duration = Duration::from_millis(500);

enum Stage {
    Restoring {
        stop: Arc<AtomicBool>,
    },
    /// To be restored again at this instant.
    Waiting {
        until: Instant,
    },
    Running(Box<Running>),
    /// Not of all inputs: the rest may be assigned yet.
    Apart,
    Refused,
}

type Outcome = (i32, u64, Result<Restored, RestoreFault>);

pub struct Worker {
    shared: Arc<Shared>,
    number: usize,
    client_id: String,
    consumer: BaseConsumer<GroupContext>,
    transactions: Transactions,
    prober: Prober,
    guard: ClockGuard,
    began: Instant,
    shards: BTreeMap<i32, Stage>,
    /// Of each restore, so that one that comes too late is known.
    generation: u64,
    generations: BTreeMap<i32, u64>,
    restored: Receiver<Outcome>,
    restores: Sender<Outcome>,
    turn_began: Option<Instant>,
    broker_silent: bool,
}

impl Worker {
    /// # Errors
    /// Where a client cannot be made of the settings.
    pub fn new(shared: Arc<Shared>, number: usize) -> KafkaResult<Self> {
        let client_id = format!("{}-{number}", shared.instance);
        let consumer = client::group_consumer(&shared.kafka, &client_id)?;
        let prober = Prober::start(&shared.kafka, &client_id, shared.clock.clone())?;
        let transactions = Transactions::new(shared.kafka.clone(), &client_id, number);
        let (restores, restored) = channel();
        Ok(Worker {
            shared,
            number,
            client_id,
            consumer,
            transactions,
            prober,
            guard: ClockGuard::default(),
            began: monotonic(),
            shards: BTreeMap::new(),
            generation: 0,
            generations: BTreeMap::new(),
            restored,
            restores,
            turn_began: None,
            broker_silent: false,
        })
    }

    /// Until it is told to stop.
    ///
    /// # Errors
    /// What no retry can mend.
    pub fn run(mut self) -> Result<(), String> {
        let inputs: Vec<&str> = self.shared.kafka.inputs.iter().map(String::as_str).collect();
        self.consumer.subscribe(&inputs).map_err(|error| error.to_string())?;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let patience = self.patience();
            if !self.poll(patience) {
                self.rebuild().map_err(|error| error.to_string())?;
                continue;
            }
            self.take_changes();
            self.take_restored();
            self.take_ends();
            self.answer();
            self.step();
            let full = self.running().any(Running::is_full);
            if full || self.turn_began.is_some_and(|began| began.elapsed() >= LINGER) {
                self.commit();
            }
            self.ask();
            self.show();
        }
        self.commit();
        self.stop_restores();
        self.shards.clear();
        self.consumer.unsubscribe();
        Ok(())
    }

    fn running(&self) -> impl Iterator<Item = &Running> {
        self.shards.values().filter_map(|stage| match stage {
            Stage::Running(running) => Some(running.as_ref()),
            _ => None,
        })
    }

    fn patience(&self) -> Duration {
        if self.running().any(|shard| shard.backlog) {
            return Duration::ZERO;
        }
        match self.turn_began {
            Some(began) => LINGER.saturating_sub(began.elapsed()).min(IDLE_POLL),
            None if self.prober.is_waiting() => Duration::from_millis(2),
            None => IDLE_POLL,
        }
    }

    /// Takes what the client has; `false` if the client is beyond use.
    fn poll(&mut self, patience: Duration) -> bool {
        let mut patience = patience;
        for _ in 0..MAX_POLLED {
            match self.consumer.poll(patience) {
                None => break,
                Some(Ok(message)) => {
                    let taken = take(&message, &self.shared.kafka.inputs, &*self.shared.clock);
                    let by_broker = matches!(message.timestamp(), Stamp::LogAppendTime(_));
                    let partition = message.partition();
                    drop(message);
                    if let (Some((input, append, offset, record)), Some(Stage::Running(shard))) =
                        (taken, self.shards.get_mut(&partition))
                    {
                        if by_broker {
                            self.guard.confirm(append, elapsed_ms(self.began));
                        }
                        shard.progress.push(input, append, offset, record);
                    }
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    warn!(%code, "the consumer failed for good and is made anew; does another process have this engine.instance?");
                    return false;
                }
                // The client tries again by itself; what matters of it shows in positions and ends.
                Some(Err(error)) => tracing::debug!(%error, "the consumer reported"),
            }
            patience = Duration::ZERO;
        }
        true
    }

    /// Everything anew, after a fault that the client calls fatal.
    fn rebuild(&mut self) -> KafkaResult<()> {
        self.forget_all();
        // The broker may know the member of a killed process for a while yet.
        std::thread::park_timeout(RETRY);
        self.consumer = client::group_consumer(&self.shared.kafka, &self.client_id)?;
        let inputs: Vec<&str> = self.shared.kafka.inputs.iter().map(String::as_str).collect();
        self.consumer.subscribe(&inputs)
    }

    fn stop_restores(&mut self) {
        for stage in self.shards.values() {
            if let Stage::Restoring { stop } = stage {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn forget_all(&mut self) {
        self.stop_restores();
        self.shards.clear();
        self.turn_began = None;
    }

    fn take_changes(&mut self) {
        let changes = self.consumer.context().take_changes();
        if changes.is_empty() {
            return;
        }
        for change in changes {
            match change {
                Change::Revoked { partitions, lost } => {
                    self.shared.metrics.rebalanced(if lost { "lost" } else { "revoked" });
                    info!(partitions = partitions.len(), lost, "partitions were taken away");
                    for (_, partition) in partitions {
                        if let Some(Stage::Restoring { stop }) = self.shards.remove(&partition) {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
                Change::Assigned(partitions) => {
                    self.shared.metrics.rebalanced("assigned");
                    info!(partitions = partitions.len(), "partitions were assigned");
                }
            }
        }
        if let Err(error) = self.begin_restores() {
            warn!(%error, "the assignment could not be read");
        }
    }

    /// A shard for every partition that is assigned of all inputs.
    fn begin_restores(&mut self) -> KafkaResult<()> {
        let assigned = self.consumer.assignment()?;
        let mut by_partition: BTreeMap<i32, usize> = BTreeMap::new();
        for element in assigned.elements() {
            *by_partition.entry(element.partition()).or_default() += 1;
        }
        let all = self.shared.kafka.inputs.len();
        let mut apart = false;
        for (partition, inputs) in by_partition {
            if inputs == all {
                if matches!(self.shards.get(&partition), None | Some(Stage::Apart)) {
                    self.begin_restore(partition);
                }
            } else {
                apart = true;
                self.shards.insert(partition, Stage::Apart);
            }
        }
        if apart {
            error!(
                "this member has a partition of one input without that of the others, and waits for them: all members must use \
                 one assignor (range) and one list of inputs"
            );
        }
        if self.shards.is_empty() {
            self.turn_began = None;
        }
        Ok(())
    }

    fn begin_restore(&mut self, partition: i32) {
        // Fences an earlier process of the same id, and ends what it left open, before its state is read.
        if let Err(error) = self.transactions.prepare() {
            warn!(partition, %error, "no transaction can be prepared, it is tried again");
            self.shards.insert(partition, Stage::Waiting { until: monotonic() + RETRY });
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        self.generation += 1;
        let generation = self.generation;
        self.generations.insert(partition, generation);
        let shared = &self.shared;
        let plan = Plan {
            kafka: shared.kafka.clone(),
            client_id: self.client_id.clone(),
            partition,
            partitions: shared.partitions,
            policy: shared.policy.clone(),
            options: shared.options,
            accept_changed_policy: shared.accept_changed_policy,
        };
        let (outcome, stopped) = (self.restores.clone(), stop.clone());
        let serve = move || {
            // A worker that has ended needs no answer.
            let _gone = outcome.send((partition, generation, plan.run(&stopped)));
        };
        let began = std::thread::Builder::new().name(format!("restore-{partition}")).spawn(serve);
        let stage = match began {
            Ok(_detached) => Stage::Restoring { stop },
            Err(_) => Stage::Waiting { until: monotonic() + RETRY },
        };
        self.shards.insert(partition, stage);
    }

    fn take_restored(&mut self) {
        while let Ok((partition, generation, outcome)) = self.restored.try_recv() {
            let current = self.generations.get(&partition) == Some(&generation);
            if !current || !matches!(self.shards.get(&partition), Some(Stage::Restoring { .. })) {
                continue;
            }
            let stage = match outcome.and_then(|restored| self.begin_shard(partition, restored)) {
                Ok(running) => Stage::Running(Box::new(running)),
                Err(RestoreFault::Refused(told)) => {
                    error!(partition, "a shard is refused: {told}");
                    Stage::Refused
                }
                Err(fault) => {
                    warn!(partition, %fault, "a shard could not be restored, it is tried again");
                    Stage::Waiting { until: monotonic() + RETRY }
                }
            };
            self.shards.insert(partition, stage);
        }
        let now = monotonic();
        let due: Vec<i32> = self
            .shards
            .iter()
            .filter(|(_, stage)| matches!(stage, Stage::Waiting { until } if *until <= now))
            .map(|(partition, _)| *partition)
            .collect();
        for partition in due {
            self.begin_restore(partition);
        }
    }

    fn begin_shard(&mut self, partition: i32, restored: Restored) -> Result<Running, RestoreFault> {
        let inputs = &self.shared.kafka.inputs;
        let from =
            inputs.iter().zip(&restored.next).map(|(topic, next)| (topic.clone(), partition, Offset::Offset(*next)));
        let from = client::list(from)?;
        let told = self.consumer.seek_partitions(from.clone(), SEEK_PATIENCE)?;
        for element in told.elements() {
            element.error()?;
        }
        let positions = self.consumer.position()?;
        let position = |topic: &String| match positions.find_partition(topic, partition).map(|element| element.offset())
        {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        let stale = inputs.iter().map(position).collect();
        self.consumer.resume(&from)?;
        self.shared.metrics.restored(restored.seconds, restored.records);
        info!(
            partition,
            records = restored.records,
            seconds = restored.seconds,
            watermark =
                Some(restored.shard.watermark()).filter(|at| *at != Timestamp::MIN).map(tracing::field::display),
            "restored"
        );
        Ok(Running::new(partition, self.shared.partitions, restored, self.shared.clock_skew_ms, stale))
    }

    fn take_ends(&mut self) {
        let Some(answer) = self.prober.answer() else { return };
        if let Some(cause) = answer.failed {
            if !std::mem::replace(&mut self.broker_silent, true) {
                warn!(cause, "the brokers do not say where the inputs end: the watermark is held");
            }
            return;
        }
        self.broker_silent = false;
        let sent_ms = i64::try_from(answer.sent_at.duration_since(self.began).as_millis()).unwrap_or(i64::MAX);
        let Some((_, _, first)) = answer.ends.first() else { return };
        let was_stepped = self.guard.stepped();
        if self.guard.read(first.sent, sent_ms).is_none() {
            if !was_stepped {
                error!("the machine's clock was set forward: the watermark is held until a broker's clock confirms it");
            }
            return;
        }
        for (topic, partition, probe) in answer.ends {
            let input = self.shared.kafka.inputs.iter().position(|input| *input == topic);
            if let (Some(input), Some(Stage::Running(shard))) = (input, self.shards.get_mut(&partition)) {
                shard.progress.probed(input, probe);
            }
        }
    }

    /// Reads of a lead are answered between two turns, from what is durable.
    fn answer(&mut self) {
        if self.turn_began.is_some() {
            return;
        }
        while let Some(question) = self.shared.next_question(self.number) {
            let found = self.running().find_map(|running| {
                let record = running.shard.lead(&question.lead_id)?;
                Some(inspect(running.shard.rules(), record, running.shard.watermark()))
            });
            let answer = found.transpose().map_err(|error| error.to_string());
            // Who no longer waits needs no answer.
            let _gone = question.answer.send(answer);
        }
    }

    fn step(&mut self) {
        self.take_positions();
        let limit = self.shared.clock.now();
        let (mut refused, mut pauses) = (Vec::new(), Vec::new());
        for (partition, stage) in &mut self.shards {
            let Stage::Running(shard) = stage else { continue };
            pauses.extend(shard.pauses().into_iter().map(|(input, pause)| (input, *partition, pause)));
            match shard.step(&self.shared.kafka.inputs, limit) {
                Ok(()) if shard.has_something() => {
                    self.turn_began.get_or_insert_with(monotonic);
                }
                Ok(()) => shard.pass(),
                Err(told) => refused.push((*partition, told)),
            }
        }
        for (input, partition, pause) in pauses {
            let topic = self.shared.kafka.inputs.get(input).cloned().unwrap_or_default();
            let changed = client::list([(topic, partition, Offset::Invalid)]).and_then(|list| match pause {
                true => self.consumer.pause(&list),
                false => self.consumer.resume(&list),
            });
            if let Err(error) = changed {
                warn!(%error, pause, "the reading of an input could not be changed");
            }
        }
        for (partition, told) in refused {
            error!(partition, "a shard is refused: {told}");
            self.shards.insert(partition, Stage::Refused);
        }
    }

    /// Markers and aborted records move the client's position without being told.
    fn take_positions(&mut self) {
        if self.shards.is_empty() {
            return;
        }
        let Ok(positions) = self.consumer.position() else { return };
        for element in positions.elements() {
            let input = self.shared.kafka.inputs.iter().position(|input| input == element.topic());
            if let (Offset::Offset(offset), Some(input), Some(Stage::Running(shard))) =
                (element.offset(), input, self.shards.get_mut(&element.partition()))
            {
                shard.reached(input, offset);
            }
        }
    }

    /// One transaction for the turns of all shards.
    fn commit(&mut self) {
        self.turn_began = None;
        let kafka = self.shared.kafka.clone();
        let mut turns: Vec<&mut Running> = Vec::new();
        for stage in self.shards.values_mut() {
            if let Stage::Running(shard) = stage
                && shard.has_something()
            {
                turns.push(shard);
            }
        }
        if turns.is_empty() {
            return;
        }
        let offsets = turns.iter().flat_map(|turn| {
            let partition = turn.partition;
            kafka
                .inputs
                .iter()
                .zip(turn.next())
                .map(move |(topic, next)| (topic.clone(), partition, Offset::Offset(next)))
        });
        let offsets = client::list(offsets.collect::<Vec<_>>());
        let began = monotonic();
        let outcome = match (offsets, self.consumer.group_metadata()) {
            (Ok(offsets), Some(group)) => self
                .transactions
                .write(&offsets, &group, |writing| turns.iter().try_for_each(|turn| turn.write(&kafka, writing))),
            _ => Err(Trouble::Aborted { cause: "group", detail: "the group's metadata is not known".to_owned() }),
        };
        let metrics = &self.shared.metrics;
        match outcome {
            Ok(()) => {
                let events = turns.iter().map(|turn| turn.events()).sum();
                metrics.transaction(began.elapsed().as_secs_f64(), events);
                let now = self.shared.clock.now();
                for turn in turns {
                    turn.tally().record(metrics);
                    record_told(turn.shard.turn(), metrics, now);
                    turn.commit();
                }
            }
            Err(Trouble::Aborted { cause, detail }) => {
                metrics.transaction_aborted(cause);
                warn!(cause, detail, "a transaction was aborted, its turn is done again");
                turns.into_iter().for_each(Running::undo);
            }
            Err(Trouble::Unknown { cause, detail }) => {
                metrics.transaction_aborted(cause);
                warn!(cause, detail, "whether a transaction was committed is not known: its shards are restored");
                self.restore_all();
            }
        }
    }

    fn restore_all(&mut self) {
        let running: Vec<i32> = self.running().map(|shard| shard.partition).collect();
        for partition in running {
            let inputs = self.shared.kafka.inputs.iter();
            let paused = client::list(inputs.map(|topic| (topic.clone(), partition, Offset::Invalid)))
                .and_then(|partitions| self.consumer.pause(&partitions));
            if let Err(error) = paused {
                warn!(%error, "a partition could not be paused; it is sought anew in any case");
            }
            self.begin_restore(partition);
        }
    }

    /// Asks for the ends of the inputs of every shard for which something waits.
    fn ask(&mut self) {
        if self.prober.is_waiting() {
            return;
        }
        let now = self.shared.clock.now();
        let inputs = &self.shared.kafka.inputs;
        let mut partitions = Vec::new();
        for stage in self.shards.values_mut() {
            let Stage::Running(shard) = stage else { continue };
            let due = shard.shard.next_due();
            if shard.progress.wanted(due).is_some_and(|at| at <= now) {
                partitions.extend(inputs.iter().map(|topic| (topic.clone(), shard.partition)));
            }
        }
        self.prober.ask(partitions);
    }

    fn show(&mut self) {
        let now = self.shared.clock.now();
        let stepped = self.guard.stepped();
        let silent = self.broker_silent;
        let mut held = if self.shards.is_empty() { Held::Unassigned } else { Held::None };
        let (mut least, mut leads, mut timers, mut lag) = (Timestamp::MAX, 0, 0, 0);
        for stage in self.shards.values_mut() {
            let reason = match stage {
                Stage::Restoring { .. } | Stage::Waiting { .. } => Held::Restoring,
                Stage::Apart | Stage::Refused => Held::Refused,
                Stage::Running(shard) => {
                    leads += shard.shard.lead_count();
                    timers += shard.shard.timer_count();
                    lag += shard.progress.lag();
                    let due = shard.shard.next_due();
                    let overdue = due.is_some_and(|due| due.plus_ms(2 * self.shared.clock_skew_ms + 1_000) < now);
                    // Ends are asked for only when something is due: where nothing is, the shard is as good as up to date.
                    least = least.min(if overdue || shard.backlog { shard.shard.watermark() } else { now });
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
            if held == Held::None || reason == Held::Refused {
                held = reason;
            }
        }
        let assigned = self.shards.len();
        self.shared.show(self.number, super::Sight { held, watermark: least, leads, timers, lag, assigned });
    }
}

fn elapsed_ms(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Copies a message: its input, append time, offset and bytes. `None`: of no input of ours.
fn take(
    message: &rdkafka::message::BorrowedMessage<'_>,
    inputs: &[String],
    clock: &dyn crate::time::Clock,
) -> Option<(usize, Timestamp, i64, Record)> {
    let input = inputs.iter().position(|input| input == message.topic())?;
    let append = match message.timestamp() {
        Stamp::LogAppendTime(ms) => Timestamp::from_ms(ms),
        // A producer's own time: never believed beyond now.
        Stamp::CreateTime(ms) => Timestamp::from_ms(ms).min(clock.now()),
        Stamp::NotAvailable => clock.now(),
    };
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    let record = Record {
        key: message.key().map(Box::from),
        payload: message.payload().map(Box::from),
        headers: headers.unwrap_or_default(),
    };
    Some((input, append, message.offset(), record))
}
