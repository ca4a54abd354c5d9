//! A connection pool that never hands out a dead connection.
//!
//! A pool that only checks for errors hands out connections whose server vanished hours ago:
//! nothing has shown it. This one asks the server's kernel, which takes a round trip and no byte of
//! the protocol. A connection that was used within the last second is handed out unasked: the
//! server was heard then.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;
use std::time::Duration;

use bb8::{ManageConnection, Pool};
use deadpeer_examples::Arguments;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, stdin};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let server = Server(arguments.address);
    let pool = Pool::builder().max_size(4).build(server).await?;
    // Each line is sent through a connection of the pool, and the echo comes back.
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut stream = pool.get().await?;
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

impl ManageConnection for Server {
    type Connection = TcpStream;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(&self.0).await
    }

    /// Before a connection is handed out. One lost packet may cost a healthy one, which a pool can
    /// afford.
    async fn is_valid(&self, stream: &mut TcpStream) -> io::Result<()> {
        let reuse = deadpeer::tokio::reusable(stream, Duration::from_secs(1)).await?;
        Ok(reuse.check()?)
    }

    /// A FIN or a RST has come. The pool asks when a connection is given back.
    fn has_broken(&self, stream: &mut TcpStream) -> bool {
        deadpeer::died(&*stream, Some(Duration::ZERO)).map_or(true, |death| death.is_some())
    }
}
