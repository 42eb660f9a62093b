//! What a notice says, when a reminder is told, and what is never taken back (SEMANTICS §7, 12.9, 12.16, 12.40, 12.41).

use crate::timeline::{DISPOSITION, assigned, created, one, play, status};
use serde_json::json;

const OFFICE: &str = "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }";

#[test]
fn time_is_what_a_notice_speaks_of_and_as_of_is_when_it_was_told() {
    play(DISPOSITION, |t| {
        // By a timer, at its instant, however late the next event comes.
        t.at("2 10:00", assigned("ana")).until("5 00:00");
        let told = t.last("breached");
        let when = |told: &serde_json::Value| json!([told["due_at"], told["found_at"], told["as_of"]["watermark"]]);
        assert_eq!(when(told), json!(["2026-03-02T18:00:00Z", "2026-03-02T18:00:00Z", "2026-03-02T18:00:00Z"]));
        t.learnt("5 00:00", "2 10:00", assigned("bo").of("L2"));
        let told = t.last("breached");
        assert_eq!(when(told), json!(["2026-03-02T18:00:00Z", "2026-03-05T00:00:00Z", "2026-03-05T00:00:00Z"]));
        assert_eq!(t.said[3]["time"], "2026-03-02T18:00:00Z");
    });
}

#[test]
fn a_breach_brings_its_proof() {
    play(&one(OFFICE, "name = \"usual\"\nwithin = \"6 business hours\""), |t| {
        t.at("3 14:00", assigned("ana"))
            .at("3 15:00", status("on_hold"))
            .at("3 16:00", status("working"))
            .until("6 00:00");
        let told = t.last("breached");
        let why = &told["explanation"];
        assert_eq!(told["due_at"], "2026-03-05T12:00:00Z");
        assert_eq!(told["target"], "usual");
        assert_eq!(told["as_of"]["offsets"]["crm"], 3);
        assert_eq!(
            (&told["policy"]["name"], &told["policy"]["effective_from"]),
            (&json!("Test"), &json!("1970-01-01T00:00:00Z"))
        );
        assert_eq!(why["counted_from"], "2026-03-03T14:00:00Z");
        assert_eq!(why["pauses"], json!([{"from": "2026-03-03T15:00:00Z", "to": "2026-03-03T16:00:00Z"}]));
        assert_eq!(why["closed_dates"], json!([{"date": "2026-03-04", "why": "holiday"}]));
        assert_eq!((&why["measure"], &why["timezone"]), (&json!("open"), &json!("UTC")));
    });
}

#[test]
fn reminders_of_an_office_fall_neither_into_the_night_nor_on_a_holiday() {
    let policy = one(
        OFFICE,
        "within = \"6 business hours\"\n[[sla.reminder]]\nat = \"50%\"\n[[sla.reminder]]\nat = \"3.5 business hours before\"",
    );
    play(&policy, |t| {
        // Three hours on the 3rd, three on the 5th.
        t.at("3 15:00", assigned("ana")).until("6 00:00").tells(&[
            "3 15:00 started sla#1 due 5 12:00",
            "3 17:30 reminder sla#1 3.5 business hours before until 3 18:00",
            "3 18:00 reminder sla#1 50% until 5 12:00",
            "5 12:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn a_rung_is_told_again_where_a_correction_moves_it_to_after_the_watermark() {
    let policy = format!("{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n");
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 13:00", status("working"))
            .until("2 14:30")
            .tells(&["2 10:00 started disposition#1 due 2 18:00", "2 14:00 reminder disposition#1 50% until 2 18:00"]);
        t.learnt("2 14:30", "2 11:00", status("on_hold")).until("2 21:00").tells(&[
            "2 11:00 deadline_moved disposition#1 due 2 20:00",
            "2 16:00 reminder disposition#1 50% until 2 20:00",
            "2 20:00 breached disposition#1 by ana",
        ]);
    });
    // Moved, but not past the watermark: the one that was told stands.
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 13:00", status("working")).until("2 16:00");
        t.learnt("2 16:00", "2 11:00", status("on_hold")).until("2 21:00").tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 14:00 reminder disposition#1 50% until 2 18:00",
            "2 11:00 deadline_moved disposition#1 due 2 20:00",
            "2 20:00 breached disposition#1 by ana",
        ]);
    });
}

#[test]
fn a_reminder_is_never_taken_back() {
    play(&format!("{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n"), |t| {
        t.at("2 10:00", assigned("ana")).until("2 20:00");
        t.learnt("2 20:00", "2 11:00", status("qualified")).tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 14:00 reminder disposition#1 50% until 2 18:00",
            "2 18:00 breached disposition#1 by ana",
            "2 18:00 retracted disposition#1 breached (met_in_time)",
            "2 11:00 met disposition#1 after 3600s by ana",
        ]);
    });
}

#[test]
fn a_rung_before_the_resume_is_not_told() {
    // Fifteen elapsed hours before a deadline of the morning lie in the evening before.
    let policy = one(OFFICE, "within = \"6 business hours\"\n[[sla.reminder]]\nat = \"15 hours before\"");
    play(&policy, |t| {
        t.at("2 14:00", assigned("ana"))
            .at("2 17:30", status("on_hold"))
            .at("3 08:00", status("working"))
            .until("4 00:00");
        t.tells(&[
            "2 14:00 started sla#1 due 3 11:00",
            "2 17:30 paused sla#1 left 9000s",
            "3 08:00 resumed sla#1 due 3 11:30",
            "3 11:30 breached sla#1 by ana",
        ]);
        assert_eq!(t.lead("L1").clocks[0].reminders[0].state, "passed_over");
    });
}

#[test]
fn what_was_passed_over_is_never_taken_back() {
    let ladder = "[[sla.reminder]]\nat = \"50%\"\n[[sla.escalation]]\nafter = \"0 hours\"\nnotify = [\"owner\"]\n[[sla.escalation]]\nafter = \"1 hour\"\nnotify = [\"manager\"]\n";
    play(&format!("{DISPOSITION}{ladder}"), |t| {
        // Born overdue: neither the reminder nor the first step was told.
        t.learnt("2 20:00", "2 10:00", assigned("ana")).learnt("2 20:30", "2 12:00", status("qualified")).tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 18:00 breached disposition#1 late by ana",
            "2 19:00 escalated disposition#1 step 2",
            "2 19:00 retracted disposition#1 escalated (met_in_time)",
            "2 18:00 retracted disposition#1 breached (met_in_time)",
            "2 12:00 met disposition#1 after 7200s by ana",
        ]);
    });
}

#[test]
fn an_outcome_is_told_again_where_its_instant_owner_team_or_target_changes() {
    let target = "name = \"web\"\nwhen = { source = \"web\" }\nwithin = \"6 hours\"\n[[sla.target]]\nname = \"all\"\nwithin = \"8 hours\"";
    let policy = one("start = { on = \"assigned\" }\nstop = { disposition = \"any\" }", target);
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana").with("team", "north")).at("2 12:00", status("qualified"));
        t.tells(&["2 10:00 started sla#1 due 2 18:00", "2 12:00 met sla#1 after 7200s by ana"]);
        let again = "2 12:00 retracted sla#1 met (corrected)";
        t.learnt("2 13:00", "2 11:00", assigned("bo")).tells(&[again, "2 12:00 met sla#1 after 7200s by bo"]);
        t.learnt("2 13:00", "2 11:10", created().with("team", "south"))
            .tells(&[again, "2 12:00 met sla#1 after 7200s by bo"]);
        assert_eq!(t.last("met")["team"], "south");
        let attributes = json!({"source": "web"});
        t.learnt("2 13:00", "2 09:00", created().with("attributes", attributes)).tells(&[
            again,
            "2 09:00 deadline_moved sla#1 due 2 16:00",
            "2 12:00 met sla#1 after 7200s by bo",
        ]);
        assert_eq!(t.last("met")["target"], "web");
        t.learnt("2 13:00", "2 11:30", status("nurture")).tells(&[again, "2 11:30 met sla#1 after 5400s by bo"]);
    });
}
