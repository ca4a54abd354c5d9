//! Frames to bytes.

use super::{Frame, HEADER, Kind, MAX_DATA, hello};

impl Frame<'_> {
    /// Appends the frame as it goes over the wire.
    ///
    /// More than [`MAX_DATA`] bytes of data become several frames, none becomes no frame at all.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = self.kind();
        match self {
            Self::Hello(hello) => append(kind, &[&hello::payload(*hello)], out),
            Self::Ping(beat) | Self::Pong(beat) => append(kind, &[&beat.payload()], out),
            Self::Data(data) => {
                for part in data.chunks(MAX_DATA) {
                    append(kind, &[part], out);
                }
            }
            Self::TooOften | Self::End => append(kind, &[], out),
            Self::Bye(bye) => append(kind, &[&[bye.reason.code()], bye.text.as_bytes()], out),
        }
    }
}

/// The header of a frame whose payload has `length` bytes.
fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    let [.., l0, l1, l2] = (length as u32).to_be_bytes();
    [kind as u8, l0, l1, l2]
}

fn append(kind: Kind, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&header(kind, length));
    for part in parts {
        out.extend_from_slice(part);
    }
}
