//! What counts is the timer that is armed, not what the settings say now.

use std::io::Write as _;
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, SocketOptions};
use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{sockopt, tcp_info};

use crate::common::population::pair;
use crate::common::{json, of_type, run};

/// In this network namespace, which is the test's own.
fn set_sysctl(name: &str, value: u32) {
    std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value.to_string())
        .expect("the namespace is our own");
}

/// Keepalive that was armed for two hours, and sysctls that were lowered since.
#[test]
fn keepalive_armed_before_the_sysctl_was_lowered_is_late() {
    in_private_netns(|| {
        let options = SocketOptions::new().keepalive(true).user_timeout_ms(20_000);
        let pair = pair(&options);
        options.apply(&pair.client).unwrap();
        set_sysctl("tcp_keepalive_time", 5);
        set_sysctl("tcp_keepalive_intvl", 2);
        set_sysctl("tcp_keepalive_probes", 3);
        let port = pair.port();
        let ran = run(&["audit", "--within", "1m", "--port", &port]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        // 2h 01m to 2h 03m: how much later depends on where in the kernel's wheel the timer lies.
        assert!(ran.stdout.contains("! 2h 0"), "{}", ran.stdout);
        assert!(ran.stdout.contains("the armed timer has"), "{}", ran.stdout);
        // Nobody needs to know the settings for that.
        let ran = run(&["audit", "--within", "1m", "--no-owners", "--port", &port]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);

        let lines = json(&[
            "audit", "--within", "1m", "--each", "--json", "--port", &port,
        ]);
        for line in of_type(&lines, "connection") {
            assert_eq!(line["over_deadline"], true, "{line}");
            let ends = line["ends"]["earliest_ms"].as_u64().unwrap();
            assert!(ends > 7_000_000, "{line}");
            assert_eq!(line["settings"]["tcp_keepidle_s"], 5);
        }
        // A middlebox hears nothing for two hours either.
        let ran = run(&[
            "audit",
            "--middlebox",
            "4m",
            "--port",
            &port,
            "--state",
            "established",
        ]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        let said = "2 of 2 connections are forgotten by the middlebox within 4m";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);

        // Set again, the option arms the timer anew, and everything is in time.
        for end in [&pair.client, &pair.server] {
            SocketOptions::new().keepidle_s(5).apply(end).unwrap();
        }
        let established = ["--state", "established", "--port", &port];
        for asked in [["--within", "1m"], ["--middlebox", "4m"]] {
            let ran = run(&[&["audit"], &asked[..], &established].concat());
            assert_eq!(ran.code, 0, "{}", ran.stdout);
        }
    });
}

/// A run of retransmissions whose next is far ahead is not shortened by an option.
#[test]
fn a_retransmission_armed_ahead_is_late_whatever_is_set_since() {
    in_private_netns(|| {
        let mut pair = pair(&SocketOptions::default());
        sockopt::mute(&pair.server).unwrap();
        pair.client.write_all(b"hello").unwrap();
        let bound = Instant::now() + Duration::from_secs(60);
        while tcp_info(&pair.client).unwrap().backoff < Some(4) {
            assert!(Instant::now() < bound, "nothing is sent again");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Noticed at the next retransmission, which is 3.2 s after the one before.
        let local = pair.client.local_addr().unwrap().to_string();
        let options = SocketOptions::new().user_timeout_ms(1_000);
        options.apply(&pair.client).unwrap();
        let lines = json(&["audit", "--each", "--json", "--local", &local]);
        let line = &of_type(&lines, "connection")[0];
        let timer = line["timer"]["expires_in_ms"].as_u64().unwrap();
        let ends = &line["ends"];
        assert!(ends["latest_ms"].as_u64().unwrap() >= timer, "{line}");
        assert_eq!(line["waiting"]["awaited"], "acknowledgement", "{line}");
        let since = line["waiting"]["since_ms"].as_u64().unwrap();
        assert!((3_000..60_000).contains(&since), "{line}");
        let unanswered = line["waiting"]["unanswered"].as_u64().unwrap();
        assert!(unanswered >= 4, "{line}");
        // Without its settings the timer still proves that much.
        let ran = run(&[
            "audit",
            "--no-owners",
            "--within",
            "10ms",
            "--local",
            &local,
        ]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
    });
}

/// A user timeout under which one lost probe ends a live peer, as grpc-go sets it.
#[test]
fn one_lost_probe_is_told_and_counted() {
    in_private_netns(|| {
        let options = crate::common::population::keepalive(15, 15, 9).user_timeout_ms(20_000);
        let pair = pair(&options);
        options.apply(&pair.client).unwrap();
        let port = pair.port();
        let ran = run(&["audit", "--port", &port]);
        assert_eq!(ran.code, 0);
        let trap = "user timeout 20 s makes one lost probe fatal";
        assert!(ran.stdout.contains(trap), "{}", ran.stdout);
        let ran = run(&["audit", "--survive-lost", "1", "--port", &port]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        let said = "(2 connections and 1 listener) do not survive 1 lost probe in a row.";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        let lines = json(&["audit", "--json", "--port", &port]);
        let summary = &of_type(&lines, "summary")[0];
        assert_eq!(summary["few_lost_survived"], 3, "{summary}");
        // Without the user timeout eight are survived.
        let options = SocketOptions::new().user_timeout_ms(0);
        for end in [&pair.client, &pair.server] {
            options.apply(end).unwrap();
        }
        options.apply(&pair.listener).unwrap();
        for (wanted, code) in [("8", 0), ("9", 1)] {
            let ran = run(&["audit", "--survive-lost", wanted, "--port", &port]);
            assert_eq!(ran.code, code, "{}", ran.stdout);
        }
    });
}

/// A probe and its answer pass the box, whichever end sent which.
#[test]
fn keepalive_of_either_end_keeps_a_middlebox_awake() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let port = pair.port();
        let args = [
            "audit",
            "--middlebox",
            "350s",
            "--state",
            "established",
            "--port",
            &port,
        ];
        assert_eq!(run(&args).code, 1);
        crate::common::population::keepalive(60, 5, 3)
            .apply(&pair.client)
            .unwrap();
        for flags in [&[][..], &["--no-bpf"], &["--each"]] {
            let ran = run(&[&args[..], flags].concat());
            assert_eq!(ran.code, 0, "{}", ran.stdout);
            assert!(!ran.stdout.contains("middlebox"), "{}", ran.stdout);
        }
        let local = pair.server.local_addr().unwrap().to_string();
        assert_eq!(
            run(&[
                "audit",
                "--middlebox",
                "350s",
                "--local",
                &local,
                "--state",
                "established"
            ])
            .code,
            0
        );
        assert_eq!(
            run(&["audit", "--middlebox", "50s", "--port", &port]).code,
            1
        );
    });
}
