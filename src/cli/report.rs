//! `plazo report`: compliance of an engine's history, read from its store; on Kafka, from its topics.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::client::{Client, EngineArgs};
use super::{ENVIRONMENT, FAULT, tell_load_error, usage, written};
use crate::api::segment;
use crate::comparison::{self, Comparison};
use crate::config::{Kafka, Settings};
use crate::embedded::reader::{Contents, Reader};
use crate::engine::{RecordError, Rules};
use crate::language::Lang;
use crate::policy::kept::{self, KeptVersion};
use crate::policy::{self, Policy};
use crate::report::{self, Collector, Events, Form, Holder, MOST_BREACHES, Period, Report};
use crate::time::Timestamp;
use crate::view::ReadFault;
use crate::worker::dead_letters;
use crate::worker::state::State;

/// What a report counts, and how it is written
#[derive(Args, Clone, Debug)]
pub struct ReportChoice {
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    report: Form,
    /// One self-contained page with plots: the same as --report html
    #[arg(long, conflicts_with = "report")]
    html: bool,
    /// Group by what this attribute was at the clock's start; may be given several times
    #[arg(long, value_name = "ATTRIBUTE")]
    by: Vec<String>,
    /// Count a clock under who held the lead at its end (or holds it now), or at its deadline
    #[arg(long, value_enum, default_value_t)]
    holder: Holder,
    /// The trend's step, month or week; or what was due in one of them alone, such as 2026-11 or 2026-W48
    #[arg(long, value_name = "PERIOD", default_value = "month")]
    period: Period,
    /// The language of text and page
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Tell so many breaches of each SLA one by one, the latest
    #[arg(long, value_name = "N", default_value_t = MOST_BREACHES)]
    breaches: usize,
}

impl ReportChoice {
    pub fn collector<'r>(&self, rules: &'r Rules, as_of: Timestamp) -> Collector<'r> {
        let collector = Collector::new(rules, as_of, &self.by, self.holder).over(self.period).telling(self.breaches);
        if self.explains() { collector.explaining(self.lang) } else { collector }
    }

    /// Whether it tells of some leads what was said of them, and when.
    pub fn explains(&self) -> bool {
        self.form() == Form::Html
    }

    fn form(&self) -> Form {
        if self.html { Form::Html } else { self.report }
    }

    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// Whether two policies can be compared so; why not.
    pub fn comparable(&self) -> Result<(), &'static str> {
        match (self.form(), self.period.only) {
            // By one policy alone a clock may be due in it.
            (_, Some(_)) => Err("two policies are compared over the whole history: --period month or week"),
            (Form::Html, None) => Err("two policies are compared as text, json or csv; a page tells of one"),
            (_, None) => Ok(()),
        }
    }

    /// # Errors
    /// Where `out` fails.
    pub fn write_comparison(&self, comparison: &Comparison, mut out: impl Write) -> io::Result<()> {
        match self.form() {
            Form::Text | Form::Html => comparison::write_text(comparison, self.lang, &mut out)?,
            Form::Json => comparison::write_json(comparison, self.lang, &mut out)?,
            Form::Csv => comparison::write_csv(comparison, &mut out)?,
        }
        out.flush()
    }

    /// Where a running engine answers it.
    fn path(&self, engine: &str) -> String {
        let name = |value: Option<PossibleValue>| value.map(|value| value.get_name().to_owned()).unwrap_or_default();
        let asked = [
            ("by", self.by.join(",")),
            ("period", self.period.to_string()),
            ("holder", name(self.holder.to_possible_value())),
            ("breaches", self.breaches.to_string()),
            ("form", name(self.form().to_possible_value())),
            ("lang", self.lang.code().to_owned()),
            ("engine", engine.to_owned()),
        ];
        let asked: Vec<String> = asked.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
        format!("/v1/compliance?{}", asked.join("&"))
    }

    /// # Errors
    /// Where `out` fails.
    pub fn write(&self, report: &Report, out: impl Write) -> io::Result<()> {
        report::write(report, self.form(), self.lang, out)
    }
}

const EXAMPLES: &str = "\
Examples:
  plazo report
  plazo report --period week --by source --lang es
  plazo report --period 2026-11 --report csv > november.csv
  plazo report --html --lang es > informe.html
  plazo report --config plazo.toml --report json
  plazo report --url https://plazo.example --token-file token

Without --url it reads the store that the settings name (embedded.directory) or, with kafka.brokers, the changelog and the dead letters; whether
the engine runs or not, and changes nothing there.";

/// Compliance of an engine's history: per SLA, team, owner, target, month or week
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    #[command(flatten)]
    choice: ReportChoice,
    /// The policy: a file, or a directory of versions [default: policy.path of the settings]
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Why there is no report.
enum Stop {
    Environment(String),
    Fault(String),
}

impl From<ReadFault> for Stop {
    fn from(fault: ReadFault) -> Self {
        Stop::Environment(fault.to_string())
    }
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        Stop::Environment(error.to_string())
    }
}

pub fn run(args: &ReportArgs) -> ExitCode {
    if let Some(url) = &args.engine.url {
        let path = args.choice.path(url);
        return match Client::new(&args.engine).and_then(|client| client.get_as(&path, &[])) {
            Ok(report) => written(io::stdout().write_all(report.as_bytes())),
            Err(refusal) => refusal.tell(),
        };
    }
    let settings = match Settings::load(args.engine.config.as_deref()) {
        Ok(settings) => settings,
        Err(faults) => return usage(&faults.to_string()),
    };
    let policy = match policy::load(args.policy.as_ref().unwrap_or(&settings.policy)) {
        Ok(policy) => policy,
        Err(error) => return tell_load_error(&error),
    };
    let rules = Rules::new(policy.into());
    let report = match &settings.kafka {
        None => from_store(args, &settings, &rules),
        Some(kafka) => from_topics(args, &settings, kafka, &rules),
    };
    match report {
        Ok(report) => {
            let mut out = BufWriter::new(io::stdout());
            written(args.choice.write(&report, &mut out).and_then(|()| out.flush()))
        }
        Err(Stop::Fault(message)) => {
            eprintln!("plazo: {message}");
            ExitCode::from(FAULT)
        }
        Err(Stop::Environment(message)) => {
            eprintln!("plazo: {message}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}

fn from_store(args: &ReportArgs, settings: &Settings, rules: &Rules) -> Result<Report, Stop> {
    let reader = Reader::new(&settings.directory);
    if !reader.path().exists() {
        let told = format!(
            "there is no {}: the settings name where the engine keeps its store (embedded.directory), and `plazo run` makes it",
            reader.path().display()
        );
        return Err(ReadFault::Store(told).into());
    }
    let url = settings.http.url();
    let begin = |contents: Contents| -> Result<(Collector<'_>, Events), Stop> {
        same_policy(&contents.kept_policy, &rules.policy, contents.watermark)?;
        let events = Events { accepted: Some(contents.accepted), duplicate: None, rejected: Some(contents.rejected) };
        Ok((args.choice.collector(rules, contents.watermark).linking(Some(url)), events))
    };
    let (collector, events) = reader.snapshot(begin, |(collector, _), record| Ok(collector.add(record)?))?;
    Ok(collector.finish(events)?)
}

/// The changelog has the state, the dead letters what was refused; how many events were accepted no topic says.
fn from_topics(args: &ReportArgs, settings: &Settings, kafka: &Kafka, rules: &Rules) -> Result<Report, Stop> {
    let state = State::read(kafka).map_err(|fault| Stop::Environment(fault.to_string()))?;
    let Some(as_of) = state.watermark() else {
        let changelog = &kafka.topics.changelog;
        return Err(Stop::Environment(format!("{changelog} holds no state yet: `plazo run` begins it")));
    };
    for kept in state.kept_policies() {
        same_policy(kept, &rules.policy, as_of)?;
    }
    let rejected = dead_letters::waiting_by_reason(kafka)
        .map_err(|error| Stop::Environment(format!("{}: {error}", kafka.topics.dead_letters)))?;
    let mut collector = args.choice.collector(rules, as_of).linking(Some(settings.http.url()));
    for (record, watermark) in state.records() {
        collector.add_as_of(record, watermark)?;
    }
    Ok(collector.finish(Events { accepted: None, duplicate: None, rejected: Some(rejected) })?)
}

/// Clocks are counted by the policy that governs them, not by an edited one.
fn same_policy(kept: &[KeptVersion], policy: &Policy, as_of: Timestamp) -> Result<(), Stop> {
    if kept.is_empty() {
        return Ok(());
    }
    match kept::difference(kept, policy, as_of) {
        None => Ok(()),
        Some(difference) => Err(Stop::Fault(format!(
            "the policy is not the one that the clocks are governed by{difference}\ngive the engine's own with --policy"
        ))),
    }
}
