//! What reports say, in English and Spanish. A clock is a *reloj*, its deadline a *plazo*, a breach an *incumplimiento*, as in
//! explanations.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{AGES_MS, Breach, Events, FOLDED, NONE, Report, SlaReport, Span, Step, Tally};
use crate::engine::Standing;
use crate::language::{Lang, Unit};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Columns of a table of counters.
pub const COUNTERS: usize = 10;

/// The texts of one report.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    pub lang: Lang,
    zone: Tz,
}

impl Words {
    pub fn new(lang: Lang, zone: Tz) -> Self {
        Words { lang, zone }
    }

    pub(super) fn say(self, en: &'static str, es: &'static str) -> &'static str {
        self.lang.say(en, es)
    }

    pub fn moment(self, instant: Timestamp) -> String {
        self.lang.moment(instant, self.zone)
    }

    /// `Lead management SLA as of Mon, 30 Nov 2026, 10:00 (times are those of America/Sao_Paulo)`
    pub fn headline(self, report: &Report) -> String {
        let name = if report.agreement.trim().is_empty() {
            self.say("Compliance", "Cumplimiento")
        } else {
            report.agreement.as_str()
        };
        format!("{name} {}", self.as_of(report))
    }

    pub fn as_of(self, report: &Report) -> String {
        let (at, zone) = (self.moment(report.as_of), self.zone.name());
        let only = report.period.only.map(|span| match (span, self.lang) {
            (_, Lang::En) => format!(", due in {} alone", span.name(self.lang)),
            (Span::Month { .. }, Lang::Es) => format!(", solo con plazo en {}", span.name(self.lang)),
            (Span::Week { .. }, Lang::Es) => format!(", solo con plazo en la {}", span.name(self.lang)),
        });
        let only = only.unwrap_or_default();
        match self.lang {
            Lang::En => format!("as of {at} (times are those of {zone}){only}"),
            Lang::Es => format!("al {at} (las horas son las de {zone}){only}"),
        }
    }

    pub fn count(self, count: u64) -> String {
        self.lang.whole(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn counted(self, count: u64, one: &str, several: &str) -> String {
        self.lang.counted(i64::try_from(count).unwrap_or(i64::MAX), one, several)
    }

    /// Two digits behind the sign; a dash where nothing was judged.
    pub fn percent(self, share: Option<f64>) -> String {
        share.map_or("-".to_owned(), |share| self.lang.fixed(share * 100.0, 2))
    }

    /// A span of time. Never in days: of open time nobody could tell which.
    pub fn span(self, ms: Option<i64>) -> String {
        let Some(ms) = ms else { return "-".to_owned() };
        let (hours, minutes, seconds) = (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS, ms % MINUTE_MS / SECOND_MS);
        match (hours, minutes) {
            (0, 0) => format!("{seconds}s"),
            (0, _) => format!("{minutes}m"),
            (1..100, _) => format!("{hours}h{minutes:02}m"),
            _ => format!("{}h", self.lang.whole(hours)),
        }
    }

    pub fn counters(self) -> [&'static str; COUNTERS] {
        match self.lang {
            Lang::En => ["started", "met", "late", "breached", "running", "cancelled", "met %", "p50", "p90", "p99"],
            Lang::Es => [
                "iniciados",
                "a tiempo",
                "tarde",
                "incumplidos",
                "en curso",
                "anulados",
                "% a tiempo",
                "p50",
                "p90",
                "p99",
            ],
        }
    }

    pub fn cells(self, tally: &Tally) -> [String; COUNTERS] {
        let counts = [tally.started(), tally.met, tally.met_late, tally.breached, tally.running, tally.cancelled];
        let [started, met, late, breached, running, cancelled] = counts.map(|count| self.count(count));
        let [p50, p90, p99] = tally.quantiles_ms().map(|quantile| self.span(quantile));
        [started, met, late, breached, running, cancelled, self.percent(tally.met_share()), p50, p90, p99]
    }

    pub fn all(self) -> &'static str {
        self.say("all", "todos")
    }

    /// The name of a group; `(none)` and `(folded)` are words of ours, months are told as people say them.
    pub fn group(self, name: &str) -> String {
        match name {
            NONE => self.say("(none)", "(ninguno)").to_owned(),
            FOLDED => self.say("(folded)", "(plegados)").to_owned(),
            name => name.to_owned(),
        }
    }

    /// An owner; nobody is a word of ours.
    pub fn owner(self, name: &str) -> String {
        if name == NONE { self.say("(nobody)", "(nadie)").to_owned() } else { name.to_owned() }
    }

    /// All groupings of an SLA, by what each is.
    pub fn groups(self, sla: &SlaReport) -> Vec<(String, &BTreeMap<String, Tally>)> {
        let mut groups = vec![
            (self.say("by team", "por equipo").to_owned(), &sla.by_team),
            (self.say("by owner", "por responsable").to_owned(), &sla.by_owner),
            (self.say("by target", "por objetivo").to_owned(), &sla.by_target),
            (self.by_step(Step::Month).to_owned(), &sla.by_month),
        ];
        groups.extend(sla.by_week.as_ref().map(|weeks| (self.by_step(Step::Week).to_owned(), weeks)));
        groups.extend(
            sla.by.iter().map(|(attribute, groups)| (format!("{} {attribute}", self.say("by", "por")), groups)),
        );
        groups
    }

    pub fn by_step(self, step: Step) -> &'static str {
        match step {
            Step::Month => self.say("by month due", "por mes del plazo"),
            Step::Week => self.say("by week due", "por semana del plazo"),
        }
    }

    pub fn not_started(self, stopped: u64, before: u64) -> String {
        let before_first = self.count(before);
        match self.lang {
            Lang::En => {
                format!("not started: {} already stopped, {before_first} before the first version", self.count(stopped))
            }
            Lang::Es => {
                let stopped = self.counted(stopped, "ya detenido", "ya detenidos");
                format!("no iniciados: {stopped}, {before_first} antes de la primera versión")
            }
        }
    }

    pub fn trend(self, step: Step, first: Span, last: Span) -> String {
        let (first, last) = (first.short_name(self.lang), last.short_name(self.lang));
        match (self.lang, step) {
            (Lang::En, Step::Month) => format!("met by month due, {first} to {last}"),
            (Lang::En, Step::Week) => format!("met by week due, {first} to {last}"),
            (Lang::Es, Step::Month) => format!("a tiempo por mes del plazo, de {first} a {last}"),
            (Lang::Es, Step::Week) => format!("a tiempo por semana del plazo, de {first} a {last}"),
        }
    }

    pub fn open_title(self) -> &'static str {
        self.say("open clocks by age", "relojes abiertos por edad")
    }

    pub fn open_heads(self) -> [&'static str; 3] {
        match self.lang {
            Lang::En => ["running", "paused", "overdue"],
            Lang::Es => ["en curso", "en pausa", "vencidos"],
        }
    }

    /// `under 1 hour`, `4 hours to 1 day`, `30 days and more`.
    pub fn age(self, index: usize) -> String {
        let bound = |index: usize| {
            let ms = AGES_MS[index];
            if ms % DAY_MS == 0 {
                self.lang.units(ms / DAY_MS, Unit::Day)
            } else {
                self.lang.units(ms / HOUR_MS, Unit::Hour)
            }
        };
        match (index, self.lang) {
            (0, Lang::En) => format!("under {}", bound(0)),
            (0, Lang::Es) => format!("menos de {}", bound(0)),
            (index, Lang::En) if index == AGES_MS.len() => format!("{} and more", bound(index - 1)),
            (index, Lang::Es) if index == AGES_MS.len() => format!("{} o más", bound(index - 1)),
            (index, Lang::En) => format!("{} to {}", bound(index - 1), bound(index)),
            (index, Lang::Es) => format!("de {} a {}", bound(index - 1), bound(index)),
        }
    }

    pub fn held_title(self) -> &'static str {
        self.say("who held the leads", "quién tuvo los leads")
    }

    pub fn held_heads(self) -> [&'static str; 3] {
        match self.lang {
            Lang::En => ["open time", "share %", "of breached %"],
            Lang::Es => ["tiempo", "% del total", "% de incumplidos"],
        }
    }

    pub fn more(self, count: usize) -> String {
        let count = self.count(count as u64);
        match self.lang {
            Lang::En => format!("... and {count} more"),
            Lang::Es => format!("... y {count} más"),
        }
    }

    pub fn breaches_title(self, count: u64) -> String {
        match self.lang {
            Lang::En => format!("{}, the latest first", self.counted(count, "breach", "breaches")),
            Lang::Es if count == 1 => "1 incumplimiento".to_owned(),
            Lang::Es => format!("{}, primero los últimos", self.counted(count, "incumplimiento", "incumplimientos")),
        }
    }

    pub fn more_breaches(self, count: u64) -> String {
        match self.lang {
            Lang::En => format!("... and {} before them (--breaches N tells more)", self.count(count)),
            Lang::Es => format!("... y {} antes de estos (--breaches N muestra más)", self.count(count)),
        }
    }

    pub fn due(self, due: Timestamp) -> String {
        let due = self.moment(due);
        match self.lang {
            Lang::En => format!("due {due}"),
            Lang::Es => format!("plazo {due}"),
        }
    }

    /// What became of a breached clock.
    pub fn fate(self, breach: &Breach) -> String {
        let Some(ended_at) = breach.ended_at else { return self.say("still open", "sigue abierto").to_owned() };
        let late = self.span(Some(ended_at.since_ms(breach.due_at)));
        match (breach.standing, self.lang) {
            (Standing::MetLate, Lang::En) => format!("stopped {late} late"),
            (Standing::MetLate, Lang::Es) => format!("detenido {late} tarde"),
            (_, Lang::En) => format!("cancelled {late} after it"),
            (_, Lang::Es) => format!("anulado {late} después"),
        }
    }

    /// `ana of team north`.
    pub fn holder(self, breach: &Breach) -> String {
        let owner = breach.owner.as_deref().unwrap_or(self.say("nobody", "nadie"));
        match (&breach.team, self.lang) {
            (Some(team), Lang::En) => format!("{owner} of team {team}"),
            (Some(team), Lang::Es) => format!("{owner} del equipo {team}"),
            (None, _) => owner.to_owned(),
        }
    }

    pub fn events(self, events: &Events) -> String {
        let rejected = events.rejected.as_ref().map(|rejected| rejected.values().sum());
        let told = [
            (events.accepted, "accepted", ["aceptado", "aceptados"]),
            (events.duplicate, "duplicate", ["duplicado", "duplicados"]),
            (rejected, "rejected", ["rechazado", "rechazados"]),
        ];
        let told: Vec<String> = told
            .into_iter()
            .filter_map(|(count, en, [one, several])| {
                let (one, several) = (self.lang.say(en, one), self.lang.say(en, several));
                count.map(|count: u64| self.counted(count, one, several))
            })
            .collect();
        let told = if told.is_empty() {
            self.say("not counted here", "no se cuentan aquí").to_owned()
        } else {
            told.join(", ")
        };
        format!("{}: {told}", self.say("events", "eventos"))
    }

    pub fn quantiles_note(self) -> &'static str {
        self.say(
            "p50, p90, p99: time to the stop, of met and late ones; open time where the promise is in business time",
            "p50, p90, p99: tiempo hasta detenerse, de los que lo hicieron a tiempo o tarde; horas hábiles donde la promesa las cuenta",
        )
    }
}
