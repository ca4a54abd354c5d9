//! A whole guard is killed at any moment: connections work on, what it has set can be taken back,
//! and at most the last second of its history is missing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_history::{Damaged, Reader, Store};
use deadpeer_lab::testing::inside;
use serde_json::Value;

use crate::common::of_type;
use crate::scene::{Scene, policy};

/// A death is in the file after so long, and on a machine that is busy after as much more as it
/// takes for a few things of that kind: to wake up, to sweep, and to write.
const WRITTEN: Duration = Duration::from_secs(1);
const THINGS: u32 = 4;
/// Clients that live through it all, and their host's place.
const LIVE: usize = 3;
/// The client that resets one connection after the other.
const CHURN: usize = LIVE;
/// The client that is cut off again and again.
const DOOMED: usize = LIVE + 1;

#[test]
#[ignore = "half an hour; `.ci/long guard-kills` runs it"]
#[expect(clippy::print_stdout, reason = "what it found is for people to read")]
fn at_random() {
    let rounds = std::env::var("LONG_KILLS").ok();
    let rounds = rounds
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1_000);
    inside(move || {
        let Some(mut scene) = Scene::new(DOOMED + 1) else {
            return;
        };
        let before = settings(&scene);
        let text = configuration(&scene);
        let mut cut = scene.cut(DOOMED);
        let (mut destroyed, mut missing) = (0, Duration::ZERO);
        let busy = Busy::watch(scene.directory().join("busy"));
        for round in 0..rounds {
            missing = missing.max(live_and_die(&mut scene, &text, round, &busy));
            for client in 0..LIVE {
                scene.works(client);
            }
            // The doomed one and that of the churn's first connection aside.
            if scene.connected(0) == LIVE + 1 {
                destroyed += 1;
                for rule in cut {
                    scene.lab.wire().remove(rule).unwrap();
                }
                scene.clients[DOOMED] = scene.connect(DOOMED);
                cut = scene.cut(DOOMED);
            }
        }
        take_back(&scene);
        let after = settings(&scene);
        let live: Vec<_> = before.iter().filter(|one| after.contains(one)).collect();
        // The listener, and all but the doomed.
        assert_eq!(live.len(), LIVE + 2, "{before:?}\n{after:?}");
        println!(
            "killed {rounds} times; {destroyed} dead ones destroyed; what the history lacked died {missing:?} before a kill at most"
        );
        assert!(rounds < 50 || destroyed > 0, "nothing was enforced");
    });
}

/// The first client's connection is protected, and the others' are supervised.
fn configuration(scene: &Scene) -> String {
    let first = scene.clients[0].local_addr().unwrap().ip();
    let supervise = policy("supervise = \"enforce\"\nkill = \"enforce\"");
    let supervise = supervise.replace("\"12s\"", "\"5s\"");
    format!(
        "[[policy]]\nname = \"first\"\nmatch = {{ peer = \"{first}\" }}\ndeadline = \"30s\"\nprotect = \"enforce\"\n{supervise}"
    )
}

/// A guard begins and is killed. Returns how long before that the oldest death happened that its
/// history lacks.
fn live_and_die(scene: &mut Scene, text: &str, round: u64, busy: &Busy) -> Duration {
    busy.begin();
    let random = round * 7_919;
    let since = SystemTime::now();
    let mut guard = scene.start(text, &["--netns", "own"]);
    let mut deaths: Vec<(Instant, u16)> = Vec::new();
    if round.is_multiple_of(3) {
        std::thread::sleep(Duration::from_millis(random % 400));
    } else {
        scene.begun();
        let end = Instant::now() + Duration::from_millis(random % 4_200);
        while Instant::now() < end {
            deaths.push(reset_one(scene));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    guard.child().kill().unwrap();
    let killed = Instant::now();
    guard.child().wait().unwrap();
    let Some(known) = remembered(scene, since) else {
        assert!(deaths.is_empty(), "round {round}: there is no history");
        return Duration::ZERO;
    };
    let lacking = deaths.iter().filter(|(_, port)| !known.contains(port));
    let missing = lacking
        .map(|(at, _)| killed - *at)
        .max()
        .unwrap_or_default();
    let late = busy.latest();
    assert!(
        missing < WRITTEN + late * THINGS,
        "round {round}: a death of {missing:?} before is missing, where writing takes {late:?}\n{}",
        scene.logged()
    );
    missing
}

/// How late the machine wakes somebody up and writes what has to be on the disk.
struct Busy {
    latest: Arc<Mutex<Duration>>,
    ends: Arc<AtomicBool>,
}

impl Busy {
    fn watch(file: PathBuf) -> Self {
        let busy = Self {
            latest: Arc::default(),
            ends: Arc::default(),
        };
        let (latest, ends) = (Arc::clone(&busy.latest), Arc::clone(&busy.ends));
        std::thread::spawn(move || {
            let pause = Duration::from_millis(100);
            while !ends.load(Ordering::Relaxed) {
                let begun = Instant::now();
                std::thread::sleep(pause);
                let written = fs::File::create(&file).and_then(|mut file| {
                    file.write_all(&[0; 4096])?;
                    file.sync_data()
                });
                written.unwrap();
                let late = begun.elapsed() - pause;
                let mut latest = latest.lock().unwrap();
                *latest = late.max(*latest);
            }
        });
        busy
    }

    fn begin(&self) {
        *self.latest.lock().unwrap() = Duration::ZERO;
    }

    fn latest(&self) -> Duration {
        *self.latest.lock().unwrap()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// Makes a connection and resets it. Returns when, and its port.
fn reset_one(scene: &Scene) -> (Instant, u16) {
    let mut stream = scene.connect(CHURN);
    stream.write_all(b"PING\r\n").unwrap();
    stream.read_exact(&mut [0; 7]).unwrap();
    let port = stream.local_addr().unwrap().port();
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    (Instant::now(), port)
}

/// The ports of the peers of those whose deaths are in the file, which is sound. `None`: there is
/// none yet.
fn remembered(scene: &Scene, since: SystemTime) -> Option<BTreeSet<u16>> {
    let folder = scene.directory().join("deadpeer");
    let names = fs::read_dir(&folder).into_iter().flatten();
    for name in names.map(|entry| entry.unwrap().file_name()) {
        assert!(!name.to_string_lossy().contains("damaged"), "{name:?}");
    }
    let file = folder.join("history.db");
    if !file.exists() {
        return None;
    }
    let (store, trouble) = Store::open(&file, Damaged::Refuse, SystemTime::now()).unwrap();
    assert_eq!(trouble, None);
    assert!(store.is_sound().unwrap());
    drop(store);
    let mut ports = BTreeSet::new();
    let reader = Reader::open(&file).unwrap();
    let read = reader.deaths(since, |death| {
        let (_, port) = death.peer.rsplit_once(':').unwrap();
        ports.insert(port.parse().unwrap());
        ControlFlow::Continue(())
    });
    read.unwrap();
    Some(ports)
}

/// The cookies and settings of all that Redis has.
fn settings(scene: &Scene) -> Vec<(Value, Value)> {
    let audit = scene.at_server(&["audit", "--each", "--json", "--port", "6379"]);
    let lines: Vec<Value> = audit.stdout.lines().map(crate::common::read_back).collect();
    let mut all = of_type(&lines, "listener");
    all.extend(of_type(&lines, "connection"));
    let settings = |one: &Value| (one["cookie"].clone(), one["settings"].clone());
    all.iter().map(settings).collect()
}

/// Undoes what every guard has set.
fn take_back(scene: &Scene) {
    let folder = scene.directory().join("deadpeer");
    let files = fs::read_dir(folder).unwrap();
    for file in files.map(|entry| entry.unwrap().path()) {
        let name = file.to_str().unwrap();
        if name.ends_with(".undo.json") {
            let undone = scene.at_server(&["protect", "--undo", name, "--yes"]);
            assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
        }
    }
}
