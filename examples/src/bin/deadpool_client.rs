//! `pool_client` with deadpool: a connection is asked for its server when it is handed out again.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::time::Duration;

use deadpeer_examples::Arguments;
use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, stdin};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let server = Server(arguments.address);
    let pool: Pool<Server> = Pool::builder(server).max_size(4).build()?;
    // Each line is sent through a connection of the pool, and the echo comes back.
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut stream = pool.get().await.map_err(|error| error.to_string())?;
        stream.write_all(line.as_bytes()).await?;
        let mut echo = vec![0; line.len()];
        stream.read_exact(&mut echo).await?;
        let from = stream.local_addr()?;
        println!("{} through {from}", String::from_utf8_lossy(&echo));
    }
    Ok(())
}

/// How the pool makes and checks connections.
struct Server(String);

impl Manager for Server {
    type Type = TcpStream;
    type Error = io::Error;

    async fn create(&self) -> io::Result<TcpStream> {
        TcpStream::connect(&self.0).await
    }

    async fn recycle(&self, stream: &mut TcpStream, _: &Metrics) -> RecycleResult<io::Error> {
        let timeout = Duration::from_secs(1);
        let reuse = deadpeer::tokio::reusable(stream, timeout).await;
        let reuse = reuse.map_err(io::Error::from)?;
        Ok(reuse.check().map_err(io::Error::from)?)
    }
}
