//! The open clocks of a lead as rows for queries by due instant: derived from its record, never read back into it.

use crate::engine::record;
use crate::engine::{Reading, Rules};
use crate::time::Timestamp;

/// An open clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockRow {
    pub sla: String,
    pub started: Timestamp,
    pub ordinal: u32,
    pub state: &'static str,
    /// Empty where no team holds it.
    pub team: String,
    /// `MAX` while paused.
    pub due: Timestamp,
}

/// Reads the rows of one record after another.
#[derive(Debug, Default)]
pub struct OpenClocks {
    reading: Reading,
    rows: Vec<ClockRow>,
}

impl OpenClocks {
    /// In order of SLA name, start and ordinal. A timer that is due but has not fired has told nothing yet: the record is
    /// read as of it, so that the rows say what the notices said.
    pub fn of(&mut self, rules: &Rules, record: &[u8], watermark: Timestamp) -> &[ClockRow] {
        self.rows.clear();
        let as_of = watermark.min(record::next_due(record));
        if self.reading.read(rules, record, as_of).is_err() {
            // The engine wrote these bytes in this turn; what cannot be read has no open clock to show.
            return &self.rows;
        }
        let lead = &self.reading.lead;
        for clock in self.reading.fold.clocks.iter().filter(|clock| clock.end.is_none()) {
            let team = clock.holds.last().and_then(|hold| lead.said(hold.team)).unwrap_or_default();
            self.rows.push(ClockRow {
                sla: rules.family_name(clock.family).to_owned(),
                started: clock.start,
                ordinal: clock.ordinal,
                state: crate::engine::Standing::of(clock).name(),
                team: team.to_owned(),
                due: clock.due().unwrap_or(Timestamp::MAX),
            });
        }
        self.rows.sort_unstable();
        &self.rows
    }
}
