//! The agreement that the stored clocks were governed by, beside the one at hand: what was signed is not edited unnoticed
//! (SEMANTICS §8).

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

use super::{Policy, Version};
use crate::time::Timestamp;

/// Lines of one version's difference that are shown.
const MOST_LINES: usize = 40;

/// A version as it was when the store was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVersion {
    pub name: String,
    pub effective_from: Timestamp,
    pub fingerprint: String,
    pub text: String,
}

impl KeptVersion {
    pub fn of(version: &Version) -> Self {
        KeptVersion {
            name: version.name.clone(),
            effective_from: version.effective_from,
            fingerprint: version.fingerprint.clone(),
            text: version.text.clone(),
        }
    }
}

/// All versions of a policy, as they are kept.
pub fn versions(policy: &Policy) -> Vec<KeptVersion> {
    policy.versions.iter().map(KeptVersion::of).collect()
}

/// What differs in the versions that have been in force up to `watermark`, for the operator; `None` if nothing does. A version
/// that lies ahead may be edited freely.
pub fn difference(kept: &[KeptVersion], policy: &Policy, watermark: Timestamp) -> Option<String> {
    let now = versions(policy);
    let governs = |version: &&KeptVersion| version.effective_from <= watermark;
    let mut told = String::new();
    for old in kept.iter().filter(governs) {
        let head = format!("the version {:?} of {}", old.name, old.effective_from);
        match now.iter().find(|new| new.effective_from == old.effective_from) {
            None => told.push_str(&format!("\n{head} is missing")),
            Some(new) if new.fingerprint != old.fingerprint => {
                told.push_str(&format!("\n{head} was edited:"));
                lines(old, new, &mut told);
            }
            Some(_) => {}
        }
    }
    for new in now.iter().filter(governs) {
        if kept.iter().all(|old| old.effective_from != new.effective_from) {
            told.push_str(&format!(
                "\nthe version {:?} of {} was added for a time that has passed",
                new.name, new.effective_from
            ));
        }
    }
    (!told.is_empty()).then_some(told)
}

fn lines(old: &KeptVersion, new: &KeptVersion, told: &mut String) {
    if old.text == new.text {
        told.push_str(" not its own text, but a holiday file it names, or this build's time zones");
        return;
    }
    let diff = TextDiff::from_lines(&old.text, &new.text);
    let changed = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
    for (index, change) in changed.enumerate() {
        if index == MOST_LINES {
            told.push_str("\n  …");
            return;
        }
        let sign = if change.tag() == ChangeTag::Delete { '-' } else { '+' };
        // Writing to a string cannot fail.
        let _infallible = write!(told, "\n  {sign} {}", change.value().trim_end());
    }
}
