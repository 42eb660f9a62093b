//! Exports of CRMs and ticket systems: CSV rows -> events, as a map of the columns tells (docs/events.md).
//!
//! An export has no order of arrival. So the whole file is read ([`read_csv`]), kept small (every text once:
//! [`Exported`](super::Exported)), and sorted by event time; ties keep their place in the file.

mod change;
mod lead;
mod map;
mod row;
mod time;

pub use map::CsvMap;
pub(in crate::event) use map::time_formats;
pub use row::{CsvError, read_csv};
pub use time::reads_instant;
pub(in crate::event) use time::{TimeFormat, read_instant};
