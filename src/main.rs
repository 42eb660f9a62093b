//! Parse the arguments, start tracing, call the command.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    plazo::cli::run(plazo::cli::Cli::parse())
}
