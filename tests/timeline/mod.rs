//! A timeline of one shard: events in, exact notices out. For test files to include: `mod timeline;`.
//!
//! An instant is written `"2 10:30"` (day of March 2026, of which the 2nd is a Monday, and time of day in UTC) or in full.
//! Every timeline is played twice, the second time with a new shard from the stored bytes after each step; both must tell the same.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io;
use std::sync::Arc;

use plazo::engine::{Applied, LeadView, Options, Rules, Shard, inspect};
use plazo::event::{self, Reason};
use plazo::policy::{self, Policy};
use plazo::time::{HOUR_MS, Timestamp};
use serde_json::{Value, json};

/// A lifecycle, and office hours from 9 to 18 in UTC from Monday to Friday, closed on 4 March 2026.
pub const HEAD: &str = r#"
[agreement]
name = "Test"
effective_from = "1970-01-01T00:00:00Z"
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
[[status]]
name = "won"
stage = "customer"
[calendars.office]
timezone = "UTC"
weekly = { mon = ["09:00-18:00"], tue = ["09:00-18:00"], wed = ["09:00-18:00"], thu = ["09:00-18:00"], fri = ["09:00-18:00"] }
holidays = ["2026-03-04"]
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

/// One SLA named `sla`, with these further keys, and its target's line.
pub fn one(keys: &str, target: &str) -> String {
    format!("[[sla]]\nname = \"sla\"\n{keys}\n[[sla.target]]\n{target}\n")
}

/// What the CRM says of lead L1, if no other is named.
#[derive(Clone)]
pub struct Told(Value);

pub fn tell(kind: &str, data: Value) -> Told {
    let mut told = Told(json!({"specversion": "1.0", "source": "crm", "type": kind, "data": data}));
    told.0["data"]["lead_id"] = "L1".into();
    told
}

pub fn created() -> Told {
    tell("lead.created", json!({}))
}

pub fn assigned(owner: &str) -> Told {
    tell("lead.assigned", json!({"owner": owner}))
}

pub fn status(to: &str) -> Told {
    tell("lead.status_changed", json!({"to": to}))
}

pub fn activity(kind: &str) -> Told {
    tell("lead.activity", json!({"kind": kind}))
}

pub fn updated(name: &str, value: impl Into<Value>) -> Told {
    let mut told = tell("lead.updated", json!({"attributes": {}}));
    told.0["data"]["attributes"][name] = value.into();
    told
}

pub fn opportunity() -> Told {
    tell("opportunity.created", json!({"opportunity_id": "O1", "value": 10}))
}

pub fn deleted() -> Told {
    tell("lead.deleted", json!({}))
}

pub fn merged(into: &str) -> Told {
    tell("lead.merged", json!({"into": into}))
}

impl Told {
    pub fn of(self, lead: &str) -> Self {
        self.with("lead_id", lead)
    }

    pub fn kind(&self) -> &str {
        self.0["type"].as_str().expect("a type")
    }

    /// One more thing that the same event says.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0["data"][name] = value.into();
        self
    }

    pub fn id(mut self, id: &str) -> Self {
        self.0["id"] = id.into();
        self
    }

    pub fn source(mut self, source: &str) -> Self {
        self.0["source"] = source.into();
        self
    }
}

#[track_caller]
pub fn instant(short: &str) -> Timestamp {
    let full = match short.split_once(' ') {
        None => short.to_owned(),
        Some((day, time)) if time.len() == 5 => format!("2026-03-{day:0>2}T{time}:00Z"),
        Some((day, time)) => format!("2026-03-{day:0>2}T{time}Z"),
    };
    full.parse().expect("an instant")
}

fn short(value: &Value) -> String {
    let Some(text) = value.as_str() else { return value.to_string() };
    match text.strip_prefix("2026-03-") {
        None => text.to_owned(),
        Some(rest) => {
            let rest = rest.trim_end_matches('Z').replace('T', " ");
            let minutes = rest.strip_suffix(":00").filter(|_| rest.len() == 11).unwrap_or(&rest);
            minutes.trim_start_matches('0').to_owned()
        }
    }
}

pub fn parse_policy(text: &str) -> Policy {
    let whole = if text.contains("[agreement]") { text.to_owned() } else { format!("{HEAD}{text}") };
    match policy::parse("test.toml", &whole, &|_| Err(io::Error::other("no files here"))) {
        Ok(policy) => policy,
        Err(faults) => panic!("{faults:?}"),
    }
}

/// Input topics, named as the CloudEvents source that writes to them.
const SOURCES: [&str; 2] = ["crm", "dialler"];

/// Times within this of their receipt are tolerated.
pub const TOLERANCE_MS: i64 = HOUR_MS;

pub struct Timeline {
    pub shard: Shard,
    restarts: bool,
    count: u64,
    /// Every notice so far.
    pub said: Vec<Value>,
    seen: usize,
}

/// Plays a script without and with restarts.
pub fn play(policy: &str, script: impl Fn(&mut Timeline)) {
    play_with(&parse_policy(policy), None, script);
}

pub fn play_with(policy: &Policy, retention_ms: Option<i64>, script: impl Fn(&mut Timeline)) {
    let said = [false, true].map(|restarts| {
        let options = Options { future_tolerance_ms: TOLERANCE_MS, retention_ms, ..Options::default() };
        let shard = Shard::new(Arc::new(policy.clone()), options, &SOURCES);
        let mut timeline = Timeline { shard, restarts, count: 0, said: Vec::new(), seen: 0 };
        script(&mut timeline);
        timeline.said
    });
    assert_eq!(said[0], said[1], "a restart must not matter");
}

impl Timeline {
    /// It happens and is learnt at the same instant.
    #[track_caller]
    pub fn at(&mut self, time: &str, told: Told) -> &mut Self {
        self.learnt(time, time, told)
    }

    /// It happened at `time` and is learnt at `append`.
    #[track_caller]
    pub fn learnt(&mut self, append: &str, time: &str, told: Told) -> &mut Self {
        assert_eq!(self.hear(append, time, told), Ok(Applied::Accepted), "learnt at {append}");
        self
    }

    #[track_caller]
    pub fn hear(&mut self, append: &str, time: &str, told: Told) -> Result<Applied, Reason> {
        self.until(append);
        self.apply(append, time, told)
    }

    /// It is applied although timers of other leads that were due before are left.
    #[track_caller]
    pub fn before_timers(&mut self, time: &str, told: Told) -> &mut Self {
        assert_eq!(self.apply(time, time, told), Ok(Applied::Accepted), "applied at {time}");
        self
    }

    #[track_caller]
    fn apply(&mut self, append: &str, time: &str, told: Told) -> Result<Applied, Reason> {
        self.count += 1;
        let mut event = told.0;
        event["time"] = instant(time).to_string().into();
        if event["id"].is_null() {
            event["id"] = self.count.to_string().into();
        }
        let bytes = serde_json::to_vec(&event).expect("JSON");
        let event = event::decode(&bytes).map_err(|rejection| rejection.reason)?;
        let topic = SOURCES.iter().position(|source| *source == event.source).expect("a topic");
        let applied = self.shard.apply(&event, instant(append), (topic, self.count));
        self.collect();
        applied.map_err(|rejection| rejection.reason)
    }

    /// The watermark comes to `time`: what is due before it is told.
    #[track_caller]
    pub fn until(&mut self, time: &str) -> &mut Self {
        self.shard.advance(instant(time), usize::MAX);
        self.collect();
        self
    }

    fn collect(&mut self) {
        let turn = self.shard.turn();
        for notice in &turn.outbox.notices {
            let json = turn.outbox.json(notice);
            crate::schema_check::validate(json);
            let value: Value = serde_json::from_slice(json).expect("JSON");
            assert!(self.said.iter().all(|said| said["id"] != value["id"]), "an id repeats: {value}");
            self.said.push(value);
        }
        self.shard.commit();
        if self.restarts {
            let mut next = Shard::new(self.shard.policy().clone(), self.shard.options(), &SOURCES);
            for record in self.shard.records() {
                next.restore_record(record.into()).expect("a stored record");
            }
            let positions: Vec<(usize, u64)> = self.shard.positions().iter().map(|known| known.1).enumerate().collect();
            next.restore_position(self.shard.watermark(), &positions);
            assert_eq!(next.open_clocks(), self.shard.open_clocks());
            self.shard = next;
        }
    }

    /// Exactly this was told since the last look.
    #[track_caller]
    pub fn tells(&mut self, expected: &[&str]) -> &mut Self {
        let lines: Vec<String> = self.said[self.seen..].iter().map(|notice| self.line(notice)).collect();
        self.seen = self.said.len();
        assert_eq!(lines, expected);
        self
    }

    /// What was told since the last look, but for notices of these kinds.
    pub fn fresh(&mut self, but: &[&str]) -> Vec<String> {
        let fresh = self.said[self.seen..].iter();
        let other = |notice: &&Value| but.iter().all(|kind| notice["type"] != format!("sla.{kind}"));
        let lines = fresh.filter(other).map(|notice| self.line(notice)).collect();
        self.seen = self.said.len();
        lines
    }

    /// The data of the last notice of this kind.
    #[track_caller]
    pub fn last(&self, kind: &str) -> &Value {
        let kind = format!("sla.{kind}");
        &self.said.iter().rev().find(|said| said["type"] == kind).expect("a notice of this kind")["data"]
    }

    #[track_caller]
    pub fn lead(&self, lead: &str) -> LeadView {
        let record = self.shard.lead(lead).expect("a lead");
        inspect(self.shard.rules(), record, self.shard.watermark()).expect("a record")
    }

    /// `sla#cycle state` of each clock of a lead.
    #[track_caller]
    pub fn clocks(&self, lead: &str) -> Vec<String> {
        let line = |clock: &plazo::engine::ClockView| format!("{}#{} {}", clock.sla, clock.cycle, clock.state.name());
        self.lead(lead).clocks.iter().map(line).collect()
    }

    pub fn rules(&self) -> &Rules {
        self.shard.rules()
    }

    fn line(&self, notice: &Value) -> String {
        let data = &notice["data"];
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let short_kind = |kind: &Value| word(kind).replace("sla.", "").replace("watch.", "");
        let kind = short_kind(&notice["type"]);
        let mut line = format!("{} {kind}", short(&notice["time"]));
        let lead = word(&data["lead_id"]);
        if lead != "L1" {
            line += &format!(" {lead}");
        }
        if kind == "mass_disposition" {
            let (owner, disposition) = (word(&data["owner"]), word(&data["disposition"]));
            return line + &format!(" by {owner} {} {disposition} since {}", data["leads"], short(&data["from"]));
        }
        line += &format!(" {}#{}", word(&data["sla"]), data["cycle"]);
        line += &match kind.as_str() {
            "started" | "deadline_moved" | "resumed" | "paused" if data["due_at"].is_null() => {
                format!(" left {}s", data["remaining_seconds"])
            }
            "started" | "deadline_moved" | "resumed" | "paused" => format!(" due {}", short(&data["due_at"])),
            "reminder" => format!(" {} until {}", word(&data["at"]), short(&data["valid_until"])),
            "breached" => {
                format!("{} by {}", if data["found_late"] == true { " late" } else { "" }, word(&data["owner"]))
            }
            "escalated" => format!(" step {}", data["step"]),
            "met" | "met_late" => format!(" after {}s by {}", data["open_seconds"], word(&data["owner"])),
            "cancelled" => format!(" {}", word(&data["reason"])),
            "ping_pong" => {
                let owners: Vec<String> = data["owners"].as_array().into_iter().flatten().map(word).collect();
                format!(" {}", owners.join(" > "))
            }
            "retracted" => {
                let taken = self.said.iter().find(|said| said["id"] == data["retracts"]).expect("a known id");
                assert_eq!(taken["type"], data["retracts_type"]);
                format!(" {} ({})", short_kind(&taken["type"]), word(&data["reason"]))
            }
            other => panic!("a notice of kind {other}"),
        };
        line
    }
}

/// Plays the facts (event time, what) in every order of arrival, all learnt at `append`; the clocks must always be the same.
/// They are given back as JSON, without what tells of the arrival.
#[track_caller]
pub fn any_order(policy: &str, lead: &str, append: &str, facts: &[(&str, Told)]) -> Vec<Value> {
    let facts: Vec<(&str, Told)> =
        facts.iter().enumerate().map(|(at, (time, told))| (*time, told.clone().id(&format!("fact {at}")))).collect();
    let mut orders = vec![Vec::new()];
    for fact in 0..facts.len() {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |place| {
                    let mut longer = order.clone();
                    longer.insert(place, fact);
                    longer
                })
            })
            .collect();
    }
    let policy = parse_policy(policy);
    let mut first: Option<(Vec<usize>, Vec<Value>)> = None;
    for order in orders {
        let shard = Shard::new(Arc::new(policy.clone()), Options::default(), &SOURCES);
        let mut timeline = Timeline { shard, restarts: false, count: 0, said: Vec::new(), seen: 0 };
        for fact in &order {
            let (time, told) = &facts[*fact];
            timeline.learnt(append, time, told.clone());
        }
        let clocks: Vec<Value> = timeline.lead(lead).clocks.iter().map(unmarked).collect();
        match &first {
            None => first = Some((order, clocks)),
            Some((other, expected)) => assert_eq!(&clocks, expected, "in the order {order:?}, not as in {other:?}"),
        }
    }
    first.map(|first| first.1).unwrap_or_default()
}

/// A clock as the facts make it; which reminders and steps were passed over depends on the arrival.
pub fn unmarked(clock: &plazo::engine::ClockView) -> Value {
    let mut value = serde_json::to_value(clock).expect("JSON");
    for name in ["reminders", "escalations"] {
        for mark in value[name].as_array_mut().into_iter().flatten() {
            mark["state"].take();
            mark["reason"].take();
        }
    }
    for name in ["started_by", "ended_by", "found_late", "deadline_moves", "retracted"] {
        value["why"][name].take();
    }
    value["next"].take();
    value
}
