//! Timers: `(due, key)` pairs handed back in order of `(due, key)` once time has passed them.
//!
//! # Layout
//!
//! A one-level calendar. Time is cut into *ticks* of 2^[`TICK_BITS`] ms (2^20 ms, about 17.5 minutes); the
//! 2^[`RING_BITS`] ticks (2,048, about 24.9 days) after the *current* tick have a bucket each in a ring, an append-only
//! list that nobody sorts. All that lies beyond has the same kind of bucket in an ordered map by tick. When a tick's
//! turn comes its bucket becomes current: it is taken out and sorted, once. An entry that arrives for the current tick
//! or for one before it joins a heap, and the earlier of heap and sorted run fires first. So an insert costs an append
//! (or a push onto the heap), and an entry is never moved but once, into the run that fires it.
//!
//! Within a bucket an entry is the low [`TICK_BITS`] bits of its due instant (a `u32`) and its key: 8 bytes for a `u32`
//! key. Buckets grow block by block, so that a full wheel does not carry the slack of doubled vectors.
//!
//! A worked example with ticks of 10 ms and a ring of 4: the current tick is 2 (20 to 29 ms), its bucket sorted.
//!
//! ```text
//! schedule 57   tick 5, within 3..=6    ring slot 5 mod 4 = 1, offset 7
//! schedule 31   tick 3                  ring slot 3, offset 1
//! schedule 24   tick 2, already current heap, beside the sorted run
//! schedule  8   tick 0, long gone       heap: a late entry keeps its true due instant and fires first
//! schedule 93   tick 9, beyond 6        ordered map, tick 9
//! expire 58     8, 24 from the heap; the occupancy bitmap names tick 3, then tick 5 (tick 4 is never looked at): 31, 57;
//!               the current tick is 5, its bucket open until 59, and the ring now covers 6..=9
//! schedule 94   tick 9                  ring slot 1; the one in the ordered map stays and joins it when tick 9 opens
//! ```
//!
//! An occupancy bitmap (one bit a slot) leads from one bucket in use to the next: a jump over a year costs what it
//! fires, not the ticks between.
//!
//! # Rounding
//!
//! None: ticks only say where an entry waits. Entries fire by their exact millisecond, `due < before`.
//!
//! # Cancelling
//!
//! There is none, either: who cancels or moves a timer forgets the old pair and schedules the new one; when the old pair
//! fires it no longer matches what its owner wants, and is dropped. [`TimerWheel::retain`] sweeps such pairs out when they
//! have become too many. The same pair may therefore be present several times, and fires as often.
//!
//! # Cost
//!
//! `schedule` is O(1) within the ring, O(log ticks in use) beyond it, O(1) on average and O(log n) at worst in the heap;
//! firing n entries of one bucket costs its sort, O(n log n). A bucket is sorted whole even if few of its entries may
//! fire at once: a million entries due in the same 17 minutes are sorted in some tens of milliseconds.
//!
//! # Literature
//!
//! - G. Varghese, A. Lauck: *Hashed and Hierarchical Timing Wheels: Data Structures for the Efficient Implementation of a
//!   Timer Facility*, SOSP 1987, <https://doi.org/10.1145/37499.37504>: the ring, and why one level with an overflow is
//!   enough where the range is known.
//! - R. Brown: *Calendar Queues: A Fast O(1) Priority Queue Implementation for the Simulation Event Set Problem*,
//!   Communications of the ACM 31(10), 1988, <https://doi.org/10.1145/63039.63045>: buckets as the days of a desk calendar.

mod bucket;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::time::Timestamp;
use bucket::Bucket;

/// A tick, the span of one bucket, is 2^20 ms.
const TICK_BITS: u32 = 20;
/// The ring covers 2^11 ticks.
const RING_BITS: u32 = 11;

const RING: usize = 1 << RING_BITS;
const SLOT_MASK: i64 = RING as i64 - 1;
const OFFSET_MASK: i64 = (1 << TICK_BITS) - 1;
const WORDS: usize = RING / u64::BITS as usize;

/// An emptied heap above this many entries gives its memory back.
const HEAP_KEPT: usize = 1 << 12;

/// Pending `(due, key)` pairs. See the [module](self) for layout and cost.
///
/// ```
/// use plazo::time::Timestamp;
/// use plazo::timer_wheel::TimerWheel;
///
/// let mut wheel = TimerWheel::starting_at(Timestamp(0));
/// wheel.schedule(Timestamp(500), 7u32);
/// wheel.schedule(Timestamp(500), 3);
/// let mut fired = Vec::new();
/// assert!(wheel.expire(Timestamp(501), 1, &mut fired), "one more is due");
/// assert_eq!(fired, [(Timestamp(500), 3)]);
/// ```
pub struct TimerWheel<K> {
    /// The tick whose bucket has been opened or passed. Entries of ticks up to it wait in `run` or `heap`, those of the
    /// next `RING` ticks in `ring` (or in `beyond`, if they came early), all later ones in `beyond`.
    current_tick: i64,
    /// The opened bucket of `current_tick`, last to fire first: fired from the end.
    run: Vec<(u32, K)>,
    /// Entries that came when their tick was current or had passed.
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
    /// By tick modulo `RING`.
    ring: Box<[Bucket<K>]>,
    /// Bit `slot % 64` of word `slot / 64`: the ring's slot is not empty.
    occupied: [u64; WORDS],
    /// By tick, none of them empty, all after `current_tick`.
    beyond: BTreeMap<i64, Bucket<K>>,
    len: usize,
    /// Buckets opened so far: the measure of what a jump costs.
    #[cfg(test)]
    opened: usize,
}

impl<K: Copy + Ord> Default for TimerWheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + Ord> TimerWheel<K> {
    /// An empty wheel that knows no time yet: until the first [`expire`](Self::expire) all entries wait in the ordered
    /// map. Where the time is known, as on restore, [`starting_at`](Self::starting_at) is several times faster to fill.
    pub fn new() -> Self {
        Self::starting_at(Timestamp::MIN)
    }

    /// An empty wheel whose ring begins at `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        TimerWheel {
            current_tick: tick_of(now) - 1,
            run: Vec::new(),
            heap: BinaryHeap::new(),
            ring: std::iter::repeat_with(Bucket::default).take(RING).collect(),
            occupied: [0; WORDS],
            beyond: BTreeMap::new(),
            len: 0,
            #[cfg(test)]
            opened: 0,
        }
    }

    /// Adds an entry. Any instant will do; one that has passed fires with the next `expire`, under its true due instant.
    pub fn schedule(&mut self, due: Timestamp, key: K) {
        let tick = tick_of(due);
        if tick <= self.current_tick {
            self.heap.push(Reverse((due, key)));
        } else if tick - self.current_tick <= RING as i64 {
            let slot = slot_of(tick);
            self.ring[slot].push(offset_of(due), key);
            self.occupied[slot / 64] |= 1 << (slot % 64);
        } else {
            self.beyond.entry(tick).or_default().push(offset_of(due), key);
        }
        self.len += 1;
    }

    /// Entries pending, those included that their owners have forgotten.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The exact earliest due instant, in O(1); of entries that their owners have forgotten, too. Opens no bucket.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.next_near().or_else(|| self.next_tick().map(|tick| self.first_in(tick)))
    }

    /// Takes out what is due before `before`, at most `max` entries, and appends it to `out` in the order of
    /// `(due, key)`. Returns whether more entries due before `before` remain.
    pub fn expire(&mut self, before: Timestamp, max: usize, out: &mut Vec<(Timestamp, K)>) -> bool {
        let end = out.len().saturating_add(max);
        loop {
            self.fire_near(before, end, out);
            if let Some(due) = self.next_near() {
                return due < before;
            }
            match self.next_tick() {
                Some(tick) if self.first_in(tick) < before => {
                    if out.len() >= end {
                        return true;
                    }
                    self.open(tick);
                }
                _ => break,
            }
        }
        if self.heap.capacity() > HEAP_KEPT {
            self.heap.shrink_to(HEAP_KEPT);
        }
        // Every tick before that of `before` is empty now. An empty wheel may also go back, after a clock that did.
        let passed = tick_of(before) - 1;
        self.current_tick = if self.len == 0 { passed } else { passed.max(self.current_tick) };
        false
    }

    /// Keeps the entries for which `keep(due, key)` holds; asked in no particular order.
    pub fn retain(&mut self, mut keep: impl FnMut(Timestamp, K) -> bool) {
        let tick = self.current_tick;
        self.run.retain(|&(offset, key)| keep(instant(tick, offset), key));
        self.heap.retain(|&Reverse((due, key))| keep(due, key));
        let mut len = self.run.len() + self.heap.len();
        for distance in 1..=RING as i64 {
            let tick = self.current_tick + distance;
            let slot = slot_of(tick);
            let bucket = &mut self.ring[slot];
            if !bucket.is_empty() {
                bucket.retain(|offset, key| keep(instant(tick, offset), key));
                if bucket.is_empty() {
                    self.occupied[slot / 64] &= !(1 << (slot % 64));
                }
                len += bucket.len();
            }
        }
        self.beyond.retain(|&tick, bucket| {
            bucket.retain(|offset, key| keep(instant(tick, offset), key));
            len += bucket.len();
            !bucket.is_empty()
        });
        self.len = len;
    }

    /// Forgets every entry, and keeps the time.
    pub fn clear(&mut self) {
        let current_tick = self.current_tick;
        *self = Self::new();
        self.current_tick = current_tick;
    }

    /// Bytes held on the heap, without the allocator's own; of the ordered map an estimate. Looks at every bucket.
    pub fn memory_bytes(&self) -> usize {
        // A node of the standard library's map holds up to 11 entries and is two thirds full on average.
        let node_share_bytes = (size_of::<i64>() + size_of::<Bucket<K>>()) * 3 / 2;
        self.run.capacity() * size_of::<(u32, K)>()
            + self.heap.capacity() * size_of::<Reverse<(Timestamp, K)>>()
            + self.ring.len() * size_of::<Bucket<K>>()
            + self.ring.iter().map(Bucket::memory_bytes).sum::<usize>()
            + self.beyond.values().map(|bucket| bucket.memory_bytes() + node_share_bytes).sum::<usize>()
    }

    /// Fires from the run and the heap until `out` is `end` long or nothing there is due.
    fn fire_near(&mut self, before: Timestamp, end: usize, out: &mut Vec<(Timestamp, K)>) {
        while out.len() < end {
            let run = self.run.last().map(|&(offset, key)| (instant(self.current_tick, offset), key));
            let heap = self.heap.peek().map(|&Reverse(entry)| entry);
            let (entry, from_run) = match (run, heap) {
                (Some(run), Some(heap)) => (run.min(heap), run <= heap),
                (Some(run), None) => (run, true),
                (None, Some(heap)) => (heap, false),
                (None, None) => return,
            };
            if entry.0 >= before {
                return;
            }
            if from_run {
                self.run.pop();
            } else {
                self.heap.pop();
            }
            self.len -= 1;
            out.push(entry);
        }
    }

    /// The earliest due instant in the run and the heap, which lie before all others.
    fn next_near(&self) -> Option<Timestamp> {
        let run = self.run.last().map(|&(offset, _)| instant(self.current_tick, offset));
        let heap = self.heap.peek().map(|Reverse((due, _))| *due);
        match (run, heap) {
            (Some(run), Some(heap)) => Some(run.min(heap)),
            (run, heap) => run.or(heap),
        }
    }

    /// The first tick after the current one that has entries.
    fn next_tick(&self) -> Option<i64> {
        let beyond = self.beyond.first_key_value().map(|(&tick, _)| tick);
        match (self.next_ring_tick(), beyond) {
            (Some(ring), Some(beyond)) => Some(ring.min(beyond)),
            (ring, beyond) => ring.or(beyond),
        }
    }

    fn next_ring_tick(&self) -> Option<i64> {
        let first = slot_of(self.current_tick + 1);
        // The word of the first slot is looked at twice: its upper bits at the start, its lower ones after the turn.
        let upper = u64::MAX << (first % 64);
        (0..=WORDS).find_map(|step| {
            let word = (first / 64 + step) % WORDS;
            let bits = match step {
                0 => self.occupied[word] & upper,
                WORDS => self.occupied[word] & !upper,
                _ => self.occupied[word],
            };
            let slot = (word * 64) as i64 + i64::from(bits.trailing_zeros());
            (bits != 0).then(|| self.current_tick + 1 + ((slot - first as i64) & SLOT_MASK))
        })
    }

    /// The earliest due instant of a tick after the current one that has entries.
    fn first_in(&self, tick: i64) -> Timestamp {
        let in_ring = if tick - self.current_tick <= RING as i64 { self.ring[slot_of(tick)].first() } else { None };
        let in_beyond = self.beyond.get(&tick).and_then(Bucket::first);
        let offset = match (in_ring, in_beyond) {
            (Some(ring), Some(beyond)) => ring.min(beyond),
            (ring, beyond) => ring.or(beyond).unwrap_or_default(),
        };
        instant(tick, offset)
    }

    /// Makes `tick` current. Run and heap must be empty, and no tick between may have entries.
    fn open(&mut self, tick: i64) {
        debug_assert!(self.run.is_empty() && self.heap.is_empty() && tick > self.current_tick);
        let early = self.beyond.remove(&tick).unwrap_or_default();
        let mut bucket = Bucket::default();
        if tick - self.current_tick <= RING as i64 {
            let slot = slot_of(tick);
            bucket = std::mem::take(&mut self.ring[slot]);
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        self.run = bucket.into_entries(early);
        self.run.sort_unstable_by(|a, b| b.cmp(a));
        self.current_tick = tick;
        #[cfg(test)]
        {
            self.opened += 1;
        }
    }
}

/// The tick that an instant lies in: rounded down, also before 1970.
const fn tick_of(due: Timestamp) -> i64 {
    due.ms() >> TICK_BITS
}

const fn offset_of(due: Timestamp) -> u32 {
    (due.ms() & OFFSET_MASK) as u32
}

const fn slot_of(tick: i64) -> usize {
    (tick & SLOT_MASK) as usize
}

const fn instant(tick: i64, offset: u32) -> Timestamp {
    Timestamp((tick << TICK_BITS) | offset as i64)
}
