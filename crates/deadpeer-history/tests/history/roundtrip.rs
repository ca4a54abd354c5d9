//! What is written is read back as the record it would have been printed as.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::CloseReason;
use deadpeer_core::close_reason::LastState;
use deadpeer_history::{Batch, Damaged, Reader, Store};
use deadpeer_host::deaths::{Age, Death};
use deadpeer_host::filter::cgroup;
use deadpeer_report::record;
use proptest::prelude::*;

use super::sample::{death, noon, owner};

#[test]
fn a_death_is_read_back_as_its_record() {
    let mut all: Vec<Death> = (0..5)
        .map(|n| death(n, noon() + Duration::from_millis(n)))
        .collect();
    all[0].cgroup = None;
    all[1].owner = Some(owner(7, "caf\u{e9} \u{1b}[31m"));
    all[1].destroyer = Some(owner(8, "deadpeer"));
    all[1].age = Some(Age::AtLeast(Duration::from_secs(5)));
    let mut other = LastState::default();
    other.errno = Some(71);
    all[2].reason = CloseReason::of(&other);
    all[2].local = "[2001:db8::1]:443".parse().unwrap();
    all[2].peer = "[2001:db8::2]:50000".parse().unwrap();
    all[3].payload_acked = all[3].bytes_acked.map(|bytes| bytes - 1);
    all[3].payload_received = None;
    all[3].cookie = u64::MAX;
    let at = noon() + Duration::from_secs(1);
    let ends = (all[4].local, all[4].peer);
    all[4] = Death::new(at, 0, ends, CloseReason::of(&LastState::default()));
    assert_eq!(written_and_read(&all), records(&all));
}

#[test]
fn a_name_that_is_no_text_is_read_back() {
    let mut one = death(0, noon());
    let process = deadpeer_host::Process::named(9, b"\xff\xfe\\xff\n");
    one.owner = Some(deadpeer_host::deaths::LastOwner {
        process: process.into(),
        known_by: deadpeer_host::deaths::KnownBy::Closing,
    });
    let all = [one];
    assert_eq!(written_and_read(&all), records(&all));
}

#[test]
fn deaths_of_one_microsecond_are_told_apart() {
    let all: Vec<Death> = (0..100).map(|n| death(n, noon())).collect();
    let found = written_and_read(&all);
    let cookies: Vec<u64> = found.iter().map(|death| death.cookie).collect();
    assert_eq!(cookies, (7_000_000..7_000_100).collect::<Vec<_>>());
    assert_eq!(found[99].at, "2026-05-28T20:26:40.000099Z");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_numbers_are_read_back(
        at in 0..4_000_000_000_000_000_u64,
        numbers in any::<[Option<u32>; 6]>(),
        bytes in any::<[Option<u32>; 2]>(),
        flags in 0..3_u64,
        small in any::<[Option<u8>; 2]>(),
        cookie in any::<u64>(),
    ) {
        let mut one = death(1, SystemTime::UNIX_EPOCH + Duration::from_micros(at));
        let [age, silence, unread, unacked, uid, _] = numbers;
        one.cookie = cookie;
        one.age = age.map(|ms| Age::Exactly(Duration::from_millis(ms.into())));
        one.last.silence = silence.map(|ms| Duration::from_millis(ms.into()));
        (one.last.unread, one.unacked, one.uid) = (unread, unacked, uid);
        one.bytes_received = bytes[0].map(u64::from);
        one.payload_received = one.bytes_received.map(|all| all.saturating_sub(flags));
        one.bytes_acked = bytes[1].map(u64::from);
        one.payload_acked = None;
        [one.last.probes, one.last.retransmits] = small;
        let all = [one];
        prop_assert_eq!(written_and_read(&all), records(&all));
    }
}

#[test]
fn a_file_is_opened_again_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    for run in 0..3 {
        let (mut store, trouble) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
        assert_eq!(trouble, None);
        store.write(&batch(&[death(run, noon())]), noon()).unwrap();
    }
    assert_eq!(read(&file).len(), 3);
}

#[test]
fn closes_losses_and_silences_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    let later = noon() + Duration::from_secs(60);
    for silent_ms in [40_000, 30_000] {
        let mut batch = Batch {
            closes: 5,
            lost: vec![(7, "unseen")],
            ..Batch::default()
        };
        let network = "10.0.0.0/24".parse().unwrap();
        batch.survived.insert(network, silent_ms);
        store.write(&batch, later).unwrap();
    }
    let reader = Reader::open(&file).unwrap();
    let since = reader.since(noon()).unwrap();
    assert_eq!(since.closes, 10);
    assert_eq!((since.lost.len(), since.lost[0].deaths), (1, 14));
    assert_eq!(since.lost[0].why, "unseen");
    assert_eq!(since.watched_for(), Duration::from_secs(60));
    let survived = reader.survived(noon()).unwrap();
    let network = "10.0.0.0/24".parse().unwrap();
    assert_eq!(survived, [(network, Duration::from_secs(40))]);
    let after = reader.since(later + Duration::from_secs(1)).unwrap();
    assert!(after.lost.is_empty() && after.watched.is_empty());
}

/// What `sqlite3` shows to people.
#[test]
fn the_view_has_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    store.write(&batch(&[death(0, noon())]), noon()).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    let row: (String, String, String, i64, String) = connection
        .query_row(
            "SELECT time, cause, process, received_bytes, decided_by FROM deaths",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            },
        )
        .unwrap();
    assert_eq!(row.0, "2026-05-28T20:26:40.000Z");
    assert_eq!(row.1, "keepalive-unanswered");
    assert_eq!((row.2.as_str(), row.3), ("postgres", 10_000));
    assert_eq!(row.4, "keepalive 20 s + 5 x 2 s");
}

pub(crate) fn batch(deaths: &[Death]) -> Batch {
    Batch {
        deaths: deaths.to_vec(),
        ..Batch::default()
    }
}

pub(crate) fn read(file: &Path) -> Vec<record::Death> {
    let mut found = Vec::new();
    let reader = Reader::open(file).unwrap();
    reader
        .deaths(SystemTime::UNIX_EPOCH, |death| {
            found.push(death);
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn written_and_read(deaths: &[Death]) -> Vec<record::Death> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    store.write(&batch(deaths), noon()).unwrap();
    read(&file)
}

fn records(deaths: &[Death]) -> Vec<record::Death> {
    let mut paths = cgroup::Paths::default();
    deaths
        .iter()
        .map(|death| {
            let path = death.cgroup.and_then(|id| paths.of(id, Instant::now()));
            death.to_record_at(path.as_deref())
        })
        .collect()
}
