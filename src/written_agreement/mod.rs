//! The policy as the document that marketing and sales sign (INTERFACE "plazo agreement"): the same sentences in Markdown and
//! HTML, in English and Spanish. The same policy gives the same bytes.
//!
//! `words` has the phrases, `promise`, `lifecycle` and `hours` the clauses, `changes` compares the clauses of two versions;
//! all of them make a [`Document`], which `markdown` and `html` write.

mod changes;
mod document;
mod hours;
mod html;
mod lifecycle;
mod markdown;
mod promise;
mod words;

use crate::language::Lang;
use crate::policy::{Condition, Version};

pub use document::{Block, Document, Line, Section};
pub use html::{HtmlError, html, render};
pub use markdown::markdown;

use words::Words;

/// Which version is written down, and beside which earlier one.
#[derive(Clone, Copy, Debug)]
pub struct Edition<'v> {
    pub version: &'v Version,
    /// Its number among the versions of its directory, from 1, and how many there are.
    pub number: (usize, usize),
    pub before: Option<&'v Version>,
}

/// The leads that a target's conditions name: `Every lead from “webinar”`. `others`: targets for some leads stand before it.
pub fn leads(when: &[Condition], others: bool, lang: Lang) -> String {
    Words::new(lang).leads(when, others)
}

/// The agreement in writing.
pub fn document(edition: Edition<'_>, lang: Lang) -> Document {
    let words = Words::new(lang);
    let version = edition.version;
    let mut writer = Writer { words: &words, sections: Vec::new(), number: 0 };
    let title = if version.name.trim().is_empty() {
        words.say("Service level agreement", "Acuerdo de nivel de servicio")
    } else {
        version.name.clone()
    };
    writer.section("What this agreement is", "Qué es este acuerdo", preamble(&words, edition));
    if let Some(before) = edition.before {
        let blocks = since(&words, before, version);
        writer.section("What changed since the version before", "Qué cambia respecto a la versión anterior", blocks);
    }
    writer.section("Statuses and stages of a lead", "Estados y etapas de un lead", lifecycle::blocks(&words, version));
    writer.section("Business hours and holidays", "Horarios y festivos", time(&words, version));
    for (name, calendar) in &version.calendars {
        let name = words.quote(name);
        let title = words.say(format!("Calendar {name}"), format!("Calendario {name}"));
        writer.part(title, hours::blocks(&words, version, calendar));
    }
    writer.section("What is promised for every lead", "Qué se promete a cada lead", judging(&words));
    for sla in &version.slas {
        let name = words.quote(&sla.name);
        let title = words.say(format!("Promise {name}"), format!("Promesa {name}"));
        writer.part(title, promise::blocks(&words, version, sla));
    }
    let watched = lifecycle::watched(&words, &version.watch);
    if !watched.is_empty() {
        let text = words.say(
            "This is told, not punished: it changes no clock.",
            "Esto se comunica, no se castiga: no cambia ningún plazo.",
        );
        let blocks = vec![Block::Text { line: Line::new(text) }, Block::List { lines: watched }];
        writer.section("What is watched besides", "Qué se vigila además", blocks);
    }
    if !version.commitments.is_empty() {
        let zone = version.timezone.name();
        let text = words.say(
            format!("Weeks, months, quarters and years are those of the time zone {zone}."),
            format!("Las semanas, los meses, los trimestres y los años son los de la zona horaria {zone}."),
        );
        let blocks = vec![Block::Text { line: Line::new(text) }];
        writer.section("What is committed to for every period", "Qué se compromete cada periodo", blocks);
        for commitment in &version.commitments {
            let name = words.quote(&commitment.name);
            let title = words.say(format!("Commitment {name}"), format!("Compromiso {name}"));
            writer.part(title, vec![Block::List { lines: lifecycle::commitment(&words, commitment) }]);
        }
    }
    writer.section("Signatures", "Firmas", signatures(&words, version));
    let fingerprint = &version.fingerprint;
    let foot = words.say(
        format!("Written by plazo from the policy with the fingerprint {fingerprint}. The engine watches that policy and nothing else."),
        format!("Redactado por plazo a partir de la política con la huella {fingerprint}. El motor vigila esa política y ninguna otra cosa."),
    );
    Document { lang: lang.code(), title, facts: facts(&words, edition), sections: writer.sections, foot }
}

struct Writer<'w> {
    words: &'w Words,
    sections: Vec<Section>,
    number: usize,
}

impl Writer<'_> {
    fn section(&mut self, en: &str, es: &str, blocks: Vec<Block>) {
        self.number += 1;
        let title = format!("{}. {}", self.number, self.words.say(en, es));
        self.sections.push(Section { title, level: 2, blocks });
    }

    fn part(&mut self, title: String, blocks: Vec<Block>) {
        self.sections.push(Section { title, level: 3, blocks });
    }
}

fn parties(words: &Words, version: &Version) -> Line {
    let label = words.say("Between", "Entre");
    match version.between.is_empty() {
        false => Line::labelled(label, words.lang.and(&version.between)),
        true => Line::missing(label, words.say("the parties are not stated", "no constan las partes")),
    }
}

fn facts(words: &Words, edition: Edition<'_>) -> Vec<Line> {
    let version = edition.version;
    let (number, of) = edition.number;
    vec![
        parties(words, version),
        Line::labelled(
            words.say("In force from", "En vigor desde"),
            words.instant(version.effective_from_written, version.timezone),
        ),
        Line::labelled(
            words.say("Version", "Versión"),
            words.say(format!("{number} of {of}"), format!("{number} de {of}")),
        ),
        Line::labelled(words.say("Fingerprint", "Huella"), version.fingerprint.clone()),
    ]
}

fn preamble(words: &Words, edition: Edition<'_>) -> Vec<Block> {
    let version = edition.version;
    let from = words.instant(version.effective_from_written, version.timezone);
    let intro = match version.between.len() {
        0 => words.say(
            "This agreement says who does what by when with every lead.",
            "Este acuerdo dice quién hace qué y hasta cuándo con cada lead.",
        ),
        _ => {
            let parties = words.lang.and(&version.between);
            words.say(
                format!("With this agreement, {parties} say who does what by when with every lead."),
                format!("Con este acuerdo, {parties} dicen quién hace qué y hasta cuándo con cada lead."),
            )
        }
    };
    let force = words.say(
        format!("It is in force from {from} until a later version takes its place. A lead whose clock starts while this version is in force keeps its promises to the end, whatever is agreed afterwards."),
        format!("Rige desde {from} hasta que una versión posterior lo sustituya. Un lead cuyo plazo empieza mientras rige esta versión conserva sus promesas hasta el final, se acuerde después lo que se acuerde."),
    );
    let term = |en: &str, es: &str, en_text: &str, es_text: &str| {
        Line::labelled(words.say(en, es), words.say(en_text, es_text))
    };
    vec![
        Block::Text { line: Line::new(intro) },
        Block::Text { line: Line::new(force) },
        Block::List {
            lines: vec![
                term(
                    "Lead",
                    "Lead",
                    "one prospect as the CRM lists it.",
                    "un contacto comercial tal como figura en el CRM.",
                ),
                term(
                    "Assigned",
                    "Asignado",
                    "the lead has received a representative who did not hold it before.",
                    "el lead ha recibido un comercial que no lo tenía antes.",
                ),
                term(
                    "Clock",
                    "Plazo",
                    "the time of one promise for one lead. It starts, waits, stops and is cancelled as each promise says.",
                    "el tiempo de una promesa para un lead. Empieza, espera, se detiene y se anula como dice cada promesa.",
                ),
                term(
                    "Deadline",
                    "Vencimiento",
                    "the instant by which the clock must stop.",
                    "el instante hasta el cual debe detenerse el plazo.",
                ),
                term(
                    "Kept",
                    "Cumplida",
                    "the clock stopped at or before its deadline.",
                    "el plazo se detuvo en su vencimiento o antes.",
                ),
                term(
                    "Breach",
                    "Incumplimiento",
                    "the deadline passed with the clock still running.",
                    "pasó el vencimiento y el plazo seguía corriendo.",
                ),
            ],
        },
    ]
}

fn since(words: &Words, before: &Version, now: &Version) -> Vec<Block> {
    let from = words.instant(before.effective_from_written, before.timezone);
    let fingerprint = &before.fingerprint;
    let intro = words.say(
        format!("The version before is in force from {from}; its fingerprint is {fingerprint}."),
        format!("La versión anterior rige desde {from}; su huella es {fingerprint}."),
    );
    let mut blocks = vec![Block::Text { line: Line::new(intro) }];
    let lines = changes::lines(words, before, now);
    blocks.push(if lines.is_empty() {
        let text = words.say(
            "Nothing that is promised changed: only when it is in force, or the rules of the time zones.",
            "No cambia nada de lo prometido: solo desde cuándo rige, o las reglas de las zonas horarias.",
        );
        Block::Text { line: Line::new(text) }
    } else {
        Block::List { lines }
    });
    blocks
}

fn time(words: &Words, version: &Version) -> Vec<Block> {
    let zone = version.timezone.name();
    let list = [
        words.say(
            "Business hours and minutes count only while the calendar is open: nights, breaks, closed days and holidays do not count.",
            "Las horas y los minutos hábiles cuentan solo mientras el calendario está abierto: las noches, los descansos, los días cerrados y los festivos no cuentan.",
        ),
        words.say(
            "Business days are dates with open time: the same time of day on the date so many of them later, or the next opening.",
            "Los días hábiles son fechas con horario abierto: la misma hora, tantas de esas fechas después, o la siguiente apertura.",
        ),
        words.say(
            format!("Hours and days without the word “business” run around the clock. Where no calendar says another time zone, days are those of {zone}."),
            format!("Las horas y los días sin la palabra «hábil» corren las veinticuatro horas. Donde ningún calendario indica otra zona horaria, los días son los de {zone}."),
        ),
    ];
    let mut blocks = vec![Block::List { lines: list.map(Line::new).into() }];
    if version.calendars.is_empty() {
        let text = words.say("This agreement has no calendars.", "Este acuerdo no tiene calendarios.");
        blocks.push(Block::Text { line: Line::new(text) });
    }
    blocks
}

/// What holds for every promise, so that nobody is surprised.
fn judging(words: &Words) -> Vec<Block> {
    let list = [
        words.say(
            "What counts is when something happened, not when the CRM told of it.",
            "Cuenta cuándo ocurrió algo, no cuándo lo comunicó el CRM.",
        ),
        words.say(
            "If it turns out later that a promise was kept, the breach and its steps are taken back, by name, once.",
            "Si después resulta que una promesa se había cumplido, el incumplimiento y sus pasos se rectifican, uno por uno y una sola vez.",
        ),
        words.say(
            "A lead that is heard of only after its deadline gets no reminders; its breach is marked as found late, and only the step that is current is told.",
            "Un lead del que se sabe solo después de su vencimiento no recibe recordatorios; su incumplimiento se marca como hallado tarde y se comunica solo el paso vigente.",
        ),
        words.say(
            "What automation sends is no contact by a person.",
            "Lo que envía un sistema automático no es el contacto de una persona.",
        ),
    ];
    vec![Block::List { lines: list.map(Line::new).into() }]
}

fn signatures(words: &Words, version: &Version) -> Vec<Block> {
    let text = words.say("Agreed and signed for:", "Conforme y firmado por:");
    let head = [
        words.say("Party", "Parte"),
        words.say("Name and position", "Nombre y cargo"),
        words.say("Date", "Fecha"),
        words.say("Signature", "Firma"),
    ];
    let parties = if version.between.is_empty() { vec![String::new(), String::new()] } else { version.between.clone() };
    vec![Block::Text { line: Line::new(text) }, Block::Signatures { head: head.into(), parties }]
}
