//! The agreement in writing: TOML files -> checked types, matching, versions (SEMANTICS §8, INTERFACE "The policy file").

mod agreement;
mod fault;
pub mod kept;
mod load;
mod parse;
mod reader;
mod sla;
#[cfg(test)]
mod tests;
mod watch;

pub use agreement::*;
pub use fault::{Fault, Faults, LoadError, nearest};
pub use load::{load, load_calendars};
pub use parse::parse;
