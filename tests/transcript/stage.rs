//! The relay between two streams in memory: the client's, and those that it opens to SES.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sesgate::app;
use sesgate::config::{self, Config};
use sesgate::credentials::Keyring;
use sesgate::mail::{Client, Transport};
use sesgate::server::Drain;
use sesgate::telemetry::JsonLines;
use sesgate::upstream::{Dial, DialError, Dialling, Security, Settings, Stream, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::line::shown;
use super::{Cut, Voice, folder};

/// The clock is paused, so this passes at once when nothing else can happen. It is less than any time-out: what is
/// heard later is heard too late.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what the relay has yet to say by itself.
const MOMENT: Duration = Duration::from_millis(1);
const STREAM_OCTETS: usize = 1 << 16;

pub struct Stage {
    cut: Cut,
    client: Side,
    ses: Option<Side>,
    calls: mpsc::UnboundedReceiver<Call>,
    audit: AuditLog,
    drain: Drain,
    drain_time: Duration,
}

/// One end of a stream, and what came out of it and was not yet heard.
struct Side {
    stream: Option<DuplexStream>,
    heard: Vec<u8>,
}

/// The relay dials SES, and waits for the other end of the line.
type Call = oneshot::Sender<DuplexStream>;

/// Lets the transcript answer each call. TLS is beside the point here.
struct TranscriptDial(mpsc::UnboundedSender<Call>);

/// What the relay wrote of its mails.
#[derive(Debug, Clone, Default)]
struct AuditLog(Arc<Mutex<Vec<u8>>>);

impl Dial for TranscriptDial {
    fn connect(&self) -> Dialling<'_> {
        let (call, answer) = oneshot::channel();
        let _ = self.0.send(call);
        Box::pin(async move {
            let refused = |_| DialError::Connect(io::ErrorKind::ConnectionRefused.into());
            let stream = answer.await.map_err(refused)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn secure(&self, clear: Box<dyn Stream>) -> Dialling<'_> {
        Box::pin(async move { Ok(clear) })
    }
}

impl Write for AuditLog {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stage {
    pub fn new(environment: &[(String, String)], cut: Cut) -> Result<Self, String> {
        let file = environment.iter().find(|(name, _)| name == "SESGATE_CONFIG");
        let file = file.map_or("sesgate.toml", |(_, file)| file);
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let config =
            config::load(Some(&folder().join(file)), &environment).map_err(|errors| errors.to_string())?;
        let (dial, calls) = mpsc::unbounded_channel();
        let dial = Arc::new(TranscriptDial(dial));
        let upstream = Upstream::new(
            upstream_settings(&config),
            config.ses.login.clone().and_then(|login| login.loaded).map(|offer| Keyring::of(offer.login)),
            dial,
        )
        .map_err(|error| error.to_string())?;
        let documents = app::load_policies(&config).map_err(|found| format!("{found:?}"))?.documents;
        let audit = AuditLog::default();
        let sink = Arc::new(JsonLines::new(audit.clone()));
        let (connections, drain) =
            app::build(&config, documents, upstream, sink).map_err(|error| error.to_string())?;
        let (ours, theirs) = duplex(STREAM_OCTETS);
        let client = Client::new(([10, 0, 5, 7], 4711).into(), "default".into(), Transport::Plain);
        drain.spawn(async move { connections.converse(ours, client).await });
        let drain_time = config.server.drain;
        Ok(Self { cut, client: Side::new(theirs), ses: None, calls, audit, drain, drain_time })
    }

    pub fn drain(&self) {
        let (drain, time) = (self.drain.clone(), self.drain_time);
        tokio::spawn(async move { drain.run(time).await });
    }

    /// Takes the relay's call. From here on SES is at the new end.
    pub async fn accept(&mut self) -> Result<(), String> {
        let call = self.call().await?;
        if let Some(ses) = &mut self.ses {
            ses.expect_silence(Voice::Ses).await?;
        }
        let (ours, theirs) = duplex(STREAM_OCTETS);
        self.ses = Some(Side::new(theirs));
        call.send(ours).map_err(|_| "the relay does not wait for the connection".to_owned())
    }

    pub async fn refuse(&mut self) -> Result<(), String> {
        self.call().await.map(drop)
    }

    pub async fn say(&mut self, voice: Voice, octets: &[u8]) -> Result<(), String> {
        let cut = self.cut;
        let stream = self.side(voice)?.stream.as_mut().ok_or("that side has ended")?;
        let size = if cut == Cut::Octets { 1 } else { octets.len() };
        for piece in octets.chunks(size) {
            // The relay may have closed: what it said last is what counts.
            if stream.write_all(piece).await.is_err() {
                break;
            }
            if cut == Cut::Octets {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    pub async fn end(&mut self, voice: Voice) -> Result<(), String> {
        let side = self.side(voice)?;
        match voice {
            Voice::Client => {
                let _ = side.stream.as_mut().ok_or("that side has ended")?.shutdown().await;
            }
            // What SES closes, it closes whole, and reads no further.
            Voice::Ses => *side = Side { stream: None, heard: Vec::new() },
        }
        Ok(())
    }

    /// The next line, or `None` at the end of the stream.
    pub async fn hear(&mut self, voice: Voice) -> Result<Option<String>, String> {
        self.side(voice)?.hear().await
    }

    /// The next line of the audit log.
    pub fn audited(&mut self) -> Option<String> {
        let mut log = self.audit.0.lock().unwrap();
        let end = log.iter().position(|octet| *octet == b'\n')?;
        let line = log.drain(..=end).collect::<Vec<_>>();
        Some(shown(&line[..end]))
    }

    /// Nothing may be left that the transcript does not tell of.
    pub async fn expect_silence(&mut self) -> Result<(), String> {
        self.client.expect_silence(Voice::Client).await?;
        if let Some(ses) = &mut self.ses {
            ses.expect_silence(Voice::Ses).await?;
        }
        match self.calls.try_recv() {
            Ok(_) => Err("the relay connects to SES, and the transcript does not say so".to_owned()),
            Err(_) => Ok(()),
        }
    }

    async fn call(&mut self) -> Result<Call, String> {
        let call = timeout(PATIENCE, self.calls.recv()).await;
        call.ok().flatten().ok_or_else(|| "the relay does not connect to SES".to_owned())
    }

    fn side(&mut self, voice: Voice) -> Result<&mut Side, String> {
        match voice {
            Voice::Client => Ok(&mut self.client),
            Voice::Ses => self.ses.as_mut().ok_or_else(|| "the relay has not connected to SES".to_owned()),
        }
    }
}

impl Side {
    fn new(stream: DuplexStream) -> Self {
        Self { stream: Some(stream), heard: Vec::new() }
    }

    async fn hear(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.heard.drain(..end + 2).collect::<Vec<_>>();
                return Ok(Some(shown(&line[..end])));
            }
            let stream = self.stream.as_mut().ok_or("that side has ended")?;
            let mut octets = [0; 4096];
            let read = timeout(PATIENCE, stream.read(&mut octets)).await;
            match read.map_err(|_| "nothing is said")? {
                Ok(0) | Err(_) if self.heard.is_empty() => return Ok(None),
                Ok(0) | Err(_) => return Err(format!("an unended line: `{}`", shown(&self.heard))),
                Ok(read) => self.heard.extend_from_slice(&octets[..read]),
            }
        }
    }

    async fn expect_silence(&mut self, voice: Voice) -> Result<(), String> {
        let mut octets = vec![0; 65_536];
        if let Some(stream) = &mut self.stream
            && let Ok(Ok(read)) = timeout(MOMENT, stream.read(&mut octets)).await
        {
            self.heard.extend_from_slice(&octets[..read]);
        }
        if self.heard.is_empty() {
            return Ok(());
        }
        self.heard.truncate(200);
        Err(format!("to {voice:?} the relay goes on: `{}`", shown(&self.heard)))
    }
}

/// As configured, save for TLS.
fn upstream_settings(config: &Config) -> Settings {
    let (pool, timeouts) = (&config.ses.pool, &config.ses.timeouts);
    Settings {
        security: Security::ImplicitTls,
        connections_max: pool.connections_max,
        connection_mails_max: pool.connection_mails_max,
        connection_age_max: pool.connection_age_max,
        connection_idle_max: pool.connection_idle_max,
        connect_timeout: timeouts.connect_timeout,
        command_timeout: timeouts.command_timeout,
        write_timeout: timeouts.write_timeout,
        verdict_timeout: timeouts.verdict_timeout,
        hold: config.delivery.hold,
        ..Settings::new("ses.test")
    }
}
