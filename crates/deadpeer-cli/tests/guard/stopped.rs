//! A guard that was stopped has slept, as far as it can tell: nobody is killed for that.

use std::time::{Duration, Instant};

use deadpeer_lab::testing::inside;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::guarding::BOUND;
use crate::scene::{Scene, policy};

/// All peers are out of reach for two deadlines while the guard is stopped, and back when it goes
/// on: what it finds then, long silences and many questions in vain, is no evidence.
#[test]
fn nobody_is_killed_for_the_guards_own_sleep() {
    inside(|| {
        // Fewer than the brake counts.
        let Some(mut scene) = Scene::new(2) else {
            return;
        };
        let policy = policy("supervise = \"enforce\"\nkill = \"enforce\"");
        scene.guard(&policy.replace("\"12s\"", "\"5s\""));
        let status = scene.until("nobody is asked", |status| status["changed"] == 2);
        let late = &status["closed_windows"][0];
        assert_eq!(late["within_ms"], 5_000, "{status}");
        assert!(late["closed_window_ms"].as_u64() > Some(5_000), "{status}");
        let pid = status["pid"].as_i64().unwrap();
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        let cut: Vec<_> = (0..2).flat_map(|client| scene.cut(client)).collect();
        std::thread::sleep(Duration::from_secs(10));
        for rule in cut {
            scene.lab.wire().remove(rule).unwrap();
        }
        kill_process(pid, Signal::CONT).unwrap();
        let continued = Instant::now();
        let until = |what, holds: &dyn Fn(&Value) -> bool| {
            let bound = continued + BOUND;
            // One that has just gone on may be too busy to answer.
            while !scene.ask("status").as_ref().is_some_and(holds) {
                scene.wait(bound, what);
            }
        };
        until("nothing holds", &|status| {
            status["holding"][0]["reason"] == "slept" && status["destroyed"] == 0
        });
        until("it holds for ever, or has destroyed one", &|status| {
            continued.elapsed() > Duration::from_secs(6)
                && status["holding"].as_array().is_some_and(Vec::is_empty)
                && status["destroyed"] == 0
        });
        (0..2).for_each(|client| scene.works(client));
    });
}
