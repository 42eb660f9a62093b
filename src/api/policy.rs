//! The policy at hand, and reading it anew.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Api, json_of};
use crate::policy::{Fault, Policy};
use crate::reload::{ReloadFault, Reloaded};
use crate::view::{NotAdopted, Unavailable};

fn shown(policy: &Policy) -> Value {
    let versions: Vec<_> = policy
        .versions
        .iter()
        .map(|version| {
            json!({
                "name": version.name,
                "effective_from": version.effective_from_written,
                "timezone": version.timezone.name(),
                "fingerprint": version.fingerprint,
                "slas": version.slas.iter().map(|sla| sla.name.as_str()).collect::<Vec<_>>(),
                "statuses": version.lifecycle.statuses.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            })
        })
        .collect();
    let name = policy.versions.last().map(|version| version.name.as_str());
    json!({ "name": name, "versions": versions })
}

pub async fn show(State(api): State<Arc<Api>>) -> Response {
    json_of(&shown(&api.shell.policy()))
}

pub async fn reload(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let Some(reloader) = api.reloader.clone() else {
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "this engine reads its policy once, when it starts"));
    };
    let ended = |_| Problem::from(Unavailable::Stopping);
    let reloaded = tokio::task::spawn_blocking(move || reloader.reload()).await.map_err(ended)??;
    let mut answer = shown(&api.shell.policy());
    answer["changed"] = (reloaded == Reloaded::Applied).into();
    Ok(json_of(&answer))
}

fn told(fault: &Fault) -> Value {
    json!({
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
        "suggestion": fault.suggestion,
    })
}

impl From<ReloadFault> for Problem {
    fn from(fault: ReloadFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ReloadFault::Faulty(faults) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                .with("reason", "policy_faults")
                .with("faults", faults.0.iter().map(told).collect::<Vec<_>>()),
            ReloadFault::Unreadable(_) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with("reason", "policy_unreadable")
            }
            ReloadFault::NotAdopted(NotAdopted::Governed(_)) => {
                Problem::new(StatusCode::CONFLICT, detail).with("reason", "policy_changed")
            }
            ReloadFault::NotAdopted(NotAdopted::Busy(_)) => Problem {
                retry_after_seconds: Some(5),
                ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with("reason", "busy")
            },
            ReloadFault::NotAdopted(NotAdopted::Unavailable(unavailable)) => unavailable.into(),
        }
    }
}
