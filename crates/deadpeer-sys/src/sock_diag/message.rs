//! From bytes to netlink messages: a pure parser that takes any bytes at all.

use std::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::socket::Socket;

/// The messages of one datagram. Ends after the first malformed one.
#[must_use]
pub fn messages(datagram: &[u8]) -> Messages<'_> {
    Messages { rest: datagram }
}

/// Iterator over the messages of a datagram; see [`messages`].
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

/// One netlink message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The number of the request it answers.
    pub seq: u32,
    /// The kernel says that the table changed while it was read: the dump may miss or repeat
    /// sockets.
    #[doc(alias = "NLM_F_DUMP_INTR")]
    pub interrupted: bool,
    /// What it says.
    pub kind: MessageKind<'a>,
}

/// What a netlink message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind<'a> {
    /// One socket.
    Socket(Socket<'a>),
    /// The end of the dump; an errno when it ended early.
    Done(Option<i32>),
    /// The request failed with this errno, or 0: it was acknowledged.
    Error(i32),
    /// Data was lost.
    Overrun,
    /// Something that has no meaning here, with its netlink type: a padding message, a family or a
    /// state unknown to us.
    Other(u16),
}

/// Bytes that are no answer of sock_diag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than a netlink header.
    ShortHeader {
        /// Bytes that were there.
        len: usize,
    },
    /// A message that claims less than its header or more than there is.
    Length {
        /// What the header says.
        claimed: usize,
        /// Bytes that were there.
        left: usize,
    },
    /// An answer without a whole `struct inet_diag_msg`.
    ShortSocket {
        /// Bytes that were there.
        len: usize,
    },
    /// An attribute that claims less than its header or more than there is.
    Attribute {
        /// What the attribute says.
        len: usize,
        /// Bytes that were there.
        left: usize,
    },
    /// An error message without an errno.
    ShortError,
}

impl std::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortHeader { len } => write!(f, "{len} bytes left, a netlink header takes 16"),
            Self::Length { claimed, left } => {
                write!(f, "a netlink message claims {claimed} bytes of {left}")
            }
            Self::ShortSocket { len } => {
                write!(f, "{len} bytes of socket, struct inet_diag_msg has 72")
            }
            Self::Attribute { len, left } => write!(f, "an attribute claims {len} bytes of {left}"),
            Self::ShortError => f.write_str("a netlink error message without an errno"),
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = self.message();
        if parsed.is_err() {
            self.rest = &[];
        }
        Some(parsed)
    }
}

impl<'a> Messages<'a> {
    fn message(&mut self) -> Result<Message<'a>, Malformed> {
        let left = self.rest.len();
        let (header, _) = Header::read_from_prefix(self.rest)
            .map_err(|_| Malformed::ShortHeader { len: left })?;
        let claimed = header.len as usize;
        let payload = self
            .rest
            .get(size_of::<Header>()..claimed)
            .ok_or(Malformed::Length { claimed, left })?;
        self.rest = self
            .rest
            .get(claimed.next_multiple_of(4)..)
            .unwrap_or_default();
        Ok(Message {
            seq: header.seq,
            interrupted: header.flags & NLM_F_DUMP_INTR != 0,
            kind: kind(header.kind, payload)?,
        })
    }
}

fn kind(kind: u16, payload: &[u8]) -> Result<MessageKind<'_>, Malformed> {
    Ok(match kind {
        TCPDIAG_GETSOCK | SOCK_DIAG_BY_FAMILY => {
            Socket::parse(payload)?.map_or(MessageKind::Other(kind), MessageKind::Socket)
        }
        NLMSG_DONE => MessageKind::Done(errno(payload).filter(|errno| *errno != 0)),
        NLMSG_ERROR => MessageKind::Error(errno(payload).ok_or(Malformed::ShortError)?),
        NLMSG_OVERRUN => MessageKind::Overrun,
        other => MessageKind::Other(other),
    })
}

/// The kernel writes errnos negative.
fn errno(payload: &[u8]) -> Option<i32> {
    let (negative, _) = i32::read_from_prefix(payload).ok()?;
    Some(negative.saturating_neg())
}

/// `struct nlmsghdr` (include/uapi/linux/netlink.h).
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Default)]
#[repr(C)]
pub(super) struct Header {
    pub(super) len: u32,
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) seq: u32,
    pub(super) port: u32,
}

pub(super) const TCPDIAG_GETSOCK: u16 = 18;
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLM_F_DUMP_INTR: u16 = 0x10;
