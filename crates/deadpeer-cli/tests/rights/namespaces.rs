//! `--netns`, which all verbs have: CAP_SYS_ADMIN to enter, and CAP_SYS_PTRACE if it is named by a
//! process.

use deadpeer_sys::testing::in_private_netns;

use crate::common::capabilities::{can_drop_capabilities, with_capabilities};
use crate::common::population::{Holder, listener};

/// Verbs that look into a namespace, with what else they must be told.
const VERBS: [&[&str]; 5] = [
    &["audit", "--no-bpf"],
    &["ping", "--all", "-c", "1"],
    &["kill", "--all", "--unreachable", "--yes"],
    &[
        "protect",
        "--all",
        "--within",
        "30s",
        "--dry-run",
        "--no-bpf",
    ],
    &["watch", "--no-bpf", "--for", "10ms"],
];

#[test]
fn entering_another_takes_sys_admin_and_by_a_process_ptrace() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        // Born here, so in this namespace.
        let holder = Holder::plain(listener());
        let pid = holder.pid().to_string();
        in_private_netns(|| {
            for verb in VERBS {
                let enter = |capabilities| {
                    with_capabilities(capabilities, &[verb, &["--netns", &pid]].concat())
                };
                let entered = enter("sys_admin,sys_ptrace");
                let said = &entered.stderr;
                assert!(!said.contains("network namespace"), "{verb:?}: {said}");
                for (less, missing) in [
                    ("", "CAP_SYS_PTRACE"),
                    ("sys_admin", "CAP_SYS_PTRACE"),
                    ("sys_ptrace", "CAP_SYS_ADMIN"),
                ] {
                    let refused = enter(less);
                    assert_eq!(refused.code, 2, "{verb:?} {less}: {}", refused.stdout);
                    let said = refused.stderr;
                    assert!(
                        said.contains("that network namespace") && said.contains(missing),
                        "{verb:?} {less}: {said}"
                    );
                }
            }
        });
    });
}
