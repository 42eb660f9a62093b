//! Whether the end of a transaction may have reached its coordinator twice. librdkafka sends a request again, by itself, when its
//! answer is late or its connection is lost, and reports what became of the last copy. An earlier one may still lie in a socket or
//! in a broker's queue: a commit that arrives late ends whatever transaction of this producer is open by then, with half of a turn in
//! it, because all transactions of a producer have one epoch (librdkafka issue 5423, which KIP-890 would mend). So after an end that
//! was sent twice the producer is made anew before the next transaction begins: `init_transactions` raises the epoch, and what comes
//! late is refused.
//!
//! Of repetitions the client tells in its statistics alone, each [`INTERVAL_MS`]. But it sends nothing again before
//! `retry.backoff.ms` (100 by default), less its jitter of 20 %, has passed since the failure; an end that was answered sooner was
//! sent once. That is judged without any statistics, and true of nearly all (a few milliseconds). Behind a slower one the next
//! transaction waits for statistics that were made after the end was answered, an interval at most, while its turn goes on
//! growing. Statistics that do not come count as a repetition: a producer made anew costs some tens of milliseconds, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use serde::Deserialize;

use super::client;
use super::monotonic;
use crate::config::Kafka;

/// Of the statistics: a document of some hundred bytes for each partition written to.
pub const INTERVAL_MS: u32 = 200;
/// The longest wait for statistics.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of librdkafka's back-off: by so much of it a repetition may come early.
const JITTER_PERCENT: u64 = 20;
const DEFAULT_BACKOFF_MS: u64 = 100;
const DEFAULT_MAX_BACKOFF_MS: u64 = 1_000;

/// What a client had sent again when its statistics were made. Instants are counted from before it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub at: Duration,
    /// Requests that were sent again, or not answered in time.
    pub repeats: u64,
}

/// A commit or an abort that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub took: Duration,
    pub answered: Duration,
    /// The last statistics before it began.
    pub before: Counted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Once,
    Repeated,
    /// Statistics made after the end are still to come.
    NotKnown,
}

/// `least`: the shortest time in which anything can be sent again.
pub fn judge(end: &End, least: Duration, last: Counted) -> Verdict {
    match () {
        () if end.took < least => Verdict::Once,
        // A broker that is forgotten takes its counts along: any change counts.
        () if last.repeats != end.before.repeats => Verdict::Repeated,
        () if last.at >= end.answered => Verdict::Once,
        () => Verdict::NotKnown,
    }
}

/// The shortest time in which a request can be sent again, by the settings.
pub fn least(kafka: &Kafka) -> Duration {
    let set = |name: &str, otherwise: u64| {
        kafka.properties.get(name).and_then(|value| value.expose().parse().ok()).unwrap_or(otherwise)
    };
    let backoff_ms =
        set("retry.backoff.ms", DEFAULT_BACKOFF_MS).min(set("retry.backoff.max.ms", DEFAULT_MAX_BACKOFF_MS));
    Duration::from_micros(backoff_ms.saturating_mul(1_000 / 100 * (100 - JITTER_PERCENT)))
}

/// Of a transactional producer: keeps the last statistics.
#[derive(Clone)]
pub struct Watch {
    /// No later than the client was made, so that its age counted from here is never too great.
    made: Instant,
    last: Arc<(Mutex<Counted>, Condvar)>,
}

impl Watch {
    /// To be called just before the client is made.
    pub fn before_client() -> Self {
        Watch { made: monotonic(), last: Arc::default() }
    }

    pub fn last(&self) -> Counted {
        *self.last.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `began`, `before`: when the end was asked for, and the statistics at hand then. It has been answered just now.
    pub fn ended(&self, began: Instant, before: Counted) -> End {
        End { took: began.elapsed(), answered: self.made.elapsed(), before }
    }

    /// Waits for statistics where they are needed.
    pub fn judge(&self, end: &End, least: Duration) -> Verdict {
        let (last, news) = (&self.last.0, &self.last.1);
        let undecided = |last: &mut Counted| judge(end, least, *last) == Verdict::NotKnown;
        let last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = news.wait_timeout_while(last, PATIENCE, undecided).unwrap_or_else(PoisonError::into_inner).0;
        judge(end, least, *last)
    }
}

#[derive(Deserialize)]
struct Statistics {
    /// Of the client, microseconds.
    age: u64,
    brokers: BTreeMap<String, Counts>,
}

#[derive(Deserialize)]
struct Counts {
    txretries: u64,
    req_timeouts: u64,
}

fn counted(statistics: &[u8]) -> Option<Counted> {
    let told: Statistics = serde_json::from_slice(statistics).ok()?;
    let repeats = told.brokers.values().map(|counts| counts.txretries + counts.req_timeouts).sum();
    Some(Counted { at: Duration::from_micros(told.age), repeats })
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
    }

    /// What cannot be read is as good as not told.
    fn stats_raw(&self, statistics: &[u8]) {
        if let Some(counted) = counted(statistics) {
            *self.last.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
            self.last.1.notify_all();
        }
    }
}

impl ProducerContext for Watch {
    type DeliveryOpaque = ();

    /// A record that cannot be delivered fails the commit of its transaction.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const LEAST: Duration = Duration::from_millis(80);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn end(took: u64, answered: u64, repeats: u64) -> End {
        End { took: ms(took), answered: ms(answered), before: Counted { at: ms(0), repeats } }
    }

    fn counted_at(at: u64, repeats: u64) -> Counted {
        Counted { at: ms(at), repeats }
    }

    #[test]
    fn an_end_that_was_answered_before_anything_can_be_sent_again_was_sent_once() {
        assert_eq!(judge(&end(79, 1_000, 3), LEAST, counted_at(900, 3)), Verdict::Once, "without later statistics");
        assert_eq!(judge(&end(79, 1_000, 3), LEAST, counted_at(1_100, 4)), Verdict::Once, "that was another request");
    }

    #[test]
    fn a_slow_end_is_judged_by_statistics_that_were_made_after_it() {
        assert_eq!(judge(&end(80, 1_000, 3), LEAST, counted_at(999, 3)), Verdict::NotKnown);
        assert_eq!(judge(&end(80, 1_000, 3), LEAST, counted_at(1_000, 3)), Verdict::Once);
        assert_eq!(judge(&end(80, 1_000, 3), LEAST, counted_at(1_000, 4)), Verdict::Repeated);
        assert_eq!(judge(&end(80, 1_000, 3), LEAST, counted_at(1_000, 2)), Verdict::Repeated, "a broker was forgotten");
    }

    #[test]
    fn a_repetition_that_is_told_before_the_answer_is_one() {
        assert_eq!(judge(&end(500, 1_000, 3), LEAST, counted_at(700, 4)), Verdict::Repeated);
    }

    #[test]
    fn statistics_that_do_not_come_leave_it_unknown_after_a_bounded_wait() {
        let watch = Watch::before_client();
        let slow = watch.ended(watch.made, Counted::default());
        assert_eq!(watch.judge(&slow, Duration::ZERO), Verdict::NotKnown);
        watch.stats_raw(
            br#"{"age": 60000000, "brokers": {"a": {"txretries": 0, "req_timeouts": 0, "x": 1}}, "more": []}"#,
        );
        assert_eq!(watch.judge(&slow, Duration::ZERO), Verdict::Once);
    }

    #[test]
    fn retries_and_time_outs_of_all_brokers_are_counted() {
        let told = br#"{"name": "p", "age": 2500, "brokers": {"a": {"txretries": 1, "req_timeouts": 2}, "b": {"txretries": 4, "req_timeouts": 0}}}"#;
        assert_eq!(counted(told), Some(Counted { at: Duration::from_micros(2_500), repeats: 7 }));
        assert_eq!(counted(b"{}"), None);
    }

    #[test]
    fn the_shortest_repetition_follows_the_settings() {
        let of = |properties: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("plazo.toml");
            std::fs::write(&file, format!("[kafka]\nbrokers = \"a:1\"\n[kafka.properties]\n{properties}"))
                .expect("a file");
            least(&Settings::read(Some(&file), Some(Default::default())).expect("settings").kafka.expect("Kafka"))
        };
        assert_eq!(of(""), LEAST);
        assert_eq!(of("\"retry.backoff.ms\" = 10"), ms(8));
        assert_eq!(of("\"retry.backoff.ms\" = 500\n\"retry.backoff.max.ms\" = 200"), ms(160));
    }
}
