//! Each option out and back, on every kind of socket, with the kernel's own refusals.

use std::fmt::Debug;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use deadpeer_core::{Effective, Setting, SocketOption, SocketOptions, Sysctls};
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::testing::{in_private_netns, skip};
use deadpeer_sys::{Result, SysError, sysctl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with};

use crate::pair;

type Reader<T> = fn(BorrowedFd<'_>) -> Result<T>;
type Setter<T> = fn(BorrowedFd<'_>, T) -> Result<()>;

/// Sets each value and reads it back.
fn round_trip<T: Copy + PartialEq + Debug>(
    fd: BorrowedFd<'_>,
    read: Reader<T>,
    set: Setter<T>,
    values: &[T],
) {
    for value in values {
        set(fd, *value).unwrap();
        assert_eq!(read(fd).unwrap(), *value);
    }
}

/// Tries each value, gets `EINVAL` from the named call, and finds the old value.
fn refused<T: Copy + PartialEq + Debug>(
    fd: BorrowedFd<'_>,
    read: Reader<T>,
    set: Setter<T>,
    call: &'static str,
    values: &[T],
) {
    let before = read(fd).unwrap();
    for value in values {
        let errno = Errno::INVAL;
        assert_eq!(set(fd, *value), Err(SysError { call, errno }), "{value:?}");
    }
    assert_eq!(read(fd).unwrap(), before);
}

fn every_option_out_and_back(fd: BorrowedFd<'_>) {
    round_trip(
        fd,
        |fd| sockopt::keepalive(fd),
        |fd, v| sockopt::set_keepalive(fd, v),
        &[true, false],
    );
    round_trip(
        fd,
        |fd| sockopt::keepidle_s(fd),
        |fd, v| sockopt::set_keepidle_s(fd, v),
        &[1, 20, 32_767],
    );
    round_trip(
        fd,
        |fd| sockopt::keepintvl_s(fd),
        |fd, v| sockopt::set_keepintvl_s(fd, v),
        &[1, 5, 32_767],
    );
    round_trip(
        fd,
        |fd| sockopt::keepcnt(fd),
        |fd, v| sockopt::set_keepcnt(fd, v),
        &[1, 8, 127],
    );
    round_trip(
        fd,
        |fd| sockopt::user_timeout_ms(fd),
        |fd, v| sockopt::set_user_timeout_ms(fd, v),
        &[Some(1), Some(30_000), Some(i32::MAX as u32), None],
    );
    round_trip(
        fd,
        |fd| sockopt::syncnt(fd),
        |fd, v| sockopt::set_syncnt(fd, v),
        &[1, 3, 127],
    );
    if sockopt::rto_max_ms(fd).unwrap().is_some() {
        round_trip(
            fd,
            |fd| sockopt::rto_max_ms(fd).map(Option::unwrap),
            |fd, v| sockopt::set_rto_max_ms(fd, v),
            &[1_000, 5_000, 120_000],
        );
    }
}

fn every_range_is_kept(fd: BorrowedFd<'_>) {
    let keepalive = [0, 32_768, u32::MAX];
    refused(
        fd,
        |fd| sockopt::keepidle_s(fd),
        |fd, v| sockopt::set_keepidle_s(fd, v),
        "setsockopt(TCP_KEEPIDLE)",
        &keepalive,
    );
    refused(
        fd,
        |fd| sockopt::keepintvl_s(fd),
        |fd, v| sockopt::set_keepintvl_s(fd, v),
        "setsockopt(TCP_KEEPINTVL)",
        &keepalive,
    );
    refused(
        fd,
        |fd| sockopt::keepcnt(fd),
        |fd, v| sockopt::set_keepcnt(fd, v),
        "setsockopt(TCP_KEEPCNT)",
        &[0, 128, u32::MAX],
    );
    refused(
        fd,
        |fd| sockopt::user_timeout_ms(fd),
        |fd, v| sockopt::set_user_timeout_ms(fd, v),
        "setsockopt(TCP_USER_TIMEOUT)",
        &[Some(i32::MAX as u32 + 1), Some(u32::MAX)],
    );
    refused(
        fd,
        |fd| sockopt::syncnt(fd),
        |fd, v| sockopt::set_syncnt(fd, v),
        "setsockopt(TCP_SYNCNT)",
        &[0, 128, u32::MAX],
    );
    if sockopt::rto_max_ms(fd).unwrap().is_some() {
        refused(
            fd,
            |fd| sockopt::rto_max_ms(fd).map(Option::unwrap),
            |fd, v| sockopt::set_rto_max_ms(fd, v),
            "setsockopt(TCP_RTO_MAX_MS)",
            &[0, 999, 120_001, u32::MAX],
        );
    }
}

#[test]
fn options_of_a_connection() {
    in_private_netns(|| {
        for address in ["127.0.0.1", "::1"] {
            let (client, server) = pair(address);
            for end in [&client, &server] {
                every_option_out_and_back(end.as_fd());
                every_range_is_kept(end.as_fd());
            }
        }
    });
}

#[test]
fn options_of_a_listener() {
    in_private_netns(|| {
        let listener = TcpListener::bind("[::]:0").unwrap();
        every_option_out_and_back(listener.as_fd());
        every_range_is_kept(listener.as_fd());
    });
}

#[test]
fn the_ranges_of_core_are_the_kernels() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fd = listener.as_fd();
        for value in [
            0,
            1,
            127,
            128,
            999,
            1_000,
            32_767,
            32_768,
            120_000,
            120_001,
            i32::MAX as u32,
            u32::MAX,
        ] {
            let checked = |set: fn(&mut SocketOptions) -> &mut Option<u32>| {
                let mut options = SocketOptions::default();
                *set(&mut options) = Some(value);
                options.check().is_ok()
            };
            assert_eq!(
                checked(|o| &mut o.keepidle_s),
                sockopt::set_keepidle_s(fd, value).is_ok()
            );
            assert_eq!(
                checked(|o| &mut o.keepintvl_s),
                sockopt::set_keepintvl_s(fd, value).is_ok()
            );
            assert_eq!(
                checked(|o| &mut o.keepcnt),
                sockopt::set_keepcnt(fd, value).is_ok()
            );
            assert_eq!(
                checked(|o| &mut o.syncnt),
                sockopt::set_syncnt(fd, value).is_ok()
            );
            let timeout = sockopt::set_user_timeout_ms(fd, Some(value));
            assert_eq!(checked(|o| &mut o.user_timeout_ms), timeout.is_ok());
            if sockopt::rto_max_ms(fd).unwrap().is_some() {
                assert_eq!(
                    checked(|o| &mut o.rto_max_ms),
                    sockopt::set_rto_max_ms(fd, value).is_ok()
                );
            }
        }
    });
}

#[test]
fn an_untouched_socket_follows_the_sysctls_and_a_touched_one_does_not() {
    in_private_netns(|| {
        sysctl::write("tcp_keepalive_time", 1234).unwrap();
        sysctl::write("tcp_keepalive_probes", 5).unwrap();
        sysctl::write("tcp_syn_retries", 2).unwrap();
        let sysctls = sysctl::read().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();

        let mut expected = Effective::untouched(&sysctls);
        assert_eq!(
            sockopt::effective_among(&listener, &sysctls).unwrap(),
            expected
        );
        expected.syncnt = Some(2);
        assert_eq!(sockopt::effective(&listener).unwrap(), expected);
        assert_eq!((expected.keepidle_s, expected.keepcnt), (1234, 5));

        sockopt::set_keepidle_s(&listener, 77).unwrap();
        sockopt::set_keepintvl_s(&listener, 7).unwrap();
        sockopt::set_user_timeout_ms(&listener, Some(30_000)).unwrap();
        expected.keepidle_s = 77;
        expected.keepintvl_s = 7;
        expected.user_timeout_ms = Some(30_000);
        assert_eq!(sockopt::effective(&listener).unwrap(), expected);

        // Among many, values behind a keepalive that is off are not looked at.
        let among = sockopt::effective_among(&listener, &sysctls).unwrap();
        assert_eq!(
            (among.keepidle_s, among.keepintvl_s),
            (1234, sysctls.keepalive_intvl_s)
        );
        assert_eq!(among.user_timeout_ms, Some(30_000));
        sockopt::set_keepalive(&listener, true).unwrap();
        expected.keepalive = true;
        expected.syncnt = None;
        assert_eq!(
            sockopt::effective_among(&listener, &sysctls).unwrap(),
            expected
        );
    });
}

#[test]
fn sockets_that_are_not_tcp() {
    in_private_netns(|| {
        let (unix, _other) = UnixStream::pair().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sysctls = Sysctls::DEFAULT;
        let errno = Errno::OPNOTSUPP;
        for fd in [unix.as_fd(), udp.as_fd()] {
            assert_eq!(sockopt::transport(fd), Ok(Transport::Other));
            let call = "getsockopt(TCP_KEEPIDLE)";
            assert_eq!(sockopt::effective(fd), Err(SysError { call, errno }));
            let call = "getsockopt(TCP_USER_TIMEOUT)";
            assert_eq!(
                sockopt::effective_among(fd, &sysctls),
                Err(SysError { call, errno })
            );
            let call = "getsockopt(TCP_SYNCNT)";
            assert_eq!(sockopt::syncnt(fd), Err(SysError { call, errno }));
            let error = sockopt::set_syncnt(fd, 3).unwrap_err();
            assert_eq!(error.call, "setsockopt(TCP_SYNCNT)");
            assert!(matches!(error.errno, Errno::OPNOTSUPP | Errno::NOPROTOOPT));
        }
    });
}

#[test]
fn descriptors_that_are_no_sockets() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let errno = Errno::NOTSOCK;
    assert_eq!(
        sockopt::transport(&file),
        Err(SysError {
            call: "getsockopt(SO_DOMAIN)",
            errno
        })
    );
    assert_eq!(
        sockopt::effective(&file),
        Err(SysError {
            call: "getsockopt(SO_KEEPALIVE)",
            errno
        })
    );
    assert_eq!(
        sockopt::mute(&file),
        Err(SysError {
            call: "setsockopt(SO_ATTACH_FILTER)",
            errno
        })
    );
}

#[test]
fn a_descriptor_that_is_not_open() {
    // SAFETY: the number is above every limit, so it is nobody's and never will be; it is only
    // handed to the kernel.
    let closed = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(i32::MAX - 1) });
    let errno = Errno::BADF;
    assert_eq!(
        sockopt::effective(&*closed),
        Err(SysError {
            call: "getsockopt(SO_KEEPALIVE)",
            errno
        })
    );
    assert_eq!(
        sockopt::syncnt(&*closed),
        Err(SysError {
            call: "getsockopt(TCP_SYNCNT)",
            errno
        })
    );
    let error = sockopt::set_keepcnt(&*closed, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "setsockopt(TCP_KEEPCNT): Bad file descriptor (os error 9)"
    );
    assert_eq!(std::io::Error::from(error).raw_os_error(), Some(9));
}

#[test]
fn transports_are_told_apart() {
    in_private_netns(|| {
        let (client, server) = pair("::1");
        assert_eq!(sockopt::transport(&client), Ok(Transport::Tcp));
        assert_eq!(sockopt::transport(&server), Ok(Transport::Tcp));
        let mptcp = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            Some(rustix::net::ipproto::MPTCP),
        );
        match mptcp {
            Ok(socket) => assert_eq!(sockopt::transport(socket), Ok(Transport::Mptcp)),
            Err(error) => skip(&format!("no Multipath TCP on this machine ({error})")),
        }
        let icmp: Option<Protocol> = Some(rustix::net::ipproto::ICMP);
        let raw = socket_with(
            AddressFamily::INET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            icmp,
        );
        assert_eq!(sockopt::transport(raw.unwrap()), Ok(Transport::Other));
    });
}

#[test]
fn multipath_sockets_have_keepalive_and_nothing_else() {
    in_private_netns(|| {
        let mptcp = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            Some(rustix::net::ipproto::MPTCP),
        );
        let socket = match mptcp {
            Ok(socket) => socket,
            Err(error) => return skip(&format!("no Multipath TCP on this machine ({error})")),
        };
        let sysctls = sysctl::read().unwrap();
        let mut expected = Effective::untouched(&sysctls);
        assert_eq!(sockopt::effective_among(&socket, &sysctls), Ok(expected));
        sockopt::set_keepalive(&socket, true).unwrap();
        sockopt::set_keepidle_s(&socket, 9).unwrap();
        expected.keepalive = true;
        expected.keepidle_s = 9;
        assert_eq!(sockopt::effective_among(&socket, &sysctls), Ok(expected));
        expected.rto_max_ms = None;
        assert_eq!(sockopt::effective(&socket), Ok(expected));
        for option in SocketOption::ALL {
            let facts = option.facts();
            let refused = sockopt::set(&socket, Setting::new(option, facts.max)).err();
            let errno = (!facts.on_mptcp).then_some(Errno::NOPROTOOPT);
            assert_eq!(refused.map(|error| error.errno), errno, "{}", facts.name);
        }
    });
}

/// The list of options is the kernel's: numbers, ranges, and what a listener hands on.
#[test]
fn the_list_of_options_is_the_kernels() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let has_rto_max = sockopt::rto_max_ms(&listener).unwrap().is_some();
        // What no socket has by itself.
        let mark = |option: SocketOption| option.facts().min.max(1);
        let known = |option: &SocketOption| has_rto_max || *option != SocketOption::RtoMax;
        for option in SocketOption::ALL.into_iter().filter(known) {
            let (facts, set) = (option.facts(), |value| {
                sockopt::set(&listener, Setting::new(option, value))
            });
            assert_eq!(set(facts.min), Ok(()), "{}", facts.name);
            assert_eq!(
                sockopt::get(&listener, option),
                Ok(facts.min),
                "{}",
                facts.name
            );
            // Any number switches, and more than the largest user timeout is no int.
            let whatever = option == SocketOption::Keepalive;
            if !whatever {
                assert!(set(facts.max + 1).is_err(), "{}", facts.name);
            }
            assert_eq!(set(facts.max), Ok(()), "{}", facts.name);
            assert_eq!(set(mark(option)), Ok(()), "{}", facts.name);
        }
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        for option in SocketOption::ALL.into_iter().filter(known) {
            let facts = option.facts();
            let handed_on = sockopt::get(&accepted, option) == Ok(mark(option));
            assert!(handed_on || !facts.inherited, "{}", facts.name);
            assert_ne!(
                sockopt::get(&client, option),
                Ok(mark(option)),
                "{}",
                facts.name
            );
        }
    });
}

#[test]
fn cookies_name_sockets_not_descriptors() {
    in_private_netns(|| {
        let (client, server) = pair("127.0.0.1");
        let cookie = sockopt::cookie(&client).unwrap();
        assert_eq!(sockopt::cookie(client.try_clone().unwrap()), Ok(cookie));
        assert_ne!(sockopt::cookie(&server), Ok(cookie));
    });
}
