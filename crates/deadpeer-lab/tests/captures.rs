//! What the captures hold, and that others can read them.

mod common;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Packet, Rule};

use common::{connected, eventually, inside_as_anybody};

#[test]
fn each_host_has_its_side_and_drops_are_named() {
    inside_as_anybody(|| {
        let directory = Directory::new();
        let lab = Lab::with_hosts(["left", "right"])
            .captures(&directory.0)
            .start()
            .unwrap();
        let [left, right] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let (mut here, mut there) = connected(left, right, right.v6().into());
        here.write_all(b"seen by both").unwrap();
        there.read_exact(&mut [0; 12]).unwrap();
        // A late acknowledgement of the first bytes must not count.
        let cut = Rule::new("the cut", Condition::any().from(left.end()), Action::Drop);
        let cut = lab.wire().add(cut).unwrap();
        here.write_all(b"seen by one").unwrap();
        eventually("it is dropped", || {
            lab.wire().count(cut).unwrap().unwrap().ended > 0
        });
        assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
        lab.stop().unwrap();

        let left = sightings(&directory.0.join("left.pcapng"));
        let right = sightings(&directory.0.join("right.pcapng"));
        let carrying = |side: &[Sighting], text: &[u8]| {
            side.iter()
                .filter(|sighting| sighting.frame.windows(text.len()).any(|w| w == text))
                .cloned()
                .collect::<Vec<_>>()
        };
        let [sent] = &carrying(&left, b"seen by both")[..] else {
            panic!("sent once")
        };
        let [received] = &carrying(&right, b"seen by both")[..] else {
            panic!("received once")
        };
        assert_eq!((sent.outward, received.outward), (true, false));
        let hops = |sighting: &Sighting| Packet::read(&sighting.frame).unwrap().hops;
        assert_eq!(hops(sent), hops(received) + 1);
        assert!(sent.at <= received.at);
        assert!(received.at - sent.at < Duration::from_secs(10));
        // Nanoseconds: not all of them are rounded to microseconds.
        assert!(left.iter().any(|s| s.at.subsec_nanos() % 1000 != 0));

        let dropped = carrying(&left, b"seen by one");
        assert!(!dropped.is_empty());
        for sighting in dropped {
            assert_eq!(sighting.comment.as_deref(), Some("the cut"));
        }
        assert_eq!(carrying(&right, b"seen by one").len(), 0);
        for side in [&left, &right] {
            assert!(side.is_sorted_by_key(|s| s.at));
        }
        tcpdump_agrees(&directory.0.join("left.pcapng"), left.len());
    });
}

/// Reads the file with tcpdump, where there is one.
fn tcpdump_agrees(file: &Path, packets: usize) {
    let output = Command::new("tcpdump")
        .args(["-nn", "--nano", "-r"])
        .arg(file)
        .output();
    let Ok(output) = output else {
        return deadpeer_sys::testing::skip("no tcpdump to read the capture with");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = text.lines().filter(|line| line.contains(" IP")).count();
    let others = text.lines().filter(|line| line.contains(" ARP")).count();
    assert_eq!(lines + others, packets, "{text}");
    assert!(text.contains("Flags [S]"), "{text}");
    assert!(!text.contains("bad cksum"), "{text}");
}

#[derive(Debug, Clone)]
struct Sighting {
    at: Duration,
    outward: bool,
    frame: Vec<u8>,
    comment: Option<String>,
}

/// The enhanced packet blocks of a file.
fn sightings(file: &Path) -> Vec<Sighting> {
    let bytes = std::fs::read(file).unwrap();
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = word(at + 4) as usize;
        if word(at) == 6 {
            let nanoseconds = u64::from(word(at + 12)) << 32 | u64::from(word(at + 16));
            let captured = word(at + 20) as usize;
            let options = at + 28 + captured.next_multiple_of(4);
            let options = options_of(&bytes[options..at + length - 4]);
            let value = |code| options.iter().find(|(kind, _)| *kind == code);
            found.push(Sighting {
                at: Duration::from_nanos(nanoseconds),
                outward: value(2).unwrap().1[0] == 2,
                frame: bytes[at + 28..at + 28 + captured].to_vec(),
                comment: value(1).map(|(_, text)| String::from_utf8(text.clone()).unwrap()),
            });
        }
        at += length;
    }
    found
}

fn options_of(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    while let [a, b, c, d, rest @ ..] = bytes {
        let (code, length) = (u16::from_ne_bytes([*a, *b]), u16::from_ne_bytes([*c, *d]));
        if code == 0 {
            break;
        }
        options.push((code, rest[..length.into()].to_vec()));
        bytes = &rest[usize::from(length).next_multiple_of(4)..];
    }
    options
}

/// A directory of its own, removed when dropped.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let name = format!("deadpeer-captures-{uid}-{}", time.as_nanos());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
