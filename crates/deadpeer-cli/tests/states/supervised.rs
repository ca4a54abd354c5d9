//! Connections that deadpeer supervises in their own program.

use std::net::TcpStream;
use std::time::Duration;

use deadpeer::{Apply as _, SocketOptions, Supervision, Watch};
use deadpeer_sys::testing::in_private_netns;

use crate::common::population::pair;
use crate::common::{json, of_type, read_back, run};

#[test]
fn they_are_shown_as_what_they_are_and_not_condemned() {
    in_private_netns(|| {
        let kernel = deadpeer::running_kernel().unwrap();
        let options = Supervision::within(Duration::from_secs(30)).options(&kernel);
        let pair = pair(&options);
        options.apply(&pair.client).unwrap();
        let port = pair.port();
        let ran = run(&["audit", "--within", "30s", "--port", &port]);
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!(
            ran.stdout.contains("supervised by its program"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains(" program "), "{}", ran.stdout);
        assert!(!ran.stdout.contains("keepcnt"), "{}", ran.stdout);
        assert!(
            ran.stdout
                .contains("their programs supervise them (deadpeer), and decide"),
            "{}",
            ran.stdout
        );
        let lines = json(&["audit", "--json", "--within", "30s", "--port", &port]);
        let summary = &of_type(&lines, "summary")[0];
        assert_eq!(summary["supervised"], 3, "{summary}");
        assert_eq!(summary["connections_over_deadline"], 0, "{summary}");
        let worst = &of_type(&lines, "service")[0]["worst"];
        assert_eq!(worst["idle"]["notice"], "by_program", "{worst}");
    });
}

/// A server as README has it: its listener says nothing about what it accepts.
#[test]
fn they_overrule_a_listener_that_is_not() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let supervision = Supervision::within(Duration::from_secs(30));
        let mut watch = Watch::supervised(supervision).unwrap();
        for (key, socket) in [(1, &pair.client), (2, &pair.server)] {
            watch.add(socket, key).unwrap();
        }
        let port = pair.port();
        let audit =
            |flags: &[&str]| run(&[&["audit", "--within", "30s", "--port", &port], flags].concat());
        for (flags, said) in [
            (&[][..], "the listener's own settings would miss it"),
            (&["--each"][..], "connections have settings of their own"),
        ] {
            let ran = audit(flags);
            assert_eq!(ran.code, 3, "{}", ran.stdout);
            assert!(ran.stdout.contains(said), "{}", ran.stdout);
            let mut rows = ran.stdout.lines().filter(|line| line.contains(&port));
            assert!(!rows.any(|row| row.contains('!')), "{}", ran.stdout);
            let summary = "Of 2 connections and 1 listener, 2 may or may not notice a vanished peer \
                           within 30s: their programs supervise them (deadpeer), and decide.";
            assert!(ran.stdout.contains(summary), "{}", ran.stdout);
        }
        for flags in [&["--json"][..], &["--json", "--each"]] {
            let ran = audit(flags);
            assert_eq!(ran.code, 3, "{}", ran.stdout);
            let lines: Vec<_> = ran.stdout.lines().map(read_back).collect();
            let summary = &of_type(&lines, "summary")[0];
            assert_eq!(summary["listeners_over_deadline"], 0, "{summary}");
            assert_eq!(summary["supervised"], 2, "{summary}");
        }
        // One that is neither supervised nor in time is what comes of the listener.
        let _bare = TcpStream::connect(pair.address()).unwrap();
        let _accepted = pair.listener.accept().unwrap();
        let ran = audit(&[]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        assert!(ran.stdout.contains("1 of 1 listener"), "{}", ran.stdout);
    });
}
