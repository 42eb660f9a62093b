//! Facts of one instant, facts of the future, and the ends of the years that are told (SEMANTICS §3, §6, 12.1, 12.14, 12.15).

use crate::timeline::{DISPOSITION, HEAD, activity, assigned, one, play, status, updated};
use plazo::engine::Applied;
use plazo::event::Reason;

#[test]
fn the_last_status_of_one_millisecond_holds_whichever_topic_told_it() {
    let noon = "2026-03-02T12:00:00.001Z";
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at(noon, status("working")).at(noon, status("qualified").source("dialler"));
        t.tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 12:00:00.001 met disposition#1 after 7200.001s by ana",
        ]);
        assert_eq!(t.lead("L1").status.as_deref(), Some("qualified"));
    });
    // The other way about the lead leaves the stop state at once, and a new cycle begins.
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at(noon, status("qualified").source("dialler")).at(noon, status("working"));
        t.tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 12:00:00.001 met disposition#1 after 7200.001s by ana",
            "2 12:00:00.001 started disposition#2 due 2 20:00:00.001",
        ]);
        assert_eq!(t.lead("L1").status.as_deref(), Some("working"));
    });
}

#[test]
fn offsets_of_both_topics_prove_what_was_told() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", activity("call").source("dialler")).until("2 19:00");
        assert_eq!(t.last("breached")["as_of"]["offsets"], serde_json::json!({"crm": 1, "dialler": 2}));
    });
}

#[test]
fn the_same_id_of_two_sources_is_two_facts() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana").id("1"));
        assert_eq!(t.hear("2 11:00", "2 11:00", status("qualified").id("1").source("dialler")), Ok(Applied::Accepted));
        assert_eq!(t.hear("2 12:00", "2 12:00", status("working").id("1")), Ok(Applied::Duplicate));
        assert_eq!(t.clocks("L1"), ["disposition#1 met"]);
    });
}

#[test]
fn all_facts_of_the_starting_millisecond_choose_the_target() {
    let target =
        "name = \"web\"\nwhen = { source = \"web\" }\nwithin = \"2 hours\"\n[[sla.target]]\nwithin = \"8 hours\"";
    let policy = one("start = { on = \"assigned\" }\nstop = { disposition = \"any\" }", target);
    play(&policy, |t| {
        t.at("2 10:00", updated("source", "web")).at("2 10:00", assigned("ana"));
        t.tells(&["2 10:00 started sla#1 due 2 12:00"]);
    });
    // Learnt after the start, of the same instant: the promise was another one all along.
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:00", updated("source", "web"));
        t.tells(&["2 10:00 started sla#1 due 2 18:00", "2 10:00 deadline_moved sla#1 due 2 12:00"]);
    });
    // A millisecond after the start the promise stands.
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana")).at("2026-03-02T10:00:00.001Z", updated("source", "web"));
        t.tells(&["2 10:00 started sla#1 due 2 18:00"]);
    });
}

#[test]
fn a_millisecond_decides_between_met_and_late() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 18:00", status("qualified"));
        t.at("2 10:00", assigned("bo").of("L2"));
        t.at("2026-03-02T18:00:00.001Z", status("qualified").of("L2")).tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 18:00 met disposition#1 after 28800s by ana",
            "2 10:00 started L2 disposition#1 due 2 18:00",
            "2 18:00 breached L2 disposition#1 late by bo",
            "2 18:00:00.001 met_late L2 disposition#1 after 28800.001s by bo",
        ]);
    });
}

#[test]
fn notices_of_one_turn_stand_by_instant_then_sla_then_kind_after_the_retractions() {
    let touch = "start = { on = \"assigned\" }\nstop = { activity = \"any\" }";
    let policy = format!("{}{DISPOSITION}", one(touch, "within = \"2 hours\""));
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana")).until("2 20:00").tells(&[
            "2 10:00 started sla#1 due 2 12:00",
            "2 10:00 started disposition#1 due 2 18:00",
            "2 12:00 breached sla#1 by ana",
            "2 18:00 breached disposition#1 by ana",
        ]);
        // An earlier assignment: everything is taken back, and told anew. The clocks that go would now be second ones.
        t.learnt("2 20:00", "2 09:00", assigned("bo")).tells(&[
            "2 12:00 retracted sla#2 breached (clock_withdrawn)",
            "2 10:00 retracted sla#2 started (clock_withdrawn)",
            "2 18:00 retracted disposition#2 breached (clock_withdrawn)",
            "2 10:00 retracted disposition#2 started (clock_withdrawn)",
            "2 09:00 started sla#1 due 2 11:00",
            "2 09:00 started disposition#1 due 2 17:00",
            "2 11:00 breached sla#1 late by ana",
            "2 17:00 breached disposition#1 late by ana",
        ]);
    });
}

#[test]
fn a_fact_of_the_future_is_tolerated_up_to_the_bound_and_told_when_its_time_has_come() {
    play(DISPOSITION, |t| {
        t.learnt("2 10:00", "2 11:00", assigned("ana")).until("2 10:59").tells(&[]);
        assert_eq!(t.hear("2 10:59", "2026-03-02T11:59:00.001Z", status("qualified")), Err(Reason::FutureTime));
        t.until("2 11:01").tells(&["2 11:00 started disposition#1 due 2 19:00"]);
        // A refused event was not seen, and may come again when its time is nearer.
        assert_eq!(t.hear("2 11:30", "2026-03-02T11:59:00.001Z", status("qualified").id("2")), Ok(Applied::Accepted));
        t.until("2 12:00").tells(&["2 11:59:00.001 met disposition#1 after 3540.001s by ana"]);
    });
}

#[test]
fn a_stop_of_the_future_saves_the_clock_only_if_its_own_time_is_in_time() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 17:30", "2 17:50", status("qualified")).until("2 17:50");
        t.tells(&["2 10:00 started disposition#1 due 2 18:00"]);
        t.until("2 20:00").tells(&["2 17:50 met disposition#1 after 28200s by ana"]);
    });
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 17:30", "2 18:20", status("qualified")).until("2 20:00").tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 18:00 breached disposition#1 by ana",
            "2 18:20 met_late disposition#1 after 30000s by ana",
        ]);
    });
}

#[test]
fn a_deadline_at_the_watermark_is_found_late_and_told_when_it_has_passed() {
    play(DISPOSITION, |t| {
        t.learnt("2 18:00", "2 10:00", assigned("ana")).tells(&["2 10:00 started disposition#1 due 2 18:00"]);
        t.until("2 18:01").tells(&["2 18:00 breached disposition#1 late by ana"]);
    });
    // A stop of that very instant still meets it.
    play(DISPOSITION, |t| {
        t.learnt("2 18:00", "2 10:00", assigned("ana")).at("2 18:00", status("qualified")).until("3 00:00");
        t.tells(&["2 10:00 started disposition#1 due 2 18:00", "2 18:00 met disposition#1 after 28800s by ana"]);
    });
}

#[test]
fn a_fact_that_undoes_a_future_one_before_its_time_leaves_nothing_to_tell() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", status("qualified")).learnt("2 10:10", "2 11:00", status("working"));
        t.learnt("2 10:20", "2 10:30", assigned("ana")).until("2 10:50").tells(&[]);
        t.until("2 12:00").tells(&["2 11:00 started disposition#1 due 2 19:00"]);
    });
}

#[test]
fn the_first_instant_of_1970_is_an_instant_and_the_one_before_is_none() {
    let before = HEAD.replace("1970-01-01T00:00:00Z", "1969-01-01T00:00:00Z");
    play(&format!("{before}{DISPOSITION}"), |t| {
        assert_eq!(t.hear("2 10:00", "1969-12-31T23:59:59.999Z", assigned("ana")), Err(Reason::BadTime));
        t.learnt("2 10:00", "1970-01-01T00:00:00Z", assigned("ana")).tells(&[
            "1970-01-01T00:00:00Z started disposition#1 due 1970-01-01T08:00:00Z",
            "1970-01-01T08:00:00Z breached disposition#1 late by ana",
        ]);
        t.at("2 11:00", status("qualified"));
        let told = t.last("met_late")["open_seconds"].as_i64();
        assert_eq!(told, Some(crate::timeline::instant("2 11:00").ms() / 1_000));
    });
}

#[test]
fn the_last_instant_of_9999_is_an_instant_whose_deadline_never_comes() {
    for within in ["8 hours", "8 business hours", "8 days", "2 business days"] {
        let policy = one(
            "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }",
            &format!("within = \"{within}\""),
        );
        play(&policy, |t| {
            t.at("9999-12-31T23:59:59.998Z", assigned("ana")).until("9999-12-31T23:59:59.999Z");
            // What lies beyond is told as the last instant that can be written.
            assert_eq!(t.last("started")["due_at"], "9999-12-31T23:59:59.999Z", "{within}");
            assert_eq!((t.said.len(), t.clocks("L1")), (1, vec!["sla#1 running".to_owned()]), "{within}");
            t.at("9999-12-31T23:59:59.999Z", status("qualified"));
            assert_eq!(t.clocks("L1"), ["sla#1 met"], "{within}");
        });
    }
}

#[test]
fn a_leap_day_is_a_day_and_a_year_without_one_goes_on_to_march() {
    for (from, within, due) in [
        ("2028-02-28T10:00:00Z", "1 days", "2028-02-29T10:00:00Z"),
        ("2028-02-29T10:00:00Z", "1 weeks", "2028-03-07T10:00:00Z"),
        ("2028-02-29T10:00:00Z", "365 days", "2029-02-28T10:00:00Z"),
        ("2100-02-28T10:00:00Z", "1 days", "2100-03-01T10:00:00Z"),
        // Monday 28 February 2028, and the Tuesday that is the leap day.
        ("2028-02-28T10:00:00Z", "1 business days", "2028-02-29T10:00:00Z"),
        ("2028-02-28T17:00:00Z", "10 business hours", "2028-02-29T18:00:00Z"),
        ("2028-02-28T10:00:00Z", "end of 1 business day", "2028-02-29T18:00:00Z"),
        // 28 February 2100 is a Sunday.
        ("2100-02-26T10:00:00Z", "1 business days", "2100-03-01T10:00:00Z"),
    ] {
        let keys = "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }";
        play(&one(keys, &format!("within = \"{within}\"")), |t| {
            t.at(from, assigned("ana")).tells(&[&format!("{from} started sla#1 due {due}")]);
        });
    }
}
