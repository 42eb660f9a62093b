//! Where the traffic goes: lines to a writer, batches to an engine's `POST /v1/events`. Paced where a rate is asked for.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Deserialize;

use super::Generator;
use crate::time::{Clock, SECOND_MS, Timestamp};

/// Events in one request at most, and lines between two looks at the clock.
pub const MAX_BATCH: usize = 500;
/// Tries of one batch, some 40 s of them where the engine names no time of its own, before giving up.
pub const MAX_ATTEMPTS: u32 = 12;
const FIRST_WAIT_MS: i64 = 200;
const MAX_WAIT_MS: i64 = 5 * SECOND_MS;
/// The longest `Retry-After` that is followed.
const MAX_RETRY_AFTER_MS: i64 = 60 * SECOND_MS;

/// What became of one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Answered(Answer),
    /// To be sent again: 429, 503, or nobody answered. With the wait that the engine asked for.
    Later {
        why: String,
        retry_after_ms: Option<i64>,
    },
    /// Sending it again would change nothing.
    Refused(String),
}

/// The engine's answer to a batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Answer {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: Vec<Rejected>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rejected {
    pub reason: String,
    pub detail: String,
}

/// The engine, and the passing of time: the two things that a test replaces.
pub trait Transport {
    /// Events of one batch at most.
    fn most(&self) -> usize {
        MAX_BATCH
    }
    /// Posts a JSON array of CloudEvents.
    fn post(&mut self, batch: &[u8]) -> Reply;
    fn wait(&mut self, wait_ms: i64);
}

/// What a whole run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub sent: u64,
    pub accepted: u64,
    pub duplicate: u64,
    /// Refused events by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Requests that were sent again.
    pub retries: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("gave up after {attempts} tries: {why}")]
    Unavailable { attempts: u32, why: String },
    #[error("the engine refused the request: {0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Keeps to so many events a second, or to none.
struct Pace {
    rate: Option<f64>,
    started: Timestamp,
}

impl Pace {
    fn new(rate: Option<f64>, clock: &dyn Clock) -> Self {
        Pace { rate: rate.filter(|rate| *rate > 0.0), started: clock.now() }
    }

    /// Events to be sent together: about five times a second, `most` of them.
    fn batch(&self, most: usize) -> usize {
        self.rate.map_or(most, |rate| ((rate / 5.0).ceil() as usize).clamp(1, most))
    }

    /// How long until the event after the first `sent` ones is due.
    fn wait_ms(&self, sent: u64, clock: &dyn Clock) -> i64 {
        let Some(rate) = self.rate else { return 0 };
        let due_ms = (sent as f64 * SECOND_MS as f64 / rate) as i64;
        self.started.plus_ms(due_ms).since_ms(clock.now()).max(0)
    }
}

/// Writes every event on its own time, one JSON a line.
///
/// # Errors
/// Whatever the writer says, a broken pipe too.
pub fn to_writer(
    generator: &mut Generator,
    rate: Option<f64>,
    clock: &dyn Clock,
    wait: &mut dyn FnMut(i64),
    out: &mut dyn Write,
    progress: &mut dyn FnMut(&Summary),
) -> io::Result<Summary> {
    let pace = Pace::new(rate, clock);
    let mut summary = Summary::default();
    for mut event in generator.by_ref() {
        event.json.push(b'\n');
        out.write_all(&event.json)?;
        summary.sent += 1;
        if summary.sent.is_multiple_of(pace.batch(MAX_BATCH) as u64) {
            progress(&summary);
            let wait_ms = pace.wait_ms(summary.sent, clock);
            if wait_ms > 0 {
                out.flush()?;
                wait(wait_ms);
            }
        }
    }
    out.flush()?;
    Ok(summary)
}

/// Posts every event as happening now; a late one stays as late as it was. A batch that got no answer is sent again as it
/// was, so that the engine knows it for a duplicate.
///
/// # Errors
/// [`Failure`], with what was sent until then left as it is.
pub fn to_engine(
    generator: &mut Generator,
    rate: Option<f64>,
    clock: &dyn Clock,
    transport: &mut dyn Transport,
    progress: &mut dyn FnMut(&Summary),
) -> Result<Summary, Failure> {
    let pace = Pace::new(rate, clock);
    let most = pace.batch(transport.most()) as u64;
    let mut summary = Summary::default();
    let mut body = Vec::new();
    loop {
        let (mut count, now) = (0u64, clock.now());
        body.clear();
        while count < most {
            let Some(delivery) = generator.next_delivery() else { break };
            body.push(if count == 0 { b'[' } else { b',' });
            let time = now.plus_ms(-delivery.append.since_ms(delivery.time));
            generator.write(&delivery, time, None, &mut body);
            count += 1;
        }
        if count == 0 {
            return Ok(summary);
        }
        body.push(b']');
        let answer = post_until_answered(&body, transport, &mut summary)?;
        summary.sent += count;
        summary.accepted += answer.accepted;
        summary.duplicate += answer.duplicate;
        for rejected in answer.rejected {
            *summary.rejected.entry(rejected.reason).or_default() += 1;
        }
        progress(&summary);
        let wait_ms = pace.wait_ms(summary.sent, clock);
        if wait_ms > 0 {
            transport.wait(wait_ms);
        }
    }
}

fn post_until_answered(body: &[u8], transport: &mut dyn Transport, summary: &mut Summary) -> Result<Answer, Failure> {
    let mut wait_ms = FIRST_WAIT_MS;
    let mut attempts = 0;
    loop {
        attempts += 1;
        match transport.post(body) {
            Reply::Answered(answer) => return Ok(answer),
            Reply::Refused(why) => return Err(Failure::Refused(why)),
            Reply::Later { why, .. } if attempts == MAX_ATTEMPTS => return Err(Failure::Unavailable { attempts, why }),
            Reply::Later { retry_after_ms, .. } => {
                summary.retries += 1;
                transport.wait(retry_after_ms.unwrap_or(wait_ms).min(MAX_RETRY_AFTER_MS));
                wait_ms = (2 * wait_ms).min(MAX_WAIT_MS);
            }
        }
    }
}

/// The real one, over HTTP.
pub struct Http {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Http {
    /// Goes straight to `url`, past any proxy of the environment.
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let authorization = token.map(|token| format!("Bearer {token}"));
        Http { agent: config.new_agent(), url: url.to_owned(), authorization }
    }
}

/// Holds this thread for so long. The load generator has nothing else to do.
#[expect(clippy::disallowed_methods, reason = "a paced sender waits; nothing else runs on its thread")]
pub fn pause(wait_ms: i64) {
    std::thread::sleep(Duration::from_millis(wait_ms.try_into().unwrap_or_default()));
}

impl Transport for Http {
    fn post(&mut self, batch: &[u8]) -> Reply {
        let mut request = self.agent.post(&self.url).header("content-type", "application/cloudevents-batch+json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = match request.send(batch) {
            Ok(response) => response,
            Err(error @ (ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed)) => {
                return Reply::Later { why: format!("{}: {error}", self.url), retry_after_ms: None };
            }
            Err(error) => return Reply::Refused(format!("{}: {error}", self.url)),
        };
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_ms = header.and_then(|text| text.trim().parse::<u32>().ok()).map(|s| i64::from(s) * SECOND_MS);
        let status = response.status().as_u16();
        match response.body_mut().read_to_string() {
            Ok(text) => read_answer(status, retry_after_ms, &text),
            Err(error) => Reply::Later { why: format!("{}: {error}", self.url), retry_after_ms: None },
        }
    }

    fn wait(&mut self, wait_ms: i64) {
        pause(wait_ms);
    }
}

pub(super) fn read_answer(status: u16, retry_after_ms: Option<i64>, text: &str) -> Reply {
    let refused = || {
        let start: String = text.chars().take(300).collect();
        Reply::Refused(format!("status {status}: {start}"))
    };
    match status {
        429 | 503 => Reply::Later { why: format!("status {status}"), retry_after_ms },
        // A single refused event is answered with 422 and its entry.
        200..=299 | 422 => match serde_json::from_str::<Answer>(text) {
            Ok(answer) if status != 422 || !answer.rejected.is_empty() => Reply::Answered(answer),
            _ => refused(),
        },
        _ => refused(),
    }
}
