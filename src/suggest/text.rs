//! A suggestion as text for a terminal, in English or Spanish.

use std::io::{self, Write};

use super::Suggestion;
use super::survival::Quantile;
use super::weigh::{Candidate, Figures, PERCENTS, SlaFinding, TargetFinding};
use super::words::Words;
use crate::language::Lang;
use crate::policy::{Sla, Target};
use crate::report::NONE;
use crate::written_agreement::leads;

/// The most segments of one kind that are shown; JSON has all.
const MOST_SEGMENTS: usize = 12;
/// Candidates that hardly any clock met, and those after nearly all did, tell nothing more; nor does one that is met as often as
/// the one before.
const WORTH_TELLING: (f64, f64) = (0.05, 0.99);

/// # Errors
/// Where `out` fails.
pub fn write_text(suggestion: &Suggestion, lang: Lang, mut out: impl Write) -> io::Result<()> {
    let words = Words::new(lang, suggestion);
    writeln!(out, "{}", words.headline())?;
    for (sla, finding) in suggestion.version.slas.iter().zip(&suggestion.slas) {
        writeln!(out, "\n{}", finding.name)?;
        if let Some(promise) = &sla.promise {
            writeln!(out, "  {promise}")?;
        }
        writeln!(out, "  {}", words.counts(&finding.all))?;
        for target in &finding.targets {
            write_target(words, sla, finding, target, &mut out)?;
        }
        if let Some(warning) = words.too_many(finding) {
            writeln!(out, "\n  {warning}")?;
        }
    }
    writeln!(out)?;
    for note in words.notes() {
        writeln!(out, "{note}")?;
    }
    Ok(())
}

fn write_target(
    words: Words<'_>,
    sla: &Sla,
    finding: &SlaFinding,
    target: &TargetFinding,
    out: &mut impl Write,
) -> io::Result<()> {
    let promised = &sla.targets[target.index];
    writeln!(out, "\n  {}", title(words, promised, sla.targets.len() > 1))?;
    let figures = &target.figures;
    if finding.targets.len() > 1 {
        writeln!(out, "    {}", words.counts(figures))?;
    }
    if figures.clocks == 0 {
        return Ok(());
    }
    quantiles(words, target, out)?;
    if let Some(spent) = words.spent(target) {
        writeln!(out, "    {spent}")?;
    }
    candidates(words, figures, out)?;
    writeln!(out, "    {}", words.recommendation(figures))?;
    if let Some(verdict) = target.against_others {
        writeln!(out, "    {}", words.against_others(verdict))?;
    }
    segments(words, target, out)?;
    if let Some(rest) = &target.rest {
        let title = words.say("All others", "Todos los demás");
        writeln!(out, "    {title}: {}", words.recommendation(rest))?;
    }
    Ok(())
}

/// `Target "24 hours": Every lead`
fn title(words: Words<'_>, target: &Target, others: bool) -> String {
    let whom = leads(&target.when, others, words.lang);
    match words.lang {
        Lang::En => format!("Target \"{}\": {whom}", target.label),
        Lang::Es => format!("Objetivo «{}»: {whom}", target.label),
    }
}

fn quantiles(words: Words<'_>, target: &TargetFinding, out: &mut impl Write) -> io::Result<()> {
    let head = [
        words.say("stopped within", "detenidos en"),
        words.say("as the target counts", "como cuenta el objetivo"),
        words.say("by the wall clock", "según el reloj de pared"),
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let percents = PERCENTS.iter().zip(&target.figures.quantiles).zip(&target.elapsed);
    rows.extend(percents.map(|((percent, counted), elapsed): ((&u32, &Quantile), &Quantile)| {
        vec![words.lang.share(percent * 10_000), words.quantile(*counted), words.quantile(*elapsed)]
    }));
    write_rows(&rows, out)
}

fn candidates(words: Words<'_>, figures: &Figures, out: &mut impl Write) -> io::Result<()> {
    if figures.candidates.is_empty() {
        return Ok(());
    }
    let head = [words.say("target", "objetivo"), words.say("met by", "lo cumple"), ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let recommended = figures.recommended().map(|best| &best.duration);
    let mut enough = false;
    let mut before = None;
    for candidate in &figures.candidates {
        let Candidate { duration, share, present } = candidate;
        let best = recommended == Some(duration);
        let few = share.is_none_or(|share| share.estimate < WORTH_TELLING.0);
        let idle = few || enough || *share == before;
        before = *share;
        if idle && !present && !best {
            continue;
        }
        enough |= share.is_some_and(|share| share.estimate >= WORTH_TELLING.1);
        let mut marks = Vec::new();
        if *present {
            marks.push(words.say("<- in the policy", "<- en el acuerdo"));
        }
        if best {
            marks.push(words.say("<- recommended", "<- recomendado"));
        }
        let share = share.map_or_else(|| words.span(None), |share| words.share(share));
        rows.push(vec![words.duration(duration), share, marks.join(" ")]);
    }
    write_rows(&rows, out)
}

fn segments(words: Words<'_>, target: &TargetFinding, out: &mut impl Write) -> io::Result<()> {
    for (index, dimension) in words.suggestion.question.dimensions.iter().enumerate() {
        let of_dimension: Vec<_> = target.segments.iter().filter(|segment| segment.dimension == index).collect();
        if let [only] = of_dimension.as_slice()
            && only.value == NONE
        {
            writeln!(out, "    {}", words.unknown_at_start(dimension))?;
        }
        // One alone has nothing to be compared with.
        if of_dimension.len() < 2 {
            continue;
        }
        let head = [
            dimension.name(),
            words.say("clocks", "relojes"),
            words.say("half stopped in", "la mitad en"),
            words.say("own recommendation", "recomendación propia"),
            "",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for segment in of_dimension.iter().take(MOST_SEGMENTS) {
            let figures = &segment.figures;
            let own = figures.recommended().map_or("-".to_owned(), |best| words.duration(&best.duration));
            let value = match segment.value.as_str() {
                NONE => words.say("(none)", "(ninguno)"),
                value => value,
            };
            rows.push(vec![
                value.to_owned(),
                words.count(figures.clocks),
                words.span(figures.quantiles[0].time),
                own,
                words.verdict(segment.verdict),
            ]);
        }
        write_rows(&rows, out)?;
        let more = of_dimension.len().saturating_sub(MOST_SEGMENTS) as u64;
        if more > 0 {
            let more = words.count(more);
            match words.lang {
                Lang::En => writeln!(out, "      {more} smaller ones: --report json")?,
                Lang::Es => writeln!(out, "      {more} más pequeños: --report json")?,
            }
        }
    }
    Ok(())
}

/// Columns as wide as their widest cell.
fn write_rows(rows: &[Vec<String>], out: &mut impl Write) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "      {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
