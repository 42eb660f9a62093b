//! A lead told to people: the timeline that a manager can read to a rep, in English and Spanish. All that it says is in the
//! [`LeadView`], which is also the JSON; here stand sentences alone.

mod changes;
mod clocks;
mod marks;
mod targets;

use chrono_tz::Tz;

use crate::engine::LeadView;
use crate::engine::explain::{FactView, FoldedView};
use crate::engine::why::{MassDispositionView, RetractedView, WithdrawnView};
use crate::language::Lang;
use crate::time::{MINUTE_MS, Timestamp};

pub use changes::{Told, change};

/// A fact that was learnt within this time of its happening was not late for anybody.
const PROMPT_MS: i64 = MINUTE_MS;

/// The lead as text.
pub fn text(view: &LeadView, lang: Lang) -> String {
    let mut teller = Teller { lang, zone: zone_of(view.timezone), out: String::new() };
    teller.lead(view);
    teller.out
}

fn zone_of(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

struct Teller {
    lang: Lang,
    zone: Tz,
    out: String,
}

impl Teller {
    fn line(&mut self, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn moment(&self, instant: Timestamp) -> String {
        self.lang.moment(instant, self.zone)
    }

    fn lead(&mut self, view: &LeadView) {
        let (lead, as_of, zone) = (&view.lead_id, self.moment(view.as_of), view.timezone);
        let header = match self.lang {
            Lang::En => format!("Lead {lead} as of {as_of} (times are those of {zone})"),
            Lang::Es => format!("Lead {lead} al {as_of} (las horas son las de {zone})"),
        };
        self.line(0, &header);
        let mut now = Vec::new();
        if let Some(status) = &view.status {
            now.push(format!("{} {status}", self.lang.say("status", "estado")));
        }
        now.push(self.holder(view.owner.as_deref(), view.team.as_deref()));
        self.line(0, &format!("{}: {}.", self.lang.say("Now", "Ahora"), now.join(", ")));
        if let Some(since) = view.stale_since {
            self.stale(since);
        }
        self.gap();
        self.line(0, self.lang.say("What happened", "Qué pasó"));
        if let Some(folded) = &view.folded {
            self.folded(folded);
        }
        for fact in &view.facts {
            let mut text = format!("{}  {}", self.moment(fact.time), self.fact(fact));
            if fact.learnt_at.since_ms(fact.time) >= PROMPT_MS {
                let learnt = self.moment(fact.learnt_at);
                text.push_str(&match self.lang {
                    Lang::En => format!(" (learnt only on {learnt})"),
                    Lang::Es => format!(" (se supo recién el {learnt})"),
                });
            }
            self.line(2, &text);
        }
        for told in &view.mass_dispositions {
            self.mass_disposition(told);
        }
        if view.clocks.is_empty() {
            self.gap();
            self.line(0, self.lang.say("No clock has started for it.", "Ningún reloj ha empezado para él."));
        }
        for clock in &view.clocks {
            self.gap();
            self.clock(clock);
        }
        if !view.withdrawn.is_empty() {
            self.gap();
        }
        for clock in &view.withdrawn {
            self.withdrawn(clock);
        }
    }

    /// Below the heading: what is not known of the lead.
    fn stale(&mut self, since: Timestamp) {
        let since = self.moment(since);
        let text = match self.lang {
            Lang::En => format!(
                "Its state is not known since {since}: events may be missing, so nothing is told of it until one says its status \
                 again. All below is as the known events have it."
            ),
            Lang::Es => format!(
                "Su estado no se conoce desde el {since}: pueden faltar eventos, así que no se avisa nada de él hasta que uno \
                 vuelva a decir su estado. Lo que sigue es según los eventos conocidos."
            ),
        };
        self.line(0, &text);
    }

    /// In place of the oldest facts.
    fn folded(&mut self, folded: &FoldedView) {
        let (from, until) = (self.moment(folded.from), self.moment(folded.until));
        let lang = self.lang;
        let count = |number: u64, one: &str, several: &str| {
            lang.counted(i64::try_from(number).unwrap_or(i64::MAX), one, several)
        };
        let mut text = match self.lang {
            Lang::En => {
                let facts = count(folded.facts, "older event", "older events");
                format!("from {from} to {until}: {facts}, kept only in what came of them")
            }
            Lang::Es => {
                let facts = count(folded.facts, "evento anterior", "eventos anteriores");
                format!("del {from} al {until}: {facts}; solo se conserva su resultado")
            }
        };
        if folded.clocks > 0 {
            text.push_str(&match self.lang {
                Lang::En => {
                    format!("; {} not listed below", count(folded.clocks, "ended clock is", "ended clocks are"))
                }
                Lang::Es => format!(
                    "; {} abajo",
                    count(folded.clocks, "reloj terminado que no figura", "relojes terminados que no figuran")
                ),
            });
        }
        self.line(2, &text);
    }

    /// Below the facts: what was told of an owner when this lead was one too many.
    fn mass_disposition(&mut self, told: &MassDispositionView) {
        let (at, owner) = (self.moment(told.at), &told.owner);
        let did = match (told.disposition, self.lang) {
            ("qualified", Lang::En) => "qualified",
            ("qualified", Lang::Es) => "calificó",
            ("recycled", Lang::En) => "sent back to marketing",
            ("recycled", Lang::Es) => "devolvió a marketing",
            (_, Lang::En) => "disqualified",
            (_, Lang::Es) => "descartó",
        };
        let text = match self.lang {
            Lang::En => {
                format!("Told for {at}: with this lead {owner} had {did} too many leads in a short time.")
            }
            Lang::Es => {
                format!("Avisado para el {at}: con este lead, {owner} {did} demasiados leads en poco tiempo.")
            }
        };
        self.line(2, &text);
    }

    /// `held by ana of team north`.
    fn holder(&self, owner: Option<&str>, team: Option<&str>) -> String {
        match (self.lang, owner, team) {
            (Lang::En, Some(owner), Some(team)) => format!("held by {owner} of team {team}"),
            (Lang::En, Some(owner), None) => format!("held by {owner}"),
            (Lang::En, None, Some(team)) => format!("held by nobody of team {team}"),
            (Lang::En, None, None) => "held by nobody".to_owned(),
            (Lang::Es, Some(owner), Some(team)) => format!("a cargo de {owner} del equipo {team}"),
            (Lang::Es, Some(owner), None) => format!("a cargo de {owner}"),
            (Lang::Es, None, Some(team)) => format!("a cargo de nadie del equipo {team}"),
            (Lang::Es, None, None) => "a cargo de nadie".to_owned(),
        }
    }

    /// What one fact said, without a full stop.
    fn fact(&self, fact: &FactView) -> String {
        let lang = self.lang;
        let status = fact.status.as_deref().unwrap_or_default();
        let mut text = match (fact.kind, lang) {
            ("lead.created", _) => lang.say("created", "creado").to_owned(),
            ("lead.assigned", _) => String::new(),
            ("lead.status_changed", _) => format!("{} {status}", lang.say("status", "estado")),
            ("lead.activity", _) => {
                let kind = fact.activity.as_deref().unwrap_or_default();
                let by = if fact.by == Some("automation") {
                    lang.say("by automation", "(automático)")
                } else {
                    lang.say("by a person", "de una persona")
                };
                format!("{kind} {by}")
            }
            ("lead.updated", _) => lang.say("updated", "actualizado").to_owned(),
            ("lead.deleted", _) => lang.say("deleted", "eliminado").to_owned(),
            ("lead.merged", _) => {
                format!("{} {}", lang.say("merged into", "fusionado con"), fact.into.as_deref().unwrap_or_default())
            }
            ("lead.gap", _) => lang.say("events may be missing", "pueden faltar eventos").to_owned(),
            ("opportunity.created", _) => lang.say("opportunity created", "oportunidad creada").to_owned(),
            (other, _) => other.to_owned(),
        };
        if fact.kind != "lead.status_changed" && !status.is_empty() {
            text.push_str(&format!(" {} {status}", lang.say("with status", "con estado")));
        }
        if let Some(given) = self.given(fact) {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(&given);
        }
        if let Some(reason) = &fact.reason {
            text.push_str(&format!(" ({}: {reason})", lang.say("reason", "motivo")));
        }
        if !fact.attributes.is_empty() {
            let said: Vec<String> = fact.attributes.iter().map(|(name, value)| format!("{name} {value}")).collect();
            text.push_str(&format!(": {}", said.join(", ")));
        }
        text
    }

    /// To whom a fact gives the lead.
    fn given(&self, fact: &FactView) -> Option<String> {
        let (owner, team) = (fact.owner.as_deref(), fact.team.as_deref());
        let team = team.map(|team| match (self.lang, team) {
            (Lang::En, "") => "no team".to_owned(),
            (Lang::En, team) => format!("team {team}"),
            (Lang::Es, "") => "sin equipo".to_owned(),
            (Lang::Es, team) => format!("equipo {team}"),
        });
        let owner = owner.map(|owner| match (self.lang, owner) {
            (Lang::En, "") => "taken from its owner".to_owned(),
            (Lang::En, owner) => format!("assigned to {owner}"),
            (Lang::Es, "") => "sin responsable".to_owned(),
            (Lang::Es, owner) => format!("asignado a {owner}"),
        });
        match (owner, team) {
            (Some(owner), Some(team)) => Some(format!("{owner} ({team})")),
            (owner, team) => owner.or(team),
        }
    }

    fn withdrawn(&mut self, clock: &WithdrawnView) {
        let (sla, start, what) = (&clock.sla, self.moment(clock.started_at), self.retractions(&clock.retracted));
        let text = match self.lang {
            Lang::En => format!(
                "{sla}: a clock that started {start} was told and taken back; by what was learnt later, none started then. Taken \
                 back: {what}."
            ),
            Lang::Es => format!(
                "{sla}: se avisó de un reloj que empezó el {start} y luego se retiró; según lo que se supo después, ninguno \
                 empezó entonces. Se retiró: {what}."
            ),
        };
        self.line(0, &text);
    }

    /// `1 breach and 2 escalations`.
    fn retractions(&self, retracted: &[RetractedView]) -> String {
        let told: Vec<String> = retracted
            .iter()
            .map(|taken| {
                let (one, several) = match (taken.kind, self.lang) {
                    ("sla.started", Lang::En) => ("start", "starts"),
                    ("sla.started", Lang::Es) => ("inicio", "inicios"),
                    ("sla.breached", Lang::En) => ("breach", "breaches"),
                    ("sla.breached", Lang::Es) => ("incumplimiento", "incumplimientos"),
                    ("sla.escalated", Lang::En) => ("escalation", "escalations"),
                    ("sla.escalated", Lang::Es) => ("escalamiento", "escalamientos"),
                    ("watch.ping_pong", Lang::En) => ("notice of too many handovers", "notices of too many handovers"),
                    ("watch.ping_pong", Lang::Es) => {
                        ("aviso de demasiados traspasos", "avisos de demasiados traspasos")
                    }
                    ("sla.cancelled", Lang::En) => ("cancellation", "cancellations"),
                    ("sla.cancelled", Lang::Es) => ("cancelación", "cancelaciones"),
                    (_, Lang::En) => ("outcome", "outcomes"),
                    (_, Lang::Es) => ("resultado", "resultados"),
                };
                self.lang.counted(i64::from(taken.count), one, several)
            })
            .collect();
        self.lang.and(&told)
    }
}
