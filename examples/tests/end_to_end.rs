//! Every example against real peers: some vanish, some live.

mod programs;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use programs::{Program, until};

/// What the servers are told; a plan of two lost probes cannot promise less.
const DEADLINE: Duration = Duration::from_secs(10);

/// Two clients of a server: one vanishes, one goes on.
fn vanish(server: &str, ask: &[u8], words: &str) {
    in_private_netns(|| {
        let mut server = Program::start(server, &["127.0.0.1:0", "10"], "listening at ");
        let address = server.address();
        let mut gone = TcpStream::connect(&address).unwrap();
        let mut living = TcpStream::connect(&address).unwrap();
        let name = gone.local_addr().unwrap().to_string();
        gone.write_all(ask).unwrap();
        living.write_all(ask).unwrap();
        until("acknowledgements", || {
            let sent = |stream| deadpeer::inspect(stream).unwrap().unacked;
            sent(&gone) == Some(0) && sent(&living) == Some(0)
        });

        let start = Instant::now();
        sockopt::mute(&gone).unwrap();
        let line = server.line(DEADLINE + Duration::from_secs(2));
        assert!(line.contains(words), "{line:?}");
        assert!(!words.contains("gone") || line.contains(&name), "{line:?}");
        assert!(start.elapsed() <= DEADLINE + Duration::from_secs(1));

        // The other is still served: it hears neither an end nor an error.
        living.set_nonblocking(true).unwrap();
        let mut byte = [0; 1];
        match living.read(&mut byte) {
            Ok(len) => assert_eq!(len, 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    });
}

#[test]
fn thread_server() {
    vanish(
        "thread_server",
        b"",
        "gone: the peer did not answer any more",
    );
}

#[test]
fn mio_server() {
    vanish("mio_server", b"hello", "gone: silent for");
}

#[test]
fn tokio_server_gives_up_its_work() {
    vanish("tokio_server", b"600\n", "gone: timed-out (likely)");
}

#[test]
fn axum_server_gives_up_its_report() {
    let request = b"GET /report HTTP/1.1\r\nhost: localhost\r\n\r\n";
    vanish("axum_server", request, "the report stopped after");
}

#[test]
fn servers_tell_an_orderly_end() {
    in_private_netns(|| {
        for (server, words) in [
            ("thread_server", "finished"),
            ("mio_server", "gone: "),
            ("tokio_server", "finished"),
        ] {
            let mut server = Program::start(server, &["127.0.0.1:0", "10"], "listening at ");
            let client = TcpStream::connect(server.address()).unwrap();
            drop(client);
            let line = server.line(Duration::from_secs(5));
            assert!(line.contains(words), "{line:?}");
        }
    });
}

#[test]
fn thread_client() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut client = Program::start("thread_client", &[&address, "10"], "connected to ");
        let mut server = accept(&listener);
        server.write_all(b"news\n").unwrap();
        assert_eq!(client.line(Duration::from_secs(5)), "heard news");
        sockopt::mute(&server).unwrap();
        let line = client.line(DEADLINE + Duration::from_secs(2));
        assert!(
            line.starts_with("the server is gone: the peer did not answer"),
            "{line:?}"
        );
    });
}

#[test]
fn tokio_client_asks_before_it_sends() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut client = Program::start("tokio_client", &[&address], "connected to ");
        let mut server = accept(&listener);
        client.say("one");
        assert_eq!(client.line(Duration::from_secs(5)), "sent");
        let mut received = [0; 4];
        server.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"one\n");

        silence(&server);
        client.say("two");
        assert_eq!(client.line(Duration::from_secs(5)), "sent");
        server.read_exact(&mut received).unwrap();

        silence(&server);
        sockopt::mute(&server).unwrap();
        client.say("three");
        let line = client.line(Duration::from_secs(5));
        assert!(
            line.starts_with("not sent, the server is not there: Unanswered"),
            "{line:?}"
        );
    });
}

/// The pool hands out a connection again as long as its server is there, and a new one if it is not.
#[test]
fn pool_client_never_hands_out_the_dead() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut client = Program::start("pool_client", &[&address], "");
        let mut first = echo_one(&listener, &mut client, None);
        let begun = first.peer_addr().unwrap();
        silence(&first);
        first = echo_one(&listener, &mut client, Some(first));
        assert_eq!(first.peer_addr().unwrap(), begun, "a healthy connection");

        silence(&first);
        sockopt::mute(&first).unwrap();
        let second = echo_one(&listener, &mut client, None);
        assert_ne!(second.peer_addr().unwrap(), begun);

        // One that was closed is not handed out either, however recently it was heard.
        drop(second);
        let third = echo_one(&listener, &mut client, None);
        assert_ne!(third.peer_addr().unwrap(), begun);
    });
}

/// Lets the pool's user say a word, echoes it over a known connection or the next to come, and reads the report.
fn echo_one(listener: &TcpListener, client: &mut Program, known: Option<TcpStream>) -> TcpStream {
    client.say("word");
    let mut stream = known.unwrap_or_else(|| accept(listener));
    let mut word = [0; 4];
    stream.read_exact(&mut word).unwrap();
    stream.write_all(&word).unwrap();
    let line = client.line(Duration::from_secs(10));
    let peer = stream.peer_addr().unwrap();
    assert_eq!(line, format!("word through {peer}"));
    stream
}

/// Accepts within ten seconds. What is read from the connection comes as soon.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    until("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// Waits until the other end has heard nothing for more than a second, so that a ping really asks.
fn silence(stream: &TcpStream) {
    until("a second of silence", || {
        let info = deadpeer::inspect(stream).unwrap();
        let sent = info.last_data_sent_ms.unwrap();
        let heard = info.last_ack_recv_ms.unwrap();
        sent.min(heard) > 1_050
    });
}
