//! Refusals at the edges: limits, and faults that must not follow from others.

use std::io;

use plazo::policy::parse;

const POLICY: &str = r#"[agreement]
name = "Edges"
effective_from = "2026-01-01T00:00:00Z"
between = ["Marketing", "Sales"]
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "done"
disposition = "qualified"
[calendars.office]
timezone = "America/Sao_Paulo"
weekly = { mon = ["09:00-18:00"], tue = ["09:00-18:00"] }
[[sla]]
name = "disposition"
promised_by = "Sales"
promise = "Every lead is looked at"
calendar = "office"
start = { on = "created" }
stop = { disposition = "any" }
  [[sla.target]]
  when = { source = ["web", "event"] }
  within = "1 hour"
  [[sla.target]]
  when = { region = "us" }
  within = "3 hours"
  [[sla.target]]
  within = "2 business days"
  [[sla.reminder]]
  at = "50%"
"#;

fn no_files(_: &str) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

fn faults(text: &str) -> Vec<String> {
    let found = parse("p.toml", text, &no_files).map(|_| Vec::new()).unwrap_or_else(|faults| faults.0);
    found.iter().map(ToString::to_string).collect()
}

fn with(changes: &[(&str, &str)]) -> Vec<String> {
    let text = changes.iter().fold(POLICY.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in the policy");
        text.replace(old, new)
    });
    faults(&text)
}

#[test]
fn a_reminder_more_than_ten_years_before_is_refused() {
    assert_eq!(with(&[("50%", "3652 days before")]), [""; 0]);
    assert_eq!(with(&[("50%", "3653 days before")]), ["p.toml:30:8: \"3653 days before\" is more than 10 years"]);
    assert_eq!(with(&[("50%", "9000 business days before")]).len(), 1);
}

#[test]
fn a_promise_that_ends_beyond_the_years_of_its_calendar_is_refused() {
    let late = with(&[("2026-01-01", "2199-01-01"), ("2 business days", "2600 business days")]);
    assert_eq!(late.len(), 1, "{late:?}");
    assert!(late[0].starts_with("p.toml:28:12: \"2600 business days\" from 2199-01-01T00:00:00Z"), "{late:?}");
    assert_eq!(with(&[("2026-01-01", "2199-01-01")]), [""; 0]);
    assert_eq!(with(&[("2026-01-01", "9999-01-01")]).len(), 1);
}

#[test]
fn a_version_from_before_1970_or_without_a_start_is_looked_at_from_1970_on() {
    assert_eq!(with(&[("2026-01-01", "1950-01-01")]), [""; 0]);
    assert_eq!(with(&[("2026-01-01", "1950-01-01"), ("2 business days", "2600 business days")]).len(), 1);
    let missing = with(&[("effective_from = \"2026-01-01T00:00:00Z\"\n", "")]);
    assert_eq!(missing.len(), 1, "{missing:?}");
}

#[test]
fn the_order_of_words_makes_no_other_condition() {
    let again = "an earlier target has the same `when`, so this one is never reached";
    assert_eq!(with(&[("region = \"us\"", "source = [\"event\", \"web\"]")]), [format!("p.toml:24:3: {again}")]);
    assert_eq!(with(&[("region = \"us\"", "source = \"web\"")]), [""; 0]);
    let neither = with(&[
        ("source = [\"web\", \"event\"]", "source = { not = [\"a\", \"b\"] }"),
        ("region = \"us\"", "source = { not = [\"b\", \"a\", \"b\"] }"),
    ]);
    assert_eq!(neither, [format!("p.toml:24:3: {again}")]);
}

#[test]
fn conditions_with_faults_of_their_own_are_not_also_the_same() {
    let found = with(&[("{ source = [\"web\", \"event\"] }", "3"), ("{ region = \"us\" }", "4")]);
    assert_eq!(
        found,
        [
            "p.toml:22:10: expected a table (when), found the number 3",
            "p.toml:25:10: expected a table (when), found the number 4",
        ]
    );
}

#[test]
fn a_number_of_a_missing_attribute_is_refused() {
    for bound in ["at_least", "at_most", "above", "below"] {
        let found = with(&[("\"us\"", &format!("{{ present = false, {bound} = 5 }}"))]);
        let expected = "p.toml:25:21: a lead without the attribute has no number, so none could match";
        assert_eq!(found, [expected], "{bound}");
        assert_eq!(with(&[("\"us\"", &format!("{{ present = true, {bound} = 5 }}"))]), [""; 0]);
    }
    assert_eq!(with(&[("\"us\"", "{ present = false, not = \"us\" }")]), [""; 0]);
}

#[test]
fn statuses_beyond_what_can_be_counted_are_one_fault_and_no_panic() {
    let many = |more: usize| {
        let list: String = (0..more).map(|index| format!("[[status]]\nname = \"s{index}\"\n")).collect();
        faults(&POLICY.replace("[calendars.office]", &format!("{list}[calendars.office]")))
    };
    assert_eq!(many(65_533), [""; 0]);
    assert_eq!(many(65_534), ["p.toml:6:1: more than 65,535 statuses"]);
    assert_eq!(many(65_600).len(), 1);
}
