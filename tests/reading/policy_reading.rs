//! What the policy's text becomes, and what is refused where.

use std::fs;
use std::io;

use proptest::prelude::*;

use plazo::calendar::Duration;
use plazo::policy::*;
use plazo::time::Timestamp;

const ICS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                   DTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// Everything that a policy can say. Cases below replace a part of it.
const WHOLE: &str = r#"
[agreement]
name           = "Lead management SLA"
effective_from = "2026-12-01T00:00:00-03:00"
between        = ["Marketing", "Sales"]
timezone       = "America/Sao_Paulo"

[[status]]
name = "new"
[[status]]
name = "working"
stage = "sales_accepted"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
stage = "sales_qualified"
disposition = "qualified"
[[status]]
name = "unsuitable"
disposition = "disqualified"
[[status]]
name = "nurture"
disposition = "recycled"

[calendars.office]
timezone = "Europe/Madrid"
weekly   = { mon = ["09:00-12:00", "13:00-18:00"], tue = "09:00-18:00", fri = ["22:00-06:00"] }
dates    = { "2026-12-24" = ["09:00-13:00"], "2026-12-26" = [] }
holidays = ["holidays.ics", "2026-11-20"]

[[sla]]
name        = "disposition"
promised_by = "sales"
promise     = "Every new lead is qualified, disqualified or sent back in time"
calendar    = "office"
start       = { on = "assigned" }
stop        = { disposition = "any" }
pause       = { status = ["on_hold"], at_most = "5 business days" }
cancel      = { merged = false, status = "nurture" }
on_reassign = "restart"
reopen      = "ignore"
retarget    = "on_change"
recur       = { activity = ["call"] }
points      = { met = 10, met_in_half = 15, breached = -5 }

  [[sla.target]]
  name   = "hot"
  when   = { source = ["webinar", "demo_request"], score = { at_least = 80 } }
  within = "4 business hours"
  [[sla.target]]
  when   = { respond_by = { present = true } }
  by     = "respond_by"
  [[sla.target]]
  within = "2 business days"

  [[sla.reminder]]
  at = "50%"
  [[sla.reminder]]
  at = "30 business minutes before"

  [[sla.escalation]]
  after  = "0 hours"
  notify = "owner"
  [[sla.escalation]]
  after  = "4 business hours"
  notify = ["manager"]
  action = "reassign"

[[sla]]
name        = "first_response"
promised_by = "sales"
promise     = "Every lead is called"
start       = { status = ["new"], stage = "sales_accepted" }
stop        = { activity = ["call", "email"], opportunity = true }
  [[sla.target]]
  within = "48 hours"

[[commitment]]
name        = "qualified leads"
promised_by = "marketing"
count       = { stage = "marketing_qualified" }
at_least    = 200
every       = "month"
remind      = ["50%", "80%"]
"#;

fn read(name: &str) -> io::Result<String> {
    if name == "holidays.ics" { Ok(ICS.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn parsed(text: &str) -> Policy {
    parse("p.toml", text, &read).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(text: &str) -> Vec<Fault> {
    parse("p.toml", text, &read).map(|_| Vec::new()).unwrap_or_else(|faults| faults.0)
}

fn changed(from: &str, to: &str) -> String {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from:?} stands once in the policy");
    WHOLE.replace(from, to)
}

/// Replaces `from` by `to`, in which `»` marks where the one fault must be found, saying `says`.
#[track_caller]
fn refused(from: &str, to: &str, says: &str) -> Fault {
    let marked = changed(from, to);
    let offset = marked.find('»').expect("a mark");
    let before = &marked[..offset];
    let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let found = faults(&marked.replace('»', ""));
    let [fault] = found.as_slice() else { panic!("expected one fault at {line}:{column}, found {found:#?}") };
    assert!(fault.message.contains(says), "expected {says:?} in {:?}", fault.message);
    assert_eq!((fault.line, fault.column), (line, column), "{fault}");
    fault.clone()
}

#[track_caller]
fn refused_with_hint(from: &str, to: &str, says: &str, hint: &str) {
    assert_eq!(refused(from, to, says).suggestion.as_deref(), Some(hint));
}

fn names(version: &Version, set: &StatusSet) -> Vec<String> {
    let indexes = version.lifecycle.statuses.iter().zip(0..);
    indexes.filter(|(_, index)| set.contains(Some(*index))).map(|(status, _)| status.name.clone()).collect()
}

#[test]
fn every_part_of_the_file_becomes_what_it_says() {
    let policy = parsed(WHOLE);
    assert_eq!(policy.warnings, []);
    let [version] = policy.versions.as_slice() else { panic!("one version") };
    assert_eq!(version.name, "Lead management SLA");
    assert_eq!(version.effective_from, Timestamp::parse("2026-12-01T03:00:00Z").unwrap());
    assert_eq!(version.between, ["Marketing", "Sales"]);
    assert_eq!(version.timezone, chrono_tz::America::Sao_Paulo);
    assert_eq!(names(version, &version.lifecycle.disposed), ["qualified", "unsuitable", "nurture"]);
    assert_eq!(version.lifecycle.find("on_hold"), Some(2));
    assert_eq!(version.lifecycle.find("ON_HOLD"), None);
    assert_eq!(version.lifecycle.stage(version.lifecycle.find("working")), Some(Stage::SalesAccepted));

    let spec = version.calendars[0].1.spec();
    assert_eq!(spec.weekly[0].len(), 2);
    assert_eq!(spec.weekly[1].len(), 1);
    assert_eq!(spec.dates.len(), 2);
    let holidays: Vec<String> = spec.holidays.iter().map(ToString::to_string).collect();
    assert_eq!(holidays, ["2026-11-20", "2026-12-25"]);

    let sla = &version.slas[0];
    assert_eq!(sla.start, Start { assigned: true, ..Start::default() });
    assert_eq!(names(version, &sla.stop.states), ["qualified", "unsuitable", "nurture"]);
    assert!(!sla.stop.by_act());
    let pause = sla.pause.as_ref().unwrap();
    assert_eq!(
        (names(version, &pause.status), &pause.at_most),
        (vec!["on_hold".to_owned()], &Some(Duration::BusinessDays(5)))
    );
    assert!(sla.cancel.deleted && !sla.cancel.merged);
    assert_eq!(names(version, &sla.cancel.status), ["nurture"]);
    assert_eq!((sla.on_reassign, sla.reopen, sla.retarget), (OnReassign::Restart, Reopen::Ignore, true));
    assert_eq!(sla.recur, Some(AnyOf::These(vec!["call".to_owned()])));
    assert_eq!(sla.points, Some(Points { met: 10, met_in_half: Some(15), breached: -5 }));
    let rungs: Vec<Rung> = sla.reminders.iter().map(|reminder| reminder.at.clone()).collect();
    assert_eq!(rungs, [Rung::Share { ppm: 500_000 }, Rung::Before(Duration::Open { ms: 30 * 60_000 })]);
    assert_eq!(sla.escalations[0].notify, ["owner"]);
    assert_eq!(sla.escalations[1].after, Duration::Open { ms: 4 * 3_600_000 });
    assert_eq!(sla.escalations[1].action.as_deref(), Some("reassign"));

    let other = &version.slas[1];
    assert_eq!(other.start.stages, [Stage::SalesAccepted]);
    assert_eq!(names(version, &other.start.status), ["new"]);
    assert_eq!(other.stop.activity, Some(AnyOf::These(vec!["call".to_owned(), "email".to_owned()])));
    assert!(other.stop.opportunity);
    assert_eq!((other.on_reassign, other.reopen, other.retarget), (OnReassign::Continue, Reopen::NewCycle, false));
    assert_eq!(other.cancel, Cancel { deleted: true, merged: true, status: StatusSet::default() });

    let commitment = &version.commitments[0];
    assert_eq!(commitment.count, Count::Stage(Stage::MarketingQualified));
    assert_eq!((commitment.at_least, commitment.every), (200.0, Period::Month));
    assert_eq!(commitment.remind, [("50%".to_owned(), 500_000), ("80%".to_owned(), 800_000)]);
}

#[test]
fn a_target_is_called_by_its_name_or_else_by_its_promise() {
    let policy = parsed(WHOLE);
    let labels: Vec<&str> = policy.versions[0].slas[0].targets.iter().map(|target| target.label.as_str()).collect();
    assert_eq!(labels, ["hot", "respond_by", "2 business days"]);
}

#[test]
fn a_schedule_is_in_its_calendars_zone_and_without_one_in_the_agreements() {
    let policy = parsed(WHOLE);
    let slas = &policy.versions[0].slas;
    assert_eq!(slas[0].targets[0].schedule.zone, chrono_tz::Europe::Madrid);
    assert_eq!(slas[1].targets[0].schedule.zone, chrono_tz::America::Sao_Paulo);
    assert!(slas[1].targets[0].schedule.calendar.is_none());
}

#[test]
fn a_targets_own_calendar_wins_over_the_slas() {
    let shop = "[calendars.shop]\ntimezone = \"Asia/Tokyo\"\nweekly = { sat = \"10:00-14:00\" }\n";
    let text = WHOLE
        .replace("[[commitment]]", &format!("{shop}[[commitment]]"))
        .replace("  within = \"2 business days\"", "  within = \"2 business days\"\n  calendar = \"shop\"");
    let policy = parsed(&text);
    let targets = &policy.versions[0].slas[0].targets;
    assert_eq!(targets[0].schedule.zone, chrono_tz::Europe::Madrid);
    assert_eq!(targets[2].schedule.zone, chrono_tz::Asia::Tokyo);
}

#[test]
fn numbers_and_truths_in_conditions_become_the_text_that_facts_are_compared_with() {
    let text = changed(r#"source = ["webinar", "demo_request"]"#, "source = [\"web\", 0x1F, 1_000, 2.5, true]");
    let when = &parsed(&text).versions[0].slas[0].targets[0].when;
    let source = when.iter().find(|condition| condition.key == Key::Attribute("source".into())).unwrap();
    assert_eq!(source.test.any_of, Some(["web", "31", "1000", "2.5", "true"].map(str::to_owned).to_vec()));
}

#[test]
fn one_word_stands_for_a_list_of_one() {
    let listed = parsed(WHOLE);
    let single = parsed(&changed("status = [\"on_hold\"]", "status = \"on_hold\""));
    assert_eq!(listed.versions[0].fingerprint, single.versions[0].fingerprint);
}

#[test]
fn stop_gathers_named_statuses_stages_and_dispositions() {
    let text = changed(
        r#"{ disposition = "any" }"#,
        r#"{ disposition = ["recycled"], stage = "sales_qualified", status = "working" }"#,
    );
    let policy = parsed(&text);
    let version = &policy.versions[0];
    assert_eq!(names(version, &version.slas[0].stop.states), ["working", "qualified", "nurture"]);
}

#[test]
fn any_activity_is_any_even_beside_others() {
    let text = changed(r#"activity = ["call", "email"]"#, r#"activity = ["call", "any"]"#);
    assert_eq!(parsed(&text).versions[0].slas[1].stop.activity, Some(AnyOf::Any));
}

#[test]
fn five_faults_are_told_at_once_with_their_places() {
    let text = "\
[agreement]
name = \"Cañón\"
effective_from = \"yesterday\"
timezone = \"Europe/Madird\"

[[status]]
name = \"nuevo\"
[[status]]
name = \"año\"
stage = \"custmer\"

[[sla]]
nome = \"x\"
name = \"respuesta\"
start = { on = \"assigned\" }
stop = { \"status\" = [\"año\", \"nuev\"] }
  [[sla.target]]
  within = \"2 busines hours\"
";
    let found = faults(text);
    let places: Vec<(usize, usize, Option<&str>)> =
        found.iter().map(|fault| (fault.line, fault.column, fault.suggestion.as_deref())).collect();
    assert_eq!(
        places,
        [
            (3, 18, None),
            (4, 12, Some("Europe/Madrid")),
            (10, 9, Some("customer")),
            (13, 1, Some("name")),
            (16, 29, Some("nuevo")),
            (18, 12, None),
        ],
        "{found:#?}"
    );
    assert_eq!(
        found[4].to_string(),
        "p.toml:16:29: unknown status \"nuev\"; expected nuevo, año (did you mean \"nuevo\"?)"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let found = faults("[agreement]\nname = \"x\"\ntimezone = = 3\n");
    assert!(!found.is_empty() && found.iter().all(|fault| fault.line == 3), "{found:?}");
    let twice = faults("[agreement]\nname = \"x\"\nname = \"y\"\n");
    assert_eq!((twice[0].line, twice[0].column), (3, 1), "{twice:?}");
}

#[test]
fn what_is_required_is_missed_by_name() {
    let told = |text: &str| faults(text).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for (without, key) in [
        ("name           = \"Lead management SLA\"\n", "`name`"),
        ("effective_from = \"2026-12-01T00:00:00-03:00\"\n", "`effective_from`"),
        ("timezone       = \"America/Sao_Paulo\"\n", "`timezone`"),
        ("name        = \"disposition\"\n", "`name`"),
        ("start       = { on = \"assigned\" }\n", "`start`"),
        ("stop        = { disposition = \"any\" }\n", "`stop`"),
        ("timezone = \"Europe/Madrid\"\n", "`timezone`"),
        ("at_least    = 200\n", "`at_least`"),
        ("every       = \"month\"\n", "`every`"),
    ] {
        let found = told(&changed(without, ""));
        assert!(found.contains(&format!("needs {key}")), "without {without:?}: {found}");
    }
    let found = told("");
    for key in ["`agreement`", "`status`", "`sla`"] {
        assert!(found.contains(&format!("needs {key}")), "{found}");
    }
    assert!(told(&changed("  [[sla.target]]\n  within = \"48 hours\"\n", "")).contains("needs `target`"));
}

#[test]
fn unknown_words_are_refused_with_the_nearest_right_one() {
    let cases = [
        ("between        =", "»betwen =", "unknown key in [agreement]", "between"),
        ("stage = \"sales_accepted\"\n", "»staeg = \"sales_accepted\"\n", "unknown key in [[status]]", "stage"),
        ("weekly   =", "»weekley =", "unknown key in [calendars.office]", "weekly"),
        ("tue = ", "»tuesday = ", "unknown key in weekly", "tue"),
        ("pause       =", "»pauses =", "unknown key in [[sla]]", "pause"),
        ("at_most = \"5 business days\"", "»at_mots = \"5 business days\"", "unknown key in pause", "at_most"),
        ("merged = false", "»mergd = false", "unknown key in cancel", "merged"),
        ("met_in_half = 15", "»met_in_haf = 15", "unknown key in points", "met_in_half"),
        ("{ at_least = 80 }", "{ »at_lest = 80 }", "unknown key in condition", "at_least"),
        ("  name   = \"hot\"", "  »nmae = \"hot\"", "unknown key in [[sla.target]]", "name"),
        (
            "notify = [\"manager\"]",
            "notify = [\"manager\"]\n»acton = \"x\"",
            "unknown key in [[sla.escalation]]",
            "action",
        ),
        ("remind      =", "»reminder =", "unknown key in [[commitment]]", "remind"),
        ("stage = \"sales_accepted\"\n", "stage = »\"sale_accepted\"\n", "unknown stage", "sales_accepted"),
        ("disposition = \"recycled\"", "disposition = »\"recycle\"", "unknown disposition", "recycled"),
        (
            "{ disposition = \"any\" }",
            "{ disposition = [»\"qualifed\", \"recycled\"] }",
            "unknown disposition",
            "qualified",
        ),
        ("status = [\"on_hold\"]", "status = [»\"onhold\"]", "unknown status", "on_hold"),
        ("calendar    = \"office\"", "calendar = »\"ofice\"", "unknown calendar", "office"),
        ("\"Europe/Madrid\"", "»\"Europe/Madird\"", "unknown time zone", "Europe/Madrid"),
        ("on = \"assigned\"", "on = »\"asigned\"", "unknown start", "assigned"),
        ("\"restart\"", "»\"restrat\"", "unknown on_reassign", "restart"),
        ("\"ignore\"", "»\"ignor\"", "unknown reopen", "ignore"),
        ("\"on_change\"", "»\"on_chnge\"", "unknown retarget", "on_change"),
        ("\"reassign\"", "»\"reasign\"", "unknown action", "reassign"),
        ("\"month\"", "»\"monht\"", "unknown period", "month"),
        ("{ stage = \"marketing_qualified\" }", "{ stage = »\"marketing\" }", "unknown stage", "marketing_qualified"),
        ("source = [\"webinar\", \"demo_request\"]", "status = »\"neu\"", "unknown status", "new"),
        ("source = [\"webinar\", \"demo_request\"]", "stage = { not = »\"custommer\" }", "unknown stage", "customer"),
    ];
    for (from, to, says, hint) in cases {
        refused_with_hint(from, to, says, hint);
    }
}

#[test]
fn the_last_target_and_only_it_is_for_every_lead() {
    let hot = "  [[sla.target]]\n  name   = \"hot\"\n  when   = { source = [\"webinar\", \"demo_request\"], score = { at_least = 80 } }\n";
    refused(hot, "  »[[sla.target]]\n", "without `when`");
    refused(
        "  [[sla.target]]\n  within = \"48 hours\"",
        "  »[[sla.target]]\n  when = { score = 1 }\n  within = \"48 hours\"",
        "the last target must have no `when`",
    );
    refused("  within = \"48 hours\"", "  by = »\"respond_by\"", "the default target needs `within`");
}

#[test]
fn a_target_that_is_never_reached_is_refused() {
    let first = "  [[sla.target]]\n  when = { score = { above = 3 }, team = \"north\" }\n  within = \"1 hours\"\n";
    let again = "  »[[sla.target]]\n  when = { team = [\"north\"], score = { above = 3.0 } }\n  within = \"2 hours\"\n";
    let last = "  [[sla.target]]\n  within = \"48 hours\"";
    refused(last, &format!("{first}{again}{last}"), "an earlier target has the same `when`");
}

#[test]
fn a_target_gives_one_deadline() {
    let second = "  by     = \"respond_by\"\n";
    refused(second, "  by = »\"respond_by\"\n  within = \"1 hours\"\n", "not both");
    refused("  [[sla.target]]\n  within = \"48 hours\"", "  »[[sla.target]]\n  name = \"slow\"", "needs `within`");
    refused("\"48 hours\"", "»48", "expected a text, found the number 48");
}

#[test]
fn open_time_needs_a_calendar() {
    refused("\"48 hours\"", "»\"4 business hours\"", "needs a `calendar`");
    refused("\"48 hours\"", "»\"end of business day\"", "needs a `calendar`");
    let target = "  within = \"48 hours\"\n";
    refused(
        target,
        &format!("{target}  [[sla.reminder]]\n  at = »\"1 business hours before\"\n"),
        "needs a `calendar`",
    );
    refused(
        target,
        &format!("{target}  [[sla.escalation]]\n  after = »\"1 business hours\"\n  notify = \"owner\"\n"),
        "needs a `calendar`",
    );
    assert_eq!(faults(&changed(target, "  within = \"4 business hours\"\n  calendar = \"office\"\n")), []);
}

#[test]
fn what_is_beyond_ten_years_is_no_promise() {
    for (text, ok) in [("3652 days", true), ("3653 days", false), ("90000 hours", false), ("9000 business days", false)]
    {
        let found = faults(&changed("\"2 business days\"", &format!("{text:?}")));
        assert_eq!(found.is_empty(), ok, "{text}: {found:?}");
    }
    refused("\"4 business hours\"\n  notify", "»\"90000 business hours\"\n  notify", "10 years");
    refused("at_most = \"5 business days\"", "at_most = »\"11000 days\"", "10 years");
}

#[test]
fn a_reminder_is_a_share_or_a_time_before_and_told_once() {
    for wrong in ["0%", "100%", "101%", "-5%", "50", "fifty%", "2 business hours", "50.00001%", ""] {
        refused("\"50%\"\n", &format!("»{wrong:?}\n"), "expected");
    }
    refused("\"30 business minutes before\"", "»\"end of business day before\"", "\"end of\"");
    refused("\"30 business minutes before\"", "»\"3 parsecs before\"", "no duration");
    refused("\"30 business minutes before\"", "»\"50%\"", "a second reminder");
    let policy = parsed(&changed("\"50%\"\n", "\"33.3333%\"\n"));
    assert_eq!(policy.versions[0].slas[0].reminders[0].at, Rung::Share { ppm: 333_333 });
}

#[test]
fn steps_of_the_ladder_are_told_apart_by_their_time() {
    refused("\"4 business hours\"\n  notify", "»\"0 hours\"\n  notify", "a second step");
    refused("  notify = \"owner\"", "  notify = »[]", "at least one");
    refused("\"4 business hours\"\n  notify", "»\"soon\"\n  notify", "no duration");
}

#[test]
fn names_are_unique() {
    refused("name = \"unsuitable\"", "name = »\"new\"", "a second status");
    refused("name        = \"first_response\"", "name = »\"disposition\"", "a second SLA");
    let second =
        "\n[[commitment]]\nname = »\"qualified leads\"\ncount = { created = true }\nat_least = 1\nevery = \"week\"\n";
    let remind = "remind      = [\"50%\", \"80%\"]";
    refused(remind, &format!("{remind}{second}"), "a second commitment");
}

#[test]
fn a_status_cannot_both_stop_and_pause() {
    let found = faults(&changed("status = [\"on_hold\"]", "status = [\"on_hold\", \"qualified\"]"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("\"qualified\" both stops and pauses"), "{found:?}");
}

#[test]
fn what_cannot_stop_is_no_stop() {
    refused("{ disposition = \"any\" }", "{ stage = »\"customer\" }", "no status of the lifecycle has the stage");
    refused("{ disposition = \"any\" }", "»{}", "`stop` needs at least one");
    refused("{ on = \"assigned\" }", "»{}", "`start` needs one of");
    refused("opportunity = true", "opportunity = »false", "expected true");
}

#[test]
fn conditions_that_no_lead_could_meet_are_refused() {
    refused("{ at_least = 80 }", "»{ at_least = 80, below = 70 }", "no number");
    refused("{ at_least = 80 }", "»{}", "an empty condition");
    refused("{ at_least = 80 }", "»[]", "at least one word");
    refused("{ at_least = 80 }", "{ at_least = »\"80\" }", "expected a number");
    refused("{ respond_by = { present = true } }", "»{}", "an empty `when`");
}

#[test]
fn faults_of_calendars_have_their_places() {
    refused("\"09:00-12:00\"", "»\"9-12\"", "no interval");
    refused("\"2026-12-24\" =", "»\"2026-13-24\" =", "expected a date");
    refused("\"2026-11-20\"", "»\"2026-11-31\"", "expected a date");
    refused("\"holidays.ics\"", "»\"festivos.ics\"", "cannot read festivos.ics");
    let closed =
        WHOLE.find("weekly   =").and_then(|at| Some(&WHOLE[at..at + WHOLE[at..].find("holidays =")?])).unwrap();
    let found = faults(&changed(closed, ""));
    assert!(found.len() == 1 && found[0].message.contains("never open"), "{found:?}");
    assert_eq!(found[0].message.matches("office").count(), 1, "{found:?}");
}

#[test]
fn a_faulty_holiday_file_is_told_where_it_is_named() {
    let broken = |_: &str| Ok("hello".to_owned());
    let found = parse("p.toml", WHOLE, &broken).expect_err("no iCalendar file").0;
    let line = WHOLE.lines().position(|line| line.starts_with("holidays")).unwrap() + 1;
    assert_eq!((found.len(), found[0].line, found[0].column), (1, line, 13), "{found:?}");
    assert!(found[0].message.contains("holidays.ics:1"), "{found:?}");
}

#[test]
fn faults_of_commitments_have_their_places() {
    refused("at_least    = 200", "at_least = »0", "above 0");
    refused("\"80%\"", "»\"80\"", "expected a share");
    refused("{ stage = \"marketing_qualified\" }", "»{}", "needs created, stage or sum");
    refused("{ stage = \"marketing_qualified\" }", "»{ created = true, sum = \"value\" }", "one thing");
}

#[test]
fn a_wrong_type_is_told_with_what_was_expected() {
    refused("points      = { met = 10,", "points = { met = »\"ten\",", "expected a whole number");
    refused("merged = false", "merged = »\"no\"", "expected true or false");
    refused("pause       = {", "pause = »\"on_hold\" # {", "expected a table");
    refused("name           = \"Lead management SLA\"", "name = »3", "expected a text");
}

#[test]
fn warnings_tell_where_the_written_agreement_would_lack_something() {
    let without = changed("between        = [\"Marketing\", \"Sales\"]\n", "");
    let without = without.replacen("promised_by = \"sales\"\n", "", 1);
    let without = without.replacen("promise     = \"Every lead is called\"\n", "", 1);
    let policy = parsed(&without);
    let told: Vec<&str> = policy.warnings.iter().filter_map(|warning| warning.message.split('`').nth(1)).collect();
    assert_eq!(told, ["between", "promised_by", "promise"]);
    assert!(policy.warnings.iter().all(|warning| warning.line > 1 && warning.file == "p.toml"));
}

#[test]
fn the_fingerprint_is_of_what_is_said_and_not_of_how() {
    let first = parsed(WHOLE).versions[0].fingerprint.clone();
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    let respaced: String =
        WHOLE.lines().map(|line| format!("# a comment\n\n{}   # another\n", line.replace("  ", " "))).collect();
    assert_eq!(parsed(&respaced).versions[0].fingerprint, first);
    let (reassign, reopen) = ("on_reassign = \"restart\"\n", "reopen      = \"ignore\"\n");
    let reordered = changed(&format!("{reassign}{reopen}"), &format!("{reopen}{reassign}"));
    assert_eq!(parsed(&reordered).versions[0].fingerprint, first);
    for (from, to) in [
        ("\"Lead management SLA\"", "\"Leads\""),
        ("2026-12-01T00", "2026-12-01T01"),
        ("\"2 business days\"", "\"3 business days\""),
        ("\"09:00-12:00\"", "\"09:00-12:30\""),
        ("\"2026-11-20\"", "\"2026-11-21\""),
        ("met = 10", "met = 11"),
        ("at_least    = 200", "at_least    = 201"),
        ("\"Every lead is called\"", "\"Every lead is called back\""),
        ("  name   = \"hot\"", "  name   = \"warm\""),
        ("name = \"nurture\"\n", "name = \"nurture\"\nstage = \"lead\"\n"),
    ] {
        assert_ne!(parsed(&changed(from, to)).versions[0].fingerprint, first, "{from} -> {to}");
    }
    let other = |_: &str| Ok(ICS.replace("20261225", "20261226"));
    let holidays = parse("p.toml", WHOLE, &other).expect("no faults");
    assert_ne!(holidays.versions[0].fingerprint, first, "the holidays of the file count");
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

#[test]
fn a_directory_is_a_history_of_versions_by_their_start() {
    let later =
        changed("2026-12-01T00", "2027-03-01T00").replace("name        = \"first_response\"", "name = \"touch\"");
    let folder = folder(&[("a.toml", &later), ("b.toml", WHOLE), ("holidays.ics", ICS), ("notes.md", "no policy")]);
    let policy = load(folder.path()).expect("no faults");
    let starts: Vec<String> = policy.versions.iter().map(|version| version.effective_from.to_string()).collect();
    assert_eq!(starts, ["2026-12-01T03:00:00Z", "2027-03-01T03:00:00Z"]);
    let families: Vec<(&str, &[Option<usize>])> =
        policy.families.iter().map(|family| (family.name.as_str(), family.by_version.as_slice())).collect();
    assert_eq!(
        families,
        [
            ("disposition", [Some(0), Some(0)].as_slice()),
            ("first_response", [Some(1), None].as_slice()),
            ("touch", [None, Some(1)].as_slice()),
        ]
    );
}

#[test]
fn two_versions_cannot_begin_at_one_instant() {
    let same = changed("2026-12-01T00:00:00-03:00", "2026-12-01T03:00:00Z");
    let folder = folder(&[("a.toml", WHOLE), ("b.toml", &same), ("holidays.ics", ICS)]);
    let Err(LoadError::Faults(Faults(found))) = load(folder.path()) else { panic!("a fault") };
    assert!(found.len() == 1 && found[0].message.contains("in force from 2026-12-01T03:00:00Z"), "{found:?}");
    assert!(found[0].file.ends_with("b.toml") && found[0].message.contains("a.toml"), "{found:?}");
}

#[test]
fn faults_of_all_files_are_told_at_once_and_sorted() {
    let wrong = changed("on = \"assigned\"", "on = \"asigned\"").replace("\"month\"", "\"fortnight\"");
    let folder = folder(&[("b.toml", &wrong), ("a.toml", &wrong), ("holidays.ics", ICS)]);
    let Err(LoadError::Faults(Faults(found))) = load(folder.path()) else { panic!("faults") };
    let files: Vec<String> = found.iter().filter_map(|fault| Some(fault.file.rsplit('/').next()?.to_owned())).collect();
    assert_eq!(files, ["a.toml", "a.toml", "b.toml", "b.toml"]);
    assert!(found.is_sorted());
}

#[test]
fn what_cannot_be_read_is_no_fault_of_the_policy() {
    let folder = folder(&[]);
    assert!(matches!(load(&folder.path().join("none.toml")), Err(LoadError::Io { .. })));
    assert!(matches!(load(folder.path()), Err(LoadError::Faults(_))), "a directory without versions is one");
}

#[test]
fn calendars_are_read_from_their_part_alone_and_from_a_whole_policy() {
    let alone = "[calendars.shop]\ntimezone = \"UTC\"\nweekly = { mon = \"09:00-17:00\" }\n";
    let folder =
        folder(&[("shop.toml", alone), ("whole.toml", WHOLE), ("holidays.ics", ICS), ("bad.toml", "[calendar.x]\n")]);
    let names = |file: &str| -> Vec<String> {
        let found = load_calendars(&folder.path().join(file)).expect("calendars");
        found.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names("shop.toml"), ["shop"]);
    assert_eq!(names("whole.toml"), ["office"]);
    let Err(LoadError::Faults(Faults(found))) = load_calendars(&folder.path().join("bad.toml")) else {
        panic!("faults")
    };
    assert_eq!(found[0].suggestion.as_deref(), Some("calendars"));
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
    ] {
        assert!(!faults(&text).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = parse("p.toml", &text, &read);
    }

    /// A whole policy with a piece cut out or put elsewhere is a text that gets far.
    #[test]
    fn no_mangled_policy_makes_the_reader_panic(
        from in 0..WHOLE.len(), length in 0..60usize, to in 0..WHOLE.len(), noise in "[\\[\\]{}=\",.\n a-z0-9%é-]{0,12}",
    ) {
        let piece = &WHOLE[from..(from + length).min(WHOLE.len())];
        let rest = format!("{}{}", &WHOLE[..from], &WHOLE[from + piece.len()..]);
        let at = to.min(rest.len());
        for text in [rest.clone(), format!("{}{piece}{noise}{}", &rest[..at], &rest[at..])] {
            for fault in faults(&text) {
                let line = text.split('\n').nth(fault.line - 1).map(|line| line.chars().count());
                prop_assert!(line.is_some_and(|length| fault.column <= length + 1), "{fault} is outside the text");
            }
        }
    }
}
