//! A WebSocket server that knows whether the page at the other end still runs.
//!
//! Every browser answers a ping by itself, so this works with any client. `HeartbeatMessages` sends
//! the pings and judges what comes; the server sees its messages alone.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer::heartbeat::{HeartbeatMessages, Settings};
use deadpeer_examples::websocket::WebSocket;
use deadpeer_examples::{Arguments, reasons};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let settings = Settings::within(arguments.deadline).without_hello();
    let listener = TcpListener::bind(&arguments.address).await?;
    println!("listening at {}", listener.local_addr()?);
    loop {
        let (socket, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match echo(socket, settings).await {
                Ok(()) => println!("{peer} finished"),
                Err(error) => println!("{peer} is gone: {}", reasons(&*error)),
            }
        });
    }
}

async fn echo(socket: TcpStream, settings: Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut messages = HeartbeatMessages::new(accept_async(socket).await?, WebSocket, settings);
    while let Some(message) = messages.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            messages.send(message).await?;
        }
    }
    Ok(())
}
