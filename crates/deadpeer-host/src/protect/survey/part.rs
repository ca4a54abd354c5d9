//! Sockets of one service that have the same settings and fate.

use std::sync::Arc;

use deadpeer_core::{Effective, Notice, SocketOptions, TcpState};

use super::judge::Found;
use crate::deaths::ServiceName;
use crate::protect::aim::Step;
use crate::table::{Connection, Role, Services, Table, Unreadable};
use crate::workload::Workload;

/// Sockets of one service that have the same settings and fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the processes belong to.
    pub workload: Option<Arc<Workload>>,
    /// The name of the processes; `None` if no owner is visible.
    pub process: Option<Box<[u8]>>,
    /// What the connections are to it.
    pub role: Role,
    /// Their state, as far as it matters to what may still come over them: established stands for
    /// all in which something may be written.
    pub state: TcpState,
    /// The settings in force; `None`: not known.
    pub before: Option<Effective>,
    /// What is set on the sockets themselves, where the kernel shows that: the rest follows the
    /// sysctls.
    pub own: Option<SocketOptions>,
    /// The same without what we have set; `None`: not known.
    pub by_program: Option<Effective>,
    /// What is to be done.
    pub fate: Fate,
    /// The latest ends of those that end by a timer that is armed already.
    pub armed: ArmedEnds,
    /// How many sockets.
    pub count: u64,
    /// The user they belong to.
    pub uid: u32,
}

/// What is to be done with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Its settings are known.
    Judged(Step),
    /// Its peer has closed, and its program has not: left alone, so that a leak goes on showing.
    CloseWait,
    /// deadpeer supervises it in its own program, which decides; or a listener all of whose
    /// connections are.
    Supervised,
    /// They could not be read, and can't be changed either.
    Unseen(Unreadable),
}

/// When connections end whose peers are gone now, by timers that are armed and that their settings
/// don't account for; `None`: there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArmedEnds {
    /// As long as nothing is changed.
    pub before: Option<Notice>,
    /// Once they are changed.
    pub after: Option<Notice>,
}

impl Part {
    /// The service.
    #[must_use]
    pub fn service(&self) -> ServiceName {
        ServiceName::new(self.process.clone(), self.role)
    }

    /// Whether these are listeners.
    #[must_use]
    pub fn are_listeners(&self) -> bool {
        self.state == TcpState::Listen
    }

    /// Whether it looks the same as another: what is set on the sockets themselves, and by whom,
    /// does not show.
    fn looks_like(&self, other: &Self) -> bool {
        let looks = |part: &Self| (part.role, part.state, part.before, part.fate);
        looks(self) == looks(other)
            && self.process == other.process
            && self.workload == other.workload
    }
}

/// One of the states over which the same may still come ([`Silence::still_to_come`]).
///
/// [`Silence::still_to_come`]: deadpeer_core::Silence::still_to_come
fn alike(state: TcpState) -> TcpState {
    match state {
        TcpState::SynSent | TcpState::SynRecv | TcpState::NewSynRecv | TcpState::CloseWait => {
            TcpState::Established
        }
        TcpState::Listen
        | TcpState::Established
        | TcpState::FinWait1
        | TcpState::FinWait2
        | TcpState::Closing
        | TcpState::LastAck
        | TcpState::TimeWait
        | TcpState::Close
        | _ => state,
    }
}

impl ArmedEnds {
    fn add(&mut self, other: Self) {
        for (known, new) in [
            (&mut self.before, other.before),
            (&mut self.after, other.after),
        ] {
            *known = known.iter().copied().chain(new).reduce(Notice::later_of);
        }
    }
}

/// Each kind of parts once, in the order in which they came.
pub(super) fn as_they_look(parts: &[Part]) -> Vec<Part> {
    let mut shown: Vec<Part> = Vec::new();
    for part in parts {
        match shown.iter_mut().find(|known| known.looks_like(part)) {
            Some(known) => {
                known.count += part.count;
                known.armed.add(part.armed);
            }
            None => shown.push(part.clone()),
        }
    }
    shown
}

/// What makes a part, within a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    state: TcpState,
    before: Option<Effective>,
    own: Option<SocketOptions>,
    by_program: Option<Effective>,
    fate: Fate,
    uid: u32,
}

/// The parts of a table that is being read.
#[derive(Debug)]
pub(super) struct Parts {
    services: Services<Vec<(Kind, usize)>>,
    /// How many sockets each has, and when the last of them ends.
    sums: Vec<(u64, ArmedEnds)>,
}

impl Parts {
    pub(super) fn new(table: &Table) -> Self {
        Self {
            services: Services::new(table.ephemeral_ports()),
            sums: Vec::new(),
        }
    }

    /// Adds a socket, and tells the place of its part. What is not `found` to concern anybody is
    /// only remembered for what it tells of others.
    pub(super) fn add(
        &mut self,
        connection: &Connection<'_>,
        found: Option<&Found>,
        by_program: impl FnOnce(u64, &Effective) -> Option<Effective>,
    ) -> Option<usize> {
        let kinds = &mut self.services.of(connection).value;
        let found = found?;
        let socket = connection.socket;
        let before = connection.settings.effective().copied();
        let kind = Kind {
            state: alike(socket.state),
            before,
            own: connection.bpf.map(|bpf| bpf.own),
            by_program: before.and_then(|before| by_program(socket.cookie, &before)),
            fate: found.fate,
            uid: socket.uid,
        };
        let known = kinds.iter().find(|(known, _)| *known == kind);
        let place = known.map_or(self.sums.len(), |(_, place)| *place);
        match self.sums.get_mut(place) {
            Some((count, armed)) => {
                *count += 1;
                armed.add(found.armed);
            }
            None => {
                kinds.push((kind, place));
                self.sums.push((1, found.armed));
            }
        }
        Some(place)
    }

    /// All of them, each at its place.
    pub(super) fn into_vec(self) -> Vec<Part> {
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for service in self.services.into_vec() {
            for (kind, place) in service.value {
                let (count, armed) = self.sums.get(place).copied().unwrap_or_default();
                let part = Part {
                    workload: service.workload.clone(),
                    process: service.process.clone(),
                    role: service.role,
                    state: kind.state,
                    before: kind.before,
                    own: kind.own,
                    by_program: kind.by_program,
                    fate: kind.fate,
                    armed,
                    count,
                    uid: kind.uid,
                };
                parts.push((place, part));
            }
        }
        parts.sort_by_key(|(place, _)| *place);
        parts.into_iter().map(|(_, part)| part).collect()
    }
}
