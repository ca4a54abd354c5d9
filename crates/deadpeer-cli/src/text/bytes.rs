//! Sizes for people.

use std::fmt;

/// A number of bytes, three digits at most.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 1;
        for name in ["B", "kB", "MB", "GB", "TB"] {
            let whole = self.0 / unit;
            if whole < 1000 || name == "TB" {
                return match whole < 10 && unit > 1 {
                    true => write!(f, "{whole}.{} {name}", self.0 % unit * 10 / unit),
                    false => write!(f, "{whole} {name}"),
                };
            }
            unit *= 1000;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_few_digits() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (64_999, "64 kB"),
            (9_950_000, "9.9 MB"),
            (12_345_678_901, "12 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }
}
