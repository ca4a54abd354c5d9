//! What a heartbeat has to say, in the words of WebSocket (RFC 6455, section 5.5).

use deadpeer::heartbeat::{Dialect, Meaning, Received, Transmit};
use tokio_tungstenite::tungstenite::Message;

/// Pings carry their number, and any other end answers them: browsers do by themselves.
pub struct WebSocket;

impl Dialect<Message> for WebSocket {
    fn meaning(&mut self, message: Message) -> Meaning<Message> {
        match message {
            // tungstenite answers it.
            Message::Ping(_) => Meaning::Heartbeat(Received::Data),
            Message::Pong(payload) => Meaning::Heartbeat(pong(&payload)),
            Message::Text(_) | Message::Binary(_) | Message::Close(_) | Message::Frame(_) => {
                Meaning::Application(message)
            }
        }
    }

    fn message(&mut self, transmit: Transmit) -> Option<Message> {
        let Transmit::Ping { sequence, .. } = transmit else {
            return None;
        };
        Some(Message::Ping(sequence.to_be_bytes().to_vec().into()))
    }
}

/// One without a number was never asked for, and allowed.
fn pong(payload: &[u8]) -> Received {
    let Ok(number) = payload.try_into() else {
        return Received::Data;
    };
    Received::Pong {
        sequence: u64::from_be_bytes(number),
        echo: None,
    }
}
