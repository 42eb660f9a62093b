//! Events of HTTP -> the input topics. A request is answered when the brokers have all of it, on every replica that must.
//!
//! What can be checked without the lead is checked here, as the embedded store would: the form, the status by the policy, the time.
//! What is refused goes to the dead letters, and is as durable as the rest before the answer says so. Whether an event is a
//! duplicate is found when its shard applies it; until then it counts as accepted. So do those that only the lead's state refuses
//! (too old, too large): they become dead letters there.
//!
//! One thread decodes and produces, in the order of the requests. What waits is bounded as in the embedded store; beyond, requests are turned
//! away. A request of which any part was not taken by the brokers in time is answered 503, and sent again whole: what was taken is a
//! duplicate then.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde::Deserialize;
use tokio::sync::oneshot;
use tracing::warn;

use super::dead_letters::{CUT, DETAIL, REASON, TOPIC};
use super::running::MAX_EVENT_BYTES;
use super::{Shared, client, feed};
use crate::embedded::intake::Limits;
use crate::embedded::turn::Source;
use crate::engine::{Rules, admit};
use crate::event::{Event, FactKind, Reason, Rejection};
use crate::metrics::EventResult;
use crate::view::{Delivery, Parts, Pending, Receipt, Refusal, Unavailable};

/// Until what was sent is delivered, when the engine stops.
const LAST: Duration = Duration::from_secs(10);

/// What waits for the brokers.
#[derive(Debug, Default)]
struct Load {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

/// A request's share of what may wait, given back when it is answered.
struct Room {
    load: Arc<Load>,
    events: usize,
    bytes: usize,
}

impl Room {
    /// A single request larger than the limits is taken where nothing waits.
    fn take(load: &Arc<Load>, events: usize, bytes: usize, limits: Limits) -> Option<Self> {
        let room = Room { load: load.clone(), events, bytes };
        let before_events = load.events.fetch_add(events, Ordering::SeqCst);
        let before_bytes = load.bytes.fetch_add(bytes, Ordering::SeqCst);
        let fits = before_events + events <= limits.events && before_bytes + bytes <= limits.bytes;
        // Dropped, it gives back what it has just taken.
        (fits || before_events == 0).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.load.events.fetch_sub(self.events, Ordering::SeqCst);
        self.load.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// A request under way: held by each of its records until that is delivered, answered when the last lets go.
pub struct Ticket {
    receipt: Receipt,
    answer: Option<oneshot::Sender<Result<Receipt, Unavailable>>>,
    fault: Arc<Mutex<Option<Unavailable>>>,
    _room: Room,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        let answer = fault.map_or_else(|| Ok(std::mem::take(&mut self.receipt)), Err);
        if let Some(waiting) = self.answer.take() {
            // A client that is gone sends it again.
            let _gone = waiting.send(answer);
        }
    }
}

impl Ticket {
    /// The first fault is told.
    fn fail(&self, fault: Unavailable) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }
}

/// Of the producer: what became of a record is told to its request.
#[derive(Clone, Copy, Debug, Default)]
struct Reports;

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        if let Err((error, _)) = result {
            ticket.fail(Unavailable::Brokers(error.to_string()));
        }
    }
}

struct Job {
    delivery: Delivery,
    answer: oneshot::Sender<Result<Receipt, Unavailable>>,
    room: Room,
}

/// The way of HTTP's events into the inputs.
pub struct Intake {
    load: Arc<Load>,
    limits: Limits,
    jobs: Mutex<Option<Sender<Job>>>,
    thread: JoinHandle<()>,
}

impl Intake {
    /// # Errors
    /// Where the producer cannot be made of the settings.
    pub fn start(shared: &Arc<Shared>) -> Result<Self, String> {
        let mut writer = Writer {
            producer: producer(shared).map_err(|error| error.to_string())?,
            rules: Rules::new(shared.policy()),
            shared: shared.clone(),
        };
        let (jobs, waiting): (Sender<Job>, Receiver<Job>) = channel();
        let serve = move || {
            while let Ok(job) = waiting.recv() {
                writer.serve(job);
            }
            if let Err(error) = writer.producer.flush(LAST) {
                warn!(%error, "not all events of HTTP were taken by the brokers before the stop; they were answered so");
            }
        };
        let thread =
            std::thread::Builder::new().name("intake".to_owned()).spawn(serve).map_err(|error| error.to_string())?;
        Ok(Intake { load: Arc::default(), limits: Limits::default(), jobs: Mutex::new(Some(jobs)), thread })
    }

    /// # Errors
    /// Nothing was taken.
    pub fn submit(&self, delivery: Delivery) -> Result<Pending, Unavailable> {
        let (events, bytes) = (delivery.events(), delivery.body.len());
        let room = Room::take(&self.load, events, bytes, self.limits).ok_or(Unavailable::Full)?;
        let (answer, pending) = oneshot::channel();
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or(Unavailable::Stopping)?;
        jobs.send(Job { delivery, answer, room }).map_err(|_| Unavailable::Failed("the intake ended".to_owned()))?;
        Ok(pending)
    }

    /// Takes nothing more; what was taken is delivered.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Closed, and all of it is delivered or given up.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn waiting_events(&self) -> usize {
        self.load.events.load(Ordering::SeqCst)
    }
}

fn producer(shared: &Shared) -> KafkaResult<ThreadedProducer<Reports>> {
    client::producing(&shared.kafka, &format!("{}-intake", shared.instance)).create_with_context(Reports)
}

struct Writer {
    producer: ThreadedProducer<Reports>,
    rules: Rules,
    shared: Arc<Shared>,
}

/// A record to write.
struct Outgoing<'a> {
    topic: &'a str,
    key: Option<Cow<'a, str>>,
    value: Cow<'a, [u8]>,
    headers: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
}

/// The lead and the type of what could not be taken, as far as it has them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Torn {
    r#type: Option<String>,
    data: TornData,
    lead_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TornData {
    lead_id: Option<String>,
}

impl Writer {
    fn serve(&mut self, job: Job) {
        // An idempotent producer that has failed for good takes nothing more.
        if let Some((code, told)) = self.producer.client().fatal_error() {
            warn!(%code, told, "the producer of HTTP's events failed for good and is made anew");
            self.shared.metrics.client_rebuilt("fatal");
            match producer(&self.shared) {
                Ok(producer) => self.producer = producer,
                Err(error) => {
                    let _gone = job.answer.send(Err(Unavailable::Brokers(error.to_string())));
                    return;
                }
            }
        }
        let shared = self.shared.clone();
        let policy = shared.policy();
        if !Arc::ptr_eq(&policy, &self.rules.policy) {
            self.rules = Rules::new(policy);
        }
        let (receipt, outgoing) = judged(&shared, &self.rules, &job.delivery);
        let ticket = Arc::new(Ticket { receipt, answer: Some(job.answer), fault: Arc::default(), _room: job.room });
        for record in &outgoing {
            if let Err(fault) = self.send(record, &ticket) {
                // What was sent is delivered all the same, and a duplicate when the request comes again.
                ticket.fail(fault);
                return;
            }
        }
    }

    fn send(&self, record: &Outgoing<'_>, ticket: &Arc<Ticket>) -> Result<(), Unavailable> {
        let mut next: BaseRecord<'_, str, [u8], Arc<Ticket>> =
            BaseRecord::with_opaque_to(record.topic, ticket.clone()).payload(&record.value);
        next.key = record.key.as_deref();
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value.as_ref()) })
        });
        match self.producer.send(next.headers(headers)) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Unavailable::Full),
            Err((error, _)) => Err(Unavailable::Brokers(error.to_string())),
        }
    }
}

/// What the answer will say, and what must be written first.
fn judged<'d>(shared: &'d Shared, rules: &Rules, delivery: &'d Delivery) -> (Receipt, Vec<Outgoing<'d>>) {
    let whole: &[u8] = &delivery.body;
    let mut receipt = Receipt::default();
    let mut outgoing = Vec::with_capacity(delivery.events());
    let mut take = |source: Source<'d>, outcome: Result<Event<'d>, Rejection>| {
        let index = receipt.accepted + receipt.rejected.len() as u64;
        let event = match outcome {
            Ok(event) => event,
            Err(rejection) => {
                outgoing.push(refused(shared, source, None, &rejection));
                count_refused(shared, None, &rejection);
                receipt.rejected.push(refusal(index, rejection));
                return;
            }
        };
        match admit(rules, shared.options, &event, shared.clock.now()).and_then(|()| has_room(source, &event)) {
            Ok(()) => {
                outgoing.push(accepted(shared, source, event));
                receipt.accepted += 1;
            }
            Err(rejection) => {
                count_refused(shared, Some(event.fact.kind), &rejection);
                outgoing.push(refused(shared, source, Some(&event), &rejection));
                receipt.rejected.push(refusal(index, rejection));
            }
        }
    };
    match &delivery.parts {
        Parts::Structured(ranges) => {
            for range in ranges {
                let source = Source::Structured(whole.get(range.clone()).unwrap_or_default());
                take(source, source.decode());
            }
        }
        Parts::Binary(headers) => {
            let source = Source::Binary { headers, data: whole };
            take(source, source.decode());
        }
        Parts::Unreadable(rejection) => take(Source::Structured(whole), Err(rejection.clone())),
    }
    (receipt, outgoing)
}

fn refusal(index: u64, rejection: Rejection) -> Refusal {
    Refusal { index, id: rejection.id, reason: rejection.reason.name(), detail: rejection.detail }
}

/// What is accepted is counted where it is applied.
fn count_refused(shared: &Shared, kind: Option<FactKind>, rejection: &Rejection) {
    shared.metrics.events(kind.map(FactKind::type_name), EventResult::Rejected, 1);
    shared.metrics.dead_letter(rejection.reason.name());
}

fn has_room(source: Source<'_>, event: &Event<'_>) -> Result<(), Rejection> {
    let bytes = source.log_body(event).len();
    if bytes <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let detail = format!("expected at most {MAX_EVENT_BYTES} bytes, found {bytes}");
    Err(Rejection { reason: Reason::TooLarge, detail, id: Some(event.id.to_string()) })
}

fn accepted<'d>(shared: &'d Shared, source: Source<'d>, event: Event<'d>) -> Outgoing<'d> {
    Outgoing {
        topic: feed::input_of(&shared.kafka.inputs, event.fact.kind.type_name()),
        value: source.log_body(&event),
        key: Some(event.lead_id),
        headers: vec![structured()],
    }
}

fn structured() -> (Cow<'static, str>, Cow<'static, [u8]>) {
    (Cow::Borrowed("content-type"), Cow::Borrowed(feed::STRUCTURED.as_bytes()))
}

/// As the dead letter of a record that the input would have had, so that it can be sent there again.
fn refused<'d>(
    shared: &'d Shared,
    source: Source<'d>,
    event: Option<&Event<'d>>,
    rejection: &Rejection,
) -> Outgoing<'d> {
    let (value, form) = match (source, event) {
        (Source::Structured(bytes), _) => (Cow::Borrowed(bytes), vec![structured()]),
        (Source::Binary { .. }, Some(event)) => (source.log_body(event), vec![structured()]),
        (Source::Binary { headers, data }, None) => {
            let of = |(name, value): &'d (String, String)| {
                let name = match name.as_str() {
                    "datacontenttype" => Cow::Borrowed("content-type"),
                    name => Cow::Owned(format!("ce_{name}")),
                };
                (name, Cow::Borrowed(value.as_bytes()))
            };
            (Cow::Borrowed(data), headers.iter().map(of).collect())
        }
    };
    let (kind, key) = match event {
        Some(event) => (Some(event.fact.kind.type_name().to_owned()), Some(event.lead_id.clone())),
        None => {
            let torn: Torn = serde_json::from_slice(&value).unwrap_or_default();
            (torn.r#type, torn.data.lead_id.or(torn.lead_id).map(Cow::Owned))
        }
    };
    let topic = feed::input_of(&shared.kafka.inputs, kind.as_deref().unwrap_or_default());
    let text = |text: &str| Cow::Owned(text.as_bytes().to_vec());
    let mut headers = vec![
        (Cow::Borrowed(REASON), text(rejection.reason.name())),
        (Cow::Borrowed(DETAIL), text(&rejection.detail)),
        (Cow::Borrowed(TOPIC), text(topic)),
    ];
    let value = match value {
        value if value.len() <= MAX_EVENT_BYTES => value,
        value => {
            headers.push((Cow::Borrowed(CUT), text("true")));
            Cow::Owned(value[..MAX_EVENT_BYTES].to_vec())
        }
    };
    headers.extend(form);
    Outgoing { topic: &shared.kafka.topics.dead_letters, key, value, headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_given_back() {
        let load = Arc::new(Load::default());
        let limits = Limits { events: 10, bytes: 100 };
        let first = Room::take(&load, 10, 10, limits).expect("room");
        assert!(Room::take(&load, 1, 1, limits).is_none());
        assert_eq!(load.events.load(Ordering::SeqCst), 10, "what was turned away waits for nothing");
        drop(first);
        let large = Room::take(&load, 99, 999, limits).expect("alone");
        assert!(Room::take(&load, 1, 1, limits).is_none());
        drop(large);
        assert!(Room::take(&load, 1, 101, limits).is_some(), "nothing waits");
    }

    fn ticket(load: &Arc<Load>) -> (Arc<Ticket>, Pending) {
        let (answer, pending) = oneshot::channel();
        let room = Room::take(load, 2, 2, Limits::default()).expect("room");
        let receipt = Receipt { accepted: 2, ..Receipt::default() };
        (Arc::new(Ticket { receipt, answer: Some(answer), fault: Arc::default(), _room: room }), pending)
    }

    #[test]
    fn a_request_is_answered_when_the_last_of_its_records_is_delivered() {
        let load = Arc::new(Load::default());
        let (ticket, mut pending) = ticket(&load);
        let records = [ticket.clone(), ticket.clone()];
        drop(ticket);
        let [first, last] = records;
        drop(first);
        assert!(pending.try_recv().is_err(), "one is on its way");
        drop(last);
        assert_eq!(pending.try_recv().expect("an answer").expect("a receipt").accepted, 2);
        assert_eq!(load.events.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn one_record_that_is_not_taken_makes_the_request_be_sent_again() {
        let (ticket, mut pending) = ticket(&Arc::default());
        let other = ticket.clone();
        ticket.fail(Unavailable::Brokers("timed out".to_owned()));
        drop(ticket);
        other.fail(Unavailable::Full);
        drop(other);
        let told = pending.try_recv().expect("an answer");
        assert_eq!(told, Err(Unavailable::Brokers("timed out".to_owned())), "the first fault");
    }
}
