//! Random histories of real sockets against what their programs alone would have made of them: the
//! model of `deadpeer_host`'s undo, with the command and the kernel in place of the model.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use deadpeer_core::{Effective, Setting, SocketOption};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::common::deadpeer;
use crate::common::population::{Pair, pair};
use crate::sockets::{Undo, options, ways};

/// How many, where `LONG_HISTORIES` doesn't say it: `.ci/long` sets that.
fn histories() -> u64 {
    let said = std::env::var("LONG_HISTORIES").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(2)
}

#[test]
fn undone_in_any_order_they_are_as_their_programs_have_them() {
    in_private_netns(|| {
        for seed in 0..histories() {
            History::new(seed).happens();
        }
    });
}

struct History {
    seed: u64,
    random: u64,
    undo: Undo,
    pairs: Vec<Pair>,
    /// For each of [`ends`](Self::ends).
    expected: Vec<Expected>,
    /// What happened, for who reads of a failure.
    told: Vec<String>,
}

/// As its program alone would have a socket.
#[derive(Clone, Copy)]
struct Expected {
    options: Effective,
    /// The program has set something while keepalive was lent: whether it took that over nobody
    /// knows.
    keepalive_is_open: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let plain = deadpeer::SocketOptions::default();
        let own = crate::common::population::keepalive(400, 40, 5);
        let mut history = Self {
            seed,
            random: seed,
            undo: Undo::new(),
            pairs: [plain, own].iter().map(pair).collect(),
            expected: Vec::new(),
            told: Vec::new(),
        };
        let fresh = |options| Expected {
            options,
            keepalive_is_open: false,
        };
        history.expected = history.now().into_iter().map(fresh).collect();
        history
    }

    fn happens(mut self) {
        for _ in 0..4 + self.below(6) {
            match self.below(8) {
                0..=2 => self.protect(),
                3 | 4 => self.ping(),
                5 => {
                    let killed = self.moment();
                    self.undo(killed);
                }
                _ => self.program(),
            }
        }
        // Each hands what it can't give back to a later one, and goes.
        for _ in 0..64 {
            self.undo(None);
        }
        assert!(self.files().is_empty(), "{}", self.story());
        for (place, (now, expected)) in self.now().iter().zip(&self.expected).enumerate() {
            let mut wanted = expected.options;
            if expected.keepalive_is_open {
                wanted.keepalive = now.keepalive;
            }
            assert_eq!(*now, wanted, "socket {place}: {}", self.story());
        }
    }

    fn protect(&mut self) {
        let within = ["30s", "45s", "2m", "10m"][self.below(4)];
        let pair = self.below(self.pairs.len() + 1);
        let mut ports: Vec<String> = self.pairs.iter().map(Pair::port).collect();
        if pair < ports.len() {
            ports = vec![ports.swap_remove(pair)];
        }
        let mut args = vec!["--within", within, "--slow-readers", "drop", "--yes"];
        for port in &ports {
            args.extend(["--port", port]);
        }
        args.extend(self.way());
        let killed = self.moment();
        self.run(self.undo.command(&args), &args, killed);
    }

    fn ping(&mut self) {
        let pair = self.below(self.pairs.len());
        let port = self.pairs[pair].port();
        let args = ["ping", "-c", "1", "--force", "--port", &port];
        let mut command = deadpeer(&args);
        command.env("XDG_STATE_HOME", self.undo.folder().parent().unwrap());
        let killed = self.moment();
        self.run(command, &args, killed);
    }

    fn undo(&mut self, killed: Option<Duration>) {
        let files = self.files();
        if files.is_empty() {
            return;
        }
        let which = self.below(files.len());
        let file = files[which].to_str().unwrap();
        let mut args = vec!["--undo", file, "--yes"];
        args.extend(self.way());
        self.run(self.undo.command(&args), &args, killed);
    }

    /// Another value each time: one that happens to be what deadpeer set can't be told from that.
    fn program(&mut self) {
        let count = u32::try_from(self.told.len()).unwrap();
        let place = self.below(self.expected.len());
        let setting = match self.below(3) {
            0 => Setting::new(SocketOption::Keepidle, 1_001 + 2 * count),
            1 => Setting::new(SocketOption::UserTimeout, 600_001 + 2 * count),
            _ => Setting::new(SocketOption::Keepcnt, 64 + count % 63),
        };
        let lent = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).unwrap();
            let record: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut groups = record["groups"].as_array().unwrap().iter();
            record["within_ms"].is_null() || groups.any(|group| group["lent"] == true)
        };
        let lent = self.files().iter().any(lent);
        let expected = &mut self.expected[place];
        expected.keepalive_is_open |= setting.option == SocketOption::Keepidle && lent;
        expected.options.put(setting);
        let pair = &self.pairs[place / 3];
        let ends = [
            pair.listener.as_fd(),
            pair.client.as_fd(),
            pair.server.as_fd(),
        ];
        sockopt::set(ends[place % 3], setting).unwrap();
        self.told.push(format!("socket {place}: {setting:?}"));
    }

    /// To its end, or until then.
    fn run(&mut self, mut command: Command, args: &[&str], killed: Option<Duration>) {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        if let Some(after) = killed {
            std::thread::sleep(after);
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        self.told.push(format!("{} ({status})", args.join(" ")));
    }

    fn now(&self) -> Vec<Effective> {
        let all = |pair: &Pair| {
            [
                options(&pair.listener),
                options(&pair.client),
                options(&pair.server),
            ]
        };
        self.pairs.iter().flat_map(all).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = self.undo.files();
        files.retain(|file| file.to_str().unwrap().ends_with(".undo.json"));
        files
    }

    fn way(&mut self) -> &'static [&'static str] {
        let ways = ways();
        ways[self.below(ways.len())]
    }

    /// When it is killed, if it is: some time of what a run takes.
    fn moment(&mut self) -> Option<Duration> {
        let after = Duration::from_micros(self.below(120_000) as u64);
        (self.below(3) == 0).then_some(after)
    }

    /// A number below this one (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn story(&self) -> String {
        format!("seed {}:\n{}", self.seed, self.told.join("\n"))
    }
}
