//! What a suggestion says to people, in English and Spanish: shared by the text and the draft's comments.

use super::survival::{Quantile, Share};
use super::weigh::{Figures, LEAST_STOPS, MOST_TARGETS, Segment, SlaFinding, TargetFinding, Unsaid, Verdict};
use super::{Dimension, Suggestion};
use crate::calendar::Duration;
use crate::language::Lang;
use crate::report::NONE;
use crate::report::words::Words as ReportWords;

#[derive(Clone, Copy)]
pub struct Words<'s> {
    pub lang: Lang,
    pub suggestion: &'s Suggestion,
    report: ReportWords,
}

impl<'s> Words<'s> {
    pub fn new(lang: Lang, suggestion: &'s Suggestion) -> Self {
        Words { lang, suggestion, report: ReportWords::new(lang, suggestion.version.timezone) }
    }

    pub fn say(self, en: &'static str, es: &'static str) -> &'static str {
        self.lang.say(en, es)
    }

    fn counted(self, count: u64, en: [&str; 2], es: [&str; 2]) -> String {
        let [one, several] = match self.lang {
            Lang::En => en,
            Lang::Es => es,
        };
        self.lang.counted(i64::try_from(count).unwrap_or(i64::MAX), one, several)
    }

    pub fn count(self, count: u64) -> String {
        self.report.count(count)
    }

    pub fn clocks(self, count: u64) -> String {
        self.counted(count, ["clock", "clocks"], ["reloj", "relojes"])
    }

    pub fn wished(self) -> String {
        self.lang.share(self.suggestion.question.wished_ppm)
    }

    /// `92.4%`
    pub fn percent(self, share: f64) -> String {
        format!("{}{}", self.lang.fixed(share * 100.0, 1), self.say("%", "\u{a0}%"))
    }

    /// `92.4% (91.0–93.6%)`: with its confidence interval, which has no width where nothing or all of it is met.
    pub fn share(self, share: Share) -> String {
        if share.low >= share.high {
            return self.percent(share.estimate);
        }
        let digits = |share: f64| self.lang.fixed(share * 100.0, 1);
        let (low, high) = (digits(share.low), digits(share.high));
        format!("{} ({low}–{high}{})", self.percent(share.estimate), self.say("%", "\u{a0}%"))
    }

    pub fn span(self, ms: Option<i64>) -> String {
        ms.map_or_else(|| self.say("not seen", "no se vio").to_owned(), |ms| self.report.span(Some(ms)))
    }

    /// `18h03m (17h40m–18h20m)`
    pub fn quantile(self, quantile: Quantile) -> String {
        match quantile.time {
            None => self.span(None),
            Some(_) => {
                let bound = |ms: Option<i64>| ms.map_or("?".to_owned(), |ms| self.span(Some(ms)));
                format!("{} ({}–{})", self.span(quantile.time), bound(quantile.low), bound(quantile.high))
            }
        }
    }

    pub fn duration(self, duration: &Duration) -> String {
        self.lang.duration(duration)
    }

    /// `Service desk: resolution within 24 hours`
    pub fn headline(self) -> String {
        let Suggestion { version, as_of, question, .. } = self.suggestion;
        let at = self.report.moment(*as_of);
        let (name, history, wished) = (&version.name, &question.history, self.wished());
        match self.lang {
            Lang::En => format!("{name}: targets from {history} as of {at} ({}), for {wished} met", version.timezone),
            Lang::Es => format!(
                "{name}: objetivos según {history} al {at} ({}), para que se cumpla el {wished}",
                version.timezone
            ),
        }
    }

    /// `310 clocks: 300 stopped, 8 still run, 2 were cancelled`
    pub fn counts(self, figures: &Figures) -> String {
        let stopped = self.count(figures.stopped);
        let running = self.count(figures.running);
        let cancelled = self.count(figures.cancelled);
        let clocks = self.clocks(figures.clocks);
        match self.lang {
            Lang::En => format!("{clocks}: {stopped} stopped, {running} still running, {cancelled} cancelled"),
            Lang::Es => format!("{clocks}: {stopped} detenidos, {running} en curso, {cancelled} anulados"),
        }
    }

    /// What is recommended, or why nothing.
    pub fn recommendation(self, figures: &Figures) -> String {
        match figures.recommended {
            Ok(_) => match figures.recommended().map(|best| (self.lang.within(&best.duration), best.share)) {
                Some((within, Some(share))) => {
                    let share = self.share(share);
                    match self.lang {
                        Lang::En => format!("Recommended: {within}. It would have been met by {share}."),
                        Lang::Es => format!("Se recomienda: {within}. Lo habría cumplido el {share}."),
                    }
                }
                _ => String::new(),
            },
            Err(Unsaid::BySource) => self
                .say(
                    "No recommendation: the source of each lead gives its deadline.",
                    "Sin recomendación: el plazo de cada lead lo da su origen.",
                )
                .to_owned(),
            Err(Unsaid::TooFew) => {
                let stopped = self.count(figures.stopped);
                match self.lang {
                    Lang::En => {
                        format!("No recommendation: {stopped} stopped, and fewer than {LEAST_STOPS} say too little.")
                    }
                    Lang::Es => {
                        format!(
                            "Sin recomendación: se detuvieron {stopped}, y menos de {LEAST_STOPS} dicen demasiado poco."
                        )
                    }
                }
            }
            Err(Unsaid::NotReached) => {
                let wished = self.wished();
                let known = figures.candidates.iter().rev().find_map(|candidate| Some((candidate, candidate.share?)));
                let censored = figures.candidates.iter().any(|candidate| candidate.share.is_none());
                let last = known.map(|(candidate, share)| (self.lang.within(&candidate.duration), self.share(share)));
                match (self.lang, last, censored) {
                    (Lang::En, Some((within, share)), true) => format!(
                        "No recommendation: no round target reaches {wished} as far as the history shows. The longest that it shows, {within}, \
                         is met by {share}; clocks that still run or were cancelled hide the rest."
                    ),
                    (Lang::En, Some((within, share)), false) => format!(
                        "No recommendation: no round target reaches {wished}; the longest, {within}, is met by {share}."
                    ),
                    (Lang::En, None, _) => {
                        format!("No recommendation: the history is too short to show any round target for {wished}.")
                    }
                    (Lang::Es, Some((within, share)), true) => format!(
                        "Sin recomendación: hasta donde muestra el historial, ningún objetivo redondo llega al {wished}. El más largo que \
                         muestra, {within}, lo cumple el {share}; los relojes en curso o anulados ocultan el resto."
                    ),
                    (Lang::Es, Some((within, share)), false) => format!(
                        "Sin recomendación: ningún objetivo redondo llega al {wished}; el más largo, {within}, lo cumple el {share}."
                    ),
                    (Lang::Es, None, _) => format!(
                        "Sin recomendación: el historial es demasiado corto para mostrar un objetivo redondo para el {wished}."
                    ),
                }
            }
        }
    }

    /// Where the time went.
    pub fn spent(self, target: &TargetFinding) -> Option<String> {
        let spent = target.spent;
        let all = (spent.counted_ms + spent.paused_ms + spent.closed_ms) as f64;
        let share = |ms: i128| self.percent(ms as f64 / all);
        let (counted, paused, closed) = (share(spent.counted_ms), share(spent.paused_ms), share(spent.closed_ms));
        (all > 0.0).then(|| match self.lang {
            Lang::En => format!(
                "Of all time on the clocks {counted} counted, {paused} was paused, {closed} lay outside the calendar."
            ),
            Lang::Es => format!(
                "Del tiempo de los relojes contó el {counted}, estuvo en pausa el {paused} y quedó fuera del calendario el {closed}."
            ),
        })
    }

    pub fn dimension(self, index: usize) -> &'s Dimension {
        &self.suggestion.question.dimensions[index]
    }

    /// `priority = 1 - Critical`
    pub fn segment(self, segment: &Segment) -> String {
        let value = match segment.value.as_str() {
            NONE => self.say("none", "ninguno"),
            value => value,
        };
        format!("{} = {value}", self.dimension(segment.dimension).name())
    }

    fn p(self, p: f64) -> String {
        match p < 0.001 {
            true => format!("p < {}", self.lang.fixed(0.001, 3)),
            false => format!("p = {}", self.lang.fixed(p, 3)),
        }
    }

    pub fn verdict(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::TooFew => self.say("too few to say", "muy pocos para opinar").to_owned(),
            Verdict::Alike { p } => {
                format!("{} ({})", self.say("no clear difference", "sin diferencia clara"), self.p(p))
            }
            Verdict::Little { p } => {
                format!("{} ({})", self.say("differs, but not enough", "difiere, pero no lo suficiente"), self.p(p))
            }
            Verdict::Own { p } => {
                format!("{} ({})", self.say("deserves its own target", "merece un objetivo propio"), self.p(p))
            }
        }
    }

    /// A target among several: whether its leads differ from the others.
    pub fn against_others(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::TooFew => self
                .say(
                    "Too few to say whether its leads differ from those of the other targets.",
                    "Muy pocos para decir si sus leads difieren de los de los demás objetivos.",
                )
                .to_owned(),
            Verdict::Own { p } => format!(
                "{} ({}).",
                self.say(
                    "Its leads differ from those of the other targets",
                    "Sus leads difieren de los de los demás objetivos"
                ),
                self.p(p)
            ),
            Verdict::Alike { p } | Verdict::Little { p } => format!(
                "{} ({}).",
                self.say(
                    "Its leads hardly differ from those of the other targets: does it need one of its own?",
                    "Sus leads apenas difieren de los de los demás objetivos: ¿hace falta uno propio?"
                ),
                self.p(p)
            ),
        }
    }

    /// A dimension that says nothing of any clock of the target.
    pub fn unknown_at_start(self, dimension: &Dimension) -> String {
        let name = dimension.name();
        match self.lang {
            Lang::En => format!("{name}: not known of any lead when its clock starts, so no target can depend on it."),
            Lang::Es => format!(
                "{name}: no se conoce de ningún lead cuando arranca su reloj, así que ningún objetivo puede depender de ello."
            ),
        }
    }

    /// That there are, or would be, too many exceptions.
    pub fn too_many(self, sla: &SlaFinding) -> Option<String> {
        let (targets, left_out) = (sla.targets.len() as u64, sla.left_out as u64);
        let most = MOST_TARGETS as u64;
        if targets + left_out <= most && left_out == 0 {
            return None;
        }
        let out = self.counted(left_out, ["segment", "segments"], ["segmento", "segmentos"]);
        Some(match (self.lang, targets > most, left_out) {
            (Lang::En, true, _) => format!(
                "{targets} targets are more than people remember: keep the agreement simple, at most {most} in one promise."
            ),
            (Lang::Es, true, _) => format!(
                "{targets} objetivos son más de los que se recuerdan: conviene un acuerdo sencillo, con un máximo de {most} por promesa."
            ),
            (Lang::En, false, _) => format!(
                "{out} more would deserve a target of their own. They get none: exceptions are of one attribute, and at most {most} targets \
                 are in one promise. Keep the agreement simple."
            ),
            (Lang::Es, false, _) => format!(
                "{out} más merecerían un objetivo propio. No lo reciben: las excepciones son de un solo atributo, con un máximo de {most} \
                 objetivos por promesa. Conviene un acuerdo sencillo."
            ),
        })
    }

    pub fn notes(self) -> [String; 3] {
        let least = LEAST_STOPS;
        match self.lang {
            Lang::En => [
                "Clocks that still run or were cancelled count as far as they were seen (Kaplan-Meier), a cancelled one up to its end. In \
                 parentheses: 95% confidence."
                    .to_owned(),
                "The policy's own deadlines have no part in these times. A segment is what a lead was when its clock started.".to_owned(),
                format!(
                    "A segment deserves its own target where it differs beyond chance (log-rank, Holm, 5%), needs another target, and is \
                     met 10 points more or less often than the rest at one of the two; fewer than {least} stops are too few to say."
                ),
            ],
            Lang::Es => [
                "Los relojes en curso o anulados cuentan hasta donde se vieron (Kaplan-Meier), el anulado hasta su fin. Entre \
                 paréntesis: confianza del 95\u{a0}%."
                    .to_owned(),
                "Los plazos del propio acuerdo no intervienen en estos tiempos. Un segmento es lo que era el lead cuando arrancó su reloj."
                    .to_owned(),
                format!(
                    "Un segmento merece un objetivo propio si difiere más que por azar (log-rank, Holm, 5\u{a0}%), necesita otro objetivo y en uno de los \
                     dos se cumple 10 puntos más o menos que el resto; menos de {least} detenidos son muy pocos para opinar."
                ),
            ],
        }
    }
}
