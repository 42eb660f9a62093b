//! Errors as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::view::{ReadFault, Unavailable};

/// What went wrong with a request, for a person and for a program.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub detail: String,
    /// Further members.
    pub more: Map<String, Value>,
    pub retry_after_seconds: Option<u32>,
    /// Where the answer is, for a redirection.
    pub location: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem { status, detail: detail.into(), more: Map::new(), retry_after_seconds: None, location: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The same request is to be sent to `location`.
    #[must_use]
    pub fn redirect(self, location: String) -> Self {
        Problem { status: StatusCode::TEMPORARY_REDIRECT, location: Some(location), ..self }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        let (status, detail, seconds) = match &unavailable {
            Unavailable::Full => {
                (StatusCode::TOO_MANY_REQUESTS, "more events wait than are taken; send this again".to_owned(), 1)
            }
            Unavailable::Restoring => (StatusCode::SERVICE_UNAVAILABLE, "the engine restores its state".to_owned(), 2),
            Unavailable::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "the engine is stopping".to_owned(), 5),
            Unavailable::Elsewhere(told) => {
                return Problem::new(StatusCode::NOT_IMPLEMENTED, told.clone()).with("reason", unavailable.name());
            }
            Unavailable::Brokers(told) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the brokers did not take all of it; send this again: {told}"),
                5,
            ),
            Unavailable::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the engine has failed: {why}"), 30),
        };
        Problem {
            retry_after_seconds: Some(seconds),
            ..Problem::new(status, detail).with("reason", unavailable.name())
        }
    }
}

impl From<ReadFault> for Problem {
    fn from(fault: ReadFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ReadFault::Gone { oldest, .. } => Problem::new(StatusCode::GONE, detail).with("oldest", oldest),
            ReadFault::Beyond { last, .. } => Problem::bad_request(detail).with("last", last),
            ReadFault::InTopic(_) => Problem::new(StatusCode::NOT_IMPLEMENTED, detail),
            // Asked in the wrong place; who knows the path makes a redirection of it.
            ReadFault::Elsewhere { partition, instance, url } => Problem::new(StatusCode::MISDIRECTED_REQUEST, detail)
                .with("instance", instance)
                .with("url", url)
                .with("partition", partition),
            ReadFault::Store(_) | ReadFault::NotYet(_) => {
                Problem { retry_after_seconds: Some(5), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut members = Map::new();
        members.insert("type".to_owned(), "about:blank".into());
        members.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("error").into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("detail".to_owned(), self.detail.into());
        members.extend(self.more);
        let body = Value::Object(members).to_string();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body)
                .into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // An address that is no header value is told in the body alone.
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"plazo\""));
        }
        response
    }
}
