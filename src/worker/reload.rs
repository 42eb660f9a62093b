//! Another policy while the workers run. Each worker is asked between two steps whether its shards may take it, and holds them
//! where they are until all have answered: all shards of the process take it, or none does.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};

use super::group::Worker;
use super::{ANSWER_PATIENCE, Shared, held, monotonic};
use crate::policy::Policy;
use crate::view::{NotAdopted, Unavailable};

pub struct Proposal {
    policy: Arc<Policy>,
    answer: Sender<Result<(), NotAdopted>>,
    /// One that is given means yes; one that nobody will give, no.
    verdict: Receiver<()>,
}

/// A proposal that was answered, while the shards wait.
pub struct Awaited {
    policy: Arc<Policy>,
    verdict: Receiver<()>,
}

impl Shared {
    /// # Errors
    /// No shard has taken it.
    pub fn propose(&self, policy: &Arc<Policy>) -> Result<(), NotAdopted> {
        let (answer, answers) = channel();
        let mut verdicts = Vec::new();
        for place in held(&self.proposals).iter_mut() {
            let (give, verdict) = channel();
            *place = Some(Proposal { policy: policy.clone(), answer: answer.clone(), verdict });
            verdicts.push(give);
        }
        drop(answer);
        let began = monotonic();
        let (mut differences, mut otherwise) = (Vec::new(), None);
        for _ in &verdicts {
            match answers.recv_timeout(ANSWER_PATIENCE.saturating_sub(began.elapsed())) {
                Ok(Ok(())) => {}
                Ok(Err(NotAdopted::Governed(difference))) => differences.push(difference),
                Ok(Err(other)) => otherwise = Some(other),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(NotAdopted::Busy("a worker is busy with a transaction; try again".to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(NotAdopted::Unavailable(Unavailable::Stopping)),
            }
        }
        // What several shards say of one edit is said once.
        differences.sort();
        differences.dedup();
        if !differences.is_empty() {
            return Err(NotAdopted::Governed(differences.concat()));
        }
        if let Some(otherwise) = otherwise {
            return Err(otherwise);
        }
        // A restore that begins from here on is by the new one.
        *self.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = policy.clone();
        self.metrics.name_slas(policy.families.iter().map(|family| family.name.as_str()));
        for verdict in verdicts {
            // A worker that has ended has no shards.
            let _gone = verdict.send(());
        }
        Ok(())
    }

    fn next_proposal(&self, worker: usize) -> Option<Proposal> {
        held(&self.proposals).get_mut(worker)?.take()
    }
}

impl Worker {
    /// Answers a proposal, and takes its policy once all have said yes. Whether the shards must wait.
    pub fn consider(&mut self) -> bool {
        if let Some(proposal) = self.shared.next_proposal(self.number) {
            let policy = &proposal.policy;
            let outcome = self.shards.running().try_for_each(|shard| shard.may_adopt(policy));
            // Who no longer waits gives no verdict either.
            let _gone = proposal.answer.send(outcome);
            self.awaited = Some(Awaited { policy: proposal.policy, verdict: proposal.verdict });
        }
        let Some(awaited) = &self.awaited else { return false };
        match awaited.verdict.try_recv() {
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => self.awaited = None,
            Ok(()) => {
                let policy = awaited.policy.clone();
                self.awaited = None;
                self.adopt(&policy);
            }
        }
        false
    }
}
