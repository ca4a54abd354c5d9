//! The table of docs/errors.md, measured.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use deadpeer::{Ending, Errno, Signs};
use deadpeer_sys::readiness::signs;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::scenes::{ACTS, Act, Scene, state};
use crate::until;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

#[test]
fn the_documented_table_is_what_the_kernel_does() {
    let rows: Vec<String> = std::thread::scope(|scope| {
        let rows = ACTS.each_ref().map(|act| scope.spawn(|| row(act)));
        rows.into_iter().map(|row| row.join().unwrap()).collect()
    });
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let documented: Vec<_> = document.lines().collect();
    let missing: Vec<_> = rows
        .iter()
        .filter(|row| !row.is_empty() && !documented.contains(&row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/errors.md should say:\n{}",
        rows.join("\n")
    );
}

/// One row, empty where the test was skipped.
fn row(act: &Act) -> String {
    let mut row = String::new();
    in_private_netns(|| {
        let scene = (act.play)();
        until("signs", || !signs(&scene.socket).unwrap().is_empty());
        let signs = shown(signs(&scene.socket).unwrap());
        let state = state(&scene.socket).unwrap();
        let died = died(&scene);
        // Asking takes nothing: the application's read comes last and still finds all.
        let reads = reads(&scene);
        let writes = written(&(act.play)());
        let error = taken(&(act.play)());
        row = format!(
            "| {} | {signs} | {state} | {reads} | {writes} | {error} | {died} |",
            act.title
        );
    });
    row
}

fn shown(signs: Signs) -> String {
    let bits = [
        (signs.error, "ERR"),
        (signs.hangup, "HUP"),
        (signs.read_hangup, "RDHUP"),
    ];
    let shown = bits.iter().filter(|(set, _)| *set).map(|(_, name)| *name);
    shown.collect::<Vec<_>>().join(" ")
}

fn died(scene: &Scene) -> String {
    let Some(death) = deadpeer::died(&scene.socket, Some(Duration::ZERO)).unwrap() else {
        return "lives".to_owned();
    };
    match death.ending {
        Ending::Certain(cause) => cause.word().to_owned(),
        Ending::Likely(cause) => format!("{}, likely", cause.word()),
    }
}

fn reads(scene: &Scene) -> String {
    let mut socket = &scene.socket;
    socket.set_nonblocking(true).unwrap();
    let mut read = || match socket.read(&mut [0; 16]) {
        Ok(0) => "0".to_owned(),
        Ok(_) => "data".to_owned(),
        Err(error) => name(Errno::from_io_error(&error).unwrap()),
    };
    let (first, second) = (read(), read());
    if first == second {
        first
    } else {
        format!("{first}, then {second}")
    }
}

fn written(scene: &Scene) -> String {
    let mut socket = &scene.socket;
    match socket.write(b"x") {
        Ok(_) => "succeeds".to_owned(),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => "EPIPE".to_owned(),
        Err(error) => name(Errno::from_io_error(&error).unwrap()),
    }
}

fn taken(scene: &Scene) -> String {
    let first = sockopt::take_error(&scene.socket).unwrap();
    assert_eq!(sockopt::take_error(&scene.socket), Ok(None), "told twice");
    first.map_or("0".to_owned(), name)
}

fn name(errno: Errno) -> String {
    match errno {
        Errno::CONNRESET => "ECONNRESET",
        Errno::PIPE => "EPIPE",
        Errno::TIMEDOUT => "ETIMEDOUT",
        Errno::CONNABORTED => "ECONNABORTED",
        Errno::CONNREFUSED => "ECONNREFUSED",
        Errno::AGAIN => "EAGAIN",
        other => panic!("an errno without a name here: {other}"),
    }
    .to_owned()
}
