//! `plazo topics`: whether the topics of the settings are as they must be; makes those that are missing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{ENVIRONMENT, FAULT, say, usage};
use crate::config::Settings;
use crate::worker::topics::{Making, look};

const EXAMPLES: &str = "\
Examples:
  plazo topics
  plazo topics --create --partitions 12
  plazo topics --create --replication 3

Exit codes: 0 all is as it must be, 1 something differs (it is printed), 3 the brokers do not answer.";

/// Check every topic that the settings name, or make it with the right settings
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TopicsArgs {
    /// The settings [default: plazo.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Make what is missing
    #[arg(long)]
    pub create: bool,
    /// Partitions of topics that are made, where no input has any yet: as many shards
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub partitions: u32,
    /// Copies of each partition [default: the brokers' default.replication.factor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=32))]
    pub replication: Option<i32>,
}

pub fn run(args: &TopicsArgs) -> ExitCode {
    let settings = match Settings::load(args.config.as_deref()) {
        Ok(settings) => settings,
        Err(faults) => return usage(&faults.to_string()),
    };
    let Some(kafka) = settings.kafka else {
        return usage("kafka.brokers is not set: name them in the settings, or as PLAZO__KAFKA__BROKERS");
    };
    let making = args.create.then_some(Making { partitions: args.partitions, replication: args.replication });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(look(&kafka, making)),
        Err(error) => return told(&error.to_string()),
    };
    match outcome {
        Ok(found) => {
            let made = found.created.iter().map(|name| format!("{name}: made"));
            let differs = found.faults.iter().map(|fault| format!("fault: {fault}"));
            let warned = found.warnings.iter().map(|warning| format!("warning: {warning}"));
            for line in found.fine.iter().cloned().chain(made).chain(warned).chain(differs) {
                say(&line);
            }
            ExitCode::from(if found.faults.is_empty() && found.warnings.is_empty() { 0 } else { FAULT })
        }
        Err(error) => told(&format!("kafka.brokers: {}: {error}", kafka.brokers)),
    }
}

fn told(message: &str) -> ExitCode {
    eprintln!("plazo: {message}");
    ExitCode::from(ENVIRONMENT)
}
