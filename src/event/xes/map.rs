//! The map: which keys of traces and events say what. Everything has a default, the standard's own extensions.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use toml::de::DeTable;

use crate::event::csv::TimeFormat;
use crate::event::map_file::{Fault, Faults, Table, nearest, parse_map, zone};

/// The checked map of an XES log.
#[derive(Clone, Debug)]
pub struct XesMap {
    /// CloudEvents `source` of the events.
    pub(super) source: String,
    /// Trace attribute of the lead id.
    pub(super) lead: String,
    /// Event attribute of the instant.
    pub(super) time: String,
    /// Event attribute that names what happened.
    pub(super) name: String,
    pub(super) owner: Option<String>,
    pub(super) team: Option<String>,
    /// `lifecycle:transition` values that count, in lower case; none: all.
    pub(super) transitions: BTreeSet<String>,
    pub(super) zone: Tz,
    pub(super) formats: Vec<TimeFormat>,
    pub(super) unknown: Vec<String>,
    /// Name of an event -> our status; to `""`: not said.
    pub(super) statuses: BTreeMap<String, String>,
    /// Name of an event -> kind of activity.
    pub(super) activities: BTreeMap<String, String>,
    pub(super) ignored: BTreeSet<String>,
    pub(super) others: Others,
    /// Attribute name and key: of the event, else of its trace.
    pub(super) attributes: Vec<(String, String)>,
}

/// What an event means whose name no other key lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Status,
    Activity,
    Ignore,
}

const KEYS: [&str; 15] = [
    "source",
    "lead",
    "time",
    "name",
    "owner",
    "team",
    "transitions",
    "timezone",
    "time_formats",
    "unknown",
    "status_map",
    "activities",
    "ignore",
    "others",
    "attributes",
];

impl Default for XesMap {
    fn default() -> Self {
        XesMap {
            source: "xes".to_owned(),
            lead: "concept:name".to_owned(),
            time: "time:timestamp".to_owned(),
            name: "concept:name".to_owned(),
            owner: Some("org:resource".to_owned()),
            team: Some("org:group".to_owned()),
            transitions: BTreeSet::from(["complete".to_owned()]),
            zone: Tz::UTC,
            formats: formats(&[]),
            unknown: Vec::new(),
            statuses: BTreeMap::new(),
            activities: BTreeMap::new(),
            ignored: BTreeSet::new(),
            others: Others::Status,
            attributes: Vec::new(),
        }
    }
}

/// The given formats, or those that XML Schema allows.
fn formats(given: &[TimeFormat]) -> Vec<TimeFormat> {
    if !given.is_empty() {
        return given.to_vec();
    }
    ["rfc3339", "%Y-%m-%dT%H:%M:%S%.f"].into_iter().filter_map(TimeFormat::parse).collect()
}

impl XesMap {
    /// Reads a map. `file` is what faults call it.
    ///
    /// # Errors
    /// All faults, in order of the text.
    pub fn parse(text: &str, file: &str) -> Result<XesMap, Vec<Fault>> {
        parse_map(text, file, map_of)
    }
}

fn map_of(root: &DeTable<'_>, faults: &mut Faults<'_>) -> Option<XesMap> {
    let usual = XesMap::default();
    let mut table = Table { entries: root, at: 0..0, faults };
    let mut key = |name: &str, usual: String| {
        let text = table.text(name).unwrap_or(usual);
        if text.is_empty() {
            table.fault(name, "expected a text that is not empty");
        }
        text
    };
    let source = key("source", usual.source);
    let (lead, time, name) = (key("lead", usual.lead), key("time", usual.time), key("name", usual.name));
    let mut holder = |name: &str, usual| match table.text(name) {
        // The empty text turns it off.
        Some(text) => Some(text).filter(|text| !text.is_empty()),
        None => usual,
    };
    let (owner, team) = (holder("owner", usual.owner), holder("team", usual.team));
    let words = |table: &mut Table<'_, '_, '_>, name| -> Vec<String> {
        table.texts(name).into_iter().map(|(word, _)| word).collect()
    };
    let transitions = match table.get("transitions") {
        None => usual.transitions,
        Some(_) => words(&mut table, "transitions").into_iter().map(|word| word.to_lowercase()).collect(),
    };
    let others = match table.text("others").as_deref() {
        None | Some("status") => Others::Status,
        Some("activity") => Others::Activity,
        Some("ignore") => Others::Ignore,
        Some(other) => {
            let near = nearest(other, ["status", "activity", "ignore"].into_iter());
            table.fault("others", &format!("expected \"status\", \"activity\" or \"ignore\", found {other:?}{near}"));
            Others::Status
        }
    };
    let map = XesMap {
        source,
        lead,
        time,
        name,
        owner,
        team,
        transitions,
        zone: zone(&mut table),
        formats: formats(&crate::event::csv::time_formats(&mut table)),
        unknown: words(&mut table, "unknown"),
        statuses: table.pairs("status_map").into_iter().collect(),
        activities: table.pairs("activities").into_iter().collect(),
        ignored: words(&mut table, "ignore").into_iter().collect(),
        others,
        attributes: table.pairs("attributes"),
    };
    for (name, kind) in &map.activities {
        if kind.is_empty() {
            table.fault("activities", &format!("{name:?}: expected a kind of activity, such as \"call\""));
        }
        if map.statuses.contains_key(name) {
            table.fault("activities", &format!("{name:?} stands in `status_map` too"));
        }
    }
    table.refuse_others(&KEYS);
    Some(map)
}
