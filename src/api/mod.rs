//! HTTP: routes, and how requests are received and refused (INTERFACE "HTTP", `docs/http.md`). Knows no shell by name.

mod compliance;
mod events;
mod guard;
mod health;
mod notices;
mod policy;
mod problem;
mod queries;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::Http;
use crate::metrics::Metrics;
use crate::reload::Reloader;
use crate::view::{Phase, ReadFault, Shell, Unavailable};
use guard::Guard;
use problem::Problem;

/// Questions that the store answers at a time; more wait.
const READERS: usize = 8;

/// Every path, which is the label of its metrics too.
pub const PATHS: [&str; 14] = [
    "/livez",
    "/readyz",
    "/metrics",
    "/v1/events",
    "/v1/notices",
    "/v1/stream",
    "/v1/leads/{id}",
    "/v1/clocks",
    "/v1/compliance",
    "/v1/policy",
    "/v1/policy/reload",
    "/v1/dead-letters",
    "/v1/dead-letters/resubmit",
    "other",
];

/// What the handlers share.
pub struct Api {
    shell: Arc<dyn Shell>,
    metrics: Arc<Metrics>,
    guard: Guard,
    max_body_bytes: usize,
    readers: Arc<Semaphore>,
    /// A report reads the state of all leads: one at a time.
    reports: Arc<Semaphore>,
    /// `None`: the policy is read once.
    reloader: Option<Arc<Reloader>>,
}

impl Api {
    pub fn new(shell: Arc<dyn Shell>, metrics: Arc<Metrics>, settings: &Http) -> Self {
        Api {
            shell,
            metrics,
            guard: Guard::new(settings.tokens.clone(), settings.advertised.as_deref()),
            max_body_bytes: settings.max_body_bytes,
            readers: Arc::new(Semaphore::new(READERS)),
            reports: Arc::new(Semaphore::new(1)),
            reloader: None,
        }
    }

    /// `POST /v1/policy/reload` reads the policy anew.
    #[must_use]
    pub fn reloading(self, reloader: Arc<Reloader>) -> Self {
        Api { reloader: Some(reloader), ..self }
    }

    /// Asks the shell on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Shell) -> Result<T, ReadFault> + Send + 'static,
    ) -> Result<T, Problem> {
        match &*self.shell.phase().borrow() {
            Phase::Restoring => return Err(Unavailable::Restoring.into()),
            Phase::Failed(why) => return Err(Unavailable::Failed(why.clone()).into()),
            Phase::Running | Phase::Stopping | Phase::Stopped => {}
        }
        let ended = |_| Problem::from(Unavailable::Stopping);
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| Problem::from(Unavailable::Stopping))?;
        let shell = self.shell.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            question(shell.as_ref())
        });
        Ok(answer.await.map_err(ended)??)
    }
}

pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/v1/events", post(events::post).get(queries::log))
        .route("/v1/notices", get(notices::page))
        .route("/v1/stream", get(notices::stream))
        .route("/v1/leads/{id}", get(queries::lead))
        .route("/v1/clocks", get(queries::clocks))
        .route("/v1/compliance", get(compliance::report))
        .route("/v1/policy", get(policy::show))
        .route("/v1/policy/reload", post(policy::reload))
        .route("/v1/dead-letters", get(queries::dead_letters))
        .route("/v1/dead-letters/resubmit", post(events::resubmit))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        })
        // Bodies are read, and bounded, by the handlers that take one.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(api.clone(), guard::admit))
        .layer(from_fn_with_state(api.clone(), record))
        .with_state(api)
}

/// Serves until `stop` resolves, then finishes the requests under way.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    api: Arc<Api>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Without it answers wait; a connection that cannot be set so works all the same.
        let _slower = connection.set_nodelay(true);
    });
    axum::serve(listener, router(api)).with_graceful_shutdown(stop).await
}

async fn record(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let path = label(request.uri().path());
    #[expect(clippy::disallowed_methods, reason = "how long a request takes is a metric")]
    let began = Instant::now();
    let response = next.run(request).await;
    api.metrics.request(path, response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

fn label(path: &str) -> &'static str {
    if path.starts_with("/v1/leads/") {
        return "/v1/leads/{id}";
    }
    PATHS.into_iter().find(|known| *known == path).unwrap_or("other")
}

/// The query's parameters; one that is unknown or malformed is refused.
fn parameters<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::<T>::try_from_uri(uri).map(|query| query.0).map_err(|rejection| Problem::bad_request(rejection.body_text()))
}

/// How many are asked for, between 1 and `most`.
fn limit(asked: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!("limit: expected 1 to {most}, found {limit}"))),
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], body)
        .into_response()
}

fn json_of(value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json(body),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_keeps_what_it_says() {
        assert_eq!(segment("L-1"), "L-1");
        assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    }
}
