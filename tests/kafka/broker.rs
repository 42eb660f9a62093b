//! Apache Kafka on free ports in a temporary folder: one node, or several.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use super::BOUND;
use super::crm::Feeder;
use super::log::{Log, Read};
use super::proxy::Proxy;
use super::site::NOTICES;

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

/// Ports that nobody has, different from one another.
fn free_ports(count: usize) -> Vec<u16> {
    let bound = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    // All are held until the last is found.
    let bound: Vec<TcpListener> = bound.collect();
    bound.iter().map(|listener| listener.local_addr().expect("its address").port()).collect()
}

/// A process which is broker and controller.
struct Node {
    id: i32,
    port: u16,
    process: Mutex<Option<Child>>,
}

/// A further way in.
struct Entrance {
    /// A `security.protocol`, in capitals.
    protocol: &'static str,
    /// The port that clients are told, where it is another one than the broker's.
    told: Option<u16>,
    /// More settings.
    settings: String,
}

pub struct Broker {
    /// Of the further entrance.
    entrance: Option<u16>,
    folder: PathBuf,
    /// Gone with the broker; the shared one's goes with the process.
    _folder: Option<tempfile::TempDir>,
    nodes: Vec<Node>,
}

impl Entrance {
    /// Of a setting that stands twice the last counts.
    fn settings(&self, port: u16, controller: u16, own: u16) -> String {
        let (protocol, told) = (self.protocol, self.told.unwrap_or(own));
        format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},ENTRANCE://127.0.0.1:{own}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},ENTRANCE://127.0.0.1:{told}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ENTRANCE:{protocol}\n{}",
            self.settings
        )
    }
}

impl Broker {
    pub fn start() -> Self {
        Self::nodes(1)
    }

    /// The one that tests share which leave it alone. It ends with the process, however that ends.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::in_folder(1, tempfile::tempdir().expect("a folder").keep(), None, None))
    }

    /// Each topic on all of them, of which one may fail.
    pub fn nodes(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::in_folder(count, folder.path().to_owned(), Some(folder), None)
    }

    fn with_entrance(entrance: Entrance) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::in_folder(1, folder.path().to_owned(), Some(folder), Some(entrance))
    }

    /// One node, and the port on which it speaks another `security.protocol` than `PLAINTEXT`, by these settings.
    pub fn speaking(protocol: &'static str, settings: String) -> (Self, u16) {
        let broker = Self::with_entrance(Entrance { protocol, told: None, settings });
        let port = broker.entrance.expect("an entrance");
        (broker, port)
    }

    /// One node, and a proxy through which it can be reached too.
    pub fn behind_proxy() -> (Self, Proxy) {
        let (proxy, listener) = Proxy::start();
        let entrance = Entrance { protocol: "PLAINTEXT", told: Some(proxy.port), settings: String::new() };
        let broker = Self::with_entrance(entrance);
        proxy.serve(listener, broker.entrance.expect("an entrance"));
        (broker, proxy)
    }

    fn in_folder(count: usize, folder: PathBuf, owned: Option<tempfile::TempDir>, entrance: Option<Entrance>) -> Self {
        let ports = free_ports(2 * count + 1);
        let (own, ports) = (ports[0], &ports[1..]);
        let ids = 1..=i32::try_from(count).expect("a few");
        let voters: Vec<String> =
            ids.clone().zip(&ports[count..]).map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
        let nodes = ids.zip(ports).map(|(id, port)| Node { id, port: *port, process: Mutex::new(None) }).collect();
        let broker = Broker { entrance: entrance.as_ref().map(|_| own), folder, _folder: owned, nodes };
        for (at, controller) in ports[count..].iter().enumerate() {
            let node = &broker.nodes[at];
            let settings = include_str!("node.properties")
                .replace("NODE_ID", &node.id.to_string())
                .replace("VOTERS", &voters.join(","))
                .replace("CONTROLLER_AT", &controller.to_string())
                .replace("PORT", &node.port.to_string())
                .replace("FOLDER", &broker.folder.join(format!("data-{}", node.id)).display().to_string())
                .replace("REPLICAS", &count.to_string())
                .replace("IN_SYNC", &count.div_ceil(2).to_string());
            let also = entrance.as_ref().map(|entrance| entrance.settings(node.port, *controller, own));
            fs::write(broker.settings(node.id), settings + &also.unwrap_or_default()).expect("its settings");
            let formatted = broker
                .java(node.id, "kafka.tools.StorageTool", false)
                .args(["format", "--ignore-formatted", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"])
                .arg(broker.settings(node.id))
                .status()
                .expect("java");
            assert!(formatted.success(), "the storage was not formatted:\n{}", broker.tail());
        }
        broker.launch();
        broker
    }

    fn settings(&self, node: i32) -> PathBuf {
        self.folder.join(format!("node-{node}.properties"))
    }

    fn java(&self, node: i32, class: &str, stays: bool) -> Command {
        let log = self.folder.join(format!("node-{node}.log"));
        let log = File::options().create(true).append(true).open(log).expect("a log");
        let java = format!("-Dlog4j2.configurationFile=file:{}/tests/kafka/log4j2.properties", root().display());
        let mut command = if stays {
            let mut command = Command::new(root().join("tests/kafka/as-long-as"));
            command.arg(if self._folder.is_some() { Path::new("") } else { &self.folder }).arg("java");
            command.stdin(Stdio::piped());
            command
        } else {
            let mut command = Command::new("java");
            command.stdin(Stdio::null());
            command
        };
        command.args(JAVA).arg(java).args(["-cp", &classpath(), class]);
        command.stdout(log.try_clone().expect("the log")).stderr(log);
        command
    }

    fn spawn(&self, node: &Node) {
        let mut process = node.process.lock().expect("a node");
        if process.is_none() {
            let started = self.java(node.id, "kafka.Kafka", true).arg(self.settings(node.id)).spawn();
            *process = Some(started.expect("java"));
        }
    }

    /// Waits until every node answers.
    fn until_up(&self) {
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let began = Instant::now();
        loop {
            let answer = consumer.fetch_metadata(None, Duration::from_secs(2));
            if answer.is_ok_and(|metadata| metadata.brokers().len() == self.nodes.len()) {
                return;
            }
            for node in &self.nodes {
                let mut process = node.process.lock().expect("a node");
                let ended = process.as_mut().and_then(|process| process.try_wait().ok().flatten());
                if ended.is_some() || began.elapsed() > BOUND {
                    panic!("Kafka did not start:\n{}", self.tail());
                }
            }
        }
    }

    /// Starts those that do not run, and waits until all answer.
    pub fn launch(&self) {
        self.nodes.iter().for_each(|node| self.spawn(node));
        self.until_up();
    }

    /// `kill -9` of all nodes.
    pub fn kill(&self) {
        self.nodes.iter().for_each(|node| self.kill_node(node.id));
    }

    pub fn kill_node(&self, id: i32) {
        let node = self.nodes.iter().find(|node| node.id == id).expect("such a node");
        if let Some(mut process) = node.process.lock().expect("a node").take() {
            // Whoever waits for it kills Kafka then.
            drop(process.stdin.take());
            process.wait().expect("Kafka ends");
        }
    }

    /// A signal to every node: `STOP` lets it stand still, `CONT` go on.
    pub fn signal(&self, name: &str) {
        for node in &self.nodes {
            let waiting = node.process.lock().expect("a node").as_ref().expect("it runs").id().to_string();
            // Kafka is the child of who waits for it.
            let sent = Command::new("pkill").args([&format!("-{name}"), "-P", &waiting, "java"]).status();
            assert!(sent.expect("pkill").success());
        }
    }

    fn tail(&self) -> String {
        let mut told = String::new();
        for node in &self.nodes {
            let text = fs::read_to_string(self.folder.join(format!("node-{}.log", node.id))).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(20).collect();
            told.extend(last.into_iter().rev().flat_map(|line| [line, "\n"]));
        }
        told
    }

    pub fn address(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        addresses.join(",")
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
        let idle: BaseConsumer = self.client().create().expect("a client");
        let began = Instant::now();
        while !come_true() {
            assert!(began.elapsed() < BOUND, "not within {BOUND:?}: {what}");
            assert!(idle.poll(Duration::from_millis(20)).is_none());
        }
    }

    /// What an administrator does; the answer is waited for.
    fn administer<T>(
        &self,
        ask: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> rdkafka::error::KafkaResult<T>,
    ) -> T {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = AdminOptions::new().operation_timeout(Some(BOUND)).request_timeout(Some(BOUND));
        runtime.block_on(ask(&admin, &options)).expect("an answer")
    }

    /// Once it has no members.
    pub fn delete_group(&self, group: &str) {
        let began = Instant::now();
        loop {
            let deleted = self.administer(async |admin, options| admin.delete_groups(&[group], options).await);
            match deleted.first() {
                Some(Ok(_)) => return,
                other => assert!(began.elapsed() < BOUND, "{group} cannot be deleted: {other:?}"),
            }
        }
    }

    pub fn delete_topic(&self, topic: &str) {
        let deleted = self.administer(async |admin, options| admin.delete_topics(&[topic], options).await);
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Raises the number of partitions of topics.
    pub fn add_partitions(&self, topics: &[&str], count: usize) {
        let new: Vec<NewPartitions<'_>> = topics.iter().map(|topic| NewPartitions::new(topic, count)).collect();
        let made = self.administer(async |admin, options| admin.create_partitions(&new, options).await);
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    }

    /// These settings, and of all others the brokers' defaults.
    pub fn configure(&self, topic: &str, settings: &[(&str, &str)]) {
        let wanted = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let wanted = settings.iter().fold(wanted, |wanted, (key, value)| wanted.set(key, value));
        let changed = self.administer(async |admin, options| admin.alter_configs([&wanted], options).await);
        assert!(changed.iter().all(Result::is_ok), "{changed:?}");
    }

    /// Which node leads a partition, and how many are in sync; `None` while nobody does.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(i32, usize)> {
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        let found = partitions.iter().find(|found| found.id() == partition).filter(|found| found.leader() > 0)?;
        Some((found.leader(), found.isr().len()))
    }

    /// Waits until these topics have so many partitions that can be read and written.
    pub fn until_led(&self, topics: &[String], partitions: usize) {
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let led = |topic: &String| {
            let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10));
            metadata.is_ok_and(|metadata| {
                let found = metadata.topics().iter().flat_map(|topic| topic.partitions());
                found.filter(|partition| partition.error().is_none() && partition.leader() > 0).count() >= partitions
            })
        };
        self.until("every partition has its leader", || topics.iter().all(led));
    }

    /// Waits until every node has all of these topics.
    pub fn until_in_sync(&self, topics: &[&str]) {
        let consumer: BaseConsumer = self.client().create().expect("a client");
        let all = |topic: &&str| {
            let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10));
            metadata.is_ok_and(|metadata| {
                let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
                partitions.all(|partition| partition.isr().len() == self.nodes.len())
            })
        };
        self.until("every replica is in sync", || topics.iter().all(all));
    }

    /// Which node leads the partition of an internal topic that an id lies in.
    pub fn coordinator(&self, topic: &str, id: &str) -> i32 {
        // As Java's String.hashCode of ASCII, and the brokers' number of partitions.
        let hash = id.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
        let partition = (hash & i32::MAX) % 4;
        self.until(&format!("{topic} has a leader"), || self.leader(topic, partition).is_some());
        self.leader(topic, partition).map(|(leader, _)| leader).expect("a leader")
    }

    /// A CRM that writes to the default topics.
    pub fn producer(&self, transactional_id: Option<&str>) -> Feeder {
        Feeder::new(self, "", transactional_id)
    }

    /// Reads notices of the default topics until `enough` says so.
    pub fn notices_until(&self, what: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut log = Log::of(self, &NOTICES);
        let mut notices = Vec::new();
        let began = Instant::now();
        while !enough(&notices) {
            log.take(Duration::from_millis(50));
            let json = |read: Read| serde_json::from_slice(&read.value.expect("a notice")).expect("JSON");
            notices.extend(std::mem::take(&mut log.records).into_iter().map(json));
            assert!(began.elapsed() < BOUND, "{what}: not within {BOUND:?}; there are {}", notices.len());
        }
        notices
    }

    /// Every committed record of a topic.
    pub fn read(&self, topic: &str) -> Vec<Read> {
        let mut log = Log::of(self, &[topic]);
        log.read_to_end();
        log.records
    }

    /// By partition, the offset behind the last record that is committed.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        self.ends_as(topic, "read_committed")
    }

    /// As whoever reads with that isolation sees them.
    pub fn ends_as(&self, topic: &str, isolation: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().set("isolation.level", isolation).create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), BOUND).expect("the topic");
        let partitions = 0..metadata.topics()[0].partitions().len() as i32;
        partitions.map(|partition| consumer.fetch_watermarks(topic, partition, BOUND).expect("the ends").1).collect()
    }

    /// By partition, what a group has committed of a topic.
    pub fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, self.ends(topic).len() as i32 - 1);
        let told = consumer.committed_offsets(asked, BOUND).expect("offsets");
        told.elements()
            .iter()
            .map(|element| match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
            .collect()
    }

    /// Sets what a group has committed, once it has no members.
    pub fn commit(&self, group: &str, topic: &str, offsets: &[i64]) {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in (0..).zip(offsets) {
            list.add_partition_offset(topic, partition, Offset::Offset(*offset)).expect("an offset");
        }
        self.until(&format!("{group} has no members"), || {
            consumer.commit(&list, rdkafka::consumer::CommitMode::Sync).is_ok()
        });
    }

    /// Waits until a group has committed all that topics hold.
    pub fn until_consumed(&self, group: &str, topics: &[&str], bound: Duration) {
        let began = Instant::now();
        let idle: BaseConsumer = self.client().create().expect("a client");
        loop {
            let lag = |topic: &&str| {
                let done: i64 = self.committed(group, topic).into_iter().flatten().sum();
                self.ends(topic).iter().sum::<i64>() - done
            };
            let lag: i64 = topics.iter().map(lag).sum();
            if lag == 0 {
                return;
            }
            assert!(began.elapsed() < bound, "{group}: {lag} records behind");
            assert!(idle.poll(Duration::from_millis(100)).is_none());
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("Kafka's log:\n{}", self.tail());
        }
    }
}
