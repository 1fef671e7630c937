#![cfg(test)]
//! The program while it runs: what it says when it starts, how it takes mail, and how it stops.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/installed.rs"]
mod installed;
#[path = "clients/program.rs"]
mod program;
#[path = "program/variables.rs"]
mod variables;

use std::fmt::Write;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dialogue::send_hello;
use installed::{IN_CI, is_installed};
use program::Said;
use sesgate::sandbox::{Settings, StandIn};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use variables::{REGION, variables};

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program, and what it has yet to print.
struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut command = sesgate(arguments, variables);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, output, log }
    }

    async fn tell_to_stop(&self) {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().await.unwrap();
        assert!(told.success());
    }

    /// How it ended, and all that it still printed on standard output.
    async fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        while let Some(line) = timeout(PATIENCE, self.output.next_line()).await.unwrap().unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        (timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap(), rest)
    }
}

fn sesgate(arguments: &[&str], variables: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    command.args(arguments).env_clear().envs(variables.iter().cloned());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Reads on to the line that holds `text`.
async fn line_with(lines: &mut Lines<impl AsyncBufRead + Unpin>, text: &str) -> String {
    let mut passed = String::new();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(text) {
                return line;
            }
            passed.push_str(&line);
            passed.push('\n');
        }
        panic!("it ended without `{text}`: {passed}");
    };
    timeout(PATIENCE, read).await.unwrap()
}

/// Talks until the relay has said a line with `answer`.
async fn ask(stream: &mut TcpStream, text: &str, answer: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = String::new();
    let hear = async {
        while !(heard.contains(answer) && heard.ends_with("\r\n")) {
            let octet = stream.read_u8().await.unwrap_or_else(|_| panic!("no `{answer}`: {heard}"));
            heard.push(char::from(octet));
        }
    };
    timeout(PATIENCE, hear).await.unwrap();
}

/// Waits until nobody can connect any more, which is a moment after it was announced.
async fn closed(address: SocketAddr) {
    let connect = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, connect).await.unwrap();
}

async fn stand_in() -> StandIn {
    let identities = vec!["mail1.tak1wa.com".to_owned()];
    let settings = Settings { region: REGION.to_owned(), identities, ..Settings::default() };
    StandIn::start(settings).await.unwrap()
}

#[tokio::test]
async fn told_to_stop_before_ses_has_answered_it_does() {
    let stand_in = stand_in().await;
    stand_in.faults().add("connect=delay 60s".parse().unwrap());
    let ca_file = NamedTempFile::new().unwrap();
    let mut variables = variables(&stand_in, &ca_file);
    variables.push(("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0".to_owned()));
    variables.push(("SESGATE_ADMIN_ADDRESS", "127.0.0.1:0".to_owned()));
    let mut relay = Running::start(&["serve"], &variables);
    line_with(&mut relay.log, "\"listening\"").await;
    relay.tell_to_stop().await;
    line_with(&mut relay.log, "\"stopped\"").await;
    assert_eq!(relay.end().await.0.code(), Some(0));
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_in_hand() {
    let stand_in = stand_in().await;
    let ca_file = NamedTempFile::new().unwrap();
    let mut variables = variables(&stand_in, &ca_file);
    variables.push(("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0".to_owned()));
    variables.push(("SESGATE_ADMIN_ADDRESS", "127.0.0.1:0".to_owned()));
    let mut relay = Running::start(&["serve"], &variables);

    // The log is JSON lines, since no terminal reads it.
    let listening: serde_json::Value =
        serde_json::from_str(&line_with(&mut relay.log, "\"listening\"").await).unwrap();
    let address: SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();
    let admin: serde_json::Value =
        serde_json::from_str(&line_with(&mut relay.log, "the admin listener listens").await).unwrap();
    line_with(&mut relay.log, "Amazon SES takes the login").await;
    variables.push(("SESGATE_LISTENER_ADDRESS", address.to_string()));
    variables.push(("SESGATE_ADMIN_ADDRESS", admin["address"].as_str().unwrap().to_owned()));
    assert!(sesgate(&["health"], &variables).status().await.unwrap().success());
    assert!(sesgate(&["health", "--ready"], &variables).status().await.unwrap().success());

    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(&mut stream, "EHLO app\r\nMAIL FROM:<app@mail1.tak1wa.com>\r\n", "2.1.0 Ok").await;
    ask(&mut stream, "RCPT TO:<bob@example.com>\r\nDATA\r\n", "354 ").await;
    relay.tell_to_stop().await;
    line_with(&mut relay.log, "stopping").await;
    closed(address).await;
    assert!(sesgate(&["health"], &variables).status().await.unwrap().success());
    let asked = sesgate(&["health", "--ready"], &variables).output().await.unwrap();
    assert_eq!(asked.status.code(), Some(1));
    let told = String::from_utf8(asked.stdout).unwrap();
    assert!(told.contains("the relay was told to stop"), "{told}");
    ask(&mut stream, "From: app@mail1.tak1wa.com\r\n\r\nIn hand\r\n.\r\n", "250 2.0.0 Ok 0").await;
    ask(&mut stream, "", "421 4.3.2 ").await;
    drop(stream);

    let (status, audit) = relay.end().await;
    assert_eq!(status.code(), Some(0));
    let record: serde_json::Value = serde_json::from_str(&audit).expect("one line");
    assert_eq!(record["effect"], "allow");
    assert_eq!(stand_in.mailbox().mails()[0].summary.message_id, record["ses_message_id"]);

    let asked = sesgate(&["health"], &variables).output().await.unwrap();
    assert_eq!(asked.status.code(), Some(1));
    let told = String::from_utf8(asked.stderr).unwrap();
    let expected = format!("admin listener on {}: Connection refused", admin["address"].as_str().unwrap());
    assert!(told.starts_with(&expected), "{told}");
    variables.push(("SESGATE_ADMIN_ADDRESS", "off".to_owned()));
    let asked = sesgate(&["health"], &variables).output().await.unwrap();
    assert_eq!(asked.status.code(), Some(1));
    let told = String::from_utf8(asked.stderr).unwrap();
    assert!(told.starts_with(&format!("listener `default` on {address}: Connection refused")), "{told}");
}

#[tokio::test]
async fn the_sandbox_says_what_to_type_and_tells_of_each_mail() {
    let mut sandbox = Running::start(&["sandbox", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], &[]);
    let host = line_with(&mut sandbox.output, "SMTP host ").await;
    let port = host.split("port ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let page = line_with(&mut sandbox.output, "http://").await;
    let page = page.split("http://").nth(1).and_then(|page| page.strip_suffix('/')).unwrap();
    let mut stream = TcpStream::connect(page).await.unwrap();
    ask(&mut stream, &format!("GET /readyz HTTP/1.0\r\nHost: {page}\r\n\r\n"), "200 OK\r\n").await;
    line_with(&mut sandbox.output, &format!("curl smtp://{address} --mail-from app@mail1.tak1wa.com")).await;
    line_with(&mut sandbox.output, &format!("swaks --server {address} --from ceo@mail1.tak1wa.com")).await;

    let reply = send_hello(address, "app@mail1.tak1wa.com").await;
    assert!(reply.starts_with("250 "), "{reply}");
    line_with(&mut sandbox.output, "allowed   app@mail1.tak1wa.com -> bob@example.com").await;
    line_with(&mut sandbox.output, &reply).await;

    let reply = send_hello(address, "ceo@mail1.tak1wa.com").await;
    assert!(reply.starts_with("554 5.7.1 Denied by policy: statement OnlyTheAppAddress "), "{reply}");
    line_with(&mut sandbox.output, "refused   ceo@mail1.tak1wa.com -> bob@example.com").await;
    line_with(&mut sandbox.output, &reply).await;
    line_with(&mut sandbox.output, "only-the-app-address.json:5 (OnlyTheAppAddress) denies identity").await;

    sandbox.tell_to_stop().await;
    let (status, rest) = sandbox.end().await;
    assert_eq!((status.code(), rest.trim()), (Some(0), "stopping"));
}

#[tokio::test]
async fn the_sandbox_opens_every_listener_of_a_configuration_on_this_machine() {
    // Whatever login of SES the configuration names, it has no business here and need not be at hand.
    let login = [("SESGATE_SES_ACCESS_KEY_ID_FILE", "nowhere".to_owned())];
    let arguments = ["sandbox", "--listen", "127.0.0.1:0", "--config", "tests/apps/sesgate.toml"];
    let mut sandbox = Running::start(&arguments, &login);
    for listener in ["open", "strict", "tls-only"] {
        let line = line_with(&mut sandbox.output, &format!(" is `{listener}`")).await;
        let address: SocketAddr = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!(address.ip().is_loopback());
        let mut greeting = [0; 4];
        TcpStream::connect(address).await.unwrap().read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 ", "{listener}");
    }
}

#[tokio::test]
async fn what_the_sandbox_tells_to_type_does_what_it_says() {
    let mut sandbox = Running::start(&["sandbox", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], &[]);
    line_with(&mut sandbox.output, "a mail that is allowed").await;
    let (mut paragraphs, mut paragraph) = (Vec::new(), String::new());
    loop {
        match timeout(PATIENCE, sandbox.output.next_line()).await.unwrap().unwrap().unwrap().as_str() {
            "" => paragraphs.push(std::mem::take(&mut paragraph)),
            "Each mail shows here and on the page. Ctrl-C stops." => break,
            line => writeln!(paragraph, "{line}").unwrap(),
        }
    }
    let [_, curl, swaks, smtplib, _, refused] = &paragraphs[..] else { panic!("{paragraphs:?}") };
    for (program, command) in [("curl", curl), ("swaks", swaks), ("python3", smtplib)] {
        if is_installed(program, &[program, "--version"], IN_CI) {
            let said = program::run(shell(command)).await;
            assert_eq!(said.exit_code, Some(0), "{command}: {said:?}");
            line_with(&mut sandbox.output, "allowed   app@mail1.tak1wa.com -> bob@example.com").await;
        }
    }
    for command in refused.lines() {
        if is_installed("swaks", &["swaks", "--version"], IN_CI) {
            let Said { exit_code, text } = program::run(shell(command)).await;
            assert!(
                exit_code != Some(0) && text.contains("<** 554 5.7.1 Denied by policy"),
                "{command}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn the_sandbox_tells_what_ses_was_sent_and_fails_when_told_to() {
    let arguments = ["sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
    let mut sandbox = Running::start(&arguments, &[]);
    let host = line_with(&mut sandbox.output, "SMTP host ").await;
    let port = host.split("port ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let ask = line_with(&mut sandbox.output, "/mails").await;
    let fail = line_with(&mut sandbox.output, "/faults").await;
    if !is_installed("curl", &["curl", "--version"], IN_CI) {
        return;
    }
    assert_eq!(program::run(shell(&format!("{fail} --silent"))).await.exit_code, Some(0));
    let reply = send_hello(address, "app@mail1.tak1wa.com").await;
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    let reply = send_hello(address, "app@mail1.tak1wa.com").await;
    assert!(reply.starts_with("250 "), "{reply}");
    let said = program::run(shell(&format!("{ask} --silent"))).await;
    let mails: serde_json::Value = serde_json::from_str(&said.text).unwrap();
    assert_eq!(mails[0]["recipients"], serde_json::json!(["bob@example.com"]));
    assert_eq!(mails[0]["subject"], "hello");
    assert_eq!(mails[1], serde_json::Value::Null);
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// A relay that listens, with its address.
async fn listening(
    stand_in: &StandIn,
    ca_file: &NamedTempFile,
    more: &[(&'static str, &str)],
) -> (Running, SocketAddr) {
    let mut variables = variables(stand_in, ca_file);
    variables.push(("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0".to_owned()));
    variables.push(("SESGATE_ADMIN_ADDRESS", "off".to_owned()));
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let mut relay = Running::start(&["serve"], &variables);
    let told = line_with(&mut relay.log, "\"listening\"").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    (relay, told["address"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_keeps_no_mail_waiting() {
    let (stand_in, ca_file) = (stand_in().await, NamedTempFile::new().unwrap());
    let (relay, address) = listening(&stand_in, &ca_file, &[]).await;
    // Some 130 kB of records, and a pipe takes 64.
    for _ in 0..100 {
        let said = send_hello(address, "ceo@mail1.tak1wa.com").await;
        assert!(said.starts_with("554 5.7.1 Denied by policy"), "{said}");
    }
    relay.tell_to_stop().await;
    let (status, audit) = relay.end().await;
    assert_eq!((status.code(), audit.lines().count()), (Some(0), 100));
}

#[tokio::test]
async fn without_a_record_no_mail_is_taken_if_records_are_required() {
    let (stand_in, ca_file) = (stand_in().await, NamedTempFile::new().unwrap());
    for (required, expected) in
        [("false", "250 2.0.0 Ok "), ("true", "451 4.3.0 The relay cannot send mail at present")]
    {
        // Its disk is always full.
        let more = [("SESGATE_AUDIT_FILE", "/dev/full"), ("SESGATE_AUDIT_REQUIRED", required)];
        let (mut relay, address) = listening(&stand_in, &ca_file, &more).await;
        // Nobody knows yet that records cannot be written.
        let said = send_hello(address, "app@mail1.tak1wa.com").await;
        assert!(said.starts_with("250 2.0.0 Ok "), "{said}");
        line_with(&mut relay.log, "No space left on device").await;
        let said = send_hello(address, "app@mail1.tak1wa.com").await;
        assert!(said.starts_with(expected), "{said}");
        relay.tell_to_stop().await;
        // Standard output has both.
        let (status, audit) = relay.end().await;
        assert_eq!((status.code(), audit.lines().count()), (Some(0), 2));
    }
}

#[tokio::test]
async fn the_log_tells_of_each_connection_once_it_is_over() {
    let (stand_in, ca_file) = (stand_in().await, NamedTempFile::new().unwrap());
    let (mut relay, address) = listening(&stand_in, &ca_file, &[]).await;
    // Who only looks whether the port is open is not worth a line.
    drop(TcpStream::connect(address).await.unwrap());
    send_hello(address, "ceo@mail1.tak1wa.com").await;
    let told = line_with(&mut relay.log, "\"the connection ended\"").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let expected = serde_json::json!({
        "level": "INFO", "message": "the connection ended", "target": "sesgate::server::course",
        "listener": "default", "app": "default", "mails_sent": 0, "mails_refused": 1, "octets_in": 164,
        "ended": "221 2.0.0 Bye",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(told[name], *value, "{name} in {told:#}");
    }
    assert!(told["octets_out"].as_u64() > Some(200) && told["milliseconds"].is_u64(), "{told:#}");
    assert!(told["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{told:#}");
    relay.tell_to_stop().await;
    relay.end().await;
}
