//! `plazo explain`: a lead's facts, clocks, deadlines and why, from a running engine.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::{Client, EngineArgs};
use super::say;
use crate::api::segment;

const EXAMPLES: &str = "\
Examples:
  plazo explain L-1042
  plazo explain L-1042 --json
  plazo explain L-1042 --url https://plazo.example --token-file token";

/// A lead's facts, clocks, deadlines and why, from a running engine
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The lead's id
    pub lead: String,
    /// The engine's answer as it is
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

pub fn run(args: &ExplainArgs) -> ExitCode {
    let answer = Client::new(&args.engine).and_then(|client| client.get(&format!("/v1/leads/{}", segment(&args.lead))));
    match answer {
        Ok(view) if args.json => say(&view.to_string()),
        Ok(view) => say(text(&view).trim_end()),
        Err(refusal) => refusal.tell(),
    }
}

/// What is told of an absent value.
const NOBODY: &str = "-";

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().filter(|text| !text.is_empty()).unwrap_or(NOBODY)
}

/// The lead as text for a person.
pub fn text(view: &Value) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _written = write_lead(&mut out, view);
    out
}

fn write_lead(out: &mut String, view: &Value) -> std::fmt::Result {
    writeln!(out, "lead {} as of {}", word(view, "lead_id"), word(view, "as_of"))?;
    writeln!(
        out,
        "  status {}, owner {}, team {}; next look at {}",
        word(view, "status"),
        word(view, "owner"),
        word(view, "team"),
        word(view, "next_due")
    )?;
    writeln!(out, "\nfacts, by when they happened")?;
    for fact in list(view, "facts") {
        write_fact(out, fact)?;
    }
    for clock in list(view, "clocks") {
        write_clock(out, clock)?;
    }
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn write_fact(out: &mut String, fact: &Value) -> std::fmt::Result {
    write!(out, "  {}  {}", word(fact, "time"), word(fact, "kind"))?;
    for (key, value) in fact.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("time" | "kind" | "learnt_at", _) => {}
            ("attributes", Value::Object(attributes)) => {
                for (name, value) in attributes {
                    write!(out, ", {name} {}", value.as_str().unwrap_or_default())?;
                }
            }
            (_, Value::String(text)) if text.is_empty() => write!(out, ", {key} nobody")?,
            (_, Value::String(text)) => write!(out, ", {key} {text}")?,
            (_, other) => write!(out, ", {key} {other}")?,
        }
    }
    if word(fact, "learnt_at") != word(fact, "time") {
        write!(out, "  (learnt at {})", word(fact, "learnt_at"))?;
    }
    writeln!(out)
}

fn write_clock(out: &mut String, clock: &Value) -> std::fmt::Result {
    let explanation = &clock["explanation"];
    writeln!(out, "\n{} #{}: {}", word(clock, "sla"), clock["cycle"], word(clock, "state"))?;
    writeln!(out, "  target   {}", word(clock, "target"))?;
    writeln!(out, "  held by  {}, team {}", word(clock, "owner"), word(clock, "team"))?;
    writeln!(out, "  started  {}", word(clock, "started_at"))?;
    match clock["due_at"].as_str() {
        Some(due) => writeln!(out, "  due      {due}")?,
        None => writeln!(out, "  due      when it resumes: {} s remain", clock["remaining_seconds"])?,
    }
    if let Some(stopped) = clock["stopped_at"].as_str() {
        let reason = clock["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
        writeln!(out, "  stopped  {stopped}{reason}")?;
    }
    writeln!(out, "  took     {} s", clock["open_seconds"])?;
    for (owner, seconds) in clock["open_seconds_by_owner"].as_object().into_iter().flatten() {
        writeln!(out, "             {owner}: {seconds} s")?;
    }
    writeln!(out, "  why      {}", word(explanation, "summary"))?;
    for pause in list(explanation, "pauses") {
        let until = pause["to"].as_str().unwrap_or("now");
        writeln!(out, "             paused {} to {until}", word(pause, "from"))?;
    }
    for closed in list(explanation, "closed_dates") {
        writeln!(out, "             {} {}", word(closed, "date"), word(closed, "why").replace('_', " "))?;
    }
    for (kind, key) in [("remind", "reminders"), ("escalate", "escalations")] {
        for mark in list(clock, key) {
            let state = word(mark, "state").replace('_', " ");
            writeln!(out, "  {kind:<8} {} at {}: {state}", word(mark, "text"), word(mark, "time"))?;
        }
    }
    let policy = &clock["policy"];
    writeln!(out, "  policy   {}, in force from {}", word(policy, "name"), word(policy, "effective_from"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_paused_clock_tells_what_remains_and_why() {
        let view = json!({
            "lead_id": "L1", "as_of": "2026-12-01T10:00:00Z", "status": "on_hold", "owner": "ana", "team": null,
            "next_due": null,
            "facts": [{"time": "2026-12-01T09:00:00Z", "learnt_at": "2026-12-01T09:00:05Z", "kind": "lead.assigned",
                       "owner": "ana", "team": "", "attributes": {"source": "webinar"}}],
            "clocks": [{"sla": "disposition", "cycle": 1, "state": "paused", "target": "8 hours", "owner": "ana",
                        "team": null, "started_at": "2026-12-01T09:00:00Z", "due_at": null,
                        "remaining_seconds": 25200, "open_seconds": 3600, "open_seconds_by_owner": {"ana": 3600},
                        "reminders": [{"text": "50%", "time": null, "state": "held"}], "escalations": [],
                        "policy": {"name": "P", "effective_from": "2026-01-01T00:00:00Z"},
                        "explanation": {"summary": "8 hours from 09:00", "pauses":
                            [{"from": "2026-12-01T10:00:00Z", "to": null}],
                            "closed_dates": [{"date": "2026-12-25", "why": "holiday"}]}}],
        });
        let text = text(&view);
        for line in [
            "lead L1 as of 2026-12-01T10:00:00Z",
            "  2026-12-01T09:00:00Z  lead.assigned, source webinar, owner ana, team nobody  (learnt at 2026-12-01T09:00:05Z)",
            "disposition #1: paused",
            "  due      when it resumes: 25200 s remain",
            "  why      8 hours from 09:00",
            "             paused 2026-12-01T10:00:00Z to now",
            "             2026-12-25 holiday",
            "  remind   50% at -: held",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} is not in\n{text}");
        }
    }
}
