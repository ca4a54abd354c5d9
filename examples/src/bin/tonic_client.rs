//! A gRPC channel whose calls fail within the deadline when the server vanishes, instead of waiting
//! for an answer for ever.
//!
//! tonic connects by a function of ours, which sets the options of the plan. After a failure the
//! channel connects anew for the next call.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use deadpeer::{Apply, Plan};
use deadpeer_examples::Arguments;
use deadpeer_examples::grpc::{MAKE, Order, Report};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let plan = arguments.plan()?;
    let address = arguments.address;
    let to = address.clone();
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let channel = endpoint
        .connect_with_connector(service_fn(move |_| connect(address.clone(), plan)))
        .await?;
    println!("connected to {to}");
    // Each line is a number of seconds that a report is to take.
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match report(&channel, line.trim().parse()?).await {
            Ok(report) => println!("got {}", report.text),
            Err(status) => println!("the server is gone: {}", why(&status)),
        }
    }
    Ok(())
}

async fn connect(address: String, plan: Plan) -> io::Result<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    plan.apply(&stream).map_err(io::Error::other)?;
    Ok(TokioIo::new(stream))
}

async fn report(channel: &Channel, seconds: u64) -> Result<Report, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let codec = ProstCodec::<Order, Report>::default();
    let order = Request::new(Order { seconds });
    let answer = grpc.unary(order, PathAndQuery::from_static(MAKE), codec);
    Ok(answer.await?.into_inner())
}

/// The connection's own error, if it is among those that led to this one. HTTP/2's layer hands on
/// its kind without the errno: "timed out" is all there is to say.
fn why(status: &Status) -> String {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.to_string();
        }
        source = error.source();
    }
    status.to_string()
}
