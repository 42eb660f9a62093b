//! Topics, the coordinator of transactions, and the coordinator of the group: what brokers promise, and when they are late with it.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use plazo::worker::transaction::Outgoing;

use crate::check::Snapshot;
use crate::clocks::Clocks;
use crate::log::{Log, Stored, Transaction};
use crate::params::{Broken, INPUTS, Params};

pub const INPUT_NAMES: [&str; INPUTS] = ["leads.created", "leads.changed"];
pub const CHANGELOG: &str = "plazo.changelog";

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A newer producer has this transactional id, or the transaction has timed out.
    Fenced,
    /// The member is none of the group any more.
    IllegalGeneration,
}

#[derive(Debug)]
enum State {
    Open,
    /// Its end is decided; markers and offsets follow at this instant.
    Ending {
        commit: bool,
        at_ms: i64,
    },
}

#[derive(Debug)]
struct Open {
    id: Transaction,
    began_ms: i64,
    touched: BTreeSet<(String, i32)>,
    offsets: BTreeMap<(usize, i32), i64>,
    /// Of the shards' states that it carries.
    snapshots: Vec<Snapshot>,
    state: State,
}

#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Member {
    seen_ms: i64,
    owned: BTreeSet<i32>,
    /// Given to it by the last rebalance, but for what another has not given up yet.
    target: BTreeSet<i32>,
    /// Of the rebalance that it has joined.
    generation: u64,
}

/// What a member learns from a heartbeat.
#[derive(Debug, Default)]
pub struct Heartbeat {
    pub revoked: BTreeSet<i32>,
    pub assigned: BTreeSet<i32>,
}

pub struct Broker {
    logs: BTreeMap<(String, i32), Log>,
    producers: BTreeMap<String, Producer>,
    next_transaction: Transaction,
    committed: BTreeMap<(usize, i32), i64>,
    /// By process.
    members: BTreeMap<u64, Member>,
    generation: u64,
    partitions: i32,
    eager: bool,
    session_ms: i64,
    timeout_ms: i64,
    broken: Option<Broken>,
    pub down_until_ms: i64,
    /// By partition, every state that was committed, in order.
    pub snapshots: BTreeMap<i32, Vec<Snapshot>>,
    /// Restores that are under way: tombstones are kept for them.
    pub restores: usize,
    /// What the CRM's transactions have touched.
    crm: BTreeMap<Transaction, BTreeSet<(String, i32)>>,
}

impl Broker {
    pub fn new(params: &Params) -> Self {
        Broker {
            logs: BTreeMap::new(),
            producers: BTreeMap::new(),
            next_transaction: 1,
            committed: BTreeMap::new(),
            members: BTreeMap::new(),
            generation: 0,
            partitions: params.partitions.cast_signed(),
            eager: params.eager,
            session_ms: params.session_ms,
            timeout_ms: params.transaction_timeout_ms,
            broken: params.broken,
            down_until_ms: 0,
            snapshots: BTreeMap::new(),
            restores: 0,
            crm: BTreeMap::new(),
        }
    }

    pub fn is_down(&self, clocks: &Clocks) -> bool {
        clocks.now_ms < self.down_until_ms
    }

    pub fn log(&mut self, topic: &str, partition: i32) -> &mut Log {
        self.logs.entry((topic.to_owned(), partition)).or_default()
    }

    pub fn input(&mut self, input: usize, partition: i32) -> &mut Log {
        self.log(INPUT_NAMES[input], partition)
    }

    pub fn logs(&self) -> impl Iterator<Item = (&(String, i32), &Log)> {
        self.logs.iter()
    }

    /// Time passes: ends are carried out, hanging transactions aborted, silent members forgotten.
    pub fn tick(&mut self, now_ms: i64) {
        if now_ms < self.down_until_ms {
            // Sessions are not counted while the coordinator itself is away.
            self.members.values_mut().for_each(|member| member.seen_ms = now_ms);
            return;
        }
        let names: Vec<String> = self.producers.keys().cloned().collect();
        for name in names {
            let Some(producer) = self.producers.get_mut(&name) else { continue };
            match &mut producer.open {
                Some(Open { state: State::Ending { at_ms, .. }, .. }) if *at_ms <= now_ms => self.carry_out(&name),
                Some(open) if matches!(open.state, State::Open) && now_ms - open.began_ms > self.timeout_ms => {
                    open.state = State::Ending { commit: false, at_ms: now_ms };
                    producer.epoch += 1;
                    self.carry_out(&name);
                }
                _ => {}
            }
        }
        let session_ms = self.session_ms;
        let before = self.members.len();
        self.members.retain(|_, member| now_ms - member.seen_ms <= session_ms);
        if self.members.len() < before {
            self.rebalance(None);
        }
    }

    /// Writes the markers and the offsets of a transaction whose end is decided.
    fn carry_out(&mut self, name: &str) {
        let Some(open) = self.producers.get_mut(name).and_then(|producer| producer.open.take()) else { return };
        let State::Ending { commit, .. } = open.state else { return };
        for place in &open.touched {
            if let Some(log) = self.logs.get_mut(place) {
                log.mark(open.id, commit);
            }
        }
        if commit {
            self.committed.extend(open.offsets);
            for snapshot in open.snapshots {
                self.snapshots.entry(snapshot.partition).or_default().push(snapshot);
            }
        }
    }

    /// Whether a transaction of the engine is open, or its markers are still to be written.
    pub fn is_writing(&self) -> bool {
        self.producers.values().any(|producer| producer.open.is_some())
    }

    // Transactions of the CRM.

    pub fn crm_begin(&mut self) -> Transaction {
        self.next_transaction += 1;
        self.crm.insert(self.next_transaction, BTreeSet::new());
        self.next_transaction
    }

    pub fn crm_append(&mut self, input: usize, partition: i32, record: Stored) -> i64 {
        if let Some(touched) = record.transaction.and_then(|id| self.crm.get_mut(&id)) {
            touched.insert((INPUT_NAMES[input].to_owned(), partition));
        }
        self.input(input, partition).append(record)
    }

    pub fn crm_end(&mut self, id: Transaction, commit: bool) {
        for place in self.crm.remove(&id).unwrap_or_default() {
            if let Some(log) = self.logs.get_mut(&place) {
                log.mark(id, commit);
            }
        }
    }

    // Transactions of the engine.

    /// A new producer of this id: the epoch with which it writes. It ends what its predecessor left open.
    pub fn init(&mut self, name: &str, now_ms: i64) -> u32 {
        let fences = self.broken != Some(Broken::NothingFenced);
        let producer = self.producers.entry(name.to_owned()).or_default();
        if let Some(open) = &mut producer.open
            && fences
        {
            if matches!(open.state, State::Open) {
                open.state = State::Ending { commit: false, at_ms: now_ms };
            }
            self.carry_out(name);
        }
        let producer = self.producers.entry(name.to_owned()).or_default();
        producer.epoch += u32::from(fences);
        producer.epoch
    }

    fn producer(&mut self, name: &str, epoch: u32) -> Result<&mut Producer, Refused> {
        self.producers.get_mut(name).filter(|producer| producer.epoch == epoch).ok_or(Refused::Fenced)
    }

    pub fn begin(&mut self, name: &str, epoch: u32, now_ms: i64) -> Result<(), Refused> {
        self.producer(name, epoch)?;
        // The client waits for the end of the transaction before.
        self.carry_out(name);
        let id = self.next_transaction + 1;
        self.next_transaction = id;
        let open = Open {
            id,
            began_ms: now_ms,
            touched: BTreeSet::new(),
            offsets: BTreeMap::new(),
            snapshots: Vec::new(),
            state: State::Open,
        };
        self.producer(name, epoch)?.open = Some(open);
        Ok(())
    }

    fn open(&mut self, name: &str, epoch: u32) -> Result<&mut Open, Refused> {
        let open = self.producer(name, epoch)?.open.as_mut();
        open.filter(|open| matches!(open.state, State::Open)).ok_or(Refused::Fenced)
    }

    pub fn send(&mut self, name: &str, epoch: u32, clocks: &Clocks, sent: &Outgoing<'_>) -> Result<(), Refused> {
        let partition = sent.partition.unwrap_or(0);
        if self.broken == Some(Broken::NoChangelog) && sent.topic == CHANGELOG {
            return Ok(());
        }
        let open = self.open(name, epoch)?;
        let place = (sent.topic.to_owned(), partition);
        let record = Stored {
            append: clocks.broker(0),
            transaction: Some(open.id),
            key: sent.key.map(Box::from),
            value: sent.value.map(Box::from),
            headers: sent.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
        };
        open.touched.insert(place.clone());
        self.logs.entry(place).or_default().append(record);
        Ok(())
    }

    pub fn send_offsets(
        &mut self,
        name: &str,
        epoch: u32,
        (process, generation): (u64, u64),
        offsets: BTreeMap<(usize, i32), i64>,
        snapshots: Vec<Snapshot>,
    ) -> Result<(), Refused> {
        let is_member = self.members.get(&process).is_some_and(|member| member.generation == generation);
        let known = is_member || self.broken == Some(Broken::ZombieCommits);
        let open = self.open(name, epoch)?;
        if !known {
            return Err(Refused::IllegalGeneration);
        }
        open.offsets = offsets;
        open.snapshots = snapshots;
        Ok(())
    }

    /// The end is decided now; readers see it a little later.
    pub fn end(
        &mut self,
        name: &str,
        epoch: u32,
        commit: bool,
        now_ms: i64,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), Refused> {
        let open = self.open(name, epoch)?;
        let later_ms = if rng.random_bool(0.7) { 0 } else { rng.random_range(0..500) };
        open.state = State::Ending { commit, at_ms: now_ms + later_ms };
        if later_ms == 0 {
            self.carry_out(name);
        }
        Ok(())
    }

    /// By input; nothing while a transaction is still to commit some.
    pub fn committed_offsets(&self, partition: i32) -> Option<Vec<Option<i64>>> {
        let unstable = self.producers.values().filter_map(|producer| producer.open.as_ref());
        let unstable = unstable.flat_map(|open| open.offsets.keys()).any(|(_, at)| *at == partition);
        if unstable {
            return None;
        }
        Some((0..INPUTS).map(|input| self.committed.get(&(input, partition)).copied()).collect())
    }

    /// Offsets of a group that has long been gone expire.
    pub fn forget_offsets(&mut self, partition: i32) {
        self.committed.retain(|(_, at), _| *at != partition);
    }

    // The group.

    pub fn join(&mut self, process: u64, now_ms: i64, rng: &mut ChaCha8Rng) {
        let fresh =
            Member { seen_ms: now_ms, owned: BTreeSet::new(), target: BTreeSet::new(), generation: self.generation };
        self.members.insert(process, fresh);
        self.rebalance(Some(rng));
    }

    /// A process that starts under the name of another takes its place, and its partitions: nothing moves.
    pub fn replace(&mut self, old: u64, process: u64, now_ms: i64, rng: &mut ChaCha8Rng) {
        match self.members.remove(&old) {
            Some(member) => {
                let (target, generation) = (member.target, member.generation);
                self.members.insert(process, Member { seen_ms: now_ms, owned: BTreeSet::new(), target, generation });
            }
            None => self.join(process, now_ms, rng),
        }
    }

    /// Gives the partitions out anew, evenly, or at random.
    pub fn rebalance(&mut self, rng: Option<&mut ChaCha8Rng>) {
        self.generation += 1;
        let members: Vec<u64> = self.members.keys().copied().collect();
        self.members.values_mut().for_each(|member| member.target.clear());
        if members.is_empty() {
            return;
        }
        let mut at = self.generation as usize;
        let mut rng = rng;
        for partition in 0..self.partitions {
            at = match &mut rng {
                Some(rng) => rng.random_range(0..members.len()),
                None => at + 1,
            };
            if let Some(member) = self.members.get_mut(&members[at % members.len()]) {
                member.target.insert(partition);
            }
        }
    }

    /// `None`: the process is no member.
    pub fn heartbeat(&mut self, process: u64, now_ms: i64) -> Option<Heartbeat> {
        let (generation, eager) = (self.generation, self.eager);
        let member = self.members.get_mut(&process)?;
        member.seen_ms = now_ms;
        let mut told = Heartbeat::default();
        if member.generation != generation {
            member.generation = generation;
            told.revoked = match eager {
                true => std::mem::take(&mut member.owned),
                false => member.owned.difference(&member.target).copied().collect(),
            };
        }
        let revoked = told.revoked.clone();
        member.owned.retain(|partition| !revoked.contains(partition));
        let wanted: BTreeSet<i32> = member.target.difference(&member.owned).copied().collect();
        let all_joined = self.members.values().all(|member| member.generation == generation);
        if all_joined || !eager {
            let taken: BTreeSet<i32> = self.members.values().flat_map(|member| member.owned.iter().copied()).collect();
            told.assigned = wanted.difference(&taken).copied().collect();
        }
        let member = self.members.get_mut(&process)?;
        member.owned.extend(&told.assigned);
        Some(told)
    }

    pub fn generation_of(&self, process: u64) -> u64 {
        self.members.get(&process).map_or(0, |member| member.generation)
    }
}
