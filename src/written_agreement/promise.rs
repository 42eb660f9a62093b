//! One SLA in sentences: whom it is promised to, how soon, and what happens otherwise.

use std::sync::Arc;

use super::document::{Block, Line};
use super::words::{Mood, Words, names};
use crate::calendar::Calendar;
use crate::policy::{OnReassign, Promise, Reopen, Rung, Sla, Target, Version};

/// The clauses of an SLA. Two versions of it are compared clause by clause.
pub(super) struct Clauses {
    pub(super) head: Vec<Line>,
    /// In the order of the policy, which counts: one for each target.
    pub(super) targets: Vec<Line>,
    pub(super) rules: Vec<Line>,
    pub(super) steps: Vec<Line>,
}

pub(super) fn clauses(words: &Words, version: &Version, sla: &Sla) -> Clauses {
    Clauses {
        head: head(words, sla),
        targets: (0..sla.targets.len()).map(|at| target(words, version, sla, at)).collect(),
        rules: rules(words, version, sla),
        steps: sla.escalations.iter().map(|step| Line::new(self::step(words, step))).collect(),
    }
}

pub(super) fn blocks(words: &Words, version: &Version, sla: &Sla) -> Vec<Block> {
    let Clauses { head, targets, rules, steps } = clauses(words, version, sla);
    let mut blocks: Vec<Block> = vec![Block::List { lines: head }];
    if targets.len() > 1 {
        let text = words.say(
            "Of these sentences the first one that fits the lead applies:",
            "De estas frases se aplica la primera que corresponda al lead:",
        );
        blocks.push(Block::Text { line: Line::new(text) });
    }
    blocks.push(Block::Steps { lines: targets });
    blocks.push(Block::List { lines: rules });
    blocks.push(Block::Text { line: Line::labelled(breach_label(words), breach(words, sla)) });
    if !steps.is_empty() {
        blocks.push(Block::Steps { lines: steps });
    }
    blocks
}

pub(super) fn breach_label(words: &Words) -> String {
    words.say("After a breach", "Tras un incumplimiento")
}

fn head(words: &Words, sla: &Sla) -> Vec<Line> {
    let by = words.say("Promised by", "Quién lo promete");
    let promise = words.say("In the words of the parties", "En palabras de las partes");
    vec![
        match &sla.promised_by {
            Some(party) => Line::labelled(by, format!("{party}.")),
            None => Line::missing(by, words.say("not stated.", "no consta.")),
        },
        match &sla.promise {
            Some(text) => Line::labelled(promise, words.quote(text)),
            None => Line::missing(promise, words.say("not stated.", "no consta.")),
        },
    ]
}

/// The name of a calendar of this version.
pub(super) fn calendar_name<'v>(version: &'v Version, calendar: Option<&Arc<Calendar>>) -> Option<&'v str> {
    let calendar = calendar?;
    version.calendars.iter().find(|known| Arc::ptr_eq(&known.1, calendar)).map(|known| known.0.as_str())
}

/// The calendar that all targets count in, if they do.
fn one_calendar<'v>(version: &'v Version, sla: &Sla) -> Option<&'v str> {
    let mut all = sla.targets.iter().map(|target| calendar_name(version, target.schedule.calendar.as_ref()));
    let first = all.next().flatten();
    first.filter(|first| all.all(|other| other == Some(*first)))
}

/// Whether the target was given a name of its own.
fn named(target: &Target) -> bool {
    match &target.promise {
        Promise::By(attribute) => target.label != *attribute,
        Promise::Within(duration) => crate::calendar::Duration::parse(&target.label).as_ref() != Ok(duration),
    }
}

fn target(words: &Words, version: &Version, sla: &Sla, at: usize) -> Line {
    let target = &sla.targets[at];
    let lifecycle = &version.lifecycle;
    let leads = words.leads(&target.when, at > 0);
    let deadline = match &target.promise {
        Promise::Within(duration) => words.after_start(duration, &sla.start, lifecycle),
        Promise::By(attribute) => {
            let name = words.quote(attribute);
            words.say(
                format!("by the date and time that stands in its {name}"),
                format!("a más tardar en la fecha y hora que consta en su {name}"),
            )
        }
    };
    let mut text = match &sla.recur {
        Some(touches) => {
            let touched = words.touched(touches, Mood::Said);
            let until = words.stopping(&sla.stop, lifecycle, Mood::Until);
            words.say(
                format!(
                    "{leads} {touched} {deadline}, and again in the same time after each contact, until it {until}"
                ),
                format!(
                    "{leads} {touched} {deadline}, y de nuevo en el mismo tiempo tras cada contacto, hasta que {until}"
                ),
            )
        }
        None => {
            let comma = if words.several_stops(&sla.stop, lifecycle) { "," } else { "" };
            format!("{leads} {}{comma} {deadline}", words.stopping(&sla.stop, lifecycle, Mood::Said))
        }
    };
    let own = calendar_name(version, target.schedule.calendar.as_ref());
    if let Some(calendar) = own.filter(|_| one_calendar(version, sla).is_none()) {
        let calendar = words.quote(calendar);
        text.push_str(&words.say(format!(" (calendar {calendar})"), format!(" (calendario {calendar})")));
    }
    text.push('.');
    if matches!(target.promise, Promise::By(_)) {
        text.push_str(&words.say(
            " A new value moves the deadline; pauses do not.",
            " Un valor nuevo mueve el vencimiento; las pausas no.",
        ));
    }
    if named(target) { Line::labelled(&target.label, text) } else { Line::new(text) }
}

/// Every rule has its line, also where the policy keeps the usual one: what is not written is disputed.
fn rules(words: &Words, version: &Version, sla: &Sla) -> Vec<Line> {
    let line = |en: &str, es: &str, text: String| Line::labelled(words.say(en, es), text);
    let mut lines = vec![line("Time counted", "Tiempo que cuenta", counting(words, version, sla))];
    lines.push(line("Later changes", "Cambios posteriores", match sla.retarget {
        true => words.say(
            "if what is known of the lead changes while the clock runs, the sentence that fits is chosen again, counted from the same start. What is broken by then stays broken.",
            "si cambia lo que se sabe del lead mientras corre el plazo, se vuelve a elegir la frase que corresponda, contada desde el mismo inicio. Lo incumplido hasta entonces queda incumplido.",
        ),
        false => words.say(
            "the sentence is chosen by what is known of the lead when its clock starts; later changes do not move the promise.",
            "la frase se elige por lo que se sabe del lead cuando empieza su plazo; los cambios posteriores no mueven la promesa.",
        ),
    }));
    lines.push(line("Reminders", "Recordatorios", reminders(words, sla)));
    lines.push(line("Pauses", "Pausas", pauses(words, version, sla)));
    lines.push(line("Cancelled", "Anulación", cancellation(words, version, sla)));
    lines.push(line("Another representative", "Cambio de comercial", match sla.on_reassign {
        OnReassign::Continue => words.say(
            "the promise was made to the lead: the clock runs on. How long each representative held the lead is kept apart.",
            "la promesa se hizo al lead: el plazo sigue corriendo. Se registra por separado cuánto tiempo tuvo cada comercial el lead.",
        ),
        OnReassign::Restart => words.say(
            "the new representative gets the whole time again. How long each one held the lead is kept apart.",
            "el nuevo comercial dispone otra vez de todo el plazo. Se registra por separado cuánto tiempo tuvo cada uno el lead.",
        ),
    }));
    lines.push(line("A lead that comes back", "Un lead que vuelve", match sla.reopen {
        Reopen::NewCycle => words.say("a new clock starts.", "empieza un plazo nuevo."),
        Reopen::Ignore => words.say(
            "no new clock starts: the first one stays the only one.",
            "no empieza otro plazo: el primero es el único.",
        ),
        Reopen::Continue => words.say(
            "the clock counts as not stopped: it runs on to the same deadline, and the time in between counts.",
            "se entiende que el plazo no se había detenido: sigue hasta el mismo vencimiento, y el tiempo intermedio cuenta.",
        ),
    }));
    lines.push(line("Points", "Puntos", points(words, sla)));
    lines
}

fn counting(words: &Words, version: &Version, sla: &Sla) -> String {
    if let Some(calendar) = one_calendar(version, sla) {
        let calendar = words.quote(calendar);
        return words.say(
            format!("business time is that of the calendar {calendar}."),
            format!("el tiempo hábil es el del calendario {calendar}."),
        );
    }
    if sla.targets.iter().all(|target| target.schedule.calendar.is_none()) {
        return words.say("around the clock, every day.", "las veinticuatro horas, todos los días.");
    }
    words.say(
        "business time is that of the calendar named in each sentence.",
        "el tiempo hábil es el del calendario que nombra cada frase.",
    )
}

fn reminders(words: &Words, sla: &Sla) -> String {
    if sla.reminders.is_empty() {
        return words.say("none.", "ninguno.");
    }
    let moment = |rung: &Rung| match rung {
        Rung::Share { ppm } => {
            let share = words.lang.share(*ppm);
            words.say(format!("when {share} of the time has passed"), format!("cuando ha pasado el {share} del plazo"))
        }
        Rung::Before(duration) => {
            let noun = words.lang.duration(duration);
            words.say(format!("{noun} before the deadline"), format!("{noun} antes del vencimiento"))
        }
    };
    let moments: Vec<String> = sla.reminders.iter().map(|reminder| moment(&reminder.at)).collect();
    let (en_each, es_each) = if moments.len() > 1 { ("each ", "cada uno ") } else { ("", "") };
    let moments = words.lang.and(&moments);
    words.say(
        format!("{moments}, {en_each}once and never while the clock is paused."),
        format!("{moments}, {es_each}una sola vez y nunca durante una pausa."),
    )
}

fn pauses(words: &Words, version: &Version, sla: &Sla) -> String {
    let Some(pause) = sla.pause.as_ref().filter(|pause| !pause.status.is_empty()) else {
        return words.say("nothing pauses the clock.", "nada detiene el plazo.");
    };
    let statuses = words.statuses(&pause.status, &version.lifecycle);
    let at_most = pause.at_most.as_ref().map(|duration| words.lang.duration(duration));
    let limit = match at_most {
        Some(most) => words.say(format!(", for at most {most} altogether"), format!(", como máximo {most} en total")),
        None => String::new(),
    };
    words.say(
        format!(
            "the clock waits while the lead is in the status {statuses}{limit}. The time that was left is kept. A pause after a breach does not undo it; the steps after it wait too."
        ),
        format!(
            "el plazo se detiene mientras el lead está en el estado {statuses}{limit}. El tiempo que quedaba se conserva. Una pausa tras un incumplimiento no lo anula; los pasos siguientes también esperan."
        ),
    )
}

fn cancellation(words: &Words, version: &Version, sla: &Sla) -> String {
    let mut cases = Vec::new();
    if sla.cancel.deleted {
        cases.push(words.say("is deleted", "se elimina"));
    }
    if sla.cancel.merged {
        cases.push(words.say("is merged into another", "se fusiona con otro"));
    }
    if !names(&sla.cancel.status, &version.lifecycle).is_empty() {
        let statuses = words.statuses(&sla.cancel.status, &version.lifecycle);
        cases.push(words.say(format!("reaches the status {statuses}"), format!("pasa al estado {statuses}")));
    }
    if cases.is_empty() {
        return words.say(
            "nothing cancels the clock, not even that the lead is deleted.",
            "nada anula el plazo, ni siquiera que se elimine el lead.",
        );
    }
    let cases = words.lang.or(&cases);
    words.say(
        format!("if the lead {cases}, its clock ends without a verdict. A breach before that still counts, and its steps end."),
        format!("si el lead {cases}, su plazo termina sin resultado. Un incumplimiento anterior sigue contando, y sus pasos terminan."),
    )
}

fn points(words: &Words, sla: &Sla) -> String {
    let Some(points) = &sla.points else { return words.say("none.", "ninguno.") };
    let amount = |points: i64| {
        let counted = words.lang.counted(
            points.saturating_abs(),
            words.lang.say("point", "punto"),
            words.lang.say("points", "puntos"),
        );
        match points {
            0 => words.say("earns nothing", "no suma nada"),
            1.. => words.say(format!("earns {counted}"), format!("suma {counted}")),
            _ => words.say(format!("costs {counted}"), format!("resta {counted}")),
        }
    };
    let mut parts =
        vec![words.say(
            format!("a promise kept {}", amount(points.met)),
            format!("una promesa cumplida {}", amount(points.met)),
        )];
    if let Some(half) = points.met_in_half {
        parts.push(words.say(
            format!("one kept within half of the time {}", amount(half)),
            format!("una cumplida en la mitad del plazo {}", amount(half)),
        ));
    }
    parts.push(words.say(
        format!("a breach {}", amount(points.breached)),
        format!("un incumplimiento {}", amount(points.breached)),
    ));
    let list = words.lang.and(&parts);
    words.say(
        format!("{list}. What is taken back takes its points back."),
        format!("{list}. Lo que se rectifica devuelve sus puntos."),
    )
}

fn breach(words: &Words, sla: &Sla) -> String {
    let recorded = words.say(
        "the breach is recorded once the deadline has passed with the clock still running.",
        "el incumplimiento se registra cuando pasa el vencimiento y el plazo sigue corriendo.",
    );
    let rest = match sla.escalations.is_empty() {
        true => words.say(" No further steps are agreed.", " No se acuerdan más pasos."),
        false => words.say(
            " Then, step by step, until the clock stops or is cancelled:",
            " Después, paso a paso, hasta que el plazo se detenga o se anule:",
        ),
    };
    recorded + &rest
}

fn step(words: &Words, step: &crate::policy::Escalation) -> String {
    let after = words.after_deadline(&step.after);
    let who = words.told(&step.notify);
    let several = step.notify.len() != 1;
    let mut text = words.say(
        format!("{after}, {who} {} told", if several { "are" } else { "is" }),
        format!("{after}, {} aviso {who}", if several { "reciben" } else { "recibe" }),
    );
    if let Some(action) = &step.action {
        text.push_str(&match action.as_str() {
            "reassign" => words.say(
                ", and the CRM is asked to give the lead to another representative",
                ", y se pide al CRM que asigne el lead a otro comercial",
            ),
            other => {
                let other = words.quote(other);
                words.say(format!(", and {other} is asked for"), format!(", y se pide {other}"))
            }
        });
    }
    text.push('.');
    text
}
