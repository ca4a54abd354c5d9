//! bpf(2), one function per command.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{attr, types};
use crate::CallError;

type Result<T> = std::result::Result<T, CallError>;

/// What kind of map (enum bpf_map_type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Hash = 1,
    Array = 2,
    RingBuffer = 27,
    /// A value with each socket, as long as that lives.
    SocketStorage = 24,
    /// The same, and a socket that is accepted gets a copy of its listener's; to the kernel that is
    /// a flag.
    InheritedStorage = u32::MAX - 1,
    /// A hash that takes memory as it grows; to the kernel that is a flag.
    GrowingHash = u32::MAX,
    /// An array that programs can only read; frozen, it is a constant to them (Linux 5.2). To the
    /// kernel that is a flag.
    Constants = u32::MAX - 2,
}

/// A map's kind and sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapShape {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) key: u32,
    pub(crate) value: u32,
    pub(crate) entries: u32,
}

impl MapShape {
    /// A map from `K` to `V`; a ring buffer has neither, and as many bytes as entries.
    pub(crate) const fn of<K, V>(name: &'static str, kind: Kind, entries: u32) -> Self {
        Self {
            name,
            kind,
            key: size_of::<K>() as u32,
            value: size_of::<V>() as u32,
            entries,
        }
    }
}

/// What kind of program (enum bpf_prog_type), and what it is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgramKind {
    /// BPF_PROG_TYPE_TRACING with BPF_TRACE_ITER: the function with this number in the kernel's
    /// BTF.
    Iterator(u32),
    /// BPF_PROG_TYPE_TRACING with BPF_TRACE_RAW_TP: the tracepoint's type with this number in the
    /// kernel's BTF.
    Tracepoint(u32),
    /// BPF_PROG_TYPE_SOCK_OPS.
    SocketOperations,
    /// BPF_PROG_TYPE_CGROUP_SOCKOPT with BPF_CGROUP_SETSOCKOPT.
    SetSocketOption,
}

/// What a program is attached to.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// What it was loaded for.
    Own,
    /// The same, of this process alone, for what walks over tasks (Linux 6.1).
    Process(u32),
    /// The sockets of a cgroup, as they begin.
    SocketOperations(&'a dyn AsFd),
    /// setsockopt(2) on the sockets of a cgroup.
    SetSocketOption(&'a dyn AsFd),
}

/// What is attached by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkInfo {
    /// A program to the cgroup with this number; 0: the cgroup is gone.
    Cgroup(u64),
    /// Something else.
    Other,
}

const BPF_TRACE_RAW_TP: u32 = 23;
const BPF_TRACE_ITER: u32 = 28;
const BPF_CGROUP_SOCK_OPS: u32 = 3;
const BPF_CGROUP_SETSOCKOPT: u32 = 22;

/// Makes a map.
pub(crate) fn map_create(shape: &MapShape) -> Result<OwnedFd> {
    const BPF_F_NO_PREALLOC: u32 = 1;
    const BPF_F_RDONLY_PROG: u32 = 1 << 7;
    const BPF_F_CLONE: u32 = 1 << 9;
    let (map_type, map_flags) = match shape.kind {
        Kind::GrowingHash => (Kind::Hash as u32, BPF_F_NO_PREALLOC),
        Kind::SocketStorage => (shape.kind as u32, BPF_F_NO_PREALLOC),
        Kind::InheritedStorage => (Kind::SocketStorage as u32, BPF_F_NO_PREALLOC | BPF_F_CLONE),
        Kind::Constants => (Kind::Array as u32, BPF_F_RDONLY_PROG),
        kind @ (Kind::Hash | Kind::Array | Kind::RingBuffer) => (kind as u32, 0),
    };
    let mut attr = attr::MapCreate {
        map_type,
        map_flags,
        key_size: shape.key,
        value_size: shape.value,
        max_entries: shape.entries,
        map_name: name(shape.name),
        ..Default::default()
    };
    let types;
    if map_type == Kind::SocketStorage as u32 {
        // The kernel wants to know how to show what stands with a socket.
        types = types_load(&types::numbers(shape.value))?;
        attr.btf_fd = fd(&types);
        (attr.btf_key_type_id, attr.btf_value_type_id) = (types::NUMBER, types::NUMBERS);
    }
    // SAFETY: the argument has no pointers.
    unsafe { bpf_fd(0, "bpf(MAP_CREATE)", &mut attr) }
}

/// Hands a description of types over.
fn types_load(btf: &[u8]) -> Result<OwnedFd> {
    let mut attr = attr::TypesLoad {
        btf: address(btf),
        btf_size: btf.len() as u32,
        ..Default::default()
    };
    // SAFETY: the description lives through the call, and its length is its own.
    unsafe { bpf_fd(18, "bpf(BTF_LOAD)", &mut attr) }
}

/// The value of a key, if the map has it.
pub(crate) fn map_lookup<V: FromBytes + IntoBytes>(
    map: impl AsFd,
    key: &(impl IntoBytes + Immutable),
) -> Result<V> {
    let mut value = V::new_zeroed();
    let mut attr = attr::MapElement {
        map_fd: fd(&map),
        key: address(key.as_bytes()),
        value: value.as_mut_bytes().as_mut_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: key and value live through the call; every map of this crate is made with the sizes
    // of its types.
    unsafe { bpf(1, "bpf(MAP_LOOKUP_ELEM)", &mut attr) }?;
    Ok(value)
}

/// Sets the value of a key.
pub(crate) fn map_update(
    map: impl AsFd,
    key: &(impl IntoBytes + Immutable),
    value: &[u8],
) -> Result<()> {
    let mut attr = attr::MapElement {
        map_fd: fd(&map),
        key: address(key.as_bytes()),
        value: address(value),
        ..Default::default()
    };
    // SAFETY: key and value live through the call; every map of this crate is made with the sizes
    // of its types.
    unsafe { bpf(2, "bpf(MAP_UPDATE_ELEM)", &mut attr) }.map(drop)
}

/// Sets the values of many keys (Linux 5.6).
pub(crate) fn map_update_many<K, V>(map: impl AsFd, keys: &[K], values: &[V]) -> Result<()>
where
    K: IntoBytes + Immutable,
    V: IntoBytes + Immutable,
{
    debug_assert_eq!(keys.len(), values.len());
    let mut attr = attr::MapBatch {
        keys: address(keys.as_bytes()),
        values: address(values.as_bytes()),
        count: u32::try_from(keys.len()).unwrap_or(u32::MAX),
        map_fd: fd(&map),
        ..Default::default()
    };
    // SAFETY: keys and values live through the call, and there are as many of both.
    unsafe { bpf(26, "bpf(MAP_UPDATE_BATCH)", &mut attr) }.map(drop)
}

/// Lets nobody change a map any more from user space (Linux 5.2).
pub(crate) fn map_freeze(map: impl AsFd) -> Result<()> {
    let mut attr = attr::MapElement {
        map_fd: fd(&map),
        ..Default::default()
    };
    // SAFETY: the argument has no pointers.
    unsafe { bpf(22, "bpf(MAP_FREEZE)", &mut attr) }.map(drop)
}

/// Loads a program. What the verifier says about it goes to `log`, if that is not empty.
pub(crate) fn program_load(
    kind: ProgramKind,
    program: &str,
    instructions: &[u8],
    license: &CStr,
    log: &mut [u8],
) -> Result<OwnedFd> {
    const BYTES_OF_INSTRUCTION: usize = 8;
    const BPF_PROG_TYPE_SOCK_OPS: u32 = 13;
    const BPF_PROG_TYPE_CGROUP_SOCKOPT: u32 = 25;
    const BPF_PROG_TYPE_TRACING: u32 = 26;
    let (prog_type, expected_attach_type, attach_btf_id) = match kind {
        ProgramKind::Iterator(function) => (BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, function),
        ProgramKind::Tracepoint(type_id) => (BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, type_id),
        ProgramKind::SocketOperations => (BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 0),
        ProgramKind::SetSocketOption => (BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, 0),
    };
    let mut attr = attr::ProgLoad {
        prog_type,
        insn_cnt: (instructions.len() / BYTES_OF_INSTRUCTION) as u32,
        insns: address(instructions),
        license: license.as_ptr() as u64,
        prog_name: name(program),
        expected_attach_type,
        attach_btf_id,
        ..Default::default()
    };
    if !log.is_empty() {
        attr.log_level = 1;
        attr.log_size = log.len() as u32;
        attr.log_buf = log.as_mut_ptr() as u64;
    }
    // SAFETY: instructions, license and log live through the call, and their lengths are theirs.
    unsafe { bpf_fd(5, "bpf(PROG_LOAD)", &mut attr) }
}

/// Gives an object a name in a BPF file system.
pub(crate) fn object_pin(object: impl AsFd, path: &CStr) -> Result<()> {
    let mut attr = attr::Object {
        pathname: path.as_ptr() as u64,
        bpf_fd: fd(&object),
        ..Default::default()
    };
    // SAFETY: the path lives through the call.
    unsafe { bpf(6, "bpf(OBJ_PIN)", &mut attr) }.map(drop)
}

/// Opens an object that has a name in a BPF file system.
pub(crate) fn object_open(path: &CStr) -> Result<OwnedFd> {
    let mut attr = attr::Object {
        pathname: path.as_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: the path lives through the call.
    unsafe { bpf_fd(7, "bpf(OBJ_GET)", &mut attr) }
}

/// What a link attaches to what.
pub(crate) fn link_info(link: impl AsFd) -> Result<LinkInfo> {
    const BPF_LINK_TYPE_CGROUP: u32 = 3;
    // type, id, prog_id, padding, cgroup_id, attach_type, padding
    let mut info = [0_u32; 8];
    object_info(link, &mut info)?;
    let [kind, _, _, _, low, high, _, _] = info;
    Ok(match kind {
        BPF_LINK_TYPE_CGROUP => LinkInfo::Cgroup(u64::from(high) << 32 | u64::from(low)),
        _ => LinkInfo::Other,
    })
}

/// How large a map's values are, bytes.
pub(crate) fn map_value_size(map: impl AsFd) -> Result<usize> {
    // type, id, key_size, value_size
    let mut info = [0_u32; 4];
    object_info(map, &mut info)?;
    Ok(info[3] as usize)
}

/// How often the kernel left a program out because it was running on that processor already: an
/// interrupt came in between (kernel/trace/bpf_trace.c, `__bpf_trace_run`). 0 before Linux 5.12,
/// which does not count.
pub(crate) fn program_misses(program: impl AsFd) -> Result<u64> {
    // struct bpf_prog_info as far as recursion_misses; all its pointers are NULL, so that nothing
    // else is asked for.
    const RECURSION_MISSES: usize = 26;
    let mut info = [0_u64; RECURSION_MISSES + 1];
    object_info(program, &mut info)?;
    Ok(info[RECURSION_MISSES])
}

/// What the kernel tells of an object, as far as there is room for it.
fn object_info(object: impl AsFd, info: &mut (impl FromBytes + IntoBytes)) -> Result<()> {
    let info = info.as_mut_bytes();
    let mut attr = attr::Info {
        bpf_fd: fd(&object),
        info_len: info.len() as u32,
        info: info.as_mut_ptr() as u64,
    };
    // SAFETY: the buffer lives through the call and is as long as it says.
    unsafe { bpf(15, "bpf(OBJ_GET_INFO_BY_FD)", &mut attr) }.map(drop)
}

/// Attaches a program to the tracepoint that it was loaded for, as long as the descriptor is open.
pub(crate) fn tracepoint_attach(program: impl AsFd) -> Result<OwnedFd> {
    let mut attr = attr::RawTracepoint {
        prog_fd: fd(&program),
        ..Default::default()
    };
    // SAFETY: the argument has no pointers: the program knows its tracepoint.
    unsafe { bpf_fd(17, "bpf(RAW_TRACEPOINT_OPEN)", &mut attr) }
}

/// Attaches a program, as long as the descriptor is open.
pub(crate) fn link_attach(program: impl AsFd, place: Place<'_>) -> Result<OwnedFd> {
    let process = match place {
        Place::Process(pid) => Some(attr::TaskIterator {
            pid,
            ..Default::default()
        }),
        Place::Own | Place::SocketOperations(_) | Place::SetSocketOption(_) => None,
    };
    let process = process.as_ref().map(IntoBytes::as_bytes);
    let (target_fd, attach_type) = match place {
        Place::Own | Place::Process(_) => (0, BPF_TRACE_ITER),
        Place::SocketOperations(cgroup) => (fd(&cgroup), BPF_CGROUP_SOCK_OPS),
        Place::SetSocketOption(cgroup) => (fd(&cgroup), BPF_CGROUP_SETSOCKOPT),
    };
    let mut attr = attr::LinkCreate {
        prog_fd: fd(&program),
        target_fd,
        attach_type,
        iter_info: process.map_or(0, address),
        iter_info_len: process.map_or(0, <[u8]>::len) as u32,
        ..Default::default()
    };
    // SAFETY: `process` lives through the call, and its length is its own.
    unsafe { bpf_fd(28, "bpf(LINK_CREATE)", &mut attr) }
}

/// Ends what a link attaches, whoever has it open (Linux 5.9).
pub(crate) fn link_detach(link: impl AsFd) -> Result<()> {
    let mut attr = attr::LinkDetach { link_fd: fd(&link) };
    // SAFETY: the argument has no pointers.
    unsafe { bpf(34, "bpf(LINK_DETACH)", &mut attr) }.map(drop)
}

/// A run of an iterator: what it says can be read from the descriptor.
pub(crate) fn iterator(link: impl AsFd) -> Result<OwnedFd> {
    let mut attr = attr::IterCreate {
        link_fd: fd(&link),
        flags: 0,
    };
    // SAFETY: the argument has no pointers.
    unsafe { bpf_fd(33, "bpf(ITER_CREATE)", &mut attr) }
}

/// The same, with a descriptor as the answer.
///
/// # Safety
/// As for [`bpf`], and the command must be one that answers with a new descriptor.
unsafe fn bpf_fd<A: FromBytes + IntoBytes>(
    command: u32,
    call: &'static str,
    attr: &mut A,
) -> Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let raw = unsafe { bpf(command, call, attr) }?;
    // SAFETY: the kernel has just made it for us, by the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Calls the kernel.
///
/// # Safety
/// Every pointer in the argument must point to as much as the command takes, for as long as the
/// call lasts.
unsafe fn bpf<A: FromBytes + IntoBytes>(
    command: u32,
    call: &'static str,
    attr: &mut A,
) -> Result<i32> {
    let size = size_of::<A>();
    let attr = attr.as_mut_bytes().as_mut_ptr();
    // SAFETY: the argument is as long as we say; what it points to is the caller's promise.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) };
    match i32::try_from(answer) {
        Ok(answer) if answer >= 0 => Ok(answer),
        Ok(_) | Err(_) => {
            let errno = io::Error::last_os_error().raw_os_error();
            let errno = Errno::from_raw_os_error(errno.unwrap_or(libc::EIO));
            Err(CallError { call, errno })
        }
    }
}

fn fd(of: &impl AsFd) -> u32 {
    of.as_fd().as_raw_fd() as u32
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr() as u64
}

/// A name as the kernel wants it: at most 15 letters, digits or underscores.
fn name(of: &str) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().take(15).zip(of.bytes()) {
        *to = from;
    }
    name
}
