//! Random policies and histories, coarse in time so that ties, late arrivals and pauses at deadlines happen often.

use std::fmt::{self, Write};
use std::sync::Arc;

use plazo::calendar::{Calendar, Duration, Schedule};
use plazo::event::{Event, Fact, FactKind, Opportunity};
use plazo::policy::{
    AnyOf, Cancel, Condition, Disposition, Escalation, Family, Key, Lifecycle, OnReassign, Pause, Policy, Promise,
    Reminder, Reopen, Rung, Sla, Stage, Start, Status, StatusSet, Stop, Target, Test, Version,
};
use plazo::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::Step;

/// Monday 2026-03-02T08:00:00Z, an hour before the calendar opens.
pub const BASE: Timestamp = Timestamp(1_772_438_400_000);

/// The lifecycle of every generated policy: name, stage, disposition.
pub const STATUSES: [(&str, Option<Stage>, Option<Disposition>); 7] = [
    ("new", Some(Stage::Lead), None),
    ("working", Some(Stage::SalesAccepted), None),
    ("on_hold", None, None),
    ("qualified", Some(Stage::SalesQualified), Some(Disposition::Qualified)),
    ("unsuitable", None, Some(Disposition::Disqualified)),
    ("nurture", None, Some(Disposition::Recycled)),
    ("dead", None, None),
];

pub fn hours(count: i64) -> Timestamp {
    BASE.plus_ms(count * HOUR_MS)
}

/// A duration by its words. Only those that the generator writes.
pub fn duration(text: &str) -> Duration {
    match text {
        "end of business day" => return Duration::EndOfBusinessDays(0),
        "end of 2 business days" => return Duration::EndOfBusinessDays(2),
        _ => {}
    }
    let (number, unit) = text.split_once(' ').expect("a number and a unit");
    let number: i64 = number.parse().expect("a whole number");
    match unit {
        "minutes" => Duration::Elapsed { ms: number * MINUTE_MS },
        "hours" => Duration::Elapsed { ms: number * HOUR_MS },
        "business minutes" => Duration::Open { ms: number * MINUTE_MS },
        "business hours" => Duration::Open { ms: number * HOUR_MS },
        "business days" => Duration::BusinessDays(number as u32),
        "days" => Duration::Days(number as u32),
        _ => panic!("no unit of the generator: {text}"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    Created,
    Assigned,
    Opportunity,
    Status(&'static [&'static str]),
    Stage(Stage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    AnyDisposition,
    Status(&'static [&'static str]),
    AnyActivity,
    Call,
    Opportunity,
    CallOrDisposition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// `source = "webinar"`.
    pub webinar: bool,
    pub within: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaSpec {
    pub name: &'static str,
    pub calendar: bool,
    pub starts: Starts,
    pub stops: Stops,
    pub pause: &'static [&'static str],
    pub cancel: &'static [&'static str],
    pub cancel_deleted: bool,
    pub restart: bool,
    pub reopen: Reopen,
    /// A first target `by = "respond_by"`.
    pub by: bool,
    pub segment: Option<&'static str>,
    pub within: &'static str,
    pub reminders: Vec<&'static str>,
    pub escalations: Vec<&'static str>,
}

impl SlaSpec {
    pub fn new(starts: Starts, stops: Stops, within: &'static str) -> Self {
        SlaSpec {
            name: "disposition",
            calendar: true,
            starts,
            stops,
            pause: &["on_hold"],
            cancel: &[],
            cancel_deleted: true,
            restart: false,
            reopen: Reopen::NewCycle,
            by: false,
            segment: None,
            within,
            reminders: Vec::new(),
            escalations: Vec::new(),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct PolicySpec {
    /// Effective from and the SLAs of each version.
    pub versions: Vec<(Timestamp, Vec<SlaSpec>)>,
}

impl PolicySpec {
    pub fn one(sla: SlaSpec) -> Self {
        PolicySpec { versions: vec![(BASE.plus_ms(-30 * DAY_MS), vec![sla])] }
    }

    pub fn policy(&self) -> Policy {
        let versions: Vec<Version> = self.versions.iter().map(|(from, slas)| version(*from, slas)).collect();
        let mut names: Vec<&str> = Vec::new();
        for sla in versions.iter().flat_map(|version| &version.slas) {
            if !names.contains(&sla.name.as_str()) {
                names.push(&sla.name);
            }
        }
        let families = names.iter().map(|name| Family {
            name: (*name).to_owned(),
            by_version: versions
                .iter()
                .map(|version| version.slas.iter().position(|sla| sla.name == *name))
                .collect(),
        });
        let families = families.collect();
        Policy { versions, families }
    }
}

fn version(effective_from: Timestamp, slas: &[SlaSpec]) -> Version {
    let statuses: Vec<Status> = STATUSES
        .iter()
        .map(|(name, stage, disposition)| Status { name: (*name).to_owned(), stage: *stage, disposition: *disposition })
        .collect();
    let mut lifecycle = Lifecycle { statuses, disposed: StatusSet::default() };
    lifecycle.disposed = set(&lifecycle, &["qualified", "unsuitable", "nurture"]);
    let office = Arc::new(Calendar {});
    Version {
        name: "Lead management SLA".to_owned(),
        effective_from,
        effective_from_written: effective_from,
        between: vec!["Marketing".to_owned(), "Sales".to_owned()],
        timezone: chrono_tz::Tz::UTC,
        fingerprint: "0".to_owned(),
        slas: slas.iter().map(|spec| sla(spec, &lifecycle, &office)).collect(),
        lifecycle,
        calendars: vec![("office".to_owned(), office)],
        commitments: Vec::new(),
    }
}

fn set(lifecycle: &Lifecycle, names: &[&str]) -> StatusSet {
    let mut set = StatusSet::default();
    for name in names {
        set.insert(lifecycle.find(name).expect("a status of the lifecycle"));
    }
    set
}

fn sla(spec: &SlaSpec, lifecycle: &Lifecycle, office: &Arc<Calendar>) -> Sla {
    let schedule = Schedule { calendar: spec.calendar.then(|| office.clone()), zone: chrono_tz::Tz::UTC };
    let mut start = Start::default();
    match spec.starts {
        Starts::Created => start.created = true,
        Starts::Assigned => start.assigned = true,
        Starts::Opportunity => start.opportunity = true,
        Starts::Status(names) => start.status = set(lifecycle, names),
        Starts::Stage(stage) => start.stages = vec![stage],
    }
    let mut stop = Stop::default();
    let call = || Some(AnyOf::These(vec!["call".to_owned()]));
    match spec.stops {
        Stops::AnyDisposition => stop.states = lifecycle.disposed.clone(),
        Stops::Status(names) => stop.states = set(lifecycle, names),
        Stops::AnyActivity => stop.activity = Some(AnyOf::Any),
        Stops::Call => stop.activity = call(),
        Stops::Opportunity => stop.opportunity = true,
        Stops::CallOrDisposition => {
            stop.activity = call();
            stop.states = lifecycle.disposed.clone();
        }
    }
    let condition = |name: &str, test| Condition { key: Key::Attribute(name.to_owned()), test };
    let mut targets = Vec::new();
    if let Some(within) = spec.segment {
        let test = Test { any_of: Some(vec!["webinar".to_owned()]), ..Test::default() };
        targets.push(Target {
            label: within.to_owned(),
            when: vec![condition("source", test)],
            promise: Promise::Within(duration(within)),
            schedule: schedule.clone(),
        });
    }
    if spec.by {
        targets.push(Target {
            label: "respond_by".to_owned(),
            when: vec![condition("respond_by", Test { present: Some(true), ..Test::default() })],
            promise: Promise::By("respond_by".to_owned()),
            schedule: schedule.clone(),
        });
    }
    targets.push(Target {
        label: spec.within.to_owned(),
        when: Vec::new(),
        promise: Promise::Within(duration(spec.within)),
        schedule,
    });
    let reminders = spec.reminders.iter().map(|text| Reminder {
        text: (*text).to_owned(),
        at: match text.split_once('%') {
            Some((share, _)) => Rung::Share { ppm: share.parse::<u32>().expect("a share") * 10_000 },
            None => Rung::Before(duration(text.strip_suffix(" before").expect("a time before"))),
        },
    });
    let escalations = spec.escalations.iter().map(|text| Escalation {
        text: (*text).to_owned(),
        after: duration(text),
        notify: vec!["manager".to_owned()],
        action: None,
    });
    Sla {
        name: spec.name.to_owned(),
        promised_by: Some("sales".to_owned()),
        promise: None,
        start,
        stop,
        pause: (!spec.pause.is_empty()).then(|| Pause { status: set(lifecycle, spec.pause), at_most: None }),
        cancel: Cancel { deleted: spec.cancel_deleted, merged: true, status: set(lifecycle, spec.cancel) },
        on_reassign: if spec.restart { OnReassign::Restart } else { OnReassign::Continue },
        reopen: spec.reopen,
        retarget: false,
        points: None,
        targets,
        reminders: reminders.collect(),
        escalations: escalations.collect(),
    }
}

impl PolicySpec {
    /// The policy as files, one a version.
    pub fn toml(&self) -> Vec<String> {
        self.versions.iter().map(|(from, slas)| toml(*from, slas)).collect()
    }
}

fn toml(from: Timestamp, slas: &[SlaSpec]) -> String {
    let mut out = String::new();
    let put = |out: &mut String, line: String| writeln!(out, "{line}").expect("writing to a string");
    put(&mut out, format!("[agreement]\nname = \"Lead management SLA\"\neffective_from = \"{from}\""));
    put(&mut out, "between = [\"Marketing\", \"Sales\"]\ntimezone = \"UTC\"".to_owned());
    for (name, stage, disposition) in STATUSES {
        put(&mut out, format!("[[status]]\nname = \"{name}\""));
        if let Some(stage) = stage {
            put(&mut out, format!("stage = \"{}\"", stage.name()));
        }
        if let Some(disposition) = disposition {
            put(&mut out, format!("disposition = \"{}\"", disposition.name()));
        }
    }
    let day = "[\"09:00-18:00\"]";
    put(
        &mut out,
        format!(
            "[calendars.office]\ntimezone = \"UTC\"\n\
             weekly = {{ mon = {day}, tue = {day}, wed = {day}, thu = {day}, fri = {day} }}"
        ),
    );
    for sla in slas {
        put(&mut out, format!("[[sla]]\nname = \"{}\"\npromised_by = \"sales\"", sla.name));
        if sla.calendar {
            put(&mut out, "calendar = \"office\"".to_owned());
        }
        let start = match sla.starts {
            Starts::Created => "on = \"created\"".to_owned(),
            Starts::Assigned => "on = \"assigned\"".to_owned(),
            Starts::Opportunity => "on = \"opportunity\"".to_owned(),
            Starts::Status(names) => format!("status = {names:?}"),
            Starts::Stage(stage) => format!("stage = [\"{}\"]", stage.name()),
        };
        let stop = match sla.stops {
            Stops::AnyDisposition => "disposition = \"any\"".to_owned(),
            Stops::Status(names) => format!("status = {names:?}"),
            Stops::AnyActivity => "activity = \"any\"".to_owned(),
            Stops::Call => "activity = [\"call\"]".to_owned(),
            Stops::Opportunity => "opportunity = true".to_owned(),
            Stops::CallOrDisposition => "activity = [\"call\"], disposition = \"any\"".to_owned(),
        };
        put(&mut out, format!("start = {{ {start} }}\nstop = {{ {stop} }}"));
        if !sla.pause.is_empty() {
            put(&mut out, format!("pause = {{ status = {:?} }}", sla.pause));
        }
        put(&mut out, format!("cancel = {{ deleted = {}, status = {:?} }}", sla.cancel_deleted, sla.cancel));
        put(&mut out, format!("on_reassign = \"{}\"", if sla.restart { "restart" } else { "continue" }));
        let reopen = match sla.reopen {
            Reopen::NewCycle => "new_cycle",
            Reopen::Ignore => "ignore",
            Reopen::Continue => "continue",
        };
        put(&mut out, format!("reopen = \"{reopen}\""));
        if let Some(within) = sla.segment {
            put(&mut out, format!("[[sla.target]]\nwhen = {{ source = \"webinar\" }}\nwithin = \"{within}\""));
        }
        if sla.by {
            put(
                &mut out,
                "[[sla.target]]\nwhen = { respond_by = { present = true } }\nby = \"respond_by\"".to_owned(),
            );
        }
        put(&mut out, format!("[[sla.target]]\nwithin = \"{}\"", sla.within));
        for text in &sla.reminders {
            put(&mut out, format!("[[sla.reminder]]\nat = \"{text}\""));
        }
        for text in &sla.escalations {
            put(&mut out, format!("[[sla.escalation]]\nafter = \"{text}\"\nnotify = [\"manager\"]"));
        }
    }
    out
}

impl fmt::Debug for PolicySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (from, slas) in &self.versions {
            writeln!(f, "\n  from {from}")?;
            for sla in slas {
                writeln!(f, "    {sla:?}")?;
            }
        }
        Ok(())
    }
}

fn slas() -> impl Strategy<Value = SlaSpec> {
    let starts = prop_oneof![
        4 => Just(Starts::Assigned),
        2 => Just(Starts::Created),
        1 => Just(Starts::Opportunity),
        1 => Just(Starts::Status(&["working"])),
        1 => Just(Starts::Status(&["new", "working"])),
        1 => Just(Starts::Stage(Stage::SalesAccepted)),
    ];
    let stops = prop_oneof![
        4 => Just(Stops::AnyDisposition),
        1 => Just(Stops::Status(&["working", "qualified"])),
        1 => Just(Stops::AnyActivity),
        1 => Just(Stops::Call),
        1 => Just(Stops::Opportunity),
        1 => Just(Stops::CallOrDisposition),
    ];
    let pause = prop_oneof![
        3 => Just(&["on_hold"] as &'static [&'static str]),
        1 => Just(&[] as &'static [&'static str]),
        1 => Just(&["on_hold", "new"] as &'static [&'static str]),
    ];
    let cancel = prop_oneof![
        2 => Just(&[] as &'static [&'static str]),
        1 => Just(&["dead"] as &'static [&'static str]),
    ];
    let reopen = prop_oneof![3 => Just(Reopen::NewCycle), 1 => Just(Reopen::Ignore), 2 => Just(Reopen::Continue)];
    let shape = (any::<bool>(), prop::bool::weighted(0.95), prop::bool::weighted(0.35), prop::bool::weighted(0.2));
    let open = ["4 business hours", "8 business hours", "1 business days", "2 business days", "end of business day"];
    let elapsed = ["4 hours", "8 hours", "24 hours", "2 days"];
    let (open_reminders, reminders) =
        (["50%", "75%", "60 business minutes before", "2 hours before"], ["50%", "75%", "2 hours before"]);
    let (open_steps, steps) =
        (["0 hours", "2 business hours", "4 business hours", "1 business days"], ["0 hours", "2 hours", "24 hours"]);
    (starts, stops, pause, cancel, reopen, shape).prop_flat_map(
        move |(starts, stops, pause, cancel, reopen, (calendar, cancel_deleted, restart, by))| {
            let mut promises: Vec<&'static str> = elapsed.to_vec();
            let (mut rungs, mut ladder) = (reminders.to_vec(), steps.to_vec());
            if calendar {
                promises.extend(open);
                promises.extend(open);
                rungs = open_reminders.to_vec();
                ladder = open_steps.to_vec();
            }
            let (most_rungs, most_steps) = (2, 3);
            (
                select(promises.clone()),
                weighted(0.3, select(promises)),
                subsequence(rungs, 0..=most_rungs),
                subsequence(ladder, 0..=most_steps),
            )
                .prop_map(move |(within, segment, reminders, escalations)| SlaSpec {
                    name: "disposition",
                    calendar,
                    starts,
                    stops,
                    pause,
                    cancel,
                    cancel_deleted,
                    restart,
                    reopen,
                    by,
                    segment,
                    within,
                    reminders,
                    escalations,
                })
        },
    )
}

/// One or two SLAs in one or two versions; the first may come into force only after the history has begun.
pub fn policies() -> impl Strategy<Value = PolicySpec> {
    let first = prop_oneof![8 => Just(-720i64), 1 => 0i64..20];
    let second = weighted(0.25, (21i64..60, slas(), weighted(0.7, slas())));
    (first, slas(), weighted(0.4, slas()), second).prop_map(|(first, one, two, second)| {
        let named = |sla: SlaSpec, name| SlaSpec { name, ..sla };
        let mut slas = vec![named(one, "disposition")];
        slas.extend(two.map(|sla| named(sla, "first_touch")));
        let mut versions = vec![(hours(first), slas)];
        if let Some((from, one, two)) = second {
            // The second version knows its SLAs in another order, and may lack one.
            let mut slas: Vec<SlaSpec> = two.map(|sla| named(sla, "disposition")).into_iter().collect();
            slas.insert(0, named(one, "first_touch"));
            versions.push((hours(from), slas));
        }
        PolicySpec { versions }
    })
}

/// What one record says, and how it comes.
#[derive(Clone)]
pub struct Record {
    pub lead: u8,
    /// Hours since the record before.
    pub wait: i64,
    /// Hours by which the event time lies before the append time; negative: in the future.
    pub late: i64,
    pub fact: Fact<'static>,
    /// The id of an earlier record instead of one of its own.
    pub repeats: Option<prop::sample::Index>,
    /// Every instant up to half an hour before the next record is passed explicitly.
    pub pass: bool,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lead {} wait {} late {} {}", self.lead, self.wait, self.late, words(&self.fact))
    }
}

/// A fact in a line.
pub fn words(fact: &Fact<'_>) -> String {
    let mut out = format!("{:?}", fact.kind);
    for (name, value) in [("status", &fact.status), ("owner", &fact.owner), ("team", &fact.team)] {
        if let Some(value) = value {
            let _ = write!(out, " {name}={value:?}");
        }
    }
    if let Some(kind) = &fact.activity {
        let _ = write!(out, " {kind}{}", if fact.automated { " (automation)" } else { "" });
    }
    for (name, value) in &fact.attributes {
        let _ = write!(out, " {name}={value}");
    }
    out
}

fn facts() -> impl Strategy<Value = Fact<'static>> {
    let status = || select(vec!["new", "working", "working", "on_hold", "on_hold", "qualified", "nurture", "dead"]);
    let owner = || select(vec!["ana", "bea", "ana", "bea", "carl", ""]);
    let team = || select(vec!["north", "south", ""]);
    let attribute = || {
        prop_oneof![
            2 => select(vec!["webinar", "list"]).prop_map(|source| ("source", source.to_owned())),
            2 => (0i64..80).prop_map(|hour| ("respond_by", hours(hour).to_string())),
        ]
    };
    fn fact(kind: FactKind) -> Fact<'static> {
        Fact::new(kind)
    }
    let created = (weighted(0.5, status()), weighted(0.6, owner()), weighted(0.3, team()), weighted(0.4, attribute()))
        .prop_map(|(status, owner, team, attribute)| Fact {
            status: status.map(Into::into),
            owner: owner.map(Into::into),
            team: team.map(Into::into),
            attributes: attribute.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ..fact(FactKind::Created)
        });
    let assigned = (owner(), weighted(0.3, team())).prop_map(|(owner, team)| Fact {
        owner: Some(owner.into()),
        team: team.map(Into::into),
        ..fact(FactKind::Assigned)
    });
    let changed = (status(), weighted(0.15, owner()), weighted(0.1, team())).prop_map(|(status, owner, team)| Fact {
        status: Some(status.into()),
        owner: owner.map(Into::into),
        team: team.map(Into::into),
        ..fact(FactKind::StatusChanged)
    });
    let activity =
        (select(vec!["call", "email"]), prop::bool::weighted(0.2)).prop_map(|(kind, automated)| Fact {
            activity: Some(kind.into()),
            automated,
            ..fact(FactKind::Activity)
        });
    let updated = attribute().prop_map(|(name, value)| Fact {
        attributes: [(name.into(), value.into())].into_iter().collect(),
        ..fact(FactKind::Updated)
    });
    prop_oneof![
        4 => created,
        5 => assigned,
        10 => changed,
        2 => activity,
        2 => updated,
        1 => Just(fact(FactKind::Deleted)),
        1 => Just(Fact { into: Some("other".into()), ..fact(FactKind::Merged) }),
        1 => Just(Fact {
            opportunity: Some(Opportunity { id: Some("o".into()), value: None, currency: None }),
            ..fact(FactKind::Opportunity)
        }),
    ]
}

fn records() -> impl Strategy<Value = Record> {
    let lead = prop_oneof![4 => Just(0u8), 2 => Just(1), 1 => Just(2)];
    let wait = prop_oneof![3 => Just(0i64), 5 => 1i64..5, 2 => 5i64..30];
    let late = prop_oneof![7 => Just(0i64), 3 => 1i64..40, 1 => -3i64..0];
    let repeats = weighted(0.06, any::<prop::sample::Index>());
    (lead, wait, late, facts(), repeats, any::<bool>())
        .prop_map(|(lead, wait, late, fact, repeats, pass)| Record { lead, wait, late, fact, repeats, pass })
}

/// What is told of one to three leads, record by record.
pub fn histories() -> impl Strategy<Value = Vec<Record>> {
    vec(records(), 3..15)
}

/// How far ahead a fact may lie.
pub const TOLERANCE_MS: i64 = 2 * HOUR_MS;

/// The history as a shard is handed it, ended by a watermark long after everything.
pub fn steps(history: &[Record]) -> Vec<Step> {
    let mut append = BASE;
    let mut steps: Vec<Step> = Vec::new();
    let mut events: Vec<Event<'static>> = Vec::new();
    for (place, record) in history.iter().enumerate() {
        append = append.plus_ms(record.wait * HOUR_MS);
        let event = match &record.repeats {
            Some(index) if !events.is_empty() => index.get(&events).clone(),
            _ => event(&format!("lead-{}", record.lead), place, append.plus_ms(-record.late * HOUR_MS), &record.fact),
        };
        events.push(event.clone());
        steps.push(Step::Record { append, event });
        if record.pass
            && let Some(next) = history.get(place + 1)
            && next.wait > 0
        {
            steps.push(Step::Watermark(append.plus_ms(next.wait * HOUR_MS - 30 * MINUTE_MS)));
        }
    }
    steps.push(Step::Watermark(append.plus_ms(30 * DAY_MS)));
    steps
}

pub fn event(lead_id: &str, number: usize, time: Timestamp, fact: &Fact<'static>) -> Event<'static> {
    Event {
        source: "crm".into(),
        id: format!("e{number}").into(),
        lead_id: lead_id.to_owned().into(),
        time,
        recorded_time: None,
        fact: fact.clone(),
    }
}
