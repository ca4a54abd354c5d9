//! Killed in the middle: connections work on, and the undo file knows all that was changed.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer_sys::testing::in_private_netns;

use crate::common::run;
use crate::sockets::{Undo, options, ways};

const PAIRS: usize = 150;

/// Kills a run as soon as `is_time` says so. Returns whether it was killed before its end.
fn kill_when(undo: &Undo, args: &[&str], is_time: impl Fn() -> bool) -> bool {
    let mut child = undo
        .command(args)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let bound = Instant::now() + Duration::from_secs(300);
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if is_time() {
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        assert!(Instant::now() < bound, "it neither ended nor began");
        std::hint::spin_loop();
    }
}

#[test]
fn at_any_moment() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port().to_string();
        let mut pairs: Vec<(TcpStream, TcpStream)> = (0..PAIRS)
            .map(|_| {
                let client = TcpStream::connect(address).unwrap();
                (client, listener.accept().unwrap().0)
            })
            .collect();
        let before = options(&pairs[0].0);
        for way in ways() {
            let args = [&["--within", "30s", "--yes", "--port", &port], way].concat();
            // Before the first change, between two, and late.
            for moment in [0, 1, PAIRS / 2, PAIRS] {
                let undo = Undo::new();
                let changed = || {
                    let ends = pairs.iter().map(|(end, _)| end);
                    ends.filter(|end| options(end).keepalive).count()
                };
                let killed = kill_when(&undo, &args, || match moment {
                    0 => !undo.files().is_empty(),
                    n => changed() >= n,
                });
                for (here, there) in &mut pairs {
                    here.write_all(b"x").unwrap();
                    there.read_exact(&mut [0]).unwrap();
                }
                undo.undo_all(way);
                for (here, there) in &pairs {
                    assert_eq!(options(here), before, "{moment} {way:?} {killed}");
                    assert_eq!(options(there), before);
                }
                assert_eq!(options(&listener), before);
            }
        }
        // The connections have been used all the while, and are untouched.
        let audit = run(&["audit", "--within", "30s", "--port", &port]);
        assert_eq!(audit.code, 1, "{}", audit.stdout);
    });
}

/// How often, where `LONG_KILLS` doesn't say it: `.ci/long` sets that.
pub(crate) fn kills(usually: u32) -> u32 {
    let said = std::env::var("LONG_KILLS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(usually)
}

#[test]
#[ignore = "takes an hour: .ci/long"]
fn at_random() {
    in_private_netns(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port().to_string();
        let pairs: Vec<(TcpStream, TcpStream)> = (0..40)
            .map(|_| {
                let client = TcpStream::connect(address).unwrap();
                (client, listener.accept().unwrap().0)
            })
            .collect();
        let before = options(&listener);
        let ways = ways();
        let mut killed = 0;
        for round in 0..kills(1000) {
            let undo = Undo::new();
            // Another moment each time, over the time that a run takes.
            let after = Duration::from_micros(u64::from(round * 7919 % 1000) * 150);
            for verb in ["protect", "ping"] {
                let way = ways[usize::try_from(round).unwrap() % ways.len()];
                let args: &[&str] = match verb {
                    "protect" => &["--within", "30s", "--yes", "--port", &port],
                    _ => &["-c", "1", "--port", &port],
                };
                let way = if verb == "protect" { way } else { &[] };
                let mut command = crate::common::deadpeer(&[&[verb], args, way].concat());
                command.env("XDG_STATE_HOME", undo.folder().parent().unwrap());
                command.stdout(std::process::Stdio::null());
                let mut child = command.spawn().unwrap();
                std::thread::sleep(after);
                child.kill().unwrap();
                killed += u32::from(!child.wait().unwrap().success());
            }
            undo.undo_all(&[]);
            for (here, there) in &pairs {
                assert_eq!(options(here), before, "round {round}, after {after:?}");
                assert_eq!(options(there), before);
            }
            assert_eq!(options(&listener), before);
        }
        assert!(killed > 0, "all ended before they were killed");
    });
}
