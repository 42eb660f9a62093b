//! `plazo report`, and what reports say in every form.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::schema_check;
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
    valid(&replay(&[&["--report", "json"], more].concat()))
}

/// A report that is as `schemas/report.json` says.
fn valid(text: &str) -> Value {
    let report = serde_json::from_str(text).expect("JSON");
    schema_check::validate_as("report", &report);
    report
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
    for form in ["text", "json", "csv", "html"] {
        let arguments =
            ["replay", "--policy", &data("policy.toml"), "--events", empty.to_str().expect("UTF-8"), "--report", form];
        assert!(stdout(&plazo(&arguments, root())).contains("disposition"), "{form}");
    }
}

/// An engine whose leads ended in every way, and one is open.
pub fn engine(directory: &Path) -> (Setup, Engine) {
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

pub fn files() -> (tempfile::TempDir, PathBuf, PathBuf) {
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
    let ask = || -> Value { valid(&stdout(&plazo(&["report", "--policy", policy, "--report", "json"], &store))) };
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
fn http_tells_the_same_report_in_every_form() {
    let (_folder, store, policy) = files();
    let (_setup, engine) = engine(&store);
    let command = ["report", "--policy", policy.to_str().expect("UTF-8"), "--by", "source", "--period", "week"];
    let json: Value =
        serde_json::from_str(&stdout(&plazo(&[&command[..], &["--report", "json"]].concat(), &store))).expect("JSON");
    let mut told = engine.get("/v1/compliance?by=team,source,week").json();
    let breach = &mut told["slas"]["disposition"]["breaches"][1]["url"];
    assert_eq!(breach.take(), "/v1/leads/open");
    for (index, breach) in
        told["slas"]["disposition"]["breaches"].as_array_mut().expect("breaches").iter_mut().enumerate()
    {
        breach["url"] = json["slas"]["disposition"]["breaches"][index]["url"].clone();
    }
    assert_eq!(told, json);
    let form = |query: &str| engine.get(&format!("/v1/compliance?{query}"));
    let csv = form("form=csv&by=source&period=week");
    assert_eq!(csv.text, stdout(&plazo(&[&command[..], &["--report", "csv"]].concat(), &store)));
    assert_eq!(csv.content_type, "text/csv; charset=utf-8");
    let page = form("form=html&lang=es&period=2026-12");
    assert!(
        page.text.contains("<html lang=\"es\">") && page.text.contains("href=\"&#x2f;v1&#x2f;leads&#x2f;open\""),
        "{}",
        page.text
    );
    assert!(page.text.contains("solo con plazo en diciembre de 2026"), "{}", page.text);
    let november = form("period=2026-11").json();
    assert_eq!(november["slas"]["disposition"]["started"], 0);
    for text in ["--html", "--report=text"] {
        let local = stdout(&plazo(&[&command[..], &[text, "--lang", "es"]].concat(), &store));
        let asked = ["report", "--url", &engine.url, "--by", "source", "--period", "week", text, "--lang", "es"];
        let remote = stdout(&plazo(&asked, &store));
        let escaped = |url: &str| url.replace('/', "&#x2f;");
        assert_eq!(remote.replace(&escaped(&engine.url), &escaped("http://127.0.0.1:8080")), local);
    }
    for wrong in
        ["period=2026-13", "engine=javascript:alert(1)", "holder=x", "form=pdf", "lang=fr", "breaches=9999999", "odd=1"]
    {
        let refused = form(wrong);
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
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

/// The texts of a page's elements of this name, in order; where the page is no XML, why.
fn texts_of(page: &str, name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(page);
    let (mut texts, mut depth): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        let at = reader.buffer_position();
        match reader.read_event().unwrap_or_else(|error| panic!("at {at}: {error}")) {
            Event::Start(start) if depth > 0 || start.name().as_ref() == name => {
                if depth == 0 {
                    texts.push(String::new());
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth > 0 => {
                texts.last_mut().expect("begun").push_str(&text);
            }
            Event::GeneralRef(reference) if depth > 0 => {
                let sign = match &*reference {
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "amp" => "&".to_owned(),
                    "quot" | "#34" => "\"".to_owned(),
                    "#x27" | "apos" => "'".to_owned(),
                    "#x2f" => "/".to_owned(),
                    other => panic!("&{other};"),
                };
                texts.last_mut().expect("begun").push_str(&sign);
            }
            Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn names_with_markup_stay_text_in_the_page_and_its_plots() {
    let page = replay(&["--html", "--by", "source", "--breaches", "99"]);
    assert!(!page.contains("<script"), "a name became a script");
    assert!(!page.contains("<b>"), "a lead became markup");
    let all = [texts_of(&page, "th"), texts_of(&page, "text"), texts_of(&page, "title")];
    let [heads, labels, titles] = all.map(|texts| texts.iter().map(|text| text.trim().to_owned()).collect::<Vec<_>>());
    for name in ["<script>alert(1)</script>", "Ñandú & Co"] {
        assert!(heads.iter().any(|text| text == name) && labels.iter().any(|text| text == name), "{name}");
    }
    assert_eq!(titles[0], "Compliance report: Marketing & Sales <2026>");
}

#[test]
fn the_page_says_what_the_json_says() {
    for (lang, numbers) in [("en", ["72.73%", "45h00m"]), ("es", ["72,73\u{a0}%", "45h00m"])] {
        let page = replay(&["--report", "html", "--lang", lang]);
        let rows: Vec<String> = texts_of(&page, "tr").iter().map(|row| row.trim().to_owned()).collect();
        let sla = &replay_json(&[])["slas"]["disposition"];
        let decimal = |share: &Value| format!("{:.2}", share.as_f64().expect("a share") * 100.0);
        for (name, owner) in sla["by_owner"].as_object().expect("owners") {
            let counts = ["started", "met", "met_late", "breached", "running", "cancelled"];
            let mut row = counts.iter().fold(name.clone(), |row, key| format!("{row}{}", owner[key]));
            let share = decimal(&owner["met_share"]);
            row.push_str(&if lang == "es" { share.replace('.', ",") } else { share });
            assert!(rows.iter().any(|told| told.starts_with(&row)), "{row} is not in {rows:?}");
        }
        let paragraphs = texts_of(&page, "p");
        assert!(paragraphs.iter().any(|text| text.contains(numbers[0])), "{paragraphs:?}");
        assert!(rows.iter().any(|text| text.contains(numbers[1])));
        assert_eq!(texts_of(&page, "pre").len(), texts_of(&page, "details").len());
    }
}

#[test]
fn sentences_are_right_of_one_and_of_many() {
    let text = |lang: &str, leads: u32, ended: &str| -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let (policy, events) = (folder.path().join("policy.toml"), folder.path().join("events.ndjson"));
        fs::write(&policy, crate::shell::POLICY).expect("written");
        let lead = |n: u32| {
            let (begun, id) = (assigned(&format!("{n}-1"), &format!("L{n}"), "09:00:00"), format!("{n}-2"));
            format!("{begun}\n{}\n", status(&id, &format!("L{n}"), "qualified", ended))
        };
        let again = if leads == 1 { assigned("0-1", "L0", "09:00:00") } else { String::new() };
        fs::write(&events, (0..leads).map(lead).collect::<String>() + &again).expect("written");
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let arguments = ["replay", "--policy", &path(&policy), "--events", &path(&events), "--html", "--lang", lang];
        let texts = texts_of(&stdout(&plazo(&arguments, root())), "p");
        let events = texts.iter().find(|text| text.starts_with("event")).expect("the events");
        [&texts[1..3], std::slice::from_ref(events)].concat()
    };
    assert_eq!(
        text("en", 1, "10:00:00"),
        [
            "1 clock started: 1 was met in time.",
            "Met in time: 100.00% of the one that was judged.",
            "events: 2 accepted, 1 duplicate, 0 rejected"
        ]
    );
    assert_eq!(
        text("en", 2, "18:00:00"),
        [
            "2 clocks started: 2 stopped late.",
            "Met in time: 0.00% of the 2 that were judged.",
            "events: 4 accepted, 0 duplicate, 0 rejected"
        ]
    );
    assert_eq!(
        text("es", 1, "18:00:00"),
        [
            "Se inició 1 reloj: 1 se detuvo tarde.",
            "A tiempo: el 0,00\u{a0}% del único que ya tiene veredicto.",
            "eventos: 2 aceptados, 1 duplicado, 0 rechazados"
        ]
    );
    assert_eq!(
        text("es", 2, "10:00:00"),
        [
            "Se iniciaron 2 relojes: 2 se detuvieron a tiempo.",
            "A tiempo: el 100,00\u{a0}% de los 2 que ya tienen veredicto.",
            "eventos: 4 aceptados, 0 duplicados, 0 rechazados"
        ]
    );
}
