//! Names as the kernel has them: bytes that are text as a rule, and need not be.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sanitize::sanitize_bytes;

/// Bytes of a process name, a path or a peer's data, which JSON carries without loss.
///
/// In JSON it is a string: UTF-8 as it is, and any other byte as `\xNN` with two lower-case
/// hexadecimal digits. A backslash that stands before such a form in the bytes themselves is
/// written as `\x5c`, so that reading gives the very bytes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RawText(Box<[u8]>);

impl RawText {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for RawText {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&std::path::Path> for RawText {
    fn from(path: &std::path::Path) -> Self {
        path.as_os_str().as_encoded_bytes().into()
    }
}

/// Safe for a terminal.
impl fmt::Display for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitize_bytes(&self.0))
    }
}

impl Serialize for RawText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encoded(&self.0))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for RawText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        Ok(Self(decoded(&text)))
    }
}

fn encoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains("\\x") => return Cow::Borrowed(text),
        Ok(_) | Err(_) => {}
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        for (at, c) in valid.char_indices() {
            match escape(&valid.as_bytes()[at..]) {
                Some(_) => text.push_str("\\x5c"),
                None => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(text)
}

fn decoded(text: &str) -> Box<[u8]> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let (byte, after) = match escape(rest) {
            Some(byte) => (byte, &rest[4..]),
            None => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes.into()
}

/// The byte that `\xNN` at the begin of `bytes` stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    match bytes {
        [b'\\', b'x', high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_itself_and_other_bytes_are_escapes() {
        for (bytes, text) in [
            (&b"nginx"[..], "nginx"),
            ("サーバ".as_bytes(), "サーバ"),
            (b"C:\\xyz\\n", "C:\\xyz\\n"),
            (b"ab\xff\xc3", "ab\\xff\\xc3"),
            (b"dev-sda\\x2d1", "dev-sda\\x5cx2d1"),
            (b"\\\xff", "\\\\xff"),
        ] {
            assert_eq!(encoded(bytes), text);
            assert_eq!(*decoded(text), *bytes, "{text}");
        }
    }

    #[test]
    fn on_a_terminal_it_is_safe() {
        let name = RawText::from(&b"\x1b[2J\xff"[..]);
        assert_eq!(name.to_string(), "\\x1b[2J\\xff");
    }

    proptest! {
        #[test]
        fn json_gives_the_very_bytes_back(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            let json = serde_json::to_string(&RawText::from(bytes.as_slice())).unwrap();
            let read: RawText = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.as_bytes(), bytes);
        }

        #[test]
        fn so_it_does_where_escapes_are_dense(text in r"[\\x0-9a-f]{0,16}") {
            let json = serde_json::to_string(&RawText::from(text.as_str())).unwrap();
            let read: RawText = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.as_bytes(), text.as_bytes());
        }
    }
}
