//! Every refusal: where it is told, and how.

use super::*;

/// Each case: a part of the policy, what stands there instead, and the whole list of faults.
fn refused(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        let found = faults(&with(old, new));
        let same = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(found, expected)| found.starts_with(&format!("p.toml:{expected}")));
        assert!(
            same,
            "{new:?} for {old:?}:
{}
expected
{}",
            found.join(
                "
"
            ),
            expected.join(
                "
"
            )
        );
    }
}

#[test]
fn a_policy_without_faults_has_none() {
    assert_eq!(faults(WHOLE), [""; 0]);
}

#[test]
fn all_faults_are_told_at_once_with_place_and_nearest_word() {
    let text = r#"[agreement]
name = "Five faults"
effective_from = 2026-01-01T00:00:00Z
between = ["Marketing", "Sales"]
timezone = "Europe/Madird"

[[status]]
name = "new"
[[status]]
name = "hecho à la fin"
disposition = "qualifed"

[calendars.office]
timezone = "UTC"
weekly = { mon = ["09:00-18:00"], tue = ["9-18"] }

[[sla]]
name = "disposition"
promised_by = "sales"
promise = "Every lead is looked at"
calendar = "ofice"
start = { on = "assigned" }
stop = { disposition = "any", statsu = "new" }
  [[sla.target]]
  within = "2d"
"#;
    let expected = [
        "p.toml:5:12: unknown time zone \"Europe/Madird\"; expected an IANA name (did you mean \"Europe/Madrid\"?)",
        "p.toml:11:15: unknown disposition \"qualifed\"; expected qualified, disqualified, recycled (did you mean \"qualified\"?)",
        "p.toml:15:42: \"9-18\" is no interval: expected \"HH:MM-HH:MM\" or \"HH:MM:SS-HH:MM:SS\", from 00:00 to 24:00",
        "p.toml:21:12: unknown calendar \"ofice\"; expected office (did you mean \"office\"?)",
        "p.toml:23:31: unknown key in stop \"statsu\"; expected disposition, status, stage, activity, opportunity (did you mean \"status\"?)",
        "p.toml:25:12: \"2d\" is no duration that can be read in one way only; write \"2 business days\" or \"2 days\"",
    ];
    let found = faults(text);
    assert_eq!(found, expected, "\n{}", found.join("\n"));
}

#[test]
fn faults_of_the_agreement_are_told() {
    refused(&[
        ("name = \"Test\"", "", &["1:1: [agreement] needs `name`: a text"]),
        ("name = \"Test\"", "name = \" \"", &["2:8: expected a text, found an empty one"]),
        ("name = \"Test\"", "name = 5", &["2:8: expected a text, found the number 5"]),
        (
            "effective_from = \"2026-01-01T00:00:00Z\"",
            "",
            &["1:1: [agreement] needs `effective_from`: an instant such as"],
        ),
        (
            "effective_from = \"2026-01-01T00:00:00Z\"",
            "effective_from = 2026-01-01",
            &["3:18: expected an RFC 3339 instant with an offset, such as"],
        ),
        (
            "effective_from = \"2026-01-01T00:00:00Z\"",
            "effective_from = 2026-01-01T00:00:00",
            &["3:18: expected an RFC 3339 instant with an offset, such as"],
        ),
        (
            "effective_from = \"2026-01-01T00:00:00Z\"",
            "effective_from = \"soon\"",
            &["3:18: expected an RFC 3339 instant with an offset, such as"],
        ),
        (
            "timezone = \"Europe/Madrid\"\n\n",
            "timezone = \"GMT+25\"\n\n",
            &["5:12: unknown time zone \"GMT+25\"; expected an IANA name (did you mean"],
        ),
        (
            "timezone = \"Europe/Madrid\"\n\n",
            "\n\n",
            &["1:1: [agreement] needs `timezone`: an IANA zone such as America/Sao_Paulo"],
        ),
        (
            "between = [\"Marketing\", \"Sales\"]",
            "between = []",
            &["4:11: expected at least one word, found an empty list"],
        ),
        (
            "between = [\"Marketing\", \"Sales\"]",
            "betwen = [\"Marketing\", \"Sales\"]",
            &["4:1: unknown key in [agreement] \"betwen\"; expected name, effective_from,"],
        ),
        (
            "[agreement]",
            "agreement = 5\n[agrement]",
            &[
                "1:13: expected a table ([agreement]), found the number 5",
                "2:2: unknown key in the file \"agrement\"; expected agreement, status,",
            ],
        ),
        ("[agreement]", "[agreement", &["1:11: this is no TOML: unclosed table, expected `]`"]),
        (
            "[agreement]",
            "wekly = 1\n[agreement]",
            &["1:1: unknown key in the file \"wekly\"; expected agreement, status, calendars,"],
        ),
    ]);
}

#[test]
fn faults_of_the_lifecycle_are_told() {
    refused(&[
        (
            "name = \"waiting\"",
            "name = \"new\"",
            &[
                "10:8: a second status named \"new\"; names are unique",
                "29:21: unknown status \"waiting\"; expected new, done",
            ],
        ),
        (
            "name = \"waiting\"",
            "nam = \"waiting\"",
            &[
                "9:1: [[status]] needs `name`: the status as the CRM writes it",
                "10:1: unknown key in [[status]] \"nam\"; expected name, stage, disposition (did",
            ],
        ),
        ("name = \"waiting\"", "name = [\"waiting\"]", &["10:8: expected a text, found a list"]),
        (
            "stage = \"sales_accepted\"",
            "stage = \"sales accepted\"",
            &["11:9: unknown stage \"sales accepted\"; expected lead, marketing_qualified,"],
        ),
        (
            "disposition = \"qualified\"",
            "disposition = \"lost\"",
            &["14:15: unknown disposition \"lost\"; expected qualified, disqualified, recycled"],
        ),
        (
            "disposition = \"qualified\"",
            "",
            &["28:24: no status of the lifecycle has such a disposition, so nothing could"],
        ),
    ]);
    let none = WHOLE.replace("[[status]]", "[[statuses]]");
    assert_eq!(
        faults(&none),
        [
            "p.toml:1:1: the file needs `status`: the agreed list of statuses",
            "p.toml:7:3: unknown key in the file \"statuses\"; expected agreement, status, calendars, sla, commitment, watch (did you mean \"status\"?)",
        ]
    );
    let empty =
        WHOLE.split_once("[[status]]").map(|(head, _)| format!("status = []\nsla = []\n{head}")).expect("a head");
    assert_eq!(
        faults(&empty),
        [
            "p.toml:1:10: expected at least one [[status]], found an empty list",
            "p.toml:2:7: expected at least one [[sla]], found an empty list",
        ]
    );
}

#[test]
fn faults_of_calendars_are_told() {
    refused(&[
        (
            "[calendars.office]\ntimezone = \"Europe/Madrid\"",
            "[calendars.office]\n",
            &["16:1: [calendars.office] needs `timezone`: an IANA zone such as Europe/Madrid"],
        ),
        (
            "mon = [\"09:00-18:00\"], tue",
            "mon = [\"09:00-18:00\"], tues",
            &["18:35: unknown key in weekly \"tues\"; expected mon, tue, wed, thu, fri, sat,"],
        ),
        (
            "mon = [\"09:00-18:00\"]",
            "mon = [\"09:00-09:00\"]",
            &["18:19: \"09:00-09:00\" is no interval: it begins and ends at one time; write"],
        ),
        (
            "mon = [\"09:00-18:00\"]",
            "mon = [\"24:00-01:00\"]",
            &["18:19: \"24:00-01:00\" is no interval: 24:00 can only end an interval"],
        ),
        ("mon = [\"09:00-18:00\"]", "mon = [9]", &["18:19: expected a text, found the number 9"]),
        (
            "mon = [\"09:00-18:00\"]",
            "mon = [\"09:00-24:30\", \"9\"]",
            &[
                "18:19: \"09:00-24:30\" is no interval: expected \"HH:MM-HH:MM\" or",
                "18:34: \"9\" is no interval: expected \"HH:MM-HH:MM\" or \"HH:MM:SS-HH:MM:SS\",",
            ],
        ),
        (
            "\"2026-12-24\" =",
            "\"24.12.2026\" =",
            &["19:11: expected a date such as \"2026-12-25\", found \"24.12.2026\""],
        ),
        (
            "[\"2026-12-25\"]",
            "[\"Christmas\", 2026-12-26, \"2026-02-30\"]",
            &[
                "20:13: expected a date such as \"2026-11-20\" or an .ics file, found \"Christmas\"",
                "20:38: expected a date such as \"2026-11-20\" or an .ics file, found",
            ],
        ),
        ("[\"2026-12-25\"]", "[\"holidays.ics\"]", &["20:13: cannot read holidays.ics: no holidays.ics here"]),
        (
            "weekly = { mon = [\"09:00-18:00\"], tue = [\"09:00-18:00\"] }\ndates = { \"2026-12-24\" = [\"09:00-13:00\"] }",
            "\n",
            &["16:12: calendar \"office\": the calendar is never open: give at least one"],
        ),
        (
            "[calendars.office]",
            "[calendars]\nhome = 5\n[calendars.office]",
            &["17:8: expected a table ([calendars.home]), found the number 5"],
        ),
        (
            "holidays = ",
            "holiday = ",
            &["20:1: unknown key in [calendars.office] \"holiday\"; expected timezone, weekly,"],
        ),
    ]);
}

#[test]
fn faults_of_holiday_files_name_the_file_and_its_line() {
    let text = with("[\"2026-12-25\"]", "[\"holidays.ics\"]");
    let told = |content: &str| {
        let read = |_: &str| Ok(content.to_owned());
        parse("p.toml", &text, &read).map(|_| ()).expect_err("a fault").to_string()
    };
    assert_eq!(
        told("BEGIN:VEVENT"),
        "p.toml:20:13: holidays.ics:1: expected an iCalendar file that begins with BEGIN:VCALENDAR"
    );
    let event = |lines: &str| format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n");
    assert_eq!(
        told(&event("DTSTART;VALUE=DATE:20261399")),
        "p.toml:20:13: holidays.ics:3: expected a date such as 20261225, found \"20261399\""
    );
    let odd = told(&event("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=SOMETIMES"));
    let accent = told(&event("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY;BYDAY=1¡O"));
    assert!(accent.contains("expected ASCII letters only"), "{accent}");
    assert!(odd.starts_with("p.toml:20:13: holidays.ics:3: the rule \"FREQ=SOMETIMES\" cannot be read"), "{odd}");
}

#[test]
fn faults_of_starts_and_stops_are_told() {
    refused(&[
        (
            "start = { on = \"assigned\" }",
            "",
            &["22:1: [[sla]] needs `start`: { on = \"created\" | \"assigned\" | \"opportunity\" },"],
        ),
        (
            "start = { on = \"assigned\" }",
            "start = \"assigned\"",
            &["27:9: expected a table (start), found the text \"assigned\""],
        ),
        ("start = { on = \"assigned\" }", "start = {}", &["27:9: `start` needs one of on, status, stage"]),
        (
            "start = { on = \"assigned\" }",
            "start = { on = [\"created\", \"touched\"] }",
            &["27:28: unknown start \"touched\"; expected created, assigned, opportunity"],
        ),
        (
            "start = { on = \"assigned\" }",
            "start = { status = [\"newt\"] }",
            &["27:21: unknown status \"newt\"; expected new, waiting, done (did you mean"],
        ),
        (
            "start = { on = \"assigned\" }",
            "start = { status = [] }",
            &["27:20: expected at least one word, found an empty list"],
        ),
        (
            "start = { on = \"assigned\" }",
            "start = { stage = [\"customer\", \"client\"] }",
            &[
                "27:19: no status of the lifecycle has the stage \"customer\"",
                "27:32: unknown stage \"client\"; expected lead, marketing_qualified,",
            ],
        ),
        (
            "stop = { disposition = \"any\" }",
            "",
            &["22:1: [[sla]] needs `stop`: disposition, status, stage, activity or"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = {}",
            &["28:8: `stop` needs at least one of disposition, status, stage, activity,"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { disposition = [\"any\"] }",
            &["28:25: unknown disposition \"any\"; expected qualified, disqualified, recycled"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { disposition = \"recycled\" }",
            &["28:24: no status of the lifecycle has such a disposition, so nothing could"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { status = [\"dome\"] }",
            &["28:20: unknown status \"dome\"; expected new, waiting, done (did you mean"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { stage = \"customer\" }",
            &["28:18: no status of the lifecycle has the stage \"customer\""],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { activity = [] }",
            &["28:21: expected at least one word, found an empty list"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { opportunity = false }",
            &["28:24: expected true: what does not stop the clock is left out"],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { status = \"waiting\" }",
            &["29:9: status \"waiting\" both stops and pauses: stop would always win"],
        ),
    ]);
}

#[test]
fn faults_of_pauses_cancels_and_choices_are_told() {
    refused(&[
        (
            "pause = { status = [\"waiting\"], at_most",
            "pause = { at_most",
            &["29:9: pause needs `status`: the statuses that pause"],
        ),
        (
            "pause = { status = [\"waiting\"], at_most",
            "pause = { status = [\"waitin\"], at_most",
            &["29:21: unknown status \"waitin\"; expected new, waiting, done (did you mean"],
        ),
        (
            "at_most = \"5 business days\"",
            "at_most = \"end of business day\"",
            &["29:43: \"end of business day\" is no length of time; expected one such as \"5"],
        ),
        (
            "at_most = \"5 business days\"",
            "at_most = \"5 days\", at_least = \"1 day\"",
            &["29:53: unknown key in pause \"at_least\"; expected status, at_most (did you"],
        ),
        (
            "at_most = \"5 business days\"",
            "at_most = \"20 years\"",
            &["29:43: \"20 years\" is no duration that can be read in one way only; expected"],
        ),
        ("at_most = \"5 business days\"", "at_most = \"600 weeks\"", &["29:43: \"600 weeks\" is more than 10 years"]),
        ("at_most = \"5 business days\"", "at_most = \"0 hours\"", &["29:43: \"0 hours\" lets nothing pause: leave"]),
        (
            "retarget = \"never\"",
            "recur = { activities = \"any\" }",
            &[
                "33:9: recur needs `activity`: \"any\" or kinds of activity",
                "33:11: unknown key in recur \"activities\"; expected activity (did you mean \"activity\"?)",
            ],
        ),
        (
            "stop = { disposition = \"any\" }",
            "stop = { disposition = \"any\", activity = \"any\" }\nrecur = { activity = \"any\" }",
            &["29:9: each touch starts the next clock, so none can stop the SLA: leave `activity`"],
        ),
        (
            "cancel = { deleted = true }",
            "cancel = { deleted = \"yes\" }",
            &["30:22: expected true or false, found the text \"yes\""],
        ),
        (
            "cancel = { deleted = true }",
            "cancel = { status = [\"lost\"], archived = true }",
            &[
                "30:22: unknown status \"lost\"; expected new, waiting, done",
                "30:31: unknown key in cancel \"archived\"; expected deleted, merged, status",
            ],
        ),
        ("cancel = { deleted = true }", "cancel = true", &["30:10: expected a table (cancel), found true"]),
        (
            "on_reassign = \"continue\"",
            "on_reassign = \"restrat\"",
            &["31:15: unknown on_reassign value \"restrat\"; expected continue, restart (did"],
        ),
        ("reopen = \"new_cycle\"", "reopen = true", &["32:10: expected a text, found true"]),
        (
            "retarget = \"never\"",
            "retarget = \"always\"",
            &["33:12: unknown retarget value \"always\"; expected never, on_change"],
        ),
        ("points = { met = 10, ", "points = { ", &["34:10: points needs `met`: a whole number"]),
        ("breached = -5", "breached = 5", &["34:51: a breach earns none or negative points"]),
        ("met_in_half = 15", "met_in_half = 1.5", &["34:36: expected a whole number, found the number 1.5"]),
    ]);
}

#[test]
fn faults_of_targets_are_told() {
    let first = "  when = { score = { at_least = 80 } }\n  within = \"4 business hours\"";
    refused(&[
        (
            first,
            "  within = \"4 business hours\"",
            &["35:3: a target without `when` matches every lead, so those after it are never"],
        ),
        (
            first,
            "  when = {}\n  within = \"4 business hours\"",
            &["36:10: an empty `when` matches every lead; leave it out in the last target"],
        ),
        (
            first,
            "  when = { score = {} }\n  within = \"4 business hours\"",
            &["36:20: an empty condition; expected at_least, at_most, above, below, present"],
        ),
        (
            first,
            "  when = { score = { atleast = 80 } }\n  within = \"4 business hours\"",
            &["36:22: unknown key in condition \"atleast\"; expected not, at_least, at_most,"],
        ),
        (
            first,
            "  when = { score = { at_least = \"80\" } }\n  within = \"4 business hours\"",
            &["36:33: expected a number, found the text \"80\""],
        ),
        (
            first,
            "  when = { score = { above = 80, at_most = 80 } }\n  within = \"4 business hours\"",
            &["36:20: no number lies between 80 and 80"],
        ),
        (
            first,
            "  when = { score = { at_least = nan } }\n  within = \"4 business hours\"",
            &["36:33: expected a number, found the number nan"],
        ),
        (
            first,
            "  when = { source = [] }\n  within = \"4 business hours\"",
            &["36:21: expected at least one word, found an empty list"],
        ),
        (
            first,
            "  when = { source = [[\"web\"]] }\n  within = \"4 business hours\"",
            &["36:22: expected a word, a number or true/false, found a list"],
        ),
        (
            first,
            "  when = { status = \"old\", stage = \"done\" }\n  within = \"4 business hours\"",
            &[
                "36:21: unknown status \"old\"; expected new, waiting, done",
                "36:36: unknown stage \"done\"; expected lead, marketing_qualified,",
            ],
        ),
        (
            first,
            "  when = { respond_by = { present = true } }\n  within = \"4 business hours\"",
            &["38:3: an earlier target has the same `when`, so this one is never reached"],
        ),
        (
            first,
            "  when = { score = { at_least = 80 } }",
            &["35:3: [[sla.target]] needs `within` (a duration) or `by` (an attribute)"],
        ),
        (
            first,
            "  when = { a = 1 }\n  within = \"1 day\"\n  by = \"a\"",
            &["38:8: a target has `within` or `by`, not both"],
        ),
        (
            first,
            "  when = { a = 1 }\n  within = \"1 day\"\n  calendar = \"home\"",
            &["38:14: unknown calendar \"home\"; expected office"],
        ),
        (first, "  when = { a = 1 }\n  within = 4", &["37:12: expected a text, found the number 4"]),
        (
            first,
            "  when = { a = 1 }\n  within = \"3 business weeks\"",
            &["37:12: \"3 business weeks\" is no duration that can be read in one way only;"],
        ),
        (
            first,
            "  when = { a = 1 }\n  within = \"11 years\"",
            &["37:12: \"11 years\" is no duration that can be read in one way only; expected"],
        ),
        (first, "  when = { a = 1 }\n  within = \"4000 days\"", &["37:12: \"4000 days\" is more than 10 years"]),
        (
            first,
            "  when = { a = 1 }\n  within = \"10000 business hours\"",
            &["37:12: \"10000 business hours\" from 2026-01-01T00:00:00Z on ends more than 10"],
        ),
        (
            "within = \"2 business days\"",
            "by = \"respond_by\"",
            &["42:8: the default target needs `within`: a lead without the attribute would"],
        ),
        (
            "within = \"2 business days\"",
            "when = { a = 1 }\n  within = \"2 business days\"",
            &["41:3: the last target must have no `when`, so that every lead has a promise"],
        ),
        (
            "calendar = \"office\"",
            "",
            &[
                "29:43: \"5 business days\" counts open time: the SLA needs a `calendar`",
                "37:12: \"4 business hours\" counts open time: the target or its SLA needs a",
                "42:12: \"2 business days\" counts open time: the target or its SLA needs a",
                "46:8: \"30 business minutes before\" counts open time: the SLA needs a",
                "51:11: \"4 business hours\" counts open time: the SLA needs a `calendar`",
            ],
        ),
    ]);
    let none = format!("{}target = []\n", WHOLE.split_once("  [[sla.target]]").expect("targets").0);
    assert_eq!(faults(&none), ["p.toml:35:10: expected at least one [[sla.target]], found an empty list"]);
    let flat = format!("{}target = 5\n", WHOLE.split_once("  [[sla.target]]").expect("targets").0);
    assert_eq!(faults(&flat), ["p.toml:35:10: expected [[sla.target]] tables, found the number 5"]);
    let missing = WHOLE.split_once("  [[sla.target]]").expect("targets").0;
    assert_eq!(faults(missing), ["p.toml:22:1: [[sla]] needs `target`: at least one [[sla.target]]"]);
}

#[test]
fn faults_of_reminders_and_steps_are_told() {
    refused(&[
        ("at = \"50%\"", "", &["43:3: [[sla.reminder]] needs `at`: \"50%\" or \"30 business minutes before\""]),
        (
            "at = \"50%\"",
            "at = \"100%\"",
            &["44:8: expected a share between 0% and 100% such as \"50%\", or a time such as"],
        ),
        (
            "at = \"50%\"",
            "at = \"0%\"",
            &["44:8: expected a share between 0% and 100% such as \"50%\", or a time such as"],
        ),
        ("at = \"50%\"", "at = 50", &["44:8: expected a text, found the number 50"]),
        (
            "at = \"50%\"",
            "at = \"half\"",
            &["44:8: expected a share between 0% and 100% such as \"50%\", or a time such as"],
        ),
        (
            "at = \"50%\"",
            "at = \"30 business minutes before\"",
            &["46:8: a second reminder at \"30 business minutes before\""],
        ),
        (
            "at = \"50%\"",
            "at = \"0 hours before\"",
            &["44:8: \"0 hours before\" is the deadline itself; a reminder comes before it"],
        ),
        (
            "at = \"50%\"",
            "at = \"30m before\"",
            &["44:8: \"30m\" is no duration that can be read in one way only; write \"30"],
        ),
        (
            "at = \"50%\"",
            "at = \"end of business day before\"",
            &["44:8: \"end of\" cannot be counted back from a deadline"],
        ),
        (
            "at = \"50%\"",
            "at = \"50%\"\n  to = \"owner\"",
            &["45:3: unknown key in [[sla.reminder]] \"to\"; expected at"],
        ),
        ("after = \"0 hours\"", "", &["47:3: [[sla.escalation]] needs `after`: a duration after the breach"]),
        (
            "after = \"0 hours\"",
            "after = \"8 business hours\"",
            &["51:11: \"4 business hours\" comes before \"8 business hours\"; steps are written"],
        ),
        (
            "after = \"0 hours\"",
            "after = \"4 business hours\"",
            &["51:11: a second step after \"4 business hours\"; name all who are told in one"],
        ),
        ("notify = [\"owner\"]", "", &["47:3: [[sla.escalation]] needs `notify`: whom to tell, such as [\"manager\"]"]),
        ("notify = [\"owner\"]", "notify = []", &["49:12: expected at least one word, found an empty list"]),
        (
            "action = \"reassign\"",
            "action = \"reasign\"",
            &["53:12: unknown action \"reasign\"; expected reassign (did you mean \"reassign\"?)"],
        ),
    ]);
}

#[test]
fn faults_of_commitments_and_names_are_told() {
    refused(&[
        (
            "count = { created = true }",
            "",
            &["55:1: [[commitment]] needs `count`: { created = true }, { stage = \"...\" } or"],
        ),
        ("count = { created = true }", "count = {}", &["58:9: `count` needs created, stage or sum"]),
        (
            "count = { created = true }",
            "count = { created = false }",
            &["58:21: expected true: what is not counted is left out"],
        ),
        (
            "count = { created = true }",
            "count = { created = true, sum = \"value\" }",
            &["58:9: `count` says one thing: created, stage or sum"],
        ),
        (
            "count = { created = true }",
            "count = { stage = \"prospect\" }",
            &["58:19: unknown stage \"prospect\"; expected lead, marketing_qualified,"],
        ),
        ("at_least = 200", "at_least = 0", &["59:12: expected a number above 0"]),
        ("at_least = 200", "at_least = \"many\"", &["59:12: expected a number, found the text \"many\""]),
        (
            "every = \"month\"",
            "every = \"monthly\"",
            &["60:9: unknown period \"monthly\"; expected week, month, quarter, year (did you"],
        ),
        (
            "remind = [\"50%\", \"80%\"]",
            "remind = [\"50%\", \"half\"]",
            &["61:18: expected a share of the period such as \"50%\", found \"half\""],
        ),
        (
            "name = \"leads\"",
            "name = \"leads\"\nowner = \"ana\"",
            &["57:1: unknown key in [[commitment]] \"owner\"; expected name, promised_by,"],
        ),
        (
            "remind = [\"50%\", \"80%\"]",
            "[[commitment]]\nname = \"leads\"\ncount = { created = true }\nat_least = 1\nevery = \"week\"",
            &["62:8: a second commitment named \"leads\"; names are unique"],
        ),
        (
            "[[commitment]]",
            "[[sla]]\nname = \"disposition\"\nstart = { on = \"created\" }\nstop = { activity = \"any\" }\ntarget = [{ within = \"1 day\" }]\n[[commitment]]",
            &["56:8: a second SLA named \"disposition\"; names are unique"],
        ),
    ]);
}
