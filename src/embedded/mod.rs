//! The shell without a broker: a SQLite file holds the log, the state and the notices (DESIGN §4).
//!
//! Requests hand their events to a bounded queue ([`intake`]), where they get their append time; one thread
//! ([`engine_thread`]) owns the shard, applies what waits ([`turn`]) and makes it durable in one transaction
//! ([`store`]); only then are the requests answered. Reads go through connections of their own ([`reader`]).

pub mod engine_thread;
pub mod fault;
pub mod index;
pub mod intake;
pub mod lock;
pub mod reader;
pub mod store;
pub mod turn;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::engine::{self, LeadView, NoticeKind, Shard};
use crate::event::{FactKind, Reason};
use crate::metrics::{Metrics, Words};
use crate::policy::{Policy, kept};
use crate::time::{Clock, Timestamp};
use crate::view::{
    ClockPage, ClockQuery, DeadLetter, DeadLetterQuery, Delivery, Held, NotAdopted, NoticePage, NoticeQuery, Pending,
    Phase, ReadFault, SeeLeads, Shell, Status, Unavailable, Whole,
};
use engine_thread::{EngineThread, Shared, Terms};
use fault::{FaultKind, StoreFault};
use intake::{Intake, Limits, Shut};
use lock::DirectoryLock;
use reader::{Contents, Reader};
use store::Store;
use turn::{Job, Work};

/// The name of the one input, in positions and proofs.
pub const INPUT: &str = "events";

/// How to run the embedded shell. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Options {
    pub directory: PathBuf,
    pub instance: String,
    pub grace_ms: i64,
    pub retention_ms: Option<i64>,
    /// Take a policy whose versions in force were edited, and tell every promise that changes by it.
    pub accept_changed_policy: bool,
    pub future_tolerance_ms: i64,
    pub max_bytes: Option<u64>,
    pub limits: Limits,
}

/// The words that metrics of this policy are labelled with.
pub fn metric_words<'a>(slas: &'a [String], lists: &'a WordLists) -> Words<'a> {
    Words {
        event_types: &lists.event_types,
        notice_types: &lists.notice_types,
        retraction: NoticeKind::Retracted.name(),
        reasons: &lists.reasons,
        slas,
    }
}

/// Names of the enums of the core.
#[derive(Clone, Debug)]
pub struct WordLists {
    event_types: [&'static str; FactKind::ALL.len()],
    notice_types: [&'static str; NoticeKind::ALL.len()],
    reasons: [&'static str; Reason::ALL.len()],
}

impl Default for WordLists {
    fn default() -> Self {
        WordLists {
            event_types: FactKind::ALL.map(FactKind::type_name),
            notice_types: NoticeKind::ALL.map(NoticeKind::name),
            reasons: Reason::ALL.map(Reason::name),
        }
    }
}

/// The running shell. Dropping it without [`Embedded::stop`] leaves the thread to end with the process.
pub struct Embedded {
    shared: Arc<Shared>,
    reader: Reader,
    thread: std::sync::Mutex<Option<JoinHandle<Result<(), StoreFault>>>>,
}

impl Embedded {
    /// Takes the directory, opens the store and starts the engine thread, which restores first.
    ///
    /// # Errors
    /// A directory in use, a store that cannot be opened.
    pub fn start(
        options: Options,
        policy: Arc<Policy>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StoreFault> {
        let lock = DirectoryLock::take(&options.directory, &options.instance)?;
        let store = Store::open(&options.directory, options.max_bytes)?;
        // Where there is no lead, nothing was promised yet.
        let changed = match store.holds_leads()? {
            true => kept::difference(&store.kept_policy()?, &policy, store.marks().watermark),
            false => None,
        };
        if let (Some(difference), false) = (&changed, options.accept_changed_policy) {
            let told = format!("the policy is not the one that its clocks were governed by{difference}");
            return Err(StoreFault::new(FaultKind::PolicyChanged, store.path(), told));
        }
        // What an event may say of the future is judged here, against its true receipt.
        let shard_options = engine::Options {
            future_tolerance_ms: i64::MAX,
            retention_ms: options.retention_ms,
            ..engine::Options::default()
        };
        let shard = Shard::new(policy.clone(), shard_options, &[INPUT]);
        let intake = Intake::new(clock.clone(), options.limits);
        let shared = Arc::new(Shared::new(intake, clock, metrics, store.marks().watermark, policy));
        let terms = Terms {
            grace_ms: options.grace_ms,
            retention_ms: options.retention_ms,
            future_tolerance_ms: options.future_tolerance_ms,
            policy_changed: changed.is_some(),
        };
        let engine = EngineThread::new(shared.clone(), store, shard, terms);
        let ending = Ending { shared: shared.clone() };
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                // Dropped last: the directory is given free when nothing works on it any more.
                let _lock = lock;
                let _ending = ending;
                engine.run()
            })
            .map_err(|error| StoreFault::of_io(&options.directory, &error))?;
        Ok(Embedded { shared, reader: Reader::new(&options.directory), thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Takes nothing more, makes durable what was received, and ends. To be called once HTTP answers no more requests.
    ///
    /// # Errors
    /// The fault by which the engine ended.
    pub fn stop(&self) -> Result<(), StoreFault> {
        self.shared.enter(Phase::Stopping);
        self.shared.intake.close();
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_panic)) => {
                let detail = "the engine thread ended in a panic; everything that was acknowledged is kept";
                Err(StoreFault::new(FaultKind::Other, self.reader.path(), detail))
            }
            None => Ok(()),
        }
    }

    /// Tells that it is about to stop, so that readiness and streams say so.
    pub fn prepare_stop(&self) {
        self.shared.enter(Phase::Stopping);
    }

    /// Lets the engine look at the clock, after a clock moved by hand.
    pub fn nudge(&self) {
        self.shared.intake.nudge();
    }

    fn hand_over(&self, work: Work, events: usize, bytes: usize) -> Result<Pending, Unavailable> {
        let refused = match &*self.shared.phase.borrow() {
            // A request that was under way when the stop began is still taken: the queue closes after the last of them.
            Phase::Running | Phase::Stopping => None,
            Phase::Restoring => Some(Unavailable::Restoring),
            Phase::Stopped => Some(Unavailable::Stopping),
            Phase::Failed(why) => Some(Unavailable::Failed(why.clone())),
        };
        let (answer, pending) = oneshot::channel();
        let taken = match refused {
            Some(unavailable) => Err(unavailable),
            None => self.shared.intake.put(Job { work, answer }, events, bytes).map_err(|shut| match shut {
                Shut::Full => Unavailable::Full,
                Shut::Closed => Unavailable::Stopping,
            }),
        };
        if let Err(unavailable) = &taken {
            self.shared.metrics.turned_away(unavailable.name());
        }
        taken.map(|()| pending)
    }

    fn as_of(&self) -> Timestamp {
        self.shared.status().watermark
    }
}

/// Ends the shell's life in view of all, also after a panic.
struct Ending {
    shared: Arc<Shared>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.enter(Phase::Failed("the engine thread ended in a panic".to_owned()));
        }
        self.shared.intake.close();
        for job in self.shared.intake.take(usize::MAX, Duration::ZERO).items {
            let _gone = job.item.answer.send(Err(Unavailable::Stopping));
        }
        self.shared.enter(Phase::Stopped);
        self.shared.drop_proposal();
    }
}

impl Shell for Embedded {
    fn phase(&self) -> watch::Receiver<Phase> {
        self.shared.phase.subscribe()
    }

    fn status(&self) -> Status {
        self.shared.status()
    }

    fn last_notice(&self) -> watch::Receiver<u64> {
        self.shared.last_notice.subscribe()
    }

    fn submit(&self, delivery: Delivery) -> Result<Pending, Unavailable> {
        let (events, bytes) = (delivery.events(), delivery.body.len());
        self.hand_over(Work::Deliver(delivery), events, bytes)
    }

    fn resubmit(&self, numbers: Vec<u64>) -> Result<Pending, Unavailable> {
        let events = numbers.len().max(1);
        self.hand_over(Work::Resubmit { numbers, letters: Vec::new() }, events, 0)
    }

    fn observe(&self) {
        let status = self.shared.status();
        let lag_ms = match (status.held, status.watermark) {
            (_, Timestamp::MIN) => 0,
            (_, watermark) => self.shared.clock.now().since_ms(watermark).max(0),
        };
        let held = if status.phase == Phase::Restoring { Held::Restoring } else { status.held };
        self.shared.metrics.watermark_lag(held.name(), &Held::NAMES, lag_ms as f64 / 1_000.0);
        self.shared.metrics.queued(self.shared.intake.waiting_events());
    }

    fn policy(&self) -> Arc<Policy> {
        self.shared.rules().policy.clone()
    }

    fn adopt(&self, policy: Arc<Policy>) -> Result<(), NotAdopted> {
        self.shared.propose(policy)
    }

    fn notices(&self, query: &NoticeQuery) -> Result<NoticePage, ReadFault> {
        self.reader.notices(query)
    }

    fn lead(&self, lead_id: &str) -> Result<Option<LeadView>, ReadFault> {
        self.reader.lead(&self.shared.rules(), lead_id, self.as_of())
    }

    fn clocks(&self, query: &ClockQuery) -> Result<ClockPage, ReadFault> {
        self.reader.clocks(&self.shared.rules(), query, self.as_of())
    }

    fn visit(&self, seer: &mut dyn SeeLeads) -> Result<(), ReadFault> {
        let begin = |contents: Contents| {
            let as_of = contents.watermark;
            let Contents { accepted, rejected, .. } = contents;
            seer.begin(Whole { as_of, accepted: Some(accepted), rejected });
            Ok((seer, as_of))
        };
        self.reader.snapshot(begin, |(seer, as_of), record| seer.see(record, *as_of)).map(|_| ())
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault> {
        self.reader.events(after, limit)
    }

    fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault> {
        self.reader.dead_letters(query)
    }
}
