//! What the sandbox begins with, and what it tells a newcomer to type.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::admission::Strangers;
use crate::app::App;
use crate::config::{Config, ListenerTls, PolicyFile};

/// The identity that the sample policies are about.
pub const SETTINGS: [(&str, &str); 3] = [
    ("SESGATE_SES_REGION", "ap-northeast-1"),
    ("SESGATE_SES_ACCOUNT_ID", "123456789012"),
    ("SESGATE_SES_IDENTITIES", "mail1.tak1wa.com"),
];

const POLICIES: [(&str, &str); 4] = [
    ("config/policy/allow-sending.json", include_str!("../../../config/policy/allow-sending.json")),
    (
        "config/policy/only-known-recipients.json",
        include_str!("../../../config/policy/only-known-recipients.json"),
    ),
    (
        "config/policy/only-the-app-address.json",
        include_str!("../../../config/policy/only-the-app-address.json"),
    ),
    (
        "config/policy/only-the-app-network.json",
        include_str!("../../../config/policy/only-the-app-network.json"),
    ),
];

/// The documents of `config/policy`, which the program carries with it.
pub fn policies() -> Vec<PolicyFile> {
    POLICIES.map(|(path, text)| PolicyFile { path: PathBuf::from(path), text: text.to_owned() }).into()
}

/// What the user reads first.
pub fn introduction(app: &App, control: Option<SocketAddr>, config: &Config) -> String {
    let addresses = app.addresses();
    let Some(listens) = addresses.first() else { return String::new() };
    let policies: Vec<String> =
        config.policy.files.iter().map(|file| format!("    {}", file.path.display())).collect();
    let sender = config.ses.identities.first().map_or_else(String::new, |identity| {
        let identity = identity.to_string();
        if identity.contains('@') { identity } else { format!("app@{identity}") }
    });
    let forger = sender.split_once('@').map_or_else(String::new, |(_, domain)| format!("ceo@{domain}"));
    let control = control.map_or_else(String::new, |control| {
        format!(
            "what Amazon SES was sent, and another mail that it fails:\n\n  \
             curl http://{control}/mails\n  \
             curl http://{control}/faults -d end-of-data=temporary-failure\n\n"
        )
    });
    let (host, port) = (listens.ip(), listens.port());
    let more = match config.listeners.as_slice() {
        [one] if one.tls == ListenerTls::None && one.strangers == Strangers::Unknown => {
            ", no login, no TLS".to_owned()
        }
        [_] => String::new(),
        several => {
            let named = several.iter().zip(addresses);
            let lines = named.map(|(listener, address)| format!("\n    {address} is `{}`", listener.name));
            lines.collect::<Vec<_>>().concat()
        }
    };
    let page = app.admin_address();
    let page = page.map_or_else(String::new, |page| format!("  page        http://{page}/\n"));
    format!(
        "\
sesgate sandbox: a relay, and behind it a stand-in for Amazon SES. Nothing leaves this machine.

  SMTP host   {host}, port {port}{more}
{page}  policies
{policies}

In another terminal, a mail that is allowed, with curl, swaks or Python:

  printf 'From: {sender}\\r\\nTo: bob@example.com\\r\\nSubject: hello\\r\\n\\r\\nHello Bob\\r\\n' |
    curl smtp://{listens} --mail-from {sender} --mail-rcpt bob@example.com -T -

  swaks --server {listens} --from {sender} --to bob@example.com

  python3 -c 'import smtplib; smtplib.SMTP(\"{host}\", {port}).sendmail(\"{sender}\", \"bob@example.com\",
    \"From: {sender}\\nTo: bob@example.com\\nSubject: hello\\n\\nHello Bob\")'

and two that are refused: another sender, a hidden recipient elsewhere:

  swaks --server {listens} --from {forger} --to bob@example.com
  swaks --server {listens} --from {sender} --to bob@example.com,eve@elsewhere.test --h-To bob@example.com

{control}Each mail shows here and on the page. Ctrl-C stops.

",
        policies = policies.join("\n"),
    )
}
