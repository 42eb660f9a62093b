//! Whether the client still reads what it could. Pure: instants come in.
//!
//! A partition whose client has lost its wake-up looks like one without news, for ever, and what its shard holds is never told. So
//! now and then the *last stable offsets* of the inputs are asked for, as a read_committed client gets them: what lies below them
//! can be read. A partition that stands below one for [`PATIENCE`] without moving, although it is not paused and the client has nothing
//! more to give, is sought anew, and where that does not help the client is made anew. An open transaction of a producer is no stall:
//! the last stable offset stands before it.

use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than a broker's fail-over; the client tries again by itself meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The client is to read on from where it stands.
    Seek,
    /// The client is to be made anew.
    Rebuild,
}

/// What is known of a partition of an input.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Everything below has been read.
    pub read_to: i64,
    /// Everything below can be read.
    pub stable_end: i64,
    /// It is not to be read now.
    pub paused: bool,
}

#[derive(Clone, Copy, Debug)]
struct Vigil {
    read_to: i64,
    since_ms: i64,
    sought: bool,
}

/// One vigil for each partition (and input) that stands still.
#[derive(Debug)]
pub struct Watchdog {
    patience_ms: i64,
    vigils: BTreeMap<(i32, usize), Vigil>,
}

impl Watchdog {
    pub fn new(patience: Duration) -> Self {
        Watchdog { patience_ms: i64::try_from(patience.as_millis()).unwrap_or(i64::MAX), vigils: BTreeMap::new() }
    }

    /// Judges one partition of one input at a monotonic instant.
    pub fn look(&mut self, at_ms: i64, (partition, input): (i32, usize), seen: Seen) -> Option<Remedy> {
        if seen.paused || seen.stable_end <= seen.read_to {
            self.vigils.remove(&(partition, input));
            return None;
        }
        let fresh = Vigil { read_to: seen.read_to, since_ms: at_ms, sought: false };
        let vigil = self.vigils.entry((partition, input)).or_insert(fresh);
        if vigil.read_to != seen.read_to {
            *vigil = fresh;
        }
        if at_ms - vigil.since_ms < self.patience_ms {
            return None;
        }
        if vigil.sought {
            self.vigils.remove(&(partition, input));
            return Some(Remedy::Rebuild);
        }
        *vigil = Vigil { since_ms: at_ms, sought: true, ..*vigil };
        Some(Remedy::Seek)
    }

    /// Nothing can be said of anything: the client has more than was taken from it, or is another one.
    pub fn forget(&mut self) {
        self.vigils.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: (i32, usize) = (3, 1);
    const PATIENCE_MS: i64 = 30_000;

    fn seen(read_to: i64, stable_end: i64) -> Seen {
        Seen { read_to, stable_end, paused: false }
    }

    #[test]
    fn what_stands_below_the_last_stable_offset_is_sought_then_the_client_made_anew() {
        let mut dog = Watchdog::new(PATIENCE);
        assert_eq!(dog.look(0, AT, seen(5, 9)), None);
        assert_eq!(dog.look(PATIENCE_MS - 1, AT, seen(5, 9)), None);
        assert_eq!(dog.look(PATIENCE_MS, AT, seen(5, 12)), Some(Remedy::Seek));
        assert_eq!(dog.look(PATIENCE_MS + 1, AT, seen(5, 12)), None, "the seek has its time");
        assert_eq!(dog.look(2 * PATIENCE_MS, AT, seen(5, 12)), Some(Remedy::Rebuild));
        assert_eq!(dog.look(2 * PATIENCE_MS + 1, AT, seen(5, 12)), None, "a new client has its time");
    }

    #[test]
    fn an_open_transaction_is_no_stall() {
        let mut dog = Watchdog::new(PATIENCE);
        for at in [0, PATIENCE_MS, 9 * PATIENCE_MS] {
            assert_eq!(dog.look(at, AT, seen(5, 5)), None, "the last stable offset stands before it");
        }
    }

    #[test]
    fn what_moves_however_slowly_is_no_stall() {
        let mut dog = Watchdog::new(PATIENCE);
        for step in 0..10 {
            assert_eq!(dog.look(step * (PATIENCE_MS - 1), AT, seen(step, 1_000)), None);
        }
    }

    #[test]
    fn a_pause_begins_the_time_anew() {
        let mut dog = Watchdog::new(PATIENCE);
        dog.look(0, AT, seen(5, 9));
        assert_eq!(dog.look(PATIENCE_MS, AT, Seen { paused: true, ..seen(5, 9) }), None);
        assert_eq!(dog.look(PATIENCE_MS + 1, AT, seen(5, 9)), None);
        assert_eq!(dog.look(2 * PATIENCE_MS + 1, AT, seen(5, 9)), Some(Remedy::Seek));
    }

    #[test]
    fn each_partition_of_each_input_is_judged_by_itself_and_can_be_forgotten() {
        let mut dog = Watchdog::new(PATIENCE);
        dog.look(0, (3, 0), seen(5, 9));
        assert_eq!(dog.look(PATIENCE_MS, (3, 1), seen(5, 9)), None);
        dog.forget();
        assert_eq!(dog.look(PATIENCE_MS, (3, 0), seen(5, 9)), None);
    }
}
