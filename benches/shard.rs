//! The whole shard on one thread: JSON bytes in, serialised notices out; and the cost of one event as leads pile up.
//!
//! `cargo bench --bench shard [-- LEADS]`: the largest population of the flatness table, by default 10,000,000.

use std::hint::black_box;
use std::time::Instant;

use mimalloc::MiMalloc;
use plazo::engine::{Applied, Shard};
use plazo::event;
use plazo::time::Timestamp;

mod support;

use support::{OPEN_FACTS, START, Traffic, shard, write_event};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Events of one turn.
const TURN: usize = 64;
const GOAL_EVENTS_PER_SECOND: f64 = 0.45e6;
const GOAL_FLATNESS: f64 = 2.0;

struct Outcome {
    events: u64,
    notices: u64,
    bytes: u64,
    seconds: f64,
}

#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn play(shard: &mut Shard, traffic: &Traffic, position: &mut u64) -> Outcome {
    let mut outcome = Outcome { events: 0, notices: 0, bytes: 0, seconds: 0.0 };
    let start = Instant::now();
    let mut events = traffic.iter();
    let mut turn = Vec::with_capacity(TURN);
    loop {
        turn.extend(events.by_ref().take(TURN).map(|(json, time)| (event::decode(json).expect("an event"), time)));
        if turn.is_empty() {
            break;
        }
        shard.warm(turn.iter().map(|(event, _)| event.lead_id.as_ref()));
        for (event, time) in turn.drain(..) {
            *position += 1;
            shard.advance(time, usize::MAX);
            let applied = shard.apply(&event, time, (0, *position)).expect("accepted");
            assert_eq!(applied, Applied::Accepted);
            outcome.events += 1;
        }
        hand_on(shard, &mut outcome);
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    outcome
}

fn hand_on(shard: &mut Shard, outcome: &mut Outcome) {
    let turn = shard.turn();
    for notice in &turn.outbox.notices {
        outcome.notices += 1;
        outcome.bytes += black_box(turn.outbox.json(notice)).len() as u64;
    }
    shard.commit();
}

fn whole() {
    let traffic = Traffic::new(0, 300_000, START, 400);
    let mut best = f64::MAX;
    let mut last = None;
    for _ in 0..6 {
        let mut fresh = shard();
        let outcome = play(&mut fresh, &traffic, &mut 0);
        best = best.min(outcome.seconds / outcome.events as f64);
        last = Some(outcome);
    }
    let Some(outcome) = last else { return };
    println!(
        "whole shard: {:.3} M events/s (goal >= {:.2}); {:.0} ns an event, {:.2} notices an event of {} B, {} B in",
        1e-6 / best,
        GOAL_EVENTS_PER_SECOND / 1e6,
        best * 1e9,
        outcome.notices as f64 / outcome.events as f64,
        outcome.bytes / outcome.notices.max(1),
        traffic.bytes.len() as u64 / outcome.events,
    );
}

/// Fills with open leads of four facts, then measures the same traffic on top.
fn flatness(largest: u64) {
    println!("\n| open leads | ns an event | x that at 10 k |\n|---|---|---|");
    let mut fresh = shard();
    let mut json = Vec::new();
    let (mut filled, mut position) = (0, 0);
    let mut first = None;
    let mut now = START;
    for leads in [10_000, 100_000, 1_000_000, 10_000_000] {
        if leads > largest {
            break;
        }
        for lead in filled..leads {
            let time = now.plus_ms(((lead - filled) / 1_000) as i64);
            for fact in 0..OPEN_FACTS {
                json.clear();
                write_event(lead, fact, time, &mut json);
                position += 1;
                let event = event::decode(&json).expect("an event");
                fresh.apply(&event, time, (0, position)).expect("accepted");
            }
            if lead % 1_024 == 0 {
                fresh.commit();
            }
        }
        filled = leads;
        now = now.plus_ms(10_000);
        let nanos = on_top(&mut fresh, leads, now, position);
        let base = *first.get_or_insert(nanos);
        println!("| {leads} | {nanos:.0} | {:.2} |", nanos / base);
        if leads == largest {
            println!("\nflatness: {:.2} x at {leads} (goal <= {GOAL_FLATNESS})", nanos / base);
        }
    }
}

/// One more fact for leads all over the table, each turn undone, so that every lead keeps its four: nanoseconds an event.
#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn on_top(shard: &mut Shard, leads: u64, now: Timestamp, position: u64) -> f64 {
    const EVENTS: u64 = 200_000;
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for index in 0..EVENTS {
        let lead = (index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % leads;
        write_event(lead, OPEN_FACTS, now, &mut bytes);
        ends.push((bytes.len(), now));
    }
    let traffic = Traffic { bytes, ends };
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let mut events = traffic.iter();
        let mut turn = Vec::with_capacity(TURN);
        loop {
            turn.extend(events.by_ref().take(TURN).map(|(json, time)| (event::decode(json).expect("an event"), time)));
            if turn.is_empty() {
                break;
            }
            shard.warm(turn.iter().map(|(event, _)| event.lead_id.as_ref()));
            for (event, time) in turn.drain(..) {
                black_box(shard.apply(&event, time, (0, position)).expect("accepted"));
            }
            black_box(&shard.turn().outbox);
            shard.undo();
        }
        best = best.min(start.elapsed().as_secs_f64() / EVENTS as f64 * 1e9);
    }
    best
}

fn main() {
    let largest = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000_000);
    whole();
    flatness(largest);
}
