//! Which Linux wrote a `struct tcp_info`.

use std::fmt;

/// A Linux version as far as the layout of `struct tcp_info` depends on it: 6.18 of
/// `6.18.44-amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelVersion {
    /// The version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads the release that uname(2) and `/proc/sys/kernel/osrelease` show, such as
    /// `6.1.0-49-amd64`. `None` for a text that doesn't start with two numbers.
    #[must_use]
    pub fn parse(release: &str) -> Option<Self> {
        let (major, rest) = release.split_once('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        let minor = &rest[..digits.unwrap_or(rest.len())];
        Some(Self::new(number(major)?, number(minor)?))
    }
}

/// Decimal digits alone: `u16::from_str` would take a sign.
fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_distributions_print() {
        for (release, major, minor) in [
            ("6.18.44-fc-v595", 6, 18),
            ("6.1.0-49-amd64", 6, 1),
            ("2.6.37", 2, 6),
            ("7.0-rc1", 7, 0),
            ("4.18.0-553.el8_10.x86_64\n", 4, 18),
        ] {
            let version = KernelVersion::parse(release);
            assert_eq!(version, Some(KernelVersion::new(major, minor)), "{release}");
        }
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in ["", "6", "6.", ".1", "+6.1", "-1.2", "six.one", "70000.1"] {
            assert_eq!(KernelVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn orders_by_number_not_by_text() {
        assert!(KernelVersion::new(6, 9) < KernelVersion::new(6, 18));
        assert!(KernelVersion::new(6, 18) < KernelVersion::new(7, 0));
    }
}
