//! The naive model against timelines worked by hand, named after the cases that they hold.
//!
//! Instants are hours after Monday 2026-03-02T08:00Z (`@1` is 09:00 of that day, when the office opens; it closes at
//! `@10`; Tuesday 09:00 is `@25`). A line is `kind@instant` and what matters of it; `<` tells when it was told where
//! that is another instant.

use crate::model::generate::{BASE, PolicySpec, Segment, SlaSpec, Starts, Stops, TOLERANCE_MS, Touches, event, hours};
use crate::model::{Answer, Run, Said, Step};
use plazo::event::{Fact, FactKind};
use plazo::policy::{Reopen, Stage};
use plazo::time::{HOUR_MS, Timestamp};

/// Records of one lead, in order of arrival: (append, event time, fact), then a watermark.
struct Timeline {
    policy: PolicySpec,
    steps: Vec<Step>,
}

impl Timeline {
    fn of(sla: SlaSpec) -> Self {
        Timeline { policy: PolicySpec::one(sla), steps: Vec::new() }
    }

    /// Arrives when it happens.
    fn at(self, hour: i64, fact: Fact<'static>) -> Self {
        self.late(hour, hour, fact)
    }

    fn late(mut self, append: i64, time: i64, fact: Fact<'static>) -> Self {
        let event = event("lead", self.steps.len(), hours(time), &fact);
        self.steps.push(Step::Record { append: hours(append), event: Box::new(event) });
        self
    }

    /// The last record again.
    fn again(mut self, append: i64) -> Self {
        let Some(Step::Record { event, .. }) = self.steps.last().cloned() else { panic!("no record yet") };
        self.steps.push(Step::Record { append: hours(append), event });
        self
    }

    fn run(mut self, until: i64) -> Run {
        self.steps.push(Step::Watermark(hours(until)));
        crate::model::run(&self.policy.policy(), TOLERANCE_MS, None, &self.steps)
    }

    fn tells(self, until: i64, expected: &[&str]) {
        let run = self.run(until);
        let told: Vec<String> = run.said.iter().map(|notice| line(notice, &run.said)).collect();
        assert_eq!(told, expected);
    }
}

fn hour(instant: Timestamp) -> String {
    let ms = instant.since_ms(BASE);
    if ms % HOUR_MS == 0 { format!("@{}", ms / HOUR_MS) } else { format!("@{}", ms as f64 / HOUR_MS as f64) }
}

fn line(notice: &Said, said: &[Said]) -> String {
    let kind = notice.kind.trim_start_matches("sla.");
    if let Some(index) = notice.retracts {
        return format!("retracted<{} ({})", hour(notice.as_of).trim_start_matches('@'), line(&said[index], said));
    }
    let mut out = format!("{kind}{}", hour(notice.time));
    if notice.as_of != notice.time {
        out += &format!("<{}", hour(notice.as_of).trim_start_matches('@'));
    }
    if notice.cycle > 1 {
        out += &format!(" cycle {}", notice.cycle);
    }
    if let Some(step) = &notice.step {
        out += &format!(" {}", step.1);
    }
    if let Some(rung) = &notice.rung {
        out += &format!(" {rung} until {}", notice.valid_until.map_or_else(String::new, hour));
    }
    if let Some(remaining) = notice.remaining_ms {
        out += &format!(" left {}h", remaining / HOUR_MS);
    }
    if matches!(kind, "started" | "resumed" | "deadline_moved")
        && let Some(due) = notice.due_at
    {
        out += &format!(" due {}", hour(due));
    }
    if notice.found_late == Some(true) && kind == "breached" {
        out += " late";
    }
    out
}

fn assigned(owner: &'static str) -> Fact<'static> {
    Fact { owner: Some(owner.into()), ..Fact::new(FactKind::Assigned) }
}

fn status(to: &'static str) -> Fact<'static> {
    Fact { status: Some(to.into()), ..Fact::new(FactKind::StatusChanged) }
}

fn call() -> Fact<'static> {
    Fact { activity: Some("call".into()), ..Fact::new(FactKind::Activity) }
}

fn fact(kind: FactKind) -> Fact<'static> {
    Fact::new(kind)
}

fn respond_by(hour: i64) -> Fact<'static> {
    let attributes = [("respond_by".into(), hours(hour).to_string().into())].into_iter().collect();
    Fact { attributes, ..Fact::new(FactKind::Updated) }
}

/// Assigned until any disposition, within eight elapsed hours.
fn disposition() -> SlaSpec {
    SlaSpec { calendar: None, ..SlaSpec::new(Starts::Assigned, Stops::AnyDisposition, "8 hours") }
}

fn first_touch() -> SlaSpec {
    SlaSpec { calendar: None, ..SlaSpec::new(Starts::Assigned, Stops::AnyActivity, "8 hours") }
}

#[test]
fn case_1_and_2_the_same_words_again_change_nothing_and_a_duplicate_is_silent() {
    let run = Timeline::of(disposition()).at(0, assigned("ana")).again(1).at(2, assigned("ana")).run(3);
    assert_eq!(run.answers[1], Some(Answer::Duplicate));
    assert_eq!(run.said.len(), 1);
}

#[test]
fn case_3_a_late_fact_that_moves_a_start_retracts_the_old_clock_and_starts_the_right_one() {
    Timeline::of(disposition())
        .at(4, assigned("ana"))
        .late(5, 2, assigned("ana"))
        .tells(11, &["started@4 due @12", "retracted<5 (started@4 due @12)", "started@2<5 due @10", "breached@10"]);
}

#[test]
fn case_4_only_the_first_assignment_of_a_cycle_starts_and_nobody_is_no_owner() {
    Timeline::of(disposition())
        .at(0, assigned(""))
        .at(1, assigned("ana"))
        .at(2, assigned("bea"))
        .tells(4, &["started@1 due @9"]);
}

#[test]
fn case_5_nothing_starts_in_a_stop_state_but_an_act_before_the_start_does_not_count() {
    Timeline::of(disposition()).at(0, status("qualified")).at(1, assigned("ana")).tells(20, &[]);
    Timeline::of(first_touch()).at(0, call()).at(1, assigned("ana")).tells(8, &["started@1 due @9"]);
}

#[test]
fn case_6_start_and_stop_at_one_instant_is_met_with_nothing_spent_in_either_order() {
    let told = ["started@1 due @9", "met@1"];
    Timeline::of(disposition()).at(1, assigned("ana")).at(1, status("qualified")).tells(20, &told);
    Timeline::of(disposition()).at(1, status("qualified")).at(1, assigned("ana")).tells(20, &told);
    Timeline::of(first_touch()).at(1, call()).at(1, assigned("ana")).tells(20, &told);
    let both = Fact { owner: Some("ana".into()), ..status("qualified") };
    Timeline::of(disposition()).at(1, both).tells(20, &[]);
}

#[test]
fn case_7_leaving_a_stop_state_starts_a_new_cycle() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(1, status("nurture"))
        .at(3, status("new"))
        .tells(12, &["started@0 due @8", "met@1", "started@3 cycle 2 due @11", "breached@11 cycle 2"]);
    // Nobody holds it: at the next assignment.
    Timeline::of(disposition())
        .at(0, status("nurture"))
        .at(1, status("new"))
        .at(2, assigned("ana"))
        .tells(9, &["started@2 due @10"]);
}

#[test]
fn case_7_a_lead_comes_back_from_a_disposition_for_acts_too() {
    Timeline::of(first_touch())
        .at(0, assigned("ana"))
        .at(1, call())
        .at(2, status("nurture"))
        .at(3, status("new"))
        .tells(4, &["started@0 due @8", "met@1", "started@3 cycle 2 due @11"]);
}

#[test]
fn case_7_ignore_keeps_the_first_clock_the_only_one() {
    Timeline::of(SlaSpec { reopen: Reopen::Ignore, ..disposition() })
        .at(0, assigned("ana"))
        .at(1, status("nurture"))
        .at(3, status("new"))
        .tells(40, &["started@0 due @8", "met@1"]);
}

#[test]
fn case_7_and_26_continue_takes_the_outcome_back_and_runs_on_to_the_same_deadline() {
    let sla = SlaSpec { reopen: Reopen::Continue, ..disposition() };
    Timeline::of(sla.clone())
        .at(0, assigned("ana"))
        .at(1, status("qualified"))
        .at(3, status("new"))
        .tells(9, &["started@0 due @8", "met@1", "retracted<3 (met@1)", "breached@8"]);
    let run = Timeline::of(sla).at(0, assigned("ana")).at(1, status("qualified")).at(3, status("new")).run(4);
    assert_eq!(run.said[2].reason, Some("reopened"));
    assert_eq!(run.clocks["lead"][0].state, "running");
}

#[test]
fn case_7_a_start_status_starts_at_each_entry_while_none_runs() {
    let sla = SlaSpec { starts: Starts::Status(&["working"]), ..first_touch() };
    Timeline::of(sla)
        .at(0, status("working"))
        .at(1, status("new"))
        .at(2, status("working"))
        .at(3, call())
        .at(4, status("new"))
        .at(5, status("working"))
        .tells(6, &["started@0 due @8", "met@3", "started@5 cycle 2 due @13"]);
    let sla = SlaSpec { starts: Starts::Stage(Stage::SalesAccepted), ..first_touch() };
    Timeline::of(sla).at(0, status("new")).at(1, status("working")).tells(2, &["started@1 due @9"]);
}

#[test]
fn case_8_a_restart_moves_the_deadline_of_the_same_clock_and_keeps_the_owners_shares() {
    let run = Timeline::of(SlaSpec { restart: true, ..disposition() })
        .at(0, assigned("ana"))
        .at(3, assigned("bea"))
        .at(5, status("qualified"))
        .run(6);
    let told: Vec<String> = run.said.iter().map(|notice| line(notice, &run.said)).collect();
    assert_eq!(told, ["started@0 due @8", "deadline_moved@3 due @11", "met@5"]);
    let shares: Vec<(&str, i64)> =
        run.said[2].open_ms_by_owner.iter().map(|(owner, ms)| (owner.as_str(), ms / HOUR_MS)).collect();
    assert_eq!(shares, [("ana", 3), ("bea", 2)]);
    // At exactly due, and after it, there is nothing to restart.
    Timeline::of(SlaSpec { restart: true, ..disposition() })
        .at(0, assigned("ana"))
        .at(8, assigned("bea"))
        .tells(9, &["started@0 due @8", "breached@8"]);
}

#[test]
fn case_9_reminders_are_told_once_each_valid_until_the_next_rung_and_never_while_paused() {
    let sla = SlaSpec { reminders: vec!["50%", "2 hours before"], ..disposition() };
    Timeline::of(sla.clone())
        .at(0, assigned("ana"))
        .tells(9, &["started@0 due @8", "reminder@4 50% until @6", "reminder@6 2 hours before until @8", "breached@8"]);
    Timeline::of(sla.clone()).at(0, assigned("ana")).at(3, status("on_hold")).at(7, status("new")).tells(
        13,
        &[
            "started@0 due @8",
            "paused@3 left 5h",
            "resumed@7 due @12",
            "reminder@8 50% until @10",
            "reminder@10 2 hours before until @12",
            "breached@12",
        ],
    );
    // Learnt after both instants: passed over.
    Timeline::of(sla).late(7, 0, assigned("ana")).tells(8, &["started@0<7 due @8", "breached@8"]);
}

#[test]
fn case_10_a_pause_holds_the_ladder_and_does_not_undo_the_breach() {
    let sla = SlaSpec { escalations: vec!["0 hours", "4 hours"], ..disposition() };
    Timeline::of(sla).at(0, assigned("ana")).at(10, status("on_hold")).at(20, status("new")).tells(
        30,
        &[
            "started@0 due @8",
            "breached@8",
            "escalated@8 0 hours",
            "paused@10 left 0h",
            "resumed@20 due @8",
            "escalated@22 4 hours",
        ],
    );
}

#[test]
fn case_11_and_45_a_cancel_after_the_breach_is_told_and_counts_as_breached() {
    let sla = SlaSpec { escalations: vec!["4 hours"], ..disposition() };
    let run = Timeline::of(sla).at(0, assigned("ana")).at(9, fact(FactKind::Deleted)).run(30);
    let told: Vec<String> = run.said.iter().map(|notice| line(notice, &run.said)).collect();
    assert_eq!(told, ["started@0 due @8", "breached@8", "cancelled@9"]);
    assert_eq!(run.clocks["lead"][0].state, "breached");
    let run = Timeline::of(disposition()).at(0, assigned("ana")).at(8, fact(FactKind::Merged)).run(30);
    assert_eq!(run.clocks["lead"][0].state, "cancelled");
}

#[test]
fn case_12_a_late_stop_before_due_retracts_the_breach_and_its_steps_and_is_met() {
    let sla = SlaSpec { escalations: vec!["0 hours", "2 hours"], ..disposition() };
    Timeline::of(sla.clone()).at(0, assigned("ana")).late(11, 8, status("qualified")).tells(
        40,
        &[
            "started@0 due @8",
            "breached@8",
            "escalated@8 0 hours",
            "escalated@10 2 hours",
            "retracted<11 (escalated@10 2 hours)",
            "retracted<11 (escalated@8 0 hours)",
            "retracted<11 (breached@8)",
            "met@8<11",
        ],
    );
    // After due: late-met, the breach stands, the step after the stop does not.
    Timeline::of(sla).at(0, assigned("ana")).late(11, 9, status("qualified")).tells(
        40,
        &[
            "started@0 due @8",
            "breached@8",
            "escalated@8 0 hours",
            "escalated@10 2 hours",
            "retracted<11 (escalated@10 2 hours)",
            "met_late@9<11",
        ],
    );
}

#[test]
fn case_12_and_26_a_late_pause_takes_the_breach_back_only_where_it_moves_due_past_the_watermark() {
    let told = Timeline::of(disposition()).at(0, assigned("ana")).at(9, status("new"));
    told.late(10, 3, status("on_hold")).tells(
        20,
        &["started@0 due @8", "breached@8", "retracted<10 (breached@8)", "deadline_moved@3<10 due @14", "breached@14"],
    );
    let told = Timeline::of(disposition()).at(0, assigned("ana")).at(5, status("new"));
    told.late(10, 3, status("on_hold")).tells(20, &["started@0 due @8", "breached@8", "deadline_moved@3<10 due @10"]);
}

#[test]
fn case_13_born_overdue_is_found_late_without_reminders_and_with_one_step() {
    let sla = SlaSpec { reminders: vec!["50%"], escalations: vec!["0 hours", "2 hours", "24 hours"], ..disposition() };
    Timeline::of(sla)
        .late(12, 0, assigned("ana"))
        .tells(33, &["started@0<12 due @8", "breached@8<12 late", "escalated@10<12 2 hours", "escalated@32 24 hours"]);
}

#[test]
fn case_14_a_future_fact_waits_for_its_time() {
    Timeline::of(disposition())
        .late(0, 2, assigned("ana"))
        .late(1, 3, status("qualified"))
        .tells(20, &["started@2 due @10", "met@3"]);
    let run = Timeline::of(disposition()).late(0, 3, assigned("ana")).run(20);
    assert_eq!(run.answers[0], Some(Answer::Refused(plazo::event::Reason::FutureTime)));
}

#[test]
fn case_14_a_fact_at_due_is_applied_before_the_breach_is_told() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(8, status("qualified"))
        .tells(20, &["started@0 due @8", "met@8"]);
}

#[test]
fn case_18_later_facts_of_a_deleted_lead_begin_a_new_life() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(1, fact(FactKind::Deleted))
        .at(2, assigned("ana"))
        .tells(3, &["started@0 due @8", "cancelled@1", "started@2 cycle 2 due @10"]);
}

#[test]
fn case_19_a_pause_at_due_saves_nothing() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(8, status("on_hold"))
        .at(20, status("new"))
        .tells(30, &["started@0 due @8", "paused@8 left 0h", "breached@8", "resumed@20 due @8"]);
}

#[test]
fn case_20_and_35_a_deadline_given_by_the_source_moves_by_it_alone() {
    let sla = SlaSpec { by: true, ..disposition() };
    Timeline::of(sla.clone())
        .at(0, assigned("ana"))
        .at(1, respond_by(20))
        .at(2, respond_by(5))
        .tells(6, &["started@0 due @8", "deadline_moved@1 due @20", "deadline_moved@2 due @5", "breached@5"]);
    Timeline::of(sla).at(0, respond_by(-3)).at(1, assigned("ana")).tells(
        2,
        // In the order of the instants they speak of (12.15).
        &["breached@-3<1 late", "started@1 due @-3"],
    );
}

#[test]
fn case_32_and_39_a_clock_that_starts_in_a_pause_status_starts_paused() {
    Timeline::of(disposition())
        .at(0, status("on_hold"))
        .at(1, assigned("ana"))
        .at(5, status("new"))
        .tells(14, &["started@1 left 8h", "paused@1 left 8h", "resumed@5 due @13", "breached@13"]);
}

#[test]
fn case_34_what_remains_of_business_days_at_a_pause_is_open_time() {
    let sla = SlaSpec::new(Starts::Assigned, Stops::AnyDisposition, "2 business days");
    // Monday 10:00, paused Tuesday 10:00 with nine open hours left, resumed Thursday 12:00: due Friday 12:00.
    Timeline::of(sla)
        .at(2, assigned("ana"))
        .at(26, status("on_hold"))
        .at(76, status("new"))
        .tells(101, &["started@2 due @50", "paused@26 left 9h", "resumed@76 due @100", "breached@100"]);
}

#[test]
fn case_38_and_47_a_corrected_stop_is_retracted_and_told_again() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(5, status("qualified"))
        .late(6, 4, status("nurture"))
        .tells(20, &["started@0 due @8", "met@5", "retracted<6 (met@5)", "met@4<6"]);
}

#[test]
fn case_39_a_pause_learnt_after_it_ended_shows_only_as_a_moved_deadline() {
    Timeline::of(disposition())
        .at(0, assigned("ana"))
        .at(4, status("new"))
        .late(5, 2, status("on_hold"))
        .tells(6, &["started@0 due @8", "deadline_moved@2<5 due @10"]);
}

#[test]
fn case_40_a_clock_that_vanishes_takes_back_each_claim_the_last_told_first() {
    let sla = SlaSpec { escalations: vec!["0 hours"], ..disposition() };
    Timeline::of(sla).at(0, assigned("ana")).late(9, -1, status("qualified")).tells(
        20,
        &[
            "started@0 due @8",
            "breached@8",
            "escalated@8 0 hours",
            "retracted<9 (escalated@8 0 hours)",
            "retracted<9 (breached@8)",
            "retracted<9 (started@0 due @8)",
        ],
    );
}

#[test]
fn case_9_a_reminder_whose_very_instant_sees_a_pause_come_and_go_is_passed_over_unless_that_was_known_before() {
    let sla = SlaSpec { reminders: vec!["50%"], ..disposition() };
    let known = Timeline::of(sla.clone()).at(0, assigned("ana"));
    let known = known.late(3, 4, status("on_hold")).late(3, 4, status("new"));
    known.tells(5, &["started@0 due @8", "reminder@4 50% until @8"]);
    let then = Timeline::of(sla).at(0, assigned("ana")).at(4, status("on_hold")).at(4, status("new"));
    then.tells(5, &["started@0 due @8", "paused@4 left 4h", "resumed@4 due @8"]);
}

#[test]
fn case_44_a_pause_keeps_the_time_that_remained_to_the_next_step() {
    let sla = SlaSpec { escalations: vec!["4 hours"], ..disposition() };
    // Learnt after the step: what would not have been told is taken back and told at its own time.
    Timeline::of(sla).at(0, assigned("ana")).at(13, status("new")).late(13, 11, status("on_hold")).tells(
        16,
        &[
            "started@0 due @8",
            "breached@8",
            "escalated@12 4 hours",
            "retracted<13 (escalated@12 4 hours)",
            "escalated@14 4 hours",
        ],
    );
}

#[test]
fn case_45_a_reassignment_after_an_act_stopped_the_clock_starts_nothing() {
    Timeline::of(first_touch())
        .at(0, assigned("ana"))
        .at(1, call())
        .at(2, assigned("bea"))
        .tells(20, &["started@0 due @8", "met@1"]);
}

fn source(name: &'static str) -> Fact<'static> {
    let attributes = [("source".into(), name.into())].into_iter().collect();
    Fact { attributes, ..Fact::new(FactKind::Updated) }
}

/// Webinar leads within four hours, others within eight; a change chooses again.
fn retargeted() -> SlaSpec {
    let webinar = Segment { when: "source = \"webinar\"", within: "4 hours", calendar: None };
    SlaSpec { retarget: true, segment: Some(webinar), ..disposition() }
}

fn cadence() -> SlaSpec {
    SlaSpec { recur: Some(Touches::Calls), ..disposition() }
}

#[test]
fn at_most_resumes_the_clock_by_itself_and_the_status_pauses_it_no_more() {
    let sla = SlaSpec { at_most: Some("12 hours"), ..disposition() };
    Timeline::of(sla)
        .at(0, assigned("ana"))
        .at(2, status("on_hold"))
        .at(15, status("new"))
        .at(16, status("on_hold"))
        .tells(30, &["started@0 due @8", "paused@2 left 6h", "resumed@14 due @20", "breached@20"]);
}

#[test]
fn at_most_bounds_the_pauses_of_a_clock_together() {
    let sla = SlaSpec { at_most: Some("12 hours"), ..disposition() };
    Timeline::of(sla)
        .at(0, assigned("ana"))
        .at(2, status("on_hold"))
        .at(10, status("new"))
        .at(11, status("on_hold"))
        .tells(
            30,
            &[
                "started@0 due @8",
                "paused@2 left 6h",
                "resumed@10 due @16",
                "paused@11 left 5h",
                "resumed@15 due @20",
                "breached@20",
            ],
        );
}

#[test]
fn at_most_in_business_days_is_kept_between_pauses_as_open_time() {
    let sla = SlaSpec {
        calendar: Some("office"),
        within: "8 business hours",
        at_most: Some("1 business days"),
        ..disposition()
    };
    // At most from Monday 10:00 to Tuesday 10:00: of its nine open hours six are used by 16:00, so that a pause from
    // Tuesday 12:00 is over at 15:00.
    Timeline::of(sla)
        .at(2, assigned("ana"))
        .at(2, status("on_hold"))
        .at(8, status("new"))
        .at(28, status("on_hold"))
        .tells(
            60,
            &[
                "started@2 due @10",
                "paused@2 left 8h",
                "resumed@8 due @31",
                "paused@28 left 3h",
                "resumed@31 due @34",
                "breached@34",
            ],
        );
}

#[test]
fn at_most_ends_a_pause_that_held_only_the_ladder() {
    let sla = SlaSpec { at_most: Some("2 hours"), escalations: vec!["2 hours"], ..disposition() };
    Timeline::of(sla).at(0, assigned("ana")).at(9, status("on_hold")).tells(
        20,
        &["started@0 due @8", "breached@8", "paused@9 left 0h", "resumed@11 due @8", "escalated@12 2 hours"],
    );
}

#[test]
fn a_late_fact_that_ends_a_pause_sooner_moves_the_deadline_that_at_most_gave() {
    let sla = SlaSpec { at_most: Some("4 hours"), ..disposition() };
    Timeline::of(sla)
        .at(0, assigned("ana"))
        .at(2, status("on_hold"))
        .late(7, 3, status("new"))
        .tells(8, &["started@0 due @8", "paused@2 left 6h", "resumed@6 due @12", "deadline_moved@3<7 due @9"]);
}

#[test]
fn on_change_the_target_is_chosen_again_as_of_the_start() {
    Timeline::of(retargeted())
        .at(0, assigned("ana"))
        .at(2, source("webinar"))
        .at(3, source("list"))
        .tells(20, &["started@0 due @8", "deadline_moved@2 due @4", "deadline_moved@3 due @8", "breached@8"]);
    // Without `on_change` the promise stands.
    Timeline::of(SlaSpec { retarget: false, ..retargeted() })
        .at(0, assigned("ana"))
        .at(2, source("webinar"))
        .tells(20, &["started@0 due @8", "breached@8"]);
}

#[test]
fn on_change_a_target_whose_time_is_up_is_breached_at_once_and_what_is_broken_stays_broken() {
    Timeline::of(retargeted())
        .at(0, assigned("ana"))
        .at(6, source("webinar"))
        .at(7, source("list"))
        .tells(20, &["started@0 due @8", "breached@4<6 late", "deadline_moved@6 due @4"]);
}

#[test]
fn on_change_counts_the_pauses_so_far_and_while_paused_tells_what_remains() {
    Timeline::of(retargeted())
        .at(0, assigned("ana"))
        .at(1, status("on_hold"))
        .at(3, source("webinar"))
        .at(5, status("new"))
        .at(6, source("list"))
        .tells(
            20,
            &[
                "started@0 due @8",
                "paused@1 left 7h",
                "deadline_moved@3 left 3h",
                "resumed@5 due @8",
                "deadline_moved@6 due @12",
                "breached@12",
            ],
        );
}

#[test]
fn on_change_after_a_restart_counts_from_the_restart() {
    Timeline::of(SlaSpec { restart: true, ..retargeted() })
        .at(0, assigned("ana"))
        .at(3, assigned("bea"))
        .at(5, source("webinar"))
        .tells(6, &["started@0 due @8", "deadline_moved@3 due @11", "deadline_moved@5 due @7"]);
}

#[test]
fn a_cadence_is_met_by_each_touch_which_starts_the_next_clock_until_the_stop() {
    let email = Fact { activity: Some("email".into()), ..fact(FactKind::Activity) };
    let robot = Fact { automated: true, ..call() };
    Timeline::of(cadence())
        .at(-1, call())
        .at(0, assigned("ana"))
        .at(1, email)
        .at(2, robot)
        .at(3, call())
        .at(12, call())
        .at(13, status("qualified"))
        .at(14, call())
        .tells(
            40,
            &[
                "started@0 due @8",
                "started@3 cycle 2 due @11",
                "met@3",
                "breached@11 cycle 2",
                "started@12 cycle 3 due @20",
                "met_late@12 cycle 2",
                "met@13 cycle 3",
            ],
        );
}

#[test]
fn a_cadence_goes_on_where_a_lead_that_comes_back_is_ignored() {
    Timeline::of(SlaSpec { reopen: Reopen::Ignore, ..cadence() })
        .at(0, assigned("ana"))
        .at(3, call())
        .at(4, status("qualified"))
        .at(5, status("new"))
        .tells(20, &["started@0 due @8", "started@3 cycle 2 due @11", "met@3", "met@4 cycle 2"]);
}

#[test]
fn a_touch_while_paused_meets_the_clock_and_the_next_one_starts_paused() {
    Timeline::of(cadence()).at(0, assigned("ana")).at(1, status("on_hold")).at(3, call()).at(4, status("new")).tells(
        6,
        &[
            "started@0 due @8",
            "paused@1 left 7h",
            "started@3 cycle 2 left 8h",
            "paused@3 cycle 2 left 8h",
            "met@3",
            "resumed@4 cycle 2 due @12",
        ],
    );
}
