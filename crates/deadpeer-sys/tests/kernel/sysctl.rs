//! Sysctls belong to the thread's namespace.

use deadpeer_sys::netns;
use deadpeer_sys::sysctl::{self, SysctlError};
use deadpeer_sys::testing::in_private_netns;
use rustix::io::Errno;

#[test]
fn each_namespace_has_its_own() {
    in_private_netns(|| {
        let before = sysctl::read().unwrap();
        sysctl::write("tcp_retries2", 6).unwrap();
        sysctl::write("tcp_keepalive_intvl", 11).unwrap();
        let mut expected = before;
        expected.retries2 = 6;
        expected.keepalive_intvl_s = 11;
        assert_eq!(sysctl::read().unwrap(), expected);

        let here = netns::open_current().unwrap();
        let elsewhere = netns::private(|| {
            let there = sysctl::read().unwrap();
            let back = netns::enter(&here, sysctl::read).unwrap().unwrap();
            assert_eq!(back, expected);
            there
        });
        assert_ne!(elsewhere.unwrap().retries2, 6);
    });
}

#[test]
fn values_the_kernel_refuses() {
    in_private_netns(|| {
        let error = sysctl::write("tcp_keepalive_probes", "many").unwrap_err();
        let (action, name, errno) = ("write", "tcp_keepalive_probes", Errno::INVAL);
        assert_eq!(
            error,
            SysctlError::File {
                action,
                name,
                errno
            }
        );
        assert!(
            error
                .to_string()
                .starts_with("write /proc/sys/net/ipv4/tcp_keepalive_probes: ")
        );
    });
}

#[test]
fn the_machines_own_are_never_written() {
    let machine = netns::open_process(std::process::id()).unwrap();
    let written = netns::enter(&machine, || sysctl::write("tcp_retries2", 15));
    if let Ok(result) = written {
        let (action, name, errno) = ("write", "tcp_retries2", Errno::PERM);
        assert_eq!(
            result,
            Err(SysctlError::File {
                action,
                name,
                errno
            })
        );
    }
}
