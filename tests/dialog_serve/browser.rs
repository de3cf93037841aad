//! A headless Chromium that is driven by its keyboard, over the DevTools protocol on two pipes.

use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything on the page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Chromium on the path, or what CHROMIUM names.
pub fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        |name: &PathBuf| std::env::split_paths(&folders).any(|folder| folder.join(name).is_file());
    let found = match std::env::var_os("CHROMIUM") {
        Some(program) => Some(PathBuf::from(program)),
        None => names.into_iter().find(on_path),
    };
    if found.is_none() {
        eprintln!("skipped: needs Chromium on the path, or its name in CHROMIUM");
    }
    found
}

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: File,
    from: File,
    left: Vec<u8>,
    session: Option<String>,
    sent: u64,
    /// Addresses that the page asked for.
    pub requests: Vec<String>,
    /// Errors and warnings of its console.
    pub complaints: Vec<String>,
    _place: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    pub fn open(program: &PathBuf, url: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| place.path().join(name));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        // The browser reads file 3 and writes file 4, which only a shell opens for it.
        let child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<\"$TO\" 4>\"$FROM\"", "sh"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", place.path().join("profile").display()))
            .arg("about:blank")
            .env("TO", &to)
            .env("FROM", &from)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = OpenOptions::new().write(true).open(to).unwrap();
        let from = File::open(from).unwrap();
        let mut browser = Self {
            child,
            to,
            from,
            left: Vec::new(),
            session: None,
            sent: 0,
            requests: Vec::new(),
            complaints: Vec::new(),
            _place: place,
        };
        let targets = browser.call("Target.getTargets", &json!({}));
        let pages = targets["targetInfos"].as_array().unwrap();
        let page = pages.iter().find(|target| target["type"] == "page").unwrap();
        let asked = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &asked);
        browser.session = attached["sessionId"].as_str().map(String::from);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.call("Page.navigate", &json!({ "url": url }));
        browser
    }

    /// Asks the browser and waits for its answer; notes what it says meanwhile.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.message();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            let event = &message["params"];
            match message["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    self.requests.push(event["request"]["url"].as_str().unwrap().into());
                }
                Some("Log.entryAdded") => self.complaints.push(event["entry"].to_string()),
                Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => {
                    self.complaints.push(event.to_string());
                }
                _ => {}
            }
        }
    }

    /// The next message, which ends in a zero byte.
    fn message(&mut self) -> Value {
        let mut buffer = [0; 1 << 16];
        loop {
            if let Some(end) = self.left.iter().position(|&byte| byte == 0) {
                let message: Vec<u8> = self.left.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            let count = self.from.read(&mut buffer).unwrap();
            assert!(count > 0, "the browser has gone");
            self.left.extend_from_slice(&buffer[..count]);
        }
    }

    /// The value of an expression on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let mut found = self.call("Runtime.evaluate", &asked);
        assert!(found["exceptionDetails"].is_null(), "{expression}: {found}");
        found["result"]["value"].take()
    }

    /// Waits until an expression is true, of a page that may not be there yet.
    pub fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        let tried = format!("(() => {{ try {{ return {expression} }} catch {{}} }})()");
        while self.value(&tried) != json!(true) {
            let page = self.value("document.body && document.body.innerText");
            assert!(begun.elapsed() < PATIENCE, "{expression}: {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key and lets it go.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            " " => (32, " "),
            _ => panic!("{key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Goes on by Tab until the focus is on what the expression is true of.
    pub fn tab_to(&mut self, is_there: &str) {
        let expression = format!("((e) => {is_there})(document.activeElement)");
        for _ in 0..40 {
            self.press("Tab");
            if self.value(&expression) == json!(true) {
                return;
            }
        }
        panic!("no Tab leads to {is_there}");
    }

    /// Writes into what has the focus, in the place of what stands there.
    pub fn write(&mut self, text: &str) {
        self.value("document.activeElement.select()");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// What a screen reader is told: roles and names.
    pub fn told(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_string();
        let shown = nodes.filter(|node| node["ignored"] != json!(true));
        shown.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }
}
