//! Many questions at once, put by one loop.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use deadpeer::Ping;
use rustix::process::{Resource, getrlimit};

use super::Reply;
use super::observing::{self, Doors};
use super::part::{Asked, AskedParts, Asking};
use crate::table::Unreadable;
use crate::table::fd_borrower::FdBorrower;
use crate::target::{ByKernel, Target};
use crate::work::Work;

/// Sends a keepalive probe to the peer's kernel of each target, and waits for the answers: see
/// [`deadpeer::ping`].
///
/// A descriptor is borrowed from its owner for as long as its question takes, `timeout` at most.
/// Were the owner to close it meanwhile, its FIN would go out at the end of that. Takes
/// `CAP_SYS_PTRACE`, or the same user.
///
/// A part of a Multipath TCP connection has no descriptor of its own, and is asked by eBPF: takes
/// `CAP_BPF` and `CAP_PERFMON`, Linux 5.15. Where that can't be had, what its kernel asks and hears
/// is the reply.
///
/// A connection in whose state the kernel itself asks is looked at, and one that the question could
/// end is left alone unless [allowed](Self::allow_endings).
#[derive(Debug)]
pub struct Questions<'t> {
    targets: Vec<&'t Target>,
    /// Shows those that can't be asked.
    doors: Doors,
    endings_allowed: bool,
    even_the_last: bool,
    timeout: Duration,
    /// So many questions are open at once: each holds a descriptor.
    at_once: usize,
    /// The first target that has not been asked.
    next: usize,
    /// When the next may be asked.
    next_at: Instant,
    /// By the place of their targets.
    open: Vec<(usize, Asking)>,
    /// Dropped after those that are asked, it gives back what is lent to them.
    parts: AskedParts,
    replies: Vec<Option<Reply>>,
}

/// So many questions begin in one go: the answers to those before must not wait for long.
const AT_A_STROKE: usize = 32;

/// So many are open at once, unless half of our descriptors are fewer.
const AT_ONCE: usize = 512;

impl<'t> Questions<'t> {
    /// Asks nobody yet. The targets may be of any namespaces.
    #[must_use]
    pub fn new(targets: Vec<&'t Target>, timeout: Duration, now: Instant) -> Self {
        Self {
            replies: vec![None; targets.len()],
            targets,
            doors: Doors::default(),
            endings_allowed: false,
            even_the_last: false,
            timeout,
            at_once: at_once(),
            next: 0,
            next_at: now,
            open: Vec::new(),
            parts: AskedParts::default(),
        }
    }

    /// Asks also where the question could [end](super::Risk) the connection, if `allowed`.
    #[must_use]
    pub fn allow_endings(mut self, allowed: bool) -> Self {
        self.endings_allowed = allowed;
        self
    }

    /// Sends also the [last](Ping::even_the_last) probe of an application's own, if `allowed`.
    #[must_use]
    pub fn even_the_last(mut self, allowed: bool) -> Self {
        self.even_the_last = allowed;
        self
    }

    /// What came of it until now, in the order of the targets; `None`: there is no reply yet.
    ///
    /// Whose question is still open is looked at a last time: the answer may have come since.
    #[must_use]
    pub fn into_replies(mut self, now: Instant) -> Vec<Option<Reply>> {
        for (place, ping) in self.open {
            let reply = match ping.last_check(now) {
                Ok(answer) => answer.map(Reply::Answer),
                Err(error) => Some(Reply::Failed(error)),
            };
            if let Some(slot) = self.replies.get_mut(place) {
                *slot = reply;
            }
        }
        self.replies
    }

    fn may_ask_more(&self) -> bool {
        self.next < self.targets.len() && self.open.len() < self.at_once
    }

    fn check_open(&mut self, now: Instant) {
        let replies = &mut self.replies;
        self.open.retain_mut(|(place, ping)| {
            let reply = match ping.poll_timeout() <= now {
                true => step(ping, now),
                false => None,
            };
            let goes_on = reply.is_none();
            if let (Some(reply), Some(slot)) = (reply, replies.get_mut(*place)) {
                *slot = Some(reply);
            }
            goes_on
        });
    }

    fn ask_more(&mut self, now: Instant) {
        let mut borrower = FdBorrower::default();
        for _ in 0..AT_A_STROKE {
            let place = self.next;
            let Some(target) = self.targets.get(place).filter(|_| self.may_ask_more()) else {
                return;
            };
            self.next += 1;
            match self.begin(target, &mut borrower, now) {
                Ok(ping) => self.open.push((place, ping)),
                Err(reply) => {
                    if let Some(slot) = self.replies.get_mut(place) {
                        *slot = Some(reply);
                    }
                }
            }
        }
        self.next_at = now;
    }

    fn begin(
        &mut self,
        target: &Target,
        borrower: &mut FdBorrower,
        now: Instant,
    ) -> Result<Asking, Reply> {
        if ByKernel::is_in_charge(target.state, target.inode.is_some()) {
            return Err(observing::observe(&mut self.doors, target));
        }
        if target.inode.is_none() {
            return Err(Reply::Unreachable(Unreadable::NoDescriptor));
        }
        let risk = target.risk.filter(|risk| risk.takes_leave());
        if let (Some(risk), false) = (risk, self.endings_allowed) {
            return Err(Reply::Withheld(risk));
        }
        if target.multipath {
            return match self.parts.part(target, &self.targets) {
                Some(part) => self.put(Asked::Part(Box::new(part)), now),
                // What its kernel asks and hears shows.
                None => Err(observing::observe(&mut self.doors, target)),
            };
        }
        let socket = match borrower.borrow_from(target.numbers(), target.id.cookie) {
            Ok(socket) => socket,
            // Closed meanwhile: its kernel may go on asking.
            Err(Unreadable::Gone) => {
                let rest = observing::observe(&mut self.doors, target);
                let asks = rest.open_questions().is_some();
                return Err(if asks {
                    rest
                } else {
                    Reply::Unreachable(Unreadable::Gone)
                });
            }
            Err(why) => return Err(Reply::Unreachable(why)),
        };
        self.put(Asked::Whole(socket), now)
    }

    fn put(&self, socket: Asked, now: Instant) -> Result<Asking, Reply> {
        let ping = Ping::begin(socket, now, self.timeout).map_err(Reply::Failed)?;
        Ok(ping.even_the_last(self.even_the_last))
    }
}

impl Work for Questions<'_> {
    type Error = Infallible;

    fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = self.open.iter().map(|(_, ping)| ping.poll_timeout());
        timeouts
            .chain(self.may_ask_more().then_some(self.next_at))
            .min()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Infallible> {
        self.check_open(now);
        if self.may_ask_more() {
            self.ask_more(now);
        }
        self.parts.carry_out();
        Ok(())
    }
}

fn step(ping: &mut Asking, now: Instant) -> Option<Reply> {
    match ping.handle_timeout(now) {
        Ok(answer) => answer.map(Reply::Answer),
        Err(error) => Some(Reply::Failed(error)),
    }
}

fn at_once() -> usize {
    let ours = getrlimit(Resource::Nofile).current;
    let half = ours.map_or(AT_ONCE, |limit| {
        usize::try_from(limit / 2).unwrap_or(AT_ONCE)
    });
    half.clamp(1, AT_ONCE)
}
