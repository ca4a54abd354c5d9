//! `deadpeer audit`: everything with CAP_SYS_PTRACE, or with CAP_BPF and CAP_PERFMON.

use deadpeer_sys::testing::in_private_netns;
use serde_json::Value;

use crate::common::capabilities::{can_drop_capabilities, tracing, with_capabilities};
use crate::common::of_type;
use crate::common::population::{Holder, keepalive, pair};
use crate::has_bpf;

/// Audits the server's end of a connection, which a process of another user holds. Returns all
/// lines, and the number of that process.
fn audit(capabilities: &str, flags: &[&str]) -> (Vec<Value>, u32) {
    let pair = pair(&keepalive(120, 30, 4));
    let end = pair.address().to_string();
    let holder = Holder::of_another_user(pair.server);
    let args = [
        "audit",
        "--json",
        "--each",
        "--state",
        "established",
        "--local",
        &end,
    ];
    let ran = with_capabilities(capabilities, &[&args, flags].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let lines = ran.stdout.lines().map(serde_json::from_str);
    (lines.map(Result::unwrap).collect(), holder.pid())
}

fn assert_all_seen(lines: &[Value], holder: u32) {
    let [connection] = &of_type(lines, "connection")[..] else {
        panic!("one connection: {lines:?}");
    };
    assert_eq!(
        connection["settings"]["tcp_keepidle_s"], 120,
        "{connection}"
    );
    assert_eq!(connection["owners"][0]["pid"], holder, "{connection}");
    assert_eq!(of_type(lines, "warning"), [] as [Value; 0]);
}

#[test]
fn through_descriptors_it_takes_ptrace() {
    in_private_netns(|| {
        if !can_drop_capabilities() {
            return;
        }
        let (lines, holder) = audit(tracing(), &["--no-bpf"]);
        assert_all_seen(&lines, holder);
        assert_eq!(of_type(&lines, "summary")[0]["read_by"], "descriptors");
    });
}

#[test]
fn by_the_kernel_itself_it_takes_bpf_and_perfmon() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        let (lines, holder) = audit("bpf,perfmon", &[]);
        assert_all_seen(&lines, holder);
        let (lines, holder) = audit("bpf,perfmon", &["--bpf"]);
        assert_all_seen(&lines, holder);
        assert_eq!(of_type(&lines, "summary")[0]["read_by"], "ebpf");
    });
}

#[test]
fn with_less_the_gap_is_named_with_what_would_close_it() {
    in_private_netns(|| {
        if !can_drop_capabilities() || !has_bpf() {
            return;
        }
        for less in ["", "bpf", "perfmon", "net_admin"] {
            let (lines, _) = audit(less, &[]);
            let connection = &of_type(&lines, "connection")[0];
            assert_eq!(connection["settings"], Value::Null, "{less}");
            let said: String = of_type(&lines, "warning")
                .iter()
                .map(|warning| warning["text"].to_string())
                .collect();
            for needed in ["CAP_SYS_PTRACE", "CAP_BPF and CAP_PERFMON"] {
                assert!(said.contains(needed), "{less}: {said}");
            }
            let insisted = with_capabilities(less, &["audit", "--bpf"]);
            assert_eq!(insisted.code, 2, "{less}");
            let needed = "needs CAP_BPF and CAP_PERFMON";
            assert!(insisted.stderr.contains(needed), "{}", insisted.stderr);
        }
    });
}
