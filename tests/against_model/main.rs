//! The engine beside a naive model, and under random policies and histories.

#[path = "../model/mod.rs"]
mod model;
#[path = "../schema_check/mod.rs"]
mod schema_check;

mod engine_properties;
mod facts_only;
mod model_agreement;
mod model_cases;
