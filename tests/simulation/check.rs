//! What must hold of a seed, whatever failed in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use plazo::engine::{NoticeKind, Shard, inspect};
use plazo::time::Timestamp;
use plazo::worker::contents::Contents;
use plazo::worker::dead_letters;
use plazo::worker::restore::Plan;
use plazo::worker::running::{Record, Running};

use crate::broker::{Broker, CHANGELOG, INPUT_NAMES};
use crate::params::{INPUTS, Params};
use crate::upstream::shard_of;
use crate::worker::Worker;
use crate::world::World;

/// The state of a shard that a transaction carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub partition: i32,
    pub next: Vec<i64>,
    pub watermark: Timestamp,
    pub digest: u64,
}

impl Snapshot {
    pub fn of(turn: &Running) -> Self {
        Snapshot {
            partition: turn.partition,
            next: turn.next().collect(),
            watermark: turn.shard.watermark(),
            digest: digest(&turn.shard),
        }
    }
}

fn records(shard: &Shard) -> Vec<&[u8]> {
    let mut records: Vec<&[u8]> = shard.records().collect();
    records.sort_unstable();
    records
}

/// Of all that a shard is: records, watermark, positions, open clocks.
pub fn digest(shard: &Shard) -> u64 {
    let mut hash = Xxh3::new();
    for record in records(shard) {
        hash.update(&xxh3_64(record).to_le_bytes());
    }
    hash.update(&shard.watermark().ms().to_le_bytes());
    for (name, position) in shard.positions() {
        hash.update(name.as_bytes());
        hash.update(&position.to_le_bytes());
    }
    for open in shard.open_clocks() {
        hash.update(&open.count.to_le_bytes());
    }
    hash.digest()
}

pub fn digest_of_logs(broker: &Broker) -> u64 {
    let mut hash = Xxh3::new();
    for ((topic, partition), log) in broker.logs() {
        hash.update(topic.as_bytes());
        hash.update(&partition.to_le_bytes());
        for (offset, record) in log.not_aborted(0) {
            hash.update(&offset.to_le_bytes());
            hash.update(&record.append.ms().to_le_bytes());
            hash.update(record.key.as_deref().unwrap_or_default());
            hash.update(record.value.as_deref().unwrap_or_default());
        }
    }
    hash.digest()
}

/// Where each shard stands, for a seed that does not settle.
pub fn standing(world: &mut World, workers: &mut [Worker]) -> String {
    let mut told = String::new();
    for worker in workers {
        let sight = worker.shards.sight(world.clocks.wall(worker.instance));
        let _ = write!(told, "\n  process {} of instance {}: {sight:?}", worker.process, worker.instance);
        for shard in worker.shards.running_mut() {
            let ends: Vec<i64> = (0..INPUTS).map(|it| world.broker.input(it, shard.partition).end()).collect();
            let next: Vec<i64> = shard.next().collect();
            let (watermark, due) = (shard.shard.watermark(), shard.shard.next_due());
            let _ = write!(
                told,
                "\n    shard {}: next {next:?} of {ends:?}, watermark {watermark}, due {due:?}",
                shard.partition
            );
        }
    }
    told
}

/// An input's committed record.
struct Applied<'a> {
    append: Timestamp,
    input: usize,
    offset: i64,
    record: &'a crate::log::Stored,
}

/// What the log of a shard tells when it is read at one go.
struct Replayed {
    shard: Shard,
    by_topic: BTreeMap<String, Vec<Vec<u8>>>,
    dead: Vec<(usize, i64, &'static str)>,
}

/// In the order of the merge; append times of a partition never go back.
fn applied(broker: &Broker, partition: i32) -> Vec<Applied<'_>> {
    let mut all = Vec::new();
    for ((topic, at), log) in broker.logs() {
        let Some(input) = INPUT_NAMES.iter().position(|name| name == topic).filter(|_| *at == partition) else {
            continue;
        };
        let mut last = Timestamp::MIN;
        for (offset, record) in log.committed() {
            last = last.max(record.append);
            all.push(Applied { append: last, input, offset, record });
        }
    }
    all.sort_by_key(|applied| (applied.append, applied.input, applied.offset));
    all
}

fn topic_of(kind: NoticeKind, world: &World) -> String {
    let topics = &world.kafka.topics;
    match kind {
        NoticeKind::Reminder => topics.reminders.clone(),
        NoticeKind::Breached | NoticeKind::Escalated | NoticeKind::Retracted => topics.breaches.clone(),
        _ => topics.outcomes.clone(),
    }
}

fn replay(world: &World, partition: i32, until: Timestamp) -> Replayed {
    let names = INPUT_NAMES.map(|name| format!("{name}/{partition}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut shard = Shard::new(world.params.policy(), world.params.options, &names);
    let (mut by_topic, mut dead) = (BTreeMap::<String, Vec<Vec<u8>>>::new(), Vec::new());
    let mut keep = |shard: &mut Shard| {
        let outbox = &shard.turn().outbox;
        for notice in &outbox.notices {
            by_topic.entry(topic_of(notice.kind, world)).or_default().push(outbox.json(notice).to_vec());
        }
        shard.commit();
    };
    for Applied { append, input, offset, record } in applied(&world.broker, partition) {
        shard.advance(append, usize::MAX);
        let place = || format!("{}/{partition}/{offset}", INPUT_NAMES[input]);
        let own = Record { key: record.key.clone(), payload: record.value.clone(), headers: record.headers.clone() };
        let position = (input, offset.unsigned_abs());
        let outcome = own.decode(place, record.append).and_then(|event| shard.apply(&event, append, position));
        if let Err(rejection) = outcome {
            dead.push((input, offset, rejection.reason.name()));
        }
        keep(&mut shard);
    }
    shard.advance(until, usize::MAX);
    keep(&mut shard);
    Replayed { shard, by_topic, dead }
}

#[derive(Deserialize)]
struct Breach {
    id: String,
    r#type: String,
    data: BreachData,
}

#[derive(Deserialize)]
struct BreachData {
    lead_id: String,
    started_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Stop {
    time: Timestamp,
    data: StopData,
}

#[derive(Deserialize)]
struct StopData {
    lead_id: String,
    status: Option<String>,
    to: Option<String>,
}

/// Everything; what does not hold is kept in `world`.
pub fn all(world: &mut World, workers: &[Worker]) {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    let topics = &world.kafka.topics;
    let notices = [&topics.reminders, &topics.breaches, &topics.outcomes];
    // By topic and shard, in order.
    let mut told: BTreeMap<(String, i32), Vec<Vec<u8>>> = BTreeMap::new();
    let mut dead: BTreeMap<i32, Vec<(usize, i64, String)>> = BTreeMap::new();
    let (mut count, mut retractions, mut breaches) = (0, 0, Vec::new());
    for ((topic, _), log) in world.broker.logs() {
        for (_, record) in log.committed() {
            let value = record.value.as_deref().unwrap_or_default();
            if notices.contains(&topic) {
                let head: Breach = serde_json::from_slice(value).expect("a notice");
                count += 1;
                retractions += u64::from(head.r#type == "sla.retracted");
                let partition = shard_of(&head.data.lead_id, world.params.partitions);
                told.entry((topic.clone(), partition)).or_default().push(value.to_vec());
                if !ids.insert(head.id.clone()) {
                    faults.push(format!("told twice: {}", String::from_utf8_lossy(value)));
                }
                if head.r#type == "sla.breached" {
                    breaches.push(head);
                }
            } else if *topic == topics.dead_letters {
                let header = |name: &str| {
                    let value = record.headers.iter().find(|(key, _)| key == name);
                    value.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
                };
                let input = INPUT_NAMES.iter().position(|name| *name == header(dead_letters::TOPIC)).unwrap_or(INPUTS);
                let offset = header(dead_letters::OFFSET).parse().unwrap_or(-1);
                let partition = header(dead_letters::PARTITION).parse().unwrap_or(-1);
                dead.entry(partition).or_default().push((input, offset, header(dead_letters::REASON)));
            }
        }
    }
    world.stats.notices += count;
    world.stats.retractions += retractions;
    world.stats.breaches += breaches.len() as u64;
    world.stats.dead_letters += dead.values().map(|letters| letters.len() as u64).sum::<u64>();
    for partition in 0..world.params.partitions.cast_signed() {
        let live = workers.iter().flat_map(|it| it.shards.running()).find(|it| it.partition == partition);
        let Some(live) = live else { continue };
        let replayed = replay(world, partition, live.shard.watermark());
        for topic in notices {
            let own = told.remove(&(topic.clone(), partition)).unwrap_or_default();
            let wanted = replayed.by_topic.get(topic).map_or(&[][..], Vec::as_slice);
            same(&format!("{topic} of shard {partition}"), &own, wanted, &mut faults);
        }
        let wanted: Vec<(usize, i64, String)> =
            replayed.dead.iter().map(|(input, offset, reason)| (*input, *offset, (*reason).to_owned())).collect();
        let own = dead.remove(&partition).unwrap_or_default();
        if own != wanted {
            faults.push(format!("dead letters of shard {partition}: {own:?}, a replay has {wanted:?}"));
        }
        if records(&live.shard) != records(&replayed.shard) || digest(&live.shard) != digest(&replayed.shard) {
            faults.push(format!(
                "shard {partition}: its state is not that of a replay: {}",
                differ(&live.shard, &replayed.shard)
            ));
        }
        match restored(world, partition) {
            Ok(restored) if records(&live.shard) == records(&restored) => {}
            Ok(restored) => {
                faults.push(format!("shard {partition}: restored is not live: {}", differ(&live.shard, &restored)));
            }
            Err(told) => faults.push(format!("shard {partition} cannot be restored: {told}")),
        }
        watermarks(world, partition, &mut faults);
        contradictions(world, partition, &breaches, &mut faults);
    }
    for told in faults {
        world.violation(told);
    }
}

fn differ(one: &Shard, other: &Shard) -> String {
    let mut told = format!(
        "watermarks {} and {}; positions {:?} and {:?}; {} and {} records",
        one.watermark(),
        other.watermark(),
        one.positions(),
        other.positions(),
        one.lead_count(),
        other.lead_count()
    );
    let all = records(one)
        .into_iter()
        .chain(records(other))
        .filter_map(|record| inspect(one.rules(), record, one.watermark()).ok());
    let leads: BTreeSet<String> = all.map(|view| view.lead_id).collect();
    for lead in leads.iter().filter(|lead| one.lead(lead) != other.lead(lead)).take(2) {
        let _ = write!(told, "\n  {lead}: {:?}\n  {lead}: {:?}", one.decode(lead), other.decode(lead));
    }
    told
}

/// A notice for comparing: its lead, what it says but for the offsets, and those.
type Compared = (String, String, Vec<i64>);

/// By lead, each lead's notices in their order: which of two leads is told first depends on how the log was cut into turns.
fn by_lead(notices: &[Vec<u8>]) -> Vec<Compared> {
    let mut compared: Vec<Compared> = notices
        .iter()
        .map(|bytes| {
            let mut notice: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            let offsets = notice["data"]["as_of"]["offsets"].take();
            let offsets =
                offsets.as_object().expect("offsets").values().filter_map(serde_json::Value::as_i64).collect();
            (notice["subject"].to_string(), notice.to_string(), offsets)
        })
        .collect();
    compared.sort_by(|one, other| one.0.cmp(&other.0));
    compared
}

/// The same is told, and nothing was decided on less than a replay had read.
fn same(what: &str, own: &[Vec<u8>], wanted: &[Vec<u8>], faults: &mut Vec<String>) {
    let (own, wanted) = (by_lead(own), by_lead(wanted));
    let agree = |own: &Compared, wanted: &Compared| {
        own.1 == wanted.1
            && own.2.len() == wanted.2.len()
            && own.2.iter().zip(&wanted.2).all(|(own, wanted)| own >= wanted)
    };
    let first = own.iter().zip(&wanted).position(|(own, wanted)| !agree(own, wanted));
    let Some(at) = first.or((own.len() != wanted.len()).then_some(own.len().min(wanted.len()))) else { return };
    let text = |list: &[Compared]| list.get(at).map(|(_, said, offsets)| format!("{said} at {offsets:?}"));
    faults.push(format!(
        "{what}: {} told, a replay tells {}; the first difference is at {at}:\n  told   {:?}\n  replay {:?}",
        own.len(),
        wanted.len(),
        text(&own),
        text(&wanted)
    ));
}

/// The shard as another process would restore it now, after a compaction.
fn restored(world: &World, partition: i32) -> Result<Shard, String> {
    let plan = plan(&world.params, world, partition);
    let mut contents = Contents::new(0);
    let log = world.broker.logs().find(|((topic, at), _)| topic == CHANGELOG && *at == partition);
    for (offset, record) in log.into_iter().flat_map(|(_, log)| log.committed()) {
        contents
            .take(&plan.kafka.topics.changelog, offset, record.key.as_deref(), record.value.as_deref())
            .map_err(|fault| fault.to_string())?;
    }
    let committed = world.broker.committed_offsets(partition).ok_or("a transaction is open")?;
    let restored = contents.shard(&plan, &committed, || Ok(vec![0; INPUTS])).map_err(|fault| fault.to_string())?;
    Ok(restored.shard)
}

pub fn plan(params: &Params, world: &World, partition: i32) -> Plan {
    Plan {
        kafka: world.kafka.clone(),
        client_id: String::new(),
        partition,
        partitions: params.partitions,
        policy: params.policy(),
        options: params.options,
        accept_changed_policy: false,
    }
}

/// A watermark never goes back, and whatever is not yet applied by then was appended later.
fn watermarks(world: &World, partition: i32, faults: &mut Vec<String>) {
    let snapshots = world.broker.snapshots.get(&partition).map_or(&[][..], Vec::as_slice);
    for pair in snapshots.windows(2) {
        let further = pair[0].next.iter().zip(&pair[1].next).all(|(then, now)| then <= now);
        if pair[0].watermark > pair[1].watermark || !further {
            faults.push(format!("shard {partition} went back: {pair:?}"));
        }
    }
    for ((topic, _), log) in world.broker.logs().filter(|((_, at), _)| *at == partition) {
        let Some(input) = INPUT_NAMES.iter().position(|name| name == topic) else { continue };
        let mut last = Timestamp::MIN;
        let stamped: Vec<(i64, Timestamp)> = log
            .committed()
            .map(|(offset, record)| {
                last = last.max(record.append);
                (offset, last)
            })
            .collect();
        for snapshot in snapshots {
            let at = stamped.partition_point(|(offset, _)| *offset < snapshot.next[input]);
            if let Some((offset, append)) = stamped.get(at)
                && *append < snapshot.watermark
            {
                faults.push(format!(
                    "shard {partition}: the watermark was {} when offset {offset} of {topic}, appended at {append}, was not applied",
                    snapshot.watermark
                ));
                break;
            }
        }
    }
}

/// No breach of a clock for which, when it fell due, the broker had a record that says it was stopped in time.
fn contradictions(world: &World, partition: i32, breaches: &[Breach], faults: &mut Vec<String>) {
    let refused: BTreeSet<(usize, i64)> =
        replay(world, partition, Timestamp::MIN).dead.iter().map(|(input, offset, _)| (*input, *offset)).collect();
    let mut stops: BTreeMap<String, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for applied in applied(&world.broker, partition) {
        let Some(value) = applied.record.value.as_deref() else { continue };
        let Ok(stop) = serde_json::from_slice::<Stop>(value) else { continue };
        let status = stop.data.to.or(stop.data.status);
        let is_final = status.is_some_and(|status| status == "qualified" || status == "unsuitable");
        if is_final && !refused.contains(&(applied.input, applied.offset)) {
            stops.entry(stop.data.lead_id).or_default().push((applied.append, stop.time));
        }
    }
    for breach in breaches {
        let (Some(started), Some(due), Some(stops)) =
            (breach.data.started_at, breach.data.due_at, stops.get(&breach.data.lead_id))
        else {
            continue;
        };
        let stop = stops.iter().find(|(append, time)| *append <= due && started < *time && *time <= due);
        if let Some((append, time)) = stop {
            faults.push(format!(
                "breach {} of {} ({started} to {due}) although the broker had, at {append}, that it stopped at {time}",
                breach.id, breach.data.lead_id
            ));
        }
    }
}
