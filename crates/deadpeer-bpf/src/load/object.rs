//! Reading an object file that clang made.

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};

use super::types::Types;

/// An object file with one program.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) instructions: &'a [u8],
    /// Which instruction names which map or constant.
    pub(super) references: Vec<Reference<'a>>,
    /// The constants, to be filled in.
    pub(super) constants: &'a [u8],
    pub(super) types: Types<'a>,
    /// Which instruction touches which field.
    pub(super) fields: Vec<FieldUse>,
}

/// An instruction that loads the address of a map, or of the constants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference<'a> {
    /// Where the instruction begins, bytes.
    pub(super) at: usize,
    pub(super) to: Referent<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Referent<'a> {
    Map(&'a str),
    /// Bytes from the beginning of the constants.
    Constant(u32),
}

/// An instruction that depends on where a field is (`struct bpf_core_relo`).
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldUse {
    /// Where the instruction begins, bytes.
    pub(super) at: usize,
    /// The struct to begin with, a number in the object's types.
    pub(super) root: u32,
    /// Which member of which member, as text: "0:1:2".
    pub(super) path: u32,
    /// enum bpf_core_relo_kind.
    pub(super) kind: u32,
}

impl<'a> Object<'a> {
    /// Reads an object. The error says what is wrong with it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let file = ElfFile64::<LittleEndian>::parse(bytes).map_err(|error| error.to_string())?;
        let data = |name: &str| {
            let section = file.section_by_name(name);
            section.and_then(|section| section.data().ok())
        };
        let program = file
            .sections()
            .find(|section| {
                let is_code = section.kind() == object::SectionKind::Text;
                is_code && section.size() > 0
            })
            .ok_or("no program")?;
        let section = program.name().map_err(|error| error.to_string())?;
        let types = data(".BTF").and_then(Types::read).ok_or("no types")?;
        let fields = data(".BTF.ext").and_then(|ext| field_uses(ext, &types, section));
        Ok(Self {
            instructions: program.data().map_err(|error| error.to_string())?,
            references: references(&file, &program)?,
            constants: data(".rodata").unwrap_or_default(),
            fields: fields.ok_or("no list of field uses")?,
            types,
        })
    }
}

fn references<'a>(
    file: &ElfFile64<'a, LittleEndian>,
    program: &object::read::elf::ElfSection64<'a, '_, LittleEndian>,
) -> Result<Vec<Reference<'a>>, String> {
    let mut references = Vec::new();
    for (at, relocation) in program.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            return Err(format!("a reference to nothing at {at}"));
        };
        let symbol = file.symbol_by_index(index).map_err(|e| e.to_string())?;
        let home = symbol.section_index();
        let home = home.and_then(|home| file.section_by_index(home).ok());
        let home = home.and_then(|home| home.name().ok()).unwrap_or_default();
        let to = match home {
            ".maps" => Referent::Map(symbol.name().map_err(|e| e.to_string())?),
            ".rodata" => Referent::Constant(symbol.address() as u32),
            other => return Err(format!("a reference into {other:?} at {at}")),
        };
        references.push(Reference {
            at: at as usize,
            to,
        });
    }
    Ok(references)
}

/// The records of a section's field uses (include/uapi/linux/bpf.h, `struct bpf_core_relo`;
/// libbpf's `btf_ext_header`).
fn field_uses(ext: &[u8], types: &Types<'_>, section: &str) -> Option<Vec<FieldUse>> {
    let word = |at: usize| {
        let bytes = ext.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let header = word(4)? as usize;
    let start = header + word(24)? as usize;
    let length = word(28)? as usize;
    if length == 0 {
        return Some(Vec::new());
    }
    let end = start + length;
    let size = word(start)? as usize;
    let mut at = start + 4;
    let mut uses = Vec::new();
    while at < end {
        let of = types.text(word(at)?)?;
        let count = word(at + 4)? as usize;
        at += 8;
        for record in (0..count).map(|number| at + number * size) {
            if of == section.as_bytes() {
                uses.push(FieldUse {
                    at: word(record)? as usize,
                    root: word(record + 4)?,
                    path: word(record + 8)?,
                    kind: word(record + 12)?,
                });
            }
        }
        at += count * size;
    }
    Some(uses)
}
