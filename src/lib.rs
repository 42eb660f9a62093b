//! plazo: an event-driven deadline engine for lead SLAs.
//!
//! It takes lead-created and status-changed events, keeps every lead's deadline on a timer wheel, and tells reminders, breaches and
//! escalations, each exactly once, never early, never false. In reading order, each module using only those above it:
//!
//! - [`time`] (instants; the only reader of the wall clock), [`metrics`], [`sorter`] (more than memory should hold, in order);
//! - [`timer_wheel`], [`calendar`] (open time and durations), [`event`] (CloudEvents and CSV -> facts, or a named refusal);
//! - [`policy`]: the agreement, TOML -> checked types, every fault at once; [`language`]: how English and Spanish write things;
//! - [`engine`]: the core that decides, without IO, clock or async. One packed record a lead, one pure function, a shard of leads;
//! - [`config`] (settings) and [`view`] (what HTTP may see of a shell);
//! - [`embedded`] (the shell without a broker: SQLite, one transaction a turn), [`worker`] (the shell on Kafka), [`api`] (HTTP), [`reload`] (another policy while it runs), [`history`] (recorded events of every format), [`replay`], [`report`], [`comparison`] (two policies on one history), [`load`], [`demo`], [`schema`], [`suggest`] (targets from a history), [`written_agreement`] (the policy as people sign it), [`explain`] (a lead told to people);
//! - [`cli`]: one file a command.
//!
//! The way of an event: POST -> decode or reject -> shard: what was due before it, then the fact -> turn (notices, changed
//! records, dead letters, positions) -> one transaction -> commit -> answers, streams and metrics. Down the list, never back; a
//! test (`tests/tidy.rs`) holds that.

pub mod metrics;
pub mod sorter;
pub mod time;

pub mod timer_wheel;

pub mod calendar;
pub mod event;

pub mod language;
pub mod policy;

pub mod engine;

pub mod config;
pub mod view;

pub mod api;
pub mod comparison;
pub mod demo;
pub mod embedded;
pub mod explain;
pub mod history;
pub mod load;
pub mod reload;
pub mod replay;
pub mod report;
pub mod schema;
pub mod suggest;
pub mod worker;
pub mod written_agreement;

pub mod cli;
