//! What changed since the version before, as sentences: found by comparing what both would have said.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::document::Line;
use super::words::Words;
use super::{hours, lifecycle, promise};
use crate::calendar::Calendar;
use crate::policy::{Promise, Sla, Version};

/// In the order of the document; empty where nothing that is promised changed.
pub(super) fn lines(words: &Words, before: &Version, now: &Version) -> Vec<Line> {
    let mut lines = Vec::new();
    let parties = |version: &Version| words.lang.and(&version.between);
    let head = [
        (words.say("The name", "El nombre"), before.name.clone(), now.name.clone()),
        (words.say("The parties", "Las partes"), parties(before), parties(now)),
        (
            words.say("The time zone", "La zona horaria"),
            before.timezone.name().to_owned(),
            now.timezone.name().to_owned(),
        ),
    ];
    for (label, was, is) in head {
        lines.extend(changed(words, label, &was, &is));
    }
    statuses(words, before, now, &mut lines);
    calendars(words, before, now, &mut lines);
    for sla in &before.slas {
        if now.slas.iter().all(|other| other.name != sla.name) {
            let label = promise_label(words, &sla.name);
            let text = words.say(
                "it is not promised any more: no new clock starts, and those that run go on.",
                "deja de prometerse: no empiezan plazos nuevos, y los que corren siguen.",
            );
            lines.push(Line::labelled(label, text));
        }
    }
    for sla in &now.slas {
        match before.slas.iter().find(|other| other.name == sla.name) {
            Some(old) => compare(words, (before, old), (now, sla), &mut lines),
            None => lines.push(Line::labelled(
                promise_label(words, &sla.name),
                words.say("it is promised for the first time.", "se promete por primera vez."),
            )),
        }
    }
    let games = |version: &Version| -> Vec<(String, String)> {
        let told = lifecycle::watched(words, &version.watch);
        told.into_iter().map(|line| (line.label, line.text)).collect()
    };
    named(words, &games(before), &games(now), str::to_owned, &mut lines);
    commitments(words, before, now, &mut lines);
    lines
}

fn promise_label(words: &Words, name: &str) -> String {
    let name = words.quote(name);
    words.say(format!("Promise {name}"), format!("Promesa {name}"))
}

fn changed(words: &Words, label: String, was: &str, is: &str) -> Option<Line> {
    let none = words.say("nothing", "nada");
    let told = |text: &str| if text.is_empty() { none.clone() } else { text.trim_end_matches('.').to_owned() };
    (was != is).then(|| {
        let (was, is) = (told(was), told(is));
        Line::labelled(
            label,
            words.say(
                format!("until now: {was}. From now on: {is}."),
                format!("hasta ahora: {was}. Desde ahora: {is}."),
            ),
        )
    })
}

fn statuses(words: &Words, before: &Version, now: &Version, lines: &mut Vec<Line>) {
    let rows = |version: &Version| -> Vec<(String, String)> {
        let row = |status| {
            let cells = lifecycle::status(words, status);
            let said: Vec<&str> = cells[1..].iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
            (cells[0].clone(), said.join(", "))
        };
        version.lifecycle.statuses.iter().map(row).collect()
    };
    let label = |name: &str| {
        let name = words.quote(name);
        words.say(format!("Status {name}"), format!("Estado {name}"))
    };
    named(words, &rows(before), &rows(now), label, lines);
}

/// What two lists of names and texts differ in.
fn named(
    words: &Words,
    before: &[(String, String)],
    now: &[(String, String)],
    label: impl Fn(&str) -> String,
    lines: &mut Vec<Line>,
) {
    for (name, _) in before.iter().filter(|(name, _)| now.iter().all(|(other, _)| other != name)) {
        lines.push(Line::labelled(label(name), words.say("it is dropped.", "se suprime.")));
    }
    for (name, is) in now {
        match before.iter().find(|(other, _)| other == name) {
            Some((_, was)) => lines.extend(changed(words, label(name), was, is)),
            None => {
                let detail = if is.is_empty() { String::new() } else { format!(": {}", is.trim_end_matches('.')) };
                let text = words.say(format!("it is new{detail}."), format!("es nuevo{detail}."));
                lines.push(Line::labelled(label(name), text));
            }
        }
    }
}

fn calendars(words: &Words, before: &Version, now: &Version, lines: &mut Vec<Line>) {
    let label = |name: &str| {
        let name = words.quote(name);
        words.say(format!("Calendar {name}"), format!("Calendario {name}"))
    };
    for (name, _) in &before.calendars {
        if now.calendars.iter().all(|known| known.0 != *name) {
            lines.push(Line::labelled(label(name), words.say("it is dropped.", "se suprime.")));
        }
    }
    for (name, calendar) in &now.calendars {
        match before.calendars.iter().find(|known| known.0 == *name) {
            Some((_, old)) => hours_changed(words, &label(name), old, calendar, hours::first_year(now), lines),
            None => lines.push(Line::labelled(label(name), words.say("it is new.", "es nuevo."))),
        }
    }
}

fn hours_changed(
    words: &Words,
    label: &str,
    before: &Calendar,
    now: &Calendar,
    first_year: i32,
    lines: &mut Vec<Line>,
) {
    let zone = words.say("time zone", "zona horaria");
    lines.extend(changed(words, format!("{label}, {zone}"), before.timezone().name(), now.timezone().name()));
    let (was, is) = (hours::rows(words, before.spec(), first_year), hours::rows(words, now.spec(), first_year));
    for ((day, was), (_, is)) in was.weekly.iter().zip(&is.weekly) {
        lines.extend(changed(words, format!("{label}, {day}"), was, is));
    }
    let usual = words.say("the weekday's hours", "el horario del día de la semana");
    dates(words, label, (&was.dates, &is.dates), &usual, lines);
    let holiday = |name: &String| {
        let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
        words.say(format!("holiday{name}"), format!("festivo{name}"))
    };
    let told = |dates: &BTreeMap<NaiveDate, String>| -> BTreeMap<NaiveDate, String> {
        dates.iter().map(|(date, name)| (*date, holiday(name))).collect()
    };
    dates(words, label, (&told(&was.holidays), &told(&is.holidays)), &words.say("no holiday", "no es festivo"), lines);
    let far = |spec: &crate::calendar::Spec| spec.holidays.clone();
    let differs = |date: &&NaiveDate| !was.holidays.contains_key(date) && !is.holidays.contains_key(date);
    if far(before.spec()).symmetric_difference(&far(now.spec())).any(|date| differs(&date)) {
        let text = words.say(
            "holidays outside the listed years changed too.",
            "también cambian festivos fuera de los años listados.",
        );
        lines.push(Line::labelled(label, text));
    }
}

fn dates(
    words: &Words,
    label: &str,
    (was, is): (&BTreeMap<NaiveDate, String>, &BTreeMap<NaiveDate, String>),
    usual: &str,
    lines: &mut Vec<Line>,
) {
    let mut all: Vec<&NaiveDate> = was.keys().chain(is.keys()).collect();
    all.sort_unstable();
    all.dedup();
    for date in all {
        let told = |dates: &BTreeMap<NaiveDate, String>| dates.get(date).cloned().unwrap_or_else(|| usual.to_owned());
        let day = words.lang.short_date(*date);
        lines.extend(changed(words, format!("{label}, {day}"), &told(was), &told(is)));
    }
}

fn compare(words: &Words, before: (&Version, &Sla), now: (&Version, &Sla), lines: &mut Vec<Line>) {
    let label = promise_label(words, &now.1.name);
    let (was, is) = (promise::clauses(words, before.0, before.1), promise::clauses(words, now.0, now.1));
    let of = |part: &str| format!("{label}, {}", part.to_lowercase());
    let pairs = |was: &[Line], is: &[Line], lines: &mut Vec<Line>| {
        for (was, is) in was.iter().zip(is) {
            lines.extend(changed(words, of(&is.label), &was.text, &is.text));
        }
    };
    pairs(&was.head, &is.head, lines);
    targets(words, &label, (before.1, &was.targets), (now.1, &is.targets), lines);
    pairs(&was.rules, &is.rules, lines);
    let steps = |lines: &[Line]| lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ");
    lines.extend(changed(words, of(&promise::breach_label(words)), &steps(&was.steps), &steps(&is.steps)));
}

/// A target is the same if it is for the same leads, else if it has the same name.
fn targets(words: &Words, label: &str, (old, was): (&Sla, &[Line]), (new, is): (&Sla, &[Line]), lines: &mut Vec<Line>) {
    let mut partner: Vec<Option<usize>> = vec![None; new.targets.len()];
    let free = |partner: &[Option<usize>], at: usize| !partner.contains(&Some(at));
    for (to, target) in new.targets.iter().enumerate() {
        partner[to] = old.targets.iter().position(|other| other.when == target.when);
    }
    for (to, line) in is.iter().enumerate().filter(|(_, line)| !line.label.is_empty()) {
        if partner[to].is_none() {
            partner[to] = was.iter().position(|other| other.label == line.label).filter(|at| free(&partner, *at));
        }
    }
    let title = |line: &Line| {
        let part = if line.label.is_empty() { String::new() } else { format!(", {}", words.quote(&line.label)) };
        format!("{label}{part}")
    };
    for (from, line) in was.iter().enumerate().filter(|(from, _)| free(&partner, *from)) {
        let (_, text) = (from, &line.text);
        let text = words.say(format!("this no longer holds: {text}"), format!("esto deja de regir: {text}"));
        lines.push(Line::labelled(title(line), text));
    }
    for (to, line) in is.iter().enumerate() {
        let Some(from) = partner[to] else {
            let text = &line.text;
            let text = words.say(format!("this is new: {text}"), format!("esto es nuevo: {text}"));
            lines.push(Line::labelled(title(line), text));
            continue;
        };
        if was[from].text == line.text && was[from].label == line.label {
            continue;
        }
        let mut text = String::new();
        if let (Promise::Within(was), Promise::Within(is)) = (&old.targets[from].promise, &new.targets[to].promise)
            && was != is
        {
            let (was, is) = (words.lang.duration(was), words.lang.duration(is));
            text = words.say(
                format!("the time allowed changes from {was} to {is}. "),
                format!("el plazo pasa de {was} a {is}. ").replace(" de el ", " del ").replace(" a el ", " al "),
            );
        }
        let (was, is) = (&was[from].text, &line.text);
        text.push_str(&match was == is {
            true => words.say("Only its name is new.", "Solo cambia su nombre."),
            false => words
                .say(format!("Until now: {was} From now on: {is}"), format!("Hasta ahora: {was} Desde ahora: {is}")),
        });
        lines.push(Line::labelled(title(line), text));
    }
    let order: Vec<usize> = partner.iter().flatten().copied().collect();
    if !order.is_sorted() {
        let text =
            words.say("its sentences are looked at in another order.", "sus frases se consideran en otro orden.");
        lines.push(Line::labelled(label, text));
    }
}

fn commitments(words: &Words, before: &Version, now: &Version, lines: &mut Vec<Line>) {
    let rows = |version: &Version| -> Vec<(String, String)> {
        let text = |commitment| {
            let lines = lifecycle::commitment(words, commitment);
            let told: Vec<String> = lines.iter().map(|line| format!("{}: {}", line.label, line.text)).collect();
            told.join(" ")
        };
        version.commitments.iter().map(|commitment| (commitment.name.clone(), text(commitment))).collect()
    };
    let label = |name: &str| {
        let name = words.quote(name);
        words.say(format!("Commitment {name}"), format!("Compromiso {name}"))
    };
    named(words, &rows(before), &rows(now), label, lines);
}
