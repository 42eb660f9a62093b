//! `recur`: each touch meets the clock and starts the next one (SEMANTICS §4, a follow-up cadence).

use super::*;

const CADENCE: &str = r#"
[[sla]]
name = "follow_up"
start = { on = "assigned" }
recur = { activity = ["call", "email"] }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "24 hours"
"#;

#[test]
fn each_touch_meets_the_clock_and_starts_the_next_until_the_lead_is_disposed_of() {
    both(CADENCE, |t| {
        t.at("2 10:00", assigned("ana")).at("2 20:00", call()).at("3 15:00", call()).at("4 09:00", status("nurture"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started follow_up#1 due 3 10:00",
                "2 20:00 met follow_up#1 after 36000s by ana",
                "2 20:00 started follow_up#2 due 3 20:00",
                "3 15:00 met follow_up#2 after 68400s by ana",
                "3 15:00 started follow_up#3 due 4 15:00",
                "4 09:00 met follow_up#3 after 64800s by ana"
            ]
        );
        // No clock runs: a touch is just a touch.
        t.at("5 09:00", call());
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn an_act_that_stops_a_cadence_starts_no_next_interval() {
    both(&CADENCE.replace("stop = { disposition", "stop = { opportunity = true, disposition"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 20:00", opportunity());
        assert_eq!(
            t.news(),
            ["2 10:00 started follow_up#1 due 3 10:00", "2 20:00 met follow_up#1 after 36000s by ana"]
        );
    });
}

#[test]
fn an_act_that_stops_a_cadence_is_no_touch_for_a_later_version_that_does_not_stop_by_it() {
    let first = parse_policy(&CADENCE.replace("stop = { disposition", "stop = { opportunity = true, disposition"));
    let second = parse_policy(&format!("{}{CADENCE}", HEAD.replace("2020-01-01", "2026-03-03")));
    let versions = first.versions.into_iter().chain(second.versions).collect();
    let mut t = Timeline::with(policy::Policy::of(versions));
    t.at("2 20:00", assigned("ana")).at("3 09:00", opportunity());
    assert_eq!(t.news(), ["2 20:00 started follow_up#1 due 3 20:00", "3 09:00 met follow_up#1 after 46800s by ana"]);
}

#[test]
fn a_touch_that_the_version_in_force_knows_as_an_act_that_stops_starts_no_next_interval() {
    let first = parse_policy(CADENCE);
    let once =
        CADENCE.replace("recur = { activity = [\"call\", \"email\"] }\nstop = {", "stop = { activity = [\"call\"],");
    let second = parse_policy(&format!("{}{once}", HEAD.replace("2020-01-01", "2026-03-03")));
    let versions = first.versions.into_iter().chain(second.versions).collect();
    let mut t = Timeline::with(policy::Policy::of(versions));
    t.at("2 20:00", assigned("ana")).at("3 09:00", call());
    assert_eq!(t.news(), ["2 20:00 started follow_up#1 due 3 20:00", "3 09:00 met follow_up#1 after 46800s by ana"]);
}

#[test]
fn a_touch_that_comes_too_late_is_met_late_and_the_cadence_goes_on() {
    both(CADENCE, |t| {
        t.at("2 10:00", assigned("ana")).at("3 12:00", call()).until("4 13:00");
        assert_eq!(
            t.news()[1..],
            [
                "3 10:00 breached follow_up#1 by ana",
                "3 12:00 met_late follow_up#1 after 93600s by ana",
                "3 12:00 started follow_up#2 due 4 12:00",
                "4 12:00 breached follow_up#2 by ana"
            ]
        );
    });
}

#[test]
fn automation_and_other_kinds_are_no_touch() {
    both(CADENCE, |t| {
        let mut meeting = call();
        meeting.0.fact.activity = Some(Cow::Borrowed("meeting"));
        t.at("2 10:00", assigned("ana")).at("2 11:00", call().automated()).at("2 12:00", meeting);
        assert_eq!(t.news(), ["2 10:00 started follow_up#1 due 3 10:00"]);
    });
}

#[test]
fn a_touch_during_a_pause_starts_the_next_clock_paused() {
    both(CADENCE, |t| {
        t.at("2 10:00", assigned("ana")).at("2 12:00", status("on_hold")).at("2 15:00", call());
        assert_eq!(
            t.news()[2..],
            [
                "2 15:00 met follow_up#1 after 7200s by ana",
                "2 15:00 started follow_up#2 left 86400s",
                "2 15:00 paused follow_up#2 left 86400s"
            ]
        );
    });
}

#[test]
fn a_touch_learnt_late_splits_the_interval() {
    both(CADENCE, |t| {
        t.at("2 10:00", assigned("ana")).until("3 11:00");
        t.news();
        t.learnt("3 12:00", "3 09:00", call());
        assert_eq!(
            t.news(),
            [
                "3 10:00 retracted follow_up#1 breached (met_in_time)",
                "3 09:00 met follow_up#1 after 82800s by ana",
                "3 09:00 started follow_up#2 due 4 09:00"
            ]
        );
    });
}

#[test]
fn two_touches_at_one_instant_make_a_clock_of_no_length() {
    both(CADENCE, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", call().id("a")).at("2 11:00", call().id("b")).until("3 10:59");
        assert_eq!(
            t.news()[1..],
            [
                "2 11:00 met follow_up#1 after 3600s by ana",
                "2 11:00 started follow_up#2 due 3 11:00",
                "2 11:00 met follow_up#2 after 0s by ana",
                "2 11:00 started follow_up#3 due 3 11:00"
            ]
        );
    });
}

#[test]
fn a_touch_starts_nothing_in_a_status_that_the_version_in_force_knows_as_a_stop() {
    let version = |from: &str, rest: &str| {
        format!(
            "[agreement]\nname = \"Test\"\neffective_from = \"{from}\"\ntimezone = \"UTC\"\n{}{rest}\nstart = {{ on = \"assigned\" }}\n[[sla.target]]\nwithin = \"4 hours\"\n",
            HEAD.split_once("timezone = \"UTC\"").expect("a head").1
        )
    };
    let first = version(
        "2020-01-01T00:00:00Z",
        "[[sla]]\nname = \"follow_up\"\nstop = { disposition = \"any\" }\nrecur = { activity = \"any\" }",
    );
    let second = version(
        "2026-03-02T18:00:00Z",
        "[[sla]]\nname = \"follow_up\"\nstop = { status = [\"working\", \"qualified\"] }",
    );
    let mut policy = parse_policy(&first);
    let later = parse_policy(&second);
    policy = policy::Policy::of(policy.versions.into_iter().chain(later.versions).collect());
    let mut t = Timeline::with(policy);
    t.at("2 17:00", created().owner("ana").status("working")).at("2 18:00", call()).until("3 00:00");
    assert_eq!(t.news(), ["2 17:00 started follow_up#1 due 2 21:00", "2 18:00 met follow_up#1 after 3600s by ana"]);
}
