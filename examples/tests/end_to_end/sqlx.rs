//! sqlx's pool: its connections get the options, though it shows no descriptor, and none that is
//! dead is handed out.

use std::io::{Read, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;

use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;
use deadpeer_sys::sock_diag::{SockDiag, TimerKind};

use crate::scene::{SOON, Scene, listen, silence, start, until};

/// What the server sees.
enum Event {
    Accepted(TcpStream),
    Query(String),
    /// The pool takes the connection back, or hands it out again.
    Ping,
}

#[test]
fn sqlx_never_hands_out_the_dead() {
    inside(|| {
        let scene = Scene::new();
        let (listener, address) = listen(scene.far());
        let (seen, events) = mpsc::channel();
        thread::spawn(move || serve_all(&listener, &seen));
        let mut client = start(scene.here(), "sqlx_client", &address, "");
        let next = || events.recv_timeout(SOON).unwrap();
        let query = |expected| {
            until("the query", || match next() {
                Event::Query(query) => query == expected,
                Event::Ping => false,
                Event::Accepted(_) => panic!("the connection is healthy"),
            });
        };

        client.say("SELECT 1");
        assert_eq!(client.line(SOON), "protected 1");
        let Event::Accepted(first) = next() else {
            panic!("connections come first");
        };
        query("SELECT 1");
        assert_eq!(client.line(SOON), "answered SELECT 1");
        let begun = first.peer_addr().unwrap();
        until("the kernel of the client asks", || {
            is_kept_alive(&scene, begun, first.local_addr().unwrap())
        });

        client.say("SELECT 2");
        query("SELECT 2");
        assert_eq!(client.line(SOON), "answered SELECT 2");
        until("the pool has it back", || matches!(next(), Event::Ping));
        silence(&first);

        let forgotten = Condition::tcp().port(begun.port());
        let rule = Rule::new("forgotten", forgotten, Action::Drop);
        let rule = scene.lab().wire().add(rule).unwrap();
        client.say("SELECT 3");
        assert_eq!(client.line(SOON), "protected 1", "the dead one is closed");
        assert_eq!(client.line(SOON), "answered SELECT 3");
        let Event::Accepted(second) = next() else {
            panic!("a new connection");
        };
        assert_ne!(second.peer_addr().unwrap(), begun);
        let count = scene.lab().wire().count(rule).unwrap();
        assert!(count.unwrap().acted > 0, "it was asked, in vain");
    });
}

fn is_kept_alive(scene: &Scene, local: SocketAddr, server: SocketAddr) -> bool {
    let mut table = scene.here().enter(SockDiag::open).unwrap().unwrap();
    let socket =
        deadpeer_sys::sock_diag::Socket::new(deadpeer::TcpState::Established, local, server);
    let timer = table.socket_between(&socket.id(), false, |socket| socket.timer);
    let timer = timer
        .unwrap()
        .expect("it is in the table")
        .expect("a timer");
    timer.kind == TimerKind::Keepalive && timer.expires_in_ms < 60_000
}

/// Answers every query of PostgreSQL's protocol with nothing.
fn serve_all(listener: &TcpListener, seen: &Sender<Event>) {
    while let Ok((stream, _)) = listener.accept() {
        let shown = stream.try_clone().unwrap();
        seen.send(Event::Accepted(shown)).unwrap();
        let seen = seen.clone();
        thread::spawn(move || serve(stream, &seen));
    }
}

/// Until the client leaves.
fn serve(mut stream: TcpStream, seen: &Sender<Event>) -> Result<()> {
    const READY: &[u8] = b"Z\0\0\0\x05I";
    read_body(&mut stream)?;
    stream.write_all(&[b"R\0\0\0\x08\0\0\0\0", READY].concat())?;
    loop {
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        let body = read_body(&mut stream)?;
        let event = match &kind {
            b"Q" => {
                stream.write_all(b"I\0\0\0\x04")?;
                let query = String::from_utf8_lossy(&body);
                Event::Query(query.trim_end_matches('\0').to_owned())
            }
            b"S" => Event::Ping,
            _ => return Ok(()),
        };
        stream.write_all(READY)?;
        // The test may have ended.
        let _ = seen.send(event);
    }
}

/// What follows a length, which counts itself.
fn read_body(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}
