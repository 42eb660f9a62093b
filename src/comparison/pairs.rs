//! Matches the clocks of two replays of one history.

use std::collections::BTreeMap;
use std::io;

use chrono_tz::Tz;

use super::{Change, Comparison, NO_CLOCK, NoClock, Seen, Side, SlaComparison, Verdicts, Which, verdict};
use crate::engine::clock::Clock;
use crate::engine::{ClockView, LeadView, Reading, RecordError, Rules, Standing, inspect, record};
use crate::replay::{Counts, Replay};
use crate::report::{Collector, SlaReport, Tally};
use crate::time::Timestamp;

/// Takes changed clocks, one after the other.
pub type TakeChange<'t> = dyn FnMut(&Change) -> io::Result<()> + 't;

/// What of the changes a comparison keeps and hands on.
pub struct Asked<'t> {
    /// Changed clocks that the comparison keeps.
    pub first: usize,
    /// Takes all of them, in order.
    pub take: Option<&'t mut TakeChange<'t>>,
}

/// Why a comparison ended early.
#[derive(Debug, thiserror::Error)]
pub enum Comparing {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// A name that some version of either policy has, and where each has it.
struct Family {
    name: String,
    of: [Option<u16>; 2],
}

fn families(rules: [&Rules; 2]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for (side, rules) in rules.into_iter().enumerate() {
        for (index, family) in (0..).zip(&rules.policy.families) {
            let known = families.iter().position(|known| known.name == family.name);
            let at = known.unwrap_or_else(|| {
                families.push(Family { name: family.name.clone(), of: [None; 2] });
                families.len() - 1
            });
            families[at].of[side] = Some(index);
        }
    }
    families
}

struct Found {
    segments: BTreeMap<[String; 2], [Tally; 2]>,
    changes: BTreeMap<Verdicts, u64>,
}

struct Matcher<'c, 't> {
    replays: [&'c Replay; 2],
    as_of: Timestamp,
    timezone: Tz,
    asked: Asked<'t>,
    families: Vec<Family>,
    found: Vec<Found>,
    first: Vec<Change>,
    changed_leads: u64,
}

/// Compares two replays that have ended at `as_of`. `paths` say what the policies are called; the collectors, what is counted.
///
/// # Errors
/// Where a record cannot be read or a change not be written.
pub fn compare(
    replays: [&Replay; 2],
    paths: [&str; 2],
    as_of: Timestamp,
    mut collectors: [Collector<'_>; 2],
    asked: Asked<'_>,
) -> Result<Comparison, Comparing> {
    let [a, b] = replays;
    let families = families(replays.map(Replay::rules));
    let found = families.iter().map(|_| Found { segments: BTreeMap::new(), changes: BTreeMap::new() }).collect();
    let policy = &a.rules().policy;
    let timezone = policy.versions[policy.words_at(as_of)].timezone;
    let mut matcher = Matcher { replays, as_of, timezone, asked, families, found, first: Vec::new(), changed_leads: 0 };
    let [of_a, of_b] = &mut collectors;
    for ours in a.shard().records() {
        let theirs = b.shard().lead(record::lead_id(ours));
        of_a.add(ours)?;
        if let Some(theirs) = theirs {
            of_b.add(theirs)?;
        }
        matcher.lead([Some((ours, of_a.reading())), theirs.map(|record| (record, of_b.reading()))])?;
    }
    for theirs in b.shard().records() {
        if a.shard().lead(record::lead_id(theirs)).is_none() {
            of_b.add(theirs)?;
            matcher.lead([None, Some((theirs, of_b.reading()))])?;
        }
    }
    let sides = [0, 1].map(|side| Side::new(paths[side], &replays[side].rules().policy, replays[side].counts.clone()));
    let [of_a, of_b] = collectors.map(|collector| collector.finish(Counts::default()));
    let mut reports = [of_a?, of_b?].map(|report| BTreeMap::from_iter(report.slas));
    let Matcher { families, found, first, changed_leads, .. } = matcher;
    let slas = families.into_iter().zip(found).map(|(family, found)| {
        let only_in = match family.of {
            [Some(_), None] => Some(Which::A),
            [None, Some(_)] => Some(Which::B),
            _ => None,
        };
        let mut report = |side: usize| reports[side].remove(&family.name).unwrap_or_default();
        let both: [SlaReport; 2] = [report(0), report(1)];
        let Found { segments, changes } = found;
        SlaComparison { name: family.name, only_in, reports: both, segments, changes }
    });
    Ok(Comparison { as_of, timezone, sides, slas: slas.collect(), changed_leads, first })
}

/// A lead's record under one policy, and what was read of it.
type Known<'l> = Option<(&'l [u8], &'l Reading)>;

impl Matcher<'_, '_> {
    fn lead(&mut self, known: [Known<'_>; 2]) -> Result<(), Comparing> {
        let mut views: [Option<LeadView>; 2] = [None, None];
        let mut changed = false;
        for index in 0..self.families.len() {
            let of = self.families[index].of;
            let clocks = [0, 1].map(|side| of_family(known[side], of[side]));
            for (cycle, pair) in matched(&clocks) {
                let verdicts: Verdicts = pair.map(|clock| clock.map(|clock| verdict(Standing::of(clock))));
                self.count(index, pair);
                if verdicts[0] == verdicts[1] {
                    continue;
                }
                *self.found[index].changes.entry(verdicts).or_default() += 1;
                self.changed_leads += u64::from(!std::mem::replace(&mut changed, true));
                if self.first.len() < self.asked.first || self.asked.take.is_some() {
                    self.change(index, cycle, known, &clocks, &mut views)?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, index: usize, pair: [Option<&Clock>; 2]) {
        let rules = self.replays.map(Replay::rules);
        let target =
            |side: usize| pair[side].map_or(NO_CLOCK.to_owned(), |clock| clock.promise(rules[side]).label.clone());
        let tallies = self.found[index].segments.entry([target(0), target(1)]).or_default();
        for (side, tally) in tallies.iter_mut().enumerate() {
            if let Some(clock) = pair[side] {
                tally.count(Standing::of(clock), clock.open_ms(rules[side], clock.ended_at().min(self.as_of)));
            }
        }
    }

    /// Reads the lead for people: only of those that are told.
    fn change(
        &mut self,
        index: usize,
        cycle: u32,
        known: [Known<'_>; 2],
        clocks: &[Vec<&Clock>; 2],
        views: &mut [Option<LeadView>; 2],
    ) -> Result<(), Comparing> {
        let name = self.families[index].name.clone();
        let mut seen = Vec::with_capacity(2);
        let mut lead_id = String::new();
        for side in [0, 1] {
            let rules = self.replays[side].rules();
            let sla_unknown = self.families[index].of[side].is_none();
            let Some((record, reading)) = known[side] else {
                seen.push(Seen::NoClock(NoClock { sla_unknown, lead_unknown: true, ..NoClock::default() }));
                continue;
            };
            reading.lead.lead_id().clone_into(&mut lead_id);
            if views[side].is_none() {
                views[side] = Some(inspect(rules, record, self.as_of)?);
            }
            let view = views[side].as_ref().and_then(|view| clock_of(view, &name, cycle));
            seen.push(match (view, self.families[index].of[side]) {
                (Some(view), _) => Seen::Clock(Box::new(view.clone())),
                (None, family) => {
                    let not_started = family.map(|family| reading.fold.not_started(family)).unwrap_or_default();
                    Seen::NoClock(NoClock {
                        sla_unknown,
                        lead_unknown: false,
                        clocks: clocks[side].len() as u32,
                        already_stopped: not_started.already_stopped,
                        before_first_version: not_started.before_first_version,
                    })
                }
            });
        }
        let Ok(sides) = <[Seen; 2]>::try_from(seen) else { return Ok(()) };
        let change = Change { lead_id, sla: name, cycle, timezone: self.timezone, as_of: self.as_of, sides };
        if let Some(take) = &mut self.asked.take {
            take(&change)?;
        }
        if self.first.len() < self.asked.first {
            self.first.push(change);
        }
        Ok(())
    }
}

fn clock_of<'v>(view: &'v LeadView, sla: &str, cycle: u32) -> Option<&'v ClockView> {
    view.clocks.iter().find(|clock| clock.sla == sla && clock.cycle == cycle)
}

fn of_family<'l>(known: Known<'l>, family: Option<u16>) -> Vec<&'l Clock> {
    let Some((_, reading)) = known else { return Vec::new() };
    reading.fold.clocks.iter().filter(|clock| Some(clock.family) == family).collect()
}

/// The clocks of one cycle on both sides, cycle by cycle: each side has them in that order.
fn matched<'l>([a, b]: &[Vec<&'l Clock>; 2]) -> Vec<(u32, [Option<&'l Clock>; 2])> {
    let mut matched = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    loop {
        let next = |clock: Option<&&'l Clock>| clock.map(|clock| clock.cycle);
        let Some(cycle) = next(a.peek()).into_iter().chain(next(b.peek())).min() else { return matched };
        let of_cycle = |clock: &&Clock| clock.cycle == cycle;
        matched.push((cycle, [a.next_if(of_cycle), b.next_if(of_cycle)]));
    }
}
