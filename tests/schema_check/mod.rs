//! What any test writes, held against the schemas. For test targets to include.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use plazo::schema;
use serde_json::Value;

fn validators() -> &'static BTreeMap<String, Validator> {
    static VALIDATORS: OnceLock<BTreeMap<String, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let validator = |name: String| {
            let schema = schema::find(&name).expect("a schema");
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a valid schema");
            (name, validator)
        };
        schema::names().into_iter().map(validator).collect()
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
