//! A guard on this kernel: who is gone goes in time, and who does not read lives.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_sys::sock_diag::SockDiag;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::skip;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::guarding::{BOUND, Guarding};
use crate::on_this_kernel;

/// Of each other they are on other machines, as far as a guard can tell.
const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];
const DEADLINE: Duration = Duration::from_secs(12);

#[test]
fn a_guard_destroys_who_is_gone_and_spares_who_does_not_read() {
    on_this_kernel(|_| {
        if !SockDiag::open().unwrap().can_destroy().unwrap() {
            return skip("this kernel lacks CONFIG_INET_DIAG_DESTROY");
        }
        for address in ADDRESSES {
            let mut ip = Command::new("ip");
            ip.args(["address", "add", &format!("{address}/32"), "dev", "lo"]);
            assert!(ip.status().unwrap().success());
        }
        let (mut live, mut slow, mut gone) = (pair(), pair(), pair());
        slow.1.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(bytes) = slow.1.write(&[b'x'; 4_096]) {
            written += bytes;
        }
        let guarding = Guarding::new();
        let guard = Running::start(&guarding);
        guarding.until("nobody is asked", |status| status["changed"] == 3);
        sockopt::mute(&gone.0).unwrap();
        let vanished = Instant::now();
        gone.1.set_read_timeout(Some(BOUND)).unwrap();
        let error = gone.1.read(&mut [0]).unwrap_err();
        let noticed = vanished.elapsed();
        let why = error.kind();
        assert_eq!(why, ErrorKind::ConnectionAborted, "{}", guarding.logged());
        // A sweep finds the first question, soon after the one that set options, and one decides.
        let apart = apart(&guarding.ask("status").unwrap());
        let bound = DEADLINE + DEADLINE / 6 + apart + Duration::from_secs(10);
        assert!(noticed < bound, "{noticed:?}, sweeps {apart:?} apart");
        live.0.write_all(b"x").unwrap();
        live.1.read_exact(&mut [0]).unwrap();
        slow.0.set_read_timeout(Some(BOUND)).unwrap();
        slow.0.read_exact(&mut vec![0; written]).unwrap();
        drop(guard);
    });
}

/// How long after its last sweep a guard sweeps again: after a sixth of the deadline, or what that
/// one took of a processor, thirty-three times. An emulated one is slow.
fn apart(status: &Value) -> Duration {
    let swept = Duration::from_millis(status["sweep_ms"].as_u64().unwrap());
    (DEADLINE / 6).max(swept * 33)
}

/// Two ends, the second of which was called.
fn pair() -> (TcpStream, TcpStream) {
    let [here, there] = ADDRESSES.map(|address| SocketAddr::new(address.parse().unwrap(), 0));
    let listener = TcpListener::bind(there).unwrap();
    let caller = deadpeer_sys::unconnected(here).unwrap();
    rustix::net::bind(&caller, &here).unwrap();
    rustix::net::connect(&caller, &listener.local_addr().unwrap()).unwrap();
    (caller.into(), listener.accept().unwrap().0)
}

/// A guard whose supervisor is not this test, for that is never touched. Ended when dropped.
struct Running(Pid);

impl Running {
    fn start(guarding: &Guarding) -> Self {
        let (seconds, called) = (DEADLINE.as_secs(), ADDRESSES[1]);
        let policy = format!(
            "[[policy]]\nname = \"all\"\nmatch = {{ local = \"{called}\" }}\ndeadline = \"{seconds}s\"\nsupervise = \"enforce\"\nkill = \"enforce\"\n"
        );
        let guard = guarding.command(&policy, &["--netns", "own", "--no-history"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "\"$@\" 2>\"$0\" & echo $!"]);
        shell.arg(guarding.log()).arg(guard.get_program());
        shell.args(guard.get_args()).stdin(Stdio::null());
        for (name, value) in guard.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        shell.stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        let out = shell.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        shell.wait().unwrap();
        let pid = line.trim().parse().unwrap();
        guarding.begun();
        Self(Pid::from_raw(pid).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(self.0, Signal::KILL);
    }
}
