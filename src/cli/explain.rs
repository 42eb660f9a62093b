//! `plazo explain`: a lead's facts, clocks, deadlines and why, from a running engine, which tells it.

use std::process::ExitCode;

use clap::Args;

use super::client::{Client, EngineArgs};
use super::say;
use crate::api::segment;
use crate::language::Lang;

const EXAMPLES: &str = "\
Examples:
  plazo explain L-1042
  plazo explain L-1042 --lang es
  plazo explain L-1042 --json
  plazo explain L-1042 --url https://plazo.example --token-file token";

/// A lead's facts, clocks, deadlines and why, from a running engine
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The lead's id
    pub lead: String,
    /// The language of the text
    #[arg(long, value_enum, default_value_t)]
    pub lang: Lang,
    /// All that is known of it, as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

pub fn run(args: &ExplainArgs) -> ExitCode {
    let path = format!("/v1/leads/{}", segment(&args.lead));
    let accept = if args.json { "application/json" } else { "text/plain" };
    let headers = [("Accept", accept), ("Accept-Language", args.lang.code())];
    match Client::new(&args.engine).and_then(|client| client.get_as(&path, &headers)) {
        Ok(answer) => say(answer.trim_end()),
        Err(refusal) => refusal.tell(),
    }
}
