//! An HTTP client whose connections, made by a tower connector, have a heartbeat. The other end is `tower_server`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use deadpeer_examples::{Arguments, reasons};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::net::TcpStream;
use tower::{ServiceExt as _, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let settings = Settings::within(arguments.deadline);
    let connector = service_fn(move |address: String| async move {
        let socket = TcpStream::connect(address).await?;
        Ok::<_, io::Error>(HeartbeatStream::over_socket(socket, settings))
    });
    let stream = connector.oneshot(arguments.address.clone()).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
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
    let request = Request::get(path).header("host", host).body(Empty::new())?;
    requests.ready().await?;
    let response = requests.send_request(request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
