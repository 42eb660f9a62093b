//! What can go wrong with the store, sorted by what must be done about it.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::engine::RecordError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Another program holds the file: to be tried again.
    Busy,
    /// The disk, or what the settings allow, is full.
    Full,
    ReadOnly,
    /// The disk failed, or the directory is out of reach.
    Io,
    /// The file is not what was written.
    Damaged,
    /// Written by a newer build.
    NewerFormat,
    /// Another process works on the directory.
    InUse,
    /// The policy that governed stored clocks was edited.
    PolicyChanged,
    Other,
}

impl FaultKind {
    /// The label of aborted transactions.
    pub const fn cause(self) -> &'static str {
        match self {
            FaultKind::Busy => "busy",
            FaultKind::Full => "full",
            FaultKind::ReadOnly => "read_only",
            FaultKind::Io => "io",
            FaultKind::Damaged => "damaged",
            FaultKind::NewerFormat | FaultKind::InUse | FaultKind::PolicyChanged | FaultKind::Other => "other",
        }
    }

    /// What the operator does about it.
    const fn advice(self) -> &'static str {
        match self {
            FaultKind::Busy => "end the other program that holds the file open",
            FaultKind::Full => {
                "make room (or raise embedded.max_bytes) and start again; everything that was acknowledged is kept"
            }
            FaultKind::ReadOnly => "make the directory and its files writable for this user and start again",
            FaultKind::Io => "look at the disk and the system's log; everything that was acknowledged is kept",
            FaultKind::Damaged => {
                "keep a copy of the directory, then restore a backup of it, or read what is left with `sqlite3 FILE .recover`"
            }
            FaultKind::NewerFormat => "start the build that wrote it, or a later one",
            FaultKind::InUse => "stop that process, or give this one another embedded.directory",
            FaultKind::PolicyChanged => {
                "put the policy back and write the change as a version of its own with a later effective_from, or start with --accept-changed-policy: every promise that changes is then told"
            }
            FaultKind::Other => {
                "this is no known state of the store; keep a copy of the directory before anything else"
            }
        }
    }
}

/// The store said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFault {
    pub kind: FaultKind,
    pub path: PathBuf,
    pub detail: String,
}

impl StoreFault {
    pub fn new(kind: FaultKind, path: &Path, detail: impl fmt::Display) -> Self {
        StoreFault { kind, path: path.to_owned(), detail: detail.to_string() }
    }

    pub fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => FaultKind::Busy,
            Some(ErrorCode::DiskFull) => FaultKind::Full,
            Some(ErrorCode::ReadOnly) => FaultKind::ReadOnly,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => FaultKind::Io,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => FaultKind::Damaged,
            _ => FaultKind::Other,
        };
        StoreFault::new(kind, path, error)
    }

    pub fn of_io(path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FaultKind::Full,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => FaultKind::ReadOnly,
            _ => FaultKind::Io,
        };
        StoreFault::new(kind, path, error)
    }

    pub fn of_record(path: &Path, error: &RecordError) -> Self {
        let kind = match error {
            RecordError::NewerFormat(_) => FaultKind::NewerFormat,
            RecordError::Damaged(_) => FaultKind::Damaged,
        };
        StoreFault::new(kind, path, error)
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path.display(), self.detail, self.kind.advice())
    }
}

impl std::error::Error for StoreFault {}
