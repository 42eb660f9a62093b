//! What was received -> the shard: each event decoded and applied at its append time, and what the transaction must keep.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use super::intake::Stamped;
use super::store::{DeadRow, LogRow, StoredLetter, TurnRows, Verdict};
use crate::engine::{Applied, NoticeKind, Shard, Turn};
use crate::event::{self, Event, FactKind, Reason, Rejection};
use crate::metrics::{EventResult, Metrics};
use crate::time::{Timestamp, format_seconds};
use crate::view::{Delivery, Parts, Receipt, Refusal, Unavailable};

pub type Answer = tokio::sync::oneshot::Sender<Result<Receipt, Unavailable>>;

/// Something asked of the engine thread.
#[derive(Debug)]
pub struct Job {
    pub work: Work,
    pub answer: Answer,
}

#[derive(Debug)]
pub enum Work {
    Deliver(Delivery),
    /// The letters are found by the engine thread when their turn begins.
    Resubmit {
        numbers: Vec<u64>,
        letters: Vec<StoredLetter>,
    },
}

/// One event's bytes in the form they came in.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    Structured(&'a [u8]),
    Binary { headers: &'a [(String, String)], data: &'a [u8] },
}

impl<'a> Source<'a> {
    /// # Errors
    /// Where it is no event.
    pub fn decode(self) -> Result<Event<'a>, Rejection> {
        match self {
            Source::Structured(bytes) => event::decode(bytes),
            Source::Binary { headers, data } => {
                let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                event::decode_binary(&header, data)
            }
        }
    }

    /// As it stands in the log: structured.
    pub fn log_body(self, event: &Event<'_>) -> Cow<'a, [u8]> {
        match self {
            Source::Structured(bytes) => Cow::Borrowed(bytes),
            Source::Binary { .. } => Cow::Owned(event::encode(event)),
        }
    }
}

pub const STRUCTURED: &str = "structured";
pub const BINARY: &str = "binary";
pub const UNREADABLE: &str = "unreadable";

/// Events of a batch that are decoded together, so that their leads are read together.
const WARMED: usize = 64;

/// Counts of one turn, recorded when it is durable.
#[derive(Debug, Default)]
pub struct Tally {
    /// By fact kind, what could not be read last.
    events: [[u64; 3]; FactKind::ALL.len() + 1],
    pub dead: Vec<&'static str>,
    resubmitted: u64,
}

impl Tally {
    pub fn count(&mut self, kind: Option<FactKind>, result: EventResult) {
        let row = kind.map_or(FactKind::ALL.len(), |kind| kind as usize);
        self.events[row][result as usize] += 1;
    }

    pub fn events(&self) -> u64 {
        self.events.iter().flatten().sum()
    }

    pub fn record(&self, metrics: &Metrics) {
        for (row, by_result) in self.events.iter().enumerate() {
            let kind = FactKind::ALL.get(row).map(|kind| kind.type_name());
            let results = [EventResult::Accepted, EventResult::Duplicate, EventResult::Rejected];
            for (result, count) in results.into_iter().zip(by_result) {
                metrics.events(kind, result, *count);
            }
        }
        for reason in &self.dead {
            metrics.dead_letter(reason);
        }
        metrics.dead_letters_accepted(self.resubmitted);
    }
}

/// Counts what a durable turn has told.
pub fn record_told(turn: &Turn, metrics: &Metrics, now: Timestamp) {
    for notice in &turn.outbox.notices {
        metrics.notice(notice.kind.name(), usize::from(notice.sla));
        let by_timer = matches!(notice.kind, NoticeKind::Reminder | NoticeKind::Breached | NoticeKind::Escalated);
        if by_timer && notice.as_of == notice.time {
            metrics.told_after_due(notice.kind.name(), now.since_ms(notice.time) as f64 / 1_000.0);
        }
    }
    metrics.passed_over(turn.passed_over);
    metrics.fired(turn.fired);
}

/// Applies a turn's jobs to the shard.
pub struct Applying<'s, 'a> {
    pub shard: &'s mut Shard,
    /// Number of the last event handed to the shard.
    pub position: u64,
    pub future_tolerance_ms: i64,
    pub rows: TurnRows<'a>,
    pub tally: Tally,
}

impl<'a> Applying<'_, 'a> {
    /// `append`: the append time, which is the time of receipt, or earlier while the watermark is held.
    pub fn job(&mut self, job: &'a Stamped<Job>, append: Timestamp) -> Receipt {
        match &job.item.work {
            Work::Deliver(delivery) => self.deliver(delivery, job.received, append),
            Work::Resubmit { letters, .. } => self.resubmit(letters, job.received, append),
        }
    }

    fn deliver(&mut self, delivery: &'a Delivery, received: Timestamp, append: Timestamp) -> Receipt {
        let mut receipt = Receipt::default();
        let whole: &[u8] = &delivery.body;
        match &delivery.parts {
            Parts::Structured(ranges) => {
                let mut index = 0;
                for ranges in ranges.chunks(WARMED) {
                    let bytes_of = |range: &Range<usize>| whole.get(range.clone()).unwrap_or_default();
                    let decoded = ranges.iter().map(bytes_of).map(|bytes| (bytes, event::decode(bytes)));
                    let decoded: SmallVec<[_; 1]> = decoded.collect();
                    let events = decoded.iter().filter_map(|(_, event)| event.as_ref().ok());
                    self.shard.warm(events.map(|event| event.lead_id.as_ref()));
                    for (bytes, event) in decoded {
                        let outcome = self.apply(Source::Structured(bytes), event, received, append);
                        self.settle(&mut receipt, index, outcome, received, (STRUCTURED, &[], bytes));
                        index += 1;
                    }
                }
            }
            Parts::Binary(headers) => {
                let source = Source::Binary { headers, data: whole };
                let outcome = self.apply(source, source.decode(), received, append);
                self.settle(&mut receipt, 0, outcome, received, (BINARY, headers, whole));
            }
            Parts::Unreadable(rejection) => {
                self.tally.count(None, EventResult::Rejected);
                self.settle(&mut receipt, 0, Err(rejection.clone()), received, (UNREADABLE, &[], whole));
            }
        }
        receipt
    }

    fn settle(
        &mut self,
        receipt: &mut Receipt,
        index: u64,
        outcome: Result<Applied, Rejection>,
        received: Timestamp,
        (form, headers, body): (&'static str, &'a [(String, String)], &'a [u8]),
    ) {
        match outcome {
            Ok(Applied::Accepted) => receipt.accepted += 1,
            Ok(Applied::Duplicate) => receipt.duplicate += 1,
            Err(rejection) => {
                let reason = rejection.reason.name();
                self.tally.dead.push(reason);
                self.rows.dead.push(DeadRow {
                    received,
                    reason,
                    detail: rejection.detail.clone(),
                    event_id: rejection.id.clone(),
                    form,
                    headers,
                    body,
                });
                receipt.rejected.push(Refusal { index, id: rejection.id, reason, detail: rejection.detail });
            }
        }
    }

    fn resubmit(&mut self, letters: &'a [StoredLetter], received: Timestamp, append: Timestamp) -> Receipt {
        let mut receipt = Receipt::default();
        for letter in letters {
            let source = match letter.form.as_str() {
                BINARY => Source::Binary { headers: &letter.headers, data: &letter.body },
                _ => Source::Structured(&letter.body),
            };
            let verdict = match self.apply(source, source.decode(), received, append) {
                Ok(applied) => {
                    match applied {
                        Applied::Accepted => receipt.accepted += 1,
                        Applied::Duplicate => receipt.duplicate += 1,
                    }
                    self.tally.resubmitted += 1;
                    Verdict::Accepted { at: received }
                }
                Err(rejection) => {
                    let reason = rejection.reason.name();
                    let detail = rejection.detail;
                    receipt.rejected.push(Refusal {
                        index: letter.seq,
                        id: rejection.id,
                        reason,
                        detail: detail.clone(),
                    });
                    Verdict::Refused { reason, detail }
                }
            };
            self.rows.verdicts.push((letter.seq, verdict));
        }
        receipt
    }

    fn apply(
        &mut self,
        source: Source<'a>,
        decoded: Result<Event<'a>, Rejection>,
        received: Timestamp,
        append: Timestamp,
    ) -> Result<Applied, Rejection> {
        let kind = decoded.as_ref().ok().map(|event| event.fact.kind);
        let outcome = decoded.and_then(|event| {
            self.not_from_the_future(&event, received)?;
            self.position += 1;
            let applied = self.shard.apply(&event, append, (0, self.position))?;
            if applied == Applied::Accepted {
                let body = source.log_body(&event);
                self.rows.log.push(LogRow { seq: self.position, append: self.shard.watermark(), received, body });
            }
            Ok(applied)
        });
        let result = match &outcome {
            Ok(Applied::Accepted) => EventResult::Accepted,
            Ok(Applied::Duplicate) => EventResult::Duplicate,
            Err(_) => EventResult::Rejected,
        };
        self.tally.count(kind, result);
        outcome
    }

    /// Judged against the true receipt: the append time may be held far behind it.
    fn not_from_the_future(&self, event: &Event<'_>, received: Timestamp) -> Result<(), Rejection> {
        let ahead = event.time.since_ms(received);
        if ahead <= self.future_tolerance_ms {
            return Ok(());
        }
        Err(Rejection {
            reason: Reason::FutureTime,
            detail: format!(
                "time: expected at most {} s after its receipt at {received}, found {}",
                format_seconds(self.future_tolerance_ms),
                event.time
            ),
            id: Some(event.id.to_string()),
        })
    }
}
