//! `deadpeer history` of what a guard has written.

use std::process::Command;
use std::time::Instant;

use deadpeer_lab::testing::inside;
use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::common::guarding::BOUND;
use crate::common::{ran, read_back};
use crate::scene::{Scene, policy, program};

/// Of two connections from one network one breaks a silence of more than the deadline, and the
/// other doesn't. The death is found by each way to add up, by how far one looks back, and by
/// sqlite3.
#[test]
fn a_silence_that_was_survived_and_one_that_was_not() {
    inside(|| {
        let Some(mut scene) = Scene::new(1) else {
            return;
        };
        scene.another(0);
        scene.guard(&policy("supervise = \"enforce\"\nkill = \"enforce\""));
        scene.until("nobody is asked", |status| status["changed"] == 2);
        scene.ask("hold").unwrap();
        let cut = scene.cut_connection(0);
        scene.cut_connection(1);
        scene.until("they are not silent", |status| status["spared"] == 2);
        scene.lab.wire().remove(cut).unwrap();
        scene.works(0);
        scene.ask("resume").unwrap();
        scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
        let death = scene.remembered();

        let bound = Instant::now() + BOUND;
        let by_peer = loop {
            let group = group(&scene, "peer");
            if !group["survived_silence_ms"].is_null() {
                break group;
            }
            scene.wait(bound, "no silence was survived");
        };
        let client = scene.clients[0].local_addr().unwrap().ip();
        let network: ipnet::IpNet = by_peer["network"].as_str().unwrap().parse().unwrap();
        assert!(network.contains(&client), "{by_peer}");
        let silence = |key: &str| by_peer[key].as_u64();
        // What a sweep has seen of it.
        assert!(silence("survived_silence_ms") >= Some(10_000), "{by_peer}");
        assert_eq!(silence("fatal_silence_ms"), death["silent_ms"].as_u64());

        for (by, key, value) in [
            ("cause", "cause", "destroyed".into()),
            ("service", "process", "redis-server".into()),
            ("service", "port", 6379.into()),
            ("hour", "hour", hour_of(&death).into()),
        ] {
            let group = group(&scene, by);
            assert_eq!((&group[key], &group["deaths"]), (&value, &Value::from(1)));
        }
        sqlite_reads(&scene, &death);
        while scene
            .run(&["history", "--since", "1s", "--json"])
            .stdout
            .contains("\"death\"")
        {
            scene.wait(bound, "it is always of the last second");
        }
    });
}

/// The only group.
fn group(scene: &Scene, by: &str) -> Value {
    let told = scene.run(&["history", "--by", by, "--since", "1h", "--json"]);
    let lines = told.stdout.lines().map(read_back);
    let mut groups = lines.filter(|line| line["type"] == "death_group");
    let group = groups.next().unwrap_or_else(|| panic!("{told:?}"));
    assert!(groups.next().is_none(), "{told:?}");
    group
}

fn hour_of(death: &Value) -> String {
    let at = death["at"].as_str().unwrap();
    format!("{}:00:00Z", &at[.."2026-01-01T00".len()])
}

/// As docs/history.md prints it.
fn sqlite_reads(scene: &Scene, death: &Value) {
    if program("sqlite3").is_none() {
        return skip("sqlite3 is not installed");
    }
    let page = include_str!("../../../../docs/history.md");
    let printed = page.lines().find(|line| line.starts_with("sqlite3 "));
    let line = (printed.unwrap())
        .replace("deaths.db", "deadpeer/history.db")
        .replace("slow-reader", "destroyed");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(scene.directory());
    let told = ran(shell.output());
    let peer = scene.clients[1].local_addr().unwrap().ip();
    let row = format!("|destroyed|redis-server|{peer}|{}\n", death["silent_ms"]);
    assert!(told.stdout.ends_with(&row), "{told:?}, not {row}");
    assert_eq!(told.stdout.lines().count(), 1, "{told:?}");
}
