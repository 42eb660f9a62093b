//! Why two policies judge one clock differently: what each makes of it, and in a sentence what the difference comes from.

use super::Teller;
use crate::comparison::{Change, Differs, NoClock, Seen};
use crate::engine::{ClockView, Standing};
use crate::language::Lang;

/// A change of verdict told to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `L1, disposition, clock 1: met in time in A, met late in B`
    pub headline: String,
    /// What A and B make of it.
    pub sides: [String; 2],
    /// What the difference comes from.
    pub reason: String,
}

/// The change in sentences. Times are those of [`Change::timezone`], which the text around it names.
pub fn change(change: &Change, lang: Lang) -> Told {
    let teller = Teller { lang, zone: change.timezone, out: String::new() };
    Told {
        headline: teller.headline(change),
        sides: change.sides.each_ref().map(|seen| teller.seen(change, seen)),
        reason: teller.reason(change),
    }
}

impl Teller {
    fn headline(&self, change: &Change) -> String {
        let (lead, sla, cycle) = (&change.lead_id, &change.sla, self.lang.whole(i64::from(change.cycle)));
        let verdict = |seen: &Seen| seen.clock().map_or(self.lang.say("no clock", "sin reloj"), |c| self.standing(c));
        let [a, b] = change.sides.each_ref().map(verdict);
        match self.lang {
            Lang::En => format!("{lead}, {sla}, clock {cycle}: {a} in A, {b} in B"),
            Lang::Es => format!("{lead}, {sla}, reloj {cycle}: {a} en A, {b} en B"),
        }
    }

    /// One side: target, start, deadline and end.
    fn seen(&self, change: &Change, seen: &Seen) -> String {
        let clock = match seen {
            Seen::Clock(clock) => clock,
            Seen::NoClock(none) => return self.no_clock(none),
        };
        let target = self.lang.say("Target", "Meta");
        let (start, end) = (self.moment(clock.started_at), self.end(change, clock));
        let due = self.due_of(clock);
        let target = format!("{target}: {}{}", self.promised_by(clock), self.chosen_because(clock));
        match self.lang {
            Lang::En => format!("{target}. It started {start}, {due} and {end}."),
            Lang::Es => format!("{target}. Empezó el {start}, {due} y {end}."),
        }
    }

    /// `within 4 business hours`, of the target that was chosen.
    fn promised_by(&self, clock: &ClockView) -> String {
        let chosen = clock.why.as_deref().and_then(|why| why.targets.last());
        chosen.map_or_else(|| clock.target.clone(), |chosen| self.promise(chosen))
    }

    fn chosen_because(&self, clock: &ClockView) -> String {
        let targets = clock.why.as_deref().map(|why| why.targets.as_slice()).unwrap_or_default();
        targets.last().map(|chosen| self.because(chosen, targets.len() > 1)).unwrap_or_default()
    }

    fn due_of(&self, clock: &ClockView) -> String {
        let Some(due) = clock.due_at else {
            let left = clock.remaining_seconds.map(|left| self.measured(clock, left.0)).unwrap_or_default();
            return match self.lang {
                Lang::En => format!("has no deadline while it is paused ({left} remain)"),
                Lang::Es => format!("no tiene plazo mientras está en pausa (quedan {left})"),
            };
        };
        let due = self.moment(due);
        match (self.lang, clock.stopped_at.is_some() || clock.state == Standing::Breached) {
            (Lang::En, true) => format!("was due {due}"),
            (Lang::En, false) => format!("is due {due}"),
            (Lang::Es, true) => format!("vencía el {due}"),
            (Lang::Es, false) => format!("vence el {due}"),
        }
    }

    /// `stopped Fri, 6 Mar 2026, 10:05 (status qualified)`
    fn end(&self, change: &Change, clock: &ClockView) -> String {
        let fact = clock.why.as_deref().and_then(|why| why.ended_by.as_ref());
        let fact = fact.map(|fact| format!(" ({})", self.fact(fact))).unwrap_or_default();
        match (clock.stopped_at.map(|at| self.moment(at)), clock.reason.is_some(), self.lang) {
            (Some(at), false, Lang::En) => format!("stopped {at}{fact}"),
            (Some(at), false, Lang::Es) => format!("se detuvo el {at}{fact}"),
            (Some(at), true, Lang::En) => format!("was cancelled {at}{fact}"),
            (Some(at), true, Lang::Es) => format!("se canceló el {at}{fact}"),
            (None, _, Lang::En) => format!("had not stopped by {}", self.moment(change.as_of)),
            (None, _, Lang::Es) => format!("no se había detenido hasta el {}", self.moment(change.as_of)),
        }
    }

    fn no_clock(&self, none: &NoClock) -> String {
        let lang = self.lang;
        if none.sla_unknown {
            return lang.say("It has no such SLA.", "No tiene este SLA.").to_owned();
        }
        if none.lead_unknown {
            return lang
                .say(
                    "It has no such lead: every event of it was refused.",
                    "No conoce este lead: todos sus eventos fueron rechazados.",
                )
                .to_owned();
        }
        let mut text = match (none.clocks, lang) {
            (0, _) => lang.say("It starts no clock for this lead", "No inicia ningún reloj para este lead").to_owned(),
            (clocks, Lang::En) => {
                format!("It starts only {} for this lead", lang.counted(i64::from(clocks), "clock", "clocks"))
            }
            (clocks, Lang::Es) => {
                format!("Solo inicia {} para este lead", lang.counted(i64::from(clocks), "reloj", "relojes"))
            }
        };
        if none.already_stopped > 0 {
            let times = lang.counted(i64::from(none.already_stopped), "time", "times");
            let veces = lang.counted(i64::from(none.already_stopped), "vez", "veces");
            text.push_str(&match lang {
                Lang::En => format!("; {times} it was stopped already when it would have started one"),
                Lang::Es => format!("; {veces} ya estaba detenido cuando lo habría iniciado"),
            });
        }
        if none.before_first_version > 0 {
            text.push_str(lang.say("; its first version came later", "; su primera versión es posterior"));
        }
        text.push('.');
        text
    }

    fn reason(&self, change: &Change) -> String {
        let [Seen::Clock(a), Seen::Clock(b)] = &change.sides else { return self.reason_of_no_clock(change) };
        let differs = change.differs();
        let has = |what: Differs| differs.contains(&what);
        let mut text = match (has(Differs::StoppedAt), a.stopped_at) {
            (false, Some(_)) => self.one_end(change, [a, b]),
            (false, None) => self.no_end(change, [a, b]),
            (true, _) => self.two_ends(change, [a, b], has(Differs::DueAt)),
        };
        if has(Differs::DueAt) {
            text.push(' ');
            text.push_str(&self.why_due(&differs, [a, b]));
        }
        text
    }

    /// `before the deadline of A (Fri, 6 Mar 2026, 09:35)`
    fn against(&self, clock: &ClockView, which: &str) -> String {
        let late = matches!(clock.state, Standing::Breached | Standing::MetLate);
        let Some(due) = clock.due_at.map(|due| self.moment(due)) else {
            return match self.lang {
                Lang::En => format!("while {which} had it paused"),
                Lang::Es => format!("mientras {which} lo tenía en pausa"),
            };
        };
        match (self.lang, late) {
            (Lang::En, true) => format!("after the deadline of {which} ({due})"),
            (Lang::En, false) => format!("not after that of {which} ({due})"),
            (Lang::Es, true) => format!("después del plazo de {which} ({due})"),
            (Lang::Es, false) => format!("no después del de {which} ({due})"),
        }
    }

    /// Ended alike: one deadline lay before that, the other did not. What was missed is told first.
    fn one_end(&self, change: &Change, [a, b]: [&ClockView; 2]) -> String {
        let missed = |clock: &ClockView| matches!(clock.state, Standing::Breached | Standing::MetLate);
        let (first, second) = if missed(a) || !missed(b) { ((a, "A"), (b, "B")) } else { ((b, "B"), (a, "A")) };
        let end = self.end(change, a);
        let (first, second) = (self.against(first.0, first.1), self.against(second.0, second.1));
        match self.lang {
            Lang::En => format!("It {end}: {first}, {second}."),
            Lang::Es => format!("{}: {first}, {second}.", capital(&end)),
        }
    }

    fn no_end(&self, change: &Change, sides: [&ClockView; 2]) -> String {
        let passed: Vec<String> = sides
            .into_iter()
            .zip(["A", "B"])
            .map(|(clock, which)| {
                let Some(due) = clock.due_at.map(|due| self.moment(due)) else {
                    return match self.lang {
                        Lang::En => format!("{which} has it paused, without a deadline"),
                        Lang::Es => format!("{which} lo tiene en pausa, sin plazo"),
                    };
                };
                match (self.lang, clock.state == Standing::Breached) {
                    (Lang::En, true) => format!("the deadline of {which} ({due}) has passed"),
                    (Lang::En, false) => format!("that of {which} ({due}) has not"),
                    (Lang::Es, true) => format!("el plazo de {which} ({due}) ya pasó"),
                    (Lang::Es, false) => format!("el de {which} ({due}) no"),
                }
            })
            .collect();
        let (mut first, mut second) = (0, 1);
        if sides[0].state != Standing::Breached {
            (first, second) = (1, 0);
        }
        let end = self.end(change, sides[0]);
        match self.lang {
            Lang::En => format!("It {end}: {}, {}.", passed[first], passed[second]),
            Lang::Es => format!("{}: {}, {}.", capital(&end), passed[first], passed[second]),
        }
    }

    fn two_ends(&self, change: &Change, [a, b]: [&ClockView; 2], two_deadlines: bool) -> String {
        let (in_a, in_b) = (self.end(change, a), self.end(change, b));
        let mut text = match self.lang {
            Lang::En => format!("In A it {in_a}, in B it {in_b}"),
            Lang::Es => format!("En A {in_a}; en B {in_b}"),
        };
        if let (false, Some(due)) = (two_deadlines, a.due_at.map(|due| self.moment(due))) {
            text.push_str(&match self.lang {
                Lang::En => format!("; the deadline is the same, {due}"),
                Lang::Es => format!("; el plazo es el mismo, {due}"),
            });
        }
        text.push('.');
        text
    }

    /// Why the deadlines differ: what comes first of what differs.
    fn why_due(&self, differs: &[Differs], [a, b]: [&ClockView; 2]) -> String {
        let has = |what: Differs| differs.contains(&what);
        if has(Differs::Target) {
            let (a, b) = (self.promised_by(a), self.promised_by(b));
            return match self.lang {
                Lang::En => format!("A asks for it {a}, B {b}."),
                Lang::Es => format!("La meta de A: {a}; la de B: {b}."),
            };
        }
        if has(Differs::StartedAt) {
            let (a, b) = (self.moment(a.started_at), self.moment(b.started_at));
            return match self.lang {
                Lang::En => format!("A starts it {a}, B {b}."),
                Lang::Es => format!("A lo inicia el {a}; B, el {b}."),
            };
        }
        if has(Differs::CountedFrom) {
            let (a, b) = (self.moment(a.explanation.counted_from), self.moment(b.explanation.counted_from));
            return match self.lang {
                Lang::En => format!("The allowance counts from {a} in A, from {b} in B."),
                Lang::Es => format!("El tiempo cuenta desde el {a} en A y desde el {b} en B."),
            };
        }
        if has(Differs::Pauses) {
            let pauses = |clock: &ClockView| {
                let pauses = clock.explanation.pauses.len() as i64;
                self.lang.counted(pauses, self.lang.say("time", "vez"), self.lang.say("times", "veces"))
            };
            let (a, b) = (pauses(a), pauses(b));
            return match self.lang {
                Lang::En => format!("A pauses it {a}, B {b}."),
                Lang::Es => format!("A lo pausa {a}; B, {b}."),
            };
        }
        self.lang
            .say(
                "Both ask for the same, by other calendars or hours.",
                "Ambas dan la misma meta, con otros calendarios u horarios.",
            )
            .to_owned()
    }

    fn reason_of_no_clock(&self, change: &Change) -> String {
        let [a, b] = &change.sides;
        let (which, other, clock, none) = match (a, b) {
            (Seen::Clock(clock), Seen::NoClock(none)) => ("A", "B", clock, none),
            (Seen::NoClock(none), Seen::Clock(clock)) => ("B", "A", clock, none),
            _ => return String::new(),
        };
        let started = clock.why.as_deref().and_then(|why| why.started_by.as_ref());
        let fact = started.map(|fact| format!(" ({})", self.fact(fact))).unwrap_or_default();
        let start = self.moment(clock.started_at);
        if none.sla_unknown {
            return match self.lang {
                Lang::En => format!("Only {which} has this SLA, and starts this clock, {start}{fact}."),
                Lang::Es => format!("Solo {which} tiene este SLA e inicia este reloj, el {start}{fact}."),
            };
        }
        match (self.lang, none.lead_unknown) {
            (Lang::En, false) => format!("Only {which} starts this clock, {start}{fact}."),
            (Lang::En, true) => format!("Only {which} knows this lead; {other} refused its events."),
            (Lang::Es, false) => format!("Solo {which} inicia este reloj, el {start}{fact}."),
            (Lang::Es, true) => format!("Solo {which} conoce este lead; {other} rechazó sus eventos."),
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
