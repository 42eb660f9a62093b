//! Which target, and why that one.

use super::Teller;
use crate::calendar::Duration;
use crate::engine::ClockView;
use crate::engine::why::{ConditionView, TargetView, Why};
use crate::language::Lang;
use crate::policy::Test;
use crate::time::Timestamp;

impl Teller {
    pub(super) fn targets(&mut self, clock: &ClockView, why: &Why) {
        let lang = self.lang;
        let Some((chosen, before)) = why.targets.split_last() else {
            let text = match lang {
                Lang::En => {
                    format!("Target: {} (the facts that chose it are no longer kept one by one).", clock.target)
                }
                Lang::Es => format!("Meta: {} (los hechos que la eligieron ya no se guardan uno a uno).", clock.target),
            };
            return self.line(2, &text);
        };
        let promise = self.promise(chosen);
        let named = if chosen.within.as_deref() == Some(&chosen.target) || chosen.by.as_deref() == Some(&chosen.target)
        {
            String::new()
        } else {
            format!(" \"{}\"", chosen.target)
        };
        let because = self.because(chosen, !before.is_empty());
        self.line(2, &format!("{}{named}: {promise}{because}.", lang.say("Target", "Meta")));
        for target in before {
            let failed = target.conditions.iter().find(|condition| !condition.holds);
            let why_not = match (failed, &target.by) {
                (Some(condition), _) => self.condition(condition),
                (None, Some(by)) => format!("{by} {}", lang.say("gives no instant", "no da ningún instante")),
                (None, None) => continue,
            };
            self.line(4, &format!("{} \"{}\": {why_not}.", lang.say("not", "no es"), target.target));
        }
        if let Some(at) = why.chosen_at.filter(|at| *at != clock.started_at) {
            let at = self.moment(at);
            let text = match lang {
                Lang::En => format!("It has this target since {at}, when what was known of the lead changed."),
                Lang::Es => format!("Tiene esta meta desde el {at}, cuando cambió lo que se sabía del lead."),
            };
            self.line(4, &text);
        }
    }

    /// Why this target: `, because score is 90 (at least 80)`. Of several, the last holds where no other does.
    pub(super) fn because(&self, chosen: &TargetView, of_several: bool) -> String {
        let lang = self.lang;
        match (chosen.conditions.is_empty(), of_several) {
            (true, false) => String::new(),
            (true, true) => {
                lang.say(", because no other target fits", ", porque ninguna otra meta corresponde").to_owned()
            }
            (false, _) => {
                let held: Vec<String> = chosen.conditions.iter().map(|condition| self.condition(condition)).collect();
                format!("{} {}", lang.say(", because", ", porque"), lang.and(&held))
            }
        }
    }

    pub(super) fn promise(&self, target: &TargetView) -> String {
        match (&target.within, &target.by) {
            (Some(within), _) => match Duration::parse(within) {
                Ok(duration) => self.lang.within(&duration),
                Err(_) => within.clone(),
            },
            (None, by) => {
                let by = by.as_deref().unwrap_or_default();
                let given = match target.given.as_deref().map(Timestamp::parse) {
                    Some(Ok(instant)) => format!(" ({})", self.moment(instant)),
                    _ => String::new(),
                };
                match self.lang {
                    Lang::En => format!("by the instant that {by} gives{given}"),
                    Lang::Es => format!("hasta el instante que da {by}{given}"),
                }
            }
        }
    }

    /// `score is 90 (at least 80)`.
    fn condition(&self, condition: &ConditionView) -> String {
        let key = &condition.key;
        let is = match &condition.value {
            Some(value) => format!("{key} {} {value}", self.lang.say("is", "es")),
            None => format!("{key} {}", self.lang.say("is not given", "no se indicó")),
        };
        let this_word = Test { any_of: condition.value.clone().map(|value| vec![value]), ..Test::default() };
        let any_word = Test { present: Some(true), ..Test::default() };
        let plain = condition.asks == any_word || (condition.holds && condition.asks == this_word);
        if plain { is } else { format!("{is} ({})", self.asks(&condition.asks)) }
    }

    fn asks(&self, test: &Test) -> String {
        let lang = self.lang;
        let mut parts = Vec::new();
        let mut part = |what: &str, value: String| parts.push(format!("{what}{value}"));
        if let Some(words) = &test.any_of {
            part(lang.say("asked for: ", "se pide: "), lang.or(words));
        }
        if let Some(words) = &test.not {
            part(lang.say("anything but ", "cualquiera menos "), lang.or(words));
        }
        for (bound, en, es) in [
            (test.at_least, "at least ", "al menos "),
            (test.at_most, "at most ", "a lo sumo "),
            (test.above, "more than ", "más de "),
            (test.below, "less than ", "menos de "),
        ] {
            if let Some(bound) = bound {
                part(lang.say(en, es), lang.number(bound));
            }
        }
        match test.present {
            Some(true) => part(lang.say("any value", "cualquier valor"), String::new()),
            Some(false) => part(lang.say("no value", "ningún valor"), String::new()),
            None => {}
        }
        lang.and(&parts)
    }
}
