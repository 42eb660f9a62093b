//! What lies in topics, read on and on: nothing is read twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use super::BOUND;
use super::broker::Broker;

#[derive(Clone, Debug)]
pub struct Read {
    pub topic: String,
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
            topic: message.topic().to_owned(),
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

    /// Which of the topics' records it is.
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// Committed records of topics, from their beginnings.
pub struct Log {
    consumer: BaseConsumer,
    topics: Vec<String>,
    /// By topic and partition.
    next: BTreeMap<(String, i32), i64>,
    pub records: Vec<Read>,
}

impl Log {
    pub fn of(broker: &Broker, topics: &[&str]) -> Self {
        let mut config = broker.client();
        config.set("fetch.wait.max.ms", "50").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut log = Log { consumer, topics, next: BTreeMap::new(), records: Vec::new() };
        let mut list = TopicPartitionList::new();
        for topic in &log.topics {
            let metadata = log.consumer.fetch_metadata(Some(topic), BOUND).expect("the topic");
            for partition in 0..metadata.topics()[0].partitions().len() as i32 {
                list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
                log.next.insert((topic.clone(), partition), 0);
            }
        }
        log.consumer.assign(&list).expect("assigned");
        log
    }

    /// Takes what comes within `patience` and whatever comes with it.
    pub fn take(&mut self, patience: Duration) {
        let mut patience = patience;
        while let Some(polled) = self.consumer.poll(patience) {
            match polled {
                Ok(message) => {
                    let read = Read::of(&message);
                    self.next.insert((read.topic.clone(), read.partition), read.offset + 1);
                    self.records.push(read);
                }
                // Brokers go and come in these tests; what was not read shows in the end.
                Err(error) => eprintln!("a reader of {:?}: {error}", self.topics),
            }
            patience = Duration::ZERO;
        }
        // The last offsets may be markers.
        if let Ok(told) = self.consumer.position() {
            for element in told.elements() {
                let next = self.next.get_mut(&(element.topic().to_owned(), element.partition()));
                if let (Some(next), Offset::Offset(offset)) = (next, element.offset()) {
                    *next = offset.max(*next);
                }
            }
        }
    }

    /// Takes all that is committed by now.
    pub fn read_to_end(&mut self) {
        let mut ends = BTreeMap::new();
        let began = Instant::now();
        for (topic, partition) in self.next.keys().cloned().collect::<Vec<_>>() {
            let (low, high) = loop {
                match self.consumer.fetch_watermarks(&topic, partition, BOUND) {
                    Ok(ends) => break ends,
                    // A broker that starts, or has no time, does not know its partitions for a while.
                    Err(error) => assert!(began.elapsed() < BOUND, "the ends of {topic}: {error}"),
                }
                self.take(Duration::from_millis(20));
            };
            if low < high {
                ends.insert((topic, partition), high);
            }
        }
        while ends.iter().any(|(partition, end)| self.next[partition] < *end) {
            self.take(Duration::from_millis(20));
            assert!(began.elapsed() < BOUND, "not read to the ends {ends:?}: {:?}", self.next);
        }
    }
}

/// A notice without its proof, whose offsets are those of one log or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: String,
    pub lead: String,
    pub body: String,
}

impl Notice {
    /// Its id, and what it says.
    pub fn of(json: &[u8]) -> (String, Notice) {
        let mut value: Value = serde_json::from_slice(json).expect("JSON");
        if let Some(data) = value["data"].as_object_mut() {
            data.remove("as_of");
        }
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let notice = Notice { kind: text(&value["type"]), lead: text(&value["subject"]), body: value.to_string() };
        (text(&value["id"]), notice)
    }
}

/// What an engine has told, each notice once.
pub struct Told {
    log: Log,
    pub notices: BTreeMap<String, Notice>,
    /// In which partition the notices of each key lie.
    pub placed: BTreeMap<String, i32>,
}

impl Told {
    pub fn of(broker: &Broker, topics: &[&str]) -> Self {
        Told { log: Log::of(broker, topics), notices: BTreeMap::new(), placed: BTreeMap::new() }
    }

    /// # Panics
    /// Where a notice is told twice, or not under the key of its lead, or not where that key's others lie.
    fn sort_in(&mut self) {
        for read in std::mem::take(&mut self.log.records) {
            let (id, notice) = Notice::of(read.value.as_deref().expect("a notice"));
            assert_eq!(read.key.as_deref(), Some(notice.lead.as_bytes()), "{}", read.place());
            let partition = *self.placed.entry(notice.lead.clone()).or_insert(read.partition);
            assert_eq!(partition, read.partition, "{} lies in another partition than its lead", read.place());
            let before = self.notices.insert(id, notice);
            assert!(before.is_none(), "told twice, again as {}: {before:?}", read.place());
        }
    }

    pub fn take(&mut self, patience: Duration) {
        self.log.take(patience);
        self.sort_in();
    }

    pub fn read_to_end(&mut self) -> &Self {
        self.log.read_to_end();
        self.sort_in();
        self
    }

    /// # Panics
    /// Where it does not come true in time.
    pub fn until(&mut self, what: &str, come_true: impl Fn(&Self) -> bool) -> &Self {
        let began = Instant::now();
        while !come_true(self) {
            self.take(Duration::from_millis(50));
            assert!(began.elapsed() < BOUND, "not within {BOUND:?}: {what}; there are {:?}", self.counts());
        }
        self
    }

    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for notice in self.notices.values() {
            *counts.entry(notice.kind.as_str()).or_default() += 1;
        }
        counts
    }

    /// Leads that have a notice of a type, one entry a notice, in order.
    pub fn leads(&self, kind: &str) -> Vec<&str> {
        let of_kind = self.notices.values().filter(|notice| notice.kind == kind);
        let mut leads: Vec<&str> = of_kind.map(|notice| notice.lead.as_str()).collect();
        leads.sort_unstable();
        leads
    }

    pub fn count(&self, kind: &str) -> usize {
        self.notices.values().filter(|notice| notice.kind == kind).count()
    }
}

/// Leads that have a notice of a type, one entry a notice, in order.
pub fn leads(notices: &[Value], kind: &str) -> Vec<String> {
    let of_kind = notices.iter().filter(|notice| notice["type"] == kind);
    let mut leads: Vec<String> = of_kind.map(|notice| notice["subject"].as_str().unwrap_or("").to_owned()).collect();
    leads.sort();
    leads
}
