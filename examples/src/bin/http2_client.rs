//! An HTTP/2 client that asks the server by HTTP/2's own PING, also while it waits for nothing.
//!
//! `keep_alive_while_idle` is off by default: a connection in a pool would not be asked, and be handed out dead.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer_examples::{Arguments, reasons};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
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
    tokio::spawn(async move {
        match connection.await {
            Ok(()) => println!("finished"),
            Err(error) => println!("the server is gone: {}", reasons(&error)),
        }
    });
    println!("connected to {}", arguments.address);
    // Each line is a path.
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(path) = lines.next_line().await? {
        match ask(&mut requests, &arguments.address, &path).await {
            Ok(report) => println!("got {report}"),
            Err(error) => println!("no answer: {}", reasons(&*error)),
        }
    }
    Ok(())
}

async fn ask(
    requests: &mut SendRequest<Empty<Bytes>>,
    host: &str,
    path: &str,
) -> Result<String, Box<dyn Error>> {
    let request = Request::get(format!("http://{host}{path}")).body(Empty::new())?;
    requests.ready().await?;
    let response = requests.send_request(request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
