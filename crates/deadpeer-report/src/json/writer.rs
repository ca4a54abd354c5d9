//! A value as JSON on one line.
//!
//! As serde_json writes it, but for two things: what does not print is escaped, and the names of
//! fields, which are more than half of a record, are copied as they are. A million stories take
//! gigabytes.

use serde::ser::{self, Serialize};
use serde_json::Error;

use crate::printable::is_printable;

/// Appends to a line.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    /// What a number is, serde_json knows.
    fn number(self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(self.0, value)
    }

    /// Most counts are of one digit.
    fn count(self, value: u64) -> Result<(), Error> {
        match value {
            0..=9 => {
                self.0.push(b'0' + value as u8);
                Ok(())
            }
            _ => self.number(&value),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn string(&mut self, text: &str) {
        self.0.push(b'"');
        match is_plain(text.as_bytes()) {
            true => self.raw(text.as_bytes()),
            false => text.chars().for_each(|c| self.character(c)),
        }
        self.0.push(b'"');
    }

    fn character(&mut self, c: char) {
        match c {
            '"' => self.raw(b"\\\""),
            '\\' => self.raw(b"\\\\"),
            '\n' => self.raw(b"\\n"),
            '\r' => self.raw(b"\\r"),
            '\t' => self.raw(b"\\t"),
            '\u{8}' => self.raw(b"\\b"),
            '\u{c}' => self.raw(b"\\f"),
            c if is_printable(c) => self.raw(c.encode_utf8(&mut [0; 4]).as_bytes()),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    self.raw(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }

    /// Begins an object of one field: the name of a variant.
    fn variant(&mut self, name: &str, open: &[u8]) {
        self.raw(b"{");
        self.string(name);
        self.raw(b":");
        self.raw(open);
    }
}

/// Whether all of it is written as it is.
fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<8>();
    // The rest of a longer one together with what comes before it.
    let rest_is_plain = match text.last_chunk::<8>() {
        Some(last) => are_plain(*last),
        None => {
            let plain = |byte: &u8| matches!(*byte, b' '..=b'~') && !matches!(*byte, b'"' | b'\\');
            rest.iter().all(plain)
        }
    };
    rest_is_plain && chunks.iter().all(|chunk| are_plain(*chunk))
}

/// The same of eight bytes at once, as one number: a byte that is below another has its highest bit
/// set in the difference. What it borrows from those above it may set theirs, but one is enough.
fn are_plain(bytes: [u8; 8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = EACH << 7;
    let word = u64::from_le_bytes(bytes);
    let below = |word: u64, least: u8| word.wrapping_sub(EACH * u64::from(least)) & !word;
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    let escaped = below(word, b' ') | is(b'"') | is(b'\\') | is(0x7f) | word;
    escaped & HIGHEST == 0
}

/// What stands between brackets or braces.
pub(super) struct Parts<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    end: &'static [u8],
}

impl<'a> Parts<'a> {
    fn of(out: &'a mut Vec<u8>, end: &'static [u8]) -> Result<Self, Error> {
        Ok(Self {
            out,
            first: true,
            end,
        })
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        value.serialize(Writer(self.out))
    }

    /// Names of fields are Rust's, or written in a `rename`: they need no escape. Where they are
    /// written they are known, and become a few stores rather than calls.
    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        self.next();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.serialize(Writer(self.out))
    }

    fn close(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

macro_rules! numbers {
    ($($name:ident: $number:ty),*) => {
        $(fn $name(self, value: $number) -> Result<(), Error> {
            self.number(&value)
        })*
    };
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.count(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.count(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.count(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.count(value)
    }

    fn serialize_bool(mut self, value: bool) -> Result<(), Error> {
        self.raw(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), Error> {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(mut self) -> Result<(), Error> {
        self.raw(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(name, b"");
        value.serialize(Writer(self.0))?;
        self.raw(b"}");
        Ok(())
    }

    fn serialize_seq(mut self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        self.raw(b"[");
        Parts::of(self.0, b"]")
    }

    fn serialize_tuple(self, length: usize) -> Result<Parts<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Parts<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(name, b"[");
        Parts::of(self.0, b"]}")
    }

    fn serialize_map(mut self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        self.raw(b"{");
        Parts::of(self.0, b"}")
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Parts<'a>, Error> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(name, b"{");
        Parts::of(self.0, b"}}")
    }
}

/// What the compound types have in common: parts, with names or without.
macro_rules! parts {
    ($($of:ident: $method:ident($($name:ident)?),)*) => {
        $(impl ser::$of for Parts<'_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), Error> {
                parts!(@ self, value $(, $name)?)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*
    };
    (@ $parts:ident, $value:ident) => { $parts.part($value) };
    (@ $parts:ident, $value:ident, $name:ident) => { $parts.field($name, $value) };
}

parts! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(name),
    SerializeStructVariant: serialize_field(name),
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    /// Keys of maps are strings in all records: JSON knows no others.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        let begin = self.out.len();
        key.serialize(Writer(self.out))?;
        match self.out.get(begin) {
            Some(b'"') => Ok(()),
            _ => Err(ser::Error::custom("a key that is no string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}
