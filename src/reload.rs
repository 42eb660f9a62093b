//! The policy read anew while the engine runs (SIGHUP, `POST /v1/policy/reload`). It is checked first; on any fault the one before
//! stays, whole, and all that is wrong is told to who asked and to the log.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{error, info, warn};

use crate::metrics::Metrics;
use crate::policy::{self, Faults, LoadError, kept};
use crate::view::{NotAdopted, Shell};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    Applied,
    /// It says what the one before said.
    Unchanged,
}

/// Why the policy before stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadFault {
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    Faulty(Faults),
    #[error(transparent)]
    NotAdopted(#[from] NotAdopted),
}

/// What an operator does about a version that governed clocks and was edited.
const GOVERNED: &str = "put it back and write the change as a version of its own with a later effective_from; a reload takes no \
                        --accept-changed-policy: only a start with that flag tells every promise that such a change moves";

pub struct Reloader {
    path: PathBuf,
    shell: Arc<dyn Shell>,
    metrics: Arc<Metrics>,
    one_at_a_time: Mutex<()>,
}

impl Reloader {
    /// `path`: a file, or a directory of versions.
    pub fn new(path: PathBuf, shell: Arc<dyn Shell>, metrics: Arc<Metrics>) -> Self {
        Reloader { path, shell, metrics, one_at_a_time: Mutex::new(()) }
    }

    /// Reads the files and hands the policy to the shell. Blocks until that is done.
    ///
    /// # Errors
    /// The policy before stays in every part.
    pub fn reload(&self) -> Result<Reloaded, ReloadFault> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.read();
        let result = match &outcome {
            Ok(Reloaded::Applied) => "applied",
            Ok(Reloaded::Unchanged) => "unchanged",
            Err(ReloadFault::Faulty(_)) => "faulty",
            Err(ReloadFault::NotAdopted(NotAdopted::Governed(_))) => "refused",
            Err(ReloadFault::Unreadable(_) | ReloadFault::NotAdopted(_)) => "failed",
        };
        self.metrics.reloaded(result);
        match &outcome {
            Ok(reloaded) => {
                let policy = self.shell.policy();
                for warning in &policy.warnings {
                    warn!("policy: {warning}");
                }
                info!(
                    versions = policy.versions.len(),
                    changed = *reloaded == Reloaded::Applied,
                    "the policy was read anew"
                );
            }
            Err(ReloadFault::Faulty(faults)) => {
                for fault in &faults.0 {
                    error!("policy: {fault}");
                }
                error!(
                    faults = faults.0.len(),
                    "the policy was read anew and is at fault; the one before stays in force"
                );
            }
            Err(fault) => error!("the policy was not taken, the one before stays in force: {fault}"),
        }
        outcome
    }

    fn read(&self) -> Result<Reloaded, ReloadFault> {
        let policy = match policy::load(&self.path) {
            Ok(policy) => policy,
            Err(LoadError::Faults(faults)) => return Err(ReloadFault::Faulty(faults)),
            Err(error @ LoadError::Io { .. }) => return Err(ReloadFault::Unreadable(error.to_string())),
        };
        if kept::versions(&policy) == kept::versions(&self.shell.policy()) {
            return Ok(Reloaded::Unchanged);
        }
        match self.shell.adopt(Arc::new(policy)) {
            Ok(()) => Ok(Reloaded::Applied),
            Err(NotAdopted::Governed(difference)) => {
                let told = format!("a version that is in force may not be edited{difference}\n{GOVERNED}");
                Err(NotAdopted::Governed(told).into())
            }
            Err(other) => Err(other.into()),
        }
    }
}
