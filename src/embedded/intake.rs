//! The bounded queue from requests to the engine thread. What waits here has its append time already: the stamp is taken
//! under the lock that enqueues, and the engine reads `now` under the same lock, so that whatever was received before an
//! instant is in its hands before it passes that instant (SEMANTICS §6).

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::{Clock, Timestamp};

/// What may wait before requests are turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub events: usize,
    pub bytes: usize,
}

impl Default for Limits {
    /// Some seconds of work at the rate the disk takes it, and no more memory than a small machine has.
    fn default() -> Self {
        Limits { events: 50_000, bytes: 64 << 20 }
    }
}

/// Something received, and when.
#[derive(Debug)]
pub struct Stamped<T> {
    pub received: Timestamp,
    pub events: usize,
    bytes: usize,
    pub item: T,
}

/// Why the queue took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    Full,
    Closed,
}

/// What the engine takes in one turn.
#[derive(Debug)]
pub struct Taken<T> {
    pub items: Vec<Stamped<T>>,
    /// Everything received before this instant has been taken.
    pub now: Timestamp,
    /// Something waits that this turn has no room for.
    pub more: bool,
    /// Nothing will come any more.
    pub closed: bool,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<Stamped<T>>,
    events: usize,
    bytes: usize,
    /// The clock as shown so far: it never goes back, whatever the machine's does.
    latest: Timestamp,
    closed: bool,
    nudged: bool,
}

pub struct Intake<T> {
    queue: Mutex<Queue<T>>,
    wake: Condvar,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl<T> Intake<T> {
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            events: 0,
            bytes: 0,
            latest: Timestamp::MIN,
            closed: false,
            nudged: false,
        };
        Intake { queue: Mutex::new(queue), wake: Condvar::new(), clock, limits }
    }

    /// No stamp and no `now` will be before this instant.
    pub fn not_before(&self, instant: Timestamp) {
        let mut queue = self.lock();
        queue.latest = queue.latest.max(instant);
    }

    /// Stamps and enqueues. A single item larger than the limits is taken where nothing waits.
    ///
    /// # Errors
    /// [`Shut`], and nothing was taken.
    pub fn put(&self, item: T, events: usize, bytes: usize) -> Result<(), Shut> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(Shut::Closed);
        }
        let fits = queue.events + events <= self.limits.events && queue.bytes + bytes <= self.limits.bytes;
        if !fits && !queue.waiting.is_empty() {
            return Err(Shut::Full);
        }
        let received = self.read_clock(&mut queue);
        queue.events += events;
        queue.bytes += bytes;
        queue.waiting.push_back(Stamped { received, events, bytes, item });
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes what waits, up to `max_events` (but always one item), after waiting for something as long as `patience`.
    pub fn take(&self, max_events: usize, patience: Duration) -> Taken<T> {
        let mut queue = self.lock();
        if queue.waiting.is_empty() && !queue.closed && !queue.nudged && !patience.is_zero() {
            let idle = |queue: &mut Queue<T>| queue.waiting.is_empty() && !queue.closed && !queue.nudged;
            queue = self.wake.wait_timeout_while(queue, patience, idle).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.nudged = false;
        let mut items = Vec::new();
        let mut events = 0;
        while let Some(next) = queue.waiting.front() {
            if !items.is_empty() && events + next.events > max_events {
                break;
            }
            events += next.events;
            items.extend(queue.waiting.pop_front());
        }
        queue.events -= events;
        queue.bytes -= items.iter().map(|item| item.bytes).sum::<usize>();
        let clock = self.read_clock(&mut queue);
        let left = queue.waiting.front().map(|next| next.received);
        Taken {
            items,
            now: left.map_or(clock, |received| received.min(clock)),
            more: left.is_some(),
            closed: queue.closed && left.is_none(),
        }
    }

    /// Lets a waiting [`Intake::take`] return, for a clock that is moved by hand.
    pub fn nudge(&self) {
        self.lock().nudged = true;
        self.wake.notify_one();
    }

    /// Takes nothing more; what waits is still given out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub fn waiting_events(&self) -> usize {
        self.lock().events
    }

    fn read_clock(&self, queue: &mut Queue<T>) -> Timestamp {
        queue.latest = queue.latest.max(self.clock.now());
        queue.latest
    }

    /// Every change of the queue is whole before its lock is released, also by a panic.
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn intake(limits: Limits) -> (Arc<Hand>, Intake<&'static str>) {
        let hand = Arc::new(Hand::default());
        (hand.clone(), Intake::new(hand, limits))
    }

    const SMALL: Limits = Limits { events: 10, bytes: 100 };

    #[test]
    fn stamps_never_go_back_with_the_clock() {
        let (hand, intake) = intake(SMALL);
        hand.0.store(1_000, Ordering::SeqCst);
        intake.put("first", 1, 1).expect("room");
        hand.0.store(400, Ordering::SeqCst);
        intake.put("second", 1, 1).expect("room");
        let taken = intake.take(10, Duration::ZERO);
        let stamps: Vec<i64> = taken.items.iter().map(|item| item.received.ms()).collect();
        assert_eq!((stamps, taken.now.ms()), (vec![1_000, 1_000], 1_000));
    }

    #[test]
    fn now_does_not_pass_what_still_waits() {
        let (hand, intake) = intake(SMALL);
        for (at, name) in [(1, "a"), (2, "b"), (3, "c")] {
            hand.0.store(at, Ordering::SeqCst);
            intake.put(name, 4, 1).ok();
        }
        hand.0.store(9, Ordering::SeqCst);
        let taken = intake.take(4, Duration::ZERO);
        assert_eq!((taken.items.len(), taken.now.ms(), taken.more), (1, 2, true));
        let taken = intake.take(4, Duration::ZERO);
        assert_eq!((taken.items.len(), taken.now.ms(), taken.more), (1, 9, false));
    }

    #[test]
    fn a_full_queue_takes_nothing_until_some_is_taken_out() {
        let (_, intake) = intake(SMALL);
        intake.put("a", 10, 10).expect("room");
        assert_eq!(intake.put("b", 1, 1), Err(Shut::Full));
        assert_eq!(intake.take(1, Duration::ZERO).items.len(), 1);
        intake.put("b", 1, 1).expect("room again");
        assert_eq!(intake.put("c", 1, 100), Err(Shut::Full));
        assert_eq!(intake.waiting_events(), 1);
    }

    #[test]
    fn one_item_larger_than_the_queue_is_taken_where_nothing_waits() {
        let (_, intake) = intake(SMALL);
        intake.put("large", 99, 999).expect("alone");
        assert_eq!(intake.take(1, Duration::ZERO).items.len(), 1);
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has() {
        let (_, intake) = intake(SMALL);
        intake.put("a", 1, 1).expect("room");
        intake.close();
        assert_eq!(intake.put("b", 1, 1), Err(Shut::Closed));
        let taken = intake.take(10, Duration::from_secs(60));
        assert_eq!((taken.items.len(), taken.closed), (1, true));
    }
}
