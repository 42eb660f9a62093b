//! The small parts that the rest is made of.

use super::*;
use crate::policy::fault::{Fault, Faults, place};
use crate::policy::sla::share;

#[test]
fn a_set_of_statuses_holds_what_was_put_in_and_no_other() {
    let inserted = [0, 1, 63, 64, 130, 65_535];
    let mut set = StatusSet::default();
    assert!(set.is_empty());
    for (known, status) in inserted.iter().enumerate() {
        set.insert(*status);
        for other in (0..200).chain([65_471, 65_534, 65_535]) {
            assert_eq!(set.contains(Some(other)), inserted[..=known].contains(&other), "{other} after {status}");
        }
    }
    assert!(!set.is_empty() && !set.contains(None));
}

#[test]
fn a_share_is_more_than_none_and_less_than_all_in_millionths() {
    for (text, ppm) in [
        ("50%", Some(500_000)),
        (" 5 % ", Some(50_000)),
        ("0.0001%", Some(1)),
        ("99.9999%", Some(999_999)),
        ("12.5%", Some(125_000)),
        ("007%", Some(70_000)),
        ("0%", None),
        ("0.0000%", None),
        ("100%", None),
        ("0.00001%", None),
        ("0007%", None),
        ("50", None),
        ("%", None),
        (".5%", None),
        ("5.%", None),
        ("+5%", None),
        ("5.+5%", None),
        ("1.2.3%", None),
    ] {
        assert_eq!(share(text), ppm, "{text}");
    }
}

#[test]
fn a_place_is_counted_in_lines_and_characters() {
    let text = "aé\nbc";
    let places: Vec<(usize, usize)> = (0..=7).map(|offset| place(text, offset)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 3)]);
}

#[test]
fn faults_are_told_one_a_line() {
    let fault = |line| Fault { file: "p".to_owned(), line, column: 1, message: "no".to_owned(), suggestion: None };
    assert_eq!(Faults(vec![fault(1), fault(2), fault(3)]).to_string(), "p:1:1: no\np:2:1: no\np:3:1: no");
}

#[test]
fn what_stops_a_clock_is_a_state_or_an_act() {
    let by_act = |given: &str| version(&with("stop = { disposition = \"any\" }", given)).slas[0].stop.by_act();
    assert!(!by_act("stop = { disposition = \"any\" }"));
    assert!(by_act("stop = { activity = \"call\" }") && by_act("stop = { opportunity = true }"));
}

#[test]
fn a_condition_is_on_a_word_of_the_lead_or_on_an_attribute() {
    let when = "{ owner = \"ana\", team = \"north\", status = \"new\", stage = \"sales_accepted\", source = \"web\" }";
    let sla = version(&with("{ score = { at_least = 80 } }", when)).slas.remove(0);
    let keys: Vec<&Key> = sla.targets[0].when.iter().map(|condition| &condition.key).collect();
    assert_eq!(keys, [&Key::Attribute("source".to_owned()), &Key::Owner, &Key::Stage, &Key::Status, &Key::Team]);
    assert_eq!(keys.iter().map(|key| key.name()).collect::<Vec<_>>(), ["source", "owner", "stage", "status", "team"]);
}

#[test]
fn a_stop_by_one_disposition_is_none_by_the_others() {
    let lost =
        with("[calendars.office]", "[[status]]\nname = \"lost\"\ndisposition = \"disqualified\"\n[calendars.office]");
    let stops = |given: &str| {
        let states = version(&lost.replace("\"any\"", given)).slas.remove(0).stop.states;
        [2, 3].map(|status| states.contains(Some(status)))
    };
    assert_eq!(stops("\"any\""), [true, true]);
    assert_eq!(stops("\"qualified\""), [true, false]);
    assert_eq!(stops("[\"disqualified\"]"), [false, true]);
}

#[test]
fn steps_that_can_be_compared_are_written_in_the_order_of_time() {
    let ladder = |first: &str, second: &str| {
        let text = with("after = \"0 hours\"", &format!("after = {first:?}"));
        faults(&text.replace("after = \"4 business hours\"", &format!("after = {second:?}")))
    };
    for (first, second) in [
        ("1 day", "2 days"),
        ("1 day", "1 days"),
        ("1 business day", "2 business days"),
        ("60 minutes", "1 hours"),
        ("1 business hours", "90 business minutes"),
        ("1 day", "4 business hours"),
        ("0 hours", "0 days"),
    ] {
        assert_eq!(ladder(first, second), [""; 0], "{first}, then {second}");
    }
    for (first, second) in [
        ("2 days", "1 day"),
        ("2 business days", "1 business days"),
        ("90 minutes", "1 hours"),
        ("90 business minutes", "1 business hours"),
        ("1 day", "0 hours"),
    ] {
        let told = ladder(first, second);
        assert!(
            matches!(&told[..], [fault] if fault.contains("in the order of time")),
            "{first}, then {second}: {told:?}"
        );
    }
}

#[test]
fn bounds_between_which_a_number_lies_are_no_fault() {
    let told = |when: &str| faults(&with("{ at_least = 80 }", when));
    for when in
        ["{ at_least = 5, at_most = 5 }", "{ above = 5, below = 6 }", "{ at_least = 5, below = 6, at_most = 7 }"]
    {
        assert_eq!(told(when), [""; 0], "{when}");
    }
    for when in ["{ at_least = 5, below = 5 }", "{ above = 5, at_most = 5 }", "{ above = 6, below = 5 }"] {
        assert!(told(when)[0].contains("no number lies between"), "{when}");
    }
}

#[test]
fn what_is_watched_is_read_bounded_and_part_of_the_fingerprint() {
    let watched = |watch: &str| format!("{WHOLE}[watch]\n{watch}\n");
    let read = version(&watched(
        "ping_pong = { more_than = 3 }\nmass_disposition = { more_than = 1_000, within = \"168 hours\", disposition = \"qualified\" }",
    ));
    let mass = MassDisposition {
        more_than: 1_000,
        within_ms: 7 * 24 * 3_600_000,
        within: "168 hours".to_owned(),
        disposition: Disposition::Qualified,
    };
    assert_eq!(read.watch, Watch { ping_pong: Some(3), mass_disposition: Some(mass) });
    let prints = [WHOLE.to_owned(), watched("ping_pong = { more_than = 3 }"), watched("ping_pong = { more_than = 4 }")]
        .map(|text| version(&text).fingerprint);
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    let mass = |text: &str| format!("mass_disposition = {{ disposition = \"qualified\", {text} }}");
    for (watch, fault) in [
        ("ping_pong = { more_than = 0 }".to_owned(), "expected 1 to 1000, found 0"),
        ("ping_pong = { more_than = 1001 }".to_owned(), "expected 1 to 1000, found 1001"),
        (mass("more_than = 1, within = \"0 hours\""), "expected an elapsed time up to 168 hours"),
        (mass("more_than = 1, within = \"168.001 hours\""), "expected an elapsed time up to 168 hours"),
        (mass("more_than = 1, within = \"1 business hours\""), "expected an elapsed time up to 168 hours"),
        ("mass_disposition = { more_than = 1, within = \"1 hours\" }".to_owned(), ""),
        (
            mass("more_than = 1, within = \"1 hours\"").replace("qualified", "recycled"),
            "no status has this disposition",
        ),
    ] {
        let told = faults(&watched(&watch));
        assert!(told.iter().any(|told| told.contains(fault)) != fault.is_empty(), "{watch}: {told:?}");
    }
}

#[test]
fn a_promise_may_end_ten_years_later_to_the_instant() {
    // The years of SEMANTICS 12.37 are counted generously: 3,660 days from the version's start.
    let seldom = |hours: &str| {
        let text = with("mon = [\"09:00-18:00\"], tue = [\"09:00-18:00\"]", "");
        let text = text.replace("\"2026-12-24\" = [\"09:00-13:00\"]", &format!("\"2036-01-09\" = [{hours:?}]"));
        let text =
            text.replace("\"2 business days\"", "\"1 business hours\"").replace("\"4 business hours\"", "\"1 hours\"");
        faults(&text.replace("at_most = \"5 business days\"", "at_most = \"5 days\""))
    };
    assert_eq!(seldom("00:00-01:00"), [""; 0]);
    let told = seldom("00:00:01-01:00:01");
    assert!(matches!(&told[..], [fault] if fault.contains("ends more than 10 years later")), "{told:?}");
}

#[test]
fn holidays_of_a_file_keep_the_names_that_it_gives() {
    let text = with("[\"2026-12-25\"]", "[\"h.ics\"]");
    let event = |date: &str, more: &str| format!("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{date}\r\n{more}END:VEVENT\r\n");
    let (named, bare) = (event("20261225", "SUMMARY:Christmas\r\n"), event("20261226", ""));
    let file = format!("BEGIN:VCALENDAR\r\n{named}{bare}END:VCALENDAR\r\n");
    let policy = parse("p.toml", &text, &|_| Ok(file.clone())).expect("a policy");
    let spec = policy.versions[0].calendars[0].1.spec();
    let dates: Vec<String> = spec.holidays.iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2026-12-25", "2026-12-26"]);
    let names: Vec<(String, &str)> =
        spec.holiday_names.iter().map(|(date, name)| (date.to_string(), &**name)).collect();
    assert_eq!(names, [("2026-12-25".to_owned(), "Christmas")]);
}

#[test]
fn any_kind_holds_for_every_word_and_named_kinds_for_their_own() {
    let these = AnyOf::These(vec!["call".to_owned(), "mail".to_owned()]);
    assert!(AnyOf::Any.holds("visit") && these.holds("mail") && !these.holds("visit"));
}

#[test]
fn starts_points_and_measures_are_what_they_say() {
    let text =
        with("\"assigned\"", "[\"created\", \"assigned\", \"opportunity\"]").replace("breached = -5", "breached = 0");
    let sla = version(&text).slas.remove(0);
    assert!(sla.start.created && sla.start.assigned && sla.start.opportunity);
    assert_eq!(sla.points, Some(Points { met: 10, met_in_half: Some(15), breached: 0 }));
    let elapsed = version(&with("\"2 business days\"", "\"2 days\"")).slas.remove(0);
    let counts = |sla: &Sla| sla.targets.iter().map(Target::counts_open_time).collect::<Vec<_>>();
    assert_eq!((counts(&sla), counts(&elapsed)), (vec![true, false, true], vec![true, false, false]));
}
