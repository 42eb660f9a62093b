//! Leads told to people, in both languages, against the texts in `tests/data/explain`. Where one differs, what was told stands in
//! the folder of the build that the message names: if it is right, copy it over the old one.

use std::fs;
use std::path::Path;

use crate::timeline::{Timeline, activity, assigned, created, deleted, merged, play_with, status, tell, updated};
use plazo::engine::LeadView;
use plazo::explain;
use plazo::language::Lang;
use plazo::policy::{self, Policy};
use serde_json::{Value, json};

const HEAD: &str = r#"
[agreement]
name = "Lead management"
effective_from = "2026-01-01T00:00:00-03:00"
timezone = "America/Sao_Paulo"
[[status]]
name = "new"
stage = "marketing_qualified"
[[status]]
name = "working"
stage = "sales_accepted"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
[calendars.office]
timezone = "America/Sao_Paulo"
holidays = ["holidays.ics"]
weekly = { mon = ["09:00-12:00", "13:00-18:00"], tue = ["09:00-12:00", "13:00-18:00"], wed = ["09:00-18:00"], thu = ["09:00-18:00"], fri = ["09:00-17:00"] }
dates = { "2026-03-05" = ["13:00-18:00"] }
"#;

const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:20260304\r\n\
    SUMMARY:Founding day\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

const DISPOSITION: &str = r#"
[[sla]]
name = "disposition"
promised_by = "Sales"
promise = "Every lead is qualified or found unsuitable in time"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"], at_most = "5 business days" }
  [[sla.target]]
  name = "promised date"
  when = { respond_by = { present = true } }
  by = "respond_by"
  [[sla.target]]
  name = "hot"
  when = { source = ["demo_request", "webinar"], score = { at_least = 80 } }
  within = "8 business hours"
  [[sla.target]]
  within = "2 business days"
  [[sla.reminder]]
  at = "50%"
  [[sla.reminder]]
  at = "1 business hour before"
  [[sla.escalation]]
  after = "0 hours"
  notify = ["owner"]
  [[sla.escalation]]
  after = "4 business hours"
  notify = ["manager", "sales operations"]
  action = "reassign"
"#;

fn policy(text: &str) -> Policy {
    policy::parse("agreement.toml", text, &|_| Ok(HOLIDAYS.to_owned())).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Holds what is told of a lead against the files of that name.
#[track_caller]
fn tells(name: &str, view: &LeadView) {
    let mut differs = Vec::new();
    for lang in [Lang::En, Lang::Es] {
        let told = explain::text(view, lang);
        let file = format!("{name}.{}.txt", lang.code());
        let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/explain").join(&file);
        if fs::read_to_string(&known).ok().as_deref() != Some(told.as_str()) {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explain");
            fs::create_dir_all(&folder).expect("a folder of the build");
            fs::write(folder.join(&file), &told).expect("a file of the build");
            differs.push(format!("{} is not {}:\n{told}", folder.join(&file).display(), known.display()));
        }
    }
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

fn plays(policy: &Policy, name: &str, script: impl Fn(&mut Timeline)) {
    play_with(policy, None, |t| {
        script(t);
        tells(name, &t.lead("L1"));
    });
}

fn json_of(view: &LeadView) -> Value {
    serde_json::to_value(view).expect("JSON")
}

fn hot(owner: &str) -> crate::timeline::Told {
    created().with("owner", owner).with("team", "north").with("attributes", json!({"source": "webinar", "score": 90}))
}

#[test]
fn a_pause_over_a_holiday() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "pause_over_a_holiday", |t| {
        t.at("2 13:00", created().with("status", "new").with("attributes", json!({"source": "webinar", "score": 90})))
            .at("2 13:05", assigned("ana").with("team", "north"))
            .at("2 18:00", status("on_hold").with("reason", "asked us to call back"))
            .at("5 17:30", status("working"))
            .until("5 18:00");
        let view = json_of(&t.lead("L1"));
        let why = &view["clocks"][0]["why"];
        let dates = json!([
            {"date": "2026-03-04", "why": "holiday", "name": "Founding day", "hours": []},
            {"date": "2026-03-05", "why": "own_hours", "hours": ["13:00-18:00"]}
        ]);
        assert_eq!(why["dates"], dates);
        assert_eq!(why["pauses"][0]["status"], "on_hold");
        let score = json!({"key": "score", "asks": {"at_least": 80.0}, "value": "90", "holds": true});
        assert_eq!(why["targets"][1]["conditions"][0], score);
        assert_eq!(json!([why["targets"][0]["chosen"], why["targets"][1]["chosen"]]), json!([false, true]));
        // What is counted is the allowance.
        let instant = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).map(plazo::time::Timestamp::ms);
        let counted: i64 = why["counted"]
            .as_array()
            .expect("intervals")
            .iter()
            .map(|open| instant(&open["to"]).expect("an instant") - instant(&open["from"]).expect("an instant"))
            .sum();
        assert_eq!(counted, 8 * plazo::time::HOUR_MS);
    });
}

#[test]
fn a_late_event_that_retracts() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "late_event_that_retracts", |t| {
        t.at("2 12:00", hot("ana")).until("3 18:00").learnt("3 18:00", "2 20:00", status("qualified")).until("3 19:00");
        let view = json_of(&t.lead("L1"));
        let retracted = json!([{"type": "sla.breached", "count": 1}, {"type": "sla.escalated", "count": 2}]);
        assert_eq!((&view["clocks"][0]["why"]["retracted"], &view["clocks"][0]["state"]), (&retracted, &"met".into()));
    });
}

#[test]
fn a_merged_lead() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "merged_lead", |t| {
        t.at("2 13:00", assigned("ana")).at("3 14:00", merged("L2"));
    });
}

#[test]
fn a_lead_moved_among_owners() {
    let restart = DISPOSITION.replace("promised_by", "on_reassign = \"restart\"\npromised_by");
    plays(&policy(&format!("{HEAD}{restart}")), "moved_among_owners", |t| {
        t.at("2 13:00", hot("ana"))
            .at("2 17:00", assigned("bruno"))
            .at("3 13:00", assigned("").with("team", "south"))
            .at("3 14:00", assigned("clara"))
            .until("6 19:00");
    });
}

#[test]
fn a_deadline_that_the_source_gives() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "deadline_by_the_source", |t| {
        t.at("2 13:00", hot("ana"))
            .at("2 14:00", updated("respond_by", "2026-03-05T18:00:00-03:00"))
            .at("3 14:00", updated("respond_by", "2026-03-06T12:00:00-03:00"));
    });
}

#[test]
fn a_cadence() {
    let cadence = r#"
[[sla]]
name = "follow_up"
start = { status = ["working"] }
stop = { disposition = "any" }
recur = { activity = ["call", "email"] }
  [[sla.target]]
  within = "3 days"
  [[sla.reminder]]
  at = "1 day before"
"#;
    plays(&policy(&format!("{HEAD}{cadence}")), "cadence", |t| {
        t.at("2 13:00", status("working").with("owner", "ana"))
            .at("3 13:00", activity("call"))
            .at("4 13:00", activity("email").with("by", "automation"))
            .at("7 13:00", activity("email"))
            .until("8 13:00");
    });
}

#[test]
fn a_clock_found_late() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "found_late", |t| {
        t.learnt("6 18:00", "2 12:00", hot("ana")).until("6 19:00");
        let view = json_of(&t.lead("L1"));
        assert_eq!(view["clocks"][0]["why"]["found_late"], true);
        assert_eq!(view["clocks"][0]["reminders"][0]["reason"], "not_ahead");
        assert_eq!(view["clocks"][0]["escalations"][0]["reason"], "superseded");
    });
}

#[test]
fn a_lead_under_two_versions() {
    let first = policy(&format!("{HEAD}{DISPOSITION}"));
    let head = HEAD.replace("2026-01-01T", "2026-03-03T").replace("Lead management", "Lead management, faster");
    let second = policy(&format!("{head}{}", DISPOSITION.replace("8 business hours", "4 business hours")));
    let both = Policy::of([first, second].into_iter().flat_map(|policy| policy.versions).collect());
    plays(&both, "two_versions", |t| {
        t.at("2 13:00", hot("ana"))
            .at("2 19:00", status("unsuitable"))
            .at("3 13:00", status("working"))
            .until("3 15:00");
    });
}

#[test]
fn a_pause_that_lasts_no_longer_than_it_may() {
    let bounded = DISPOSITION.replace("5 business days", "4 business hours");
    plays(&policy(&format!("{HEAD}{bounded}")), "pause_used_up", |t| {
        t.at("2 13:00", hot("ana")).at("2 14:00", status("on_hold")).until("3 12:30");
    });
}

#[test]
fn a_paused_lead() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "paused", |t| {
        t.at("2 13:00", assigned("ana")).at("3 14:00", status("on_hold")).until("3 15:00");
        let next = json!({"at": "2026-03-11T14:00:00Z", "what": "pause_ends"});
        assert_eq!(json_of(&t.lead("L1"))["clocks"][0]["next"], next);
    });
}

#[test]
fn a_clock_that_later_facts_took_away() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "withdrawn_clock", |t| {
        t.at("3 13:00", hot("ana")).until("4 13:00").learnt("4 14:00", "2 13:00", hot("ana"));
    });
}

#[test]
fn a_lead_without_a_clock() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "no_clock", |t| {
        t.at("2 13:00", created().with("status", "new"))
            .at("2 14:00", tell("opportunity.created", json!({"opportunity_id": "O1", "value": 10})));
    });
}

#[test]
fn a_lead_whose_events_have_a_gap() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "stale", |t| {
        t.at("2 13:00", hot("ana")).at("2 14:00", tell("lead.gap", json!({}))).until("5 18:00");
    });
}

#[test]
fn a_lead_handed_on_too_often_and_one_too_many_of_its_owner() {
    let watch = r#"
[watch]
ping_pong = { more_than = 2 }
mass_disposition = { more_than = 2, within = "10 minutes" }
"#;
    plays(&policy(&format!("{HEAD}{DISPOSITION}{watch}")), "watched", |t| {
        t.at("2 13:00", hot("ana")).at("2 13:10", assigned("bruno")).at("2 13:20", assigned("ana"));
        t.at("2 13:25", assigned("clara"));
        for other in ["L2", "L3"] {
            t.at("2 13:26", assigned("clara").of(other)).at("2 13:28", status("unsuitable").of(other));
        }
        let view = json_of(&t.lead("L1"));
        assert_eq!(view["clocks"][0]["why"]["ping_pong"], json!({"at": "2026-03-02T13:25:00Z", "more_than": 2}));
        assert_eq!(view["mass_dispositions"], Value::Null);
        t.at("2 13:30", status("unsuitable")).until("2 14:00");
        let told = json!([{"at": "2026-03-02T13:30:00Z", "owner": "clara", "disposition": "disqualified"}]);
        assert_eq!(json_of(&t.lead("L1"))["mass_dispositions"], told);
        assert_eq!(json_of(&t.lead("L2"))["mass_dispositions"], Value::Null);
    });
}

#[test]
fn handovers_that_were_told_and_are_no_more() {
    let watch = "[watch]\nping_pong = { more_than = 1 }\n";
    plays(&policy(&format!("{HEAD}{DISPOSITION}{watch}")), "handovers_taken_back", |t| {
        t.at("2 13:00", hot("ana")).at("2 13:10", assigned("bruno")).at("2 13:20", assigned("ana"));
        t.learnt("2 14:00", "2 13:15", status("qualified"));
        assert_eq!(json_of(&t.lead("L1"))["clocks"][0]["why"]["ping_pong"], Value::Null);
    });
}

#[test]
fn a_lead_with_more_facts_than_are_kept_one_by_one() {
    plays(&policy(&format!("{HEAD}{DISPOSITION}")), "folded", |t| {
        t.at("2 13:00", hot("ana"));
        for day in 2..12 {
            for hour in 14..20 {
                t.at(&format!("{day} {hour}:00"), activity("call"));
            }
            t.at(&format!("{day} 20:00"), status(if day % 2 == 0 { "qualified" } else { "working" }));
        }
        assert!(json_of(&t.lead("L1"))["folded"]["facts"].as_u64() > Some(5));
    });
}

/// Facts of one instant: the one that starts the clock, and the one that ends it, whatever else is told of that instant.
#[test]
fn the_facts_that_started_and_ended_a_clock_are_named() {
    let call = || activity("call");
    let told_with = [created(), updated("source", "web"), assigned(""), tell("opportunity.created", json!({}))];
    let ends = [("state", status("qualified")), ("act", call()), ("deleted", deleted()), ("merged", merged("L2"))];
    for (start, started_by) in [
        ("on = \"created\"", created()),
        ("on = \"assigned\"", assigned("ana")),
        ("on = \"opportunity\"", tell("opportunity.created", json!({}))),
        ("status = [\"working\"]", status("working")),
    ] {
        for (what, ended_by) in &ends {
            let stop = if *what == "act" { "activity = [\"call\"]" } else { "disposition = \"any\"" };
            let sla = format!(
                "[[sla]]\nname = \"sla\"\nstart = {{ {start} }}\nstop = {{ {stop} }}\n[[sla.target]]\nwithin = \"8 hours\"\n"
            );
            play_with(&policy(&format!("{HEAD}{sla}")), None, |t| {
                let kind = |told: &crate::timeline::Told| told.kind().to_owned();
                for other in
                    told_with.iter().filter(|other| kind(other) != kind(&started_by) || start.contains("assigned"))
                {
                    t.at("2 13:00", other.clone());
                }
                if *what != "act" {
                    t.at("2 13:00", call());
                }
                t.at("2 13:00", started_by.clone()).at("2 14:00", updated("source", "fair"));
                t.at("2 14:00", ended_by.clone()).at("2 14:00", updated("source", "web"));
                let why = &json_of(&t.lead("L1"))["clocks"][0]["why"];
                let named = json!([why["started_by"]["kind"], why["started_by"]["owner"], why["ended_by"]["kind"]]);
                let owner = if start.contains("assigned") { json!("ana") } else { Value::Null };
                assert_eq!(named, json!([kind(&started_by), owner, kind(ended_by)]), "{start}, {what}");
            });
        }
    }
}

#[test]
fn a_touch_is_named_as_what_started_the_next_interval_of_a_cadence() {
    let cadence = "[[sla]]\nname = \"sla\"\nstart = { status = [\"working\"] }\nstop = { disposition = \"any\" }\nrecur = { activity = \"any\" }\n\
                   [[sla.target]]\nwithin = \"3 days\"\n";
    play_with(&policy(&format!("{HEAD}{cadence}")), None, |t| {
        t.at("2 13:00", status("working")).at("3 13:00", updated("source", "web")).at("3 13:00", activity("call"));
        let lead = json_of(&t.lead("L1"));
        let named = |clock: usize, by: &str| lead["clocks"][clock]["why"][by]["kind"].clone();
        let call = "lead.activity";
        assert_eq!(json!([named(0, "started_by"), named(0, "ended_by")]), json!(["lead.status_changed", call]));
        assert_eq!(json!([named(1, "started_by"), named(1, "ended_by")]), json!([call, null]));
    });
}

/// Each reminder and step of the first clock: its text, what became of it, and why.
fn marks(t: &Timeline) -> Vec<String> {
    let clock = &json_of(&t.lead("L1"))["clocks"][0];
    let marks = ["reminders", "escalations"].iter().flat_map(|marks| clock[marks].as_array().expect("marks"));
    let word = |mark: &Value, name: &str| mark[name].as_str().unwrap_or("-").to_owned();
    marks.map(|mark| [word(mark, "text"), word(mark, "state"), word(mark, "reason")].join(" ")).collect()
}

fn marked() -> Policy {
    let ladder = "[[sla.reminder]]\nat = \"50%\"\n[[sla.escalation]]\nafter = \"0 hours\"\nnotify = [\"owner\"]\n\
                  [[sla.escalation]]\nafter = \"2 hours\"\nnotify = [\"manager\"]\n";
    crate::timeline::parse_policy(&format!("{}{ladder}", crate::timeline::DISPOSITION))
}

#[test]
fn a_reminder_whose_instant_the_clock_is_learnt_at_is_passed_over() {
    play_with(&marked(), None, |t| {
        t.learnt("2 14:00", "2 10:00", assigned("ana"));
        assert_eq!(marks(t), ["50% passed_over not_ahead", "0 hours pending -", "2 hours pending -"]);
    });
}

#[test]
fn what_a_pause_held_is_dropped_when_the_clock_ends_in_it() {
    play_with(&marked(), None, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold"));
        assert_eq!(marks(t), ["50% held -", "0 hours held -", "2 hours held -"]);
        t.at("2 12:00", status("qualified"));
        assert_eq!(marks(t), ["50% dropped -", "0 hours dropped -", "2 hours dropped -"]);
    });
}

#[test]
fn a_step_that_a_later_one_overtook_was_never_told_so_that_it_is_not_taken_back() {
    play_with(&marked(), None, |t| {
        t.learnt("3 10:00", "2 10:00", assigned("ana"));
        let told = ["50% passed_over not_ahead", "0 hours passed_over superseded", "2 hours told -"];
        assert_eq!(marks(t), told);
        t.at("3 11:00", status("qualified"));
        assert_eq!(marks(t), told);
        t.learnt("3 12:00", "2 12:00", status("unsuitable"));
        assert_eq!(marks(t), ["50% dropped -", "0 hours passed_over superseded", "2 hours taken_back -"]);
    });
}

#[test]
fn the_summary_says_from_where_an_allowance_counts_in_whose_hours_and_what_moved_its_end() {
    let restart = DISPOSITION.replace("promised_by", "on_reassign = \"restart\"\npromised_by");
    let summary = |t: &Timeline| json_of(&t.lead("L1"))["clocks"][0]["explanation"]["summary"].clone();
    play_with(&policy(&format!("{HEAD}{restart}")), None, |t| {
        t.at("2 13:00", assigned("ana"));
        let hours = "with other hours on 2026-03-04, 2026-03-05";
        let from = "2 business days from 2026-03-02T13:00:00Z, counted in open time of America/Sao_Paulo";
        assert_eq!(summary(t), format!("{from}, {hours}"));
        // A pause of no length is none.
        t.at("2 14:00", status("on_hold")).at("2 14:00", status("working"));
        assert_eq!(summary(t), format!("{from}, {hours}"));
        t.at("2 15:00", assigned("bruno"));
        let from = from.replace("T13:00:00Z", "T15:00:00Z (restarted on reassignment)");
        assert_eq!(summary(t), format!("{from}, {hours}"));
        t.at("2 16:00", status("on_hold")).at("2 17:00", status("working")).at("2 18:00", status("on_hold"));
        let paused = "paused from 2026-03-02T16:00:00Z to 2026-03-02T17:00:00Z, paused since 2026-03-02T18:00:00Z";
        assert_eq!(summary(t), format!("{from}, {paused}"));
    });
    play_with(&crate::timeline::parse_policy(crate::timeline::DISPOSITION), None, |t| {
        t.at("2 13:00", assigned("ana"));
        assert_eq!(summary(t), "8 hours from 2026-03-02T13:00:00Z");
    });
}

#[test]
fn when_a_lead_is_looked_at_again_is_told_as_long_as_something_may_be_said_of_it() {
    play_with(&marked(), None, |t| {
        let next_due = |t: &Timeline| json_of(&t.lead("L1"))["next_due"].clone();
        t.at("2 10:00", assigned("ana"));
        assert_eq!(next_due(t), "2026-03-02T14:00:00Z");
        t.until("2 17:00");
        assert_eq!(next_due(t), "2026-03-02T18:00:00Z");
        t.at("2 17:00", status("qualified"));
        assert_eq!(next_due(t), Value::Null);
    });
}
