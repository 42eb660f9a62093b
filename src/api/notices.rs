//! `GET /v1/notices` and `/v1/stream`: what was told, in order, without gaps, from any number on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::problem::Problem;
use super::{Api, json, limit, parameters};
use crate::engine::NoticeKind;
use crate::metrics::Metrics;
use crate::view::{NoticePage, NoticeQuery, NumberedNotice, Phase};

const DEFAULT_LIMIT: usize = 500;
const MAX_LIMIT: usize = 10_000;
/// Notices that a stream reads at a time, and that wait for a slow client before the engine's store is asked for more.
const STREAM_PAGE: usize = 256;
/// So often a silent stream shows that it lives; proxies cut off what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    after: Option<String>,
    r#type: Option<String>,
    limit: Option<usize>,
}

fn kinds(types: Option<&str>) -> Result<Vec<String>, Problem> {
    let words = types.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| match NoticeKind::ALL.iter().find(|kind| kind.name() == word) {
            Some(kind) => Ok(kind.name().to_owned()),
            None => {
                let known: Vec<&str> = NoticeKind::ALL.iter().map(|kind| kind.name()).collect();
                Err(Problem::bad_request(format!("type: expected of {}, found {word:?}", known.join(", "))))
            }
        })
        .collect()
}

/// The number to go on after; `last`: only what comes from now on.
fn after(api: &Api, text: Option<&str>) -> Result<u64, Problem> {
    match text {
        None => Ok(0),
        Some("last") => Ok(*api.shell.last_notice().borrow()),
        Some(text) => {
            text.parse().map_err(|_| Problem::bad_request(format!("after: expected a number, or last, found {text:?}")))
        }
    }
}

pub async fn page(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let asked: Parameters = parameters(&uri)?;
    let query = NoticeQuery {
        after: after(&api, asked.after.as_deref())?,
        kinds: kinds(asked.r#type.as_deref())?,
        limit: limit(asked.limit, DEFAULT_LIMIT, MAX_LIMIT)?,
    };
    let page = api.ask(move |shell| shell.notices(&query)).await?;
    Ok(json(body(&page)))
}

fn body(page: &NoticePage) -> Vec<u8> {
    let bytes: usize = page.notices.iter().map(|notice| notice.json.len() + 1).sum();
    let mut out = Vec::with_capacity(bytes + 64);
    out.extend_from_slice(b"{\"notices\":[");
    for (index, notice) in page.notices.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&notice.json);
    }
    out.extend_from_slice(format!("],\"last\":{}}}", page.last).as_bytes());
    out
}

pub async fn stream(State(api): State<Arc<Api>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let asked: Parameters = parameters(&uri)?;
    if asked.limit.is_some() {
        return Err(Problem::bad_request("limit: a stream has none"));
    }
    let resumed = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let mut query = NoticeQuery {
        after: after(&api, resumed.or(asked.after.as_deref()))?,
        kinds: kinds(asked.r#type.as_deref())?,
        limit: STREAM_PAGE,
    };
    let mut news = api.shell.last_notice();
    news.mark_unchanged();
    // The first page is read before the answer begins, so that a number that cannot be resumed from is refused plainly.
    let mut page = first_page(&api, &query).await?;
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(STREAM_PAGE);
    let mut phase = api.shell.phase();
    let open = OpenStream::new(api.metrics.clone());
    tokio::spawn(async move {
        let _open = open;
        loop {
            for notice in &page.notices {
                if sender.send(Ok(event(notice))).await.is_err() {
                    return;
                }
            }
            query.after = page.last;
            if !page.more {
                tokio::select! {
                    changed = news.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                    _ = phase.wait_for(|phase| !matches!(phase, Phase::Running)) => return,
                }
            }
            let next = query.clone();
            match api.ask(move |shell| shell.notices(&next)).await {
                Ok(next) => page = next,
                // The client connects again and is told why.
                Err(_) => return,
            }
        }
    });
    let hello = tokio_stream::once(Ok(Event::default().retry(RETRY)));
    let events = tokio_stream::StreamExt::chain(hello, ReceiverStream::new(receiver));
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

async fn first_page(api: &Api, query: &NoticeQuery) -> Result<NoticePage, Problem> {
    let query = query.clone();
    api.ask(move |shell| shell.notices(&query)).await
}

fn event(notice: &NumberedNotice) -> Event {
    // A notice is one line of JSON, which holds no line break.
    Event::default().id(notice.sequence.to_string()).event(&notice.kind).data(String::from_utf8_lossy(&notice.json))
}

/// Counts a client for as long as its stream lasts.
struct OpenStream(Arc<Metrics>);

impl OpenStream {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.stream_opened();
        OpenStream(metrics)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.stream_closed();
    }
}
