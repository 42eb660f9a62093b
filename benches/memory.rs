//! Bytes an open lead of four facts takes: its id, record, share of the table, and timer, as the allocator counts them.
//!
//! `cargo bench --bench memory [-- LEADS...]`, by default 1000000 and 10000000.

use cap::Cap;
use mimalloc::MiMalloc;
use plazo::event;

mod support;

use support::{OPEN_FACTS, START, shard, write_event};

#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

const GOAL_BYTES: f64 = 300.0;

fn main() {
    let mut sizes: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000_000, 10_000_000];
    }
    println!("| open leads | B a lead | of them the record | timers |\n|---|---|---|---|");
    let mut fresh = shard();
    let before = ALLOCATOR.allocated();
    let mut json = Vec::new();
    let (mut filled, mut position) = (0, 0);
    for leads in sizes {
        for lead in filled..leads {
            let time = START.plus_ms((lead / 1_000) as i64);
            for fact in 0..OPEN_FACTS {
                json.clear();
                write_event(lead, fact, time, &mut json);
                position += 1;
                let event = event::decode(&json).expect("an event");
                fresh.apply(&event, time, (0, position)).expect("accepted");
            }
            if lead % 256 == 0 {
                fresh.commit();
            }
        }
        fresh.commit();
        filled = leads;
        let bytes = (ALLOCATOR.allocated() - before) as f64 / leads as f64;
        let records: usize = fresh.records().map(<[u8]>::len).sum();
        println!("| {leads} | {bytes:.0} | {} | {} |", records as u64 / leads, fresh.timer_count());
        println!("\nmemory: {bytes:.0} B an open lead at {leads} (goal <= {GOAL_BYTES})\n");
    }
}
