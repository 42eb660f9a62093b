//! An engine's settings, its topics and its processes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;

use super::BOUND;
use super::broker::Broker;
use super::crm::Feeder;
use super::log::{Log, Read, Told};

pub const INPUTS: [&str; 2] = ["leads.created", "leads.changed"];
pub const NOTICES: [&str; 3] = ["sla.reminders", "sla.breaches", "sla.outcomes"];

/// How engines of these tests are set up.
pub struct Site<'a> {
    pub broker: &'a Broker,
    /// Where its engines find the broker.
    pub address: String,
    pub folder: tempfile::TempDir,
    /// Of all its topics; with a dot, so that nobody else's begin so.
    prefix: String,
    pub group: String,
    pub protocol: &'static str,
    pub changelog: String,
    pub properties: Vec<(&'static str, &'static str)>,
    pub workers: usize,
    /// More lines of the `[kafka]` settings.
    pub more: String,
}

impl<'a> Site<'a> {
    /// With the default names of everything.
    pub fn new(broker: &'a Broker, policy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.toml"), policy).expect("the policy");
        Site {
            broker,
            address: broker.address(),
            folder,
            prefix: String::new(),
            group: "plazo".to_owned(),
            protocol: "classic",
            changelog: "plazo.changelog".to_owned(),
            properties: Vec::new(),
            workers: 1,
            more: String::new(),
        }
    }

    /// Beside others on one broker; a member that was killed is missed soon.
    pub fn named(broker: &'a Broker, name: &str, policy: &str) -> Self {
        Site {
            prefix: format!("{name}."),
            group: name.to_owned(),
            changelog: format!("{name}.changelog"),
            properties: vec![("session.timeout.ms", "6000")],
            ..Site::new(broker, policy)
        }
    }

    /// Under the group protocol of KIP-848, which leaves the session to the brokers.
    pub fn with_protocol(mut self, protocol: &'static str) -> Self {
        self.protocol = protocol;
        if protocol == "consumer" {
            self.properties.retain(|(name, _)| *name != "session.timeout.ms");
        }
        self
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub fn inputs(&self) -> Vec<String> {
        INPUTS.iter().map(|name| self.topic(name)).collect()
    }

    pub fn settings(&self, instance: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{instance}.toml"));
        let mut text = format!(
            "[engine]\ninstance = {instance:?}\nworkers = {}\nclock_skew = \"0.1 seconds\"\n[policy]\npath = {:?}\n[http]\nbind = \"127.0.0.1:0\"\n\
             [kafka]\nbrokers = {:?}\n",
            self.workers,
            self.policy(),
            self.address,
        );
        text += &format!("inputs = {:?}\nprotocol = {:?}\n", self.inputs(), self.protocol);
        text += &format!("group = {:?}\n", self.group);
        text += &self.more;
        if !self.more.contains("[kafka.topics]") {
            text += "[kafka.topics]\n";
            for name in ["reminders", "breaches", "outcomes", "dead_letters"] {
                text += &format!("{name} = {:?}\n", self.topic(&format!("sla.{name}")));
            }
            text += &format!("changelog = {:?}\n", self.changelog);
        }
        if !self.properties.is_empty() {
            text += "[kafka.properties]\n";
        }
        for (name, value) in &self.properties {
            text += &format!("{name:?} = {value:?}\n");
        }
        fs::write(&path, text).expect("the settings");
        path
    }

    pub fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.toml")
    }

    /// The binary with these arguments and the settings of an instance.
    pub fn command(&self, args: &[&str], instance: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plazo"));
        command.args(args).arg("--config").arg(self.settings(instance)).stdin(Stdio::null());
        command
    }

    pub fn create_topics(&self, partitions: u32) {
        let made_of = partitions as usize;
        let partitions = partitions.to_string();
        let made = self.command(&["topics", "--create", "--partitions", &partitions], "topics").output();
        let made = made.expect("plazo topics");
        assert!(
            made.status.success(),
            "{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        let mut topics = self.inputs();
        topics.extend(NOTICES.map(|name| self.topic(name)));
        topics.extend([self.topic("sla.dead_letters"), self.changelog.clone()]);
        self.broker.until_led(&topics, made_of);
    }

    pub fn engine(&self, instance: &str) -> Engine {
        self.engine_with(instance, &[])
    }

    pub fn engine_with(&self, instance: &str, more: &[&str]) -> Engine {
        let log = self.folder.path().join(format!("{instance}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let before = file.metadata().expect("its length").len();
        let mut command = self.command(&["run"], instance);
        let process = command.args(more).stdout(Stdio::null()).stderr(file).spawn().expect("plazo run");
        Engine { process, log, before }
    }

    /// `plazo run` that ends by itself: its exit code, and what it said.
    pub fn refused(&self, instance: &str) -> (Option<i32>, String) {
        let mut engine = self.engine(instance);
        let (_kept, never) = channel::<()>();
        let began = Instant::now();
        while engine.is_running() {
            assert!(began.elapsed() < BOUND, "it runs:\n{}", engine.log());
            pause(&never);
        }
        (engine.process.wait().expect("it ended").code(), engine.log())
    }

    /// `plazo load`.
    pub fn synthetic(&self, leads: u32, prefix: &str, to: &str, more: Option<&str>) -> Output {
        let leads = leads.to_string();
        let mut load = self.command(&["load", "--leads", &leads, "--prefix", prefix, "--to", to], "load");
        let done = load.args(more).output().expect("plazo load");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done
    }

    /// `plazo dead-letters`: what it printed, and its exit code.
    pub fn dead_letters(&self, args: &[&str]) -> (String, Option<i32>) {
        let args: Vec<&str> = ["dead-letters"].into_iter().chain(args.iter().copied()).collect();
        let done = self.command(&args, "letters").output().expect("plazo dead-letters");
        (String::from_utf8_lossy(&done.stdout).into_owned(), done.status.code())
    }

    pub fn crm(&self) -> Feeder {
        Feeder::new(self.broker, &self.prefix, None)
    }

    /// A CRM that writes in transactions.
    pub fn transactional_crm(&self, id: &str) -> Feeder {
        Feeder::new(self.broker, &self.prefix, Some(&self.topic(id)))
    }

    pub fn told(&self) -> Told {
        let topics = NOTICES.map(|name| self.topic(name));
        Told::of(self.broker, &topics.each_ref().map(String::as_str))
    }

    /// Every committed record of one of its topics.
    pub fn read(&self, name: &str) -> Vec<Read> {
        self.broker.read(&self.topic(name))
    }

    /// Every committed record of its changelog.
    pub fn kept(&self) -> Vec<Read> {
        let mut log = Log::of(self.broker, &[&self.changelog]);
        log.read_to_end();
        log.records
    }

    pub fn until_consumed(&self) {
        let inputs = self.inputs();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.broker.until_consumed(&self.group, &inputs, BOUND);
    }
}

fn pause(never: &Receiver<()>) {
    let _nothing_comes = never.recv_timeout(Duration::from_millis(20));
}

/// A running engine.
pub struct Engine {
    process: Child,
    log: PathBuf,
    /// What an earlier process of its name wrote there.
    before: u64,
}

impl Engine {
    pub fn kill(mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("it ends");
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("the process").is_none()
    }

    pub fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    pub fn log(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let own = text.get(usize::try_from(self.before).unwrap_or(0)..).unwrap_or_default();
        String::from_utf8_lossy(own).into_owned()
    }

    /// Waits until its log says this.
    pub fn logs(&self, words: &str) {
        let (_kept, never) = channel::<()>();
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < BOUND, "the log does not say {words:?}:\n{}", self.log());
            pause(&never);
        }
    }

    /// `/readyz`: its status, and what it says.
    pub fn ready(&self) -> (u16, Value) {
        self.logs("listening on ");
        let log = self.log();
        let address = log.split("listening on ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let url = format!("{}/readyz", address.expect("an address"));
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(BOUND)).build().into();
        let mut answer = agent.get(&url).call().expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until `/readyz` tells why the watermark is held.
    pub fn is_held(&self, reason: &str) {
        let (_kept, never) = channel::<()>();
        let began = Instant::now();
        loop {
            let (status, body) = self.ready();
            if body["held"] == reason {
                return;
            }
            assert!(began.elapsed() < BOUND, "not held by {reason}: {status} {body}\n{}", self.log());
            pause(&never);
        }
    }

    /// Told to stop: how long it took, and its exit code.
    pub fn stop(mut self) -> (Duration, Option<i32>) {
        let began = Instant::now();
        self.signal("TERM");
        let status = self.process.wait().expect("it ends");
        (began.elapsed(), status.code())
    }

    /// Stops it by SIGSTOP while a transaction of it stands open, however often that must be tried.
    pub fn freeze_in_transaction(&self, site: &Site<'_>) {
        self.freeze(site, true);
    }

    /// Stops it by SIGSTOP between two transactions.
    pub fn freeze_between_transactions(&self, site: &Site<'_>) {
        self.freeze(site, false);
    }

    fn freeze(&self, site: &Site<'_>, within: bool) {
        let (_kept, never) = channel::<()>();
        let open = OpenTransaction::of(site);
        let began = Instant::now();
        'again: loop {
            assert!(began.elapsed() < BOUND, "it was never met so");
            self.signal("STOP");
            let stopped = Instant::now();
            // A commit that is under way ends without the engine; for so long it is given time.
            while stopped.elapsed() < Duration::from_millis(300) {
                if open.stands() != within {
                    self.signal("CONT");
                    pause(&never);
                    continue 'again;
                }
                pause(&never);
            }
            return;
        }
    }
}

/// Whether records of the changelog are neither committed nor aborted.
pub struct OpenTransaction {
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
    changelog: String,
    partitions: i32,
}

impl OpenTransaction {
    pub fn of(site: &Site<'_>) -> Self {
        let reader =
            |isolation: &str| site.broker.client().set("isolation.level", isolation).create().expect("a reader");
        let partitions = site.broker.ends(&site.changelog).len() as i32;
        let (committed, uncommitted) = (reader("read_committed"), reader("read_uncommitted"));
        OpenTransaction { committed, uncommitted, changelog: site.changelog.clone(), partitions }
    }

    pub fn stands(&self) -> bool {
        (0..self.partitions).any(|partition| {
            let end =
                |reader: &BaseConsumer| reader.fetch_watermarks(&self.changelog, partition, BOUND).expect("the ends").1;
            end(&self.committed) != end(&self.uncommitted)
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _reaped = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the engine's log:\n{}", self.log());
        }
    }
}
