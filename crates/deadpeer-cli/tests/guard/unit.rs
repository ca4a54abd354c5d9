//! The unit for systemd, and its drop-in for hosts whose containers are guarded too.

use std::fs;
use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::skip;

use crate::common::{Ran, ran};
use crate::scene::program;

/// systemd finds no fault in it, and takes it for no more exposed than this, in tenths.
#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let Some(analyze) = program("systemd-analyze") else {
        return skip("systemd-analyze is not installed (Debian: systemd)");
    };
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/systemd");
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("deadpeer-guard.service");
    // As it is, but for the path of the command and the manual page, which is not installed.
    let text = fs::read_to_string(dist.join("deadpeer-guard.service")).unwrap();
    let text = text.replace("/usr/bin/deadpeer", env!("CARGO_BIN_EXE_deadpeer"));
    let documents = |line: &&str| line.starts_with("Documentation=");
    let lines = text.lines().filter(|line| !documents(line));
    fs::write(&unit, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let analyzed = |args: &[&str]| -> Ran {
        let mut command = Command::new(&analyze);
        ran(command.args(args).arg(&unit).output())
    };
    let is_sound = |exposed: &str| {
        let verified = analyzed(&["verify"]);
        // It looks at those of the machine as well that ours comes after.
        let of_ours = |line: &&str| line.contains("deadpeer-guard");
        let said: Vec<_> = verified.stderr.lines().filter(of_ours).collect();
        assert_eq!((verified.code, said), (0, vec![]));
        let least = format!("--threshold={exposed}");
        let rated = analyzed(&["security", "--offline=true", "--no-pager", &least]);
        assert_eq!(rated.code, 0, "{}{}", rated.stdout, rated.stderr);
    };
    is_sound("25");
    let drop_ins = folder.path().join("deadpeer-guard.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::copy(
        dist.join("containers.conf"),
        drop_ins.join("containers.conf"),
    )
    .unwrap();
    is_sound("30");
}
