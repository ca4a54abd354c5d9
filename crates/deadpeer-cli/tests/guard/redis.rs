//! Who is gone goes, who lives stays, whatever happens to the path.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

use deadpeer_lab::router::Action;
use deadpeer_lab::testing::{inside, on_every_packet};

use crate::common::capabilities::{can_drop_capabilities, only_with};
use crate::common::guarding::BOUND;
use crate::scene::{Scene, policy};

const ENFORCE: &str = "supervise = \"enforce\"\nkill = \"enforce\"";

/// A client loses its power: within the deadline and a sweep its connection is destroyed, and the
/// server is rid of it. The others are not touched.
#[test]
fn a_peer_that_lost_its_power_goes_and_the_others_stay() {
    inside(|| {
        let Some(mut scene) = Scene::new(4) else {
            return;
        };
        let folder = scene.directory().to_owned();
        let hook = |moment| {
            let file = folder.join(moment);
            format!(
                "{moment}-kill = [\"/bin/sh\", \"-c\", \"env >{0}.part; mv {0}.part {0}\"]",
                file.display()
            )
        };
        let hooks = format!(
            "{ENFORCE}\nhooks = {{ {}, {} }}",
            hook("before"),
            hook("after")
        );
        scene.guard(&policy(&hooks));
        scene.until("nobody is asked", |status| status["changed"] == 4);
        scene.cut(0);
        let cut = Instant::now();
        let status = scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
        // The deadline, two seconds for a sweep, and what a busy machine takes.
        assert!(
            cut.elapsed() < Duration::from_secs(30),
            "{:?}",
            cut.elapsed()
        );
        assert_eq!(
            status["holding"].as_array().map(Vec::len),
            Some(0),
            "{status}"
        );
        for client in 1..4 {
            scene.works(client);
        }
        assert_eq!(scene.connected(1), 3);
        // And it is remembered.
        let death = scene.remembered();
        assert_eq!(death["owner"]["process"], "redis-server", "{death}");
        assert_eq!(death["destroyed_by"]["process"], "deadpeer", "{death}");
        assert!(death["silent_ms"].as_u64() > Some(10_000), "{death}");
        for (moment, result) in [("before", ""), ("after", "destroyed")] {
            let said = environment(&scene, moment);
            let fact = |name: &str| {
                said.get(name)
                    .unwrap_or_else(|| panic!("{said:?}"))
                    .as_str()
            };
            assert_eq!(fact("DEADPEER_RESULT"), result);
            assert_eq!(fact("DEADPEER_POLICY"), "redis");
            assert_eq!(fact("DEADPEER_PROCESS"), "redis-server");
            assert_eq!(fact("DEADPEER_CONTAINER"), "");
            let client = &scene.clients[0];
            assert_eq!(
                fact("DEADPEER_PEER"),
                client.local_addr().unwrap().to_string()
            );
            assert_eq!(
                fact("DEADPEER_LOCAL"),
                client.peer_addr().unwrap().to_string()
            );
            assert_eq!(fact("DEADPEER_COOKIE"), death["cookie"].to_string());
            assert_eq!(fact("DEADPEER_PID"), death["owner"]["pid"].to_string());
            let number = |name| fact(name).parse::<u64>().unwrap();
            // The verdict may come a moment before the deadline: the end comes in time.
            assert!(number("DEADPEER_SILENCE_MS") >= 11_000, "{said:?}");
            assert!(number("DEADPEER_UNANSWERED") > 0, "{said:?}");
            assert!(number("DEADPEER_NETNS") > 0, "{said:?}");
        }
    });
}

/// The environment of a hook that has written it to a file.
fn environment(scene: &Scene, moment: &str) -> BTreeMap<String, String> {
    let bound = Instant::now() + BOUND;
    loop {
        if let Ok(said) = std::fs::read_to_string(scene.directory().join(moment)) {
            let pairs = said.lines().filter_map(|line| line.split_once('='));
            return pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
        }
        scene.wait(bound, moment);
    }
}

/// What a policy that observes says of a dead peer is what the same policy does once it enforces.
#[test]
fn observing_tells_what_enforcing_then_does() {
    inside(|| {
        let Some(mut scene) = Scene::new(3) else {
            return;
        };
        scene.guard(&policy("supervise = \"enforce\"\nkill = \"observe\""));
        scene.until("nobody is asked", |status| status["changed"] == 3);
        scene.cut(1);
        let told = scene.until("nothing is told", |status| status["would_destroy"] == 1);
        assert_eq!(told["destroyed"], 0);
        assert_eq!(scene.connected(0), 3, "an observer destroyed something");
        scene.configure(&policy(ENFORCE));
        assert!(scene.ask("reload").is_some());
        scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
        assert_eq!(scene.connected(0), 2);
        scene.works(2);
    });
}

/// All peers out of reach for three deadlines, by our own fault as far as anybody can tell: nobody
/// is killed, the guard says why, and no longer holds once they are back.
#[test]
fn an_outage_of_all_peers_is_ours() {
    inside(|| {
        let Some(mut scene) = Scene::new(4) else {
            return;
        };
        scene.guard(&policy(ENFORCE));
        scene.until("nobody is asked", |status| status["changed"] == 4);
        let cut: Vec<_> = (0..4).flat_map(|client| scene.cut(client)).collect();
        let begun = Instant::now();
        let held = scene.until("nothing holds", |status| {
            status["holding"]
                .as_array()
                .is_some_and(|holds| !holds.is_empty())
        });
        assert_eq!(held["holding"][0]["reason"], "many-silent");
        scene.until("the outage was too short", |_| {
            begun.elapsed() > Duration::from_secs(36)
        });
        for rule in cut {
            scene.lab.wire().remove(rule).unwrap();
        }
        let after = scene.until("it holds for ever", |status| {
            status["holding"].as_array().is_some_and(Vec::is_empty)
        });
        assert_eq!(after["destroyed"], 0, "{after}");
        for client in 0..4 {
            scene.works(client);
        }
    });
}

/// Without a configuration for them, connections are as they were: nothing is set, nothing is sent.
#[test]
fn an_observer_changes_nothing() {
    inside(|| {
        let Some(mut scene) = Scene::new(2) else {
            return;
        };
        let came = |scene: &Scene| {
            let infos = scene
                .clients
                .iter()
                .map(|client| deadpeer::inspect(client).unwrap());
            infos.map(|info| info.segs_in).collect::<Vec<_>>()
        };
        scene.guard(&format!("sweep = \"1s\"\n{}", policy("")));
        let before = came(&scene);
        scene.until("it does not sweep", |status| {
            status["sweeps"].as_u64() > Some(8)
        });
        assert_eq!(came(&scene), before);
        let status = scene.ask("status").unwrap();
        assert_eq!(
            (&status["changed"], &status["destroyed"]),
            (&0.into(), &0.into())
        );
        scene.works(0);
    });
}

/// What can't be destroyed is tried again after another deadline, and not with each sweep.
#[test]
fn what_cannot_be_destroyed_is_told_once_a_deadline() {
    inside(|| {
        if !can_drop_capabilities() {
            return;
        }
        let Some(scene) = Scene::new(1) else {
            return;
        };
        let guard = scene.command(&policy(ENFORCE).replace("\"12s\"", "\"10s\""), &[]);
        let mut command = only_with("bpf,perfmon,sys_ptrace", guard.get_args());
        for (name, value) in guard.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stderr(File::create(scene.log()).unwrap());
        let _guard = scene.lab.hosts()[0].spawn(&mut command).unwrap();
        scene.begun();
        scene.until("nobody is asked", |status| status["changed"] == 1);
        scene.cut(0);
        let failed = || scene.logged().matches("could not be destroyed").count();
        let status = scene.until("nothing was tried", |_| failed() > 0);
        let sweeps = status["sweeps"].as_u64();
        scene.until("it does not sweep", |status| {
            status["sweeps"].as_u64() > sweeps.map(|sweeps| sweeps + 3)
        });
        assert_eq!(failed(), 1, "{}", scene.logged());
        scene.until("it was not tried again", |_| failed() == 2);
    });
}

/// Held by hand, a dead peer stays; told to go on, it goes.
#[test]
fn held_by_hand_nobody_is_killed() {
    inside(|| {
        let Some(mut scene) = Scene::new(3) else {
            return;
        };
        scene.guard(&policy(ENFORCE));
        scene.until("nobody is asked", |status| status["changed"] == 3);
        let held = scene.ask("hold").unwrap();
        assert_eq!(held["holding"][0]["reason"], "asked");
        scene.cut(0);
        let spared = scene.until("nobody was let live", |status| status["spared"] == 1);
        assert_eq!(spared["destroyed"], 0);
        // Whoever starts it again may not know of it.
        scene.guard(&policy(ENFORCE));
        let spared = scene.until("the next does not", |status| status["spared"] == 1);
        assert_eq!(spared["holding"][0]["reason"], "asked");
        assert_eq!(
            scene.ask("resume").unwrap()["holding"]
                .as_array()
                .map(Vec::len),
            Some(0)
        );
        scene.until("nothing was destroyed", |status| status["destroyed"] == 1);
        assert_eq!(scene.connected(1), 2);
        scene.guard(&policy(ENFORCE));
        let status = scene.ask("status").unwrap();
        assert_eq!(status["holding"].as_array().map(Vec::len), Some(0));
    });
}

/// A peer that answers everything, and each time later than the next question is asked, lives.
#[test]
fn a_peer_that_answers_everything_late_is_not_destroyed() {
    inside(|| {
        let Some(mut scene) = Scene::new(1) else {
            return;
        };
        scene.guard(&policy(ENFORCE));
        scene.until("nobody is asked", |status| status["changed"] == 1);
        let late = Action::Delay {
            by: Duration::from_secs(2),
            jitter: Duration::ZERO,
        };
        on_every_packet(&scene.lab, &scene.lab.hosts()[1], late).unwrap();
        let begun = Instant::now();
        // Three deadlines.
        let status = scene.until("the time does not pass", |_| {
            begun.elapsed() > Duration::from_secs(36)
        });
        assert_eq!(status["destroyed"], 0, "{status}");
        scene.works(0);
    });
}
