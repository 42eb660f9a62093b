//! Policies and calendars from files: one file, or a directory of versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agreement::{Policy, Version};
use super::fault::{Fault, Faults, LoadError};
use super::parse::{parse_calendars, parse_version};
use crate::calendar::Calendar;

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|error| LoadError::Io { path: path.to_owned(), error })
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
    let mut versions: Vec<(Version, String)> = Vec::new();
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.display().to_string();
        let parsed = parse_version(&name, &read(file)?, &beside(file));
        faults.extend(parsed.faults);
        warnings.extend(parsed.warnings);
        versions.extend(parsed.version.map(|version| (version, name)));
    }
    versions.sort_by_key(|(version, _)| version.effective_from);
    for pair in versions.windows(2) {
        let ((earlier, first), (later, second)) = (&pair[0], &pair[1]);
        if earlier.effective_from == later.effective_from {
            faults.push(at_top(second, format!("it is in force from {}, as {first} is", later.effective_from)));
        }
    }
    if files.is_empty() {
        faults.push(at_top(
            &path.display().to_string(),
            "expected *.toml files in this directory, found none".to_owned(),
        ));
    }
    if !faults.is_empty() {
        return Err(LoadError::Faults(Faults(super::parse::sorted(faults))));
    }
    let mut policy = Policy::of(versions.into_iter().map(|(version, _)| version).collect());
    policy.warnings = warnings;
    Ok(policy)
}

fn at_top(file: &str, message: String) -> Fault {
    Fault { file: file.to_owned(), line: 1, column: 1, message, suggestion: None }
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
