//! Multipath TCP connections as wholes: the table of TCP shows each of their parts by itself
//! (net/mptcp/mptcp_diag.c).

use std::ops::ControlFlow;

use zerocopy::{Immutable, IntoBytes};

use super::destroy::Question;
use super::dump::{DumpError, NLM_F_DUMP, NLM_F_REQUEST, SockDiag};
use super::message::SOCK_DIAG_BY_FAMILY;
use super::socket::{Family, Socket};
use super::states::States;

impl SockDiag {
    /// Hands out every Multipath TCP connection and listener of IPv4 and IPv6 in these states,
    /// once or twice: each with the number of its descriptor, which its [parts](Socket::multipath)
    /// share, and the state it is in as a whole. Linux 5.9.
    ///
    /// # Errors
    /// The dump could not be made or finished: `ENOENT` without `CONFIG_INET_MPTCP_DIAG`.
    pub fn multipath(
        &mut self,
        states: States,
        mut visit: impl FnMut(&Socket<'_>),
    ) -> Result<(), DumpError> {
        for family in [Family::V4, Family::V6] {
            let question = |seq| QuestionOfProtocol::new(family, states, seq);
            self.hand_out(question, |socket| {
                visit(socket);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}

/// A dump of a protocol whose number doesn't fit into one byte: `INET_DIAG_REQ_PROTOCOL` has it.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct QuestionOfProtocol {
    question: Question,
    /// `struct nlattr`.
    len: u16,
    kind: u16,
    protocol: u32,
}

impl QuestionOfProtocol {
    fn new(family: Family, states: States, seq: u32) -> Self {
        let mut question = Question::any(family, states);
        question.header.seq = seq;
        question.header.len = size_of::<Self>() as u32;
        question.header.kind = SOCK_DIAG_BY_FAMILY;
        question.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        Self {
            question,
            len: 8,
            kind: INET_DIAG_REQ_PROTOCOL,
            protocol: libc::IPPROTO_MPTCP.cast_unsigned(),
        }
    }
}

/// include/uapi/linux/inet_diag.h.
const INET_DIAG_REQ_PROTOCOL: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_the_kernels_layout() {
        assert_eq!(size_of::<QuestionOfProtocol>(), 16 + 56 + 8);
    }
}
