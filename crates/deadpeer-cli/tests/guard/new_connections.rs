//! Connections still to come, protected by a rule that needs no guard to hold.

use std::time::Instant;

use deadpeer_sys::testing::{in_private_netns, skip};
use serde_json::Value;

use crate::common::guarding::{BOUND, Guarding};
use crate::common::of_type;
use crate::common::room::Room;

const BARE: &str = "(0, 7200) (0, 7200)";

/// A guard in a room, whose BPF file system and cgroup are its own.
struct Post {
    room: Room,
    guarding: Guarding,
}

impl Post {
    fn policy(&self, deadline: &str) -> String {
        let cgroup = self.room.cgroup.display();
        format!(
            "[[policy]]\nname = \"web\"\nmatch = {{ cgroup = \"{cgroup}\" }}\ndeadline = \"{deadline}\"\nprotect = \"enforce\"\n"
        )
    }

    /// Starts a guard with this configuration; its pid.
    fn start(&mut self, text: &str) -> String {
        let command = self.guarding.command(text, &["--no-history"]);
        let mut words: Vec<String> = Vec::new();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                words.push(format!("{}={}", name.display(), value.display()));
            }
        }
        words.push(command.get_program().display().to_string());
        words.extend(command.get_args().map(|word| word.display().to_string()));
        let log = self.guarding.log();
        let started = format!("{} 2>{} & echo $!", words.join(" "), log.display());
        let pid = self.room.run(&started).remove(0);
        self.guarding.begun();
        pid
    }

    fn standing(&mut self) -> Vec<Value> {
        of_type(&self.room.deadpeer("--list --json"), "standing_protection")
    }

    fn fresh(&mut self) -> String {
        self.room.fresh().join("\n")
    }

    fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let bound = Instant::now() + BOUND;
        while !holds(self) {
            self.guarding.wait(bound, what);
        }
    }
}

#[test]
fn a_rule_outlives_its_guard_and_ends_with_its_policy() {
    in_private_netns(|| {
        let Some(room) = Room::new("guard") else {
            return;
        };
        let mut post = Post {
            room,
            guarding: Guarding::new(),
        };
        if post.room.run("command -v python3").is_empty() {
            return skip("no python3");
        }
        assert_eq!(post.fresh(), BARE);
        let policy = post.policy("30s");
        let pid = post.start(&policy);
        if post.guarding.logged().contains("only by sweeps") {
            return skip(&post.guarding.logged());
        }
        let protected = post.fresh();
        assert!(!protected.contains("(0,"), "{protected}");
        let name = post.standing()[0]["name"].clone();
        assert!(name.as_str().unwrap().starts_with("guard:web:"), "{name}");

        // Killed, it leaves everything as it is, and the next finds it so.
        post.room.run(&format!("kill -9 {pid}; wait {pid}"));
        assert_eq!(post.fresh(), protected);
        let before = post.standing();
        let pid = post.start(&policy);
        assert_eq!(post.standing(), before, "it was made anew");

        // One of an earlier version, which had a single link, is made anew.
        let name = before[0]["name"].as_str().unwrap();
        let path = format!("/sys/fs/bpf/deadpeer/{name}/wishes");
        let removed = post.room.run(&format!("rm {path}"));
        assert!(removed.is_empty(), "{removed:?}");
        assert!(post.guarding.ask("reload").is_some());
        post.until("it is as it was", |post| {
            post.room.run(&format!("ls {path}")) == [path.as_str()]
        });
        assert_eq!(post.fresh(), protected);

        // Another deadline is another rule; and without the policy there is none.
        post.guarding.configure(&post.policy("2m"));
        assert!(post.guarding.ask("reload").is_some());
        post.until("the rule is as before", |post| post.fresh() != protected);
        assert_ne!(post.fresh(), BARE);
        assert_eq!(post.standing().len(), 1);
        post.guarding.configure("sweep = \"5s\"\n");
        assert!(post.guarding.ask("reload").is_some());
        post.until("the rule holds on", |post| post.standing().is_empty());
        assert_eq!(post.fresh(), BARE);
        post.room.run(&format!("kill {pid}; wait {pid}"));
    });
}
