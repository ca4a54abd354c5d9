//! Sockets that a program was given, under its rule: they belong to the cgroup that they were made
//! in, and the rule is asked about those of its own cgroup.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

use deadpeer::Apply as _;
use deadpeer_bpf::{Adoption, Change, Engine, Holding, Rule, Unavailable, cgroup};
use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_report::plural::plural;
use deadpeer_sys::sockopt::{self, Transport};
use deadpeer_sys::{SysError, clock};

use super::inherited::Inherited;
use super::polling::options;
use crate::protect::{Aim, Step};
use crate::table::Namespace;
use crate::table::bpf::{BpfError, BpfReader};
use crate::table::row::{Row, canonical};

/// The sockets that were taken in, as long as this lives.
#[derive(Debug)]
pub(super) struct Adopted {
    /// `None`: there was none to take in.
    adoption: Option<Adoption>,
    left: Vec<NotCovered>,
}

/// What can't be promised. As text it is a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCovered {
    /// A socket that the program is given.
    Given {
        /// The number of its descriptor.
        number: RawFd,
        /// Its address; `None` if it has none.
        local: Option<SocketAddr>,
        /// Why.
        why: WhyNot,
    },
    /// What a 32-bit program on a 64-bit kernel sets itself: the kernel asks no rule about its
    /// calls (net/socket.c, `do_sock_setsockopt`).
    Compat,
}

/// Why the rule does not hold for a socket that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// A Multipath TCP listener: its connections are made by a socket that only the kernel has.
    #[error("which is Multipath TCP")]
    Multipath,
    /// It was made in a cgroup that can't be reached from here, as in a container.
    #[error("made in a cgroup that is out of reach here")]
    OutOfReach,
    /// Connections wait in its queue that could not be protected.
    #[error("where {} had come before: {error}", plural(u64::from(*.queue), "connection"))]
    Waiting {
        /// So many.
        queue: u32,
        /// Why not.
        error: BpfError,
    },
    /// A rule for it can't be had.
    #[error("since {0}")]
    Unavailable(#[from] Unavailable),
    /// The kernel refused.
    #[error("since {0}")]
    Refused(#[from] SysError),
}

impl Adopted {
    /// Takes in what is TCP.
    pub(super) fn of(inherited: &Inherited, aim: &Aim, rule: &Rule) -> Self {
        let mut adopted = Self {
            adoption: None,
            left: Vec::new(),
        };
        for (number, socket) in inherited.each() {
            if let Err(why) = adopted.take_in(socket, aim, rule) {
                adopted.left.push(NotCovered::Given {
                    number,
                    local: local(socket),
                    why,
                });
            }
        }
        adopted
    }

    /// What is not covered.
    pub(super) fn left(&self) -> &[NotCovered] {
        &self.left
    }

    /// Before it is started: what can't be heard of it.
    pub(super) fn check(&mut self, command: &Command) {
        if is_compat(command.get_program()) {
            self.left.push(NotCovered::Compat);
        }
    }

    /// Options that the kernel refused.
    pub(super) fn refused(&self) -> u64 {
        let counts = self.adoption.as_ref().and_then(|it| it.counts().ok());
        counts.map_or(0, |counts| counts.refused)
    }

    fn take_in(&mut self, socket: BorrowedFd<'_>, aim: &Aim, rule: &Rule) -> Result<(), WhyNot> {
        match sockopt::transport(socket) {
            Ok(Transport::Tcp) => {}
            Ok(Transport::Mptcp) => return Err(WhyNot::Multipath),
            Ok(Transport::Other) | Err(_) => return Ok(()),
        }
        let adoption = match &mut self.adoption {
            Some(adoption) => adoption,
            none => none.insert(Engine::open(1)?.adopt(cgroup::root()?, rule)?),
        };
        let is_reached = adoption.take_in(socket).map_err(|error| {
            let (call, errno) = (error.call, error.errno);
            WhyNot::Refused(SysError { call, errno })
        })?;
        if !is_reached {
            return Err(WhyNot::OutOfReach);
        }
        let info = deadpeer_sys::tcp_info(socket)?;
        if info.state == Some(TcpState::Listen) {
            return waiting(adoption, socket, &info, aim);
        }
        let before = sockopt::effective(socket)?;
        let options = options(aim, socket, &before)?;
        options.apply(socket).map_err(|_| WhyNot::OutOfReach)?;
        Ok(())
    }
}

/// Connections that have come before the rule.
fn waiting(
    adoption: &Adoption,
    listener: BorrowedFd<'_>,
    info: &TcpInfo,
    aim: &Aim,
) -> Result<(), WhyNot> {
    let queue = info.accept_queue.unwrap_or(0);
    let Some(local) = local(listener).filter(|_| queue > 0) else {
        return Ok(());
    };
    let is_ours = |socket: &deadpeer_bpf::Socket| {
        let at = canonical(socket.local);
        socket.holding == Holding::AcceptQueue
            && at.port() == local.port()
            && (local.ip().is_unspecified() || at.ip() == local.ip())
    };
    let adopt = || {
        let reader = BpfReader::open(clock::hz())?;
        let view = reader.view(&Namespace::Own);
        let mut changes = Vec::new();
        view.each(|socket| {
            if is_ours(socket) {
                changes.push(change(socket, aim));
            }
            ControlFlow::Continue(())
        })?;
        view.adopt(adoption, changes)
    };
    adopt().map_err(|error| WhyNot::Waiting { queue, error })
}

fn change(socket: &deadpeer_bpf::Socket, aim: &Aim) -> Change {
    let row = Row::of(socket, &aim.kernel().sysctls);
    let step = row
        .settings
        .effective()
        .map(|before| aim.step(before, &row.moment));
    let options = match step {
        Some(Step::Change(change)) => change.options,
        _ => Default::default(),
    };
    Change::new(socket.cookie, options)
}

/// Whether this is the name of a program of 32 bits, and we are none. Where execvp(3) looks for it.
fn is_compat(program: &OsStr) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let below_paths = std::env::split_paths(&path).map(|folder| folder.join(program));
    let found = match program.as_bytes().contains(&b'/') {
        true => Some(PathBuf::from(program)),
        false => below_paths.into_iter().find(|path| path.is_file()),
    };
    // elf(5): e_ident, up to EI_CLASS.
    const ELFCLASS32: [u8; 5] = *b"\x7fELF\x01";
    let mut begins = [0; ELFCLASS32.len()];
    let file = found.and_then(|path| File::open(path).ok());
    let read = file.is_some_and(|mut file| file.read_exact(&mut begins).is_ok());
    cfg!(target_pointer_width = "64") && read && begins == ELFCLASS32
}

fn local(socket: BorrowedFd<'_>) -> Option<SocketAddr> {
    let address = rustix::net::getsockname(socket).ok()?;
    SocketAddr::try_from(address).ok().map(canonical)
}

impl fmt::Display for NotCovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, local, why) = match self {
            Self::Given { number, local, why } => (number, local, why),
            Self::Compat => return f.write_str("what a 32-bit program sets itself"),
        };
        write!(f, "descriptor {number}")?;
        if let Some(local) = local {
            write!(f, " ({local})")?;
        }
        write!(f, ", {why}")
    }
}
