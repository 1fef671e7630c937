//! SES's API as a script: what it says to each mail, or how it breaks off. It remembers every request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::relay::PATIENCE;

pub const MESSAGE_ID: &str = "0100019dec617b98-6d1f7a3c-aaaa-bbbb-cccc-0123456789ab-000000";

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Act {
    Accept,
    /// A status, the exception's name if there is one, and its message.
    Refuse(u16, &'static str, &'static str),
    /// It is taken whole, and this is the body that it is answered with.
    Answer(u16, &'static str),
    /// It is taken whole, and never answered.
    HangUp,
    /// So much of it is read.
    HangUpWithin(usize),
    Silence,
}

/// A mail as the API got it.
#[derive(Debug)]
pub struct Mail {
    pub authorization: String,
    pub content: Value,
}

pub struct Ses {
    pub address: SocketAddr,
    pub ca_pem: String,
    script: Arc<Mutex<Script>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    mails: Receiver<Mail>,
}

#[derive(Default)]
struct Script {
    mails: VecDeque<Act>,
    /// What `GetAccount` is answered.
    account: Option<Act>,
}

impl Ses {
    pub fn start() -> Self {
        let (tls, ca_pem) = certified();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::<Mutex<Script>>::default();
        let (sender, mails) = channel();
        let shared = Arc::clone(&script);
        let connections = Arc::<Mutex<Vec<TcpStream>>>::default();
        let open = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                open.lock().unwrap().push(stream.try_clone().unwrap());
                let (tls, script, sender) = (Arc::clone(&tls), Arc::clone(&shared), sender.clone());
                std::thread::spawn(move || serve(stream, tls, &script, &sender));
            }
        });
        Self { address, ca_pem, script, connections, mails }
    }

    /// As a server does with connections that were idle for long.
    pub fn close_connections(&self) {
        for stream in self.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// To the next mail, after those that were named before.
    pub fn next(&self, act: Act) {
        self.script.lock().unwrap().mails.push_back(act);
    }

    pub fn to_get_account(&self, act: Act) {
        self.script.lock().unwrap().account = Some(act);
    }

    /// The next mail that came whole.
    pub fn mail(&self) -> Mail {
        self.mails.recv_timeout(PATIENCE).unwrap()
    }

    /// How many more came whole.
    pub fn count(&self) -> usize {
        self.mails.try_iter().count()
    }
}

impl Mail {
    pub fn octets(&self) -> String {
        let data = self.content["Content"]["Raw"]["Data"].as_str().unwrap();
        String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
    }
}

/// One connection, for as many requests as come.
fn serve(stream: TcpStream, tls: Arc<ServerConfig>, script: &Mutex<Script>, mails: &Sender<Mail>) {
    let stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let mut stream = BufReader::new(stream);
    while let Some((start, authorization, length)) = head(&mut stream) {
        let is_mail = start.starts_with("POST /v2/email/outbound-emails ");
        let act = {
            let mut script = script.lock().unwrap();
            let mail = if is_mail { script.mails.pop_front() } else { script.account.clone() };
            mail.unwrap_or(Act::Accept)
        };
        if let Act::HangUpWithin(octets) = act {
            let _ = stream.read_exact(&mut vec![0; octets]);
            return hang_up(&mut stream);
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        if is_mail {
            let content = serde_json::from_slice(&body).unwrap();
            let _ = mails.send(Mail { authorization, content });
        }
        let (status, exception, body) = match act {
            Act::Accept => (200, "", format!(r#"{{"MessageId": "{MESSAGE_ID}"}}"#)),
            Act::Answer(status, body) => (status, "", body.to_owned()),
            Act::Refuse(status, exception, message) => {
                (status, exception, serde_json::json!({ "message": message }).to_string())
            }
            Act::HangUp | Act::HangUpWithin(_) => return hang_up(&mut stream),
            Act::Silence => {
                std::thread::sleep(PATIENCE);
                return;
            }
        };
        let exception =
            if exception.is_empty() { String::new() } else { format!("x-amzn-ErrorType: {exception}\r\n") };
        let answer = format!(
            "HTTP/1.1 {status} So\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             x-amzn-RequestId: 1c9b-request\r\n{exception}\r\n{body}",
            body.len()
        );
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Of the socket there is another handle.
fn hang_up(stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>) {
    let _ = stream.get_mut().get_mut().shutdown(Shutdown::Both);
}

/// The first line, who asks, and how long the body is; nothing when the client hangs up.
fn head(stream: &mut impl BufRead) -> Option<(String, String, usize)> {
    let (mut start, mut authorization, mut length) = (String::new(), String::new(), 0);
    stream.read_line(&mut start).ok().filter(|count| *count > 0)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Some((start, authorization, length));
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
}

/// A certificate of this machine, and the authority that vouches for it.
fn certified() -> (Arc<ServerConfig>, String) {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = params.self_signed(&authority).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &Issuer::new(params, authority)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)
        .unwrap();
    (Arc::new(config), ca_pem)
}
