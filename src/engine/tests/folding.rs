//! A lead with very many facts (SEMANTICS §3, 12.42): the oldest are folded, and nothing that is told changes by it.

use super::*;
use crate::engine::{Reading, record};

/// Pauses, a ladder and reminders, so that a folded clock has something of everything.
const LADDER: &str = r#"
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
on_reassign = "continue"
[[sla.target]]
when = { source = "webinar" }
within = "300 business hours"
[[sla.target]]
within = "400 business hours"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla.escalation]]
after = "4 business hours"
notify = ["manager"]
"#;

fn capped(policy: &str, max_facts: Option<usize>) -> Timeline {
    Timeline::of(parse_policy(policy), Options { future_tolerance_ms: 3_600_000, max_facts, ..Options::default() })
}

fn view(t: &Timeline) -> crate::engine::LeadView {
    inspect(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record")
}

#[test]
fn case_42_what_is_not_after_the_folded_facts_is_refused_and_a_duplicate_of_one_is_silent() {
    let mut t = capped(DISPOSITION, Some(4));
    t.at("2 09:00", created().id("first")).at("2 10:00", assigned("ana")).at("2 11:00", call());
    t.at("2 12:00", call()).at("2 13:00", call());
    let folded = view(&t).folded.expect("folded facts");
    assert_eq!((folded.facts, folded.from, folded.until), (3, instant("2 09:00"), instant("2 11:00")));
    assert_eq!(view(&t).facts.len(), 2);
    let before = t.shard.lead("L1").expect("a lead").to_vec();
    assert_eq!(t.tell("2 14:00", "2 09:00", created().id("first")), Ok(Applied::Duplicate));
    assert_eq!(t.tell("2 14:00", "2 11:00", status("nurture").id("late")), Err(Reason::TooOld));
    assert_eq!(t.shard.lead("L1"), Some(before.as_slice()));
    t.learnt("2 14:00", "2 11:01", status("nurture").id("late"));
    assert_eq!(t.clocks("L1"), ["disposition#1 met"]);
}

#[test]
fn a_folded_clock_goes_on_and_is_told_as_ever() {
    let tell = |max_facts| {
        let mut t = capped(LADDER, max_facts);
        t.at("2 09:00", created().attribute("source", "webinar")).at("2 10:00", assigned("ana").team("north"));
        t.at("3 10:00", status("on_hold")).at("3 12:00", status("working")).at("4 10:00", assigned("bia"));
        t.at("5 09:00", status("on_hold")).at("5 10:00", call()).at("6 10:00", call()).at("9 10:00", status("working"));
        t.at("10 10:00", status("qualified"));
        t.said.clone()
    };
    assert_eq!(tell(Some(2)), tell(None));
}

/// Found by the model.
#[test]
fn of_targets_that_are_called_the_same_a_folded_clock_keeps_its_own() {
    let policy = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
when = { source = "webinar" }
within = "4 hours"
calendar = "office"
[[sla.target]]
within = "4 hours"
[[sla.reminder]]
at = "75%"
"#;
    for max_facts in [None, Some(0)] {
        let mut t = capped(policy, max_facts);
        t.at("2 13:00", assigned("ana"))
            .at("2 14:00", status("on_hold"))
            .at("2 16:00", status("working"))
            .until("3 00:00");
        let last = t.news().split_off(3);
        assert_eq!(last, ["2 18:00 reminder disposition#1 75% valid 2 19:00", "2 19:00 breached disposition#1 by ana"]);
    }
}

#[test]
fn facts_of_one_instant_are_folded_together_or_not_at_all() {
    let mut t = capped(DISPOSITION, Some(4));
    for _ in 0..3 {
        t.at("2 10:00", call());
    }
    t.at("2 09:00", created());
    assert!(view(&t).folded.is_none());
    t.at("2 10:00", assigned("ana"));
    assert_eq!(view(&t).folded.map(|folded| (folded.facts, folded.until)), Some((1, instant("2 09:00"))));
    // Four facts of one instant, and a fifth: all of them go.
    t.at("2 10:00", call());
    assert_eq!(view(&t).folded.map(|folded| (folded.facts, folded.until)), Some((6, instant("2 10:00"))));
    assert_eq!(t.tell("2 10:00", "2 10:00", call()), Err(Reason::TooOld));
}

#[test]
fn the_first_of_the_folded_facts_stays_the_first() {
    let mut t = capped(DISPOSITION, Some(2));
    for hour in 10..16 {
        t.at(&format!("2 {hour}:00"), call());
    }
    let folded = view(&t).folded.map(|folded| (folded.facts, folded.from));
    assert_eq!(folded, Some((4, instant("2 10:00"))));
}

#[test]
fn deliveries_of_the_newest_folded_facts_are_known_and_older_ones_are_too_old() {
    let mut t = capped(DISPOSITION, Some(4));
    let at = |number: usize| format!("2 {:02}:{:02}", number / 60, number % 60);
    for number in 0..400 {
        t.at(&at(number), call().id(&format!("call {number}")));
    }
    let mut again = |number: usize| t.tell("2 12:00", &at(number), call().id(&format!("call {number}")));
    for known in [399, 397, 390, 250, 150] {
        assert_eq!(again(known), Ok(Applied::Duplicate), "{known}");
    }
    for forgotten in [0, 50, 130] {
        assert_eq!(again(forgotten), Err(Reason::TooOld), "{forgotten}");
    }
}

#[test]
fn what_is_still_ahead_is_never_folded() {
    let mut t = capped(DISPOSITION, Some(2));
    for minute in 1..6 {
        t.learnt("2 10:00", &format!("2 10:0{minute}"), call());
    }
    assert!(view(&t).folded.is_none());
    t.at("2 10:04", assigned("ana"));
    assert_eq!(view(&t).folded.map(|folded| folded.until), Some(instant("2 10:03")));
}

#[test]
fn cycles_and_counts_survive_clocks_that_are_dropped() {
    let mut t = capped(DISPOSITION, Some(2));
    let mut minute = 0;
    let mut next = || {
        minute += 1;
        format!("2 {:02}:{:02}", minute / 60, minute % 60)
    };
    for _ in 0..100 {
        t.at(&next(), assigned("ana")).at(&next(), status("nurture")).at(&next(), status("working"));
        t.at(&next(), assigned(""));
    }
    t.at(&next(), status("nurture")).at(&next(), status("working")).at(&next(), assigned("bia"));
    let view = view(&t);
    let folded = view.folded.expect("folded facts");
    assert!(folded.clocks > 90, "{folded:?}");
    // Two ended ones for each fact that is kept, and what came since.
    assert_eq!(view.clocks.len(), 4);
    let last = view.clocks.last().expect("a clock");
    assert_eq!(u64::from(last.cycle), folded.clocks + view.clocks.len() as u64);
    assert_eq!(t.said.iter().filter(|said| said["type"] == "sla.started").count() as u32, last.cycle);
    assert!(t.said.iter().all(|said| said["type"] != "sla.retracted"));
}

#[test]
fn clocks_that_are_dropped_are_counted_by_how_they_ended() {
    let mut t = capped(DISPOSITION, Some(2));
    for day in 2..22 {
        t.at(&format!("{day} 08:00"), assigned("ana"));
        // Met, met late, breached and then cancelled, cancelled.
        match day % 4 {
            0 => drop(t.at(&format!("{day} 09:00"), status("nurture"))),
            1 => drop(t.at(&format!("{day} 20:00"), status("nurture"))),
            2 => drop(t.at(&format!("{day} 20:00"), deleted())),
            _ => drop(t.at(&format!("{day} 09:00"), deleted())),
        }
        if day % 4 < 2 {
            t.at(&format!("{day} 23:00"), deleted());
        }
    }
    let mut reading = Reading::default();
    reading.read(t.shard.rules(), t.shard.lead("L1").expect("a lead"), t.shard.watermark()).expect("a record");
    let mut all = reading.fold.dropped(0);
    assert!(all.all() > 12, "{all:?}");
    for clock in &reading.fold.clocks {
        match Standing::of(clock) {
            Standing::Met => all.met += 1,
            Standing::MetLate => all.met_late += 1,
            Standing::Breached => all.breached += 1,
            _ => all.cancelled += 1,
        }
    }
    assert_eq!((all.met, all.met_late, all.breached, all.cancelled), (5, 5, 5, 5));
}

/// Owners and pauses change hundreds of times in one clock: what each owner held it and when it is due stay exact.
#[test]
fn very_many_pauses_and_owners_of_one_clock_add_up_to_what_they_were() {
    let tell = |max_facts| {
        let mut t = capped(LADDER, max_facts);
        t.at("2 09:00", created()).at("2 09:01", assigned("ana"));
        for turn in 0..300 {
            let at = |minute: i32| format!("{} {:02}:{minute:02}", 2 + turn / 24, turn % 24);
            let owner = ["bia", "caio", "ana"][turn % 3];
            if turn % 24 < 9 {
                continue;
            }
            t.at(&at(5), assigned(owner)).at(&at(17), status("on_hold")).at(&at(31), status("working"));
        }
        t.at("20 12:00", status("qualified"));
        let due = t.said.iter().rev().find_map(|said| said["data"]["due_at"].as_str().map(str::to_owned));
        let met = t.said.last().expect("an outcome").clone();
        (due, met, t.said.len(), t.shard.lead("L1").expect("a lead").len())
    };
    let (whole, folded) = (tell(None), tell(Some(8)));
    assert_eq!(whole.1["data"]["open_seconds_by_owner"], folded.1["data"]["open_seconds_by_owner"]);
    assert_eq!((&whole.0, &whole.1, whole.2), (&folded.0, &folded.1, folded.2));
    assert!(folded.3 < 6_000, "{} bytes", folded.3);
}

#[test]
fn a_lead_with_very_many_facts_stays_small() {
    const FACTS: u32 = 3_000;
    let policy = format!(
        "{LADDER}[[sla]]\nname = \"touch\"\nrecur = {{ activity = \"any\" }}\nstart = {{ on = \"assigned\" }}\nstop = {{ disposition = \"any\" }}\n[[sla.target]]\nwithin = \"8 hours\"\n"
    );
    let mut shard = Shard::new(Arc::new(parse_policy(&policy)), Options::default(), &["events"]);
    let mut largest = 0;
    let statuses = ["working", "on_hold", "working", "nurture", "working", "on_hold"];
    for number in 0..FACTS {
        let told = match number % 4 {
            0 => assigned(["ana", "bia", "caio", ""][number as usize / 4 % 4]),
            1 => status(statuses[number as usize / 4 % statuses.len()]),
            2 => call(),
            _ => updated("score", &number.to_string()),
        };
        let mut event = told.0;
        event.id = Cow::Owned(number.to_string());
        event.time = instant("2 09:00").plus_ms(i64::from(number) * 60_000);
        shard.advance(event.time, usize::MAX);
        assert_eq!(shard.apply(&event, event.time, (0, u64::from(number))), Ok(Applied::Accepted));
        shard.commit();
        largest = largest.max(shard.lead("L1").map_or(0, <[u8]>::len));
    }
    assert!(largest < 24_000, "{largest} bytes");
}

#[test]
fn a_lead_whose_state_alone_is_too_large_takes_no_more() {
    let mut t = capped(DISPOSITION, Some(8));
    let word = "x".repeat(10_000);
    for day in 2..12 {
        // The same attribute again and again: only the last value counts.
        t.at(&format!("{day} 09:00"), updated("notes", &format!("{word}{day}")));
    }
    for number in 0..10 {
        t.at(&format!("20 09:0{number}"), updated(&format!("notes {number}"), &format!("{word}{number}")));
    }
    let refused = (0..10).filter_map(|number| {
        t.tell(
            &format!("20 10:0{number}"),
            &format!("20 10:0{number}"),
            updated(&format!("more {number}"), &format!("{word}more{number}")),
        )
        .err()
    });
    assert_eq!(refused.last(), Some(Reason::TooLarge));
    assert!(t.shard.lead("L1").is_some_and(|record| record.len() <= record::MAX_BYTES + 1_000));
    // What says nothing large still comes in.
    t.at("21 09:00", assigned("ana"));
}

#[test]
fn under_an_edited_policy_what_is_folded_stays_as_it_was_decided() {
    let mut t = capped(DISPOSITION, Some(2));
    t.at("2 09:00", created()).at("2 10:00", assigned("ana")).at("2 11:00", call()).at("2 12:00", call());
    t.news();
    let edited = |from: &str, to: &str| {
        let policy = Arc::new(parse_policy(&DISPOSITION.replace(from, to)));
        let mut shard = Shard::new(policy, t.shard.options(), &["events"]);
        for record in t.shard.records() {
            shard.restore_record(record.into()).expect("a stored record");
        }
        shard.restore_position(t.shard.watermark(), &[(0, 4)]);
        shard.resettle(0, u32::MAX).expect("whole records");
        let turn = shard.turn();
        let said = turn.outbox.notices.iter().map(|notice| {
            let value: Value = serde_json::from_slice(turn.outbox.json(notice)).expect("JSON");
            format!("{} {}", value["type"].as_str().expect("a type"), value["data"]["due_at"])
        });
        said.collect::<Vec<_>>()
    };
    // The facts that would give another deadline are gone.
    assert_eq!(edited("8 hours", "2 hours"), [""; 0]);
    // A promise that is no more is taken back.
    assert_eq!(edited("name = \"disposition\"", "name = \"other\""), ["sla.retracted \"2026-03-02T18:00:00Z\""]);
}

#[test]
fn an_attribute_of_the_folded_facts_is_known_until_the_life_that_had_it_ends() {
    let mut t = capped(DISPOSITION, Some(0));
    let attribute = |t: &Timeline, name: &str| {
        let lead = t.shard.decode("L1").expect("a lead");
        lead.folded.as_ref().and_then(|folded| folded.attribute(&lead, name)).map(str::to_owned)
    };
    t.at("2 09:00", updated("source", "web"))
        .at("2 10:00", updated("tier", "gold"))
        .at("2 11:00", updated("tier", "silver"));
    assert_eq!(attribute(&t, "source").as_deref(), Some("web"));
    assert_eq!(attribute(&t, "tier").as_deref(), Some("silver"));
    assert_eq!(attribute(&t, "score"), None);
    t.at("2 12:00", deleted());
    assert_eq!(attribute(&t, "source"), None);
}

#[test]
fn for_an_sla_that_the_folded_facts_did_not_know_who_holds_the_lead_was_its_first_assignment() {
    let touch = "[[sla]]\nname = \"touch\"\nstart = { on = \"assigned\" }\nstop = { activity = \"any\" }\n[[sla.target]]\nwithin = \"8 hours\"\n";
    let started = |owner: &str| {
        let mut t = capped(DISPOSITION, Some(0));
        t.at("2 09:00", created()).at("2 10:00", assigned(owner));
        let mut next = capped(&format!("{DISPOSITION}{touch}"), Some(0));
        for record in t.shard.records() {
            next.shard.restore_record(record.into()).expect("a stored record");
        }
        next.at("2 11:00", assigned("bia").id("later"));
        next.news().into_iter().filter(|line| line.contains("touch")).collect::<Vec<_>>()
    };
    assert_eq!(started("ana"), [""; 0]);
    assert_eq!(started(""), ["2 11:00 started touch#1 due 2 19:00"]);
}

#[test]
fn a_folded_clock_whose_promise_is_no_more_leaves_the_one_before_it_as_it_ended() {
    let later = HEAD.replace("2020-01-01T", "2026-03-03T");
    let versions = |second: &str| {
        let both = [parse_policy(DISPOSITION), parse_policy(&format!("{later}{second}"))];
        policy::Policy::of(both.into_iter().flat_map(|policy| policy.versions).collect())
    };
    let options = Options { max_facts: Some(2), ..Options::default() };
    let mut t = Timeline::of(versions(DISPOSITION), options);
    t.at("2 10:00", assigned("ana")).at("2 11:00", status("nurture")).at("3 10:00", status("working"));
    t.at("3 10:10", call()).at("3 10:20", call());
    assert_eq!(view(&t).folded.map(|folded| folded.facts), Some(4));
    assert_eq!(t.news()[2..], ["3 10:00 started disposition#2 due 3 18:00"]);
    // The second version never had the promise.
    let mut next = Timeline::of(versions(&DISPOSITION.replace("\"disposition\"", "\"other\"")), options);
    for record in t.shard.records() {
        next.shard.restore_record(record.into()).expect("a stored record");
    }
    next.shard.restore_position(t.shard.watermark(), &[(0, 5)]);
    next.said = t.said.clone();
    next.news();
    next.at("3 11:00", status("qualified").id("stop"));
    assert_eq!(next.news(), ["3 10:00 retracted disposition#2 started (clock_withdrawn)"]);
    assert_eq!(next.clocks("L1"), ["disposition#1 met"]);
}

#[test]
fn a_lead_takes_what_makes_its_record_as_large_as_it_may_be_and_not_a_byte_more() {
    for (more, answer) in [(0, Ok(Applied::Accepted)), (1, Err(Reason::TooLarge))] {
        let mut t = capped(DISPOSITION, Some(8));
        t.at("2 09:00", created());
        let known = t.shard.lead("L1").expect("a lead").len();
        let room = record::MAX_BYTES - known - "L1".len() - "notes".len();
        assert_eq!(t.tell("2 10:00", "2 10:00", updated("notes", &"x".repeat(room + more))), answer);
    }
}

#[test]
fn a_record_is_folded_for_its_bytes_where_it_has_one_too_many() {
    let of = |length: usize| {
        let mut t = capped(DISPOSITION, Some(64));
        t.at("2 09:00", updated("notes", &"x".repeat(length)));
        t
    };
    let known = of(60_000).shard.lead("L1").expect("a lead").len();
    let fits = 60_000 + record::ROOMY_BYTES - known;
    assert!(view(&of(fits)).folded.is_none());
    assert!(view(&of(fits + 1)).folded.is_some());
}

#[test]
fn a_few_facts_that_say_very_much_are_folded_as_far_as_it_takes() {
    let mut t = capped(DISPOSITION, Some(64));
    for minute in 0..8 {
        t.at(&format!("2 09:0{minute}"), updated("notes", &format!("{minute}{}", "x".repeat(20_000))));
    }
    let bytes = t.shard.lead("L1").expect("a lead").len();
    assert!(bytes <= record::ROOMY_BYTES, "{bytes} bytes");
    assert!(view(&t).facts.len() > 1);
}

#[test]
fn rungs_and_steps_of_a_folded_clock_are_found_by_their_texts_where_another_policy_orders_them_anew() {
    let policy = |reminders: &[&str], steps: &[&str]| {
        let reminders = reminders.iter().map(|at| format!("[[sla.reminder]]\nat = \"{at}\"\n")).collect::<String>();
        let step = |after: &&str| format!("[[sla.escalation]]\nafter = \"{after}\"\nnotify = [\"owner\"]\n");
        format!("{DISPOSITION}{reminders}{}", steps.iter().map(step).collect::<String>())
    };
    let mut t = capped(&policy(&["25%", "75%"], &["0 hours", "4 hours"]), Some(0));
    t.at("2 10:00", assigned("ana"));
    let mut next = capped(&policy(&["75%", "50%", "25%"], &["1 hour", "4 hours", "5 hours"]), Some(0));
    for record in t.shard.records() {
        next.shard.restore_record(record.into()).expect("a stored record");
    }
    next.shard.restore_position(t.shard.watermark(), &[(0, 1)]);
    next.shard.resettle(0, u32::MAX).expect("whole records");
    let marks = |t: &Timeline| {
        let clock = view(t).clocks.swap_remove(0);
        let marks = clock.reminders.into_iter().chain(clock.escalations);
        let time = |time: Option<Timestamp>| time.map(|time| short(&time.to_string())).unwrap_or_default();
        marks.map(|mark| format!("{} {} {}", mark.text, mark.state, time(mark.time))).collect::<Vec<_>>()
    };
    // One that the policy did not have when the facts were folded is none of this clock's.
    assert_eq!(marks(&next), ["75% pending 2 16:00", "25% pending 2 12:00", "4 hours pending 2 22:00"]);
    next.until("4 10:00");
    let told = [
        "2 12:00 reminder disposition#1 25% valid 2 16:00",
        "2 16:00 reminder disposition#1 75% valid 2 18:00",
        "2 18:00 breached disposition#1 by ana",
        "2 22:00 escalated disposition#1 step 2",
    ];
    assert_eq!(next.news(), told);
}

#[test]
fn a_clock_that_a_merge_ended_stays_cancelled_by_it_when_the_merge_is_folded() {
    let mut t = capped(DISPOSITION, Some(0));
    t.at("2 10:00", assigned("ana")).at("2 11:00", merged());
    let clock = view(&t).clocks.swap_remove(0);
    assert_eq!(
        (clock.state, clock.reason, clock.stopped_at),
        (Standing::Cancelled, Some("merged"), Some(instant("2 11:00")))
    );
}

#[test]
fn what_was_taken_back_of_a_clock_that_the_folded_facts_do_not_make_is_forgotten_with_them() {
    let mut t = capped(DISPOSITION, Some(2));
    t.at("2 10:00", assigned("ana")).learnt("2 10:30", "2 09:00", assigned("ana"));
    assert_eq!(view(&t).withdrawn.len(), 1);
    t.at("2 11:00", call());
    assert_eq!(view(&t).folded.map(|folded| folded.until), Some(instant("2 10:00")));
    assert_eq!(view(&t).withdrawn.len(), 0);
}

#[test]
fn of_very_many_facts_of_one_instant_none_stays_and_those_after_it_do() {
    let mut t = capped(DISPOSITION, Some(8));
    for _ in 0..5 {
        t.at("2 10:00", call());
    }
    t.at("2 10:01", call()).at("2 10:02", call()).at("2 10:03", call());
    assert!(view(&t).folded.is_none());
    t.learnt("2 10:04", "2 10:00", call());
    let view = view(&t);
    assert_eq!(view.folded.map(|folded| (folded.facts, folded.until)), Some((6, instant("2 10:00"))));
    assert_eq!(view.facts.len(), 3);
}

#[test]
fn what_was_told_of_a_pause_that_the_folded_facts_do_not_make_is_forgotten_with_them() {
    let mut t = capped(DISPOSITION, Some(3));
    t.at("2 10:00", assigned("ana")).at("2 11:00", status("on_hold")).learnt("2 11:30", "2 10:30", status("on_hold"));
    let told = |t: &Timeline| {
        let lead = t.shard.decode("L1").expect("a lead");
        let mut pauses: Vec<_> = lead.ledger[0].pauses.iter().map(|pause| short(&pause.from.to_string())).collect();
        pauses.sort();
        pauses
    };
    assert_eq!(told(&t), ["2 10:30", "2 11:00"]);
    t.at("2 12:00", call());
    assert_eq!(view(&t).folded.map(|folded| folded.until), Some(instant("2 11:00")));
    assert_eq!(told(&t), ["2 10:30"]);
}
