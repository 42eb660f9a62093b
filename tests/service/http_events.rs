//! `POST /v1/events`: what is taken, what is refused, and how each is answered.

use crate::shell::{BATCH, CLOUDEVENT, NDJSON, Setup, assigned, event, read, status};
use tempfile::tempdir;

#[test]
fn an_event_is_accepted_once_and_then_a_duplicate() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let told = assigned("e1", "L1", "09:00:00");
    engine.tell(&told);
    let again = engine.post(CLOUDEVENT, &told);
    assert_eq!((again.status, again.text.as_str()), (200, r#"{"accepted":0,"duplicate":1,"rejected":[]}"#));
    assert_eq!(engine.notices(), ["sla.started L1 09:00:00"]);
}

#[test]
fn binary_mode_is_taken_and_stands_in_the_log_structured() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let post = |id: &str| {
        read(
            engine
                .agent
                .post(format!("{}/v1/events", engine.url))
                .header("Content-Type", "application/json")
                .header("ce-specversion", "1.0")
                .header("ce-id", id)
                .header("ce-source", "crm")
                .header("ce-type", "lead.assigned")
                .header("ce-time", "2026-12-01T09:00:00Z")
                .send(r#"{"lead_id":"L1","owner":"ana"}"#),
        )
    };
    assert_eq!(post("e%201").json()["accepted"], 1);
    assert_eq!(post("e%201").json()["duplicate"], 1);
    let log = engine.get("/v1/events");
    assert_eq!(log.content_type, "application/x-ndjson");
    let logged = log.json();
    assert_eq!((&logged["id"], &logged["data"]["owner"]), (&"e 1".into(), &"ana".into()));
    assert_eq!(logged["recordedtime"], "2026-12-01T09:00:00Z");
}

#[test]
fn batches_and_lines_name_each_refused_event_by_its_place() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let (good, bad) = (assigned("e1", "L1", "09:00:00"), status("e2", "L1", "lost", "09:00:00"));
    let batch = engine.post(BATCH, &format!("[{good},{bad}, {good}]")).json();
    assert_eq!((&batch["accepted"], &batch["duplicate"]), (&1.into(), &1.into()));
    let entry = &batch["rejected"][0];
    assert_eq!((&entry["index"], &entry["id"]), (&1.into(), &"e2".into()));
    assert_eq!(entry["reason"], "unknown_status");
    assert!(entry["detail"].as_str().unwrap().contains("lost"));
    let lines = engine.post(NDJSON, &format!("{good}\r\n\r\n{{nonsense\n{bad}\n"));
    assert_eq!(lines.status, 200);
    let rejected = lines.json()["rejected"].clone();
    let places: Vec<_> =
        rejected.as_array().unwrap().iter().map(|r| (r["index"].clone(), r["reason"].clone())).collect();
    assert_eq!(places, [(1.into(), "malformed_json".into()), (2.into(), "unknown_status".into())]);
}

#[test]
fn a_single_refused_event_is_a_problem_with_its_entry() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let reply = engine.post(CLOUDEVENT, &status("e2", "L1", "lost", "09:00:00"));
    assert_eq!((reply.status, reply.content_type.as_str()), (422, "application/problem+json"));
    let problem = reply.json();
    assert_eq!(problem["status"], 422);
    assert_eq!((&problem["reason"], &problem["id"]), (&"unknown_status".into(), &"e2".into()));
    assert_eq!(problem["rejected"][0]["reason"], "unknown_status");
}

#[test]
fn a_body_that_is_no_json_is_a_bad_request_and_kept() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    assert_eq!(engine.post(CLOUDEVENT, "{\"specversion\":").status, 400);
    assert_eq!(engine.post(BATCH, "[{").status, 400);
    let letters = engine.get("/v1/dead-letters").json();
    let kept: Vec<_> =
        letters["dead_letters"].as_array().unwrap().iter().map(|l| (l["form"].clone(), l["body"].clone())).collect();
    assert_eq!(kept, [("structured".into(), "{\"specversion\":".into()), ("unreadable".into(), "[{".into())]);
}

#[test]
fn a_body_of_too_many_events_is_refused_as_a_whole() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let lines = |count| "1\n".repeat(count);
    let refused = engine.post(NDJSON, &lines(50_001));
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(engine.get("/v1/dead-letters").json()["dead_letters"], serde_json::json!([]));
    let answered = engine.post(NDJSON, &lines(50_000)).json();
    assert_eq!(answered["rejected"].as_array().map(Vec::len), Some(50_000));
    let array = format!("[{}1]", "1,".repeat(50_000));
    assert_eq!(engine.post(BATCH, &array).status, 413);
}

#[test]
fn sizes_and_types_are_limited() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.http.max_body_bytes = 2_000;
    let engine = setup.start();
    assert_eq!(engine.post(CLOUDEVENT, &" ".repeat(2_001)).status, 413);
    assert_eq!(engine.post("text/plain", "hello").status, 415);
    let packed = engine
        .agent
        .post(format!("{}/v1/events", engine.url))
        .header("Content-Type", CLOUDEVENT)
        .header("Content-Encoding", "gzip")
        .send("x");
    assert_eq!(read(packed).status, 415);
    assert_eq!(engine.get("/v1/dead-letters").json()["dead_letters"].as_array().unwrap().len(), 0);
}

#[test]
fn an_event_from_the_future_is_refused_beyond_the_tolerance() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:05:00"));
    let reply = engine.post(CLOUDEVENT, &assigned("e2", "L2", "09:05:01"));
    assert_eq!((reply.status, &reply.json()["reason"]), (422, &"future_time".into()));
    // A refused id does not count as seen.
    engine.set("09:00:01");
    engine.tell(&assigned("e2", "L2", "09:05:01"));
}

#[test]
fn other_paths_and_methods_are_problems() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    for (path, expected) in [("/v1/nothing", 404), ("/v1/dead-letters/resubmit", 405), ("/v1/leads/none", 404)] {
        let reply = engine.get(path);
        assert_eq!((reply.status, reply.content_type.as_str()), (expected, "application/problem+json"), "{path}");
    }
}

#[test]
fn with_tokens_set_all_but_the_probes_need_one() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).token("0123456789abcdef").start();
    let bare = |path: &str| read(engine.agent.get(format!("{}{path}", engine.url)).call());
    assert_eq!(bare("/livez").status, 200);
    assert_eq!(bare("/readyz").status, 200);
    for path in ["/metrics", "/v1/notices", "/v1/stream", "/v1/leads/L1", "/v1/nothing"] {
        assert_eq!(bare(path).status, 401, "{path}");
    }
    assert_eq!(engine.get("/v1/notices").status, 200);
    engine.tell(&assigned("e1", "L1", "09:00:00"));
}

#[test]
fn a_full_queue_turns_requests_away_and_loses_none_that_it_took() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.options.limits.events = 2;
    let engine = setup.start();
    let file = directory.path().join("plazo.sqlite");
    let lock = rusqlite::Connection::open(file).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The engine holds two at most and the queue two more: of six, two are turned away at least.
    let (sender, statuses) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (engine, sender) = (&engine, sender.clone());
            scope.spawn(move || {
                let reply = engine.post(CLOUDEVENT, &assigned(&format!("e{n}"), &format!("L{n}"), "09:00:00"));
                sender.send((n, reply.status, reply.retry_after)).unwrap();
            });
        }
        let first = statuses.recv().unwrap();
        assert_eq!((first.1, first.2.as_deref()), (429, Some("1")), "only what is turned away is answered at once");
        lock.execute_batch("ROLLBACK").unwrap();
        let rest: Vec<_> = (0..5).map(|_| statuses.recv().unwrap()).collect();
        let taken = rest.iter().filter(|(_, status, _)| *status == 200).count();
        assert!(taken <= 4 && rest.iter().all(|(_, status, _)| [200, 429].contains(status)), "{rest:?}");
        assert_eq!(engine.notices().len(), taken);
    });
}

#[test]
fn clients_that_wait_share_a_transaction() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let before = engine.metric("plazo_transaction_seconds_count").unwrap();
    let lock = rusqlite::Connection::open(directory.path().join("plazo.sqlite")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        for n in 0..64 {
            let engine = &engine;
            scope.spawn(move || engine.tell(&assigned(&format!("e{n}"), &format!("L{n}"), "09:00:00")));
        }
        // All 64 are in the engine's hands or in its queue.
        while engine.metric("plazo_http_requests_total{path=\"/metrics\",status=\"2xx\"}").unwrap() < 5_000.0 {
            let waiting = engine.metric("plazo_intake_queue_events").unwrap();
            if waiting >= 32.0 {
                break;
            }
        }
        lock.execute_batch("ROLLBACK").unwrap();
    });
    let transactions = engine.metric("plazo_transaction_seconds_count").unwrap() - before;
    assert!(transactions <= 33.0, "{transactions} transactions for 64 requests");
    assert_eq!(engine.metric("plazo_events_total{result=\"accepted\",type=\"lead.assigned\"}"), Some(64.0));
}

#[test]
fn a_refused_event_is_kept_and_sent_again_after_a_fix() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let early = assigned("e1", "L1", "12:00:00");
    assert_eq!(engine.post(CLOUDEVENT, &early).status, 422);
    assert_eq!(engine.post(CLOUDEVENT, &event("e2", "lead.sang", "09:00:00", "{\"lead_id\":\"L1\"}")).status, 422);
    let listed = engine.get("/v1/dead-letters").json();
    assert_eq!(listed["last"], 2);
    let first = &listed["dead_letters"][0];
    assert_eq!(
        (&first["reason"], &first["event_id"], &first["body"]),
        (&"future_time".into(), &"e1".into(), &early.as_str().into())
    );
    engine.set("12:00:00");
    let again = engine.post_to("/v1/dead-letters/resubmit", "application/json", "{\"sequences\":[1,2,99]}").json();
    assert_eq!((&again["accepted"], &again["rejected"][0]["sequence"]), (&1.into(), &2.into()));
    assert_eq!(again["rejected"][0]["reason"], "unknown_type");
    let left = engine.get("/v1/dead-letters").json();
    assert_eq!(left["dead_letters"].as_array().unwrap().len(), 1);
    assert_eq!(left["dead_letters"][0]["sequence"], 2);
    let all = engine.get("/v1/dead-letters?resubmitted=true&reason=future_time").json();
    assert_eq!(all["dead_letters"][0]["resubmitted_at"], "2026-12-01T12:00:00Z");
    assert_eq!(engine.notices(), ["sla.started L1 12:00:00"]);
}
