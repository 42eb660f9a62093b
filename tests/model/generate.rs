//! Random policies and histories, coarse in time so that ties, late arrivals and pauses at deadlines happen often.

use std::fmt::{self, Write};

use plazo::event::{Event, Fact, FactKind, Opportunity};
use plazo::policy::{Disposition, Policy, Reopen, Stage, parse};
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    Any,
    Calls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub when: &'static str,
    pub within: &'static str,
    pub calendar: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaSpec {
    pub name: &'static str,
    pub calendar: Option<&'static str>,
    pub starts: Starts,
    pub stops: Stops,
    pub pause: &'static [&'static str],
    pub at_most: Option<&'static str>,
    /// A cadence: touches of any kind, or calls.
    pub recur: Option<Touches>,
    /// `retarget = "on_change"`.
    pub retarget: bool,
    pub cancel: &'static [&'static str],
    pub cancel_deleted: bool,
    pub restart: bool,
    pub reopen: Reopen,
    /// A target `by = "respond_by"`.
    pub by: bool,
    /// It stands before the segment's target, not behind it.
    pub by_first: bool,
    /// A target for the leads that these words match: `when` and `within`, and its own calendar.
    pub segment: Option<Segment>,
    pub within: &'static str,
    pub reminders: Vec<&'static str>,
    pub escalations: Vec<&'static str>,
}

impl SlaSpec {
    pub fn new(starts: Starts, stops: Stops, within: &'static str) -> Self {
        SlaSpec {
            name: "disposition",
            calendar: Some("office"),
            starts,
            stops,
            pause: &["on_hold"],
            at_most: None,
            recur: None,
            retarget: false,
            cancel: &[],
            cancel_deleted: true,
            restart: false,
            reopen: Reopen::NewCycle,
            by: false,
            by_first: false,
            segment: None,
            within,
            reminders: Vec::new(),
            escalations: Vec::new(),
        }
    }
}

/// `[watch]`: the most handovers, and the most leads with a disposition within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchSpec {
    pub ping_pong: Option<u32>,
    pub mass_disposition: Option<(u32, &'static str, Disposition)>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct PolicySpec {
    /// Effective from and the SLAs of each version.
    pub versions: Vec<(Timestamp, Vec<SlaSpec>)>,
    /// What each version watches; those behind the end of the list watch nothing.
    pub watches: Vec<WatchSpec>,
}

impl PolicySpec {
    pub fn one(sla: SlaSpec) -> Self {
        PolicySpec::of(vec![(BASE.plus_ms(-30 * DAY_MS), vec![sla])])
    }

    pub fn of(versions: Vec<(Timestamp, Vec<SlaSpec>)>) -> Self {
        PolicySpec { versions, watches: Vec::new() }
    }

    /// As the parser reads the files.
    pub fn policy(&self) -> Policy {
        let nothing = |_: &str| Err(std::io::Error::other("the generator names no files"));
        let parsed = self.toml().into_iter().flat_map(|text| match parse("generated.toml", &text, &nothing) {
            Ok(policy) => policy.versions,
            Err(faults) => panic!("{faults}\n{text}"),
        });
        Policy::of(parsed.collect())
    }
}

impl PolicySpec {
    /// The policy as files, one a version.
    pub fn toml(&self) -> Vec<String> {
        let watch = |place: usize| self.watches.get(place).copied().unwrap_or_default();
        let versions = self.versions.iter().enumerate();
        versions.map(|(place, (from, slas))| toml(place, *from, slas, watch(place))).collect()
    }
}

/// A second version reads some statuses differently, and does not know one that it has no use for; a third has yet other words.
fn toml(place: usize, from: Timestamp, slas: &[SlaSpec], watch: WatchSpec) -> String {
    let mut out = String::new();
    let put = |out: &mut String, line: String| writeln!(out, "{line}").expect("writing to a string");
    put(&mut out, format!("[agreement]\nname = \"Lead management SLA\"\neffective_from = \"{from}\""));
    put(&mut out, "between = [\"Marketing\", \"Sales\"]\ntimezone = \"UTC\"".to_owned());
    for (name, stage, disposition) in STATUSES {
        let (stage, disposition) = match name {
            "dead" if place > 0 && slas.iter().all(|sla| sla.cancel.is_empty()) => continue,
            "on_hold" if place > 0 => (Some(Stage::SalesAccepted), None),
            "nurture" if place == 1 => (stage, None),
            "nurture" if place > 1 => (stage, Some(Disposition::Disqualified)),
            "working" if place > 1 => (Some(Stage::MarketingQualified), None),
            _ => (stage, disposition),
        };
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
    // Three hours behind, with lunch, a night shift, a holiday and a day of other hours.
    let day = "[\"08:00-12:00\", \"13:00-17:00\"]";
    put(
        &mut out,
        format!(
            "[calendars.plant]\ntimezone = \"America/Sao_Paulo\"\n\
             weekly = {{ mon = {day}, tue = {day}, wed = {day}, thu = [\"22:00-06:00\"], sat = {day} }}\n\
             dates = {{ \"2026-03-04\" = [\"09:00-11:00\"] }}\nholidays = [\"2026-03-03\"]"
        ),
    );
    if watch != WatchSpec::default() {
        put(&mut out, "[watch]".to_owned());
    }
    if let Some(most) = watch.ping_pong {
        put(&mut out, format!("ping_pong = {{ more_than = {most} }}"));
    }
    if let Some((most, within, disposition)) = watch.mass_disposition {
        let name = disposition.name();
        let line = format!("{{ more_than = {most}, within = \"{within}\", disposition = \"{name}\" }}");
        put(&mut out, format!("mass_disposition = {line}"));
    }
    for sla in slas {
        put(&mut out, format!("[[sla]]\nname = \"{}\"\npromised_by = \"sales\"", sla.name));
        if let Some(calendar) = sla.calendar {
            put(&mut out, format!("calendar = \"{calendar}\""));
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
            let at_most = sla.at_most.map_or_else(String::new, |text| format!(", at_most = \"{text}\""));
            put(&mut out, format!("pause = {{ status = {:?}{at_most} }}", sla.pause));
        }
        let dead = if sla.cancel.is_empty() { String::new() } else { format!(", status = {:?}", sla.cancel) };
        put(&mut out, format!("cancel = {{ deleted = {}{dead} }}", sla.cancel_deleted));
        put(&mut out, format!("on_reassign = \"{}\"", if sla.restart { "restart" } else { "continue" }));
        let reopen = match sla.reopen {
            Reopen::NewCycle => "new_cycle",
            Reopen::Ignore => "ignore",
            Reopen::Continue => "continue",
        };
        put(&mut out, format!("reopen = \"{reopen}\""));
        match sla.recur {
            None => {}
            Some(Touches::Any) => put(&mut out, "recur = { activity = \"any\" }".to_owned()),
            Some(Touches::Calls) => put(&mut out, "recur = { activity = [\"call\"] }".to_owned()),
        }
        let by = "[[sla.target]]\nwhen = { respond_by = { present = true } }\nby = \"respond_by\"".to_owned();
        if sla.retarget {
            put(&mut out, "retarget = \"on_change\"".to_owned());
        }
        if sla.by && sla.by_first {
            put(&mut out, by.clone());
        }
        if let Some(Segment { when, within, calendar }) = sla.segment {
            put(&mut out, format!("[[sla.target]]\nwhen = {{ {when} }}\nwithin = \"{within}\""));
            if let Some(calendar) = calendar {
                put(&mut out, format!("calendar = \"{calendar}\""));
            }
        }
        if sla.by && !sla.by_first {
            put(&mut out, by);
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
        for (place, (from, slas)) in self.versions.iter().enumerate() {
            writeln!(f, "\n  from {from} {:?}", self.watches.get(place))?;
            for sla in slas {
                writeln!(f, "    {sla:?}")?;
            }
        }
        Ok(())
    }
}

fn slas() -> BoxedStrategy<SlaSpec> {
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
    let calendar = prop_oneof![2 => Just(None), 2 => Just(Some("office")), 1 => Just(Some("plant"))];
    let shape = (calendar, prop::bool::weighted(0.95), prop::bool::weighted(0.35), prop::bool::weighted(0.2));
    let whose = [
        "source = \"webinar\"",
        "source = { not = \"webinar\" }",
        "owner = \"bea\"",
        "team = \"north\"",
        "status = \"working\"",
        "stage = \"sales_accepted\"",
    ];
    let recur = weighted(0.2, prop_oneof![Just(Touches::Any), Just(Touches::Calls)]);
    let rare = (prop::bool::weighted(0.35), recur, any::<bool>());
    let open = [
        "4 business hours",
        "8 business hours",
        "1 business days",
        "2 business days",
        "end of business day",
        "end of 2 business days",
    ];
    let elapsed = ["4 hours", "8 hours", "24 hours", "2 days"];
    let (open_reminders, reminders) =
        (["50%", "75%", "60 business minutes before", "2 hours before"], ["50%", "75%", "2 hours before"]);
    let (open_steps, steps) =
        (["0 hours", "2 business hours", "4 business hours", "1 business days"], ["0 hours", "2 hours", "24 hours"]);
    (starts, stops, pause, cancel, reopen, shape, rare)
        .prop_flat_map(
            move |(
                starts,
                stops,
                pause,
                cancel,
                reopen,
                (calendar, cancel_deleted, restart, by),
                (retarget, recur, by_first),
            )| {
                // What stops a cadence is no touch.
                let stops = match stops {
                    Stops::AnyActivity | Stops::Call | Stops::CallOrDisposition if recur.is_some() => {
                        Stops::AnyDisposition
                    }
                    other => other,
                };
                let mut promises: Vec<&'static str> = elapsed.to_vec();
                let mut at_most = vec!["2 hours", "12 hours", "1 days"];
                let (mut rungs, mut ladder) = (reminders.to_vec(), steps.to_vec());
                if calendar.is_some() {
                    promises.extend(open);
                    promises.extend(open);
                    at_most.extend(["2 business hours", "4 business hours", "1 business days", "2 business days"]);
                    rungs = open_reminders.to_vec();
                    ladder = open_steps.to_vec();
                }
                let (most_rungs, most_steps) = (2, 3);
                (
                    select(promises.clone()),
                    weighted(
                        if retarget { 0.9 } else { 0.3 },
                        (select(whose.to_vec()), select(promises), weighted(0.3, select(vec!["office", "plant"]))),
                    ),
                    weighted(0.3, select(at_most)),
                    subsequence(rungs, 0..=most_rungs),
                    subsequence(ladder, 0..=most_steps),
                )
                    .prop_map(move |(within, segment, at_most, reminders, escalations)| SlaSpec {
                        segment: segment.map(|(when, within, calendar)| Segment { when, within, calendar }),
                        name: "disposition",
                        calendar,
                        starts,
                        stops,
                        pause,
                        at_most,
                        recur,
                        retarget,
                        cancel,
                        cancel_deleted,
                        restart,
                        reopen,
                        by,
                        by_first,
                        within,
                        reminders,
                        escalations,
                    })
            },
        )
        .boxed()
}

/// Thresholds so low that a history passes them. A second version has no status that says "recycled", a third says "disqualified" of it.
fn watches(place: usize) -> impl Strategy<Value = WatchSpec> {
    let disposition = match place {
        0 => vec![Disposition::Qualified, Disposition::Recycled, Disposition::Recycled],
        1 => vec![Disposition::Qualified],
        _ => vec![Disposition::Qualified, Disposition::Disqualified],
    };
    let mass = (1u32..3, select(vec!["2 hours", "12 hours", "48 hours"]), select(disposition));
    (weighted(0.7, 1u32..3), weighted(0.7, mass))
        .prop_map(|(ping_pong, mass_disposition)| WatchSpec { ping_pong, mass_disposition })
}

/// One or two SLAs in one to three versions; the first may come into force only after the history has begun.
pub fn policies() -> impl Strategy<Value = PolicySpec> {
    let first = prop_oneof![8 => Just(-720i64), 1 => 0i64..20];
    let another = || (slas(), weighted(0.7, slas()));
    let second = weighted(0.3, (21i64..60, another(), weighted(0.4, (1i64..20, another()))));
    let watched = (weighted(0.6, watches(0)), weighted(0.6, watches(1)), weighted(0.6, watches(2)));
    (first, slas(), weighted(0.4, slas()), second, watched).prop_map(|(first, one, two, second, watched)| {
        let named = |sla: SlaSpec, name| SlaSpec { name, ..sla };
        let mut slas = vec![named(one, "disposition")];
        slas.extend(two.map(|sla| named(sla, "first_touch")));
        let mut versions = vec![(hours(first), slas)];
        if let Some((from, (one, two), third)) = second {
            // The second version knows its SLAs in another order, and may lack one, which the third has again.
            let mut slas: Vec<SlaSpec> = two.map(|sla| named(sla, "disposition")).into_iter().collect();
            slas.insert(0, named(one, "first_touch"));
            versions.push((hours(from), slas));
            if let Some((later, (one, two))) = third {
                let mut slas = vec![named(one, "disposition")];
                slas.extend(two.map(|sla| named(sla, "second_touch")));
                versions.push((hours(from + later), slas));
            }
        }
        let watches = vec![watched.0, watched.1, watched.2].into_iter().map(Option::unwrap_or_default).collect();
        PolicySpec { versions, watches }
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

fn facts() -> BoxedStrategy<Fact<'static>> {
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
    let activity = (select(vec!["call", "email"]), prop::bool::weighted(0.2)).prop_map(|(kind, automated)| Fact {
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
        4 => activity,
        2 => updated,
        1 => Just(fact(FactKind::Gap)),
        1 => Just(fact(FactKind::Deleted)),
        1 => Just(Fact { into: Some("other".into()), ..fact(FactKind::Merged) }),
        1 => Just(Fact {
            opportunity: Some(Box::new(Opportunity { id: Some("o".into()), value: None, currency: None })),
            ..fact(FactKind::Opportunity)
        }),
    ]
    .boxed()
}

fn records() -> impl Strategy<Value = Record> {
    let lead = prop_oneof![4 => Just(0u8), 2 => Just(1), 1 => Just(2)];
    let wait = prop_oneof![3 => Just(0i64), 5 => 1i64..5, 2 => 5i64..30];
    let late = prop_oneof![7 => Just(0i64), 3 => 1i64..40, 1 => -3i64..0];
    let repeats = weighted(0.06, any::<prop::sample::Index>());
    (lead, wait, late, facts(), repeats, any::<bool>()).prop_map(|(lead, wait, late, fact, repeats, pass)| Record {
        lead,
        wait,
        late,
        fact,
        repeats,
        pass,
    })
}

/// What is told of one to three leads, record by record.
pub fn histories() -> impl Strategy<Value = Vec<Record>> {
    vec(records(), 3..15)
}

/// Many leads of few owners, handed on and disposed of within hours, some of it told late or ahead.
pub fn busy() -> impl Strategy<Value = Vec<Record>> {
    let assigned = select(vec!["ana", "ana", "bea", "bea", ""])
        .prop_map(|owner| Fact { owner: Some(owner.into()), ..Fact::new(FactKind::Assigned) });
    let changed = select(vec!["working", "nurture", "nurture", "qualified"])
        .prop_map(|status| Fact { status: Some(status.into()), ..Fact::new(FactKind::StatusChanged) });
    let late = prop_oneof![6 => Just(0i64), 2 => 1i64..9, 1 => Just(-1i64)];
    let wait = select(vec![0i64, 0, 0, 1, 2]);
    let record = (
        0u8..5,
        wait,
        late,
        prop_oneof![12 => assigned, 8 => changed, 1 => Just(Fact::new(FactKind::Gap))],
        any::<bool>(),
    );
    let record =
        record.prop_map(|(lead, wait, late, fact, pass)| Record { lead, wait, late, fact, repeats: None, pass });
    vec(record, 30..70)
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
        steps.push(Step::Record { append, event: Box::new(event) });
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
