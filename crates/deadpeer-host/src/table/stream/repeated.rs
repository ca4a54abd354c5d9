//! Reading by sock_diag, again where the kernel says that its answer is not whole.

use std::ops::ControlFlow;

use deadpeer_core::TcpState;
use deadpeer_sys::sock_diag::{DumpEnd, Request, Socket};
use rustc_hash::FxHashSet;

use crate::table::query::Query;
use crate::table::wholes::Wholes;

/// How often a reading that the kernel marks as interrupted is repeated.
const MAX_REPEATS: u32 = 3;

/// What the kernel is asked for. `wholes` are the Multipath TCP connections, whose parts may be
/// meant though they are in another state.
pub(super) fn request(query: &Query, wholes: &Wholes<'_>) -> Request {
    let mut states = query.filter.states;
    if query.context {
        states = states.with(TcpState::Listen);
    }
    let misses_parts =
        states.contains(TcpState::CloseWait) && !states.contains(TcpState::Established);
    if misses_parts && wholes.any_unclosed() {
        states = states.with(TcpState::Established);
    }
    Request {
        states,
        tcp_info: query.tcp_info,
    }
}

/// How a dump that may have been repeated ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) repeats: u32,
    pub(super) last: DumpEnd,
}

/// Dumps until a dump is not interrupted, at most [`MAX_REPEATS`] times more, and shows every
/// socket once.
pub(super) fn repeated<E>(
    mut dump: impl FnMut(&mut dyn FnMut(&Socket<'_>) -> ControlFlow<()>) -> Result<DumpEnd, E>,
    mut visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
) -> Result<Repeated, E> {
    let mut shown = FxHashSet::default();
    let mut repeats = 0;
    loop {
        let last = dump(&mut |socket| match shown.insert(socket.cookie) {
            true => visit(socket),
            false => ControlFlow::Continue(()),
        })?;
        if last.stopped || !last.interrupted || repeats == MAX_REPEATS {
            return Ok(Repeated { repeats, last });
        }
        repeats += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn ended(interrupted: bool, stopped: bool) -> DumpEnd {
        DumpEnd {
            interrupted,
            stopped,
            ..DumpEnd::default()
        }
    }

    /// Plays dumps, each a list of cookies and whether it was interrupted, and collects what is
    /// shown.
    fn play(dumps: &[(&[u64], bool)], stop_at: Option<u64>) -> (Repeated, Vec<u64>) {
        let mut dumps = dumps.iter();
        let mut shown = Vec::new();
        let any = "0.0.0.0:0".parse().unwrap();
        let dump = |visit: &mut dyn FnMut(&Socket<'_>) -> ControlFlow<()>| {
            let (cookies, interrupted) = dumps.next().expect("one dump too many");
            for cookie in *cookies {
                let mut socket = Socket::new(TcpState::Established, any, any);
                socket.cookie = *cookie;
                if visit(&socket).is_break() {
                    return Ok::<_, Infallible>(ended(*interrupted, true));
                }
            }
            Ok(ended(*interrupted, false))
        };
        let Ok(end) = repeated(dump, |socket| {
            shown.push(socket.cookie);
            match stop_at == Some(socket.cookie) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        (end, shown)
    }

    #[test]
    fn a_whole_dump_is_not_repeated() {
        let (end, shown) = play(&[(&[1, 2, 2, 3], false)], None);
        assert_eq!((end.repeats, end.last.interrupted), (0, false));
        assert_eq!(shown, [1, 2, 3]);
    }

    #[test]
    fn an_interrupted_dump_is_repeated_and_adds_what_was_missed() {
        let (end, shown) = play(&[(&[1, 3], true), (&[1, 2, 3, 4], false)], None);
        assert_eq!((end.repeats, end.last.interrupted), (1, false));
        assert_eq!(shown, [1, 3, 2, 4]);
    }

    #[test]
    fn a_table_that_never_rests_is_given_up() {
        let dumps: [(&[u64], bool); 4] =
            [(&[1], true), (&[2], true), (&[3], true), (&[1, 4], true)];
        let (end, shown) = play(&dumps, None);
        assert_eq!((end.repeats, end.last.interrupted), (3, true));
        assert_eq!(shown, [1, 2, 3, 4]);
    }

    #[test]
    fn who_stops_an_interrupted_dump_is_not_shown_it_again() {
        let (end, shown) = play(&[(&[1, 2, 3], true)], Some(2));
        assert!(end.last.stopped);
        assert_eq!((end.repeats, shown), (0, vec![1, 2]));
    }
}
