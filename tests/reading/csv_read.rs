//! Exports: rows -> events in order of event time, by a map of the columns.

use std::io::{self, Read};

use plazo::event::csv::{CsvMap, read_csv};
use plazo::event::{
    Event, ExportError, FactKind, MAX_EVENT_BYTES, MAX_NAME_BYTES, Place, Reason, Rejection, decode, encode,
};
use plazo::sorter::Room;
use plazo::time::Timestamp;
use proptest::prelude::*;

const CHANGES: &str = r#"
layout       = "row_per_change"
lead         = "id"
created_at   = "opened"
changed_at   = "updated"
time_formats = ["%d/%m/%Y %H:%M", "rfc3339"]
unknown      = ["?"]
status       = "state"
owner        = "rep"
team         = "group"
attributes   = { priority = "prio" }
status_map   = { "-100" = "unknown", "Odd" = "" }
"#;

const HEADER: &str = "id,state,opened,updated,rep,group,prio\n";

fn map(text: &str) -> CsvMap {
    CsvMap::parse(text, "columns.toml").unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// What a file says.
#[derive(Debug, Default, PartialEq)]
struct Exported {
    places: Vec<Place>,
    events: Vec<Event<'static>>,
    refused: Vec<(Place, Rejection)>,
}

fn export<R: Read>(file: R, map: &CsvMap, room: &Room) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
    read_csv(file, map, room, &mut |place, _, event| {
        match event {
            Ok(event) => {
                exported.places.push(place);
                exported.events.push(event.into_owned());
            }
            Err(rejection) => exported.refused.push((place, rejection)),
        }
        Ok(())
    })?;
    Ok(exported)
}

fn read(map_text: &str, csv: &str) -> Exported {
    export(csv.as_bytes(), &map(map_text), &Room::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn changes(rows: &str) -> Exported {
    read(CHANGES, &format!("{HEADER}{rows}"))
}

/// One line an event: `time id: what it says`.
fn told(events: &Exported) -> Vec<String> {
    events.events.iter().map(telling).collect()
}

fn telling(event: &Event<'_>) -> String {
    let fact = &event.fact;
    let mut line = format!("{} {}:", event.time, event.id);
    let parts = [
        ("status", &fact.status),
        ("owner", &fact.owner),
        ("team", &fact.team),
        ("activity", &fact.activity),
        ("into", &fact.into),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            line += &format!(" {name}={value}");
        }
    }
    for (name, value) in &fact.attributes {
        line += &format!(" {name}:{value}");
    }
    line
}

fn refusals(events: &Exported) -> Vec<(u64, Reason, Option<&str>)> {
    events.refused.iter().map(|(place, refused)| (place.line, refused.reason, refused.id.as_deref())).collect()
}

#[test]
fn a_lead_is_created_once_with_its_attributes_and_each_difference_is_a_fact() {
    let events = changes(
        "A,New,1/2/2016 08:00,1/2/2016 09:00,?,north,3\n\
         A,New,1/2/2016 08:00,1/2/2016 10:00,ana,north,3\n\
         A,New,1/2/2016 08:00,1/2/2016 11:00,ana,north,3\n\
         A,Done,1/2/2016 08:00,1/2/2016 12:00,?,south,1\n",
    );
    assert_eq!(
        told(&events),
        [
            "2016-02-01T08:00:00Z A:1:created: priority:3",
            "2016-02-01T09:00:00Z A:1:assigned: owner= team=north",
            "2016-02-01T09:00:00Z A:1:status_changed: status=New",
            "2016-02-01T10:00:00Z A:2:assigned: owner=ana",
            "2016-02-01T12:00:00Z A:4:updated: priority:1",
            "2016-02-01T12:00:00Z A:4:assigned: owner= team=south",
            "2016-02-01T12:00:00Z A:4:status_changed: status=Done",
        ]
    );
    assert_eq!(events.refused, []);
    let places: Vec<(u64, u64)> = events.places.iter().map(|place| (place.line, place.index)).collect();
    assert_eq!(places, [(2, 0), (2, 0), (2, 0), (3, 1), (5, 3), (5, 3), (5, 3)]);
}

#[test]
fn a_creation_comes_before_what_its_own_row_says_at_the_same_instant() {
    assert_eq!(
        told(&changes("A,New,1/2/2016 09:00,1/2/2016 09:00,ana,?,3\n")),
        [
            "2016-02-01T09:00:00Z A:1:created: priority:3",
            "2016-02-01T09:00:00Z A:1:assigned: owner=ana",
            "2016-02-01T09:00:00Z A:1:status_changed: status=New",
        ]
    );
}

#[test]
fn without_a_creation_column_the_first_row_creates_the_lead_and_carries_everything() {
    let columns = CHANGES.replace("created_at   = \"opened\"\n", "");
    let rows = "A,New,x,1/2/2016 09:00,ana,north,3\nA,Done,x,1/2/2016 10:00,ana,north,3\n";
    assert_eq!(
        told(&read(&columns, &format!("{HEADER}{rows}"))),
        [
            "2016-02-01T09:00:00Z A:1:created: status=New owner=ana team=north priority:3",
            "2016-02-01T10:00:00Z A:2:status_changed: status=Done",
        ]
    );
    let nobody = read(&columns, &format!("{HEADER}A,?,x,1/2/2016 09:00,?,?,?\n"));
    assert_eq!(told(&nobody), ["2016-02-01T09:00:00Z A:1:created:"]);
    assert_eq!(nobody.events[0].fact.owner, None);
}

#[test]
fn events_come_by_event_time_and_ties_by_place_in_the_file() {
    let events = changes(
        "B,New,1/2/2016 08:00,1/2/2016 09:00,?,?,?\n\
         A,New,1/2/2016 07:00,1/2/2016 09:00,?,?,?\n\
         B,Done,1/2/2016 08:00,1/2/2016 09:00,?,?,?\n\
         A,Open,1/2/2016 07:00,1/2/2016 08:30,?,?,?\n",
    );
    assert_eq!(
        told(&events),
        [
            "2016-02-01T07:00:00Z A:4:created:",
            "2016-02-01T08:00:00Z B:1:created:",
            "2016-02-01T08:30:00Z A:4:status_changed: status=Open",
            "2016-02-01T09:00:00Z B:1:status_changed: status=New",
            "2016-02-01T09:00:00Z A:2:status_changed: status=New",
            "2016-02-01T09:00:00Z B:3:status_changed: status=Done",
        ]
    );
}

#[test]
fn the_row_before_is_the_one_before_in_time() {
    let events = changes(
        "A,New,1/2/2016 08:00,1/2/2016 09:00,?,?,?\n\
         A,Open,1/2/2016 08:00,1/2/2016 12:00,?,?,?\n\
         A,Open,1/2/2016 08:00,1/2/2016 10:00,?,?,?\n",
    );
    assert_eq!(told(&events)[2..], ["2016-02-01T10:00:00Z A:3:status_changed: status=Open"]);
}

#[test]
fn an_unknown_status_or_attribute_is_not_said_and_an_unknown_owner_is_nobody() {
    let events = changes(
        "A,New,1/2/2016 08:00,1/2/2016 09:00,ana,?,3\n\
         A,?,1/2/2016 08:00,1/2/2016 10:00,,?,?\n\
         A,Odd,1/2/2016 08:00,1/2/2016 11:00,ana,?,3\n\
         A,New,1/2/2016 08:00,1/2/2016 12:00,ana,?,3\n\
         A,-100,1/2/2016 08:00,1/2/2016 13:00,ana,?,3\n",
    );
    assert_eq!(
        told(&events)[3..],
        [
            "2016-02-01T10:00:00Z A:2:assigned: owner=",
            "2016-02-01T11:00:00Z A:3:assigned: owner=ana",
            "2016-02-01T13:00:00Z A:5:status_changed: status=unknown",
        ]
    );
}

#[test]
fn a_bad_cell_refuses_its_event_and_the_rest_is_read() {
    let long = "n".repeat(MAX_NAME_BYTES + 1);
    let events = changes(&format!(
        "A,New,soon,1/2/2016 09:00,?,?,3\n\
         A,Done,soon,1/2/2016 10:00,?,?,3\n\
         B,New,1/2/2016 08:00,never,?,?,3\n\
         ,New,1/2/2016 08:00,1/2/2016 09:00,?,?,3\n\
         C,New,1/2/2016 08:00,1/2/2016 09:00,{long},?,3\n\
         D,New,1/2/2016 08:00\n\
         E,New,1/2/2016 08:00,,?,?,3\n"
    ));
    assert_eq!(
        refusals(&events),
        [
            (2, Reason::BadTime, Some("A:1:created")),
            (4, Reason::BadTime, Some("B:3:status_changed")),
            (5, Reason::MissingLeadId, None),
            (6, Reason::TooLarge, Some("C:5:status_changed")),
            (7, Reason::WrongType, None),
            (8, Reason::BadTime, Some("E:7:status_changed")),
        ]
    );
    assert!(events.refused[0].1.detail.contains("column \"opened\"") && events.refused[0].1.detail.contains("soon"));
    assert_eq!(
        told(&events),
        [
            "2016-02-01T08:00:00Z B:3:created:",
            "2016-02-01T08:00:00Z C:5:created:",
            "2016-02-01T08:00:00Z E:7:created:",
            "2016-02-01T09:00:00Z A:1:updated: priority:3",
            "2016-02-01T09:00:00Z A:1:status_changed: status=New",
            "2016-02-01T10:00:00Z A:2:status_changed: status=Done",
        ]
    );
}

#[test]
fn bytes_that_are_no_utf8_and_rows_too_large_are_refused() {
    let mut csv = HEADER.as_bytes().to_vec();
    csv.extend_from_slice(b"A,\xff,1/2/2016 08:00,1/2/2016 09:00,?,?,?\n");
    csv.extend_from_slice(format!("B,New,{},1/2/2016 09:00,?,?,?\n", "x".repeat(MAX_EVENT_BYTES)).as_bytes());
    csv.extend_from_slice(b"C,New,1/2/2016 08:00,1/2/2016 09:00,?,?,?\n");
    let events = export(&csv[..], &map(CHANGES), &Room::default()).unwrap();
    assert_eq!(refusals(&events), [(2, Reason::WrongType, Some("A:1:status_changed")), (3, Reason::TooLarge, None)]);
    assert_eq!(events.events.last().unwrap().lead_id, "C");
}

#[test]
fn quotes_delimiters_spaces_and_a_byte_order_mark_are_read() {
    let columns = "layout = \"row_per_change\"\nlead = \"id\"\nchanged_at = \"t\"\nstatus = \"s\"\n\
                   attributes = { note = \"n\" }\ndelimiter = \";\"\nsource = \"crm\"";
    let csv = "\u{feff}id; t ;s;n\r\n\" A \";2026-01-01T00:00:00Z;\"on; \"\"hold\"\"\";\"two\nlines\"\r\n\r\nB;2026-01-02T00:00:00Z;ok;";
    let events = read(columns, csv);
    assert_eq!(
        told(&events),
        [
            "2026-01-01T00:00:00Z A:1:created: status=on; \"hold\" note:two\nlines",
            "2026-01-02T00:00:00Z B:2:created: status=ok"
        ]
    );
    assert_eq!(events.events[0].source, "crm");
    let left_open = read(columns, &csv.replace(";ok;", ";\"ok;"));
    assert_eq!(refusals(&left_open), [(5, Reason::WrongType, None)]);
}

#[test]
fn a_refused_row_is_told_by_its_line() {
    for (ending, last) in [("\n", ""), ("\n", "\n"), ("\r\n", ""), ("\r\n", "\r\n")] {
        let rows = [
            "id,state,opened,updated,rep,group,prio",
            ",first,,,,,",
            "A,New,1/2/2016 08:00,1/2/2016 09:00,?,?,\"two",
            "lines\"",
            "",
            "",
            ",second,,,,,\"two",
            "lines\"",
            ",third,,,,,",
        ];
        let events = read(CHANGES, &(rows.join(ending) + last));
        let lines: Vec<u64> = events.refused.iter().map(|(place, _)| place.line).collect();
        assert_eq!(lines, [2, 7, 9], "{ending:?} {last:?}");
        let numbers: Vec<u64> = events.refused.iter().map(|(place, _)| place.index).collect();
        assert_eq!(numbers, [0, 2, 3]);
    }
}

/// A quote that nothing closes takes in all that follows, up to the next quote or the end of the file.
#[test]
fn a_quote_left_open_costs_its_line_and_the_rest_goes_on() {
    for ending in ["\n", "\r\n"] {
        let rows = [
            "id,state,opened,updated,rep,group,prio",
            "A,New,1/2/2016 08:00,1/2/2016 09:00,?,?,3",
            "B,New,1/2/2016 08:00,1/2/2016 09:00,\"?,?,3",
            "",
            "C,New,1/2/2016 08:00,1/2/2016 09:00,?,?,\"two",
            "lines\"",
            "D,New,1/2/2016 08:00,1/2/2016 09:00,?,?,3",
            "E,\"New,1/2/2016 08:00,1/2/2016 09:00,?,?,3",
            "F,New,1/2/2016 08:00,1/2/2016 09:00,?,?,3",
            ",New,1/2/2016 08:00,1/2/2016 09:00,?,?,3",
        ];
        let events = read(CHANGES, &rows.join(ending));
        let lines: Vec<(u64, Reason)> =
            events.refused.iter().map(|(place, refused)| (place.line, refused.reason)).collect();
        assert_eq!(lines, [(3, Reason::WrongType), (8, Reason::WrongType), (10, Reason::MissingLeadId)], "{ending:?}");
        assert!(events.refused[0].1.detail.contains("is a quote left open"), "{:?}", events.refused);
        let created = events.events.iter().filter(|event| event.fact.kind == FactKind::Created);
        let leads: Vec<&str> = created.map(|event| event.lead_id.as_ref()).collect();
        assert_eq!(leads, ["A", "C", "D", "F"], "{ending:?}");
    }
}

#[test]
fn a_row_that_goes_on_and_on_is_refused_and_passed_over() {
    let row = |lead: &str| format!("{lead},New,1/2/2016 08:00,1/2/2016 09:00,?,?,3\n");
    let long = 5 * MAX_EVENT_BYTES;
    let one_line = format!("{HEADER}{}B,{}\n{}", row("A"), "x".repeat(long), row("C"));
    let open = format!("{HEADER}{}B,\"{}", row("A"), row("C").repeat(long / row("C").len()));
    for file in [one_line, open] {
        let events = read(CHANGES, &file);
        assert_eq!(refusals(&events), [(3, Reason::TooLarge, None)]);
        assert_eq!(events.events.last().map(|event| event.lead_id.as_ref()), Some("C"));
        assert_eq!(events.places.last().map(|place| place.line), Some(4));
    }
}

const LEADS: &str = r#"
layout       = "row_per_lead"
lead         = "id"
timezone     = "America/Sao_Paulo"
time_formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]

[[event]]
at         = "created"
type       = "lead.created"
status     = "first_status"
attributes = { source = "channel", score = "score" }

[[event]]
at    = "assigned"
type  = "lead.assigned"
owner = "rep"
team  = "team"

[[event]]
at   = "first_call"
type = "lead.activity"
kind = "call"

[[event]]
at   = "last_mail"
type = "lead.activity"
kind = "email"
by   = "automation"

[[event]]
at   = "qualified"
type = "lead.status_changed"
to   = "qualified"

[[event]]
at     = "closed"
type   = "lead.status_changed"
status = "last_status"

[[event]]
at             = "won"
type           = "opportunity.created"
opportunity_id = "opp"
value          = "amount"
currency       = "cur"

[[event]]
at   = "merged"
type = "lead.merged"
into = "survivor"

[[event]]
at   = "gone"
type = "lead.deleted"

[[event]]
at         = "rescored"
type       = "lead.updated"
attributes = { score = "score" }
"#;

const LEADS_HEADER: &str = "id,created,first_status,channel,score,assigned,rep,team,first_call,last_mail,qualified,closed,last_status,won,opp,amount,cur,merged,survivor,gone,rescored\n";

#[test]
fn each_time_column_that_is_filled_in_is_an_event() {
    let row = "L1,2026-03-02,new,web,80,2026-03-02 09:30:00,ana,north,2026-03-02 10:00:00,2026-03-02 11:00:00,2026-03-03 09:00:00,2026-03-04 09:00:00,won,2026-03-05,O1,1250.5,BRL,2026-03-06,L2,2026-03-07,2026-03-08\n\
               L2,2026-03-02 08:00:00,,,,,,,,,,,,,,,,,,,\n";
    let events = read(LEADS, &format!("{LEADS_HEADER}{row}"));
    assert_eq!(
        told(&events),
        [
            "2026-03-02T03:00:00Z L1:1:created:created: status=new source:web score:80",
            "2026-03-02T11:00:00Z L2:2:created:created:",
            "2026-03-02T12:30:00Z L1:1:assigned:assigned: owner=ana team=north",
            "2026-03-02T13:00:00Z L1:1:activity:first_call: activity=call",
            "2026-03-02T14:00:00Z L1:1:activity:last_mail: activity=email",
            "2026-03-03T12:00:00Z L1:1:status_changed:qualified: status=qualified",
            "2026-03-04T12:00:00Z L1:1:status_changed:closed: status=won",
            "2026-03-05T03:00:00Z L1:1:opportunity.created:won:",
            "2026-03-06T03:00:00Z L1:1:merged:merged: into=L2",
            "2026-03-07T03:00:00Z L1:1:deleted:gone:",
            "2026-03-08T03:00:00Z L1:1:updated:rescored: score:80",
        ]
    );
    let mails: Vec<bool> =
        events.events.iter().filter(|e| e.fact.kind == FactKind::Activity).map(|e| e.fact.automated).collect();
    assert_eq!(mails, [false, true]);
    let opportunity = events.events.iter().find_map(|event| event.fact.opportunity.as_ref()).unwrap();
    assert_eq!(
        (opportunity.id.as_deref(), opportunity.value, opportunity.currency.as_deref()),
        (Some("O1"), Some(1250.5), Some("BRL"))
    );
}

#[test]
fn a_bad_cell_of_a_lead_refuses_that_event_alone() {
    let row = "L1,2026-03-02,new,,,2026-03-02 9h,ana,north,,,,2026-03-04,,2026-03-05,O1,1.250,BRL,2026-03-06,L1,,\n";
    let events = read(LEADS, &format!("{LEADS_HEADER}{}", row.replace("1.250", "a lot")));
    assert_eq!(
        refusals(&events),
        [
            (2, Reason::BadTime, Some("L1:1:assigned:assigned")),
            (2, Reason::WrongType, Some("L1:1:status_changed:closed")),
            (2, Reason::WrongType, Some("L1:1:opportunity.created:won")),
            (2, Reason::WrongType, Some("L1:1:merged:merged")),
        ]
    );
    assert_eq!(told(&events), ["2026-03-02T03:00:00Z L1:1:created:created: status=new"]);
}

#[test]
fn all_that_an_event_says_comes_back_from_a_temporary_file() {
    let row = "L1,2026-03-02,new,web,80,2026-03-02 09:30:00,ana,north,2026-03-02 10:00:00,2026-03-02 11:00:00,2026-03-03 09:00:00,2026-03-04 09:00:00,won,2026-03-05,O1,1250.5,BRL,2026-03-06,L2,2026-03-07,2026-03-08\n";
    // Three rows at the same instants: what one row says stays together and in the map's order.
    let file = format!("{LEADS_HEADER}{row}{row}{row}");
    let fits = export(file.as_bytes(), &map(LEADS), &Room::default()).unwrap();
    assert_eq!(fits.events.len(), 30);
    assert_eq!(export(file.as_bytes(), &map(LEADS), &Room { bytes: 1, ..Room::default() }).unwrap(), fits);
}

#[test]
fn all_faults_of_a_map_are_told_where_they_stand() {
    let text = "layout = \"row_per_chanje\"\nlead = 5\nsource = \"\"\ndelimiter = \"ab\"\ntimezone = \"Europe/Berln\"\n\
                time_formats = [\"rfc3339\", \"iso\", 7]\nunknown = \"?\"\nstatus_map = { a = 1 }\nattribute = {}\n";
    let faults = CsvMap::parse(text, "columns.toml").unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for (fault, expected) in told.iter().zip([
        "columns.toml:1:10: layout: expected \"row_per_change\" or \"row_per_lead\", found \"row_per_chanje\"; did you mean \"row_per_change\"?",
        "columns.toml:2:8: lead: expected a text, found integer",
        "columns.toml:3:10: source: expected a text that is not empty",
        "columns.toml:4:13: delimiter: expected one ASCII character",
        "columns.toml:5:12: timezone: expected an IANA time zone, found \"Europe/Berln\"; did you mean \"Europe/Berlin\"?",
        "columns.toml:6:28: time_formats: expected \"rfc3339\", \"epoch_seconds\", \"epoch_ms\" or a pattern",
        "columns.toml:6:35: time_formats: expected a text, found integer",
        "columns.toml:7:11: unknown: expected a list of texts",
        "columns.toml:8:20: status_map.a: expected a text, found integer",
        "columns.toml:9:1: \"attribute\" is no key here; did you mean \"attributes\"?",
    ]) {
        assert!(fault.starts_with(expected), "{fault}\n{expected}");
    }
    assert_eq!(told.len(), 10, "{told:#?}");
}

#[test]
fn a_map_that_lacks_or_mixes_keys_is_refused() {
    for (text, expected) in [
        ("", "layout: missing"),
        ("layout = \"row_per_change\"\nchanged_at = \"t\"", "lead: missing"),
        ("layout = \"row_per_change\"\nlead = \"id\"", "changed_at: missing"),
        ("layout = \"row_per_lead\"\nlead = \"id\"", "at least one [[event]]"),
        (
            "layout = \"row_per_lead\"\nlead = \"id\"\nstatus = \"s\"\n[[event]]\nat = \"t\"\ntype = \"lead.created\"",
            "status: belongs to",
        ),
        (
            "layout = \"row_per_change\"\nlead = \"id\"\nchanged_at = \"t\"\n[[event]]\nat = \"t\"\ntype = \"lead.created\"",
            "event: belongs to",
        ),
        ("layout = \"row_per_change\"\nlead = \"id\"\nchanged_at = ", "m:3:14: "),
    ] {
        let faults = CsvMap::parse(text, "m").unwrap_err();
        assert!(faults.iter().any(|fault| fault.to_string().contains(expected)), "{text}: {faults:?}");
    }
    for (event, expected) in [
        ("type = \"lead.created\"", "at: missing"),
        ("at = \"t\"", "type: missing"),
        ("at = \"t\"\ntype = \"lead.asigned\"", "did you mean \"lead.assigned\"?"),
        ("at = \"t\"\ntype = \"lead.assigned\"", "owner: missing"),
        ("at = \"t\"\ntype = \"lead.status_changed\"", "to: missing"),
        ("at = \"t\"\ntype = \"lead.status_changed\"\nto = \"a\"\nstatus = \"s\"", "not both"),
        ("at = \"t\"\ntype = \"lead.activity\"", "kind: missing"),
        ("at = \"t\"\ntype = \"lead.activity\"\nkind = \"call\"\nby = \"robot\"", "by: expected"),
        ("at = \"t\"\ntype = \"lead.updated\"", "attributes: missing"),
        ("at = \"t\"\ntype = \"lead.merged\"", "into: missing"),
        ("at = \"t\"\ntype = \"lead.deleted\"\nowner = \"x\"", "\"owner\" is no key here"),
        ("at = \"t\"\ntype = \"lead.deleted\"\n[[event]]\nat = \"t\"\ntype = \"lead.deleted\"", "there is already"),
    ] {
        let text = format!("layout = \"row_per_lead\"\nlead = \"id\"\n[[event]]\n{event}");
        let faults = CsvMap::parse(&text, "m").unwrap_err();
        assert!(faults.iter().any(|fault| fault.message.contains(expected)), "{event}: {faults:?}");
    }
}

#[test]
fn all_columns_that_the_file_lacks_are_told_at_once() {
    let export = |file: &[u8]| export(file, &map(CHANGES), &Room::default());
    let error = export(b"id,stat,updated,updated,rep,group,prio\n").unwrap_err();
    let ExportError::Columns(faults) = error else { panic!("{error}") };
    assert_eq!(
        faults,
        [
            "the file has the column \"updated\" twice",
            "the file has no column \"opened\"",
            "the file has no column \"state\"; did you mean \"stat\"?",
        ]
    );
    assert!(matches!(export(b""), Err(ExportError::Empty)));
    assert_eq!(changes(""), Exported::default());
}

#[test]
fn a_medium_that_fails_is_an_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let file = HEADER.as_bytes().chain(Failing);
    let read = export(file, &map(CHANGES), &Room::default());
    assert!(matches!(read, Err(ExportError::Read(error)) if error.to_string() == "gone"));
}

#[test]
fn the_sample_of_the_incident_log_gives_its_figures() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/incident_log/");
    let columns = std::fs::read_to_string(format!("{directory}columns.toml")).unwrap();
    let file = std::fs::File::open(format!("{directory}sample.csv")).unwrap();
    let events = export(file, &map(&columns), &Room::default()).unwrap();
    assert!(events.refused.is_empty(), "{:?}", events.refused);
    let mut opened = std::collections::BTreeMap::new();
    let mut stopped = std::collections::BTreeMap::new();
    let mut last = Timestamp::MIN;
    for event in &events.events {
        assert!(event.time >= last);
        last = event.time;
        let lead = event.lead_id.to_string();
        if event.fact.kind == FactKind::Created {
            assert_eq!(opened.insert(lead, event.time), None);
        } else if matches!(event.fact.status.as_deref(), Some("Resolved" | "Closed")) {
            stopped.entry(lead).or_insert(event.time);
        }
    }
    assert_eq!(opened.len(), LEADS_OF_SAMPLE);
    for (hours, met) in MET_OF_SAMPLE {
        let within =
            |lead: &String| stopped.get(lead).is_some_and(|stop| stop.since_ms(opened[lead]) <= hours * 3_600_000);
        assert_eq!(opened.keys().filter(|lead| within(lead)).count(), met, "{hours} hours");
    }
}

/// As tests/data/incident_log/README.md has them from an independent calculation.
const LEADS_OF_SAMPLE: usize = 310;
const MET_OF_SAMPLE: [(i64, usize); 3] = [(24, 139), (72, 182), (120, 205)];

/// Room for a few rows, so that most of the file goes through temporary files.
fn hardly_any_room() -> Room {
    Room { bytes: 1_000, ..Room::default() }
}

#[test]
fn a_file_larger_than_its_room_is_read_as_one_that_fits() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/incident_log/");
    let columns = std::fs::read_to_string(format!("{directory}columns.toml")).unwrap();
    let file = std::fs::read(format!("{directory}sample.csv")).unwrap();
    for map in [map(&columns), map(&columns.replace("created_at", "# created_at"))] {
        let fits = export(file.as_slice(), &map, &Room::default()).unwrap();
        assert!(fits.events.len() > 1_000);
        assert_eq!(export(file.as_slice(), &map, &hardly_any_room()).unwrap(), fits);
    }
}

#[test]
fn no_folder_for_temporary_files_is_an_error_that_says_what_to_do() {
    let room = Room { bytes: 10, folder: "/nowhere/at/all".into() };
    let file = format!("{HEADER}A,New,1/2/2016 08:00,1/2/2016 09:00,?,north,3\n");
    let error = export(file.as_bytes(), &map(CHANGES), &room).unwrap_err();
    assert!(matches!(error, ExportError::Sort(_)), "{error:?}");
    assert!(error.to_string().contains("/nowhere/at/all") && error.to_string().contains("TMPDIR"), "{error}");
}

proptest! {
    /// Rows of few leads and hours, so that much happens at once and out of order.
    #[test]
    fn events_of_an_export_do_not_depend_on_its_room(
        rows in proptest::collection::vec(("[A-C]", "New|Done|Open|\\?", 0_u32..6, 0_u32..6, "ana|luis|\\?", "[1-3?]"), 0..60),
        created in any::<bool>(),
    ) {
        let mut csv = HEADER.to_owned();
        for (lead, state, opened, updated, rep, prio) in rows {
            csv += &format!("{lead},{state},1/2/2016 0{opened}:00,1/2/2016 0{updated}:00,{rep},north,{prio}\n");
        }
        let columns = if created { CHANGES.to_owned() } else { CHANGES.replace("created_at   = \"opened\"\n", "") };
        let map = map(&columns);
        let fits = export(csv.as_bytes(), &map, &Room::default()).unwrap();
        prop_assert!(fits.events.is_sorted_by_key(|event| event.time));
        prop_assert_eq!(export(csv.as_bytes(), &map, &hardly_any_room()).unwrap(), fits);
    }

    #[test]
    fn no_file_and_no_map_make_a_reader_panic(rows in "[A-C\",;\n\r/0-9: ?é]{0,120}", text in "[a-z_=\"\\[\\]{}\n# 0-9.]{0,80}", noise in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut csv = format!("{HEADER}{rows}").into_bytes();
        csv.extend_from_slice(&noise);
        let events = export(&csv[..], &map(CHANGES), &Room::default()).unwrap();
        for event in &events.events {
            let text = encode(event);
            prop_assert_eq!(decode(&text).map(Event::into_owned), Ok(event.clone()));
        }
        let _ = CsvMap::parse(&text, "m");
        let _ = CsvMap::parse(&format!("{LEADS}\n{text}"), "m");
    }
}
