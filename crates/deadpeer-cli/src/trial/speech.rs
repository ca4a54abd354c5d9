//! What a client says: a protocol by name, text, or a file.

use std::path::Path;

use crate::exit::Stop;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Speech {
    /// Once, before anything else.
    pub(super) opening: Option<Vec<u8>>,
    /// Again and again; the server answers each time.
    pub(super) words: Vec<u8>,
}

/// StartupMessage, version 3.0 (PostgreSQL's documentation, "Message Formats").
const POSTGRES: &[u8] = b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0";
/// Query of `select 1`.
const SELECT: &[u8] = b"Q\0\0\0\x0dselect 1\0";
/// CONNECT of MQTT 3.1.1 with a clean session, 60 s of keep-alive and no name (OASIS, 3.1).
const CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
/// PINGREQ (3.12).
const PINGREQ: &[u8] = b"\xc0\0";

impl Speech {
    /// What is said in the protocol of this name; `None`: it has none.
    pub(super) fn of_protocol(name: &Path) -> Option<Self> {
        let (opening, words): (Option<&[u8]>, &[u8]) = match name.to_str()? {
            "http" => (None, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "redis" => (None, b"PING\r\n"),
            "postgres" => (Some(POSTGRES), SELECT),
            "mqtt" => (Some(CONNECT), PINGREQ),
            _ => return None,
        };
        Some(Self {
            opening: opening.map(Into::into),
            words: words.into(),
        })
    }

    /// The contents of a file.
    pub(super) fn of_file(file: &Path) -> Result<Self, Stop> {
        let failed = |why: &dyn std::fmt::Display| {
            Stop::because(format!("--send {}: {why}", file.display()))
        };
        let words = std::fs::read(file).map_err(|error| failed(&error))?;
        match words.is_empty() {
            true => Err(failed(&"the file is empty")),
            false => Ok(Self {
                opening: None,
                words,
            }),
        }
    }

    /// Text in which backslashes escape.
    pub(super) fn of_text(text: &str) -> Result<Self, Stop> {
        let failed = |why: &str| Stop::because(format!("--send-text: {why}"));
        let words = unescaped(text).map_err(|why| failed(&why))?;
        match words.is_empty() {
            true => Err(failed("the text is empty")),
            false => Ok(Self {
                opening: None,
                words,
            }),
        }
    }
}

/// The bytes that a text with `\r`, `\n`, `\t`, `\\` and `\xNN` means.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        let (byte, length) = match escape.as_bytes().first() {
            Some(b'r') => (b'\r', 1),
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'\\') => (b'\\', 1),
            Some(b'x') => (hexadecimal(escape.get(1..3))?, 3),
            _ => {
                let first = escape.chars().next().map(String::from).unwrap_or_default();
                return Err(format!(
                    "\\{first} is none of \\r, \\n, \\t, \\\\ and \\xNN"
                ));
            }
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend(rest.as_bytes());
    Ok(bytes)
}

fn hexadecimal(digits: Option<&str>) -> Result<u8, String> {
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.ok_or_else(|| "\\x takes two hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_bytes() {
        for (text, bytes) in [
            ("GET / HTTP/1.0\\r\\n\\r\\n", &b"GET / HTTP/1.0\r\n\r\n"[..]),
            ("\\x00\\xfF\\t\\\\n", b"\0\xff\t\\n"),
            ("ü", "ü".as_bytes()),
        ] {
            assert_eq!(unescaped(text).unwrap(), bytes, "{text}");
        }
        for (text, why) in [
            ("\\q", "\\q is none of"),
            ("end\\", "\\ is none of"),
            ("\\x4", "two hexadecimal digits"),
            ("\\x+4", "two hexadecimal digits"),
            ("\\xü", "two hexadecimal digits"),
        ] {
            let said = unescaped(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn a_protocol_is_a_name_and_no_file() {
        for name in ["http", "redis", "postgres", "mqtt"] {
            assert!(Speech::of_protocol(Path::new(name)).is_some(), "{name}");
            assert!(Speech::of_protocol(&Path::new(".").join(name)).is_none());
        }
    }

    #[test]
    fn messages_have_the_lengths_that_they_say() {
        let length = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
        assert_eq!(length(&POSTGRES[..4]), POSTGRES.len());
        assert_eq!(length(&SELECT[1..5]), SELECT.len() - 1);
        assert_eq!(usize::from(CONNECT[1]), CONNECT.len() - 2);
    }
}
