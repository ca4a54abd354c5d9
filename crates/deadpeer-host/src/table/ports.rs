//! The local ports that a namespace gives to outgoing connections.

use std::ops::RangeInclusive;
use std::{fs, io};

const FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Reads `ip_local_port_range` of the calling thread's network namespace.
pub(crate) fn ephemeral() -> io::Result<RangeInclusive<u16>> {
    parse(&fs::read_to_string(FILE)?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} is no range")))
}

fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(first), Ok(last)) => Some(first..=last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_a_range() {
        assert_eq!(parse("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(parse("32768"), None);
        assert_eq!(parse("a b"), None);
    }

    #[test]
    fn the_running_kernel_has_one() {
        assert!(!ephemeral().unwrap().is_empty());
    }
}
