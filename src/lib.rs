//! plazo
pub mod calendar;
pub mod cli;
pub mod event;
pub mod load;
pub mod policy;
pub mod time;
pub mod timer_wheel;
