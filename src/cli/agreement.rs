//! `plazo agreement`: the policy as the document that both sides sign.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{ENVIRONMENT, tell_load_error, usage, written};
use crate::language::Lang;
use crate::policy::{self, Policy};
use crate::time::Timestamp;
use crate::written_agreement::{self, Edition};

/// Write the policy as the agreement that marketing and sales sign
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plazo agreement --policy deploy/policy/en > agreement.md
  plazo agreement --policy deploy/policy/es --lang es --html > acuerdo.html
  plazo agreement --policy new.toml --since old.toml          # with what changed")]
pub struct AgreementArgs {
    /// The policy: a file, or a directory of versions, of which the latest is written
    #[arg(long, value_name = "PATH")]
    policy: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// One self-contained page instead of Markdown
    #[arg(long)]
    html: bool,
    /// Of a directory: the version in force at this instant [default: the latest]
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
    /// Tell what changed since then: a policy file, or of the directory a version by its number, its fingerprint (or the
    /// beginning of it) or its effective_from [default: the version before, if there is one]
    #[arg(long, value_name = "VERSION_OR_PATH")]
    since: Option<String>,
}

pub fn run(args: &AgreementArgs) -> ExitCode {
    let policy = match policy::load(&args.policy) {
        Ok(policy) => policy,
        Err(error) => return tell_load_error(&error),
    };
    let newest = policy.versions.len() - 1;
    let index = match args.at {
        None => newest,
        Some(at) => match policy.in_force(at) {
            Some(index) => index,
            None => return usage(&format!("no version of the policy is in force at {at}")),
        },
    };
    let other = match args.since.as_deref().filter(|since| Path::new(since).exists()).map(Path::new) {
        Some(path) => match policy::load(path) {
            Ok(policy) => Some(policy),
            Err(error) => return tell_load_error(&error),
        },
        None => None,
    };
    let before = match (&other, args.since.as_deref()) {
        // Of another directory, the latest version.
        (Some(other), _) => other.versions.last(),
        (None, Some(name)) => match find(&policy, name) {
            Some(version) => Some(&policy.versions[version]),
            None => return usage(&unknown(&policy, name)),
        },
        (None, None) => index.checked_sub(1).map(|before| &policy.versions[before]),
    };
    for warning in &policy.warnings {
        eprintln!("warning: {warning}");
    }
    let edition = Edition { version: &policy.versions[index], number: (index + 1, policy.versions.len()), before };
    let document = written_agreement::document(edition, args.lang);
    let text = match args.html {
        false => written_agreement::markdown(&document),
        true => match written_agreement::html(&document) {
            Ok(page) => page,
            Err(error) => {
                eprintln!("plazo: {error}");
                return ExitCode::from(ENVIRONMENT);
            }
        },
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// A version by its number, the beginning of its fingerprint, or its instant.
fn find(policy: &Policy, name: &str) -> Option<usize> {
    let versions = &policy.versions;
    if let Some(index) = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1))
        && index < versions.len()
    {
        return Some(index);
    }
    if let Ok(instant) = Timestamp::parse(name) {
        return versions.iter().position(|version| version.effective_from_written == instant);
    }
    let mut fitting = (0..versions.len()).filter(|index| versions[*index].fingerprint.starts_with(name));
    // Eight digits hardly fit two versions; fewer are rather a slip.
    fitting.next().filter(|_| name.len() >= 8 && fitting.next().is_none())
}

fn unknown(policy: &Policy, name: &str) -> String {
    let versions: Vec<String> = (1..)
        .zip(&policy.versions)
        .map(|(number, version)| format!("{number} (from {}, {})", version.effective_from_written, version.fingerprint))
        .collect();
    format!("--since {name}: no such file, and no such version; the policy has {}", versions.join(", "))
}
