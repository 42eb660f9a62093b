//! Damaged histories: what is damaged is told with file, line and reason, and the rest counts.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::binary::POLICY;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("policy.toml", POLICY.replace("assigned", "created"));
        folder
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn replay(&self, events: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_plazo"))
            .args(["replay", "--policy", "policy.toml", "--report", "json", "--events", events])
            .args(more)
            .current_dir(self.0.path())
            .output()
            .expect("the binary runs")
    }
}

/// Who has a clock, by their owners; what was told.
fn read(output: &Output) -> (Vec<String>, Vec<String>) {
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let owners = report["slas"]["disposition"]["by_owner"].as_object().expect("owners").keys().cloned().collect();
    let told = String::from_utf8_lossy(&output.stderr);
    (owners, told.lines().map(|line| line.trim_start_matches("plazo: ").to_owned()).collect())
}

/// Three leads of three owners, each created and qualified: five lines a trace, the first on line 2.
fn log() -> String {
    let event = |name: &str, hour: u32, owner: &str| {
        format!(
            "<event><string key=\"concept:name\" value=\"{name}\"/><date key=\"time:timestamp\" value=\"2026-02-02T{hour:02}:00:00Z\"/><string key=\"org:resource\" value=\"{owner}\"/></event>\n"
        )
    };
    let trace = |owner: &str| {
        let (new, done) = (event("new", 9, owner), event("qualified", 10, owner));
        format!("<trace>\n<string key=\"concept:name\" value=\"lead of {owner}\"/>\n{new}{done}</trace>\n")
    };
    format!("<log>\n{}{}{}</log>\n", trace("ana"), trace("bea"), trace("eva"))
}

#[test]
fn damage_to_a_trace_is_told_with_its_place_and_the_traces_before_and_after_count() {
    let folder = Folder::new();
    let whole = log();
    let (before, rest) = whole.split_at(whole.find("<string key=\"concept:name\" value=\"lead of bea\"").expect("bea"));
    // In the middle trace: what is written instead of what, and what is told.
    for (from, to, place, whole_trace_lost) in [
        ("</event>", "</evnt>", "9: wrong_type: ", true),
        ("</event>", "", "11: wrong_type: ", true),
        ("</trace>\n", "\n", "12: wrong_type: ", true),
        ("</event>\n</trace>\n", "\n\n", "12: wrong_type: ", true),
        ("<event>", "</trace><event>", "9: wrong_type: ", true),
        ("lead of bea", "lead of &bea;", "8: wrong_type: ", true),
        ("value=\"new\"/>", "value=\"new/>", "9: wrong_type: ", true),
        ("value=\"new\"/>", "value=\"new\"", "9: wrong_type: ", true),
        ("value=\"lead of bea\"", "value='lead of bea\"", "9: wrong_type: ", true),
        ("<string key=\"concept:name\" value=\"lead of bea\"/>", "", "7: missing_lead_id: ", true),
        ("2026-02-02T10:00:00Z", "yesterday", "10: bad_time: ", false),
        ("<string key=\"concept:name\" value=\"qualified\"/>", "", "10: wrong_type: ", false),
        ("\"qualified\"", "\"quallified\"", "10: unknown_status: ", false),
    ] {
        assert!(rest.contains(from), "{from}");
        folder.write("log.xes", format!("{before}{}", rest.replacen(from, to, 1)));
        let output = folder.replay("log.xes", &["--format", "xes", "--rejected", "refused.ndjson"]);
        let (owners, told) = read(&output);
        let expected: &[&str] = if whole_trace_lost { &["ana", "eva"] } else { &["ana", "bea", "eva"] };
        assert_eq!(owners, expected, "{from:?} -> {to:?}: {told:?}");
        assert!(told[0].starts_with(&format!("log.xes:{place}")), "{from:?} -> {to:?}: {told:?}");
        assert!(told[1].starts_with("1 event was refused: "), "{from:?} -> {to:?}: {told:?}");
        let refused = fs::read_to_string(folder.0.path().join("refused.ndjson")).expect("a file");
        let refused: Value = serde_json::from_str(refused.trim()).expect("one line");
        assert!(place.starts_with(&format!("{}: {}", refused["line"], refused["reason"].as_str().expect("a reason"))));
        assert_eq!(folder.replay("log.xes", &["--format", "xes", "--strict"]).status.code(), Some(1));
    }
}

#[test]
fn a_history_that_is_something_else_says_what_to_do() {
    let folder = Folder::new();
    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let utf16: Vec<u8> = "\u{feff}id,at\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("office.csv", utf16);
    folder.write("other.csv", "name,when\nL1,2026-01-01T00:00:00Z\n");
    folder.write("map.toml", "layout = \"row_per_change\"\nlead = \"id\"\nchanged_at = \"at\"\n");
    let of_map = ["--format", "csv", "--map", "map.toml"];
    let office = folder.replay("office.csv", &of_map);
    assert_eq!(office.status.code(), Some(1), "{office:?}");
    assert!(
        told(&office).starts_with("plazo: office.csv: the file is in UTF-16: expected UTF-8; `iconv"),
        "{office:?}"
    );
    let other = folder.replay("other.csv", &of_map);
    let lacks = "plazo: other.csv: the file has no column \"id\"\nother.csv: the file has no column \"at\"\n";
    assert_eq!((other.status.code(), told(&other).as_str()), (Some(1), lacks));
    let lines = folder.replay("other.csv", &[]);
    assert_eq!(lines.status.code(), Some(1), "{lines:?}");
    assert!(told(&lines).contains("plazo: other.csv: nothing in it could be used; --format names how"), "{lines:?}");
    folder.write("empty.ndjson", "");
    let empty = folder.replay("empty.ndjson", &[]);
    assert_eq!(
        (empty.status.code(), told(&empty).as_str()),
        (Some(0), "plazo: empty.ndjson: there is no event in it\n")
    );
}
