//! Mail by SES's API instead of SMTP: the same octets in one request, signed as whoever the environment says that the
//! relay is, a role of the task or of the instance. So there is no password of SES that could be stolen, or expire.
//!
//! The SDK signs and speaks HTTP; when a mail is said again is decided where it is for SMTP. What is answered is put in
//! the words of SMTP (`api_answer`), so that there is one table of outcomes.

use std::fmt;
use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::RequestId;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, RawMessage};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::credentials::aws_environment_of;
use crate::gate::PermittedMail;
use crate::mail::Address;
use crate::upstream::answer::Answer;
use crate::upstream::api_answer::{NOT_LOGGED_IN, worded};
use crate::upstream::conversation::{Said, SessionId, Step};
use crate::upstream::dial::SetupError;
use crate::upstream::octets::unstuffed;
use crate::upstream::open::{OpenError, causes};
use crate::upstream::progress::Progress;
use crate::upstream::settings::{Roots, Security, Settings};
use crate::upstream::upload::{Limits, Stage, Upload};
use crate::upstream::wire::WireError;

/// The API of one region.
pub(super) struct Api {
    region: String,
    url: String,
    trust: TlsContext,
    /// Until a connection stands.
    connect_timeout: Duration,
    idle_max: Duration,
    limits: Limits,
    client: OnceCell<Client>,
}

/// What came of a request that SES may have got, and its name.
pub(super) type Asked = (Said, Option<SessionId>);

impl Api {
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let trusted = match &settings.roots {
            Roots::System => TrustStore::default(),
            Roots::Pem(pem) => TrustStore::empty().with_pem_certificate(pem.as_slice()),
        };
        let trust = TlsContext::builder().with_trust_store(trusted).build();
        let connect_timeout = settings.connect_timeout.saturating_add(settings.tls_timeout);
        Ok(Self {
            region: settings.region.clone(),
            url: url(settings),
            trust: trust.map_err(|error| SetupError::Authorities(causes(&error)))?,
            connect_timeout,
            idle_max: settings.connection_idle_max,
            limits: Limits {
                unsigned: settings.command_timeout,
                unsaid: connect_timeout,
                begun: settings.write_timeout,
                said: settings.verdict_timeout,
            },
            client: OnceCell::new(),
        })
    }

    /// Says a whole mail: to all its recipients or to none.
    pub async fn send(&self, mail: &PermittedMail, progress: &Progress) -> Result<Asked, OpenError> {
        let raw = RawMessage::builder().data(Blob::new(unstuffed(mail))).build();
        let raw = raw.map_err(|error| OpenError::Request(causes(&error)))?;
        let recipients = mail.recipients().iter().map(Address::to_string).collect();
        let upload = Upload::new(progress);
        // INVARIANT: `from_email_address` is left out, since SES would write it into the message instead of the From
        // that was judged. MAIL FROM is where bounces go, and that has a member of its own.
        let request = self.client().await.send_email();
        let request = request
            .content(EmailContent::builder().raw(raw).build())
            .destination(Destination::builder().set_to_addresses(Some(recipients)).build())
            .feedback_forwarding_email_address(mail.sender().as_str())
            .set_configuration_set_name(mail.configuration_set().map(str::to_owned));
        let sending = request.customize().interceptor(upload.clone()).send();
        let sent = upload.follow(sending, self.limits).await;
        // From here on, what is known of the mail is in what is returned.
        progress.answered();
        let step = Step::SendEmail;
        match (sent, upload.stage()) {
            (Ok(Ok(output)), _) => {
                let text = format!("Ok {}", output.message_id().unwrap_or_default());
                let session = output.request_id().and_then(SessionId::of_request);
                Ok((Said::Answered { step, answer: Answer::worded(250, text) }, session))
            }
            (Ok(Err(error)), stage) => failed(&error, stage),
            (Err(limit), Stage::Unsigned | Stage::Unsaid) => Err(overdue(limit, upload.stage())),
            (Err(limit), Stage::Begun) => Ok((Said::Unsaid { step, why: WireError::Stuck(limit) }, None)),
            (Err(limit), Stage::Said) => Ok((Said::Doubt { why: WireError::Silent(limit) }, None)),
        }
    }

    /// Finds out if SES is there and knows who asks. That it may not be asked for the account is well enough: it judges
    /// the credentials first.
    pub async fn probe(&self) -> Result<(), OpenError> {
        let upload = Upload::new(&Progress::default());
        let request = self.client().await.get_account();
        let asking = request.customize().interceptor(upload.clone()).send();
        let error = match upload.follow(asking, self.limits).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(limit) => return Err(overdue(limit, upload.stage())),
        };
        let answer = match failed(&error, upload.stage())? {
            (Said::Answered { answer, .. }, _) => answer,
            (Said::Unsaid { why, .. } | Said::Doubt { why }, _) => {
                return Err(OpenError::at(Step::GetAccount, why));
            }
        };
        let is_down = error.raw_response().is_some_and(|response| response.status().is_server_error());
        if is_down { Err(OpenError::at(Step::GetAccount, WireError::Unfitting(answer))) } else { Ok(()) }
    }

    /// Made when it is first needed, since what the environment says has to be read for it.
    async fn client(&self) -> &Client {
        let made = self.client.get_or_init(async || {
            let http = aws_smithy_http_client::Builder::new()
                // The server would close an idle connection some time, and a mail that is under way then is in doubt.
                .pool_idle_timeout(self.idle_max)
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(self.trust.clone())
                .build_https();
            let timeouts = TimeoutConfig::builder().connect_timeout(self.connect_timeout).build();
            let config = Builder::from(&aws_environment_of(&self.region).await)
                .endpoint_url(&self.url)
                // They would lead elsewhere than the configuration says.
                .use_fips(false)
                .use_dual_stack(false)
                .http_client(http)
                .timeout_config(timeouts)
                // Both are for the relay to decide.
                .retry_config(RetryConfig::disabled())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
            Client::from_conf(config.build())
        });
        made.await
    }
}

/// What there is instead of an acceptance.
fn failed<E: ProvideErrorMetadata + RequestId + std::error::Error + 'static>(
    error: &SdkError<E>,
    stage: Stage,
) -> Result<Asked, OpenError> {
    let step = Step::SendEmail;
    let words = || causes(error).split_whitespace().collect::<Vec<_>>().join(" ");
    let why = || WireError::Request(words());
    if let Some(response) = error.raw_response() {
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code);
        let message = service.and_then(ProvideErrorMetadata::message).unwrap_or_default();
        let session = service.and_then(RequestId::request_id).and_then(SessionId::of_request);
        return match worded(response.status().as_u16(), code, message) {
            Some(answer) if answer.code() == NOT_LOGGED_IN => Err(OpenError::LoginRefused(answer)),
            Some(answer) => Ok((Said::Answered { step, answer }, session)),
            None => Ok((Said::Doubt { why: why() }, session)),
        };
    }
    match stage {
        Stage::Unsigned => Err(OpenError::NoCredentials(words())),
        Stage::Unsaid => Err(OpenError::Request(words())),
        Stage::Begun => Ok((Said::Unsaid { step, why: why() }, None)),
        Stage::Said => Ok((Said::Doubt { why: why() }, None)),
    }
}

/// Nothing came of a request that was not begun.
fn overdue(limit: Duration, stage: Stage) -> OpenError {
    match stage {
        Stage::Unsigned => OpenError::NoCredentials(format!("none came within {limit:?}")),
        Stage::Unsaid | Stage::Begun | Stage::Said => OpenError::ConnectTimeout(limit),
    }
}

fn url(settings: &Settings) -> String {
    let Settings { host, port, security, .. } = settings;
    // An IPv6 address.
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    match security {
        Security::ImplicitTls | Security::StartTls if *port == 443 => format!("https://{host}"),
        Security::ImplicitTls | Security::StartTls => format!("https://{host}:{port}"),
        Security::None => format!("http://{host}:{port}"),
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("url", &self.url).finish_non_exhaustive()
    }
}
