//! `plazo dead-letters`: what a running engine refused, and sending it again after a fix.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, EngineArgs, NoAnswer, segment};
use super::{FAULT, say};

const EXAMPLES: &str = "\
Examples:
  plazo dead-letters list
  plazo dead-letters list --reason unknown_status --json
  plazo dead-letters resubmit 17 18
  plazo dead-letters resubmit --all --reason unknown_status";

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
        /// Their numbers
        #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<u64>,
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

fn resubmit(engine: &EngineArgs, numbers: &[u64], reason: Option<&str>) -> Result<ExitCode, NoAnswer> {
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
