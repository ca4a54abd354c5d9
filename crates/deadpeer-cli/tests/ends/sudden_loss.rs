//! What may happen where a path suddenly loses much is said before the first connection, with the
//! number that the library has, and so is what Linux does to slow readers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use deadpeer::{Slip, Supervision};
use deadpeer_sys::sysctl;
use deadpeer_sys::testing::in_private_netns;

use crate::common::deadpeer;
use crate::end::SOON;

/// An end that speaks to people, killed with the test.
struct Speaker {
    child: Child,
    lines: Receiver<String>,
}

impl Speaker {
    fn start(arguments: &str) -> Self {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let mut command = deadpeer(&arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let spoken = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            spoken
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// The lines up to the first with these words.
    fn until(&self, words: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while !said.last().is_some_and(|line| line.contains(words)) {
            said.push(
                self.lines
                    .recv_timeout(SOON)
                    .unwrap_or_else(|error| panic!("{words}: {error}, after {said:?}")),
            );
        }
        said
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sudden_loss_is_foretold_at_both_ends() {
    in_private_netns(|| {
        for within in [5, 30] {
            let chance = Supervision::within(Duration::from_secs(within)).sudden_loss(Slip::LOSS);
            let foretold = format!("at most one in {:.0}", (1.0 / chance).floor());
            let foretells = |end: &Speaker| {
                let said = end.until("40 of 100 packets");
                let is_first = !said.iter().any(|line| line.contains("connected"));
                assert!(is_first && said.concat().ends_with(&foretold), "{said:?}");
            };
            let listen = Speaker::start(&format!("listen 127.0.0.1:8888 --within {within}s"));
            foretells(&listen);
            foretells(&Speaker::start(&format!(
                "connect 127.0.0.1:8888 --within {within}s"
            )));
        }
    });
}

#[test]
fn who_does_not_read_is_said_to_be_ended_by_linux_where_few_retries_do() {
    in_private_netns(|| {
        sysctl::write("tcp_retries2", 1).unwrap();
        let listen = Speaker::start("listen 127.0.0.1:8888 --within 30s");
        let said = listen.until("tcp_retries2");
        assert!(said.concat().contains("40 of 100 packets"), "{said:?}");
        Speaker::start("connect 127.0.0.1:8888 --within 30s").until("tcp_retries2");
    });
}

/// Whoever doesn't judge by chances foretells none.
#[test]
fn other_methods_foretell_none() {
    in_private_netns(|| {
        let listen = Speaker::start("listen 127.0.0.1:8888 --kernel-only --slow-readers drop");
        listen.until("kernel only");
        let connect = Speaker::start("connect 127.0.0.1:8888 --method recv");
        for end in [&listen, &connect] {
            let said = end.until("connected");
            assert!(!said.concat().contains("40 of 100"), "{said:?}");
        }
    });
}
