//! What is answered where.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State as Held};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::admin::guard::{Rejection, Settings};
use crate::admin::page;
use crate::admin::subject::{Readiness, Subject};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whoever asks may ask for so much: a mail, with a policy beside it, each octet of which a form may write as three.
const FORM_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Explanations that are worked out at a time. They are for people; mail goes before.
const PONDERED_MAX: usize = 2;
const PONDER_WAIT: Duration = Duration::from_secs(5);

/// Where questions are put.
#[derive(Clone)]
pub(super) struct Desk {
    subject: Arc<dyn Subject>,
    settings: Arc<Settings>,
    pondering: Arc<Semaphore>,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("The relay is busy with other questions. Ask again in a moment.")]
pub(super) struct Busy;

impl Desk {
    pub(super) fn subject(&self) -> &dyn Subject {
        &*self.subject
    }

    /// Works out what takes a while where no mail waits for it.
    pub(super) async fn ponder<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Subject) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let waited = timeout(PONDER_WAIT, Arc::clone(&self.pondering).acquire_owned()).await;
        let place = waited.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let subject = Arc::clone(&self.subject);
        let answered = spawn_blocking(move || {
            let answer = question(&*subject);
            drop(place);
            answer
        });
        answered.await.map_err(|_| Busy)
    }
}

pub(super) fn routes(settings: Settings, subject: Arc<dyn Subject>) -> Router {
    let pondering = Arc::new(Semaphore::new(PONDERED_MAX));
    let desk = Desk { subject, settings: Arc::new(settings), pondering };
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .merge(page::routes())
        .layer(DefaultBodyLimit::max(FORM_OCTETS_MAX))
        .layer(middleware::from_fn_with_state(desk.clone(), admit));
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .merge(guarded)
        .layer(middleware::map_response(never_kept))
        .with_state(desk)
}

async fn admit(Held(desk): Held<Desk>, request: Request, next: Next) -> Response {
    match desk.settings.admits(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(Rejection::Token) => {
            let ask =
                [(WWW_AUTHENTICATE, "Basic realm=\"sesgate: any user name; the password is admin.token\"")];
            (StatusCode::UNAUTHORIZED, ask, "The token of `[admin] token` is needed.\n").into_response()
        }
        Err(Rejection::Host) => {
            let why = "Ask by address or as `localhost`: without a token no other name is answered to.\n";
            (StatusCode::MISDIRECTED_REQUEST, why).into_response()
        }
    }
}

async fn never_kept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

/// That this is answered at all is what it says.
async fn alive() -> &'static str {
    "alive\n"
}

/// Whoever may not see everything learns yes or no, and which checks fail.
async fn ready(Held(desk): Held<Desk>, uri: Uri, headers: HeaderMap) -> Response {
    let mut readiness = desk.subject.readiness();
    if desk.settings.admits(&uri, &headers).is_err() {
        readiness.checks.iter_mut().for_each(|check| check.detail.clear());
    }
    let status = match readiness {
        Readiness { ready: true, .. } => StatusCode::OK,
        Readiness { ready: false, .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(readiness)).into_response()
}

async fn metrics(Held(desk): Held<Desk>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], desk.subject.metrics()).into_response()
}
