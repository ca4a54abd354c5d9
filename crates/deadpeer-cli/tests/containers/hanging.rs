//! What hangs in containers: named with its container, its wait and its end, and the end comes when
//! it was said to.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::common::{json, of_type, read_back};
use crate::machine::{KINDS, Kind, Machine, UID};

/// Of an end that was foretold, for looking at a busy machine.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn each_hanging_connection_is_named_with_its_container_and_ends_when_it_was_said_to() {
    inside(|| {
        let Some(mut machine) = Machine::start() else {
            return;
        };
        for kind in &KINDS {
            // 13.4 s after the first retransmission.
            let host = machine.host(kind.host);
            host.sysctl("net.ipv4.tcp_retries2", 5).unwrap();
        }
        let mut watch = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
        watch.args(["watch", "--json", "--netns", "all", "--for", "32s"]);
        watch.args(KINDS.iter().flat_map(|kind| ["--container", kind.id]));
        watch.stdin(Stdio::null()).stdout(Stdio::piped());
        let watch = watch.spawn().unwrap();
        // Requests still arrive, and no answer does.
        for kind in &KINDS {
            let from = machine.host(kind.host).end();
            let cut = Rule::new(kind.host, Condition::any().from(from), Action::Drop);
            machine.lab.wire().add(cut).unwrap();
        }
        for (client, kind) in machine.clients.iter_mut().zip(&KINDS) {
            client.write_all(kind.request.as_bytes()).unwrap();
        }
        let told = all_hanging(Duration::from_secs(15));
        let seen = SystemTime::now();
        for kind in &KINDS {
            check(kind, &told);
        }

        let deaths = watch.wait_with_output().unwrap();
        let deaths = String::from_utf8(deaths.stdout).unwrap();
        let deaths: Vec<Value> = deaths.lines().map(read_back).collect();
        if of_type(&deaths, "watch")[0]["means"] != "bpf" {
            return skip("deaths of other namespaces take eBPF");
        }
        for kind in &KINDS {
            let all = of_type(&deaths, "death");
            let death = all.iter().find(|death| is_of(kind, death));
            let death = death.unwrap_or_else(|| panic!("{} did not die: {all:?}", kind.program));
            assert_eq!(death["cause"], "data-unacknowledged", "{death}");
            let at = death["at"].as_str().unwrap();
            let at = SystemTime::from(at.parse::<jiff::Timestamp>().unwrap());
            let left = at.duration_since(seen).unwrap();
            let ends = &hanging(kind, &told)["last_ends"];
            let ms = |key: &str| Duration::from_millis(ends[key].as_u64().unwrap());
            let foretold = ms("earliest_ms").saturating_sub(SLACK)..=ms("latest_ms") + SLACK;
            assert!(
                foretold.contains(&left),
                "{}: {left:?} of {ends}",
                kind.program
            );
        }
    });
}

/// Looks until all four hang, which takes longer than a lost packet explains.
fn all_hanging(bound: Duration) -> Vec<Value> {
    let until = std::time::Instant::now() + bound;
    loop {
        let told = json(&["audit", "--json", "--netns", "all"]);
        let all = of_type(&told, "hanging");
        let hangs = |kind: &Kind| all.iter().any(|line| is_of(kind, line));
        if KINDS.iter().all(hangs) {
            return told;
        }
        assert!(std::time::Instant::now() < until, "{all:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is_of(kind: &Kind, line: &Value) -> bool {
    line["container"]["id"] == kind.id
}

fn hanging<'a>(kind: &Kind, told: &'a [Value]) -> &'a Value {
    let mut lines = told.iter().filter(|line| line["type"] == "hanging");
    lines.find(|line| is_of(kind, line)).unwrap()
}

fn check(kind: &Kind, told: &[Value]) {
    let line = hanging(kind, told);
    assert_eq!(line["container"]["runtime"], kind.runtime, "{line}");
    assert_eq!(line["process"], kind.program, "{line}");
    assert_eq!(line["awaited"], "acknowledgement", "{line}");
    assert_eq!(
        (&line["connections"], &line["port"]),
        (&1.into(), &kind.port.into())
    );
    assert!(line["longest_ms"].as_u64().unwrap() > 0, "{line}");
    match kind.names {
        Some([namespace, pod, container]) => {
            assert_eq!(line["container"]["name"], container, "{line}");
            let expected = serde_json::json!({"uid": UID, "namespace": namespace, "name": pod});
            assert_eq!(line["pod"], expected);
        }
        None => assert_eq!(line["pod"], Value::Null),
    }
    let services = of_type(told, "service");
    let service = services
        .iter()
        .find(|service| is_of(kind, service))
        .unwrap();
    assert_eq!(service["netns"], line["netns"]);
}
