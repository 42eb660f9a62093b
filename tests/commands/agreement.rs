//! The written agreement: both languages, both forms, every construct of a policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plazo::language::Lang;
use plazo::policy::{self, Policy};
use plazo::written_agreement::{self, Block, Document, Edition};
use proptest::prelude::*;
use pulldown_cmark::{Event as Mark, Options, Parser, Tag, TagEnd};
use quick_xml::Reader;
use quick_xml::events::Event as Xml;

const BOTH: [Lang; 2] = [Lang::En, Lang::Es];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn everything() -> PathBuf {
    root().join("tests/data/agreement/everything")
}

fn load(path: &Path) -> Policy {
    policy::load(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The latest version beside the one before it.
fn latest(policy: &Policy, lang: Lang) -> Document {
    let count = policy.versions.len();
    let before = count.checked_sub(2).map(|index| &policy.versions[index]);
    let edition = Edition { version: &policy.versions[count - 1], number: (count, count), before };
    written_agreement::document(edition, lang)
}

fn alone(policy: &Policy, lang: Lang) -> Document {
    written_agreement::document(Edition { version: &policy.versions[0], number: (1, 1), before: None }, lang)
}

fn read_everything() -> String {
    fs::read_to_string(everything().join("2-everything.toml")).expect("the policy")
}

fn parse(text: &str) -> Policy {
    let holidays = |name: &str| fs::read_to_string(everything().join(name));
    policy::parse("p.toml", text, &holidays).unwrap_or_else(|faults| panic!("{faults}"))
}

fn plazo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plazo")).args(arguments).current_dir(root()).output().expect("the binary runs")
}

/// Folder of the policy, language, and the files that hold its text.
const KEPT: [(&str, &str, &str); 4] = [
    ("deploy/policy/en", "en", "shipped.en"),
    ("deploy/policy/es", "es", "shipped.es"),
    ("tests/data/agreement/everything", "en", "everything.en"),
    ("tests/data/agreement/everything", "es", "everything.es"),
];

#[test]
fn the_agreements_read_as_the_kept_ones() {
    for (policy, lang, name) in KEPT {
        for (ending, html) in [("md", None), ("html", Some("--html"))] {
            let arguments: Vec<&str> =
                ["agreement", "--policy", policy, "--lang", lang].into_iter().chain(html).collect();
            let output = plazo(&arguments);
            assert!(output.status.success(), "{output:?}");
            let file = root().join("tests/data/agreement").join(format!("{name}.{ending}"));
            let kept = fs::read_to_string(&file).unwrap_or_default();
            let told = String::from_utf8(output.stdout).expect("UTF-8");
            let differs = told.lines().zip(kept.lines()).position(|(one, other)| one != other);
            assert!(
                told == kept,
                "{name}.{ending} differs from line {:?} on; look at it, then: plazo {} > tests/data/agreement/{name}.{ending}",
                differs.map(|line| line + 1),
                arguments.join(" ")
            );
        }
    }
}

#[test]
fn a_promise_is_a_sentence_that_anybody_understands() {
    let policy = load(&everything());
    let sentences = |lang| latest(&policy, lang).plain();
    for (lang, expected) in [
        (
            Lang::En,
            [
                "Every lead from “webinar” with a score of 80 or more is qualified, disqualified or sent back to marketing within 4 business hours of being assigned (calendar “office”).",
                "Every lead held by “ana” or “irene” and in the status “new” is qualified, disqualified or sent back to marketing by the end of the business day on which it was assigned (calendar “office”).",
                "Every other lead is qualified, disqualified or sent back to marketing within 2 business days of being assigned (calendar “office”).",
                "Every lead is contacted by a person (“call” or “meeting”) within 3 business days of being created, getting an opportunity, reaching the status “working” or reaching the stage “marketing qualified lead”, and again in the same time after each contact, until it is qualified or disqualified, or becomes an opportunity.",
                "4 business hours after the deadline, the manager and the owner of the lead are told, and the CRM is asked to give the lead to another representative.",
                "As soon as the deadline has passed, the owner of the lead is told.",
                "when 50% of the time has passed, 30 business minutes before the deadline and 1 hour before the deadline",
                "every week, at least 1 lead reaches the stage “sales qualified lead”.",
                "the “pipeline_value” of the leads adds up to at least 1,500,000.5",
                "the time allowed changes from 8 business hours to 4 business hours.",
                "it is not promised any more",
            ]
            .as_slice(),
        ),
        (
            Lang::Es,
            [
                "Todo lead procedente de «webinar» con una puntuación de 80 o más queda calificado, descartado o devuelto a marketing en un plazo de 4 horas hábiles desde su asignación (calendario «office»).",
                "Todo lead a cargo de «ana» o «irene» y en el estado «new» queda calificado, descartado o devuelto a marketing a más tardar al fin del día hábil de su asignación (calendario «office»).",
                "Cualquier otro lead queda calificado, descartado o devuelto a marketing en un plazo de 2 días hábiles desde su asignación (calendario «office»).",
                "hasta que quede calificado o descartado, o se convierta en oportunidad.",
                "4 horas hábiles después del vencimiento, reciben aviso el responsable comercial y el comercial a cargo del lead, y se pide al CRM que asigne el lead a otro comercial.",
                "En cuanto pasa el vencimiento, recibe aviso el comercial a cargo del lead.",
                "cada semana alcanza la etapa «lead calificado por ventas» al menos 1 lead.",
                "cada mes llegan al menos 400 leads nuevos.",
                "la suma de «pipeline_value» de los leads es al menos 1.500.000,5.",
                "el plazo pasa de 8 horas hábiles a 4 horas hábiles.",
                "cuando ha pasado el 12,5\u{a0}% del plazo",
            ]
            .as_slice(),
        ),
    ] {
        let text = sentences(lang);
        for sentence in expected {
            assert!(text.contains(sentence), "{sentence}\nis not in\n{text}");
        }
    }
}

/// What may be changed in the policy with everything, by the piece of text that says it.
const CHANGES: [(&str, &str); 81] = [
    ("\"Lead <promises> & *more*\"", "\"Another\""),
    ("[\"Marketing\", \"Sales\", \"Inside_Sales\"]", "[\"Marketing\", \"Sales\"]"),
    ("timezone       = \"America/Sao_Paulo\"", "timezone = \"Europe/Madrid\""),
    ("name = \"on_hold\"", "name = \"on_hold\"\nstage = \"lead\""),
    ("name = \"spam\"", "name = \"spam\"\ndisposition = \"disqualified\""),
    ("name  = \"won\"", "name = \"won over\""),
    ("stage = \"opportunity\"\n", "\n[[status]]\nname = \"x\"\nstage = \"opportunity\"\n"),
    ("disposition = \"recycled\"", "disposition = \"disqualified\""),
    ("[calendars.office]\ntimezone = \"America/Sao_Paulo\"", "[calendars.office]\ntimezone = \"America/Bahia\""),
    ("\"09:00-12:00\", \"13:00-18:00\"", "\"09:00-12:00\", \"13:00-18:30\""),
    ("fri = [\"22:00-06:00\"]", "sat = [\"22:00-06:00\"]"),
    ("\"2026-12-24\" = [\"09:00-13:00\"]", "\"2026-12-24\" = [\"09:00-12:00\"]"),
    (", \"2026-12-31\" = []", ""),
    ("\"2026-11-20\", ", ""),
    (", \"2030-11-20\"", ""),
    ("\"holidays.ics\", ", ""),
    ("holidays = [\"2025-07-04\"]", ""),
    ("name        = \"disposition\"", "name = \"another\""),
    ("promised_by = \"Sales\"", "promised_by = \"Inside_Sales\""),
    ("promise     = \"Every lead is", "promise = \"Most leads are"),
    ("calendar    = \"office\"", "calendar = \"us_desk\""),
    ("start       = { on = \"assigned\" }", "start = { on = \"created\" }"),
    ("stop        = { disposition = \"any\" }", "stop = { disposition = [\"qualified\"] }"),
    ("status = [\"on_hold\"], at_most", "status = [\"working\"], at_most"),
    (", at_most = \"5 business days\"", ""),
    ("promise     = \"Worth it\"", ""),
    ("promise     = \"In the long run\"", "promise = \"Soon\""),
    ("at_most = \"5 business days\"", "at_most = \"6 business days\""),
    ("pause       = ", "# "),
    ("deleted = true, merged = false", "deleted = false, merged = false"),
    ("deleted = true, merged = false", "deleted = true, merged = true"),
    ("status = [\"spam\"]", "status = [\"parked\"]"),
    ("on_reassign = \"continue\"", "on_reassign = \"restart\""),
    ("reopen      = \"new_cycle\"", "reopen = \"ignore\""),
    ("reopen      = \"new_cycle\"", "reopen = \"continue\""),
    ("points      = { met = 10, met_in_half = 15, breached = -5 }", ""),
    ("met = 10", "met = 11"),
    ("met = 10", "met = -10"),
    (", met_in_half = 15", ""),
    ("breached = -5", "breached = -1"),
    ("name   = \"hot\"", "name = \"warm\""),
    ("source = [\"webinar\"], score", "score"),
    ("at_least = 80", "above = 80"),
    ("at_least = 80", "at_least = 81"),
    ("within = \"4 business hours\"", "within = \"4 hours\""),
    ("by   = \"respond_by\"", "by = \"other\""),
    ("not = [\"br\", \"ar\"]", "not = [\"br\"]"),
    ("source = { not = \"partner\" }, ", ""),
    ("team = \"north\"", "team = \"south\""),
    ("\"end of 2 business days\"\n  calendar = \"us_desk\"", "\"end of 2 business days\""),
    ("\"end of 2 business days\"\n  calendar", "\"end of 3 business days\"\n  calendar"),
    ("[\"ana\", \"irene\"], status = \"new\"", "[\"ana\", \"irene\"], status = \"working\""),
    ("stage = \"marketing_qualified\", size", "stage = \"customer\", size"),
    ("above = 10, ", ""),
    ("at_most = 250.5", "below = 250.5"),
    (", channel = [\"web\", 4]", ", channel = [\"web\", 5]"),
    ("team = { present = false }", "team = { present = true }"),
    ("owner = { not = [\"bot\"] }, ", ""),
    ("below = 1000, present = true", "below = 1000"),
    (", phone = { present = false }", ""),
    ("stage = { not = \"customer\" }", "stage = { not = \"lead\" }"),
    (", plan = { not = \"free\" }", ", plan = { not = [\"free\", \"test\"] }"),
    ("within = \"8 weeks\"", "within = \"8 days\""),
    ("  [[sla.reminder]]\n  at = \"50%\"\n", ""),
    ("at = \"30 business minutes before\"", "at = \"30 minutes before\""),
    ("at = \"12.5%\"", "at = \"12.4%\""),
    ("after  = \"0 hours\"", "after = \"1 minute\""),
    ("notify = [\"manager\", \"owner\"]", "notify = [\"manager\"]"),
    ("  action = \"reassign\"\n", ""),
    ("on = [\"created\", \"opportunity\"]", "on = [\"created\", \"assigned\"]"),
    ("status = [\"working\"], stage", "status = [\"new\"], stage"),
    (", opportunity = true", ""),
    ("recur       = { activity = [\"call\", \"meeting\"] }", ""),
    ("[\"call\", \"meeting\"]", "\"any\""),
    ("retarget    = \"on_change\"", ""),
    ("stop        = { activity = \"any\", ", "stop = { activity = \"mail\", "),
    ("count       = { created = true }", "count = { stage = \"lead\" }"),
    ("at_least    = 400", "at_least = 401"),
    ("every       = \"month\"", "every = \"year\""),
    ("remind      = [\"50%\", \"80%\"]", "remind = [\"50%\"]"),
    ("sum = \"pipeline_value\"", "sum = \"value\""),
];

/// No construct may be left out: whatever changes the fingerprint changes the text, and is told as a change.
#[test]
fn whatever_changes_the_policy_changes_the_document_and_is_told() {
    let text = read_everything();
    let base = parse(&text);
    let without_fingerprint = |policy: &Policy, lang| {
        let version = &policy.versions[0];
        alone(policy, lang).plain().replace(&version.fingerprint, "")
    };
    for (from, to) in CHANGES {
        assert!(text.contains(from), "{from:?} is not in the policy");
        let changed = parse(&text.replacen(from, to, 1));
        let (was, is) = (&base.versions[0], &changed.versions[0]);
        assert_ne!(was.fingerprint, is.fingerprint, "{from} -> {to}");
        for lang in BOTH {
            assert_ne!(without_fingerprint(&base, lang), without_fingerprint(&changed, lang), "{from} -> {to}");
            let document =
                written_agreement::document(Edition { version: is, number: (2, 2), before: Some(was) }, lang);
            let told = document.sections[1].blocks.iter().any(|block| matches!(block, Block::List { .. }));
            assert!(told, "{from} -> {to} is not told as a change");
        }
    }
}

#[test]
fn games_are_named_with_their_thresholds() {
    let watched =
        "\n[watch]\nping_pong = { more_than = 3 }\nmass_disposition = { more_than = 20, within = \"10 minutes\" }\n";
    let (was, is) = (parse(&read_everything()), parse(&(read_everything() + watched)));
    for (lang, expected) in [
        (
            Lang::En,
            [
                "changes its representative more than 3 times within one clock.",
                "one representative disqualifies more than 20 leads within 10 minutes.",
            ],
        ),
        (
            Lang::Es,
            [
                "cambia de comercial más de 3 veces dentro de un mismo plazo.",
                "un comercial descarta más de 20 leads en 10 minutos.",
            ],
        ),
    ] {
        let edition = Edition { version: &is.versions[0], number: (2, 2), before: Some(&was.versions[0]) };
        let document = written_agreement::document(edition, lang);
        for sentence in expected {
            assert_eq!(document.plain().matches(sentence).count(), 2, "where it stands, and as a change: {sentence}");
        }
        holds_its_text(&document);
    }
}

#[test]
fn nothing_is_told_as_changed_where_nothing_changed() {
    let text = read_everything();
    let later = text.replace("2026-07-01", "2026-08-01");
    let (was, is) = (parse(&text), parse(&later));
    for lang in BOTH {
        let edition = Edition { version: &is.versions[0], number: (2, 2), before: Some(&was.versions[0]) };
        let document = written_agreement::document(edition, lang);
        assert!(document.sections[1].blocks.iter().all(|block| matches!(block, Block::Text { .. })), "{lang:?}");
    }
}

#[test]
fn the_document_lacks_what_the_check_warns_of() {
    let text = read_everything();
    let pieces = [
        "between        = [\"Marketing\", \"Sales\", \"Inside_Sales\"]\n",
        "promised_by = \"Sales\"\n",
        "promise     = \"Nobody is forgotten\"\n",
        "promised_by = \"Marketing\"\n",
        "promise     = \"Somebody calls\"\n",
    ];
    for chosen in 0..1_u32 << pieces.len() {
        let mut short = text.clone();
        for (at, piece) in pieces.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1) {
            assert!(short.contains(piece), "{at}");
            short = short.replacen(piece, "", 1);
        }
        let policy = parse(&short);
        assert_eq!(policy.warnings.len(), chosen.count_ones() as usize, "{:?}", policy.warnings);
        for lang in BOTH {
            assert_eq!(alone(&policy, lang).missing(), policy.warnings.len());
        }
    }
}

/// The words of a text, whatever its spacing.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// What a reader of the rendered Markdown sees; the marks of lists and tables are no text.
fn seen_in_markdown(text: &str) -> String {
    let mut seen = String::new();
    let mut link = 0;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Mark::Text(text) | Mark::Code(text) => seen.push_str(&text),
            Mark::SoftBreak | Mark::HardBreak => seen.push(' '),
            Mark::Html(html) | Mark::InlineHtml(html) => panic!("text became HTML: {html}"),
            Mark::Start(Tag::Link { .. } | Tag::Image { .. }) => link += 1,
            Mark::End(TagEnd::Strong | TagEnd::Emphasis | TagEnd::Link | TagEnd::Image) => {}
            Mark::End(_) => seen.push('\n'),
            _ => {}
        }
    }
    assert_eq!(link, 0, "no text becomes a link");
    seen
}

/// The text of the page's body; it is well-formed XML too.
fn seen_in_html(page: &str) -> String {
    let mut reader = Reader::from_str(page);
    let mut seen = String::new();
    let mut in_body = false;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{page}")) {
            Xml::Start(tag) => {
                let name = tag.name().into_inner();
                in_body |= name == "body";
                assert_ne!(name, "script");
                if name != "strong" && name != "span" {
                    seen.push('\n');
                }
            }
            Xml::Text(text) if in_body => seen.push_str(&text.into_inner()),
            Xml::GeneralRef(name) if in_body => {
                let name = name.into_inner();
                let code = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
                match code {
                    Some(code) => seen.extend(code.ok().and_then(char::from_u32)),
                    None => seen.push_str(
                        quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_else(|| panic!("{name}")),
                    ),
                }
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    seen
}

/// Labels have a colon in both forms.
fn with_colons(document: &Document) -> Document {
    let mut document = document.clone();
    for section in &mut document.sections {
        for block in &mut section.blocks {
            match block {
                Block::Text { line } => colon(line),
                Block::List { lines } | Block::Steps { lines } => lines.iter_mut().for_each(colon),
                Block::Table { .. } | Block::Signatures { .. } => {}
            }
        }
    }
    document
}

fn colon(line: &mut written_agreement::Line) {
    if !line.label.is_empty() {
        line.label.push(':');
    }
}

fn holds_its_text(document: &Document) {
    let mut in_markdown = with_colons(document);
    in_markdown.facts.iter_mut().for_each(colon);
    let markdown = written_agreement::markdown(document);
    assert_eq!(words(&seen_in_markdown(&markdown)), words(&in_markdown.plain()), "{markdown}");
    let page = written_agreement::html(document).expect("a page");
    assert_eq!(words(&seen_in_html(&page)), words(&with_colons(document).plain()), "{page}");
    assert!(!page.contains("http") && !page.contains("src="), "the page needs no network");
}

#[test]
fn both_forms_hold_the_whole_text_and_no_other() {
    for policy in [everything(), root().join("deploy/policy/en"), root().join("deploy/policy/es")] {
        let policy = load(&policy);
        for lang in BOTH {
            holds_its_text(&latest(&policy, lang));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Names may be any text: none becomes markup, none is lost.
    #[test]
    fn no_name_becomes_markup(name in "[ -~áñ€“]{1,24}", status in "[!-~]{1,12}", kind in "\\PC{1,8}") {
        // Space at the ends is no text.
        let name = name.trim().to_owned();
        let quoted = |text: &str| format!("{text:?}").replace("\\'", "'").replace("\\u{", "?{");
        prop_assume!(kind != "any" && !kind.trim().is_empty() && status != "new" && !name.is_empty());
        prop_assume!(kind.chars().all(|sign| !sign.is_control() && !sign.is_whitespace() || sign == ' '));
        let text = format!(
            "[agreement]\nname = {n}\neffective_from = \"2026-01-01T00:00:00Z\"\nbetween = [{n}, {s}]\ntimezone = \"UTC\"\n\
             [[status]]\nname = \"new\"\n[[status]]\nname = {s}\n[calendars.{n}]\ntimezone = \"UTC\"\nweekly = {{ mon = \"09:00-10:00\" }}\n\
             [[sla]]\nname = {n}\npromised_by = {s}\npromise = {n}\nstart = {{ on = \"created\" }}\nstop = {{ status = {s}, activity = [{k}] }}\n\
             [[sla.target]]\nname = {n}\nwhen = {{ {n} = {s} }}\nwithin = \"1 hour\"\n[[sla.target]]\nwithin = \"2 hours\"\n\
             [[sla.escalation]]\nafter = \"0 hours\"\nnotify = [{n}]\n",
            n = quoted(&name), s = quoted(&status), k = quoted(&kind),
        );
        let Ok(policy) = policy::parse("p.toml", &text, &|_| Err(std::io::ErrorKind::NotFound.into())) else {
            return Err(TestCaseError::reject("names that TOML or the policy refuses"));
        };
        for lang in BOTH {
            holds_its_text(&alone(&policy, lang));
        }
    }
}

#[test]
fn what_changed_can_be_asked_of_any_version() {
    let folder = "tests/data/agreement/everything";
    let first = format!("{folder}/1-first.toml");
    let policy = load(&everything());
    let fingerprint = policy.versions[0].fingerprint.as_str();
    let of = |since: &[&str]| {
        let output = plazo(&[&["agreement", "--policy", folder], since].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let default = of(&[]);
    assert!(default.contains("What changed since"), "the version before, without asking");
    for since in [first.as_str(), "1", &fingerprint[..8], "2026-01-01T00:00:00-03:00"] {
        assert_eq!(of(&["--since", since]), default, "{since}");
    }
    assert!(of(&["--since", "2"]).contains("Nothing that is promised changed"));
    let oldest = of(&["--at", "2026-02-01T00:00:00Z"]);
    assert!(oldest.contains("1 of 2") && !oldest.contains("What changed since"));
    for wrong in ["3", "1234", "2026-01-02T00:00:00Z", "nowhere.toml"] {
        let output = plazo(&["agreement", "--policy", folder, "--since", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(fingerprint), "{output:?}");
    }
    let output = plazo(&["agreement", "--policy", folder, "--at", "2020-01-01T00:00:00Z"]);
    assert_eq!(output.status.code(), Some(2));
    let output = plazo(&["agreement", "--policy", "tests/data/incident_log/columns.toml"]);
    assert_eq!(output.status.code(), Some(1), "a policy at fault");
}
