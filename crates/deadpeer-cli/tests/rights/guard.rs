//! `guard` of the whole machine: what it may not enter is counted and told.

use deadpeer_sys::testing::in_private_netns;

use crate::common::capabilities::{can_drop_capabilities, with_capabilities};
use crate::common::population::{Holder, listener};

#[test]
fn namespaces_that_it_may_not_enter_are_told() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let holder = Holder::plain(listener());
        in_private_netns(|| {
            let once = |capabilities| {
                let ran = with_capabilities(capabilities, &["guard", "--once", "--netns", "all"]);
                assert_eq!((ran.code, &*ran.stderr), (0, ""));
                ran.stdout
            };
            let all = once("sys_admin,sys_ptrace,net_admin,bpf,perfmon");
            assert!(!all.contains("could not be entered"), "{all}");
            let less = once("sys_ptrace,net_admin,bpf,perfmon");
            assert!(
                less.contains("could not be entered: what runs there is not seen."),
                "{less}"
            );
            assert!(
                less.contains("is not guarded: ") && less.contains("CAP_SYS_ADMIN"),
                "{less}"
            );
            drop(holder);
        });
    });
}
