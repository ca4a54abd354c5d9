//! Long work for each request, given up as soon as nobody waits for it any more.
//!
//! A task that computes an answer doesn't read, so it would never learn that its peer is gone.
//! `died` runs beside it: it wakes for no data and takes no error.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::time::Duration;

use deadpeer::Apply;
use deadpeer_examples::Arguments;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    arguments.plan()?.apply(&listener)?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match serve(stream).await {
                Ok(()) => println!("{peer} finished"),
                Err(error) => println!("{peer} is gone: {error}"),
            }
        });
    }
}

/// Each line is a number of seconds to work.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let seconds = line.trim().parse().map_err(io::Error::other)?;
        tokio::select! {
            answer = work(Duration::from_secs(seconds)) => stream.write_all(&answer).await?,
            death = deadpeer::tokio::died(stream.get_ref()) => {
                return Err(io::Error::other(death?.to_string()));
            }
        }
    }
}

async fn work(time: Duration) -> Vec<u8> {
    tokio::time::sleep(time).await;
    b"done\n".to_vec()
}
