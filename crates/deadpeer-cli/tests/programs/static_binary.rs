//! A statically linked server that sets its options itself, as programs in Go do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audit::Audit;
use crate::program::{Program, ask, with_program};
use crate::settings::Settings;

const ADDRESS: &str = "127.0.0.1:8080";

/// Links the server under this name.
fn build(compiler: &Path, folder: &Path, name: &str) -> PathBuf {
    let executable = folder.join(name);
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/programs/static_binary.c"
    );
    let built = Command::new(compiler)
        .args(["-static", "-o"])
        .arg(&executable)
        .arg(source)
        .output();
    let built = built.unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let file = std::fs::read(&executable).unwrap();
    let interpreter = file
        .windows(7)
        .any(|part| part == b"/ld-lin" || part == b"ld-musl");
    assert!(!interpreter, "it is linked statically");
    executable
}

#[test]
fn no_library_is_needed_to_see_its_options() {
    with_program("gcc", |compiler| {
        let folder = tempfile::tempdir().unwrap();
        let mut server =
            Program::start(&build(compiler, folder.path(), "static-server"), &["8080"]);
        let mut client = server.connect(ADDRESS);
        ask(&mut client, b"x", b"x");
        let audit = Audit::each(&[]);
        let configured = Settings::keepalive(15, 15, 9);
        audit
            .accepted(&client)
            .check(&server, "static-server", configured);
        audit
            .listener(ADDRESS)
            .check(&server, "static-server", Settings::UNTOUCHED);
    });
}

#[test]
fn a_hostile_name_stays_a_name() {
    with_program("gcc", |compiler| {
        let folder = tempfile::tempdir().unwrap();
        let name = "x\n\u{1b}[2J\u{1b}[31my";
        let mut server = Program::start(&build(compiler, folder.path(), name), &["8080"]);
        let mut client = server.connect(ADDRESS);
        ask(&mut client, b"x", b"x");
        let accepted = Audit::each(&["--process", name]).accepted(&client);
        accepted.check(&server, name, Settings::keepalive(15, 15, 9));
        for flags in [
            &["audit"][..],
            &["audit", "--each"],
            &["audit", "--color", "always"],
        ] {
            let shown = crate::common::run(flags).stdout;
            assert!(shown.contains(r"x\n\x1b[2J\x1b[31my"), "{shown:?}");
            assert!(!shown.contains("\u{1b}[2J"), "{shown:?}");
        }
    });
}
