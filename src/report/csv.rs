//! The report as CSV: a row for each SLA and each of its groups.

use std::io::{self, Write};

use super::{Report, Tally};
use crate::time::format_seconds;

const HEADER: [&str; 13] = [
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
];

/// # Errors
/// Where `out` fails.
pub fn write_csv(report: &Report, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER)?;
    for (name, sla) in &report.slas {
        let mut row = |by: &str, group: &str, tally: &Tally| {
            let [p50, p90, p99] = tally.quantiles_ms().map(|quantile| quantile.map(format_seconds).unwrap_or_default());
            writer.write_record([
                name.clone(),
                by.to_owned(),
                group.to_owned(),
                tally.started().to_string(),
                tally.met.to_string(),
                tally.met_late.to_string(),
                tally.breached.to_string(),
                tally.running.to_string(),
                tally.cancelled.to_string(),
                tally.met_share().map(|share| share.to_string()).unwrap_or_default(),
                p50,
                p90,
                p99,
            ])
        };
        row("", "", &sla.all)?;
        let named =
            [("team", &sla.by_team), ("owner", &sla.by_owner), ("target", &sla.by_target), ("month", &sla.by_month)];
        let asked = sla.by.iter().map(|(attribute, groups)| (attribute.as_str(), groups));
        for (by, groups) in named.into_iter().chain(asked) {
            for (group, tally) in groups {
                row(by, group, tally)?;
            }
        }
    }
    writer.flush()?;
    Ok(())
}
