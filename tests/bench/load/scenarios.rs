//! What is measured: how mail comes, how SES answers, and what is compared with what.

use std::time::Duration;

use crate::relay::Security;

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub load: Load,
    pub mail: Mail,
    pub ses: Delays,
    /// Ratios are of the first.
    pub peers: &'static [Peer],
}

/// How mail comes.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// So many clients; each sends its next mail when it has heard what became of the last.
    Closed(usize),
    /// The same, on a new connection for each mail.
    Fresh(usize),
    /// So many mails a second, whatever becomes of them. Each is timed from when it was to begin, so that a stall
    /// counts for all that it keeps waiting.
    Open(u32),
    /// Ten clients as in `Closed`, beside so many that hold connections and say nothing.
    Idle(usize),
    /// So many mails of all sizes, of clients that stay for some of them: what grows with every mail is seen.
    Soak(usize),
    /// None: the relay is started, and answers a connection. Each start counts as one mail.
    Start,
}

#[derive(Debug, Clone, Copy)]
pub struct Mail {
    pub octets: usize,
    pub recipients: usize,
    pub commands: Commands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commands {
    OneByOne,
    /// RFC 2920.
    Pipelined,
}

/// How long SES takes.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    pub reply: Duration,
    pub verdict: Duration,
}

/// What stands between clients and SES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Nothing: what clients and SES's stand-in could do at most.
    Direct,
    /// A TCP proxy that reads nothing.
    Proxy,
    Relay(Variant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub name: &'static str,
    pub clients: Security,
    pub ses: Security,
    pub statements: usize,
}

pub const PLAIN: Variant =
    Variant { name: "sesgate", clients: Security::None, ses: Security::None, statements: 1 };
const TLS_TO_CLIENTS: Variant = Variant { name: "sesgate, TLS to clients", clients: Security::Tls, ..PLAIN };
const TLS_TO_SES: Variant = Variant { name: "sesgate, TLS to SES", ses: Security::Tls, ..PLAIN };
const TLS_TO_BOTH: Variant =
    Variant { name: "sesgate, TLS to both", clients: Security::Tls, ses: Security::Tls, ..PLAIN };
const MANY_STATEMENTS: Variant = Variant { name: "sesgate, 1,000 statements", statements: 1000, ..PLAIN };

const ALL: &[Peer] = &[Peer::Proxy, Peer::Direct, Peer::Relay(PLAIN)];
const PAIR: &[Peer] = &[Peer::Proxy, Peer::Relay(PLAIN)];
const ALONE: &[Peer] = &[Peer::Relay(PLAIN)];
const SECURED: &[Peer] =
    &[Peer::Relay(PLAIN), Peer::Relay(TLS_TO_CLIENTS), Peer::Relay(TLS_TO_SES), Peer::Relay(TLS_TO_BOTH)];
const STATEMENTS: &[Peer] = &[Peer::Relay(PLAIN), Peer::Relay(MANY_STATEMENTS)];

const AT_ONCE: Delays = Delays { reply: Duration::ZERO, verdict: Duration::ZERO };
const LIKE_SES: Delays = Delays { reply: Duration::from_millis(10), verdict: Duration::from_millis(50) };

const KIB_10: Mail = Mail { octets: 10 << 10, recipients: 1, commands: Commands::OneByOne };
const TEN_RECIPIENTS: Mail = Mail { recipients: 10, ..KIB_10 };
const PIPELINED: Mail = Mail { commands: Commands::Pipelined, ..KIB_10 };

const fn of(octets: usize) -> Mail {
    Mail { octets, ..KIB_10 }
}

pub const SCENARIOS: &[Scenario] = &[
    row("closed-1", Load::Closed(1), KIB_10, AT_ONCE, ALL),
    row("closed-10", Load::Closed(10), KIB_10, AT_ONCE, ALL),
    row("closed-100", Load::Closed(100), KIB_10, AT_ONCE, ALL),
    row("fresh-10", Load::Fresh(10), KIB_10, AT_ONCE, ALL),
    row("fresh-100", Load::Fresh(100), KIB_10, AT_ONCE, PAIR),
    row("1-kib", Load::Closed(10), of(1 << 10), AT_ONCE, PAIR),
    row("100-kib", Load::Closed(10), of(100 << 10), AT_ONCE, PAIR),
    row("1-mib", Load::Closed(10), of(1 << 20), AT_ONCE, PAIR),
    row("10-mb", Load::Closed(1), of(10_000_000), AT_ONCE, PAIR),
    row("recipients-10", Load::Closed(10), TEN_RECIPIENTS, AT_ONCE, PAIR),
    row("pipelined", Load::Closed(10), PIPELINED, AT_ONCE, PAIR),
    row("rate-200", Load::Open(200), KIB_10, AT_ONCE, PAIR),
    row("ses-10", Load::Closed(10), KIB_10, LIKE_SES, PAIR),
    row("ses-100", Load::Closed(100), KIB_10, LIKE_SES, PAIR),
    row("ses-fresh-100", Load::Fresh(100), KIB_10, LIKE_SES, PAIR),
    row("tls", Load::Closed(10), KIB_10, AT_ONCE, SECURED),
    row("tls-10-mb", Load::Closed(1), of(10_000_000), AT_ONCE, SECURED),
    row("statements-1000", Load::Closed(10), KIB_10, AT_ONCE, STATEMENTS),
    row("idle-1000", Load::Idle(1000), KIB_10, AT_ONCE, ALONE),
    row("idle-10000", Load::Idle(10_000), KIB_10, AT_ONCE, ALONE),
    row("start", Load::Start, KIB_10, AT_ONCE, ALONE),
    row("soak", Load::Soak(1_000_000), KIB_10, AT_ONCE, ALONE),
];

const fn row(name: &'static str, load: Load, mail: Mail, ses: Delays, peers: &'static [Peer]) -> Scenario {
    Scenario { name, load, mail, ses, peers }
}

impl Scenario {
    /// Some take longer than all others together, and are measured by name only.
    pub fn is_long(&self) -> bool {
        matches!(self.load, Load::Soak(_))
    }

    /// Mails a second that SES's delays allow to the clients of a closed loop, if SES delays anything and takes so
    /// much longer for it: over sessions that are kept, however long the clients' own are.
    pub fn bound(&self, overshoot: f64) -> Option<f64> {
        let (Load::Closed(clients) | Load::Fresh(clients)) = self.load else { return None };
        let replies = u32::try_from(self.mail.recipients + 2).expect("few recipients");
        let mail = (self.ses.reply * replies + self.ses.verdict).as_secs_f64();
        (mail > 0.0).then(|| f64::from(u32::try_from(clients).expect("few clients")) / (mail * overshoot))
    }
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "no relay",
            Self::Proxy => "blind proxy",
            Self::Relay(variant) => variant.name,
        }
    }
}
