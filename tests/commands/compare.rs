//! `plazo replay` of two policies: both reports side by side, and every clock whose verdict changed, with the reason.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Value, json};

use crate::binary::{data, plazo};
use crate::schema_check;

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&text(output)).expect("JSON")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const AS_OF: &str = "2017-02-18T15:00:00Z";

/// The sample of the incident log under the policies of these hours.
fn incidents(hours: &[u32], more: &[&str]) -> Output {
    let policies: Vec<String> = hours.iter().map(|hours| data(&format!("incident_log/within_{hours}h.toml"))).collect();
    let (events, map) = (data("incident_log/sample.csv"), data("incident_log/columns.toml"));
    let mut arguments = vec!["replay", "--events", &events, "--format", "csv", "--map", &map, "--until", AS_OF];
    for policy in &policies {
        arguments.extend(["--policy", policy]);
    }
    arguments.extend(more);
    plazo(&arguments, "")
}

/// Every group of the two reports, whichever has it: the counters of each side are those of its own report, and the
/// difference is B less A.
fn same_cells(compared: &Value, singles: [&Value; 2]) -> usize {
    let names: BTreeSet<&String> =
        singles.iter().flat_map(|groups| groups.as_object().expect("groups").keys()).collect();
    let known: BTreeSet<&String> = compared.as_object().expect("groups").keys().collect();
    assert_eq!(names, known);
    for name in names {
        same_counters(&compared[name], singles.map(|groups| &groups[name]));
    }
    known.len()
}

fn same_counters(compared: &Value, singles: [&Value; 2]) {
    let mut counts = [[0; 5]; 2];
    for ((side, single), counts) in ["a", "b"].into_iter().zip(singles).zip(&mut counts) {
        for (name, value) in compared[side].as_object().expect("counters") {
            let alone = if single.is_null() && value.is_u64() { &json!(0) } else { &single[name] };
            let nothing = single.is_null() && (name == "met_share" || name == "open_seconds");
            assert!(nothing || value == alone, "{name}: {value} and {alone}");
        }
        for (count, name) in counts.iter_mut().zip(["started", "met", "met_late", "breached", "running"]) {
            *count = compared[side][name].as_i64().expect("a counter");
        }
    }
    for (at, name) in ["started", "met", "met_late", "breached", "running"].into_iter().enumerate() {
        assert_eq!(compared["difference"][name], counts[1][at] - counts[0][at], "{name}");
    }
}

#[test]
fn each_side_counts_what_a_replay_of_its_policy_alone_counts() {
    let by = ["--by", "priority", "--period", "week", "--report", "json"];
    let compared = json_of(&incidents(&[24, 72], &by));
    schema_check::validate_as("comparison", &compared);
    let alone = [24, 72].map(|hours| json_of(&incidents(&[hours], &by))["slas"]["resolution"].take());
    let sla = &compared["slas"]["resolution"];
    let singles = alone.each_ref();
    same_counters(sla, singles);
    let mut cells = 0;
    for group in ["by_team", "by_owner", "by_target", "by_month", "by_week"] {
        cells += same_cells(&sla[group], singles.map(|single| &single[group]));
    }
    cells += same_cells(&sla["by"]["priority"], singles.map(|single| &single["by"]["priority"]));
    assert!(cells > 100, "{cells} groups");
    assert_eq!(
        (&sla["a"]["met"], &sla["b"]["met"], &sla["difference"]["met_share"]),
        (&139.into(), &182.into(), &0.1387.into())
    );
    let segments = sla["segments"].as_array().expect("segments");
    assert_eq!(segments.len(), 1);
    assert_eq!((&segments[0]["target_a"], &segments[0]["target_b"]), (&"24 hours".into(), &"72 hours".into()));
    assert_eq!(segments[0]["difference"]["met"], 43);
}

#[test]
fn every_clock_between_the_two_deadlines_changed_and_no_other() {
    let changed = lines(&text(&incidents(&[24, 72], &["--changed", "-"])));
    assert_eq!(changed.len(), 182 - 139);
    let day_ms = 86_400_000;
    for line in &changed {
        schema_check::validate_as("comparison.change", line);
        assert_eq!((&line["a"]["clock"]["state"], &line["b"]["clock"]["state"]), (&"met_late".into(), &"met".into()));
        let at = |side: &str, name: &str| {
            let text = line[side]["clock"][name].as_str().expect("an instant");
            plazo::time::Timestamp::parse(text).expect("an instant")
        };
        let (start, stop) = (at("a", "started_at"), at("a", "stopped_at"));
        assert_eq!((start, stop), (at("b", "started_at"), at("b", "stopped_at")));
        assert_eq!((at("a", "due_at"), at("b", "due_at")), (start.plus_ms(day_ms), start.plus_ms(3 * day_ms)));
        assert!(at("a", "due_at") < stop && stop <= at("b", "due_at"), "{line}");
        assert_eq!(line["differs"], json!(["target", "due_at"]));
    }
    let leads: BTreeSet<&str> = changed.iter().map(|line| line["lead_id"].as_str().expect("an id")).collect();
    assert_eq!(leads.len(), changed.len());
    // The list and the report are of one mind.
    let report = json_of(&incidents(&[24, 72], &["--report", "json", "--show", "3"]));
    assert_eq!((&report["changed"]["clocks"], &report["changed"]["leads"]), (&43.into(), &43.into()));
    assert_eq!(report["changed"]["first"].as_array().expect("a list")[..], changed[..3]);
    assert_eq!(report["slas"]["resolution"]["changes"], json!([{"a": "met_late", "b": "met", "clocks": 43}]));
}

#[test]
fn the_table_shows_the_first_changes_and_says_how_many_more_there_are() {
    let told = text(&incidents(&[24, 72], &["--show", "1"]));
    let row = |name: &str| -> Vec<String> {
        let line = told.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        line.trim_start()[name.len()..].split_whitespace().map(str::to_owned).collect()
    };
    let all = "310 310 139 182 +43 171 128 −43 0 0 = 44.84 58.71 +13.87";
    assert_eq!(row("all").join(" "), all, "{told}");
    assert_eq!(row("2016-06").join(" "), "2 7 0 5 +5 2 2 = 0 0 = 0.00 71.43 +71.43", "{told}");
    assert!(told.contains("changed verdict: 43 clocks (late → met 43)"), "{told}");
    assert!(told.contains("\n  INC0000047, resolution, clock 1: met late in A, met in time in B\n"), "{told}");
    assert!(told.contains("… and 42 more; --changed FILE has all of them"), "{told}");
    let spanish = text(&incidents(&[24, 72], &["--show", "1", "--lang", "es"]));
    for said in ["44,84", "todos", "otro veredicto: 43 relojes (tarde → cumplido 43)", "… y 42 más"] {
        assert!(spanish.contains(said), "{said}: {spanish}");
    }
    let same = text(&incidents(&[24, 24], &[]));
    assert!(same.contains("changed verdict: none") && !same.contains("Why:"), "{same}");
    let rows: Vec<String> = text(&incidents(&[24, 72], &["--report", "csv"])).lines().map(str::to_owned).collect();
    assert_eq!(rows[0].split(',').count(), 24);
    assert_eq!(rows[1], "resolution,,,310,310,0,139,182,43,171,128,-43,0,0,0,0,0,0,0,0,0,0.4484,0.5871,0.1387");
    assert!(rows[2].starts_with("resolution,segment,24 hours → 72 hours,310,310,0,"), "{}", rows[2]);
}

/// One lead's working week in March 2026, in UTC; an office from nine to five.
const BASE: &str = r#"
[agreement]
name = "Test"
effective_from = "2026-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "waiting"
[[status]]
name = "qualified"
stage = "sales_qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
[calendars.office]
timezone = "UTC"
weekly = { mon = ["09:00-17:00"], tue = ["09:00-17:00"], wed = ["09:00-17:00"], thu = ["09:00-17:00"], fri = ["09:00-17:00"] }
[calendars.night]
timezone = "UTC"
weekly = { mon = ["17:00-24:00"], tue = ["17:00-24:00"], wed = ["17:00-24:00"] }
[[sla]]
name = "disposition"
calendar = "office"
start = { on = "created" }
stop = { disposition = "any" }
pause = { status = ["waiting"] }
cancel = { status = ["unsuitable"] }
on_reassign = "continue"
  [[sla.target]]
  when = { source = "webinar" }
  within = "8 business hours"
  [[sla.target]]
  within = "2 business days"
"#;

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    /// B is A with these edits.
    fn new(edits: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut edited = BASE.to_owned();
        for (from, to) in edits {
            assert!(edited.contains(from), "{from}");
            edited = edited.replace(from, to);
        }
        std::fs::write(folder.path().join("a.toml"), BASE).expect("written");
        std::fs::write(folder.path().join("b.toml"), edited).expect("written");
        Case { folder }
    }

    fn run(&self, events: &str, more: &[&str]) -> Output {
        let path = |name: &str| self.folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (a, b) = (path("a.toml"), path("b.toml"));
        let mut arguments = vec!["replay", "--policy", &a, "--policy", &b, "--events", "-"];
        arguments.extend(["--until", "2026-03-06T12:00:00Z"]);
        arguments.extend(more);
        plazo(&arguments, events)
    }

    fn changed(&self, events: &str, lang: &str) -> Vec<Value> {
        let changed = lines(&text(&self.run(events, &["--changed", "-", "--lang", lang])));
        for line in &changed {
            schema_check::validate_as("comparison.change", line);
        }
        changed
    }
}

/// `created 02T10:00 status=new owner=ana attributes.source=webinar`: type, day and time of March 2026, data.
fn history(lines: &[&str]) -> String {
    let mut out = String::new();
    for (id, line) in lines.iter().enumerate() {
        let mut words = line.split_whitespace();
        let (kind, at) = (words.next().expect("a type"), words.next().expect("a time"));
        let mut data = json!({"lead_id": "L1"});
        for word in words {
            let (key, value) = word.split_once('=').expect("key=value");
            match key.split_once('.') {
                Some((outer, inner)) => data[outer][inner] = value.into(),
                None => data[key] = value.into(),
            }
        }
        let (id, time) = (format!("e{id}"), format!("2026-03-{at}:00Z"));
        let kind = format!("lead.{kind}");
        let event = json!({"specversion": "1.0", "id": id, "source": "crm", "type": kind, "time": time, "data": data});
        out.push_str(&format!("{event}\n"));
    }
    out
}

const CREATED: &str = "created 02T10:00 status=new owner=ana attributes.source=webinar";
const QUALIFIED: &str = "status_changed 03T12:00 to=qualified";

/// What the policies differ in, the history, in what the clocks differ, and the reason in both languages.
type Reason<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], &'c [&'c str], &'c str, &'c str);

const REASONS: [Reason<'static>; 14] = [
    (
        &[("start = { on = \"created\" }", "start = { on = \"assigned\" }")],
        &["assigned 02T15:00 owner=ana"],
        &["clock"],
        "Only B starts this clock, Mon, 2 Mar 2026, 15:00 (assigned to ana).",
        "Solo B inicia este reloj, el lun, 2 mar 2026, 15:00 (asignado a ana).",
    ),
    (
        &[("[[status]]\nname = \"waiting\"\n", "[[status]]\nname = \"waiting\"\n[[status]]\nname = \"odd\"\n")],
        &["created 02T10:00 status=odd owner=ana"],
        &["clock"],
        "Only B knows this lead; A refused its events.",
        "Solo B conoce este lead; A rechazó sus eventos.",
    ),
    (
        &[("source = \"webinar\"", "source = \"fair\"")],
        &[CREATED, QUALIFIED],
        &["target", "due_at"],
        "It stopped Tue, 3 Mar 2026, 12:00 (status qualified): after the deadline of A (Tue, 3 Mar 2026, 10:00), not after that of \
         B (Wed, 4 Mar 2026, 10:00). A asks for it within 8 business hours, B within 2 business days.",
        "Se detuvo el mar, 3 mar 2026, 12:00 (estado qualified): después del plazo de A (mar, 3 mar 2026, 10:00), no después del de \
         B (mié, 4 mar 2026, 10:00). La meta de A: en 8 horas hábiles; la de B: en 2 días hábiles.",
    ),
    (
        &[("start = { on = \"created\" }", "start = { on = \"assigned\" }")],
        &["created 02T10:00 status=new attributes.source=webinar", "assigned 02T15:00 owner=ana", QUALIFIED],
        &["started_at", "due_at"],
        "It stopped Tue, 3 Mar 2026, 12:00 (status qualified): after the deadline of A (Tue, 3 Mar 2026, 10:00), not after that of \
         B (Tue, 3 Mar 2026, 15:00). A starts it Mon, 2 Mar 2026, 10:00, B Mon, 2 Mar 2026, 15:00.",
        "Se detuvo el mar, 3 mar 2026, 12:00 (estado qualified): después del plazo de A (mar, 3 mar 2026, 10:00), no después del de \
         B (mar, 3 mar 2026, 15:00). A lo inicia el lun, 2 mar 2026, 10:00; B, el lun, 2 mar 2026, 15:00.",
    ),
    (
        &[("on_reassign = \"continue\"", "on_reassign = \"restart\"")],
        &[CREATED, "assigned 02T16:00 owner=ben", QUALIFIED],
        &["counted_from", "due_at"],
        "It stopped Tue, 3 Mar 2026, 12:00 (status qualified): after the deadline of A (Tue, 3 Mar 2026, 10:00), not after that of \
         B (Tue, 3 Mar 2026, 16:00). The allowance counts from Mon, 2 Mar 2026, 10:00 in A, from Mon, 2 Mar 2026, 16:00 in B.",
        "Se detuvo el mar, 3 mar 2026, 12:00 (estado qualified): después del plazo de A (mar, 3 mar 2026, 10:00), no después del de \
         B (mar, 3 mar 2026, 16:00). El tiempo cuenta desde el lun, 2 mar 2026, 10:00 en A y desde el lun, 2 mar 2026, 16:00 en B.",
    ),
    (
        &[("pause = { status = [\"waiting\"] }\n", "")],
        &[CREATED, "status_changed 02T11:00 to=waiting", "status_changed 02T16:00 to=new", QUALIFIED],
        &["pauses", "due_at"],
        "It stopped Tue, 3 Mar 2026, 12:00 (status qualified): after the deadline of B (Tue, 3 Mar 2026, 10:00), not after that of \
         A (Tue, 3 Mar 2026, 15:00). A pauses it 1 time, B 0 times.",
        "Se detuvo el mar, 3 mar 2026, 12:00 (estado qualified): después del plazo de B (mar, 3 mar 2026, 10:00), no después del de \
         A (mar, 3 mar 2026, 15:00). A lo pausa 1 vez; B, 0 veces.",
    ),
    (
        &[("calendar = \"office\"", "calendar = \"night\"")],
        &[CREATED, QUALIFIED],
        &["due_at"],
        "It stopped Tue, 3 Mar 2026, 12:00 (status qualified): after the deadline of A (Tue, 3 Mar 2026, 10:00), not after that of \
         B (Tue, 3 Mar 2026, 18:00). Both ask for the same, by other calendars or hours.",
        "Se detuvo el mar, 3 mar 2026, 12:00 (estado qualified): después del plazo de A (mar, 3 mar 2026, 10:00), no después del de \
         B (mar, 3 mar 2026, 18:00). Ambas dan la misma meta, con otros calendarios u horarios.",
    ),
    (
        &[("stop = { disposition = \"any\" }", "stop = { activity = [\"call\"] }")],
        &[CREATED, "activity 02T12:00 kind=call", QUALIFIED],
        &["stopped_at"],
        "In A it stopped Tue, 3 Mar 2026, 12:00 (status qualified), in B it stopped Mon, 2 Mar 2026, 12:00 (call by a person); the \
         deadline is the same, Tue, 3 Mar 2026, 10:00.",
        "En A se detuvo el mar, 3 mar 2026, 12:00 (estado qualified); en B se detuvo el lun, 2 mar 2026, 12:00 (call de una \
         persona); el plazo es el mismo, mar, 3 mar 2026, 10:00.",
    ),
    (
        &[("within = \"8 business hours\"", "within = \"80 business hours\"")],
        &[CREATED],
        &["target", "due_at"],
        "It had not stopped by Fri, 6 Mar 2026, 12:00: the deadline of A (Tue, 3 Mar 2026, 10:00) has passed, that of B (Mon, 16 Mar \
         2026, 10:00) has not. A asks for it within 8 business hours, B within 80 business hours.",
        "No se había detenido hasta el vie, 6 mar 2026, 12:00: el plazo de A (mar, 3 mar 2026, 10:00) ya pasó, el de B (lun, 16 mar \
         2026, 10:00) no. La meta de A: en 8 horas hábiles; la de B: en 80 horas hábiles.",
    ),
    (
        &[("stop = { disposition = \"any\" }", "stop = { status = [\"qualified\"] }")],
        &[CREATED, "status_changed 02T12:00 to=unsuitable"],
        &["stopped_at"],
        "In A it stopped Mon, 2 Mar 2026, 12:00 (status unsuitable), in B it was cancelled Mon, 2 Mar 2026, 12:00 (status unsuitable); \
         the deadline is the same, Tue, 3 Mar 2026, 10:00.",
        "En A se detuvo el lun, 2 mar 2026, 12:00 (estado unsuitable); en B se canceló el lun, 2 mar 2026, 12:00 (estado unsuitable); \
         el plazo es el mismo, mar, 3 mar 2026, 10:00.",
    ),
    (
        &[("pause = { status = [\"waiting\"] }\n", "")],
        &[CREATED, "status_changed 02T11:00 to=waiting"],
        &["pauses", "due_at"],
        "It had not stopped by Fri, 6 Mar 2026, 12:00: the deadline of B (Tue, 3 Mar 2026, 10:00) has passed, A has it paused, without \
         a deadline. A pauses it 1 time, B 0 times.",
        "No se había detenido hasta el vie, 6 mar 2026, 12:00: el plazo de B (mar, 3 mar 2026, 10:00) ya pasó, A lo tiene en pausa, sin \
         plazo. A lo pausa 1 vez; B, 0 veces.",
    ),
    (
        &[("on_reassign = \"continue\"", "reopen = \"ignore\"")],
        &[CREATED, "status_changed 02T12:00 to=qualified", "status_changed 04T12:00 to=new"],
        &["clock"],
        "Only A starts this clock, Wed, 4 Mar 2026, 12:00 (status new).",
        "Solo A inicia este reloj, el mié, 4 mar 2026, 12:00 (estado new).",
    ),
    (
        &[("[[status]]\nname = \"waiting\"\n", ""), ("pause = { status = [\"waiting\"] }\n", "")],
        &["created 02T10:00 status=waiting owner=ana"],
        &["clock"],
        "Only A knows this lead; B refused its events.",
        "Solo A conoce este lead; B rechazó sus eventos.",
    ),
    (
        &[("start = { on = \"created\" }", "start = { status = [\"waiting\"] }")],
        &[CREATED, QUALIFIED],
        &["clock"],
        "Only A starts this clock, Mon, 2 Mar 2026, 10:00 (created with status new, assigned to ana: source webinar).",
        "Solo A inicia este reloj, el lun, 2 mar 2026, 10:00 (creado con estado new, asignado a ana: source webinar).",
    ),
];

#[test]
fn the_reason_says_in_a_sentence_what_the_difference_comes_from() {
    for (edits, events, differs, english, spanish) in REASONS {
        let (case, events) = (Case::new(edits), history(events));
        for (lang, expected) in [("en", english), ("es", spanish)] {
            let changed = case.changed(&events, lang);
            assert_eq!(changed.len(), 1, "{edits:?}: {changed:#?}");
            assert_eq!(changed[0]["reason"], expected, "{edits:?}");
            assert_eq!(changed[0]["differs"], json!(differs), "{edits:?}");
        }
    }
}

#[test]
fn both_explanations_say_target_start_deadline_and_end() {
    let case = Case::new(&[("source = \"webinar\"", "source = \"fair\""), ("\"waiting\"", "\"pending\"")]);
    let changed = case.changed(&history(&[CREATED, QUALIFIED]), "en");
    assert_eq!(
        changed[0]["a"]["text"],
        "Target: within 8 business hours, because source is webinar. It started Mon, 2 Mar 2026, 10:00, was due Tue, 3 Mar 2026, 10:00 \
         and stopped Tue, 3 Mar 2026, 12:00 (status qualified)."
    );
    assert_eq!(
        changed[0]["b"]["text"],
        "Target: within 2 business days, because no other target fits. It started Mon, 2 Mar 2026, 10:00, was due Wed, 4 Mar 2026, 10:00 \
         and stopped Tue, 3 Mar 2026, 12:00 (status qualified)."
    );
    let paused = case.changed(&history(&[CREATED, "status_changed 02T11:00 to=waiting"]), "es");
    assert_eq!(
        paused[0]["a"]["text"],
        "Meta: en 8 horas hábiles, porque source es webinar. Empezó el lun, 2 mar 2026, 10:00, no tiene plazo mientras está en pausa \
         (quedan 7 horas de horario hábil) y no se había detenido hasta el vie, 6 mar 2026, 12:00."
    );
    assert_eq!(paused[0]["a"]["clock"]["explanation"]["pauses"], json!([{"from": "2026-03-02T11:00:00Z", "to": null}]));
    let again = Case::new(&[("on_reassign = \"continue\"", "reopen = \"ignore\"")]);
    let events = history(&[CREATED, "status_changed 02T12:00 to=qualified", "status_changed 04T12:00 to=new"]);
    let changed = again.changed(&events, "en");
    assert_eq!((&changed[0]["cycle"], &changed[0]["b"]["clock"]), (&2.into(), &Value::Null));
    assert_eq!(changed[0]["b"]["text"], "It starts only 1 clock for this lead.");
    assert_eq!(changed[0]["b"]["no_clock"]["clocks"], 1);
}

#[test]
fn an_event_that_one_policy_alone_refuses_is_told_so() {
    let case = Case::new(&[("[[status]]\nname = \"waiting\"\n", ""), ("pause = { status = [\"waiting\"] }\n", "")]);
    let events = history(&["created 02T10:00 status=waiting owner=ana", "status_changed 02T11:00 to=odd"]);
    let output = case.run(&format!("no JSON\n{events}"), &["--report", "json"]);
    let report = json_of(&output);
    let refused = |side: &str| report[side]["events"]["rejected"].clone();
    assert_eq!(refused("a"), json!({"malformed_json": 1, "unknown_status": 1}));
    assert_eq!(refused("b"), json!({"malformed_json": 1, "unknown_status": 2}));
    assert_eq!((&report["a"]["events"]["accepted"], &report["b"]["events"]["accepted"]), (&1.into(), &0.into()));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("plazo: -:2: unknown_status: ") && told.contains("(refused by B alone)"), "{told}");
    assert!(told.contains("3 events were refused: malformed_json 1, unknown_status 2"), "{told}");
    let more = Case::new(&[("name = \"waiting\"\n", "name = \"waiting\"\n[[status]]\nname = \"odd\"\n")]);
    let told = String::from_utf8_lossy(&more.run(&events, &[]).stderr).into_owned();
    assert!(told.contains("plazo: -:2: unknown_status: ") && told.contains("(refused by A alone)"), "{told}");
    assert_eq!(case.run(&events, &["--strict"]).status.code(), Some(1));
    assert_eq!(case.run(&events, &["--max-bad", "50%"]).status.code(), Some(1));
    assert_eq!(case.run(&events, &["--max-bad", "100%"]).status.code(), Some(0));
}

#[test]
fn every_clock_of_an_sla_of_one_policy_alone_changed_to_or_from_no_clock() {
    let case = Case::new(&[("name = \"disposition\"", "name = \"first touch\"")]);
    let events = history(&[CREATED, QUALIFIED]);
    let report = json_of(&case.run(&events, &["--report", "json"]));
    schema_check::validate_as("comparison", &report);
    let slas: Vec<&String> = report["slas"].as_object().expect("SLAs").keys().collect();
    assert_eq!(slas.len(), 2);
    for (name, only, counts) in [("disposition", "A", (1, 0)), ("first touch", "B", (0, 1))] {
        let sla = &report["slas"][name];
        assert_eq!(sla["only_in"], only);
        assert_eq!((&sla["a"]["started"], &sla["b"]["started"]), (&counts.0.into(), &counts.1.into()));
        let (a, b) = if only == "A" { (json!("met_late"), Value::Null) } else { (Value::Null, json!("met_late")) };
        assert_eq!(sla["changes"], json!([{"a": a, "b": b, "clocks": 1}]));
        let targets = (&sla["segments"][0]["target_a"], &sla["segments"][0]["target_b"]);
        let (here, there) = (&json!("8 business hours"), &json!("(no clock)"));
        assert_eq!(targets, if only == "A" { (here, there) } else { (there, here) });
    }
    assert_eq!((&report["changed"]["clocks"], &report["changed"]["leads"]), (&2.into(), &1.into()));
    let changed = case.changed(&events, "en");
    let file = case.folder.path().join("changed.ndjson");
    let file = file.to_str().expect("UTF-8");
    let short = json_of(&case.run(&events, &["--report", "json", "--show", "1", "--changed", file]));
    assert_eq!(short["changed"]["first"], json!(changed[..1]), "the file has all of them");
    assert_eq!(report["changed"]["first"], json!(changed));
    let of_a = &changed[0];
    assert_eq!(
        (&of_a["sla"], &of_a["differs"], &of_a["b"]["clock"]),
        (&json!("disposition"), &json!(["sla"]), &Value::Null)
    );
    assert_eq!(
        (&of_a["b"]["text"], &of_a["b"]["no_clock"]["sla_unknown"]),
        (&json!("It has no such SLA."), &json!(true))
    );
    let started = "Mon, 2 Mar 2026, 10:00 (created with status new, assigned to ana: source webinar)";
    assert_eq!(of_a["reason"], format!("Only A has this SLA, and starts this clock, {started}."));
    let of_b = &case.changed(&events, "es")[1];
    assert_eq!((&of_b["sla"], &of_b["a"]["text"]), (&json!("first touch"), &json!("No tiene este SLA.")));
    assert!(
        of_b["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("Solo B tiene este SLA e inicia este reloj, el "))
    );
    let told = text(&case.run(&events, &[]));
    for said in [
        "Only A has this SLA",
        "Only B has this SLA",
        "changed verdict: 1 clock (late → no clock 1)",
        "changed verdict: 1 clock (no clock → late 1)",
        "Changed verdicts: 2 clocks of 1 lead\n",
        "L1, disposition, clock 1: met late in A, no clock in B",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
}

#[test]
fn wrong_usage_and_faulty_policies_are_told_before_anything_is_read() {
    let code = |hours: &[u32], more: &[&str]| {
        let output = incidents(hours, more);
        assert!(output.stdout.is_empty(), "{output:?}");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (hours, more, told) in [
        (&[24, 72, 120][..], &[][..], "one --policy, or two to compare"),
        (&[24][..], &["--changed", "-"][..], "give a second --policy"),
        (&[24, 72][..], &["--notices", "-"][..], "--notices is of one policy"),
        (&[24, 72][..], &["--period", "2016-03"][..], "over the whole history"),
        (&[24, 72][..], &["--report", "html"][..], "a page tells of one"),
    ] {
        let (code, error) = code(hours, more);
        assert!(code == Some(2) && error.contains(told), "{code:?}: {error}");
    }
    let case = Case::new(&[("within = \"8 business hours\"", "within = \"8h\"")]);
    let output = case.run("", &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("b.toml:") && told.contains("\"8 hours\""), "{told}");
}

#[test]
fn a_paused_clock_and_a_running_one_have_one_verdict() {
    let edits = [("pause = { status = [\"waiting\"] }\n", ""), ("\"8 business hours\"", "\"80 business hours\"")];
    let case = Case::new(&edits);
    let report = json_of(&case.run(&history(&[CREATED, "status_changed 02T11:00 to=waiting"]), &["--report", "json"]));
    let sla = &report["slas"]["disposition"];
    assert_eq!((&sla["a"]["running"], &sla["b"]["running"], &sla["changes"]), (&1.into(), &1.into(), &json!([])));
}

#[test]
fn a_lead_that_only_b_knows_counts_under_b() {
    let case = Case::new(&[("name = \"waiting\"\n", "name = \"waiting\"\n[[status]]\nname = \"odd\"\n")]);
    let events = history(&["created 02T10:00 status=odd owner=ana"]);
    let report = json_of(&case.run(&events, &["--report", "json"]));
    let sla = &report["slas"]["disposition"];
    assert_eq!((&sla["a"]["started"], &sla["b"]["breached"]), (&0.into(), &1.into()));
    assert_eq!(sla["by_owner"]["ana"]["difference"]["breached"], 1);
    assert_eq!(sla["segments"][0]["target_a"], "(no clock)");
    assert_eq!(sla["changes"], json!([{"a": null, "b": "breached", "clocks": 1}]));
}
