//! What a seed decides before anything happens. All of it is printed when a seed fails.

use std::sync::{Arc, LazyLock};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use plazo::engine::Options;
use plazo::policy::{self, Policy};
use plazo::worker::running::Room;

pub const INPUTS: usize = 2;

/// A recipe of the engine's or a promise of the brokers that is broken on purpose, to see that the check notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An input ends at the last stable offset: what an open transaction holds does not count.
    EndsAtLastStable,
    /// The end of an input is taken to be known as of the answer, not as of the question.
    EndsAsOfTheAnswer,
    /// The coordinator takes offsets from a member that is none any more.
    ZombieCommits,
    /// A new producer does not end what its predecessor left open, and does not shut it out.
    NothingFenced,
    /// Changed records and the meta record are not written.
    NoChangelog,
    /// After an unknown outcome the shards go on as if it had been aborted.
    UnknownTakenForAborted,
    /// After an unknown outcome the shards go on as if it had been committed.
    UnknownTakenForCommitted,
    /// The wall clock is believed, whatever the monotonic one says.
    ClockBelieved,
}

impl Broken {
    pub const ALL: [Broken; 8] = [
        Broken::EndsAtLastStable,
        Broken::EndsAsOfTheAnswer,
        Broken::ZombieCommits,
        Broken::NothingFenced,
        Broken::NoChangelog,
        Broken::UnknownTakenForAborted,
        Broken::UnknownTakenForCommitted,
        Broken::ClockBelieved,
    ];
}

/// The odds of what may go wrong in one round, each in 10,000.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub kill: u32,
    pub stall: u32,
    /// A process of the same name starts while the old one is stalled.
    pub double: u32,
    pub rebalance: u32,
    pub outage: u32,
    pub clock_step: u32,
    pub compact: u32,
    /// Of a transaction of the engine, when its records are sent.
    pub abort: u32,
    /// Of a transaction of the engine, that the answer to its end is lost.
    pub unknown: u32,
}

#[derive(Clone, Debug)]
pub struct Params {
    pub seed: u64,
    pub broken: Option<Broken>,
    pub partitions: u32,
    pub instances: usize,
    pub skew_ms: i64,
    pub policy: usize,
    pub options: Options,
    /// A rebalance takes everything from everybody first.
    pub eager: bool,
    pub session_ms: i64,
    pub transaction_timeout_ms: i64,
    pub room: Room,
    pub rounds: u32,
    pub round_ms: i64,
    pub leads: u32,
    /// Chance of an event in a round, in 100.
    pub busy: u32,
    /// Share of events that the CRM writes in transactions, in 100.
    pub transactional: u32,
    /// Events come late by so much at most.
    pub late_ms: i64,
    pub faults: Faults,
}

impl Params {
    pub fn of(seed: u64, broken: Option<Broken>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0070_6c61_7a6f);
        let odds = |rng: &mut ChaCha8Rng, most: u32| if rng.random_bool(0.3) { 0 } else { rng.random_range(0..=most) };
        let small = rng.random_bool(0.5);
        Params {
            seed,
            broken,
            partitions: rng.random_range(1..=4),
            instances: rng.random_range(1..=3),
            skew_ms: [0, 50, 400, 2_000][rng.random_range(0..4)],
            policy: rng.random_range(0..POLICIES.len()),
            options: Options {
                future_tolerance_ms: 5_000,
                retention_ms: rng.random_bool(0.3).then(|| rng.random_range(20_000..60_000)),
                ..Options::default()
            },
            eager: rng.random_bool(0.5),
            session_ms: rng.random_range(3_000..8_000),
            transaction_timeout_ms: rng.random_range(4_000..10_000),
            room: Room {
                fires: if small { rng.random_range(1..6) } else { 1_000 },
                events: if small { rng.random_range(1..12) } else { 1_000 },
                waiting: if small { rng.random_range(2..20) } else { 1_000 },
            },
            rounds: rng.random_range(300..700),
            round_ms: [20, 60, 200][rng.random_range(0..3)],
            leads: rng.random_range(3..30),
            busy: rng.random_range(5..50),
            transactional: [0, 30, 80][rng.random_range(0..3)],
            late_ms: [0, 2_000, 30_000][rng.random_range(0..3)],
            faults: Faults {
                kill: odds(&mut rng, 80),
                stall: odds(&mut rng, 80),
                double: odds(&mut rng, 40),
                rebalance: odds(&mut rng, 100),
                outage: odds(&mut rng, 30),
                clock_step: odds(&mut rng, 60),
                compact: odds(&mut rng, 400),
                abort: odds(&mut rng, 1_000),
                unknown: odds(&mut rng, 1_000),
            },
        }
    }

    pub fn policy(&self) -> Arc<Policy> {
        POLICIES[self.policy].clone()
    }
}

const HEAD: &str = r#"
[agreement]
name = "Simulated"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "working"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
"#;

const SLAS: [&str; 3] = [
    r#"
[[sla]]
name = "disposition"
start = { on = "created" }
stop = { disposition = "any" }
[[sla.target]]
within = "6 seconds"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "2 seconds"
notify = ["manager"]
"#,
    r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"], at_most = "10 seconds" }
on_reassign = "restart"
[[sla.target]]
when = { score = { at_least = 50 } }
within = "3 seconds"
[[sla.target]]
within = "12 seconds"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 seconds"
notify = ["owner"]
[[sla.escalation]]
after = "5 seconds"
notify = ["manager"]
[[sla]]
name = "disposition of all"
start = { on = "created" }
stop = { disposition = "any" }
[[sla.target]]
within = "20 seconds"
"#,
    r#"
[calendars.shift]
timezone = "UTC"
weekly = { tue = ["00:00-08:00:20", "08:00:30-24:00"] }
[[sla]]
name = "disposition"
calendar = "shift"
start = { on = "created" }
stop = { disposition = "any" }
[[sla.target]]
within = "8 business seconds"
[[sla]]
name = "follow up"
start = { on = "assigned" }
stop = { disposition = "any" }
recur = { activity = "any" }
[[sla.target]]
within = "5 seconds"
[[sla.reminder]]
at = "1 second before"
"#,
];

static POLICIES: LazyLock<Vec<Arc<Policy>>> = LazyLock::new(|| {
    let parse = |slas: &&str| {
        let text = format!("{HEAD}{slas}");
        let policy = policy::parse("simulated.toml", &text, &|_| unreachable!("no further files are named"));
        Arc::new(policy.unwrap_or_else(|faults| panic!("{faults}")))
    };
    SLAS.iter().map(parse).collect()
});
