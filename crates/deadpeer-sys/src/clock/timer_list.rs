//! `/proc/timer_list` (kernel/time/timer_list.c): where the kernel shows its ticks and its jiffies.

use std::fs::File;
use std::io::{self, Read};

/// What one reading of the file says about the tick. All times are nanoseconds of
/// `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimerList {
    /// When the kernel began to print.
    pub(super) now_ns: u64,
    /// A point of the grid that the first CPU's ticks stand on.
    pub(super) tick_ns: u64,
    /// The kernel's counter, read after `now_ns`.
    pub(super) jiffies: u64,
}

impl TimerList {
    /// Reads the file as far as the first CPU's counter. Root only.
    pub(super) fn read() -> io::Result<Option<Self>> {
        let mut file = File::open("/proc/timer_list")?;
        let mut text = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let len = file.read(&mut chunk)?;
            text.extend_from_slice(&chunk[..len]);
            let found = Self::parse(&String::from_utf8_lossy(&text));
            if found.is_some() || len == 0 {
                return Ok(found);
            }
        }
    }

    /// Takes the header's time, the first CPU's tick and its counter, all of which must be there.
    fn parse(text: &str) -> Option<Self> {
        let mut now_ns = None;
        let mut tick_ns = None;
        let mut tick_is_next = false;
        // The text may break off within its last line, which then has no end.
        for line in text.split_inclusive('\n') {
            let line = line.strip_suffix('\n')?.trim();
            if let Some(rest) = line.strip_prefix("now at ") {
                now_ns = leading_number(rest);
            } else if let Some(rest) = line.strip_prefix("jiffies: ") {
                return Some(Self {
                    now_ns: now_ns?,
                    tick_ns: tick_ns?,
                    jiffies: leading_number(rest)?,
                });
            } else if let Some(rest) = line.strip_prefix("# expires at ").filter(|_| tick_is_next) {
                tick_ns = tick_ns.or_else(|| leading_number(rest));
                tick_is_next = false;
            } else if line.starts_with('#') {
                // `tick_sched_timer` before Linux 6.9.
                tick_is_next =
                    line.contains(", tick_nohz_handler,") || line.contains(", tick_sched_timer,");
            } else if let Some((".last_tick", value)) = line.split_once(':').map(trimmed) {
                // Without high resolution timers the tick is no entry of the list.
                tick_ns = tick_ns.or_else(|| leading_number(value).filter(|ns| *ns > 0));
            }
        }
        None
    }
}

fn trimmed<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name.trim(), value.trim())
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relevant lines of a Linux 6.18 with HZ=250.
    const LINUX_6_18: &str = "\
Timer List Version: v0.10
HRTIMER_MAX_CLOCK_BASES: 8
now at 1201222770648 nsecs

cpu: 0
 clock 0:
  .base:       00000000ecb4037c
active timers:
 #0: <000000001b170236>, timerfd_tmrproc, S:01
 # expires at 1201807678060-1201807678060 nsecs [in 502542646 to 502542646 nsecs]
 #1: <000000001b014071>, tick_nohz_handler, S:01
 # expires at 1201224000000-1201224000000 nsecs [in 1229352 to 1229352 nsecs]
 #2: <00000000f3e26e06>, hrtimer_wakeup, S:01
 # expires at 1201377375380-1201377543379 nsecs [in 154604732 to 154772731 nsecs]
  .last_tick      : 1200960000000 nsecs
  .tick_stopped   : 0
  .last_jiffies   : 4295192538
jiffies: 4295192538

cpu: 1
 #0: <00000000eec71af9>, tick_nohz_handler, S:01
 # expires at 1201226000000-1201226000000 nsecs [in 3229352 to 3229352 nsecs]
jiffies: 4295192539
";

    #[test]
    fn the_first_cpu_counts() {
        assert_eq!(
            TimerList::parse(LINUX_6_18),
            Some(TimerList {
                now_ns: 1_201_222_770_648,
                tick_ns: 1_201_224_000_000,
                jiffies: 4_295_192_538,
            })
        );
    }

    #[test]
    fn without_a_tick_in_the_list_the_last_one_counts() {
        let text = LINUX_6_18.replace("tick_nohz_handler", "something_else");
        let list = TimerList::parse(&text).unwrap();
        assert_eq!(list.tick_ns, 1_200_960_000_000);
    }

    #[test]
    fn a_text_that_breaks_off_is_no_reading() {
        let end = LINUX_6_18.find("jiffies: 4295192538\n").unwrap() + "jiffies: 4295192538\n".len();
        for len in 0..end {
            assert_eq!(TimerList::parse(&LINUX_6_18[..len]), None, "{len} bytes");
        }
        assert!(TimerList::parse(&LINUX_6_18[..end]).is_some());
    }
}
