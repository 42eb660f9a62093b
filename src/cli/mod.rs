//! The commands, one file each.

pub mod agreement;
pub mod calendar;
pub mod check;
mod client;
pub mod completions;
pub mod dead_letters;
pub mod demo;
pub mod explain;
mod history_args;
pub mod load;
pub mod map;
mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod schema;
pub mod suggest;
pub mod topics;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::policy::LoadError;

/// The input or the policy is at fault.
pub const FAULT: u8 = 1;
/// The command was used wrongly.
pub const USAGE: u8 = 2;
/// The environment failed.
pub const ENVIRONMENT: u8 = 3;

/// An event-driven deadline engine for lead SLAs: every reminder, breach and escalation exactly once, never early, never false
#[derive(Debug, Parser)]
#[command(name = "plazo", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 the input or policy is at fault, 2 wrong usage, 3 the environment failed."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    Replay(replay::ReplayArgs),
    Suggest(suggest::SuggestArgs),
    Report(report::ReportArgs),
    Agreement(agreement::AgreementArgs),
    /// Add, subtract and measure durations as the policy does
    Calendar(calendar::CalendarArgs),
    Explain(explain::ExplainArgs),
    Load(load::LoadArgs),
    Map(map::MapArgs),
    DeadLetters(dead_letters::DeadLettersArgs),
    Completions(completions::CompletionsArgs),
    Schema(schema::SchemaArgs),
    Topics(topics::TopicsArgs),
}

pub fn run(cli: Cli) -> ExitCode {
    use Command::{DeadLetters, Load, Report, Topics};
    if matches!(cli.command, DeadLetters(_) | Load(_) | Report(_) | Topics(_)) {
        tell_warnings();
    }
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Suggest(args) => suggest::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Agreement(args) => agreement::run(&args),
        Command::Calendar(args) => calendar::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Load(args) => load::run(args),
        Command::Map(args) => map::run(&args),
        Command::DeadLetters(args) => dead_letters::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Topics(args) => topics::run(&args),
    }
}

/// What clients of Kafka complain of, for people.
fn tell_warnings() {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN);
    let _kept = log.without_time().with_target(false).with_ansi(false).try_init();
}

/// Prints one line of data. A reader that went away is no fault.
fn say(line: &str) -> ExitCode {
    written(writeln!(std::io::stdout(), "{line}"))
}

fn written(result: std::io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("plazo: cannot write to stdout: {error}");
            ExitCode::from(ENVIRONMENT)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says why a policy or calendar could not be loaded: all its faults, or what the environment lacks.
fn tell_load_error(error: &LoadError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(match error {
        LoadError::Io { .. } => ENVIRONMENT,
        LoadError::Faults(_) => FAULT,
    })
}

fn usage(message: &str) -> ExitCode {
    eprintln!("plazo: {message}");
    ExitCode::from(USAGE)
}
