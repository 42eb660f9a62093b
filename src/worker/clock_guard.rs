//! The wall clock beside the monotonic one: a step of the wall clock forwards would let timers fire before their time.

use crate::time::Timestamp;

/// The wall clock may run ahead of the monotonic one by so much between two readings: slewing, and the granularity of both.
const MARGIN_MS: i64 = 500;

#[derive(Debug, Default)]
pub struct ClockGuard {
    /// The wall clock and the monotonic milliseconds at the last good reading.
    anchor: Option<(Timestamp, i64)>,
    stepped: bool,
}

impl ClockGuard {
    /// The wall clock's reading if it may be believed: `None` after a step forwards, until [`ClockGuard::confirm`] or until
    /// the two agree again. A step backwards is believed: it only makes notices late.
    pub fn read(&mut self, wall: Timestamp, monotonic_ms: i64) -> Option<Timestamp> {
        let ahead = self.anchor.map_or(0, |(then, at)| wall.since_ms(then) - (monotonic_ms - at));
        self.stepped = ahead > MARGIN_MS;
        if self.stepped {
            return None;
        }
        self.anchor = Some((wall, monotonic_ms));
        Some(wall)
    }

    /// A broker stamped a record with this instant: the time has come as far as that.
    pub fn confirm(&mut self, append: Timestamp, monotonic_ms: i64) {
        if let Some((then, at)) = &mut self.anchor
            && append.since_ms(*then) > monotonic_ms - *at
        {
            (*then, *at) = (append, monotonic_ms);
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
        let mut guard = ClockGuard::default();
        assert_eq!(guard.read(at(1_000), 0), Some(at(1_000)));
        assert_eq!(guard.read(at(2_100), 1_000), Some(at(2_100)), "slewing");
        assert_eq!(guard.read(at(3_600_000), 2_000), None);
        assert!(guard.stepped());
        guard.confirm(at(3_599_990), 2_010);
        assert_eq!(guard.read(at(3_600_020), 2_020), Some(at(3_600_020)));
        assert!(!guard.stepped());
    }

    #[test]
    fn a_clock_that_is_set_right_again_is_believed() {
        let mut guard = ClockGuard::default();
        guard.read(at(0), 0);
        assert_eq!(guard.read(at(90_000), 1_000), None);
        assert_eq!(guard.read(at(2_000), 2_000), Some(at(2_000)));
    }

    #[test]
    fn a_step_backwards_only_makes_late() {
        let mut guard = ClockGuard::default();
        guard.read(at(90_000), 0);
        assert_eq!(guard.read(at(10), 10), Some(at(10)));
    }
}
