//! From observed clocks to figures: quantiles, candidates, a recommendation, and which segments differ.

use std::cmp::Reverse;

use super::observe::{Ended, Seen, SeenSla};
use super::scale::{Scale, candidates};
use super::survival::{KaplanMeier, Observation, Quantile, Share, holm, log_rank};
use crate::calendar::Duration;
use crate::policy::{Promise, Sla};

/// The quantiles that are told.
pub const PERCENTS: [u32; 4] = [50, 75, 90, 95];

/// Fewer stops say too little of a share of nine in ten: its interval would span some 20 points and more.
pub const LEAST_STOPS: u64 = 30;

/// A segment differs beyond chance where the log-rank test says so at this level, all comparisons of its SLA corrected for (Holm).
pub const SIGNIFICANCE: f64 = 0.05;

/// And it matters where as many points lie between its met share and that of the others, at the target of all or at its own.
pub const LEAST_DIFFERENCE: f64 = 0.10;

/// More targets in one SLA are more than people remember.
pub const MOST_TARGETS: usize = 5;

/// Met shares are products of rounded quotients.
const SLACK: f64 = 1e-9;

/// A candidate target and the share that would have met it; `None`: nobody was observed for so long.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub duration: Duration,
    pub share: Option<Share>,
    pub present: bool,
}

/// Why no target is recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// Fewer than [`LEAST_STOPS`] clocks have stopped.
    TooFew,
    /// No candidate is met so often, or not as far as the history reaches.
    NotReached,
    /// The deadline is the source's.
    BySource,
}

/// What some clocks say.
#[derive(Clone, Debug)]
pub struct Figures {
    pub clocks: u64,
    pub stopped: u64,
    pub running: u64,
    pub cancelled: u64,
    /// Time to the stop as the target counts it, by [`PERCENTS`]: milliseconds.
    pub quantiles: [Quantile; PERCENTS.len()],
    /// From the least met to the most.
    pub candidates: Vec<Candidate>,
    pub recommended: Result<usize, Unsaid>,
}

impl Figures {
    pub fn recommended(&self) -> Option<&Candidate> {
        self.recommended.ok().and_then(|index| self.candidates.get(index))
    }

    pub fn present(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.present)
    }

    /// The recommended target's share here, or another's.
    pub fn share_of(&self, duration: &Duration) -> Option<Share> {
        self.candidates.iter().find(|candidate| candidate.duration == *duration)?.share
    }
}

/// What is said of a segment, or of a target against the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It, or all that it is compared with, has fewer than [`LEAST_STOPS`] stops.
    TooFew,
    /// No difference beyond chance.
    Alike { p: f64 },
    /// A difference beyond chance, which calls for no other target.
    Little { p: f64 },
    /// It deserves a target of its own.
    Own { p: f64 },
}

impl Verdict {
    pub fn p(self) -> Option<f64> {
        match self {
            Verdict::TooFew => None,
            Verdict::Alike { p } | Verdict::Little { p } | Verdict::Own { p } => Some(p),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Segment {
    pub dimension: usize,
    pub value: String,
    /// Of the value among those of its dimension.
    index: u32,
    pub figures: Figures,
    pub verdict: Verdict,
}

/// Where the time from start to stop (or until now) went: milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeSpent {
    pub counted_ms: i128,
    pub paused_ms: i128,
    pub closed_ms: i128,
}

#[derive(Clone, Debug)]
pub struct TargetFinding {
    /// In the SLA's written order.
    pub index: usize,
    pub figures: Figures,
    /// From start to stop by the wall, by [`PERCENTS`]: milliseconds.
    pub elapsed: [Quantile; PERCENTS.len()],
    pub spent: TimeSpent,
    /// Against the SLA's other targets; `None` where it has no other.
    pub against_others: Option<Verdict>,
    pub segments: Vec<Segment>,
    /// Segments that get a target of their own in a draft, in its order.
    pub split: Vec<usize>,
    /// What the others say where there is such a segment.
    pub rest: Option<Figures>,
}

#[derive(Clone, Debug)]
pub struct SlaFinding {
    pub name: String,
    /// All clocks, in time as the last target counts it; without candidates.
    pub all: Figures,
    pub targets: Vec<TargetFinding>,
    /// Segments that deserve a target of their own, and get none because there would be too many.
    pub left_out: usize,
}

/// Looks at the clocks of an SLA. `wished` is the met share that is asked for.
pub fn weigh(sla: &Sla, seen: &SeenSla, wished: f64) -> SlaFinding {
    let last = sla.targets.len() - 1;
    let everything: Vec<&Seen> = seen.targets.iter().flatten().collect();
    // What is compared among targets is compared as the last counts it, in time alone.
    let all = figures(&everything, None, (&seen.scales[last].0, None), wished, |seen| seen.whole);
    let mut targets: Vec<TargetFinding> =
        (0..sla.targets.len()).map(|index| target_finding(sla, seen, index, wished)).collect();
    test_all(sla, seen, &mut targets);
    let mut room = MOST_TARGETS.saturating_sub(targets.len());
    let mut left_out = 0;
    for target in &mut targets {
        left_out += split(target, &mut room);
        if !target.split.is_empty() {
            let chosen = |clock: &Seen| target.split.iter().any(|index| is_in(&target.segments[*index], clock));
            let rest: Vec<&Seen> = seen.targets[target.index].iter().filter(|clock| !chosen(clock)).collect();
            target.rest = Some(of_target(sla, seen, target.index, &rest, wished));
        }
    }
    SlaFinding { name: seen.name.clone(), all, targets, left_out }
}

fn is_in(segment: &Segment, clock: &Seen) -> bool {
    clock.values[segment.dimension] == segment.index
}

fn target_finding(sla: &Sla, seen: &SeenSla, index: usize, wished: f64) -> TargetFinding {
    let clocks: Vec<&Seen> = seen.targets[index].iter().collect();
    let mut spent = TimeSpent::default();
    for clock in &clocks {
        spent.counted_ms += i128::from(clock.counted_ms);
        spent.paused_ms += i128::from(clock.paused_ms);
        spent.closed_ms += i128::from(clock.elapsed_ms - clock.paused_ms - clock.counted_ms);
    }
    let elapsed = KaplanMeier::of(clocks.iter().map(|clock| clock.elapsed()));
    let mut segments = Vec::new();
    for (dimension, values) in seen.values.iter().enumerate() {
        let mut groups: Vec<Vec<&Seen>> = vec![Vec::new(); values.len()];
        for clock in &clocks {
            groups[clock.values[dimension] as usize].push(clock);
        }
        let groups = (0..).zip(groups.iter().zip(values)).filter(|(_, (group, _))| !group.is_empty());
        let mut of_dimension: Vec<Segment> = groups
            .map(|(number, (group, value))| Segment {
                dimension,
                value: value.clone(),
                index: number,
                figures: of_target(sla, seen, index, group, wished),
                verdict: Verdict::TooFew,
            })
            .collect();
        of_dimension.sort_by(|one, other| {
            (Reverse(one.figures.clocks), &one.value).cmp(&(Reverse(other.figures.clocks), &other.value))
        });
        segments.extend(of_dimension);
    }
    TargetFinding {
        index,
        figures: of_target(sla, seen, index, &clocks, wished),
        elapsed: PERCENTS.map(|percent| elapsed.quantile(f64::from(percent) / 100.0)),
        spent,
        against_others: None,
        segments,
        split: Vec::new(),
        rest: None,
    }
}

fn of_target(sla: &Sla, seen: &SeenSla, index: usize, clocks: &[&Seen], wished: f64) -> Figures {
    let (time, dates) = &seen.scales[index];
    figures(clocks, Some(&sla.targets[index].promise), (time, dates.as_ref()), wished, |seen| seen.time)
}

fn figures(
    clocks: &[&Seen],
    promise: Option<&Promise>,
    (time, dates): (&Scale, Option<&Scale>),
    wished: f64,
    observation: fn(&Seen) -> Observation,
) -> Figures {
    let count = |ended: Ended| clocks.iter().filter(|clock| clock.ended == ended).count() as u64;
    let by_time = KaplanMeier::of(clocks.iter().map(|clock| observation(clock)));
    let by_date = KaplanMeier::of(clocks.iter().filter_map(|clock| clock.dates).filter(|_| dates.is_some()));
    let quantile = |percent: u32| {
        let places = by_time.quantile(f64::from(percent) / 100.0);
        let ms = |place: Option<i64>| place.map(Scale::time_ms);
        Quantile { time: ms(places.time), low: ms(places.low), high: ms(places.high) }
    };
    let mut told: Vec<Candidate> = match promise {
        None | Some(Promise::By(_)) => Vec::new(),
        Some(Promise::Within(present)) => {
            let place = |duration: &Duration| {
                let time = time.place(duration).map(|place| by_time.share_by(place));
                time.or_else(|| dates?.place(duration).map(|place| by_date.share_by(place)))
            };
            let of = |duration: Duration| {
                place(&duration).map(|share| Candidate { share, present: duration == *present, duration })
            };
            candidates(present).into_iter().filter_map(of).collect()
        }
    };
    // Both families rise, so this keeps each in its order; hours stand before dates that are met as often.
    told.sort_by(|one, other| {
        let key = |candidate: &Candidate| candidate.share.map_or(2.0, |share| share.estimate);
        key(one).total_cmp(&key(other)).then_with(|| rank(&one.duration).cmp(&rank(&other.duration)))
    });
    let stopped = count(Ended::Stopped);
    let reaches = |candidate: &Candidate| candidate.share.is_some_and(|share| share.estimate >= wished - SLACK);
    let recommended = match promise {
        Some(Promise::By(_)) => Err(Unsaid::BySource),
        _ if stopped < LEAST_STOPS => Err(Unsaid::TooFew),
        _ => told.iter().position(reaches).ok_or(Unsaid::NotReached),
    };
    Figures {
        clocks: clocks.len() as u64,
        stopped,
        running: count(Ended::Running),
        cancelled: count(Ended::Cancelled),
        quantiles: PERCENTS.map(quantile),
        candidates: told,
        recommended,
    }
}

fn rank(duration: &Duration) -> (u8, i64) {
    match duration {
        Duration::Open { ms } | Duration::Elapsed { ms } => (0, *ms),
        Duration::BusinessDays(days) | Duration::Days(days) | Duration::EndOfBusinessDays(days) => {
            (1, i64::from(*days))
        }
    }
}

/// Which comparison a p-value belongs to.
#[derive(Clone, Copy)]
enum Place {
    Target(usize),
    Segment(usize, usize),
}

/// Compares every target with the others, and every segment with the rest of its target; all of them are one family.
fn test_all(sla: &Sla, seen: &SeenSla, targets: &mut [TargetFinding]) {
    let mut tests: Vec<(Place, f64, bool)> = Vec::new();
    for (index, target) in targets.iter_mut().enumerate() {
        if seen.targets.len() > 1 && sla.targets.iter().all(|target| matches!(target.promise, Promise::Within(_))) {
            target.against_others = Some(Verdict::TooFew);
            let whole = |mine: bool| -> Vec<Observation> {
                let chosen = seen.targets.iter().enumerate().filter(|(other, _)| (*other == index) == mine);
                chosen.flat_map(|(_, clocks)| clocks.iter().map(|clock| clock.whole)).collect()
            };
            let (mine, others) = (whole(true), whole(false));
            if let Some(p) = compare(&mine, &others) {
                tests.push((Place::Target(index), p, apart(&mine, &others)));
            }
        }
        for (number, segment) in target.segments.iter().enumerate() {
            let time = |mine: bool| -> Vec<Observation> {
                let clocks = seen.targets[index].iter();
                clocks.filter(|clock| is_in(segment, clock) == mine).map(|clock| clock.time).collect()
            };
            if segment.figures.stopped < LEAST_STOPS {
                continue;
            }
            if let Some(p) = compare(&time(true), &time(false)) {
                let matters = matters(&target.figures, segment, seen, index);
                tests.push((Place::Segment(index, number), p, matters));
            }
        }
    }
    let corrected = holm(&tests.iter().map(|test| test.1).collect::<Vec<f64>>());
    for ((place, _, matters), p) in tests.into_iter().zip(corrected) {
        let verdict = match (p < SIGNIFICANCE, matters) {
            (false, _) => Verdict::Alike { p },
            (true, false) => Verdict::Little { p },
            (true, true) => Verdict::Own { p },
        };
        match place {
            Place::Target(index) => targets[index].against_others = Some(verdict),
            Place::Segment(index, number) => targets[index].segments[number].verdict = verdict,
        }
    }
}

/// The log-rank test, where both sides are large enough.
fn compare(one: &[Observation], other: &[Observation]) -> Option<f64> {
    let stops = |side: &[Observation]| side.iter().filter(|seen| seen.happened).count() as u64;
    (stops(one) >= LEAST_STOPS && stops(other) >= LEAST_STOPS).then(|| log_rank(one, other))
}

/// Whether by the time in which half of the others stop the share that stopped is another one by [`LEAST_DIFFERENCE`].
fn apart(mine: &[Observation], others: &[Observation]) -> bool {
    let others = KaplanMeier::of(others.iter().copied());
    let median = others.quantile(0.5).time;
    let shares = median
        .and_then(|median| Some((KaplanMeier::of(mine.iter().copied()).share_by(median)?, others.share_by(median)?)));
    shares.is_some_and(|(mine, others)| (mine.estimate - others.estimate).abs() >= LEAST_DIFFERENCE)
}

/// Whether the segment calls for another target: it gets another recommendation, and at one of the two targets (that of all, or the
/// present one where there is none, and its own) its met share and that of the rest are [`LEAST_DIFFERENCE`] apart.
fn matters(of_all: &Figures, segment: &Segment, seen: &SeenSla, index: usize) -> bool {
    let Some(own) = segment.figures.recommended() else { return false };
    let Some(reference) = of_all.recommended().or(of_all.present()) else { return false };
    if own.duration == reference.duration {
        return false;
    }
    let (time, dates) = &seen.scales[index];
    let rest = || seen.targets[index].iter().filter(|clock| !is_in(segment, clock));
    let of_rest = |duration: &Duration| match (time.place(duration), dates) {
        (Some(place), _) => KaplanMeier::of(rest().map(|clock| clock.time)).share_by(place),
        (None, Some(dates)) => {
            let place = dates.place(duration)?;
            KaplanMeier::of(rest().filter_map(|clock| clock.dates)).share_by(place)
        }
        (None, None) => None,
    };
    [&reference.duration, &own.duration].into_iter().any(|duration| {
        // Beyond what was seen of one of them nothing is known.
        let shares = segment.figures.share_of(duration).zip(of_rest(duration));
        shares.is_some_and(|(mine, rest)| (mine.estimate - rest.estimate).abs() >= LEAST_DIFFERENCE)
    })
}

/// Chooses the segments that get a target of their own: of one dimension, as targets of two would overlap, the one that concerns
/// most clocks; the largest first, as far as there is room. How many are left out.
fn split(target: &mut TargetFinding, room: &mut usize) -> usize {
    let own = |segment: &Segment| matches!(segment.verdict, Verdict::Own { .. });
    let concerned = |dimension: usize| -> u64 {
        let segments = target.segments.iter().filter(|segment| segment.dimension == dimension && own(segment));
        segments.map(|segment| segment.figures.clocks).sum()
    };
    let dimensions = target.segments.iter().map(|segment| segment.dimension).max().map_or(0, |last| last + 1);
    let all = target.segments.iter().filter(|segment| own(segment)).count();
    let Some(best) = (0..dimensions).filter(|d| concerned(*d) > 0).max_by_key(|d| (concerned(*d), Reverse(*d))) else {
        return 0;
    };
    let chosen = (0..target.segments.len())
        .filter(|index| target.segments[*index].dimension == best && own(&target.segments[*index]));
    target.split = chosen.take(*room).collect();
    *room -= target.split.len();
    all - target.split.len()
}
