//! The other ends, in a process that can be killed.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Connects, and speaks if it is told to.
#[derive(clap::Args)]
pub(crate) struct Peers {
    address: SocketAddr,
    count: usize,
    /// Send a byte on each connection so often, seconds; 0: never.
    #[arg(long, default_value_t = 0)]
    beat: u64,
}

impl Peers {
    /// Starts them as a process of their own.
    pub(super) fn start(to: SocketAddr, count: usize, beat: Duration) -> Result<Child> {
        Command::new(std::env::current_exe()?)
            .args(["watch-peers", &to.to_string(), &count.to_string()])
            .args(["--beat", &beat.as_secs().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting the peers")
    }

    /// Is them, until killed.
    pub(crate) fn run(&self) -> Result<bool> {
        let ends: std::io::Result<Vec<TcpStream>> = (0..self.count)
            .map(|_| TcpStream::connect(self.address))
            .collect();
        let mut ends = ends.context("connecting")?;
        if self.beat == 0 {
            loop {
                std::thread::park();
            }
        }
        let spacing = Duration::from_secs(self.beat).div_f64(self.count as f64);
        let start = Instant::now();
        let mut beats = 0_u32;
        loop {
            for end in &mut ends {
                beats += 1;
                let due = start + spacing * beats;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                end.write_all(b".").context("a heartbeat")?;
            }
        }
    }
}
