//! One process a directory: a lock that ends with its holder, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::fault::{FaultKind, StoreFault};

const FILE_NAME: &str = "plazo.lock";

/// Holds the directory until it is dropped. The file stays; the lock on it is what counts.
#[derive(Debug)]
pub struct DirectoryLock {
    _held: File,
}

impl DirectoryLock {
    /// Makes the directory (for this user alone) where it is missing, and takes it.
    ///
    /// # Errors
    /// [`FaultKind::InUse`] with who holds it; or a directory that cannot be written.
    pub fn take(directory: &Path, who: &str) -> Result<Self, StoreFault> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(|error| StoreFault::of_io(directory, &error))?;
        let path = directory.join(FILE_NAME);
        let fault = |error: std::io::Error| StoreFault::of_io(&path, &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(fault)?;
                file.seek(SeekFrom::Start(0)).map_err(fault)?;
                writeln!(file, "{who}, process {}", std::process::id()).map_err(fault)?;
                Ok(DirectoryLock { _held: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be writing its name just now: then it stays unknown.
                let _unknown = file.read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
                Err(StoreFault::new(FaultKind::InUse, directory, format!("the directory is in use by {holder}")))
            }
            Err(TryLockError::Error(error)) => Err(fault(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_the_first_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = DirectoryLock::take(directory.path(), "first").expect("free");
        let refused = DirectoryLock::take(directory.path(), "second").expect_err("taken");
        assert_eq!(refused.kind, FaultKind::InUse);
        assert!(refused.detail.contains(&format!("first, process {}", std::process::id())), "{refused}");
        drop(first);
        DirectoryLock::take(directory.path(), "second").expect("free again");
    }
}
