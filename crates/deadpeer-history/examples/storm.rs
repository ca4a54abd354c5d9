//! `storm [DEATHS]`: so many deaths, 100,000 unless told otherwise, within one second: how many
//! are stored, how many lost, what a death takes on disk, and how long it is until the last can be
//! read.
#![allow(clippy::print_stdout, reason = "an example's output is what it is for")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use deadpeer_core::close_reason::LastState;
use deadpeer_core::{CloseReason, SocketOptions, Sysctls, TcpState};
use deadpeer_history::{Bounds, Damaged, Recorder};
use deadpeer_host::deaths::{Age, Death, KnownBy, LastOwner};
use deadpeer_host::{Process, Role};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deaths: u32 = match std::env::args().nth(1) {
        Some(deaths) => deaths.parse()?,
        None => 100_000,
    };
    let file = std::env::temp_dir().join(format!("deadpeer-storm-{}.db", std::process::id()));
    let recorder = Recorder::start(&file, Damaged::Refuse, Bounds::default())?;
    let owners: Vec<LastOwner> = (0..200)
        .map(|number| {
            let process = Process::named(1000 + number, b"postgres");
            LastOwner {
                process: Arc::new(process),
                known_by: KnownBy::Holding,
            }
        })
        .collect();
    let begun = Instant::now();
    let apart = Duration::from_secs(1) / deaths.max(1);
    for number in 0..deaths {
        recorder.record(&death(number, &owners));
        if number % 100 == 0 {
            let due = apart * number;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    let seen = begun.elapsed();
    let (status, _) = recorder.finish();
    let bytes = std::fs::metadata(&file)?.len();
    println!("{deaths} deaths within {seen:.2?}");
    println!("{} stored, {} lost", status.records, status.lost);
    println!("all stored after {:.2?}", begun.elapsed());
    println!("{:.1} bytes each", bytes as f64 / f64::from(deaths));
    std::fs::remove_file(file)?;
    Ok(())
}

fn death(number: u32, owners: &[LastOwner]) -> Death {
    let options = SocketOptions::new().keepalive(true).keepidle_s(20);
    let mut last_state = LastState::default();
    last_state.state = Some(TcpState::Established);
    last_state.errno = Some(110);
    last_state.settings = Some(options.resolve(&Sysctls::default()));
    let peer = std::net::Ipv4Addr::from(0xc633_0000 + number % 65_536);
    let mut death = Death::new(
        SystemTime::now(),
        7_000_000 + u64::from(number),
        (
            ([192, 0, 2, 1], 5432).into(),
            (peer, 32_768 + (number % 28_000) as u16).into(),
        ),
        CloseReason::of(&last_state),
    );
    death.role = Role::Accepted(5432);
    death.last.state = last_state.state;
    death.owner = owners.get(number as usize % owners.len().max(1)).cloned();
    death.age = Some(Age::Exactly(Duration::from_millis(
        90_000 + u64::from(number),
    )));
    death.last.silence = Some(Duration::from_millis(30_000 + u64::from(number % 977)));
    death.bytes_received = Some(10_000 + u64::from(number));
    death.payload_received = death.bytes_received;
    death.bytes_acked = Some(1_000_000 + u64::from(number));
    death.payload_acked = death.bytes_acked;
    death.last.unread = Some(0);
    death.unacked = Some(0);
    death.last.probes = Some(9);
    death.last.retransmits = Some(0);
    death.last.settings = last_state.settings;
    death.uid = Some(999);
    death.cgroup = Some(1);
    death
}
