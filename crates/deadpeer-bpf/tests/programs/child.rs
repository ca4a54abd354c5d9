//! A program to be protected: this test binary, started once more.

use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use deadpeer_core::SocketOptions;
use deadpeer_sys::sockopt;
use rustix::net::{AddressFamily, SocketType};

/// Tells the child what to do; without it, the test that is the child does nothing.
const TASK: &str = "DEADPEER_TEST_CHILD";

/// A child that waits for a line, then connects to a port with these options set before.
pub(crate) fn that_connects(port: u16, options: &SocketOptions) -> Command {
    let number = |value: Option<u32>| value.unwrap_or(0).to_string();
    let words = [
        "connect".to_owned(),
        port.to_string(),
        number(options.keepidle_s),
        number(options.keepintvl_s),
        number(options.keepcnt),
        number(options.user_timeout_ms),
        number(options.syncnt),
    ];
    command(&words.join(" "))
}

/// A child that waits for a line, then listens on a port, accepts a connection and keeps it.
pub(crate) fn that_accepts(port: u16) -> Command {
    command(&format!("accept {port}"))
}

fn command(task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child::child", "--nocapture"])
        .env(TASK, task)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    command
}

/// Ends a child.
pub(crate) fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let mut lines = std::io::stdin().lock().lines();
    assert_eq!(lines.next().unwrap().unwrap(), "go");
    let words: Vec<&str> = task.split(' ').collect();
    let number = |at: usize| words[at].parse::<u32>().unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number(1) as u16));
    let _kept = match words[0] {
        "accept" => TcpListener::bind(address).unwrap().accept().unwrap().0,
        _ => connect(&address, [2, 3, 4, 5, 6].map(number)),
    };
    // Until our parent kills us.
    lines.next();
}

fn connect(to: &SocketAddr, options: [u32; 5]) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let [idle, interval, count, user_timeout, syncnt] = options;
    if idle > 0 {
        sockopt::set_keepalive(&socket, true).unwrap();
        sockopt::set_keepidle_s(&socket, idle).unwrap();
        sockopt::set_keepintvl_s(&socket, interval).unwrap();
        sockopt::set_keepcnt(&socket, count).unwrap();
    }
    if user_timeout > 0 {
        sockopt::set_user_timeout_ms(&socket, Some(user_timeout)).unwrap();
    }
    if syncnt > 0 {
        sockopt::set_syncnt(&socket, syncnt).unwrap();
    }
    rustix::net::connect(&socket, to).unwrap();
    TcpStream::from(socket)
}
