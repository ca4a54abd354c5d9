//! Nothing gets lost on its own, and nothing is done without need.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use deadpeer_lab::Lab;
use rustix::time::{ClockId, clock_gettime};

use common::{addresses, connected, inside_as_anybody};

#[test]
fn a_flood_of_bytes_arrives_whole() {
    inside_as_anybody(|| {
        for mtu in [1280, 1500, 9000, 65_535] {
            let lab = Lab::with_hosts(["left", "right"]).mtu(mtu).start().unwrap();
            let [left, right] = lab.hosts() else {
                panic!("two hosts were planned")
            };
            for address in addresses(right) {
                let (mut here, mut there) = connected(left, right, address);
                let bytes: Vec<u8> = (0..8_000_000u32).map(|n| (n / 251) as u8).collect();
                let received = std::thread::scope(|scope| {
                    scope.spawn(|| {
                        here.write_all(&bytes).unwrap();
                        here.shutdown(std::net::Shutdown::Write).unwrap();
                    });
                    let mut received = Vec::new();
                    there.read_to_end(&mut received).unwrap();
                    received
                });
                assert!(received == bytes, "MTU {mtu}, {address}");
            }
            assert_eq!(lab.wire().mishaps().unwrap(), Default::default());
        }
    });
}

#[test]
fn an_idle_wire_sleeps() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["left", "right", "unplugged"])
            .start()
            .unwrap();
        lab.wire().unplug(lab.hosts()[2].end()).unwrap();
        let used = || {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
        };
        let before = used();
        std::thread::sleep(Duration::from_millis(500));
        let used = used() - before;
        assert!(used < Duration::from_millis(50), "{used:?} of 500 ms");
    });
}
