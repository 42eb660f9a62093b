//! The ladder after a breach (SEMANTICS §7, 12.10, 12.11, 12.44, 12.45). 4 March 2026 is a holiday of the office.

use crate::timeline::{assigned, deleted, merged, play, status};
use serde_json::json;

const LADDER: &str = r#"
[[sla]]
name = "sla"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
cancel = { status = ["junk"] }
[[sla.target]]
within = "4 business hours"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "4 business hours"
notify = ["manager", "bot"]
action = "reassign"
[[sla.escalation]]
after = "2 business days"
notify = ["director"]
"#;

#[test]
fn a_step_may_ask_to_reassign_and_the_others_ask_nothing() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("2 18:00");
        assert_eq!(t.last("escalated")["action"], json!(null));
        t.until("2 18:01");
        let step = t.last("escalated");
        let told = json!([step["step"], step["after"], step["notify"], step["action"], step["owner"]]);
        assert_eq!(told, json!([2, "4 business hours", ["manager", "bot"], "reassign", "ana"]));
    });
}

#[test]
fn a_reassignment_that_answers_a_step_neither_ends_the_ladder_nor_moves_the_deadline() {
    for on_reassign in ["continue", "restart"] {
        let policy = LADDER.replace("pause =", &format!("on_reassign = \"{on_reassign}\"\npause ="));
        play(&policy, |t| {
            t.at("2 10:00", assigned("ana")).at("3 09:00", assigned("bo")).until("6 00:00");
            t.tells(&[
                "2 10:00 started sla#1 due 2 14:00",
                "2 14:00 breached sla#1 by ana",
                "2 14:00 escalated sla#1 step 1",
                "2 18:00 escalated sla#1 step 2",
                "5 14:00 escalated sla#1 step 3",
            ]);
            assert_eq!(t.last("escalated")["owner"], "bo");
        });
    }
}

#[test]
fn steps_in_business_time_leave_out_a_holiday() {
    play(LADDER, |t| {
        t.at("3 13:00", assigned("ana")).until("20 00:00").tells(&[
            "3 13:00 started sla#1 due 3 17:00",
            "3 17:00 breached sla#1 by ana",
            "3 17:00 escalated sla#1 step 1",
            "5 12:00 escalated sla#1 step 2",
            "6 17:00 escalated sla#1 step 3",
        ]);
    });
}

#[test]
fn steps_in_elapsed_time_count_the_holiday_and_the_night() {
    let policy = LADDER.replace("4 business hours\"\nnotify", "18 hours\"\nnotify");
    play(&policy, |t| {
        t.at("3 13:00", assigned("ana")).until("4 12:00").tells(&[
            "3 13:00 started sla#1 due 3 17:00",
            "3 17:00 breached sla#1 by ana",
            "3 17:00 escalated sla#1 step 1",
            "4 11:00 escalated sla#1 step 2",
        ]);
    });
}

#[test]
fn while_paused_no_step_is_told_and_each_keeps_the_open_time_that_remained() {
    play(LADDER, |t| {
        t.at("3 10:00", assigned("ana")).at("3 15:00", status("on_hold")).until("5 09:30").tells(&[
            "3 10:00 started sla#1 due 3 14:00",
            "3 14:00 breached sla#1 by ana",
            "3 14:00 escalated sla#1 step 1",
            "3 15:00 paused sla#1 left 0s",
        ]);
        // Three open hours remained to the second step, seventeen to the third.
        t.at("5 09:30", status("working")).until("5 12:00").tells(&["5 09:30 resumed sla#1 due 3 14:00"]);
        t.at("5 12:00", status("on_hold")).at("5 13:00", status("working")).until("20 00:00").tells(&[
            "5 12:00 paused sla#1 left 0s",
            "5 13:00 resumed sla#1 due 3 14:00",
            "5 13:30 escalated sla#1 step 2",
            "9 09:30 escalated sla#1 step 3",
        ]);
        assert_eq!(t.clocks("L1"), ["sla#1 breached"]);
    });
}

#[test]
fn a_pause_after_a_step_moves_those_ahead_and_leaves_it_as_it_was_told() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("3 10:00").fresh(&[]);
        t.at("3 10:00", status("on_hold")).at("3 11:00", status("working")).until("20 00:00").tells(&[
            "3 10:00 paused sla#1 left 0s",
            "3 11:00 resumed sla#1 due 2 14:00",
            "5 15:00 escalated sla#1 step 3",
        ]);
        let times: Vec<_> = t.lead("L1").clocks[0].escalations.iter().map(|step| step.time).collect();
        assert_eq!(times, ["2 14:00", "2 18:00", "5 15:00"].map(|time| Some(crate::timeline::instant(time))));
    });
}

#[test]
fn a_step_due_at_the_instant_of_the_pause_waits_with_nothing_remaining() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", status("on_hold")).until("3 10:00");
        t.tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 18:00 paused sla#1 left 0s",
        ]);
        t.at("3 10:00", status("working"))
            .until("3 10:01")
            .tells(&["3 10:00 resumed sla#1 due 2 14:00", "3 10:00 escalated sla#1 step 2"]);
    });
}

#[test]
fn a_cancel_of_any_kind_ends_the_ladder_and_the_clock_counts_as_breached() {
    for (end, reason) in [(status("junk"), "status"), (deleted(), "deleted"), (merged("L2"), "merged")] {
        play(LADDER, |t| {
            t.at("2 10:00", assigned("ana")).at("2 15:00", end.clone()).until("20 00:00").tells(&[
                "2 10:00 started sla#1 due 2 14:00",
                "2 14:00 breached sla#1 by ana",
                "2 14:00 escalated sla#1 step 1",
                &format!("2 15:00 cancelled sla#1 {reason}"),
            ]);
            assert_eq!(t.clocks("L1"), ["sla#1 breached"]);
        });
    }
}

#[test]
fn a_cancel_ends_a_ladder_that_a_pause_holds() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).at("2 15:00", status("on_hold")).at("2 16:00", deleted()).until("20 00:00");
        t.tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 15:00 paused sla#1 left 0s",
            // The end of the clock ends the pause.
            "2 16:00 cancelled sla#1 deleted",
        ]);
        assert_eq!(t.clocks("L1"), ["sla#1 breached"]);
    });
}

#[test]
fn a_stop_ends_the_ladder_and_one_at_a_steps_instant_comes_before_it() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", status("unsuitable")).until("20 00:00").tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 18:00 met_late sla#1 after 28800s by ana",
        ]);
    });
}

#[test]
fn a_late_met_takes_a_request_to_reassign_back_and_leaves_the_steps_before_the_stop() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("3 09:00");
        t.learnt("3 09:00", "2 16:00", status("qualified")).until("20 00:00").tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 18:00 escalated sla#1 step 2",
            "2 18:00 retracted sla#1 escalated (stopped_earlier)",
            "2 16:00 met_late sla#1 after 21600s by ana",
        ]);
    });
}

#[test]
fn a_cancel_learnt_late_takes_back_the_steps_after_it_and_not_the_breach() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("3 09:00");
        t.learnt("3 09:00", "2 16:00", deleted()).until("20 00:00").tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 18:00 escalated sla#1 step 2",
            "2 18:00 retracted sla#1 escalated (cancelled)",
            "2 16:00 cancelled sla#1 deleted",
        ]);
        assert_eq!(t.clocks("L1"), ["sla#1 breached"]);
    });
}

#[test]
fn a_pause_learnt_late_takes_back_the_step_after_it_which_is_told_again_after_the_resume() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("3 10:00");
        t.learnt("3 10:00", "2 16:00", status("on_hold")).at("3 11:00", status("working")).until("3 18:00").tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 18:00 escalated sla#1 step 2",
            "2 18:00 retracted sla#1 escalated (paused)",
            "2 16:00 paused sla#1 left 0s",
            "3 11:00 resumed sla#1 due 2 14:00",
            "3 13:00 escalated sla#1 step 2",
        ]);
    });
}

#[test]
fn the_next_cycle_has_a_ladder_of_its_own() {
    play(LADDER, |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 15:00", status("junk"))
            .at("3 10:00", status("working"))
            .until("3 15:00");
        t.tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 14:00 breached sla#1 by ana",
            "2 14:00 escalated sla#1 step 1",
            "2 15:00 cancelled sla#1 status",
            "3 10:00 started sla#2 due 3 14:00",
            "3 14:00 breached sla#2 by ana",
            "3 14:00 escalated sla#2 step 1",
        ]);
    });
}
