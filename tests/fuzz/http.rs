//! The routes without a socket, before a shell that reads what it is handed and keeps nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use plazo::api::{self, Api};
use plazo::config::Http;
use plazo::embedded::{WordLists, metric_words};
use plazo::engine::LeadView;
use plazo::event;
use plazo::metrics::Metrics;
use plazo::policy::Policy;
use plazo::time::Timestamp;
use plazo::view::{
    ClockPage, ClockQuery, DeadLetter, DeadLetterQuery, Delivery, Held, NotAdopted, NoticePage, NoticeQuery, Parts,
    Pending, Phase, ReadFault, Receipt, Refusal, SeeLeads, Shell, Status, Unavailable, Whole,
};
use tokio::sync::{oneshot, watch};
use tower::ServiceExt;

struct Reading {
    policy: Arc<Policy>,
    phase: watch::Sender<Phase>,
    last: watch::Sender<u64>,
    /// Who looks at all leads now, and how many at most did at once.
    looking: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl Shell for Reading {
    fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    fn status(&self) -> Status {
        Status { phase: Phase::Running, watermark: Timestamp(0), held: Held::None, held_until: None }
    }

    fn last_notice(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn submit(&self, delivery: Delivery) -> Result<Pending, Unavailable> {
        let mut receipt = Receipt::default();
        let mut read = |index: u64, event: Result<event::Event<'_>, event::Rejection>| match event {
            Ok(_) => receipt.accepted += 1,
            Err(refused) => receipt.rejected.push(Refusal {
                index,
                id: None,
                reason: refused.reason.name(),
                detail: refused.detail,
            }),
        };
        match &delivery.parts {
            Parts::Structured(ranges) => {
                for (range, index) in ranges.iter().zip(0..) {
                    read(index, event::decode(&delivery.body[range.clone()]));
                }
            }
            Parts::Binary(headers) => {
                let header = |name: &str| headers.iter().find(|known| known.0 == name).map(|known| known.1.as_str());
                read(0, event::decode_binary_plain(&header, &delivery.body));
            }
            Parts::Unreadable(why) => read(0, Err(why.clone())),
        }
        let (answer, pending) = oneshot::channel();
        answer.send(Ok(receipt)).expect("nobody has dropped it");
        Ok(pending)
    }

    fn resubmit(&self, _: Vec<u64>) -> Result<Pending, Unavailable> {
        Err(Unavailable::Full)
    }

    fn observe(&self) {}

    fn policy(&self) -> Arc<Policy> {
        self.policy.clone()
    }

    fn adopt(&self, _: Arc<Policy>) -> Result<(), NotAdopted> {
        Ok(())
    }

    fn notices(&self, _: &NoticeQuery) -> Result<NoticePage, ReadFault> {
        Ok(NoticePage::default())
    }

    fn lead(&self, _: &str) -> Result<Option<LeadView>, ReadFault> {
        Ok(None)
    }

    fn clocks(&self, _: &ClockQuery) -> Result<ClockPage, ReadFault> {
        Ok(ClockPage { clocks: Vec::new(), next: None })
    }

    fn visit(&self, seer: &mut dyn SeeLeads) -> Result<(), ReadFault> {
        self.most.fetch_max(1 + self.looking.fetch_add(1, Relaxed), Relaxed);
        // Long enough for another to come, if it may.
        (0..2_000).for_each(|_| std::thread::yield_now());
        seer.begin(Whole::default());
        self.looking.fetch_sub(1, Relaxed);
        Ok(())
    }

    fn events(&self, after: u64, _: usize) -> Result<Vec<(u64, Vec<u8>)>, ReadFault> {
        Ok(vec![(after, b"{}".to_vec())])
    }

    fn dead_letters(&self, _: &DeadLetterQuery) -> Result<Vec<DeadLetter>, ReadFault> {
        Ok(Vec::new())
    }
}

pub fn routes(policy: Policy) -> Router {
    routes_and_most(policy).0
}

fn routes_and_most(policy: Policy) -> (Router, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let slas: Vec<String> = policy.families.iter().map(|family| family.name.clone()).collect();
    let metrics = Arc::new(Metrics::new(metric_words(&slas, &WordLists::default())).expect("metrics"));
    let shell = Reading {
        policy: Arc::new(policy),
        phase: watch::channel(Phase::Running).0,
        last: watch::channel(0).0,
        looking: AtomicUsize::new(0),
        most: most.clone(),
    };
    let settings =
        Http { bind: ([127, 0, 0, 1], 0).into(), tokens: Vec::new(), advertised: None, max_body_bytes: 32 << 10 };
    (api::router(Arc::new(Api::new(Arc::new(shell), metrics, &settings))), most)
}

/// `METHOD path`, then a header a line, an empty line, the body. What is no request at all is passed over.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(&bytes[..split]).ok()?, bytes[split + 2..].to_vec());
    let mut lines = head.split('\n');
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1");
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(Body::from(body)).ok()
}

/// To a body of 32 KiB, where each line of two bytes is refused with its reason.
const MAX_ANSWER: usize = 4 << 20;

/// Answers anything, and never with a fault of its own.
pub fn answers(runtime: &tokio::runtime::Runtime, routes: &Router, bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    runtime.block_on(async {
        let Ok(response) = routes.clone().oneshot(request).await;
        assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let endless = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        if !endless {
            to_bytes(response.into_body(), MAX_ANSWER).await.expect("an answer of bounded length");
        }
    });
}

/// Each has the state of all leads in memory.
#[test]
fn reports_are_made_one_after_the_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let (routes, most) = routes_and_most(crate::shipped());
    runtime.block_on(async {
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let request = Request::builder().uri("/v1/compliance").header(header::HOST, "127.0.0.1");
                tokio::spawn(routes.clone().oneshot(request.body(Body::empty()).expect("a request")))
            })
            .collect();
        for answer in asked {
            let Ok(response) = answer.await.expect("an answer");
            assert_eq!(response.status(), StatusCode::OK);
        }
    });
    assert_eq!(most.load(Relaxed), 1);
}
