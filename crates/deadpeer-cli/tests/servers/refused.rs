//! What is no server, or no client, is one sentence and exit code 2.

use crate::room::{Room, installed};

/// The sentence that a test ends with.
fn refused(args: &str, server: &[&str]) -> Option<String> {
    let room = Room::new();
    room.file("words", b"words\n");
    room.file("empty", b"");
    let ran = room.run(args, server)?;
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    // Results that came before are progress.
    let mut sentences = ran.stderr.lines().filter(|line| !line.contains(" s  "));
    let sentence = sentences.next().expect("a sentence").to_owned();
    assert_eq!(sentences.next(), None, "{}", ran.stderr);
    Some(sentence)
}

#[test]
fn programs_that_are_no_servers() {
    for (server, said) in [
        (&["./no-such-server"][..], "starting \"./no-such-server\""),
        (
            &["true"],
            "ended before it listened on port 80 (exit status: 0); it printed nothing",
        ),
        (
            &[
                "sh",
                "-c",
                "seq 100000; printf 'bad \\033[31mport\\n' >&2; exit 7",
            ],
            "(exit status: 7); it printed last: 99997 | 99998 | 99999 | 100000 | bad \\x1b[31mport",
        ),
        (
            &["sh", "-c", "kill -SEGV $$"],
            "ended before it listened on port 80 (signal: 11",
        ),
    ] {
        let Some(sentence) = refused("--within 5s --port 80", server) else {
            return;
        };
        assert!(sentence.contains(said), "{server:?}: {sentence}");
    }
}

#[test]
fn servers_that_nobody_reaches() {
    let Some(python) = installed("python3") else {
        return;
    };
    let local = [&python, "-m", "http.server", "--bind", "127.0.0.1", "8000"];
    let Some(sentence) = refused("--within 5s --port 8000", &local) else {
        return;
    };
    let said = "the server listens on 127.0.0.1:8000 only; let it listen on all addresses";
    assert!(sentence.contains(said), "{sentence}");
}

#[test]
fn clients_that_are_none() {
    let Some(python) = installed("python3") else {
        return;
    };
    let server = [&python, "-m", "http.server", "8000"];
    let args = "--within 5s --port 8000 --fault close --client ./no-such-client";
    let Some(sentence) = refused(args, &server) else {
        return;
    };
    let said = "the client's command ended by itself (exit status: 127); it has to stay connected";
    assert!(sentence.contains(said), "{sentence}");
    assert!(
        sentence.contains("./no-such-client: not found"),
        "{sentence}"
    );
}

#[test]
fn servers_that_do_not_last() {
    let Some(python) = installed("python3") else {
        return;
    };
    let short = format!("timeout -s KILL 3 {python} -m http.server 8000");
    let Some(sentence) = refused(
        "--within 6s --port 8000 --fault power-off --clients 1",
        &["sh", "-c", &short],
    ) else {
        return;
    };
    assert!(sentence.contains("in the middle of the test"), "{sentence}");
}

#[test]
fn arguments_that_cannot_be_meant() {
    for (args, said) in [
        ("--port 80", "--within"),
        ("--within 5s", "--port"),
        ("--within 5s --port 0", "invalid value '0'"),
        (
            "--within 5s --port 80 --fault nosuch",
            "invalid value 'nosuch'",
        ),
        (
            "--within 5s --port 80 --state nosuch",
            "invalid value 'nosuch'",
        ),
        ("--within 5s --port 80 --clients 0", "invalid value '0'"),
        ("--within 5s --port 80 --state in-flight", "needs --send"),
        (
            "--within 5s --port 80 --send nosuch",
            "--send nosuch: No such file",
        ),
        ("--within 5s --port 80 --send empty", "the file is empty"),
        (
            "--within 5s --port 80 --send ./http",
            "--send ./http: No such file",
        ),
        (
            "--within 5s --port 80 --send http --client nc",
            "--send http is for plain clients",
        ),
        ("--within 5s --port 80 --send-text GET\\q", "\\q is none of"),
        (
            "--within 5s --port 80 --send-text x --send words",
            "cannot be used with",
        ),
        (
            "--within 5s --port 80 --send words --state in-flight --fault close",
            "--fault close cannot be tried here: clients close and abort only while idle",
        ),
        (
            "--within 5s --port 80 --fault abort --client nc",
            "only plain clients abort",
        ),
    ] {
        let Some(sentence) = refused(args, &["true"]) else {
            return;
        };
        assert!(sentence.contains(said), "{args}: {sentence}");
    }
}
