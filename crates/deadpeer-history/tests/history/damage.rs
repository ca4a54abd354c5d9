//! Files that are damaged, foreign, from the future, or gone; disks that are full.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_history::{Bounds, Damaged, OpenError, ReadError, Reader, Recorder, Store, Trouble};
use deadpeer_sys::testing::skip;

use super::roundtrip::{batch, read};
use super::sample::{death, noon};

#[test]
fn what_is_no_database_is_moved_aside_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let text = "Dear diary, this is no database.\n".repeat(100);
    fs::write(&file, &text).unwrap();
    let refused = Store::open(&file, Damaged::Refuse, noon());
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
    assert!(matches!(Reader::open(&file), Err(ReadError::NoHistory(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let (mut store, trouble) = Store::open(&file, Damaged::MoveAside, noon()).unwrap();
    let Some(Trouble::MovedAside(aside)) = trouble else {
        panic!("{trouble:?}");
    };
    assert_eq!(fs::read_to_string(aside).unwrap(), text);
    store
        .write(&batch(&[death(0, SystemTime::now())]), noon())
        .unwrap();
    assert_eq!(read(&file).len(), 1);
}

#[test]
fn another_programs_database_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cookies.sqlite");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE jar (cookie)").unwrap();
    drop(other);
    let before = fs::read(&file).unwrap();
    let refused = Store::open(&file, Damaged::MoveAside, noon());
    assert!(matches!(refused, Err(OpenError::Foreign(_))), "{refused:?}");
    assert!(matches!(Reader::open(&file), Err(ReadError::NoHistory(_))));
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// SQLite would write over it, and nobody would know that it was there.
#[test]
fn what_is_left_of_a_file_that_was_cut_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    drop(Store::open(&file, Damaged::Refuse, noon()).unwrap());
    let cut = fs::OpenOptions::new().write(true).open(&file).unwrap();
    cut.set_len(100).unwrap();
    let (_, trouble) = Store::open(&file, Damaged::MoveAside, noon()).unwrap();
    assert!(
        matches!(trouble, Some(Trouble::MovedAside(_))),
        "{trouble:?}"
    );
}

/// It would be waited for.
#[test]
fn a_fifo_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let made = Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    let said = "it is not a regular file";
    let refused = Store::open(&file, Damaged::MoveAside, noon()).unwrap_err();
    assert!(refused.to_string().contains(said), "{refused}");
    let refused = Reader::open(&file).unwrap_err();
    assert!(refused.to_string().contains(said), "{refused}");
}

#[test]
fn what_a_newer_deadpeer_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    drop(Store::open(&file, Damaged::Refuse, noon()).unwrap());
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let refused = Store::open(&file, Damaged::MoveAside, noon()).unwrap_err();
    assert!(refused.to_string().contains("newer deadpeer"), "{refused}");
}

#[test]
fn damage_within_is_found_when_the_recorder_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut store, _) = Store::open(&file, Damaged::Refuse, noon()).unwrap();
    let all: Vec<_> = (0..1000).map(|n| death(n, SystemTime::now())).collect();
    store.write(&batch(&all), noon()).unwrap();
    drop(store);
    let pages = fs::metadata(&file).unwrap().len() / 4096;
    assert!(pages > 15, "{pages}");
    let open = fs::OpenOptions::new().write(true).open(&file).unwrap();
    for page in pages / 2..pages / 2 + 3 {
        open.write_all_at(&[0xa5; 4096], page * 4096).unwrap();
    }
    let recorder = Recorder::start(&file, Damaged::MoveAside, Bounds::default()).unwrap();
    recorder.record(&death(5000, SystemTime::now()));
    let (status, troubles) = recorder.finish();
    assert!(
        matches!(&troubles[..], [Trouble::MovedAside(_)]),
        "{troubles:?}"
    );
    assert_eq!((status.records, status.lost), (1, 0), "{status:?}");
    assert_eq!(read(&file)[0].cookie, 7_005_000);
}

#[test]
fn a_file_that_is_taken_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let recorder = with_one_death(&file);
    for entry in fs::read_dir(folder.path()).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
    recorder.record(&death(1, SystemTime::now()));
    let (status, troubles) = recorder.finish();
    assert_eq!((status.records, troubles), (1, vec![Trouble::Gone]));
    assert_eq!(read(&file)[0].cookie, 7_000_001);
}

#[test]
fn a_folder_that_is_taken_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let file = folder.join("history.db");
    let recorder = with_one_death(&file);
    fs::remove_dir_all(&folder).unwrap();
    recorder.record(&death(1, SystemTime::now()));
    let (status, troubles) = recorder.finish();
    assert_eq!((status.records, troubles), (1, vec![Trouble::Gone]));
    assert_eq!(read(&file)[0].cookie, 7_000_001);
}

/// What was written into a file that is gone would be neither in the history nor counted.
#[test]
fn what_dies_while_there_can_be_no_file_waits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let file = folder.join("history.db");
    let recorder = with_one_death(&file);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    recorder.record(&death(1, SystemTime::now()));
    until(|| recorder.status().unwritable.is_some());
    let status = recorder.status();
    assert_eq!((status.waiting, status.lost), (1, 0), "{status:?}");
    fs::remove_file(&folder).unwrap();
    until(|| recorder.status().unwritable.is_none());
    let (status, troubles) = recorder.finish();
    assert_eq!((status.records, status.lost), (1, 0), "{status:?}");
    let [Trouble::Unwritable(_), Trouble::Writable] = &troubles[..] else {
        panic!("{troubles:?}");
    };
    assert_eq!(read(&file)[0].cookie, 7_000_001);
}

#[test]
fn a_history_that_lacks_a_table_is_damaged() {
    for table in ["owner", "death", "lost", "survived", "watched"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.db");
        drop(Store::open(&file, Damaged::Refuse, noon()).unwrap());
        drop_table(&file, table);
        let refused = Store::open(&file, Damaged::Refuse, noon());
        assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
        let (_, trouble) = Store::open(&file, Damaged::MoveAside, noon()).unwrap();
        assert!(
            matches!(trouble, Some(Trouble::MovedAside(_))),
            "{trouble:?}"
        );
    }
}

#[test]
fn a_table_that_is_lost_while_it_is_written_is_said_and_no_death_is_lost_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let recorder = with_one_death(&file);
    let dropped = SystemTime::now();
    drop_table(&file, "death");
    recorder.record(&death(1, SystemTime::now()));
    let (status, troubles) = recorder.finish();
    assert!(
        matches!(&troubles[..], [Trouble::MovedAside(_)]),
        "{troubles:?}"
    );
    assert_eq!((status.records, status.lost), (1, 0), "{status:?}");
    assert_eq!(read(&file)[0].cookie, 7_000_001);
    // The deaths of before are in the other file.
    let known = Reader::open(&file).unwrap().since(SystemTime::UNIX_EPOCH);
    let watched = known.unwrap().watched;
    assert!(watched[0].0 >= dropped, "{watched:?} {dropped:?}");
}

fn drop_table(file: &Path, table: &str) {
    let other = rusqlite::Connection::open(file).unwrap();
    other.pragma_update(None, "foreign_keys", false).unwrap();
    other.execute_batch(&format!("DROP TABLE {table}")).unwrap();
}

#[test]
fn a_full_disk_is_said_and_what_waits_is_written_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    // A file system of its own, in a mount namespace of its own.
    let script = r#"mount -t tmpfs -o size=2m none "$DEADPEER_FULL_DISK" && exec "$0" "$@""#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "damage::on_a_full_disk",
            "--nocapture",
        ])
        .env("DEADPEER_FULL_DISK", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare failed") || said.contains("permission denied") {
        return skip(&said);
    }
    assert!(output.status.success(), "{said}");
}

#[test]
#[ignore = "the test before starts it where the disk is small"]
fn on_a_full_disk() {
    let folder = PathBuf::from(std::env::var_os("DEADPEER_FULL_DISK").unwrap());
    begun_on_a_full_disk(&folder);
    let file = folder.join("history.db");
    let recorder = with_one_death(&file);
    fill(&folder.join("filler"));
    for number in 1..=30_000 {
        recorder.record(&death(
            number,
            SystemTime::now() + Duration::from_millis(number),
        ));
    }
    until(|| recorder.status().unwritable.is_some());
    let status = recorder.status();
    assert_eq!(
        (status.records, status.waiting, status.lost),
        (1, 30_000, 0)
    );
    let troubles = recorder.troubles();
    assert!(
        matches!(&troubles[..], [Trouble::Unwritable(_)]),
        "{troubles:?}"
    );
    fs::remove_file(folder.join("filler")).unwrap();
    // 30,000 fit neither: what was written stays, and the rest is counted.
    let (status, _) = recorder.finish();
    assert_eq!(status.records + status.lost, 30_001, "{status:?}");
    assert_eq!(read(&file).len() as u64, status.records);
}

fn with_one_death(file: &Path) -> Recorder {
    let recorder = Recorder::start(file, Damaged::MoveAside, Bounds::default()).unwrap();
    recorder.record(&death(0, SystemTime::now()));
    until(|| recorder.status().records == 1);
    recorder
}

/// One that is begun without room is opened when there is some.
fn begun_on_a_full_disk(folder: &Path) {
    for (name, begun_before) in [("new/history.db", false), ("old.db", true)] {
        let file = folder.join(name);
        if begun_before {
            drop(Store::open(&file, Damaged::Refuse, SystemTime::now()).unwrap());
        }
        fill(&folder.join("filler"));
        let why = Recorder::start(&file, Damaged::MoveAside, Bounds::default()).unwrap_err();
        assert!(why.may_pass(), "{why}");
        let recorder = Recorder::start_without(&file, Bounds::default(), &why).unwrap();
        recorder.record(&death(1, SystemTime::now()));
        until(|| recorder.status().waiting == 1);
        assert!(recorder.status().unwritable.is_some());
        fs::remove_file(folder.join("filler")).unwrap();
        until(|| recorder.status().records == 1);
        let (status, troubles) = recorder.finish();
        assert_eq!((status.waiting, status.lost), (0, 0), "{status:?}");
        assert!(
            matches!(&troubles[..], [Trouble::Unwritable(_), Trouble::Writable]),
            "{troubles:?}"
        );
    }
}

/// Until there is no room for a byte.
fn fill(file: &Path) {
    let block = [0; 4096];
    let file = fs::File::create(file).unwrap();
    let mut at = 0;
    while file.write_all_at(&block, at).is_ok() {
        at += 4096;
    }
}

pub(crate) fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never was");
        std::thread::sleep(Duration::from_millis(10));
    }
}
