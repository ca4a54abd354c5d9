//! A history in a file: what is written is read back, and nothing that happens to the file, the
//! disk or the process is worse than what is promised.

mod bounds;
mod clock;
mod damage;
mod killed;
mod roundtrip;
mod sample;
mod storm;
