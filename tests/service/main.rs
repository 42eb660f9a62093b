//! The engine on its embedded store, and its HTTP interface.

#[path = "../schema_check/mod.rs"]
mod schema_check;
#[path = "../shell/mod.rs"]
mod shell;

mod embedded_store;
mod embedded_time;
mod http_events;
mod http_queries;
mod kill;
mod policy_reload;
