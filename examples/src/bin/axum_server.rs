//! A long HTTP request stops working when its browser vanishes.
//!
//! hyper drops the future of a handler when its connection ends. A browser that closes is noticed by its FIN; one that
//! loses its power or its network is noticed by the options of the plan, which every connection inherits from the listener.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use deadpeer::Apply;
use deadpeer_examples::Arguments;
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
    let _work = Work(Instant::now());
    tokio::time::sleep(Duration::from_secs(600)).await;
    "the report\n"
}

/// Tells when the work ends, however it ends.
struct Work(Instant);

impl Drop for Work {
    fn drop(&mut self) {
        println!(
            "the report stopped after {:.1} s",
            self.0.elapsed().as_secs_f32()
        );
    }
}
