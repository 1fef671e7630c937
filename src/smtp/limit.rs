//! What a client can want too much of, each by the setting that bounds it.

/// A limit that a client has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Connections,
    ConnectionsPerAddress,
    AppConnections,
    AppMails,
    AppRecipients,
    ProxyTime,
    TlsTime,
    IdleTime,
    MessageTime,
    MessageRate,
    SessionTime,
    Line,
    Commands,
    Errors,
    LoginsFailed,
    LoginFailures,
    LoginChecks,
    Recipients,
    Header,
    HeaderFields,
    Message,
    Messages,
}

impl Limit {
    pub const ALL: [Self; 22] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::AppConnections,
        Self::AppMails,
        Self::AppRecipients,
        Self::ProxyTime,
        Self::TlsTime,
        Self::IdleTime,
        Self::MessageTime,
        Self::MessageRate,
        Self::SessionTime,
        Self::Line,
        Self::Commands,
        Self::Errors,
        Self::LoginsFailed,
        Self::LoginFailures,
        Self::LoginChecks,
        Self::Recipients,
        Self::Header,
        Self::HeaderFields,
        Self::Message,
        Self::Messages,
    ];

    /// As the configuration calls it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Connections => "limits.connections_max",
            Self::ConnectionsPerAddress => "limits.connections_per_address_max",
            Self::AppConnections => "app.connections_max",
            Self::AppMails => "app.mails_per_minute",
            Self::AppRecipients => "app.recipients_per_day",
            Self::ProxyTime => "limits.proxy_timeout",
            Self::TlsTime => "limits.tls_timeout",
            Self::IdleTime => "limits.idle_timeout",
            Self::MessageTime => "limits.message_timeout",
            Self::MessageRate => "limits.message_rate_min",
            Self::SessionTime => "limits.session_timeout",
            Self::Line => "limits.command_octets_max",
            Self::Commands => "limits.commands_max",
            Self::Errors => "limits.errors_max",
            Self::LoginsFailed => "limits.logins_failed_max",
            Self::LoginFailures => "limits.login_failures_max",
            Self::LoginChecks => "limits.login_checks_max",
            Self::Recipients => "limits.recipients_max",
            Self::Header => "limits.header_octets_max",
            Self::HeaderFields => "limits.header_fields_max",
            Self::Message => "limits.message_octets_max",
            Self::Messages => "limits.messages_octets_max",
        }
    }
}
