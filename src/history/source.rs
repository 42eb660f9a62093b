//! The bytes of a history: a file or stdin, as they are or compressed, told by their first bytes and not by their name.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use zip::ZipArchive;

use super::{HistoryError, damaged, is_damage};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// What programs of offices write before a text.
const UTF16: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// A packed file that ends where it is damaged: what came before it counts.
struct UpToDamage<R> {
    packed: R,
    damage: Option<io::Error>,
}

impl<R: Read> Read for UpToDamage<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.damage.is_some() {
            return Ok(0);
        }
        match self.packed.read(bytes) {
            Err(error) if is_damage(&error) => {
                self.damage = Some(error);
                Ok(0)
            }
            read => read,
        }
    }
}

/// What was made of a history, and where it is damaged: then why it was read no further, for people.
type Made<T> = Result<(T, Option<String>), HistoryError>;

fn read_packed<T>(
    packed: impl Read,
    file: &str,
    read: impl FnOnce(&mut dyn Read) -> Result<T, HistoryError>,
) -> Made<T> {
    let mut packed = UpToDamage { packed, damage: None };
    let made = read(&mut packed);
    match (made, packed.damage.map(|error| damaged(file, &error))) {
        // What is left may look like something else.
        (Err(HistoryError::Fault(_)), Some(damage)) => Err(HistoryError::Fault(damage)),
        (made, damage) => made.map(|made| (made, damage)),
    }
}

/// Hands the bytes of `path` (`-`: stdin) to `read`, unpacked. `bar` sees how many bytes were read: packed ones, of an archive those inside.
/// A packed file that is damaged ends there, and with what `read` made of it comes why.
///
/// # Errors
/// Where the file cannot be opened, or is an archive of none or several files.
pub fn with_reader<T>(
    path: &Path,
    bar: &ProgressBar,
    read: impl FnOnce(&mut dyn Read) -> Result<T, HistoryError>,
) -> Made<T> {
    let file = path.display().to_string();
    let fail = |error| HistoryError::Read { file: file.clone(), error };
    let stdin = path == Path::new("-");
    let mut raw: Box<dyn Read> = match stdin {
        true => Box::new(bar.wrap_read(io::stdin().lock())),
        false => Box::new(bar.wrap_read(File::open(path).map_err(fail)?)),
    };
    let mut head = Vec::with_capacity(ZIP.len());
    raw.by_ref().take(ZIP.len() as u64).read_to_end(&mut head).map_err(fail)?;
    if UTF16.iter().any(|mark| head.starts_with(mark)) {
        let what = "the file is in UTF-16: expected UTF-8; `iconv -f utf-16 -t utf-8` makes it that";
        return Err(HistoryError::Fault(format!("{file}: {what}")));
    }
    let mut whole = Cursor::new(head.clone()).chain(raw);
    if head.starts_with(&GZIP) {
        return read_packed(MultiGzDecoder::new(whole), &file, read);
    }
    if !head.starts_with(&ZIP) {
        return read(&mut whole).map(|made| (made, None));
    }
    // The list of an archive's files stands at its end.
    let seekable = !stdin && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let archive = match seekable {
        true => File::open(path).map_err(fail)?,
        false => {
            let mut copy = tempfile::tempfile().map_err(fail)?;
            io::copy(&mut whole, &mut copy).map_err(fail)?;
            copy.seek(SeekFrom::Start(0)).map_err(fail)?;
            copy
        }
    };
    in_archive(archive, &file, bar, read)
}

fn in_archive<T>(
    archive: File,
    file: &str,
    bar: &ProgressBar,
    read: impl FnOnce(&mut dyn Read) -> Result<T, HistoryError>,
) -> Made<T> {
    let fault = |error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => HistoryError::read(file, error),
        zip::result::ZipError::InvalidArchive(_) => HistoryError::Fault(damaged(file, &error)),
        error => HistoryError::Fault(format!("{file}: {error}")),
    };
    let mut archive = ZipArchive::new(archive).map_err(fault)?;
    let mut inside: Vec<(usize, String)> = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(fault)?;
        // What one system of desks adds to every archive.
        let name = entry.name().to_owned();
        if entry.is_file() && !name.starts_with("__MACOSX/") {
            inside.push((index, name));
        }
    }
    match inside.as_slice() {
        [(index, _)] => {
            let inside = archive.by_index(*index).map_err(fault)?;
            // The list at the end was read first: what counts is the file inside.
            bar.reset();
            bar.set_length(inside.size());
            read_packed(bar.wrap_read(inside), file, read)
        }
        [] => Err(HistoryError::Fault(format!("{file}: the archive holds no file"))),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).take(10).collect();
            let message =
                format!("{file}: expected an archive of one file, found {}: {}", several.len(), names.join(", "));
            Err(HistoryError::Fault(message))
        }
    }
}
