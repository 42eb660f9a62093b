//! `docs/rules.md` names for each sentence of the contract the tests that hold it: they must exist, and no case may lack a row.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Cases of SEMANTICS §12.
const CASES: usize = 47;

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// Names of the tests in a file, in whatever macro or module they stand; comments and texts are none.
fn tests_of(stream: TokenStream, names: &mut Vec<String>) {
    let (mut after_fn, mut is_test) = (false, false);
    for tree in stream {
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_test |= group.stream().to_string().ends_with("test");
            }
            TokenTree::Group(group) => {
                tests_of(group.stream(), names);
                // The body ends what the attribute was said of.
                is_test &= group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Ident(ident) if after_fn && is_test => names.push(ident.to_string()),
            TokenTree::Ident(ident) => {
                after_fn = ident == "fn";
                continue;
            }
            _ => {}
        }
        after_fn = false;
    }
}

/// The rows of the table as (§, the tests named).
fn rows(table: &str) -> Vec<(&str, Vec<&str>)> {
    let cells = |line: &str| line.trim().strip_prefix('|').is_some();
    table
        .lines()
        .filter(|line| cells(line) && !line.contains("|---"))
        .filter_map(|line| {
            let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
            let section = cells.next().filter(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))?;
            let tests = cells.next_back().unwrap_or_default();
            Some((section, tests.split('`').filter(|name| name.contains("::")).collect()))
        })
        .collect()
}

fn faults(table: &str) -> Vec<String> {
    let mut known: BTreeMap<&str, Option<Vec<String>>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (section, tests) in rows(table) {
        if tests.is_empty() {
            faults.push(format!("{section}: no test"));
        }
        for test in tests {
            let (path, name) = test.split_once("::").unwrap_or_default();
            let tests = known.entry(path).or_insert_with(|| {
                let stream: TokenStream = read(path)?.parse().ok()?;
                let mut names = Vec::new();
                tests_of(stream, &mut names);
                Some(names)
            });
            match tests {
                None => faults.push(format!("{section}: no file {path}")),
                Some(names) if !names.iter().any(|known| known == name) => {
                    faults.push(format!("{section}: {path} has no test {name}"));
                }
                Some(_) => {}
            }
        }
    }
    for case in 1..=CASES {
        let case = format!("12.{case}");
        if rows(table).iter().all(|(section, _)| *section != case) {
            faults.push(format!("{case}: no row"));
        }
    }
    faults
}

#[test]
fn every_test_named_in_the_table_exists_and_every_case_has_a_row() {
    let table = read("docs/rules.md").expect("the table");
    assert!(rows(&table).len() > 100, "the table is read wrongly");
    let found = faults(&table);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_missing_test_file_case_or_name_is_found() {
    let table = "| 12.1 | ties | `tests/reading/rules_table.rs::a_missing_test_file_case_or_name_is_found` |\n| 12.2 | again | `tests/reading/rules_table.rs::faults` |\n| 12.3 | x | none |\n| 4 | y | `tests/no.rs::x` |";
    let found = faults(table);
    assert_eq!(
        found[..3],
        ["12.2: tests/reading/rules_table.rs has no test faults", "12.3: no test", "4: no file tests/no.rs",]
    );
    assert_eq!((found[3].as_str(), found.len()), ("12.4: no row", 3 + CASES - 3));
}
