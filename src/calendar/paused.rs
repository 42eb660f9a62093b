//! Durations with pauses in them: what remained of the allowance is kept, in its own measure, and counted on from the
//! resume (SEMANTICS 12.19, 12.34).

use super::{CalendarError, Duration, Schedule};
use crate::time::Timestamp;

/// Spans in order, overlapping and touching ones joined, empty ones left out.
pub fn union(pauses: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let mut sorted: Vec<(Timestamp, Timestamp)> = pauses.iter().copied().filter(|pause| pause.0 < pause.1).collect();
    sorted.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(sorted.len());
    for pause in sorted {
        match joined.last_mut() {
            Some(last) if pause.0 <= last.1 => last.1 = last.1.max(pause.1),
            _ => joined.push(pause),
        }
    }
    joined
}

impl Schedule {
    /// `from` plus `duration`, with pauses. What of a pause lies before `from` does not count; one that begins at the
    /// deadline saves nothing.
    ///
    /// # Errors
    /// As [`Schedule::add`].
    pub fn add_paused(
        &self,
        from: Timestamp,
        duration: &Duration,
        pauses: &[(Timestamp, Timestamp)],
    ) -> Result<Timestamp, CalendarError> {
        let mut due = self.add(from, duration)?;
        for (begin, end) in union(pauses) {
            let begin = begin.max(from);
            if begin >= due {
                break;
            }
            if begin < end {
                let measured = self.measured(duration);
                due = measured.add_open_ms(end, measured.open_ms_between(begin, due)?)?;
            }
        }
        Ok(due)
    }

    /// The mirror of [`Schedule::add_paused`]: what of a pause lies after `to` does not count.
    ///
    /// # Errors
    /// As [`Schedule::subtract`].
    pub fn subtract_paused(
        &self,
        to: Timestamp,
        duration: &Duration,
        pauses: &[(Timestamp, Timestamp)],
    ) -> Result<Timestamp, CalendarError> {
        let mut start = self.subtract(to, duration)?;
        for (begin, end) in union(pauses).into_iter().rev() {
            let end = end.min(to);
            if end <= start {
                break;
            }
            if begin < end {
                let measured = self.measured(duration);
                start = measured.add_open_ms(begin, -measured.open_ms_between(start, end)?)?;
            }
        }
        Ok(start)
    }

    /// Open milliseconds between two instants, pauses left out.
    ///
    /// # Errors
    /// As [`Schedule::open_ms_between`].
    pub fn open_ms_between_paused(
        &self,
        from: Timestamp,
        to: Timestamp,
        pauses: &[(Timestamp, Timestamp)],
    ) -> Result<i64, CalendarError> {
        let (first, last, sign) = if to < from { (to, from, -1) } else { (from, to, 1) };
        let mut sum = self.open_ms_between(first, last)?;
        for (begin, end) in union(pauses) {
            let (begin, end) = (begin.max(first), end.min(last));
            if begin < end {
                sum -= self.open_ms_between(begin, end)?;
            }
        }
        Ok(sign * sum)
    }

    /// The measure of what remains: open time for business durations, elapsed time otherwise.
    fn measured(&self, duration: &Duration) -> Schedule {
        let calendar = self.calendar.clone().filter(|_| duration.is_business());
        Schedule { calendar, zone: self.zone }
    }
}
