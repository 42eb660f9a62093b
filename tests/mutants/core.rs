// Tests of the core beside its unit tests, compiled into the small crate that `run` makes: included at the end of its `lib.rs`.

extern crate self as plazo;

#[path = "../tests/model/mod.rs"]
mod model;
#[path = "../tests/schema_check/mod.rs"]
mod schema_check;
#[path = "../tests/timeline/mod.rs"]
mod timeline;

#[path = "../tests/against_model/engine_properties.rs"]
mod engine_properties;
#[path = "../tests/against_model/model_agreement.rs"]
mod model_agreement;
#[path = "../tests/against_model/model_cases.rs"]
mod model_cases;

#[path = "../tests/reading/calendar_model.rs"]
mod calendar_model;
#[path = "../tests/reading/policy_docs.rs"]
mod policy_docs;
#[path = "../tests/reading/policy_faults.rs"]
mod policy_faults;
#[path = "../tests/reading/policy_reading.rs"]
mod policy_reading;

#[path = "../tests/rules/explain.rs"]
mod explained;
#[path = "../tests/rules/instants.rs"]
mod instants;
#[path = "../tests/rules/ladder.rs"]
mod ladder;
#[path = "../tests/rules/lives.rs"]
mod lives;
#[path = "../tests/rules/notices.rs"]
mod notices;
#[path = "../tests/rules/other_products.rs"]
mod other_products;
#[path = "../tests/rules/pauses.rs"]
mod pauses;
#[path = "../tests/rules/promises.rs"]
mod promises;
#[path = "../tests/rules/standing.rs"]
mod standing;
#[path = "../tests/rules/versions.rs"]
mod versions;
#[path = "../tests/rules/watch.rs"]
mod watched;
#[path = "../tests/rules/zones.rs"]
mod zones;
