//! One clock: from its start to its end, with all that moved its deadline.

use chrono::{NaiveDate, NaiveTime};

use super::{Teller, zone_of};
use crate::engine::why::{DateView, Why};
use crate::engine::{ClockView, Standing};
use crate::language::Lang;
use crate::time::Timestamp;

/// Days of open time that are listed one by one; more are counted.
const MOST_DAYS: usize = 12;

impl Teller {
    pub(super) fn clock(&mut self, clock: &ClockView) {
        let lang = self.lang;
        let cycle = lang.whole(i64::from(clock.cycle));
        // What is told of it is then not what it looks like.
        let known = match clock.stale_since {
            Some(_) => lang.say(", by the known events", ", según los eventos conocidos"),
            None => "",
        };
        let standing = self.standing(clock);
        self.line(0, &format!("{}, {} {cycle}: {standing}{known}", clock.sla, lang.say("clock", "reloj")));
        let Some(why) = clock.why.as_deref() else { return };
        // A target may be counted in the calendar of another zone.
        let own = zone_of(&clock.explanation.timezone);
        let outer = std::mem::replace(&mut self.zone, own);
        if own != outer {
            let zone = own.name();
            let text = match lang {
                Lang::En => format!("Times of this clock are those of {zone}."),
                Lang::Es => format!("Las horas de este reloj son las de {zone}."),
            };
            self.line(2, &text);
        }
        self.promised(why);
        self.started(clock, why);
        self.targets(clock, why);
        self.due(clock, why);
        self.counted(clock, why);
        self.pauses(why);
        self.holders(clock, why);
        self.ping_pong(why);
        self.reminders(clock);
        self.breached(clock, why);
        self.escalations(clock);
        self.ended(clock, why);
        self.next(clock);
        let (name, from) = (&clock.policy.name, self.moment(clock.policy.effective_from));
        let text = match lang {
            Lang::En => format!("Governed by \"{name}\" as in force from {from}."),
            Lang::Es => format!("Rige \"{name}\" en su versión vigente desde el {from}."),
        };
        self.line(2, &text);
        self.zone = outer;
    }

    pub(super) fn standing(&self, clock: &ClockView) -> &'static str {
        match (clock.state, clock.reason.is_some()) {
            (Standing::Met, _) => self.lang.say("met in time", "cumplido a tiempo"),
            (Standing::MetLate, _) => self.lang.say("met late", "cumplido tarde"),
            (Standing::Breached, true) => self.lang.say("breached, then cancelled", "incumplido y luego cancelado"),
            (Standing::Breached, false) => self.lang.say("breached", "incumplido"),
            (Standing::Running, _) => self.lang.say("running", "en marcha"),
            (Standing::Paused, _) => self.lang.say("paused", "en pausa"),
            (Standing::Cancelled, _) => self.lang.say("cancelled", "cancelado"),
        }
    }

    fn promised(&mut self, why: &Why) {
        let text = match (&why.promise, &why.promised_by) {
            (Some(promise), Some(by)) => format!("{} {by}: {promise}.", self.lang.say("Promised by", "Promesa de")),
            (Some(promise), None) => format!("{}: {promise}.", self.lang.say("The promise", "La promesa")),
            (None, _) => return,
        };
        self.line(2, &text);
    }

    fn started(&mut self, clock: &ClockView, why: &Why) {
        let start = self.moment(clock.started_at);
        let fact = why.started_by.as_ref().map(|fact| format!(": {}", self.fact(fact))).unwrap_or_default();
        let text = match self.lang {
            Lang::En => format!("Started {start}{fact}."),
            Lang::Es => format!("Empezó el {start}{fact}."),
        };
        self.line(2, &text);
    }

    /// `3 hours of open time`.
    pub(super) fn measured(&self, clock: &ClockView, ms: i64) -> String {
        let span = self.lang.span(ms);
        match clock.explanation.measure {
            "open" => format!("{span} {}", self.lang.say("of open time", "de horario hábil")),
            _ => span,
        }
    }

    fn due(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        let restarted = clock.explanation.counted_from;
        if restarted != clock.started_at {
            let at = self.moment(restarted);
            let text = match lang {
                Lang::En => format!("The allowance began anew {at}, when the lead was given to another owner."),
                Lang::Es => format!("El tiempo empezó de nuevo el {at}, cuando el lead pasó a otro responsable."),
            };
            self.line(2, &text);
        }
        let mut text = match (clock.due_at, clock.remaining_seconds) {
            (Some(due), _) => {
                let due = self.moment(due);
                match (lang, clock.stopped_at.is_some() || clock.state == Standing::Breached) {
                    (Lang::En, false) => format!("Due {due}."),
                    (Lang::En, true) => format!("It was due {due}."),
                    (Lang::Es, false) => format!("Vence el {due}."),
                    (Lang::Es, true) => format!("Vencía el {due}."),
                }
            }
            (None, Some(left)) => {
                let left = self.measured(clock, left.0);
                match lang {
                    Lang::En => format!("No deadline while it is paused: {left} remain."),
                    Lang::Es => format!("Sin plazo mientras está en pausa: quedan {left}."),
                }
            }
            (None, None) => lang.say("No deadline is known.", "No se conoce ningún plazo.").to_owned(),
        };
        if why.deadline_moves > 0 {
            let moves = i64::from(why.deadline_moves);
            text.push_str(&match lang {
                Lang::En => format!(" The deadline was moved {}.", lang.counted(moves, "time", "times")),
                Lang::Es => format!(" El plazo se movió {}.", lang.counted(moves, "vez", "veces")),
            });
        }
        self.line(2, &text);
    }

    /// The open intervals day by day, and the dates that were not as usual.
    fn counted(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        let mut days: Vec<(NaiveDate, Vec<String>, i64)> = Vec::new();
        for open in &why.counted {
            let (from, to) = (self.wall(open.from), self.wall(open.to));
            let interval = format!("{}–{}", time(from.1), self.closing(from.0, to, open.to));
            let ms = open.to.since_ms(open.from);
            match days.last_mut() {
                Some((date, intervals, sum)) if *date == from.0 => {
                    intervals.push(interval);
                    *sum += ms;
                }
                _ => days.push((from.0, vec![interval], ms)),
            }
        }
        if !days.is_empty() {
            let zone = &clock.explanation.timezone;
            self.line(
                2,
                &format!("{} ({zone}):", lang.say("Open time up to the deadline", "Horario hábil hasta el plazo")),
            );
        }
        for (date, intervals, ms) in days.iter().take(MOST_DAYS) {
            self.line(4, &format!("{}: {} ({})", lang.short_date(*date), intervals.join(", "), lang.span(*ms)));
        }
        let more = days.len().saturating_sub(MOST_DAYS);
        if more > 0 || why.counted_more > 0 {
            let more = lang.counted(more as i64, lang.say("more day", "día más"), lang.say("more days", "días más"));
            let beyond = if why.counted_more > 0 { lang.say(" and on", " y así sigue") } else { "" };
            self.line(4, &format!("… {more}{beyond}"));
        }
        for date in &why.dates {
            let text = self.unusual(date);
            self.line(4, &text);
        }
    }

    fn wall(&self, instant: Timestamp) -> (NaiveDate, NaiveTime) {
        let local = instant.to_utc().with_timezone(&self.zone);
        (local.date_naive(), local.time())
    }

    /// The end of an interval of a day: `24:00` at its midnight, with the date where it is on another one.
    fn closing(&self, day: NaiveDate, (date, at): (NaiveDate, NaiveTime), instant: Timestamp) -> String {
        match (date == day, at == NaiveTime::MIN && day.succ_opt() == Some(date)) {
            (true, _) => time(at),
            (false, true) => "24:00".to_owned(),
            (false, false) => self.lang.moment_near(instant, self.zone, day),
        }
    }

    fn unusual(&self, date: &DateView) -> String {
        let lang = self.lang;
        let day = date.date.parse().map(|date| lang.short_date(date)).unwrap_or_else(|_| date.date.clone());
        let holiday = date.why == "holiday";
        let why = match &date.name {
            Some(name) if holiday => format!("{name} ({})", lang.say("holiday", "festivo")),
            Some(name) => name.clone(),
            None if holiday => lang.say("holiday", "festivo").to_owned(),
            None => lang.say("by its own hours", "según su propio horario").to_owned(),
        };
        match (date.hours.is_empty(), lang) {
            (true, Lang::En) => format!("closed {day}: {why}"),
            (true, Lang::Es) => format!("cerrado el {day}: {why}"),
            (false, Lang::En) => format!("other hours {day}, {}: {why}", date.hours.join(", ")),
            (false, Lang::Es) => format!("otro horario el {day}, {}: {why}", date.hours.join(", ")),
        }
    }

    fn pauses(&mut self, why: &Why) {
        let lang = self.lang;
        for pause in &why.pauses {
            let from = self.moment(pause.from);
            let status = pause.status.as_ref().map(|status| format!(" ({} {status})", lang.say("status", "estado")));
            let status = status.unwrap_or_default();
            let mut text = match (pause.to.map(|to| self.moment(to)), lang) {
                (Some(to), Lang::En) => format!("Paused from {from} to {to}{status}: that time does not count."),
                (Some(to), Lang::Es) => format!("En pausa del {from} al {to}{status}: ese tiempo no cuenta."),
                (None, Lang::En) => format!("Paused since {from}{status}."),
                (None, Lang::Es) => format!("En pausa desde el {from}{status}."),
            };
            if pause.used_up {
                text.push_str(lang.say(
                    " It went on by itself: a pause may last no longer.",
                    " Siguió por sí solo: una pausa no puede durar más.",
                ));
            }
            self.line(2, &text);
        }
    }

    fn holders(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        let nobody = lang.say("nobody", "nadie");
        let held: Vec<String> = why
            .holders
            .iter()
            .map(|holder| {
                let (owner, from) = (holder.owner.as_deref().unwrap_or(nobody), self.moment(holder.from));
                let team = holder.team.as_ref().map(|team| format!(" ({} {team})", lang.say("team", "equipo")));
                let team = team.unwrap_or_default();
                match lang {
                    Lang::En => format!("by {owner}{team} from {from}"),
                    Lang::Es => format!("de {owner}{team} desde el {from}"),
                }
            })
            .collect();
        if held.len() > 1 {
            let shares: Vec<String> = clock
                .open_seconds_by_owner
                .iter()
                .map(|(owner, seconds)| {
                    let owner = if owner == "(none)" { nobody } else { owner };
                    format!("{owner} {}", lang.span(seconds.0))
                })
                .collect();
            let (held, shares) = (held.join(", "), shares.join("; "));
            let text = match lang {
                Lang::En => format!("Held {held}. The time that it ran with each: {shares}."),
                Lang::Es => format!("A cargo {held}. El tiempo que corrió con cada uno: {shares}."),
            };
            self.line(2, &text);
        }
    }

    /// That it was handed on too often, as was told.
    fn ping_pong(&mut self, why: &Why) {
        let Some(told) = &why.ping_pong else { return };
        let (at, lang) = (self.moment(told.at), self.lang);
        let most = i64::from(told.more_than);
        let text = match lang {
            Lang::En => {
                let times = lang.counted(most, "time", "times");
                format!("Handed on more than {times} within this clock: told for {at}.")
            }
            Lang::Es => {
                let times = lang.counted(most, "vez", "veces");
                format!("Pasó de un responsable a otro más de {times} con este reloj: avisado para el {at}.")
            }
        };
        self.line(2, &text);
    }

    fn breached(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        if let (Some(at), true) = (clock.due_at, matches!(clock.state, Standing::Breached | Standing::MetLate)) {
            let due = self.moment(at);
            let untold = clock.stale_since.is_some_and(|since| at > since);
            let mut text = match lang {
                Lang::En if untold => format!("{due} has passed, but no breach is told while its state is not known."),
                Lang::Es if untold => {
                    format!("Pasó el {due}, pero no se avisa ningún incumplimiento mientras no se conozca su estado.")
                }
                Lang::En => format!("Breached: {due} passed with the clock running."),
                Lang::Es => format!("Incumplido: pasó el {due} con el reloj en marcha."),
            };
            if why.found_late {
                text.push_str(lang.say(
                    " It was found late: that instant had passed when the engine learnt of the clock.",
                    " Se halló tarde: ese instante ya había pasado cuando se supo del reloj.",
                ));
            }
            self.line(2, &text);
        }
    }

    fn ended(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        let took = self.measured(clock, clock.open_seconds.0);
        let fact = why.ended_by.as_ref().map(|fact| format!(": {}", self.fact(fact))).unwrap_or_default();
        let text = match (clock.stopped_at.map(|at| self.moment(at)), clock.reason.is_some(), lang) {
            (Some(at), false, Lang::En) => format!("Stopped {at}{fact}. It took {took}."),
            (Some(at), false, Lang::Es) => format!("Se detuvo el {at}{fact}. Llevó {took}."),
            (Some(at), true, Lang::En) => format!("Cancelled {at}{fact}. It had run {took}."),
            (Some(at), true, Lang::Es) => format!("Se canceló el {at}{fact}. Había corrido {took}."),
            (None, _, Lang::En) => format!("So far it has run {took}."),
            (None, _, Lang::Es) => format!("Hasta ahora ha corrido {took}."),
        };
        self.line(2, &text);
        if !why.retracted.is_empty() {
            let what = self.retractions(&why.retracted);
            let text = match lang {
                Lang::En => format!("Told and taken back, because facts learnt later disproved it: {what}."),
                Lang::Es => format!("Avisado y retirado, porque hechos sabidos después lo desmintieron: {what}."),
            };
            self.line(2, &text);
        }
    }
}

fn time(at: NaiveTime) -> String {
    let text = at.format("%H:%M:%S").to_string();
    text.strip_suffix(":00").unwrap_or(&text).to_owned()
}
