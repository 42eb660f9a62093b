//! One step of one lead: a fifth fact settled on a record of four, and the parts of it that are codec.
//!
//! `cargo bench --bench settle`: nanoseconds, and each part's share of the whole.

use std::hint::black_box;
use std::time::Instant;

use mimalloc::MiMalloc;
use plazo::engine::Outbox;
use plazo::engine::record::Lead;
use plazo::engine::settle::{Settled, Settler, Step, Stimulus};
use plazo::event::{self, Event};
use plazo::time::{DAY_MS, Timestamp};

mod support;

use support::{OPEN_FACTS, START, shard, write_event};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const LEADS: u64 = 1_000;
const ROUNDS: usize = 50;

/// Nanoseconds of `work` for one lead: the best round.
#[expect(clippy::disallowed_methods, reason = "a bench measures how long something took")]
fn best(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64() / LEADS as f64 * 1e9);
    }
    best
}

fn main() {
    let mut full = shard();
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for lead in 0..LEADS {
        for fact in 0..OPEN_FACTS {
            let mut json = Vec::new();
            write_event(lead, fact, START, &mut json);
            let event = event::decode(&json).expect("an event");
            full.apply(&event, START, (0, lead * 8 + fact)).expect("accepted");
        }
        full.commit();
        let mut json = Vec::new();
        write_event(lead, OPEN_FACTS, START.plus_ms(DAY_MS / 8), &mut json);
        texts.push(json);
    }
    let events: Vec<Event<'_>> = texts.iter().map(|json| event::decode(json).expect("an event")).collect();
    let records: Vec<&[u8]> = events.iter().map(|event| full.lead(&event.lead_id).expect("a record")).collect();
    let rules = full.rules();
    let mut settler = Settler::default();
    let mut outbox = Outbox::default();

    let mut notices = 0;
    let mut settle = |at: Timestamp, fact: bool| {
        best(|| {
            notices = 0;
            for (event, record) in events.iter().zip(&records) {
                let stimulus = if fact { Stimulus::Fact { event, delivery: 1 } } else { Stimulus::Passing };
                let step = Step { at, offsets: &[] };
                let settled = settler
                    .settle(rules, &event.lead_id, Some(record), stimulus, step, &mut outbox)
                    .expect("a whole record");
                assert_ne!(settled, Settled::Duplicate);
                notices += outbox.notices.len();
                outbox.clear();
            }
        })
    };
    let at = START.plus_ms(DAY_MS / 8);
    let passing = settle(at, false);
    let whole = settle(at, true);
    let mut lead = Lead::default();
    let decode = best(|| {
        for record in &records {
            lead.decode(record).expect("a whole record");
            black_box(&lead);
        }
    });
    let mut bytes = Vec::new();
    let encode = best(|| {
        for _ in &records {
            lead.encode(START, &mut bytes);
            black_box(&bytes);
        }
    });
    let each = notices as f64 / LEADS as f64;
    println!("| | ns | share |\n|---|---|---|");
    for (name, ns) in [
        (format!("a fifth fact, {each:.2} notices"), whole),
        ("time passes, nothing to say".to_owned(), passing),
        ("decode the record".to_owned(), decode),
        ("encode the record".to_owned(), encode),
    ] {
        println!("| {name} | {ns:.0} | {:.2} |", ns / whole);
    }
}
