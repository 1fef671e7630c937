//! What SES looks at after the final dot, and in which order.

use std::time::Instant;

use crate::sandbox::answer::{HeaderFault, Rejection};
use crate::sandbox::header::Header;
use crate::sandbox::machine::Transaction;
use crate::sandbox::quota::{Daily, Rate};
use crate::sandbox::settings::{Reach, Sending, Settings};

/// To, Cc and Bcc together, that is: the envelope. No quota raises it.
const RECIPIENTS_MAX: usize = 50;
/// SES cuts a long list of unverified identities short with three dots.
const IDENTITIES_LETTERS_MAX: usize = 400;

/// Those of SES's mailbox simulator, which any account may send to and which cost nothing of the day's quota.
const SIMULATOR_DOMAIN: &str = "simulator.amazonses.com";
const SIMULATOR_NAMES: &[&str] = &["success", "bounce", "ooto", "complaint", "suppressionlist"];

/// What the AWS account has sent.
#[derive(Debug)]
pub struct Account {
    rate: Rate,
    daily: Daily,
}

/// A mail that nobody has judged yet.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub transaction: &'a Transaction,
    pub header: &'a Result<Header, HeaderFault>,
    pub octets: usize,
    /// What the account may send, and how much.
    pub settings: &'a Settings,
    pub now: Instant,
}

type Check = fn(&mut Account, Candidate<'_>) -> Result<(), Rejection>;

/// SES's own order is not known; this one answers first for what a mail is, then for who sends it, then for how
/// much.
const CHECKS: &[Check] =
    &[size, recipient_count, header, access, identities, sending, daily_quota, sending_rate];

impl Account {
    pub fn new(settings: &Settings, now: Instant) -> Self {
        Self { rate: Rate::new(settings.recipients_per_second_max, now), daily: Daily::default() }
    }

    /// Only a mail that passes every check costs anything.
    pub fn judge(&mut self, mail: Candidate<'_>) -> Result<(), Rejection> {
        for check in CHECKS {
            check(self, mail)?;
        }
        self.rate.spend(mail.transaction.recipients.len());
        self.daily.spend(counted_recipients(mail), mail.now);
        Ok(())
    }
}

fn size(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    if mail.octets > mail.settings.message_octets_max { Err(Rejection::TooLong) } else { Ok(()) }
}

fn recipient_count(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    let recipients = mail.transaction.recipients.len();
    if recipients > RECIPIENTS_MAX { Err(Rejection::TooManyRecipients) } else { Ok(()) }
}

fn header(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    readable(mail)?.check().map_err(Rejection::Header)
}

/// The login's IAM policy, as far as it is about identities.
fn access(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    let Some(allowed) = &mail.settings.identities_allowed else {
        return Ok(());
    };
    let Settings { region, account_id, .. } = mail.settings;
    for claim in claims(mail)? {
        let identity = identity_of(&mail.settings.identities, &claim.address);
        if let Some(identity) = identity.filter(|identity| !allowed.iter().any(|other| other == identity)) {
            return Err(Rejection::AccessDenied {
                user: format!("arn:aws:iam::{account_id}:user/ses-smtp-user"),
                resource: format!("arn:aws:ses:{region}:{account_id}:identity/{identity}"),
            });
        }
    }
    Ok(())
}

fn identities(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    let mut failed = claims(mail)?;
    if mail.settings.reach == Reach::VerifiedRecipients {
        let real = mail.transaction.recipients.iter().filter(|recipient| !is_simulated(recipient));
        failed.extend(real.map(|recipient| Claim { text: recipient.clone(), address: recipient.clone() }));
    }
    failed.retain(|claim| identity_of(&mail.settings.identities, &claim.address).is_none());
    if failed.is_empty() {
        return Ok(());
    }
    let mut listed: Vec<String> = Vec::new();
    for text in failed.into_iter().flat_map(|claim| [claim.text, claim.address]) {
        if !listed.contains(&text) {
            listed.push(text);
        }
    }
    let mut identities = listed.join(", ");
    if let Some((cut, _)) = identities.char_indices().nth(IDENTITIES_LETTERS_MAX) {
        identities.truncate(cut);
        identities.push_str("...");
    }
    let region = mail.settings.region.to_ascii_uppercase();
    Err(Rejection::NotVerified { region, identities })
}

fn sending(_: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    match mail.settings.sending {
        Sending::Enabled => Ok(()),
        Sending::Suspended => Err(Rejection::Suspended),
    }
}

fn daily_quota(account: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    let has_room =
        account.daily.has_room(counted_recipients(mail), mail.settings.recipients_per_day_max, mail.now);
    if has_room { Ok(()) } else { Err(Rejection::DailyQuota) }
}

fn sending_rate(account: &mut Account, mail: Candidate<'_>) -> Result<(), Rejection> {
    if account.rate.has_room(mail.settings.recipients_per_second_max, mail.now) {
        Ok(())
    } else {
        Err(Rejection::SendingRate)
    }
}

fn readable(mail: Candidate<'_>) -> Result<&Header, Rejection> {
    mail.header.as_ref().map_err(|fault| Rejection::Header(fault.clone()))
}

/// Those that SES counts against the day's quota.
fn counted_recipients(mail: Candidate<'_>) -> usize {
    mail.transaction.recipients.iter().filter(|recipient| !is_simulated(recipient)).count()
}

/// `bounce@simulator.amazonses.com`, also with a label: `bounce+order17@…`.
fn is_simulated(recipient: &str) -> bool {
    let Some((local, domain)) = recipient.rsplit_once('@') else {
        return false;
    };
    let name = local.split_once('+').map_or(local, |(name, _)| name);
    domain.eq_ignore_ascii_case(SIMULATOR_DOMAIN)
        && SIMULATOR_NAMES.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// An address that must be verified: the mail says it is from there.
struct Claim {
    /// As the mail writes it, with the display name.
    text: String,
    address: String,
}

fn claims(mail: Candidate<'_>) -> Result<Vec<Claim>, Rejection> {
    let header = readable(mail)?;
    let mut claims = Vec::new();
    for name in ["From", "Sender", "Return-Path"] {
        let text = header.all(name).next().unwrap_or_default();
        let addresses = header.addresses(name).map_err(Rejection::Header)?;
        claims.extend(addresses.into_iter().map(|address| Claim { text: one_line(text), address }));
    }
    let sender = mail.transaction.sender.clone();
    claims.push(Claim { text: sender.clone(), address: sender });
    Ok(claims)
}

/// What a mail says must not make two lines of an answer.
fn one_line(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}

/// The verified identity that covers an address: itself, its domain, or the nearest parent of its domain.
fn identity_of<'a>(identities: &'a [String], address: &str) -> Option<&'a str> {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let parents = std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, rest)| rest));
    std::iter::once(address)
        .chain(parents)
        .find_map(|name| identities.iter().find(|identity| identity.eq_ignore_ascii_case(name)))
        .map(String::as_str)
}
