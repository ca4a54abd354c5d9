//! Which rights it takes: those that are named, and no more.

use deadpeer::SocketOptions;
use deadpeer_sys::testing::in_private_netns;

use crate::common::capabilities::{can_drop_capabilities, with_capabilities};
use crate::common::population::{Holder, pair};
use crate::common::{PROTECT_ALL_TO_COME, Ran};
use crate::sockets::{Undo, has_bpf, options};

/// Protects a connection of root's process with these capabilities alone. Returns the exit code,
/// what was said, and whether the connection is protected.
fn protect(capabilities: &str, more: &[&str]) -> (i32, String, bool) {
    let undo = Undo::new();
    let pair = pair(&SocketOptions::default());
    let watched = pair.server.try_clone().unwrap();
    let port = pair.port();
    let _holder = Holder::plain(pair.server);
    let file = tempfile::tempdir().unwrap();
    let file = file.path().join("undo");
    let args = [
        &[
            "protect",
            "--within",
            "30s",
            "--yes",
            "--port",
            &port,
            "--undo-file",
        ],
        &[file.to_str().unwrap()][..],
        more,
    ]
    .concat();
    let ran = with_capabilities(capabilities, &args);
    drop(undo);
    (
        ran.code,
        ran.stdout + &ran.stderr,
        options(&watched).keepalive,
    )
}

#[test]
fn without_any_right_nothing_is_changed_and_that_is_said() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let (code, said, protected) = protect("", &[]);
        assert_eq!((code, protected), (3, false), "{said}");
        assert!(
            said.contains("owner not visible") || said.contains("not permitted"),
            "{said}"
        );
    });
}

#[test]
fn through_descriptors_it_takes_ptrace() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let (code, said, protected) = protect("sys_ptrace", &["--no-bpf"]);
        assert_eq!((code, protected), (0, true), "{said}");
    });
}

#[test]
fn from_within_the_kernel_it_takes_bpf_and_perfmon() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        let (code, said, protected) = protect("bpf,perfmon", &[]);
        assert_eq!((code, protected), (0, true), "{said}");
        for less in ["bpf", "perfmon"] {
            let (code, said, protected) = protect(less, &[]);
            assert_eq!((code, protected), (3, false), "{less}: {said}");
        }
    });
}

#[test]
fn connections_still_to_come_take_bpf_and_net_admin() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        for less in ["", "bpf", "net_admin", "bpf,perfmon"] {
            let Ran {
                code,
                stdout,
                stderr,
            } = with_capabilities(less, &PROTECT_ALL_TO_COME);
            assert_eq!(code, 2, "{less}: {stdout}");
            let needed = "needs CAP_BPF and CAP_NET_ADMIN";
            assert!(stderr.contains(needed), "{less}: {stderr}");
            assert!(stderr.contains("nothing was changed"), "{less}: {stderr}");
        }
    });
}
