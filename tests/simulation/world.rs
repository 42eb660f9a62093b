//! One seed from its beginning to its check: rounds in which time passes, the CRM tells, something fails, and each process takes a turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use plazo::config::{Kafka, Protocol, Topics};
use plazo::time::Timestamp;

use crate::broker::{Broker, INPUT_NAMES};
use crate::check;
use crate::clocks::Clocks;
use crate::params::Params;
use crate::upstream::Upstream;
use crate::worker::Worker;

/// Rounds within which all must be told once nothing fails any more.
const SETTLING_ROUNDS: u32 = 4_000;
const SETTLING_ROUND_MS: i64 = 60;

macro_rules! stats {
    ($($name:ident),* $(,)?) => {
        /// What happened, counted: a simulation in which nothing goes wrong proves nothing.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats { $(pub $name: u64),* }

        impl Stats {
            pub fn add(&mut self, other: &Stats) { $(self.$name += other.$name;)* }
            pub fn all(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($name), self.$name)),*] }
        }
    };
}

stats!(
    rounds,
    events,
    notices,
    breaches,
    retractions,
    dead_letters,
    commits,
    aborts,
    unknown,
    zombies,
    kills,
    stalls,
    doubles,
    rebalances,
    moved,
    lost,
    restores,
    outages,
    clock_steps,
    disbelieved,
    silent,
    probes,
    pauses,
    redelivered,
    compactions,
    crm_transactions,
    offsets_forgotten,
);

pub struct World {
    pub params: Params,
    pub rng: ChaCha8Rng,
    pub clocks: Clocks,
    pub broker: Broker,
    pub kafka: Arc<Kafka>,
    /// By instance, the process that has its name now.
    pub owners: Vec<u64>,
    pub stats: Stats,
    pub violations: Vec<String>,
}

impl World {
    pub fn violation(&mut self, told: String) {
        let at = Timestamp::from_ms(self.clocks.now_ms);
        self.violations.push(format!("{at}: {told}"));
    }

    /// By odds in 10,000.
    pub fn happens(&mut self, odds: u32) -> bool {
        self.rng.random_ratio(odds, 10_000)
    }
}

/// What became of a seed.
#[derive(Debug)]
pub struct Verdict {
    pub stats: Stats,
    /// Of every byte that was written.
    pub digest: u64,
    pub violations: Vec<String>,
}

struct Simulation {
    world: World,
    upstream: Upstream,
    workers: Vec<Worker>,
    /// Instances that are down, and when they start again.
    down: BTreeMap<usize, i64>,
    processes: u64,
}

pub fn run(params: Params) -> Verdict {
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let clocks = Clocks::new(&params, &mut rng);
    let kafka = Kafka {
        brokers: String::new(),
        inputs: INPUT_NAMES.map(str::to_owned).into(),
        group: "plazo".to_owned(),
        topics: Topics::default(),
        protocol: Protocol::Classic,
        transactional_id: "plazo".to_owned(),
        properties: BTreeMap::new(),
    };
    let world = World {
        broker: Broker::new(&params),
        clocks,
        kafka: Arc::new(kafka),
        owners: vec![0; params.instances],
        stats: Stats::default(),
        violations: Vec::new(),
        rng,
        params,
    };
    let down = (0..world.params.instances).map(|instance| (instance, 0)).collect();
    let mut simulation = Simulation { world, upstream: Upstream::default(), workers: Vec::new(), down, processes: 0 };
    for _ in 0..simulation.world.params.rounds {
        simulation.round();
        if !simulation.world.violations.is_empty() {
            break;
        }
    }
    if simulation.world.violations.is_empty() {
        simulation.settle();
    }
    if simulation.world.violations.is_empty() {
        check::all(&mut simulation.world, &simulation.workers);
    }
    Verdict {
        stats: simulation.world.stats,
        digest: check::digest_of_logs(&simulation.world.broker),
        violations: simulation.world.violations,
    }
}

impl Simulation {
    fn round(&mut self) {
        let world = &mut self.world;
        world.stats.rounds += 1;
        let most_ms = if world.rng.random_bool(0.02) { 3_000 } else { world.params.round_ms };
        let by_ms = world.rng.random_range(0..=most_ms);
        world.clocks.pass(by_ms, &mut world.rng);
        world.broker.tick(world.clocks.now_ms);
        self.upstream.tick(world);
        self.fail();
        self.turns();
    }

    /// Each process takes a turn, in any order; one that was replaced ends.
    fn turns(&mut self) {
        let now_ms = self.world.clocks.now_ms;
        let due: Vec<usize> = self.down.iter().filter(|(_, at)| **at <= now_ms).map(|(it, _)| *it).collect();
        if !self.world.broker.is_down(&self.world.clocks) {
            for instance in due {
                self.down.remove(&instance);
                self.start(instance);
            }
        }
        self.workers.shuffle(&mut self.world.rng);
        for mut worker in std::mem::take(&mut self.workers) {
            if worker.turn(&mut self.world) {
                if let Some(told) = worker.refused.take() {
                    self.world.violation(format!("a shard is refused: {told}"));
                }
                self.workers.push(worker);
            } else {
                worker.end(&mut self.world);
            }
        }
    }

    fn start(&mut self, instance: usize) {
        self.processes += 1;
        let process = self.processes;
        let world = &mut self.world;
        world.clocks.set_right(instance);
        let old = std::mem::replace(&mut world.owners[instance], process);
        world.broker.replace(old, process, world.clocks.now_ms, &mut world.rng);
        self.workers.push(Worker::new(&self.world, process, instance));
    }

    fn fail(&mut self) {
        let faults = self.world.params.faults;
        let now_ms = self.world.clocks.now_ms;
        if self.world.happens(faults.kill) && !self.workers.is_empty() {
            let at = self.world.rng.random_range(0..self.workers.len());
            let mut killed = self.workers.swap_remove(at);
            killed.end(&mut self.world);
            self.world.stats.kills += 1;
            if self.world.owners[killed.instance] == killed.process {
                let back_ms = now_ms + self.world.rng.random_range(0..2 * self.world.params.session_ms);
                self.down.insert(killed.instance, back_ms);
            }
        }
        if self.world.happens(faults.stall) && !self.workers.is_empty() {
            let at = self.world.rng.random_range(0..self.workers.len());
            let for_ms = self.world.rng.random_range(50..3 * self.world.params.session_ms);
            self.workers[at].stalled_until_ms = now_ms + for_ms;
            self.world.stats.stalls += 1;
            // Whoever supervises it starts another of the same name.
            let instance = self.workers[at].instance;
            if self.world.rng.random_bool(0.3) && faults.double > 0 && !self.down.contains_key(&instance) {
                self.world.stats.doubles += 1;
                self.down.insert(instance, now_ms + for_ms / 3);
            }
        }
        let world = &mut self.world;
        if world.happens(faults.rebalance) {
            world.stats.rebalances += 1;
            let rng = &mut world.rng;
            world.broker.rebalance(Some(rng));
        }
        if world.happens(faults.outage) {
            world.stats.outages += 1;
            world.broker.down_until_ms = now_ms + world.rng.random_range(50..15_000);
        }
        if world.happens(faults.clock_step) {
            world.stats.clock_steps += 1;
            let instance = world.rng.random_range(0..world.params.instances);
            world.clocks.step(instance, &mut world.rng);
        }
        if world.happens(faults.compact) {
            self.compact();
        }
        if self.world.happens(5) {
            self.world.stats.offsets_forgotten += 1;
            let partition = self.world.rng.random_range(0..self.world.params.partitions);
            self.world.broker.forget_offsets(partition.cast_signed());
        }
    }

    fn compact(&mut self) {
        let world = &mut self.world;
        world.stats.compactions += 1;
        let tombstones = world.broker.restores == 0;
        for partition in 0..world.params.partitions.cast_signed() {
            let active = world.rng.random_range(1..40);
            world.broker.log(crate::broker::CHANGELOG, partition).compact(active, tombstones);
        }
    }

    /// Nothing fails any more: within bounded time everything is told that was due by now.
    fn settle(&mut self) {
        let world = &mut self.world;
        let faults = &mut world.params.faults;
        (faults.abort, faults.unknown, faults.stall) = (0, 0, 0);
        world.broker.down_until_ms = 0;
        world.clocks.set_all_right();
        self.down.values_mut().for_each(|at_ms| *at_ms = 0);
        self.workers.iter_mut().for_each(|worker| worker.stalled_until_ms = 0);
        self.upstream.finish(world);
        let healed = Timestamp::from_ms(world.clocks.now_ms);
        // So far the guard lets a clock move between two questions; beyond it a broker's stamp must confirm it.
        let beats = world.clocks.stepped || world.params.skew_ms > 400;
        for round in 0..SETTLING_ROUNDS {
            let world = &mut self.world;
            world.stats.rounds += 1;
            world.clocks.pass(SETTLING_ROUND_MS, &mut world.rng);
            world.broker.tick(world.clocks.now_ms);
            // A clock that was set is confirmed by a broker's stamps.
            if beats && round % 50 == 0 && round < 1_000 {
                self.upstream.beat(&mut self.world);
            }
            self.turns();
            let ticks = !beats || round >= 1_000;
            if !self.world.violations.is_empty() || (ticks && self.is_settled(healed)) {
                return;
            }
        }
        let told = check::standing(&mut self.world, &mut self.workers);
        self.world.violation(format!("not everything that was due at {healed} is told: {told}"));
    }

    fn is_settled(&mut self, healed: Timestamp) -> bool {
        let all = (0..self.world.params.partitions.cast_signed()).all(|partition| {
            let ends: Vec<i64> =
                (0..INPUT_NAMES.len()).map(|it| self.world.broker.input(it, partition).end()).collect();
            let mut running = self.workers.iter_mut().flat_map(|it| it.shards.running_mut());
            running.any(|shard| {
                let told = shard.shard.next_due().is_none_or(|due| due > healed.max(shard.shard.watermark()));
                shard.partition == partition && told && shard.next().eq(ends.iter().copied())
            })
        });
        all && !self.world.broker.is_writing()
            && self.workers.iter_mut().all(|worker| worker.is_idle() && worker.shards.turns().is_empty())
    }
}
