//! Stored records outlive the build that wrote them: a fixture of each layout is kept in `tests/data/records`.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed};

use super::*;
use crate::engine::record::{FORMAT_VERSION, RecordError};
use crate::engine::wire::Reader;

/// A lead with all that a record can hold but folded facts: attributes, an opportunity, a merge, pauses, rungs, steps, outcomes
/// taken back.
fn whole() -> Vec<u8> {
    history(None)
}

/// The same with its oldest facts folded: clocks that ended and one that is paused.
fn rich() -> Vec<u8> {
    history(Some(3))
}

const POLICY: &str = r#"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "0 hours"
notify = ["owner"]
[[sla]]
name = "conversion"
start = { on = "opportunity" }
stop = { stage = ["sales_qualified"] }
[[sla.target]]
within = "2 days"
"#;

fn history(max_facts: Option<usize>) -> Vec<u8> {
    let policy = parse_policy(POLICY);
    let mut t = Timeline::of(policy, Options { future_tolerance_ms: 3_600_000, max_facts, ..Options::default() });
    t.at("2 09:00", created().attribute("source", "webinar").attribute("score", "80"));
    t.at("2 10:00", assigned("ana").team("north")).at("2 11:00", call().automated());
    t.at("2 15:00", status("on_hold")).at("2 16:00", status("working")).until("2 20:00");
    t.at("2 21:00", status("qualified")).learnt("2 22:00", "2 18:00", status("unsuitable"));
    t.at("3 09:00", opportunity()).at("4 09:00", status("on_hold"));
    t.at("5 09:00", assigned("").team("")).at("6 09:00", merged());
    t.shard.lead("L1").expect("a lead").to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn the_layout_changes_only_with_its_version() {
    let file = format!("{}/tests/data/records/v{FORMAT_VERSION}.hex", env!("CARGO_MANIFEST_DIR"));
    let kept = std::fs::read_to_string(&file).expect("the fixture of this layout");
    assert_eq!(
        hex(&rich()),
        kept,
        "{file}: another layout needs another FORMAT_VERSION, and this one must still be read"
    );
}

fn kept(version: u8) -> Vec<u8> {
    let file = format!("{}/tests/data/records/v{version}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).expect("the fixture of a layout");
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn a_record_of_the_first_layout_is_read_as_what_it_was() {
    let (mut first, mut now) = (Lead::default(), Lead::default());
    first.decode(&kept(1)).expect("a record of version 1");
    now.decode(&whole()).expect("a record");
    assert_eq!((&first.facts, &first.attributes, &first.ledger), (&now.facts, &now.attributes, &now.ledger));
    assert!(first.lead_id() == "L1" && first.folded.is_none() && !first.silent);
    first.hashes.sort_unstable();
    now.hashes.sort_unstable();
    assert_eq!(first.hashes, now.hashes, "a redelivery is known whichever build stored it");
}

#[test]
fn what_is_decoded_encodes_to_the_same_bytes() {
    let record = rich();
    let mut lead = Lead::default();
    lead.decode(&record).expect("a record");
    let mut again = Vec::new();
    lead.encode(crate::engine::record::next_due(&record), &mut again);
    assert_eq!(again, record);
}

#[test]
fn no_damaged_record_panics_and_a_newer_layout_is_named() {
    let mut record = rich();
    let mut lead = Lead::default();
    for length in 0..record.len() {
        assert!(lead.decode(&record[..length]).is_err(), "cut at {length}");
    }
    for at in 9..record.len() {
        for bit in [0x01, 0x80] {
            record[at] ^= bit;
            // Some damage is another record; none may panic.
            let _any = lead.decode(&record);
            record[at] ^= bit;
        }
    }
    record[0] = FORMAT_VERSION + 1;
    assert_eq!(lead.decode(&record), Err(RecordError::NewerFormat(FORMAT_VERSION + 1)));
    // Cut within the lead id, whose length was read.
    record[0] = FORMAT_VERSION;
    assert_eq!(lead.decode(&record[..11]), Err(RecordError::Damaged(10)));
    for (bytes, damaged) in [(&[][..], 0), (&[FORMAT_VERSION; 8], 0), (&[0; 100], 0), (&[FORMAT_VERSION; 9], 9)] {
        assert_eq!(lead.decode(bytes), Err(RecordError::Damaged(damaged)));
    }
}

#[test]
fn an_attribute_whose_name_or_value_is_no_text_of_the_record_is_damage() {
    let mut lead = Lead::default();
    for (name, value, damaged) in [(0, 0, false), (1_000, 0, true), (0, 1_000, true)] {
        lead.decode(&whole()).expect("a record");
        lead.attributes[0].0 += name;
        lead.attributes[0].1 += value;
        let mut record = Vec::new();
        lead.encode(Timestamp::MAX, &mut record);
        assert_eq!(lead.decode(&record).is_err(), damaged, "{name}, {value}");
    }
}

#[test]
fn more_than_fits_into_what_is_left_is_no_count() {
    let mut reader = Reader::new(&[0; 6]);
    assert_eq!((reader.fits(6, 1), reader.fits(3, 2), reader.fits(7, 1)), (Some(6), Some(3), None));
    assert!(reader.take(2).is_some());
    assert_eq!(
        (reader.fits(4, 1), reader.fits(2, 2), reader.fits(5, 1), reader.fits(3, 2)),
        (Some(4), Some(2), None, None)
    );
}

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, rng_seed: RngSeed::Fixed(11), ..Config::default() })]

    /// Whatever the bytes are: they are refused, or they are a lead that can be stored again, looked at and told of.
    #[test]
    fn any_bytes_are_refused_or_are_a_lead(
        folded in any::<bool>(),
        edits in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.1, any::<Index>()),
        noise in prop::option::weighted(0.1, prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        static RECORDS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [whole(), rich()]);
        static RULES: LazyLock<Arc<policy::Policy>> = LazyLock::new(|| Arc::new(parse_policy(POLICY)));
        let mut record = noise.map_or_else(|| RECORDS[usize::from(folded)].clone(), |noise| [vec![FORMAT_VERSION; 9], noise].concat());
        for (place, byte) in edits {
            let place = place.index(record.len());
            record[place] = byte;
        }
        if let Some(cut) = cut {
            record.truncate(cut.index(record.len()));
        }
        let mut lead = Lead::default();
        if lead.decode(&record).is_err() {
            return Ok(());
        }
        // No count asks for more memory than the bytes have.
        prop_assert!(lead.facts.len() + lead.hashes.len() + lead.attributes.len() + lead.ledger.len() <= record.len());
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        lead.encode(Timestamp::MAX, &mut once);
        lead.decode(&once).expect("what was encoded");
        lead.encode(Timestamp::MAX, &mut twice);
        prop_assert_eq!(&once, &twice);
        let mut shard = Shard::new(RULES.clone(), Options::default(), &["events"]);
        inspect(shard.rules(), &record, instant("20 00:00")).expect("it was decoded before");
        shard.restore_record(record.into()).expect("it was decoded before");
        shard.advance(instant("20 00:00"), 50);
        let mut event = status("working").of(lead.lead_id()).0;
        (event.id, event.time) = (Cow::Borrowed("new"), instant("20 00:00"));
        // Accepted, or refused because it comes after what the damage made of the lead's times.
        let _answer = shard.apply(&event, instant("20 00:00"), (0, 1));
    }
}
