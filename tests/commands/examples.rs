//! `examples/`: what is in it is what its commands make, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What is written by hand.
const SOURCES: [&str; 4] = ["README.md", "make.sh", "policy.toml", "draft.toml"];

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry"));
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, std::fs::read(entry.path()).expect("a file"))
    };
    entries.map(file).collect()
}

#[test]
fn the_examples_are_what_their_commands_make() {
    let kept = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    let folder = tempfile::tempdir().expect("a folder");
    for name in SOURCES {
        std::fs::write(folder.path().join(name), &kept[name]).expect("written");
    }
    let output = Command::new("sh")
        .arg(folder.path().join("make.sh"))
        .env("PLAZO", env!("CARGO_BIN_EXE_plazo"))
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = files(folder.path());
    assert_eq!(made.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>(), "run `make examples`");
    for (name, bytes) in &made {
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(bytes == &kept[name], "{name} is not what is made; run `make examples`. Made:\n{}", told(bytes));
    }
    let readme = String::from_utf8_lossy(&kept["README.md"]).into_owned();
    for name in kept.keys().filter(|name| !SOURCES.contains(&name.as_str())) {
        assert!(readme.contains(&format!("`{name}`")), "README.md says nothing of {name}");
    }
    let bytes: usize = kept.values().map(Vec::len).sum();
    assert!(kept["history.ndjson"].len() < 300_000 && bytes < 1_000_000, "{bytes} bytes");
}
