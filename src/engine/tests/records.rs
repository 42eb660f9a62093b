//! Stored records outlive the build that wrote them: a fixture of each layout is kept in `tests/data/records`.

use super::*;
use crate::engine::record::{FORMAT_VERSION, RecordError};

/// A lead with all that a record can hold: attributes, an opportunity, a merge, pauses, rungs, steps, outcomes taken back.
fn rich() -> Vec<u8> {
    let mut t = Timeline::new(
        r#"
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
"#,
    );
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
}
