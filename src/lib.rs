//! plazo
pub mod metrics;
pub mod time;

pub mod timer_wheel;

pub mod calendar;
pub mod event;

pub mod policy;

pub mod engine;

pub mod config;
pub mod view;

pub mod api;
pub mod demo;
pub mod embedded;
pub mod load;
pub mod replay;
pub mod report;
pub mod schema;

pub mod cli;
