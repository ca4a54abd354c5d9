//! The thread of the wire.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use deadpeer_sys::SysError;
use deadpeer_sys::packet::{BATCH, PacketSocket, be_urgent};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::clock::Start;
use super::pcapng::Way;
use super::pending::Pending;
use super::recorder::{Recorder, Sighting};
use super::{Mishaps, Punctuality};
use crate::router::{Decision, End, Router};

/// Something to be done between two packets.
pub(super) type Job = Box<dyn FnOnce(&mut Carrier) + Send>;

/// How many frames of one link are taken before the others have their turn.
const TURN: usize = 256;

/// Everything the thread owns.
pub(super) struct Carrier {
    pub(super) router: Router,
    links: Vec<Link>,
    pending: Pending,
    recorder: Option<Recorder>,
    jobs: Receiver<Job>,
    bell: Arc<OwnedFd>,
    start: Start,
    refused: u64,
    overruns: u64,
    pub(super) punctuality: Punctuality,
}

struct Link {
    socket: PacketSocket,
    outgoing: Vec<Vec<u8>>,
}

impl Carrier {
    pub(super) fn new(
        router: Router,
        sockets: Vec<PacketSocket>,
        recorder: Option<Recorder>,
        jobs: Receiver<Job>,
        bell: Arc<OwnedFd>,
    ) -> Self {
        let link = |socket| Link {
            socket,
            outgoing: Vec::with_capacity(BATCH),
        };
        Self {
            router,
            links: sockets.into_iter().map(link).collect(),
            pending: Pending::default(),
            recorder,
            jobs,
            bell,
            start: Start::now(),
            refused: 0,
            overruns: 0,
            punctuality: Punctuality::default(),
        }
    }

    /// Carries packets until nobody can ask for anything any more; then finishes the captures.
    pub(super) fn run(mut self) -> io::Result<()> {
        precise_timers()?;
        // A wish; a kernel that grants nothing only makes delays less exact on a busy machine.
        let _ = be_urgent();
        while self.do_jobs() {
            let arrived = self.receive();
            let due = self.send_due();
            if !arrived && !due {
                self.sleep()?;
            }
        }
        self.recorder.take().map_or(Ok(()), Recorder::finish)
    }

    pub(super) fn now(&self) -> Duration {
        self.start.moment().now
    }

    pub(super) fn mishaps(&mut self) -> Result<Mishaps, SysError> {
        for link in &self.links {
            self.overruns += u64::from(link.socket.overruns()?);
        }
        Ok(Mishaps {
            overruns: self.overruns,
            refused: self.refused,
            uncaptured: self.recorder.as_ref().map_or(0, Recorder::missed),
        })
    }

    /// Does what was asked for; `false` once nobody is left to ask.
    fn do_jobs(&mut self) -> bool {
        loop {
            match self.jobs.try_recv() {
                Ok(job) => job(self),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Takes what has arrived and lets the router decide; `false` if there was nothing.
    fn receive(&mut self) -> bool {
        let moment = self.start.moment();
        let mut decision = Decision::default();
        let mut taken = 0;
        for (link, end) in self.links.iter_mut().zip((0..=u8::MAX).map(End)) {
            taken += link.socket.receive(TURN, |arrival| {
                if !arrival.whole {
                    return;
                }
                let at = moment.of_arrival(arrival.at);
                self.router.receive(end, arrival.bytes, at, &mut decision);
                if let Some(recorder) = &mut self.recorder {
                    recorder.note(Sighting {
                        end,
                        at: arrival.at,
                        way: Way::Out,
                        frame: arrival.bytes.to_vec(),
                        comment: self.router.names(&decision.trail),
                    });
                }
                for emission in decision.emissions.drain(..) {
                    self.pending.push(emission);
                }
            });
        }
        taken > 0
    }

    /// Sends what is due, in batches; `false` if there was nothing.
    fn send_due(&mut self) -> bool {
        let moment = self.start.moment();
        let mut any = false;
        while let Some(due) = self.pending.pop_due(moment.now) {
            any = true;
            self.punctuality.note(moment.now - due.at);
            let Some(link) = self.links.get_mut(due.to.index()) else {
                continue;
            };
            link.outgoing.push(due.frame);
            if link.outgoing.len() == BATCH {
                self.flush(due.to);
            }
        }
        for end in (0..=u8::MAX).map(End).take(self.links.len()) {
            self.flush(end);
        }
        any
    }

    fn flush(&mut self, end: End) {
        let link = &mut self.links[end.index()];
        // Taken before: the host may have answered by the time the call returns.
        let real = self.start.moment().real;
        let mut rest = &link.outgoing[..];
        while !rest.is_empty() {
            match link.socket.send(rest) {
                Ok(sent) => rest = &rest[sent.max(1)..],
                Err(error) => {
                    // Nobody is there: the cable is pulled, or the host with its interface is gone.
                    let gone = matches!(error.errno, Errno::NETDOWN | Errno::NXIO | Errno::NODEV);
                    self.refused += u64::from(!gone);
                    rest = &rest[1..];
                }
            }
        }
        let sent = link.outgoing.drain(..);
        if let Some(recorder) = &mut self.recorder {
            for frame in sent {
                recorder.note(Sighting {
                    end,
                    at: real,
                    way: Way::In,
                    frame,
                    comment: String::new(),
                });
            }
        }
    }

    /// Waits for a frame, for the time of the next that waits, or for the bell.
    fn sleep(&mut self) -> io::Result<()> {
        let wait = self
            .pending
            .next()
            .map(|at| timespec(at.saturating_sub(self.now())));
        let mut watched: Vec<_> = self
            .links
            .iter()
            .map(|link| PollFd::new(&link.socket, PollFlags::IN))
            .collect();
        watched.push(PollFd::new(&*self.bell, PollFlags::IN));
        match poll(&mut watched, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let woken: Vec<_> = watched.iter().map(PollFd::revents).collect();
        for (link, events) in self.links.iter().zip(&woken) {
            if events.contains(PollFlags::ERR) {
                // ENETDOWN, reported once when an interface goes down; reading it rearms the poll.
                let _ = rustix::net::sockopt::socket_error(&link.socket);
            }
        }
        if woken
            .last()
            .is_some_and(|events| events.contains(PollFlags::IN))
        {
            // Empty if somebody else was faster, which nobody is.
            let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        }
        Ok(())
    }
}

/// Timers of this thread are not put off to fire together with others, as they are by 50 us
/// otherwise (prctl(2)).
fn precise_timers() -> io::Result<()> {
    let shortest = std::num::NonZeroU64::MIN;
    Ok(rustix::thread::set_current_timer_slack(Some(shortest))?)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
