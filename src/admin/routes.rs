//! What is answered where.

use std::sync::Arc;

use axum::extract::{Request, State as Held};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::admin::guard::{Rejection, Settings};
use crate::admin::subject::{Readiness, Subject};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Desk {
    subject: Arc<dyn Subject>,
    settings: Arc<Settings>,
}

pub(super) fn routes(settings: Settings, subject: Arc<dyn Subject>) -> Router {
    let desk = Desk { subject, settings: Arc::new(settings) };
    let guarded = Router::new()
        .route("/metrics", get(metrics))
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
