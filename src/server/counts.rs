//! What is counted of connections, before and beside the mails that they bring.

use crate::server::handshake::HandshakeFailure;
use crate::smtp::{Limit, LoginOutcome, Reply};
use crate::telemetry::{Metrics, Tally, Word};

#[derive(Debug)]
pub(super) struct Counts {
    connections: Tally<1>,
    accept_errors: Tally<1>,
    limits_met: Tally<1>,
    handshakes_failed: Tally<2>,
    logins: Tally<1>,
    replies: Tally<1>,
    panics: Tally<0>,
}

impl Default for Counts {
    fn default() -> Self {
        let limits_met = Tally::new(["limit"]);
        // What never happened is 0, not absent.
        for limit in Limit::ALL {
            limits_met.add([limit.setting().into()], 0);
        }
        Self {
            connections: Tally::new(["listener"]),
            accept_errors: Tally::new(["listener"]),
            limits_met,
            handshakes_failed: Tally::new(["reason", "alert"]),
            logins: Tally::new(["outcome"]),
            replies: Tally::new(["code"]),
            panics: Tally::new([]),
        }
    }
}

impl Counts {
    pub(super) fn register(&self, metrics: &mut Metrics) {
        metrics.tally(
            "connections",
            "Connections accepted, those that were then turned away among them",
            &self.connections,
        );
        metrics.tally("accept_errors", "Connections that could not be accepted", &self.accept_errors);
        metrics.tally("limits_met", "Times that a client wanted more than a limit allows", &self.limits_met);
        metrics.tally("tls_handshakes_failed", "TLS handshakes that failed", &self.handshakes_failed);
        metrics.tally("logins", "Logins tried", &self.logins);
        metrics.tally("replies", "Replies said", &self.replies);
        metrics.tally("panics", "Sessions that panicked", &self.panics);
    }

    pub(super) fn connected(&self, listener: Word) {
        self.connections.count([listener]);
    }

    pub(super) fn not_accepted(&self, listener: Word) {
        self.accept_errors.count([listener]);
    }

    pub(super) fn met(&self, limit: Limit) {
        self.limits_met.count([limit.setting().into()]);
    }

    pub(super) fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshakes_failed.count([failure.word().into(), failure.alert().into()]);
    }

    pub(super) fn logged_in(&self, outcome: &LoginOutcome) {
        let word = match outcome {
            LoginOutcome::Proven { .. } => "accepted",
            LoginOutcome::Refused => "refused",
            LoginOutcome::LockedOut => "locked-out",
            LoginOutcome::Unchecked => "unchecked",
        };
        self.logins.count([word.into()]);
    }

    pub(super) fn said(&self, reply: &Reply) {
        self.replies.count([code(reply.code()).into()]);
        if let Some(limit) = reply.limit() {
            self.met(limit);
        }
    }

    /// Tells how many there were.
    pub(super) fn panicked(&self) -> u64 {
        self.panics.count([])
    }
}

/// The codes of the catalogue. SES may refuse a mail with another one.
fn code(code: u16) -> &'static str {
    match code {
        214 => "214",
        220 => "220",
        221 => "221",
        235 => "235",
        250 => "250",
        252 => "252",
        334 => "334",
        354 => "354",
        421 => "421",
        451 => "451",
        452 => "452",
        454 => "454",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        530 => "530",
        535 => "535",
        538 => "538",
        550 => "550",
        552 => "552",
        553 => "553",
        554 => "554",
        555 => "555",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::code;
    use crate::smtp::Reply;

    #[test]
    fn every_code_of_the_catalogue_is_counted_as_itself() {
        for reply in Reply::catalogue() {
            assert_eq!(code(reply.code()), reply.code().to_string());
        }
    }
}
