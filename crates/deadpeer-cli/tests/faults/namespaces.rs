//! Sockets of other network namespaces, those of containers: left alone unless they are named. And
//! a container of our own, in which the processes outside can't be seen: their sockets can, and the
//! rest is said.

use std::process::{Command, Stdio};

use deadpeer::SocketOptions;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;

use crate::common::population::{Holder, keepalive, pair};
use crate::common::{Ran, of_type, ran, run};
use crate::{VERBS, assert_finds_nothing};

#[test]
fn they_are_not_meant_by_all_and_are_reached_by_their_number() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let (port, end) = (pair.port(), pair.address().to_string());
        // Born here, so in this namespace.
        let holder = Holder::plain(pair.server);
        let pid = holder.pid().to_string();
        in_private_netns(|| {
            for verb in VERBS {
                assert_finds_nothing(verb, &port);
                let inside = run(&[verb, &["--local", &end, "--netns", &pid]].concat());
                assert!(inside.stdout.contains(&end), "{verb:?}: {}", inside.stdout);
            }
        });
    });
}

/// Runs the command in a pid namespace of its own.
fn contained(args: &[&str]) -> Option<Ran> {
    let contained = |program: &str, args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", program]);
        command.args(args).stdin(Stdio::null()).output()
    };
    match contained("true", &[]) {
        Ok(output) if output.status.success() => {
            Some(ran(contained(env!("CARGO_BIN_EXE_deadpeer"), args)))
        }
        failed => {
            skip(&format!("no pid namespace can be made: {failed:?}"));
            None
        }
    }
}

#[test]
fn an_owner_outside_is_not_seen_and_its_sockets_are() {
    in_private_netns(|| {
        let pair = pair(&keepalive(120, 30, 4));
        let end = pair.address().to_string();
        let _holder = Holder::plain(pair.server);
        let chosen = ["--state", "established", "--local", &end];
        let args = ["audit", "--json", "--each"];
        for way in [&[][..], &["--no-bpf"]] {
            let Some(audit) = contained(&[&args[..], &chosen, way].concat()) else {
                return;
            };
            let lines: Vec<Value> = audit
                .stdout
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let connection = &of_type(&lines, "connection")[0];
            assert_eq!(connection["owners"], Value::Array(Vec::new()));
            if of_type(&lines, "summary")[0]["read_by"] == "descriptors" {
                assert_eq!(connection["settings"], Value::Null);
                let said = of_type(&lines, "warning")[0]["text"].to_string();
                assert!(said.contains("outside this PID namespace"), "{said}");
            } else {
                assert_eq!(connection["settings"]["tcp_keepidle_s"], 120);
            }
        }
        let asked = contained(&["ping", "-c", "1", "--local", &end]).unwrap();
        assert_eq!(asked.code, 3, "{}", asked.stdout);
        assert!(
            asked.stdout.contains("owner not visible"),
            "{}",
            asked.stdout
        );
    });
}

#[test]
fn what_cannot_be_reached_from_a_container_is_not_changed_and_that_is_said() {
    in_private_netns(|| {
        let pair = pair(&SocketOptions::default());
        let end = pair.address().to_string();
        let watched = pair.server.try_clone().unwrap();
        let args = [
            "protect", "--within", "30s", "--yes", "--no-bpf", "--local", &end,
        ];
        let Some(refused) = contained(&args) else {
            return;
        };
        assert_eq!(refused.code, 3, "{}{}", refused.stdout, refused.stderr);
        assert!(
            refused.stdout.contains("owner not visible"),
            "{}",
            refused.stdout
        );
        assert!(!sockopt::effective(&watched).unwrap().keepalive);
    });
}
