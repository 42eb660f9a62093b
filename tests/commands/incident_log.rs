//! A real log reported per month and per assignment group: every cell is that of an independent calculation from the raw rows
//! (`tests/data/incident_log/expected.py`, whose output is kept beside it).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOURS: [&str; 3] = ["24", "72", "120"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/incident_log").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(data(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Hours, kind of group and group, to the cells of these columns.
type Cells = BTreeMap<[String; 3], Vec<String>>;

fn cells(text: &str, columns: &[String]) -> Cells {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().expect("a head").clone();
    let place =
        |column: &str| head.iter().position(|name| name == column).unwrap_or_else(|| panic!("no {column}: {head:?}"));
    let key = ["sla", "group_by", "group"].map(place);
    let places: Vec<usize> = columns.iter().map(|column| place(column)).collect();
    let records = reader.records().map(|record| record.expect("a row"));
    let named = records.map(|record| {
        let cell = |place: usize| record[place].to_owned();
        (key.map(cell), places.iter().map(|place| cell(*place)).collect())
    });
    named.collect()
}

/// The columns that were calculated.
fn columns(expected: &str) -> Vec<String> {
    let columns: Vec<String> = expected.lines().next().expect("a head").split(',').skip(3).map(str::to_owned).collect();
    assert_eq!(columns.len(), 10, "{columns:?}");
    columns
}

/// The three promises in one policy, each SLA called by its hours, so that one reading of the log answers for all.
fn policy() -> String {
    let of = |hours: &str| read(&format!("within_{hours}h.toml"));
    let head = of(HOURS[0]).split("[[sla]]").next().map(str::to_owned).expect("a policy");
    let slas = HOURS.map(|hours| {
        let sla = of(hours).split("[[sla]]").nth(1).map(str::to_owned).expect("an SLA");
        assert!(sla.contains("\"resolution\"") && sla.contains(&format!("within = \"{hours} hours\"")), "{sla}");
        format!("[[sla]]{}", sla.replace("\"resolution\"", &format!("\"{hours}\"")))
    });
    format!("{head}{}", slas.concat())
}

fn every_cell_agrees(log: &Path, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, policy()).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_plazo"))
        .args(["replay", "--format", "csv", "--report", "csv", "--strict", "--until", "2017-02-18T15:00:00Z"])
        .arg("--policy")
        .arg(&file)
        .arg("--events")
        .arg(log)
        .arg("--map")
        .arg(data("columns.toml"))
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    let columns = columns(expected);
    let mut reported = cells(&String::from_utf8_lossy(&output.stdout), &columns);
    reported.retain(|[_, by, _], _| matches!(by.as_str(), "" | "team" | "month"));
    let expected = cells(expected, &columns);
    for (key, cells) in &expected {
        assert_eq!(reported.get(key), Some(cells), "{key:?}");
    }
    assert_eq!(reported.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
}

#[test]
fn every_month_and_group_of_the_sample_is_that_of_the_independent_calculation() {
    every_cell_agrees(&data("sample.csv"), &read("expected_sample.csv"));
}

#[test]
fn every_month_and_group_of_the_whole_log_is_that_of_the_independent_calculation() {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/incident_log/incident_event_log.zip");
    if !log.is_file() {
        eprintln!("SKIPPED: the whole log is not at {}; the sample was compared", log.display());
        return;
    }
    every_cell_agrees(&log, &read("expected_whole_log.csv"));
}

/// The figures are kept as a file: they are not those of another log.
#[test]
fn the_expected_figures_add_up_to_the_totals_of_the_log() {
    for (name, started, met) in [("sample", 310, [139, 182, 205]), ("whole_log", 24_918, [13_757, 16_782, 18_312])] {
        let text = read(&format!("expected_{name}.csv"));
        let cells = cells(&text, &columns(&text));
        for (hours, met) in HOURS.into_iter().zip(met) {
            for by in ["", "team", "month"] {
                let of = cells.iter().filter(|([h, b, _], _)| h == hours && b == by).map(|(_, cells)| cells);
                let sum = |at: usize| of.clone().map(|cells| cells[at].parse::<u64>().expect("a count")).sum::<u64>();
                assert_eq!((sum(0), sum(1)), (started, met), "{name} {hours} {by}");
            }
        }
    }
}
