//! Late facts and what they take back: SEMANTICS §12 cases 11-13, 26, 38-40, 44-47.

use super::*;

const LADDER: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "8 hours"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "4 hours"
notify = ["manager"]
action = "reassign"
"#;

#[test]
fn case_39_a_pause_learnt_after_the_clock_ended_in_it_is_not_told() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 12:00", status("qualified"));
        t.news();
        t.learnt("2 13:00", "2 11:00", status("on_hold"));
        let told = t.news();
        assert!(told.iter().all(|line| !line.contains("paused") && !line.contains("resumed")), "{told:?}");
    });
}

#[test]
fn case_12_a_late_stop_in_time_takes_breach_and_escalations_back_the_last_told_first() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("2 23:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 18:00 breached disposition#1 by ana",
                "2 18:00 escalated disposition#1 step 1",
                "2 22:00 escalated disposition#1 step 2",
            ]
        );
        t.learnt("3 09:00", "2 17:00", status("qualified"));
        assert_eq!(
            t.news(),
            [
                "2 22:00 retracted disposition#1 escalated (met_in_time)",
                "2 18:00 retracted disposition#1 escalated (met_in_time)",
                "2 18:00 retracted disposition#1 breached (met_in_time)",
                "2 17:00 met disposition#1 after 25200s by ana",
            ]
        );
    });
}

#[test]
fn case_12_a_late_stop_after_the_deadline_leaves_the_breach_and_case_44_takes_later_steps_back() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("2 23:00");
        t.news();
        t.learnt("3 09:00", "2 20:00", status("qualified"));
        assert_eq!(
            t.news(),
            [
                "2 22:00 retracted disposition#1 escalated (stopped_earlier)",
                "2 20:00 met_late disposition#1 after 36000s by ana",
            ]
        );
    });
}

#[test]
fn case_12_a_late_pause_that_moves_the_deadline_past_the_watermark_takes_the_breach_back() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("2 19:00");
        t.news();
        t.learnt("2 19:30", "2 12:00", status("on_hold"));
        assert_eq!(
            t.news(),
            [
                "2 18:00 retracted disposition#1 escalated (paused)",
                "2 18:00 retracted disposition#1 breached (paused)",
                "2 12:00 paused disposition#1 left 21600s",
            ]
        );
        t.learnt("2 19:40", "2 16:00", status("working"));
        assert_eq!(t.news(), ["2 16:00 resumed disposition#1 due 2 22:00"]);
        let view =
            inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
        let states: Vec<&str> = view.clocks[0].escalations.iter().map(|step| step.state).collect();
        assert_eq!(states, ["pending", "pending"], "what was taken back lies ahead again");
        t.until("2 22:01");
        assert_eq!(t.news(), ["2 22:00 breached disposition#1 by ana", "2 22:00 escalated disposition#1 step 1"]);
        assert_ne!(t.said[1]["id"], t.said[8]["id"], "a statement that becomes true again has a new id");
    });
}

#[test]
fn case_26_and_39_a_pause_learnt_after_it_ended_shows_as_a_moved_deadline_and_the_breach_stands() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 17:00", "2 14:00", status("working")).until("2 21:30");
        t.news();
        t.learnt("2 21:40", "2 13:00", status("on_hold"));
        assert_eq!(t.news(), ["2 13:00 deadline_moved disposition#1 due 2 19:00"]);
        t.until("3 00:00");
        assert_eq!(t.news(), ["2 23:00 escalated disposition#1 step 2"]);
    });
}

#[test]
fn case_13_born_overdue_the_ladder_collapses_to_the_current_step() {
    both(LADDER, |t| {
        t.learnt("3 09:00", "2 10:00", assigned("ana"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 18:00 breached disposition#1 late by ana",
                "2 22:00 escalated disposition#1 step 2",
            ]
        );
        // What was passed over stays so.
        t.at("3 09:30", call());
        assert_eq!(t.news(), [""; 0]);
        t.learnt("3 10:00", "2 12:00", status("qualified"));
        assert_eq!(
            t.news(),
            [
                "2 22:00 retracted disposition#1 escalated (met_in_time)",
                "2 18:00 retracted disposition#1 breached (met_in_time)",
                "2 12:00 met disposition#1 after 7200s by ana",
            ]
        );
    });
}

#[test]
fn case_11_and_45_a_cancel_after_the_breach_is_told_and_the_clock_stays_breached() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).at("2 19:00", deleted()).until("3 10:00");
        assert_eq!(
            t.news()[1..],
            [
                "2 18:00 breached disposition#1 by ana",
                "2 18:00 escalated disposition#1 step 1",
                "2 19:00 cancelled disposition#1 deleted",
            ]
        );
        assert_eq!(t.clocks("L1"), ["disposition#1 breached"]);
    });
}

#[test]
fn case_38_and_47_an_earlier_stop_learnt_late_tells_the_outcome_again() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).at("2 14:00", status("qualified"));
        t.news();
        t.learnt("2 15:00", "2 13:00", status("unsuitable"));
        assert_eq!(
            t.news(),
            ["2 14:00 retracted disposition#1 met (corrected)", "2 13:00 met disposition#1 after 10800s by ana",]
        );
        t.learnt("2 16:00", "2 12:00", assigned("bob"));
        assert_eq!(
            t.news(),
            ["2 13:00 retracted disposition#1 met (corrected)", "2 13:00 met disposition#1 after 10800s by bob"]
        );
    });
}

#[test]
fn case_40_a_clock_that_vanishes_takes_back_every_claim() {
    both(LADDER, |t| {
        t.at("2 10:00", assigned("ana")).until("2 19:00");
        t.news();
        t.learnt("2 19:30", "2 09:00", status("nurture"));
        assert_eq!(
            t.news(),
            [
                "2 18:00 retracted disposition#1 escalated (clock_withdrawn)",
                "2 18:00 retracted disposition#1 breached (clock_withdrawn)",
                "2 10:00 retracted disposition#1 started (clock_withdrawn)",
            ]
        );
        t.learnt("2 19:40", "2 09:30", status("new"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 18:00 breached disposition#1 late by ana",
                "2 18:00 escalated disposition#1 step 1",
            ]
        );
    });
}

#[test]
fn case_46_a_correction_while_paused_is_told_by_what_remains() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
when = { source = "webinar" }
within = "2 hours"
[[sla.target]]
within = "8 hours"
"#;
    both(policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold"));
        t.news();
        t.learnt("2 12:00", "2 09:00", created().attribute("source", "webinar"));
        assert_eq!(t.news(), ["2 09:00 deadline_moved disposition#1 left 3600s"]);
    });
}

#[test]
fn of_steps_that_were_passed_over_a_correction_brings_back_those_that_it_puts_after_the_watermark() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
[[sla.target]]
when = { source = "webinar" }
within = "10 hours"
[[sla.target]]
within = "4 hours"
[[sla.escalation]]
after = "1 hours"
notify = ["owner"]
[[sla.escalation]]
after = "2 hours"
notify = ["manager"]
"#;
    for (learnt, step) in
        [("2 20:30", Some("2 21:00 escalated disposition#1 step 1")), ("2 21:00", None), ("2 21:30", None)]
    {
        both(policy, |t| {
            t.learnt("2 20:00", "2 10:00", assigned("ana"));
            let late = ["2 14:00 breached disposition#1 late by ana", "2 16:00 escalated disposition#1 step 2"];
            assert_eq!(t.news()[1..], late);
            // Now the steps are at 21:00 and 22:00.
            t.learnt(learnt, "2 09:00", updated("source", "webinar")).until("2 23:00");
            let moved = [
                "2 16:00 retracted disposition#1 escalated (deadline_moved)",
                "2 09:00 deadline_moved disposition#1 due 2 20:00",
            ];
            let told: Vec<&str> =
                moved.into_iter().chain(step).chain(["2 22:00 escalated disposition#1 step 2"]).collect();
            assert_eq!(t.news(), told);
        });
    }
}

#[test]
fn of_the_steps_that_a_fact_of_the_future_makes_overdue_in_its_time_the_last_is_told() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
retarget = "on_change"
[[sla.target]]
when = { source = "webinar" }
within = "1 hours"
[[sla.target]]
within = "8 hours"
[[sla.escalation]]
after = "1 hours"
notify = ["owner"]
[[sla.escalation]]
after = "2 hours"
notify = ["manager"]
"#;
    both(policy, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 13:30", "2 14:00", updated("source", "webinar")).until("2 18:00");
        assert_eq!(
            t.news()[1..],
            [
                "2 11:00 breached disposition#1 late by ana",
                "2 13:00 escalated disposition#1 step 2",
                "2 14:00 deadline_moved disposition#1 due 2 11:00",
            ]
        );
    });
}

#[test]
fn a_pause_is_told_again_where_its_clock_was_withdrawn_and_is_back() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).learnt("2 12:00", "2 09:00", assigned("bia"));
        t.news();
        // With the deletion the lead that ana got is another life's.
        t.learnt("2 13:00", "2 09:30", deleted());
        let told = t.news();
        let back = ["2 10:00 started disposition#2 left 25200s", "2 11:00 paused disposition#2 left 25200s"];
        assert_eq!(told[told.len() - 2..], back);
    });
}

#[test]
fn case_38_a_clock_that_went_on_and_ended_later_has_its_outcome_corrected() {
    both(&DISPOSITION.replace("pause =", "reopen = \"continue\"\npause ="), |t| {
        t.at("2 10:00", assigned("ana")).at("2 12:00", status("qualified")).at("2 14:00", status("unsuitable"));
        t.news();
        t.learnt("2 15:00", "2 13:00", status("working"));
        assert_eq!(
            t.news(),
            ["2 12:00 retracted disposition#1 met (corrected)", "2 14:00 met disposition#1 after 14400s by ana"]
        );
    });
}

#[test]
fn what_is_told_at_once_of_a_clock_names_who_held_the_lead_then() {
    both(&DISPOSITION.replace("8 hours", "4 hours"), |t| {
        t.at("2 15:00", assigned("bia")).at("2 16:00", status("qualified"));
        t.news();
        t.learnt("2 20:00", "2 10:00", assigned("ana"));
        let told = t.news();
        assert_eq!(
            told[told.len() - 3..],
            [
                "2 10:00 started disposition#1 due 2 14:00",
                "2 14:00 breached disposition#1 late by ana",
                "2 16:00 met_late disposition#1 after 21600s by bia"
            ]
        );
        let owners: Vec<_> = t.said[t.said.len() - 3..].iter().map(|said| &said["data"]["owner"]).collect();
        assert_eq!(owners, ["ana", "ana", "bia"]);
    });
}

#[test]
fn a_step_that_was_passed_over_is_told_where_a_correction_puts_it_ahead() {
    both(LADDER, |t| {
        t.learnt("3 09:00", "2 10:00", assigned("ana"));
        assert_eq!(
            t.news()[1..],
            ["2 18:00 breached disposition#1 late by ana", "2 22:00 escalated disposition#1 step 2"]
        );
        t.learnt("3 09:10", "2 12:00", status("on_hold")).at("3 10:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 22:00 retracted disposition#1 escalated (paused)",
                "2 18:00 retracted disposition#1 breached (paused)",
                "2 12:00 paused disposition#1 left 21600s",
                "3 10:00 resumed disposition#1 due 3 16:00",
            ]
        );
        t.until("3 21:00");
        assert_eq!(
            t.news(),
            [
                "3 16:00 breached disposition#1 by ana",
                "3 16:00 escalated disposition#1 step 1",
                "3 20:00 escalated disposition#1 step 2",
            ]
        );
    });
}

#[test]
fn a_reminder_due_at_the_watermark_when_its_clock_is_derived_is_passed_over_whatever_else_falls_due_then() {
    let touch = "[[sla]]\nname = \"touch\"\nstart = { on = \"assigned\" }\nstop = { activity = \"any\" }\n[[sla.target]]\nwithin = \"4 hours\"\n";
    both(&format!("{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n{touch}"), |t| {
        t.learnt("2 14:00", "2 10:00", assigned("ana")).until("2 15:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 10:00 started touch#1 due 2 14:00",
                "2 14:00 breached touch#1 late by ana",
            ]
        );
    });
}
