//! A real browser, told what to do over `WebDriver`: as much of it as these tests need, over a socket of its own.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The browser and its one window. Both end with it.
pub struct Browser {
    driver: SocketAddr,
    session: String,
    _process: Child,
}

impl Browser {
    /// None if this machine has no Chromium and is not CI.
    pub async fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) if std::env::var_os("CI").is_some() => {
                panic!("chromedriver cannot be started: {error}")
            }
            Err(_) => {
                eprintln!("skipped: there is no chromedriver on this machine (Debian: chromium-driver)");
                return None;
            }
        };
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = loop {
            let line = timeout(PATIENCE, said.next_line()).await.unwrap().unwrap().unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let mut browser =
            Self { driver: ([127, 0, 0, 1], port).into(), session: String::new(), _process: process };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let session = browser.ask("POST", "/session", &wanted).await;
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    pub async fn open(&self, address: &str) {
        self.tell("/url", &json!({ "url": address })).await;
    }

    /// What a script that runs in the page returns.
    pub async fn script(&self, script: &str) -> Value {
        self.tell("/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// Waits until a script returns `true`.
    pub async fn wait_until(&self, script: &str) {
        let begun = Instant::now();
        while self.script(&format!("return {script}")).await != json!(true) {
            assert!(begun.elapsed() < PATIENCE, "never: {script}");
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Types into the element that a CSS selector finds.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/clear"), &json!({})).await;
        self.tell(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Strikes a key, wherever the focus is.
    pub async fn strike(&self, key: char) {
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.tell("/actions", &keyboard).await;
    }

    /// Prefers `light` or `dark`, in a window of this width.
    pub async fn appear(&self, scheme: &str, width: u32) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features })).await;
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size).await;
    }

    /// What the console says since it was asked last.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.tell("/se/log", &json!({"type": "browser"})).await;
        entries.as_array().unwrap().iter().map(|entry| entry["message"].to_string()).collect()
    }

    async fn devtools(&self, command: &str, parameters: &Value) {
        self.tell("/goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.tell("/element", &json!({"using": "css selector", "value": selector})).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn tell(&self, path: &str, parameters: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), parameters).await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.driver).await.unwrap();
        let (body, host) = (body.to_string(), self.driver);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let body = timeout(PATIENCE, body_of(BufReader::new(stream))).await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// A driver that is killed leaves its browser behind, so it is told to close it first.
    fn drop(&mut self) {
        let ask = || -> io::Result<usize> {
            let mut stream = std::net::TcpStream::connect(self.driver)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "DELETE {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.session, self.driver)?;
            stream.read(&mut [0])
        };
        if let Err(error) = ask() {
            eprintln!("the browser may still run: {error}");
        }
    }
}

/// The browser inherits the connection, so that its end does not end an answer.
async fn body_of(mut stream: BufReader<TcpStream>) -> Vec<u8> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    body
}
