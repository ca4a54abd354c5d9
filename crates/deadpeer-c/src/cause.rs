//! Causes as numbers, words and sentences.

use std::ffi::{CStr, c_char, c_int};

/// Why a connection ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Cause {
    /// It has not ended, or nothing says why.
    Unknown = 0,
    /// The peer closed its end, or was killed.
    PeerClosed = 1,
    /// Both ends closed.
    Closed = 2,
    /// ECONNRESET: the peer reset the connection.
    Reset = 3,
    /// EPIPE: the peer closed its end and then reset what we still sent.
    ResetAfterFin = 4,
    /// ETIMEDOUT: the peer stopped answering and this kernel gave up.
    TimedOut = 5,
    /// EHOSTUNREACH: the same, and its host was reported unreachable.
    HostUnreachable = 6,
    /// ENETUNREACH: the same, and its network was reported unreachable.
    NetworkUnreachable = 7,
    /// ECONNABORTED: somebody on this machine destroyed the socket.
    Destroyed = 8,
    /// ECONNREFUSED: nobody listens at the peer's address.
    Refused = 9,
    /// EACCES, EPERM: a firewall prohibits it.
    Prohibited = 10,
    /// Another errno.
    Other = 11,
}

impl From<rust::Cause> for Cause {
    fn from(cause: rust::Cause) -> Self {
        match cause {
            rust::Cause::PeerClosed => Self::PeerClosed,
            rust::Cause::Closed => Self::Closed,
            rust::Cause::Reset => Self::Reset,
            rust::Cause::ResetAfterFin => Self::ResetAfterFin,
            rust::Cause::TimedOut => Self::TimedOut,
            rust::Cause::HostUnreachable => Self::HostUnreachable,
            rust::Cause::NetworkUnreachable => Self::NetworkUnreachable,
            rust::Cause::Destroyed => Self::Destroyed,
            rust::Cause::Refused => Self::Refused,
            rust::Cause::Prohibited => Self::Prohibited,
            rust::Cause::Other(_) => Self::Other,
            rust::Cause::Unknown | _ => Self::Unknown,
        }
    }
}

/// The cause that the errno of a failed read or write names. Unknown for those that don't end a
/// connection, such as EAGAIN.
#[unsafe(no_mangle)]
pub extern "C" fn deadpeer_cause_of_errno(code: c_int) -> Cause {
    rust::Cause::from_errno(code, None).map_or(Cause::Unknown, Cause::from)
}

/// One word for a `deadpeer_cause`, such as "timed-out". Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn deadpeer_cause_word(cause: c_int) -> *const c_char {
    words(Cause::of_number(cause)).0.as_ptr()
}

/// One sentence for a `deadpeer_cause`, without a full stop. Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn deadpeer_cause_sentence(cause: c_int) -> *const c_char {
    words(Cause::of_number(cause)).1.as_ptr()
}

impl Cause {
    /// C can pass any number for an enum.
    fn of_number(number: c_int) -> Self {
        let known = ALL.into_iter().find(|cause| *cause as c_int == number);
        known.unwrap_or(Self::Unknown)
    }
}

const ALL: [Cause; 12] = [
    Cause::Unknown,
    Cause::PeerClosed,
    Cause::Closed,
    Cause::Reset,
    Cause::ResetAfterFin,
    Cause::TimedOut,
    Cause::HostUnreachable,
    Cause::NetworkUnreachable,
    Cause::Destroyed,
    Cause::Refused,
    Cause::Prohibited,
    Cause::Other,
];

fn words(cause: Cause) -> (&'static CStr, &'static CStr) {
    match cause {
        Cause::Unknown => (c"unknown", c"the connection ended and nothing says why"),
        Cause::PeerClosed => (c"peer-closed", c"the peer closed its end"),
        Cause::Closed => (c"closed", c"both ends closed"),
        Cause::Reset => (c"reset", c"the peer reset the connection"),
        Cause::ResetAfterFin => (
            c"reset-after-fin",
            c"the peer closed its end and then reset what we still sent",
        ),
        Cause::TimedOut => (
            c"timed-out",
            c"the peer stopped answering and this kernel gave up",
        ),
        Cause::HostUnreachable => (
            c"host-unreachable",
            c"the peer stopped answering and its host was reported unreachable",
        ),
        Cause::NetworkUnreachable => (
            c"network-unreachable",
            c"the peer stopped answering and its network was reported unreachable",
        ),
        Cause::Destroyed => (
            c"destroyed",
            c"the socket was destroyed by an administrator of this machine",
        ),
        Cause::Refused => (c"refused", c"nobody listens at the peer's address"),
        Cause::Prohibited => (c"prohibited", c"a firewall prohibits the connection"),
        Cause::Other => (c"other", c"the connection failed with another errno"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_and_back() {
        for (number, cause) in (0..).zip(ALL) {
            assert_eq!(cause as c_int, number);
            assert_eq!(Cause::of_number(number) as c_int, number);
        }
        assert_eq!(Cause::of_number(-1) as c_int, 0);
    }

    /// Said in two places for want of a zero at the end of Rust's strings.
    #[test]
    fn words_are_those_of_the_library() {
        for cause in [
            rust::Cause::PeerClosed,
            rust::Cause::Closed,
            rust::Cause::Reset,
            rust::Cause::ResetAfterFin,
            rust::Cause::TimedOut,
            rust::Cause::HostUnreachable,
            rust::Cause::NetworkUnreachable,
            rust::Cause::Destroyed,
            rust::Cause::Refused,
            rust::Cause::Prohibited,
            rust::Cause::Unknown,
        ] {
            let (word, sentence) = words(cause.into());
            assert_eq!(word.to_str(), Ok(cause.word()));
            assert_eq!(sentence.to_str(), Ok(&*cause.sentence()));
        }
    }
}
