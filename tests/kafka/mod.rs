//! A real Kafka, the real binary beside it, and what tests ask of both.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "the clocks are real here: waits are bounded by them")]

pub mod broker;
pub mod crm;
pub mod log;
pub mod proxy;
pub mod site;
pub mod verdict;

use std::time::Duration;

// What most files of tests need.
pub use broker::Broker;
pub use crm::{Feeder, event};
pub use log::{Read, leads};
pub use site::{Engine, Site};

/// Everything that is waited for comes within this time, or the test fails.
pub const BOUND: Duration = Duration::from_secs(240);
