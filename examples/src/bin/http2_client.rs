//! An HTTP/2 client that asks the server by HTTP/2's own PING, also while it waits for nothing.
//!
//! `keep_alive_while_idle` is off by default: a connection in a pool would not be asked, and be
//! handed out dead.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer_examples::{Arguments, http};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let socket = TcpStream::connect(&arguments.address).await?;
    let (mut requests, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(arguments.deadline / 5)
        .keep_alive_timeout(arguments.deadline * 4 / 5)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(socket))
        .await?;
    tokio::spawn(http::tell_end("the server", connection));
    println!("connected to {}", arguments.address);
    http::ask_each_line(async |path| {
        let url = format!("http://{}{path}", arguments.address);
        let request = Request::get(url).body(Empty::<Bytes>::new())?;
        requests.ready().await?;
        Ok(requests.send_request(request).await?)
    })
    .await
}
