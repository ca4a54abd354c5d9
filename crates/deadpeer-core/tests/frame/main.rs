//! Heartbeat frames: the vectors of the specification, properties, and what the fuzzer found.

mod corpus;
mod properties;
mod vectors;
