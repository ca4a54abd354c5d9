//! The little that the kernel is told about our own types (Documentation/bpf/btf.rst).

/// A number of 32 bits, and many of them.
pub(super) const NUMBER: u32 = 1;
pub(super) const NUMBERS: u32 = 2;

/// The two, the many being so many bytes.
pub(super) fn numbers(bytes: u32) -> Vec<u8> {
    const KIND_INT: u32 = 1 << 24;
    const KIND_ARRAY: u32 = 3 << 24;
    const NAMES: &[u8; 8] = b"\0number\0";
    #[rustfmt::skip]
    let types: [u32; 10] = [
        // Name, kind, bytes, bits.
        1, KIND_INT, 4, 32,
        // No name, kind, no size; of what, counted in what, how many.
        0, KIND_ARRAY, 0, NUMBER, NUMBER, bytes / 4,
    ];
    let length = size_of_val(&types) as u32;
    // Magic number and version, length of this header; where types and names are, and how long.
    let header = [0x0001_eb9f, 24, 0, length, length, NAMES.len() as u32];
    let words = header.into_iter().chain(types).flat_map(u32::to_ne_bytes);
    words.chain(*NAMES).collect()
}
