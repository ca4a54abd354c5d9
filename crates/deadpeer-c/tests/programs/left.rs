//! What a supervising program leaves in the kernel's table when its peers have vanished, seen from
//! outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::testing::{in_private_netns, is_in_the_table, skip};
use deadpeer_sys::{sockopt, sysctl};

use crate::compiler::{Library, compile};
use crate::valgrind::valgrind;

/// After a verdict nothing may be there for longer.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How much later than a plain socket a supervised one may go: timers are late.
const LATENESS: Duration = Duration::from_secs(1);
/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn nothing_after_a_verdict() {
    for way in ["closed", "removed"] {
        run(&format!("left-{way}"), way, |program| {
            Some(Command::new(program))
        });
    }
}

#[test]
fn nothing_after_a_verdict_under_valgrind() {
    run("left-closed-valgrind", "closed", valgrind);
}

#[test]
fn before_a_verdict_no_more_than_a_plain_socket() {
    for way in ["unjudged", "freed", "killed"] {
        run(&format!("left-{way}"), way, |program| {
            Some(Command::new(program))
        });
    }
}

#[test]
fn before_a_verdict_no_more_than_a_plain_socket_under_valgrind() {
    for way in ["unjudged", "freed"] {
        run(&format!("left-{way}-valgrind"), way, valgrind);
    }
}

/// Runs `left.c`, compiled by a name that no other test uses, against peers that vanish, and looks
/// at what it leaves.
fn run(name: &str, way: &str, command: impl Fn(&Path) -> Option<Command> + Send) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/left.c");
    let Some(program) = compile(&source, name, Library::Static) else {
        return skip("no C compiler");
    };
    let Some(command) = command(&program) else {
        return skip("no valgrind");
    };
    in_private_netns(|| {
        // By default a plain socket would stay for two minutes.
        sysctl::write("tcp_orphan_retries", 2).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut left = Left::start(command, &listener, way);
        let [supervised, plain] = left.cookies();
        let peers = [(); 2].map(|()| listener.accept().unwrap().0);
        for peer in &peers {
            sockopt::mute(peer).unwrap();
        }
        left.go_on();
        match way {
            "closed" | "removed" => {
                let gone = until_gone(supervised);
                assert!(gone < AT_ONCE, "{way}: {gone:?}");
            }
            _ => {
                until_gone(plain);
                let later = until_gone(supervised);
                assert!(later < LATENESS, "{way}: {later:?} later");
            }
        }
    });
}

fn until_gone(cookie: u64) -> Duration {
    let start = Instant::now();
    while is_in_the_table(cookie).unwrap() {
        assert!(start.elapsed() < PATIENCE, "it stays");
        std::thread::sleep(Duration::from_millis(10));
    }
    start.elapsed()
}

/// The program.
struct Left {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    is_to_be_killed: bool,
}

impl Left {
    fn start(mut command: Command, listener: &TcpListener, way: &str) -> Self {
        let port = listener.local_addr().unwrap().port();
        let mut child = command
            .args([&port.to_string(), way])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            lines,
            is_to_be_killed: way == "killed",
        }
    }

    /// Of its supervised socket and of its plain one.
    fn cookies(&mut self) -> [u64; 2] {
        let line = self.line();
        let cookies: Vec<u64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
        let cookies = cookies.try_into().unwrap();
        for cookie in cookies {
            assert!(is_in_the_table(cookie).unwrap(), "it should be there");
        }
        cookies
    }

    /// Until it has closed its sockets, or is no more.
    fn go_on(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"!").unwrap();
        assert_eq!(self.line(), "done");
        if self.is_to_be_killed {
            self.child.kill().unwrap();
        }
        let status = self.child.wait().unwrap();
        assert_eq!(status.success(), !self.is_to_be_killed, "{status}");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // It has ended by itself, unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
