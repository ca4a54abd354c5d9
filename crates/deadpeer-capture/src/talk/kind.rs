//! What a segment is to its conversation.

/// What a segment is to its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Asks to open.
    Syn,
    /// Agrees to open.
    SynAck,
    /// New data.
    Data,
    /// Acknowledges, and nothing else.
    Ack,
    /// Says again what the side said before, while the other has data in flight.
    DuplicateAck,
    /// The receive window changed and nothing else, or it opened after having been closed.
    WindowUpdate,
    /// The receive window closed.
    WindowClosed,
    /// No more data from this side.
    Fin,
    /// Ends the connection at once.
    Reset,
    /// A keepalive probe (RFC 1122, section 4.2.3.6).
    Probe,
    /// Answers a keepalive probe.
    ProbeAnswer,
    /// Asks whether a closed window is still closed (RFC 9293, section 3.8.6.1).
    WindowProbe,
    /// Answers a window probe.
    WindowProbeAnswer,
    /// Sent before.
    Retransmission,
    /// Overtaken on its way by what was sent after it.
    Reordered,
    /// The same packet again: captured on two interfaces, or doubled by the network.
    SeenTwice,
}

impl Kind {
    /// Asks for an answer without carrying anything.
    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Probe | Self::WindowProbe)
    }
}
