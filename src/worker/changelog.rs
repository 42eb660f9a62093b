//! What a shard keeps in the changelog: its leads' records, one *meta* record that every transaction rewrites, and the policy
//! that its clocks are governed by. All go to the partition of the shard's own number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The layout of keys and of the meta record; a record of a lead has a version of its own.
pub const FORMAT: u32 = 1;

/// Leads' keys begin with [`LEAD`], so that no id can be mistaken for one of these.
pub const META: &[u8] = b"meta";
pub const POLICY: &[u8] = b"policy";
const LEAD: u8 = b'=';

pub fn lead_key(lead_id: &str, key: &mut Vec<u8>) {
    key.clear();
    key.push(LEAD);
    key.extend_from_slice(lead_id.as_bytes());
}

pub fn is_lead(key: &[u8]) -> bool {
    key.first() == Some(&LEAD)
}

/// Where the shard stands, written in the transaction that brought it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub format: u32,
    /// Of every input topic: leads lie elsewhere once this changes.
    pub partitions: u32,
    pub watermark_ms: i64,
    /// By input topic, the next offset to read.
    pub next: BTreeMap<String, i64>,
    /// By input topic, the offset applied last: markers and refused records may lie between it and `next`, and notices name it.
    #[serde(default)]
    pub applied: BTreeMap<String, u64>,
}

impl Meta {
    pub fn watermark(&self) -> Timestamp {
        Timestamp::from_ms(self.watermark_ms)
    }
}

/// Where restored state and committed offsets stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was ever done here.
    New,
    /// From these offsets on, by input.
    From(Vec<i64>),
}

/// Judges a meta record and the committed offsets (by input; `None`: none) of a shard.
///
/// # Errors
/// A fault that no program may guess about, for the operator.
pub fn standing(
    meta: Option<&Meta>,
    inputs: &[String],
    committed: &[Option<i64>],
    partitions: u32,
) -> Result<Standing, String> {
    let Some(meta) = meta else {
        return match committed.iter().zip(inputs).find_map(|(offset, input)| Some((offset.as_ref()?, input))) {
            None => Ok(Standing::New),
            Some((offset, input)) => Err(format!(
                "the group has committed offset {offset} of {input}, but the changelog holds no state: it was deleted, or is another \
                 one; name the right kafka.topics.changelog, or, to begin anew and tell everything again, another kafka.group"
            )),
        };
    };
    if meta.format != FORMAT {
        return Err(format!(
            "the changelog has format {}, this program reads {FORMAT}: run the version that wrote it",
            meta.format
        ));
    }
    same_partitions(meta, partitions)?;
    let mut next = Vec::with_capacity(inputs.len());
    for (input, committed) in inputs.iter().zip(committed) {
        let Some(&own) = meta.next.get(input) else {
            return Err(format!(
                "the state was made without the input {input}: its events would come too late to be merged by time"
            ));
        };
        if committed.is_some_and(|committed| committed > own) {
            return Err(format!(
                "offset {} of {input} is committed, the changelog reaches only to {own}: it lacks what was committed with the rest",
                committed.unwrap_or_default()
            ));
        }
        // Offsets of a group expire; what the state itself says does not.
        next.push(own);
    }
    Ok(Standing::From(next))
}

/// Compares where reading is to begin with what the inputs hold (by input: first offset, and the one behind the last).
///
/// # Errors
/// What was not read is gone, or the topic is another one: a client that went on would pass events over without a word.
pub fn still_there(inputs: &[String], next: &[i64], held: &[(i64, i64)]) -> Result<(), String> {
    for ((input, &next), &(low, high)) in inputs.iter().zip(next).zip(held) {
        if next < low {
            return Err(format!(
                "offsets {next} to {} of {input} were removed before they were read: raise its retention; those events are lost to this \
                 group, and only another kafka.group and changelog begin with what is left",
                low - 1
            ));
        }
        if next > high {
            return Err(format!(
                "{input} was read up to offset {next}, and ends at {high}: it was deleted and made anew, or a broker lost its end; \
                 bring it back, or begin anew with another kafka.group and changelog"
            ));
        }
    }
    Ok(())
}

/// What an operator is told of inputs that have another number of partitions than when the process began.
pub fn outgrown(count: usize, begun_with: u32) -> String {
    format!(
        "the inputs have {count} partitions, this process began with {begun_with}: leads would be looked for in the wrong shard; give \
         the inputs their old number of partitions, or begin anew with another kafka.group and changelog"
    )
}

/// # Errors
/// Where the state was made for another number of partitions.
pub fn same_partitions(meta: &Meta, partitions: u32) -> Result<(), String> {
    if meta.partitions == partitions {
        return Ok(());
    }
    Err(format!(
        "the inputs have {partitions} partitions, the state was made for {}: leads would be looked for in the wrong shard; give the \
         inputs their old number of partitions, or begin anew with another kafka.group and changelog",
        meta.partitions
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(next: &[(&str, i64)]) -> Meta {
        let next = next.iter().map(|(input, offset)| ((*input).to_owned(), *offset)).collect();
        Meta { format: FORMAT, partitions: 4, watermark_ms: 0, next, applied: BTreeMap::new() }
    }

    fn inputs() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn without_state_and_offsets_a_shard_is_new() {
        assert_eq!(standing(None, &inputs(), &[None, None], 4), Ok(Standing::New));
    }

    #[test]
    fn offsets_without_state_are_never_a_silent_start_from_nothing() {
        let fault = standing(None, &inputs(), &[None, Some(7)], 4).expect_err("refused");
        assert!(fault.contains("offset 7 of b"), "{fault}");
    }

    #[test]
    fn offsets_ahead_of_the_state_are_an_incomplete_restore() {
        let meta = meta(&[("a", 5), ("b", 9)]);
        assert!(standing(Some(&meta), &inputs(), &[Some(6), Some(9)], 4).is_err());
    }

    #[test]
    fn offsets_behind_the_state_or_expired_give_way_to_it() {
        let meta = meta(&[("a", 5), ("b", 9)]);
        assert_eq!(standing(Some(&meta), &inputs(), &[Some(4), None], 4), Ok(Standing::From(vec![5, 9])));
    }

    #[test]
    fn another_number_of_partitions_or_another_format_or_a_new_input_is_refused() {
        let mut known = meta(&[("a", 5), ("b", 9)]);
        assert!(standing(Some(&known), &inputs(), &[None, None], 8).expect_err("refused").contains("8 partitions"));
        known.format = FORMAT + 1;
        assert!(standing(Some(&known), &inputs(), &[None, None], 4).expect_err("refused").contains("format"));
        assert!(
            standing(Some(&meta(&[("a", 5)])), &inputs(), &[None, None], 4).expect_err("refused").contains("input b")
        );
    }

    #[test]
    fn events_that_are_gone_are_never_passed_over_in_silence() {
        assert_eq!(still_there(&inputs(), &[5, 9], &[(5, 5), (0, 9)]), Ok(()));
        let removed = still_there(&inputs(), &[5, 9], &[(7, 20), (0, 9)]).expect_err("refused");
        assert!(removed.contains("offsets 5 to 6 of a"), "{removed}");
        let anew = still_there(&inputs(), &[5, 9], &[(0, 5), (0, 8)]).expect_err("refused");
        assert!(anew.contains("b was read up to offset 9, and ends at 8"), "{anew}");
    }

    #[test]
    fn no_lead_id_is_mistaken_for_the_meta_record() {
        let mut key = Vec::new();
        for id in ["meta", "policy", "", "=meta"] {
            lead_key(id, &mut key);
            assert!(is_lead(&key) && key != META && key != POLICY, "{id}");
        }
        assert!(!is_lead(META) && !is_lead(POLICY));
    }
}
