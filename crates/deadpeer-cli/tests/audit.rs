//! `deadpeer audit` on sockets whose settings and states the test made itself.

mod common;

use std::io::Write as _;
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use deadpeer::{Apply as _, Policy, SlowReaders, SocketOptions};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;

use common::population::{Holder, keepalive, listener, pair, pair_of};
use common::{json, of_type, run};

/// The line of the connection whose local end is this socket's.
fn line_of(socket: &TcpStream, lines: &[Value]) -> Value {
    let local = socket.local_addr().unwrap().to_string();
    let mut own = of_type(lines, "connection")
        .into_iter()
        .filter(|line| line["local"] == local);
    own.next()
        .unwrap_or_else(|| panic!("{local} is not among {lines:?}"))
}

fn each(port: &str) -> Vec<Value> {
    json(&["audit", "--json", "--each", "--port", port])
}

#[test]
fn settings_and_owners_are_what_they_are() {
    in_private_netns(|| {
        let mut options = keepalive(120, 30, 4);
        options.user_timeout_ms = Some(222_000);
        let pair = pair(&options);
        let line = line_of(&pair.server, &each(&pair.port()));
        let settings = &line["settings"];
        assert_eq!(settings["so_keepalive"], true);
        assert_eq!(settings["tcp_keepidle_s"], 120);
        assert_eq!(settings["tcp_keepintvl_s"], 30);
        assert_eq!(settings["tcp_keepcnt"], 4);
        assert_eq!(settings["tcp_user_timeout_ms"], 222_000);
        assert_eq!(line["settings_from"], "socket");
        assert_eq!(line["owners"][0]["pid"], std::process::id());
        assert_eq!(line["owners"][0]["fd"], pair.server.as_raw_fd());
        assert_eq!(line["peer"], pair.client.local_addr().unwrap().to_string());

        let client = line_of(&pair.client, &each(&pair.port()));
        assert_eq!(client["settings"]["so_keepalive"], false);
        assert_eq!(client["settings"]["tcp_user_timeout_ms"], 0);
        assert_eq!(client["notices_in"]["idle"]["worst"]["notice"], "never");
    });
}

#[test]
fn the_forecast_follows_the_settings() {
    in_private_netns(|| {
        let pair = pair(&keepalive(120, 30, 4));
        let line = line_of(&pair.server, &each(&pair.port()));
        // idle + cnt * intvl is 240 s; timers run late by an eighth of each wait at most.
        let latest = line["notices_in"]["idle"]["worst"]["latest_ms"]
            .as_u64()
            .unwrap();
        assert!((240_000..=270_000).contains(&latest), "{latest}");
        assert_eq!(line["notices_in"]["lost_probes_survived"], 3);
    });
}

#[test]
fn people_read_the_same() {
    in_private_netns(|| {
        let pair = pair(&keepalive(120, 30, 4));
        let ran = run(&["audit", "--port", &pair.port()]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(
            ran.stdout.contains("keepalive 120/30/4, user timeout off"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains("keepalive off, user timeout off"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains(&format!("to :{}", pair.port())),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.ends_with("2 connections and 1 listener.\n"),
            "{}",
            ran.stdout
        );
        // The worst comes first.
        let never = ran.stdout.find("never").unwrap();
        assert!(
            never < ran.stdout.find("keepalive 120").unwrap(),
            "{}",
            ran.stdout
        );
        assert!(!ran.stdout.contains('\u{1b}'), "no colours in a pipe");
    });
}

#[test]
fn what_keeps_the_deadline_is_fine() {
    in_private_netns(|| {
        let policy = Policy::detect_within(Duration::from_secs(60)).slow_readers(SlowReaders::Drop);
        let plan = policy.plan(&deadpeer::running_kernel().unwrap()).unwrap();
        let pair = pair(plan.options());
        plan.apply(&pair.client).unwrap();
        for flags in [&[][..], &["--each"]] {
            let ran = run(&[&["audit", "--within", "60s"], flags].concat());
            assert_eq!(ran.code, 0, "{}", ran.stdout);
            assert!(
                ran.stdout
                    .contains("All of 2 connections and 1 listener would notice"),
                "{}",
                ran.stdout
            );
            assert!(!ran.stdout.contains("! "), "{}", ran.stdout);
        }
        // The same settings are too slow for a shorter deadline.
        assert_eq!(run(&["audit", "--within", "30s"]).code, 1);
    });
}

#[test]
fn what_misses_the_deadline_is_marked_and_counted() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let ran = run(&["audit", "--within", "30s"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains("! never"), "{}", ran.stdout);
        assert!(
            !ran.stdout.contains("no open connection was"),
            "{}",
            ran.stdout
        );
        let said = "2 of 2 connections and 1 of 1 listener would not notice a vanished peer within 30s.\n\
             Next: deadpeer protect --within 30s --process ";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);

        let coloured = run(&["audit", "--within", "30s", "--color", "always"]);
        assert!(
            coloured.stdout.contains("\u{1b}[31m✗ never\u{1b}[0m"),
            "{:?}",
            coloured.stdout
        );

        let lines = json(&["audit", "--each", "--json", "--within", "30s"]);
        assert_eq!(line_of(&pair.client, &lines)["over_deadline"], true);
        assert_eq!(
            of_type(&lines, "summary")[0]["connections_over_deadline"],
            2
        );
    });
}

#[test]
fn a_program_that_sets_options_on_what_it_accepts_is_believed() {
    in_private_netns(|| {
        let policy = Policy::detect_within(Duration::from_secs(60)).slow_readers(SlowReaders::Drop);
        let plan = policy.plan(&deadpeer::running_kernel().unwrap()).unwrap();
        let pair = pair(&SocketOptions::default());
        plan.apply(&pair.client).unwrap();
        plan.apply(&pair.server).unwrap();
        for flags in [&[][..], &["--each"], &["--json"], &["--each", "--json"]] {
            let ran = run(&[&["audit", "--within", "60s"], flags].concat());
            assert_eq!(ran.code, 0, "{flags:?}: {}", ran.stdout);
        }
        assert!(
            run(&["audit", "--within", "60s"])
                .stdout
                .contains("the listener's own settings would miss it")
        );
        // Without a connection that shows it, only the listener counts.
        let address = pair.address();
        drop((pair.client, pair.server));
        let alone = [
            "audit",
            "--within",
            "60s",
            "--state",
            "listen",
            "--port",
            &address.port().to_string(),
        ];
        let ran = run(&alone);
        assert_eq!(ran.code, 1);
        let said = "For 1 listener no open connection was seen: whether its program supervises \
                    what it accepts, or sets options of its own, is not known.";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
    });
}

/// Redis listens on `[::]` as well, where nobody may ever connect.
#[test]
fn a_listener_of_the_same_port_that_accepted_nothing_is_not_marked_either() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, pair.address().port())) else {
            return skip("no IPv6");
        };
        let policy = Policy::detect_within(Duration::from_secs(60)).slow_readers(SlowReaders::Drop);
        let plan = policy.plan(&deadpeer::running_kernel().unwrap()).unwrap();
        plan.apply(&pair.client).unwrap();
        plan.apply(&pair.server).unwrap();
        let address = other.local_addr().unwrap().to_string();
        for flags in [&[][..], &["--each"]] {
            let ran = run(&[&["audit", "--within", "60s"], flags].concat());
            assert_eq!(ran.code, 0, "{}", ran.stdout);
            let mut rows = ran.stdout.lines();
            let row = rows.find(|line| line.contains(&address)).unwrap();
            assert!(
                row.contains("never") && !row.contains('!'),
                "{}",
                ran.stdout
            );
        }
    });
}

#[test]
fn data_in_flight_is_seen() {
    in_private_netns(|| {
        let mut pair = pair(&SocketOptions::default());
        sockopt::mute(&pair.server).unwrap();
        pair.client.write_all(b"hello").unwrap();
        let line = line_of(&pair.client, &each(&pair.port()));
        assert_eq!(line["timer"]["kind"], "retransmit", "{line}");
        assert_eq!(line["idiag_wqueue"], 5);
        assert_eq!(line["tcpi_unacked"], 1);
        assert_eq!(line["notices_in"]["in_flight"]["now"]["notice"], "within");
        assert!(line["notices_in"]["idle"]["now"].is_null());
        let ran = run(&["audit", "--each", "--port", &pair.port()]);
        assert!(
            ran.stdout.contains("5 B unacknowledged, "),
            "{}",
            ran.stdout
        );
    });
}

#[test]
fn a_peer_that_does_not_read_is_seen() {
    in_private_netns(|| {
        let mut pair = pair(&SocketOptions::default());
        pair.client.set_nonblocking(true).unwrap();
        while pair.client.write(&[0; 65536]).is_ok() {}
        // The window closes once what was sent has arrived.
        let bound = Instant::now() + Duration::from_secs(10);
        let line = loop {
            let line = line_of(&pair.client, &each(&pair.port()));
            if line["timer"]["kind"] == "zero-window-probe" || Instant::now() > bound {
                break line;
            }
        };
        assert_eq!(line["timer"]["kind"], "zero-window-probe", "{line}");
        assert_eq!(line["notices_in"]["slow_reader"]["notice"], "never");
        assert_ne!(line["notices_in"]["zero_window"]["now"], Value::Null);
        let ran = run(&["audit", "--each", "--port", &pair.port()]);
        assert!(
            ran.stdout
                .contains("peer does not read, next window probe in"),
            "{}",
            ran.stdout
        );
    });
}

#[test]
fn a_connection_in_the_queue_has_its_listeners_settings() {
    in_private_netns(|| {
        let listener = listener();
        keepalive(50, 5, 3).apply(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let port = address.port().to_string();
        // The kernel itself tells its own, and without eBPF it is taken for its listener's.
        for flag in [None, Some("--no-bpf")] {
            let arguments = ["audit", "--json", "--each", "--port", &port];
            let lines = json(&arguments.into_iter().chain(flag).collect::<Vec<_>>());
            let queued = of_type(&lines, "connection")
                .into_iter()
                .find(|line| line["local"] == address.to_string())
                .unwrap();
            assert_eq!(queued["peer"], client.local_addr().unwrap().to_string());
            let from = match of_type(&lines, "summary")[0]["read_by"].as_str().unwrap() {
                "descriptors" => "listener",
                _ => "socket",
            };
            assert_eq!(queued["settings_from"], from);
            assert_eq!(queued["settings"]["tcp_keepidle_s"], 50);
            assert!(queued["inode"].is_null());
            assert_eq!(of_type(&lines, "listener")[0]["accept_queue"], 1);
        }
    });
}

#[test]
fn settings_that_fight_are_found() {
    in_private_netns(|| {
        let mut fatal = keepalive(15, 15, 3);
        fatal.user_timeout_ms = Some(30_000);
        let pair = pair(&fatal);
        let codes = |line: &Value| -> Vec<String> {
            let findings = line["findings"].as_array().unwrap();
            findings
                .iter()
                .map(|finding| finding["code"].as_str().unwrap().to_owned())
                .collect()
        };
        let line = line_of(&pair.server, &each(&pair.port()));
        assert_eq!(codes(&line), ["one-lost-probe-kills", "keepcnt-ignored"]);
        let grouped = run(&["audit", "--port", &pair.port()]).stdout;
        assert!(
            grouped.contains("  ! user timeout 30 s makes one lost probe fatal"),
            "{grouped}"
        );

        let lines = json(&[
            "audit",
            "--json",
            "--each",
            "--middlebox",
            "10s",
            "--port",
            &pair.port(),
        ]);
        let forgets = "middlebox-forgets".to_owned();
        for end in [&pair.server, &pair.client] {
            assert!(codes(&line_of(end, &lines)).contains(&forgets));
        }
        let lines = json(&[
            "audit",
            "--json",
            "--each",
            "--middlebox",
            "aws-nlb",
            "--port",
            &pair.port(),
        ]);
        // The server's probes pass it, and so do the client's answers.
        for end in [&pair.server, &pair.client] {
            assert!(!codes(&line_of(end, &lines)).contains(&forgets));
        }
    });
}

#[test]
fn options_that_came_too_late_for_a_connection_are_found() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        keepalive(60, 10, 3).apply(&pair.listener).unwrap();
        let line = line_of(&pair.server, &each(&pair.port()));
        assert_eq!(line["findings"][0]["code"], "not-inherited", "{line}");
        assert_eq!(line["findings"][0]["options"][0], "SO_KEEPALIVE");
        let grouped = run(&["audit", "--port", &pair.port()]).stdout;
        assert!(
            grouped.contains("settings: SO_KEEPALIVE (1 of 2 sockets)"),
            "{grouped}"
        );
    });
}

#[test]
fn a_timer_that_a_sysctl_came_too_late_for_is_found() {
    in_private_netns(|| {
        let on = SocketOptions {
            keepalive: Some(true),
            ..SocketOptions::default()
        };
        let pair = pair(&on);
        if std::fs::write("/proc/sys/net/ipv4/tcp_keepalive_time", "60").is_err() {
            return deadpeer_sys::testing::skip("sysctls cannot be written");
        }
        let line = line_of(&pair.server, &each(&pair.port()));
        assert_eq!(line["settings"]["tcp_keepidle_s"], 60);
        assert_eq!(line["findings"][0]["code"], "armed-timer-differs", "{line}");
    });
}

#[test]
fn ipv6_is_no_different() {
    in_private_netns(|| {
        let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
            return deadpeer_sys::testing::skip("no IPv6");
        };
        let pair = pair_of(listener, &keepalive(77, 7, 7));
        let line = line_of(&pair.server, &each(&pair.port()));
        assert!(line["local"].as_str().unwrap().starts_with("[::1]:"));
        assert_eq!(line["settings"]["tcp_keepidle_s"], 77);
    });
}

#[test]
fn an_empty_namespace_is_said_to_be_empty() {
    in_private_netns(|| {
        let ran = run(&["audit", "--netns", "own"]);
        assert_eq!(ran.code, 0);
        assert_eq!(
            ran.stdout,
            "There is no TCP connection and no listener in this network namespace.\n"
        );
        let own = ["audit", "--within", "30s", "--netns", "own"];
        assert_eq!(run(&own).code, 0);
    });
}

/// Who forgets that there are containers is told so, and that is no all-clear.
#[test]
fn that_others_are_not_empty_is_said_unless_one_asked_for_ones_own() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let holder = Holder::plain(pair.server);
        in_private_netns(|| {
            let ran = run(&["audit", "--within", "30s"]);
            assert_eq!(ran.code, 3, "{}", ran.stdout);
            assert!(ran.stdout.contains("--netns all"), "{}", ran.stdout);
            let pid = holder.pid().to_string();
            let ran = run(&["audit", "--within", "30s", "--pid", &pid]);
            assert_eq!(ran.code, 1, "found in another: {}", ran.stdout);
        });
    });
}

#[test]
fn settings_that_lose_data_at_close_and_those_whose_orphans_stay_are_found() {
    in_private_netns(|| {
        let capped = SocketOptions {
            rto_max_ms: Some(1_000),
            ..SocketOptions::default()
        };
        let days = SocketOptions {
            user_timeout_ms: Some(1 << 30),
            ..SocketOptions::default()
        };
        for (options, code) in [(capped, "loses-at-close"), (days, "stays-after-close")] {
            let pair = pair(&options);
            let lines = each(&pair.port());
            let server = line_of(&pair.server, &lines);
            assert_eq!(server["findings"][0]["code"], code, "{server}");
            let untouched = line_of(&pair.client, &lines);
            assert_eq!(untouched["findings"], serde_json::json!([]), "{untouched}");
        }
    });
}

/// A program writes, closes and is gone, and so is its peer: what it leaves in the kernel is shown,
/// and when that goes.
#[test]
fn what_a_program_closed_is_shown_until_the_kernel_gives_it_up() {
    in_private_netns(|| {
        let options = SocketOptions {
            user_timeout_ms: Some(20_000),
            ..SocketOptions::default()
        };
        let mut pair = pair(&options);
        sockopt::mute(&pair.client).unwrap();
        pair.server.write_all(b"the last words").unwrap();
        let local = pair.server.local_addr().unwrap().to_string();
        let peer = pair.client.local_addr().unwrap().to_string();
        let port = pair.port();
        drop(pair.server);
        let lines = each(&port);
        let orphan = of_type(&lines, "connection")
            .into_iter()
            .find(|line| line["local"] == local && line["peer"] == peer)
            .expect("it stays in FIN_WAIT1");
        assert_eq!(orphan["state"], "fin-wait-1", "{orphan}");
        assert_eq!(orphan["settings_from"], "nobody", "{orphan}");
        let within = orphan["given_up"]["within_ms"].as_u64().unwrap();
        // Nobody but the kernel itself can tell the settings of what has no descriptor.
        let assumed = orphan["given_up"]["settings_assumed"].as_bool().unwrap();
        let told = if assumed {
            50_000..200_000
        } else {
            10_000..25_000
        };
        assert!(told.contains(&within), "{orphan}");
        let service = json(&["audit", "--json", "--port", &port]);
        let closed: u64 = of_type(&service, "service")
            .iter()
            .map(|line| line["closed"].as_u64().unwrap())
            .sum();
        assert_eq!(closed, 1, "{service:?}");
        let shown = run(&["audit", "--port", &port]).stdout;
        assert!(
            shown.contains("1 connection is closed and not gone yet: given up within"),
            "{shown}"
        );
    });
}
