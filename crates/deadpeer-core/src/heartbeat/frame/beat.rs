//! What a ping carries, and its pong brings back.

/// What a ping and its pong carry. Whoever answers a ping copies it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Beat {
    /// Which ping of its sender: the first is 1.
    pub sequence: u64,
    /// Means something to the sender of the ping alone, such as the time of sending; 0 if it has no
    /// use for it.
    pub echo: u64,
}

impl Beat {
    pub(super) const LEN: usize = 16;

    pub(super) fn payload(self) -> [u8; Self::LEN] {
        let mut payload = [0; Self::LEN];
        payload[..8].copy_from_slice(&self.sequence.to_be_bytes());
        payload[8..].copy_from_slice(&self.echo.to_be_bytes());
        payload
    }

    /// The bounds of the payload have been checked.
    pub(super) fn parse(payload: &[u8]) -> Self {
        let word = |from: usize| {
            let bytes = payload.get(from..from + 8).unwrap_or_default();
            bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        Self {
            sequence: word(0),
            echo: word(8),
        }
    }
}
