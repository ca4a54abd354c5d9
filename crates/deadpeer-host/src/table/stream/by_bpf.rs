//! Reading everything at once, by eBPF.

use std::ops::ControlFlow;

use deadpeer_sys::sock_diag::DumpEnd;

use super::repeated::Repeated;
use crate::table::bpf::{BpfError, View};
use crate::table::by_process;
use crate::table::owners::OwnersOf;
use crate::table::query::Query;
use crate::table::source::Reading;

/// So many sockets are looked up in one go. Tables of many sockets don't fit into a processor's
/// cache: one after the other, each look-up would wait for memory alone.
const AT_ONCE: usize = 64;

/// Shows every socket once as the kernel itself does, and its owners. `of_many`: of a namespace
/// with this number beside which others are read, those that are meant.
pub(super) fn each_by_bpf(
    view: View<'_>,
    of_many: Option<(u64, &Query)>,
    reading: &Reading<'_>,
    mut visit: impl FnMut(&deadpeer_bpf::Socket, OwnersOf<'_>) -> ControlFlow<()>,
) -> Result<Repeated, BpfError> {
    let mut shown = Recent::default();
    let mut show = |sockets: &mut Vec<deadpeer_bpf::Socket>| {
        sockets.retain(|socket| shown.insert(socket.cookie));
        let owners = |socket: &deadpeer_bpf::Socket| reading.known_owners(socket.holding.inode());
        let owners: Vec<OwnersOf<'_>> = sockets.iter().map(owners).collect();
        let mut pairs = sockets.drain(..).zip(owners);
        pairs.try_for_each(|(socket, owners)| visit(&socket, owners))
    };
    let mut sockets = Vec::with_capacity(AT_ONCE);
    let mut visited = ControlFlow::Continue(());
    let whole = of_many.and_then(|(namespace, query)| {
        by_process::whole(view, reading.all_owners(), namespace, query)
    });
    match whole {
        Some(whole) => sockets = whole,
        None => view.each(|socket| {
            sockets.push(socket.clone());
            if sockets.len() == AT_ONCE {
                visited = show(&mut sockets);
            }
            visited
        })?,
    }
    if visited.is_continue() {
        visited = show(&mut sockets);
    }
    let last = DumpEnd {
        stopped: visited.is_break(),
        ..DumpEnd::default()
    };
    Ok(Repeated { repeats: 0, last })
}

/// The sockets that were shown last, by their cookies.
///
/// Older kernels go on in a bucket by counting (net/ipv4/tcp_ipv4.c, `bpf_iter_tcp_resume`), and
/// show a socket again if another came before it meanwhile. A bucket has few: a table of all
/// sockets would wait for memory with each, and find no more.
struct Recent([u64; RECENT]);

const RECENT: usize = 4096;

impl Default for Recent {
    fn default() -> Self {
        Self([0; RECENT])
    }
}

impl Recent {
    /// Whether it was not there.
    fn insert(&mut self, cookie: u64) -> bool {
        // The kernel gives cookies out in a row.
        let place = (cookie % RECENT as u64) as usize;
        std::mem::replace(&mut self.0[place], cookie) != cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_shown_again_soon_is_known() {
        let mut shown = Recent::default();
        for cookie in 1..=RECENT as u64 {
            assert!(shown.insert(cookie), "{cookie}");
            assert!(!shown.insert(cookie), "{cookie}");
        }
        assert!(!shown.insert(1));
        assert!(shown.insert(RECENT as u64 + 1));
    }
}
