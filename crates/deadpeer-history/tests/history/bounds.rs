//! It neither grows without end nor goes back without end.

use std::fs;
use std::time::Duration;

use deadpeer_history::{Bounds, Damaged, Store};
use deadpeer_host::deaths::Death;

use super::roundtrip::{batch, read};
use super::sample::{death, noon};

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
