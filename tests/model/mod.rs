//! A naive model of the rules, written from the contract's text alone and never from the engine: no wheel, no codec, no
//! ledger tricks. At every instant of interest all clocks of a lead are computed again from all its facts.
//!
//! [`run`] takes what a shard would be handed, record by record, and answers with everything that must have been told.

#![allow(dead_code, reason = "each test target uses a part of the model")]

pub mod clock;
pub mod generate;
pub mod lead;
pub mod scan;
pub mod tell;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};

use plazo::event::{Event, Reason};
use plazo::policy::{Disposition, Policy, Promise};
use plazo::time::{DAY_MS, Timestamp};

use lead::Seen;
use tell::{Instant, Ledger};
use watch::{Act, Alarm};

/// What a shard is handed, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// A record of the log: everything due before `append` fires first, what is due at it waits.
    Record { append: Timestamp, event: Box<Event<'static>> },
    /// Every record up to and including this instant has been read: everything due by it fires.
    Watermark(Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Duplicate,
    Refused(Reason),
}

/// One notice, with everything that the text gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Index of the input step during which it was told.
    pub input: usize,
    pub kind: &'static str,
    /// The instant it speaks of.
    pub time: Timestamp,
    /// The logical watermark at which it was decided.
    pub as_of: Timestamp,
    pub lead_id: String,
    pub sla: String,
    /// Place of the SLA among the policy's families: order of notices.
    pub family: usize,
    pub cycle: usize,
    pub start: Timestamp,
    /// Ordinal (from 0) among the clocks of this SLA that start at one instant.
    pub ordinal: usize,
    pub target: String,
    pub owner: Option<String>,
    pub team: Option<String>,
    pub due_at: Option<Timestamp>,
    pub remaining_ms: Option<i64>,
    pub previous_due_at: Option<Timestamp>,
    pub found_late: Option<bool>,
    pub rung: Option<String>,
    pub valid_until: Option<Timestamp>,
    /// 1-based ordinal and text of an escalation's step.
    pub step: Option<(usize, String)>,
    pub stopped_at: Option<Timestamp>,
    pub open_ms: Option<i64>,
    pub open_ms_by_owner: BTreeMap<String, i64>,
    /// When the pause began that is told or over.
    pub pause: Option<Timestamp>,
    /// Of a mass disposition.
    pub disposition: Option<Disposition>,
    /// What a notice of `[watch]` says besides, by the names of its fields.
    pub watched: BTreeMap<&'static str, String>,
    /// Of a breach.
    pub explanation: Option<clock::Explanation>,
    /// From when the version that governs the clock is in force.
    pub effective_from: Timestamp,
    /// Index in [`Run::said`] of what it takes back.
    pub retracts: Option<usize>,
    pub reason: Option<&'static str>,
}

impl Said {
    /// Of a lead; what speaks of a clock adds it.
    fn new(kind: &'static str, time: Timestamp, lead_id: &str, instant: Instant, effective_from: Timestamp) -> Self {
        Said {
            input: instant.input,
            kind,
            time,
            as_of: instant.at,
            lead_id: lead_id.to_owned(),
            sla: String::new(),
            family: usize::MAX,
            cycle: 0,
            start: time,
            ordinal: 0,
            target: String::new(),
            owner: None,
            team: None,
            due_at: None,
            remaining_ms: None,
            previous_due_at: None,
            found_late: None,
            rung: None,
            valid_until: None,
            step: None,
            stopped_at: None,
            open_ms: None,
            open_ms_by_owner: BTreeMap::new(),
            pause: None,
            disposition: None,
            watched: BTreeMap::new(),
            explanation: None,
            effective_from,
            retracts: None,
            reason: None,
        }
    }
}

/// A clock as reports count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalClock {
    pub sla: String,
    pub cycle: usize,
    pub start: Timestamp,
    pub target: String,
    /// met, met_late, breached, running, paused, cancelled.
    pub state: &'static str,
    pub due_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct Run {
    pub answers: Vec<Option<Answer>>,
    pub said: Vec<Said>,
    pub clocks: BTreeMap<String, Vec<FinalClock>>,
}

/// All that is known of one lead.
#[derive(Clone, Debug, Default)]
pub struct Lead {
    /// In order of event time, then of arrival.
    pub facts: Vec<Seen>,
    /// The last instant whose passing has been handled.
    pub passed: Option<Timestamp>,
    /// The last logical instant of any step.
    pub at: Option<Timestamp>,
    /// At the last step nothing was told, as its state was not known.
    pub silent: bool,
    pub ledger: Ledger,
    /// What was done to it by its holders, as of the last step.
    pub acts: Vec<Act>,
    /// Facts up to this instant are folded: nothing can be inserted among them.
    pub folded: Option<Timestamp>,
}

impl Lead {
    fn known(&self, at: Timestamp) -> &[Seen] {
        let known = self.facts.iter().take_while(|fact| fact.time <= at).count();
        &self.facts[..known]
    }

    /// More settled facts than `most` are not kept one by one: the oldest are folded, so that half as many stay. Those of one
    /// instant go together or not at all, unless they alone are too many.
    fn fold(&mut self, at: Timestamp, most: usize) {
        loop {
            let unfolded = |fact: &&Seen| self.folded.is_none_or(|until| fact.time > until);
            let times: Vec<Timestamp> = self.known(at).iter().filter(unfolded).map(|fact| fact.time).collect();
            if times.len() <= most {
                return;
            }
            let mut going = times.len() - most / 2;
            while going > 0 && times.get(going) == Some(&times[going - 1]) {
                going -= 1;
            }
            self.folded = Some(if going == 0 { times[0] } else { times[going - 1] });
        }
    }
}

/// Everything that must have been told after `steps`, in order.
///
/// `max_facts`: how many facts of a lead are kept one by one, where there is a cap.
pub fn run(policy: &Policy, future_tolerance_ms: i64, max_facts: Option<usize>, steps: &[Step]) -> Run {
    let mut run = Run::default();
    let mut alarms: Vec<Alarm> = Vec::new();
    let mut leads: BTreeMap<String, Lead> = BTreeMap::new();
    let mut accepted: BTreeSet<(String, String)> = BTreeSet::new();
    let mut last = Timestamp::MIN;
    for (input, step) in steps.iter().enumerate() {
        match step {
            Step::Watermark(watermark) => {
                pass(policy, &mut leads, (*watermark, input, max_facts), &mut alarms, &mut run.said);
                last = *watermark;
                run.answers.push(None);
            }
            Step::Record { append, event } => {
                assert!(*append >= last, "a log is ordered by append time");
                last = *append;
                pass(policy, &mut leads, (append.plus_ms(-1), input, max_facts), &mut alarms, &mut run.said);
                let delivery = (event.source.to_string(), event.id.to_string());
                if accepted.contains(&delivery) {
                    run.answers.push(Some(Answer::Duplicate));
                    continue;
                }
                if let Some(reason) = refusal(policy, future_tolerance_ms, *append, event) {
                    run.answers.push(Some(Answer::Refused(reason)));
                    continue;
                }
                let name = event.lead_id.to_string();
                if leads.get(&name).and_then(|lead| lead.folded).is_some_and(|until| event.time <= until) {
                    run.answers.push(Some(Answer::Refused(Reason::TooOld)));
                    continue;
                }
                accepted.insert(delivery);
                let lead = leads.entry(name.clone()).or_default();
                let place = lead.facts.iter().take_while(|fact| fact.time <= event.time).count();
                lead.facts.insert(place, Seen { time: event.time, fact: event.fact.clone() });
                let instant = tell::Instant { at: *append, passing: false, spoken: event.time.min(*append), input };
                tell::tell(policy, &name, lead, instant, &mut run.said);
                lead.at = Some(*append);
                lead.passed = Some(append.plus_ms(-1));
                watch::look(policy, &mut leads, &name, instant, (&mut alarms, &mut run.said));
                fold(&mut leads, &name, *append, max_facts);
                run.answers.push(Some(Answer::Accepted));
            }
        }
    }
    for (name, lead) in &leads {
        run.clocks.insert(name.clone(), tell::finals(policy, lead, last));
    }
    run
}

/// Fires everything that is due by `until`, in order of (instant, lead id).
fn pass(
    policy: &Policy,
    leads: &mut BTreeMap<String, Lead>,
    (until, input, max_facts): (Timestamp, usize, Option<usize>),
    alarms: &mut Vec<Alarm>,
    said: &mut Vec<Said>,
) {
    loop {
        let next = leads
            .iter()
            .filter_map(|(name, lead)| next_instant(policy, lead).map(|instant| (instant, name.clone())))
            .filter(|(instant, _)| *instant <= until)
            .min();
        let Some((instant, name)) = next else { break };
        let lead = leads.get_mut(&name).expect("the lead was just listed");
        let moment = tell::Instant { at: instant, passing: true, spoken: instant, input };
        tell::tell(policy, &name, lead, moment, said);
        lead.at = Some(instant);
        lead.passed = Some(instant);
        watch::look(policy, leads, &name, moment, (alarms, said));
        fold(leads, &name, instant, max_facts);
    }
}

fn fold(leads: &mut BTreeMap<String, Lead>, name: &str, at: Timestamp, max_facts: Option<usize>) {
    if let (Some(lead), Some(most)) = (leads.get_mut(name), max_facts) {
        lead.fold(at, most);
        lead.acts.retain(|act| lead.folded.is_none_or(|until| act.at > until));
    }
}

/// The first instant after what has passed at which something could have to be told.
fn next_instant(policy: &Policy, lead: &Lead) -> Option<Timestamp> {
    let passed = lead.passed?;
    let at = lead.at?.max(passed);
    let future = lead.facts.iter().map(|fact| fact.time).filter(|time| *time > at).min();
    let clocks = clock::clocks(policy, lead.known(at), passed);
    let timed = clocks.iter().flat_map(|clock| {
        let rungs = clock.rungs.iter().filter_map(|(_, instant)| *instant);
        let steps = clock.steps.iter().filter_map(|(_, instant)| *instant);
        rungs.chain(steps).chain(clock.due).chain(clock.bound).collect::<Vec<_>>()
    });
    timed.chain(future).filter(|instant| *instant > passed).min()
}

fn refusal(policy: &Policy, tolerance_ms: i64, append: Timestamp, event: &Event<'static>) -> Option<Reason> {
    if event.time > append.plus_ms(tolerance_ms) {
        return Some(Reason::FutureTime);
    }
    if let Some(status) = &event.fact.status {
        let words = &policy.versions[policy.words_at(event.time)];
        if words.lifecycle.find(status).is_none() {
            return Some(Reason::UnknownStatus);
        }
    }
    for (name, value) in &event.fact.attributes {
        let deadline = policy.versions.iter().flat_map(|version| &version.slas).any(|sla| {
            sla.targets.iter().any(|target| matches!(&target.promise, Promise::By(attribute) if attribute == name))
        });
        if deadline {
            match Timestamp::parse(value) {
                Err(_) => return Some(Reason::BadAttribute),
                Ok(instant) if instant.since_ms(event.time) > 3_653 * DAY_MS => return Some(Reason::BadAttribute),
                Ok(_) => {}
            }
        }
    }
    None
}
