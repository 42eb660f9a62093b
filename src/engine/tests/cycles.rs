//! Cycles, reopening, lives: SEMANTICS §12 cases 3, 7, 18, 26, 36.

use super::*;

#[test]
fn case_7_a_lead_that_leaves_a_stop_state_starts_a_new_cycle() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("nurture")).at("9 11:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 met disposition#1 after 3600s by ana",
                "9 11:00 started disposition#2 due 9 19:00"
            ]
        );
        assert_eq!(t.clocks("L1"), ["disposition#1 met", "disposition#2 running"]);
    });
}

#[test]
fn case_7_where_nobody_holds_the_lead_the_next_assignment_starts_the_cycle() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("nurture").owner("")).at("9 11:00", status("working"));
        t.news();
        t.at("9 12:00", assigned("bob"));
        assert_eq!(t.news(), ["9 12:00 started disposition#2 due 9 20:00"]);
    });
}

#[test]
fn case_7_ignore_keeps_the_first_clock_the_only_one() {
    let ignore = DISPOSITION.replace("pause =", "reopen = \"ignore\"\npause =");
    both(&ignore, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("nurture")).at("9 11:00", status("working"));
        t.at("9 12:00", assigned("bob")).until("20 00:00");
        assert_eq!(t.clocks("L1"), ["disposition#1 met"]);
    });
}

#[test]
fn case_7_and_26_continue_takes_the_outcome_back_and_runs_on_to_the_same_deadline() {
    let goes_on = DISPOSITION.replace("pause =", "reopen = \"continue\"\npause =");
    both(&goes_on, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("nurture")).at("2 12:00", status("working"));
        t.until("2 19:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 met disposition#1 after 3600s by ana",
                "2 11:00 retracted disposition#1 met (reopened)",
                "2 18:00 breached disposition#1 by ana",
            ]
        );
        t.at("2 20:00", status("qualified"));
        assert_eq!(t.news(), ["2 20:00 met_late disposition#1 after 36000s by ana"]);
    });
}

#[test]
fn a_clock_that_is_withdrawn_is_counted_among_those_of_its_own_sla() {
    let answer = "[[sla]]\nname = \"answer\"\nstart = { on = \"created\" }\nstop = { activity = \"any\" }\n[[sla.target]]\nwithin = \"8 hours\"\n";
    both(&format!("{answer}{DISPOSITION}"), |t| {
        t.at("2 09:00", created()).at("2 10:00", assigned("ana"));
        t.news();
        t.learnt("2 11:00", "2 08:00", status("qualified"));
        assert_eq!(t.news(), ["2 10:00 retracted disposition#1 started (clock_withdrawn)"]);
    });
}

const TOUCH: &str = r#"
[[sla]]
name = "touch"
start = { on = "assigned" }
stop = { activity = "any" }
[[sla.target]]
within = "1 hours"
"#;

#[test]
fn case_7_leaving_a_disposition_brings_the_lead_back_for_slas_stopped_by_acts() {
    both(TOUCH, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:30", call()).at("2 11:00", assigned("bob"));
        t.at("2 12:00", status("nurture")).at("9 09:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started touch#1 due 2 11:00",
                "2 10:30 met touch#1 after 1800s by ana",
                "9 09:00 started touch#2 due 9 10:00"
            ]
        );
        t.at("9 09:10", status("qualified")).at("9 09:20", status("working"));
        assert_eq!(t.news(), [""; 0], "never while a clock of that SLA runs");
    });
}

#[test]
fn case_7_an_sla_that_starts_on_a_status_starts_at_each_entry_while_none_runs() {
    let policy = r#"
[[sla]]
name = "work"
start = { status = ["working"] }
stop = { disposition = "any" }
[[sla.target]]
within = "8 hours"
"#;
    both(policy, |t| {
        t.at("2 10:00", status("working")).at("2 11:00", status("new")).at("2 12:00", status("working"));
        t.at("2 13:00", status("qualified")).at("2 14:00", status("new")).at("2 15:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started work#1 due 2 18:00",
                "2 13:00 met work#1 after 10800s by -",
                "2 15:00 started work#2 due 2 23:00"
            ]
        );
    });
}

#[test]
fn case_18_deletion_and_merge_cancel_and_later_facts_begin_a_new_life() {
    for (end, reason) in [(deleted as fn() -> Told, "deleted"), (merged, "merged")] {
        both(DISPOSITION, |t| {
            t.at("2 10:00", assigned("ana")).at("2 11:00", end());
            assert_eq!(t.news()[1..], [format!("2 11:00 cancelled disposition#1 {reason}")]);
            t.at("3 10:00", created().owner("ana"));
            assert_eq!(t.news(), ["3 10:00 started disposition#2 due 3 18:00"]);
            t.learnt("3 11:00", "2 10:30", status("qualified"));
            assert_eq!(
                t.news(),
                [
                    "2 11:00 retracted disposition#1 cancelled (corrected)",
                    "2 10:30 met disposition#1 after 1800s by ana"
                ]
            );
        });
    }
}

#[test]
fn a_cancel_status_cancels_and_leaving_it_begins_a_new_cycle() {
    let policy = DISPOSITION.replace("pause =", "cancel = { status = [\"junk\"] }\npause =");
    both(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("junk")).at("2 12:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 cancelled disposition#1 status",
                "2 12:00 started disposition#2 due 2 20:00"
            ]
        );
    });
}

#[test]
fn case_3_an_earlier_cycle_that_is_learnt_late_disturbs_no_other_clock() {
    both(DISPOSITION, |t| {
        t.at("5 09:00", status("working")).at("5 10:00", assigned("ana"));
        t.news();
        t.learnt("5 11:00", "2 10:00", assigned("bob")).learnt("5 11:00", "2 11:00", status("nurture").owner(""));
        t.until("6 00:00");
        assert_eq!(
            t.news(),
            [
                "5 10:00 retracted disposition#2 started (clock_withdrawn)",
                "2 10:00 started disposition#1 due 2 18:00",
                "2 18:00 breached disposition#1 late by bob",
                "2 18:00 retracted disposition#1 breached (met_in_time)",
                "2 11:00 met disposition#1 after 3600s by bob",
                "5 10:00 started disposition#2 due 5 18:00",
                "5 18:00 breached disposition#2 by ana",
            ]
        );
    });
}

#[test]
fn case_36_the_version_in_force_at_the_start_governs_the_clock_to_its_end() {
    let old = parse_policy(DISPOSITION);
    let text = format!("{}{}", HEAD.replace("2020-01-01", "2026-03-03"), DISPOSITION.replace("8 hours", "2 hours"));
    let new = parse_policy(&text);
    let both_versions = policy::Policy::of(old.versions.into_iter().chain(new.versions).collect());
    let mut t = Timeline::with(both_versions);
    t.at("2 23:00", assigned("ana")).at("3 01:00", assigned("bob").of("L2"));
    t.at("3 00:00", assigned("eve").of("L3"));
    assert_eq!(
        t.news(),
        [
            "2 23:00 started disposition#1 due 3 07:00",
            "3 01:00 started disposition#1 due 3 03:00",
            "3 00:00 started disposition#1 due 3 02:00"
        ]
    );
}

#[test]
fn a_lead_whose_clock_would_start_before_the_first_version_has_no_promise() {
    let text = format!("{}{DISPOSITION}", HEAD.replace("2020-01-01", "2026-03-03"));
    both(&text, |t| {
        t.at("2 23:00", assigned("ana")).at("3 01:00", assigned("bob"));
        assert_eq!(t.news(), [""; 0]);
        t.at("3 02:00", status("nurture")).at("3 03:00", status("working"));
        assert_eq!(t.news(), ["3 03:00 started disposition#1 due 3 11:00"]);
    });
}

#[test]
fn case_7_and_8_who_got_the_lead_while_it_was_stopped_holds_the_clock_that_runs_on() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "created" }
stop = { disposition = "any" }
reopen = "continue"
on_reassign = "restart"
[[sla.target]]
within = "8 hours"
"#;
    both(policy, |t| {
        t.at("2 10:00", created()).at("2 11:00", status("qualified")).at("2 12:00", assigned("ana"));
        t.at("2 13:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 met disposition#1 after 3600s by -",
                "2 11:00 retracted disposition#1 met (reopened)",
            ]
        );
        t.at("2 14:00", assigned("bo"));
        assert_eq!(t.news(), ["2 14:00 deadline_moved disposition#1 due 2 22:00"]);
    });
    // Where nobody got it meanwhile, the first owner restarts nothing.
    both(policy, |t| {
        t.at("2 10:00", created()).at("2 11:00", status("qualified")).at("2 13:00", status("working"));
        t.news();
        t.at("2 14:00", assigned("bo"));
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn case_8_a_reassignment_at_the_deadline_or_after_it_restarts_nothing() {
    let policy = DISPOSITION.replace("pause =", "on_reassign = \"restart\"\npause =");
    for at in ["2 18:00", "2 18:01"] {
        both(&policy, |t| {
            t.at("2 10:00", assigned("ana")).at(at, assigned("bo")).until("3 10:00");
            let told: Vec<String> =
                t.news().iter().map(|line| line.split(" by ").next().unwrap_or("").to_owned()).collect();
            assert_eq!(told, ["2 10:00 started disposition#1 due 2 18:00", "2 18:00 breached disposition#1"]);
        });
    }
    both(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 17:59", assigned("bo"));
        assert_eq!(t.news()[1..], ["2 17:59 deadline_moved disposition#1 due 3 01:59"]);
    });
}

#[test]
fn case_6_and_45_an_act_that_brings_a_held_lead_back_stops_at_once_and_a_reassignment_after_it_starts_nothing() {
    let policy = r#"
[[sla]]
name = "touch"
start = { on = "assigned" }
stop = { activity = "any" }
[[sla.target]]
within = "8 hours"
"#;
    both(policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:30", call()).at("2 11:00", status("nurture"));
        t.news();
        t.at("2 12:00", call().status("working")).at("2 13:00", assigned("bo"));
        assert_eq!(t.news(), [""; 0]);
    });
}
