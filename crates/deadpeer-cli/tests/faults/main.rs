//! Machines and sockets that don't offer what the command would like: each is a clear sentence, and
//! nothing is done by halves.

#[path = "../common/mod.rs"]
mod common;

mod hidden;
mod multipath;
mod namespaces;
mod no_btf;
mod no_cgroup;
mod over;

use common::run;

/// Each verb that looks for connections, asking nobody.
const VERBS: [&[&str]; 4] = [
    &["audit", "--within", "30s"],
    &["ping", "-c", "1"],
    &["kill", "--unreachable", "--yes"],
    &["protect", "--within", "30s", "--dry-run"],
];

/// A verb that finds nothing with this port says so, and can't tell.
fn assert_finds_nothing(verb: &[&str], port: &str) {
    let ran = run(&[verb, &["--port", port]].concat());
    assert_eq!(ran.code, 3, "{verb:?}: {}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains(" matches --port "),
        "{verb:?}: {}",
        ran.stdout
    );
}
