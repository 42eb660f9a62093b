//! The pages that commands write, in a real browser.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::{data, engine, files, plazo, root, stdout};
use crate::browser::{Browser, Shown};

/// A phone, a wide window, paper.
const SHOWN: [(&str, Shown); 3] =
    [("360", Shown::Window(360)), ("1280", Shown::Window(1_280)), ("paper", Shown::Paper)];

fn pages(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let (policy, events) = (data("policy.toml"), data("events.ndjson"));
    let everything = root().join("tests/data/agreement/everything").display().to_string();
    let report = ["replay", "--policy", &policy, "--events", &events, "--report", "html"];
    let agreement = ["agreement", "--html", "--policy"];
    let pages: [(&str, &[&str], &[&str], &str); 6] = [
        ("report-month-en", &report, &["--by", "source"], "en"),
        ("report-week-es", &report, &["--period", "week", "--breaches", "30"], "es"),
        ("agreement-en", &agreement, &["deploy/policy/en"], "en"),
        ("agreement-es", &agreement, &["deploy/policy/es"], "es"),
        ("agreement-everything-en", &agreement, &[&everything], "en"),
        ("agreement-everything-es", &agreement, &[&everything], "es"),
    ];
    let written = pages.map(|(name, command, more, lang)| {
        let file = folder.join(format!("{name}.html"));
        let page = stdout(&plazo(&[command, more, &["--lang", lang]].concat(), root()));
        fs::write(&file, page).expect("written");
        (file, lang)
    });
    // With links to the engine.
    let (_folder, store, policy) = files();
    let (_setup, engine) = engine(&store);
    let file = folder.join("report-engine-es.html");
    let asked = ["report", "--policy", policy.to_str().expect("UTF-8"), "--html", "--lang", "es"];
    fs::write(&file, stdout(&plazo(&asked, &store))).expect("written");
    engine.stop().expect("stopped");
    let mut pages = Vec::from(written);
    pages.push((file, "es"));
    pages
}

#[test]
fn pages_open_in_a_real_browser_with_nothing_cut_on_a_phone_in_a_wide_window_and_on_paper() {
    let folder = tempfile::tempdir().expect("a folder");
    let browser = Browser::start();
    let pictures = root().join("target/tmp/pages");
    fs::create_dir_all(&pictures).expect("a folder");
    for (page, lang) in pages(folder.path()) {
        let name = page.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        for (width, shown) in SHOWN {
            let seen = browser.look(&page, shown);
            // For people to look at.
            browser.pictures(&pictures, &format!("{name}-{width}"));
            assert!(seen.faults.is_empty(), "{name} at {width}:\n{}", seen.faults.join("\n"));
            assert_eq!(seen.lang, lang, "{name}");
            assert_eq!(seen.plots > 0, name.starts_with("report"), "{name} at {width} shows {} plots", seen.plots);
        }
    }
}
