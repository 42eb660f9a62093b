//! The engine on a real Kafka beside a raw transactional pass-through; restore; latency; a million leads due at once.
//!
//! `make bench-kafka`, which fetches Kafka; `ARGS="throughput herd latency"` chooses parts.
#![allow(clippy::disallowed_methods, reason = "a bench measures how long something took")]

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use plazo::config::Settings;
use plazo::time::{Clock, SystemClock, Timestamp};
use plazo::worker::transaction::{Outgoing, Transactions};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

#[path = "../tests/kafka/mod.rs"]
mod kafka;

use kafka::broker::Broker;
use kafka::crm::event;
use kafka::site::{INPUTS, Site};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTITIONS: i32 = 4;
/// As the engine's.
const LINGER: Duration = Duration::from_millis(50);
const BATCH: usize = 10_000;
/// No part of this takes longer.
const BOUND: Duration = Duration::from_secs(300);

const GOAL_RATIO: f64 = 0.5;
const GOAL_RESTORE: f64 = 0.5e6;
const GOAL_STALL_S: f64 = 1.0;
/// `clock_skew` of the sites, and 250 ms.
const GOAL_P99_S: f64 = 0.1 + 0.25;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| args.iter().any(|arg| arg == part || arg == "all");
    if !["throughput", "latency", "restore", "herd"].into_iter().any(wanted) {
        println!(
            "kafka: nothing is run; `make bench-kafka` brings the broker, ARGS names throughput, latency, restore or herd"
        );
    }
    if wanted("throughput") {
        throughput();
    }
    if wanted("latency") {
        latency();
    }
    if wanted("restore") {
        restore();
    }
    if wanted("herd") {
        herd();
    }
}

fn verdict(good: bool) -> &'static str {
    if good { "reached" } else { "MISSED" }
}

fn agreement(target: &str) -> String {
    format!(
        "[agreement]\nname = \"Bench\"\neffective_from = \"2020-01-01T00:00:00Z\"\ntimezone = \"UTC\"\n[[status]]\nname = \"qualified\"\n\
         disposition = \"qualified\"\n[[sla]]\nname = \"disposition\"\npromised_by = \"sales\"\nstart = {{ on = \"created\" }}\n\
         stop = {{ disposition = \"any\" }}\n{target}"
    )
}

/// Events a second of what a group has committed of the inputs, from its first commit to the last.
fn rate_of(broker: &Broker, group: &str, total: i64) -> f64 {
    let mut config = broker.client();
    // Whoever reads committed waits for offsets that are under way.
    config.set("group.id", group).set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer = config.create().expect("a client");
    let began = Instant::now();
    let mut first: Option<(i64, Instant)> = None;
    loop {
        let mut asked = TopicPartitionList::new();
        for topic in INPUTS {
            asked.add_partition_range(topic, 0, PARTITIONS - 1);
        }
        let told = consumer.committed_offsets(asked, BOUND).expect("offsets");
        let elements = told.elements();
        let done = elements.iter().filter_map(|element| element.offset().to_raw().filter(|offset| *offset > 0));
        let done = done.sum::<i64>();
        if done >= total {
            let (before, at) = first.expect("more than one commit");
            return (done - before) as f64 / at.elapsed().as_secs_f64();
        }
        if done > 0 {
            first.get_or_insert((done, Instant::now()));
        }
        assert!(began.elapsed() < BOUND, "{group}: {done} of {total}");
        assert!(consumer.poll(Duration::from_millis(20)).is_none());
    }
}

/// Key and value.
type Copied = (Option<Box<[u8]>>, Option<Box<[u8]>>);

/// Consumes the inputs and writes each record once, with the engine's batches: as fast as clients and broker can.
fn pass_through(broker: &Broker, site: &Site, group: &str, stop: &AtomicBool) {
    let kafka = Settings::load(Some(&site.settings("raw"))).expect("settings").kafka.expect("kafka");
    let mut config = broker.client();
    config.set("group.id", group).set("auto.offset.reset", "earliest").set("partition.assignment.strategy", "range");
    config.set("check.crcs", "true");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&INPUTS).expect("subscribed");
    let mut transactions = Transactions::new(std::sync::Arc::new(kafka), group, 0);
    let mut batch: Vec<Copied> = Vec::new();
    let mut next = std::collections::BTreeMap::new();
    let mut began = None;
    while !stop.load(Ordering::Relaxed) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
            began.get_or_insert_with(Instant::now);
            next.insert((message.topic().to_owned(), message.partition()), message.offset() + 1);
            batch.push((message.key().map(Box::from), message.payload().map(Box::from)));
        }
        if batch.len() < BATCH && began.is_none_or(|began| began.elapsed() < LINGER) {
            continue;
        }
        began = None;
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in std::mem::take(&mut next) {
            offsets.add_partition_offset(&topic, partition, Offset::Offset(offset)).expect("an offset");
        }
        let members = consumer.group_metadata().expect("a member");
        let written = transactions.write(&offsets, members, |writing| {
            batch.iter().try_for_each(|(key, value)| {
                let (key, value) = (key.as_deref(), value.as_deref());
                writing.send(&Outgoing { topic: "raw.copies", partition: None, key, value, headers: &[] })
            })
        });
        written.expect("committed");
        batch.clear();
    }
}

fn throughput() {
    const LEADS: u32 = 150_000;
    let broker = Broker::start();
    let mut site = Site::new(&broker, include_str!("../deploy/policy/en/agreement.toml"));
    for calendar in ["holidays.ics", "us-holidays.ics"] {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/policy/en").join(calendar);
        std::fs::copy(shipped, site.folder.path().join(calendar)).expect("a calendar");
    }
    site.create_topics(PARTITIONS as u32);
    site.synthetic(LEADS, "L", "kafka", None);
    let total: i64 = INPUTS.iter().map(|topic| broker.ends(topic).iter().sum::<i64>()).sum();
    let (mut raw, mut engine) = (0.0f64, 0.0f64);
    for round in 0..2 {
        let group = format!("raw-{round}");
        site.group.clone_from(&group);
        site.more = "[kafka.topics]\noutcomes = \"raw.copies\"\n".to_owned();
        site.create_topics(PARTITIONS as u32);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| pass_through(&broker, &site, &group, &stop));
            raw = raw.max(rate_of(&broker, &group, total));
            stop.store(true, Ordering::Relaxed);
        });
        let group = format!("engine-{round}");
        site.more.clear();
        site.group.clone_from(&group);
        site.changelog = format!("{group}.changelog");
        site.create_topics(PARTITIONS as u32);
        let running = site.engine(&group);
        engine = engine.max(rate_of(&broker, &group, total));
        assert_eq!(running.stop().1, Some(0));
    }
    println!(
        "throughput, {total} events of {LEADS} leads, {PARTITIONS} partitions of 2 inputs, best of two: pass-through {:.0} events/s, engine {:.0} \
         events/s, ratio {:.2} (goal >= {GOAL_RATIO}: {})",
        raw,
        engine,
        engine / raw,
        verdict(engine / raw >= GOAL_RATIO)
    );
}

/// From the due instant until a subscriber has the breach, at 500 leads a second that are due two seconds later.
fn latency() {
    const A_SECOND: usize = 500;
    const SECONDS: usize = 20;
    let broker = Broker::start();
    let site = Site::new(&broker, &agreement("[[sla.target]]\nwithin = \"2 seconds\"\n"));
    site.create_topics(PARTITIONS as u32);
    let running = site.engine("one");
    let crm = site.crm();
    let mut config = broker.client();
    config.set("group.id", "subscriber").set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "10");
    let subscriber: BaseConsumer = config.create().expect("a consumer");
    subscriber.subscribe(&["sla.breaches"]).expect("subscribed");
    // Nothing is measured before the engine is at work.
    crm.created("witness");
    crm.flush();
    site.told().until("the engine works", |told| told.count("sla.breached") > 0);
    let mut delays: Vec<f64> = Vec::new();
    let (began, mut sent) = (Instant::now(), 0);
    while delays.len() < A_SECOND * SECONDS {
        let due = ((began.elapsed().as_secs_f64() * A_SECOND as f64) as usize).min(A_SECOND * SECONDS);
        (sent..due).for_each(|number| crm.created(&format!("L{number:06}")));
        sent = due;
        if let Some(Ok(message)) = subscriber.poll(Duration::from_millis(2)) {
            let now = SystemClock.now();
            let notice: serde_json::Value = serde_json::from_slice(message.payload().expect("a value")).expect("JSON");
            if notice["subject"] != "witness" {
                let due: Timestamp = notice["data"]["due_at"].as_str().expect("due").parse().expect("an instant");
                delays.push(now.since_ms(due) as f64 / 1_000.0);
            }
        }
        assert!(began.elapsed() < BOUND, "{} breaches", delays.len());
    }
    delays.sort_by(f64::total_cmp);
    let quantile = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "latency, {A_SECOND} leads/s, due to received by a subscriber: p50 {:.3} s, p99 {:.3} s (goal <= {GOAL_P99_S:.2}: {}), most {:.3} s",
        quantile(0.5),
        quantile(0.99),
        verdict(quantile(0.99) <= GOAL_P99_S),
        quantile(1.0)
    );
    assert_eq!(running.stop().1, Some(0));
}

/// A million leads due at one instant, with others coming all the while; then all of it restored.
fn herd() {
    const LEADS: usize = 1_000_000;
    const A_SECOND: usize = 200;
    let broker = Broker::start();
    let target = "[[sla.target]]\nwhen = { respond_by = { present = true } }\nby = \"respond_by\"\n[[sla.target]]\nwithin = \"1 day\"\n";
    let site = Site::new(&broker, &agreement(target));
    site.create_topics(PARTITIONS as u32);
    let running = site.engine("one");
    let crm = site.crm();
    let due = SystemClock.now().plus_ms(120_000);
    let attributes = format!(r#","attributes":{{"respond_by":"{due}"}}"#);
    for number in 0..LEADS {
        let lead = format!("H{number:07}");
        let created = event("lead.created", &format!("c{number}"), &lead, &attributes);
        crm.send("leads.created", Some(&lead), Some(&created));
    }
    crm.flush();
    broker.until_consumed("plazo", &INPUTS, BOUND);
    let left_ms = due.since_ms(SystemClock.now());
    assert!(left_ms > 3_000, "a slower machine needs a later instant: {left_ms} ms left");
    let mut config = broker.client();
    config.set("group.id", "subscriber").set("auto.offset.reset", "latest").set("fetch.wait.max.ms", "10");
    let subscriber: BaseConsumer = config.create().expect("a consumer");
    subscriber.subscribe(&["sla.breaches", "sla.outcomes"]).expect("subscribed");
    let (mut told, mut sent, mut taken) = (0, 0, 0);
    let began = Instant::now();
    let (mut last_taken, mut stall) = (None::<Instant>, 0.0f64);
    let (mut first_told, mut last_told) = (None::<Instant>, began);
    while told < LEADS || taken < sent {
        // Begins when the subscriber has joined, and a second before the herd.
        let steady = due.since_ms(SystemClock.now()) < 1_000 && told < LEADS;
        if steady {
            let wanted = (began.elapsed().as_secs_f64() * A_SECOND as f64) as usize;
            if last_taken.is_none() {
                last_taken = Some(Instant::now());
                sent = wanted;
                taken = wanted;
            }
            (sent..wanted).for_each(|number| crm.created(&format!("F{number:07}")));
            sent = wanted.max(sent);
        }
        if let Some(Ok(message)) = subscriber.poll(Duration::from_millis(1)) {
            match message.key().and_then(|key| key.first()) {
                Some(b'H') if message.topic() == "sla.breaches" => {
                    told += 1;
                    last_told = Instant::now();
                    first_told.get_or_insert(last_told);
                }
                Some(b'F') => {
                    taken += 1;
                    stall = stall.max(last_taken.replace(Instant::now()).map_or(0.0, |at| at.elapsed().as_secs_f64()));
                }
                _ => {}
            }
        }
        assert!(began.elapsed() < BOUND, "{told} breaches, {taken} of {sent}");
    }
    let seconds = last_told.duration_since(first_told.unwrap_or(began)).as_secs_f64();
    let log = running.log();
    let joins = log.matches("partitions were assigned").count();
    println!(
        "herd, {LEADS} leads due at one instant: told in {seconds:.1} s ({:.0}/s); the longest stall of {A_SECOND} other leads a second: {stall:.2} s \
         (goal <= {GOAL_STALL_S}: {}); rebalances {} (goal 0: {})",
        LEADS as f64 / seconds,
        verdict(stall <= GOAL_STALL_S),
        joins - 1,
        verdict(joins == 1)
    );
    assert_eq!(running.stop().1, Some(0));
    restored(&site, "every lead written twice");
}

/// All that the changelog holds, put back by a process that begins.
fn restored(site: &Site, how: &str) {
    let again = site.engine("two");
    (0..PARTITIONS).for_each(|partition| again.logs(&format!("restored partition={partition} ")));
    let restored = again.log();
    let number = |line: &str, name: &str| {
        let rest = line.split_once(name)?.1;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    };
    let lines: Vec<&str> = restored.lines().filter(|line| line.contains("restored partition=")).collect();
    let records: f64 = lines.iter().filter_map(|line| number(line, "records=")).sum();
    let seconds = lines.iter().filter_map(|line| number(line, "seconds=")).fold(0.0, f64::max);
    println!(
        "restore, {records} leads in {PARTITIONS} shards at once, {how}: {seconds:.2} s, {:.2} M leads/s (goal >= {:.1}: {})",
        records / seconds / 1e6,
        GOAL_RESTORE / 1e6,
        verdict(records / seconds >= GOAL_RESTORE)
    );
    std::io::stdout().flush().expect("stdout");
    assert_eq!(again.stop().1, Some(0));
}

/// A million open leads, each written once, as compaction leaves them.
fn restore() {
    const LEADS: usize = 1_000_000;
    let broker = Broker::start();
    let site = Site::new(&broker, &agreement("[[sla.target]]\nwithin = \"1 day\"\n"));
    site.create_topics(PARTITIONS as u32);
    let running = site.engine("one");
    let crm = site.crm();
    for number in 0..LEADS {
        let lead = format!("H{number:07}");
        let created = event("lead.created", &format!("c{number}"), &lead, r#","attributes":{"source":"webinar"}"#);
        crm.send("leads.created", Some(&lead), Some(&created));
    }
    crm.flush();
    broker.until_consumed("plazo", &INPUTS, BOUND);
    assert_eq!(running.stop().1, Some(0));
    restored(&site, "each written once");
}
