//! The dump: one question to the kernel, its answers handed out as they arrive.

use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use zerocopy::{Immutable, IntoBytes};

use super::message::{Header, Malformed, Message, MessageKind, TCPDIAG_GETSOCK, messages};
use super::{Socket, States};
use crate::{Result as SysResult, SysError, door};

/// The kernel fills at most 32 KiB a datagram (net/netlink/af_netlink.c, `max_recvmsg_len`).
const BUFFER: usize = 32 * 1024;

/// What to dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Which states.
    pub states: States,
    /// Whether each socket comes with its TCP_INFO.
    pub tcp_info: bool,
}

/// How a dump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DumpEnd {
    /// The table changed while it was read, or answers were lost: sockets may be missing or
    /// repeated. Dump again.
    pub interrupted: bool,
    /// Answers of a kind unknown to this version.
    pub unknown: u32,
    /// The visitor ended the dump.
    pub stopped: bool,
}

/// A dump that could not be made or finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpError {
    /// Sending the request or receiving an answer failed.
    Call(SysError),
    /// The kernel refused the request: `ENOENT` without `CONFIG_INET_TCP_DIAG`.
    Refused(Errno),
    /// The kernel gave up on the way.
    BrokenOff(Errno),
    /// An answer that is none.
    Malformed(Malformed),
    /// A datagram larger than any kernel sends.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl std::error::Error for DumpError {}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Refused(errno) => write!(f, "sock_diag refused the dump: {errno}"),
            Self::BrokenOff(errno) => write!(f, "sock_diag broke off the dump: {errno}"),
            Self::Malformed(malformed) => write!(f, "sock_diag answered nonsense: {malformed}"),
            Self::TooLong { len } => write!(f, "sock_diag sent {len} bytes at once"),
        }
    }
}

impl From<SysError> for DumpError {
    fn from(error: SysError) -> Self {
        Self::Call(error)
    }
}

/// What the kernel said, for whoever tells errors by their errno: `EBADMSG` where it talked
/// nonsense.
impl From<DumpError> for SysError {
    fn from(error: DumpError) -> Self {
        let errno = match error {
            DumpError::Call(error) => return error,
            DumpError::Refused(errno) | DumpError::BrokenOff(errno) => errno,
            DumpError::Malformed(_) | DumpError::TooLong { .. } => Errno::BADMSG,
        };
        Self {
            call: "sock_diag",
            errno,
        }
    }
}

impl From<Malformed> for DumpError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

/// A door to the kernel's table of TCP sockets in one network namespace.
///
/// Needs no privilege: everybody sees the sockets of all users of the namespace, their TCP_INFO
/// included.
#[derive(Debug)]
pub struct SockDiag {
    pub(super) netlink: OwnedFd,
    pub(super) seq: u32,
    /// A dump was left before its end; its answers still have to be taken.
    unfinished: bool,
    pub(super) buffer: Box<[u8]>,
}

impl SockDiag {
    /// Opens the table of the calling thread's network namespace; it stays with that namespace.
    ///
    /// # Errors
    /// The netlink socket cannot be made: `socket` or `connect` and its errno. `EPROTONOSUPPORT`:
    /// this kernel was built without `CONFIG_INET_DIAG`.
    pub fn open() -> SysResult<Self> {
        let netlink = door::call("socket(NETLINK_SOCK_DIAG)", || {
            net::socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                SocketFlags::CLOEXEC,
                Some(SOCK_DIAG),
            )
        })?;
        // Connected to the kernel (port 0): nobody else can put an answer into our queue.
        door::call("connect(NETLINK_SOCK_DIAG)", || {
            net::connect(&netlink, &SocketAddrNetlink::new(0, 0))
        })?;
        Ok(Self {
            netlink,
            seq: 0,
            unfinished: false,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    /// Hands out every TCP socket of IPv4 and IPv6 in the asked-for states, listeners first, until
    /// `visit` breaks.
    ///
    /// The table is not frozen meanwhile: a socket that comes, goes or changes its state while the
    /// dump runs may be missed or come twice (the cookie tells).
    ///
    /// # Errors
    /// The dump could not be made or finished. What was handed out before stands.
    pub fn dump(
        &mut self,
        request: Request,
        visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
    ) -> Result<DumpEnd, DumpError> {
        self.hand_out(|seq| Question::new(request, seq), visit)
    }

    /// Sends a question for a dump under the next number, and hands out the answers.
    pub(super) fn hand_out<Q: IntoBytes + Immutable>(
        &mut self,
        question: impl FnOnce(u32) -> Q,
        visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
    ) -> Result<DumpEnd, DumpError> {
        self.finish_dump()?;
        self.seq = self.seq.wrapping_add(1);
        ask(&self.netlink, question(self.seq).as_bytes())?;
        self.unfinished = true;
        self.run(visit)
    }

    /// Takes what is left of a dump that was left before its end.
    pub(super) fn finish_dump(&mut self) -> Result<(), DumpError> {
        if self.unfinished {
            self.run(|_| ControlFlow::Continue(()))?;
        }
        Ok(())
    }

    fn run(
        &mut self,
        mut visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
    ) -> Result<DumpEnd, DumpError> {
        let mut end = DumpEnd::default();
        loop {
            let datagram = match receive(&self.netlink, &mut self.buffer) {
                Ok(len) => self.buffer.get(..len).ok_or(DumpError::TooLong { len })?,
                // The kernel had no memory for an answer and says so once; the dump goes on.
                Err(SysError {
                    errno: Errno::NOBUFS,
                    ..
                }) => {
                    end.interrupted = true;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match read(datagram, self.seq, &mut end, &mut visit)? {
                Progress::More => {}
                Progress::Stopped => {
                    end.stopped = true;
                    return Ok(end);
                }
                Progress::Finished => {
                    self.unfinished = false;
                    return Ok(end);
                }
                Progress::Failed(error) => {
                    self.unfinished = false;
                    return Err(error);
                }
            }
        }
    }
}

/// Where a dump stands after a datagram.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    More,
    Stopped,
    Finished,
    Failed(DumpError),
}

/// Goes through one datagram of the dump with the number `seq`.
fn read(
    datagram: &[u8],
    seq: u32,
    end: &mut DumpEnd,
    visit: &mut impl FnMut(&Socket<'_>) -> ControlFlow<()>,
) -> Result<Progress, Malformed> {
    for message in messages(datagram) {
        let Message {
            seq: answers,
            interrupted,
            kind,
        } = message?;
        if answers != seq {
            continue;
        }
        end.interrupted |= interrupted;
        match kind {
            MessageKind::Socket(socket) => {
                if visit(&socket).is_break() {
                    return Ok(Progress::Stopped);
                }
            }
            MessageKind::Done(None) => return Ok(Progress::Finished),
            MessageKind::Done(Some(errno)) => {
                let errno = Errno::from_raw_os_error(errno);
                return Ok(Progress::Failed(DumpError::BrokenOff(errno)));
            }
            MessageKind::Error(0) => {}
            MessageKind::Error(errno) => {
                let errno = Errno::from_raw_os_error(errno);
                return Ok(Progress::Failed(DumpError::Refused(errno)));
            }
            MessageKind::Overrun => end.interrupted = true,
            MessageKind::Other(_) => end.unknown += 1,
        }
    }
    Ok(Progress::More)
}

/// Sends a request.
pub(super) fn ask(netlink: &OwnedFd, request: &[u8]) -> SysResult<()> {
    let send = || net::send(netlink, request, SendFlags::empty());
    door::call("send(NETLINK_SOCK_DIAG)", send).map(drop)
}

/// Receives one datagram and returns its whole length, which may be more than fits.
pub(super) fn receive(netlink: &OwnedFd, buffer: &mut [u8]) -> SysResult<usize> {
    loop {
        let receive = || net::recv(netlink, &mut *buffer, RecvFlags::TRUNC).map(|(_, len)| len);
        match door::filled("recv(NETLINK_SOCK_DIAG)", receive) {
            Err(error) if error.errno == Errno::INTR => {}
            other => return other,
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req`.
///
/// The older of the two requests, as ss(8) uses it: it alone dumps IPv4 and IPv6 in one pass over
/// the kernel's table, all listeners before all connections.
#[derive(IntoBytes, Immutable, Default)]
#[repr(C)]
struct Question {
    header: Header,
    /// `AF_UNSPEC`: both families.
    family: u8,
    src_len: u8,
    dst_len: u8,
    ext: u8,
    /// `struct inet_diag_sockid`: all zero, any socket.
    id: [u32; 12],
    states: u32,
    /// Unused by the kernel.
    tables: u32,
}

impl Question {
    fn new(request: Request, seq: u32) -> Self {
        Self {
            header: Header {
                len: size_of::<Self>() as u32,
                kind: TCPDIAG_GETSOCK,
                flags: NLM_F_REQUEST | NLM_F_DUMP,
                seq,
                port: 0,
            },
            ext: match request.tcp_info {
                true => ASK_FOR_TCP_INFO,
                false => 0,
            },
            states: request.states.mask(),
            ..Self::default()
        }
    }
}

pub(super) const NLM_F_REQUEST: u16 = 0x1;
pub(super) const NLM_F_DUMP: u16 = 0x300;
/// `1 << (INET_DIAG_INFO - 1)`.
pub(super) const ASK_FOR_TCP_INFO: u8 = 1 << 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_what_the_kernel_said() {
        let call = SysError {
            call: "recv",
            errno: Errno::NOMEM,
        };
        let told = |error: DumpError| SysError::from(error).errno;
        assert_eq!(SysError::from(DumpError::Call(call)), call);
        assert_eq!(told(DumpError::Refused(Errno::PERM)), Errno::PERM);
        let nonsense = DumpError::TooLong { len: 1 << 20 };
        assert_eq!(told(nonsense), Errno::BADMSG);
    }

    #[test]
    fn the_question_has_the_kernels_layout() {
        assert_eq!(size_of::<Question>(), 16 + 60);
    }
}
