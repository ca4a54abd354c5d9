//! What is refused, and that nothing changes then.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;

use deadpeer::setting::{OutOfRange, Setting, SocketOption};
use deadpeer::{Apply, ApplyError, Errno, Lack, SocketError, SocketOptions};
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::every_option;

#[test]
fn values_out_of_range_change_nothing() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let before = deadpeer::options(&listener);
        type Spoil = fn(&mut SocketOptions);
        let spoilers: [(Spoil, &str); 6] = [
            (
                |o| o.keepidle_s = Some(0),
                "TCP_KEEPIDLE takes 1 to 32767 seconds, not 0",
            ),
            (
                |o| o.keepintvl_s = Some(40_000),
                "TCP_KEEPINTVL takes 1 to 32767 seconds, not 40000",
            ),
            (
                |o| o.keepcnt = Some(128),
                "TCP_KEEPCNT takes 1 to 127 probes, not 128",
            ),
            (
                |o| o.user_timeout_ms = Some(u32::MAX),
                "TCP_USER_TIMEOUT takes 0 to 2147483647 milliseconds, not 4294967295",
            ),
            (
                |o| o.rto_max_ms = Some(999),
                "TCP_RTO_MAX_MS takes 1000 to 120000 milliseconds, not 999",
            ),
            (
                |o| o.syncnt = Some(0),
                "TCP_SYNCNT takes 1 to 127 retries, not 0",
            ),
        ];
        for (spoil, message) in spoilers {
            let mut options = every_option();
            spoil(&mut options);
            let error = options.apply(&listener).unwrap_err();
            assert!(matches!(error, ApplyError::OutOfRange(OutOfRange { .. })));
            assert_eq!(error.to_string(), message);
            assert_eq!(deadpeer::options(&listener), before);
        }
    });
}

#[test]
fn sockets_that_are_not_tcp() {
    in_private_netns(|| {
        let (unix, _other) = UnixStream::pair().unwrap();
        assert_eq!(every_option().apply(&unix), Err(ApplyError::NotTcp));
        assert_eq!(deadpeer::options(&unix), Err(SocketError::NotTcp));
        assert_eq!(deadpeer::inspect(&unix), Err(SocketError::NotTcp));

        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(every_option().apply(&udp), Err(ApplyError::NotTcp));
        assert_eq!(deadpeer::options(&udp), Err(SocketError::NotTcp));
        assert_eq!(deadpeer::inspect(&udp), Err(SocketError::NotTcp));
        assert!(!rustix::net::sockopt::socket_keepalive(&udp).unwrap());
    });
}

#[test]
fn descriptors_that_are_no_sockets() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let Err(ApplyError::Read(error)) = every_option().apply(&file) else {
        panic!("a file took socket options");
    };
    assert_eq!(error.errno, Errno::NOTSOCK);
    let Err(SocketError::Call(error)) = deadpeer::inspect(&file) else {
        panic!("a file has TCP_INFO");
    };
    assert_eq!(
        (error.call, error.errno),
        ("getsockopt(TCP_INFO)", Errno::NOTSOCK)
    );
}

#[test]
fn multipath_sockets_say_what_they_lack() {
    in_private_netns(|| {
        let mptcp = Some(rustix::net::ipproto::MPTCP);
        let made = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            mptcp,
        );
        let socket = match made {
            Ok(socket) => socket,
            Err(error) => return skip(&format!("no Multipath TCP on this machine ({error})")),
        };
        let options = every_option();
        let applied = options.apply(&socket).unwrap();
        assert!(!applied.is_complete());
        assert!(
            applied
                .unsupported
                .iter()
                .all(|one| one.lack == Lack::Multipath)
        );
        let lacking: Vec<_> = applied.unsupported.iter().map(|one| one.setting).collect();
        assert!(lacking.contains(&Setting::new(SocketOption::UserTimeout, 29_000)));
        assert!(lacking.contains(&Setting::new(SocketOption::Syncnt, 3)));
        assert!(applied.effective.keepalive);
        assert_eq!(applied.effective.keepidle_s, 20);
        assert_eq!(applied.effective.user_timeout_ms, None);

        let none = SocketOptions {
            user_timeout_ms: Some(0),
            ..SocketOptions::default()
        };
        assert!(none.apply(&socket).unwrap().is_complete());
    });
}

#[test]
fn the_kernels_rounding_is_reported() {
    in_private_netns(|| {
        let kernel = deadpeer::running_kernel().unwrap();
        let Some(hz) = kernel.hz.filter(|hz| kernel.rto_max_option && *hz < 1000) else {
            return skip("no TCP_RTO_MAX_MS, or ticks of a millisecond, which round nothing");
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = SocketOptions {
            rto_max_ms: Some(1_001),
            ..SocketOptions::default()
        };
        let applied = options.apply(&listener).unwrap();
        let [difference] = applied.differences[..] else {
            panic!("{applied:?}");
        };
        assert_eq!(difference.asked, Setting::new(SocketOption::RtoMax, 1_001));
        let held = difference.held.value;
        assert!(
            (1_002..=1_001 + 1_000u32.div_ceil(hz)).contains(&held),
            "{held}"
        );
    });
}
