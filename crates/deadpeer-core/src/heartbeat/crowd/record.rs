//! A member as its crowd knows it.

/// What is known of a member, beside when it was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) phase: Phase,
    /// When the phase began; of a free place, the next free place.
    pub(super) since: u32,
    /// How many pings were sent.
    pub(super) sequence: u32,
    /// When the bucket of its pings is empty.
    pub(super) quiet_at: u32,
    pub(super) complaints: u8,
    /// Pings that no pong has answered.
    pub(super) owed: u8,
    /// Pings since it was heard.
    pub(super) unanswered: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Heard.
    Quiet,
    /// Asked.
    Asked,
    /// To be asked, but the transport takes nothing.
    Blocked,
    /// The same, and reported.
    Stuck,
    /// Reported.
    Silent,
    /// It left, but its entry is still in a slot.
    Left,
    /// Its place is free.
    Free,
}

// A million of them is the point.
const _: () = assert!(size_of::<Record>() == 16);
