//! Targets from history: how long clocks take to stop, and which share of them each target would have met (docs/suggest.md).

pub mod survival;

#[cfg(test)]
mod tests;
