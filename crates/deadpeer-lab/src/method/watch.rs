//! A method at work on one connection.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use deadpeer::{Event, HalfClose, News, Watch as Supervisor};
use deadpeer_core::heartbeat::Violation;
use deadpeer_core::{Cause, Judge, Supervision, TcpState, Verdict};
use deadpeer_sys::{Errno, SysError, errno_name};
use rustix::event::epoll;

use super::signal::Signal;
use super::two_witnesses::TwoWitnesses;
use super::{Eyes, Method};
use crate::link::{Link, Received};
use crate::state::State;

/// How often a program asks for TCP_INFO that watches the state alone.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// A method that could not look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchFailed {
    /// A system call failed.
    #[error(transparent)]
    Call(#[from] SysError),
    /// The library's own watch failed.
    #[error("deadpeer::Watch: {0}")]
    Supervisor(String),
    /// The peer's heartbeat broke its rules.
    #[error("heartbeat: {0}")]
    Heartbeat(#[from] Violation),
}

/// A method that watches a connection. Times are readings of `CLOCK_MONOTONIC`.
#[derive(Debug)]
pub(crate) struct Watch {
    eyes: Eyes,
    epoll: OwnedFd,
    /// The bits that were there before the fault.
    bits_before: epoll::EventFlags,
    state_before: Option<TcpState>,
    next_check: Duration,
    supervisor: Option<Supervisor>,
    heartbeat: Option<TwoWitnesses>,
    events: Vec<Event>,
    last_ping: Option<Duration>,
    /// Pings that were sent since the last answer.
    missed_now: u32,
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn new(method: &Method, link: &Link) -> Result<Self, WatchFailed> {
        let failed = |call| move |errno| SysError { call, errno };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed("epoll_create1"))?;
        let interest = epoll::EventFlags::RDHUP;
        let data = epoll::EventData::new_u64(0);
        epoll::add(&epoll, link.as_fd(), data, interest).map_err(failed("epoll_ctl"))?;
        let mut supervisor = None;
        let mut heartbeat = None;
        if let Eyes::Supervised(supervision) | Eyes::TwoWitnesses(supervision) = method.eyes {
            supervisor = Some(supervise(supervision, link)?);
        }
        if let Eyes::TwoWitnesses(supervision) = method.eyes {
            heartbeat = TwoWitnesses::new(supervision.deadline(), link);
        }
        Ok(Self {
            eyes: method.eyes,
            epoll,
            bits_before: epoll::EventFlags::empty(),
            state_before: None,
            next_check: Duration::ZERO,
            supervisor,
            heartbeat,
            events: Vec::new(),
            last_ping: None,
            missed_now: 0,
        })
    }

    /// Takes what is to be seen now for normal: the fault comes next.
    pub(crate) fn settle(&mut self, link: &Link) -> Result<(), SysError> {
        self.bits_before = self.bits()?;
        self.state_before = deadpeer_sys::tcp_info(link)?.state;
        Ok(())
    }

    /// Looks, as its method does.
    pub(crate) fn check(
        &mut self,
        link: &mut Link,
        now: Duration,
    ) -> Result<Option<Signal>, WatchFailed> {
        match self.eyes {
            Eyes::Recv => Ok(received(link)),
            Eyes::State => Ok(self.check_state(link, now)?),
            Eyes::Readiness => Ok(self.check_bits(link)?),
            Eyes::Send => Ok(link.take_write_error().map(|errno| match errno {
                Errno::PIPE => Signal::dead("send EPIPE (SIGPIPE)"),
                other => Signal::errno("send", other),
            })),
            Eyes::Heartbeat { every, missed } => Ok(self.beat(link, now, every, missed)),
            Eyes::Supervised(_) => self.ask_the_supervisor(),
            Eyes::TwoWitnesses(_) => self.ask_both(link, now),
        }
    }

    /// By how much a supervisor says that its verdict would come after the deadline; zero for other
    /// methods.
    pub(crate) fn slip(&self, link: &Link) -> Result<Duration, SysError> {
        let Eyes::Supervised(supervision) = self.eyes else {
            return Ok(Duration::ZERO);
        };
        let idle = deadpeer_sys::sockopt::keepidle_s(link)?;
        Ok(Judge::new(supervision).slip(Duration::from_secs(u64::from(idle))))
    }

    fn bits(&self) -> Result<epoll::EventFlags, SysError> {
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        let now = rustix::event::Timespec::default();
        let ready =
            epoll::wait(&self.epoll, &mut events, Some(&now)).map_err(|errno| SysError {
                call: "epoll_wait",
                errno,
            })?;
        Ok(match ready {
            0 => epoll::EventFlags::empty(),
            _ => events[0].flags,
        })
    }

    fn check_bits(&mut self, link: &mut Link) -> Result<Option<Signal>, SysError> {
        let bits = self.bits()?;
        let fresh = bits - self.bits_before;
        if fresh.is_empty() {
            return Ok(None);
        }
        let mut words: Vec<String> = [
            (epoll::EventFlags::ERR, "ERR"),
            (epoll::EventFlags::HUP, "HUP"),
            (epoll::EventFlags::RDHUP, "RDHUP"),
        ]
        .into_iter()
        .filter(|(bit, _)| bits.contains(*bit))
        .map(|(_, name)| name.to_owned())
        .collect();
        words.extend(link.take_error().map(errno_name));
        let words = words.join(" ");
        Ok(Some(
            match bits.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP) {
                true => Signal::dead(words),
                false => Signal::end_of_stream(words),
            },
        ))
    }

    fn check_state(&mut self, link: &Link, now: Duration) -> Result<Option<Signal>, SysError> {
        if now < self.next_check {
            return Ok(None);
        }
        self.next_check = now + POLL_EVERY;
        let state = deadpeer_sys::tcp_info(link)?.state;
        if state == self.state_before {
            return Ok(None);
        }
        let ended = state.filter(|state| Cause::of_state(*state).is_some());
        Ok(ended.map(|state| match state == TcpState::Close {
            true => Signal::dead("CLOSE"),
            false => Signal::end_of_stream(state.name()),
        }))
    }

    fn beat(
        &mut self,
        link: &mut Link,
        now: Duration,
        every: Duration,
        missed: u32,
    ) -> Option<Signal> {
        let before = link.pongs();
        if let Some(signal) = received(link) {
            return Some(signal);
        }
        if link.pongs() > before {
            self.missed_now = 0;
        }
        // A protocol with heartbeats has none where one side cannot speak.
        let both_may_write = link.state.we_may_write() && link.state.peer_may_write();
        if !both_may_write || !link.is_introduced() {
            return None;
        }
        let last = *self.last_ping.get_or_insert(now);
        if now.saturating_sub(last) >= every {
            if self.missed_now == missed {
                return Some(Signal::silent(format!("{missed} heartbeats missed")));
            }
            self.last_ping = Some(now);
            self.missed_now += 1;
            link.ping();
        }
        None
    }

    fn ask_both(&mut self, link: &mut Link, now: Duration) -> Result<Option<Signal>, WatchFailed> {
        if let (Some(heartbeat), Some(supervisor)) = (&mut self.heartbeat, &mut self.supervisor)
            && let Some(signal) = heartbeat.check(link, now, supervisor)?
        {
            return Ok(Some(signal));
        }
        self.ask_the_supervisor()
    }

    fn ask_the_supervisor(&mut self) -> Result<Option<Signal>, WatchFailed> {
        let Some(supervisor) = &mut self.supervisor else {
            return Ok(None);
        };
        supervisor
            .wait(&mut self.events, Some(Duration::ZERO))
            .map_err(|error| WatchFailed::Supervisor(error.to_string()))?;
        Ok(self.events.iter().find_map(|event| match event.news {
            News::Died(death) if death.cause() == Cause::PeerClosed => {
                Some(Signal::end_of_stream("peer closed"))
            }
            News::Died(death) => Some(Signal::dead(format!("died: {}", death.cause().word()))),
            News::Judged(Verdict::Unreachable { unanswered, .. }) => Some(Signal::dead(format!(
                "unreachable, {unanswered} unanswered"
            ))),
            News::Judged(_) | _ => None,
        }))
    }
}

/// A supervisor of this one connection.
fn supervise(supervision: Supervision, link: &Link) -> Result<Supervisor, WatchFailed> {
    let failed = |error: &dyn std::fmt::Display| WatchFailed::Supervisor(error.to_string());
    let half_close = match link.state {
        State::HalfClosedByPeer => HalfClose::Lives,
        State::Idle
        | State::OneWrite
        | State::Sending
        | State::ZeroWindow
        | State::OnlyReading
        | State::HalfClosedByUs
        | State::Connecting => HalfClose::Ends,
    };
    let mut supervisor = Supervisor::supervised(supervision)
        .map_err(|error| failed(&error))?
        .half_close(half_close);
    supervisor.add(link, 0).map_err(|error| failed(&error))?;
    Ok(supervisor)
}

/// Reads everything there is; an end that is news is a signal.
pub(super) fn received(link: &mut Link) -> Option<Signal> {
    match link.receive() {
        Received::Nothing => None,
        Received::End if link.state == State::HalfClosedByPeer => None,
        Received::End => Some(Signal::end_of_stream("recv 0")),
        Received::Failed(errno) => Some(Signal::errno("recv", errno)),
    }
}
