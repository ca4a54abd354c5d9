//! Numbers in either byte order.

/// The byte order of a file or section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }

    /// The 16 bits at a place of a head whose size is known.
    pub(super) fn u16_at<const AT: usize, const N: usize>(self, head: &[u8; N]) -> u16 {
        const { assert!(AT + 2 <= N) }
        self.u16([head[AT], head[AT + 1]])
    }

    /// The 32 bits at a place of a head whose size is known.
    pub(super) fn u32_at<const AT: usize, const N: usize>(self, head: &[u8; N]) -> u32 {
        const { assert!(AT + 4 <= N) }
        self.u32([head[AT], head[AT + 1], head[AT + 2], head[AT + 3]])
    }
}
