//! What happens to one lead, in the order in which it happens.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Mix, Words};
use crate::event::FactKind;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// A lead's status, spelled by [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    New,
    Working,
    OnHold,
    Qualified,
    Unsuitable,
    Nurture,
}

/// What one event says. Numbers are indexes into the lists of [`Words`].
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Created {
        source: usize,
        region: usize,
        score: u8,
    },
    Assigned {
        owner: usize,
    },
    Status {
        from: Status,
        to: Status,
    },
    Activity {
        activity: usize,
        automated: bool,
    },
    Rescored {
        score: u8,
    },
    Deleted,
    /// Into the lead of this number.
    Merged {
        into: u32,
    },
    Opportunity {
        value: u32,
    },
}

impl What {
    pub fn kind(&self) -> FactKind {
        match self {
            What::Created { .. } => FactKind::Created,
            What::Assigned { .. } => FactKind::Assigned,
            What::Status { .. } => FactKind::StatusChanged,
            What::Activity { .. } => FactKind::Activity,
            What::Rescored { .. } => FactKind::Updated,
            What::Deleted => FactKind::Deleted,
            What::Merged { .. } => FactKind::Merged,
            What::Opportunity { .. } => FactKind::Opportunity,
        }
    }
}

/// A stream of chance of its own for every lead.
pub(super) fn dice(seed: u64, lead: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(lead));
    rng
}

pub(super) fn up_to(rng: &mut ChaCha8Rng, max_ms: i64) -> i64 {
    rng.random_range(0..=max_ms.max(0))
}

fn happens(rng: &mut ChaCha8Rng, share: f64) -> bool {
    rng.random::<f64>() < share
}

/// Mostly short, seldom long, four times the mean at most. By multiplication alone, which every machine does alike.
fn skewed_ms(rng: &mut ChaCha8Rng, mean_ms: i64) -> i64 {
    let chance = rng.random::<f64>();
    (4.0 * mean_ms as f64 * chance * chance * chance) as i64
}

fn pick(rng: &mut ChaCha8Rng, words: &[String]) -> usize {
    rng.random_range(0..words.len().max(1))
}

/// From the event to the log: a moment, or hours where the sender was offline.
pub(super) fn delay_ms(rng: &mut ChaCha8Rng, mix: &Mix) -> i64 {
    let moment_ms = rng.random_range(20..1_500);
    if happens(rng, mix.late) { moment_ms + MINUTE_MS + skewed_ms(rng, 2 * HOUR_MS) } else { moment_ms }
}

/// How much later the same event is delivered again, if it is.
pub(super) fn second_delivery_ms(rng: &mut ChaCha8Rng, mix: &Mix) -> Option<i64> {
    happens(rng, mix.duplicate).then(|| rng.random_range(SECOND_MS..2 * MINUTE_MS))
}

/// The instant itself within office hours, else some minutes after the next opening.
fn in_office(rng: &mut ChaCha8Rng, mix: &Mix, instant: Timestamp) -> Timestamp {
    const OPENS_MS: i64 = 9 * HOUR_MS;
    const CLOSES_MS: i64 = 18 * HOUR_MS;
    let local_ms = instant.ms().saturating_add(mix.office_ahead_ms);
    let (mut day, of_day_ms) = (local_ms.div_euclid(DAY_MS), local_ms.rem_euclid(DAY_MS));
    // 1970-01-01 was a Thursday; Monday is 0.
    let weekday = |day: i64| (day + 3).rem_euclid(7);
    if weekday(day) < 5 && (OPENS_MS..CLOSES_MS).contains(&of_day_ms) {
        return instant;
    }
    if of_day_ms >= CLOSES_MS {
        day += 1;
    }
    while weekday(day) >= 5 {
        day += 1;
    }
    let opening_ms = day.saturating_mul(DAY_MS).saturating_add(OPENS_MS - mix.office_ahead_ms);
    Timestamp(opening_ms).plus_ms(skewed_ms(rng, 30 * MINUTE_MS))
}

struct Story<'a> {
    rng: &'a mut ChaCha8Rng,
    mix: &'a Mix,
    words: &'a Words,
    now: Timestamp,
    status: Status,
    events: Vec<(Timestamp, What)>,
}

impl Story<'_> {
    fn happens(&mut self, share: f64) -> bool {
        happens(self.rng, share)
    }

    fn say(&mut self, what: What) {
        self.events.push((self.now, what));
    }

    /// Time passes at the office.
    fn later(&mut self, mean_ms: i64) {
        let then = self.now.plus_ms(SECOND_MS + skewed_ms(self.rng, mean_ms));
        self.now = in_office(self.rng, self.mix, then);
    }

    fn becomes(&mut self, to: Status) {
        self.say(What::Status { from: self.status, to });
        self.status = to;
    }

    fn assign(&mut self, before: Option<usize>) -> usize {
        let mut owner = pick(self.rng, &self.words.owners);
        if before == Some(owner) {
            owner = (owner + 1) % self.words.owners.len().max(1);
        }
        self.say(What::Assigned { owner });
        owner
    }

    fn dispose(&mut self) {
        self.later(self.mix.dispose_ms);
        let chance = self.rng.random::<f64>();
        let to = match chance - self.mix.qualified {
            rest if rest < 0.0 => Status::Qualified,
            rest if rest < self.mix.unsuitable => Status::Unsuitable,
            _ => Status::Nurture,
        };
        self.becomes(to);
        if to == Status::Qualified && self.happens(self.mix.opportunity) {
            self.later(HOUR_MS);
            let value = self.rng.random_range(5..500) * 100;
            self.say(What::Opportunity { value });
        }
    }

    fn work(&mut self, owner: usize) {
        let mut owner = owner;
        self.later(self.mix.touch_ms);
        if self.happens(self.mix.touched) {
            let activity = pick(self.rng, &self.words.activities);
            self.say(What::Activity { activity, automated: false });
        }
        if self.happens(self.mix.worked) {
            self.later(MINUTE_MS);
            self.becomes(Status::Working);
        }
        if self.happens(self.mix.reassigned) {
            self.later(4 * HOUR_MS);
            owner = self.assign(Some(owner));
        }
        if self.happens(self.mix.on_hold) {
            self.later(2 * HOUR_MS);
            self.becomes(Status::OnHold);
            self.later(2 * DAY_MS);
            self.becomes(Status::Working);
        }
        if !self.happens(self.mix.disposed) {
            return;
        }
        self.dispose();
        if self.happens(self.mix.reopened) {
            self.later(4 * DAY_MS);
            self.becomes(Status::Working);
            self.assign(Some(owner));
            self.dispose();
        }
    }
}

/// The events of a lead by their times.
pub(super) fn tell(
    rng: &mut ChaCha8Rng,
    mix: &Mix,
    words: &Words,
    lead: u32,
    created: Timestamp,
) -> Vec<(Timestamp, What)> {
    let mut story = Story { rng, mix, words, now: created, status: Status::New, events: Vec::with_capacity(8) };
    let (source, region) = (pick(story.rng, &words.sources), pick(story.rng, &words.regions));
    let score = story.rng.random_range(0..=100);
    story.say(What::Created { source, region, score });
    if story.happens(mix.automated) {
        story.now = story.now.plus_ms(10 * SECOND_MS);
        let activity = pick(story.rng, &words.activities);
        story.say(What::Activity { activity, automated: true });
    }
    if story.happens(mix.assigned) {
        // Routing is done by a program: at any hour.
        story.now = story.now.plus_ms(skewed_ms(story.rng, 5 * MINUTE_MS));
        let owner = story.assign(None);
        if !story.happens(mix.forgotten) {
            story.work(owner);
        }
    }
    // The first lead has none before it to be merged into.
    if lead > 1 && story.happens(mix.merged) {
        story.later(DAY_MS);
        let into = story.rng.random_range(lead.saturating_sub(1_000).max(1)..lead);
        story.say(What::Merged { into });
    } else if story.happens(mix.deleted) {
        story.later(DAY_MS);
        story.say(What::Deleted);
    }
    let mut events = story.events;
    if happens(rng, mix.rescored) {
        let time = created.plus_ms(MINUTE_MS + skewed_ms(rng, 6 * HOUR_MS));
        let ends = matches!(events.last(), Some((end, What::Deleted | What::Merged { .. })) if *end <= time);
        if !ends {
            events.push((time, What::Rescored { score: rng.random_range(0..=100) }));
            events.sort_by_key(|(time, _)| *time);
        }
    }
    events
}
