//! What all examples take from their command line: where, and how soon.
//!
//! Each program in `src/bin` stands for itself; read the one that is nearest to yours. `tests/` runs every one of them against
//! peers that vanish and peers that live.

use std::error::Error;
use std::time::Duration;

use deadpeer::{Plan, Policy, SlowReaders};

/// `PROGRAM [ADDRESS [SECONDS]]`: the address to listen at or to connect to, and the deadline in which a vanished peer is to be
/// noticed. By default `127.0.0.1:8888` and 60 s.
pub struct Arguments {
    /// Where.
    pub address: String,
    /// How soon.
    pub deadline: Duration,
}

impl Arguments {
    /// Reads the command line.
    ///
    /// # Errors
    /// The deadline is no number of seconds.
    pub fn parse() -> Result<Self, Box<dyn Error>> {
        let mut words = std::env::args().skip(1);
        let address = words.next().unwrap_or_else(|| "127.0.0.1:8888".to_owned());
        let seconds = words.next().unwrap_or_else(|| "60".to_owned());
        Ok(Self {
            address,
            deadline: Duration::from_secs(seconds.parse()?),
        })
    }

    /// The socket options that keep the deadline. Slow readers may go with the dead, so that every kernel can keep it.
    ///
    /// # Errors
    /// The deadline cannot be kept; the error says which one could.
    pub fn plan(&self) -> Result<Plan, Box<dyn Error>> {
        let policy = Policy::detect_within(self.deadline).slow_readers(SlowReaders::Drop);
        Ok(policy.plan(&deadpeer::running_kernel()?)?)
    }
}
