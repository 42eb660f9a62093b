//! Plots as SVG, each drawn twice: for a wide page and for a phone, so that no text is scaled down.

use std::fmt::Display;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, Rectangle, Text, TriangleMarker};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};

pub const GREEN: RGBColor = RGBColor(0x1b, 0x6e, 0x3c);
pub const BLUE: RGBColor = RGBColor(0x2f, 0x5d, 0x8a);
pub const GREY: RGBColor = RGBColor(0x76, 0x76, 0x70);
pub const RED: RGBColor = RGBColor(0xb3, 0x26, 0x1e);
const INK: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
const RULE: RGBColor = RGBColor(0xd5, 0xd5, 0xcf);
const TRACK: RGBColor = RGBColor(0xec, 0xec, 0xe7);

/// Widths in CSS pixels: what remains of 360 beside the page's margins, and of a wide page.
const WIDE: i32 = 800;
const NARROW: i32 = 320;
const LINES_HEIGHT: i32 = 220;
/// Height of letters, and what plotters multiplies it by.
const LETTERS: f64 = 13.0;
const LETTERS_TOLD: f64 = LETTERS * 1.24;
/// Above the first bar; of one bar: its text, the bar, and the space below.
const BAR_TOP: i32 = 4;
const BAR_TEXT: i32 = 19;
const BAR: i32 = 14;
const BAR_STEP: i32 = BAR_TEXT + BAR + 10;
const MARK: i32 = 4;

/// Why a plot could not be drawn: a fault of the program alone.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a plot cannot be drawn: {0}")]
pub struct PlotFault(String);

type Area<'s> = DrawingArea<SVGBackend<'s>, Shift>;

fn fault(error: impl Display) -> PlotFault {
    PlotFault(error.to_string())
}

/// One plot in its two widths.
pub struct Plot {
    pub wide: String,
    pub narrow: String,
}

impl Plot {
    fn draw(height: i32, draw: impl Fn(&Area<'_>, i32) -> Result<(), PlotFault>) -> Result<Self, PlotFault> {
        let of = |width: i32| -> Result<String, PlotFault> {
            let mut svg = String::new();
            let size = (width.unsigned_abs(), height.unsigned_abs());
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE).map_err(fault)?;
            draw(&area, width)?;
            area.present().map_err(fault)?;
            drop(area);
            Ok(svg)
        };
        Ok(Plot { wide: of(WIDE)?, narrow: of(NARROW)? })
    }
}

/// One line: a value for each place, where there is one.
pub struct Line {
    pub color: RGBColor,
    /// The mark of its points, so that colour alone tells nothing.
    pub triangles: bool,
    pub values: Vec<Option<f64>>,
}

/// Lines over the same places, from nothing to `top`.
///
/// # Errors
/// Where the library fails.
pub fn lines(places: &[String], lines: &[Line], top: f64, label: &dyn Fn(f64) -> String) -> Result<Plot, PlotFault> {
    let count = i32::try_from(places.len()).unwrap_or(i32::MAX);
    let place = |index: &i32| -> String {
        usize::try_from(*index).ok().and_then(|index| places.get(index)).cloned().unwrap_or_default()
    };
    Plot::draw(LINES_HEIGHT, |area, width| {
        let labels = if width == WIDE { 9 } else { 4 };
        let mut chart = ChartBuilder::on(area)
            .margin_top(10)
            .margin_right(34)
            .x_label_area_size(26)
            .y_label_area_size(54)
            .build_cartesian_2d(-1..count, 0.0..top)
            .map_err(fault)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RULE)
            .axis_style(GREY)
            .label_style(text())
            .x_labels(labels)
            .x_label_formatter(&place)
            .y_labels(5)
            .y_label_formatter(&|value: &f64| label(*value))
            .draw()
            .map_err(fault)?;
        for line in lines {
            let points: Vec<Option<(i32, f64)>> =
                (0..count).zip(&line.values).map(|(index, value)| value.map(|value| (index, value))).collect();
            for run in points.split(Option::is_none) {
                let run: Vec<(i32, f64)> = run.iter().flatten().copied().collect();
                chart.draw_series(LineSeries::new(run, line.color.stroke_width(2))).map_err(fault)?;
            }
            let points = points.into_iter().flatten();
            if line.triangles {
                let marks = points.map(|point| TriangleMarker::new(point, MARK + 1, line.color.filled()));
                chart.draw_series(marks).map_err(fault)?;
            } else {
                chart.draw_series(points.map(|point| Circle::new(point, MARK, line.color.filled()))).map_err(fault)?;
            }
        }
        Ok(())
    })
}

/// One bar: what it is, its value as text, and its parts of a whole.
pub struct Bar {
    pub name: String,
    pub value: String,
    pub parts: Vec<(RGBColor, f64)>,
}

/// Bars below one another, each under its text.
///
/// # Errors
/// Where the library fails.
pub fn bars(bars: &[Bar]) -> Result<Plot, PlotFault> {
    let height = BAR_TOP + BAR_STEP * i32::try_from(bars.len()).unwrap_or(i32::MAX / BAR_STEP);
    Plot::draw(height, |area, width| {
        for (bar, top) in bars.iter().zip((BAR_TOP..).step_by(BAR_STEP as usize)) {
            let room = f64::from(width) - breadth(&bar.value) - LETTERS;
            let name = Text::new(fitted(&bar.name, room), (0, top), text().pos(Pos::new(HPos::Left, VPos::Top)));
            area.draw(&name).map_err(fault)?;
            let right = text().pos(Pos::new(HPos::Right, VPos::Top));
            area.draw(&Text::new(bar.value.clone(), (width, top), right)).map_err(fault)?;
            let (top, bottom) = (top + BAR_TEXT, top + BAR_TEXT + BAR);
            let fill = |from: f64, to: f64, color: RGBColor| {
                let at = |share: f64| (share * f64::from(width)).round() as i32;
                let corners = [(at(from), top), (at(to), bottom)];
                area.draw(&Rectangle::new(corners, ShapeStyle::from(color).filled())).map_err(fault)
            };
            fill(0.0, 1.0, TRACK)?;
            let mut from = 0.0;
            for (color, share) in bar.parts.iter().filter(|(_, share)| *share > 0.0) {
                fill(from, from + share, *color)?;
                from += share;
            }
        }
        Ok(())
    })
}

fn text() -> TextStyle<'static> {
    ("sans-serif", LETTERS_TOLD).into_font().color(&INK)
}

/// How much of a line a text takes at most, in pixels: browsers differ in their fonts.
fn breadth(text: &str) -> f64 {
    let of = |sign: char| match sign {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        sign if sign.is_ascii() => 0.66,
        sign if sign < '\u{2e80}' => 0.75,
        _ => 1.1,
    };
    text.chars().map(of).sum::<f64>() * LETTERS
}

/// As much of a text as fits.
fn fitted(text: &str, room: f64) -> String {
    if breadth(text) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    for sign in text.chars() {
        out.push(sign);
        if breadth(&out) + LETTERS > room {
            out.pop();
            break;
        }
    }
    out.push('…');
    out
}
