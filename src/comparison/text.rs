//! The comparison as tables for a terminal, and the first changed clocks in sentences.

use std::cmp::Reverse;
use std::io::{self, Write};

use chrono_tz::Tz;

use super::{Comparison, NO_CLOCK, Pairs, Side, SlaComparison, Verdicts, Which};
use crate::engine::Standing;
use crate::explain;
use crate::language::Lang;
use crate::report::{NONE, Tally};

/// The most groups of one kind that a table shows; the other formats have all.
const MOST_GROUPS: usize = 20;
/// The most characters of a group's name.
const LONGEST_NAME: usize = 40;

/// Started in A and B; met, late, breached and the met share in A, B and the difference.
const COLUMNS: usize = 14;
/// Where a group of columns ends.
const SPANS: [usize; 5] = [2, 3, 3, 3, 3];

/// # Errors
/// Where `out` fails.
pub fn write_text(comparison: &Comparison, lang: Lang, mut out: impl Write) -> io::Result<()> {
    let zone = comparison.timezone;
    let as_of = lang.moment(comparison.as_of, zone);
    match lang {
        Lang::En => writeln!(out, "Two policies as of {as_of} (times are those of {zone})")?,
        Lang::Es => writeln!(out, "Dos políticas al {as_of} (las horas son las de {zone})")?,
    }
    for (which, side) in Which::BOTH.into_iter().zip(&comparison.sides) {
        writeln!(out, "{}  {}", which.name(), policy(side, lang, zone))?;
    }
    let tables: Vec<Table> = comparison.slas.iter().map(|sla| table(sla, lang)).collect();
    let widths = widths(&tables);
    for (table, sla) in tables.iter().zip(&comparison.slas) {
        writeln!(out)?;
        write_table(table, &sla.name, widths, lang, &mut out)?;
        if let Some(which) = sla.only_in.map(Which::name) {
            match lang {
                Lang::En => {
                    writeln!(out, "  Only {which} has this SLA: none of its clocks has another to compare with.")?
                }
                Lang::Es => writeln!(
                    out,
                    "  Solo {which} tiene este SLA: ninguno de sus relojes tiene otro con que compararse."
                )?,
            }
        }
        write_changes(sla, lang, &mut out)?;
    }
    write_first(comparison, lang, &mut out)?;
    write_events(comparison, lang, &mut out)?;
    let note = match lang {
        Lang::En => {
            "±: B less A. Clocks are matched by SLA, lead and cycle. A month is that of the deadline, which each policy sets."
        }
        Lang::Es => {
            "±: B menos A. Los relojes se corresponden por SLA, lead y ciclo. El mes es el del plazo, que fija cada política."
        }
    };
    writeln!(out, "{note}")
}

fn policy(side: &Side, lang: Lang, zone: Tz) -> String {
    let (name, path, from) = (&side.name, &side.path, lang.moment(side.effective_from, zone));
    match lang {
        Lang::En => format!("\"{name}\" ({path}), its latest version in force from {from}"),
        Lang::Es => format!("\"{name}\" ({path}), su última versión vigente desde el {from}"),
    }
}

/// Rows of a name and, but for headings, cells.
type Table = Vec<(String, Option<[String; COLUMNS]>)>;

fn table(sla: &SlaComparison, lang: Lang) -> Table {
    let mut table = vec![row(lang.say("all", "todos"), 2, sla.all(), lang)];
    let none = |target: &String| if target == NO_CLOCK { lang.say(NO_CLOCK, "(sin reloj)") } else { target }.to_owned();
    let segments = sla.segments.iter().map(|([a, b], tallies)| {
        let name = if a == b { a.clone() } else { format!("{} → {}", none(a), none(b)) };
        (name, tallies.each_ref())
    });
    group(
        &mut table,
        lang.say("segment (target in A → in B)", "segmento (meta en A → en B)"),
        segments.collect(),
        lang,
    );
    for (by, pairs) in sla.groups() {
        let by = match by {
            "team" => lang.say("team", "equipo"),
            "owner" => lang.say("owner", "responsable"),
            // The segments say it better.
            "target" => continue,
            "month" => lang.say("month due", "mes del plazo"),
            "week" => lang.say("week due", "semana del plazo"),
            attribute => attribute,
        };
        group(&mut table, by, pairs, lang);
    }
    table
}

fn group(table: &mut Table, by: &str, mut pairs: Pairs<'_>, lang: Lang) {
    // One group that holds everything says nothing that the whole did not say.
    let (many, all) = (pairs.len() > MOST_GROUPS, pairs.len());
    if all < 2 {
        return;
    }
    table.push((format!("  {} {by}", lang.say("by", "por")), None));
    if many {
        pairs.sort_by_key(|(_, [a, b])| Reverse(a.started() + b.started()));
    }
    for (name, tallies) in pairs.into_iter().take(MOST_GROUPS) {
        let name = if name == NONE { lang.say(NONE, "(ninguno)") } else { &name };
        table.push(row(name, 4, tallies, lang));
    }
    if many {
        let more = lang.whole((all - MOST_GROUPS) as i64);
        table.push((format!("    … {}", lang.say("and {} more", "y {} más").replace("{}", &more)), None));
    }
}

fn row(name: &str, indent: usize, [a, b]: [&Tally; 2], lang: Lang) -> (String, Option<[String; COLUMNS]>) {
    let mut cells = vec![lang.whole(a.started() as i64), lang.whole(b.started() as i64)];
    for count in [|tally: &Tally| tally.met, |tally: &Tally| tally.met_late, |tally: &Tally| tally.breached] {
        let (in_a, in_b) = (count(a) as i64, count(b) as i64);
        cells.extend([lang.whole(in_a), lang.whole(in_b), signed(lang, in_b - in_a)]);
    }
    let shares = [a.met_share(), b.met_share()].map(|share| share.map(|share| (share * 10_000.0).round() as i64));
    let share = |share: Option<i64>| share.map_or("-".to_owned(), |share| hundredths(lang, share));
    let less = shares[0].zip(shares[1]).map(|(a, b)| b - a);
    let less = less.map_or("-".to_owned(), |less| match less {
        0 => "=".to_owned(),
        1.. => format!("+{}", hundredths(lang, less)),
        _ => format!("−{}", hundredths(lang, -less)),
    });
    cells.extend([share(shares[0]), share(shares[1]), less]);
    let cells = <[String; COLUMNS]>::try_from(cells).unwrap_or_default();
    (format!("{}{}", " ".repeat(indent), clipped(name)), Some(cells))
}

fn hundredths(lang: Lang, number: i64) -> String {
    format!("{}{}{:02}", number / 100, lang.say(".", ","), number % 100)
}

fn signed(lang: Lang, number: i64) -> String {
    match number {
        0 => "=".to_owned(),
        1.. => format!("+{}", lang.whole(number)),
        _ => format!("−{}", lang.whole(-number)),
    }
}

fn clipped(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// Of the names, then of the cells: wide enough for every table and for what stands above them.
fn widths(tables: &[Table]) -> [usize; COLUMNS + 1] {
    let mut widths = [5; COLUMNS + 1];
    for (name, cells) in tables.iter().flatten() {
        let Some(cells) = cells else { continue };
        let lengths = std::iter::once(name.chars().count()).chain(cells.iter().map(|cell| cell.chars().count() + 1));
        for (width, length) in widths.iter_mut().zip(lengths) {
            *width = length.max(*width);
        }
    }
    widths
}

fn write_table(
    table: &Table,
    sla: &str,
    [name_width, widths @ ..]: [usize; COLUMNS + 1],
    lang: Lang,
    out: &mut impl Write,
) -> io::Result<()> {
    let heads = match lang {
        Lang::En => ["started", "met", "late", "breached", "met %"],
        Lang::Es => ["iniciados", "cumplidos", "tarde", "incumplidos", "% cumplido"],
    };
    let mut at = 0;
    write!(out, "{:<name_width$}", clipped(sla))?;
    for (head, span) in heads.into_iter().zip(SPANS) {
        let width: usize = widths[at..at + span].iter().sum();
        write!(out, "  {head:>width$}")?;
        at += span;
    }
    writeln!(out)?;
    let marks: Vec<&str> = SPANS.iter().flat_map(|span| ["A", "B", "±"].into_iter().take(*span)).collect();
    write_row("", &marks, name_width, widths, out)?;
    for (name, cells) in table {
        match cells {
            Some(cells) => write_row(name, cells, name_width, widths, out)?,
            None => writeln!(out, "{name}")?,
        }
    }
    Ok(())
}

fn write_row(
    name: &str,
    cells: &[impl AsRef<str>],
    name_width: usize,
    widths: [usize; COLUMNS],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = format!("{name:<name_width$}");
    let mut cells = cells.iter().zip(widths);
    for span in SPANS {
        line.push_str("  ");
        for (cell, width) in cells.by_ref().take(span) {
            line.push_str(&format!("{:>width$}", cell.as_ref()));
        }
    }
    writeln!(out, "{}", line.trim_end())
}

fn write_changes(sla: &SlaComparison, lang: Lang, out: &mut impl Write) -> io::Result<()> {
    let changed = lang.counted(sla.changed() as i64, lang.say("clock", "reloj"), lang.say("clocks", "relojes"));
    let label = lang.say("changed verdict", "otro veredicto");
    if sla.changes.is_empty() {
        return writeln!(out, "  {label}: {}", lang.say("none", "ninguno"));
    }
    let ways: Vec<String> = sla
        .changes
        .iter()
        .map(|(way, clocks)| format!("{} {}", way_of(way, lang), lang.whole(*clocks as i64)))
        .collect();
    writeln!(out, "  {label}: {changed} ({})", ways.join(", "))
}

fn way_of(verdicts: &Verdicts, lang: Lang) -> String {
    let [a, b] = verdicts.map(|verdict| match verdict {
        None => lang.say("no clock", "sin reloj"),
        Some(Standing::Met) => lang.say("met", "cumplido"),
        Some(Standing::MetLate) => lang.say("late", "tarde"),
        Some(Standing::Breached) => lang.say("breached", "incumplido"),
        Some(Standing::Running | Standing::Paused) => lang.say("running", "en marcha"),
        Some(Standing::Cancelled) => lang.say("cancelled", "cancelado"),
    });
    format!("{a} → {b}")
}

fn write_first(comparison: &Comparison, lang: Lang, out: &mut impl Write) -> io::Result<()> {
    if comparison.first.is_empty() {
        return Ok(());
    }
    let (clocks, leads) = (comparison.changed_clocks(), comparison.changed_leads);
    let clocks_text = lang.counted(clocks as i64, lang.say("clock", "reloj"), lang.say("clocks", "relojes"));
    let leads = lang.counted(leads as i64, "lead", "leads");
    let title = match lang {
        Lang::En => format!("Changed verdicts: {clocks_text} of {leads}"),
        Lang::Es => format!("Veredictos distintos: {clocks_text} de {leads}"),
    };
    writeln!(out, "\n{title}")?;
    for change in &comparison.first {
        let told = explain::change(change, lang);
        writeln!(out, "  {}", told.headline)?;
        for (which, side) in Which::BOTH.into_iter().zip(&told.sides) {
            writeln!(out, "    {}: {side}", which.name())?;
        }
        writeln!(out, "    {}: {}", lang.say("Why", "Por qué"), told.reason)?;
    }
    let more = clocks.saturating_sub(comparison.first.len() as u64);
    if more > 0 {
        let more = lang.whole(more as i64);
        let text = match lang {
            Lang::En => format!("… and {more} more; --changed FILE has all of them"),
            Lang::Es => format!("… y {more} más; con --changed ARCHIVO están todos"),
        };
        writeln!(out, "  {text}")?;
    }
    Ok(())
}

fn write_events(comparison: &Comparison, lang: Lang, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    for (which, side) in Which::BOTH.into_iter().zip(&comparison.sides) {
        let rejected: u64 = side.events.rejected.values().sum();
        let [accepted, duplicate, rejected] =
            [side.events.accepted, side.events.duplicate, rejected].map(|count| lang.whole(count as i64));
        let text = match lang {
            Lang::En => {
                format!("events in {}: {accepted} accepted, {duplicate} duplicate, {rejected} rejected", which.name())
            }
            Lang::Es => {
                format!(
                    "eventos en {}: {accepted} aceptados, {duplicate} repetidos, {rejected} rechazados",
                    which.name()
                )
            }
        };
        writeln!(out, "{text}")?;
        for (reason, count) in &side.events.rejected {
            writeln!(out, "  {reason}: {}", lang.whole(*count as i64))?;
        }
    }
    Ok(())
}
