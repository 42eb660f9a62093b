//! What of a history could not be used: counted, the first ones listed, and judged against what is bearable.

use std::collections::BTreeMap;

use super::Place;
use crate::event::Rejection;

/// More are counted and not listed.
pub const MOST_LISTED: usize = 20;

/// The bad lines of one file.
#[derive(Debug)]
pub struct BadLines {
    file: String,
    /// Events looked at, good ones too.
    all: u64,
    bad: u64,
    listed: Vec<String>,
    reasons: BTreeMap<&'static str, u64>,
    /// Of two policies one took what the other refused.
    used: bool,
    /// Why the file was read no further.
    damage: Option<String>,
}

impl BadLines {
    pub fn new(file: &str) -> Self {
        let (listed, reasons) = (Vec::new(), BTreeMap::new());
        BadLines { file: file.to_owned(), all: 0, bad: 0, listed, reasons, used: false, damage: None }
    }

    /// Something of what was refused was of use all the same.
    pub fn were_used(&mut self) {
        self.used = true;
    }

    /// The file is damaged, and was read up to there.
    pub fn ends_early(&mut self, damage: Option<String>) {
        self.damage = damage;
    }

    /// Every event passes here once: good, or with why it was refused.
    pub fn count(&mut self, place: Place, refused: Option<&Rejection>) {
        self.all += 1;
        let Some(rejection) = refused else { return };
        self.bad += 1;
        *self.reasons.entry(rejection.reason.name()).or_default() += 1;
        if self.listed.len() < MOST_LISTED {
            self.listed.push(format!("{}:{}: {}: {}", self.file, place.line, rejection.reason, rejection.detail));
        }
    }

    pub fn any(&self) -> bool {
        self.bad > 0
    }

    /// For people: the first bad lines with their places, then how many there are by reason.
    pub fn lines(&self) -> Vec<String> {
        if self.all == 0 {
            return vec![format!("{}: there is no event in it", self.file)];
        }
        if self.bad == 0 {
            return Vec::new();
        }
        let mut lines = self.listed.clone();
        let more = self.bad - self.listed.len() as u64;
        if more > 0 {
            lines.push(format!("{}: {more} more; --rejected FILE has all of them", self.file));
        }
        let reasons: Vec<String> = self.reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let (events, were) = if self.bad == 1 { ("event", "was") } else { ("events", "were") };
        lines.push(format!("{} {events} {were} refused: {}", self.bad, reasons.join(", ")));
        lines
    }

    /// Whether all are bad, or more than `most_ppm` millionths, or nobody knows how many: then what, for people.
    pub fn too_many(&self, most_ppm: u32) -> Option<String> {
        if let Some(damage) = &self.damage {
            return Some(format!("{damage}; the {} events before that were read", self.all));
        }
        if self.bad == self.all && self.any() && !self.used {
            return Some(format!("{}: nothing in it could be used; --format names how it is written", self.file));
        }
        let over = u128::from(self.bad) * 1_000_000 > u128::from(self.all) * u128::from(most_ppm);
        over.then(|| {
            let most = f64::from(most_ppm) / 10_000.0;
            format!(
                "{} of {} events of {} cannot be used, more than the {most}% of --max-bad",
                self.bad, self.all, self.file
            )
        })
    }
}
