//! The report as tables for a terminal, in English or Spanish.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::period::series;
use super::words::Words;
use super::{Breach, Held, Report, SlaReport, Step, Tally, share};
use crate::language::Lang;

/// The most groups of one kind that a table shows; the other forms have all.
const MOST_GROUPS: usize = 20;
/// The most characters of a group's name.
const LONGEST_NAME: usize = 30;
/// Months or weeks of a trend.
const MOST_SPANS: usize = 36;
/// From nothing met to all of it.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Stands where nothing was judged.
const NO_SPARK: char = '·';

/// # Errors
/// Where `out` fails.
pub fn write_text(report: &Report, lang: Lang, mut out: impl Write) -> io::Result<()> {
    let words = Words::new(lang, report.zone);
    writeln!(out, "{}", words.headline(report))?;
    let tables: Vec<Table> = report.slas.iter().map(|(name, sla)| table(words, name, sla)).collect();
    let widths = tables.iter().fold(Vec::new(), |widths, table| table.widen(widths));
    for (table, (_, sla)) in tables.iter().zip(&report.slas) {
        writeln!(out)?;
        table.write(&widths, &mut out)?;
        if sla.already_stopped + sla.before_first_version > 0 {
            writeln!(out, "  {}", words.not_started(sla.already_stopped, sla.before_first_version))?;
        }
        details(words, report, sla, &mut out)?;
    }
    writeln!(out, "\n{}", words.events(&report.events))?;
    for (reason, count) in report.events.rejected.iter().flatten() {
        writeln!(out, "  {reason}: {}", words.count(*count))?;
    }
    if !report.slas.is_empty() {
        writeln!(out, "{}", words.quantiles_note())?;
    }
    Ok(())
}

/// What stands below the table of an SLA: the trend, open clocks, who held the leads, breaches.
fn details(words: Words, report: &Report, sla: &SlaReport, out: &mut impl Write) -> io::Result<()> {
    if let Some(line) = trend(words, report.period.step, sla) {
        writeln!(out, "  {line}")?;
    }
    if sla.open.iter().any(|open| open.all() > 0) {
        let mut table = Table::default();
        table.heads(format!("  {}", words.open_title()), words.open_heads().map(str::to_owned).to_vec());
        for (age, open) in sla.open.iter().enumerate().filter(|(_, open)| open.all() > 0) {
            let cells = [open.running, open.paused, open.overdue].map(|count| words.count(count));
            table.row(format!("    {}", words.age(age)), cells.to_vec());
        }
        table.write(&table.widen(Vec::new()), out)?;
    }
    held(words, sla, out)?;
    if sla.breach_count > 0 {
        writeln!(out, "  {}", words.breaches_title(sla.breach_count))?;
    }
    for breach in &sla.breaches {
        writeln!(out, "    {}", line(words, breach))?;
    }
    let more = sla.more_breaches();
    if more > 0 {
        writeln!(out, "    {}", words.more_breaches(more))?;
    }
    Ok(())
}

fn line(words: Words, breach: &Breach) -> String {
    let due = words.due(breach.due_at);
    format!("{}  {due}, {}; {}", clipped(&breach.lead_id), words.fate(breach), words.holder(breach))
}

/// `met by month due, from Mar 2026 to Nov 2026: ▁▃█·█`
fn trend(words: Words, step: Step, sla: &SlaReport) -> Option<String> {
    let (spans, _) = series(sla.trend(), MOST_SPANS);
    let ((first, _), (last, _)) = (spans.first()?, spans.last()?);
    // One month is no trend.
    if first == last {
        return None;
    }
    let sparks: String = spans.iter().map(|(_, tally)| spark(tally.and_then(Tally::met_share))).collect();
    Some(format!("{}: {sparks}", words.trend(step, *first, *last)))
}

fn spark(share: Option<f64>) -> char {
    share.map_or(NO_SPARK, |share| SPARKS[((share * SPARKS.len() as f64) as usize).min(SPARKS.len() - 1)])
}

fn held(words: Words, sla: &SlaReport, out: &mut impl Write) -> io::Result<()> {
    if sla.held.len() < 2 {
        return Ok(());
    }
    let mut owners: Vec<(&String, &Held)> = sla.held.iter().collect();
    owners.sort_by_key(|(name, held)| (std::cmp::Reverse(held.open_ms), *name));
    let all = sla.held_in_all();
    let mut table = Table::default();
    table.heads(format!("  {}", words.held_title()), words.held_heads().map(str::to_owned).to_vec());
    for (owner, held) in owners.iter().take(MOST_GROUPS) {
        let shares = [share(held.open_ms, all.open_ms), share(held.breached_ms, all.breached_ms)];
        let [open, breached] = shares.map(|share| words.percent(share));
        table.row(format!("    {}", words.owner(owner)), vec![words.span(Some(held.open_ms)), open, breached]);
    }
    if owners.len() > MOST_GROUPS {
        table.title(format!("    {}", words.more(owners.len() - MOST_GROUPS)));
    }
    table.write(&table.widen(Vec::new()), out)
}

/// Rows of a name and, but for titles, cells.
#[derive(Default)]
struct Table(Vec<(String, Vec<String>)>);

fn table(words: Words, name: &str, sla: &SlaReport) -> Table {
    let mut table = Table::default();
    table.heads(name.to_owned(), words.counters().map(str::to_owned).to_vec());
    table.tally(words, format!("  {}", words.all()), &sla.all);
    for (by, groups) in words.groups(sla) {
        table.group(words, &by, groups);
    }
    table
}

impl Table {
    fn heads(&mut self, name: String, cells: Vec<String>) {
        self.0.push((clipped(&name), cells));
    }

    fn row(&mut self, name: String, cells: Vec<String>) {
        self.0.push((clipped(&name), cells));
    }

    fn title(&mut self, text: String) {
        self.0.push((text, Vec::new()));
    }

    fn group(&mut self, words: Words, by: &str, groups: &BTreeMap<String, Tally>) {
        // One group that holds everything says nothing that "all" did not say.
        if groups.len() < 2 {
            return;
        }
        self.title(format!("  {by}"));
        let mut largest: Vec<(&String, &Tally)> = groups.iter().collect();
        if largest.len() > MOST_GROUPS {
            largest.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.started()), *name));
        }
        for (name, tally) in largest.iter().take(MOST_GROUPS) {
            self.tally(words, format!("    {}", words.group(name)), tally);
        }
        if largest.len() > MOST_GROUPS {
            self.title(format!("    {}", words.more(largest.len() - MOST_GROUPS)));
        }
    }

    fn tally(&mut self, words: Words, name: String, tally: &Tally) {
        self.row(name, words.cells(tally).to_vec());
    }

    /// At least as wide as the names, then the cells, of this table.
    fn widen(&self, mut widths: Vec<usize>) -> Vec<usize> {
        for (name, cells) in self.0.iter().filter(|(_, cells)| !cells.is_empty()) {
            let lengths = [name.chars().count()].into_iter().chain(cells.iter().map(|cell| cell.chars().count() + 2));
            for (index, length) in lengths.enumerate() {
                match widths.get_mut(index) {
                    Some(width) => *width = length.max(*width),
                    None => widths.push(length),
                }
            }
        }
        widths
    }

    fn write(&self, widths: &[usize], out: &mut impl Write) -> io::Result<()> {
        let name_width = widths.first().copied().unwrap_or(0);
        for (name, cells) in &self.0 {
            if cells.is_empty() {
                writeln!(out, "{name}")?;
                continue;
            }
            write!(out, "{name:<name_width$}")?;
            for (cell, width) in cells.iter().zip(&widths[1..]) {
                write!(out, "{cell:>width$}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A name as a terminal may show it.
fn clipped(name: &str) -> String {
    let shown = name.chars().map(|sign| if sign.is_control() { char::REPLACEMENT_CHARACTER } else { sign });
    if name.chars().count() <= LONGEST_NAME {
        return shown.collect();
    }
    shown.take(LONGEST_NAME - 1).chain(['…']).collect()
}
