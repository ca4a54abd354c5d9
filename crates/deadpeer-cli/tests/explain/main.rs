//! `deadpeer explain` on captures of real kernels: words, JSON, pages, pipes, and what is broken.

#[path = "../common/mod.rs"]
mod common;
mod growing;
mod memory;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use common::{json, of_type, run};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deadpeer-capture/tests/captures")
}

fn capture(name: &str) -> String {
    captures().join(name).display().to_string()
}

#[test]
fn the_table_says_who_was_gone_and_what_noticed() {
    let ran = run(&["explain", &capture("keepalive.pcap"), "--utc"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    for said in [
        "the client was gone while the connection was idle; keepalive noticed after 6.1 s: ETIMEDOUT",
        "192.0.2.1:8888",
        "1 connection hung on somebody who was gone",
        "of 1 connection in",
    ] {
        assert!(
            ran.stdout.contains(said),
            "{said:?} is missing in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn a_story_is_a_timeline_with_a_verdict() {
    let ran = run(&[
        "explain",
        &capture("keepalive.pcap"),
        "--conn",
        "1",
        "--within",
        "20s",
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let mut place = 0;
    for said in [
        "connection 1: client 192.0.2.2:",
        "established in ",
        "silent 2 s",
        "server sends 2 keepalive probes, answered in ",
        "server sends 4 keepalive probes in 3.1 s, unanswered",
        "server ends it with a RST",
        "the client was gone while the connection was idle",
        "evidence (convicts): the RST came when the server's timer was due",
        "the server seems to use: keepalive idle 2 s (measured 2 s), interval 1 s (measured 1 s), gives up after 4",
        "the wait was the server's keepalive: idle 2 s, interval 1 s, 4 keepalive probes",
    ] {
        let found = ran.stdout[place..].find(said);
        place +=
            found.unwrap_or_else(|| panic!("{said:?} is missing after {place} in\n{}", ran.stdout));
    }
}

#[test]
fn nobody_was_gone_is_exit_code_0() {
    let ran = run(&["explain", &capture("both-probe.pcap")]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(
        ran.stdout
            .contains("nobody was gone; 1 with nothing to tell (--all shows it)")
    );
    // What recovered is told without being asked for.
    let slow = run(&["explain", &capture("slow-reader.pcap")]);
    assert_eq!((slow.code, slow.stderr.as_str()), (0, ""));
    let said = "window was closed for";
    assert!(slow.stdout.contains(said), "{}", slow.stdout);
}

#[test]
fn a_scan_within_a_moment_is_one_line_and_no_doubt() {
    // Raw IP, link type 101, in a file of microseconds.
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101]
        .map(u32::to_le_bytes)
        .concat();
    for port in 20..28_u8 {
        file.extend(
            [1_700_000_000, u32::from(port), 40, 40]
                .map(u32::to_le_bytes)
                .concat(),
        );
        file.extend([0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0]);
        file.extend([10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0, port]);
        file.extend([0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 2, 0, 0, 0, 0, 0]);
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scan.pcap");
    fs::write(&path, file).unwrap();
    let ran = run(&["explain", path.to_str().unwrap()]);
    fs::remove_file(path).unwrap();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let said = "8 SYNs of 10.0.0.1 to 8 ports of 10.0.0.2, one each, unanswered: a scan";
    assert_eq!(ran.stdout.matches(said).count(), 1, "{}", ran.stdout);
}

#[test]
fn packets_are_marked() {
    let ran = run(&["explain", "--packets", "--utc", &capture("lone-bytes.pcap")]);
    let marked = |words: &str| ran.stdout.matches(words).count() as u64;
    let lines = json(&["explain", "--json", "--all", &capture("lone-bytes.pcap")]);
    let client = &lines[0]["client"];
    assert!(client["retransmissions"].as_u64() >= Some(1));
    assert_eq!(
        Some(marked("<- sent again,")),
        client["retransmissions"].as_u64(),
        "{}",
        ran.stdout
    );
    assert_eq!(
        Some(marked("<- keepalive probe,")),
        client["probes"].as_u64(),
        "{}",
        ran.stdout
    );
    assert!(marked("<- keepalive probe,") >= 2 && marked("<- answer to a keepalive probe,") >= 2);
    assert!(
        ran.stdout
            .lines()
            .all(|line| line.contains("Flags [") && line.contains("#1"))
    );
}

#[test]
fn json_says_the_same() {
    let lines = json(&["explain", "--json", &capture("data-lost.pcap")]);
    let [story] = of_type(&lines, "story").try_into().unwrap();
    assert_eq!(story["verdict"]["gone"], "client");
    assert_eq!(story["verdict"]["noticed"], "retransmission");
    assert_eq!(story["verdict"]["cause"], "timed-out");
    assert_eq!(story["server"]["port"], 8890);
    assert!(story["server"]["retransmissions"].as_u64().unwrap() > 2);
    let events: Vec<_> = story["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["event"])
        .collect();
    assert!(
        events.contains(&&serde_json::json!("resending")),
        "{events:?}"
    );
    assert!(
        events.contains(&&serde_json::json!("gave-up")),
        "{events:?}"
    );

    let [capture] = of_type(&lines, "capture").try_into().unwrap();
    assert_eq!(
        (capture["connections"].as_u64(), capture["deaths"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(lines.last().unwrap()["type"], "capture");
}

#[test]
fn a_plan_stands_only_where_it_would_have_been_sooner() {
    for (name, sooner) in [
        ("data-lost.pcap", false),
        ("keepalive-in-minutes.pcap", true),
    ] {
        let lines = json(&["explain", "--json", &capture(name)]);
        let [story] = of_type(&lines, "story").try_into().unwrap();
        assert_eq!(story["plan"]["tcp_keepidle_s"].is_u64(), sooner, "{name}");
        let remarks = story["remarks"].as_array().unwrap().iter();
        let mut remarks = remarks.filter_map(|remark| remark.as_str());
        let said = remarks.any(|remark| remark.contains("it would have been noticed within"));
        assert_eq!(said, sooner, "{name}");
    }
}

#[test]
fn json_of_packets() {
    let lines = json(&["explain", "--json", "--packets", &capture("midway.pcap")]);
    let packets = of_type(&lines, "packet");
    let kinds: Vec<_> = packets
        .iter()
        .map(|packet| packet["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds[1..4], ["probe-answer", "probe", "probe-answer"]);
    assert_eq!(kinds.last(), Some(&"reset"));
    assert!(of_type(&lines, "story").is_empty());
}

#[test]
fn filters_choose_among_the_connections() {
    let openings = capture("openings.pcap");
    let numbers = |args: &[&str]| {
        let lines = json(&[&["explain", "--json", "--all", &openings], args].concat());
        let stories = of_type(&lines, "story");
        let mut numbers: Vec<u64> = stories
            .iter()
            .map(|story| story["connection"].as_u64().unwrap())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(&[]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--port", "8898"]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--port", "80"]), [0; 0]);
    assert_eq!(numbers(&["--host", "192.0.2.0/24"]), [1, 2, 3, 4]);
    assert_eq!(
        numbers(&["--host", "10.0.0.1", "--host", "fd00::/8"]),
        [0; 0]
    );
    assert_eq!(numbers(&["--conn", "3"]), [3]);
    let ran = run(&["explain", &openings, "--conn", "7"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("there is no connection 7: ") && ran.stderr.contains("has 4"),
        "{}",
        ran.stderr
    );
}

/// With `--all` they are told as they are judged.
#[test]
fn all_stories_come_in_the_order_in_which_they_began_and_are_the_same() {
    let openings = capture("openings.pcap");
    let told = |args: &[&str]| {
        let lines = json(&[&["explain", "--json", &openings], args].concat());
        of_type(&lines, "story")
    };
    let one_by_one: Vec<_> = ["1", "2", "3", "4"]
        .iter()
        .flat_map(|number| told(&["--conn", number]))
        .collect();
    assert_eq!(told(&["--all"]), one_by_one);
}

#[test]
fn what_is_cut_or_broken_is_told_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(captures().join("keepalive.pcap")).unwrap();
    let broken = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        run(&["explain", path.to_str().unwrap()])
    };
    let cut = broken("cut.pcap", &bytes[..bytes.len() - 7]);
    assert_eq!(cut.code, 2);
    assert!(cut.stdout.contains("client"), "{}", cut.stdout);
    assert!(
        cut.stderr.contains("cut.pcap: it ends at byte "),
        "{}",
        cut.stderr
    );
    assert_eq!(cut.stderr.lines().count(), 1);

    for (name, bytes, said) in [
        ("empty.pcap", &b""[..], "empty.pcap: it is empty"),
        (
            "text.pcap",
            b"hello world",
            "doesn't begin with 68 65 6c 6c",
        ),
    ] {
        let ran = broken(name, bytes);
        assert_eq!(
            (ran.code, ran.stderr.contains(said), ran.stdout.as_str()),
            (2, true, ""),
            "{}",
            ran.stderr
        );
    }
    let head = broken("head.pcap", &bytes[..24]);
    assert_eq!((head.code, head.stderr.as_str()), (3, ""));
    assert!(
        head.stdout.contains("no TCP in 0 packets"),
        "{}",
        head.stdout
    );

    let missing = run(&["explain", "/nonexistent.pcap"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing.stderr.contains("/nonexistent.pcap: No such file"),
        "{}",
        missing.stderr
    );
    let directory = run(&["explain", folder.path().to_str().unwrap()]);
    assert_eq!(
        (directory.code, directory.stderr.contains("is a directory")),
        (2, true)
    );
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    for (line, said) in [
        ("explain", "required arguments were not provided: <FILE>"),
        ("explain x.pcap --live lo", "cannot be used with"),
        (
            "explain x.pcap --port no-such-service",
            "a port is a number from 1 to 65535",
        ),
        (
            "explain x.pcap --host localhost",
            "neither an address nor a prefix",
        ),
        ("explain x.pcap --within 30", "the unit is missing"),
        ("explain x.pcap --max-connections 0", "must be at least 1"),
        ("explain x.pcap --conn one", "invalid digit"),
        (
            "explain --live no-such-interface",
            "no-such-interface: there is no such interface",
        ),
        (
            "explain --live any",
            "any: one interface at a time; for all: tcpdump -U -i any -w - | deadpeer explain -",
        ),
    ] {
        let ran = run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}");
        assert!(ran.stderr.contains(said), "{line}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{line}: {}", ran.stderr);
    }
}
