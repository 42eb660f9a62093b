use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;

use super::send::{Answer, Failure, MAX_ATTEMPTS, MAX_BATCH, Rejected, Reply, Summary, Transport};
use super::*;
use crate::time::{Clock, DAY_MS, MINUTE_MS, SECOND_MS};

const START: Timestamp = Timestamp(1_796_644_800_000);

fn generator(seed: u64, leads: u32) -> Generator {
    Generator::new(seed, Mix::default(), START, MINUTE_MS).leads(leads)
}

fn bytes(generator: Generator) -> Vec<u8> {
    generator.flat_map(|event| event.json).collect()
}

fn json(event: &Generated) -> Value {
    serde_json::from_slice(&event.json).unwrap()
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    assert_eq!(bytes(generator(7, 300)), bytes(generator(7, 300)));
    assert_ne!(bytes(generator(7, 300)), bytes(generator(8, 300)));
}

#[test]
fn a_longer_run_tells_the_same_stories_of_the_first_leads() {
    let stories = |leads: u32| {
        let mut stories = BTreeMap::<String, Vec<Vec<u8>>>::new();
        for event in generator(7, leads) {
            stories.entry(event.lead_id).or_default().push(event.json);
        }
        stories
    };
    let (short, long) = (stories(50), stories(80));
    assert_eq!((short.len(), long.len()), (50, 80));
    assert!(short.iter().all(|(lead, story)| long[lead] == *story));
}

#[test]
fn deliveries_come_by_append_time_and_none_before_it_happened() {
    let mut last = Timestamp::MIN;
    for event in generator(1, 2_000) {
        assert!(event.append >= last && event.time <= event.append && event.time >= START);
        last = event.append;
        let json = json(&event);
        assert_eq!(json["time"], event.time.to_string());
        assert_eq!(json["recordedtime"], event.append.to_string());
    }
}

#[test]
fn a_lead_has_about_three_and_a_half_events_in_the_stated_shares() {
    let leads = 20_000.0;
    let (mut kinds, mut ids, mut count, mut late) = (BTreeMap::new(), BTreeSet::new(), 0.0, 0.0);
    for event in generator(3, leads as u32) {
        count += 1.0;
        // The first delivery alone: a second one comes a while later, late or not.
        if ids.insert(json(&event)["id"].to_string()) {
            late += f64::from(u8::from(event.append.since_ms(event.time) > MINUTE_MS));
            *kinds.entry(event.kind).or_insert(0.0) += 1.0 / leads;
        }
    }
    let each = count / leads;
    assert!((3.2..3.8).contains(&each), "{each} events a lead: {kinds:?}");
    let mix = Mix::default();
    let near = |share: f64, expected: f64| (share - expected).abs() < 0.1 * expected + 0.002;
    assert!(near(1.0 - ids.len() as f64 / count, mix.duplicate), "duplicates");
    assert!(near(late / ids.len() as f64, mix.late), "late: {late} of {}", ids.len());
    let worked = mix.assigned * (1.0 - mix.forgotten);
    let disposed = worked * mix.disposed * (1.0 + mix.reopened);
    assert!(near(kinds[&FactKind::Created], 1.0));
    assert!(near(kinds[&FactKind::Assigned], mix.assigned + worked * (mix.reassigned + mix.disposed * mix.reopened)));
    assert!(near(kinds[&FactKind::Activity], mix.automated + worked * mix.touched));
    let statuses = worked * (mix.worked + 2.0 * mix.on_hold + mix.disposed * mix.reopened) + disposed;
    assert!(near(kinds[&FactKind::StatusChanged], statuses));
    assert!(near(kinds[&FactKind::Opportunity], disposed * mix.qualified * mix.opportunity));
    assert!(near(kinds[&FactKind::Updated], mix.rescored));
    assert!(near(kinds[&FactKind::Deleted], mix.deleted), "{kinds:?}");
    assert!(near(kinds[&FactKind::Merged], mix.merged), "{kinds:?}");
}

#[test]
fn a_second_delivery_repeats_the_first_but_for_its_append_time() {
    let mix = Mix { duplicate: 1.0, ..Mix::default() };
    let mut first = BTreeMap::new();
    let mut pairs = 0;
    for event in Generator::new(1, mix, START, MINUTE_MS).leads(200) {
        let mut json = json(&event);
        json["recordedtime"].take();
        match first.remove(&json["id"].to_string()) {
            Some((append, before)) => {
                assert_eq!(before, json);
                assert!(append < event.append);
                pairs += 1;
            }
            None => drop(first.insert(json["id"].to_string(), (event.append, json))),
        }
    }
    assert!(first.is_empty() && pairs > 400);
}

#[test]
fn people_work_in_the_office_and_leads_come_around_the_clock() {
    let (mut hours, mut created_hours) = (BTreeSet::new(), BTreeSet::new());
    for event in generator(1, 5_000) {
        let local_ms = event.time.ms() - 3 * HOUR_MS;
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        match event.kind {
            FactKind::Created => drop(created_hours.insert(hour)),
            FactKind::StatusChanged => {
                // Sunday is 3 where Thursday, 1970-01-01, is 0.
                assert!(![2, 3].contains(&local_ms.div_euclid(DAY_MS).rem_euclid(7)), "on a weekend: {}", event.time);
                hours.insert(hour);
            }
            _ => {}
        }
    }
    assert_eq!(created_hours.len(), 24);
    assert!(hours.iter().all(|hour| (9..=18).contains(hour)), "{hours:?}");
}

#[test]
fn every_word_comes_from_the_words() {
    let words = Words::spanish();
    let statuses = [&words.new, &words.working, &words.on_hold, &words.qualified, &words.unsuitable, &words.nurture];
    let mut seen = BTreeSet::new();
    for event in generator(1, 3_000).words(words.clone()).prefix("X") {
        let json = json(&event);
        let data = &json["data"];
        assert_eq!(data["lead_id"], event.lead_id);
        assert!(event.lead_id.starts_with("X-00"));
        for field in ["status", "from", "to"] {
            if let Some(status) = data[field].as_str() {
                assert!(statuses.iter().any(|known| *known == status), "{status}");
                seen.insert(status.to_owned());
            }
        }
        if let Some(owner) = data["owner"].as_str() {
            let number = words.owners.iter().position(|known| known == owner).unwrap();
            assert_eq!(data["team"], words.teams[number % 2]);
        }
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn a_crm_without_names_still_makes_events() {
    let none = Words {
        owners: vec![],
        teams: vec![],
        sources: vec![],
        regions: vec![],
        activities: vec![],
        ..Words::english()
    };
    assert!(generator(1, 100).words(none).all(|event| json(&event)["data"]["lead_id"].is_string()));
}

/// Time stands still unless somebody waits; the engine says what the script says, then accepts.
#[derive(Default)]
struct Script {
    now: Arc<AtomicI64>,
    /// The last one first.
    replies: Vec<Reply>,
    posted: Vec<Vec<Value>>,
    waits_ms: Vec<i64>,
}

struct ScriptClock(Arc<AtomicI64>);

impl Clock for ScriptClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl Transport for Script {
    fn post(&mut self, batch: &[u8]) -> Reply {
        let events: Vec<Value> = serde_json::from_slice(batch).unwrap();
        let accepted = Answer { accepted: events.len() as u64, ..Answer::default() };
        self.posted.push(events);
        self.replies.pop().unwrap_or(Reply::Answered(accepted))
    }

    fn wait(&mut self, wait_ms: i64) {
        self.now.fetch_add(wait_ms, Ordering::Relaxed);
        self.waits_ms.push(wait_ms);
    }
}

fn post(script: &mut Script, leads: u32, rate: Option<f64>) -> Result<Summary, Failure> {
    script.now.store(START.ms(), Ordering::Relaxed);
    let clock = ScriptClock(Arc::clone(&script.now));
    send::to_engine(&mut generator(1, leads), rate, &clock, script, &mut |_| {})
}

fn later(retry_after_ms: Option<i64>) -> Reply {
    Reply::Later { why: "busy".into(), retry_after_ms }
}

#[test]
fn events_are_posted_in_full_batches_as_happening_now() {
    let mut script = Script::default();
    let summary = post(&mut script, 1_000, None).unwrap();
    let (last, full) = script.posted.split_last().unwrap();
    assert!(full.iter().all(|batch| batch.len() == MAX_BATCH) && (1..=MAX_BATCH).contains(&last.len()));
    assert_eq!(summary.sent, generator(1, 1_000).count() as u64);
    assert_eq!(summary.accepted, summary.sent);
    let mut late = 0;
    for event in script.posted.iter().flatten() {
        let before_ms = START.since_ms(Timestamp::parse(event["time"].as_str().unwrap()).unwrap());
        assert!((0..10 * HOUR_MS).contains(&before_ms));
        late += u32::from(before_ms > MINUTE_MS);
        assert!(event.get("recordedtime").is_none());
    }
    assert!(late > 0, "a late event stays as late as it was");
}

#[test]
fn an_unanswered_batch_is_sent_again_as_it_was_after_the_wait_asked_for() {
    let mut script = Script { replies: vec![later(None), later(Some(3_000)), later(None)], ..Script::default() };
    let summary = post(&mut script, 10, None).unwrap();
    assert_eq!(script.waits_ms, [200, 3_000, 800]);
    assert_eq!((script.posted.len(), summary.retries), (4, 3));
    assert!(script.posted.iter().all(|batch| *batch == script.posted[0]));
}

#[test]
fn retrying_ends_and_a_refusal_is_not_retried() {
    let mut script = Script { replies: vec![later(Some(i64::MAX)); 100], ..Script::default() };
    assert!(matches!(post(&mut script, 10, None), Err(Failure::Unavailable { attempts: MAX_ATTEMPTS, .. })));
    assert_eq!(script.posted.len(), MAX_ATTEMPTS as usize);
    assert!(script.waits_ms.iter().all(|wait_ms| *wait_ms == MINUTE_MS));
    let mut script = Script { replies: vec![Reply::Refused("status 401".into())], ..Script::default() };
    assert!(matches!(post(&mut script, 10, None), Err(Failure::Refused(_))));
    assert_eq!(script.posted.len(), 1);
}

#[test]
fn a_rate_is_kept() {
    let mut script = Script::default();
    let summary = post(&mut script, 200, Some(50.0)).unwrap();
    assert!(script.posted.iter().all(|batch| batch.len() <= 10));
    let took_ms = script.now.load(Ordering::Relaxed) - START.ms();
    assert_eq!(took_ms, summary.sent as i64 * SECOND_MS / 50);
    let mut waited_ms = 0;
    let clock = ScriptClock(Arc::new(AtomicI64::new(0)));
    let mut wait = |wait_ms| {
        clock.0.fetch_add(wait_ms, Ordering::Relaxed);
        waited_ms += wait_ms;
    };
    let written = send::to_writer(&mut generator(1, 200), Some(50.0), &clock, &mut wait, &mut io::sink(), &mut |_| {});
    let sent = written.unwrap().sent as i64;
    assert_eq!(waited_ms, sent / 10 * 10 * SECOND_MS / 50);
}

#[test]
fn lines_are_written_one_event_each() {
    let mut lines = Vec::new();
    let clock = ScriptClock(Arc::default());
    let summary = send::to_writer(&mut generator(1, 50), None, &clock, &mut |_| {}, &mut lines, &mut |_| {}).unwrap();
    let events: Vec<Vec<u8>> = generator(1, 50).map(|event| event.json).collect();
    assert_eq!(summary.sent, events.len() as u64);
    assert_eq!(lines, [events.join(&b'\n'), vec![b'\n']].concat());
}

#[test]
fn refused_events_are_counted_by_reason() {
    let rejected = |reason: &str| Rejected { reason: reason.into(), detail: String::new() };
    let rejected = vec![rejected("unknown_status"), rejected("too_old"), rejected("unknown_status")];
    let answer = Answer { accepted: 5, duplicate: 1, rejected };
    let mut script = Script { replies: vec![Reply::Answered(answer)], ..Script::default() };
    let summary = post(&mut script, 3, None).unwrap();
    assert_eq!((summary.accepted, summary.duplicate), (5, 1));
    assert_eq!(summary.rejected, BTreeMap::from([("too_old".into(), 1), ("unknown_status".into(), 2)]));
}

#[test]
fn an_answer_is_read_by_its_status() {
    let body = r#"{"accepted": 2, "duplicate": 1, "rejected": [{"index": 0, "id": "a", "reason": "too_old"}]}"#;
    let single = r#"{"rejected": [{"index": 0, "reason": "too_old", "detail": "d"}]}"#;
    assert!(matches!(send::read_answer(200, None, body), Reply::Answered(answer) if answer.accepted == 2));
    assert!(matches!(send::read_answer(422, None, single), Reply::Answered(answer) if answer.rejected.len() == 1));
    assert!(matches!(send::read_answer(422, None, "{}"), Reply::Refused(_)));
    assert!(matches!(send::read_answer(200, None, "<html>"), Reply::Refused(_)));
    assert!(matches!(send::read_answer(401, None, ""), Reply::Refused(why) if why.contains("401")));
    for status in [429, 503] {
        let reply = send::read_answer(status, Some(2_000), "");
        assert!(matches!(reply, Reply::Later { retry_after_ms: Some(2_000), .. }));
    }
}
