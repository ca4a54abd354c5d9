//! How late the kernel's timers may be.

use std::time::Duration;

use crate::kernel::Kernel;
use crate::wheel::{Wheel, granularity};

/// How long a wait of so many seconds lasts at most, at any clock rate that the kernel may have.
pub(super) fn fires_within(wait_s: u32, kernel: &Kernel) -> Duration {
    let (hz, others) = kernel.clock_rates();
    let lasts = |hz: u32| {
        let wheel = Wheel::new(hz, None);
        let wait = wheel.seconds(wait_s);
        wheel.time(wait + granularity(wait))
    };
    let others = others.iter().map(|hz| lasts(*hz));
    others.fold(lasts(hz), Duration::max)
}
