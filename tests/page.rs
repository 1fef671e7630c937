//! The page, in a real browser: it loads in one request, shows mails as they come, answers, and lets nothing that a mail
//! says of itself be more than text.
#![cfg(test)]

#[path = "page/browser.rs"]
mod browser;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use browser::Browser;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);
const PAGE_OCTETS_MAX: u64 = 50_000;
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

const SENDER: &str = "app@mail1.tak1wa.com";
const HELLO: &str =
    "From: app@mail1.tak1wa.com\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nHello Bob\r\n";

/// `sesgate sandbox`. It ends with it.
struct Sandbox {
    smtp: SocketAddr,
    page: String,
    _process: Child,
}

impl Sandbox {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(arguments);
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut smtp, mut page) = (None, None);
        while smtp.is_none() || page.is_none() {
            let line = timeout(PATIENCE, said.next_line()).await.unwrap().unwrap().unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            match *words {
                ["SMTP", "host", host, "port", port, ..] => {
                    let address = format!("{}:{}", host.trim_end_matches(','), port.trim_end_matches(','));
                    smtp = Some(address.parse().unwrap());
                }
                ["page", address, ..] => page = Some(address.trim_end_matches('/').to_owned()),
                _ => {}
            }
        }
        // What it says of mails is read by nobody, and must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Self { smtp: smtp.unwrap(), page: page.unwrap(), _process: process }
    }

    /// Sends a mail, and says what the relay answered to it.
    async fn send(&self, from: &str, to: &str, message: &str) -> String {
        let stream = TcpStream::connect(self.smtp).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut answer = String::new();
        let message = format!("{message}.");
        for line in
            ["", "EHLO a", &format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>"), "DATA", &message]
        {
            if !line.is_empty() {
                stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
            }
            answer.clear();
            // The last line of an answer has a space behind its code.
            while answer.lines().last().is_none_or(|line| line.as_bytes().get(3) != Some(&b' ')) {
                timeout(PATIENCE, stream.read_line(&mut answer)).await.unwrap().unwrap();
            }
        }
        answer
    }
}

#[tokio::test]
async fn every_page_is_small_whole_legible_and_without_a_fault() {
    let (Some(browser), sandbox) = (Browser::start().await, Sandbox::start().await) else { return };
    sandbox.send(SENDER, "bob@example.com", HELLO).await;
    sandbox.send("ceo@mail1.tak1wa.com", "bob@example.com", &HELLO.replace("app@", "ceo@")).await;
    browser.open(&format!("{}/decisions", sandbox.page)).await;
    let addresses = "return Array.from(document.querySelectorAll('#rows a'), (a) => a.getAttribute('href'))";
    let decisions = browser.script(addresses).await;
    browser.open(&format!("{}/mails", sandbox.page)).await;
    let mails = browser.script(addresses).await;
    let some = decisions.as_array().unwrap().iter().chain(mails.as_array().unwrap());
    let some: Vec<&str> = some.map(|address| address.as_str().unwrap()).collect();
    assert_eq!(some.len(), 3, "{some:?}");
    let pages = ["/", "/decisions", "/playground", "/policies", "/policies/2", "/mails", "/nothing-here"];
    browser.console().await;
    for path in pages.iter().chain(&some) {
        browser.open(&format!("{}{path}", sandbox.page)).await;
        let requests = browser.script("return performance.getEntriesByType('resource').length").await;
        assert_eq!(requests, json!(0), "{path} fetches more than itself");
        let octets =
            browser.script("return performance.getEntriesByType('navigation')[0].transferSize").await;
        assert!((1..PAGE_OCTETS_MAX).contains(&octets.as_u64().unwrap()), "{path} has {octets} octets");
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 360)] {
            browser.appear(scheme, width).await;
            let contrast = browser.script(include_str!("page/contrast.js")).await;
            assert_eq!(contrast["poor"], json!([]), "{path} in {scheme}");
            assert!(contrast["looked"].as_u64().unwrap() > 10, "{path}: {contrast}");
            let overflow =
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.script(overflow).await, json!(0), "{path} is wider than {width}");
        }
        let unnamed = "return Array.from(document.querySelectorAll('input,select,textarea'))\
            .filter((field) => !field.labels.length).map((field) => field.name)";
        assert_eq!(browser.script(unnamed).await, json!([]), "{path} has fields without a label");
        let told = browser.console().await;
        let is_fine = |line: &&String| path == &"/nothing-here" && line.contains("404");
        let told: Vec<&String> = told.iter().filter(|line| !is_fine(line)).collect();
        assert!(told.is_empty(), "{path}: {told:?}");
    }
}

#[tokio::test]
async fn the_list_grows_as_mails_come_and_a_keyboard_is_enough_to_read_why() {
    let (Some(browser), sandbox) = (Browser::start().await, Sandbox::start().await) else { return };
    browser.open(&format!("{}/decisions", sandbox.page)).await;
    browser.wait_until("document.body.innerText.includes('No mail has come since the start')").await;
    sandbox.send(SENDER, "bob@example.com", HELLO).await;
    browser.wait_until("document.querySelectorAll('#rows tbody tr.good').length === 1").await;
    let reply = sandbox
        .send(SENDER, "eve@elsewhere.test", &HELLO.replace("bob@example.com", "eve@elsewhere.test"))
        .await;
    assert!(reply.starts_with("554 5.7.1 Denied by policy"), "{reply}");
    browser.wait_until("document.querySelectorAll('#rows tbody tr').length === 2").await;

    browser.strike(TAB).await;
    let focus = "return document.activeElement.textContent";
    assert_eq!(browser.script(focus).await, json!("Skip to content"));
    for _ in 0..40 {
        browser.strike(TAB).await;
        let outline = "return getComputedStyle(document.activeElement).outlineStyle";
        assert_eq!(browser.script(outline).await, json!("solid"), "{}", browser.script(focus).await);
        let is_row = "return document.activeElement.closest('tr.bad') !== null";
        if browser.script(is_row).await == json!(true) {
            break;
        }
    }
    browser.strike(ENTER).await;
    browser.wait_until("location.pathname.startsWith('/decisions/0')").await;
    let text = browser.script("return document.querySelector('main').innerText").await;
    let text = text.as_str().unwrap();
    for expected in [
        reply.trim_end(),
        "Denied by OnlyRecipientsAtExampleCom, config/policy/only-known-recipients.json:5",
        "`eve@elsewhere.test` does not match `*@example.com`",
        "\"ses:Recipients\": \"*@example.com\"",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in\n{text}");
    }
    let marked = browser.script("return document.querySelectorAll('.source .marked').length").await;
    assert!(marked.as_u64().unwrap() >= 8, "{marked} lines are marked");
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test]
async fn the_playground_answers_and_sets_a_candidate_beside_what_is_in_force() {
    let (Some(browser), sandbox) = (Browser::start().await, Sandbox::start().await) else { return };
    browser.open(&format!("{}/playground", sandbox.page)).await;
    browser.click("button.main").await;
    browser.wait_until("document.querySelector('#answer')?.innerText.includes('allowed') === true").await;

    browser.type_into("[name=from]", "\"Q&A <team>\" <ceo@mail1.tak1wa.com>").await;
    let candidate = include_str!("../config/policy/only-the-app-address.json");
    let candidate =
        candidate.replace("\"app@mail1.tak1wa.com\"", "[\"app@mail1.tak1wa.com\", \"ceo@mail1.tak1wa.com\"]");
    browser.script(&format!("document.querySelector('[name=candidate]').value = {}", json!(candidate))).await;
    let choice =
        "document.querySelector('[name=replaces]').value = 'config/policy/only-the-app-address.json'";
    browser.script(choice).await;
    browser.click("button.main").await;
    browser.wait_until("document.querySelectorAll('#answer > section').length === 2").await;
    let sides = browser
        .script("return Array.from(document.querySelectorAll('#answer h2'), (h) => h.innerText)")
        .await;
    assert_eq!(sides, json!(["By the policies in force: denied", "With the candidate: allowed"]));
    let kept = browser.script("return document.querySelector('[name=from]').value").await;
    assert_eq!(kept, json!("\"Q&A <team>\" <ceo@mail1.tak1wa.com>"));

    browser
        .script(
            "document.querySelector('[name=candidate]').value = '{\"Statement\": [{\"Effect\": \"Dany\"}]}'",
        )
        .await;
    browser.click("button.main").await;
    browser.wait_until("document.querySelector('#answer').innerText.includes('cannot be used')").await;
    let findings = browser.script("return document.querySelector('#answer .findings').innerText").await;
    assert!(findings.as_str().unwrap().contains("line 1 error"), "{findings}");
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test]
async fn a_changed_policy_is_in_force_at_once_and_one_in_error_is_told_and_not() {
    let folder = tempfile::tempdir().unwrap();
    let copies = ["allow-sending.json", "only-the-app-address.json"].map(|name| {
        let to = folder.path().join(name);
        std::fs::copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy")).join(name), &to)
            .unwrap();
        to.display().to_string()
    });
    let [allow, only] = &copies;
    let (Some(browser), sandbox) =
        (Browser::start().await, Sandbox::start_with(&["--policy", allow, only]).await)
    else {
        return;
    };
    let text = "document.body.innerText";
    browser.open(&format!("{}/", sandbox.page)).await;
    browser.wait_until(&format!("{text}.includes('generation 1, in force')")).await;
    let forged = HELLO.replace("app@", "ceo@");
    let reply = sandbox.send("ceo@mail1.tak1wa.com", "bob@example.com", &forged).await;
    assert!(reply.starts_with("554 5.7.1 Denied by policy: statement OnlyTheAppAddress"), "{reply}");

    let policy = std::fs::read_to_string(only).unwrap();
    std::fs::write(only, policy.replace("app@mail1", "*@mail1").replace("\"Deny\"", "\"Dany\"")).unwrap();
    browser.wait_until(&format!("{text}.includes('so generation 1 stays in force')")).await;
    let poor = browser.script(include_str!("page/contrast.js")).await;
    assert_eq!(poor["poor"], json!([]));
    let reply = sandbox.send("ceo@mail1.tak1wa.com", "bob@example.com", &forged).await;
    assert!(reply.starts_with("554 5.7.1"), "{reply}");

    std::fs::write(only, policy.replace("app@mail1", "*@mail1")).unwrap();
    browser.wait_until(&format!("{text}.includes('generation 2, in force')")).await;
    let reply = sandbox.send("ceo@mail1.tak1wa.com", "bob@example.com", &forged).await;
    assert!(reply.starts_with("250 2.0.0 Ok "), "{reply}");
    // The first decision is told as it was, and that it would be another now.
    browser.open(&format!("{}/decisions?became=denied", sandbox.page)).await;
    browser.click("#rows a").await;
    browser.wait_until(&format!("{text}.includes('asked now, they say otherwise')")).await;
}

#[tokio::test]
async fn what_a_mail_says_of_itself_is_never_more_than_text() {
    let (Some(browser), sandbox) = (Browser::start().await, Sandbox::start().await) else { return };
    let evil = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script>";
    let message = format!(
        "From: \"{}\" <{SENDER}>\r\nTo: \"'onfocus='window.hit=1' autofocus\" <bob@example.com>\r\n\
         Subject: </title>{evil}\r\nX-A: {evil}\r\n\r\n</pre>{evil}\r\n",
        evil.replace('"', "\\\""),
    );
    let reply = sandbox.send(SENDER, "bob@example.com", &message).await;
    assert!(reply.starts_with("250 "), "{reply}");
    // Letters that an address may have, and that mean something in HTML.
    let address = "a&lt'b=`{x}@example.com";
    let reply =
        sandbox.send(address, address, &format!("From: {address}\r\nTo: {address}\r\n\r\n{evil}\r\n")).await;
    assert!(reply.starts_with("554 "), "{reply}");
    let links = "return Array.from(document.querySelectorAll('#rows a'), (a) => a.getAttribute('href'))";
    let mut paths = vec!["/".to_owned(), "/decisions".to_owned(), "/mails".to_owned()];
    for list in ["/decisions", "/mails"] {
        browser.open(&format!("{}{list}", sandbox.page)).await;
        let found = browser.script(links).await;
        paths.extend(found.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()));
    }
    assert_eq!(paths.len(), 6, "{paths:?}");
    paths.push("/playground?from=%22%3E%3Cscript%3Ewindow.hit=1%3C/script%3E".to_owned());
    paths.push("/decisions?address=%22%3E%3Cscript%3Ewindow.hit=1%3C/script%3E&before=9".to_owned());
    paths.push("/decisions/%3Cscript%3Ewindow.hit=1%3C%2Fscript%3E".to_owned());
    let mut seen = String::new();
    for path in &paths {
        browser.open(&format!("{}{path}", sandbox.page)).await;
        let made = "return [document.scripts.length, document.images.length, window.hit ?? null, \
            Array.from(document.querySelectorAll('*')).flatMap((e) => Array.from(e.attributes, (a) => a.name))\
            .filter((name) => name.startsWith('on'))]";
        assert_eq!(browser.script(made).await, json!([1, 0, null, []]), "{path}");
        seen.push_str(browser.script("return document.body.innerText").await.as_str().unwrap());
    }
    // It was there to be seen.
    assert!(seen.contains("onerror=\"window.hit=1\"") && seen.contains(address), "{seen}");
}
