//! What a heartbeat costs: messages over loopback with and without it, by turns.
//!
//! ```sh
//! cargo run --release -p deadpeer --features heartbeat --example heartbeat_cost
//! ```
//!
//! Both ends run in one thread, so a message's time is the work of both: two writes, two reads and
//! their frames.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::io;
use std::time::{Duration, Instant};

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TURNS: usize = 9;
const ROUND_TRIPS: usize = 20_000;
const BULK: usize = 128 << 20;
const PIECE: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    println!(
        "{:<34} {:>12} {:>12} {:>7}",
        "", "bare", "heartbeat", "ratio"
    );
    for length in [64, 1_024, 16_384] {
        let (mut bare, mut beating) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let (client, server) = connection().await?;
            bare.push(round_trips(client, server, length).await?);
            let (client, server) = with_heartbeat().await?;
            beating.push(round_trips(client, server, length).await?);
        }
        let (bare, beating) = (best(bare), best(beating));
        let what = format!("round trip of {length} bytes, us");
        row(&what, bare * 1e6, beating * 1e6, beating / bare);
    }
    let (mut bare, mut beating) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (client, server) = connection().await?;
        bare.push(bulk(client, server).await?);
        let (client, server) = with_heartbeat().await?;
        beating.push(bulk(client, server).await?);
    }
    let (bare, beating) = (best(bare), best(beating));
    let gigabytes = BULK as f64 / 1e9;
    row(
        "one way in pieces of 64 KiB, GB/s",
        gigabytes / bare,
        gigabytes / beating,
        beating / bare,
    );
    println!("The best of {TURNS} turns. The ratio is of times: 1 is free.");
    Ok(())
}

fn row(what: &str, bare: f64, beating: f64, ratio: f64) {
    println!("{what:<34} {bare:>12.2} {beating:>12.2} {ratio:>7.3}");
}

async fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?);
    let (client, accepted) = tokio::join!(client, listener.accept());
    let (client, (server, _)) = (client?, accepted?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

async fn with_heartbeat() -> io::Result<(HeartbeatStream<TcpStream>, HeartbeatStream<TcpStream>)> {
    let (client, server) = connection().await?;
    let settings = Settings::within(Duration::from_secs(30));
    Ok((
        HeartbeatStream::over_socket(client, settings),
        HeartbeatStream::over_socket(server, settings),
    ))
}

/// Seconds for one message there and back.
async fn round_trips<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: S,
    mut server: S,
    length: usize,
) -> io::Result<f64> {
    let message = vec![7; length];
    let mut buffer = vec![0; PIECE];
    let begun = Instant::now();
    for _ in 0..ROUND_TRIPS {
        client.write_all(&message).await?;
        receive(&mut server, &mut buffer, length).await?;
        server.write_all(&message).await?;
        receive(&mut client, &mut buffer, length).await?;
    }
    Ok(begun.elapsed().as_secs_f64() / ROUND_TRIPS as f64)
}

/// Reads as programs do, into a buffer that is larger than the message.
async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut [u8],
    mut missing: usize,
) -> io::Result<()> {
    while missing > 0 {
        missing -= stream.read(buffer).await?;
    }
    Ok(())
}

/// Seconds for many bytes one way.
async fn bulk<S: AsyncRead + AsyncWrite + Unpin>(mut client: S, mut server: S) -> io::Result<f64> {
    let piece = vec![7; PIECE];
    let mut heard = vec![0; PIECE];
    let begun = Instant::now();
    let sending = async {
        for _ in 0..BULK / PIECE {
            client.write_all(&piece).await?;
        }
        client.flush().await
    };
    let receiving = receive(&mut server, &mut heard, BULK);
    tokio::try_join!(sending, receiving)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Of a busy machine, the turn that was disturbed least.
fn best(seconds: Vec<f64>) -> f64 {
    seconds.into_iter().fold(f64::INFINITY, f64::min)
}
