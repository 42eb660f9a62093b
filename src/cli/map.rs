//! `plazo map`: what the columns of a CSV file seem to mean.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;

use super::{ENVIRONMENT, FAULT, written};
use crate::history::{self, HistoryError};

/// Look at a CSV file and propose the map that `plazo replay --format csv --map` reads
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plazo map incidents.csv > map.toml        # then read it: every line has its reason
  plazo replay --policy policy.toml --events incidents.csv --format csv --map map.toml")]
pub struct MapArgs {
    /// The export, as it is or packed with gzip or zip; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many rows to look at
    #[arg(long, value_name = "N", default_value_t = history::USUAL_ROWS)]
    rows: usize,
}

pub fn run(args: &MapArgs) -> ExitCode {
    let path: &Path = &args.file;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let guess = history::with_reader(path, &ProgressBar::hidden(), |reader| history::guess(reader, &name, args.rows));
    match guess {
        Ok((guess, damage)) => {
            if let Some(damage) = damage {
                eprintln!("plazo: {damage}");
            }
            for doubt in &guess.doubts {
                eprintln!("plazo: check: {doubt}");
            }
            written(std::io::Write::write_all(&mut std::io::stdout(), guess.map.as_bytes()))
        }
        Err(error) => {
            eprintln!("plazo: {error}");
            ExitCode::from(if matches!(error, HistoryError::Fault(_)) { FAULT } else { ENVIRONMENT })
        }
    }
}
