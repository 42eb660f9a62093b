//! The shell on Kafka: a thread a worker ([`group`]), each with a consumer in the group, a transactional producer
//! ([`transaction`]) and the shards of its partitions ([`shards`], [`running`]). State lies in the changelog ([`changelog`]), and is
//! put back from it ([`restore`], [`contents`]). How far the inputs are read is the watermark ([`progress`], [`prober`], [`clock_guard`]).
//!
//! What is decided lies in [`shards`], [`running`], [`progress`], [`contents`], [`changelog`] and [`clock_guard`], which know no client
//! and no clock, so that `tests/simulation` can run them against simulated brokers; the rest asks librdkafka and hands on.

pub mod changelog;
pub mod client;
pub mod clock_guard;
pub mod contents;
pub mod dead_letters;
pub mod feed;
pub mod group;
pub mod prober;
pub mod progress;
pub mod reload;
pub mod restore;
pub mod running;
pub mod shards;
pub mod topics;
pub mod transaction;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Kafka;
use crate::engine::{self, LeadView};
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::time::{Clock, Timestamp};
use crate::view::{
    ClockPage, ClockQuery, DeadLetter, DeadLetterQuery, Delivery, Held, NotAdopted, NoticePage, NoticeQuery, Pending,
    Phase, ReadFault, Shell, Status, Unavailable,
};
use group::Worker;

/// A worker answers between two turns; a transaction may last so long.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// How to run the shell.
#[derive(Clone, Debug)]
pub struct Options {
    pub kafka: Kafka,
    pub instance: String,
    pub workers: usize,
    pub clock_skew_ms: i64,
    pub engine: engine::Options,
    pub accept_changed_policy: bool,
    /// Of the inputs, as [`topics::look`] found them.
    pub partitions: u32,
}

/// What one worker shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    held: Held,
    watermark: Timestamp,
    leads: usize,
    timers: usize,
    lag: i64,
    assigned: usize,
}

pub struct Question {
    lead_id: String,
    answer: std::sync::mpsc::Sender<Result<Option<LeadView>, String>>,
}

/// What the workers and those who ask share.
pub struct Shared {
    kafka: Arc<Kafka>,
    instance: String,
    partitions: u32,
    clock_skew_ms: i64,
    options: engine::Options,
    accept_changed_policy: bool,
    policy: RwLock<Arc<Policy>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    stop: AtomicBool,
    phase: watch::Sender<Phase>,
    sights: Mutex<Vec<Option<Sight>>>,
    questions: Mutex<Vec<VecDeque<Question>>>,
    /// By worker.
    proposals: Mutex<Vec<Option<reload::Proposal>>>,
}

fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, worker: usize, sight: Sight) {
        if let Some(place) = held(&self.sights).get_mut(worker) {
            *place = Some(sight);
        }
        if sight.held != Held::Restoring {
            self.phase.send_if_modified(|phase| {
                let change = *phase == Phase::Restoring;
                if change {
                    *phase = Phase::Running;
                }
                change
            });
        }
    }

    fn next_question(&self, worker: usize) -> Option<Question> {
        held(&self.questions).get_mut(worker)?.pop_front()
    }

    fn enter(&self, phase: Phase) {
        phase.enter(&self.phase);
    }

    /// The worst that a worker shows, and all their leads, timers and lag.
    fn sight(&self) -> Sight {
        let mut whole = Sight { held: Held::None, watermark: Timestamp::MAX, leads: 0, timers: 0, lag: 0, assigned: 0 };
        for sight in held(&self.sights).iter() {
            let Some(sight) = sight else {
                whole.held = Held::Restoring;
                continue;
            };
            whole.leads += sight.leads;
            whole.timers += sight.timers;
            whole.lag += sight.lag;
            whole.assigned += sight.assigned;
            whole.watermark = whole.watermark.min(sight.watermark);
            if sight.held == Held::Refused || whole.held == Held::None && sight.held != Held::Unassigned {
                whole.held = sight.held;
            }
        }
        if whole.held == Held::None && whole.assigned == 0 {
            whole.held = Held::Unassigned;
        }
        whole
    }
}

/// The running shell.
pub struct OnKafka {
    shared: Arc<Shared>,
    last_notice: watch::Sender<u64>,
    threads: Mutex<Vec<JoinHandle<Result<(), String>>>>,
}

impl OnKafka {
    /// Starts the workers, which join the group.
    ///
    /// # Errors
    /// Where a client cannot be made of the settings.
    pub fn start(
        options: Options,
        policy: Arc<Policy>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let workers = options.workers;
        let shared = Arc::new(Shared {
            kafka: Arc::new(options.kafka),
            instance: options.instance,
            partitions: options.partitions,
            clock_skew_ms: options.clock_skew_ms,
            options: options.engine,
            accept_changed_policy: options.accept_changed_policy,
            policy: RwLock::new(policy),
            clock,
            metrics,
            stop: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Restoring),
            sights: Mutex::new(vec![None; workers]),
            questions: Mutex::new((0..workers).map(|_| VecDeque::new()).collect()),
            proposals: Mutex::new((0..workers).map(|_| None).collect()),
        });
        let mut threads = Vec::with_capacity(workers);
        for number in 0..workers {
            let worker = Worker::new(shared.clone(), number).map_err(|error| error.to_string())?;
            let ending = Ending { shared: shared.clone() };
            let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                let outcome = worker.run();
                if let Err(told) = &outcome {
                    ending.shared.enter(Phase::Failed(told.clone()));
                }
                drop(ending);
                outcome
            });
            threads.push(thread.map_err(|error| error.to_string())?);
        }
        Ok(OnKafka { shared, last_notice: watch::Sender::new(0), threads: Mutex::new(threads) })
    }

    pub fn prepare_stop(&self) {
        self.shared.enter(Phase::Stopping);
    }

    /// Commits what was applied, leaves the group, and ends.
    ///
    /// # Errors
    /// What a worker failed by.
    pub fn stop(&self) -> Result<(), String> {
        self.shared.enter(Phase::Stopping);
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut outcome = Ok(());
        for thread in std::mem::take(&mut *held(&self.threads)) {
            let ended = thread.join().unwrap_or_else(|_panic| Err("a worker ended in a panic".to_owned()));
            outcome = outcome.and(ended);
        }
        self.shared.enter(Phase::Stopped);
        outcome
    }
}

/// A worker that panics ends the shell in view of all.
struct Ending {
    shared: Arc<Shared>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.enter(Phase::Failed("a worker ended in a panic".to_owned()));
        }
    }
}

impl Shell for OnKafka {
    fn phase(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    fn status(&self) -> Status {
        let sight = self.shared.sight();
        Status {
            phase: self.shared.phase.borrow().clone(),
            watermark: sight.watermark,
            held: sight.held,
            held_until: None,
        }
    }

    fn last_notice(&self) -> watch::Receiver<u64> {
        self.last_notice.subscribe()
    }

    fn submit(&self, _: Delivery) -> Result<Pending, Unavailable> {
        Err(Unavailable::Elsewhere("on Kafka events are written to the input topics".to_owned()))
    }

    fn resubmit(&self, _: Vec<u64>) -> Result<Pending, Unavailable> {
        Err(Unavailable::Elsewhere("on Kafka dead letters are written to the input topics again".to_owned()))
    }

    fn observe(&self) {
        let sight = self.shared.sight();
        let lag_ms = match sight.watermark {
            Timestamp::MAX | Timestamp::MIN => 0,
            watermark => self.shared.clock.now().since_ms(watermark).max(0),
        };
        self.shared.metrics.watermark_lag(sight.held.name(), &Held::NAMES, lag_ms as f64 / 1_000.0);
        self.shared.metrics.holds(sight.leads, sight.timers);
        self.shared.metrics.queued(usize::try_from(sight.lag).unwrap_or(0));
    }

    fn policy(&self) -> Arc<Policy> {
        self.shared.policy()
    }

    fn adopt(&self, policy: Arc<Policy>) -> Result<(), NotAdopted> {
        match &*self.shared.phase.borrow() {
            Phase::Restoring | Phase::Running => {}
            Phase::Stopping | Phase::Stopped => return Err(NotAdopted::Unavailable(Unavailable::Stopping)),
            Phase::Failed(why) => return Err(NotAdopted::Unavailable(Unavailable::Failed(why.clone()))),
        }
        self.shared.propose(&policy)
    }

    fn notices(&self, _: &NoticeQuery) -> Result<NoticePage, ReadFault> {
        let topics = &self.shared.kafka.topics;
        Err(ReadFault::InTopic(format!("{}, {} or {}", topics.breaches, topics.outcomes, topics.reminders)))
    }

    fn lead(&self, lead_id: &str) -> Result<Option<LeadView>, ReadFault> {
        let (answer, answers) = std::sync::mpsc::channel();
        for questions in held(&self.shared.questions).iter_mut() {
            questions.push_back(Question { lead_id: lead_id.to_owned(), answer: answer.clone() });
        }
        drop(answer);
        let began = monotonic();
        loop {
            match answers.recv_timeout(ANSWER_PATIENCE.saturating_sub(began.elapsed())) {
                Ok(Ok(Some(lead))) => return Ok(Some(lead)),
                Ok(Ok(None)) => {}
                Ok(Err(told)) => return Err(ReadFault::Store(told)),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    return Err(ReadFault::Store("a worker is busy with a transaction".to_owned()));
                }
            }
        }
    }

    fn clocks(&self, _: &ClockQuery) -> Result<ClockPage, ReadFault> {
        Err(ReadFault::InTopic(self.shared.kafka.topics.outcomes.clone()))
    }

    fn events(&self, _: u64, _: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault> {
        Err(ReadFault::InTopic(self.shared.kafka.inputs.join(", ")))
    }

    fn dead_letters(&self, _: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault> {
        Err(ReadFault::InTopic(self.shared.kafka.topics.dead_letters.clone()))
    }
}

/// What lasts is measured by the clock that is never set.
#[expect(clippy::disallowed_methods, reason = "how long something lasts, and whether the wall clock was set")]
fn monotonic() -> Instant {
    Instant::now()
}
