//! Rules of the repository that neither the compiler nor clippy holds. Every rule has a case here that breaks it.
//!
//! Sources are read as token streams, so that comments and texts never count as code.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The modules from the bottom up: each may import from the layers below its own, the core not even from its own.
const LAYERS: [&[&str]; 8] = [
    &["time", "metrics", "sorter"],
    &["calendar", "event", "timer_wheel"],
    &["policy", "language"],
    &["engine"],
    &["view", "config"],
    &[
        "embedded",
        "worker",
        "standings",
        "api",
        "reload",
        "replay",
        "report",
        "comparison",
        "load",
        "demo",
        "notify",
        "schema",
        "written_agreement",
        "history",
        "explain",
        "suggest",
    ],
    &["cli"],
    &["main"],
];
/// The layer of the shells, which may use one another (a replay ends in a report).
const SHELLS: usize = 5;
const CORE: [&str; 6] = ["time", "event", "calendar", "policy", "timer_wheel", "engine"];
const NOT_IN_CORE: [&str; 14] = [
    "tokio",
    "tokio_stream",
    "futures_util",
    "axum",
    "hyper",
    "ureq",
    "rusqlite",
    "rdkafka",
    "prometheus",
    "config",
    "tracing",
    "clap",
    "indicatif",
    "anstream",
];
/// Names that say nothing about what is in the file.
const VAGUE: [&str; 9] = ["util", "utils", "common", "types", "helpers", "helper", "misc", "shared", "tools"];
/// Files that may contain `unsafe`, each with its reason there.
const MAY_BE_UNSAFE: [&str; 3] = ["src/worker/batch.rs", "src/worker/directory.rs", "src/worker/transaction.rs"];
const MAX_LINES: usize = 700;

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
    in_test: bool,
    in_attribute: bool,
}

#[derive(Clone, Copy, Default)]
struct Place {
    in_test: bool,
    in_attribute: bool,
}

impl Place {
    fn token(self, text: &str, line: usize) -> Token {
        Token { text: text.to_owned(), line, in_test: self.in_test, in_attribute: self.in_attribute }
    }
}

fn flatten(stream: TokenStream, place: Place, tokens: &mut Vec<Token>) {
    // After the first colon of a path separator; after the hash of an attribute; between `#[cfg(test)]` and its item.
    let (mut half_separator, mut after_hash, mut test_item) = (false, false, false);
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(place.token(open, line));
                let attribute = after_hash && group.delimiter() == Delimiter::Bracket;
                test_item |= attribute && group.stream().to_string().replace(' ', "") == "cfg(test)";
                let inner =
                    Place { in_test: place.in_test || test_item, in_attribute: place.in_attribute || attribute };
                flatten(group.stream(), inner, tokens);
                tokens.push(place.token(close, group.span_close().start().line));
                if group.delimiter() == Delimiter::Brace {
                    test_item = false;
                }
                after_hash = false;
            }
            TokenTree::Punct(punct) => {
                let sign = punct.as_char();
                match tokens.last_mut() {
                    Some(last) if half_separator && sign == ':' => last.text.push(':'),
                    _ => tokens.push(place.token(&sign.to_string(), line)),
                }
                half_separator = sign == ':' && !half_separator && punct.spacing() == Spacing::Joint;
                test_item &= sign != ';';
                after_hash = sign == '#' || (after_hash && sign == '!');
            }
            TokenTree::Ident(ident) => {
                tokens.push(place.token(&ident.to_string(), line));
                after_hash = false;
            }
            TokenTree::Literal(_) => {
                tokens.push(place.token("\"\"", line));
                after_hash = false;
            }
        }
    }
}

/// `engine` for `src/engine/record.rs`, `main` for `src/main.rs`; none for the root of the library and files elsewhere.
fn module_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix("src/")?.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|&module| module != "lib")
}

/// Whether `super` is the root of the library: in `src/record.rs` and `src/record/mod.rs`.
fn below_root(path: &str) -> bool {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    !inner.contains('/') || (inner.ends_with("/mod.rs") && inner.matches('/').count() == 1)
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    match (layer_of(from), layer_of(to)) {
        (Some(from_layer), Some(to_layer)) => {
            from == to || to_layer < from_layer || (to_layer == from_layer && to_layer == SHELLS)
        }
        _ => true,
    }
}

/// The first names of the paths that start at `tokens[at]`: one, or those of a group `{a::b, c}`.
fn heads(tokens: &[Token], at: usize) -> Vec<&str> {
    if tokens.get(at).is_none_or(|token| token.text != "{") {
        return tokens.get(at).map(|token| token.text.as_str()).into_iter().collect();
    }
    let (mut depth, mut found) = (0, Vec::new());
    for pair in tokens[at..].windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text.as_str(), "{" | ",") {
            found.push(pair[1].text.as_str());
        }
    }
    found
}

/// Everything that is wrong with one Rust file, as `path:line: what`.
fn faults(path: &str, source: &str) -> Vec<String> {
    let stream: TokenStream = match source.parse() {
        Ok(stream) => stream,
        Err(error) => return vec![format!("{path}:1: no Rust: {error}")],
    };
    let test_file = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
    let mut tokens = Vec::new();
    flatten(stream, Place { in_test: test_file, in_attribute: false }, &mut tokens);

    let mut faults = Vec::new();
    let module = module_of(path);
    let core = module.filter(|module| CORE.contains(module));
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    for (at, token) in tokens.iter().enumerate() {
        let before = if at == 0 { "" } else { text(at - 1) };
        let mut fault = |what: String| faults.push(format!("{path}:{}: {what}", token.line));
        let word = token.text.as_str();

        // Deeper in a module, `super` is that module, whose parts may be called as a module of the root is.
        let root = matches!(word, "crate" | "plazo") || (word == "super" && (test_file || below_root(path)));
        if root && text(at + 1) == "::" && text(at + 2) != "super" {
            for head in heads(&tokens, at + 2) {
                if module.is_some_and(|module| !may_import(module, head)) {
                    fault(format!("{} must not import {head}: imports run downwards", module.unwrap_or_default()));
                }
            }
        }
        if core.is_some() && NOT_IN_CORE.contains(&word) {
            let used = text(at + 1) == "::" && before != "::" || before == "use";
            if used {
                fault(format!("the core must not name {word}"));
            }
        }
        if core.is_some() && word == "time" && text(at + 1) == "::" {
            let clocks = heads(&tokens, at + 2);
            if clocks.iter().any(|head| matches!(*head, "SystemTime" | "Instant")) {
                fault("the core reads no clock: no std::time::SystemTime, no Instant".to_owned());
            }
        }
        if core.is_some() && matches!(word, "async" | "await") {
            fault("the core has no async".to_owned());
        }
        if matches!(word, "todo" | "unimplemented" | "dbg") && text(at + 1) == "!" {
            fault(format!("{word}! is not for keeps"));
        }
        if token.in_attribute && word == "ignore" {
            fault("no ignored tests".to_owned());
        }
        if token.in_test && word == "sleep" && text(at + 1) == "(" {
            fault("a test does not sleep".to_owned());
        }
        if word == "unsafe" && !MAY_BE_UNSAFE.contains(&path) {
            fault("unsafe in a file that may not have it".to_owned());
        }
    }

    let lines = source.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{path}:{lines}: more than {MAX_LINES} lines: split it by the noun that owns the data"));
    }
    for part in path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if VAGUE.contains(&name) {
            faults.push(format!("{path}:1: a module named {name} says nothing about what is in it"));
        }
    }
    if let Some(module) = module.filter(|module| layer_of(module).is_none()) {
        faults.push(format!("{path}:1: module {module} has no place in the import order: add it to LAYERS"));
    }
    faults
}

/// Texts that belong to somebody's machine; spelled in two parts so as not to be found here.
fn machine_paths() -> [String; 3] {
    [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"]].map(|parts| parts.concat())
}

/// What is wrong with any text file.
fn text_faults(path: &str, content: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in content.lines().enumerate() {
        for wrong in machine_paths().iter().filter(|wrong| line.contains(wrong.as_str())) {
            faults.push(format!("{path}:{}: {wrong} exists on one machine only", index + 1));
        }
        let source = line.strip_prefix("source = ");
        if path == "Cargo.lock"
            && source.is_some_and(|source| !source.contains("//github.com/rust-lang/crates.io-index"))
        {
            faults.push(format!("{path}:{}: a crate from elsewhere than crates.io", index + 1));
        }
    }
    if path.starts_with(".cargo/") && content.contains("[source") {
        faults.push(format!("{path}:1: the repository names no registry"));
    }
    faults
}

/// All files below `directory`, as paths from the root of the repository, in order.
fn walk(root: &Path, directory: &str, visit: &mut dyn FnMut(&str, &Path)) {
    let mut entries: Vec<_> =
        fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    entries.sort();
    for name in entries {
        let name = name.to_str().unwrap();
        let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        let file = root.join(&path);
        if file.is_symlink() || [".git", "target", "plazo-data"].contains(&path.as_str()) {
            continue;
        }
        if file.is_dir() {
            walk(root, &path, visit);
        } else {
            visit(&path, &file);
        }
    }
}

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut sources) = (Vec::new(), 0);
    walk(root, "", &mut |path, file| {
        let Ok(content) = String::from_utf8(fs::read(file).unwrap()) else { return };
        found.extend(text_faults(path, &content));
        if path.ends_with(".rs") {
            sources += 1;
            found.extend(faults(path, &content));
        }
    });
    assert!(sources > 5, "looked in the wrong place");
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

/// Modules that a test names but the small crate of the mutation tests (`tests/mutants/run`) lacks, where it takes that test.
fn beyond_the_small_crate(modules: &[&str], path: &str, source: &str) -> Vec<String> {
    let named = source
        .split("plazo::")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
    let lacking = named.filter(|module| !module.is_empty() && !modules.contains(module));
    lacking
        .map(|module| {
            format!("{path}: `make mutants` has this test, but not {module}: move the case to a file of its own")
        })
        .collect()
}

#[test]
fn the_small_crate_of_the_mutation_tests_has_what_its_tests_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let run = read(&root.join("tests/mutants/run"));
    let modules: Vec<&str> = run
        .lines()
        .find_map(|line| line.strip_prefix("MODULES="))
        .expect("a line MODULES=")
        .trim_matches('"')
        .split(' ')
        .collect();
    let core = read(&root.join("tests/mutants/core.rs"));
    let paths: Vec<&str> =
        core.lines().filter_map(|line| line.strip_prefix("#[path = \"../tests/")?.strip_suffix("\"]")).collect();
    assert!(paths.len() > 10 && modules.contains(&"engine"), "{paths:?} {modules:?}");
    let mut faults = Vec::new();
    for path in paths {
        match path.strip_suffix("/mod.rs") {
            Some(folder) => walk(&root.join("tests"), folder, &mut |path, file| {
                faults.extend(beyond_the_small_crate(&modules, path, &read(file)))
            }),
            None => faults.extend(beyond_the_small_crate(&modules, path, &read(&root.join("tests").join(path)))),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[track_caller]
fn caught(path: &str, source: &str, what: &str) {
    let found = faults(path, source);
    assert!(found.len() == 1 && found[0].contains(what), "{source:?} in {path}: {found:?}");
}

#[track_caller]
fn passes(path: &str, source: &str) {
    assert_eq!(faults(path, source), [""; 0], "{source:?} in {path}");
}

#[test]
fn an_upward_import_is_caught() {
    for source in [
        "use crate::engine::Shard;",
        "use crate::{time::Timestamp, engine};",
        "use crate::{policy, time};",
        "fn f() { crate::cli::run() }",
        "mod deep { use super::super::view::View; }",
        "use plazo::api;",
        "pub(in crate::engine) fn f() {}",
    ] {
        caught("src/event/mod.rs", source, "must not import");
    }
    caught("src/calendar/compile.rs", "use crate::event::Fact;", "must not import");
    caught("src/config.rs", "use crate::view::View;", "must not import");
    caught("src/api/mod.rs", "use crate::cli::Args;", "must not import");
    caught("src/lead.rs", "", "no place in the import order");
}

#[test]
fn a_downward_import_passes() {
    passes("src/event/mod.rs", "use crate::{event::Fact, time::{self, Timestamp}};");
    passes("src/engine/fold.rs", "use crate::policy::Sla; use super::record; pub(crate) fn f() {}");
    passes("src/engine/fold.rs", "// use crate::cli;\nconst A: &str = \"crate::cli::run\";");
    passes("src/replay.rs", "use crate::report::Report;");
    passes("src/main.rs", "use plazo::cli;");
    passes("src/lib.rs", "pub use crate::cli::run;");
    passes("tests/replay.rs", "use plazo::replay;");
}

#[test]
fn a_name_of_the_shells_in_the_core_is_caught() {
    for name in NOT_IN_CORE {
        caught("src/engine/mod.rs", &format!("use {name}::thing;"), "must not name");
        caught("src/time.rs", &format!("fn f() {{ {name}::thing() }}"), "must not name");
        caught("src/policy/check.rs", &format!("use {name};"), "must not name");
        passes("src/api/mod.rs", &format!("use {name}::thing;"));
    }
    caught("src/engine/mod.rs", "#[tokio::test]\nfn f() {}", "must not name");
    caught("src/engine/mod.rs", "async fn f() {}", "no async");
    passes("src/engine/mod.rs", "fn f(config: u8) -> u8 { config } // tokio::spawn");
}

#[test]
fn a_clock_in_the_core_is_caught() {
    for source in [
        "use std::time::SystemTime;",
        "use std::time::{Duration, Instant};",
        "use std::{fmt, time::Instant};",
        "fn f() { std::time::Instant::now(); }",
    ] {
        caught("src/calendar/mod.rs", source, "no clock");
    }
    passes("src/calendar/mod.rs", "use std::time::Duration; use crate::time::Timestamp;");
    passes("src/api/mod.rs", "use std::time::Instant;");
}

#[test]
fn a_long_file_is_caught() {
    caught("src/view.rs", &"\n".repeat(MAX_LINES + 1), "more than 700 lines");
    passes("src/view.rs", &"\n".repeat(MAX_LINES));
}

#[test]
fn a_vague_name_is_caught() {
    for name in VAGUE {
        caught(&format!("src/engine/{name}.rs"), "", "says nothing");
        caught(&format!("tests/{name}/mod.rs"), "", "says nothing");
    }
    passes("src/engine/utility_bill.rs", "");
}

#[test]
fn a_placeholder_is_caught() {
    for name in ["todo", "unimplemented", "dbg"] {
        caught("src/cli/run.rs", &format!("fn f() {{ {name}!() }}"), "not for keeps");
    }
    passes("src/cli/run.rs", "// todo!()\nfn todo() {}");
}

#[test]
fn an_ignored_test_is_caught() {
    caught("tests/replay.rs", "#[test]\n#[ignore]\nfn f() {}", "no ignored tests");
    caught("tests/replay.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", "no ignored tests");
    caught("src/view.rs", "#[cfg_attr(windows, ignore)]\nfn f() {}", "no ignored tests");
    passes("src/view.rs", "/// Words to ignore.\nfn ignore() {}");
}

#[test]
fn a_sleeping_test_is_caught() {
    caught("tests/run.rs", "fn f() { std::thread::sleep(second); }", "does not sleep");
    caught("src/embedded/tests.rs", "fn f() { sleep(second); }", "does not sleep");
    caught("src/view.rs", "#[cfg(test)]\nmod tests { fn f() { tokio::time::sleep(second).await; } }", "does not sleep");
    passes("src/view.rs", "#[cfg(test)]\nmod tests;\nfn f() { sleep(second); }");
    passes("src/view.rs", "#[cfg(test)]\nmod tests {}\nmod rest { fn f() { sleep(second); } }");
}

#[test]
fn unsafe_code_is_caught() {
    caught("src/timer_wheel/mod.rs", "fn f() { unsafe { g() } }", "unsafe");
    passes("src/timer_wheel/mod.rs", "/// No unsafe.\nfn f() {}");
}

#[test]
fn a_fault_names_its_line() {
    assert!(faults("src/time.rs", "\n\nuse crate::cli;")[0].starts_with("src/time.rs:3: "));
}

#[test]
fn a_path_of_one_machine_or_another_registry_is_caught() {
    for wrong in machine_paths() {
        assert_eq!(text_faults("README.md", &format!("a\nsee {wrong}x")).len(), 1);
    }
    assert_eq!(text_faults("Cargo.lock", "source = \"registry+https://example.org/index\"").len(), 1);
    assert_eq!(text_faults(".cargo/config.toml", "[source.crates-io]").len(), 1);
    let good = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(text_faults("Cargo.lock", good), [""; 0]);
    assert_eq!(text_faults("README.md", "network/latency"), [""; 0]);
}
