//! What everybody may know of a process.

use std::fs;

/// What `/proc/PID/stat` says of a process (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStat {
    /// The letter of its state, `R`, `S` or `T` for instance.
    pub state: char,
    /// The PID of its parent.
    pub parent: u32,
    /// The `PF_*` of include/linux/sched.h.
    pub flags: u32,
    /// The processor time that it has used, user and system, in clock ticks.
    pub cpu_ticks: u64,
}

impl ProcessStat {
    /// Of the process with this PID; `None` if there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // The name in parentheses may contain anything, parentheses and spaces too.
        let behind_name = line.rsplit(|byte| *byte == b')').next()?;
        let mut words = std::str::from_utf8(behind_name).ok()?.split_whitespace();
        Some(Self {
            state: words.next()?.chars().next()?,
            parent: words.next()?.parse().ok()?,
            // Fields 9, 14 and 15; the parent was the fourth.
            flags: words.nth(4)?.parse().ok()?,
            cpu_ticks: words.nth(4)?.parse::<u64>().ok()? + words.next()?.parse::<u64>().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_anything() {
        let line = b"7 (a) R 9 b\xff) S 1 2 3 0 -1 4194560 12 0 5 0 30 4 0 0 20 0";
        let stat = ProcessStat {
            state: 'S',
            parent: 1,
            flags: 4_194_560,
            cpu_ticks: 34,
        };
        assert_eq!(ProcessStat::parse(line), Some(stat));
        assert_eq!(ProcessStat::parse(b""), None);
        assert_eq!(ProcessStat::parse(b"7 (a) S 1 2"), None);
    }

    #[test]
    fn of_this_process() {
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let stat = ProcessStat::of(std::process::id()).unwrap();
        assert_eq!(stat.parent, parent.unsigned_abs());
        assert_eq!(ProcessStat::of(u32::MAX), None);
    }
}
