//! Is the other end there?

use std::io::Write as _;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use deadpeer::TcpState;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::common::population::{Holder, listener, pair};
use crate::common::{deadpeer, ran, run};
use crate::scenes::{BOUND, gone, lines, server_end, silent, talking, wait_until};

const KINDS: [&str; 2] = ["ping", "ping_summary"];

#[test]
fn who_is_there_answers_and_the_settings_are_as_before() {
    in_private_netns(|| {
        let pair = silent();
        let before = sockopt::effective(&pair.server).unwrap();
        let (code, pings, summaries) =
            lines(&["ping", "-c", "2", "--local", &server_end(&pair)], KINDS);
        assert_eq!(code, 0, "{pings:?}");
        let answers: Vec<_> = pings.iter().map(|ping| &ping["answer"]).collect();
        assert_eq!(answers, ["answered", "answered"]);
        assert!(pings.iter().all(|ping| ping["rtt_us"].is_u64()));
        assert_eq!(summaries[0]["peer_is"], "there");
        assert_eq!(sockopt::effective(&pair.server).unwrap(), before);
    });
}

#[test]
fn a_connection_of_another_process() {
    in_private_netns(|| {
        let pair = silent();
        let address = server_end(&pair);
        let holder = Holder::plain(pair.server);
        let pid = holder.pid();
        let (code, pings, _) = lines(&["ping", "-c", "1", "--pid", &pid.to_string()], KINDS);
        assert_eq!((code, &pings[0]["answer"]), (0, &"answered".into()));
        assert_eq!(
            (&pings[0]["pid"], &pings[0]["process"]),
            (&pid.into(), &"sleep".into())
        );
        assert_eq!(pings[0]["local"], address);
    });
}

#[test]
fn a_name_that_nobody_has_is_met_with_one_that_is_like_it() {
    in_private_netns(|| {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join("redis-server");
        let holder = Holder::named(&server, pair(&Default::default()).server);
        for verb in [
            &["ping"][..],
            &["kill", "--unreachable", "--yes"],
            &["audit"],
        ] {
            let ran = run(&[verb, &["--process", "redis-servr"]].concat());
            assert_eq!(ran.code, 3, "{}", ran.stdout);
            let asked = "Did you mean --process redis-server?";
            assert!(
                ran.stdout.replace("\n  ", " ").contains(asked),
                "{}",
                ran.stdout
            );
        }
        // It waits for what comes, so that nobody is no error.
        let ran = run(&["watch", "--for", "1ms", "--process", "redis-servr"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("now. Did you mean --process redis-server?"),
            "{}",
            ran.stderr
        );
        drop(holder);
    });
}

/// A lack of our own is said, and not taken for a machine without connections. Of the first few
/// descriptors the loader itself may want one too many.
#[test]
fn too_few_descriptors_are_no_missing_connection() {
    in_private_netns(|| {
        let holder = Holder::plain(silent().server);
        for limit in 4..12 {
            let mut command = std::process::Command::new("sh");
            let ping = r#"ulimit -n "$1"; exec "$0" ping -c 1 --process sleep"#;
            command.args(["-c", ping, env!("CARGO_BIN_EXE_deadpeer")]);
            let ran = ran(command.arg(limit.to_string()).output());
            let said = ran.stdout + &ran.stderr;
            assert!(!said.contains("No open connection"), "{limit}: {said}");
            let lacks = [
                "too many open files",
                "error while loading shared libraries",
            ];
            let said_so = said.to_lowercase();
            let lacks = lacks.iter().any(|words| said_so.contains(words));
            assert_eq!(lacks, ran.code >= 2, "{limit}: {said}");
        }
        drop(holder);
    });
}

#[test]
fn who_is_gone_does_not() {
    in_private_netns(|| {
        let pair = gone();
        let (code, pings, summaries) =
            lines(&["ping", "-c", "1", "--local", &server_end(&pair)], KINDS);
        assert_eq!((code, &pings[0]["answer"]), (1, &"unanswered".into()));
        assert_eq!(summaries[0]["peer_is"], "gone");
    });
}

#[test]
fn who_talks_need_not_be_asked() {
    in_private_netns(|| {
        let pair = talking();
        let (code, pings, _) = lines(&["ping", "-c", "1", "--local", &server_end(&pair)], KINDS);
        // On a machine so busy that a second has gone by, it is asked and answers.
        let answer = pings[0]["answer"].as_str().unwrap();
        assert!(["heard", "answered"].contains(&answer), "{answer}");
        assert_eq!(code, 0);
    });
}

#[test]
fn data_in_flight_asks_by_itself() {
    in_private_netns(|| {
        let mut pair = gone();
        pair.server.write_all(b"into the void").unwrap();
        wait_until(&pair.server, |info| info.retransmits > Some(0));
        let (code, pings, _) = lines(&["ping", "-c", "1", "--local", &server_end(&pair)], KINDS);
        assert_eq!(pings[0]["answer"], "not-now");
        // On a machine so busy that the third has gone by, those are an answer.
        let unanswered = pings[0]["unanswered"].as_u64().unwrap();
        assert!(unanswered > 0);
        assert_eq!(code, if unanswered < 3 { 3 } else { 1 });
    });
}

#[test]
fn every_matching_connection_has_a_line() {
    in_private_netns(|| {
        let (alive, dead) = (silent(), gone());
        let ends = [server_end(&alive), server_end(&dead)];
        let args = ["ping", "-c", "1", "--local", &ends[0], "--local", &ends[1]];
        let (code, pings, summaries) = lines(&args, KINDS);
        assert_eq!((pings.len(), summaries.len()), (2, 2));
        assert_eq!(code, 1, "one of them is gone");
    });
}

#[test]
fn a_close_between_two_pings_is_a_close() {
    in_private_netns(|| {
        let pair = silent();
        let address = server_end(&pair);
        let mut ping = deadpeer(&["ping", "--json", "--local", &address])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(ping.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert!(line.contains("answered"), "{line}");
        drop(pair.server);
        // The FIN goes out: at once, or when the ping under way ends.
        wait_until(&pair.client, |info| info.state == Some(TcpState::CloseWait));
        // There is nothing left to ask, so it ends by itself.
        let bound = Instant::now() + BOUND;
        while ping.try_wait().unwrap().is_none() {
            assert!(Instant::now() < bound, "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn an_interrupt_ends_it_with_a_summary() {
    in_private_netns(|| {
        let pair = silent();
        let child = deadpeer(&["ping", "--local", &server_end(&pair)])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let asked = pair.server.try_clone().unwrap();
        let count = deadpeer::inspect(&asked).unwrap().segs_out;
        wait_until(&asked, |info| info.segs_out > count);
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("sent, "), "{said}");
    });
}

#[test]
fn what_waits_to_be_accepted_has_nobody_to_lend_it() {
    in_private_netns(|| {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let ran = run(&["ping", "-c", "1", "--local", &address.to_string()]);
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!(ran.stdout.contains("no descriptor"), "{}", ran.stdout);
    });
}

#[test]
fn a_connection_that_is_over_is_gone() {
    in_private_netns(|| {
        let pair = pair(&deadpeer::SocketOptions::default());
        let address = server_end(&pair);
        pair.client.shutdown(Shutdown::Both).unwrap();
        pair.server.shutdown(Shutdown::Both).unwrap();
        let ran = run(&["ping", "-c", "1", "--local", &address]);
        // Nothing is left to match, or what is left is over.
        assert!([1, 3].contains(&ran.code), "{} {}", ran.code, ran.stdout);
    });
}
