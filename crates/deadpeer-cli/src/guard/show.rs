//! Where the guard shows its metrics.

use std::net::SocketAddr;

use deadpeer_guard::metrics::{Board, Server};
use tracing::info;

use crate::exit::Stop;

/// Takes the address.
pub(super) fn bind(address: SocketAddr) -> Result<Server, Stop> {
    Server::bind(address).map_err(|error| Stop::because(format!("--listen {address}: {error}")))
}

/// Begins to serve a board that has nothing on it yet.
pub(super) fn begin(server: Server) -> Result<Board, Stop> {
    let board = Board::default();
    let address = server.address();
    server.start(board.clone()).map_err(Stop::because)?;
    info!("metrics are at http://{address}/metrics");
    Ok(board)
}
