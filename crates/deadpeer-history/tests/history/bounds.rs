//! It neither grows without end nor goes back without end.

use std::fs;
use std::time::{Duration, SystemTime};

use deadpeer_history::{Bounds, Damaged, Recorder, Store};
use deadpeer_host::deaths::Death;

use super::damage::until;
use super::roundtrip::{batch, read};
use super::sample::{death, noon, owner};

#[test]
fn what_is_too_old_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    let day = Duration::from_secs(24 * 3600);
    for n in 0..40 {
        let now = noon() + day * n;
        store.write(&batch(&[death(n.into(), now)]), now).unwrap();
    }
    while store.trim(Bounds::default(), noon() + day * 40).unwrap() {}
    let left = read(&file);
    assert_eq!(left.len(), 30);
    assert_eq!(left[0].cookie, 7_000_010);
}

#[test]
fn what_is_too_much_goes_the_oldest_first_and_the_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    let all: Vec<Death> = (0..40_000)
        .map(|n| death(n, noon() + Duration::from_micros(n)))
        .collect();
    store.write(&batch(&all), noon()).unwrap();
    let bounds = Bounds {
        bytes: 1 << 20,
        ..Bounds::default()
    };
    while store.trim(bounds, noon()).unwrap() {}
    let left = read(&file);
    assert_eq!(left.last().unwrap().cookie, 7_039_999);
    assert_eq!(left.len() as u64, 7_040_000 - left[0].cookie, "no gap");
    drop(store);
    let bytes = fs::metadata(&file).unwrap().len();
    assert!(bytes <= bounds.bytes, "{bytes}");
    assert!(bytes >= bounds.bytes * 9 / 10, "{bytes}");
}

/// While deaths are recorded, beside the writing.
#[test]
fn names_that_no_death_has_go_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let then = SystemTime::now() - Duration::from_secs(3600);
    let (mut store, _) = Store::open(&file, Damaged::Refuse, then).unwrap();
    store.write(&batch(&[death(0, then)]), then).unwrap();
    let mut other = death(1, then);
    other.owner = Some(owner(7, "other"));
    store.write(&batch(&[other]), then).unwrap();
    drop(store);
    let sqlite = rusqlite::Connection::open(&file).unwrap();
    let gone = "DELETE FROM death WHERE cookie = 7000000";
    assert_eq!(sqlite.execute(gone, []).unwrap(), 1);
    let owners = || {
        let count = "SELECT count(*) FROM owner";
        sqlite
            .query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(owners(), 2);
    let recorder = Recorder::start(&file, Damaged::Refuse, Bounds::default()).unwrap();
    until(|| owners() == 1);
    let (status, troubles) = recorder.finish();
    assert_eq!((status.records, troubles), (1, Vec::new()));
}
