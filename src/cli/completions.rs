//! `plazo completions SHELL`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plazo completions bash > /etc/bash_completion.d/plazo\n  plazo completions fish > ~/.config/fish/completions/plazo.fish"
)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "plazo", &mut script);
    super::written(std::io::Write::write_all(&mut std::io::stdout(), &script))
}
