//! The report as one HTML file that needs nothing else: no script, no network. Beside each plot stands the table of its figures.

mod plot;
mod sentences;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use self::plot::{BLUE, Bar, GREEN, GREY, Line, PlotFault, RED};
use super::period::series;
use super::words::Words;
use super::{Breach, Held, Report, SlaReport, Span, Tally, lead_url, share};
use crate::language::Lang;
use crate::time::HOUR_MS;
use crate::written_agreement;

/// The most groups of one kind that the page has; JSON and CSV have all.
const MOST_GROUPS: usize = 20;
/// Bars of one plot; the table beside it has more.
const MOST_BARS: usize = 10;
/// Months or weeks of a trend.
const MOST_SPANS: usize = 24;

#[derive(Serialize)]
struct Page {
    lang: &'static str,
    title: String,
    as_of: String,
    contents: &'static str,
    slas: Vec<Sla>,
    stories_title: &'static str,
    stories: Vec<Story>,
    foot: Vec<String>,
}

#[derive(Serialize)]
struct Sla {
    id: String,
    name: String,
    texts: Vec<String>,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    title: String,
    plot: Option<PlotView>,
    table: Table,
}

/// A plot as SVG, with title and description.
#[derive(Serialize)]
struct PlotView {
    wide: String,
    narrow: String,
    legend: Vec<Legend>,
}

#[derive(Clone, Serialize)]
struct Legend {
    color: String,
    mark: &'static str,
    text: String,
}

#[derive(Default, Serialize)]
struct Table {
    caption: String,
    /// The first is that of the names.
    head: Vec<String>,
    rows: Vec<Row>,
    note: Option<String>,
    /// Its cells are texts, not figures.
    text: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    href: Option<String>,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    href: Option<String>,
}

#[derive(Serialize)]
struct Story {
    id: String,
    title: String,
    text: String,
}

/// # Errors
/// Where `out` fails.
pub fn write_html(report: &Report, lang: Lang, mut out: impl Write) -> io::Result<()> {
    let page = Writer { words: Words::new(lang, report.zone), report, plots: 0 }.page().map_err(io::Error::other)?;
    let html = written_agreement::render(include_str!("page.html"), &page).map_err(io::Error::other)?;
    out.write_all(html.as_bytes())
}

struct Writer<'r> {
    words: Words,
    report: &'r Report,
    /// Drawn so far.
    plots: usize,
}

impl Writer<'_> {
    fn page(mut self) -> Result<Page, PlotFault> {
        let (words, report) = (self.words, self.report);
        let mut slas = Vec::with_capacity(report.slas.len());
        for (index, (name, sla)) in report.slas.iter().enumerate() {
            slas.push(Sla {
                id: format!("sla-{}", index + 1),
                name: name.clone(),
                texts: words.summary(sla),
                parts: self.parts(sla)?,
            });
        }
        let stories = report.explanations.iter().zip(1..).map(|((lead, text), number)| Story {
            id: story_id(number),
            title: words.lead(lead),
            text: text.clone(),
        });
        let mut foot = vec![words.events(&report.events), words.quantiles_note().to_owned()];
        if report.slas.iter().any(|(_, sla)| sla.breach_count > 0) {
            foot.push(words.lateness_note().to_owned());
        }
        Ok(Page {
            lang: words.lang.code(),
            title: words.title(report),
            as_of: words.as_of_sentence(report),
            contents: words.contents(),
            slas,
            stories_title: words.stories_title(),
            stories: stories.collect(),
            foot,
        })
    }

    fn parts(&mut self, sla: &SlaReport) -> Result<Vec<Part>, PlotFault> {
        if sla.all.started() == 0 {
            return Ok(Vec::new());
        }
        let mut parts = vec![self.counters(sla)];
        parts.extend(self.trend(sla)?);
        for (by, groups) in self.words.groups_but_time(sla) {
            parts.extend(self.groups(&by, groups)?);
        }
        parts.extend(self.open(sla)?);
        parts.extend(self.held(sla)?);
        parts.extend(self.breaches(sla));
        Ok(parts)
    }

    fn counters(&self, sla: &SlaReport) -> Part {
        let words = self.words;
        let table = Table {
            caption: words.counters_caption().to_owned(),
            head: heads(words.sla_head(), &words.counters()),
            rows: vec![row(words.all().to_owned(), &words.cells(&sla.all))],
            ..Table::default()
        };
        Part { title: words.counters_title().to_owned(), plot: None, table }
    }

    /// The met share of each month or week, and how long it took to the stop.
    fn trend(&mut self, sla: &SlaReport) -> Result<Vec<Part>, PlotFault> {
        let (words, step) = (self.words, self.report.period.step);
        let (spans, earlier) = series(sla.trend(), MOST_SPANS);
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = spans.iter().map(|(span, _)| span.short_name(words.lang)).collect();
        let of = |figure: &dyn Fn(&Tally) -> Option<f64>| -> Vec<Option<f64>> {
            spans.iter().map(|(_, tally)| tally.and_then(figure)).collect()
        };
        let note = (earlier > 0).then(|| words.earlier(step, earlier));
        let met = of(&|tally: &Tally| tally.met_share().map(|share| share * 100.0));
        let label = |value: f64| words.share_text(value / 100.0, 0);
        let drawn = plot::lines(&places, &[Line { color: GREEN, triangles: false, values: met }], 100.0, &label)?;
        let title = words.trend_title(step).to_owned();
        let plot = self.view(drawn, &title, words.met_plot(step), Vec::new());
        let rows = spans.iter().map(|(span, tally)| self.span_row(*span, *tally, |cells| cells[..7].to_vec()));
        let heads_of = |range: &[&str]| heads(words.step_head(step), range);
        let counters = words.counters();
        let table = Table {
            caption: words.trend_caption(step).to_owned(),
            head: heads_of(&counters[..7]),
            rows: rows.collect(),
            note: note.clone(),
            ..Table::default()
        };
        let mut parts = vec![Part { title, plot: Some(plot), table }];

        let hours =
            |which: usize| move |tally: &Tally| tally.quantiles_ms()[which].map(|ms| ms as f64 / HOUR_MS as f64);
        let (half, most) = (of(&hours(0)), of(&hours(1)));
        let top = half.iter().chain(&most).flatten().copied().fold(0.0, f64::max);
        if half.iter().all(Option::is_none) {
            return Ok(parts);
        }
        let lines =
            [Line { color: BLUE, triangles: false, values: half }, Line { color: RED, triangles: true, values: most }];
        let label = |value: f64| words.hours(value);
        let drawn = plot::lines(&places, &lines, if top > 0.0 { top * 1.08 } else { 1.0 }, &label)?;
        let title = words.time_title().to_owned();
        let legend = vec![legend(BLUE, "●", "p50"), legend(RED, "▲", "p90")];
        let plot = self.view(drawn, &title, words.time_plot(step), legend);
        let rows = spans.iter().map(|(span, tally)| self.span_row(*span, *tally, |cells| cells[7..].to_vec()));
        let table = Table {
            caption: words.time_caption(step).to_owned(),
            head: heads_of(&counters[7..]),
            rows: rows.collect(),
            note,
            ..Table::default()
        };
        parts.push(Part { title, plot: Some(plot), table });
        Ok(parts)
    }

    fn span_row(&self, span: Span, tally: Option<&Tally>, of: impl Fn(&[String]) -> Vec<String>) -> Row {
        let nothing = Tally::default();
        row(span.name(self.words.lang), &of(&self.words.cells(tally.unwrap_or(&nothing))))
    }

    /// Met share and counters of the largest groups.
    fn groups(&mut self, by: &str, groups: &BTreeMap<String, Tally>) -> Result<Option<Part>, PlotFault> {
        // One group that holds everything says nothing that the whole did not say.
        if groups.len() < 2 {
            return Ok(None);
        }
        let words = self.words;
        let mut largest: Vec<(&String, &Tally)> = groups.iter().collect();
        largest.sort_by_key(|(name, tally)| (Reverse(tally.started()), *name));
        let judged: Vec<(&String, f64)> =
            largest.iter().filter_map(|(name, tally)| Some((*name, tally.met_share()?))).take(MOST_BARS).collect();
        let bars: Vec<Bar> = judged
            .iter()
            .map(|(name, share)| Bar {
                name: words.group(name),
                value: words.share_text(*share, 2),
                parts: vec![(GREEN, *share)],
            })
            .collect();
        let title = words.by_title(by);
        let plot = match bars.is_empty() {
            true => None,
            false => Some(self.view(plot::bars(&bars)?, &title, words.met_bars(bars.len()), Vec::new())),
        };
        let rows = largest.iter().take(MOST_GROUPS);
        let table = Table {
            caption: words.groups_caption().to_owned(),
            head: heads(words.name_head(), &words.counters()),
            rows: rows.map(|(name, tally)| row(words.group(name), &words.cells(tally))).collect(),
            note: (groups.len() > MOST_GROUPS).then(|| words.more_groups(groups.len() - MOST_GROUPS)),
            ..Table::default()
        };
        Ok(Some(Part { title, plot, table }))
    }

    fn open(&mut self, sla: &SlaReport) -> Result<Option<Part>, PlotFault> {
        let words = self.words;
        let most = sla.open.iter().map(|open| open.all()).max().unwrap_or(0);
        if most == 0 {
            return Ok(None);
        }
        let colors = [BLUE, GREY, RED];
        let bars: Vec<Bar> = sla
            .open
            .iter()
            .enumerate()
            .map(|(age, open)| {
                let counts = [open.running, open.paused, open.overdue].map(|count| count as f64 / most as f64);
                Bar {
                    name: words.age(age),
                    value: words.count(open.all()),
                    parts: colors.into_iter().zip(counts).collect(),
                }
            })
            .collect();
        let title = words.open_heading().to_owned();
        let heads_of = words.open_heads();
        let legend = colors.iter().zip(heads_of).map(|(color, text)| legend(*color, "■", text)).collect();
        let plot = self.view(plot::bars(&bars)?, &title, words.open_plot().to_owned(), legend);
        let rows = sla.open.iter().enumerate().map(|(age, open)| {
            row(words.age(age), &[open.running, open.paused, open.overdue].map(|count| words.count(count)))
        });
        let table = Table {
            caption: words.open_caption().to_owned(),
            head: heads(words.age_head(), &heads_of),
            rows: rows.collect(),
            ..Table::default()
        };
        Ok(Some(Part { title, plot: Some(plot), table }))
    }

    fn held(&mut self, sla: &SlaReport) -> Result<Option<Part>, PlotFault> {
        let words = self.words;
        let all = sla.held_in_all();
        if sla.held.len() < 2 || all.open_ms <= 0 {
            return Ok(None);
        }
        let mut owners: Vec<(&String, &Held)> = sla.held.iter().collect();
        owners.sort_by_key(|(name, held)| (Reverse(held.open_ms), *name));
        let bars: Vec<Bar> = owners
            .iter()
            .take(MOST_BARS)
            .map(|(owner, held)| {
                let share = share(held.open_ms, all.open_ms).unwrap_or(0.0);
                Bar { name: words.owner(owner), value: words.share_text(share, 2), parts: vec![(BLUE, share)] }
            })
            .collect();
        let title = words.held_heading().to_owned();
        let plot = self.view(plot::bars(&bars)?, &title, words.held_plot(bars.len()), Vec::new());
        let rows = owners.iter().take(MOST_GROUPS).map(|(owner, held)| {
            let breached = words.percent(share(held.breached_ms, all.breached_ms));
            let cells = [words.span(Some(held.open_ms)), words.percent(share(held.open_ms, all.open_ms)), breached];
            row(words.owner(owner), &cells)
        });
        let table = Table {
            caption: words.held_caption().to_owned(),
            head: heads(words.owner_head(), &words.held_heads()),
            rows: rows.collect(),
            note: (owners.len() > MOST_GROUPS).then(|| words.more_groups(owners.len() - MOST_GROUPS)),
            text: false,
        };
        Ok(Some(Part { title, plot: Some(plot), table }))
    }

    fn breaches(&self, sla: &SlaReport) -> Option<Part> {
        if sla.breach_count == 0 {
            return None;
        }
        let words = self.words;
        let mut head = words.breach_heads().map(str::to_owned).to_vec();
        if self.report.engine.is_some() {
            head.push(words.engine_head().to_owned());
        }
        let table = Table {
            caption: words.breaches_title(sla.breach_count),
            head,
            rows: sla.breaches.iter().map(|breach| self.breach(breach)).collect(),
            note: (sla.more_breaches() > 0).then(|| words.more_breaches_note(sla.more_breaches())),
            text: true,
        };
        Some(Part { title: words.breaches_heading().to_owned(), plot: None, table })
    }

    fn breach(&self, breach: &Breach) -> Row {
        let words = self.words;
        let told = [words.moment(breach.due_at), words.fate(breach), words.holder(breach), breach.target.clone()];
        let mut cells: Vec<Cell> = told.into_iter().map(|text| Cell { text, href: None }).collect();
        if let Some(engine) = &self.report.engine {
            let href = Some(lead_url(engine, &breach.lead_id));
            cells.push(Cell { text: words.engine_link().to_owned(), href });
        }
        let number = self.report.explanations.keys().position(|lead| *lead == breach.lead_id);
        let href = number.map(|number| format!("#{}", story_id(number + 1)));
        Row { name: breach.lead_id.clone(), href, cells }
    }

    /// A plot that says what it is to who cannot see it.
    fn view(&mut self, plot: plot::Plot, title: &str, told: String, legend: Vec<Legend>) -> PlotView {
        self.plots += 1;
        let number = self.plots;
        let named = |svg: &str, class: &str| {
            let (title, told) = (escaped(title), escaped(&told));
            let id = format!("plot-{number}-{class}");
            let head = format!("<svg class=\"{class}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" ");
            let named = svg.replacen("<svg ", &head, 1);
            let words = format!(">\n<title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{told}</desc>");
            named.replacen('>', &words, 1)
        };
        PlotView { wide: named(&plot.wide, "wide"), narrow: named(&plot.narrow, "narrow"), legend }
    }
}

fn story_id(number: usize) -> String {
    format!("lead-{number}")
}

fn legend(color: plotters::style::RGBColor, mark: &'static str, text: &str) -> Legend {
    let plotters::style::RGBColor(red, green, blue) = color;
    Legend { color: format!("#{red:02x}{green:02x}{blue:02x}"), mark, text: text.to_owned() }
}

fn heads(name: &str, cells: &[&str]) -> Vec<String> {
    [name].iter().chain(cells).map(|text| (*text).to_owned()).collect()
}

fn row(name: String, cells: &[String]) -> Row {
    Row { name, href: None, cells: cells.iter().map(|text| Cell { text: text.clone(), href: None }).collect() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
