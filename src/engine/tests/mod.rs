//! Rules as timelines: events in, the exact notices out. One harness owns the clock.

mod bounded_pauses;
mod cadence;
mod condensing;
mod corrections;
mod cycles;
mod folding;
mod ids;
mod ladder;
mod pauses;
mod records;
mod retarget;
mod retention;
mod shard;
mod stale;
mod starting;
mod very_instant;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::{Applied, Lead, NoticeKind, Options, Shard, Standing, inspect};
use crate::event::{Event, Fact, FactKind, Opportunity, Reason};
use crate::policy;
use crate::time::Timestamp;

/// The head of every test policy: a lifecycle, and office hours from 9 to 18 in UTC, Monday to Friday.
const HEAD: &str = r#"
[agreement]
name = "Test"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
stage = "lead"
[[status]]
name = "working"
stage = "sales_accepted"
[[status]]
name = "on_hold"
[[status]]
name = "junk"
[[status]]
name = "qualified"
stage = "sales_qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
[[status]]
name = "nurture"
disposition = "recycled"
[calendars.office]
timezone = "UTC"
weekly = { mon = ["09:00-18:00"], tue = ["09:00-18:00"], wed = ["09:00-18:00"], thu = ["09:00-18:00"], fri = ["09:00-18:00"] }
"#;

/// "disposition" within 8 hours of the assignment, paused while on hold.
pub const DISPOSITION: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "8 hours"
"#;

/// Facts of a lead, told by a CRM.
pub struct Told(Event<'static>);

pub fn fact(kind: FactKind, lead: &str) -> Told {
    Told(Event {
        source: Cow::Borrowed("crm"),
        id: Cow::Borrowed(""),
        lead_id: Cow::Owned(lead.to_owned()),
        time: Timestamp(0),
        recorded_time: None,
        fact: Fact::new(kind),
    })
}

pub fn created() -> Told {
    fact(FactKind::Created, "L1")
}

pub fn assigned(owner: &str) -> Told {
    fact(FactKind::Assigned, "L1").owner(owner)
}

pub fn status(to: &str) -> Told {
    fact(FactKind::StatusChanged, "L1").status(to)
}

pub fn call() -> Told {
    let mut told = fact(FactKind::Activity, "L1");
    told.0.fact.activity = Some(Cow::Borrowed("call"));
    told
}

pub fn opportunity() -> Told {
    let mut told = fact(FactKind::Opportunity, "L1");
    let opportunity = Opportunity { id: Some(Cow::Borrowed("O1")), value: Some(10.0), currency: None };
    told.0.fact.opportunity = Some(Box::new(opportunity));
    told
}

pub fn updated(name: &str, value: &str) -> Told {
    fact(FactKind::Updated, "L1").attribute(name, value)
}

pub fn deleted() -> Told {
    fact(FactKind::Deleted, "L1")
}

pub fn merged() -> Told {
    let mut told = fact(FactKind::Merged, "L1");
    told.0.fact.into = Some(Cow::Borrowed("L2"));
    told
}

impl Told {
    pub fn of(mut self, lead: &str) -> Self {
        self.0.lead_id = Cow::Owned(lead.to_owned());
        self
    }

    pub fn owner(mut self, owner: &str) -> Self {
        self.0.fact.owner = Some(Cow::Owned(owner.to_owned()));
        self
    }

    pub fn team(mut self, team: &str) -> Self {
        self.0.fact.team = Some(Cow::Owned(team.to_owned()));
        self
    }

    pub fn status(mut self, status: &str) -> Self {
        self.0.fact.status = Some(Cow::Owned(status.to_owned()));
        self
    }

    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.0.fact.attributes.push((Cow::Owned(name.to_owned()), Cow::Owned(value.to_owned())));
        self
    }

    pub fn automated(mut self) -> Self {
        self.0.fact.automated = true;
        self
    }

    pub fn id(mut self, id: &str) -> Self {
        self.0.id = Cow::Owned(id.to_owned());
        self
    }
}

/// One shard and its clock. Times are written `"2 10:30"`: day of March 2026 (the 2nd is a Monday), time of day in UTC.
pub struct Timeline {
    pub shard: Shard,
    counter: u64,
    /// Every notice so far, parsed.
    pub said: Vec<Value>,
    seen: usize,
    /// Undo and repeat each step, and restore from bytes after it: nothing may differ.
    pub shaken: bool,
}

pub fn instant(short: &str) -> Timestamp {
    let (day, time) = short.split_once(' ').expect("day and time");
    let seconds = if time.len() == 5 { ":00" } else { "" };
    Timestamp::parse(&format!("2026-03-{day:0>2}T{time}{seconds}Z")).expect("an instant")
}

pub fn short(instant: &str) -> String {
    let rest = instant.strip_prefix("2026-03-").unwrap_or(instant).trim_start_matches('0');
    rest.replace('T', " ").replace(":00Z", "").replace('Z', "")
}

pub fn parse_policy(text: &str) -> policy::Policy {
    let whole = if text.contains("[agreement]") { text.to_owned() } else { format!("{HEAD}{text}") };
    policy::parse("test.toml", &whole, &|_| Err(std::io::Error::other("no files here"))).expect("a policy")
}

/// Against the files of `schemas/`, which another test compares with the types.
fn assert_valid(notice: &Value) {
    static VALIDATORS: OnceLock<BTreeMap<&str, jsonschema::Validator>> = OnceLock::new();
    let validators = VALIDATORS.get_or_init(|| {
        let validator = |kind: NoticeKind| {
            let file = format!("{}/schemas/{}.json", env!("CARGO_MANIFEST_DIR"), kind.name());
            let schema = std::fs::read_to_string(file).expect("a schema");
            let schema = serde_json::from_str(&schema).expect("JSON");
            let validator = jsonschema::options().should_validate_formats(true).build(&schema);
            (kind.name(), validator.expect("a valid schema"))
        };
        NoticeKind::ALL.into_iter().map(validator).collect()
    });
    let kind = notice["type"].as_str().expect("a type");
    let faults: Vec<String> = validators[kind].iter_errors(notice).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{notice:#}");
}

impl Timeline {
    pub fn new(policy: &str) -> Self {
        Timeline::with(parse_policy(policy))
    }

    pub fn with(policy: policy::Policy) -> Self {
        Timeline::of(policy, Options { future_tolerance_ms: 3_600_000, ..Options::default() })
    }

    pub fn of(policy: policy::Policy, options: Options) -> Self {
        let shard = Shard::new(Arc::new(policy), options, &["events"]);
        Timeline { shard, counter: 0, said: Vec::new(), seen: 0, shaken: false }
    }

    /// The fact happens and is learnt at the same instant.
    pub fn at(&mut self, time: &str, told: Told) -> &mut Self {
        self.learnt(time, time, told)
    }

    /// The fact happened at `time` and is learnt at `append`.
    pub fn learnt(&mut self, append: &str, time: &str, told: Told) -> &mut Self {
        let outcome = self.tell(append, time, told);
        assert_eq!(outcome, Ok(Applied::Accepted), "at {append}");
        self
    }

    pub fn tell(&mut self, append: &str, time: &str, told: Told) -> Result<Applied, Reason> {
        self.counter += 1;
        let mut event = told.0;
        event.time = instant(time);
        if event.id.is_empty() {
            event.id = Cow::Owned(format!("e{}", self.counter));
        }
        self.shard.advance(instant(append), usize::MAX);
        self.collect();
        let outcome = self.shard.apply(&event, instant(append), (0, self.counter));
        if self.shaken {
            self.shard.undo();
            let again = self.shard.apply(&event, instant(append), (0, self.counter));
            assert_eq!(outcome, again, "an undone step repeats");
        }
        self.collect();
        outcome.map_err(|rejection| rejection.reason)
    }

    /// Time passes until just before `time`, and no event comes.
    pub fn until(&mut self, time: &str) -> &mut Self {
        self.shard.advance(instant(time), usize::MAX);
        self.collect();
        self
    }

    fn collect(&mut self) {
        let turn = self.shard.turn();
        for notice in &turn.outbox.notices {
            let value: Value = serde_json::from_slice(turn.outbox.json(notice)).expect("a notice is JSON");
            assert_eq!(value["type"], notice.kind.name());
            assert_valid(&value);
            assert_eq!(value["id"], notice.id.to_string());
            assert!(self.said.iter().all(|said| said["id"] != value["id"]), "an id repeats: {value}");
            self.said.push(value);
        }
        self.shard.commit();
        if self.shaken {
            self.restart();
        }
    }

    /// A new shard from the stored bytes.
    pub fn restart(&mut self) {
        let policy = self.shard.policy().clone();
        let mut next = Shard::new(policy, self.shard.options(), &["events"]);
        for record in self.shard.records() {
            next.restore_record(record.into()).expect("a stored record");
        }
        next.restore_position(self.shard.watermark(), &[(0, self.counter)]);
        assert_eq!(next.open_clocks(), self.shard.open_clocks());
        assert_eq!(next.stale_leads(), self.shard.stale_leads());
        self.shard = next;
    }

    /// What was said since the last call, one line a notice.
    pub fn news(&mut self) -> Vec<String> {
        let lines = self.said[self.seen..].iter().map(|notice| self.line(notice)).collect();
        self.seen = self.said.len();
        lines
    }

    fn line(&self, notice: &Value) -> String {
        let data = &notice["data"];
        let text = |value: &Value| value.as_str().map(short).unwrap_or_else(|| value.to_string());
        let kind = notice["type"].as_str().expect("type").trim_start_matches("sla.").to_owned();
        let mut line =
            format!("{} {kind} {}#{}", text(&notice["time"]), data["sla"].as_str().expect("sla"), data["cycle"]);
        let mut add = |part: String| {
            line.push(' ');
            line.push_str(&part);
        };
        match kind.as_str() {
            "started" | "deadline_moved" | "resumed" | "paused" => match data["due_at"].as_str() {
                Some(due) => add(format!("due {}", short(due))),
                None => add(format!("left {}s", data["remaining_seconds"])),
            },
            "reminder" => add(format!("{} valid {}", data["at"].as_str().expect("at"), text(&data["valid_until"]))),
            "breached" => {
                if data["found_late"] == true {
                    add("late".to_owned());
                }
                add(format!("by {}", data["owner"].as_str().unwrap_or("-")));
            }
            "escalated" => add(format!("step {}", data["step"])),
            "met" | "met_late" => {
                add(format!("after {}s by {}", data["open_seconds"], data["owner"].as_str().unwrap_or("-")));
            }
            "cancelled" => add(data["reason"].as_str().expect("reason").to_owned()),
            "retracted" => {
                let taken = self.said.iter().find(|said| said["id"] == data["retracts"]).expect("a known id");
                assert_eq!(taken["type"], data["retracts_type"]);
                add(format!(
                    "{} ({})",
                    taken["type"].as_str().expect("type").trim_start_matches("sla."),
                    data["reason"].as_str().expect("reason")
                ));
            }
            _ => {}
        }
        line
    }

    /// `sla#cycle state` of each clock of the lead, as of the watermark.
    pub fn clocks(&self, lead: &str) -> Vec<String> {
        let record = self.shard.lead(lead).expect("a lead");
        let view = inspect(self.shard.rules(), record, self.shard.watermark()).expect("a record");
        view.clocks
            .iter()
            .map(|clock| format!("{}#{} {}", clock.sla, clock.cycle, Standing::name(clock.state)))
            .collect()
    }
}

/// Both forms of a timeline: as it is, and shaken (each step undone and repeated, a restart after each).
pub fn both(policy: &str, script: impl Fn(&mut Timeline)) {
    for shaken in [false, true] {
        let mut timeline = Timeline::new(policy);
        timeline.shaken = shaken;
        script(&mut timeline);
    }
}
