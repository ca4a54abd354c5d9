//! Sends lines and prints what comes back, and tells as soon as the server's program is not there
//! any more.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use deadpeer_examples::Arguments;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, stdin};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let socket = TcpStream::connect(&arguments.address).await?;
    println!("connected to {}", socket.peer_addr()?);
    let settings = Settings::within(arguments.deadline);
    match talk(HeartbeatStream::over_socket(socket, settings)).await {
        Ok(()) => println!("finished"),
        Err(error) => println!("the server is gone: {error}"),
    }
    Ok(())
}

async fn talk(mut stream: HeartbeatStream<TcpStream>) -> io::Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let mut buffer = [0; 4_096];
    let mut open = true;
    loop {
        tokio::select! {
            line = lines.next_line(), if open => match line? {
                Some(line) => stream.write_all(line.as_bytes()).await?,
                None => {
                    open = false;
                    stream.shutdown().await?;
                }
            },
            count = stream.read(&mut buffer) => match count? {
                0 => return stream.shutdown().await,
                count => println!("heard {}", String::from_utf8_lossy(&buffer[..count])),
            },
        }
    }
}
