//! A relay, the stand-in that it takes for SES, and an application that hands it mails.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use sesgate::app::App;
use sesgate::config::{self, Config, Environment, PolicyFile, SesLogin};
use sesgate::credentials::Login;
use sesgate::sandbox::{Mail, Settings, StandIn, Step};
use sesgate::telemetry::{AuditSink, Record};
use sesgate::upstream::{Roots, Security, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Longer than anything takes here; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what nobody tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
pub const ALLOW_ALL: &str =
    r#"{"Statement": [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;

pub const MAIL: &str = "From: app@example.com\r\nTo: ann@customer.test\r\nSubject: hello\r\n\r\nhello\r\n";

/// Which of the stand-in's entrances the relay uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ImplicitTls,
    StartTls,
}

pub struct World {
    pub ses: StandIn,
    pub app: App,
    pub config: Config,
    pub audit: Arc<Audit>,
}

/// What the audit log was told.
#[derive(Debug, Default)]
pub struct Audit(Mutex<Vec<Entry>>);

#[derive(Debug, Clone)]
pub struct Entry {
    pub reply: String,
    pub ses_session: Option<String>,
    pub ses_endpoint: Option<String>,
    pub decision: String,
    pub repeats: Option<String>,
}

impl AuditSink for Audit {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        self.0.lock().unwrap().push(Entry {
            reply: record.reply.clone(),
            ses_session: record.ses_session.as_deref().map(str::to_owned),
            ses_endpoint: record.ses_endpoint.as_deref().map(str::to_owned),
            decision: record.decision_id.clone(),
            repeats: record.repeats.clone(),
        });
    }
}

impl Audit {
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Settings::default(), &[]).await
    }

    /// With variables of the relay's configuration.
    pub async fn with(settings: Settings, variables: &[(&str, &str)]) -> Self {
        Self::by(Way::ImplicitTls, settings, variables).await
    }

    pub async fn by(way: Way, settings: Settings, variables: &[(&str, &str)]) -> Self {
        let ses = StandIn::start(settings).await.unwrap();
        let config = config(way, &ses, variables, ALLOW_ALL);
        Self::of(ses, config)
    }

    /// With a standby, and a policy for both.
    pub async fn with_standby(
        settings: [Settings; 2],
        variables: &[(&str, &str)],
        policy: &str,
    ) -> (Self, StandIn) {
        let [first, second] = settings;
        let region = second.region.clone();
        let (ses, standby) = (StandIn::start(first).await.unwrap(), StandIn::start(second).await.unwrap());
        let mut config = config(Way::ImplicitTls, &ses, variables, policy);
        config.ses.standbys.push(endpoint(&standby, &region));
        (Self::of(ses, config), standby)
    }

    fn of(ses: StandIn, config: Config) -> Self {
        let audit = Arc::new(Audit::default());
        let app = App::start(&config, Arc::clone(&audit) as Arc<dyn AuditSink>).unwrap();
        Self { ses, app, config, audit }
    }

    /// The next thing that goes wrong at SES.
    pub fn fault(&self, fault: &str) {
        self.ses.faults().add(fault.parse().unwrap());
    }
    pub fn relay(&self) -> SocketAddr {
        self.app.addresses()[0]
    }

    /// What an application hears that sends one small mail.
    pub async fn send(&self) -> String {
        self.send_mail(MAIL).await
    }

    /// The reply, less the decision that every 4xx names as the audit log does.
    pub async fn send_mail(&self, message: &str) -> String {
        let reply = Client::connect(self.relay())
            .await
            .send("app@example.com", &["ann@customer.test"], message)
            .await;
        if !reply.starts_with('4') {
            return reply;
        }
        let mut ids = self.audit.entries().into_iter().map(|entry| format!(" (decision {})", entry.decision));
        let less = ids.find_map(|id| reply.strip_suffix(&id).map(str::to_owned));
        less.unwrap_or_else(|| panic!("no decision of the audit log is named: {reply}"))
    }

    /// Sends until SES has a mail, as an application does that is told to try again.
    pub async fn send_until_accepted(&self) {
        let sending = async {
            while !self.send().await.starts_with("250 ") {
                sleep(LOOK_AGAIN).await;
            }
        };
        timeout(PATIENCE, sending).await.expect("a mail is accepted in the end");
    }

    /// What SES has.
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.ses.mailbox().mails()
    }

    pub fn accepted(&self) -> u64 {
        self.ses.mailbox().accepted()
    }

    /// How often the relay came to a step.
    pub fn times(&self, step: Step) -> u64 {
        self.ses.times_reached(step)
    }

    /// Nothing is left of the script: what was to go wrong did.
    pub fn assert_all_faults_struck(&self) {
        assert_eq!(self.ses.faults().remaining(), []);
    }
}

/// The configuration of a relay that takes the stand-in for SES.
fn config(way: Way, ses: &StandIn, variables: &[(&str, &str)], policy: &str) -> Config {
    let (tls, endpoint) = match way {
        Way::ImplicitTls => ("implicit", ses.endpoints().implicit_tls),
        Way::StartTls => ("starttls", ses.endpoints().starttls),
    };
    let environment: Environment = [
        ("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0"),
        ("SESGATE_ADMIN_ADDRESS", "off"),
        // A session that is opened while no mail asks for one could meet the fault that is meant for a mail.
        ("SESGATE_SES_CONNECTIONS_MIN", "0"),
        ("SESGATE_SES_REGION", "us-east-1"),
        ("SESGATE_SES_ACCOUNT_ID", "123456789012"),
        ("SESGATE_SES_IDENTITIES", "example.com"),
        ("SESGATE_SES_HOST", &endpoint.ip().to_string()),
        ("SESGATE_SES_PORT", &endpoint.port().to_string()),
        ("SESGATE_SES_SERVER_NAME", "email-smtp.us-east-1.amazonaws.com"),
        ("SESGATE_SES_TLS", tls),
        ("SESGATE_SES_USER_NAME", &ses.login().user_name),
        ("SESGATE_SES_PASSWORD", ses.login().password.expose()),
    ]
    .into_iter()
    .chain(variables.iter().copied())
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    let policy = PolicyFile { path: PathBuf::from("allow-all.json"), text: policy.to_owned() };
    let mut config = config::read(None, &environment, Some(vec![policy])).config.unwrap();
    config.ses.roots = Roots::Pem(ses.ca_pem().as_bytes().to_vec());
    config
}

fn endpoint(ses: &StandIn, region: &str) -> config::Endpoint {
    let address = ses.endpoints().implicit_tls;
    let login = ses.login();
    config::Endpoint {
        transport: Transport::Smtp,
        region: region.to_owned(),
        host: address.ip().to_string(),
        server_name: format!("email-smtp.{region}.amazonaws.com"),
        port: address.port(),
        tls: Security::ImplicitTls,
        roots: Roots::Pem(ses.ca_pem().as_bytes().to_vec()),
        login: Some(SesLogin::fixed(Login::new(login.user_name.clone(), login.password.clone()).unwrap())),
        fallback: None,
        max_send_rate: None,
    }
}

/// What all of them come to, at the same time.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// An application's connection to the relay.
pub struct Client(TcpStream);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self(TcpStream::connect(address).await.unwrap());
        assert!(client.line().await.starts_with("220 "));
        client.ask("EHLO app.test").await;
        client
    }

    /// The reply to the whole mail, or to what was not taken before it.
    pub async fn send(&mut self, sender: &str, recipients: &[&str], message: &str) -> String {
        let reply = self.ask(&format!("MAIL FROM:<{sender}> SIZE={}", message.len())).await;
        if !reply.starts_with("250 ") {
            return reply;
        }
        for recipient in recipients {
            assert!(self.ask(&format!("RCPT TO:<{recipient}>")).await.starts_with("250 "));
        }
        assert!(self.ask("DATA").await.starts_with("354 "));
        self.ask(&format!("{message}.")).await
    }

    /// The last line of the reply to a command.
    pub async fn ask(&mut self, command: &str) -> String {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let octet = timeout(PATIENCE, self.0.read_u8()).await.expect("a reply in time");
            line.push(octet.expect("a reply before the end"));
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }
}
