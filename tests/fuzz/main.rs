//! No panic, no hang, bounded memory, on any bytes: events in every form, policies, durations, calendars, `.ics` files, CSV and its
//! maps, stored records, HTTP requests. `make fuzz CASES=N` tries N inputs in all; `tests/data/fuzz` holds what the search begins with
//! beside the shipped policies, and `found` what it found.

mod found;
mod harness;
mod http;

use std::alloc::System;
use std::fs;
use std::path::Path;

use cap::Cap;
use harness::fuzz;
use plazo::calendar::{Duration, Schedule, parse_ics};
use plazo::engine::record::{Lead, next_due};
use plazo::engine::{Rules, inspect};
use plazo::event::csv::{CsvMap, read_csv};
use plazo::event::{self, FactKind};
use plazo::explain;
use plazo::language::Lang;
use plazo::policy::{self, Policy};
use plazo::sorter::Room;
use plazo::time::Timestamp;

/// All inputs are below 64 KiB, and targets run side by side.
const MEMORY: usize = 1 << 30;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MEMORY);

fn file(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn lines(path: &str) -> Vec<Vec<u8>> {
    file(path).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Parts of a file between lines of `====`.
fn parts(path: &str) -> Vec<Vec<u8>> {
    let text = String::from_utf8(file(path)).expect("a text");
    text.split("\n====\n").map(|part| part.as_bytes().to_vec()).collect()
}

const POLICIES: [&str; 2] = ["deploy/policy/en/agreement.toml", "deploy/policy/es/acuerdo.toml"];
const HOLIDAYS: [&str; 3] =
    ["deploy/policy/en/holidays.ics", "deploy/policy/en/us-holidays.ics", "deploy/policy/es/festivos.ics"];

const JSON: &[&str] = &[
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\u0000",
    "\\ud800",
    "1e999",
    "-0",
    "\"specversion\":\"1.0\",",
    "\"data\":",
    "\"lead_id\":",
    "\"data_base64\":\"eyJ9\"",
    "\"time\":\"9999-12-31T23:59:59.999Z\"",
    "\"id\":",
    "\"type\":\"lead.merged\"",
    "\"attributes\":{",
    "\"owner\":\"\"",
    "\"to\":",
    "\"value\":1e308",
    "\u{feff}",
];
const TOML: &[&str] = &[
    "[[sla]]\n",
    "[[sla.target]]\n",
    "[[status]]\n",
    "within = \"1 day\"\n",
    "when = {",
    "}",
    "[",
    "]",
    "\"\"\"",
    "'''",
    "at = \"50%\"\n",
    "after = \"0 hours\"\n",
    "[calendars.x]\n",
    "\"24:00\"",
    "\"22:00-06:00\"",
    "1e999",
    "inf",
    "nan",
    "9999-12-31T23:59:59Z",
    "timezone = \"Africa/Casablanca\"\n",
    "weekly = {",
    "dates = {",
    "\\u0000",
    "= ",
    "\n",
    "end of 100000 business days",
    "999999999 hours",
];
const WORDS_OF_TIME: &[&str] = &[
    "business ",
    "days",
    "hours",
    "end of ",
    "0",
    "9",
    ".",
    " ",
    "999999999999999",
    "0.000000000000001",
    "weeks",
    "-",
    "e",
    "business day",
    "\u{a0}",
    "1 ",
    "minutes",
    "seconds",
    "2d",
];
const ICS: &[&str] = &[
    "BEGIN:VEVENT\r\n",
    "END:VEVENT\r\n",
    "RRULE:FREQ=DAILY\r\n",
    "FREQ=SECONDLY",
    ";INTERVAL=0",
    ";COUNT=4294967295",
    ";BYMONTHDAY=-31",
    ";BYDAY=53MO",
    ";BYSETPOS=-366",
    ";UNTIL=99991231",
    "DTSTART;VALUE=DATE:00010101\r\n",
    "DTEND:",
    "DURATION:P9999999999W\r\n",
    "RDATE:",
    "EXDATE:",
    "RECURRENCE-ID:",
    "UID:a\r\n",
    "\r\n ",
    "T000000Z",
    "é",
    ";BYYEARDAY=366",
    ";WKST=SU",
    ";BYWEEKNO=53",
    ";BYHOUR=23",
];
const CSV: &[&str] = &[
    "\"",
    ",",
    "\r\n",
    "\n",
    "?",
    "31/12/9999 23:59",
    "\u{0}",
    "\u{feff}",
    "29/2/2016 01:16",
    ";",
    "\t",
    "\"\"",
    "INC1",
];
const MAP: &[&str] = &[
    "layout = \"row_per_lead\"\n",
    "[[event]]\n",
    "at = \"opened_at\"\n",
    "type = \"lead.created\"\n",
    "%Y",
    "%",
    "%s",
    "%.9f",
    "timezone = \"UTC\"\n",
    "delimiter = \"\\t\"\n",
    "statuses = {",
    "}",
    "\"",
    "attributes = {",
    "unknown = [",
];
const REQUEST: &[&str] = &[
    "GET ",
    "POST ",
    "/v1/events",
    "/v1/leads/",
    "%2F",
    "%",
    "?",
    "&",
    "limit=",
    "cursor=",
    "after=",
    "18446744073709551616",
    "\ncontent-type: ",
    "application/json",
    "application/x-ndjson",
    "application/cloudevents-batch+json",
    "\nce-id: ",
    "\nce-specversion: 1.0",
    "\naccept: text/plain",
    "\naccept-language: es;q=x",
    "lang=",
    "\n\n",
    "[",
    "{",
    "due_before=",
    "\nlast-event-id: ",
    "\norigin: ",
    "\ncontent-length: ",
];

/// Reads an event as `serde_json` understands its bytes; what is read is written and read again as the same.
fn event_of(bytes: &[u8]) {
    let decoded = event::decode(bytes);
    let malformed = decoded.as_ref().is_err_and(|refused| refused.reason == event::Reason::MalformedJson);
    let too_large = decoded.as_ref().is_err_and(|refused| refused.reason == event::Reason::TooLarge);
    // What is escaped wrongly is found where the text is read.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let broken = serde_json::from_str::<serde::de::IgnoredAny>(text).is_err();
    assert!(too_large || malformed == broken || (malformed && text.contains("\\u")), "malformed: {decoded:?}");
    if let (Ok(event), Ok(value)) = (&decoded, serde_json::from_slice::<serde_json::Value>(bytes)) {
        assert_eq!(value["id"], event.id.as_ref());
        assert_eq!(value["source"], event.source.as_ref());
    }
    if let Ok(event) = decoded {
        let again = event::encode(&event);
        let read =
            event::decode(&again).unwrap_or_else(|refused| panic!("{} refuses {refused:?}", again.escape_ascii()));
        assert_eq!(read.into_owned(), event.into_owned());
    }
}

#[test]
fn structured_events() {
    fuzz("structured_events", 8_000, lines("tests/data/fuzz/events.ndjson"), JSON, event_of);
}

#[test]
fn bodies_of_many_events() {
    let whole = file("tests/data/fuzz/events.ndjson");
    let array = format!("[{}]", String::from_utf8_lossy(&whole).trim().replace('\n', ","));
    fuzz("bodies_of_many_events", 2_000, vec![whole, array.into_bytes()], JSON, |body| {
        for line in event::lines(body) {
            event_of(line);
        }
        for event in event::batch(body).unwrap_or_default() {
            event_of(event);
        }
    });
}

#[test]
fn content_types() {
    fuzz(
        "content_types",
        2_000,
        lines("tests/data/fuzz/content_types.txt"),
        &["ce-", ";", "application/", "json"],
        |text| {
            let (head, body) = text.split_at(text.len() / 2);
            let text = String::from_utf8_lossy(head);
            for has_headers in [false, true] {
                for content_type in [None, Some(text.as_ref())] {
                    let _any = event::form(content_type, has_headers, body);
                }
            }
            let _any = Lang::accepted(&text);
        },
    );
}

#[test]
fn events_in_headers() {
    fuzz("events_in_headers", 6_000, parts("tests/data/fuzz/binary.txt"), JSON, |bytes| {
        let split = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(bytes.len(), |at| at + 2);
        let (head, body) = bytes.split_at(split);
        let head = String::from_utf8_lossy(head);
        let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
        let header = |name: &str| headers.iter().find(|known| known.0 == name).map(|known| known.1);
        let _any = event::decode_binary_plain(&header, body);
        let _any = event::decode_binary(&header, body);
    });
}

fn maps() -> Vec<CsvMap> {
    let texts = parts("tests/data/fuzz/columns.txt");
    texts
        .iter()
        .map(|text| CsvMap::parse(std::str::from_utf8(text).expect("a text"), "map.toml").expect("a map"))
        .collect()
}

#[test]
fn csv_files() {
    let maps = maps();
    fuzz("csv_files", 4_000, parts("tests/data/fuzz/rows.txt"), CSV, move |bytes| {
        for map in &maps {
            let _any = read_csv(bytes, map, &Room::default(), &mut |_, _, event| {
                assert!(event.is_err() || event.is_ok_and(|event| FactKind::ALL.contains(&event.fact.kind)));
                Ok(())
            });
        }
    });
}

#[test]
fn csv_maps() {
    let rows = parts("tests/data/fuzz/rows.txt");
    fuzz("csv_maps", 500, parts("tests/data/fuzz/columns.txt"), MAP, move |bytes| {
        if let Ok(map) = CsvMap::parse(&String::from_utf8_lossy(bytes), "map.toml") {
            for rows in &rows {
                let _any = read_csv(rows.as_slice(), &map, &Room::default(), &mut |_, _, _| Ok(()));
            }
        }
    });
}

#[test]
fn durations() {
    let schedules: Vec<Schedule> = [POLICIES[0], "tests/data/fuzz/calendars.toml"]
        .iter()
        .flat_map(|path| calendars(path))
        .map(|calendar| Schedule { zone: calendar.timezone(), calendar: Some(calendar) })
        .collect();
    fuzz("durations", 8_000, lines("tests/data/fuzz/durations.txt"), WORDS_OF_TIME, move |bytes| {
        let Ok(duration) = Duration::parse(&String::from_utf8_lossy(bytes)) else { return };
        assert_eq!(Duration::parse(&duration.to_string()).as_ref(), Ok(&duration), "written and read again");
        for lang in [Lang::En, Lang::Es] {
            assert!(!lang.within(&duration).is_empty());
        }
        let at = Timestamp(xorshift(bytes) % Timestamp::LAST_PRINTABLE.ms());
        for schedule in &schedules {
            if let Ok(later) = schedule.add(at, &duration) {
                assert!(later >= at, "{duration} after {at} is {later}");
            }
            if let Ok(earlier) = schedule.subtract(at, &duration) {
                assert!(earlier <= at, "{duration} before {at} is {earlier}");
            }
        }
    });
}

/// Any number that the input gives, not negative.
fn xorshift(bytes: &[u8]) -> i64 {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for byte in bytes {
        state ^= u64::from(*byte);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    (state >> 1) as i64
}

fn read_holidays(name: &str) -> std::io::Result<String> {
    match name.ends_with(".ics") {
        true => Ok(String::from_utf8_lossy(&file(HOLIDAYS[0])).into_owned()),
        false => Err(std::io::Error::other("no such file")),
    }
}

fn calendars(path: &str) -> Vec<std::sync::Arc<plazo::calendar::Calendar>> {
    let text = String::from_utf8(file(path)).expect("a text");
    let policy = policy::parse(path, &text, &read_holidays).unwrap_or_else(|faults| panic!("{faults}"));
    policy.versions.into_iter().flat_map(|version| version.calendars).map(|named| named.1).collect()
}

#[test]
fn policies() {
    let mut seeds: Vec<Vec<u8>> = POLICIES.iter().map(|path| file(path)).collect();
    seeds.push(file("tests/data/fuzz/calendars.toml"));
    fuzz("policies", 200, seeds, TOML, |bytes| {
        match policy::parse("p.toml", &String::from_utf8_lossy(bytes), &read_holidays) {
            Ok(policy) => assert!(!policy.versions.is_empty()),
            Err(faults) => assert!(!faults.to_string().is_empty()),
        }
    });
}

#[test]
fn holidays() {
    let mut seeds: Vec<Vec<u8>> = HOLIDAYS.iter().map(|path| file(path)).collect();
    seeds.extend(parts("tests/data/fuzz/events.ics"));
    fuzz("holidays", 200, seeds, ICS, |bytes| {
        let _any = parse_ics(&String::from_utf8_lossy(bytes));
    });
}

fn shipped() -> Policy {
    let text = String::from_utf8(file(POLICIES[0])).expect("a text");
    policy::parse("p.toml", &text, &read_holidays).unwrap_or_else(|faults| panic!("{faults}")).from_the_beginning()
}

fn records() -> Vec<Vec<u8>> {
    let hex = String::from_utf8(file("tests/data/records/v1.hex")).expect("a text").replace('\n', "");
    let digits: Vec<u8> = hex.bytes().map(|digit| char::from(digit).to_digit(16).expect("hexadecimal") as u8).collect();
    vec![digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()]
}

#[test]
fn stored_records() {
    let rules = Rules::new(std::sync::Arc::new(shipped()));
    fuzz("stored_records", 4_000, records(), &["\u{1}", "\u{0}", "\u{7f}", "L1"], move |bytes| {
        let mut lead = Lead::default();
        if lead.decode(bytes).is_err() {
            return;
        }
        let mut encoded = Vec::new();
        lead.encode(next_due(bytes), &mut encoded);
        let mut again = Lead::default();
        again.decode(&encoded).expect("what was written is read");
        let mut twice = Vec::new();
        again.encode(next_due(bytes), &mut twice);
        assert_eq!(twice, encoded, "written again it is the same");
        let as_of = Timestamp(xorshift(bytes) % Timestamp::LAST_PRINTABLE.ms());
        let view = inspect(&rules, &encoded, as_of).expect("a record");
        for lang in [Lang::En, Lang::Es] {
            assert!(!explain::text(&view, lang).is_empty());
        }
    });
}

#[test]
fn http_requests() {
    let routes = http::routes(shipped());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    fuzz("http_requests", 2_000, parts("tests/data/fuzz/requests.txt"), REQUEST, move |bytes| {
        http::answers(&runtime, &routes, bytes);
    });
}
