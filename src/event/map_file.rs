//! Map files: TOML that tells what an export means. Unknown keys are refused, and all faults are told at once.

use std::fmt;
use std::ops::Range;

use chrono_tz::Tz;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One fault of a map, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Reads a map with `read`, which adds its faults.
pub(super) fn parse_map<T>(
    text: &str,
    file: &str,
    read: impl FnOnce(&DeTable<'_>, &mut Faults<'_>) -> Option<T>,
) -> Result<T, Vec<Fault>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut faults = Faults::new(text, file);
    for error in &errors {
        faults.add(error.span().unwrap_or(0..0), error.message());
    }
    let map = if errors.is_empty() { read(root.get_ref(), &mut faults) } else { None };
    match map {
        Some(map) if faults.found.is_empty() => Ok(map),
        _ => {
            faults.found.sort_by_key(|fault| (fault.line, fault.column));
            Err(faults.found)
        }
    }
}

/// The zone of a map's times without an offset; UTC where it names none.
pub(super) fn zone(table: &mut Table<'_, '_, '_>) -> Tz {
    let Some(name) = table.text("timezone") else { return Tz::UTC };
    name.parse().unwrap_or_else(|_| {
        let near = nearest(&name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        table.fault("timezone", &format!("expected an IANA time zone, found {name:?}{near}"));
        Tz::UTC
    })
}

/// Where faults go.
pub(super) struct Faults<'t> {
    text: &'t str,
    file: &'t str,
    pub(super) found: Vec<Fault>,
}

impl<'t> Faults<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Self {
        Faults { text, file, found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: Range<usize>, message: &str) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Fault { file: self.file.to_owned(), line, column, message: message.to_owned() });
    }
}

/// One table of the map while it is read.
pub(super) struct Table<'e, 'f, 't> {
    pub(super) entries: &'e DeTable<'e>,
    pub(super) at: Range<usize>,
    pub(super) faults: &'f mut Faults<'t>,
}

impl<'e> Table<'e, '_, '_> {
    pub(super) fn get(&self, key: &str) -> Option<&'e Spanned<DeValue<'e>>> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A fault of the value of `key`.
    pub(super) fn fault(&mut self, key: &str, message: &str) {
        let at = self.get(key).map_or(self.at.clone(), Spanned::span);
        self.faults.add(at, &format!("{key}: {message}"));
    }

    pub(super) fn missing(&mut self, key: &str, expected: &str) {
        self.faults.add(self.at.clone(), &format!("{key}: missing; expected {expected}"));
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.get(key)?.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            other => {
                let found = other.type_str();
                self.fault(key, &format!("expected a text, found {found}"));
                None
            }
        }
    }

    pub(super) fn required(&mut self, key: &str, expected: &str) -> Option<String> {
        if self.get(key).is_none() {
            self.missing(key, expected);
        }
        self.text(key)
    }

    /// A list of texts, each with where it stands.
    pub(super) fn texts(&mut self, key: &str) -> Vec<(String, Range<usize>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            self.fault(key, "expected a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in list.iter() {
            match entry.get_ref() {
                DeValue::String(text) => texts.push((text.clone().into_owned(), entry.span())),
                other => {
                    let message = format!("{key}: expected a text, found {}", other.type_str());
                    self.faults.add(entry.span(), &message);
                }
            }
        }
        texts
    }

    /// A table of texts, in order of the text.
    pub(super) fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Table(entries) = value.get_ref() else {
            self.fault(key, "expected a table of texts");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in entries {
            match value.get_ref() {
                DeValue::String(text) => {
                    pairs.push((name.span().start, (name.get_ref().clone().into_owned(), text.clone().into_owned())));
                }
                other => {
                    let message = format!("{key}.{}: expected a text, found {}", name.get_ref(), other.type_str());
                    self.faults.add(value.span(), &message);
                }
            }
        }
        pairs.sort_by_key(|(at, _)| *at);
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    pub(super) fn refuse_others(&mut self, known: &[&str]) {
        for name in self.entries.keys() {
            if !known.contains(&name.get_ref().as_ref()) {
                let near = nearest(name.get_ref(), known.iter().copied());
                self.faults.add(name.span(), &format!("{:?} is no key here{near}", name.get_ref()));
            }
        }
    }
}

/// `; did you mean "…"?` where one of `known` is near.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    known
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| format!("; did you mean {candidate:?}?"))
        .unwrap_or_default()
}
