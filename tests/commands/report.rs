//! `plazo report`, and what reports say in every form.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::shell::{Engine, Setup, assigned, status};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn data(name: &str) -> String {
    root().join("tests/data/report").join(name).to_str().expect("UTF-8").to_owned()
}

pub fn plazo(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plazo"))
        .args(arguments)
        .env("PLAZO__EMBEDDED__DIRECTORY", directory)
        .current_dir(directory)
        .output()
        .expect("the binary runs")
}

pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The report of the kept history.
fn replay(more: &[&str]) -> String {
    let (policy, events) = (data("policy.toml"), data("events.ndjson"));
    let arguments = [&["replay", "--policy", &policy, "--events", &events], more].concat();
    stdout(&plazo(&arguments, root()))
}

fn replay_json(more: &[&str]) -> Value {
    serde_json::from_str(&replay(&[&["--report", "json"], more].concat())).expect("JSON")
}

/// Texts that people read are kept as files: whoever changes one looks at it.
fn is_kept(told: &str, name: &str) {
    let kept = fs::read_to_string(data(name)).unwrap_or_default();
    let differs = told.lines().zip(kept.lines()).position(|(one, other)| one != other).map(|line| line + 1);
    if told != kept {
        let seen = root().join("target/tmp").join(name);
        fs::write(&seen, told).expect("written");
        panic!(
            "{name} differs from line {differs:?} on; look at {}, then copy it to tests/data/report",
            seen.display()
        );
    }
}

#[test]
fn the_text_reads_as_the_kept_one_in_both_languages() {
    is_kept(&replay(&["--by", "source"]), "report.en.txt");
    is_kept(&replay(&["--by", "source", "--lang", "es", "--period", "week", "--breaches", "3"]), "report.es.txt");
}

#[test]
fn csv_has_a_row_for_every_group_age_and_holder() {
    is_kept(&replay(&["--report", "csv", "--by", "source", "--period", "week"]), "report.csv");
}

#[test]
fn groups_ages_and_breaches_add_up_to_the_whole() {
    let report = replay_json(&["--period", "week", "--by", "source", "--breaches", "4"]);
    for sla in report["slas"].as_object().expect("SLAs").values() {
        let number = |value: &Value, key: &str| value[key].as_u64().expect("a number");
        let groups = ["by_team", "by_owner", "by_target", "by_month", "by_week"].map(|by| &sla[by]);
        for groups in groups.into_iter().chain([&sla["by"]["source"]]) {
            for key in ["started", "met", "met_late", "breached", "running", "cancelled"] {
                let sum: u64 = groups.as_object().expect("groups").values().map(|group| number(group, key)).sum();
                assert_eq!(sum, number(sla, key), "{key} of {groups}");
            }
        }
        let open = |key| sla["open_clocks"].as_array().expect("ages").iter().map(|age| number(age, key)).sum::<u64>();
        assert_eq!(open("running") + open("paused"), number(sla, "running"));
        assert_eq!(open("overdue"), number(sla, "breached"), "none of them was cancelled after its breach");
        let (told, left_out) = (sla["breaches"].as_array().expect("breaches"), number(sla, "breaches_left_out"));
        assert_eq!((told.len(), left_out), (4, number(sla, "met_late") + number(sla, "breached") - 4));
        let due: Vec<&str> = told.iter().map(|breach| breach["due_at"].as_str().expect("an instant")).collect();
        assert!(due.is_sorted_by(|a, b| a >= b), "{due:?}");
        let shares: f64 = sla["open_time_by_owner"]
            .as_object()
            .expect("owners")
            .values()
            .filter_map(|held| held["share"].as_f64())
            .sum();
        assert!((shares - 1.0).abs() < 0.001, "{shares}");
    }
}

#[test]
fn a_report_of_one_month_or_week_has_what_was_due_in_it_alone() {
    let whole = replay_json(&["--period", "week"]);
    let of = |period: &str, key: &str, group: &str| {
        let only = replay_json(&["--period", period]);
        let (only, whole) = (&only["slas"]["disposition"], &whole["slas"]["disposition"]);
        assert_eq!(only["started"], whole[key][group]["started"], "{period}");
        assert_eq!(only["open_seconds"], whole[key][group]["open_seconds"], "{period}");
        assert_eq!(only[key].as_object().expect("groups").len(), 1, "{period}");
    };
    of("2026-06", "by_month", "2026-06");
    of("2026-W25", "by_week", "2026-W25");
    let wrong = plazo(&["report", "--period", "2026-13"], root());
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("2026-W48"), "{wrong:?}");
}

#[test]
fn a_history_of_nothing_is_a_report_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.ndjson");
    fs::write(&empty, "").expect("written");
    for form in ["text", "json", "csv"] {
        let arguments =
            ["replay", "--policy", &data("policy.toml"), "--events", empty.to_str().expect("UTF-8"), "--report", form];
        assert!(stdout(&plazo(&arguments, root())).contains("disposition"), "{form}");
    }
}

/// An engine whose leads ended in every way, and one is open.
fn engine(directory: &Path) -> (Setup, Engine) {
    let setup = Setup::new(directory);
    let engine = setup.start();
    engine.tell(&assigned("1", "met", "09:00:00"));
    engine.tell(&assigned("2", "late", "09:00:00"));
    engine.tell(&assigned("3", "open", "09:00:00"));
    assert_eq!(engine.post(crate::shell::CLOUDEVENT, &status("4", "met", "odd", "09:00:00")).status, 422);
    engine.set_and_settle("10:00:00");
    engine.tell(&status("5", "met", "qualified", "10:00:00"));
    engine.set_and_settle("17:30:00");
    engine.tell(&status("6", "late", "qualified", "17:30:00"));
    engine.tell(&assigned("7", "new", "17:30:00"));
    engine.set_and_settle("18:00:00");
    (setup, engine)
}

fn files() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, policy) = (folder.path().join("store"), folder.path().join("policy.toml"));
    fs::write(&policy, crate::shell::POLICY).expect("written");
    (folder, store, policy)
}

#[test]
fn an_engine_is_reported_as_a_replay_of_its_log_while_it_runs_and_after() {
    let (folder, store, policy) = files();
    let (_setup, engine) = engine(&store);
    let log = folder.path().join("log.ndjson");
    fs::write(&log, engine.get("/v1/events").text).expect("written");
    let (policy, log) = (policy.to_str().expect("UTF-8"), log.to_str().expect("UTF-8"));
    let ask = || -> Value {
        serde_json::from_str(&stdout(&plazo(&["report", "--policy", policy, "--report", "json"], &store)))
            .expect("JSON")
    };
    let running = ask();
    let sla = &running["slas"]["disposition"];
    let counts = ["started", "met", "met_late", "breached", "running"].map(|key| sla[key].as_u64());
    assert_eq!(counts, [4, 1, 1, 1, 1].map(Some));
    assert_eq!(
        running["events"],
        serde_json::json!({"accepted": 6, "duplicate": null, "rejected": {"unknown_status": 1}})
    );
    assert_eq!(sla["breaches"][1]["url"], "http://127.0.0.1:8080/v1/leads/open");
    engine.stop().expect("stopped");
    assert_eq!(ask(), running);

    let until = running["as_of"].as_str().expect("an instant");
    let arguments = ["replay", "--policy", policy, "--events", log, "--until", until, "--report", "json"];
    let mut replayed: Value = serde_json::from_str(&stdout(&plazo(&arguments, &store))).expect("JSON");
    let mut told = running.clone();
    for breach in told["slas"]["disposition"]["breaches"].as_array_mut().expect("breaches") {
        breach.as_object_mut().expect("a breach").remove("url");
    }
    assert_eq!(told["slas"].take(), replayed["slas"].take());
    assert_eq!(told["as_of"], replayed["as_of"]);
}

#[test]
fn a_store_that_is_not_there_not_ours_or_of_another_policy_is_told() {
    let (_folder, store, policy) = files();
    fs::create_dir(&store).expect("a folder");
    let ask = |policy: &Path| {
        let output = plazo(&["report", "--policy", policy.to_str().expect("UTF-8")], &store);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = ask(&policy);
    assert!(code == Some(3) && told.contains("embedded.directory"), "{told}");
    assert!(!store.join("plazo.sqlite").exists(), "reading makes nothing");
    fs::write(store.join("plazo.sqlite"), "").expect("written");
    let (code, told) = ask(&policy);
    assert!(code == Some(3) && told.contains("no store of plazo"), "{told}");
    fs::remove_file(store.join("plazo.sqlite")).expect("removed");

    let (_setup, engine) = engine(&store);
    engine.stop().expect("stopped");
    fs::write(&policy, crate::shell::POLICY.replace("8 hours", "9 hours")).expect("written");
    let (code, told) = ask(&policy);
    assert!(code == Some(1) && told.contains("+ within = \"9 hours\"") && told.contains("--policy"), "{told}");
}
