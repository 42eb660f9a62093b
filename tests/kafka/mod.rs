//! A real Kafka on free ports in a temporary folder, the real binary beside it, and what tests ask of both.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "the clocks are real here: waits are bounded by them")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plazo::engine::{Options, Shard};
use plazo::time::{Clock, DAY_MS, SystemClock, Timestamp};
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Headers;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

/// Everything that is waited for comes within this time, or the test fails.
pub const BOUND: Duration = Duration::from_secs(90);
const JAVA: [&str; 8] = [
    "-Xms256m",
    "-Xmx512m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:+ExitOnOutOfMemoryError",
];

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn classpath() -> String {
    let libs = root().join("target/kafka-libs");
    assert!(
        libs.join("done").exists(),
        "there is no Kafka in target/kafka-libs: `make kafka-libs` gets it (it needs java and mvn)"
    );
    format!("{}/*", libs.display())
}

/// One node, which is broker and controller.
pub struct Broker {
    pub folder: tempfile::TempDir,
    pub port: u16,
    process: Option<Child>,
}

impl Broker {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, controller) = (free_port(), free_port());
        let settings = include_str!("single.properties")
            .replace("PORT", &port.to_string())
            .replace("CONTROLLER_AT", &controller.to_string())
            .replace("FOLDER", &folder.path().join("data").display().to_string());
        fs::write(folder.path().join("server.properties"), settings).expect("its settings");
        let mut broker = Broker { folder, port, process: None };
        let formatted = broker
            .java("kafka.tools.StorageTool")
            .args(["format", "--ignore-formatted", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"])
            .arg(broker.settings())
            .status()
            .expect("java");
        assert!(formatted.success(), "the storage was not formatted; see {}", broker.log().display());
        broker.launch();
        broker
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("kafka.log")
    }

    fn java(&self, class: &str) -> Command {
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        let mut command = Command::new("java");
        command
            .args(JAVA)
            .arg(format!("-Dlog4j2.configurationFile=file:{}/tests/kafka/log4j2.properties", root().display()));
        command.args(["-cp", &classpath(), class]).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the log")).stderr(log);
        command
    }

    /// Starts the process and waits until it answers.
    pub fn launch(&mut self) {
        self.process = Some(self.java("kafka.Kafka").arg(self.settings()).spawn().expect("java"));
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let began = Instant::now();
        loop {
            let answer = consumer.fetch_metadata(None, Duration::from_secs(2));
            if answer.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                return;
            }
            let ended = self.process.as_mut().and_then(|process| process.try_wait().ok().flatten());
            assert!(ended.is_none() && began.elapsed() < BOUND, "Kafka did not start:\n{}", self.tail());
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().and_then(|()| process.wait()).expect("Kafka ends");
        }
    }

    fn tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("group.id", "test").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "false");
        config
    }

    /// # Panics
    /// Where it does not come true in time.
    pub fn until(&self, what: &str, come_true: impl Fn() -> bool) {
        let began = Instant::now();
        while !come_true() {
            assert!(began.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        }
    }

    /// Once it has no members.
    pub fn delete_group(&self, group: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let began = Instant::now();
        loop {
            let deleted = runtime.block_on(admin.delete_groups(&[group], &AdminOptions::new())).expect("an answer");
            match deleted.first() {
                Some(Ok(_)) => return,
                other => assert!(began.elapsed() < BOUND, "{group} cannot be deleted: {other:?}"),
            }
        }
    }

    /// Raises the number of partitions of topics.
    pub fn add_partitions(&self, topics: &[&str], count: usize) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let new: Vec<NewPartitions<'_>> = topics.iter().map(|topic| NewPartitions::new(topic, count)).collect();
        let made = runtime.block_on(admin.create_partitions(&new, &AdminOptions::new())).expect("an answer");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    pub fn producer(&self, transactional_id: Option<&str>) -> Feeder {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("linger.ms", "5").set("partitioner", "murmur2_random");
        if let Some(id) = transactional_id {
            config.set("transactional.id", id).set("transaction.timeout.ms", "60000");
        }
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
        if transactional_id.is_some() {
            producer.init_transactions(BOUND).expect("a transactional producer");
        }
        Feeder { producer }
    }

    /// Every committed record of a topic: partition, offset, append time, key, value.
    pub fn read(&self, topic: &str) -> Vec<Read> {
        self.read_all(&[topic])
    }

    fn read_all(&self, topics: &[&str]) -> Vec<Read> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        let mut left: BTreeMap<(String, i32), (i64, i64)> = BTreeMap::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), BOUND).expect("the topic");
            for partition in 0..metadata.topics()[0].partitions().len() as i32 {
                let (low, high) = consumer.fetch_watermarks(topic, partition, BOUND).expect("the ends");
                if low < high {
                    list.add_partition_offset(topic, partition, Offset::Offset(low)).expect("an offset");
                    left.insert(((*topic).to_owned(), partition), (low, high));
                }
            }
        }
        consumer.assign(&list).expect("assigned");
        let mut all = Vec::new();
        let began = Instant::now();
        while left.values().any(|(position, high)| position < high) {
            match consumer.poll(Duration::from_millis(20)) {
                Some(Ok(message)) => {
                    if let Some((position, _)) = left.get_mut(&(message.topic().to_owned(), message.partition())) {
                        *position = message.offset() + 1;
                    }
                    all.push(Read::of(&message));
                }
                Some(Err(error)) => panic!("{topics:?}: {error}"),
                // The last offsets may be markers.
                None => {
                    let told = consumer.position().expect("the position");
                    for element in told.elements() {
                        let at = left.get_mut(&(element.topic().to_owned(), element.partition()));
                        if let (Some((position, _)), Offset::Offset(offset)) = (at, element.offset()) {
                            *position = offset.max(*position);
                        }
                    }
                }
            }
            assert!(began.elapsed() < BOUND, "{topics:?}: not read to the end: {left:?}");
        }
        all
    }

    /// By partition, the offset behind the last record that is committed.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), BOUND).expect("the topic");
        let partitions = 0..metadata.topics()[0].partitions().len() as i32;
        partitions.map(|partition| consumer.fetch_watermarks(topic, partition, BOUND).expect("the ends").1).collect()
    }

    /// Waits until a group has committed all that topics hold.
    pub fn until_consumed(&self, group: &str, topics: &[&str], bound: Duration) {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let began = Instant::now();
        loop {
            let mut lag = 0;
            for topic in topics {
                let ends = self.ends(topic);
                let mut asked = TopicPartitionList::new();
                asked.add_partition_range(topic, 0, ends.len() as i32 - 1);
                let told = consumer.committed_offsets(asked, BOUND).expect("offsets");
                let of = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                    element.offset().to_raw().unwrap_or(0).max(0)
                };
                lag += ends.iter().sum::<i64>() - told.elements().iter().map(of).sum::<i64>();
            }
            if lag == 0 {
                return;
            }
            assert!(began.elapsed() < bound, "{group}: {lag} records behind");
            assert!(consumer.poll(Duration::from_millis(100)).is_none());
        }
    }

    /// All notices that are committed.
    pub fn notices(&self) -> Vec<Value> {
        let all = self.read_all(&["sla.reminders", "sla.breaches", "sla.outcomes"]);
        all.into_iter().map(|read| serde_json::from_slice(&read.value.expect("a notice")).expect("JSON")).collect()
    }

    /// Reads notices until `enough` says so.
    pub fn notices_until(&self, what: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let notices = self.notices();
            if enough(&notices) {
                return notices;
            }
            let kinds = count(&notices);
            assert!(began.elapsed() < BOUND, "{what}: not within {BOUND:?}; there are {kinds:?}");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn count(notices: &[Value]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for notice in notices {
        *kinds.entry(notice["type"].as_str().unwrap_or("").to_owned()).or_default() += 1;
    }
    kinds
}

/// Leads that have a notice of a type, one entry a notice.
pub fn leads(notices: &[Value], kind: &str) -> Vec<String> {
    let of_kind = notices.iter().filter(|notice| notice["type"] == kind);
    let mut leads: Vec<String> = of_kind.map(|notice| notice["subject"].as_str().unwrap_or("").to_owned()).collect();
    leads.sort();
    leads
}

#[derive(Clone, Debug)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub append_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, String)>,
}

impl Read {
    fn of(message: &rdkafka::message::BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
        });
        Read {
            partition: message.partition(),
            offset: message.offset(),
            append_ms: message.timestamp().to_millis().unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A CRM.
pub struct Feeder {
    pub producer: ThreadedProducer<DefaultProducerContext>,
}

impl Feeder {
    pub fn send(&self, topic: &str, key: Option<&str>, value: Option<&str>) {
        let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic);
        record.key = key;
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).expect("sent");
    }

    /// As [`Feeder::send`], however much waits to be sent.
    pub fn send_waiting(&self, topic: &str, key: &str, value: &str) {
        let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic).key(key).payload(value);
        while let Err((error, refused)) = self.producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full);
            self.producer.poll(Duration::from_millis(10));
            record = refused;
        }
    }

    pub fn created(&self, lead: &str) {
        self.send("leads.created", Some(lead), Some(&event("lead.created", &format!("c-{lead}"), lead, "")));
    }

    pub fn status(&self, lead: &str, to: &str) {
        let id = format!("s-{lead}-{to}");
        self.send(
            "leads.changed",
            Some(lead),
            Some(&event("lead.status_changed", &id, lead, &format!(",\"to\":{to:?}"))),
        );
    }

    pub fn flush(&self) {
        self.producer.flush(BOUND).expect("delivered");
    }
}

/// A CloudEvent of this instant.
pub fn event(kind: &str, id: &str, lead: &str, more: &str) -> String {
    let now = SystemClock.now();
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"crm","type":"{kind}","time":"{now}","data":{{"lead_id":"{lead}"{more}}}}}"#
    )
}

/// A running engine.
pub struct Engine {
    process: Child,
    log: PathBuf,
}

/// How an engine of these tests is set up.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub address: String,
    /// More lines of the settings.
    pub more: String,
}

impl Site {
    pub fn new(broker: &Broker, policy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.toml"), policy).expect("the policy");
        Site { folder, address: broker.address(), more: String::new() }
    }

    pub fn settings(&self, instance: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{instance}.toml"));
        let text = format!(
            "[engine]\ninstance = {instance:?}\nclock_skew = \"0.1 seconds\"\n[policy]\npath = {:?}\n[http]\nbind = \"127.0.0.1:0\"\n\
             [kafka]\nbrokers = {:?}\n{}\n",
            self.policy(),
            self.address,
            self.more
        );
        fs::write(&path, text).expect("the settings");
        path
    }

    pub fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.toml")
    }

    pub fn create_topics(&self, partitions: u32) {
        let made = Command::new(env!("CARGO_BIN_EXE_plazo"))
            .args(["topics", "--create", "--partitions", &partitions.to_string(), "--config"])
            .arg(self.settings("topics"))
            .output()
            .expect("plazo topics");
        assert!(
            made.status.success(),
            "{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
    }

    pub fn engine(&self, instance: &str) -> Engine {
        self.engine_with(instance, &[])
    }

    pub fn engine_with(&self, instance: &str, more: &[&str]) -> Engine {
        let log = self.folder.path().join(format!("{instance}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let process = Command::new(env!("CARGO_BIN_EXE_plazo"))
            .args(["run", "--config"])
            .arg(self.settings(instance))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("plazo run");
        Engine { process, log }
    }

    /// `plazo load`.
    pub fn synthetic(&self, leads: u32, prefix: &str, to: &str, more: Option<&str>) -> std::process::Output {
        let mut load = Command::new(env!("CARGO_BIN_EXE_plazo"));
        load.args(["load", "--leads", &leads.to_string(), "--prefix", prefix, "--to", to, "--config"])
            .arg(self.settings("load"))
            .args(more);
        let done = load.output().expect("plazo load");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done
    }

    /// `plazo dead-letters`: what it printed, and its exit code.
    pub fn dead_letters(&self, args: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plazo"));
        command.arg("dead-letters").args(args).arg("--config").arg(self.settings("letters"));
        let done = command.output().expect("plazo dead-letters");
        (String::from_utf8_lossy(&done.stdout).into_owned(), done.status.code())
    }

    /// The inputs in the order of their append times.
    fn inputs(broker: &Broker) -> Vec<Read> {
        let mut records: Vec<(i64, usize, Read)> = Vec::new();
        for (input, topic) in ["leads.created", "leads.changed"].iter().enumerate() {
            records.extend(broker.read(topic).into_iter().map(|read| (read.append_ms, input, read)));
        }
        records.sort_by_key(|(append, input, read)| (*append, *input, read.partition, read.offset));
        records.into_iter().map(|(_, _, read)| read).collect()
    }

    /// The record of each lead once all inputs are applied and everything up to `until` is told, without any Kafka between.
    pub fn records(&self, broker: &Broker, until: Timestamp) -> BTreeMap<String, Vec<u8>> {
        let policy = std::sync::Arc::new(plazo::policy::load(&self.policy()).expect("the policy"));
        let options = Options { retention_ms: Some(400 * DAY_MS), ..Options::default() };
        let mut shard = Shard::new(policy, options, &["any"]);
        for (position, read) in Self::inputs(broker).iter().enumerate() {
            let append = Timestamp::from_ms(read.append_ms);
            shard.advance(append, usize::MAX);
            let event = plazo::event::decode(read.value.as_deref().unwrap_or_default()).expect("an event");
            shard.apply(&event, append, (0, position as u64)).expect("applied");
        }
        shard.advance(until, usize::MAX);
        let of = |record: &[u8]| {
            let mut lead = plazo::engine::Lead::default();
            lead.decode(record).expect("a record");
            (lead.lead_id().to_owned(), record.to_vec())
        };
        shard.records().map(of).collect()
    }

    /// What a replay of the inputs, at their append times, tells until `until`: notices by id.
    pub fn replay(&self, broker: &Broker, until: Timestamp) -> BTreeMap<String, Value> {
        let mut lines = String::new();
        for read in Self::inputs(broker) {
            let mut event: Value = match read.value.as_deref().map(serde_json::from_slice) {
                Some(Ok(event)) => event,
                _ => continue,
            };
            event["recordedtime"] = Timestamp::from_ms(read.append_ms).to_string().into();
            lines.push_str(&event.to_string());
            lines.push('\n');
        }
        let (events, notices) = (self.folder.path().join("events.ndjson"), self.folder.path().join("notices.ndjson"));
        fs::write(&events, lines).expect("events");
        let replayed = Command::new(env!("CARGO_BIN_EXE_plazo"))
            .arg("replay")
            .args([&"--policy".into(), &self.policy(), &"--events".into(), &events, &"--notices".into(), &notices])
            .args(["--until", &until.to_string()])
            .output()
            .expect("plazo replay");
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
        let text = fs::read_to_string(notices).expect("notices");
        let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        by_id(all.collect())
    }
}

/// Notices by id, without the proof, whose offsets are those of one log or the other.
///
/// # Panics
/// Where one was told twice.
pub fn by_id(notices: Vec<Value>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for mut notice in notices {
        if let Some(data) = notice["data"].as_object_mut() {
            data.remove("as_of");
        }
        let id = notice["id"].as_str().expect("an id").to_owned();
        let before = all.insert(id, notice);
        assert!(before.is_none(), "told twice: {before:?}");
    }
    all
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

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its log says this.
    pub fn logs(&self, words: &str) {
        let (_kept, never) = std::sync::mpsc::channel::<()>();
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < BOUND, "the log does not say {words:?}:\n{}", self.log());
            let _nothing_comes = never.recv_timeout(Duration::from_millis(50));
        }
    }

    /// Told to stop: how long it took, and its exit code.
    pub fn stop(mut self) -> (Duration, Option<i32>) {
        let began = Instant::now();
        self.signal("TERM");
        let status = self.process.wait().expect("it ends");
        (began.elapsed(), status.code())
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
