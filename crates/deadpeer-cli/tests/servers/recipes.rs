//! Recipes against the real programs: what `plan --for` says to write is written, the program is
//! started with it, and what its sockets then have is what was promised. Where the deadline is
//! kept, a client vanishes, and the moment when it is noticed is held against the forecast.
//!
//! Programs that start in a second are tried wherever the tests run. The others, which Debian has
//! as well, by `cargo xtask check-recipes`.

mod programs;

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::{Kernel, Notice, SocketOptions, Sysctls};
use deadpeer_recipes::{Proof, SideAdvice, SideKind, advise, find};

use crate::report::{Case, Settings};
use crate::room::{Room, installed};
use programs::{PROGRAMS, Program};

/// A deadline that leaves room for three lost probes.
const WITHIN: Duration = Duration::from_secs(14);
/// The clock of a client begins with the last word that the server heard of it, before it vanishes.
const BEFORE: f64 = 3.0;
/// What `deadpeer test` and a busy machine add.
const AFTER: f64 = 2.5;

#[test]
fn programs_that_start_at_once() {
    check(PROGRAMS.iter().filter(|program| program.quick));
}

#[test]
#[ignore = "takes programs that are large or slow: cargo xtask check-recipes"]
fn programs_that_take_their_time() {
    check(PROGRAMS.iter().filter(|program| !program.quick));
}

#[test]
fn what_a_recipe_says_of_its_proof_is_what_is_tried_here() {
    let marked: BTreeMap<_, _> = deadpeer_recipes::all()
        .iter()
        .filter(|recipe| recipe.proof > Proof::Described)
        .map(|recipe| (recipe.name.as_str(), recipe.proof))
        .collect();
    let tried: BTreeMap<_, _> = PROGRAMS
        .iter()
        .map(|one| (one.recipe, one.proof()))
        .collect();
    assert_eq!(marked, tried);
}

/// Tries them all at once, and tells of each that is not as its recipe says.
fn check<'p>(programs: impl Iterator<Item = &'p Program>) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = programs
            .map(|program| scope.spawn(|| program.try_it()))
            .collect();
        let ended = running.into_iter().map(|one| one.join().unwrap());
        ended.filter_map(Result::err).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Program {
    fn proof(&self) -> Proof {
        proof(&self.advice().0)
    }

    /// What is said of its clients' connections, and the lines to write.
    fn advice(&self) -> (SideAdvice, String) {
        // Sysctls as a fresh namespace has them, and no more than every kernel has.
        let advice = advise(
            find(self.recipe).unwrap(),
            WITHIN,
            &Kernel::before_rto_max(None),
        );
        let mut sides = advice.sides.into_iter();
        let side = if self.library {
            sides.next()
        } else {
            sides.find(|side| side.side.side == SideKind::Accepted)
        };
        let side = side.expect("a program that accepts connections");
        let lines = (self.lines)(side.lines_on(self.port).join("\n"));
        (side, lines)
    }

    fn try_it(&self) -> Result<(), String> {
        let Some(executable) = installed(self.executable) else {
            return Ok(());
        };
        let room = Room::new();
        let folder = room.path().to_str().unwrap().to_owned();
        let (side, lines) = self.advice();
        let fill = |text: &str| text.replace("{folder}", &folder).replace("{lines}", &lines);
        room.file("configuration", fill(self.configuration).as_bytes());
        if !self.prepare.is_empty() {
            let made = room
                .command("sh")
                .args(["-ec", &fill(self.prepare)])
                .output();
            let made = made.unwrap();
            if !made.status.success() {
                return Err(self.failed(&String::from_utf8_lossy(&made.stderr)));
            }
        }
        let within = WITHIN.as_secs() + 3;
        let mut arguments = format!(
            "--within {within}s --port {} --json --fault power-off --state idle --clients 2",
            self.port
        );
        if !self.send.is_empty() {
            room.file("send", self.send.as_bytes());
            arguments += " --send send";
        }
        let mut server = vec![executable];
        server.extend(self.arguments.iter().map(|argument| fill(argument)));
        let server: Vec<&str> = server.iter().map(String::as_str).collect();
        let Some(ran) = room.run(&arguments, &server) else {
            return Ok(());
        };
        let cases = ran.stdout.lines().map(serde_json::from_str::<Case>);
        let found = cases.flatten().find(|case| case.is("power-off idle"));
        let Some(case) = found else {
            return Err(self.failed(&format!("{}{}", ran.stdout, ran.stderr)));
        };
        self.compare(&side, &case)
    }

    fn compare(&self, side: &SideAdvice, case: &Case) -> Result<(), String> {
        let promised = effective(&side.fit.options);
        if case.settings.as_ref() != Some(&promised) {
            return Err(self.failed(&format!("promised {promised:?}, found {case:?}")));
        }
        let Notice::Within(span) = side.fit.forecast.idle.worst else {
            return Ok(());
        };
        if proof(side) != Proof::Proved {
            return Ok(());
        }
        let after = case.after_ms.map(|ms| ms as f64 / 1000.0);
        let foretold = span.earliest.as_secs_f64() - BEFORE..span.latest.as_secs_f64() + AFTER;
        match after.is_some_and(|after| foretold.contains(&after)) {
            true => Ok(()),
            false => Err(self.failed(&format!("foretold {foretold:?}, found {case:?}"))),
        }
    }

    fn failed(&self, why: &str) -> String {
        format!("{}: {why}", self.recipe)
    }
}

/// What can be shown of a side: a client that vanishes is waited for only within the deadline.
fn proof(side: &SideAdvice) -> Proof {
    match side.fit.forecast.idle.worst.meets(WITHIN) {
        true => Proof::Proved,
        false => Proof::Checked,
    }
}

/// What sockets have with these options in a fresh namespace.
fn effective(options: &SocketOptions) -> Settings {
    let effective = options.resolve(&Sysctls::DEFAULT);
    Settings {
        so_keepalive: effective.keepalive,
        tcp_keepidle_s: effective.keepidle_s,
        tcp_keepintvl_s: effective.keepintvl_s,
        tcp_keepcnt: effective.keepcnt,
        tcp_user_timeout_ms: effective.user_timeout_ms.unwrap_or(0),
    }
}
