//! How events lie in a body: one, a batch, lines, headers and body; and what is written reads back.

use std::borrow::Cow;

use plazo::event::{
    Event, Fact, FactKind, Form, Opportunity, Reason, batch, decode, decode_binary, decode_binary_plain, encode, form,
    lines,
};
use plazo::time::Timestamp;
use proptest::prelude::*;

fn headers<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
    move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

const DELETED: [(&str, &str); 5] = [
    ("specversion", "1.0"),
    ("id", "e1"),
    ("source", "/crm"),
    ("type", "lead.deleted"),
    ("time", "2026-11-23T10:15:30Z"),
];

#[test]
fn the_content_type_names_the_form() {
    for (content_type, ce, body, expected) in [
        (Some("application/cloudevents+json"), false, "{}", Some(Form::One)),
        (Some("Application/CloudEvents+JSON; charset=utf-8"), true, "{}", Some(Form::One)),
        (Some("application/cloudevents-batch+json"), false, "[]", Some(Form::Batch)),
        (Some("application/x-ndjson"), false, "", Some(Form::Lines)),
        (Some("application/ndjson"), false, "", Some(Form::Lines)),
        (Some("application/json"), true, "[]", Some(Form::Binary)),
        (Some("application/vnd.crm+json"), true, "{}", Some(Form::Binary)),
        (None, true, "", Some(Form::Binary)),
        (Some("application/json"), false, " \n[", Some(Form::Batch)),
        (Some("application/json"), false, "{}", Some(Form::One)),
        (None, false, "{}", Some(Form::One)),
        (Some("text/plain"), false, "{}", None),
        (Some("text/plain"), true, "{}", None),
        (Some("application/x-www-form-urlencoded"), false, "{}", None),
    ] {
        assert_eq!(form(content_type, ce, body.as_bytes()), expected, "{content_type:?} {ce} {body}");
    }
}

#[test]
fn a_batch_gives_the_text_of_each_event() {
    let body = br#" [ {"a": [1]} , 7,"x" ] "#;
    assert_eq!(batch(body).unwrap(), [&br#"{"a": [1]}"#[..], b"7", b"\"x\""]);
    assert!(batch(b"[]").unwrap().is_empty());
    assert_eq!(batch(b"{}").unwrap_err().reason, Reason::NotCloudEvent);
    for broken in [&b"[1,"[..], b"[1] 2", b"", b"[{]", b"[\"\xff\"]"] {
        assert_eq!(batch(broken).unwrap_err().reason, Reason::MalformedJson);
    }
}

#[test]
fn lines_pass_over_blanks_and_tolerate_windows() {
    let body = b"\xef\xbb\xbf{\"a\":1}\r\n\r\n  \n{\"b\":2}\n{\"c\":3}";
    let read: Vec<&[u8]> = lines(body).collect();
    assert_eq!(read, [&b"{\"a\":1}"[..], b"{\"b\":2}", b"{\"c\":3}"]);
    assert_eq!(lines(b"\n\n").count(), 0);
}

#[test]
fn binary_mode_reads_headers_and_body() {
    let mut pairs = DELETED.to_vec();
    pairs[3].1 = "lead.status_changed";
    pairs.push(("recordedtime", "2026-11-23T11:00:00Z"));
    pairs.push(("datacontenttype", "application/json"));
    let given = headers(&pairs);
    let event = decode_binary(&given, br#"{"lead_id":"L1","to":"won"}"#).unwrap();
    let structured = br#"{"specversion":"1.0","id":"e1","source":"/crm","type":"lead.status_changed",
        "time":"2026-11-23T10:15:30Z","recordedtime":"2026-11-23T11:00:00Z","data":{"lead_id":"L1","to":"won"}}"#;
    assert_eq!(event, decode(structured).unwrap());
    let broken = decode_binary(&given, b"{").unwrap_err();
    assert_eq!((broken.reason, broken.id.as_deref()), (Reason::MalformedJson, Some("e1")));
    assert_eq!(decode_binary(&given, b"").unwrap_err().reason, Reason::MissingLeadId);
    assert_eq!(decode_binary(&given, b"[]").unwrap_err().reason, Reason::WrongType);
    let none = decode_binary(&|_| None, b"{}").unwrap_err();
    assert_eq!((none.reason, none.id), (Reason::NotCloudEvent, None));
}

#[test]
fn header_values_are_unquoted_and_percent_decoded_over_http_only() {
    let mut pairs = DELETED.to_vec();
    pairs[1].1 = r#""a\"b""#;
    pairs[2].1 = "/S%C3%A3o%20Paulo/100%";
    pairs.push(("subject", "L%2D1"));
    let given = headers(&pairs);
    let event = decode_binary(&given, b"").unwrap();
    assert_eq!((event.id.as_ref(), event.source.as_ref(), event.lead_id.as_ref()), ("a\"b", "/São Paulo/100%", "L-1"));
    let plain = decode_binary_plain(&given, b" ").unwrap();
    assert_eq!((plain.source.as_ref(), plain.lead_id.as_ref()), ("/S%C3%A3o%20Paulo/100%", "L%2D1"));
    let mut odd = pairs.clone();
    odd[2].1 = "%ff";
    assert_eq!(decode_binary(&headers(&odd), b"").unwrap_err().reason, Reason::NotCloudEvent);
}

fn name() -> impl Strategy<Value = Cow<'static, str>> {
    "[^\\x00-\\x1f]{1,12}".prop_map(Cow::Owned)
}

fn said_name() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    proptest::option::of("[^\\x00-\\x1f]{0,12}".prop_map(Cow::Owned))
}

fn any_fact() -> impl Strategy<Value = Fact<'static>> {
    let attributes = proptest::collection::btree_map("[^\\x00-\\x1f]{1,6}", "[^\\x00]{0,12}", 0..7);
    let value = proptest::option::of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO);
    (0..FactKind::ALL.len(), name(), said_name(), said_name(), attributes, any::<bool>(), value, said_name()).prop_map(
        |(kind, word, owner, team, attributes, automated, value, text)| {
            let mut fact = Fact::new(FactKind::ALL[kind]);
            match fact.kind {
                FactKind::Created => {
                    fact.status = automated.then_some(word);
                    (fact.owner, fact.team) = (owner, team);
                }
                FactKind::Assigned => (fact.owner, fact.team) = (Some(word), team),
                FactKind::StatusChanged => {
                    (fact.status, fact.reason, fact.owner, fact.team) = (Some(word), text, owner, team);
                }
                FactKind::Activity => (fact.activity, fact.automated) = (Some(word), automated),
                FactKind::Merged => fact.into = Some(word + "*"),
                FactKind::Opportunity => {
                    fact.opportunity = Some(Box::new(Opportunity { id: text, value, currency: team }));
                }
                FactKind::Gap => fact.reason = text,
                FactKind::Updated | FactKind::Deleted => {}
            }
            if matches!(fact.kind, FactKind::Created | FactKind::Updated) {
                fact.attributes = attributes.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
            }
            fact
        },
    )
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let instant = || (0..=Timestamp::LAST_PRINTABLE.ms()).prop_map(Timestamp::from_ms);
    (name(), name(), "[^\\x00-\\x1f*]{1,12}", instant(), proptest::option::of(instant()), any_fact()).prop_map(
        |(source, id, lead_id, time, recorded_time, fact)| Event {
            source,
            id,
            lead_id: lead_id.into(),
            time,
            recorded_time,
            fact,
        },
    )
}

/// Text that is nearly an event: fragments of one in any order, and noise.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let fragments = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\ud800",
        "null",
        "1e999",
        "-",
        "0",
        "\"data\"",
        "\"lead_id\"",
        "\"L\"",
        "\"type\":\"lead.created\"",
        "\"specversion\":\"1.0\"",
        "\"id\":\"1\"",
        "\"source\":\"s\"",
        "\"attributes\":{",
        "\"time\":\"2026-11-23T10:15:30Z\"",
        " ",
        "\n",
        "\u{0}",
        "é",
    ];
    let fragment = (0..fragments.len()).prop_map(move |at| fragments[at].as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 1..4);
    proptest::collection::vec(prop_oneof![8 => fragment, 1 => noise], 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn an_event_written_reads_back_the_same(event in any_event()) {
        let text = encode(&event);
        prop_assert!(!text.contains(&b'\n'));
        let read = decode(&text);
        prop_assert!(read.is_ok(), "{:?}", read);
        let read = read.unwrap().into_owned();
        prop_assert_eq!(&encode(&read)[..], &text[..]);
        prop_assert_eq!(read, event);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop_oneof![nearly_json(), proptest::collection::vec(any::<u8>(), 0..200)]) {
        let _ = decode(&bytes);
        let _ = batch(&bytes);
        let _ = lines(&bytes).count();
        let text = String::from_utf8_lossy(&bytes);
        let _ = decode_binary(&|_| Some(&text), &bytes);
        let _ = decode_binary(&headers(&DELETED), &bytes);
    }

    #[test]
    fn a_damaged_event_is_refused_or_read_but_never_panics(event in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = encode(&event);
        let at = at.index(text.len());
        text[at] = byte;
        let _ = decode(&text);
        prop_assert!(decode(&text[..at]).is_err());
    }
}
