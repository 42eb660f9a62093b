//! Policies and calendars from files: one file, or a directory of versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agreement::{Policy, Version};
use super::fault::{Fault, Faults, LoadError, place};
use super::parse::{parse_calendars, parse_version};
use crate::calendar::Calendar;

fn read(path: &Path) -> Result<String, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::Io { path: path.to_owned(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let message = "expected a text in UTF-8, found other bytes".to_owned();
        let fault = at(&path.display().to_string(), place(&text, valid), message);
        LoadError::Faults(Faults(vec![fault]))
    })
}

/// Reads files named relative to the place of another one.
fn beside(path: &Path) -> impl Fn(&str) -> std::io::Result<String> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    move |name| fs::read_to_string(folder.join(name))
}

/// The policy of a file, or of a directory whose `*.toml` files are its versions.
///
/// # Errors
/// [`LoadError::Io`] where something cannot be read, [`LoadError::Faults`] with every fault of every file.
pub fn load(path: &Path) -> Result<Policy, LoadError> {
    let files = if path.is_dir() { versions_in(path)? } else { vec![path.to_owned()] };
    let mut versions: Vec<(Version, String, (usize, usize))> = Vec::new();
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.display().to_string();
        let text = match read(file) {
            Ok(text) => text,
            Err(LoadError::Faults(found)) => {
                faults.extend(found.0);
                continue;
            }
            Err(error) => return Err(error),
        };
        let parsed = parse_version(&name, &text, &beside(file));
        faults.extend(parsed.faults);
        warnings.extend(parsed.warnings);
        let place = parsed.effective_at.unwrap_or((1, 1));
        versions.extend(parsed.version.map(|version| (version, name, place)));
    }
    versions.sort_by_key(|known| known.0.effective_from);
    for pair in versions.windows(2) {
        let ((earlier, first, _), (later, second, place)) = (&pair[0], &pair[1]);
        if earlier.effective_from == later.effective_from {
            let message =
                format!("in force from {}, as {first} is; no two versions begin together", later.effective_from);
            faults.push(at(second, *place, message));
        }
    }
    if files.is_empty() {
        let message = "expected *.toml files in this directory, found none".to_owned();
        faults.push(at(&path.display().to_string(), (1, 1), message));
    }
    if !faults.is_empty() {
        return Err(LoadError::Faults(Faults(super::parse::sorted(faults))));
    }
    let mut policy = Policy::of(versions.into_iter().map(|known| known.0).collect());
    policy.warnings = warnings;
    Ok(policy)
}

fn at(file: &str, (line, column): (usize, usize), message: String) -> Fault {
    Fault { file: file.to_owned(), line, column, message, suggestion: None }
}

fn versions_in(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let fail = |error| LoadError::Io { path: path.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        if file.is_file() && file.extension().is_some_and(|extension| extension == "toml") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The calendars of a file with `[calendars.NAME]` tables; a whole policy will do.
///
/// # Errors
/// As [`load`].
pub fn load_calendars(path: &Path) -> Result<Vec<(String, Arc<Calendar>)>, LoadError> {
    let name = path.display().to_string();
    parse_calendars(&name, &read(path)?, &beside(path)).map_err(LoadError::Faults)
}
