//! `plazo replay` as people run it: a real log with its figures, notices, refusals, exit codes.

use std::process::Output;

use serde_json::Value;

use crate::binary::{POLICY, data, plazo};

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn incidents(hours: u32, log: &str) -> Value {
    let policy = data(&format!("incident_log/within_{hours}h.toml"));
    let columns = data("incident_log/columns.toml");
    let arguments = [
        "replay",
        "--policy",
        &policy,
        "--events",
        log,
        "--format",
        "csv",
        "--columns",
        &columns,
        "--until",
        "2017-02-18T15:00:00Z",
        "--report",
        "json",
    ];
    let output = plazo(&arguments, "");
    assert!(output.status.success(), "{output:?}");
    json(&output)["slas"]["resolution"].take()
}

/// The figures of tests/data/incident_log/README.md, which an independent script computed.
#[test]
fn a_real_log_gives_the_figures_of_an_independent_calculation() {
    for (hours, met) in [(24, 139), (72, 182), (120, 205)] {
        let sla = incidents(hours, &data("incident_log/sample.csv"));
        assert_eq!((&sla["met"], &sla["started"]), (&met.into(), &310.into()), "within {hours} hours");
    }
}

fn event(id: u32, kind: &str, time: &str, data: &str) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"e{id}\",\"source\":\"crm\",\"type\":\"{kind}\",\"time\":\"{time}\",\"data\":{{\"lead_id\":\"L1\",{data}}}}}\n"
    )
}

fn history() -> String {
    [
        event(1, "lead.assigned", "2025-12-01T10:00:00Z", "\"owner\":\"ana\""),
        event(1, "lead.assigned", "2025-12-01T10:00:00Z", "\"owner\":\"ana\""),
        event(2, "lead.status_changed", "2025-12-01T11:00:00Z", "\"to\":\"odd\""),
        "this is no JSON\n\n".to_owned(),
        event(3, "lead.status_changed", "2025-12-01T20:00:00Z", "\"to\":\"qualified\""),
        event(4, "lead.status_changed", "2025-12-02T20:00:00Z", "\"to\":\"new\""),
    ]
    .concat()
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("policy.toml"), POLICY).expect("written");
        Files { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }
}

#[test]
fn notices_come_in_order_and_the_report_counts_what_was_refused() {
    let files = Files::new();
    let (policy, notices, rejected) = (files.path("policy.toml"), files.path("notices"), files.path("rejected"));
    let arguments = [
        "replay",
        "--policy",
        &policy,
        "--events",
        "-",
        "--until",
        "2025-12-02T00:00:00Z",
        "--report",
        "json",
        "--notices",
        &notices,
        "--rejected",
        &rejected,
    ];
    let output = plazo(&arguments, history());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    let expected =
        serde_json::json!({"accepted": 2, "duplicate": 1, "rejected": {"malformed_json": 1, "unknown_status": 1}});
    assert_eq!(report["events"], expected);
    let sla = &report["slas"]["disposition"];
    assert_eq!((&sla["started"], &sla["met_late"], &sla["met_share"]), (&1.into(), &1.into(), &0.0.into()));
    assert_eq!(sla["open_seconds"], serde_json::json!({"p50": 36000, "p90": 36000, "p99": 36000}));
    assert_eq!(sla["by_month"]["2025-12"]["started"], 1);
    let written = std::fs::read_to_string(&notices).expect("the notices");
    let kinds: Vec<String> = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|notice| format!("{} {}", notice["type"].as_str().expect("type"), notice["time"].as_str().expect("time")))
        .collect();
    assert_eq!(
        kinds,
        ["sla.started 2025-12-01T10:00:00Z", "sla.breached 2025-12-01T18:00:00Z", "sla.met_late 2025-12-01T20:00:00Z"]
    );
    let refused = std::fs::read_to_string(&rejected).expect("the refusals");
    assert!(refused.contains("\"reason\":\"unknown_status\"") && refused.lines().count() == 2, "{refused}");
    let again = plazo(&arguments, history());
    assert_eq!(again.stdout, output.stdout, "the same input gives the same bytes");
    assert_eq!(std::fs::read_to_string(&notices).expect("the notices"), written);
    let unwritten: Vec<&str> = arguments.into_iter().filter(|word| *word != "--notices" && *word != notices).collect();
    assert_eq!(plazo(&unwritten, history()).stdout, output.stdout, "what is only counted is counted alike");
}

#[test]
fn exit_codes_say_whose_fault_it_was() {
    let files = Files::new();
    let policy = files.path("policy.toml");
    let run = |arguments: &[&str]| plazo(arguments, history()).status.code();
    assert_eq!(run(&["replay", "--policy", &policy, "--events", "-", "--strict"]), Some(1));
    assert_eq!(run(&["replay", "--policy", &policy, "--events", &files.path("missing")]), Some(3));
    assert_eq!(run(&["replay", "--policy", &files.path("missing.toml"), "--events", "-"]), Some(3));
    assert_eq!(run(&["replay", "--policy", &policy]), Some(2));
    std::fs::write(files.path("bad.toml"), POLICY.replace("8 hours", "8h")).expect("written");
    let bad = plazo(&["replay", "--policy", &files.path("bad.toml"), "--events", "-"], "");
    assert_eq!(bad.status.code(), Some(1));
    let told = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(told.contains("bad.toml:16:10: ") && told.contains("\"8 business hours\" or \"8 hours\""), "{told}");
}

#[test]
fn the_report_is_a_table_or_csv_as_asked() {
    let files = Files::new();
    let policy = files.path("policy.toml");
    let text = plazo(&["replay", "--policy", &policy, "--events", "-"], history());
    assert!(String::from_utf8_lossy(&text.stdout).contains("disposition"), "{text:?}");
    let csv = plazo(&["replay", "--policy", &policy, "--events", "-", "--report", "csv"], history());
    let lines: Vec<String> = String::from_utf8_lossy(&csv.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines[0].split(',').count(), 15);
    assert!(lines[1].starts_with("disposition,,,2,0,1,0,1,0,0"), "{lines:?}");
}

/// Without notices most is not settled: what is reported, and explained, must not differ by it.
#[test]
fn a_report_is_the_same_whether_notices_are_written_or_not() {
    let files = Files::new();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/policy/en");
    let history = plazo(&["load", "--leads", "150", "--seed", "7"], "").stdout;
    for form in [&["--report", "text"][..], &["--report", "csv"], &["--report", "json", "--by", "source"], &["--html"]]
    {
        let run = |more: &[&str]| {
            let arguments = [&["replay", "--policy", policy, "--events", "-"], form, more].concat();
            let output = plazo(&arguments, &history);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let told = run(&["--notices", &files.path("notices")]);
        assert!(std::fs::metadata(files.path("notices")).expect("notices").len() > 100_000);
        assert!(run(&[]) == told, "{form:?}: the reports differ");
    }
}
