//! `plazo load`: synthetic CRM traffic to an engine or to stdout.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Settings;
use crate::load::send::{self, Failure, Http, Summary};
use crate::load::{Generator, Mix, Words};
use crate::time::{SECOND_MS, SystemClock, Timestamp};
use crate::worker::feed::Feed;

const EXAMPLES: &str = "\
Examples:
  plazo load --leads 1000 > events.ndjson
  plazo load --leads 200 --seed 7 | plazo replay --policy policy.toml --events -
  plazo load --leads 100000 --rate 2000 --to http --url http://127.0.0.1:8080/v1/events
  plazo load --leads 100000 --to kafka --config plazo.toml";

/// Synthetic CRM traffic for demos, load tests and benchmarks: about 3.5 events a lead, the same for the same seed
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LoadArgs {
    /// How many leads to tell the stories of
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub leads: u32,
    /// Events per second [default: as fast as they are taken]
    #[arg(long, value_name = "R", value_parser = positive)]
    pub rate: Option<f64>,
    /// What the stories follow from
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Where the events go: `-` writes them to stdout on their own time, `http` and `kafka` send them as happening now
    #[arg(long, value_enum, default_value_t = Destination::Stdout)]
    pub to: Destination,
    /// The engine's address, for `--to http`
    #[arg(long, default_value = "http://127.0.0.1:8080/v1/events")]
    pub url: String,
    /// The settings that name the brokers and the input topics, for `--to kafka` [default: plazo.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write each batch in a transaction, for `--to kafka`
    #[arg(long)]
    pub transactions: bool,
    /// The bearer token, for an engine that asks for one
    #[arg(long, conflicts_with = "token_file")]
    pub token: Option<String>,
    /// A file with the bearer token, which other users of the machine do not see
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// When the first lead is created, for `--to -`
    #[arg(long, value_name = "INSTANT", default_value = "2027-01-04T12:00:00Z")]
    pub start: Timestamp,
    /// Seconds from one lead's creation to the next one's
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = positive)]
    pub spacing: f64,
    /// The language of the statuses, as in the example policies
    #[arg(long, value_enum, default_value_t = Language::En)]
    pub lang: Language,
    /// What lead ids begin with
    #[arg(long, default_value = "L")]
    pub prefix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Destination {
    Http,
    Kafka,
    #[value(name = "-")]
    Stdout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    En,
    Es,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("expected a number above 0".to_owned()) }
}

/// Exit codes: 0 all sent, 1 the engine refuses such requests, 3 it cannot be reached or stdout cannot be written.
pub fn run(args: LoadArgs) -> ExitCode {
    match send(&args) {
        Ok(summary) => {
            if args.to != Destination::Stdout {
                report(&summary);
            }
            ExitCode::SUCCESS
        }
        // Whoever reads has seen enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("plazo load: {failure}");
            ExitCode::from(if matches!(failure, Failure::Refused(_)) { 1 } else { 3 })
        }
    }
}

fn send(args: &LoadArgs) -> Result<Summary, Failure> {
    let words = match args.lang {
        Language::En => Words::english(),
        Language::Es => Words::spanish(),
    };
    let spacing_ms = (args.spacing * SECOND_MS as f64) as i64;
    let mut generator = Generator::new(args.seed, Mix::default(), args.start, spacing_ms)
        .leads(args.leads)
        .words(words)
        .prefix(&args.prefix);
    let bar = progress_bar(args);
    let mut progress = |summary: &Summary| bar.set_position(summary.sent);
    let result = match args.to {
        Destination::Stdout => {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            send::to_writer(&mut generator, args.rate, &SystemClock, &mut send::pause, &mut out, &mut progress)
                .map_err(Failure::Io)
        }
        Destination::Http => {
            let from_file = args.token_file.as_ref().map(std::fs::read_to_string).transpose()?;
            let token = args.token.as_deref().or(from_file.as_deref()).map(str::trim);
            let mut http = Http::new(&args.url, token);
            send::to_engine(&mut generator, args.rate, &SystemClock, &mut http, &mut progress)
        }
        Destination::Kafka => {
            let mut feed = feed(args)?;
            send::to_engine(&mut generator, args.rate, &SystemClock, &mut feed, &mut progress)
        }
    };
    bar.finish_and_clear();
    result
}

fn feed(args: &LoadArgs) -> Result<Feed, Failure> {
    let settings = Settings::load(args.config.as_deref()).map_err(|faults| Failure::Refused(faults.to_string()))?;
    let kafka = settings.kafka.ok_or_else(|| {
        Failure::Refused("kafka.brokers is not set: name them in the settings, or as PLAZO__KAFKA__BROKERS".to_owned())
    })?;
    Feed::new(&kafka, args.transactions)
        .map_err(|error| Failure::Unavailable { attempts: 1, why: format!("{}: {error}", kafka.brokers) })
}

/// Visible on a terminal only, and not among the events.
fn progress_bar(args: &LoadArgs) -> ProgressBar {
    let visible = io::stderr().is_terminal() && !(args.to == Destination::Stdout && io::stdout().is_terminal());
    if !visible {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} events, {per_sec}, {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn report(summary: &Summary) {
    let Summary { sent, accepted, duplicate, rejected, retries } = summary;
    let refused: u64 = rejected.values().sum();
    let mut line = format!("{sent} events sent: {accepted} accepted, {duplicate} duplicate, {refused} rejected");
    for (reason, count) in rejected {
        line += &format!(", {count} {reason}");
    }
    if *retries > 0 {
        line += &format!("; {retries} requests sent again");
    }
    let _ = writeln!(anstream::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn parse(line: &str) -> Result<LoadArgs, clap::Error> {
        Command::try_parse_from(["load"].into_iter().chain(line.split(' '))).map(|command| command.load)
    }

    #[test]
    fn events_go_to_stdout_unless_told_otherwise() {
        assert_eq!(parse("--leads 3").unwrap().to, Destination::Stdout);
        assert_eq!(parse("--leads 3 --to -").unwrap().to, Destination::Stdout);
        assert_eq!(parse("--leads 3 --to http").unwrap().to, Destination::Http);
    }

    #[test]
    fn numbers_that_make_no_traffic_are_wrong_usage() {
        for line in ["--seed 1", "--leads 0", "--leads 1 --rate 0", "--leads 1 --rate nan", "--leads 1 --spacing -1"] {
            assert_eq!(parse(line).err().map(|error| error.exit_code()), Some(2), "{line}");
        }
    }
}
