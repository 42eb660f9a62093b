//! `retarget = "on_change"`: later changes of the lead move the promise (SEMANTICS §4, 12.46).

use super::*;

const RETARGETED: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
retarget = "on_change"
[[sla.target]]
when = { source = "webinar" }
within = "4 hours"
[[sla.target]]
when = { team = "vip" }
within = "2 hours"
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "50%"
"#;

#[test]
fn a_changed_attribute_moves_the_deadline() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", updated("source", "webinar")).until("2 14:01");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 18:00",
                "2 11:00 deadline_moved disposition#1 due 2 14:00",
                "2 12:00 reminder disposition#1 50% valid 2 14:00",
                "2 14:00 breached disposition#1 by ana"
            ]
        );
        assert_eq!(t.said[3]["data"]["target"], "4 hours");
        // What is broken stays broken.
        t.at("2 15:00", updated("source", "fair"));
        assert_eq!(t.news(), [""; 0]);
    });
}

#[test]
fn by_default_the_promise_of_the_start_stands() {
    both(&RETARGETED.replace("on_change", "never"), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", updated("source", "webinar")).until("2 13:59");
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
    });
}

#[test]
fn a_change_of_team_is_a_change() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:30", assigned("ana").team("vip"));
        t.at("2 10:45", assigned("ana").team("north"));
        assert_eq!(
            t.news()[1..],
            ["2 10:30 deadline_moved disposition#1 due 2 12:00", "2 10:45 deadline_moved disposition#1 due 2 18:00"]
        );
    });
}

#[test]
fn a_target_whose_time_is_up_is_breached_at_once_and_found_late() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 15:00", updated("source", "webinar"));
        assert_eq!(
            t.news()[2..],
            ["2 14:00 breached disposition#1 late by ana", "2 15:00 deadline_moved disposition#1 due 2 14:00"]
        );
    });
}

#[test]
fn case_46_another_target_while_paused_is_told_by_what_remains() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold"));
        t.news();
        t.at("2 12:00", updated("source", "webinar")).at("2 13:00", status("working"));
        assert_eq!(
            t.news(),
            ["2 12:00 deadline_moved disposition#1 left 10800s", "2 13:00 resumed disposition#1 due 2 16:00"]
        );
    });
}

#[test]
fn pauses_so_far_count_for_the_new_target() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).at("2 12:00", status("working"));
        t.news();
        t.at("2 12:30", updated("source", "webinar")).until("2 13:30");
        assert_eq!(
            t.news(),
            ["2 12:30 deadline_moved disposition#1 due 2 15:00", "2 13:00 reminder disposition#1 50% valid 2 15:00"]
        );
    });
}

#[test]
fn a_reminder_that_the_new_target_puts_ahead_again_is_held_by_the_next_pause() {
    both(RETARGETED, |t| {
        t.at("2 10:00", created().attribute("source", "webinar").owner("ana")).until("2 13:00");
        t.at("2 13:00", updated("source", "fair")).at("2 13:30", status("on_hold")).at("2 13:40", status("working"));
        t.until("2 18:00");
        assert_eq!(
            t.news(),
            [
                "2 10:00 started disposition#1 due 2 14:00",
                "2 12:00 reminder disposition#1 50% valid 2 14:00",
                "2 13:00 deadline_moved disposition#1 due 2 18:00",
                "2 13:30 paused disposition#1 left 16200s",
                "2 13:40 resumed disposition#1 due 2 18:10",
                "2 14:10 reminder disposition#1 50% valid 2 18:10",
            ]
        );
    });
}

#[test]
fn case_19_a_pause_that_begins_at_the_deadline_of_the_new_target_saves_nothing() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).at("2 14:00", status("on_hold")).at("2 15:00", status("working"));
        t.news();
        t.at("2 16:00", updated("source", "webinar"));
        assert_eq!(
            t.news(),
            ["2 14:00 breached disposition#1 late by ana", "2 16:00 deadline_moved disposition#1 due 2 14:00"]
        );
    });
}

#[test]
fn a_late_change_retargets_from_when_it_happened() {
    both(RETARGETED, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 13:00", "2 11:00", updated("source", "webinar"));
        assert_eq!(t.news()[1..], ["2 11:00 deadline_moved disposition#1 due 2 14:00"]);
        // Before the start it is what the target was chosen by.
        t.learnt("2 13:30", "2 09:00", updated("source", "fair")).until("2 14:01");
        assert_eq!(t.news(), ["2 14:00 breached disposition#1 by ana"]);
    });
}

#[test]
fn a_step_that_the_new_target_puts_into_a_pause_waits_for_its_end() {
    both(&format!("{}[[sla.escalation]]\nafter = \"5 hours\"\nnotify = [\"owner\"]\n", RETARGETED), |t| {
        t.at("2 08:00", assigned("ana")).at("2 15:00", status("on_hold"));
        t.news();
        t.at("2 20:00", updated("source", "webinar")).until("3 00:00");
        assert_eq!(t.news()[0], "2 12:00 breached disposition#1 late by ana");
        assert!(t.said.iter().all(|said| said["type"] != "sla.escalated"));
        t.at("3 10:00", status("working")).until("3 12:01");
        assert_eq!(t.news().last().map(String::as_str), Some("3 12:00 escalated disposition#1 step 1"));
    });
}

#[test]
fn a_deadline_of_the_source_moves_nothing_while_an_earlier_target_holds() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
retarget = "on_change"
[[sla.target]]
when = { source = { not = "webinar" } }
within = "24 hours"
[[sla.target]]
when = { respond_by = { present = true } }
by = "respond_by"
[[sla.target]]
within = "4 hours"
"#;
    both(policy, |t| {
        t.at("2 07:00", assigned("ana")).at("2 08:00", updated("respond_by", "2026-03-02T09:00:00Z"));
        assert_eq!(t.news(), ["2 07:00 started disposition#1 due 3 07:00"]);
        t.at("2 08:30", updated("source", "webinar"));
        assert_eq!(t.news(), ["2 08:30 deadline_moved disposition#1 due 2 09:00"]);
    });
}

#[test]
fn another_policy_is_told_to_open_leads_and_no_instant_passes_by_it() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", assigned("ana")).at("2 10:00", assigned("bia").of("L2")).at("2 11:00", status("nurture").of("L2"));
    t.until("2 14:00");
    t.news();
    let mut next = Timeline::new(&DISPOSITION.replace("8 hours", "4 hours"));
    for record in t.shard.records() {
        next.shard.restore_record(record.into()).expect("a stored record");
    }
    next.shard.restore_position(t.shard.watermark(), &[(0, 3)]);
    assert_eq!(next.shard.resettle(0, 1), Ok(Some(1)));
    assert_eq!(next.shard.resettle(1, 1), Ok(None));
    next.collect();
    // Due at the watermark itself: that instant has not passed.
    assert_eq!(next.news(), ["2 14:00 deadline_moved disposition#1 due 2 14:00"]);
    next.until("2 14:01");
    assert_eq!(next.news(), ["2 14:00 breached disposition#1 late by ana"]);
}

#[test]
fn a_reminder_that_the_new_target_puts_before_the_change_is_shown_at_its_own_instant() {
    // After a pause, and before one.
    for (from, to, reminder) in [("2 10:10", "2 10:20", "2 12:10"), ("2 12:30", "2 12:40", "2 12:00")] {
        let mut t = Timeline::new(RETARGETED);
        t.at("2 10:00", assigned("ana")).at(from, status("on_hold")).at(to, status("working"));
        t.at("2 13:00", updated("source", "webinar"));
        let view =
            inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
        let shown = &view.clocks[0].reminders[0];
        assert_eq!((shown.time, shown.state), (Some(instant(reminder)), "passed_over"));
    }
}
