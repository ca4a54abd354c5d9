//! Undo files in a directory of the test's own.

use deadpeer_core::SocketOptions;

use super::super::Journal;
use super::*;

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("deadpeer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record() -> Record {
    Record::new("a boot".into(), 4_026_531_840, Some(30_000))
}

fn group(cookies: &[u64]) -> Group {
    let plain = SocketOptions::new().keepalive(false).user_timeout_ms(0);
    let protected = SocketOptions::new().keepalive(true).user_timeout_ms(20_000);
    Group {
        process: Some("redis-server".into()),
        ..Group::new(plain, protected, cookies.to_vec())
    }
}

#[test]
fn what_was_written_is_read_again() {
    let directory = Directory::new("undo-again");
    let mut file = UndoFile::in_directory(&directory.0, record()).unwrap();
    assert!(!file.path().exists(), "nothing to undo, no file");
    file.add(vec![group(&[7, 8])]).unwrap();
    file.add(vec![group(&[u64::MAX])]).unwrap();
    let [again] = &Journal::read(&directory.0).unwrap().files[..] else {
        panic!("one file");
    };
    assert_eq!(again.record(), file.record());
    assert_eq!(again.record().sockets(), 3);
    let left: Vec<_> = fs::read_dir(&directory.0).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing lies beside it: {left:?}");
}

#[test]
fn two_of_the_same_second_have_two_names() {
    let directory = Directory::new("undo-names");
    for cookie in 1..4 {
        let mut file = UndoFile::in_directory(&directory.0, record()).unwrap();
        file.add(vec![group(&[cookie])]).unwrap();
    }
    assert_eq!(Journal::read(&directory.0).unwrap().files.len(), 3);
}

#[test]
fn nothing_is_replaced() {
    let directory = Directory::new("undo-taken");
    fs::create_dir_all(&directory.0).unwrap();
    let path = directory.0.join("x");
    let mut first = UndoFile::at(path.clone(), record()).unwrap();
    // Two that look at the same time both see a free name.
    let mut second = UndoFile::at(path.clone(), record()).unwrap();
    first.add(vec![group(&[1])]).unwrap();
    assert!(matches!(
        second.add(vec![group(&[2])]),
        Err(WriteUndoError::Taken { .. })
    ));
    assert!(matches!(
        UndoFile::at(path.clone(), record()),
        Err(WriteUndoError::Taken { .. })
    ));
    assert_eq!(
        UndoFile::read(&path).unwrap().record().groups[0].cookies,
        [1]
    );
}

#[test]
fn what_is_no_undo_file_is_said_to_be_none() {
    let directory = Directory::new("undo-none");
    fs::create_dir_all(&directory.0).unwrap();
    let path = directory.0.join("broken.undo.json");
    let mut value = serde_json::to_value(record()).unwrap();
    value["groups"] = serde_json::to_value([group(&[1])]).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = value.clone();
        change(&mut changed);
        fs::write(&path, changed.to_string()).unwrap();
        UndoFile::read(&path)
    };
    assert!(with(&|_| {}).is_ok());
    assert!(matches!(
        with(&|value| value["format"] = 2.into()),
        Err(ReadUndoError::Unknown { .. })
    ));
    let broken: [&dyn Fn(&mut serde_json::Value); 3] = [
        &|value| value["surprise"] = 1.into(),
        // Out of the kernel's range.
        &|value| value["groups"][0]["before"]["tcp_keepcnt"] = 1000.into(),
        &|value| *value = "x".into(),
    ];
    for change in broken {
        assert!(matches!(with(change), Err(ReadUndoError::Malformed { .. })));
    }
}

#[test]
fn a_directory_that_is_not_there_has_no_files() {
    let directory = Directory::new("undo-nowhere");
    assert!(Journal::read(&directory.0).unwrap().files.is_empty());
}

#[test]
fn nothing_hostile_is_opened() {
    let directory = Directory::new("undo-hostile");
    fs::create_dir_all(&directory.0).unwrap();
    let whole = directory.0.join("whole");
    fs::write(&whole, serde_json::to_vec(&record()).unwrap()).unwrap();
    assert!(UndoFile::read(&whole).is_ok());
    let at = |name: &str| directory.0.join(format!("{name}{ENDING}"));
    std::os::unix::fs::symlink(&whole, at("link")).unwrap();
    // Opened for reading, it would wait for somebody who writes.
    let (cwd, mode) = (rustix::fs::CWD, rustix::fs::Mode::RUSR);
    rustix::fs::mkfifoat(cwd, at("fifo"), mode).unwrap();
    fs::create_dir(at("folder")).unwrap();
    File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::copy(&whole, at("open")).unwrap();
    let all: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(at("open"), all).unwrap();
    let mut wrong = vec![
        ("link", "links are not followed"),
        ("fifo", "not a regular file"),
        ("folder", "not a regular file"),
        ("huge", "too large"),
        ("socket", "not a regular file"),
        ("open", "everybody may write it"),
    ];
    if rustix::process::geteuid().is_root() {
        fs::copy(&whole, at("strangers")).unwrap();
        std::os::unix::fs::chown(at("strangers"), Some(65_534), None).unwrap();
        wrong.push(("strangers", "belongs to another user"));
    }
    let journal = Journal::read(&directory.0).unwrap();
    assert!(journal.files.is_empty());
    assert_eq!(journal.unreadable.len(), wrong.len());
    for (name, why) in wrong {
        let error = UndoFile::read(&at(name)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_file_elsewhere_is_found_by_its_note_until_it_is_gone() {
    let directory = Directory::new("undo-elsewhere");
    let elsewhere = Directory::new("undo-there");
    fs::create_dir_all(&elsewhere.0).unwrap();
    let path = elsewhere.0.join("mine");
    let file = || UndoFile::at(path.clone(), record()).unwrap();
    let mut first = file().noted_in(&directory.0);
    first.add(vec![group(&[1])]).unwrap();
    let known = || Journal::read(&directory.0).unwrap().files;
    let [found] = &known()[..] else {
        panic!("one file");
    };
    assert_eq!(found.path(), path);
    // Undone by whoever found it, it takes its note along.
    known().remove(0).remove().unwrap();
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
    // Taken away by somebody else, it is forgotten.
    let mut second = file().noted_in(&directory.0);
    second.add(vec![group(&[1])]).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(known().is_empty());
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
}
