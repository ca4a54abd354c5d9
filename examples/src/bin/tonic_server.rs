//! A long gRPC call stops working when its client vanishes.
//!
//! tonic drops the future of a call when its HTTP/2 connection ends. A client that closes or
//! cancels is noticed by what it sends; one that loses its power or its network by the options of
//! the plan, which every connection inherits from the listener. HTTP/2's own PING
//! (`http2_keepalive_interval`) would do it, too, and costs packets above TCP's.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use deadpeer::Apply;
use deadpeer_examples::grpc::{Order, Report, Reports};
use deadpeer_examples::{Arguments, Work};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    arguments.plan()?.apply(&listener)?;
    println!("listening at {}", listener.local_addr()?);
    Server::builder()
        .add_service(Reports(make))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

/// Something that takes as long as was ordered.
async fn make(order: Order) -> Result<Report, Status> {
    let _work = Work::begin();
    tokio::time::sleep(Duration::from_secs(order.seconds)).await;
    Ok(Report {
        text: format!("a report of {} s", order.seconds),
    })
}
