//! Connections of a cgroup that a rule is attached to.
//!
//! The callers are other programs, for a socket belongs to the cgroup that its maker is in.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_bpf::{Counts, Engine, Keepalive, Rule, Socket, Way};
use deadpeer_core::{Effective, SocketOptions, Sysctls, TcpState};
use deadpeer_sys::testing::skip;

use crate::group::Group;
use crate::sockets::{all, between, protected};
use crate::{child, with_engine};

/// Keeps a deadline of 30 s as [`protected`] does.
pub(crate) fn rule() -> Rule {
    let way = Way::new(protected(), Duration::from_secs(25));
    let untouched = Keepalive::from(&Effective::untouched(&Sysctls::DEFAULT));
    Rule::new(way, way, untouched, 2)
}

/// A program that is in the group before it does anything.
fn start(command: &mut Command, group: &Group) -> Child {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    group.add(child.id());
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    child
}

/// The options of a program's end of a connection to us.
pub(crate) fn options_of(
    engine: &Engine,
    group: &Group,
    command: impl FnOnce(u16) -> Command,
) -> SocketOptions {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let child = start(&mut command(port), group);
    let (called, peer) = listener.accept().unwrap();
    let socket = between(engine, peer, called.local_addr().unwrap());
    child::end(child);
    socket.expect("the caller's end").options.expect("options")
}

/// bash connects by itself, and knows of no option.
pub(crate) fn shell(port: u16) -> Command {
    let mut bash = Command::new("bash");
    let script = format!("read -r; exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3");
    bash.args(["-c", &script]);
    bash
}

fn assert_protected(mut options: SocketOptions) {
    // What the rule says nothing of.
    (options.rto_max_ms, options.syncnt) = (None, None);
    assert_eq!(options, protected());
}

#[test]
fn programs_that_know_nothing_of_it_are_protected() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let before = options_of(engine, &group, shell);
        assert_eq!(before.keepalive, Some(false));
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        assert_protected(options_of(engine, &group, shell));
        let once = Counts {
            protected: 1,
            ..Counts::default()
        };
        assert_eq!(protection.counts(), Ok(once));
        // It ends with its holder.
        drop(protection);
        let after = options_of(engine, &group, shell);
        assert_eq!(after.keepalive, Some(false));
    });
}

#[test]
fn a_static_binary_is_protected() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let Some(program) = static_caller() else {
            return skip("no C compiler makes a static binary here");
        };
        let _protection = engine.protect(group.directory(), &rule()).unwrap();
        let options = options_of(engine, &group, |port| {
            let mut command = Command::new(&program);
            command.arg(port.to_string());
            command
        });
        std::fs::remove_file(&program).unwrap();
        assert_protected(options);
    });
}

#[test]
fn accepted_connections_are_protected() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4001));
        let child = start(&mut child::that_accepts(address.port()), &group);
        seen(engine, |socket| socket.local == address);
        let caller = TcpStream::connect(address).unwrap();
        let called = between(engine, address, caller.local_addr().unwrap()).unwrap();
        assert_protected(called.options.expect("options"));
        // We are not in the group.
        let caller = between(engine, caller.local_addr().unwrap(), address).unwrap();
        assert_eq!(caller.options.unwrap().keepalive, Some(false));
        assert_eq!(protection.counts().map(|counts| counts.protected), Ok(1));
        child::end(child);
    });
}

/// Waits until there is such a socket.
fn seen(engine: &Engine, wanted: impl Fn(&Socket) -> bool) -> Socket {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = all(engine).into_iter().find(&wanted) {
            return found;
        }
        assert!(Instant::now() < end, "no such socket after 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Idle time, interval, count, user timeout.
type Told = (Option<u32>, Option<u32>, Option<u32>, Option<u32>);

fn told(options: SocketOptions) -> Told {
    assert_eq!(options.keepalive, Some(true));
    let SocketOptions {
        keepidle_s,
        keepintvl_s,
        keepcnt,
        user_timeout_ms,
        ..
    } = options;
    (keepidle_s, keepintvl_s, keepcnt, user_timeout_ms)
}

/// What a program that sets these itself ends up with.
fn with_own(engine: &Engine, group: &Group, own: Told) -> Told {
    let mut options = SocketOptions::default();
    let (idle, interval, count, user_timeout) = own;
    options.keepidle_s = idle;
    options.keepintvl_s = interval;
    options.keepcnt = count;
    options.user_timeout_ms = user_timeout;
    let child = |port| child::that_connects(port, &options);
    told(options_of(engine, group, child))
}

#[test]
fn what_an_application_set_itself_and_is_good_enough_stays() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let protection = engine.protect(group.directory(), &rule()).unwrap();
        // Two lost probes fit under 10 s.
        let good = (Some(4), Some(2), Some(3), Some(10_000));
        assert_eq!(with_own(engine, &group, good), good);
        // 4 + 2 * 4 = 12 s: the user timeout that is added is no later.
        let half = (Some(4), Some(2), Some(4), None);
        let made = (Some(4), Some(2), Some(4), Some(9_695));
        assert_eq!(with_own(engine, &group, half), made);
        // 20 + 5 * 3 = 35 s is too long, and so is a minute.
        let bad = (Some(20), Some(5), Some(3), Some(60_000));
        let made = (Some(9), Some(2), Some(8), Some(14_500));
        assert_eq!(with_own(engine, &group, bad), made);
        let counts = protection.counts().unwrap();
        let told = (counts.protected, counts.spared, counts.refused);
        assert_eq!(told, (2, 1, 0));
    });
}

#[test]
fn an_application_may_keep_whatever_it_set() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let mut rule = rule();
        rule.keep_app_settings = true;
        let _protection = engine.protect(group.directory(), &rule).unwrap();
        let long = (Some(600), Some(60), Some(9), Some(900_000));
        assert_eq!(with_own(engine, &group, long), long);
        assert_protected(options_of(engine, &group, shell));
    });
}

#[test]
fn connecting_is_bounded_before_the_first_answer() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let mut options = SocketOptions {
            syncnt: Some(2),
            ..SocketOptions::default()
        };
        // Linux 6.15.
        let has_rto_max = deadpeer_sys::sockopt::rto_max_ms(crate::sockets::unconnected()).unwrap();
        options.rto_max_ms = has_rto_max.and(Some(1000));
        let rto_max_ms = options.rto_max_ms;
        let way = Way::new(options, Duration::ZERO);
        let rule = Rule::new(way, way, rule().untouched, 2);
        let _protection = engine.protect(group.directory(), &rule).unwrap();

        // A listener whose queue is full answers no SYN.
        let deaf = crate::sockets::deaf();
        let port = deaf.port();
        let mut child = child::that_connects(port, &SocketOptions::default());
        let child = start(&mut child, &group);
        let calling =
            |socket: &Socket| socket.state == TcpState::SynSent && socket.peer.port() == port;
        let options = seen(engine, calling).options.unwrap();
        child::end(child);
        assert_eq!(options.syncnt, Some(2));
        assert_eq!(options.rto_max_ms, rto_max_ms);
        assert_eq!(options.keepalive, Some(false));

        // What is smaller already stays.
        let eager = SocketOptions {
            syncnt: Some(1),
            ..SocketOptions::default()
        };
        let child = |port| child::that_connects(port, &eager);
        assert_eq!(options_of(engine, &group, child).syncnt, Some(1));
    });
}

/// A caller without any library that could be told something. `None` where no compiler makes one.
fn static_caller() -> Option<PathBuf> {
    const SOURCE: &str = r#"
        #include <arpa/inet.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            char line[8];
            struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1])) };
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (read(0, line, sizeof line) <= 0)
                return 1;
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            return connect(fd, (void *)&to, sizeof to) || read(fd, line, 1) < 0;
        }
    "#;
    let program = std::env::temp_dir().join(format!("deadpeer-static-{}", std::process::id()));
    let mut compiler = Command::new("cc")
        .args(["-static", "-xc", "-o"])
        .args([Path::new(&program), Path::new("-")])
        .stdin(Stdio::piped())
        .spawn()
        .ok()?;
    compiler.stdin.take()?.write_all(SOURCE.as_bytes()).ok()?;
    compiler.wait().ok()?.success().then_some(program)
}
