//! What was accepted: listed, picked, waited for, and as it came.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::sandbox::control::Unfit;
use crate::sandbox::delivered::delivered;
use crate::sandbox::doors::Doors;
use crate::sandbox::fault_syntax::parse_duration;
use crate::sandbox::header::Header;
use crate::sandbox::mailbox::{Mail, Mailbox};

/// Those who wait longer ask again.
const WITHIN_MAX: Duration = Duration::from_mins(5);

/// Which mails are asked for: those that meet all that is given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// MAIL FROM, whatever its case.
    sender: Option<String>,
    /// One of RCPT TO, whatever its case.
    recipient: Option<String>,
    /// A part of the subject.
    subject: Option<String>,
    at_least: Option<usize>,
    /// How long so many are waited for.
    within: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Shown {
    message_id: String,
    accepted_at: Option<String>,
    sender: String,
    recipients: Vec<String>,
    from: String,
    subject: String,
    /// Name and value, unfolded, in order.
    header: Vec<(String, String)>,
    /// Those that steer SES.
    ses_fields: Vec<(String, String)>,
    octets: usize,
    session: String,
    client_name: String,
}

/// Oldest first. If there are to be more than there are in time, the answer is 404, and lists those that there are.
pub async fn list(
    State(doors): State<Arc<Doors>>,
    Query(wanted): Query<Wanted>,
) -> Result<(StatusCode, Json<Vec<Shown>>), Unfit> {
    let within = wanted.within.as_deref().map_or(Ok(Duration::ZERO), parse_duration)?;
    let mailbox = &doors.service().mailbox;
    let at_least = wanted.at_least.unwrap_or_default();
    let mut accepted = mailbox.count();
    let enough = async {
        while wanted.among(mailbox).len() < at_least {
            if accepted.changed().await.is_err() {
                return;
            }
        }
    };
    // Either way the answer is what there is then.
    let _ = timeout(within.min(WITHIN_MAX), enough).await;
    let found = wanted.among(mailbox);
    let status = if found.len() < at_least { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok((status, Json(found.iter().map(|mail| Shown::new(mail)).collect())))
}

pub async fn forget(State(doors): State<Arc<Doors>>) -> StatusCode {
    doors.service().mailbox.clear();
    StatusCode::NO_CONTENT
}

pub async fn show(
    State(doors): State<Arc<Doors>>,
    Path(message_id): Path<String>,
) -> Result<Json<Shown>, Unfit> {
    find(&doors, &message_id).map(|mail| Json(Shown::new(&mail)))
}

/// Octet for octet, dots unstuffed.
pub async fn message(
    State(doors): State<Arc<Doors>>,
    Path(message_id): Path<String>,
) -> Result<impl IntoResponse, Unfit> {
    let mail = find(&doors, &message_id)?;
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], mail.octets.clone()))
}

/// As its recipients get it.
pub async fn as_delivered(
    State(doors): State<Arc<Doors>>,
    Path(message_id): Path<String>,
) -> Result<impl IntoResponse, Unfit> {
    let mail = find(&doors, &message_id)?;
    let octets = delivered(&mail, &doors.service().settings().region);
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], octets))
}

fn find(doors: &Doors, message_id: &str) -> Result<Arc<Mail>, Unfit> {
    let mails = doors.service().mailbox.mails();
    let mail = mails.into_iter().find(|mail| mail.summary.message_id == message_id);
    mail.ok_or_else(|| Unfit(StatusCode::NOT_FOUND, format!("no mail `{message_id}` is kept")))
}

impl Wanted {
    fn among(&self, mailbox: &Mailbox) -> Vec<Arc<Mail>> {
        let mut mails = mailbox.mails();
        mails.retain(|mail| self.fits(mail));
        mails
    }

    fn fits(&self, mail: &Mail) -> bool {
        let is = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
        let summary = &mail.summary;
        is(&self.sender, &|sender| summary.sender.eq_ignore_ascii_case(sender))
            && is(&self.recipient, &|recipient| {
                summary.recipients.iter().any(|other| other.eq_ignore_ascii_case(recipient))
            })
            && is(&self.subject, &|part| summary.subject.contains(part))
    }
}

impl Shown {
    fn new(mail: &Mail) -> Self {
        let Mail { summary, octets, ses_fields, session_token, client_name } = mail;
        let header = Header::read(octets).unwrap_or_default();
        Self {
            message_id: summary.message_id.clone(),
            accepted_at: Timestamp::try_from(summary.accepted_at).ok().map(|time| format!("{time:.3}")),
            sender: summary.sender.clone(),
            recipients: summary.recipients.clone(),
            from: summary.from.clone(),
            subject: summary.subject.clone(),
            header: header.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ses_fields: ses_fields.clone(),
            octets: summary.octets,
            session: session_token.clone(),
            client_name: client_name.clone(),
        }
    }
}
