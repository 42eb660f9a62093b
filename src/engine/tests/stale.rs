//! A gap in the events of a CDC source makes a lead stale (SEMANTICS §9): nothing is told until its status is known again.

use super::*;

fn gap() -> Told {
    fact(FactKind::Gap, "L1")
}

fn policy() -> String {
    format!(
        "{DISPOSITION}[[sla.reminder]]\nat = \"50%\"\n[[sla.escalation]]\nafter = \"0 hours\"\nnotify = [\"owner\"]\n\
         [[sla.escalation]]\nafter = \"2 hours\"\nnotify = [\"manager\"]\n"
    )
}

#[test]
fn nothing_is_told_of_a_stale_lead_and_what_fell_due_is_found_late_when_its_status_is_known() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
        t.at("2 11:00", gap()).until("3 00:00");
        assert_eq!(t.news(), [""; 0]);
        assert_eq!(t.shard.stale_leads(), 1);
        t.at("3 09:00", status("working"));
        // The reminder is past use, and the ladder collapses to the step that is current.
        assert_eq!(t.news(), ["2 18:00 breached disposition#1 late by ana", "2 20:00 escalated disposition#1 step 2"]);
        assert_eq!(t.shard.stale_leads(), 0);
        t.at("3 10:00", status("qualified"));
        assert_eq!(t.news(), ["3 10:00 met_late disposition#1 after 86400s by ana"]);
    });
}

#[test]
fn a_stop_in_time_that_is_learnt_when_the_gap_is_filled_meets_the_clock_without_a_breach() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", gap()).until("2 23:00");
        t.news();
        t.learnt("3 09:00", "2 17:00", status("qualified"));
        assert_eq!(t.news(), ["2 17:00 met disposition#1 after 25200s by ana"]);
    });
}

#[test]
fn what_does_not_say_the_status_leaves_the_lead_stale_and_is_told_later() {
    both(&policy(), |t| {
        t.at("2 09:00", created()).at("2 09:30", gap());
        t.at("2 10:00", assigned("ana"))
            .at("2 10:05", call())
            .at("2 10:10", updated("source", "fair"))
            .at("2 10:15", created());
        // An earlier status is not the present one.
        t.learnt("2 10:20", "2 09:10", status("new")).until("2 12:00");
        assert_eq!((t.news(), t.shard.stale_leads()), (vec![], 1));
        t.at("2 12:00", status("working"));
        assert_eq!(t.news(), ["2 10:00 started disposition#1 due 2 18:00"]);
        t.until("2 14:01");
        assert_eq!(t.news(), ["2 14:00 reminder disposition#1 50% valid 2 18:00"]);
    });
}

#[test]
fn a_status_at_the_instant_of_the_gap_counts_if_it_comes_after_it() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", status("working")).at("2 11:00", gap()).until("2 18:01");
        t.news();
        assert_eq!(t.shard.stale_leads(), 1);
        t.learnt("2 18:30", "2 11:00", status("unsuitable"));
        assert_eq!(t.news(), ["2 11:00 met disposition#1 after 3600s by ana"]);
    });
}

#[test]
fn a_gap_that_is_learnt_late_leaves_what_was_told() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).until("2 18:01");
        t.news();
        t.learnt("2 19:00", "2 17:00", gap()).until("3 00:00");
        assert_eq!(t.news(), [""; 0]);
        t.learnt("3 09:00", "2 17:30", status("nurture"));
        assert_eq!(
            t.news(),
            [
                "2 18:00 retracted disposition#1 escalated (met_in_time)",
                "2 18:00 retracted disposition#1 breached (met_in_time)",
                "2 17:30 met disposition#1 after 27000s by ana"
            ]
        );
    });
}

#[test]
fn a_deletion_or_a_merge_makes_a_stale_lead_known() {
    for gone in [deleted, merged] {
        both(&policy(), |t| {
            t.at("2 10:00", assigned("ana")).at("2 11:00", gap()).until("2 18:01");
            t.news();
            t.learnt("2 19:00", "2 12:00", gone());
            assert_eq!(t.shard.stale_leads(), 0);
            let reason = if gone().0.fact.kind == FactKind::Merged { "merged" } else { "deleted" };
            assert_eq!(t.news(), [format!("2 12:00 cancelled disposition#1 {reason}")]);
        });
    }
}

#[test]
fn a_gap_ahead_silences_the_lead_when_its_time_has_come() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).until("2 13:30");
        t.learnt("2 13:30", "2 14:00", gap());
        assert_eq!(t.shard.stale_leads(), 0);
        t.news();
        // At the very instant of the gap nothing is told any more.
        t.until("2 18:01");
        assert_eq!((t.news(), t.shard.stale_leads()), (vec![], 1));
    });
}

#[test]
fn a_stale_lead_says_so_and_is_never_forgotten() {
    let options = Options { future_tolerance_ms: 0, retention_ms: Some(86_400_000), ..Options::default() };
    let mut t = Timeline::of(parse_policy(&policy()), options);
    t.at("2 10:00", assigned("ana")).at("2 10:30", status("nurture")).at("2 11:00", gap()).until("20 00:00");
    let view = inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
    assert_eq!(view.stale_since, Some(instant("2 11:00")));
    assert_eq!(view.facts.last().map(|fact| fact.kind), Some("lead.gap"));
    t.at("20 09:00", status("nurture")).until("21 09:01");
    assert_eq!((t.shard.lead_count(), t.shard.stale_leads()), (0, 0));
}

#[test]
fn the_first_of_several_gaps_says_since_when_and_an_ended_clock_is_known_all_the_same() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).at("2 10:30", status("nurture")).at("2 10:40", status("working"));
        t.at("2 11:00", gap()).at("2 12:00", gap());
        let record = t.shard.lead("L1").expect("a lead");
        let view = inspect(t.shard.rules(), record, t.shard.watermark()).expect("a record");
        assert_eq!(view.stale_since, Some(instant("2 11:00")));
        let of_clocks: Vec<_> = view.clocks.iter().map(|clock| clock.stale_since).collect();
        assert_eq!(of_clocks, [None, Some(instant("2 11:00"))]);
    });
}

#[test]
fn a_gap_at_the_instant_of_the_end_belongs_to_the_life_that_ended() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", deleted()).at("2 11:00", gap());
        assert_eq!(t.shard.stale_leads(), 0);
    });
}

#[test]
fn clocks_that_ended_in_silence_are_told_though_their_facts_are_folded() {
    let policy = "[[sla]]\nname = \"touch\"\nrecur = { activity = \"any\" }\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }\n\
                  [[sla.target]]\nwithin = \"8 hours\"\n";
    let told = [None, Some(2)].map(|max_facts| {
        let options = Options { future_tolerance_ms: 0, max_facts, ..Options::default() };
        let mut t = Timeline::of(parse_policy(policy), options);
        t.at("2 10:00", assigned("ana")).at("2 10:30", gap());
        for hour in 11..18 {
            t.at(&format!("2 {hour}:00"), call());
        }
        t.news();
        t.at("2 18:00", status("nurture"));
        t.news()
    });
    assert_eq!(told[0].len(), 15, "{:?}", told[0]);
    assert_eq!(told[0], told[1]);
}

#[test]
fn what_vanished_in_silence_is_taken_back_though_its_facts_are_folded() {
    let told = [None, Some(2)].map(|max_facts| {
        let options = Options { future_tolerance_ms: 0, max_facts, ..Options::default() };
        let mut t = Timeline::of(parse_policy(&policy()), options);
        t.at("2 10:00", assigned("ana")).at("2 11:00", gap());
        t.news();
        t.learnt("2 12:00", "2 09:00", assigned("bia"));
        assert_eq!(t.news(), [""; 0]);
        t.at("2 12:30", status("working"));
        t.news()
    });
    assert_eq!(
        told[0],
        ["2 10:00 retracted disposition#2 started (clock_withdrawn)", "2 09:00 started disposition#1 due 2 17:00"]
    );
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_folded_gap_is_not_forgotten() {
    let options = Options { future_tolerance_ms: 0, max_facts: Some(2), ..Options::default() };
    let mut t = Timeline::of(parse_policy(&policy()), options);
    t.at("2 10:00", assigned("ana")).at("2 11:00", gap());
    for hour in 12..18 {
        t.at(&format!("2 {hour}:00"), call());
    }
    t.news();
    t.until("3 00:00");
    assert_eq!((t.news(), t.shard.stale_leads()), (vec![], 1));
    t.restart();
    assert_eq!(t.shard.stale_leads(), 1);
    t.learnt("3 09:00", "2 17:30", status("nurture"));
    assert_eq!(t.news(), ["2 17:30 met disposition#1 after 27000s by ana"]);
}

#[test]
fn a_status_told_ahead_that_fills_the_gap_finds_the_ladder_at_its_current_step() {
    both(&policy(), |t| {
        t.at("2 10:00", assigned("ana")).at("2 11:00", gap()).learnt("2 22:30", "2 23:00", status("working"));
        t.news();
        t.until("2 23:01");
        assert_eq!(t.news(), ["2 18:00 breached disposition#1 late by ana", "2 20:00 escalated disposition#1 step 2"]);
    });
}
