//! The example policies that are shipped, and the words of the synthetic CRM that the demo lets speak to them.

use std::path::{Path, PathBuf};

use plazo::calendar::Duration;
use plazo::load::Words;
use plazo::policy::{self, Disposition, Key, Policy, Promise};
use plazo::time::Timestamp;

fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/policy").join(language)
}

fn shipped() -> [(&'static str, Policy, Words); 2] {
    let load = |language: &str| policy::load(&folder(language)).unwrap_or_else(|error| panic!("{error}"));
    [("en", load("en"), Words::english()), ("es", load("es"), Words::spanish())]
}

#[test]
fn shipped_policies_have_neither_faults_nor_warnings() {
    for (language, policy, _) in shipped() {
        assert_eq!(policy.warnings, [], "{language}");
        assert_eq!(policy.versions.len(), 1, "{language}");
        assert_eq!(policy.versions[0].commitments.len(), 3, "{language}");
    }
}

#[test]
fn statuses_of_the_synthetic_crm_are_known_and_end_as_they_are_called() {
    for (language, policy, words) in shipped() {
        let lifecycle = &policy.versions[0].lifecycle;
        let expected = [
            (&words.new, None),
            (&words.working, None),
            (&words.on_hold, None),
            (&words.qualified, Some(Disposition::Qualified)),
            (&words.unsuitable, Some(Disposition::Disqualified)),
            (&words.nurture, Some(Disposition::Recycled)),
        ];
        for (word, disposition) in expected {
            let index = lifecycle.find(word).unwrap_or_else(|| panic!("{language}: {word}"));
            assert_eq!(lifecycle.statuses[usize::from(index)].disposition, disposition, "{language}: {word}");
        }
    }
}

/// A target that no lead of the demo could ever meet would be a slip of the pen.
#[test]
fn words_of_conditions_are_words_of_the_synthetic_crm() {
    for (language, policy, words) in shipped() {
        for sla in &policy.versions[0].slas {
            for condition in sla.targets.iter().flat_map(|target| &target.when) {
                let Some(given) = &condition.test.any_of else { continue };
                let known = match &condition.key {
                    Key::Attribute(name) if name == "source" => &words.sources,
                    Key::Attribute(name) if name == "region" => &words.regions,
                    other => panic!("{language}: {other:?} has words that the demo does not send"),
                };
                assert!(given.iter().all(|word| known.contains(word)), "{language}: {given:?}");
            }
        }
    }
}

#[test]
fn both_languages_promise_the_same_times() {
    let [(_, english, _), (_, spanish, _)] = shipped();
    let pace = |policy: &Policy| -> Vec<Vec<Promise>> {
        let promises = |sla: &policy::Sla| {
            let own = sla.targets.iter().filter(|target| target.label != "United States");
            own.map(|target| target.promise.clone()).filter(|promise| matches!(promise, Promise::Within(_))).collect()
        };
        policy.versions[0].slas.iter().map(promises).collect()
    };
    assert_eq!(pace(&english), pace(&spanish));
}

fn due(policy: &Policy, calendar: &str, from: &str, duration: &str) -> String {
    let version = &policy.versions[0];
    let found = version.calendars.iter().find(|known| known.0 == calendar).expect("a calendar").1.clone();
    let schedule = plazo::calendar::Schedule { zone: found.timezone(), calendar: Some(found) };
    let from = Timestamp::parse(from).expect("an instant");
    schedule.add(from, &Duration::parse(duration).expect("a duration")).expect("in range").to_string()
}

#[test]
fn holidays_and_lunch_of_the_shipped_calendars_do_not_count() {
    let [(_, english, _), (_, spanish, _)] = shipped();
    // Lunch; Carnival of 2027 and the late opening after it; the moved Good Friday; Christmas Eve.
    assert_eq!(due(&english, "office", "2026-03-02T14:00:00Z", "2 business hours"), "2026-03-02T17:00:00Z");
    assert_eq!(due(&english, "office", "2027-02-05T19:00:00Z", "2 business hours"), "2027-02-10T17:00:00Z");
    assert_eq!(due(&english, "office", "2030-04-18T20:00:00Z", "2 business hours"), "2030-04-22T13:00:00Z");
    assert_eq!(due(&english, "office", "2026-12-24T14:00:00Z", "2 business hours"), "2026-12-28T13:00:00Z");
    // Thanksgiving and the day after it; Independence Day on a Saturday, observed on the Friday.
    assert_eq!(due(&english, "us_desk", "2028-11-22T22:00:00Z", "1 business hour"), "2028-11-27T14:00:00Z");
    assert_eq!(due(&english, "us_desk", "2026-07-02T21:00:00Z", "1 business hour"), "2026-07-06T13:00:00Z");
    // Easter in Madrid, on summer time; All Saints of 2026, moved to the Monday; Friday's short day.
    assert_eq!(due(&spanish, "oficina", "2026-04-01T16:00:00Z", "1 business hour"), "2026-04-06T07:30:00Z");
    assert_eq!(due(&spanish, "oficina", "2026-10-30T13:30:00Z", "1 business hour"), "2026-11-03T08:30:00Z");
    assert_eq!(due(&spanish, "oficina", "2026-03-06T13:00:00Z", "2 business hours"), "2026-03-09T09:00:00Z");
}
