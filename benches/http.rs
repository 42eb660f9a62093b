//! The whole engine on its embedded store: events over HTTP in, answered once they are on the disk.
//!
//! `cargo bench --bench http [-- DIRECTORY]`: where the store is made, by default the system's temporary directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use plazo::api::{self, Api};
use plazo::config::Http;
use plazo::embedded::intake::Limits;
use plazo::embedded::{Embedded, Options, WordLists, metric_words};
use plazo::metrics::Metrics;
use plazo::policy;
use plazo::time::{Clock, DAY_MS, MINUTE_MS, SystemClock};
use plazo::view::{Phase, Shell};
use tokio::net::TcpListener;

mod support;

use support::{POLICY, Traffic};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const GOAL_EVENTS_PER_SECOND: f64 = 20_000.0;
const BATCH: usize = 500;
const BATCH_CLIENTS: u64 = 8;
const BATCHES_FOR: Duration = Duration::from_secs(10);
/// Leads of one client: more events than it can send in that time.
const LEADS: u64 = 30_000;
const SINGLE_CLIENTS: u64 = 64;
const SINGLES_FOR: Duration = Duration::from_secs(5);
const SINGLE_LEADS: u64 = 3_000;

/// Bodies of one client: JSON arrays of so many events, or single events.
fn bodies(first_lead: u64, leads: u64, batch: usize) -> Vec<Vec<u8>> {
    // Every lead's facts lie within a day; all of them have happened.
    let start = SystemClock.now().plus_ms(-3 * DAY_MS);
    let traffic = Traffic::new(first_lead, leads, start, DAY_MS / leads as i64);
    let events: Vec<&[u8]> = traffic.iter().map(|(json, _)| json).collect();
    if batch == 1 {
        return events.into_iter().map(<[u8]>::to_vec).collect();
    }
    events.chunks(batch).map(|events| [&b"["[..], &events.join(&b','), b"]"].concat()).collect()
}

/// Events per second and the events of a transaction, of clients that each send their bodies one after another.
#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn measure(
    url: &str,
    clients: u64,
    batch: usize,
    time: Duration,
    of_client: impl Fn(u64) -> Vec<Vec<u8>>,
) -> (f64, f64) {
    let content_type = if batch == 1 { "application/cloudevents+json" } else { "application/cloudevents-batch+json" };
    let before = transactions(url);
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let work: Vec<Vec<Vec<u8>>> = (0..clients).map(of_client).collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for bodies in &work {
            let (sent, over) = (&sent, &over);
            scope.spawn(move || {
                let agent = ureq::Agent::new_with_defaults();
                for body in bodies {
                    if over.load(Ordering::Relaxed) || began.elapsed() >= time {
                        break;
                    }
                    let answer = agent.post(format!("{url}/v1/events")).header("Content-Type", content_type).send(body);
                    let answer = answer.expect("an answer").body_mut().read_to_string().expect("a body");
                    assert!(answer.ends_with(r#""duplicate":0,"rejected":[]}"#), "{answer}");
                    let accepted = answer.split([':', ',']).nth(1).and_then(|count| count.parse().ok());
                    sent.fetch_add(accepted.expect("a count"), Ordering::Relaxed);
                }
                // The rate is that of all clients at work.
                over.store(true, Ordering::Relaxed);
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let after = transactions(url);
    (sent.load(Ordering::Relaxed) as f64 / seconds, (after.0 - before.0) / (after.1 - before.1))
}

/// Events in transactions and transactions so far.
fn transactions(url: &str) -> (f64, f64) {
    let text =
        ureq::get(format!("{url}/metrics")).call().expect("an answer").body_mut().read_to_string().expect("text");
    let sample = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.rsplit(' ').next());
        line.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    };
    (sample("plazo_transaction_events_sum"), sample("plazo_transaction_events_count"))
}

fn main() {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let made = asked.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a directory");
    let policy = policy::parse("bench.toml", POLICY, &|_| Err(std::io::Error::other("no files"))).expect("the policy");
    let slas: Vec<String> = policy.families.iter().map(|family| family.name.clone()).collect();
    let metrics = Arc::new(Metrics::new(metric_words(&slas, &WordLists::default())).expect("metrics"));
    let options = Options {
        directory: made.path().to_owned(),
        instance: "bench".to_owned(),
        grace_ms: 0,
        retention_ms: Some(400 * DAY_MS),
        accept_changed_policy: false,
        future_tolerance_ms: 5 * MINUTE_MS,
        max_bytes: None,
        limits: Limits::default(),
    };
    let embedded = Embedded::start(options, Arc::new(policy), Arc::new(SystemClock), metrics.clone());
    let embedded = Arc::new(embedded.expect("the store"));
    let settings =
        Http { bind: ([127, 0, 0, 1], 0).into(), tokens: Vec::new(), advertised: None, max_body_bytes: 8 << 20 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let listener = runtime.block_on(TcpListener::bind(settings.bind)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut phase = embedded.phase();
    runtime.block_on(async { phase.wait_for(|phase| *phase == Phase::Running).await.map(|_| ()) }).expect("restored");
    runtime.spawn(api::serve(
        listener,
        Arc::new(Api::new(embedded.clone(), metrics, &settings)),
        std::future::pending(),
    ));

    let (rate, each) = measure(&url, BATCH_CLIENTS, BATCH, BATCHES_FOR, |client| bodies(client * LEADS, LEADS, BATCH));
    println!(
        "embedded over HTTP: {rate:.0} events/s in batches of {BATCH} (goal >= {GOAL_EVENTS_PER_SECOND}), \
         {each:.0} events a transaction"
    );
    let first = BATCH_CLIENTS * LEADS;
    let (rate, each) =
        measure(&url, SINGLE_CLIENTS, 1, SINGLES_FOR, |client| bodies(first + client * SINGLE_LEADS, SINGLE_LEADS, 1));
    println!(
        "embedded over HTTP: {rate:.0} events/s from {SINGLE_CLIENTS} clients one by one, {each:.1} events a transaction"
    );
    embedded.stop().expect("stopped");
    runtime.shutdown_background();
}
