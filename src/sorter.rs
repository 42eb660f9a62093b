//! Puts more records in order than memory should hold.
//!
//! A record is bytes under a key; equal keys keep the order in which they were pushed. What fits in [`Room::bytes`] is sorted in
//! memory. What does not is written as sorted runs to temporary files, and merged while it is read:
//!
//! ```text
//! push push push | full: sort, write run 0 | push push | run 1 | ... | run 63: the 64 become one run of the next level
//! ```
//!
//! So however much is pushed, few files are open, and each record is written once for every level. The files have no name: they
//! are gone however the process ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What records are sorted by.
pub type Key = (i64, u64);

/// Where and how much a sorter may keep.
#[derive(Clone, Debug)]
pub struct Room {
    /// Of memory, for records not yet written.
    pub bytes: usize,
    /// Of the temporary files.
    pub folder: PathBuf,
}

impl Default for Room {
    /// 64 MiB, then the system's folder for temporary files (`TMPDIR`).
    fn default() -> Self {
        Room { bytes: 64 << 20, folder: std::env::temp_dir() }
    }
}

/// A temporary file cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot sort with temporary files in {folder}: {error}; set TMPDIR to a folder with room for them")]
pub struct SortError {
    folder: String,
    #[source]
    error: io::Error,
}

/// So many runs of one level become one of the next.
const FAN_IN: usize = 64;
/// Read or written at once: with a run of every level open, some MiB.
const BUFFER_BYTES: usize = 64 << 10;
/// Key and length, before each record of a run.
const HEAD_BYTES: usize = 24;

#[derive(Debug)]
pub struct Sorter {
    room: Room,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Older ones first; levels fall.
    runs: Vec<Run>,
    pushed: u64,
    written: u64,
}

/// Where a record lies in `bytes`.
#[derive(Debug)]
struct Entry {
    key: Key,
    from: usize,
    to: usize,
}

#[derive(Debug)]
struct Run {
    file: File,
    records: u64,
    level: u32,
}

impl Sorter {
    pub fn new(room: Room) -> Self {
        Sorter { room, bytes: Vec::new(), entries: Vec::new(), runs: Vec::new(), pushed: 0, written: 0 }
    }

    /// Takes the record that `write` appends.
    ///
    /// # Errors
    /// Where the room is used up and a temporary file fails.
    pub fn push(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), SortError> {
        let from = self.bytes.len();
        write(&mut self.bytes);
        self.pushed += 1;
        self.entries.push(Entry { key, from, to: self.bytes.len() });
        if self.bytes.len() + self.entries.len() * size_of::<Entry>() > self.room.bytes {
            self.spill().map_err(|error| self.room.error(error))?;
        }
        Ok(())
    }

    /// How many runs were written to files so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// All records in order.
    ///
    /// # Errors
    /// Where a temporary file fails.
    pub fn finish(mut self) -> Result<Sorted, SortError> {
        let room = self.room.clone();
        let records = self.records().map_err(|error| room.error(error))?;
        Ok(Sorted { room, records, all: self.pushed })
    }

    fn records(&mut self) -> io::Result<Records> {
        if self.runs.is_empty() {
            self.sort();
            let entries = std::mem::take(&mut self.entries).into_iter();
            return Ok(Records::InMemory { bytes: std::mem::take(&mut self.bytes), entries });
        }
        // The memory is given back before the records are wanted.
        self.spill()?;
        self.bytes = Vec::new();
        self.entries = Vec::new();
        Ok(Records::OfRuns(Merge::new(std::mem::take(&mut self.runs))?))
    }

    fn sort(&mut self) {
        // An empty record begins where the next one does, and ends before it.
        self.entries.sort_unstable_by_key(|entry| (entry.key, entry.from, entry.to));
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.sort();
        let mut run = RunWriter::new(&self.room, 0)?;
        for Entry { key, from, to } in self.entries.drain(..) {
            run.write(key, &self.bytes[from..to])?;
        }
        self.bytes.clear();
        self.runs.push(run.finish()?);
        self.written += 1;
        while let Some(level) = self.full_level() {
            let mut merge = Merge::new(self.runs.split_off(self.runs.len() - FAN_IN))?;
            let mut run = RunWriter::new(&self.room, level + 1)?;
            while let Some((key, record)) = merge.next()? {
                run.write(key, record)?;
            }
            self.runs.push(run.finish()?);
        }
        Ok(())
    }

    /// The level of the last runs, if there are enough of it.
    fn full_level(&self) -> Option<u32> {
        let level = self.runs.last()?.level;
        (self.runs.iter().rev().take_while(|run| run.level == level).count() >= FAN_IN).then_some(level)
    }
}

impl Room {
    fn error(&self, error: io::Error) -> SortError {
        SortError { folder: self.folder.display().to_string(), error }
    }
}

struct RunWriter {
    file: BufWriter<File>,
    records: u64,
    level: u32,
}

impl RunWriter {
    fn new(room: &Room, level: u32) -> io::Result<Self> {
        let file = tempfile::tempfile_in(&room.folder)?;
        Ok(RunWriter { file: BufWriter::with_capacity(BUFFER_BYTES, file), records: 0, level })
    }

    fn write(&mut self, (first, second): Key, record: &[u8]) -> io::Result<()> {
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&first.to_le_bytes());
        head[8..16].copy_from_slice(&second.to_le_bytes());
        head[16..].copy_from_slice(&(record.len() as u64).to_le_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(record)?;
        self.records += 1;
        Ok(())
    }

    fn finish(self) -> io::Result<Run> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Run { file, records: self.records, level: self.level })
    }
}

/// Records in order, one at a time.
#[derive(Debug)]
pub struct Sorted {
    room: Room,
    records: Records,
    all: u64,
}

#[derive(Debug)]
enum Records {
    InMemory { bytes: Vec<u8>, entries: std::vec::IntoIter<Entry> },
    OfRuns(Merge),
}

impl Sorted {
    /// How many there are, those that were handed out too.
    pub fn records(&self) -> u64 {
        self.all
    }

    /// The key of the next record.
    ///
    /// # Errors
    /// Where a temporary file fails.
    pub fn key(&mut self) -> Result<Option<Key>, SortError> {
        match &mut self.records {
            Records::InMemory { entries, .. } => Ok(entries.as_slice().first().map(|entry| entry.key)),
            Records::OfRuns(merge) => merge.key().map_err(|error| self.room.error(error)),
        }
    }

    /// The next record.
    ///
    /// # Errors
    /// Where a temporary file fails.
    #[allow(clippy::should_implement_trait, reason = "it lends its buffer, as no iterator can")]
    pub fn next(&mut self) -> Result<Option<(Key, &[u8])>, SortError> {
        match &mut self.records {
            Records::InMemory { bytes, entries } => {
                Ok(entries.next().map(|Entry { key, from, to }| (key, &bytes[from..to])))
            }
            Records::OfRuns(merge) => merge.next().map_err(|error| self.room.error(error)),
        }
    }
}

#[derive(Debug)]
struct Merge {
    /// In order of age, so that the older one goes first where keys are equal.
    runs: Vec<RunReader>,
    /// The key of each run's record, but for that of `lent`.
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    /// The run whose record was handed out last: it is passed before the next one is looked for.
    lent: Option<usize>,
}

impl Merge {
    fn new(runs: Vec<Run>) -> io::Result<Self> {
        let readers: Vec<RunReader> = runs.into_iter().map(RunReader::new).collect();
        let mut merge = Merge { runs: readers, heads: BinaryHeap::new(), lent: None };
        (0..merge.runs.len()).try_for_each(|run| merge.advance(run))?;
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(key) = self.runs[run].advance()? {
            self.heads.push(Reverse((key, run)));
        }
        Ok(())
    }

    fn key(&mut self) -> io::Result<Option<Key>> {
        if let Some(run) = self.lent.take() {
            self.advance(run)?;
        }
        Ok(self.heads.peek().map(|Reverse((key, _))| *key))
    }

    fn next(&mut self) -> io::Result<Option<(Key, &[u8])>> {
        self.key()?;
        let Some(Reverse((key, run))) = self.heads.pop() else { return Ok(None) };
        self.lent = Some(run);
        Ok(Some((key, &self.runs[run].record)))
    }
}

#[derive(Debug)]
struct RunReader {
    file: BufReader<File>,
    left: u64,
    record: Vec<u8>,
}

impl RunReader {
    fn new(run: Run) -> Self {
        RunReader { file: BufReader::with_capacity(BUFFER_BYTES, run.file), left: run.records, record: Vec::new() }
    }

    /// Reads the next record. Its key.
    fn advance(&mut self) -> io::Result<Option<Key>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (first, second, length) = (self.word()?, self.word()?, self.word()?);
        self.record.clear();
        let read = self.file.by_ref().take(length).read_to_end(&mut self.record)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((first.cast_signed(), second)))
    }

    fn word(&mut self) -> io::Result<u64> {
        let mut word = [0; HEAD_BYTES / 3];
        self.file.read_exact(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(pushed: &[(Key, Vec<u8>)], bytes: usize) -> (Vec<(Key, Vec<u8>)>, u64) {
        let mut sorter = Sorter::new(Room { bytes, ..Room::default() });
        for (key, record) in pushed {
            sorter.push(*key, |out| out.extend_from_slice(record)).expect("pushed");
        }
        let written = sorter.written();
        let mut sorted = sorter.finish().expect("sorted");
        let mut all = Vec::new();
        loop {
            let key = sorted.key().expect("a key");
            let Some((found, record)) = sorted.next().expect("a record") else {
                assert_eq!(key, None);
                return (all, written);
            };
            assert_eq!(key, Some(found));
            all.push((found, record.to_vec()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Few different keys, so that many are equal; more than 64 runs, so that there are levels.
        #[test]
        fn records_come_by_key_and_equal_keys_as_they_were_pushed(
            pushed in proptest::collection::vec(((-2_i64..3, 0_u64..3), proptest::collection::vec(any::<u8>(), 0..20)), 0..400),
            records in 1_usize..9,
        ) {
            let mut expected = pushed.clone();
            expected.sort_by_key(|(key, _)| *key);
            let (in_memory, written) = sorted(&pushed, usize::MAX);
            prop_assert_eq!((&in_memory, written), (&expected, 0));
            let (of_runs, written) = sorted(&pushed, records * size_of::<Entry>());
            prop_assert_eq!(&of_runs, &expected);
            prop_assert!(written > 0 || pushed.len() <= records, "{} runs", written);
        }
    }

    #[test]
    fn many_runs_are_few_open_files() {
        let mut sorter = Sorter::new(Room { bytes: 1, ..Room::default() });
        for number in 0..FAN_IN * FAN_IN + 70 {
            sorter.push((-(number as i64), 0), |out| out.push(number as u8)).expect("pushed");
            assert!(sorter.runs.len() < 2 * FAN_IN + 1);
        }
        let levels: Vec<u32> = sorter.runs.iter().map(|run| run.level).collect();
        assert_eq!(levels, [2, 1, 0, 0, 0, 0, 0, 0]);
        let mut sorted = sorter.finish().expect("sorted");
        let mut last = i64::MIN;
        while let Some(((key, _), record)) = sorted.next().expect("a record") {
            assert!(key > last && record == [(-key) as u8]);
            last = key;
        }
        assert_eq!(last, 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sorter = Sorter::new(Room { bytes: 1, folder: folder.path().join("none") });
        let told = sorter.push((0, 0), |out| out.push(0)).expect_err("no folder").to_string();
        assert!(told.starts_with("cannot sort with temporary files in ") && told.contains("/none: "), "{told}");
        assert!(told.ends_with("; set TMPDIR to a folder with room for them"), "{told}");
    }

    #[test]
    fn a_run_that_was_cut_short_is_an_error_and_not_the_end() {
        let mut sorter = Sorter::new(Room { bytes: 1, ..Room::default() });
        for number in 0..3 {
            sorter.push((number, 0), |out| out.extend_from_slice(b"record")).expect("pushed");
        }
        sorter.runs[1].file.set_len(HEAD_BYTES as u64 + 2).expect("cut");
        let told = sorter.finish().expect_err("cut short").to_string();
        assert!(told.contains("unexpected end of file"), "{told}");
    }
}
