//! `pause.at_most`: a clock resumes by itself when its pauses together have lasted long enough (SEMANTICS §4).

use super::*;

const BOUNDED: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"], at_most = "2 hours" }
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "75%"
[[sla.escalation]]
after = "4 hours"
notify = ["owner"]
"#;

#[test]
fn a_clock_that_ended_in_its_pause_is_not_resumed_when_the_pause_would_have_lasted_long_enough() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 12:00", status("qualified"));
        t.at("2 14:00", call());
        assert_eq!(t.news()[2..], ["2 12:00 met disposition#1 after 3600s by ana"]);
    });
}

const BUSINESS: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"], at_most = "4 business hours" }
[[sla.target]]
within = "2 business days"
"#;

#[test]
fn the_clock_resumes_by_itself_and_then_breaches() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).until("2 21:00");
        assert_eq!(
            t.news()[1..],
            [
                "2 11:00 paused disposition#1 left 25200s",
                "2 13:00 resumed disposition#1 due 2 20:00",
                "2 18:00 reminder disposition#1 75% valid 2 20:00",
                "2 20:00 breached disposition#1 by ana"
            ]
        );
        assert_eq!(t.said[4]["data"]["open_seconds"], 8 * 3_600);
    });
}

#[test]
fn several_pauses_share_the_bound_and_then_there_are_none() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 12:00", status("working"));
        t.at("2 14:00", status("on_hold")).until("2 15:30");
        assert_eq!(
            t.news()[1..],
            [
                "2 11:00 paused disposition#1 left 25200s",
                "2 12:00 resumed disposition#1 due 2 19:00",
                "2 14:00 paused disposition#1 left 18000s",
                "2 15:00 resumed disposition#1 due 2 20:00"
            ]
        );
        t.at("2 16:00", status("working")).at("2 17:00", status("on_hold")).at("2 17:30", call()).until("2 20:01");
        assert_eq!(
            t.news(),
            ["2 18:00 reminder disposition#1 75% valid 2 20:00", "2 20:00 breached disposition#1 by ana"]
        );
    });
}

#[test]
fn a_bound_in_business_time_counts_open_hours() {
    both(BUSINESS, |t| {
        t.at("2 10:00", assigned("ana")).at("2 17:00", status("on_hold")).until("4 00:00");
        assert_eq!(
            t.news()[1..],
            ["2 17:00 paused disposition#1 left 39600s", "3 12:00 resumed disposition#1 due 4 14:00"]
        );
    });
}

#[test]
fn a_clock_that_starts_paused_resumes_by_itself_too() {
    both(BOUNDED, |t| {
        t.at("2 09:00", created().status("on_hold")).at("2 10:00", assigned("ana")).until("2 12:30");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 left 28800s",
                "2 10:00 paused disposition#1 left 28800s",
                "2 12:00 resumed disposition#1 due 2 20:00"
            ]
        );
    });
}

#[test]
fn the_status_left_at_the_very_end_of_the_bound_resumes_once() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 13:00", status("working"));
        t.until("2 14:00");
        assert_eq!(t.news()[2..], ["2 13:00 resumed disposition#1 due 2 20:00"]);
    });
}

#[test]
fn the_bound_ends_the_hold_of_the_ladder() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).until("2 18:01");
        t.news();
        t.at("2 19:00", status("on_hold")).until("4 00:00");
        assert_eq!(
            t.news(),
            [
                "2 19:00 paused disposition#1 left 0s",
                "2 21:00 resumed disposition#1 due 2 18:00",
                "3 00:00 escalated disposition#1 step 1"
            ]
        );
    });
}

#[test]
fn a_pause_learnt_to_have_ended_earlier_moves_the_deadline_back() {
    both(BOUNDED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).until("2 13:30");
        t.news();
        t.learnt("2 14:00", "2 12:00", status("working"));
        assert_eq!(t.news(), ["2 12:00 deadline_moved disposition#1 due 2 19:00"]);
        // An hour of the bound is left again.
        t.at("2 15:00", status("on_hold")).until("2 17:00");
        assert_eq!(t.news(), ["2 15:00 paused disposition#1 left 14400s", "2 16:00 resumed disposition#1 due 2 20:00"]);
    });
}

#[test]
fn order_of_arrival_does_not_matter_to_a_bounded_pause() {
    let mut t = Timeline::new(BOUNDED);
    t.learnt("2 22:00", "2 11:00", status("on_hold")).learnt("2 22:00", "2 10:00", assigned("ana"));
    assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 20:00", "2 20:00 breached disposition#1 late by ana"]);
}
