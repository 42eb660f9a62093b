//! Reminders, the ladder after a breach, and what comes next.

use super::Teller;
use crate::calendar::Duration;
use crate::engine::ClockView;
use crate::engine::explain::MarkView;
use crate::language::Lang;

impl Teller {
    /// A rung as the policy writes it, in the language: `at 50% of the time`, `1 hora hábil antes del plazo`.
    fn rung(&self, text: &str) -> String {
        let share = text.strip_suffix('%').and_then(|share| share.trim().parse::<f64>().ok());
        if let Some(share) = share {
            let share = self.lang.share((share * 10_000.0).round() as u32);
            return match self.lang {
                Lang::En => format!("at {share} of the time"),
                Lang::Es => format!("al {share} del tiempo"),
            };
        }
        let before = text.strip_suffix("before").map(|text| Duration::parse(text.trim()));
        match before {
            Some(Ok(duration)) => {
                let before = self.lang.say("before the deadline", "antes del plazo");
                format!("{} {before}", self.lang.duration(&duration))
            }
            _ => text.to_owned(),
        }
    }

    /// A step as the policy writes it, in the language.
    fn after(&self, text: &str) -> String {
        match Duration::parse(text) {
            Ok(duration) if duration.is_nothing() => self.lang.say("at the breach", "al incumplirse").to_owned(),
            Ok(duration) => {
                format!(
                    "{} {}",
                    self.lang.duration(&duration),
                    self.lang.say("after the breach", "después del incumplimiento")
                )
            }
            Err(_) => text.to_owned(),
        }
    }

    pub(super) fn reminders(&mut self, clock: &ClockView) {
        for mark in clock.reminders.iter().filter(|mark| is_sure(clock, mark)) {
            let name = format!("{} {}", self.lang.say("Reminder", "Recordatorio"), self.rung(&mark.text));
            let text = format!("{name}: {}.", self.became(mark, false));
            self.line(2, &text);
        }
    }

    pub(super) fn escalations(&mut self, clock: &ClockView) {
        let breached = clock.state.name() == "breached" || clock.state.name() == "met_late";
        for mark in clock.escalations.iter().filter(|mark| is_sure(clock, mark)) {
            let whom = self.lang.and(&mark.notify);
            let asks = mark.action.as_deref().map(|action| format!(" [{action}]")).unwrap_or_default();
            let after = self.after(&mark.text);
            let name = match self.lang {
                Lang::En => format!("Escalation {after}, to {whom}{asks}"),
                Lang::Es => format!("Escalamiento {after}, a {whom}{asks}"),
            };
            let text = format!("{name}: {}.", self.became(mark, !breached));
            self.line(2, &text);
        }
    }

    /// What became of it.
    fn became(&self, mark: &MarkView, only_if_breached: bool) -> String {
        let lang = self.lang;
        let at = mark.time.map(|time| self.moment(time)).unwrap_or_default();
        match (mark.state, lang) {
            ("told", Lang::En) => format!("told for {at}"),
            ("told", Lang::Es) => format!("avisado para el {at}"),
            ("pending", Lang::En) if only_if_breached => format!("only if the deadline is missed, {at}"),
            ("pending", Lang::Es) if only_if_breached => format!("solo si se pasa el plazo, el {at}"),
            ("pending", Lang::En) => format!("to come {at}"),
            ("pending", Lang::Es) => format!("por venir el {at}"),
            ("taken_back", Lang::En) => format!("told for {at}, and taken back"),
            ("taken_back", Lang::Es) => format!("avisado para el {at}, y retirado"),
            ("held", Lang::En) => "waits until the clock goes on".to_owned(),
            ("held", Lang::Es) => "espera a que el reloj siga".to_owned(),
            ("passed_over", Lang::En) if mark.reason == Some("superseded") => {
                "passed over, because a later step was due with it".to_owned()
            }
            ("passed_over", Lang::Es) if mark.reason == Some("superseded") => {
                "omitido, porque ya tocaba un paso posterior".to_owned()
            }
            ("passed_over", Lang::En) => {
                format!("passed over, because {at} was no longer ahead when the deadline became known")
            }
            ("passed_over", Lang::Es) => {
                format!("omitido, porque el {at} ya no estaba por venir cuando se conoció el plazo")
            }
            (_, Lang::En) => "not told, because the clock did not come so far".to_owned(),
            (_, Lang::Es) => "sin avisar, porque el reloj no llegó hasta ahí".to_owned(),
        }
    }

    pub(super) fn next(&mut self, clock: &ClockView) {
        if clock.stale_since.is_some() {
            let text = self.lang.say(
                "Next: nothing is told of it until its state is known again.",
                "Lo que sigue: no se avisa nada de él hasta que se conozca de nuevo su estado.",
            );
            self.line(2, text);
            return;
        }
        let Some(next) = &clock.next else { return };
        let at = self.moment(next.at);
        let text = next.text.as_deref().unwrap_or_default();
        let what = match (next.what, self.lang) {
            ("reminder", Lang::En) => format!("the reminder {}", self.rung(text)),
            ("reminder", Lang::Es) => format!("el recordatorio {}", self.rung(text)),
            ("escalation", Lang::En) => format!("the escalation {}", self.after(text)),
            ("escalation", Lang::Es) => format!("el escalamiento {}", self.after(text)),
            ("pause_ends", Lang::En) => "the pause, which may last no longer, ends".to_owned(),
            ("pause_ends", Lang::Es) => "termina la pausa, que no puede durar más".to_owned(),
            (_, Lang::En) => "the deadline".to_owned(),
            (_, Lang::Es) => "el plazo".to_owned(),
        };
        let text = match self.lang {
            Lang::En => format!("Next: {what}, {at}."),
            Lang::Es => format!("Lo que sigue: {what}, el {at}."),
        };
        self.line(2, &text);
    }
}

/// Of a lead whose state is not known only what was told is sure.
fn is_sure(clock: &ClockView, mark: &MarkView) -> bool {
    clock.stale_since.is_none() || matches!(mark.state, "told" | "taken_back")
}
