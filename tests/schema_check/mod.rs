//! What any test writes, held against the files of `schemas/`, which another test compares with the types. For test targets to include.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

fn validators() -> &'static BTreeMap<String, Validator> {
    static VALIDATORS: OnceLock<BTreeMap<String, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).expect("schemas");
        let validator = |file: std::io::Result<fs::DirEntry>| {
            let path = file.expect("a file").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let schema = serde_json::from_slice(&fs::read(&path).expect("a schema")).expect("JSON");
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a valid schema");
            (name, validator)
        };
        folder.map(validator).collect()
    })
}

/// Panics unless the CloudEvent is valid against the schema of its type, which is given back.
pub fn validate(json: &[u8]) -> String {
    let value: Value = serde_json::from_slice(json).expect("JSON");
    let kind = value["type"].as_str().expect("a type").to_owned();
    validate_as(&kind, &value);
    kind
}

/// Panics unless the value is valid against this schema.
pub fn validate_as(name: &str, value: &Value) {
    let faults: Vec<String> = validators()[name].iter_errors(value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{name}: {faults:?}\n{value:#}");
}
