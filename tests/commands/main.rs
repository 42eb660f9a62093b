//! The commands that read recorded events, policies and calendars, as people run them.

#[path = "../browser/mod.rs"]
mod browser;
#[path = "../schema_check/mod.rs"]
mod schema_check;
#[path = "../shell/mod.rs"]
mod shell;

mod agreement;
mod bad_history;
mod binary;
mod calendar;
mod compare;
mod demo;
mod examples;
mod history_formats;
mod incident_log;
mod pages;
mod replay;
mod replay_timelines;
mod report;
mod suggest;
mod walkthrough;
