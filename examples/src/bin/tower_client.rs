//! An HTTP client whose connections, made by a tower connector, have a heartbeat. The other end is
//! `tower_server`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use deadpeer::heartbeat::{HeartbeatStream, Settings};
use deadpeer_examples::{Arguments, http};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
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
    tokio::spawn(http::tell_end("the server", connection));
    println!("connected to {}", arguments.address);
    http::ask_each_line(async |path| {
        let request = Request::get(path).header("host", &arguments.address);
        let request = request.body(Empty::<Bytes>::new())?;
        requests.ready().await?;
        Ok(requests.send_request(request).await?)
    })
    .await
}
