//! Properties of the engine over random policies and histories: order of arrival, spacing of ticks, restarts, undo, redelivery.

use std::sync::Arc;

use crate::model::Step;
use crate::model::generate::{PolicySpec, Record, TOLERANCE_MS, busy, histories, policies, steps};
use plazo::engine::{Applied, Options, Progress, Shard, Standing, inspect};
use plazo::event::{Event, Reason};
use plazo::policy::{Disposition, MassDisposition, Policy, Watch};
use plazo::time::{DAY_MS, HOUR_MS, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

pub fn config() -> Config {
    let config = Config { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() };
    Config { cases: config.cases.min(200), ..config }
}

fn shard(policy: &Arc<Policy>, tolerance_ms: i64) -> Shard {
    Shard::new(policy.clone(), Options { future_tolerance_ms: tolerance_ms, ..Options::default() }, &["events"])
}

/// How a history is played: everything that must not matter.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// Fire at most so many timers at a time, and look at the clock at instants nobody asked for.
    restless: bool,
    /// After each step, a new shard from the stored bytes.
    restarts: bool,
    /// Each step is undone once and repeated.
    undoes: bool,
    /// Each event comes twice.
    twice: bool,
    /// No timer fires before the end but those of the leads that events are about.
    leaves: bool,
}

fn collect(shard: &mut Shard, told: &mut Vec<String>) {
    let turn = shard.turn();
    for notice in &turn.outbox.notices {
        let json = turn.outbox.json(notice);
        crate::schema_check::validate(json);
        told.push(String::from_utf8_lossy(json).into_owned());
    }
    shard.commit();
}

fn advance(shard: &mut Shard, to: Timestamp, manner: Manner, told: &mut Vec<String>) {
    if manner.restless {
        let from = shard.watermark().max(to.plus_ms(-DAY_MS));
        for part in 1..4 {
            shard.advance(from.plus_ms(to.since_ms(from) / 4 * part), 1);
            collect(shard, told);
        }
        while shard.advance(to, 1) == Progress::More {
            collect(shard, told);
        }
    } else {
        shard.advance(to, if manner.leaves { 0 } else { usize::MAX });
    }
    collect(shard, told);
}

/// What is said, in any order, but for how far the inputs had been read.
fn in_any_order(told: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = told
        .iter()
        .map(|notice| {
            let mut json: serde_json::Value = serde_json::from_str(notice).expect("JSON");
            assert!(json["data"]["as_of"]["offsets"].take().is_object());
            json.to_string()
        })
        .collect();
    lines.sort();
    lines
}

/// Every notice, whole, in order.
fn play(spec: &PolicySpec, history: &[Record], manner: Manner) -> Vec<String> {
    play_by(&Arc::new(spec.policy()), history, manner)
}

fn play_by(policy: &Arc<Policy>, history: &[Record], manner: Manner) -> Vec<String> {
    let mut shard = shard(policy, TOLERANCE_MS);
    let mut told = Vec::new();
    for (step, position) in steps(history).iter().zip(1..) {
        match step {
            Step::Watermark(watermark) => advance(&mut shard, *watermark, manner, &mut told),
            Step::Record { append, event } => {
                advance(&mut shard, *append, manner, &mut told);
                let answer = shard.apply(event, *append, (0, position));
                if manner.undoes {
                    shard.undo();
                    assert_eq!(shard.apply(event, *append, (0, position)), answer);
                }
                collect(&mut shard, &mut told);
                if manner.twice && answer.is_ok() {
                    let before = told.len();
                    assert_eq!(shard.apply(event, *append, (0, position)), Ok(Applied::Duplicate));
                    collect(&mut shard, &mut told);
                    assert_eq!(told.len(), before, "a redelivery is silent");
                }
            }
        }
        if manner.restarts {
            shard = restarted(policy, &shard);
        }
    }
    let watermark = shard.watermark();
    shard.advance(watermark, usize::MAX);
    collect(&mut shard, &mut told);
    told
}

fn restarted(policy: &Arc<Policy>, old: &Shard) -> Shard {
    let mut new = shard(policy, TOLERANCE_MS);
    for record in old.records() {
        new.restore_record(record.into()).expect("a stored record");
    }
    new.restore_position(old.watermark(), &[(0, old.positions()[0].1)]);
    assert_eq!(new.open_clocks(), old.open_clocks(), "the gauges come back");
    new
}

/// The clocks that the facts make, whatever was told of them.
fn clocks(shard: &Shard, as_of: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = shard
        .records()
        .flat_map(|record| {
            let view = inspect(shard.rules(), record, as_of).expect("a record");
            let lead = view.lead_id.clone();
            view.clocks.into_iter().map(move |clock| {
                format!(
                    "{lead} {}#{} {} {} {:?}..{:?}/{:?} {:?} {:?} {:?}",
                    clock.sla,
                    clock.cycle,
                    clock.state.name(),
                    clock.target,
                    clock.started_at,
                    clock.stopped_at,
                    clock.due_at,
                    clock.owner,
                    clock.open_seconds,
                    clock.open_seconds_by_owner
                )
            })
        })
        .collect();
    lines.sort();
    lines
}

/// Every notice, the clocks at the end and how many ended ones were dropped; the places of what was refused as too old.
fn play_capped(
    policy: &Arc<Policy>,
    steps: &[Step],
    max_facts: Option<usize>,
    restarts: bool,
) -> (Vec<String>, (Vec<String>, u64), Vec<usize>) {
    let options = Options { future_tolerance_ms: TOLERANCE_MS, max_facts, ..Options::default() };
    let mut shard = Shard::new(policy.clone(), options, &["events"]);
    let (mut told, mut too_old, mut end) = (Vec::new(), Vec::new(), Timestamp::MIN);
    for (step, place) in steps.iter().zip(0..) {
        match step {
            Step::Watermark(watermark) => drop(shard.advance(*watermark, usize::MAX)),
            Step::Record { append, event } => {
                shard.advance(*append, usize::MAX);
                // Refused events take no part in what follows.
                if let Err(rejection) = shard.apply(event, *append, (0, place as u64 + 1))
                    && rejection.reason == Reason::TooOld
                {
                    too_old.push(place);
                }
            }
        }
        collect(&mut shard, &mut told);
        end = shard.watermark();
        if restarts {
            let mut new = Shard::new(policy.clone(), options, &["events"]);
            for record in shard.records() {
                new.restore_record(record.into()).expect("a stored record");
            }
            new.restore_position(shard.watermark(), &[(0, shard.positions()[0].1)]);
            assert_eq!(new.open_clocks(), shard.open_clocks(), "the gauges come back");
            shard = new;
        }
    }
    let view = |record| inspect(shard.rules(), record, end).expect("a record");
    let dropped = shard.records().filter_map(|record| view(record).folded).map(|folded| folded.clocks).sum();
    (told, (clocks(&shard, end), dropped), too_old)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn folding_the_oldest_facts_changes_nothing_that_is_told(
        spec in policies(),
        history in histories(),
        manner in 0usize..14,
    ) {
        let (max_facts, restarts) = (manner / 2, manner % 2 == 1);
        // What is folded is no longer counted among many leads.
        let mut spec = spec;
        spec.watches.iter_mut().for_each(|watch| watch.mass_disposition = None);
        let policy = Arc::new(spec.policy());
        let mut steps = steps(&history);
        let (told, capped, too_old) = play_capped(&policy, &steps, Some(max_facts), restarts);
        // What came too late for the folded facts is refused here too, for another reason.
        for place in too_old {
            if let Step::Record { append, event } = &mut steps[place] {
                event.time = append.plus_ms(2 * TOLERANCE_MS);
            }
        }
        let whole = play_capped(&policy, &steps, None, false);
        prop_assert_eq!(told, whole.0);
        let (clocks, dropped) = capped;
        prop_assert!(clocks.iter().all(|clock| whole.1.0.contains(clock)), "{clocks:?}\n{:?}", whole.1.0);
        prop_assert_eq!(clocks.len() as u64 + dropped, whole.1.0.len() as u64);
    }

    #[test]
    fn the_spacing_of_ticks_and_the_bound_on_firing_do_not_matter(spec in policies(), history in histories()) {
        let restless = Manner { restless: true, ..Manner::default() };
        prop_assert_eq!(play(&spec, &history, restless), play(&spec, &history, Manner::default()));
    }

    #[test]
    fn timers_of_other_leads_that_are_left_for_later_change_nothing_that_is_told(
        spec in policies(),
        history in histories(),
        restarts in any::<bool>(),
    ) {
        let told = in_any_order(&play(&spec, &history, Manner::default()));
        for undoes in [false, true] {
            let leaves = Manner { leaves: true, restarts, undoes, ..Manner::default() };
            prop_assert_eq!(in_any_order(&play(&spec, &history, leaves)), told.clone());
        }
    }

    #[test]
    fn a_restart_at_every_step_is_no_restart(spec in policies(), history in histories()) {
        let restarts = Manner { restarts: true, ..Manner::default() };
        prop_assert_eq!(play(&spec, &history, restarts), play(&spec, &history, Manner::default()));
    }

    #[test]
    fn an_undone_step_repeats_to_the_byte(spec in policies(), history in histories()) {
        let undoes = Manner { undoes: true, ..Manner::default() };
        prop_assert_eq!(play(&spec, &history, undoes), play(&spec, &history, Manner::default()));
    }

    #[test]
    fn redelivery_is_silent(spec in policies(), history in histories()) {
        let twice = Manner { twice: true, ..Manner::default() };
        prop_assert_eq!(play(&spec, &history, twice), play(&spec, &history, Manner::default()));
    }

    #[test]
    fn any_order_of_arrival_ends_in_the_same_clocks(spec in policies(), history in histories(), order in any::<u64>()) {
        let policy = Arc::new(spec.policy());
        // Facts of distinct event times: ties keep their order of arrival (12.1).
        let mut events: Vec<Event<'_>> = Vec::new();
        let played = steps(&history);
        for step in &played {
            if let Step::Record { event, .. } = step
                && events.iter().all(|known| known.lead_id != event.lead_id || known.time != event.time)
            {
                events.push((**event).clone());
            }
        }
        let Some(end) = events.iter().map(|event| event.time).max().map(|last| last.plus_ms(30 * DAY_MS)) else { return Ok(()) };
        let arrive = |events: &[Event<'_>]| {
            let mut shard = shard(&policy, i64::MAX);
            for (event, position) in events.iter().zip(1..) {
                // Accepted or refused by its own words alone.
                let _answer = shard.apply(event, event.time, (0, position));
                shard.advance(shard.watermark(), usize::MAX);
                shard.commit();
            }
            shard.advance(end, usize::MAX);
            shard.commit();
            clocks(&shard, end)
        };
        let straight = arrive(&events);
        let mut shuffled = events.clone();
        let mut dice = order;
        for index in (1..shuffled.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, (dice >> 33) as usize % (index + 1));
        }
        prop_assert_eq!(arrive(&shuffled), straight);
    }

    #[test]
    fn a_paused_clock_never_breaches(spec in policies(), history in histories()) {
        let mut spec = spec;
        // What a bound does to a pause has tests of its own.
        spec.versions.iter_mut().flat_map(|version| &mut version.1).for_each(|sla| sla.at_most = None);
        let policy = Arc::new(spec.policy());
        let mut shard = shard(&policy, TOLERANCE_MS);
        for (step, position) in steps(&history).iter().zip(1..) {
            let now = match step {
                Step::Watermark(watermark) => *watermark,
                Step::Record { append, event } => {
                    shard.advance(*append, usize::MAX);
                    let _answer = shard.apply(event, *append, (0, position));
                    *append
                }
            };
            shard.advance(now, usize::MAX);
            shard.commit();
            let records: Vec<Vec<u8>> = shard.records().map(<[u8]>::to_vec).collect();
            for record in &records {
                for later in [now, now.plus_ms(400 * DAY_MS)] {
                    let view = inspect(shard.rules(), record, now).expect("a record");
                    let after = inspect(shard.rules(), record, later).expect("a record");
                    for (clock, then) in view.clocks.iter().zip(&after.clocks) {
                        // Facts of the future may resume it.
                        if clock.state == Standing::Paused && view.facts.iter().all(|fact| fact.time <= now) {
                            prop_assert_eq!(then.state, Standing::Paused);
                        }
                    }
                }
            }
        }
    }
}

/// Thresholds so low that a busy history passes them.
fn watched(spec: &PolicySpec) -> Arc<Policy> {
    let mut policy = spec.policy();
    for version in &mut policy.versions {
        let mass_disposition = MassDisposition {
            more_than: 1,
            within_ms: 12 * HOUR_MS,
            within: "12 hours".to_owned(),
            disposition: Disposition::Recycled,
        };
        version.watch = Watch { ping_pong: Some(1), mass_disposition: Some(mass_disposition) };
    }
    Arc::new(policy)
}

#[test]
fn what_is_watched_survives_restarts_undo_redelivery_and_ticks() {
    let (mut handed_on, mut disposed) = (0, 0);
    let seen = std::cell::RefCell::new((&mut handed_on, &mut disposed));
    let played = TestRunner::new(config()).run(&(policies(), busy()), |(spec, history)| {
        let policy = watched(&spec);
        let told = play_by(&policy, &history, Manner::default());
        let of = |kind: &str| told.iter().filter(|notice| notice.contains(&format!("\"type\":\"{kind}\""))).count();
        let mut seen = seen.borrow_mut();
        *seen.0 += of("watch.ping_pong");
        *seen.1 += of("watch.mass_disposition");
        let straight = Manner::default();
        for manner in [
            Manner { restless: true, ..straight },
            Manner { restarts: true, ..straight },
            Manner { undoes: true, ..straight },
            Manner { twice: true, ..straight },
            Manner { restless: true, restarts: true, undoes: true, twice: true, leaves: false },
        ] {
            prop_assert_eq!(&play_by(&policy, &history, manner), &told);
        }
        for manner in
            [Manner { leaves: true, ..straight }, Manner { leaves: true, restarts: true, undoes: true, ..straight }]
        {
            prop_assert_eq!(in_any_order(&play_by(&policy, &history, manner)), in_any_order(&told));
        }
        Ok(())
    });
    if let Err(fault) = played {
        panic!("{fault}");
    }
    assert!(handed_on.min(disposed) > config().cases as usize / 2, "little was watched: {handed_on} and {disposed}");
}
