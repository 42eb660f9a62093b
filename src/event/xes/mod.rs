//! Event logs of process mining, XES (IEEE 1849): a trace is a lead, its events are what happened to it (docs/events.md).
//!
//! A log is ordered by trace, not by time. So the file is read as a stream, its events are kept small
//! ([`Exported`](super::Exported)), and sorted by event time; ties keep their place in the file.

mod map;
mod read;
mod trace;

pub use map::XesMap;
pub use read::{XesError, read_xes};
