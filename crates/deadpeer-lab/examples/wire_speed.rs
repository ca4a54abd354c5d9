//! How fast the wire is, and how exact its delays are: `cargo run --release --example wire_speed`.
//!
//! Prints, for several MTUs, the throughput of one TCP connection and of small datagrams through
//! the wire, and how late packets arrive that a rule delays.

#![allow(
    clippy::print_stdout,
    reason = "an example that measures says what it measured"
)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::{Lab, enclosure};

const SPAN: Duration = Duration::from_secs(2);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if enclosure::current().is_none() {
        let status = enclosure::run(std::env::args_os().skip(1))?;
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(2))?));
    }
    for mtu in [1500, 9000, 65_535] {
        bulk(mtu)?;
    }
    datagrams()?;
    for ms in [0, 1, 10, 100] {
        lateness(Duration::from_millis(ms))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn bulk(mtu: u32) -> Result<(), Box<dyn Error>> {
    let lab = Lab::with_hosts(["sender", "receiver"]).mtu(mtu).start()?;
    let [sender, receiver] = lab.hosts() else {
        return Err("two hosts were planned".into());
    };
    let listener = receiver.enter(|| TcpListener::bind((receiver.v4(), 0)))??;
    let mut from = sender.enter(|| TcpStream::connect(listener.local_addr()?))??;
    let (mut to, _) = listener.accept()?;
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let bytes = std::thread::scope(|scope| {
        scope.spawn(|| {
            let chunk = vec![0; 1 << 18];
            while !stop.load(Ordering::Relaxed) {
                from.write_all(&chunk)?;
            }
            from.shutdown(std::net::Shutdown::Both)
        });
        let mut chunk = vec![0; 1 << 18];
        let mut bytes = 0;
        while start.elapsed() < SPAN {
            bytes += to.read(&mut chunk)?;
        }
        stop.store(true, Ordering::Relaxed);
        while to.read(&mut chunk).is_ok_and(|read| read > 0) {}
        std::io::Result::Ok(bytes)
    })?;
    let seconds = SPAN.as_secs_f64();
    println!(
        "TCP, MTU {mtu}: {:.2} Gbit/s, {:.0} packets/s; {:?}",
        bytes as f64 * 8e-9 / seconds,
        lab.wire().traffic()?.routed as f64 / start.elapsed().as_secs_f64(),
        lab.wire().mishaps()?
    );
    Ok(())
}

fn datagrams() -> Result<(), Box<dyn Error>> {
    let lab = Lab::with_hosts(["sender", "receiver"]).start()?;
    let [sender, receiver] = lab.hosts() else {
        return Err("two hosts were planned".into());
    };
    let to = receiver.enter(|| UdpSocket::bind((receiver.v4(), 0)))??;
    to.set_read_timeout(Some(Duration::from_millis(100)))?;
    let from = sender.enter(|| UdpSocket::bind((sender.v4(), 0)))??;
    from.connect(to.local_addr()?)?;
    let (sent, start) = (AtomicU64::new(0), Instant::now());
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            while start.elapsed() < SPAN {
                for _ in 0..16 {
                    sent.fetch_add(u64::from(from.send(&[0; 64]).is_ok()), Ordering::Relaxed);
                }
            }
        });
        let mut received = 0;
        while start.elapsed() < SPAN {
            received += u64::from(to.recv(&mut [0; 64]).is_ok());
        }
        received
    });
    println!(
        "datagrams of 64 bytes: {:.0}/s sent, {:.0}/s received; {:?}",
        sent.into_inner() as f64 / SPAN.as_secs_f64(),
        received as f64 / SPAN.as_secs_f64(),
        lab.wire().mishaps()?
    );
    Ok(())
}

fn lateness(delay: Duration) -> Result<(), Box<dyn Error>> {
    let lab = Lab::with_hosts(["sender", "receiver"]).start()?;
    let [sender, receiver] = lab.hosts() else {
        return Err("two hosts were planned".into());
    };
    let from = sender.enter(|| UdpSocket::bind((sender.v4(), 0)))??;
    let to = receiver.enter(|| UdpSocket::bind((receiver.v4(), 0)))??;
    from.connect(to.local_addr()?)?;
    // The first packet has to find its router.
    from.send(b"hello")?;
    to.recv(&mut [0; 8])?;
    let jitter = Duration::ZERO;
    lab.wire().add(Rule::new(
        "delay",
        Condition::any(),
        Action::Delay { by: delay, jitter },
    ))?;
    let mut late: Vec<_> = (0..100)
        .map(|_| {
            let start = Instant::now();
            from.send(b"hello")?;
            to.recv(&mut [0; 8])?;
            let late = start.elapsed().saturating_sub(delay);
            std::thread::sleep(Duration::from_millis(3));
            std::io::Result::Ok(late)
        })
        .collect::<Result<_, _>>()?;
    late.sort();
    println!(
        "delay {delay:?}: late by {:?} (median), {:?} (90 %), {:?} (most) for the receiver; {:?}",
        late[50],
        late[90],
        late[99],
        lab.wire().punctuality()?
    );
    Ok(())
}
