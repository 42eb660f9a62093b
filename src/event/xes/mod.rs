//! Event logs of process mining, XES (IEEE 1849): a trace is a lead, its events are what happened to it (docs/events.md).
//!
//! A log is ordered by trace, not by time. So the file is read as a stream, and its events are sorted by event time
//! ([`Sorter`](crate::sorter::Sorter): in temporary files where they are many); ties keep their place in the file.

mod map;
mod pieces;
mod read;
mod trace;

pub use map::XesMap;
pub use read::read_xes;
