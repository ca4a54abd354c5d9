//! `examples/c/server.c`, compiled and run against clients that ask, end and vanish.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

use crate::compiler::{Library, compile};

const DEADLINE_S: u64 = 10;

#[test]
fn with_the_shared_library() {
    run("shared", Library::Shared);
}

#[test]
fn with_the_static_library() {
    run("static", Library::Static);
}

fn run(name: &str, library: Library) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/c/server.c");
    let Some(program) = compile(&source, &format!("server-{name}"), library) else {
        return skip("no C compiler");
    };
    in_private_netns(|| {
        let mut server = Server::start(&program);
        an_orderly_end_is_told(&mut server);
        a_ping_is_answered(&mut server);
        a_vanished_client_is_noticed(&mut server);
    });
}

fn an_orderly_end_is_told(server: &mut Server) {
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    let mut echo = [0; 5];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
    drop(client);
    // The watch and the read see the same FIN; either may come first.
    let line = server.line();
    let told = ["is gone: the peer closed its end", "died: peer-closed"];
    assert!(told.iter().any(|words| line.contains(words)), "{line:?}");
}

fn a_ping_is_answered(server: &mut Server) {
    let mut client = server.connect();
    client.write_all(b"ping").unwrap();
    let line = server.line();
    // How long ago depends on how busy the machine is.
    assert!(line.contains("was heard "), "{line:?}");
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    drop(client);
    server.line();
}

fn a_vanished_client_is_noticed(server: &mut Server) {
    let client = server.connect();
    let mut living = server.connect();
    sockopt::mute(&client).unwrap();
    let start = Instant::now();
    let line = server.line();
    assert!(line.contains("is unreachable"), "{line:?}");
    // And what a busy machine takes.
    assert!(start.elapsed() < Duration::from_secs(DEADLINE_S + 10));
    living.write_all(b"still here").unwrap();
    let mut echo = [0; 10];
    living.read_exact(&mut echo).unwrap();
}

struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["0", &DEADLINE_S.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self {
            child,
            lines,
            address: String::new(),
        };
        let greeting = server.line();
        let address = greeting.trim().strip_prefix("listening at ");
        server.address = address.expect("an address").to_owned();
        server
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(10));
        client.set_read_timeout(patience).unwrap();
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server has ended");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
