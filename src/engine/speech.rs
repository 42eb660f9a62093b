//! From what must be said to notices: order, and the data of each kind.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::clock::{Clock, End, Hold};
use super::fold::Fold;
use super::ledger::{Deadline, Told};
use super::notice::{
    AsOf, Breached, DeadlineMoved, Ended, Escalated, NoticeId, NoticeKind, Object, Outbox, Paused, PingPong, Reminder,
    Resumed, Retracted, Seconds, Started, Statement,
};
use super::record::{Lead, Sym};
use super::rules::Rules;
use super::settle::{Step, cancel_reason};
use crate::time::Timestamp;

/// What a notice says beyond its clock.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Plain,
    Moved { previous: Option<Timestamp> },
    Reminder { rung: usize },
    Breached { late: bool },
    Escalated { step: usize, late: bool },
    Retracted { of: NoticeKind, reason: &'static str },
}

/// Which statement is made or taken back: all that its id is derived from, beside the lead and the kind.
#[derive(Clone, Copy, Debug)]
pub struct Saying {
    sla: Sym,
    start: Timestamp,
    ordinal: u32,
    deadline: Deadline,
    step: u64,
    count: u32,
}

impl Saying {
    /// `count`: how often it was made before.
    pub fn of(told: &Told, step: u64, count: u32) -> Self {
        Saying { sla: told.sla, start: told.start, ordinal: told.ordinal, deadline: told.deadline, step, count }
    }
}

#[derive(Clone, Copy, Debug)]
struct Utterance {
    /// Into the fold's clocks; `None` for a clock that is no more.
    clock: Option<usize>,
    time: Timestamp,
    kind: NoticeKind,
    saying: Saying,
    said: Said,
}

/// What one step says, collected and put in order.
#[derive(Debug, Default)]
pub struct Speech {
    retractions: Vec<Utterance>,
    statements: Vec<Utterance>,
}

/// What the notices of one step are about.
#[derive(Clone, Copy)]
pub struct Speaker<'a> {
    pub rules: &'a Rules,
    pub lead: &'a Lead,
    pub fold: &'a Fold,
    pub step: Step<'a>,
}

/// Index of an SLA's name in the policy's families; `u16::MAX` where no version has it.
pub fn family_of(rules: &Rules, name: &str) -> u16 {
    rules.policy.families.iter().position(|family| family.name == name).map_or(u16::MAX, |index| index as u16)
}

impl Speech {
    pub fn clear(&mut self) {
        self.retractions.clear();
        self.statements.clear();
    }

    pub fn say(&mut self, clock: usize, time: Timestamp, kind: NoticeKind, saying: Saying, said: Said) {
        self.statements.push(Utterance { clock: Some(clock), time, kind, saying, said });
    }

    pub fn take_back(&mut self, clock: Option<usize>, time: Timestamp, saying: Saying, said: Said) {
        self.retractions.push(Utterance { clock, time, kind: NoticeKind::Retracted, saying, said });
    }

    /// Retractions first, then by the instant, the SLA's order, the kind (SEMANTICS 12.15).
    pub fn tell(&mut self, speaker: Speaker<'_>, outbox: &mut Outbox) {
        // The fold's clocks are in order of SLA and start.
        self.statements.sort_by_key(|said| (said.time, said.clock, said.kind));
        for said in self.retractions.iter().chain(&self.statements) {
            speaker.tell(said, outbox);
        }
    }
}

impl Speaker<'_> {
    fn tell(&self, said: &Utterance, outbox: &mut Outbox) {
        let times = (said.time, self.step.at);
        let lead_id = self.lead.lead_id();
        let clock = said.clock.map(|index| &self.fold.clocks[index]);
        if outbox.is_wordless() {
            let family = clock.map_or_else(|| self.family_gone(said), |clock| clock.family);
            return outbox.note(said.kind, family, times);
        }
        let as_of = AsOf { watermark: self.step.at, offsets: Object(self.step.offsets) };
        let Some(clock) = clock else { return self.tell_gone(said, as_of, outbox) };
        let id = self.id(said);
        let sla = self.rules.family_name(clock.family);
        let holder = match clock.end {
            // From its end on the clock is credited to one holder, whoever has the lead then (SEMANTICS 12.28).
            Some(End { at, owner, team, .. }) if said.time >= at && said.kind != NoticeKind::Started => {
                Some(Hold { from: at, owner, team })
            }
            _ => clock.holder_at(said.time),
        };
        let owner = holder.and_then(|hold| self.lead.said(hold.owner));
        let team = holder.and_then(|hold| self.lead.said(hold.team));
        let target = clock.promise(self.rules);
        let policy = self.rules.policy_part(clock.version);
        // A clock that was paused at or after its deadline has one, of which nothing remains: breach and ladder give it, what
        // tells of the pause does not.
        let tells_of_pause = matches!(
            said.kind,
            NoticeKind::Started | NoticeKind::Paused | NoticeKind::Resumed | NoticeKind::DeadlineMoved
        );
        let stands_still = clock.paused && clock.end.is_none();
        let due_at = clock.due().filter(|_| !(tells_of_pause && stands_still));
        let remaining = match (due_at, clock.told_deadline()) {
            (Some(_), _) => None,
            (None, Deadline::Remaining(ms)) => Some(Seconds(ms)),
            (None, Deadline::At(_)) => Some(Seconds(0)),
        };
        macro_rules! write {
            ($data:ident { $($field:ident : $value:expr),* $(,)? }) => {
                outbox.write(said.kind, id, clock.family, times, lead_id, &$data {
                    lead_id, sla, cycle: clock.cycle, target: Some(&target.label), owner, team,
                    started_at: clock.start, due_at, policy, as_of,
                    $($field: $value),*
                })
            };
        }
        let rule = clock.rule(self.rules);
        match said.said {
            Said::Retracted { of, reason } => {
                let retracts = self.statement_id(said, of);
                write!(Retracted { retracts: retracts, retracts_type: of.name(), reason: reason });
            }
            Said::Moved { previous } => {
                write!(DeadlineMoved { remaining_seconds: remaining, previous_due_at: previous });
            }
            Said::Reminder { rung } => {
                let next = clock.rungs.iter().copied().filter(|other| *other > said.time).min();
                let due = clock.due().unwrap_or(Timestamp::MAX);
                write!(Reminder { at: &rule.reminders[rung].text, valid_until: next.unwrap_or(due).min(due) });
            }
            Said::Breached { late } => {
                let shares = self.shares(clock, said.time);
                write!(Breached {
                    found_at: self.step.at,
                    found_late: late,
                    explanation: super::explain::explanation(self.rules, clock, said.time, said.time),
                    open_seconds: Seconds(clock.open_ms(self.rules, said.time)),
                    open_seconds_by_owner: Object(&shares),
                });
            }
            Said::Escalated { step, late } => {
                let escalation = &rule.escalations[step];
                write!(Escalated {
                    step: step as u32 + 1,
                    after: &escalation.text,
                    notify: &escalation.notify,
                    action: escalation.action.as_deref(),
                    found_late: late,
                });
            }
            Said::Plain => match said.kind {
                NoticeKind::Started => write!(Started { remaining_seconds: remaining }),
                NoticeKind::Paused => write!(Paused { remaining_seconds: remaining.unwrap_or(Seconds(0)) }),
                NoticeKind::Resumed => write!(Resumed { remaining_seconds: remaining }),
                NoticeKind::PingPong => {
                    let after = clock.handovers().map(|(_, owner)| owner);
                    let owners: Vec<&str> =
                        [clock.first_owner()].into_iter().chain(after).map(|owner| self.lead.str(owner)).collect();
                    write!(PingPong {
                        handovers: owners.len().saturating_sub(1) as u32,
                        more_than: self.rules.version(clock.version).watch.ping_pong.unwrap_or(0),
                        owners: owners,
                    });
                }
                _ => self.tell_end(said, clock, policy, as_of, outbox),
            },
        }
    }

    fn tell_end(
        &self,
        said: &Utterance,
        clock: &Clock,
        policy: &super::notice::RawPolicy,
        as_of: AsOf<'_>,
        outbox: &mut Outbox,
    ) {
        let Some(end) = clock.end else { return };
        let shares = self.shares(clock, end.at);
        let lead_id = self.lead.lead_id();
        let data = Ended {
            lead_id,
            sla: self.rules.family_name(clock.family),
            cycle: clock.cycle,
            target: Some(&clock.promise(self.rules).label),
            owner: self.lead.said(end.owner),
            team: self.lead.said(end.team),
            started_at: clock.start,
            due_at: clock.due(),
            policy,
            as_of,
            stopped_at: end.at,
            open_seconds: Seconds(clock.open_ms(self.rules, end.at)),
            open_seconds_by_owner: Object(&shares),
            reason: cancel_reason(end.cause),
        };
        outbox.write(said.kind, self.id(said), clock.family, (said.time, self.step.at), lead_id, &data);
    }

    /// The id of the statement that is made or taken back.
    fn statement_id(&self, said: &Utterance, kind: NoticeKind) -> NoticeId {
        let Saying { sla, start, ordinal, step, count, .. } = said.saying;
        let (lead_id, sla) = (self.lead.lead_id(), self.lead.str(sla));
        Statement { lead_id, sla, start, ordinal, kind, step, count }.id()
    }

    /// The id of the notice.
    fn id(&self, said: &Utterance) -> NoticeId {
        match said.said {
            Said::Retracted { of, .. } => self.statement_id(said, of).retraction(),
            _ => self.statement_id(said, said.kind),
        }
    }

    fn shares(&self, clock: &Clock, until: Timestamp) -> SmallVec<[(Cow<'_, str>, Seconds); 4]> {
        let shares = clock.shares(self.rules, self.lead, until);
        shares.into_iter().map(|(owner, ms)| (Cow::Borrowed(owner), Seconds(ms))).collect()
    }

    /// The family of a clock that the facts no longer make.
    fn family_gone(&self, said: &Utterance) -> u16 {
        family_of(self.rules, self.lead.str(said.saying.sla))
    }

    /// A retraction of such a clock.
    fn tell_gone(&self, said: &Utterance, as_of: AsOf<'_>, outbox: &mut Outbox) {
        let Said::Retracted { of, reason } = said.said else { return };
        let Saying { sla, start, deadline, .. } = said.saying;
        let (lead_id, sla) = (self.lead.lead_id(), self.lead.str(sla));
        let (family, retracts) = (self.family_gone(said), self.statement_id(said, of));
        let version = self.rules.policy.words_at(start) as u16;
        let policy = self.rules.policy_part(version);
        let (owner, team, _) = self.fold.holder();
        // Those that are left of its own instant have lower ordinals.
        let earlier = self.fold.clocks.iter().filter(|clock| clock.family == family && clock.start <= start);
        let data = Retracted {
            lead_id,
            sla,
            cycle: self.fold.dropped(family).all().saturating_add(earlier.count() as u32 + 1),
            target: None,
            owner: self.lead.said(owner),
            team: self.lead.said(team),
            started_at: start,
            due_at: match deadline {
                Deadline::At(due) => Some(due),
                Deadline::Remaining(_) => None,
            },
            policy,
            as_of,
            retracts,
            retracts_type: of.name(),
            reason,
        };
        outbox.write(said.kind, retracts.retraction(), family, (said.time, self.step.at), lead_id, &data);
    }
}
