//! How a line ends.

use std::io::{self, Write};
use std::time::Duration;

use deadpeer::Cause;
use deadpeer_core::TcpInfo;
use deadpeer_core::heartbeat::frame::Reason;
use deadpeer_sys::{Errno, errno_name, sockopt};

use super::super::ending::{By, Ending, Shown, Sign};
use super::super::framed::{Fault, Silence, Word};
use super::traffic::Heard;
use super::{Line, Room};
use crate::exit::Stop;

impl Line {
    /// What heartbeats say.
    pub(super) fn judge<W: Write>(
        &mut self,
        room: &mut Room<'_, '_, W>,
    ) -> Result<Option<Ending>, Stop> {
        let Some(framed) = &mut self.framed else {
            return Ok(None);
        };
        let mut seen = Vec::new();
        let silence = framed.judge(&mut seen);
        for seen in seen {
            room.report.seen(self.peer, seen)?;
        }
        Ok(silence.map(|silence| {
            let Silence { silent, unanswered } = silence;
            // What can't be delivered any more is not kept for delivery after close().
            let _ = sockopt::set_linger(&self.stream, Some(Duration::ZERO));
            self.judged(By::Heartbeat, Sign::Silence, silent, unanswered)
        }))
    }

    /// The watch says that it is over.
    pub(in super::super) fn died<W: Write>(
        &mut self,
        room: &mut Room<'_, '_, W>,
    ) -> Result<Ending, Stop> {
        let shown = self.shown(None);
        self.end(Sign::Verdict, None, shown, room)
    }

    /// Judged to be unreachable.
    pub(in super::super) fn judged(
        &self,
        by: By,
        sign: Sign,
        silent: Duration,
        unanswered: u32,
    ) -> Ending {
        Ending {
            by,
            sign,
            cause: None,
            errno: None,
            silent: Some(silent),
            unanswered,
            shown: self.shown(None),
        }
    }

    /// Ended by a signal to this process.
    pub(in super::super) fn interrupted(&mut self) -> Ending {
        self.say_bye(None);
        let info = deadpeer::inspect(&self.stream).ok();
        let silent = info.as_ref().and_then(TcpInfo::heard_ago);
        let (_, unanswered) = self.observer.open();
        let nothing = Duration::ZERO;
        Ending {
            silent,
            ..self.judged(By::Us, Sign::Interrupt, nothing, unanswered)
        }
    }

    /// The end, with what can still be read and the connection's error, which is ours to take.
    pub(super) fn end<W: Write>(
        &mut self,
        sign: Sign,
        error: Option<io::Error>,
        shown: Shown,
        room: &mut Room<'_, '_, W>,
    ) -> Result<Ending, Stop> {
        let info = self.check(room)?;
        let mut error = error;
        if self.reads && error.is_none() {
            error = match self.read(usize::MAX, room)? {
                Heard::Failed(error) => Some(error),
                Heard::More | Heard::End | Heard::Word(_) | Heard::Fault(_) => None,
            };
        }
        let error = error.or_else(|| self.stream.take_error().ok().flatten());
        let raw = error.as_ref().map_or(Some(0), io::Error::raw_os_error);
        let cause = match raw {
            Some(raw) => Cause::from_errno(raw, info.state).unwrap_or(Cause::Unknown),
            None => Cause::Unknown,
        };
        let (question, unanswered) = self.observer.open();
        Ok(Ending {
            by: By::of(cause, question),
            sign,
            cause: Some(cause),
            errno: raw
                .filter(|raw| *raw != 0)
                .map(|raw| errno_name(Errno::from_raw_os_error(raw))),
            silent: info.heard_ago(),
            unanswered,
            shown,
        })
    }

    /// The other end has said that it leaves.
    pub(super) fn left(&mut self, word: &Word) -> Ending {
        self.say_bye(None);
        let (by, words) = match word {
            Word::End => (By::Peer, "the end of its data".to_owned()),
            Word::Bye(bye) if bye.reason == Reason::Leaving => (By::Peer, bye.to_string()),
            Word::Bye(bye) => (By::Heartbeat, bye.to_string()),
        };
        self.judged(by, Sign::Frame(words), Duration::ZERO, 0)
    }

    /// Says goodbye if the socket takes it at once.
    pub(super) fn say_bye(&mut self, fault: Option<&Fault>) {
        if let Some(framed) = &self.framed {
            // Whoever is gone misses nothing.
            let _ = self.stream.write(&framed.bye(fault));
        }
    }
}
