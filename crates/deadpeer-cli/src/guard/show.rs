//! Where the guard shows its metrics.

use std::net::{SocketAddr, TcpListener};

use deadpeer_guard::metrics::{Board, Server};
use deadpeer_sys::inherited;
use tracing::info;

use crate::exit::Stop;

/// The first descriptor that systemd passes (sd_listen_fds(3)).
const FIRST: i32 = 3;

/// Takes the address that is asked for, and the socket that whoever has started us listens at
/// already. To be called first of all.
pub(super) fn bind(address: Option<SocketAddr>) -> Result<Vec<Server>, Stop> {
    let bind = |address| {
        Server::bind(address).map_err(|error| Stop::because(format!("--listen {address}: {error}")))
    };
    let passed = passed()?;
    let asked = address.map(bind).transpose()?;
    Ok(passed.into_iter().chain(asked).collect())
}

/// What `LISTEN_PID` and `LISTEN_FDS` say.
fn passed() -> Result<Option<Server>, Stop> {
    let number = |name| -> Option<u32> { std::env::var(name).ok()?.parse().ok() };
    let is_ours = number("LISTEN_PID") == Some(std::process::id());
    if !is_ours || number("LISTEN_FDS").is_none_or(|count| count == 0) {
        return Ok(None);
    }
    let unusable = |error| Stop::because(format!("the socket that was passed: {error}"));
    let passed = inherited::take().map_err(unusable)?;
    let first = passed.into_iter().find(|it| it.number == FIRST);
    let listener = first.map(|it| TcpListener::from(it.descriptor));
    listener.map(Server::at).transpose().map_err(unusable)
}

/// Begins to serve a board that has nothing on it yet; `None`: nobody is served or `sent` what is
/// on it.
pub(super) fn begin(servers: Vec<Server>, sent: bool) -> Result<Option<Board>, Stop> {
    let board = (sent || !servers.is_empty()).then(Board::default);
    for (server, board) in servers.into_iter().zip(board.iter().cycle()) {
        let address = server.address();
        server.start(board.clone()).map_err(Stop::because)?;
        info!("metrics are at http://{address}/metrics");
    }
    Ok(board)
}
