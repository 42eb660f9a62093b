//! The shard: turns, undo, bounded firing, order, the codec.

use super::*;
use crate::engine::Progress;
use crate::engine::leads::Leads;
use crate::engine::record::{FORMAT_VERSION, Lead, lead_id, next_due};

#[test]
fn open_clocks_stay_with_their_slas_under_a_policy_that_has_them_in_another_order() {
    let other = DISPOSITION.replace("\"disposition\"", "\"touch\"").replace("\"assigned\"", "\"created\"");
    let mut t = Timeline::new(&format!("{DISPOSITION}{other}"));
    t.at("2 10:00", created()).at("2 10:00", assigned("ana"));
    t.at("2 10:00", created().of("L2")).at("2 10:00", created().of("L3"));
    let open = |t: &Timeline| -> Vec<(String, i64)> {
        let counts = t.shard.open_clocks();
        counts.iter().map(|open| (open.sla.clone(), open.count)).filter(|open| open.1 > 0).collect()
    };
    let before = open(&t);
    assert_eq!(before.iter().map(|open| open.1).sum::<i64>(), 4);
    t.shard.adopt(Arc::new(parse_policy(&format!("{other}{DISPOSITION}"))));
    let mut after = open(&t);
    after.reverse();
    assert_eq!(after, before);
}

#[test]
fn case_43_timers_of_one_instant_fire_by_lead_id_and_at_most_as_many_as_asked() {
    let mut t = Timeline::new(DISPOSITION);
    for lead in ["zeta", "alpha", "alphabet soup", "alphabet", "mu"] {
        t.at("2 10:00", assigned("ana").of(lead));
    }
    t.news();
    let mut order = Vec::new();
    let mut calls = 0;
    loop {
        let progress = t.shard.advance(instant("2 19:00"), 2);
        calls += 1;
        assert_eq!(t.shard.turn().fired, [2, 2, 1][calls - 1]);
        assert_eq!(t.shard.timer_count(), [3, 1, 0][calls - 1]);
        let turn = t.shard.turn();
        order.extend(turn.outbox.notices.iter().map(|notice| turn.outbox.lead_id(notice).to_owned()));
        t.shard.commit();
        if progress == Progress::Done {
            break;
        }
    }
    assert_eq!(order, ["alpha", "alphabet", "alphabet soup", "mu", "zeta"]);
    assert!(calls >= 3);
}

#[test]
fn an_event_is_taken_in_while_timers_wait_and_its_own_lead_is_told_first() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", assigned("ana").of("A")).at("2 10:00", assigned("ana").of("B"));
    t.news();
    assert_eq!(t.shard.advance(instant("2 19:00"), 1), Progress::More);
    let mut event = status("qualified").of("B").0;
    event.time = instant("2 19:00");
    event.id = "late".into();
    assert_eq!(t.shard.apply(&event, instant("2 19:00"), (0, 9)), Ok(Applied::Accepted));
    assert_eq!(t.shard.advance(instant("2 19:00"), 10), Progress::Done);
    t.collect();
    let mut news = t.news();
    assert_eq!(news.remove(0), "2 18:00 breached disposition#1 by ana");
    assert_eq!(news, ["2 18:00 breached disposition#1 by ana", "2 19:00 met_late disposition#1 after 32400s by ana"]);
}

#[test]
fn an_undone_turn_leaves_no_trace() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", assigned("ana"));
    let before: Vec<Vec<u8>> = t.shard.records().map(<[u8]>::to_vec).collect();
    let (watermark, open, timers) = (t.shard.watermark(), t.shard.open_clocks(), t.shard.next_due());
    let mut event = status("on_hold").0;
    event.time = instant("2 11:00");
    event.id = "x".into();
    assert_eq!(t.shard.apply(&event, instant("2 11:00"), (0, 7)), Ok(Applied::Accepted));
    event.lead_id = "L9".into();
    assert_eq!(t.shard.apply(&event, instant("2 11:00"), (0, 8)), Ok(Applied::Accepted));
    assert_eq!(t.shard.advance(instant("3 11:00"), usize::MAX), Progress::Done);
    t.shard.undo();
    assert_eq!(t.shard.records().map(<[u8]>::to_vec).collect::<Vec<_>>(), before);
    assert_eq!((t.shard.watermark(), t.shard.open_clocks()), (watermark, open));
    assert_eq!(t.shard.next_due(), timers);
    assert_eq!(t.shard.positions()[0].1, 1);
    assert!(t.shard.lead("L9").is_none());
    assert_eq!(t.shard.lead_count(), 1);
    t.until("3 10:00");
    assert_eq!(t.news()[1..], ["2 18:00 breached disposition#1 by ana"]);
}

#[test]
fn a_turn_undone_in_the_middle_of_an_instant_fires_by_lead_id_again() {
    let mut t = Timeline::new(DISPOSITION);
    for lead in ["C", "A", "D", "B"] {
        t.at("2 10:00", assigned("ana").of(lead));
    }
    assert_eq!(t.shard.advance(instant("2 19:00"), 2), Progress::More);
    t.shard.undo();
    assert_eq!(t.shard.advance(instant("2 19:00"), 10), Progress::Done);
    let turn = t.shard.turn();
    let order: Vec<&str> = turn.outbox.notices.iter().map(|notice| turn.outbox.lead_id(notice)).collect();
    assert_eq!(order, ["A", "B", "C", "D"]);
}

#[test]
fn the_watermark_never_moves_back() {
    let mut t = Timeline::new(DISPOSITION);
    t.until("5 10:00").until("2 10:00");
    assert_eq!(t.shard.watermark(), instant("5 10:00"));
    t.learnt("2 10:00", "2 10:00", assigned("ana"));
    assert_eq!(t.said[0]["data"]["as_of"]["watermark"], "2026-03-05T10:00:00Z");
}

#[test]
fn a_record_names_its_lead_and_its_timer_without_being_decoded() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", created().attribute("source", "web").owner("ana").team("north"));
    let record = t.shard.lead("L1").expect("a lead").to_vec();
    assert_eq!(record[0], FORMAT_VERSION);
    assert_eq!((lead_id(&record), next_due(&record)), ("L1", instant("2 18:00")));
    let mut lead = Lead::default();
    lead.decode(&record).expect("a record");
    let mut again = Vec::new();
    lead.encode(next_due(&record), &mut again);
    assert_eq!(again, record);
}

#[test]
fn damaged_bytes_are_an_error_wherever_they_are_cut_or_changed() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", created().attribute("source", "web").owner("ana")).at("2 11:00", status("on_hold"));
    t.at("2 12:00", opportunity()).at("2 13:00", status("qualified"));
    let record = t.shard.lead("L1").expect("a lead").to_vec();
    let mut lead = Lead::default();
    for cut in 0..record.len() {
        assert!(lead.decode(&record[..cut]).is_err(), "cut at {cut}");
    }
    for index in 9..record.len() {
        let mut changed = record.clone();
        changed[index] ^= 0xff;
        // A changed byte may still be a record; it must never be a panic.
        if lead.decode(&changed).is_ok() {
            let mut again = Vec::new();
            lead.encode(Timestamp::MAX, &mut again);
        }
    }
    let mut newer = record;
    newer[0] = FORMAT_VERSION + 1;
    assert_eq!(lead.decode(&newer), Err(crate::engine::RecordError::NewerFormat(FORMAT_VERSION + 1)));
}

#[test]
fn a_fact_told_ahead_is_left_to_its_timer_where_nothing_is_watched_over_many_leads() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 09:00", assigned("ana")).learnt("2 09:40", "2 10:00", status("unsuitable"));
    t.news();
    let mut event = created().of("L2").0;
    (event.id, event.time) = (Cow::Borrowed("other"), instant("2 10:02"));
    assert_eq!(t.shard.apply(&event, event.time, (0, 9)), Ok(Applied::Accepted));
    t.collect();
    assert_eq!(t.news(), [""; 0]);
    t.until("2 10:02");
    assert_eq!(t.news(), ["2 10:00 met disposition#1 after 3600s by ana"]);
}

#[test]
fn reminders_that_are_passed_over_are_counted_and_not_told() {
    let mut t = Timeline::new(&format!(
        "{DISPOSITION}[[sla.reminder]]\nat = \"25%\"\n[[sla.reminder]]\nat = \"50%\"\n[[sla.reminder]]\nat = \"75%\"\n"
    ));
    // At 12:00, 14:00 and 16:00.
    for (lead, append, passed_over) in
        [("L1", "2 14:00", 2), ("L2", "2 14:01", 4), ("L3", "2 16:30", 7), ("L4", "2 16:31", 10)]
    {
        let mut event = assigned("ana").of(lead).0;
        (event.id, event.time) = (Cow::Borrowed("one"), instant("2 10:00"));
        assert_eq!(t.shard.apply(&event, instant(append), (0, 1)), Ok(Applied::Accepted));
        assert_eq!(t.shard.turn().passed_over, passed_over);
    }
    t.collect();
    assert_eq!(t.shard.turn().passed_over, 0);
    let told: Vec<&Value> = t.said.iter().filter(|said| said["type"] == "sla.reminder").collect();
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn open_clocks_are_counted_as_running_paused_or_breached_and_ended_ones_are_not() {
    both(DISPOSITION, |t| {
        for lead in ["L1", "L2", "L3", "L4", "L5"] {
            t.at("2 10:00", assigned("ana").of(lead));
        }
        t.at("2 11:00", status("on_hold").of("L2")).at("2 11:00", status("qualified").of("L3"));
        let counts = |t: &Timeline| -> Vec<(&str, i64)> {
            t.shard.open_clocks().iter().map(|open| (open.state, open.count)).collect()
        };
        assert_eq!(counts(t), [("running", 3), ("paused", 1), ("breached", 0)]);
        t.at("2 17:00", assigned("ana").of("L6")).at("2 19:00", status("on_hold").of("L5"));
        t.at("2 19:30", status("qualified").of("L4"));
        assert_eq!(counts(t), [("running", 1), ("paused", 1), ("breached", 2)]);
    });
}

#[test]
fn leads_are_shown_a_few_slots_at_a_time_each_once() {
    let mut t = Timeline::new(DISPOSITION);
    for lead in ["A", "B", "C", "D", "E"] {
        t.at("2 10:00", created().of(lead));
    }
    let (mut seen, mut from, mut calls) = (Vec::new(), Some(0), 0);
    while let Some(slot) = from {
        from = t.shard.visit(slot, 2, |record| seen.push(lead_id(record).to_owned()));
        calls += 1;
    }
    assert_eq!((seen.join(""), calls), ("ABCDE".to_owned(), 3));
    assert_eq!(t.shard.visit(3, 2, |_| {}), None);
    assert_eq!(t.shard.visit(9, u32::MAX, |_| panic!("no such slot")), None);
}

#[test]
fn the_earliest_instant_at_which_something_may_be_said_is_known() {
    let mut t = Timeline::new(DISPOSITION);
    assert_eq!(t.shard.next_due(), None);
    t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("ana").of("L2"));
    assert_eq!(t.shard.next_due(), Some(instant("2 18:00")));
    t.until("2 18:00:01");
    assert_eq!(t.shard.next_due(), Some(instant("2 19:00")));
    t.until("2 20:00");
    assert_eq!(t.shard.next_due(), None);
}

#[test]
fn timers_that_were_overtaken_are_swept_and_those_that_wait_stay() {
    let by = "[[sla.target]]\nwhen = { deadline = { present = true } }\nby = \"deadline\"\n";
    let policy = DISPOSITION.replace("[[sla.target]]", &format!("{by}[[sla.target]]"));
    for (leads, moves) in [(1_000, 5), (2_100, 3)] {
        let mut t = Timeline::new(&policy);
        // Each deadline is earlier than the one before it, whose timer stands in the wheel.
        for minute in (0..=moves).rev() {
            let deadline = format!("2026-03-02T12:{minute:02}:00Z");
            for lead in 0..leads {
                let mut event = assigned("ana").attribute("deadline", &deadline).id(&format!("{lead} {minute}")).0;
                event.lead_id = format!("L{lead}").into();
                event.time = instant("2 10:00");
                assert_eq!(t.shard.apply(&event, event.time, (0, 0)), Ok(Applied::Accepted));
                t.shard.commit();
            }
        }
        let timers = t.shard.timer_count();
        assert!((leads..=4_200).contains(&timers), "{timers} timers of {leads} leads");
        t.shard.advance(instant("3 12:00"), usize::MAX);
        let notices = &t.shard.turn().outbox.notices;
        assert_eq!(notices.len(), leads);
        assert!(notices.iter().all(|notice| (notice.kind, notice.time) == (NoticeKind::Breached, instant("2 12:00"))));
    }
}

#[test]
fn where_only_facts_are_kept_nothing_is_settled() {
    let mut t = Timeline::new(DISPOSITION);
    t.shard.keep_facts_only();
    t.at("2 10:00", created()).at("2 10:00", assigned("ana")).until("3 12:00");
    assert_eq!((t.news().len(), t.shard.timer_count()), (0, 0));
    assert_eq!(t.clocks("L1"), Timeline::new(DISPOSITION).at("2 10:00", assigned("ana")).until("3 12:00").clocks("L1"));
}

#[test]
fn a_shard_that_takes_all_records_at_once_goes_on_as_with_one_after_the_other() {
    let mut t = Timeline::new(DISPOSITION);
    t.at("2 10:00", assigned("ana")).at("2 11:00", assigned("bo").of("L2"));
    let mut leads = Leads::default();
    for record in t.shard.records() {
        leads.put(lead_id(record), record.into());
    }
    let mut taken = Timeline::new(DISPOSITION).shard;
    assert_eq!(taken.restore_records(leads), Ok(()));
    assert_eq!((taken.lead_count(), taken.open_clocks()), (2, t.shard.open_clocks()));
    taken.advance(instant("3 12:00"), usize::MAX);
    assert_eq!(taken.turn().outbox.notices.len(), 2);
}

#[test]
fn what_no_burst_can_count_any_more_is_let_go() {
    let watch = "[watch]\nmass_disposition = { more_than = 2, within = \"10 minutes\" }\n";
    let mut t = Timeline::new(&format!("{DISPOSITION}{watch}"));
    for (time, lead) in [("2 10:00", "L1"), ("2 10:05", "L2"), ("2 10:09", "L3")] {
        t.at(time, assigned("ana").of(lead)).at(time, status("unsuitable").of(lead));
    }
    assert_eq!(t.shard.watched_lead_count(), 3);
    t.until("2 10:12");
    assert_eq!(t.shard.watched_lead_count(), 2);
    t.restart();
    assert_eq!(t.shard.watched_lead_count(), 2);
    t.until("2 10:20");
    assert_eq!(t.shard.watched_lead_count(), 0);
}

#[test]
fn what_a_forgotten_lead_did_counts_no_more() {
    let watch = "[watch]\nmass_disposition = { more_than = 2, within = \"10 minutes\" }\n";
    let told = |retention_ms: Option<i64>| -> usize {
        let policy = parse_policy(&format!("{DISPOSITION}{watch}"));
        let mut t = Timeline::of(policy, Options { retention_ms, ..Options::default() });
        for (time, lead) in [("2 10:00", "L1"), ("2 10:01", "L2"), ("2 10:06", "L3"), ("2 10:07", "L4")] {
            t.at(time, assigned("ana").of(lead)).at(time, status("unsuitable").of(lead));
        }
        t.said.iter().filter(|notice| notice["type"] == "watch.mass_disposition").count()
    };
    assert_eq!((told(None), told(Some(120_000))), (1, 0));
}

#[test]
fn without_words_the_same_is_said_of_the_same_instants() {
    let mut t = Timeline::new(DISPOSITION);
    let mut wordless = Timeline::new(DISPOSITION);
    wordless.shard.be_wordless();
    let mut said = |time: &str, told: Option<Told>| {
        [&mut t, &mut wordless].map(|t| {
            t.shard.advance(instant(time), usize::MAX);
            if let Some(told) = &told {
                let mut event = told.0.clone();
                (event.time, event.id) = (instant(time), Cow::Owned(time.to_owned()));
                assert_eq!(t.shard.apply(&event, event.time, (0, 1)), Ok(Applied::Accepted));
            }
            let outbox = &t.shard.turn().outbox;
            let said = outbox.notices.iter().map(|notice| (notice.kind, notice.sla, notice.time, notice.as_of));
            let words = outbox.notices.iter().map(|notice| outbox.json(notice).len() + outbox.lead_id(notice).len());
            let said = (said.collect::<Vec<_>>(), words.sum::<usize>());
            t.shard.commit();
            said
        })
    };
    let mut kinds = Vec::new();
    for (time, told) in [
        ("2 10:00", Some(assigned("ana"))),
        ("2 12:00", Some(status("on_hold"))),
        ("2 13:00", Some(status("working"))),
        ("3 10:00", None),
        ("4 10:00", Some(status("qualified"))),
    ] {
        let [(said, words), (wordless, none)] = said(time, told);
        assert_eq!(said, wordless, "at {time}");
        assert!(words > 0 && none == 0, "at {time}: {words}, {none}");
        kinds.extend(said.iter().map(|notice| notice.0.name()));
    }
    assert_eq!(kinds, ["sla.started", "sla.paused", "sla.resumed", "sla.breached", "sla.met_late"]);
}

#[test]
fn what_was_done_before_the_folded_facts_counts_no_more_with_and_without_a_restart() {
    let watch = "[watch]\nmass_disposition = { more_than = 1, within = \"4 hours\" }\n";
    for (max_facts, restarts, bursts) in [(8, false, 1), (2, false, 0), (2, true, 0)] {
        let policy = parse_policy(&format!("{DISPOSITION}{watch}"));
        let mut t = Timeline::of(policy, Options { max_facts: Some(max_facts), ..Options::default() });
        t.at("2 10:00", assigned("ana")).at("2 10:01", status("unsuitable")).at("2 10:02", call());
        if restarts {
            t.restart();
        }
        t.at("2 11:00", assigned("ana").of("L2")).at("2 11:01", status("unsuitable").of("L2"));
        let told = t.said.iter().filter(|notice| notice["type"] == "watch.mass_disposition").count();
        assert_eq!(told, bursts, "{max_facts} facts, restarts: {restarts}");
    }
}
