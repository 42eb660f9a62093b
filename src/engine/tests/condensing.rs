//! A clock of a folded lead that was paused or handed on very often (SEMANTICS §3, §4): what is told of it stays as it was.

use super::*;

const PROMISE: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
retarget = "on_change"
[[sla.target]]
when = { source = "webinar" }
within = "90 hours"
[[sla.target]]
within = "60 hours"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "40 hours"
notify = ["manager"]
"#;

/// What is told, and who held the lead for how long where that is told with it.
fn told(policy: &str, max_facts: Option<usize>, script: impl Fn(&mut Timeline)) -> (Timeline, Vec<String>) {
    let options = Options { future_tolerance_ms: 3_600_000, max_facts, ..Options::default() };
    let mut t = Timeline::of(parse_policy(policy), options);
    script(&mut t);
    let shares = t.said.iter().map(|said| said["data"]["open_seconds_by_owner"].to_string()).collect::<Vec<_>>();
    let lines = t.news().into_iter().zip(shares).map(|(line, shares)| line + " " + &shares);
    let lines = lines.map(|line| line.trim_end_matches(" null").to_owned()).collect();
    (t, lines)
}

/// Whether every fact is folded at once or none is, the same is told; that, and the folded lead.
#[track_caller]
fn the_same(policy: &str, script: impl Fn(&mut Timeline)) -> (Vec<String>, crate::engine::LeadView) {
    let ((_, whole), (t, folded)) = (told(policy, None, &script), told(policy, Some(0), &script));
    for (folded, whole) in folded.iter().zip(&whole) {
        assert_eq!(folded, whole);
    }
    assert_eq!(folded.len(), whole.len());
    let record = t.shard.lead("L1").expect("a lead");
    (folded, inspect(t.shard.rules(), record, t.shard.watermark()).expect("a record"))
}

/// Every ten minutes from 10:00 on the second day.
fn minute(number: usize) -> String {
    let minutes = 10 * 60 + number * 10;
    format!("{} {:02}:{:02}", 2 + minutes / 1_440, minutes / 60 % 24, minutes % 60)
}

fn owner(number: usize) -> &'static str {
    ["ana", "bia", "bia", "caio", "ana"][number % 5]
}

#[test]
fn an_owner_who_came_back_again_and_again_has_all_the_time_they_held_it_though_it_was_never_paused() {
    let (news, lead) = the_same(PROMISE, |t| {
        for number in 0..100 {
            t.at(&minute(number), assigned(owner(number)).team(["north", "south"][number % 2]));
        }
        t.at("3 12:00", status("qualified"));
    });
    let met = "3 12:00 met disposition#1 after 93600s by ana {\"ana\":57600,\"bia\":24000,\"caio\":12000}";
    assert_eq!(news.last().map(String::as_str), Some(met));
    let why = lead.clocks[0].why.as_ref().expect("why");
    assert!((33..=70).contains(&why.holders.len()), "{} holders", why.holders.len());
}

#[test]
fn up_to_twice_what_is_kept_every_pause_and_every_owner_stays_as_it_was() {
    let holders = |handovers: usize| {
        let (_, lead) = the_same(PROMISE, |t| {
            for number in 0..handovers {
                t.at(&minute(number), assigned(["ana", "bia"][number % 2]));
            }
            t.at("3 12:00", call());
        });
        lead.clocks[0].why.as_ref().expect("why").holders.len()
    };
    assert_eq!((holders(64), holders(65)), (64, 34));
    let pauses = |pauses: usize| {
        let (_, lead) = the_same(PROMISE, |t| {
            t.at("2 09:00", assigned("ana"));
            for number in 0..2 * pauses {
                t.at(&minute(number), status(["on_hold", "working"][number % 2]));
            }
            t.at("3 12:00", call());
        });
        lead.clocks[0].explanation.pauses.len()
    };
    assert_eq!((pauses(64), pauses(65)), (64, 33));
}

#[test]
fn a_deadline_that_moves_after_very_many_pauses_counts_them_all() {
    let (news, lead) = the_same(PROMISE, |t| {
        t.at("2 09:00", assigned("ana"));
        for number in 0..140 {
            t.at(&minute(number), status(["on_hold", "working"][number % 2]));
        }
        t.at("3 12:00", updated("source", "webinar")).at("3 13:00", updated("source", "fair")).until("20 00:00");
    });
    // Seventy pauses of ten minutes, and sixty hours from Monday 9:00.
    let moved: Vec<&String> = news.iter().filter(|line| line.contains("moved") || line.contains("breached")).collect();
    assert_eq!(
        moved,
        [
            "3 12:00 deadline_moved disposition#1 due 6 14:40",
            "3 13:00 deadline_moved disposition#1 due 5 08:40",
            "5 08:40 breached disposition#1 by ana {\"ana\":216000}"
        ]
    );
    assert!(lead.clocks[0].explanation.pauses.len() < 64);
}

#[test]
fn a_restart_after_very_many_owners_counts_from_itself_and_each_keeps_their_share() {
    let restarts = PROMISE.replace("retarget", "on_reassign = \"restart\"\nretarget");
    let (news, _) = the_same(&restarts, |t| {
        // Each assignment restarts; a team changes and pauses come and go without one.
        for number in 0..3 {
            t.at(&minute(7 * number), assigned(owner(2 * number)));
        }
        for number in 20..201 {
            let told = match number % 3 {
                0 => status("on_hold"),
                1 => updated("score", &number.to_string()).team(["north", "south", "east"][number / 3 % 3]),
                _ => status("working"),
            };
            t.at(&minute(number), told);
        }
        t.at("4 12:00", updated("source", "webinar")).until("8 00:00").at("20 12:00", status("qualified"));
    });
    assert!(news.iter().any(|line| line.contains("met_late")), "{news:?}");
}

#[test]
fn the_ladder_waits_for_each_of_very_many_pauses_after_the_breach() {
    let (news, _) = the_same(PROMISE, |t| {
        t.at("2 09:00", assigned("ana"));
        for number in 360..520 {
            let told = match number % 4 {
                0 => status("on_hold"),
                1 => assigned(owner(number)),
                2 => status("working"),
                _ => assigned(owner(number + 1)),
            };
            t.at(&minute(number), told);
        }
        t.until("12 00:00").at("12 12:00", status("qualified"));
    });
    assert!(news.iter().any(|line| line.contains("escalated disposition#1 step 2")), "{news:?}");
}

#[test]
fn a_handover_too_many_stays_told_though_the_owners_before_it_are_summed_up() {
    let watched = format!("{PROMISE}[watch]\nping_pong = {{ more_than = 40 }}\n");
    let (news, _) = the_same(&watched, |t| {
        for number in 0..100 {
            t.at(&minute(number), assigned(["ana", "bia"][number % 2]));
        }
    });
    assert_eq!(news[1..], ["2 16:50 watch.ping_pong disposition#1"]);
}

fn holders(lead: &crate::engine::LeadView) -> Vec<String> {
    let holders = &lead.clocks[0].why.as_ref().expect("why").holders;
    holders.iter().map(|hold| short(&hold.from.to_string()) + " " + hold.owner.as_deref().unwrap_or("-")).collect()
}

fn pauses(lead: &crate::engine::LeadView) -> Vec<String> {
    let until = |to: Option<Timestamp>| to.map(|to| short(&to.to_string())).unwrap_or_default();
    let pauses = lead.clocks[0].explanation.pauses.iter();
    pauses.map(|pause| short(&pause.from.to_string()) + " to " + &until(pause.to)).collect()
}

#[test]
fn what_is_paused_at_the_cut_stays_paused_since_it_was_and_who_held_it_only_then_held_it_for_no_time() {
    let office = PROMISE.replace("start =", "calendar = \"office\"\nstart =").replace("0 hours", "0 business hours");
    let (news, lead) = the_same(&office, |t| {
        for handover in 0..20 {
            t.at(
                &format!("2 {:02}:{:02}", 9 + handover / 3, handover % 3 * 20),
                assigned(["ana", "bia"][handover % 2]),
            );
        }
        t.at("2 20:00", status("on_hold"));
        for handover in 20..65 {
            let owners = if handover < 33 { ["caio", "dora"] } else { ["fia", "eva"] };
            t.at(&format!("2 20:{:02}", handover - 19), assigned(owners[handover % 2]));
        }
        t.at("3 09:00", status("working")).at("3 12:00", status("qualified"));
    });
    let met = "3 12:00 met disposition#1 after 43200s by fia {\"ana\":12000,\"bia\":20400,\"caio\":0,\"dora\":0,\"eva\":0,\"fia\":10800}";
    assert_eq!(news.last().map(String::as_str), Some(met));
    let holders = holders(&lead);
    let before = ["2 09:00 ana", "2 12:20 bia", "2 20:00 caio", "2 20:00 dora", "2 20:14 eva", "2 20:15 fia"];
    assert_eq!((&holders[..6], holders.len()), (&before.map(str::to_owned)[..], 36));
    // Nothing was paused before: the evening is closed.
    assert_eq!(pauses(&lead), ["2 20:00 to 3 09:00"]);
}

#[test]
fn who_holds_it_at_the_cut_holds_it_from_there() {
    let (_, lead) = the_same(PROMISE, |t| {
        t.at("2 09:00", assigned("ana")).at("2 09:30", assigned("bia")).at("2 09:40", assigned("ana"));
        for change in 0..130 {
            t.at(&minute(change), status(["on_hold", "working"][change % 2]));
        }
        t.at("3 12:00", status("qualified"));
    });
    assert_eq!(holders(&lead), ["2 09:00 ana", "2 15:20 bia", "2 21:00 ana"]);
    let pauses = pauses(&lead);
    assert_eq!(
        (&pauses[..2], pauses.len()),
        (&["2 15:30 to 2 21:00", "2 21:00 to 2 21:10"].map(str::to_owned)[..], 33)
    );
}

#[test]
fn a_pause_that_ends_at_the_cut_is_summed_up_with_those_before_it() {
    let (_, lead) = the_same(PROMISE, |t| {
        t.at(&minute(0), assigned("ana")).at("2 10:02", status("on_hold")).at("2 10:05", status("working"));
        for handover in 1..65 {
            let told = assigned(["ana", "bia"][handover % 2]);
            t.at(&minute(handover), if handover == 33 { told.status("working") } else { told });
            if handover == 30 {
                t.at("2 15:05", status("on_hold"));
            }
        }
        t.at("3 12:00", status("qualified"));
    });
    assert_eq!((holders(&lead).len(), pauses(&lead)), (34, vec!["2 15:02 to 2 15:30".to_owned()]));
}

#[test]
fn a_pause_that_ends_where_the_allowance_begins_again_is_none_of_it() {
    let office = PROMISE.replace("start =", "calendar = \"office\"\non_reassign = \"restart\"\nstart =");
    let (_, lead) = the_same(&office.replace("0 hours", "0 business hours"), |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold"));
        t.at("2 11:00", status("working").owner("bia"));
        for change in 2..66 {
            let at = if change < 33 { 9 * 60 + change * 10 } else { 20 * 60 + change };
            let team = ["north", "south"][change % 2];
            t.at(&format!("2 {:02}:{:02}", 2 + at / 60, at % 60), updated("score", &change.to_string()).team(team));
        }
        t.at("3 12:00", status("qualified"));
    });
    // Each of the two teams once, and the evening is closed, not paused.
    assert_eq!(holders(&lead)[..3], ["2 09:00 ana", "2 11:00 bia", "2 11:20 bia"].map(str::to_owned));
    assert_eq!(pauses(&lead), [""; 0]);
}
