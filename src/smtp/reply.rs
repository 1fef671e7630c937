//! The catalogue: every text that a client can hear, each once.
//!
//! What is fixed is a constant; what names something is a constructor. All that is put in from outside is made
//! printable ASCII and kept short, so that no reply is ever more than the one line it is meant to be: many
//! clients show only one line of several, and what we repeat must not become a line of its own.

mod login;
mod wire;

use std::borrow::Cow;
use std::fmt::Display;

use crate::smtp::Limit;

/// RFC 5321 section 4.5.3.1.5, CRLF included.
const LINE_OCTETS_MAX: usize = 512;
/// The code, the enhanced code at its longest, a space behind each, and the CRLF.
const TEXT_OCTETS_MAX: usize = LINE_OCTETS_MAX - "554 5.777.777 \r\n".len();
/// What one of several texts may take of a line.
const PART_OCTETS_MAX: usize = 128;
/// What is wrong with a header takes more words, and stands beside one short part.
const DEFECT_OCTETS_MAX: usize = 320;

/// One reply, after which the connection goes on or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Subject and detail (RFC 3463). The class is the first digit of the code, so that they cannot disagree.
    enhanced: Option<(u16, u16)>,
    text: Cow<'static, str>,
    /// The further lines of the one reply that has them, to EHLO.
    extensions: Vec<String>,
    then: Then,
    /// What the client wanted too much of, if that is why.
    limit: Option<Limit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
}

/// Replies of the dialogue.
impl Reply {
    pub const OK: Self = Self::fixed(250, 0, 0, "Ok");
    pub const SENDER_OK: Self = Self::fixed(250, 1, 0, "Ok");
    pub const RECIPIENT_OK: Self = Self::fixed(250, 1, 5, "Ok");
    pub const SEND_MESSAGE: Self =
        Self::fixed(354, 0, 0, "End data with <CR><LF>.<CR><LF>").without_enhanced_code();
    pub const HELP: Self = Self::fixed(
        214,
        0,
        0,
        "EHLO, MAIL FROM:<sender>, RCPT TO:<recipient>, DATA, QUIT; a refusal names its decision, and this relay's operator can tell by it what to change",
    );
    pub const NOT_VERIFIED: Self =
        Self::fixed(252, 5, 0, "Recipients cannot be verified; send the mail and its reply will tell");
    pub const READY_FOR_TLS: Self = Self::fixed(220, 0, 0, "Ready to start TLS");
    pub const BYE: Self = Self::last(221, 0, 0, "Bye");

    pub fn greeting(hostname: impl Display) -> Self {
        Self::line(220, 0, 0, format!("{hostname} ESMTP sesgate")).without_enhanced_code()
    }

    /// To HELO.
    pub fn hello(hostname: impl Display) -> Self {
        Self::line(250, 0, 0, format!("{hostname}")).without_enhanced_code()
    }

    /// To EHLO. Only what SES can do as well is offered, and what ends here.
    pub fn extensions(hostname: impl Display, message_octets_max: impl Display) -> Self {
        let extensions = vec![
            "PIPELINING".to_owned(),
            format!("SIZE {}", part(message_octets_max)),
            "8BITMIME".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
        ];
        Self { extensions, ..Self::hello(hostname) }
    }

    /// The reply to EHLO with one extension more.
    pub(super) fn offering(mut self, extension: &str) -> Self {
        self.extensions.push(extension.to_owned());
        self
    }
}

/// Faults: the client broke the protocol, or a limit of it.
impl Reply {
    pub const BARE_LINE_END: Self =
        Self::last(500, 5, 2, "Lines end with CR LF, never with one of them alone; closing connection");
    pub const CONTROL_OCTET: Self =
        Self::last(500, 5, 2, "Commands hold no control characters; closing connection");
    pub const OTHER_PROTOCOL: Self = Self::last(421, 7, 0, "This is an SMTP server; closing connection");
    pub const UNKNOWN_COMMAND: Self = Self::fixed(500, 5, 1, "Command not known; HELP lists those that are");
    pub const NOT_IMPLEMENTED: Self = Self::fixed(502, 5, 1, "Command not implemented");
    pub const UNKNOWN_PARAMETER: Self =
        Self::fixed(555, 5, 4, "Parameter not known; MAIL takes SIZE= and BODY=, RCPT takes none");
    pub const NOT_ASCII_PATH: Self = Self::fixed(
        553,
        6,
        7,
        "Addresses are ASCII, domains of other letters in their xn-- form; Amazon SES takes no SMTPUTF8",
    );
    pub const PARAMETER_VALUE: Self =
        Self::fixed(501, 5, 4, "A parameter is given once, and SIZE= takes a number of at most 20 digits");
    pub const NEED_HELLO: Self = Self::fixed(503, 5, 1, "Send EHLO first");
    pub const NEED_SENDER: Self = Self::fixed(503, 5, 1, "Send MAIL FROM first");
    pub const NEED_RECIPIENT: Self = Self::fixed(503, 5, 1, "No recipient was taken; send RCPT TO first");
    pub const SENDER_GIVEN: Self = Self::fixed(503, 5, 1, "The sender is given already; RSET begins anew");
    pub const NEED_TLS: Self = Self::fixed(530, 7, 0, "Must issue a STARTTLS command first");
    pub const WITHIN_TLS: Self = Self::fixed(503, 5, 1, "The connection is within TLS already");
    pub const TLS_WITHIN_TRANSACTION: Self =
        Self::fixed(503, 5, 1, "A mail is begun already; send STARTTLS before MAIL FROM");
    pub const OCTETS_BEHIND_STARTTLS: Self =
        Self::last(503, 5, 1, "Nothing may be sent behind STARTTLS before its reply; closing connection");
    pub const BARE_LF: Self = Self::fixed(554, 6, 0, "The message holds an LF without CR");
    pub const BARE_CR: Self = Self::fixed(554, 6, 0, "The message holds a CR without LF");
    pub const NUL: Self = Self::fixed(554, 6, 0, "The message holds a NUL octet");
    pub const OUT_OF_MEMORY: Self =
        Self::fixed(452, 3, 1, "No room for the message now; try again later").meeting(Limit::Messages);
    pub const TOO_MANY_ERRORS: Self =
        Self::last(421, 7, 0, "Too many errors; closing connection").meeting(Limit::Errors);
    pub const TOO_MANY_COMMANDS: Self =
        Self::last(421, 7, 0, "Too many commands; closing connection").meeting(Limit::Commands);
    pub const TOO_MANY_CONNECTIONS: Self =
        Self::last(421, 7, 0, "Too many connections; close some or try again later");
    pub const TOO_MANY_FROM_ADDRESS: Self =
        Self::last(421, 7, 0, "Too many connections from your address; close some or try again later");
    pub const NOT_A_LOAD_BALANCER: Self =
        Self::last(421, 7, 0, "This listener takes connections from its load balancers only");
    pub const NO_PROXY_HEADER: Self =
        Self::last(421, 7, 0, "The connection did not begin with a PROXY header that names the client");
    pub const TOO_SLOW: Self = Self::last(421, 4, 2, "The message came too slowly; closing connection");
    pub const IDLE: Self =
        Self::last(421, 4, 2, "Nothing came for too long, or the session took too long; closing connection");

    pub fn line_too_long(octets_max: impl Display) -> Self {
        Self::line(500, 5, 2, format!("Line longer than {octets_max} octets; closing connection"))
            .closing()
            .meeting(Limit::Line)
    }

    pub fn syntax(usage: impl Display) -> Self {
        Self::line(501, 5, 4, format!("Syntax: {usage}"))
    }

    pub fn sender_not_taken(error: impl Display) -> Self {
        Self::line(553, 1, 7, format!("Sender not taken: {error}"))
    }

    pub fn recipient_not_taken(error: impl Display) -> Self {
        Self::line(553, 1, 3, format!("Recipient not taken: {error}"))
    }

    /// More than one transaction gathers. RFC 5321 section 4.5.3.1.10: 452, and the others are kept.
    pub fn recipients_full(recipients_max: impl Display) -> Self {
        Self::line(452, 5, 3, format!("More than {recipients_max} recipients in one transaction"))
            .meeting(Limit::Recipients)
    }

    pub fn header_too_long(octets_max: impl Display) -> Self {
        Self::line(552, 3, 4, format!("The header is longer than {octets_max} octets")).meeting(Limit::Header)
    }

    /// As announced by SIZE= or as received.
    pub fn message_too_long(octets_max: impl Display) -> Self {
        Self::line(552, 3, 4, format!("The message is longer than {octets_max} octets"))
            .meeting(Limit::Message)
    }

    pub fn endless_message(octets_max: impl Display) -> Self {
        let text = format!("The message is far longer than {octets_max} octets; closing connection");
        Self::line(552, 3, 4, text).closing().meeting(Limit::Message)
    }

    /// The message cannot be judged: two readers might read it differently.
    pub fn defective_message(defect: impl Display, decision: impl Display) -> Self {
        let (defect, decision) = (clean(defect.to_string(), DEFECT_OCTETS_MAX), part(decision));
        Self::line(554, 6, 0, format!("Message not taken: {defect} (decision {decision})"))
    }
}

/// Refusals: policy says no, for the whole mail, at the end of DATA.
impl Reply {
    /// SES cannot take it, and no address stands in for it.
    pub fn null_sender(decision: impl Display) -> Self {
        let decision = part(decision);
        let text = format!(
            "Amazon SES takes no mail from the null sender <>; give a sender address (decision {decision})"
        );
        Self::line(554, 1, 0, text)
    }

    /// A statement denies. It is named by its Sid or place, never quoted.
    pub fn denied(statement: impl Display, decision: impl Display) -> Self {
        let (statement, decision) = (part(statement), part(decision));
        Self::line(554, 7, 1, format!("Denied by policy: statement {statement} (decision {decision})"))
    }

    pub fn not_allowed(decision: impl Display) -> Self {
        let decision = part(decision);
        Self::line(
            554,
            7,
            1,
            format!("Denied by policy: no statement allows this mail (decision {decision})"),
        )
    }

    /// In the words of SES, which applications know. The region is in upper case there.
    pub fn identity_not_verified(
        region: impl Display,
        identities: impl Display,
        decision: impl Display,
    ) -> Self {
        let (region, identities, decision) =
            (part(region).to_ascii_uppercase(), part(identities), part(decision));
        let failed = format!("The following identities failed the check in region {region}: {identities}");
        let text = format!("Message rejected: Email address is not verified. {failed} (decision {decision})");
        Self::line(554, 7, 1, text)
    }

    /// More than SES takes.
    pub fn too_many_recipients(recipients_max: impl Display, decision: impl Display) -> Self {
        let decision = part(decision);
        let text = format!(
            "More than {recipients_max} recipients; Amazon SES takes no more in one mail (decision {decision})"
        );
        Self::line(554, 5, 3, text)
    }
}

/// What became of a delivery, and failures: the relay or SES cannot. Of a mail that was judged, each names the
/// decision ([`Reply::naming`]).
impl Reply {
    pub const SES_UNREACHABLE: Self =
        Self::fixed(451, 4, 1, "Amazon SES cannot be reached; nothing was sent, try again later");
    pub const SES_RATE_EXCEEDED: Self =
        Self::fixed(451, 7, 1, "Amazon SES takes no more mail at this rate; try again in a minute");
    pub const SES_QUOTA_EXCEEDED: Self =
        Self::fixed(451, 7, 1, "The daily quota of Amazon SES is used up; try again in some hours");
    pub const SES_TROUBLE: Self =
        Self::fixed(451, 3, 0, "Amazon SES is in trouble; nothing was sent, try again later");
    pub const BUSY: Self =
        Self::fixed(451, 3, 2, "Too many mails are on their way; nothing was sent, try again later");
    /// The account's or the credentials' trouble is the operator's business: clients hear nothing of it.
    pub const CANNOT_SEND: Self =
        Self::fixed(451, 3, 0, "The relay cannot send mail at present; nothing was sent, try again later");
    /// The connection broke between the final dot and the answer (RFC 1047).
    pub const IN_DOUBT: Self = Self::fixed(
        451,
        4,
        2,
        "Amazon SES may or may not have taken the mail; sending again may deliver it twice",
    );
    pub const INTERNAL_ERROR: Self = Self::last(421, 3, 0, "Internal error of the relay; closing connection");
    pub const SHUTTING_DOWN: Self = Self::last(421, 3, 2, "The relay is shutting down; connect again");
    pub const WITHDRAWN: Self = Self::last(421, 3, 2, "The relay was configured anew; connect again");
    /// There was no time to wait for SES's answer.
    pub const SHUTTING_DOWN_IN_DOUBT: Self = Self::last(
        421,
        3,
        2,
        "The relay is shutting down; the mail may or may not have been sent, and sending again may deliver it twice",
    );

    /// What its operator lets an app send in a day is used up.
    pub fn over_budget(recipients_per_day: impl Display, wait: impl Display) -> Self {
        let text = format!(
            "The application may write to {recipients_per_day} recipients a day and has; nothing was sent, try again \
             in {wait}"
        );
        Self::line(451, 7, 1, text).meeting(Limit::AppRecipients)
    }

    /// The same mail again, of which nobody knows whether SES took it by an earlier decision.
    pub fn still_in_doubt(earlier: impl Display, wait_seconds: impl Display) -> Self {
        let text = format!(
            "Amazon SES may have taken this mail already (decision {earlier}); it is held back for {wait_seconds} s \
             more, and sent again after that it may be delivered twice"
        );
        Self::line(451, 4, 2, text)
    }

    /// The same with the id by which the mail is found in the audit log.
    #[must_use]
    pub fn naming(self, decision: impl Display) -> Self {
        let text = format!("{} (decision {})", self.text, part(decision));
        Self { text: Cow::Owned(clean(text, TEXT_OCTETS_MAX)), ..self }
    }

    /// SES has taken the mail. Its message id stands where SES puts it.
    pub fn accepted(message_id: impl Display) -> Self {
        Self::line(250, 0, 0, format!("Ok {message_id}"))
    }

    /// SES refused the mail for good: its code (500 to 599, else 554), subject and detail of its enhanced code,
    /// which it has only now and then, and its words. The caller has seen to it that they give nothing away.
    pub fn refused_by_ses(code: u16, enhanced: Option<(u16, u16)>, text: &str) -> Self {
        let code = if (500..600).contains(&code) { code } else { 554 };
        let (subject, detail) = enhanced.unwrap_or((0, 0));
        Self::line(code, subject, detail, text.to_owned())
    }
}

impl Reply {
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the connection ends after this reply.
    pub fn is_last(&self) -> bool {
        self.then == Then::Close
    }

    /// The limit that the client has met, if that is why.
    pub fn limit(&self) -> Option<Limit> {
        self.limit
    }

    const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        let enhanced = Some((subject, detail));
        Self {
            code,
            enhanced,
            text: Cow::Borrowed(text),
            extensions: Vec::new(),
            then: Then::GoOn,
            limit: None,
        }
    }

    const fn last(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Self::fixed(code, subject, detail, text).closing()
    }

    fn line(code: u16, subject: u16, detail: u16, text: String) -> Self {
        Self { text: Cow::Owned(clean(text, TEXT_OCTETS_MAX)), ..Self::fixed(code, subject, detail, "") }
    }

    /// RFC 2034 section 4: not to greeting, EHLO and HELO, and not with 3xx.
    const fn without_enhanced_code(mut self) -> Self {
        self.enhanced = None;
        self
    }

    #[must_use]
    pub const fn meeting(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    const fn closing(mut self) -> Self {
        self.then = Then::Close;
        self
    }
}

/// Printable ASCII only, and not too much of it.
fn clean(text: String, octets_max: usize) -> String {
    if text.len() <= octets_max && text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return text;
    }
    let printable = text.chars().map(|char| if matches!(char, ' '..='~') { char } else { '?' });
    match text.chars().nth(octets_max) {
        None => printable.collect(),
        Some(_) => printable.take(octets_max.saturating_sub(3)).chain("...".chars()).collect(),
    }
}

fn part(text: impl Display) -> String {
    clean(text.to_string(), PART_OCTETS_MAX)
}
