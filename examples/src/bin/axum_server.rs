//! A long HTTP request stops working when its browser vanishes.
//!
//! hyper drops the future of a handler when its connection ends. A browser that closes is noticed by its FIN; one that
//! loses its power or its network is noticed by the options of the plan, which every connection inherits from the listener.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use deadpeer::Apply;
use deadpeer_examples::{Arguments, Work};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    arguments.plan()?.apply(&listener)?;
    println!("listening at {}", listener.local_addr()?);
    let router = Router::new()
        .route("/", get(|| async { "ready\n" }))
        .route("/report", get(report));
    axum::serve(listener, router).await?;
    Ok(())
}

/// Something that takes ten minutes.
async fn report() -> &'static str {
    let _work = Work::begin();
    tokio::time::sleep(Duration::from_secs(600)).await;
    "the report\n"
}
