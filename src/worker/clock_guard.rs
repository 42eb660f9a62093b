//! The wall clock beside the monotonic one: a step of the wall clock forwards would let timers fire before their time.

use crate::time::Timestamp;

/// The wall clock may run ahead of the monotonic one by so much between two readings: slewing, and the granularity of both.
const MARGIN_MS: i64 = 500;

#[derive(Debug)]
pub struct ClockGuard {
    /// By how much the wall clock may be ahead of a broker's.
    skew_ms: i64,
    /// The wall clock and the monotonic milliseconds at the last good reading, or what a broker has confirmed since.
    anchor: (Timestamp, i64),
    /// The last good reading itself: a broker's clock may be ahead of another's.
    good: (Timestamp, i64),
    stepped: bool,
}

impl ClockGuard {
    /// `started`: the wall clock at monotonic 0.
    pub fn new(skew_ms: i64, started: Timestamp) -> Self {
        ClockGuard { skew_ms, anchor: (started, 0), good: (started, 0), stepped: false }
    }

    /// The instant that may be believed: the wall clock's, but after a step forwards the last good reading and what the monotonic
    /// clock has counted since, until [`ClockGuard::confirm`] or until the two agree again. So a step never makes anything early, and
    /// what only waits for time to pass goes on. A step backwards is believed: it only makes notices late.
    pub fn read(&mut self, wall: Timestamp, monotonic_ms: i64) -> Timestamp {
        let counted = |(then, at): (Timestamp, i64)| then.plus_ms(monotonic_ms - at);
        self.stepped = wall.since_ms(counted(self.anchor)) > MARGIN_MS;
        if self.stepped {
            return counted(self.good);
        }
        self.anchor = (wall, monotonic_ms);
        self.good = self.anchor;
        wall
    }

    /// A broker stamped a record with this instant: the time has come as far as that, and the wall clock may be ahead of it by
    /// as much as clocks may differ, also after a step.
    pub fn confirm(&mut self, append: Timestamp, monotonic_ms: i64) {
        let append = append.plus_ms((self.skew_ms - MARGIN_MS).max(0));
        let (then, at) = self.anchor;
        if append.since_ms(then) > monotonic_ms - at {
            self.anchor = (append, monotonic_ms);
        }
    }

    pub fn stepped(&self) -> bool {
        self.stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn a_step_forwards_is_not_believed_until_the_broker_confirms_it() {
        let mut guard = ClockGuard::new(0, at(1_000));
        assert_eq!(guard.read(at(1_000), 0), at(1_000));
        assert_eq!(guard.read(at(2_100), 1_000), at(2_100), "slewing");
        assert_eq!(guard.read(at(3_600_000), 2_000), at(3_100), "by the monotonic clock");
        assert!(guard.stepped());
        guard.confirm(at(3_599_990), 2_010);
        assert_eq!(guard.read(at(3_600_020), 2_020), at(3_600_020));
        assert!(!guard.stepped());
    }

    #[test]
    fn a_clock_that_is_ahead_of_the_brokers_as_far_as_it_may_be_is_confirmed_after_a_step() {
        let mut guard = ClockGuard::new(2_000, at(0));
        // Set back by a minute, which is believed, then right again: 1.5 s ahead of the broker, as before.
        assert_eq!(guard.read(at(-60_000), 1_000), at(-60_000));
        assert_eq!(guard.read(at(2_000), 2_000), at(-59_000));
        guard.confirm(at(1_000), 2_500);
        assert_eq!(guard.read(at(2_500), 2_500), at(2_500));
        assert_eq!(guard.read(at(3_501 + 500), 3_000), at(3_000), "more than 2 s ahead of the broker");
    }

    #[test]
    fn a_step_before_the_first_question_is_not_believed_either() {
        let mut guard = ClockGuard::new(0, at(0));
        assert_eq!(guard.read(at(3_600_000), 5_000), at(5_000));
    }

    #[test]
    fn a_clock_that_is_set_right_again_is_believed() {
        let mut guard = ClockGuard::new(0, at(0));
        assert_eq!(guard.read(at(90_000), 1_000), at(1_000));
        assert_eq!(guard.read(at(2_000), 2_000), at(2_000));
    }

    #[test]
    fn a_step_backwards_only_makes_late() {
        let mut guard = ClockGuard::new(0, at(90_000));
        assert_eq!(guard.read(at(10), 10), at(10));
    }
}
