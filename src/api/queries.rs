//! Questions about leads, clocks, the log and the dead letters.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::{Api, json_of, limit, parameters, segment};
use crate::engine::OpenState;
use crate::explain;
use crate::language::Lang;
use crate::time::Timestamp;
use crate::view::{ClockCursor, ClockQuery, DeadLetterQuery, ReadFault, STALE};

const DEFAULT_CLOCKS: usize = 100;
const MAX_CLOCKS: usize = 1_000;
const DEFAULT_EVENTS: usize = 1_000;
const MAX_EVENTS: usize = 10_000;
const DEFAULT_LETTERS: usize = 100;
const MAX_LETTERS: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadParameters {
    lang: Option<String>,
}

/// A lead as JSON, or told as text to whoever accepts `text/plain`.
pub async fn lead(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked: LeadParameters = parameters(&uri)?;
    let lang = match asked.lang {
        Some(tag) => {
            Lang::of_tag(&tag).ok_or_else(|| Problem::bad_request(format!("lang: expected en or es, found {tag:?}")))?
        }
        None => named(&headers, header::ACCEPT_LANGUAGE).and_then(Lang::accepted).unwrap_or_default(),
    };
    let as_text = named(&headers, header::ACCEPT).is_some_and(|accept| accept.trim_start().starts_with("text/plain"));
    let asked = id.clone();
    let answer = api.ask(move |shell| Ok(shell.lead(&asked))).await?;
    match answer {
        Ok(Some(view)) if as_text => Ok(told(explain::text(&view, lang), lang)),
        Ok(Some(view)) => Ok(json_of(&view)),
        Err(ReadFault::Elsewhere { url: Some(url), partition, instance }) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let location = format!("{}/v1/leads/{}{query}", url.trim_end_matches('/'), segment(&id));
            let fault = ReadFault::Elsewhere { url: Some(url), partition, instance };
            Err(Problem::from(fault).redirect(location))
        }
        Err(fault) => Err(fault.into()),
        Ok(None) => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no lead {id:?}"))),
    }
}

pub fn named(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn told(text: String, lang: Lang) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_LANGUAGE, lang.code()),
        (header::VARY, "Accept, Accept-Language"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockParameters {
    state: Option<String>,
    sla: Option<String>,
    team: Option<String>,
    due_before: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub async fn clocks(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let asked: ClockParameters = parameters(&uri)?;
    let known: Vec<&str> = OpenState::ALL.iter().map(|known| known.name()).chain([STALE]).collect();
    if let Some(state) = &asked.state
        && !known.contains(&state.as_str())
    {
        return Err(Problem::bad_request(format!("state: expected one of {}, found {state:?}", known.join(", "))));
    }
    if let Some(sla) = &asked.sla
        && !api.shell.policy().families.iter().any(|family| family.name == *sla)
    {
        return Err(Problem::bad_request(format!("sla: the policy has no {sla:?}")));
    }
    let due_before = asked
        .due_before
        .map(|text| text.parse::<Timestamp>())
        .transpose()
        .map_err(|error| Problem::bad_request(format!("due_before: {error}")))?;
    let cursor = asked.cursor.as_deref().map(cursor_of).transpose()?;
    let limit = limit(asked.limit, DEFAULT_CLOCKS, MAX_CLOCKS)?;
    let query = ClockQuery { state: asked.state, sla: asked.sla, team: asked.team, due_before, limit, cursor };
    let page = api.ask(move |shell| shell.clocks(&query)).await?;
    Ok(json_of(&json!({
        "clocks": page.clocks,
        "next": page.next.map(|cursor| cursor_text(&cursor)),
    })))
}

/// Opaque to clients: where the page before ended.
fn cursor_text(cursor: &ClockCursor) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn cursor_of(text: &str) -> Result<ClockCursor, Problem> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| Problem::bad_request("cursor: expected the next of the page before"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogParameters {
    after: Option<u64>,
    limit: Option<usize>,
}

/// The log as NDJSON, as `plazo replay` reads it.
pub async fn log(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let asked: LogParameters = parameters(&uri)?;
    let (after, limit) = (asked.after.unwrap_or(0), limit(asked.limit, DEFAULT_EVENTS, MAX_EVENTS)?);
    let events = api.ask(move |shell| shell.events(after, limit)).await?;
    let mut body = Vec::with_capacity(events.iter().map(|(_, line)| line.len() + 32).sum());
    for (sequence, line) in &events {
        body.extend_from_slice(line.strip_suffix(b"}").unwrap_or(line));
        body.extend_from_slice(format!(",\"sequence\":\"{sequence}\"}}\n").as_bytes());
    }
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], body).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterParameters {
    after: Option<u64>,
    reason: Option<String>,
    resubmitted: Option<bool>,
    limit: Option<usize>,
}

pub async fn dead_letters(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let asked: LetterParameters = parameters(&uri)?;
    let after = asked.after.unwrap_or(0);
    let query = DeadLetterQuery {
        after,
        reason: asked.reason,
        resubmitted: asked.resubmitted.unwrap_or(false),
        limit: limit(asked.limit, DEFAULT_LETTERS, MAX_LETTERS)?,
    };
    let letters = api.ask(move |shell| shell.dead_letters(&query)).await?;
    let last = letters.last().map_or(after, |letter| letter.sequence);
    Ok(json_of(&json!({ "dead_letters": letters, "last": last })))
}
