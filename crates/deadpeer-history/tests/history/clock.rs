//! The clock is set, or the machine slept: nobody watched meanwhile, and nothing is forgotten for
//! a mistake.

use std::path::Path;
use std::time::{Duration, SystemTime};

use deadpeer_history::{Bounds, Damaged, Reader, Store};

use super::roundtrip::{batch, read};
use super::sample::{death, noon};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

#[test]
fn what_a_clock_set_by_mistake_makes_old_is_kept_for_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut store = open(&file, noon());
    let at = |store: &mut Store, number: u64, now: SystemTime| {
        store.write(&batch(&[death(number, now)]), now).unwrap();
        store.trim(Bounds::default(), now).unwrap();
        read(&file).len()
    };
    assert_eq!(at(&mut store, 0, noon()), 1);
    // Far ahead, and put right.
    assert_eq!(at(&mut store, 1, noon() + YEAR), 2);
    assert_eq!(at(&mut store, 2, noon() + YEAR + HOUR / 2), 3);
    assert_eq!(at(&mut store, 3, noon() + HOUR / 2), 4);
    // Far behind, and put right.
    assert_eq!(at(&mut store, 4, noon() - YEAR), 5);
    assert_eq!(at(&mut store, 5, noon() + HOUR), 6);
    // Another process begins with the clock far ahead, and it stays there.
    drop(store);
    let mut store = open(&file, noon() + 2 * YEAR);
    assert_eq!(at(&mut store, 6, noon() + 2 * YEAR + SECOND), 7);
    let later = noon() + 2 * YEAR + 2 * HOUR;
    assert_eq!(at(&mut store, 7, later), 2, "those of the new time");
}

#[test]
fn nobody_watched_while_the_clock_leapt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut store = open(&file, noon());
    for now in [
        noon() + SECOND,
        noon() + 2 * SECOND,
        noon() + YEAR,
        noon() + YEAR + SECOND,
        noon() - HOUR,
        noon() - HOUR + SECOND,
    ] {
        store.write(&batch(&[]), now).unwrap();
    }
    let reader = Reader::open(&file).unwrap();
    let known = reader.since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(
        known.watched,
        [
            (noon() - HOUR, noon() - HOUR + SECOND),
            (noon(), noon() + 2 * SECOND),
            (noon() + YEAR, noon() + YEAR + SECOND),
        ]
    );
    assert_eq!(known.watched_for(), 4 * SECOND);
}

fn open(file: &Path, now: SystemTime) -> Store {
    Store::open(file, Damaged::Refuse, now).unwrap().0
}
