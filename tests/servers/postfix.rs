//! Debian's Postfix with a configuration, a queue and ports of a test's own. It is stopped when the test ends.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::certificate::write_certificate;
use crate::installed::{IN_CI, is_installed};
use crate::relay::{REGION, Way};

/// On an address of its own, so that no other test is given the ports while Postfix is away.
const ADDRESS: &str = "127.83.83.83";
const USER: &str = "relay";
const PASSWORD: &str = "battery staple";
/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Postfix {
    folder: TempDir,
    ports: [u16; 3],
    pub ca_pem: String,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    StartTls,
    Implicit,
    /// With STARTTLS; it does not answer the final dot as long as a test lasts.
    Hesitant,
}

impl Postfix {
    /// Its master needs to be root, to become others.
    pub fn may_run() -> bool {
        let probe = "test \"$(id -u)\" = 0 && postconf -h mail_version && test -x /usr/sbin/saslpasswd2";
        is_installed("postfix with sasl2-bin, for root,", &["sh", "-c", probe], IN_CI)
    }

    pub async fn start() -> Self {
        let folder = TempDir::with_prefix("sesgate-postfix-").unwrap();
        let path = folder.path();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        let ca_pem = write_certificate(path, &[&format!("email-smtp.{REGION}.amazonaws.com")]);
        // Held together, so that they differ.
        let listeners = [(); 3].map(|()| TcpListener::bind((ADDRESS, 0)).unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        sh(path, "mkdir sasl data queue mail others");
        write(path, "main.cf", include_str!("main.cf"));
        write(path, "sasl/smtpd.conf", include_str!("smtpd.conf"));
        let [starttls, implicit, hesitant] = ports.map(|port| port.to_string());
        let master = include_str!("master.cf").replace("ADDRESS", ADDRESS).replace("STARTTLS", &starttls);
        write(path, "master.cf", &master.replace("IMPLICIT", &implicit).replace("HESITANT", &hesitant));
        sh(path, "chown postfix data && chown 65534:65534 mail others");
        let login = format!("saslpasswd2 -p -c -f sasldb -u sesgate.test {USER} && chown postfix sasldb");
        sh(path, &format!("echo '{PASSWORD}' | {login}"));
        let postfix = Self { folder, ports, ca_pem };
        postfix.start_again().await;
        postfix
    }

    pub fn way(&self, service: Service) -> Way {
        let (tls, [starttls, implicit, hesitant]) = match service {
            Service::Implicit => ("implicit", self.ports),
            Service::StartTls | Service::Hesitant => ("starttls", self.ports),
        };
        let port = match service {
            Service::StartTls => starttls,
            Service::Implicit => implicit,
            Service::Hesitant => hesitant,
        };
        vec![
            ("SES_TLS", tls.to_owned()),
            ("SES_HOST", ADDRESS.to_owned()),
            ("SES_PORT", port.to_string()),
            ("SES_USER_NAME", USER.to_owned()),
            ("SES_PASSWORD", PASSWORD.to_owned()),
        ]
    }

    pub async fn start_again(&self) {
        sh(self.folder.path(), "postfix -c \"$PWD\" start");
        for port in self.ports {
            let address = SocketAddr::new(ADDRESS.parse().unwrap(), port);
            self.wait("a port", async || TcpStream::connect(address).await.is_ok()).await;
        }
    }

    /// At once, with all that it has in hand.
    pub fn abort(&self) {
        sh(self.folder.path(), "postfix -c \"$PWD\" abort");
    }

    pub fn stop(&self) {
        sh(self.folder.path(), "postfix -c \"$PWD\" stop");
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log holds this.
    pub async fn says(&self, text: &str) {
        self.wait(text, async || self.log().contains(text)).await;
    }

    /// Bob's mails, without the lines that Postfix puts in front, once there are so many; in any order.
    pub async fn mails(&self, count: usize) -> Vec<Vec<u8>> {
        self.wait("the mails", async || self.files().len() >= count).await;
        let mut mails = Vec::new();
        for file in self.files() {
            let octets = std::fs::read(&file).unwrap();
            // The relay's own field is the first that is not Postfix's.
            let start = memchr::memmem::find(&octets, b"Received: from app (").unwrap();
            mails.push(octets[start..].to_vec());
        }
        assert_eq!(mails.len(), count, "{}", self.log());
        mails
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("mail/new")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    async fn wait(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let wait = async {
            while !is_so().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {what}: {}", self.log()));
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("postfix").arg("-c").arg(self.folder.path()).arg("abort").output();
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let text = text.replace("DIRECTORY", folder.to_str().unwrap());
    std::fs::write(folder.join(name), text).unwrap();
}

fn sh(folder: &Path, command: &str) {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", command]).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}
