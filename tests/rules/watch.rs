//! Games that people play are told, not punished (SEMANTICS §4): thresholds in `[watch]` of the policy.

use std::sync::Arc;

use crate::timeline::{DISPOSITION, HEAD, Timeline, assigned, parse_policy, play, play_with, status, tell};
use plazo::policy::{self, Policy};
use serde_json::json;

fn watched(limits: &str) -> String {
    format!("{DISPOSITION}\n[watch]\n{limits}\n")
}

fn ping_pong() -> String {
    watched("ping_pong = { more_than = 2 }")
}

fn mass() -> String {
    watched("mass_disposition = { more_than = 2, within = \"10 minutes\" }")
}

/// Leads L1 to L5 are given to ana, and what was told of that is passed over.
fn given(t: &mut Timeline) {
    for lead in ["L1", "L2", "L3", "L4", "L5"] {
        t.at("2 09:00", assigned("ana").of(lead));
    }
    t.until("2 09:30");
    assert_eq!(t.fresh(&["started"]), [""; 0]);
}

#[test]
fn the_handover_that_is_one_too_many_is_told_once_a_clock() {
    play(&ping_pong(), |t| {
        t.at("2 09:00", assigned("ana")).at("2 09:10", assigned("bo")).at("2 09:20", assigned("cy"));
        t.tells(&["2 09:00 started disposition#1 due 2 17:00"]);
        t.at("2 09:30", assigned("ana")).tells(&["2 09:30 ping_pong disposition#1 ana > bo > cy > ana"]);
        let told = t.said.last().expect("told").clone();
        assert_eq!((&told["data"]["handovers"], &told["data"]["more_than"]), (&3.into(), &2.into()));
        assert_eq!((&told["type"], &told["data"]["owner"]), (&"watch.ping_pong".into(), &"ana".into()));
        t.at("2 09:40", assigned("bo")).at("2 09:50", assigned("cy")).tells(&[]);
        t.at("2 10:00", status("qualified")).tells(&["2 10:00 met disposition#1 after 3600s by cy"]);
        // The next clock counts its own.
        t.at("2 11:00", status("working")).tells(&["2 11:00 started disposition#2 due 2 19:00"]);
        t.at("2 11:10", assigned("ana")).at("2 11:20", assigned("bo")).tells(&[]);
        t.at("2 11:30", assigned("ana")).tells(&["2 11:30 ping_pong disposition#2 cy > ana > bo > ana"]);
    });
}

#[test]
fn a_time_that_nobody_held_the_lead_and_the_same_owner_again_are_no_handovers() {
    play(&ping_pong(), |t| {
        t.at("2 09:00", assigned("ana")).at("2 09:05", assigned("ana")).at("2 09:10", assigned(""));
        t.at("2 09:15", assigned("ana")).at("2 09:20", assigned("bo")).at("2 09:25", assigned(""));
        t.at("2 09:30", assigned("cy")).tells(&["2 09:00 started disposition#1 due 2 17:00"]);
        t.at("2 09:35", assigned("")).at("2 09:40", assigned("bo"));
        t.tells(&["2 09:40 ping_pong disposition#1 ana > bo > cy > bo"]);
    });
}

#[test]
fn late_facts_that_leave_no_such_handover_take_it_back_and_others_tell_it_again() {
    play(&ping_pong(), |t| {
        t.at("2 09:00", assigned("ana")).at("2 09:10", assigned("bo")).at("2 09:20", assigned("ana"));
        t.at("2 09:30", assigned("bo"));
        t.tells(&["2 09:00 started disposition#1 due 2 17:00", "2 09:30 ping_pong disposition#1 ana > bo > ana > bo"]);
        t.learnt("2 10:00", "2 09:25", status("qualified"));
        t.tells(&[
            "2 09:30 retracted disposition#1 ping_pong (corrected)",
            "2 09:25 met disposition#1 after 1500s by ana",
        ]);
        t.learnt("2 10:10", "2 09:22", assigned("cy"));
        t.tells(&[
            "2 09:25 retracted disposition#1 met (corrected)",
            "2 09:22 ping_pong disposition#1 ana > bo > ana > cy",
            "2 09:25 met disposition#1 after 1500s by cy",
        ]);
    });
}

#[test]
fn a_clock_that_is_withdrawn_takes_it_back_too() {
    play(&ping_pong(), |t| {
        t.at("2 09:00", assigned("ana")).at("2 09:10", assigned("bo")).at("2 09:20", assigned("ana"));
        t.at("2 09:30", assigned("bo"));
        t.tells(&["2 09:00 started disposition#1 due 2 17:00", "2 09:30 ping_pong disposition#1 ana > bo > ana > bo"]);
        t.learnt("2 10:00", "2 08:00", assigned("ana"));
        t.tells(&[
            "2 09:30 retracted disposition#2 ping_pong (clock_withdrawn)",
            "2 09:00 retracted disposition#2 started (clock_withdrawn)",
            "2 08:00 started disposition#1 due 2 16:00",
            "2 09:30 ping_pong disposition#1 ana > bo > ana > bo",
        ]);
    });
}

#[test]
fn one_owner_that_disqualifies_more_leads_within_the_time_is_told_once() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable")).at("2 10:05", status("unsuitable").of("L2"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        t.at("2 10:09:59.999", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:09:59.999 mass_disposition L3 by ana 3 disqualified since 2 10:00"]);
        let data = &t.said.last().expect("told")["data"];
        assert_eq!((&data["more_than"], &data["within"], &data["team"]), (&2.into(), &"10 minutes".into(), &().into()));
        // It goes on: nothing more is said of it for as long as the time.
        t.at("2 10:10", status("unsuitable").of("L4")).at("2 10:19:59.998", status("unsuitable").of("L5"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
    });
}

#[test]
fn the_team_of_who_gave_the_last_disposition_is_told() {
    play(&mass(), |t| {
        given(t);
        t.at("2 09:35", assigned("ana").of("L3").with("team", "west"));
        t.at("2 09:36", status("unsuitable").of("L3")).at("2 09:37", status("working").of("L3"));
        t.at("2 09:40", assigned("bo").of("L3").with("team", "south"));
        t.at("2 09:50", status("unsuitable").of("L3")).at("2 09:55", status("working").of("L3"));
        t.at("2 09:58", assigned("ana").of("L3").with("team", "north"));
        t.at("2 10:00", status("unsuitable")).at("2 10:01", status("unsuitable").of("L2"));
        t.at("2 10:02", status("unsuitable").of("L3"));
        let told = t.said.last().expect("told");
        assert_eq!((&told["type"], &told["data"]["team"]), (&"watch.mass_disposition".into(), &"north".into()));
    });
}

#[test]
fn that_it_was_told_stands_in_the_last_of_the_leads_for_as_long_as_the_time() {
    play(&mass(), |t| {
        given(t);
        for (time, lead) in [("2 10:00", "L1"), ("2 10:01", "L2"), ("2 10:02", "L3")] {
            t.at(time, status("unsuitable").of(lead));
        }
        t.at("2 10:11:59.999", assigned("bo").of("L3"));
        assert_eq!(t.lead("L3").mass_dispositions.len(), 1);
        t.at("2 10:12", assigned("cy").of("L3"));
        assert_eq!(t.lead("L3").mass_dispositions.len(), 0);
        assert!(["L1", "L2"].iter().all(|lead| t.lead(lead).mass_dispositions.is_empty()));
    });
}

#[test]
fn what_lies_the_whole_time_apart_is_not_within_it_and_after_it_a_burst_is_told_again() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable")).at("2 10:05", status("unsuitable").of("L2"));
        t.at("2 10:10", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        t.at("2 10:12", status("unsuitable").of("L4"));
        assert_eq!(t.fresh(&["met"]), ["2 10:12 mass_disposition L4 by ana 3 disqualified since 2 10:05"]);
        t.at("2 10:20", status("unsuitable").of("L5")).at("2 10:21", assigned("ana").of("L6"));
        t.at("2 10:21", status("unsuitable").of("L6"));
        assert_eq!(t.fresh(&["met", "started"]), [""; 0]);
        t.at("2 10:21", assigned("ana").of("L7")).at("2 10:22", status("unsuitable").of("L7"));
        assert_eq!(t.fresh(&["met", "started"]), ["2 10:22 mass_disposition L7 by ana 3 disqualified since 2 10:20"]);
    });
}

#[test]
fn other_owners_other_dispositions_nobody_and_one_lead_twice_do_not_count() {
    play(&mass(), |t| {
        given(t);
        t.at("2 09:59", assigned("bo").of("L3")).at("2 09:59", assigned("").of("L4"));
        t.at("2 10:00", status("unsuitable")).at("2 10:01", status("working")).at("2 10:02", status("unsuitable"));
        t.at("2 10:03", status("unsuitable").of("L3")).at("2 10:04", status("unsuitable").of("L4"));
        t.at("2 10:05", status("nurture").of("L2"));
        assert_eq!(t.fresh(&["met", "started"]), [""; 0]);
        // From one disposition to the other is an act as well; who held the lead before is credited.
        t.at("2 10:06", status("unsuitable").of("L2").with("owner", "bo"));
        assert_eq!(t.fresh(&["met", "started"]), [""; 0]);
        t.at("2 10:07", status("unsuitable").of("L5"));
        assert_eq!(t.fresh(&["met"]), ["2 10:07 mass_disposition L5 by ana 3 disqualified since 2 10:02"]);
    });
}

#[test]
fn what_nobody_held_is_disposed_of_by_nobody() {
    play(&mass(), |t| {
        for (time, lead) in [("2 10:00", "L1"), ("2 10:01", "L2"), ("2 10:02", "L3"), ("2 10:03", "L4")] {
            t.at(time, status("unsuitable").of(lead));
        }
        t.tells(&[]);
    });
}

#[test]
fn of_a_lead_whose_state_is_not_known_no_burst_is_told_either_and_its_act_counts() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable").of("L2")).at("2 10:01", status("unsuitable").of("L3"));
        t.at("2 10:03", tell("lead.gap", json!({})));
        t.learnt("2 10:04", "2 10:02", status("unsuitable"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        t.at("2 10:05", status("unsuitable").of("L4"));
        assert_eq!(t.fresh(&["met"]), ["2 10:05 mass_disposition L4 by ana 3 disqualified since 2 10:01"]);
        t.at("2 10:06", status("unsuitable"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
    });
}

#[test]
fn a_burst_stands_among_the_other_notices_by_its_instant() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable").of("L2")).at("2 10:01", status("unsuitable").of("L3"));
        t.at("2 10:04", status("working"));
        t.fresh(&[]);
        t.learnt("2 10:05", "2 10:02", status("unsuitable")).tells(&[
            "2 10:02 met disposition#1 after 3720s by ana",
            "2 10:02 mass_disposition by ana 3 disqualified since 2 10:00",
            "2 10:04 started disposition#2 due 2 18:04",
        ]);
    });
}

#[test]
fn what_a_burst_is_told_with_takes_back_first() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable").of("L2")).at("2 10:01", status("unsuitable").of("L3"));
        t.at("2 10:06", status("nurture"));
        t.fresh(&[]);
        t.learnt("2 10:07", "2 10:03", status("unsuitable")).tells(&[
            "2 10:06 retracted disposition#1 met (corrected)",
            "2 10:03 met disposition#1 after 3780s by ana",
            "2 10:03 mass_disposition by ana 3 disqualified since 2 10:00",
        ]);
    });
}

#[test]
fn a_late_fact_completes_a_burst_and_one_older_than_the_time_does_not() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable")).at("2 10:08", status("unsuitable").of("L2"));
        t.learnt("2 10:09", "2 10:04", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:08 mass_disposition L3 by ana 3 disqualified since 2 10:00"]);
    });
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable")).at("2 10:08", status("unsuitable").of("L2"));
        t.learnt("2 10:14", "2 10:04", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
    });
}

#[test]
fn an_act_that_a_late_fact_moves_out_of_the_time_counts_no_more() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable"));
        t.learnt("2 10:01", "2 09:45", status("unsuitable"));
        t.at("2 10:02", status("unsuitable").of("L2")).at("2 10:03", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met", "retracted"]), [""; 0]);
        t.at("2 10:04", status("unsuitable").of("L4"));
        assert_eq!(t.fresh(&["met"]), ["2 10:04 mass_disposition L4 by ana 3 disqualified since 2 10:02"]);
    });
}

#[test]
fn a_disposition_told_ahead_counts_when_its_time_has_come() {
    play(&mass(), |t| {
        given(t);
        t.learnt("2 09:40", "2 10:00", status("unsuitable")).at("2 09:58", status("unsuitable").of("L2"));
        t.at("2 09:59", status("unsuitable").of("L3")).until("2 09:59:59.999");
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        t.until("2 10:01");
        assert_eq!(t.fresh(&["met"]), ["2 10:00 mass_disposition by ana 3 disqualified since 2 09:58"]);
    });
}

#[test]
fn a_disposition_told_ahead_counts_for_those_after_it_once_its_time_has_come_and_not_before() {
    play(&mass(), |t| {
        given(t);
        t.learnt("2 09:40", "2 10:00", status("unsuitable")).at("2 09:57", status("unsuitable").of("L4"));
        t.at("2 09:58", status("unsuitable").of("L2")).until("2 10:00");
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        t.until("2 10:07:30");
        assert_eq!(t.fresh(&["met"]), ["2 10:00 mass_disposition by ana 3 disqualified since 2 09:57"]);
    });
    play(&mass(), |t| {
        given(t);
        t.learnt("2 09:40", "2 10:00", status("unsuitable")).until("2 10:01");
        t.at("2 10:02", status("unsuitable").of("L2")).at("2 10:03", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:03 mass_disposition L3 by ana 3 disqualified since 2 10:00"]);
    });
}

#[test]
fn a_disposition_told_ahead_counts_in_its_order_although_timers_are_left() {
    play(&mass(), |t| {
        given(t);
        t.learnt("2 09:40", "2 10:00", status("unsuitable")).at("2 09:58", status("unsuitable").of("L2"));
        t.before_timers("2 10:02", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:02 mass_disposition L3 by ana 3 disqualified since 2 09:58"]);
        t.until("2 10:03");
        assert_eq!(t.fresh(&["met"]), [""; 0]);
    });
}

#[test]
fn it_is_never_taken_back_as_no_reminder_is() {
    play(&mass(), |t| {
        given(t);
        for (time, lead) in [("2 10:00", "L1"), ("2 10:01", "L2"), ("2 10:02", "L3")] {
            t.at(time, status("unsuitable").of(lead));
        }
        assert_eq!(t.fresh(&["met"]), ["2 10:02 mass_disposition L3 by ana 3 disqualified since 2 10:00"]);
        // bo had it.
        t.learnt("2 10:03", "2 09:50", assigned("bo").of("L2"));
        assert_eq!(t.fresh(&["met", "retracted"]), [""; 0]);
    });
}

#[test]
fn the_version_in_force_says_how_much_is_too_much() {
    let text = |from: &str, limits: &str| {
        parse_policy(&format!("{}{}", HEAD.replace("1970-01-01T00:00", from), watched(limits)))
    };
    let first = text("1970-01-01T00:00", "ping_pong = { more_than = 1 }");
    let second = text("2026-03-02T10:00", "mass_disposition = { more_than = 1, within = \"1 hour\" }");
    let policy = Policy::of([first, second].into_iter().flat_map(|policy| policy.versions).collect());
    play_with(&policy, None, |t| {
        given(t);
        t.at("2 09:40", status("unsuitable")).at("2 09:50", status("unsuitable").of("L2"));
        assert_eq!(t.fresh(&["met"]), [""; 0]);
        // What was done before the version counts for what is done under it.
        t.at("2 10:00", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:00 mass_disposition L3 by ana 2 disqualified since 2 09:50"]);
        // A clock of the first version is watched by the first.
        t.at("2 10:10", assigned("bo").of("L4")).at("2 10:20", assigned("cy").of("L4"));
        assert_eq!(t.fresh(&["met"]), ["2 10:20 ping_pong L4 disposition#1 ana > bo > cy"]);
        t.at("2 10:30", assigned("ana").of("L8")).at("2 10:31", assigned("bo").of("L8"));
        t.at("2 10:32", assigned("cy").of("L8"));
        assert_eq!(t.fresh(&["started"]), [""; 0]);
    });
}

#[test]
fn under_a_policy_that_looks_further_back_what_was_let_go_counts_again() {
    play(&mass(), |t| {
        given(t);
        t.at("2 10:00", status("unsuitable")).at("2 10:20", status("unsuitable").of("L2")).until("2 10:45");
        t.shard.adopt(Arc::new(parse_policy(&mass().replace("10 minutes", "60 minutes"))));
        t.at("2 10:50", status("unsuitable").of("L3"));
        assert_eq!(t.fresh(&["met"]), ["2 10:50 mass_disposition L3 by ana 3 disqualified since 2 10:00"]);
    });
}

#[test]
fn limits_that_cannot_be_are_refused_each_at_its_place() {
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    let limits = "ping_pong = { more_than = 0 }\nmass_disposition = { more_than = 1001, within = \"2 business hours\", disposition = \"junked\" }\nduels = 1";
    let told = policy::parse("p", &format!("{HEAD}{}", watched(limits)), &none).expect_err("faults").to_string();
    for words in [
        "expected 1 to 1000, found 0",
        "expected 1 to 1000, found 1001",
        "expected an elapsed time up to 168 hours",
        "unknown disposition \"junked\"",
        "unknown key in [watch] \"duels\"; expected ping_pong, mass_disposition",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}
