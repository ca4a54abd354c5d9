//! What the examples share: what they take from their command line, work that shows when it stops,
//! and what their protocols need beside the connection.
//!
//! Each program in `src/bin` stands for itself; read the one that is nearest to yours. `tests/`
//! runs every one of them against peers that vanish and peers that live.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

pub mod grpc;
pub mod http;
pub mod websocket;

use std::error::Error;
use std::time::{Duration, Instant};

use deadpeer::{Plan, Policy, SlowReaders};

/// `PROGRAM [ADDRESS [SECONDS]]`: the address to listen at or to connect to, and the deadline in
/// which a vanished peer is to be noticed. By default `127.0.0.1:8888` and 60 s.
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

    /// The socket options that keep the deadline. Slow readers may go with the dead, so that every
    /// kernel can keep it.
    ///
    /// # Errors
    /// The deadline cannot be kept; the error says which one could.
    pub fn plan(&self) -> Result<Plan, Box<dyn Error>> {
        let policy = Policy::detect_within(self.deadline).slow_readers(SlowReaders::Drop);
        Ok(policy.plan(&deadpeer::running_kernel()?)?)
    }
}

/// An error and its reasons, the deepest last: hyper and tonic hide what the socket said behind
/// their own words.
#[must_use]
pub fn reasons(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(reason) = next {
        words = format!("{words}: {reason}");
        next = reason.source();
    }
    words
}

/// Long work for somebody. Says when it stops, however it stops: hyper and tonic drop the future of
/// a request whose connection has ended, and everything in it.
pub struct Work(Instant);

impl Work {
    /// Begins.
    #[must_use]
    pub fn begin() -> Self {
        println!("the report is begun");
        Self(Instant::now())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let seconds = self.0.elapsed().as_secs_f32();
        println!("the report stopped after {seconds:.1} s");
    }
}
