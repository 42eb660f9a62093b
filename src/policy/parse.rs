//! One version from its text: the agreement, the lifecycle, the calendars, marketing's commitments. SLAs are in `sla`.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use toml::de::DeTable;
use xxhash_rust::xxh3::xxh3_128;

use super::agreement::*;
use super::fault::{Fault, Faults, place};
use super::reader::{Source, Table, Value};
use super::sla::{self, Ground};
use super::watch;
use crate::calendar::{Calendar, Hours, Spec, TZDB_VERSION, parse_ics};
use crate::time::Timestamp;

/// Reads the text of a file that a policy names, relative to the policy's own place.
pub type ReadFile<'r> = &'r dyn Fn(&str) -> io::Result<String>;

/// What reading one version gave.
pub struct Parsed {
    pub version: Option<Version>,
    /// Line and column of `effective_from`.
    pub effective_at: Option<(usize, usize)>,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

/// One version from text. `file` stands in faults; `read` gives `.ics` files.
///
/// # Errors
/// Every fault of the text.
pub fn parse(file: &str, text: &str, read: ReadFile<'_>) -> Result<Policy, Faults> {
    let parsed = parse_version(file, text, read);
    match parsed.version {
        Some(version) => {
            let mut policy = Policy::of(vec![version]);
            policy.warnings = parsed.warnings;
            Ok(policy)
        }
        None => Err(Faults(parsed.faults)),
    }
}

pub fn parse_version(file: &str, text: &str, read: ReadFile<'_>) -> Parsed {
    let source = Source::new(file, text);
    let version = with_root(&source, |root| version(&root, read)).flatten();
    let (version, effective_at) = version.map_or((None, None), |(version, at)| (Some(version), Some(at)));
    Parsed {
        version,
        effective_at: effective_at.map(|offset| place(text, offset)),
        faults: sorted(source.faults.into_inner()),
        warnings: sorted(source.warnings.into_inner()),
    }
}

/// The calendars of a file, which may be a whole policy.
pub fn parse_calendars(file: &str, text: &str, read: ReadFile<'_>) -> Result<Vec<(String, Arc<Calendar>)>, Faults> {
    let source = Source::new(file, text);
    let calendars = with_root(&source, |root| {
        for key in ["agreement", "status", "sla", "commitment", "watch"] {
            root.get(key);
        }
        let found = calendars(&root, read);
        root.finish();
        found
    });
    let faults = sorted(source.faults.into_inner());
    if faults.is_empty() { Ok(calendars.unwrap_or_default()) } else { Err(Faults(faults)) }
}

fn with_root<T>(source: &Source<'_>, read: impl FnOnce(Table<'_, '_>) -> T) -> Option<T> {
    let (root, errors) = DeTable::parse_recoverable(source.text);
    let mut told = false;
    for error in &errors {
        // After another slip, keys are thought to stand where they do not.
        if told && error.message().contains("duplicate key") {
            continue;
        }
        told = true;
        let span = error.span().unwrap_or(0..0);
        source.fault(&span, format!("this is no TOML: {}", error.message().trim()));
    }
    // What follows a syntax error is guesswork: its faults would mislead.
    errors.is_empty().then(|| read(Table::root(source, root.get_ref(), 0..0)))
}

pub(super) fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort();
    faults.dedup();
    faults
}

/// The version, and the byte where its `effective_from` stands.
fn version(root: &Table<'_, '_>, read: ReadFile<'_>) -> Option<(Version, usize)> {
    let source = root.source;
    let agreement = root
        .require("agreement", "the table that names the agreement, its start and its zone")
        .and_then(|value| value.table("[agreement]"));
    let before = source.faults.borrow().len();
    let (lifecycle, names_known) = lifecycle(root);
    let sound = source.faults.borrow().len() == before;
    let calendars = calendars(root, read);
    let head = agreement.as_ref().map(head);
    let timezone = head.as_ref().and_then(|head| head.timezone).unwrap_or(Tz::UTC);
    let effective_from = head.as_ref().and_then(|head| head.effective_from.as_ref());
    let ground = Ground {
        lifecycle: &lifecycle,
        sound,
        names_known,
        calendars: &calendars,
        calendar_names: &calendar_names(root),
        timezone,
        from: effective_from.map_or(Timestamp::from_ms(0), |given| given.0),
    };
    let slas = match root.require("sla", "at least one promise") {
        Some(value) => value.tables("[[sla]]").iter().filter_map(|table| sla::parse(table, &ground)).collect(),
        None => Vec::new(),
    };
    unique(root, "sla", "SLA");
    let commitments = match root.get("commitment") {
        Some(value) => value.tables("[[commitment]]").iter().filter_map(commitment).collect(),
        None => Vec::new(),
    };
    unique(root, "commitment", "commitment");
    let named: Vec<Disposition> = lifecycle.statuses.iter().filter_map(|status| status.disposition).collect();
    let watch = root.get("watch").and_then(|value| value.table("[watch]"));
    let watch = watch.map(|table| watch::parse(&table, &named)).unwrap_or_default();
    root.finish();
    if !source.faults.borrow().is_empty() {
        return None;
    }
    let head = head?;
    let (effective_from, place) = head.effective_from?;
    let mut version = Version {
        name: head.name?,
        effective_from,
        effective_from_written: effective_from,
        between: head.between,
        timezone,
        fingerprint: String::new(),
        text: source.text.to_owned(),
        lifecycle,
        calendars,
        slas,
        commitments,
        watch,
    };
    version.fingerprint = fingerprint(&version);
    Some((version, place))
}

struct Head {
    name: Option<String>,
    /// And the byte where it stands.
    effective_from: Option<(Timestamp, usize)>,
    timezone: Option<Tz>,
    between: Vec<String>,
}

fn head(table: &Table<'_, '_>) -> Head {
    let name = table.require("name", "a text").and_then(|value| value.string());
    let effective_from =
        table.require("effective_from", "an instant such as 2026-12-01T00:00:00-03:00").and_then(|value| {
            let text = value.instant_text()?;
            match Timestamp::parse(&text.replacen(' ', "T", 1)) {
                Ok(instant) => Some((instant, value.span.start)),
                Err(error) => {
                    value.fault(error.to_string());
                    None
                }
            }
        });
    let timezone = table.require("timezone", "an IANA zone such as America/Sao_Paulo").and_then(|value| zone(&value));
    let between = match table.get("between") {
        Some(value) => value.strings().into_iter().map(|(word, _)| word).collect(),
        None => {
            table.source.warn(&table.span, "`between` is missing: the written agreement would not name its parties");
            Vec::new()
        }
    };
    table.finish();
    Head { name, effective_from, timezone, between }
}

/// A zone by its IANA name.
fn zone(value: &Value<'_, '_>) -> Option<Tz> {
    let name = value.string()?;
    if let Ok(zone) = name.parse::<Tz>() {
        return Some(zone);
    }
    let near = super::fault::nearest(&name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
    let message = format!("unknown time zone {name:?}; expected an IANA name");
    value.source.fault_near(&value.span, message, near);
    None
}

fn unique(root: &Table<'_, '_>, key: &'static str, what: &str) {
    let Some(value) = root.get(key).filter(Value::is_list) else { return };
    let mut seen: Vec<String> = Vec::new();
    for table in value.list().iter().filter(|element| element.is_table()).filter_map(|element| element.table(what)) {
        let Some(name) = table.get("name").filter(Value::is_string) else { continue };
        let Some(text) = name.string() else { continue };
        if seen.contains(&text) {
            name.fault(format!("a second {what} named {text:?}; names are unique"));
        }
        seen.push(text);
    }
}

/// The lifecycle, and whether all its names could be read.
fn lifecycle(root: &Table<'_, '_>) -> (Lifecycle, bool) {
    let Some(value) = root.require("status", "the agreed list of statuses") else {
        return (Lifecycle::default(), false);
    };
    let mut statuses: Vec<Status> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut names_known = true;
    for table in value.tables("[[status]]") {
        let name = table.require("name", "the status as the CRM writes it");
        let stage = table.get("stage").and_then(|value| {
            let word = value.string()?;
            let found = Stage::ALL.into_iter().find(|stage| stage.name() == word);
            if found.is_none() {
                table.source.unknown(&value.span, "stage", &word, Stage::ALL.map(Stage::name));
            }
            found
        });
        let disposition = table.get("disposition").and_then(|value| disposition(&value));
        table.finish();
        let Some((name, span)) = name.and_then(|value| Some((value.string()?, value.span))) else {
            names_known = false;
            continue;
        };
        if !seen.insert(name.clone()) {
            table.source.fault(&span, format!("a second status named {name:?}; names are unique"));
            continue;
        }
        // What is past the last index is not kept: it could not be counted.
        if statuses.len() < usize::from(StatusIndex::MAX) {
            statuses.push(Status { name, stage, disposition });
        }
    }
    if seen.len() > usize::from(StatusIndex::MAX) {
        value.fault("more than 65,535 statuses");
        names_known = false;
    }
    names_known &= !statuses.is_empty();
    (Lifecycle::new(statuses), names_known)
}

pub(super) fn disposition(value: &Value<'_, '_>) -> Option<Disposition> {
    let word = value.string()?;
    let found = Disposition::ALL.into_iter().find(|disposition| disposition.name() == word);
    if found.is_none() {
        value.source.unknown(&value.span, "disposition", &word, Disposition::ALL.map(Disposition::name));
    }
    found
}

fn calendars(root: &Table<'_, '_>, read: ReadFile<'_>) -> Vec<(String, Arc<Calendar>)> {
    let Some(table) = root.get("calendars").and_then(|value| value.table("[calendars]")) else { return Vec::new() };
    let entries = table.entries();
    entries
        .iter()
        .filter_map(|(name, span, value)| {
            let spec = calendar(&value.table(format!("[calendars.{name}]"))?, read)?;
            match Calendar::compile(spec) {
                Ok(calendar) => Some((name.clone(), Arc::new(calendar))),
                Err(error) => {
                    root.source.fault(span, format!("calendar {name:?}: {error}"));
                    None
                }
            }
        })
        .collect()
}

/// The calendars that the file speaks of, those with faults of their own too.
fn calendar_names(root: &Table<'_, '_>) -> Vec<String> {
    let table = root.get("calendars").filter(Value::is_table).and_then(|value| value.table("[calendars]"));
    table.map(|table| table.entries().into_iter().map(|entry| entry.0).collect()).unwrap_or_default()
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `None` where a fault was found, so that no second one follows from it.
fn calendar(table: &Table<'_, '_>, read: ReadFile<'_>) -> Option<Spec> {
    let source = table.source;
    let before = source.faults.borrow().len();
    let timezone = table.require("timezone", "an IANA zone such as Europe/Madrid").and_then(|value| zone(&value));
    let mut spec = Spec::new(timezone.unwrap_or(Tz::UTC));
    if let Some(weekly) = table.get("weekly").and_then(|value| value.table("weekly")) {
        for (index, day) in WEEKDAYS.into_iter().enumerate() {
            if let Some(value) = weekly.get(day) {
                spec.weekly[index] = hours(&value);
            }
        }
        weekly.finish();
    }
    if let Some(dates) = table.get("dates").and_then(|value| value.table("dates")) {
        for (name, span, value) in dates.entries() {
            let own = hours(&value);
            match name.parse::<NaiveDate>() {
                Ok(date) => {
                    spec.dates.insert(date, own);
                }
                Err(_) => source.fault(&span, format!("expected a date such as \"2026-12-25\", found {name:?}")),
            }
        }
    }
    if let Some(value) = table.get("holidays") {
        for element in value.list() {
            holidays(&element, read, &mut spec);
        }
    }
    table.finish();
    (source.faults.borrow().len() == before).then_some(spec)
}

fn hours(value: &Value<'_, '_>) -> Vec<Hours> {
    let read = |element: &Value<'_, '_>| {
        let text = element.string()?;
        Hours::parse(&text).map_err(|error| element.fault(error.to_string())).ok()
    };
    value.list().iter().filter_map(read).collect()
}

fn holidays(value: &Value<'_, '_>, read: ReadFile<'_>, spec: &mut Spec) {
    let Some(text) = value.instant_text() else { return };
    if !text.to_ascii_lowercase().ends_with(".ics") {
        match text.parse::<NaiveDate>() {
            Ok(date) => {
                spec.holidays.insert(date);
            }
            Err(_) => value.fault(format!("expected a date such as \"2026-11-20\" or an .ics file, found {text:?}")),
        }
        return;
    }
    match read(&text) {
        Ok(content) => match parse_ics(&content) {
            Ok(dates) => {
                spec.holidays.extend(dates.keys());
                for (date, name) in dates.into_iter().filter(|(_, name)| !name.is_empty()) {
                    spec.holiday_names.entry(date).or_insert(name);
                }
            }
            Err(error) => {
                let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
                value.fault(format!("{text}{line}: {error}"));
            }
        },
        Err(error) => value.fault(format!("cannot read {text}: {error}")),
    }
}

fn commitment(table: &Table<'_, '_>) -> Option<Commitment> {
    let source = table.source;
    let name = table.require("name", "a text").and_then(|value| value.string());
    let promised_by = table.string("promised_by");
    let promise = table.string("promise");
    sla::warn_unsaid(table, "promised_by", promised_by.is_some());
    let count = table
        .require("count", "{ created = true }, { stage = \"...\" } or { sum = \"attribute\" }")
        .and_then(|value| count(&value.table("count")?));
    let at_least = table.require("at_least", "a number").and_then(|value| {
        let number = value.number()?;
        if number <= 0.0 {
            value.fault("expected a number above 0");
        }
        Some(number)
    });
    let every = table.require("every", "week, month, quarter or year").and_then(|value| {
        let word = value.string()?;
        let names = ["week", "month", "quarter", "year"];
        let periods = [Period::Week, Period::Month, Period::Quarter, Period::Year];
        let found = names.iter().position(|name| *name == word).map(|index| periods[index]);
        if found.is_none() {
            source.unknown(&value.span, "period", &word, names);
        }
        found
    });
    let mut remind = Vec::new();
    for element in table.get("remind").map(|value| value.list()).unwrap_or_default() {
        if let Some(text) = element.string() {
            match sla::share(&text) {
                Some(ppm) => remind.push((text, ppm)),
                None => element.fault(format!("expected a share of the period such as \"50%\", found {text:?}")),
            }
        }
    }
    table.finish();
    Some(Commitment { name: name?, promised_by, promise, count: count?, at_least: at_least?, every: every?, remind })
}

fn count(table: &Table<'_, '_>) -> Option<Count> {
    let before = table.source.faults.borrow().len();
    let created = table.get("created").and_then(|value| {
        let yes = value.bool()?;
        if !yes {
            value.fault("expected true: what is not counted is left out");
        }
        Some(Count::Created)
    });
    let stage = table.get("stage").and_then(|value| {
        let word = value.string()?;
        let found = Stage::ALL.into_iter().find(|stage| stage.name() == word);
        if found.is_none() {
            table.source.unknown(&value.span, "stage", &word, Stage::ALL.map(Stage::name));
        }
        found.map(Count::Stage)
    });
    let sum = table.string("sum").map(Count::Sum);
    table.finish();
    let given: Vec<Count> = [created, stage, sum].into_iter().flatten().collect();
    if given.len() > 1 {
        table.source.fault(&table.span, "`count` says one thing: created, stage or sum");
    }
    let first = given.into_iter().next();
    if first.is_none() && table.source.faults.borrow().len() == before {
        table.source.fault(&table.span, "`count` needs created, stage or sum");
    }
    first
}

/// Hash of what the checks made of the file: comments and spacing do not matter, calendars and the zone database do.
fn fingerprint(version: &Version) -> String {
    let mut calendars: Vec<(&str, String)> =
        version.calendars.iter().map(|(name, calendar)| (name.as_str(), calendar.digest())).collect();
    calendars.sort_unstable();
    let slas: Vec<String> = version.slas.iter().map(|sla| sla::canonical(sla, &version.calendars)).collect();
    let canonical = format!(
        "{:?}",
        (
            (&version.name, version.effective_from, &version.between, version.timezone.name()),
            &version.lifecycle.statuses,
            calendars,
            slas,
            &version.commitments,
            TZDB_VERSION,
        )
    );
    // One that watches nothing says what it said when nothing could be watched.
    let watch = if version.watch == Watch::default() { String::new() } else { format!("{:?}", version.watch) };
    format!("{:032x}", xxh3_128((canonical + &watch).as_bytes()))
}
