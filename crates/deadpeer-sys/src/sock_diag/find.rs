//! What is between two ends now, whatever its cookie.

use rustix::io::Errno;
use zerocopy::IntoBytes;

use deadpeer_core::TcpState;

use super::destroy::{Question, SocketId};
use super::dump::{ASK_FOR_TCP_INFO, DumpError, NLM_F_REQUEST, SockDiag, ask, receive};
use super::message::{MessageKind, SOCK_DIAG_BY_FAMILY, messages};
use super::socket::Socket;

/// `INET_DIAG_NOCOOKIE`.
const ANY_COOKIE: [u32; 2] = [u32::MAX; 2];

impl SockDiag {
    /// The state of the socket between these ends, `TimeWait` included; `None`: there is none. A
    /// listener is not looked for. The cookie is not compared: what is left of a connection in
    /// TIME_WAIT has another.
    ///
    /// # Errors
    /// The kernel could not be asked.
    pub fn state_between(&mut self, ends: &SocketId) -> Result<Option<TcpState>, DumpError> {
        self.socket_between(ends, false, |socket| socket.state)
    }

    /// Looks at the socket between these ends, with its TCP_INFO if wished, as
    /// [`state_between`](Self::state_between) does.
    ///
    /// # Errors
    /// The kernel could not be asked.
    pub fn socket_between<T>(
        &mut self,
        ends: &SocketId,
        tcp_info: bool,
        read: impl FnOnce(&Socket<'_>) -> T,
    ) -> Result<Option<T>, DumpError> {
        self.finish_dump()?;
        let mut question = Question::of(ends);
        question.header.kind = SOCK_DIAG_BY_FAMILY;
        question.header.flags = NLM_F_REQUEST;
        question.id.cookie = ANY_COOKIE;
        if tcp_info {
            question.ext = ASK_FOR_TCP_INFO;
        }
        let answer = self.ask_one(question, |socket| {
            let whole = socket.peer == ends.peer && socket.local == ends.local;
            whole.then(|| read(socket))
        })?;
        answer.or_else(|errno| match errno {
            Some(Errno::NOENT) | None => Ok(None),
            Some(other) => Err(DumpError::Refused(other)),
        })
    }

    /// Sends a question about one socket and waits for what the kernel says: the socket, or an
    /// errno, or `None` for an acknowledgement.
    pub(super) fn ask_one<T>(
        &mut self,
        mut question: Question,
        read: impl FnOnce(&Socket<'_>) -> T,
    ) -> Result<Result<T, Option<Errno>>, DumpError> {
        self.seq = self.seq.wrapping_add(1);
        question.header.seq = self.seq;
        ask(&self.netlink, question.as_bytes())?;
        loop {
            let len = receive(&self.netlink, &mut self.buffer)?;
            for message in messages(self.buffer.get(..len).unwrap_or_default()) {
                let message = message?;
                if message.seq != self.seq {
                    continue;
                }
                match message.kind {
                    MessageKind::Socket(socket) => return Ok(Ok(read(&socket))),
                    MessageKind::Error(0) => return Ok(Err(None)),
                    MessageKind::Error(errno) => {
                        return Ok(Err(Some(Errno::from_raw_os_error(errno))));
                    }
                    MessageKind::Done(_) | MessageKind::Overrun | MessageKind::Other(_) => {}
                }
            }
        }
    }
}
