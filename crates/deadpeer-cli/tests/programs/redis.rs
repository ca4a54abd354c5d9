//! Redis: `tcp-keepalive I` sets, on every connection that it accepts, idle I, interval I/3 and
//! count 3.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::skip;

use crate::audit::Audit;
use crate::common::{installed, run};
use crate::program::{Program, ask, with_program};
use crate::settings::Settings;

pub(crate) const ADDRESS: &str = "127.0.0.1:6379";

/// A server and a connection to it.
pub(crate) fn redis(executable: &Path, keepalive: &str, address: &str) -> (Program, TcpStream) {
    let (host, _) = address.rsplit_once(':').unwrap();
    let host = host.trim_matches(['[', ']']);
    let mut server = Program::start(
        executable,
        &["--bind", host, "--save", "", "--tcp-keepalive", keepalive],
    );
    let mut client = server.connect(address);
    ping(&mut client);
    (server, client)
}

/// After the answer everything that Redis sets on a connection is set.
pub(crate) fn ping(client: &mut TcpStream) {
    ask(client, b"PING\r\n", b"+PONG\r\n");
}

#[test]
fn keepalive_of_sixty() {
    with_program("redis-server", |executable| {
        let (server, client) = redis(executable, "60", ADDRESS);
        let audit = Audit::each(&[]);
        audit
            .accepted(&client)
            .check(&server, "redis-server", Settings::keepalive(60, 20, 3));
        audit
            .listener(ADDRESS)
            .check(&server, "redis-server", Settings::UNTOUCHED);
    });
}

/// From `audit` to an `audit` that passes, by copying what is printed.
#[test]
fn what_audit_prints_is_what_helps() {
    with_program("redis-server", |executable| {
        let Some(client) = installed("redis-cli") else {
            return skip("redis-cli is not installed");
        };
        let (_server, mut open) = redis(executable, "300", ADDRESS);
        let audit = ["audit", "--within", "30s", "--process", "redis-server"];
        let found = run(&audit);
        assert_eq!(found.code, 1, "{}", found.stdout);
        assert!(
            found.stdout.contains(": tcp-keepalive "),
            "{}",
            found.stdout
        );
        let said = |before: &str| {
            let line = found.stdout.split_once(before).map(|(_, rest)| rest);
            let line = line.and_then(|rest| rest.lines().next());
            line.unwrap_or_else(|| panic!("{before:?} is missing in {}", found.stdout))
        };
        let mut live = said("for new connections: redis-cli ").split_whitespace();
        let set = Command::new(client).args(&mut live).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&set.stdout), "OK\n");
        let record = tempfile::tempdir().unwrap();
        let mut protect: Vec<&str> = said("Next: deadpeer ").split_whitespace().collect();
        let undo = record.path().join("undo.json");
        protect.extend(["-y", "--undo-file", undo.to_str().unwrap()]);
        // Exit code 1 says what the first command has taken care of: Redis sets new ones itself.
        assert!([0, 1].contains(&run(&protect).code));
        ping(&mut open);
        // What new ones get shows once one comes.
        let now = run(&audit);
        assert_eq!(now.code, 3, "{}", now.stdout);
        let kept = "All of 1 connection and 1 listener would notice";
        assert!(now.stdout.contains(kept), "{}", now.stdout);
        if deadpeer::running_kernel().unwrap().rto_max_option {
            let mut new = std::net::TcpStream::connect(ADDRESS).unwrap();
            ping(&mut new);
            assert_eq!(run(&audit).code, 0, "{}", run(&audit).stdout);
        }
    });
}

#[test]
fn what_is_in_force_is_not_advised_again() {
    with_program("redis-server", |executable| {
        let (_server, _client) = redis(executable, "5", ADDRESS);
        let found = run(&["audit", "--within", "30s", "--process", "redis-server"]);
        assert_eq!(found.code, 1, "{}", found.stdout);
        let said = "its open connections already have what can be written";
        assert!(found.stdout.contains(said), "{}", found.stdout);
        assert!(!found.stdout.contains("at once"), "{}", found.stdout);
    });
}

#[test]
fn no_keepalive() {
    with_program("redis-server", |executable| {
        let (server, client) = redis(executable, "0", ADDRESS);
        let audit = Audit::each(&["--within", "24h", "--process", "redis-server"]);
        assert_eq!(audit.code, 1);
        let accepted = audit.accepted(&client);
        accepted.check(&server, "redis-server", Settings::UNTOUCHED);
        assert_eq!(accepted.over_deadline, Some(true));
    });
}

#[test]
fn over_ipv6() {
    with_program("redis-server", |executable| {
        if std::net::TcpListener::bind("[::1]:0").is_err() {
            return skip("no IPv6");
        }
        let (server, client) = redis(executable, "300", "[::1]:6379");
        let audit = Audit::each(&["--local", "[::1]:6379"]);
        audit
            .accepted(&client)
            .check(&server, "redis-server", Settings::keepalive(300, 100, 3));
        audit
            .listener("[::1]:6379")
            .check(&server, "redis-server", Settings::UNTOUCHED);
    });
}

#[test]
fn a_deadline_holds_in_every_silence_or_not_at_all() {
    with_program("redis-server", |executable| {
        let (_server, client) = redis(executable, "60", ADDRESS);
        let within = |deadline| {
            let audit = Audit::each(&["--within", deadline, "--process", "redis-server"]);
            let accepted = audit.accepted(&client);
            let listener = audit.listener(ADDRESS);
            (
                audit.code,
                accepted.over_deadline,
                listener.over_deadline,
                audit.summary("listeners_over_deadline"),
            )
        };
        // Idle it takes 120 s.
        assert_eq!(within("30s"), (1, Some(true), Some(true), 1));
        // That is soon enough here, but data in flight takes a quarter of an hour.
        assert_eq!(within("10m"), (1, Some(true), Some(true), 1));
        // And a write just before keepalive's verdict takes both.
        assert_eq!(within("17m"), (1, Some(true), Some(true), 1));
        // The listener's own settings never end anything, but Redis sets others on what it accepts.
        assert_eq!(within("30m"), (0, Some(false), Some(true), 0));
    });
}

#[test]
fn the_service_is_named_with_its_address() {
    with_program("redis-server", |executable| {
        let (_server, _client) = redis(executable, "60", ADDRESS);
        let audit = Audit::grouped(&[]);
        let service = audit
            .lines
            .iter()
            .find(|line| line["process"] == "redis-server");
        let service = service.expect("a line for the service");
        assert_eq!(service["type"], "service");
        assert_eq!(service["role"], "listening");
        assert_eq!(service["address"], ADDRESS);
        assert_eq!(
            (&service["connections"], &service["listeners"]),
            (&1.into(), &1.into())
        );

        let ran = run(&["audit"]);
        let mut rows = ran
            .stdout
            .lines()
            .filter(|row| row.starts_with("redis-server "));
        let row = rows.next().expect("a row for the service");
        assert_eq!(row.split_whitespace().nth(1), Some(ADDRESS), "{row}");
        assert_eq!(rows.next(), None);
    });
}
