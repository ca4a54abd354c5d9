//! `kill -9` at any moment: at most the last second is missing, and the file is sound.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use deadpeer_history::{Bounds, Damaged, Recorder, Store};

use super::roundtrip::read;
use super::sample::death;

/// Deaths a second, and between two of them.
const RATE: u64 = 2000;
/// What a loaded machine may take to begin a batch that is due, and to write it.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn killed_twenty_times() {
    kill_at_random(20);
}

/// Each in a file of its own, for reading all of a file after each kill takes ever longer.
#[test]
#[ignore = "minutes; `.ci/long history` runs it"]
fn killed_a_thousand_times() {
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| (0..5).for_each(|_| killed_twenty_times()));
        }
    });
}

fn kill_at_random(times: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut before = 0;
    for time in 0..times {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "killed::the_child", "--nocapture"])
            .env("DEADPEER_HISTORY", &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Spread over two seconds, so that every part of a batch is hit.
        let lives = Duration::from_millis(300 + (time * 7919) % 1900);
        let begun = Instant::now();
        let mut told: Vec<(Duration, u64)> = Vec::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            let line = line.unwrap();
            if let Some(count) = line.strip_prefix("recorded ") {
                told.push((begun.elapsed(), count.parse().unwrap()));
            }
            if begun.elapsed() >= lives {
                break;
            }
        }
        let killed_at = begun.elapsed();
        child.kill().unwrap();
        child.wait().unwrap();
        let (store, trouble) = Store::open(&file, Damaged::Refuse, SystemTime::now()).unwrap();
        assert_eq!(trouble, None);
        assert!(store.is_sound().unwrap(), "kill {time}");
        drop(store);
        let after = read(&file).len() as u64;
        let due = Duration::from_secs(1) + SLACK;
        let old_enough = told.iter().filter(|(at, _)| *at + due <= killed_at);
        let least = old_enough.map(|(_, count)| *count).max().unwrap_or(0);
        assert!(
            after >= before + least,
            "kill {time} after {killed_at:?}: {after} in the file, {before} before, {least} recorded in time"
        );
        before = after;
    }
    assert!(before > 0, "no child lived long enough to write");
}

#[test]
#[ignore = "the tests before start it and kill it"]
fn the_child() {
    let file = std::env::var_os("DEADPEER_HISTORY").unwrap();
    let recorder = Recorder::start(file.as_ref(), Damaged::Refuse, Bounds::default()).unwrap();
    let mut stdout = std::io::stdout().lock();
    for number in 1..=RATE * 60 {
        recorder.record(&death(number, SystemTime::now()));
        if number % 10 == 0 {
            writeln!(stdout, "recorded {number}").unwrap();
            stdout.flush().unwrap();
            std::thread::sleep(Duration::from_secs(1) * 10 / RATE as u32);
        }
    }
}
