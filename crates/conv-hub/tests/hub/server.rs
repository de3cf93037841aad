//! A hub of a few files on the loopback: it answers what the client asks for a listing and a
//! download, and counts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A repository: its kind as it stands in addresses (`models` or `datasets`), its id, its files.
#[derive(Clone)]
pub struct Served {
    pub kind: &'static str,
    pub id: &'static str,
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    /// Replaces the length that the listing gives for each file.
    pub listed_size: Option<usize>,
}

pub struct Server {
    pub endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves until the process ends; each request has its own connection.
    pub fn start(served: Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &served, &log);
            }
        });
        Self { endpoint, requests }
    }

    /// What was asked for so far, as `GET /path`.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, served: &Served, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?).take(1 << 16);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    log.lock().unwrap().push(format!("{method} {target}"));
    let body = find(target, served);
    let (status, body) = match &body {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", b"{}".as_slice()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"../../../../escaped\"\r\nX-Repo-Commit: {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\n\r\n",
        body.len(),
        served.commit
    )?;
    if method != "HEAD" {
        stream.write_all(body)?;
    }
    stream.flush()
}

fn find(target: &str, served: &Served) -> Option<Vec<u8>> {
    let Served { kind, id, commit, .. } = served;
    let path = target.split('?').next()?;
    if path == format!("/api/{kind}/{id}/revision/main")
        || path == format!("/api/{kind}/{id}/revision/v1")
    {
        return Some(format!(r#"{{"id":"{id}","sha":"{commit}"}}"#).into_bytes());
    }
    if path == format!("/api/{kind}/{id}/tree/{commit}") {
        let entry = |(name, bytes): (&String, &Vec<u8>)| {
            let size = served.listed_size.unwrap_or(bytes.len());
            format!(r#"{{"type":"file","oid":"0","size":{size},"path":"{name}"}}"#)
        };
        let entries: Vec<String> = served.files.iter().map(entry).collect();
        return Some(
            format!(r#"[{{"type":"directory","oid":"0","path":"data"}},{}]"#, entries.join(","))
                .into_bytes(),
        );
    }
    let prefix = if *kind == "models" { String::new() } else { format!("{kind}/") };
    let name = path.strip_prefix(&format!("/{prefix}{id}/resolve/{commit}/"))?;
    served.files.get(name).cloned()
}
