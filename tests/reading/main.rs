//! What people and systems write for the engine, read: policies, calendars, events; and what is generated for them.

#[path = "../schema_check/mod.rs"]
mod schema_check;

mod calendar_model;
mod csv_read;
mod event_decode;
mod event_forms;
mod language;
mod lines;
mod policy_docs;
mod policy_faults;
mod policy_reading;
mod rules_table;
mod schemas;
mod shipped_policies;
