//! The cgroup of a run: it goes with it, and what a killed one leaves goes with the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deadpeer_sys::testing::skip;

use crate::common::run;
use crate::signals::eventually;

/// Our own cgroup v2, if we may make others in it.
fn own_cgroup() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let own = roots
        .iter()
        .map(|root| Path::new(root).join(path))
        .find(|own| own.join("cgroup.procs").exists())?;
    let probe = own.join(format!("deadpeer-test-{}", std::process::id()));
    fs::create_dir(&probe).ok()?;
    fs::remove_dir(&probe).ok()?;
    Some(own)
}

#[test]
fn it_leaves_nothing_and_cleans_up_after_a_killed_one() {
    let said = run(&["run", "--within", "30s", "--", "true"]);
    let (Some(own), false) = (own_cgroup(), said.stderr.contains("Left open")) else {
        return skip(&format!("no cgroup to make here: {}", said.stderr));
    };
    let mut killed = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
    killed.args(["run", "--within", "30s", "--quiet", "--", "sleep", "1000"]);
    let mut killed = killed.stdin(Stdio::null()).spawn().unwrap();
    let named = format!("deadpeer-run-{}-", killed.id());
    let made = || {
        let mut cgroups = fs::read_dir(&own).unwrap().flatten();
        let ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(&named);
        cgroups.find(|cgroup| ours(&cgroup.file_name()))
    };
    eventually("its cgroup is there", || made().is_some());
    let left = made().unwrap().path();
    let processes = || fs::read_to_string(left.join("cgroup.procs")).unwrap_or_default();
    eventually("the program runs in it", || !processes().is_empty());
    killed.kill().unwrap();
    killed.wait().unwrap();

    // The program goes on in it, so the next run leaves it alone.
    assert_eq!(run(&["run", "--within", "30s", "--", "true"]).code, 0);
    assert!(left.exists());
    fs::write(left.join("cgroup.kill"), "1").unwrap();
    eventually("the program has ended", || processes().is_empty());
    assert_eq!(run(&["run", "--within", "30s", "--", "true"]).code, 0);
    assert!(!left.exists());
}
