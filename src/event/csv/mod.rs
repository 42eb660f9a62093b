//! Exports of CRMs and ticket systems: CSV rows -> events, as a map of the columns tells (docs/events.md).
//!
//! An export has no order of arrival. So the whole file is read ([`read_csv`]), kept small (every text once:
//! [`CsvEvents`]), and sorted by event time; ties keep their place in the file.

mod change;
mod events;
mod lead;
mod map;
mod row;
mod time;

pub use events::{CsvEvents, RejectedRow};
pub use map::{CsvMap, Fault};
pub use row::{CsvError, read_csv};
