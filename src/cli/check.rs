//! `plazo check`: everything that is wrong with a policy, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{ENVIRONMENT, FAULT, say};
use crate::config::Settings;
use crate::policy::{self, LoadError};

/// Validate a policy (a file or a directory of versions) and print every fault as file:line:column
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plazo check --policy deploy/policy/en\n  plazo check --config plazo.toml")]
pub struct CheckArgs {
    /// The settings, which name the policy where --policy does not
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The policy: a file, or a directory of versions
    #[arg(long, value_name = "PATH")]
    pub policy: Option<PathBuf>,
}

/// The settings are read where they are named, or where the policy is not.
pub fn run(args: &CheckArgs) -> ExitCode {
    let settings = match (&args.config, &args.policy) {
        (None, Some(_)) => None,
        (config, _) => match Settings::load(config.as_deref()) {
            Ok(settings) => Some(settings),
            Err(faults) => {
                // The policy's faults are told too, if it is known where it is.
                say(&faults.to_string());
                if let Some(path) = &args.policy {
                    check_policy(path);
                }
                return ExitCode::from(FAULT);
            }
        },
    };
    match (&args.policy, settings) {
        (Some(path), _) => check_policy(path),
        (None, Some(settings)) => check_policy(&settings.policy),
        (None, None) => super::usage("say which policy with --policy PATH"),
    }
}

/// Faults go to stdout, one a line: they are what was asked for. Warnings and talk go to stderr.
fn check_policy(path: &Path) -> ExitCode {
    match policy::load(path) {
        Ok(policy) => {
            for warning in &policy.warnings {
                eprintln!("warning: {warning}");
            }
            let versions = policy.versions.len();
            let commitments: usize = policy.versions.iter().map(|version| version.commitments.len()).sum();
            let calendars: usize = policy.versions.iter().map(|version| version.calendars.len()).sum();
            say(&format!(
                "ok: versions {versions}, SLAs {}, calendars {calendars}, commitments {commitments}",
                policy.families.len()
            ))
        }
        Err(LoadError::Faults(faults)) => {
            say(&faults.to_string());
            let count = faults.0.len();
            eprintln!("plazo: {count} {}", if count == 1 { "fault" } else { "faults" });
            ExitCode::from(FAULT)
        }
        Err(error) => {
            eprintln!("plazo: {error}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}
