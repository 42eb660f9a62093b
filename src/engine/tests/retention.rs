//! Settled leads are kept for a retention and then forgotten (SEMANTICS §3, 12.31, 12.42).

use super::*;
use crate::time::DAY_MS;

fn timeline() -> Timeline {
    let options = Options { future_tolerance_ms: 3_600_000, retention_ms: Some(10 * DAY_MS), ..Options::default() };
    Timeline::of(parse_policy(DISPOSITION), options)
}

/// Ten days after its last fact arrived, on the 12th at 12:00, the settled lead goes.
fn settled() -> Timeline {
    let mut t = timeline();
    t.at("2 10:00", assigned("ana")).at("2 12:00", status("nurture"));
    t
}

#[test]
fn a_settled_lead_is_forgotten_when_its_retention_has_passed_and_not_before() {
    let mut t = settled();
    t.until("12 12:00");
    assert!(t.shard.lead("L1").is_some());
    t.shard.advance(instant("12 12:01"), usize::MAX);
    assert_eq!(t.shard.changed().collect::<Vec<_>>(), [("L1", None)]);
    t.shard.commit();
    assert_eq!((t.shard.lead("L1"), t.shard.lead_count(), t.shard.timer_count()), (None, 0, 0));
}

#[test]
fn retention_counts_from_when_the_last_fact_arrived() {
    let mut t = settled();
    t.learnt("8 09:00", "2 11:00", updated("source", "fair")).until("18 09:00");
    assert!(t.shard.lead("L1").is_some());
    t.until("18 09:01");
    assert!(t.shard.lead("L1").is_none());
}

#[test]
fn a_lead_with_an_open_clock_is_kept() {
    let mut t = timeline();
    t.at("2 10:00", assigned("ana")).until("30 00:00");
    assert_eq!(t.clocks("L1"), ["disposition#1 breached"]);
}

#[test]
fn a_duplicate_and_a_late_fact_still_find_it() {
    let mut t = settled();
    t.news();
    assert_eq!(t.tell("12 12:00", "2 12:00", status("nurture").id("e2")), Ok(Applied::Duplicate));
    t.learnt("12 12:00", "2 11:00", status("on_hold"));
    assert_eq!(t.shard.lead_count(), 1);
}

#[test]
fn case_42_what_is_older_than_the_retention_is_refused_for_a_lead_that_is_not_known() {
    let mut t = settled();
    t.until("12 12:01");
    assert_eq!(t.tell("12 12:01", "2 12:00", status("nurture").id("e2")), Err(Reason::TooOld));
    assert_eq!(t.shard.lead_count(), 0);
    // What the retention covers begins anew.
    assert_eq!(t.tell("12 12:02", "2 13:00", assigned("ana")), Ok(Applied::Accepted));
    // It is known now, whatever the age of what comes.
    assert_eq!(t.tell("12 12:03", "2 09:00", created()), Ok(Applied::Accepted));
}

#[test]
fn the_fact_that_comes_when_it_is_time_to_forget_begins_a_new_record() {
    let mut t = settled();
    t.news();
    t.at("13 00:00", assigned("bia"));
    assert_eq!(t.news(), ["13 00:00 started disposition#1 due 13 08:00"]);
}

#[test]
fn forgetting_is_undone_with_its_turn_also_where_the_slot_was_taken_again() {
    let mut t = settled();
    t.news();
    let before = t.shard.lead("L1").expect("a lead").to_vec();
    for _ in 0..2 {
        t.shard.advance(instant("12 12:01"), usize::MAX);
        let mut event = assigned("ana").of("L2").0;
        event.time = instant("12 12:01");
        event.id = Cow::Borrowed("other");
        assert_eq!(t.shard.apply(&event, instant("12 12:01"), (0, 9)), Ok(Applied::Accepted));
        let changed: Vec<_> = t.shard.changed().map(|(id, record)| (id.to_owned(), record.is_some())).collect();
        assert_eq!(changed, [("L2".to_owned(), true), ("L1".to_owned(), false)]);
        t.shard.undo();
        assert_eq!(t.shard.lead("L1"), Some(before.as_slice()));
        assert_eq!((t.shard.lead("L2"), t.shard.lead_count()), (None, 1));
    }
    t.until("12 12:01");
    assert_eq!(t.shard.lead_count(), 0);
}

#[test]
fn a_lead_stored_while_nothing_was_forgotten_gets_its_retention_at_the_restore() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", assigned("ana")).at("2 12:00", status("nurture"));
    let mut next = timeline();
    for record in t.shard.records() {
        next.shard.restore_record(record.into()).expect("a stored record");
    }
    next.until("12 12:00");
    assert_eq!(next.shard.lead_count(), 1);
    next.until("12 12:01");
    assert_eq!(next.shard.lead_count(), 0);
}

#[test]
fn a_lead_that_a_fact_told_ahead_settles_is_kept_as_long_as_any() {
    let mut t = timeline();
    t.at("2 10:00", assigned("ana")).learnt("2 11:00", "2 11:30", status("nurture")).until("12 11:30");
    assert_eq!(t.clocks("L1"), ["disposition#1 met"]);
    t.until("12 11:31");
    assert_eq!(t.shard.lead_count(), 0);
}
