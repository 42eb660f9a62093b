//! The estimators against figures of an independent library (tests/data/survival/expected.py), and what holds of any times.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::survival::{KaplanMeier, Observation, Quantile, Share, holm, log_rank};

/// Weeks in remission (Freireich et al. 1963); negative: censored.
const TREATED: [i64; 21] = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35];
const PLACEBO: [i64; 21] = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];

fn observations(times: &[i64]) -> Vec<Observation> {
    times.iter().map(|time| Observation { time: time.abs(), happened: *time > 0 }).collect()
}

fn expected() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/survival/expected.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the figures")).expect("JSON")
}

fn near(found: f64, expected: &Value) -> bool {
    (found - expected.as_f64().expect("a number")).abs() < 1e-9
}

fn agrees(name: &str, curve: &KaplanMeier, expected: &Value) {
    assert_eq!((curve.count(), curve.happened()), (whole(&expected["clocks"]), whole(&expected["stopped"])), "{name}");
    for (time, share) in expected["shares"].as_object().expect("shares") {
        let found = curve.share_by(time.parse().expect("a time")).expect("observed so far");
        let Share { estimate, low, high } = found;
        for (found, expected) in [estimate, low, high].into_iter().zip(share.as_array().expect("three")) {
            assert!(near(found, expected), "{name} at {time}: {found} for {expected}");
        }
    }
    for (percent, times) in expected["quantiles"].as_object().expect("quantiles") {
        let p = percent[1..].parse::<f64>().expect("a number") / 100.0;
        let Quantile { time, low, high } = curve.quantile(p);
        let expected: Vec<Option<i64>> =
            times.as_array().expect("three").iter().map(|time| time.as_f64().map(|time| time as i64)).collect();
        assert_eq!(vec![time, low, high], expected, "{name} {percent}");
    }
}

fn whole(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn textbook_data_with_ties_and_censoring_give_the_figures_of_an_independent_library() {
    let expected = expected();
    let (treated, placebo) = (observations(&TREATED), observations(&PLACEBO));
    let both: Vec<Observation> = treated.iter().chain(&placebo).copied().collect();
    agrees("treated", &KaplanMeier::of(treated.clone()), &expected["treated"]);
    agrees("placebo", &KaplanMeier::of(placebo.clone()), &expected["placebo"]);
    agrees("both", &KaplanMeier::of(both), &expected["both"]);
    let p = log_rank(&treated, &placebo);
    let whole = expected["log_rank_p"].as_f64().expect("a number");
    assert!((p / whole - 1.0).abs() < 1e-6, "{p} for {whole}");
    assert!((log_rank(&placebo, &treated) / p - 1.0).abs() < 1e-9, "which of the two is asked first");
}

/// The example of Holm's paper's rule by hand: 4 · 0.005, 3 · 0.01, then never less than before, never more than 1.
#[test]
fn many_comparisons_are_corrected_step_by_step() {
    let adjusted = holm(&[0.03, 0.005, 0.9, 0.01]);
    let by_hand = [0.06, 0.02, 0.9, 0.03];
    for (found, expected) in adjusted.iter().zip(by_hand) {
        assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
    }
    assert_eq!(holm(&[0.04, 0.04]), [0.08, 0.08]);
    assert_eq!(holm(&[0.7, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn of_nothing_and_of_what_never_happened_nothing_is_claimed() {
    let nothing = KaplanMeier::of([]);
    assert_eq!((nothing.share_by(5), nothing.quantile(0.5)), (None, Quantile::default()));
    let censored = KaplanMeier::of(observations(&[-3, -7, -7]));
    assert_eq!(censored.quantile(0.5), Quantile::default());
    assert_eq!(censored.share_by(7).map(|share| share.estimate), Some(0.0));
    assert_eq!(censored.share_by(8), None, "nobody was seen for longer");
    let last_censored = KaplanMeier::of(observations(&[3, -7]));
    assert_eq!(last_censored.share_by(8), None);
    assert_eq!(KaplanMeier::of(observations(&[-3, 7])).share_by(8).map(|share| share.estimate), Some(1.0));
    assert_eq!(log_rank(&[], &observations(&TREATED)).to_bits(), 1.0f64.to_bits());
    assert_eq!(log_rank(&[], &[]).to_bits(), 1.0f64.to_bits());
    assert_eq!(log_rank(&observations(&[-3]), &observations(&[-5, -7])).to_bits(), 1.0f64.to_bits());
}

fn times() -> impl Strategy<Value = Vec<Observation>> {
    vec((0..40i64, any::<bool>()).prop_map(|(time, happened)| Observation { time, happened }), 0..60)
}

proptest! {
    #[test]
    fn without_censoring_it_is_the_plain_share(times in vec(0..50i64, 1..80), at in 0..60i64) {
        let curve = KaplanMeier::of(times.iter().map(|time| Observation { time: *time, happened: true }));
        let plain = times.iter().filter(|time| **time <= at).count() as f64 / times.len() as f64;
        let share = curve.share_by(at).expect("all of it was seen");
        prop_assert!((share.estimate - plain).abs() < 1e-12, "{} for {plain}", share.estimate);
        let mut sorted = times.clone();
        sorted.sort_unstable();
        for percent in [50, 75, 90, 95] {
            let nearest = sorted[(percent * sorted.len()).div_ceil(100) - 1];
            prop_assert_eq!(curve.quantile(percent as f64 / 100.0).time, Some(nearest));
        }
    }

    #[test]
    fn order_of_input_does_not_matter(
        (times, shuffled) in times().prop_flat_map(|times| (Just(times.clone()), Just(times).prop_shuffle())),
        at in 0..45i64,
    ) {
        let (one, other) = (KaplanMeier::of(times.clone()), KaplanMeier::of(shuffled.clone()));
        prop_assert_eq!(one.share_by(at), other.share_by(at));
        prop_assert_eq!(one.quantile(0.9), other.quantile(0.9));
        let rest = observations(&TREATED);
        prop_assert_eq!(log_rank(&times, &rest).to_bits(), log_rank(&shuffled, &rest).to_bits());
    }

    #[test]
    fn the_share_grows_with_the_time_and_lies_in_its_interval(times in times(), p in 0.05..0.95f64) {
        let curve = KaplanMeier::of(times);
        let mut before = 0.0;
        for time in 0..=45 {
            let Some(Share { estimate, low, high }) = curve.share_by(time) else { continue };
            prop_assert!(before <= estimate && low <= estimate && estimate <= high && (0.0..=1.0).contains(&high));
            before = estimate;
        }
        let Quantile { time, low, high } = curve.quantile(p);
        prop_assert!(low.unwrap_or(i64::MAX) <= time.unwrap_or(i64::MAX) && time.is_none_or(|time| high.is_none_or(|high| time <= high)));
        if let Some(time) = time {
            prop_assert!(curve.share_by(time).is_some_and(|share| share.estimate >= p - 1e-9));
            prop_assert!(time == 0 || curve.share_by(time - 1).is_some_and(|share| share.estimate < p + 1e-9));
        }
    }
}
