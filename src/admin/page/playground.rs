//! What would happen to a mail that nobody has sent, and what would happen to it by other policies.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::admin::guard::is_from_elsewhere;
use crate::admin::page::source::Told;
use crate::admin::page::{Frame, Here, html};
use crate::admin::routes::Desk;
use crate::admin::shown::{Attempt, Setting, ShownDocument, Tried, effect_tone, effect_word};

/// What is typed; a field that is not there is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    from: String,
    to: String,
    cc: String,
    bcc: String,
    mail_from: String,
    client: String,
    listener: String,
    app: String,
    message: String,
    candidate: String,
    replaces: String,
}

#[derive(Template)]
#[template(path = "playground.html", config = "src/admin/askama.toml")]
struct Playground {
    frame: Frame,
    setting: Setting,
    documents: Vec<ShownDocument>,
    typed: Attempt,
    came: Came,
}

/// What came of it.
enum Came {
    Nothing,
    Trouble(String),
    Sides(Vec<Side>),
}

/// What one set of policies says.
struct Side {
    title: String,
    told: Option<Told>,
    document: Option<ShownDocument>,
}

pub(super) async fn show(State(desk): State<Desk>, Query(typed): Query<Typed>) -> Response {
    let mut typed = Attempt::from(typed);
    if typed.from.is_empty() && typed.to.is_empty() && typed.message.is_empty() {
        let from = desk.subject().setting().sender;
        typed = Attempt { from, to: "bob@example.com".to_owned(), ..typed };
    }
    page(&desk, typed, Came::Nothing)
}

pub(super) async fn try_out(
    State(desk): State<Desk>,
    headers: HeaderMap,
    typed: Result<Form<Typed>, FormRejection>,
) -> Response {
    if is_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "The playground answers to its own form only.\n").into_response();
    }
    let typed = match typed {
        Ok(Form(typed)) => Attempt::from(typed),
        Err(rejection) => {
            let mut response = page(&desk, Attempt::default(), Came::Trouble(rejection.body_text()));
            *response.status_mut() = rejection.status();
            return response;
        }
    };
    let attempt = typed.clone();
    let tried = desk.ponder(move |subject| (subject.try_out(&attempt), subject.documents())).await;
    let came = match tried {
        Ok((Ok(tried), documents)) => Came::Sides(sides(tried, &documents)),
        Ok((Err(trouble), _)) => Came::Trouble(trouble),
        Err(busy) => Came::Trouble(busy.to_string()),
    };
    page(&desk, typed, came)
}

fn page(desk: &Desk, typed: Attempt, came: Came) -> Response {
    let (setting, documents) = (desk.subject().setting(), desk.subject().documents());
    let frame = Frame::new(desk.subject(), Here::Playground);
    html(&Playground { frame, setting, documents, typed, came })
}

fn sides(tried: Tried, documents: &[ShownDocument]) -> Vec<Side> {
    let now = Side {
        title: "By the policies in force".to_owned(),
        told: Some(Told::new(tried.now, documents, None)),
        document: None,
    };
    let then = tried.then.map(|candidate| Side {
        title: "With the candidate".to_owned(),
        told: candidate.explanation.map(|told| Told::new(told, documents, Some(&candidate.document))),
        document: Some(candidate.document),
    });
    [Some(now), then].into_iter().flatten().collect()
}

impl From<Typed> for Attempt {
    fn from(typed: Typed) -> Self {
        let Typed { from, to, cc, bcc, mail_from, client, listener, app, message, candidate, replaces } =
            typed;
        Self { from, to, cc, bcc, mail_from, client, listener, app, message, candidate, replaces }
    }
}

impl Side {
    fn tone(&self) -> &'static str {
        self.told.as_ref().map_or("doubt", |told| effect_tone(told.explanation.effect))
    }

    fn word(&self) -> &'static str {
        self.told.as_ref().map_or("cannot be used", |told| effect_word(told.explanation.effect))
    }
}
