//! Connections that dawdle, against a server of narrow limits.
#![cfg(feature = "serve")]
#![allow(clippy::unwrap_used)]

use candle_core::Device;
use conv_dialog::guess::{Agents, ScenePool, draw_scenes};
use conv_dialog::serve::{Limits, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(500);

fn start(limits: Limits) -> SocketAddr {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/guess-agents");
    let agents = Agents::open(&folder, &Device::Cpu).unwrap();
    let pool = ScenePool::new(draw_scenes(20, 1));
    let server = Server::bind(([127, 0, 0, 1], 0).into(), &[], agents, pool, limits).unwrap();
    let address = server.address();
    std::thread::spawn(move || server.run());
    address
}

/// What the server has still said where it ends the connection, however it does, before this has
/// gone by.
fn end(stream: &mut TcpStream, within: Duration) -> Option<usize> {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        _ => Some(said.len()),
    }
}

#[test]
fn a_turn_is_over_in_time_however_many_bytes_it_comes_in() {
    let address = start(Limits { turn: TURN, ..Limits::default() });
    let begun = Instant::now();
    let mut silent = TcpStream::connect(address).unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    let head = format!("GET /pool HTTP/1.1\r\nHost: {address}\r\n");
    let sent = head.bytes().cycle().take_while(|byte| {
        std::thread::sleep(TURN / 20);
        // A byte at a time is enough for nothing: in the end the server does not listen.
        begun.elapsed() < TURN * 20 && slow.write_all(&[*byte]).is_ok()
    });
    assert!(sent.count() < 380);
    assert_eq!([end(&mut slow, TURN), end(&mut silent, TURN)], [Some(0); 2]);
    // Who takes nothing of what it asked for is not waited for either.
    let mut deaf = TcpStream::connect(address).unwrap();
    deaf.set_write_timeout(Some(TURN)).unwrap();
    let asked = format!("GET /page.js HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let times = 6000;
    let _ = deaf.write_all(asked.repeat(times).as_bytes());
    std::thread::sleep(TURN * 4);
    let said = end(&mut deaf, Duration::from_secs(20));
    assert!(said.is_some_and(|bytes| bytes < times * 4000), "{said:?}");
}

#[test]
fn further_clients_wait_for_a_place_and_get_it() {
    let address = start(Limits { turn: TURN, connections: 2, ..Limits::default() });
    let _silent: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /pool HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("\"scenes\":20"), "{text}");
}

#[test]
fn limits_of_nothing_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/guess-agents");
    let bind = |limits, scenes| {
        let agents = Agents::open(&folder, &Device::Cpu).unwrap();
        let pool = ScenePool::new(draw_scenes(scenes, 1));
        let server = Server::bind(([127, 0, 0, 1], 0).into(), &[], agents, pool, limits);
        server.unwrap_err().to_string()
    };
    assert!(bind(Limits { games: 0, ..Limits::default() }, 2).contains("games"));
    assert!(bind(Limits { turn: Duration::ZERO, ..Limits::default() }, 2).contains("turn"));
    assert!(bind(Limits::default(), 0).contains("scene 0 of 0"));
}
