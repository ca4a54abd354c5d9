//! An HTTP/2 server that asks its clients by HTTP/2's own PING (RFC 9113, section 6.7), which hyper
//! sends and judges.
//!
//! The client's program answers, or the library within it. A ping goes out after a fifth of the
//! deadline in which nothing came; four fifths are left for the answer, so that a lost packet costs
//! nothing. hyper's own default for the answer is 20 s, whatever the interval.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer_examples::{Arguments, http};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(arguments.deadline / 5)
        .keep_alive_timeout(arguments.deadline * 4 / 5);
    loop {
        let (socket, peer) = listener.accept().await?;
        let connection = builder.serve_connection(TokioIo::new(socket), service_fn(http::report));
        tokio::spawn(http::tell_end(peer, connection));
    }
}
