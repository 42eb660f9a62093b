//! Read-only connections beside the writer's: what they see has been committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::index::view;
use super::store::{APPLICATION_ID, FILE_NAME, FORMAT, kept_versions};
use crate::engine::{LeadView, Reading, Rules, inspect};
use crate::event;
use crate::policy::kept::KeptVersion;
use crate::time::Timestamp;
use crate::view::{
    ClockCursor, ClockPage, ClockQuery, DeadLetter, DeadLetterQuery, NoticePage, NoticeQuery, NumberedNotice, ReadFault,
};

/// Connections kept for the next question.
const KEPT: usize = 8;
/// A page ends after so many bytes, however many were asked for.
const PAGE_BYTES: usize = 8 << 20;

/// Answers questions about the store, from any thread.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// What a store is about.
#[derive(Clone, Debug)]
pub struct Contents {
    pub watermark: Timestamp,
    /// The versions that it was last used with.
    pub kept_policy: Vec<KeptVersion>,
    /// Accepted events that its log still has.
    pub accepted: u64,
    /// Dead letters that are kept and wait, by reason.
    pub rejected: BTreeMap<String, u64>,
}

impl Contents {
    fn read(connection: &Connection) -> Answer<Self> {
        let watermark = connection
            .query_row("SELECT value FROM meta WHERE key = 'watermark_ms'", [], |row| row.get(0))
            .optional()?
            .map_or(Timestamp::MIN, Timestamp);
        let rejected = connection
            .prepare("SELECT reason, count(*) FROM dead_letters WHERE resubmitted_ms IS NULL GROUP BY reason")?
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
            .collect::<Answer<_>>()?;
        let accepted: i64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        let kept_policy = kept_versions(connection)?;
        Ok(Contents { watermark, kept_policy, accepted: accepted.unsigned_abs(), rejected })
    }
}

type Answer<T> = Result<T, rusqlite::Error>;

impl Reader {
    pub fn new(directory: &Path) -> Self {
        Reader { path: directory.join(FILE_NAME), idle: Mutex::new(Vec::new()) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `ask` in one transaction, so that all it sees is of one moment.
    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> Answer<T>) -> Result<T, ReadFault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let run = || -> Answer<(T, Connection)> {
            let mut connection = match idle {
                Some(connection) => connection,
                None => {
                    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                    let connection = Connection::open_with_flags(&self.path, flags)?;
                    connection.busy_timeout(std::time::Duration::from_secs(2))?;
                    connection
                }
            };
            let transaction = connection.transaction()?;
            let answer = ask(&transaction)?;
            transaction.finish()?;
            Ok((answer, connection))
        };
        let (answer, connection) = run().map_err(|error| ReadFault::Store(error.to_string()))?;
        let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(connection);
        }
        Ok(answer)
    }

    /// All of one moment: what the store is about, then each record to `put`, which may end it with a fault of its own.
    ///
    /// # Errors
    /// Where the file is no store that this build reads, or fails; and the faults of `begin` and `put`.
    pub fn snapshot<T, F: From<ReadFault>>(
        &self,
        begin: impl FnOnce(Contents) -> Result<T, F>,
        mut put: impl FnMut(&mut T, &[u8]) -> Result<(), F>,
    ) -> Result<T, F> {
        self.ask(|connection| {
            let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            let (application, format) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
            if (application, format) != (APPLICATION_ID, FORMAT) {
                let told = format!("{} is no store of plazo that this build reads", self.path.display());
                return Ok(Err(ReadFault::Store(told).into()));
            }
            let mut told = match begin(Contents::read(connection)?) {
                Ok(told) => told,
                Err(fault) => return Ok(Err(fault)),
            };
            let mut statement = connection.prepare("SELECT record FROM leads ORDER BY id")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if let Err(fault) = put(&mut told, row.get_ref(0)?.as_blob()?) {
                    return Ok(Err(fault));
                }
            }
            Ok(Ok(told))
        })?
    }

    /// See [`crate::view::Shell::notices`].
    ///
    /// # Errors
    /// As there.
    pub fn notices(&self, query: &NoticeQuery) -> Result<NoticePage, ReadFault> {
        self.ask(|connection| {
            let last: u64 = mark(connection, "last_notice")?;
            if query.after > last {
                return Ok(Err(ReadFault::Beyond { after: query.after, last }));
            }
            // Numbers have no gaps, so whatever is missing at the front was removed.
            let oldest: Option<i64> = connection.query_row("SELECT min(seq) FROM notices", [], |row| row.get(0))?;
            let oldest = oldest.map_or(last + 1, i64::unsigned_abs);
            if query.after > 0 && query.after + 1 < oldest {
                return Ok(Err(ReadFault::Gone { after: query.after, oldest }));
            }
            let mut page = NoticePage { last, ..NoticePage::default() };
            let kinds = serde_json::to_string(&query.kinds).unwrap_or_default();
            let mut statement = connection.prepare_cached(
                "SELECT seq, type, body FROM notices
                 WHERE seq > ?1 AND (?2 = '[]' OR type IN (SELECT value FROM json_each(?2))) ORDER BY seq",
            )?;
            let mut rows = statement.query(params![signed(query.after), kinds])?;
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                if page.notices.len() >= query.limit || bytes >= PAGE_BYTES {
                    page.more = true;
                    page.last = page.notices.last().map_or(query.after, |notice| notice.sequence);
                    break;
                }
                let sequence = row.get::<_, i64>(0)?.unsigned_abs();
                let json = numbered(row.get_ref(2)?.as_blob()?, sequence);
                bytes += json.len();
                page.notices.push(NumberedNotice { sequence, kind: row.get(1)?, json });
            }
            Ok(Ok(page))
        })?
    }

    /// # Errors
    /// Where the store fails.
    pub fn lead(&self, rules: &Rules, lead_id: &str, as_of: Timestamp) -> Result<Option<LeadView>, ReadFault> {
        let Some(record) = self.ask(|connection| record(connection, lead_id))? else { return Ok(None) };
        inspect(rules, &record, as_of).map(Some).map_err(|error| ReadFault::Store(error.to_string()))
    }

    /// # Errors
    /// Where the store fails.
    pub fn clocks(&self, rules: &Rules, query: &ClockQuery, as_of: Timestamp) -> Result<ClockPage, ReadFault> {
        let (cursors, records, more) = self.ask(|connection| {
            let from = query.cursor.clone().unwrap_or(ClockCursor {
                due_ms: i64::MIN,
                lead_id: String::new(),
                sla: String::new(),
                started_ms: i64::MIN,
                ordinal: 0,
            });
            let mut statement = connection.prepare_cached(
                "SELECT due_ms, lead_id, sla, started_ms, ordinal FROM clocks
                 WHERE (due_ms, lead_id, sla, started_ms, ordinal) > (?1, ?2, ?3, ?4, ?5)
                   AND (?6 IS NULL OR due_ms < ?6) AND (?7 IS NULL OR state = ?7) AND (?8 IS NULL OR sla = ?8)
                   AND (?9 IS NULL OR team = ?9)
                 ORDER BY due_ms, lead_id, sla, started_ms, ordinal LIMIT ?10",
            )?;
            let mut cursors: Vec<ClockCursor> = statement
                .query_map(
                    params![
                        from.due_ms,
                        from.lead_id,
                        from.sla,
                        from.started_ms,
                        from.ordinal,
                        query.due_before.map(Timestamp::ms),
                        query.state,
                        query.sla,
                        query.team,
                        signed(query.limit as u64 + 1),
                    ],
                    cursor,
                )?
                .collect::<Answer<_>>()?;
            let more = cursors.len() > query.limit;
            cursors.truncate(query.limit);
            let mut records: Vec<Option<Vec<u8>>> = Vec::with_capacity(cursors.len());
            for cursor in &cursors {
                records.push(record(connection, &cursor.lead_id)?);
            }
            Ok((cursors, records, more))
        })?;
        let mut reading = Reading::default();
        let mut clocks = Vec::with_capacity(cursors.len());
        for (cursor, record) in cursors.iter().zip(&records) {
            let Some(record) = record else { continue };
            let unreadable = |error: crate::engine::RecordError| ReadFault::Store(error.to_string());
            clocks.extend(view(&mut reading, rules, record, cursor, as_of).map_err(unreadable)?);
        }
        Ok(ClockPage { clocks, next: if more { cursors.last().cloned() } else { None } })
    }

    /// # Errors
    /// Where the store fails.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault> {
        self.ask(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT seq, append_ms, body FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
            let mut rows = statement.query(params![signed(after), signed(limit as u64)])?;
            let (mut events, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let body = row.get_ref(2)?.as_blob()?;
                // What was accepted can be read, unless a later build reads less: then it is given as it was.
                let line = match event::decode(body) {
                    Ok(mut event) => {
                        event.recorded_time = Some(Timestamp(row.get(1)?));
                        event::encode(&event)
                    }
                    Err(_) => body.to_vec(),
                };
                bytes += line.len();
                events.push((row.get::<_, i64>(0)?.unsigned_abs(), line));
                if bytes >= PAGE_BYTES {
                    break;
                }
            }
            Ok(events)
        })
    }

    /// # Errors
    /// Where the store fails.
    pub fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, received_ms, reason, detail, event_id, form, headers, body, resubmitted_ms, length(body)
                 FROM dead_letters
                 WHERE seq > ?1 AND (?2 IS NULL OR reason = ?2) AND (?3 OR resubmitted_ms IS NULL)
                 ORDER BY seq LIMIT ?4",
            )?;
            let asked = params![signed(query.after), query.reason, query.resubmitted, signed(query.limit as u64)];
            let mut rows = statement.query(asked)?;
            let (mut letters, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                bytes += row.get::<_, i64>(9)?;
                letters.push(dead_letter(row)?);
                if bytes >= PAGE_BYTES as i64 {
                    break;
                }
            }
            Ok(letters)
        })
    }
}

fn record(connection: &Connection, lead_id: &str) -> Answer<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT record FROM leads WHERE id = ?1")?
        .query_row([lead_id], |row| row.get(0))
        .optional()
}

fn mark(connection: &Connection, key: &str) -> Answer<u64> {
    let value: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(value.unwrap_or(0).unsigned_abs())
}

fn cursor(row: &Row<'_>) -> Answer<ClockCursor> {
    Ok(ClockCursor {
        due_ms: row.get(0)?,
        lead_id: row.get(1)?,
        sla: row.get(2)?,
        started_ms: row.get(3)?,
        ordinal: row.get(4)?,
    })
}

fn dead_letter(row: &Row<'_>) -> Answer<DeadLetter> {
    let headers: String = row.get(6)?;
    let bytes: Vec<u8> = row.get(7)?;
    let (body, body_base64) = match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    Ok(DeadLetter {
        sequence: row.get::<_, i64>(0)?.unsigned_abs(),
        received_at: Timestamp(row.get(1)?),
        reason: row.get(2)?,
        detail: row.get(3)?,
        event_id: row.get(4)?,
        form: row.get(5)?,
        headers: serde_json::from_str(&headers).unwrap_or_default(),
        body,
        body_base64,
        resubmitted_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
    })
}

/// The CloudEvent with the extension `sequence` as its last attribute.
fn numbered(json: &[u8], sequence: u64) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    let mut out = Vec::with_capacity(json.len() + 32);
    out.extend_from_slice(open);
    out.extend_from_slice(format!(",\"sequence\":\"{sequence}\"}}").as_bytes());
    out
}

/// SQLite's integers are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
