//! Whether it lives, whether it takes events, and its figures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Api, json as json_body};
use crate::time::Timestamp;
use crate::view::{Held, Phase};

pub async fn livez(State(api): State<Arc<Api>>) -> Response {
    match &*api.shell.phase().borrow() {
        Phase::Failed(why) => unavailable(json!({ "alive": false, "reason": "failed", "detail": why })),
        _ => json_body(b"{\"alive\":true}".to_vec()),
    }
}

/// Ready: events are taken. That the watermark is held (a grace, a backlog) is told, and is no reason to send clients away; that
/// an operator must act is one.
pub async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let status = api.shell.status();
    let mut members = Map::new();
    let reason = match &status.phase {
        Phase::Running if status.held == Held::Refused => Some("refused"),
        Phase::Running => None,
        Phase::Restoring => Some("restoring"),
        Phase::Stopping | Phase::Stopped => Some("stopping"),
        Phase::Failed(why) => {
            members.insert("detail".to_owned(), why.as_str().into());
            Some("failed")
        }
    };
    members.insert("ready".to_owned(), reason.is_none().into());
    if let Some(reason) = reason {
        members.insert("reason".to_owned(), reason.into());
    }
    if status.watermark != Timestamp::MIN && status.watermark != Timestamp::MAX {
        members.insert("watermark".to_owned(), status.watermark.to_string().into());
    }
    if status.held != Held::None {
        members.insert("held".to_owned(), status.held.name().into());
    }
    if let Some(until) = status.held_until {
        members.insert("held_until".to_owned(), until.to_string().into());
    }
    let body = Value::Object(members);
    if reason.is_none() { json_body(body.to_string().into_bytes()) } else { unavailable(body) }
}

fn unavailable(body: Value) -> Response {
    let mut response = json_body(body.to_string().into_bytes());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

pub async fn metrics(State(api): State<Arc<Api>>) -> Response {
    api.shell.observe();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], api.metrics.text()).into_response()
}
