//! Histories in every format, packed and plain, good and damaged; and the maps that are proposed for them.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;
use plazo::event::csv::{CsvMap, read_csv};
use plazo::event::xes::{XesMap, read_xes};
use plazo::event::{Event, FactKind, encode};
use plazo::history;
use plazo::sorter::Room;
use proptest::prelude::*;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::binary::{POLICY, data, plazo};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("policy.toml", POLICY.as_bytes());
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }
}

/// `count` leads, each assigned and qualified; every `bad`th line is damaged.
fn ndjson(count: usize, bad: usize) -> String {
    let mut text = String::new();
    for lead in 0..count {
        let event = |kind: &str, hour: usize, data: &str| {
            format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{lead}{kind}\",\"source\":\"crm\",\"type\":\"lead.{kind}\",\"time\":\"2026-02-02T{hour:02}:00:00Z\",\"data\":{{\"lead_id\":\"L{lead}\",{data}}}}}\n"
            )
        };
        text.push_str(&event("assigned", 9, "\"owner\":\"ana\""));
        if bad > 0 && lead % bad == 0 {
            text.push_str("{\"specversion\":\n");
        }
        text.push_str(&event("status_changed", 12, "\"to\":\"qualified\""));
    }
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).expect("begun");
        archive.write_all(bytes).expect("packed");
    }
    archive.finish().expect("packed").into_inner()
}

fn replay(folder: &Folder, events: &str, more: &[&str], input: &[u8]) -> Output {
    let policy = folder.path("policy.toml");
    let arguments = [&["replay", "--policy", &policy, "--events", events, "--report", "json"], more].concat();
    plazo(&arguments, input)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_packed_history_is_the_same_history_from_files_and_from_stdin() {
    let folder = Folder::new();
    let plain = ndjson(30, 0);
    let expected = replay(&folder, "-", &[], plain.as_bytes());
    assert!(expected.status.success(), "{expected:?}");
    assert!(String::from_utf8_lossy(&expected.stdout).contains("\"started\": 30"), "{expected:?}");
    // Two packed pieces one after the other are one stream.
    let (one, two) = plain.split_at(plain.len() / 2);
    let pieces = [gzip(one.as_bytes()), gzip(two.as_bytes())].concat();
    let beside = zip(&[("history/events.ndjson", plain.as_bytes()), ("__MACOSX/._events", b"x")]);
    for (name, bytes) in
        [("plain", plain.clone().into_bytes()), ("gz", gzip(plain.as_bytes())), ("pieces", pieces), ("zip", beside)]
    {
        // Told by the first bytes: the name says nothing.
        let file = folder.write("history.dat", &bytes);
        for output in [replay(&folder, &file, &[], b""), replay(&folder, "-", &[], &bytes)] {
            assert_eq!(output.stdout, expected.stdout, "{name}: {}", told(&output));
        }
    }
}

#[test]
fn an_archive_that_is_damaged_or_holds_several_files_is_refused_with_its_name() {
    let folder = Folder::new();
    let plain = ndjson(3, 0);
    let two = zip(&[("a.ndjson", plain.as_bytes()), ("b.ndjson", plain.as_bytes())]);
    let mut cut = gzip(ndjson(2_000, 0).as_bytes());
    cut.truncate(cut.len() / 2);
    for (name, bytes, expected) in [
        ("two.zip", two, "found 2: a.ndjson, b.ndjson"),
        ("none.zip", zip(&[]), "zip"),
        ("cut.gz", cut, "cut.gz: "),
        ("torn.zip", b"PK\x03\x04 and no more".to_vec(), "torn.zip: "),
    ] {
        let output = replay(&folder, &folder.write(name, &bytes), &[], b"");
        if name == "none.zip" {
            // An empty archive begins with its end: it is read as text, and refused line by line.
            assert!(told(&output).contains("malformed_json"), "{output:?}");
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        assert!(told(&output).contains(expected), "{name}: {}", told(&output));
    }
}

#[test]
fn a_packed_history_that_is_cut_short_counts_up_to_there() {
    let folder = Folder::new();
    let plain = ndjson(2_000, 0);
    let mut cut = gzip(plain.as_bytes());
    cut.truncate(cut.len() / 2);
    let mut torn = zip(&[("a.ndjson", plain.as_bytes())]);
    let middle = torn.len() / 2;
    torn[middle] ^= 0xff;
    let csv: String = (0..2_000).map(|lead| format!("L{lead},2026-02-02T09:00:00Z,ana\n")).collect();
    let mut table = gzip(format!("id,at,rep\n{csv}").as_bytes());
    table.truncate(table.len() / 2);
    let map =
        "layout = \"row_per_lead\"\nlead = \"id\"\n[[event]]\nat = \"at\"\ntype = \"lead.assigned\"\nowner = \"rep\"\n";
    let map = folder.write("map.toml", map.as_bytes());
    let of_table = ["--format", "csv", "--map", &map];
    for (name, bytes, more) in [("cut.gz", cut, &[][..]), ("torn.zip", torn, &[]), ("cut.csv.gz", table, &of_table)] {
        let output = replay(&folder, &folder.write(name, &bytes), more, b"");
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        let told = told(&output);
        assert!(told.contains(&format!("{name}: damaged, or cut short: ")), "{name}: {told}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let started = report["slas"]["disposition"]["started"].as_u64().expect("a number");
        assert!((1..=2_000).contains(&started) && (started < 2_000 || name == "torn.zip"), "{name}: {started} of 2000");
    }
}

#[test]
fn damaged_lines_are_listed_with_their_place_and_the_rest_goes_on() {
    let folder = Folder::new();
    let file = folder.write("log.ndjson", ndjson(40, 10).as_bytes());
    let rejected = folder.path("rejected");
    let output = replay(&folder, &file, &["--rejected", &rejected], b"");
    assert_eq!(output.status.code(), Some(0), "without a bound: {output:?}");
    let told = told(&output);
    for line in [2, 23, 44, 65] {
        assert!(told.contains(&format!("log.ndjson:{line}: malformed_json: ")), "{line}: {told}");
    }
    assert!(told.contains("4 events were refused: malformed_json 4"), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["slas"]["disposition"]["met"], &report["events"]["accepted"]), (&40.into(), &80.into()));
    let lines = fs::read_to_string(&rejected).expect("the refusals");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["line"].as_u64()).collect::<Vec<_>>(), [2, 23, 44, 65].map(Some));
}

#[test]
fn more_bad_lines_than_are_bearable_end_with_1() {
    let folder = Folder::new();
    let file = folder.write("log.ndjson", ndjson(40, 10).as_bytes());
    // 4 of 84 are 4.76 %.
    for (share, code) in [("4.7%", 1), ("4.8%", 0), ("0%", 1), ("100%", 0)] {
        let output = replay(&folder, &file, &["--max-bad", share], b"");
        assert_eq!(output.status.code(), Some(code), "{share}: {output:?}");
        assert!(!output.stdout.is_empty(), "the report is there all the same");
        assert_eq!(told(&output).contains("4 of 84 events"), code == 1, "{}", told(&output));
    }
    for wrong in ["4", "101%", "-1%", "x%", "NaN%"] {
        assert_eq!(replay(&folder, &file, &["--max-bad", wrong], b"").status.code(), Some(2), "{wrong}");
    }
    let all = folder.write("bad.ndjson", "no JSON\n".repeat(50).as_bytes());
    let output = replay(&folder, &all, &[], b"");
    let listed = told(&output).lines().filter(|line| line.contains("malformed_json: ")).count();
    assert_eq!(listed, history::MOST_LISTED, "the others are counted");
    assert!(told(&output).contains("30 more") && told(&output).contains("malformed_json 50"), "{}", told(&output));
}

const XES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- A log of two leads. -->
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="__INVALID__"/></global>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="L&amp;1"/>
    <string key="source" value="webinar"><string key="source" value="inner"/></string>
    <event>
      <string key="concept:name" value="new"/>
      <date key="time:timestamp" value="2026-02-02T10:00:00.000+01:00"/>
      <string key="org:resource" value="ana"/>
      <string key="org:group" value="north"/>
      <string key="lifecycle:transition" value="complete"/>
    </event>
    <event>
      <string key="concept:name" value="qualified"/>
      <date key="time:timestamp" value="2026-02-02T12:00:00Z"/>
      <string key="org:resource" value="luis"/>
      <string key="lifecycle:transition" value="start"/>
    </event>
    <event>
      <string key="concept:name" value="qualified"/>
      <date key="time:timestamp" value="2026-02-02T13:00:00Z"/>
      <string key="org:resource" value="luis"/>
      <int key="score" value="90"/>
      <string key="lifecycle:transition" value="COMPLETE"/>
    </event>
    <event>
      <string key="concept:name" value="Phone call"/>
      <date key="time:timestamp" value="2026-02-02T11:00:00"/>
      <string key="org:resource" value="?"/>
    </event>
  </trace>
  <trace>
    <string key="concept:name" value="L2"/>
    <event>
      <string key="concept:name" value="new"/>
      <date key="time:timestamp" value="2026-02-02T08:00:00Z"/>
    </event>
  </trace>
</log>
"#;

fn xes_events(text: &str, map: &str) -> (Vec<String>, Vec<String>) {
    let fits = xes_events_in(text, map, &Room::default());
    assert_eq!(xes_events_in(text, map, &Room { bytes: 1, ..Room::default() }), fits, "through temporary files");
    fits
}

fn xes_events_in(text: &str, map: &str, room: &Room) -> (Vec<String>, Vec<String>) {
    let map = XesMap::parse(map, "map.toml").unwrap_or_else(|faults| panic!("{faults:?}"));
    let line = |event: Event<'_>| {
        let json: Value = serde_json::from_slice(&encode(&event)).expect("JSON");
        let (kind, time) = (json["type"].as_str().expect("a type"), json["time"].as_str().expect("a time"));
        format!("{time} {kind} {}", json["data"])
    };
    let (mut events, mut rejected) = (Vec::new(), Vec::new());
    let read = read_xes(text.as_bytes(), &map, room, &mut |place, _, event| {
        match event {
            Ok(event) => events.push(line(event)),
            Err(rejection) => rejected.push(format!("{}: {rejection}", place.line)),
        }
        Ok(())
    });
    read.unwrap_or_else(|error| panic!("{error}"));
    (events, rejected)
}

#[test]
fn an_xes_log_is_leads_with_what_happened_to_them() {
    let map = "activities = { \"Phone call\" = \"call\" }\nunknown = [\"?\"]\nattributes = { source = \"source\", score = \"score\" }\ntimezone = \"Europe/Madrid\"";
    let (events, rejected) = xes_events(XES, map);
    assert_eq!(rejected, Vec::<String>::new());
    assert_eq!(
        events,
        [
            "2026-02-02T08:00:00Z lead.created {\"lead_id\":\"L2\",\"status\":\"new\"}",
            "2026-02-02T09:00:00Z lead.created {\"attributes\":{\"source\":\"webinar\"},\"lead_id\":\"L&1\",\"owner\":\"ana\",\"status\":\"new\",\"team\":\"north\"}",
            // 11:00 in Madrid; nobody known to have called leaves the owner.
            "2026-02-02T10:00:00Z lead.activity {\"kind\":\"call\",\"lead_id\":\"L&1\"}",
            "2026-02-02T13:00:00Z lead.updated {\"attributes\":{\"score\":\"90\"},\"lead_id\":\"L&1\"}",
            "2026-02-02T13:00:00Z lead.assigned {\"lead_id\":\"L&1\",\"owner\":\"luis\"}",
            "2026-02-02T13:00:00Z lead.status_changed {\"lead_id\":\"L&1\",\"to\":\"qualified\"}",
        ]
    );
}

#[test]
fn a_map_says_what_the_names_of_an_xes_log_mean() {
    let map = "status_map = { new = \"open\" }\nothers = \"ignore\"\nowner = \"\"\nteam = \"\"\ntransitions = []\nlead = \"concept:name\"";
    let (events, _) = xes_events(XES, map);
    assert_eq!(
        events,
        [
            "2026-02-02T08:00:00Z lead.created {\"lead_id\":\"L2\",\"status\":\"open\"}",
            "2026-02-02T09:00:00Z lead.created {\"lead_id\":\"L&1\",\"status\":\"open\"}",
        ]
    );
    let (events, _) = xes_events(XES, "transitions = [\"start\"]\nothers = \"activity\"");
    assert!(events.iter().any(|event| event.contains("lead.activity") && event.contains("qualified")), "{events:?}");
    let faults = XesMap::parse(
        "lede = \"x\"\nothers = \"statuses\"\ntimezone = \"Mars\"\nactivities = { a = \"\" }",
        "map.toml",
    );
    let faults: Vec<String> = faults.expect_err("faults").iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 4, "all at once: {faults:?}");
    assert!(faults[0].starts_with("map.toml:1:1: ") && faults[0].contains("lead"), "{faults:?}");
}

#[test]
fn damage_in_an_xes_log_costs_its_trace_and_no_more() {
    let broken = |from: &str, to: &str| {
        assert!(XES.contains(from), "{from}");
        xes_events(&XES.replacen(from, to, 1), "unknown = [\"?\"]")
    };
    let l2 = "2026-02-02T08:00:00Z lead.created {\"lead_id\":\"L2\",\"status\":\"new\"}";
    for (from, to, line) in [
        ("</event>\n    <event>", "</evnt>\n    <event>", 16),
        ("value=\"north\"/>", "value=\"north/>", 0),
        ("&amp;", "&unheard;", 8),
    ] {
        let (events, rejected) = broken(from, to);
        assert!(events.iter().any(|event| event == l2) || line == 0, "{from} -> {to}: {events:?} {rejected:?}");
        assert!(!events.iter().any(|event| event.contains("L&1")), "{from} -> {to}: {events:?}");
        assert!(!rejected.is_empty(), "{from} -> {to}");
        if line > 0 {
            assert!(rejected[0].starts_with(&format!("{line}: wrong_type: ")), "{from} -> {to}: {rejected:?}");
        }
    }
    // One event at fault, and no more than that.
    let (events, rejected) = broken("2026-02-02T13:00:00Z", "yesterday");
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert!(rejected[0].starts_with("23: bad_time: ") && rejected[0].contains("yesterday"), "{rejected:?}");
    assert!(events.iter().any(|event| event.contains("L&1")) && events.contains(&l2.to_owned()), "{events:?}");
    let (_, rejected) = broken("<string key=\"concept:name\" value=\"L2\"/>", "");
    assert!(rejected[0].starts_with("36: missing_lead_id: "), "{rejected:?}");
    // A log that was cut off keeps the traces before.
    let (events, rejected) = xes_events(&XES[..XES.rfind("<event>").expect("an event")], "unknown = [\"?\"]");
    assert!(events.iter().any(|event| event.contains("L&1")), "{events:?}");
    assert!(rejected.len() == 1 && rejected[0].contains("the end of the file"), "{rejected:?}");
}

#[test]
fn xes_is_replayed_packed_and_refused_where_it_is_something_else() {
    let folder = Folder::new();
    let map = folder.write("map.toml", b"activities = { \"Phone call\" = \"call\" }\nunknown = [\"?\"]\n");
    let more = ["--format", "xes", "--map", map.as_str(), "--until", "2026-02-03T00:00:00Z"];
    let packed = folder.write("log.xes.gz", &gzip(XES.as_bytes()));
    let output = replay(&folder, &packed, &more, b"");
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sla = &report["slas"]["disposition"];
    assert_eq!((&sla["started"], &sla["met"], &sla["by_owner"]["luis"]["met"]), (&1.into(), &1.into(), &1.into()));
    for wrong in ["", "{}", "<html><body/></html>", "id,time\n1,2\n"] {
        let output = replay(&folder, "-", &more, wrong.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{wrong:?}: {output:?}");
        assert!(told(&output).contains("no XES log"), "{wrong:?}: {}", told(&output));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is cut out of a log or put into it, reading ends, and every event has a lead.
    #[test]
    fn no_damage_to_an_xes_log_makes_reading_fail(at in 0..XES.len(), cut in 0_usize..60, put in "[<>/a-z\"&=\\PC]{0,12}") {
        let mut bytes = XES.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put.bytes());
        let mut nameless = false;
        let _whatever_it_is_it_ends = read_xes(bytes.as_slice(), &XesMap::default(), &Room::default(), &mut |_, _, event| {
            nameless |= event.is_ok_and(|event| event.lead_id.is_empty());
            Ok(())
        });
        prop_assert!(!nameless);
    }
}

/// The proposed map gives the figures that an independent script computed (tests/data/incident_log/README.md).
#[test]
fn the_map_proposed_for_a_real_log_gives_its_known_figures() {
    let folder = Folder::new();
    let log = &data("incident_log/sample.csv");
    let output = plazo(&["map", log], b"");
    assert!(output.status.success(), "{output:?}");
    let map = folder.write("map.toml", &output.stdout);
    assert!(told(&output).contains("check: the zone"), "what a person should decide is told: {}", told(&output));
    for (hours, met) in [(24, 139), (72, 182), (120, 205)] {
        let policy = &data(&format!("incident_log/within_{hours}h.toml"));
        let until = "2017-02-18T15:00:00Z";
        let arguments = [
            "replay", "--policy", policy, "--events", log, "--format", "csv", "--map", &map, "--until", until,
            "--report", "json",
        ];
        let output = plazo(&arguments, b"");
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let sla = &report["slas"]["resolution"];
        assert_eq!((&sla["met"], &sla["started"]), (&met.into(), &310.into()), "within {hours} hours");
    }
    let packed = folder.write("log.csv.gz", &gzip(&fs::read(log).expect("the log")));
    let again = plazo(&["map", &packed], b"");
    let lines = |output: &Output| {
        String::from_utf8_lossy(&output.stdout).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&again), lines(&plazo(&["map", log], b"")), "all but the name of the file");
}

const PER_LEAD: &str = "Lead ID;Created;Assigned date;Rep;Qualified at;First call;Score;Channel;Last updated\n\
A-1;03/25/2026 10:00 AM;03/25/2026 11:00 AM;ana;03/26/2026 09:00 AM;;80;webinar;03/27/2026 01:00 PM\n\
A-2;04/02/2026 08:30 AM;;n/a;;04/02/2026 09:00 AM;7;partner;04/02/2026 01:00 PM\n\
A-3;05/03/2026 01:00 PM;05/04/2026 08:00 AM;luis;;;55;webinar;05/13/2026 01:00 PM\n";

#[test]
fn an_export_of_one_row_a_lead_gets_an_event_for_each_time() {
    let guess = history::guess(&mut PER_LEAD.as_bytes(), "leads.csv", 100).expect("a map");
    let map = CsvMap::parse(&guess.map, "map.toml").unwrap_or_else(|faults| panic!("{faults:?}\n{}", guess.map));
    let mut events = Vec::new();
    let read = read_csv(PER_LEAD.as_bytes(), &map, &Room::default(), &mut |_, _, event| {
        events.push(event.unwrap_or_else(|refused| panic!("{refused}\n{}", guess.map)).into_owned());
        Ok(())
    });
    read.expect("a file");
    let told: Vec<(String, FactKind)> = events
        .iter()
        .filter(|event| event.lead_id != "A-3")
        .map(|event| (event.time.to_string(), event.fact.kind))
        .collect();
    let at = |time: &str, kind| (time.to_owned(), kind);
    assert_eq!(
        told,
        [
            at("2026-03-25T10:00:00Z", FactKind::Created),
            at("2026-03-25T11:00:00Z", FactKind::Assigned),
            at("2026-03-26T09:00:00Z", FactKind::StatusChanged),
            at("2026-04-02T08:30:00Z", FactKind::Created),
            at("2026-04-02T09:00:00Z", FactKind::Activity),
        ],
        "{}",
        guess.map
    );
    let created = &events[0];
    let attributes: Vec<(&str, &str)> =
        created.fact.attributes.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(attributes, [("Score", "80"), ("Channel", "webinar")]);
}

#[test]
fn what_cannot_be_guessed_is_said() {
    let ambiguous = "id,changed,state\n1,01/02/2026 10:00,new\n1,03/02/2026 10:00,done\n2,05/06/2026 10:00,new\n";
    let guess = history::guess(&mut ambiguous.as_bytes(), "x.csv", 100).expect("a map");
    assert!(guess.doubts.iter().any(|doubt| doubt.contains("no day is above 12")), "{guess:?}");
    // Neither of two columns of one name can be named; the same where it is no UTF-8, or differs by spaces around it.
    let twice: &[u8] = b"id,changed,state, state,\xff\n1,2026-01-01T00:00:00Z,new,x,1\n1,2026-01-02T00:00:00Z,old,y,2\n2,2026-01-02T00:00:00Z,old,y,2\n";
    let guess = history::guess(&mut &*twice, "x.csv", 100).expect("a map");
    assert!(guess.doubts[0].starts_with("left out \"state\", \"\u{fffd}\" (several columns"), "{guess:?}");
    let map = CsvMap::parse(&guess.map, "map.toml").expect("a map");
    read_csv(twice, &map, &Room::default(), &mut |_, _, _| Ok(())).expect("a map that fits");
    // Half a million columns without a name: comparing each with each would take minutes.
    let commas = ",".repeat(500_000);
    let wide = format!("id,changed{commas}\n1,2026-01-01T00:00:00Z{commas}\n");
    for (text, expected) in [
        (wide.as_str(), "\"\" (several columns"),
        ("", "names of the columns"),
        ("id,state\n", "expected rows"),
        ("id,state\n1,new\n2,old\n", "a column of instants"),
        ("id,id,changed\n1,1,2026-01-01T00:00:00Z\n", "rename"),
        ("state,changed\nnew,2026-01-01T00:00:00Z\nold,2026-01-02T00:00:00Z\n", "the leads' ids"),
    ] {
        let error = history::guess(&mut text.as_bytes(), "x.csv", 100).expect_err("no map");
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
    let folder = Folder::new();
    assert_eq!(plazo(&["map", &folder.write("x.csv", b"id,state\n")], b"").status.code(), Some(1));
    assert_eq!(plazo(&["map", &folder.path("missing.csv")], b"").status.code(), Some(3));
    assert_eq!(plazo(&["map"], b"").status.code(), Some(2));
    drop(File::open(folder.path("policy.toml")).expect("the folder lives"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the columns are called, two of them perhaps the same, a map that is proposed can be read, and reads the file.
    #[test]
    fn every_proposed_map_is_a_map(names in proptest::collection::btree_set("[a-zA-Z \"'#\\\\áñ_=\\[\\]{}\u{7f}]{1,12}", 4)) {
        let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        prop_assume!(names.len() == 4);
        let mut csv = ::csv::Writer::from_writer(Vec::new());
        csv.write_record(&names).expect("written");
        for row in 0..6 {
            let cells = [format!("L{}", row / 2), format!("2026-01-0{}T00:00:00Z", row + 1), format!("s{}", row % 2), "x".to_owned()];
            csv.write_record(&cells).expect("written");
        }
        let text = csv.into_inner().expect("written");
        if let Ok(guess) = history::guess(&mut text.as_slice(), "x.csv", 100) {
            let map = CsvMap::parse(&guess.map, "map.toml");
            prop_assert!(map.is_ok(), "{:?}\n{}", map.err(), guess.map);
            let read = read_csv(text.as_slice(), &map.expect("a map"), &Room::default(), &mut |_, _, _| Ok(()));
            prop_assert!(read.is_ok(), "{}", guess.map);
        }
    }
}
