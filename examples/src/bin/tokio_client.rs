//! A client that asks before it relies on a connection that has been idle.
//!
//! A write to a server that is gone succeeds, and its failure shows late, if ever. `ping` asks the
//! server's kernel first.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use deadpeer_examples::Arguments;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let mut stream = TcpStream::connect(&arguments.address).await?;
    println!("connected to {}", stream.peer_addr()?);
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(mut line) = lines.next_line().await? {
        let answer = deadpeer::tokio::ping(&stream, Duration::from_secs(2)).await?;
        if !answer.is_alive() {
            println!("not sent, the server is not there: {answer:?}");
            return Ok(());
        }
        line.push('\n');
        stream.write_all(line.as_bytes()).await?;
        println!("sent");
    }
    Ok(())
}
