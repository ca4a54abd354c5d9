//! When no probe is sent, and why.

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use deadpeer::{Answer, Errno, NotNow, Ping, SocketError};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use socket2::{Domain, Socket, Type};

use crate::{pair, ping, settings, silent_pair, until};

fn probes(socket: &TcpStream) -> Option<u8> {
    deadpeer::inspect(socket).unwrap().probes
}

fn segments_out(socket: &TcpStream) -> Option<u32> {
    deadpeer::inspect(socket).unwrap().segs_out
}

#[test]
fn who_was_heard_just_now_is_not_asked() {
    in_private_netns(|| {
        let (client, _server) = pair("127.0.0.1");
        let sent = segments_out(&client);
        let Answer::NotNow(NotNow::Heard { ago }) = ping(&client, 1_000) else {
            panic!("asked within a second");
        };
        assert!(ago < Duration::from_secs(1));
        assert_eq!(segments_out(&client), sent);
    });
}

#[test]
fn data_in_flight_asks_by_itself() {
    in_private_netns(|| {
        let (mut client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        client.write_all(b"lost").unwrap();
        let before = settings(&client);
        assert!(matches!(
            ping(&client, 100),
            Answer::NotNow(NotNow::InFlight { .. })
        ));
        assert_eq!(settings(&client), before);
    });
}

#[test]
fn a_closed_window_asks_by_itself() {
    in_private_netns(|| {
        let (mut client, _server) = silent_pair("127.0.0.1");
        client.set_nonblocking(true).unwrap();
        until("a closed window with data queued", || {
            while client.write(&[0; 65_536]).is_ok() {}
            let info = deadpeer::inspect(&client).unwrap();
            info.unacked == Some(0) && info.notsent_bytes > Some(0)
        });
        assert!(matches!(
            ping(&client, 100),
            Answer::NotNow(NotNow::Queued { .. })
        ));
    });
}

#[test]
fn keepalive_that_is_asking_is_left_alone() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepintvl_s(&client, 30).unwrap();
        sockopt::set_keepidle_s(&client, 1).unwrap();
        until("the kernel's probe", || probes(&client) == Some(1));
        let answer = ping(&client, 50);
        assert_eq!(answer, Answer::NotNow(NotNow::KernelAsks { unanswered: 1 }));
        assert_eq!(probes(&client), Some(1));
    });
}

#[test]
fn the_last_probe_is_left_to_the_application() {
    in_private_netns(|| {
        let last = Answer::NotNow(NotNow::LastProbe { unanswered: 0 });
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepcnt(&client, 1).unwrap();
        assert_eq!(ping(&client, 100), last);

        sockopt::set_keepcnt(&client, 9).unwrap();
        sockopt::set_keepidle_s(&client, 60).unwrap();
        sockopt::set_user_timeout_ms(&client, Some(30_000)).unwrap();
        assert_eq!(ping(&client, 100), last);
        assert_eq!(probes(&client), Some(0));

        // Off, keepalive counts nothing against the application.
        sockopt::set_keepalive(&client, false).unwrap();
        assert!(matches!(ping(&client, 100), Answer::Unanswered { .. }));
    });
}

/// For who asks so, the last of the application's own goes out, and none that would end it at once.
#[test]
fn the_last_probe_is_sent_to_who_takes_its_loss_for_the_end() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        sockopt::set_keepalive(&client, true).unwrap();
        sockopt::set_keepidle_s(&client, 300).unwrap();
        sockopt::set_keepcnt(&client, 2).unwrap();
        let patience = Duration::from_millis(700);
        assert!(matches!(ping(&client, 700), Answer::Unanswered { .. }));
        let last = Answer::NotNow(NotNow::LastProbe { unanswered: 1 });
        assert_eq!(ping(&client, 700), last);
        let even_the_last = || {
            let ping = Ping::begin(&client, Instant::now(), patience).unwrap();
            let mut ping = ping.even_the_last(true);
            loop {
                if let Some(answer) = ping.handle_timeout(Instant::now()).unwrap() {
                    return answer;
                }
                std::thread::sleep(
                    ping.poll_timeout()
                        .saturating_duration_since(Instant::now()),
                );
            }
        };
        assert!(matches!(even_the_last(), Answer::Unanswered { .. }));
        assert_eq!(probes(&client), Some(2));
        let over = Answer::NotNow(NotNow::LastProbe { unanswered: 2 });
        assert_eq!(even_the_last(), over);
        sockopt::unmute(&server).unwrap();
        assert!((&client).write(b"still there").is_ok());
    });
}

/// With a user timeout that has passed, the second probe in vain would be the end.
#[test]
fn a_user_timeout_never_ends_a_pinged_connection() {
    in_private_netns(|| {
        let (client, server) = silent_pair("127.0.0.1");
        sockopt::mute(&server).unwrap();
        sockopt::set_user_timeout_ms(&client, Some(500)).unwrap();
        assert!(matches!(ping(&client, 100), Answer::Unanswered { .. }));
        let answer = ping(&client, 900);
        assert_eq!(answer, Answer::NotNow(NotNow::LastProbe { unanswered: 1 }));
        sockopt::unmute(&server).unwrap();
        assert!((&client).write(b"still there").is_ok());
    });
}

#[test]
fn no_connection_no_ping() {
    in_private_netns(|| {
        let none = Answer::NotNow(NotNow::NotConnected);
        let ask = |socket: &Socket| deadpeer::ping(socket, Duration::from_millis(100)).unwrap();

        let fresh = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert_eq!(ask(&fresh), none);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(ask(&listener.try_clone().unwrap().into()), none);

        sockopt::mute(&listener).unwrap();
        let connecting = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        connecting.set_nonblocking(true).unwrap();
        connecting.connect(&address.into()).unwrap_err();
        assert_eq!(ask(&connecting), none);
    });
}

#[test]
fn other_descriptors() {
    in_private_netns(|| {
        let second = Duration::from_secs(1);
        let (unix, _other) = UnixStream::pair().unwrap();
        assert_eq!(deadpeer::ping(&unix, second), Err(SocketError::NotTcp));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(deadpeer::ping(&udp, second), Err(SocketError::NotTcp));
        let file = std::fs::File::open("/dev/null").unwrap();
        let Err(SocketError::Call(error)) = deadpeer::ping(&file, second) else {
            panic!("a file was pinged");
        };
        assert_eq!(error.errno, Errno::NOTSOCK);
    });
}
