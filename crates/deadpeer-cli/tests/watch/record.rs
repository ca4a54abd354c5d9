//! What a watch records, `deadpeer history` tells.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use deadpeer_lab::testing::inside;
use deadpeer_lab::{Host, Lab};
use serde_json::Value;

use crate::observer::{Ends, Observer};

/// A connection of the host with itself that its listening end aborts. Says the other's port.
fn is_aborted(host: &Host, listener: &TcpListener) -> u16 {
    host.enter(|| {
        let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        socket2::SockRef::from(&there)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(there);
        here.local_addr().unwrap().port()
    })
    .unwrap()
}

/// The code, what is said in JSON, and on stderr.
fn history(args: &[&str]) -> (i32, Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_deadpeer"))
        .args(["history", "--json"])
        .args(args)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| {
        let _: deadpeer_report::record::Line = serde_json::from_str(line).unwrap();
        serde_json::from_str(line).unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), lines.collect(), said)
}

#[test]
fn what_is_recorded_is_what_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deaths.db");
    let file = file.to_str().unwrap();
    inside(|| {
        let lab = Lab::with_hosts(["alone"]).start().unwrap();
        let host = &lab.hosts()[0];
        let listen = || TcpListener::bind((host.v4(), 7000)).unwrap();
        let listener = host.enter(listen).unwrap();
        let mut observer = Observer::start(host, &["--record", file]);
        for _ in 0..2 {
            let port = is_aborted(host, &listener);
            observer.death("the aborted end", Ends::Ours(7000), || {});
            observer.death("the other", Ends::Ours(port), || {});
        }
        let told = observer.deaths.clone();
        observer.end();
        assert_eq!(told.len(), 4);

        let (code, lines, said) = history(&["--file", file]);
        assert_eq!((code, said.as_str()), (0, ""));
        let (summary, mut deaths) = lines.split_last().unwrap();
        let mut in_order = told.clone();
        in_order.sort_by(|one, other| one["at"].as_str().cmp(&other["at"].as_str()));
        assert_eq!(deaths, in_order);
        assert_eq!(summary["deaths"], 4, "{summary:#}");
        assert_eq!(summary["lost"], Value::Array(Vec::new()));
        assert!(summary["recorded_until"].is_string(), "{summary:#}");
        let count = |args: &[&str]| {
            let (_, lines, _) = history(&[&["--file", file], args].concat());
            lines.last().unwrap()["deaths"].as_u64().unwrap()
        };
        assert_eq!(count(&["--cause", "aborted-here"]), 2);
        assert_eq!(count(&["--local", ":7000"]), 2);
        assert_eq!(count(&["--port", "7000"]), 4);
        assert_eq!(count(&["--port", "7001"]), 0);
        assert_eq!(count(&["--peer", "192.0.2.0/24"]), 0);

        let (_, lines, _) = history(&["--file", file, "--last", "1"]);
        assert_eq!(lines[0], *in_order.last().unwrap());
        assert_eq!(lines.len(), 2);
        for (by, groups) in [("cause", 2), ("peer", 1), ("hour", 1)] {
            let (_, lines, _) = history(&["--file", file, "--by", by]);
            (_, deaths) = lines.split_last().unwrap();
            // An hour may end in between.
            assert!(
                (groups..=groups + 1).contains(&deaths.len()),
                "{by}: {deaths:#?}"
            );
            let sum: u64 = deaths
                .iter()
                .map(|group| group["deaths"].as_u64().unwrap())
                .sum();
            assert_eq!(sum, 4, "{by}");
        }
    });
}

#[test]
fn nothing_recorded_is_not_nothing_died() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.db");
    let (code, lines, said) = history(&["--file", none.to_str().unwrap()]);
    assert_eq!((code, lines.len()), (2, 0));
    assert!(said.contains("nothing has been recorded"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "no database at all, but long enough to be one\n".repeat(40),
    )
    .unwrap();
    let (code, _, said) = history(&["--file", text.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(said.contains("is not a history of deadpeer"), "{said}");

    let (code, _, said) = history(&["--file", "x", "--netns", "own"]);
    assert_eq!(code, 2);
    assert!(said.contains("leave --netns out"), "{said}");

    // Somebody recorded for a moment, and that is longer ago than what is asked.
    let file = folder.path().join("old.db");
    let store = deadpeer_history::Store::open(
        &file,
        deadpeer_history::Damaged::Refuse,
        std::time::SystemTime::now(),
    );
    drop(store.unwrap());
    let (code, lines, _) = history(&["--file", file.to_str().unwrap()]);
    assert_eq!(code, 3, "{lines:?}");
    assert_eq!(lines[0]["recorded_until"], Value::Null);
}
