//! Every metric: name, kind, labels, help in one table; recorded through verbs, with handles resolved once.
//!
//! Labels are bounded: types, reasons and SLA names of the policy, never a lead or a person.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One line of the list that operators read.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const fn define(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind, labels, help }
}

const EVENTS: Definition = define(
    "plazo_events_total",
    Kind::Counter,
    &["type", "result"],
    "Events by CloudEvents type (unknown: could not be read) and result: accepted, duplicate, rejected.",
);
const DEAD_LETTERS: Definition = define(
    "plazo_dead_letters_total",
    Kind::Counter,
    &["reason"],
    "Events that were refused and kept as dead letters, by reason.",
);
const RESUBMITTED: Definition = define(
    "plazo_dead_letters_resubmitted_total",
    Kind::Counter,
    &[],
    "Dead letters that were accepted when sent again.",
);
const NOTICES: Definition =
    define("plazo_notices_total", Kind::Counter, &["type", "sla"], "Notices made durable, by type and SLA.");
const RETRACTIONS: Definition =
    define("plazo_retractions_total", Kind::Counter, &["sla"], "Notices that took an earlier one back, by SLA.");
const PASSED_OVER: Definition = define(
    "plazo_reminders_suppressed_total",
    Kind::Counter,
    &[],
    "Reminders that were never told because their instant had passed when their clock was first known.",
);
const OPEN_CLOCKS: Definition = define(
    "plazo_open_clocks",
    Kind::Gauge,
    &["sla", "state"],
    "Clocks that have not ended, by SLA and state: running, paused, breached.",
);
const LEADS: Definition = define("plazo_leads", Kind::Gauge, &[], "Leads held.");
const STALE: Definition = define(
    "plazo_stale_leads",
    Kind::Gauge,
    &[],
    "Leads of which nothing is told, because a gap in their events was announced and their status is not known since.",
);
const TIMERS: Definition = define(
    "plazo_timers_pending",
    Kind::Gauge,
    &[],
    "Timers that wait, also those that forget a settled lead and those made void by a later fact.",
);
const FIRED: Definition = define("plazo_timers_fired_total", Kind::Counter, &[], "Timers that fired.");
const DUE_TO_COMMITTED: Definition = define(
    "plazo_due_to_committed_seconds",
    Kind::Histogram,
    &["type"],
    "From the instant at which a reminder, breach or escalation was due to the commit that told it; those found late are left out.",
);
const LAG: Definition = define(
    "plazo_watermark_lag_seconds",
    Kind::Gauge,
    &["reason"],
    "How far the watermark is behind the clock, under the reason that holds it; 0 under every other reason.",
);
const TRANSACTION: Definition = define(
    "plazo_transaction_seconds",
    Kind::Histogram,
    &[],
    "Duration of the store's transactions, the wait for the disk included.",
);
const TRANSACTION_EVENTS: Definition =
    define("plazo_transaction_events", Kind::Histogram, &[], "Events in one transaction of the store.");
const ABORTS: Definition = define(
    "plazo_transaction_aborts_total",
    Kind::Counter,
    &["cause"],
    "Transactions that failed, by cause: busy (tried again), full, read_only, io, damaged, other; on Kafka by \
     step: init, begin, send, offsets, commit, group.",
);
const REBUILT: Definition = define(
    "plazo_client_rebuilds_total",
    Kind::Counter,
    &["cause"],
    "Clients that were made anew (Kafka), by cause: resent (the end of a transaction may have been sent twice), transaction (one that \
     could not be aborted), fatal (the client gave up), stalled (a partition was not read on).",
);
const REBALANCES: Definition = define(
    "plazo_rebalances_total",
    Kind::Counter,
    &["change"],
    "Changes of the group's assignment (Kafka): assigned, revoked, lost.",
);
const QUEUE: Definition = define(
    "plazo_intake_queue_events",
    Kind::Gauge,
    &[],
    "Events that were received over HTTP and wait to be durable: for their transaction; on Kafka, for the brokers.",
);
const INPUT_LAG: Definition = define(
    "plazo_input_lag_events",
    Kind::Gauge,
    &[],
    "Offsets of the inputs that are known and not applied yet, of this instance's shards (Kafka).",
);
const REFUSED: Definition = define(
    "plazo_intake_refused_total",
    Kind::Counter,
    &["reason"],
    "Requests with events that were turned away at once, to be sent again, by reason: full, restoring, stopping, failed.",
);
const RESTORE_SECONDS: Definition = define(
    "plazo_restore_seconds",
    Kind::Gauge,
    &[],
    "Duration of the restore when the process started; on Kafka the sum over the shards that it has, each since it was given to it.",
);
const RESTORE_RECORDS: Definition = define(
    "plazo_restore_records",
    Kind::Gauge,
    &[],
    "Leads restored when the process started; on Kafka the sum over the shards that it has.",
);
const RESTORE_READ: Definition = define(
    "plazo_restore_read_records",
    Kind::Gauge,
    &[],
    "Records of the changelog that restores under way have passed (Kafka), counted by offset; 0 when none is under way.",
);
const RESTORE_TO_READ: Definition = define(
    "plazo_restore_expected_records",
    Kind::Gauge,
    &[],
    "Records that those restores have to pass in all, counted by offset.",
);
const SWEPT: Definition = define(
    "plazo_retention_removed_total",
    Kind::Counter,
    &["table"],
    "Rows removed because their retention had passed: events, notices, dead_letters.",
);
const REQUESTS: Definition = define(
    "plazo_http_requests_total",
    Kind::Counter,
    &["path", "status"],
    "HTTP requests by path and class of status (2xx, 4xx, 5xx).",
);
const REQUEST_SECONDS: Definition = define(
    "plazo_http_request_seconds",
    Kind::Histogram,
    &["path"],
    "Duration of HTTP requests up to their answer's head, by path.",
);
const STREAMS: Definition = define("plazo_stream_clients", Kind::Gauge, &[], "Clients that read /v1/stream now.");
const RELOADS: Definition = define(
    "plazo_policy_reloads_total",
    Kind::Counter,
    &["result"],
    "Times the policy was read anew, by result: applied, unchanged, faulty (its files), refused (a version in force was edited), failed.",
);
const BUILD: Definition = define("plazo_build_info", Kind::Gauge, &["version"], "1, with the version of the program.");

/// Every metric, in the order of the documentation.
pub const ALL: [Definition; 31] = [
    EVENTS,
    DEAD_LETTERS,
    RESUBMITTED,
    NOTICES,
    RETRACTIONS,
    PASSED_OVER,
    OPEN_CLOCKS,
    LEADS,
    STALE,
    TIMERS,
    FIRED,
    DUE_TO_COMMITTED,
    LAG,
    TRANSACTION,
    TRANSACTION_EVENTS,
    ABORTS,
    REBUILT,
    REBALANCES,
    QUEUE,
    INPUT_LAG,
    REFUSED,
    RESTORE_SECONDS,
    RESTORE_RECORDS,
    RESTORE_READ,
    RESTORE_TO_READ,
    SWEPT,
    REQUESTS,
    REQUEST_SECONDS,
    STREAMS,
    RELOADS,
    BUILD,
];

/// Seconds, from half a millisecond to ten seconds: transactions and requests.
const SHORT_BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Seconds, from a millisecond to an hour: how late something is told, outages included.
const LATE_BUCKETS: [f64; 13] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3_600.0];
const COUNT_BUCKETS: [f64; 13] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0];

/// The label values that are known when the program starts.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    pub event_types: &'a [&'static str],
    pub notice_types: &'a [&'static str],
    /// The notice type that takes another back.
    pub retraction: &'static str,
    pub reasons: &'a [&'static str],
    pub slas: &'a [String],
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    Accepted,
    Duplicate,
    Rejected,
}

/// What became of a policy that was read anew.
pub const RELOAD_RESULTS: [&str; 5] = ["applied", "unchanged", "faulty", "refused", "failed"];

const RESULTS: [&str; 3] = ["accepted", "duplicate", "rejected"];
/// The label of what could not be read, or is no longer in the policy.
const UNKNOWN: &str = "unknown";

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By type, the unknown one last, and result.
    events: Vec<[IntCounter; RESULTS.len()]>,
    event_types: Vec<&'static str>,
    dead_letters: BTreeMap<&'static str, IntCounter>,
    resubmitted: IntCounter,
    notice_types: Vec<&'static str>,
    notices: IntCounterVec,
    retraction: &'static str,
    retractions: IntCounterVec,
    by_sla: RwLock<BySla>,
    passed_over: IntCounter,
    open_clocks: IntGaugeVec,
    leads: IntGauge,
    stale: IntGauge,
    timers: IntGauge,
    fired: IntCounter,
    due_to_committed: HistogramVec,
    lag: GaugeVec,
    transaction: Histogram,
    transaction_events: Histogram,
    aborts: IntCounterVec,
    rebuilt: IntCounterVec,
    rebalances: IntCounterVec,
    queue: IntGauge,
    input_lag: IntGauge,
    refused: IntCounterVec,
    restore_seconds: Gauge,
    restore_records: IntGauge,
    restore_read: IntGauge,
    restore_to_read: IntGauge,
    swept: IntCounterVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    streams: IntGauge,
    reloads: IntCounterVec,
}

/// Handles by the index of the SLA in the policy at hand, what it does not have last.
#[derive(Debug, Default)]
struct BySla {
    notices: BTreeMap<&'static str, Vec<IntCounter>>,
    retractions: Vec<IntCounter>,
}

impl Metrics {
    /// Registers every metric of [`ALL`].
    ///
    /// # Errors
    /// Where the table names one twice, or badly: a fault of the program that any start of it shows.
    pub fn new(words: Words<'_>) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let register = Register { registry: &registry };
        let events = register.counters(EVENTS)?;
        let notices = register.counters(NOTICES)?;
        let retractions = register.counters(RETRACTIONS)?;
        let dead_letters = register.counters(DEAD_LETTERS)?;
        let reloads = register.counters(RELOADS)?;
        for result in RELOAD_RESULTS {
            reloads.with_label_values(&[result]);
        }
        let build = register.gauges(BUILD)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Metrics {
            events: words
                .event_types
                .iter()
                .copied()
                .chain([UNKNOWN])
                .map(|kind| RESULTS.map(|result| events.with_label_values(&[kind, result])))
                .collect(),
            event_types: words.event_types.to_vec(),
            dead_letters: words.reasons.iter().map(|r| (*r, dead_letters.with_label_values(&[*r]))).collect(),
            resubmitted: register.counter(RESUBMITTED)?,
            notice_types: words.notice_types.to_vec(),
            notices,
            retraction: words.retraction,
            retractions,
            by_sla: RwLock::default(),
            passed_over: register.counter(PASSED_OVER)?,
            open_clocks: register.gauges(OPEN_CLOCKS)?,
            leads: register.gauge(LEADS)?,
            stale: register.gauge(STALE)?,
            timers: register.gauge(TIMERS)?,
            fired: register.counter(FIRED)?,
            due_to_committed: register.histograms(DUE_TO_COMMITTED, &LATE_BUCKETS)?,
            lag: register.float_gauges(LAG)?,
            transaction: register.histogram(TRANSACTION, &SHORT_BUCKETS)?,
            transaction_events: register.histogram(TRANSACTION_EVENTS, &COUNT_BUCKETS)?,
            aborts: register.counters(ABORTS)?,
            rebuilt: register.counters(REBUILT)?,
            rebalances: register.counters(REBALANCES)?,
            queue: register.gauge(QUEUE)?,
            input_lag: register.gauge(INPUT_LAG)?,
            refused: register.counters(REFUSED)?,
            restore_seconds: register.float_gauge(RESTORE_SECONDS)?,
            restore_records: register.gauge(RESTORE_RECORDS)?,
            restore_read: register.gauge(RESTORE_READ)?,
            restore_to_read: register.gauge(RESTORE_TO_READ)?,
            swept: register.counters(SWEPT)?,
            requests: register.counters(REQUESTS)?,
            request_seconds: register.histograms(REQUEST_SECONDS, &SHORT_BUCKETS)?,
            streams: register.gauge(STREAMS)?,
            reloads,
            registry,
        };
        metrics.name_slas(words.slas.iter().map(String::as_str));
        Ok(metrics)
    }

    /// The SLAs of the policy from now on; what was counted of one that stays goes on.
    pub fn name_slas<'s>(&self, slas: impl Iterator<Item = &'s str>) {
        let names: Vec<&str> = slas.chain([UNKNOWN]).collect();
        let of = |counters: &IntCounterVec, labels: &dyn Fn(usize) -> Vec<&'s str>| -> Vec<IntCounter> {
            (0..names.len()).map(|index| counters.with_label_values(&labels(index))).collect()
        };
        let kinds = self.notice_types.iter();
        let notices = kinds.map(|kind| (*kind, of(&self.notices, &|index| vec![*kind, names[index]]))).collect();
        let retractions = of(&self.retractions, &|index| vec![names[index]]);
        *self.by_sla.write().unwrap_or_else(PoisonError::into_inner) = BySla { notices, retractions };
    }

    /// The policy was read anew, with one of [`RELOAD_RESULTS`].
    pub fn reloaded(&self, result: &str) {
        self.reloads.with_label_values(&[result]).inc();
    }

    /// So many events had this result; `None` where not even their type could be read.
    pub fn events(&self, event_type: Option<&str>, result: EventResult, count: u64) {
        let unknown = self.event_types.len();
        let index = event_type.and_then(|name| self.event_types.iter().position(|known| *known == name));
        if let Some(by_result) = self.events.get(index.unwrap_or(unknown)) {
            by_result[result as usize].inc_by(count);
        }
    }

    pub fn dead_letter(&self, reason: &str) {
        if let Some(counter) = self.dead_letters.get(reason) {
            counter.inc();
        }
    }

    pub fn dead_letters_accepted(&self, count: u64) {
        self.resubmitted.inc_by(count);
    }

    /// A notice is durable. `sla`: the index of the policy's SLA, beyond the last for one it no longer has.
    pub fn notice(&self, notice_type: &str, sla: usize) {
        let of_sla = |counters: &Vec<IntCounter>| counters.get(sla).or(counters.last()).map(IntCounter::inc);
        let by_sla = self.by_sla.read().unwrap_or_else(PoisonError::into_inner);
        by_sla.notices.get(notice_type).map(of_sla);
        if notice_type == self.retraction {
            of_sla(&by_sla.retractions);
        }
    }

    /// A reminder, breach or escalation was told so long after it was due.
    pub fn told_after_due(&self, notice_type: &str, seconds: f64) {
        self.due_to_committed.with_label_values(&[notice_type]).observe(seconds);
    }

    pub fn passed_over(&self, reminders: u64) {
        self.passed_over.inc_by(reminders);
    }

    pub fn fired(&self, timers: u64) {
        self.fired.inc_by(timers);
    }

    pub fn open_clocks(&self, sla: &str, state: &str, count: i64) {
        self.open_clocks.with_label_values(&[sla, state]).set(count);
    }

    /// `stale`: those of the leads of which nothing is told.
    pub fn holds(&self, leads: usize, stale: i64, timers: usize) {
        self.leads.set(i64::try_from(leads).unwrap_or(i64::MAX));
        self.stale.set(stale);
        self.timers.set(i64::try_from(timers).unwrap_or(i64::MAX));
    }

    /// The watermark is so far behind for this reason, of all these that there are.
    pub fn watermark_lag(&self, reason: &str, reasons: &[&str], seconds: f64) {
        for other in reasons {
            self.lag.with_label_values(&[*other]).set(if *other == reason { seconds } else { 0.0 });
        }
    }

    pub fn transaction(&self, seconds: f64, events: usize) {
        self.transaction.observe(seconds);
        self.transaction_events.observe(events as f64);
    }

    pub fn transaction_aborted(&self, cause: &str) {
        self.aborts.with_label_values(&[cause]).inc();
    }

    pub fn client_rebuilt(&self, cause: &str) {
        self.rebuilt.with_label_values(&[cause]).inc();
    }

    pub fn rebalanced(&self, change: &str) {
        self.rebalances.with_label_values(&[change]).inc();
    }

    pub fn queued(&self, events: usize) {
        self.queue.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    pub fn input_lag(&self, events: u64) {
        self.input_lag.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    pub fn turned_away(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    pub fn restored(&self, seconds: f64, records: u64) {
        self.restore_seconds.set(seconds);
        self.restore_records.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Of restores under way.
    pub fn restoring(&self, read: u64, to_read: u64) {
        self.restore_read.set(i64::try_from(read).unwrap_or(i64::MAX));
        self.restore_to_read.set(i64::try_from(to_read).unwrap_or(i64::MAX));
    }

    pub fn swept(&self, table: &str, rows: u64) {
        self.swept.with_label_values(&[table]).inc_by(rows);
    }

    pub fn request(&self, path: &str, status: u16, seconds: f64) {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.with_label_values(&[path, class]).inc();
        self.request_seconds.with_label_values(&[path]).observe(seconds);
    }

    pub fn stream_opened(&self) {
        self.streams.inc();
    }

    pub fn stream_closed(&self) {
        self.streams.dec();
    }

    /// All of it in Prometheus' text format.
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 << 10);
        // Writing counters to memory fails only for an empty family, which the registry does not give.
        let _written = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        out
    }
}

struct Register<'a> {
    registry: &'a Registry,
}

impl Register<'_> {
    fn keep<C: prometheus::core::Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, of: Definition) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(of.name, of.help)?)
    }

    fn counters(&self, of: Definition) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(of.name, of.help), of.labels)?)
    }

    fn gauge(&self, of: Definition) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::new(of.name, of.help)?)
    }

    fn float_gauge(&self, of: Definition) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::new(of.name, of.help)?)
    }

    fn gauges(&self, of: Definition) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Opts::new(of.name, of.help), of.labels)?)
    }

    fn float_gauges(&self, of: Definition) -> Result<GaugeVec, prometheus::Error> {
        self.keep(GaugeVec::new(Opts::new(of.name, of.help), of.labels)?)
    }

    fn histogram(&self, of: Definition, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(HistogramOpts::new(of.name, of.help).buckets(buckets.to_vec()))?)
    }

    fn histograms(&self, of: Definition, buckets: &[f64]) -> Result<HistogramVec, prometheus::Error> {
        self.keep(HistogramVec::new(HistogramOpts::new(of.name, of.help).buckets(buckets.to_vec()), of.labels)?)
    }
}

/// The table of the documentation, one line a metric.
pub fn documentation() -> String {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name,
            metric.kind.name(),
            labels.join(", "),
            metric.help
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let slas = ["disposition".to_owned()];
        Metrics::new(Words {
            event_types: &["lead.created"],
            notice_types: &["sla.breached", "sla.retracted"],
            retraction: "sla.retracted",
            reasons: &["unknown_status"],
            slas: &slas,
        })
        .expect("the table is sound")
    }

    #[test]
    fn every_metric_is_registered_as_the_table_says() {
        let metrics = metrics();
        metrics.events(Some("lead.created"), EventResult::Accepted, 1);
        metrics.told_after_due("sla.breached", 0.1);
        metrics.open_clocks("disposition", "running", 1);
        metrics.watermark_lag("grace", &["grace", "none"], 2.0);
        metrics.transaction_aborted("busy");
        metrics.rebalanced("assigned");
        metrics.client_rebuilt("resent");
        metrics.turned_away("full");
        metrics.swept("events", 1);
        metrics.request("/livez", 200, 0.1);
        let gathered = metrics.registry.gather();
        let mut names: Vec<&str> = gathered.iter().map(|family| family.name()).collect();
        let mut table: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        table.sort_unstable();
        assert_eq!(names, table);
        for metric in ALL {
            let family = gathered.iter().find(|family| family.name() == metric.name).expect("registered");
            assert_eq!(family.help(), metric.help);
            assert_eq!(format!("{:?}", family.get_field_type()).to_lowercase(), metric.kind.name(), "{}", metric.name);
            let labels: Vec<&str> = family.get_metric()[0].get_label().iter().map(|pair| pair.name()).collect();
            let mut expected = metric.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{}", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        }
    }

    #[test]
    fn the_documentation_has_the_table() {
        let page = include_str!("../docs/operations.md");
        assert!(page.contains(&documentation()), "docs/operations.md: expected the table\n{}", documentation());
    }

    #[test]
    fn what_is_not_in_the_table_of_words_counts_as_unknown() {
        let metrics = metrics();
        metrics.events(Some("lead.sang"), EventResult::Rejected, 1);
        metrics.events(None, EventResult::Rejected, 1);
        metrics.notice("sla.retracted", usize::from(u16::MAX));
        let text = String::from_utf8(metrics.text()).expect("text");
        assert!(text.contains("plazo_events_total{result=\"rejected\",type=\"unknown\"} 2"), "{text}");
        assert!(text.contains("plazo_notices_total{sla=\"unknown\",type=\"sla.retracted\"} 1"), "{text}");
        assert!(text.contains("plazo_retractions_total{sla=\"unknown\"} 1"), "{text}");
    }

    #[test]
    fn the_lag_stands_under_one_reason_only() {
        let metrics = metrics();
        let reasons = ["grace", "none"];
        metrics.watermark_lag("grace", &reasons, 5.0);
        metrics.watermark_lag("none", &reasons, 0.25);
        let text = String::from_utf8(metrics.text()).expect("text");
        assert!(text.contains("plazo_watermark_lag_seconds{reason=\"grace\"} 0\n"), "{text}");
        assert!(text.contains("plazo_watermark_lag_seconds{reason=\"none\"} 0.25\n"), "{text}");
    }
}
