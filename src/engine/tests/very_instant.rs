//! What happens exactly at a deadline, a rung, a step, a stop, a pause or a deletion: SEMANTICS §4, §6, §12.

use super::*;

fn with(addition: &str) -> String {
    DISPOSITION.replace("[[sla.target]]", &format!("{addition}\n[[sla.target]]"))
}

/// Eight open hours, reminded so long before the deadline.
fn business(before: &str) -> String {
    let business = with("calendar = \"office\"").replace("8 hours", "8 business hours");
    format!("{business}[[sla.reminder]]\nat = \"{before}\"\n")
}

const TARGETS: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
retarget = "on_change"
[[sla.target]]
when = { source = "webinar" }
within = "8 business hours"
[[sla.target]]
within = "24 business hours"
[[sla.reminder]]
at = "50%"
"#;

const BY: &str = r#"
[[sla]]
name = "reply"
start = { on = "assigned" }
stop = { activity = "any" }
pause = { status = ["on_hold"] }
retarget = "on_change"
[[sla.target]]
when = { team = "vip" }
within = "2 hours"
[[sla.target]]
when = { respond_by = { present = true } }
by = "respond_by"
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "50%"
"#;

#[test]
fn at_its_deadline_a_clock_runs_and_may_get_another_one() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).until("2 18:00");
        assert_eq!(t.clocks("L1"), ["disposition#1 running"]);
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
    both(TARGETS, |t| {
        t.at("2 09:00", created().attribute("source", "webinar")).at("2 10:00", assigned("ana"));
        t.at("2 18:00", updated("source", "fair"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 14:00 reminder disposition#1 50% valid 2 18:00",
                "2 18:00 deadline_moved disposition#1 due 4 16:00"
            ]
        );
    });
}

#[test]
fn at_the_end_of_a_bounded_pause_the_clock_is_still_paused() {
    both(&DISPOSITION.replace("[\"on_hold\"]", "[\"on_hold\"], at_most = \"2 hours\""), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold"));
        t.news();
        t.learnt("2 13:00", "2 12:00", call());
        assert_eq!(t.news(), [""; 0]);
        assert_eq!(t.clocks("L1"), ["disposition#1 paused"]);
        t.until("2 13:01");
        assert_eq!(t.news(), ["2 13:00 resumed disposition#1 due 2 20:00"]);
    });
}

#[test]
fn a_reminder_due_as_the_pause_begins_is_still_to_be_told() {
    both(&business("1 hours before"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 17:00", status("on_hold")).at("2 17:30", status("working"));
        t.until("3 09:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 17:00 paused disposition#1 left 3600s",
                "2 17:30 resumed disposition#1 due 3 09:30",
                "3 08:30 reminder disposition#1 1 hours before valid 3 09:30",
            ]
        );
    });
}

#[test]
fn a_reminder_passed_over_at_a_resume_is_told_where_the_next_pause_puts_it_ahead() {
    both(&business("24 hours before"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 12:00", status("working"));
        t.at("3 09:30", status("on_hold")).at("6 17:45", status("working")).until("9 09:10");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 paused disposition#1 left 25200s",
                "2 12:00 resumed disposition#1 due 3 10:00",
                "3 09:30 paused disposition#1 left 1800s",
                "6 17:45 resumed disposition#1 due 9 09:15",
                "8 09:15 reminder disposition#1 24 hours before valid 9 09:15",
            ]
        );
    });
}

#[test]
fn a_pause_that_ends_at_once_leaves_the_deadline_where_it_was() {
    let policy = r#"
[calendars.desk]
timezone = "UTC"
weekly = { mon = ["09:00-18:00"], tue = ["09:00-17:00"], wed = ["09:00-18:00"] }
[[sla]]
name = "disposition"
calendar = "desk"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "1 business days"
"#;
    both(policy, |t| {
        // 17:30 is closed on the Tuesday, so that it is due at the next opening.
        t.at("2 17:30", assigned("ana")).at("3 10:00", status("on_hold")).at("3 10:00", status("qualified"));
        assert_eq!(t.news()[0], "2 17:30 started disposition#1 due 4 09:00");
        assert_eq!(t.said[2]["type"], "sla.met");
        assert_eq!(t.said[2]["data"]["due_at"], "2026-03-04T09:00:00Z");
    });
    both(policy, |t| {
        t.at("2 17:30", assigned("ana")).at("3 10:00", status("on_hold")).at("3 10:00", status("working"));
        assert_eq!(t.news()[2..], ["3 10:00 resumed disposition#1 due 4 09:00"]);
    });
}

#[test]
fn a_pause_and_resume_at_the_instant_of_a_reminder_leave_it_to_be_told_where_both_were_known_before() {
    both(&format!("{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n"), |t| {
        t.at("2 10:00", assigned("ana"));
        t.learnt("2 13:30", "2 14:00", status("on_hold")).learnt("2 13:30", "2 14:00", status("working"));
        t.until("2 14:01");
        assert_eq!(t.news()[1..], ["2 14:00 reminder disposition#1 50% valid 2 18:00"]);
    });
    // Told of as they happen, they gave the clock its deadline anew at that instant.
    both(&format!("{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 14:00", status("on_hold")).at("2 14:00", status("working"));
        t.until("2 14:01");
        assert_eq!(t.news()[2..], ["2 14:00 resumed disposition#1 due 2 18:00"]);
    });
}

/// The shown instant of the reminder, which the change of target at 21:00 puts before itself.
fn reminder_after(pause: &[(&str, &str)]) -> Timestamp {
    let mut t = Timeline::new(TARGETS);
    t.at("2 14:00", assigned("ana"));
    for (at, to) in pause {
        t.at(at, status(to));
    }
    t.at("2 21:00", updated("source", "webinar"));
    let view = inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
    view.clocks[0].reminders[0].time.expect("an instant")
}

#[test]
fn a_share_that_ends_at_closing_time_stays_there_whatever_pause_of_no_length_comes_after() {
    assert_eq!(reminder_after(&[]), instant("2 18:00"));
    assert_eq!(reminder_after(&[("2 20:00", "on_hold"), ("2 20:00", "working")]), instant("2 18:00"));
}

#[test]
fn a_share_that_ends_where_a_pause_begins_waits_for_its_end() {
    assert_eq!(reminder_after(&[("2 18:00", "on_hold"), ("2 20:00", "working")]), instant("2 20:00"));
}

#[test]
fn a_pause_that_begins_at_the_deadline_of_the_source_takes_nothing_from_the_share() {
    let mut t = Timeline::new(BY);
    t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 12:00", status("working"));
    t.at("2 13:00", updated("respond_by", "2026-03-02T11:00:00Z"));
    let view = inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
    assert_eq!(view.clocks[0].reminders[0].time, Some(instant("2 10:30")));
}

#[test]
fn a_reminder_due_at_the_instant_of_a_fact_that_moves_no_deadline_is_told_after_it() {
    for told in [call as fn() -> Told, || updated("respond_by", "2026-03-02T20:00:00Z")] {
        both(&BY.replace("{ activity = \"any\" }", "{ disposition = \"any\" }"), |t| {
            // An attribute that gives a deadline says nothing while an earlier target holds.
            let vip = told().0.fact.attributes.len() == 1;
            let first = if vip { assigned("ana").team("vip") } else { assigned("ana") };
            t.at("2 09:00", updated("respond_by", "2026-03-02T12:00:00Z")).at("2 10:00", first);
            t.at("2 11:00", told()).until("2 11:01");
            let due = "2 10:00 started reply#1 due 2 12:00";
            assert_eq!(t.news(), [due, "2 11:00 reminder reply#1 50% valid 2 12:00"]);
        });
    }
}

#[test]
fn the_target_of_a_clock_that_stops_as_it_starts_is_chosen_by_all_that_is_said_then() {
    both(&BY.replace("retarget = \"on_change\"\n", ""), |t| {
        t.at("2 10:00", assigned("ana").team("vip")).at("2 10:00", updated("respond_by", "2026-03-02T20:00:00Z"));
        t.at("2 10:00", call());
        assert_eq!(t.news(), ["2 10:00 started reply#1 due 2 12:00", "2 10:00 met reply#1 after 0s by ana"]);
        assert_eq!(t.said[1]["data"]["due_at"], "2026-03-02T12:00:00Z");
    });
}

#[test]
fn who_takes_the_lead_over_at_the_instant_of_the_stop_had_no_part_in_the_clock() {
    both(&format!("{DISPOSITION}[watch]\nping_pong = {{ more_than = 1 }}\n"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("bia"));
        t.learnt("2 11:30", "2 12:00", assigned("caio")).learnt("2 11:30", "2 12:00", status("qualified"));
        t.until("2 13:00");
        assert_eq!(
            t.news(),
            ["2 10:00 started disposition#1 due 2 18:00", "2 12:00 met disposition#1 after 7200s by caio"]
        );
    });
}

#[test]
fn case_18_nothing_starts_at_the_instant_of_a_deletion_after_it() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", created()).at("2 11:00", deleted()).at("2 11:00", assigned("ana"));
        assert_eq!(t.news(), [""; 0]);
        t.at("2 12:00", assigned("ana"));
        assert_eq!(t.news(), ["2 12:00 started disposition#1 due 2 20:00"]);
    });
}

#[test]
fn case_12_a_late_stop_at_the_instant_of_a_step_takes_it_back() {
    both(&format!("{DISPOSITION}[[sla.escalation]]\nafter = \"1 hours\"\nnotify = [\"owner\"]\n"), |t| {
        t.at("2 10:00", assigned("ana")).until("2 20:00");
        t.news();
        t.learnt("2 20:00", "2 19:00", status("qualified"));
        assert_eq!(
            t.news(),
            [
                "2 19:00 retracted disposition#1 escalated (stopped_earlier)",
                "2 19:00 met_late disposition#1 after 32400s by ana"
            ]
        );
    });
}

#[test]
fn case_6_a_clock_ends_at_its_start_as_the_state_says_that_the_lead_is_in() {
    let policy = with("cancel = { status = [\"junk\"] }");
    for (first, second, end) in [
        ("qualified", "junk", "cancelled disposition#1 status"),
        ("junk", "qualified", "met disposition#1 after 0s by ana"),
    ] {
        both(&policy, |t| {
            t.at("2 10:00", status(first)).at("2 10:00", status(second)).at("2 10:00", assigned("ana"));
            assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00".to_owned(), format!("2 10:00 {end}")]);
        });
    }
}

#[test]
fn case_3_of_two_clocks_of_one_instant_the_second_is_taken_back_as_the_second() {
    both(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:00", status("nurture")).at("2 10:00", status("working"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 10:00 met disposition#1 after 0s by ana",
                "2 10:00 started disposition#2 due 2 18:00"
            ]
        );
        // She got a lead that was done with already: one cycle begins, as it comes back.
        t.learnt("2 11:00", "2 09:00", status("qualified"));
        assert_eq!(
            t.news(),
            [
                "2 10:00 retracted disposition#2 started (clock_withdrawn)",
                "2 10:00 retracted disposition#1 met (corrected)"
            ]
        );
    });
}
