//! What the search found, kept by name.

use std::sync::Arc;

use plazo::calendar::parse_ics;
use plazo::engine::{Applied, Options, Shard};
use plazo::event;
use plazo::policy;
use plazo::time::{DAY_MS, Timestamp};

#[test]
fn components_in_components_do_not_overflow_the_stack() {
    let text = format!("BEGIN:VCALENDAR\r\n{}", "BEGIN:VEVENT\r\n".repeat(20_000));
    let refused = parse_ics(&text).expect_err("no calendar nests so deep");
    assert_eq!(refused.message, "components nest deeper than 8");
}

/// No event speaks of a time before 1970, but a damaged record may: what a clock measures there saturates.
#[test]
fn a_clock_from_before_the_years_of_calendars_pauses_and_goes_on() {
    let text = r#"
[agreement]
name = "Old"
effective_from = "0001-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "working"
[[status]]
name = "on_hold"
[[status]]
name = "done"
disposition = "qualified"
[calendars.office]
timezone = "UTC"
weekly = { mon = ["09:00-18:00"] }
[[sla]]
name = "old"
calendar = "office"
start = { on = "created" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "4 business hours"
[[sla.reminder]]
at = "50%"
"#;
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    let policy = policy::parse("old.toml", text, &none).expect("a policy").from_the_beginning();
    let options = Options { future_tolerance_ms: 0, retention_ms: None, ..Options::default() };
    let mut shard = Shard::new(Arc::new(policy), options, &["crm"]);
    let told = [
        ("01-01", "created", "status", "working"),
        ("01-02", "status_changed", "to", "on_hold"),
        ("01-03", "status_changed", "to", "working"),
    ];
    for ((day, kind, key, status), position) in told.into_iter().zip(1..) {
        let json = format!(
            r#"{{"specversion":"1.0","id":"{position}","source":"crm","type":"lead.{kind}","time":"1970-{day}T10:00:00Z","data":{{"lead_id":"L1","{key}":"{status}"}}}}"#
        );
        let mut event = event::decode(json.as_bytes()).expect("an event");
        event.time = event.time.plus_ms(-3_650 * DAY_MS);
        assert_eq!(shard.apply(&event, Timestamp(1_000 * position as i64), (0, position)), Ok(Applied::Accepted));
        shard.turn();
        shard.commit();
    }
}
