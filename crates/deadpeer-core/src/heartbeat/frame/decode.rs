//! Bytes to frames, from whatever pieces arrive.

use super::{Beat, Bye, Frame, FrameError, HEADER, Kind, MAX_CONTROL, Reason, hello};

/// Reads one direction of a connection from its first byte on.
///
/// It checks the order of the frames as well: a hello comes first, no data follows the end, nothing
/// follows a bye. After an error it gives the same error again.
#[derive(Debug, Clone)]
pub struct Decoder {
    header: [u8; HEADER],
    /// Bytes of the header that have come.
    header_len: usize,
    /// The frame whose header is complete.
    open: Option<Open>,
    /// The payload of a frame that is no data, as far as it has come.
    payload: [u8; MAX_CONTROL],
    payload_len: usize,
    progress: Progress,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    kind: Kind,
    /// Bytes of the payload that are still to come.
    missing: usize,
}

/// What has come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Hello,
    End,
    Bye,
    Failed(FrameError),
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            header: [0; HEADER],
            header_len: 0,
            open: None,
            payload: [0; MAX_CONTROL],
            payload_len: 0,
            progress: Progress::Nothing,
        }
    }
}

impl Decoder {
    /// Takes the next frame from the front of `input`, which loses the bytes that were read.
    /// `None`: more bytes are needed, and all of these are taken.
    ///
    /// A length that its kind may not have is an error before its payload is waited for.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, FrameError> {
        if let Progress::Failed(error) = self.progress {
            return Err(error);
        }
        let frame = self.step(input);
        if let Err(error) = frame {
            self.progress = Progress::Failed(error);
        }
        frame
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Truncated`], or the error that [`next`](Self::next) gave.
    pub fn finish(&self) -> Result<(), FrameError> {
        match self.progress {
            Progress::Failed(error) => Err(error),
            _ if self.header_len > 0 || self.open.is_some() => Err(FrameError::Truncated),
            Progress::Nothing | Progress::Hello | Progress::End | Progress::Bye => Ok(()),
        }
    }

    /// Whether the peer's hello has come.
    #[must_use]
    pub fn is_introduced(&self) -> bool {
        matches!(
            self.progress,
            Progress::Hello | Progress::End | Progress::Bye
        )
    }

    /// Whether the peer has said that no data follows.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.progress, Progress::End | Progress::Bye)
    }

    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, FrameError> {
        let Some(mut open) = self
            .open
            .map_or_else(|| self.header(input), |o| Ok(Some(o)))?
        else {
            return Ok(None);
        };
        let taken = take(input, open.missing);
        open.missing -= taken.len();
        let whole = open.missing == 0;
        self.open = (!whole).then_some(open);
        if open.kind == Kind::Data {
            return Ok((!taken.is_empty()).then_some(Frame::Data(taken)));
        }
        self.payload[self.payload_len..][..taken.len()].copy_from_slice(taken);
        self.payload_len += taken.len();
        match whole {
            true => self.control(open.kind).map(Some),
            false => Ok(None),
        }
    }

    /// Reads a header. `None`: it is not there yet.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Open>, FrameError> {
        let taken = take(input, HEADER - self.header_len);
        self.header[self.header_len..][..taken.len()].copy_from_slice(taken);
        self.header_len += taken.len();
        // What speaks another protocol may wait for an answer before it sends three bytes more.
        let strange = self.header_len > 0 && self.header[0] != Kind::Hello as u8;
        if self.progress == Progress::Nothing && strange {
            return Err(FrameError::NotHeartbeat);
        }
        if self.header_len < HEADER {
            return Ok(None);
        }
        self.header_len = 0;
        self.payload_len = 0;
        let [kind, l0, l1, l2] = self.header;
        let kind = Kind::of(kind).ok_or(FrameError::UnknownKind { kind })?;
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        self.check(kind, length)?;
        Ok(Some(Open {
            kind,
            missing: length,
        }))
    }

    fn check(&self, kind: Kind, length: usize) -> Result<(), FrameError> {
        let has_its_place = match self.progress {
            Progress::Nothing => kind == Kind::Hello,
            Progress::Hello => true,
            Progress::End => !matches!(kind, Kind::Data | Kind::End),
            Progress::Bye | Progress::Failed(_) => false,
        };
        let (least, most) = kind.bounds();
        if !has_its_place {
            Err(FrameError::Misplaced { kind })
        } else if length > most {
            Err(FrameError::Oversized { kind, length, most })
        } else if length < least {
            Err(FrameError::Undersized {
                kind,
                length,
                least,
            })
        } else {
            Ok(())
        }
    }

    /// A whole frame that is no data.
    fn control(&mut self, kind: Kind) -> Result<Frame<'static>, FrameError> {
        let payload = &self.payload[..self.payload_len];
        Ok(match kind {
            Kind::Hello => {
                let hello = hello::parse(payload)?;
                if self.progress == Progress::Nothing {
                    self.progress = Progress::Hello;
                }
                Frame::Hello(hello)
            }
            Kind::Ping => Frame::Ping(Beat::parse(payload)),
            Kind::Pong => Frame::Pong(Beat::parse(payload)),
            Kind::TooOften => Frame::TooOften,
            // Data goes to the caller as it comes and is never collected.
            Kind::Data => Frame::Data(&[]),
            Kind::End => {
                self.progress = Progress::End;
                Frame::End
            }
            Kind::Bye => {
                let (code, text) = payload.split_first().unwrap_or((&0, &[]));
                let text = std::str::from_utf8(text).map_err(|_| FrameError::Garbled)?;
                self.progress = Progress::Bye;
                Frame::Bye(Bye::because(Reason::of(*code), text))
            }
        })
    }
}

/// The first `most` bytes, or what there is.
fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}
