//! Months and weeks, and the series that a trend is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::Tally;
use crate::language::Lang;
use crate::time::Timestamp;

/// The step of a trend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    #[default]
    Month,
    /// As ISO 8601 counts them, from Monday.
    Week,
}

/// One month or week. Its text is its key in reports: `2026-11`, `2026-W48`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    Month { year: i32, month: u32 },
    Week { year: i32, week: u32 },
}

impl Span {
    /// The one that an instant lies in, on the wall of a zone.
    pub fn of(step: Step, instant: Timestamp, zone: Tz) -> Self {
        Self::of_date(step, instant.to_utc().with_timezone(&zone).date_naive())
    }

    fn of_date(step: Step, date: NaiveDate) -> Self {
        match step {
            Step::Month => Span::Month { year: date.year(), month: date.month() },
            Step::Week => Span::Week { year: date.iso_week().year(), week: date.iso_week().week() },
        }
    }

    pub const fn step(self) -> Step {
        match self {
            Span::Month { .. } => Step::Month,
            Span::Week { .. } => Step::Week,
        }
    }

    fn first_day(self) -> Option<NaiveDate> {
        match self {
            Span::Month { year, month } => NaiveDate::from_ymd_opt(year, month, 1),
            Span::Week { year, week } => NaiveDate::from_isoywd_opt(year, week, Weekday::Mon),
        }
    }

    /// `None` before the first that there can be.
    fn before(self) -> Option<Self> {
        Some(Self::of_date(self.step(), self.first_day()?.pred_opt()?))
    }

    /// `November 2026`, `week 48 of 2026`; `noviembre de 2026`, `semana 48 de 2026`.
    pub fn name(self, lang: Lang) -> String {
        match self {
            Span::Month { year, month } => lang.month(year, month),
            Span::Week { year, week } => match lang {
                Lang::En => format!("week {week} of {year}"),
                Lang::Es => format!("semana {week} de {year}"),
            },
        }
    }

    /// `Nov 2026`, `W48 2026`; `nov 2026`, `S48 2026`.
    pub fn short_name(self, lang: Lang) -> String {
        match self {
            Span::Month { year, month } => lang.short_month(year, month),
            Span::Week { year, week } => format!("{}{week} {year}", lang.say("W", "S")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            Span::Week { year, week } => write!(f, "{year:04}-W{week:02}"),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("expected a month such as 2026-11 or a week such as 2026-W48, found {text:?}");
        let (year, rest) = text.split_once('-').ok_or_else(fault)?;
        let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = rest.trim_start_matches('W');
        if !digits(year, 4) || !digits(number, 2) || rest.len() > 3 {
            return Err(fault());
        }
        let (Ok(year), Ok(number)) = (year.parse(), number.parse()) else { return Err(fault()) };
        let span = match rest.starts_with('W') {
            false => Span::Month { year, month: number },
            true => Span::Week { year, week: number },
        };
        span.first_day().map(|_| span).ok_or_else(fault)
    }
}

/// By what a report counts time, and whether it tells of one month or week alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    pub step: Step,
    pub only: Option<Span>,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.only, self.step) {
            (Some(span), _) => span.fmt(f),
            (None, Step::Month) => f.write_str("month"),
            (None, Step::Week) => f.write_str("week"),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |step| Ok(Period { step, only: None });
        match text {
            "month" => whole(Step::Month),
            "week" => whole(Step::Week),
            text => text
                .parse()
                .map(|span: Span| Period { step: span.step(), only: Some(span) })
                .map_err(|fault| format!("expected month, week, or one of them: {fault}")),
        }
    }
}

/// The last months or weeks up to the latest that there is, `most` at most, none left out: the oldest first. And how many
/// earlier ones there are that say something.
pub fn series(groups: &BTreeMap<String, Tally>, most: usize) -> (Vec<(Span, Option<&Tally>)>, usize) {
    let known: BTreeMap<Span, &Tally> =
        groups.iter().filter_map(|(key, tally)| Some((key.parse().ok()?, tally))).collect();
    let (Some((first, _)), Some((last, _))) = (known.first_key_value(), known.last_key_value()) else {
        return (Vec::new(), 0);
    };
    let mut spans: Vec<(Span, Option<&Tally>)> = Vec::new();
    let mut at = Some(*last);
    while let Some(span) = at.filter(|span| span >= first && spans.len() < most) {
        spans.push((span, known.get(&span).copied()));
        at = span.before();
    }
    let told = spans.iter().filter(|(_, tally)| tally.is_some()).count();
    spans.reverse();
    (spans, known.len() - told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_leaves_no_month_or_week_out_across_years() {
        let groups = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), Tally::default())).collect();
        let told = |keys: &[&str], most| {
            let groups: BTreeMap<String, Tally> = groups(keys);
            let (spans, more) = series(&groups, most);
            let spans: Vec<String> =
                spans.iter().map(|(span, tally)| format!("{span}{}", if tally.is_some() { "" } else { "?" })).collect();
            (spans.join(" "), more)
        };
        assert_eq!(told(&["2026-11", "2027-02", "(none)"], 9), ("2026-11 2026-12? 2027-01? 2027-02".to_owned(), 0));
        // 2026 has 53 weeks.
        assert_eq!(told(&["2026-W52", "2027-W02"], 9), ("2026-W52 2026-W53? 2027-W01? 2027-W02".to_owned(), 0));
        assert_eq!(told(&["2019-01", "2026-10", "2026-11"], 2), ("2026-10 2026-11".to_owned(), 1));
        assert_eq!(told(&["(none)", "(folded)"], 2), (String::new(), 0));
    }

    #[test]
    fn only_months_and_weeks_that_there_are_are_read() {
        for text in ["2026-11", "2026-W53", "0001-01"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "2026",
            "2026-13",
            "2026-00",
            "2025-W53",
            "2026-1",
            "26-11",
            "2026-WW1",
            "2026-W1",
            "+026-11",
            "2026-11-02",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("week".parse(), Ok(Period { step: Step::Week, only: None }));
    }
}
