//! NDJSON read some lines at a time: order, places, the leads ahead, and what stood before a damage.

use std::io::{self, Read};

use plazo::event::{Event, Rejection};
use plazo::history::{self, Coming, Form, HistoryError};
use plazo::sorter::Room;

/// What was taken: line, lead or reason, and how many leads were said to be ahead.
type Taken = Vec<(u64, String, usize)>;

fn read(reader: &mut dyn Read) -> (Taken, Result<(), HistoryError>) {
    let mut taken = Taken::new();
    let mut take = |coming: Coming<'_>, event: Result<Event<'_>, Rejection>| {
        let what = event.map_or_else(|refused| refused.reason.name().to_owned(), |event| event.lead_id.into_owned());
        taken.push((coming.place.line, what, coming.leads_ahead.len()));
        Ok(())
    };
    let result = history::read(reader, "log", &Form::Ndjson, &Room::default(), &mut take);
    (taken, result)
}

fn event(number: usize) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"source\":\"crm\",\"type\":\"lead.created\",\"time\":\"2026-03-02T10:00:00Z\",\
         \"data\":{{\"lead_id\":\"L{number}\"}}}}\n"
    )
}

#[test]
fn every_line_is_taken_once_in_order_and_the_leads_of_some_are_said_ahead() {
    let mut text: String = (0..150).map(event).collect();
    text.insert_str(0, "\u{feff}no JSON\n\n");
    let (taken, result) = read(&mut text.as_bytes());
    assert!(result.is_ok());
    assert_eq!(taken.len(), 151);
    assert_eq!(taken[0].1, "malformed_json");
    for (index, (line, lead, _)) in taken.iter().enumerate().skip(1) {
        // The blank line is no event.
        assert_eq!((*line, lead), (index as u64 + 2, &format!("L{}", index - 1)));
    }
    let ahead: Vec<usize> = taken.iter().map(|taken| taken.2).collect();
    assert_eq!(ahead.iter().sum::<usize>(), 150, "each readable event is said ahead once: {ahead:?}");
    assert_eq!((ahead[0], ahead[64], ahead[128]), (63, 64, 23));
}

#[test]
fn an_id_with_escapes_is_read_like_any_other() {
    let text = event(1).replace("L1", "L\\u00e9");
    let (taken, result) = read(&mut text.as_bytes());
    assert!(result.is_ok());
    assert_eq!(taken, [(1, "Lé".to_owned(), 0)]);
}

/// Fails where a packed file is damaged.
struct Damaged<'t>(&'t [u8]);

impl Read for Damaged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "checksum"));
        }
        self.0.read(buffer)
    }
}

#[test]
fn what_stood_before_a_damage_is_taken_and_then_the_damage_is_told() {
    let text: String = (0..70).map(event).collect();
    let (taken, result) = read(&mut Damaged(text.as_bytes()));
    assert_eq!(taken.len(), 70);
    let error = result.expect_err("it is damaged").to_string();
    assert_eq!(error, "log: damaged, or cut short: checksum");
}

#[test]
fn lines_too_long_are_refused_and_do_not_stop_the_others() {
    let long = format!("{}\n", "x".repeat((1 << 20) + 1));
    let full = event(7).replace("crm", &"c".repeat((1 << 20) - 300));
    let text = [event(1), long, full.clone(), full, event(2)].concat();
    let (taken, result) = read(&mut text.as_bytes());
    assert!(result.is_ok());
    let what: Vec<&str> = taken.iter().map(|taken| taken.1.as_str()).collect();
    assert_eq!((what[0], what[1], what[4]), ("L1", "too_large", "L2"));
    assert_eq!(what.len(), 5);
}
