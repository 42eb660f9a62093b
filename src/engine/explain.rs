//! Reading a lead: its facts, its clocks, and why each deadline is where it is.

use schemars::JsonSchema;
use serde::Serialize;

use super::clock::{Clock, End};
use super::fold::Fold;
use super::ledger::{Deadline, Outcome, Told};
use super::notice::{ClosedDate, Explanation, PauseRef, Seconds};
use super::record::{self, FactRow, Lead, RecordError, Sym};
use super::rules::Rules;
use super::settle::cancel_reason;
use super::why::{MassDispositionView, Why, WithdrawnView, mass_dispositions, why, withdrawn};
use crate::event::FactKind;
use crate::policy::{Escalation, Promise};
use crate::time::Timestamp;

/// How a clock stands, as reports count it: a clock that was cancelled after its breach stays breached (SEMANTICS 12.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Met,
    MetLate,
    Breached,
    Running,
    Paused,
    Cancelled,
}

impl Standing {
    pub const fn name(self) -> &'static str {
        match self {
            Standing::Met => "met",
            Standing::MetLate => "met_late",
            Standing::Breached => "breached",
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Cancelled => "cancelled",
        }
    }

    pub fn of(clock: &Clock) -> Self {
        match clock.outcome() {
            Some(Outcome::Met) => Standing::Met,
            Some(Outcome::MetLate) => Standing::MetLate,
            Some(Outcome::Cancelled) if !clock.breached => Standing::Cancelled,
            Some(Outcome::Cancelled) => Standing::Breached,
            None if clock.breached => Standing::Breached,
            None if clock.paused => Standing::Paused,
            None => Standing::Running,
        }
    }
}

/// A decoded and folded lead; reused from lead to lead.
#[derive(Debug, Default)]
pub struct Reading {
    pub lead: Lead,
    pub fold: Fold,
}

impl Reading {
    /// # Errors
    /// Where the bytes are no record.
    pub fn read(&mut self, rules: &Rules, record: &[u8], as_of: Timestamp) -> Result<(), RecordError> {
        self.lead.decode(record)?;
        self.fold.run(rules, &self.lead, as_of, false);
        Ok(())
    }
}

/// A lead as people ask for it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LeadView {
    pub lead_id: String,
    pub as_of: Timestamp,
    pub status: Option<String>,
    pub owner: Option<String>,
    pub team: Option<String>,
    /// The zone of the agreement in force, for who tells it to people.
    pub timezone: &'static str,
    /// Since when the lead's state is not known, and nothing is told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Where there were more facts than are kept one by one: the oldest, of which only what they led to is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folded: Option<FoldedView>,
    pub facts: Vec<FactView>,
    pub clocks: Vec<ClockView>,
    /// Clocks that were told and are no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<WithdrawnView>,
    /// That one owner disposed of too many leads, where it was told with this lead as the last of them; kept as long as the longest
    /// time that the policy watches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mass_dispositions: Vec<MassDispositionView>,
    /// When the engine will look at the lead again.
    pub next_due: Option<Timestamp>,
}

/// The oldest facts of a lead, folded. What happened up to `until` can no longer be inserted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FoldedView {
    pub facts: u64,
    /// Event times of the first and the last of them.
    pub from: Timestamp,
    pub until: Timestamp,
    /// Ended clocks that are not among `clocks` any more.
    pub clocks: u64,
}

/// One fact; what it did not say is left out. An empty owner or team: nobody, none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FactView {
    pub time: Timestamp,
    pub learnt_at: Timestamp,
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// One clock.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClockView {
    pub sla: String,
    pub cycle: u32,
    /// As the known facts have it, where `stale_since` says that there are others.
    pub state: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    pub target: String,
    pub owner: Option<String>,
    pub team: Option<String>,
    pub started_at: Timestamp,
    pub due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    pub open_seconds: Seconds,
    pub open_seconds_by_owner: std::collections::BTreeMap<String, Seconds>,
    pub reminders: Vec<MarkView>,
    pub escalations: Vec<MarkView>,
    /// What is told next if nothing happens, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextView>,
    pub policy: PolicyView,
    pub explanation: Explanation,
    /// Of one lead that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<Why>>,
}

/// The next that a clock tells.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NextView {
    pub at: Timestamp,
    /// `reminder`, `deadline`, `escalation` or `pause_ends`
    pub what: &'static str,
    /// Which reminder or escalation, as the policy writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PolicyView {
    pub name: String,
    pub effective_from: Timestamp,
    pub fingerprint: String,
}

/// A rung or a step, and what became of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MarkView {
    /// As the policy writes it.
    pub text: String,
    /// null while a pause holds it
    pub time: Option<Timestamp>,
    /// `told`, `taken_back` (told, and retracted since), `pending`, `held` (by a pause), `passed_over` or `dropped` (the clock ended
    /// first)
    pub state: &'static str,
    /// Why it was passed over: `not_ahead` (its instant was not ahead when the deadline was first known) or `superseded` (a later
    /// step was due with it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Whom a step tells, and what it asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// Reads a record as of an instant.
///
/// # Errors
/// Where the bytes are no record.
pub fn inspect(rules: &Rules, record: &[u8], as_of: Timestamp) -> Result<LeadView, RecordError> {
    let mut reading = Reading::default();
    reading.read(rules, record, as_of)?;
    let Reading { lead, fold } = &reading;
    let (owner, team, status) = fold.holder();
    let due = record::next_due(record);
    Ok(LeadView {
        lead_id: lead.lead_id().to_owned(),
        as_of,
        status: text(lead, status),
        owner: text(lead, owner),
        team: text(lead, team),
        stale_since: fold.stale(),
        folded: lead.folded.as_deref().map(|folded| FoldedView {
            facts: folded.facts,
            from: folded.from,
            until: folded.until,
            clocks: (0..rules.families()).map(|family| u64::from(fold.dropped(family as u16).all())).sum(),
        }),
        timezone: rules.policy.versions[rules.policy.words_at(as_of)].timezone.name(),
        facts: lead.facts.iter().map(|fact| fact_view(lead, fact)).collect(),
        clocks: fold.clocks.iter().map(|clock| clock_view(rules, lead, clock, (as_of, fold.stale()))).collect(),
        withdrawn: withdrawn(lead),
        mass_dispositions: mass_dispositions(lead),
        next_due: (due != Timestamp::MAX).then_some(due),
    })
}

fn text(lead: &Lead, sym: Sym) -> Option<String> {
    lead.said(sym).map(str::to_owned)
}

pub(super) fn fact_view(lead: &Lead, fact: &FactRow) -> FactView {
    let holder = |said: Option<Sym>| said.map(|sym| lead.str(sym).to_owned());
    FactView {
        time: fact.time,
        learnt_at: fact.learnt,
        kind: kind_name(fact.kind),
        status: text(lead, fact.status),
        owner: holder(fact.owner),
        team: holder(fact.team),
        activity: text(lead, fact.activity),
        by: (fact.kind == FactKind::Activity).then_some(if fact.automated { "automation" } else { "person" }),
        into: text(lead, fact.into),
        reason: text(lead, fact.reason),
        attributes: lead
            .attributes_of(fact)
            .iter()
            .map(|(name, value)| (lead.str(*name).to_owned(), lead.str(*value).to_owned()))
            .collect(),
    }
}

/// The CloudEvents type of a fact.
pub const fn kind_name(kind: FactKind) -> &'static str {
    match kind {
        FactKind::Created => "lead.created",
        FactKind::Assigned => "lead.assigned",
        FactKind::StatusChanged => "lead.status_changed",
        FactKind::Activity => "lead.activity",
        FactKind::Updated => "lead.updated",
        FactKind::Deleted => "lead.deleted",
        FactKind::Merged => "lead.merged",
        FactKind::Opportunity => "opportunity.created",
        FactKind::Gap => "lead.gap",
    }
}

fn clock_view(rules: &Rules, lead: &Lead, clock: &Clock, (as_of, stale): (Timestamp, Option<Timestamp>)) -> ClockView {
    let version = rules.version(clock.version);
    let rule = clock.rule(rules);
    let until = clock.ended_at().min(as_of);
    let (owner, team) = match (clock.end, clock.holds.last()) {
        (Some(End { owner, team, .. }), _) => (owner, team),
        (None, Some(hold)) => (hold.owner, hold.team),
        (None, None) => (0, 0),
    };
    let name = rules.family_name(clock.family);
    let told = lead
        .ledger
        .iter()
        .find(|told| told.start == clock.start && told.ordinal == clock.ordinal && lead.str(told.sla) == name);
    let keys = rules.of(clock.version, clock.sla);
    let marks = |instants: &[Timestamp], texts: Vec<&str>, keys: &[u32], rung: bool| -> Vec<MarkView> {
        let find = |told: &Told, key: u32| {
            let marks = if rung { told.rungs.iter() } else { told.steps.iter() };
            marks.copied().find(|mark| mark.key == key)
        };
        // Without an instant though the clock is not paused: the policy got it after the facts were folded, so that it is none of
        // this clock's.
        let has = |index: usize| match instants.get(index) {
            Some(&Timestamp::MIN) => false,
            Some(&Timestamp::MAX) | None => clock.paused,
            Some(_) => true,
        };
        texts
            .into_iter()
            .zip(keys)
            .enumerate()
            .filter(|(index, _)| has(*index))
            .map(|(index, (text, key))| {
                let time = instants.get(index).copied().filter(|time| *time != Timestamp::MAX);
                let mark = told.and_then(|told| find(told, *key));
                let state = match (mark, time) {
                    (Some(mark), _) if mark.claim.stands => "told",
                    (Some(mark), _) if mark.claim.count > 0 && clock.end.is_some() => "taken_back",
                    (Some(mark), Some(time)) if mark.at == time => "passed_over",
                    (_, Some(time)) if time >= clock.ended_at() => "dropped",
                    (_, Some(time)) if time < as_of && (rung || clock.breached) => "passed_over",
                    _ if clock.end.is_some() => "dropped",
                    (_, None) => "held",
                    _ => "pending",
                };
                let reason = (state == "passed_over").then_some(if rung { "not_ahead" } else { "superseded" });
                let step: Option<&Escalation> = rule.escalations.get(index).filter(|_| !rung);
                MarkView {
                    text: text.to_owned(),
                    time,
                    state,
                    reason,
                    notify: step.map(|step| step.notify.clone()).unwrap_or_default(),
                    action: step.and_then(|step| step.action.clone()),
                }
            })
            .collect()
    };
    let reminders = marks(&clock.rungs, rule.reminders.iter().map(|r| r.text.as_str()).collect(), &keys.rungs, true);
    let escalations =
        marks(&clock.steps, rule.escalations.iter().map(|e| e.text.as_str()).collect(), &keys.steps, false);
    ClockView {
        sla: name.to_owned(),
        cycle: clock.cycle,
        state: Standing::of(clock),
        stale_since: stale.filter(|_| clock.end.is_none()),
        target: clock.promise(rules).label.clone(),
        owner: text(lead, owner),
        team: text(lead, team),
        started_at: clock.start,
        due_at: clock.due(),
        remaining_seconds: match clock.told_deadline() {
            Deadline::Remaining(ms) => Some(Seconds(ms)),
            Deadline::At(_) => None,
        },
        stopped_at: clock.end.map(|end| end.at),
        reason: clock.end.and_then(|end| cancel_reason(end.cause)),
        open_seconds: Seconds(clock.open_ms(rules, until)),
        open_seconds_by_owner: clock
            .shares(rules, lead, until)
            .into_iter()
            .map(|(owner, ms)| (owner.to_owned(), Seconds(ms)))
            .collect(),
        next: next(clock, &reminders, &escalations, as_of),
        reminders,
        escalations,
        policy: PolicyView {
            name: version.name.clone(),
            effective_from: version.effective_from_written,
            fingerprint: version.fingerprint.clone(),
        },
        explanation: explanation(rules, clock, clock.due().unwrap_or(as_of), Timestamp::MAX),
        why: Some(Box::new(why(rules, lead, clock, told, as_of))),
    }
}

/// The earliest of what an open clock still has to tell.
fn next(clock: &Clock, reminders: &[MarkView], escalations: &[MarkView], as_of: Timestamp) -> Option<NextView> {
    if clock.end.is_some() {
        return None;
    }
    let ahead = |at: &Timestamp| *at > as_of && *at != Timestamp::MAX;
    let of = |what: &'static str, marks: &[MarkView]| -> Vec<NextView> {
        let pending = marks.iter().filter(|mark| mark.state == "pending");
        pending
            .filter_map(|mark| Some(NextView { at: mark.time.filter(ahead)?, what, text: Some(mark.text.clone()) }))
            .collect()
    };
    let plain =
        |what: &'static str, at: Option<Timestamp>| at.filter(ahead).map(|at| NextView { at, what, text: None });
    let mut coming = of("reminder", reminders);
    if clock.breached {
        coming.extend(of("escalation", escalations));
    } else {
        coming.extend(plain("deadline", clock.due()));
    }
    coming.extend(plain("pause_ends", Some(clock.pause_until).filter(|_| clock.paused)));
    coming.into_iter().min_by_key(|next| next.at)
}

/// Why the deadline is where it is: what lies between the instant from which the allowance counts and the deadline. `until`
/// bounds the dates that are looked at, `before` the pauses: one that began later moved nothing.
pub fn explanation(rules: &Rules, clock: &Clock, until: Timestamp, before: Timestamp) -> Explanation {
    let target = clock.promise(rules);
    let schedule = &target.schedule;
    let counted_from = clock.counted_from(rules);
    let counts_open = target.counts_open_time();
    let closed_dates: Vec<ClosedDate> = match &schedule.calendar {
        Some(calendar) if counts_open => calendar
            .closed_dates(counted_from, until)
            .into_iter()
            .map(|(date, why)| ClosedDate { date: date.to_string(), why: why.name() })
            .collect(),
        _ => Vec::new(),
    };
    let pauses: Vec<PauseRef> = clock
        .pauses
        .iter()
        .filter(|pause| pause.from < before)
        .filter(|pause| pause.to.is_none_or(|to| to > pause.from && to > counted_from))
        .map(|pause| PauseRef { from: pause.from, to: pause.to.or(clock.end.map(|end| end.at)) })
        .collect();
    let mut summary = match &target.promise {
        Promise::Within(_) => format!("{} from {counted_from}", target.label),
        Promise::By(attribute) => format!("the instant that {attribute} gives"),
    };
    if counted_from != clock.start {
        summary.push_str(" (restarted on reassignment)");
    }
    if let Some(zone) = schedule.calendar.as_ref().filter(|_| counts_open).map(|calendar| calendar.timezone()) {
        summary.push_str(&format!(", counted in open time of {zone}"));
    }
    if !closed_dates.is_empty() {
        let dates: Vec<&str> = closed_dates.iter().map(|closed| closed.date.as_str()).collect();
        summary.push_str(&format!(", with other hours on {}", dates.join(", ")));
    }
    for pause in &pauses {
        match pause.to {
            Some(to) => summary.push_str(&format!(", paused from {} to {to}", pause.from)),
            None => summary.push_str(&format!(", paused since {}", pause.from)),
        }
    }
    Explanation {
        summary,
        measure: if counts_open { "open" } else { "elapsed" },
        timezone: schedule.zone.name().to_owned(),
        counted_from,
        pauses,
        closed_dates,
    }
}
