//! `deadpeer run`: from the first packet with CAP_BPF, CAP_NET_ADMIN and the right to make a
//! cgroup.

use std::process::Command;

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::capabilities::{can_drop_capabilities, with_capabilities};
use crate::has_bpf;

/// What is said about a program that does nothing. It is a success only where a deadline was
/// promised.
fn said(capabilities: &str) -> String {
    let ran = with_capabilities(capabilities, &["run", "--within", "30s", "--", "true"]);
    let code = if ran.stderr.contains(ALL) { 0 } else { 3 };
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (code, ""),
        "{}",
        ran.stderr
    );
    ran.stderr
}

const ALL: &str = "from its first packet";
const AS_FOUND: &str = "protected as they are found";

#[test]
fn from_the_first_packet_it_takes_bpf_net_admin_and_a_cgroup() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        // Root of a machine may make cgroups anywhere, though the directory of the first one is
        // write protected.
        let making = "dac_override";
        let all = said(&format!("bpf,net_admin,{making}"));
        if all.contains("cgroup") {
            return skip(&all);
        }
        assert!(all.contains(ALL), "{all}");
        for less in [
            &format!("bpf,{making}"),
            &format!("net_admin,{making}"),
            making,
        ] {
            let said = said(less);
            assert!(said.contains(AS_FOUND), "{less}: {said}");
            assert!(
                said.contains("needs CAP_BPF and CAP_NET_ADMIN"),
                "{less}: {said}"
            );
        }
    });
}

/// Waits until somebody else has switched keepalive on, on both ends of a connection.
const CONNECTED: &str = "
import socket as s, sys, time
l = s.create_server(('127.0.0.1', 0))
c = s.create_connection(l.getsockname())
ends = [c, l.accept()[0]]
end = time.monotonic() + 60
while not all(e.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE) for e in ends):
    if time.monotonic() > end: sys.exit(1)
    time.sleep(0.01)
";

#[test]
fn without_any_right_what_is_found_is_protected_all_the_same() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        if Command::new("python3").arg("--version").output().is_err() {
            return skip("no python3");
        }
        let program = ["run", "--within", "30s", "--", "python3", "-c", CONNECTED];
        let ran = with_capabilities("", &program);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(AS_FOUND), "{}", ran.stderr);
        assert!(ran.stderr.contains("Left open: "), "{}", ran.stderr);
    });
}
