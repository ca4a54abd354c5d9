//! Where the running kernel has a field (CO-RE relocation, Documentation/bpf/llvm_reloc.rst).

use super::object::{FieldUse, Object};
use super::types::{Kind, Member, Types};

/// Fills in the places of all fields in the instructions.
pub(super) fn relocate(
    object: &Object<'_>,
    kernel: &Types<'_>,
    instructions: &mut [u8],
) -> Result<(), RelocateError> {
    for field in &object.fields {
        let path = Path::of(object, field).ok_or_else(|| damaged(field))?;
        let place = path.in_kernel(kernel);
        let instruction = instructions.get_mut(field.at..field.at + 8);
        let instruction = instruction.ok_or_else(|| damaged(field))?;
        match (field.kind, place) {
            (BYTE_OFFSET, Some(place)) => set_offset(instruction, place, path.size),
            (BYTE_SIZE, Some(place)) => set_immediate(instruction, place.size),
            (LEFT_SHIFT, Some(place)) => set_immediate(instruction, place.left_shift()),
            (RIGHT_SHIFT, Some(place)) => set_immediate(instruction, place.right_shift()),
            (EXISTS, place) => set_immediate(instruction, u32::from(place.is_some())),
            // Reached only if the program has not asked whether it is there: the verifier never
            // sees it otherwise.
            (BYTE_OFFSET | BYTE_SIZE | LEFT_SHIFT | RIGHT_SHIFT, None)
                if object_asks_for(object, &path) =>
            {
                poison(instruction)
            }
            (BYTE_OFFSET | BYTE_SIZE | LEFT_SHIFT | RIGHT_SHIFT, None) => {
                return Err(RelocateError::Missing(path.text()));
            }
            _ => return Err(damaged(field)),
        }
        .ok_or_else(|| damaged(field))?;
    }
    Ok(())
}

/// Why the fields could not be filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RelocateError {
    /// The running kernel lacks this field.
    Missing(String),
    /// The object is not what this loader understands.
    Damaged(String),
}

// enum bpf_core_relo_kind
const BYTE_OFFSET: u32 = 0;
const BYTE_SIZE: u32 = 1;
const EXISTS: u32 = 2;
/// Of a word of 64 bits with a bit field in it: how far to shift it to the left so that the field
/// comes first, and then to the right so that nothing else is left.
const LEFT_SHIFT: u32 = 4;
const RIGHT_SHIFT: u32 = 5;

fn damaged(field: &FieldUse) -> RelocateError {
    RelocateError::Damaged(format!(
        "a field use at {} of kind {}",
        field.at, field.kind
    ))
}

/// A way from a struct to one of its inner fields, by names.
#[derive(Debug, PartialEq, Eq)]
struct Path<'a> {
    root: &'a [u8],
    steps: Vec<Step<'a>>,
    /// Bytes of the field, as the object has it.
    size: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Member(&'a [u8]),
    Element(u32),
}

/// A field in the running kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: u32,
    size: u32,
    /// Of a bit field: where it begins in the bytes at `offset`, and its width in bits.
    bits: Option<(u32, u32)>,
}

impl Place {
    /// A field in `size` bytes that begins `bit_offset` bits into the struct.
    fn new(bit_offset: u32, size: u32, width: Option<u32>) -> Option<Self> {
        let word = 8 * size;
        let bits = width.map(|width| (bit_offset.checked_rem(word).unwrap_or(0), width));
        // A bit field that goes over the end of its word takes more than one load, which no program
        // here does.
        if bits.is_some_and(|(first, width)| first + width > word) {
            return None;
        }
        Some(Self {
            offset: (bit_offset - bits.map_or(0, |(first, _)| first)) / 8,
            size,
            bits,
        })
    }

    fn left_shift(&self) -> u32 {
        64 - self
            .bits
            .map_or(8 * self.size, |(first, width)| first + width)
    }

    fn right_shift(&self) -> u32 {
        64 - self.bits.map_or(8 * self.size, |(_, width)| width)
    }
}

impl<'a> Path<'a> {
    fn of(object: &'a Object<'a>, field: &FieldUse) -> Option<Self> {
        let types = &object.types;
        let text = std::str::from_utf8(types.text(field.path)?).ok()?;
        let mut indices = text.split(':').map(|index| index.parse::<u32>().ok());
        let (mut id, root) = types.bare(field.root)?;
        // The first is an index into an array of the whole, which no program here uses.
        if indices.next()?? != 0 {
            return None;
        }
        let mut steps = Vec::new();
        for index in indices {
            let index = index?;
            let (_, outer) = types.bare(id)?;
            if let Some((element, _)) = outer.array() {
                steps.push(Step::Element(index));
                id = element;
            } else {
                let member = types.members(outer).nth(index as usize)?;
                steps.push(Step::Member(member.name));
                id = member.type_id;
            }
        }
        Some(Self {
            root: root.name,
            steps,
            size: types.size(id)?,
        })
    }

    fn in_kernel(&self, kernel: &Types<'_>) -> Option<Place> {
        let mut id = kernel.find(Kind::Struct, self.root)?;
        let mut bits = 0;
        let mut width = None;
        for step in &self.steps {
            let (_, outer) = kernel.bare(id)?;
            match *step {
                Step::Member(name) => {
                    let member = member(kernel, id, name)?;
                    bits += member.bit_offset;
                    width = member.bit_width;
                    id = member.type_id;
                }
                Step::Element(index) => {
                    let (element, _) = outer.array()?;
                    bits += 8 * index * kernel.size(element)?;
                    id = element;
                }
            }
        }
        Place::new(bits, kernel.size(id)?, width)
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(self.root).into_owned();
        for step in &self.steps {
            match step {
                Step::Member(name) => {
                    text.push('.');
                    text.push_str(&String::from_utf8_lossy(name));
                }
                Step::Element(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// A member by name, also inside a struct or union without name: its offset is that in the whole.
fn member<'t>(types: &'t Types<'_>, of: u32, name: &[u8]) -> Option<Member<'t>> {
    let (_, outer) = types.bare(of)?;
    for member_of in types.members(outer) {
        if member_of.name == name {
            return Some(member_of);
        }
        if member_of.name.is_empty()
            && let Some(inner) = member(types, member_of.type_id, name)
        {
            return Some(Member {
                bit_offset: member_of.bit_offset + inner.bit_offset,
                ..inner
            });
        }
    }
    None
}

fn object_asks_for(object: &Object<'_>, path: &Path<'_>) -> bool {
    let mut asked = object.fields.iter().filter(|field| field.kind == EXISTS);
    asked.any(|field| {
        Path::of(object, field)
            .is_some_and(|of| of.root == path.root && path.steps.starts_with(&of.steps))
    })
}

// Classes and modes of instructions (Documentation/bpf/standardization/instruction-set.rst).
const CLASS: u8 = 0x07;
const LOAD: u8 = 0x00;
const LOAD_FIELD: u8 = 0x01;
const STORE_IMMEDIATE: u8 = 0x02;
const STORE_FIELD: u8 = 0x03;
const SIZE: u8 = 0x18;

/// The offset of a load or store, or the number that is added to a pointer.
fn set_offset(instruction: &mut [u8], place: Place, size: u32) -> Option<()> {
    let code = *instruction.first()?;
    match code & CLASS {
        LOAD_FIELD | STORE_IMMEDIATE | STORE_FIELD => {
            let offset = i16::try_from(place.offset).ok()?;
            instruction
                .get_mut(2..4)?
                .copy_from_slice(&offset.to_le_bytes());
            // A field that was or will be wider is read as it is; all of them are unsigned.
            if place.size != size {
                *instruction.first_mut()? = code & !SIZE | size_code(place.size)?;
            }
            Some(())
        }
        LOAD => None,
        _ => set_immediate(instruction, place.offset),
    }
}

fn size_code(bytes: u32) -> Option<u8> {
    Some(match bytes {
        4 => 0x00,
        2 => 0x08,
        1 => 0x10,
        8 => 0x18,
        _ => return None,
    })
}

fn set_immediate(instruction: &mut [u8], value: u32) -> Option<()> {
    let immediate = instruction.get_mut(4..8)?;
    immediate.copy_from_slice(&value.to_le_bytes());
    Some(())
}

/// Makes an instruction that no verifier lets pass where it can be reached: a call of a function
/// that doesn't exist.
fn poison(instruction: &mut [u8]) -> Option<()> {
    const CALL: u8 = 0x85;
    const NOBODY: u32 = 195_896_080;
    instruction.fill(0);
    *instruction.first_mut()? = CALL;
    set_immediate(instruction, NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKETS: &[u8] = include_bytes!("../../objects/sockets.bpf.o");
    const OWNERS: &[u8] = include_bytes!("../../objects/owners.bpf.o");
    const DEATHS: &[u8] = include_bytes!("../../objects/deaths.bpf.o");
    const PROTECT: &[u8] = include_bytes!("../../objects/protect.bpf.o");

    #[test]
    fn among_its_own_types_nothing_moves() {
        for bytes in [SOCKETS, OWNERS, DEATHS, PROTECT] {
            let object = Object::read(bytes).unwrap();
            let mut instructions = object.instructions.to_vec();
            assert_eq!(relocate(&object, &object.types, &mut instructions), Ok(()));
            // The compiler takes a bit field out of a word as wide as its struct is aligned, we out
            // of one of the field's own type.
            for field in object
                .fields
                .iter()
                .filter(|field| is_in_bits(&object, field))
            {
                let compiled = &object.instructions[field.at..field.at + 8];
                instructions[field.at..field.at + 8].copy_from_slice(compiled);
            }
            assert_eq!(instructions, object.instructions);
        }
    }

    fn is_in_bits(object: &Object<'_>, field: &FieldUse) -> bool {
        let path = Path::of(object, field).unwrap();
        path.in_kernel(&object.types).unwrap().bits.is_some()
    }

    #[test]
    fn a_field_that_the_kernel_lacks_is_named() {
        let object = Object::read(OWNERS).unwrap();
        // A kernel that knows of no socket.
        let other = Object::read(PROTECT).unwrap();
        let mut instructions = object.instructions.to_vec();
        let Err(RelocateError::Missing(field)) = relocate(&object, &other.types, &mut instructions)
        else {
            panic!("nothing is missing");
        };
        assert!(field.contains('.'), "{field}");
    }

    #[test]
    fn a_field_that_was_asked_for_may_be_missing() {
        let object = Object::read(SOCKETS).unwrap();
        let of = |field: &&FieldUse| Path::of(&object, field).unwrap().text() == "sock.sk_ino";
        let mut uses = object.fields.iter().filter(of);
        assert!(uses.any(|field| field.kind == EXISTS));
        let path = Path::of(&object, object.fields.iter().find(of).unwrap()).unwrap();
        assert!(object_asks_for(&object, &path));
        // Where it is not, the load is one that the verifier must never reach.
        let mut load = [0x79, 0, 0, 0, 0, 0, 0, 0];
        poison(&mut load).unwrap();
        assert_eq!(load[0], 0x85);
    }

    #[test]
    fn members_without_a_name_are_looked_into() {
        // skc_daddr stands in a union without name in every kernel, and directly in ours.
        let object = Object::read(SOCKETS).unwrap();
        let types = &object.types;
        let sock = types.find(Kind::Struct, b"sock_common").unwrap();
        let found = member(types, sock, b"skc_daddr").unwrap();
        assert_eq!((found.bit_offset, types.size(found.type_id)), (0, Some(4)));
        assert!(member(types, sock, b"no_such_member").is_none());
    }

    #[test]
    fn a_wider_field_is_read_as_wide_as_it_is() {
        let wide = Place::new(8 * 24, 4, None).unwrap();
        // ldxb
        let mut load = [0x71, 0x12, 0, 0, 0, 0, 0, 0];
        set_offset(&mut load, wide, 1).unwrap();
        assert_eq!(load, [0x61, 0x12, 24, 0, 0, 0, 0, 0]);
        let mut far = [0x61, 0, 0, 0, 0, 0, 0, 0];
        let beyond = Place::new(8 << 15, 4, None).unwrap();
        assert_eq!(set_offset(&mut far, beyond, 4), None);
    }

    #[test]
    fn a_bit_field_is_shifted_out_of_its_word() {
        // Bits 4 to 6 of the second u16.
        let place = Place::new(16 + 4, 2, Some(3)).unwrap();
        assert_eq!((place.offset, place.size), (2, 2));
        let word = 0b0101_0000_u64 | 0xff0f;
        assert_eq!(word << place.left_shift() >> place.right_shift(), 0b101);
        assert_eq!(Place::new(14, 2, Some(3)), None);
        let whole = Place::new(16, 2, None).unwrap();
        assert_eq!((whole.left_shift(), whole.right_shift()), (48, 48));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(Object::read(b"").is_err());
        assert!(Object::read(&SOCKETS[..1000]).is_err());
        assert!(Types::read(&b"\x9f\xeb"[..]).is_none());
    }
}
