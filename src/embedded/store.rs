//! The SQLite file: one writer, one transaction a turn (DESIGN §4).
//!
//! | table | holds |
//! |---|---|
//! | `meta` | watermark, last numbers given out, the policy's fingerprints |
//! | `leads` | the packed record of each lead: all the state there is |
//! | `clocks` | the open clocks of `leads` by due instant; derived, for queries |
//! | `events` | the log: accepted events with append time, in order |
//! | `notices` | what was told, numbered without gaps |
//! | `dead_letters` | what was refused, with its original bytes |

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::fault::{FaultKind, StoreFault};
use super::index::{ClockRow, OpenClocks};
use crate::engine::{RecordError, Shard};
use crate::policy::Policy;
use crate::policy::kept::{self, KeptVersion};
use crate::time::Timestamp;

pub const FILE_NAME: &str = "plazo.sqlite";
/// `PRAGMA application_id`: "plzo".
pub(super) const APPLICATION_ID: i64 = 0x706c_7a6f;
/// `PRAGMA user_version`: the layout of the tables.
pub const FORMAT: i64 = 1;
const PAGE_BYTES: u64 = 4_096;
/// A transaction waits so long for another program to let go of the file before it is tried again.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages of log before it is written back: 16 MiB, so that a page that changes often is written back once.
const CHECKPOINT_PAGES: i64 = 4_096;
/// A file up to this size is checked whole when it is opened; a larger one as it is read.
const CHECKED_BYTES: u64 = 256 << 20;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE policy (
    effective_ms INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE leads (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE clocks (
    lead_id TEXT NOT NULL, sla TEXT NOT NULL, started_ms INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    state TEXT NOT NULL, team TEXT NOT NULL, due_ms INTEGER NOT NULL,
    PRIMARY KEY (lead_id, sla, started_ms, ordinal)) STRICT, WITHOUT ROWID;
CREATE INDEX clocks_by_due ON clocks (due_ms, lead_id, sla, started_ms, ordinal);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, append_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE notices (
    seq INTEGER PRIMARY KEY, id BLOB NOT NULL, type TEXT NOT NULL, lead_id TEXT NOT NULL, sla INTEGER NOT NULL,
    committed_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE dead_letters (
    seq INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, event_id TEXT,
    form TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, resubmitted_ms INTEGER) STRICT;
";

/// Numbers given out so far, and the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub watermark: Timestamp,
    pub last_event: u64,
    pub last_notice: u64,
    pub last_dead_letter: u64,
}

/// An accepted event for the log.
#[derive(Clone, Debug)]
pub struct LogRow<'a> {
    pub seq: u64,
    pub append: Timestamp,
    pub received: Timestamp,
    pub body: std::borrow::Cow<'a, [u8]>,
}

/// A refused event for the dead letters.
#[derive(Clone, Debug)]
pub struct DeadRow<'a> {
    pub received: Timestamp,
    pub reason: &'static str,
    pub detail: String,
    pub event_id: Option<String>,
    pub form: &'static str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

/// What became of a dead letter that was sent again.
#[derive(Clone, Debug)]
pub enum Verdict {
    Accepted { at: Timestamp },
    Refused { reason: &'static str, detail: String },
}

/// A dead letter as it is sent again.
#[derive(Clone, Debug)]
pub struct StoredLetter {
    pub seq: u64,
    pub form: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Everything that one transaction makes durable, beside what the shard itself says.
#[derive(Debug, Default)]
pub struct TurnRows<'a> {
    pub log: Vec<LogRow<'a>>,
    pub dead: Vec<DeadRow<'a>>,
    pub verdicts: Vec<(u64, Verdict)>,
}

impl TurnRows<'_> {
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.dead.is_empty() && self.verdicts.is_empty()
    }
}

pub struct Store {
    connection: Connection,
    path: PathBuf,
    marks: Marks,
    clocks: OpenClocks,
    headers: String,
}

impl Store {
    /// Opens the file in `directory`, or makes it.
    ///
    /// # Errors
    /// A file that is no store of ours, of a newer format or damaged; a disk that fails.
    pub fn open(directory: &Path, max_bytes: Option<u64>) -> Result<Self, StoreFault> {
        let path = directory.join(FILE_NAME);
        let fault = |error: &rusqlite::Error| StoreFault::of_sqlite(&path, error);
        let size = std::fs::metadata(&path).map(|file| file.len()).unwrap_or(0);
        let connection = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| fault(&error))?;
        let opened = || -> Result<(i64, i64, i64), rusqlite::Error> {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            let state = (
                number("PRAGMA application_id")?,
                number("PRAGMA user_version")?,
                number("SELECT count(*) FROM sqlite_schema")?,
            );
            Ok(state)
        };
        match opened().map_err(|error| fault(&error))? {
            (APPLICATION_ID, FORMAT, _) | (0, 0, 0) => {}
            (APPLICATION_ID, format, _) => {
                let detail = format!("the store has format {format}, this build reads format {FORMAT}");
                return Err(StoreFault::new(FaultKind::NewerFormat, &path, detail));
            }
            _ => {
                return Err(StoreFault::new(
                    FaultKind::Damaged,
                    &path,
                    "this is a SQLite file, but not a store of plazo",
                ));
            }
        }
        let prepare = || -> Result<(), rusqlite::Error> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
            connection.pragma_update(None, "cache_size", -(64 << 10))?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            if let Some(max_bytes) = max_bytes {
                let pages = i64::try_from(max_bytes / PAGE_BYTES).unwrap_or(i64::MAX);
                connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            }
            connection.set_prepared_statement_cache_capacity(64);
            Ok(())
        };
        prepare().map_err(|error| fault(&error))?;
        let mut store = Store {
            connection,
            marks: Marks { watermark: Timestamp::MIN, last_event: 0, last_notice: 0, last_dead_letter: 0 },
            clocks: OpenClocks::default(),
            headers: String::new(),
            path,
        };
        if size <= CHECKED_BYTES {
            store.check()?;
        }
        store.create().map_err(|error| store.fault(&error))?;
        store.marks = store.read_marks().map_err(|error| store.fault(&error))?;
        Ok(store)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Whether nothing was ever kept here.
    pub fn is_new(&self) -> bool {
        self.marks.watermark == Timestamp::MIN
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreFault {
        StoreFault::of_sqlite(&self.path, error)
    }

    fn check(&self) -> Result<(), StoreFault> {
        let told = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
            .map_err(|error| self.fault(&error))?;
        if told == "ok" { Ok(()) } else { Err(StoreFault::new(FaultKind::Damaged, &self.path, told.trim())) }
    }

    fn create(&mut self) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.commit()
    }

    fn read_marks(&self) -> Result<Marks, rusqlite::Error> {
        let number = |key: &str| -> Result<Option<i64>, rusqlite::Error> {
            self.connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
        };
        let count = |key: &str| number(key).map(|value| value.unwrap_or(0).unsigned_abs());
        Ok(Marks {
            watermark: number("watermark_ms")?.map_or(Timestamp::MIN, Timestamp),
            last_event: count("last_event")?,
            last_notice: count("last_notice")?,
            last_dead_letter: count("last_dead_letter")?,
        })
    }

    /// Every record, in order of lead id, to `put`.
    ///
    /// # Errors
    /// Where the file or a record cannot be read.
    pub fn restore(&self, mut put: impl FnMut(Box<[u8]>) -> Result<(), RecordError>) -> Result<u64, StoreFault> {
        let mut read = || -> Result<Result<u64, RecordError>, rusqlite::Error> {
            let mut records = 0;
            let mut statement = self.connection.prepare("SELECT record FROM leads ORDER BY id")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if let Err(error) = put(row.get_ref(0)?.as_blob()?.into()) {
                    return Ok(Err(error));
                }
                records += 1;
            }
            Ok(Ok(records))
        };
        read().map_err(|error| self.fault(&error))?.map_err(|error| StoreFault::of_record(&self.path, &error))
    }

    /// # Errors
    /// Where the store fails.
    pub fn holds_leads(&self) -> Result<bool, StoreFault> {
        self.connection
            .query_row("SELECT EXISTS (SELECT 1 FROM leads)", [], |row| row.get(0))
            .map_err(|error| self.fault(&error))
    }

    /// The versions that the store was last used with, the oldest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn kept_policy(&self) -> Result<Vec<KeptVersion>, StoreFault> {
        kept_versions(&self.connection).map_err(|error| self.fault(&error))
    }

    /// Keeps the policy. `anew`: the open clocks are read anew by the shard's, as they are derived by a policy that governs them.
    ///
    /// # Errors
    /// Nothing of it was kept.
    pub fn keep_policy(&mut self, policy: &Policy, anew: Option<&Shard>) -> Result<(), StoreFault> {
        let now = kept::versions(policy);
        if anew.is_none() && self.kept_policy()? == now {
            return Ok(());
        }
        let path = self.path.clone();
        self.try_keep_policy(&now, anew).map_err(|error| StoreFault::of_sqlite(&path, &error))
    }

    fn try_keep_policy(&mut self, now: &[KeptVersion], anew: Option<&Shard>) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM policy", [])?;
        for version in now {
            transaction.execute(
                "INSERT INTO policy (effective_ms, name, fingerprint, text) VALUES (?1, ?2, ?3, ?4)",
                params![version.effective_from.ms(), version.name, version.fingerprint, version.text],
            )?;
        }
        if let Some(shard) = anew {
            transaction.execute("DELETE FROM clocks", [])?;
            for record in shard.records() {
                let lead_id = crate::engine::record::lead_id(record);
                let rows = self.clocks.of(shard.rules(), record, shard.watermark());
                write_clocks(&transaction, lead_id, rows)?;
            }
        }
        transaction.commit()
    }

    /// Makes a turn durable, whole or not at all. `committed`: the clock, for retention.
    ///
    /// # Errors
    /// Nothing of it was kept. Where the kind is [`FaultKind::Busy`] it can be tried again as it is.
    pub fn write(
        &mut self,
        shard: &Shard,
        rows: &TurnRows<'_>,
        position: u64,
        committed: Timestamp,
    ) -> Result<(), StoreFault> {
        let marks = self.try_write(shard, rows, position, committed).map_err(|error| self.fault(&error))?;
        self.marks = marks;
        Ok(())
    }

    fn try_write(
        &mut self,
        shard: &Shard,
        rows: &TurnRows<'_>,
        position: u64,
        committed: Timestamp,
    ) -> Result<Marks, rusqlite::Error> {
        let mut marks = Marks { watermark: shard.watermark(), last_event: position, ..self.marks };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO events (seq, append_ms, received_ms, body) VALUES (?1, ?2, ?3, ?4)")?;
            for row in &rows.log {
                insert.execute(params![number(row.seq), row.append.ms(), row.received.ms(), row.body])?;
            }
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO leads (id, record) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            )?;
            let mut drop = transaction.prepare_cached("DELETE FROM leads WHERE id = ?1")?;
            // In the order of the tables, so that neighbours share pages.
            let mut changed: Vec<(&str, Option<&[u8]>)> = shard.changed().collect();
            changed.sort_unstable_by_key(|lead| lead.0);
            for (lead_id, record) in changed {
                let clocks = match record {
                    Some(record) => {
                        upsert.execute(params![lead_id, record])?;
                        self.clocks.of(shard.rules(), record, shard.watermark())
                    }
                    None => {
                        drop.execute([lead_id])?;
                        &[]
                    }
                };
                write_clocks(&transaction, lead_id, clocks)?;
            }
            let outbox = &shard.turn().outbox;
            let mut tell = transaction.prepare_cached(
                "INSERT INTO notices (seq, id, type, lead_id, sla, committed_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for notice in &outbox.notices {
                marks.last_notice += 1;
                tell.execute(params![
                    number(marks.last_notice),
                    notice.id.0,
                    notice.kind.name(),
                    outbox.lead_id(notice),
                    notice.sla,
                    committed.ms(),
                    outbox.json(notice),
                ])?;
            }
            let mut keep = transaction.prepare_cached(
                "INSERT INTO dead_letters (seq, received_ms, reason, detail, event_id, form, headers, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for row in &rows.dead {
                marks.last_dead_letter += 1;
                self.headers.clear();
                self.headers.push_str(&serde_json::to_string(row.headers).unwrap_or_default());
                keep.execute(params![
                    number(marks.last_dead_letter),
                    row.received.ms(),
                    row.reason,
                    row.detail,
                    row.event_id,
                    row.form,
                    self.headers,
                    row.body,
                ])?;
            }
            for (seq, verdict) in &rows.verdicts {
                match verdict {
                    Verdict::Accepted { at } => transaction
                        .prepare_cached("UPDATE dead_letters SET resubmitted_ms = ?2 WHERE seq = ?1")?
                        .execute(params![number(*seq), at.ms()])?,
                    Verdict::Refused { reason, detail } => transaction
                        .prepare_cached("UPDATE dead_letters SET reason = ?2, detail = ?3 WHERE seq = ?1")?
                        .execute(params![number(*seq), reason, detail])?,
                };
            }
            let mut mark = transaction.prepare_cached(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?;
            if marks.watermark != Timestamp::MIN {
                mark.execute(params!["watermark_ms", marks.watermark.ms()])?;
            }
            mark.execute(params!["last_event", number(marks.last_event)])?;
            mark.execute(params!["last_notice", number(marks.last_notice)])?;
            mark.execute(params!["last_dead_letter", number(marks.last_dead_letter)])?;
        }
        transaction.commit()?;
        Ok(marks)
    }

    /// The dead letter of this number, if it still waits.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn waiting(&self, seq: u64) -> Result<Option<StoredLetter>, StoreFault> {
        self.connection
            .prepare_cached("SELECT form, headers, body FROM dead_letters WHERE seq = ?1 AND resubmitted_ms IS NULL")
            .and_then(|mut statement| statement.query_row([number(seq)], |row| letter(seq, row)).optional())
            .map_err(|error| self.fault(&error))
    }

    /// Removes rows from before `cutoff`, at most `most` of each table: (table, rows).
    ///
    /// # Errors
    /// Where the store fails.
    pub fn sweep(&mut self, cutoff: Timestamp, most: usize) -> Result<[(&'static str, usize); 3], StoreFault> {
        let path = self.path.clone();
        let mut sweep = || -> Result<[(&'static str, usize); 3], rusqlite::Error> {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut swept = [("events", 0), ("notices", 0), ("dead_letters", 0)];
            for ((table, rows), column) in swept.iter_mut().zip(["received_ms", "committed_ms", "received_ms"]) {
                // Rows stand in order of time: the first that is young enough ends the search.
                let sql = format!(
                    "DELETE FROM {table} WHERE seq < (SELECT ifnull(min(seq), 9223372036854775807) FROM
                     (SELECT seq FROM (SELECT seq, {column} AS at FROM {table} ORDER BY seq LIMIT ?2) WHERE at >= ?1))
                     AND seq IN (SELECT seq FROM {table} ORDER BY seq LIMIT ?2)"
                );
                *rows = transaction.prepare_cached(&sql)?.execute(params![cutoff.ms(), number(most as u64)])?;
            }
            transaction.commit()?;
            Ok(swept)
        };
        sweep().map_err(|error| StoreFault::of_sqlite(&path, &error))
    }

    /// Writes the log back into the file, so that the next start has nothing to recover.
    ///
    /// # Errors
    /// Where the store fails; nothing is lost then.
    pub fn checkpoint(&self) -> Result<(), StoreFault> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(|error| self.fault(&error))
    }
}

/// The versions that the store was last used with, the oldest first.
pub(super) fn kept_versions(connection: &Connection) -> Result<Vec<KeptVersion>, rusqlite::Error> {
    connection
        .prepare("SELECT name, effective_ms, fingerprint, text FROM policy ORDER BY effective_ms")?
        .query_map([], |row| {
            Ok(KeptVersion {
                name: row.get(0)?,
                effective_from: Timestamp(row.get(1)?),
                fingerprint: row.get(2)?,
                text: row.get(3)?,
            })
        })?
        .collect()
}

fn letter(seq: u64, row: &rusqlite::Row<'_>) -> Result<StoredLetter, rusqlite::Error> {
    let headers: String = row.get(1)?;
    let headers = serde_json::from_str(&headers).unwrap_or_default();
    Ok(StoredLetter { seq, form: row.get(0)?, headers, body: row.get(2)? })
}

/// Replaces the open clocks of a lead; most events change none of them.
fn write_clocks(transaction: &Transaction<'_>, lead_id: &str, rows: &[ClockRow]) -> Result<(), rusqlite::Error> {
    let mut kept = transaction.prepare_cached(
        "SELECT sla, started_ms, ordinal, state, team, due_ms FROM clocks WHERE lead_id = ?1
         ORDER BY sla, started_ms, ordinal",
    )?;
    let mut standing = kept.query([lead_id])?;
    let mut at = 0;
    let mut same = true;
    while let Some(row) = standing.next()? {
        let equal = match rows.get(at) {
            Some(next) => {
                row.get_ref(0)?.as_str()? == next.sla
                    && row.get::<_, i64>(1)? == next.started.ms()
                    && row.get::<_, u32>(2)? == next.ordinal
                    && row.get_ref(3)?.as_str()? == next.state
                    && row.get_ref(4)?.as_str()? == next.team
                    && row.get::<_, i64>(5)? == next.due.ms()
            }
            None => false,
        };
        same &= equal;
        at += 1;
    }
    drop(standing);
    if same && at == rows.len() {
        return Ok(());
    }
    if at > 0 {
        transaction.prepare_cached("DELETE FROM clocks WHERE lead_id = ?1")?.execute([lead_id])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO clocks (lead_id, sla, started_ms, ordinal, state, team, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in rows {
        insert.execute(params![lead_id, row.sla, row.started.ms(), row.ordinal, row.state, row.team, row.due.ms()])?;
    }
    Ok(())
}

/// SQLite's integers are signed; numbers given out one by one never reach its end.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
