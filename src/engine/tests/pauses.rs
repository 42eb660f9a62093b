//! Pauses, restarts and reminders: SEMANTICS §4, §7 and §12 cases 8, 9, 19, 20, 34, 35, 39, 41.

use super::*;

const BUSINESS_DAYS: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "2 business days"
"#;

const REMINDED: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "8 business hours"
[[sla.reminder]]
at = "50%"
[[sla.reminder]]
at = "30 business minutes before"
"#;

#[test]
fn case_34_a_pause_on_a_date_target_keeps_open_hours() {
    both(BUSINESS_DAYS, |t| {
        t.at("2 10:00", assigned("ana")).at("3 10:00", status("on_hold")).at("5 12:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 4 10:00",
                "3 10:00 paused disposition#1 left 32400s",
                "5 12:00 resumed disposition#1 due 6 12:00"
            ]
        );
    });
}

#[test]
fn a_paused_clock_never_breaches() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).until("30 00:00");
        assert_eq!(t.news()[1..], ["2 11:00 paused disposition#1 left 25200s"]);
        t.at("30 00:00", status("working")).until("30 08:00");
        assert_eq!(t.news(), ["30 00:00 resumed disposition#1 due 30 07:00", "30 07:00 breached disposition#1 by ana"]);
    });
}

#[test]
fn pause_and_resume_at_one_instant_change_nothing() {
    both(BUSINESS_DAYS, |t| {
        t.at("2 10:00", assigned("ana"));
        t.news();
        t.at("3 10:00", status("on_hold").id("a"));
        assert_eq!(t.news(), ["3 10:00 paused disposition#1 left 32400s"]);
        t.at("3 10:00", status("working").id("b")).until("4 11:00");
        assert_eq!(t.news(), ["3 10:00 resumed disposition#1 due 4 10:00", "4 10:00 breached disposition#1 by ana"]);
    });
}

#[test]
fn case_19_a_pause_that_begins_at_the_deadline_saves_nothing() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", status("on_hold")).until("2 19:00");
        assert_eq!(t.news()[1..], ["2 18:00 paused disposition#1 left 0s", "2 18:00 breached disposition#1 by ana"]);
        assert_eq!(t.clocks("L1"), ["disposition#1 breached"]);
    });
}

#[test]
fn stopped_while_paused_is_met_and_the_pause_does_not_count() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("5 11:00", status("nurture"));
        assert_eq!(t.news()[2..], ["5 11:00 met disposition#1 after 3600s by ana"]);
        assert_eq!(t.said[2]["data"]["due_at"], "2026-03-05T18:00:00Z");
    });
}

#[test]
fn reminders_count_in_the_clocks_own_calendar_and_say_until_when_they_are_of_use() {
    both(REMINDED, |t| {
        t.at("2 14:00", assigned("ana")).until("3 14:00");
        assert_eq!(
            t.news(),
            [
                "2 14:00 started disposition#1 due 3 13:00",
                "2 18:00 reminder disposition#1 50% valid 3 12:30",
                "3 12:30 reminder disposition#1 30 business minutes before valid 3 13:00",
                "3 13:00 breached disposition#1 by ana",
            ]
        );
    });
}

#[test]
fn case_9_reminders_are_told_once_and_a_pause_holds_them() {
    both(REMINDED, |t| {
        t.at("2 09:00", assigned("ana")).at("2 11:00", status("on_hold")).at("3 09:00", status("working"));
        t.until("3 18:00");
        assert_eq!(
            t.news(),
            [
                "2 09:00 started disposition#1 due 2 17:00",
                "2 11:00 paused disposition#1 left 21600s",
                "3 09:00 resumed disposition#1 due 3 15:00",
                "3 11:00 reminder disposition#1 50% valid 3 14:30",
                "3 14:30 reminder disposition#1 30 business minutes before valid 3 15:00",
                "3 15:00 breached disposition#1 by ana",
            ]
        );
    });
}

#[test]
fn a_rung_that_was_told_before_a_pause_is_not_told_again() {
    both(REMINDED, |t| {
        t.at("2 09:00", assigned("ana")).at("2 16:45", status("on_hold"));
        t.news();
        t.at("3 09:00", status("working")).until("3 18:00");
        assert_eq!(t.news(), ["3 09:00 resumed disposition#1 due 3 09:15", "3 09:15 breached disposition#1 by ana"]);
    });
}

#[test]
fn a_rung_that_lies_before_its_derivation_is_passed_over() {
    both(REMINDED, |t| {
        t.learnt("2 14:00", "2 09:00", assigned("ana")).until("2 16:31");
        assert_eq!(
            t.news(),
            [
                "2 09:00 started disposition#1 due 2 17:00",
                "2 16:30 reminder disposition#1 30 business minutes before valid 2 17:00"
            ]
        );
    });
}

#[test]
fn case_8_restart_gives_the_new_owner_a_full_allowance_and_keeps_the_shares() {
    let restart = REMINDED.replace("pause =", "on_reassign = \"restart\"\npause =");
    both(&restart, |t| {
        t.at("2 09:00", assigned("ana")).at("2 14:00", assigned("bob")).until("3 14:00");
        assert_eq!(
            t.news(),
            [
                "2 09:00 started disposition#1 due 2 17:00",
                "2 13:00 reminder disposition#1 50% valid 2 16:30",
                "2 14:00 deadline_moved disposition#1 due 3 13:00",
                "2 18:00 reminder disposition#1 50% valid 3 12:30",
                "3 12:30 reminder disposition#1 30 business minutes before valid 3 13:00",
                "3 13:00 breached disposition#1 by bob",
            ]
        );
        let shares = &t.said[5]["data"]["open_seconds_by_owner"];
        assert_eq!(shares, &serde_json::json!({"ana": 18000, "bob": 28800}));
    });
}

#[test]
fn shares_count_from_the_restart_whatever_was_paused_before_it() {
    let restart = REMINDED.replace("pause =", "on_reassign = \"restart\"\npause =");
    both(&restart, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold")).at("2 11:00", status("working"));
        t.at("2 13:30", assigned("bob"));
        t.news();
        t.until("3 00:00");
        assert_eq!(t.news(), ["2 17:30 reminder disposition#1 50% valid 3 12:00"]);
    });
}

#[test]
fn continue_keeps_the_promise_when_the_owner_changes() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 12:00", assigned("bob")).at("2 13:00", status("qualified"));
        assert_eq!(
            t.news(),
            ["2 10:00 started disposition#1 due 2 18:00", "2 13:00 met disposition#1 after 10800s by bob"]
        );
        assert_eq!(t.said[1]["data"]["open_seconds_by_owner"], serde_json::json!({"ana": 7200, "bob": 3600}));
    });
}

const BY: &str = r#"
[[sla]]
name = "reply"
start = { on = "assigned" }
stop = { activity = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
when = { respond_by = { present = true } }
by = "respond_by"
[[sla.target]]
within = "8 hours"
"#;

#[test]
fn case_20_and_35_a_deadline_given_by_the_source_moves_with_its_attribute() {
    both(BY, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", updated("respond_by", "2026-03-02T15:00:00Z"));
        t.at("2 12:00", updated("respond_by", "2026-03-02T16:00:00Z")).until("2 17:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started reply#1 due 2 18:00",
                "2 11:00 deadline_moved reply#1 due 2 15:00",
                "2 12:00 deadline_moved reply#1 due 2 16:00",
                "2 16:00 breached reply#1 by ana",
            ]
        );
        t.at("2 18:00", updated("respond_by", "2026-03-02T20:00:00Z"));
        assert_eq!(
            t.news(),
            ["2 16:00 retracted reply#1 breached (deadline_moved)", "2 18:00 deadline_moved reply#1 due 2 20:00"]
        );
        let bad = t.tell("2 18:30", "2 18:30", updated("respond_by", "tomorrow"));
        assert_eq!(bad, Err(Reason::BadAttribute));
        let far = t.tell("2 18:30", "2 18:30", updated("respond_by", "2037-01-01T00:00:00Z"));
        assert_eq!(far, Err(Reason::BadAttribute));
    });
}

#[test]
fn case_19_a_deadline_of_the_source_is_not_moved_by_pauses() {
    both(BY, |t| {
        t.at("2 09:00", updated("respond_by", "2026-03-02T15:00:00Z")).at("2 10:00", assigned("ana"));
        t.at("2 11:00", status("on_hold")).at("2 12:00", status("working")).until("2 16:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started reply#1 due 2 15:00",
                "2 11:00 paused reply#1 left 14400s",
                "2 12:00 resumed reply#1 due 2 15:00",
                "2 15:00 breached reply#1 by ana",
            ]
        );
    });
}

#[test]
fn a_deadline_of_the_source_that_passes_in_a_pause_is_missed_as_the_clock_resumes() {
    both(BY, |t| {
        t.at("2 09:00", updated("respond_by", "2026-03-02T15:00:00Z")).at("2 10:00", assigned("ana"));
        t.at("2 11:00", status("on_hold")).at("2 16:00", updated("source", "web")).until("2 17:00");
        assert_eq!(t.news(), ["2 10:00 started reply#1 due 2 15:00", "2 11:00 paused reply#1 left 14400s"]);
        assert_eq!(t.clocks("L1"), ["reply#1 paused"]);
        t.at("2 17:00", status("working"));
        assert_eq!(t.news(), ["2 15:00 breached reply#1 late by ana", "2 17:00 resumed reply#1 due 2 15:00"]);
    });
}

#[test]
fn a_deadline_of_the_source_that_passes_in_a_pause_is_missed_by_a_stop_in_it() {
    both(BY, |t| {
        t.at("2 09:00", updated("respond_by", "2026-03-02T15:00:00Z")).at("2 10:00", assigned("ana"));
        t.at("2 11:00", status("on_hold"));
        t.news();
        t.at("2 16:00", call());
        assert_eq!(t.news(), ["2 15:00 breached reply#1 late by ana", "2 16:00 met_late reply#1 after 3600s by ana"]);
    });
}

#[test]
fn a_step_in_elapsed_time_follows_a_deadline_that_lies_before_all_calendars() {
    both(&format!("{BY}[[sla.escalation]]\nafter = \"1 hours\"\nnotify = [\"owner\"]\n"), |t| {
        t.at("2 09:00", updated("respond_by", "1960-01-01T00:00:00Z")).at("2 10:00", assigned("ana"));
        assert_eq!(
            t.news(),
            [
                "1960-01-01 00:00 breached reply#1 late by ana",
                "1960-01-01 01:00 escalated reply#1 step 1",
                "2 10:00 started reply#1 due 1960-01-01 00:00",
            ]
        );
    });
}

#[test]
fn a_pause_of_no_length_leaves_the_ladder_where_it_was() {
    let policy = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "1 hours"
[[sla.escalation]]
after = "1 business days"
notify = ["owner"]
"#;
    both(policy, |t| {
        t.at("2 07:00", assigned("ana"))
            .at("2 08:30", status("on_hold").id("a"))
            .at("2 08:30", status("working").id("b"));
        t.until("5 00:00");
        assert_eq!(t.news().last().map(String::as_str), Some("3 09:00 escalated disposition#1 step 1"));
    });
}
