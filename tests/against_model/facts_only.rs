//! A replay that keeps facts only, beside one that settles each of them.

use crate::engine_properties::config;
use crate::model::Step;
use crate::model::generate::{PolicySpec, Record, TOLERANCE_MS, busy, histories, policies, steps};
use plazo::event::Event;
use plazo::replay::Replay;
use plazo::report::{Collector, Holder, write_json};
use proptest::prelude::*;

/// The report of a replay, as `plazo replay` makes it, and how many notices it told.
fn reported(spec: &PolicySpec, history: &[Record], facts_only: bool) -> (String, u64) {
    let replay = Replay::new(spec.policy(), None, TOLERANCE_MS);
    let mut replay = if facts_only { replay.facts_only() } else { replay };
    for step in steps(history) {
        match step {
            Step::Watermark(watermark) => replay.pass_to(watermark),
            Step::Record { append, event } => {
                let event = Event { recorded_time: Some(append), ..*event };
                replay.apply(&event, &mut |_| Ok(())).expect("nothing is written");
            }
        }
    }
    let end = replay.finish(&mut |_| Ok(())).expect("nothing is written");
    let mut collector = Collector::new(replay.rules(), end, &["source".to_owned()], Holder::Due);
    for record in replay.shard().records() {
        collector.add(record).expect("a record");
    }
    let mut report = Vec::new();
    write_json(&collector.finish(replay.counts.clone()).expect("records"), &mut report).expect("written");
    (String::from_utf8(report).expect("UTF-8"), replay.notices.values().sum())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_replay_that_keeps_facts_only_makes_the_same_report(
        spec in policies(),
        history in prop_oneof![histories().boxed(), busy().boxed()],
    ) {
        let (report, _) = reported(&spec, &history, false);
        prop_assert_eq!(reported(&spec, &history, true), (report, 0));
    }
}
