//! What cannot be taken, and what becomes of it.

use plazo::time::{Clock, SystemClock};

use crate::kafka::broker::Broker;
use crate::kafka::crm::{event, event_at};
use crate::kafka::site::Site;
use crate::policy;

type Bytes = Option<Vec<u8>>;

#[test]
fn what_cannot_be_taken_is_a_dead_letter_with_its_place_and_reason_and_the_stream_goes_on() {
    let site = Site::named(Broker::shared(), "poison", &policy(60));
    site.create_topics(1);
    let crm = site.crm();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let changed = |id: &str, more: &str| bytes(&event("lead.status_changed", id, "L1", more));
    let good = event("lead.created", "1", "L1", "");
    let ahead = event_at(SystemClock.now().plus_ms(3_600_000), "lead.created", "ahead", "L1", "");
    let by =
        |value: &str| bytes(&event("lead.updated", "by", "L1", &format!(",\"attributes\":{{\"respond_by\":{value}}}")));
    let long = "n".repeat(1_000);
    let large = format!("{{\"large\":\"{}\"}}", "x".repeat(950_000));
    let cases: [(Bytes, Bytes, &str); 20] = [
        (bytes("L1"), bytes("{"), "malformed_json"),
        (bytes("L1"), bytes(""), "malformed_json"),
        (bytes("L1"), Some(b"{\"specversion\":\"1.0\",\"id\":\"\xff\"}".to_vec()), "malformed_json"),
        (bytes("L1"), bytes(r#"{"specversion":"1.0"}"#), "not_cloudevent"),
        (bytes("L1"), bytes("[]"), "not_cloudevent"),
        (bytes("L1"), bytes(&good.replace("\"lead.created\"", "\"lead.invented\"")), "unknown_type"),
        (bytes("L1"), changed("2", ",\"to\":7"), "wrong_type"),
        (bytes("L1"), changed("3", ""), "wrong_type"),
        (bytes("L1"), changed("4", ",\"to\":\"no such status\""), "unknown_status"),
        (bytes("L1"), bytes(&good.replace("\"lead_id\":\"L1\"", "\"other\":\"L1\"")), "missing_lead_id"),
        (bytes("L1"), bytes(&good.replace("\"lead_id\":\"L1\"", "\"lead_id\":\"\"")), "missing_lead_id"),
        (bytes(""), None, "missing_lead_id"),
        (bytes("L1"), bytes(&good.replace("\"time\":\"2", "\"time\":\"yesterday 2")), "bad_time"),
        (bytes("L1"), bytes(&ahead), "future_time"),
        (bytes("L1"), by("\"soon\""), "bad_attribute"),
        (bytes(&long), bytes(&good.replace("L1", &long)), "too_large"),
        (bytes("L2"), bytes(&good), "key_mismatch"),
        (None, bytes(&good), "key_mismatch"),
        (Some(b"\xff".to_vec()), bytes(&good), "key_mismatch"),
        (bytes("L1"), bytes(&large), "too_large"),
    ];
    for (key, value, _) in &cases {
        crm.send_bytes("leads.created", key.as_deref(), value.as_deref(), &[("trace", "kept")]);
    }
    crm.send("leads.created", Some("L1"), Some(&good));
    // A record without value deletes its lead.
    crm.send("leads.changed", Some("L1"), None);
    crm.flush();
    let mut told = site.told();
    let engine = site.engine("one");
    told.until("the good lead is started and cancelled", |told| {
        told.leads("sla.started") == ["L1"] && told.leads("sla.cancelled") == ["L1"]
    });
    let dead = site.read("sla.dead_letters");
    let reasons: Vec<_> = dead.iter().map(|read| read.header("plazo_reason").unwrap_or_default()).collect();
    assert_eq!(reasons, cases.each_ref().map(|(_, _, reason)| *reason));
    for (offset, (read, (key, value, _))) in dead.iter().zip(&cases).enumerate() {
        assert_eq!(read.header("plazo_topic"), Some(site.topic("leads.created").as_str()));
        assert_eq!(read.header("plazo_partition"), Some("0"));
        assert_eq!(read.header("plazo_offset"), Some(offset.to_string().as_str()));
        assert!(read.header("plazo_detail").is_some_and(|detail| !detail.is_empty()), "{offset}");
        let cut = offset == cases.len() - 1;
        assert_eq!(read.header("trace"), (!cut).then_some("kept"), "{offset}");
        assert_eq!(&read.key, key, "{offset}");
        // More than 900,000 bytes are not kept, key and value before headers.
        let kept = value.as_ref().map(|value| &value[..value.len().min(900_000 - 2)]);
        assert_eq!(read.value.as_deref(), kept, "{offset}: the original bytes");
        assert_eq!(read.header("plazo_cut").is_some(), cut, "{offset}");
    }
    assert_eq!(engine.stop().1, Some(0));
    site.until_consumed();
}

#[test]
fn an_event_that_fits_nowhere_is_cut_to_a_dead_letter_and_the_stream_goes_on() {
    let site = Site::named(Broker::shared(), "large", &policy(60));
    site.create_topics(1);
    let crm = site.crm();
    // As much as a client sends by default: with the reason beside it, it would not fit.
    let body = "x".repeat(540_000);
    crm.send_bytes("leads.created", Some(b"L1"), Some(body.as_bytes()), &[("padding", &"h".repeat(450_000))]);
    // Attributes that a lead's record cannot hold.
    let attributes: Vec<String> = (0..12).map(|n| format!("\"a{n}\":{:?}", "v".repeat(15_000))).collect();
    let large = event("lead.created", "large", "L1", &format!(",\"attributes\":{{{}}}", attributes.join(",")));
    crm.send("leads.created", Some("L1"), Some(&large));
    crm.created("L1");
    crm.flush();
    let _engine = site.engine("one");
    site.told().until("the event behind them", |told| told.leads("sla.started") == ["L1"]);
    let dead = site.read("sla.dead_letters");
    let reasons: Vec<_> = dead.iter().map(|read| read.header("plazo_reason").unwrap_or_default()).collect();
    assert_eq!(reasons, ["malformed_json", "too_large"]);
    assert_eq!(dead[0].value.as_deref(), Some(body.as_bytes()));
    assert_eq!(dead[1].value.as_deref(), Some(large.as_bytes()));
    assert_eq!((dead[0].header("plazo_cut"), dead[1].header("plazo_cut")), (Some("true"), None));
}

#[test]
fn a_dead_letter_is_sent_again_once_after_the_policy_knows_its_status() {
    let site = Site::named(Broker::shared(), "again", &policy(60));
    site.create_topics(2);
    let crm = site.crm();
    crm.created("L1");
    crm.status("L1", "won");
    crm.send("leads.changed", Some("L2"), Some("{"));
    crm.flush();
    let engine = site.engine("one");
    site.broker.until("both are refused", || site.read("sla.dead_letters").len() == 2);
    assert_eq!(engine.stop().1, Some(0));
    let (listed, code) = site.dead_letters(&["list", "--reason", "unknown_status"]);
    assert_eq!((listed.lines().count(), code), (1, Some(0)), "{listed}");
    let number = listed.split_whitespace().next().expect("a number").to_owned();
    // The status is agreed; a change of the policy must be accepted.
    let known = policy(60).replace("[[sla]]", "[[status]]\nname = \"won\"\ndisposition = \"qualified\"\n[[sla]]");
    std::fs::write(site.policy(), known).expect("the policy");
    assert_eq!(site.dead_letters(&["resubmit", &number]), ("sent again 1, refused 0\n".to_owned(), Some(0)));
    assert_eq!(site.dead_letters(&["resubmit", &number]), ("sent again 0, refused 1\n".to_owned(), Some(1)));
    assert_eq!(site.dead_letters(&["resubmit", "0/999"]), ("sent again 0, refused 1\n".to_owned(), Some(1)));
    let (left, _) = site.dead_letters(&["list", "--json"]);
    let left: Vec<serde_json::Value> = left.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0]["body"].as_str(), left[0]["key"].as_str()), (Some("{"), Some("L2")));
    assert_eq!(site.dead_letters(&["list", "--resubmitted"]).0.lines().count(), 2);
    let sent = site.read("leads.changed");
    let again: Vec<_> = sent.iter().filter(|read| read.key.as_deref() == Some(b"L1")).collect();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].value, again[1].value, "the original bytes");
    assert!(again[1].headers.is_empty(), "{:?}", again[1].headers);
    let _engine = site.engine_with("one", &["--accept-changed-policy"]);
    site.told().until("it counts", |told| told.leads("sla.met") == ["L1"]);
}
