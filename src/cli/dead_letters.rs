//! `plazo dead-letters`: what a running engine refused, and sending it again after a fix.

use std::collections::BTreeSet;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use rdkafka::error::KafkaResult;
use serde_json::{Value, json};

use super::client::{Client, EngineArgs, NoAnswer};
use super::{ENVIRONMENT, FAULT, USAGE, say, usage};
use crate::api::segment;
use crate::config::{Kafka, Settings};
use crate::worker::dead_letters::{self, Letter};

const EXAMPLES: &str = "\
Examples:
  plazo dead-letters list
  plazo dead-letters list --reason unknown_status --json
  plazo dead-letters resubmit 17 18
  plazo dead-letters resubmit --all --reason unknown_status
  plazo dead-letters resubmit 3/17        (on Kafka: partition and offset)";

/// Dead letters of one request.
const PAGE: usize = 500;

/// Look at what was refused; send it again after a fix
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    pub command: DeadLettersCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum DeadLettersCommand {
    /// Print what was refused and waits, one a line
    List {
        /// Only those with this reason
        #[arg(long)]
        reason: Option<String>,
        /// Those accepted later too
        #[arg(long)]
        resubmitted: bool,
        /// One JSON object a line, with the original bytes
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// Send dead letters through the engine again; exit 1 if one is refused again
    Resubmit {
        /// Their numbers; on Kafka PARTITION/OFFSET
        #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<String>,
        /// All that wait
        #[arg(long)]
        all: bool,
        /// With --all: only those with this reason
        #[arg(long, requires = "all")]
        reason: Option<String>,
        #[command(flatten)]
        engine: EngineArgs,
    },
}

pub fn run(args: &DeadLettersArgs) -> ExitCode {
    let (DeadLettersCommand::List { engine, .. } | DeadLettersCommand::Resubmit { engine, .. }) = &args.command;
    let settings = match engine.url {
        // Another engine than that of the settings.
        Some(_) => None,
        None => match Settings::load(engine.config.as_deref()) {
            Ok(settings) => settings.kafka,
            Err(faults) => return usage(&faults.to_string()),
        },
    };
    if let Some(kafka) = settings {
        return in_topic(&kafka, &args.command);
    }
    let done = match &args.command {
        DeadLettersCommand::List { reason, resubmitted, json, engine } => {
            list(engine, reason.as_deref(), *resubmitted, *json)
        }
        DeadLettersCommand::Resubmit { numbers, reason, engine, .. } => resubmit(engine, numbers, reason.as_deref()),
    };
    done.unwrap_or_else(|refusal| refusal.tell())
}

/// One page after `after`; and where to go on, `None` at the end.
fn page(
    client: &Client,
    after: u64,
    reason: Option<&str>,
    resubmitted: bool,
) -> Result<(Vec<Value>, Option<u64>), NoAnswer> {
    let mut path = format!("/v1/dead-letters?after={after}&limit={PAGE}&resubmitted={resubmitted}");
    if let Some(reason) = reason {
        path.push_str("&reason=");
        path.push_str(&segment(reason));
    }
    let mut answer = client.get(&path)?;
    let letters = match answer["dead_letters"].take() {
        Value::Array(letters) => letters,
        _ => Vec::new(),
    };
    let next = answer["last"].as_u64().filter(|_| !letters.is_empty());
    Ok((letters, next))
}

fn list(engine: &EngineArgs, reason: Option<&str>, resubmitted: bool, as_json: bool) -> Result<ExitCode, NoAnswer> {
    let client = Client::new(engine)?;
    let mut after = 0;
    loop {
        let (letters, next) = page(&client, after, reason, resubmitted)?;
        for letter in &letters {
            let code = say(&if as_json { letter.to_string() } else { line(letter) });
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
        }
        match next {
            Some(next) => after = next,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn line(letter: &Value) -> String {
    let text = |key: &str| letter[key].as_str().unwrap_or("-");
    let state = letter["resubmitted_at"].as_str().map(|at| format!("  (accepted at {at})")).unwrap_or_default();
    format!(
        "{:>6}  {}  {:<16}  {}  {}{state}",
        letter["sequence"].as_u64().unwrap_or_default(),
        text("received_at"),
        text("reason"),
        text("event_id"),
        text("detail")
    )
}

fn resubmit(engine: &EngineArgs, numbers: &[String], reason: Option<&str>) -> Result<ExitCode, NoAnswer> {
    let number = |text: &String| {
        let message = format!("dead letter {text:?}: expected a number, as `plazo dead-letters list` prints it");
        text.parse().map_err(|_| NoAnswer { message, code: USAGE })
    };
    let numbers = numbers.iter().map(number).collect::<Result<Vec<u64>, NoAnswer>>()?;
    let client = Client::new(engine)?;
    let (mut accepted, mut duplicate, mut rejected) = (0, 0, 0);
    let mut send = |numbers: &[u64]| -> Result<(), NoAnswer> {
        let answer = client.post("/v1/dead-letters/resubmit", &json!({ "sequences": numbers }))?;
        accepted += answer["accepted"].as_u64().unwrap_or(0);
        duplicate += answer["duplicate"].as_u64().unwrap_or(0);
        for refusal in answer["rejected"].as_array().into_iter().flatten() {
            rejected += 1;
            let text = |key: &str| refusal[key].as_str().unwrap_or("-");
            let number = refusal["sequence"].as_u64().unwrap_or_default();
            eprintln!("{number:>6}  {}: {}", text("reason"), text("detail"));
        }
        Ok(())
    };
    if numbers.is_empty() {
        // Numbers only grow, so what is refused again is not met a second time.
        let mut after = 0;
        while let (letters, Some(next)) = page(&client, after, reason, false)? {
            let numbers: Vec<u64> = letters.iter().filter_map(|letter| letter["sequence"].as_u64()).collect();
            send(&numbers)?;
            after = next;
        }
    } else {
        for numbers in numbers.chunks(PAGE) {
            send(numbers)?;
        }
    }
    let told = say(&format!("accepted {accepted}, duplicate {duplicate}, rejected {rejected}"));
    Ok(if rejected > 0 { ExitCode::from(FAULT) } else { told })
}

/// On Kafka the letters lie in a topic, and no engine is asked.
fn in_topic(kafka: &Kafka, command: &DeadLettersCommand) -> ExitCode {
    let outcome = match command {
        DeadLettersCommand::List { reason, resubmitted, json, .. } => {
            let mut code = ExitCode::SUCCESS;
            dead_letters::visit(kafka, |letter| {
                let wanted = reason.as_ref().is_none_or(|reason| *reason == letter.reason);
                if wanted && (*resubmitted || !letter.is_resubmitted) && code == ExitCode::SUCCESS {
                    code = say(&if *json { json_of(&letter).to_string() } else { line_of(&letter) });
                }
            })
            .map(|()| code)
        }
        DeadLettersCommand::Resubmit { numbers, reason, .. } => resubmit_in_topic(kafka, numbers, reason.as_deref()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("plazo: {}: {error}", kafka.topics.dead_letters);
        ExitCode::from(ENVIRONMENT)
    })
}

fn resubmit_in_topic(kafka: &Kafka, names: &[String], reason: Option<&str>) -> KafkaResult<ExitCode> {
    let (mut letters, mut refused) = (Vec::new(), 0);
    let mut missing: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    dead_letters::visit(kafka, |letter| {
        let name = letter.name();
        let is_named = missing.remove(name.as_str());
        let is_meant =
            names.is_empty() && !letter.is_resubmitted && reason.is_none_or(|reason| reason == letter.reason);
        if !is_named && !is_meant {
            return;
        }
        let fault = if letter.is_resubmitted {
            "was sent again before"
        } else if letter.is_cut {
            "was too large to be kept whole: send the event again from where it came"
        } else if !kafka.inputs.contains(&letter.topic) {
            "names an input that is not in kafka.inputs"
        } else {
            letters.push(letter);
            return;
        };
        refused += 1;
        eprintln!("{name}  {fault}");
    })?;
    for name in &missing {
        eprintln!("{name}  is not there: expected PARTITION/OFFSET, as `plazo dead-letters list` prints it");
    }
    let sent = dead_letters::resubmit(kafka, &letters)?;
    let told = say(&format!("sent again {sent}, refused {}", refused + missing.len()));
    Ok(if refused + missing.len() > 0 { ExitCode::from(FAULT) } else { told })
}

fn line_of(letter: &Letter) -> String {
    let state = if letter.is_resubmitted { "  (sent again)" } else { "" };
    format!(
        "{:>8}  {}  {:<16}  {}{state}",
        letter.name(),
        letter.received_at,
        letter.reason,
        letter.detail.escape_default()
    )
}

fn json_of(letter: &Letter) -> Value {
    let mut members = json!({
        "number": letter.name(), "received_at": letter.received_at, "reason": letter.reason, "detail": letter.detail,
        "topic": letter.topic, "cut": letter.is_cut, "resubmitted": letter.is_resubmitted,
    });
    let mut put = |name: &str, bytes: &Option<Vec<u8>>| {
        if let Some(bytes) = bytes {
            match std::str::from_utf8(bytes) {
                Ok(text) => members[name] = text.into(),
                Err(_) => members[format!("{name}_base64")] = STANDARD.encode(bytes).into(),
            }
        }
    };
    put("key", &letter.key);
    put("body", &letter.value);
    let headers = letter.headers.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    members["headers"] = headers.collect();
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_one_line() {
        let letter = json!({"sequence": 17, "received_at": "2026-12-01T10:00:00Z", "reason": "unknown_status",
                            "detail": "status \"won\"", "event_id": null});
        assert_eq!(line(&letter), "    17  2026-12-01T10:00:00Z  unknown_status    -  status \"won\"");
    }
}
