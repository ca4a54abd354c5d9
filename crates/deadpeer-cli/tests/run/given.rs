//! Sockets that a program is given: a listener as systemd passes it (sd_listen_fds(3)), a
//! connection as inetd(8) does.

use std::process::Command;

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::{Ran, ran};

/// Gives a socket to `deadpeer run` and its program, with a connection that came before them, and
/// says what the other end sees once the program has closed all it had.
const GIVER: &str = "
import os, signal, socket as s, subprocess, sys
kind, command = sys.argv[1], sys.argv[2:]
l = s.socket(s.AF_INET, s.SOCK_STREAM, 262 if kind == 'multipath' else 0)
l.bind(('127.0.0.1', 0)); l.listen(); at = l.getsockname()
early = s.create_connection(at)
def passed():
    os.dup2(l.fileno(), 9); os.dup2(9, 3); os.close(9)
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
if kind == 'connection':
    end = l.accept()[0]; p = subprocess.Popen(command, stdin=end, stdout=end); end.close()
else:
    p = subprocess.Popen(command, close_fds=False, preexec_fn=passed)
l.close()
late = early if kind == 'connection' else s.create_connection(at)
late.settimeout(60); print('the peer sees', late.recv(1))
try: s.create_connection(at, 60); print('somebody listens')
except ConnectionRefusedError: print('nobody listens')
p.send_signal(signal.SIGTERM)
sys.exit(p.wait())
";

/// Sets what Redis does on its connections, says what held before and what since, closes all, and
/// waits.
const PROGRAM: &str = "
import os, signal, socket as s, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
O = [(s.SOL_SOCKET, s.SO_KEEPALIVE, 1), (s.IPPROTO_TCP, s.TCP_KEEPIDLE, 300), (s.IPPROTO_TCP, s.TCP_KEEPINTVL, 100), (s.IPPROTO_TCP, s.TCP_KEEPCNT, 3)]
def say(e):
    now = lambda: [e.getsockopt(*o[:2]) for o in O]
    before = now()
    for o in O: e.setsockopt(*o)
    print('holds', before, now(), file=sys.stderr)
if os.environ.get('LISTEN_PID') == str(os.getpid()):
    l = s.socket(fileno=3); ends = [l.accept()[0] for _ in range(2)]; l.close()
else:
    ends = [s.socket(fileno=os.dup(0))]; os.close(0); os.close(1)
for e in ends: say(e)
sys.stderr.flush()
for e in ends: e.close()
signal.sigwait([signal.SIGTERM])
";

/// `None` where it can't be tried.
fn given(kind: &str) -> Option<Ran> {
    let mut giver = Command::new("python3");
    giver.args(["-c", GIVER, kind, env!("CARGO_BIN_EXE_deadpeer")]);
    giver.args(["run", "--within", "30s", "--", "python3", "-c", PROGRAM]);
    let output = match giver.output() {
        Ok(output) => output,
        Err(error) => {
            skip(&format!("python3: {error}"));
            return None;
        }
    };
    let ran = ran(Ok(output));
    if !ran.stderr.contains("every connection") {
        skip(&ran.stderr);
        return None;
    }
    Some(ran)
}

fn held(ran: &Ran) -> Vec<&str> {
    let lines = ran.stderr.lines();
    lines.filter(|line| line.starts_with("holds")).collect()
}

/// The plan's on both sides of what the program sets.
const KEEPS: &str = "holds [1, 9, 1, 3] [1, 9, 1, 3]";
const LET_GO: &str = "the peer sees b''\nnobody listens\n";

#[test]
fn what_a_given_listener_accepts_is_protected_even_if_it_waited_already() {
    in_private_netns(|| {
        let Some(ran) = given("listener") else { return };
        assert_eq!(held(&ran), [KEEPS; 2], "{ran:?}");
        assert_eq!((&*ran.stdout, ran.code), (LET_GO, 0), "{ran:?}");
    });
}

#[test]
fn a_given_connection_is_protected_and_ends_when_the_program_closes_it() {
    in_private_netns(|| {
        let Some(ran) = given("connection") else {
            return;
        };
        assert_eq!(held(&ran), [KEEPS], "{ran:?}");
        assert_eq!((&*ran.stdout, ran.code), (LET_GO, 0), "{ran:?}");
    });
}

#[test]
fn a_given_multipath_listener_is_named_and_nothing_promised_for_it() {
    in_private_netns(|| {
        let Some(ran) = given("multipath") else {
            return;
        };
        assert!(
            ran.stderr
                .contains("but no promise is made for descriptor 3 (127.0.0.1:")
                && ran.stderr.contains("which is Multipath TCP"),
            "{ran:?}"
        );
        assert_eq!(ran.code, 3, "{ran:?}");
    });
}
