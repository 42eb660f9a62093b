//! `POST /v1/events`: a body -> its events -> the shell -> the answer, once it is durable.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::{Api, json_of};
use crate::event::{self, Form, Reason};
use crate::view::{Delivery, MAX_RESUBMIT, Parts, Pending, Receipt, Unavailable};

/// A client that sends so slowly is cut off.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Events of one body: each may be refused at the length of its reason, and one of two bytes too.
const MAX_EVENTS: usize = 50_000;
/// The largest list of dead letters, in bytes.
const MAX_LIST_BYTES: usize = 64 << 10;
/// What the headers of an event in binary mode begin with.
const CE: &str = "ce-";

pub async fn post(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if let Some(encoding) = head.headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected a body without content encoding"));
    }
    let body = read(body, api.max_body_bytes).await?;
    let (delivery, single) = split(&head.headers, body)?;
    let pending = api.shell.submit(delivery)?;
    let receipt = settled(pending).await?;
    Ok(match receipt.rejected.first() {
        Some(_) if single => refused(&receipt).into_response(),
        _ => json_of(&receipt),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    sequences: Vec<u64>,
}

pub async fn resubmit(State(api): State<Arc<Api>>, body: Body) -> Result<Response, Problem> {
    let body = read(body, MAX_LIST_BYTES).await?;
    let listed: Listed = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("expected {{\"sequences\": [1, 2]}}: {error}")))?;
    if listed.sequences.is_empty() || listed.sequences.len() > MAX_RESUBMIT {
        return Err(Problem::bad_request(format!(
            "sequences: expected 1 to {MAX_RESUBMIT} of them, found {}",
            listed.sequences.len()
        )));
    }
    let pending = api.shell.resubmit(listed.sequences)?;
    let receipt = settled(pending).await?;
    Ok(json_of(&json!({
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "rejected": receipt.rejected.iter().map(|refusal| json!({
            "sequence": refusal.index, "id": refusal.id, "reason": refusal.reason, "detail": refusal.detail,
        })).collect::<Vec<_>>(),
    })))
}

async fn settled(pending: Pending) -> Result<Receipt, Problem> {
    match pending.await {
        Ok(Ok(receipt)) => Ok(receipt),
        Ok(Err(unavailable)) => Err(unavailable.into()),
        Err(_) => Err(Unavailable::Failed("the engine ended before it answered".to_owned()).into()),
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("expected at most {most} bytes"));
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let limited = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
            Err(if limited { too_large() } else { Problem::bad_request(format!("the body ended early: {error}")) })
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

/// Where the events are, and whether the body is one event.
fn split(headers: &HeaderMap, body: Bytes) -> Result<(Delivery, bool), Problem> {
    let content_type = match headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => Some("?"),
    };
    let has_ce_headers = headers.keys().any(|name| name.as_str().starts_with(CE));
    let Some(form) = event::form(content_type, has_ce_headers, &body) else {
        let detail = "expected application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, \
                      application/json, or application/json with ce- headers";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    };
    let whole: &[u8] = &body;
    let (parts, single) = match form {
        Form::One => (Parts::Structured(Vec::from([range(whole, whole)])), true),
        Form::Lines => (
            Parts::Structured(event::lines(whole).take(MAX_EVENTS + 1).map(|line| range(whole, line)).collect()),
            false,
        ),
        Form::Batch => match event::batch(whole) {
            Ok(events) => (Parts::Structured(events.into_iter().map(|event| range(whole, event)).collect()), false),
            Err(rejection) => (Parts::Unreadable(rejection), true),
        },
        Form::Binary => (Parts::Binary(ce_headers(headers, content_type)), true),
    };
    if matches!(&parts, Parts::Structured(events) if events.len() > MAX_EVENTS) {
        let detail = format!("expected at most {MAX_EVENTS} events in one body: send them in several");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok((Delivery { body, parts }, single))
}

/// Where `part`, a slice of `whole`, lies in it.
fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let from = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    from..from + part.len()
}

/// The attributes by their CloudEvents names. A header that is no text becomes one that no decoder takes for UTF-8.
fn ce_headers(headers: &HeaderMap, content_type: Option<&str>) -> Vec<(String, String)> {
    let attributes = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(CE)?;
        Some((name.to_owned(), value.to_str().unwrap_or("%FF").to_owned()))
    });
    let content_type = content_type.map(|text| ("datacontenttype".to_owned(), text.to_owned()));
    attributes.chain(content_type).collect()
}

/// The answer to a single event that was refused: the problem, with the entry in the shape that batches have too.
fn refused(receipt: &Receipt) -> Problem {
    let Some(entry) = receipt.rejected.first() else { return Problem::bad_request("refused") };
    let status = match entry.reason {
        reason if reason == Reason::MalformedJson.name() => StatusCode::BAD_REQUEST,
        reason if reason == Reason::TooLarge.name() => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, entry.detail.clone())
        .with("index", entry.index)
        .with("id", entry.id.clone())
        .with("reason", entry.reason)
        .with("accepted", receipt.accepted)
        .with("duplicate", receipt.duplicate)
        .with("rejected", json!(receipt.rejected))
}
