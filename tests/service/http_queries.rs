//! What can be asked: notices and their stream, leads, clocks, the policy, health.

use std::io::{BufRead, BufReader};

use crate::shell::{BATCH, CLOUDEVENT, Setup, assigned, status};
use tempfile::tempdir;

#[test]
fn notices_are_numbered_without_gaps_and_resumed_by_number() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    for n in 1..=5 {
        engine.tell(&assigned(&format!("e{n}"), &format!("L{n}"), "09:00:00"));
    }
    let page = engine.get("/v1/notices?limit=2").json();
    let sequences = |page: &serde_json::Value| -> Vec<String> {
        page["notices"].as_array().unwrap().iter().map(|n| n["sequence"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((sequences(&page), &page["last"]), (vec!["1".to_owned(), "2".to_owned()], &2.into()));
    let rest = engine.get("/v1/notices?after=2").json();
    assert_eq!((sequences(&rest).len(), &rest["last"]), (3, &5.into()));
    assert_eq!(rest["notices"][0]["specversion"], "1.0");
    let none = engine.get("/v1/notices?after=5").json();
    assert_eq!((sequences(&none).len(), &none["last"]), (0, &5.into()));
    assert_eq!(engine.get("/v1/notices?after=last").json()["last"], 5);
}

#[test]
fn notices_are_filtered_by_type_and_last_goes_on_past_what_was_left_out() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&status("e2", "L1", "qualified", "09:00:00"));
    engine.tell(&assigned("e3", "L2", "09:00:00"));
    let met = engine.get("/v1/notices?type=sla.met").json();
    assert_eq!((met["notices"].as_array().unwrap().len(), &met["last"]), (1, &3.into()));
    let both = engine.get("/v1/notices?type=sla.met,sla.started&limit=2").json();
    assert_eq!((both["notices"].as_array().unwrap().len(), &both["last"]), (2, &2.into()));
}

#[test]
fn wrong_parameters_are_bad_requests() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    for query in [
        "notices?after=x",
        "notices?after=1",
        "notices?type=sla.sang",
        "notices?limit=0",
        "notices?afetr=1",
        "clocks?state=happy",
        "clocks?sla=none",
        "clocks?due_before=tomorrow",
        "clocks?cursor=x",
        "dead-letters?limit=x",
        "stream?after=7",
    ] {
        let reply = engine.get(&format!("/v1/{query}"));
        assert_eq!((reply.status, reply.content_type.as_str()), (400, "application/problem+json"), "{query}");
    }
}

/// The next event of a stream: id, type, data.
fn next(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> (String, String, String) {
    let (mut id, mut kind, mut data) = (String::new(), String::new(), String::new());
    for line in lines {
        let line = line.unwrap();
        match line.split_once(": ").unwrap_or((&line, "")) {
            ("id", text) => text.clone_into(&mut id),
            ("event", text) => text.clone_into(&mut kind),
            ("data", text) => text.clone_into(&mut data),
            ("", "") if !data.is_empty() => break,
            _ => {}
        }
    }
    (id, kind, data)
}

#[test]
fn the_stream_tells_what_comes_and_is_resumed_by_last_event_id() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    let open = |last: &str| {
        let response =
            engine.agent.get(format!("{}/v1/stream", engine.url)).header("Last-Event-ID", last).call().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        BufReader::new(response.into_body().into_reader()).lines()
    };
    let mut stream = open("1");
    let (id, kind, data) = next(&mut stream);
    assert_eq!((id.as_str(), kind.as_str()), ("2", "sla.started"));
    let page = engine.get("/v1/notices?after=1").json();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&data).unwrap(), page["notices"][0]);
    assert_eq!(engine.metric("plazo_stream_clients"), Some(1.0));
    engine.tell(&status("e3", "L1", "qualified", "09:00:00"));
    let (id, kind, _) = next(&mut stream);
    assert_eq!((id.as_str(), kind.as_str()), ("3", "sla.met"));
}

#[test]
fn a_stream_ends_when_the_engine_stops() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let response = engine.agent.get(format!("{}/v1/stream", engine.url)).call().unwrap();
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    engine.stop().unwrap();
    assert_eq!(next(&mut lines).2, "", "nothing more, and an end");
}

#[test]
fn a_lead_is_shown_with_its_facts_clocks_and_reasons() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L 1/ü", "09:00:00"));
    engine.set_and_settle("10:00:00");
    let view = engine.get("/v1/leads/L%201%2F%C3%BC").json();
    assert_eq!((&view["lead_id"], &view["as_of"]), (&"L 1/ü".into(), &"2026-12-01T10:00:00Z".into()));
    assert_eq!(view["facts"][0]["kind"], "lead.assigned");
    let clock = &view["clocks"][0];
    assert_eq!((&clock["state"], &clock["due_at"]), (&"running".into(), &"2026-12-01T17:00:00Z".into()));
    assert!(clock["explanation"]["summary"].as_str().unwrap().contains("8 hours"));
}

#[test]
fn a_lead_is_told_as_text_in_the_language_that_is_asked_for() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.set_and_settle("10:00:00");
    let told = |path: &str, language: &str| {
        let url = format!("{}{path}", engine.url);
        let request = engine.agent.get(url).header("Accept", "text/plain").header("Accept-Language", language);
        let mut answer = request.call().unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let (kind, language) = (header("content-type"), header("content-language"));
        assert_eq!(kind, "text/plain; charset=utf-8");
        (language, answer.body_mut().read_to_string().unwrap())
    };
    let (language, text) = told("/v1/leads/L1", "fr");
    assert_eq!(language, "en");
    assert!(text.contains("Lead L1 as of Tue, 1 Dec 2026, 10:00"), "{text}");
    let (language, text) = told("/v1/leads/L1", "es-AR,en;q=0.5");
    assert_eq!(language, "es");
    assert!(text.contains("Lo que sigue: el recordatorio al 50"), "{text}");
    assert_eq!(told("/v1/leads/L1?lang=es", "en").0, "es");
    assert_eq!(engine.get("/v1/leads/L1?lang=fr").status, 400);
}

#[test]
fn open_clocks_come_by_due_instant_page_by_page() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    for (n, time) in [(1, "09:00:00"), (2, "08:00:00"), (3, "08:30:00"), (4, "08:15:00"), (5, "08:45:00")] {
        engine.tell(&assigned(&format!("e{n}"), &format!("L{n}"), time));
    }
    engine.tell(&status("p", "L4", "on_hold", "09:00:00"));
    engine.tell(&status("q", "L5", "qualified", "09:00:00"));
    let leads = |page: &serde_json::Value| -> Vec<String> {
        page["clocks"].as_array().unwrap().iter().map(|c| c["lead_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = Vec::new();
    let mut path = "/v1/clocks?limit=1".to_owned();
    loop {
        let page = engine.get(&path).json();
        found.extend(leads(&page));
        match page["next"].as_str() {
            Some(cursor) => path = format!("/v1/clocks?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ["L2", "L3", "L1", "L4"], "the paused one last, the stopped one not at all");
    assert_eq!(leads(&engine.get("/v1/clocks?state=paused").json()), ["L4"]);
    assert_eq!(leads(&engine.get("/v1/clocks?due_before=2026-12-01T16:30:00Z").json()), ["L2"]);
    assert_eq!(leads(&engine.get("/v1/clocks?team=south").json()), Vec::<String>::new());
    assert_eq!(leads(&engine.get("/v1/clocks?sla=disposition&team=north").json()).len(), 4);
    engine.set_and_settle("16:10:00");
    let breached = engine.get("/v1/clocks?state=breached").json();
    assert_eq!((leads(&breached), &breached["clocks"][0]["state"]), (vec!["L2".to_owned()], &"breached".into()));
    assert_eq!(engine.metric("plazo_open_clocks{sla=\"disposition\",state=\"paused\"}"), Some(1.0));
}

#[test]
fn the_policy_tells_its_versions_and_fingerprints() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    let policy = engine.get("/v1/policy").json();
    assert_eq!((&policy["name"], &policy["versions"][0]["slas"][0]), (&"Test".into(), &"disposition".into()));
    assert!(!policy["versions"][0]["fingerprint"].as_str().unwrap().is_empty());
}

#[test]
fn figures_follow_what_happened() {
    let directory = tempdir().unwrap();
    let engine = Setup::new(directory.path()).start();
    engine.post(BATCH, &format!("[{},{}]", assigned("e1", "L1", "09:00:00"), assigned("e1", "L1", "09:00:00")));
    engine.post(CLOUDEVENT, &status("e2", "L1", "lost", "09:00:00"));
    engine.set_and_settle("17:00:02");
    for (sample, value) in [
        ("plazo_events_total{result=\"accepted\",type=\"lead.assigned\"}", 1.0),
        ("plazo_events_total{result=\"duplicate\",type=\"lead.assigned\"}", 1.0),
        ("plazo_events_total{result=\"rejected\",type=\"lead.status_changed\"}", 1.0),
        ("plazo_dead_letters_total{reason=\"unknown_status\"}", 1.0),
        ("plazo_notices_total{sla=\"disposition\",type=\"sla.breached\"}", 1.0),
        ("plazo_due_to_committed_seconds_count{type=\"sla.breached\"}", 1.0),
        ("plazo_due_to_committed_seconds_sum{type=\"sla.breached\"}", 2.0),
        ("plazo_open_clocks{sla=\"disposition\",state=\"breached\"}", 1.0),
        ("plazo_open_clocks{sla=\"disposition\",state=\"running\"}", 0.0),
        ("plazo_leads", 1.0),
        ("plazo_watermark_lag_seconds{reason=\"none\"}", 0.0),
        ("plazo_http_requests_total{path=\"/v1/events\",status=\"4xx\"}", 1.0),
    ] {
        assert_eq!(engine.metric(sample), Some(value), "{sample}");
    }
}
