//! What texts for people need in English and Spanish: numbers, counted things, durations, lists, dates and times, each as its
//! readers write it, after the Unicode CLDR. The sentences stand with whoever says them (`docs/decisions/language.md`).

use chrono::{Datelike, NaiveDate, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use clap::ValueEnum;

use crate::calendar::Duration;
use crate::time::{HOUR_MS, MINUTE_MS, Timestamp, format_seconds};

/// A language that texts for people come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    #[default]
    En,
    Es,
}

impl Lang {
    /// As RFC 5646 writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Es => "es",
        }
    }

    /// `es`, `es-AR`, `EN_us`: the language of a tag, whatever its region.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        [Lang::En, Lang::Es].into_iter().find(|lang| primary.eq_ignore_ascii_case(lang.code()))
    }

    /// The best of an `Accept-Language` header (RFC 9110 §12.5.4); the first of equals. `None`: it asks for neither.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Lang)> = None;
        for range in header.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).unwrap_or(0.0);
            let lang = if tag.trim() == "*" { Some(Lang::default()) } else { Lang::of_tag(tag) };
            if let Some(lang) = lang
                && weight > best.map_or(0.0, |(weight, _)| weight)
            {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }

    /// One of two texts of one meaning.
    pub const fn say<'a>(self, en: &'a str, es: &'a str) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Es => es,
        }
    }

    const fn months(self) -> [&'static str; 12] {
        match self {
            Lang::En => [
                "January",
                "February",
                "March",
                "April",
                "May",
                "June",
                "July",
                "August",
                "September",
                "October",
                "November",
                "December",
            ],
            Lang::Es => [
                "enero",
                "febrero",
                "marzo",
                "abril",
                "mayo",
                "junio",
                "julio",
                "agosto",
                "septiembre",
                "octubre",
                "noviembre",
                "diciembre",
            ],
        }
    }

    /// Monday first.
    const fn weekdays(self) -> [&'static str; 7] {
        match self {
            Lang::En => ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
            Lang::Es => ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        }
    }
}

/// A thing that is counted. Business units are of open time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    BusinessSecond,
    BusinessMinute,
    BusinessHour,
    BusinessDay,
}

impl Unit {
    /// Of one and of several.
    const fn names(self, lang: Lang) -> (&'static str, &'static str) {
        match (lang, self) {
            (Lang::En, Unit::Second) => ("second", "seconds"),
            (Lang::En, Unit::Minute) => ("minute", "minutes"),
            (Lang::En, Unit::Hour) => ("hour", "hours"),
            (Lang::En, Unit::Day) => ("day", "days"),
            (Lang::En, Unit::BusinessSecond) => ("business second", "business seconds"),
            (Lang::En, Unit::BusinessMinute) => ("business minute", "business minutes"),
            (Lang::En, Unit::BusinessHour) => ("business hour", "business hours"),
            (Lang::En, Unit::BusinessDay) => ("business day", "business days"),
            (Lang::Es, Unit::Second) => ("segundo", "segundos"),
            (Lang::Es, Unit::Minute) => ("minuto", "minutos"),
            (Lang::Es, Unit::Hour) => ("hora", "horas"),
            (Lang::Es, Unit::Day) => ("día", "días"),
            (Lang::Es, Unit::BusinessSecond) => ("segundo hábil", "segundos hábiles"),
            (Lang::Es, Unit::BusinessMinute) => ("minuto hábil", "minutos hábiles"),
            (Lang::Es, Unit::BusinessHour) => ("hora hábil", "horas hábiles"),
            (Lang::Es, Unit::BusinessDay) => ("día hábil", "días hábiles"),
        }
    }
}

/// How much of a date is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fields {
    Day,
    MonthAndDay,
    All,
}

impl Lang {
    /// Grouped by thousands, with the language's decimal sign; Spanish groups from five digits. A text that is no plain number
    /// stays as it is.
    fn decimal(self, text: &str) -> String {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
        if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.to_owned();
        }
        let (group, point) = self.say(",.", ".,").split_at(1);
        let grouped = whole.len() > if self == Lang::Es { 4 } else { 3 };
        let mut out = sign.to_owned();
        for (index, digit) in whole.char_indices() {
            if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                out.push_str(group);
            }
            out.push(digit);
        }
        if let Some(fraction) = fraction {
            out.push_str(point);
            out.push_str(fraction);
        }
        out
    }

    /// `12,345.5`; `12.345,5`.
    pub fn number(self, number: f64) -> String {
        self.decimal(&number.to_string())
    }

    pub fn whole(self, number: i64) -> String {
        self.decimal(&number.to_string())
    }

    /// A share in millionths: `12.5%`; `12,5 %`, which no line break parts.
    pub fn share(self, ppm: u32) -> String {
        format!("{}{}", self.number(f64::from(ppm) / 10_000.0), self.say("%", "\u{a0}%"))
    }

    /// With so many digits behind the decimal sign: `66.70`; `66,70`.
    pub fn fixed(self, number: f64, digits: usize) -> String {
        self.decimal(&format!("{number:.digits$}"))
    }

    /// `2nd`; `2.º`.
    pub fn ordinal(self, number: u32) -> String {
        let ending = match (self, number % 10, number % 100) {
            (Lang::Es, ..) => ".º",
            (Lang::En, _, 11..=13) => "th",
            (Lang::En, 1, _) => "st",
            (Lang::En, 2, _) => "nd",
            (Lang::En, 3, _) => "rd",
            (Lang::En, ..) => "th",
        };
        format!("{}{ending}", self.whole(i64::from(number)))
    }

    /// A number with one of two nouns: `1 lead`, `2 leads`.
    pub fn counted(self, number: i64, one: &str, several: &str) -> String {
        self.with_noun(&number.to_string(), one, several)
    }

    pub fn units(self, number: i64, unit: Unit) -> String {
        let (one, several) = unit.names(self);
        self.counted(number, one, several)
    }

    /// Both languages have the singular for 1 alone: `1.5 hours`, `0 horas`.
    fn with_noun(self, number: &str, one: &str, several: &str) -> String {
        format!("{} {}", self.decimal(number), if number == "1" { one } else { several })
    }

    /// Milliseconds in the largest unit that divides them; seconds may have decimals.
    fn ms(self, ms: i64, [hour, minute, second]: [Unit; 3]) -> String {
        match ms {
            ms if ms % HOUR_MS == 0 => self.units(ms / HOUR_MS, hour),
            ms if ms % MINUTE_MS == 0 => self.units(ms / MINUTE_MS, minute),
            _ => {
                let (one, several) = second.names(self);
                self.with_noun(&format_seconds(ms), one, several)
            }
        }
    }

    /// `4 business hours`; `el fin del 2.º día hábil`: as a noun.
    pub fn duration(self, duration: &Duration) -> String {
        match duration {
            Duration::Open { ms } => self.ms(*ms, [Unit::BusinessHour, Unit::BusinessMinute, Unit::BusinessSecond]),
            Duration::Elapsed { ms } => self.ms(*ms, [Unit::Hour, Unit::Minute, Unit::Second]),
            Duration::BusinessDays(days) => self.units(i64::from(*days), Unit::BusinessDay),
            Duration::Days(days) => self.units(i64::from(*days), Unit::Day),
            Duration::EndOfBusinessDays(0) => {
                self.say("the end of the business day", "el fin del día hábil").to_owned()
            }
            Duration::EndOfBusinessDays(days) => {
                let nth = self.ordinal(*days);
                match self {
                    Lang::En => format!("the end of the {nth} business day"),
                    Lang::Es => format!("el fin del {nth} día hábil"),
                }
            }
        }
    }

    /// As a promise says it: `within 4 business hours`, `by the end of the business day`; `en 4 horas hábiles`,
    /// `antes del fin del día hábil`.
    pub fn within(self, duration: &Duration) -> String {
        let noun = self.duration(duration);
        match (self, duration) {
            (Lang::En, Duration::EndOfBusinessDays(_)) => format!("by {noun}"),
            (Lang::En, _) => format!("within {noun}"),
            (Lang::Es, Duration::EndOfBusinessDays(_)) => {
                format!("antes del {}", noun.strip_prefix("el ").unwrap_or(&noun))
            }
            (Lang::Es, _) => format!("en {noun}"),
        }
    }

    /// Measured time in hours, minutes and seconds: `3 hours and 20 minutes`. Never in days: of open time nobody could tell
    /// which.
    pub fn span(self, ms: i64) -> String {
        let (sign, ms) = if ms < 0 { ("−", ms.saturating_neg()) } else { ("", ms) };
        let (hours, minutes, rest) = (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS, ms % MINUTE_MS);
        let mut parts = Vec::with_capacity(3);
        if hours > 0 {
            parts.push(self.units(hours, Unit::Hour));
        }
        if minutes > 0 {
            parts.push(self.units(minutes, Unit::Minute));
        }
        if rest > 0 || parts.is_empty() {
            let (one, several) = Unit::Second.names(self);
            parts.push(self.with_noun(&format_seconds(rest), one, several));
        }
        format!("{sign}{}", self.and(&parts))
    }

    /// `a, b and c`; `a, b e Irene`.
    pub fn and<T: AsRef<str>>(self, items: &[T]) -> String {
        self.joined(items, |last| match self {
            Lang::En => "and",
            Lang::Es if sounds_i(last) => "e",
            Lang::Es => "y",
        })
    }

    /// `a, b or c`; `siete u ocho`.
    pub fn or<T: AsRef<str>>(self, items: &[T]) -> String {
        self.joined(items, |last| match self {
            Lang::En => "or",
            Lang::Es if sounds_o(last) => "u",
            Lang::Es => "o",
        })
    }

    fn joined<T: AsRef<str>>(self, items: &[T], word: impl Fn(&str) -> &'static str) -> String {
        let Some((last, rest)) = items.split_last() else { return String::new() };
        let last = last.as_ref();
        if rest.is_empty() {
            return last.to_owned();
        }
        let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
        format!("{} {} {last}", rest.join(", "), word(last))
    }

    /// `Monday, 30 November 2026`; `lunes, 30 de noviembre de 2026`.
    pub fn date(self, date: NaiveDate) -> String {
        let (weekday, month, year) = (self.weekday_of(date), self.month_of(date), date.year());
        match self {
            Lang::En => format!("{weekday}, {} {month} {year}", date.day()),
            Lang::Es => format!("{weekday}, {} de {month} de {year}", date.day()),
        }
    }

    /// `Mon, 30 Nov 2026`; `lun, 30 nov 2026`.
    pub fn short_date(self, date: NaiveDate) -> String {
        self.short(date, Fields::All)
    }

    /// `November 2026`; `noviembre de 2026`. Months are counted from 1.
    pub fn month(self, year: i32, month: u32) -> String {
        format!("{}{}{year}", self.month_name(month), self.say(" ", " de "))
    }

    /// `Nov 2026`; `nov 2026`.
    pub fn short_month(self, year: i32, month: u32) -> String {
        let letters = if month == 9 { 4 } else { 3 };
        format!("{} {year}", &self.month_name(month)[..letters])
    }

    fn month_name(self, month: u32) -> &'static str {
        self.months()[(month.clamp(1, 12) - 1) as usize]
    }

    fn weekday_of(self, date: NaiveDate) -> &'static str {
        self.weekdays()[date.weekday().num_days_from_monday() as usize]
    }

    fn month_of(self, date: NaiveDate) -> &'static str {
        self.months()[date.month0() as usize]
    }

    fn short(self, date: NaiveDate, fields: Fields) -> String {
        let weekday: String = self.weekday_of(date).chars().take(3).collect();
        let month = self.month_of(date);
        let letters = if date.month() == 9 { 4 } else { 3 };
        let (day, month) = (date.day(), &month[..letters]);
        match (fields, self) {
            (Fields::Day, _) => format!("{weekday} {day}"),
            (Fields::MonthAndDay, Lang::En) => format!("{weekday} {day} {month}"),
            (Fields::MonthAndDay, Lang::Es) => format!("{weekday}, {day} {month}"),
            (Fields::All, _) => format!("{weekday}, {day} {month} {}", date.year()),
        }
    }

    /// `Mon, 30 Nov 2026, 10:00` on the wall of a zone, finer where it is finer. Where the clocks are set back, the offset
    /// tells which of the two it is. The zone's name is for the text to say, once.
    pub fn moment(self, instant: Timestamp, zone: Tz) -> String {
        self.moment_with(instant, zone, Fields::All)
    }

    /// The same beside another date: without the year, and in its month without the month (`Mon 30, 10:00`).
    pub fn moment_near(self, instant: Timestamp, zone: Tz, near: NaiveDate) -> String {
        let date = instant.to_utc().with_timezone(&zone).date_naive();
        let fields = match (date.year() == near.year(), date.month() == near.month()) {
            (true, true) => Fields::Day,
            (true, false) => Fields::MonthAndDay,
            (false, _) => Fields::All,
        };
        self.moment_with(instant, zone, fields)
    }

    fn moment_with(self, instant: Timestamp, zone: Tz, fields: Fields) -> String {
        // The wall of a zone may lie beyond what a date can be only where the instant itself cannot be written.
        let instant = instant.clamp(Timestamp::FIRST_PRINTABLE, Timestamp::LAST_PRINTABLE);
        let local = instant.to_utc().with_timezone(&zone);
        let wall = local.naive_local();
        let mut text = format!("{}, {}", self.short(wall.date(), fields), wall.format("%H:%M"));
        let ms = wall.nanosecond() / 1_000_000;
        if wall.second() != 0 || ms != 0 {
            text.push_str(&format!(":{:02}", wall.second()));
        }
        if ms != 0 {
            text.push_str(&format!("{}{ms:03}", self.say(".", ",")));
        }
        if zone.from_local_datetime(&wall).single().is_none() {
            text.push_str(&format!(" (UTC{})", local.offset().fix()));
        }
        text
    }
}

/// Whether a Spanish word begins with the vowel that turns `y` into `e`: not the glides of *hielo* and *hiato*.
fn sounds_i(word: &str) -> bool {
    let lower = word.to_lowercase();
    match lower.strip_prefix('h') {
        Some(rest) => {
            rest.starts_with(['i', 'í']) && !rest.chars().nth(1).is_some_and(|next| "aeouáéóú".contains(next))
        }
        None => lower.starts_with(['i', 'í']),
    }
}

/// Whether a Spanish word begins with the vowel that turns `o` into `u`; 8 is *ocho*, 11 *once*, also of thousands.
fn sounds_o(word: &str) -> bool {
    let lower = word.to_lowercase();
    let digits = lower.chars().take_while(char::is_ascii_digit).count();
    lower.strip_prefix('h').unwrap_or(&lower).starts_with(['o', 'ó'])
        || lower.starts_with('8')
        || (lower.starts_with("11") && digits % 3 == 2)
}
