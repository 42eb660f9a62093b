//! Counts the clocks of records, one lead after the other, in whatever order they come.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{AGES_MS, Breach, Events, FOLDED, Holder, NONE, Period, Report, SlaReport, Span, Step, Tally};
use crate::engine::clock::Clock;
use crate::engine::explain::explanation;
use crate::engine::fold::{Dropped, NotStarted};
use crate::engine::ledger::Deadline;
use crate::engine::{Lead, Reading, RecordError, Rules, Standing, inspect};
use crate::event::FactKind;
use crate::explain;
use crate::language::Lang;
use crate::time::Timestamp;

/// Breaches of an SLA that are told one by one, unless asked otherwise.
pub const MOST_BREACHES: usize = 10;

/// The latest deadline first, then by lead and clock.
type BreachKey = (Reverse<Timestamp>, String, Timestamp, u32);

/// The breaches that are told, each with the record it is read from again at the end.
#[derive(Debug, Default)]
struct Latest {
    kept: BTreeMap<BreachKey, (Box<[u8]>, Timestamp)>,
}

impl Latest {
    fn offer(&mut self, most: usize, due: Timestamp, lead: &Lead, clock: &Clock, record: (&[u8], Timestamp)) {
        let full = self.kept.len() >= most;
        if full && self.kept.last_key_value().is_none_or(|(last, _)| due < last.0.0) {
            return;
        }
        let key = (Reverse(due), lead.lead_id().to_owned(), clock.start, clock.ordinal);
        self.kept.insert(key, (record.0.into(), record.1));
        if full {
            self.kept.pop_last();
        }
    }
}

/// Collects a report from records.
pub struct Collector<'r> {
    rules: &'r Rules,
    report: Report,
    holder: Holder,
    most_breaches: usize,
    /// By SLA.
    latest: Vec<Latest>,
    explain: Option<Lang>,
    reading: Reading,
    /// How months and weeks are written, for those that were asked for.
    spans: BTreeMap<Span, String>,
}

impl<'r> Collector<'r> {
    pub fn new(rules: &'r Rules, as_of: Timestamp, by: &[String], holder: Holder) -> Self {
        let mut empty = SlaReport::default();
        for name in by {
            if empty.by.iter().all(|known| known.0 != *name) {
                empty.by.push((name.clone(), BTreeMap::new()));
            }
        }
        let slas: Vec<(String, SlaReport)> =
            rules.policy.families.iter().map(|family| (family.name.clone(), empty.clone())).collect();
        let version = &rules.policy.versions[rules.policy.words_at(as_of)];
        let latest = slas.iter().map(|_| Latest::default()).collect();
        let report = Report {
            as_of,
            agreement: version.name.clone(),
            zone: version.timezone,
            period: Period::default(),
            slas,
            events: Events::default(),
            engine: None,
            explanations: BTreeMap::new(),
        };
        Collector {
            rules,
            report,
            holder,
            most_breaches: MOST_BREACHES,
            latest,
            explain: None,
            reading: Reading::default(),
            spans: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn over(mut self, period: Period) -> Self {
        self.report.period = period;
        for (_, sla) in &mut self.report.slas {
            sla.by_week = (period.step == Step::Week).then(BTreeMap::new);
        }
        self
    }

    /// Tells so many breaches of each SLA one by one.
    #[must_use]
    pub fn telling(self, most_breaches: usize) -> Self {
        Collector { most_breaches, ..self }
    }

    /// Explains the leads of the breaches that are told.
    #[must_use]
    pub fn explaining(self, lang: Lang) -> Self {
        Collector { explain: Some(lang), ..self }
    }

    /// Links to the engine at this address.
    #[must_use]
    pub fn linking(mut self, engine: Option<String>) -> Self {
        self.report.engine = engine;
        self
    }

    /// What was read last.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// # Errors
    /// Where the bytes are no record.
    pub fn add(&mut self, record: &[u8]) -> Result<(), RecordError> {
        self.add_as_of(record, self.report.as_of)
    }

    /// Judges a lead at an instant of its own, where parts of an engine have come further than others.
    ///
    /// # Errors
    /// Where the bytes are no record.
    pub fn add_as_of(&mut self, record: &[u8], as_of: Timestamp) -> Result<(), RecordError> {
        self.reading.read(self.rules, record, as_of)?;
        let Reading { lead, fold } = &self.reading;
        let period = self.report.period;
        for clock in &fold.clocks {
            let family = usize::from(clock.family);
            let counted = Counted::of(self.rules, lead, clock, as_of, self.holder);
            if period.only.is_some_and(|only| counted.span(only.step()) != Some(only)) {
                continue;
            }
            let report = &mut self.report.slas[family].1;
            count_clock(self.rules, lead, clock, &counted, as_of, report, &mut self.spans);
            if let (Standing::MetLate | Standing::Breached, Some(due)) = (counted.standing, counted.due) {
                report.breach_count += 1;
                self.latest[family].offer(self.most_breaches, due, lead, clock, (record, as_of));
            }
        }
        // Which month those would have been due in is not known.
        if period.only.is_some() {
            return Ok(());
        }
        for (family, (_, report)) in (0..).zip(&mut self.report.slas) {
            let NotStarted { already_stopped, before_first_version } = fold.not_started(family);
            report.already_stopped += u64::from(already_stopped);
            report.before_first_version += u64::from(before_first_version);
            count_dropped(&fold.dropped(family), report);
        }
        Ok(())
    }

    /// # Errors
    /// Where the bytes are no record.
    pub fn finish(self, events: impl Into<Events>) -> Result<Report, RecordError> {
        let Collector { rules, mut report, holder, latest, explain, mut reading, .. } = self;
        report.events = events.into();
        for (family, ((_, sla), latest)) in (0_u16..).zip(report.slas.iter_mut().zip(latest)) {
            for ((_, lead_id, start, ordinal), (record, as_of)) in latest.kept {
                reading.read(rules, &record, as_of)?;
                let Reading { lead, fold } = &reading;
                let same = |clock: &&Clock| clock.family == family && clock.start == start && clock.ordinal == ordinal;
                sla.breaches
                    .extend(fold.clocks.iter().find(same).map(|clock| breach(rules, lead, clock, as_of, holder)));
                if let Some(lang) = explain
                    && !report.explanations.contains_key(&lead_id)
                {
                    let story = explain::text(&inspect(rules, &record, as_of)?, lang);
                    report.explanations.insert(lead_id, story);
                }
            }
        }
        Ok(report)
    }
}

/// A clock as it counts.
struct Counted<'l> {
    standing: Standing,
    open_ms: i64,
    /// Of a clock that a pause holds there is none: any instant would be a guess that the next report takes back.
    due: Option<Timestamp>,
    zone: Tz,
    owner: Option<&'l str>,
    team: Option<&'l str>,
}

impl<'l> Counted<'l> {
    fn of(rules: &Rules, lead: &'l Lead, clock: &Clock, as_of: Timestamp, holder: Holder) -> Self {
        let due = match clock.deadline {
            Deadline::At(due) => Some(due),
            Deadline::Remaining(_) => None,
        };
        let (owner, team) = match (holder, due, clock.end) {
            (Holder::Due, Some(due), end) if end.is_none_or(|end| due < end.at) => {
                clock.holder_at(due).map_or((0, 0), |hold| (hold.owner, hold.team))
            }
            (_, _, Some(end)) => (end.owner, end.team),
            (_, _, None) => clock.holds.last().map_or((0, 0), |hold| (hold.owner, hold.team)),
        };
        Counted {
            standing: Standing::of(clock),
            open_ms: clock.open_ms(rules, clock.ended_at().min(as_of)),
            due,
            zone: rules.version(clock.version).timezone,
            owner: lead.said(owner),
            team: lead.said(team),
        }
    }

    fn span(&self, step: Step) -> Option<Span> {
        self.due.map(|due| Span::of(step, due, self.zone))
    }
}

fn breach(rules: &Rules, lead: &Lead, clock: &Clock, as_of: Timestamp, holder: Holder) -> Breach {
    let counted = Counted::of(rules, lead, clock, as_of, holder);
    let due_at = counted.due.unwrap_or(as_of);
    Breach {
        lead_id: lead.lead_id().to_owned(),
        cycle: clock.cycle,
        standing: counted.standing,
        target: clock.promise(rules).label.clone(),
        owner: counted.owner.map(str::to_owned),
        team: counted.team.map(str::to_owned),
        started_at: clock.start,
        due_at,
        ended_at: clock.end.map(|end| end.at),
        open_ms: counted.open_ms,
        summary: explanation(rules, clock, due_at, due_at).summary,
    }
}

fn count_clock(
    rules: &Rules,
    lead: &Lead,
    clock: &Clock,
    counted: &Counted,
    as_of: Timestamp,
    report: &mut SlaReport,
    spans: &mut BTreeMap<Span, String>,
) {
    let Counted { standing, open_ms, .. } = *counted;
    report.all.count(standing, open_ms);
    let group = |groups: &mut BTreeMap<String, Tally>, name: &str| match groups.get_mut(name) {
        Some(tally) => tally.count(standing, open_ms),
        None => groups.entry(name.to_owned()).or_default().count(standing, open_ms),
    };
    group(&mut report.by_team, counted.team.unwrap_or(NONE));
    group(&mut report.by_owner, counted.owner.unwrap_or(NONE));
    group(&mut report.by_target, &clock.promise(rules).label);
    group(&mut report.by_month, written(spans, counted.span(Step::Month)));
    if let Some(by_week) = &mut report.by_week {
        group(by_week, written(spans, counted.span(Step::Week)));
    }
    for (attribute, groups) in &mut report.by {
        // What folded facts said of a clock's start is not known any more.
        let folded = lead.folded_until().is_some_and(|until| clock.start <= until);
        let value = if folded { Some(FOLDED) } else { attribute_at(lead, attribute, clock.start) };
        group(groups, value.unwrap_or(NONE));
    }
    if clock.end.is_none() {
        let age = as_of.since_ms(clock.start);
        let open = &mut report.open[AGES_MS.iter().take_while(|bound| **bound <= age).count()];
        match standing {
            Standing::Paused => open.paused += 1,
            Standing::Breached => open.overdue += 1,
            _ => open.running += 1,
        }
    }
    for (owner, ms) in clock.shares(rules, lead, clock.ended_at().min(as_of)) {
        let held = match report.held.get_mut(owner) {
            Some(held) => held,
            None => report.held.entry(owner.to_owned()).or_default(),
        };
        held.open_ms = held.open_ms.saturating_add(ms);
        if matches!(standing, Standing::MetLate | Standing::Breached) {
            held.breached_ms = held.breached_ms.saturating_add(ms);
        }
    }
}

fn written(spans: &mut BTreeMap<Span, String>, span: Option<Span>) -> &str {
    span.map_or(NONE, |span| spans.entry(span).or_insert_with(|| span.to_string()))
}

/// Clocks that are not kept one by one count in every group, under a name of their own.
fn count_dropped(dropped: &Dropped, report: &mut SlaReport) {
    if *dropped == Dropped::default() {
        return;
    }
    report.breach_count += u64::from(dropped.met_late) + u64::from(dropped.breached);
    let named = [&mut report.by_team, &mut report.by_owner, &mut report.by_target, &mut report.by_month];
    let groups = named.into_iter().chain(&mut report.by_week).chain(report.by.iter_mut().map(|(_, groups)| groups));
    let groups = groups.map(|groups| groups.entry(FOLDED.to_owned()).or_default());
    for tally in groups.chain([&mut report.all]) {
        tally.met += u64::from(dropped.met);
        tally.met_late += u64::from(dropped.met_late);
        tally.breached += u64::from(dropped.breached);
        tally.cancelled += u64::from(dropped.cancelled);
    }
}

/// The value that an attribute had at an instant, by the facts up to it in the same life of the lead.
pub fn attribute_at<'l>(lead: &'l Lead, name: &str, at: Timestamp) -> Option<&'l str> {
    let facts = lead.facts.iter().take_while(|fact| fact.time <= at);
    let mut value = lead.folded.as_ref().and_then(|folded| folded.attribute(lead, name));
    for fact in facts {
        if matches!(fact.kind, FactKind::Deleted | FactKind::Merged) {
            value = None;
        }
        let said = lead.attributes_of(fact).iter().rev().find(|pair| lead.str(pair.0) == name);
        value = said.map(|pair| lead.str(pair.1)).or(value);
    }
    value
}
