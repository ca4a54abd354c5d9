//! Asking the scheduler to run the thread that carries packets as soon as it wakes up.
//!
//! On a busy machine a thread that wakes up may wait until the running one has used up its slice: 3
//! ms and more, up to the next tick. That would be the delay of every packet.

use crate::{Result, door};

/// The least that sched_setattr(2) takes for the slice of an ordinary thread
/// (kernel/sched/syscalls.c): 100 us.
const LEAST_SLICE_NS: u64 = 100_000;

/// How far a thread got before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It runs before every ordinary thread (`SCHED_RR`, lowest priority). Needs `CAP_SYS_NICE` in
    /// the first user namespace or `RLIMIT_RTPRIO`.
    RealTime,
    /// It asks for a short slice, and so for an early turn; needs no privilege. Linux 6.12; older
    /// kernels ignore the wish.
    ShortSlice,
}

/// Makes the calling thread as urgent as it may be. Threads and programs that it starts are
/// ordinary ones.
///
/// # Errors
/// Neither was allowed: a seccomp filter forbids sched_setattr(2).
pub fn be_urgent() -> Result<Urgency> {
    let mut real_time = attributes();
    real_time.sched_policy = libc::SCHED_RR as u32;
    real_time.sched_priority = 1;
    if set(&real_time).is_ok() {
        return Ok(Urgency::RealTime);
    }
    let mut short = attributes();
    short.sched_policy = libc::SCHED_OTHER as u32;
    short.sched_runtime = LEAST_SLICE_NS;
    set(&short).map(|()| Urgency::ShortSlice)
}

fn attributes() -> libc::sched_attr {
    libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: libc::SCHED_FLAG_RESET_ON_FORK as u64,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    }
}

fn set(attributes: &libc::sched_attr) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as the struct says it has; 0 is the calling thread.
    let set = || unsafe { libc::syscall(libc::SYS_sched_setattr, 0, attributes, 0) };
    door::number("sched_setattr", set).map(drop)
}
