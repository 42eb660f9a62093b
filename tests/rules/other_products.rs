//! What three other products publish about their clocks, held by ours where we mean the same (`docs/decisions/other-products.md`
//! names the documents, and where ours differs). The office is open from 9 to 18, Monday to Friday, but not on 4 March 2026.

use crate::timeline::{
    HEAD, Told, activity, assigned, created, instant, one, parse_policy, play, play_with, status, updated,
};
use plazo::engine::Standing;
use plazo::time::{MINUTE_MS, Timestamp};
use proptest::prelude::*;

const KEYS: &str = "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }";

/// Minutes since Monday, 2 March 2026.
fn at(minute: i64) -> String {
    instant("2 00:00").plus_ms(minute * MINUTE_MS).to_string()
}

fn office_is_open(minute: i64) -> bool {
    let (day, time) = (minute.div_euclid(1_440), minute.rem_euclid(1_440));
    day.rem_euclid(7) < 5 && day != 2 && (540..1_080).contains(&time)
}

/// When a clock that begins at `start` has counted `allowance` open minutes, leaving the pauses out; `None`: not before `end`.
fn counted(start: i64, allowance: i64, pauses: &[(i64, i64)], end: i64) -> Option<i64> {
    let mut left = allowance;
    for minute in start..end {
        if office_is_open(minute) && !pauses.iter().any(|(from, to)| (*from..*to).contains(&minute)) {
            left -= 1;
            if left == 0 {
                return Some(minute + 1);
            }
        }
    }
    None
}

const END: i64 = 60 * 1_440;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// ServiceNow: elapsed time stops while the pause condition holds, and the planned end moves by what did not count.
    /// Zendesk: a target in business hours counts the schedule's minutes alone.
    #[test]
    fn business_time_counts_open_minutes_outside_pauses(
        start in 0i64..7_000, allowance in 1i64..2_500, gaps in proptest::collection::vec(1i64..3_000, 0..7),
    ) {
        let mut times = Vec::new();
        let mut now = start;
        for gap in &gaps {
            now += gap;
            times.push(now);
        }
        let pauses: Vec<(i64, i64)> = times.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or(END))).collect();
        let due = counted(start, allowance, &pauses, END);
        let policy = parse_policy(&one(KEYS, &format!("within = \"{allowance} business minutes\"")));
        play_with(&policy, None, |t| {
            t.at(&at(start), assigned("ana"));
            for (index, time) in times.iter().enumerate() {
                t.at(&at(*time), status(if index % 2 == 0 { "on_hold" } else { "working" }));
            }
            t.until(&at(END));
            let told = t.said.iter().find(|said| said["type"] == "sla.breached").map(|said| &said["time"]);
            assert_eq!(told.and_then(|time| time.as_str()), due.map(at).as_deref());
            if due.is_some() {
                assert_eq!(t.last("breached")["open_seconds"], allowance * 60);
            }
        });
    }

    /// Jira Service Management: any number of completed cycles and at most one that is ongoing.
    /// Zendesk: pause and activation take turns within one instance of a metric.
    #[test]
    fn cycles_do_not_overlap_and_pauses_take_turns_with_resumes(history in proptest::collection::vec((1i64..900, 0usize..8), 1..14)) {
        for reopen in ["new_cycle", "ignore", "continue"] {
            let policy = parse_policy(&one(&format!("{KEYS}\nreopen = \"{reopen}\""), "within = \"6 business hours\""));
            play_with(&policy, None, |t| {
                let mut now = 0;
                for (gap, what) in &history {
                    now += gap;
                    t.at(&at(now), anything(*what));
                }
                t.until(&at(END));
                let clocks = t.lead("L1").clocks;
                let open = clocks.iter().filter(|clock| clock.stopped_at.is_none());
                assert!(open.count() <= 1, "{reopen}");
                let spans: Vec<(Timestamp, Timestamp)> =
                    clocks.iter().map(|clock| (clock.started_at, clock.stopped_at.unwrap_or(Timestamp::MAX))).collect();
                assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{reopen}: {spans:?}");
                for clock in &clocks {
                    let mut paused = false;
                    for said in t.said.iter().filter(|said| said["data"]["started_at"] == clock.started_at.to_string()) {
                        match said["type"].as_str() {
                            Some("sla.paused") => assert!(!std::mem::replace(&mut paused, true), "{reopen}: paused twice"),
                            Some("sla.resumed") => assert!(std::mem::replace(&mut paused, false), "{reopen}: not paused"),
                            _ => {}
                        }
                    }
                    assert!(clock.stopped_at.is_some() || paused == (clock.state == Standing::Paused || held(clock)), "{reopen}");
                }
            });
        }
    }
}

/// A breached clock that a pause holds: its ladder waits, and it counts as breached.
fn held(clock: &plazo::engine::ClockView) -> bool {
    clock.state == Standing::Breached && clock.explanation.pauses.last().is_some_and(|pause| pause.to.is_none())
}

fn anything(what: usize) -> Told {
    match what {
        0 => assigned("ana"),
        1 => assigned("bo"),
        2 => status("on_hold"),
        3 => status("working"),
        4 => status("nurture"),
        5 => status("qualified"),
        6 => activity("call"),
        _ => created(),
    }
}

/// ServiceNow: attached only where neither the stop nor the cancel condition holds.
#[test]
fn no_clock_where_the_stop_or_the_cancel_condition_holds_already() {
    for already in ["qualified", "junk"] {
        let policy = one(&format!("{KEYS}\ncancel = {{ status = [\"junk\"] }}"), "within = \"6 business hours\"");
        play(&policy, |t| {
            t.at("2 09:00", status(already)).at("2 10:00", assigned("ana")).until("9 00:00").tells(&[]);
        });
    }
}

/// ServiceNow: a clock completes whether it was breached or not.
#[test]
fn a_stop_completes_a_breached_clock_too() {
    play(&one(KEYS, "within = \"2 business hours\""), |t| {
        t.at("2 09:00", assigned("ana")).at("2 12:00", status("qualified")).tells(&[
            "2 09:00 started sla#1 due 2 11:00",
            "2 11:00 breached sla#1 by ana",
            "2 12:00 met_late sla#1 after 10800s by ana",
        ]);
    });
}

/// Zendesk: of several policies that match, the first in order counts.
#[test]
fn the_first_match_in_the_order_of_the_list_counts() {
    let target =
        |name: &str, within: &str| format!("when = {{ {name} = \"yes\" }}\nwithin = \"{within}\"\n[[sla.target]]\n");
    let list = |first: &str, second: &str| format!("{first}{second}within = \"8 business hours\"");
    let (urgent, important) = (target("urgent", "1 business hours"), target("important", "2 business hours"));
    for (targets, due) in [(list(&urgent, &important), "2 10:00"), (list(&important, &urgent), "2 11:00")] {
        play(&one(KEYS, &targets), |t| {
            t.at("2 08:00", updated("urgent", "yes")).at("2 08:00", updated("important", "yes"));
            t.at("2 09:00", assigned("ana")).tells(&[&format!("2 09:00 started sla#1 due {due}")]);
        });
    }
}

/// Jira Service Management: the worked example of a goal of 16 hours over days of different hours.
#[test]
fn days_of_different_hours_count_what_each_is_open() {
    let calendar = "[calendars.desk]\ntimezone = \"UTC\"\nweekly = { mon = [\"09:00-17:00\"], tue = [\"09:00-16:00\"], thu = [\"08:00-17:00\"] }\n";
    let sla = one(&KEYS.replace("office", "desk"), "within = \"16 business hours\"");
    play(&format!("{HEAD}{calendar}{sla}"), |t| {
        t.at("2 11:00", assigned("ana")).tells(&["2 11:00 started sla#1 due 5 11:00"]);
    });
}

/// Ours differs: nights are no pauses, and a paused clock has no deadline, only what remains.
#[test]
fn a_closed_office_is_no_pause_and_a_paused_clock_has_no_deadline() {
    play(&one(KEYS, "within = \"6 business hours\""), |t| {
        t.at("2 15:00", assigned("ana")).until("2 23:00");
        assert_eq!(t.clocks("L1"), ["sla#1 running"]);
        t.at("2 23:00", status("on_hold"));
        assert_eq!(
            (&t.last("paused")["due_at"], &t.last("paused")["remaining_seconds"]),
            (&None::<i64>.into(), &10_800.into())
        );
    });
}

/// Ours differs: a clock goes on where what started it holds no more.
#[test]
fn leaving_the_starting_status_cancels_nothing() {
    let policy = one("start = { status = [\"working\"] }\nstop = { disposition = \"any\" }", "within = \"6 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", status("working"))
            .at("2 11:00", status("new"))
            .until("2 17:00")
            .tells(&["2 10:00 started sla#1 due 2 16:00", "2 16:00 breached sla#1 by -"]);
    });
}
