//! `deadpeer plan --read`: configurations as Debian has them, broken ones, and those of running
//! programs.

mod common;

use std::fs;

use common::{json, run};

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.conf");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn read(program: &str, path: &str) -> common::Ran {
    run(&[
        "plan", "--for", program, "--within", "30s", "--kernel", "6.1", "--read", path,
    ])
}

#[test]
fn a_file_that_misses_the_deadline_is_told_line_by_line_with_a_patch() {
    let (folder, path) =
        file("# secret: abc\ntcp-keepalive 300 # five minutes\nrequirepass geheim\n");
    let ran = read("redis", &path);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    for said in [
        "f.conf:2: tcp-keepalive 300\n",
        "! while idle                after 10m 00s",
        "@@ -2,1 +2,1 @@\n-tcp-keepalive 300 # five minutes\n+tcp-keepalive 14 # five minutes\n",
        "timeout: off",
        "nothing that bounds it with data in flight, before a late write",
    ] {
        assert!(
            ran.stdout.contains(said),
            "{said:?} is missing in\n{}",
            ran.stdout
        );
    }
    assert!(
        !ran.stdout.contains("geheim") && !ran.stdout.contains("abc"),
        "{}",
        ran.stdout
    );
    let untouched = fs::read_to_string(folder.path().join("f.conf")).unwrap();
    assert!(
        untouched.contains("tcp-keepalive 300"),
        "nothing is written"
    );
}

/// `patch` compares the ends of lines as well.
#[test]
fn a_patch_has_the_ends_of_lines_that_the_file_has() {
    let (_folder, path) = file("save 1 1\r\ntcp-keepalive 300\r\n");
    let patch = "@@ -2,1 +2,1 @@\n-tcp-keepalive 300\r\n+tcp-keepalive 14\r\n";
    let said = read("redis", &path).stdout;
    assert!(said.contains(patch), "{said:?}");
}

#[test]
fn json_says_what_the_words_say() {
    let (_folder, path) = file("max_connections = 9\ntcp_user_timeout = 0\n");
    let lines = json(&[
        "plan",
        "--for",
        "postgresql",
        "--within",
        "30s",
        "--json",
        "--read",
        &path,
    ]);
    let [told] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&told["type"], &told["kept"]),
        (&"configuration".into(), &false.into())
    );
    assert_eq!(told["sockets"][0]["lines"][0]["line"], 2);
    assert_eq!(told["sockets"][0]["options"]["so_keepalive"], true);
    let diff = told["diffs"][0].as_str().unwrap();
    assert!(diff.contains("\n-tcp_user_timeout = 0\n"), "{diff}");
}

#[test]
fn exit_codes_tell_kept_from_not_kept_and_unknown() {
    let kept = "max_connections = 9\ntcp_keepalives_idle = 5\ntcp_keepalives_interval = 2\n\
                tcp_keepalives_count = 3\ntcp_user_timeout = 10s\n";
    let (folder, path) = file(kept);
    let ran = read("postgresql", &path);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("Kept: 30s, by what was read.\n"),
        "{}",
        ran.stdout
    );
    // A FIFO would be waited for, and a folder is none of its files.
    let fifo = folder.path().join("more.conf");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    fs::write(&path, format!("{kept}include 'more.conf'\n")).unwrap();
    let ran = read("postgresql", &path);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("f.conf:6: "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("it is not a regular file"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_cannot_be_read_is_refused_in_one_sentence() {
    let (folder, broken) = file("http {\n  server {\n    listen 80\n  }\n}\n");
    let other = folder.path().join("haproxy.cfg");
    fs::write(
        &other,
        "global\n daemon\ndefaults\n mode http\nfrontend f\n bind :80\n",
    )
    .unwrap();
    let binary = folder.path().join("binary");
    fs::write(&binary, b"\x7fELF\0\xff").unwrap();
    for (program, path, said) in [
        (
            "nginx",
            broken.as_str(),
            "f.conf:4:3: unexpected \"}\"; the program's own check: nginx -t",
        ),
        (
            "nginx",
            other.to_str().unwrap(),
            "looks like a configuration of haproxy, not of nginx",
        ),
        ("nginx", binary.to_str().unwrap(), "it is not UTF-8 text"),
        ("nginx", "/nowhere/f", "cannot read /nowhere/f: "),
        ("go", broken.as_str(), "configurations of go can't be read"),
        ("ngnix", broken.as_str(), "did you mean nginx?"),
    ] {
        let ran = read(program, path);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{said}");
        assert!(
            ran.stderr.contains(said),
            "{said:?} is missing in {}",
            ran.stderr
        );
    }
    let ran = run(&["plan", "--within", "30s", "--read", &broken]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("--read takes --for PROGRAM"),
        "{}",
        ran.stderr
    );
    let pid = std::process::id().to_string();
    let ran = run(&["plan", "--within", "30s", "--read", "--pid", &pid]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("there is no recipe for that"),
        "{}",
        ran.stderr
    );
}
