//! A question about all open clocks of a worker's shards, answered in slices between turns, so that no turn waits for it.
//!
//! Leads change between two slices: each clock is told as its lead stood when it was looked at. A clock that ended before the last
//! slice is left out.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::monotonic;
use crate::embedded::index::{OpenClocks, view};
use crate::engine::{Reading, RecordError, Shard, record};
use crate::view::{ClockCursor, ClockPage, ClockQuery, OpenClock, ReadFault};

/// Of one pass of the worker's loop: a fifth of what a turn takes anyway.
const SLICE: Duration = Duration::from_millis(10);
/// Slots between two looks at the clock.
const STRIDE: u32 = 256;

/// What one worker found, in order, one more than asked for where there are more.
pub type Found = Vec<(ClockCursor, OpenClock)>;

pub struct Scan {
    query: ClockQuery,
    answer: Sender<Result<Found, ReadFault>>,
    /// Shards that are still to be looked at, the present one last; `None` before the first slice.
    left: Option<Vec<i32>>,
    /// Where in the present shard.
    slot: u32,
    /// The first clocks so far, with their shards.
    first: BTreeMap<ClockCursor, i32>,
    open: OpenClocks,
}

impl Scan {
    pub fn new(query: ClockQuery, answer: Sender<Result<Found, ReadFault>>) -> Self {
        Scan { query, answer, left: None, slot: 0, first: BTreeMap::new(), open: OpenClocks::default() }
    }

    /// Looks at some leads. `true`: it is answered.
    pub fn slice(&mut self, shards: &BTreeMap<i32, &Shard>) -> bool {
        let began = monotonic();
        let outcome = self.look(shards, began);
        match outcome {
            Ok(false) => false,
            Ok(true) => self.tell(self.finish(shards)),
            Err(fault) => self.tell(Err(fault)),
        }
    }

    fn tell(&self, answer: Result<Found, ReadFault>) -> bool {
        // Who no longer waits needs no answer.
        let _gone = self.answer.send(answer);
        true
    }

    /// Whether all have been looked at.
    fn look(&mut self, shards: &BTreeMap<i32, &Shard>, began: Instant) -> Result<bool, ReadFault> {
        let mut left = self.left.take().unwrap_or_else(|| shards.keys().copied().collect());
        while let Some(partition) = left.last().copied() {
            let shard = shards.get(&partition).copied().ok_or_else(|| moved(partition))?;
            let next = shard.visit(self.slot, STRIDE, |record| self.consider(shard, record, partition));
            self.slot = next.unwrap_or(0);
            if next.is_none() {
                left.pop();
            }
            if began.elapsed() >= SLICE {
                break;
            }
        }
        let done = left.is_empty();
        self.left = Some(left);
        Ok(done)
    }

    fn consider(&mut self, shard: &Shard, record: &[u8], partition: i32) {
        let query = &self.query;
        for row in self.open.of(shard.rules(), record, shard.watermark()) {
            let wanted = query.due_before.is_none_or(|before| row.due < before)
                && query.state.as_ref().is_none_or(|state| row.state == state)
                && query.sla.as_ref().is_none_or(|sla| row.sla == *sla)
                && query.team.as_ref().is_none_or(|team| row.team == *team);
            // The cursor is made only of what may stand on the page: most clocks are due later.
            let late = |last: &ClockCursor| row.due.ms() > last.due_ms;
            if !wanted
                || self.first.len() > query.limit && self.first.last_key_value().is_some_and(|(last, _)| late(last))
            {
                continue;
            }
            let cursor = ClockCursor {
                due_ms: row.due.ms(),
                lead_id: record::lead_id(record).to_owned(),
                sla: row.sla.clone(),
                started_ms: row.started.ms(),
                ordinal: row.ordinal,
            };
            if query.cursor.as_ref().is_none_or(|from| cursor > *from) {
                self.first.insert(cursor, partition);
                if self.first.len() > query.limit + 1 {
                    self.first.pop_last();
                }
            }
        }
    }

    fn finish(&self, shards: &BTreeMap<i32, &Shard>) -> Result<Found, ReadFault> {
        let mut reading = Reading::default();
        let mut found = Vec::with_capacity(self.first.len());
        for (cursor, partition) in &self.first {
            let shard = shards.get(partition).copied().ok_or_else(|| moved(*partition))?;
            let Some(record) = shard.lead(&cursor.lead_id) else { continue };
            let unreadable = |error: RecordError| ReadFault::Store(error.to_string());
            let clock = view(&mut reading, shard.rules(), record, cursor, shard.watermark()).map_err(unreadable)?;
            found.extend(clock.map(|clock| (cursor.clone(), clock)));
        }
        Ok(found)
    }
}

fn moved(partition: i32) -> ReadFault {
    ReadFault::NotYet(format!("partition {partition} was given to another instance meanwhile"))
}

/// One page of what the workers found.
pub fn merged(found: Vec<Found>, limit: usize) -> ClockPage {
    let mut all: Found = found.into_iter().flatten().collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
    ClockPage { clocks: all.into_iter().map(|(_, clock)| clock).collect(), next }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::engine::Options;
    use crate::event;
    use crate::policy::{self, Policy};
    use crate::time::Timestamp;

    const POLICY: &str = r#"
        [agreement]
        name = "P"
        effective_from = "2026-01-01T00:00:00Z"
        timezone = "UTC"
        between = ["Marketing", "Sales"]
        [[status]]
        name = "new"
        [[status]]
        name = "done"
        disposition = "qualified"
        [[sla]]
        name = "disposition"
        promised_by = "sales"
        promise = "soon"
        start = { on = "created" }
        stop = { disposition = "any" }
        [[sla.target]]
        within = "1 hours"
    "#;

    fn policy() -> Arc<Policy> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policy.toml");
        std::fs::write(&file, POLICY).expect("a file");
        Arc::new(policy::load(&file).expect("a policy"))
    }

    /// Two shards of 600 leads each, created one a second in turn.
    fn shards() -> Vec<Shard> {
        let policy = policy();
        let mut shards: Vec<Shard> = (0..2).map(|_| Shard::new(policy.clone(), Options::default(), &["in"])).collect();
        for number in 0..1_200_u32 {
            let time = Timestamp::parse("2026-12-01T12:00:00Z").expect("an instant").plus_ms(i64::from(number) * 1_000);
            let json = format!(
                r#"{{"specversion":"1.0","id":"{number}","source":"crm","type":"lead.created","time":"{time}","data":{{"lead_id":"L{number:04}","team":"t{}"}}}}"#,
                number % 3
            );
            let event = event::decode(json.as_bytes()).expect("an event");
            let shard = &mut shards[number as usize % 2];
            shard.apply(&event, time, (0, u64::from(number))).expect("applied");
            shard.commit();
        }
        shards
    }

    fn query(limit: usize, cursor: Option<ClockCursor>) -> ClockQuery {
        ClockQuery { team: Some("t1".to_owned()), limit, cursor, ..ClockQuery::default() }
    }

    fn ask(shards: &[Shard], query: ClockQuery) -> ClockPage {
        let by_number: BTreeMap<i32, &Shard> = (0..).zip(shards).collect();
        let (answer, answers) = channel();
        let limit = query.limit;
        let mut scan = Scan::new(query, answer);
        while !scan.slice(&by_number) {}
        merged(vec![answers.recv().expect("an answer").expect("a page")], limit)
    }

    #[test]
    fn pages_give_every_open_clock_once_by_due_instant_over_all_shards() {
        let shards = shards();
        let (mut told, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = ask(&shards, query(150, cursor));
            told.extend(page.clocks.iter().map(|clock| clock.lead_id.clone()));
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..1_200).filter(|n| n % 3 == 1).map(|n| format!("L{n:04}")).collect();
        assert_eq!((told, pages), (expected, 3));
    }

    #[test]
    fn what_the_workers_found_is_one_page_in_one_order() {
        let shards = shards();
        let found = |shard: usize| {
            let (answer, answers) = channel();
            let mut scan = Scan::new(query(10, None), answer);
            while !scan.slice(&BTreeMap::from([(shard as i32, &shards[shard])])) {}
            answers.recv().expect("an answer").expect("clocks")
        };
        let page = merged(vec![found(1), found(0)], 10);
        let leads: Vec<&str> = page.clocks.iter().map(|clock| clock.lead_id.as_str()).collect();
        let expected: Vec<String> = (0..30).filter(|n| n % 3 == 1).map(|n| format!("L{n:04}")).collect();
        assert_eq!(leads, expected);
        assert_eq!(page.next.map(|cursor| cursor.lead_id).as_deref(), Some("L0028"));
    }

    #[test]
    fn a_shard_that_is_taken_away_between_two_slices_is_told_and_not_left_out() {
        let shards = shards();
        let (answer, answers) = channel();
        let mut scan = Scan::new(query(10, None), answer);
        scan.left = Some(vec![0, 1]);
        assert!(scan.slice(&BTreeMap::from([(0, &shards[0])])));
        assert!(matches!(answers.recv().expect("an answer"), Err(ReadFault::NotYet(_))));
    }
}
