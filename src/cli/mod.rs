//! The commands, one file each.

pub mod calendar;
pub mod check;
mod client;
pub mod dead_letters;
pub mod explain;
pub mod load;
pub mod run;

use std::io::Write;
use std::process::ExitCode;

use crate::policy::LoadError;

/// The input or the policy is at fault.
pub const FAULT: u8 = 1;
/// The command was used wrongly.
pub const USAGE: u8 = 2;
/// The environment failed.
pub const ENVIRONMENT: u8 = 3;

/// Prints one line of data. A reader that went away is no fault.
fn say(line: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("plazo: cannot write to stdout: {error}");
            ExitCode::from(ENVIRONMENT)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says why a policy or calendar could not be loaded: all its faults, or what the environment lacks.
fn tell_load_error(error: &LoadError) -> ExitCode {
    match error {
        LoadError::Io { .. } => {
            eprintln!("plazo: {error}");
            ExitCode::from(ENVIRONMENT)
        }
        LoadError::Faults(faults) => {
            eprintln!("{faults}");
            ExitCode::from(FAULT)
        }
    }
}

fn usage(message: &str) -> ExitCode {
    eprintln!("plazo: {message}");
    ExitCode::from(USAGE)
}
