//! One partition of a topic: records, markers, what is committed, and compaction.

use std::collections::{BTreeMap, BTreeSet};

use plazo::time::Timestamp;

/// Names a transaction of the engine or of the CRM.
pub type Transaction = u64;

#[derive(Clone, Debug)]
pub struct Stored {
    /// As the broker stamped it.
    pub append: Timestamp,
    pub transaction: Option<Transaction>,
    pub key: Option<Box<[u8]>>,
    pub value: Option<Box<[u8]>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

#[derive(Debug)]
enum Entry {
    Record(Stored),
    Marker,
}

#[derive(Debug, Default)]
pub struct Log {
    /// By offset; what was compacted away is missing.
    entries: BTreeMap<i64, Entry>,
    end: i64,
    /// Transactions that have records here and no marker yet: the first of each.
    open: BTreeMap<Transaction, i64>,
    aborted: BTreeSet<Transaction>,
}

impl Log {
    pub fn append(&mut self, record: Stored) -> i64 {
        let offset = self.end;
        if let Some(transaction) = record.transaction {
            self.open.entry(transaction).or_insert(offset);
        }
        self.entries.insert(offset, Entry::Record(record));
        self.end += 1;
        offset
    }

    pub fn mark(&mut self, transaction: Transaction, commit: bool) {
        if self.open.remove(&transaction).is_some() {
            if !commit {
                self.aborted.insert(transaction);
            }
            self.entries.insert(self.end, Entry::Marker);
            self.end += 1;
        }
    }

    /// The high watermark.
    pub fn end(&self) -> i64 {
        self.end
    }

    pub fn last_stable(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    fn is_aborted(&self, record: &Stored) -> bool {
        record.transaction.is_some_and(|transaction| self.aborted.contains(&transaction))
    }

    fn is_committed(&self, record: &Stored) -> bool {
        record.transaction.is_none_or(|it| !self.aborted.contains(&it) && !self.open.contains_key(&it))
    }

    /// The next entry from `from` on and below `below`: its offset, and the record, unless it is a marker or aborted.
    pub fn next(&self, from: i64, below: i64) -> Option<(i64, Option<&Stored>)> {
        let (offset, entry) = self.entries.range(from..below.max(from)).next()?;
        let record = match entry {
            Entry::Record(record) if !self.is_aborted(record) => Some(record),
            _ => None,
        };
        Some((*offset, record))
    }

    pub fn is_marker(&self, offset: i64) -> bool {
        matches!(self.entries.get(&offset), Some(Entry::Marker))
    }

    /// Records that are committed, or may be yet, from an offset on.
    pub fn not_aborted(&self, from: i64) -> impl Iterator<Item = (i64, &Stored)> {
        self.entries.range(from..).filter_map(|(offset, entry)| match entry {
            Entry::Record(record) if !self.is_aborted(record) => Some((*offset, record)),
            _ => None,
        })
    }

    pub fn committed(&self) -> impl Iterator<Item = (i64, &Stored)> {
        self.not_aborted(0).filter(|(_, record)| self.is_committed(record))
    }

    /// Drops what a later record of its key has superseded and what was aborted, but for the newest `active` entries; with
    /// `tombstones` also the records that delete their key.
    pub fn compact(&mut self, active: i64, tombstones: bool) {
        let below = self.last_stable().min(self.end - active.max(1));
        let mut last: BTreeMap<Box<[u8]>, i64> = BTreeMap::new();
        for (offset, record) in self.not_aborted(0) {
            if let (Some(key), true) = (&record.key, offset < below) {
                last.insert(key.clone(), offset);
            }
        }
        let aborted = &self.aborted;
        self.entries.retain(|offset, entry| match entry {
            _ if *offset >= below => true,
            Entry::Marker => false,
            Entry::Record(record) => {
                let is_aborted = record.transaction.is_some_and(|it| aborted.contains(&it));
                let is_last = record.key.as_ref().is_none_or(|key| last.get(key) == Some(offset));
                !is_aborted && is_last && (record.value.is_some() || !tombstones)
            }
        });
    }
}
