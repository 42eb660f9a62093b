//! Exports of CRMs and ticket systems: CSV rows -> events, as a map of the columns tells (docs/events.md).
//!
//! An export has no order of arrival. So the whole file is read ([`read_csv`]), and sorted by event time
//! ([`Sorter`](crate::sorter::Sorter): in temporary files where it is large); ties keep their place in the file.

mod change;
mod file;
mod lead;
mod map;
mod row;
mod time;

pub use file::{Cells, CsvFile};
pub use map::CsvMap;
pub(in crate::event) use map::time_formats;
pub use row::read_csv;
pub use time::reads_instant;
pub(in crate::event) use time::{TimeFormat, read_instant};
