//! An echo server with heartbeats: it knows whether the *program* at the other end is still there.
//!
//! A kernel answers keepalive probes for a program that is frozen, deadlocked or swapped out, and a
//! proxy answers them for a client that is gone. Pings that the client's program must answer find
//! both out. Its other end in Python is `heartbeat.py`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use deadpeer_examples::Arguments;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let settings = Settings::within(arguments.deadline);
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let (socket, peer) = listener.accept().await?;
        let stream = HeartbeatStream::over_socket(socket, settings);
        tokio::spawn(async move {
            match echo(stream).await {
                Ok(()) => println!("{peer} finished"),
                Err(error) => println!("{peer} is gone: {error}"),
            }
        });
    }
}

/// Whoever reads keeps the heartbeat going.
async fn echo(mut stream: HeartbeatStream<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..count]).await?;
    }
}
