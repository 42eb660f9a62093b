//! What only the page says.

use std::collections::BTreeMap;

use super::super::words::Words;
use super::super::{Report, SlaReport, Step, Tally};
use crate::language::Lang;

impl Words {
    /// `Lead management SLA: compliance`
    pub(super) fn title(self, report: &Report) -> String {
        let what = self.say("Compliance report", "Informe de cumplimiento");
        match report.agreement.trim() {
            "" => what.to_owned(),
            name => format!("{what}: {name}"),
        }
    }

    pub(super) fn as_of_sentence(self, report: &Report) -> String {
        let text = self.as_of(report);
        let mut signs = text.chars();
        let first = signs.next().map(|sign| sign.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", signs.as_str())
    }

    pub(super) fn contents(self) -> &'static str {
        self.say("Promises", "Promesas")
    }

    /// `72.73%`; `72,73 %`.
    pub(super) fn share_text(self, share: f64, digits: usize) -> String {
        format!("{}{}", self.lang.fixed(share * 100.0, digits), self.say("%", "\u{a0}%"))
    }

    /// A mark of an axis.
    pub(super) fn hours(self, hours: f64) -> String {
        format!("{}\u{a0}h", self.lang.number((hours * 100.0).round() / 100.0))
    }

    /// How the clocks stand, in sentences.
    pub(super) fn summary(self, sla: &SlaReport) -> Vec<String> {
        let Tally { met, met_late, breached, running, cancelled, .. } = sla.all;
        let started = sla.all.started();
        let mut texts = Vec::new();
        if started == 0 {
            texts.push(self.say("No clock started.", "No se inició ningún reloj.").to_owned());
        } else {
            let parts: Vec<String> = match self.lang {
                Lang::En => [
                    (met, "was met in time", "were met in time"),
                    (met_late, "stopped late", "stopped late"),
                    (breached, "was breached and did not stop", "were breached and did not stop"),
                    (running, "is running or paused", "are running or paused"),
                    (cancelled, "was cancelled in time", "were cancelled in time"),
                ],
                Lang::Es => [
                    (met, "se detuvo a tiempo", "se detuvieron a tiempo"),
                    (met_late, "se detuvo tarde", "se detuvieron tarde"),
                    (breached, "incumplió sin detenerse", "incumplieron sin detenerse"),
                    (running, "sigue en curso o en pausa", "siguen en curso o en pausa"),
                    (cancelled, "se anuló a tiempo", "se anularon a tiempo"),
                ],
            }
            .into_iter()
            .filter(|(count, _, _)| *count > 0)
            .map(|(count, one, several)| self.counted(count, one, several))
            .collect();
            let parts = self.lang.and(&parts);
            texts.push(match self.lang {
                Lang::En => format!("{} started: {parts}.", self.counted(started, "clock", "clocks")),
                Lang::Es if started == 1 => format!("Se inició 1 reloj: {parts}."),
                Lang::Es => format!("Se iniciaron {}: {parts}.", self.counted(started, "reloj", "relojes")),
            });
        }
        let judged = met + met_late + breached;
        if let Some(share) = sla.all.met_share() {
            let (share, count) = (self.share_text(share, 2), self.count(judged));
            texts.push(match (self.lang, judged) {
                (Lang::En, 1) => format!("Met in time: {share} of the one that was judged."),
                (Lang::En, _) => format!("Met in time: {share} of the {count} that were judged."),
                (Lang::Es, 1) => format!("A tiempo: el {share} del único que ya tiene veredicto."),
                (Lang::Es, _) => format!("A tiempo: el {share} de los {count} que ya tienen veredicto."),
            });
        }
        if sla.already_stopped + sla.before_first_version > 0 {
            let (stopped, before) = (sla.already_stopped, sla.before_first_version);
            let (stopped, before) = match self.lang {
                Lang::En => (
                    self.counted(stopped, "lead was already stopped", "leads were already stopped"),
                    self.counted(before, "clock", "clocks"),
                ),
                Lang::Es => (
                    self.counted(stopped, "lead ya estaba detenido", "leads ya estaban detenidos"),
                    self.counted(before, "reloj", "relojes"),
                ),
            };
            texts.push(match self.lang {
                Lang::En => format!("Not started: {stopped}; {before} before the first version of the agreement."),
                Lang::Es => format!("No se iniciaron: {stopped}; {before} antes de la primera versión del acuerdo."),
            });
        }
        texts
    }

    pub(super) fn counters_title(self) -> &'static str {
        self.say("How the clocks stand", "Cómo están los relojes")
    }

    pub(super) fn counters_caption(self) -> &'static str {
        self.say("All clocks of this promise", "Todos los relojes de esta promesa")
    }

    pub(super) fn sla_head(self) -> &'static str {
        self.say("clocks", "relojes")
    }

    pub(super) fn name_head(self) -> &'static str {
        self.say("name", "nombre")
    }

    pub(super) fn owner_head(self) -> &'static str {
        self.say("owner", "responsable")
    }

    pub(super) fn age_head(self) -> &'static str {
        self.say("age", "edad")
    }

    pub(super) fn step_head(self, step: Step) -> &'static str {
        match step {
            Step::Month => self.say("month due", "mes del plazo"),
            Step::Week => self.say("week due", "semana del plazo"),
        }
    }

    pub(super) fn trend_title(self, step: Step) -> &'static str {
        match step {
            Step::Month => self.say("Met in time, month by month", "A tiempo, mes a mes"),
            Step::Week => self.say("Met in time, week by week", "A tiempo, semana a semana"),
        }
    }

    pub(super) fn trend_caption(self, step: Step) -> &'static str {
        match step {
            Step::Month => self.say("Clocks by the month of their deadline", "Relojes por el mes de su plazo"),
            Step::Week => self.say("Clocks by the week of their deadline", "Relojes por la semana de su plazo"),
        }
    }

    pub(super) fn met_plot(self, step: Step) -> String {
        match step {
            Step::Month => self.say(
                "Line plot: the share of judged clocks that was met in time, for each month. The table below has the figures.",
                "Gráfico de líneas: la parte de los relojes con veredicto que se detuvo a tiempo, en cada mes. La tabla de abajo tiene las cifras.",
            ),
            Step::Week => self.say(
                "Line plot: the share of judged clocks that was met in time, for each week. The table below has the figures.",
                "Gráfico de líneas: la parte de los relojes con veredicto que se detuvo a tiempo, en cada semana. La tabla de abajo tiene las cifras.",
            ),
        }
        .to_owned()
    }

    pub(super) fn earlier(self, step: Step, count: usize) -> String {
        let count = count as u64;
        match (self.lang, step) {
            (Lang::En, Step::Month) => {
                format!(
                    "{} left out: JSON and CSV have all.",
                    self.counted(count, "earlier month is", "earlier months are")
                )
            }
            (Lang::En, Step::Week) => {
                format!(
                    "{} left out: JSON and CSV have all.",
                    self.counted(count, "earlier week is", "earlier weeks are")
                )
            }
            (Lang::Es, Step::Month) => {
                format!(
                    "No se muestran {}: JSON y CSV tienen todos.",
                    self.counted(count, "mes anterior", "meses anteriores")
                )
            }
            (Lang::Es, Step::Week) => {
                format!(
                    "No se muestran {}: JSON y CSV tienen todas.",
                    self.counted(count, "semana anterior", "semanas anteriores")
                )
            }
        }
    }

    pub(super) fn time_title(self) -> &'static str {
        self.say("Time to the stop", "Tiempo hasta detenerse")
    }

    pub(super) fn time_caption(self, step: Step) -> &'static str {
        match step {
            Step::Month => self.say(
                "Time from the start to the stop, by the month of the deadline",
                "Tiempo desde el inicio hasta detenerse, por el mes del plazo",
            ),
            Step::Week => self.say(
                "Time from the start to the stop, by the week of the deadline",
                "Tiempo desde el inicio hasta detenerse, por la semana del plazo",
            ),
        }
    }

    pub(super) fn time_plot(self, step: Step) -> String {
        match step {
            Step::Month => self.say(
                "Line plot: within how many hours half of the clocks (p50) and nine of ten (p90) stopped, for each month. The table below has the figures.",
                "Gráfico de líneas: en cuántas horas se detuvieron la mitad de los relojes (p50) y nueve de cada diez (p90), en cada mes. La tabla de abajo tiene las cifras.",
            ),
            Step::Week => self.say(
                "Line plot: within how many hours half of the clocks (p50) and nine of ten (p90) stopped, for each week. The table below has the figures.",
                "Gráfico de líneas: en cuántas horas se detuvieron la mitad de los relojes (p50) y nueve de cada diez (p90), en cada semana. La tabla de abajo tiene las cifras.",
            ),
        }
        .to_owned()
    }

    /// All groupings but those that the trend shows.
    pub(super) fn groups_but_time(self, sla: &SlaReport) -> Vec<(String, &BTreeMap<String, Tally>)> {
        let times = [Step::Month, Step::Week].map(|step| self.by_step(step));
        self.groups(sla).into_iter().filter(|(by, _)| !times.contains(&by.as_str())).collect()
    }

    pub(super) fn by_title(self, by: &str) -> String {
        format!("{} {by}", self.say("Met in time", "A tiempo"))
    }

    pub(super) fn groups_caption(self) -> &'static str {
        self.say("The largest first", "Primero los más grandes")
    }

    pub(super) fn met_bars(self, count: usize) -> String {
        let count = self.count(count as u64);
        match self.lang {
            Lang::En => format!(
                "Bar plot: the share of judged clocks that was met in time, of the {count} largest groups with any. The table below has the figures."
            ),
            Lang::Es => format!(
                "Gráfico de barras: la parte de los relojes con veredicto que se detuvo a tiempo, de los {count} grupos más grandes que tienen alguno. La tabla de abajo tiene las cifras."
            ),
        }
    }

    pub(super) fn more_groups(self, count: usize) -> String {
        let count = self.count(count as u64);
        match self.lang {
            Lang::En => format!("Left out: {count} smaller ones; JSON and CSV have all."),
            Lang::Es => format!("No se muestran otros {count} más pequeños; JSON y CSV tienen todos."),
        }
    }

    pub(super) fn open_heading(self) -> &'static str {
        self.say("Open clocks by age", "Relojes abiertos por edad")
    }

    pub(super) fn open_caption(self) -> &'static str {
        self.say(
            "Clocks that have not ended, by the time since their start",
            "Relojes sin terminar, por el tiempo desde su inicio",
        )
    }

    pub(super) fn open_plot(self) -> &'static str {
        self.say(
            "Bar plot: how many clocks of each age are running, paused and overdue. The table below has the figures.",
            "Gráfico de barras: cuántos relojes de cada edad están en curso, en pausa y vencidos. La tabla de abajo tiene las cifras.",
        )
    }

    pub(super) fn held_heading(self) -> &'static str {
        self.say("Who held the leads", "Quién tuvo los leads")
    }

    pub(super) fn held_caption(self) -> &'static str {
        self.say(
            "How long each owner held leads while their clocks ran, and which part of all that is; then of breached clocks alone",
            "Cuánto tiempo tuvo cada responsable leads con el reloj en marcha y qué parte del total es; después, solo de los incumplidos",
        )
    }

    pub(super) fn held_plot(self, count: usize) -> String {
        let count = self.count(count as u64);
        match self.lang {
            Lang::En => format!(
                "Bar plot: the shares of open time of the {count} owners with most of it. The table below has the figures."
            ),
            Lang::Es => format!(
                "Gráfico de barras: la parte del tiempo de los {count} responsables con más tiempo. La tabla de abajo tiene las cifras."
            ),
        }
    }

    pub(super) fn breaches_heading(self) -> &'static str {
        self.say("Breaches", "Incumplimientos")
    }

    pub(super) fn breach_heads(self) -> [&'static str; 5] {
        match self.lang {
            Lang::En => ["lead", "due", "what became of it", "held by", "target"],
            Lang::Es => ["lead", "plazo", "qué fue de él", "a cargo de", "objetivo"],
        }
    }

    pub(super) fn engine_head(self) -> &'static str {
        self.say("engine", "motor")
    }

    pub(super) fn engine_link(self) -> &'static str {
        self.say("as it stands now", "como está ahora")
    }

    pub(super) fn more_breaches_note(self, count: u64) -> String {
        match self.lang {
            Lang::En => format!(
                "{} left out: --breaches N tells more.",
                self.counted(count, "earlier breach is", "earlier breaches are")
            ),
            Lang::Es if count == 1 => "No se muestra 1 incumplimiento anterior: --breaches N muestra más.".to_owned(),
            Lang::Es => {
                format!("No se muestran {} incumplimientos anteriores: --breaches N muestra más.", self.count(count))
            }
        }
    }

    pub(super) fn stories_title(self) -> &'static str {
        self.say("The leads of these breaches, explained", "Los leads de estos incumplimientos, explicados")
    }

    pub(super) fn lead(self, lead: &str) -> String {
        format!("Lead {lead}")
    }

    pub(super) fn lateness_note(self) -> &'static str {
        self.say(
            "How late a clock stopped is told in elapsed time after its deadline.",
            "Cuánto tardó de más un reloj se dice en tiempo transcurrido desde su plazo.",
        )
    }
}
