//! What one structured CloudEvent says, and every way in which it is refused.

use std::borrow::Cow;

use plazo::event::{
    Event, FactKind, MAX_ATTRIBUTES, MAX_EVENT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES, MAX_VALUE_BYTES, Reason, Rejection,
    decode,
};
use plazo::time::Timestamp;

/// An event of `kind` whose `data` is the JSON text given.
fn event(kind: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"e1","source":"/crm","type":"{kind}","time":"2026-11-23T10:15:30Z","data":{data}}}"#
    )
}

/// An event with other CloudEvents attributes beside `data`.
fn enveloped(attributes: &str) -> String {
    format!(r#"{{{attributes},"data":{{"lead_id":"L1","owner":"ana"}}}}"#)
}

fn refused(text: &str) -> Rejection {
    match decode(text.as_bytes()) {
        Ok(event) => panic!("accepted: {event:?}"),
        Err(rejection) => rejection,
    }
}

fn reason(text: &str) -> Reason {
    refused(text).reason
}

fn accepted(text: &str) -> Event<'_> {
    decode(text.as_bytes()).unwrap_or_else(|rejection| panic!("{rejection}: {text}"))
}

#[test]
fn each_type_says_what_its_data_says() {
    let text = event(
        "lead.created",
        r#"{"lead_id":"L1","status":"new","owner":"ana","team":"north","attributes":{"source":"webinar","score":80.50}}"#,
    );
    let created = accepted(&text);
    assert_eq!((created.id.as_ref(), created.source.as_ref(), created.lead_id.as_ref()), ("e1", "/crm", "L1"));
    assert_eq!(created.time, Timestamp::parse("2026-11-23T10:15:30Z").unwrap());
    assert_eq!(created.recorded_time, None);
    assert_eq!(created.fact.kind, FactKind::Created);
    assert_eq!(created.fact.status.as_deref(), Some("new"));
    assert_eq!(created.fact.owner.as_deref(), Some("ana"));
    assert_eq!(created.fact.team.as_deref(), Some("north"));
    assert_eq!(
        created.fact.attributes.as_slice(),
        [("source".into(), "webinar".into()), ("score".into(), Cow::Borrowed("80.50"))]
    );

    let text = event("lead.assigned", r#"{"lead_id":"L1","owner":"","team":"south"}"#);
    let assigned = accepted(&text).fact;
    assert_eq!((assigned.owner.as_deref(), assigned.team.as_deref()), (Some(""), Some("south")));

    let text =
        event("lead.status_changed", r#"{"lead_id":"L1","from":"new","to":"lost","reason":"budget","owner":"bo"}"#);
    let changed = accepted(&text).fact;
    assert_eq!((changed.status.as_deref(), changed.reason.as_deref()), (Some("lost"), Some("budget")));
    assert_eq!((changed.owner.as_deref(), changed.team), (Some("bo"), None));

    let text = event("lead.activity", r#"{"lead_id":"L1","kind":"call"}"#);
    let call = accepted(&text).fact;
    assert_eq!((call.activity.as_deref(), call.automated), (Some("call"), false));
    assert!(accepted(&event("lead.activity", r#"{"lead_id":"L1","kind":"email","by":"automation"}"#)).fact.automated);
    assert!(!accepted(&event("lead.activity", r#"{"lead_id":"L1","kind":"email","by":"person"}"#)).fact.automated);

    let text = event("lead.updated", r#"{"lead_id":"L1","attributes":{"region":"emea"}}"#);
    assert_eq!(accepted(&text).fact.attributes.as_slice(), [("region".into(), "emea".into())]);
    assert_eq!(accepted(&event("lead.deleted", r#"{"lead_id":"L1"}"#)).fact.kind, FactKind::Deleted);
    let text = event("lead.gap", r#"{"lead_id":"L1","reason":"GAP_UPDATE"}"#);
    let gap = accepted(&text).fact;
    assert_eq!((gap.kind, gap.reason.as_deref(), gap.status), (FactKind::Gap, Some("GAP_UPDATE"), None));
    assert_eq!(accepted(&event("lead.merged", r#"{"lead_id":"L1","into":"L2"}"#)).fact.into.as_deref(), Some("L2"));

    let text =
        event("opportunity.created", r#"{"lead_id":"L1","opportunity_id":"O1","value":12500.5,"currency":"EUR"}"#);
    let opportunity = accepted(&text).fact.opportunity.unwrap();
    assert_eq!((opportunity.id.as_deref(), opportunity.value), (Some("O1"), Some(12500.5)));
    assert_eq!(opportunity.currency.as_deref(), Some("EUR"));
}

#[test]
fn ordinary_texts_are_borrowed_and_escaped_ones_read() {
    let text = event("lead.created", r#"{"lead_id":"L1","owner":"ana","attributes":{"city":"S\u00e3o \"Paulo\"\n"}}"#);
    let created = accepted(&text);
    assert!(matches!(created.id, Cow::Borrowed(_)));
    assert!(matches!(created.source, Cow::Borrowed(_)));
    assert!(matches!(created.lead_id, Cow::Borrowed(_)));
    assert!(matches!(created.fact.owner, Some(Cow::Borrowed(_))));
    assert!(matches!(created.fact.attributes[0].0, Cow::Borrowed(_)));
    assert_eq!(created.fact.attributes[0].1, "São \"Paulo\"\n");
    let text = event("lead.deleted", r#"{"\u006cead_id":"\ud83d\ude00"}"#);
    assert_eq!(accepted(&text).lead_id, "😀");
}

#[test]
fn absent_and_null_are_both_not_said_and_empty_is_nobody() {
    let text = event("lead.created", r#"{"lead_id":"L1","status":null,"owner":null,"team":null,"attributes":null}"#);
    let bare = event("lead.created", r#"{"lead_id":"L1"}"#);
    assert_eq!(accepted(&text), accepted(&bare));
    assert_eq!(accepted(&bare).fact.owner, None);
    let nobody = event("lead.created", r#"{"lead_id":"L1","owner":"","team":""}"#);
    let nobody = accepted(&nobody).fact;
    assert_eq!((nobody.owner.as_deref(), nobody.team.as_deref()), (Some(""), Some("")));
    let text = event("opportunity.created", r#"{"lead_id":"L1","opportunity_id":null,"value":null}"#);
    let opportunity = accepted(&text).fact.opportunity.unwrap();
    assert_eq!((opportunity.id, opportunity.value, opportunity.currency), (None, None, None));
}

#[test]
fn attribute_values_become_text_and_null_ones_are_left_out() {
    let text = event(
        "lead.updated",
        r#"{"lead_id":"L1","attributes":{"a":4,"b":-1.50e3,"c":true,"d":null,"e":[1, "x"],"f":{"k":null},"g":""}}"#,
    );
    let updated = accepted(&text);
    let read: Vec<(&str, &str)> = updated.fact.attributes.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
    assert_eq!(
        read,
        [("a", "4"), ("b", "-1.50e3"), ("c", "true"), ("e", r#"[1, "x"]"#), ("f", r#"{"k":null}"#), ("g", "")]
    );
}

#[test]
fn the_last_of_a_repeated_key_wins() {
    let text = event("lead.created", r#"{"lead_id":"L0","lead_id":"L1","attributes":{"a":1,"b":2,"a":3,"b":null}}"#);
    let created = accepted(&text);
    assert_eq!(created.lead_id, "L1");
    assert_eq!(created.fact.attributes.as_slice(), [("a".into(), "3".into())]);
    let text = r#"{"data":{"lead_id":"L0","owner":"x"},"specversion":"1.0","id":"e0","id":"e1","source":"s",
        "type":"lead.created","time":"2026-11-23T10:15:30Z","data":{"lead_id":"L1"}}"#;
    let last = accepted(text);
    assert_eq!((last.id.as_ref(), last.lead_id.as_ref(), last.fact.owner), ("e1", "L1", None));
}

#[test]
fn data_may_stand_before_type() {
    let text = r#"{"data":{"to":"won","lead_id":"L1"},"time":"2026-11-23T10:15:30Z","type":"lead.status_changed",
        "source":"s","id":"1","specversion":"1.0"}"#;
    assert_eq!(accepted(text).fact.status.as_deref(), Some("won"));
}

#[test]
fn keys_of_other_people_are_passed_over() {
    let text = r#"{"specversion":"1.0","id":"1","source":"s","type":"lead.deleted","time":"2026-11-23T10:15:30Z",
        "subject":"another","dataschema":"x","traceparent":{"deep":[1,{"a":null}]},"datacontenttype":"application/json",
        "data":{"lead_id":"L1","owner":5,"attributes":[],"kind":[[[]]],"extra":{"x":1e9999}}}"#;
    assert_eq!(accepted(text).lead_id, "L1");
}

#[test]
fn assigned_at_is_the_event_time_and_time_stays_the_append_time_of_a_replay() {
    let text = event("lead.assigned", r#"{"lead_id":"L1","owner":"ana","assigned_at":"2026-11-23T07:00:00-03:00"}"#);
    let assigned = accepted(&text);
    assert_eq!(assigned.time, Timestamp::parse("2026-11-23T10:00:00Z").unwrap());
    assert_eq!(assigned.recorded_time, Some(Timestamp::parse("2026-11-23T10:15:30Z").unwrap()));
    let text = r#"{"specversion":"1.0","id":"1","source":"s","type":"lead.assigned",
        "data":{"lead_id":"L1","owner":"ana","assigned_at":"2026-11-23T10:00:00Z"}}"#;
    assert_eq!(accepted(text).time, Timestamp::parse("2026-11-23T10:00:00Z").unwrap());
    assert_eq!(accepted(text).recorded_time, None);
    let text = event("lead.created", r#"{"lead_id":"L1","assigned_at":"2020-01-01T00:00:00Z"}"#);
    assert_eq!(accepted(&text).time, Timestamp::parse("2026-11-23T10:15:30Z").unwrap());
}

#[test]
fn recordedtime_is_read() {
    let text = enveloped(
        r#""specversion":"1.0","id":"1","source":"s","type":"lead.assigned","time":"2026-11-23T10:15:30.5Z","recordedtime":"2026-11-23T11:00:00Z""#,
    );
    assert_eq!(accepted(&text).recorded_time, Some(Timestamp::parse("2026-11-23T11:00:00Z").unwrap()));
}

#[test]
fn a_deletion_without_data_names_its_lead_in_subject() {
    let bare = r#"{"specversion":"1.0","id":"1","source":"s","type":"lead.deleted","time":"2026-11-23T10:15:30Z","subject":"L9"}"#;
    assert_eq!(accepted(bare).lead_id, "L9");
    assert_eq!(reason(&bare.replace("lead.deleted", "lead.created")), Reason::MissingLeadId);
    assert_eq!(reason(&bare.replace(",\"subject\":\"L9\"", "")), Reason::MissingLeadId);
}

#[test]
fn malformed_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "{}x",
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        "{'a':1}",
        "nul",
        "[1",
        "\u{feff}{}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\0\"}",
        r#"{"id":"\ud800"}"#,
        r#"{"data":{"attributes":{"x":"\udc00"}}}"#,
        r#"{"id":01}"#,
        "{\"\\ud800\":1}",
    ] {
        assert_eq!(reason(text), Reason::MalformedJson, "{text}");
    }
    let mut bytes = event("lead.deleted", r#"{"lead_id":"L1"}"#).into_bytes();
    bytes[3] = 0xff;
    assert_eq!(decode(&bytes).unwrap_err().reason, Reason::MalformedJson);
    let cut = event("lead.deleted", r#"{"lead_id":"L1"}"#);
    let rejection = refused(&cut[..cut.len() - 1]);
    assert_eq!((rejection.reason, rejection.id.as_deref()), (Reason::MalformedJson, Some("e1")));
}

#[test]
fn depth_is_no_danger() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(reason(&"[".repeat(100_000)), Reason::MalformedJson);
    assert_eq!(reason(&deep), Reason::NotCloudEvent);
    assert_eq!(reason(&event("lead.created", &deep)), Reason::WrongType);
    assert_eq!(reason(&event("lead.created", &format!(r#"{{"lead_id":{deep}}}"#))), Reason::WrongType);
    let text = event("lead.deleted", &format!(r#"{{"lead_id":"L1","x":{deep}}}"#));
    assert_eq!(accepted(&text).lead_id, "L1");
}

#[test]
fn what_is_no_cloudevent_is_refused() {
    for text in ["[]", "1", "-1", "1.5", "null", "true", "\"x\"", "{}"] {
        assert_eq!(reason(text), Reason::NotCloudEvent, "{text}");
    }
    let whole = r#""specversion":"1.0","id":"1","source":"s","type":"lead.assigned","time":"2026-11-23T10:15:30Z""#;
    accepted(&enveloped(whole));
    for (from, to) in [
        (r#""specversion":"1.0""#, r#""specversion":"0.3""#),
        (r#""specversion":"1.0""#, r#""specversion":1.0"#),
        (r#""specversion":"1.0","#, ""),
        (r#""id":"1""#, r#""id":"""#),
        (r#""id":"1""#, r#""id":1"#),
        (r#""id":"1""#, r#""id":"a\u0000b""#),
        (r#""id":"1","#, ""),
        (r#""source":"s""#, r#""source":"""#),
        (r#""source":"s""#, r#""source":null"#),
        (r#""type":"lead.assigned""#, r#""type":"""#),
        (r#""type":"lead.assigned""#, r#""type":{}"#),
        (r#""id":"1""#, r#""id":"1","datacontenttype":"text/xml""#),
        (r#""id":"1""#, r#""id":"1","datacontenttype":7"#),
        (r#""id":"1""#, r#""id":"1","data_base64":"e30=""#),
    ] {
        assert_eq!(reason(&enveloped(&whole.replace(from, to))), Reason::NotCloudEvent, "{to}");
    }
    for good in
        [r#""datacontenttype":"application/json; charset=utf-8""#, r#""datacontenttype":"application/vnd.crm+JSON""#]
    {
        accepted(&enveloped(&format!("{whole},{good}")));
    }
}

#[test]
fn an_unknown_type_is_refused_and_the_known_ones_are_told() {
    let rejection = refused(&event("lead.exploded", r#"{"lead_id":"L1"}"#));
    assert_eq!((rejection.reason, rejection.id.as_deref()), (Reason::UnknownType, Some("e1")));
    assert!(rejection.detail.contains("lead.exploded") && rejection.detail.contains("lead.status_changed"));
}

#[test]
fn an_event_without_a_lead_id_is_refused() {
    for data in ["{}", r#"{"lead_id":""}"#, r#"{"lead_id":null}"#, "null"] {
        assert_eq!(reason(&event("lead.created", data)), Reason::MissingLeadId, "{data}");
    }
    assert_eq!(reason(&event("lead.deleted", r#"{"lead_id":null}"#)), Reason::MissingLeadId);
}

#[test]
fn wrong_types_are_refused_and_the_field_is_named() {
    for (kind, data, field) in [
        ("lead.created", r#"{"lead_id":17}"#, "data.lead_id"),
        ("lead.created", r#"{"lead_id":"a\u0000"}"#, "data.lead_id"),
        ("lead.created", r#"{"lead_id":["L1"]}"#, "data.lead_id"),
        ("lead.created", "[]", "data"),
        ("lead.created", "\"L1\"", "data"),
        ("lead.created", "3", "data"),
        ("lead.created", r#"{"lead_id":"L1","status":1}"#, "data.status"),
        ("lead.created", r#"{"lead_id":"L1","status":""}"#, "data.status"),
        ("lead.created", r#"{"lead_id":"L1","owner":false}"#, "data.owner"),
        ("lead.created", r#"{"lead_id":"L1","team":{}}"#, "data.team"),
        ("lead.created", r#"{"lead_id":"L1","attributes":[]}"#, "data.attributes"),
        ("lead.created", r#"{"lead_id":"L1","attributes":"x"}"#, "data.attributes"),
        ("lead.assigned", r#"{"lead_id":"L1"}"#, "data.owner"),
        ("lead.assigned", r#"{"lead_id":"L1","owner":null}"#, "data.owner"),
        ("lead.status_changed", r#"{"lead_id":"L1"}"#, "data.to"),
        ("lead.status_changed", r#"{"lead_id":"L1","to":""}"#, "data.to"),
        ("lead.status_changed", r#"{"lead_id":"L1","to":null}"#, "data.to"),
        ("lead.status_changed", r#"{"lead_id":"L1","to":"a","from":3}"#, "data.from"),
        ("lead.status_changed", r#"{"lead_id":"L1","to":"a","reason":3}"#, "data.reason"),
        ("lead.status_changed", r#"{"lead_id":"L1","to":"a","reason":"\u0000"}"#, "data.reason"),
        ("lead.activity", r#"{"lead_id":"L1"}"#, "data.kind"),
        ("lead.activity", r#"{"lead_id":"L1","kind":""}"#, "data.kind"),
        ("lead.activity", r#"{"lead_id":"L1","kind":"call","by":"robot"}"#, "data.by"),
        ("lead.activity", r#"{"lead_id":"L1","kind":"call","by":1}"#, "data.by"),
        ("lead.updated", r#"{"lead_id":"L1"}"#, "data.attributes"),
        ("lead.updated", r#"{"lead_id":"L1","attributes":null}"#, "data.attributes"),
        ("lead.updated", r#"{"lead_id":"L1","attributes":7}"#, "data.attributes"),
        ("lead.merged", r#"{"lead_id":"L1"}"#, "data.into"),
        ("lead.merged", r#"{"lead_id":"L1","into":""}"#, "data.into"),
        ("lead.merged", r#"{"lead_id":"L1","into":"L1"}"#, "data.into"),
        ("opportunity.created", r#"{"lead_id":"L1","opportunity_id":5}"#, "data.opportunity_id"),
        ("opportunity.created", r#"{"lead_id":"L1","value":"12"}"#, "data.value"),
        ("opportunity.created", r#"{"lead_id":"L1","value":1e999}"#, "data.value"),
        ("opportunity.created", r#"{"lead_id":"L1","currency":5}"#, "data.currency"),
    ] {
        let rejection = refused(&event(kind, data));
        assert_eq!(rejection.reason, Reason::WrongType, "{data}");
        assert!(rejection.detail.starts_with(&format!("{field}: expected ")), "{}", rejection.detail);
        assert!(rejection.detail.contains("found "), "{}", rejection.detail);
        assert_eq!(rejection.id.as_deref(), Some("e1"));
    }
}

#[test]
fn what_is_no_instant_from_1970_to_9999_is_refused() {
    let with = |time: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"lead.deleted",{time}"data":{{"lead_id":"L1"}}}}"#
        )
    };
    accepted(&with(r#""time":"1970-01-01T00:00:00Z","#));
    accepted(&with(r#""time":"9999-12-31T23:59:59.999Z","#));
    for time in [
        "",
        r#""time":null,"#,
        r#""time":"","#,
        r#""time":1764000000,"#,
        r#""time":"2026-11-23","#,
        r#""time":"2026-11-23T10:15:30","#,
        r#""time":"2026-02-30T10:15:30Z","#,
        r#""time":"1969-12-31T23:59:59.999Z","#,
        r#""time":"9999-12-31T23:59:59-01:00","#,
        r#""time":"10000-01-01T00:00:00Z","#,
        r#""time":"2026-11-23T10:15:30Z","recordedtime":"soon","#,
    ] {
        assert_eq!(reason(&with(time)), Reason::BadTime, "{time}");
    }
    assert_eq!(
        reason(&event("lead.assigned", r#"{"lead_id":"L1","owner":"a","assigned_at":"noon"}"#)),
        Reason::BadTime
    );
    assert_eq!(reason(&event("lead.assigned", r#"{"lead_id":"L1","owner":"a","assigned_at":5}"#)), Reason::BadTime);
}

#[test]
fn bad_attribute_names_and_values_are_refused() {
    for attributes in [r#"{"":1}"#, r#"{"a\u0001":1}"#, r#"{"a":"\u0000"}"#] {
        let text = event("lead.created", &format!(r#"{{"lead_id":"L1","attributes":{attributes}}}"#));
        assert_eq!(reason(&text), Reason::BadAttribute, "{attributes}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let name = |length: usize| "n".repeat(length);
    let created = |data: String| event("lead.created", &data);
    accepted(&created(format!(r#"{{"lead_id":"{}"}}"#, name(MAX_NAME_BYTES))));
    for text in [
        created(format!(r#"{{"lead_id":"{}"}}"#, name(MAX_NAME_BYTES + 1))),
        created(format!(r#"{{"lead_id":"L1","owner":"{}"}}"#, name(MAX_NAME_BYTES + 1))),
        created(format!(r#"{{"lead_id":"L1","attributes":{{"{}":1}}}}"#, name(MAX_NAME_BYTES + 1))),
        created(format!(r#"{{"lead_id":"L1","attributes":{{"a":"{}"}}}}"#, name(MAX_VALUE_BYTES + 1))),
        event(
            "lead.status_changed",
            &format!(r#"{{"lead_id":"L1","to":"a","reason":"{}"}}"#, name(MAX_VALUE_BYTES + 1)),
        ),
        created(format!(r#"{{"lead_id":"L1","x":"{}"}}"#, name(MAX_EVENT_BYTES))),
    ] {
        assert_eq!(reason(&text), Reason::TooLarge, "{}", &text[..100]);
    }
    let attributes = |count: usize| {
        let entries: Vec<String> = (0..count).map(|n| format!(r#""a{n}":{n}"#)).collect();
        created(format!(r#"{{"lead_id":"L1","attributes":{{{}}}}}"#, entries.join(",")))
    };
    assert_eq!(accepted(&attributes(MAX_ATTRIBUTES)).fact.attributes.len(), MAX_ATTRIBUTES);
    assert_eq!(reason(&attributes(MAX_ATTRIBUTES + 1)), Reason::TooLarge);
    let long_id =
        event("lead.created", r#"{"lead_id":"L1"}"#).replace("\"e1\"", &format!("{:?}", name(MAX_ID_BYTES + 1)));
    let rejection = refused(&long_id);
    assert_eq!((rejection.reason, rejection.id), (Reason::TooLarge, None));
}

#[test]
fn a_refusal_quotes_no_more_than_it_needs() {
    let rejection = refused(&event(&"é".repeat(10_000), r#"{"lead_id":"L1"}"#));
    assert!(rejection.detail.len() < 400, "{}", rejection.detail.len());
}

#[test]
fn every_type_has_one_name() {
    for kind in FactKind::ALL {
        assert_eq!(FactKind::from_type_name(kind.type_name()), Some(kind));
    }
    assert_eq!(FactKind::from_type_name("lead"), None);
}
