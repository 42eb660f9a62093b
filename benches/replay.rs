//! A history from NDJSON to its report on one thread, as `plazo replay` does it: read, decoded, replayed, counted; of one policy
//! and of two. And the bytes that a lead takes meanwhile.
//!
//! `cargo bench --bench replay [-- LEADS]`, by default 300,000.

use std::time::Instant;

use cap::Cap;
use mimalloc::MiMalloc;
use plazo::comparison::{self, Asked};
use plazo::engine::Outbox;
use plazo::history::{self, Coming, Form};
use plazo::policy::{self, Policy};
use plazo::replay::Replay;
use plazo::report::{Collector, Holder, write_json};
use plazo::sorter::Room;
use plazo::time::Timestamp;

mod support;

use support::{POLICY, START, Traffic};

#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

const GOAL_EVENTS_PER_SECOND: f64 = 0.4e6;
const GOAL_BYTES: f64 = 300.0;
const ROUNDS: usize = 5;

fn policy(text: &str) -> Policy {
    policy::parse("bench.toml", text, &|_| Err(std::io::Error::other("no files"))).expect("the policy")
}

fn unheard(_: &Outbox) -> std::io::Result<()> {
    Ok(())
}

struct Outcome {
    events: u64,
    seconds: f64,
    /// Allocated when the history was read, above what was before.
    bytes: usize,
    leads: usize,
}

#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn one(lines: &[u8]) -> Outcome {
    let (start, before) = (Instant::now(), ALLOCATOR.allocated());
    let mut replay = Replay::new(policy(POLICY), None, i64::MAX).facts_only();
    let mut input = lines;
    history::read(&mut input, "bench", &Form::Ndjson, &Room::default(), &mut |Coming { leads_ahead, .. }, event| {
        replay.warm(leads_ahead);
        assert_eq!(replay.event(event, &mut unheard)?, None);
        Ok(())
    })
    .expect("a history");
    let end = replay.finish(&mut unheard).expect("nothing is written");
    let (bytes, leads) = (ALLOCATOR.allocated() - before, replay.shard().lead_count());
    let mut collector = Collector::new(replay.rules(), end, &[], Holder::End);
    for record in replay.shard().records() {
        collector.add(record).expect("a record");
    }
    let report = collector.finish(replay.counts.clone()).expect("records");
    write_json(&report, std::io::sink()).expect("nothing fails");
    Outcome { events: replay.counts.accepted, seconds: start.elapsed().as_secs_f64(), bytes, leads }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn two(lines: &[u8]) -> Outcome {
    let (start, before) = (Instant::now(), ALLOCATOR.allocated());
    let draft = POLICY.replace("\"5 business days\"", "\"4 business days\"");
    let [mut a, mut b] = [POLICY, &draft].map(|text| Replay::new(policy(text), None, i64::MAX).wordless());
    let mut input = lines;
    history::read(&mut input, "bench", &Form::Ndjson, &Room::default(), &mut |Coming { leads_ahead, .. }, event| {
        let event = event.expect("an event");
        a.warm(leads_ahead);
        b.warm(leads_ahead);
        assert_eq!((a.apply(&event, &mut unheard)?, b.apply(&event, &mut unheard)?), (None, None));
        Ok(())
    })
    .expect("a history");
    let end: Timestamp = a.finish(&mut unheard).expect("nothing is written");
    b.finish(&mut unheard).expect("nothing is written");
    let (bytes, leads) = (ALLOCATOR.allocated() - before, a.shard().lead_count());
    let collectors = [&a, &b].map(|replay| Collector::new(replay.rules(), end, &[], Holder::End).telling(0));
    let asked = Asked { first: 10, take: None };
    let compared = comparison::compare([&a, &b], ["a", "b"], end, collectors, asked).expect("records");
    comparison::write_json(&compared, plazo::language::Lang::En, std::io::sink()).expect("nothing fails");
    Outcome { events: a.counts.accepted, seconds: start.elapsed().as_secs_f64(), bytes, leads }
}

fn main() {
    let leads = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(300_000);
    let traffic = Traffic::new(0, leads, START, 400);
    let mut lines = Vec::with_capacity(traffic.bytes.len() + traffic.ends.len());
    for (json, _) in traffic.iter() {
        lines.extend_from_slice(json);
        lines.push(b'\n');
    }
    println!("| policies | M events/s | ns an event | B a lead |\n|---|---|---|---|");
    let mut measured = Vec::new();
    for (policies, run) in [(1, one as fn(&[u8]) -> Outcome), (2, two)] {
        let rounds: Vec<Outcome> = (0..ROUNDS).map(|_| run(&lines)).collect();
        let best = rounds.iter().map(|round| round.seconds / round.events as f64).fold(f64::MAX, f64::min);
        let bytes = rounds[0].bytes as f64 / rounds[0].leads as f64;
        println!("| {policies} | {:.3} | {:.0} | {bytes:.0} |", 1e-6 / best, best * 1e9);
        measured.push((best, bytes));
    }
    println!(
        "\nreplay: {:.3} M events/s (goal >= {:.1}), {:.0} B a lead (goal <= {GOAL_BYTES}) at {leads} leads",
        1e-6 / measured[0].0,
        GOAL_EVENTS_PER_SECOND / 1e6,
        measured[0].1,
    );
}
