//! Synthetic CRM traffic: the events of a small company's leads, the same bytes for the same seed.
//!
//! Every lead has a [story]: it is created, mostly assigned, touched, put on hold, qualified or not; some are handed on,
//! reopened, merged, deleted; some are forgotten by everybody. Its representatives work on weekdays, its leads come around the
//! clock. A lead's story follows from the seed and its number alone, so that a longer run begins with the shorter one.
//! Deliveries come in the order of their append times; some of them late, some of them twice.

mod encode;
pub mod send;
pub mod story;
#[cfg(test)]
mod tests;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::event::FactKind;
use crate::time::{HOUR_MS, Timestamp};
use story::What;

/// How often things happen: shares between 0 and 1 of the leads, where nothing else is said. The default makes about
/// 3.5 events a lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    pub assigned: f64,
    /// Of the assigned: forgotten, nothing more is heard of them.
    pub forgotten: f64,
    /// A mail of the marketing automation right after the creation, which is no touch.
    pub automated: f64,
    /// Of the assigned and not forgotten: a person's call or mail before all else.
    pub touched: f64,
    /// Of those, as are the next: a status change to "working".
    pub worked: f64,
    pub on_hold: f64,
    pub reassigned: f64,
    /// Given a disposition in the end.
    pub disposed: f64,
    /// Of the disposed: qualified; unsuitable; the rest goes to nurture.
    pub qualified: f64,
    pub unsuitable: f64,
    /// Of the disposed: taken up again days later, and disposed of once more.
    pub reopened: f64,
    /// Of the qualified.
    pub opportunity: f64,
    /// Any lead: a new score, hours after its creation.
    pub rescored: f64,
    /// Any lead; the end of its story.
    pub deleted: f64,
    pub merged: f64,
    /// Of all events: delivered hours after they happened; delivered twice.
    pub late: f64,
    pub duplicate: f64,
    /// Mean of the time from the assignment to the first touch, and from the touch to the disposition. Half of the
    /// leads take less than half of it, none more than four times.
    pub touch_ms: i64,
    pub dispose_ms: i64,
    /// The representatives' office hours, Monday to Friday 9 to 18, are this much ahead of UTC.
    pub office_ahead_ms: i64,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            assigned: 0.93,
            forgotten: 0.18,
            automated: 0.08,
            touched: 0.35,
            worked: 0.3,
            on_hold: 0.08,
            reassigned: 0.06,
            disposed: 0.85,
            qualified: 0.35,
            unsuitable: 0.35,
            reopened: 0.04,
            opportunity: 0.5,
            rescored: 0.05,
            deleted: 0.01,
            merged: 0.01,
            late: 0.03,
            duplicate: 0.02,
            touch_ms: 2 * HOUR_MS,
            dispose_ms: 10 * HOUR_MS,
            office_ahead_ms: -3 * HOUR_MS,
        }
    }
}

/// The words of the CRM, as its policy spells them. Owner `i` is of team `i` modulo the number of teams; an empty list
/// leaves out what it would name.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    pub new: String,
    pub working: String,
    pub on_hold: String,
    pub qualified: String,
    pub unsuitable: String,
    pub nurture: String,
    pub owners: Vec<String>,
    pub teams: Vec<String>,
    pub sources: Vec<String>,
    pub regions: Vec<String>,
    pub activities: Vec<String>,
    pub currency: String,
}

fn words(list: &str) -> Vec<String> {
    list.split(' ').map(str::to_owned).collect()
}

impl Words {
    pub fn english() -> Self {
        Words {
            new: "new".into(),
            working: "working".into(),
            on_hold: "on_hold".into(),
            qualified: "qualified".into(),
            unsuitable: "unsuitable".into(),
            nurture: "nurture".into(),
            owners: words("ana bruno carla diego elena felipe gloria hugo"),
            teams: words("north south"),
            sources: words("webinar demo_request referral web_form trade_show partner"),
            regions: words("br ar mx es us"),
            activities: words("call email meeting"),
            currency: "USD".into(),
        }
    }

    pub fn spanish() -> Self {
        Words {
            new: "nuevo".into(),
            working: "en_gestion".into(),
            on_hold: "en_espera".into(),
            qualified: "calificado".into(),
            unsuitable: "descartado".into(),
            nurture: "nutricion".into(),
            owners: words("ana bruno carla diego elena felipe gloria hugo"),
            teams: words("norte sur"),
            sources: words("webinar solicitud_demo referido formulario_web feria socio"),
            regions: words("ar mx es co cl"),
            activities: words("llamada correo reunion"),
            currency: "EUR".into(),
        }
    }
}

/// One delivery of one event, not yet written as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// When the broker has it. Never goes back from one delivery to the next.
    pub append: Timestamp,
    /// When it happened: at or before `append`.
    pub time: Timestamp,
    /// The lead's number, from 1.
    pub lead: u32,
    /// Which event of the lead's story, from 1; a second delivery has the number of the first.
    pub ordinal: u32,
    pub second: bool,
    pub what: What,
    /// Breaks ties between append times.
    sequence: u64,
}

impl Eq for Delivery {}

impl PartialOrd for Delivery {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delivery {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.append, self.sequence).cmp(&(other.append, other.sequence))
    }
}

/// A delivery as a structured CloudEvent on its own time, `recordedtime` being the append time.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    pub append: Timestamp,
    pub time: Timestamp,
    pub lead_id: String,
    pub kind: FactKind,
    /// One CloudEvent in JSON, without a line end.
    pub json: Vec<u8>,
}

/// The deliveries of all leads in the order of their append times.
pub struct Generator {
    seed: u64,
    mix: Mix,
    words: Words,
    prefix: String,
    start: Timestamp,
    spacing_ms: i64,
    leads: u32,
    /// Leads whose stories have been put into `waiting`.
    begun: u32,
    waiting: BinaryHeap<Reverse<Delivery>>,
    sequence: u64,
}

impl Generator {
    /// Leads without end, in English: the first is created at or shortly after `start`, one follows in every `spacing_ms`.
    pub fn new(seed: u64, mix: Mix, start: Timestamp, spacing_ms: i64) -> Self {
        Generator {
            seed,
            mix,
            words: Words::english(),
            prefix: "L".to_owned(),
            start,
            spacing_ms: spacing_ms.max(1),
            leads: u32::MAX,
            begun: 0,
            waiting: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// Ends after the stories of so many leads.
    #[must_use]
    pub fn leads(self, leads: u32) -> Self {
        Generator { leads, ..self }
    }

    #[must_use]
    pub fn words(self, words: Words) -> Self {
        Generator { words, ..self }
    }

    /// What lead ids begin with: `L` makes `L-000123`.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        Generator { prefix: prefix.to_owned(), ..self }
    }

    /// The next delivery, for those who write it on another time than its own.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        while self.begun < self.leads {
            let start = self.start.plus_ms(i64::from(self.begun).saturating_mul(self.spacing_ms));
            if self.waiting.peek().is_some_and(|Reverse(next)| next.append < start) {
                break;
            }
            self.begun += 1;
            self.begin(self.begun, start);
        }
        self.waiting.pop().map(|Reverse(delivery)| delivery)
    }

    fn begin(&mut self, lead: u32, start: Timestamp) {
        let mut rng = story::dice(self.seed, lead);
        let created = start.plus_ms(story::up_to(&mut rng, self.spacing_ms - 1));
        for (index, (time, what)) in
            story::tell(&mut rng, &self.mix, &self.words, lead, created).into_iter().enumerate()
        {
            let delay_ms = story::delay_ms(&mut rng, &self.mix);
            let first = Delivery {
                append: time.plus_ms(delay_ms),
                time,
                lead,
                ordinal: index as u32 + 1,
                second: false,
                what,
                sequence: 0,
            };
            if let Some(again_ms) = story::second_delivery_ms(&mut rng, &self.mix) {
                let second = Delivery { append: first.append.plus_ms(again_ms), second: true, ..first.clone() };
                self.deliver(first);
                self.deliver(second);
            } else {
                self.deliver(first);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.sequence += 1;
        self.waiting.push(Reverse(Delivery { sequence: self.sequence, ..delivery }));
    }

    pub fn lead_id(&self, lead: u32) -> String {
        format!("{}-{lead:06}", self.prefix)
    }

    /// Appends one CloudEvent in JSON. The time may be another than the delivery's own; `recorded` adds `recordedtime`.
    pub fn write(&self, delivery: &Delivery, time: Timestamp, recorded: Option<Timestamp>, out: &mut Vec<u8>) {
        encode::write(self, delivery, time, recorded, out);
    }
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let delivery = self.next_delivery()?;
        let mut json = Vec::with_capacity(400);
        self.write(&delivery, delivery.time, Some(delivery.append), &mut json);
        let kind = delivery.what.kind();
        Some(Generated {
            append: delivery.append,
            time: delivery.time,
            lead_id: self.lead_id(delivery.lead),
            kind,
            json,
        })
    }
}
