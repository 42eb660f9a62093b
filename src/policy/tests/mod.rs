//! What a policy may say, what is refused, and where the fault is told.

mod kept;
mod parts;
mod refusals;

use std::fs;
use std::io;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

/// A small policy with a bit of everything. Cases replace parts of it, on one line, so that line numbers stay.
const WHOLE: &str = r#"[agreement]
name = "Test"
effective_from = "2026-01-01T00:00:00Z"
between = ["Marketing", "Sales"]
timezone = "Europe/Madrid"

[[status]]
name = "new"
[[status]]
name = "waiting"
stage = "sales_accepted"
[[status]]
name = "done"
disposition = "qualified"

[calendars.office]
timezone = "Europe/Madrid"
weekly = { mon = ["09:00-18:00"], tue = ["09:00-18:00"] }
dates = { "2026-12-24" = ["09:00-13:00"] }
holidays = ["2026-12-25"]

[[sla]]
name = "disposition"
promised_by = "sales"
promise = "Every lead is looked at"
calendar = "office"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["waiting"], at_most = "5 business days" }
cancel = { deleted = true }
on_reassign = "continue"
reopen = "new_cycle"
retarget = "never"
points = { met = 10, met_in_half = 15, breached = -5 }
  [[sla.target]]
  when = { score = { at_least = 80 } }
  within = "4 business hours"
  [[sla.target]]
  when = { respond_by = { present = true } }
  by = "respond_by"
  [[sla.target]]
  within = "2 business days"
  [[sla.reminder]]
  at = "50%"
  [[sla.reminder]]
  at = "30 business minutes before"
  [[sla.escalation]]
  after = "0 hours"
  notify = ["owner"]
  [[sla.escalation]]
  after = "4 business hours"
  notify = ["manager"]
  action = "reassign"

[[commitment]]
name = "leads"
promised_by = "marketing"
count = { created = true }
at_least = 200
every = "month"
remind = ["50%", "80%"]
"#;

fn no_files(name: &str) -> io::Result<String> {
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no {name} here")))
}

fn faults(text: &str) -> Vec<String> {
    match parse("p.toml", text, &no_files) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

fn with(old: &str, new: &str) -> String {
    assert_eq!(WHOLE.matches(old).count(), 1, "{old:?} stands once in the policy");
    WHOLE.replace(old, new)
}

fn version(text: &str) -> Version {
    parse("p.toml", text, &no_files).unwrap_or_else(|faults| panic!("{faults}")).versions.remove(0)
}

#[test]
fn what_the_agreement_would_lack_is_a_warning() {
    let bare = with("promised_by = \"sales\"\n", "").replace("promise = \"Every lead is looked at\"\n", "");
    let bare = bare.replace("between = [\"Marketing\", \"Sales\"]\n", "");
    let policy = parse("p.toml", &bare, &no_files).expect("a policy");
    let told: Vec<String> = policy.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "p.toml:1:1: `between` is missing: the written agreement would not name its parties",
            "p.toml:21:1: `promise` is missing: the written agreement would lack it",
            "p.toml:21:1: `promised_by` is missing: the written agreement would lack it",
        ]
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    let mut text = WHOLE.to_owned();
    for line in ["pause = { status = [\"waiting\"], at_most = \"5 business days\" }", "cancel = { deleted = true }"]
        .into_iter()
        .chain(["on_reassign = \"continue\"", "reopen = \"new_cycle\"", "retarget = \"never\""])
        .chain(["points = { met = 10, met_in_half = 15, breached = -5 }"])
    {
        assert!(text.contains(line));
        text = text.replace(line, "");
    }
    let sla = version(&text).slas.remove(0);
    assert_eq!((sla.on_reassign, sla.reopen, sla.retarget), (OnReassign::Continue, Reopen::NewCycle, false));
    assert_eq!((sla.pause, sla.points), (None, None));
    assert!(sla.cancel.deleted && sla.cancel.merged && sla.cancel.status.is_empty());
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark_and_have_windows_line_ends() {
    let windows = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
    assert_eq!(faults(&windows), [""; 0]);
    assert_eq!(version(&windows).fingerprint, version(WHOLE).fingerprint);
    let faulty = windows.replace("\"reassign\"", "\"resign\"");
    assert_eq!(
        faults(&faulty),
        ["p.toml:53:12: unknown action \"resign\"; expected reassign (did you mean \"reassign\"?)"]
    );
}

fn condition(when: &str) -> Test {
    let sla = version(&with("{ score = { at_least = 80 } }", &format!("{{ x = {when} }}"))).slas.remove(0);
    sla.targets[0].when[0].test.clone()
}

/// SEMANTICS 12.25.
#[test]
fn words_compare_by_text_and_bounds_by_number() {
    let cases: [(&str, &[&str], &[&str]); 12] = [
        ("\"4\"", &["4"], &["4.0", " 4", "", "five"]),
        ("4", &["4"], &["4.0", "04"]),
        ("1_000", &["1000"], &["1_000"]),
        ("true", &["true"], &["True", "1"]),
        ("[\"web\", 7]", &["web", "7"], &["Web", "web,7"]),
        ("{ at_least = 80 }", &["80", "80.0", "8e1", " 90 "], &["79.99", "high", "", "NaN", "inf"]),
        ("{ at_most = 80 }", &["80", "-1"], &["80.01", "-inf", "low"]),
        ("{ above = 80, below = 90 }", &["80.5"], &["80", "90"]),
        ("{ not = \"web\" }", &["fair", "", "Web"], &["web"]),
        ("{ not = [\"web\", \"fair\"], at_least = 1 }", &["2"], &["fair", "0", "other"]),
        ("{ present = true }", &["", "anything"], &[]),
        ("{ present = false }", &[], &["", "anything"]),
    ];
    for (when, yes, no) in cases {
        let test = condition(when);
        assert!(yes.iter().all(|value| test.matches(Some(value))), "{when} matches {yes:?}");
        assert!(no.iter().all(|value| !test.matches(Some(value))), "{when} does not match {no:?}");
    }
}

#[test]
fn an_absent_attribute_matches_only_not_and_present_false() {
    for when in ["{ not = \"web\" }", "{ present = false }", "{ present = false, not = \"web\" }"] {
        assert!(condition(when).matches(None), "{when}");
    }
    let others = ["\"web\"", "{ at_least = 1 }", "{ below = 1 }", "{ present = true }"];
    for when in others.into_iter().chain(["{ not = \"web\", present = true }", "{ not = \"web\", above = 1 }"]) {
        assert!(!condition(when).matches(None), "{when}");
    }
}

#[test]
fn writing_the_same_in_another_way_keeps_the_fingerprint() {
    let before = version(WHOLE).fingerprint;
    let (head, slas) = WHOLE.split_once("[[sla]]").expect("SLAs");
    let (agreement, lifecycle) = head.split_once("[[status]]").expect("statuses");
    let (statuses, calendars) = lifecycle.split_once("[calendars.office]").expect("calendars");
    let calendars = format!("[calendars.office]{calendars}");
    let second = "[calendars.home]\ntimezone = \"UTC\"\nweekly = { mon = [\"10:00-11:00\"] }\n";
    let mut same = vec![
        WHOLE.replace(" = ", "   =  "),
        WHOLE.replace('\n', "  # a word\n"),
        format!("{calendars}\n[[status]]{statuses}\n{agreement}\n[[sla]]{slas}"),
        WHOLE.replace("= 80 ", "= 80.0 "),
        WHOLE.replace("\"2026-12-25\"", "2026-12-25"),
        with("\"2026-01-01T00:00:00Z\"", "2026-01-01T01:00:00+01:00"),
        with("name = \"disposition\"\npromised_by = \"sales\"", "promised_by = \"sales\"\nname = \"disposition\""),
        with("met = 10, met_in_half = 15", "met_in_half = 15, met = 10"),
        with("mon = [\"09:00-18:00\"], tue = [\"09:00-18:00\"]", "tue = [\"09:00-18:00\"], mon = \"09:00:00-18:00\""),
    ];
    for text in same.drain(..) {
        assert_eq!(version(&text).fingerprint, before, "{text}");
    }
    let two = version(&format!("{agreement}\n[[status]]{statuses}\n{calendars}\n{second}\n[[sla]]{slas}"));
    let turned = version(&format!("{agreement}\n[[status]]{statuses}\n{second}\n{calendars}\n[[sla]]{slas}"));
    assert_eq!(two.fingerprint, turned.fingerprint);
    assert_ne!(two.fingerprint, before);
}

#[test]
fn saying_something_else_changes_the_fingerprint() {
    let changes = [
        ("within = \"2 business days\"", "within = \"3 business days\""),
        ("within = \"4 business hours\"", "within = \"4 hours\""),
        ("at_least = 80", "at_least = 81"),
        ("[\"2026-12-25\"]", "[\"2026-12-25\", \"2026-12-28\"]"),
        ("[\"09:00-13:00\"]", "[\"09:00-12:00\"]"),
        ("tue = [\"09:00-18:00\"]", "tue = [\"09:00-18:30\"]"),
        ("[calendars.office]\ntimezone = \"Europe/Madrid\"", "[calendars.office]\ntimezone = \"Europe/Paris\""),
        ("timezone = \"Europe/Madrid\"\n\n", "timezone = \"UTC\"\n\n"),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("disposition = \"qualified\"", "disposition = \"recycled\""),
        ("[\"waiting\"]", "[\"new\"]"),
        ("deleted = true", "deleted = false"),
        ("\"continue\"", "\"restart\""),
        ("\"new_cycle\"", "\"ignore\""),
        ("\"never\"", "\"on_change\""),
        ("breached = -5", "breached = -6"),
        ("at = \"50%\"", "at = \"51%\""),
        ("notify = [\"manager\"]", "notify = [\"director\"]"),
        ("  action = \"reassign\"\n", ""),
        ("at_least = 200", "at_least = 201"),
        ("Every lead is looked at", "Every lead is seen"),
    ];
    let before = version(WHOLE).fingerprint;
    for (old, new) in changes {
        assert_ne!(version(&with(old, new)).fingerprint, before, "{new}");
    }
}

/// A directory of files, and what loading it gives: versions in order, or faults without the directory's name.
fn loaded(files: &[(&str, &str)]) -> Result<Policy, Vec<String>> {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    match load(folder.path()) {
        Ok(policy) => Ok(policy),
        Err(LoadError::Faults(faults)) => {
            let place = format!("{}/", folder.path().display());
            Err(faults.0.iter().map(|fault| fault.to_string().replace(&place, "")).collect())
        }
        Err(error) => panic!("{error}"),
    }
}

fn from(date: &str) -> String {
    with("2026-01-01T00:00:00Z", &format!("{date}T00:00:00Z"))
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

#[test]
fn versions_of_a_directory_are_in_force_in_turn_whatever_their_file_names() {
    let renamed = from("2027-01-01").replace("\"disposition\"", "\"follow_up\"");
    let files = [("a.toml", from("2026-07-01")), ("b.toml", from("2026-01-01")), ("c.toml", renamed)];
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    files.extend([("notes.txt", "[[["), ("holidays.ics", "none"), (".toml.swp", "\u{1}")]);
    let policy = loaded(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let begin: Vec<String> = policy.versions.iter().map(|version| version.effective_from.to_string()).collect();
    assert_eq!(begin, ["2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
    let families: Vec<_> = policy.families.iter().map(|family| (family.name.as_str(), &*family.by_version)).collect();
    assert_eq!(families, [("disposition", &[Some(0), Some(0), None][..]), ("follow_up", &[None, None, Some(0)][..])]);
    // SEMANTICS 12.36: from `effective_from` on, inclusive; 12.22: words before all are those of the oldest.
    assert_eq!(policy.in_force(instant("2026-06-30T23:59:59.999Z")), Some(0));
    assert_eq!(policy.in_force(instant("2026-07-01T00:00:00Z")), Some(1));
    assert_eq!(policy.in_force(instant("2025-12-31T23:59:59.999Z")), None);
    assert_eq!(policy.words_at(instant("2020-01-01T00:00:00Z")), 0);
    assert_eq!(policy.words_at(instant("2026-08-01T00:00:00Z")), 1);
    let replayed = policy.from_the_beginning();
    assert_eq!(replayed.in_force(instant("2020-01-01T00:00:00Z")), Some(0));
    assert_eq!(replayed.versions[0].effective_from_written, instant("2026-01-01T00:00:00Z"));
}

#[test]
fn versions_that_begin_together_are_refused() {
    let (one, other) = (from("2026-01-01"), WHOLE.replace("\"2026-01-01T00:00:00Z\"", "2026-01-01T01:00:00+01:00"));
    assert_eq!(
        loaded(&[("a.toml", &one), ("b.toml", &other)]).map(|_| ()),
        Err(vec![
            "b.toml:3:18: in force from 2026-01-01T00:00:00Z, as a.toml is; no two versions begin together".into()
        ])
    );
}

#[test]
fn faults_of_all_files_are_told_at_once() {
    let faulty = WHOLE.replace("\"reassign\"", "\"resign\"");
    assert_eq!(
        loaded(&[("a.toml", &faulty), ("b.toml", "x = \n"), ("c.toml", WHOLE), ("d.toml", WHOLE)]).map(|_| ()),
        Err(vec![
            "a.toml:53:12: unknown action \"resign\"; expected reassign (did you mean \"reassign\"?)".into(),
            "b.toml:1:5: this is no TOML: string values must be quoted, expected literal string".into(),
            "d.toml:3:18: in force from 2026-01-01T00:00:00Z, as c.toml is; no two versions begin together".into(),
        ])
    );
    assert_eq!(loaded(&[]).map(|_| ()).map_err(|faults| faults.len()), Err(1));
}

#[test]
fn a_file_that_is_no_text_is_a_fault_with_its_place() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("p.toml");
    fs::write(&file, b"[agreement]\nname = \"caf\xe9\"\n").expect("a file");
    let error = load(&file).expect_err("a fault");
    assert!(error.to_string().ends_with("p.toml:2:12: expected a text in UTF-8, found other bytes"), "{error}");
    assert!(matches!(load(&folder.path().join("none.toml")), Err(LoadError::Io { .. })));
}

#[test]
fn calendars_are_read_from_a_whole_policy_or_alone() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("p.toml");
    let alone = "[calendars.a]\ntimezone = \"UTC\"\nweekly = { mon = \"09:00-18:00\" }\nholidays = \"h.ics\"\n";
    for (text, names) in [(WHOLE, vec!["office"]), (alone, vec!["a"]), ("", vec![])] {
        fs::write(&file, text).expect("a file");
        fs::write(folder.path().join("h.ics"), "BEGIN:VCALENDAR\nEND:VCALENDAR\n").expect("a file");
        let found = load_calendars(&file).expect("calendars");
        assert_eq!(found.iter().map(|known| known.0.as_str()).collect::<Vec<_>>(), names);
    }
    fs::write(&file, "[calender.a]\n").expect("a file");
    assert!(load_calendars(&file).expect_err("a fault").to_string().contains("did you mean \"calendars\"?"));
}

const SHIPPED: [(&str, &str); 2] = [
    (
        include_str!("../../../deploy/policy/en/agreement.toml"),
        include_str!("../../../deploy/policy/en/us-holidays.ics"),
    ),
    (include_str!("../../../deploy/policy/es/acuerdo.toml"), include_str!("../../../deploy/policy/es/festivos.ics")),
];

/// A text with some of its characters deleted, doubled or replaced.
fn mutated(text: &str, changes: &[(prop::sample::Index, u8, char)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, kind, letter) in changes {
        if letters.is_empty() {
            break;
        }
        let at = place.index(letters.len());
        match kind % 3 {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, *letter),
            _ => letters[at] = *letter,
        }
    }
    letters.into_iter().collect()
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, char)>> {
    let letter = prop_oneof![
        prop::sample::select("0123456789\"'[]{}=.,-:+% \n\tTZ#é\u{0}".chars().collect::<Vec<_>>()),
        any::<char>()
    ];
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), letter), 1..6)
}

/// Faults stand within the file, and there is at least one where there is no policy.
fn read_without_panic(text: &str, holidays: &str) -> Result<(), TestCaseError> {
    if let Err(faults) = parse("p.toml", text, &|_| Ok(holidays.to_owned())) {
        prop_assert!(!faults.0.is_empty());
        let lines = text.matches('\n').count() + 1;
        prop_assert!(faults.0.iter().all(|fault| (1..=lines).contains(&fault.line) && fault.column >= 1));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", holidays in "\\PC{0,200}") {
        read_without_panic(&text, &holidays)?;
        let within = WHOLE.replace("4 business hours", &text.replace(['"', '\\'], ""));
        read_without_panic(&within, &format!("BEGIN:VCALENDAR\n{holidays}"))?;
    }

    #[test]
    fn no_slip_in_a_policy_makes_the_parser_panic(which in 0..SHIPPED.len(), slips in changes()) {
        let (policy, holidays) = SHIPPED[which];
        read_without_panic(&mutated(policy, &slips), holidays)?;
    }

    #[test]
    fn no_slip_in_a_holiday_file_makes_the_parser_panic(which in 0..SHIPPED.len(), slips in changes()) {
        let (_, holidays) = SHIPPED[which];
        let text = WHOLE.replace("[\"2026-12-25\"]", "[\"holidays.ics\"]");
        read_without_panic(&text, &mutated(holidays, &slips))?;
    }
}
