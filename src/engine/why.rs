//! Why a clock is as it is: what started and ended it, how its target was chosen, what was counted, what was taken back. All of
//! it read from the fold, the ledger and the calendar; no rule stands here a second time.

use schemars::JsonSchema;
use serde::Serialize;

use super::clock::{Cause, Clock};
use super::explain::{FactView, fact_view};
use super::fold::Fold;
use super::ledger::{Claim, Outcome, Told};
use super::notice::NoticeKind;
use super::record::{Alarm, FactRow, Lead};
use super::rules::Rules;
use crate::event::FactKind;
use crate::policy::{Key, Promise, Sla, Test};
use crate::time::Timestamp;

/// Open intervals that are listed; more help nobody.
const MOST_INTERVALS: usize = 60;

/// Why a clock is as it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Why {
    /// Who promises what, as the policy says it.
    pub promised_by: Option<String>,
    pub promise: Option<String>,
    /// The fact that started it, where it is still kept.
    pub started_by: Option<FactView>,
    /// The fact that stopped or cancelled it.
    pub ended_by: Option<FactView>,
    /// When the target was chosen: at the start, unless the policy or the source moves it.
    pub chosen_at: Option<Timestamp>,
    /// The targets in written order, up to and with the one that was chosen, and what the lead was when it was. Empty where those
    /// facts are no longer kept.
    pub targets: Vec<TargetView>,
    /// Open time from where the allowance counts to the deadline, pauses left out; of promises that count it.
    pub counted: Vec<OpenInterval>,
    /// How many more there are.
    pub counted_more: usize,
    pub pauses: Vec<PauseView>,
    /// Holidays and dates with their own hours on the way to the deadline.
    pub dates: Vec<DateView>,
    /// Who held the lead from when.
    pub holders: Vec<HolderView>,
    /// The deadline had passed when the engine learnt of the clock.
    pub found_late: bool,
    /// How often a moved deadline was told.
    pub deadline_moves: u32,
    /// That the lead was handed on too often, where that was told and stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_pong: Option<PingPongView>,
    /// What was told and taken back since.
    pub retracted: Vec<RetractedView>,
}

/// A target, and how the lead compared with it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TargetView {
    pub target: String,
    /// How long it allows,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// or the attribute that gives the deadline, and what it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    pub conditions: Vec<ConditionView>,
    pub chosen: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConditionView {
    /// An attribute, or `owner`, `team`, `status`, `stage`.
    pub key: String,
    pub asks: Test,
    /// null: the lead does not have it
    pub value: Option<String>,
    pub holds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenInterval {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PauseView {
    pub from: Timestamp,
    /// null while it lasts
    pub to: Option<Timestamp>,
    /// The status that paused it, where the fact is still kept.
    pub status: Option<String>,
    /// It ended because it had lasted as long as the policy allows.
    pub used_up: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DateView {
    pub date: String,
    /// `holiday` or `own_hours`
    pub why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is open on it instead.
    pub hours: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HolderView {
    pub from: Timestamp,
    pub owner: Option<String>,
    pub team: Option<String>,
}

/// `watch.ping_pong` as it was told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PingPongView {
    /// The handover that was one too many.
    pub at: Timestamp,
    /// How many the policy allows.
    pub more_than: u32,
}

/// `watch.mass_disposition` as it was told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MassDispositionView {
    /// The last of the dispositions that were too many.
    pub at: Timestamp,
    pub owner: String,
    /// `qualified`, `disqualified` or `recycled`
    pub disposition: &'static str,
}

/// Notices of one kind that no longer stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetractedView {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub count: u32,
}

/// A clock that was told and that later facts have taken away altogether.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WithdrawnView {
    pub sla: String,
    pub started_at: Timestamp,
    pub retracted: Vec<RetractedView>,
}

pub(super) fn why(rules: &Rules, lead: &Lead, clock: &Clock, told: Option<&Told>, as_of: Timestamp) -> Why {
    let sla = clock.rule(rules);
    let until = clock.due().unwrap_or(as_of);
    let started = started_by(lead, clock, sla);
    let (chosen_at, targets) = chosen(rules, lead, clock, as_of)
        .map_or((None, Vec::new()), |(at, fold)| (Some(at), weighed(rules, lead, clock, &fold)));
    let mut counted = counted(rules, clock, until);
    let counted_more = counted.len().saturating_sub(MOST_INTERVALS);
    counted.truncate(MOST_INTERVALS);
    Why {
        promised_by: sla.promised_by.clone(),
        promise: sla.promise.clone(),
        started_by: started.map(|fact| fact_view(lead, fact)),
        ended_by: ended_by(lead, clock).map(|fact| fact_view(lead, fact)),
        chosen_at,
        targets,
        counted,
        counted_more,
        pauses: pauses(rules, lead, clock),
        dates: dates(rules, clock, until),
        holders: clock
            .holds
            .iter()
            .map(|hold| HolderView {
                from: hold.from,
                owner: lead.said(hold.owner).map(str::to_owned),
                team: lead.said(hold.team).map(str::to_owned),
            })
            .collect(),
        found_late: clock.breached && told.is_some_and(|told| told.late),
        deadline_moves: told.map_or(0, |told| told.moves),
        ping_pong: told
            .and_then(|told| told.ping_pong.filter(|told| told.claim.stands))
            .zip(rules.version(clock.version).watch.ping_pong)
            .map(|(told, more_than)| PingPongView { at: told.at, more_than }),
        retracted: told.map(retracted).unwrap_or_default(),
    }
}

/// What was told of its owners with this lead as the last of many.
pub(super) fn mass_dispositions(lead: &Lead) -> Vec<MassDispositionView> {
    let view = |alarm: &Alarm| MassDispositionView {
        at: alarm.at,
        owner: lead.str(alarm.owner).to_owned(),
        disposition: alarm.disposition.name(),
    };
    lead.alarms.iter().map(view).collect()
}

/// Clocks of the ledger that the facts no longer make.
pub(super) fn withdrawn(lead: &Lead) -> Vec<WithdrawnView> {
    let gone = lead.ledger.iter().filter(|told| !told.started.stands);
    gone.map(|told| WithdrawnView {
        sla: lead.str(told.sla).to_owned(),
        started_at: told.start,
        retracted: retracted(told),
    })
    .collect()
}

/// Of the facts of the starting instant, the one that the SLA starts on.
fn started_by<'l>(lead: &'l Lead, clock: &Clock, sla: &Sla) -> Option<&'l FactRow> {
    let starts = |fact: &&FactRow| {
        (sla.start.created && fact.kind == FactKind::Created)
            || (sla.start.opportunity && fact.kind == FactKind::Opportunity)
            || (sla.start.assigned && fact.owner.is_some_and(|owner| owner != 0))
            || (sla.recur.is_some() && fact.kind == FactKind::Activity)
    };
    let at_start = || lead.facts.iter().filter(|fact| fact.time == clock.start);
    at_start().find(starts).or_else(|| at_start().find(|fact| fact.status != 0)).or_else(|| at_start().next())
}

fn ended_by<'l>(lead: &'l Lead, clock: &Clock) -> Option<&'l FactRow> {
    let end = clock.end?;
    let ends = |fact: &&FactRow| match end.cause {
        Cause::State | Cause::CancelStatus => fact.status != 0,
        Cause::Act => matches!(fact.kind, FactKind::Activity | FactKind::Opportunity),
        Cause::Deleted => fact.kind == FactKind::Deleted,
        Cause::Merged => fact.kind == FactKind::Merged,
    };
    lead.facts.iter().filter(|fact| fact.time == end.at).rfind(ends)
}

/// When the clock got the target that it has, and the fold of that instant.
fn chosen(rules: &Rules, lead: &Lead, clock: &Clock, as_of: Timestamp) -> Option<(Timestamp, Fold)> {
    let until = clock.ended_at().min(as_of);
    let mut found = None;
    let mut last = None;
    let mut times: Vec<Timestamp> = lead.facts.iter().map(|fact| fact.time).collect();
    times.dedup();
    for at in times.into_iter().filter(|at| (clock.start..=until).contains(at)) {
        let mut fold = Fold::default();
        fold.run(rules, lead, at, false);
        let same =
            |other: &&Clock| (other.family, other.start, other.ordinal) == (clock.family, clock.start, clock.ordinal);
        // A source that gives the deadline chooses anew with each instant that it gives.
        let target = fold
            .clocks
            .iter()
            .find(same)
            .map(|other| (other.target, other.due().filter(|_| other.moved_by_source(rules))));
        if target != last {
            last = target;
            found = target.map(|_| (at, fold));
        }
    }
    // What the start looked like is not known where its fact is folded away.
    found.filter(|_| {
        last.map(|last| last.0) == Some(clock.target)
            && lead.facts.first().is_some_and(|first| first.time <= clock.start)
    })
}

fn weighed(rules: &Rules, lead: &Lead, clock: &Clock, fold: &Fold) -> Vec<TargetView> {
    let sla = clock.rule(rules);
    let value_of = |key: &Key| fold.value_of(rules, lead, clock.version, key);
    let until = usize::from(clock.target);
    sla.targets
        .iter()
        .take(until + 1)
        .enumerate()
        .map(|(index, target)| {
            let (within, by) = match &target.promise {
                Promise::Within(duration) => (Some(duration.to_string()), None),
                Promise::By(name) => (None, Some(name.clone())),
            };
            let given = by.as_ref().and_then(|name| value_of(&Key::Attribute(name.clone()))).map(str::to_owned);
            let conditions = target
                .when
                .iter()
                .map(|condition| {
                    let value = value_of(&condition.key);
                    ConditionView {
                        key: condition.key.name().to_owned(),
                        asks: condition.test.clone(),
                        value: value.map(str::to_owned),
                        holds: condition.test.matches(value),
                    }
                })
                .collect();
            TargetView { target: target.label.clone(), within, by, given, conditions, chosen: index == until }
        })
        .collect()
}

fn counted(rules: &Rules, clock: &Clock, until: Timestamp) -> Vec<OpenInterval> {
    let target = clock.promise(rules);
    let Some(calendar) = target.schedule.calendar.as_ref().filter(|_| target.counts_open_time()) else {
        return Vec::new();
    };
    let mut open = Vec::new();
    let mut from = clock.counted_from(rules);
    let pauses = clock.pauses.iter().map(|pause| (pause.from, pause.to.or(clock.end.map(|end| end.at))));
    for (begin, end) in pauses.chain([(until, None)]) {
        // None, where it was paused all the time.
        let found = calendar.intervals(from, begin.min(until)).unwrap_or_default();
        open.extend(found.into_iter().map(|(from, to)| OpenInterval { from, to }));
        from = from.max(end.unwrap_or(Timestamp::MAX));
    }
    open
}

fn pauses(rules: &Rules, lead: &Lead, clock: &Clock) -> Vec<PauseView> {
    let bounded = clock.rule(rules).pause.as_ref().is_some_and(|pause| pause.at_most.is_some());
    let lasting = clock.pauses.iter().filter(|pause| pause.to != Some(pause.from));
    lasting
        .map(|pause| {
            let paused_by = lead.facts.iter().rfind(|fact| fact.time <= pause.from && fact.status != 0);
            let ended_by_fact = |at: &Timestamp| lead.facts.iter().any(|fact| fact.time == *at);
            PauseView {
                from: pause.from,
                to: pause.to.or(clock.end.map(|end| end.at)),
                status: paused_by.and_then(|fact| lead.said(fact.status)).map(str::to_owned),
                used_up: bounded && pause.to.is_some_and(|to| !ended_by_fact(&to)),
            }
        })
        .collect()
}

fn dates(rules: &Rules, clock: &Clock, until: Timestamp) -> Vec<DateView> {
    let target = clock.promise(rules);
    let Some(calendar) = target.schedule.calendar.as_ref().filter(|_| target.counts_open_time()) else {
        return Vec::new();
    };
    let spec = calendar.spec();
    calendar
        .closed_dates(clock.counted_from(rules), until)
        .into_iter()
        .map(|(date, why)| DateView {
            date: date.to_string(),
            why: why.name(),
            name: spec.holiday_names.get(&date).cloned(),
            hours: spec.hours_of(date).iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn retracted(told: &Told) -> Vec<RetractedView> {
    let taken_back = |claim: &Claim| claim.count.saturating_sub(u32::from(claim.stands));
    let mut views: Vec<RetractedView> = Vec::new();
    let mut note = |kind: NoticeKind, count: u32| {
        if count > 0 {
            views.push(RetractedView { kind: kind.name(), count });
        }
    };
    note(NoticeKind::Started, taken_back(&told.started));
    note(NoticeKind::Breached, taken_back(&told.breached));
    note(NoticeKind::Escalated, told.steps.iter().map(|mark| taken_back(&mark.claim)).fold(0, u32::saturating_add));
    for outcome in [Outcome::Met, Outcome::MetLate, Outcome::Cancelled] {
        let stands = told.outcome.is_some_and(|told| told.outcome == outcome);
        note(NoticeKind::of_outcome(outcome), told.outcomes[outcome as usize].saturating_sub(u32::from(stands)));
    }
    note(NoticeKind::PingPong, told.ping_pong.map_or(0, |told| taken_back(&told.claim)));
    views
}
