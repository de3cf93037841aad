//! `dialog serve`, by raw HTTP against the running program, and in a browser: whom it answers, what
//! it bears, and what people see.
#![cfg(feature = "serve")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod browser;

use browser::Browser;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server of the shipped agents; it ends with the test.
struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example that `cargo test` has built beside this test.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("dialog");
    assert!(program.exists(), "build it first: cargo build --features serve --example dialog");
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--threads", "2"]);
    command.env_remove("CONVOKE_DATA").env("HF_HUB_OFFLINE", "1");
    command
}

impl Server {
    fn start() -> Self {
        let mut command = program();
        command.args(["serve", "--port", "0", "--pool", "200", "--json"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // It prints one object, over some lines, and keeps the output open.
        let found: Value = loop {
            assert!(output.read_line(&mut line).unwrap() > 0, "{line}");
            if let Ok(found) = serde_json::from_str(&line) {
                break found;
            }
        };
        assert_eq!(
            (found["scenes"].as_u64(), found["is_open"].as_bool()),
            (Some(200), Some(false))
        );
        let url = found["url"].as_str().unwrap();
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_string();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request as it is and reads to the end: status, head and body.
    fn raw(&self, request: &str) -> (u16, String, String) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        answer(stream)
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        let host = &self.address;
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, body: &str, more: &str) -> (u16, Value) {
        let host = &self.address;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        let (status, _, body) = self.raw(&(head + body));
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
    }
}

fn answer(mut stream: TcpStream) -> (u16, String, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_string())
}

#[test]
fn a_person_asks_and_the_agents_play() {
    let server = Server::start();
    let (status, head, page) = server.get("/");
    assert_eq!(status, 200, "{page}");
    for part in [
        "content-security-policy: default-src 'none'; script-src 'self'",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
        "content-type: text/html",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    // Nothing of it is elsewhere, and nothing runs that is written into it.
    assert!(!page.contains("://") && !page.contains("onclick") && !page.contains("<script>"));
    for (path, kind) in [("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let (status, head, body) = server.get(path);
        assert!(status == 200 && head.contains(kind) && !body.contains("http:"), "{path}: {head}");
    }
    let (status, head, body) = server.get("/scene/7.svg");
    assert!(status == 200 && head.contains("image/svg+xml") && body.starts_with("<svg xmlns"));
    let (_, _, body) = server.get("/pool");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["scenes"], 200);

    let (status, game) = server.post("/play", r#"{"scene": 7, "rounds": 3, "seed": 1}"#, "");
    assert_eq!((status, game["rounds"].as_array().unwrap().len()), (200, 3), "{game}");
    let questions: Vec<&str> = game["rounds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["question"].as_str().unwrap())
        .collect();
    let ask = json!({ "scene": 7, "seed": 1, "questions": questions }).to_string();
    // Who asks as Q-Bot did hears what it heard.
    assert_eq!(server.post("/ask", &ask, ""), (200, game.clone()));
    // What the program prints is the same game.
    let printed = program()
        .args(["play", "--pool", "200", "--target", "7", "--rounds", "3", "--json"])
        .output()
        .unwrap();
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed["rounds"][2]["question"].as_str(), Some(questions[2]));

    let wrong = |path: &str, body: &str, status: u16, part: &str| {
        let (found, body) = server.post(path, body, "");
        assert!(
            found == status && body["error"].as_str().unwrap().contains(part),
            "{found} {body}"
        );
    };
    wrong("/ask", r#"{"scene": 7, "seed": 1, "questions": ["how many dogs?"]}"#, 422, "`dogs`");
    wrong("/ask", r#"{"scene": 200, "seed": 1, "questions": []}"#, 422, "scene 200 of 200");
    wrong("/play", r#"{"scene": 7, "rounds": 21, "seed": 1}"#, 422, "at most 20");
    wrong("/play", r#"{"scene": 7, "rounds": -1, "seed": 1}"#, 422, "rounds");
    wrong("/play", r#"{"scene": 7"#, 400, "EOF");
    let long = json!({ "scene": 7, "seed": 1, "questions": ["x".repeat(201)] }).to_string();
    wrong("/ask", &long, 422, "201 bytes");
    for (path, status) in
        [("/nothing", 404), ("/scene/200.svg", 404), ("/scene/../x", 404), ("/ask", 405)]
    {
        assert_eq!(server.get(path).0, status, "{path}");
    }
}

#[test]
fn requests_of_other_sites_and_too_large_ones_are_refused() {
    let server = Server::start();
    let address = &server.address;
    let port = address.split(':').next_back().unwrap();
    let get = |host: &str| {
        server.raw(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!(get(&format!("localhost:{port}")).0, 200);
    for other in ["evil.example".to_string(), format!("evil.example:{port}"), "localhost".into()] {
        let (status, _, body) = get(&other);
        assert!(status == 421 && body.contains(address.as_str()), "{other}: {status} {body}");
    }
    let absolute = format!(
        "GET http://evil.example/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.raw(&absolute).0, 421);
    assert_eq!(server.raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").0, 400);

    let play = r#"{"scene": 1, "rounds": 1, "seed": 1}"#;
    let from = |origin: &str| server.post("/play", play, &format!("Origin: {origin}\r\n"));
    assert_eq!(from(&format!("http://{address}")).0, 200);
    for other in ["http://evil.example", "null", "https://localhost"] {
        let (status, body) = from(other);
        assert!(status == 403 && body["error"].as_str().unwrap().contains(other), "{body}");
    }
    // A form of another site, which is sent unasked, is no JSON.
    let form = format!(
        "POST /play HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{play}",
        play.len()
    );
    assert_eq!(server.raw(&form).0, 415);

    // A body that says how long it is, and one that does not.
    let head = format!(
        "POST /play HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    let (status, _, body) = server.raw(&format!("{head}Content-Length: 99999999999\r\n\r\n"));
    assert!(status == 413 && body.contains("error"), "{status} {body}");
    let mut stream = server.connect();
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 4096, " ".repeat(4096));
    // It may close before all is sent.
    (0..8).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).for_each(drop);
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    // A head without end.
    let mut stream = server.connect();
    let line = format!("X: {}\r\n", "x".repeat(8000));
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\n").as_bytes());
    (0..200).take_while(|_| stream.write_all(line.as_bytes()).is_ok()).for_each(drop);
    assert_eq!(server.get("/pool").0, 200);
}

#[test]
fn fifty_clients_play_while_slow_ones_dawdle() {
    let server = Server::start();
    let address = server.address.clone();
    // Some say nothing, some send a head and half a body, some never read what they asked for.
    let mut slow = Vec::new();
    for number in 0..60 {
        let mut stream = server.connect();
        let text = match number % 3 {
            0 => "GET / HT".to_string(),
            1 => format!(
                "POST /play HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"scene\""
            ),
            _ => format!("GET /page.js HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(200),
        };
        let _ = stream.write_all(text.as_bytes());
        slow.push(stream);
    }
    let begun = Instant::now();
    let games: Vec<Value> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|client| {
                let server = &server;
                scope.spawn(move || {
                    let body = json!({ "scene": client, "rounds": 5, "seed": 1 }).to_string();
                    let (status, game) = server.post("/play", &body, "");
                    assert_eq!(status, 200, "{game}");
                    game
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    // Each had its own game, alike alone and beside others.
    for (number, game) in games.iter().enumerate() {
        assert_eq!(game["scene"].as_str(), Some(&format!("scene {number}")[..]));
    }
    let alone = server.post("/play", r#"{"scene": 9, "rounds": 5, "seed": 1}"#, "").1;
    assert_eq!(games[9], alone);
    eprintln!("50 games beside 60 slow clients: {:.1} s", begun.elapsed().as_secs_f64());
    // Half a body is answered in the end, so that its place is free again.
    let (status, _, body) = answer_of(slow.swap_remove(1));
    assert!(status == 503 && body.contains("not done within 20 seconds"), "{status} {body}");
}

/// The answer of a connection that stays open.
fn answer_of(stream: TcpStream) -> (u16, String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head:?}");
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, String::from_utf8(body).unwrap())
}

#[test]
fn other_addresses_are_asked_for() {
    let output = program().args(["serve", "--address", "0.0.0.0", "--port", "0"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("expected --host NAME"), "{error}");
    let taken = Server::start();
    let port = taken.address.split(':').next_back().unwrap();
    let output = program().args(["serve", "--port", port]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("cannot serve on {}", taken.address)), "{error}");
}

/// By the keyboard alone, with what a screen reader says.
#[test]
fn a_person_plays_in_a_browser_by_keyboard() {
    let Some(program) = browser::chromium() else { return };
    let server = Server::start();
    let mut page = Browser::open(&program, &format!("http://{}/", server.address));
    page.until("document.getElementById('status').textContent.includes('is shown')");
    let rows = |count: usize| format!("document.querySelectorAll('#body tr').length === {count}");

    page.tab_to("e.id === 'question'");
    page.write("how many red things?");
    page.press("Enter");
    page.until(&rows(2));
    let status = page.value("document.getElementById('status').textContent");
    assert!(status.as_str().unwrap().starts_with("Round 1: how many red things ? "), "{status}");
    // The focus stays, for the next question; one that nobody understands leaves what was said.
    page.write("how many dogs?");
    page.press("Enter");
    page.until("document.getElementById('alert').textContent.includes('`dogs`')");
    assert_eq!(page.value(&rows(2)), json!(true));
    // It is said at once.
    let told = page.told();
    assert!(told.iter().any(|(role, _)| role == "alert"), "{told:?}");
    page.write("any cubes");
    page.press("Enter");
    page.until(&rows(3));
    assert_eq!(page.value("document.getElementById('alert').textContent"), json!(""));

    page.tab_to("e.id === 'rounds'");
    page.write("3");
    page.tab_to("e.id === 'slowly'");
    page.press(" ");
    page.tab_to("e.textContent === 'Let it ask'");
    page.press("Enter");
    page.until(&rows(4));
    page.until("document.getElementById('status').textContent.startsWith('Round 3')");

    let told = page.told();
    let is_told = |role: &str, name: &str| told.iter().any(|(r, n)| r == role && n.contains(name));
    for (role, name) in [
        ("heading", "Ask A-Bot"),
        ("combobox", "Your question"),
        ("spinbutton", "Scene"),
        ("button", "Ask"),
        ("button", "Let it ask"),
        ("checkbox", "one after the other"),
        ("table", "guesses among 200 scenes"),
        ("columnheader", "Answer"),
        ("rowheader", "told"),
        ("image", "rubber"),
    ] {
        assert!(is_told(role, name), "{role} {name}: {told:?}");
    }
    for role in ["main", "status"] {
        assert!(told.iter().any(|(found, _)| found == role), "{role}: {told:?}");
    }
    // Each picture has words.
    assert!(told.iter().all(|(role, name)| role != "image" || !name.is_empty()), "{told:?}");
    let own = format!("http://{}/", server.address);
    assert!(page.requests.iter().all(|url| url.starts_with(&own)), "{:?}", page.requests);
    // What was refused above is the one complaint.
    assert!(page.complaints.iter().all(|entry| entry.contains("422")), "{:?}", page.complaints);
}
