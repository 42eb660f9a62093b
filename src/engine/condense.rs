//! A clock of a folded lead that was paused or handed on very often keeps the newest pauses and holds one by one; of those
//! before them, what they add up to.

use smallvec::SmallVec;

use super::clock::{Clock, Hold, PauseSpan};
use super::record::Sym;
use super::rules::{Measure, Rules};
use crate::time::Timestamp;

/// So many pauses and so many holds stay; there is something to do at twice as many.
const KEPT: usize = 32;

impl Clock {
    /// Rewrites what lies before the newest pauses and holds: each holder once, for as long as they held it, then one pause. In
    /// the target's measure the clock has run as long as before, for each holder and in all.
    pub(super) fn condense(&mut self, rules: &Rules) {
        if self.pauses.len() <= 2 * KEPT && self.holds.len() <= 2 * KEPT {
            return;
        }
        let pause = self.pauses.len().checked_sub(KEPT).map(|at| self.pauses[at].from);
        let hold = self.holds.len().checked_sub(KEPT).map(|at| self.holds[at].from);
        let Some(cut) = pause.max(hold) else { return };
        let spans = |pause: &PauseSpan| pause.from < cut && pause.to.is_none_or(|to| to > cut);
        // What is paused at the cut is paused after it too: that pause stays as it is.
        let end = self.pauses.iter().find(|pause| spans(pause)).map_or(cut, |pause| pause.from);
        let at_cut = self.holder_at(cut);
        let mut holds: SmallVec<[Hold; 2]> = SmallVec::new();
        let mut pauses: SmallVec<[PauseSpan; 2]> = SmallVec::new();
        let base = self.base.max(self.start).min(end);
        let due = self.due().unwrap_or(end).max(base).min(end);
        // A restart counts from its own instant, the ladder from the deadline.
        for stretch in [(self.start, base), (base, due), (due, end)] {
            self.sum_up(rules, stretch, &mut holds, &mut pauses);
        }
        pauses.extend(self.pauses.iter().filter(|pause| pause.from >= cut || spans(pause)).copied());
        // Who held it only while it was paused there.
        let meanwhile = self.holds.iter().filter(|hold| end <= hold.from && hold.from < cut).copied();
        for hold in meanwhile {
            if holds.iter().all(|known| (known.owner, known.team) != (hold.owner, hold.team)) {
                holds.push(Hold { from: end, ..hold });
            }
        }
        holds.extend(at_cut.map(|hold| Hold { from: cut, ..hold }));
        holds.extend(self.holds.iter().filter(|hold| hold.from > cut).copied());
        (self.holds, self.pauses) = (holds, pauses);
    }

    /// Each holder of a stretch once, in order of the first hold, then what of it was paused.
    fn sum_up(
        &self,
        rules: &Rules,
        (from, to): (Timestamp, Timestamp),
        holds: &mut SmallVec<[Hold; 2]>,
        pauses: &mut SmallVec<[PauseSpan; 2]>,
    ) {
        let measure = Measure::of_target(self.promise(rules));
        let runs = self.runs(to);
        let mut shares: Vec<((Sym, Sym), i64)> = Vec::new();
        for (index, hold) in self.holds.iter().enumerate() {
            let until = self.holds.get(index + 1).map_or(Timestamp::MAX, |next| next.from).min(to);
            let held = runs
                .iter()
                .map(|run| (run.0.max(hold.from).max(from), run.1.min(until)))
                .filter(|(from, to)| from < to)
                .map(|(from, to)| measure.between(from, to));
            let (held, who) = (held.fold(0, i64::saturating_add), (hold.owner, hold.team));
            if until <= from || hold.from >= to {
                continue;
            }
            match shares.iter_mut().find(|share| share.0 == who) {
                Some(share) => share.1 = share.1.saturating_add(held),
                None => shares.push((who, held)),
            }
        }
        let mut at = from;
        for ((owner, team), held) in shares {
            holds.push(Hold { from: at, owner, team });
            at = measure.add(at, held).min(to);
        }
        if self.pauses.iter().any(|pause| pause.from < to && pause.to.is_none_or(|end| end > from)) {
            pauses.push(PauseSpan { from: at, to: Some(to) });
        }
    }
}
