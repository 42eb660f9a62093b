//! Timers: [`TimerWheel`] against tokio-util's `DelayQueue`, `BinaryHeap` and `BTreeSet`, all in one run on one recorded load.
//!
//! The load keeps the population steady: of 100 operations about 40 reschedules, 30 inserts and 10 cancels, in an order
//! drawn from a seed, and 20 firings as time advances in small steps. Due instants lie evenly in the ten days ahead. A
//! firing is checked against the owner's table of due instants wherever cancelling is lazy, as the engine does it; the
//! owners' tables (due instants, queue keys) are not counted as memory of the queue. All must fire the same (key, due) pairs.
//!
//! `cargo bench --bench wheel [-- PENDING...]`, by default 1000000 and 10000000.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use cap::Cap;
use mimalloc::MiMalloc;
use plazo::time::{DAY_MS, Timestamp};
use plazo::timer_wheel::TimerWheel;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_util::time::{DelayQueue, delay_queue};

#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

const SEED: u64 = 7;
const HORIZON_MS: i64 = 10 * DAY_MS;
/// Operations before each advance of time, and the firings that it is to bring.
const STEP_OPERATIONS: usize = 200;
const STEP_FIRINGS: i64 = 50;
const FIRED_AT_ONCE: usize = 4_096;
/// Goals of the wheel at the larger size.
const GOAL_RATIO: f64 = 0.15;
const GOAL_BYTES: f64 = 20.0;

enum Op {
    Insert(u32, i64),
    Reschedule(u32, i64),
    Cancel(u32),
    Advance(i64),
}

/// What all contenders play: the first population, then the operations.
struct Load {
    fill: Vec<i64>,
    ops: Vec<Op>,
    /// Keys are below this.
    keys: usize,
    operations: usize,
    live: usize,
    /// Order-free sum over all firings.
    checksum: u64,
}

fn mix(key: u32, due_ms: i64) -> u64 {
    (u64::from(key) << 40 ^ due_ms as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(29)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

impl Load {
    fn record(pending: usize, operations: usize) -> Load {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let fill: Vec<i64> = (0..pending).map(|_| rng.random_range(1..HORIZON_MS)).collect();
        let mut due = fill.clone();
        // Live keys in any order, and where each of them stands.
        let mut live: Vec<u32> = (0..pending as u32).collect();
        let mut place = live.clone();
        let mut free: Vec<u32> = Vec::new();
        let mut wheel = TimerWheel::starting_at(Timestamp(0));
        for (key, &due_ms) in fill.iter().enumerate() {
            wheel.schedule(Timestamp(due_ms), key as u32);
        }
        let (mut ops, mut fired, mut count, mut checksum) = (Vec::new(), Vec::new(), 0, 0u64);
        let (mut now_ms, mut step_ms) = (0, (STEP_FIRINGS * HORIZON_MS) as f64 / pending as f64);
        while count < operations {
            for _ in 0..STEP_OPERATIONS {
                let due_ms = now_ms + rng.random_range(1..HORIZON_MS);
                let kind = rng.random_range(0..80);
                if (40..70).contains(&kind) || live.is_empty() {
                    let key = free.pop().unwrap_or_else(|| {
                        due.push(0);
                        place.push(0);
                        due.len() as u32 - 1
                    });
                    place[key as usize] = live.len() as u32;
                    live.push(key);
                    due[key as usize] = due_ms;
                    wheel.schedule(Timestamp(due_ms), key);
                    ops.push(Op::Insert(key, due_ms));
                } else {
                    let key = live[rng.random_range(0..live.len())];
                    if kind < 40 {
                        due[key as usize] = due_ms;
                        wheel.schedule(Timestamp(due_ms), key);
                        ops.push(Op::Reschedule(key, due_ms));
                    } else {
                        forget(key, &mut due, &mut live, &mut place, &mut free);
                        ops.push(Op::Cancel(key));
                    }
                }
            }
            count += STEP_OPERATIONS;
            // The step is steered so that the population stays what it was.
            step_ms *= if live.len() > pending { 1.02 } else { 0.98 };
            now_ms += (step_ms as i64).max(1);
            wheel.expire(Timestamp(now_ms + 1), usize::MAX, &mut fired);
            for (due_at, key) in fired.drain(..) {
                if due[key as usize] == due_at.ms() {
                    forget(key, &mut due, &mut live, &mut place, &mut free);
                    checksum = checksum.wrapping_add(mix(key, due_at.ms()));
                    count += 1;
                }
            }
            ops.push(Op::Advance(now_ms));
        }
        Load { fill, ops, keys: due.len(), operations: count, live: live.len(), checksum }
    }
}

fn forget(key: u32, due: &mut [i64], live: &mut Vec<u32>, place: &mut [u32], free: &mut Vec<u32>) {
    due[key as usize] = 0;
    let at = place[key as usize] as usize;
    live.swap_remove(at);
    if let Some(&moved) = live.get(at) {
        place[moved as usize] = at as u32;
    }
    free.push(key);
}

trait Timers {
    const NAME: &'static str;
    fn with_keys(keys: usize) -> Self;
    fn insert(&mut self, key: u32, due_ms: i64);
    fn reschedule(&mut self, key: u32, due_ms: i64);
    fn cancel(&mut self, key: u32);
    /// Fires what is due at or before `now_ms` and returns the sum of it.
    async fn advance(&mut self, now_ms: i64) -> u64;
}

/// The owner's side of lazy cancelling: what each key waits for (0: nothing), and how many pairs nobody waits for.
struct Wanted {
    due: Vec<i64>,
    live: usize,
    stale: usize,
}

impl Wanted {
    fn new(keys: usize) -> Self {
        Wanted { due: vec![0; keys], live: 0, stale: 0 }
    }

    fn set(&mut self, key: u32, due_ms: i64) {
        let due = &mut self.due[key as usize];
        let (was, is) = (*due != 0, due_ms != 0);
        *due = due_ms;
        self.live = self.live + usize::from(is) - usize::from(was);
        self.stale += usize::from(was);
    }

    fn fire(&mut self, key: u32, due_ms: i64) -> u64 {
        let due = &mut self.due[key as usize];
        if *due != due_ms {
            self.stale -= 1;
            return 0;
        }
        *due = 0;
        self.live -= 1;
        mix(key, due_ms)
    }
}

struct Ours {
    wheel: TimerWheel<u32>,
    wanted: Wanted,
    fired: Vec<(Timestamp, u32)>,
}

impl Ours {
    fn sweep(&mut self) {
        let due = &self.wanted.due;
        self.wheel.retain(|due_at, key| due[key as usize] == due_at.ms());
        self.wanted.stale = 0;
    }
}

impl Timers for Ours {
    const NAME: &'static str = "TimerWheel";

    fn with_keys(keys: usize) -> Self {
        Ours { wheel: TimerWheel::starting_at(Timestamp(0)), wanted: Wanted::new(keys), fired: Vec::new() }
    }

    fn insert(&mut self, key: u32, due_ms: i64) {
        self.wanted.set(key, due_ms);
        self.wheel.schedule(Timestamp(due_ms), key);
    }

    fn reschedule(&mut self, key: u32, due_ms: i64) {
        self.insert(key, due_ms);
    }

    fn cancel(&mut self, key: u32) {
        self.wanted.set(key, 0);
    }

    async fn advance(&mut self, now_ms: i64) -> u64 {
        let mut sum = 0u64;
        loop {
            let more = self.wheel.expire(Timestamp(now_ms + 1), FIRED_AT_ONCE, &mut self.fired);
            for (due, key) in self.fired.drain(..) {
                sum = sum.wrapping_add(self.wanted.fire(key, due.ms()));
            }
            if !more {
                break;
            }
        }
        if self.wanted.stale > self.wanted.live {
            self.sweep();
        }
        sum
    }
}

struct Heap {
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    wanted: Wanted,
}

impl Timers for Heap {
    const NAME: &'static str = "BinaryHeap";

    fn with_keys(keys: usize) -> Self {
        Heap { heap: BinaryHeap::new(), wanted: Wanted::new(keys) }
    }

    fn insert(&mut self, key: u32, due_ms: i64) {
        self.wanted.set(key, due_ms);
        self.heap.push(Reverse((due_ms, key)));
    }

    fn reschedule(&mut self, key: u32, due_ms: i64) {
        self.insert(key, due_ms);
    }

    fn cancel(&mut self, key: u32) {
        self.wanted.set(key, 0);
    }

    async fn advance(&mut self, now_ms: i64) -> u64 {
        let mut sum = 0u64;
        while let Some(&Reverse((due_ms, key))) = self.heap.peek() {
            if due_ms > now_ms {
                break;
            }
            self.heap.pop();
            sum = sum.wrapping_add(self.wanted.fire(key, due_ms));
        }
        if self.wanted.stale > self.wanted.live {
            let due = &self.wanted.due;
            self.heap.retain(|&Reverse((due_ms, key))| due[key as usize] == due_ms);
            self.wanted.stale = 0;
        }
        sum
    }
}

struct Tree {
    tree: BTreeSet<(i64, u32)>,
    due: Vec<i64>,
}

impl Timers for Tree {
    const NAME: &'static str = "BTreeSet";

    fn with_keys(keys: usize) -> Self {
        Tree { tree: BTreeSet::new(), due: vec![0; keys] }
    }

    fn insert(&mut self, key: u32, due_ms: i64) {
        self.due[key as usize] = due_ms;
        self.tree.insert((due_ms, key));
    }

    fn reschedule(&mut self, key: u32, due_ms: i64) {
        self.cancel(key);
        self.insert(key, due_ms);
    }

    fn cancel(&mut self, key: u32) {
        self.tree.remove(&(self.due[key as usize], key));
    }

    async fn advance(&mut self, now_ms: i64) -> u64 {
        let mut sum = 0u64;
        while let Some(&(due_ms, key)) = self.tree.first() {
            if due_ms > now_ms {
                break;
            }
            self.tree.pop_first();
            sum = sum.wrapping_add(mix(key, due_ms));
        }
        sum
    }
}

struct Queue {
    queue: DelayQueue<u32>,
    keys: Vec<Option<delay_queue::Key>>,
    start: tokio::time::Instant,
    now_ms: i64,
}

impl Queue {
    fn at(&self, due_ms: i64) -> tokio::time::Instant {
        self.start + Duration::from_millis(due_ms as u64)
    }
}

impl Timers for Queue {
    const NAME: &'static str = "DelayQueue";

    #[allow(clippy::disallowed_methods, reason = "the paused clock of this runtime")]
    fn with_keys(keys: usize) -> Self {
        Queue { queue: DelayQueue::new(), keys: vec![None; keys], start: tokio::time::Instant::now(), now_ms: 0 }
    }

    fn insert(&mut self, key: u32, due_ms: i64) {
        let when = self.at(due_ms);
        self.keys[key as usize] = Some(self.queue.insert_at(key, when));
    }

    fn reschedule(&mut self, key: u32, due_ms: i64) {
        let when = self.at(due_ms);
        if let Some(handle) = &self.keys[key as usize] {
            self.queue.reset_at(handle, when);
        }
    }

    fn cancel(&mut self, key: u32) {
        if let Some(handle) = self.keys[key as usize].take() {
            self.queue.remove(&handle);
        }
    }

    async fn advance(&mut self, now_ms: i64) -> u64 {
        tokio::time::advance(Duration::from_millis((now_ms - self.now_ms) as u64)).await;
        self.now_ms = now_ms;
        let (start, mut sum) = (self.start, 0u64);
        poll_fn(|context| {
            while let Poll::Ready(Some(expired)) = self.queue.poll_expired(context) {
                let due_ms = expired.deadline().duration_since(start).as_millis() as i64;
                self.keys[*expired.get_ref() as usize] = None;
                sum = sum.wrapping_add(mix(*expired.get_ref(), due_ms));
            }
            Poll::Ready(())
        })
        .await;
        sum
    }
}

struct Figures {
    name: &'static str,
    fill_ns: f64,
    operation_ns: f64,
    filled_bytes: f64,
    loaded_bytes: f64,
}

#[allow(clippy::disallowed_methods, reason = "a stopwatch")]
fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

async fn play<T: Timers>(load: &Load) -> (Figures, T) {
    let mut timers = T::with_keys(load.keys);
    let empty_bytes = ALLOCATOR.allocated();
    let bytes_each = |timers: usize| (ALLOCATOR.allocated() - empty_bytes) as f64 / timers as f64;
    let started = stopwatch();
    for (key, &due_ms) in load.fill.iter().enumerate() {
        timers.insert(key as u32, due_ms);
    }
    let fill_ns = started.elapsed().as_nanos() as f64 / load.fill.len() as f64;
    let filled_bytes = bytes_each(load.fill.len());
    let started = stopwatch();
    let mut checksum = 0u64;
    for op in &load.ops {
        match *op {
            Op::Insert(key, due_ms) => timers.insert(key, due_ms),
            Op::Reschedule(key, due_ms) => timers.reschedule(key, due_ms),
            Op::Cancel(key) => timers.cancel(key),
            Op::Advance(now_ms) => checksum = checksum.wrapping_add(timers.advance(now_ms).await),
        }
    }
    let operation_ns = started.elapsed().as_nanos() as f64 / load.operations as f64;
    assert_eq!(checksum, load.checksum, "{} fired something else", T::NAME);
    (Figures { name: T::NAME, fill_ns, operation_ns, filled_bytes, loaded_bytes: bytes_each(load.live) }, timers)
}

async fn compare(pending: usize) {
    let load = Load::record(pending, pending.clamp(1_000_000, 4_000_000));
    let mut rows = Vec::new();
    let (ours, mut wheel) = play::<Ours>(&load).await;
    rows.push(ours);

    // The most that lazy cancelling costs: as many forgotten entries as live ones, just before the sweep.
    let before_bytes = ALLOCATOR.allocated();
    let mut missing = wheel.wanted.live.saturating_sub(wheel.wanted.stale);
    for key in 0..load.keys as u32 {
        let due_ms = wheel.wanted.due[key as usize];
        if due_ms != 0 && missing > 0 {
            missing -= 1;
            wheel.reschedule(key, due_ms + 1);
        }
    }
    let added_bytes = (ALLOCATOR.allocated() - before_bytes) as f64;
    let worst_bytes = rows[0].loaded_bytes + added_bytes / wheel.wanted.live as f64;
    let started = stopwatch();
    wheel.sweep();
    let sweep_ns = started.elapsed().as_nanos() as f64 / (2 * wheel.wanted.live) as f64;
    assert_eq!(wheel.wheel.len(), wheel.wanted.live);
    drop(wheel);

    rows.push(play::<Queue>(&load).await.0);
    rows.push(play::<Heap>(&load).await.0);
    rows.push(play::<Tree>(&load).await.0);

    println!("\n{pending} pending, {} operations, seed {SEED}", load.operations);
    println!(
        "{:<12}{:>10}{:>14}{:>10}{:>14}{:>14}",
        "", "ns/op", "x DelayQueue", "fill ns", "B/timer full", "after load"
    );
    let queue_ns = rows[1].operation_ns;
    for row in &rows {
        println!(
            "{:<12}{:>10.0}{:>14.3}{:>10.0}{:>14.1}{:>14.1}",
            row.name,
            row.operation_ns,
            row.operation_ns / queue_ns,
            row.fill_ns,
            row.filled_bytes,
            row.loaded_bytes
        );
    }
    println!(
        "TimerWheel with as many forgotten entries as live ones: {worst_bytes:.1} B a timer; sweep {sweep_ns:.0} ns an entry"
    );
    let size =
        if pending.is_multiple_of(1_000_000) { format!("{} M", pending / 1_000_000) } else { pending.to_string() };
    println!(
        "wheel: {:.2} x DelayQueue at {size} (goal <= {GOAL_RATIO}); {worst_bytes:.1} B a timer (goal <= {GOAL_BYTES:.0})",
        rows[0].operation_ns / queue_ns
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = Vec::new();
    // Cargo itself passes `--bench`.
    for argument in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        sizes.push(argument.parse::<usize>()?.max(1));
    }
    if sizes.is_empty() {
        sizes = vec![1_000_000, 10_000_000];
    }
    for pending in sizes {
        // A fresh paused clock each; unconstrained, or the queue would be stopped by tokio's cooperative budget.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(tokio::task::unconstrained(compare(pending)));
    }
    Ok(())
}
