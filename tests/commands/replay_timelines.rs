//! Replays of short histories: exact notices and exact figures. Every notice and report is held against its schema.

use std::io::{self, BufReader};

use plazo::engine::{Outbox, Standing};
use plazo::event;
use plazo::policy::{self, Policy};
use plazo::replay::{Lines, Replay};
use plazo::report::{Collector, Holder, PERCENTS, Tally, to_json, write_csv, write_json};
use plazo::time::{MINUTE_MS, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

const POLICY: &str = r#"
[agreement]
name = "Test"
effective_from = "2026-01-01T00:00:00Z"
timezone = "America/Sao_Paulo"
[[status]]
name = "new"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
name = "web"
when = { source = "web" }
within = "4 hours"
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "1 hour"
notify = ["manager"]
[[sla]]
name = "another"
start = { on = "opportunity" }
stop = { disposition = "any" }
[[sla.target]]
within = "1 day"
"#;

fn policy() -> Policy {
    policy::parse("test.toml", POLICY, &|_| Err(io::Error::other("no files here"))).expect("a policy")
}

/// `time` is of 1 December 2026, or a whole instant.
fn at(time: &str) -> Timestamp {
    let whole = if time.contains('T') { time.to_owned() } else { format!("2026-12-01T{time}:00Z") };
    whole.parse().expect("an instant")
}

/// A history under way; events have their ordinal as id.
struct History {
    replay: Replay,
    told: Vec<String>,
    most_at_once: usize,
    refused: Vec<&'static str>,
    count: u32,
}

impl History {
    fn new(until: Option<&str>) -> Self {
        History {
            replay: Replay::new(policy(), until.map(at), 5 * MINUTE_MS),
            told: Vec::new(),
            most_at_once: 0,
            refused: Vec::new(),
            count: 0,
        }
    }

    fn hear(&mut self, kind: &str, lead: &str, time: &str, mut data: Value) -> &mut Self {
        self.count += 1;
        data["lead_id"] = lead.into();
        let id = self.count.to_string();
        let event =
            json!({"specversion": "1.0", "id": id, "source": "crm", "type": kind, "time": at(time), "data": data});
        self.hear_json(&event)
    }

    fn hear_json(&mut self, json: &Value) -> &mut Self {
        let bytes = serde_json::to_vec(json).expect("JSON");
        let (told, most) = (&mut self.told, &mut self.most_at_once);
        let refused = self.replay.event(event::decode(&bytes), &mut |outbox| Self::note(told, most, outbox));
        self.refused.extend(refused.expect("nothing is written").map(|rejection| rejection.reason.name()));
        self
    }

    fn assigned(&mut self, lead: &str, time: &str, owner: &str) -> &mut Self {
        self.hear("lead.assigned", lead, time, json!({"owner": owner, "team": format!("{owner}'s")}))
    }

    fn status(&mut self, lead: &str, time: &str, to: &str) -> &mut Self {
        self.hear("lead.status_changed", lead, time, json!({"to": to}))
    }

    fn note(told: &mut Vec<String>, most: &mut usize, outbox: &Outbox) -> io::Result<()> {
        *most = outbox.notices.len().max(*most);
        for notice in &outbox.notices {
            let kind = crate::schema_check::validate(outbox.json(notice));
            let json: Value = serde_json::from_slice(outbox.json(notice))?;
            let time = notice.time.to_string().replace("2026-12-01T", "").replace(":00Z", "");
            let owner = json["data"]["owner"].as_str().unwrap_or("-").to_owned();
            told.push(format!("{} {time} {} {owner}", kind.trim_start_matches("sla."), outbox.lead_id(notice)));
        }
        Ok(())
    }

    fn end(&mut self) -> Timestamp {
        let (told, most) = (&mut self.told, &mut self.most_at_once);
        self.replay.finish(&mut |outbox| Self::note(told, most, outbox)).expect("nothing is written")
    }

    fn report(&mut self, by: &[&str], holder: Holder) -> plazo::report::Report {
        let end = self.end();
        let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
        let mut collector = Collector::new(self.replay.rules(), end, &by, holder);
        for record in self.replay.shard().records() {
            collector.add(record).expect("a record");
        }
        collector.finish(self.replay.counts.clone()).expect("records")
    }

    fn json(&mut self, by: &[&str], holder: Holder) -> Value {
        let json = to_json(&self.report(by, holder));
        crate::schema_check::validate_as("report", &json);
        json
    }
}

#[test]
fn a_history_is_told_on_its_own_time_up_to_until() {
    let mut history = History::new(Some("20:00"));
    history
        .assigned("A", "08:00", "ana")
        .assigned("B", "09:00", "bo")
        .status("B", "10:00", "on_hold")
        .status("B", "11:00", "new")
        .status("A", "16:30", "qualified")
        .status("B", "21:00", "qualified");
    assert_eq!(history.end(), at("20:00"));
    let expected = [
        "started 08:00 A ana",
        "started 09:00 B bo",
        "paused 10:00 B bo",
        "resumed 11:00 B bo",
        "reminder 12:00 A ana",
        "reminder 14:00 B bo",
        "breached 16:00 A ana",
        "met_late 16:30 A ana",
        "breached 18:00 B bo",
        "escalated 19:00 B bo",
    ];
    assert_eq!(history.told, expected);
    assert_eq!((history.replay.counts.accepted, history.replay.counts.after_until), (5, 1));
}

#[test]
fn what_is_due_at_until_itself_is_not_told_and_an_event_of_that_instant_is_read() {
    let mut history = History::new(Some("16:00"));
    history.assigned("A", "08:00", "ana").assigned("B", "16:00", "bo");
    history.end();
    assert_eq!(history.told, ["started 08:00 A ana", "reminder 12:00 A ana", "started 16:00 B bo"]);
    let report = history.json(&[], Holder::End);
    assert_eq!((&report["slas"]["disposition"]["running"], &report["as_of"]), (&2.into(), &json!(at("16:00"))));
}

#[test]
fn by_default_time_ends_with_the_last_append_time() {
    let mut history = History::new(None);
    history.assigned("A", "08:00", "ana").assigned("B", "15:59", "bo");
    assert_eq!(history.end(), at("15:59"));
}

#[test]
fn the_append_time_is_the_recorded_time_and_what_comes_late_takes_a_breach_back() {
    let mut history = History::new(None);
    history.assigned("A", "08:00", "ana").assigned("B", "17:30", "bo");
    let late = json!({
        "specversion": "1.0", "id": "late", "source": "crm", "type": "lead.status_changed", "time": at("15:00"),
        "recordedtime": at("18:00"), "data": {"lead_id": "A", "to": "qualified"},
    });
    history.hear_json(&late);
    assert_eq!(history.end(), at("18:00"));
    let expected = [
        "started 08:00 A ana",
        "reminder 12:00 A ana",
        "breached 16:00 A ana",
        "escalated 17:00 A ana",
        "started 17:30 B bo",
        "retracted 17:00 A ana",
        "retracted 16:00 A ana",
        "met 15:00 A ana",
    ];
    assert_eq!(history.told, expected);
}

#[test]
fn the_future_is_judged_only_where_a_recorded_time_is_given() {
    let mut history = History::new(None);
    history.assigned("A", "08:00", "ana").assigned("B", "2030-01-01T00:00:00Z", "bo");
    let mut ahead = json!({
        "specversion": "1.0", "id": "ahead", "source": "crm", "type": "lead.assigned", "time": "2031-01-01T00:05:01Z",
        "recordedtime": "2031-01-01T00:00:00Z", "data": {"lead_id": "C", "owner": "cy"},
    });
    history.hear_json(&ahead);
    assert_eq!(history.refused, ["future_time"]);
    ahead["time"] = "2031-01-01T00:05:00Z".into();
    history.hear_json(&ahead);
    assert_eq!((history.refused.len(), history.replay.counts.accepted), (1, 3));
}

#[test]
fn a_crowd_due_at_once_is_handed_on_in_parts_by_lead() {
    let mut history = History::new(None);
    let leads: Vec<String> = (0..1_000).map(|lead| format!("L{lead:04}")).collect();
    for lead in leads.iter().rev() {
        history.assigned(lead, "08:00", "ana");
    }
    history.end();
    history.told.clear();
    history.most_at_once = 0;
    history.assigned("Z", "2026-12-09T00:00:00Z", "zoe");
    history.end();
    let told = |kind: &str, time: &str| -> Vec<String> {
        leads.iter().map(|lead| format!("{kind} {time} {lead} ana")).collect()
    };
    let mut expected = told("reminder", "12:00");
    expected.extend(told("breached", "16:00"));
    expected.extend(told("escalated", "17:00"));
    expected.push("started 2026-12-09T00:00 Z zoe".to_owned());
    assert_eq!(history.told.len(), expected.len());
    assert!(history.told == expected, "in another order");
    assert!(history.most_at_once <= 512, "{} notices held at once", history.most_at_once);
}

#[test]
fn the_report_has_the_words_and_order_of_the_contract() {
    let mut history = History::new(Some("20:00"));
    history
        .hear("lead.created", "A", "08:00", json!({"owner": "ana", "team": "north", "attributes": {"source": "web"}}))
        .assigned("B", "09:00", "bo")
        .status("A", "11:00", "qualified")
        .status("B", "18:00", "odd")
        .status("B", "19:00", "qualified")
        .status("C", "19:30", "qualified")
        .assigned("C", "19:40", "cy");
    let report = history.report(&[], Holder::End);
    let mut text = Vec::new();
    write_json(&report, &mut text).expect("written");
    let text = String::from_utf8(text).expect("UTF-8").replace(['\n', ' '], "");
    let ages = |running: [u32; 7], overdue: [u32; 7]| {
        let bounds = [0, 3_600, 14_400, 86_400, 259_200, 604_800, 2_592_000].map(|bound| bound.to_string());
        let below = bounds.iter().skip(1).map(String::as_str).chain(["null"]);
        let ages: Vec<String> = bounds.iter().zip(below).zip(running.iter().zip(overdue)).map(|((from, below), (running, overdue))| {
            format!(r#"{{"from_seconds":{from},"below_seconds":{below},"running":{running},"paused":0,"overdue":{overdue}}}"#)
        }).collect();
        format!(r#""open_clocks":[{}]"#, ages.join(","))
    };
    let nothing = ages([0; 7], [0; 7]);
    let a = r#""started":1,"met":1,"met_late":0,"breached":0,"running":0,"cancelled":0,"met_share":1.0,"open_seconds":{"p50":10800,"p90":10800,"p99":10800}"#;
    let b = r#""started":1,"met":0,"met_late":1,"breached":0,"running":0,"cancelled":0,"met_share":0.0,"open_seconds":{"p50":36000,"p90":36000,"p99":36000}"#;
    let both = r#""started":2,"met":1,"met_late":1,"breached":0,"running":0,"cancelled":0,"met_share":0.5,"open_seconds":{"p50":10800,"p90":36000,"p99":36000}"#;
    let none = r#""started":0,"met":0,"met_late":0,"breached":0,"running":0,"cancelled":0,"met_share":null,"open_seconds":{"p50":null,"p90":null,"p99":null}"#;
    let held = r#""ana":{"open_seconds":10800,"share":0.2308,"breached_seconds":0,"breached_share":0.0},"bo":{"open_seconds":36000,"share":0.7692,"breached_seconds":36000,"breached_share":1.0}"#;
    let late = r#"{"lead_id":"B","cycle":1,"state":"met_late","target":"8hours","owner":"bo","team":"bo's","started_at":"2026-12-01T09:00:00Z","due_at":"2026-12-01T17:00:00Z","ended_at":"2026-12-01T19:00:00Z","open_seconds":36000,"summary":"8hoursfrom2026-12-01T09:00:00Z"}"#;
    let expected = format!(
        r#"{{"as_of":"2026-12-01T20:00:00Z","slas":{{"disposition":{{{both},"by_team":{{"bo's":{{{b}}},"north":{{{a}}}}},"by_owner":{{"ana":{{{a}}},"bo":{{{b}}}}},"by_target":{{"8hours":{{{b}}},"web":{{{a}}}}},"by_month":{{"2026-12":{{{both}}}}},"not_started":{{"already_stopped":1,"before_first_version":0}},{nothing},"open_time_by_owner":{{{held}}},"breaches":[{late}],"breaches_left_out":0}},"another":{{{none},"by_team":{{}},"by_owner":{{}},"by_target":{{}},"by_month":{{}},"not_started":{{"already_stopped":0,"before_first_version":0}},{nothing},"open_time_by_owner":{{}},"breaches":[],"breaches_left_out":0}}}},"events":{{"accepted":6,"duplicate":0,"rejected":{{"unknown_status":1}}}}}}"#
    );
    assert_eq!(text, expected);
    crate::schema_check::validate_as("report", &to_json(&report));
    let mut csv = Vec::new();
    write_csv(&report, &mut csv).expect("written");
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert!(csv.contains("\ndisposition,team,north,1,1,0,0,0,0,1,10800,10800,10800,,\n"), "{csv}");
    assert!(csv.contains("\nanother,,,0,0,0,0,0,0,,,,,,\n"), "{csv}");
}

#[test]
fn a_clock_counts_under_who_held_it_at_its_end_or_at_its_deadline() {
    let history = || {
        let mut history = History::new(Some("20:00"));
        history
            .assigned("late", "08:00", "ana")
            .assigned("late", "16:00", "bo")
            .assigned("late", "17:00", "cy")
            .status("late", "18:00", "qualified")
            .assigned("in_time", "08:00", "ana")
            .status("in_time", "09:00", "qualified")
            .assigned("in_time", "10:00", "bo")
            .assigned("open", "16:30", "dee")
            .assigned("open", "17:30", "eve");
        history
    };
    let owners = |holder| {
        let report = history().json(&[], holder);
        let owners = report["slas"]["disposition"]["by_owner"].as_object().expect("owners").clone();
        owners.into_iter().map(|(owner, tally)| format!("{owner} {}", tally["started"])).collect::<Vec<_>>()
    };
    assert_eq!(owners(Holder::End), ["ana 1", "cy 1", "eve 1"]);
    // At 16:00 sharp the lead had just been given to bo.
    assert_eq!(owners(Holder::Due), ["ana 1", "bo 1", "eve 1"]);
}

#[test]
fn months_are_those_of_the_final_deadline_in_the_agreements_zone_and_a_held_clock_has_none() {
    let mut history = History::new(Some("2027-01-05T00:00:00Z"));
    history
        // Due at 02:30 UTC of 1 January, which is still December in Sao Paulo.
        .assigned("A", "2026-12-31T18:30:00Z", "ana")
        .assigned("B", "2026-12-31T19:30:00Z", "ana")
        .assigned("C", "2026-12-31T18:00:00Z", "ana")
        .status("C", "2026-12-31T19:00:00Z", "on_hold");
    let report = history.json(&[], Holder::End);
    let by_month = &report["slas"]["disposition"]["by_month"];
    assert_eq!((&by_month["2026-12"]["breached"], &by_month["2027-01"]["breached"]), (&1.into(), &1.into()));
    assert_eq!(by_month["(none)"]["running"], 1);
}

#[test]
fn an_attribute_groups_by_its_value_at_the_start_and_once_however_often_it_is_asked() {
    let mut history = History::new(Some("20:00"));
    let set = |source: &str| json!({"attributes": {"source": source}});
    history
        .hear("lead.updated", "A", "07:00", set("fair"))
        .assigned("A", "08:00", "ana")
        .hear("lead.updated", "A", "08:00", set("web"))
        .hear("lead.updated", "A", "09:00", set("later"))
        .assigned("B", "08:00", "ana");
    let report = history.report(&["source", "region", "source"], Holder::End);
    let mut groups = Vec::new();
    for (name, by) in &report.slas[0].1.by {
        groups.extend(by.keys().map(|group| format!("{name} {group}")));
    }
    assert_eq!(groups, ["source (none)", "source web", "region (none)"]);
    crate::schema_check::validate_as("report", &to_json(&report));
}

#[test]
fn quantiles_are_of_the_nearest_rank() {
    let mut history = History::new(None);
    for minute in 1..=10 {
        let lead = format!("L{minute}");
        history.assigned(&lead, "08:00", "ana").status(&lead, &format!("08:{minute:02}"), "qualified");
    }
    let report = history.json(&[], Holder::End);
    assert_eq!(report["slas"]["disposition"]["open_seconds"], json!({"p50": 300, "p90": 540, "p99": 600}));
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, rng_seed: RngSeed::Fixed(21), ..Config::default() })]

    /// What a quantile is, by counting: the least time that at least so many of a hundred stopped clocks took no longer than.
    #[test]
    fn quantiles_err_by_at_most_one_percent(
        times in vec((0u32..40, 1i64..1_000, any::<bool>()), 0..300),
        others in vec((select(vec![Standing::Breached, Standing::Running, Standing::Cancelled]), 0i64..1_000_000), 0..20),
    ) {
        let times: Vec<(i64, bool)> = times.iter().map(|(doubled, ms, late)| (ms << (doubled / 2), *late)).collect();
        let mut tally = Tally::nothing();
        for (ms, late) in &times {
            tally.count(if *late { Standing::MetLate } else { Standing::Met }, *ms);
        }
        for (standing, ms) in others {
            tally.count(standing, ms);
        }
        for (percent, told) in PERCENTS.into_iter().zip(tally.quantiles_ms()) {
            let within = |most: i64| times.iter().filter(|(ms, _)| *ms <= most).count();
            let enough = times.iter().map(|(ms, _)| *ms).filter(|ms| within(*ms) * 100 >= percent * times.len());
            let Some(exact) = enough.min() else {
                prop_assert_eq!(told, None);
                continue;
            };
            let error = told.map(|told| (told - exact).abs());
            prop_assert!(error.is_some_and(|error| error * 100 <= exact), "p{}: {:?}, not {}", percent, told, exact);
        }
    }
}

#[test]
fn lines_may_be_blank_broken_or_too_long_and_the_next_is_read() {
    let long = "x".repeat(event::MAX_EVENT_BYTES);
    let input = format!("\u{feff}first\r\n\n  \n{long}\n{long}y\nlast");
    // A small buffer cuts every line somewhere.
    let mut lines = Lines::new(BufReader::with_capacity(7, input.as_bytes()));
    let mut seen = Vec::new();
    while let Some((number, line)) = lines.next().expect("read") {
        let told = match line {
            Ok(line) if line.len() < 10 => String::from_utf8_lossy(line).into_owned(),
            Ok(line) => line.len().to_string(),
            Err(rejection) => rejection.to_string(),
        };
        seen.push(format!("{number}: {told}"));
    }
    let refused = "5: too_large: the line has 1048577 bytes, more than the 1048576 allowed";
    assert_eq!(seen, ["1: first", "4: 1048576", refused, "6: last"]);
}
