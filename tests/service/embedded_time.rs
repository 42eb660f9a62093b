//! When things are told: never before what was received in time has been applied, never twice, through stops and clocks set
//! back.

use crate::shell::{BATCH, CLOUDEVENT, Setup, assigned, at, policy, status};
use plazo::engine::{Options, Shard};
use plazo::event;
use tempfile::tempdir;

#[test]
fn what_was_received_before_a_deadline_is_applied_before_it_fires() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    // Received in the very millisecond of the deadline.
    engine.set("17:00:00");
    engine.tell(&status("e3", "L1", "qualified", "17:00:00"));
    assert!(!engine.notices().iter().any(|notice| notice.starts_with("sla.breached")), "{:?}", engine.notices());
    engine.set_and_settle("17:00:00.001");
    let told = engine.notices();
    assert_eq!(told[4..], ["sla.met L1 17:00:00", "sla.breached L2 17:00:00"], "{told:?}");
}

#[test]
fn a_timer_fires_without_any_request() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    let mut last = plazo::view::Shell::last_notice(&*engine.embedded);
    engine.set("18:00:00.001");
    engine.within(async { last.wait_for(|last| *last == 4).await.map(|_| ()) }).unwrap();
    assert_eq!(
        engine.notices()[1..],
        ["sla.reminder L1 13:00:00", "sla.breached L1 17:00:00", "sla.escalated L1 18:00:00"]
    );
}

#[test]
fn a_breach_is_told_once_through_a_restart() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.set_and_settle("17:30:00");
    let told = engine.notices();
    assert_eq!(told.len(), 3);
    engine.stop().unwrap();
    let engine = setup.start();
    engine.settle();
    assert_eq!(engine.notices(), told);
    assert_eq!(engine.metric("plazo_open_clocks{sla=\"disposition\",state=\"breached\"}"), Some(1.0));
    assert_eq!(engine.metric("plazo_restore_records"), Some(1.0));
    engine.set_and_settle("18:00:01");
    assert_eq!(engine.notices()[3..], ["sla.escalated L1 18:00:00"]);
}

#[test]
fn a_clock_set_back_moves_the_watermark_nowhere() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.set_and_settle("12:00:00");
    engine.set_and_settle("10:00:00");
    let ready = engine.get("/readyz").json();
    assert_eq!((&ready["watermark"], &ready["held"]), (&"2026-12-01T12:00:00Z".into(), &"clock_step".into()));
    engine.tell(&assigned("e1", "L1", "10:00:00"));
    assert_eq!(engine.get("/v1/events").json()["recordedtime"], "2026-12-01T12:00:00Z");
    assert_eq!(engine.metric("plazo_watermark_lag_seconds{reason=\"clock_step\"}"), Some(0.0));
}

/// The notices' ids of the stored log, run through a shard that never stopped.
fn replayed(log: &str, until: &str) -> Vec<String> {
    let mut shard = Shard::new(policy(), Options { future_tolerance_ms: i64::MAX, ..Options::default() }, &["events"]);
    let mut ids = Vec::new();
    for (index, line) in log.lines().enumerate() {
        let event = event::decode(line.as_bytes()).unwrap();
        let append = event.recorded_time.unwrap();
        shard.advance(append, usize::MAX);
        shard.apply(&event, append, (0, index as u64 + 1)).unwrap();
        ids.extend(shard.turn().outbox.notices.iter().map(|notice| notice.id.to_string()));
        shard.commit();
    }
    shard.advance(at(until), usize::MAX);
    ids.extend(shard.turn().outbox.notices.iter().map(|notice| notice.id.to_string()));
    ids.sort_unstable();
    ids
}

#[test]
fn after_a_stop_the_grace_holds_everything_until_clients_have_delivered() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.options.grace_ms = 30_000;
    let engine = setup.start();
    assert_eq!(engine.get("/readyz").json()["held"], serde_json::Value::Null, "a new store has no grace");
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    engine.set_and_settle("14:00:00");
    engine.stop().unwrap();

    setup.clock_to("17:30:00");
    let engine = setup.start();
    let ready = engine.get("/readyz");
    assert_eq!((ready.status, &ready.json()["held"]), (200, &"grace".into()));
    assert_eq!(ready.json()["held_until"], "2026-12-01T17:30:30Z");
    engine.set("17:30:29");
    // It happened in time, and the client could not deliver it. Judged against its true receipt it is no future event.
    engine.tell(&status("e3", "L1", "qualified", "16:59:00"));
    assert_eq!(engine.post(CLOUDEVENT, &status("e4", "L2", "qualified", "17:36:00")).status, 422);
    assert_eq!(engine.notices().len(), 4, "nothing is told in the grace: {:?}", engine.notices());
    engine.set_and_settle("17:30:30");
    assert_eq!(engine.notices()[4..], ["sla.met L1 16:59:00", "sla.breached L2 17:00:00"]);

    let log = engine.get("/v1/events").text;
    let held = log.lines().last().unwrap();
    assert!(held.contains(r#""recordedtime":"2026-12-01T14:00:00Z""#), "{held}");
    let page = engine.get("/v1/notices").json();
    let mut ids: Vec<String> =
        page["notices"].as_array().unwrap().iter().map(|n| n["id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    assert_eq!(ids, replayed(&log, "17:30:30"));
}

#[test]
fn stops_at_any_step_change_nothing_that_is_told() {
    let stories: Vec<(String, String)> = (0..12)
        .map(|n| {
            let (lead, minute) = (format!("L{}", n % 4), 9 * 60 + n * 55);
            let time = format!("{:02}:{:02}:00", minute / 60, minute % 60);
            let told = match n % 3 {
                0 => assigned(&format!("e{n}"), &lead, &time),
                1 => status(&format!("e{n}"), &lead, "on_hold", &time),
                _ => status(&format!("e{n}"), &lead, if n % 2 == 0 { "new" } else { "qualified" }, &time),
            };
            (time, told)
        })
        .collect();
    let run = |stop_every: usize| {
        let directory = tempdir().unwrap();
        let setup = Setup::new(directory.path());
        let mut engine = setup.start();
        for (step, (time, told)) in stories.iter().enumerate() {
            engine.set(time);
            engine.tell(told);
            if step % stop_every == stop_every - 1 {
                engine.stop().unwrap();
                engine = setup.start();
            }
        }
        engine.set_and_settle("23:59:00");
        (engine.get("/v1/notices").text, engine.get("/v1/events").text)
    };
    let (straight, log) = run(usize::MAX);
    assert!(straight.matches("\"sla.breached\"").count() >= 1, "{straight}");
    for stop_every in [1, 2, 3] {
        assert_eq!(run(stop_every), (straight.clone(), log.clone()), "stopped after every {stop_every}");
    }
}

#[test]
fn many_leads_due_at_once_do_not_stop_the_intake() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let batch = |from: usize, to: usize| {
        let events: Vec<String> =
            (from..to).map(|n| assigned(&format!("e{n}"), &format!("L{n:05}"), "09:00:00")).collect();
        format!("[{}]", events.join(","))
    };
    for from in (0..10_000).step_by(500) {
        assert_eq!(engine.post(BATCH, &batch(from, from + 500)).json()["accepted"], 500);
    }
    // One turn fires 4,096 at most; the request between them is answered all the same.
    engine.set("17:00:01");
    assert_eq!(engine.post(CLOUDEVENT, &assigned("late", "L99999", "17:00:00")).status, 200);
    let mut last = plazo::view::Shell::last_notice(&*engine.embedded);
    engine.within(async { last.wait_for(|last| *last == 30_001).await.map(|_| ()) }).unwrap();
    assert_eq!(engine.metric("plazo_notices_total{sla=\"disposition\",type=\"sla.breached\"}"), Some(10_000.0));
    assert!(engine.metric("plazo_transaction_seconds_count").unwrap() >= 20.0 + 5.0);
}
