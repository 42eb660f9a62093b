//! docs/policy.md: its examples are a policy, and it leaves no key out.

use std::io;

use plazo::policy;

const DOCS: &str = include_str!("../../docs/policy.md");

fn no_files(name: &str) -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
}

fn example() -> String {
    DOCS.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_examples_of_the_documentation_are_one_policy() {
    let policy = policy::parse("docs/policy.md", &example(), &no_files).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(policy.warnings, []);
    let version = &policy.versions[0];
    assert_eq!((version.slas.len(), version.slas[0].targets.len(), version.commitments.len()), (1, 4, 1));
}

/// The refusal of an unknown key names all known ones.
#[test]
fn every_key_that_the_parser_knows_is_documented() {
    let text = example();
    let mut known = Vec::new();
    for (table, key) in [
        ("[agreement]\n", "[agreement]\nzz = 1\n"),
        ("name = \"on_hold\"\n", "name = \"on_hold\"\nzz = 1\n"),
        ("[calendars.office]\n", "[calendars.office]\nzz = 1\n"),
        ("weekly   = {", "weekly   = { zz = 1,"),
        ("[[sla]]\n", "[[sla]]\nzz = 1\n"),
        ("{ on = ", "{ zz = 1, on = "),
        ("{ disposition = \"any\"", "{ zz = 1, disposition = \"any\""),
        ("{ status = [\"on_hold\"]", "{ zz = 1, status = [\"on_hold\"]"),
        ("{ deleted = ", "{ zz = 1, deleted = "),
        ("{ met = ", "{ zz = 1, met = "),
        ("{ present = ", "{ zz = 1, present = "),
        ("by   = ", "zz = 1\n  by   = "),
        ("at = \"50%\"", "at = \"50%\"\n  zz = 1"),
        ("after  = \"0 hours\"", "after  = \"0 hours\"\n  zz = 1"),
        ("count       = {", "count       = { zz = 1,"),
        ("every ", "zz = 1\nevery "),
        ("[watch]\n", "[watch]\nzz = 1\n"),
        ("ping_pong        = {", "ping_pong        = { zz = 1,"),
        ("mass_disposition = {", "mass_disposition = { zz = 1,"),
        ("[agreement]\nname", "zz = 1\n[agreement]\nname"),
    ] {
        assert!(text.contains(table), "{table}");
        let faults =
            policy::parse("p", &text.replacen(table, key, 1), &no_files).expect_err("an unknown key").to_string();
        assert_eq!(faults.lines().count(), 1, "{key}: {faults}");
        let words = faults.split("\"zz\"; expected ").nth(1).unwrap_or_else(|| panic!("{key}: {faults}"));
        known.extend(words.split(", ").map(str::to_owned));
    }
    assert!(known.len() > 60, "{known:?}");
    let missing: Vec<&String> = known
        .iter()
        .filter(|key| {
            !["", "[", "[[", "[[sla."].iter().any(|open| DOCS.contains(&format!("`{open}{key}")))
                && !DOCS.contains(&format!("{{ {key} ="))
        })
        .collect();
    assert!(missing.is_empty(), "docs/policy.md says nothing of {missing:?}");
}
