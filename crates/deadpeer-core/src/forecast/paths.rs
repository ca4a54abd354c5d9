//! Many forecasts for the same paths: settings of keepalive tried against what they play no part
//! in.

use std::time::Duration;

use super::case::Case;
use super::snapshot::Snapshot;
use super::{Clocks, Forecast};
use crate::kernel::Kernel;
use crate::options::Effective;
use crate::state::TcpState;
use crate::wheel::Wheel;

/// Every path whose RTO is at most a given one, on a kernel, with a user timeout and a cap of the
/// RTO.
#[derive(Debug)]
pub(crate) struct Paths {
    kernel: Kernel,
    highest_rto: Duration,
    /// A connection of which nothing is known.
    unmeasured: Snapshot,
}

/// What is the same for all settings of keepalive, at each clock rate the kernel may have.
#[derive(Debug)]
pub(crate) struct Prepared {
    paths: Paths,
    first: Clocks,
    others: Vec<Clocks>,
}

impl Paths {
    pub(crate) fn new(highest_rto: Duration, kernel: &Kernel) -> Self {
        Self {
            kernel: *kernel,
            highest_rto,
            unmeasured: Snapshot::new(TcpState::Listen),
        }
    }

    /// The forecasts of options that differ from these in keepalive's settings alone.
    pub(crate) fn prepare(self, options: &Effective) -> Prepared {
        let clocks = |hz| self.case(options, hz).clocks();
        let (first, others) = self.kernel.clock_rates();
        let (first, others) = (clocks(first), others.iter().map(|hz| clocks(*hz)).collect());
        Prepared {
            paths: self,
            first,
            others,
        }
    }

    fn case<'a>(&'a self, options: &'a Effective, hz: u32) -> Case<'a> {
        let (kernel, wheel) = (&self.kernel, Wheel::new(hz, None));
        Case::new(options, &self.unmeasured, kernel, wheel, self.highest_rto)
    }
}

impl Prepared {
    /// The forecast with these settings of keepalive.
    pub(crate) fn forecast(&self, options: &Effective) -> Forecast {
        let at = |hz, clocks| self.paths.case(options, hz).forecast(clocks);
        let (first, others) = self.paths.kernel.clock_rates();
        others
            .iter()
            .zip(&self.others)
            .fold(at(first, &self.first), |all, (hz, clocks)| {
                all.or(at(*hz, clocks))
            })
    }
}
