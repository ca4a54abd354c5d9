//! What is changed, what is left alone, and what the way back leads to.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, Policy, SocketOptions};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use serde_json::{Value, json};

use crate::common::multipath::Multipath;
use crate::common::population::{Holder, keepalive, listener, pair, pair_of};
use crate::common::{of_type, run};
use crate::sockets::{Undo, has_bpf, options, ways};

const WITHIN: [&str; 3] = ["--within", "30s", "--yes"];

fn args<'a>(port: &'a str, way: &[&'a str]) -> Vec<&'a str> {
    [&WITHIN[..], &["--port", port], way].concat()
}

#[test]
fn open_connections_and_what_the_listener_accepts_later() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let before = options(&pair.server);
            let late = run(&["audit", "--within", "30s", "--port", &pair.port()]);
            assert_eq!(late.code, 1, "{}", late.stdout);

            let summary = undo.summary(0, &args(&pair.port(), way));
            assert_eq!(summary["changed"], 3, "{summary}");
            let in_time = run(&["audit", "--within", "30s", "--port", &pair.port()]);
            assert_eq!(in_time.code, 0, "{}", in_time.stdout);
            let later = TcpStream::connect(pair.address()).unwrap();
            let (heir, _) = pair.listener.accept().unwrap();
            assert_eq!(options(&heir), options(&pair.server));
            drop(later);

            let undone = undo.undo(way);
            assert_eq!(undone["restored"], 3, "{undone}");
            for socket in [&pair.server, &pair.client] {
                assert_eq!(options(socket), before, "{way:?}");
            }
            assert_eq!(options(&pair.listener), before);
            assert!(undo.files().is_empty(), "nothing is left to be undone");
        }
    });
}

#[test]
fn a_connection_of_another_process() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let client = pair.client.try_clone().unwrap();
            let holder = Holder::plain(pair.client);
            let pid = holder.pid().to_string();
            let summary = undo.summary(0, &[&WITHIN[..], &["--pid", &pid], way].concat());
            assert_eq!(summary["changed"], 1, "{summary}");
            assert!(options(&client).keepalive);
            assert!(!options(&pair.server).keepalive, "not of that process");
        }
    });
}

#[test]
fn what_keeps_the_deadline_is_left_alone() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let mut own = keepalive(5, 2, 3);
            own.rto_max_ms = Some(1000);
            let pair = pair(&own);
            own.apply(&pair.client).unwrap();
            let before = options(&pair.server);
            let summary = undo.summary(0, &args(&pair.port(), way));
            assert_eq!(
                (&summary["changed"], &summary["nothing_done"]),
                (&json!(0), &json!(true))
            );
            assert_eq!(options(&pair.server), before);
            assert!(undo.files().is_empty(), "nothing to undo, no file");
        }
    });
}

#[test]
fn a_programs_own_choice_is_shown_and_can_be_kept() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let own = keepalive(600, 75, 9);
            let pair = pair(&own);
            own.apply(&pair.client).unwrap();
            let before = options(&pair.server);
            let port = pair.port();
            let kept = [&args(&port, way)[..], &["--keep-app-settings"]].concat();
            let lines = undo.lines(1, &kept);
            let fates: Vec<_> = of_type(&lines, "protect_plan")
                .iter()
                .map(|plan| plan["fate"].clone())
                .collect();
            assert_eq!(fates, vec![json!("kept-for-application"); fates.len()]);
            assert_eq!(options(&pair.server), before);

            let lines = undo.lines(0, &args(&pair.port(), way));
            let plans = of_type(&lines, "protect_plan");
            assert!(
                plans.iter().all(|plan| plan["own_choice"] == true),
                "{plans:?}"
            );
            let after = options(&pair.server);
            assert!(after.keepidle_s < before.keepidle_s);
            undo.undo(way);
            assert_eq!(options(&pair.server), before);
        }
    });
}

/// What keeps the deadline and is silent for longer than a middlebox waits is changed all the same.
#[test]
fn a_middlebox_is_served_as_well() {
    in_private_netns(|| {
        let policy = Policy::detect_within(Duration::from_secs(3_600));
        let plan = policy.plan(&deadpeer::running_kernel().unwrap()).unwrap();
        let pair = pair(plan.options());
        plan.apply(&pair.client).unwrap();
        let port = pair.port();
        let asked = ["--within", "1h", "--port", &port, "--dry-run"];
        let ran = run(&[&["protect"], &asked[..]].concat());
        assert!(ran.stdout.contains("left alone"), "{}", ran.stdout);
        let ran = run(&[&["protect", "--middlebox", "aws-nlb"], &asked[..]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stdout);
        assert!(!ran.stdout.contains("left alone"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("2 conns") || ran.stdout.contains("1 conn"),
            "{}",
            ran.stdout
        );
    });
}

#[test]
fn a_rehearsal_changes_nothing() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = pair(&SocketOptions::default());
        let before = options(&pair.server);
        let summary = undo.summary(0, &["--within", "30s", "--dry-run", "--port", &pair.port()]);
        assert_eq!(
            (&summary["changed"], &summary["would_change"]),
            (&json!(0), &json!(3))
        );
        assert_eq!(options(&pair.server), before);
        assert!(undo.files().is_empty());
    });
}

#[test]
fn what_the_program_sets_afterwards_is_its_own() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            undo.summary(0, &args(&pair.port(), way));
            sockopt::set_keepidle_s(&pair.server, 77).unwrap();
            let undone = undo.undo(way);
            assert_eq!(
                (&undone["restored"], &undone["overtaken"]),
                (&json!(3), &json!(1))
            );
            assert_eq!(options(&pair.server).keepidle_s, 77);
            assert!(!options(&pair.server).keepalive);
        }
    });
}

#[test]
fn values_that_were_set_while_keepalive_was_off_come_back() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            sockopt::set_keepidle_s(&pair.server, 123).unwrap();
            let before = options(&pair.server);
            undo.summary(0, &args(&pair.port(), way));
            undo.undo(way);
            assert_eq!(options(&pair.server), before);
        }
    });
}

#[test]
fn a_connection_waiting_to_be_accepted_takes_ebpf() {
    in_private_netns(|| {
        let listener = listener();
        let port = listener.local_addr().unwrap().port().to_string();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let undo = Undo::new();
        let without = undo.protect(&args(&port, &["--no-bpf"]));
        assert_eq!(without.code, 3, "{}", without.stdout);
        assert!(
            without.stdout.contains("no descriptor"),
            "{}",
            without.stdout
        );
        let (waiting, _) = listener.accept().unwrap();
        assert!(
            !options(&waiting).keepalive,
            "copied before the listener had it"
        );

        if !has_bpf() {
            return;
        }
        let listener = crate::common::population::listener();
        let port = listener.local_addr().unwrap().port().to_string();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let summary = undo.summary(0, &args(&port, &[]));
        assert_eq!(summary["changed"], 3, "{summary}");
        let (waiting, _) = listener.accept().unwrap();
        assert!(options(&waiting).keepalive);
    });
}

#[test]
fn an_undo_finds_the_namespace_of_its_file_by_a_socket() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = pair(&SocketOptions::default());
        let before = options(&pair.server);
        undo.summary(0, &args(&pair.port(), &[]));
        assert_ne!(options(&pair.server), before);
        let file = undo.files().remove(0);
        in_private_netns(|| {
            let ran = undo.protect(&["--undo", file.to_str().unwrap(), "--yes"]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        });
        assert_eq!(options(&pair.server), before);
        assert!(!file.exists());
    });
}

#[test]
fn an_undo_file_of_a_namespace_that_nothing_leads_to_is_not_mistaken() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = pair(&SocketOptions::default());
        undo.summary(0, &args(&pair.port(), &[]));
        let protected = options(&pair.server);
        let file = undo.files().remove(0);
        rewrite(&file, "network_namespace", json!(1));
        let ran = undo.protect(&["--undo", file.to_str().unwrap(), "--yes"]);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        let said = "another network namespace";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(options(&pair.server), protected);
        assert!(file.exists());
    });
}

#[test]
fn an_undo_file_of_an_earlier_boot_has_nothing_to_undo() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = pair(&SocketOptions::default());
        undo.summary(0, &args(&pair.port(), &[]));
        let protected = options(&pair.server);
        let file = undo.files().remove(0);
        rewrite(&file, "boot_id", json!("another"));
        let undone = undo.undo(&[]);
        assert_eq!(
            (&undone["restored"], &undone["gone"]),
            (&json!(0), &json!(3))
        );
        assert_eq!(options(&pair.server), protected);
    });
}

#[test]
fn closed_connections_are_counted_and_nobody_else_is_touched() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            undo.summary(0, &args(&pair.port(), way));
            let address = pair.address();
            drop((pair.client, pair.server, pair.listener));
            // The same address, other sockets.
            let listener = listen_again(address);
            let again = pair_of(listener, &SocketOptions::default());
            let before = options(&again.server);
            let undone = undo.undo(way);
            assert_eq!(
                (&undone["restored"], &undone["gone"]),
                (&json!(0), &json!(3))
            );
            assert_eq!(options(&again.server), before);
        }
    });
}

/// Has an undo file say something else.
fn rewrite(file: &Path, field: &str, value: Value) {
    let mut record: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    record[field] = value;
    std::fs::write(file, record.to_string()).unwrap();
}

/// Listens where somebody did until now. A program that another test starts just now has copies of
/// our descriptors until it is executed.
fn listen_again(address: SocketAddr) -> TcpListener {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            bound => return bound.unwrap(),
        }
    }
}

#[test]
fn multipath_tcp_is_protected_by_ebpf_and_named_without() {
    in_private_netns(|| {
        let Some(multipath) = Multipath::new() else {
            return;
        };
        let Multipath {
            address: local,
            server,
            ..
        } = &multipath;
        let (port, local) = (local.port().to_string(), local.to_string());
        let audit = || run(&["audit", "--within", "30s", "--local", &local]).code;
        for way in ways() {
            let undo = Undo::new();
            let ran = undo.protect(&args(&port, way));
            if way.contains(&"--no-bpf") {
                assert_eq!(ran.code, 3, "{} {}", ran.stdout, ran.stderr);
                assert!(ran.stdout.contains("Multipath TCP"), "{}", ran.stdout);
                assert!(!server.keepalive().unwrap());
                continue;
            }
            assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
            // The listener hands it on, to connections of either kind.
            let _later = (
                multipath.another(),
                TcpStream::connect(local.as_str()).unwrap(),
            );
            assert_eq!(audit(), 0);
            undo.undo(&[]);
            assert_eq!(audit(), 1);
        }
    });
}

#[test]
fn another_network_namespace_takes_its_name() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = pair(&SocketOptions::default());
            let watched = pair.server.try_clone().unwrap();
            let before = options(&watched);
            let port = pair.port();
            // Born here, so in this namespace.
            let holder = Holder::plain(pair.server);
            let pid = holder.pid().to_string();
            in_private_netns(|| {
                let from_outside = undo.protect(&args(&port, way));
                assert_eq!(from_outside.code, 3, "{}", from_outside.stdout);
                assert_eq!(options(&watched), before);
                let inside = [&args(&port, way)[..], &["--netns", &pid]].concat();
                let summary = undo.summary(0, &inside);
                assert_eq!(summary["changed"], 3, "{summary}");
                assert!(options(&watched).keepalive);
                undo.undo(&[way, &["--netns", &pid]].concat());
                assert_eq!(options(&watched), before);
            });
        }
    });
}

#[test]
fn what_is_over_concerns_nobody() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = pair(&SocketOptions::default());
        let port = pair.port();
        drop((pair.listener, pair.client, pair.server));
        // What is left is in TIME_WAIT.
        let ran = undo.protect(&args(&port, &[]));
        assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
        assert!(undo.files().is_empty());
    });
}
