//! What the stored clocks were governed by, beside the policy at hand.

use super::*;
use crate::policy::kept::{KeptVersion, difference, versions};

fn policy(texts: &[&str]) -> Policy {
    Policy::of(texts.iter().map(|text| version(text)).collect())
}

/// Two versions, kept, and the difference that a policy of these texts makes at a watermark.
fn differs(texts: &[&str], watermark: &str) -> Option<String> {
    let kept = versions(&policy(&[WHOLE, &from("2026-07-01")]));
    difference(&kept, &policy(texts), instant(watermark))
}

const LATER: &str = "2026-12-01T00:00:00Z";

#[test]
fn an_agreement_that_says_the_same_does_not_differ() {
    let later = from("2026-07-01");
    assert_eq!(differs(&[WHOLE, &later], LATER), None);
    assert_eq!(differs(&[&format!("{WHOLE}# a word\n"), &later], LATER), None);
}

#[test]
fn an_edited_version_is_told_line_by_line_once_it_is_in_force() {
    let edited = from("2026-07-01").replace("\"2 business days\"", "\"3 business days\"");
    assert_eq!(differs(&[WHOLE, &edited], "2026-06-30T23:59:59.999Z"), None);
    assert_eq!(
        differs(&[WHOLE, &edited], "2026-07-01T00:00:00Z").as_deref(),
        Some(
            "\nthe version \"Test\" of 2026-07-01T00:00:00Z was edited:\
             \n  -   within = \"2 business days\"\
             \n  +   within = \"3 business days\""
        )
    );
}

#[test]
fn of_a_long_difference_forty_lines_are_told() {
    let words: String = (0..50).map(|word| format!("# {word}\n")).collect();
    let told = differs(&[&format!("{}{words}", with("at_least = 200", "at_least = 201")), &from("2026-07-01")], LATER);
    let told = told.expect("a difference");
    assert_eq!(told.matches("\n  -").count() + told.matches("\n  +").count(), 40);
    assert!(told.ends_with("\n  + # 37\n  …"), "{told}");
}

#[test]
fn a_version_that_is_missing_or_was_added_for_the_past_is_told() {
    assert_eq!(differs(&[WHOLE], LATER).as_deref(), Some("\nthe version \"Test\" of 2026-07-01T00:00:00Z is missing"));
    let (july, november, new_year) = (from("2026-07-01"), from("2026-11-01"), from("2027-01-01"));
    assert_eq!(differs(&[WHOLE, &july, &new_year], LATER), None);
    assert_eq!(
        differs(&[WHOLE, &july, &november, &new_year], LATER).as_deref(),
        Some("\nthe version \"Test\" of 2026-11-01T00:00:00Z was added for a time that has passed")
    );
}

#[test]
fn a_version_may_differ_by_what_it_names_alone() {
    let mut kept = versions(&policy(&[WHOLE]));
    kept[0].fingerprint = "of other holidays".to_owned();
    assert_eq!(
        difference(&kept, &policy(&[WHOLE]), instant(LATER)).as_deref(),
        Some(
            "\nthe version \"Test\" of 2026-01-01T00:00:00Z was edited: not its own text, but a holiday file it names, \
             or this build's time zones"
        )
    );
}

#[test]
fn a_version_is_kept_with_all_that_it_is_recognised_by() {
    let version = version(WHOLE);
    let kept = KeptVersion::of(&version);
    assert_eq!((kept.name, kept.effective_from), ("Test".to_owned(), instant("2026-01-01T00:00:00Z")));
    assert_eq!((kept.fingerprint, kept.text), (version.fingerprint, WHOLE.to_owned()));
}
