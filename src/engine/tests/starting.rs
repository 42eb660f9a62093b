//! What starts a clock, what stops it, and what it is worth: SEMANTICS §4 and §12 cases 1-6, 17, 27-30, 32, 45.

use super::*;

const FIRST_TOUCH: &str = r#"
[[sla]]
name = "touch"
start = { on = "created" }
stop = { activity = ["call"] }
[[sla.target]]
within = "1 hours"
"#;

#[test]
fn a_clock_starts_when_the_lead_is_assigned_and_is_met_by_a_disposition() {
    both(DISPOSITION, |t| {
        t.at("2 09:00", created().status("new")).at("2 10:00", assigned("ana"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
        t.at("2 12:00", status("qualified"));
        assert_eq!(t.news(), ["2 12:00 met disposition#1 after 7200s by ana"]);
        t.until("9 00:00");
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn a_stop_at_the_deadline_is_met_and_one_after_it_is_late() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", status("qualified"));
        assert_eq!(t.news()[1..], ["2 18:00 met disposition#1 after 28800s by ana"]);
    });
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00:01", status("qualified"));
        assert_eq!(
            t.news()[1..],
            ["2 18:00 breached disposition#1 by ana", "2 18:00:01 met_late disposition#1 after 28801s by ana"]
        );
    });
}

#[test]
fn a_breach_is_told_when_the_deadline_has_passed_not_at_it() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).until("2 18:00");
        assert_eq!(t.news().len(), 1);
        t.until("2 18:00:01");
        assert_eq!(t.news(), ["2 18:00 breached disposition#1 by ana"]);
        assert_eq!(t.said[1]["data"]["as_of"]["watermark"], "2026-03-02T18:00:00Z");
    });
}

#[test]
fn a_fact_at_the_deadline_is_applied_before_the_timer_of_that_instant() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", call()).at("2 18:00", status("qualified"));
        assert_eq!(t.news()[1..], ["2 18:00 met disposition#1 after 28800s by ana"]);
    });
}

#[test]
fn a_created_lead_with_an_owner_was_received_at_once() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", created().owner("ana").status("new"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
}

#[test]
fn case_2_a_redelivery_is_silent_and_the_same_words_under_another_id_are_a_fact() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana").id("x"));
        t.news();
        assert_eq!(t.tell("2 11:00", "2 10:00", assigned("ana").id("x")), Ok(Applied::Duplicate));
        assert_eq!(t.tell("2 11:00", "2 10:30", assigned("ana").id("y")), Ok(Applied::Accepted));
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn case_4_naming_the_same_owner_again_is_no_assignment() {
    let restart = DISPOSITION.replace("pause =", "on_reassign = \"restart\"\npause =");
    both(&restart, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("ana"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
        t.at("2 12:00", assigned("")).at("2 13:00", assigned("ana"));
        assert_eq!(t.news(), ["2 13:00 deadline_moved disposition#1 due 2 21:00"]);
    });
}

#[test]
fn case_5_no_clock_starts_where_a_stop_state_held_before() {
    both(DISPOSITION, |t| {
        t.at("2 09:00", created().status("nurture")).at("2 10:00", assigned("ana"));
        assert_eq!(t.news(), [""; 0]);
        t.at("2 11:00", status("working"));
        assert_eq!(t.news(), ["2 11:00 started disposition#1 due 2 19:00"]);
    });
}

#[test]
fn case_5_the_starting_fact_may_itself_leave_the_stop_state() {
    both(DISPOSITION, |t| {
        t.at("2 09:00", created().status("nurture")).at("2 10:00", status("working").owner("ana"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
}

#[test]
fn case_5_only_acts_at_or_after_the_start_count() {
    both(FIRST_TOUCH, |t| {
        t.at("2 09:00", call()).at("2 10:00", created());
        assert_eq!(t.news(), ["2 10:00 started touch#1 due 2 11:00"]);
    });
}

#[test]
fn case_6_start_and_stop_at_one_instant_are_met_with_0_seconds_in_either_order() {
    let expected = ["2 10:00 started disposition#1 due 2 18:00", "2 10:00 met disposition#1 after 0s by ana"];
    both(DISPOSITION, |t| {
        t.at("2 10:00", status("qualified")).at("2 10:00", assigned("ana"));
        assert_eq!(t.news(), expected);
    });
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:00", status("qualified"));
        assert_eq!(t.news(), expected);
    });
    both(FIRST_TOUCH, |t| {
        t.at("2 10:00", call()).at("2 10:00", created().owner("ana"));
        assert_eq!(t.news(), ["2 10:00 started touch#1 due 2 11:00", "2 10:00 met touch#1 after 0s by ana"]);
    });
}

#[test]
fn case_6_in_one_fact_stop_wins_and_nothing_starts() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", created().owner("ana").status("unsuitable")).until("3 10:00");
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn automation_is_no_touch() {
    both(FIRST_TOUCH, |t| {
        t.at("2 10:00", created()).at("2 10:10", call().automated());
        assert_eq!(t.news().len(), 1);
        t.at("2 10:20", call());
        assert_eq!(t.news(), ["2 10:20 met touch#1 after 1200s by -"]);
    });
}

#[test]
fn case_17_facts_before_the_creation_count_as_they_come() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 12:00", "2 09:00", created().status("new"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
}

#[test]
fn case_27_a_second_creation_is_an_update() {
    both(FIRST_TOUCH, |t| {
        t.at("2 10:00", created()).at("2 10:30", created().attribute("source", "webinar"));
        assert_eq!(t.news(), ["2 10:00 started touch#1 due 2 11:00"]);
        t.learnt("2 10:40", "2 09:30", created());
        assert_eq!(
            t.news(),
            [
                "2 10:00 retracted touch#2 started (clock_withdrawn)",
                "2 09:30 started touch#1 due 2 10:30",
                "2 10:30 breached touch#1 late by -"
            ]
        );
    });
}

#[test]
fn case_28_a_stop_that_names_a_new_owner_is_credited_to_who_held_the_lead() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("qualified").owner("bob"));
        assert_eq!(t.news()[1..], ["2 11:00 met disposition#1 after 3600s by ana"]);
    });
    both(FIRST_TOUCH, |t| {
        t.at("2 10:00", created());
        let mut first_call = call();
        first_call = first_call.owner("bob");
        t.at("2 10:30", first_call);
        assert_eq!(t.news()[1..], ["2 10:30 met touch#1 after 1800s by bob"]);
    });
}

#[test]
fn case_29_and_30_a_refused_event_does_not_count_as_seen() {
    both(DISPOSITION, |t| {
        assert_eq!(t.tell("2 10:00", "2 10:00", assigned("ana").status("odd").id("x")), Err(Reason::UnknownStatus));
        assert_eq!(t.tell("2 10:05", "2 10:00", assigned("ana").id("x")), Ok(Applied::Accepted));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
}

#[test]
fn a_time_beyond_the_tolerance_is_refused_and_one_within_it_waits() {
    both(DISPOSITION, |t| {
        assert_eq!(t.tell("2 10:00", "2 11:00:01", assigned("ana")), Err(Reason::FutureTime));
        t.learnt("2 10:00", "2 10:30", assigned("ana")).until("2 10:30");
        assert_eq!(t.news(), [""; 0]);
        t.until("2 10:31");
        assert_eq!(t.news(), ["2 10:30 started disposition#1 due 2 18:30"]);
    });
}

#[test]
fn case_32_a_pause_status_in_force_at_the_start_starts_the_clock_paused() {
    both(DISPOSITION, |t| {
        t.at("2 09:00", status("on_hold")).at("2 10:00", assigned("ana"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 left 28800s", "2 10:00 paused disposition#1 left 28800s"]);
        t.at("2 11:00", status("working"));
        assert_eq!(t.news(), ["2 11:00 resumed disposition#1 due 2 19:00"]);
    });
}

#[test]
fn targets_are_chosen_by_what_held_at_the_start_and_the_first_match_wins() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
[[sla.target]]
when = { source = ["webinar", "demo"], score = { at_least = 80 } }
within = "1 hours"
[[sla.target]]
when = { source = "webinar" }
within = "2 hours"
[[sla.target]]
within = "8 hours"
"#;
    both(policy, |t| {
        t.at("2 09:00", created().attribute("source", "webinar").attribute("score", "79"));
        t.at("2 10:00", assigned("ana")).at("2 10:30", updated("score", "95"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 12:00"]);
        t.learnt("2 10:40", "2 10:00", updated("score", "80"));
        assert_eq!(t.news(), ["2 10:00 deadline_moved disposition#1 due 2 11:00"]);
    });
}

#[test]
fn case_6_and_28_of_the_acts_of_the_starting_instant_the_first_meets_the_clock_and_none_before_it_does() {
    both(FIRST_TOUCH, |t| {
        t.at("2 08:00", call().owner("ana")).at("2 10:00", call().owner("bo")).at("2 10:00", call().owner("caio"));
        t.at("2 10:00", created());
        assert_eq!(t.news(), ["2 10:00 started touch#1 due 2 11:00", "2 10:00 met touch#1 after 0s by ana"]);
    });
    both(FIRST_TOUCH, |t| {
        t.at("2 08:00", call()).at("2 10:00", created());
        assert_eq!(t.news(), ["2 10:00 started touch#1 due 2 11:00"]);
    });
}

#[test]
fn starts_that_made_no_clock_are_counted_by_why() {
    let mut t = Timeline::new(DISPOSITION);
    t.learnt("2 09:00", "2 08:00", status("qualified")).at("2 10:00", assigned("ana"));
    t.at("2 10:30", assigned("bo")).at("2 11:00", assigned("ana").of("L2"));
    let not_started = |t: &Timeline, lead: &str| {
        let mut reading = crate::engine::Reading::default();
        reading.read(t.shard.rules(), t.shard.lead(lead).expect("a lead"), t.shard.watermark()).expect("a record");
        let missed = reading.fold.not_started(0);
        (missed.already_stopped, missed.before_first_version)
    };
    assert_eq!((not_started(&t, "L1"), not_started(&t, "L2")), ((1, 0), (0, 0)));
    // Those of the next life are added.
    t.at("2 12:00", deleted()).at("2 13:00", status("qualified")).at("2 14:00", assigned("ana"));
    assert_eq!(not_started(&t, "L1"), (2, 0));
    let later = format!("{HEAD}{DISPOSITION}").replace("2020-01-01T00:00:00Z", "2026-03-03T00:00:00Z");
    let mut t = Timeline::new(&later);
    t.at("2 10:00", assigned("ana")).at("3 10:00", assigned("bo"));
    assert_eq!(not_started(&t, "L1"), (0, 1));
}
