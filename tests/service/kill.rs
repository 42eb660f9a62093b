//! `kill -9` at random moments, with clients that retry: every acknowledged event is applied once, every notice exists once,
//! and the ids equal those of a replay of the same log.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use plazo::event;
use plazo::policy;
use plazo::replay::Replay;
use plazo::time::{Clock, SystemClock};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const KILLS: u32 = 100;
const CLIENTS: u32 = 3;

/// Deadlines within a second or two, so that they fall due while nobody is there.
const POLICY: &str = r#"
[agreement]
name = "Kill"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "1.5 seconds"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 seconds"
notify = ["owner"]
[[sla.escalation]]
after = "0.5 seconds"
notify = ["manager"]
"#;

struct Engine {
    child: Child,
    url: String,
}

impl Engine {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plazo"))
            .args(["run", "--config"])
            .arg(folder.join("plazo.toml"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut seen = String::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("the engine ended at its start:\n{seen}") };
            if let Some(at) = line.find("http://") {
                break line[at..].split_whitespace().next().expect("an address").to_owned();
            }
            seen.push_str(&line);
            seen.push('\n');
        };
        // The pipe is kept empty, or the engine would stand still on a full one.
        std::thread::spawn(move || lines.for_each(drop));
        Engine { child, url }
    }

    fn kill(&mut self) {
        self.child.kill().expect("a running child");
        self.child.wait().expect("a killed child");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into()
}

/// Posts leads' stories, each event until it is acknowledged, until told to end. The ids that were acknowledged.
fn client(number: u32, seed: u64, url: &Mutex<String>, end: &AtomicBool, acks: &mpsc::Sender<()>) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ u64::from(number) << 32);
    let agent = agent();
    let mut acknowledged = Vec::new();
    let mut lead = 0;
    while !end.load(Ordering::SeqCst) {
        lead += 1;
        let lead_id = format!("C{number}-{lead}");
        let held = rng.random_range(0..4) == 0;
        let stopped = rng.random_range(0..2) == 0;
        let mut story = vec![("lead.assigned", "\"owner\":\"ana\"")];
        if held {
            story.push(("lead.status_changed", "\"to\":\"on_hold\""));
            story.push(("lead.status_changed", "\"to\":\"new\""));
        }
        if stopped {
            story.push(("lead.status_changed", "\"to\":\"qualified\""));
        }
        for (index, (kind, data)) in story.iter().enumerate() {
            let id = format!("{lead_id}-{index}");
            let time = SystemClock.now();
            let body = format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"test\",\"type\":\"{kind}\",\"time\":\"{time}\",\"data\":{{\"lead_id\":\"{lead_id}\",{data}}}}}"
            );
            loop {
                let target = format!("{}/v1/events", url.lock().expect("the address"));
                let sent = agent.post(&target).content_type("application/cloudevents+json").send(&body);
                if let Ok(mut answer) = sent {
                    let text = answer.body_mut().read_to_string().unwrap_or_default();
                    assert!(answer.status() != 422, "refused: {text}");
                    if answer.status() == 200 && !text.is_empty() {
                        break;
                    }
                }
            }
            acknowledged.push(id);
            acks.send(()).ok();
        }
    }
    acknowledged
}

fn get(url: &str) -> String {
    let mut answer = agent().get(url).call().expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("a body")
}

/// Every page of the log or of the notices.
fn notices(url: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = 0;
    loop {
        let page: Value =
            serde_json::from_str(&get(&format!("{url}/v1/notices?after={after}&limit=500"))).expect("JSON");
        let found = page["notices"].as_array().expect("notices").clone();
        if found.is_empty() {
            return all;
        }
        all.extend(found);
        after = page["last"].as_u64().expect("last");
    }
}

fn log(url: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut after = 0;
    loop {
        let text = get(&format!("{url}/v1/events?after={after}&limit=1000"));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let Some(last) = lines.last() else { return all };
        let last: Value = serde_json::from_str(last).expect("JSON");
        let sequence = &last["sequence"];
        after = sequence.as_u64().or_else(|| sequence.as_str().and_then(|text| text.parse().ok())).expect("a sequence");
        all.extend(lines);
    }
}

#[test]
fn nothing_is_lost_or_told_twice_through_a_hundred_kills() {
    let seed = SystemClock.now().ms() as u64;
    println!("seed {seed}, {KILLS} kills, {CLIENTS} clients");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("policy.toml"), POLICY).expect("written");
    let settings = format!(
        "[engine]\ngrace = \"0 seconds\"\nretention = \"forever\"\n[policy]\npath = {:?}\n[embedded]\ndirectory = {:?}\n[http]\nbind = \"127.0.0.1:0\"\n",
        path("policy.toml"),
        path("data")
    );
    std::fs::write(path("plazo.toml"), settings).expect("written");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut engine = Engine::start(folder.path());
    let url = Arc::new(Mutex::new(engine.url.clone()));
    let end = Arc::new(AtomicBool::new(false));
    let (acks, acknowledgements) = mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (url, end, acks) = (url.clone(), end.clone(), acks.clone());
            std::thread::spawn(move || client(number, seed, &url, &end, &acks))
        })
        .collect();
    for kill in 0..KILLS {
        for _ in 0..rng.random_range(0..25) {
            let waited = acknowledgements.recv_timeout(Duration::from_secs(20));
            assert!(waited.is_ok(), "seed {seed}: nothing is acknowledged any more after {kill} kills");
        }
        engine.kill();
        engine = Engine::start(folder.path());
        url.lock().expect("the address").clone_from(&engine.url);
    }
    end.store(true, Ordering::SeqCst);
    let acknowledged: Vec<String> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
    let url = engine.url.clone();
    settle(&url, &acknowledgements);

    let log = log(&url);
    let mut applied: BTreeMap<String, u32> = BTreeMap::new();
    for line in &log {
        let event: Value = serde_json::from_str(line).expect("JSON");
        *applied.entry(event["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    for id in &acknowledged {
        assert_eq!(applied.get(id), Some(&1), "seed {seed}: event {id} was acknowledged");
    }
    assert_eq!(applied.len(), acknowledged.len(), "seed {seed}: what was never acknowledged was retried");
    let told = notices(&url);
    for (notice, number) in told.iter().zip(1u64..) {
        assert_eq!(notice["sequence"], number.to_string(), "seed {seed}");
    }
    let ids: BTreeSet<(String, String)> = told.iter().map(name).collect();
    assert_eq!(ids.len(), told.len(), "seed {seed}: a notice exists twice");

    let none = |_: &str| Err(std::io::Error::other("no files here"));
    let policy = policy::parse("policy.toml", POLICY, &none).expect("a policy");
    let mut replay = Replay::new(policy, Some(SystemClock.now()), i64::MAX);
    let mut replayed = BTreeSet::new();
    let mut take = |outbox: &plazo::engine::Outbox| {
        for notice in &outbox.notices {
            crate::schema_check::validate(outbox.json(notice));
            replayed.insert((notice.kind.name().to_owned(), notice.id.to_string()));
        }
        Ok(())
    };
    for line in &log {
        let refused = replay.event(event::decode(line.as_bytes()), &mut take).expect("nothing is written");
        assert_eq!(refused, None);
    }
    replay.finish(&mut take).expect("nothing is written");
    let missing: Vec<_> = replayed.difference(&ids).collect();
    let extra: Vec<_> = ids.difference(&replayed).collect();
    assert!(missing.is_empty() && extra.is_empty(), "seed {seed}: missing {missing:?}, extra {extra:?}");
    let kinds: BTreeSet<&str> = ids.iter().map(|(kind, _)| kind.as_str()).collect();
    for kind in ["sla.started", "sla.reminder", "sla.breached", "sla.escalated", "sla.met"] {
        assert!(kinds.contains(kind), "seed {seed}: no {kind} was told at all");
    }
    println!("{} events, {} notices", log.len(), told.len());
}

fn name(notice: &Value) -> (String, String) {
    let text = |key: &str| notice[key].as_str().expect("a text").to_owned();
    (text("type"), text("id"))
}

/// Until every clock has ended or told its whole ladder. The channel is silent by now: it only bounds the pace.
fn settle(url: &str, silence: &mpsc::Receiver<()>) {
    for _ in 0..400 {
        let running: Value = serde_json::from_str(&get(&format!("{url}/v1/clocks?state=running"))).expect("JSON");
        let metrics = get(&format!("{url}/metrics"));
        let pending = metrics.lines().find_map(|line| line.strip_prefix("plazo_timers_pending ")).map(str::to_owned);
        if running["clocks"].as_array().is_some_and(Vec::is_empty) && pending.as_deref() == Some("0") {
            return;
        }
        silence.recv_timeout(Duration::from_millis(50)).ok();
    }
    panic!("clocks still run after 20 s");
}
