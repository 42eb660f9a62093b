//! `plazo run`: the engine, until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use super::{ENVIRONMENT, tell_load_error, usage};
use crate::api::{self, Api};
use crate::config::{Http, LogFormat, Settings};
use crate::embedded::fault::FaultKind;
use crate::embedded::intake::Limits;
use crate::embedded::{self, Embedded, WordLists, metric_words};
use crate::engine;
use crate::metrics::Metrics;
use crate::policy::{self, Policy};
use crate::reload::Reloader;
use crate::time::SystemClock;
use crate::view::{Phase, Shell};
use crate::worker::{self, OnKafka};

/// Requests under way are given so long to end when the engine stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// And so long when its store has failed: they are only told so.
const FAIL_PATIENCE: Duration = Duration::from_secs(2);
/// On Kafka, where another instance goes on with the work: so long from the signal to the end, whatever the brokers do, so that none who
/// waits five seconds need kill it. Of that, what requests under way are given.
const KAFKA_STOP: Duration = Duration::from_secs(4);
const KAFKA_STOP_PATIENCE: Duration = Duration::from_millis(1_500);

const EXAMPLES: &str = "\
Examples:
  plazo run
  plazo run --config plazo.toml
  plazo run --policy deploy/policy/en
  PLAZO__HTTP__BIND=127.0.0.1:9090 PLAZO__ENGINE__GRACE='0 seconds' plazo run

Settings: defaults < the file (plazo.toml where it exists) < the environment (PLAZO__SECTION__KEY).
SIGTERM and SIGINT stop it: requests under way end, the store is closed, exit 0.
SIGHUP (or POST /v1/policy/reload) reads the policy anew; on any fault the one before stays.";

/// Run the engine: on Kafka where kafka.brokers is set, else on its embedded store with events and notices over HTTP
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// The settings [default: plazo.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The policy: a file, or a directory of versions [default: policy.path of the settings]
    #[arg(long, value_name = "PATH")]
    pub policy: Option<PathBuf>,
    /// Take a policy whose versions in force were edited: every promise that changes is told by notices
    #[arg(long)]
    pub accept_changed_policy: bool,
}

pub fn run(args: RunArgs) -> ExitCode {
    let mut settings = match Settings::load(args.config.as_deref()) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return usage("the settings are at fault");
        }
    };
    if let Some(path) = args.policy {
        settings.policy = path;
    }
    if let Err(fault) = start_tracing(&settings) {
        return usage(&format!("log.level: {fault}"));
    }
    let policy = match policy::load(&settings.policy) {
        Ok(policy) => Arc::new(policy),
        Err(error) => return tell_load_error(&error),
    };
    for warning in &policy.warnings {
        warn!("policy: {warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return environment(&format!("no threads can be started: {error}")),
    };
    let code = runtime.block_on(serve(&settings, policy, args.accept_changed_policy));
    // A read that hangs on a failed disk does not keep the process; one that waits for brokers is of no use any more.
    runtime.shutdown_timeout(if settings.kafka.is_some() { Duration::ZERO } else { FAIL_PATIENCE });
    code
}

fn environment(message: &str) -> ExitCode {
    eprintln!("plazo: {message}");
    ExitCode::from(ENVIRONMENT)
}

fn start_tracing(settings: &Settings) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder().parse(&settings.log_level)?;
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    // A second start in one process (tests) keeps the first one's.
    let _kept = match settings.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}

/// One of the two shells.
enum Running {
    Embedded(Arc<Embedded>),
    Kafka(Arc<OnKafka>),
}

impl Running {
    async fn start(
        settings: &Settings,
        policy: Arc<Policy>,
        accept_changed_policy: bool,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ExitCode> {
        let clock = Arc::new(SystemClock);
        let Some(kafka) = &settings.kafka else {
            let options = embedded::Options { accept_changed_policy, ..embedded_options(settings) };
            return match Embedded::start(options, policy, clock, metrics) {
                Ok(embedded) => Ok(Running::Embedded(Arc::new(embedded))),
                Err(fault) if fault.kind == FaultKind::PolicyChanged => {
                    eprintln!("plazo: {fault}");
                    Err(ExitCode::FAILURE)
                }
                Err(fault) => Err(environment(&fault.to_string())),
            };
        };
        // Beside this task, which can be told to stop meanwhile: much of it blocks.
        let asked = kafka.clone();
        let looked = tokio::spawn(async move { worker::topics::look(&asked, None).await });
        let found = match looked.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(environment(&format!("kafka.brokers: {}: {error}", kafka.brokers))),
            Err(error) => return Err(environment(&error.to_string())),
        };
        for warning in &found.warnings {
            warn!("topics: {warning}");
        }
        if !found.faults.is_empty() {
            return Err(environment(&format!("the topics are not as they must be:\n{}", found.faults.join("\n"))));
        }
        let options = worker::Options {
            kafka: kafka.clone(),
            instance: settings.engine.instance.clone(),
            workers: settings.engine.workers,
            clock_skew_ms: settings.engine.clock_skew_ms,
            engine: engine::Options {
                future_tolerance_ms: settings.engine.future_tolerance_ms,
                retention_ms: settings.engine.retention_ms,
                ..engine::Options::default()
            },
            accept_changed_policy,
            partitions: found.partitions,
            stall: worker::watchdog::PATIENCE,
        };
        match OnKafka::start(options, policy, clock, metrics) {
            Ok(kafka) => Ok(Running::Kafka(Arc::new(kafka))),
            Err(told) => Err(usage(&told)),
        }
    }

    fn shell(&self) -> Arc<dyn Shell> {
        match self {
            Running::Embedded(shell) => shell.clone(),
            Running::Kafka(shell) => shell.clone(),
        }
    }

    /// Once it is known where this process listens.
    fn reached_at(&self, http: &Http, address: SocketAddr) {
        if let Running::Kafka(shell) = self {
            let url = http.advertised.as_ref().map(|url| url.trim_end_matches('/').to_owned());
            // An address of all interfaces is none that others can use.
            shell.reached_at(url.or_else(|| (!address.ip().is_unspecified()).then(|| format!("http://{address}"))));
        }
    }

    fn prepare_stop(&self) {
        match self {
            Running::Embedded(shell) => shell.prepare_stop(),
            Running::Kafka(shell) => shell.prepare_stop(),
        }
    }

    /// How long requests under way are given when it stops.
    fn stop_patience(&self) -> Duration {
        match self {
            Running::Embedded(_) => STOP_PATIENCE,
            Running::Kafka(_) => KAFKA_STOP_PATIENCE,
        }
    }

    /// `since`: how long ago it was told to.
    fn stop(&self, since: Duration) -> Result<(), String> {
        match self {
            Running::Embedded(shell) => shell.stop().map_err(|fault| fault.to_string()),
            Running::Kafka(shell) => shell.stop(KAFKA_STOP.saturating_sub(since)),
        }
    }
}

/// How the embedded shell is to run by these settings.
pub fn embedded_options(settings: &Settings) -> embedded::Options {
    embedded::Options {
        directory: settings.directory.clone(),
        instance: settings.engine.instance.clone(),
        grace_ms: settings.engine.grace_ms,
        retention_ms: settings.engine.retention_ms,
        accept_changed_policy: false,
        future_tolerance_ms: settings.engine.future_tolerance_ms,
        max_bytes: settings.max_store_bytes,
        limits: Limits::default(),
    }
}

async fn serve(settings: &Settings, policy: Arc<Policy>, accept_changed_policy: bool) -> ExitCode {
    let slas: Vec<String> = policy.families.iter().map(|family| family.name.clone()).collect();
    let metrics = match Metrics::new(metric_words(&slas, &WordLists::default())) {
        Ok(metrics) => Arc::new(metrics),
        Err(error) => return environment(&format!("the metrics cannot be set up: {error}")),
    };
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return environment(&format!("signals cannot be received: {error}")),
    };
    let hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return environment(&format!("signals cannot be received: {error}")),
    };
    let running = tokio::select! {
        started = Running::start(settings, policy, accept_changed_policy, metrics.clone()) => match started {
            Ok(running) => running,
            Err(code) => return code,
        },
        () = either(&mut terminate, &mut interrupt) => {
            info!("told to stop before anything began");
            return ExitCode::SUCCESS;
        }
    };
    let listener = match TcpListener::bind(settings.http.bind).await {
        Ok(listener) => listener,
        Err(error) => {
            let _reported_instead = running.stop(Duration::ZERO);
            return environment(&format!("http.bind: {}: {error}", settings.http.bind));
        }
    };
    let address = listener.local_addr().unwrap_or(settings.http.bind);
    running.reached_at(&settings.http, address);
    match settings.log_format {
        LogFormat::Text => eprintln!("listening on http://{address}"),
        LogFormat::Json => info!(address = %format!("http://{address}"), "listening"),
    }
    let reloader = Arc::new(Reloader::new(settings.policy.clone(), running.shell(), metrics.clone()));
    let api = Arc::new(Api::new(running.shell(), metrics, &settings.http).reloading(reloader.clone()));
    tokio::spawn(reload_when_told(hangup, running.shell().phase(), reloader));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut server = tokio::spawn(api::serve(listener, api, async move {
        let _sender_gone_is_a_stop_too = stopped.await;
    }));
    let mut phase = running.shell().phase();
    let failed = tokio::select! {
        () = either(&mut terminate, &mut interrupt) => false,
        _ = phase.wait_for(|phase| matches!(phase, Phase::Failed(_) | Phase::Stopped)) => true,
        ended = &mut server => {
            let why = match ended { Ok(Err(error)) => error.to_string(), _ => "it ended".to_owned() };
            let _reported_instead = running.stop(Duration::ZERO);
            return environment(&format!("the HTTP server failed: {why}"));
        }
    };
    let told = monotonic();
    if !failed {
        info!("stopping: requests under way end first");
    }
    running.prepare_stop();
    let _nobody_listens = stop.send(());
    let patience = if failed { FAIL_PATIENCE } else { running.stop_patience() };
    tokio::select! {
        _ = tokio::time::timeout(patience, &mut server) => {}
        () = either(&mut terminate, &mut interrupt) => warn!("told to stop again: requests under way are cut off"),
    }
    match tokio::task::spawn_blocking(move || running.stop(told.elapsed())).await {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(told)) => environment(&told),
        Err(error) => environment(&error.to_string()),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the stop lasts")]
fn monotonic() -> Instant {
    Instant::now()
}

/// Reads the policy anew at each SIGHUP. What becomes of it stands in the log.
async fn reload_when_told(mut hangup: Signal, mut phase: watch::Receiver<Phase>, reloader: Arc<Reloader>) {
    while hangup.recv().await.is_some() {
        // A signal during the restore is not lost.
        let restored = phase.wait_for(|phase| *phase != Phase::Restoring).await.is_ok();
        let reloader = reloader.clone();
        let done = tokio::task::spawn_blocking(move || reloader.reload().is_ok()).await;
        tracing::debug!(restored, taken = done.unwrap_or(false), "SIGHUP");
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::USAGE;

    #[test]
    fn wrong_settings_are_wrong_usage() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("plazo.toml");
        std::fs::write(&file, "[kafka]\nbrokers = \"localhost:9092\"\n[kafka.properties]\nacks = 1").expect("a file");
        let code = run(RunArgs { config: Some(file), policy: None, ..RunArgs::default() });
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(USAGE)));
    }
}
