//! Merges, deletions, new lives, and facts that come before their lead (SEMANTICS §3, §4, 12.17, 12.18, 12.27, 12.40).

use crate::timeline::{
    DISPOSITION, activity, any_order, assigned, created, deleted, merged, one, opportunity, play, status, updated,
};
use serde_json::json;

#[test]
fn a_merge_cancels_the_losers_clocks_and_the_survivors_go_on() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("bo").of("L2")).at("2 12:00", merged("L2"));
        t.until("3 00:00").tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 11:00 started L2 disposition#1 due 2 19:00",
            "2 12:00 cancelled disposition#1 merged",
            "2 19:00 breached L2 disposition#1 by bo",
        ]);
        assert_eq!(t.lead("L1").facts[1].into.as_deref(), Some("L2"));
        assert_eq!(
            (t.clocks("L1"), t.clocks("L2")),
            (vec!["disposition#1 cancelled".to_owned()], vec!["disposition#1 breached".to_owned()])
        );
    });
}

#[test]
fn a_merge_cancels_every_clock_of_the_loser_also_a_paused_one() {
    let touch = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    play(&format!("{DISPOSITION}{touch}"), |t| {
        t.at("2 10:00", created().with("owner", "ana")).at("2 11:00", status("on_hold")).at("2 12:00", merged("L2"));
        t.until("3 00:00").tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 10:00 started sla#1 due 2 14:00",
            "2 11:00 paused disposition#1 left 25200s",
            "2 12:00 cancelled disposition#1 merged",
            "2 12:00 cancelled sla#1 merged",
        ]);
    });
}

#[test]
fn in_a_chain_of_merges_each_loser_is_cancelled_at_its_own_merge() {
    play(DISPOSITION, |t| {
        for (lead, time) in [("L1", "2 10:00"), ("L2", "2 10:10"), ("L3", "2 10:20")] {
            t.at(time, assigned("ana").of(lead));
        }
        t.at("2 12:00", merged("L2")).at("2 13:00", merged("L3").of("L2")).until("3 00:00").tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 10:10 started L2 disposition#1 due 2 18:10",
            "2 10:20 started L3 disposition#1 due 2 18:20",
            "2 12:00 cancelled disposition#1 merged",
            "2 13:00 cancelled L2 disposition#1 merged",
            "2 18:20 breached L3 disposition#1 by ana",
        ]);
    });
}

#[test]
fn leads_merged_into_each_other_are_both_cancelled() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:00", assigned("bo").of("L2"));
        t.at("2 12:00", merged("L2")).at("2 12:00", merged("L1").of("L2")).until("3 00:00");
        assert_eq!(
            (t.clocks("L1"), t.clocks("L2")),
            (vec!["disposition#1 cancelled".to_owned()], vec!["disposition#1 cancelled".to_owned()])
        );
    });
}

#[test]
fn a_merge_told_before_the_creation_of_either_is_inserted_where_it_belongs() {
    play(DISPOSITION, |t| {
        t.at("2 12:00", merged("L2")).tells(&[]);
        t.learnt("2 12:05", "2 11:00", created().of("L2").with("owner", "bo"));
        t.learnt("2 12:10", "2 10:00", created().with("owner", "ana")).until("3 00:00").tells(&[
            "2 11:00 started L2 disposition#1 due 2 19:00",
            "2 10:00 started disposition#1 due 2 18:00",
            "2 12:00 cancelled disposition#1 merged",
            "2 19:00 breached L2 disposition#1 by bo",
        ]);
    });
}

#[test]
fn a_merge_learnt_after_the_breach_takes_the_breach_back_where_it_happened_in_time() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).until("2 20:00");
        t.learnt("2 20:00", "2 18:00", merged("L2")).tells(&[
            "2 10:00 started disposition#1 due 2 18:00",
            "2 18:00 breached disposition#1 by ana",
            "2 18:00 retracted disposition#1 breached (cancelled)",
            "2 18:00 cancelled disposition#1 merged",
        ]);
    });
}

#[test]
fn a_merge_cancels_nothing_where_the_sla_says_so() {
    let policy = DISPOSITION.replace("pause =", "cancel = { merged = false }\npause =");
    play(&policy, |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 12:00", merged("L2"))
            .until("3 00:00")
            .tells(&["2 10:00 started disposition#1 due 2 18:00", "2 18:00 breached disposition#1 by ana"]);
    });
}

#[test]
fn a_second_deletion_tells_nothing_more() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", deleted()).at("2 12:00", deleted()).at("2 13:00", merged("L2"));
        t.tells(&["2 10:00 started disposition#1 due 2 18:00", "2 11:00 cancelled disposition#1 deleted"]);
    });
}

#[test]
fn a_new_life_knows_neither_owner_nor_status_nor_attributes_of_the_one_before() {
    let target =
        "name = \"web\"\nwhen = { source = \"web\" }\nwithin = \"2 hours\"\n[[sla.target]]\nwithin = \"8 hours\"";
    let policy = one("start = { on = \"assigned\" }\nstop = { disposition = \"any\" }", target);
    play(&policy, |t| {
        t.at("2 10:00", created().with("owner", "ana").with("attributes", json!({"source": "web"})));
        t.at("2 11:00", status("nurture")).at("2 12:00", deleted());
        // Without a new life the same owner would be no assignment, and the status would stop the clock at once.
        t.at("2 13:00", created()).at("2 14:00", assigned("ana")).tells(&[
            "2 10:00 started sla#1 due 2 12:00",
            "2 11:00 met sla#1 after 3600s by ana",
            "2 14:00 started sla#2 due 2 22:00",
        ]);
        let lead = t.lead("L1");
        assert_eq!((lead.owner.as_deref(), lead.status), (Some("ana"), None));
    });
}

#[test]
fn a_lead_created_again_after_its_deletion_begins_a_new_cycle_also_of_slas_that_start_at_creation() {
    let policy = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", created()).at("2 11:00", deleted()).at("2 12:00", created()).at("2 13:00", activity("call"));
        t.tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 11:00 cancelled sla#1 deleted",
            "2 12:00 started sla#2 due 2 16:00",
            "2 13:00 met sla#2 after 3600s by -",
        ]);
    });
}

#[test]
fn a_deletion_learnt_late_cuts_one_life_into_two() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 14:00", assigned("bo"))
            .tells(&["2 10:00 started disposition#1 due 2 18:00"]);
        t.learnt("2 15:00", "2 12:00", deleted()).until("3 00:00").tells(&[
            "2 12:00 cancelled disposition#1 deleted",
            "2 14:00 started disposition#2 due 2 22:00",
            "2 22:00 breached disposition#2 by bo",
        ]);
    });
}

#[test]
fn a_deletion_of_the_future_ends_nothing_before_its_time() {
    play(DISPOSITION, |t| {
        t.at("2 10:00", assigned("ana")).learnt("2 10:30", "2 11:00", deleted()).at("2 10:45", assigned("bo"));
        t.until("2 10:50").tells(&["2 10:00 started disposition#1 due 2 18:00"]);
        // The same owner again, but in a new life.
        t.at("2 11:30", assigned("bo"))
            .tells(&["2 11:00 cancelled disposition#1 deleted", "2 11:30 started disposition#2 due 2 19:30"]);
    });
}

#[test]
fn activity_status_and_opportunity_before_the_creation_are_no_fault() {
    play(DISPOSITION, |t| {
        t.at("2 08:00", activity("call")).at("2 08:10", updated("source", "web")).at("2 08:20", opportunity());
        t.at("2 08:30", status("working")).tells(&[]);
        t.at("2 09:00", created().with("owner", "ana")).tells(&["2 09:00 started disposition#1 due 2 17:00"]);
        assert_eq!(t.lead("L1").status.as_deref(), Some("working"));
    });
}

#[test]
fn a_touch_that_arrives_before_the_creation_meets_the_clock_if_it_happened_after_it() {
    let policy = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", activity("call")).tells(&[]);
        t.learnt("2 10:05", "2 09:00", created())
            .tells(&["2 09:00 started sla#1 due 2 13:00", "2 10:00 met sla#1 after 3600s by -"]);
    });
    // It happened before the start, so it does not count.
    play(&policy, |t| {
        t.at("2 10:00", activity("call")).learnt("2 10:05", "2 10:01", created()).until("3 00:00");
        t.tells(&["2 10:01 started sla#1 due 2 14:01", "2 14:01 breached sla#1 by -"]);
    });
}

#[test]
fn an_assignment_and_a_pause_before_the_creation_count_as_they_come() {
    play(DISPOSITION, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold"));
        t.learnt("2 10:30", "2 08:00", created()).at("2 11:00", status("working")).tells(&[
            "2 09:00 started disposition#1 due 2 17:00",
            "2 10:00 paused disposition#1 left 25200s",
            "2 11:00 resumed disposition#1 due 2 18:00",
        ]);
    });
}

#[test]
fn an_earlier_creation_learnt_later_is_the_creation_and_moves_the_start() {
    let policy = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", created()).learnt("2 11:00", "2 09:30", created()).until("3 00:00").tells(&[
            "2 10:00 started sla#1 due 2 14:00",
            "2 10:00 retracted sla#2 started (clock_withdrawn)",
            "2 09:30 started sla#1 due 2 13:30",
            "2 13:30 breached sla#1 by -",
        ]);
    });
}

#[test]
fn a_life_arrives_in_any_order_and_ends_in_the_same_clocks() {
    let touch = one("start = { on = \"created\" }\nstop = { activity = \"any\" }", "within = \"4 hours\"");
    let policy = format!("{DISPOSITION}{touch}");
    let facts = [
        ("2 09:00", created()),
        ("2 09:30", assigned("ana")),
        ("2 10:00", status("on_hold")),
        ("2 11:00", activity("call")),
        ("2 12:00", merged("L2")),
        ("2 13:00", created().with("owner", "bo")),
    ];
    let clocks = any_order(&policy, "L1", "3 09:00", &facts);
    let lines: Vec<String> = clocks
        .iter()
        .map(|clock| {
            format!("{} {} {} {}", clock["sla"], clock["cycle"], clock["state"], clock["started_at"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        lines,
        [
            "disposition 1 cancelled 2026-03-02T09:30:00Z",
            "disposition 2 breached 2026-03-02T13:00:00Z",
            "sla 1 met 2026-03-02T09:00:00Z",
            "sla 2 breached 2026-03-02T13:00:00Z",
        ]
    );
}
