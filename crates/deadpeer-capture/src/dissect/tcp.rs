//! The TCP header and its options (RFC 9293, section 3.1; RFC 7323).

use super::ip::Header;
use super::segment::{Endpoint, Flags, Segment};
use super::{Layer, Skip};

/// Sequence numbers, flags and window: what a story can't do without.
const LEAST: usize = 16;

const END: u8 = 0;
const NOTHING: u8 = 1;
const WINDOW_SCALE: u8 = 3;
const TIMESTAMPS: u8 = 8;

pub(super) fn read(ip: &Header, packet: Layer<'_>) -> Result<Segment, Skip> {
    let head = packet.head::<LEAST>()?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let size = usize::from(head[12] >> 4) * 4;
    // The header of a fragmented packet may go on in its next fragment.
    if size < 20 || packet.length < size as u32 && !ip.fragmented {
        return Err(Skip::Malformed);
    }
    let flags = Flags(head[13]);
    let mut segment = Segment {
        source: Endpoint::new(ip.source, u16::from_be_bytes([head[0], head[1]])),
        destination: Endpoint::new(ip.destination, u16::from_be_bytes([head[2], head[3]])),
        seq: word(4),
        ack: word(8),
        flags,
        window: u16::from_be_bytes([head[14], head[15]]),
        length: packet.length.saturating_sub(size as u32),
        first_byte: packet.bytes.get(size).copied(),
        window_scale: None,
        timestamps: None,
        checksum: packet
            .bytes
            .get(16..18)
            .map(|sum| u16::from_be_bytes([sum[0], sum[1]])),
        hops: ip.hops,
        ip_id: ip.id,
        fragmented: ip.fragmented,
    };
    let options = packet.bytes.get(20..packet.bytes.len().min(size));
    read_options(options.unwrap_or(&[]), &mut segment);
    Ok(segment)
}

/// Reads the options that matter; a cut or crooked one ends them.
fn read_options(mut options: &[u8], segment: &mut Segment) {
    // What nearly every segment has: two bytes of nothing, then timestamps.
    if let [NOTHING, NOTHING, TIMESTAMPS, 10, value @ ..] = options {
        segment.timestamps = timestamps(value);
        return;
    }
    loop {
        options = match options {
            [] | [END, ..] => return,
            [NOTHING, rest @ ..] => rest,
            [kind, length, ..] => {
                let Some(value) = options.get(2..usize::from(*length)) else {
                    return;
                };
                match (*kind, value) {
                    (WINDOW_SCALE, [shift]) if segment.flags.any(Flags::SYN) => {
                        // RFC 7323, section 2.3: more than 14 is taken for 14.
                        segment.window_scale = Some((*shift).min(14));
                    }
                    (TIMESTAMPS, value) => segment.timestamps = timestamps(value),
                    _ => {}
                }
                &options[usize::from(*length)..]
            }
            [_] => return,
        };
    }
}

fn timestamps(value: &[u8]) -> Option<(u32, u32)> {
    let (value, rest) = value.split_first_chunk::<4>()?;
    let (echo, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*value), u32::from_be_bytes(*echo)))
}
