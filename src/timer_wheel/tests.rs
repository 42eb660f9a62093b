use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TICK_MS: i64 = 1 << TICK_BITS;
const RING_MS: i64 = TICK_MS << RING_BITS;

/// The wheel's specification: every pair with the number of times it is present.
#[derive(Default)]
struct Model(BTreeMap<(Timestamp, u32), usize>);

impl Model {
    fn schedule(&mut self, due: Timestamp, key: u32) {
        *self.0.entry((due, key)).or_default() += 1;
    }

    fn expire(&mut self, before: Timestamp, max: usize) -> (Vec<(Timestamp, u32)>, bool) {
        let mut fired = Vec::new();
        while let Some(mut entry) = self.0.first_entry() {
            if entry.key().0 >= before {
                break;
            }
            if fired.len() == max {
                return (fired, true);
            }
            fired.push(*entry.key());
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        (fired, false)
    }

    fn retain(&mut self, keep: impl Fn(Timestamp, u32) -> bool) {
        self.0.retain(|&(due, key), _| keep(due, key));
    }

    fn len(&self) -> usize {
        self.0.values().sum()
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.0.first_key_value().map(|(&(due, _), _)| due)
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Due this much after the last instant reached.
    Schedule {
        after_ms: i64,
        key: u32,
        times: usize,
    },
    ScheduleAt {
        due: i64,
        key: u32,
    },
    Expire {
        after_ms: i64,
        max: usize,
    },
    Sweep {
        modulo: u32,
    },
    Clear,
}

fn span() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 0..50i64,
        4 => 0..3 * TICK_MS,
        4 => 0..RING_MS,
        2 => (0..5i64).prop_map(|ticks| ticks * TICK_MS),
        2 => (-3..=3i64).prop_map(|ms| RING_MS + ms),
        1 => (-2..=2i64).prop_map(|ticks| RING_MS + ticks * TICK_MS),
        2 => 0..20 * RING_MS,
        2 => -2 * RING_MS..0,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let instant = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(i64::MIN + 1), Just(i64::MAX - 1), any::<i64>()];
    let max = prop_oneof![0..4usize, 0..40usize, Just(usize::MAX)];
    prop_oneof![
        20 => (span(), 0..12u32, 1..5usize).prop_map(|(after_ms, key, times)| Op::Schedule { after_ms, key, times }),
        2 => (span(), 0..5u32, 250..600usize).prop_map(|(after_ms, key, times)| Op::Schedule { after_ms, key, times }),
        1 => (instant, 0..12u32).prop_map(|(due, key)| Op::ScheduleAt { due, key }),
        12 => (span(), max).prop_map(|(after_ms, max)| Op::Expire { after_ms, max }),
        2 => (1..5u32).prop_map(|modulo| Op::Sweep { modulo }),
        1 => Just(Op::Clear),
    ]
}

fn start() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        2 => Just(Some(0)),
        1 => Just(None),
        2 => any::<i64>().prop_map(Some),
        1 => Just(Some(i64::MIN)),
        1 => Just(Some(i64::MAX)),
        4 => (-5 * RING_MS..5 * RING_MS).prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn it_is_an_ordered_multiset_under_any_operations(start in start(), ops in prop::collection::vec(op(), 1..80)) {
        let mut wheel = start.map_or_else(TimerWheel::new, |start| TimerWheel::starting_at(Timestamp(start)));
        let mut model = Model::default();
        let mut now = Timestamp(start.unwrap_or(0));
        for op in ops {
            match op {
                Op::Schedule { after_ms, key, times } => {
                    for step in 0..times {
                        let due = now.plus_ms(after_ms).plus_ms(step as i64 / 7 * 1_000);
                        wheel.schedule(due, key);
                        model.schedule(due, key);
                    }
                }
                Op::ScheduleAt { due, key } => {
                    wheel.schedule(Timestamp(due), key);
                    model.schedule(Timestamp(due), key);
                }
                Op::Expire { after_ms, max } => {
                    now = now.plus_ms(after_ms);
                    let mut fired = vec![(Timestamp::MIN, u32::MAX)];
                    let more = wheel.expire(now, max, &mut fired);
                    prop_assert_eq!((fired.split_off(1), more), model.expire(now, max));
                }
                Op::Sweep { modulo } => {
                    let keep = |due: Timestamp, key: u32| due.ms() % 3 == 0 || !key.is_multiple_of(modulo);
                    wheel.retain(keep);
                    model.retain(keep);
                }
                Op::Clear => {
                    wheel.clear();
                    model.0.clear();
                }
            }
            prop_assert_eq!(wheel.len(), model.len());
            prop_assert_eq!(wheel.is_empty(), model.0.is_empty());
            prop_assert_eq!(wheel.next_due(), model.next_due());
        }
        let mut fired = Vec::new();
        prop_assert_eq!((wheel.expire(Timestamp::MAX, usize::MAX, &mut fired), &fired), (false, &model.expire(Timestamp::MAX, usize::MAX).0));
        // "Before" leaves what is due at the very end of time.
        prop_assert!(model.0.keys().all(|&(due, _)| due == Timestamp::MAX));
        prop_assert_eq!(wheel.len(), model.len());
    }

    #[test]
    fn the_spacing_of_expire_does_not_change_what_fires(
        dues in prop::collection::vec(0..3 * RING_MS, 1..200),
        steps in prop::collection::vec((1..RING_MS / 4, 1..20usize), 1..40),
    ) {
        let fill = || {
            let mut wheel = TimerWheel::starting_at(Timestamp(0));
            for (key, &due) in dues.iter().enumerate() {
                wheel.schedule(Timestamp(due), key as u32);
            }
            wheel
        };
        let (mut at_once, mut stepwise) = (Vec::new(), Vec::new());
        fill().expire(Timestamp(3 * RING_MS), usize::MAX, &mut at_once);
        let mut wheel = fill();
        let mut now = Timestamp(0);
        for (step_ms, max) in steps {
            now = now.plus_ms(step_ms);
            while wheel.expire(now, max, &mut stepwise) {}
        }
        wheel.expire(Timestamp(3 * RING_MS), usize::MAX, &mut stepwise);
        prop_assert_eq!(stepwise, at_once);
    }
}

#[test]
fn a_large_jump_costs_what_it_fires() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    let dues = [5, 6, 3 * TICK_MS, 700 * TICK_MS, RING_MS - 1, RING_MS + 1, 400 * RING_MS];
    for (key, due) in dues.into_iter().enumerate() {
        wheel.schedule(Timestamp(due), key as u32);
    }
    let mut fired = Vec::new();
    assert!(!wheel.expire(Timestamp(1_000 * RING_MS), usize::MAX, &mut fired));
    assert_eq!(fired.len(), dues.len());
    assert_eq!(wheel.opened, 6, "one bucket for each tick with entries, out of two million ticks");
    wheel.schedule(Timestamp(1_500 * RING_MS), 0);
    assert!(!wheel.expire(Timestamp(1_500 * RING_MS), usize::MAX, &mut fired));
    assert_eq!(wheel.next_due(), Some(Timestamp(1_500 * RING_MS)));
    assert_eq!(wheel.opened, 6, "nothing fired: nothing opened, by next_due neither");
}

#[test]
fn a_bounded_expire_opens_no_bucket_it_does_not_fire_from() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    for tick in 0..100 {
        wheel.schedule(Timestamp(tick * TICK_MS), tick as u32);
    }
    let mut fired = Vec::new();
    assert!(wheel.expire(Timestamp::MAX, 10, &mut fired));
    assert_eq!((fired.len(), wheel.opened), (10, 10));
    assert!(wheel.expire(Timestamp::MAX, 0, &mut fired));
    assert_eq!((fired.len(), wheel.opened), (10, 10));
}

#[test]
fn a_million_entries_of_one_current_millisecond_stay_cheap() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    wheel.schedule(Timestamp(9), 0u32);
    wheel.schedule(Timestamp(11), 0);
    let mut fired = Vec::new();
    wheel.expire(Timestamp(10), usize::MAX, &mut fired);
    // An insert that shifted its successors would cost 2.5e11 moves here, which no test run would wait for.
    for key in (1..=1_000_000).rev() {
        wheel.schedule(Timestamp(10), key);
    }
    fired.clear();
    while wheel.expire(Timestamp(11), 4_096, &mut fired) {}
    assert!(fired.iter().map(|&(_, key)| key).eq(1..=1_000_000));
    assert_eq!(wheel.next_due(), Some(Timestamp(11)));
}

#[test]
fn a_late_entry_keeps_its_true_due_instant() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    let mut fired = Vec::new();
    wheel.expire(Timestamp(10 * RING_MS), usize::MAX, &mut fired);
    wheel.schedule(Timestamp(77), 1u32);
    wheel.schedule(Timestamp(-5), 2);
    assert_eq!(wheel.next_due(), Some(Timestamp(-5)));
    wheel.expire(Timestamp(10 * RING_MS), usize::MAX, &mut fired);
    assert_eq!(fired, [(Timestamp(-5), 2), (Timestamp(77), 1)]);
}

#[test]
fn an_entry_of_a_full_wheel_takes_its_own_eight_bytes_and_little_more() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    let count = 1_000_000;
    for key in 0..count {
        wheel.schedule(Timestamp(i64::from(key) * 2_147), key);
    }
    let per_timer_bytes = wheel.memory_bytes() as f64 / f64::from(count);
    assert!((8.0..11.0).contains(&per_timer_bytes), "{per_timer_bytes} B");
    wheel.retain(|_, key| key % 100 == 0);
    assert!(wheel.memory_bytes() < 1_000_000, "a sweep gives memory back, {} B left", wheel.memory_bytes());
}

#[test]
fn an_emptied_wheel_gives_its_heap_back() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    let empty_bytes = wheel.memory_bytes();
    for key in 0..100_000u32 {
        wheel.schedule(Timestamp(-1), key);
    }
    assert!(wheel.memory_bytes() > empty_bytes + 1_000_000);
    wheel.expire(Timestamp(0), usize::MAX, &mut Vec::new());
    assert!(wheel.memory_bytes() < empty_bytes + 100_000);
}

#[test]
fn the_memory_of_every_part_is_told_to_the_byte() {
    let mut wheel = TimerWheel::starting_at(Timestamp(0));
    let bucket = size_of::<Bucket<u32>>();
    assert_eq!(wheel.memory_bytes(), RING * bucket);
    // Three of one tick, of which one fires: the rest is the run. A vector's first allocation holds four.
    for (due, key) in [(5, 0), (6, 1), (7, 2)] {
        wheel.schedule(Timestamp(due), key);
    }
    assert!(!wheel.expire(Timestamp(6), 1, &mut Vec::new()));
    let run = 4 * size_of::<(u32, u32)>();
    assert_eq!(wheel.memory_bytes(), RING * bucket + run);
    wheel.schedule(Timestamp(-1), 3);
    let heap = 4 * size_of::<(Timestamp, u32)>();
    assert_eq!(wheel.memory_bytes(), RING * bucket + run + heap);
    // Three blocks of a bucket: in the ring, and beyond it with its share of a map's node.
    let blocks = 3 * 256 * size_of::<(u32, u32)>() + 4 * size_of::<Box<[(u32, u32)]>>();
    for key in 0..600 {
        wheel.schedule(Timestamp(TICK_MS), key);
    }
    assert_eq!(wheel.memory_bytes(), RING * bucket + run + heap + blocks);
    for key in 0..600 {
        wheel.schedule(Timestamp(2 * RING_MS), key);
    }
    let node_share = (size_of::<i64>() + bucket) * 3 / 2;
    assert_eq!(wheel.memory_bytes(), RING * bucket + run + heap + 2 * blocks + node_share);
}
