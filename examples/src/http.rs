//! What the HTTP examples have beside their connections: something to ask for, and somebody who
//! asks.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

use crate::{Work, reasons};

/// Keeps a connection of hyper's going until it ends, and says how.
pub async fn tell_end(peer: impl Display, connection: impl Future<Output = hyper::Result<()>>) {
    match connection.await {
        Ok(()) => println!("{peer} finished"),
        Err(error) => println!("{peer} is gone: {}", reasons(&error)),
    }
}

/// Takes ten minutes for who asks for `/report`, and no time for anybody else.
pub async fn report(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/report" {
        let _work = Work::begin();
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    Ok(Response::new(Full::from("the report")))
}

/// Asks for what the standard input says, a path on each line, and prints what comes back.
///
/// # Errors
/// The standard input cannot be read.
pub async fn ask_each_line(
    mut ask: impl AsyncFnMut(&str) -> Result<Response<Incoming>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(path) = lines.next_line().await? {
        let text = async { Ok(text(ask(&path).await?).await?) };
        match text.await {
            Ok(report) => println!("got {report}"),
            Err::<_, Box<dyn Error>>(error) => println!("no answer: {}", reasons(&*error)),
        }
    }
    Ok(())
}

async fn text(response: Response<Incoming>) -> hyper::Result<String> {
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
