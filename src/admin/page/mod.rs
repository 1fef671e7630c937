//! The page: what happens, why, and what would happen, for people. HTML is made here, with everything in it that a
//! browser needs; nothing is fetched from anywhere, and all of it can be read without a script.
//!
//! Nothing can be changed from here. Whatever a mail says of itself is escaped where it is put in (askama escapes all
//! that is not marked `safe`, which only the page's own style and script are), and if something slipped through, the
//! Content-Security-Policy lets nothing run but that one script.

mod decision;
mod decisions;
mod mails;
mod overview;
mod playground;
mod policies;
mod row;
mod source;

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::admin::routes::Desk;
use crate::admin::shown::{Notice, Weight};
use crate::admin::subject::Subject;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The one style and the one script may be used, our own addresses asked, and our own forms sent; nothing else.
static SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT),
    )
});

/// What surrounds every page.
struct Frame {
    here: Here,
    is_ready: bool,
    /// Where SES is.
    place: String,
    notices: Vec<Notice>,
    has_mails: bool,
    style: &'static str,
    script: &'static str,
}

/// The pages that are always a step away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    Overview,
    Decisions,
    Playground,
    Policies,
    Mails,
}

#[derive(Template)]
#[template(path = "missing.html", config = "src/admin/askama.toml")]
struct Missing {
    frame: Frame,
    what: String,
}

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/", get(overview::show))
        .route("/decisions", get(decisions::show))
        .route("/decisions/{id}", get(decision::show))
        .route("/playground", get(playground::show).post(playground::try_out))
        .route("/policies", get(policies::list))
        .route("/policies/{index}", get(policies::show))
        .route("/mails", get(mails::list))
        .route("/mails/{id}", get(mails::show))
        .fallback(nothing_here)
        .layer(middleware::map_response(protected))
}

async fn nothing_here(State(desk): State<Desk>) -> Response {
    missing(&desk, Here::Overview, "There is no such page.")
}

fn missing(desk: &Desk, here: Here, what: &str) -> Response {
    let page = Missing { frame: Frame::new(desk.subject(), here), what: what.to_owned() };
    (StatusCode::NOT_FOUND, html(&page)).into_response()
}

/// Header fields that keep a browser from doing with a page what it is not for.
async fn protected(mut response: Response) -> Response {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(CONTENT_SECURITY_POLICY, &SECURITY_POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`, by which our own form would come with `Origin: null`, as if from anywhere.
    set(REFERRER_POLICY, "same-origin");
    response
}

fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Notice {
    fn is_alarming(&self) -> bool {
        self.weight == Weight::Alarming
    }
}

impl Frame {
    fn new(subject: &dyn Subject, here: Here) -> Self {
        let notices = subject.notices();
        let has_mails = subject.mails().is_some();
        let (is_ready, place) = (subject.readiness().ready, subject.setting().place);
        Self { here, is_ready, place, notices, has_mails, style: STYLE, script: SCRIPT }
    }

    /// The pages: address, name, and whether it is this one.
    fn pages(&self) -> Vec<(&'static str, &'static str, bool)> {
        let all = [
            (Here::Overview, "/", "Overview"),
            (Here::Decisions, "/decisions", "Decisions"),
            (Here::Playground, "/playground", "Playground"),
            (Here::Policies, "/policies", "Policies"),
            (Here::Mails, "/mails", "Mails taken"),
        ];
        let shown = all.into_iter().filter(|(page, ..)| *page != Here::Mails || self.has_mails);
        shown.map(|(page, address, name)| (address, name, page == self.here)).collect()
    }
}
