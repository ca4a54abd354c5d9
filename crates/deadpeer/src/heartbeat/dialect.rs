//! Which messages of a protocol are pings.

use deadpeer_core::heartbeat::{Received, Transmit};

use super::HeartbeatError;

/// How a protocol says what a heartbeat has to say.
///
/// A WebSocket as tokio-tungstenite has it, which answers pings by itself and has no place for the
/// rest:
///
/// ```
/// # enum Message { Text(String), Ping(Vec<u8>), Pong(Vec<u8>) }
/// use deadpeer::heartbeat::{Dialect, Meaning, Received, Transmit};
///
/// struct WebSocket;
///
/// impl Dialect<Message> for WebSocket {
///     fn meaning(&mut self, message: Message) -> Meaning<Message> {
///         match message {
///             Message::Ping(_) => Meaning::Heartbeat(Received::Data),
///             Message::Pong(payload) => Meaning::Heartbeat(match payload.try_into() {
///                 Ok(number) => Received::Pong { sequence: u64::from_be_bytes(number), echo: None },
///                 // Nobody asked for it, which RFC 6455 (5.5.3) allows.
///                 Err(_) => Received::Data,
///             }),
///             other => Meaning::Application(other),
///         }
///     }
///
///     fn message(&mut self, transmit: Transmit) -> Option<Message> {
///         match transmit {
///             Transmit::Ping { sequence, .. } => Some(Message::Ping(sequence.to_be_bytes().into())),
///             _ => None,
///         }
///     }
/// }
/// ```
pub trait Dialect<M> {
    /// What a message that came means. All of them prove life.
    fn meaning(&mut self, message: M) -> Meaning<M>;

    /// The message that says it; `None` if the protocol has none. One without a hello needs
    /// [`Settings::without_hello`](super::Settings::without_hello), and at least pings need a
    /// message.
    fn message(&mut self, transmit: Transmit) -> Option<M>;

    /// What to say before the connection is given up; nothing unless the protocol has a word for
    /// it.
    fn farewell(&mut self, error: &HeartbeatError) -> Option<M> {
        let _ = error;
        None
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning<M> {
    /// The application: it reads it.
    Application(M),
    /// The heartbeat: nobody else sees it.
    Heartbeat(Received),
}
