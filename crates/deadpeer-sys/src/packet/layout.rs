//! How large the frames and blocks of a ring are; arithmetic only.

/// Smallest block the kernel takes is a page; 64 KiB keeps the number of allocations low.
const LEAST_BLOCK: usize = 64 * 1024;

/// What stands before the packet in a frame: `tpacket2_hdr`, `sockaddr_ll`, the link-layer header
/// and their alignment (net/packet/af_packet.c, `tpacket_rcv`); 128 bytes hold them all.
const HEADROOM: usize = 128;

/// The shape of a receive ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLayout {
    frame: usize,
    block: usize,
    blocks: usize,
}

impl RingLayout {
    /// A ring of at least `frames` frames, each holding a packet of up to `mtu` bytes and its
    /// Ethernet header.
    ///
    /// Frames are a power of two, so that they fill blocks without a gap.
    #[must_use]
    pub fn holding(frames: usize, mtu: usize) -> Self {
        let frame = (mtu + HEADROOM).next_power_of_two();
        let block = frame.max(LEAST_BLOCK);
        let blocks = frames.max(1).div_ceil(block / frame);
        Self {
            frame,
            block,
            blocks,
        }
    }

    /// Bytes of one frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.frame
    }

    /// How many frames the ring has.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.blocks * (self.block / self.frame)
    }

    /// Bytes of the whole ring, which is the kernel's memory.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.blocks * self.block
    }

    pub(super) fn request(&self) -> libc::tpacket_req {
        let small = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        libc::tpacket_req {
            tp_block_size: small(self.block),
            tp_block_nr: small(self.blocks),
            tp_frame_size: small(self.frame),
            tp_frame_nr: small(self.frames()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fill_blocks_without_a_gap() {
        for mtu in [68, 576, 1280, 1500, 9000, 16_384, 65_535] {
            for frames in [1, 31, 32, 1000, 4096] {
                let ring = RingLayout::holding(frames, mtu);
                assert!(ring.frames() >= frames, "{mtu} {frames}");
                assert!(ring.frame_bytes() >= mtu + 14 + 66, "{mtu}");
                assert_eq!(ring.frames() * ring.frame_bytes(), ring.total_bytes());
                assert_eq!(ring.block % 4096, 0);
            }
        }
        assert_eq!(RingLayout::holding(1024, 1500).total_bytes(), 2 << 20);
    }
}
