//! The methods by which an end may notice that its peer is gone, each set for the deadline.

use std::time::Duration;

use clap::ValueEnum;
use deadpeer_core::verdict::Keeps;
use deadpeer_core::{Kernel, Policy, SlowReaders, SocketOptions, Supervision};
use deadpeer_report::duration;
use deadpeer_sys::running_kernel;

use crate::exit::Stop;
use crate::supervised;

/// Keepalive and the user timeout count in seconds and need a few of them.
const LEAST_CLASSIC: Duration = Duration::from_secs(5);

/// The classic methods by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Name {
    /// What a read returns
    Recv,
    /// The state in TCP_INFO
    TcpInfo,
    /// The bits of poll(2), nothing read
    Poll,
    /// SO_KEEPALIVE
    Keepalive,
    /// TCP_USER_TIMEOUT
    UserTimeout,
    /// Messages that the other end's program has to answer
    Heartbeat,
}

/// How an end notices.
#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) eyes: Eyes,
    pub(super) within: Duration,
    /// Why it may take longer.
    pub(super) reservation: Option<String>,
    /// What else it can't keep, said beforehand.
    pub(super) warnings: Vec<String>,
    /// What it sets on its sockets.
    pub(super) options: SocketOptions,
}

/// Where an end looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Eyes {
    /// `deadpeer::Watch` judges.
    Supervised(Supervision),
    /// The kernel gives up by the options of a plan.
    KernelOnly,
    /// A classic method.
    Classic(Name),
}

impl Method {
    /// deadpeer's own judgement.
    pub(super) fn supervised(within: Duration) -> Result<Self, Stop> {
        let kernel = running_kernel()?;
        let supervision = Supervision::within(within);
        let keeps = supervision.keeps(&kernel);
        let reservation = supervised::reservation(keeps, within);
        if let (Keeps::Not(_), Some(sentence)) = (keeps, &reservation) {
            return Err(Stop::because(sentence));
        }
        let slow_reader = supervision.slow_reader_ended(&kernel);
        let slow_reader = slow_reader.map(supervised::slow_reader_ended);
        let warnings = std::iter::once(supervised::sudden_loss(&supervision)).chain(slow_reader);
        Ok(Self {
            eyes: Eyes::Supervised(supervision),
            within,
            reservation,
            warnings: warnings.collect(),
            options: supervision.options(&kernel),
        })
    }

    /// The kernel's, by the options of a plan.
    pub(super) fn kernel_only(within: Duration, slow_readers: SlowReaders) -> Result<Self, Stop> {
        let policy = Policy::detect_within(within).slow_readers(slow_readers);
        let plan = policy.plan(&running_kernel()?).map_err(Stop::because)?;
        Ok(Self {
            eyes: Eyes::KernelOnly,
            within,
            reservation: None,
            warnings: Vec::new(),
            options: *plan.options(),
        })
    }

    /// A classic one.
    pub(super) fn classic(name: Name, within: Duration) -> Result<Self, Stop> {
        Ok(Self {
            eyes: Eyes::Classic(name),
            within,
            reservation: None,
            warnings: Vec::new(),
            options: classic(name, within, &running_kernel()?)?,
        })
    }

    /// The name as the command line writes it.
    pub(super) fn name(&self) -> &'static str {
        match self.eyes {
            Eyes::Supervised(_) => "supervised",
            Eyes::KernelOnly => "kernel-only",
            Eyes::Classic(name) => name.word(),
        }
    }

    /// What it goes by, and what it cannot see, in one sentence without a full stop.
    pub(super) fn sentence(&self) -> String {
        let within = duration::typed(self.within);
        match self.eyes {
            Eyes::Supervised(_) => match &self.reservation {
                None => format!(
                    "supervised: the kernel asks, deadpeer judges; a silence of {within} in which nothing is answered is a lost peer"
                ),
                Some(reservation) => format!(
                    "supervised: the kernel asks, deadpeer judges; {reservation}"
                ),
            },
            Eyes::KernelOnly => {
                format!("kernel only: it gives a silent peer up within {within}, and a read fails")
            }
            Eyes::Classic(Name::Recv) => {
                "recv: a read returns 0 or fails; a peer that vanished sends neither FIN nor RST".into()
            }
            Eyes::Classic(Name::TcpInfo) => {
                "tcp-info: the state is no longer ESTABLISHED; for a peer that vanished it stays that".into()
            }
            Eyes::Classic(Name::Poll) => {
                "poll: RDHUP, HUP or ERR; a peer that vanished sets none of them".into()
            }
            Eyes::Classic(Name::Keepalive) => {
                "keepalive: probes while idle; with data in flight it plays no part".into()
            }
            Eyes::Classic(Name::UserTimeout) => {
                "user-timeout: bounds data in flight, and ends live peers that don't read; while idle nothing is sent".into()
            }
            Eyes::Classic(Name::Heartbeat) => format!(
                "heartbeat: the other end's program has to answer, by the same method; {within} without a byte is a lost peer"
            ),
        }
    }
}

impl Name {
    /// The name as the command line writes it.
    fn word(self) -> &'static str {
        match self {
            Self::Recv => "recv",
            Self::TcpInfo => "tcp-info",
            Self::Poll => "poll",
            Self::Keepalive => "keepalive",
            Self::UserTimeout => "user-timeout",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What a classic method sets for a deadline: the same as in the lab's table.
fn classic(name: Name, within: Duration, kernel: &Kernel) -> Result<SocketOptions, Stop> {
    let sets_options = matches!(name, Name::Keepalive | Name::UserTimeout);
    if sets_options && within < LEAST_CLASSIC {
        return Err(Stop::because(format!(
            "--method {} cannot be set for less than {}",
            name.word(),
            duration::typed(LEAST_CLASSIC)
        )));
    }
    let (methods, _) = deadpeer_lab::method::all(within, kernel, None);
    let same = methods.iter().find(|method| method.name == name.word());
    Ok(match sets_options {
        true => same.map(|method| method.options).unwrap_or_default(),
        false => SocketOptions::default(),
    })
}
