//! TCP_INFO: recorded kernels, properties of the decoding, and the fuzzer's corpus.

mod corpus;
mod properties;
mod raw;
#[cfg(target_endian = "little")]
mod recording;
#[cfg(target_endian = "little")]
mod recordings;
