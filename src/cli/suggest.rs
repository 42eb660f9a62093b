//! `plazo suggest`: targets from history.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::history_args::{HistoryArgs, Stop, share, tell_unread};
use super::{tell_load_error, usage};
use crate::history::BadLines;
use crate::language::Lang;
use crate::policy::{self, Version};
use crate::replay::Replay;
use crate::suggest::{self, Dimension, Question, Suggestion, without_deadlines};

/// Find targets that history supports: how long clocks take to stop, and which share would have met each target
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plazo suggest --policy policy.toml --events events.ndjson --met 90%
  plazo suggest --policy policy.toml --events crm.csv.gz --format csv --map map.toml --by source --write draft.toml
  plazo load --leads 2000 | plazo suggest --policy deploy/policy/es --events - --lang es

docs/suggest.md says what each figure means and how it is computed.")]
pub struct SuggestArgs {
    /// The policy: a file, or a directory of versions, of which the latest is asked about
    #[arg(long, value_name = "PATH")]
    policy: PathBuf,
    #[command(flatten)]
    history: HistoryArgs,
    /// The met share that is wished for: the least round target that reaches it is recommended
    #[arg(long, value_name = "SHARE", default_value = "90%", value_parser = wished)]
    met: u32,
    /// Tell segments apart by what this attribute (or owner) was at the clock's start; may be given several times. By team always
    #[arg(long, value_name = "ATTRIBUTE")]
    by: Vec<String>,
    /// Write the policy with the recommended targets, each with its reason in a comment
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Form::Text)]
    report: Form,
    /// The language of the text and of the draft's comments
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

fn wished(text: &str) -> Result<u32, String> {
    match share(text)? {
        ppm @ 1..1_000_000 => Ok(ppm),
        _ => Err(format!("expected a share above 0% and below 100% such as 90%, found {text:?}")),
    }
}

pub fn run(args: &SuggestArgs) -> ExitCode {
    let mut policy = match policy::load(&args.policy) {
        Ok(policy) => policy,
        Err(error) => return tell_load_error(&error),
    };
    let Some(version) = policy.versions.pop() else { return usage("the policy has no version") };
    let mut dimensions = vec![Dimension::Team];
    for name in &args.by {
        match Dimension::named(name) {
            Some(known) if dimensions.contains(&known) => {}
            Some(dimension) => dimensions.push(dimension),
            None => return usage(&format!("--by {name}: expected an attribute, team or owner")),
        }
    }
    args.history.exit(find(args, version, dimensions))
}

fn find(args: &SuggestArgs, version: Version, dimensions: Vec<Dimension>) -> Result<BadLines, Stop> {
    let form = args.history.form()?;
    let mut replay =
        Replay::new(without_deadlines(&version), args.history.until, args.history.future_tolerance).facts_only();
    let bad = args.history.read(&form, &mut |event| replay.event(event, &mut |_| Ok(())))?;
    let end = replay.finish(&mut |_| Ok(())).map_err(Stop::cannot_write)?;
    let question = Question { history: args.history.file_name(), wished_ppm: args.met, dimensions };
    let counts = replay.counts.clone();
    let found = suggest::suggest(question, version, (replay.rules(), replay.shard()), end, counts);
    let suggestion = found.map_err(|error| Stop::Environment(error.to_string()))?;
    if let Some(path) = &args.write {
        write_draft(&suggestion, args.lang, path)?;
    }
    let mut out = BufWriter::new(io::stdout());
    let written = match args.report {
        Form::Text => suggest::write_text(&suggestion, args.lang, &mut out),
        Form::Json => suggest::write_json(&suggestion, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(Stop::cannot_write)?;
    tell_unread(&replay.counts, &bad);
    Ok(bad)
}

/// Writes the draft, if a policy at that place would be accepted.
fn write_draft(suggestion: &Suggestion, lang: Lang, path: &Path) -> Result<(), Stop> {
    let text = suggest::draft(suggestion, lang).map_err(|error| Stop::Fault(error.to_string()))?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    if let Err(faults) = policy::parse(&path.display().to_string(), &text, &read) {
        return Err(Stop::Fault(format!(
            "{faults}\nplazo: no draft was written: beside the policy's own file it would find the files that the policy names"
        )));
    }
    std::fs::write(path, text).map_err(Stop::io("write", path))
}
