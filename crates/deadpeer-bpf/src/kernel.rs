//! The kernel's side: the system calls that eBPF takes, and nothing else.

mod attr;
mod bpf;
mod mapping;
mod ring;
mod types;

pub(crate) use bpf::{
    Kind, LinkInfo, MapShape, Place, ProgramKind, iterator, link_attach, link_detach, link_info,
    map_create, map_freeze, map_lookup, map_update, map_update_many, map_value_size, object_open,
    object_pin, program_load, program_misses, tracepoint_attach,
};
pub(crate) use mapping::Contents;
pub(crate) use ring::Ring;
