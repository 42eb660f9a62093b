//! The comparison as CSV: a row for each SLA and each of its groups, with the counters under A and under B.

use std::io::{self, Write};

use super::Comparison;
use crate::report::Tally;

type Counter = fn(&Tally) -> u64;

const COUNTERS: [(&str, Counter); 6] = [
    ("started", Tally::started),
    ("met", |tally| tally.met),
    ("met_late", |tally| tally.met_late),
    ("breached", |tally| tally.breached),
    ("running", |tally| tally.running),
    ("cancelled", |tally| tally.cancelled),
];

/// # Errors
/// Where `out` fails.
pub fn write_csv(comparison: &Comparison, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let counters = COUNTERS.map(|counter| counter.0).into_iter().chain(["met_share"]);
    let columns = counters.flat_map(|name| [format!("{name}_a"), format!("{name}_b"), format!("{name}_difference")]);
    let head = ["sla", "group_by", "group"].map(str::to_owned).into_iter().chain(columns);
    writer.write_record(head)?;
    for sla in &comparison.slas {
        let mut row = |by: &str, group: &str, [a, b]: [&Tally; 2]| {
            let mut cells = vec![sla.name.clone(), by.to_owned(), group.to_owned()];
            for (_, count) in COUNTERS {
                let (in_a, in_b) = (count(a), count(b));
                cells.extend([in_a.to_string(), in_b.to_string(), (in_b as i64 - in_a as i64).to_string()]);
            }
            let (in_a, in_b) = (a.met_share(), b.met_share());
            let text = |share: Option<f64>| share.map(|share| share.to_string()).unwrap_or_default();
            let less = in_a.zip(in_b).map(|(a, b)| ((b - a) * 10_000.0).round() / 10_000.0);
            cells.extend([text(in_a), text(in_b), text(less)]);
            writer.write_record(cells)
        };
        row("", "", sla.all())?;
        for ([target_a, target_b], tallies) in &sla.segments {
            row("segment", &format!("{target_a} → {target_b}"), tallies.each_ref())?;
        }
        for (by, pairs) in sla.groups() {
            for (group, tallies) in pairs {
                row(by, &group, tallies)?;
            }
        }
    }
    writer.flush()?;
    Ok(())
}
