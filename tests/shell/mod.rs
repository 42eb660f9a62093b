//! The embedded shell behind real sockets, with a clock moved by hand.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use plazo::api::{self, Api};
use plazo::config::{Http, Secret};
use plazo::embedded::fault::StoreFault;
use plazo::embedded::intake::Limits;
use plazo::embedded::{Embedded, Options, WordLists, metric_words};
use plazo::metrics::Metrics;
use plazo::policy::{self, Policy};
use plazo::time::{Clock, DAY_MS, MINUTE_MS, Timestamp};
use plazo::view::Shell;
use serde_json::Value;
use tokio::net::TcpListener;

/// "disposition" within 8 hours of the assignment, with a reminder at half of it and one step after the breach.
pub const POLICY: &str = r#"
[agreement]
name = "Test"
effective_from = "2020-01-01T00:00:00Z"
timezone = "UTC"
[[status]]
name = "new"
[[status]]
name = "on_hold"
[[status]]
name = "qualified"
disposition = "qualified"
[[sla]]
name = "disposition"
start = { on = "assigned" }
stop = { disposition = "any" }
pause = { status = ["on_hold"] }
[[sla.target]]
within = "8 hours"
[[sla.reminder]]
at = "50%"
[[sla.escalation]]
after = "1 hour"
notify = ["manager"]
"#;

pub fn policy() -> Arc<Policy> {
    let none = |_: &str| Err(std::io::Error::other("no files here"));
    Arc::new(policy::parse("test.toml", POLICY, &none).expect("a policy"))
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub fn at(text: &str) -> Timestamp {
    format!("2026-12-01T{text}Z").parse().expect("an instant")
}

pub struct Setup {
    pub options: Options,
    pub http: Http,
    pub clock: Arc<Hand>,
    pub policy: Arc<Policy>,
}

impl Setup {
    pub fn new(directory: &Path) -> Self {
        Setup {
            options: Options {
                directory: directory.to_owned(),
                instance: "test".to_owned(),
                grace_ms: 0,
                retention_ms: Some(400 * DAY_MS),
                accept_changed_policy: false,
                future_tolerance_ms: 5 * MINUTE_MS,
                max_bytes: None,
                limits: Limits::default(),
            },
            http: Http {
                bind: ([127, 0, 0, 1], 0).into(),
                tokens: Vec::new(),
                advertised: None,
                max_body_bytes: 8 << 20,
            },
            clock: Arc::new(Hand(AtomicI64::new(at("09:00:00").ms()))),
            policy: policy(),
        }
    }

    pub fn token(mut self, token: &str) -> Self {
        self.http.tokens.push(Secret::new(token));
        self
    }

    /// Moves the clock while no engine runs.
    pub fn clock_to(&self, time: &str) {
        self.clock.0.store(at(time).ms(), Ordering::SeqCst);
    }

    pub fn try_start(&self) -> Result<Embedded, StoreFault> {
        let metrics = Arc::new(metrics());
        Embedded::start(self.options.clone(), self.policy.clone(), self.clock.clone(), metrics)
    }

    pub fn start(&self) -> Engine {
        let metrics = Arc::new(metrics());
        let embedded = Embedded::start(self.options.clone(), self.policy.clone(), self.clock.clone(), metrics.clone());
        let embedded = Arc::new(embedded.unwrap_or_else(|fault| panic!("{fault}")));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let listener = runtime.block_on(TcpListener::bind(self.http.bind)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let api = Arc::new(Api::new(embedded.clone(), metrics, &self.http));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = runtime.spawn(api::serve(listener, api, async {
            stopped.await.ok();
        }));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let engine = Engine {
            embedded,
            clock: self.clock.clone(),
            url,
            agent,
            runtime,
            stop: Some(stop),
            server: Some(server),
            token: self.http.tokens.first().map(|token| token.expose().to_owned()),
        };
        engine.restored();
        engine
    }
}

fn metrics() -> Metrics {
    let slas: Vec<String> = policy().families.iter().map(|family| family.name.clone()).collect();
    Metrics::new(metric_words(&slas, &WordLists::default())).expect("metrics")
}

pub struct Engine {
    pub embedded: Arc<Embedded>,
    pub clock: Arc<Hand>,
    pub url: String,
    pub agent: ureq::Agent,
    runtime: tokio::runtime::Runtime,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    token: Option<String>,
}

/// Status, content type, `Retry-After`, body.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub retry_after: Option<String>,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

pub fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Reply {
    let mut response = answer.expect("an answer");
    let header = |response: &ureq::http::Response<ureq::Body>, name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    Reply {
        status: response.status().as_u16(),
        content_type: header(&response, "content-type").unwrap_or_default(),
        retry_after: header(&response, "retry-after"),
        text: response.body_mut().with_config().limit(64 << 20).read_to_string().expect("a body"),
    }
}

pub const CLOUDEVENT: &str = "application/cloudevents+json";
pub const BATCH: &str = "application/cloudevents-batch+json";
pub const NDJSON: &str = "application/x-ndjson";

/// An assignment of `lead` at `time`.
pub fn assigned(id: &str, lead: &str, time: &str) -> String {
    event(id, "lead.assigned", time, &format!(r#"{{"lead_id":"{lead}","owner":"ana","team":"north"}}"#))
}

pub fn status(id: &str, lead: &str, to: &str, time: &str) -> String {
    event(id, "lead.status_changed", time, &format!(r#"{{"lead_id":"{lead}","to":"{to}"}}"#))
}

pub fn event(id: &str, kind: &str, time: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"crm","type":"{kind}","time":"{}","data":{data}}}"#, at(time))
}

impl Engine {
    fn restored(&self) {
        let mut phase = self.embedded.phase();
        self.within(async move { phase.wait_for(|phase| *phase != plazo::view::Phase::Restoring).await.map(|_| ()) })
            .expect("restored");
    }

    /// Waits for what must come.
    pub fn within<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), what).await }).expect("in time")
    }

    pub fn set(&self, time: &str) {
        self.clock.0.store(at(time).ms(), Ordering::SeqCst);
        self.embedded.nudge();
    }

    /// Returns when everything due before the clock's time has been told and made durable.
    pub fn settle(&self) {
        assert_eq!(self.post(BATCH, "[]").status, 200);
    }

    pub fn set_and_settle(&self, time: &str) {
        self.set(time);
        self.settle();
    }

    pub fn post(&self, content_type: &str, body: &str) -> Reply {
        self.post_to("/v1/events", content_type, body)
    }

    pub fn post_to(&self, path: &str, content_type: &str, body: &str) -> Reply {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("Content-Type", content_type);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        read(request.send(body))
    }

    /// Posts one event that must be accepted.
    pub fn tell(&self, event: &str) {
        let reply = self.post(CLOUDEVENT, event);
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"accepted":1,"duplicate":0,"rejected":[]}"#));
    }

    pub fn get(&self, path: &str) -> Reply {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        read(request.call())
    }

    /// `type lead_id time` of every notice.
    pub fn notices(&self) -> Vec<String> {
        let page = self.get("/v1/notices").json();
        let short = |value: &Value| value.as_str().unwrap_or("-").replace("2026-12-01T", "").replace('Z', "");
        page["notices"]
            .as_array()
            .expect("notices")
            .iter()
            .map(|n| {
                format!(
                    "{} {} {}",
                    n["type"].as_str().expect("a type"),
                    n["data"]["lead_id"].as_str().expect("a lead"),
                    short(&n["time"])
                )
            })
            .collect()
    }

    /// The value of a metric's sample, as the text says it.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let text = self.get("/metrics").text;
        let line = text.lines().find(|line| line.strip_prefix(sample).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    pub fn stop(mut self) -> Result<(), StoreFault> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreFault> {
        self.embedded.prepare_stop();
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            // Idle connections of the client would hold it.
            self.agent = ureq::Agent::new_with_defaults();
            self.within(server).expect("the server").expect("served");
        }
        self.embedded.stop()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end().ok();
    }
}
