//! Memory that does not grow with a history. A binary of its own, and one test: what is allocated is counted for all of it.

use std::alloc::System;
use std::fmt::Write;
use std::io::{self, Read};

use cap::Cap;
use plazo::event::csv::CsvMap;
use plazo::event::xes::XesMap;
use plazo::history::{self, Form};
use plazo::sorter::Room;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const ROOM_BYTES: usize = 1 << 20;
/// The room while it grows, what is open of the temporary files, what is known of the leads, one row.
const MOST_BYTES: usize = 8 << 20;
const ROWS: u64 = 60_000;
const LEADS: u64 = 100;

const PER_CHANGE: &str = r#"
layout     = "row_per_change"
lead       = "lead"
changed_at = "at"
created_at = "created"
status     = "status"
attributes = { note = "note" }
"#;

const PER_LEAD: &str = r#"
layout = "row_per_lead"
lead   = "lead"
[[event]]
at         = "at"
type       = "lead.updated"
attributes = { note = "note" }
"#;

/// A file that is written while it is read, and the most that was allocated meanwhile.
struct Growing<W> {
    write: W,
    next: u64,
    text: String,
    read: usize,
    bytes: u64,
    peak: usize,
}

impl<W: Fn(u64, &mut String)> Read for Growing<W> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.peak = self.peak.max(ALLOCATOR.allocated());
        if self.read == self.text.len() {
            self.text.clear();
            self.read = 0;
            if self.next <= ROWS {
                (self.write)(self.next, &mut self.text);
                self.next += 1;
            }
        }
        let count = out.len().min(self.text.len() - self.read);
        out[..count].copy_from_slice(&self.text.as_bytes()[self.read..self.read + count]);
        self.read += count;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Every row has a note that no other has, and they come in no order of time.
fn cells(row: u64) -> (String, String, String) {
    let second = row * 7_919 % ROWS;
    let at = format!(
        "2026-01-{:02}T{:02}:{:02}:{:02}Z",
        1 + second / 86_400,
        second / 3_600 % 24,
        second / 60 % 60,
        second % 60
    );
    (format!("L{}", row % LEADS), at, format!("{row:0>500}"))
}

fn csv(row: u64, out: &mut String) {
    if row == 0 {
        out.push_str("lead,created,at,status,note\n");
        return;
    }
    let (lead, at, note) = cells(row);
    let _ = writeln!(out, "{lead},2025-12-31T00:00:00Z,{at},s{},{note}", row % 5);
}

/// A trace has 100 events.
fn xes(row: u64, out: &mut String) {
    let (_, at, note) = cells(row);
    match row {
        0 => out.push_str("<log><trace><string key=\"concept:name\" value=\"L0\"/>"),
        _ if row.is_multiple_of(100) => {
            let _ = write!(out, "</trace><trace><string key=\"concept:name\" value=\"L{row}\"/>");
        }
        _ => {}
    }
    let _ = write!(
        out,
        "<event><string key=\"concept:name\" value=\"s\"/><string key=\"note\" value=\"{note}\"/><date key=\"time:timestamp\" value=\"{at}\"/></event>",
    );
    if row == ROWS {
        out.push_str("</trace></log>");
    }
}

fn read(write: impl Fn(u64, &mut String), form: &Form) {
    let before = ALLOCATOR.allocated();
    let mut file = Growing { write, next: 0, text: String::new(), read: 0, bytes: 0, peak: 0 };
    let room = Room { bytes: ROOM_BYTES, ..Room::default() };
    let (mut events, mut peak) = (0, 0);
    history::read(&mut file, "history", form, &room, &mut |_, event| {
        let event = event.unwrap_or_else(|refused| panic!("{refused}"));
        assert!(event.time.ms() > 0);
        events += 1;
        peak = peak.max(ALLOCATOR.allocated());
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let (reading, handing_on) = (file.peak - before, peak - before);
    assert!(events >= ROWS && file.bytes > 30_000_000, "{events} events of {} bytes", file.bytes);
    assert!(reading > ROOM_BYTES / 2, "something was counted: {reading} bytes");
    assert!(reading < MOST_BYTES, "{reading} bytes while reading {form:?}");
    assert!(handing_on < MOST_BYTES, "{handing_on} bytes while handing on {form:?}");
}

#[test]
fn a_long_export_takes_no_more_memory_than_a_short_one() {
    let map = |text: &str| Box::new(CsvMap::parse(text, "map.toml").expect("a map"));
    read(csv, &Form::Csv(map(PER_CHANGE)));
    read(csv, &Form::Csv(map(PER_LEAD)));
    let map = XesMap::parse("attributes = { note = \"note\" }", "map.toml").expect("a map");
    read(xes, &Form::Xes(Box::new(map)));
}
