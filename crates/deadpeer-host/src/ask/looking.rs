//! A look at a connection whose peer can't be asked, in place of a question.

use std::time::Duration;

use deadpeer::{Answer, NotNow};
use deadpeer_core::TcpInfo;
use deadpeer_sys::sock_diag::{SockDiag, Socket};

use super::Reply;
use crate::table::Unreadable;
use crate::target::{ByKernel, Target};

/// The kernel asks no more often than this, and a peer that was heard since is there.
const JUST_NOW: Duration = Duration::from_secs(1);

/// Looks at a connection as it is now. Nothing is sent.
pub(super) fn look(diag: &mut SockDiag, target: &Target) -> Reply {
    let version = deadpeer_sys::kernel_version();
    let found = diag.socket_between(&target.id, true, |socket| {
        let info = socket.tcp_info.map(|info| TcpInfo::decode(info, version));
        let is_it = socket.cookie == target.id.cookie;
        is_it.then(|| reply(socket, info.as_ref()))
    });
    match found {
        Ok(found) => found
            .flatten()
            .unwrap_or(Reply::Unreachable(Unreadable::Gone)),
        // It was there a moment ago.
        Err(_) => Reply::Unreachable(Unreadable::Refused),
    }
}

fn reply(socket: &Socket<'_>, info: Option<&TcpInfo>) -> Reply {
    let kernel = ByKernel::of(socket, info);
    let heard = info.and_then(TcpInfo::heard_ago);
    match heard.filter(|ago| *ago < JUST_NOW && kernel.unanswered == Some(0)) {
        Some(ago) => Reply::Answer(Answer::NotNow(NotNow::Heard { ago })),
        None if ByKernel::is_in_charge(socket.state, socket.inode.is_some()) => {
            Reply::ByKernel(kernel)
        }
        None => Reply::Unreachable(Unreadable::Gone),
    }
}
