//! What a line sends and reads.

use std::io::{self, Read as _, Write};
use std::net::Shutdown;

use super::super::framed::{Fault, Word};
use super::super::seen::Seen;
use super::{Line, Room};
use crate::exit::Stop;

/// What is read at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// What reading came to.
pub(super) enum Heard {
    /// Whatever there was; more may come.
    More,
    /// The end of what the peer sends.
    End,
    Word(Word),
    Fault(Fault),
    Failed(io::Error),
}

impl Line {
    pub(super) fn flush<W: Write>(
        &mut self,
        room: &mut Room<'_, '_, W>,
    ) -> Result<io::Result<()>, Stop> {
        loop {
            let bytes = match &mut self.framed {
                Some(framed) => framed.next(&mut self.outgoing, self.finishing),
                None => &self.outgoing,
            };
            if bytes.is_empty() {
                break;
            }
            match self.stream.write(bytes) {
                Ok(len) => self.note_sent(len),
                Err(error) if is_later(&error) => {
                    self.note_blocked();
                    return Ok(Ok(()));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        if self.finishing && !self.shut {
            self.shut = true;
            if self.framed.is_none() {
                // A connection that is over already shows that by itself.
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            room.report.seen(self.peer, Seen::ShutDown)?;
        }
        Ok(Ok(()))
    }

    fn note_blocked(&mut self) {
        if let Some(framed) = &mut self.framed {
            framed.blocked();
        }
    }

    fn note_sent(&mut self, len: usize) {
        self.sent += len as u64;
        match &mut self.framed {
            Some(framed) => framed.taken(len),
            None => drop(self.outgoing.drain(..len)),
        }
    }

    /// Reads so many pieces at most.
    pub(super) fn read<W: Write>(
        &mut self,
        pieces: usize,
        room: &mut Room<'_, '_, W>,
    ) -> Result<Heard, Stop> {
        let mut piece = vec![0; PIECE];
        for _ in 0..pieces {
            let len = match self.stream.read(&mut piece) {
                Ok(0) => return Ok(Heard::End),
                Ok(len) => len,
                Err(error) if is_later(&error) => return Ok(Heard::More),
                Err(error) => return Ok(Heard::Failed(error)),
            };
            self.received += len as u64;
            let Some(framed) = &mut self.framed else {
                room.report.received(self.peer, &piece[..len])?;
                continue;
            };
            let mut data = Vec::new();
            let word = framed.hear(&piece[..len], &mut data);
            if !data.is_empty() {
                room.report.received(self.peer, &data)?;
            }
            match word {
                Ok(None) => {}
                Ok(Some(word)) => return Ok(Heard::Word(word)),
                Err(fault) => return Ok(Heard::Fault(fault)),
            }
        }
        Ok(Heard::More)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
