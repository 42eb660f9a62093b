//! The report as CSV: a row for each SLA and each of its groups, for the ages of open clocks (`open_age`) and for whoever held a
//! lead while a clock ran (`held_by`).

use std::io::{self, Write};

use super::{AGE_NAMES, Report, Tally, share};
use crate::time::format_seconds;

const HEADER: [&str; 15] = [
    "sla",
    "group_by",
    "group",
    "started",
    "met",
    "met_late",
    "breached",
    "running",
    "cancelled",
    "met_share",
    "open_seconds_p50",
    "open_seconds_p90",
    "open_seconds_p99",
    "held_seconds",
    "held_share",
];

/// # Errors
/// Where `out` fails.
pub fn write_csv(report: &Report, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER)?;
    for (name, sla) in &report.slas {
        let mut row = |by: &str, group: &str, tally: &Tally| {
            let [p50, p90, p99] = tally.quantiles_ms().map(|quantile| quantile.map(format_seconds).unwrap_or_default());
            let counts = [tally.started(), tally.met, tally.met_late, tally.breached, tally.running, tally.cancelled];
            let share = tally.met_share().map(|share| share.to_string()).unwrap_or_default();
            let [started, met, late, breached, running, cancelled] = counts.map(|count| count.to_string());
            let counts = [started, met, late, breached, running, cancelled, share, p50, p90, p99];
            writer.write_record(
                [name.as_str(), by, group].into_iter().chain(counts.iter().map(String::as_str)).chain(["", ""]),
            )
        };
        row("", "", &sla.all)?;
        let named =
            [("team", &sla.by_team), ("owner", &sla.by_owner), ("target", &sla.by_target), ("month", &sla.by_month)];
        let weeks = sla.by_week.as_ref().map(|groups| ("week", groups));
        let asked = sla.by.iter().map(|(attribute, groups)| (attribute.as_str(), groups));
        for (by, groups) in named.into_iter().chain(weeks).chain(asked) {
            for (group, tally) in groups {
                row(by, group, tally)?;
            }
        }
        for (age, open) in AGE_NAMES.iter().zip(&sla.open) {
            let [all, overdue, running] =
                [open.all(), open.overdue, open.running + open.paused].map(|count| count.to_string());
            writer.write_record([
                name, "open_age", age, &all, "0", "0", &overdue, &running, "0", "", "", "", "", "", "",
            ])?;
        }
        let whole = sla.held_in_all().open_ms;
        for (owner, held) in &sla.held {
            let mut cells = [""; HEADER.len()];
            let seconds = format_seconds(held.open_ms);
            let share = share(held.open_ms, whole).map(|share| share.to_string()).unwrap_or_default();
            cells[..3].copy_from_slice(&[name, "held_by", owner]);
            cells[HEADER.len() - 2..].copy_from_slice(&[&seconds, &share]);
            writer.write_record(cells)?;
        }
    }
    writer.flush()?;
    Ok(())
}
