//! `plazo schema NAME`: the JSON Schemas of what goes in and out.

use std::process::ExitCode;

use clap::Args;

use super::{USAGE, say};
use crate::schema;

/// Print a JSON Schema; without a name, the names
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plazo schema\n  plazo schema sla.breached")]
pub struct SchemaArgs {
    /// Such as sla.breached, lead.created, report
    name: Option<String>,
    /// Write all of them into a directory, as NAME.json
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    all: Option<std::path::PathBuf>,
}

pub fn run(args: &SchemaArgs) -> ExitCode {
    if let Some(folder) = &args.all {
        for name in schema::names() {
            let file = folder.join(format!("{name}.json"));
            if let Err(error) = std::fs::write(&file, schema::text(&name).unwrap_or_default()) {
                eprintln!("plazo: cannot write {}: {error}", file.display());
                return ExitCode::from(super::ENVIRONMENT);
            }
        }
        return ExitCode::SUCCESS;
    }
    let Some(name) = &args.name else { return say(&schema::names().join("\n")) };
    match schema::text(name) {
        Some(text) => say(text.trim_end()),
        None => {
            eprintln!("plazo: no schema {name:?}; there are: {}", schema::names().join(", "));
            ExitCode::from(USAGE)
        }
    }
}
