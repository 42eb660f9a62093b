//! The table of leads: id -> slot -> packed record. Grows in segments, so that no growth ever copies the whole table.

use hashbrown::HashTable;
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::record;
use crate::time::Timestamp;

/// Where a lead's record stands.
pub type Slot = u32;

/// Tables of the index, each growing alone: at 10 M leads one growth moves 10 k entries.
const SEGMENTS: usize = 1_024;
/// Records of one chunk of slots.
const CHUNK: usize = 1 << 12;

/// The tag spares a look into the record for all but one in four billion of the wrong candidates, and for growth.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    slot: Slot,
}

#[derive(Debug)]
pub struct Leads {
    index: Vec<HashTable<Entry>>,
    chunks: Vec<Vec<Option<Box<[u8]>>>>,
    /// For each slot, the due instant of its live entry in the wheel; `MAX` for none.
    scheduled: Vec<Vec<Timestamp>>,
    free: Vec<Slot>,
    count: usize,
}

impl Default for Leads {
    fn default() -> Self {
        Leads {
            index: (0..SEGMENTS).map(|_| HashTable::new()).collect(),
            chunks: Vec::new(),
            scheduled: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }
}

fn place(lead_id: &str) -> (usize, u32) {
    let hash = xxh3_64(lead_id.as_bytes());
    ((hash >> 32) as usize % SEGMENTS, hash as u32)
}

/// The table takes its seven control bits from the top of a 64-bit hash.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Leads {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn find(&self, lead_id: &str) -> Option<Slot> {
        let (segment, tag) = place(lead_id);
        self.index[segment]
            .find(spread(tag), |entry| entry.tag == tag && self.is(entry.slot, lead_id))
            .map(|entry| entry.slot)
    }

    /// Puts a lead that is not there yet into the table.
    pub fn insert(&mut self, lead_id: &str, record: Box<[u8]>) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
                self.chunks.push(Vec::with_capacity(CHUNK));
                self.scheduled.push(vec![Timestamp::MAX; CHUNK]);
            }
            let full = (self.chunks.len() - 1) * CHUNK;
            let Some(chunk) = self.chunks.last_mut() else { return 0 };
            chunk.push(None);
            (full + chunk.len() - 1) as Slot
        });
        let (segment, tag) = place(lead_id);
        self.index[segment].insert_unique(spread(tag), Entry { tag, slot }, |entry| spread(entry.tag));
        self.replace(slot, record);
        self.count += 1;
        slot
    }

    /// Keeps the record of a lead in place of the one before, if there was one.
    pub fn put(&mut self, lead_id: &str, record: Box<[u8]>) {
        match self.find(lead_id) {
            Some(slot) => drop(self.replace(slot, record)),
            None => drop(self.insert(lead_id, record)),
        }
    }

    pub fn forget(&mut self, lead_id: &str) {
        if let Some(slot) = self.find(lead_id) {
            self.remove(slot);
        }
    }

    /// Reads what the steps of these leads will read, all of them before any is needed: the reads do not depend on each other,
    /// so that memory answers several at a time, where one lead after the other waits for each line of its own.
    pub fn warm<'a>(&self, lead_ids: impl Iterator<Item = &'a str>) {
        const LINE: usize = 64;
        let mut slots: SmallVec<[Slot; 64]> = SmallVec::new();
        slots.extend(lead_ids.filter_map(|lead_id| {
            let (segment, tag) = place(lead_id);
            self.index[segment].find(spread(tag), |entry| entry.tag == tag).map(|entry| entry.slot)
        }));
        let lengths: usize = slots.iter().map(|slot| self.record(*slot).map_or(0, <[u8]>::len)).sum();
        let mut seen = lengths as u8;
        for &slot in &slots {
            let record = self.record(slot).unwrap_or_default();
            seen = record.iter().step_by(LINE).chain(record.last()).fold(seen, |seen, byte| seen ^ byte);
            seen ^= self.scheduled(slot).0 as u8;
        }
        std::hint::black_box(seen);
    }

    /// Every slot that was ever used.
    pub fn slots(&self) -> std::ops::Range<Slot> {
        let last = self.chunks.last().map_or(0, Vec::len);
        0..(self.chunks.len().saturating_sub(1) * CHUNK + last) as Slot
    }

    pub fn record(&self, slot: Slot) -> Option<&[u8]> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_deref()
    }

    /// The record before.
    pub fn replace(&mut self, slot: Slot, record: Box<[u8]>) -> Option<Box<[u8]>> {
        self.place(slot)?.replace(record)
    }

    fn place(&mut self, slot: Slot) -> Option<&mut Option<Box<[u8]>>> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)
    }

    /// Puts an earlier record back, also of a lead that was removed since. Steps are undone in reverse, so that the slot of a
    /// removed lead is the next free one.
    pub fn put_back(&mut self, slot: Slot, record: Box<[u8]>) -> Slot {
        if self.record(slot).is_some() {
            self.replace(slot, record);
            return slot;
        }
        let lead_id = record::lead_id(&record).to_owned();
        self.insert(&lead_id, record)
    }

    /// Takes the lead out of the table; its record.
    pub fn remove(&mut self, slot: Slot) -> Option<Box<[u8]>> {
        let (segment, tag) = place(self.id(slot));
        if let Ok(entry) = self.index[segment].find_entry(spread(tag), |entry| entry.slot == slot) {
            entry.remove();
            self.count -= 1;
            self.free.push(slot);
        }
        self.set_scheduled(slot, Timestamp::MAX);
        self.place(slot)?.take()
    }

    fn is(&self, slot: Slot, lead_id: &str) -> bool {
        self.record(slot).is_some_and(|record| record::id_bytes(record) == lead_id.as_bytes())
    }

    /// The due instant of the slot's live entry in the wheel.
    pub fn scheduled(&self, slot: Slot) -> Timestamp {
        let chunk = self.scheduled.get(slot as usize / CHUNK);
        chunk.and_then(|chunk| chunk.get(slot as usize % CHUNK)).copied().unwrap_or(Timestamp::MAX)
    }

    pub fn set_scheduled(&mut self, slot: Slot, due: Timestamp) {
        let chunk = self.scheduled.get_mut(slot as usize / CHUNK);
        if let Some(place) = chunk.and_then(|chunk| chunk.get_mut(slot as usize % CHUNK)) {
            *place = due;
        }
    }

    /// The record of a slot, to be changed without its length.
    pub fn record_mut(&mut self, slot: Slot) -> Option<&mut [u8]> {
        self.place(slot)?.as_deref_mut()
    }

    pub fn id(&self, slot: Slot) -> &str {
        self.record(slot).map_or("", record::lead_id)
    }

    /// The first eight bytes of the id, as a number that orders as the ids do.
    pub fn id_prefix(&self, slot: Slot) -> u64 {
        let mut prefix = [0; 8];
        let id = self.id(slot).as_bytes();
        let length = id.len().min(8);
        prefix[..length].copy_from_slice(&id[..length]);
        u64::from_be_bytes(prefix)
    }

    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().flatten().filter_map(|record| record.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::record::Lead;

    fn record(lead_id: &str, due: i64) -> Box<[u8]> {
        let (mut lead, mut bytes) = (Lead::default(), Vec::new());
        lead.reset(lead_id);
        lead.encode(Timestamp::from_ms(due), &mut bytes);
        bytes.into()
    }

    #[test]
    fn each_of_many_leads_has_a_place_of_its_own_and_one_that_went_leaves_it_to_the_next() {
        let mut leads = Leads::default();
        let mut slots = BTreeMap::new();
        let count = 2 * CHUNK + 7;
        for number in 0..count {
            let id = format!("lead {number}");
            let slot = leads.insert(&id, record(&id, number as i64));
            assert_eq!((slot as usize, leads.scheduled(slot)), (number, Timestamp::MAX));
            leads.set_scheduled(slot, Timestamp::from_ms(number as i64));
            slots.insert(id, slot);
        }
        assert_eq!((leads.len(), leads.slots(), leads.records().count()), (count, 0..count as Slot, count));
        for (id, &slot) in &slots {
            assert_eq!((leads.find(id), leads.id(slot)), (Some(slot), id.as_str()));
            assert_eq!(leads.scheduled(slot).ms(), i64::from(slot));
            assert_eq!(leads.record(slot).map(record::next_due), Some(leads.scheduled(slot)));
        }
        let gone = [5, CHUNK, count - 1].map(|slot| slot as Slot);
        for slot in gone {
            let id = leads.id(slot).to_owned();
            assert_eq!(leads.remove(slot), Some(record(&id, i64::from(slot))));
            assert_eq!((leads.find(&id), leads.record(slot), leads.scheduled(slot)), (None, None, Timestamp::MAX));
        }
        assert_eq!((leads.len(), leads.records().count(), leads.slots()), (count - 3, count - 3, 0..count as Slot));
        // The last that went first: as an undo needs it.
        for (number, slot) in gone.into_iter().rev().enumerate() {
            leads.put(&format!("new {number}"), record(&format!("new {number}"), 1));
            assert_eq!(leads.find(&format!("new {number}")), Some(slot));
        }
        leads.put("new 0", record("new 0", 2));
        assert_eq!((leads.len(), leads.find("lead 5")), (count, None));
        assert_eq!(leads.record(gone[2]).map(record::next_due), Some(Timestamp::from_ms(2)));
        leads.forget("new 0");
        leads.forget("nobody");
        assert_eq!((leads.len(), leads.find("new 0"), leads.is_empty()), (count - 1, None, false));
        assert!(Leads::default().is_empty() && Leads::default().slots().is_empty());
    }

    #[test]
    fn the_first_eight_bytes_of_ids_order_as_the_ids_do() {
        let mut leads = Leads::default();
        let ids = ["", "a", "a\u{1}", "aaaaaaaa", "aaaaaaab", "aaaaaaabc", "b", "é"];
        let prefixes = ids.map(|id| {
            let slot = leads.insert(id, record(id, 0));
            leads.id_prefix(slot)
        });
        assert!(prefixes.is_sorted(), "{prefixes:?}");
        assert_eq!(prefixes[4], prefixes[5]);
        assert!(
            prefixes[0] < prefixes[1]
                && prefixes[1] < prefixes[2]
                && prefixes[2] < prefixes[3]
                && prefixes[3] < prefixes[4]
        );
    }

    /// Of the ids "lead 1", "lead 2", ... two that meet in all that the index knows of an id.
    #[test]
    fn ids_of_one_place_are_told_apart() {
        let (one, other) = ("lead 416132", "lead 4173150");
        assert_eq!(place(one), place(other));
        let mut leads = Leads::default();
        let first = leads.insert(one, record(one, 1));
        assert_eq!((leads.find(one), leads.find(other)), (Some(first), None));
        leads.put(other, record(other, 2));
        let second = leads.find(other);
        assert_eq!(
            (leads.find(one), second.is_some_and(|second| second != first), leads.len()),
            (Some(first), true, 2)
        );
        leads.forget(one);
        assert_eq!((leads.find(one), leads.find(other), leads.len()), (None, second, 1));
    }
}
