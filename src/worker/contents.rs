//! What a partition of the changelog holds, and the shard that is made of it. No IO: what was read comes in.

use std::fmt;

use serde::de::DeserializeOwned;

use super::changelog::{self, META, Meta, POLICY, Standing};
use super::restore::Plan;
use crate::engine::leads::Leads;
use crate::engine::{Shard, record};
use crate::policy::kept::{self, KeptVersion};
use crate::time::Timestamp;

/// A shard as it was committed last.
pub struct Restored {
    pub shard: Shard,
    /// By input, where to read on.
    pub next: Vec<i64>,
    pub records: u64,
    /// The policy that the changelog keeps is another one, and must be written.
    pub keep_policy: bool,
    /// It differs in versions that governed clocks: those that are open are settled anew.
    pub promises_changed: bool,
}

/// Why a shard could not be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFault {
    /// The broker's state, which passes.
    #[error("{0}")]
    Retry(String),
    /// An operator must act.
    #[error("{0}")]
    Refused(String),
    /// The inputs have not the partitions they had when the process began: none of its shards may go on.
    #[error("{0}")]
    Outgrown(String),
    /// The shard was taken away meanwhile.
    #[error("the shard was given to another member")]
    Stopped,
}

/// The last value of each key, as far as the partition has been read.
#[derive(Debug)]
pub struct Contents {
    /// Everything below has been read.
    position: i64,
    leads: Leads,
    meta: Option<Meta>,
    policy: Option<Vec<KeptVersion>>,
}

impl Contents {
    /// `low`: the first offset that there is.
    pub fn new(low: i64) -> Self {
        Contents { position: low, leads: Leads::default(), meta: None, policy: None }
    }

    pub fn position(&self) -> i64 {
        self.position
    }

    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// A committed record was read.
    ///
    /// # Errors
    /// Where it is not of this engine.
    pub fn take(
        &mut self,
        place: &dyn fmt::Display,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), RestoreFault> {
        self.position = offset + 1;
        match (key, value) {
            (Some(key), value) if changelog::is_lead(key) => {
                let id = &key[1..];
                let known = std::str::from_utf8(id)
                    .ok()
                    .map(|id| (id, value))
                    .filter(|_| value.is_none_or(|value| record::id_bytes(value) == id));
                let Some((lead_id, value)) = known else {
                    let told = format!("{place} at {offset} holds a record that is not of the lead in its key");
                    return Err(RestoreFault::Refused(told));
                };
                match value {
                    Some(value) => self.leads.put(lead_id, value.into()),
                    None => self.leads.forget(lead_id),
                }
            }
            (Some(META), Some(value)) => self.meta = Some(parse(place, "meta", value)?),
            (Some(POLICY), Some(value)) => self.policy = Some(parse(place, "policy", value)?),
            _ => {
                let told = format!("{place} at {offset} holds a record of no known kind");
                return Err(RestoreFault::Refused(told));
            }
        }
        Ok(())
    }

    /// The records of its leads, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.leads.records()
    }

    /// The policy that its clocks are governed by.
    pub fn policy(&self) -> &[KeptVersion] {
        self.policy.as_deref().unwrap_or_default()
    }

    /// There is nothing to read below this offset; `false` if that was known.
    pub fn passed(&mut self, offset: i64) -> bool {
        let further = offset > self.position;
        self.position = self.position.max(offset);
        further
    }

    /// The shard, once everything committed has been read. `committed`: by input, the group's offsets. `first`: by input, where
    /// a shard begins that never was.
    ///
    /// # Errors
    /// What an operator must see to; and those of `first`.
    pub fn shard(
        self,
        plan: &Plan,
        committed: &[Option<i64>],
        first: impl FnOnce() -> Result<Vec<i64>, RestoreFault>,
    ) -> Result<Restored, RestoreFault> {
        let inputs = &plan.kafka.inputs;
        let standing = changelog::standing(self.meta.as_ref(), inputs, committed, plan.partitions);
        let next = match standing.map_err(RestoreFault::Refused)? {
            Standing::From(next) => next,
            Standing::New => first()?,
        };
        let names: Vec<String> = inputs.iter().map(|topic| format!("{topic}/{}", plan.partition)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut shard = Shard::new(plan.policy.clone(), plan.options, &names);
        let count = self.leads.len() as u64;
        shard
            .restore_records(self.leads)
            .map_err(|error| RestoreFault::Refused(format!("a record of {} cannot be read: {error}", place(plan))))?;
        let watermark = self.meta.as_ref().map_or(Timestamp::MIN, Meta::watermark);
        let applied = inputs.iter().zip(&next).enumerate().map(|(input, (topic, next))| {
            let told = self.meta.as_ref().and_then(|meta| meta.applied.get(topic)).copied();
            (input, told.unwrap_or_else(|| u64::try_from(next - 1).unwrap_or(0)))
        });
        shard.restore_position(watermark, &applied.collect::<Vec<_>>());
        let kept = self.policy.unwrap_or_default();
        let difference = if count > 0 { kept::difference(&kept, &plan.policy, watermark) } else { None };
        if let (Some(difference), false) = (&difference, plan.accept_changed_policy) {
            return Err(RestoreFault::Refused(format!(
                "the policy is not the one that the clocks of {} were governed by{difference}\n\
                 run with --accept-changed-policy to tell every promise that changes",
                place(plan)
            )));
        }
        let keep_policy = kept != kept::versions(&plan.policy);
        Ok(Restored { shard, next, records: count, keep_policy, promises_changed: difference.is_some() })
    }
}

pub(super) fn place(plan: &Plan) -> String {
    format!("{}/{}", plan.kafka.topics.changelog, plan.partition)
}

fn parse<T: DeserializeOwned>(place: &dyn fmt::Display, what: &str, value: &[u8]) -> Result<T, RestoreFault> {
    serde_json::from_slice(value)
        .map_err(|error| RestoreFault::Refused(format!("the {what} record of {place} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::progress::Probe;
    use super::super::running::{Record, Room, Running};
    use super::*;
    use crate::config::{Kafka, Protocol, Topics};
    use crate::engine::{Lead, Options};
    use crate::policy::{self, Policy};

    fn policy() -> Policy {
        let text = "[agreement]\nname = \"Test\"\neffective_from = \"2020-01-01T00:00:00Z\"\ntimezone = \"UTC\"\n\
                    [[status]]\nname = \"new\"\n[[status]]\nname = \"qualified\"\ndisposition = \"qualified\"\n\
                    [[sla]]\nname = \"sla\"\nstart = { on = \"created\" }\nstop = { disposition = \"any\" }\n\
                    [[sla.target]]\nwithin = \"1 hour\"\n";
        policy::parse("test.toml", text, &|_| Ok(String::new())).expect("a policy")
    }

    fn plan() -> Plan {
        let kafka = Kafka {
            brokers: String::new(),
            inputs: vec!["a".to_owned(), "b".to_owned()],
            group: "plazo".to_owned(),
            topics: Topics::default(),
            protocol: Protocol::Classic,
            transactional_id: "plazo".to_owned(),
            properties: BTreeMap::new(),
        };
        Plan {
            kafka: Arc::new(kafka),
            client_id: String::new(),
            partition: 0,
            partitions: 1,
            policy: Arc::new(policy()),
            options: Options::default(),
            accept_changed_policy: false,
        }
    }

    /// A shard that has applied offset 3 of `a`, behind which a marker lies, and refused offset 0 of `b`.
    fn at_work(plan: &Plan) -> Running {
        let new = Contents::new(0).shard(plan, &[None, None], || Ok(vec![3, 0])).expect("a new shard");
        let mut running = Running::new((0, 1), new, (0, Room::default()), vec![None, None]);
        let event = r#"{"specversion":"1.0","id":"1","source":"crm","type":"lead.created","time":"2026-12-01T12:00:00Z","data":{"lead_id":"L1"}}"#;
        let record = |payload: &str| Record {
            key: Some(Box::from(&b"L1"[..])),
            payload: Some(Box::from(payload.as_bytes())),
            headers: Vec::new(),
        };
        let noon: Timestamp = "2026-12-01T12:00:00Z".parse().expect("an instant");
        running.progress.push(0, noon, 3, record(event));
        running.progress.push(1, noon.plus_ms(1), 0, record("{"));
        running.reached(0, 5);
        for input in 0..2 {
            let end = if input == 0 { 5 } else { 1 };
            running.progress.probed(input, Probe { sent: noon.plus_ms(10), end });
        }
        running.step(&plan.kafka.inputs, Timestamp::MAX).expect("a turn");
        running
    }

    fn written(plan: &Plan, running: &Running) -> Contents {
        let mut contents = Contents::new(0);
        let mut offset = 0;
        running
            .write(&plan.kafka, &mut |record| {
                if record.topic == plan.kafka.topics.changelog {
                    contents.take(&place(plan), offset, record.key, record.value)?;
                    offset += 1;
                }
                Ok::<(), RestoreFault>(())
            })
            .expect("all of the turn");
        contents
    }

    #[test]
    fn a_restored_shard_is_the_one_that_was_committed_to_the_last_byte() {
        let plan = plan();
        let running = at_work(&plan);
        let restored = written(&plan, &running).shard(&plan, &[Some(5), Some(1)], || Ok(Vec::new())).expect("a shard");
        assert_eq!((restored.records, restored.next), (1, vec![5, 1]));
        assert_eq!(restored.shard.watermark(), running.shard.watermark());
        assert_eq!(restored.shard.lead("L1"), running.shard.lead("L1"));
        assert!(!restored.keep_policy);
    }

    #[test]
    fn a_restored_shard_names_the_offsets_applied_last_not_those_of_markers_and_refused_records() {
        let plan = plan();
        let running = at_work(&plan);
        let restored = written(&plan, &running).shard(&plan, &[None, None], || Ok(Vec::new())).expect("a shard");
        assert_eq!(restored.shard.positions(), running.shard.positions());
        assert_eq!(restored.shard.positions()[0].1, 3);
    }

    #[test]
    fn a_lead_that_was_dropped_is_not_there() {
        let mut contents = Contents::new(0);
        let mut take = |offset, key: &[u8], value: Option<&[u8]>| contents.take(&"c/0", offset, Some(key), value);
        take(0, b"=L1", Some(&of_lead("L1", 1))).expect("a record");
        take(1, b"=L2", Some(&of_lead("L2", 2))).expect("a record");
        take(2, b"=L2", Some(&of_lead("L2", 3))).expect("a later one");
        take(3, b"=L1", None).expect("a tombstone");
        assert_eq!(contents.records().collect::<Vec<_>>(), [of_lead("L2", 3)]);
    }

    /// As much of a record as names its lead.
    fn of_lead(lead_id: &str, next_due: i64) -> Vec<u8> {
        let (mut lead, mut record) = (Lead::default(), Vec::new());
        lead.reset(lead_id);
        lead.encode(Timestamp::from_ms(next_due), &mut record);
        record
    }

    #[test]
    fn a_record_under_the_key_of_another_lead_refuses_the_shard() {
        for value in [of_lead("L2", 1), b"?".to_vec()] {
            let taken = Contents::new(0).take(&place(&plan()), 7, Some(b"=L1"), Some(&value));
            assert!(matches!(taken, Err(RestoreFault::Refused(told)) if told.contains("plazo.changelog/0 at 7")));
        }
    }

    #[test]
    fn a_record_of_no_known_kind_refuses_the_shard() {
        let taken = Contents::new(0).take(&place(&plan()), 7, Some(b"x"), Some(b"y"));
        assert!(matches!(taken, Err(RestoreFault::Refused(told)) if told.contains("plazo.changelog/0 at 7")));
    }

    #[test]
    fn what_was_read_is_counted_by_offsets_not_by_records() {
        let mut contents = Contents::new(3);
        contents.take(&"c/0", 7, Some(POLICY), Some(b"[]")).expect("a record");
        assert_eq!(contents.position(), 8, "what was compacted away, and markers, lie before it");
        assert!(contents.passed(10), "and behind it");
        assert_eq!((contents.position(), contents.passed(10)), (10, false));
    }
}
