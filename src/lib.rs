//! plazo
pub mod calendar;
pub mod event;
pub mod policy;
pub mod time;
