//! Which rights it takes: those that are named, and no more.

use deadpeer_sys::sock_diag::SockDiag;
use deadpeer_sys::testing::{in_private_netns, skip};

use crate::common::capabilities::{can_drop_capabilities, tracing, with_capabilities};
use crate::common::population::Holder;
use crate::scenes::{gone, server_end, silent};

#[test]
fn asking_takes_ptrace() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let pair = silent();
        let end = server_end(&pair);
        let _holder = Holder::of_another_user(pair.server);
        let args = ["ping", "-c", "1", "--local", &end];
        let asked = with_capabilities(tracing(), &args);
        assert_eq!(asked.code, 0, "{}{}", asked.stdout, asked.stderr);
        let refused = with_capabilities("", &args);
        assert_eq!(refused.code, 3, "{}", refused.stdout);
        let why = ["owner not visible", "not permitted"];
        assert!(
            why.iter().any(|why| refused.stdout.contains(why)),
            "{}",
            refused.stdout
        );
    });
}

#[test]
fn destroying_takes_net_admin() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        if !SockDiag::open().unwrap().can_destroy().unwrap() {
            return skip("this kernel lacks CONFIG_INET_DIAG_DESTROY");
        }
        let pair = gone();
        let end = server_end(&pair);
        let _holder = Holder::of_another_user(pair.server);
        let args = ["kill", "--unreachable", "--local", &end, "--yes"];
        let refused = with_capabilities("sys_ptrace", &args);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        let said = refused.stderr;
        assert!(
            said.contains("CAP_NET_ADMIN") && said.contains("nothing was destroyed"),
            "{said}"
        );
        // It could, but does not without having asked.
        let unasked = with_capabilities("net_admin", &args);
        assert_eq!(unasked.code, 3, "{}", unasked.stdout);
        let said = unasked.stdout;
        assert!(
            said.contains("could not be asked") && said.contains("CAP_SYS_PTRACE"),
            "{said}"
        );
        assert!(said.contains("Nothing was destroyed"), "{said}");
        let done = with_capabilities(&format!("{},net_admin", tracing()), &args);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    });
}
