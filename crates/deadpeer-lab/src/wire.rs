//! The wire: carries out what the router decides, on real links.
//!
//! One thread reads all links through packet sockets, asks the [`Router`], and sends what is due.
//! It sleeps until a frame arrives, a frame's time has come, or somebody wants something of it. A
//! delay counts from the moment at which the kernel took the packet, so that it does not matter how
//! late the thread woke up.

mod carrier;
mod clock;
mod health;
mod pcapng;
mod pending;
mod recorder;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use deadpeer_sys::SysError;
use deadpeer_sys::netns;
use deadpeer_sys::packet::{PacketSocket, RingLayout};
use rustix::event::EventfdFlags;

use crate::error::LabError;
use crate::host::{Netlink, index, wire_interface};
use crate::router::{End, Router, Rule, RuleCount, RuleId, Traffic};
use carrier::{Carrier, Job};
use recorder::Recorder;

pub use health::{Mishaps, Punctuality};

/// How many packets of a link may arrive while the wire's thread does something else.
const RING_FRAMES: usize = 2048;

/// The wire between all hosts of a lab.
#[derive(Debug)]
pub struct Wire {
    namespace: OwnedFd,
    jobs: Option<Sender<Job>>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Wire {
    /// A namespace for the wire's ends, whose own network stack stays silent.
    pub(crate) fn namespace() -> Result<OwnedFd, LabError> {
        netns::private(|| {
            match std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") {
                // A kernel without IPv6 has nothing to silence.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(LabError::io("net.ipv6.conf.default.disable_ipv6 = 1")(
                        error,
                    ))
                }
                _ => Ok(netns::open_current()?),
            }
        })?
    }

    /// Starts the thread; the hosts are plugged in already.
    pub(crate) fn start(
        namespace: OwnedFd,
        hosts: &[String],
        mtu: u32,
        seed: u64,
        captures: Option<&Path>,
    ) -> Result<Self, LabError> {
        let ring = RingLayout::holding(RING_FRAMES, mtu as usize);
        let open = |end: u8| -> Result<PacketSocket, LabError> {
            let interface = index(&wire_interface(End(end)))?;
            Ok(PacketSocket::open(interface, ring)?)
        };
        let sockets = netns::enter(&namespace, || {
            (0..=u8::MAX)
                .take(hosts.len())
                .map(open)
                .collect::<Result<Vec<_>, _>>()
        })??;
        let recorder = captures
            .map(|directory| Recorder::start(directory, hosts).map_err(LabError::io("captures")))
            .transpose()?;
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| SysError {
                call: "eventfd",
                errno,
            })?;
        let bell = Arc::new(bell);
        let (jobs, waiting) = channel();
        let router = Router::new(hosts.len(), seed);
        let carrier = Carrier::new(router, sockets, recorder, waiting, Arc::clone(&bell));
        let thread = std::thread::Builder::new()
            .name("wire".into())
            .spawn(move || carrier.run())
            .map_err(LabError::io("the wire's thread"))?;
        Ok(Self {
            namespace,
            jobs: Some(jobs),
            bell,
            thread: Some(thread),
        })
    }

    /// Adds a rule after the others. It is in force when this returns.
    ///
    /// # Errors
    /// The wire has stopped; so of every method here.
    pub fn add(&self, rule: Rule) -> Result<RuleId, LabError> {
        self.ask(|carrier| carrier.router.add(rule))
    }

    /// Takes a rule out and says what it has done; `None` if there is none such. Packets it delayed
    /// stay delayed.
    pub fn remove(&self, id: RuleId) -> Result<Option<RuleCount>, LabError> {
        self.ask(move |carrier| carrier.router.remove(id))
    }

    /// Forgets the flows of a [`Track`](crate::router::Action::Track) rule; `false` if there is
    /// none such.
    pub fn forget(&self, id: RuleId) -> Result<bool, LabError> {
        self.ask(move |carrier| carrier.router.forget(id))
    }

    /// What every rule has done so far, in their order.
    pub fn counts(&self) -> Result<Vec<RuleCount>, LabError> {
        self.ask(|carrier| carrier.router.counts())
    }

    /// What one rule has done so far; `None` if there is none such.
    pub fn count(&self, id: RuleId) -> Result<Option<RuleCount>, LabError> {
        Ok(self.counts()?.into_iter().find(|count| count.id == id))
    }

    /// What came in so far.
    pub fn traffic(&self) -> Result<Traffic, LabError> {
        self.ask(|carrier| carrier.router.traffic())
    }

    /// What went wrong on the wire itself so far.
    pub fn mishaps(&self) -> Result<Mishaps, LabError> {
        self.ask(Carrier::mishaps)?.map_err(LabError::Call)
    }

    /// How exactly it has kept the time so far.
    pub fn punctuality(&self) -> Result<Punctuality, LabError> {
        self.ask(|carrier| carrier.punctuality)
    }

    /// Pulls the cable of a host, whose interface then reports no carrier.
    pub fn unplug(&self, end: End) -> Result<(), LabError> {
        self.set_end(end, false)
    }

    /// Plugs the cable of a host in again.
    pub fn plug(&self, end: End) -> Result<(), LabError> {
        self.set_end(end, true)
    }

    /// Stops the wire and finishes the captures. Dropping it does so too, but cannot say whether
    /// they are complete.
    ///
    /// # Errors
    /// The captures could not be written, or the thread had failed.
    pub fn stop(mut self) -> Result<(), LabError> {
        self.end()
    }

    fn set_end(&self, end: End, up: bool) -> Result<(), LabError> {
        netns::enter(&self.namespace, || {
            Netlink::open()?.set_up(&wire_interface(end), up)
        })?
    }

    /// Lets the wire's thread do something between two packets, and waits for its answer.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Carrier) -> T + Send + 'static,
    ) -> Result<T, LabError> {
        let (reply, answer) = channel();
        let job = Box::new(move |carrier: &mut Carrier| {
            // Whoever asked waits for the reply, or is gone.
            let _ = reply.send(work(carrier));
        });
        let jobs = self.jobs.as_ref().ok_or(LabError::Stopped)?;
        jobs.send(job).map_err(|_| LabError::Stopped)?;
        self.ring();
        answer.recv().map_err(|_| LabError::Stopped)
    }

    fn ring(&self) {
        // An eventfd refuses only when it already holds more rings than could ever be counted.
        let _ = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
    }

    fn end(&mut self) -> Result<(), LabError> {
        self.jobs = None;
        self.ring();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result.map_err(LabError::io("captures")),
            Some(Err(_)) => Err(LabError::Stopped),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        let _ = self.end();
    }
}

impl AsFd for Wire {
    /// The network namespace of the wire's ends.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}
