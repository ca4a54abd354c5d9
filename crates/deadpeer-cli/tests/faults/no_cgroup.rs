//! A machine without cgroup v2: as far as this process sees, and may mount.

use deadpeer_sys::testing::in_private_netns;

use crate::common::PROTECT_ALL_TO_COME;
use crate::hidden::Hidden;

/// Everything that protecting takes, and no right to mount what is missing.
const RIGHTS: &str = "+bpf,+perfmon,+net_admin,+sys_ptrace,+dac_override";

fn on_such_a_machine(test: impl FnOnce(&Hidden) + Send) {
    in_private_netns(|| {
        if let Some(machine) = Hidden::new("/sys/fs/cgroup", Some(RIGHTS)) {
            test(&machine);
        }
    });
}

#[test]
fn connections_still_to_come_cannot_be_protected() {
    on_such_a_machine(|machine| {
        let refused = machine.run(&PROTECT_ALL_TO_COME);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        for said in ["no cgroup v2", "nothing was changed"] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
    });
}

#[test]
fn a_program_is_protected_as_its_sockets_are_found() {
    on_such_a_machine(|machine| {
        let ran = machine.run(&["run", "--within", "30s", "--", "sh", "-c", "exit 7"]);
        assert_eq!(ran.code, 7);
        for said in ["cgroup v2", "protected as they are found"] {
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        }
    });
}

#[test]
fn a_filter_by_cgroup_is_refused_before_anything_is_looked_at() {
    on_such_a_machine(|machine| {
        for verb in [
            &["audit"][..],
            &["ping"],
            &["kill", "--unreachable", "--yes"],
            &["protect", "--within", "30s", "--yes"],
            &["watch", "--for", "10ms"],
        ] {
            let refused = machine.run(&[verb, &["--cgroup", "system.slice"]].concat());
            assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{verb:?}");
            assert!(
                refused.stderr.contains("no such cgroup"),
                "{}",
                refused.stderr
            );
        }
    });
}
