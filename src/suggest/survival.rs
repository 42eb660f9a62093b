//! Times to an event where some have not happened yet: the Kaplan-Meier estimator, its confidence intervals, the log-rank test.
//!
//! Sources: E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958); M. Greenwood's
//! variance on the scale of log(-log S) (J. D. Kalbfleisch and R. L. Prentice, "The Statistical Analysis of Failure Time Data",
//! 1980; S. Sawyer, "The Greenwood and Exponential Greenwood Confidence Intervals in Survival Analysis", 2003); R. Brookmeyer and
//! J. Crowley, "A confidence interval for the median survival time", Biometrics 38 (1982); N. Mantel, "Evaluation of survival
//! data", Cancer Chemotherapy Reports 50 (1966); S. Holm, "A simple sequentially rejective multiple test procedure",
//! Scandinavian Journal of Statistics 6 (1979). `tests/data/survival` compares with an independent library.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

/// The level of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Shares that differ by less are one: products of shares are rounded.
const SLACK: f64 = 1e-12;

/// One time to the event, or a time that passed without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    pub time: i64,
    /// It happened at `time`; else nothing is known beyond it (right-censored).
    pub happened: bool,
}

/// An estimate with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// A time with its confidence interval; `None`: beyond what was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantile {
    pub time: Option<i64>,
    pub low: Option<i64>,
    pub high: Option<i64>,
}

/// One step of the curve: the share to which it has not happened by `time`.
#[derive(Clone, Copy, Debug)]
struct Step {
    time: i64,
    survival: Share,
}

/// The curve of some observations.
#[derive(Clone, Debug, Default)]
pub struct KaplanMeier {
    steps: Vec<Step>,
    count: u64,
    happened: u64,
    longest: i64,
}

impl KaplanMeier {
    pub fn of(observations: impl IntoIterator<Item = Observation>) -> Self {
        let mut sorted: Vec<Observation> = observations.into_iter().collect();
        sorted.sort_unstable();
        let z = normal_quantile(1.0 - (1.0 - CONFIDENCE) / 2.0);
        let mut curve = KaplanMeier { count: sorted.len() as u64, ..KaplanMeier::default() };
        let mut at_risk = curve.count;
        // Between two censored observations the product telescopes to a quotient of counts, which is exact.
        let (mut before, mut risk_before) = (1.0, at_risk);
        let mut variance = 0.0;
        for group in sorted.chunk_by(|one, other| one.time == other.time) {
            let deaths = group.iter().filter(|observation| observation.happened).count() as u64;
            let time = group[0].time;
            curve.longest = time;
            let left = at_risk - deaths;
            if deaths > 0 {
                let estimate = before * left as f64 / risk_before as f64;
                if left > 0 {
                    variance += deaths as f64 / (at_risk as f64 * left as f64);
                }
                curve.steps.push(Step { time, survival: with_interval(estimate, variance, z) });
            }
            curve.happened += deaths;
            at_risk -= group.len() as u64;
            if group.len() as u64 > deaths {
                (before, risk_before) = (curve.steps.last().map_or(1.0, |step| step.survival.estimate), at_risk);
            }
        }
        curve
    }

    /// How many observations it was made of.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// To how many of them it happened.
    pub fn happened(&self) -> u64 {
        self.happened
    }

    /// The share to which it happens by `time`; `None` beyond the longest observation, where that was censored, and of nothing.
    pub fn share_by(&self, time: i64) -> Option<Share> {
        let index = self.steps.partition_point(|step| step.time <= time);
        let all = |share: Share| Share { estimate: 1.0 - share.estimate, low: 1.0 - share.high, high: 1.0 - share.low };
        match index.checked_sub(1) {
            _ if self.count == 0 => None,
            _ if time > self.longest && self.steps.last().is_none_or(|step| step.survival.estimate > 0.0) => None,
            None => Some(Share { estimate: 0.0, low: 0.0, high: 0.0 }),
            Some(last) => Some(all(self.steps[last].survival)),
        }
    }

    /// The time by which it happens to a share `p`: the first at which the curve is at or below `1 - p`, and where the curves of
    /// the interval are (Brookmeyer and Crowley).
    pub fn quantile(&self, p: f64) -> Quantile {
        let first = |bound: fn(&Share) -> f64| {
            self.steps.iter().find(|step| bound(&step.survival) <= 1.0 - p + SLACK).map(|step| step.time)
        };
        Quantile { time: first(|share| share.estimate), low: first(|share| share.low), high: first(|share| share.high) }
    }
}

/// The "exponential" interval of Greenwood, which stays within 0 and 1. Where nothing or all has happened it has no width.
fn with_interval(estimate: f64, variance: f64, z: f64) -> Share {
    if estimate <= 0.0 {
        return Share { estimate: 0.0, low: 0.0, high: 0.0 };
    }
    let log = estimate.ln();
    let wide = z * variance.sqrt() / log;
    let bound = |shift: f64| (-((-log).ln() + shift).exp()).exp();
    Share { estimate, low: bound(-wide), high: bound(wide) }
}

fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The log-rank test of two groups: the probability that groups alike in truth would differ as much. 1 where nothing can be told.
pub fn log_rank(one: &[Observation], other: &[Observation]) -> f64 {
    let mut all: Vec<(Observation, bool)> =
        one.iter().map(|seen| (*seen, true)).chain(other.iter().map(|seen| (*seen, false))).collect();
    all.sort_unstable();
    let (mut at_risk, mut of_one) = (all.len() as f64, one.len() as f64);
    let (mut surplus, mut variance) = (0.0, 0.0);
    for group in all.chunk_by(|(one, _), (other, _)| one.time == other.time) {
        let count = |test: fn(&(Observation, bool)) -> bool| group.iter().filter(|seen| test(seen)).count() as f64;
        let deaths = count(|(seen, _)| seen.happened);
        let deaths_of_one = count(|(seen, of_one)| seen.happened && *of_one);
        if deaths > 0.0 {
            surplus += deaths_of_one - deaths * of_one / at_risk;
        }
        if deaths > 0.0 && at_risk > 1.0 {
            let share = of_one / at_risk;
            variance += deaths * share * (1.0 - share) * (at_risk - deaths) / (at_risk - 1.0);
        }
        of_one -= count(|(_, of_one)| *of_one);
        at_risk -= group.len() as f64;
    }
    if variance <= 0.0 {
        return 1.0;
    }
    let Ok(chi_squared) = ChiSquared::new(1.0) else { return 1.0 };
    chi_squared.sf(surplus * surplus / variance)
}

/// Holm's correction for many comparisons, in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(p_values[index] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}
