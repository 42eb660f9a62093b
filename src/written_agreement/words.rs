//! The phrases that the clauses are made of: leads by their conditions, what starts and stops a clock, whom a step tells.
//!
//! Names of the policy (statuses, attributes, teams, people) are quoted as they are written: they are what both sides see in
//! the CRM. Only words of the contract itself are told in the document's language.

use chrono_tz::Tz;

use crate::calendar::Duration;
use crate::language::Lang;
use crate::policy::{AnyOf, Condition, Disposition, Key, Lifecycle, Stage, Start, StatusIndex, StatusSet, Stop, Test};
use crate::time::Timestamp;

/// How a verb stands in its sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// "is qualified"; "queda calificado".
    Said,
    /// "until it is qualified"; "hasta que quede calificado".
    Until,
}

pub(super) struct Words {
    pub(super) lang: Lang,
}

impl Words {
    pub(super) fn new(lang: Lang) -> Self {
        Words { lang }
    }

    /// One of two texts of one meaning.
    pub(super) fn say(&self, en: impl Into<String>, es: impl Into<String>) -> String {
        match self.lang {
            Lang::En => en.into(),
            Lang::Es => es.into(),
        }
    }

    /// A name of the policy, as it is written.
    pub(super) fn quote(&self, name: &str) -> String {
        self.say(format!("“{name}”"), format!("«{name}»"))
    }

    pub(super) fn quoted<T: AsRef<str>>(&self, names: &[T]) -> Vec<String> {
        names.iter().map(|name| self.quote(name.as_ref())).collect()
    }

    pub(super) fn any<T: AsRef<str>>(&self, names: &[T]) -> String {
        self.lang.or(&self.quoted(names))
    }

    pub(super) fn stage(&self, stage: Stage) -> String {
        let (en, es) = match stage {
            Stage::Lead => ("lead", "lead"),
            Stage::MarketingQualified => ("marketing qualified lead", "lead calificado por marketing"),
            Stage::SalesAccepted => ("sales accepted lead", "lead aceptado por ventas"),
            Stage::SalesQualified => ("sales qualified lead", "lead calificado por ventas"),
            Stage::Opportunity => ("opportunity", "oportunidad"),
            Stage::Customer => ("customer", "cliente"),
        };
        self.say(en, es)
    }

    pub(super) fn stages(&self, stages: &[Stage]) -> String {
        self.any(&stages.iter().map(|stage| self.stage(*stage)).collect::<Vec<_>>())
    }

    pub(super) fn disposition(&self, disposition: Disposition) -> String {
        let (en, es) = match disposition {
            Disposition::Qualified => ("qualified", "calificado"),
            Disposition::Disqualified => ("disqualified", "descartado"),
            Disposition::Recycled => ("sent back to marketing", "devuelto a marketing"),
        };
        self.say(en, es)
    }

    /// `“new” or “working”`.
    pub(super) fn statuses(&self, set: &StatusSet, lifecycle: &Lifecycle) -> String {
        self.any(&names(set, lifecycle))
    }

    /// A date and time on the wall of a zone, with the zone.
    pub(super) fn instant(&self, instant: Timestamp, zone: Tz) -> String {
        format!("{} ({})", self.lang.moment(instant, zone), zone.name())
    }

    /// The leads that all of `when` holds for.
    pub(super) fn leads(&self, when: &[Condition], others: bool) -> String {
        if when.is_empty() {
            return match others {
                true => self.say("Every other lead", "Cualquier otro lead"),
                false => self.say("Every lead", "Todo lead"),
            };
        }
        // Where a lead comes from belongs to it more closely than anything else.
        let from = |condition: &&Condition| condition.key == Key::Attribute("source".to_owned());
        let (near, far): (Vec<_>, Vec<_>) = when.iter().partition(from);
        let near: Vec<String> = near.iter().flat_map(|condition| self.condition(condition)).collect();
        let far: Vec<String> = far.iter().flat_map(|condition| self.condition(condition)).collect();
        let mut subject = self.say("Every lead", "Todo lead");
        for part in [self.lang.and(&near), self.lang.and(&far)].iter().filter(|part| !part.is_empty()) {
            subject.push(' ');
            subject.push_str(part);
        }
        subject
    }

    fn condition(&self, condition: &Condition) -> Vec<String> {
        let test = &condition.test;
        let mut parts = Vec::new();
        if let Some(words) = &test.any_of {
            parts.push(self.is(&condition.key, words));
        }
        if let Some(words) = &test.not {
            parts.push(self.is_not(&condition.key, words));
        }
        parts.extend(self.amounts(&condition.key, test));
        if let Some(present) = test.present {
            parts.push(self.present(&condition.key, present));
        }
        parts
    }

    /// A word of a condition: a number as it is, anything else in quotes.
    fn values(&self, key: &Key, words: &[String]) -> Vec<String> {
        let value = |word: &String| match key {
            Key::Stage => {
                let stage = Stage::ALL.into_iter().find(|stage| stage.name() == word);
                self.quote(&stage.map_or(word.clone(), |stage| self.stage(stage)))
            }
            Key::Attribute(_) if word.parse::<f64>().is_ok_and(f64::is_finite) => word.clone(),
            _ => self.quote(word),
        };
        words.iter().map(value).collect()
    }

    /// What an attribute is called, without article. The attributes of the contract have words of their own.
    fn attribute(&self, name: &str) -> String {
        match name {
            "source" => self.say("source", "origen"),
            "region" => self.say("region", "región"),
            "score" => self.say("score", "puntuación"),
            _ => self.quote(name),
        }
    }

    /// The same with an article. Spanish needs none, and could not know the gender of the name.
    fn an_attribute(&self, name: &str) -> String {
        let told = self.attribute(name);
        let vowel = name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']);
        self.say(format!("{} {told}", if vowel { "an" } else { "a" }), told.clone())
    }

    fn is(&self, key: &Key, words: &[String]) -> String {
        let words = self.lang.or(&self.values(key, words));
        match key {
            Key::Owner => self.say(format!("held by {words}"), format!("a cargo de {words}")),
            Key::Team => self.say(format!("of the team {words}"), format!("del equipo {words}")),
            Key::Status => self.say(format!("in the status {words}"), format!("en el estado {words}")),
            Key::Stage => self.say(format!("in the stage {words}"), format!("en la etapa {words}")),
            Key::Attribute(name) => match name.as_str() {
                "source" => self.say(format!("from {words}"), format!("procedente de {words}")),
                "region" => self.say(format!("in the region {words}"), format!("de la región {words}")),
                _ => {
                    let name = self.attribute(name);
                    self.say(format!("with {name} {words}"), format!("con {name} {words}"))
                }
            },
        }
    }

    /// Also true of a lead that does not have the attribute at all.
    fn is_not(&self, key: &Key, words: &[String]) -> String {
        let values = self.values(key, words);
        let (en, es) = (self.lang.or(&values), values.join(" ni "));
        match key {
            Key::Owner => self.say(format!("not held by {en}"), format!("que no está a cargo de {es}")),
            Key::Team => self.say(format!("not of the team {en}"), format!("que no es del equipo {es}")),
            Key::Status => self.say(format!("not in the status {en}"), format!("que no está en el estado {es}")),
            Key::Stage => self.say(format!("not in the stage {en}"), format!("que no está en la etapa {es}")),
            Key::Attribute(name) => match name.as_str() {
                "source" => self.say(format!("not from {en}"), format!("no procedente de {es}")),
                "region" => self.say(format!("not in the region {en}"), format!("que no es de la región {es}")),
                _ => {
                    let name = self.attribute(name);
                    self.say(format!("that does not have {name} {en}"), format!("que no tiene {name} {es}"))
                }
            },
        }
    }

    fn amounts(&self, key: &Key, test: &Test) -> Option<String> {
        let number = |value: f64| self.lang.number(value);
        let mut parts = Vec::new();
        if let Some(bound) = test.at_least {
            parts.push(self.say(format!("{} or more", number(bound)), format!("{} o más", number(bound))));
        }
        if let Some(bound) = test.above {
            parts.push(self.say(format!("more than {}", number(bound)), format!("más de {}", number(bound))));
        }
        if let Some(bound) = test.at_most {
            parts.push(self.say(format!("{} or less", number(bound)), format!("{} o menos", number(bound))));
        }
        if let Some(bound) = test.below {
            parts.push(self.say(format!("less than {}", number(bound)), format!("menos de {}", number(bound))));
        }
        if parts.is_empty() {
            return None;
        }
        let name = match key {
            Key::Owner => "owner",
            Key::Team => "team",
            Key::Status => "status",
            Key::Stage => "stage",
            Key::Attribute(name) => name,
        };
        let (with, bounds) = (self.an_attribute(name), self.lang.and(&parts));
        let es_article = if name == "score" { "una " } else { "" };
        Some(self.say(format!("with {with} of {bounds}"), format!("con {es_article}{with} de {bounds}")))
    }

    fn present(&self, key: &Key, present: bool) -> String {
        match (key, present) {
            (Key::Owner, true) => self.say("held by somebody", "a cargo de alguien"),
            (Key::Owner, false) => self.say("held by nobody", "que no está a cargo de nadie"),
            (Key::Team, true) => self.say("of any team", "de algún equipo"),
            (Key::Team, false) => self.say("of no team", "sin equipo"),
            (Key::Status, true) => self.say("in any status", "en algún estado"),
            (Key::Status, false) => self.say("without a status", "sin estado"),
            (Key::Stage, true) => self.say("in any stage", "en alguna etapa"),
            (Key::Stage, false) => self.say("without a stage", "sin etapa"),
            (Key::Attribute(name), true) => {
                self.say(format!("that has {}", self.an_attribute(name)), format!("que tiene {}", self.attribute(name)))
            }
            (Key::Attribute(name), false) => {
                let name = self.attribute(name);
                self.say(format!("that has no {name}"), format!("que no tiene {name}"))
            }
        }
    }

    /// What starts the clock, after "of" ("within 4 business hours of being assigned"; "desde su asignación").
    pub(super) fn starting(&self, start: &Start, lifecycle: &Lifecycle) -> String {
        let mut parts = Vec::new();
        if start.created {
            parts.push(self.say("being created", "su creación"));
        }
        if start.assigned {
            parts.push(self.say("being assigned", "su asignación"));
        }
        if start.opportunity {
            parts.push(self.say("getting an opportunity", "la creación de su oportunidad"));
        }
        if !start.status.is_empty() {
            let statuses = self.statuses(&start.status, lifecycle);
            parts.push(self.say(format!("reaching the status {statuses}"), format!("su paso al estado {statuses}")));
        }
        if !start.stages.is_empty() {
            let stages = self.stages(&start.stages);
            parts.push(self.say(format!("reaching the stage {stages}"), format!("su llegada a la etapa {stages}")));
        }
        self.lang.or(&parts)
    }

    /// The same as a clause ("on which it was assigned").
    fn started(&self, start: &Start, lifecycle: &Lifecycle) -> String {
        let mut parts = Vec::new();
        if start.created {
            parts.push("was created".to_owned());
        }
        if start.assigned {
            parts.push("was assigned".to_owned());
        }
        if start.opportunity {
            parts.push("got an opportunity".to_owned());
        }
        if !start.status.is_empty() {
            parts.push(format!("reached the status {}", self.statuses(&start.status, lifecycle)));
        }
        if !start.stages.is_empty() {
            parts.push(format!("reached the stage {}", self.stages(&start.stages)));
        }
        format!("it {}", self.lang.or(&parts))
    }

    /// How long after its start: `within 4 business hours of being assigned`.
    pub(super) fn after_start(&self, duration: &Duration, start: &Start, lifecycle: &Lifecycle) -> String {
        let noun = self.lang.duration(duration);
        let es_noun = noun.strip_prefix("el ").unwrap_or(&noun);
        let (starting, started) = (self.starting(start, lifecycle), self.started(start, lifecycle));
        match duration {
            Duration::EndOfBusinessDays(0) => {
                self.say(format!("by {noun} on which {started}"), format!("a más tardar al {es_noun} de {starting}"))
            }
            Duration::EndOfBusinessDays(_) => self
                .say(format!("by {noun} after {started}"), format!("a más tardar al {es_noun} posterior a {starting}")),
            _ => self.say(format!("within {noun} of {starting}"), format!("en un plazo de {noun} desde {starting}")),
        }
    }

    /// How long after the deadline, at the beginning of a sentence.
    pub(super) fn after_deadline(&self, duration: &Duration) -> String {
        let noun = self.lang.duration(duration);
        let es_noun = noun.strip_prefix("el ").unwrap_or(&noun);
        match duration {
            duration if duration.is_nothing() => {
                self.say("As soon as the deadline has passed", "En cuanto pasa el vencimiento")
            }
            Duration::EndOfBusinessDays(0) => {
                self.say(format!("At {noun} of the deadline"), format!("Al {es_noun} del vencimiento"))
            }
            Duration::EndOfBusinessDays(_) => {
                self.say(format!("At {noun} after the deadline"), format!("Al {es_noun} posterior al vencimiento"))
            }
            _ => self.say(format!("{} after the deadline", capital(&noun)), format!("{noun} después del vencimiento")),
        }
    }

    /// What a lead does when its clock stops: `is qualified or sent back to marketing`.
    pub(super) fn stopping(&self, stop: &Stop, lifecycle: &Lifecycle, mood: Mood) -> String {
        let until = mood == Mood::Until;
        let (dispositions, stages, statuses) = states(&stop.states, lifecycle);
        let mut parts = Vec::new();
        if let Some(kinds) = &stop.activity {
            parts.push(self.touched(kinds, mood));
        }
        if !dispositions.is_empty() {
            let list = dispositions.iter().map(|disposition| self.disposition(*disposition)).collect::<Vec<_>>();
            let list = self.lang.or(&list);
            parts.push(self.say(format!("is {list}"), format!("{} {list}", if until { "quede" } else { "queda" })));
        }
        if stop.opportunity {
            parts.push(self.say(
                "becomes an opportunity",
                if until { "se convierta en oportunidad" } else { "se convierte en oportunidad" },
            ));
        }
        if !stages.is_empty() {
            let list = self.stages(&stages);
            let verb = if until { "alcance" } else { "alcanza" };
            parts.push(self.say(format!("reaches the stage {list}"), format!("{verb} la etapa {list}")));
        }
        if !statuses.is_empty() {
            let list = self.any(&statuses);
            let verb = if until { "pase" } else { "pasa" };
            parts.push(self.say(format!("reaches the status {list}"), format!("{verb} al estado {list}")));
        }
        parts.join(self.lang.say(", or ", ", o "))
    }

    /// Whether [`Words::stopping`] is a list, which a comma ends.
    pub(super) fn several_stops(&self, stop: &Stop, lifecycle: &Lifecycle) -> bool {
        let (dispositions, stages, statuses) = states(&stop.states, lifecycle);
        let said = [!dispositions.is_empty(), !stages.is_empty(), !statuses.is_empty()];
        said.iter().filter(|said| **said).count() + usize::from(stop.opportunity) + usize::from(stop.activity.is_some())
            > 1
    }

    /// `is contacted by a person (“call” or “meeting”)`.
    pub(super) fn touched(&self, kinds: &AnyOf, mood: Mood) -> String {
        let verb = if mood == Mood::Until { "reciba" } else { "recibe" };
        let by = match kinds {
            AnyOf::Any => String::new(),
            AnyOf::These(kinds) => format!(" ({})", self.any(kinds)),
        };
        self.say(format!("is contacted by a person{by}"), format!("{verb} el contacto de una persona{by}"))
    }

    /// Whom a step tells, as the subject of its sentence. `owner` and `manager` are words of the contract.
    pub(super) fn told(&self, notify: &[String]) -> String {
        let name = |word: &String| match word.as_str() {
            "owner" => self.say("the owner of the lead", "el comercial a cargo del lead"),
            "manager" => self.say("the manager", "el responsable comercial"),
            word => self.quote(word),
        };
        self.lang.and(&notify.iter().map(name).collect::<Vec<_>>())
    }
}

pub(super) fn names(set: &StatusSet, lifecycle: &Lifecycle) -> Vec<String> {
    let statuses = lifecycle.statuses.iter().zip(0 as StatusIndex..);
    statuses.filter(|(_, index)| set.contains(Some(*index))).map(|(status, _)| status.name.clone()).collect()
}

/// The shortest way to say a set of statuses: the dispositions and stages that lie in it whole, and the other statuses by name.
pub(super) fn states(set: &StatusSet, lifecycle: &Lifecycle) -> (Vec<Disposition>, Vec<Stage>, Vec<String>) {
    let statuses: Vec<_> = lifecycle
        .statuses
        .iter()
        .zip(0 as StatusIndex..)
        .map(|(status, at)| (status, set.contains(Some(at))))
        .collect();
    let whole = |of: &dyn Fn(&crate::policy::Status) -> bool| {
        let mut those = statuses.iter().filter(|(status, _)| of(status)).peekable();
        those.peek().is_some() && those.all(|(_, inside)| *inside)
    };
    let dispositions: Vec<Disposition> = Disposition::ALL
        .into_iter()
        .filter(|disposition| whole(&|status| status.disposition == Some(*disposition)))
        .collect();
    let disposed = |status: &crate::policy::Status| status.disposition.is_some_and(|d| dispositions.contains(&d));
    let stages: Vec<Stage> = Stage::ALL
        .into_iter()
        .filter(|stage| whole(&|status| status.stage == Some(*stage)))
        .filter(|stage| statuses.iter().any(|(status, _)| status.stage == Some(*stage) && !disposed(status)))
        .collect();
    let staged = |status: &crate::policy::Status| status.stage.is_some_and(|stage| stages.contains(&stage));
    let others = statuses.iter().filter(|(status, inside)| *inside && !disposed(status) && !staged(status));
    let others = others.map(|(status, _)| status.name.clone()).collect();
    (dispositions, stages, others)
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}
