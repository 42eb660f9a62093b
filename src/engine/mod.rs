//! The core that decides: sans-IO, no clock, no async (DESIGN §1, §2, §4).
//!
//! In reading order: `record` (the packed lead), its `ledger`, what `folded` facts leave (`condense`: of a clock);
//! `rules` (the policy made ready); `clock` and `fold` (facts
//! -> clocks); `settle` (clocks minus ledger = what must be said) and `speech`, `notice` (how it is said); `watch` (one owner over
//! many leads); `shard` (leads, timers, watermark, a turn and its undo) over `leads`; `explain` (reading a lead) and
//! `why`.

pub mod clock;
mod condense;
pub mod explain;
pub mod fold;
mod folded;
mod json;
pub mod leads;
pub mod ledger;
pub mod notice;
pub mod record;
pub mod rules;
pub mod settle;
pub mod shard;
mod speech;
mod watch;
pub mod why;
mod wire;

pub use explain::{ClockView, LeadView, Reading, Standing, inspect};
pub use notice::{Notice, NoticeId, NoticeKind, Outbox};
pub use record::{Lead, RecordError};
pub use rules::Rules;
pub use settle::OpenState;
pub use shard::{Applied, OpenCount, Options, Progress, Shard, Turn, admit};

#[cfg(test)]
mod tests;
