//! The clocks against the kernel's own word.

use std::process::Command;
use std::time::{Duration, Instant};

use deadpeer_sys::clock::{self, JiffiesClock, JiffiesError};
use deadpeer_sys::testing::skip;
use rustix::io::Errno;

#[test]
fn the_rate_is_the_configurations() {
    let config = Command::new("sh")
        .args(["-c", "zcat /proc/config.gz || cat /boot/config-$(uname -r)"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&config.stdout);
    let Some(hz) = text
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_HZ="))
    else {
        return skip("the kernel's configuration is not here");
    };
    assert_eq!(clock::hz(), hz.parse().ok());
}

/// Reads the counter of `/proc/timer_list` for two seconds and compares each with the prediction.
#[test]
fn jiffies_are_predicted() {
    let jiffies = match JiffiesClock::calibrate() {
        Ok(clock) => clock,
        Err(JiffiesError::File(Errno::ACCESS)) => {
            return skip("/proc/timer_list is for root alone");
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(
        JiffiesClock::calibrate(),
        Ok(jiffies),
        "calibrating again gives the same"
    );

    let start = Instant::now();
    let (mut clear, mut right) = (0, 0);
    while start.elapsed() < Duration::from_secs(2) {
        let before = jiffies.at(clock::monotonic());
        let shown = counter();
        let after = jiffies.at(clock::monotonic());
        // The counter may lag while a tick is served late, and never leads.
        assert!(shown <= after.jiffy, "{shown} is ahead of {after:?}");
        if before.jiffy == after.jiffy {
            clear += 1;
            right += u32::from(shown == before.jiffy);
        }
        std::thread::sleep(Duration::from_micros(700));
    }
    assert!(clear > 100, "{clear} clear readings");
    assert!(right * 100 >= clear * 95, "{right} of {clear}");
}

/// The first CPU's `jiffies:` line.
fn counter() -> u64 {
    let text = std::fs::read_to_string("/proc/timer_list").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("jiffies: "));
    line.unwrap().parse().unwrap()
}
