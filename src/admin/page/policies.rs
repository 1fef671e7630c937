//! The policies in force: what each statement has decided, the source, and what is doubtful in it.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::admin::page::source::{SourceLine, lines};
use crate::admin::page::{Frame, Here, html, missing};
use crate::admin::routes::Desk;
use crate::admin::shown::{ShownDocument, ShownStatement};

#[derive(Template)]
#[template(path = "policies.html", config = "src/admin/askama.toml")]
struct Policies {
    frame: Frame,
    documents: Vec<ShownDocument>,
    hits: HashMap<String, u64>,
}

#[derive(Template)]
#[template(path = "policy.html", config = "src/admin/askama.toml")]
struct Policy {
    frame: Frame,
    document: ShownDocument,
    hits: HashMap<String, u64>,
}

pub(super) async fn list(State(desk): State<Desk>) -> Response {
    let (documents, hits) = (desk.subject().documents(), desk.subject().recent().hits());
    html(&Policies { frame: Frame::new(desk.subject(), Here::Policies), documents, hits })
}

pub(super) async fn show(State(desk): State<Desk>, Path(index): Path<usize>) -> Response {
    let Some(document) = desk.subject().documents().into_iter().nth(index) else {
        return missing(&desk, Here::Policies, "There are fewer documents.");
    };
    let hits = desk.subject().recent().hits();
    html(&Policy { frame: Frame::new(desk.subject(), Here::Policies), document, hits })
}

/// Of a line of a document.
pub fn address(document_index: usize, line: usize) -> String {
    format!("/policies/{document_index}#L{line}")
}

impl Policies {
    fn hits(&self, statement: &ShownStatement) -> u64 {
        self.hits.get(&statement.place).copied().unwrap_or_default()
    }
}

impl Policy {
    fn lines(&self) -> Vec<SourceLine> {
        lines(&self.document)
    }

    fn hits(&self, statement: &ShownStatement) -> u64 {
        self.hits.get(&statement.place).copied().unwrap_or_default()
    }
}
