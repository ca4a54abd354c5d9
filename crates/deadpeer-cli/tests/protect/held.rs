//! What is promised is what will happen: programs that set their sockets again, timers that are
//! armed already, and leaks that go on showing.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, SocketOptions, Supervision, Watch, inspect};
use deadpeer_core::TcpState;
use deadpeer_sys::testing::{in_private_netns, skip};
use deadpeer_sys::{sockopt, sysctl};
use serde_json::Value;

use crate::common::population::{Pair, keepalive, pair};
use crate::common::{of_type, ran, read_back};
use crate::sockets::{Undo, options, ways};

/// Long enough for anything, on a busy machine too.
const BOUND: Duration = Duration::from_secs(60);

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + BOUND;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn warning(lines: &[Value], code: &str) -> Option<Value> {
    let warnings = of_type(lines, "warning");
    warnings.into_iter().find(|warning| warning["code"] == code)
}

/// A connection whose program sets keepalive as a redis-server does by default.
fn overwritten() -> Pair {
    let pair = pair(&SocketOptions::default());
    keepalive(300, 100, 3).apply(&pair.server).unwrap();
    pair
}

#[test]
fn a_program_that_overwrites_is_named_and_gets_no_lethal_mixture() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = overwritten();
            let local = pair.address().to_string();
            // With a user timeout, which the accepted sockets would inherit.
            let args = [
                "--within",
                "30s",
                "--slow-readers",
                "drop",
                "--local",
                &local,
            ];
            let args = [&args[..], way].concat();
            let rehearsed = undo.lines(1, &[&args[..], &["--dry-run"]].concat());
            let found = warning(&rehearsed, "overwritten").expect("it is said beforehand");
            let said = found["text"].as_str().unwrap();
            for word in ["sets keepalive 300/100/3 itself", "--new-connections"] {
                assert!(said.contains(word), "{said}");
            }
            let lines = undo.lines(1, &[&args[..], &["--yes"]].concat());
            assert!(warning(&lines, "overwritten").is_some());
            assert_eq!(options(&pair.listener).user_timeout_ms, None, "{way:?}");
            // The open connection is under the deadline all the same.
            assert!(options(&pair.server).keepidle_s < 30);
            // What comes next is as the program wishes, and no probe is the last.
            let _client = TcpStream::connect(pair.address()).unwrap();
            let (next, _) = pair.listener.accept().unwrap();
            keepalive(300, 100, 3).apply(&next).unwrap();
            let audit = crate::common::json(&["audit", "--json", "--each", "--local", &local]);
            assert!(
                !format!("{audit:?}").contains("one-lost-probe"),
                "{audit:?}"
            );
            // Looked at again, it is known from the undo file, and the new connection shows it too.
            let again = undo.lines(1, &[&args[..], &["--yes"]].concat());
            assert!(warning(&again, "overwritten").is_some(), "{again:?}");
            assert_eq!(options(&pair.listener).user_timeout_ms, None, "{way:?}");
            undo.undo_all(way);
        }
    });
}

/// As redis-server does for IPv4 and IPv6.
#[test]
fn what_a_program_overwrites_on_two_listeners_of_a_port_is_said_once() {
    in_private_netns(|| {
        let first = overwritten();
        let port = first.address().port();
        let listener = TcpListener::bind(("::1", port)).unwrap();
        let _client = TcpStream::connect(("::1", port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        keepalive(300, 100, 3).apply(&server).unwrap();
        let port = port.to_string();
        let args = ["--within", "30s", "--port", &port, "--dry-run"];
        let lines = Undo::new().lines(1, &args);
        let warnings = of_type(&lines, "warning");
        let said: Vec<_> = warnings
            .iter()
            .filter(|warning| warning["code"] == "overwritten")
            .collect();
        assert_eq!(said.len(), 1, "{said:?}");
    });
}

/// What a program sets shows on connections that nobody has changed; while there is none, an audit
/// says so, and the first one decides.
#[test]
fn an_audit_says_what_no_connection_shows_any_more() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = overwritten();
        let local = pair.address().to_string();
        let within = ["--within", "30s", "--local", &local];
        let audit = || {
            let lines = ran(undo
                .verb("audit", &[&within[..], &["--json"]].concat())
                .output());
            let code = lines.code;
            let lines: Vec<Value> = lines.stdout.lines().map(read_back).collect();
            (code, warning(&lines, "not-shown-yet"))
        };
        let protect = [&within[..], &["--yes"]].concat();
        undo.lines(1, &protect);
        let (code, said) = audit();
        assert_eq!(code, 3, "of new ones it can't be told");
        let said = said.expect("it is said");
        let said = said["text"].as_str().unwrap();
        let had = "had set keepalive 300/100/3 itself on 1 connection";
        assert!(said.contains(had), "{said}");
        let _client = TcpStream::connect(pair.address()).unwrap();
        let (next, _) = pair.listener.accept().unwrap();
        keepalive(5, 1, 3).apply(&next).unwrap();
        assert_eq!(audit(), (0, None));
        // It was configured anew: what is on record is no sign any more.
        assert_eq!(warning(&undo.lines(0, &protect), "overwritten"), None);
    });
}

/// Its own user timeout decides what else can be set on a connection; what was set then is ours.
#[test]
fn what_was_just_set_is_not_taken_for_the_programs_own() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let mut own = keepalive(5, 75, 9);
            own.user_timeout_ms = Some(1000);
            own.apply(&pair.server).unwrap();
            let local = pair.address().to_string();
            let args = ["--within", "30s", "--yes", "--local", &local];
            let lines = undo.lines(1, &[&args[..], way].concat());
            let mut warnings = of_type(&lines, "warning");
            warnings.retain(|warning| warning["code"] == "overwritten");
            let [said] = &warnings[..] else {
                panic!("{way:?}: {lines:?}")
            };
            let said = said["text"].as_str().unwrap();
            let sets = "sets keepalive 5/-/- and user timeout 1000 ms itself";
            assert!(said.contains(sets), "{said}");
            undo.undo_all(way);
        }
    });
}

#[test]
fn of_a_listener_without_connections_nothing_is_known() {
    in_private_netns(|| {
        let undo = Undo::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap().to_string();
        let lines = undo.lines(3, &["--within", "30s", "--yes", "--local", &local]);
        let unknown = warning(&lines, "nothing-accepted").expect("it is said");
        assert_eq!(unknown["count"], 1);
    });
}

#[test]
fn redis_with_its_own_keepalive() {
    in_private_netns(|| {
        let program = Command::new("redis-server")
            .args(["--port", "6379", "--save", "", "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn();
        let Ok(mut redis) = program else {
            return skip("redis-server is not installed");
        };
        let connect = || TcpStream::connect("127.0.0.1:6379");
        eventually("it listens", || connect().is_ok());
        let mut client = connect().unwrap();
        client.write_all(b"PING\r\n").unwrap();
        let undo = Undo::new();
        let args = ["--within", "30s", "--yes", "--process", "redis-server"];
        // It sets its socket a moment after accept().
        eventually("redis has set its socket", || {
            let each = crate::common::json(&["audit", "--json", "--each", "--port", "6379"]);
            format!("{each:?}").contains("Number(300)")
        });
        let lines = undo.lines(1, &args);
        let found = warning(&lines, "overwritten").expect("it is said");
        let said = found["text"].as_str().unwrap();
        assert!(
            said.contains("redis-server on port 6379 sets keepalive 300/100/3"),
            "{said}"
        );
        redis.kill().unwrap();
        redis.wait().unwrap();
    });
}

/// A user timeout of the plan's would end live peers that its program keeps.
#[test]
fn what_its_program_supervises_is_left_to_it() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let supervision = Supervision::within(Duration::from_secs(30));
        let mut watch = Watch::supervised(supervision).unwrap();
        watch.add(&pair.client, 1).unwrap();
        watch.add(&pair.server, 2).unwrap();
        let all = || {
            let listener = options(&pair.listener);
            [listener, options(&pair.client), options(&pair.server)]
        };
        let before = all();
        let port = pair.port();
        for way in ways() {
            let undo = Undo::new();
            let args = [&["--within", "30s", "--yes", "--port", &port][..], way].concat();
            let lines = undo.lines(3, &args);
            let plans = of_type(&lines, "protect_plan");
            let fates: Vec<&Value> = plans.iter().map(|plan| &plan["fate"]).collect();
            assert!(fates.iter().all(|fate| *fate == "supervised"), "{plans:?}");
            assert_eq!((fates.len(), all()), (3, before), "{plans:?}");
            let said = undo.protect(&args).stdout;
            let summary = "3 sockets are supervised by their programs (deadpeer), which decide";
            assert!(said.contains(summary), "{said}");
            assert!(undo.files().is_empty());
        }
    });
}

/// What is set on the sockets themselves matters to undo alone.
#[test]
fn what_looks_the_same_is_one_row() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let kernel_default = options(&pair.client).keepidle_s;
        let same = SocketOptions::new().keepidle_s(kernel_default);
        let _another = TcpStream::connect(pair.address()).unwrap();
        same.apply(&pair.client).unwrap();
        let port = pair.port();
        let ours = ["--peer", &pair.address().to_string()];
        for way in ways() {
            let undo = Undo::new();
            let args = [
                &["--within", "30s", "--dry-run", "--port", &port][..],
                &ours,
                way,
            ];
            let lines = undo.lines(0, &args.concat());
            let [plan] = &of_type(&lines, "protect_plan")[..] else {
                panic!("one row: {lines:?}");
            };
            assert_eq!(plan["sockets"], 2, "{plan}");
        }
    });
}

#[test]
fn what_the_peer_has_closed_is_left_alone_unless_told() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let before = options(&pair.server);
            let local = pair.address().to_string();
            drop(pair.client);
            eventually("it is known", || {
                inspect(&pair.server).unwrap().state == Some(TcpState::CloseWait)
            });
            let args = ["--within", "30s", "--yes", "--local", &local];
            let args = [&args[..], way].concat();
            let lines = undo.lines(1, &args);
            let left = warning(&lines, "close-wait").expect("it is said");
            assert_eq!(left["count"], 1);
            assert_eq!(options(&pair.server), before);
            undo.lines(0, &[&args[..], &["--close-wait"]].concat());
            assert!(options(&pair.server).keepalive);
        }
    });
}

/// Of a connection that only waits for the peer's FIN, keepalive is the only timer: no
/// retransmission, and nothing is written late.
#[test]
fn who_waits_for_a_fin_is_asked_in_time() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::new().keepalive(true));
            let local = pair.address().to_string();
            pair.server.shutdown(Shutdown::Write).unwrap();
            eventually("the FIN is acknowledged", || {
                inspect(&pair.server).unwrap().state == Some(TcpState::FinWait2)
            });
            let args = [
                "--within",
                "30s",
                "--state",
                "fin-wait-2",
                "--local",
                &local,
            ];
            let args = [&args[..], way].concat();
            let lines = undo.lines(0, &[&args[..], &["--yes"]].concat());
            assert!(of_type(&lines, "warning").is_empty(), "{lines:?}");
            let [plan] = &of_type(&lines, "protect_plan")[..] else {
                panic!("one socket: {lines:?}");
            };
            let audit = ["audit", "--json", "--each", "--local", &local];
            let audit = crate::common::json(&[&audit[..], &["--state", "fin-wait-2"]].concat());
            let [connection] = &of_type(&audit, "connection")[..] else {
                panic!("one connection: {audit:?}");
            };
            let notices = &plan["after_notices_in"]["latest_ms"];
            assert!(notices.as_u64().unwrap() <= 30_000, "{plan}");
            let audited = &connection["notices_in"]["idle"]["worst"]["latest_ms"];
            assert_eq!(notices, audited, "{connection}");
        }
    });
}

#[test]
fn a_keepalive_timer_armed_by_a_longer_sysctl_is_armed_anew() {
    in_private_netns(|| {
        for way in ways() {
            sysctl::write("tcp_keepalive_time", 7200).unwrap();
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let local = pair.address().to_string();
            let options = SocketOptions::new().keepalive(true).user_timeout_ms(20_000);
            options.apply(&pair.server).unwrap();
            sysctl::write("tcp_keepalive_time", 5).unwrap();
            sysctl::write("tcp_keepalive_intvl", 2).unwrap();
            sysctl::write("tcp_keepalive_probes", 3).unwrap();
            // The server's end alone, and not its listener.
            let args = [
                "--within",
                "1m",
                "--state",
                "established",
                "--local",
                &local,
            ];
            let args = [&args[..], way].concat();
            let rehearsed = undo.lines(0, &[&args[..], &["--dry-run"]].concat());
            let [plan] = &of_type(&rehearsed, "protect_plan")[..] else {
                panic!("one kind of socket: {rehearsed:?}");
            };
            // Until it is armed anew, the timer counts, as it does in an audit.
            let notices = |when: &str| plan[when]["latest_ms"].as_u64().unwrap();
            assert!(notices("before_notices_in") > 7_000_000, "{plan}");
            assert!(notices("after_notices_in") <= 60_000, "{plan}");
            let summary = undo.summary(0, &[&args[..], &["--yes"]].concat());
            assert_eq!(summary["changed"], 1, "{summary}");
            // Seven seconds of silence go by without a probe of two hours' length.
            eventually("a probe is sent", || {
                inspect(&pair.client).unwrap().segs_in > Some(2)
            });
            let summary = undo.summary(0, &[&args[..], &["--dry-run"]].concat());
            assert_eq!(summary["would_change"], 0, "{summary}");
        }
    });
}

#[test]
fn a_retransmission_armed_far_ahead_is_told_with_its_end() {
    in_private_netns(|| {
        let undo = Undo::new();
        let mut pair = pair(&SocketOptions::default());
        let local = pair.address().to_string();
        sockopt::mute(&pair.client).unwrap();
        pair.server.write_all(b"x").unwrap();
        eventually("the next retransmission is far", || {
            inspect(&pair.server).unwrap().rto_us > Some(12_000_000)
        });
        let args = [
            "--within",
            "10s",
            "--slow-readers",
            "drop",
            "--state",
            "established",
        ];
        let args = [&args[..], &["--local", &local]].concat();
        let rehearsed = undo.lines(1, &[&args[..], &["--dry-run"]].concat());
        assert!(
            warning(&rehearsed, "armed-ahead").is_some(),
            "{rehearsed:?}"
        );
        let plan = &of_type(&rehearsed, "protect_plan")[0];
        let after = plan["after_notices_in"]["latest_ms"].as_u64().unwrap();
        assert!(after > 10_000, "{plan}");
        let begun = Instant::now();
        let lines = undo.lines(1, &[&args[..], &["--yes"]].concat());
        let said = warning(&lines, "armed-ahead")
            .unwrap_or_else(|| warning(&rehearsed, "armed-ahead").unwrap());
        let said = said["text"].as_str().unwrap();
        assert!(said.contains("deadpeer kill --unreachable"), "{said}");
        // An audit suggests what helps.
        let established = ["--state", "established", "--local", &local];
        let audit = ran(undo
            .verb("audit", &[&["--within", "10s"], &established[..]].concat())
            .output());
        assert_eq!(audit.code, 1, "{}", audit.stdout);
        let next = audit.stdout.split("Next: ").nth(1).unwrap();
        assert!(next.starts_with("deadpeer kill --unreachable"), "{next}");
        eventually("it is given up", || {
            inspect(&pair.server).unwrap().state == Some(TcpState::Close)
        });
        // "... is noticed within 25.6 s; ..."
        let told = said.split("noticed within ").nth(1).unwrap();
        let told = told.split(" s").next().unwrap().parse::<f64>().unwrap();
        let took = begun.elapsed().as_secs_f64();
        assert!(took > 10.0 && took < told + 10.0, "{took} s: {said}");
    });
}
