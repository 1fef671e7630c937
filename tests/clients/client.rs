//! The mail programs that people really point at a relay, as far as this machine has them. Each is a script in this
//! folder; README.md says what a script is told and what it answers.

use std::ffi::OsStr;
use std::path::Path;

use tokio::process::Command;

use crate::door::{Door, Mechanism, USER};
use crate::installed::{IN_CI, NeededIf, is_installed};
use crate::program::{Said, run};
use crate::rust_lettre;

#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// Its file in this folder.
    script: &'static str,
    /// A command that succeeds where it is installed.
    probe: &'static [&'static str],
    needed_if: NeededIf,
    natures: &'static [Nature],
}

/// Where one differs from a program that is given a message, sends it as it is over one connection with any that
/// follow, logs in either way, and can be made to leave without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It writes a message of its own.
    Composes,
    OneMailPerConnection,
    /// It knows no AUTH LOGIN, or does not let its user choose.
    NoLogin,
    /// It says QUIT whatever happens.
    AlwaysQuits,
    /// It closes the connection without QUIT, whatever happens.
    NeverQuits,
}

/// How a program is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Quit,
    Vanish,
}

/// One mail of those that a program sends: to whom, and the file with the message.
pub type Mail<'a> = (&'a [&'a str], &'a Path);

use Nature::{AlwaysQuits, Composes, NeverQuits, NoLogin, OneMailPerConnection};

const CLIENTS: &[Client] = &[
    client("python-smtplib.py", &["python3", "--version"], IN_CI, &[]),
    client("curl.sh", &["curl", "--version"], IN_CI, &[OneMailPerConnection, AlwaysQuits]),
    client("swaks.sh", &["swaks", "--version"], IN_CI, &[OneMailPerConnection]),
    client("msmtp.sh", &["msmtp", "--version"], IN_CI, &[OneMailPerConnection, AlwaysQuits]),
    client("perl-net-smtp.pl", &["perl", "-MAuthen::SASL", "-MIO::Socket::SSL", "-e1"], IN_CI, &[]),
    client("perl-email-sender.pl", &["perl", "-MEmail::Sender", "-e1"], IN_CI, &[NoLogin]),
    client("ruby-net-smtp.rb", &["ruby", "-rnet/smtp", "-e1"], IN_CI, &[]),
    client("ruby-mail.rb", &["ruby", "-rmail", "-e1"], IN_CI, &[Composes, OneMailPerConnection, AlwaysQuits]),
    client(
        "php-phpmailer.php",
        &["php", "-r", "require 'libphp-phpmailer/autoload.php';"],
        IN_CI,
        &[Composes],
    ),
    client(
        "git-send-email.sh",
        &["sh", "-c", "test -x \"$(git --exec-path)/git-send-email\""],
        IN_CI,
        &[Composes, OneMailPerConnection, AlwaysQuits],
    ),
    client("node-nodemailer.js", &["node", "-e", "require('nodemailer')"], IN_CI, &[Composes, NeverQuits]),
    client("python-aiosmtplib.py", &["python3", "-c", "import aiosmtplib"], IN_CI, &[]),
    client("python-django.py", &["python3", "-c", "import django"], IN_CI, &[Composes]),
    client(
        "postfix.sh",
        &["sh", "-c", "test \"$(id -u)\" = 0 && postconf -h mail_version"],
        IN_CI,
        &[Composes, OneMailPerConnection, AlwaysQuits],
    ),
    // It is built with the tests.
    client("rust-lettre.rs", &["true"], &[], &[Composes, AlwaysQuits]),
    client("go-net-smtp.go", &["go", "version"], WITH_ALL, &[NoLogin]),
    client(
        "java-mail.java",
        &["sh", "-c", "javac --version && test -e /usr/share/java/javax.mail.jar"],
        WITH_ALL,
        &[Composes],
    ),
];

/// Large: where `tests/clients/run` has installed them.
const WITH_ALL: NeededIf = &[("CLIENTS", "all")];
const JAVA_MAIL: &str = "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar";

const fn client(
    script: &'static str,
    probe: &'static [&'static str],
    needed_if: NeededIf,
    natures: &'static [Nature],
) -> Client {
    Client { script, probe, needed_if, natures }
}

/// Those that this machine has. What is missing is told, and where it may not be missing, it fails the test.
pub fn installed() -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().filter(|client| is_installed(client.name(), client.probe, client.needed_if))
}

impl Client {
    pub fn name(&self) -> &'static str {
        self.script.split('.').next().unwrap()
    }

    pub fn is(&self, nature: Nature) -> bool {
        self.natures.contains(&nature)
    }

    /// Sends these mails, over one connection if that is its nature.
    pub async fn send(&self, door: &Door, ending: Ending, sender: &str, mails: &[Mail<'_>]) -> Said {
        if self.name() == "rust-lettre" {
            return rust_lettre::send(door, sender, mails).await;
        }
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients")).join(self.script);
        let [program, arguments @ ..] = self.interpreter() else { panic!("{file:?}") };
        let mut command = Command::new(program);
        command.args(arguments).arg(file).arg(sender);
        for (recipients, message) in mails {
            command.arg(recipients.join(",")).arg(message);
        }
        command.env("SMTP_HOST", door.address.ip().to_string());
        command.env("SMTP_PORT", door.address.port().to_string());
        command.env("SMTP_SECURITY", door.security.word());
        command.env("SMTP_MECHANISM", door.mechanism.map_or("none", Mechanism::word));
        command.env("SMTP_USER", USER).env("SMTP_PASSWORD", door.password);
        command.env("SMTP_CA_FILE", &door.ca_file);
        command.env("SMTP_ENDING", if ending == Ending::Quit { "quit" } else { "vanish" });
        run(command).await
    }

    fn interpreter(&self) -> &'static [&'static str] {
        match Path::new(self.script).extension().and_then(OsStr::to_str) {
            Some("go") => &["go", "run"],
            Some("java") => &["java", "-cp", JAVA_MAIL],
            Some("js") => &["node"],
            Some("php") => &["php"],
            Some("pl") => &["perl"],
            Some("py") => &["python3"],
            Some("rb") => &["ruby"],
            Some("sh") => &["bash"],
            extension => panic!("{extension:?}"),
        }
    }
}
