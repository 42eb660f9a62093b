//! How English and Spanish write things. The expected texts are those of ICU4X 2.4 (CLDR), but for accents in `e Íñigo` and `u Óscar`.

use chrono::NaiveDate;
use chrono_tz::Tz;
use plazo::calendar::Duration;
use plazo::language::Lang;
use plazo::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

const BOTH: [Lang; 2] = [Lang::En, Lang::Es];

fn both(of: impl Fn(Lang) -> String) -> [String; 2] {
    BOTH.map(of)
}

#[test]
fn numbers_are_written_as_the_language_writes_them() {
    assert_eq!(both(|p| p.number(12_345.5)), ["12,345.5", "12.345,5"]);
    assert_eq!(both(|p| p.number(1_234.0)), ["1,234", "1234"]);
    assert_eq!(both(|p| p.number(9_999.5)), ["9,999.5", "9999,5"]);
    assert_eq!(both(|p| p.whole(-1_234_567)), ["-1,234,567", "-1.234.567"]);
    assert_eq!(both(|p| p.whole(-12_345)), ["-12,345", "-12.345"]);
    assert_eq!(both(|p| p.whole(-20)), ["-20", "-20"]);
    assert_eq!(both(|p| p.number(f64::INFINITY)), ["inf", "inf"]);
    assert_eq!(both(|p| p.share(125_000)), ["12.5%", "12,5\u{a0}%"]);
    assert_eq!(both(|p| p.share(1_000_000)), ["100%", "100\u{a0}%"]);
    assert_eq!([1, 2, 3, 4, 11, 22].map(|n| Lang::En.ordinal(n)).join(" "), "1st 2nd 3rd 4th 11th 22nd");
    assert_eq!(Lang::Es.ordinal(2), "2.º");
}

#[test]
fn durations_have_their_plurals() {
    for (text, en, es) in [
        ("1 business hour", "1 business hour", "1 hora hábil"),
        ("4 business hours", "4 business hours", "4 horas hábiles"),
        ("1.5 hours", "90 minutes", "90 minutos"),
        ("1 minute", "1 minute", "1 minuto"),
        ("1.5 business seconds", "1.5 business seconds", "1,5 segundos hábiles"),
        ("1 business day", "1 business day", "1 día hábil"),
        ("2 business days", "2 business days", "2 días hábiles"),
        ("1000 business days", "1,000 business days", "1000 días hábiles"),
        ("8 weeks", "56 days", "56 días"),
        ("end of business day", "the end of the business day", "el fin del día hábil"),
        ("end of 2 business days", "the end of the 2nd business day", "el fin del 2.º día hábil"),
    ] {
        let duration = Duration::parse(text).expect("a duration");
        assert_eq!(both(|p| p.duration(&duration)), [en, es]);
    }
    let within = |text: &str| both(|p| p.within(&Duration::parse(text).expect("a duration")));
    assert_eq!(within("0 hours"), ["within 0 hours", "en 0 horas"]);
    assert_eq!(within("end of business day"), ["by the end of the business day", "antes del fin del día hábil"]);
}

#[test]
fn spans_are_told_in_hours_minutes_and_seconds() {
    assert_eq!(both(|p| p.span(HOUR_MS)), ["1 hour", "1 hora"]);
    assert_eq!(both(|p| p.span(30 * HOUR_MS + 20 * MINUTE_MS)), ["30 hours and 20 minutes", "30 horas y 20 minutos"]);
    assert_eq!(
        both(|p| p.span(HOUR_MS + MINUTE_MS + 1_500)),
        ["1 hour, 1 minute and 1.5 seconds", "1 hora, 1 minuto y 1,5 segundos"]
    );
    assert_eq!(both(|p| p.span(0)), ["0 seconds", "0 segundos"]);
    assert_eq!(both(|p| p.span(-SECOND_MS)), ["−1 second", "−1 segundo"]);
}

#[test]
fn lists_are_joined_as_they_are_spoken() {
    assert_eq!(both(|p| p.and(&["Marketing", "Ventas"])), ["Marketing and Ventas", "Marketing y Ventas"]);
    assert_eq!(both(|p| p.and(&["Ana", "Irene"])), ["Ana and Irene", "Ana e Irene"]);
    assert_eq!(both(|p| p.or(&["a", "b", "otra"])), ["a, b or otra", "a, b u otra"]);
    for (joined, words) in [
        ("a e ", &["Irene", "iglesia", "Hijo", "Hilario", "Ibáñez", "Íñigo"][..]),
        ("a y ", &["hielo", "hiato", "yate", "huevo", "", "h"]),
    ] {
        for word in words {
            assert_eq!(Lang::Es.and(&["a", word]), format!("{joined}{word}"));
        }
    }
    for (joined, words) in [
        ("a u ", &["otra", "Hoy", "8", "80", "88 horas", "11", "11.000", "11000", "Óscar"][..]),
        ("a o ", &["18", "1.100", "110", "huevo", "uno"]),
    ] {
        for word in words {
            assert_eq!(Lang::Es.or(&["a", word]), format!("{joined}{word}"));
        }
    }
    assert_eq!(both(|p| p.or::<&str>(&[])), ["", ""]);
}

#[test]
fn instants_are_told_on_the_wall_of_a_zone() {
    let at = |text: &str, zone: Tz| both(|p| p.moment(text.parse().expect("an instant"), zone));
    let zone = chrono_tz::America::Sao_Paulo;
    assert_eq!(at("2026-11-30T13:00:00Z", zone), ["Mon, 30 Nov 2026, 10:00", "lun, 30 nov 2026, 10:00"]);
    assert_eq!(at("2026-11-30T13:00:07Z", zone)[0], "Mon, 30 Nov 2026, 10:00:07");
    assert_eq!(
        at("2026-11-30T13:00:07.250Z", zone),
        ["Mon, 30 Nov 2026, 10:00:07.250", "lun, 30 nov 2026, 10:00:07,250"]
    );
    // The clocks of Madrid are set back from 03:00 to 02:00.
    let fold = chrono_tz::Europe::Madrid;
    assert_eq!(at("2026-10-25T00:30:00Z", fold)[0], "Sun, 25 Oct 2026, 02:30 (UTC+02:00)");
    assert_eq!(at("2026-10-25T01:30:00Z", fold)[1], "dom, 25 oct 2026, 02:30 (UTC+01:00)");
    for instant in [Timestamp::MIN, Timestamp::FIRST_PRINTABLE, Timestamp::LAST_PRINTABLE, Timestamp::MAX] {
        assert!(both(|p| p.moment(instant, fold)).iter().all(|text| !text.is_empty()));
    }
}

#[test]
fn dates_are_told_in_words() {
    let date = NaiveDate::from_ymd_opt(2026, 11, 30).expect("a date");
    assert_eq!(both(|p| p.date(date)), ["Monday, 30 November 2026", "lunes, 30 de noviembre de 2026"]);
    assert_eq!(both(|p| p.short_date(date)), ["Mon, 30 Nov 2026", "lun, 30 nov 2026"]);
    let september = NaiveDate::from_ymd_opt(2026, 9, 9).expect("a date");
    assert_eq!(both(|p| p.short_date(september)), ["Wed, 9 Sept 2026", "mié, 9 sept 2026"]);
    let near = |month, day| {
        let near = NaiveDate::from_ymd_opt(2026, month, day).expect("a date");
        both(|p| p.moment_near("2026-11-30T10:00:00Z".parse().expect("an instant"), Tz::UTC, near))
    };
    assert_eq!(near(11, 2), ["Mon 30, 10:00", "lun 30, 10:00"]);
    assert_eq!(near(10, 31), ["Mon 30 Nov, 10:00", "lun, 30 nov, 10:00"]);
}

#[test]
fn the_best_language_that_a_header_accepts() {
    for (header, best) in [
        ("es-AR,es;q=0.9,en;q=0.8", Some(Lang::Es)),
        ("en;q=0.5, es;q=0.7", Some(Lang::Es)),
        ("fr, en-US;q=0.4", Some(Lang::En)),
        ("fr, *;q=0.1", Some(Lang::En)),
        ("es;q=0, fr", None),
        ("", None),
        (";;,=q", None),
    ] {
        assert_eq!(Lang::accepted(header), best, "{header}");
    }
}
