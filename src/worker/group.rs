//! The loop of one worker: a consumer of the group, the shards of its partitions, one transaction at a time.
//!
//! Between two polls, in this order, because each may make the next superfluous: 1 changes of the assignment (what was taken away
//! is forgotten), then another policy if there is one, 2 restored shards, 3 end offsets, 4 partitions that stand still, 5 questions
//! of HTTP, 6 events and timers, 7 the transaction, once the turn is [`LINGER_MS`](super::shards::LINGER_MS) old or full. No
//! transaction is open during a poll, so a rebalance finds nothing in flight.

mod answers;
mod vigil;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Headers, Timestamp as Stamp};
use rdkafka::topic_partition_list::Offset;
use tracing::{error, info, warn};

use super::client::{self, Change, GroupContext};
use super::contents::{RestoreFault, Restored};
use super::prober::Prober;
use super::reload::Awaited;
use super::restore::Plan;
use super::running::{Record, Room, Running};
use super::scan::Scan;
use super::shards::{Ends, Read, Shards};
use super::transaction::{Outgoing, Transactions, Trouble};
use super::{Shared, directory, monotonic};
use crate::embedded::turn::record_told;
use crate::policy::Policy;
use crate::time::Timestamp;
use vigil::Vigil;

/// Records taken from the client before they are looked at.
const MAX_POLLED: usize = 10_000;
const SEEK_PATIENCE: Duration = Duration::from_secs(10);
/// After a fault that passes by itself.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MS: i64 = 500;

/// How a restore ended.
struct Outcome {
    partition: i32,
    generation: u64,
    seconds: f64,
    restored: Result<Restored, RestoreFault>,
}

pub struct Worker {
    pub shared: Arc<Shared>,
    pub number: usize,
    client_id: String,
    consumer: BaseConsumer<GroupContext>,
    transactions: Transactions,
    prober: Prober,
    began: Instant,
    pub shards: Shards,
    restored: Receiver<Outcome>,
    restores: Sender<Outcome>,
    /// Another policy was proposed, and the shards wait for the verdict.
    pub awaited: Option<Awaited>,
    /// By partition that runs: how many leads were put back, and in how many seconds.
    restored_in: BTreeMap<i32, (u64, f64)>,
    /// Shards of which the others are to be told as soon as this instance knows where it is reached.
    unannounced: Vec<i32>,
    vigil: Vigil,
    /// Questions that need several passes.
    scans: Vec<Scan>,
    counted_open_at: Option<Instant>,
}

/// How a poll ended.
enum Polled {
    Fine,
    /// The offset to be read next is not there.
    PositionGone,
    /// The client is beyond use.
    Fatal,
}

impl Worker {
    /// # Errors
    /// Where a client cannot be made of the settings.
    pub fn new(shared: Arc<Shared>, number: usize) -> KafkaResult<Self> {
        let client_id = format!("{}-{number}", shared.instance);
        let consumer = client::group_consumer(&shared.kafka, &client_id)?;
        let (clock, ends_id) = (shared.clock.clone(), format!("{client_id}-ends"));
        let prober = Prober::start(&shared.kafka, &ends_id, "read_uncommitted", clock, Vec::new())?;
        let vigil = Vigil::start(&shared.kafka, &client_id, shared.clock.clone(), shared.stall)?;
        let transactions = Transactions::new(shared.kafka.clone(), &client_id, number);
        let (began, started) = (monotonic(), shared.clock.now());
        let shards =
            Shards::new(shared.kafka.clone(), shared.partitions, shared.clock_skew_ms, Room::default(), started);
        let (restores, restored) = channel();
        Ok(Worker {
            shared,
            number,
            client_id,
            consumer,
            transactions,
            prober,
            began,
            shards,
            restored,
            restores,
            awaited: None,
            restored_in: BTreeMap::new(),
            unannounced: Vec::new(),
            vigil,
            scans: Vec::new(),
            counted_open_at: None,
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
            let patience_ms = match self.scans.is_empty() {
                true => self.shards.patience_ms(self.now_ms(), self.prober.is_waiting() || self.awaited.is_some()),
                false => 0,
            };
            match self.poll(Duration::from_millis(patience_ms.unsigned_abs())) {
                Polled::Fine => {}
                // The restores say which one it is, and what is lost.
                Polled::PositionGone => self.restore_all(),
                Polled::Fatal => {
                    self.rebuild("fatal");
                    continue;
                }
            }
            self.take_changes();
            if self.consider() {
                continue;
            }
            self.take_restored();
            self.take_ends();
            if self.watch_over() {
                self.rebuild("stalled");
                continue;
            }
            self.announce();
            self.answer();
            self.step();
            if self.shards.must_commit(self.now_ms()) {
                self.commit();
            }
            self.ask();
            self.show();
        }
        self.commit();
        self.shards.clear();
        self.consumer.unsubscribe();
        Ok(())
    }

    /// Monotonic, since the worker began.
    fn now_ms(&self) -> i64 {
        elapsed_ms(self.began)
    }

    /// Takes what the client has.
    fn poll(&mut self, patience: Duration) -> Polled {
        let mut patience = patience;
        for _ in 0..MAX_POLLED {
            match self.consumer.poll(patience) {
                None => {
                    self.vigil.ran_dry();
                    break;
                }
                Some(Ok(message)) => {
                    let read = take(&message, &self.shared.kafka.inputs, &*self.shared.clock);
                    drop(message);
                    if let Some(read) = read {
                        self.shards.read(read, elapsed_ms(self.began));
                    }
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    warn!(%code, "the consumer failed for good and is made anew; does another process have this engine.instance?");
                    return Polled::Fatal;
                }
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    warn!(
                        "an input no longer holds what is to be read next: its shards are restored, which tells more"
                    );
                    return Polled::PositionGone;
                }
                // The client tries again by itself; what matters of it shows in positions and ends.
                Some(Err(error)) => tracing::debug!(%error, "the consumer reported"),
            }
            patience = Duration::ZERO;
        }
        Polled::Fine
    }

    /// Everything anew, until it succeeds or the worker is to stop.
    fn rebuild(&mut self, cause: &str) {
        self.shards.clear();
        self.vigil.forget();
        self.shared.metrics.client_rebuilt(cause);
        while !self.shared.stop.load(Ordering::Relaxed) {
            // The broker may know the member of a killed process for a while yet.
            std::thread::park_timeout(RETRY);
            let inputs: Vec<&str> = self.shared.kafka.inputs.iter().map(String::as_str).collect();
            let made = client::group_consumer(&self.shared.kafka, &self.client_id)
                .and_then(|consumer| consumer.subscribe(&inputs).map(|()| consumer));
            match made {
                Ok(consumer) => {
                    self.consumer = consumer;
                    return;
                }
                Err(error) => warn!(%error, "the consumer could not be made anew, it is tried again"),
            }
        }
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
                    self.shards.revoke(partitions.into_iter().map(|(_, partition)| partition));
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
        let assigned = self.shards.assign(assigned.elements().iter().map(|element| element.partition()));
        for partition in assigned.begin {
            self.begin_restore(partition);
        }
        if assigned.apart {
            error!(
                "this member has a partition of one input without that of the others, and waits for them: all members must use \
                 one assignor (range) and one list of inputs"
            );
        }
        Ok(())
    }

    /// All shards take another policy.
    pub fn adopt(&mut self, policy: &Arc<Policy>) {
        self.commit();
        for partition in self.shards.adopt(policy) {
            self.begin_restore(partition);
        }
    }

    fn begin_restore(&mut self, partition: i32) {
        let later_ms = self.now_ms() + RETRY_MS;
        // Fences an earlier process of the same id, and ends what it left open, before its state is read.
        if let Err(error) = self.transactions.prepare() {
            warn!(partition, %error, "no transaction can be prepared, it is tried again");
            self.shards.wait(partition, later_ms);
            return;
        }
        self.vigil.forget();
        let order = self.shards.begin_restore(partition, self.now_ms());
        let shared = &self.shared;
        let plan = Plan {
            kafka: shared.kafka.clone(),
            client_id: self.client_id.clone(),
            partition,
            partitions: shared.partitions,
            policy: shared.policy(),
            options: shared.options,
            accept_changed_policy: shared.accept_changed_policy,
        };
        let outcomes = self.restores.clone();
        let serve = move || {
            let began = monotonic();
            let restored = plan.run(&order.stop, &order.passed);
            let (generation, seconds) = (order.generation, began.elapsed().as_secs_f64());
            // A worker that has ended needs no answer.
            let _gone = outcomes.send(Outcome { partition, generation, seconds, restored });
        };
        if std::thread::Builder::new().name(format!("restore-{partition}")).spawn(serve).is_err() {
            self.shards.wait(partition, later_ms);
        }
    }

    fn take_restored(&mut self) {
        while let Ok(Outcome { partition, generation, seconds, restored }) = self.restored.try_recv() {
            if !self.shards.awaits(partition, generation) {
                continue;
            }
            match restored.and_then(|restored| Ok((self.begin_reading(partition, &restored, seconds)?, restored))) {
                Ok((stale, restored)) => {
                    self.restored_in.insert(partition, (restored.records, seconds));
                    self.unannounced.push(partition);
                    self.shards.run(partition, restored, stale);
                }
                Err(RestoreFault::Refused(told)) => {
                    error!(partition, "a shard is refused: {told}");
                    self.shards.refuse(partition);
                }
                Err(RestoreFault::Outgrown(told)) => {
                    error!(partition, "every shard is refused: {told}");
                    self.shards.refuse_all();
                }
                Err(fault) => {
                    warn!(partition, %fault, "a shard could not be restored, it is tried again");
                    self.shards.wait(partition, self.now_ms() + RETRY_MS);
                }
            }
        }
        for partition in self.shards.silent_restores(self.now_ms()) {
            warn!(partition, "a restore reads nothing any more, it is begun anew");
            self.begin_restore(partition);
        }
        for partition in self.shards.due_again(self.now_ms()) {
            self.begin_restore(partition);
        }
    }

    /// By input, the client's position before it has read anything.
    fn begin_reading(
        &self,
        partition: i32,
        restored: &Restored,
        seconds: f64,
    ) -> Result<Vec<Option<i64>>, RestoreFault> {
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
        info!(
            partition,
            records = restored.records,
            seconds,
            watermark =
                Some(restored.shard.watermark()).filter(|at| *at != Timestamp::MIN).map(tracing::field::display),
            "restored"
        );
        Ok(stale)
    }

    fn take_ends(&mut self) {
        let Some(answer) = self.prober.answer() else { return };
        if let Some(cause) = answer.failed {
            if self.shards.no_ends() {
                warn!(cause, "the brokers do not say where the inputs end: the watermark is held");
            }
            return;
        }
        let sent_ms = i64::try_from(answer.sent_at.duration_since(self.began).as_millis()).unwrap_or(i64::MAX);
        let input = |topic: &String| self.shared.kafka.inputs.iter().position(|input| input == topic);
        let ends =
            answer.ends.into_iter().filter_map(|(topic, partition, probe)| Some((partition, input(&topic)?, probe)));
        let ends = Ends { ends: ends.collect(), sent_ms };
        let was_stepped = self.shards.clock_stepped();
        if !self.shards.ends(&ends) && !was_stepped {
            error!(
                "the machine's clock was set forward: time is counted by the monotonic clock until a broker's clock confirms the step"
            );
        }
        let fallen = self.shards.fallen();
        for partition in &fallen {
            warn!(partition, "an input ends before what was read of it: its shard is restored, which tells more");
        }
        self.restore_anew(fallen);
    }

    fn step(&mut self) {
        self.take_positions();
        let stepped = self.shards.step(self.shared.clock.now(), self.now_ms());
        for (input, partition, pause) in stepped.pauses {
            let topic = self.shared.kafka.inputs.get(input).cloned().unwrap_or_default();
            let changed = client::list([(topic, partition, Offset::Invalid)]).and_then(|list| match pause {
                true => self.consumer.pause(&list),
                false => self.consumer.resume(&list),
            });
            if let Err(error) = changed {
                warn!(%error, pause, "the reading of an input could not be changed");
            }
        }
        for (partition, told) in stepped.refused {
            error!(partition, "a shard is refused: {told}");
        }
    }

    /// Markers and aborted records move the client's position without being told.
    fn take_positions(&mut self) {
        let Ok(positions) = self.consumer.position() else { return };
        for element in positions.elements() {
            let input = self.shared.kafka.inputs.iter().position(|input| input == element.topic());
            if let (Offset::Offset(offset), Some(input)) = (element.offset(), input) {
                self.shards.reached(element.partition(), input, offset);
            }
        }
    }

    /// Shards whose place the others do not know yet say it in their next transaction.
    fn announce(&mut self) {
        if self.unannounced.is_empty() || self.shared.place.get().is_none() {
            return;
        }
        let unannounced = std::mem::take(&mut self.unannounced);
        for shard in self.shards.running_mut().filter(|shard| unannounced.contains(&shard.partition)) {
            shard.announces = true;
        }
    }

    /// One transaction for the turns of all shards.
    fn commit(&mut self) {
        let kafka = self.shared.kafka.clone();
        // Texts alone, which can always be written.
        let place = self.shared.place.get().map(|place| serde_json::to_vec(place).unwrap_or_default());
        let turns = self.shards.turns();
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
        let events = turns.iter().map(|turn| turn.events()).sum();
        self.shared.commits(self.number, Some(events));
        let outcome = match (offsets, self.consumer.group_metadata()) {
            (Ok(offsets), Some(group)) => self.transactions.write(&offsets, group, |writing| {
                turns.iter().try_for_each(|turn| turn.write(&kafka, &mut |record| writing.send(record)))?;
                turns.iter().filter(|turn| turn.announces).try_for_each(|turn| {
                    let key = directory::key(&kafka.group, turn.partition);
                    let (topic, key, value) = (&kafka.topics.instances, Some(key.as_bytes()), place.as_deref());
                    writing.send(&Outgoing { topic, partition: None, key, value, headers: &[] })
                })
            }),
            _ => Err(Trouble::Aborted { cause: "group", detail: "the group's metadata is not known".to_owned() }),
        };
        self.shared.commits(self.number, None);
        let metrics = &self.shared.metrics;
        self.transactions.take_rebuilt().into_iter().for_each(|cause| metrics.client_rebuilt(cause));
        match outcome {
            Ok(()) => {
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
        self.restore_anew(self.shards.doubtful());
    }

    /// Shards that run.
    fn restore_anew(&mut self, partitions: Vec<i32>) {
        for partition in partitions {
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
        let inputs = &self.shared.kafka.inputs;
        let wanted = self.shards.wanted(self.shared.clock.now());
        let of = |partition: i32| inputs.iter().map(move |topic| (topic.clone(), partition));
        self.prober.ask(wanted.into_iter().flat_map(of).collect());
    }
}

fn elapsed_ms(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Copies a message. `None`: of no input of ours.
fn take(
    message: &rdkafka::message::BorrowedMessage<'_>,
    inputs: &[String],
    clock: &dyn crate::time::Clock,
) -> Option<Read> {
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
    let by_broker = matches!(message.timestamp(), Stamp::LogAppendTime(_));
    Some(Read { partition: message.partition(), input, append, by_broker, offset: message.offset(), record })
}
