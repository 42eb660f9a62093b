//! The map: which column says what.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::time::TimeFormat;
use crate::event::FactKind;
use crate::event::map_file::{Fault, Faults, Table, nearest, parse_map, zone};

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

const COMMON_KEYS: [&str; 9] =
    ["layout", "lead", "source", "delimiter", "timezone", "time_formats", "unknown", "status_map", "event"];
const CHANGE_KEYS: [&str; 6] = ["changed_at", "created_at", "status", "owner", "team", "attributes"];
/// The kinds of event that `[[event]]` can make, each with the keys it takes beside `at` and `type`.
const EVENT_KEYS: [(FactKind, &[&str]); 9] = [
    (FactKind::Created, &["status", "owner", "team", "attributes"]),
    (FactKind::Assigned, &["owner", "team"]),
    (FactKind::StatusChanged, &["to", "status", "owner", "team"]),
    (FactKind::Activity, &["kind", "by"]),
    (FactKind::Updated, &["attributes"]),
    (FactKind::Deleted, &[]),
    (FactKind::Merged, &["into"]),
    (FactKind::Opportunity, &["opportunity_id", "value", "currency"]),
    (FactKind::Gap, &[]),
];

impl CsvMap {
    /// Reads a map. `file` is what faults call it.
    ///
    /// # Errors
    /// All faults, in order of the text.
    pub fn parse(text: &str, file: &str) -> Result<CsvMap, Vec<Fault>> {
        parse_map(text, file, map_of)
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
    let zone = zone(&mut table);
    let mut formats = time_formats(&mut table);
    if formats.is_empty() {
        formats.push(TimeFormat::Rfc3339);
    }
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

/// The formats that a map lists.
pub(in crate::event) fn time_formats(table: &mut Table<'_, '_, '_>) -> Vec<TimeFormat> {
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
