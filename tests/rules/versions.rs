//! Versions of the agreement and their words (SEMANTICS §8, 12.22, 12.23, 12.30, 12.36). The second is in force from 3 March.

use crate::timeline::{
    DISPOSITION, HEAD, activity, assigned, created, deleted, one, parse_policy, play, play_with, status,
};
use plazo::engine::Applied;
use plazo::event::Reason;
use plazo::policy::Policy;

fn versions(first: &str, second: &str) -> Policy {
    both(HEAD, first, second)
}

fn both(later_head: &str, first: &str, second: &str) -> Policy {
    let later = later_head.replace("1970-01-01T", "2026-03-03T");
    let both = [parse_policy(&format!("{HEAD}{first}")), parse_policy(&format!("{later}{second}"))];
    Policy::of(both.into_iter().flat_map(|policy| policy.versions).collect())
}

/// The second version lists one more status, before all others.
fn with_demo() -> Policy {
    let demo = "[[status]]\nname = \"demo\"\ndisposition = \"qualified\"\n[[status]]\nname = \"new\"";
    both(&HEAD.replace("[[status]]\nname = \"new\"", demo), DISPOSITION, DISPOSITION)
}

#[test]
fn a_status_is_known_from_the_version_on_that_lists_it() {
    play_with(&with_demo(), None, |t| {
        t.at("2 10:00", assigned("ana"));
        assert_eq!(t.hear("3 10:00", "2026-03-02T23:59:59.999Z", status("demo")), Err(Reason::UnknownStatus));
        assert_eq!(t.hear("3 10:00", "3 00:00", status("demo")), Ok(Applied::Accepted));
    });
}

#[test]
fn a_clock_reads_statuses_by_its_own_version_where_an_unknown_one_means_nothing() {
    play_with(&with_demo(), None, |t| {
        t.at("2 23:00", assigned("ana")).at("3 01:00", status("demo"));
        // Words that both know mean the same to both, wherever they stand in the list.
        t.at("3 02:00", status("working")).at("3 03:00", status("junk")).until("3 08:00");
        t.tells(&["2 23:00 started disposition#1 due 3 07:00", "3 07:00 breached disposition#1 by ana"]);
        t.at("3 09:00", assigned("bo").of("L2"))
            .at("3 10:00", status("demo").of("L2"))
            .tells(&["3 09:00 started L2 disposition#1 due 3 17:00", "3 10:00 met L2 disposition#1 after 3600s by bo"]);
    });
}

#[test]
fn an_sla_that_a_later_version_lacks_starts_no_clock_and_running_ones_go_on() {
    let other = one("start = { on = \"created\" }\nstop = { status = [\"won\"] }", "within = \"4 hours\"");
    play_with(&versions(DISPOSITION, &other), None, |t| {
        t.at("2 23:00", assigned("ana")).at("3 00:00", assigned("bo").of("L2")).until("4 00:00");
        t.tells(&["2 23:00 started disposition#1 due 3 07:00", "3 07:00 breached disposition#1 by ana"]);
        t.at("4 00:00", status("nurture")).at("4 01:00", status("working"));
        // A lead that comes back has no new promise either.
        t.tells(&["4 00:00 met_late disposition#1 after 90000s by ana"]);
    });
}

#[test]
fn a_new_promise_governs_from_its_first_instant_and_never_what_started_before() {
    let shorter = DISPOSITION.replace("8 hours", "2 hours");
    play_with(&versions(DISPOSITION, &shorter), None, |t| {
        t.at("2026-03-02T23:59:59.999Z", assigned("ana")).at("3 00:00", assigned("bo").of("L2"));
        t.at("3 01:00", assigned("cy")).tells(&[
            "2 23:59:59.999 started disposition#1 due 3 07:59:59.999",
            "3 00:00 started L2 disposition#1 due 3 02:00",
        ]);
        let told: Vec<_> = t.said.iter().map(|said| said["data"]["policy"]["effective_from"].as_str()).collect();
        assert_eq!(told, [Some("1970-01-01T00:00:00Z"), Some("2026-03-03T00:00:00Z")]);
        assert_ne!(t.said[0]["data"]["policy"]["fingerprint"], t.said[1]["data"]["policy"]["fingerprint"]);
    });
}

#[test]
fn a_status_that_a_new_version_counts_as_a_stop_held_since_the_lead_got_it() {
    let wider = DISPOSITION.replace("{ disposition = \"any\" }", "{ disposition = \"any\", status = [\"working\"] }");
    play_with(&versions(DISPOSITION, &wider), None, |t| {
        // Done with before it was assigned: nothing starts, so nothing is met with 0 seconds (12.5, 12.6).
        t.at("2 10:00", status("working")).at("3 10:00", assigned("ana")).tells(&[]);
    });
}

#[test]
fn an_unknown_status_refuses_the_creation_too_and_later_facts_count() {
    play(DISPOSITION, |t| {
        let refused = created().with("status", "odd").with("owner", "ana").id("c");
        assert_eq!(t.hear("2 09:00", "2 09:00", refused), Err(Reason::UnknownStatus));
        t.at("2 10:00", assigned("bo")).tells(&["2 10:00 started disposition#1 due 2 18:00"]);
        // Sent again under its id after a fix, it stands where it belongs.
        t.learnt("2 11:00", "2 09:00", created().with("status", "new").with("owner", "ana").id("c")).tells(&[
            "2 10:00 retracted disposition#2 started (clock_withdrawn)",
            "2 09:00 started disposition#1 due 2 17:00",
        ]);
    });
}

#[test]
fn a_condition_with_several_keys_holds_if_any_of_them_does() {
    let policy = one(
        "start = { on = [\"created\", \"assigned\"], status = [\"working\"] }\nstop = { disposition = \"any\", activity = \"any\", opportunity = true }\ncancel = { status = [\"junk\"] }",
        "within = \"8 hours\"",
    );
    let starts = [created(), assigned("ana"), status("working")];
    let stops = [status("nurture"), activity("call"), crate::timeline::opportunity()];
    for start in starts {
        for stop in &stops {
            play(&policy, |t| {
                t.at("2 10:00", start.clone()).at("2 11:00", stop.clone());
                assert_eq!(t.clocks("L1"), ["sla#1 met"]);
            });
        }
        for cancel in [status("junk"), deleted()] {
            play(&policy, |t| {
                t.at("2 10:00", start.clone()).at("2 11:00", cancel.clone());
                assert_eq!(t.clocks("L1"), ["sla#1 cancelled"]);
            });
        }
    }
}
