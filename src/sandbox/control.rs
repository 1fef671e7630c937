//! The stand-in from outside, over HTTP: what it was sent, as JSON or octet for octet, and how difficult it is to be.
//! For the tests of applications, in whatever language. `config/SANDBOX.md` has the routes.
//!
//! It asks nobody who they are, so it shows what tests sent and nothing else. A page in a browser can reach it no more
//! than a browser lets it reach other sites: see [`let_through`].

mod knobs;
mod mails;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use crate::sandbox::doors::{Doors, ListenError};
use crate::sandbox::fault_syntax::{FaultSyntaxError, parse_duration};
use crate::sandbox::faults::Fault;
use crate::sandbox::settings::Login;
use crate::secret::Secret;

/// The interface while it is there. Dropped, it ends.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    _stop_when_dropped: DropGuard,
}

impl Control {
    pub async fn start(address: SocketAddr, doors: Arc<Doors>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                served = axum::serve(listener, router(doors)).into_future() => {
                    debug!(?served, "the control interface ended");
                }
            }
        });
        Ok(Self { address, _stop_when_dropped: stop.drop_guard() })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn router(doors: Arc<Doors>) -> Router {
    Router::new()
        .route("/mails", get(mails::list).delete(mails::forget))
        .route("/mails/{message_id}", get(mails::show))
        .route("/mails/{message_id}/message", get(mails::message))
        .route("/mails/{message_id}/delivered", get(mails::as_delivered))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/answers", get(answers))
        .route("/settings", get(settings).patch(change_settings))
        .route("/logins", get(logins).post(add_login))
        .route("/logins/{user_name}", delete(remove_login))
        .route("/connections", delete(drop_connections))
        .route("/restart", post(restart))
        .layer(middleware::from_fn(let_through))
        .with_state(doors)
}

/// A browser names the page's site in Origin when a page writes, and in Host when a name of its own was made to
/// point here (DNS rebinding). What tests use sends no Origin, and is told an address or a name without a dot.
async fn let_through(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) || !is_near(headers) {
        return (StatusCode::FORBIDDEN, "not for pages in a browser\n").into_response();
    }
    next.run(request).await
}

fn is_near(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let is_address = host.parse::<SocketAddr>().is_ok()
        || host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    is_address || !host.contains('.')
}

/// Why a request cannot be met.
#[derive(Debug)]
struct Unfit(StatusCode, String);

impl From<FaultSyntaxError> for Unfit {
    fn from(error: FaultSyntaxError) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<serde_json::Error> for Unfit {
    fn from(error: serde_json::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Unfit {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}

#[derive(Serialize)]
struct FaultShown {
    fault: String,
    struck: u64,
}

async fn faults(State(doors): State<Arc<Doors>>) -> Json<Vec<FaultShown>> {
    let struck = doors.service().faults.struck().into_iter();
    Json(struck.map(|(fault, struck)| FaultShown { fault: fault.to_string(), struck }).collect())
}

/// One a line: all or none.
async fn add_faults(State(doors): State<Arc<Doors>>, texts: String) -> Result<StatusCode, Unfit> {
    let faults = texts.lines().map(str::trim).filter(|line| !line.is_empty());
    let faults: Result<Vec<Fault>, _> = faults.map(str::parse).collect();
    for fault in faults? {
        doors.service().faults.add(fault);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(doors): State<Arc<Doors>>) -> StatusCode {
    doors.service().faults.clear();
    StatusCode::NO_CONTENT
}

/// What was said that was negative, and how often.
async fn answers(State(doors): State<Arc<Doors>>) -> Json<BTreeMap<String, u64>> {
    Json(doors.service().tally.answers())
}

async fn settings(State(doors): State<Arc<Doors>>) -> Json<Value> {
    Json(knobs::show(&doors.service().settings()))
}

/// What is named is changed, as RFC 7396 merges.
async fn change_settings(State(doors): State<Arc<Doors>>, patch: String) -> Result<Json<Value>, Unfit> {
    // Whatever it says it is: curl says that it is a form.
    let patch = serde_json::from_str(&patch)?;
    let service = doors.service();
    service.change_settings(|settings| knobs::change(settings, patch))?;
    Ok(Json(knobs::show(&service.settings())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLogin {
    user_name: String,
    password: String,
}

async fn logins(State(doors): State<Arc<Doors>>) -> Json<Vec<String>> {
    Json(doors.service().logins.user_names())
}

async fn add_login(State(doors): State<Arc<Doors>>, login: String) -> Result<StatusCode, Unfit> {
    let NewLogin { user_name, password } = serde_json::from_str(&login)?;
    doors.service().add_login(Login { user_name, password: Secret::new(password) });
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_login(State(doors): State<Arc<Doors>>, Path(user_name): Path<String>) -> StatusCode {
    doors.service().logins.remove(&user_name);
    StatusCode::NO_CONTENT
}

async fn drop_connections(State(doors): State<Arc<Doors>>) -> StatusCode {
    doors.service().drop_connections();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Absence {
    away: Option<String>,
}

async fn restart(
    State(doors): State<Arc<Doors>>,
    Query(absence): Query<Absence>,
) -> Result<StatusCode, Unfit> {
    let away = absence.away.as_deref().map_or(Ok(Duration::ZERO), parse_duration)?;
    // Whoever asks and goes must not leave it closed.
    let restarting = tokio::spawn(async move { doors.restart(away).await });
    match restarting.await {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(error)) => Err(Unfit(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(error) => Err(Unfit(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
