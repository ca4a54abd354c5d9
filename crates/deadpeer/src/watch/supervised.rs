//! What watching takes beyond waiting for the kernel: options, judges, and looks at their time.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use deadpeer_core::verdict::UserTimeout;
use deadpeer_core::{Judge, Supervision, TcpInfo, Verdict};
use deadpeer_sys::readiness::Epoll;
use deadpeer_sys::{Alarm, Remembered, SysError, clock};

use super::NewWatchError;
use super::loan::Lender;
use super::schedule::Schedule;
use super::table::{Charge, Place};
use crate::apply::ApplyError;

/// Schedule of this part of a deadline are done at once: at 30 s that is three wake-ups a second,
/// however many connections there are.
const EARLY: u32 = 100;

/// The supervision of all sockets of a watch.
pub(super) struct Supervised {
    pub(super) supervision: Supervision,
    /// Silence before the first probe (`TCP_KEEPIDLE`).
    pub(super) before_probing: Duration,
    /// When Linux itself ends who does not read.
    pub(super) slow_reader_ended: Option<Duration>,
    user_timeout: UserTimeout,
    pub(super) lender: Lender,
    schedule: Schedule,
    alarm: Alarm,
    /// What the alarm is set to.
    set_to: Option<Duration>,
}

impl Supervised {
    /// Its alarm wakes `epoll` with this key.
    pub(super) fn new(
        supervision: Supervision,
        epoll: &Epoll,
        key: u64,
    ) -> Result<Self, NewWatchError> {
        let kernel = deadpeer_sys::running_kernel()?;
        let options = supervision.options(&kernel);
        let alarm = Alarm::new()?;
        epoll.watch_readable(&alarm, key)?;
        Ok(Self {
            supervision,
            before_probing: Duration::from_secs(options.keepidle_s.unwrap_or_default().into()),
            slow_reader_ended: supervision.slow_reader_ended(&kernel),
            user_timeout: supervision.user_timeout(&kernel),
            lender: Lender::new(options),
            schedule: Schedule::default(),
            alarm,
            set_to: None,
        })
    }

    /// Lends a socket its options and looks at it for the first time.
    pub(super) fn begin(
        &mut self,
        fd: BorrowedFd<'_>,
        info: &TcpInfo,
    ) -> Result<Charge, ApplyError> {
        let mut judge = Judge::new(self.supervision);
        judge.observe(clock::monotonic(), info);
        let loan = self.lender.lend(fd, self.user_timeout.ms(&judge, info))?;
        Ok(Charge { judge, loan })
    }

    /// Judges by a reading, and has the kernel do what goes with the verdict. The verdicts before
    /// and after.
    pub(super) fn observe(
        &mut self,
        charge: &mut Charge,
        socket: Remembered,
        now: Duration,
        info: &TcpInfo,
    ) -> (Verdict, Verdict) {
        let before = charge.judge.verdict();
        let after = charge.judge.observe(now, info);
        let user_timeout_ms = self.user_timeout.ms(&charge.judge, info);
        self.lender
            .move_user_timeout(&mut charge.loan, socket, user_timeout_ms);
        match after {
            Verdict::Unreachable { .. } => self.lender.let_go_at_close(socket),
            Verdict::Closed { .. } => {}
            Verdict::Alive { .. }
            | Verdict::Unknown { .. }
            | Verdict::Stalled { .. }
            | Verdict::PeerFinished
            | Verdict::ApplicationSilent { .. }
            | _ => self.lender.heard_again(socket),
        }
        (before, after)
    }

    /// A connection is watched no more. `fd` is its socket, if it is still there.
    pub(super) fn release(&mut self, fd: Option<BorrowedFd<'_>>, cookie: u64, charge: Charge) {
        if let Some(fd) = fd {
            self.lender.give_back(fd, charge.loan);
        }
        self.lender.forget(cookie);
    }

    /// A connection has ended, or its peer has ended its half and it `goes_on` until it is closed.
    pub(super) fn end(&mut self, socket: Remembered, charge: Charge, goes_on: bool) {
        let held = goes_on.then(|| socket.hold().ok().flatten()).flatten();
        if let Some(held) = &held {
            self.lender.deliver_at_close(held.as_fd(), socket.cookie());
        }
        self.release(held.as_ref().map(AsFd::as_fd), socket.cookie(), charge);
    }

    pub(super) fn plan_check(&mut self, judge: &Judge, place: Place) {
        if let Some(at) = self.user_timeout.next_check(judge) {
            self.schedule.plan(at, place);
        }
    }

    /// The places to look at now, `most` in all.
    pub(super) fn due(&mut self, now: Duration, most: usize) -> Vec<Place> {
        let early = self.supervision.deadline() / EARLY;
        self.schedule.due(now, early, most)
    }

    /// The alarm has gone off.
    pub(super) fn note_alarm(&mut self) {
        self.set_to = None;
    }

    /// Sets the alarm to the next look, or to what else is to be done.
    pub(super) fn set_alarm(&mut self, other: Option<Duration>) -> Result<(), SysError> {
        let next = self.schedule.next().into_iter().chain(other).min();
        if self.set_to != next {
            self.alarm.set(next)?;
            self.set_to = next;
        }
        Ok(())
    }
}
