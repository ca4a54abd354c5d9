//! An HTTP/2 server that asks its clients by HTTP/2's own PING (RFC 9113, section 6.7), which hyper sends and judges.
//!
//! The client's program answers, or the library within it. A ping goes out after a fifth of the deadline in which nothing came; four fifths
//! are left for the answer, so that a lost packet costs nothing. hyper's own default for the answer is 20 s, whatever the interval.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use deadpeer_examples::{Arguments, Work, reasons};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .keep_alive_interval(arguments.deadline / 5)
        .keep_alive_timeout(arguments.deadline * 4 / 5);
    loop {
        let (socket, peer) = listener.accept().await?;
        let connection = http.serve_connection(TokioIo::new(socket), service_fn(report));
        tokio::spawn(async move {
            match connection.await {
                Ok(()) => println!("{peer} finished"),
                Err(error) => println!("{peer} is gone: {}", reasons(&error)),
            }
        });
    }
}

/// Something that takes ten minutes, for who asks for it.
async fn report(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/report" {
        let _work = Work::begin();
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    Ok(Response::new(Full::from("the report")))
}
