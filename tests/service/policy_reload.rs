//! The policy read anew while the engine runs. The binary is the real one, and so is its clock; the boundary itself is tried on a
//! clock moved by hand.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::shell::{CLOUDEVENT, Reply, Setup, assigned, read};
use plazo::event;
use plazo::policy;
use plazo::replay::Replay;
use plazo::time::{Clock, SystemClock, Timestamp};
use plazo::view::{NotAdopted, Shell};
use serde_json::Value;

const STEPS: u32 = 400;
const STEP: Duration = Duration::from_millis(50);

fn version(effective_from: &str, within: &str, more: &str) -> String {
    format!(
        r#"
[agreement]
name = "Test"
effective_from = "{effective_from}"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = {{ on = "created" }}
stop = {{ disposition = "any" }}
[[sla.target]]
within = "{within}"
{more}
"#
    )
}

const FIRST_TOUCH: &str = "[[sla]]\nname = \"first touch\"\nstart = { on = \"created\" }\nstop = { activity = \"any\" }\n[[sla.target]]\nwithin = \"1 hour\"";
const FIRST: &str = "2020-01-01T00:00:00Z";

/// The engine's folder: settings, a directory of versions, the store.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("policy")).expect("made");
        let settings = format!(
            "[engine]\ngrace = \"0 seconds\"\n[policy]\npath = {:?}\n[embedded]\ndirectory = {:?}\n[http]\nbind = \"127.0.0.1:0\"\n",
            folder.path().join("policy"),
            folder.path().join("data")
        );
        std::fs::write(folder.path().join("plazo.toml"), settings).expect("written");
        let site = Site(folder);
        site.write("1.toml", &version(FIRST, "1 hour", ""));
        site
    }

    fn policy(&self) -> std::path::PathBuf {
        self.0.path().join("policy")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.policy().join(name), text).expect("written");
    }

    fn start(&self) -> Engine {
        let engine = Engine::start(self.0.path());
        let ready = || read(engine.agent.get(format!("{}/readyz", engine.url)).call()).status == 200;
        engine.until("it is restored", ready);
        engine
    }
}

struct Engine {
    child: Child,
    url: String,
    log: Arc<Mutex<Vec<String>>>,
    lines: Receiver<()>,
    agent: ureq::Agent,
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
        let log = Arc::new(Mutex::new(Vec::new()));
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("the engine ended at its start: {:?}", log.lock()) };
            if let Some(at) = line.find("http://") {
                break line[at..].split_whitespace().next().expect("an address").to_owned();
            }
            log.lock().expect("the log").push(line);
        };
        let (told, read) = channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().expect("the log").push(line);
                told.send(()).ok();
            }
        });
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Engine { child, url, log, lines: read, agent }
    }

    fn get(&self, path: &str) -> Value {
        let reply = read(self.agent.get(format!("{}{path}", self.url)).call());
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    fn reload(&self) -> Reply {
        read(self.agent.post(format!("{}/v1/policy/reload", self.url)).send_empty())
    }

    fn hang_up(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    fn created(&self, lead: &str, time: Timestamp) {
        let body = format!(
            r#"{{"specversion":"1.0","id":"{lead}","source":"crm","type":"lead.created","time":"{time}","data":{{"lead_id":"{lead}"}}}}"#
        );
        let sent = self.agent.post(format!("{}/v1/events", self.url)).content_type(CLOUDEVENT).send(&body);
        let reply = read(sent);
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// The SLA and allowance in hours of each of a lead's clocks.
    fn clocks(&self, lead: &str) -> Vec<(String, i64)> {
        let seen = self.get(&format!("/v1/leads/{lead}"));
        let instant =
            |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("an instant");
        let clocks = seen["clocks"].as_array().expect("clocks").iter();
        clocks
            .map(|clock| {
                let allowed = instant(&clock["due_at"]).since_ms(instant(&clock["started_at"]));
                (clock["sla"].as_str().expect("a name").to_owned(), allowed / 3_600_000)
            })
            .collect()
    }

    fn versions(&self) -> usize {
        self.get("/v1/policy")["versions"].as_array().expect("versions").len()
    }

    fn reloads(&self, result: &str) -> String {
        self.metric(&format!("plazo_policy_reloads_total{{result=\"{result}\"}}"))
    }

    fn metric(&self, sample: &str) -> String {
        let text = read(self.agent.get(format!("{}/metrics", self.url)).call()).text;
        let line = text.lines().find_map(|line| line.strip_prefix(sample)).unwrap_or_default();
        line.trim().to_owned()
    }

    /// Waits until it is so. The log's lines only set the pace.
    fn until(&self, what: &str, come_true: impl Fn() -> bool) {
        for _ in 0..STEPS {
            if come_true() {
                return;
            }
            self.lines.recv_timeout(STEP).ok();
        }
        panic!("not in time: {what}; the log: {:#?}", self.log.lock());
    }

    fn logs(&self, level: &str, words: &str) {
        self.until(words, || {
            let log = self.log.lock().expect("the log");
            log.iter().any(|line| line.contains(level) && line.contains(words))
        });
    }

    fn kill(mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it ends");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn hours(name: &str, hours: i64) -> (String, i64) {
    (name.to_owned(), hours)
}

#[test]
fn a_version_added_while_running_governs_the_clocks_that_start_from_its_instant_on_and_no_other() {
    let site = Site::new();
    let engine = site.start();
    let begun = SystemClock.now();
    engine.created("before", begun);
    let boundary = begun.plus_ms(3_000);
    site.write("2.toml", &version(&boundary.to_string(), "2 hours", FIRST_TOUCH));
    let reply = engine.reload();
    assert_eq!((reply.status, &reply.json()["changed"]), (200, &Value::Bool(true)), "{}", reply.text);
    assert_eq!(reply.json()["versions"][1]["slas"][1], "first touch");
    assert_eq!((engine.versions(), engine.reloads("applied")), (2, "1".to_owned()));
    assert_eq!(engine.metric("plazo_open_clocks{sla=\"first touch\",state=\"running\"}"), "0");
    engine.created("meanwhile", SystemClock.now().min(boundary.plus_ms(-1)));
    engine.until("the version is in force", || SystemClock.now() > boundary);
    // Known late, but started before.
    engine.created("late", boundary.plus_ms(-1));
    engine.created("after", boundary);
    for lead in ["before", "meanwhile", "late"] {
        assert_eq!(engine.clocks(lead), [hours("disposition", 1)], "{lead}");
    }
    assert_eq!(engine.clocks("after"), [hours("disposition", 2), hours("first touch", 1)]);
    assert_eq!(engine.metric("plazo_open_clocks{sla=\"first touch\",state=\"running\"}"), "1");
    assert_eq!(engine.metric("plazo_notices_total{sla=\"first touch\",type=\"sla.started\"}"), "1");

    // What was told is what both versions tell of the same log from its beginning on.
    let log = read(engine.agent.get(format!("{}/v1/events", engine.url)).call()).text;
    let mut replay = Replay::new(policy::load(&site.policy()).expect("the policy"), None, i64::MAX);
    let mut replayed = BTreeSet::new();
    let mut take = |outbox: &plazo::engine::Outbox| {
        replayed.extend(outbox.notices.iter().map(|notice| notice.id.to_string()));
        Ok(())
    };
    for line in log.lines() {
        assert_eq!(replay.event(event::decode(line.as_bytes()), &mut take).expect("nothing is written"), None);
    }
    replay.finish(&mut take).expect("nothing is written");
    let page = engine.get("/v1/notices");
    let told = page["notices"].as_array().expect("notices").iter();
    let told: BTreeSet<String> = told.map(|notice| notice["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!((told.len(), told), (5, replayed));

    // The store keeps it: a restart asks for nothing, and misses it.
    engine.kill();
    let engine = site.start();
    assert_eq!(engine.clocks("after"), [hours("disposition", 2), hours("first touch", 1)]);
    engine.kill();
    std::fs::remove_file(site.policy().join("2.toml")).expect("removed");
    let refused = Command::new(env!("CARGO_BIN_EXE_plazo"))
        .args(["run", "--config"])
        .arg(site.0.path().join("plazo.toml"))
        .output()
        .expect("plazo run");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && told.contains(&format!("of {boundary} is missing")), "{told}");
}

#[test]
fn a_hangup_reads_the_policy_anew() {
    let site = Site::new();
    let engine = site.start();
    engine.created("L1", SystemClock.now());
    site.write("2.toml", &version("2099-01-01T00:00:00Z", "2 hours", ""));
    engine.hang_up();
    engine.until("two versions", || engine.versions() == 2);
    engine.logs("INFO", "the policy was read anew");
    // A version that lies ahead may be edited, and taken back.
    site.write("2.toml", &version("2098-01-01T00:00:00Z", "3 hours", ""));
    engine.hang_up();
    engine.until("the edited one", || {
        engine.get("/v1/policy")["versions"][1]["effective_from"] == "2098-01-01T00:00:00Z"
    });
    std::fs::remove_file(site.policy().join("2.toml")).expect("removed");
    engine.hang_up();
    engine.until("one version", || engine.versions() == 1);
    engine.until("all are counted", || engine.reloads("applied") == "3");
    engine.hang_up();
    engine.until("it is counted", || engine.reloads("unchanged") == "1");
    assert_eq!(engine.clocks("L1"), [hours("disposition", 1)]);
}

#[test]
fn all_faults_are_told_with_their_places_and_the_policy_before_stays() {
    let site = Site::new();
    let engine = site.start();
    site.write("2.toml", &version("2099-01-01T00:00:00Z", "2d", "colour = 1"));
    site.write("3.toml", &version("soon", "2 hours", ""));
    let reply = engine.reload();
    let problem = reply.json();
    assert_eq!((reply.status, reply.content_type.as_str()), (422, "application/problem+json"));
    assert_eq!(problem["reason"], "policy_faults");
    let places: Vec<String> = problem["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| {
            let file = Path::new(fault["file"].as_str().expect("a file")).file_name().expect("a name");
            format!("{}:{}:{}", file.display(), fault["line"], fault["column"])
        })
        .collect();
    assert_eq!(places, ["2.toml:16:10", "2.toml:17:1", "3.toml:4:18"]);
    for place in &places {
        assert!(problem["detail"].as_str().expect("a detail").contains(place), "{}", reply.text);
    }
    engine.hang_up();
    engine.until("it is counted", || engine.reloads("faulty") == "2");
    for place in &places {
        engine.logs("ERROR", place);
    }
    engine.logs("ERROR", "the one before stays in force");
    engine.created("L1", SystemClock.now());
    assert_eq!((engine.versions(), engine.clocks("L1")), (1, vec![hours("disposition", 1)]));
}

#[test]
fn a_version_that_has_governed_clocks_is_not_edited_by_a_reload() {
    let site = Site::new();
    let engine = site.start();
    // As long as nothing was promised, anything may be written.
    site.write("1.toml", &version(FIRST, "90 minutes", ""));
    assert_eq!(engine.reload().status, 200);
    site.write("1.toml", &version(FIRST, "1 hour", ""));
    assert_eq!(engine.reload().status, 200);
    engine.created("L1", SystemClock.now());
    site.write("1.toml", &version(FIRST, "2 hours", ""));
    let reply = engine.reload();
    let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
    assert_eq!((reply.status, &reply.json()["reason"]), (409, &Value::from("policy_changed")));
    for words in ["- within = \"1 hour\"", "+ within = \"2 hours\"", "takes no --accept-changed-policy"] {
        assert!(detail.contains(words), "{words}: {detail}");
    }
    engine.logs("ERROR", "a version that is in force may not be edited");
    site.write("1.toml", &version(FIRST, "1 hour", ""));
    site.write("2.toml", &version("2021-01-01T00:00:00Z", "2 hours", ""));
    let reply = engine.reload();
    assert!(reply.status == 409 && reply.text.contains("was added for a time that has passed"), "{}", reply.text);
    assert_eq!((engine.reloads("applied"), engine.reloads("refused")), ("2".to_owned(), "2".to_owned()));
    assert_eq!((engine.versions(), engine.clocks("L1")), (1, vec![hours("disposition", 1)]));
}

#[test]
fn what_lies_ahead_of_the_watermark_may_be_taken_and_what_does_not_may_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let setup = Setup::new(folder.path());
    let engine = setup.start();
    engine.set_and_settle("09:59:59.999");
    engine.tell(&assigned("1", "L1", "09:59:59.999"));
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    let later = |from: &str| {
        let later = crate::shell::POLICY.replace("2020-01-01T00:00:00Z", from).replace("8 hours", "4 hours");
        let later = policy::parse("later.toml", &later, &none).expect("a policy");
        let both = [crate::shell::policy().versions.clone(), later.versions];
        Arc::new(plazo::policy::Policy::of(both.into_iter().flatten().collect()))
    };
    let refused = engine.embedded.adopt(later("2026-12-01T09:59:59.999Z"));
    assert!(matches!(refused, Err(NotAdopted::Governed(_))), "{refused:?}");
    assert_eq!(engine.embedded.adopt(later("2026-12-01T10:00:00Z")), Ok(()));
    engine.set_and_settle("10:00:00");
    engine.tell(&assigned("2", "L2", "10:00:00"));
    let due = |lead: &str| engine.get(&format!("/v1/leads/{lead}")).json()["clocks"][0]["due_at"].clone();
    assert_eq!(due("L1"), "2026-12-01T17:59:59.999Z");
    assert_eq!(due("L2"), "2026-12-01T14:00:00Z");
}
