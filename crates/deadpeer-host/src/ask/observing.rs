//! A look at a connection whose peer can't be asked, in place of a question.

use std::collections::hash_map::Entry;
use std::time::Duration;

use deadpeer::{Answer, NotNow};
use deadpeer_core::{Kernel, TcpInfo};
use deadpeer_sys::sock_diag::{SockDiag, Socket};
use rustc_hash::FxHashMap;

use super::Reply;
use crate::table::Unreadable;
use crate::target::{ByKernel, Target};

/// The kernel asks no more often than this, and a peer that was heard since is there.
const JUST_NOW: Duration = Duration::from_secs(1);

/// The tables of the namespaces in which somebody was looked at, each opened when it is wanted, and
/// the kernel with their sysctls.
#[derive(Debug, Default)]
pub(super) struct Doors(FxHashMap<Option<u64>, (SockDiag, Kernel)>);

impl Doors {
    fn to(&mut self, target: &Target) -> Option<&mut (SockDiag, Kernel)> {
        let open = || Some((SockDiag::open().ok()?, deadpeer_sys::running_kernel().ok()?));
        Some(match self.0.entry(target.netns_number()) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(closed) => closed.insert(target.namespace().run(open).ok()??),
        })
    }
}

/// Looks at a connection as it is now. Nothing is sent.
pub(super) fn observe(doors: &mut Doors, target: &Target) -> Reply {
    // It was there a moment ago.
    let Some((diag, kernel)) = doors.to(target) else {
        return Reply::Unreachable(Unreadable::Refused);
    };
    let version = deadpeer_sys::kernel_version();
    let found = diag.socket_between(&target.id, true, |socket| {
        let info = socket.tcp_info.map(|info| TcpInfo::decode(info, version));
        let is_it = socket.cookie == target.id.cookie;
        is_it.then(|| reply(socket, info.as_ref(), kernel))
    });
    match found {
        Ok(found) => found
            .flatten()
            .unwrap_or(Reply::Unreachable(Unreadable::Gone)),
        Err(_) => Reply::Unreachable(Unreadable::Refused),
    }
}

fn reply(socket: &Socket<'_>, info: Option<&TcpInfo>, kernel: &Kernel) -> Reply {
    let by_kernel = ByKernel::of(socket, info, kernel);
    let heard = info.and_then(TcpInfo::heard_ago);
    match heard.filter(|ago| *ago < JUST_NOW && by_kernel.unanswered == Some(0)) {
        Some(ago) => Reply::Answer(Answer::NotNow(NotNow::Heard { ago })),
        None if ByKernel::is_in_charge(socket.state, socket.inode.is_some()) => {
            Reply::ByKernel(by_kernel)
        }
        None if socket.multipath => info
            .and_then(own_questions)
            .map_or(Reply::Unreachable(Unreadable::Multipath), |it| {
                Reply::Answer(Answer::NotNow(it))
            }),
        None => Reply::Unreachable(Unreadable::Gone),
    }
}

/// What the kernel asks on an open connection, and nothing has answered.
fn own_questions(info: &TcpInfo) -> Option<NotNow> {
    let probes = u32::from(info.probes.unwrap_or(0));
    let in_flight = info.unacked.is_some_and(|segments| segments > 0);
    let waits = info.notsent_bytes.is_some_and(|bytes| bytes > 0);
    match (in_flight, probes) {
        (true, _) => Some(NotNow::InFlight {
            unanswered: info.retransmits.unwrap_or(0).into(),
        }),
        (false, 0) => None,
        (false, unanswered) if waits => Some(NotNow::Queued { unanswered }),
        (false, unanswered) => Some(NotNow::KernelAsks { unanswered }),
    }
}
