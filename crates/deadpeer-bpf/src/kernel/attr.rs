//! The arguments of bpf(2), one struct per command (include/uapi/linux/bpf.h, `union bpf_attr`).
//!
//! The kernel takes an argument that is shorter than its own and reads the rest as 0.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }
    )*};
}

attributes! {
    /// BPF_MAP_CREATE.
    MapCreate {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        map_flags: u32,
        inner_map_fd: u32,
        numa_node: u32,
        map_name: [u8; 16],
        map_ifindex: u32,
        btf_fd: u32,
        btf_key_type_id: u32,
        btf_value_type_id: u32,
        unused: u32,
    }
    /// BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_FREEZE.
    MapElement {
        map_fd: u32,
        unused: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    /// BPF_MAP_UPDATE_BATCH.
    MapBatch {
        in_batch: u64,
        out_batch: u64,
        keys: u64,
        values: u64,
        count: u32,
        map_fd: u32,
        elem_flags: u64,
        flags: u64,
    }
    /// BPF_PROG_LOAD.
    ProgLoad {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
        prog_ifindex: u32,
        expected_attach_type: u32,
        prog_btf_fd: u32,
        func_info_rec_size: u32,
        func_info: u64,
        func_info_cnt: u32,
        line_info_rec_size: u32,
        line_info: u64,
        line_info_cnt: u32,
        attach_btf_id: u32,
    }
    /// BPF_BTF_LOAD.
    TypesLoad {
        btf: u64,
        btf_log_buf: u64,
        btf_size: u32,
        btf_log_size: u32,
        btf_log_level: u32,
        unused: u32,
    }
    /// BPF_OBJ_PIN, BPF_OBJ_GET.
    Object {
        pathname: u64,
        bpf_fd: u32,
        file_flags: u32,
    }
    /// BPF_OBJ_GET_INFO_BY_FD.
    Info {
        bpf_fd: u32,
        info_len: u32,
        info: u64,
    }
    /// BPF_RAW_TRACEPOINT_OPEN.
    RawTracepoint {
        name: u64,
        prog_fd: u32,
        unused: u32,
    }
    /// BPF_LINK_CREATE.
    LinkCreate {
        prog_fd: u32,
        target_fd: u32,
        attach_type: u32,
        flags: u32,
        iter_info: u64,
        iter_info_len: u32,
        unused: u32,
    }
    /// What an iterator over tasks is to walk (`union bpf_iter_link_info`).
    TaskIterator {
        tid: u32,
        pid: u32,
        pid_fd: u32,
    }
    /// BPF_LINK_DETACH.
    LinkDetach {
        link_fd: u32,
    }
    /// BPF_ITER_CREATE.
    IterCreate {
        link_fd: u32,
        flags: u32,
    }
}
