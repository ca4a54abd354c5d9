//! `deadpeer watch`: by eBPF with CAP_BPF and CAP_PERFMON, with all owners if CAP_SYS_PTRACE comes
//! to them.

use deadpeer_sys::testing::in_private_netns;
use serde_json::Value;

use crate::common::capabilities::{can_drop_capabilities, with_capabilities};
use crate::has_bpf;

/// The first line of a short watch.
fn watch(capabilities: &str) -> Value {
    let ran = with_capabilities(capabilities, &["watch", "--json", "--for", "10ms"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let first = ran.stdout.lines().next().expect("a first line");
    serde_json::from_str(first).expect("a line is JSON")
}

#[test]
fn by_ebpf_it_takes_bpf_and_perfmon() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        for enough in ["bpf,perfmon", "bpf,perfmon,sys_ptrace"] {
            let begun = watch(enough);
            assert_eq!(begun["means"], "bpf", "{enough}: {begun}");
            assert_eq!(begun["without_bpf"], Value::Null);
        }
    });
}

#[test]
fn with_less_it_watches_otherwise_and_says_why() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        for less in ["", "bpf", "perfmon", "sys_ptrace"] {
            let begun = watch(less);
            assert_eq!(begun["means"], "sock-diag", "{less}: {begun}");
            let why = begun["without_bpf"].as_str().unwrap();
            assert!(why.contains("CAP_BPF and CAP_PERFMON"), "{less}: {why}");
        }
    });
}

#[test]
fn whose_owners_it_will_not_know_is_said() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        // At least this process can't be looked into: it has all of root's rights.
        let begun = watch("");
        let remarks = begun["remarks"].to_string();
        assert!(remarks.contains("CAP_SYS_PTRACE"), "{remarks}");
    });
}
