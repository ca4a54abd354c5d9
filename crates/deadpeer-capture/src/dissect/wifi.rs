//! IEEE 802.11, open or decrypted, and what capture tools put before it.

use super::{Content, Layer, Opaque, Skip, ethernet, llc};

/// The second byte of the frame control field.
const TO_AND_FROM_DISTRIBUTION: u8 = 0x03;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// The subtypes' bits, in the first byte.
const WITHOUT_DATA: u8 = 0x40;
const WITH_QUALITY: u8 = 0x80;

/// Where the sequence control field begins, with the number of a fragment.
const FRAGMENT: usize = 22;

/// How data in the clear begins: LLC, SNAP, numbered by EtherTypes.
const CLEAR: &[u8] = &[0xaa, 0xaa, 0x03];

/// Reads a frame after a radiotap header (<https://www.radiotap.org>).
pub(super) fn radiotap(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<8>()?;
    let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
    if head[0] != 0 || length < 8 {
        return Err(Skip::Malformed);
    }
    let padded = flags(packet.bytes).is_some_and(|flags| flags & 0x20 != 0);
    frame(packet.after(length)?, padded)
}

/// The field of flags, if the header has one: after the words that say what is there, and a clock
/// of 8 bytes.
fn flags(header: &[u8]) -> Option<u8> {
    const CLOCK: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE_WORDS: u32 = 1 << 31;
    let word = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let present = word(4)?;
    let mut at = 8;
    let mut last = present;
    while last & MORE_WORDS != 0 {
        last = word(at)?;
        at += 4;
    }
    if present & CLOCK != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    (present & FLAGS != 0).then(|| header.get(at).copied())?
}

/// Reads an 802.11 frame; `padded`: zeros fill its header up to a multiple of 4.
pub(super) fn frame(frame: Layer<'_>, padded: bool) -> Result<Content, Skip> {
    data(frame, *frame.head::<2>()?, FRAGMENT, padded)
}

/// The same as some access points tunnel it, with the bytes of the frame control and the sequence
/// control field swapped.
pub(super) fn frame_of_either_order(frame: Layer<'_>) -> Result<Content, Skip> {
    let [one, two] = *frame.head::<2>()?;
    match is_data(one) {
        true => data(frame, [one, two], FRAGMENT, false),
        false => data(frame, [two, one], FRAGMENT + 1, false),
    }
}

fn is_data(control: u8) -> bool {
    const VERSION_AND_TYPE: u8 = 0x0f;
    const DATA: u8 = 0x08;
    control & VERSION_AND_TYPE == DATA
}

/// Reads a frame with this frame control field; the number of a fragment stands in the byte at
/// `fragment`.
fn data(
    frame: Layer<'_>,
    control: [u8; 2],
    fragment: usize,
    padded: bool,
) -> Result<Content, Skip> {
    let [kind, flags] = control;
    if !is_data(kind) || kind & WITHOUT_DATA != 0 {
        return Err(Skip::NotIp);
    }
    let fragment = frame.head::<24>()?[fragment] & 0x0f;
    let mut size = 24;
    if flags & TO_AND_FROM_DISTRIBUTION == TO_AND_FROM_DISTRIBUTION {
        size += 6;
    }
    let mut aggregated = false;
    if kind & WITH_QUALITY != 0 {
        let quality = *frame.bytes.get(size).ok_or(Skip::CutShort)?;
        aggregated = quality & 0x80 != 0;
        size += 2;
        if flags & ORDER != 0 {
            size += 4;
        }
    }
    if padded {
        size = size.next_multiple_of(4);
    }
    if fragment != 0 {
        return Err(Skip::LaterFragment);
    }
    let body = frame.after(size)?;
    // Drivers leave the bit on frames that they decrypted.
    if flags & PROTECTED != 0 && !body.bytes.starts_with(CLEAR) {
        return Err(Skip::Opaque(Opaque::Wifi));
    }
    match aggregated {
        // The first of the frames in it.
        true => ethernet::read(body),
        false => llc::read(body),
    }
}

/// Reads a frame after the header of Prism's or AVS' drivers, which says how long it is.
pub(super) fn prism(packet: Layer<'_>) -> Result<Content, Skip> {
    let head = packet.head::<8>()?;
    let length = [head[4], head[5], head[6], head[7]];
    let length = u32::from_le_bytes(length).min(u32::from_be_bytes(length));
    frame(packet.after(length as usize)?, false)
}
