//! Whatever kernel this is: what the guide promises of it is to be had, and the absence of the rest
//! is said in a sentence that names the reason. `.ci/other-kernels` runs these tests on other
//! kernels than this machine's, as they come and locked down.

#[path = "../common/mod.rs"]
mod common;

mod guard;
mod promised;
mod sysctl;

use deadpeer::SocketOptions;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};

use common::population::pair;
use common::room::Room;
use common::{json, of_type, run};
use promised::Promised;

/// A deadline that every kernel can keep: those before Linux 6.15 only by dropping live peers that
/// don't read.
const DEADLINE: [&str; 4] = ["--within", "30s", "--slow-readers", "drop"];

/// Everything here takes root, which is told apart from what the kernel can't.
fn on_this_kernel(test: impl FnOnce(&Promised) + Send) {
    if !rustix::process::geteuid().is_root() {
        return skip("what a kernel can do is seen as root");
    }
    in_private_netns(|| test(&Promised::by_this_kernel()));
}

#[test]
fn audit_reads_from_within_or_says_why_not() {
    on_this_kernel(|promised| {
        let pair = pair(&common::population::keepalive(120, 30, 4));
        let port = pair.port();
        let audit = |flags: &[&str]| {
            json(&[&["audit", "--json", "--each", "--port", &port], flags].concat())
        };
        let settings = |lines: &[serde_json::Value]| -> Vec<serde_json::Value> {
            of_type(lines, "connection")
                .iter()
                .map(|line| line["settings"].clone())
                .collect()
        };
        let through_descriptors = settings(&audit(&["--no-bpf"]));
        assert_eq!(through_descriptors.len(), 2);
        assert!(through_descriptors.iter().all(serde_json::Value::is_object));
        assert_eq!(settings(&audit(&[])), through_descriptors);
        match promised.looking() {
            Ok(()) => {
                let lines = audit(&["--bpf"]);
                assert_eq!(of_type(&lines, "summary")[0]["read_by"], "ebpf");
                assert_eq!(settings(&lines), through_descriptors);
            }
            Err(why) => {
                let refused = run(&["audit", "--bpf"]);
                assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
                why.is_said_in(&refused.stderr);
            }
        }
    });
}

#[test]
fn protect_changes_what_is_open_and_undoes_it() {
    on_this_kernel(|promised| {
        let pair = pair(&SocketOptions::default());
        let ends = || [&pair.client, &pair.server].map(|end| sockopt::effective(end).unwrap());
        let before = ends();
        let state = tempfile::tempdir().unwrap();
        let undo = state.path().join("undo");
        let undo = undo.to_str().unwrap();
        for way in [&[][..], &["--no-bpf"]] {
            let args = [
                "protect",
                "--yes",
                "--undo-file",
                undo,
                "--port",
                &pair.port(),
            ];
            let done = run(&[&args[..], &DEADLINE, way].concat());
            assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
            assert!(ends().iter().all(|end| end.keepalive), "{:?}", ends());
            match promised.setting() {
                Ok(()) if way.is_empty() => {
                    assert!(done.stdout.contains("(eBPF)"), "{}", done.stdout)
                }
                Err(why) if way.is_empty() => why.is_said_in(&done.stdout),
                Ok(()) | Err(_) => {}
            }
            let audit = run(&["audit", "--within", "30s", "--port", &pair.port()]);
            assert_eq!(audit.code, 0, "{}", audit.stdout);
            let undone = run(&[&["protect", "--yes", "--undo", undo], way].concat());
            assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
            assert_eq!(ends(), before);
        }
    });
}

#[test]
fn connections_still_to_come_are_protected_or_nothing_is_promised() {
    on_this_kernel(|promised| {
        let Some(mut room) = Room::new("kernels") else {
            return;
        };
        let cgroup = room.cgroup.display().to_string();
        let rule = format!(
            "--new-connections --cgroup {cgroup} --yes {}",
            DEADLINE.join(" ")
        );
        match promised.rules() {
            Ok(()) => {
                let made = room.deadpeer(&format!("{rule} --json"));
                assert_eq!(made[0]["holds"], true, "{made:?}");
                let fresh = room.fresh();
                assert!(!fresh[0].contains("(0,"), "{fresh:?}");
                let standing = &of_type(&room.deadpeer("--list --json"), "standing_protection")[0];
                assert_eq!(
                    (&standing["protected"], &standing["refused"]),
                    (&2.into(), &0.into())
                );
                room.deadpeer("--remove all --json");
            }
            Err(why) => {
                let refused = room
                    .run(&format!(
                        "{} protect {rule}",
                        env!("CARGO_BIN_EXE_deadpeer")
                    ))
                    .join(" ");
                why.is_said_in(&refused);
                assert!(refused.contains("nothing was changed"), "{refused}");
            }
        }
        assert_eq!(room.fresh(), ["(0, 7200) (0, 7200)"]);
    });
}

#[test]
fn run_protects_from_the_first_packet_or_says_what_that_leaves_open() {
    on_this_kernel(|promised| {
        let args = [
            "run",
            "--within",
            "30s",
            "--slow-readers",
            "drop",
            "--",
            "sh",
            "-c",
            "exit 7",
        ];
        let ran = run(&args);
        assert_eq!(ran.code, 7, "{}", ran.stderr);
        match promised.rules() {
            Ok(()) => assert!(
                ran.stderr.contains("from its first packet"),
                "{}",
                ran.stderr
            ),
            Err(why) => {
                why.is_said_in(&ran.stderr);
                assert!(ran.stderr.contains("Left open: "), "{}", ran.stderr);
            }
        }
    });
}

#[test]
fn watch_sees_each_death_or_says_how_it_guesses() {
    on_this_kernel(|promised| {
        let begun = json(&["watch", "--json", "--for", "10ms"]).remove(0);
        match promised.looking() {
            Ok(()) => assert_eq!(begun["means"], "bpf", "{begun}"),
            Err(why) => {
                assert_eq!(begun["means"], "sock-diag", "{begun}");
                why.is_said_in(begun["without_bpf"].as_str().unwrap());
            }
        }
    });
}
