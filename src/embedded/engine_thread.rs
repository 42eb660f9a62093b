//! The one thread that owns the shard and writes the store. Each turn is one transaction; between two of them another policy may be
//! taken. In a turn:
//!
//! 1. what was received, in order of receipt: it goes before any timer that was not due by then;
//! 2. timers due before `now`, bounded, so that a million leads due at 09:00 do not stop the intake;
//! 3. removal of what retention has passed, when nothing else waits;
//! 4. waiting, until the next timer is due or something is received.

use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::fault::{FaultKind, StoreFault};
use super::intake::{Intake, Stamped, Taken};
use super::store::{Store, TurnRows};
use super::turn::{Applying, Job, Tally, Work, record_told};
use crate::engine::{Progress, Rules, Shard};
use crate::metrics::Metrics;
use crate::policy::{Policy, kept};
use crate::time::{Clock, MINUTE_MS, SECOND_MS, Timestamp};
use crate::view::{Held, MAX_RESUBMIT, NotAdopted, Phase, Receipt, Status, Unavailable};

/// Events in one transaction (but always one request): some 50 ms of work, so that a single event behind them waits no
/// longer than a person notices.
const MAX_EVENTS: usize = 4_096;
/// Timers fired in one transaction, for the same reason.
const MAX_FIRES: usize = 4_096;
/// Leads looked at in one transaction when a changed policy is told.
const RESETTLED: u32 = 4_096;
/// Rows removed from each table in one transaction.
const MAX_SWEPT: usize = 5_000;
const SWEEP_EVERY_MS: i64 = MINUTE_MS;
/// An idle engine keeps its watermark so often.
const KEEP_WATERMARK_MS: i64 = MINUTE_MS;
/// The longest wait: the wall clock may be set while the thread waits.
const MAX_WAIT_MS: i64 = SECOND_MS;
/// A watermark this far ahead of the clock means that the clock was set back.
const CLOCK_STEP_MS: i64 = 2 * SECOND_MS;
/// Between two tries of a transaction that found the file locked, beside SQLite's own waiting.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// A transaction may last so long before another policy is looked at.
const PROPOSAL_PATIENCE: Duration = Duration::from_secs(10);
/// So many tries once the engine is to stop.
const LAST_TRIES: u32 = 3;

/// Another policy, and who waits for what becomes of it.
pub struct Proposal {
    policy: Arc<Policy>,
    answer: mpsc::Sender<Result<(), NotAdopted>>,
}

/// What the engine thread shares with those who ask.
pub struct Shared {
    pub intake: Intake<Job>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub phase: watch::Sender<Phase>,
    pub last_notice: watch::Sender<u64>,
    status: Mutex<(Timestamp, Held, Option<Timestamp>)>,
    rules: RwLock<Arc<Rules>>,
    proposal: Mutex<Option<Proposal>>,
}

impl Shared {
    pub fn new(
        intake: Intake<Job>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        watermark: Timestamp,
        policy: Arc<Policy>,
    ) -> Self {
        Shared {
            intake,
            clock,
            metrics,
            phase: watch::Sender::new(Phase::Restoring),
            last_notice: watch::Sender::new(0),
            status: Mutex::new((watermark, Held::Restoring, None)),
            rules: RwLock::new(Arc::new(Rules::new(policy))),
            proposal: Mutex::new(None),
        }
    }

    /// By which what is stored is read.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn proposal(&self) -> std::sync::MutexGuard<'_, Option<Proposal>> {
        self.proposal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands another policy to the engine thread, and waits for what it says.
    ///
    /// # Errors
    /// It was not taken.
    pub fn propose(&self, policy: Arc<Policy>) -> Result<(), NotAdopted> {
        match &*self.phase.borrow() {
            Phase::Running => {}
            Phase::Restoring => return Err(NotAdopted::Unavailable(Unavailable::Restoring)),
            Phase::Stopping | Phase::Stopped => return Err(NotAdopted::Unavailable(Unavailable::Stopping)),
            Phase::Failed(why) => return Err(NotAdopted::Unavailable(Unavailable::Failed(why.clone()))),
        }
        let (answer, answers) = mpsc::channel();
        *self.proposal() = Some(Proposal { policy, answer });
        self.intake.nudge();
        let stopping = |_| Err(NotAdopted::Unavailable(Unavailable::Stopping));
        match answers.recv_timeout(PROPOSAL_PATIENCE) {
            Err(mpsc::RecvTimeoutError::Timeout) if self.proposal().take().is_some() => {
                Err(NotAdopted::Busy("the engine is busy with a transaction; try again".to_owned()))
            }
            // It is at it.
            Err(mpsc::RecvTimeoutError::Timeout) => answers.recv().unwrap_or_else(stopping),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(NotAdopted::Unavailable(Unavailable::Stopping)),
            Ok(outcome) => outcome,
        }
    }

    /// Nothing will answer any more.
    pub fn drop_proposal(&self) {
        drop(self.proposal().take());
    }

    pub fn status(&self) -> Status {
        let (watermark, held, held_until) = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        Status { phase: self.phase.borrow().clone(), watermark, held, held_until }
    }

    fn show(&self, watermark: Timestamp, held: Held, until: Option<Timestamp>) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = (watermark, held, until);
    }

    /// Unless it has failed, which it stays.
    pub fn enter(&self, phase: Phase) {
        phase.enter(&self.phase);
    }
}

/// How the engine treats time, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub grace_ms: i64,
    pub retention_ms: Option<i64>,
    /// The policy that governed the stored clocks was edited, and the edit accepted.
    pub policy_changed: bool,
    pub future_tolerance_ms: i64,
}

pub struct EngineThread {
    shared: Arc<Shared>,
    store: Store,
    shard: Shard,
    terms: Terms,
    position: u64,
    /// Until then the watermark is held where the last run left it.
    grace_until: Option<Timestamp>,
    swept_at: Timestamp,
    sweeping: bool,
}

impl EngineThread {
    pub fn new(shared: Arc<Shared>, store: Store, shard: Shard, terms: Terms) -> Self {
        EngineThread {
            shared,
            store,
            shard,
            terms,
            position: 0,
            grace_until: None,
            swept_at: Timestamp::MAX,
            sweeping: false,
        }
    }

    /// Restores, then runs until the intake is closed and empty, or the store fails.
    ///
    /// # Errors
    /// The store's fault. What was acknowledged is kept, everything else was answered as not taken.
    pub fn run(mut self) -> Result<(), StoreFault> {
        let outcome = self.restore().and_then(|()| self.serve());
        if let Err(fault) = &outcome {
            self.fail(fault);
        }
        outcome
    }

    fn fail(&mut self, fault: &StoreFault) {
        error!(path = %fault.path.display(), cause = fault.kind.cause(), "the store failed: {fault}");
        self.shared.enter(Phase::Failed(fault.to_string()));
        self.shared.intake.close();
        for job in self.shared.intake.take(usize::MAX, Duration::ZERO).items {
            // Who no longer waits needs no answer, here and below.
            let _gone = job.item.answer.send(Err(Unavailable::Failed(fault.to_string())));
        }
    }

    fn restore(&mut self) -> Result<(), StoreFault> {
        #[expect(clippy::disallowed_methods, reason = "how long the restore takes is a metric")]
        let began = Instant::now();
        let shard = &mut self.shard;
        let records = self.store.restore(|record| shard.restore_record(record))?;
        let marks = self.store.marks();
        self.position = marks.last_event;
        shard.restore_position(marks.watermark, &[(0, marks.last_event)]);
        if self.terms.policy_changed {
            self.tell_changed_promises()?;
        }
        let anew = self.terms.policy_changed.then_some(&self.shard);
        self.store.keep_policy(self.shard.policy(), anew)?;
        let marks = self.store.marks();
        let seconds = began.elapsed().as_secs_f64();
        self.shared.metrics.restored(seconds, records);
        self.shared.intake.not_before(marks.watermark);
        self.shared.last_notice.send_replace(marks.last_notice);
        let now = self.shared.clock.now();
        if records > 0 && self.terms.grace_ms > 0 {
            self.grace_until = Some(now.plus_ms(self.terms.grace_ms));
        }
        self.swept_at = now;
        let held = if self.grace_until.is_some() { Held::Grace } else { Held::None };
        self.shared.show(marks.watermark, held, self.grace_until);
        self.count_open_clocks();
        info!(
            records,
            seconds,
            watermark = (records > 0).then(|| tracing::field::display(marks.watermark)),
            grace_seconds = self.grace_until.map_or(0, |_| self.terms.grace_ms / SECOND_MS),
            "restored"
        );
        self.shared.enter(Phase::Running);
        Ok(())
    }

    /// Settles the open leads by the new policy. The policy is kept only when all is told, so that a run cut short goes on.
    fn tell_changed_promises(&mut self) -> Result<(), StoreFault> {
        let mut told = 0;
        let mut from = Some(0);
        while let Some(slot) = from {
            let path = self.store.path().to_owned();
            from = self.shard.resettle(slot, RESETTLED).map_err(|error| StoreFault::of_record(&path, &error))?;
            told += self.shard.turn().outbox.notices.len();
            self.store.write(&self.shard, &TurnRows::default(), self.position, self.shared.clock.now())?;
            self.shard.commit();
        }
        warn!(notices = told, "a changed policy was accepted; what it changes was told");
        Ok(())
    }

    fn serve(&mut self) -> Result<(), StoreFault> {
        let mut patience = Duration::ZERO;
        loop {
            self.consider()?;
            let taken = self.shared.intake.take(MAX_EVENTS, patience);
            let closed = taken.closed;
            let more = self.turn(taken)?;
            if closed {
                return self.close();
            }
            if !more {
                self.sweep()?;
            }
            patience = if more || self.sweeping { Duration::ZERO } else { self.patience() };
        }
    }

    fn consider(&mut self) -> Result<(), StoreFault> {
        let Some(Proposal { policy, answer }) = self.shared.proposal().take() else { return Ok(()) };
        let outcome = self.adopt(policy);
        // Who no longer waits needs no answer.
        let _gone = answer.send(match &outcome {
            Ok(outcome) => outcome.clone(),
            Err(fault) => Err(NotAdopted::Unavailable(Unavailable::Failed(fault.to_string()))),
        });
        outcome.map(drop)
    }

    /// Another policy, between two turns. The store keeps it before anything is told by it.
    fn adopt(&mut self, policy: Arc<Policy>) -> Result<Result<(), NotAdopted>, StoreFault> {
        let now = kept::versions(self.shard.policy());
        // Where there is no lead, nothing was promised yet.
        if self.shard.lead_count() > 0
            && let Some(difference) = kept::difference(&now, &policy, self.shard.watermark())
        {
            return Ok(Err(NotAdopted::Governed(difference)));
        }
        match self.store.keep_policy(&policy, None) {
            Ok(()) => {}
            Err(fault) if fault.kind == FaultKind::Busy => return Ok(Err(NotAdopted::Busy(fault.to_string()))),
            Err(fault) => return Err(fault),
        }
        self.shard.adopt(policy.clone());
        self.shared.metrics.name_slas(policy.families.iter().map(|family| family.name.as_str()));
        *self.shared.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(policy));
        self.count_open_clocks();
        Ok(Ok(()))
    }

    /// One transaction; whether something is left to do at once.
    fn turn(&mut self, mut taken: Taken<Job>) -> Result<bool, StoreFault> {
        self.find_letters(&mut taken.items)?;
        let held_at = self.held_by_grace(taken.now);
        let mut applying = Applying {
            shard: &mut self.shard,
            position: self.position,
            future_tolerance_ms: self.terms.future_tolerance_ms,
            rows: TurnRows::default(),
            tally: Tally::default(),
        };
        let mut receipts = Vec::with_capacity(taken.items.len());
        for job in &taken.items {
            let append = held_at.unwrap_or(job.received);
            if held_at.is_none() && applying.shard.next_due().is_some_and(|due| due < append) {
                advance(applying.shard, append);
            }
            receipts.push(applying.job(job, append));
        }
        let Applying { position, rows, tally, .. } = applying;
        let mut progress = Progress::Done;
        if held_at.is_none() {
            progress = advance(&mut self.shard, taken.now);
        }
        let outbox = &self.shard.turn().outbox;
        let silent = rows.is_empty() && outbox.notices.is_empty() && self.shard.changed().next().is_none();
        let old = self.store.marks().watermark;
        let keep_watermark = old != Timestamp::MIN && self.shard.watermark().since_ms(old) >= KEEP_WATERMARK_MS;
        if (!silent || keep_watermark)
            && let Err(fault) = self.write(&rows, position, tally.events() as usize)
        {
            self.shard.undo();
            drop(rows);
            for job in taken.items {
                let _gone = job.item.answer.send(Err(Unavailable::Failed(fault.to_string())));
            }
            return Err(fault);
        }
        drop(rows);
        self.position = position;
        self.committed(&tally, silent);
        let backlog = progress == Progress::More;
        // Before the answers, so that who was answered finds what it sent.
        self.show(backlog);
        for (job, receipt) in taken.items.into_iter().zip(receipts) {
            let _gone = job.item.answer.send(Ok::<Receipt, Unavailable>(receipt));
        }
        Ok(backlog || taken.more)
    }

    /// The watermark at which events are taken while the grace lasts.
    fn held_by_grace(&mut self, now: Timestamp) -> Option<Timestamp> {
        match self.grace_until {
            Some(until) if now < until => return Some(self.shard.watermark()),
            Some(_) => {
                info!("the grace has ended: what fell due meanwhile is told now");
                self.grace_until = None;
            }
            None => {}
        }
        None
    }

    fn find_letters(&self, items: &mut [Stamped<Job>]) -> Result<(), StoreFault> {
        for item in items {
            let Work::Resubmit { numbers, letters } = &mut item.item.work else { continue };
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers.iter().take(MAX_RESUBMIT) {
                letters.extend(self.store.waiting(*number)?);
            }
        }
        Ok(())
    }

    /// Writes until the file is no longer locked by another program.
    fn write(&mut self, rows: &TurnRows<'_>, position: u64, events: usize) -> Result<(), StoreFault> {
        let mut tries = 0;
        loop {
            #[expect(clippy::disallowed_methods, reason = "how long a transaction takes is a metric")]
            let began = Instant::now();
            let fault = match self.store.write(&self.shard, rows, position, self.shared.clock.now()) {
                Ok(()) => {
                    self.shared.metrics.transaction(began.elapsed().as_secs_f64(), events);
                    return Ok(());
                }
                Err(fault) => fault,
            };
            self.shared.metrics.transaction_aborted(fault.kind.cause());
            tries += 1;
            let last = self.shared.intake.is_closed() && tries >= LAST_TRIES;
            if fault.kind != FaultKind::Busy || last {
                return Err(fault);
            }
            if tries == 1 {
                warn!("the store is locked by another program, the transaction waits: {fault}");
            }
            self.shared.show(self.store.marks().watermark, Held::StoreBusy, None);
            #[expect(clippy::disallowed_methods, reason = "nobody tells when another program lets go of the file")]
            std::thread::sleep(BUSY_PAUSE);
        }
    }

    /// The turn is durable (or had nothing to keep): count it, tell of it, begin the next.
    fn committed(&mut self, tally: &Tally, silent: bool) {
        let metrics = &self.shared.metrics;
        tally.record(metrics);
        let turn = self.shard.turn();
        if !silent {
            record_told(turn, metrics, self.shared.clock.now());
        }
        self.shard.commit();
        if !silent {
            let last = self.store.marks().last_notice;
            self.shared.last_notice.send_if_modified(|known| std::mem::replace(known, last) != last);
            self.count_open_clocks();
        }
    }

    fn count_open_clocks(&self) {
        for open in self.shard.open_clocks() {
            self.shared.metrics.open_clocks(&open.sla, open.state, open.count);
        }
        self.shared.metrics.holds(self.shard.lead_count(), self.shard.stale_leads(), self.shard.timer_count());
    }

    fn show(&self, backlog: bool) {
        let watermark = self.shard.watermark();
        let stepped = watermark.since_ms(self.shared.clock.now()) > CLOCK_STEP_MS;
        let held = match self.grace_until {
            Some(_) => Held::Grace,
            None if backlog => Held::Backlog,
            None if stepped => Held::ClockStep,
            None => Held::None,
        };
        self.shared.show(watermark, held, self.grace_until);
    }

    /// How long nothing can fall due. A timer fires when the watermark has passed it.
    fn patience(&mut self) -> Duration {
        let due = match self.grace_until {
            Some(until) => Some(until),
            None => self.shard.next_due().map(|due| due.plus_ms(1)),
        };
        let wait_ms = due.map_or(MAX_WAIT_MS, |due| due.since_ms(self.shared.clock.now()));
        Duration::from_millis(wait_ms.clamp(0, MAX_WAIT_MS).unsigned_abs())
    }

    fn sweep(&mut self) -> Result<(), StoreFault> {
        let now = self.shared.clock.now();
        let Some(retention_ms) = self.terms.retention_ms else { return Ok(()) };
        if !self.sweeping && now.since_ms(self.swept_at) < SWEEP_EVERY_MS {
            return Ok(());
        }
        self.swept_at = now;
        self.sweeping = false;
        let swept = match self.store.sweep(now.plus_ms(-retention_ms), MAX_SWEPT) {
            Ok(swept) => swept,
            // It can wait for the next time.
            Err(fault) if fault.kind == FaultKind::Busy => return Ok(()),
            Err(fault) => return Err(fault),
        };
        for (table, rows) in swept {
            self.shared.metrics.swept(table, rows as u64);
            self.sweeping |= rows >= MAX_SWEPT;
        }
        Ok(())
    }

    /// Everything received is durable: keep the watermark, write the log back.
    fn close(&mut self) -> Result<(), StoreFault> {
        if !self.store.is_new() {
            self.write(&TurnRows::default(), self.position, 0)?;
            self.shard.commit();
        }
        self.store.checkpoint()?;
        info!(watermark = %self.shard.watermark(), "stopped");
        Ok(())
    }
}

/// Fires timers due before `to`, as many as the turn has room for.
fn advance(shard: &mut Shard, to: Timestamp) -> Progress {
    let room = MAX_FIRES.saturating_sub(usize::try_from(shard.turn().fired).unwrap_or(MAX_FIRES));
    shard.advance(to, room)
}
