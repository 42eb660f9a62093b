//! The shell on Kafka: a thread a worker ([`group`]), each with a consumer in the group, a transactional producer
//! ([`transaction`], [`resent`]) and the shards of its partitions ([`shards`], [`running`]). State lies in the changelog
//! ([`changelog`]), and is put back from it ([`restore`], [`batch`], [`contents`]). How far the inputs are read is the watermark ([`progress`],
//! [`prober`], [`clock_guard`]); that they are read at all is watched ([`watchdog`]).
//!
//! What is decided lies in [`shards`], [`running`], [`progress`], [`contents`], [`changelog`] and [`clock_guard`], which know no client
//! and no clock, so that `tests/simulation` can run them against simulated brokers; the rest asks librdkafka and hands on.
//!
//! Towards HTTP ([`shell`]): events are written to the inputs ([`intake`]), questions are answered between two turns ([`scan`]), and
//! [`directory`] says which instance has the shards that are not here.

mod batch;
pub mod changelog;
pub mod client;
pub mod clock_guard;
pub mod committed;
pub mod contents;
pub mod dead_letters;
pub mod directory;
pub mod feed;
pub mod group;
pub mod intake;
pub mod prober;
pub mod progress;
pub mod reload;
pub mod resent;
pub mod restore;
pub mod running;
pub mod scan;
pub mod shards;
pub mod shell;
pub mod state;
pub mod topics;
pub mod transaction;
pub mod watchdog;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Kafka;
use crate::engine::{self, LeadView, OpenCount};
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::time::{Clock, Timestamp};
use crate::view::{Held, Phase, ReadFault};
use directory::Place;
use scan::Scan;

pub use shell::OnKafka;

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
    /// How long a partition that could be read may stand still: [`watchdog::PATIENCE`].
    pub stall: Duration,
}

/// How far a worker's restores are: those of the shards it has, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RestoreSight {
    /// Of restores under way: records of the changelog that were read, and that are to be read.
    pub read: u64,
    pub to_read: u64,
    /// Of those that are done: leads, and how long it took.
    pub leads: u64,
    pub seconds: f64,
}

/// What one worker shows of itself.
#[derive(Clone, Debug)]
pub struct Sight {
    held: Held,
    watermark: Timestamp,
    leads: usize,
    stale: i64,
    timers: usize,
    lag: i64,
    restore: RestoreSight,
    /// Its partitions, each with what holds it.
    shards: Vec<(i32, Held)>,
}

/// Asked of a worker, which answers between two turns. Who no longer waits needs no answer.
pub enum Question {
    Lead { lead_id: String, answer: std::sync::mpsc::Sender<Result<Option<LeadView>, ReadFault>> },
    Clocks(Box<Scan>),
}

/// What the workers and those who ask share.
pub struct Shared {
    kafka: Arc<Kafka>,
    instance: String,
    partitions: u32,
    clock_skew_ms: i64,
    options: engine::Options,
    accept_changed_policy: bool,
    stall: Duration,
    policy: RwLock<Arc<Policy>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    stop: AtomicBool,
    phase: watch::Sender<Phase>,
    sights: Mutex<Vec<Option<Sight>>>,
    /// By worker: its open clocks.
    open: Mutex<Vec<Vec<OpenCount>>>,
    questions: Mutex<Vec<VecDeque<Question>>>,
    /// By worker: events of the turn whose transaction is under way.
    committing: Mutex<Vec<Option<usize>>>,
    /// By worker.
    proposals: Mutex<Vec<Option<reload::Proposal>>>,
    /// Where this instance is reached, as soon as that is known.
    place: OnceLock<Place>,
}

fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn new(options: Options, policy: Arc<Policy>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let workers = options.workers;
        Shared {
            kafka: Arc::new(options.kafka),
            instance: options.instance,
            partitions: options.partitions,
            clock_skew_ms: options.clock_skew_ms,
            options: options.engine,
            accept_changed_policy: options.accept_changed_policy,
            stall: options.stall,
            policy: RwLock::new(policy),
            clock,
            metrics,
            stop: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Restoring),
            sights: Mutex::new(vec![None; workers]),
            open: Mutex::new(vec![Vec::new(); workers]),
            questions: Mutex::new((0..workers).map(|_| VecDeque::new()).collect()),
            committing: Mutex::new(vec![None; workers]),
            proposals: Mutex::new((0..workers).map(|_| None).collect()),
            place: OnceLock::new(),
        }
    }

    fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, worker: usize, sight: Sight) {
        let restoring = sight.held == Held::Restoring;
        if let Some(place) = held(&self.sights).get_mut(worker) {
            *place = Some(sight);
        }
        if !restoring {
            self.phase.send_if_modified(|phase| {
                let change = *phase == Phase::Restoring;
                if change {
                    *phase = Phase::Running;
                }
                change
            });
        }
    }

    /// A worker's transaction begins, with so many events, or has ended.
    fn commits(&self, worker: usize, events: Option<usize>) {
        if let Some(place) = held(&self.committing).get_mut(worker) {
            *place = events;
        }
    }

    /// What a worker that does not end has in hand.
    fn left_by(&self, worker: usize) -> String {
        let sight = held(&self.sights).get(worker).cloned().flatten();
        let partitions = sight.map_or_else(Vec::new, |sight| sight.shards);
        let partitions: Vec<String> = partitions.iter().map(|(partition, _)| partition.to_string()).collect();
        let of = match partitions.is_empty() {
            true => "no partitions".to_owned(),
            false => format!("partitions {}", partitions.join(", ")),
        };
        match held(&self.committing).get(worker).copied().flatten() {
            Some(events) => format!(
                "worker {worker} of {of} does not know whether its transaction of {events} events was committed"
            ),
            None => format!("worker {worker} of {of} has not left the group"),
        }
    }

    fn show_open(&self, worker: usize, open: Vec<OpenCount>) {
        if let Some(place) = held(&self.open).get_mut(worker) {
            *place = open;
        }
    }

    /// Open clocks of all workers by SLA and state. What none of them has is 0, not gone.
    fn open_clocks(&self) -> BTreeMap<(String, &'static str), i64> {
        let mut sums = BTreeMap::new();
        for family in &self.policy().families {
            sums.extend(engine::OpenState::ALL.map(|state| ((family.name.clone(), state.name()), 0)));
        }
        for open in held(&self.open).iter().flatten() {
            *sums.entry((open.sla.clone(), open.state)).or_default() += open.count;
        }
        sums
    }

    fn ask(&self, worker: usize, question: Question) {
        if let Some(questions) = held(&self.questions).get_mut(worker) {
            questions.push_back(question);
        }
    }

    fn next_question(&self, worker: usize) -> Option<Question> {
        held(&self.questions).get_mut(worker)?.pop_front()
    }

    fn enter(&self, phase: Phase) {
        phase.enter(&self.phase);
    }

    /// The worker that has a partition, and what holds it there.
    fn find(&self, partition: i32) -> Option<(usize, Held)> {
        let sights = held(&self.sights);
        let mut all = sights.iter().enumerate().filter_map(|(worker, sight)| {
            let shards = &sight.as_ref()?.shards;
            shards.iter().find(|(known, _)| *known == partition).map(|(_, held)| (worker, *held))
        });
        all.next()
    }

    /// The worst that a worker shows, and all their leads, timers, lag and restores.
    fn sight(&self) -> Sight {
        let mut whole = Sight {
            held: Held::None,
            watermark: Timestamp::MAX,
            leads: 0,
            stale: 0,
            timers: 0,
            lag: 0,
            restore: RestoreSight::default(),
            shards: Vec::new(),
        };
        for sight in held(&self.sights).iter() {
            let Some(sight) = sight else {
                whole.held = Held::Restoring;
                continue;
            };
            whole.leads += sight.leads;
            whole.stale += sight.stale;
            whole.timers += sight.timers;
            whole.lag += sight.lag;
            whole.restore.read += sight.restore.read;
            whole.restore.to_read += sight.restore.to_read;
            whole.restore.leads += sight.restore.leads;
            whole.restore.seconds += sight.restore.seconds;
            whole.shards.extend(&sight.shards);
            whole.watermark = whole.watermark.min(sight.watermark);
            if sight.held == Held::Refused || whole.held == Held::None && sight.held != Held::Unassigned {
                whole.held = sight.held;
            }
        }
        if whole.held == Held::None && whole.shards.is_empty() {
            whole.held = Held::Unassigned;
        }
        whole
    }
}

/// What lasts is measured by the clock that is never set.
#[expect(clippy::disallowed_methods, reason = "how long something lasts, and whether the wall clock was set")]
fn monotonic() -> Instant {
    Instant::now()
}
