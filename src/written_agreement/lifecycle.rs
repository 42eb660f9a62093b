//! The lifecycle and marketing's side, in sentences.

use super::document::{Block, Line};
use super::words::{Words, capital};
use crate::calendar::Duration;
use crate::policy::{Commitment, Count, Disposition, Period, Stage, Status, Version, Watch};

/// One status as its row says it.
pub(super) fn status(words: &Words, status: &Status) -> Vec<String> {
    let stage = status.stage.map(|stage| words.stage(stage)).unwrap_or_default();
    let disposition = status.disposition.map(|disposition| words.disposition(disposition)).unwrap_or_default();
    vec![status.name.clone(), stage, disposition]
}

pub(super) fn blocks(words: &Words, version: &Version) -> Vec<Block> {
    let statuses = &version.lifecycle.statuses;
    let mut blocks = vec![
        Block::Text {
            line: Line::new(words.say(
                "Every lead is in one of these statuses, spelled as the CRM spells them. An event with any other status is refused and set aside.",
                "Cada lead está en uno de estos estados, escritos como los escribe el CRM. Un evento con cualquier otro estado se rechaza y se aparta.",
            )),
        },
        Block::Table {
            head: vec![
                words.say("Status", "Estado"),
                words.say("Stage", "Etapa"),
                words.say("The lead is then", "El lead queda"),
            ],
            rows: statuses.iter().map(|known| status(words, known)).collect(),
        },
    ];
    let stages = Stage::ALL.into_iter().filter(|stage| statuses.iter().any(|status| status.stage == Some(*stage)));
    let mut lines: Vec<Line> =
        stages.map(|stage| Line::labelled(capital(&words.stage(stage)), self::stage(words, stage))).collect();
    let dispositions = Disposition::ALL.into_iter();
    let used = dispositions.filter(|wanted| statuses.iter().any(|status| status.disposition == Some(*wanted)));
    lines.extend(used.map(|wanted| {
        let (en, es) = match wanted {
            Disposition::Qualified => {
                ("sales takes the lead on as a prospect.", "ventas lo asume como cliente potencial.")
            }
            Disposition::Disqualified => {
                ("the lead is unsuitable; sales works it no further.", "el lead no encaja; ventas deja de trabajarlo.")
            }
            Disposition::Recycled => (
                "the lead is not ready; marketing takes it back to nurture it.",
                "el lead no está listo; marketing lo recupera para madurarlo.",
            ),
        };
        Line::labelled(capital(&words.disposition(wanted)), words.say(en, es))
    }));
    if !lines.is_empty() {
        blocks.push(Block::List { lines });
    }
    blocks
}

fn stage(words: &Words, stage: Stage) -> String {
    let (en, es) = match stage {
        Stage::Lead => ("a contact that marketing knows and nurtures.", "un contacto que marketing conoce y madura."),
        Stage::MarketingQualified => (
            "a lead that marketing holds fit to be handed to sales.",
            "un lead que marketing considera apto para entregarlo a ventas.",
        ),
        Stage::SalesAccepted => {
            ("a lead that sales has accepted and works.", "un lead que ventas ha aceptado y está trabajando.")
        }
        Stage::SalesQualified => (
            "a lead that sales has found to have need and means.",
            "un lead en el que ventas ha comprobado necesidad y medios.",
        ),
        Stage::Opportunity => ("a deal that sales pursues.", "un negocio que ventas persigue."),
        Stage::Customer => ("a lead that has bought.", "un lead que ha comprado."),
    };
    words.say(en, es)
}

/// What is told of games that people play; empty where nothing is watched.
pub(super) fn watched(words: &Words, watch: &Watch) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(most) = watch.ping_pong {
        let en = words.lang.counted(i64::from(most), "time", "times");
        let es = words.lang.counted(i64::from(most), "vez", "veces");
        lines.push(Line::labelled(
            words.say("A lead passed around", "Un lead que pasa de mano en mano"),
            words.say(
                format!("it is told when a lead changes its representative more than {en} within one clock."),
                format!("se avisa cuando un lead cambia de comercial más de {es} dentro de un mismo plazo."),
            ),
        ));
    }
    if let Some(mass) = &watch.mass_disposition {
        let more = words.lang.counted(i64::from(mass.more_than), "lead", "leads");
        let within = words.lang.duration(&Duration::Elapsed { ms: mass.within_ms });
        let (en, es) = match mass.disposition {
            Disposition::Qualified => ("qualifies", "califica"),
            Disposition::Disqualified => ("disqualifies", "descarta"),
            Disposition::Recycled => ("sends back", "devuelve a marketing"),
        };
        lines.push(Line::labelled(
            words.say("Many leads at once", "Muchos leads de una vez"),
            words.say(
                format!("it is told when one representative {en} more than {more} within {within}."),
                format!("se avisa cuando un comercial {es} más de {more} en {within}."),
            ),
        ));
    }
    lines
}

/// The lines of one commitment: who promises it, in whose words, what, and when it is reminded of.
pub(super) fn commitment(words: &Words, commitment: &Commitment) -> Vec<Line> {
    let by = words.say("Promised by", "Quién lo promete");
    let promise = words.say("In the words of the parties", "En palabras de las partes");
    let mut lines = vec![match &commitment.promised_by {
        Some(party) => Line::labelled(by, format!("{party}.")),
        None => Line::missing(by, words.say("not stated.", "no consta.")),
    }];
    // The figures alone say what is promised, so that nothing is missing without it.
    lines.extend(commitment.promise.as_ref().map(|text| Line::labelled(promise, words.quote(text))));
    lines.push(Line::labelled(words.say("What is counted", "Qué se cuenta"), amount(words, commitment)));
    lines.push(Line::labelled(words.say("Reminders", "Recordatorios"), pace(words, commitment)));
    lines
}

fn amount(words: &Words, commitment: &Commitment) -> String {
    let one = commitment.at_least == 1.0;
    let number = words.lang.number(commitment.at_least);
    let every = match commitment.every {
        Period::Week => words.say("every week", "cada semana"),
        Period::Month => words.say("every month", "cada mes"),
        Period::Quarter => words.say("every quarter", "cada trimestre"),
        Period::Year => words.say("every year", "cada año"),
    };
    match (&commitment.count, one) {
        (Count::Created, true) => words.say(
            format!("{every}, at least {number} new lead comes in."),
            format!("{every} llega al menos {number} lead nuevo."),
        ),
        (Count::Created, false) => words.say(
            format!("{every}, at least {number} new leads come in."),
            format!("{every} llegan al menos {number} leads nuevos."),
        ),
        (Count::Stage(stage), one) => {
            let stage = words.quote(&words.stage(*stage));
            let (en, es) = if one { ("lead reaches", "alcanza") } else { ("leads reach", "alcanzan") };
            let leads = if one { "lead" } else { "leads" };
            words.say(
                format!("{every}, at least {number} {en} the stage {stage}."),
                format!("{every} {es} la etapa {stage} al menos {number} {leads}."),
            )
        }
        (Count::Sum(attribute), _) => {
            let attribute = words.quote(attribute);
            words.say(
                format!("{every}, the {attribute} of the leads adds up to at least {number}."),
                format!("{every}, la suma de {attribute} de los leads es al menos {number}."),
            )
        }
    }
}

fn pace(words: &Words, commitment: &Commitment) -> String {
    if commitment.remind.is_empty() {
        return words.say("none.", "ninguno.");
    }
    let shares: Vec<String> = commitment.remind.iter().map(|(_, ppm)| words.lang.share(*ppm)).collect();
    let en = words.lang.and(&shares);
    let es = words.lang.and(&shares.iter().map(|share| format!("el {share}")).collect::<Vec<_>>());
    words.say(
        format!(
            "when {en} of the period {} passed and the count is behind pace.",
            if shares.len() > 1 { "have" } else { "has" }
        ),
        format!("cuando ha pasado {es} del periodo y la cuenta va por detrás del ritmo."),
    )
}
