//! Durations as people write them, and the one parser of them (SEMANTICS §5).

/// How long something may take, in the measure it was written in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Duration {
    /// `"4 business hours"`: open milliseconds of a calendar.
    Open { ms: i64 },
    /// `"48 hours"`: elapsed milliseconds.
    Elapsed { ms: i64 },
    /// `"2 business days"`: the same time of day on the Nth date with open time.
    BusinessDays(u32),
    /// `"30 days"`, `"8 weeks"` (56): wall-clock days.
    Days(u32),
    /// `"end of business day"` (0), `"end of 2 business days"` (2).
    EndOfBusinessDays(u32),
}

impl Duration {
    /// Whether it counts the open time of a calendar, so that one is needed.
    pub fn is_business(&self) -> bool {
        !matches!(self, Duration::Elapsed { .. } | Duration::Days(_))
    }
}
