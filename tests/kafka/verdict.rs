//! What must hold of every run, whatever was killed: all that is told, each thing once, is what the log of the inputs alone leads to,
//! and so is all that is kept.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::Command;

use plazo::engine::{Lead, Options, Shard};
use plazo::time::{DAY_MS, Timestamp};

use super::log::{Log, Notice, Read, Told};
use super::site::{Engine, Site};

/// No promise of these tests' policies, and nothing that follows its breach, lies further behind the last event.
const HORIZON_MS: i64 = 60_000;

/// A record of the inputs: its event as a replay reads it, and when it was appended.
struct Input {
    append: Timestamp,
    partition: i32,
    key: String,
    json: Vec<u8>,
}

/// The inputs in the order of their append times.
fn inputs(site: &Site<'_>) -> Vec<Input> {
    let topics = site.inputs();
    let mut log = Log::of(site.broker, &topics.iter().map(String::as_str).collect::<Vec<_>>());
    log.read_to_end();
    let input = |read: &Read| topics.iter().position(|topic| *topic == read.topic);
    log.records.sort_by_key(|read| (read.append_ms, input(read), read.partition, read.offset));
    log.records.into_iter().map(as_event).collect()
}

/// A record without value deletes the lead of its key at its append time.
fn as_event(read: Read) -> Input {
    let append = Timestamp::from_ms(read.append_ms);
    let key = String::from_utf8_lossy(read.key.as_deref().unwrap_or_default()).into_owned();
    let place = read.place();
    let deleted = || {
        format!(
            r#"{{"specversion":"1.0","id":"{place}","source":"kafka","type":"lead.deleted","time":"{append}","data":{{"lead_id":"{key}"}}}}"#
        )
        .into_bytes()
    };
    let json = read.value.unwrap_or_else(deleted);
    Input { append, partition: read.partition, key, json }
}

/// The record of each lead once all is applied and told, without any Kafka between; and how many inputs cannot be taken.
fn records(site: &Site<'_>, inputs: &[Input], until: Timestamp) -> (BTreeMap<String, Vec<u8>>, usize) {
    let policy = std::sync::Arc::new(plazo::policy::load(&site.policy()).expect("the policy"));
    let options = Options { retention_ms: Some(400 * DAY_MS), ..Options::default() };
    let mut shard = Shard::new(policy, options, &["any"]);
    let mut refused = 0;
    for (position, input) in inputs.iter().enumerate() {
        shard.advance(input.append, usize::MAX);
        let position = (0, position as u64);
        let taken = plazo::event::decode(&input.json).and_then(|event| shard.apply(&event, input.append, position));
        refused += usize::from(taken.is_err());
        shard.commit();
    }
    shard.advance(until, usize::MAX);
    let of = |record: &[u8]| {
        let mut lead = Lead::default();
        lead.decode(record).expect("a record");
        (lead.lead_id().to_owned(), record.to_vec())
    };
    (shard.records().map(of).collect(), refused)
}

/// What `plazo replay` tells of the same records at the same append times.
fn replay(site: &Site<'_>, inputs: &[Input], until: Timestamp) -> BTreeMap<String, Notice> {
    let mut lines = Vec::new();
    for Input { append, json, .. } in inputs {
        // As the first member; what is no object is refused with it or without.
        let members = json.strip_prefix(b"{").unwrap_or(json);
        lines.extend_from_slice(format!(r#"{{"recordedtime":"{append}","#).as_bytes());
        lines.extend_from_slice(members);
        lines.push(b'\n');
    }
    let (events, notices) = (site.folder.path().join("events.ndjson"), site.folder.path().join("notices.ndjson"));
    fs::write(&events, lines).expect("events");
    let replayed = Command::new(env!("CARGO_BIN_EXE_plazo"))
        .arg("replay")
        .args([&"--policy".into(), &site.policy(), &"--events".into(), &events, &"--notices".into(), &notices])
        .args(["--until", &until.to_string()])
        .output()
        .expect("plazo replay");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let lines = BufReader::new(File::open(notices).expect("notices")).lines();
    lines.map(|line| Notice::of(line.expect("a line").as_bytes())).collect()
}

/// The last value of each lead in the changelog.
pub fn kept(site: &Site<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for read in site.kept() {
        if let Some((b'=', lead)) = read.key.as_deref().and_then(<[u8]>::split_first) {
            let lead = String::from_utf8_lossy(lead).into_owned();
            match read.value {
                Some(value) => kept.insert(lead, value),
                None => kept.remove(&lead),
            };
        }
    }
    kept
}

/// Waits until all is told, stops the engines, and compares.
///
/// # Panics
/// Where anything is lost, told twice, or otherwise than the log says.
pub fn check(site: &Site<'_>, mut told: Told, engines: Vec<Engine>) -> Told {
    site.until_consumed();
    let inputs = inputs(site);
    let last = inputs.last().expect("events").append;
    let until = last.plus_ms(HORIZON_MS);
    let wanted = replay(site, &inputs, until);
    told.until("as much is told as a replay tells", |told| told.notices.len() >= wanted.len());
    for engine in engines {
        let log = engine.log();
        assert_eq!(engine.stop().1, Some(0), "{log}");
    }
    told.read_to_end();
    for (id, notice) in &wanted {
        assert_eq!(told.notices.get(id), Some(notice), "{id}: the replay tells otherwise");
    }
    assert_eq!(told.notices.len(), wanted.len(), "more is told than a replay tells");
    for Input { key, partition, .. } in &inputs {
        let placed = told.placed.get(key);
        assert!(
            placed.is_none_or(|placed| placed == partition),
            "{key}: lies in {partition}, its notices in {placed:?}"
        );
    }
    site.until_consumed();
    let kept = kept(site);
    let (live, refused) = records(site, &inputs, until);
    for (lead, record) in &live {
        assert_eq!(
            kept.get(lead),
            Some(record),
            "{lead}: the changelog holds another record than the same events make"
        );
    }
    assert_eq!(kept.len(), live.len(), "the changelog holds more leads");
    assert_eq!(site.read("sla.dead_letters").len(), refused, "each refused record is a dead letter once");
    told
}
