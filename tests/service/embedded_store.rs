//! The store's own faults end in a clear word, and lose nothing.

use std::fs;
use std::sync::Arc;

use crate::shell::{BATCH, CLOUDEVENT, POLICY, Setup, assigned, at, status};
use plazo::embedded::fault::FaultKind;
use plazo::policy::{self, Policy};
use plazo::view::Phase;
use tempfile::tempdir;

const FILE: &str = "plazo.sqlite";

#[test]
fn a_second_process_on_the_directory_is_refused() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    let engine = setup.start();
    let refused = setup.try_start().err().unwrap();
    assert_eq!(refused.kind, FaultKind::InUse);
    assert!(refused.to_string().contains(&format!("test, process {}", std::process::id())), "{refused}");
    engine.stop().unwrap();
    setup.try_start().unwrap().stop().unwrap();
}

#[test]
fn a_store_of_a_newer_build_is_refused() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    setup.start().stop().unwrap();
    rusqlite::Connection::open(directory.path().join(FILE)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = setup.try_start().err().unwrap();
    assert_eq!(refused.kind, FaultKind::NewerFormat);
    assert!(refused.to_string().contains("format 99"), "{refused}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let directory = tempdir().unwrap();
    let file = directory.path().join(FILE);
    fs::write(&file, "no database at all, but long enough to be taken for one".repeat(100)).unwrap();
    let before = fs::read(&file).unwrap();
    assert_eq!(Setup::new(directory.path()).try_start().err().unwrap().kind, FaultKind::Damaged);
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert_eq!(Setup::new(directory.path()).try_start().err().unwrap().kind, FaultKind::Damaged);
}

#[test]
fn a_damaged_file_is_refused() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    let engine = setup.start();
    let events: Vec<String> = (0..500).map(|n| assigned(&format!("e{n}"), &format!("L{n}"), "09:00:00")).collect();
    engine.post(BATCH, &format!("[{}]", events.join(",")));
    engine.stop().unwrap();
    let file = directory.path().join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    for page in bytes.chunks_mut(4_096).skip(3) {
        page[..64].fill(0xAA);
    }
    fs::write(&file, bytes).unwrap();
    let refused = setup.try_start().err().unwrap();
    assert_eq!(refused.kind, FaultKind::Damaged);
    assert!(refused.to_string().contains("backup"), "{refused}");
}

#[test]
fn a_damaged_lead_is_found_when_it_is_restored() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.stop().unwrap();
    let database = rusqlite::Connection::open(directory.path().join(FILE)).unwrap();
    database.execute("UPDATE leads SET record = substr(record, 1, 20)", []).unwrap();
    drop(database);
    let refused = setup.try_start().unwrap().stop().unwrap_err();
    assert_eq!(refused.kind, FaultKind::Damaged);
}

#[test]
fn a_full_disk_ends_the_engine_and_keeps_what_was_acknowledged() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.options.max_bytes = Some(1 << 20);
    let engine = setup.start();
    let mut acknowledged = 0;
    let refused = loop {
        let events: Vec<String> =
            (0..200).map(|n| assigned(&format!("e{n}"), &format!("L{acknowledged}-{n}"), "09:00:00")).collect();
        let reply = engine.post(
            BATCH,
            &format!("[{}]", events.join(",").replace("\"id\":\"e", &format!("\"id\":\"{acknowledged}-"))),
        );
        if reply.status != 200 {
            break reply;
        }
        acknowledged += 200;
    };
    assert!(acknowledged > 0);
    assert_eq!(refused.status, 503);
    assert!(refused.json()["detail"].as_str().unwrap().contains("full"), "{}", refused.text);
    let mut phase = plazo::view::Shell::phase(&*engine.embedded);
    engine.within(async { phase.wait_for(|phase| matches!(phase, Phase::Failed(_))).await.map(|_| ()) }).unwrap();
    assert_eq!(engine.get("/livez").status, 503);
    assert_eq!(engine.post(CLOUDEVENT, &assigned("x", "x", "09:00:00")).status, 503);
    assert_eq!(engine.stop().unwrap_err().kind, FaultKind::Full);

    setup.options.max_bytes = None;
    let engine = setup.start();
    assert_eq!(engine.metric("plazo_leads"), Some(f64::from(acknowledged)));
    let log = engine.get("/v1/events?limit=10000").text;
    assert_eq!(log.lines().count(), acknowledged as usize);
    engine.tell(&assigned("x", "x", "09:00:00"));
}

fn edited(from: &str, to: &str) -> Arc<Policy> {
    assert!(POLICY.contains(from));
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    Arc::new(policy::parse("test.toml", &POLICY.replace(from, to), &none).unwrap())
}

#[test]
fn an_edited_policy_that_has_governed_clocks_is_refused_with_the_difference() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.stop().unwrap();
    setup.policy = edited("within = \"8 hours\"", "within = \"4 hours\"");
    let refused = setup.try_start().err().unwrap();
    assert_eq!(refused.kind, FaultKind::PolicyChanged);
    let told = refused.to_string();
    let difference =
        "the version \"Test\" of 2020-01-01T00:00:00Z was edited:\n  - within = \"8 hours\"\n  + within = \"4 hours\"";
    assert!(told.contains(difference) && told.contains("--accept-changed-policy"), "{told}");
    // The one that governed is still welcome, also written in another way.
    setup.policy = edited("within = \"8 hours\"", "within = \"8 hours\" # as signed");
    setup.try_start().unwrap().stop().unwrap();
}

#[test]
fn a_policy_that_no_lead_was_held_to_is_edited_freely() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let engine = setup.start();
    // What is refused is kept too, with the watermark of that time.
    engine.set_and_settle("10:00:00");
    engine.post(CLOUDEVENT, "{}");
    engine.stop().unwrap();
    setup.policy = edited("within = \"8 hours\"", "within = \"4 hours\"");
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "10:00:00"));
    engine.stop().unwrap();
    // That one is held to now.
    setup.policy = edited("within = \"8 hours\"", "within = \"2 hours\"");
    assert_eq!(setup.try_start().err().unwrap().kind, FaultKind::PolicyChanged);
}

#[test]
fn an_accepted_change_is_told_and_kept() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    engine.tell(&status("e3", "L2", "qualified", "09:00:00"));
    engine.set_and_settle("10:00:00");
    engine.stop().unwrap();
    setup.policy = edited("within = \"8 hours\"", "within = \"4 hours\"");
    setup.options.accept_changed_policy = true;
    let engine = setup.start();
    assert_eq!(engine.notices()[3..], ["sla.deadline_moved L1 10:00:00"]);
    let clocks = engine.get("/v1/clocks").json();
    assert_eq!(
        (&clocks["clocks"][0]["lead_id"], &clocks["clocks"][0]["due_at"]),
        (&"L1".into(), &at("13:00:00").to_string().into())
    );
    engine.stop().unwrap();
    // It is the policy now, and told once.
    setup.options.accept_changed_policy = false;
    let engine = setup.start();
    engine.set_and_settle("13:01:00");
    assert_eq!(engine.notices()[4..], ["sla.reminder L1 11:00:00", "sla.breached L1 13:00:00"]);
}

#[test]
fn a_promise_that_an_accepted_change_takes_away_is_retracted() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.stop().unwrap();
    setup.policy = edited("name = \"disposition\"", "name = \"handling\"");
    setup.options.accept_changed_policy = true;
    let engine = setup.start();
    assert_eq!(engine.notices()[1..], ["sla.retracted L1 09:00:00", "sla.started L1 09:00:00"]);
}

#[test]
fn a_version_that_lies_ahead_is_edited_freely() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.policy = edited("2020-01-01", "2099-01-01");
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.stop().unwrap();
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    let text = POLICY.replace("2020-01-01", "2099-01-01").replace("8 hours", "4 hours");
    setup.policy = Arc::new(policy::parse("test.toml", &text, &none).unwrap());
    setup.try_start().unwrap().stop().unwrap();
    // One for a time that has passed is not.
    setup.policy = edited("8 hours", "8 hours");
    assert!(setup.try_start().err().unwrap().to_string().contains("was added for a time that has passed"));
}

#[test]
fn what_retention_has_passed_is_removed_and_a_subscriber_is_told_so() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.options.retention_ms = Some(3_600_000);
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    engine.post(CLOUDEVENT, "{}");
    engine.set_and_settle("10:30:00");
    engine.tell(&assigned("e3", "L3", "10:30:00"));
    engine.settle();
    let page = engine.get("/v1/notices").json();
    assert_eq!((&page["notices"][0]["sequence"], &page["last"]), (&"3".into(), &3.into()));
    let gone = engine.get("/v1/notices?after=1");
    assert_eq!((gone.status, &gone.json()["oldest"]), (410, &3.into()));
    assert_eq!(engine.get("/v1/notices?after=2").status, 200);
    assert_eq!(engine.get("/v1/events").text.lines().count(), 1);
    assert_eq!(engine.get("/v1/dead-letters").json()["dead_letters"].as_array().unwrap().len(), 0);
    assert_eq!(engine.metric("plazo_retention_removed_total{table=\"events\"}"), Some(2.0));
    // Numbers go on where they were, also when everything is gone.
    engine.set_and_settle("11:45:00");
    engine.settle();
    engine.stop().unwrap();
    let engine = setup.start();
    let before = engine.get("/v1/notices").json()["last"].as_u64().unwrap();
    engine.tell(&assigned("e4", "L4", "11:45:00"));
    assert_eq!(engine.get("/v1/notices").json()["last"], before + 1);
}

#[test]
fn a_settled_lead_is_forgotten_by_the_store_too_and_an_open_one_is_kept() {
    let directory = tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.options.retention_ms = Some(3_600_000);
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.tell(&assigned("e2", "L2", "09:00:00"));
    engine.tell(&status("e3", "L1", "qualified", "09:00:00"));
    engine.set_and_settle("10:30:00");
    assert_eq!((engine.get("/v1/leads/L1").status, engine.get("/v1/leads/L2").status), (404, 200));
    let late = engine.post(CLOUDEVENT, &status("e4", "L1", "new", "09:00:00"));
    assert_eq!((late.status, &late.json()["rejected"][0]["reason"]), (422, &"too_old".into()));
    engine.stop().unwrap();
    let engine = setup.start();
    assert_eq!((engine.get("/v1/leads/L1").status, engine.get("/v1/leads/L2").status), (404, 200));
}

#[test]
fn the_watermark_survives_an_idle_stop() {
    let directory = tempdir().unwrap();
    let setup = Setup::new(directory.path());
    let engine = setup.start();
    engine.tell(&assigned("e1", "L1", "09:00:00"));
    engine.set_and_settle("11:00:00");
    engine.stop().unwrap();
    setup.clock_to("10:00:00");
    let engine = setup.start();
    assert_eq!(engine.get("/readyz").json()["watermark"], at("11:00:00").to_string());
}
