//! When a connection ends if its peer is gone at this moment: what its armed timers, not only its
//! settings, come to.

use super::case::{Case, highest_rto};
use super::notice::{Notice, Silence, Span};
use super::snapshot::Snapshot;
use crate::kernel::Kernel;
use crate::options::Effective;
use crate::state::TcpState;
use crate::wheel::{Stretch, Wheel};

impl Snapshot {
    /// When the kernel ends the connection if its peer is gone at this moment and its program does
    /// nothing more; `None` for a listener and a connection that is over.
    ///
    /// It is [`Outlook::now`](super::Outlook::now) of the [silence](Self::silence) that the
    /// connection is in, without the worst cases, so it takes a hundredth of the time of a whole
    /// forecast. A timer that was armed before an option or a sysctl was changed makes it later, or
    /// sooner, than any worst case of the settings.
    #[must_use]
    pub fn ends(&self, options: &Effective, kernel: &Kernel) -> Option<Notice> {
        let silence = self.silence()?;
        let at = |hz| {
            let wheel = Wheel::new(hz, self.jiffies);
            let case = Case::new(options, self, kernel, wheel, highest_rto());
            match case.ends_in(silence) {
                Some(at) => Notice::Within(Span::of(at, wheel)),
                None => Notice::Never,
            }
        };
        let (hz, others) = kernel.clock_rates();
        Some(others.iter().fold(at(hz), |all, hz| all.or(at(*hz))))
    }
}

impl Case<'_> {
    /// The end of the silence that the connection is in, the peer being gone; `None`: never.
    pub(super) fn ends_in(self, silence: Silence) -> Option<Stretch> {
        match silence {
            Silence::Idle => self.idle_now().map(|verdict| verdict.at),
            Silence::InFlight => Some(self.data_in_flight()),
            Silence::ZeroWindow => Some(self.closed_window_now()),
            Silence::Connecting => Some(self.handshake_now()),
            Silence::AfterFin => self.closing_now(),
            // No connection is in it: it begins with a write.
            Silence::LateWrite => None,
        }
    }

    fn handshake_now(self) -> Stretch {
        if self.snapshot.state == TcpState::SynSent {
            self.connecting()
        } else {
            self.half_accepted()
        }
    }
}
