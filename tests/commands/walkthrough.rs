//! `docs/walkthrough.md`: every command of it, in order, gives what the page shows.

use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../docs/walkthrough.md");

/// Stands in an output for lines that the page leaves out.
const LEFT_OUT: &str = "…";

/// A fenced block: what it is, and its text.
struct Block<'p> {
    kind: &'p str,
    text: &'p str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("```").skip(1).step_by(2);
    let block = |fenced| {
        let (kind, text) = str::split_once(fenced, '\n').expect("a fence and its text");
        Block { kind, text }
    };
    fenced.map(block).collect()
}

/// Commands, each with the lines that it shows. One may go on after a backslash.
fn commands(console: &str) -> Vec<(String, Vec<&str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    let mut goes_on = false;
    for line in console.lines() {
        let begun = line.strip_prefix("$ ");
        match (begun, commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((command, _))) if goes_on => *command += &format!("\n{line}"),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("a block begins with a command: {line}"),
        }
        goes_on = (begun.is_some() || goes_on) && line.ends_with('\\');
    }
    commands
}

/// Whether the lines are those shown, where some may be left out.
fn shows(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&LEFT_OUT, rest)) => (0..=lines.len()).any(|skipped| shows(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, more)| line.trim_end() == *first && shows(rest, more))
        }
    }
}

#[test]
fn every_command_of_the_walk_through_gives_what_the_page_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/incident_log/sample.csv");
    std::fs::copy(sample, folder.path().join("incidents.csv")).expect("copied");
    let binary = Path::new(env!("CARGO_BIN_EXE_plazo")).parent().expect("a folder");
    let mut run = 0;
    for Block { kind, text } in blocks(PAGE) {
        // A file to be written by hand: `toml NAME`.
        if let Some(name) = kind.strip_prefix("toml ") {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        if kind != "console" {
            continue;
        }
        for (command, shown) in commands(text) {
            let output = Command::new("sh")
                .args(["-c", &format!("PATH=\"$PLAZO_FOLDER:$PATH\"\n{command}")])
                .current_dir(folder.path())
                .env("PLAZO_FOLDER", binary)
                .output()
                .expect("a shell");
            let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}\n{told}");
            let lines: Vec<&str> = told.lines().collect();
            assert!(shows(&shown, &lines), "$ {command}\n{told}\nthe page shows:\n{}", shown.join("\n"));
            run += 1;
        }
    }
    assert!(run >= 8, "{run} commands");
    for word in ["map", "suggest", "check", "agreement", "replay"] {
        assert!(PAGE.contains(&format!("$ plazo {word}")), "no plazo {word}");
    }
}
