//! `[watch]`: when the games that people play with a promise are told (SEMANTICS §4).

use super::agreement::{Disposition, MassDisposition, Watch};
use super::parse::disposition;
use super::reader::{Table, Value};
use crate::calendar::Duration;
use crate::time::DAY_MS;

/// So many are looked through at each disposition.
const MOST_LEADS: i64 = 1_000;
/// What was done within the longest time is held in memory.
const LONGEST_MS: i64 = 7 * DAY_MS;

/// `named`: the dispositions that some status has.
pub(super) fn parse(table: &Table<'_, '_>, named: &[Disposition]) -> Watch {
    let ping_pong = table.get("ping_pong").and_then(|value| {
        let table = value.table("ping_pong")?;
        let more_than = table.require("more_than", "a number of handovers").and_then(|value| count(&value));
        table.finish();
        more_than
    });
    let mass_disposition = table
        .get("mass_disposition")
        .and_then(|value| value.table("mass_disposition"))
        .and_then(|table| mass_disposition(&table, named));
    table.finish();
    Watch { ping_pong, mass_disposition }
}

fn mass_disposition(table: &Table<'_, '_>, named: &[Disposition]) -> Option<MassDisposition> {
    let more_than = table.require("more_than", "a number of leads").and_then(|value| count(&value));
    let within = table.require("within", "a time such as \"10 minutes\"").and_then(|value| within(&value));
    let disposition = match table.get("disposition") {
        Some(value) => {
            let found = disposition(&value);
            if found.is_some_and(|found| !named.contains(&found)) {
                value.fault("no status has this disposition");
            }
            found
        }
        None => Some(Disposition::Disqualified),
    };
    table.finish();
    let (within_ms, within) = within?;
    Some(MassDisposition { more_than: more_than?, within_ms, within, disposition: disposition? })
}

fn count(value: &Value<'_, '_>) -> Option<u32> {
    let number = value.integer()?;
    let found = u32::try_from(number).ok().filter(|_| (1..=MOST_LEADS).contains(&number));
    if found.is_none() {
        value.fault(format!("expected 1 to {MOST_LEADS}, found {number}"));
    }
    found
}

fn within(value: &Value<'_, '_>) -> Option<(i64, String)> {
    let text = value.string()?;
    match Duration::parse(&text) {
        Ok(Duration::Elapsed { ms }) if (1..=LONGEST_MS).contains(&ms) => Some((ms, text)),
        Ok(_) => {
            value.fault(format!("expected an elapsed time up to 168 hours such as \"10 minutes\", found {text:?}"));
            None
        }
        Err(error) => {
            value.fault(error.to_string());
            None
        }
    }
}
