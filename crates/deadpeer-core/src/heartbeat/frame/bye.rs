//! Why an end leaves.

use std::fmt;

/// The most bytes of the words after the reason.
pub const MAX_TEXT: usize = 123;

/// The last words of an end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bye {
    /// Why it leaves.
    pub reason: Reason,
    /// More of it, for a person. It comes from outside: make it safe before it is shown on a
    /// terminal.
    pub text: String,
}

impl Bye {
    /// A reason without words.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            text: String::new(),
        }
    }

    /// A reason with words; what is longer than [`MAX_TEXT`] bytes is cut.
    #[must_use]
    pub fn because(reason: Reason, text: &str) -> Self {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            reason,
            text: text[..end].to_owned(),
        }
    }
}

/// As `too-many-pings`, or `too-many-pings: 5 in 1 s`.
impl fmt::Display for Bye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if !self.text.is_empty() {
            write!(f, ": {}", self.text.escape_debug())?;
        }
        Ok(())
    }
}

/// Why an end leaves, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// 0: it has something else to do. No complaint.
    Leaving,
    /// 1: what it read is not this protocol.
    NotHeartbeat,
    /// 2: it speaks another version.
    WrongVersion,
    /// 3: it read a frame against the rules.
    BadFrame,
    /// 4: it read a pong to no ping of its own.
    UnaskedPong,
    /// 5: the peer pings more often than agreed.
    TooManyPings,
    /// 6: the peer was silent for too long.
    Silent,
    /// 7: the peer does not take what is sent to it.
    Stuck,
    /// 8: the peer's pace is too slow for its deadline.
    TooSlow,
    /// A reason of a later version.
    Other(u8),
}

impl Reason {
    /// All that have a name.
    pub const NAMED: [Self; 9] = [
        Self::Leaving,
        Self::NotHeartbeat,
        Self::WrongVersion,
        Self::BadFrame,
        Self::UnaskedPong,
        Self::TooManyPings,
        Self::Silent,
        Self::Stuck,
        Self::TooSlow,
    ];

    /// The byte of the frame.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Leaving => 0,
            Self::NotHeartbeat => 1,
            Self::WrongVersion => 2,
            Self::BadFrame => 3,
            Self::UnaskedPong => 4,
            Self::TooManyPings => 5,
            Self::Silent => 6,
            Self::Stuck => 7,
            Self::TooSlow => 8,
            Self::Other(code) => code,
        }
    }

    /// The reason of a byte.
    #[must_use]
    pub fn of(code: u8) -> Self {
        let named = Self::NAMED.into_iter().find(|reason| reason.code() == code);
        named.unwrap_or(Self::Other(code))
    }
}

/// The word of messages and of the specification.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Leaving => "leaving",
            Self::NotHeartbeat => "not-heartbeat",
            Self::WrongVersion => "wrong-version",
            Self::BadFrame => "bad-frame",
            Self::UnaskedPong => "unasked-pong",
            Self::TooManyPings => "too-many-pings",
            Self::Silent => "silent",
            Self::Stuck => "stuck",
            Self::TooSlow => "too-slow",
            Self::Other(code) => return write!(f, "reason {code}"),
        };
        f.pad(word)
    }
}
