//! True time, and the clocks that show it wrongly: one at the leader of each input, one at each process of the engine.
//!
//! Between a broker and an engine there is never more than the margin that the engine is told of, but for steps of an engine's
//! clock: forwards by so much that the guard must see it, or backwards, by any amount.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::params::{INPUTS, Params};
use plazo::time::Timestamp;

/// 2026-12-01T08:00:00Z.
pub const BEGIN_MS: i64 = 1_796_112_000_000;

/// A clock that has been set wrongly.
#[derive(Clone, Copy, Debug)]
struct Step {
    by_ms: i64,
    until_ms: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Engine {
    error_ms: i64,
    step: Option<Step>,
}

pub struct Clocks {
    /// True time.
    pub now_ms: i64,
    bound_ms: i64,
    brokers: [i64; INPUTS],
    engines: Vec<Engine>,
    /// Some engine's clock was set forward, or set right after it had been set back: only a broker's stamp confirms it.
    pub stepped: bool,
}

impl Clocks {
    pub fn new(params: &Params, rng: &mut ChaCha8Rng) -> Self {
        let bound_ms = params.skew_ms / 2;
        let mut error = || if bound_ms == 0 { 0 } else { rng.random_range(-bound_ms..=bound_ms) };
        Clocks {
            now_ms: BEGIN_MS,
            bound_ms,
            brokers: [error(), error()],
            engines: (0..params.instances).map(|_| Engine { error_ms: error(), step: None }).collect(),
            stepped: false,
        }
    }

    pub fn broker(&self, input: usize) -> Timestamp {
        Timestamp::from_ms(self.now_ms + self.brokers[input])
    }

    pub fn wall(&self, instance: usize) -> Timestamp {
        let engine = &self.engines[instance];
        Timestamp::from_ms(self.now_ms + engine.error_ms + engine.step.map_or(0, |step| step.by_ms))
    }

    /// A machine sets its clock right before a process starts: a process cannot know that it starts with a wrong one.
    pub fn set_right(&mut self, instance: usize) {
        self.engines[instance].step = None;
    }

    pub fn set_all_right(&mut self) {
        self.engines.iter_mut().for_each(|engine| engine.step = None);
    }

    pub fn pass(&mut self, by_ms: i64, rng: &mut ChaCha8Rng) {
        self.now_ms += by_ms;
        if self.bound_ms > 0 && rng.random_bool(0.1) {
            let bound_ms = self.bound_ms;
            let mut drift = |error_ms: &mut i64| {
                // Mostly a drift, seldom a step within the margin, which the brokers' clocks may make as well.
                let by_ms = if rng.random_bool(0.05) { 2 * bound_ms } else { (bound_ms / 20).max(1) };
                *error_ms = (*error_ms + rng.random_range(-by_ms..=by_ms)).clamp(-bound_ms, bound_ms);
            };
            self.brokers.iter_mut().for_each(&mut drift);
            self.engines.iter_mut().for_each(|engine| drift(&mut engine.error_ms));
        }
        for engine in &mut self.engines {
            if engine.step.is_some_and(|step| step.until_ms <= self.now_ms) {
                engine.step = None;
            }
        }
    }

    /// Sets the clock of an engine wrongly for a while.
    pub fn step(&mut self, instance: usize, rng: &mut ChaCha8Rng) {
        let by_ms = if rng.random_bool(0.6) {
            // More than the guard's margin and the drift together.
            rng.random_range(600 + 2 * self.bound_ms..3_600_000)
        } else {
            -rng.random_range(1..60_000)
        };
        self.stepped = true;
        let until_ms = self.now_ms + rng.random_range(100..20_000);
        self.engines[instance].step = Some(Step { by_ms, until_ms });
    }
}
