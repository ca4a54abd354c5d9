//! Reading BTF, the kernel's compact description of types (Documentation/bpf/btf.rst).

use std::hash::{BuildHasher as _, BuildHasherDefault};
use std::ops::{Deref, Range};

use rustc_hash::{FxHashMap, FxHasher};

use crate::kernel::Contents;

/// A description of types: the running kernel's or that of an object.
#[derive(Debug)]
pub(crate) struct Types<'a> {
    section: Section<'a>,
    /// Where the section has the types and where the texts.
    types: Range<usize>,
    strings: Range<usize>,
    /// Where each type begins, by number; 0 is void.
    places: Vec<u32>,
    /// Types that programs ask for, by the hash of kind and name: structs, and what a program can
    /// be attached to.
    names: FxHashMap<u64, u32>,
}

/// Where the description is.
#[derive(Debug)]
pub(crate) enum Section<'a> {
    /// In an object that is ours.
    Borrowed(&'a [u8]),
    /// What the kernel has told.
    Read(Contents),
}

/// A kind of type (include/uapi/linux/btf.h), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Integer,
    Pointer,
    Array,
    Struct,
    Union,
    Enum,
    Typedef,
    Function,
    /// const, volatile, restrict or a tag: the type that follows, seen otherwise.
    Modifier,
    Other,
}

/// One type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a [u8],
    /// Bytes, or the number of the type that this one refers to.
    size_or_type: u32,
    /// Whether member offsets carry a bit field's width.
    flag: bool,
    rest: &'a [u8],
}

/// A member of a struct or union.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) type_id: u32,
    pub(crate) bit_offset: u32,
    /// The width of a bit field.
    pub(crate) bit_width: Option<u32>,
}

const MAGIC: u16 = 0xeb9f;

impl<'a> Types<'a> {
    /// Reads a whole BTF section. `None` if it is none, or broken.
    pub(crate) fn read(section: impl Into<Section<'a>>) -> Option<Self> {
        let section = section.into();
        let magic = u16::from_le_bytes(section.get(..2)?.try_into().ok()?);
        if magic != MAGIC {
            return None;
        }
        let header = word(&section, 4)? as usize;
        let part = |offset, length| {
            let start = header + word(&section, offset)? as usize;
            let end = start + word(&section, length)? as usize;
            (end <= section.len()).then_some(start..end)
        };
        let mut types = Self {
            types: part(8, 12)?,
            strings: part(16, 20)?,
            section,
            places: vec![0],
            names: FxHashMap::default(),
        };
        types.index()?;
        Some(types)
    }

    /// The type with this name.
    pub(crate) fn find(&self, kind: Kind, name: &[u8]) -> Option<u32> {
        let id = *self.names.get(&hash(kind, name))?;
        let found = self.of(id)?;
        (found.kind == kind && found.name == name).then_some(id)
    }

    /// The type with this number.
    pub(crate) fn of(&self, id: u32) -> Option<Type<'_>> {
        match id {
            0 => None,
            _ => self.at(*self.places.get(id as usize)? as usize),
        }
    }

    /// The type behind typedefs, const and the like, with its number.
    pub(crate) fn bare(&self, mut id: u32) -> Option<(u32, Type<'_>)> {
        // A chain is short; a ring would be a broken description.
        for _ in 0..32 {
            let found = self.of(id)?;
            if !matches!(found.kind, Kind::Modifier | Kind::Typedef) {
                return Some((id, found));
            }
            id = found.size_or_type;
        }
        None
    }

    /// Bytes that a value of this type takes; `None` for what has no size.
    pub(crate) fn size(&self, id: u32) -> Option<u32> {
        let (_, found) = self.bare(id)?;
        match found.kind {
            Kind::Pointer => Some(8),
            Kind::Array => {
                let (element, count) = found.array()?;
                self.size(element)?.checked_mul(count)
            }
            Kind::Integer | Kind::Struct | Kind::Union | Kind::Enum => Some(found.size_or_type),
            Kind::Function | Kind::Typedef | Kind::Modifier | Kind::Other => None,
        }
    }

    /// The text at an offset of the string section.
    pub(crate) fn text(&self, offset: u32) -> Option<&[u8]> {
        let text = self
            .section
            .get(self.strings.clone())?
            .get(offset as usize..)?;
        text.get(..text.iter().position(|byte| *byte == 0)?)
    }

    /// The members of a struct or union.
    pub(crate) fn members<'t>(&'t self, of: Type<'t>) -> impl Iterator<Item = Member<'t>> {
        let members = match matches!(of.kind, Kind::Struct | Kind::Union) {
            true => of.rest,
            false => &[],
        };
        members.chunks_exact(12).filter_map(move |member| {
            let offset = word(member, 8)?;
            Some(Member {
                name: self.text(word(member, 0)?)?,
                type_id: word(member, 4)?,
                bit_offset: if of.flag { offset & 0xff_ffff } else { offset },
                bit_width: Some(offset >> 24).filter(|width| of.flag && *width != 0),
            })
        })
    }

    fn index(&mut self) -> Option<()> {
        let types = self.section.get(self.types.clone())?;
        let strings = self.section.get(self.strings.clone())?;
        // About what a distribution's kernel has.
        self.places.reserve(types.len() / 24);
        let mut place = 0;
        while place < types.len() {
            let (kind, length) = shape(word(types, place + 4)?)?;
            let name = strings.get(word(types, place)? as usize..)?;
            if is_asked_for(kind, name) {
                let end = name.iter().position(|byte| *byte == 0)?;
                let id = self.places.len() as u32;
                // The first one: a description may repeat a name for a type of a single file.
                let known = self.names.entry(hash(kind, name.get(..end)?));
                known.or_insert(id);
            }
            self.places.push(place as u32);
            place += 12 + length;
        }
        Some(())
    }

    fn at(&self, place: usize) -> Option<Type<'_>> {
        let types = self.section.get(self.types.clone())?;
        let info = word(types, place + 4)?;
        let (kind, length) = shape(info)?;
        Some(Type {
            kind,
            name: self.text(word(types, place)?)?,
            size_or_type: word(types, place + 8)?,
            flag: info >> 31 != 0,
            rest: types.get(place + 12..place + 12 + length)?,
        })
    }
}

impl Deref for Section<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Read(contents) => contents,
        }
    }
}

impl<'a> From<&'a [u8]> for Section<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Contents> for Section<'_> {
    fn from(contents: Contents) -> Self {
        Self::Read(contents)
    }
}

/// How the functions begin that somebody looks for: iterators, and what features came with.
const FUNCTIONS: [&[u8]; 3] = [b"bpf_iter_", b"bpf_get_socket_ptr_cookie", b"sk_getsockopt"];

fn is_asked_for(kind: Kind, name: &[u8]) -> bool {
    let begins = |beginning: &&[u8]| name.starts_with(beginning);
    kind == Kind::Struct
        || kind == Kind::Function && FUNCTIONS.iter().any(begins)
        || kind == Kind::Typedef && name.starts_with(b"btf_trace_")
}

fn hash(kind: Kind, name: &[u8]) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one((kind, name))
}

impl Type<'_> {
    /// The element's type and how many there are, of an array.
    pub(crate) fn array(&self) -> Option<(u32, u32)> {
        match self.kind {
            Kind::Array => Some((word(self.rest, 0)?, word(self.rest, 8)?)),
            Kind::Integer
            | Kind::Pointer
            | Kind::Struct
            | Kind::Union
            | Kind::Enum
            | Kind::Typedef
            | Kind::Function
            | Kind::Modifier
            | Kind::Other => None,
        }
    }
}

/// The kind of a type, and the bytes that follow its first twelve.
fn shape(info: u32) -> Option<(Kind, usize)> {
    let count = (info & 0xffff) as usize;
    Some(match info >> 24 & 0x1f {
        1 => (Kind::Integer, 4),
        2 => (Kind::Pointer, 0),
        3 => (Kind::Array, 12),
        4 => (Kind::Struct, 12 * count),
        5 => (Kind::Union, 12 * count),
        6 => (Kind::Enum, 8 * count),
        // A declaration without definition.
        7 => (Kind::Other, 0),
        8 => (Kind::Typedef, 0),
        // volatile, const, restrict.
        9..=11 => (Kind::Modifier, 0),
        12 => (Kind::Function, 0),
        // A function's type, a variable, a section, a float.
        13 => (Kind::Other, 8 * count),
        14 => (Kind::Other, 4),
        15 => (Kind::Other, 12 * count),
        16 => (Kind::Other, 0),
        // A tag of a declaration, and of a type.
        17 => (Kind::Other, 4),
        18 => (Kind::Modifier, 0),
        // An enum of 64 bits.
        19 => (Kind::Enum, 12 * count),
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
