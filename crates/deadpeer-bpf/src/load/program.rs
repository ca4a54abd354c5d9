//! Maps, constants and code put together and handed to the kernel.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;

use super::object::{Object, Referent};
use super::relocate::{RelocateError, relocate};
use super::types::{Kind as TypeKind, Types};
use crate::feature::Feature;
use crate::kernel::{self, Kind, MapShape, ProgramKind};
use crate::{CallError, Unavailable};

/// What to make a program of.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    pub(crate) feature: &'static Feature,
    /// The object file.
    pub(crate) object: &'a [u8],
    pub(crate) target: Target,
    pub(crate) maps: &'a [MapShape],
    /// Maps that are there already, which another program has, too.
    pub(crate) shared: &'a [(&'static str, &'a OwnedFd)],
    /// What the program takes as given, of the size that it has in the object.
    pub(crate) constants: &'a [u8],
}

/// What a program is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// An iterator: the name of the kernel's function.
    Iterator(&'static str),
    /// A tracepoint: the name of the kernel's type.
    Tracepoint(&'static str),
    SocketOperations,
    SetSocketOption,
}

/// A program in the kernel, attached to nothing yet.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) program: OwnedFd,
    feature: &'static Feature,
    maps: Vec<(&'static str, OwnedFd)>,
}

/// The kernel gives its helpers to programs under the GPL alone; the objects are under both.
const LICENSE: &CStr = c"Dual MIT/GPL";

impl Loaded {
    /// Takes a map out.
    pub(crate) fn map(&mut self, name: &str) -> Result<OwnedFd, Unavailable> {
        let place = self.maps.iter().position(|(known, _)| *known == name);
        let place = place.ok_or_else(|| self.feature.damaged(format!("no map {name}")))?;
        Ok(self.maps.swap_remove(place).1)
    }
}

impl Recipe<'_> {
    /// Loads the program.
    pub(crate) fn load(&self, kernel_types: &Types<'_>) -> Result<Loaded, Unavailable> {
        self.attempt(kernel_types)
            .map_err(|error| self.feature.explain(self.is_there(kernel_types), error))
    }

    /// Whether the kernel has what the feature came with.
    pub(crate) fn is_there(&self, kernel_types: &Types<'_>) -> bool {
        let came_with = self.feature.came_with.as_bytes();
        kernel_types.find(TypeKind::Function, came_with).is_some()
    }

    fn attempt(&self, kernel_types: &Types<'_>) -> Result<Loaded, Unavailable> {
        let damaged = |what: String| self.feature.damaged(what);
        let failed = |error: CallError| self.feature.failed(error);
        let object = Object::read(self.object).map_err(damaged)?;
        let kind = self.kind(kernel_types)?;
        let mut instructions = object.instructions.to_vec();
        relocate(&object, kernel_types, &mut instructions).map_err(|error| match error {
            RelocateError::Missing(field) => self.feature.too_old(field),
            RelocateError::Damaged(what) => damaged(what),
        })?;
        let maps = self.make_maps().map_err(failed)?;
        let constants = self.make_constants(&object)?;
        for reference in &object.references {
            let (map, offset) = match reference.to {
                Referent::Map(name) => {
                    let made = maps.iter().map(|(known, map)| (*known, map));
                    let mut all = made.chain(self.shared.iter().copied());
                    let map = all.find(|(known, _)| *known == name);
                    (map.map(|(_, map)| map), None)
                }
                Referent::Constant(offset) => (constants.as_ref(), Some(offset)),
            };
            let map = map.ok_or_else(|| damaged(format!("{:?} is unknown", reference.to)))?;
            let load = instructions.get_mut(reference.at..reference.at + 16);
            let load = load.ok_or_else(|| damaged("a reference outside".to_owned()))?;
            point_at(load, map, offset);
        }
        let program = self.hand_over(kind, &instructions)?;
        Ok(Loaded {
            program,
            feature: self.feature,
            maps,
        })
    }

    fn kind(&self, kernel_types: &Types<'_>) -> Result<ProgramKind, Unavailable> {
        let find = |kind, name: &str| {
            let found = kernel_types.find(kind, name.as_bytes());
            found.ok_or_else(|| self.feature.too_old(name.to_owned()))
        };
        Ok(match self.target {
            Target::Iterator(name) => ProgramKind::Iterator(find(TypeKind::Function, name)?),
            Target::Tracepoint(name) => ProgramKind::Tracepoint(find(TypeKind::Typedef, name)?),
            Target::SocketOperations => ProgramKind::SocketOperations,
            Target::SetSocketOption => ProgramKind::SetSocketOption,
        })
    }

    fn make_maps(&self) -> Result<Vec<(&'static str, OwnedFd)>, CallError> {
        let make = |shape: &MapShape| Ok((shape.name, kernel::map_create(shape)?));
        self.maps.iter().map(make).collect()
    }

    /// A map of one entry that nobody can change: the verifier takes its numbers as given.
    fn make_constants(&self, object: &Object<'_>) -> Result<Option<OwnedFd>, Unavailable> {
        if object.constants.len() != self.constants.len() {
            let what = format!("{} bytes of constants", object.constants.len());
            return Err(self.feature.damaged(what));
        }
        if self.constants.is_empty() {
            return Ok(None);
        }
        let shape = MapShape {
            name: "constants",
            kind: Kind::Constants,
            key: 4,
            value: self.constants.len() as u32,
            entries: 1,
        };
        let make = || {
            let map = kernel::map_create(&shape)?;
            kernel::map_update(&map, &0_u32, self.constants)?;
            kernel::map_freeze(&map)?;
            Ok(map)
        };
        make().map(Some).map_err(|error| self.feature.failed(error))
    }

    fn hand_over(&self, kind: ProgramKind, instructions: &[u8]) -> Result<OwnedFd, Unavailable> {
        let load = |log: &mut [u8]| {
            kernel::program_load(kind, self.feature.program, instructions, LICENSE, log)
        };
        load(&mut []).or_else(|error| {
            if error.errno == Errno::PERM {
                return Err(self.feature.failed(error));
            }
            // Once more, to hear why.
            let mut log = vec![0; 1 << 20];
            load(&mut log).map_err(|error| self.feature.rejected(error, &log))
        })
    }
}

/// Makes the two-part instruction at the beginning of `load` load a map, or the address of what the
/// map holds.
fn point_at(load: &mut [u8], map: &OwnedFd, offset: Option<u32>) {
    const MAP_DESCRIPTOR: u8 = 1;
    const MAP_VALUE: u8 = 2;
    let source = if offset.is_some() {
        MAP_VALUE
    } else {
        MAP_DESCRIPTOR
    };
    if let [_, registers, _, _, fd @ ..] = load
        && let Some((fd, rest)) = fd.split_first_chunk_mut::<4>()
        && let Some((_, second)) = rest.split_first_chunk_mut::<4>()
    {
        *registers = *registers & 0x0f | source << 4;
        // The object has the offset into the constants here, from the symbol.
        let added = u32::from_le_bytes(*fd);
        *fd = map.as_raw_fd().to_le_bytes();
        let offset = offset.map_or(0, |offset| offset + added);
        second.copy_from_slice(&offset.to_le_bytes());
    }
}
