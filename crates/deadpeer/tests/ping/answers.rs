//! What a living, a silent and a dead peer answer.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpeer::{Answer, Cause, NotNow, TcpState};
use deadpeer_sys::testing::in_private_netns;
use deadpeer_sys::{sockopt, sysctl};

use crate::{pair, ping, settings, silent_pair, until};

#[test]
fn a_living_peer_answers_and_never_notices() {
    in_private_netns(|| {
        for address in ["127.0.0.1", "::1"] {
            let (client, mut server) = silent_pair(address);
            let before = settings(&client);
            let start = Instant::now();
            let answer = ping(&client, 1_000);
            let took = start.elapsed();
            let Answer::Answered { rtt } = answer else {
                panic!("{answer:?}");
            };
            assert!(rtt <= took, "{rtt:?} of {took:?}");
            assert!(answer.is_alive());
            assert_eq!(settings(&client), before);
            server.set_nonblocking(true).unwrap();
            let read = server.read(&mut [0; 1]).unwrap_err();
            assert_eq!(read.kind(), ErrorKind::WouldBlock);
            assert_eq!(deadpeer::inspect(&server).unwrap().bytes_received, Some(0));
        }
    });
}

#[test]
fn settings_of_the_application_are_as_before() {
    in_private_netns(|| {
        let (client, _server) = silent_pair("127.0.0.1");
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepidle_s(&client, 77).unwrap();
        sockopt::set_keepintvl_s(&client, 7).unwrap();
        sockopt::set_user_timeout_ms(&client, Some(200_000)).unwrap();
        let before = settings(&client);
        assert!(matches!(ping(&client, 1_000), Answer::Answered { .. }));
        assert_eq!(settings(&client), before);
    });
}

#[test]
fn half_closed_peers_answer() {
    in_private_netns(|| {
        let (client, server) = pair("127.0.0.1");
        server.shutdown(Shutdown::Write).unwrap();
        until("silence", || {
            let ends = [&client, &server];
            ends.iter().all(|end| crate::silence_ms(end) >= 1_005)
        });
        assert_eq!(
            deadpeer::inspect(&client).unwrap().state,
            Some(TcpState::CloseWait)
        );
        for end in [&client, &server] {
            let answer = ping(end, 1_000);
            assert!(matches!(answer, Answer::Answered { .. }), "{answer:?}");
        }
    });
}

#[test]
fn a_muted_peer_does_not_answer() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        let before = settings(&client);
        let Answer::Unanswered { waited } = ping(&client, 200) else {
            panic!("a muted peer answered");
        };
        assert!((50..=1_000).contains(&waited.as_millis()), "{waited:?}");
        assert_eq!(settings(&client), before);
        assert_eq!(deadpeer::inspect(&client).unwrap().probes, Some(1));

        // The peer's kernel answers twice a second at most: a second probe has to wait.
        let answer = ping(&client, 300);
        assert_eq!(answer, Answer::NotNow(NotNow::JustAsked { unanswered: 1 }));
        assert!(matches!(ping(&client, 900), Answer::Unanswered { .. }));
        assert_eq!(deadpeer::inspect(&client).unwrap().probes, Some(2));

        sockopt::unmute(&server).unwrap();
        assert!(matches!(ping(&client, 2_000), Answer::Answered { .. }));
        assert_eq!(deadpeer::inspect(&client).unwrap().probes, Some(0));
        assert_eq!(settings(&client), before);
    });
}

#[test]
fn what_the_kernel_gives_up_meanwhile_was_ended_by_no_answer() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        sockopt::set_keepintvl_s(&client, 1).unwrap();
        sockopt::set_keepcnt(&client, 2).unwrap();
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepidle_s(&client, 1).unwrap();
        let Answer::Dead(death) = ping(&client, 4_000) else {
            panic!("nobody has answered");
        };
        assert_eq!(death.cause(), Cause::TimedOut);
    });
}

#[test]
fn an_answer_right_after_a_lost_one_is_heard_of() {
    in_private_netns(|| {
        // Two pings 600 ms apart pass the peer's limit, without a lost answer between them and with
        // one.
        let (client, _server) = silent_pair("127.0.0.1");
        sockopt::mute(&client).unwrap();
        assert!(matches!(ping(&client, 100), Answer::Unanswered { .. }));
        sockopt::unmute(&client).unwrap();
        assert!(matches!(ping(&client, 1_000), Answer::Answered { .. }));
    });
}

/// As after the peer's reboot: its kernel knows no such connection.
#[test]
fn a_peer_that_forgot_ends_it_and_the_answer_says_that_the_probe_did() {
    in_private_netns(|| {
        for address in ["127.0.0.1", "::1"] {
            let (client, server) = silent_pair(address);
            sockopt::mute(&client).unwrap();
            socket2::SockRef::from(&server)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(server);
            sockopt::unmute(&client).unwrap();
            let Answer::Ended(death) = ping(&client, 1_000) else {
                panic!("the peer's kernel knows it");
            };
            assert_eq!(death.cause(), Cause::Reset);
            assert!(matches!(ping(&client, 100), Answer::Dead(_)));
        }
    });
}

/// As a server in its event loop does.
#[test]
fn it_says_so_also_if_the_program_takes_the_error_first() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&client).unwrap();
        socket2::SockRef::from(&server)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(server);
        sockopt::unmute(&client).unwrap();
        let over = AtomicBool::new(false);
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    client.take_error().unwrap();
                }
            });
            let answer = ping(&client, 1_000);
            over.store(true, Ordering::Relaxed);
            answer
        });
        assert!(matches!(answer, Answer::Ended(_)), "{answer:?}");
    });
}

/// Half a second of the second question passes before it goes out.
#[test]
fn every_question_has_the_whole_time() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        for _ in 0..2 {
            let Answer::Unanswered { waited } = ping(&client, 800) else {
                panic!("a muted peer answered");
            };
            assert!(waited >= Duration::from_millis(800), "{waited:?}");
        }
    });
}

#[test]
fn keepalive_that_was_armed_for_much_later_is_no_question() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        // Armed for two hours; what holds from now on says a second.
        sockopt::set_keepalive(&client, true).unwrap();
        sysctl::write("tcp_keepalive_time", 1).unwrap();
        sysctl::write("tcp_keepalive_intvl", 30).unwrap();
        // Giving back lets a timer fire at once that is overdue, and the probe before would be out.
        sockopt::set_user_timeout_ms(&client, Some(1_000)).unwrap();
        let last = Answer::NotNow(NotNow::LastProbe { unanswered: 0 });
        assert_eq!(ping(&client, 1_000), last);
        sockopt::set_user_timeout_ms(&client, None).unwrap();
        assert!(matches!(ping(&client, 1_000), Answer::Answered { .. }));
        drop(server);
    });
}

#[test]
fn a_connection_that_was_reset_is_dead_and_keeps_its_error() {
    in_private_netns(|| {
        let (mut client, server) = pair("127.0.0.1");
        socket2::SockRef::from(&server)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(server);
        let Answer::Dead(death) = ping(&client, 100) else {
            panic!("a dead connection answered");
        };
        assert_eq!(death.cause(), Cause::Reset);
        let error = client.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
