//! The map: which column says what. TOML for people; unknown keys are refused, and all faults are told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use chrono_tz::Tz;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::time::TimeFormat;
use crate::event::FactKind;

/// The checked map of a CSV file's columns.
#[derive(Clone, Debug)]
pub struct CsvMap {
    /// Column of the lead id.
    pub(super) lead: String,
    /// CloudEvents `source` of the events.
    pub(super) source: String,
    pub(super) delimiter: u8,
    pub(super) zone: Tz,
    /// Tried in order.
    pub(super) formats: Vec<TimeFormat>,
    /// Words for "unknown" beside the empty cell.
    pub(super) unknown: Vec<String>,
    /// Status in the file -> our status; to `""`: not said.
    pub(super) statuses: BTreeMap<String, String>,
    pub(super) layout: Layout,
}

#[derive(Clone, Debug)]
pub(super) enum Layout {
    RowPerChange(ChangeColumns),
    RowPerLead(Vec<EventColumns>),
}

/// Columns where every row tells a lead's state from some instant on.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangeColumns {
    pub(super) changed_at: String,
    pub(super) created_at: Option<String>,
    pub(super) status: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) team: Option<String>,
    /// Attribute name and column.
    pub(super) attributes: Vec<(String, String)>,
}

/// One `[[event]]`: a time column, and what happened then.
#[derive(Clone, Debug)]
pub(super) struct EventColumns {
    pub(super) at: String,
    pub(super) kind: FactKind,
    pub(super) status: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) team: Option<String>,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) opportunity_id: Option<String>,
    pub(super) value: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) into: Option<String>,
    /// Said as it stands here: the status, the kind of activity.
    pub(super) to: Option<String>,
    pub(super) activity: Option<String>,
    pub(super) automated: bool,
}

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

const COMMON_KEYS: [&str; 9] =
    ["layout", "lead", "source", "delimiter", "timezone", "time_formats", "unknown", "status_map", "event"];
const CHANGE_KEYS: [&str; 6] = ["changed_at", "created_at", "status", "owner", "team", "attributes"];
/// The kinds of event that `[[event]]` can make, each with the keys it takes beside `at` and `type`.
const EVENT_KEYS: [(FactKind, &[&str]); 8] = [
    (FactKind::Created, &["status", "owner", "team", "attributes"]),
    (FactKind::Assigned, &["owner", "team"]),
    (FactKind::StatusChanged, &["to", "status", "owner", "team"]),
    (FactKind::Activity, &["kind", "by"]),
    (FactKind::Updated, &["attributes"]),
    (FactKind::Deleted, &[]),
    (FactKind::Merged, &["into"]),
    (FactKind::Opportunity, &["opportunity_id", "value", "currency"]),
];

impl CsvMap {
    /// Reads a map. `file` is what faults call it.
    ///
    /// # Errors
    /// All faults, in order of the text.
    pub fn parse(text: &str, file: &str) -> Result<CsvMap, Vec<Fault>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut faults = Faults { text, file, found: Vec::new() };
        for error in &errors {
            faults.add(error.span().unwrap_or(0..0), error.message());
        }
        let map = if errors.is_empty() { map_of(root.get_ref(), &mut faults) } else { None };
        match map {
            Some(map) if faults.found.is_empty() => Ok(map),
            _ => {
                faults.found.sort_by_key(|fault| (fault.line, fault.column));
                Err(faults.found)
            }
        }
    }
}

fn map_of(root: &DeTable<'_>, faults: &mut Faults<'_>) -> Option<CsvMap> {
    let mut table = Table { entries: root, at: 0..0, faults };
    let layout = table.required("layout", "\"row_per_change\" or \"row_per_lead\"");
    let lead = table.required("lead", "the column of the lead id");
    let source = table.text("source").unwrap_or_else(|| "csv".to_owned());
    if source.is_empty() {
        table.fault("source", "expected a text that is not empty");
    }
    let delimiter = match table.text("delimiter") {
        None => b',',
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => *byte,
            _ => {
                table.fault("delimiter", "expected one ASCII character, such as \",\", \";\" or \"\\t\"");
                b','
            }
        },
    };
    let zone = match table.text("timezone") {
        None => Tz::UTC,
        Some(name) => name.parse().unwrap_or_else(|_| {
            let near = nearest(&name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            table.fault("timezone", &format!("expected an IANA time zone, found {name:?}{near}"));
            Tz::UTC
        }),
    };
    let formats = time_formats(&mut table);
    let unknown = table.texts("unknown").into_iter().map(|(word, _)| word).collect();
    let statuses = table.pairs("status_map").into_iter().collect();
    let layout = match layout.as_deref() {
        Some("row_per_change") => {
            if table.get("event").is_some() {
                table.fault("event", "belongs to layout = \"row_per_lead\"");
            }
            Some(Layout::RowPerChange(change_columns(&mut table)))
        }
        Some("row_per_lead") => {
            for key in CHANGE_KEYS {
                if table.get(key).is_some() {
                    table.fault(key, "belongs to layout = \"row_per_change\"; here it stands inside an [[event]]");
                }
            }
            Some(Layout::RowPerLead(event_list(&mut table)))
        }
        Some(other) => {
            let near = nearest(other, ["row_per_change", "row_per_lead"].into_iter());
            table.fault("layout", &format!("expected \"row_per_change\" or \"row_per_lead\", found {other:?}{near}"));
            None
        }
        None => None,
    };
    table.refuse_others(&[&COMMON_KEYS[..], &CHANGE_KEYS[..]].concat());
    Some(CsvMap { lead: lead?, source, delimiter, zone, formats, unknown, statuses, layout: layout? })
}

fn time_formats(table: &mut Table<'_, '_, '_>) -> Vec<TimeFormat> {
    let mut formats = Vec::new();
    for (text, at) in table.texts("time_formats") {
        match TimeFormat::parse(&text) {
            Some(format) => formats.push(format),
            None => {
                let expected = "\"rfc3339\", \"epoch_seconds\", \"epoch_ms\" or a pattern such as \"%d/%m/%Y %H:%M\"";
                table.faults.add(at, &format!("time_formats: expected {expected}, found {text:?}"));
            }
        }
    }
    if formats.is_empty() {
        formats.push(TimeFormat::Rfc3339);
    }
    formats
}

fn change_columns(table: &mut Table<'_, '_, '_>) -> ChangeColumns {
    ChangeColumns {
        changed_at: table
            .required("changed_at", "the column of the instant from which a row holds")
            .unwrap_or_default(),
        created_at: table.text("created_at"),
        status: table.text("status"),
        owner: table.text("owner"),
        team: table.text("team"),
        attributes: table.pairs("attributes"),
    }
}

fn event_list(table: &mut Table<'_, '_, '_>) -> Vec<EventColumns> {
    let entries: Vec<&Spanned<DeValue<'_>>> = match table.get("event").map(Spanned::get_ref) {
        None => Vec::new(),
        Some(DeValue::Array(entries)) => entries.iter().collect(),
        Some(_) => {
            table.fault("event", "expected [[event]] tables");
            return Vec::new();
        }
    };
    if entries.is_empty() {
        table.faults.add(0..0, "expected at least one [[event]] with a time column `at` and a `type`");
    }
    let mut events: Vec<EventColumns> = Vec::new();
    for entry in entries {
        let DeValue::Table(fields) = entry.get_ref() else {
            table.faults.add(entry.span(), "event: expected a table");
            continue;
        };
        let mut inner = Table { entries: fields, at: entry.span(), faults: table.faults };
        if let Some(event) = event_columns(&mut inner) {
            // The id of an event is made of its lead, row, type and time column.
            if events.iter().any(|other| other.kind == event.kind && other.at == event.at) {
                inner.fault("at", &format!("there is already a {} at {:?}", event.kind.type_name(), event.at));
            }
            events.push(event);
        }
    }
    events
}

fn event_columns(table: &mut Table<'_, '_, '_>) -> Option<EventColumns> {
    let at = table.required("at", "the column of the instant");
    let name = table.required("type", "the type of event, such as \"lead.created\"")?;
    let Some((kind, keys)) = EVENT_KEYS.into_iter().find(|(kind, _)| kind.type_name() == name) else {
        let near = nearest(&name, FactKind::ALL.iter().map(|kind| kind.type_name()));
        table.fault("type", &format!("expected a type of event, found {name:?}{near}"));
        return None;
    };
    table.refuse_others(&[&["at", "type"][..], keys].concat());
    let event = EventColumns {
        at: at?,
        kind,
        status: table.text("status"),
        owner: table.text("owner"),
        team: table.text("team"),
        attributes: table.pairs("attributes"),
        opportunity_id: table.text("opportunity_id"),
        value: table.text("value"),
        currency: table.text("currency"),
        into: table.text("into"),
        to: table.text("to"),
        activity: table.text("kind"),
        automated: table.text("by").is_some_and(|by| by == "automation"),
    };
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match kind {
        FactKind::Assigned if event.owner.is_none() => table.missing("owner", "the column of the owner"),
        FactKind::StatusChanged if given(&event.to) == event.status.is_some() => {
            table.missing("to", "the status itself, or `status` = its column, and not both");
        }
        FactKind::Activity if !given(&event.activity) => {
            table.missing("kind", "the kind of activity, such as \"call\"")
        }
        FactKind::Updated if event.attributes.is_empty() => table.missing("attributes", "names and columns"),
        FactKind::Merged if event.into.is_none() => table.missing("into", "the column of the lead that remains"),
        _ => {}
    }
    if let Some(by) = table.text("by")
        && by != "person"
        && by != "automation"
    {
        table.fault("by", &format!("expected \"person\" or \"automation\", found {by:?}"));
    }
    Some(event)
}

/// Where faults go.
struct Faults<'t> {
    text: &'t str,
    file: &'t str,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, at: Range<usize>, message: &str) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Fault { file: self.file.to_owned(), line, column, message: message.to_owned() });
    }
}

/// One table of the map while it is read.
struct Table<'e, 'f, 't> {
    entries: &'e DeTable<'e>,
    at: Range<usize>,
    faults: &'f mut Faults<'t>,
}

impl<'e> Table<'e, '_, '_> {
    fn get(&self, key: &str) -> Option<&'e Spanned<DeValue<'e>>> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A fault of the value of `key`.
    fn fault(&mut self, key: &str, message: &str) {
        let at = self.get(key).map_or(self.at.clone(), Spanned::span);
        self.faults.add(at, &format!("{key}: {message}"));
    }

    fn missing(&mut self, key: &str, expected: &str) {
        self.faults.add(self.at.clone(), &format!("{key}: missing; expected {expected}"));
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.get(key)?.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            other => {
                let found = other.type_str();
                self.fault(key, &format!("expected a text, found {found}"));
                None
            }
        }
    }

    fn required(&mut self, key: &str, expected: &str) -> Option<String> {
        if self.get(key).is_none() {
            self.missing(key, expected);
        }
        self.text(key)
    }

    /// A list of texts, each with where it stands.
    fn texts(&mut self, key: &str) -> Vec<(String, Range<usize>)> {
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
    fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
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

    fn refuse_others(&mut self, known: &[&str]) {
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
