//! The binary, run as people run it, and what several files run it on.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A lead is disposed of within 8 hours of its assignment.
pub const POLICY: &str = r#"
[agreement]
name = "Test"
effective_from = "2026-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
[[sla.target]]
within = "8 hours"
"#;

pub fn plazo(arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plazo"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A child that refuses its arguments does not read.
    let _closed = child.stdin.take().expect("a pipe").write_all(input.as_ref());
    child.wait_with_output().expect("the binary ends")
}

/// A file of `tests/data`.
pub fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).to_str().expect("UTF-8").to_owned()
}
