//! The Kafka shell against simulated brokers, clocks, CRM and processes, all of it decided by one number. See `docs/simulation.md`.
#![allow(
    clippy::disallowed_methods,
    reason = "the number of seeds comes from the environment, and what they take is measured"
)]

mod broker;
mod check;
mod clocks;
mod log;
mod params;
mod upstream;
mod worker;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use params::{Broken, Params};
use world::{Stats, Verdict};

/// Seeds of `cargo test`.
const SEEDS: u64 = 2_000;
/// Each of so many seeds is run twice.
const TWICE: u64 = 10;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found {text:?}")))
}

fn run(seed: u64, broken: Option<Broken>) -> Verdict {
    world::run(Params::of(seed, broken))
}

fn report(seed: u64, told: &[String]) -> String {
    format!(
        "seed {seed} fails:\n{}\n{:#?}\nrun it alone: make simulate SEED={seed}",
        told.join("\n"),
        Params::of(seed, None)
    )
}

/// Every promise over a range of seeds, in as many threads as there are cores.
fn all(from: u64, count: u64) -> Stats {
    let (next, total) = (AtomicU64::new(from), Mutex::new((Stats::default(), Vec::<String>::new())));
    let began = Instant::now();
    let serve = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= from + count {
            return;
        }
        let verdict = run(seed, None);
        let mut told = verdict.violations;
        if seed.is_multiple_of(TWICE) || count == 1 {
            let again = run(seed, None);
            if (again.digest, again.stats) != (verdict.digest, verdict.stats) {
                told.push("the same seed twice gives other bytes".to_owned());
            }
        }
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.0.add(&verdict.stats);
        if !told.is_empty() {
            total.1.push(report(seed, &told));
            // The first ones are enough to look at.
            if total.1.len() >= 3 {
                next.store(from + count, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(serve);
        }
    });
    let (stats, failures) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("{count} seeds from {from}, {:.0} a minute; a seed on average:", count as f64 / minutes);
    for (name, sum) in stats.all() {
        println!("{:>12.2} {name}", sum as f64 / count as f64);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    stats
}

#[test]
fn every_breach_is_told_once_and_none_that_the_brokers_records_contradict_whatever_fails() {
    if let Some(seed) = setting("SIMULATE_SEED") {
        all(seed, 1);
        return;
    }
    let stats = all(setting("SIMULATE_FROM").unwrap_or(0), setting("SIMULATE_SEEDS").unwrap_or(SEEDS));
    if setting("SIMULATE_SEEDS").is_none() {
        for (name, sum) in stats.all() {
            assert!(sum > 0, "{name}: it never happened, so nothing was proven about it");
        }
    }
}

/// Seeds within which a broken recipe must be noticed.
const WITHIN: u64 = 400;

#[test]
fn each_broken_recipe_is_noticed() {
    let mut missed = Vec::new();
    for broken in Broken::ALL {
        match (0..WITHIN).map(|seed| (seed, run(seed, Some(broken)))).find(|(_, it)| !it.violations.is_empty()) {
            Some((seed, verdict)) => {
                let told: String = verdict.violations[0].chars().take(150).collect();
                println!("{broken:?}: seed {seed}: {told}");
            }
            None => missed.push(broken),
        }
    }
    assert!(missed.is_empty(), "not noticed within {WITHIN} seeds: {missed:?}");
}
