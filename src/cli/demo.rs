//! `plazo demo`.

use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;

use super::ENVIRONMENT;
use crate::demo::{self, Play};
use crate::language::Lang;

/// The whole thing at once: a synthetic CRM at accelerated time, notices as they come, a summary
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plazo demo\n  plazo demo --lang es --leads 100 --speed max\n  plazo demo --seed 7 | less"
)]
pub struct DemoArgs {
    /// How many leads arrive
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    leads: u32,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 9)]
    seed: u64,
    /// Seconds of business a second, or `max` [default: 6000 on a terminal, max in a pipe]
    #[arg(long, value_name = "X", value_parser = speed)]
    speed: Option<Speed>,
    /// The language of policy and transcript
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// No colours, also on a terminal
    #[arg(long)]
    plain: bool,
}

#[derive(Clone, Copy, Debug)]
struct Speed(Option<f64>);

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    match text.parse::<f64>() {
        Ok(speed) if speed >= 1.0 && speed.is_finite() => Ok(Speed(Some(speed))),
        _ => Err("expected a number from 1, or max".to_owned()),
    }
}

pub fn run(args: &DemoArgs) -> ExitCode {
    let default = if std::io::stdout().is_terminal() { Some(6_000.0) } else { None };
    let play = Play {
        leads: args.leads,
        seed: args.seed,
        speed: args.speed.map_or(default, |speed| speed.0),
        lang: args.lang,
    };
    // A live transcript is seen line by line; a pipe takes it in blocks.
    let stdout = if args.plain { anstream::AutoStream::never(std::io::stdout()) } else { anstream::stdout() };
    let played = if play.speed.is_some() {
        demo::play(&play, &mut { stdout })
    } else {
        let mut out = BufWriter::new(stdout);
        demo::play(&play, &mut out).and_then(|()| Ok(out.flush()?))
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let broken =
                error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe);
            if broken {
                return ExitCode::SUCCESS;
            }
            eprintln!("plazo: {error}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}
