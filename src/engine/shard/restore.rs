//! A shard from its stored records: what is counted, scheduled and watched follows from them.

use super::super::leads::{Leads, Slot};
use super::super::record::{self, RecordError};
use super::super::settle::{OpenState, Settler};
use super::super::speech;
use super::{Shard, count_open};
use crate::time::Timestamp;

impl Shard {
    /// Puts a stored record back and schedules its timer: all that a restore needs.
    ///
    /// # Errors
    /// Where the bytes are no record.
    pub fn restore_record(&mut self, record: Box<[u8]>) -> Result<(), RecordError> {
        let lead_id = record::lead_id(&record).to_owned();
        let slot = match self.leads.find(&lead_id) {
            Some(slot) => {
                self.leads.replace(slot, record);
                slot
            }
            None => self.leads.insert(&lead_id, record),
        };
        self.take_up(slot)
    }

    /// Takes the stored records of all leads, into an empty shard.
    ///
    /// # Errors
    /// Where the bytes of one are no record.
    pub fn restore_records(&mut self, leads: Leads) -> Result<(), RecordError> {
        self.leads = leads;
        self.leads.slots().try_for_each(|slot| self.take_up(slot))
    }

    /// Counts what a stored lead has open, and schedules its timer.
    fn take_up(&mut self, slot: Slot) -> Result<(), RecordError> {
        let Some(record) = self.leads.record(slot) else { return Ok(()) };
        self.settler.lead.decode(record)?;
        for told in &self.settler.lead.ledger {
            if let Some(state) = OpenState::of(told) {
                let family = speech::family_of(&self.rules, self.settler.lead.str(told.sla));
                count_open(&mut self.open, (family, state, 1));
            }
        }
        self.stale += i64::from(self.settler.lead.silent);
        let mut due = record::next_due(record);
        // Stored while nothing was ever forgotten.
        if let Some(drop_at) = self.settler.lead.kept_until(due, self.options.retention_ms) {
            due = drop_at;
            self.leads.record_mut(slot).into_iter().for_each(|record| record::set_next_due(record, due));
        }
        self.schedule(slot, due);
        Ok(())
    }

    pub fn restore_position(&mut self, watermark: Timestamp, positions: &[(usize, u64)]) {
        self.watermark = self.watermark.max(watermark);
        self.turn.watermark = self.watermark;
        for &(source, position) in positions {
            if let Some(known) = self.positions.get_mut(source) {
                known.1 = position;
            }
        }
        self.watch_anew();
    }

    /// Nothing will be settled before this instant: the watermark, or the first timer that still waits behind it.
    pub(super) fn settled_until(&mut self) -> Timestamp {
        self.next_due().map_or(self.watermark, |due| due.min(self.watermark))
    }

    /// What is watched over many leads follows from their records.
    pub(super) fn watch_anew(&mut self) {
        let until = (self.settled_until(), self.watermark);
        let Settler { lead, fold, watch, .. } = &mut self.settler;
        watch.clear();
        self.ahead.clear();
        if self.rules.watched_ms().is_none() {
            return;
        }
        for slot in self.leads.slots() {
            // It was decoded when it was stored or restored.
            let Some(record) = self.leads.record(slot).filter(|record| lead.decode(record).is_ok()) else { continue };
            let next_due = record::next_due(record);
            watch.restore(&self.rules, lead, fold, next_due, until);
            let ahead = lead.facts.iter().filter(|fact| fact.time >= next_due);
            self.ahead.extend(ahead.map(|fact| (fact.time, slot)));
        }
    }
}
