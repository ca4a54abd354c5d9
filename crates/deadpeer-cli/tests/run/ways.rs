//! Ways in which a program comes to a connection, and to its options: what holds in the end.

use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::{Ran, run};

/// Sets what Redis does on each kind of connection, and says what holds then.
const PROGRAM: &str = "
import os, select, socket as s
O = [(s.SOL_SOCKET, s.SO_KEEPALIVE, 1), (s.IPPROTO_TCP, s.TCP_KEEPIDLE, 300), (s.IPPROTO_TCP, s.TCP_KEEPINTVL, 100), (s.IPPROTO_TCP, s.TCP_KEEPCNT, 3)]
def say(what, e):
    for o in O: e.setsockopt(*o)
    print(what, *[e.getsockopt(*o[:2]) for o in O], flush=True)
def child(work):
    if os.fork() == 0: work(); os._exit(0)
    os.wait()
six = s.create_server(('::1', 0), family=s.AF_INET6)
c = s.create_connection(six.getsockname()[:2])
say('caller of IPv6', c); say('accepted of IPv6', six.accept()[0])
both = s.create_server(('', 0), family=s.AF_INET6, dualstack_ipv6=True)
c4 = s.create_connection(('127.0.0.1', both.getsockname()[1]))
say('IPv4 of IPv6', both.accept()[0])
one = s.create_server(('127.0.0.1', 0), reuse_port=True)
ca = s.create_connection(one.getsockname()); e = one.accept()[0]
child(lambda: say('inherited by fork', e))
other = s.create_server(one.getsockname(), reuse_port=True)
callers = [s.create_connection(one.getsockname()) for _ in range(64)]
say('accepted by a second listener', other.accept()[0])
child(lambda: say('accepted by a child', one.accept()[0]))
x, y = s.socketpair(); passed = one.accept()[0]
s.send_fds(y, [b'x'], [passed.fileno()])
child(lambda: say('passed on', s.socket(fileno=s.recv_fds(x, 1, 1)[1][0])))
";

#[test]
fn by_whichever_way_a_program_comes_to_a_connection_the_rule_holds() {
    in_private_netns(|| {
        let Some(ran) = under_a_rule("python3", &["-c", PROGRAM]) else {
            return;
        };
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert_eq!((lines.len(), ran.code), (7, 0), "{ran:?}");
        for line in lines {
            assert!(line.ends_with(" 1 9 1 3"), "{ran:?}");
        }
    });
}

/// Values that are shorter than a number, and what it says of each.
const SHORT: &str = "
import socket as s
l = s.create_server(('127.0.0.1', 0))
c = s.create_connection(l.getsockname())
for option in [(s.SOL_SOCKET, s.SO_KEEPALIVE), (s.IPPROTO_TCP, s.TCP_KEEPIDLE), (s.IPPROTO_TCP, s.TCP_USER_TIMEOUT)]:
    for value in [b'', b'\\x05', b'\\x05\\x00\\x00']:
        try: c.setsockopt(*option, value); print('taken', *option, value)
        except OSError: pass
print(*[c.getsockopt(*o) for o in [(s.SOL_SOCKET, s.SO_KEEPALIVE), (s.IPPROTO_TCP, s.TCP_KEEPIDLE), (s.IPPROTO_TCP, s.TCP_USER_TIMEOUT)]])
";

#[test]
fn what_the_kernel_refuses_is_refused_under_a_rule() {
    in_private_netns(|| {
        let Some(ran) = under_a_rule("python3", &["-c", SHORT]) else {
            return;
        };
        assert_eq!((ran.stdout.trim(), ran.code), ("1 9 0", 0), "{ran:?}");
    });
}

#[test]
fn what_is_set_by_io_uring_is_heard() {
    in_private_netns(|| {
        let Some((_folder, program)) = compiled("ring.c", &[]) else {
            return;
        };
        let Some(ran) = under_a_rule(&program, &[]) else {
            return;
        };
        if ran.code == 77 {
            return skip("no io_uring sets options here");
        }
        assert_eq!((&*ran.stdout, ran.code), ("1 9 1 3 \n", 0), "{ran:?}");
    });
}

#[test]
fn of_a_32_bit_program_no_promise_is_made() {
    in_private_netns(|| {
        let alone = [
            "-m32",
            "-ffreestanding",
            "-fno-pic",
            "-fno-stack-protector",
            "-nostdlib",
            "-static",
        ];
        let Some((_folder, program)) = compiled("compat.c", &alone) else {
            return;
        };
        if Command::new(&program).output().is_err() {
            return skip("this kernel runs no 32-bit programs");
        }
        let Some(ran) = under_a_rule(&program, &[]) else {
            return;
        };
        let said = "but no promise is made for what a 32-bit program sets itself";
        assert!(ran.stderr.contains(said), "{ran:?}");
        // As it says: should the kernel ask rules one day, this is to be promised.
        assert_eq!((&*ran.stdout, ran.code), ("1 300 100 3 \n", 3), "{ran:?}");
    });
}

/// `None` where there is no rule to be had.
fn under_a_rule(program: &str, arguments: &[&str]) -> Option<Ran> {
    let ran = run(&[&["run", "--within", "30s", "--", program], arguments].concat());
    let is_there = ran.stderr.contains("every connection");
    if !is_there {
        skip(&ran.stderr);
    }
    is_there.then_some(ran)
}

fn compiled(source: &str, how: &[&str]) -> Option<(tempfile::TempDir, String)> {
    if !cfg!(target_arch = "x86_64") && !how.is_empty() {
        skip("no such compiler here");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/run")
        .join(source);
    let made = Command::new("cc")
        .args(how)
        .args(["-O1", "-o"])
        .args([&program, &source])
        .output();
    match made {
        Ok(made) if made.status.success() => Some((folder, program.display().to_string())),
        other => {
            skip(&format!("cc: {other:?}"));
            None
        }
    }
}
