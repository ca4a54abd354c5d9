//! Heartbeats on a connection: data travels in frames, with questions between them that the other
//! end's program has to answer.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use deadpeer_core::heartbeat::frame::{Bye, Decoder, Frame, FrameError, MAX_DATA, Reason};
use deadpeer_core::heartbeat::{Event, Heartbeat, Received, Sent, Settings, Standing, Violation};
use deadpeer_sys::clock::boottime;

use super::seen::{Question, Seen};

/// One ping is always on its way to an answer. A second one says that the first had none in a whole
/// interval.
const WORTH_TELLING: u32 = 2;

/// What turns bytes into frames and back, and knows when the other end's program is silent.
#[derive(Debug)]
pub(super) struct Framed {
    heartbeat: Heartbeat,
    decoder: Decoder,
    /// Frames that the socket has not taken yet.
    wire: Vec<u8>,
    /// Bytes that it has taken, and what to tell the machine when so many are.
    taken: u64,
    marks: VecDeque<(u64, Sent)>,
    deadline: Duration,
    unanswered: u32,
    ended: bool,
}

/// What came beside data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing follows.
    End,
    /// The other end leaves, with a reason.
    Bye(Bye),
}

/// The other end's program does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) silent: Duration,
    pub(super) unanswered: u32,
}

/// What no other end may say.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Rule(#[from] Violation),
}

impl Fault {
    fn reason(&self) -> Reason {
        match self {
            Self::Frame(error) => error.reason(),
            Self::Rule(Violation::TooManyPings { .. }) => Reason::TooManyPings,
            Self::Rule(Violation::TooSlow(_)) => Reason::TooSlow,
            Self::Rule(Violation::UnaskedPong { .. } | Violation::WrongEcho { .. } | _) => {
                Reason::UnaskedPong
            }
        }
    }
}

impl Framed {
    pub(super) fn new(deadline: Duration) -> Self {
        let seed = RandomState::new().hash_one(std::process::id());
        let settings = Settings::within(deadline).seed(seed);
        Self {
            heartbeat: Heartbeat::new(settings, boottime()),
            decoder: Decoder::default(),
            wire: Vec::new(),
            taken: 0,
            marks: VecDeque::new(),
            deadline,
            unanswered: 0,
            ended: false,
        }
    }

    /// How soon it wants to be looked at.
    pub(super) fn wake(&self) -> Option<Duration> {
        let wake = self.heartbeat.poll_timeout()?;
        Some(wake.at.saturating_sub(boottime()))
    }

    /// What to write next. Data follows once everything before it is written, so that a ping waits
    /// for one frame at most.
    pub(super) fn next(&mut self, data: &mut Vec<u8>, finishing: bool) -> &[u8] {
        while let Some(transmit) = self.heartbeat.poll_transmit(boottime()) {
            self.append(&transmit.into(), Sent::from(&transmit));
        }
        if self.wire.is_empty() && !data.is_empty() {
            let part: Vec<u8> = data.drain(..data.len().min(MAX_DATA)).collect();
            self.append(&Frame::Data(&part), Sent::Data);
        }
        if self.wire.is_empty() && finishing && !self.ended {
            self.ended = true;
            self.append(&Frame::End, Sent::Data);
        }
        &self.wire
    }

    /// Whether something waits to be written.
    pub(super) fn has_words(&self) -> bool {
        !self.wire.is_empty()
    }

    /// The socket took so many bytes.
    pub(super) fn taken(&mut self, bytes: usize) {
        let now = boottime();
        self.wire.drain(..bytes);
        self.taken += bytes as u64;
        self.heartbeat.handle_sent(now, Sent::Data);
        while let Some(&(_, sent)) = self.marks.front().filter(|(at, _)| *at <= self.taken) {
            self.marks.pop_front();
            self.heartbeat.handle_sent(now, sent);
        }
    }

    /// The socket takes none.
    pub(super) fn blocked(&mut self) {
        self.heartbeat.handle_blocked(boottime());
    }

    /// Takes what was read; data goes to `data`.
    pub(super) fn hear(
        &mut self,
        mut bytes: &[u8],
        data: &mut Vec<u8>,
    ) -> Result<Option<Word>, Fault> {
        let now = boottime();
        self.heartbeat.handle_received(now, Received::Data)?;
        let mut word = None;
        while let Some(frame) = self.decoder.next(&mut bytes)? {
            self.heartbeat.handle_received(now, frame.received())?;
            match frame {
                Frame::Data(part) => data.extend_from_slice(part),
                Frame::End => word = word.or(Some(Word::End)),
                Frame::Bye(bye) => word = Some(Word::Bye(bye)),
                Frame::Hello(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::TooOften => {}
            }
        }
        Ok(word)
    }

    /// Does what is due, says what is new, and whether the other end is silent for too long.
    pub(super) fn judge(&mut self, seen: &mut Vec<Seen>) -> Option<Silence> {
        let now = boottime();
        if self
            .heartbeat
            .poll_timeout()
            .is_some_and(|wake| wake.at <= now)
        {
            self.heartbeat.handle_timeout(now);
        }
        while let Some(event) = self.heartbeat.poll_event() {
            if let Event::Negotiated {
                deadline: Some(deadline),
                ..
            } = event
            {
                self.deadline = deadline;
                seen.push(Seen::Agreed { deadline });
            }
        }
        match self.heartbeat.standing(now) {
            Standing::Silent { age, unanswered } => Some(Silence {
                silent: age,
                unanswered,
            }),
            // No question could reach it, and it says nothing by itself either.
            Standing::Stuck { since, age } if since.min(age) >= self.deadline => Some(Silence {
                silent: age,
                unanswered: self.unanswered,
            }),
            Standing::Waiting { age, unanswered } => {
                if unanswered > self.unanswered && unanswered >= WORTH_TELLING {
                    let (what, count, silent) = (Question::Ping, unanswered, age);
                    seen.push(Seen::Unanswered {
                        what,
                        count,
                        silent,
                    });
                }
                self.unanswered = unanswered;
                None
            }
            Standing::Alive { .. } | Standing::Stuck { .. } | _ => {
                self.unanswered = 0;
                None
            }
        }
    }

    /// The last words of an end that leaves for this reason, for a socket that takes them.
    pub(super) fn bye(&self, fault: Option<&Fault>) -> Vec<u8> {
        let bye = match fault {
            None => Bye::new(Reason::Leaving),
            Some(fault) => Bye::because(fault.reason(), &fault.to_string()),
        };
        let mut last = Vec::new();
        // In the middle of a frame nothing else can be said.
        if self.wire.is_empty() {
            Frame::Bye(bye).encode(&mut last);
        }
        last
    }

    fn append(&mut self, frame: &Frame<'_>, sent: Sent) {
        frame.encode(&mut self.wire);
        let at = self.taken + self.wire.len() as u64;
        self.marks.push_back((at, sent));
    }
}
