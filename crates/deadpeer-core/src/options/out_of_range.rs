//! A value that an option cannot hold.

use std::fmt;
use std::time::Duration;

use super::{OptionFacts, SocketOption};

/// A value that an option cannot hold, and that the kernel would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutOfRange {
    /// The option, whose [facts](SocketOption::facts) have its range and unit.
    pub option: SocketOption,
    /// The value that was asked for.
    pub value: Asked,
}

impl OutOfRange {
    pub(super) fn new(option: SocketOption, value: Asked) -> Self {
        Self { option, value }
    }
}

/// A value as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// In the unit of the option.
    Number(u64),
    /// As a duration, which need not be a whole number of units.
    Duration(Duration),
}

impl std::error::Error for OutOfRange {}

impl From<OutOfRange> for std::io::Error {
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the error inside.
    fn from(error: OutOfRange) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OptionFacts {
            name,
            unit,
            min,
            max,
            ..
        } = self.option.facts();
        write!(f, "{name} takes {min} to {max} ")?;
        match self.value {
            Asked::Number(number) => write!(f, "{unit}, not {number}"),
            Asked::Duration(duration) => write!(f, "whole {unit}, not {duration:?}"),
        }
    }
}
