//! The workers as HTTP sees them: started, asked and stopped as one.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::dead_letters;
use super::directory::{Directory, Place, partition_of};
use super::group::Worker;
use super::intake::Intake;
use super::scan::{Scan, merged};
use super::state::State;
use super::{ANSWER_PATIENCE, Options, Question, Shared, held, monotonic};
use crate::engine::LeadView;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::time::{Clock, Timestamp};
use crate::view::{
    ClockPage, ClockQuery, DeadLetter, DeadLetterQuery, Delivery, Held, NotAdopted, NoticePage, NoticeQuery, Pending,
    Phase, ReadFault, SeeLeads, Shell, Status, Unavailable, Whole,
};

/// All leads of an instance are looked at, some between any two turns.
const SCAN_PATIENCE: Duration = Duration::from_secs(60);

/// At a stop, whether all has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The running shell.
pub struct OnKafka {
    shared: Arc<Shared>,
    intake: Intake,
    directory: Arc<Directory>,
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
        let shared = Arc::new(Shared::new(options, policy, clock, metrics));
        let intake = Intake::start(&shared)?;
        let directory = Arc::new(Directory::default());
        let mut threads = Vec::with_capacity(workers + 1);
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
        let (followed, following) = (directory.clone(), shared.clone());
        let follow = move || {
            let client_id = format!("{}-instances", following.instance);
            followed.follow(&following.kafka, &client_id, &following.stop);
            Ok(())
        };
        let thread = std::thread::Builder::new().name("instances".to_owned()).spawn(follow);
        threads.push(thread.map_err(|error| error.to_string())?);
        Ok(OnKafka { shared, intake, directory, last_notice: watch::Sender::new(0), threads: Mutex::new(threads) })
    }

    /// Others are told where this instance is reached; the first that is said holds.
    pub fn reached_at(&self, url: Option<String>) {
        let place = Place { instance: self.shared.instance.clone(), url };
        self.shared.place.get_or_init(|| place);
    }

    pub fn prepare_stop(&self) {
        self.shared.enter(Phase::Stopping);
    }

    /// Commits what was applied, leaves the group, and ends. What the brokers do not let end within `patience` is left behind: it was not
    /// committed, and is done again at the next start.
    ///
    /// # Errors
    /// What a worker failed by, or what was left.
    pub fn stop(&self, patience: Duration) -> Result<(), String> {
        let began = monotonic();
        self.shared.enter(Phase::Stopping);
        self.shared.stop.store(true, Ordering::Relaxed);
        self.intake.close();
        let threads = std::mem::take(&mut *held(&self.threads));
        let all_ended = || threads.iter().all(JoinHandle::is_finished) && self.intake.has_ended();
        while !all_ended() && began.elapsed() < patience {
            std::thread::park_timeout(LOOK_EVERY);
        }
        let workers = held(&self.shared.sights).len();
        let mut left: Vec<String> = Vec::new();
        let mut outcome = Ok(());
        for (number, thread) in threads.into_iter().enumerate() {
            if thread.is_finished() {
                let ended = thread.join().unwrap_or_else(|_panic| Err("a worker ended in a panic".to_owned()));
                outcome = outcome.and(ended);
            } else if number < workers {
                left.push(self.shared.left_by(number));
            }
        }
        if !self.intake.has_ended() {
            left.push(format!(
                "{} events of HTTP were not taken by the brokers, nor answered",
                self.intake.waiting_events()
            ));
        }
        self.shared.enter(Phase::Stopped);
        if left.is_empty() {
            return outcome;
        }
        outcome.and(Err(format!(
            "the brokers did not let the stop end in time; what is not committed is done again at the next start: {}",
            left.join("; ")
        )))
    }

    /// The worker that answers for a lead, or why none does here.
    fn worker_of(&self, lead_id: &str) -> Result<usize, ReadFault> {
        let partition = partition_of(lead_id, self.shared.partitions);
        let own = match self.shared.find(partition) {
            Some((_, Held::Restoring)) => "is being restored here",
            Some((_, Held::Refused)) => "is refused here: the log says why",
            Some((worker, _)) => return Ok(worker),
            None => match self.directory.find(partition) {
                Some(place) if place.instance != self.shared.instance => {
                    return Err(ReadFault::Elsewhere { partition, instance: place.instance, url: place.url });
                }
                _ => "is being given to an instance, and which is not known yet",
            },
        };
        Err(ReadFault::NotYet(format!("partition {partition}, which has lead {lead_id:?}, {own}")))
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

fn busy() -> ReadFault {
    ReadFault::NotYet("a worker is busy with a transaction".to_owned())
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

    fn submit(&self, delivery: Delivery) -> Result<Pending, Unavailable> {
        let taken = match &*self.shared.phase.borrow() {
            // The inputs take events whatever the shards do.
            Phase::Running | Phase::Restoring | Phase::Stopping => self.intake.submit(delivery),
            Phase::Stopped => Err(Unavailable::Stopping),
            Phase::Failed(why) => Err(Unavailable::Failed(why.clone())),
        };
        if let Err(unavailable) = &taken {
            self.shared.metrics.turned_away(unavailable.name());
        }
        taken
    }

    fn resubmit(&self, _: Vec<u64>) -> Result<Pending, Unavailable> {
        Err(Unavailable::Elsewhere("on Kafka `plazo dead-letters resubmit` writes them to the input topics".to_owned()))
    }

    fn observe(&self) {
        let sight = self.shared.sight();
        let lag_ms = match sight.watermark {
            Timestamp::MAX | Timestamp::MIN => 0,
            watermark => self.shared.clock.now().since_ms(watermark).max(0),
        };
        let metrics = &self.shared.metrics;
        metrics.watermark_lag(sight.held.name(), &Held::NAMES, lag_ms as f64 / 1_000.0);
        metrics.holds(sight.leads, sight.stale, sight.timers);
        metrics.input_lag(u64::try_from(sight.lag).unwrap_or(0));
        metrics.queued(self.intake.waiting_events());
        metrics.restored(sight.restore.seconds, sight.restore.leads);
        metrics.restoring(sight.restore.read, sight.restore.to_read);
        for ((sla, state), count) in self.shared.open_clocks() {
            metrics.open_clocks(&sla, state, count);
        }
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
        let worker = self.worker_of(lead_id)?;
        let (answer, answers) = channel();
        self.shared.ask(worker, Question::Lead { lead_id: lead_id.to_owned(), answer });
        match answers.recv_timeout(ANSWER_PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => Err(ReadFault::NotYet("the engine is stopping".to_owned())),
            Err(RecvTimeoutError::Timeout) => Err(busy()),
        }
    }

    fn clocks(&self, query: &ClockQuery) -> Result<ClockPage, ReadFault> {
        let sight = self.shared.sight();
        if let Some((partition, held)) =
            sight.shards.iter().find(|(_, held)| matches!(held, Held::Restoring | Held::Refused))
        {
            let why = if *held == Held::Restoring { "is being restored" } else { "is refused: the log says why" };
            return Err(ReadFault::NotYet(format!("partition {partition} {why}")));
        }
        let (answer, answers) = channel();
        let workers = held(&self.shared.questions).len();
        for worker in 0..workers {
            self.shared.ask(worker, Question::Clocks(Box::new(Scan::new(query.clone(), answer.clone()))));
        }
        drop(answer);
        let began = monotonic();
        let mut pages = Vec::with_capacity(workers);
        while pages.len() < workers {
            match answers.recv_timeout(SCAN_PATIENCE.saturating_sub(began.elapsed())) {
                Ok(page) => pages.push(page?),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ReadFault::NotYet("the engine is stopping".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => return Err(busy()),
            }
        }
        Ok(merged(pages, query.limit))
    }

    /// Of all instances: the changelog has every shard.
    fn visit(&self, seer: &mut dyn SeeLeads) -> Result<(), ReadFault> {
        let kafka = &self.shared.kafka;
        let state = State::read(kafka).map_err(|fault| ReadFault::Store(fault.to_string()))?;
        let refused = dead_letters::waiting_by_reason(kafka).map_err(|error| ReadFault::Store(error.to_string()))?;
        let as_of = state.watermark().ok_or_else(|| ReadFault::NotYet("no shard has begun yet".to_owned()))?;
        seer.begin(Whole { as_of, accepted: None, rejected: refused });
        state.records().try_for_each(|(record, as_of)| seer.see(record, as_of))
    }

    fn events(&self, _: u64, _: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault> {
        Err(ReadFault::InTopic(self.shared.kafka.inputs.join(", ")))
    }

    fn dead_letters(&self, _: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault> {
        Err(ReadFault::InTopic(self.shared.kafka.topics.dead_letters.clone()))
    }
}
