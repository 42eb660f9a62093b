//! One `[[sla]]`: conditions, targets, reminders, ladder.

use std::ops::Range;
use std::sync::Arc;

use chrono_tz::Tz;

use super::agreement::*;
use super::parse::disposition;
use super::reader::{Table, Value};
use crate::calendar::{Calendar, Duration, Schedule};
use crate::time::Timestamp;

/// What an SLA stands on: the other parts of its version.
pub struct Ground<'g> {
    pub lifecycle: &'g Lifecycle,
    /// Whether the lifecycle had no faults of its own, from which others would follow.
    pub sound: bool,
    /// Whether the names of all statuses could be read.
    pub names_known: bool,
    pub calendars: &'g [(String, Arc<Calendar>)],
    /// Those with faults of their own too, so that their names are not also unknown.
    pub calendar_names: &'g [String],
    pub timezone: Tz,
    /// From when the version is in force.
    pub from: Timestamp,
}

/// Targets and waits beyond this are refused (SEMANTICS §5).
const MOST_YEARS: u32 = 10;

/// Calendars know nothing before 1970; a day later it is 1970 in every zone.
const CALENDARS_FROM: Timestamp = Timestamp::from_ms(86_400_000);

impl Ground<'_> {
    fn schedule(&self, calendar: Option<&Arc<Calendar>>) -> Schedule {
        Schedule { calendar: calendar.cloned(), zone: calendar.map_or(self.timezone, |calendar| calendar.timezone()) }
    }

    fn calendar(&self, value: &Value<'_, '_>) -> Option<Arc<Calendar>> {
        let name = value.string()?;
        let found = self.calendars.iter().find(|known| known.0 == name).map(|known| known.1.clone());
        if !self.calendar_names.contains(&name) {
            value.source.unknown(&value.span, "calendar", &name, self.calendar_names.iter().map(String::as_str));
        }
        found
    }

    /// Whether a duration that begins with the version ends beyond what may be promised. Only a calendar that is open too
    /// seldom, or that ends with its years, can make it so: the duration alone was looked at before.
    fn too_far(&self, schedule: &Schedule, duration: &Duration) -> bool {
        if schedule.calendar.is_none() || !duration.is_business() {
            return false;
        }
        let from = self.from.max(CALENDARS_FROM);
        match (schedule.add(from, duration), schedule.add(from, &Duration::Days(MOST_YEARS * 366))) {
            (Ok(due), Ok(limit)) => due > limit,
            (due, _) => due.is_err(),
        }
    }

    fn status(&self, word: &str, span: &Range<usize>, value: &Value<'_, '_>) -> Option<StatusIndex> {
        let found = self.lifecycle.find(word);
        if found.is_none() && self.names_known {
            let names = self.lifecycle.statuses.iter().map(|status| status.name.as_str());
            value.source.unknown(span, "status", word, names);
        }
        found
    }

    /// Refuses stages that no lead could reach.
    fn staged(&self, stages: &[Stage], value: &Value<'_, '_>) {
        for stage in stages.iter().filter(|_| self.sound) {
            if !self.lifecycle.statuses.iter().any(|status| status.stage == Some(*stage)) {
                value.fault(format!("no status of the lifecycle has the stage {:?}", stage.name()));
            }
        }
    }

    fn statuses(&self, value: &Value<'_, '_>) -> StatusSet {
        let mut set = StatusSet::default();
        for (word, span) in value.strings() {
            if let Some(status) = self.status(&word, &span, value) {
                set.insert(status);
            }
        }
        set
    }
}

fn stages(value: &Value<'_, '_>) -> Vec<Stage> {
    let stage = |(word, span): (String, Range<usize>)| {
        let found = Stage::ALL.into_iter().find(|stage| stage.name() == word);
        if found.is_none() {
            value.source.unknown(&span, "stage", &word, Stage::ALL.map(Stage::name));
        }
        found
    };
    value.strings().into_iter().filter_map(stage).collect()
}

/// A duration that a policy may use.
fn duration(value: &Value<'_, '_>) -> Option<(Duration, String)> {
    let text = value.string()?;
    match Duration::parse(&text) {
        Ok(duration) if duration.exceeds_years(MOST_YEARS) => {
            value.fault(format!("{text:?} is more than {MOST_YEARS} years"));
            None
        }
        Ok(duration) => Some((duration, text)),
        Err(error) => {
            value.fault(error.to_string());
            None
        }
    }
}

/// `"50%"` in millionths; more than none, less than all.
pub fn share(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 4 {
        return None;
    }
    let ppm = whole.parse::<u32>().ok()? * 10_000 + format!("{fraction:0<4}").parse::<u32>().ok()?;
    (0 < ppm && ppm < 1_000_000).then_some(ppm)
}

/// Warns where the written agreement will say that something is not stated.
pub fn warn_unsaid(table: &Table<'_, '_>, key: &str, said: bool) {
    if !said {
        table.source.warn(&table.span, format!("`{key}` is missing: the written agreement would lack it"));
    }
}

pub fn parse(table: &Table<'_, '_>, ground: &Ground<'_>) -> Option<Sla> {
    let name = table.require("name", "a text").and_then(|value| value.string());
    let promised_by = table.string("promised_by");
    let promise = table.string("promise");
    warn_unsaid(table, "promised_by", promised_by.is_some());
    warn_unsaid(table, "promise", promise.is_some());
    let calendar_value = table.get("calendar");
    let calendar = calendar_value.as_ref().and_then(|value| ground.calendar(value));
    let known_calendar = calendar_value.is_none() || calendar.is_some();
    let start = table
        .require(
            "start",
            "{ on = \"created\" | \"assigned\" | \"opportunity\" }, { status = [..] } or { stage = [..] }",
        )
        .and_then(|value| parse_start(&value, ground));
    let stop_value = table.require("stop", "disposition, status, stage, activity or opportunity");
    let stop = stop_value.as_ref().and_then(|value| parse_stop(value, ground));
    let pause_value = table.get("pause");
    let can_count = calendar.is_some() || !known_calendar;
    let pause = pause_value.as_ref().and_then(|value| parse_pause(value, ground, can_count));
    let cancel = table.get("cancel").map(|value| parse_cancel(&value, ground)).unwrap_or_default();
    if let (Some(stop), Some(pause), Some(value)) = (&stop, &pause, &pause_value) {
        let both = (0..ground.lifecycle.statuses.len() as StatusIndex)
            .filter(|status| stop.states.contains(Some(*status)) && pause.status.contains(Some(*status)));
        for status in both {
            let name = &ground.lifecycle.statuses[usize::from(status)].name;
            value.fault(format!("status {name:?} both stops and pauses: stop would always win"));
        }
    }
    let on_reassign =
        choice(table, "on_reassign", &[("continue", OnReassign::Continue), ("restart", OnReassign::Restart)]);
    let reopen = choice(
        table,
        "reopen",
        &[("new_cycle", Reopen::NewCycle), ("ignore", Reopen::Ignore), ("continue", Reopen::Continue)],
    );
    let recur_value = table.get("recur");
    let recur = recur_value.as_ref().and_then(parse_recur);
    if let (Some(value), Some(stop)) = (&recur_value, &stop)
        && stop.activity.is_some()
    {
        value.fault("each touch starts the next clock, so none can stop the SLA: leave `activity` out of `stop`");
    }
    let retarget = choice(table, "retarget", &[("never", false), ("on_change", true)]);
    let points = table.get("points").and_then(|value| parse_points(&value.table("points")?));
    let targets = parse_targets(table, ground, calendar.as_ref(), known_calendar);
    let reminders = parse_reminders(table, &targets, known_calendar);
    let escalations = parse_ladder(table, &targets, known_calendar);
    table.finish();
    Some(Sla {
        name: name?,
        promised_by,
        promise,
        start: start?,
        stop: stop?,
        pause,
        cancel,
        on_reassign: on_reassign.unwrap_or(OnReassign::Continue),
        reopen: reopen.unwrap_or(Reopen::NewCycle),
        recur,
        retarget: retarget.unwrap_or(false),
        points,
        targets,
        reminders,
        escalations,
    })
}

/// One of a few words.
fn choice<T: Copy>(table: &Table<'_, '_>, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
    let value = table.get(key)?;
    let word = value.string()?;
    let found = words.iter().find(|known| known.0 == word).map(|known| known.1);
    if found.is_none() {
        table.source.unknown(&value.span, &format!("{key} value"), &word, words.iter().map(|known| known.0));
    }
    found
}

fn parse_start(value: &Value<'_, '_>, ground: &Ground<'_>) -> Option<Start> {
    let table = value.table("start")?;
    let mut start = Start::default();
    let mut said = false;
    if let Some(on) = table.get("on") {
        said = true;
        for (word, span) in on.strings() {
            match word.as_str() {
                "created" => start.created = true,
                "assigned" => start.assigned = true,
                "opportunity" => start.opportunity = true,
                _ => table.source.unknown(&span, "start", &word, ["created", "assigned", "opportunity"]),
            }
        }
    }
    if let Some(status) = table.get("status") {
        said = true;
        start.status = ground.statuses(&status);
    }
    if let Some(stage) = table.get("stage") {
        said = true;
        start.stages = stages(&stage);
        ground.staged(&start.stages, &stage);
    }
    table.finish();
    if !said {
        value.fault("`start` needs one of on, status, stage");
    }
    Some(start)
}

fn parse_stop(value: &Value<'_, '_>, ground: &Ground<'_>) -> Option<Stop> {
    let table = value.table("stop")?;
    let mut stop = Stop::default();
    let mut said = false;
    let statuses = || ground.lifecycle.statuses.iter().zip(0 as StatusIndex..);
    if let Some(given) = table.get("disposition") {
        said = true;
        let any = !given.is_list() && given.is_string() && given.string().as_deref() == Some("any");
        let named: Vec<Disposition> =
            if any { Disposition::ALL.to_vec() } else { given.list().iter().filter_map(disposition).collect() };
        for (status, index) in statuses() {
            if status.disposition.is_some_and(|disposition| named.contains(&disposition)) {
                stop.states.insert(index);
            }
        }
        if ground.sound && stop.states.is_empty() && !named.is_empty() {
            given.fault("no status of the lifecycle has such a disposition, so nothing could stop the clock");
        }
    }
    if let Some(given) = table.get("status") {
        said = true;
        for (word, span) in given.strings() {
            if let Some(status) = ground.status(&word, &span, &given) {
                stop.states.insert(status);
            }
        }
    }
    if let Some(given) = table.get("stage") {
        said = true;
        let named = stages(&given);
        for (status, index) in statuses() {
            if status.stage.is_some_and(|stage| named.contains(&stage)) {
                stop.states.insert(index);
            }
        }
        ground.staged(&named, &given);
    }
    if let Some(given) = table.get("activity") {
        said = true;
        stop.activity = Some(activities(&given));
    }
    if let Some(given) = table.get("opportunity") {
        said = true;
        stop.opportunity = given.bool().unwrap_or(true);
        if !stop.opportunity {
            given.fault("expected true: what does not stop the clock is left out");
        }
    }
    table.finish();
    if !said {
        value.fault("`stop` needs at least one of disposition, status, stage, activity, opportunity");
    }
    Some(stop)
}

fn activities(value: &Value<'_, '_>) -> AnyOf {
    let words: Vec<String> = value.strings().into_iter().map(|(word, _)| word).collect();
    if words.iter().any(|word| word == "any") { AnyOf::Any } else { AnyOf::These(words) }
}

fn parse_recur(value: &Value<'_, '_>) -> Option<AnyOf> {
    let table = value.table("recur")?;
    let touches = table.require("activity", "\"any\" or kinds of activity").map(|value| activities(&value));
    table.finish();
    touches
}

fn parse_pause(value: &Value<'_, '_>, ground: &Ground<'_>, can_count: bool) -> Option<Pause> {
    let table = value.table("pause")?;
    let status = table.require("status", "the statuses that pause").map(|value| ground.statuses(&value));
    let at_most = table.get("at_most").and_then(|value| {
        let (duration, text) = duration(&value)?;
        if duration.is_business() && !can_count {
            value.fault(format!("{text:?} counts open time: the SLA needs a `calendar`"));
        }
        if matches!(duration, Duration::EndOfBusinessDays(_)) {
            value.fault(format!("{text:?} is no length of time; expected one such as \"5 business days\""));
        } else if duration.is_nothing() {
            value.fault(format!("{text:?} lets nothing pause: leave `pause` out instead"));
        }
        Some(duration)
    });
    table.finish();
    Some(Pause { status: status?, at_most })
}

fn parse_cancel(value: &Value<'_, '_>, ground: &Ground<'_>) -> Cancel {
    let mut cancel = Cancel::default();
    let Some(table) = value.table("cancel") else { return cancel };
    if let Some(yes) = table.get("deleted").and_then(|value| value.bool()) {
        cancel.deleted = yes;
    }
    if let Some(yes) = table.get("merged").and_then(|value| value.bool()) {
        cancel.merged = yes;
    }
    if let Some(status) = table.get("status") {
        cancel.status = ground.statuses(&status);
    }
    table.finish();
    cancel
}

fn parse_points(table: &Table<'_, '_>) -> Option<Points> {
    let met = table.require("met", "a whole number").and_then(|value| value.integer());
    let met_in_half = table.get("met_in_half").and_then(|value| value.integer());
    let breached = table.get("breached").map_or(Some(0), |value| {
        let points = value.integer()?;
        if points > 0 {
            value.fault("a breach earns none or negative points");
        }
        Some(points)
    });
    table.finish();
    Some(Points { met: met?, met_in_half, breached: breached? })
}

fn parse_targets(
    sla: &Table<'_, '_>,
    ground: &Ground<'_>,
    calendar: Option<&Arc<Calendar>>,
    known_calendar: bool,
) -> Vec<Target> {
    let Some(value) = sla.require("target", "at least one [[sla.target]]") else { return Vec::new() };
    let tables = value.tables("[[sla.target]]");
    let mut targets: Vec<Target> = Vec::new();
    let mut seen: Vec<Vec<Condition>> = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let name = table.string("name");
        let before = table.source.faults.borrow().len();
        let when_value = table.get("when");
        let when = when_value.as_ref().map(|value| conditions(value, ground)).unwrap_or_default();
        let sound = table.source.faults.borrow().len() == before;
        let own = table.get("calendar").map(|value| ground.calendar(&value));
        let known = own.as_ref().map_or(known_calendar, Option::is_some);
        let schedule = ground.schedule(own.flatten().as_ref().or(calendar));
        let within = table.get("within");
        let by = table.get("by");
        table.finish();
        let last = index + 1 == tables.len();
        if when.is_empty() && when_value.is_none() && !last {
            table.source.fault(
                &table.span,
                "a target without `when` matches every lead, so those after it are never reached; put it last",
            );
        }
        if last && when_value.is_some() {
            table.source.fault(&table.span, "the last target must have no `when`, so that every lead has a promise");
        }
        if when_value.is_some() && sound {
            let said = unordered(&when);
            if seen.contains(&said) {
                table.source.fault(&table.span, "an earlier target has the same `when`, so this one is never reached");
            }
            seen.push(said);
        }
        let (promise, text) = match (&within, &by) {
            (Some(within), None) => match duration(within) {
                Some((duration, text)) => {
                    if duration.is_business() && schedule.calendar.is_none() && known {
                        within.fault(format!("{text:?} counts open time: the target or its SLA needs a `calendar`"));
                    } else if known && ground.too_far(&schedule, &duration) {
                        within.fault(format!(
                            "{text:?} from {} on ends more than {MOST_YEARS} years later, or beyond the calendar's years",
                            ground.from
                        ));
                    }
                    (Promise::Within(duration), text)
                }
                None => continue,
            },
            (None, Some(by)) => {
                if when_value.is_none() {
                    by.fault("the default target needs `within`: a lead without the attribute would have no deadline");
                }
                match by.string() {
                    Some(attribute) => (Promise::By(attribute.clone()), attribute),
                    None => continue,
                }
            }
            (Some(_), Some(by)) => {
                by.fault("a target has `within` or `by`, not both");
                continue;
            }
            (None, None) => {
                table.source.fault(&table.span, "[[sla.target]] needs `within` (a duration) or `by` (an attribute)");
                continue;
            }
        };
        targets.push(Target { label: name.unwrap_or(text), when, promise, schedule });
    }
    targets
}

fn conditions(value: &Value<'_, '_>, ground: &Ground<'_>) -> Vec<Condition> {
    let Some(table) = value.table("when") else { return Vec::new() };
    let entries = table.entries();
    if entries.is_empty() {
        value.fault("an empty `when` matches every lead; leave it out in the last target");
    }
    let mut conditions: Vec<Condition> = entries
        .iter()
        .filter_map(|(name, _, value)| {
            let key = match name.as_str() {
                "owner" => Key::Owner,
                "team" => Key::Team,
                "status" => Key::Status,
                "stage" => Key::Stage,
                _ => Key::Attribute(name.clone()),
            };
            let test = test(value, &key, ground)?;
            Some(Condition { key, test })
        })
        .collect();
    // Two that say the same in another order are the same.
    conditions.sort_by_key(|condition| format!("{:?}", condition.key));
    conditions
}

/// The conditions without the order in which words were listed.
fn unordered(when: &[Condition]) -> Vec<Condition> {
    let mut when = when.to_vec();
    for test in when.iter_mut().map(|condition| &mut condition.test) {
        for words in [&mut test.any_of, &mut test.not].into_iter().flatten() {
            words.sort_unstable();
            words.dedup();
        }
    }
    when
}

fn test(value: &Value<'_, '_>, key: &Key, ground: &Ground<'_>) -> Option<Test> {
    let words = |value: &Value<'_, '_>| -> Vec<String> {
        let list = value.list();
        if list.is_empty() {
            value.fault("expected at least one word, found an empty list");
        }
        let found = list.iter().filter_map(|element| {
            let word = element.word()?;
            match key {
                Key::Status => {
                    ground.status(&word, &element.span, element);
                }
                Key::Stage if !Stage::ALL.iter().any(|stage| stage.name() == word) => {
                    element.source.unknown(&element.span, "stage", &word, Stage::ALL.map(Stage::name));
                }
                _ => {}
            }
            Some(word)
        });
        found.collect()
    };
    if !value.is_table() {
        return Some(Test { any_of: Some(words(value)), ..Test::default() });
    }
    let table = value.table("condition")?;
    let number = |key: &'static str| table.get(key).and_then(|value| value.number());
    let test = Test {
        any_of: None,
        not: table.get("not").map(|value| words(&value)),
        at_least: number("at_least"),
        at_most: number("at_most"),
        above: number("above"),
        below: number("below"),
        present: table.get("present").and_then(|value| value.bool()),
    };
    table.finish();
    if test == Test::default() && table.entries().is_empty() {
        value.fault("an empty condition; expected at_least, at_most, above, below, present or not");
    }
    let bounded = test.at_least.or(test.at_most).or(test.above).or(test.below).is_some();
    if bounded && test.present == Some(false) {
        value.fault("a lead without the attribute has no number, so none could match");
    }
    let low = test.at_least.into_iter().chain(test.above).fold(f64::NEG_INFINITY, f64::max);
    let high = test.at_most.into_iter().chain(test.below).fold(f64::INFINITY, f64::min);
    let strict = test.above == Some(low) || test.below == Some(high);
    if low > high || (low == high && strict) {
        value.fault(format!("no number lies between {low} and {high}"));
    }
    Some(test)
}

fn parse_reminders(sla: &Table<'_, '_>, targets: &[Target], known_calendar: bool) -> Vec<Reminder> {
    let mut reminders: Vec<Reminder> = Vec::new();
    for table in sla.get("reminder").map(|value| value.tables("[[sla.reminder]]")).unwrap_or_default() {
        let at = table.require("at", "\"50%\" or \"30 business minutes before\"");
        table.finish();
        let Some((value, text)) = at.and_then(|value| value.string().map(|text| (value, text))) else { continue };
        let rung = match (share(&text), text.trim().strip_suffix("before")) {
            (Some(ppm), _) => Rung::Share { ppm },
            (None, Some(rest)) => match Duration::parse(rest.trim()) {
                Ok(Duration::EndOfBusinessDays(_)) => {
                    value.fault("\"end of\" cannot be counted back from a deadline");
                    continue;
                }
                Ok(duration) if duration.is_nothing() => {
                    value.fault(format!("{text:?} is the deadline itself; a reminder comes before it"));
                    continue;
                }
                Ok(duration) if duration.exceeds_years(MOST_YEARS) => {
                    value.fault(format!("{text:?} is more than {MOST_YEARS} years"));
                    continue;
                }
                Ok(duration) => {
                    if duration.is_business()
                        && known_calendar
                        && targets.iter().any(|target| target.schedule.calendar.is_none())
                    {
                        value.fault(format!("{text:?} counts open time: the SLA needs a `calendar`"));
                    }
                    Rung::Before(duration)
                }
                Err(error) => {
                    value.fault(error.to_string());
                    continue;
                }
            },
            (None, None) => {
                value.fault(format!(
                    "expected a share between 0% and 100% such as \"50%\", or a time such as \"30 business minutes before\", found {text:?}"
                ));
                continue;
            }
        };
        if reminders.iter().any(|known| known.text == text) {
            value.fault(format!("a second reminder at {text:?}"));
            continue;
        }
        reminders.push(Reminder { text, at: rung });
    }
    reminders
}

/// Whether one wait ends after another, whatever the calendar.
fn certainly_later(one: &Duration, other: &Duration) -> bool {
    use Duration::{BusinessDays, Days, Elapsed, Open};
    match (one, other) {
        (Open { ms: one }, Open { ms: other }) | (Elapsed { ms: one }, Elapsed { ms: other }) => one > other,
        (BusinessDays(one), BusinessDays(other)) | (Days(one), Days(other)) => one > other,
        _ => other.is_nothing() && !one.is_nothing(),
    }
}

fn parse_ladder(sla: &Table<'_, '_>, targets: &[Target], known_calendar: bool) -> Vec<Escalation> {
    let mut ladder: Vec<Escalation> = Vec::new();
    for table in sla.get("escalation").map(|value| value.tables("[[sla.escalation]]")).unwrap_or_default() {
        let after_value = table.require("after", "a duration after the breach");
        let after = after_value.as_ref().and_then(duration);
        let notify = table.require("notify", "whom to tell, such as [\"manager\"]").map(|value| value.strings());
        let action = table.get("action").and_then(|value| {
            let word = value.string()?;
            if word != "reassign" {
                table.source.unknown(&value.span, "action", &word, ["reassign"]);
            }
            Some(word)
        });
        table.finish();
        let (Some((after, text)), Some(notify), Some(value)) = (after, notify, after_value) else { continue };
        if after.is_business() && known_calendar && targets.iter().any(|target| target.schedule.calendar.is_none()) {
            value.fault(format!("{text:?} counts open time: the SLA needs a `calendar`"));
        }
        if ladder.iter().any(|known| known.text == text) {
            value.fault(format!("a second step after {text:?}; name all who are told in one `notify`"));
            continue;
        }
        if let Some(last) = ladder.last().filter(|last| certainly_later(&last.after, &after)) {
            value.fault(format!("{text:?} comes before {:?}; steps are written in the order of time", last.text));
        }
        let notify = notify.into_iter().map(|(word, _)| word).collect();
        ladder.push(Escalation { text, after, notify, action });
    }
    ladder
}

/// What an SLA says, with its calendars by name: for the fingerprint.
pub fn canonical(sla: &Sla, calendars: &[(String, Arc<Calendar>)]) -> String {
    let named = |schedule: &Schedule| {
        let name = schedule.calendar.as_ref().and_then(|calendar| {
            calendars.iter().find(|known| Arc::ptr_eq(&known.1, calendar)).map(|known| known.0.clone())
        });
        (name, schedule.zone.name())
    };
    let targets: Vec<String> = sla
        .targets
        .iter()
        .map(|target| format!("{:?}", (&target.label, &target.when, &target.promise, named(&target.schedule))))
        .collect();
    format!(
        "{:?}",
        (
            (&sla.name, &sla.promised_by, &sla.promise, &sla.start, &sla.stop, &sla.pause, &sla.cancel),
            (sla.on_reassign, sla.reopen, &sla.recur, sla.retarget, &sla.points),
            (targets, &sla.reminders, &sla.escalations),
        )
    )
}
