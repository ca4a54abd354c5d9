//! How long a silence must be: failure detectors for a stream of regular, numbered heartbeats.
//!
//! A detector is told when heartbeats arrive and answers how much it suspects the sender, and at which moment it would convict
//! it if nothing more came. [`Fixed`] waits for a set time, [`PhiAccrual`] learns how arrivals scatter,
//! [`Chen`] learns when the next one is due. What a detector is worth shows in its [`Quality`], as the literature
//! defines it (Chen, Toueg, Aguilera: On the Quality of Service of Failure Detectors, IEEE Transactions on Computers 51(5),
//! 2002), and only beside a fixed timeout that takes as long to notice.
//!
//! ```
//! use std::time::Duration;
//! use deadpeer_core::detector::{Detector, PhiAccrual};
//!
//! let ms = Duration::from_millis;
//! let mut detector = PhiAccrual::new(8.0).least_deviation(ms(50));
//! for beat in 1..=100 {
//!     detector.heard(beat, ms(beat * 1_000 + beat % 7 * 10));
//! }
//! let convicts = detector.convicts_at().expect("two beats were heard");
//! assert!(detector.suspicion(convicts - ms(100)) < 8.0);
//! assert!(detector.suspicion(convicts + ms(1)) >= 8.0);
//! ```

mod chen;
mod distribution;
mod fixed;
mod phi;
mod quality;
mod window;

pub use chen::Chen;
pub use distribution::Distribution;
pub use fixed::Fixed;
pub use phi::PhiAccrual;
pub use quality::{Measured, Quality};

use std::time::Duration;

/// A failure detector of one sender.
///
/// Times are readings of one clock of the receiver, since any start.
pub trait Detector {
    /// Heartbeat number `beat` arrived. Numbers grow; one that is not above all before is old and proves no new life.
    fn heard(&mut self, beat: u64, now: Duration);

    /// This end did not run, or the connection was interrupted on purpose: time begins anew at `now`, with what was learned.
    fn resume(&mut self, now: Duration);

    /// How much the sender is suspected at `now`, from 0 up. The unit is the detector's own.
    fn suspicion(&self, now: Duration) -> f64;

    /// When the sender would be convicted if nothing more came; `None`: too little was heard to judge.
    fn convicts_at(&self) -> Option<Duration>;
}

impl<D: Detector + ?Sized> Detector for Box<D> {
    fn heard(&mut self, beat: u64, now: Duration) {
        (**self).heard(beat, now);
    }

    fn resume(&mut self, now: Duration) {
        (**self).resume(now);
    }

    fn suspicion(&self, now: Duration) -> f64 {
        (**self).suspicion(now)
    }

    fn convicts_at(&self) -> Option<Duration> {
        (**self).convicts_at()
    }
}
