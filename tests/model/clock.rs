//! One run of an SLA with its target, deadline, rungs and steps (SEMANTICS §4, §5, §7; 12.8, 12.10, 12.19 to 12.21,
//! 12.34, 12.35, 12.41, 12.44), `pause.at_most` and `retarget`.

use std::collections::BTreeMap;

use plazo::calendar::{Duration, Schedule};
use plazo::policy::{Key, OnReassign, Policy, Promise, Rung, Sla, Target, Version};
use plazo::time::Timestamp;

use super::lead::{Moment, Seen, State, state_at, walk};
use super::scan::{self, Change, End, How, Run};
use super::watch;

pub const NOBODY: &str = "(none)";

#[derive(Clone, Debug)]
pub struct Clock {
    pub family: usize,
    pub sla: String,
    /// 1-based.
    pub cycle: usize,
    pub start: Timestamp,
    /// Who held the lead by the facts of the start instant that came while the clock ran.
    pub starter: (Option<String>, Option<String>),
    /// Ordinal among the clocks of this SLA that start at one instant.
    pub ordinal: usize,
    pub target: String,
    /// Nothing while a pause holds it back.
    pub due: Option<Timestamp>,
    /// What remains while a pause holds the deadline back.
    pub remaining_ms: Option<i64>,
    /// The pause in force, also one after the breach.
    pub paused_since: Option<Timestamp>,
    /// When a pause that lasts has used up what the SLA allows.
    pub bound: Option<Timestamp>,
    /// The pause that the clock's end cut short.
    pub cut_short: Option<Timestamp>,
    /// In order, with their ends.
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    pub end: Option<End>,
    pub revived: bool,
    /// Since when the reminders stand where they stand.
    pub armed_at: Timestamp,
    /// Text and instant; nothing while a pause holds it.
    pub rungs: Vec<(String, Option<Timestamp>)>,
    pub steps: Vec<(String, Option<Timestamp>)>,
    /// Who held the lead while it ran, one after the other.
    pub holders: Vec<(Timestamp, String)>,
    /// More handovers than this are told.
    pub most_handovers: Option<u32>,
    /// Why the deadline is where it is.
    pub explanation: Explanation,
    /// From when the version that governs it is in force.
    pub effective_from: Timestamp,
    /// Open time until the end, together and by owner.
    pub open: (i64, BTreeMap<String, i64>),
    /// The same until the deadline.
    pub open_at_due: (i64, BTreeMap<String, i64>),
}

/// What lies between the instant from which the allowance counts and the deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub counted_from: Timestamp,
    pub measure: &'static str,
    pub timezone: String,
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// Dates whose usual hours did not hold, where open time counts, and why.
    pub closed_dates: Vec<(String, &'static str)>,
}

impl Clock {
    /// Whether the deadline passed with the clock running, as far as facts and the time up to `limit` (inclusive) tell.
    pub fn breached_by(&self, limit: Timestamp) -> bool {
        let Some(due) = self.due else { return false };
        match &self.end {
            Some(end) => due < end.at,
            None => due <= limit,
        }
    }

    pub fn verdict(&self) -> Option<&'static str> {
        let end = self.end.as_ref()?;
        Some(match (end.how, self.breached_by(end.at)) {
            (How::Cancelled, _) => "sla.cancelled",
            (_, true) => "sla.met_late",
            (_, false) => "sla.met",
        })
    }
}

/// All clocks of a lead by these facts and the time that has passed up to `limit` (inclusive), in order of family and
/// start.
pub fn clocks(policy: &Policy, facts: &[Seen], limit: Timestamp) -> Vec<Clock> {
    let moments = walk(facts);
    let mut clocks: Vec<Clock> = Vec::new();
    for family in 0..policy.families.len() {
        let mut starts: Vec<Timestamp> = Vec::new();
        for run in scan::runs(policy, family, &moments) {
            let ordinal = starts.iter().filter(|start| **start == run.start).count();
            starts.push(run.start);
            clocks.push(derive(policy, &run, &moments, limit, (starts.len(), ordinal)));
        }
    }
    clocks
}

/// What a span is counted in.
#[derive(Clone, Copy)]
struct Measure<'a> {
    schedule: &'a Schedule,
    open: bool,
}

impl Measure<'_> {
    fn between(self, from: Timestamp, to: Timestamp) -> i64 {
        if !self.open {
            return to.since_ms(from);
        }
        self.schedule.open_ms_between(from, to).expect("the generator stays within the calendars")
    }

    fn add(self, from: Timestamp, ms: i64) -> Timestamp {
        if !self.open {
            return from.plus_ms(ms);
        }
        self.schedule.add_open_ms(from, ms).expect("the generator stays within the calendars")
    }
}

/// Each date from `from` to `to` is looked at.
fn closed_dates(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<(String, &'static str)> {
    let Some(calendar) = &schedule.calendar else { return Vec::new() };
    let spec = calendar.spec();
    let local = |at: Timestamp| {
        let utc = chrono::DateTime::from_timestamp_millis(at.0).expect("the generator stays within the calendars");
        utc.with_timezone(&spec.timezone).date_naive()
    };
    let mut closed = Vec::new();
    for date in local(from).iter_days().take_while(|date| *date <= local(to)) {
        let usual = &spec.weekly[chrono::Datelike::weekday(&date).num_days_from_monday() as usize];
        match spec.dates.get(&date) {
            Some(own) if own != usual => closed.push((date.to_string(), "own_hours")),
            None if spec.holidays.contains(&date) && !usual.is_empty() => closed.push((date.to_string(), "holiday")),
            _ => {}
        }
    }
    closed
}

fn add(schedule: &Schedule, from: Timestamp, duration: &Duration) -> Timestamp {
    schedule.add(from, duration).expect("the generator stays within the calendars")
}

fn value<'a>(version: &Version, state: &'a State, key: &Key) -> Option<&'a str> {
    let status = || state.status.as_deref().and_then(|name| version.lifecycle.find(name));
    match key {
        Key::Owner => state.owner.as_deref(),
        Key::Team => state.team.as_deref(),
        Key::Status => status().and(state.status.as_deref()),
        Key::Stage => version.lifecycle.stage(status()).map(|stage| stage.name()),
        Key::Attribute(name) => state.attributes.get(name).map(String::as_str),
    }
}

fn matches(version: &Version, target: &Target, state: &State) -> bool {
    target.when.iter().all(|condition| condition.test.matches(value(version, state, &condition.key)))
}

/// The deadline that the source gives, where it has given one.
fn given(target: &Target, state: &State) -> Option<Timestamp> {
    match &target.promise {
        Promise::By(name) => state.attributes.get(name).and_then(|text| Timestamp::parse(text).ok()),
        Promise::Within(_) => None,
    }
}

/// The target with its deadline as of the start. A `by` target whose attribute is absent promises nothing: the next.
fn choose<'a>(version: &Version, sla: &'a Sla, state: &State, start: Timestamp) -> (&'a Target, Timestamp) {
    for target in sla.targets.iter().filter(|target| matches(version, target, state)) {
        match &target.promise {
            Promise::Within(duration) => return (target, add(&target.schedule, start, duration)),
            Promise::By(_) => {
                if let Some(due) = given(target, state) {
                    return (target, due);
                }
            }
        }
    }
    panic!("the last target has no conditions");
}

struct Hold {
    since: Timestamp,
    due_before: Timestamp,
    /// What remained of the allowance; nothing to remain for a clock already past due.
    remaining_ms: Option<i64>,
    /// When the allowance began anew during the pause, and the deadline it would have without one.
    anew: Option<(Timestamp, Timestamp)>,
    /// When `at_most` ends it.
    bound: Option<Timestamp>,
}

/// A share of what lies between `base` and `due`, less pauses; one that begins exactly at it holds it.
fn share_at(
    measure: Measure<'_>,
    (base, due): (Timestamp, Timestamp),
    share_ppm: u32,
    pauses: &[(Timestamp, Option<Timestamp>)],
) -> Timestamp {
    let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
    let mut from = base;
    for (pause, resume) in pauses.iter().filter_map(|(pause, resume)| Some((*pause, (*resume)?))) {
        let pause = pause.max(base);
        if pause < resume && pause < due {
            spans.push((from, pause));
            from = resume;
        }
    }
    spans.push((from, due));
    let whole: i64 = spans.iter().map(|(from, to)| measure.between(*from, *to)).sum();
    let share = (i128::from(whole) * i128::from(share_ppm) + 999_999).div_euclid(1_000_000);
    let mut left = i64::try_from(share).expect("a share of an allowance");
    let last = spans.len() - 1;
    for (place, (from, to)) in spans.into_iter().enumerate() {
        let span = measure.between(from, to);
        if place == last || left < span {
            return measure.add(from, left);
        }
        left -= span;
    }
    unreachable!("the last span takes what is left")
}

/// What `pause.at_most` leaves to the pauses of one clock.
enum Allowance<'a> {
    Endless,
    /// Nothing used yet: the first pause may last as long as a target of this length would.
    Whole(&'a Duration),
    /// What the pauses before left, in the measure of the duration.
    Left(&'a Duration, i64),
}

impl Allowance<'_> {
    /// When a pause that begins at `from` is over by itself.
    fn bound(&self, schedule: &Schedule, from: Timestamp) -> Option<Timestamp> {
        match self {
            Allowance::Endless => None,
            Allowance::Whole(duration) => Some(add(schedule, from, duration)),
            Allowance::Left(duration, ms) => Some(Measure { schedule, open: duration.is_business() }.add(from, *ms)),
        }
    }

    fn is_spent(&self) -> bool {
        matches!(self, Allowance::Left(_, 0))
    }

    /// After a pause that would have been over at `bound`; one of no length has used nothing.
    fn spend(&mut self, schedule: &Schedule, (from, to): (Timestamp, Timestamp), bound: Option<Timestamp>) {
        let (Allowance::Whole(duration) | Allowance::Left(duration, _)) = *self else { return };
        if let Some(bound) = bound.filter(|_| from < to) {
            *self = Allowance::Left(duration, Measure { schedule, open: duration.is_business() }.between(to, bound));
        }
    }
}

/// One run while its target, deadline and pauses are followed from change to change.
struct Course<'a> {
    version: &'a Version,
    sla: &'a Sla,
    run: &'a Run,
    target: &'a Target,
    due: Timestamp,
    /// Where shares begin.
    base: Timestamp,
    /// Where the allowance begins: the start, or the last restart.
    allowed_from: Timestamp,
    hold: Option<Hold>,
    allowance: Allowance<'a>,
    pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// Since when the rungs stand where they stand, and those that were reached while it ran: a pause leaves them there.
    armed_at: Timestamp,
    reached: Vec<Option<Timestamp>>,
    last_resume: Option<Timestamp>,
    cut_short: Option<Timestamp>,
    /// By the facts before those of this instant.
    broken: bool,
}

impl<'a> Course<'a> {
    fn measure(&self) -> Measure<'a> {
        let open = matches!(&self.target.promise, Promise::Within(duration) if duration.is_business());
        Measure { schedule: &self.target.schedule, open }
    }

    fn by(&self) -> bool {
        matches!(self.target.promise, Promise::By(_))
    }

    fn bound(&self) -> Option<Timestamp> {
        self.hold.as_ref().and_then(|hold| hold.bound)
    }

    /// A pause that has lasted as long as it may is over, by the passing of that instant.
    fn pass(&mut self, until: Timestamp) {
        if let Some(bound) = self.bound().filter(|bound| *bound <= until) {
            self.resume(bound);
            self.last_resume = Some(bound);
        }
    }

    fn pause(&mut self, at: Timestamp) {
        if self.allowance.is_spent() {
            return;
        }
        if self.due > at {
            self.reach(at);
        }
        self.pauses.push((at, None));
        self.hold = Some(Hold {
            since: at,
            due_before: self.due,
            remaining_ms: (self.due > at).then(|| self.measure().between(at, self.due)),
            anew: None,
            bound: self.allowance.bound(&self.target.schedule, at),
        });
    }

    fn resume(&mut self, at: Timestamp) {
        let Some(held) = self.hold.take() else { return };
        if let Some(last) = self.pauses.last_mut() {
            last.1 = Some(at);
        }
        self.allowance.spend(&self.target.schedule, (held.since, at), held.bound);
        // A pause, or what is left of it, that has no length changes nothing.
        let unpaused = match held.anew {
            Some((since, due)) => (since == at).then_some(due),
            None => (held.since == at).then_some(held.due_before),
        };
        if let Some(remaining) = held.remaining_ms.filter(|_| !self.by()) {
            self.due = unpaused.unwrap_or_else(|| self.measure().add(at, remaining));
        }
        if held.remaining_ms.is_some() && held.since < at {
            self.armed_at = at;
        }
    }

    /// Where each reminder stands, or would if a pause in force ended at `at`.
    fn rungs(&self, at: Timestamp) -> Vec<Timestamp> {
        let mut pauses = self.pauses.clone();
        let mut due = self.due;
        if let Some(remaining) = self.hold.as_ref().and_then(|held| held.remaining_ms)
            && let Some(last) = pauses.last_mut()
        {
            last.1 = Some(at);
            due = if self.by() { due } else { self.measure().add(at, remaining) };
        }
        let share = Measure { schedule: &self.target.schedule, open: self.target.schedule.calendar.is_some() };
        let stands = self.sla.reminders.iter().zip(&self.reached).map(|(reminder, reached)| {
            reached.unwrap_or_else(|| match &reminder.at {
                Rung::Share { ppm } => share_at(share, (self.base, due), *ppm, &pauses),
                Rung::Before(duration) => {
                    let at = self.target.schedule.subtract(due, duration).expect("checked with the policy");
                    self.last_resume.map_or(at, |resume| at.max(resume))
                }
            })
        });
        stands.collect()
    }

    fn reach(&mut self, at: Timestamp) {
        if self.hold.is_some() {
            return;
        }
        let rungs = self.rungs(at);
        for (reached, rung) in self.reached.iter_mut().zip(rungs) {
            if self.armed_at < rung && rung < at {
                *reached = Some(rung);
            }
        }
    }

    /// The deadline has moved: a reminder whose instant lies ahead again is told again.
    fn moved(&mut self, at: Timestamp) {
        let kept = std::mem::replace(&mut self.reached, vec![None; self.sla.reminders.len()]);
        let rungs = self.rungs(at);
        for ((reached, kept), rung) in self.reached.iter_mut().zip(kept).zip(rungs) {
            *reached = kept.filter(|_| rung <= at);
        }
        self.armed_at = at;
    }

    /// The clock ends here: one that is paused is judged as if it ran again at that instant; it is no resumption to be
    /// told.
    fn end(&mut self, at: Timestamp) {
        self.cut_short = self.hold.as_ref().map(|hold| hold.since);
        self.resume(at);
    }

    fn ends_at(&self, at: Timestamp) -> bool {
        self.run.end.as_ref().is_some_and(|end| end.at == at)
    }

    fn reassign(&mut self, at: Timestamp) {
        let Promise::Within(duration) = &self.target.promise else { return };
        // At the very instant of the end there is nobody left to give a full allowance.
        if self.sla.on_reassign != OnReassign::Restart || self.ends_at(at) {
            return;
        }
        self.reach(at);
        let anew = add(&self.target.schedule, at, duration);
        let measure = self.measure();
        match &mut self.hold {
            None if at < self.due => self.due = anew,
            Some(held) if held.remaining_ms.is_some() => {
                held.remaining_ms = Some(measure.between(at, anew));
                held.anew = Some((at, anew));
            }
            _ => return,
        }
        (self.base, self.allowed_from) = (at, at);
        self.moved(at);
    }

    fn by_value(&mut self, at: Timestamp, state: &State) {
        // Where all targets are looked at, these are among them.
        if self.sla.retarget && !self.broken {
            return;
        }
        let found = self
            .sla
            .targets
            .iter()
            .filter(|other| matches(self.version, other, state))
            .find_map(|other| given(other, state).map(|instant| (other, instant)));
        if let Some((other, instant)) = found {
            self.follow(at, other, instant);
        }
    }

    /// A deadline that the source gives.
    fn follow(&mut self, at: Timestamp, target: &'a Target, due: Timestamp) {
        if std::ptr::eq(target, self.target) && due == self.due {
            return;
        }
        self.reach(at);
        (self.target, self.due, self.base) = (target, due, self.run.start);
        if let Some(held) = &mut self.hold {
            held.remaining_ms = (due > held.since).then(|| due.since_ms(held.since));
        }
        self.moved(at);
    }

    /// `retarget = "on_change"`: another target that now matches counts from where the allowance began, with the pauses
    /// since. What is broken stays broken.
    fn look(&mut self, at: Timestamp, state: &State) {
        if self.broken || self.ends_at(at) {
            return;
        }
        let (target, due) = choose(self.version, self.sla, state, self.allowed_from);
        if matches!(target.promise, Promise::By(_)) {
            self.follow(at, target, due);
            return;
        }
        if std::ptr::eq(target, self.target) {
            return;
        }
        self.reach(at);
        (self.target, self.due, self.base) = (target, due, self.allowed_from);
        let measure = self.measure();
        for (from, to) in &self.pauses {
            let from = (*from).max(self.allowed_from);
            if let Some(to) = to.filter(|to| from < *to && from < self.due) {
                self.due = measure.add(to, measure.between(from, self.due));
            }
        }
        if let Some(held) = &mut self.hold {
            let from = held.since.max(self.allowed_from);
            held.remaining_ms = (self.due > held.since).then(|| measure.between(from, self.due));
            held.due_before = self.due;
            held.anew = held.anew.map(|(since, _)| (since, self.due));
        }
        self.moved(at);
    }
}

fn derive(policy: &Policy, run: &Run, moments: &[Moment], limit: Timestamp, (cycle, ordinal): (usize, usize)) -> Clock {
    let version = &policy.versions[run.version];
    let sla = &version.slas[run.sla];
    let at_start = state_at(moments, run.start);
    let (target, due) = choose(version, sla, &at_start, run.start);
    let at_most = sla.pause.as_ref().and_then(|pause| pause.at_most.as_ref());
    let mut course = Course {
        version,
        sla,
        run,
        target,
        due,
        base: run.start,
        allowed_from: run.start,
        hold: None,
        allowance: at_most.map_or(Allowance::Endless, Allowance::Whole),
        pauses: Vec::new(),
        armed_at: run.start,
        reached: vec![None; sla.reminders.len()],
        last_resume: None,
        cut_short: None,
        broken: false,
    };
    let mut last = None;
    for (at, change) in run.changes.iter().copied() {
        course.pass(at);
        if last != Some(at) {
            last = Some(at);
            course.broken = match &course.hold {
                None => course.due < at,
                Some(held) => held.remaining_ms.is_none(),
            };
        }
        match change {
            Change::Pause => course.pause(at),
            Change::Resume => {
                if course.hold.as_ref().is_some_and(|held| held.since < at) {
                    course.last_resume = Some(at);
                }
                course.resume(at);
            }
            Change::Reassign => course.reassign(at),
            Change::By(index) => course.by_value(at, &moments[index].after),
            Change::Look(index) => course.look(at, &moments[index].after),
        }
    }
    match &run.end {
        Some(end) => {
            course.pass(end.at);
            course.end(end.at);
        }
        // A pause is over before the facts of that instant, whatever they say.
        None => course.pass(moments.last().map_or(limit, |last| last.time.max(limit))),
    }
    let measure = course.measure();
    let bound = course.bound();
    let stands = course.rungs(limit);
    let Course { target, due, allowed_from, armed_at, hold, pauses, cut_short, .. } = course;
    // A pause that began at the deadline or later held the ladder.
    let ladder_pauses: Vec<_> = pauses.iter().filter(|(from, _)| *from >= due).copied().collect();

    let paused_since = hold.as_ref().map(|held| held.since);
    let remaining_ms = hold.as_ref().and_then(|held| held.remaining_ms);
    let known_due = if remaining_ms.is_some() { None } else { Some(due) };

    let rungs = sla.reminders.iter().zip(stands).map(|(reminder, at)| (reminder.text.clone(), known_due.map(|_| at)));
    let rungs: Vec<_> = rungs.collect();

    let steps = sla.escalations.iter().map(|escalation| {
        let open = escalation.after.is_business();
        let step_measure = Measure { schedule: &target.schedule, open };
        // A clock that ended within a pause from before the deadline would have told no step.
        let climbed = known_due.filter(|due| cut_short.is_none_or(|from| from >= *due));
        let instant = climbed.and_then(|due| step_at(step_measure, &escalation.after, due, &ladder_pauses));
        (escalation.text.clone(), instant)
    });
    let steps: Vec<_> = steps.collect();

    let counted_from = if matches!(target.promise, Promise::By(_)) { run.start } else { allowed_from };
    let explanation = Explanation {
        counted_from,
        measure: if measure.open { "open" } else { "elapsed" },
        timezone: target.schedule.zone.name().to_owned(),
        pauses: pauses
            .iter()
            .filter(|(from, to)| *from < due && to.is_none_or(|to| to > *from && to > counted_from))
            .copied()
            .collect(),
        closed_dates: if measure.open { closed_dates(&target.schedule, counted_from, due) } else { Vec::new() },
    };
    let open_until = |until: Option<Timestamp>| {
        until.map(|until| shares_of_owners(measure, run, moments, until, &pauses)).unwrap_or_default()
    };
    Clock {
        family: run.family,
        sla: sla.name.clone(),
        cycle,
        start: run.start,
        starter: {
            let until = run.end.as_ref().map_or(usize::MAX, |end| end.index);
            let last = moments.iter().take(until).rposition(|moment| moment.time <= run.start);
            let state = &moments[last.map_or(run.start_index, |last| last.max(run.start_index))].after;
            (state.owner.clone(), state.team.clone())
        },
        ordinal,
        target: target.label.clone(),
        due: known_due,
        remaining_ms,
        paused_since,
        pauses: pauses.clone(),
        bound,
        cut_short,
        end: run.end.clone(),
        revived: run.revived,
        armed_at,
        rungs,
        steps,
        holders: watch::holders(run, moments),
        most_handovers: version.watch.ping_pong,
        explanation,
        effective_from: version.effective_from_written,
        open: open_until(run.end.as_ref().map(|end| end.at)),
        open_at_due: open_until(known_due),
    }
}

/// A step after the breach; a pause that lasts beyond the deadline keeps the time that remained to it.
fn step_at(
    measure: Measure<'_>,
    after: &Duration,
    due: Timestamp,
    pauses: &[(Timestamp, Option<Timestamp>)],
) -> Option<Timestamp> {
    let mut step = add(measure.schedule, due, after);
    if step == due {
        return Some(step);
    }
    for (from, to) in pauses {
        if to.is_some_and(|to| to <= *from) || *from > step {
            continue;
        }
        let remaining = measure.between(*from, step);
        step = measure.add((*to)?, remaining);
    }
    Some(step)
}

/// Open time from start to end less pauses, together and for each owner.
fn shares_of_owners(
    measure: Measure<'_>,
    run: &Run,
    moments: &[Moment],
    end: Timestamp,
    pauses: &[(Timestamp, Option<Timestamp>)],
) -> (i64, BTreeMap<String, i64>) {
    let worked = |from: Timestamp, to: Timestamp| {
        let paused: i64 = pauses
            .iter()
            .map(|(pause, resume)| {
                let (pause, resume) = ((*pause).max(from), resume.unwrap_or(end).min(to));
                if pause < resume { measure.between(pause, resume) } else { 0 }
            })
            .sum();
        measure.between(from, to) - paused
    };
    let mut by_owner: BTreeMap<String, i64> = BTreeMap::new();
    let mut credit = |state: &State, from: Timestamp, to: Timestamp| {
        let owner = state.owner.clone().unwrap_or_else(|| NOBODY.to_owned());
        *by_owner.entry(owner).or_default() += worked(from, to);
    };
    let mut from = run.start;
    let end = end.max(run.start);
    let mut holder = state_at(moments, run.start);
    for moment in moments.iter().filter(|moment| moment.time > run.start && moment.time <= end) {
        credit(&holder, from, moment.time);
        from = moment.time;
        holder = moment.after.clone();
    }
    credit(&holder, from, end);
    by_owner.retain(|_, ms| *ms != 0);
    (worked(run.start, end), by_owner)
}
