//! A long HTTP request stops working when its browser vanishes.
//!
//! A browser that closes is noticed by its FIN; one that loses its power or its network by the
//! guard of its connection, whose verdict waits until chance is ruled out and spares who is slow to
//! read.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use deadpeer::axum::{Client, GuardedListener};
use deadpeer::tokio::Guard;
use deadpeer::tower::CancelWhenGone;
use deadpeer_examples::{Arguments, Work};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    let router = Router::new()
        .route("/", get(|| async { "ready\n" }))
        .route("/report", get(report))
        .layer(CancelWhenGone::new());
    let listener = GuardedListener::new(listener, Guard::within(arguments.deadline)?);
    let service = router.into_make_service_with_connect_info::<Client>();
    axum::serve(listener, service).await?;
    Ok(())
}

/// Something that takes ten minutes.
async fn report() -> &'static str {
    let _work = Work::begin();
    tokio::time::sleep(Duration::from_secs(600)).await;
    "the report\n"
}
