//! The open clocks of a lead as rows for queries by due instant: derived from its record, never read back into it.

use crate::engine::record;
use crate::engine::{ClockView, Reading, RecordError, Rules, Standing, inspect};
use crate::time::Timestamp;
use crate::view::{ClockCursor, OpenClock, STALE};

/// An open clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockRow {
    pub sla: String,
    pub started: Timestamp,
    pub ordinal: u32,
    /// `stale` whatever its standing, where the lead's state is not known.
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
        let Reading { lead, fold } = &self.reading;
        for clock in fold.clocks.iter().filter(|clock| clock.end.is_none()) {
            let team = clock.holds.last().and_then(|hold| lead.said(hold.team)).unwrap_or_default();
            self.rows.push(ClockRow {
                sla: rules.family_name(clock.family).to_owned(),
                started: clock.start,
                ordinal: clock.ordinal,
                state: match fold.stale() {
                    Some(_) => STALE,
                    None => Standing::of(clock).name(),
                },
                team: team.to_owned(),
                due: clock.due().unwrap_or(Timestamp::MAX),
            });
        }
        self.rows.sort_unstable();
        &self.rows
    }
}

/// The clock at this place in the form that is told; `None` where the record has it no more.
///
/// # Errors
/// Where the record is damaged.
pub fn view(
    reading: &mut Reading,
    rules: &Rules,
    record: &[u8],
    at: &ClockCursor,
    as_of: Timestamp,
) -> Result<Option<OpenClock>, RecordError> {
    reading.read(rules, record, as_of)?;
    let found = reading.fold.clocks.iter().position(|clock| {
        clock.start.ms() == at.started_ms && clock.ordinal == at.ordinal && rules.family_name(clock.family) == at.sla
    });
    let Some(found) = found else { return Ok(None) };
    let mut clocks = inspect(rules, record, as_of)?.clocks;
    let clock = (found < clocks.len()).then(|| clocks.swap_remove(found));
    Ok(clock.map(|clock| OpenClock { lead_id: at.lead_id.clone(), clock: ClockView { why: None, ..clock } }))
}
