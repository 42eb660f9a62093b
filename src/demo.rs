//! The whole thing at once: a synthetic CRM at accelerated time on the embedded store, notices as they come, a summary.
//!
//! The engine, its SQLite file and its HTTP server are the real ones; only the clock is the demo's own. The same events also
//! go through a replay in memory, which gives the summary and must have told the very same notices.

mod transcript;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use crate::api::{self, Api};
use crate::config::Http;
use crate::embedded::intake::Limits;
use crate::embedded::{Embedded, Options, WordLists, metric_words};
use crate::engine::Outbox;
use crate::event;
use crate::language::Lang;
use crate::load::{Delivery as Step, Generator, Mix, Words};
use crate::metrics::Metrics;
use crate::policy::{self, Policy};
use crate::replay::Replay;
use crate::report::{Collector, Holder, write_text};
use crate::time::{Clock, DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::view::{Delivery, NoticeQuery, Parts, Phase, Shell};

use transcript::Transcript;

/// A Monday, 09:00 in Sao Paulo, 13:00 in Madrid.
const START: Timestamp = Timestamp(1_799_064_000_000);
/// After the last event, so that what is forgotten is seen to breach.
const AFTERMATH_MS: i64 = 3 * DAY_MS;
/// What a viewer waits at most for something to happen.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// What to play.
#[derive(Clone, Debug)]
pub struct Play {
    pub leads: u32,
    pub seed: u64,
    pub lang: Lang,
    /// Seconds of business a second; `None`: no waiting.
    pub speed: Option<f64>,
}

/// A clock moved by hand.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The example policy that the binary carries.
pub fn example_policy(lang: Lang) -> Result<Policy, policy::Faults> {
    let files: &[(&str, &str)] = match lang {
        Lang::En => &[
            ("agreement.toml", include_str!("../deploy/policy/en/agreement.toml")),
            ("holidays.ics", include_str!("../deploy/policy/en/holidays.ics")),
            ("us-holidays.ics", include_str!("../deploy/policy/en/us-holidays.ics")),
        ],
        Lang::Es => &[
            ("acuerdo.toml", include_str!("../deploy/policy/es/acuerdo.toml")),
            ("festivos.ics", include_str!("../deploy/policy/es/festivos.ics")),
        ],
    };
    let read = |name: &str| match files.iter().find(|file| file.0 == name) {
        Some((_, text)) => Ok((*text).to_owned()),
        None => Err(io::Error::new(io::ErrorKind::NotFound, name.to_owned())),
    };
    policy::parse(files[0].0, files[0].1, &read)
}

/// Plays the demo.
///
/// # Errors
/// Where the directory, the store, the port or `out` fails.
pub fn play(play: &Play, out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
    let policy = Arc::new(example_policy(play.lang)?);
    let mut stage = Stage::build(play, policy.clone())?;
    stage.transcript.header(out, &policy, play.seed, play.speed.is_some().then_some(stage.address.as_str()))?;
    let spanish = play.lang == Lang::Es;
    let words = if spanish { Words::spanish() } else { Words::english() };
    let mix = Mix { late: 0.05, reopened: 0.12, on_hold: 0.15, reassigned: 0.12, ..Mix::default() };
    let mut crm = Generator::new(play.seed, mix, START, 25 * MINUTE_MS).leads(play.leads).words(words);
    let mut now = START;
    while let Some(step) = crm.next_delivery() {
        now = now.max(step.append);
        stage.pass_to(now.plus_ms(-1), out)?;
        if stage.interrupted() {
            return stage.finish(out);
        }
        stage.deliver(&crm, &step, now, out)?;
    }
    stage.pass_to(now.plus_ms(AFTERMATH_MS), out)?;
    stage.finish(out)
}

/// Which notices were told, in their order.
#[derive(Default)]
struct Told {
    count: u64,
    ids: Xxh3,
}

impl Told {
    fn add(&mut self, id: &str) {
        self.count += 1;
        self.ids.update(id.as_bytes());
    }

    fn add_all(&mut self, outbox: &Outbox) {
        for notice in &outbox.notices {
            self.add(&notice.id.to_string());
        }
    }

    fn same_as(&self, other: &Told) -> bool {
        self.count == other.count && self.ids.digest() == other.ids.digest()
    }
}

struct Stage {
    engine: Arc<Embedded>,
    clock: Arc<Hand>,
    replay: Replay,
    replayed: Told,
    transcript: Transcript,
    told: Told,
    last_sequence: u64,
    late: u64,
    duplicates: u64,
    speed: Option<f64>,
    address: String,
    /// By the viewer: the summary comes at once.
    interrupted: Arc<AtomicBool>,
    /// Stops the server when it is dropped.
    _server: tokio::runtime::Runtime,
    /// Removed when it is dropped.
    _folder: tempfile::TempDir,
}

impl Stage {
    fn build(play: &Play, policy: Arc<Policy>) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let slas: Vec<String> = policy.families.iter().map(|family| family.name.clone()).collect();
        let metrics = Arc::new(Metrics::new(metric_words(&slas, &WordLists::default()))?);
        let clock = Arc::new(Hand(AtomicI64::new(START.plus_ms(-HOUR_MS).ms())));
        let options = Options {
            directory: folder.path().to_owned(),
            instance: "demo".to_owned(),
            grace_ms: 0,
            retention_ms: None,
            accept_changed_policy: false,
            future_tolerance_ms: 5 * MINUTE_MS,
            max_bytes: None,
            limits: Limits::default(),
        };
        let engine = Arc::new(Embedded::start(options, policy.clone(), clock.clone(), metrics.clone())?);
        let http = Http {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            tokens: Vec::new(),
            advertised: None,
            max_body_bytes: 1 << 20,
        };
        let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = server.block_on(tokio::net::TcpListener::bind(http.bind))?;
        let address = format!("http://{}", listener.local_addr()?);
        let api = Arc::new(Api::new(engine.clone(), metrics, &http));
        server.spawn(api::serve(listener, api, std::future::pending()));
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        server.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, Ordering::SeqCst);
            }
        });
        Ok(Stage {
            transcript: Transcript::new(play.lang, &policy),
            replay: Replay::new(Policy::clone(&policy), None, i64::MAX),
            replayed: Told::default(),
            engine,
            clock,
            told: Told::default(),
            last_sequence: 0,
            late: 0,
            duplicates: 0,
            speed: play.speed,
            address,
            interrupted,
            _server: server,
            _folder: folder,
        })
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Lets time pass up to `until`, in slices that a viewer can follow, and tells what falls due.
    fn pass_to(&mut self, until: Timestamp, out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
        let mut now = self.clock.now();
        let slice_ms = self.speed.map_or(DAY_MS, |speed| ((speed * 100.0) as i64).max(1));
        let mut waited = Duration::ZERO;
        while now < until && !self.interrupted() {
            let next = now.plus_ms(slice_ms).min(until);
            if let Some(speed) = self.speed
                && waited < LONGEST_WAIT
            {
                let wait = Duration::from_secs_f64(next.since_ms(now) as f64 / 1_000.0 / speed).min(LONGEST_WAIT);
                pause(wait);
                waited += wait;
            }
            now = next;
            self.clock.0.store(now.ms(), Ordering::SeqCst);
            self.engine.nudge();
            loop {
                let status = self.engine.status();
                if let Phase::Failed(why) = status.phase {
                    return Err(why.into());
                }
                if status.watermark >= now {
                    break;
                }
                pause(Duration::from_micros(200));
            }
            if self.tell(out)? {
                waited = Duration::ZERO;
            }
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        crm: &Generator,
        step: &Step,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> Result<(), Box<dyn std::error::Error>> {
        self.clock.0.store(now.ms(), Ordering::SeqCst);
        let mut json = Vec::new();
        crm.write(step, step.time, Some(now), &mut json);
        let body = Bytes::from(json);
        let parts = Parts::Structured(std::iter::once(0..body.len()).collect());
        let pending =
            self.engine.submit(Delivery { body: body.clone(), parts }).map_err(|fault| format!("{fault:?}"))?;
        let receipt = pending.blocking_recv()?.map_err(|fault| format!("{fault:?}"))?;
        self.duplicates += receipt.duplicate;
        let is_late = receipt.accepted > 0 && now.since_ms(step.time) > 10 * MINUTE_MS;
        self.late += u64::from(is_late);
        self.replay.event(event::decode(&body), &mut |outbox| {
            self.replayed.add_all(outbox);
            Ok(())
        })?;
        if receipt.accepted > 0 {
            self.transcript.fact(out, now, &serde_json::from_slice(&body)?, is_late)?;
        }
        self.tell(out)?;
        Ok(())
    }

    /// Prints the notices that are new; whether there were any.
    fn tell(&mut self, out: &mut dyn Write) -> Result<bool, Box<dyn std::error::Error>> {
        let mut any = false;
        loop {
            let page =
                self.engine.notices(&NoticeQuery { after: self.last_sequence, kinds: Vec::new(), limit: 500 })?;
            for notice in &page.notices {
                any = true;
                self.last_sequence = notice.sequence;
                let notice: Value = serde_json::from_slice(&notice.json)?;
                self.told.add(notice["id"].as_str().unwrap_or_default());
                self.transcript.notice(out, &notice)?;
            }
            if !page.more {
                return Ok(any);
            }
        }
    }

    fn finish(mut self, out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
        let end = self.clock.now();
        self.replay.pass_to(end);
        self.replay.finish(&mut |outbox| {
            self.replayed.add_all(outbox);
            Ok(())
        })?;
        let same = self.told.same_as(&self.replayed);
        self.transcript.footer(out, self.told.count, self.replay.passed_over, self.late, self.duplicates, same)?;
        let mut collector = Collector::new(self.replay.rules(), end, &[], Holder::End);
        for record in self.replay.shard().records() {
            collector.add(record)?;
        }
        write_text(&collector.finish(self.replay.counts.clone())?, self.transcript.lang(), &mut *out)?;
        self.transcript.farewell(out)?;
        self.engine.stop()?;
        if same { Ok(()) } else { Err("the replay told other notices than the engine".into()) }
    }
}

/// Lets a viewer follow, and the engine's thread work.
#[expect(clippy::disallowed_methods, reason = "the demo's pace is for people; nothing depends on it")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
