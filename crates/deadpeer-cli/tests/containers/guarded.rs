//! A guard of the whole machine: connections in containers are asked, judged and destroyed as well.

use std::process::{Child, Command};

use deadpeer_lab::router::Action;
use deadpeer_lab::testing::{inside, on_every_packet};
use deadpeer_lab::{Host, Lab, Process};

use crate::common::guarding::Guarding;
use crate::machine::{KINDS, Machine};

/// Ended with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// One container is asked by a policy that means it by its id. When nothing comes through to it any
/// more its connection goes, the line in the log says where it was, and the others are not touched.
#[test]
fn who_is_gone_goes_in_a_container_and_the_line_says_in_which() {
    inside(|| {
        let Some(mut machine) = Machine::start() else {
            return;
        };
        let redis = &KINDS[0];
        let guarding = Guarding::new();
        let policies = format!(
            "[[policy]]\nname = \"cache\"\nmatch = {{ container = \"{}\" }}\ndeadline = \"12s\"\nsupervise = \"enforce\"\nkill = \"enforce\"\n\
             [[policy]]\nname = \"rest\"\ndeadline = \"12s\"\n",
            redis.id
        );
        let args = ["--netns", "all", "--no-history"];
        let _guard = Running::start(&mut guarding.command(&policies, &args));
        guarding.begun();
        let status = guarding.until("nobody is asked", |status| status["changed"] == 1);
        assert_eq!(status["namespaces_unread"], 0, "{}", guarding.logged());
        on_every_packet(&machine.lab, machine.host(redis.host), Action::Drop).unwrap();
        guarding.until("nothing was destroyed", |status| status["destroyed"] == 1);
        let log = guarding.logged();
        let line = log.lines().find(|line| line.contains(" destroyed "));
        let line = line.unwrap_or_else(|| panic!("{log}"));
        for part in [
            "policy=cache",
            "process=redis-server",
            "container=\"shop/cache-0/redis\"",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        machine.talk(1);
    });
}

/// Namespaces come and go while it runs: it guards those that come, and lets go of those that go.
#[test]
fn namespaces_that_come_later_are_guarded_and_those_that_go_are_let_go_of() {
    inside(|| {
        let guarding = Guarding::new();
        let args = ["--netns", "all", "--no-history"];
        let _guard = Running::start(&mut guarding.command("sweep = \"500ms\"\n", &args));
        guarding.begun();
        let number = |status: &serde_json::Value| status["namespaces"].as_u64().unwrap();
        let before = number(&guarding.ask("status").unwrap());
        let lab = Lab::with_hosts(["one", "two"]).start().unwrap();
        // A namespace is found by a process in it.
        let sleep = |host: &Host| host.spawn(Command::new("sleep").arg("1000")).unwrap();
        let asleep: Vec<Process> = lab.hosts().iter().map(sleep).collect();
        guarding.until("they are not taken in", |status| {
            number(status) == before + 2
        });
        drop(asleep);
        drop(lab);
        guarding.until("they are kept", |status| number(status) == before);
    });
}
