//! Sequence numbers, which begin anew after 2^32 (RFC 9293, section 3.4).

/// Whether `a` comes before `b`.
pub(super) fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// The later of two, of which the first may be unknown.
pub(super) fn later(a: Option<u32>, b: u32) -> u32 {
    match a {
        Some(a) if before(b, a) => a,
        Some(_) | None => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_follows_the_largest() {
        assert!(before(u32::MAX, 0));
        assert!(!before(0, u32::MAX));
        assert!(!before(7, 7));
        assert_eq!(later(Some(u32::MAX), 3), 3);
        assert_eq!(later(Some(3), u32::MAX), 3);
        assert_eq!(later(None, 9), 9);
    }
}
