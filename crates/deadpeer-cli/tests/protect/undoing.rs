//! Several changes of the same sockets, undone in every order, with whatever was left behind.

use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use deadpeer_core::Effective;
use deadpeer_host::Namespace;
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;
use serde_json::json;

use crate::common::of_type;
use crate::common::population::{Holder, Pair, pair};
use crate::sockets::{Undo, options, ways};

/// Long enough for anything, on a busy machine too.
const BOUND: Duration = Duration::from_secs(30);

fn plain() -> Pair {
    pair(&deadpeer::SocketOptions::default())
}

fn protect(undo: &Undo, pair: &Pair, within: &str, more: &[&str]) {
    let port = pair.port();
    let args = ["--within", within, "--yes", "--port", &port];
    undo.summary(0, &[&args[..], more].concat());
}

fn all(pair: &Pair) -> [Effective; 3] {
    [
        options(&pair.listener),
        options(&pair.client),
        options(&pair.server),
    ]
}

/// Every order of three.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[test]
fn any_order_ends_at_the_first_settings() {
    in_private_netns(|| {
        for way in ways() {
            for order in ORDERS {
                let undo = Undo::new();
                let pair = plain();
                let first = all(&pair);
                let elsewhere = undo.folder().join("../elsewhere");
                let there = elsewhere.to_str().unwrap();
                protect(&undo, &pair, "2m", way);
                let one = undo.files();
                // It is found although it is not where the others are.
                protect(&undo, &pair, "1m", &[way, &["--undo-file", there]].concat());
                protect(&undo, &pair, "30s", way);
                let tightest = all(&pair);
                let mut three = undo.files();
                three.retain(|file| !one.contains(file) && is_undo_file(file));
                let files = [&one[0], &elsewhere, &three[0]];
                for (place, which) in order.iter().enumerate() {
                    let undone = undo.undo_file(files[*which], way);
                    let newest = place == 0 && *which == 2;
                    if place == 0 && !newest {
                        // The latest still counts on all of it.
                        assert_eq!(undone["later"], 3, "{undone}");
                        assert_eq!(all(&pair), tightest);
                    }
                }
                assert_eq!(all(&pair), first, "{order:?} {way:?}");
                assert!(undo.files().is_empty(), "{:?}", undo.files());
            }
        }
    });
}

fn is_undo_file(path: &Path) -> bool {
    path.to_str().unwrap().ends_with(".undo.json")
}

#[test]
fn what_an_earlier_one_has_set_is_no_choice_of_the_program() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            let first = all(&pair);
            let keeping = [way, &["--keep-app-settings"]].concat();
            protect(&undo, &pair, "2m", &keeping);
            // By its program.
            sockopt::set_keepidle_s(&pair.client, 300).unwrap();
            let port = pair.port();
            let args = ["--within", "30s", "--yes", "--port", &port];
            let lines = undo.lines(1, &[&args[..], &keeping].concat());
            let mut plans: Vec<_> = of_type(&lines, "protect_plan")
                .iter()
                .map(|plan| (plan["fate"].clone(), plan["own_choice"].clone()))
                .collect();
            plans.sort_by_key(|plan| plan.0.to_string());
            let changed = (json!("change"), json!(false));
            let kept = (json!("kept-for-application"), json!(null));
            assert_eq!(plans, [changed.clone(), changed, kept], "{way:?}");
            assert_eq!(options(&pair.client).keepidle_s, 300);
            for file in undo.files() {
                undo.undo_file(&file, way);
            }
            assert_eq!(options(&pair.client).keepidle_s, 300);
            sockopt::set_keepidle_s(&pair.client, first[1].keepidle_s).unwrap();
            assert_eq!(all(&pair), first, "{way:?}");
        }
    });
}

#[test]
fn for_what_a_listener_handed_on_its_program_is_not_to_blame() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            let mut later = Vec::new();
            for within in ["2m", "1m", "30s"] {
                // With exit code 0.
                protect(&undo, &pair, within, way);
                let address = pair.listener.local_addr().unwrap();
                later.push(TcpStream::connect(address).unwrap());
                later.push(pair.listener.accept().unwrap().0);
            }
            protect(&undo, &pair, "25s", way);
        }
    });
}

#[test]
fn what_a_killed_ping_left_takes_no_protection_away() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            let first = all(&pair);
            let stale = killed_ping(&undo, &pair);
            protect(&undo, &pair, "30s", way);
            let protected = all(&pair);
            undo.undo_file(&stale, way);
            assert_eq!(all(&pair), protected, "{way:?}");
            undo.undo(way);
            assert_eq!(all(&pair), first, "{way:?}");
        }
    });
}

#[test]
fn the_older_of_two_says_where_its_way_back_is_now() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            protect(&undo, &pair, "60s", way);
            let older = undo.files().remove(0);
            protect(&undo, &pair, "30s", way);
            let mut newer = undo.files();
            newer.retain(|file| *file != older);
            let undone =
                undo.protect(&[&["--undo", older.to_str().unwrap(), "--yes"], way].concat());
            assert_eq!(undone.code, 0, "{}{}", undone.stdout, undone.stderr);
            for said in ["changed again later", newer[0].to_str().unwrap()] {
                assert!(undone.stdout.contains(said), "{said}: {}", undone.stdout);
            }
        }
    });
}

#[test]
fn what_another_undo_has_emptied_says_so() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            let first = all(&pair);
            protect(&undo, &pair, "30s", way);
            let protection = undo.files().remove(0);
            let stale = killed_ping(&undo, &pair);
            // What the ping lent goes back with what the protection had set.
            undo.undo_file(&protection, way);
            assert_eq!(all(&pair), first, "{way:?}");
            let listed = undo.protect(&["--list"]);
            assert!(
                listed.stdout.contains("(nothing left to undo)"),
                "{}",
                listed.stdout
            );
            let undone =
                undo.protect(&[&["--undo", stale.to_str().unwrap(), "--yes"], way].concat());
            assert_eq!(
                (undone.code, undone.stdout.as_str()),
                (0, "Nothing was left to undo.\n")
            );
            assert!(undo.files().is_empty(), "{:?}", undo.files());
        }
    });
}

/// Otherwise a change that was recorded while it waits would seem to be later than its next loan.
#[test]
fn each_round_of_questions_is_recorded_after_what_others_recorded_meanwhile() {
    in_private_netns(|| {
        let undo = Undo::new();
        let (asked, other) = (plain(), plain());
        let port = asked.port();
        let mut asking = crate::common::deadpeer(&["ping", "-i", "1s", "--port", &port]);
        asking.env("XDG_STATE_HOME", undo.folder().parent().unwrap());
        let mut asking = asking.stdout(Stdio::null()).spawn().unwrap();
        let bound = Instant::now() + BOUND;
        let wait = || {
            assert!(Instant::now() < bound, "{:?}", undo.files());
            std::thread::sleep(Duration::from_millis(5));
        };
        while !undo.files().iter().any(|file| is_undo_file(file)) {
            wait();
        }
        let lent = undo.files().remove(0);
        protect(&undo, &other, "30s", &[]);
        let mut files = undo.files();
        files.retain(|file| *file != lent && is_undo_file(file));
        let begun = |file: &Path| {
            let record = std::fs::read_to_string(file).unwrap();
            let record: serde_json::Value = serde_json::from_str(&record).unwrap();
            record["begun_boot_ns"].as_u64().unwrap()
        };
        while begun(&lent) < begun(&files[0]) {
            wait();
        }
        asking.kill().unwrap();
        asking.wait().unwrap();
    });
}

/// The file of a ping that was killed between two questions: on record, and nobody is kept out any
/// more.
fn killed_ping(undo: &Undo, pair: &Pair) -> PathBuf {
    let port = pair.port();
    let mut asking = crate::common::deadpeer(&["ping", "-i", "1h", "--port", &port]);
    asking.env("XDG_STATE_HOME", undo.folder().parent().unwrap());
    let before = undo.files();
    let mut asking = asking.stdout(Stdio::null()).spawn().unwrap();
    let new = || {
        let mut files = undo.files();
        files.retain(|file| !before.contains(file) && is_undo_file(file));
        files.pop()
    };
    let bound = Instant::now() + BOUND;
    while new().is_none() || Namespace::Own.lock().unwrap().is_none() {
        assert!(Instant::now() < bound, "it asks nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    asking.kill().unwrap();
    asking.wait().unwrap();
    new().unwrap()
}

#[test]
fn a_rehearsal_of_undo_says_what_would_be_and_changes_nothing() {
    in_private_netns(|| {
        for way in ways() {
            let undo = Undo::new();
            let pair = plain();
            protect(&undo, &pair, "30s", way);
            let protected = all(&pair);
            let [file] = &undo.files()[..] else {
                panic!("one file")
            };
            let name = file.to_str().unwrap();
            let args = [&["--undo", name, "--dry-run"], way].concat();
            let lines = undo.lines(0, &args);
            let undone = &of_type(&lines, "undone")[0];
            assert_eq!(
                (&undone["restored"], &undone["done"]),
                (&3.into(), &false.into())
            );
            let said = undo.protect(&args);
            assert!(said.stdout.contains("keepalive off"), "{}", said.stdout);
            assert!(said.stdout.contains("would be restored"), "{}", said.stdout);
            assert_eq!(all(&pair), protected);
            assert_eq!(undo.files().as_slice(), std::slice::from_ref(file));
        }
    });
}

#[test]
fn one_after_the_other() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = plain();
        let first = all(&pair);
        let lock = Namespace::Own.lock().unwrap();
        assert!(lock.is_some());
        let port = pair.port();
        let args = ["--within", "30s", "--yes", "--port", &port];
        let refused = undo.protect(&args);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        let us = std::process::id().to_string();
        for said in [us.as_str(), "nothing was changed"] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
        assert_eq!(all(&pair), first);
        // A rehearsal changes nothing and waits for nobody.
        undo.summary(0, &["--within", "30s", "--dry-run", "--port", &port]);
        drop(lock);
        protect(&undo, &pair, "30s", &[]);
    });
}

#[test]
fn what_can_not_be_read_is_told_and_keeps_what_it_may_explain() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = plain();
        protect(&undo, &pair, "30s", &["--no-bpf"]);
        let file = undo.files().remove(0);
        let link = undo.folder().join("protect-1-1.undo.json");
        symlink(&file, &link).unwrap();
        let lines = undo.lines(3, &["--list"]);
        let warnings = of_type(&lines, "warning");
        assert_eq!(warnings[0]["code"], "undo-file-unread", "{warnings:?}");
        let said = warnings[0]["text"].as_str().unwrap();
        assert!(said.contains("links are not followed"), "{said}");
        // Somebody has set it since, and who knows whether that stands in there.
        sockopt::set_keepidle_s(&pair.client, 77).unwrap();
        let args = ["--no-bpf", "--undo", file.to_str().unwrap(), "--yes"];
        let lines = undo.lines(1, &args);
        let undone = &of_type(&lines, "undone")[0];
        assert_eq!(undone["unreadable_files"], 1, "{undone}");
        assert!(file.exists());
        std::fs::remove_file(link).unwrap();
        undo.undo_file(&file, &["--no-bpf"]);
        assert!(!file.exists());
        assert_eq!(options(&pair.client).keepidle_s, 77);
    });
}

#[test]
fn what_is_gone_is_marked_and_forgotten() {
    in_private_netns(|| {
        let undo = Undo::new();
        let left = || -> Vec<String> {
            let lines = undo.lines(0, &["--list"]);
            let files = of_type(&lines, "undo_file");
            let word = |file: &serde_json::Value| file["left"].as_str().unwrap().to_owned();
            files.iter().map(word).collect()
        };
        let pair = plain();
        protect(&undo, &pair, "30s", &[]);
        assert_eq!(left(), ["standing"]);
        let nothing = undo.protect(&["--forget", "gone"]);
        assert_eq!((nothing.code, left().len()), (0, 1), "{}", nothing.stdout);

        // Another namespace, and then its end.
        let (holder, other) = deadpeer_sys::netns::private(|| {
            let other = plain();
            protect(&undo, &other, "30s", &[]);
            (Holder::plain(other.listener.try_clone().unwrap()), other)
        })
        .unwrap();
        assert_eq!(left(), ["standing", "standing"]);
        drop((holder, other));
        // Its number may have been given to the namespace of another test, which has none of its
        // sockets.
        let gone = |mark: &str| ["namespace-gone", "sockets-gone"].contains(&mark);
        let bound = Instant::now() + BOUND;
        while !matches!(&left()[..], [first, other] if first == "standing" && gone(other)) {
            assert!(Instant::now() < bound, "{:?}", left());
            std::thread::sleep(Duration::from_millis(20));
        }

        // Its sockets are closed; and one from before the machine was started.
        drop(pair);
        let file = undo.files().remove(0);
        let record = std::fs::read_to_string(&file).unwrap();
        let boot = deadpeer_host::undo::boot_id().unwrap();
        let old = undo.folder().join("protect-1-1.undo.json");
        std::fs::write(old, record.replace(&boot, "another")).unwrap();
        let mut marks = left();
        marks.sort_unstable();
        let [old, other, closed] = &marks[..] else {
            panic!("three files: {marks:?}");
        };
        assert_eq!((&**old, &**closed), ("earlier-boot", "sockets-gone"));
        assert!(gone(other), "{marks:?}");
        let listed = undo.protect(&["--list"]);
        assert!(listed.stdout.contains("--forget gone"), "{}", listed.stdout);

        let rehearsed = undo.lines(0, &["--forget", "gone", "--dry-run"]);
        assert_eq!(of_type(&rehearsed, "forgotten_undo_file").len(), 3);
        assert_eq!(undo.files().len(), 3);
        let forgotten = undo.lines(0, &["--forget", "gone"]);
        assert_eq!(of_type(&forgotten, "forgotten_undo_file").len(), 3);
        assert!(undo.files().is_empty());
    });
}

#[test]
fn a_way_back_is_forgotten_only_if_that_was_said() {
    in_private_netns(|| {
        let undo = Undo::new();
        let pair = plain();
        protect(&undo, &pair, "30s", &[]);
        let protected = all(&pair);
        let file = undo.files().remove(0);
        let name = file.to_str().unwrap();
        let unasked = undo.protect(&["--forget", name]);
        assert_eq!(unasked.code, 2, "{}", unasked.stdout);
        assert!(file.exists());
        let lines = undo.lines(0, &["--forget", name, "--yes"]);
        let forgotten = &of_type(&lines, "forgotten_undo_file")[0];
        assert_eq!(forgotten["sockets_left"], 3, "{forgotten}");
        assert_eq!(all(&pair), protected);
        assert!(undo.files().is_empty());
    });
}
