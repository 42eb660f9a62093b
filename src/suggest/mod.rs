//! Targets from history: how long clocks take to stop, and which share of them each target would have met (docs/suggest.md).
//!
//! `observe` reads the engine's clocks, `scale` finds the smallest target that each would have met, `survival` estimates over clocks
//! that have not all stopped, `weigh` recommends; `text`, `json` and `draft` tell it.

mod draft;
mod json;
pub mod observe;
pub mod scale;
pub mod survival;
mod text;
pub mod weigh;
mod words;

use crate::engine::{RecordError, Rules, Shard};
use crate::policy::Version;
use crate::replay::Counts;
use crate::time::Timestamp;

pub use draft::{DraftError, draft};
pub use json::{SuggestionJson, to_json, write_json};
pub use observe::{Dimension, without_deadlines};
pub use text::write_text;

use observe::Observer;
use weigh::SlaFinding;

#[cfg(test)]
mod tests;

/// What is asked of a history.
#[derive(Clone, Debug)]
pub struct Question {
    /// What errors and comments call the history.
    pub history: String,
    /// The met share that is wished for, in millionths.
    pub wished_ppm: u32,
    /// By what segments are told apart.
    pub dimensions: Vec<Dimension>,
}

impl Question {
    fn wished(&self) -> f64 {
        f64::from(self.wished_ppm) / 1e6
    }
}

/// What a history says of a version of the policy.
#[derive(Clone, Debug)]
pub struct Suggestion {
    pub as_of: Timestamp,
    pub question: Question,
    pub version: Version,
    /// In the policy's order.
    pub slas: Vec<SlaFinding>,
    pub events: Counts,
}

/// Looks at the leads of a replay of [`without_deadlines`].
///
/// # Errors
/// Where a record is none.
pub fn suggest(
    question: Question,
    version: Version,
    (rules, shard): (&Rules, &Shard),
    as_of: Timestamp,
    events: Counts,
) -> Result<Suggestion, RecordError> {
    let mut observer = Observer::new(rules, &version, as_of, &question.dimensions);
    for record in shard.records() {
        observer.add(record)?;
    }
    let seen = observer.finish();
    let wished = question.wished();
    let slas = version.slas.iter().zip(&seen).map(|(sla, seen)| weigh::weigh(sla, seen, wished)).collect();
    Ok(Suggestion { as_of, question, version, slas, events })
}
