//! What the columns mean, and the map that says so.

use std::collections::BTreeSet;

use super::column::Column;
use super::{Guess, Sample};
use crate::history::HistoryError;

/// Attributes that are proposed; the others are named in a comment.
const MOST_ATTRIBUTES: usize = 12;
/// More different values are no attribute to choose a target by.
const MOST_WORDS: usize = 60;
/// Statuses that are listed.
const MOST_STATUSES: usize = 30;

const OWNER: [&str; 14] = [
    "assigned_to",
    "assignee",
    "owner",
    "owner_id",
    "rep",
    "agent",
    "salesperson",
    "asignado_a",
    "propietario",
    "comercial",
    "vendedor",
    "responsable",
    "representative",
    "resource",
];
const TEAM: [&str; 9] =
    ["assignment_group", "group", "team", "queue", "department", "equipo", "grupo", "cola", "territory"];
const STATUS: [&str; 8] = ["status", "state", "stage", "estado", "etapa", "fase", "phase", "situacion"];
const CREATED: [&str; 10] =
    ["created", "opened", "open", "creation", "received", "submitted", "creado", "creacion", "alta", "apertura"];
const CHANGED: [&str; 9] =
    ["updated", "changed", "modified", "timestamp", "time", "actualizado", "modificado", "cambio", "fecha"];
const ATTRIBUTE: [&str; 14] = [
    "source", "channel", "region", "country", "score", "priority", "category", "type", "product", "campaign",
    "segment", "industry", "origen", "canal",
];

/// A text as TOML writes it. What JSON escapes, TOML reads; it allows no DEL beside.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007f")
}

pub(super) fn propose(sample: &Sample, file: &str) -> Result<Guess, HistoryError> {
    let rows = sample.rows.len();
    let lead = lead(sample).ok_or_else(|| lacks(sample, file, "a column whose values could be the leads' ids"))?;
    let times: Vec<&Column> = sample.columns.iter().filter(|column| column.time.is_some()).collect();
    if times.is_empty() {
        return Err(lacks(sample, file, "a column of instants in a form that is known"));
    }
    let repeated = rows > lead.values.len();
    let mut out = Map { text: String::new(), doubts: Vec::new(), used: BTreeSet::from([lead.at]) };
    let shown = if sample.more { format!("the first {rows}") } else { rows.to_string() };
    out.comment(&format!(
        "Proposed by `plazo map` from {shown} rows of {}. Check it: names and samples can mislead.",
        quoted(file)
    ));
    out.line(
        &format!("layout = \"{}\"", if repeated { "row_per_change" } else { "row_per_lead" }),
        &match repeated {
            true => format!("a lead stands in several rows: {rows} rows, {} leads", lead.values.len()),
            false => "every lead stands in one row".to_owned(),
        },
    );
    out.line(
        &format!("lead = {}", quoted(&lead.name)),
        &format!("{} different values in {rows} rows", lead.values.len()),
    );
    if sample.delimiter != b',' {
        out.line(
            &format!("delimiter = {}", quoted(&char::from(sample.delimiter).to_string())),
            "it parts the first line into most cells",
        );
    }
    if let Some(names) = unusable(sample) {
        out.doubt(format!("left out {names}"));
    }
    formats(&times, &mut out);
    unknown(sample, &mut out);
    match repeated {
        true => changes(sample, lead, &times, &mut out),
        false => leads(sample, lead, &times, &mut out),
    }
    Ok(Guess { map: out.text, doubts: out.doubts })
}

struct Map {
    text: String,
    doubts: Vec<String>,
    /// Columns that have a meaning.
    used: BTreeSet<usize>,
}

impl Map {
    fn comment(&mut self, text: &str) {
        self.text.push_str(&format!("# {text}\n"));
    }

    fn line(&mut self, text: &str, reason: &str) {
        self.comment(reason);
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn doubt(&mut self, text: String) {
        self.comment(&format!("CHECK: {text}"));
        self.doubts.push(text);
    }
}

fn lacks(sample: &Sample, file: &str, what: &str) -> HistoryError {
    let told = |column: &Column| {
        let kind =
            if column.time.is_some() { "instants".to_owned() } else { format!("{} values", column.values.len()) };
        format!("{:?} ({kind})", column.name)
    };
    let mut columns: Vec<String> = sample.columns.iter().map(told).collect();
    columns.extend(unusable(sample));
    HistoryError::Fault(format!("{file}: expected {what}; found {}", columns.join(", ")))
}

/// Columns that no map can name.
fn unusable(sample: &Sample) -> Option<String> {
    let names: Vec<String> = sample.unusable.iter().map(|name| quoted(name)).collect();
    let why = "several columns have that name, or it is no UTF-8; rename them to use them";
    (!names.is_empty()).then(|| format!("{} ({why})", names.join(", ")))
}

/// The column of the lead's id: by its name, and by how many different values it has.
fn lead(sample: &Sample) -> Option<&Column> {
    let rows = sample.rows.len();
    let score = |column: &Column| -> u32 {
        let mut score = 0;
        if column.says(&["lead", "lead_id", "leadid"]) {
            score += 8;
        }
        if column.says(&["id", "number", "case", "ticket", "incident", "key", "numero", "caso", "folio"]) {
            score += 4;
        }
        if column.values.len() == rows || column.values.len() * 20 > rows {
            score += 3;
        }
        score + u32::from(column.at == 0)
    };
    let fits = |column: &&Column| column.time.is_none() && column.filled * 100 >= rows * 95 && column.values.len() > 1;
    let of_holder = |column: &Column| column.says(&OWNER) || column.says(&TEAM) || column.says(&STATUS);
    let found = sample.columns.iter().filter(fits).filter(|column| !of_holder(column));
    // Of equals the first.
    let best = found.map(|column| (score(column), column)).rev().max_by_key(|(score, _)| *score)?;
    (best.0 >= 3).then_some(best.1)
}

fn formats(times: &[&Column], out: &mut Map) {
    let mut formats: Vec<&str> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    let mut ambiguous: Vec<&str> = Vec::new();
    for column in times {
        let Some(time) = &column.time else { continue };
        if !formats.contains(&time.format) {
            formats.push(time.format);
            reasons.push(format!("{} in {}", quoted(&time.example), quoted(&column.name)));
        }
        if time.ambiguous {
            ambiguous.push(&column.name);
        }
    }
    let listed: Vec<String> = formats.iter().map(|format| quoted(format)).collect();
    out.line(&format!("time_formats = [{}]", listed.join(", ")), &reasons.join("; "));
    if !ambiguous.is_empty() {
        let names: Vec<String> = ambiguous.iter().map(|name| quoted(name)).collect();
        out.doubt(format!("in {} no day is above 12: the day was taken to come first", names.join(", ")));
    }
    let day_first = formats.iter().any(|format| format.starts_with("%d/"));
    if day_first && formats.iter().any(|format| format.starts_with("%m/")) {
        out.doubt("some columns have the day first and others the month: one map cannot read both surely".to_owned());
    }
    if formats.iter().any(|format| *format != "rfc3339" && !format.contains("%z") && !format.starts_with("epoch")) {
        out.line("timezone = \"UTC\"", "the times have no offset");
        out.doubt("the zone in which the times were written: UTC was taken".to_owned());
    }
}

fn unknown(sample: &Sample, out: &mut Map) {
    let words: BTreeSet<&String> = sample.columns.iter().flat_map(|column| &column.unknown).collect();
    if !words.is_empty() {
        let listed: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        out.line(&format!("unknown = [{}]", listed.join(", ")), "cells that say that nothing is known");
    }
}

/// The first column that one of `words` names; of several the one with most filled cells.
fn named<'s>(sample: &'s Sample, words: &[&str], out: &Map) -> Option<&'s Column> {
    let free = |column: &&Column| column.time.is_none() && !out.used.contains(&column.at) && column.filled > 0;
    let whole = |column: &&Column| words.contains(&column.plain().as_str());
    let mut columns = sample.columns.iter().filter(free);
    columns.clone().find(whole).or_else(|| columns.find(|column| column.says(words)))
}

fn changes(sample: &Sample, lead: &Column, times: &[&Column], out: &mut Map) {
    let varied = |column: &Column| column.varies(lead, &sample.rows);
    let changed = times.iter().map(|column| {
        let (varies, of) = varied(column);
        ((u8::from(column.holds(&CHANGED)), varies * 1_000 / of.max(1)), *column, varies, of)
    });
    // The time that differs from row to row of a lead; a name decides between equals.
    let changed = changed.rev().max_by_key(|((named, share), ..)| (*share > 0, *named, *share));
    if let Some((_, column, varies, of)) = changed {
        out.used.insert(column.at);
        let reason =
            format!("the instant from which a row holds: it differs within {varies} of {of} leads with several rows");
        out.line(&format!("changed_at = {}", quoted(&column.name)), &reason);
        if varies == 0 {
            out.doubt(format!("{} never differs within a lead", quoted(&column.name)));
        }
    }
    let created = times.iter().find(|column| {
        !out.used.contains(&column.at) && column.holds(&CREATED) && varied(column).0 * 20 <= varied(column).1
    });
    if let Some(column) = created {
        out.used.insert(column.at);
        out.line(
            &format!("created_at = {}", quoted(&column.name)),
            "its name, and it is the same in all rows of a lead",
        );
    }
    if let Some(column) = named(sample, &STATUS, out) {
        out.used.insert(column.at);
        let (varies, of) = varied(column);
        let reason = format!("its name; it differs within {varies} of {of} leads with several rows");
        out.line(&format!("status = {}", quoted(&column.name)), &reason);
        statuses(column, out);
    } else {
        out.doubt("no column seems to be the status: write status = \"COLUMN\" if there is one".to_owned());
    }
    for (key, words) in [("owner", &OWNER[..]), ("team", &TEAM[..])] {
        if let Some(column) = named(sample, words, out) {
            out.used.insert(column.at);
            let reason = format!("its name; {} different values", column.values.len());
            out.line(&format!("{key} = {}", quoted(&column.name)), &reason);
        }
    }
    attributes(sample, out);
    left_out(sample, out);
}

fn statuses(column: &Column, out: &mut Map) {
    let listed: Vec<String> = column.values.keys().take(MOST_STATUSES).map(|value| quoted(value)).collect();
    let more = column.values.len().saturating_sub(MOST_STATUSES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    out.comment(&format!("Statuses seen: {}{more}.", listed.join(", ")));
    out.comment("Where the policy spells them otherwise: status_map = { \"seen\" = \"ours\" }");
}

fn attributes(sample: &Sample, out: &mut Map) {
    let free = |column: &&Column| {
        column.time.is_none() && !out.used.contains(&column.at) && column.filled > 0 && !column.name.is_empty()
    };
    let number = |column: &Column| column.values.keys().all(|value| value.parse::<f64>().is_ok());
    let wanted = |column: &&Column| column.says(&ATTRIBUTE) && (column.values.len() <= 1_000 || number(column));
    let few = |column: &&Column| (2..=MOST_WORDS).contains(&column.values.len()) && !column.holds(&["_id", "count"]);
    let mut chosen: Vec<&Column> = sample.columns.iter().filter(free).filter(wanted).collect();
    for column in sample.columns.iter().filter(free).filter(few) {
        if chosen.len() < MOST_ATTRIBUTES && !chosen.iter().any(|known| known.at == column.at) {
            chosen.push(column);
        }
    }
    chosen.truncate(MOST_ATTRIBUTES);
    if chosen.is_empty() {
        return;
    }
    let pairs: Vec<String> =
        chosen.iter().map(|column| format!("{} = {}", quoted(&column.name), quoted(&column.name))).collect();
    let reason = "attribute = column: a known name, or few different values, so that a target could ask for them";
    out.line(&format!("attributes = {{ {} }}", pairs.join(", ")), reason);
    out.used.extend(chosen.iter().map(|column| column.at));
}

fn left_out(sample: &Sample, out: &mut Map) {
    let left = sample.columns.iter().filter(|column| !out.used.contains(&column.at));
    let told: Vec<String> = left
        .map(|column| {
            let kind = match (&column.time, column.values.len()) {
                (Some(_), _) => "instants".to_owned(),
                (None, 0) => "empty".to_owned(),
                (None, 1) => "always the same".to_owned(),
                (None, count) => format!("{count} values"),
            };
            format!("{} ({kind})", quoted(&column.name))
        })
        .collect();
    if !told.is_empty() {
        out.comment(&format!("Left out: {}.", told.join(", ")));
    }
}

/// What a time column of `row_per_lead` tells.
fn leads(sample: &Sample, lead: &Column, times: &[&Column], out: &mut Map) {
    let owner = named(sample, &OWNER, out);
    out.used.extend(owner.map(|column| column.at));
    let team = named(sample, &TEAM, out);
    out.used.extend(team.map(|column| column.at));
    let status = named(sample, &STATUS, out);
    out.used.extend(status.map(|column| column.at));
    // Without a name that says so, the lead is created at the time that most rows fill in.
    let created = times.iter().find(|column| column.holds(&CREATED));
    let created = created.or_else(|| times.iter().rev().max_by_key(|column| column.filled));
    let mut events: Vec<(String, String)> = Vec::new();
    for column in times {
        let at = quoted(&column.name);
        let name = stem(column);
        let reason = |why: &str| format!("{why}; filled in {} of {} rows", column.filled, sample.rows.len());
        let event = |kind: &str, rest: &str| format!("[[event]]\nat = {at}\ntype = \"{kind}\"\n{rest}");
        let holder = || {
            let key = |key: &str, column: Option<&Column>| {
                column.map(|column| format!("{key} = {}\n", quoted(&column.name))).unwrap_or_default()
            };
            format!("{}{}", key("owner", owner), key("team", team))
        };
        let (text, why) = if created.is_some_and(|created| created.at == column.at) {
            // Whoever has no time of assignment of its own received the lead with its creation.
            let assigned = times.iter().any(|other| other.holds(&["assign", "asign"]));
            (
                event("lead.created", &if assigned { String::new() } else { holder() }),
                reason("its name, or that most rows have it"),
            )
        } else if column.holds(&["assign", "asign"]) && owner.is_some() {
            (event("lead.assigned", &holder()), reason("its name, and there is a column of owners"))
        } else if column
            .holds(&["call", "llamada", "meeting", "reunion", "email", "contact", "touch", "reply", "respon"])
        {
            (event("lead.activity", &format!("kind = {}\n", quoted(&name))), reason("its name is that of a contact"))
        } else if column.holds(&["opportunity", "oportunidad", "deal"]) {
            (event("opportunity.created", ""), reason("its name"))
        } else if column.holds(&CHANGED) && !column.holds(&["qualif", "clos", "resol"]) {
            continue;
        } else if let (Some(status), true) = (status, column.holds(&["clos", "resol", "cerr", "end", "fin"])) {
            let rest = format!("status = {}\n", quoted(&status.name));
            (event("lead.status_changed", &rest), reason("its name says that the lead then had its last status"))
        } else {
            let text = event("lead.status_changed", &format!("to = {}\n", quoted(&name)));
            out.doubts.push(format!("{at} is taken as reaching the status {}", quoted(&name)));
            (text, format!("CHECK: {}", reason("its name is taken as a status of the policy")))
        };
        out.used.insert(column.at);
        events.push((text, why));
    }
    if let Some(column) = status {
        statuses(column, out);
    }
    let mut inner = Map { text: String::new(), doubts: Vec::new(), used: out.used.clone() };
    inner.used.insert(lead.at);
    attributes(sample, &mut inner);
    out.used.extend(&inner.used);
    left_out(sample, out);
    for (text, why) in events {
        out.text.push('\n');
        let created = text.contains("\"lead.created\"");
        out.line(text.trim_end(), &why);
        if created {
            out.text.push_str(&inner.text);
        }
    }
}

/// `qualified` of `qualified_at`, `Qualified date`, `fecha_calificado`.
fn stem(column: &Column) -> String {
    let plain = column.plain();
    let dull = ["at", "on", "date", "time", "timestamp", "ts", "fecha", "hora", "datetime", "utc", "de", ""];
    let parts: Vec<&str> = plain.split('_').filter(|part| !dull.contains(part)).collect();
    if parts.is_empty() { plain } else { parts.join("_") }
}
