//! What a partition of the changelog holds, and the shard that is made of it. No IO: what was read comes in.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::changelog::{self, META, Meta, POLICY, Standing};
use super::restore::Plan;
use crate::engine::Shard;
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
    leads: BTreeMap<Box<[u8]>, Box<[u8]>>,
    meta: Option<Meta>,
    policy: Option<Vec<KeptVersion>>,
}

impl Contents {
    /// `low`: the first offset that there is.
    pub fn new(low: i64) -> Self {
        Contents { position: low, leads: BTreeMap::new(), meta: None, policy: None }
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
        plan: &Plan,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), RestoreFault> {
        self.position = offset + 1;
        match (key, value) {
            (Some(key), Some(value)) if changelog::is_lead(key) => {
                self.leads.insert(Box::from(key), Box::from(value));
            }
            (Some(key), None) => drop(self.leads.remove(key)),
            (Some(META), Some(value)) => self.meta = Some(parse(plan, "meta", value)?),
            (Some(POLICY), Some(value)) => self.policy = Some(parse(plan, "policy", value)?),
            _ => {
                let told = format!("{} at {offset} holds a record of no known kind", place(plan));
                return Err(RestoreFault::Refused(told));
            }
        }
        Ok(())
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
        for record in self.leads.into_values() {
            shard.restore_record(record).map_err(|error| {
                RestoreFault::Refused(format!("a record of {} cannot be read: {error}", place(plan)))
            })?;
        }
        let watermark = self.meta.as_ref().map_or(Timestamp::MIN, Meta::watermark);
        let applied = next.iter().enumerate().map(|(input, next)| (input, u64::try_from(next - 1).unwrap_or(0)));
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

fn place(plan: &Plan) -> String {
    format!("{}/{}", plan.kafka.topics.changelog, plan.partition)
}

fn parse<T: DeserializeOwned>(plan: &Plan, what: &str, value: &[u8]) -> Result<T, RestoreFault> {
    serde_json::from_slice(value)
        .map_err(|error| RestoreFault::Refused(format!("the {what} record of {} cannot be read: {error}", place(plan))))
}
