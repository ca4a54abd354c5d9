//! Programs that agree, refuse, hang, fork, and can't be executed.

use std::fs;
use std::path::Path;

use deadpeer_host::Role;
use deadpeer_host::deaths::ServiceName;

use super::*;

fn subject() -> Subject {
    Subject {
        cookie: 7,
        local: "192.0.2.1:80".parse().unwrap(),
        peer: "192.0.2.2:4000".parse().unwrap(),
        service: ServiceName::new(None, Role::Accepted(80)),
        pid: None,
        namespace: 1,
        workload: None,
        policy: "web".into(),
    }
}

const EVIDENCE: Evidence = Evidence {
    silence: Duration::from_millis(12_345),
    unanswered: 9,
    needed: 4,
    failing: 0.1,
};

fn ask(words: &[&str], patience: Duration) -> io::Result<bool> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Asked::begin(&words, &subject(), &EVIDENCE)?.agrees(Instant::now() + patience, || {})
}

#[test]
fn it_agrees_by_its_exit_code() {
    for (script, agrees) in [
        ("exit 0", true),
        ("exit 1", false),
        ("kill -9 $$", false),
        // What it leaves behind is nobody's answer.
        ("sleep 60 >/dev/null 2>&1 & kill $!; exit 0", true),
    ] {
        let answer = ask(&["/bin/sh", "-c", script], Duration::from_secs(60));
        assert_eq!(answer.unwrap(), agrees, "{script}");
    }
}

#[test]
fn what_cannot_be_executed_does_not_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no program");
    fs::write(&file, "exit 0\n").unwrap();
    for program in [file.to_str().unwrap(), "/no/such/file", "/etc"] {
        let error = ask(&[program], PATIENCE).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{program}: ")), "{error}");
    }
}

/// One that hangs is ended with what it has started.
#[test]
fn one_that_hangs_does_not_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let path = file.display();
    let script = format!("sleep 1000 & echo $! >{path}.part; mv {path}.part {path}; wait");
    let words = ["/bin/sh".to_owned(), "-c".to_owned(), script];
    let asked = Asked::begin(&words, &subject(), &EVIDENCE).unwrap();
    let pid = pid_in(&file);
    let error = asked.agrees(Instant::now(), || {}).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    has_ended(pid);
}

fn pid_in(file: &Path) -> Pid {
    let bound = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(pid) = fs::read_to_string(file) {
            return Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        }
        assert!(Instant::now() < bound, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Somebody else buries it: until then it is a zombie.
fn has_ended(pid: Pid) {
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let bound = Instant::now() + Duration::from_secs(60);
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < bound, "it runs on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// After a kill too, though nobody waits for it.
#[test]
fn one_that_hangs_afterwards_is_ended() {
    let mut hooks = Hooks::default();
    let words = ["/bin/sleep".to_owned(), "1000".to_owned()];
    hooks
        .after(&words, &subject(), &EVIDENCE, "destroyed")
        .unwrap();
    hooks.reap();
    let [(child, until)] = &mut hooks.0[..] else {
        panic!("it does not run");
    };
    let pid = Pid::from_child(child);
    *until = Instant::now();
    hooks.reap();
    assert!(hooks.0.is_empty());
    has_ended(pid);
}

/// A process may call itself anything, and a fact is a line of the environment.
#[test]
fn a_name_is_no_more_than_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said");
    let mut subject = subject();
    subject.service.process = Some(b"x\nDEADPEER_RESULT=destroyed\x1b[31m\xff\0y"[..].into());
    let script = format!("env >{}", file.display());
    let words = ["/bin/sh".to_owned(), "-c".to_owned(), script];
    let asked = Asked::begin(&words, &subject, &EVIDENCE).unwrap();
    assert!(
        asked
            .agrees(Instant::now() + Duration::from_secs(60), || {})
            .unwrap()
    );
    let said = fs::read_to_string(&file).unwrap();
    let facts: Vec<&str> = (said.lines())
        .filter(|line| line.starts_with("DEADPEER_RESULT") || line.starts_with("DEADPEER_PROCESS"))
        .collect();
    let process = r"DEADPEER_PROCESS=x\nDEADPEER_RESULT=destroyed\x1b[31m\xff\x00y";
    assert!(facts.contains(&process), "{facts:?}");
    assert!(facts.contains(&"DEADPEER_RESULT="), "{facts:?}");
    assert_eq!(facts.len(), 2, "{said}");
}
