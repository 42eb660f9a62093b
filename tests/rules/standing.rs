//! What stands of all that was told is what the clocks say (SEMANTICS §3, §7): random facts of every kind, late, early and tied,
//! over promises of every kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::timeline::{
    Told, activity, assigned, created, deleted, instant, merged, opportunity, parse_policy, play_with, status,
    unmarked, updated,
};
use plazo::engine::{ClockView, Standing};
use plazo::time::MINUTE_MS;
use proptest::prelude::*;
use serde_json::Value;

fn policy(reopen: &str, on_reassign: &str) -> String {
    let ladder = "[[sla.reminder]]\nat = \"50%\"\n[[sla.escalation]]\nafter = \"0 hours\"\nnotify = [\"owner\"]\n[[sla.escalation]]\nafter = \"1 business hours\"\nnotify = [\"manager\"]\naction = \"reassign\"\n";
    let slas = [
        ("disposition", format!("start = {{ on = \"assigned\" }}\nstop = {{ disposition = \"any\" }}\npause = {{ status = [\"on_hold\"], at_most = \"3 business hours\" }}\ncancel = {{ status = [\"junk\"] }}\non_reassign = \"{on_reassign}\"\nreopen = \"{reopen}\""), "when = { team = \"north\" }\nwithin = \"2 business hours\"\n[[sla.target]]\nwithin = \"1 business days\""),
        ("touch", "start = { on = \"created\" }\nstop = { activity = [\"call\"] }".to_owned(), "within = \"4 hours\""),
        ("conversion", format!("start = {{ stage = [\"sales_accepted\"] }}\nstop = {{ stage = [\"sales_qualified\"] }}\npause = {{ status = [\"on_hold\"] }}\nretarget = \"on_change\"\nreopen = \"{reopen}\""), "when = { size = \"big\" }\nwithin = \"1 days\"\n[[sla.target]]\nwithin = \"6 hours\""),
        ("opportunity", "start = { status = [\"qualified\"] }\nstop = { opportunity = true }".to_owned(), "within = \"2 hours\""),
        ("cadence", "start = { on = \"assigned\" }\nstop = { disposition = \"any\" }\nrecur = { activity = \"any\" }\npause = { status = [\"on_hold\"] }".to_owned(), "within = \"3 business hours\""),
        ("closing", "start = { on = \"opportunity\" }\nstop = { stage = [\"customer\"] }\ncancel = { deleted = false }".to_owned(), "within = \"5 hours\""),
    ];
    let tables = slas.iter().map(|(name, keys, target)| {
        format!("[[sla]]\nname = \"{name}\"\ncalendar = \"office\"\n{keys}\n[[sla.target]]\n{target}\n{ladder}")
    });
    tables.collect()
}

fn anything(what: usize) -> Told {
    match what {
        0 => created().with("owner", "ana"),
        1 => created().with("team", "north"),
        2 => assigned("ana"),
        3 => assigned("bo").with("team", "south"),
        4 => assigned(""),
        5 => status("working"),
        6 => status("on_hold"),
        7 => status("nurture"),
        8 => status("qualified").with("owner", "cy"),
        9 => status("won"),
        10 => status("junk"),
        11 => activity("call"),
        12 => activity("email"),
        13 => opportunity(),
        14 => updated("size", "big"),
        15 => deleted(),
        _ => merged("L2"),
    }
}

/// Standing notices by type, of the clocks of one SLA that began at one instant.
fn standing(said: &[Value]) -> BTreeMap<(String, String), BTreeMap<String, usize>> {
    let taken: BTreeSet<&str> = said.iter().filter_map(|said| said["data"]["retracts"].as_str()).collect();
    let mut standing: BTreeMap<_, BTreeMap<String, usize>> = BTreeMap::new();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for said in said.iter().filter(|said| !taken.contains(word(&said["id"]).as_str())) {
        let mut kind = word(&said["type"]);
        if !["sla.started", "sla.breached", "sla.escalated", "sla.met", "sla.met_late", "sla.cancelled"]
            .contains(&kind.as_str())
        {
            continue;
        }
        if kind == "sla.escalated" {
            kind += &said["data"]["step"].to_string();
        }
        let clock = (word(&said["data"]["sla"]), word(&said["data"]["started_at"]));
        *standing.entry(clock).or_default().entry(kind).or_default() += 1;
    }
    standing
}

/// The same, as the clocks have it. Steps depend on when things were learnt, but the last of an open ladder must stand.
fn claimed(clocks: &[ClockView]) -> BTreeMap<(String, String), BTreeMap<String, usize>> {
    let mut claimed: BTreeMap<_, BTreeMap<String, usize>> = BTreeMap::new();
    for clock in clocks {
        let of = claimed.entry((clock.sla.clone(), clock.started_at.to_string())).or_default();
        let mut add = |kind: &str| *of.entry(kind.to_owned()).or_default() += 1;
        add("sla.started");
        if matches!(clock.state, Standing::Breached | Standing::MetLate) {
            add("sla.breached");
        }
        match (clock.state, clock.stopped_at) {
            (Standing::Met, _) => add("sla.met"),
            (Standing::MetLate, _) => add("sla.met_late"),
            (_, Some(_)) => add("sla.cancelled"),
            (Standing::Breached, None) if clock.explanation.pauses.last().is_none_or(|pause| pause.to.is_some()) => {
                add("sla.escalated2");
            }
            _ => {}
        }
    }
    claimed
}

/// (append time, event time, what), in order of arrival, of (minutes since the one before, delay, what).
fn told_in_time(history: Vec<(i64, i64, usize)>) -> Vec<(i64, i64, usize)> {
    let mut minute = 0;
    let mut facts = Vec::new();
    for (gap, delay, what) in history {
        minute += gap;
        facts.push((minute + delay, minute, what));
    }
    facts.sort_by_key(|fact| fact.0);
    facts
}

fn at(minute: i64) -> String {
    instant("2 09:00").plus_ms(minute * MINUTE_MS).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn when_each_fact_was_learnt_does_not_matter_to_the_clocks(
        history in proptest::collection::vec((1i64..240, -50i64..700, 0usize..17), 1..16),
        reopen in proptest::sample::select(vec!["new_cycle", "ignore", "continue"]),
        on_reassign in proptest::sample::select(vec!["continue", "restart"]),
    ) {
        let facts = told_in_time(history);
        let mut by_time = facts.clone();
        by_time.sort_by_key(|fact| fact.1);
        let policy = parse_policy(&policy(reopen, on_reassign));
        let clocks = [(facts, None), (by_time, Some("2026-05-01T00:00:00Z"))].map(|(facts, learnt)| {
            let clocks = std::cell::RefCell::new(Vec::new());
            play_with(&policy, None, |t| {
                for (append, time, what) in &facts {
                    t.learnt(learnt.unwrap_or(&at(*append)), &at(*time), anything(*what));
                }
                t.until("2026-06-01T00:00:00Z");
                *clocks.borrow_mut() = t.lead("L1").clocks.iter().map(unmarked).collect::<Vec<Value>>();
            });
            clocks.into_inner()
        });
        prop_assert_eq!(&clocks[0], &clocks[1]);
    }

    #[test]
    fn what_stands_of_all_that_was_told_is_what_the_clocks_say(
        history in proptest::collection::vec((0i64..240, -50i64..700, 0usize..17), 1..16),
        reopen in proptest::sample::select(vec!["new_cycle", "ignore", "continue"]),
        on_reassign in proptest::sample::select(vec!["continue", "restart"]),
    ) {
        let facts = told_in_time(history);
        play_with(&parse_policy(&policy(reopen, on_reassign)), None, |t| {
            for (append, time, what) in &facts {
                t.learnt(&at(*append), &at(*time), anything(*what));
            }
            t.until("2026-06-01T00:00:00Z");
            let mut told = standing(&t.said);
            let claimed = claimed(&t.lead("L1").clocks);
            for (clock, kinds) in &mut told {
                let claims = claimed.get(clock);
                kinds.retain(|kind, _| !kind.starts_with("sla.escalated") || claims.is_some_and(|claims| claims.contains_key(kind)));
            }
            assert_eq!(told, claimed);
        });
    }
}
