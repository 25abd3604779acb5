//! A headless Chromium, driven through its DevTools protocol over one WebSocket.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// Longer than any page takes on a busy machine; only a hung browser gets there.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    sent: u64,
    /// Log entries, exceptions and console calls since the last navigation.
    pub(super) complaints: Vec<String>,
    /// Addresses asked for since the last navigation.
    pub(super) requests: Vec<String>,
    loaded: bool,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// Starts Chromium; `None` where there is none, which is an error when `CI` is `true`.
    pub(super) fn start() -> Option<Self> {
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let profile = tempfile::tempdir().unwrap();
        let started = Command::new(&program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--hide-scrollbars", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{program} does not start: {error}");
                eprintln!("skipped: {program} does not start ({error}); install it or set CHROMIUM");
                return None;
            }
        };
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("the browser says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        let host = address.strip_prefix("ws://").unwrap().split('/').next().unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = tungstenite::client(address.as_str(), stream).unwrap();
        let mut browser = Self {
            process,
            socket,
            session: String::new(),
            sent: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Log", "Runtime", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Calls a method and returns its result.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            let answer = self.read();
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
        panic!("{method} got no answer");
    }

    fn read(&mut self) -> Value {
        let message = self.socket.read().expect("the browser answers");
        let Ok(text) = message.to_text() else { return Value::Null };
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loaded = true,
            "Log.entryAdded" => self.complaints.push(params["entry"]["text"].to_string()),
            "Runtime.exceptionThrown" => self.complaints.push(params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" => self.complaints.push(params["args"].to_string()),
            "Network.requestWillBeSent" => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
        event
    }

    /// Loads a page and waits until it is rendered.
    pub(super) fn open(&mut self, url: &str) {
        (self.loaded, self.complaints, self.requests) = (false, Vec::new(), Vec::new());
        let result = self.call("Page.navigate", json!({"url": url}));
        assert!(result["errorText"].is_null(), "{url}: {result}");
        let until = Instant::now() + DEADLINE;
        while !self.loaded {
            assert!(Instant::now() < until, "{url} did not load");
            self.read();
        }
    }

    /// The value of an expression in the page.
    pub(super) fn ask(&mut self, expression: &str) -> Value {
        let answer = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Sets the screen and the scheme of colours.
    pub(super) fn screen(&mut self, width: u32, height: u32, scheme: &str) {
        let mobile = width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": if mobile { 2 } else { 1 }, "mobile": mobile}),
        );
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// The whole page as PNG; kept under `name` where `SPANLEDGER_TEST_SCREENSHOTS` names a folder.
    pub(super) fn screenshot(&mut self, name: &str) -> Vec<u8> {
        let shot =
            self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        keep(name, &shot["data"])
    }

    /// What a reader sees of the page before scrolling, as PNG; kept like a whole page.
    pub(super) fn first_sight(&mut self, name: &str) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}));
        keep(name, &shot["data"])
    }

    /// The page as PDF, as a reader prints it; kept like a screenshot.
    pub(super) fn pdf(&mut self, name: &str) -> Vec<u8> {
        let params = json!({"printBackground": true, "preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.69});
        let printed = self.call("Page.printToPDF", params);
        keep(name, &printed["data"])
    }

    pub(super) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}),
            );
        }
    }
}

fn keep(name: &str, data: &Value) -> Vec<u8> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap();
    if let Some(folder) = std::env::var_os("SPANLEDGER_TEST_SCREENSHOTS") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(name), &bytes).unwrap();
    }
    bytes
}
