//! How long a silence must be: failure detectors for a stream of regular, numbered heartbeats.
//!
//! A detector is told when heartbeats arrive and answers how much it suspects the sender, and at
//! which moment it would convict it if nothing more came. [`Fixed`] waits for a set time,
//! [`PhiAccrual`] learns how arrivals scatter, [`Chen`] learns when the next one is due. What a
//! detector is worth shows in its [`Quality`], as the literature defines it (Chen, Toueg, Aguilera:
//! On the Quality of Service of Failure Detectors, IEEE Transactions on Computers 51(5), 2002), and
//! only beside a fixed timeout that takes as long to notice.

mod chen;
mod distribution;
mod fixed;
mod phi;
mod quality;
mod window;

pub(crate) use chen::Chen;
pub(crate) use distribution::Distribution;
pub(crate) use fixed::Fixed;
pub(crate) use phi::PhiAccrual;
pub(crate) use quality::{Measured, Quality};

use std::time::Duration;

/// A failure detector of one sender.
///
/// Times are readings of one clock of the receiver, since any start.
pub(crate) trait Detector {
    /// Heartbeat number `beat` arrived. Numbers grow; one that is not above all before is old and
    /// proves no new life.
    fn heard(&mut self, beat: u64, now: Duration);

    /// This end did not run, or the connection was interrupted on purpose: time begins anew at
    /// `now`, with what was learned.
    fn resume(&mut self, now: Duration);

    /// How much the sender is suspected at `now`, from 0 up. The unit is the detector's own.
    fn suspicion(&self, now: Duration) -> f64;

    /// When the sender would be convicted if nothing more came; `None`: too little was heard to
    /// judge.
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
