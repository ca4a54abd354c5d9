//! Every call of the header once, by itself and under valgrind.

use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::{in_private_netns, skip};

use crate::compiler::{Library, compile};
use crate::valgrind::valgrind;

#[test]
fn every_call_does_what_the_header_says() {
    run("calls", |program| Some(Command::new(program)));
}

#[test]
fn valgrind_finds_nothing() {
    run("calls-valgrind", valgrind);
}

fn run(name: &str, command: impl FnOnce(&Path) -> Option<Command>) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/calls.c");
    let Some(program) = compile(&source, name, Library::Static) else {
        return skip("no C compiler");
    };
    let Some(mut command) = command(&program) else {
        return skip("no valgrind");
    };
    in_private_netns(|| {
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", output.status);
    });
}
