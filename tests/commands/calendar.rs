//! `plazo calendar` as people call it: the examples of docs/calendars.md, and what is refused with which exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const DOCS: &str = include_str!("../../docs/calendars.md");

/// Words, where quotes hold some together.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// The fenced blocks of one kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    DOCS.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("office.toml"), blocks("toml").concat()).expect("a file");
    let one = "[calendars.only]\ntimezone = \"UTC\"\nweekly = { mon = [\"09:00-18:00\"] }\n";
    fs::write(folder.path().join("one.toml"), one).expect("a file");
    fs::write(folder.path().join("faulty.toml"), one.replace("09:00-18:00", "9-18")).expect("a file");
    fs::write(folder.path().join("empty.toml"), "").expect("a file");
    folder
}

fn plazo(folder: &Path, line: &str) -> Output {
    let mut words = words(line).into_iter();
    assert_eq!(words.next().as_deref(), Some("plazo"));
    Command::new(env!("CARGO_BIN_EXE_plazo")).args(words).current_dir(folder).output().expect("plazo runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn examples_of_the_documentation_give_what_it_says() {
    let folder = folder();
    let mut examples = 0;
    for block in blocks("console") {
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
            let output = plazo(folder.path(), command);
            let expected = format!("{}\n", lines.next().unwrap_or_default());
            assert_eq!((stdout(&output), stderr(&output)), (expected, String::new()), "{command}");
            assert_eq!(output.status.code(), Some(0), "{command}");
            examples += 1;
        }
    }
    assert!(examples >= 20, "{examples} examples");
}

#[test]
fn readings_of_the_documentation_are_those_that_are_offered() {
    let folder = folder();
    let table = DOCS.split("| refused | offered |\n|---|---|\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    for row in table.expect("the table of readings").lines() {
        let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let line =
            format!("plazo calendar add --calendar one.toml --from 2026-03-02T09:00:00Z --duration {}", cells[0]);
        let output = plazo(folder.path(), &line);
        assert_eq!(output.status.code(), Some(2), "{row}");
        assert!(stderr(&output).contains(&format!("write {}", cells[1])), "{row}: {}", stderr(&output));
    }
}

#[test]
fn explanations_go_to_stderr_and_the_instant_alone_to_stdout() {
    let folder = folder();
    let line = "plazo calendar add --calendar office.toml --name office --from 2026-12-23T14:30:00Z \
                --duration \"8 business hours\" --pause 2026-12-24T09:00:00Z/2026-12-24T10:00:00Z --explain";
    let output = plazo(folder.path(), line);
    assert_eq!(stdout(&output), "2026-12-28T10:30:00Z\n");
    for told in [
        "zone Europe/Madrid",
        "open   2026-12-23T14:30:00Z to 2026-12-23T17:00:00Z, 9000 s",
        "2026-12-24  own hours",
        "2026-12-25  holiday",
        "paused 2026-12-24T09:00:00Z to 2026-12-24T10:00:00Z",
    ] {
        assert!(stderr(&output).contains(told), "{told}:\n{}", stderr(&output));
    }
}

#[test]
fn overlapping_pauses_count_once_and_those_before_the_start_not_at_all() {
    let folder = folder();
    let line = "plazo calendar between --calendar one.toml --from 2026-03-02T09:00:00Z --to 2026-03-02T18:00:00Z \
                --pause 2026-03-02T08:00:00Z/2026-03-02T10:00:00Z --pause 2026-03-02T09:30:00Z/2026-03-02T10:30:00Z";
    assert_eq!(stdout(&plazo(folder.path(), line)), "27000\n");
    let fraction =
        "plazo calendar between --calendar one.toml --from 2026-03-02T09:00:00.25Z --to 2026-03-02T09:00:02Z";
    assert_eq!(stdout(&plazo(folder.path(), fraction)), "1.75\n");
}

#[test]
fn exit_codes_tell_faults_of_the_input_of_the_usage_and_of_the_environment_apart() {
    let folder = folder();
    let add = "plazo calendar add --from 2026-03-02T09:00:00Z";
    for (line, code, told) in [
        (format!("{add} --calendar office.toml --duration \"1 day\""), 2, "several calendars (office, night)"),
        (format!("{add} --calendar office.toml --name nigth --duration \"1 day\""), 1, "no calendar \"nigth\"; it has: office, night"),
        (format!("{add} --calendar empty.toml --duration \"1 day\""), 1, "no [calendars.NAME] table"),
        (format!("{add} --calendar faulty.toml --duration \"1 day\""), 1, "faulty.toml:3:19: \"9-18\" is no interval"),
        (format!("{add} --calendar none.toml --duration \"1 day\""), 3, "cannot read none.toml"),
        (format!("{add} --calendar one.toml"), 2, "--duration"),
        (format!("{add} --calendar one.toml --duration \"100000 business days\""), 1, "outside the years 1970 to 2200"),
        (format!("{add} --calendar one.toml --duration \"1 day\" --pause 2026-03-02T09:00:00Z/"), 2, "the pause has no end"),
        (
            format!("{add} --calendar one.toml --duration \"1 day\" --pause 2026-03-03T09:00:00Z/2026-03-02T09:00:00Z"),
            2,
            "before it begins",
        ),
        (
            "plazo calendar subtract --calendar one.toml --from 2026-03-02T09:00:00Z --duration \"end of business day\"".into(),
            1,
            "cannot be subtracted",
        ),
        ("plazo calendar between --calendar one.toml --from yesterday --to 2026-03-02T09:00:00Z".into(), 2, "RFC 3339"),
    ] {
        let output = plazo(folder.path(), &line);
        assert_eq!(stdout(&output), "", "{line}");
        assert!(stderr(&output).contains(told), "{line}:\n{}", stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{line}");
    }
}
