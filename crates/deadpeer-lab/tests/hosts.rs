//! Hosts reach each other, for root and for anybody.

mod common;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use deadpeer_lab::Lab;
use deadpeer_lab::enclosure;

use common::{addresses, connected, eventually, inside, inside_as_anybody};

#[test]
fn two_hosts_talk_over_tcp() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["left", "right"]).start().unwrap();
        let [left, right] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        for address in addresses(right) {
            let (mut here, mut there) = connected(left, right, address);
            assert!(addresses(left).contains(&there.peer_addr().unwrap().ip()));
            here.write_all(b"ping").unwrap();
            let mut heard = [0; 4];
            there.read_exact(&mut heard).unwrap();
            there.write_all(b"pong").unwrap();
            here.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"pong");
        }
        let traffic = lab.wire().traffic().unwrap();
        assert!(traffic.routed >= 14, "{traffic:?}");
        // Each host asks for its router over both families.
        assert!(traffic.neighbour >= 4, "{traffic:?}");
        assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
    });
}

#[test]
fn programs_run_as_the_caller_and_see_their_host() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["host"]).start().unwrap();
        let host = lab.host("host").unwrap();
        let mut command = Command::new("cat");
        command
            .args(["/proc/self/status", "/proc/net/dev"])
            .stdout(Stdio::piped());
        let mut process = host.spawn(&mut command).unwrap();
        let mut seen = String::new();
        let output = process.child().stdout.as_mut().unwrap();
        output.read_to_string(&mut seen).unwrap();
        assert!(process.wait().unwrap().success());

        let uid = rustix::process::geteuid().as_raw();
        assert!(
            seen.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}")),
            "{seen}"
        );
        if uid != 0 {
            assert!(seen.contains("CapEff:\t0000000000000000"), "{seen}");
        }
        assert!(seen.contains("eth0:"), "{seen}");
        assert!(!seen.contains("end0:"), "{seen}");
    });
}

#[test]
fn sysctls_belong_to_one_host() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["set", "unset"]).start().unwrap();
        let [set, unset] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        set.sysctl("net.ipv4.tcp_retries2", 4).unwrap();
        let read = || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_retries2").unwrap();
        assert_eq!(set.enter(read).unwrap(), "4\n");
        assert_ne!(unset.enter(read).unwrap(), "4\n");
        let error = set.sysctl("net.ipv4.no_such_thing", 1).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("sysctl net.ipv4.no_such_thing = 1")
        );
    });
}

#[test]
fn the_enclosure_is_a_world_of_its_own() {
    inside_as_anybody(|| {
        let enclosure = enclosure::current().unwrap();
        if enclosure.own_proc {
            let pids = std::fs::read_dir("/proc").unwrap();
            let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
            assert_eq!(pids.collect::<Vec<u32>>(), [1, std::process::id()]);
        }
        // No interface but its own loopback, which is down.
        let interfaces = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        assert_eq!(interfaces.lines().skip(2).count(), 1, "{interfaces}");
    });
}

#[test]
fn orphans_are_buried_and_programs_end_with_their_host_process() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["host"]).start().unwrap();
        let mut script = Command::new("sh");
        script.args([
            "-c",
            "(sleep 0 & echo $!) ; test -z \"$DEADPEER_LAB_ENCLOSURE\"",
        ]);
        script.stdout(Stdio::piped());
        let mut process = lab.hosts()[0].spawn(&mut script).unwrap();
        let mut orphan = String::new();
        let output = process.child().stdout.as_mut().unwrap();
        output.read_to_string(&mut orphan).unwrap();
        assert!(process.wait().unwrap().success());
        if enclosure::current().unwrap().own_proc {
            let orphan = format!("/proc/{}", orphan.trim());
            eventually("the orphan is buried", || {
                !std::path::Path::new(&orphan).exists()
            });
        }
    });
}

#[test]
fn impossible_plans_are_refused() {
    inside(|| {
        let mtu = Lab::with_hosts(["a"]).mtu(1279).start().unwrap_err();
        assert!(mtu.to_string().contains("1280"), "{mtu}");
        let hosts = (0..300).map(|n| n.to_string());
        let many = Lab::with_hosts(hosts).start().unwrap_err();
        assert!(many.to_string().contains("300 hosts"), "{many}");
    });
}
