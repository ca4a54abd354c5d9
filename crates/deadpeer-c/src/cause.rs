//! Causes as numbers, words and sentences.

use std::ffi::{CString, c_char, c_int};
use std::sync::LazyLock;

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
    words(cause)[0].as_ptr()
}

/// One sentence for a `deadpeer_cause`, without a full stop. Lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn deadpeer_cause_sentence(cause: c_int) -> *const c_char {
    words(cause)[1].as_ptr()
}

/// The causes of the library in the order of our numbers.
const ALL: [rust::Cause; 12] = [
    rust::Cause::Unknown,
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
    rust::Cause::Other(0),
];

/// The word and the sentence of each, with the zero at the end that Rust's strings lack.
static WORDS: LazyLock<[[CString; 2]; 12]> = LazyLock::new(|| {
    ALL.map(|cause| {
        let sentence = match cause {
            rust::Cause::Other(_) => "the connection failed with another errno".into(),
            named => named.sentence(),
        };
        [cause.word(), &*sentence].map(|text| CString::new(text).unwrap_or_default())
    })
});

/// C can pass any number for an enum.
fn words(number: c_int) -> &'static [CString; 2] {
    let [unknown, ..] = &*WORDS;
    let known = usize::try_from(number).ok();
    known
        .and_then(|number| WORDS.get(number))
        .unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_those_of_their_causes() {
        for (number, cause) in (0..).zip(ALL) {
            assert_eq!(Cause::from(cause) as c_int, number);
            let [word, sentence] = words(number);
            assert_eq!(word.to_str(), Ok(cause.word()));
            let said = cause.sentence().replace("errno 0", "another errno");
            assert_eq!(sentence.to_str(), Ok(&*said));
        }
        for number in [-1, 12] {
            assert_eq!(words(number), words(0));
        }
    }
}
