//! The mails that a stand-in for SES took, as whoever receives them would have them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::admin::page::row::clock;
use crate::admin::page::{Frame, Here, html, missing};
use crate::admin::routes::Desk;
use crate::admin::shown::{self, TakenMail, WholeMail};

const MAILS_SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "mails.html", config = "src/admin/askama.toml")]
struct List {
    frame: Frame,
    taken: Vec<TakenMail>,
    kept: usize,
}

#[derive(Template)]
#[template(path = "mail.html", config = "src/admin/askama.toml")]
struct Mail {
    frame: Frame,
    mail: WholeMail,
}

const NO_STAND_IN: &str = "Mail goes to Amazon SES itself; only the sandbox keeps what it takes.";

pub(super) async fn list(State(desk): State<Desk>) -> Response {
    let Some(mails) = desk.subject().mails().map(shown::Mails::newest) else {
        return missing(&desk, Here::Mails, NO_STAND_IN);
    };
    let kept = mails.len();
    let taken = mails.into_iter().take(MAILS_SHOWN).collect();
    html(&List { frame: Frame::new(desk.subject(), Here::Mails), taken, kept })
}

pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    if desk.subject().mails().is_none() {
        return missing(&desk, Here::Mails, NO_STAND_IN);
    }
    match desk.ponder(move |subject| subject.mails().and_then(|mails| mails.find(&id))).await {
        Ok(Some(mail)) => html(&Mail { frame: Frame::new(desk.subject(), Here::Mails), mail }),
        Ok(None) => missing(&desk, Here::Mails, "The stand-in has no such mail, or no more."),
        Err(busy) => missing(&desk, Here::Mails, &busy.to_string()),
    }
}

impl TakenMail {
    fn clock(&self) -> &str {
        clock(&self.time)
    }
}
