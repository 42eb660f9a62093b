//! Settings of the process: defaults in the binary < file < environment (INTERFACE "Settings"). Read once at the start,
//! checked whole: every fault is told, an unknown key with the nearest known one.

mod kafka;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};
use serde::Deserialize;

pub use kafka::{Kafka, Protocol, TRANSACTION_TIMEOUT_MS, Topics};

use crate::calendar::Duration;
use crate::policy::nearest;
use crate::time::{DAY_MS, MINUTE_MS, SECOND_MS};

/// Read where no `--config` names another.
pub const DEFAULT_FILE: &str = "plazo.toml";
/// A shorter bearer token can be guessed.
pub const MIN_TOKEN_BYTES: usize = 16;
/// Least and default size of the largest request body, bytes.
const MIN_BODY_BYTES: u64 = 1 << 10;
const DEFAULT_BODY_BYTES: u64 = 8 << 20;
/// A store smaller than this cannot hold its own tables.
const MIN_STORE_BYTES: u64 = 1 << 20;

/// Every key that there is. What stands below one of them (librdkafka's properties, the templates of `notify`) is read by
/// whom it concerns.
pub const KEYS: [&str; 25] = [
    "engine.instance",
    "engine.workers",
    "engine.grace",
    "engine.clock_skew",
    "engine.retention",
    "engine.future_tolerance",
    "policy.path",
    "log.format",
    "log.level",
    "embedded.directory",
    "embedded.max_bytes",
    "http.bind",
    "http.tokens",
    "http.tokens_file",
    "http.advertised",
    "http.max_body_bytes",
    "kafka.brokers",
    "kafka.inputs",
    "kafka.input",
    "kafka.group",
    "kafka.topics",
    "kafka.protocol",
    "kafka.properties",
    "kafka.transactional_id",
    "notify",
];
/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// For comparing and sending, never for printing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Names this process in logs and to a second one on the same directory.
    pub instance: String,
    /// Worker threads of the Kafka shell; the embedded one has one.
    pub workers: usize,
    /// How long nothing fires after a start on a store that was in use.
    pub grace_ms: i64,
    /// By how much clocks of the machines may differ (Kafka).
    pub clock_skew_ms: i64,
    /// How long the log, notices and dead letters are kept; `None`: for ever.
    pub retention_ms: Option<i64>,
    /// How far an event's time may lie after its receipt.
    pub future_tolerance_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub bind: SocketAddr,
    pub tokens: Vec<Secret>,
    /// The address by which others reach this engine, as a URL.
    pub advertised: Option<String>,
    pub max_body_bytes: usize,
}

impl Http {
    /// Where clients on this machine find the engine.
    pub fn url(&self) -> String {
        match &self.advertised {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if self.bind.ip().is_unspecified() => format!("http://127.0.0.1:{}", self.bind.port()),
            None => format!("http://{}", self.bind),
        }
    }
}

/// Checked settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub engine: Engine,
    pub policy: PathBuf,
    pub log_format: LogFormat,
    /// A filter of `tracing`: `info`, or `info,plazo=debug`.
    pub log_level: String,
    pub directory: PathBuf,
    /// The store refuses to grow beyond this; `None`: as far as the disk goes.
    pub max_store_bytes: Option<u64>,
    pub http: Http,
    /// Set where Kafka is asked for.
    pub kafka: Option<Kafka>,
}

/// All that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadSettings(pub Vec<String>);

#[derive(Debug, Deserialize)]
struct Raw {
    engine: RawEngine,
    policy: RawPolicy,
    log: RawLog,
    embedded: RawEmbedded,
    http: RawHttp,
    #[serde(default)]
    kafka: kafka::RawKafka,
}

#[derive(Debug, Deserialize)]
struct RawEngine {
    instance: String,
    workers: u16,
    grace: String,
    clock_skew: String,
    retention: String,
    future_tolerance: String,
}

#[derive(Debug, Deserialize)]
struct RawPolicy {
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct RawLog {
    format: LogFormat,
    level: String,
}

#[derive(Debug, Deserialize)]
struct RawEmbedded {
    directory: PathBuf,
    max_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct RawHttp {
    bind: String,
    tokens: Option<Texts>,
    tokens_file: Option<PathBuf>,
    advertised: Option<String>,
    max_body_bytes: u64,
}

/// A list, or a text with commas as the environment has it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn list(self) -> Vec<String> {
        let all = match self {
            Texts::One(text) => text.split(',').map(str::to_owned).collect(),
            Texts::Many(texts) => texts,
        };
        all.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }
}

const DEFAULTS: &str = r#"
[engine]
instance = "plazo"
workers = 1
grace = "30 seconds"
clock_skew = "2 seconds"
retention = "400 days"
future_tolerance = "5 minutes"
[policy]
path = "policy"
[log]
format = "text"
level = "info"
[embedded]
directory = "plazo-data"
[http]
bind = "127.0.0.1:8080"
max_body_bytes = 8388608
"#;

impl Settings {
    /// Reads `file` (else [`DEFAULT_FILE`] where it exists) and the environment.
    ///
    /// # Errors
    /// Every fault, one text each.
    pub fn load(file: Option<&Path>) -> Result<Self, BadSettings> {
        let default = Path::new(DEFAULT_FILE);
        let file = file.or_else(|| default.exists().then_some(default));
        Settings::read(file, None)
    }

    /// The same with a given environment; `None`: the process's own.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn read(file: Option<&Path>, environment: Option<Map<String, String>>) -> Result<Self, BadSettings> {
        let one = |fault: String| BadSettings(vec![fault]);
        let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| one(format!("{}: cannot be read: {error}", file.display())))?;
            // Read apart first, so that the fault names the file.
            toml::from_str::<toml::Table>(&text)
                .map_err(|error| one(format!("{}: {}", file.display(), error.to_string().trim_end())))?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let environment = Environment::with_prefix("PLAZO")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(environment);
        let whole = builder.add_source(environment).build().map_err(|error| one(error.to_string()))?;
        let mut faults = Vec::new();
        let tables = whole.collect().map_err(|error| one(error.to_string()))?;
        unknown_keys("", &tables, &mut faults);
        match whole.try_deserialize::<Raw>() {
            Ok(raw) => check(raw, faults),
            Err(error) => {
                faults.push(error.to_string());
                Err(BadSettings(faults))
            }
        }
    }
}

fn unknown_keys(above: &str, table: &Map<String, Value>, faults: &mut Vec<String>) {
    #[expect(clippy::disallowed_methods, reason = "sorted at once")]
    let in_order: BTreeMap<&String, &Value> = table.iter().collect();
    for (name, value) in in_order {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        if KEYS.contains(&key.as_str()) {
            continue;
        }
        match &value.kind {
            ValueKind::Table(inner) if KEYS.iter().any(|known| known.starts_with(&format!("{key}."))) => {
                unknown_keys(&key, inner, faults);
            }
            _ => faults.push(match nearest(&key, KEYS) {
                Some(known) => format!("{key}: there is no such setting; is {known} meant?"),
                None => format!("{key}: there is no such setting"),
            }),
        }
    }
}

fn check(raw: Raw, mut faults: Vec<String>) -> Result<Settings, BadSettings> {
    let mut span = |key: &str, text: &str| match elapsed_ms(text) {
        Ok(ms) => ms,
        Err(fault) => {
            faults.push(format!("{key}: {fault}"));
            0
        }
    };
    let engine = Engine {
        grace_ms: span("engine.grace", &raw.engine.grace),
        clock_skew_ms: span("engine.clock_skew", &raw.engine.clock_skew),
        retention_ms: match raw.engine.retention.as_str() {
            "forever" => None,
            text => Some(span("engine.retention", text)),
        },
        future_tolerance_ms: span("engine.future_tolerance", &raw.engine.future_tolerance),
        instance: raw.engine.instance,
        workers: usize::from(raw.engine.workers),
    };
    if engine.workers == 0 {
        faults.push("engine.workers: expected at least 1, found 0".to_owned());
    }
    if engine.retention_ms.is_some_and(|ms| ms < MINUTE_MS) {
        faults.push("engine.retention: expected at least 1 minute, or \"forever\"".to_owned());
    }
    if engine.grace_ms > DAY_MS {
        faults.push("engine.grace: expected at most 1 day, for so long nothing would be told".to_owned());
    }
    if engine.instance.trim().is_empty() {
        faults.push("engine.instance: expected a name, found none".to_owned());
    }
    let bind = address(&raw.http.bind).unwrap_or_else(|| {
        faults.push(format!(
            "http.bind: expected an address and a port such as 127.0.0.1:8080, found {:?}",
            raw.http.bind
        ));
        SocketAddr::from(([127, 0, 0, 1], 0))
    });
    if raw.http.max_body_bytes < MIN_BODY_BYTES || raw.http.max_body_bytes > 16 * DEFAULT_BODY_BYTES {
        let most = 16 * DEFAULT_BODY_BYTES;
        faults.push(format!(
            "http.max_body_bytes: expected {MIN_BODY_BYTES} to {most}, found {}",
            raw.http.max_body_bytes
        ));
    }
    if let Some(advertised) = &raw.http.advertised
        && !["http://", "https://"].iter().any(|scheme| advertised.starts_with(scheme))
    {
        faults.push(format!("http.advertised: expected a URL such as https://plazo.example, found {advertised:?}"));
    }
    if raw.embedded.max_bytes.is_some_and(|bytes| bytes < MIN_STORE_BYTES) {
        faults.push(format!("embedded.max_bytes: expected at least {MIN_STORE_BYTES}"));
    }
    let tokens = tokens(raw.http.tokens, raw.http.tokens_file.as_deref(), &mut faults);
    if !bind.ip().is_loopback() && tokens.is_empty() {
        faults.push(format!(
            "http.bind: {bind} is reachable from other machines, and anyone there could read leads and post events; \
             set http.tokens_file (or http.tokens), or bind to 127.0.0.1"
        ));
    }
    let kafka = kafka::check(raw.kafka, &engine.instance, &mut faults);
    if !faults.is_empty() {
        return Err(BadSettings(faults));
    }
    Ok(Settings {
        engine,
        policy: raw.policy.path,
        log_format: raw.log.format,
        log_level: raw.log.level,
        directory: raw.embedded.directory,
        max_store_bytes: raw.embedded.max_bytes,
        http: Http {
            bind,
            tokens,
            advertised: raw.http.advertised,
            max_body_bytes: usize::try_from(raw.http.max_body_bytes).unwrap_or(usize::MAX),
        },
        kafka,
    })
}

fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

fn tokens(listed: Option<Texts>, file: Option<&Path>, faults: &mut Vec<String>) -> Vec<Secret> {
    let mut all = listed.map(Texts::list).unwrap_or_default();
    if let Some(file) = file {
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                let before = all.len();
                all.extend(lines.map(str::to_owned));
                if all.len() == before {
                    faults.push(format!("http.tokens_file: {} has no token in it", file.display()));
                }
            }
            Err(error) => faults.push(format!("http.tokens_file: {} cannot be read: {error}", file.display())),
        }
    }
    let visible = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
    if all.iter().any(|token| token.len() < MIN_TOKEN_BYTES || !visible(token)) {
        faults.push(format!("http.tokens: expected tokens of at least {MIN_TOKEN_BYTES} visible ASCII characters"));
    }
    all.into_iter().map(Secret).collect()
}

/// A duration that needs no calendar; a day is 24 hours here.
fn elapsed_ms(text: &str) -> Result<i64, String> {
    match Duration::parse(text) {
        Ok(Duration::Elapsed { ms }) => Ok(ms),
        Ok(Duration::Days(days)) => Ok(i64::from(days) * DAY_MS),
        Ok(_) => Err(format!("expected elapsed time such as \"{} seconds\", found {text:?}", 30 * SECOND_MS / 1_000)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, BadSettings> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("plazo.toml");
        std::fs::write(&file, text).expect("a file");
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings::read(Some(&file), Some(environment))
    }

    fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
        read(text, environment).expect_err("refused").0
    }

    #[test]
    fn the_file_goes_over_the_defaults_and_the_environment_over_the_file() {
        let settings = read(
            "[http]\nbind = \"127.0.0.1:1\"\n[engine]\ngrace = \"1 minute\"",
            &[("PLAZO__HTTP__BIND", "127.0.0.1:2"), ("PLAZO__LOG__FORMAT", "json")],
        )
        .expect("good settings");
        assert_eq!(settings.http.bind.port(), 2);
        assert_eq!(settings.engine.grace_ms, MINUTE_MS);
        assert_eq!(settings.log_format, LogFormat::Json);
        assert_eq!(settings.engine.future_tolerance_ms, 5 * MINUTE_MS);
        assert_eq!(settings.http.max_body_bytes as u64, DEFAULT_BODY_BYTES);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        assert_eq!(
            faults("[engine]\ngrase = \"1 minute\"", &[]),
            ["engine.grase: there is no such setting; is engine.grace meant?"]
        );
        assert_eq!(
            faults("", &[("PLAZO__HTTP__BINDS", "x")]),
            ["http.binds: there is no such setting; is http.bind meant?"]
        );
        assert_eq!(faults("zzz = 1", &[]), ["zzz: there is no such setting"]);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let told = faults("[engine]\ngrace = \"soon\"\nworkers = 0\n[http]\nbind = \"here\"", &[]);
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[test]
    fn librdkafka_properties_of_any_name_may_stand() {
        let text = "[kafka]\nbrokers = \"a:9092,b:9092\"\n[kafka.properties]\n\"client.rack\" = \"r1\"";
        assert_eq!(
            read(text, &[]).expect("good settings").kafka.map(|kafka| kafka.brokers).as_deref(),
            Some("a:9092,b:9092")
        );
    }

    #[test]
    fn an_address_that_others_reach_needs_tokens() {
        let open = "[http]\nbind = \"0.0.0.0:8080\"";
        assert!(faults(open, &[])[0].contains("http.tokens_file"), "{:?}", faults(open, &[]));
        assert!(faults(open, &[("PLAZO__HTTP__TOKENS", "short")])[0].contains("at least 16"));
        let settings =
            read(open, &[("PLAZO__HTTP__TOKENS", "0123456789abcdef, 00123456789abcdef")]).expect("good settings");
        let tokens: Vec<&str> = settings.http.tokens.iter().map(Secret::expose).collect();
        assert_eq!(tokens, ["0123456789abcdef", "00123456789abcdef"]);
    }

    #[test]
    fn secrets_are_never_printed() {
        let settings = read("[http]\ntokens = [\"0123456789abcdef\"]", &[]).expect("good settings");
        assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn tokens_are_read_from_a_file_one_a_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("tokens");
        std::fs::write(&file, "# of the CRM\n0123456789abcdef\n\nfedcba9876543210\n").expect("a file");
        let settings =
            read(&format!("[http]\ntokens_file = {:?}", file.display().to_string()), &[]).expect("good settings");
        assert_eq!(settings.http.tokens.len(), 2);
    }

    #[test]
    fn business_time_is_no_setting() {
        assert!(faults("[engine]\ngrace = \"2 business hours\"", &[])[0].starts_with("engine.grace: "));
    }

    const BROKERS: &str = "[kafka]\nbrokers = \"a:9092\"\n";

    #[test]
    fn properties_of_librdkafka_are_taken_also_from_the_environment() {
        let text = format!(
            "{BROKERS}[kafka.properties]\n\"session.timeout.ms\" = 6000\n\"security.protocol\" = \"SASL_PLAINTEXT\""
        );
        let settings = read(&text, &[("PLAZO__KAFKA__PROPERTIES__SASL_PASSWORD", "hush")]).expect("good settings");
        let kafka = settings.kafka.expect("Kafka");
        let get = |name: &str| kafka.properties.get(name).map(Secret::expose);
        assert_eq!(get("session.timeout.ms"), Some("6000"));
        assert_eq!(get("security.protocol"), Some("SASL_PLAINTEXT"));
        assert_eq!(get("sasl.password"), Some("hush"));
        assert!(!format!("{kafka:?}").contains("hush"));
    }

    #[test]
    fn properties_that_would_break_a_promise_are_refused_with_the_reason() {
        for (name, value, why) in [
            ("isolation.level", "\"read_uncommitted\"", "aborted"),
            ("enable.idempotence", "false", "twice"),
            ("enable.auto.commit", "true", "in the transaction"),
            ("acks", "1", "lost"),
            ("message.timeout.ms", "20000", "transaction.timeout.ms"),
            ("socket.timeout.ms", "60000", "transaction.timeout.ms"),
            ("auto.offset.reset", "\"latest\"", "guess"),
        ] {
            let told = faults(&format!("{BROKERS}[kafka.properties]\n{name:?} = {value}"), &[]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(name) && told[0].contains(why), "{told:?}");
        }
        let newer = "protocol = \"consumer\"\n[kafka.properties]\n\"session.timeout.ms\" = 6000";
        assert!(faults(&format!("{BROKERS}{newer}"), &[])[0].contains("broker"));
    }

    #[test]
    fn a_topic_is_named_for_one_thing() {
        let told = faults(&format!("{BROKERS}inputs = [\"a\", \"a\", \"sla.outcomes\", \"b c\"]"), &[]);
        assert_eq!(told.len(), 3, "{told:?}");
    }
}
