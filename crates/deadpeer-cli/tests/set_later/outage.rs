//! Under `deadpeer run`, over a wire that breaks for seven seconds while nobody says anything.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;

use crate::judge::{SETTLED, fault, sockets};
use crate::programs::Program;

/// When the path of each connection breaks, after its last word, and for how long. The plan probes
/// after 9 and 18 s, a second apart: two probes are lost, and the third comes half a second after
/// the path is mended. Of Go's own probes the first is lost, 15 s after the last word.
const BREAKS: Duration = Duration::from_millis(12_500);
const OUTAGE: Duration = Duration::from_secs(7);
/// When whoever took it for the end has said so: Go's probes under a user timeout of 30 s end a
/// connection after 30.4 s.
const SAID: Duration = Duration::from_secs(33);

#[test]
fn what_programs_set_later_ends_no_live_connection() {
    inside(|| {
        let Some(kernel) = sockets() else { return };
        let room = tempfile::tempdir().unwrap();
        let lab = Lab::with_hosts(["server", "client"]).start().unwrap();
        let [server, client] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let running: Vec<_> = Program::installed()
            .into_iter()
            .map(|(program, port)| {
                let said = room.path().join(format!("{}.txt", program.name));
                let output = File::options()
                    .create(true)
                    .append(true)
                    .open(&said)
                    .unwrap();
                let mut run = Command::new(env!("CARGO_BIN_EXE_deadpeer"));
                run.args(["run", "--within", "30s", "--", "sh", "-c"])
                    .arg(program.script(port, room.path()))
                    .stdin(Stdio::null())
                    .stdout(output.try_clone().unwrap())
                    .stderr(output);
                (program, port, said, server.spawn(&mut run).unwrap())
            })
            .collect();
        let clients = client.enter(|| {
            let met = running.iter().map(|(program, port, said, _)| {
                let client = std::panic::catch_unwind(|| program.client(server.v4(), *port));
                let client =
                    client.unwrap_or_else(|_| panic!("{}", fs::read_to_string(said).unwrap()));
                (client, Instant::now())
            });
            met.collect::<Vec<_>>()
        });
        let clients = clients.unwrap();
        let last_word = Instant::now();
        for (program, _, said, _) in &running {
            let said = fs::read_to_string(said).unwrap();
            assert!(
                said.contains("every connection"),
                "{}: {said}",
                program.name
            );
        }
        sleep_until(last_word + SETTLED);
        let names = running.iter().map(|(program, ..)| program.name);
        let ends = || names.clone().zip(clients.iter().map(|(client, _)| client));
        let faults = server.enter(|| {
            ends()
                .filter_map(|(name, client)| fault(&kernel, name, client.local_addr().unwrap()))
                .collect::<Vec<_>>()
        });
        assert_eq!(faults.unwrap(), [""; 0]);

        let ports = running.iter().map(|(_, port, ..)| *port);
        let broken = clients.iter().map(|(_, met)| *met + BREAKS).zip(ports);
        let mut changes: Vec<_> = broken
            .flat_map(|(at, port)| [(at, port, true), (at + OUTAGE, port, false)])
            .collect();
        changes.sort();
        let mut cuts = HashMap::new();
        for (at, port, breaks) in changes {
            sleep_until(at);
            if breaks {
                let cut = Rule::new("cut", Condition::tcp().port(port), Action::Drop);
                cuts.insert(port, lab.wire().add(cut).unwrap());
            } else {
                let count = lab.wire().remove(cuts[&port]).unwrap().unwrap();
                assert!(count.acted > 0, "{port}: nobody probed during the outage");
            }
        }
        sleep_until(last_word + SAID);
        for (name, client) in ends() {
            client.set_nonblocking(true).unwrap();
            let seen = client.peek(&mut [0]);
            // Nothing to read, or what was said before.
            let is_alive = match &seen {
                Ok(length) => *length > 0,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            assert!(is_alive, "{name} gave its live client up: {seen:?}");
        }
    });
}

fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}
