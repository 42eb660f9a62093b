//! The ladder: SEMANTICS §7 and §12 cases 10, 44.

use super::*;

const LADDER: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "4 business hours"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "4 business hours"
notify = ["manager"]
action = "reassign"
[[sla.escalation]]
after = "1 business days"
notify = ["director"]
"#;

#[test]
fn steps_follow_the_breach_in_business_time_until_the_clock_stops() {
    both(LADDER, |t| {
        t.at("5 14:00", assigned("ana")).until("6 14:00");
        assert_eq!(
            t.news(),
            [
                "5 14:00 started disposition#1 due 5 18:00",
                "5 18:00 breached disposition#1 by ana",
                "5 18:00 escalated disposition#1 step 1",
                "6 13:00 escalated disposition#1 step 2",
            ]
        );
        let step = &t.said[3]["data"];
        assert_eq!(
            (&step["notify"][0], &step["action"], &step["after"]),
            (&Value::from("manager"), &Value::from("reassign"), &Value::from("4 business hours"))
        );
        t.at("6 17:00", status("unsuitable")).until("20 00:00");
        assert_eq!(t.news(), ["6 17:00 met_late disposition#1 after 43200s by ana"]);
    });
}

#[test]
fn case_19_a_pause_at_the_deadline_holds_the_steps_after_the_breach_and_not_the_one_with_it() {
    both(LADDER, |t| {
        t.at("2 09:00", assigned("ana")).at("2 13:00", status("on_hold")).until("4 09:00");
        assert_eq!(
            t.news()[1..],
            [
                "2 13:00 paused disposition#1 left 0s",
                "2 13:00 breached disposition#1 by ana",
                "2 13:00 escalated disposition#1 step 1",
            ]
        );
    });
}

#[test]
fn case_10_and_44_a_pause_after_the_breach_holds_the_ladder_and_keeps_what_remained() {
    both(LADDER, |t| {
        t.at("2 09:00", assigned("ana")).at("2 14:00", status("on_hold")).until("4 09:00");
        assert_eq!(
            t.news()[1..],
            [
                "2 13:00 breached disposition#1 by ana",
                "2 13:00 escalated disposition#1 step 1",
                "2 14:00 paused disposition#1 left 0s",
            ]
        );
        t.at("4 10:00", status("working")).until("6 00:00");
        assert_eq!(
            t.news(),
            [
                "4 10:00 resumed disposition#1 due 2 13:00",
                "4 13:00 escalated disposition#1 step 2",
                "4 18:00 escalated disposition#1 step 3",
            ]
        );
    });
}
