//! Kinds of promises, who is credited, and leads that were forgotten (SEMANTICS §4, 12.4, 12.8, 12.24, 12.28, 12.31, 12.42).

use crate::timeline::{
    DISPOSITION, activity, assigned, created, one, opportunity, parse_policy, play, play_with, status, updated,
};
use plazo::engine::Applied;
use plazo::event::Reason;
use plazo::time::DAY_MS;
use serde_json::{Value, json};

const HOUR: i64 = 3_600;

fn shares(notice: &Value) -> Value {
    json!([notice["owner"], notice["open_seconds"], notice["open_seconds_by_owner"]])
}

#[test]
fn a_breach_and_the_outcome_after_it_share_open_time_among_all_who_held_the_lead() {
    let policy = one(
        "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }",
        "within = \"9 business hours\"",
    );
    play(&policy, |t| {
        t.at("2 14:00", assigned("ana")).at("2 16:00", assigned("bo")).at("3 10:00", assigned(""));
        t.at("3 11:00", assigned("cy")).until("3 15:00");
        let by_owner = json!({"ana": 2 * HOUR, "bo": 3 * HOUR, "(none)": HOUR, "cy": 3 * HOUR});
        assert_eq!(shares(t.last("breached")), json!(["cy", 9 * HOUR, by_owner]));
        // Back with bo, and paused in the meantime: neither the pause nor the night counts for anybody.
        t.at("3 15:00", status("on_hold")).at("3 16:00", assigned("bo")).at("3 17:00", status("working"));
        t.at("5 10:00", status("qualified").with("owner", "dee"));
        let by_owner = json!({"ana": 2 * HOUR, "bo": 5 * HOUR, "(none)": HOUR, "cy": 4 * HOUR});
        assert_eq!(shares(t.last("met_late")), json!(["bo", 12 * HOUR, by_owner]));
    });
}

#[test]
fn case_35_a_target_of_the_source_is_looked_at_again_only_when_its_attribute_speaks() {
    let target = "when = { tier = \"gold\" }\nby = \"respond_by\"\n[[sla.target]]\nwithin = \"8 hours\"";
    let policy = one("start = { on = \"assigned\" }\nstop = { disposition = \"any\" }", target);
    play(&policy, |t| {
        t.at("2 09:00", updated("respond_by", "2026-03-02T12:00:00Z")).at("2 10:00", assigned("ana"));
        t.at("2 10:30", updated("tier", "gold")).at("2 10:40", updated("respond_by", "2026-03-02T12:00:00Z"));
        t.tells(&["2 10:00 started sla#1 due 2 18:00"]);
        t.at("2 10:50", updated("respond_by", "2026-03-02T13:00:00Z"));
        t.tells(&["2 10:50 deadline_moved sla#1 due 2 13:00"]);
    });
}

#[test]
fn case_35_a_deadline_of_the_source_ten_years_ahead_is_the_farthest() {
    let target =
        "when = { respond_by = { present = true } }\nby = \"respond_by\"\n[[sla.target]]\nwithin = \"8 hours\"";
    play(&one("start = { on = \"assigned\" }\nstop = { disposition = \"any\" }", target), |t| {
        let by = |instant: &str| updated("respond_by", instant);
        assert_eq!(t.hear("2 10:00", "2 10:00", by("2036-03-02T10:00:00.001Z")), Err(Reason::BadAttribute));
        t.at("2 10:00", by("2036-03-02T10:00:00Z")).at("2 11:00", assigned("ana"));
        t.tells(&["2 11:00 started sla#1 due 2036-03-02T10:00:00Z"]);
    });
}

#[test]
fn case_28_what_is_told_of_an_ended_clock_names_who_is_credited_and_its_start_who_held_the_lead_then() {
    let policy = one("start = { on = \"created\" }\nstop = { disposition = \"any\" }", "within = \"8 hours\"");
    let owners = |t: &crate::timeline::Timeline| -> Vec<Value> {
        t.said.iter().map(|said| json!([said["type"], said["data"]["owner"]])).collect()
    };
    play(&policy, |t| {
        t.at("2 10:00", created()).until("2 19:00");
        t.learnt("2 19:00", "2 17:00", status("qualified").with("owner", "bo"));
        let told = [("started", None), ("breached", None), ("retracted", Some("bo")), ("met", Some("bo"))];
        assert_eq!(owners(t), told.map(|(kind, owner)| json!([format!("sla.{kind}"), owner])));
    });
    play(&policy, |t| {
        t.at("2 10:00", created().with("status", "working")).at("2 10:00", status("qualified").with("owner", "bo"));
        assert_eq!(owners(t), [json!(["sla.started", null]), json!(["sla.met", "bo"])]);
    });
}

#[test]
fn shares_of_an_elapsed_promise_are_of_real_time() {
    play(DISPOSITION, |t| {
        t.at("2 20:00", assigned("ana")).at("2 23:00", assigned("bo")).until("3 05:00");
        assert_eq!(shares(t.last("breached")), json!(["bo", 8 * HOUR, {"ana": 3 * HOUR, "bo": 5 * HOUR}]));
    });
}

#[test]
fn a_restart_keeps_the_share_of_who_held_the_lead_before() {
    let policy = DISPOSITION.replace("pause =", "on_reassign = \"restart\"\npause =");
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 15:00", assigned("bo")).until("3 00:00");
        assert_eq!(shares(t.last("breached")), json!(["bo", 13 * HOUR, {"ana": 5 * HOUR, "bo": 8 * HOUR}]));
    });
}

#[test]
fn a_cancelled_clock_tells_shares_too_and_one_that_nobody_held_is_nobodys() {
    let policy = one(
        "start = { on = \"created\" }\nstop = { activity = \"any\" }\ncancel = { status = [\"junk\"] }",
        "within = \"8 hours\"",
    );
    play(&policy, |t| {
        t.at("2 10:00", created()).at("2 12:00", status("junk"));
        assert_eq!(shares(t.last("cancelled")), json!([null, 2 * HOUR, {"(none)": 2 * HOUR}]));
    });
}

#[test]
fn an_owner_called_as_nobody_is_shares_with_nobody() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("")).at("2 13:00", assigned("(none)")).until("2 19:00");
        assert_eq!(shares(t.last("breached")), json!(["(none)", 8 * HOUR, {"ana": HOUR, "(none)": 7 * HOUR}]));
        assert_eq!(t.lead("L1").clocks[0].open_seconds_by_owner["(none)"].0, 8 * HOUR * 1_000);
    });
}

#[test]
fn a_late_reassignment_changes_the_shares_and_tells_nothing() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 16:00", status("qualified"));
        t.learnt("2 17:00", "2 14:00", assigned("ana")).learnt("2 17:00", "2 12:00", assigned("bo"));
        t.tells(&["2 10:00 started disposition#1 due 2 18:00", "2 16:00 met disposition#1 after 21600s by ana"]);
        let shares = &t.lead("L1").clocks[0].open_seconds_by_owner;
        assert_eq!(json!(shares), json!({"ana": 4 * HOUR, "bo": 2 * HOUR}));
    });
}

#[test]
fn a_first_touch_is_met_by_the_named_kinds_of_a_person_alone() {
    let policy =
        one("start = { on = \"created\" }\nstop = { activity = [\"call\", \"meeting\"] }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", created())
            .at("2 10:10", activity("email"))
            .at("2 10:20", activity("call").with("by", "automation"));
        t.at("2 10:30", status("qualified")).at("2 11:00", activity("meeting")).at("2 12:00", activity("call"));
        t.until("3 00:00").tells(&["2 10:00 started sla#1 due 2 14:00", "2 11:00 met sla#1 after 3600s by -"]);
    });
}

#[test]
fn a_first_touch_at_the_deadline_is_met_and_one_after_it_late() {
    let policy = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", created()).at("2 14:00", activity("call")).at("2 14:00", created().of("L2"));
        t.at("2 18:00:01", activity("call").of("L2")).tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 met sla#1 after 14400s by -",
            "2 14:00 started L2 sla#1 due 2 18:00",
            "2 18:00 breached L2 sla#1 by -",
            "2 18:00:01 met_late L2 sla#1 after 14401s by -",
        ]);
    });
}

#[test]
fn a_conversion_runs_from_stage_to_stage() {
    let policy = one(
        "start = { stage = [\"sales_accepted\"] }\nstop = { stage = [\"sales_qualified\"] }",
        "within = \"2 days\"",
    );
    play(&policy, |t| {
        t.at("2 10:00", status("new"))
            .at("2 11:00", status("working"))
            .at("3 11:00", status("qualified"))
            .tells(&["2 11:00 started sla#1 due 4 11:00", "3 11:00 met sla#1 after 86400s by -"]);
        // A status without a stage is not the end of the conversion, and the same stage again no new start while it runs.
        t.at("5 10:00", status("working"))
            .at("5 12:00", status("junk"))
            .at("5 13:00", status("working"))
            .until("8 00:00");
        t.tells(&["5 10:00 started sla#2 due 7 10:00", "7 10:00 breached sla#2 by -"]);
    });
}

#[test]
fn an_opportunity_sla_runs_from_the_qualification_to_the_opportunity() {
    let policy = one("start = { status = [\"qualified\"] }\nstop = { opportunity = true }", "within = \"1 days\"");
    play(&policy, |t| {
        t.at("2 09:00", opportunity()).at("2 10:00", status("qualified")).at("2 12:00", opportunity());
        t.at("2 13:00", opportunity()).until("5 00:00");
        t.tells(&["2 10:00 started sla#1 due 3 10:00", "2 12:00 met sla#1 after 7200s by -"]);
    });
}

#[test]
fn a_closing_sla_starts_with_each_opportunity_while_none_runs_and_stops_at_the_customer() {
    let policy = one("start = { on = \"opportunity\" }\nstop = { stage = [\"customer\"] }", "within = \"30 days\"");
    play(&policy, |t| {
        t.at("2 10:00", created().with("owner", "ana")).at("2 11:00", opportunity()).at("2 12:00", opportunity());
        t.at("3 11:00", status("won"))
            .at("4 11:00", opportunity())
            .tells(&["2 11:00 started sla#1 due 2026-04-01T11:00:00Z", "3 11:00 met sla#1 after 86400s by ana"]);
    });
}

#[test]
fn clocks_of_one_lead_run_side_by_side_and_end_each_for_itself() {
    let touch = "[[sla]]\nname = \"touch\"\nstart = { on = \"created\" }\nstop = { activity = \"any\" }\n[[sla.target]]\nwithin = \"1 hours\"\n";
    let conversion = "[[sla]]\nname = \"conversion\"\nstart = { stage = [\"sales_accepted\"] }\nstop = { stage = [\"sales_qualified\"] }\n[[sla.target]]\nwithin = \"1 days\"\n";
    play(&format!("{touch}{DISPOSITION}{conversion}"), |t| {
        t.at("2 09:00", created()).at("2 09:30", assigned("ana")).at("2 10:30", activity("call"));
        t.at("2 11:00", status("working")).at("2 12:00", status("qualified")).until("9 00:00").tells(&[
            "2 09:00 started touch#1 due 2 10:00",
            "2 09:30 started disposition#1 due 2 17:30",
            "2 10:00 breached touch#1 by ana",
            "2 10:30 met_late touch#1 after 5400s by ana",
            "2 11:00 started conversion#1 due 3 11:00",
            "2 12:00 met disposition#1 after 9000s by ana",
            "2 12:00 met conversion#1 after 3600s by ana",
        ]);
    });
}

#[test]
fn a_team_is_taken_as_named_with_or_without_an_owner() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana").with("team", "north"));
        t.at("2 11:00", created().with("team", "south")).until("2 19:00");
        assert_eq!(json!([t.last("breached")["owner"], t.last("breached")["team"]]), json!(["ana", "south"]));
        t.at("2 19:00", created().with("team", "")).at("2 20:00", status("qualified"));
        assert_eq!(json!([t.last("met_late")["owner"], t.last("met_late")["team"]]), json!(["ana", null]));
    });
}

#[test]
fn a_late_fact_for_a_forgotten_lead_is_refused_and_one_within_the_retention_begins_anew() {
    play_with(&parse_policy(DISPOSITION), Some(10 * DAY_MS), |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 12:00", status("nurture"))
            .until("12 12:01")
            .tells(&["2 10:00 started disposition#1 due 2 18:00", "2 12:00 met disposition#1 after 7200s by ana"]);
        assert!(t.shard.lead("L1").is_none());
        // It would have moved the stop of a clock that nobody remembers.
        assert_eq!(t.hear("13 00:00", "2 11:00", status("qualified")), Err(Reason::TooOld));
        assert_eq!(t.hear("13 00:00", "2 12:00", status("nurture").id("2")), Err(Reason::TooOld));
        assert!(t.shard.lead("L1").is_none());
        assert_eq!(t.hear("13 00:00", "3 00:00", status("working")), Ok(Applied::Accepted));
        t.at("13 09:00", assigned("bo")).tells(&["13 09:00 started disposition#1 due 13 17:00"]);
    });
}

#[test]
fn a_late_fact_within_the_retention_corrects_a_settled_lead() {
    play_with(&parse_policy(DISPOSITION), Some(10 * DAY_MS), |t| {
        t.at("2 10:00", assigned("ana")).at("2 12:00", status("nurture")).until("12 11:59");
        t.learnt("12 11:59", "2 11:00", status("qualified")).tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 12:00 met disposition#1 after 7200s by ana",
            "2 12:00 retracted disposition#1 met (corrected)",
            "2 11:00 met disposition#1 after 3600s by ana",
        ]);
    });
}
