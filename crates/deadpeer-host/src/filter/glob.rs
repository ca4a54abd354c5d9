//! Names with wildcards.

use std::fmt;
use std::str::FromStr;

/// A name, in which `*` stands for any bytes and `?` for any one. A name that is written exactly so
/// matches too, whatever it contains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(Box<[u8]>);

impl Glob {
    /// From bytes as they are: a process may call itself by any.
    #[must_use]
    pub fn new(pattern: impl Into<Box<[u8]>>) -> Self {
        Self(pattern.into())
    }

    /// Whether it means this name.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        *self.0 == *name || matches(&self.0, name)
    }
}

/// Goes back to the last `*` where the rest doesn't fit: at most as many steps as the product of
/// both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star = None;
    while of < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(b'?') => (at, of) = (at + 1, of + 1),
            Some(byte) if name.get(of) == Some(byte) => (at, of) = (at + 1, of + 1),
            Some(_) | None => {
                let Some((begin, skipped)) = star else {
                    return false;
                };
                star = Some((begin, skipped + 1));
                (at, of) = (begin + 1, skipped + 1);
            }
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

impl FromStr for Glob {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text.as_bytes()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        Glob::new(pattern.as_bytes()).matches(name.as_bytes())
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("postgres", "postgres"),
            ("postgres*", "postgres: writer"),
            ("*gres", "postgres"),
            ("p*s*r", "postgres: writer"),
            ("*a*b*", "xaxbx"),
            ("worker-?", "worker-3"),
            ("*", ""),
            ("a*b", "a*b"),
            ("[ab]", "[ab]"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("postgres", "postgres: writer"),
            ("gres", "postgres"),
            ("worker-?", "worker-"),
            ("*a", "ab"),
            ("", "x"),
            ("[ab]", "a"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_meant_by_itself_and_by_its_ends(head in ".{0,6}", rest in ".{0,6}", other in ".{0,6}") {
            let name = format!("{head}{other}{rest}");
            prop_assert!(fits(&name, &name));
            let pattern = format!("{head}*{rest}");
            prop_assert!(fits(&pattern, &name));
        }

        #[test]
        fn without_wildcards_nothing_else_is_meant(pattern in "[a-z]{0,4}", name in "[a-z]{0,4}") {
            prop_assert_eq!(fits(&pattern, &name), pattern == name);
        }
    }
}
