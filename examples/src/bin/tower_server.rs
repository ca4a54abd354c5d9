//! Any tower service over connections with a heartbeat: its work stops when the program that waits
//! for it hangs.
//!
//! HTTP/1 has no ping. Where both ends are yours, a `HeartbeatStream` between the socket and hyper
//! gives it one.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use deadpeer_examples::{Arguments, http};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::service_fn;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let settings = Settings::within(arguments.deadline);
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let (socket, peer) = listener.accept().await?;
        let stream = HeartbeatStream::over_socket(socket, settings);
        let service = TowerToHyperService::new(service_fn(http::report));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(http::tell_end(peer, connection));
    }
}
