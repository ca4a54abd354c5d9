//! Every call of the header once, by itself and under valgrind.

use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::compiler::{Library, compile};

#[test]
fn every_call_does_what_the_header_says() {
    run("calls", |program| Command::new(program));
}

#[test]
fn valgrind_finds_nothing() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip("no valgrind");
    }
    run("calls-valgrind", |program| {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
            .args(["--errors-for-leak-kinds=all", "--show-leak-kinds=all"])
            .arg(program);
        valgrind
    });
}

fn run(name: &str, command: impl FnOnce(&Path) -> Command + Send) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/calls.c");
    let Some(program) = compile(&source, name, Library::Static) else {
        return skip("no C compiler");
    };
    in_private_netns(|| {
        let output = command(&program).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", output.status);
    });
}
