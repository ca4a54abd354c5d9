//! A hundred thousand deaths at once.

use std::fs;
use std::time::{Duration, SystemTime};

use deadpeer_history::{Bounds, Damaged, Recorder};

use super::roundtrip::read;
use super::sample::death;

const DEATHS: u64 = 100_000;

#[test]
fn a_storm_is_stored_or_counted_and_small_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let recorder = Recorder::start(&file, Damaged::Refuse, Bounds::default()).unwrap();
    // 10 microseconds apart.
    let now = SystemTime::now();
    for number in 0..DEATHS {
        recorder.record(&death(number, now + Duration::from_micros(10 * number)));
    }
    let (status, troubles) = recorder.finish();
    assert_eq!((status.records + status.lost, troubles), (DEATHS, vec![]));
    assert_eq!(status.lost, 0);
    let bytes = fs::metadata(&file).unwrap().len();
    assert!(
        bytes <= 100 * DEATHS,
        "{} B a death",
        bytes as f64 / DEATHS as f64
    );
    assert_eq!(read(&file).len() as u64, DEATHS);
}

/// More than can wait: each is in the file or in the count.
#[test]
fn what_is_too_much_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let recorder = Recorder::start(&file, Damaged::Refuse, Bounds::default()).unwrap();
    // While the file is locked nothing can be written.
    let lock = rusqlite::Connection::open(&file).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let one = death(1, SystemTime::now());
    let all = 350_000;
    for _ in 0..all {
        recorder.record(&one);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    let (status, _) = recorder.finish();
    assert!(status.lost > 0, "{status:?}");
    assert_eq!(status.records + status.lost, all, "{status:?}");
    let reader = deadpeer_history::Reader::open(&file).unwrap();
    let since = reader.since(SystemTime::UNIX_EPOCH).unwrap();
    let lost: u64 = since.lost.iter().map(|lost| lost.deaths).sum();
    assert_eq!(lost, status.lost);
}
