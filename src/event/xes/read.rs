//! The file, element by element. Damage costs the trace in which it stands: reading goes on at the next one.

use std::io::{self, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event as Xml};

use super::map::XesMap;
use super::pieces::Pieces;
use super::trace::{Happened, Log, Said, Trace};
use crate::event::check::wrong_type;
use crate::event::export::{Drafts, ExportError, TakeExported};
use crate::event::{MAX_EVENT_BYTES, Reason, Rejection};
use crate::sorter::Room;

/// More elements inside one another are damage.
const MOST_DEPTH: usize = 64;

/// Reads a whole file. Events and traces that are at fault are refused, and the others go on.
///
/// # Errors
/// [`ExportError`]: the medium fails, it is no log, or `take` fails.
pub fn read_xes<R: Read>(reader: R, map: &XesMap, room: &Room, take: &mut TakeExported<'_>) -> Result<(), ExportError> {
    let mut xml = reader_of(Pieces::new(reader));
    let mut walk = Walk {
        log: Log::new(map, Drafts::new(room)),
        open: Vec::new(),
        lost: false,
        trace: Trace::default(),
        bytes: 0,
        events: 0,
        begun: false,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let before = xml.buffer_position();
        let read = xml.read_event_into(&mut buffer);
        let line = 1 + xml.get_ref().lines;
        match read {
            // Whatever it makes of a piece that ends where nothing should.
            Ok(Xml::Eof) | Err(quick_xml::Error::Syntax(_) | quick_xml::Error::IllFormed(_))
                if xml.get_ref().is_cut() =>
            {
                walk.settle(Step::Damage("a tag or a value without its end".to_owned()), line)?;
                let mut pieces = xml.into_inner();
                pieces.go_on();
                xml = reader_of(pieces);
            }
            Ok(Xml::Eof) => break,
            Ok(event) => {
                let outcome = walk.event(&event);
                walk.settle(outcome, line)?;
            }
            Err(quick_xml::Error::Io(error)) => {
                return Err(ExportError::Read(io::Error::new(error.kind(), error.to_string())));
            }
            Err(error) => {
                walk.settle(Step::Damage(error.to_string()), line)?;
                if xml.buffer_position() == before {
                    break;
                }
            }
        }
        walk.hand_on_refused(take)?;
    }
    walk.finish(1 + xml.get_ref().lines)?;
    walk.hand_on_refused(take)?;
    let Log { map, names, drafts, .. } = walk.log;
    drafts.hand_on(&map.source, &names, take)
}

fn reader_of<R: Read>(pieces: Pieces<R>) -> Reader<Pieces<R>> {
    let mut xml = Reader::from_reader(pieces);
    // Elements are paired here, so that damage ends one trace and not the file.
    xml.config_mut().check_end_names = false;
    xml.config_mut().allow_unmatched_ends = true;
    xml.config_mut().allow_dangling_amp = true;
    xml
}

/// What one piece of XML leads to.
enum Step {
    Nothing,
    /// A `<trace>` or `<event>` has begun: its place is where its tag ends.
    TraceBegun,
    /// The same, and the trace before has not ended.
    TraceCut,
    EventBegun,
    TraceEnded,
    Damage(String),
}

struct Walk<'m> {
    log: Log<'m>,
    /// Names of the open elements.
    open: Vec<String>,
    /// Damage was met: nothing counts until the next trace begins.
    lost: bool,
    trace: Trace,
    /// Of the current event, so that none takes all memory.
    bytes: usize,
    /// Begun so far.
    events: u64,
    /// A `<log>` was seen.
    begun: bool,
}

impl Walk<'_> {
    fn event(&mut self, event: &Xml<'_>) -> Step {
        match event {
            Xml::Start(tag) => self.start(tag, true),
            Xml::Empty(tag) => self.start(tag, false),
            Xml::End(tag) => self.end(tag.local_name().as_ref()),
            _ => Step::Nothing,
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, opens: bool) -> Step {
        let name = tag.local_name();
        let name: &str = name.as_ref();
        if !self.begun && name != "log" {
            return Step::Damage(format!("<{name}>"));
        }
        let cuts = opens && name == "trace" && !self.lost && self.open.iter().any(|open| open == "trace");
        if name == "trace" && (self.lost || cuts) {
            self.lost = false;
            self.open = vec!["log".to_owned()];
        }
        if self.lost {
            return Step::Nothing;
        }
        self.begun = true;
        let within = self.open.last().map(String::as_str);
        let step = match (within, name) {
            (Some("log"), "trace") => {
                self.trace = Trace::default();
                if cuts { Step::TraceCut } else { Step::TraceBegun }
            }
            (Some("trace"), "trace") => Step::Damage("a <trace> inside a <trace>".to_owned()),
            (Some("trace"), "event") => Step::EventBegun,
            (Some("log"), "event") => Step::Damage("an <event> outside of a <trace>".to_owned()),
            (Some("trace" | "event"), _) => self.attribute(tag, within == Some("event")),
            _ => Step::Nothing,
        };
        if opens {
            if self.open.len() == MOST_DEPTH {
                return Step::Damage(format!("more than {MOST_DEPTH} elements inside one another"));
            }
            self.open.push(name.to_owned());
        }
        match step {
            Step::TraceBegun if !opens => Step::TraceEnded,
            step => step,
        }
    }

    /// `<string key="concept:name" value="…"/>` and its kin.
    fn attribute(&mut self, tag: &BytesStart<'_>, of_event: bool) -> Step {
        let mut key = None;
        let mut value = None;
        for attribute in tag.attributes().with_checks(false) {
            let Ok(attribute) = attribute else { return Step::Damage("an attribute that cannot be read".to_owned()) };
            let slot = match attribute.key.as_ref() {
                "key" => &mut key,
                "value" => &mut value,
                _ => continue,
            };
            match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(text) => *slot = Some(text.into_owned()),
                Err(error) => return Step::Damage(error.to_string()),
            }
        }
        let (Some(key), Some(value)) = (key, value) else { return Step::Nothing };
        self.bytes += key.len() + value.len();
        if self.bytes > MAX_EVENT_BYTES {
            return Step::Damage(format!("an event of more than the {MAX_EVENT_BYTES} bytes allowed"));
        }
        let said: Option<&mut Said> = match of_event {
            true => self.trace.events.last_mut().map(|event| &mut event.said),
            false => Some(&mut self.trace.said),
        };
        if let Some(said) = said {
            said.insert(key, value);
        }
        Step::Nothing
    }

    fn end(&mut self, name: &str) -> Step {
        if self.lost {
            return Step::Nothing;
        }
        match self.open.pop() {
            Some(open) if open == name => {}
            Some(open) => return Step::Damage(format!("</{name}> where </{open}> was expected")),
            None => return Step::Damage(format!("</{name}> that nothing opened")),
        }
        match (name, self.open.last().map(String::as_str)) {
            ("trace", Some("log")) => Step::TraceEnded,
            _ => Step::Nothing,
        }
    }

    fn settle(&mut self, step: Step, line: u64) -> Result<(), ExportError> {
        match step {
            Step::Nothing => {}
            Step::TraceBegun => self.begin_trace(line),
            Step::TraceCut => {
                let found = "a <trace> before the end of the one before, which is left out";
                self.log.refuse(line, self.events, wrong_type("the log", "well-formed XES", found));
                self.begin_trace(line);
            }
            Step::EventBegun => {
                self.bytes = 0;
                self.events += 1;
                self.trace.events.push(Happened { line, row: self.events, said: Said::default() });
            }
            Step::TraceEnded => {
                let trace = std::mem::take(&mut self.trace);
                self.log.take(&trace)?;
            }
            Step::Damage(found) if !self.begun => return Err(ExportError::NoLog(found)),
            Step::Damage(found) => {
                if !self.lost {
                    let inside =
                        if self.open.iter().any(|name| name == "trace") { ", and its trace is left out" } else { "" };
                    let rejection = wrong_type("the log", "well-formed XES", &format!("{found}{inside}"));
                    self.log.refuse(line, self.events, rejection);
                }
                self.lost = true;
                self.trace = Trace::default();
            }
        }
        Ok(())
    }

    fn begin_trace(&mut self, line: u64) {
        self.bytes = 0;
        self.trace.line = line;
    }

    fn hand_on_refused(&mut self, take: &mut TakeExported<'_>) -> Result<(), ExportError> {
        for (place, rejection) in self.log.refused.drain(..) {
            take(place, None, Err(rejection)).map_err(ExportError::Taken)?;
        }
        Ok(())
    }

    fn finish(&mut self, line: u64) -> Result<(), ExportError> {
        if !self.begun {
            return Err(ExportError::NoLog("nothing".to_owned()));
        }
        if !self.lost && !self.open.is_empty() {
            let detail = format!("the log: expected </{}>, found the end of the file", self.open.join("> inside <"));
            self.log.refuse(line, self.events, Rejection::new(Reason::WrongType, detail));
        }
        Ok(())
    }
}
