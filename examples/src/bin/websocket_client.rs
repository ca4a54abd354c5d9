//! A WebSocket client that tells as soon as the server's program is not there any more.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use deadpeer::heartbeat::{HeartbeatMessages, Settings};
use deadpeer_examples::websocket::WebSocket;
use deadpeer_examples::{Arguments, reasons};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let settings = Settings::within(arguments.deadline).without_hello();
    let socket = TcpStream::connect(&arguments.address).await?;
    let url = format!("ws://{}/", arguments.address);
    let (socket, _) = client_async(url, socket).await?;
    println!("connected to {}", arguments.address);
    let mut messages = HeartbeatMessages::new(socket, WebSocket, settings);
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => messages.send(Message::text(line)).await?,
                None => return Ok(messages.close().await?),
            },
            message = messages.next() => match message {
                Some(Ok(message)) => println!("heard {}", message.to_text()?),
                Some(Err(error)) => {
                    println!("the server is gone: {}", reasons(&error));
                    return Ok(());
                }
                None => return Ok(()),
            },
        }
    }
}
